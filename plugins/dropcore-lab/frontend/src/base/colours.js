// The palette for canvases: the colours of the style sheet in the present theme.

import { signal } from "@preact/signals";

/** Counts changes of the theme; who paints on a canvas reads it. */
export const theme = signal(0);

if (typeof matchMedia === "function") {
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
    matchMedia(query).addEventListener("change", () => {
      theme.value += 1;
    });
  }
}

const NAMES = /** @type {const} */ ([
  "paper", "panel", "line", "ink", "ink-2", "edge", "low", "mid", "high", "accent",
  "run-0", "run-1", "run-2", "run-3",
]);

/** @typedef {Record<typeof NAMES[number], string>} Palette */

/**
 * @param {Element} element inside the page
 * @returns {Palette}
 */
export function palette(element) {
  void theme.value;
  const style = getComputedStyle(element);
  return /** @type {Palette} */ (
    Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]))
  );
}

/**
 * Red, green and blue of a colour, also of a system colour.
 * @param {string} colour
 * @returns {[number, number, number]}
 */
export function channels(colour) {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
  if (hex) return [parseInt(hex[1], 16), parseInt(hex[2], 16), parseInt(hex[3], 16)];
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  if (!context) return [128, 128, 128];
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return [red, green, blue];
}

/**
 * `count` colours, interpolated between the given colours.
 * @param {[number, number, number][]} through
 * @returns {[number, number, number][]}
 */
export function ramp(through, count = 256) {
  return Array.from({ length: count }, (_, i) => {
    const at = (i / (count - 1)) * (through.length - 1);
    const left = Math.min(Math.floor(at), through.length - 2);
    const part = at - left;
    const [a, b] = [through[left], through[left + 1]];
    return [0, 1, 2].map((c) => Math.round(a[c] + (b[c] - a[c]) * part));
  }).map(([red, green, blue]) => [red, green, blue]);
}

/**
 * From blue through white (or the paper) to vermilion.
 * @param {Palette} colours
 */
export const diverging = (colours) => ramp([channels(colours.low), channels(colours.mid), channels(colours.high)]);

/**
 * The colour of ink or of paper, whichever has more contrast to the given colour.
 * @param {[number, number, number]} rgb
 * @param {Palette} colours
 */
export function readable(rgb, colours) {
  const light = (/** @type {[number, number, number]} */ [red, green, blue]) => 0.3 * red + 0.59 * green + 0.11 * blue;
  const away = (/** @type {string} */ colour) => Math.abs(light(channels(colour)) - light(rgb));
  return away(colours.ink) >= away(colours.paper) ? colours.ink : colours.paper;
}

/** @param {[number, number, number]} rgb */
export const css = ([red, green, blue]) => `rgb(${red},${green},${blue})`;
