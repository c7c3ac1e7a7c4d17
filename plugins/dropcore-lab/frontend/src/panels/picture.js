// The predictions of the networks: the boundary, the fit, the confusion matrix.

import { Button } from "../base/buttons.js";
import { Canvas } from "../base/canvas.js";
import { decimal } from "../base/format.js";
import { html, useState } from "../base/html.js";
import { boundary, spreadMap } from "../charts/boundary.js";
import { confusion } from "../charts/confusion.js";
import { fit } from "../charts/fit.js";
import { intervals, scatter } from "../charts/scatter.js";
import { useLab } from "../lab/context.js";

const TITLES = { boundary: "Boundary", fit: "Fit", confusion: "Confusion", scatter: "Prediction" };

export function Picture() {
  const { state } = useLab();
  const kind = state.picture.value?.kind ?? state.analysis.value?.picture ?? "boundary";
  const spread = state.spread.value;
  return html`<section class="panel picture" aria-label="What the networks make of the data">
    <header>
      <h2>${spread ? "Monte Carlo" : `${TITLES[/** @type {"fit"} */ (kind)]}, dropout off`}</h2>
      <${SpreadButton} />
    </header>
    ${spread && html`<p class="hint">Run ${state.spec.value?.runs[spread.run]?.name}, ${spread.samples} passes, dropout on</p>`}
    ${spread ? html`<${Spread} spread=${spread} />` : html`<${Pictures} />`}
  </section>`;
}

function SpreadButton() {
  const lab = useLab();
  const { state } = lab;
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  if (state.spread.value) {
    const back = () => {
      state.spread.value = null;
    };
    return html`<${Button} label="Back" onClick=${back} />`;
  }
  const ask = async () => {
    if (state.playing.value) lab.pause(); // the next step would have other weights
    setBusy(true);
    setProblem("");
    try {
      await lab.ask({ type: "mc", run: state.run.value, samples: 50 });
    } catch (error) {
      setProblem(/** @type {Error} */ (error).message);
    }
    setBusy(false);
  };
  return html`
    ${problem && html`<span class="fault" role="alert">${problem}</span>`}
    <${Button}
      label=${busy ? "50 passes…" : "Monte Carlo"}
      title="Predict 50 times with dropout left on, and show the spread of the predictions"
      disabled=${busy || !state.frame.value}
      onClick=${ask}
    />
  `;
}

function Pictures() {
  const { state } = useLab();
  const picture = state.picture.value;
  const data = state.data.value;
  const runs = state.spec.value?.runs ?? [];
  if (!picture || !data) return html`<p class="empty">The data and the network's predictions appear here.</p>`;
  const row = state.frame.value?.rows.values[state.row.value] ?? null;
  if (picture.kind === "fit") {
    const lines = picture.runs.map((values, run) => ({ values: values.values, run }));
    return html`<div class="pictures one">
      <figure><${Canvas} label="The fit of each run over the training rows" paint=${fit(lines, data, { row })} /></figure>
    </div>`;
  }
  return html`<div class=${`pictures of-${picture.runs.length}`}>
    ${picture.runs.map((values, run) => {
      const name = runs[run]?.name ?? "";
      return html`<figure key=${run} class=${`run-${run}`}>
        <${Canvas} label=${`${TITLES[/** @type {"fit"} */ (picture.kind)]}, run ${name}`} paint=${painter(picture.kind, values, run, data, row)} />
        <figcaption><span class="swatch" aria-hidden="true"></span>${name}</figcaption>
      </figure>`;
    })}
  </div>`;
}

/**
 * @param {string} kind
 * @param {import("../types.js").Matrix} values
 * @param {number} run
 * @param {any} data
 * @param {number | null} row
 */
function painter(kind, values, run, data, row) {
  if (kind === "boundary") return boundary(values, data, row);
  if (kind === "confusion") return confusion(values, data.classes, run);
  return scatter(values, run);
}

/** @param {{spread: any}} properties */
function Spread({ spread }) {
  const data = useLab().state.data.value;
  const most = Math.max(...spread.std.values, 1e-6);
  const figures =
    spread.picture === "boundary"
      ? [
          ["mean of the passes", boundary(spread.mean, data, null)],
          [`spread: standard deviation, up to ${decimal(most)}`, spreadMap(spread.std, data, most)],
        ]
      : spread.picture === "fit"
        ? [["mean ± 2 standard deviations; dashed: one pass, dropout off", band(spread, data)]]
        : [["100 validation rows: mean ± 2 standard deviations", intervals(spread.mean.values, spread.std.values, spread.run)]];
  return html`<div class=${`pictures of-${figures.length}`}>
    ${figures.map(
      ([caption, paint]) => html`<figure key=${caption}><${Canvas} label=${caption} paint=${paint} /><figcaption>${caption}</figcaption></figure>`,
    )}
  </div>`;
}

/**
 * @param {any} spread
 * @param {any} data
 */
const band = ({ run, mean, std, one_pass }, data) =>
  fit(
    [
      { values: mean.values, run },
      { values: one_pass.values, run, dashed: true },
    ],
    data,
    { band: { mean: mean.values, std: std.values, run } },
  );
