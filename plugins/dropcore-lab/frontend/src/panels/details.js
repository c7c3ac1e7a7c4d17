// The right column: what the network is, what is found, what is selected.

import { Button } from "../base/buttons.js";
import { listed, powerOfTwo, whole } from "../base/format.js";
import { Icon } from "../base/icons.js";
import { html } from "../base/html.js";
import { useLab } from "../lab/context.js";
import { Outline } from "./outline.js";
import { Prediction } from "./prediction.js";
import { Selection } from "./selection.js";
import { Section } from "./setup.js";

export function Details() {
  return html`<aside class="side details" aria-label="Details">
    <${Analysis} /><${Findings} /><${Selection} /><${Prediction} /><${Deeper} /><${Outline} />
  </aside>`;
}

function Analysis() {
  const { analysis, run, spec } = useLab().state;
  const facts = analysis.value;
  if (!facts) return null;
  const decisions = facts.runs[run.value]?.decisions ?? 0;
  const several = (spec.value?.runs.length ?? 1) > 1;
  const rows = [
    ["hidden layers", whole(facts.hidden)],
    ["hidden units", whole(facts.units)],
    ["parameters", whole(facts.parameters)],
    [`decisions a row${several ? ` (run ${spec.value?.runs[run.value]?.name})` : ""}`, whole(decisions)],
    ["sub-networks", powerOfTwo(decisions)],
  ];
  return html`<${Section} title="Analysis">
    <dl class="facts-list">
      ${rows.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
    </dl>
  <//>`;
}

function Findings() {
  const { advice, spec } = useLab().state;
  const findings = advice.value?.findings ?? [];
  const names = spec.value?.runs ?? [];
  if (!advice.value) return null;
  return html`<${Section} title=${findings.length ? `Findings (${findings.length})` : "Findings"}>
    ${findings.length === 0 && html`<p class="hint">Nothing that is often wrong was found.</p>`}
    ${findings.map((finding, i) => {
      const runs = finding.runs.length < names.length ? `, run ${listed(finding.runs.map((run) => names[run]?.name ?? ""))}` : "";
      return html`<details class="finding" key=${i}>
        <summary><${Icon} name="warning" /><span>${finding.check}</span><small>${listed(finding.layers)}${runs}</small></summary>
        <p>${finding.why}${finding.source && html` <cite>${finding.source}</cite>`}</p>
        <p><strong>What to do:</strong> ${finding.advice}</p>
      </details>`;
    })}
  <//>`;
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
  const why = decisions === 0 ? "This run drops nothing: there is one network only." : `${decisions} decisions a row are too many: ${most} is the most.`;
  return html`<${Section} title="Deeper">
    <div class="buttons">
      <${Button} label="Replay a mask" onClick=${open("replay")} />
      <${Button} label="All sub-networks" disabled=${!possible} title=${possible ? "Every network that dropout can leave, for one row" : why} onClick=${open("subnetworks")} />
    </div>
  <//>`;
}

