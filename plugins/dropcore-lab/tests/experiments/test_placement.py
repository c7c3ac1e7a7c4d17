"""The experiment `placement`: the place of dropout, the variance shift, and the sentences."""

import argparse

import numpy as np
import pytest
from dropcore_lab import experiments, variance
from dropcore_lab.experiments import engine, placement
from dropcore_lab.experiments.figures import Figures
from dropcore_lab.experiments.placement import PLACES

from dropcore.adapters.autograd import seed
from dropcore.autograd import BatchNorm


def _network(place, p=0.5, channels=4):
    return placement.network(PLACES[place], channels, p, np.random.default_rng(0))


def _images(rows=200):
    return np.random.default_rng(1).random((rows, 1, 8, 8), dtype=np.float32)


@pytest.mark.parametrize("place", PLACES)
def test_the_weights_do_not_depend_on_where_dropout_stands(place):
    without = _network(placement._baseline(place)).eval()
    x = _images(3)
    np.testing.assert_array_equal(_network(place).eval()(x).data, without(x).data)


@pytest.mark.parametrize(
    ("place", "behind"),
    [
        ("none", []),
        ("standard", ["relu1", "relu2"]),
        ("spatial", ["relu1", "relu2"]),
        ("dense", ["relu2"]),
        ("output", ["last"]),
        ("bn-none", []),
        ("bn-before", ["conv1", "conv2"]),
        ("bn-after", ["relu2"]),
    ],
)
def test_dropout_stands_where_its_place_says(place, behind):
    names = [name for name, _ in _network(place).named_children()]
    found = [names[at - 1] for at, name in enumerate(names) if name.startswith("drop")]
    assert found == behind
    assert ("norm1" in names) == place.startswith("bn")


def test_spatial_drops_whole_channels():
    model = _network("spatial")
    model(_images(5))
    assert [drop.mask.keep.shape for drop in engine.dropouts(model)] == [
        (5, 4, 1, 1),
        (5, 8, 1, 1),
    ]


def test_dropout_in_front_of_a_norm_shifts_the_variance_by_its_formula():
    model, x = _network("bn-before", p=0.5), _images(2000)
    y = model.conv1(x).data
    # An element becomes 0 or 2 y: the mean square doubles, and the mean is unchanged.
    expected = 2 * (y**2).mean(axis=(0, 2, 3)) - y.mean(axis=(0, 2, 3)) ** 2
    first, _ = variance._variances(model.train(), x)
    np.testing.assert_allclose(first, expected, rtol=0.03)
    first, _ = variance._variances(model.eval(), x)
    np.testing.assert_allclose(first, y.var(axis=(0, 2, 3)), rtol=1e-4)
    assert placement.variance_shift(model, x) > 1.5


@pytest.mark.parametrize("passes", [0, 10, 100])
def test_a_short_training_has_the_shift_of_a_long_one(passes):
    x = _images(400)
    shifts = []
    for place in ("bn-none", "bn-before"):
        model = _network(place)
        seed(model, 0)
        for _ in range(passes):  # after 100 passes the running statistics equal the statistics of x
            model(x)
        shifts.append(placement.variance_shift(model, x))
    assert shifts[0] == pytest.approx(1, abs=0.01)
    assert shifts[1] == pytest.approx(9.6, rel=0.1)


def test_measuring_the_shift_changes_nothing():
    model = _network("bn-before")
    before = model.norm1.running_var.copy()
    placement.variance_shift(model, _images())
    np.testing.assert_array_equal(model.norm1.running_var, before)
    assert any(isinstance(module, BatchNorm) for module in model)


def test_without_normalisation_there_is_nothing_to_shift():
    assert np.isnan(placement.variance_shift(_network("standard"), _images()))


def test_the_networks_without_dropout_always_come_along():
    parser = argparse.ArgumentParser()
    experiments.get("placement").add_arguments(parser)
    args = parser.parse_args(["--places", "bn-after", "spatial"])
    assert args.places == ("none", "spatial", "bn-none", "bn-after")


def _measured(val, accuracy, shift=np.nan):
    runs = [(0.1, v, a) for v, a in zip(val, accuracy, strict=True)]
    return placement.Measured(Figures.of(runs), np.full(3, shift), np.full(3, 0.05))


@pytest.mark.usefixtures("three_are_enough")
def test_words_follow_the_figures():
    text = "\n".join(
        placement.conclusions(
            {
                "none": _measured([1.0, 1.1, 1.2], [0.8, 0.8, 0.8]),
                "standard": _measured([0.9, 1.0, 1.1], [0.9, 0.9, 0.9]),
                "spatial": _measured([1.1, 1.0, 1.1], [0.7, 0.9, 0.9]),
                "bn-none": _measured([1.0, 1.1, 1.2], [0.8, 0.8, 0.8], 1.0),
                "bn-before": _measured([1.2, 1.3, 1.4], [0.7, 0.7, 0.7], 1.8),
                "bn-after": _measured([1.0, 1.1, 1.2], [0.8, 0.8, 0.8], 1.02),
            }
        )
    )
    assert "Standard, after both relus, against no dropout: gap narrower by 0.10 ± 0.00" in text
    assert "accuracy higher by 10.0 ± 0.0 percentage points. Validation improved." in text
    assert "Spatial, after both relus, against standard, after both relus: gap not" in text
    assert "in training is 1.80 ± 0.00 times the variance in inference: a shift in every" in text
    assert "in training is 1.02 ± 0.00 times the variance in inference: no clear shift." in text
    assert (
        "Standard, before both norms (batch normalisation), against no dropout: gap wider" in text
    )
    assert text.count("Validation got worse.") == 1
    assert "before both norms (batch normalisation), against standard, after" not in text
    assert '"standard, before both norms" has two dropouts, "standard, after' in text
    assert "The same p does not mean the same strength" in text


def test_the_same_seeds_give_the_same_figures(nowhere):
    pytest.importorskip("sklearn")
    places = ("none", "bn-before")
    config = placement.Config(places, seeds=(3, 4), rows=60, channels=2, epochs=2, timed=1)
    one, same = placement.measure(config, nowhere), placement.measure(config, nowhere)
    for place in places:
        np.testing.assert_array_equal(one[place].figures.val_loss, same[place].figures.val_loss)
        np.testing.assert_array_equal(one[place].shift, same[place].shift)


def test_a_channel_that_is_dead_has_no_part_in_the_shift():
    ratio = variance._ratio(np.array([2.0, 5.0, 1.0]), np.array([1.0, 0.0, 1.0]))
    assert ratio == 1.5
    assert np.isnan(variance._ratio(np.ones(2), np.zeros(2)))
