// Play, step, progress, mode, open and share.

import { Button, Segmented } from "../base/buttons.js";
import { whole } from "../base/format.js";
import { html } from "../base/html.js";
import { useLab } from "../lab/context.js";

const SPEEDS = [
  { id: "1", text: "1 step a second" },
  { id: "2", text: "2 a second" },
  { id: "20", text: "20 a second" },
  { id: "200", text: "200 a second" },
  { id: "", text: "full speed" },
];

const MODES = [
  { id: "training", text: "Training", title: "The step as training saw it: units are dropped" },
  { id: "inference", text: "Inference", title: "The same rows, nothing dropped" },
  { id: "left_on", text: "Left on", title: "The mistake: inference with dropout left on" },
];

export function TopBar() {
  const lab = useLab();
  const { state } = lab;
  const open = (/** @type {string} */ kind) => () => {
    state.dialog.value = { kind };
  };
  return html`<header class="topbar">
    <h1>The Lab</h1>
    <${Playback} />
    <${Segmented}
      label="What the network does with the rows"
      value=${state.mode.value}
      choices=${MODES}
      onChoose=${(/** @type {any} */ id) => {
        state.mode.value = id;
      }}
    />
    <div class="group actions">
      <${Button} icon="open" label="Open" onClick=${open("open")} />
      <${Button} icon="share" label="Share" onClick=${open("share")} />
      <${Button} icon="code" label="Export" onClick=${open("export")} />
      <${Button} icon="help" label="Keys and signs" bare kind="quiet" onClick=${open("help")} />
    </div>
  </header>`;
}

function Playback() {
  const lab = useLab();
  const { state } = lab;
  const playing = state.playing.value;
  const dead = state.status.value.kind !== "open" || !state.frame.value;
  const finished = state.frame.value?.state.reason === "finished";
  return html`<div class="group playback" role="group" aria-label="Training">
    <${Button}
      icon=${playing ? "pause" : "play"}
      label=${playing ? "Pause" : "Play"}
      kind="primary"
      class="play"
      disabled=${dead || finished}
      onClick=${() => lab.toggle()}
    />
    <${Button} icon="step" label="Step" disabled=${dead || finished} onClick=${() => lab.run("step")} />
    <${Button}
      icon="again"
      label="This step again"
      title="Repeats the step with the same rows, weights and draws: the masks are the same to the bit"
      disabled=${dead || !state.frame.value?.step}
      onClick=${() => lab.run("again")}
    />
    <${Button} icon="reset" label="Reset" title="Back to step 0" disabled=${dead} onClick=${() => lab.run("reset")} />
    <label class="speed">
      <span class="unseen">Speed</span>
      <select
        value=${state.speed.value === null ? "" : String(state.speed.value)}
        onChange=${(/** @type {any} */ event) => lab.setSpeed(event.currentTarget.value === "" ? null : Number(event.currentTarget.value))}
      >
        ${SPEEDS.map(({ id, text }) => html`<option key=${id} value=${id}>${text}</option>`)}
      </select>
    </label>
  </div>`;
}

/** The progress of the training. */
export function Progress() {
  const { frame } = useLab().state;
  const now = frame.value;
  if (!now) return html`<div class="progress"></div>`;
  const rate = now.rate === null ? "" : `, ${whole(Math.round(now.rate))} steps a second`;
  return html`<div class="progress">
    <span class="steps">step ${whole(now.step)} of ${whole(now.steps)}</span>
    <progress max="100" value=${now.percent} aria-label="Training done" title=${`${now.epoch.toFixed(1)} passes over the training rows${rate}`}>${now.percent} %</progress>
    <span>${now.percent.toFixed(0)} %</span>
  </div>`;
}
