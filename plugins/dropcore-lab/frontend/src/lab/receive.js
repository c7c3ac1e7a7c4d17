// What a message of the session changes on the page.

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
 */
export function specOk(state, message) {
  batch(() => {
    state.spec.value = message.spec;
    state.link.value = message.link;
    state.analysis.value = message.analysis;
    state.moved.value = null;
    if (message.notice) note(state, message.notice);
    const names = message.analysis.columns.map((/** @type {any} */ column) => column.name);
    if (!names.includes(state.pinned.value?.layer)) state.pinned.value = null;
    state.hovered.value = null;
    if (state.run.value >= message.spec.runs.length) state.run.value = 0;
  });
}

/**
 * @param {State} state
 * @param {any} frame
 */
export function frame(state, frame) {
  const old = state.frame.value;
  batch(() => {
    state.frame.value = frame;
    state.curves.value = grown(state.curves.value, frame.curves);
    if (frame.picture) state.picture.value = frame.picture;
    // A spread is of weights that a step replaces.
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
        state.moved.value = message.moved;
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
 * Say something above the page, once.
 * @param {State} state
 * @param {string} text
 * @param {"note" | "bad"} tone
 */
export function note(state, text, tone = "note") {
  const others = state.notices.value.filter((notice) => notice.text !== text);
  state.notices.value = [...others, { tone, text }].slice(-3);
}
