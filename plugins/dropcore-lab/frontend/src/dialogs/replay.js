// A mask by its address or its record; and the masks of any step, trained or not.

import { Button } from "../base/buttons.js";
import { Canvas } from "../base/canvas.js";
import { countKept } from "../base/bits.js";
import { copyText } from "../base/files.js";
import { percent, whole } from "../base/format.js";
import { html, useState } from "../base/html.js";
import { maskPicture } from "../charts/masks.js";
import { useLab } from "../lab/context.js";

export function Replay() {
  return html`<${OfAddress} /><${OfStep} />`;
}

/**
 * Send requests; keep the last answer, or the text of the error.
 * @returns {[any, string, (message: object) => void]}
 */
function useAnswer() {
  const lab = useLab();
  const [answer, setAnswer] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState("");
  const ask = (/** @type {object} */ message) => {
    setProblem("");
    lab.ask(message).then(setAnswer, (error) => {
      setAnswer(null);
      setProblem(error.message);
    });
  };
  return [answer, problem, ask];
}

function OfAddress() {
  const lab = useLab();
  const shown = lab.state.strip.value.columns.find(({ mask }) => mask)?.mask?.address ?? "";
  const [text, setText] = useState(shown);
  const [p, setP] = useState("");
  const [shape, setShape] = useState("");
  const [answer, problem, ask] = useAnswer();
  const replay = () => {
    const numbers = shape.split(/[\s,×x]+/).filter(Boolean).map(Number);
    ask({
      type: "replay",
      text: text.trim(),
      ...(p.trim() ? { p: Number(p) } : {}),
      ...(numbers.length ? { shape: numbers } : {}),
    });
  };
  const on = (/** @type {(value: string) => void} */ set) => (/** @type {any} */ event) => set(event.currentTarget.value);
  return html`<section>
    <h3>An address, or a record</h3>
    <label class="field">
      <span>An address (dc1:…) or the JSON of Mask.record()</span>
      <textarea rows="3" spellcheck=${false} value=${text} onInput=${on(setText)}></textarea>
    </label>
    <div class="pair">
      <label class="field"><span>p, if the address is not from this network</span><input type="text" inputmode="decimal" value=${p} placeholder="as in this network" onInput=${on(setP)} /></label>
      <label class="field"><span>shape, if the address is not from this network</span><input type="text" value=${shape} placeholder="64, 16" onInput=${on(setShape)} /></label>
    </div>
    <div class="buttons"><${Button} label="Replay it" kind="primary" disabled=${!text.trim()} onClick=${replay} /></div>
    ${problem && html`<p class="fault" role="alert">${problem}</p>`}
    ${answer &&
    html`<div role="status">
      <p>${answer.text}</p>
      <${MaskFigure} mask=${{ ...answer, module: "" }} />
    </div>`}
  </section>`;
}

function OfStep() {
  const { state } = useLab();
  const [step, setStep] = useState(String(state.frame.value?.shown ?? 0));
  const [answer, problem, ask] = useAnswer();
  const wanted = Number(step);
  const valid = /^\d+$/.test(step.trim());
  const masked = (answer?.columns ?? []).filter((/** @type {any} */ column) => column.mask);
  return html`<section>
    <h3>Any step of run ${state.spec.value?.runs[state.run.value]?.name}</h3>
    <p class="hint">A mask does not depend on the training before its step. So the masks of future steps are already known.</p>
    <div class="pair">
      <label class="field"><span>step, counted from 0</span>
        <input type="text" inputmode="numeric" value=${step} onInput=${(/** @type {any} */ event) => setStep(event.currentTarget.value)} />
      </label>
      <div class="buttons">
        <${Button} label="Show the masks" disabled=${!valid} onClick=${() => ask({ type: "masks", run: state.run.value, step: wanted })} />
      </div>
    </div>
    ${problem && html`<p class="fault" role="alert">${problem}</p>`}
    ${answer && masked.length === 0 && html`<p class="hint">This run drops nothing.</p>`}
    ${masked.map(
      (/** @type {any} */ column) => html`<div key=${column.name} class="step-mask">
        <h4>${column.name}</h4>
        <p class="address-line">
          <code>${column.mask.address}</code>
          <${Button} icon="copy" label=${`Copy the address of ${column.name}`} bare kind="quiet" onClick=${() => copyText(column.mask.address)} />
        </p>
        <${MaskFigure} mask=${column.mask} />
      </div>`,
    )}
  </section>`;
}

/** @param {{mask: import("../types.js").Mask}} properties */
function MaskFigure({ mask }) {
  const { state } = useLab();
  if (!mask.packed) return html`<p class="hint">This variant multiplies by noise: no unit is kept or dropped, so there is nothing to draw.</p>`;
  const { kept, all } = countKept(mask);
  const words = `kept ${whole(kept)} of ${whole(all)} (${percent(kept / all)}), p ${mask.p}, shape ${mask.shape.join(" × ")}`;
  return html`<figure class="mask-figure">
    <${Canvas} height=${110} label=${words} paint=${maskPicture(mask, { run: state.run.value, row: null, unit: null })} />
    <figcaption>${words}; rows from left to right</figcaption>
  </figure>`;
}
