// A few values on a line, with marks.

import { runColour } from "./fit.js";

/**
 * @typedef {object} Dots
 * @property {ArrayLike<number>} values
 * @property {number} run
 * @property {{at: number, long?: boolean}[]} marks
 * @property {[number, number]} range
 */

/**
 * @param {Dots} dots
 * @returns {import("../base/canvas.js").Painter}
 */
export function dotLine({ values, run, marks, range: [low, high] }) {
  return (context, { width, height }, colours) => {
    const x = (/** @type {number} */ value) => 5 + ((value - low) / (high - low || 1)) * (width - 10);
    const middle = height / 2;
    context.strokeStyle = colours.line;
    context.beginPath();
    context.moveTo(5, middle);
    context.lineTo(width - 5, middle);
    context.stroke();
    context.fillStyle = runColour(colours, run);
    context.globalAlpha = 0.55;
    for (let i = 0; i < values.length; i += 1) {
      context.beginPath();
      context.arc(x(values[i]), middle, 3.5, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
    context.strokeStyle = colours.ink;
    context.lineWidth = 2;
    for (const { at } of marks) {
      context.beginPath();
      context.moveTo(x(at), 2);
      context.lineTo(x(at), height - 2);
      context.stroke();
    }
  };
}
