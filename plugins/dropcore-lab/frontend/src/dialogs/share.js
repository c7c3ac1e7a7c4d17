// The set-up as a link, or as a file.

import { Button } from "../base/buttons.js";
import { copyText, saveText } from "../base/files.js";
import { html, useState } from "../base/html.js";
import { shareAddress } from "../connect/fragment.js";
import { useLab } from "../lab/context.js";

export function Share() {
  const lab = useLab();
  const { link, spec } = lab.state;
  const [said, setSaid] = useState("");
  const address = link.value && (lab.connection.shares ? shareAddress(window.location, link.value) : link.value);
  const copy = async () => setSaid((await copyText(address ?? "")) ? "Copied." : "Not copied: select the text and press Ctrl + C.");
  const save = () => saveText("lab.json", `${JSON.stringify(spec.value, null, 2)}\n`, "application/json");
  return html`
    ${address
      ? html`<label class="field">
            <span>A link to this network, data and training, without weights</span>
            <textarea class="link" rows="4" readonly value=${address}></textarea>
          </label>
          <p class="hint">Anyone who has the Lab can open this link with <em>Open</em>. In the address of a running Lab, the link can also replace the part after #.</p>`
      : html`<p>With its CSV, this set-up is too long for a link. Save the set-up as a file.</p>`}
    <div class="buttons">
      ${address && html`<${Button} icon="copy" label="Copy the link" kind="primary" onClick=${copy} />`}
      <${Button} label="Save as a file" onClick=${save} />
      <span role="status">${said}</span>
    </div>
  `;
}
