"""Run the fuzz targets and count: `make check-fuzz`.

    python tools/fuzz/check.py [RUNS]

RUNS of each target, 1 000 000 by default; as many targets at once as there are processors. The
core has to be built by Clang with the address sanitizer and its counters of coverage, which the
fuzzer reads to find new ways through the code. An input that crashed is kept in build/fuzz.
"""

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
    """Run a target; returns how many runs it made, and whether all were well."""
    corpus = PLACE / target
    corpus.mkdir(parents=True, exist_ok=True)
    limits = ["-max_len=256", "-len_control=0", "-timeout=60", "-rss_limit_mb=6000"]
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


def main():
    """Run all targets; the exit status is 1 if one failed."""
    runs = int(sys.argv[1]) if sys.argv[1:] else 10**6
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ended = pool.map(run, TARGETS, [runs] * len(TARGETS))
        results = dict(zip(TARGETS, ended, strict=True))
    total = sum(done for done, _ in results.values())
    failed = [target for target, (_, well) in results.items() if not well]
    each = ", ".join(f"{target} {done}" for target, (done, _) in results.items())
    print(f"{total} runs under the address sanitizer ({each}), {len(failed)} failed", *failed)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
