"""docs/architecture.md: the files and functions that the page names exist."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
PAGE = REPOSITORY / "docs" / "architecture.md"
SOURCE = REPOSITORY / "src" / "dropcore"

if not PAGE.is_file() or not SOURCE.is_dir():
    pytest.skip("the source is not beside the tests", allow_module_level=True)
TEXT = PAGE.read_text("utf-8")
(WAY,) = re.findall(r"## One array's way.*?```text\n(.*?)```", TEXT, re.S)


def hops():
    """The file and the function in each line of the section *One array's way*."""
    return [line.split()[:2] for line in WAY.splitlines()]


def test_every_hop_of_the_way_is_there():
    for name, function in hops():
        file = SOURCE / name
        texts = [p.read_text("utf-8") for p in (file, file.with_suffix(".pxd")) if p.is_file()]
        declared = re.compile(rf"^\s*(cp|c)?def\b.*\b{function}\(", re.M)
        assert any(declared.search(text) for text in texts), f"{name}: {function}"


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([\w/]+\.(?:pyx|pxi|pxd|py|h))`", TEXT))))
def test_every_file_is_there(path):
    places = (
        REPOSITORY,
        SOURCE,
        SOURCE / "_core",
        SOURCE / "_core" / "kernels",
        SOURCE / "runners",
    )
    assert "NAME" in path or any((folder / path).is_file() for folder in places)


def test_the_engine_lists_its_files():
    engine = SOURCE / "autograd"
    text = (engine / "__init__.py").read_text("utf-8").partition("Decisions:")[0]
    assert {f"{name}.py" for name in re.findall(r"``(\w+)\.py``", text)} == {
        path.name for path in engine.glob("*.py") if path.name != "__init__.py"
    }
