"""Answers that the oracle computed, without dropcore, for the public functions: exact bits."""

import json
import os
import subprocess
import sys
from pathlib import Path

import golden_cases
import numpy as np
import pytest

import dropcore
from dropcore._core import dispatch

ENTRIES = json.loads((Path(__file__).parent / "data" / "golden_dropout.json").read_text("utf-8"))
SCRIPT = Path(__file__).parent.parent / "tools" / "write_golden.py"


def made(entry):
    """What dropcore gives for an entry."""
    x, dy = golden_cases.values(entry)
    options = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in entry["options"].items()
    }
    draw = dropcore.Stream(entry["seed"], entry["path"]).at(entry["index"])
    arguments = {"rng": draw, "variant": entry["variant"], **options}
    y, mask = dropcore.dropout(x, entry["p"], training=True, **arguments)
    return {
        "packed": golden_cases.digest(mask.packed),
        "y": golden_cases.digest(y),
        "dx": golden_cases.digest(mask.backward(dy)),
    }


def wrong():
    """The entries that dropcore does not give."""
    return [entry for entry in ENTRIES if any(entry[k] != v for k, v in made(entry).items())]


def test_the_file_has_the_cases_that_it_should():
    without = [{k: v for k, v in e.items() if k not in ("packed", "y", "dx")} for e in ENTRIES]
    assert without == json.loads(json.dumps(list(golden_cases.cases())))


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_answers(threads, monkeypatch):
    monkeypatch.setattr(dropcore._core.threads, "PIECE", 64)
    with dropcore.num_threads(threads):
        assert wrong() == []


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
    assert done.stdout == f"{len(ENTRIES)} answers, all as committed\n", done.stderr
