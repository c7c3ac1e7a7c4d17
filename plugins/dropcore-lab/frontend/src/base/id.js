// Ids that are unique in the document: Preact's own ids start again in every root, and a notebook may
// show several pages.

import { useMemo } from "./html.js";

let last = 0;

/** An id of this component, for as long as it lives. */
export const useOwnId = () =>
  useMemo(() => {
    last += 1;
    return `dropcore-lab-${last}`;
  }, []);
