// A field of the specification: shows the typed text and its faults, and requests the change.

import { FieldRow } from "../base/field.js";
import { html } from "../base/html.js";
import { useLab } from "../lab/context.js";
import { at, put } from "../lab/edits.js";

/** @typedef {import("../types.js").Field} Field */

/**
 * @param {{path: string, field: Field, label?: string, edit?: (value: unknown) => void, [more: string]: any}} properties
 *   `edit` where a change is more than one value
 */
export function SpecField({ path, field, label, edit, ...rest }) {
  const lab = useLab();
  const { draft, faults } = lab.state;
  const commit = edit ?? ((/** @type {unknown} */ value) => draft.value && lab.edit(put(draft.value, path, value)));
  return html`<${FieldRow}
    field=${field}
    label=${label ?? field.title ?? path.split("/").at(-1)}
    value=${at(draft.value, path)}
    faults=${faults.value.filter((fault) => fault.path === path || fault.path.startsWith(`${path}/`))}
    onCommit=${commit}
    ...${rest}
  />`;
}

/**
 * The entry of a field in the catalogue.
 * @param {any} catalogue
 * @param {string} name
 * @param {Field} fallback
 * @returns {Field}
 */
export const fieldOf = (catalogue, name, fallback) => catalogue?.fields[name] ?? fallback;
