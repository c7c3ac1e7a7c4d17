// The network on the screen: a canvas with edges, SVG with units, and d3-zoom over both.

import { batch, effect, signal } from "@preact/signals";
import { select } from "d3-selection";
import { zoom, zoomIdentity } from "d3-zoom";
import { keptUnits } from "../base/bits.js";
import { css, diverging, palette, theme } from "../base/colours.js";
import { drawEdges } from "./edges.js";
import { fitted, layout } from "./layout.js";
import { drawMaps, drawStrip } from "./maps.js";
import { buildUnits, paintUnits } from "./units.js";

/** @typedef {import("../lab/lab.js").Lab} Lab */
/** @typedef {import("./layout.js").Block} Block */

const ROOM = { top: 58, side: 64, bottom: 32 }; // pixels around a fitted network
const SCALES = /** @type {[number, number]} */ ([0.1, 8]);

export class Graph {
  /** @param {Lab} lab */
  constructor(lab) {
    this.lab = lab;
    this.blocks = signal(/** @type {Block[]} */ ([]));
    this.transform = signal({ x: 0, y: 0, k: 1 });
    /** The unit that a key press begins at. */
    this.cursor = signal({ column: 0, unit: 0 });
    /** @type {import("./units.js").Unit[][]} */
    this.units = [];
    this.own = false; // whether the person has panned or zoomed
    this.queued = false;
    /** @type {[number, number, number][] | null} */
    this.ramp = null;
    /** @type {Array<() => void>} */
    this.ends = [];
  }

  /**
   * @param {HTMLElement} host
   * @param {HTMLCanvasElement} canvas
   * @param {SVGSVGElement} svg
   */
  attach(host, canvas, svg) {
    this.host = host;
    this.canvas = canvas;
    this.svg = svg;
    this.layer = /** @type {SVGGElement} */ (svg.querySelector("g"));
    this.zoom = zoom()
      .scaleExtent(SCALES)
      .extent(() => [[0, 0], [host.clientWidth, host.clientHeight]])
      .on("zoom", ({ transform, sourceEvent }) => {
        if (sourceEvent) this.own = true;
        this.transform.value = { x: transform.x, y: transform.y, k: transform.k };
        this.layer?.setAttribute("transform", String(transform));
        this.paintLater();
      });
    select(/** @type {Element} */ (svg)).call(/** @type {any} */ (this.zoom)).on("dblclick.zoom", null);
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(host);
    this.ends.push(
      () => observer.disconnect(),
      effect(() => this.rebuild()),
      effect(() => {
        const { frame, masks, focus } = this.lab.state;
        void [frame.value, masks.value, focus.value];
        this.paintLater();
      }),
      effect(() => {
        void theme.value;
        this.ramp = null;
        this.paintLater();
      }),
    );
  }

  detach() {
    for (const end of this.ends) end();
    this.ends = [];
  }

  // ------------------------------------------------------------ position

  resize() {
    if (!this.host || !this.canvas) return;
    const { clientWidth: width, clientHeight: height } = this.host;
    if (width === 0) return;
    const scale = Math.min(devicePixelRatio || 1, 2);
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    if (!this.own) {
      this.rebuild();
      this.fit();
    }
    this.paintLater();
  }

  /** The width in pixels if the input is an image; otherwise 0. */
  imageWidth() {
    const { catalogue, spec } = this.lab.state;
    const shape = catalogue.peek().datasets.find((/** @type {any} */ each) => each.name === spec.peek()?.data.name)?.shape;
    return shape?.length === 3 ? shape[2] : 0;
  }

  /** The room for the network itself. */
  inner() {
    const { clientWidth = 0, clientHeight = 0 } = this.host ?? {};
    return {
      width: Math.max(clientWidth - 2 * ROOM.side, 40),
      height: Math.max(clientHeight - ROOM.top - ROOM.bottom, 40),
    };
  }

  fit() {
    if (!this.host || !this.svg) return;
    const size = { width: this.host.clientWidth, height: this.host.clientHeight };
    const { x, y, k } = fitted(this.blocks.peek(), size, ROOM);
    this.own = false;
    this.zoom?.transform(select(/** @type {Element} */ (this.svg)), zoomIdentity.translate(x, y).scale(k));
  }

  /** @param {number} factor */
  scaleBy(factor) {
    if (!this.svg) return;
    this.own = true;
    this.zoom?.scaleBy(select(/** @type {Element} */ (this.svg)), factor);
  }

  /**
   * @param {number} dx pixels
   * @param {number} dy
   */
  panBy(dx, dy) {
    if (!this.svg) return;
    this.own = true;
    const { k } = this.transform.peek();
    this.zoom?.translateBy(select(/** @type {Element} */ (this.svg)), dx / k, dy / k);
  }

  /**
   * The unit, the column, or the gap before a column at a point of the window.
   * @param {{clientX: number, clientY: number}} event
   * @returns {{column: number | null, unit: number | null, gap: number}}
   */
  under(event) {
    const box = /** @type {SVGSVGElement} */ (this.svg).getBoundingClientRect();
    const { x, y, k } = this.transform.peek();
    const at = { x: (event.clientX - box.left - x) / k, y: (event.clientY - box.top - y) / k };
    const blocks = this.blocks.peek();
    const gap = blocks.findIndex((block) => at.x < block.x);
    const column = blocks.findIndex((block) => at.x >= block.left - 10 && at.x <= block.right + 10);
    if (column < 0) return { column: null, unit: null, gap: gap < 0 ? blocks.length : gap };
    let unit = null;
    let nearest = Infinity;
    blocks[column].units.forEach((place, i) => {
      const distance = Math.hypot(place.x - at.x, place.y - at.y);
      if (distance < nearest && distance <= blocks[column].radius * 1.6) [nearest, unit] = [distance, i];
    });
    return { column, unit, gap: gap < 0 ? blocks.length : gap };
  }

  // ---------------------------------------------------------------- drawing

  rebuild() {
    const { analysis, catalogue } = this.lab.state;
    const facts = analysis.value;
    if (!facts || !this.layer) return;
    const { width, height } = this.inner();
    const blocks = layout(facts.columns, catalogue.peek().limits.drawn_units, { aspect: width / height, imageWidth: this.imageWidth() });
    const shape = (/** @type {Block[]} */ all) => all.map(({ name, count, kind, x }) => [name, count, kind, x].join()).join(";");
    if (shape(blocks) === shape(this.blocks.peek())) return;
    const inFocus = this.layer.contains(document.activeElement);
    this.units = buildUnits(this.layer, blocks);
    batch(() => {
      this.blocks.value = blocks;
      const { column, unit } = this.cursor.peek();
      const safe = Math.min(column, blocks.length - 1);
      this.moveCursor({ column: safe, unit: Math.min(unit, Math.max(blocks[safe].units.length - 1, 0)) }, inFocus);
    });
    this.fit();
  }

  /**
   * The Tab key stops only at one unit: the unit that was last in focus.
   * @param {{column: number, unit: number}} to
   * @param {boolean} [focus]
   */
  moveCursor(to, focus = false) {
    const { column, unit } = this.cursor.peek();
    this.units[column]?.[unit]?.group.setAttribute("tabindex", "-1");
    this.cursor.value = to;
    const group = this.units[to.column]?.[to.unit]?.group;
    group?.setAttribute("tabindex", "0");
    if (focus) group?.focus({ preventScroll: true });
  }

  paintLater() {
    if (this.queued) return;
    this.queued = true;
    requestAnimationFrame(() => {
      this.queued = false;
      if (this.ends.length) this.paint();
    });
  }

  paint() {
    if (!this.canvas || this.canvas.width === 0 || this.blocks.peek().length === 0) return;
    const { frame, masks, focus } = this.lab.state;
    const { columns: shownMasks, row, fast } = masks.peek();
    const blocks = this.blocks.peek();
    const shown = frame.peek();
    const columns = blocks.map((block, i) => fitting(shown?.columns[i], block));
    const whole = columns.every(Boolean); // otherwise the frame belongs to the network before the edit
    const looked = focus.peek();
    const column = blocks.findIndex((block) => block.name === looked?.layer);
    const same = shown?.focus && shown.focus.layer === looked?.layer && shown.focus.unit === looked?.unit;
    drawEdges(this.canvas, this.transform.peek(), {
      blocks,
      weights: columns.map((each) => (whole ? (each?.weights ?? null) : null)),
      focus:
        column < 0
          ? null
          : {
              column,
              unit: looked?.unit ?? null,
              incoming: same && whole ? shown.focus.incoming : null,
              outgoing: same && whole ? shown.focus.outgoing : null,
            },
      mostEdges: this.lab.state.catalogue.peek().limits.drawn_edges,
    });
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    const colours = palette(this.canvas);
    this.ramp ??= diverging(colours);
    const ramp = this.ramp;
    blocks.forEach((block, i) => {
      const state = columns[i];
      const mask = fast ? null : (shownMasks.find(({ name }) => name === block.name)?.mask ?? null);
      const kept = keptUnits(mask, row, block.count);
      const selected = column === i;
      this.units[i][0]?.group.parentElement?.classList.toggle("looked-at", selected);
      this.units[i].forEach(({ group }, unit) => {
        const now = selected && looked?.unit === unit;
        if (group.classList.contains("selected") !== now) group.classList.toggle("selected", now);
      });
      if (state?.activation && block.kind === "maps") drawMaps(context, block, state, ramp, { mask, row, hollow: colours.paper });
      else if (state?.activation && block.kind === "strip") drawStrip(context, block, state, ramp, { kept, hollow: colours.paper });
      paintUnits(this.units[i], {
        fill: block.kind === "units" ? filler(state, ramp) : () => "none",
        kept: block.kind === "strip" ? null : kept,
        shares: fast && state?.kept && state.passes ? shares(state) : null,
      });
    });
  }
}

/**
 * The state of a block in a frame; null if the frame belongs to another network.
 * @param {import("../types.js").ColumnState | undefined} column
 * @param {Block} block
 */
function fitting(column, block) {
  if (column?.name !== block.name) return null;
  return !column.activation || column.activation.shape[0] === block.count ? column : null;
}

/**
 * The colour of a unit, from blue for the least to vermilion for the largest of its column.
 * @param {import("../types.js").ColumnState | null} state
 * @param {[number, number, number][]} ramp
 */
function filler(state, ramp) {
  const values = state?.activation?.values;
  if (!values) return () => null;
  let most = 1e-12;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return (/** @type {number} */ unit) => {
    const value = values[unit];
    return Number.isFinite(value) ? css(ramp[Math.round(127.5 + (127.5 * value) / most)]) : null;
  };
}

/** @param {import("../types.js").ColumnState} state */
const shares = (state) => state.mask?.p === 0 ? null : Float32Array.from(/** @type {any} */ (state.kept).values, (kept) => kept / state.passes);
