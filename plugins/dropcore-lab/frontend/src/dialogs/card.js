// A guided experiment: first a guess, then several seeds, then the measurements.

import { Button } from "../base/buttons.js";
import { Canvas } from "../base/canvas.js";
import { decimal } from "../base/format.js";
import { html, useState } from "../base/html.js";
import { useOwnId } from "../base/id.js";
import { dotLine } from "../charts/dots.js";
import { LineChart } from "../charts/lines.js";
import { useLab } from "../lab/context.js";

/** @param {{card: any}} properties */
export function Card({ card }) {
  const name = useOwnId();
  const lab = useLab();
  const [guess, setGuess] = useState("");
  const [problem, setProblem] = useState("");
  const now = lab.state.card.value?.card === card.id ? lab.state.card.value : null;
  const running = now !== null && !now.done;
  const start = () => {
    setProblem("");
    lab.state.card.value = { card: card.id, done: false, progress: { done: 0, total: 1, text: "The training begins…" } };
    lab.ask({ type: "card", card: card.id, guess, seeds: card.seeds }).catch((error) => {
      lab.state.card.value = null;
      setProblem(error.message);
    });
  };
  return html`
    <p>${card.text}</p>
    <fieldset class="guess" disabled=${now !== null}>
      <legend>${card.question}</legend>
      ${card.choices.map(
        (/** @type {any} */ choice) => html`<label key=${choice.id} class="check">
          <input type="radio" name=${name} value=${choice.id} checked=${guess === choice.id} onChange=${() => setGuess(choice.id)} />
          ${choice.text}
        </label>`,
      )}
    </fieldset>
    ${now === null &&
    html`<div class="buttons">
      <${Button} icon="play" label=${`Run ${card.seeds} seeds`} kind="primary" disabled=${guess === ""} onClick=${start} />
      <span class="hint">${guess === "" ? "Choose your guess first." : ""}</span>
    </div>`}
    ${problem && html`<p class="fault" role="alert">${problem}</p>`}
    ${running && html`<${Running} progress=${now.progress} onStop=${() => lab.send({ type: "cancel" })} />`}
    ${now?.done && html`<${Measured} card=${card} result=${now} />`}
  `;
}

/** @param {{progress: {done: number, total: number, text: string}, onStop: () => void}} properties */
function Running({ progress, onStop }) {
  return html`<div class="running">
    <progress max=${progress.total} value=${progress.done} aria-label="Experiment done"></progress>
    <span role="status">${progress.text}</span>
    <${Button} label="Stop" onClick=${onStop} />
  </div>`;
}

/** @param {{card: any, result: any}} properties */
function Measured({ card, result }) {
  const verdict = result.answer === null ? "Too few seeds for an answer." : result.right ? "Your guess was right." : "Your guess was wrong.";
  const curves = result.curves;
  const lines = (curves?.arms ?? []).flatMap((/** @type {any} */ arm, /** @type {number} */ run) => [
    { label: `${result.arms[run].label}, training`, run, dash: [6, 4], width: 1.5, values: arm.training_off.values },
    { label: `${result.arms[run].label}, validation`, run, dash: [], width: 2, values: arm.validation_off.values },
  ]);
  return html`
    <div role="status">
      <h3>${verdict}</h3>
      ${result.sentences.map((/** @type {string} */ sentence) => html`<p key=${sentence}>${sentence}</p>`)}
    </div>
    <${Arms} arms=${result.arms} figures=${result.figures} />
    ${lines.length > 0 &&
    html`<h4>Mean losses over the seeds, dropout off: validation is solid, training is dashed</h4>
      <div class="card-curves"><${LineChart} steps=${curves.steps.values} lines=${lines} label="Loss over steps, means of the seeds" /></div>`}
    <p class="hint">These figures were measured just now, over ${card.seeds} seeds. The result may differ for other data.</p>
  `;
}

/** @param {{arms: any[], figures: string[]}} properties */
function Arms({ arms, figures }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Measurements"><table class="losses arms">
    <thead>
      <tr><th scope="col"></th>${figures.map((figure) => html`<th key=${figure} scope="col">${figure}</th>`)}</tr>
    </thead>
    <tbody>
      ${arms.map(
        (arm, run) => html`<tr key=${arm.label} class=${`run-${run}`}>
          <th scope="row"><span class="swatch" aria-hidden="true"></span>${arm.label}</th>
          ${arm.figures.map((/** @type {any} */ figure, /** @type {number} */ i) => {
            const places = figures[i].includes("%") ? 1 : 3;
            const all = arms.flatMap((each) => each.figures[i].values);
            const range = /** @type {[number, number]} */ ([Math.min(...all), Math.max(...all)]);
            return html`<td key=${i}>
              ${decimal(figure.mean, places)} <small>± ${decimal(figure.sd, places)}</small>
              <${Canvas}
                height=${18}
                label=${`each seed: ${figure.values.map((/** @type {number} */ value) => decimal(value, places)).join(", ")}`}
                paint=${dotLine({ values: figure.values, run, marks: [{ at: figure.mean }], range })}
              />
            </td>`;
          })}
        </tr>`,
      )}
    </tbody>
  </table></div>`;
}
