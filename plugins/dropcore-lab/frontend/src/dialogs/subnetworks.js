// All sub-networks, and the one pass that approximates their mean.

import { Canvas } from "../base/canvas.js";
import { decimal, percent, powerOfTwo, whole } from "../base/format.js";
import { html, useEffect, useState } from "../base/html.js";
import { subnetworkGrid } from "../charts/subnetworks.js";
import { useLab } from "../lab/context.js";

export function Subnetworks() {
  const lab = useLab();
  const { state } = lab;
  const [answer, setAnswer] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState("");
  const [at, setAt] = useState(0);
  useEffect(() => {
    lab.ask({ type: "subnetworks", run: state.run.value, row: state.row.value }).then(setAnswer, (error) => setProblem(error.message));
  }, []);
  if (problem) return html`<p class="fault" role="alert">${problem}</p>`;
  if (!answer) return html`<p role="status">Every sub-network predicts row ${state.row.value + 1}…</p>`;
  const { decisions, each } = answer;
  return html`
    <p>${`${decisions} units can be dropped, so there are ${powerOfTwo(decisions)} networks. Row ${answer.row + 1} of the batch, ${answer.what}.`}</p>
    <dl class="facts-list wide">
      <div><dt>one pass, dropout off</dt><dd>${decimal(answer.one_pass, 4)}</dd></div>
      <div><dt>arithmetic mean of all ${whole(answer.count)}</dt><dd>${decimal(answer.arithmetic_mean, 4)}</dd></div>
      <div><dt>geometric mean, normalised</dt><dd>${decimal(answer.geometric_mean, 4)}</dd></div>
    </dl>
    ${each ? html`<${Grid} answer=${answer} at=${at} onMove=${setAt} />` : html`<p class="hint">There are too many sub-networks to draw them one by one. The means are over all sub-networks.</p>`}
  `;
}

/** @param {{answer: any, at: number, onMove: (to: number) => void}} properties */
function Grid({ answer, at, onMove }) {
  const columns = 2 ** Math.ceil(answer.decisions / 2);
  const rows = answer.count / columns;
  const low = answer.each.values.reduce((/** @type {number} */ a, /** @type {number} */ b) => Math.min(a, b));
  const high = answer.each.values.reduce((/** @type {number} */ a, /** @type {number} */ b) => Math.max(a, b));
  const move = (/** @type {any} */ event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[/** @type {string} */ (event.key)];
    if (by === undefined) return;
    event.preventDefault();
    onMove(Math.min(answer.count - 1, Math.max(0, at + by)));
  };
  const point = (/** @type {any} */ event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const place = (/** @type {number} */ part, /** @type {number} */ count) => Math.min(count - 1, Math.max(0, Math.floor(part * count)));
    onMove(place((event.clientY - box.top) / box.height, rows) * columns + place((event.clientX - box.left) / box.width, columns));
  };
  return html`
    <div
      class="subnetworks"
      tabindex="0"
      role="group"
      aria-label=${`${whole(answer.count)} sub-networks; arrow keys go from one to the next`}
      onKeyDown=${move}
    >
      <${Canvas}
        label=${`${whole(answer.count)} predictions as a grid`}
        paint=${subnetworkGrid(answer.each.values, columns, rows, at)}
        onPointerMove=${point}
        onClick=${point}
      />
    </div>
    <p class="hint">Blue is the lowest, ${decimal(low)}; vermilion is the highest, ${decimal(high)}.</p>
    <p role="status" aria-live="polite">
      Sub-network ${whole(at + 1)}: ${keptWords(answer, at)}. It says ${decimal(answer.each.values[at], 4)}; it comes with
      probability ${percent(answer.weights.values[at], 3)}.
    </p>
  `;
}

/**
 * The units that a sub-network keeps, as text.
 * @param {any} answer
 * @param {number} network
 */
function keptWords(answer, network) {
  const parts = answer.modules.map((/** @type {any} */ { layer, first, decisions }) => {
    const kept = Array.from({ length: decisions }, (_, i) => i).filter((i) => Math.floor(network / 2 ** (first + i)) % 2 === 1);
    return `${layer} keeps ${kept.length === 0 ? "none" : kept.map((i) => i + 1).join(", ")}`;
  });
  return parts.join("; ");
}
