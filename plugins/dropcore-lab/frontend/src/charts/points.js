// Rows of data as points: circles for one class, squares for the other.

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 * @param {boolean} square
 */
function outline(context, x, y, radius, square) {
  context.beginPath();
  if (square) context.rect(x - radius, y - radius, 2 * radius, 2 * radius);
  else context.arc(x, y, radius * 1.1, 0, 2 * Math.PI);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{x: number, y: number, one: boolean}[]} points
 * @param {{fill: (one: boolean) => string, line: string, radius: number}} look
 */
export function drawPoints(context, points, { fill, line, radius }) {
  context.lineWidth = 1;
  context.strokeStyle = line;
  for (const { x, y, one } of points) {
    outline(context, x, y, radius, one);
    context.fillStyle = fill(one);
    context.fill();
    context.stroke();
  }
}
