"""A whole run of each experiment, with small settings."""

import re
from itertools import pairwise

import numpy as np
import pytest
from dropcore_lab import experiments
from dropcore_lab.experiments import plot, spread

TINY = {
    "rates": "--p 0 0.5 --seeds 2 --rows 60 --hidden 16 12 --epochs 4 --batch 20",
    "churn": "--p 0 0.5 --seeds 2 --steps 12",
    "ensemble": "--p 0.3 --depths 1 2 --units 4 --samples 1 4 --seeds 2 --epochs 2 --asked 9",
    "placement": "--seeds 2 --rows 60 --channels 2 --epochs 2 --timed 1",
    "variants": "--seeds 2 --rows 60 --channels 2 --epochs 2 --timed 1 "
    "--variants standard alpha spatial",  # without those that other packages installed
    "small-data": "--rows 20 60 --p 0.5 --decays 0.01 --seeds 2 --hidden 8 --steps 6",
}


def test_every_experiment_is_run_here():
    assert TINY.keys() == set(experiments.names())


@pytest.mark.parametrize("name", TINY)
def test_a_run_says_what_was_measured_and_writes_a_picture(name, run):
    printed, picture = run(name, TINY[name])
    assert "What this run shows" in printed
    assert "2 seeds are too few to compare settings" in printed
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000
    assert str(picture) in printed
    assert len(_said(printed)) == 2  # the second line is the path of the picture


@pytest.mark.parametrize("name", TINY)
def test_the_rule_stands_above_the_comparisons(name, run, figures):
    printed, _ = run(name, f"{TINY[name]} --seeds {spread.FEWEST}")
    words = " ".join(printed.split())
    assert f"What this run shows - {spread.rule(spread.FEWEST)} - " in words
    assert ("moved apart" in figures[0].get_supxlabel()) == (name in ("ensemble", "small-data"))
    caption = figures[0]._supxlabel.get_window_extent()
    assert caption.x1 <= figures[0].bbox.x1  # no line is cut
    dots = name in ("churn", "placement", "variants")
    assert ("dots of the same seed" in figures[0].get_supxlabel()) == dots


@pytest.mark.parametrize("name", TINY)
def test_other_seeds_are_trained_and_named(name, run, figures):
    zero, _ = run(name, TINY[name])
    printed, _ = run(name, f"{TINY[name]} --first-seed 7")
    captions = [f.get_supxlabel() for f in figures]
    assert "seeds 0 to 1" in captions[0]
    assert "seeds 7 to 8" in captions[1]
    tables = [text.partition("What this run shows")[0] for text in (zero, printed)]
    numbers = [re.findall(r"\d\.\d{2,}", table) for table in tables]
    assert numbers[0] != numbers[1]


def _said(printed):
    """The conclusions, and the line with the path of the picture."""
    said = printed.partition("What this run shows\n")[2].split("\n")
    return [line for line in said if line.strip()]


@pytest.mark.parametrize("name", TINY)
def test_the_tables_fit_a_narrow_terminal(name, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    printed, _ = run(name, TINY[name])
    assert "…" not in printed
    lines = [line for line in printed.splitlines()[:-1] if not line.startswith("dc1:")]
    assert max(map(len, lines)) <= 60  # except text to copy: an address, the path


@pytest.mark.parametrize("name", TINY)
def test_one_seed_runs_and_is_judged_by_nothing(name, run, figures):
    printed, picture = run(name, f"{TINY[name]} --seeds 1")
    said = _said(printed)
    assert said[0].strip().startswith("- One seed cannot tell an effect from chance.")
    assert len(said) == 2  # the second line is the path of the picture
    assert picture.exists()
    assert not re.search(r"\bnan\b", printed)
    assert "seeds" not in printed.replace("--seeds 5", "")
    (figure,) = figures
    caption = figure.get_supxlabel()
    assert not re.search("band|deviation|mean|bars|vertical", caption)
    assert not any(_bands(axes) for axes in figure.axes)


@pytest.mark.parametrize("name", ["rates", "churn", "ensemble", "small-data"])
def test_the_same_seeds_print_the_same(name, run):  # the other experiments also print times
    one, picture = run(name, TINY[name])
    picture.unlink()  # that it is replaced would be said
    same, _ = run(name, TINY[name])
    other, _ = run(name, f"{TINY[name]} --seeds 3")
    assert one == same
    assert one != other


@pytest.mark.parametrize("name", TINY)
def test_a_training_that_diverges_is_told_in_words(name, run):
    printed, picture = run(name, f"{TINY[name]} --lr 1e200")
    assert "Training diverged at" in printed
    assert "against" not in printed.partition("What this run shows")[2]
    assert picture.exists()


def _bands(axes):
    collections = pytest.importorskip("matplotlib.collections")
    return [c for c in axes.collections if isinstance(c, collections.FillBetweenPolyCollection)]


@pytest.mark.parametrize("name", TINY)
def test_every_axis_has_a_label_and_bands_stop_where_no_value_can_be(name, run, figures):
    run(name, TINY[name])
    (figure,) = figures
    for axes in figure.axes:
        title = axes.get_title(loc="left")
        if axes.axison:
            assert axes.get_xlabel()
            assert axes.xaxis.get_tick_params()["labelbottom"]
            shared = axes.get_shared_y_axes().get_siblings(axes)
            assert any(one.get_ylabel() for one in shared)
        assert not _covers_a_line(axes)
        for band in _bands(axes):
            heights = np.concatenate([path.vertices[:, 1] for path in band.get_paths()])
            assert heights.min() >= 0
            assert heights.max() <= 1 or "accuracy" not in title


def _covers_a_line(axes):
    """Whether the legend lies on a point that is drawn."""
    legend = axes.get_legend()
    if legend is None:
        return False
    box = legend.get_window_extent()
    drawn = [line for line in axes.lines if len(line.get_xdata()) and line.get_marker() != "None"]
    points = [axes.transData.transform(line.get_xydata()) for line in drawn]
    return any(box.contains(*point) for each in points for point in each)


@pytest.mark.parametrize(("count", "shape"), [(1, (1, 1)), (4, (1, 4)), (5, (2, 3)), (9, (3, 3))])
def test_many_rates_go_on_in_further_rows(count, shape, run, figures):
    rates = " ".join(str(n / 10) for n in range(count))
    run("rates", f"{TINY['rates']} --p {rates}")
    (figure,) = figures
    panels = [axes for axes in figure.axes if axes.get_title(loc="left").startswith("p = ")]
    assert len(panels) == count
    boxes = [axes.get_window_extent() for axes in panels]
    rows = {round(box.y0) for box in boxes}
    columns = sorted({round(box.x0) for box in boxes})
    assert (len(rows), len(columns)) == shape
    gaps = {round(right - left) for left, right in pairwise(columns)}
    assert not gaps or max(gaps) - min(gaps) <= 2  # no wider hole between any two
    width, _ = figure.get_size_inches()
    assert width < 14
    assert not any(axes.get_legend() for axes in figure.axes)  # they stand above the panels


def test_settings_stand_beside_each_other():
    x = np.array([25, 50, 100])
    moved = [plot.beside(x, place, 3, log=True) for place in range(3)]
    np.testing.assert_allclose(moved[1], x)
    assert (moved[0] < x).all()
    assert (moved[2] > x).all()
    assert (moved[2][:-1] < moved[0][1:]).all()  # each near its own tick
    assert plot.beside(np.array([7.0]), 1, 3) == 7
    assert plot.beside(x, 0, 1).tolist() == [25, 50, 100]


def test_a_band_stops_at_its_limits():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axes = figure.subplots()
    values = np.array([[0.0, 0.1], [0.9, 1.0], [0.0, 1.0]])
    plot.curve(axes, np.arange(2), values, label="", within=plot.SHARE)
    plot.curve(axes, np.arange(2), values, label="", within=plot.ANY)
    inside, free = (band.get_paths()[0].vertices[:, 1] for band in _bands(axes))
    assert (inside.min(), inside.max()) == (0, 1)
    assert free.min() < 0
    assert free.max() > 1


def test_panels_line_up(run, figures):
    run("rates", TINY["rates"])
    run("placement", TINY["placement"])
    run("variants", TINY["variants"])
    rates, placement, variants = ([axes.get_position() for axes in f.axes] for f in figures)
    assert rates[0].x0 == pytest.approx(rates[-2].x0, abs=0.004)
    assert rates[-3].x1 == pytest.approx(rates[-1].x1, abs=0.004)
    for left, right in zip(placement[:3], placement[3:], strict=True):
        assert (left.x0, left.x1) == pytest.approx((right.x0, right.x1), abs=0.002)
    assert len({axes.get_ylim() for axes in figures[2].axes}) == 1  # each row is one variant
    assert len({round(box.y0, 3) for box in variants}) == 1


@pytest.mark.parametrize("epochs", [2, 4, 20])
def test_epochs_are_whole_numbers(epochs, run, figures):
    run("rates", f"{TINY['rates']} --epochs {epochs}")
    for axes in figures[0].axes:
        ticks = axes.get_xticks()
        np.testing.assert_array_equal(ticks, ticks.round())


def test_one_epoch_is_a_point(run, figures):
    run("rates", f"{TINY['rates']} --epochs 1")
    (figure,) = figures
    lines = [line for axes in figure.axes for line in axes.lines]
    assert lines
    assert all(line.get_marker() == "o" for line in lines if len(line.get_xdata()) == 1)
    run("churn", f"{TINY['churn']} --steps 1")
    curves = figures[1].axes[-2]
    assert [line.get_marker() for line in curves.lines] == ["o", "o"]
    assert curves.get_xticks().tolist() == [1]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rates", "--p 0 0.5 --seeds 2 --rows 1 --hidden 2 --epochs 1 --batch 1"),
        ("churn", "--p 0 0.5 --seeds 2 --steps 1"),
        ("ensemble", "--p 0.3 --depths 1 2 --units 1 --samples 1 --seeds 2 --epochs 1 --asked 1"),
        ("placement", "--seeds 2 --rows 1 --channels 1 --epochs 1 --timed 1 --batch 1"),
        ("variants", "--seeds 2 --rows 1 --channels 1 --epochs 1 --timed 1 --batch 1"),
        ("small-data", "--rows 1 2 --p 0.5 --seeds 2 --hidden 2 --steps 1 --batch 1"),
    ],
)
def test_one_thing_is_singular(name, words, run):
    printed, _ = run(name, words)
    assert not re.search(
        r"\b1 (seeds|rows|epochs|steps|samples|layers|channels|training rows|further rows)", printed
    )
