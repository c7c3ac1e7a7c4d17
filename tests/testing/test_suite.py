"""VariantSuite in pytest: suites as authors write them, and the output of pytest."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
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

class TestSkipped(VariantSuite):
    variant = "spatial"
    options = {"channel_axis": 1}
    expected_failures = {"kept_moments": "no formula"}

class TestMisshapen(VariantSuite):
    variant = NoPlan()
"""


def pytest_says(folder, *arguments):
    """The output of pytest for the tests of a folder."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "-q", "-W", "error"]
    done = subprocess.run(
        [*command, *arguments, "-o", f"pythonpath={TESTS}", f"--rootdir={folder}"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        env={**os.environ, "COLUMNS": "300"},
    )
    return done.stdout


def test_failures_and_expected_failures(tmp_path):
    (tmp_path / "test_mine.py").write_text(WRONG_SUITES, "utf-8")
    names = ["structure", "inference", "dtypes", "gradient", "kept_moments"]
    said = pytest_says(tmp_path, "--tb=line", "-k", " or ".join(f"test_{name}" for name in names))
    assert "FAILED test_mine.py::TestFails::test_inference - Failed: p=0.1" in said
    assert "PASSED test_mine.py::TestFails::test_dtypes" in said
    assert "SKIPPED" in said
    assert "kept_moments() states nothing" in said
    assert "XFAIL test_mine.py::TestExpected::test_inference - scales twice" in said
    assert "PASSED test_mine.py::TestExpected::test_gradient" in said
    assert "FAILED test_mine.py::TestStrict::test_dtypes - [XPASS(strict)] only float32" in said
    skipped = "test_kept_moments - Failed: skipped, but expected to fail (no formula): "
    assert f"FAILED test_mine.py::TestSkipped::{skipped}" in said
    assert "FAILED test_mine.py::TestMisshapen::test_structure - Failed: NoPlan must" in said
    assert "PASSED test_mine.py::TestMisshapen" not in said
    assert said.count("FAILED test_mine.py::TestMisshapen") == 1
    assert "test_structure fails: NoPlan must define plan" in said


FAILING = """
from dataclasses import dataclass
from testing.right_variants import Standard
from testing.wrong_variants import IdentityForgotten
from dropcore.testing import VariantSuite

@dataclass(frozen=True)
class Raises(Standard):
    def kept_moments(self, p):
        return self.of_p[p]

class TestWrong(VariantSuite):
    variant = IdentityForgotten()

class TestRaises(VariantSuite):
    variant = Raises()

"""


def test_a_failure_shows_no_frame_of_the_kit(tmp_path):
    (tmp_path / "test_mine.py").write_text(FAILING, "utf-8")
    said = pytest_says(tmp_path, "-k", "test_inference or test_kept_moments")
    assert "suite.py" not in said
    assert "evidence.py" not in said
    assert "moments.py" not in said
    assert "test_mine.py:10: AttributeError" in said  # the line of the author's file that raised
    assert "TestWrong::test_inference - Failed: p=0.1, shape (60,): y in inference" in said
    assert "During handling" not in said
    assert "All traceback entries are hidden" not in said


WITHOUT_A_VARIANT = {
    "pass": "TypeError: TestMine.variant must be given",
    "variant = 'standart'": "LookupError: variant 'standart' is unknown",
    "variant = 'standard'; options = {'shard_axes': 0}": "TypeError: options of variant 'standard'",
    "variant = 'standard'; options = {'shared_axes': 'x'}": "TypeError: shared_axes must be an int",
    "variant = 'standard'; options = {'shared_axes': 5}": "ValueError: shapes must be given",
}


def test_a_suite_without_a_right_variant_is_told_once_while_pytest_collects(tmp_path):
    for number, attributes in enumerate(WITHOUT_A_VARIANT):
        text = f"class TestMine(VariantSuite):\n    {attributes}\n"
        text = f"from dropcore.testing import VariantSuite\n{text}"
        (tmp_path / f"test_{number}.py").write_text(text, "utf-8")
    said = pytest_says(tmp_path)
    for number, says in enumerate(WITHOUT_A_VARIANT.values()):
        assert f"E   {says}" in said
        assert said.count(f"ERROR test_{number}.py") == 1
    assert "suite.py" not in said
    assert "plugins.py" not in said
    assert "FAILED" not in said


def test_a_base_of_suites_may_leave_options_to_them():
    base = type("Base", (VariantSuite,), {"variant": "spatial"})
    assert type("TestMine", (base,), {"options": {"channel_axis": 1}}).subject().variant
    with pytest.raises(TypeError, match="channel_axis must be given for variant 'spatial'"):
        type("TestMine", (base,), {})


def suite(**attributes):
    return type("TestMine", (VariantSuite,), {"variant": "standard", **attributes})


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("option", "did you mean 'options'"),
        ("p_value", "did you mean 'p_values'"),
        ("shape", "did you mean 'shapes'"),
        ("expected_failure", "did you mean 'expected_failures'"),
        ("checks", "pytest's -k chooses tests"),
        ("numbers", "begin the name with _ if it is your own"),
    ],
)
def test_an_attribute_that_would_do_nothing_is_refused(name, says):
    with pytest.raises(TypeError, match=f"VariantSuite must be among .* not '{name}': {says}"):
        suite(**{name: {"shared_axes": 0}})


def test_what_a_suite_has_of_its_own_is_left_alone():
    @pytest.fixture
    def numbers(self):
        return [1]

    own = {"pytestmark": [], "_numbers": 1, "helper": lambda self: 1, "test_own": lambda self: None}
    suite(**own, numbers=numbers, kind=classmethod(lambda cls: cls), p=property(lambda self: 1))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("options", [("shared_axes", 0)], "options must be a dict of options by name"),
        ("p_values", 0.3, "p_values must be a list"),
        ("shapes", (6, 10), "shapes must be one or more shapes"),
        ("expected_failures", ["gradient"], "expected_failures must be a dict"),
        ("expected_failures", {"gradients": "why"}, "expected_failures must be names of checks"),
    ],
)
def test_a_wrong_setting_is_refused_where_the_class_is_written(name, value, says):
    with pytest.raises((TypeError, ValueError), match=says):
        suite(**{name: value})


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
