"""Run the benchmarks: a process for each instruction set of the machine, and for each peer.

Writes pytest-benchmark's JSON and `run.json` to `.benchmarks/latest`, for `write_results.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from needed import missing

if said := missing():
    sys.exit(said)

import cpuinfo
import libxsmm
import psutil
from peers import ONE_THREAD, PEERS

import dropcore
from dropcore._core import dispatch
from dropcore._core.caches import last_level_cache

BENCH = Path(__file__).resolve().parent
RESULTS = BENCH.parent / ".benchmarks" / "latest"

# glibc's malloc returns freed memory to the system, by rules that depend on the earlier calls of
# the process. So page faults could take half of the time of one training step, and no time of
# another step. Masks of 2^28 decisions and more would get new pages in each call; the page faults
# take a seventh of the call's time. With these settings malloc keeps freed memory.
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_MMAP_MAX_": "0"}

KERNELS = (
    "bench_kernels.py",
    "bench_shared_axes.py",
    "bench_layouts.py",
    "bench_shards.py",
)
KEPT = ("autograd", "large")  # the files that run with KEEP_MEMORY

# Differences of 1 % between training steps matter, and other programs disturb memory-bound rows
# most. So these two suites are measured for a longer time than a disturbance usually lasts.
LONGER = {"autograd": ("--seconds=2",), "threads": ("--seconds=1",)}

QUICK = ("--quick", "--seconds=0.03")


@dataclass(frozen=True)
class Job:
    """One process: some files, one instruction set, at most one peer."""

    name: str
    files: tuple[str, ...]
    isa: str
    options: tuple[str, ...] = ()
    keep_memory: bool = False


def jobs(isas: tuple[str, ...], peers: list[str], quick: bool) -> list[Job]:
    """All processes. The peers are compared with the two highest instruction sets of dropcore."""
    best = isas[-1]
    planned = [
        Job(f"kernels-{isa}", KERNELS, isa) for isa in reversed(isas[-2:] if quick else isas)
    ]
    planned += [
        Job(f"peers-{peer}-{isa}", ("bench_peers.py",), isa, (f"--peer={peer}",))
        for isa in reversed(isas[-1:] if quick else isas[-2:])
        for peer in peers
    ]
    if os.environ.get(libxsmm.VARIABLE):
        planned += [
            Job(f"libxsmm-{isa}", ("bench_libxsmm.py",), isa)
            for isa in reversed(isas[-1:] if quick else isas[-2:])
        ]
    rest = ("overhead", "engine", "plugins", "autograd", "threads", "large")
    planned += [
        Job(name, (f"bench_{name}.py",), best, LONGER.get(name, ()), name in KEPT) for name in rest
    ]
    return planned


def run(job: Job, quick: bool, stem: Path) -> int:
    """Run one process; write STEM.json, and STEM.txt with pytest's output."""
    command = [
        *(sys.executable, "-m", "pytest", "-q", *(str(BENCH / file) for file in job.files)),
        *job.options,
        *(QUICK if quick else ()),
        f"--benchmark-json={stem}.json",
    ]
    env = {**os.environ, **ONE_THREAD, "DROPCORE_NUM_THREADS": "1", "DROPCORE_ISA": job.isa}
    if job.keep_memory:
        env.update(KEEP_MEMORY)
    with Path(f"{stem}.txt").open("w") as log:
        return subprocess.run(
            command, cwd=BENCH, env=env, stdout=log, stderr=subprocess.STDOUT, check=False
        ).returncode


def find_peers() -> tuple[dict[str, str], dict[str, str]]:
    """The versions of the installed peers, and the reasons why other peers are absent."""
    there, absent = {}, {}
    for name in PEERS:
        probe = subprocess.run(
            [sys.executable, str(BENCH / "peers.py"), name],
            capture_output=True,
            text=True,
            check=False,
        )
        last = [*(probe.stdout if probe.returncode == 0 else probe.stderr).splitlines(), "?"][-2:]
        (there if probe.returncode == 0 else absent)[name] = last[0]
    return there, absent


def machine() -> dict[str, object]:
    """A description of the machine, from the system."""
    cpu = cpuinfo.get_cpu_info()
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "cpu": cpu.get("brand_raw", platform.processor()),
        "processors": len(affinity(0)) if affinity else os.cpu_count(),
        "caches": {
            "L1d": cpu.get("l1_data_cache_size"),
            "L2": cpu.get("l2_cache_size"),
            "the last": last_level_cache(),
        },
        "memory": psutil.virtual_memory().total,
        "free": psutil.virtual_memory().available,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def main() -> int:
    """Run all processes that the arguments select."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few sizes, short rounds: a smoke run")
    parser.add_argument(
        "--passes",
        type=int,
        default=1,
        metavar="N",
        help="run all processes N times; the fastest round of each row counts (default: 1)",
    )
    parser.add_argument(
        "--only", metavar="TEXT", help="run only processes whose name contains TEXT"
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=RESULTS,
        metavar="FOLDER",
        help="where the results go (default: .benchmarks/latest)",
    )
    args = parser.parse_args()
    args.results = args.results.resolve()  # the processes have another working directory
    if args.only is None:
        shutil.rmtree(args.results, ignore_errors=True)
    args.results.mkdir(parents=True, exist_ok=True)
    there, absent = find_peers()
    isas = dispatch.isas_available()
    facts = {
        **machine(),
        "isas": isas,
        "peers": there,
        "absent": absent,
        "quick": args.quick,
        "dropcore": dropcore.__version__,
        "variants": dropcore.variant_names(),
        "date": time.strftime("%Y-%m-%d"),
    }
    (args.results / "run.json").write_text(json.dumps(facts, indent=1) + "\n")
    every = jobs(isas, list(there), args.quick)
    planned = [job for job in every if (args.only or "") in job.name]
    if not planned:
        sys.exit(f"--only {args.only}: the processes are {', '.join(job.name for job in every)}")
    failed = 0
    for number in range(1, args.passes + 1):
        for job in planned:
            began = time.perf_counter()
            name = f"{job.name}.{number}"
            code = run(job, args.quick, args.results / name)
            outcome = f"FAILED, see {name}.txt" if code else "ok"
            print(f"{name}: {outcome} ({time.perf_counter() - began:.0f} s)", flush=True)
            failed += code != 0
    print(f"results are in {args.results}; python bench/write_results.py makes RESULTS.md of them")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
