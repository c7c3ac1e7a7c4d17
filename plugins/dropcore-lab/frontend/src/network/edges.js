// The edges between columns, on a canvas: grey, wider for larger weights, dashed for negative
// weights.

import { palette } from "../base/colours.js";

/** @typedef {import("./layout.js").Block} Block */
/** @typedef {import("../types.js").Matrix} Matrix */
/** @typedef {{x: number, y: number, k: number}} Transform */
/**
 * @typedef {object} Drawn
 * @property {Block[]} blocks
 * @property {(Matrix | null)[]} weights into each block from the one before it
 * @property {{column: number, unit: number | null, incoming: Matrix | null, outgoing: Matrix | null} | null} focus
 * @property {number} mostEdges
 */

const WIDTHS = [0.5, 0.8, 1.2, 1.7, 2.4]; // pixels
const DASH = [5, 4];

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Transform} transform
 * @param {Drawn} drawn
 */
export function drawEdges(canvas, transform, drawn) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const scale = canvas.width / Math.max(canvas.clientWidth, 1);
  const colours = palette(canvas);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(scale * transform.k, 0, 0, scale * transform.k, scale * transform.x, scale * transform.y);
  const { blocks, focus } = drawn;
  const count = drawn.weights.reduce((sum, weights) => sum + (weights?.values.length ?? 0), 0);
  context.strokeStyle = colours.edge;
  // With more edges each edge is fainter, so that the units stand out.
  const quiet = Math.min(1, 7 / Math.sqrt(Math.max(count, 1)) + 0.1);
  context.globalAlpha = focus && focus.unit !== null ? 0.4 * quiet : quiet;
  for (let column = 1; column < blocks.length; column += 1) {
    const weights = count <= drawn.mostEdges ? strengths(drawn.weights[column], blocks[column - 1], blocks[column]) : null;
    if (weights) all(context, blocks[column - 1], blocks[column], weights, transform.k);
    else band(context, blocks[column - 1], blocks[column]);
  }
  context.globalAlpha = 1;
  if (!focus || focus.unit === null) return;
  context.strokeStyle = colours.ink;
  const { column, unit } = focus;
  const block = blocks[column];
  if (focus.incoming && column > 0) {
    fan(context, blocks[column - 1], perUnit(focus.incoming.values, blocks[column - 1].count), block, unit, transform.k);
  }
  if (focus.outgoing && column + 1 < blocks.length) {
    fan(context, blocks[column + 1], perUnit(focus.outgoing.values, blocks[column + 1].count), block, unit, transform.k);
  }
}

/**
 * One strength for each pair of drawn units: the mean of the weights between two units, if there are
 * several, because a unit is a channel or a map of several places.
 * @param {Matrix | null} weights
 * @param {Block} before
 * @param {Block} after
 * @returns {Float32Array | null} [before, after]
 */
export function strengths(weights, before, after) {
  if (!weights || before.kind === "strip" || after.kind === "strip") return null;
  const { values, shape } = weights;
  const pairs = new Float32Array(before.count * after.count);
  if (shape.length === 2) {
    const each = shape[0] / before.count; // elements of a map
    for (let from = 0; from < shape[0]; from += 1) {
      const unit = Math.floor(from / each);
      for (let to = 0; to < after.count; to += 1) pairs[unit * after.count + to] += values[from * after.count + to] / each;
    }
    return pairs;
  }
  const each = shape[2] * shape[3];
  for (let to = 0; to < after.count; to += 1) {
    for (let from = 0; from < before.count; from += 1) {
      let sum = 0;
      for (let i = 0; i < each; i += 1) sum += values[(to * before.count + from) * each + i];
      pairs[from * after.count + to] = sum / each;
    }
  }
  return pairs;
}

/**
 * The mean of each of `count` equal parts: of a map's places, or of a kernel's weights.
 * @param {ArrayLike<number>} values
 * @param {number} count
 */
function perUnit(values, count) {
  const each = values.length / count;
  return Float32Array.from({ length: count }, (_, unit) => {
    let sum = 0;
    for (let i = 0; i < each; i += 1) sum += values[unit * each + i];
    return sum / each;
  });
}

/** @param {ArrayLike<number>} values */
function largest(values) {
  let most = 0;
  for (let i = 0; i < values.length; i += 1) most = Math.max(most, Math.abs(values[i]));
  return most || 1;
}

/**
 * Draw all edges. The widths are rounded to a few values, and each width and sign is drawn as one path.
 * @param {CanvasRenderingContext2D} context
 * @param {Block} before
 * @param {Block} after
 * @param {Float32Array} weights
 * @param {number} k
 */
function all(context, before, after, weights, k) {
  const most = largest(weights);
  /** @type {Path2D[]} */
  const paths = Array.from({ length: 2 * WIDTHS.length }, () => new Path2D());
  for (let from = 0; from < before.count; from += 1) {
    const a = before.units[from];
    for (let to = 0; to < after.count; to += 1) {
      const weight = weights[from * after.count + to];
      const b = after.units[to];
      const path = paths[class_(weight, most)];
      path.moveTo(a.x + before.radius, a.y);
      path.lineTo(b.x - after.radius, b.y);
    }
  }
  stroke(context, paths, k);
}

/**
 * The edges of one unit.
 * @param {CanvasRenderingContext2D} context
 * @param {Block} others
 * @param {Float32Array} weights
 * @param {Block} block
 * @param {number} unit
 * @param {number} k
 */
function fan(context, others, weights, block, unit, k) {
  const here = block.units[unit];
  if (!here) return;
  const most = largest(weights);
  const paths = Array.from({ length: 2 * WIDTHS.length }, () => new Path2D());
  const side = others.x < block.x ? -1 : 1;
  others.units.forEach((there, i) => {
    const path = paths[class_(weights[i], most)];
    path.moveTo(here.x + side * block.radius, here.y);
    path.lineTo(there.x - side * others.radius, there.y);
  });
  stroke(context, paths, k);
}

/**
 * @param {number} weight
 * @param {number} most
 */
function class_(weight, most) {
  const width = Math.min(WIDTHS.length - 1, Math.floor((Math.abs(weight) / most) * WIDTHS.length));
  return 2 * width + Number(weight < 0);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Path2D[]} paths
 * @param {number} k
 */
function stroke(context, paths, k) {
  paths.forEach((path, i) => {
    context.lineWidth = WIDTHS[i >> 1] / k;
    context.setLineDash(i % 2 ? DASH.map((length) => length / k) : []);
    context.stroke(path);
  });
  context.setLineDash([]);
}

/**
 * Too many edges to draw: fill the area between the two columns.
 * @param {CanvasRenderingContext2D} context
 * @param {Block} before
 * @param {Block} after
 */
function band(context, before, after) {
  context.save();
  context.globalAlpha *= 0.35;
  context.fillStyle = context.strokeStyle;
  context.beginPath();
  context.moveTo(before.right, before.top);
  context.lineTo(after.left, after.top);
  context.lineTo(after.left, after.bottom);
  context.lineTo(before.right, before.bottom);
  context.fill();
  context.restore();
}
