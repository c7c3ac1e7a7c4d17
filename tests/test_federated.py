"""The example of federated dropout: the server and its clients derive the same sub-networks."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dropcore

SCRIPT = Path(__file__).parent.parent / "examples" / "federated_dropout" / "federated.py"
pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="the example is not beside the tests")


@pytest.fixture(scope="module")
def federated():
    spec = importlib.util.spec_from_file_location("federated", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_client_derives_its_units_in_a_process_of_its_own(federated):
    script = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import federated; "
        "print(json.dumps([federated.units_of(7, client).tolist() for client in range(5)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(SCRIPT.parent)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    here = [federated.units_of(7, client).tolist() for client in range(5)]
    assert json.loads(done.stdout) == here
    assert len({tuple(units) for units in here}) == 5
    stream = dropcore.Stream(federated.SEED, ("round", 7, "client", 2))
    keep = dropcore.keep_mask(federated.HIDDEN, federated.P, rng=stream)
    assert here[2] == np.flatnonzero(keep).tolist()


def test_units_that_no_client_had_stay_as_they_were(federated):
    server = federated.Server()
    before = [weights.copy() for weights in server.weights]
    units = federated.units_of(0, 0)
    server.gather(0, [[weights + 1 for weights in server.part_for(0, 0)]])
    changed = np.flatnonzero((server.weights[0] != before[0]).any(axis=0))
    assert changed.tolist() == units.tolist()


def test_it_learns(federated, capsys):
    federated.main()
    *lines, last = capsys.readouterr().out.splitlines()
    assert float(lines[-1].split()[-1]) > 0.85
    assert last.endswith("masks sent: 0 bytes")
