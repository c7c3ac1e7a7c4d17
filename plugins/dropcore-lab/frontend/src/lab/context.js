// The lab that a component belongs to: a notebook may show several.

import { createContext, useContext } from "../base/html.js";

/** @typedef {import("./lab.js").Lab} Lab */

export const LabContext = createContext(/** @type {Lab} */ (/** @type {unknown} */ (null)));

/** @returns {Lab} */
export const useLab = () => useContext(LabContext);
