// Changes of a specification. Each function returns a new specification and does not change its argument.

/** @typedef {import("../types.js").Spec} Spec */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("../types.js").Dropout} Dropout */
/** @typedef {import("../types.js").Field} Field */

/**
 * Put a value at a JSON pointer.
 * @template T
 * @param {T} whole
 * @param {string} pointer
 * @param {unknown} value
 * @returns {T}
 */
export function put(whole, pointer, value) {
  if (pointer === "") return /** @type {T} */ (value);
  const [, head, rest] = /** @type {RegExpExecArray} */ (/^\/([^/]*)(.*)$/s.exec(pointer));
  const key = head.replaceAll("~1", "/").replaceAll("~0", "~");
  const copy = /** @type {any} */ (Array.isArray(whole) ? [...whole] : { ...whole });
  const changed = put(copy[key], rest, value);
  if (changed === undefined && !Array.isArray(copy)) delete copy[key];
  else copy[key] = changed;
  return copy;
}

/**
 * The value at a JSON pointer; undefined if there is none.
 * @param {any} whole
 * @param {string} pointer
 */
export function at(whole, pointer) {
  let value = whole;
  for (const part of pointer.split("/").slice(1)) {
    value = value?.[part.replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return value;
}

/**
 * The JSON pointer of a column in the specification: "/input", "/layers/0", "/output".
 * @param {Spec} spec
 * @param {string} name
 * @returns {string | null}
 */
export function pointerOf(spec, name) {
  if (name === "input" || name === "output") return `/${name}`;
  const place = spec.layers.findIndex((layer) => layer.name === name);
  return place < 0 ? null : `/layers/${place}`;
}

/**
 * A name that no layer has: hidden3.
 * @param {Spec} spec
 * @param {string} stem
 */
function freeName(spec, stem) {
  const taken = new Set(spec.layers.map((layer) => layer.name));
  let number = spec.layers.length + 1;
  while (taken.has(`${stem}${number}`)) number += 1;
  return `${stem}${number}`;
}

/**
 * Add a layer at a place among the hidden layers.
 * @param {Spec} spec
 * @param {number} place
 * @param {"dense" | "conv"} type
 * @returns {{spec: Spec, name: string}}
 */
export function addLayer(spec, place, type = "dense") {
  const name = freeName(spec, type === "conv" ? "conv" : "hidden");
  const near = spec.layers[place - 1] ?? spec.layers[place];
  const size =
    type === "conv"
      ? { channels: 8, kernel: 3, stride: 1, padding: 1 }
      : { units: near?.type === "dense" ? near.units : 8 };
  const layer = /** @type {Layer} */ ({
    name,
    type,
    ...size,
    norm: false,
    activation: near?.activation ?? "relu",
    dropout: null,
  });
  return { spec: { ...spec, layers: spec.layers.toSpliced(place, 0, layer) }, name };
}

/**
 * Remove a layer, and the runs' own dropouts of this layer.
 * @param {Spec} spec
 * @param {string} name
 * @returns {Spec}
 */
export function removeLayer(spec, name) {
  return {
    ...spec,
    layers: spec.layers.filter((layer) => layer.name !== name),
    runs: spec.runs.map((run) => ({ ...run, dropout: without(run.dropout, name) })),
  };
}

/**
 * Rename a layer, also in the runs that have their own dropout for this layer.
 * @param {Spec} spec
 * @param {number} place
 * @param {string} name
 * @returns {Spec}
 */
export function renameLayer(spec, place, name) {
  const old = spec.layers[place].name;
  const runs = spec.runs.map((run) => ({
    ...run,
    dropout: Object.fromEntries(
      Object.entries(run.dropout).map(([key, dropout]) => [key === old ? name : key, dropout]),
    ),
  }));
  return put({ ...spec, runs }, `/layers/${place}/name`, name);
}

/**
 * Set or remove a column's dropout. If it is removed, the runs' own dropouts of the column are removed too.
 * @param {Spec} spec
 * @param {string} name
 * @param {Dropout | null} dropout
 * @returns {Spec}
 */
export function setDropout(spec, name, dropout) {
  const pointer = pointerOf(spec, name);
  if (pointer === null) return spec;
  const changed = put(spec, `${pointer}/dropout`, dropout);
  if (dropout) return changed;
  return { ...changed, runs: spec.runs.map((run) => ({ ...run, dropout: without(run.dropout, name) })) };
}

/**
 * Set or remove the dropout that one run uses instead of a column's dropout.
 * @param {Spec} spec
 * @param {number} run
 * @param {string} name
 * @param {Dropout | null} dropout
 * @returns {Spec}
 */
export function setRunDropout(spec, run, name, dropout) {
  const own = without(spec.runs[run].dropout, name);
  return put(spec, `/runs/${run}/dropout`, dropout ? { ...own, [name]: dropout } : own);
}

/**
 * The dropout of a run at a column: the run's own, or the layer's with the p of the run.
 * @param {Spec} spec
 * @param {number} run
 * @param {string} name
 * @returns {Dropout | null}
 */
export function dropoutOf(spec, run, name) {
  const pointer = pointerOf(spec, name);
  const own = pointer === null ? null : at(spec, `${pointer}/dropout`);
  if (!own) return null;
  const { p, dropout } = spec.runs[run] ?? { p: null, dropout: {} };
  return dropout[name] ?? (p === null ? own : { ...own, p });
}

/**
 * Add a run, named by the next free letter.
 * @param {Spec} spec
 * @returns {Spec}
 */
export function addRun(spec) {
  const taken = new Set(spec.runs.map((run) => run.name));
  const name = [..."ABCDEFGH"].find((letter) => !taken.has(letter)) ?? `run ${spec.runs.length + 1}`;
  return { ...spec, runs: [...spec.runs, { name, p: 0.2, dropout: {} }] };
}

/**
 * @param {Spec} spec
 * @param {number} run
 * @returns {Spec}
 */
export const removeRun = (spec, run) => ({ ...spec, runs: spec.runs.toSpliced(run, 1) });

/**
 * Take another data set, with its default values.
 * @param {Spec} spec
 * @param {{name: string, fields: Record<string, Field>}} dataset
 * @returns {Spec}
 */
export function setData(spec, dataset) {
  const kept = Object.entries(dataset.fields).map(([name, field]) => [name, structuredClone(field.default)]);
  return { ...spec, data: { name: dataset.name, ...Object.fromEntries(kept) } };
}

/**
 * @template V
 * @param {Record<string, V>} values
 * @param {string} name
 */
function without(values, name) {
  const { [name]: _, ...rest } = values;
  return rest;
}
