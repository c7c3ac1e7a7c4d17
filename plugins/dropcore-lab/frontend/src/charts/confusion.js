// The confusion matrix of the validation rows.

import { channels, css, ramp, readable } from "../base/colours.js";
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
    const left = (width - margin - n * side) / 2 + margin;
    const colour = ramp([channels(colours.paper), channels(runColour(colours, run))]);
    const wrong = ramp([channels(colours.paper), channels(colours.high)]);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.font = "10px system-ui, sans-serif";
    for (let row = 0; row < n; row += 1) {
      const whole = Array.from({ length: n }, (_, column) => counts.values[row * n + column]).reduce((a, b) => a + b, 0);
      context.fillStyle = colours["ink-2"];
      if (side >= 10 || row % 2 === 0) {
        context.fillText(classes[row], left - margin / 2, margin + (row + 0.5) * side);
        context.fillText(classes[row], left + (row + 0.5) * side, margin / 2);
      }
      for (let column = 0; column < n; column += 1) {
        const count = counts.values[row * n + column];
        const share = whole ? count / whole : 0;
        const fill = (row === column ? colour : wrong)[Math.round(220 * Math.sqrt(share))];
        context.fillStyle = css(fill);
        context.fillRect(left + column * side, margin + row * side, side - 1, side - 1);
        if (count === 0 || side < 15) continue;
        context.fillStyle = readable(fill, colours);
        context.fillText(String(count), left + (column + 0.5) * side, margin + (row + 0.5) * side);
      }
    }
  };
}
