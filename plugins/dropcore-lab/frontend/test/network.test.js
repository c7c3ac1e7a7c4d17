import assert from "node:assert/strict";
import { test } from "node:test";
import { strengths } from "../src/network/edges.js";
import { fitted, layout, neighbour } from "../src/network/layout.js";

const column = (name, units, shape = [units], type = "dense") => ({ name, units, shape, type });
const blocks = layout([column("input", 2, [2], "input"), column("h", 64), column("wide", 300), column("output", 1)], 256);

test("every unit has a place of its own, inside its column", () => {
  for (const block of blocks.filter(({ kind }) => kind !== "strip")) {
    assert.equal(block.units.length, block.count);
    const places = new Set(block.units.map(({ x, y }) => `${x.toFixed(3)} ${y.toFixed(3)}`));
    assert.equal(places.size, block.count);
    for (const { x, y } of block.units) {
      assert.ok(x - block.radius >= block.left - 1e-9 && x + block.radius <= block.right + 1e-9);
      assert.ok(y - block.radius >= block.top - 1e-9 && y + block.radius <= block.bottom + 1e-9);
    }
  }
});

test("columns do not overlap, and more units than are drawn become a strip", () => {
  for (let i = 1; i < blocks.length; i += 1) assert.ok(blocks[i].left > blocks[i - 1].right);
  assert.equal(blocks[2].kind, "strip");
  assert.equal(blocks[2].units.length, 0);
});

test("an image that is given as units lies as its pixels do", () => {
  const [image] = layout([column("input", 64, [64], "input"), column("h", 4)], 256, { imageWidth: 8 });
  assert.equal(image.units[0].y, image.units[7].y);
  assert.equal(image.units[0].x, image.units[8].x);
});

test("a wide window spreads the columns; all of them fit", () => {
  const facts = [column("input", 2, [2], "input"), column("h", 16), column("output", 1)];
  const wide = layout(facts, 256, { aspect: 4 });
  assert.ok(wide[2].right > layout(facts, 256)[2].right);
  const room = { top: 60, side: 60, bottom: 30 };
  const { x, y, k } = fitted(wide, { width: 800, height: 300 }, room);
  assert.ok(x >= 59 && wide[2].right * k + x <= 741);
  assert.ok(wide[1].top * k + y >= 59 && wide[1].bottom * k + y <= 271);
  assert.deepEqual(fitted([], { width: 10, height: 10 }, room), { x: 0, y: 0, k: 1 });
});

test("arrow keys reach every unit, and stop at the ends", () => {
  assert.deepEqual(neighbour(blocks, { column: 0, unit: 0 }, "ArrowDown"), { column: 0, unit: 1 });
  assert.equal(neighbour(blocks, { column: 0, unit: 1 }, "ArrowDown"), null);
  assert.deepEqual(neighbour(blocks, { column: 0, unit: 1 }, "ArrowRight"), { column: 1, unit: 63 });
  assert.deepEqual(neighbour(blocks, { column: 1, unit: 63 }, "ArrowRight"), { column: 2, unit: 0 });
  assert.deepEqual(neighbour(blocks, { column: 1, unit: 9 }, "End"), { column: 1, unit: 63 });
  assert.equal(neighbour(blocks, { column: 3, unit: 0 }, "ArrowRight"), null);
  assert.equal(neighbour(blocks, { column: 0, unit: 0 }, "x"), null);
});

test("weights of a map's places count for its channel", () => {
  const block = (count) => ({ count, kind: "units" });
  const dense = strengths({ values: Float32Array.of(1, 3, 5, 7, 0, 0, 2, 2), shape: [4, 2] }, block(2), block(2));
  assert.deepEqual([...dense], [3, 5, 1, 1]);
  const conv = strengths({ values: Float32Array.of(1, 3, 5, 7), shape: [2, 1, 1, 2] }, block(1), block(2));
  assert.deepEqual([...conv], [2, 6]);
  assert.equal(strengths(null, block(1), block(1)), null);
  assert.equal(strengths({ values: [], shape: [0, 0] }, { count: 300, kind: "strip" }, block(1)), null);
});
