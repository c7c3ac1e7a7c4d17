// The state of the page, as signals. Components read them; only the files of this folder write to the
// signals of the session.

import { computed, signal } from "@preact/signals";
import { NO_CURVES } from "./curves.js";
import { EMPTY } from "./history.js";

/** @typedef {import("../types.js").Spec} Spec */
/** @typedef {import("../types.js").Fault} Fault */
/** @typedef {import("../types.js").Focus} Focus */
/** @typedef {import("../types.js").Frame} Frame */
/** @typedef {import("../types.js").Mask} Mask */
/** @typedef {import("../types.js").Mode} Mode */
/** @typedef {{tone: "note" | "bad", text: string, action?: "restart" | "starting"}} Notice */
/** @typedef {{kind: string, [more: string]: any}} Dialog */
/** @typedef {{text: string, target: string, task: string}} Rows */
/** @typedef {{columns: {name: string, mask: Mask | null}[], row: number, fast: boolean}} PacedMasks */

export function createState() {
  const frame = signal(/** @type {Frame | null} */ (null));
  const speed = signal(/** @type {number | null} */ (null));
  const hovered = signal(/** @type {Focus | null} */ (null));
  const pinned = signal(/** @type {Focus | null} */ (null));
  const catalogue = signal(/** @type {any} */ (null));
  const playing = computed(() => frame.value?.state.playing ?? false);
  return {
    // the connection
    status: signal({ kind: /** @type {"connecting" | "open" | "closed"} */ ("connecting"), code: 0, reason: "" }),
    catalogue,
    notices: signal(/** @type {Notice[]} */ ([])),

    // the specification: `spec` is the last valid one, `draft` the one in the form
    spec: signal(/** @type {Spec | null} */ (null)),
    draft: signal(/** @type {Spec | null} */ (null)),
    faults: signal(/** @type {Fault[]} */ ([])),
    /** Faults of a text that a dialog asked for. */
    refused: signal(/** @type {Fault[]} */ ([])),
    /** The text typed in dialogs; it is kept when a dialog closes. */
    typed: { open: signal(""), csv: signal(/** @type {Rows | null} */ (null)) },
    history: signal(EMPTY),
    link: signal(/** @type {string | null} */ (null)),
    analysis: signal(/** @type {import("../types.js").Analysis | null} */ (null)),
    advice: signal(/** @type {{findings: import("../types.js").Finding[], not_checked: any[]} | null} */ (null)),
    moved: signal(/** @type {{step: number, columns: Record<string, string>} | null} */ (null)),

    // the run
    frame,
    curves: signal(NO_CURVES),
    picture: signal(/** @type {Frame["picture"]} */ (null)),
    data: signal(/** @type {any} */ (null)),
    spread: signal(/** @type {any} */ (null)),
    card: signal(/** @type {any} */ (null)),
    playing,
    speed,
    /** While steps come faster than masks may be shown, how often a unit was kept is shown. */
    fast: computed(() => playing.value && (speed.value === null || speed.value > 3)),
    /** The masks that the network shows, and those of the strip: no faster than three a second. */
    masks: signal(/** @type {PacedMasks} */ ({ columns: [], row: 0, fast: false })),
    strip: signal(/** @type {PacedMasks} */ ({ columns: [], row: 0, fast: false })),

    // the view
    run: signal(0),
    row: signal(0),
    mode: signal(/** @type {Mode} */ ("training")),
    hovered,
    pinned,
    focus: computed(() => hovered.value ?? pinned.value),
    dialog: signal(/** @type {Dialog | null} */ (null)),
    menu: signal(/** @type {any} */ (null)),
    tab: signal("network"),
    size: signal(/** @type {"wide" | "narrow" | "small"} */ ("wide")),
  };
}

/** @typedef {ReturnType<typeof createState>} State */
