// The text in a field, and its value. Text that is not a value of the field's kind is sent to the
// server unchanged; the answer names the accepted values.

/** @typedef {import("../types.js").Field} Field */

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * @param {string} text
 * @returns {number | string}
 */
function numberOrText(text) {
  const plain = text.trim().replace("−", "-");
  if (!NUMBER.test(plain)) return text;
  const number = Number(plain);
  return Math.abs(number) <= Number.MAX_SAFE_INTEGER ? number : text; // a larger number would be rounded
}

/**
 * @param {Field} field
 * @param {string} text
 * @returns {unknown}
 */
export function valueOf(field, text) {
  if (field.nullable && text.trim() === "") return null;
  if (field.kind === "integer" || field.kind === "number") return numberOrText(text);
  if (field.kind === "integers") {
    const parts = text.split(/[\s,]+/).filter(Boolean).map(numberOrText);
    return parts.every((part) => typeof part === "number") ? parts : text;
  }
  return text;
}

/**
 * @param {unknown} value
 * @returns {string}
 */
export function textOf(value) {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.join(", ");
  return String(value);
}

/**
 * The value one step up or down, within the field's bounds.
 * @param {Field} field
 * @param {unknown} value
 * @param {number} by
 */
export function stepped(field, value, by) {
  const from = typeof value === "number" ? value : Number(field.default ?? 0);
  return Math.min(field.max ?? Infinity, Math.max(field.min ?? -Infinity, from + by));
}
