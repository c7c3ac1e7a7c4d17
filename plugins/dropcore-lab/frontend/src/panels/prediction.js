// One row: the prediction of one pass with dropout off, and the range with dropout left on.

import { Canvas } from "../base/canvas.js";
import { decimal } from "../base/format.js";
import { html } from "../base/html.js";
import { dotLine } from "../charts/dots.js";
import { useLab } from "../lab/context.js";

export function Prediction() {
  const { state } = useLab();
  const frame = state.frame.value;
  const prediction = frame?.prediction;
  if (!frame || !prediction) return null;
  const { mode } = frame.view;
  const truth = decimal(prediction.target, Number.isInteger(prediction.target) ? 0 : 3);
  return html`<p class=${`prediction ${mode}`}>
    <span title=${prediction.what}><b>${prediction.what.startsWith("probability") ? `P(${prediction.what.slice("probability of ".length).replace("the ", "")})` : prediction.what}</b></span>
    <span>truth ${truth}</span>
    ${mode === "training" && html`<span class="now">this step ${decimal(prediction.shown)}</span>`}
    <span class="off">dropout off ${decimal(prediction.inference)}</span>
    ${prediction.left_on && html`<${LeftOn} prediction=${prediction} run=${frame.view.run} />`}
  </p>`;
}

/** @param {{prediction: any, run: number}} properties */
function LeftOn({ prediction, run }) {
  const { left_on, low, high, inference, what } = prediction;
  const values = left_on.values;
  const range = /** @type {[number, number]} */ (
    what.startsWith("probability") ? [0, 1] : [Math.min(low, inference), Math.max(high, inference)]
  );
  const words = `${values.length} predictions with dropout left on, from ${decimal(low)} to ${decimal(high)}; the line is dropout off, ${decimal(inference)}`;
  return html`
    <span class="left" title=${words}>left on ${decimal(low)} to ${decimal(high)}</span>
    <${Canvas} class="dots-line" label=${words} paint=${dotLine({ values, run, marks: [{ at: inference }], range })} />
  `;
}
