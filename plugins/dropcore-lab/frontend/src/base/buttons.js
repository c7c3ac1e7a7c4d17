// Buttons, and a choice of a few.

import { html } from "./html.js";
import { useOwnId } from "./id.js";
import { Icon } from "./icons.js";

/** @typedef {import("./icons.js").IconName} IconName */

/**
 * A button. With `bare`, its label is for screen readers and the tooltip alone.
 * @param {{icon?: IconName, label: string, bare?: boolean, kind?: "primary" | "quiet" | "plain",
 *   class?: string, title?: string, onClick?: (event: MouseEvent) => void, [attribute: string]: any}} properties
 */
export function Button({ icon, label, bare = false, kind = "plain", title, class: more = "", ...rest }) {
  return html`<button
    type="button"
    class=${`button ${kind}${bare ? " bare" : ""} ${more}`.trim()}
    aria-label=${bare ? label : undefined}
    title=${title ?? (bare ? label : undefined)}
    ...${rest}
  >
    ${icon && html`<${Icon} name=${icon} />`}${!bare && html`<span>${label}</span>`}
  </button>`;
}

/**
 * One of a few, side by side: a group of radio buttons.
 * @param {{label: string, value: string, choices: {id: string, text: string, title?: string, class?: string}[],
 *   onChoose: (id: string) => void, disabled?: boolean}} properties
 */
export function Segmented({ label, value, choices, onChoose, disabled = false }) {
  const name = useOwnId(); // a notebook may show several pages
  return html`<fieldset class="segmented" disabled=${disabled}>
    <legend class="unseen">${label}</legend>
    ${choices.map(
      (choice) => html`<label key=${choice.id} title=${choice.title}>
        <input
          type="radio"
          name=${name}
          value=${choice.id}
          checked=${choice.id === value}
          onChange=${() => onChoose(choice.id)}
        /><span class=${choice.class}>${choice.class && html`<i class="swatch" aria-hidden="true"></i>`}${choice.text}</span>
      </label>`,
    )}
  </fieldset>`;
}
