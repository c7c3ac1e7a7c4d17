"""The command `dropcore experiment`."""

import pytest
from dropcore_lab import experiments

from dropcore import cli


def test_the_command_of_dropcore_finds_it(capsys):
    assert cli.main(["experiment"]) == 0
    printed = capsys.readouterr().out
    listed = {line.split()[0] for line in printed.splitlines() if line.startswith("    ")}
    names = set(experiments.names())
    assert listed >= names
    words = " ".join(printed.split())
    assert all(f"{e.summary} ({e.seconds} s)" in words for e in map(experiments.get, names))


def test_help_says_how_long_it_takes(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["experiment", "small-data", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "A run takes about 40 seconds with the defaults, on one core." in printed


def test_an_error_shows_the_usage_of_the_experiment(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["experiment", "churn", "--hidden", "3"])
    printed = capsys.readouterr().err
    assert printed.startswith("usage: dropcore experiment churn ")
    assert "unrecognized arguments: --hidden 3" in printed
