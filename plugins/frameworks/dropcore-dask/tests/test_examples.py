import doctest
import re
from pathlib import Path

import dask
import dropcore_dask
import pytest
from dropcore_dask import functional, mask


@pytest.mark.parametrize("module", [functional, mask], ids=lambda module: module.__name__)
def test_the_docstrings(module):
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)


def test_the_readme(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    namespace = {}
    with dask.config.set(scheduler="threads"):
        for example in re.findall(r"```python\n(.*?)```", readme, re.DOTALL):
            exec(example, namespace)
    assert namespace


def test_what_is_public():
    assert dropcore_dask.__all__ == ["Mask", "dropout", "keep_mask"]
