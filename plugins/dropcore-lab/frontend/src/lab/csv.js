// What can be said of a CSV before it is sent.

/**
 * Why a file cannot be sent; null where it can. What is in it, the server reads.
 * @param {{size: number, text: string}} file
 * @param {number} most characters
 * @returns {string | null}
 */
export function refusal({ size, text }, most) {
  if (size > most || text.length > most) {
    const kilobytes = (/** @type {number} */ bytes) => `${Math.ceil(bytes / 1024).toLocaleString("en")} KB`;
    return `The file has ${kilobytes(Math.max(size, text.length))}; the Lab takes ${kilobytes(most)}. Keep some of its rows: a few hundred show dropout best.`;
  }
  if (text.trim() === "") return "The file is empty.";
  if (text.includes("\0")) return "This is not a text file.";
  return null;
}

/**
 * The names in the first line, for a choice of the target.
 * @param {string} text
 */
export function header(text) {
  const line = text.replace(/^\ufeff/, "").split(/\r?\n/, 1)[0];
  const separator = [";", "\t", ","].find((each) => line.includes(each)) ?? ",";
  return line.split(separator).map((name) => name.trim().replace(/^"(.*)"$/, "$1"));
}
