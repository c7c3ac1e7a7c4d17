// Undo and redo over valid specifications.

/** @typedef {import("../types.js").Spec} Spec */
/** @typedef {{past: Spec[], future: Spec[]}} History */

const MOST = 100;

/** @type {History} */
export const EMPTY = { past: [], future: [] };

/**
 * After an edit: undo leads to `before`; nothing can be redone.
 * @param {History} history
 * @param {Spec} before
 * @returns {History}
 */
export const edited = (history, before) => ({ past: [...history.past, before].slice(-MOST), future: [] });

/**
 * After an undo: the newest entry of the past is shown, and redo leads to `shown`.
 * @param {History} history
 * @param {Spec} shown
 * @returns {History}
 */
export const undone = (history, shown) => ({
  past: history.past.slice(0, -1),
  future: [shown, ...history.future],
});

/**
 * @param {History} history
 * @param {Spec} shown
 * @returns {History}
 */
export const redone = (history, shown) => ({
  past: [...history.past, shown],
  future: history.future.slice(1),
});

/**
 * @param {Spec | null} a
 * @param {Spec | null} b
 */
export const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
