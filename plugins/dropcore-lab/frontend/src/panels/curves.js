// Losses: a table of the present numbers, which is also the legend of the curves.

import { decimal, percent, whole } from "../base/format.js";
import { html, useState } from "../base/html.js";
import { LineChart, MEASURES } from "../charts/lines.js";
import { useLab } from "../lab/context.js";

const TITLES = {
  training_on: ["training rows,", "dropout on"],
  training_off: ["training rows,", "dropout off"],
  validation_off: ["validation rows,", "dropout off"],
};

export function Curves() {
  const { state } = useLab();
  const [index, setIndex] = useState(/** @type {number | null} */ (null));
  const curves = state.curves.value;
  const runs = state.spec.value?.runs ?? [];
  const lines = runs.flatMap((run, i) =>
    MEASURES.map(({ id, dash, width }) => ({
      label: `${run.name}, ${TITLES[id].join(" ")}`,
      run: i,
      dash,
      width,
      values: curves.runs[i]?.[id] ?? [],
    })),
  );
  const at = index !== null && index < curves.steps.length ? index : null;
  return html`<section class="panel curves" aria-label="Loss">
    <header>
      <h2>Loss</h2>
      <span class="facts">${at === null ? "now" : `at step ${whole(curves.steps[at])}`}</span>
    </header>
    <${Table} at=${at} />
    ${curves.steps.length > 1
      ? html`<${LineChart} steps=${curves.steps} lines=${lines} label="Losses over steps; the table above has the present numbers" onCursor=${setIndex} />`
      : html`<p class="empty">Press Play: the curves of ${runs.length > 1 ? "all runs" : "the run"} appear here.</p>`}
  </section>`;
}

/**
 * The rows of the table, one for each run.
 * @param {import("../lab/state.js").State} state
 * @param {number | null} at
 */
function rowsOf(state, at) {
  const numbers = state.frame.value?.numbers ?? [];
  return (state.spec.value?.runs ?? []).map((run, i) => {
    const now = numbers.find((each) => each.run === i);
    const [on, off, validation] = MEASURES.map(({ id }) => (at === null ? now?.[id] : state.curves.value.runs[i]?.[id][at]));
    const gap = at === null ? now?.gap : difference(validation, off);
    return { name: run.name, losses: [on, off, validation], gap, accuracy: at === null ? now?.accuracy : null };
  });
}

/** @param {{name: string}} properties */
const RunName = ({ name }) => html`<span class="swatch" aria-hidden="true"></span>${name}`;

/** The table for narrow pages: one column for each run. @param {{at: number | null}} properties */
function TallTable({ at }) {
  const { state } = useLab();
  const rows = rowsOf(state, at);
  const classes = state.analysis.value?.task !== "number";
  return html`<table class="losses">
    <thead>
      <tr><td></td>${rows.map(({ name }, i) => html`<th key=${i} scope="col" class=${`run-${i}`}><${RunName} name=${name} /></th>`)}</tr>
    </thead>
    <tbody>
      ${MEASURES.map(
        ({ id }, place) => html`<tr key=${id}>
          <th scope="row"><span class=${id}>${TITLES[id].join(" ")}</span></th>
          ${rows.map(({ losses }, i) => html`<td key=${i}>${decimal(losses[place])}</td>`)}
        </tr>`,
      )}
      <tr><th scope="row">gap</th>${rows.map(({ gap }, i) => html`<td key=${i} class="gap">${decimal(gap)}</td>`)}</tr>
      ${classes && html`<tr><th scope="row">accuracy</th>${rows.map(({ accuracy }, i) => html`<td key=${i}>${percent(accuracy)}</td>`)}</tr>`}
    </tbody>
  </table>`;
}

/** @param {{at: number | null}} properties */
function Table({ at }) {
  const { state } = useLab();
  const classes = state.analysis.value?.task !== "number";
  if (state.size.value === "small") return html`<${TallTable} at=${at} />`;
  return html`<table class="losses">
    <thead>
      <tr>
        <td></td>
        <th scope="colgroup" colspan="2">training rows</th>
        <th scope="colgroup">validation rows</th>
        <td></td>
        ${classes && html`<td></td>`}
      </tr>
      <tr>
        <th scope="col"><span class="unseen">Run</span></th>
        ${MEASURES.map(({ id }) => html`<th key=${id} scope="col"><span class=${id}>${TITLES[id][1]}</span></th>`)}
        <th scope="col" title="validation minus training, both with dropout off">gap</th>
        ${classes && html`<th scope="col" title="on the validation rows, dropout off">accuracy</th>`}
      </tr>
    </thead>
    <tbody>
      ${rowsOf(state, at).map(
        ({ name, losses, gap, accuracy }, i) => html`<tr key=${i} class=${`run-${i}`}>
          <th scope="row"><${RunName} name=${name} /></th>
          ${losses.map((loss, place) => html`<td key=${place}>${decimal(loss)}</td>`)}
          <td class="gap">${decimal(gap)}</td>
          ${classes && html`<td>${percent(accuracy)}</td>`}
        </tr>`,
      )}
    </tbody>
  </table>`;
}

/**
 * @param {number | null | undefined} a
 * @param {number | null | undefined} b
 */
const difference = (a, b) => (a === null || a === undefined || b === null || b === undefined ? null : a - b);
