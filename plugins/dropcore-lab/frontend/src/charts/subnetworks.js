// The predictions of all sub-networks as a grid: blue for the least, vermilion for the largest.

import { diverging } from "../base/colours.js";
import { drawGrid } from "./grid.js";

/**
 * @param {ArrayLike<number>} values
 * @param {number} columns
 * @param {number} rows
 * @param {number} at which is marked
 * @returns {import("../base/canvas.js").Painter}
 */
export function subnetworkGrid(values, columns, rows, at) {
  return (context, { width, height }, colours) => {
    const colour = diverging(colours);
    let low = Infinity;
    let high = -Infinity;
    for (let i = 0; i < values.length; i += 1) {
      low = Math.min(low, values[i]);
      high = Math.max(high, values[i]);
    }
    const span = high - low || 1;
    drawGrid(context, { width, height }, { columns, rows }, (column, row) => {
      return colour[Math.round((255 * (values[row * columns + column] - low)) / span)] ?? colour[127];
    });
    const [w, h] = [width / columns, height / rows];
    context.strokeStyle = colours.ink;
    context.lineWidth = 2;
    context.strokeRect((at % columns) * w, Math.floor(at / columns) * h, w, h);
  };
}
