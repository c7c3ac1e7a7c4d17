// One field of a form, built from its entry in the catalogue, with its faults beside it.

import { html, useState } from "./html.js";
import { useOwnId } from "./id.js";
import { stepped, textOf, valueOf } from "./typed.js";

/** @typedef {import("../types.js").Field} Field */
/** @typedef {import("../types.js").Fault} Fault */

/**
 * @typedef {object} Properties
 * @property {Field} field
 * @property {unknown} value
 * @property {string} label
 * @property {string} [help]
 * @property {Fault[]} [faults] of this field
 * @property {(value: unknown) => void} onCommit
 * @property {boolean} [steppers] buttons for one more and one less
 * @property {boolean} [slider]
 * @property {string} [empty] what an empty field says
 */

/** @param {Properties} properties */
export function FieldRow({ faults = [], ...properties }) {
  const id = useOwnId();
  const described = [properties.help ? `${id}-help` : "", faults.length ? `${id}-faults` : ""].join(" ").trim();
  const shared = {
    id,
    "aria-describedby": described || undefined,
    "aria-invalid": faults.length ? "true" : undefined,
  };
  return html`<div class=${`field ${properties.field.kind}${faults.length ? " faulty" : ""}`}>
    <label for=${id}>${properties.label}</label>
    <div class="control"><${Control} shared=${shared} ...${properties} /></div>
    ${properties.help && html`<p class="help" id=${`${id}-help`}>${properties.help}</p>`}
    ${faults.length > 0 &&
    html`<p class="fault" id=${`${id}-faults`} role="alert">${faults.map((fault) => fault.text).join(" ")}</p>`}
  </div>`;
}

/** @param {Properties & {shared: object}} properties */
function Control({ shared, ...properties }) {
  const { field, value, onCommit } = properties;
  if (field.kind === "boolean") {
    return html`<input type="checkbox" checked=${value === true} onChange=${changed((on) => onCommit(on))} ...${shared} />`;
  }
  if (field.kind === "choice") {
    const choices = field.choices ?? [];
    return html`<select onChange=${(/** @type {any} */ event) => onCommit(event.currentTarget.value)} ...${shared}>
      ${choices.map((choice) => html`<option key=${choice} value=${choice} selected=${choice === value}>${choice}</option>`)}
    </select>`;
  }
  return html`<${Typed} shared=${shared} ...${properties} />`;
}

/** @param {(on: boolean) => void} act */
const changed = (act) => (/** @type {any} */ event) => act(event.currentTarget.checked);

/** @param {Properties & {shared: object}} properties */
function Typed({ shared, field, value, label, onCommit, steppers = false, slider = false, empty = "" }) {
  const [typed, setTyped] = useState(/** @type {string | null} */ (null));
  const numeric = field.kind === "integer" || field.kind === "number";
  const commit = (/** @type {string} */ text) => {
    setTyped(null);
    if (text !== textOf(value)) onCommit(valueOf(field, text));
  };
  const step = (/** @type {number} */ by) => () => onCommit(stepped(field, value, by));
  return html`
    ${steppers && html`<button type="button" class="stepper" aria-label=${`${label}: one less`} onClick=${step(-1)}>−</button>`}
    <input
      type="text"
      inputmode=${field.kind === "integer" ? "numeric" : numeric ? "decimal" : undefined}
      class=${numeric ? "number" : ""}
      value=${typed ?? textOf(value)}
      placeholder=${empty}
      spellcheck=${false}
      autocomplete="off"
      onInput=${(/** @type {any} */ event) => setTyped(event.currentTarget.value)}
      onChange=${(/** @type {any} */ event) => commit(event.currentTarget.value)}
      onKeyDown=${(/** @type {any} */ event) => {
        if (event.key === "Enter") commit(event.currentTarget.value);
        if (event.key === "Escape" && typed !== null) {
          event.stopPropagation();
          setTyped(null);
        }
      }}
      ...${shared}
    />
    ${steppers && html`<button type="button" class="stepper" aria-label=${`${label}: one more`} onClick=${step(1)}>+</button>`}
    ${slider &&
    html`<input
      type="range"
      min=${field.min ?? 0}
      max=${field.max ?? 1}
      step="0.05"
      value=${Number(typed ?? value) || 0}
      aria-label=${`${label}, as a slider`}
      onInput=${(/** @type {any} */ event) => setTyped(event.currentTarget.value)}
      onChange=${(/** @type {any} */ event) => commit(event.currentTarget.value)}
    />`}
  `;
}
