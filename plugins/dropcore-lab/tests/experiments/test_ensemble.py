"""The experiment `ensemble`: its comparison with the laws, and its sentences."""

from dataclasses import replace

import numpy as np
import pytest
from dropcore_lab.experiments import data, ensemble
from dropcore_lab.experiments.ensemble import WAYS, Measured

TINY = ensemble.Config(
    rates=(0.3,), depths=(1,), units=4, samples=(1, 10, 200), seeds=(1,), asked=20, epochs=3
)


def test_with_one_layer_one_pass_is_the_geometric_mean():
    pytest.importorskip("sklearn")
    found = ensemble.compare(TINY, depth=1, p=0.3, seed=1)
    assert found["geometric"] < 1e-6 < found["arithmetic"]
    assert found["losses"]["one pass"] == pytest.approx(found["losses"]["geometric"], rel=1e-5)


def test_more_samples_come_nearer():
    pytest.importorskip("sklearn")
    one, ten, many = ensemble.compare(TINY, depth=1, p=0.5, seed=1)["sampled"]
    assert one > ten > many
    assert many < one / 5


def test_no_layer_is_left_without_units():
    assert TINY.sizes(2) == (30, 2, 2, 2)
    assert replace(TINY, units=1).sizes(2) == (30, 1, 1, 2)


def test_the_widths_are_those_that_are_made():
    assert "networks 30-2-2, 30-1-1-2, 30-1-1-1-2" in str(ensemble.Config(units=2))
    assert "network 30-4-2, seed 1" in str(TINY)


def test_means_leave_over_what_does_not_divide():
    samples = np.arange(5.0).reshape(5, 1, 1)
    assert ensemble._means(samples, 2).ravel().tolist() == [0.5, 2.5]


def test_tumours_are_scaled_by_the_training_rows():
    pytest.importorskip("sklearn")
    split = data.tumours(150, np.random.default_rng(0))
    np.testing.assert_allclose(split.train_x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(split.train_x.std(axis=0), 1, atol=1e-5)
    assert (len(split.val_x), set(split.val_labels.tolist())) == (419, {0, 1})


@pytest.mark.parametrize("rows", [1, 569])
def test_rows_out_of_range(rows):
    with pytest.raises(ValueError, match=rf"rows must be in 2 \.\.\. 568, not {rows}"):
        data.tumours(rows, np.random.default_rng(0))


def _measured(arithmetic, geometric, sampled=(0.5, 0.001), exact=0.1):
    losses = dict.fromkeys(WAYS, np.full(3, 0.1)) | {"arithmetic": np.full(3, exact)}
    return Measured(
        np.array(arithmetic), np.array(geometric), np.array([sampled] * 3, float), losses
    )


CONFIG = ensemble.Config(rates=(0.1, 0.5), depths=(1, 2), samples=(1, 10), seeds=(0, 1, 2))


@pytest.mark.usefixtures("three_are_enough")
def test_words_follow_the_figures():
    lines = ensemble.conclusions(
        CONFIG,
        {
            (1, 0.1): _measured([0.01, 0.01, 0.01], [0.0, 0.0, 1e-7], exact=0.05),
            (1, 0.5): _measured([0.02, 0.02, 0.02], [0.0, 0.0, 0.0], exact=0.2),
            (2, 0.1): _measured([0.03, 0.03, 0.03], [0.01, 0.01, 0.01]),
            (2, 0.5): _measured([0.02, 0.04, 0.04], [0.03, 0.03, 0.05], sampled=(0.9, 0.9)),
        },
    )
    assert lines[0].startswith("Settings are compared seed by seed.")
    assert lines[1:] == [
        "1 layer, p = 0.5 against 0.1: the distance of one pass from the arithmetic mean is higher "
        "by 0.0100 ± 0.0000.",
        "2 layers, p = 0.5 against 0.1: the distance of one pass from the arithmetic mean is not "
        "clearly changed (higher in 2 of 3 seeds, lower in 1).",
        "p = 0.1, 2 layers against 1: the distance of one pass from the arithmetic mean is higher "
        "by 0.0200 ± 0.0000.",
        "p = 0.5, 2 layers against 1: the distance of one pass from the arithmetic mean is not "
        "clearly changed (higher in 2 of 3 seeds, unchanged in 1).",
        "1 layer: except for rounding, one pass equals the geometric mean at every p and seed.",
        "2 layers: one pass is nearer to the geometric mean in every seed at p = 0.1; not clearly "
        "nearer to one of the means at p = 0.5.",
        "Smallest number of samples whose mean is, on average over the seeds, nearer to the exact "
        "arithmetic mean than one pass is: 10. At 1 of 4 combinations of depth and p, 10 samples "
        "are not enough.",
        "The validation loss of the exact arithmetic mean, against the loss of one pass: lower in "
        "every seed at 1 of 4 combinations of depth and p, higher in every seed at 1, not clearly "
        "different at 2.",
    ]


@pytest.mark.usefixtures("three_are_enough")
def test_words_where_no_number_of_samples_is_enough():
    config = replace(CONFIG, rates=(0.5,), depths=(1,))
    far = _measured([0.01] * 3, [0.02] * 3, sampled=(0.5, 0.5))
    lines = ensemble.conclusions(config, {(1, 0.5): far})
    assert "No mean over 10 samples or fewer is, on average over the seeds," in "\n".join(lines)
    assert "1 layer: one pass is nearer to the arithmetic mean in every seed at p = 0.5." in lines


def test_enough_is_the_least_number_that_is_nearer():
    near = _measured([0.2] * 3, [0.0] * 3, sampled=(0.5, 0.1))
    assert ensemble.enough(CONFIG, near) == 10


def test_networks_that_learned_nothing_are_named():
    guessing = _measured([0.01] * 3, [0.01] * 3)
    guessing = replace(guessing, losses=dict.fromkeys(WAYS, np.full(3, 0.65)))
    learned = _measured([0.02] * 3, [0.01] * 3, exact=0.2)
    text = ensemble._not_learned({(1, 0.1): learned, (3, 0.7): guessing})
    assert text.startswith("The networks learned hardly anything at 3 layers with p = 0.7: for all")
    assert not ensemble._not_learned({(1, 0.1): learned})
    one_pass = guessing.losses | {"one pass": np.full(3, 0.4)}  # predicts well, unlike the means
    assert not ensemble._not_learned({(3, 0.7): replace(guessing, losses=one_pass)})
