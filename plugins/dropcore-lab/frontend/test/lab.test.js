import assert from "node:assert/strict";
import { test } from "node:test";
import { header, refusal } from "../src/lab/csv.js";
import { grown, NO_CURVES } from "../src/lab/curves.js";
import { pace } from "../src/lab/pace.js";

test("at most three masks a second are shown, and the newest of all that came", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0;
  const shown = [];
  const masks = pace((value) => shown.push([now, value]), 3, () => now);
  for (let step = 0; step < 100; step += 1) {
    masks.offer(`step ${step}`, step);
    now += 20;
    context.mock.timers.tick(20);
  }
  for (let i = 1; i < shown.length; i += 1) assert.ok(shown[i][0] - shown[i - 1][0] >= 1000 / 3 - 1e-9);
  assert.ok(shown.length >= 5 && shown.length <= 7, `${shown.length} in two seconds`);
  now += 400;
  context.mock.timers.tick(400);
  assert.equal(shown.at(-1)[1], 99);
});

test("the same mask again is no new mask: what is around it is shown at once", () => {
  const shown = [];
  const masks = pace((value) => shown.push(value), 3, () => 0);
  masks.offer("a", 1);
  masks.offer("a", 2);
  assert.deepEqual(shown, [1, 2]);
});

const piece = (from, steps, values) => ({
  from,
  steps: { values: steps },
  runs: [{ training_on: { values }, training_off: { values }, validation_off: { values } }],
});

test("curves grow from where a piece begins, and begin anew at 0", () => {
  let curves = grown(NO_CURVES, piece(0, [0, 10], [1, 2]));
  curves = grown(curves, piece(2, [20], [3]));
  assert.deepEqual(curves.steps, [0, 10, 20]);
  assert.deepEqual(curves.runs[0].validation_off, [1, 2, 3]);
  assert.equal(grown(curves, null), curves);
  assert.deepEqual(grown(curves, piece(1, [15], [9])).runs[0].training_on, [1, 9]);
  assert.deepEqual(grown(curves, piece(0, [0], [5])).steps, [0]);
});

test("a CSV that cannot be sent is refused in words", () => {
  assert.equal(refusal({ size: 10, text: "a,b\n1,2" }, 100), null);
  assert.match(refusal({ size: 3e8, text: "x" }, 131072), /292,969 KB; the Lab takes 128 KB/);
  assert.match(refusal({ size: 3, text: " \n" }, 100), /empty/);
  assert.match(refusal({ size: 3, text: "a\0b" }, 100), /not a text/);
  assert.deepEqual(header('\ufeff"x 1";y\n1;2'), ["x 1", "y"]);
  assert.deepEqual(header('\n"a, b","c;d", e \n1,2,3'), ["a, b", "c;d", "e"]);
  assert.deepEqual(header(""), [""]);
});
