"""Training on the tape, compared with the loops written by hand."""

import numpy as np
import pytest
from dropcore_lab.experiments import data, engine, mlp, rates

import dropcore
from dropcore.autograd import Tensor

pytest.importorskip("sklearn")

SIZES = (64, 16, 12, 10)


def _build(module, p=0.5):
    stream, rng = dropcore.Stream(7), np.random.default_rng(8)
    return module.build(SIZES, p, 0.05, stream=stream, rng=rng)


def _split():
    return data.digits(60, 0.1, np.random.default_rng(9))


def test_both_engines_start_with_the_same_weights():
    by_hand, _ = _build(mlp)
    on_tape, _ = _build(engine)
    pairs = zip(by_hand.parameters(), on_tape.parameters(), strict=True)
    for (weight, _), parameter in pairs:
        np.testing.assert_array_equal(weight, parameter.data)


def test_both_engines_drop_the_same_units():
    by_hand, _ = _build(mlp)
    on_tape, _ = _build(engine)
    x = _split().train_x
    by_hand.train()
    on_tape.train()
    by_hand(x), on_tape(x)
    for layer, module in zip(by_hand.dropouts, engine.dropouts(on_tape), strict=True):
        np.testing.assert_array_equal(layer.mask.keep, module.mask.keep)


@pytest.mark.parametrize("p", [0.0, 0.5])
def test_both_engines_train_alike(p, nowhere):
    shared = {"rates": (p,), "seeds": (3, 4), "rows": 60, "hidden": (16, 12), "epochs": 6}
    found = [
        rates.measure(rates.Config(**shared, batch=20, engine=name), nowhere)[p]
        for name in ("numpy", "autograd")
    ]
    by_hand, on_tape = found
    np.testing.assert_allclose(by_hand.train_loss, on_tape.train_loss, rtol=1e-4)
    np.testing.assert_allclose(by_hand.val_loss, on_tape.val_loss, rtol=1e-4)
    np.testing.assert_allclose(by_hand.val_accuracy, on_tape.val_accuracy, atol=2 / 1700)


def test_figures_are_taken_without_dropout():
    split = _split()
    model, _ = _build(engine)
    without, _ = _build(engine, p=0.0)
    assert engine.figures(model.train(), split) == engine.figures(without, split)


def test_training_lowers_the_loss():
    split, (model, optimiser) = _split(), _build(engine, p=0.2)
    before, _, _ = engine.figures(model, split)
    engine.train(model, optimiser, split, epochs=40, batch=20, rng=np.random.default_rng(1))
    after, _, _ = engine.figures(model, split)
    assert after < before / 2


def test_timing_leaves_the_model_in_training_mode_and_dropout_on():
    split, (model, optimiser) = _split(), _build(engine)
    share = engine.time_share(model, optimiser, split, batch=20, repeats=2)
    assert share < 1
    assert all(module.training for module in engine.dropouts(model))
    model(Tensor(split.train_x))
    assert not engine.dropouts(model)[0].mask.keep.all()


def test_batches_deal_out_every_row_again_and_again():
    dealt = data.endless(5, 2, np.random.default_rng(0))
    rounds = [np.concatenate([next(dealt) for _ in range(3)]) for _ in range(2)]
    for rows in rounds:
        assert sorted(rows) == [0, 1, 2, 3, 4]
    assert rounds[0].tolist() != rounds[1].tolist()
