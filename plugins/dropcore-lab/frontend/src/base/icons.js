// Icons of 16 by 16 pixels, drawn with lines of 1.5.

import { html } from "./html.js";

const PATHS = {
  play: "M4.5 3v10l8-5z",
  pause: "M5 3.5v9M11 3.5v9",
  step: "M4 3.5v9l6-4.5zM12.5 3.5v9",
  again: "M3 8a5 5 0 1 0 1.6-3.7M3.2 2.2v3h3",
  reset: "M3.5 3.5v9M13 3.5v9L6.5 8z",
  undo: "M6 3 3 6l3 3M3 6h6.5a3.5 3.5 0 0 1 0 7H6",
  redo: "M10 3l3 3-3 3M13 6H6.5a3.5 3.5 0 0 0 0 7H10",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  close: "M4 4l8 8M12 4l-8 8",
  warning: "M8 2.5 14 13H2zM8 6.5v3M8 11.3v.01",
  share: "M6.5 9.5l3-3M7 5l1.5-1.5a2.8 2.8 0 0 1 4 4L11 9M9 11l-1.5 1.5a2.8 2.8 0 0 1-4-4L5 7",
  code: "M5.5 4.5 2 8l3.5 3.5M10.5 4.5 14 8l-3.5 3.5",
  open: "M2.5 12.5v-9h4l1.5 2h5.5v7z",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  help: "M6 6.2a2 2 0 1 1 2.7 1.9c-.5.2-.7.5-.7 1.1v.4M8 12v.01",
  remove: "M3 4.5h10M6.5 4V2.5h3V4M4.5 4.5l.7 9h5.6l.7-9",
  down: "M4 6.5l4 4 4-4",
  check: "M3 8.5l3.5 3.5L13 4.5",
};

/** @typedef {keyof typeof PATHS} IconName */

/** @param {{name: IconName}} properties */
export function Icon({ name }) {
  const solid = name === "play";
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
    <path d=${PATHS[name]} class=${solid ? "solid" : ""} />
  </svg>`;
}
