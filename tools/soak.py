"""Threads, forks, signals and every installed variant, mixed at random: `make check-soak`.

    python tools/soak.py [SECONDS]

Four threads share one stream and call the functions of the package. Each call is checked at once:
a mask made again from its address, record or pickle must drop the same elements. At the same time
the process forks, and a timer signal raises an exception in the main thread. At the end, no draw
may have been given out twice, memory must not have grown, and no thread may hang.
"""

import faulthandler
import gc
import json
import os
import pickle
import random
import signal
import sys
import threading
import time
from collections import Counter

import ml_dtypes
import numpy as np

import dropcore

THREADS = 4
CALLS = 150  # calls of a thread in a round
DTYPES = (np.float32, np.float64, np.float16, ml_dtypes.bfloat16)
SHAPES = ((), (0, 3), (7,), (33, 65), (5, 3, 8, 9), (4, 16, 32), (2**18,), (300, 1001))
# The bytes by which the resident memory may grow from the second third of the run to the last.
GROWTH = 24 * 2**20
LONGEST = 120  # the most seconds of a round

tried: Counter = Counter()
failed: list = []


class Interrupted(Exception):
    """Raised by the timer's signal, in the main thread."""


def expect(holds, what):
    """Count a check."""
    tried["checks"] += 1
    if not holds:
        failed.append(what)


def same(a, b):
    """Whether two arrays have the same bytes."""
    return np.asarray(a).tobytes() == np.asarray(b).tobytes()


def once(rng, stream, seen):
    """One call with random arguments, and one check of the result."""
    shape, dtype = rng.choice(SHAPES), rng.choice(DTYPES)
    x = np.random.default_rng(rng.randrange(99)).normal(size=shape).astype(dtype)
    name = rng.choice(dropcore.variant_names())
    variant = dropcore.get_variant(name, **OPTIONS.get(name, {}))
    arguments = {"variant": variant, "training": True, "store": rng.choice(("bits", "draw"))}
    arguments |= dict.fromkeys(variant.inputs[1:], x)
    p = rng.choice((0.0, 0.1, 0.5, 0.9, 1.0))
    try:
        y, mask = dropcore.dropout(x, p, rng=stream, **arguments)
    except ValueError:  # a shape, or a p, that the variant does not accept
        return
    seen.append(mask.draw.index)
    tried["calls"] += 1
    check = rng.choice((from_text, from_pickle, from_record, in_pieces))
    expect(check(x, p, y, mask, arguments), f"{check.__name__}: {variant} {shape} {dtype} p={p}")


def from_text(x, p, y, mask, arguments):
    """The draw's text gives the same y."""
    draw = dropcore.Draw.parse(str(mask.draw))
    return same(y, dropcore.dropout(x, p, rng=draw, **arguments)[0])


def from_pickle(x, p, y, mask, arguments):
    """A pickled mask gives the same gradients."""
    copy = pickle.loads(pickle.dumps(mask))
    return all(map(same, gradients(mask, x), gradients(copy, x)))


def from_record(x, p, y, mask, arguments):
    """The mask's record gives the same decisions."""
    copy = dropcore.Mask.from_record(json.loads(json.dumps(mask.record())))
    if isinstance(arguments["variant"], dropcore.FreeVariant):
        return copy.draw == mask.draw
    return same(mask.packed, copy.packed)


def in_pieces(x, p, y, mask, arguments):
    """Decisions made in two pieces equal those of the whole mask."""
    if not isinstance(arguments["variant"], dropcore.PlannedVariant):
        return True
    n, draw = mask.keep.size, mask.draw
    first = n // 3
    pieces = [
        dropcore.keep_mask(count, p, rng=draw, start=start)
        for start, count in ((0, first), (first, n - first))
    ]
    return same(mask.keep, np.concatenate(pieces))


def gradients(mask, dy):
    """The gradients as a tuple, also for a variant with one input."""
    dx = mask.backward(dy)
    return dx if isinstance(dx, tuple) else (dx,)


OPTIONS = {  # for variants with required options
    "spatial": {"channel_axis": 0, "batch_axis": None},
    "dropblock": {"block_size": 3, "channel_axis": 0, "batch_axis": None},
}


def work(seed, stream, seen):
    """The work of a thread in a round."""
    rng = random.Random(seed)
    try:
        for _ in range(CALLS):
            once(rng, stream, seen)
    except Exception as error:
        failed.append(f"{type(error).__name__} in a thread: {error}")


def fork_once(seed):
    """Fork; the child works on a stream of its own, and its exit status must be 0."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(LONGEST)
            failed.clear()
            rng, stream, seen = random.Random(seed), dropcore.Stream(seed), []
            for _ in range(20):
                once(rng, stream, seen)
            status = bool(failed) or seen != sorted(set(seen))
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    tried["forks"] += 1
    expect(status == 0, f"a forked child ended with status {status}, seed {seed}")


def interrupt(signum, frame):
    """The timer's handler."""
    tried["signals"] += 1
    raise Interrupted


def interrupted(seed, stream, seen):
    """Calls in the main thread, with a signal that raises in one of them."""
    rng = random.Random(seed)
    x = np.ones(2**20, np.float32)
    try:
        signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-4, 4e-3))  # it may raise at once
        while True:
            _, mask = dropcore.dropout(x, 0.5, training=True, rng=stream)
            seen.append(mask.draw.index)
            tried["calls"] += 1
    except Interrupted:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    y, mask = dropcore.dropout(x, 0.5, training=True, rng=dropcore.Stream(1).at(seed))
    expect(same(y != 0, mask.keep), "a call after an interrupted one dropped other elements")


def resident():
    """The resident memory of the process in bytes."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def round_of(number):
    """Threads on one stream; then a fork and an interrupted call."""
    faulthandler.dump_traceback_later(LONGEST, exit=True)
    dropcore.set_num_threads(1 + number % 3)  # of each call; the threads below are the user's
    stream = dropcore.Stream(number, ("soak",))
    seen = [[] for _ in range(THREADS + 1)]
    threads = [
        threading.Thread(target=work, args=(number * THREADS + k, stream, seen[k]))
        for k in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    fork_once(number)  # while the threads run
    for thread in threads:
        thread.join()
    interrupted(number, stream, seen[-1])
    given = [index for indices in seen for index in indices]
    expect(len(set(given)) == len(given), f"a draw was given twice in round {number}")
    expect(stream.position >= len(given), f"the position is behind in round {number}")
    faulthandler.cancel_dump_traceback_later()


def main():
    """Run rounds for the given seconds; the exit status is 1 if a check failed."""
    seconds = float(sys.argv[1]) if sys.argv[1:] else 300.0
    signal.signal(signal.SIGALRM, interrupt)
    began, memory, number = time.monotonic(), [], 0
    while time.monotonic() - began < seconds:
        round_of(number)
        number += 1
        memory.append(resident())
    third = max(1, len(memory) // 3)
    early, late = max(memory[third : 2 * third] or memory), max(memory[-third:])
    expect(late - early < GROWTH, f"memory grew from {early} to {late} bytes")
    for what in failed[:20]:
        print("FAILED", what)
    print(f"{number} rounds in {time.monotonic() - began:.0f} s")
    print(f"variants: {', '.join(dropcore.variant_names())}")
    print(f"resident MiB: {early / 2**20:.0f} in the second third, {late / 2**20:.0f} in the last")
    print(", ".join(f"{count} {what}" for what, count in sorted(tried.items())))
    print(f"{tried['checks']} checks, {len(failed)} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
