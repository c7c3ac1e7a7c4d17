// The dropout of a column: the layer's dropout, or the dropout that one run uses instead.

import { Segmented } from "../base/buttons.js";
import { html, useState } from "../base/html.js";
import { useOwnId } from "../base/id.js";
import { useLab } from "../lab/context.js";
import { at, dropoutOf, put, setDropout, setRunDropout } from "../lab/edits.js";
import { fieldOf, SpecField } from "./form.js";

/** @typedef {import("../types.js").Dropout} Dropout */

const DEFAULT = { p: 0.5, variant: "standard", options: {} };

/** @param {{name: string, pointer: string}} properties */
export function DropoutForm({ name, pointer }) {
  const lab = useLab();
  const { draft } = lab.state;
  const [scope, setScope] = useState("layer");
  const spec = draft.value;
  const own = /** @type {Dropout | null} */ (at(spec, `${pointer}/dropout`) ?? null);
  if (!spec) return null;
  const run = scope === "layer" || Number(scope) >= spec.runs.length ? null : Number(scope);
  return html`<fieldset class="dropout">
    <legend>Dropout</legend>
    ${own &&
    spec.runs.length > 1 &&
    html`<${Segmented}
      label="Whose dropout"
      value=${run === null ? "layer" : scope}
      choices=${[{ id: "layer", text: "All runs" }, ...spec.runs.map((each, i) => ({ id: String(i), text: each.name, title: `only run ${each.name}` }))]}
      onChoose=${setScope}
    />`}
    ${run === null || !own
      ? html`<${LayerDropout} name=${name} pointer=${pointer} own=${own} />`
      : html`<${RunDropout} name=${name} run=${run} />`}
  </fieldset>`;
}

/** @param {{name: string, pointer: string, own: Dropout | null}} properties */
function LayerDropout({ name, pointer, own }) {
  const lab = useLab();
  const { draft } = lab.state;
  const toggle = (/** @type {any} */ event) =>
    draft.value && lab.edit(setDropout(draft.value, name, event.currentTarget.checked ? DEFAULT : null));
  return html`
    <label class="check"><input type="checkbox" checked=${own !== null} onChange=${toggle} /> drop ${name === "input" ? "inputs" : name === "output" ? "outputs" : "units of this layer"}</label>
    ${own && html`<${Values} path=${`${pointer}/dropout`} dropout=${own} />`}
  `;
}

/** @param {{name: string, run: number}} properties */
function RunDropout({ name, run }) {
  const lab = useLab();
  const spec = /** @type {import("../types.js").Spec} */ (lab.state.draft.value);
  const own = spec.runs[run].dropout[name] ?? null;
  const now = dropoutOf(spec, run, name);
  const toggle = (/** @type {any} */ event) => lab.edit(setRunDropout(spec, run, name, event.currentTarget.checked ? (now ?? DEFAULT) : null));
  return html`
    <label class="check"><input type="checkbox" checked=${own !== null} onChange=${toggle} /> run ${spec.runs[run].name} has its own dropout here</label>
    ${own
      ? html`<${Values} path=${`/runs/${run}/dropout/${name}`} dropout=${own} />`
      : html`<p class="hint">Set by the layer and the run: ${now?.variant}, p = ${now?.p}.</p>`}
  `;
}

/** @param {{path: string, dropout: Dropout}} properties */
function Values({ path, dropout }) {
  const { state } = useLab();
  const p = fieldOf(state.catalogue.value, "dropout.p", { kind: "number", min: 0, max: 1, title: "p" });
  return html`
    <${SpecField} path=${`${path}/p`} field=${{ ...p, help: undefined }} label="p" slider />
    <${VariantChoice} path=${path} dropout=${dropout} />
  `;
}

/** @param {{path: string, dropout: Dropout}} properties */
function VariantChoice({ path, dropout }) {
  const lab = useLab();
  const { catalogue, draft, faults } = lab.state;
  const id = useOwnId();
  const variants = /** @type {any[]} */ (catalogue.value?.variants ?? []);
  const now = variants.find((each) => each.name === dropout.variant);
  const choose = (/** @type {any} */ event) => {
    const next = variants.find((each) => each.name === event.currentTarget.value);
    if (draft.value && next) lab.edit(put(draft.value, path, { ...dropout, variant: next.name, options: firstOptions(next) }));
  };
  const wrong = faults.value.filter((fault) => fault.path === `${path}/variant` || fault.path === `${path}/options`);
  return html`
    <div class="field choice">
      <label for=${id}>variant</label>
      <div class="control">
        <select id=${id} value=${dropout.variant} onChange=${choose}>
          ${variants.map(
            (each) => html`<option key=${each.name} value=${each.name} disabled=${!each.available} title=${each.reason ?? each.text}>
              ${each.name}${each.available ? "" : ` (${each.reason})`}
            </option>`,
          )}
        </select>
      </div>
      ${wrong.length > 0 && html`<p class="fault" role="alert">${wrong.map((fault) => fault.text).join(" ")}</p>`}
    </div>
    ${now && html`<p class="hint">${now.text} p in ${now.p_domain}.</p>`}
    ${(now?.options ?? []).map(
      (/** @type {any} */ option) =>
        html`<${SpecField} key=${option.name} path=${`${path}/options/${option.name}`} field=${option} label=${option.name} help=${option.text} empty=${option.nullable ? "none" : ""} />`,
    )}
  `;
}

/**
 * Options that have no default. An axis: 1 is where the units or the channels are.
 * @param {{options: {name: string, kind: string, required: boolean}[]}} variant
 */
const firstOptions = ({ options }) =>
  Object.fromEntries(options.filter(({ required, kind }) => required && kind === "integer").map(({ name }) => [name, 1]));
