// The page's end of the session, against a connection that the test holds.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Lab } from "../src/lab/lab.js";
import * as receive from "../src/lab/receive.js";

const spec = (units) => ({ data: { name: "moons" }, layers: [{ name: "h", units }], runs: [{ name: "A" }] });
const analysis = { columns: [{ name: "h" }], runs: [{ decisions: 0 }] };

/** A page whose session is played by the test. */
function opened() {
  const sent = [];
  const page = { sent, heard: null };
  const connection = {
    open: (heard) => {
      page.heard = heard;
      sent.push(heard.hello());
    },
    send: (message) => sent.push(message),
    close() {},
    shares: true,
  };
  page.lab = new Lab(connection, "spec=abc");
  page.greet = (units) => {
    page.heard.message({ type: "ready", catalogue: { limits: {} } });
    page.accept(units);
  };
  page.accept = (units, re) => page.heard.message({ type: "spec_ok", re, spec: spec(units), link: "spec=", analysis });
  page.lab.connect();
  return page;
}

test("the first message is hello, with the link's text; later ones go on with what the server has", () => {
  const page = opened();
  assert.deepEqual(page.sent, [{ type: "hello", protocol: 1, text: "spec=abc" }]);
  page.greet(4);
  page.lab.connect();
  assert.equal(page.sent.at(-1).text, null);
});

test("a refused edit keeps what was typed and the last good network; going back forgets it", () => {
  const page = opened();
  page.greet(4);
  page.lab.edit(spec(5000));
  const { id } = page.sent.at(-1);
  page.heard.message({ type: "spec_error", re: id, errors: [{ path: "/layers/0/units", text: "no" }], notice: null });
  const { state } = page.lab;
  assert.equal(state.draft.value.layers[0].units, 5000);
  assert.equal(state.spec.value.layers[0].units, 4);
  assert.equal(state.faults.value.length, 1);
  page.lab.discard();
  assert.equal(state.draft.value.layers[0].units, 4);
  assert.deepEqual(state.faults.value, []);
});

test("an edit that is still on its way is not overwritten by the answer to an older one", () => {
  const page = opened();
  page.greet(4);
  page.lab.edit(spec(5));
  page.lab.edit(spec(6));
  const [first, second] = page.sent.slice(-2);
  page.accept(5, first.id);
  assert.equal(page.lab.state.draft.value.layers[0].units, 6);
  page.accept(6, second.id);
  assert.equal(page.lab.state.spec.value.layers[0].units, 6);
  page.lab.undo();
  assert.equal(page.sent.at(-1).spec.layers[0].units, 5);
});

test("what is edited without a connection goes out once there is one again", () => {
  const page = opened();
  page.greet(4);
  page.heard.closed(1006, "");
  page.lab.edit(spec(9));
  assert.ok(!page.sent.some(({ type }) => type === "spec"));
  page.lab.connect();
  page.greet(4);
  assert.equal(page.sent.at(-1).spec.layers[0].units, 9);
  assert.equal(page.lab.state.draft.value.layers[0].units, 9);
});

test("a question is answered once, refused by an error, and ends with the connection", async () => {
  const page = opened();
  await assert.rejects(page.lab.ask({ type: "mc" }), /not connected/);
  page.greet(4);
  const answer = page.lab.ask({ type: "replay", text: "x" });
  page.heard.message({ type: "result", kind: "replay", re: page.sent.at(-1).id, text: "found" });
  assert.equal((await answer).text, "found");
  const refused = page.lab.ask({ type: "mc", run: 0 });
  page.heard.message({ type: "error", re: page.sent.at(-1).id, code: "busy", text: "Busy." });
  await assert.rejects(refused, /Busy/);
  const lost = page.lab.ask({ type: "mc", run: 0 });
  page.heard.closed(1006, "");
  await assert.rejects(lost, /closed/);
});

test("what was asked of a training process that ended is answered: it ended", async () => {
  const page = opened();
  page.greet(4);
  const card = page.lab.ask({ type: "card", card: "p50" });
  page.heard.message({ type: "error", code: "worker_died", text: "It ended." });
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error("no answer came")), 100));
  await assert.rejects(Promise.race([card, late]), /It ended/);
  assert.equal(page.lab.asked.size, 0);
});

test("a dead training process is a notice that offers to start it again", () => {
  const page = opened();
  page.greet(4);
  page.heard.message({ type: "error", code: "worker_died", text: "It ended." });
  assert.equal(page.lab.state.notices.value[0].action, "restart");
  page.lab.restart();
  assert.equal(page.sent.at(-2).type, "restart");
  assert.match(page.lab.state.notices.value.map(({ text }) => text).join(), /starts/);
  receive.frame(page.lab.state, { step: 0, state: {}, curves: null });
  assert.deepEqual(page.lab.state.notices.value, []);
});

test("a new connection and a new training process are told what the page looks at", () => {
  const page = opened();
  page.greet(4);
  page.lab.state.mode.value = "inference";
  page.lab.state.row.value = 3;
  page.lab.restart();
  const look = { type: "inspect", run: 0, row: 3, mode: "inference", focus: null };
  assert.deepEqual(page.sent.at(-1), look);
  page.heard.closed(1006, "");
  page.lab.connect();
  page.heard.message({ type: "ready", catalogue: { limits: {} } });
  assert.deepEqual(page.sent.at(-1), look);
});

test("the run that is looked at stays after a restart", () => {
  const page = opened();
  const two = { ...analysis, runs: [{ decisions: 9 }, { decisions: 0 }] };
  const both = { ...spec(4), runs: [{ name: "A" }, { name: "B" }] };
  page.heard.message({ type: "ready", catalogue: { limits: {} } });
  page.heard.message({ type: "spec_ok", spec: both, link: "", analysis: two });
  page.lab.state.run.value = 1;
  page.lab.restart();
  page.heard.message({ type: "spec_ok", spec: both, link: "", analysis: two });
  assert.equal(page.lab.state.run.value, 1);
});

test("what was refused, or not yet answered, is asked for again after a restart or a new connection", () => {
  for (const lose of [(page) => page.lab.restart(), (page) => (page.heard.closed(1006, ""), page.lab.connect())]) {
    const page = opened();
    page.greet(4);
    page.lab.edit(spec(5000));
    const fault = { path: "/layers/0/units", text: "no" };
    page.heard.message({ type: "spec_error", re: page.sent.at(-1).id, errors: [fault], notice: null });
    lose(page);
    page.greet(4);
    const again = page.sent.at(-1);
    assert.equal(again.type, "spec");
    assert.equal(again.spec.layers[0].units, 5000);
    page.heard.message({ type: "spec_error", re: again.id, errors: [fault], notice: null });
    assert.equal(page.lab.state.draft.value.layers[0].units, 5000);
    assert.deepEqual(page.lab.state.faults.value, [fault]);
  }
});

test("presses of undo and redo that come before an answer wait for it; none is lost", () => {
  const page = opened();
  page.greet(4);
  for (const units of [5, 6, 7]) page.lab.edit(spec(units));
  page.lab.undo();
  page.lab.undo();
  page.lab.redo();
  page.lab.undo();
  for (let place = 0; place < page.sent.length; place += 1) {
    const { type, spec: asked, id } = page.sent[place];
    if (type === "spec") page.accept(asked.layers[0].units, id);
  }
  assert.equal(page.lab.state.spec.value.layers[0].units, 5);
  const { past, future } = page.lab.state.history.value;
  assert.deepEqual([past.length, future.length], [1, 2]);
});

test("faults of a text that is opened are the dialog's, not the fields'", () => {
  const page = opened();
  page.greet(4);
  const { state } = page.lab;
  const errors = [{ path: "/layers/0/units", text: "units must be less" }];
  state.dialog.value = { kind: "open" };
  page.lab.read("{}");
  page.heard.message({ type: "spec_error", re: page.sent.at(-1).id, errors, notice: null });
  assert.deepEqual([state.refused.value, state.faults.value], [errors, []]);
  state.dialog.value = null; // a link in the address bar
  page.lab.read("spec=x");
  page.heard.message({ type: "spec_error", re: page.sent.at(-1).id, errors, notice: null });
  assert.deepEqual(state.faults.value, []);
  assert.match(state.notices.value.at(-1).text, /broken.*units must be less/);
});

test("rows of one's own are shown once they are accepted; until then their dialog stays", () => {
  const page = opened();
  page.greet(4);
  const { state } = page.lab;
  state.dialog.value = { kind: "csv" };
  page.lab.readRows({ ...spec(4), data: { name: "csv", text: "a" } });
  page.heard.message({ type: "spec_error", re: page.sent.at(-1).id, errors: [{ path: "/data/text", text: "no" }], notice: null });
  assert.equal(state.dialog.value.kind, "csv");
  assert.equal(state.draft.value.data.name, "moons");
  page.lab.readRows({ ...spec(4), data: { name: "csv", text: "a,b" } });
  page.accept(4, page.sent.at(-1).id);
  assert.equal(state.dialog.value, null);
});
