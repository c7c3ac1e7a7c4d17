// Weights as bars from a middle line; those below 0 are hollow.

/**
 * @param {number[]} values
 * @returns {import("../base/canvas.js").Painter}
 */
export function bars(values) {
  return (context, { width, height }, colours) => {
    const most = Math.max(...values.map(Math.abs), 1e-12);
    const pitch = width / values.length;
    const middle = height / 2;
    const wide = Math.max(1, Math.min(14, pitch - 1));
    context.strokeStyle = colours.line;
    context.beginPath();
    context.moveTo(0, middle);
    context.lineTo(width, middle);
    context.stroke();
    context.strokeStyle = colours["ink-2"];
    context.fillStyle = colours["ink-2"];
    values.forEach((value, i) => {
      const long = (Math.abs(value) / most) * (middle - 1);
      const left = i * pitch + (pitch - wide) / 2;
      if (value >= 0) context.fillRect(left, middle - long, wide, long);
      else if (wide > 3) context.strokeRect(left + 0.5, middle + 0.5, wide - 1, Math.max(long - 1, 0));
      else context.fillRect(left, middle, wide, long);
    });
  };
}
