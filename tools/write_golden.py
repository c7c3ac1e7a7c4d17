"""Write tests/data/golden_dropout.json with the oracle, without dropcore.

The file is committed and never changes within a stream version. With `--check` nothing is written,
and the exit status is 1 if the file is not what the oracle computes now.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np

TESTS = Path(__file__).parent.parent / "tests"
sys.path.insert(0, str(TESTS))

import golden_cases  # noqa: E402
import oracle  # noqa: E402

FILE = TESTS / "data" / "golden_dropout.json"
ALPHA = -1.7580993408473766  # selu's lower limit: -scale * alpha of Klambauer and others, 2017


def shared_axes(case):
    """The axes along which the case's variant shares a decision."""
    options, rank = case["options"], len(case["shape"])
    if case["variant"] != "spatial":
        return tuple(options["shared_axes"])
    kept = {options["channel_axis"] % rank, options.get("batch_axis", 0)}
    return tuple(axis for axis in range(rank) if axis not in kept)


def affine(case):
    """Scale and shift of a kept element and the value of a dropped one, in float64."""
    p = case["p"]
    if case["variant"] != "alpha":
        P = oracle.threshold(p)
        return (0.0 if P == 2**64 else 1.0 / (1.0 - P / 2**64)), 0.0, 0.0
    if p == 1:
        return 0.0, 0.0, 0.0
    mu, nu = case["options"].get("fixed_mean", 0.0), case["options"].get("fixed_var", 1.0)
    q = 1 - p
    a = math.sqrt(nu / (q * ((ALPHA - mu) ** 2 * p + nu)))
    b = mu - a * (q * mu + p * ALPHA)
    return a, b, a * ALPHA + b


def answer(case):
    """Decisions, y and dx of a case."""
    shape = case["shape"]
    mask_shape = [1 if axis in shared_axes(case) else n for axis, n in enumerate(shape)]
    key = oracle.key(case["seed"], tuple(case["path"]))
    count = int(np.prod(mask_shape))
    keep = oracle.keep(key, case["index"], case["p"], 0, count)
    x, dy = golden_cases.values(case)
    compute = oracle.COMPUTES_IN[case["dtype"]]
    scale, shift, drop = (compute(value) for value in affine(case))
    kept = keep.reshape(mask_shape)
    with np.errstate(all="ignore"):
        y = x.astype(compute) * scale
        y = y + shift if case["variant"] == "alpha" else y
        y = np.where(kept, y.astype(x.dtype), drop.astype(x.dtype))
        dx = np.where(kept, (dy.astype(compute) * scale).astype(x.dtype), np.zeros((), x.dtype))
    return {
        "packed": golden_cases.digest(oracle.packed(keep)),
        "y": golden_cases.digest(y),
        "dx": golden_cases.digest(dx),
    }


def main():
    """Write the file, or compare it."""
    entries = [{**case, **answer(case)} for case in golden_cases.cases()]
    lines = ",\n".join(json.dumps(entry) for entry in entries)
    text = f"[\n{lines}\n]\n"
    if sys.argv[1:] == ["--check"]:
        same = text == FILE.read_text("utf-8")
        print(f"{len(entries)} answers, {'all as committed' if same else 'DIFFERENT'}")
        return not same
    FILE.write_text(text, "utf-8")
    print(f"{len(entries)} answers written")
    return False


if __name__ == "__main__":
    sys.exit(main())
