// The menu of the right mouse button, the "…" button and Shift+F10.

import { addLayer, at, pointerOf, put, removeLayer, setDropout } from "../lab/edits.js";

/** @typedef {import("../lab/lab.js").Lab} Lab */
/** @typedef {import("../base/menu.js").Item} Item */

const RATES = [0.2, 0.5, 0.8];

/**
 * @param {Lab} lab
 * @param {string} name of a column
 * @returns {{label: string, items: (Item | "line")[]}}
 */
export function columnMenu(lab, name) {
  const spec = lab.state.spec.value;
  const pointer = spec && pointerOf(spec, name);
  if (!spec || !pointer) return { label: name, items: [] };
  const place = name === "input" ? -1 : name === "output" ? spec.layers.length : Number(pointer.split("/")[2]);
  const hidden = place >= 0 && place < spec.layers.length;
  return {
    label: `What to do with ${name}`,
    items: [
      { label: "Edit…", act: () => show(lab, name), keys: "Enter" },
      ...(hidden ? sizes(lab, name, pointer) : []),
      "line",
      ...rates(lab, name, pointer),
      ...(hidden ? activations(lab, pointer) : []),
      "line",
      ...(place >= 0 ? [insertion(lab, place, "dense", "Add a layer before")] : []),
      ...(place < spec.layers.length ? [insertion(lab, place + 1, "dense", "Add a layer after")] : []),
      ...(hidden ? [{ label: "Remove this layer", act: () => remove(lab, name), keys: "Delete" }] : []),
    ],
  };
}

/**
 * @param {Lab} lab
 * @param {number} place among the hidden layers
 * @returns {{label: string, items: (Item | "line")[]}}
 */
export function gapMenu(lab, place) {
  const items = [insertion(lab, place, "dense", "Add a dense layer here")];
  if (takesConvolution(lab, place)) items.push(insertion(lab, place, "conv", "Add a convolution here"));
  return { label: "What to add here", items };
}

/**
 * @param {Lab} lab
 * @param {number} place
 */
export function takesConvolution(lab, place) {
  const { spec, analysis } = lab.state;
  const image = analysis.value?.columns[0].shape.length === 3;
  return image && (spec.value?.layers.slice(0, place) ?? []).every((layer) => layer.type === "conv");
}

/**
 * Show a column in the panel where it is edited.
 * @param {Lab} lab
 * @param {string} name
 */
export function show(lab, name) {
  lab.state.pinned.value = { layer: name, unit: null };
  lab.state.tab.value = "details";
  requestAnimationFrame(() => {
    const form = document.querySelector(".dropcore-lab .selection-form");
    /** @type {any} */ (form?.querySelector("input, select"))?.focus();
  });
}

/**
 * @param {Lab} lab
 * @param {string} name
 */
export function remove(lab, name) {
  const spec = lab.state.draft.value;
  if (spec?.layers.some((layer) => layer.name === name)) lab.edit(removeLayer(spec, name));
}

/**
 * @param {Lab} lab
 * @param {number} place
 * @param {"dense" | "conv"} type
 * @param {string} label
 * @returns {Item}
 */
function insertion(lab, place, type, label) {
  const { draft, catalogue } = lab.state;
  const most = catalogue.value.limits.hidden;
  const full = (draft.value?.layers.length ?? 0) >= most;
  return {
    label: full ? `${label}: at most ${most}` : label,
    disabled: full,
    act: () => {
      if (!draft.value) return;
      const { spec, name } = addLayer(draft.value, place, type);
      lab.edit(spec, { layer: name, unit: null });
    },
  };
}

/**
 * @param {Lab} lab
 * @param {string} name
 * @param {string} pointer
 * @returns {Item[]}
 */
function sizes(lab, name, pointer) {
  const draft = lab.state.draft.value;
  const key = at(draft, `${pointer}/type`) === "conv" ? "channels" : "units";
  const now = Number(at(draft, `${pointer}/${key}`));
  const to = (/** @type {number} */ size) => () =>
    draft && lab.edit(put(draft, `${pointer}/${key}`, size), { layer: name, unit: null });
  return [
    { label: `One ${key.slice(0, -1)} more`, act: to(now + 1), keys: "+" },
    { label: `One ${key.slice(0, -1)} less`, act: to(now - 1), keys: "−", disabled: now <= 1 },
    { label: `Twice as many ${key}`, act: to(2 * now) },
  ];
}

/**
 * @param {Lab} lab
 * @param {string} name
 * @param {string} pointer
 * @returns {(Item | "line")[]}
 */
function rates(lab, name, pointer) {
  const { draft } = lab.state;
  const now = at(draft.value, `${pointer}/dropout`);
  const choice = (/** @type {number | null} */ p) => ({
    label: p === null ? "No dropout" : `p = ${p}`,
    checked: p === null ? now === null : now?.p === p,
    act: () => {
      if (!draft.value) return;
      const next = p === null ? null : { variant: "standard", options: {}, ...now, p };
      lab.edit(setDropout(draft.value, name, next), { layer: name, unit: null });
    },
  });
  return [{ label: "Dropout" }, ...[null, ...RATES].map(choice)];
}

/**
 * @param {Lab} lab
 * @param {string} pointer
 * @returns {Item[]}
 */
function activations(lab, pointer) {
  const { draft, catalogue } = lab.state;
  const now = at(draft.value, `${pointer}/activation`);
  const choices = catalogue.value.fields["layers.activation"]?.choices ?? [];
  return [
    { label: "Activation" },
    ...choices.map((/** @type {string} */ name) => ({
      label: name,
      checked: name === now,
      act: () => draft.value && lab.edit(put(draft.value, `${pointer}/activation`, name)),
    })),
  ];
}
