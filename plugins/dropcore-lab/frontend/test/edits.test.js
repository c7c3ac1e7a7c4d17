import assert from "node:assert/strict";
import { test } from "node:test";
import * as edits from "../src/lab/edits.js";
import { EMPTY, edited, redone, same, undone } from "../src/lab/history.js";

const dropout = { p: 0.5, variant: "standard", options: {} };
const layer = (name) => ({ name, type: "dense", units: 4, norm: false, activation: "tanh", dropout });
const spec = {
  lab: 1,
  data: { name: "moons" },
  input: { dropout: null },
  layers: [layer("hidden1"), layer("hidden2")],
  output: { dropout: null },
  training: { seed: 0 },
  runs: [
    { name: "A", p: 0, dropout: {} },
    { name: "B", p: null, dropout: { hidden1: { ...dropout, p: 0.8 } } },
  ],
};
const frozen = (value) => {
  if (value && typeof value === "object") Object.values(Object.freeze(value)).forEach(frozen);
  return value;
};
frozen(spec);

test("a value is put at a JSON pointer, and the rest is the same object", () => {
  const changed = edits.put(spec, "/layers/1/units", 9);
  assert.equal(changed.layers[1].units, 9);
  assert.equal(changed.layers[0], spec.layers[0]);
  assert.equal(edits.at(changed, "/layers/1/units"), 9);
  assert.equal(edits.at(spec, "/layers/7/units"), undefined);
  assert.deepEqual(edits.put({ "a/b": { "~": 1 } }, "/a~1b/~0", 2), { "a/b": { "~": 2 } });
});

test("a layer is added with a free name, as its neighbour is, without dropout", () => {
  const { spec: more, name } = edits.addLayer(spec, 1);
  assert.equal(name, "hidden3");
  assert.deepEqual(more.layers.map((each) => each.name), ["hidden1", "hidden3", "hidden2"]);
  assert.deepEqual([more.layers[1].units, more.layers[1].activation, more.layers[1].dropout], [4, "tanh", null]);
  const conv = edits.addLayer({ ...spec, layers: [] }, 0, "conv");
  assert.equal(conv.spec.layers[0].channels, 8);
});

test("a layer that goes, or has another name, does so for the runs too", () => {
  assert.deepEqual(edits.removeLayer(spec, "hidden1").runs[1].dropout, {});
  const renamed = edits.renameLayer(spec, 0, "first");
  assert.equal(renamed.layers[0].name, "first");
  assert.deepEqual(Object.keys(renamed.runs[1].dropout), ["first"]);
});

test("without a layer's dropout no run has one there", () => {
  const without = edits.setDropout(spec, "hidden1", null);
  assert.equal(without.layers[0].dropout, null);
  assert.deepEqual(without.runs[1].dropout, {});
  assert.deepEqual(edits.setDropout(spec, "output", dropout).output, { dropout });
});

test("what a run drops: its own, else the layer's with the run's p", () => {
  assert.equal(edits.dropoutOf(spec, 0, "hidden1").p, 0);
  assert.equal(edits.dropoutOf(spec, 1, "hidden1").p, 0.8);
  assert.equal(edits.dropoutOf(spec, 1, "hidden2").p, 0.5);
  assert.equal(edits.dropoutOf(spec, 0, "input"), null);
  assert.equal(edits.setRunDropout(spec, 0, "hidden2", dropout).runs[0].dropout.hidden2, dropout);
  assert.deepEqual(edits.setRunDropout(spec, 1, "hidden1", null).runs[1].dropout, {});
});

test("runs come with the next free letter", () => {
  const more = edits.addRun(spec);
  assert.equal(more.runs[2].name, "C");
  assert.deepEqual(edits.removeRun(more, 0).runs.map((run) => run.name), ["B", "C"]);
});

test("a data set comes with its defaults", () => {
  const dataset = { name: "sine", fields: { rows: { default: 40 }, seed: { default: 0 } } };
  assert.deepEqual(edits.setData(spec, dataset).data, { name: "sine", rows: 40, seed: 0 });
});

test("undo and redo come back to where they began; an edit ends the future", () => {
  const [a, b, c] = ["a", "b", "c"].map((name) => ({ name }));
  let history = edited(edited(EMPTY, a), b); // c is shown
  history = undone(history, c);
  assert.deepEqual(history, { past: [a], future: [c] });
  assert.deepEqual(redone(history, b), { past: [a, b], future: [] });
  assert.deepEqual(edited(history, b), { past: [a, b], future: [] });
  assert.ok(same({ x: [1] }, { x: [1] }) && !same({ x: 1 }, { x: 2 }));
});

test("a history of a long day keeps its newest hundred", () => {
  let history = EMPTY;
  for (let i = 0; i < 250; i += 1) history = edited(history, { i });
  assert.equal(history.past.length, 100);
  assert.equal(history.past.at(-1).i, 249);
});
