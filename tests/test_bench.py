"""The options of the benchmarks: refused values, and the titles of tables. Measures nothing."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

BENCH = Path(__file__).parent.parent / "bench"
if not BENCH.is_dir():
    pytest.skip("the benchmarks are not beside the tests", allow_module_level=True)
for needed in ("pytest_benchmark", "matplotlib", "ml_dtypes", "psutil"):
    if find_spec(needed) is None:
        pytest.skip(f"the benchmarks need {needed}", allow_module_level=True)


def bench_says(*arguments):
    """Pytest's exit status and output for the benchmark of variants."""
    command = [sys.executable, "-m", "pytest", "bench/bench_plugins.py", *arguments]
    done = subprocess.run(
        command,
        cwd=BENCH.parent,
        env=os.environ | {"DROPCORE_PLUGINS": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--option", "channel_axis=1"), "--option must come with --variant"),
        (("--variant", "spatial"), "channel_axis must be given for variant 'spatial'"),
        (("--variant", "spatia"), "did you mean 'spatial'"),
    ],
)
def test_a_wrong_option_is_refused(arguments, says):
    code, said = bench_says(*arguments)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert said.count("ERROR: ") == 1
    assert says in said


def test_a_table_names_the_shape_of_its_arrays():
    arguments = ("--variant", "spatial", "--option", "channel_axis=1", "--shape", "4,6,8")
    code, said = bench_says(*arguments, "--seconds", "0.001", "-k", "forward")
    assert code == 0, said
    assert "'plugins shape 4x6x8 n=192-float32'" in said
