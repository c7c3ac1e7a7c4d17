// The left column: experiments, data and training settings.

import { Button } from "../base/buttons.js";
import { html, useState } from "../base/html.js";
import { useLab } from "../lab/context.js";
import { addRun, put, removeRun, setData } from "../lab/edits.js";
import { CsvFields } from "./csv.js";
import { fieldOf, SpecField } from "./form.js";

export function Setup() {
  return html`<aside class="side setup" aria-label="Set-up">
    <${Experiments} /><${Presets} /><${Data} /><${Runs} /><${Training} />
  </aside>`;
}

/** @param {{title: any, children?: any, [more: string]: any}} properties */
export function Section({ title, children, ...rest }) {
  return html`<section class="section" ...${rest}><h2>${title}</h2>${children}</section>`;
}

function Experiments() {
  const lab = useLab();
  const { catalogue, card } = lab.state;
  const open = (/** @type {any} */ each) => () => {
    card.value = null;
    lab.load(each.spec);
    lab.state.dialog.value = { kind: "card", id: each.id };
  };
  return html`<${Section} title="Experiments">
    <p class="hint">Guess first, then run the experiment over several seeds.</p>
    <ul class="cards">
      ${(catalogue.value?.cards ?? []).map(
        (/** @type {any} */ each) => html`<li key=${each.id}>
          <button type="button" class="card-button" disabled=${!each.available} title=${each.reason ?? each.question} onClick=${open(each)}>
            ${each.title}
          </button>
        </li>`,
      )}
    </ul>
  <//>`;
}

function Presets() {
  const lab = useLab();
  const { catalogue } = lab.state;
  const choose = (/** @type {any} */ event) => {
    const preset = catalogue.value.presets.find((/** @type {any} */ each) => each.id === event.currentTarget.value);
    event.currentTarget.value = "";
    if (preset) lab.load(preset.spec);
  };
  return html`<${Section} title="Start from">
    <select class="whole" aria-label="Start from a network that is ready" onChange=${choose}>
      <option value="">a ready network…</option>
      ${(catalogue.value?.presets ?? []).map(
        (/** @type {any} */ each) =>
          html`<option key=${each.id} value=${each.id} disabled=${!each.available} title=${each.reason ?? each.text}>
            ${each.title}${each.available ? "" : ` (${each.reason})`}
          </option>`,
      )}
    </select>
  <//>`;
}

function Data() {
  const lab = useLab();
  const { catalogue, draft } = lab.state;
  const all = catalogue.value?.datasets ?? [];
  const now = all.find((/** @type {any} */ each) => each.name === draft.value?.data.name);
  const choose = (/** @type {any} */ event) => {
    const next = all.find((/** @type {any} */ each) => each.name === event.currentTarget.value);
    if (!next || !draft.value) return;
    if (next.name === "csv") lab.state.dialog.value = { kind: "csv" };
    else lab.edit(setData(draft.value, next));
    event.currentTarget.value = now?.name ?? "";
  };
  return html`<${Section} title="Data">
    <select class="whole" aria-label="Data set" value=${now?.name} onChange=${choose}>
      ${all.map(
        (/** @type {any} */ each) => html`<option key=${each.name} value=${each.name} disabled=${!each.available}>
          ${each.title}${each.available ? "" : ` (${each.reason})`}
        </option>`,
      )}
    </select>
    ${now && html`<p class="hint">${now.text}</p>`}
    ${now?.name === "csv"
      ? html`<${CsvFields} />`
      : Object.entries(now?.fields ?? {}).map(
          ([name, field]) => html`<${SpecField} key=${name} path=${`/data/${name}`} field=${field} />`,
        )}
  <//>`;
}

function Runs() {
  const lab = useLab();
  const { catalogue, draft } = lab.state;
  const runs = draft.value?.runs ?? [];
  const most = catalogue.value?.limits.runs ?? 4;
  return html`<${Section} title="Runs, side by side">
    <p class="hint">Same first weights, same batches.</p>
    <ul class="runs">
      ${runs.map((run, i) => html`<${RunRow} key=${i} run=${run} place=${i} only=${runs.length === 1} />`)}
    </ul>
    <${Button} icon="plus" label="Add a run" disabled=${runs.length >= most} onClick=${() => draft.value && lab.edit(addRun(draft.value))} />
  <//>`;
}

/** @param {{run: import("../types.js").Run, place: number, only: boolean}} properties */
function RunRow({ run, place, only }) {
  const lab = useLab();
  const { catalogue, draft } = lab.state;
  const p = fieldOf(catalogue.value, "runs.p", { kind: "number", min: 0, max: 1, nullable: true });
  const name = fieldOf(catalogue.value, "runs.name", { kind: "text" });
  const own = Object.keys(run.dropout);
  return html`<li class=${`run run-${place}`}>
    <span class="swatch" aria-hidden="true"></span>
    <${SpecField} path=${`/runs/${place}/name`} field=${name} label=${`Name of run ${place + 1}`} />
    <${SpecField} path=${`/runs/${place}/p`} field=${{ ...p, nullable: true }} label=${`p of run ${run.name}`} empty="as layers" />
    ${!only &&
    html`<${Button}
      icon="close"
      label=${`Remove run ${run.name}`}
      bare
      kind="quiet"
      onClick=${() => draft.value && lab.edit(removeRun(draft.value, place))}
    />`}
    ${own.length > 0 && html`<p class="hint">its own dropout at ${own.join(", ")}</p>`}
  </li>`;
}

const TRAINING = ["optimizer", "lr", "momentum", "weight_decay", "batch", "steps", "every", "seed"];

function Training() {
  const { catalogue, draft, faults } = useLab().state;
  const fields = catalogue.value?.fields ?? {};
  const shown = TRAINING.filter((name) => fields[`training.${name}`])
    .filter((name) => name !== "momentum" || draft.value?.training.optimizer === "sgd");
  const [open, setOpen] = useState(false);
  const faulty = faults.value.some((fault) => fault.path.startsWith("/training"));
  const toggled = (/** @type {any} */ event) => setOpen(event.currentTarget.open);
  return html`<details class="section" open=${open || faulty} onToggle=${toggled}>
    <summary><h2>Training</h2></summary>
    ${shown.map((name) => html`<${SpecField} key=${name} path=${`/training/${name}`} field=${fields[`training.${name}`]} />`)}
  </details>`;
}
