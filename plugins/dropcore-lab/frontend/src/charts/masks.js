// Rows × units of one step: filled units are kept; hollow units with a cross are dropped.

import { bit, rowShape } from "../base/bits.js";
import { runColour } from "./fit.js";

/** @typedef {import("../types.js").Mask} Mask */

/**
 * The layout of a mask on the canvas: rows from left to right, decisions from top to bottom.
 * @param {Mask} mask
 */
export function maskGrid(mask) {
  const { rows, units, each } = rowShape(mask.shape);
  return { columns: rows, rows: units * each, each };
}

/**
 * @param {Mask} mask
 * @param {{run: number, row: number | null, unit: number | null}} marked
 * @returns {import("../base/canvas.js").Painter}
 */
export function maskPicture(mask, { run, row, unit }) {
  return (context, { width, height }, colours) => {
    if (!mask.packed) return;
    const grid = maskGrid(mask);
    const [w, h] = [width / grid.columns, height / grid.rows];
    const inset = w > 5 && h > 5 ? 1 : w > 3 && h > 3 ? 0.5 : 0;
    const crosses = new Path2D();
    context.fillStyle = runColour(colours, run);
    context.globalAlpha = 0.72;
    for (let x = 0; x < grid.columns; x += 1) {
      for (let y = 0; y < grid.rows; y += 1) {
        if (bit(mask.packed.values, x * grid.rows + y)) {
          context.fillRect(x * w + inset, y * h + inset, w - 2 * inset, h - 2 * inset);
        } else if (w > 5 && h > 5) cross(crosses, (x + 0.5) * w, (y + 0.5) * h, Math.min(w, h, 12) * 0.22);
      }
    }
    context.globalAlpha = 1;
    context.strokeStyle = colours["ink-2"];
    context.lineWidth = 1;
    context.stroke(crosses);
    context.strokeStyle = colours.ink;
    context.lineWidth = 1.5;
    if (row !== null && grid.columns > 1) context.strokeRect(row * w, 0.75, w, height - 1.5);
    if (unit !== null) context.strokeRect(0.75, unit * grid.each * h, width - 1.5, grid.each * h);
  };
}

/**
 * @param {Path2D} path
 * @param {number} x
 * @param {number} y
 * @param {number} r
 */
function cross(path, x, y, r) {
  path.moveTo(x - r, y - r);
  path.lineTo(x + r, y + r);
  path.moveTo(x + r, y - r);
  path.lineTo(x - r, y + r);
}
