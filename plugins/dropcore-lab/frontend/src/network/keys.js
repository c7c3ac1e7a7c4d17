// The actions of keys and the pointer on the network.

import { columnMenu, gapMenu, remove, show } from "./menus.js";
import { neighbour } from "./layout.js";

/** @typedef {import("../lab/lab.js").Lab} Lab */
/** @typedef {import("./graph.js").Graph} Graph */

const PAN = 48; // pixels

/** The keys and their actions, for the list on the page. */
export const KEYS = [
  ["Arrow keys", "from unit to unit, from layer to layer"],
  ["Home, End", "first and last unit of a layer"],
  ["Enter", "edit the layer"],
  ["Shift + F10, or the menu key", "menu of the layer"],
  ["+ and −", "add a unit, remove a unit"],
  ["Delete", "remove the layer"],
  ["Space", "play, pause"],
  ["S", "one step"],
  ["A", "repeat this step"],
  ["Shift + arrow keys", "move the picture"],
  ["Page Up, Page Down, 0", "zoom in, zoom out, show the whole network"],
];

/**
 * @param {Lab} lab
 * @param {Graph} graph
 * @returns {(event: KeyboardEvent) => void}
 */
export function keyHandler(lab, graph) {
  const actions = simple(lab, graph);
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const cursor = graph.cursor.peek();
    const name = graph.blocks.peek()[cursor.column]?.name;
    if (event.shiftKey && event.key.startsWith("Arrow")) {
      const way = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [0, 0];
      graph.panBy(way[0] * PAN, way[1] * PAN);
    } else if ((event.shiftKey && event.key === "F10") || event.key === "ContextMenu") {
      openAt(lab, columnMenu(lab, name), /** @type {Element} */ (event.target));
    } else if (actions[event.key.toLowerCase()]) {
      actions[event.key.toLowerCase()](name);
    } else {
      const to = neighbour(graph.blocks.peek(), cursor, event.key);
      if (!to) return;
      graph.moveCursor(to, true);
    }
    event.preventDefault();
  };
}

/**
 * @param {Lab} lab
 * @param {Graph} graph
 * @returns {Record<string, (name: string) => void>}
 */
function simple(lab, graph) {
  const resize = (/** @type {string} */ label) => (/** @type {string} */ name) => {
    const item = columnMenu(lab, name).items.find((each) => each !== "line" && each.label.endsWith(label));
    if (item && item !== "line" && !item.disabled) item.act?.();
  };
  return {
    enter: (name) => show(lab, name),
    delete: (name) => remove(lab, name),
    "+": resize(" more"),
    "-": resize(" less"),
    "−": resize(" less"),
    " ": () => lab.toggle(),
    s: () => lab.run("step"),
    a: () => lab.run("again"),
    pageup: () => graph.scaleBy(1.25),
    pagedown: () => graph.scaleBy(0.8),
    0: () => graph.fit(),
  };
}

/**
 * @param {Lab} lab
 * @param {{label: string, items: any[]}} menu
 * @param {Element} opener
 */
function openAt(lab, menu, opener) {
  const box = opener.getBoundingClientRect();
  lab.state.menu.value = { ...menu, x: box.right + 4, y: box.bottom + 4, opener };
}

/**
 * @param {Lab} lab
 * @param {Graph} graph
 */
export function pointerHandlers(lab, graph) {
  const { hovered, pinned, menu } = lab.state;
  const focusAt = (/** @type {MouseEvent} */ event) => {
    const { column, unit } = graph.under(event);
    return column === null ? null : { layer: graph.blocks.peek()[column].name, unit };
  };
  return {
    /** @param {PointerEvent} event */
    move(event) {
      if (event.pointerType === "touch" || event.buttons) return;
      const next = focusAt(event);
      const old = hovered.peek();
      const target = next && next.unit !== null ? next : null;
      if (old?.layer !== target?.layer || old?.unit !== target?.unit) hovered.value = target;
    },
    leave: () => {
      hovered.value = null;
    },
    /** @param {MouseEvent} event */
    click(event) {
      pinned.value = focusAt(event);
      const { column, unit } = graph.under(event);
      if (column !== null) graph.moveCursor({ column, unit: unit ?? 0 });
    },
    /** @param {MouseEvent} event */
    menu(event) {
      event.preventDefault();
      if (event.clientX === 0 && event.clientY === 0) return; // from a key, which keyHandler handles
      const { column, gap } = graph.under(event);
      const what =
        column === null
          ? gapMenu(lab, Math.min(Math.max(gap - 1, 0), graph.blocks.peek().length - 2))
          : columnMenu(lab, graph.blocks.peek()[column].name);
      menu.value = { ...what, x: event.clientX, y: event.clientY, opener: graph.svg };
    },
    /** @param {FocusEvent} event */
    focus(event) {
      const { column, unit } = /** @type {SVGElement} */ (event.target).dataset;
      if (column === undefined) return;
      const to = { column: Number(column), unit: Number(unit) };
      graph.moveCursor(to);
      pinned.value = { layer: graph.blocks.peek()[to.column].name, unit: to.unit };
    },
  };
}
