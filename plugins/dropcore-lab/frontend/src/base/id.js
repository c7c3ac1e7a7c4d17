// Ids that no other page in the same document has: Preact's own begin anew in every root, and a
// notebook may show several.

import { useMemo } from "./html.js";

let last = 0;

/** An id of this component, for as long as it lives. */
export const useOwnId = () =>
  useMemo(() => {
    last += 1;
    return `dropcore-lab-${last}`;
  }, []);
