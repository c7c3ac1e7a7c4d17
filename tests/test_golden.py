"""The public functions give the exact bits that the oracle computed without dropcore."""

import json
import os
import subprocess
import sys
from pathlib import Path

import golden_cases
import ml_dtypes
import numpy as np
import pytest

import dropcore
from dropcore._core import dispatch

DATA = Path(__file__).parent / "data"
CASES = golden_cases.FILES
COMMITTED = {name: json.loads((DATA / name).read_text("utf-8")) for name in CASES}
PLUGINS = COMMITTED["golden_plugins.json"]
ENTRIES = [e for entries in COMMITTED.values() if entries is not PLUGINS for e in entries]
SCRIPT = Path(__file__).parent.parent / "tools" / "write_golden.py"


def made(entry):
    """The answers of dropcore for an entry."""
    variant = entry["variant"]
    x, dy = golden_cases.values(entry)
    options = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in entry["options"].items()
    }
    draw = dropcore.Stream(entry["seed"], entry["path"]).at(entry["index"])
    if variant == "zoneout":
        options["previous"] = golden_cases.previous(entry)
    arguments = {"rng": draw, "variant": variant, **options}
    if "shard" in entry:
        arguments["shard"] = tuple(entry["shard"])
    y, mask = dropcore.dropout(x, entry["p"], training=True, **arguments)
    dx = mask.backward(dy)
    if variant == "gaussian":  # values computed from words are not promised to the bit
        return {"y": agrees(y, entry["y"]), "dx": agrees(dx, entry["dx"])}
    if variant == "zoneout":
        dx, dprevious = map(golden_cases.digest, dx)
        return {"y": golden_cases.digest(y), "dx": dx, "dprevious": dprevious}
    return {
        "packed": golden_cases.digest(mask.packed),
        "y": golden_cases.digest(y),
        "dx": golden_cases.digest(dx),
    }


def agrees(array, numbers):
    """`numbers`, if they agree with the first ones of the array; otherwise the array's numbers.

    They agree if they differ by at most four units in the last place.
    """
    found = array.reshape(-1)[: len(numbers)].astype(np.float64)
    right = np.array(list(map(float, numbers)))
    unit = float(ml_dtypes.finfo(array.dtype).eps)
    same = np.isclose(found, right, rtol=4 * unit, atol=1e-37, equal_nan=True)
    return numbers if same.all() else found.tolist()


def wrong():
    """The entries whose answer differs from the answer of dropcore."""
    return [entry for entry in ENTRIES if any(entry[k] != v for k, v in made(entry).items())]


@pytest.mark.parametrize("name", CASES)
def test_a_file_has_the_cases_that_it_should(name):
    answers = ("packed", "y", "dx", "dprevious")
    without = [{k: v for k, v in e.items() if k not in answers} for e in COMMITTED[name]]
    assert without == json.loads(json.dumps(list(CASES[name]())))


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_answers(threads, monkeypatch):
    monkeypatch.setattr(dropcore._core.threads, "PIECE", 64)
    with dropcore.num_threads(threads):
        assert wrong() == []


@pytest.mark.parametrize("variant", sorted({entry["variant"] for entry in PLUGINS}))
@pytest.mark.parametrize("threads", [1, 3])
def test_answers_of_plugins(variant, threads, monkeypatch):
    if variant not in dropcore.variant_names():
        pytest.skip(f"variant {variant!r} is not installed; `make test-plugins` has it")
    monkeypatch.setattr(dropcore._core.threads, "PIECE", 64)
    entries = [entry for entry in PLUGINS if entry["variant"] == variant]
    with dropcore.num_threads(threads):
        for entry in entries:
            assert entry == entry | made(entry)


@pytest.mark.parametrize("isa", dispatch.isas_available())
def test_answers_of_every_instruction_set(isa):
    done = subprocess.run(
        [sys.executable, "-c", "import test_golden; print(len(test_golden.wrong()))"],
        env=os.environ | {"DROPCORE_ISA": isa, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "0", done.stderr


def test_a_changed_bit_is_seen():
    entry = next(e for e in ENTRIES if e["p"] == 0.5 and e["dtype"] == "float32" and e["shape"])
    x, _ = golden_cases.values(entry)
    y = x.copy()
    y.view(np.uint32).reshape(-1)[1] ^= 1
    assert golden_cases.digest(y) != golden_cases.digest(x)


@pytest.mark.skipif(not SCRIPT.is_file(), reason="the script is not beside the tests")
def test_the_oracle_still_computes_the_committed_answers():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, timeout=300
    )
    expected = [f"{name}: {len(e)} answers, all as committed" for name, e in COMMITTED.items()]
    assert done.stdout.splitlines() == expected, done.stderr
