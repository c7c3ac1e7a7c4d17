// The page's end of the session: sends the person's actions, receives the session's messages.

import { batch, effect } from "@preact/signals";
import { throttle } from "../base/throttle.js";
import { edited, redone, same, undone } from "./history.js";
import { pace } from "./pace.js";
import * as receive from "./receive.js";
import { createState } from "./state.js";

/** @typedef {import("../types.js").Spec} Spec */
/** @typedef {import("../types.js").Focus} Focus */
/** @typedef {import("../connect/socket.js").Connection} Connection */
/** @typedef {{kind: "edit" | "load" | "undo" | "redo" | "text" | "csv", select?: Focus}} Sent */

/** @typedef {{offer: (key: string | null, value: import("./state.js").PacedMasks) => void}} Paced */

const MASKS_A_SECOND = 3; // flashing is a hazard
const FRAME_GAP = 100; // milliseconds between frames while playing: training needs the processor too
const LOOK_GAP = 60; // milliseconds between two inspects

const OTHER_NETWORKS = ["load", "text", "csv"];
/** The dialog for each kind of message: it stays open, and shows errors, until the message is accepted. */
const DIALOGS = /** @type {Record<string, string>} */ ({ text: "open", csv: "csv" });

export class Lab {
  /**
   * @param {Connection} connection
   * @param {string | null} text of a specification to begin with, as hello takes it
   */
  constructor(connection, text = null) {
    this.state = createState();
    this.connection = connection;
    this.text = text;
    this.lastId = 0;
    /** @type {Map<number, {resolve: (message: any) => void, reject: (error: Error) => void}>} */
    this.asked = new Map();
    /** @type {Map<number, Sent>} */
    this.sent = new Map();
    /** @type {{sent: Sent, what: object} | null} */
    this.unsent = null;
    /** @type {("undo" | "redo")[]} presses that wait for the answers to what was sent before them */
    this.turns = [];
    this.lastFrame = 0;
    /** @type {Array<() => void>} */
    this.ends = [];
  }

  // ------------------------------------------------------------------ life

  start() {
    const look = throttle(() => this.inspect(), LOOK_GAP);
    const { run, row, mode, focus } = this.state;
    const masks = pace((shown) => {
      this.state.masks.value = shown;
    }, MASKS_A_SECOND);
    const strip = pace((shown) => {
      this.state.strip.value = shown;
    }, MASKS_A_SECOND);
    this.ends.push(
      effect(() => {
        void [run.value, row.value, mode.value, focus.value];
        look.call(undefined);
      }),
      effect(() => this.offerMasks(masks, strip)),
      () => look.stop(),
      () => masks.stop(),
      () => strip.stop(),
    );
    const hidden = () => {
      if (document.hidden && this.state.playing.peek()) this.pause("hidden");
    };
    document.addEventListener("visibilitychange", hidden);
    this.ends.push(() => document.removeEventListener("visibilitychange", hidden));
    this.connect();
  }

  end() {
    for (const end of this.ends) end();
    this.connection.close();
  }

  connect() {
    this.state.status.value = { kind: "connecting", code: 0, reason: "" };
    this.connection.open({
      hello: () => ({ type: "hello", protocol: 1, text: this.text }),
      message: (message) => this.receive(message),
      closed: (code, reason) => this.closed(code, reason),
    });
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  closed(code, reason) {
    this.state.status.value = { kind: "closed", code, reason };
    this.rejectAll("The connection was closed.");
    this.sent.clear();
    this.turns = [];
  }

  // -------------------------------------------------------------- messages

  /** @param {object} message */
  send(message) {
    this.connection.send(message);
  }

  /**
   * Send a message that has one result.
   * @param {object} message
   * @returns {Promise<any>}
   */
  ask(message) {
    if (this.state.status.peek().kind !== "open") return Promise.reject(new Error("The Lab is not connected."));
    const id = this.nextId();
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject });
      this.send({ ...message, id });
    });
  }

  nextId() {
    this.lastId += 1;
    return this.lastId;
  }

  /** @param {any} message */
  receive(message) {
    const { state } = this;
    switch (message.type) {
      case "ready":
        this.text = null;
        receive.ready(state, message);
        return this.inspect(); // the new session does not know the view of this page
      case "spec_ok":
        return this.specOk(message);
      case "spec_error":
        return this.specError(message);
      case "frame":
        return this.frame(message);
      case "result":
        receive.result(state, message);
        return this.settle(message.re, (waiting) => waiting.resolve(message), message.done !== false);
      case "error":
        if (message.code === "worker_died") {
          this.rejectAll(message.text);
          receive.error(state, message);
        } else if (!this.settle(message.re, (waiting) => waiting.reject(new Error(message.text)), true)) {
          receive.error(state, message);
        }
    }
  }

  /**
   * Reject all open requests: no answer will come.
   * @param {string} why
   */
  rejectAll(why) {
    for (const { reject } of this.asked.values()) reject(new Error(why));
    this.asked.clear();
  }

  /**
   * @param {number} id
   * @param {(waiting: {resolve: (message: any) => void, reject: (error: Error) => void}) => void} how
   * @param {boolean} last
   */
  settle(id, how, last) {
    const waiting = this.asked.get(id);
    if (!waiting || !last) return false;
    this.asked.delete(id);
    how(waiting);
    return true;
  }

  /** @param {any} message */
  frame(message) {
    receive.frame(this.state, message);
    const rest = this.state.playing.peek() ? this.lastFrame + FRAME_GAP - performance.now() : 0;
    const ack = () => {
      this.lastFrame = performance.now();
      this.send({ type: "ack", frame: message.frame });
    };
    const painted = () => (rest > 0 ? setTimeout(ack, rest) : ack());
    if (document.hidden) setTimeout(painted, 0);
    else requestAnimationFrame(() => painted());
  }

  /**
   * @param {Paced} masks
   * @param {Paced} strip
   */
  offerMasks(masks, strip) {
    const frame = this.state.frame.value;
    if (!frame) return;
    const fast = this.state.fast.value;
    const { row, run, mode } = frame.view;
    const columns = frame.columns.map(({ name, mask }) => ({ name, mask }));
    const first = columns.find(({ mask }) => mask)?.mask?.address;
    const drawn = first ? `${run}/${mode}/${first}` : null;
    masks.offer(fast ? "fast" : drawn && `${drawn}/${row}`, { columns, row, fast });
    strip.offer(drawn, { columns, row, fast });
  }

  // --------------------------------------------------------- specification

  /**
   * Ask for a changed specification.
   * @param {Spec} spec
   * @param {Focus} [select] the focus after the specification is accepted
   */
  edit(spec, select) {
    this.state.draft.value = spec;
    this.submit({ kind: "edit", select }, { spec });
  }

  /**
   * Ask for a specification in which fields may be absent: of a preset or a card.
   * @param {object} spec
   */
  load(spec) {
    this.state.pinned.value = null;
    this.submit({ kind: "load" }, { spec });
  }

  /**
   * Read a specification from a file's text or a link.
   * @param {string} text
   */
  read(text) {
    this.state.refused.value = [];
    this.submit({ kind: "text" }, { text });
  }

  /**
   * Ask for rows of a person's own. The page does not change until the rows are accepted.
   * @param {Spec} spec
   */
  readRows(spec) {
    this.state.refused.value = [];
    this.submit({ kind: "csv" }, { spec });
  }

  undo() {
    this.turn("undo");
  }

  redo() {
    this.turn("redo");
  }

  /** @param {"undo" | "redo"} kind */
  turn(kind) {
    if (this.sent.size) {
      this.turns.push(kind);
      return;
    }
    const { past, future } = this.state.history.value;
    const spec = kind === "undo" ? past.at(-1) : future[0];
    if (spec) this.submit({ kind }, { spec });
  }

  /** Take the next press that waits, once all answers are there. */
  turnNext() {
    while (this.turns.length && !this.sent.size) this.turn(/** @type {"undo"} */ (this.turns.shift()));
  }

  /** Leave what is typed and go back to the last good specification. */
  discard() {
    batch(() => {
      this.state.draft.value = this.state.spec.value;
      this.state.faults.value = [];
    });
  }

  /**
   * @param {Sent} sent
   * @param {object} what
   */
  submit(sent, what) {
    if (this.state.status.peek().kind !== "open") {
      this.unsent = { sent, what }; // sent as soon as the connection is restored
      return;
    }
    const id = this.nextId();
    this.sent.set(id, sent);
    this.send({ type: "spec", ...what, id });
  }

  /** @param {any} message */
  specOk(message) {
    const { state } = this;
    const sent = this.sent.get(message.re);
    this.sent.delete(message.re);
    const before = state.spec.value;
    // After a new connection, or a new training process, the network may be the same as before.
    const back = sent === undefined && same(before, message.spec);
    this.submitWhatWaits(back, message.spec);
    batch(() => {
      receive.specOk(state, message, sent ? OTHER_NETWORKS.includes(sent.kind) : !back);
      if (!this.sent.size) {
        state.draft.value = message.spec;
        state.faults.value = [];
      }
      if (before && !same(before, message.spec)) {
        const step = sent?.kind === "undo" ? undone : sent?.kind === "redo" ? redone : edited;
        state.history.value = step(state.history.value, before);
      }
      if (sent?.select) state.pinned.value = sent.select;
      if (sent && DIALOGS[sent.kind] && state.dialog.value?.kind === DIALOGS[sent.kind]) state.dialog.value = null;
    });
    this.turnNext();
  }

  /**
   * Submit the edits that were not sent, or not accepted, before the connection or the training
   * process ended.
   * @param {boolean} back whether the network is the one that was there before
   * @param {Spec} spec
   */
  submitWhatWaits(back, spec) {
    const { unsent } = this;
    const draft = this.state.draft.peek();
    this.unsent = null;
    if (unsent) this.submit(unsent.sent, unsent.what);
    else if (back && draft && !same(draft, spec)) this.submit({ kind: "edit" }, { spec: draft });
  }

  /** @param {any} message */
  specError(message) {
    const { state } = this;
    const sent = this.sent.get(message.re);
    this.sent.delete(message.re);
    const dialog = sent && DIALOGS[sent.kind];
    batch(() => {
      // Faults of an opened text do not belong to the fields on the page.
      if (dialog && state.dialog.value?.kind === dialog) state.refused.value = message.errors;
      else if (dialog || !sent) receive.refusedText(state, message);
      else state.faults.value = message.errors;
    });
    this.turnNext();
  }

  // ------------------------------------------------------------------- run

  play() {
    this.send({ type: "run", action: "play", speed: this.state.speed.value });
  }

  /** @param {"user" | "hidden"} reason */
  pause(reason = "user") {
    this.send({ type: "run", action: "pause", reason });
  }

  toggle() {
    if (this.state.playing.peek()) this.pause();
    else this.play();
  }

  /** @param {"step" | "again" | "reset"} action */
  run(action) {
    if (action === "again" && this.state.mode.value !== "training") this.state.mode.value = "training";
    this.send({ type: "run", action });
  }

  /** @param {number | null} speed steps a second; null: as fast as it goes */
  setSpeed(speed) {
    this.state.speed.value = speed;
    if (this.state.playing.peek()) this.play();
  }

  restart() {
    this.state.notices.value = [{ tone: "note", text: "The training process starts…", action: "starting" }];
    this.send({ type: "restart" });
    this.inspect();
  }

  inspect() {
    const { status, run, row, mode, focus } = this.state;
    if (status.peek().kind !== "open") return;
    this.send({ type: "inspect", run: run.peek(), row: row.peek(), mode: mode.peek(), focus: focus.peek() });
  }
}
