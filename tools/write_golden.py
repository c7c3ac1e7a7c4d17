"""Write tests/data/golden_*.json: answers of the oracle for whole calls, without dropcore.

The files are committed and never change within a stream version. With `--check` nothing is written,
and the exit status is 1 if a file differs from the oracle's present answers.
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
import oracle_variants  # noqa: E402

ALPHA = -1.7580993408473766  # selu's lower limit: -scale * alpha of Klambauer and others, 2017


def shared_axes(case):
    """The axes along which the variant of the case shares decisions."""
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


def decisions(case):
    """The keep decisions of a case, in the shape of its mask."""
    shape, shared = case["shape"], shared_axes(case)
    whole, offsets = case.get("shard", (shape, [0] * len(shape)))
    key = oracle.key(case["seed"], tuple(case["path"]))
    keep = np.empty([1 if axis in shared else n for axis, n in enumerate(shape)], bool)
    for at in np.ndindex(keep.shape):
        i = 0
        for axis, place in enumerate(at):
            if axis not in shared:
                i = i * whole[axis] + offsets[axis] + place
        keep[at] = not oracle.dropped(key, case["index"], case["p"], i)
    return keep


def answer(case):
    """The digests of the decisions, y and dx of a case."""
    kept = decisions(case)
    x, dy = golden_cases.values(case)
    compute = oracle.COMPUTES_IN[case["dtype"]]
    scale, shift, drop = (compute(value) for value in affine(case))
    with np.errstate(all="ignore"):
        y = x.astype(compute) * scale
        y = y + shift if case["variant"] == "alpha" else y
        y = np.where(kept, y.astype(x.dtype), drop.astype(x.dtype))
        dx = np.where(kept, (dy.astype(compute) * scale).astype(x.dtype), np.zeros((), x.dtype))
    return {
        "packed": golden_cases.digest(oracle.packed(kept)),
        "y": golden_cases.digest(y),
        "dx": golden_cases.digest(dx),
    }


def plugin_answer(case):
    """The digests of the decisions, y and gradients of a case of a plugin's variant."""
    key = oracle.key(case["seed"], tuple(case["path"]))
    of = key, case["index"], case["p"], tuple(case["shape"])
    x, dy = golden_cases.values(case)
    compute = oracle.COMPUTES_IN[case["dtype"]]
    wide = [array.astype(compute) for array in (x, dy)]
    with np.errstate(all="ignore"):
        if (
            case["variant"] == "gaussian"
        ):  # equal only to a few units in the last place, so no bits are stored
            noise = oracle_variants.gaussian(*of).astype(compute)
            y, dx = (array * noise for array in wide)
            return {"y": numbers(y), "dx": numbers(dx)}
        keep, scale = oracle_variants.DECIDES[case["variant"]](*of, case["options"])
        if case["variant"] == "zoneout":
            zero = np.zeros((), x.dtype)
            return {
                "y": golden_cases.digest(np.where(keep, x, golden_cases.previous(case))),
                "dx": golden_cases.digest(np.where(keep, dy, zero)),
                "dprevious": golden_cases.digest(np.where(keep, zero, dy)),
            }
        y, dx = (
            np.where(keep, (array * compute(scale)).astype(x.dtype), np.zeros((), x.dtype))
            for array in wide
        )
    packed = golden_cases.digest(oracle.packed(keep.reshape(-1)))
    return {"packed": packed, "y": golden_cases.digest(y), "dx": golden_cases.digest(dx)}


def numbers(array):
    """The first numbers of an array as text, so that JSON can hold inf and nan."""
    return [repr(float(each)) for each in array.reshape(-1)[:24]]


def main():
    """Write the files, or compare them."""
    different = False
    for name, cases in golden_cases.FILES.items():
        file = TESTS / "data" / name
        compute = plugin_answer if name == "golden_plugins.json" else answer
        entries = [{**case, **compute(case)} for case in cases()]
        lines = ",\n".join(json.dumps(entry) for entry in entries)
        text = f"[\n{lines}\n]\n"
        says = "written"
        if sys.argv[1:] == ["--check"]:
            same = file.exists() and text == file.read_text("utf-8")
            says = "all as committed" if same else "DIFFERENT"
            different |= not same
        else:
            file.write_text(text, "utf-8")
        print(f"{name}: {len(entries)} answers, {says}")
    return different


if __name__ == "__main__":
    sys.exit(main())
