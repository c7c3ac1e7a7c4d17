// The page's end of the session, against a connection that the test holds.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Lab } from "../src/lab/lab.js";

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
  assert.equal(page.sent.at(-1).type, "hello");
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

test("a dead training process is a notice that offers to start it again", () => {
  const page = opened();
  page.greet(4);
  page.heard.message({ type: "error", code: "worker_died", text: "It ended." });
  assert.equal(page.lab.state.notices.value[0].action, "restart");
  page.lab.restart();
  assert.deepEqual(page.sent.at(-1), { type: "restart" });
  assert.deepEqual(page.lab.state.notices.value, []);
});
