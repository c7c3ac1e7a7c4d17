// A short text beside the unit under the pointer.

import { decimal, percent } from "../base/format.js";
import { html } from "../base/html.js";
import { useLab } from "../lab/context.js";

/** @param {{graph: import("./graph.js").Graph}} properties */
export function Tip({ graph }) {
  const { state } = useLab();
  const focus = state.hovered.value;
  if (!focus || focus.unit === null) return null;
  const block = graph.blocks.value.find(({ name }) => name === focus.layer);
  const place = block?.units[focus.unit];
  if (!block || !place) return null;
  const { x, y, k } = graph.transform.value;
  const frame = state.frame.value;
  const column = frame?.columns.find(({ name }) => name === focus.layer);
  const facts = frame?.focus?.layer === focus.layer && frame?.focus?.unit === focus.unit ? frame.focus : null;
  const kept = column?.kept && column.passes ? column.kept.values[focus.unit] / column.passes : null;
  const style = { left: `${(place.x + block.radius) * k + x + 8}px`, top: `${place.y * k + y}px` };
  return html`<div class="tip" style=${style} aria-hidden="true">
    <strong>${focus.layer}, unit ${focus.unit + 1}</strong>
    <span>activation ${decimal(facts?.activation ?? null)}</span>
    ${kept !== null && html`<span>kept ${percent(kept)} so far</span>`}
    ${facts?.kept_now === false && html`<span>dropped for this row</span>`}
  </div>`;
}
