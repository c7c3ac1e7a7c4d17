// A dialog over the page, by the browser's dialog element, which keeps the focus inside and restores it.

import { Button } from "./buttons.js";
import { html, useLayoutEffect, useRef } from "./html.js";
import { useOwnId } from "./id.js";

/** @param {{title: string, wide?: boolean, onClose: () => void, children?: any}} properties */
export function Dialog({ title, wide = false, onClose, children }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const id = useOwnId();
  useLayoutEffect(() => {
    const dialog = /** @type {HTMLDialogElement} */ (element.current);
    const before = /** @type {any} */ (document.activeElement);
    dialog.showModal();
    return () => {
      dialog.close();
      before?.focus?.();
    };
  }, []);
  const backdrop = (/** @type {MouseEvent} */ event) => event.target === element.current && onClose();
  return html`<dialog class=${wide ? "wide" : ""} aria-labelledby=${id} ref=${element} onCancel=${onClose} onClick=${backdrop}>
    <div class="dialog-frame">
      <header>
        <h2 id=${id}>${title}</h2>
        <${Button} icon="close" label="Close" bare kind="quiet" onClick=${onClose} />
      </header>
      <div class="dialog-body" tabindex="0">${children}</div>
    </div>
  </dialog>`;
}
