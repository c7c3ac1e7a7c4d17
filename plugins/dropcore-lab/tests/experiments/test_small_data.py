"""The experiment `small-data`: the runs, their numbers of rows, and the sentences."""

from dataclasses import replace

import numpy as np
import pytest
from dropcore_lab.experiments import data, engine, small_data
from dropcore_lab.experiments.figures import Figures
from dropcore_lab.experiments.small_data import PLAIN, Method

DROPOUT, DECAY = Method(p=0.5), Method(decay=0.01)
TINY = small_data.Config(
    rows=(20, 60), rates=(0.5,), decays=(0.01,), seeds=(1, 2), hidden=(8,), steps=6
)


def test_methods_have_names_and_come_once():
    config = small_data.Config(rates=(0.0, 0.5), decays=(0.01,))
    assert config.methods == (PLAIN, DROPOUT, DECAY)
    assert [str(method) for method in config.methods] == ["plain", "dropout 0.5", "decay 0.01"]


def test_every_number_of_rows_is_validated_on_the_same_rows(monkeypatch):
    pytest.importorskip("sklearn")
    splits = []
    monkeypatch.setattr(engine, "figures", lambda _, split: splits.append(split) or (0, 0, 0))
    for rows in TINY.rows:
        small_data.train(TINY, rows, PLAIN, seed=1)
    few, many = splits
    assert (len(few.train_x), len(many.train_x)) == (20, 60)
    np.testing.assert_array_equal(few.train_x, many.train_x[:20])
    np.testing.assert_array_equal(few.val_x, many.val_x)
    assert len(few.val_x) == data.DIGITS_ROWS - 60


def test_every_network_takes_the_same_number_of_steps(monkeypatch):
    pytest.importorskip("sklearn")
    sizes = []
    real = engine.step

    def spy(model, optimiser, x, labels):
        sizes.append(len(x))
        real(model, optimiser, x, labels)

    monkeypatch.setattr(engine, "step", spy)
    for rows in TINY.rows:
        sizes.clear()
        small_data.train(replace(TINY, batch=20), rows, DROPOUT, seed=1)
        assert sizes == [20] * 6


def test_decay_shrinks_weights_and_dropout_does_not_decay(monkeypatch):
    pytest.importorskip("sklearn")
    models = {}
    for method in (PLAIN, DROPOUT, Method(decay=0.5)):
        monkeypatch.setattr(
            engine, "figures", lambda model, _, m=method: models.update({m: model}) or (0, 0, 0)
        )
        small_data.train(replace(TINY, steps=50), 60, method, seed=1)
    sizes = {m: float(np.abs(models[m].linear1.weight.data).mean()) for m in models}
    assert sizes[Method(decay=0.5)] < 0.9 * min(sizes[PLAIN], sizes[DROPOUT])
    assert [drop.p for drop in engine.dropouts(models[DROPOUT])] == [0.5]
    assert [drop.p for drop in engine.dropouts(models[PLAIN])] == [0.0]


def _figures(val, accuracy):
    return Figures.of([(0.1, v, a) for v, a in zip(val, accuracy, strict=True)])


OLD = _figures([1.0, 1.1, 1.2], [0.8, 0.8, 0.8])
BETTER = _figures([0.9, 1.0, 1.1], [0.9, 0.9, 0.9])
WORSE = _figures([1.1, 1.2, 1.3], [0.7, 0.7, 0.7])
MIXED = _figures([0.9, 1.2, 1.1], [0.9, 0.7, 0.9])


@pytest.mark.usefixtures("three_are_enough")
def test_words_where_dropout_stops_helping():
    lines = small_data.conclusions(
        {
            20: {PLAIN: OLD, DROPOUT: WORSE, DECAY: BETTER},
            50: {PLAIN: OLD, DROPOUT: MIXED, DECAY: MIXED},
            100: {PLAIN: OLD, DROPOUT: BETTER, DECAY: OLD},
        }
    )[1:]
    assert lines[0] == (
        "Dropout 0.5 against plain training: validation loss lower in every seed at 100 rows; "
        "higher in every seed at 20 rows; not clearly changed at 50 rows."
    )
    assert lines[2] == (
        "Dropout 0.5 lowered loss and raised accuracy in every seed at 100 rows, but not in every "
        "seed at 20 and 50 rows."
    )
    assert lines[3].startswith("20 rows: ")
    assert lines[3].endswith("is higher by 0.20 ± 0.00.")
    assert lines[5].endswith("is lower by 0.10 ± 0.00.")
    assert "the same losses are compared here" in lines[6]


@pytest.mark.usefixtures("three_are_enough")
def test_words_where_dropout_never_or_always_helps():
    never = small_data.conclusions({20: {PLAIN: OLD, DROPOUT: WORSE}})
    assert never[-1] == (
        "There is no number of rows at which dropout 0.5 lowered the loss and raised accuracy in "
        "every seed."
    )
    always = small_data.conclusions({20: {PLAIN: OLD, DROPOUT: BETTER}})
    assert always[-1].endswith("raised accuracy in every seed at 20 rows.")


@pytest.mark.usefixtures("three_are_enough")
def test_words_of_a_training_that_diverged():
    bad = _figures([1.0, np.nan, 1.0], [0.8] * 3)
    assert small_data.conclusions({20: {PLAIN: OLD, DROPOUT: bad}}) == [
        "Training diverged at dropout 0.5, 20 rows: nothing can be compared."
    ]
