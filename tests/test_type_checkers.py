"""Type checkers accept right programs, find misspelt options, and infer the types of results."""

import json
import re
import shutil
import subprocess
import sys
import typing
from dataclasses import fields
from pathlib import Path

import pytest

import dropcore
from dropcore.variants import known

TYPED = Path(__file__).parent / "typed"
ERROR = re.compile(r"^(.*\.py):(\d+): error: (.*)$", re.MULTILINE)


def mypy(program, tmp_path):
    api = pytest.importorskip("mypy.api", reason="mypy is absent")
    options = ["--strict", "--enable-error-code", "deprecated", "--config-file", ""]
    said, failed, code = api.run([*options, "--cache-dir", str(tmp_path), str(program)])
    assert code in (0, 1), said + failed
    return {int(line): message for _, line, message in ERROR.findall(said)}


def pyright(program, tmp_path):
    beside = Path(sys.executable).parent / "pyright"
    command = str(beside) if beside.exists() else shutil.which("pyright")
    if command is None:
        pytest.skip("pyright is absent")
    shutil.copy(program, tmp_path)
    settings = {"typeCheckingMode": "standard", "reportDeprecated": "error"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [command, "--outputjson", "--pythonpath", sys.executable, "--project", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["summary"]["filesAnalyzed"] == 1
    return {
        one["range"]["start"]["line"] + 1: one["message"]
        for one in found["generalDiagnostics"]
        if one["severity"] == "error"
    }


checkers = pytest.mark.parametrize("check", [mypy, pyright])


@checkers
def test_right_programs_pass(check, tmp_path):
    assert check(TYPED / "right.py", tmp_path) == {}


@checkers
def test_each_misspelt_option_is_found(check, tmp_path):
    program = TYPED / "wrong.py"
    lines = program.read_text("utf-8").splitlines()
    wrong = {i for i, line in enumerate(lines, start=1) if line.endswith("# wrong")}
    assert len(wrong) > 10
    assert check(program, tmp_path).keys() == wrong


# ------------------------------------------- what the checkers read is what the classes have


@pytest.mark.parametrize("name", typing.get_args(known.Known))
def test_known_options_are_those_of_the_variant(name):
    variant = type(dropcore.get_variant(name, **({"channel_axis": 1} if name == "spatial" else {})))
    options = getattr(known, f"{name.capitalize()}Options")
    assert list(options.__annotations__) == [field.name for field in fields(variant)]


def test_all_built_in_variants_are_known():
    from dropcore.plugins import BUILT_IN

    assert list(typing.get_args(known.Known)) == list(BUILT_IN)
