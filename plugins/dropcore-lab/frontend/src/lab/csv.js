// A check of a CSV before it is sent.

/**
 * Why a file cannot be sent; null if it can. The server checks the content.
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
  const lines = text.replace(/^\ufeff/, "").match(/^.*\S.*$/m);
  const line = lines ? lines[0] : "";
  const separator = [";", "\t"].find((each) => cells(line, each).length > 1) ?? ",";
  return cells(line, separator);
}

/**
 * The cells of a line; a separator within quotes does not end a cell.
 * @param {string} line
 * @param {string} separator
 */
function cells(line, separator) {
  const found = [""];
  let quoted = false;
  for (const character of line) {
    if (character === '"') quoted = !quoted;
    else if (character === separator && !quoted) found.push("");
    else found[found.length - 1] += character;
  }
  return found.map((cell) => cell.trim());
}
