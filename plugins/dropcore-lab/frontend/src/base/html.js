// The imports of components: htm's tag, and the hooks.

export { html } from "htm/preact";
export { useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { createContext } from "preact";
