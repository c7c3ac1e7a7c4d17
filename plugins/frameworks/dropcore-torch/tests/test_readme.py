"""The examples of the README run, and its commands exist."""

import re
import runpy
import shlex
from pathlib import Path

import pytest
from dropcore_torch import models, step

TEXT = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_the_first_example(capsys):
    exec(EXAMPLES[0], {})
    assert "3.self_attn: MultiheadAttention -> dropcore_torch" in capsys.readouterr().out


def test_the_example_of_an_audit_prints_what_is_shown(capsys, tmp_path):
    file = tmp_path / "models" / "attention.py"
    file.parent.mkdir()
    file.write_text(EXAMPLES[1], "utf-8")  # `convert` reads the classes in this file
    runpy.run_path(str(file))
    (shown,) = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    assert without_times(capsys.readouterr().out) == without_times(shown)


def test_the_example_of_a_whole_process(capsys):
    exec(EXAMPLES[2], {})
    assert "dropcore    1 call,          96 elements" in capsys.readouterr().out


def test_the_example_of_what_is_compiled():
    exec(EXAMPLES[4], {})


@pytest.mark.usefixtures("as_before")
def test_the_example_of_many_ranks():
    exec(EXAMPLES[5], {})


def test_the_example_of_monte_carlo():
    exec(EXAMPLES[6], {})


def test_the_example_of_monte_carlo_with_transformers():
    pytest.importorskip("transformers")
    models.torchvision()  # transformers imports torchvision, whose own import may fail
    exec(EXAMPLES[7], {})


def test_the_example_of_attention():
    exec(EXAMPLES[3], {})


def without_times(text):
    return re.sub(r" +[\d.]+(e\+\d+)?( ms|%)", "", text)


def test_the_commands():
    commands = re.findall(r"`(dropcore-torch-step [^`]*)`", TEXT)
    assert len(commands) >= 4
    for command in commands:
        step.parser().parse_args(shlex.split(command)[1:])
