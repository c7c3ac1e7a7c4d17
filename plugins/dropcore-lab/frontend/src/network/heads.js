// Names, rates and buttons above the columns. They keep their size while the network is zoomed.

import { Icon } from "../base/icons.js";
import { html } from "../base/html.js";
import { counted } from "../base/format.js";
import { useLab } from "../lab/context.js";
import { columnMenu, gapMenu, show } from "./menus.js";

/** @typedef {import("./graph.js").Graph} Graph */
/** @typedef {import("../types.js").ColumnFacts} ColumnFacts */

/** @param {{graph: Graph}} properties */
export function Heads({ graph }) {
  const { state } = useLab();
  const { x, y, k } = graph.transform.value;
  const blocks = graph.blocks.value;
  const columns = state.analysis.value?.columns ?? [];
  if (columns.length !== blocks.length) return null;
  const top = Math.min(...blocks.map((block) => block.top)) * k + y;
  const across = blocks.slice(1).map((block, i) => (block.x - blocks[i].x) * k);
  const tight = Math.min(...across) < 148;
  return html`<div class="heads">
    ${blocks.map((block, i) => {
      const next = blocks[i + 1];
      return html`
        <${Head} key=${block.name} column=${columns[i]} left=${block.x * k + x} top=${top} tight=${tight} />
        ${next &&
        across[i] > 116 &&
        (next.left - block.right) * k > 56 &&
        html`<${Gap}
          key=${`${block.name}>`}
          place=${i}
          between=${[block.name, next.name]}
          left=${((block.right + next.left) / 2) * k + x}
          top=${top}
        />`}
      `;
    })}
  </div>`;
}

/** @param {{column: ColumnFacts, left: number, top: number, tight: boolean}} properties */
function Head({ column, left, top, tight }) {
  const lab = useLab();
  const { state } = lab;
  const { name } = column;
  const drop = column.dropout?.[state.run.value] ?? null;
  const findings = (state.advice.value?.findings ?? []).filter((finding) => finding.layers.includes(name));
  const unfit = state.frame.value?.state.reason === "not_finite" && state.frame.value.state.layer === name;
  const looked = state.focus.value?.layer === name;
  const size = counted(column.units, column.shape.length === 3 ? "map" : "unit");
  const open = (/** @type {any} */ event) => {
    event.preventDefault();
    const box = event.currentTarget.getBoundingClientRect();
    const at = event.type === "contextmenu" ? { x: event.clientX, y: event.clientY } : { x: box.left, y: box.bottom + 4 };
    state.menu.value = { ...columnMenu(lab, name), ...at, opener: event.currentTarget };
  };
  const dots = html`<button type="button" class="dots" aria-haspopup="menu" aria-label=${`Change ${name}`} onClick=${open}>
    <${Icon} name="more" />
  </button>`;
  return html`<div
    class=${`head${looked ? " looked-at" : ""}${tight ? " tight" : ""}`}
    style=${{ left: `${left}px`, top: `${top}px` }}
    onContextMenu=${open}
  >
    <div class="head-name"><span title=${name}>${name}</span>${!tight && dots}</div>
    <div class="head-facts">
      ${!tight && html`<span>${size}${column.activation === "none" ? "" : ` · ${column.activation}`}</span>`}
      ${column.norm && html`<span class="tag" title="batch normalisation">norm</span>`}
      ${drop && html`<span class="tag p" title=${`${drop.variant}, p = ${drop.p}`}>p ${drop.p}</span>`}
      ${findings.length > 0 &&
      html`<button
        type="button"
        class="badge"
        aria-label=${`${counted(findings.length, "finding")} on ${name}`}
        title=${findings.map((finding) => finding.mistake).join("; ")}
        onClick=${() => show(lab, name)}
      >
        <${Icon} name="warning" />
      </button>`}
      ${unfit && html`<span class="tag bad">not finite</span>`} ${tight && dots}
    </div>
  </div>`;
}

/** @param {{place: number, between: string[], left: number, top: number}} properties */
function Gap({ place, between, left, top }) {
  const lab = useLab();
  const open = (/** @type {any} */ event) => {
    event.preventDefault();
    const box = event.currentTarget.getBoundingClientRect();
    lab.state.menu.value = { ...gapMenu(lab, place), x: box.left, y: box.bottom + 4, opener: event.currentTarget };
  };
  return html`<button
    type="button"
    class="insert"
    aria-haspopup="menu"
    aria-label=${`Add a layer between ${between[0]} and ${between[1]}`}
    title="Add a layer here"
    style=${{ left: `${left}px`, top: `${top}px` }}
    onClick=${open}
    onContextMenu=${open}
  >
    <${Icon} name="plus" />
  </button>`;
}
