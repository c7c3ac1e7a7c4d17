"""The build requirements of a release are pinned; a package that was not audited is an error."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import dropcore

ROOT = Path(__file__).parent.parent
RELEASE = ROOT / "tools" / "release"
if not RELEASE.is_dir():
    pytest.skip("the tools are not beside the tests", allow_module_level=True)

PINNED = (RELEASE / "build-requirements.txt").read_text("utf-8")
PINS = dict(re.findall(r"^([\w.-]+)==(\S+)", PINNED, re.MULTILINE))
REQUIRED = [
    *tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"],
    *re.findall(r"^[\w-]+.*", (RELEASE / "build-requirements.in").read_text("utf-8"), re.MULTILINE),
]
SOUND = {"name": "numpy", "version": "2.4.6", "vulns": []}
HOLED = {"name": "old", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
SKIPPED = {"name": "new", "skip_reason": "Dependency not found on PyPI"}


@pytest.fixture(scope="module")
def audit():
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("audit", RELEASE / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("pyproject.toml", r'^version = "(.+)"'),
        ("meson.build", r"^  version: '(.+)'"),
        ("CITATION.cff", r"^version: (.+)"),
    ],
)
def test_the_version_is_stated_alike(file, pattern):
    (stated,) = re.findall(pattern, (ROOT / file).read_text("utf-8"), re.MULTILINE)
    assert stated.strip('"') == dropcore.__version__


@pytest.mark.parametrize("required", REQUIRED)
def test_what_builds_a_release_is_pinned(required):
    requirement = Requirement(required)
    assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)])


def test_each_pin_has_hashes():
    blocks = re.split(r"^(?=[\w.-]+==)", PINNED, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(PINS)
    for block in blocks:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block


def test_what_is_pinned_twice_is_pinned_alike():
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        name, _, version = line.partition("==")
        if canonicalize_name(name) in PINS:
            assert PINS[canonicalize_name(name)] == version


def test_an_audit_passes_where_all_is_known_and_sound(audit):
    lines, status = audit.judge({"a.txt": ([SOUND], ""), "b.txt": ([SOUND], "")})
    assert status == 0
    assert lines == ["2 packages audited, 0 known vulnerabilities, 0 not audited"]


def test_a_vulnerability_is_named(audit):
    lines, status = audit.judge({"a.txt": ([SOUND, HOLED, SKIPPED], "")})
    assert status == 1
    assert lines[0] == "old 1: PYSEC-1, mended in 2"
    assert lines[-1] == "2 packages audited, 1 known vulnerabilities, 1 not audited"


def test_what_was_not_looked_up_does_not_pass(audit):
    lines, status = audit.judge({"a.txt": ([SKIPPED], ""), "b.txt": ([], "no route to host")})
    assert status == 2
    assert "b.txt was NOT audited: no route to host" in lines
    assert "NOT audited, the database did not know them: new" in lines
    assert lines[-1] == "0 packages audited, 0 known vulnerabilities, 1 not audited"


def test_one_that_is_unknown_is_enough(audit):
    assert audit.judge({"a.txt": ([SOUND, SKIPPED], "")})[1] == 2
