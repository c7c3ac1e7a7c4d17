// Limits the rate of calls; the last call is never lost.

/**
 * Call `action` at once, then at most every `wait` milliseconds, with the newest argument.
 * @template T
 * @param {(value: T) => void} action
 * @param {number} wait
 */
export function throttle(action, wait, clock = Date.now) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let last = -Infinity;
  /** @type {T} */
  let newest;
  const run = () => {
    timer = undefined;
    last = clock();
    action(newest);
  };
  return {
    /** @param {T} value */
    call(value) {
      newest = value;
      if (timer !== undefined) return;
      const rest = last + wait - clock();
      if (rest <= 0) run();
      else timer = setTimeout(run, rest);
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
