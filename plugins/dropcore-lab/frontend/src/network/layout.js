// The positions of the columns and units of a network, in its own coordinates.

/** @typedef {import("../types.js").ColumnFacts} ColumnFacts */
/** @typedef {{x: number, y: number}} Point */
/**
 * @typedef {object} Block a column as it is drawn
 * @property {string} name
 * @property {number} x its middle
 * @property {number} left
 * @property {number} right
 * @property {number} top
 * @property {number} bottom
 * @property {number} radius of a unit
 * @property {"units" | "maps" | "strip"} kind
 * @property {Point[]} units empty for a strip
 * @property {number} count of units, also of those that are not drawn
 */

const ROWS = 16; // units in a vertical line
const GAPS = [120, 400]; // between columns, at least and at most
const HEIGHT = 320;

/**
 * @param {ColumnFacts[]} columns
 * @param {number} mostUnits that are drawn of a column, one by one
 * @param {{aspect?: number, imageWidth?: number}} [window] `aspect`: columns stand as far apart as it allows;
 *   `imageWidth`: pixels of the input that lie side by side
 * @returns {Block[]}
 */
export function layout(columns, mostUnits, { aspect = 0, imageWidth = 0 } = {}) {
  const close = row(columns, mostUnits, GAPS[0], imageWidth);
  if (close.length < 2) return close;
  const high = Math.max(...close.map((block) => block.bottom - block.top), HEIGHT * 0.8);
  const free = high * aspect - close[close.length - 1].right;
  const gap = Math.min(GAPS[1], Math.max(GAPS[0], GAPS[0] + free / (close.length - 1)));
  return row(columns, mostUnits, gap, imageWidth);
}

/**
 * @param {ColumnFacts[]} columns
 * @param {number} mostUnits
 * @param {number} gap
 * @param {number} imageWidth
 */
function row(columns, mostUnits, gap, imageWidth) {
  /** @type {Block[]} */
  const blocks = [];
  let left = 0;
  for (const column of columns) {
    const image = column.type === "input" && column.shape.length === 1 ? imageWidth : 0;
    const block = image ? pixels(column, left, image) : placed(column, left, mostUnits);
    blocks.push(block);
    left = block.right + gap;
  }
  return blocks;
}

/**
 * @param {ColumnFacts} column
 * @param {number} left
 * @param {number} mostUnits
 * @returns {Block}
 */
function placed(column, left, mostUnits) {
  const { name, units: count } = column;
  if (count > mostUnits) {
    const right = left + 28;
    return { name, x: left + 14, left, right, top: -HEIGHT / 2, bottom: HEIGHT / 2, radius: 0, kind: "strip", units: [], count };
  }
  const maps = column.shape.length === 3;
  const across = Math.ceil(count / ROWS);
  const rows = Math.ceil(count / across);
  const pitch = Math.min(maps ? 44 : 38, Math.max(HEIGHT / ROWS, HEIGHT / rows));
  const radius = Math.min(maps ? 18 : 11, pitch * 0.4);
  const units = Array.from({ length: count }, (_, unit) => {
    const inColumn = Math.floor(unit / rows);
    const here = inColumn === across - 1 ? count - inColumn * rows : rows;
    return {
      x: left + radius + inColumn * pitch,
      y: ((unit % rows) - (here - 1) / 2) * pitch,
    };
  });
  const right = left + 2 * radius + (across - 1) * pitch;
  const half = ((rows - 1) / 2) * pitch + radius;
  const kind = maps ? "maps" : "units";
  return { name, x: (left + right) / 2, left, right, top: -half, bottom: half, radius, kind, units, count };
}

/**
 * An image whose pixels are separate units: the units are placed as the pixels of the image.
 * @param {ColumnFacts} column
 * @param {number} left
 * @param {number} across
 * @returns {Block}
 */
function pixels({ name, units: count }, left, across) {
  const pitch = HEIGHT / ROWS;
  const radius = pitch * 0.4;
  const rows = Math.ceil(count / across);
  const units = Array.from({ length: count }, (_, unit) => ({
    x: left + radius + (unit % across) * pitch,
    y: (Math.floor(unit / across) - (rows - 1) / 2) * pitch,
  }));
  const right = left + 2 * radius + (across - 1) * pitch;
  const half = ((rows - 1) / 2) * pitch + radius;
  return { name, x: (left + right) / 2, left, right, top: -half, bottom: half, radius, kind: "units", units, count };
}

/**
 * The transform that shows all blocks in a window, with room for their heads.
 * @param {Block[]} blocks
 * @param {{width: number, height: number}} size
 * @param {{top: number, side: number, bottom: number}} room
 */
export function fitted(blocks, { width, height }, room) {
  if (blocks.length === 0) return { x: 0, y: 0, k: 1 };
  const right = blocks[blocks.length - 1].right;
  const top = Math.min(...blocks.map((block) => block.top));
  const bottom = Math.max(...blocks.map((block) => block.bottom));
  const wide = Math.max(40, width - 2 * room.side);
  const high = Math.max(40, height - room.top - room.bottom);
  const k = Math.min(wide / Math.max(right, 1), high / Math.max(bottom - top, 1), 2);
  const x = (width - right * k) / 2;
  return { x, y: room.top + high / 2 - ((top + bottom) / 2) * k, k };
}

/**
 * The unit that an arrow key leads to.
 * @param {Block[]} blocks
 * @param {{column: number, unit: number}} from
 * @param {string} key
 * @returns {{column: number, unit: number} | null}
 */
export function neighbour(blocks, { column, unit }, key) {
  const last = (/** @type {number} */ at) => Math.max(blocks[at].units.length - 1, 0);
  switch (key) {
    case "ArrowUp":
      return unit > 0 ? { column, unit: unit - 1 } : null;
    case "ArrowDown":
      return unit < last(column) ? { column, unit: unit + 1 } : null;
    case "ArrowLeft":
    case "ArrowRight": {
      const to = column + (key === "ArrowLeft" ? -1 : 1);
      if (to < 0 || to >= blocks.length) return null;
      const share = last(column) === 0 ? 0.5 : unit / last(column);
      return { column: to, unit: Math.round(share * last(to)) };
    }
    case "Home":
      return { column, unit: 0 };
    case "End":
      return { column, unit: last(column) };
    default:
      return null;
  }
}
