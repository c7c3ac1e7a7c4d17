// Packed masks: bit i % 8 of byte i >> 3 is element i in C order; 1 is kept.

/** @typedef {import("../types.js").Mask} Mask */

/**
 * @param {ArrayLike<number>} packed
 * @param {number} index
 */
export const bit = (packed, index) => ((packed[index >> 3] >> (index & 7)) & 1) === 1;

/**
 * The number of rows of a mask, of units in a row, and of decisions for each unit.
 * @param {number[]} shape
 */
export function rowShape(shape) {
  const units = shape.length > 1 ? shape[1] : 1;
  const each = shape.slice(2).reduce((a, b) => a * b, 1);
  return { rows: shape[0] ?? 1, units, each };
}

/**
 * The kept share of each unit in one row: 1 is kept, 0 is dropped, a value between them if only
 * some places of the unit's map are kept. Null if the mask has no decisions.
 * @param {Mask | null} mask
 * @param {number} row
 * @param {number} count of units
 * @returns {Float32Array | null}
 */
export function keptUnits(mask, row, count) {
  if (!mask?.packed) return null;
  const { rows, units, each } = rowShape(mask.shape);
  const start = (rows === 1 ? 0 : row) * units * each;
  const kept = new Float32Array(count);
  for (let unit = 0; unit < count; unit += 1) {
    const first = start + (units === 1 ? 0 : unit) * each;
    let ones = 0;
    for (let i = 0; i < each; i += 1) ones += Number(bit(mask.packed.values, first + i));
    kept[unit] = ones / each;
  }
  return kept;
}

/**
 * The number of elements that a mask keeps, and of all its elements.
 * @param {Mask} mask
 */
export function countKept(mask) {
  const all = mask.shape.reduce((a, b) => a * b, 1);
  let ones = 0;
  if (mask.packed) for (let i = 0; i < all; i += 1) ones += Number(bit(mask.packed.values, i));
  return { kept: ones, all };
}
