// The measured points, which arrive in parts.

/** @typedef {{training_on: number[], training_off: number[], validation_off: number[]}} RunCurves */
/** @typedef {{steps: number[], runs: RunCurves[]}} Curves */

/** @type {Curves} */
export const NO_CURVES = { steps: [], runs: [] };

const SERIES = /** @type {const} */ (["training_on", "training_off", "validation_off"]);

/**
 * Add the points of a frame behind the first `from` points; later points are replaced.
 * @param {Curves} curves
 * @param {any} piece
 * @returns {Curves}
 */
export function grown(curves, piece) {
  if (!piece) return curves;
  const { from, steps, runs } = piece;
  return {
    steps: [...curves.steps.slice(0, from), ...steps.values],
    runs: runs.map((/** @type {any} */ run, /** @type {number} */ i) => {
      const old = curves.runs[i];
      return Object.fromEntries(
        SERIES.map((name) => [name, [...(old?.[name] ?? []).slice(0, from), ...run[name].values]]),
      );
    }),
  };
}
