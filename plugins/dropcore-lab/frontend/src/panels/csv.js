// The user's CSV: read in the browser, sent as text within the specification.

import { counted } from "../base/format.js";
import { Button } from "../base/buttons.js";
import { html } from "../base/html.js";
import { useLab } from "../lab/context.js";
import { fieldOf, SpecField } from "./form.js";

/** @type {Record<string, string>} What a field that is left empty stands for. */
const EMPTY = { target: "the last", validation: "a third" };

/** The fields of a CSV that is in use; its text is not shown again. */
export function CsvFields() {
  const { state } = useLab();
  const fields = state.catalogue.value?.datasets.find((/** @type {any} */ each) => each.name === "csv")?.fields ?? {};
  const text = String(state.draft.value?.data.text ?? "");
  const rows = text.trim() === "" ? 0 : text.trim().split("\n").length - 1;
  return html`
    <p class="hint">${counted(rows, "row")}. <${Button} label="Another file…" onClick=${() => {
      state.dialog.value = { kind: "csv" };
    }} /></p>
    ${Object.entries(fields)
      .filter(([name]) => name !== "text")
      .map(([name, field]) => html`<${SpecField} key=${name} path=${`/data/${name}`} field=${fieldOf(null, name, field)} empty=${EMPTY[name] ?? ""} />`)}
  `;
}
