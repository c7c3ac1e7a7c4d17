"""docs/variant-plugins.md: the files make a plugin, the commands pass, the examples run."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from dropcore.testing import CHECKS

pytest.importorskip("setuptools")

PAGE = Path(__file__).parent.parent / "docs" / "variant-plugins.md"
BLOCK = re.compile(
    r"(?:\*\*`(?P<file>[^`]+)`\*\*\n\n)?```(?P<language>\w+)\n(?P<text>.*?)```", re.S
)
OFFLINE = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target", "site"]

if not PAGE.is_file():
    pytest.skip("the documentation is not beside the tests", allow_module_level=True)
BLOCKS = [match.groupdict() for match in BLOCK.finditer(PAGE.read_text("utf-8"))]
FILES = [block for block in BLOCKS if block["file"]]
COMMANDS = [block["text"] for block in BLOCKS if block["language"] == "sh"]
EXAMPLES = [b["text"] for b in BLOCKS if b["language"] == "python" and not b["file"]]


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """The reader's folder, with the files of the page."""
    folder = tmp_path_factory.mktemp("plugin")
    for block in FILES:
        path = folder / block["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block["text"], "utf-8")
    return folder


def run(folder, *arguments):
    """Run Python in the reader's folder, with the installed plugin; a warning is an error."""
    environment = {name: value for name, value in os.environ.items() if name != "DROPCORE_PLUGINS"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(folder / "site"), "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def outputs(plugin):
    """The output of each command of the page. pip installs beside the files, without a network."""
    (block,) = COMMANDS
    outputs = {}
    for command in block.splitlines():
        python, *arguments = shlex.split(command)
        assert python == "python"
        more = OFFLINE if arguments[:3] == ["-m", "pip", "install"] else []
        outputs[command] = run(plugin, *(["-W", "default"] if more else []), *arguments, *more)
    return outputs


def test_the_page_has_a_whole_plugin():
    files = {block["file"] for block in FILES}
    assert files == {"pyproject.toml", "src/dropcore_token.py", "tests/test_token.py"}


def test_the_extra_of_the_page_is_pytest_and_scipy():
    (project,) = [block["text"] for block in FILES if block["file"] == "pyproject.toml"]
    (needed,) = tomllib.loads(project)["project"]["optional-dependencies"]["test"]
    extra = re.fullmatch(r"dropcore\[(\w+)\]", needed)[1]
    ours = tomllib.loads((PAGE.parent.parent / "pyproject.toml").read_text("utf-8"))
    required = ours["project"]["optional-dependencies"][extra]
    assert [re.match(r"\w+", each)[0] for each in required] == ["pytest", "scipy"]


def test_the_commands_pass(outputs):
    assert "feature_axis: int, default -1" in outputs["python -m dropcore variants token"]
    passed = re.search(r"(\d+) passed", outputs["python -m pytest"])
    assert [command.split()[2] for command in outputs] == ["pip", "dropcore", "pytest"]
    assert int(passed[1]) > 15


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_examples_run(plugin, outputs, number):
    run(plugin, "-c", EXAMPLES[number])


def test_the_typed_examples_are_strict(tmp_path):
    api = pytest.importorskip("mypy.api", reason="mypy is absent")
    (typed,) = [text for text in EXAMPLES if "ClassVar[str]" in text]
    for kind in ("PlannedVariant", "DecidingVariant", "FreeVariant"):
        assert f"(dropcore.{kind}):" in typed
    assert "def register_variants(register: " in typed
    program = tmp_path / "typed.py"
    program.write_text(typed, "utf-8")
    options = ["--strict", "--config-file", "", "--cache-dir", str(tmp_path / "cache")]
    said, failed, code = api.run([*options, str(program)])
    assert code == 0, said + failed


def test_every_kind_has_an_example():
    text = "".join(block["text"] for block in BLOCKS)
    for kind in ("PlannedVariant", "DecidingVariant", "FreeVariant"):
        assert f"(dropcore.{kind}):" in text


def test_the_table_has_all_checks():
    (table,) = re.findall(r"\| check \| .*\n\|---\|---\|\n((?:\|.*\n)+)", PAGE.read_text("utf-8"))
    assert re.findall(r"^\| `(\w+)` \|", table, re.M) == list(CHECKS)
