// Copies text to the clipboard, saves files, and reads files.

/**
 * Copy a text; by a selection if the browser refuses access to the clipboard.
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
 * Keep a pasted or dropped text away from the field if it is longer than the field accepts:
 * a browser needs minutes for the layout of millions of lines.
 * @param {ClipboardEvent | DragEvent} event
 * @param {number} most characters
 * @returns {number} number of characters; 0 if the text may be inserted
 */
export function keptOut(event, most) {
  const data = "clipboardData" in event ? event.clipboardData : event.dataTransfer;
  const length = data?.getData("text").length ?? 0;
  if (length <= most) return 0;
  event.preventDefault();
  return length;
}
