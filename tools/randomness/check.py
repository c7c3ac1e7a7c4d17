"""Test the mask stream for randomness: `make check-random`.

    python tools/randomness/check.py [--hour] [--counts N] [--only PART ...]

The short run takes about five minutes, the long run about an hour on two cores. A test fails at a
p-value below 10^-6 or above 1 - 10^-6, or beyond five standard errors. A p-value below 10^-4 or
above 1 - 10^-4, or a count beyond four standard errors, is called suspicious: among about a hundred
tests, none is expected.
"""

import argparse
import sys
import time

import batteries
import counts

FAILED, SUSPICIOUS = 1e-6, 1e-4
FIVE_SIGMA, FOUR_SIGMA = 5.0, 4.0

# The arguments of `dropcore stream`, and the tests of dieharder that read the stream: short run.
SHORT = {
    "raw": batteries.FIRST,
    "masks": batteries.FIRST,
    "draws": (0, 2, 8),
    "siblings": (0, 2, 8),
    "masks --p 0.1": (0, 100),
    "ties": (100,),
}
# Long run.
LONG = {
    "raw": batteries.ALL,
    "masks": batteries.ALL,
    "draws": batteries.ALL,
    "siblings": batteries.ALL,
    "masks --p 0.1": batteries.FIRST,
    "masks --p 0.003": (100, 101),
    "ties": (0, 100, 101),
}
PARTS = ("counts", *LONG, "words")
LEAST_RAW = 32 * 10**9  # bytes of the raw stream that the long run reads, in its part "words"


class Tally:
    """The number of tests, and the failures."""

    def __init__(self):
        self.tried = self.failed = 0

    def p_values(self, tests):
        """Judge tests that gave p-values."""
        for name, p in tests:
            tail = min(p, 1 - p)
            self.note(f"{name}: p = {p:.6f}", tail < FAILED, tail < SUSPICIOUS)

    def z_scores(self, tests):
        """Judge tests that gave z-scores."""
        for name, z in tests:
            self.note(f"{name}: {z:+.2f} standard errors", abs(z) > FIVE_SIGMA, abs(z) > FOUR_SIGMA)

    def note(self, text, failed, suspicious):
        """Count one test, and print it."""
        self.tried += 1
        self.failed += failed
        word = "FAILED" if failed else "suspicious" if suspicious else "ok"
        print(f"{word:10}  {text}", flush=True)


def main():
    """Run everything; the exit status is 1 if a test failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--hour", action="store_true", help="the long run")
    parser.add_argument(
        "--counts", type=float, default=1e10, metavar="N", help="elements of a count"
    )
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART",
        help=f"parts of the run: {', '.join(PARTS)}",
    )  # fmt: skip
    args = parser.parse_args()
    batteries.need("dieharder", "ent")
    began, tally, read = time.monotonic(), Tally(), {}
    if "counts" in args.only:
        tally.z_scores(counts.run(int(args.counts)))
    for kind, tests in (LONG if args.hour else SHORT).items():
        if kind not in args.only:
            continue
        words, feed = kind.split(), batteries.Feed()
        tally.p_values(batteries.ent(feed, words))
        tally.p_values(batteries.dieharder(feed, words, tests))
        read[kind] = feed.bytes
    if args.hour and "words" in args.only:
        rest = max(0, LEAST_RAW - read.get("raw", 0))
        tally.z_scores(counts.raw_words(rest))
        read["raw"] = read.get("raw", 0) + rest
    for kind, size in read.items():
        print(f"read of {kind}: {size / 1e9:.2f} GB")
    print(f"{time.monotonic() - began:.0f} s")
    print(f"{tally.tried} tests, {tally.failed} failed")
    return bool(tally.failed)


if __name__ == "__main__":
    sys.exit(main())
