// A CSV is chosen or pasted; the target and the task are asked for before anything is sent.

import { Button, Segmented } from "../base/buttons.js";
import { html, useState } from "../base/html.js";
import { useLab } from "../lab/context.js";
import { header, refusal } from "../lab/csv.js";
import { setData } from "../lab/edits.js";

export function Csv() {
  const lab = useLab();
  const { catalogue, draft, faults, dialog } = lab.state;
  const [text, setText] = useState("");
  const [target, setTarget] = useState("");
  const [task, setTask] = useState("classes");
  const [problem, setProblem] = useState("");
  const most = catalogue.value.limits.csv_text;
  const take = (/** @type {string} */ content, size = content.length) => {
    setText(content);
    setProblem(refusal({ size, text: content }, most) ?? "");
  };
  const file = async (/** @type {any} */ event) => {
    const chosen = event.currentTarget.files[0];
    if (!chosen) return;
    if (chosen.size > most) setProblem(refusal({ size: chosen.size, text: "x" }, most) ?? "");
    else take(await chosen.text(), chosen.size);
  };
  const use = async () => {
    const dataset = catalogue.value.datasets.find((/** @type {any} */ each) => each.name === "csv");
    if (!draft.value || !dataset) return;
    const spec = setData(draft.value, dataset);
    lab.edit({ ...spec, data: { ...spec.data, text, target: target || null, task } });
    dialog.value = null;
  };
  const names = header(text);
  return html`
    <p>Two or more columns of numbers and a target, with their names in the first line. The file stays on this machine.</p>
    <label class="field"><span>File</span><input type="file" accept=".csv,.tsv,.txt,text/csv" onChange=${file} /></label>
    <label class="field">
      <span>Or its text</span>
      <textarea rows="6" spellcheck=${false} value=${text} onInput=${(/** @type {any} */ event) => take(event.currentTarget.value)}></textarea>
    </label>
    ${names.length > 1 &&
    html`<label class="field">
        <span>Target</span>
        <select value=${target} onChange=${(/** @type {any} */ event) => setTarget(event.currentTarget.value)}>
          <option value="">the last column, ${names.at(-1)}</option>
          ${names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
        </select>
      </label>
      <${Segmented}
        label="What the target is"
        value=${task}
        choices=${[{ id: "classes", text: "classes" }, { id: "number", text: "a number" }]}
        onChoose=${setTask}
      />`}
    ${problem && html`<p class="fault" role="alert">${problem}</p>`}
    ${faults.value.length > 0 && html`<p class="fault">${faults.value.map((fault) => fault.text).join(" ")}</p>`}
    <div class="buttons"><${Button} label="Train on it" kind="primary" disabled=${!text.trim() || problem !== ""} onClick=${use} /></div>
  `;
}
