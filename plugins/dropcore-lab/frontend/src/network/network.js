// The panel of the network.

import { Button, Segmented } from "../base/buttons.js";
import { html, useEffect, useMemo, useRef } from "../base/html.js";
import { useLab } from "../lab/context.js";
import { Graph } from "./graph.js";
import { Heads } from "./heads.js";
import { keyHandler, pointerHandlers } from "./keys.js";
import { Tip } from "./tip.js";

export function Network() {
  const lab = useLab();
  const graph = useMemo(() => new Graph(lab), [lab]);
  const host = useRef(/** @type {any} */ (null));
  const canvas = useRef(/** @type {any} */ (null));
  const svg = useRef(/** @type {any} */ (null));
  const on = useMemo(() => pointerHandlers(lab, graph), [lab]);
  const onKey = useMemo(() => keyHandler(lab, graph), [lab]);
  useEffect(() => {
    graph.attach(host.current, canvas.current, svg.current);
    return () => graph.detach();
  }, []);
  return html`<section class="panel network" aria-label="Network">
    <header>
      <h2>Network</h2>
      <${RunChoice} />
      <span class="spring"></span>
      <${History} />
      <div class="group" role="group" aria-label="View of the network">
        <${Button} icon="minus" label="Zoom out" bare kind="quiet" onClick=${() => graph.scaleBy(0.8)} />
        <${Button} icon="fit" label="Fit" bare kind="quiet" onClick=${() => graph.fit()} />
        <${Button} icon="plus" label="Zoom in" bare kind="quiet" onClick=${() => graph.scaleBy(1.25)} />
      </div>
    </header>
    <div class=${`graph run-${lab.state.run.value}`} ref=${host}>
      <canvas ref=${canvas} aria-hidden="true"></canvas>
      <svg
        ref=${svg}
        role="graphics-document document"
        aria-label="The network. Arrow keys go from unit to unit, Enter edits a layer, Shift and F10 open its menu."
        onPointerMove=${on.move}
        onPointerLeave=${on.leave}
        onClick=${on.click}
        onContextMenu=${on.menu}
        onFocusIn=${on.focus}
        onKeyDown=${onKey}
      >
        <g></g>
      </svg>
      <${Heads} graph=${graph} />
      <${Tip} graph=${graph} />
      <${Key} />
    </div>
  </section>`;
}

/** The choice of the run that is drawn. */
function RunChoice() {
  const { state } = useLab();
  const runs = state.spec.value?.runs ?? [];
  if (runs.length < 2) return null;
  return html`<${Segmented}
    label="Whose network is drawn"
    value=${String(state.run.value)}
    choices=${runs.map((run, i) => ({ id: String(i), text: run.name, class: `run-${i}` }))}
    onChoose=${(/** @type {string} */ id) => {
      state.run.value = Number(id);
    }}
  />`;
}

function History() {
  const lab = useLab();
  const { past, future } = lab.state.history.value;
  return html`<div class="group" role="group" aria-label="Changes">
    <${Button} icon="undo" label="Undo" bare kind="quiet" title="Undo (Ctrl + Z)" disabled=${!past.length} onClick=${() => lab.undo()} />
    <${Button} icon="redo" label="Redo" bare kind="quiet" title="Redo (Ctrl + Shift + Z)" disabled=${!future.length} onClick=${() => lab.redo()} />
  </div>`;
}

/** The legend of the drawing. */
function Key() {
  const { masks, analysis, catalogue } = useLab().state;
  const edges = (analysis.value?.columns ?? []).map((column) => column.edges);
  const most = catalogue.value?.limits.drawn_edges ?? Infinity;
  const tooMany = edges.some((count) => count > most) || edges.reduce((a, b) => a + b, 0) > most;
  return html`<div class="key" aria-hidden="true">
    <svg viewBox="-8 -8 16 16"><circle class="key-kept" r="6" /></svg><span>kept</span>
    ${masks.value.fast
      ? html`<svg viewBox="-8 -8 16 16"><circle class="key-arc" r="6" pathLength="100" /></svg><span>how often kept so far</span>`
      : html`<svg viewBox="-8 -8 16 16" class="dropped"><circle class="key-dropped" r="6" /><path d="M-3-3 3 3M3-3-3 3" /></svg><span>dropped</span>`}
    <svg viewBox="0 0 22 8"><path d="M1 4h20" /></svg><span>weight above 0</span>
    <svg viewBox="0 0 22 8"><path d="M1 4h20" stroke-dasharray="5 4" /></svg><span>below 0</span>
    ${tooMany && html`<i class="shade"></i><span>too many to draw: point at a unit</span>`}
  </div>`;
}
