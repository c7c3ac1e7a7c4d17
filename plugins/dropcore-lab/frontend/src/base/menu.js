// A menu: by pointer, by keys, with radio groups.

import { html, useEffect, useLayoutEffect, useRef } from "./html.js";

/**
 * @typedef {object} Item
 * @property {string} label
 * @property {() => void} [act] absent: a heading
 * @property {boolean} [checked] present: one of a group
 * @property {boolean} [disabled]
 * @property {string} [keys] the keys for the same action
 */
/** @typedef {{label: string, x: number, y: number, items: (Item | "line")[], opener: Element | null}} MenuState */

/** @param {{menu: MenuState, onClose: () => void}} properties */
export function Menu({ menu, onClose }) {
  const root = useRef(/** @type {HTMLElement | null} */ (null));

  useLayoutEffect(() => {
    const element = /** @type {HTMLElement} */ (root.current);
    const { width, height } = element.getBoundingClientRect();
    element.style.left = `${Math.max(4, Math.min(menu.x, innerWidth - width - 4))}px`;
    element.style.top = `${Math.max(4, Math.min(menu.y, innerHeight - height - 4))}px`;
    choices(element)[0]?.focus();
  }, [menu]);

  useEffect(() => {
    const outside = (/** @type {Event} */ event) => {
      if (!root.current?.contains(/** @type {Node} */ (event.target))) onClose();
    };
    document.addEventListener("pointerdown", outside, true);
    addEventListener("resize", onClose);
    return () => {
      document.removeEventListener("pointerdown", outside, true);
      removeEventListener("resize", onClose);
    };
  }, [menu]);

  const leave = () => {
    onClose();
    /** @type {any} */ (menu.opener)?.focus?.();
  };

  const keys = (/** @type {KeyboardEvent} */ event) => {
    const all = choices(/** @type {HTMLElement} */ (root.current));
    const here = all.indexOf(/** @type {any} */ (document.activeElement));
    const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) all.at(to % all.length)?.focus();
    else if (event.key === "Escape" || event.key === "Tab") leave();
    else if (event.key.length === 1 && !event.ctrlKey && event.key !== " ") find(all, here, event.key)?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return html`<section aria-label=${menu.label}>
    <div class="menu" role="menu" aria-label=${menu.label} ref=${root} onKeyDown=${keys}>
      ${menu.items.map((item, i) => entry(item, i, leave))}
    </div>
  </section>`;
}

/** @param {HTMLElement} element */
const choices = (element) =>
  /** @type {HTMLElement[]} */ ([...element.querySelectorAll("[role^=menuitem]:not([aria-disabled=true])")]);

/**
 * The next entry that begins with a letter.
 * @param {HTMLElement[]} all
 * @param {number} here
 * @param {string} letter
 */
function find(all, here, letter) {
  const turned = [...all.slice(here + 1), ...all.slice(0, here + 1)];
  return turned.find((each) => each.textContent?.trim().toLowerCase().startsWith(letter.toLowerCase()));
}

/**
 * @param {Item | "line"} item
 * @param {number} key
 * @param {() => void} leave
 */
function entry(item, key, leave) {
  if (item === "line") return html`<div key=${key} class="menu-line" role="separator"></div>`;
  const { label, act, checked, disabled = false, keys } = item;
  if (!act) return html`<div key=${key} class="menu-heading" role="presentation">${label}</div>`;
  const choose = () => {
    if (disabled) return;
    leave();
    act();
  };
  return html`<button
    key=${key}
    type="button"
    tabindex="-1"
    role=${checked === undefined ? "menuitem" : "menuitemradio"}
    aria-checked=${checked === undefined ? undefined : String(checked)}
    aria-disabled=${disabled ? "true" : undefined}
    onClick=${choose}
    onPointerEnter=${(/** @type {any} */ event) => !disabled && event.currentTarget.focus()}
  >
    <span class="menu-mark" aria-hidden="true">${checked ? "●" : ""}</span><span>${label}</span>
    ${keys && html`<kbd aria-hidden="true">${keys}</kbd>`}
  </button>`;
}
