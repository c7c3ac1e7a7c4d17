"""docs/advice.md: the examples run, print what the page shows, and every mistake is listed."""

import re
from pathlib import Path

import pytest

import dropcore
from dropcore.findings.mistakes import MISTAKES

PAGE = Path(__file__).parent.parent / "docs" / "advice.md"

if not PAGE.is_file():
    pytest.skip("the documentation is not beside the tests", allow_module_level=True)
TEXT = PAGE.read_text("utf-8")


def test_the_examples_run_and_print_what_is_shown(capsys):
    names = {}
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.S):
        exec(compile(block, "advice.md", "exec"), names)
    (shown,) = re.findall(r"```text\n(.*?)```", TEXT, re.S)
    printed = capsys.readouterr().out
    assert printed.startswith(shown)
    assert len(re.findall(r"probability of class 0: 0\.\d\d ± 0\.\d\d\n", printed)) == 5
    assert names["prediction"].samples.shape == (100, 5, 2)
    assert (names["prediction"].std > 0).all()
    assert names["samples"].shape == (100, 5, 2)
    assert (names["std"] > 0).all()


def test_every_mistake_is_listed():
    rows = TEXT.partition("| mistake |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| ([^|]+) \|", rows, re.M)[0:] == list(MISTAKES)


def test_every_argument_is_listed():
    rows = TEXT.partition("| argument |")[2].partition("\n\n")[0]
    listed = set(re.findall(r"^\| `(\w+)", rows, re.M))
    code = dropcore.advise.__code__
    known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    assert listed == set(known) - {"model"}
