// The page as text: every figure is described here, for screen readers and everybody else.

import { decimal, listed, percent, short, whole } from "../base/format.js";
import { keptUnits } from "../base/bits.js";
import { html } from "../base/html.js";
import { useLab } from "../lab/context.js";

/** The present content of the page, as text. */
export function Words() {
  const { state } = useLab();
  const frame = state.frame.value;
  const spec = state.spec.value;
  if (!frame || !spec) return html`<p>Nothing is trained yet.</p>`;
  const runs = spec.runs.map((run) => run.name);
  return html`
    <h3>Training</h3>
    <p>Step ${whole(frame.step)} of ${whole(frame.steps)}, ${frame.percent.toFixed(0)} %. ${frame.state.text}</p>
    <h3>Losses</h3>
    <ul>
      ${frame.numbers.map(
        (each) => html`<li key=${each.run}>${lossWords(runs[each.run], each)}</li>`,
      )}
    </ul>
    <h3>Network of run ${runs[frame.view.run]}, row ${frame.view.row + 1}</h3>
    <ol>
      ${(state.analysis.value?.columns ?? []).map((column, i) => html`<li key=${column.name}>${columnWords(column, frame, i)}</li>`)}
    </ol>
    <h3>One row</h3>
    <p>${predictionWords(frame.prediction)}</p>
  `;
}

/**
 * @param {string} name
 * @param {import("../types.js").Numbers} numbers
 */
function lossWords(name, { training_on, training_off, validation_off, gap, accuracy }) {
  const losses = [
    `training rows, dropout on ${decimal(training_on)}`,
    `training rows, dropout off ${decimal(training_off)}`,
    `validation rows, dropout off ${decimal(validation_off)}`,
    `gap ${decimal(gap)}`,
    ...(accuracy === null ? [] : [`accuracy ${percent(accuracy)}`]),
  ];
  return `Run ${name}: ${losses.join("; ")}.`;
}

/**
 * @param {import("../types.js").ColumnFacts} column
 * @param {import("../types.js").Frame} frame
 * @param {number} place
 */
function columnWords(column, frame, place) {
  const now = frame.columns[place];
  const drop = column.dropout?.[frame.view.run] ?? null;
  const kind = column.type === "conv" ? "channels" : "units";
  const facts = [
    `${column.name}: ${whole(column.units)} ${kind}, ${whole(column.parameters)} parameters`,
    column.norm ? "batch normalisation" : "",
    column.activation === "none" ? "" : column.activation,
    drop ? `${drop.variant} dropout, p = ${drop.p}` : "",
  ].filter(Boolean);
  const values = now?.activation?.values;
  const activations = values && values.length <= 32 ? ` Activations: ${Array.from(values, (value) => decimal(value, 2)).join(", ")}.` : "";
  const kept = now?.mask ? keptUnits(now.mask, frame.view.row, column.units) : null;
  const dropped = kept ? [...kept].flatMap((share, unit) => (share === 0 ? [String(unit + 1)] : [])) : [];
  const masks = !kept ? "" : dropped.length ? ` Dropped for this row: unit${dropped.length === 1 ? "" : "s"} ${listed(dropped)}.` : " Nothing is dropped for this row.";
  return `${facts.join(", ")}.${activations}${masks}${now?.mask ? ` Address ${now.mask.address}.` : ""}`;
}

/** @param {any} prediction */
function predictionWords(prediction) {
  if (!prediction) return "No row is predicted.";
  const left = prediction.left_on
    ? ` With dropout left on, ${prediction.left_on.values.length} passes gave ${decimal(prediction.low)} to ${decimal(prediction.high)}.`
    : "";
  return `Row ${prediction.row + 1}, ${prediction.what}: ${decimal(prediction.inference)} with dropout off; the truth is ${short(prediction.target)}.${left}`;
}
