import assert from "node:assert/strict";
import { test } from "node:test";
import { resolve } from "../src/connect/arrays.js";
import { decode, fromViews } from "../src/connect/binary.js";
import { parts, shareAddress, takeFragment } from "../src/connect/fragment.js";
import { notebookConnection } from "../src/connect/notebook.js";

/** A frame as PROTOCOL.md describes it. */
function encoded(message, arrays) {
  let json = JSON.stringify(message);
  while ((4 + json.length) % 8) json += " ";
  const bytes = [0, 0, 0, 0, ...new TextEncoder().encode(json)];
  new DataView(Uint8Array.from(bytes).buffer);
  const length = json.length;
  bytes.splice(0, 4, length & 255, (length >> 8) & 255, (length >> 16) & 255, length >> 24);
  for (const array of arrays) {
    bytes.push(...new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    while (bytes.length % 8) bytes.push(0);
  }
  return Uint8Array.from(bytes).buffer;
}

const message = {
  type: "result",
  kind: "replay",
  packed: 1,
  buffers: [{ dtype: "f4", shape: [3] }, { dtype: "u1", shape: [2] }, { dtype: "i4", shape: [1, 2] }],
};
const arrays = [Float32Array.of(1, 2, 3.5), Uint8Array.of(7, 9), Int32Array.of(-1, 5)];

test("a binary frame: JSON, and arrays that begin at multiples of 8", () => {
  const { message: read, buffers } = decode(encoded(message, arrays));
  assert.equal(read.kind, "replay");
  assert.deepEqual(buffers.map(({ values }) => [...values]), [[1, 2, 3.5], [7, 9], [-1, 5]]);
  assert.deepEqual(buffers[2].shape, [1, 2]);
  assert.equal(resolve(read, buffers).packed, buffers[1]);
});

test("arrays from a notebook may lie anywhere in their buffers", () => {
  const whole = new Uint8Array(20);
  whole.set(new Uint8Array(arrays[0].buffer), 5);
  const views = [new DataView(whole.buffer, 5, 12), new DataView(arrays[1].buffer), new DataView(arrays[2].buffer)];
  assert.deepEqual([...fromViews(message, views)[0].values], [1, 2, 3.5]);
});

test("arrays are put where a message names them, and nulls stay", () => {
  const frame = {
    type: "frame",
    step: 1,
    rows: 0,
    columns: [{ activation: 1, weights: null, kept: null, mask: null }, { activation: 0, mask: { packed: 1, p: 0 } }],
    curves: { from: 0, steps: 0, runs: [{ training_on: 0, training_off: 1, validation_off: 1 }] },
    prediction: { row: 0, left_on: null },
    picture: null,
    focus: null,
  };
  resolve(frame, ["zero", "one"]);
  assert.equal(frame.step, 1);
  assert.equal(frame.columns[0].activation, "one");
  assert.equal(frame.columns[0].weights, null);
  assert.deepEqual(frame.columns[1].mask, { packed: "one", p: 0 });
  assert.equal(frame.curves.runs[0].training_on, "zero");
  assert.equal(frame.prediction.row, 0);
});

/** As much of a window as the fragment needs. */
function fakeWindow(hash, stored = {}) {
  return {
    location: { hash, pathname: "/", search: "", origin: "http://127.0.0.1:1" },
    sessionStorage: { getItem: (key) => stored[key] ?? null, setItem: (key, value) => (stored[key] = value) },
    history: { replaceState: (_, __, address) => (stored.address = address) },
    stored,
  };
}

test("the token is kept for the tab and taken out of the address; a link never holds it", () => {
  const window = fakeWindow("#token=secret&spec=abc");
  assert.deepEqual(takeFragment(window), { token: "secret", text: "spec=abc" });
  assert.equal(window.stored.address, "/");
  assert.deepEqual(takeFragment(fakeWindow("", window.stored)), { token: "secret", text: null });
  assert.ok(!shareAddress(window.location, "spec=abc").includes("secret"));
  assert.deepEqual(parts(""), { token: null, text: null });
});

test("a notebook's messages reach the page, until it closes", () => {
  const listeners = new Set();
  const sent = [];
  const model = {
    on: (_, listener) => listeners.add(listener),
    off: (_, listener) => listeners.delete(listener),
    send: (content) => sent.push(content),
  };
  const heard = [];
  const connection = notebookConnection(model);
  connection.open({ hello: () => ({ type: "hello" }), message: (one) => heard.push(one), closed() {} });
  for (const listener of listeners) listener({ ...message }, arrays.map((array) => new DataView(array.buffer)));
  assert.deepEqual(sent, [{ type: "hello" }]);
  assert.deepEqual([...heard[0].packed.values], [7, 9]);
  connection.close();
  assert.equal(listeners.size, 0);
});
