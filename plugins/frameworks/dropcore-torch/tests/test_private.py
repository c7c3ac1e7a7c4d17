"""Undocumented names of PyTorch are used in one file, and by name in the compiled module."""

import ast
import re
from pathlib import Path

import dropcore_torch
import pytest

FOLDER = Path(dropcore_torch.__file__).parent
FILES = sorted(path for path in FOLDER.glob("*.py") if path.name != "private.py")
OF_PYTORCH = re.compile(r"^(torch|nn|F|Tensor|Function|forward_ad)\b")


def private_names(text):
    """Names with a leading underscore that belong to PyTorch, or to an object of PyTorch."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and re.match(r"_[a-zA-Z]", node.attr):
            owner = ast.unparse(node.value)
            if OF_PYTORCH.match(owner):
                yield f"{owner}.{node.attr}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("torch"):
            yield from re.findall(
                r"\b_[a-zA-Z]\w*", f"{node.module} {[a.name for a in node.names]}"
            )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_private_parts_of_pytorch_are_fenced(path):
    assert not list(private_names(path.read_text("utf-8")))


def test_the_search_finds_them():
    found = set(private_names((FOLDER / "private.py").read_text("utf-8")))
    assert "torch._C._get_tracing_state" in found
    assert "forward_ad._current_level" in found
    assert "_DropoutNd" in found


def test_the_compiled_module_asks_for_the_forward_level_alone():
    folder = Path(__file__).parent.parent / "src" / "dropcore_torch"
    sources = [folder / "_standard.pyx", *folder.glob("*.pxi")]
    assert len(sources) == 4
    code = re.sub(r"#.*", "", "".join(path.read_text("utf-8") for path in sources))
    names = set(re.findall(r"\b(?:torch|forward_ad|Function)(?:\.\w+)*\._[a-z]\w*", code))
    assert names == {"forward_ad._current_level"}
