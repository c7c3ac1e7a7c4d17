// Binary frames of the WebSocket: a length, JSON, and arrays (PROTOCOL.md, section 1).

/** @typedef {import("../types.js").Values} Values */
/** @typedef {import("../types.js").Matrix} Matrix */

const KINDS = { u1: Uint8Array, i4: Int32Array, f4: Float32Array };

/** @param {number} place */
const aligned = (place) => (place + 7) & ~7;

/**
 * One array from its bytes. They are copied, so that no array keeps a whole frame alive.
 * @param {{dtype: "u1" | "i4" | "f4", shape: number[]}} facts
 * @param {ArrayBuffer} bytes
 * @param {number} start
 * @returns {Matrix}
 */
function matrix({ dtype, shape }, bytes, start) {
  const kind = KINDS[dtype];
  const length = shape.reduce((a, b) => a * b, 1) * kind.BYTES_PER_ELEMENT;
  return { values: new kind(bytes.slice(start, start + length)), shape };
}

/**
 * @param {ArrayBuffer} bytes
 * @returns {{message: any, buffers: Matrix[]}}
 */
export function decode(bytes) {
  const length = new DataView(bytes).getUint32(0, true);
  const message = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  let place = 4 + length;
  const buffers = (message.buffers ?? []).map((/** @type {any} */ facts) => {
    const array = matrix(facts, bytes, place);
    place = aligned(place + array.values.byteLength);
    return array;
  });
  return { message, buffers };
}

/**
 * The arrays that a notebook hands over, each as a DataView of its own.
 * @param {any} message
 * @param {DataView[]} views
 * @returns {Matrix[]}
 */
export function fromViews(message, views) {
  return (message.buffers ?? []).map((/** @type {any} */ facts, /** @type {number} */ i) => {
    const { buffer, byteOffset, byteLength } = views[i];
    return matrix(facts, /** @type {ArrayBuffer} */ (buffer.slice(byteOffset, byteOffset + byteLength)), 0);
  });
}
