"""What the command `dropcore` says of itself."""

import pytest

from dropcore import cli

COMMANDS = ("info", "variants", "plugins", "stream")


def _help(capsys, *words):
    with pytest.raises(SystemExit, match="0"):
        cli.main([*words, "--help"])
    return " ".join(capsys.readouterr().out.split())


def test_help_lists_every_command_and_the_package_that_brings_it(capsys):
    printed = _help(capsys)
    for name in (*COMMANDS, *cli.ELSEWHERE):
        assert f" {name} " in printed
    for summary, distribution in cli.ELSEWHERE.values():
        assert f"{summary} (package {distribution})" in printed
    assert printed.endswith("dropcore COMMAND --help says what a command takes.")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_says_what_it_does(name, capsys):
    usage, _, rest = _help(capsys, name).partition(" options: ")
    assert usage.startswith(f"usage: dropcore {name} [-h]")
    assert ". " in f"{usage} "  # a sentence beside the usage
    assert "-h, --help" in rest
