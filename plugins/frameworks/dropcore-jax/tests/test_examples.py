import doctest
import re
from pathlib import Path

import dropcore_jax
import pytest
from dropcore_jax import functional, in_python, keys


@pytest.mark.parametrize("module", [functional, in_python, keys], ids=lambda m: m.__name__)
def test_the_docstrings(module):
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)


def test_the_readme():
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    namespace = {}
    for example in re.findall(r"```python\n(.*?)```", readme, re.DOTALL):
        exec(example, namespace)


def test_what_is_public():
    assert dropcore_jax.__all__ == ["TARGET", "draw_of", "dropout", "dropout_in_python"]
