// Losses over steps, by uPlot: the colour shows the run, the dashes the kind of loss.

import uPlot from "uplot";
import { palette, theme } from "../base/colours.js";
import { decimal } from "../base/format.js";
import { html, useEffect, useRef } from "../base/html.js";
import { runColour } from "./fit.js";

/** The line style of each measure; the table of numbers shows the same styles. */
export const MEASURES = /** @type {const} */ ([
  { id: "training_on", dash: [1, 3], width: 1.5 },
  { id: "training_off", dash: [6, 4], width: 1.5 },
  { id: "validation_off", dash: [], width: 2 },
]);

/** @typedef {{label: string, run: number, dash: readonly number[], width: number, values: ArrayLike<number>}} Line */

/**
 * @param {{steps: ArrayLike<number>, lines: Line[], label: string, onCursor?: (index: number | null) => void}} properties
 */
export function LineChart({ steps, lines, label, onCursor }) {
  const host = useRef(/** @type {any} */ (null));
  const plot = useRef(/** @type {uPlot | null} */ (null));
  const tell = useRef(onCursor);
  tell.current = onCursor;
  const shape = lines.map((line) => `${line.label}:${line.run}`).join(";");

  useEffect(() => {
    const element = /** @type {HTMLElement} */ (host.current);
    const made = new uPlot(options(element, lines, (index) => tell.current?.(index)), table([], lines.map(() => [])), element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize(sizeOf(element)));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, theme.value]);

  useEffect(() => {
    plot.current?.setData(table(steps, lines.map((line) => line.values)));
  }, [steps, shape, theme.value]);

  return html`<div class="lines" role="img" aria-label=${label} ref=${host}></div>`;
}

/**
 * @param {ArrayLike<number>} steps
 * @param {ArrayLike<number>[]} values
 * @returns {uPlot.AlignedData}
 */
const table = (steps, values) =>
  /** @type {any} */ ([steps, ...values.map((one) => Array.from(one, (value) => (Number.isFinite(value) ? value : null)))]);

/** @param {HTMLElement} element */
const sizeOf = (element) => ({ width: Math.max(element.clientWidth, 60), height: Math.max(element.clientHeight, 60) });

/**
 * @param {HTMLElement} element
 * @param {Line[]} lines
 * @param {(index: number | null) => void} onCursor
 * @returns {uPlot.Options}
 */
function options(element, lines, onCursor) {
  const colours = palette(element);
  const font = "12px system-ui, sans-serif";
  const axis = {
    stroke: colours["ink-2"],
    font,
    grid: { stroke: colours.line, width: 1 },
    ticks: { show: false },
  };
  return {
    ...sizeOf(element),
    legend: { show: false },
    padding: [8, 12, 0, 0],
    cursor: { drag: { x: false, y: false }, points: { size: 6 }, y: false },
    scales: { x: { time: false } },
    axes: [
      { ...axis, size: 24, space: 60, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? String(tick) : "")) },
      { ...axis, size: 44, space: 28, values: (_, ticks) => ticks.map((tick) => decimal(tick, 2)) },
    ],
    series: [
      {},
      ...lines.map(({ label, run, dash, width }) => ({
        label,
        stroke: runColour(colours, run),
        width,
        dash: [...dash],
        points: { show: false },
        spanGaps: false,
      })),
    ],
    hooks: { setCursor: [(/** @type {uPlot} */ self) => onCursor(self.cursor.idx ?? null)] },
  };
}
