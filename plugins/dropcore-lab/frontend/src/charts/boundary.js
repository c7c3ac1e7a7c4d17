// Two inputs, two classes: the probability of class 1 over the plane, and the training rows.

import { css, diverging, ramp, channels } from "../base/colours.js";
import { drawGrid } from "./grid.js";
import { drawPoints } from "./points.js";

/** @typedef {import("../types.js").Matrix} Matrix */
/** @typedef {import("../base/canvas.js").Painter} Painter */

const PALE = 52; // steps at both ends of the ramp are used only for the points

/**
 * @param {Matrix} values [grid, grid], row 0 is the least y
 * @param {any} data as the result tells it
 * @param {number | null} row of the training rows, to ring
 * @returns {Painter}
 */
export function boundary(values, data, row) {
  return (context, size, colours) => {
    const colour = diverging(colours);
    const pale = colour.slice(PALE, 256 - PALE);
    const [rows, columns] = values.shape;
    drawGrid(context, size, { columns, rows, smooth: true }, (column, at) => {
      const value = values.values[(rows - 1 - at) * columns + column];
      return pale[Math.round((pale.length - 1) * Math.min(1, Math.max(0, value)))] ?? colour[127];
    });
    drawRows(context, size, data, row, colours, (one) => css(colour[one ? 255 : 0]));
  };
}

/**
 * The spread over passes with dropout left on: paper for none, ink for the most.
 * @param {Matrix} values
 * @param {any} data
 * @param {number} most
 * @returns {Painter}
 */
export function spreadMap(values, data, most) {
  return (context, size, colours) => {
    const colour = ramp([channels(colours.paper), channels(colours["run-3"])]);
    const [rows, columns] = values.shape;
    drawGrid(context, size, { columns, rows, smooth: true }, (column, at) => {
      const value = values.values[(rows - 1 - at) * columns + column];
      return colour[Math.round(255 * Math.min(1, value / most))] ?? colour[0];
    });
    const ends = diverging(colours);
    drawRows(context, size, data, null, colours, (one) => css(ends[one ? 255 : 0]));
  };
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{width: number, height: number}} size
 * @param {any} data
 * @param {number | null} ringed
 * @param {import("../base/colours.js").Palette} colours
 * @param {(one: boolean) => string} fill
 */
function drawRows(context, size, data, ringed, colours, fill) {
  const { x, y } = data.train;
  if (!x || !data.range) return;
  const [[xmin, xmax], [ymin, ymax]] = data.range;
  const place = (/** @type {number} */ i) => ({
    x: ((x.values[2 * i] - xmin) / (xmax - xmin)) * size.width,
    y: size.height - ((x.values[2 * i + 1] - ymin) / (ymax - ymin)) * size.height,
    one: y.values[i] === 1,
  });
  const radius = Math.max(1.8, Math.min(3.4, size.width / 60));
  const points = Array.from({ length: Math.min(data.train.rows, 1000) }, (_, i) => place(i));
  drawPoints(context, points, { fill, line: colours.paper, radius });
  if (ringed === null || ringed >= data.train.rows) return;
  const ring = place(ringed);
  context.beginPath();
  context.arc(ring.x, ring.y, radius + 4, 0, 2 * Math.PI);
  context.strokeStyle = colours.ink;
  context.lineWidth = 2;
  context.stroke();
}
