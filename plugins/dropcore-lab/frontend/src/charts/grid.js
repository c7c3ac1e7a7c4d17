// A grid of values as an image: the boundary, its spread, masks, sub-networks.

/** @type {{small: OffscreenCanvas, inner: OffscreenCanvasRenderingContext2D} | null} */
let kept = null; // a new canvas is expensive, and a boundary is drawn ten times a second

/**
 * @param {number} columns
 * @param {number} rows
 */
function sketch(columns, rows) {
  if (kept?.small.width !== columns || kept.small.height !== rows) {
    const small = new OffscreenCanvas(columns, rows);
    kept = { small, inner: /** @type {OffscreenCanvasRenderingContext2D} */ (small.getContext("2d")) };
  }
  return kept;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{width: number, height: number}} place
 * @param {{columns: number, rows: number, smooth?: boolean}} grid
 * @param {(column: number, row: number) => [number, number, number]} colour row 0 is at the top
 */
export function drawGrid(context, { width, height }, { columns, rows, smooth = false }, colour) {
  const { small, inner } = sketch(columns, rows);
  const image = inner.createImageData(columns, rows);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const [red, green, blue] = colour(column, row);
      const at = 4 * (row * columns + column);
      image.data[at] = red;
      image.data[at + 1] = green;
      image.data[at + 2] = blue;
      image.data[at + 3] = 255;
    }
  }
  inner.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = smooth;
  context.drawImage(small, 0, 0, width, height);
}
