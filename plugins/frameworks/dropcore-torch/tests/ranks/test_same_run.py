"""The example `same_run`: all engines have the same masks at every step, and the same losses."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("dask")
pytest.importorskip("sklearn")

FOLDER = Path(__file__).parents[5] / "examples" / "same_run"
if not FOLDER.is_dir():
    pytest.skip("the example is not beside the tests", allow_module_level=True)
sys.path.insert(0, str(FOLDER))  # the worker processes inherit this path

import same_run  # noqa: E402


@pytest.fixture(scope="module")
def expected():
    return same_run.with_numpy()


def test_the_run_is_one_that_learns(expected):
    assert expected.losses[-5:].mean() < 0.4 * expected.losses[0]
    assert len({keep.tobytes() for keep in expected.keep}) == same_run.STEPS
    assert abs(expected.keep.mean() - same_run.P) < 0.01


@pytest.mark.filterwarnings("ignore")  # threads and sockets of the engines warn when they end
@pytest.mark.parametrize("name", [name for name in same_run.RUNS if name != "NumPy"])
def test_every_engine(name, expected):
    found = same_run.RUNS[name]()
    assert np.array_equal(found.keep, expected.keep)
    np.testing.assert_allclose(found.losses, expected.losses, rtol=1e-9)
    for ours, weights in zip(found.weights, expected.weights, strict=True):
        np.testing.assert_allclose(ours, weights, rtol=1e-7, atol=1e-9)
