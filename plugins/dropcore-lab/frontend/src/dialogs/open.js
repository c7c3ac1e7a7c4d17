// A specification from a file, a link, or pasted text.

import { Button } from "../base/buttons.js";
import { keptOut } from "../base/files.js";
import { html, useState } from "../base/html.js";
import { useLab } from "../lab/context.js";

export function Open() {
  const lab = useLab();
  const { refused, typed } = lab.state;
  const text = typed.open.value;
  const [problem, setProblem] = useState("");
  const most = lab.state.catalogue.value?.limits.message ?? 262144;
  const read = (/** @type {string} */ from) => {
    // In a message, a quote or a line end takes two characters.
    if (JSON.stringify(from).length > most - 200) setProblem("This text is too long: it does not fit into one message.");
    else {
      setProblem("");
      lab.read(from);
    }
  };
  const file = async (/** @type {any} */ event) => {
    const chosen = event.currentTarget.files[0];
    if (chosen?.size > most) setProblem("The file is too large: it does not fit into one message.");
    else if (chosen) read(await chosen.text());
  };
  const paste = (/** @type {any} */ event) => {
    if (keptOut(event, most)) setProblem("This text is too long: it does not fit into one message.");
  };
  const type = (/** @type {any} */ event) => {
    typed.open.value = event.currentTarget.value;
  };
  return html`
    <label class="field">
      <span>A file that was saved here</span>
      <input type="file" accept=".json,application/json" onChange=${file} />
    </label>
    <label class="field">
      <span>Or a link, or the text of a specification</span>
      <textarea rows="5" spellcheck=${false} value=${text} onPaste=${paste} onDrop=${paste} onInput=${type}></textarea>
    </label>
    ${problem && html`<p class="fault" role="alert">${problem}</p>`}
    ${refused.value.length > 0 &&
    html`<ul class="fault-list" role="alert">
      ${refused.value.map((fault) => html`<li key=${fault.path}>${fault.path && html`<code>${fault.path}</code> `}${fault.text}</li>`)}
    </ul>`}
    <div class="buttons"><${Button} label="Open it" kind="primary" disabled=${!text.trim()} onClick=${() => read(text.trim())} /></div>
  `;
}
