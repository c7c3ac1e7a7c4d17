"""Every experiment, tiny and end to end."""

import re

import pytest
from dropcore_lab import experiments

TINY = {
    "rates": "--rates 0 0.5 --seeds 3 4 --rows 60 --hidden 16 12 --epochs 4 --batch 20",
    "churn": "--rates 0 0.5 --seeds 3 4 --steps 12",
    "ensemble": "--rates 0.3 --depths 1 2 --units 4 --samples 1 4 --seeds 3 4 --epochs 2 --asked 9",
    "placement": "--seeds 3 4 --rows 60 --channels 2 --epochs 2 --timed 1",
    "variants": "--seeds 3 4 --rows 60 --channels 2 --epochs 2 --timed 1",
    "small-data": "--rows 20 60 --rates 0.5 --decays 0.01 --seeds 3 4 --hidden 8 --steps 6",
}


def test_every_experiment_is_run_here():
    assert TINY.keys() == set(experiments.names())


@pytest.mark.parametrize("name", TINY)
def test_a_run_says_what_was_measured_and_writes_a_picture(name, run):
    printed, picture = run(name, TINY[name])
    assert "What this run shows" in printed
    assert "2 seeds: too few to tell an effect from chance" in printed
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000
    assert str(picture) in printed


@pytest.mark.parametrize("name", TINY)
def test_the_tables_fit_a_narrow_terminal(name, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    printed, _ = run(name, TINY[name])
    assert "…" not in printed
    assert max(map(len, printed.splitlines()[:-1])) <= 80  # the last line has the picture's path


@pytest.mark.parametrize("name", TINY)
def test_one_seed_is_enough_to_run(name, run):
    printed, picture = run(name, f"{TINY[name]} --seeds 5")
    assert "1 seed: too few to tell an effect from chance" in printed
    assert picture.exists()
    assert not re.search(r"\bnan\b", printed)


@pytest.mark.parametrize("name", ["rates", "churn", "ensemble", "small-data"])
def test_the_same_seeds_print_the_same(name, run):  # the others print times too
    one, _ = run(name, TINY[name])
    same, _ = run(name, TINY[name])
    other, _ = run(name, f"{TINY[name]} --seeds 6 7")
    assert one == same
    assert one != other


@pytest.mark.parametrize("name", TINY)
def test_a_training_that_diverges_is_told_in_words(name, run):
    printed, picture = run(name, f"{TINY[name]} --lr 1e200")
    assert "Training diverged at" in printed
    assert "against" not in printed.partition("What this run shows")[2]
    assert picture.exists()
