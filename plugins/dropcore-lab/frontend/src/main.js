// The page of `dropcore lab`; the same file is the widget for notebooks (anywidget).

import { render as show } from "preact";
import { App } from "./app.js";
import { html } from "./base/html.js";
import { takeFragment } from "./connect/fragment.js";
import { notebookConnection } from "./connect/notebook.js";
import { socketConnection } from "./connect/socket.js";
import { Lab } from "./lab/lab.js";

/**
 * @param {HTMLElement} element
 * @param {Lab} lab
 * @returns {() => void} ends it
 */
function begin(element, lab) {
  element.replaceChildren();
  show(html`<${App} lab=${lab} />`, element);
  lab.start();
  return () => {
    lab.end();
    show(null, element);
  };
}

/** @param {HTMLElement} element */
function beginPage(element) {
  const { token, text } = takeFragment(window);
  const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
  const lab = new Lab(socketConnection(address, token), text);
  // A link that a person enters in the address bar of this tab.
  addEventListener("hashchange", () => {
    const later = takeFragment(window);
    if (later.text) lab.read(later.text);
  });
  begin(element, lab);
}

const page = document.getElementById("dropcore-lab");
if (page && document.body.classList.contains("dropcore-lab-page")) beginPage(page);

export default {
  /** @param {{model: any, el: HTMLElement}} widget */
  render({ model, el }) {
    el.classList.add("dropcore-lab-widget");
    return begin(el, new Lab(notebookConnection(model)));
  },
};
