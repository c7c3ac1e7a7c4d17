import doctest
import re
from pathlib import Path

from dropcore_keras import layers


def test_the_docstrings():
    failed, tried = doctest.testmod(layers)
    assert (failed, tried > 0) == (0, True)


def test_the_readme(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    exec(example, {})
