// One row: what one pass says with dropout off, and how far it jumps with dropout left on.

import { Canvas } from "../base/canvas.js";
import { decimal } from "../base/format.js";
import { html } from "../base/html.js";
import { dotLine } from "../charts/dots.js";
import { useLab } from "../lab/context.js";
import { Section } from "./setup.js";

export function Prediction() {
  const { state } = useLab();
  const frame = state.frame.value;
  const prediction = frame?.prediction;
  if (!frame || !prediction) return null;
  const { run, mode } = frame.view;
  const name = state.spec.value?.runs[run]?.name ?? "";
  const spread = prediction.left_on?.values ?? null;
  const probability = prediction.what.startsWith("probability");
  const range = /** @type {[number, number]} */ (probability ? [0, 1] : [Math.min(prediction.low, prediction.inference), Math.max(prediction.high, prediction.inference)]);
  return html`<${Section} title=${`Row ${prediction.row + 1}, run ${name}`}>
    <p class="hint">${prediction.what}; the truth is ${decimal(prediction.target, Number.isInteger(prediction.target) ? 0 : 3)}</p>
    <dl class="facts-list">
      ${mode === "training" && html`<div><dt>in this step</dt><dd>${decimal(prediction.shown)}</dd></div>`}
      <div><dt>dropout off</dt><dd><strong>${decimal(prediction.inference)}</strong></dd></div>
      <div class=${mode === "left_on" ? "loud" : ""}>
        <dt>dropout left on, ${spread ? `${spread.length} passes` : ""}</dt>
        <dd>${spread ? `${decimal(prediction.low)} to ${decimal(prediction.high)}` : "drops nothing"}</dd>
      </div>
    </dl>
    ${spread &&
    html`<${Canvas}
      height=${22}
      class="dots-line"
      label=${`${spread.length} predictions with dropout left on, from ${decimal(prediction.low)} to ${decimal(prediction.high)}; the line is dropout off, ${decimal(prediction.inference)}`}
      paint=${dotLine({ values: spread, run, marks: [{ at: prediction.inference }], range })}
    />
    ${mode === "left_on" &&
    html`<p class="hint">Left on, the same row got answers ${decimal(prediction.high - prediction.low)} apart. That is the mistake.</p>`}`}
  <//>`;
}
