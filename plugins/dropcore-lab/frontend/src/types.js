// The shapes of ../../PROTOCOL.md, as the page reads them.

/** @typedef {{p: number, variant: string, options: Record<string, unknown>}} Dropout */
/**
 * @typedef {object} Layer
 * @property {string} name
 * @property {"dense" | "conv"} type
 * @property {number} [units]
 * @property {number} [channels]
 * @property {boolean} norm
 * @property {string} activation
 * @property {Dropout | null} dropout
 */
/** @typedef {{name: string, p: number | null, dropout: Record<string, Dropout>}} Run */
/**
 * @typedef {object} Spec
 * @property {number} lab
 * @property {Record<string, any> & {name: string}} data
 * @property {{dropout: Dropout | null}} input
 * @property {Layer[]} layers
 * @property {{dropout: Dropout | null}} output
 * @property {Record<string, any>} training
 * @property {Run[]} runs
 */
/** @typedef {{path: string, value: unknown, accepted: string, text: string}} Fault */
/**
 * @typedef {object} Field
 * @property {"integer" | "number" | "boolean" | "choice" | "text" | "integers"} kind
 * @property {any} [default]
 * @property {number} [min]
 * @property {number} [max]
 * @property {string[]} [choices]
 * @property {string} [title]
 * @property {string} [help]
 * @property {boolean} [nullable]
 */
/** @typedef {Float32Array | Int32Array | Uint8Array} Values */
/**
 * An array of a message: its values in C order, and its shape.
 * @typedef {{values: Values, shape: number[]}} Matrix
 */
/**
 * @typedef {object} Mask
 * @property {string} module
 * @property {string} address
 * @property {number} p
 * @property {number[]} shape
 * @property {Matrix | null} packed
 * @property {unknown} record
 */
/**
 * @typedef {object} ColumnFacts
 * @property {string} name
 * @property {"input" | "dense" | "conv" | "output"} type
 * @property {number[]} shape
 * @property {number} units
 * @property {number} parameters
 * @property {number} edges
 * @property {boolean} norm
 * @property {string} activation
 * @property {string | null} module
 * @property {(Dropout & {decisions: number})[] | null} dropout
 */
/**
 * @typedef {object} Analysis
 * @property {number} hidden
 * @property {number} units
 * @property {number} parameters
 * @property {string} task
 * @property {number} outputs
 * @property {string} picture
 * @property {{name: string, decisions: number}[]} runs
 * @property {ColumnFacts[]} columns
 */
/**
 * @typedef {object} ColumnState
 * @property {string} name
 * @property {Matrix | null} activation
 * @property {Matrix | null} weights
 * @property {Matrix | null} kept
 * @property {number} passes
 * @property {Mask | null} mask
 */
/** @typedef {{layer: string, unit: number | null}} Focus */
/**
 * @typedef {object} Numbers
 * @property {number} run
 * @property {number | null} step_loss
 * @property {number | null} training_on
 * @property {number | null} training_off
 * @property {number | null} validation_off
 * @property {number | null} gap
 * @property {number | null} accuracy
 */
/**
 * @typedef {object} State
 * @property {boolean} playing
 * @property {string | null} reason
 * @property {string} text
 * @property {number | null} run
 * @property {string | null} layer
 */
/**
 * @typedef {object} Frame
 * @property {number} frame
 * @property {State} state
 * @property {number} step
 * @property {number} shown
 * @property {number} steps
 * @property {number} percent
 * @property {number} epoch
 * @property {number | null} rate
 * @property {{run: number, row: number, mode: Mode, focus: Focus | null}} view
 * @property {Numbers[]} numbers
 * @property {any} curves
 * @property {Matrix} rows
 * @property {ColumnState[]} columns
 * @property {any} prediction
 * @property {{kind: string, runs: Matrix[]} | null} picture
 * @property {any} focus
 * @property {{losses: boolean, masks: boolean} | null} again
 */
/** @typedef {"training" | "inference" | "left_on"} Mode */
/** @typedef {{mistake: string, runs: number[], layers: string[], why: string, remedy: string, source: string}} Finding */

export {};
