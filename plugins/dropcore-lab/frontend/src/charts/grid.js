// A grid of values as an image: the boundary, its spread, masks, sub-networks.

/** @typedef {import("../base/colours.js").Palette} Palette */

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{width: number, height: number}} place
 * @param {{columns: number, rows: number, smooth?: boolean}} grid
 * @param {(column: number, row: number) => [number, number, number]} colour row 0 is at the top
 */
export function drawGrid(context, { width, height }, { columns, rows, smooth = false }, colour) {
  const small = new OffscreenCanvas(columns, rows);
  const inner = /** @type {OffscreenCanvasRenderingContext2D} */ (small.getContext("2d"));
  const image = inner.createImageData(columns, rows);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const [red, green, blue] = colour(column, row);
      image.data.set([red, green, blue, 255], 4 * (row * columns + column));
    }
  }
  inner.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = smooth;
  context.drawImage(small, 0, 0, width, height);
}
