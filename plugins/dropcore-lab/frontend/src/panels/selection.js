// The hovered, focused or pressed unit: its numbers, and the form of its layer.

import { Canvas } from "../base/canvas.js";
import { Button } from "../base/buttons.js";
import { decimal, percent, shortAddress, whole } from "../base/format.js";
import { copyText } from "../base/files.js";
import { html } from "../base/html.js";
import { bars } from "../charts/bars.js";
import { useLab } from "../lab/context.js";
import { pointerOf, removeLayer, renameLayer } from "../lab/edits.js";
import { DropoutForm } from "./dropout.js";
import { fieldOf, SpecField } from "./form.js";
import { Section } from "./setup.js";

export function Selection() {
  const { state } = useLab();
  const focus = state.focus.value;
  if (!focus) {
    return html`<${Section} title="Selection"><p class="hint">Point at a unit, or press it: its numbers and its layer appear here.</p><//>`;
  }
  const column = state.analysis.value?.columns.find(({ name }) => name === focus.layer);
  const title = focus.unit === null ? focus.layer : `${focus.layer}, unit ${focus.unit + 1}`;
  return html`<${Section} title="Selection">
    <h3>${title}${column && html` <small>of ${whole(column.units)}</small>`}</h3>
    ${focus.unit !== null && html`<${UnitFacts} />`}
    <${LayerForm} name=${state.pinned.value?.layer ?? focus.layer} />
  <//>`;
}

function UnitFacts() {
  const { state } = useLab();
  const focus = state.focus.value;
  const facts = state.frame.value?.focus;
  if (!facts || facts.layer !== focus?.layer || facts.unit !== focus?.unit) return html`<p class="hint">…</p>`;
  const rows = [
    ["activation", decimal(facts.activation)],
    facts.bias === null ? null : ["bias", decimal(facts.bias)],
    facts.passes && facts.kept !== null ? ["kept so far", `${percent(facts.kept / facts.passes)} of ${whole(facts.passes)}`] : null,
    facts.kept_now === null ? null : ["in this row", facts.kept_now ? "kept" : "dropped"],
  ].filter((row) => row !== null);
  return html`
    <dl class="facts-list">${rows.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${facts.address &&
    html`<p class="address-line">
      <code title=${facts.address}>${shortAddress(facts.address)}</code>
      <${Button} icon="copy" label="Copy the address of this step's mask" bare kind="quiet" onClick=${() => copyText(facts.address)} />
    </p>`}
    <${Weights} title="weights in" values=${facts.incoming} /><${Weights} title="weights out" values=${facts.outgoing} />
  `;
}

/** @param {{title: string, values: import("../types.js").Matrix | null}} properties */
function Weights({ title, values }) {
  if (!values) return null;
  const list = Array.from(values.values);
  const [low, high] = [Math.min(...list), Math.max(...list)];
  const words = list.length === 1 ? decimal(list[0]) : `${list.length} from ${decimal(low)} to ${decimal(high)}`;
  return html`<div class="weights">
    <span>${title}</span><span>${words}</span>
    ${list.length > 1 && html`<${Canvas} height=${28} label=${`${title}: ${words}`} paint=${bars(list)} />`}
  </div>`;
}

/** @param {{name: string}} properties */
function LayerForm({ name }) {
  const lab = useLab();
  const { state } = lab;
  const { spec, draft } = state;
  const pointer = spec.value && pointerOf(spec.value, name);
  if (!pointer || !draft.value) return null;
  if (!pointer.startsWith("/layers")) {
    const note = name === "output" ? "Dropout on the output drops the prediction itself. The Lab has it to show this mistake." : "Dropout on the input drops the data's own columns.";
    return html`<div class="selection-form"><p class="hint">${note}</p><${DropoutForm} name=${name} pointer=${pointer} /></div>`;
  }
  const place = Number(pointer.split("/")[2]);
  const layer = draft.value.layers[place];
  if (!layer) return null;
  const all = state.catalogue.value.fields;
  const sizes = Object.keys(all).filter((key) => key.startsWith(`layers.${layer.type}.`));
  const fields = [...sizes, "layers.activation", "layers.norm"];
  return html`<div class="selection-form">
    <${SpecField}
      path=${`${pointer}/name`}
      field=${{ ...fieldOf(state.catalogue.value, "layers.name", { kind: "text" }), help: undefined }}
      label="name"
      edit=${(/** @type {any} */ value) => lab.edit(renameLayer(/** @type {any} */ (draft.value), place, value), { layer: String(value), unit: null })}
    />
    ${fields.map((key) => {
      const name = key.split(".").at(-1);
      return html`<${SpecField}
        key=${key}
        path=${`${pointer}/${name}`}
        field=${all[key]}
        steppers=${name === "units" || name === "channels"}
      />`;
    })}
    <${DropoutForm} name=${name} pointer=${pointer} />
    <${Button} icon="remove" label="Remove this layer" onClick=${() => draft.value && lab.edit(removeLayer(draft.value, layer.name))} />
  </div>`;
}
