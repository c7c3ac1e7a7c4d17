"""VariantSuite in pytest: as its users have it, and what pytest says of it."""

import os
import subprocess
import sys
from pathlib import Path

from testing.right_variants import Exact

from dropcore.testing import CHECKS, VariantSuite

TESTS = Path(__file__).parent.parent


class TestStandard(VariantSuite):
    variant = "standard"
    options = {"shared_axes": 0}  # noqa: RUF012


class TestExact(VariantSuite):
    variant = Exact()
    shapes = ((4, 15),)
    p_values = (0.2,)


def test_each_check_is_a_test_of_its_name():
    tests = [name for name in vars(VariantSuite) if name.startswith("test_")]
    assert tests == [f"test_{name}" for name in CHECKS]
    assert VariantSuite.test_gradient.__doc__ == CHECKS["gradient"].__doc__


WRONG_SUITES = """
from testing.misshapen_variants import NoPlan
from testing.wrong_variants import IdentityForgotten, NoScale
from dropcore.testing import VariantSuite

class TestFails(VariantSuite):
    variant = IdentityForgotten()

class TestExpected(TestFails):
    expected_failures = {"inference": "scales twice"}

class TestStrict(VariantSuite):
    variant = "standard"
    expected_failures = {"dtypes": "only float32"}

class TestMisshapen(VariantSuite):
    variant = NoPlan()

class TestMisspelt(VariantSuite):
    variant = "standard"
    expected_failures = {"gradients": "why"}
"""


def test_failures_and_expected_failures(tmp_path):
    (tmp_path / "test_mine.py").write_text(WRONG_SUITES, "utf-8")
    names = ["structure", "inference", "dtypes", "gradient", "kept_moments"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "-q", "--tb=line"]
    chosen = ["-k", " or ".join(f"test_{name}" for name in names), "-W", "error"]
    done = subprocess.run(
        [*command, *chosen, "-o", f"pythonpath={TESTS}", f"--rootdir={tmp_path}"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "300"},
    )
    said = done.stdout

    assert "FAILED test_mine.py::TestFails::test_inference - AssertionError: p=0.1" in said
    assert "PASSED test_mine.py::TestFails::test_dtypes" in said
    assert "SKIPPED" in said
    assert "kept_moments() states nothing" in said
    assert "XFAIL test_mine.py::TestExpected::test_inference - scales twice" in said
    assert "PASSED test_mine.py::TestExpected::test_gradient" in said
    assert "FAILED test_mine.py::TestStrict::test_dtypes - [XPASS(strict)] only float32" in said
    assert (
        "FAILED test_mine.py::TestMisshapen::test_structure - AssertionError: NoPlan must" in said
    )
    assert "PASSED test_mine.py::TestMisshapen" not in said
    assert said.count("FAILED test_mine.py::TestMisshapen") == 1
    assert "test_structure fails: NoPlan must define plan" in said
    assert "FAILED test_mine.py::TestMisspelt::test_gradient - ValueError: expected_fail" in said


def test_check_variant_needs_no_pytest():
    code = (
        "import sys; sys.modules['pytest'] = None; import dropcore; "
        "dropcore.testing.check_variant('standard', shapes=[(60,)], p_values=[0.5]); "
        "from dropcore.testing import VariantSuite"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: VariantSuite needs pytest, which is not installed")


def test_without_scipy_the_error_says_what_to_install():
    code = "import sys; sys.modules['scipy'] = None; import dropcore; dropcore.testing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    last = done.stderr.strip().splitlines()[-1]
    assert last == (
        "ImportError: dropcore.testing needs scipy, which is not installed: "
        "pip install 'dropcore[testing]'"
    )
