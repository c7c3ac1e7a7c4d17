"""The packages that are built against dropcore's wheel: if the wheel is missing, they say so."""

import importlib.util
import re
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "plugins").glob("*/dropcore-*/backend.py"))
COMPILED = sorted((ROOT / "plugins").glob("*/dropcore-*/setup.py"))

pytestmark = pytest.mark.skipif(not COMPILED, reason="the sdist has no plugins")

TAG = f"cp{sys.version_info.major}{sys.version_info.minor}" + (
    "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
)


@pytest.fixture
def package(tmp_path):
    """A package in a copy of the repository that has only the files that the back end needs."""
    folder = tmp_path / "plugins" / "variants" / "dropcore-some"
    folder.mkdir(parents=True)
    shutil.copy(FILES[0], folder)
    header = tmp_path / "src" / "dropcore" / "dropcore.h"
    header.parent.mkdir(parents=True)
    header.touch()
    return folder


def back_end(folder):
    pytest.importorskip("setuptools")
    spec = importlib.util.spec_from_file_location("back_end_under_test", folder / "backend.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_compiled_package_has_the_same_back_end():
    assert [file.parent for file in FILES] == [file.parent for file in COMPILED]
    assert len({file.read_bytes() for file in FILES}) == 1


def test_without_the_wheel_it_says_what_to_do(package):
    with pytest.raises(SystemExit) as caught:
        back_end(package).get_requires_for_build_wheel()
    message = str(caught.value)
    assert "make wheel\n" in message
    assert "pip install --find-links dist ./plugins/variants/dropcore-some" in message


@pytest.mark.parametrize("hook", ["wheel", "sdist", "editable"])
def test_the_wheel_of_this_python_is_taken(package, hook):
    dist = package.parents[2] / "dist"
    dist.mkdir()
    for tag in (TAG, "cp310", "cp399"):
        (dist / f"dropcore-0.1.0-{tag}-{tag}-linux_x86_64.whl").touch()
    wheel = (dist / f"dropcore-0.1.0-{TAG}-{TAG}-linux_x86_64.whl").as_uri()
    module = back_end(package)
    assert getattr(module, f"get_requires_for_build_{hook}")() == [f"dropcore @ {wheel}"]


def test_an_sdist_elsewhere_asks_for_a_release(package, tmp_path):
    (tmp_path / "src" / "dropcore" / "dropcore.h").unlink()
    assert back_end(package).get_requires_for_build_wheel() == ["dropcore>=0.1"]


def test_no_page_installs_dropcore_from_an_index():
    pages = [page for page in ROOT.rglob("*.md") if not {"node_modules", "out"} & {*page.parts}]
    pages = [page for page in pages if not any(part.startswith(".") for part in page.parts)]
    assert len(pages) > 20
    command = re.compile(r"pip install (?!.*--find-links).*?\bdropcore(-\w+)?(\[\w+\])?(?![\w/-])")
    for page in pages:
        for line in page.read_text("utf-8").splitlines():
            wrong = [found for found in command.finditer(line) if "./" not in found[0]]
            assert not wrong, f"{page}: {line}"


def test_all_else_is_setuptools(package):
    from setuptools import build_meta

    assert back_end(package).build_wheel == build_meta.build_wheel
