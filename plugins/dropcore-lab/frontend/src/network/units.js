// The units, as SVG: filled by activation; hollow, dashed and crossed if dropped. While masks come too
// fast to be shown, an arc shows how often a unit was kept.

/** @typedef {import("./layout.js").Block} Block */
/** @typedef {{group: SVGGElement, body: SVGElement, arc: SVGElement | null, fill: string, share: string}} Unit */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 * @param {Element} parent
 */
function add(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  parent.append(element);
  return /** @type {SVGElement} */ (element);
}

/**
 * Draw the columns anew.
 * @param {SVGGElement} root
 * @param {Block[]} blocks
 * @returns {Unit[][]} by column
 */
export function buildUnits(root, blocks) {
  root.replaceChildren();
  return blocks.map((block, column) => {
    const label = `${block.name}, ${block.count} ${block.kind === "maps" ? "channels" : "units"}`;
    const group = add("g", { class: `column ${block.kind}`, role: "graphics-object group", "aria-label": label }, root);
    if (block.kind === "strip") return [strip(group, block, column)];
    return block.units.map((_, unit) => symbol(group, block, column, unit));
  });
}

/**
 * @param {SVGElement} parent
 * @param {Block} block
 * @param {number} column
 * @param {number} unit
 * @returns {Unit}
 */
function symbol(parent, block, column, unit) {
  const { x, y } = block.units[unit];
  const r = block.radius;
  const group = /** @type {SVGGElement} */ (
    add("g", { class: "unit", transform: `translate(${x} ${y})`, role: "graphics-symbol img", tabindex: -1 }, parent)
  );
  group.dataset.column = String(column);
  group.dataset.unit = String(unit);
  group.setAttribute("aria-label", `${block.name}, unit ${unit + 1} of ${block.count}`);
  if (block.kind === "maps") {
    const body = add("rect", { class: "body", x: -r, y: -r, width: 2 * r, height: 2 * r }, group);
    add("path", { class: "cross", d: `M${-r} ${-r}L${r} ${r}M${r} ${-r}L${-r} ${r}` }, group);
    return { group, body, arc: null, fill: "", share: "" };
  }
  const body = add("circle", { class: "body", r }, group);
  const arc = add("circle", { class: "arc", r: r + Math.max(1.5, 0.18 * r), pathLength: 100, transform: "rotate(-90)" }, group);
  const d = 0.5 * r;
  add("path", { class: "cross", d: `M${-d} ${-d}L${d} ${d}M${d} ${-d}L${-d} ${d}` }, group);
  return { group, body, arc, fill: "", share: "" };
}

/**
 * A column of too many units: one block, whose rows the canvas fills.
 * @param {SVGElement} parent
 * @param {Block} block
 * @param {number} column
 * @returns {Unit}
 */
function strip(parent, block, column) {
  const group = /** @type {SVGGElement} */ (add("g", { class: "unit strip", role: "graphics-symbol img", tabindex: -1 }, parent));
  group.dataset.column = String(column);
  group.dataset.unit = "0";
  group.setAttribute("aria-label", `${block.name}, ${block.count} units in one strip`);
  const { left, right, top, bottom } = block;
  const body = add("rect", { class: "body", x: left, y: top, width: right - left, height: bottom - top }, group);
  return { group, body, arc: null, fill: "none", share: "" };
}

/**
 * @typedef {object} Look of one column
 * @property {(unit: number) => string | null} fill null: no activation yet
 * @property {ArrayLike<number> | null} kept now: 1, 0 or a share; null: nothing is dropped
 * @property {ArrayLike<number> | null} shares kept so far; null: not shown
 */

/**
 * @param {Unit[]} units
 * @param {Look} look
 */
export function paintUnits(units, look) {
  units.forEach((unit, i) => {
    const dropped = look.kept !== null && look.kept[i] === 0;
    const fill = look.fill(i) ?? "";
    if (unit.fill !== fill && unit.fill !== "none") {
      unit.fill = fill;
      /** @type {SVGElement} */ (unit.body).style.fill = fill;
    }
    if (unit.group.classList.contains("dropped") !== dropped) unit.group.classList.toggle("dropped", dropped);
    const share = look.shares && Number.isFinite(look.shares[i]) ? `${(100 * look.shares[i]).toFixed(0)} 100` : "";
    if (unit.arc && unit.share !== share) {
      unit.share = share;
      unit.arc.style.strokeDasharray = share;
      unit.arc.classList.toggle("on", share !== "");
    }
  });
}
