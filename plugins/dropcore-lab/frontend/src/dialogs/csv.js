// A CSV is chosen or pasted; the person selects target and task before anything is sent.

import { Button, Segmented } from "../base/buttons.js";
import { keptOut } from "../base/files.js";
import { html, useState } from "../base/html.js";
import { useLab } from "../lab/context.js";
import { header, refusal } from "../lab/csv.js";
import { setData } from "../lab/edits.js";

export function Csv() {
  const lab = useLab();
  const { catalogue, draft, refused, typed } = lab.state;
  const most = catalogue.value.limits.csv_text;
  const { text, target, task } = typed.csv.value ?? used(draft.value);
  const [chosen, setChosen] = useState(""); // the fault of a refused file
  const problem = chosen || (text.trim() ? (refusal({ size: text.length, text }, most) ?? "") : "");
  const change = (/** @type {Partial<import("../lab/state.js").Rows>} */ changes) => {
    typed.csv.value = { text, target, task, ...changes };
  };
  const take = (/** @type {string} */ content) => {
    change({ text: content, target: header(content).includes(target) ? target : "" });
    setChosen("");
  };
  const file = async (/** @type {any} */ event) => {
    const file = event.currentTarget.files[0];
    if (!file) return;
    const content = file.size > most ? "x" : await file.text();
    const wrong = refusal({ size: file.size, text: content }, most) ?? "";
    if (!wrong) take(content);
    setChosen(wrong);
  };
  const paste = (/** @type {any} */ event) => {
    const size = keptOut(event, most);
    if (size) setChosen(refusal({ size, text: "x" }, most) ?? "");
  };
  const use = () => {
    const dataset = catalogue.value.datasets.find((/** @type {any} */ each) => each.name === "csv");
    if (!draft.value || !dataset) return;
    const spec = setData(draft.value, dataset);
    lab.readRows({ ...spec, data: { ...spec.data, text, target: target || null, task } });
  };
  const names = header(text);
  return html`
    <p>Columns of numbers and one column for the target, with the names of the columns in the first line. The file stays on this machine.</p>
    <label class="field"><span>File</span><input type="file" accept=".csv,.tsv,.txt,text/csv" onChange=${file} /></label>
    <label class="field">
      <span>Or the text of the file</span>
      <textarea rows="6" spellcheck=${false} value=${text} onPaste=${paste} onDrop=${paste} onInput=${(/** @type {any} */ event) => take(event.currentTarget.value)}></textarea>
    </label>
    ${names.length > 1 &&
    html`<label class="field">
        <span>Target</span>
        <select value=${target} onChange=${(/** @type {any} */ event) => change({ target: event.currentTarget.value })}>
          <option value="">the last column, ${names.at(-1)}</option>
          ${names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
        </select>
      </label>
      <div class="field">
        <span>The target is</span>
        <${Segmented}
          label="What the target is"
          value=${task}
          choices=${[{ id: "classes", text: "classes" }, { id: "number", text: "a number" }]}
          onChoose=${(/** @type {string} */ id) => change({ task: id })}
        />
      </div>`}
    ${problem && html`<p class="fault" role="alert">${problem}</p>`}
    ${refused.value.length > 0 && html`<p class="fault" role="alert">${refused.value.map((fault) => fault.text).join(" ")}</p>`}
    <div class="buttons"><${Button} label="Train on it" kind="primary" disabled=${!text.trim() || problem !== ""} onClick=${use} /></div>
  `;
}

/**
 * The rows that the network is trained on, if they are a CSV.
 * @param {import("../types.js").Spec | null} spec
 * @returns {import("../lab/state.js").Rows}
 */
function used(spec) {
  const { name, text, target, task } = /** @type {any} */ (spec?.data ?? {});
  return name === "csv" ? { text, target: target ?? "", task } : { text: "", target: "", task: "classes" };
}
