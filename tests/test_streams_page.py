"""docs/streams.md: the examples run, and a resumed training has the masks of an unbroken one."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "streams.md"

if not PAGE.is_file():
    pytest.skip("the documentation is not beside the tests", allow_module_level=True)


def test_the_examples_run():
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S):
        exec(compile(block, "streams.md", "exec"), names)
    model, optimiser, _ = names["parts"]
    again, resumed, _ = names["resumed"]
    assert model.state_dict()["drop._extra_state"]["path"] == ["drop"]
    assert model.state_dict()["drop._extra_state"]["position"] == 4
    assert again.state_dict()["drop._extra_state"] == model.state_dict()["drop._extra_state"]
    assert resumed.t == optimiser.t == 4
