"""Sentences that compare the results of settings."""

import numpy as np
import pytest
from dropcore_lab.experiments import figures
from dropcore_lab.experiments.figures import Figures


def _figures(train, val, accuracy):
    return Figures.of(list(zip(train, val, accuracy, strict=True)))


OLD = _figures([0.1, 0.1, 0.1], [1.0, 1.1, 1.2], [0.8, 0.8, 0.8])


@pytest.mark.parametrize(
    ("new", "verdict"),
    [
        (_figures([0.1] * 3, [0.9, 1.0, 1.1], [0.9, 0.9, 0.9]), "Validation improved."),
        (_figures([0.1] * 3, [1.1, 1.2, 1.3], [0.7, 0.7, 0.7]), "Validation got worse."),
        (_figures([0.1] * 3, [0.9, 1.2, 1.1], [0.9, 0.7, 0.9]), "No clear effect on validation."),
        (_figures([0.1] * 3, [0.9, 1.0, 1.1], [0.7, 0.7, 0.7]), ""),
        (_figures([0.1] * 3, [0.9, 1.0, 1.1], [0.9, 0.7, 0.9]), ""),
    ],
)
def test_a_verdict_needs_loss_and_accuracy_of_every_seed(new, verdict):
    words = new.against(OLD)
    assert words.endswith(f".{' ' if verdict else ''}{verdict}")
    for other in ("improved", "got worse", "No clear"):
        assert (other in words) == (other in verdict)


def test_the_words_give_the_sizes():
    new = _figures([0.3] * 3, [0.9, 1.0, 1.1], [0.9, 0.9, 0.9])
    assert new.against(OLD) == (
        "gap narrower by 0.30 ± 0.00, validation loss lower by 0.10 ± 0.00, accuracy higher by "
        "10.0 ± 0.0 percentage points. Validation improved."
    )


def test_cells_follow_the_columns():
    assert dict(zip(figures.COLUMNS, OLD.cells(), strict=True)) == {
        "training loss": "0.100 ± 0.000",
        "validation loss": "1.100 ± 0.100",
        "gap": "1.000 ± 0.100",
        "accuracy": "0.800 ± 0.000",
    }


def test_the_best_has_the_lowest_mean_validation_loss():
    lower = _figures([9.0] * 3, [0.5, 1.5, 1.0], [0.1] * 3)
    assert figures.best({"old": OLD, "lower": lower}) == "lower"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_divergence_is_named(bad):
    broken = _figures([0.1] * 3, [1.0, bad, 1.0], [0.8] * 3)
    assert figures.diverged({"one": OLD, "two": broken}) == [
        "Training diverged at two: nothing can be compared."
    ]
    assert figures.diverged({"one": OLD}) == []
