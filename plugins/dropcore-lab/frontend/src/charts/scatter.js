// A number from several inputs: prediction against target, on the validation rows.

import { runColour } from "./fit.js";
import { drawPoints } from "./points.js";

/**
 * @param {import("../types.js").Matrix} pairs [rows, 2]: target, prediction
 * @param {number} run
 * @returns {import("../base/canvas.js").Painter}
 */
export function scatter(pairs, run) {
  return (context, { width, height }, colours) => {
    const all = Array.from(pairs.values).filter(Number.isFinite);
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const at = (/** @type {number} */ value, /** @type {number} */ size) => 6 + ((value - low) / (high - low || 1)) * (size - 12);
    context.strokeStyle = colours.line;
    context.beginPath();
    context.moveTo(6, height - 6);
    context.lineTo(width - 6, 6);
    context.stroke();
    const points = Array.from({ length: pairs.shape[0] }, (_, i) => ({
      x: at(pairs.values[2 * i], width),
      y: height - at(pairs.values[2 * i + 1], height),
      one: false,
    }));
    drawPoints(context, points, { fill: () => runColour(colours, run), line: colours.paper, radius: 2.6 });
  };
}

/**
 * Rows with a band: the mean of passes with dropout left on, and two standard deviations.
 * @param {ArrayLike<number>} mean
 * @param {ArrayLike<number>} std
 * @param {number} run
 * @returns {import("../base/canvas.js").Painter}
 */
export function intervals(mean, std, run) {
  return (context, { width, height }, colours) => {
    const order = Array.from(mean, (_, i) => i).sort((a, b) => mean[a] - mean[b]);
    const low = Math.min(...order.map((i) => mean[i] - 2 * std[i]));
    const high = Math.max(...order.map((i) => mean[i] + 2 * std[i]));
    const y = (/** @type {number} */ value) => height - 6 - ((value - low) / (high - low || 1)) * (height - 12);
    const pitch = (width - 12) / Math.max(order.length, 1);
    context.strokeStyle = runColour(colours, run);
    context.lineWidth = Math.max(1, Math.min(3, pitch * 0.5));
    order.forEach((i, place) => {
      const x = 6 + (place + 0.5) * pitch;
      context.beginPath();
      context.moveTo(x, y(mean[i] - 2 * std[i]));
      context.lineTo(x, y(mean[i] + 2 * std[i]));
      context.stroke();
      context.fillStyle = colours.ink;
      context.fillRect(x - 1, y(mean[i]) - 1, 2, 2);
    });
  };
}
