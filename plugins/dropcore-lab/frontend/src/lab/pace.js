// At most three masks per second are shown, because flashing is a hazard. A mask that comes too early
// waits, and only the newest waiting mask is shown.

/**
 * @template T
 * @param {(shown: T) => void} show
 * @param {number} perSecond
 * @param {() => number} clock in milliseconds
 */
export function pace(show, perSecond, clock = () => performance.now()) {
  const wait = 1000 / perSecond;
  let last = -Infinity;
  /** @type {string | null} */
  let shownKey = null;
  /** @type {{key: string | null, value: T} | null} */
  let newest = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  function release() {
    timer = undefined;
    if (!newest) return;
    const { key, value } = newest;
    newest = null;
    shownKey = key;
    last = clock();
    show(value);
  }

  return {
    /**
     * @param {string | null} key tells masks apart: the same key is no new mask
     * @param {T} value
     */
    offer(key, value) {
      if (key === shownKey) {
        clearTimeout(timer);
        timer = undefined;
        newest = null;
        show(value);
        return;
      }
      newest = { key, value };
      const rest = last + wait - clock();
      if (rest <= 0) release();
      else timer ??= setTimeout(release, rest);
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
