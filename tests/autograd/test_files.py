"""The files of the engine import only from files that come earlier on the engine's page."""

import ast
import re
from pathlib import Path

from dropcore import autograd

FOLDER = Path(autograd.__file__).parent
ORDER = re.findall(r"``(\w+)\.py``", autograd.__doc__.partition("Decisions:")[0])


def imported(path):
    """The engine's files that a file imports, also only for type checkers."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("dropcore.autograd."):
            yield node.module.removeprefix("dropcore.autograd.")


def test_every_file_has_its_place():
    assert len(ORDER) == len(set(ORDER))
    assert {path.stem for path in FOLDER.glob("*.py")} == {*ORDER, "__init__"}


def test_imports_go_only_back():
    for place, name in enumerate(ORDER):
        assert set(imported(FOLDER / f"{name}.py")) <= set(ORDER[:place]), name
