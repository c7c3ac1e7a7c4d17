// The keys, and the meaning of the signs on the page.

import { html } from "../base/html.js";
import { KEYS } from "../network/keys.js";

export function Help() {
  return html`
    <p>These keys work while a unit of the network is in focus. Press Tab to move the focus to a unit.</p>
    <table class="keys">
      <tbody>
        ${KEYS.map(([keys, what]) => html`<tr key=${keys}><th scope="row">${keys}</th><td>${what}</td></tr>`)}
        <tr><th scope="row">Ctrl + Z, Ctrl + Shift + Z</th><td>undo, redo: everywhere except in a text field</td></tr>
      </tbody>
    </table>
    <h3>Signs</h3>
    <ul>
      <li>The colour of a unit is its activation: blue below 0, vermilion above, pale near 0.</li>
      <li>A hollow, dashed, crossed unit is dropped for the row that is shown.</li>
      <li>A line is a weight: a wide line is a large weight, a dashed line is a weight below 0.</li>
      <li>While steps come fast, no single mask is shown. The arc around a unit shows how often the unit was kept so far.</li>
      <li>The first run is blue and the second run is orange, everywhere on the page.</li>
    </ul>
    <h3>Address of a mask</h3>
    <p>
      A text like <code>dc1:…:1239</code> is the address of one mask. In Python,
      <code>dropcore.keep_mask(shape, p, rng=dropcore.Draw.parse(address))</code> gives the mask of standard dropout again, to
      the bit, on any machine.
    </p>
  `;
}
