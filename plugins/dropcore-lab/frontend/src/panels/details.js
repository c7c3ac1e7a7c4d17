// The right column: the network, the findings, the selection.

import { Button } from "../base/buttons.js";
import { listed, powerOfTwo, whole } from "../base/format.js";
import { Icon } from "../base/icons.js";
import { html } from "../base/html.js";
import { useLab } from "../lab/context.js";
import { Selection } from "./selection.js";
import { Section } from "./setup.js";

export function Details() {
  return html`<aside class="side details" aria-label="Details">
    <${Analysis} /><${Findings} /><${Deeper} /><${Selection} />
  </aside>`;
}

function Analysis() {
  const { analysis, run, spec } = useLab().state;
  const facts = analysis.value;
  if (!facts) return null;
  const decisions = facts.runs[run.value]?.decisions ?? 0;
  const name = (spec.value?.runs.length ?? 1) > 1 ? spec.value?.runs[run.value]?.name : null;
  const rows = [
    ["hidden layers", whole(facts.hidden)],
    ["hidden units", whole(facts.units)],
    ["parameters", whole(facts.parameters)],
    ["decisions per row", whole(decisions)],
    ["sub-networks", powerOfTwo(decisions)],
  ];
  return html`<${Section} title=${html`Analysis${name && html` <small>of run ${name}</small>`}`}>
    <dl class="facts-list">
      ${rows.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
    </dl>
  <//>`;
}

function Findings() {
  const { advice } = useLab().state;
  if (!advice.value) return null;
  const { findings } = advice.value;
  const mistakes = [...new Set(findings.map((finding) => finding.mistake))];
  return html`<${Section} title=${mistakes.length ? `Findings (${mistakes.length})` : "Findings"}>
    ${mistakes.length === 0 && html`<p class="hint">No frequent mistake was found.</p>`}
    ${mistakes.map((mistake) => html`<${Mistake} key=${mistake} mistake=${mistake} findings=${findings.filter((each) => each.mistake === mistake)} />`)}
  <//>`;
}

/** @param {{mistake: string, findings: import("../types.js").Finding[]}} properties */
function Mistake({ mistake, findings }) {
  const runs = useLab().state.spec.value?.runs ?? [];
  const layers = [...new Set(findings.flatMap((finding) => finding.layers))];
  const found = [...new Set(findings.flatMap((finding) => finding.runs))].sort();
  const where = `${listed(layers)}${found.length < runs.length ? `, run ${listed(found.map((run) => runs[run]?.name ?? ""))}` : ""}`;
  const unlike = findings.filter((finding, i) => findings.findIndex((other) => other.why === finding.why) === i);
  return html`<details class="finding">
    <summary><${Icon} name="warning" /><span>${mistake}</span><small>${where}</small></summary>
    ${unlike.map((finding) => html`<p key=${finding.why}>${finding.why}${finding.source && html` <cite>${finding.source}</cite>`}</p>`)}
    <p><strong>What to do:</strong> ${findings[0].remedy}</p>
  </details>`;
}

function Deeper() {
  const lab = useLab();
  const { state } = lab;
  const open = (/** @type {string} */ kind) => () => {
    state.dialog.value = { kind };
  };
  const decisions = state.analysis.value?.runs[state.run.value]?.decisions ?? 0;
  const most = state.catalogue.value?.limits.decisions ?? 20;
  const possible = decisions > 0 && decisions <= most;
  const why = decisions === 0 ? "This run drops nothing: there is only one network." : `${decisions} decisions per row are too many: at most ${most} are possible.`;
  return html`<${Section} title="Deeper">
    <div class="buttons">
      <${Button} label="Replay" title="Show a mask from its address, or the masks of any step" onClick=${open("replay")} />
      <${Button} label="In words" title="Every figure as text" onClick=${open("outline")} />
      <${Button} label="Sub-networks" disabled=${!possible} title=${possible ? "Predict one row with every sub-network" : why} onClick=${open("subnetworks")} />
    </div>
  <//>`;
}

