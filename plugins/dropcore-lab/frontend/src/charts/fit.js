// One input, one number: the network's prediction over x, and the training rows.

import { drawPoints } from "./points.js";

/** @typedef {import("../types.js").Matrix} Matrix */
/** @typedef {import("../base/canvas.js").Painter} Painter */
/** @typedef {{values: ArrayLike<number>, run: number, dashed?: boolean}} Line */
/** @typedef {{mean: ArrayLike<number>, std: ArrayLike<number>, run: number}} Band */

/**
 * @param {Line[]} lines over the picture's points
 * @param {any} data
 * @param {{band?: Band | null, row?: number | null}} [more]
 * @returns {Painter}
 */
export function fit(lines, data, { band = null, row = null } = {}) {
  return (context, size, colours) => {
    const [[xmin, xmax]] = data.range;
    const { x, y, rows } = data.train;
    const [low, high] = limits([...y.values, ...lines.flatMap(({ values }) => Array.from(values))]);
    const px = (/** @type {number} */ value) => ((value - xmin) / (xmax - xmin)) * size.width;
    const py = (/** @type {number} */ value) => size.height - ((value - low) / (high - low)) * size.height;
    const along = (/** @type {ArrayLike<number>} */ values, /** @type {number} */ i) => [
      (i / (values.length - 1)) * size.width,
      py(values[i]),
    ];
    if (band) {
      const { mean, std } = band;
      context.beginPath();
      for (let i = 0; i < mean.length; i += 1) context.lineTo(along(mean, i)[0], py(mean[i] + 2 * std[i]));
      for (let i = mean.length - 1; i >= 0; i -= 1) context.lineTo(along(mean, i)[0], py(mean[i] - 2 * std[i]));
      context.fillStyle = runColour(colours, band.run);
      context.globalAlpha = 0.25;
      context.fill();
      context.globalAlpha = 1;
    }
    const points = Array.from({ length: rows }, (_, i) => ({ x: px(x.values[i]), y: py(y.values[i]), one: false }));
    drawPoints(context, points, { fill: () => colours["ink-2"], line: colours.paper, radius: 2.4 });
    for (const { values, run, dashed } of lines) {
      context.beginPath();
      for (let i = 0; i < values.length; i += 1) context.lineTo(...point(along(values, i)));
      context.strokeStyle = runColour(colours, run);
      context.lineWidth = 2;
      context.setLineDash(dashed ? [5, 4] : []);
      context.stroke();
    }
    context.setLineDash([]);
    if (row === null || row >= rows) return;
    context.beginPath();
    context.arc(points[row].x, points[row].y, 6.5, 0, 2 * Math.PI);
    context.strokeStyle = colours.ink;
    context.stroke();
  };
}

/** @param {number[]} pair @returns {[number, number]} */
const point = (pair) => [pair[0], pair[1]];

/**
 * @param {import("../base/colours.js").Palette} colours
 * @param {number} run
 */
export const runColour = (colours, run) => colours[/** @type {"run-0"} */ (`run-${run}`)];

/** @param {number[]} values */
function limits(values) {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const room = (high - low || 1) * 0.06;
  return [low - room, high + room];
}
