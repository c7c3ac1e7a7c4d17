"""docs/many-machines.md: the examples run, and the picture exists."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).parent.parent
PAGE = REPOSITORY / "docs" / "many-machines.md"
SCRIPT = REPOSITORY / "tools" / "draw_cut_array.py"

if not PAGE.is_file():
    pytest.skip("the documentation is not beside the tests", allow_module_level=True)
TEXT = PAGE.read_text("utf-8")


def test_the_examples_run():
    names = {}
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.S):
        exec(compile(block, "many-machines.md", "exec"), names)
    assert names["by_eight"].shape == (50, 18)
    assert 0 < np.count_nonzero(names["by_eight"] == 0) < 900
    assert names["units"].shape == (64,)


def test_what_it_names_is_there():
    for target in re.findall(r"\]\(([^)#]+)", TEXT):
        assert (PAGE.parent / target).exists(), target
    for path in re.findall(r"`((?:tests|tools|bench)/[\w/]+\.py)`", TEXT):
        assert (REPOSITORY / path).is_file(), path


def test_the_picture_is_of_one_mask():
    pytest.importorskip("matplotlib")
    spec = importlib.util.spec_from_file_location("draw_cut_array", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    whole = script.dropcore.keep_mask(script.SHAPE, script.P, rng=script.DRAW)
    for cut in script.CUTS.values():
        seen = np.zeros(script.SHAPE, int)
        for offsets, shape in script.blocks(*cut):
            block = tuple(slice(o, o + n) for o, n in zip(offsets, shape, strict=True))
            keep = script.dropcore.keep_mask(
                shape, script.P, rng=script.DRAW, shard=(script.SHAPE, offsets)
            )
            assert np.array_equal(keep, whole[block])
            seen[block] += 1
        assert (seen == 1).all()
