// Copies text to the clipboard, saves files, and reads files.

/**
 * Copy a text; where the browser allows no clipboard, by a selection.
 * @param {string} text
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/**
 * Save a text as a file.
 * @param {string} name
 * @param {string} text
 * @param {string} type
 */
export function saveText(name, text, type = "text/plain") {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/**
 * Whether a text that is pasted or dropped is longer than what can be used. Then it is kept away
 * from the field: a browser lays out millions of lines for minutes.
 * @param {ClipboardEvent | DragEvent} event
 * @param {number} most characters
 * @returns {number} how many it has; 0 where it may go in
 */
export function keptOut(event, most) {
  const data = "clipboardData" in event ? event.clipboardData : event.dataTransfer;
  const length = data?.getData("text").length ?? 0;
  if (length <= most) return 0;
  event.preventDefault();
  return length;
}
