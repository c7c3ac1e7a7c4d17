"""The README's examples run, each after the one before."""

import re
from pathlib import Path


def test_the_examples():
    text = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    names = {}
    for example in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(example, names)
    assert names
