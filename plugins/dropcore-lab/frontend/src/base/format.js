// Numbers as people read them: with a fixed number of places, so that nothing jumps.

const GROUPED = new Intl.NumberFormat("en");
const NONE = "–";
const MINUS = "−";

/**
 * A count: 1,240.
 * @param {number} count
 */
export const whole = (count) => GROUPED.format(count);

/**
 * A loss or a weight with some decimal places; with an exponent if it is large.
 * @param {number | null | undefined} value
 */
export function decimal(value, places = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const text = Math.abs(value) < 1e4 ? value.toFixed(places) : value.toExponential(1);
  return signed(Number(text) === 0 ? text.replace("-", "") : text);
}

/** @param {string} text */
const signed = (text) => text.replaceAll("-", MINUS);

/**
 * A share, in per cent.
 * @param {number | null | undefined} share
 */
export function percent(share, places = 1) {
  return share === null || share === undefined ? NONE : `${(100 * share).toFixed(places)}\u00a0%`;
}

/**
 * A number that somebody typed, without added zeros.
 * @param {number} value
 */
export const short = (value) => signed(String(value));

/**
 * "1 unit", "3 units".
 * @param {number} count
 * @param {string} noun
 */
export const counted = (count, noun) => `${whole(count)} ${noun}${count === 1 ? "" : "s"}`;

const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/**
 * 2 to the power of n, with its value if n is at most 20.
 * @param {number} n
 */
export function powerOfTwo(n) {
  const power = `2${[...String(n)].map((digit) => SUPERSCRIPT[Number(digit)]).join("")}`;
  return n <= 20 ? `${power} = ${whole(2 ** n)}` : power;
}

/**
 * An address with its middle left out.
 * @param {string} address
 */
export function shortAddress(address) {
  const found = /^(dc1:.{6}).*(.{4}:\d+)$/.exec(address);
  return found ? `${found[1]}…${found[2]}` : address;
}

/**
 * "a, b and c".
 * @param {string[]} names
 */
export function listed(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
