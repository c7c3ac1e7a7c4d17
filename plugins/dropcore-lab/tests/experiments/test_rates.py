"""The experiment `rates`: a whole run, and its sentences."""

import argparse
import io
from dataclasses import replace

import numpy as np
import pytest
from dropcore_lab import experiments
from dropcore_lab.experiments import rates, terminal
from dropcore_lab.experiments.spread import Change, Spread

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")
rich_console = pytest.importorskip("rich.console")

TINY = rates.Config(
    rates=(0.0, 0.25, 0.5), seeds=(0, 1), rows=60, hidden=(16, 12), epochs=4, batch=20
)


def _measure(config):
    return rates.measure(config, rich_console.Console(file=io.StringIO()))


def _run(out, *words):
    parser = argparse.ArgumentParser()
    experiment = experiments.get("rates")
    experiment.add_arguments(parser)
    tiny = "--p 0.5 0 0.25 --seeds 2 --rows 60 --hidden 16 12 --epochs 4 --batch 20"
    return experiment.run(parser.parse_args([*tiny.split(), "--out", str(out), *words]))


def _curves(train, val, accuracy):
    """Invented measurements of one rate: one value for each seed, at one epoch."""
    columns = (np.array(values, dtype=float)[:, None] for values in (train, val, accuracy))
    return rates.Curves(np.array([10]), *columns)


def test_a_run_prints_what_was_measured_and_writes_a_picture(tmp_path, capsys):
    assert _run(tmp_path / "new" / "out") == 0
    printed = capsys.readouterr().out
    for p, curves in _measure(TINY).items():
        row = next(line for line in printed.splitlines() if line.split()[:1] == [f"{p:g}"])
        for values in (curves.train_loss, curves.val_loss, curves.gap, curves.val_accuracy):
            assert str(Spread.of(values[:, -1])) in row
    picture = tmp_path / "new" / "out" / "rates.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000
    assert str(picture) in printed


def test_without_a_terminal_there_is_no_progress(tmp_path, capsys):
    _run(tmp_path)
    printed = "".join(capsys.readouterr())
    assert "\x1b" not in printed
    assert "\r" not in printed
    assert "elapsed" not in printed


@pytest.mark.parametrize(("quiet", "shown"), [(False, True), (True, False)])
def test_a_terminal_shows_progress_unless_quiet(quiet, shown):
    out = rich_console.Console(file=io.StringIO(), force_terminal=True, width=100)
    with terminal.progress(out, quiet=quiet) as bar:
        bar.add_task("p = 0.5", total=3)
    assert ("p = 0.5" in out.file.getvalue()) is shown


def test_the_same_seeds_give_the_same_figures():
    one, same = _measure(TINY), _measure(TINY)
    for p in TINY.rates:
        for field in ("train_loss", "val_loss", "val_accuracy"):
            np.testing.assert_array_equal(getattr(one[p], field), getattr(same[p], field))


def test_a_rate_is_measured_alike_whatever_else_runs():
    alone = _measure(replace(TINY, rates=(0.5,), seeds=(1,)))[0.5]
    among = _measure(TINY)[0.5]
    np.testing.assert_array_equal(alone.train_loss[0], among.train_loss[1])
    np.testing.assert_array_equal(alone.val_loss[0], among.val_loss[1])


def test_curves_end_at_the_last_epoch():
    curves = _measure(TINY)[0.25]
    assert curves.epochs.tolist() == [1, 3, 4]
    assert curves.val_loss.shape == (2, 3)


def test_dropout_narrows_the_gap_of_a_network_that_learns_by_heart():
    config = rates.Config(rates=(0.0, 0.5), seeds=(0, 1), rows=200, hidden=(128, 128), epochs=60)
    curves = _measure(config)
    assert Change.between(curves[0.0].gap[:, -1], curves[0.5].gap[:, -1]).fell
    assert Change.between(curves[0.0].train_loss[:, -1], curves[0.5].train_loss[:, -1]).rose


@pytest.mark.usefixtures("three_are_enough")
def test_words_where_dropout_helps_and_then_underfits():
    text = "\n".join(
        rates.conclusions(
            {
                0.0: _curves([0.1, 0.1, 0.1], [2.0, 2.1, 2.2], [0.80, 0.81, 0.82]),
                0.5: _curves([0.5, 0.5, 0.5], [1.0, 1.1, 1.2], [0.90, 0.91, 0.92]),
                0.8: _curves([1.9, 1.9, 1.9], [2.1, 2.2, 2.3], [0.30, 0.31, 0.32]),
            }
        )
    )
    assert "widest at p = 0 (2.00) and narrowest at p = 0.8 (0.30)" in text
    assert (
        "p = 0.5 against 0: gap narrower by 1.40 ± 0.00, validation loss lower by 1.00 ± 0.00, "
        "accuracy higher by 10.0 ± 0.0 percentage points. Validation improved."
    ) in text
    assert "accuracy lower by 50.0 ± 0.0 percentage points. Validation got worse." in text
    assert "validation loss is lowest at p = 0.5 (1.10)" in text
    assert "Against p = 0.5, p = 0.8 underfits: training loss higher by 1.40 ± 0.00" in text
    assert "too few" not in text


@pytest.mark.usefixtures("three_are_enough")
def test_words_where_dropout_does_not_help():
    text = "\n".join(
        rates.conclusions(
            {
                0.0: _curves([0.1, 0.1, 0.1], [1.0, 1.0, 1.0], [0.9, 0.9, 0.9]),
                0.5: _curves([0.1, 0.1, 0.1], [1.5, 1.6, 1.7], [0.8, 0.8, 0.8]),
            }
        )
    )
    assert "widest at p = 0.5" in text
    assert "gap wider by 0.60 ± 0.10, validation loss higher by 0.60 ± 0.10" in text
    assert "Validation got worse." in text
    assert "lowest at p = 0 (1.00)" in text
    assert "Against p = 0, p = 0.5 does not clearly underfit: training loss unchanged" in text
    assert "improved" not in text


@pytest.mark.usefixtures("three_are_enough")
def test_words_where_seeds_disagree():
    text = "\n".join(
        rates.conclusions(
            {
                0.0: _curves([0.1, 0.1, 0.1], [1.0, 1.0, 1.0], [0.9, 0.9, 0.9]),
                0.5: _curves([0.1, 0.1, 0.1], [0.8, 0.9, 1.1], [0.8, 0.9, 0.95]),
            }
        )
    )
    assert "not clearly changed (higher in 1 of 3 seeds, lower in 2)" in text
    assert "No clear effect on validation." in text
    assert "improved" not in text


@pytest.mark.usefixtures("three_are_enough")
def test_words_where_loss_and_accuracy_part_ways_name_no_winner():
    text = "\n".join(
        rates.conclusions(
            {
                0.0: _curves([0.1, 0.1, 0.1], [2.0, 2.0, 2.0], [0.9, 0.9, 0.9]),
                0.5: _curves([0.1, 0.1, 0.1], [1.0, 1.0, 1.0], [0.8, 0.8, 0.8]),
            }
        )
    )
    assert "Validation improved" not in text
    assert "Validation got worse" not in text


@pytest.mark.usefixtures("three_are_enough")
def test_words_of_two_seeds_say_that_they_are_few():
    curves = {p: _curves([p] * 2, [1 + p] * 2, [0.5] * 2) for p in (0.0, 0.5)}
    assert rates.conclusions(curves) == [
        "2 seeds are too few to compare settings: by chance alone all 2 agree on the sign of a "
        "difference in at most 1 of 2 comparisons. --seeds 3 compares the settings."
    ]
    of_three = {p: _curves([p] * 3, [1 + p] * 3, [0.5] * 3) for p in (0.0, 0.5)}
    assert "underfits" in " ".join(rates.conclusions(of_three))


@pytest.mark.usefixtures("three_are_enough")
def test_a_gap_that_is_printed_alike_everywhere_is_nowhere_widest():
    same = {p: _curves([0.1] * 3, [1.0 + p / 1000] * 3, [0.5] * 3) for p in (0.0, 0.5)}
    assert "loss is 0.90 at every p." in rates.conclusions(same)[1]


@pytest.mark.usefixtures("three_are_enough")
def test_one_rate_is_compared_with_nothing():
    text = "\n".join(rates.conclusions({0.5: _curves([0.1] * 3, [1.0] * 3, [0.5] * 3)}))
    assert "against" not in text.lower()
    assert "widest" not in text


@pytest.mark.usefixtures("three_are_enough")
def test_words_of_a_training_that_diverged_compare_nothing():
    good = _curves([0.1] * 3, [1.0] * 3, [0.5] * 3)
    bad = _curves([0.1] * 3, [1.0, np.nan, 1.0], [0.5] * 3)
    assert rates.conclusions({0.0: good, 0.5: bad}) == [
        "Training diverged at p = 0.5: nothing can be compared."
    ]


@pytest.mark.usefixtures("three_are_enough")
def test_words_of_the_way_there_take_the_lowest_point():
    val = np.array([[2.0, 1.0, 3.0], [2.0, 1.2, 3.0], [2.0, 1.4, 3.0]])
    curves = rates.Curves(np.array([1, 3, 4]), val * 0, val, val * 0)
    assert "1.20 at p = 0.3 (epoch 3)" in "\n".join(rates.conclusions({0.3: curves}))
