// The drawings that replace single circles: the maps of channels, and strips of many units.

import { bit, rowShape } from "../base/bits.js";
import { css } from "../base/colours.js";

/** @typedef {import("./layout.js").Block} Block */
/** @typedef {import("../types.js").ColumnState} ColumnState */
/** @typedef {import("../types.js").Mask} Mask */

/**
 * @param {CanvasRenderingContext2D} context in the network's own units
 * @param {Block} block
 * @param {ColumnState} column
 * @param {[number, number, number][]} ramp
 * @param {{mask: Mask | null, row: number, hollow: string}} shown
 */
export function drawMaps(context, block, column, ramp, shown) {
  const { values, shape } = /** @type {import("../types.js").Matrix} */ (column.activation);
  const most = Math.max(...values.map(Math.abs), 1e-12);
  const [, height, width] = shape;
  const side = (2 * block.radius) / Math.max(height, width);
  block.units.forEach((unit, channel) => {
    for (let i = 0; i < height * width; i += 1) {
      const value = values[channel * height * width + i];
      context.fillStyle = css(ramp[Math.round(127.5 + (127.5 * value) / most)]);
      if (isDropped(shown.mask, shown.row, channel, i)) context.fillStyle = shown.hollow;
      const x = unit.x - block.radius + (i % width) * side;
      const y = unit.y - block.radius + Math.floor(i / width) * side;
      context.fillRect(x, y, side * 1.02, side * 1.02);
    }
  });
}

/**
 * @param {Mask | null} mask
 * @param {number} row
 * @param {number} channel
 * @param {number} place
 */
function isDropped(mask, row, channel, place) {
  if (!mask?.packed) return false;
  const { rows, units, each } = rowShape(mask.shape);
  const index = ((rows === 1 ? 0 : row) * units + (units === 1 ? 0 : channel)) * each + (each === 1 ? 0 : place);
  return !bit(mask.packed.values, index);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Block} block
 * @param {ColumnState} column
 * @param {[number, number, number][]} ramp
 * @param {{kept: ArrayLike<number> | null, hollow: string}} shown
 */
export function drawStrip(context, block, column, ramp, shown) {
  const { values } = /** @type {import("../types.js").Matrix} */ (column.activation);
  let most = 1e-12;
  for (const value of values) most = Math.max(most, Math.abs(value));
  const pitch = (block.bottom - block.top) / block.count;
  for (let unit = 0; unit < block.count; unit += 1) {
    context.fillStyle = css(ramp[Math.round(127.5 + (127.5 * values[unit]) / most)]);
    if (shown.kept && shown.kept[unit] === 0) context.fillStyle = shown.hollow;
    context.fillRect(block.left, block.top + unit * pitch, block.right - block.left, pitch * 1.02);
  }
}
