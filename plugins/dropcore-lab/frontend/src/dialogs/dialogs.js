// The open dialog.

import { Dialog } from "../base/dialog.js";
import { html } from "../base/html.js";
import { useLab } from "../lab/context.js";
import { Words } from "../panels/outline.js";
import { Card } from "./card.js";
import { Csv } from "./csv.js";
import { Export } from "./export.js";
import { Help } from "./help.js";
import { Open } from "./open.js";
import { Replay } from "./replay.js";
import { Share } from "./share.js";
import { Subnetworks } from "./subnetworks.js";

/** @type {Record<string, {title: string, body: any, wide?: boolean}>} */
const DIALOGS = {
  open: { title: "Open a specification", body: Open },
  share: { title: "Share this set-up", body: Share },
  export: { title: "Export a Python script", body: Export, wide: true },
  help: { title: "Keys and signs", body: Help },
  csv: { title: "A CSV of your own", body: Csv },
  replay: { title: "Replay a mask", body: Replay, wide: true },
  subnetworks: { title: "All sub-networks, for one row", body: Subnetworks, wide: true },
  outline: { title: "The page in words", body: Words, wide: true },
  card: { title: "", body: Card, wide: true },
};

export function Dialogs() {
  const lab = useLab();
  const { dialog, catalogue } = lab.state;
  const now = dialog.value;
  if (!now) return null;
  const { title, body: Body, wide } = DIALOGS[now.kind];
  const card = catalogue.value?.cards.find((/** @type {any} */ each) => each.id === now.id);
  const close = () => {
    if (now.kind === "card" && lab.state.card.value?.done === false) lab.send({ type: "cancel" });
    lab.state.refused.value = [];
    dialog.value = null;
  };
  return html`<${Dialog} key=${`${now.kind}${now.id ?? ""}`} title=${card?.title ?? title} wide=${wide} onClose=${close}>
    <${Body} card=${card} />
  <//>`;
}
