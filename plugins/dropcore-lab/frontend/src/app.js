// The page: a bar, three columns, and dialogs over them. On narrow screens the columns are tabs.

import { Menu } from "./base/menu.js";
import { html, useEffect, useRef } from "./base/html.js";
import { useOwnId } from "./base/id.js";
import { LabContext, useLab } from "./lab/context.js";
import { Dialogs } from "./dialogs/dialogs.js";
import { Network } from "./network/network.js";
import { Curves } from "./panels/curves.js";
import { Details } from "./panels/details.js";
import { Notices, StateLine } from "./panels/notices.js";
import { Picture } from "./panels/picture.js";
import { Setup } from "./panels/setup.js";
import { Strip } from "./panels/strip.js";
import { TopBar } from "./panels/topbar.js";

/** @typedef {import("./lab/lab.js").Lab} Lab */

const NARROW = 900; // pixels
const SMALL = 560;

/** @param {{lab: Lab}} properties */
export function App({ lab }) {
  const root = useRef(/** @type {any} */ (null));
  const { state } = lab;
  useEffect(() => {
    const observer = new ResizeObserver(() => {
      if (!root.current) return; // the page is being removed
      const width = root.current.clientWidth;
      state.size.value = width < SMALL ? "small" : width < NARROW ? "narrow" : "wide";
    });
    observer.observe(root.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    // A page outside a notebook handles keys even without focus; a notebook needs its own keys.
    const place = lab.connection.shares ? document : root.current;
    const keys = (/** @type {KeyboardEvent} */ event) => historyKeys(lab, event);
    place.addEventListener("keydown", keys);
    return () => place.removeEventListener("keydown", keys);
  }, []);
  const narrow = state.size.value !== "wide";
  return html`<${LabContext.Provider} value=${lab}>
    <div class=${`dropcore-lab ${narrow ? "narrow" : "wide"} ${state.size.value}`} ref=${root}>
      <${TopBar} />
      <section class="messages" aria-label="How it goes"><${StateLine} /><${Notices} /></section>
      ${state.catalogue.value ? (narrow ? html`<${Tabs} />` : html`<${Columns} />`) : html`<${Waiting} />`}
      ${state.menu.value &&
      html`<${Menu}
        menu=${state.menu.value}
        onClose=${() => {
          state.menu.value = null;
        }}
      />`}
      <${Dialogs} />
    </div>
  <//>`;
}

/**
 * The main part of the page; in a notebook, a part of somebody else's.
 * @param {{class: string, children?: any}} properties
 */
function Main({ children, ...rest }) {
  return useLab().connection.shares ? html`<main ...${rest}>${children}</main>` : html`<div ...${rest}>${children}</div>`;
}

/** Before the session has answered. */
function Waiting() {
  const { status } = useLab().state;
  const text = {
    connecting: "Connecting…",
    open: "Connecting…",
    closed: "Nothing to show yet: the message above gives the reason.",
  }[status.value.kind];
  return html`<${Main} class="empty">${text}<//>`;
}

function Columns() {
  return html`<div class="columns">
    <${Setup} />
    <${Main} class="middle">
      <${Network} /><${Strip} />
      <div class="bottom"><${Curves} /><${Picture} /></div>
    <//>
    <${Details} />
  </div>`;
}

const TABS = [
  ["setup", "Set-up"],
  ["network", "Network"],
  ["results", "Results"],
  ["details", "Details"],
];

function Tabs() {
  const lab = useLab();
  const { tab } = lab.state;
  const own = useOwnId();
  const bodies = {
    setup: html`<${Setup} />`,
    network: html`<div class="middle"><${Network} /><${Strip} /></div>`,
    results: html`<div class="middle"><${Curves} /><${Picture} /></div>`,
    details: html`<${Details} />`,
  };
  const go = (/** @type {KeyboardEvent} */ event) => {
    const here = TABS.findIndex(([id]) => id === tab.value);
    const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    tab.value = /** @type {string[]} */ (TABS.at(to % TABS.length))[0];
    requestAnimationFrame(() => /** @type {any} */ (document.getElementById(`${own}-${tab.value}`))?.focus());
  };
  return html`
    <${Main} class="tab-main">
    <div class="tabs" role="tablist" aria-label="Parts of the page" onKeyDown=${go}>
      ${TABS.map(
        ([id, text]) => html`<button
          key=${id}
          id=${`${own}-${id}`}
          type="button"
          role="tab"
          aria-selected=${String(tab.value === id)}
          aria-controls=${`${own}-panel`}
          tabindex=${tab.value === id ? 0 : -1}
          onClick=${() => {
            tab.value = id;
          }}
        >
          ${text}
        </button>`,
      )}
    </div>
      <div id=${`${own}-panel`} role="tabpanel" aria-labelledby=${`${own}-${tab.value}`} tabindex="0" class="tab-panel">${bodies[/** @type {"setup"} */ (tab.value)]}</div>
    <//>
  `;
}

/**
 * @param {Lab} lab
 * @param {KeyboardEvent} event
 */
function historyKeys(lab, event) {
  if (!(event.ctrlKey || event.metaKey) || isText(event.target)) return;
  const key = event.key.toLowerCase();
  if (key === "z" && !event.shiftKey) lab.undo();
  else if (key === "y" || key === "z") lab.redo();
  else return;
  event.preventDefault();
}

/** @param {EventTarget | null} target */
const isText = (target) => target instanceof HTMLTextAreaElement || (target instanceof HTMLInputElement && target.type === "text");

