// A script that trains the same networks, and prints the same losses and addresses.

import { Button } from "../base/buttons.js";
import { copyText, saveText } from "../base/files.js";
import { html, useEffect, useState } from "../base/html.js";
import { useLab } from "../lab/context.js";

export function Export() {
  const lab = useLab();
  const runs = lab.state.spec.value?.runs ?? [];
  const [run, setRun] = useState("");
  const [script, setScript] = useState(/** @type {{name: string, text: string} | null} */ (null));
  const [said, setSaid] = useState("");
  useEffect(() => {
    let current = true;
    setScript(null);
    lab.ask({ type: "export", run: run === "" ? null : Number(run) }).then(
      (result) => current && setScript(result),
      (error) => current && setSaid(error.message),
    );
    return () => {
      current = false;
    };
  }, [run]);
  return html`
    <p>The script trains the same network with dropcore, without the Lab. It prints the same losses and the same addresses of masks as this page.</p>
    ${runs.length > 1 &&
    html`<label class="field">
      <span>Which run</span>
      <select value=${run} onChange=${(/** @type {any} */ event) => setRun(event.currentTarget.value)}>
        <option value="">all runs</option>
        ${runs.map((each, i) => html`<option key=${i} value=${String(i)}>run ${each.name}</option>`)}
      </select>
    </label>`}
    <pre class="script" tabindex="0" aria-label="The script">${script ? script.text : "…"}</pre>
    <div class="buttons">
      <${Button} icon="copy" label="Copy" kind="primary" disabled=${!script} onClick=${async () => setSaid((await copyText(script?.text ?? "")) ? "Copied." : "Not copied: select the text and press Ctrl + C.")} />
      <${Button} label="Save as a file" disabled=${!script} onClick=${() => script && saveText(script.name, script.text)} />
      <span role="status">${said}</span>
    </div>
  `;
}
