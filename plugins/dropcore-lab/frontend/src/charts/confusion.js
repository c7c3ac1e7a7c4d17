// Classes: how many validation rows of each were taken for which.

import { channels, css, ramp } from "../base/colours.js";
import { runColour } from "./fit.js";

/**
 * @param {import("../types.js").Matrix} counts [classes, classes]: true, predicted
 * @param {string[]} classes
 * @param {number} run
 * @returns {import("../base/canvas.js").Painter}
 */
export function confusion(counts, classes, run) {
  return (context, { width, height }, colours) => {
    const n = classes.length;
    const margin = 14;
    const side = Math.min((width - margin) / n, (height - margin) / n);
    const colour = ramp([channels(colours.paper), channels(runColour(colours, run))]);
    const wrong = ramp([channels(colours.paper), channels(colours.high)]);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.font = "10px system-ui, sans-serif";
    for (let row = 0; row < n; row += 1) {
      const whole = Array.from({ length: n }, (_, column) => counts.values[row * n + column]).reduce((a, b) => a + b, 0);
      context.fillStyle = colours["ink-2"];
      context.fillText(classes[row], margin / 2, margin + (row + 0.5) * side);
      context.fillText(classes[row], margin + (row + 0.5) * side, margin / 2);
      for (let column = 0; column < n; column += 1) {
        const count = counts.values[row * n + column];
        const share = whole ? count / whole : 0;
        const shade = Math.round(255 * Math.min(1, row === column ? 0.75 * share : Math.min(1, 3 * share)));
        context.fillStyle = css((row === column ? colour : wrong)[shade]);
        context.fillRect(margin + column * side, margin + row * side, side - 1, side - 1);
        if (count === 0 || side < 15) continue;
        context.fillStyle = shade > 140 ? colours.paper : colours.ink;
        context.fillText(String(count), margin + (column + 0.5) * side, margin + (row + 0.5) * side);
      }
    }
  };
}
