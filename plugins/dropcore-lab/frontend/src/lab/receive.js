// The changes of the page by a message of the session.

import { batch } from "@preact/signals";
import { grown, NO_CURVES } from "./curves.js";

/** @typedef {import("./state.js").State} State */

/**
 * @param {State} state
 * @param {any} message
 */
export function ready(state, message) {
  batch(() => {
    state.catalogue.value = message.catalogue;
    state.status.value = { kind: "open", code: 0, reason: "" };
    state.notices.value = [];
  });
}

/**
 * @param {State} state
 * @param {any} message
 * @param {boolean} anew whether it is another network, not an edit of the one before
 */
export function specOk(state, message, anew) {
  batch(() => {
    state.spec.value = message.spec;
    state.link.value = message.link;
    state.analysis.value = message.analysis;
    state.moved.value = null;
    const names = message.analysis.columns.map((/** @type {any} */ column) => column.name);
    if (!names.includes(state.pinned.value?.layer)) state.pinned.value = null;
    state.hovered.value = null;
    if (anew || state.run.value >= message.spec.runs.length) state.run.value = droppingRun(message.analysis);
  });
}

/**
 * The run that drops most: in this run, masks can be seen.
 * @param {import("../types.js").Analysis} analysis
 */
function droppingRun(analysis) {
  const decisions = analysis.runs.map((run) => run.decisions);
  return decisions.indexOf(Math.max(...decisions));
}

/**
 * @param {State} state
 * @param {any} frame
 */
export function frame(state, frame) {
  const old = state.frame.value;
  batch(() => {
    state.frame.value = frame;
    if (state.notices.value.some((notice) => notice.action)) {
      state.notices.value = state.notices.value.filter((notice) => !notice.action); // the process is alive
    }
    state.curves.value = grown(state.curves.value, frame.curves);
    if (frame.picture) state.picture.value = frame.picture;
    if (frame.state.playing) state.moved.value = null;
    // The spread was computed with weights that the step has changed.
    if (old && old.step !== frame.step) state.spread.value = null;
  });
}

/**
 * @param {State} state
 * @param {any} message
 */
export function result(state, message) {
  batch(() => {
    switch (message.kind) {
      case "data":
        state.data.value = message;
        state.picture.value = null;
        state.spread.value = null;
        break;
      case "advise":
        state.advice.value = message;
        break;
      case "edit":
        state.moved.value = telling(message.moved);
        if (message.restarted) {
          state.curves.value = NO_CURVES;
          state.spread.value = null;
        }
        break;
      case "mc":
        state.spread.value = message;
        break;
      case "card":
        state.card.value = message;
        break;
    }
  });
}

/**
 * The effect of an edit on the masks; null if no earlier mask can be compared.
 * @param {{step: number, columns: Record<string, string>} | null} moved
 */
function telling(moved) {
  return moved && Object.values(moved.columns).some((what) => what !== "new") ? moved : null;
}

/**
 * @param {State} state
 * @param {any} message
 */
export function error(state, message) {
  if (message.code === "worker_died") {
    state.notices.value = [{ tone: "bad", text: message.text, action: "restart" }];
  } else if (message.code !== "cancelled") {
    const inside = (message.errors ?? []).map((/** @type {any} */ fault) => fault.text);
    note(state, [message.text, ...inside].join(" "), "bad");
  }
}

/**
 * A refused link or text that no dialog shows: from the address bar, or from the start of the Lab.
 * @param {State} state
 * @param {any} message
 */
export function refusedText(state, { notice, errors }) {
  const inside = errors.map((/** @type {any} */ fault) => fault.text).join("; ");
  note(state, `${notice ?? "The link is broken, so the network stays."} (${inside})`, "bad");
}

/**
 * Show a notice above the page; a notice with the same text is replaced.
 * @param {State} state
 * @param {string} text
 * @param {"note" | "bad"} tone
 */
export function note(state, text, tone = "note") {
  const others = state.notices.value.filter((notice) => notice.text !== text);
  state.notices.value = [...others, { tone, text }].slice(-3);
}
