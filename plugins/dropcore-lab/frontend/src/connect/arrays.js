// The fields of a message that are arrays; * stands for each item of a list.

/** @typedef {import("../types.js").Matrix} Matrix */

/** @type {Record<string, string[]>} */
const ARRAYS = {
  frame: [
    "curves.steps", "curves.runs.*.training_on", "curves.runs.*.training_off", "curves.runs.*.validation_off",
    "rows", "columns.*.activation", "columns.*.weights", "columns.*.kept", "columns.*.mask.packed",
    "prediction.left_on", "picture.runs.*", "focus.incoming", "focus.outgoing", "focus.activations",
  ],
  data: ["train.x", "train.y", "validation.x", "validation.y"],
  masks: ["rows", "columns.*.mask.packed"],
  replay: ["packed"],
  mc: ["mean", "std", "one_pass"],
  subnetworks: ["each", "weights"],
  card: ["curves.steps", "curves.arms.*.training_off", "curves.arms.*.validation_off"],
};

/**
 * Put the arrays in the place of their indices.
 * @param {any} message
 * @param {Matrix[]} buffers
 */
export function resolve(message, buffers) {
  const kind = message.type === "result" ? message.kind : message.type;
  for (const path of ARRAYS[kind] ?? []) put(message, path.split("."), buffers);
  return message;
}

/**
 * @param {any} value
 * @param {string[]} path
 * @param {Matrix[]} buffers
 */
function put(value, path, buffers) {
  if (value === null || value === undefined) return;
  const [name, ...rest] = path;
  const keys = name === "*" ? Object.keys(value) : [name];
  for (const key of keys) {
    if (rest.length) put(value[key], rest, buffers);
    else if (typeof value[key] === "number") value[key] = buffers[value[key]];
  }
}
