"""Run the fuzz targets and count: `make check-fuzz`.

    python tools/fuzz/check.py [--jobs N] [--targets NAME ...] [RUNS]

Each target is run RUNS times, by default 1 000 000 times. N processes share these runs, by default
one process for each processor. The processes share a corpus, so each process continues from the
inputs that other processes found. The core must be built by Clang with the address sanitizer and
coverage counters.
The fuzzer reads the counters to find inputs that reach new code. An input that causes a crash is
kept in build/fuzz.
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import atheris

HERE = Path(__file__).resolve().parent
PLACE = HERE.parents[1] / "build" / "fuzz"
TARGETS = ("arguments", "saved", "table")
RUNTIME = Path(atheris.path()) / "asan_with_fuzzer.so"


def run(target, runs):
    """Run a target in one process; return the number of runs, and whether all succeeded."""
    corpus = PLACE / target
    corpus.mkdir(parents=True, exist_ok=True)
    limits = ["-max_len=256", "-len_control=0", "-timeout=60", "-rss_limit_mb=6000", "-reload=60"]
    limits.append(f"-artifact_prefix={PLACE}/{target}-")
    environment = os.environ | {
        "LD_PRELOAD": str(RUNTIME),
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=64",
        "PYTHONMALLOC": "malloc",
        "OPENBLAS_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, HERE / f"{target}.py", f"-runs={runs}", *limits, corpus],
        env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    done, tail = 0, []
    for line in process.stderr:
        tail = [*tail[-60:], line]
        found = re.search(r"^#(\d+)\s|^Done (\d+) runs", line)
        if found:
            done = int(found[1] or found[2])
            if not line.startswith("#") or "pulse" in line:
                print(f"{target}: {line.strip()}", flush=True)
    well = process.wait() == 0 and done >= runs
    if not well:
        print("".join(tail))
    return done, well


def share(target, runs, jobs):
    """Run a target in several processes; return the number of runs, and whether all succeeded."""
    parts = [len(range(job, runs, jobs)) for job in range(jobs)]
    with ThreadPoolExecutor(jobs) as pool:
        ended = list(pool.map(run, [target] * jobs, parts))
    return sum(done for done, _ in ended), all(well for _, well in ended)


def main():
    """Run the targets; the exit status is 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="?", type=int, default=10**6, metavar="RUNS")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N")
    parser.add_argument("--targets", nargs="+", default=TARGETS, choices=TARGETS)
    options = parser.parse_args()
    results = {target: share(target, options.runs, options.jobs) for target in options.targets}
    total = sum(done for done, _ in results.values())
    failed = [target for target, (_, well) in results.items() if not well]
    each = ", ".join(f"{target} {done}" for target, (done, _) in results.items())
    print(f"{total} runs under the address sanitizer ({each}), {len(failed)} failed", *failed)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
