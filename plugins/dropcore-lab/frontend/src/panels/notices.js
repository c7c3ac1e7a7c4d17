// Notices about the connection, the run, and a specification that is not accepted.

import { Button } from "../base/buttons.js";
import { Icon } from "../base/icons.js";
import { listed, whole } from "../base/format.js";
import { html } from "../base/html.js";
import { useLab } from "../lab/context.js";
import { Progress } from "./topbar.js";

export function Notices() {
  const lab = useLab();
  const { state } = lab;
  const drop = (/** @type {any} */ notice) => () => {
    state.notices.value = state.notices.value.filter((other) => other !== notice);
  };
  return html`<div class="notices">
    <${Closed} />
    ${state.notices.value.map(
      (notice) => html`<${Line} key=${notice.text} tone=${notice.tone} text=${notice.text}>
        ${notice.action === "restart" && html`<${Button} label="Restart" kind="primary" onClick=${() => lab.restart()} />`}
        <${Button} icon="close" label="Close this notice" bare kind="quiet" onClick=${drop(notice)} />
      <//>`,
    )}
    <${Faults} />
  </div>`;
}

/** @param {{tone: "note" | "bad", text: any, children?: any}} properties */
function Line({ tone, text, children }) {
  return html`<div class=${`notice ${tone}`} role=${tone === "bad" ? "alert" : "status"}>
    ${tone === "bad" && html`<${Icon} name="warning" />`}
    <p>${text}</p>
    ${children}
  </div>`;
}

/** The connection is closed: why, and what to do. */
function Closed() {
  const lab = useLab();
  const { kind, code, reason } = lab.state.status.value;
  if (kind !== "closed") return null;
  const known = {
    4001: ["Another tab uses the Lab now.", "Use it here"],
    4003: [
      "This tab does not have the token. Open the whole address that “dropcore lab” printed in its terminal, from http to the end.",
      "Try again",
    ],
    1009: ["The last message was too large. Nothing was changed.", "Connect again"],
  }[code] ?? [
    `The connection to the Lab has ended${reason ? `: ${reason}` : "."} If the terminal of the Lab is closed, start the Lab again with “dropcore lab”. “Share” still saves this set-up.`,
    "Connect again",
  ];
  return html`<${Line} tone="bad" text=${known[0]}>
    <${Button} label=${known[1]} kind="primary" onClick=${() => lab.connect()} />
  <//>`;
}

/** All faults of the specification that was asked for; each is also shown beside its field. */
function Faults() {
  const lab = useLab();
  const { faults } = lab.state;
  if (faults.value.length === 0) return null;
  const text = html`<strong>${faults.value.length === 1 ? "One value is not accepted" : "Some values are not accepted"}, so the last valid network stays.</strong>
    <ul>
      ${faults.value.map((fault) => html`<li key=${fault.path}>${fault.path && html`<code>${fault.path}</code> `}${fault.text}</li>`)}
    </ul>`;
  return html`<div class="notice bad" role="alert">
    <${Icon} name="warning" />
    <div class="text">${text}</div>
    <${Button} label="Back to the last valid network" onClick=${() => lab.discard()} />
  </div>`;
}

/** One line under the controls: why the training is paused, and which masks a change has changed. */
export function StateLine() {
  const { state } = useLab();
  const frame = state.frame.value;
  if (!frame) return html`<div class="state-line"><p role="status">${opening(state.status.value.kind)}</p></div>`;
  const parts = [again(frame) || frame.state.text, moved(state.moved.value)].filter(Boolean);
  return html`<div class=${`state-line${frame.state.reason === "not_finite" ? " bad" : ""}`}>
    <${Progress} />
    <p role="status">${parts.join(" ")}</p>
  </div>`;
}

/** @param {string} kind */
const opening = (kind) => (kind === "closed" ? "" : "The training process starts…");

/** @param {import("../types.js").Frame} frame */
function again({ again: result, shown }) {
  if (!result) return "";
  const same = result.losses && result.masks;
  return same
    ? `Step ${whole(shown)} again: the same masks and the same losses, to the bit.`
    : `Step ${whole(shown)} again: ${result.masks ? "the same masks" : "other masks"}, ${result.losses ? "the same losses" : "other losses"}.`;
}

/** @param {{step: number, columns: Record<string, string>} | null} change */
function moved(change) {
  if (!change) return "";
  const of = (/** @type {string} */ what) => Object.keys(change.columns).filter((name) => change.columns[name] === what);
  const parts = [
    of("same").length ? `${listed(of("same"))} the same to the bit` : "",
    of("moved").length ? `${listed(of("moved"))} changed` : "",
    of("new").length ? `${listed(of("new"))} new` : "",
  ].filter(Boolean);
  return parts.length ? `Masks of step ${whole(change.step)} after the change: ${parts.join("; ")}.` : "";
}
