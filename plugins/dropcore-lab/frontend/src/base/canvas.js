// A canvas that follows the size of its element, and is repainted after each change.

import { palette, theme } from "./colours.js";
import { html, useEffect, useRef } from "./html.js";

/** @typedef {import("./colours.js").Palette} Palette */
/** @typedef {{width: number, height: number}} Size in CSS pixels */
/** @typedef {(context: CanvasRenderingContext2D, size: Size, colours: Palette) => void} Painter */

/**
 * @param {{paint: Painter, label: string, ratio?: number, height?: number, [more: string]: any}} properties
 *   `label` describes the drawing; `height` is in pixels, and only needed if the style sheet sets none
 */
export function Canvas({ paint, label, height, ...rest }) {
  const element = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const newest = useRef(paint);
  newest.current = paint;
  const repaint = () => element.current && paintNow(element.current, newest.current);
  void theme.value;
  useEffect(() => {
    const frame = requestAnimationFrame(repaint);
    return () => cancelAnimationFrame(frame);
  });
  useEffect(() => {
    const observer = new ResizeObserver(repaint);
    if (element.current) observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  const style = height === undefined ? undefined : { height: `${height}px` };
  return html`<canvas role="img" aria-label=${label} ref=${element} style=${style} ...${rest}></canvas>`;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Painter} paint
 */
function paintNow(canvas, paint) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (width === 0 || height === 0) return;
  const scale = Math.min(devicePixelRatio || 1, 2);
  const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  paint(context, { width, height }, palette(canvas));
}
