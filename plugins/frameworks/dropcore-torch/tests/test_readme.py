"""The README's example runs, and its commands are commands."""

import re
import shlex
from pathlib import Path

from dropcore_torch import step

TEXT = (Path(__file__).parent.parent / "README.md").read_text("utf-8")


def test_the_example(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(example, {})
    assert "3.self_attn: MultiheadAttention -> dropcore_torch" in capsys.readouterr().out


def test_the_commands():
    commands = re.findall(r"`(dropcore-torch-step [^`]*)`", TEXT)
    assert len(commands) >= 4
    for command in commands:
        step.parser().parse_args(shlex.split(command)[1:])
