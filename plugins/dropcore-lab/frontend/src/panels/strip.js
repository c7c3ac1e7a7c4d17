// Rows × units: every row of the batch has a mask of its own.

import { Button } from "../base/buttons.js";
import { countKept, rowShape } from "../base/bits.js";
import { Canvas } from "../base/canvas.js";
import { percent, shortAddress, whole } from "../base/format.js";
import { html } from "../base/html.js";
import { copyText } from "../base/files.js";
import { maskGrid, maskPicture } from "../charts/masks.js";
import { useLab } from "../lab/context.js";
import { Prediction } from "./prediction.js";

/** @typedef {import("../types.js").Mask} Mask */

export function Strip() {
  const { state } = useLab();
  const masked = state.strip.value.columns.filter(({ mask }) => mask);
  const looked = state.pinned.value?.layer;
  const now = masked.find(({ name }) => name === looked) ?? masked[0] ?? null;
  return html`<section class="panel strip" aria-label="Masks of this step">
    <header>
      <h2>Masks of this step</h2>
      ${masked.length > 1 && html`<${LayerChoice} names=${masked.map(({ name }) => name)} now=${now?.name ?? ""} />`}
      ${masked.length === 1 && html`<span class="facts">${now?.name}</span>`}
      ${now?.mask && html`<${Facts} mask=${now.mask} />`}
    </header>
    <div class="one-row"><${RowSlider} /><${Prediction} /></div>
    ${now?.mask?.packed ? html`<${Rows} name=${now.name} mask=${now.mask} />` : html`<${Nothing} mask=${now?.mask ?? null} />`}
  </section>`;
}

/** @param {{names: string[], now: string}} properties */
function LayerChoice({ names, now }) {
  const { pinned } = useLab().state;
  return html`<select
    aria-label="Whose masks"
    value=${now}
    onChange=${(/** @type {any} */ event) => {
      pinned.value = { layer: event.currentTarget.value, unit: null };
    }}
  >
    ${names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
  </select>`;
}

/** @param {{mask: Mask}} properties */
function Facts({ mask }) {
  const { kept, all } = countKept(mask);
  return html`
    <span class="facts">p ${mask.p}${mask.packed && html`, kept ${whole(kept)} of ${whole(all)} (${percent(kept / all)})`}</span>
    <span class="spring"></span>
    <code class="address" title=${mask.address}>${shortAddress(mask.address)}</code>
    <${Button} icon="copy" label="Copy the address of this mask" bare kind="quiet" onClick=${() => copyText(mask.address)} />
  `;
}

function RowSlider() {
  const { state } = useLab();
  const frame = state.frame.value;
  const count = frame?.rows.values.length ?? 1;
  const row = Math.min(state.row.value, count - 1);
  return html`<label class="row-slider">
    <span>row <output>${row + 1}</output> of ${count}</span>
    <input
      type="range"
      min="0"
      max=${count - 1}
      value=${row}
      disabled=${!frame}
      aria-label="Row of the batch"
      aria-valuetext=${`row ${row + 1} of ${count}`}
      onInput=${(/** @type {any} */ event) => {
        state.row.value = Number(event.currentTarget.value);
      }}
    />
  </label>`;
}

/** @param {{name: string, mask: Mask}} properties */
function Rows({ name, mask }) {
  const { state } = useLab();
  const grid = maskGrid(mask);
  const { row } = state.strip.value;
  const focus = state.focus.value;
  const unit = focus?.layer === name ? focus.unit : null;
  const { kept, all } = countKept(mask);
  const pick = (/** @type {any} */ event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const at = (/** @type {number} */ part, /** @type {number} */ count) => Math.min(count - 1, Math.max(0, Math.floor(part * count)));
    state.row.value = at((event.clientX - box.left) / box.width, grid.columns);
    state.pinned.value = { layer: name, unit: Math.floor(at((event.clientY - box.top) / box.height, grid.rows) / rowShape(mask.shape).each) };
  };
  const tall = grid.rows > 48;
  return html`<div class="rows" tabindex=${tall ? 0 : undefined}>
    <${Canvas}
      height=${tall ? Math.min(4096, grid.rows * 2) : undefined}
      label=${`Masks of ${name}: ${grid.columns} rows by ${grid.rows} decisions, ${kept} of ${all} kept`}
      paint=${maskPicture(mask, { run: state.run.value, row: grid.columns > 1 ? row : null, unit })}
      onClick=${pick}
    />
  </div>`;
}

/** @param {{mask: Mask | null}} properties */
function Nothing({ mask }) {
  const { state } = useLab();
  return html`<p class="empty">${reason(state, mask)}</p>`;
}

/**
 * @param {import("../lab/state.js").State} state
 * @param {Mask | null} mask
 */
function reason(state, mask) {
  if (!state.frame.value) return "The masks of each step appear here: one column for each row of the batch, one line for each unit.";
  if (state.mode.value === "inference") return "Inference: nothing is dropped, so there is no mask. Choose Training to see the step's masks.";
  if (mask) return "This variant multiplies by noise: no unit is kept or dropped, so there is nothing to draw.";
  return "This network has no dropout. Press “…” on a layer, or right-click it, and choose a rate.";
}
