"""Fixtures: run an experiment as the command line does, with a hidden console."""

import argparse
import io

import pytest
from dropcore_lab import experiments
from dropcore_lab.experiments import plot, spread


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch):
    for name in ("FORCE_COLOR", "TERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")  # so that no sentence is wrapped


@pytest.fixture
def three_are_enough(monkeypatch):
    """Compare settings from three seeds on, so that invented figures are short."""
    monkeypatch.setattr(spread, "FEWEST", 3)


@pytest.fixture
def nowhere():
    console = pytest.importorskip("rich.console")
    return console.Console(file=io.StringIO())


@pytest.fixture
def figures(monkeypatch):
    """Record the figures that the experiment saves."""
    pytest.importorskip("matplotlib")
    found, save = [], plot.save
    monkeypatch.setattr(plot, "save", lambda fig, *where: found.append(fig) or save(fig, *where))
    return found


@pytest.fixture
def run(tmp_path, capsys):
    """Run an experiment with arguments; returns its output and the path of its picture."""
    for module in ("sklearn", "matplotlib", "rich"):
        pytest.importorskip(module)

    def call(name, words):
        parser = argparse.ArgumentParser()
        experiment = experiments.get(name)
        experiment.add_arguments(parser)
        args = parser.parse_args([*words.split(), "--out", str(tmp_path / "new" / "out")])
        assert experiment.run(args) == 0
        return capsys.readouterr().out, tmp_path / "new" / "out" / f"{name}.png"

    return call
