// Contrast of our own colours, by WCAG 2.2: axe does not look at SVG and canvases.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { channels } from "../src/base/colours.js";
import { contrast } from "./contrast.js";

const sheet = readFileSync(new URL("../src/style/colours.css", import.meta.url), "utf8");
const [light, dark] = sheet.split(/@media/).slice(0, 2).map((part) =>
  Object.fromEntries([...part.matchAll(/--([a-z0-9-]+): (#[0-9a-f]{6})/g)].map(([, name, colour]) => [name, colour])),
);

const RUNS = ["run-0", "run-1", "run-2", "run-3"];

// Machado, Oliveira and Fernandes (2009), severity 1, on linear values.
const BLIND = {
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
};
const linear = (part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
const encoded = (part) => 255 * (part <= 0.0031308 ? 12.92 * part : 1.055 * part ** (1 / 2.4) - 0.055);
const seenAs = (rgb, matrix) =>
  matrix.map((row) => encoded(Math.min(1, Math.max(0, row.reduce((sum, weight, i) => sum + weight * linear(rgb[i]), 0)))));
const distance = (a, b) => Math.hypot(...a.map((part, i) => part - b[i]));

for (const [name, theme] of [["light", light], ["dark", dark]]) {
  test(`${name}: text has at least 4.5 : 1`, () => {
    for (const ground of ["paper", "panel"]) {
      for (const text of ["ink", "ink-2", "accent", "bad"]) {
        assert.ok(contrast(theme[text], theme[ground]) >= 4.5, `${text} on ${ground}: ${contrast(theme[text], theme[ground])}`);
      }
    }
    assert.ok(contrast(theme["on-accent"], theme.accent) >= 4.5);
    assert.ok(contrast(theme.ink, theme["bad-soft"]) >= 4.5 && contrast(theme.bad, theme["bad-soft"]) >= 4.5);
    assert.ok(contrast(theme.accent, theme["accent-soft"]) >= 4.5);
  });

  test(`${name}: curves, edges, borders of fields and the ends of the ramp have at least 3 : 1`, () => {
    for (const line of [...RUNS, "edge", "low", "high"]) {
      assert.ok(contrast(theme[line], theme.paper) >= 3, `${line}: ${contrast(theme[line], theme.paper)}`);
    }
  });

  test(`${name}: runs, and the ends of the ramp, are told apart by who sees no red or no green`, () => {
    for (const matrix of Object.values(BLIND)) {
      const seen = (colour) => seenAs(channels(theme[colour]), matrix);
      for (const pair of [["run-0", "run-1"], ["run-0", "run-2"], ["run-0", "run-3"], ["run-1", "run-2"], ["run-1", "run-3"], ["run-2", "run-3"], ["low", "high"]]) {
        assert.ok(distance(...pair.map(seen)) >= 40, `${pair}: ${distance(...pair.map(seen))}`);
      }
    }
  });
}

test("the contrast of black and white is 21", () => {
  assert.equal(contrast("#000000", "#ffffff").toFixed(2), "21.00");
});
