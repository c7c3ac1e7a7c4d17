"""Count the instructions of the kernels, and compare with the counts in `instructions.json`.

Times on a shared machine are too noisy to test a kernel; valgrind's callgrind counts instructions
exactly. The count of a call is the difference between a long and a short run of one program,
divided by the number of further calls. So one-time work, such as imports, does not count. valgrind
has no AVX-512: for v4 the check reads the disassembly, in which cipher and select must use whole
512-bit registers.

The counts hold for one compiler. ``--update`` stores the counts of the present compiler.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

STORED = Path(__file__).with_name("instructions.json")
TOLERANCE = 0.03
COUNTED = ("baseline", "v3")
CASES = ("forward", "backward from bits", "keep_mask")
SIZE, P = 1 << 16, 0.1
SHORT, LONG = 10, 210
CIPHER_ROTATIONS = (
    116  # 128 in eight rounds, minus 12 in three columns of the first round, computed in advance
)


class Unavailable(Exception):
    """Something that the check needs is missing on this machine."""


# ------------------------------------------------------------ the counted program


def workload(repetitions: list[int]) -> None:
    """Run each case the given number of times. Other work does not depend on these numbers."""
    import numpy as np

    import dropcore

    x = np.ones(SIZE, np.float32)
    y = np.empty_like(x)
    stream = dropcore.Stream(1)
    _, mask = dropcore.dropout(x, P, training=True, rng=stream, out=y)
    forward, backward, keep = repetitions
    for _ in range(forward):
        dropcore.dropout(x, P, training=True, rng=stream, out=y)
    for _ in range(backward):
        mask.backward(x, out=y)
    stream = dropcore.Stream(2)
    for _ in range(keep):
        dropcore.keep_mask(SIZE, P, rng=stream, packed=True)


def counted(isa: str, repetitions: list[int]) -> int:
    """Instructions of the whole program."""
    command = [
        *("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"),
        *(sys.executable, __file__, "--workload", *map(str, repetitions)),
    ]
    env = {
        **os.environ,
        "DROPCORE_ISA": isa,
        "DROPCORE_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
    }
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        sys.exit(f"valgrind ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return int(found[1])


def counts(isa: str) -> dict[str, int]:
    """Instructions of one call of each case."""
    short = [SHORT] * len(CASES)
    base = counted(isa, short)
    found = {}
    for place, case in enumerate(CASES):
        longer = [*short]
        longer[place] = LONG
        found[case] = round((counted(isa, longer) - base) / (LONG - SHORT))
    return found


# ------------------------------------------------------------ the checks


def kernel_module(isa: str) -> str:
    """Path of a compiled kernel module, which is not imported."""
    spec = find_spec(f"dropcore._core._kernels_{isa}")
    if spec is None or spec.origin is None:
        raise Unavailable(f"no kernels were built for {isa}")
    return spec.origin


def tool(name: str, *arguments: str) -> str:
    """Output of a program that may be missing."""
    if shutil.which(name) is None:
        raise Unavailable(f"{name} is not installed")
    return subprocess.run([name, *arguments], capture_output=True, text=True, check=True).stdout


def compiler() -> str:
    """The compiler of the kernels, as recorded in the module."""
    dump = tool("readelf", "--string-dump=.comment", kernel_module("baseline"))
    found = re.findall(r"\]\s+(.*)", dump)
    return "; ".join(sorted(found)) or "unknown"


def check_counts(isa: str, stored: dict[str, int]) -> list[str]:
    """Count and print; return a line for each case whose count has grown."""
    dearer = []
    for case, now in counts(isa).items():
        before = stored.get(case)
        change = "new" if before is None else f"{now / before - 1:+.1%}"
        print(f"{isa}, {case}: {now / SIZE:.3f} instructions an element ({change})", flush=True)
        if before is None:
            dearer.append(f"{isa}, {case}: no count is stored, run with --update")
        elif now > before * (1 + TOLERANCE):
            dearer.append(f"{isa}, {case}: {now} instructions a call, stored are {before}")
    return dearer


def vector_widths(listing: str, functions: str, instruction: str) -> Counter[str]:
    """How often an instruction uses zmm, ymm and xmm registers, in the named functions."""
    widths: Counter[str] = Counter()
    inside = False
    for line in listing.splitlines():
        head = re.fullmatch(r"[0-9a-f]+ <(.*)>:", line)
        if head:
            inside = re.search(functions, head[1]) is not None
        elif inside and re.search(rf"\t{instruction}\s", line):
            widths.update(set(re.findall(r"%([xyz]mm)", line)))
    return widths


def check_widths() -> list[str]:
    """Return a line for each v4 function with vectors narrower than 512 bits."""
    listing = tool("objdump", "--disassemble", "--no-show-raw-insn", kernel_module("v4"))
    if "_kernels_v4_" not in listing:
        raise Unavailable("the v4 kernels were stripped of their symbols")
    select = r"fuse_0_.*_(select|forward)"  # of float32, the first of the fused types
    wanted = (
        ("cipher, rotate", "_kernels_v4_", "vprold", CIPHER_ROTATIONS),
        ("cipher, xor", "_kernels_v4_", "vpxord?q?", CIPHER_ROTATIONS),
        ("float32 select, multiply", select, "vmulps", 1),
    )
    narrow = []
    for what, functions, instruction, least in wanted:
        widths = vector_widths(listing, functions, instruction)
        print(f"v4, {what}: {widths['zmm']} times on 512 bits, {widths['ymm']} times on 256")
        # Short parts, such as a tail, may be narrower.
        if widths["zmm"] < least or widths["ymm"] > widths["zmm"] // 20:
            narrow.append(f"v4, {what}: not on 512 bits ({dict(widths)})")
    return narrow


# ------------------------------------------------------------ the program


def check(update: bool) -> list[str]:
    """Run all checks; return a line for each failure."""
    if shutil.which("valgrind") is None:
        raise Unavailable("valgrind is not installed")
    isas = [isa for isa in COUNTED if kernel_module(isa)]
    now = compiler()
    if update:
        data = {"compiler": now, "size": SIZE, "counts": {isa: counts(isa) for isa in isas}}
        STORED.write_text(json.dumps(data, indent=2) + "\n")
        print(f"wrote {STORED.name}")
        return check_widths()
    stored = json.loads(STORED.read_text())
    if stored["compiler"] != now:
        raise Unavailable(f"the stored counts are of {stored['compiler']}, not of {now}")
    wrong = check_widths()
    for isa in isas:
        wrong += check_counts(isa, stored["counts"].get(isa, {}))
    return wrong


def main() -> int:
    """Check, or store new counts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--update", action="store_true", help="store new counts")
    parser.add_argument(
        "--allow-missing",
        action="store_true",
        help="succeed if valgrind, objdump, a kernel or the compiler of the counts is missing",
    )
    parser.add_argument("--workload", type=int, nargs=len(CASES), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.workload:
        workload(args.workload)
        return 0
    try:
        wrong = check(args.update)
    except Unavailable as why:
        print(f"skipped: {why}")
        return 0 if args.allow_missing else 1
    for line in wrong:
        print(f"FAILED: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
