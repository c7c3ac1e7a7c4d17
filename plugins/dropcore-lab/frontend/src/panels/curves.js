// Losses: the numbers of now in a table that is the legend of the curves.

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
      ? html`<${LineChart} steps=${curves.steps} lines=${lines} label="Losses over steps; the table above has the numbers of now" onCursor=${setIndex} />`
      : html`<p class="empty">Press Play: the curves of ${runs.length > 1 ? "all runs" : "the run"} appear here.</p>`}
  </section>`;
}

/** @param {{at: number | null}} properties */
function Table({ at }) {
  const { state } = useLab();
  const runs = state.spec.value?.runs ?? [];
  const numbers = state.frame.value?.numbers ?? [];
  const classes = state.analysis.value?.task !== "number";
  return html`<table class="losses">
    <thead>
      <tr>
        <th scope="col"><span class="unseen">Run</span></th>
        ${MEASURES.map(
          ({ id, dash, width }) => html`<th key=${id} scope="col">
            <svg viewBox="0 0 24 6" aria-hidden="true"><path d="M1 3h22" stroke-dasharray=${dash.join(" ")} stroke-width=${width} /></svg>
            <span>${TITLES[id][0]}<br />${TITLES[id][1]}</span>
          </th>`,
        )}
        <th scope="col" title="validation minus training, both with dropout off">gap</th>
        ${classes && html`<th scope="col" title="of the validation rows, dropout off">accuracy</th>`}
      </tr>
    </thead>
    <tbody>
      ${runs.map((run, i) => {
        const now = numbers.find((each) => each.run === i);
        const value = (/** @type {"training_on" | "training_off" | "validation_off"} */ id) =>
          at === null ? now?.[id] : state.curves.value.runs[i]?.[id][at];
        const gap = at === null ? now?.gap : difference(value("validation_off"), value("training_off"));
        return html`<tr key=${i} class=${`run-${i}`}>
          <th scope="row"><span class="swatch" aria-hidden="true"></span>${run.name}${run.p === null ? "" : html` <small>p ${run.p}</small>`}</th>
          ${MEASURES.map(({ id }) => html`<td key=${id}>${decimal(value(id))}</td>`)}
          <td class="gap">${decimal(gap)}</td>
          ${classes && html`<td>${percent(at === null ? now?.accuracy : null)}</td>`}
        </tr>`;
      })}
    </tbody>
  </table>`;
}

/**
 * @param {number | null | undefined} a
 * @param {number | null | undefined} b
 */
const difference = (a, b) => (a === null || a === undefined || b === null || b === undefined ? null : a - b);
