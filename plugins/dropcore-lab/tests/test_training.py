"""Training: runs that differ only in dropout, one draw for each step, and the counts."""

import numpy as np
import pytest
from dropcore_lab import build, passes, reading
from dropcore_lab.training import PLATEAU_POINTS, Training
from helpers import SMALL, changed, read

import dropcore
from dropcore.adapters.autograd import Dropout
from dropcore.autograd import Linear

DIGITS = {
    "data": {"name": "digits", "rows": 40, "validation": 30},
    "layers": [
        {"name": "c1", "type": "conv", "channels": 3, "norm": True, "dropout": {"p": 0.2}},
        {"name": "c2", "type": "conv", "channels": 4, "stride": 2},
        {"name": "d", "units": 5, "activation": "tanh", "dropout": {"p": 0.5}},
    ],
    "input": {"dropout": {"p": 0.1}},
    "training": {"batch": 16, "steps": 10, "every": 2, "optimizer": "sgd", "lr": 0.05},
}


def weights(network):
    return {
        name: array.copy()
        for name, array in network.model.state_dict().items()
        if isinstance(array, np.ndarray)
    }


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


# ----------------------------------------------------------------- the network


def test_modules_are_named_after_their_columns():
    model = build.model(reading.read(DIGITS), 0)
    assert [name for name, _ in model.named_children()] == [
        "input_drop",
        "c1",
        "c1_norm",
        "c1_act",
        "c1_drop",
        "c2",
        "c2_act",
        "flatten",
        "d",
        "d_act",
        "d_drop",
        "output",
    ]
    assert model.d_drop.rng.path == ("d_drop",)
    assert model.d_drop.rng.seed == 0


def test_an_image_is_flattened_where_it_meets_a_dense_layer():
    one = reading.read(changed(DIGITS, layers=[{"name": "d"}], input={"dropout": {}}, runs=[{}]))
    names = [name for name, _ in build.model(one, 0).named_children()]
    assert names[:3] == ["flatten", "input_drop", "d"]
    no_hidden = reading.read(changed(DIGITS, layers=[]))
    assert [name for name, _ in build.model(no_hidden, 0).named_children()][-1] == "output"
    Training(no_hidden).advance(show=True)
    all_conv = reading.read(changed(DIGITS, layers=DIGITS["layers"][:2]))
    Training(all_conv).advance(show=True)


def test_runs_have_the_same_first_weights():
    training = Training(read())
    first, second = training.networks
    assert same(weights(first), weights(second))
    training.advance(show=False)
    assert not same(weights(first), weights(second))


def test_where_p_is_0_the_step_is_that_of_a_network_without_dropout():
    with_zero = Training(read(runs=[{"p": 0}]))
    bare = [{k: v for k, v in layer.items() if k != "dropout"} for layer in SMALL["layers"]]
    without = Training(read(layers=bare, runs=[{}]))
    for _ in range(10):
        with_zero.advance(show=False)
        without.advance(show=False)
    assert same(weights(with_zero.networks[0]), weights(without.networks[0]))


def test_a_run_alone_is_what_it_is_beside_others():
    both, alone = Training(read()), Training(read(runs=[{"name": "with"}]))
    for _ in range(12):
        both.advance(show=False)
        alone.advance(show=False)
    assert same(weights(both.networks[1]), weights(alone.networks[0]))


def test_a_rate_that_changes_moves_no_other_mask():
    one = Training(read(runs=[{}]))
    re_rated = Training(read(runs=[{"dropout": {"hidden1": {"p": 0.1}}}]))
    for _ in range(3):
        one.advance(show=True)
        re_rated.advance(show=True)
    a, b = one.shown.passes[0].masks, re_rated.shown.passes[0].masks
    assert np.array_equal(a["hidden2"].keep, b["hidden2"].keep)
    assert not np.array_equal(a["hidden1"].keep, b["hidden1"].keep)


# ----------------------------------------------------------------------- steps


@pytest.mark.parametrize("json_value", [SMALL, DIGITS])
def test_the_draw_index_of_every_mask_is_the_number_of_its_step(json_value):
    training = Training(reading.read(changed(json_value, training={"every": 100})))
    for step in range(7):
        training.advance(show=step % 3 == 0)
        for network in training.networks:
            for module in network.drops.values():
                assert module.mask.draw == module.rng.at(step)
                assert module.rng.position == step + 1


@pytest.mark.parametrize("json_value", [SMALL, DIGITS])
def test_what_a_step_gives_does_not_depend_on_who_looks(json_value):
    plain, watched = (Training(reading.read(json_value)) for _ in range(2))
    for step in range(10):
        plain.advance(show=False)
        watched.advance(show=True)
        watched.preview(step + 3)
        for network in watched.networks:
            x = watched.rows.train.x[:4]
            passes.inference(network.model, x)
            passes.left_on(network.model, x, 0, step)
            watched.measure(network)
    assert same(weights(plain.networks[-1]), weights(watched.networks[-1]))
    assert plain.steps == watched.steps
    for name in ("training_on", "training_off", "validation_off"):
        np.testing.assert_array_equal(plain.curve(0, name), watched.curve(0, name))


@pytest.mark.parametrize("json_value", [SMALL, DIGITS])
def test_the_same_step_again_is_the_same(json_value):
    training = Training(reading.read(json_value))
    for _ in range(4):
        training.advance(show=True)
    before, kept = weights(training.networks[-1]), training.networks[-1].kept
    kept = {name: counts.copy() for name, counts in kept.items()}
    points = list(training.steps)
    for _ in range(3):
        assert training.again() == {"losses": True, "masks": True}
        assert training.step == 4
        assert same(weights(training.networks[-1]), before)
        assert training.steps == points
    for name, counts in kept.items():
        np.testing.assert_array_equal(training.networks[-1].kept[name], counts)


def test_a_step_that_is_not_the_same_is_noticed():
    training = Training(read())
    training.advance(show=True)
    module = training.networks[1].drops["hidden1"]
    module.p = 0.9
    assert training.again() == {"losses": False, "masks": False}


def test_a_preview_is_what_the_step_then_is():
    training = Training(reading.read(DIGITS))
    for _ in range(3):
        preview = training.preview(training.step)
        training.advance(show=True)
        for before, then in zip(preview.passes, training.shown.passes, strict=True):
            assert before.masks.keys() == then.masks.keys()
            for name, mask in before.masks.items():
                assert mask.record() == then.masks[name].record()
            for name, activation in before.activations.items():
                np.testing.assert_array_equal(activation, then.activations[name])
        np.testing.assert_array_equal(preview.rows, training.shown.rows)


def test_every_training_row_is_seen_once_in_an_epoch():
    training = Training(read(data={"name": "moons", "rows": 30}, training={"batch": 8}))
    for epoch in range(3):
        rows = np.concatenate([training.rows_at(4 * epoch + place) for place in range(4)])
        assert sorted(rows) == list(range(30))
    assert not np.array_equal(training.rows_at(0), training.rows_at(4))
    first = training.rows_at(0)
    training.rows_at(11)
    np.testing.assert_array_equal(training.rows_at(0), first)


# ------------------------------------------------------------------- measuring


def test_kept_so_far_is_what_the_masks_said():
    training = Training(read(training={"every": 100}))  # measuring leaves a mask of inference
    network = training.networks[1]
    kept, decided = np.zeros(8, int), 0
    for _ in range(10):
        training.advance(show=False)
        keep = network.drops["hidden1"].mask.keep
        kept += keep.sum(axis=0)
        decided += len(keep)
    np.testing.assert_array_equal(network.counted("hidden1"), kept)
    assert network.decided["hidden1"] == decided
    assert training.networks[0].counted("hidden1").tolist() == [decided] * 8


def test_kept_so_far_counts_places_of_maps_and_whole_channels():
    spatial = {"variant": "spatial", "options": {"channel_axis": 1}, "p": 0.5}
    one = changed(DIGITS, runs=[{}, {"dropout": {"c1": spatial}}])
    training = Training(reading.read(one))
    training.advance(show=False)
    assert training.networks[0].decided["c1"] == 16 * 8 * 8
    assert training.networks[1].decided["c1"] == 16
    assert training.networks[1].counted("c1").shape == (3,)


def test_losses_are_those_of_the_engine():
    training = Training(read())
    for _ in range(5):
        training.advance(show=False)
    network = training.networks[1]
    measured = training.measure(network)
    model = network.model.eval()
    for part, loss in (("train", "training_off"), ("validation", "validation_off")):
        rows = getattr(training.rows, part)
        logits = model(rows.x).data[:, 0].astype(float)
        y = rows.y
        by_hand = np.mean(np.log1p(np.exp(-np.where(y == 1, logits, -logits))))
        assert getattr(measured, loss) == pytest.approx(by_hand, rel=1e-5)
    accuracy = np.mean((model(training.rows.validation.x).data[:, 0] > 0) == y)
    assert measured.accuracy == pytest.approx(accuracy)


def test_the_training_loss_with_dropout_is_the_mean_of_the_steps_since_the_last_point():
    training = Training(read(training={"every": 4}))
    losses = []
    for _ in range(8):
        training.advance(show=False)
        losses.append(training.networks[1].step_loss)
    assert training.steps == [0, 4, 8]
    curve = training.curve(1, "training_on")
    assert np.isnan(curve[0])
    np.testing.assert_allclose(curve[1:], [np.mean(losses[:4]), np.mean(losses[4:])], rtol=1e-6)


def test_without_validation_rows_there_is_no_validation_loss():
    training = Training(reading.read({"data": {"name": "churn"}, "layers": []}))
    training.advance(show=True)
    measured = training.measure(training.networks[0])
    assert np.isnan(measured.validation_off)
    assert np.isfinite(measured.training_off)


def test_a_loss_that_is_not_finite_stops_before_the_weights_are_lost():
    one = read(training={"optimizer": "sgd", "lr": 100, "steps": 400}, data={"name": "sine"})
    training = Training(one)
    with np.errstate(all="ignore"):
        while training.not_finite is None and not training.finished:
            before = weights(training.networks[0])
            step = training.step
            training.advance(show=False)
    assert training.not_finite is not None
    assert training.step == step
    assert training.shown.step == step
    run = training.not_finite.run
    assert training.not_finite.column in ("hidden1", "hidden2", "output")
    if run == 0:
        assert same(before, weights(training.networks[0]))


@pytest.mark.parametrize("column", ["hidden1", "hidden2", "output"])
def test_the_first_layer_that_is_not_finite_is_named(column):
    training = Training(read())
    training.advance(show=False)
    getattr(training.networks[1].model, column).weight.data[0, 0] = np.inf
    with np.errstate(all="ignore"):
        training.advance(show=False)
    found = training.not_finite
    assert (found.run, found.column, found.weights) == (1, column, True)


def test_values_that_overflow_are_told_from_weights():
    training = Training(read())
    training.networks[0].model.hidden2.weight.data[...] = 3e38
    with np.errstate(all="ignore"):
        training.advance(show=False)
    assert training.not_finite.column == "hidden2"
    assert not training.not_finite.weights


def test_a_plateau_is_where_no_loss_moves():
    training = Training(read(training={"lr": 0, "every": 1, "steps": 200}))
    for _ in range(PLATEAU_POINTS - 2):
        training.advance(show=False)
        assert not training.on_plateau(0)
    training.advance(show=False)
    assert training.on_plateau(0)
    assert not training.on_plateau(5)
    moving = Training(read(training={"every": 1, "steps": 200}))
    for _ in range(PLATEAU_POINTS + 5):
        moving.advance(show=False)
        assert not moving.on_plateau(0)


def test_rows_in_pieces_give_the_same_outputs():
    training = Training(reading.read(DIGITS))
    network, x = training.networks[0], training.rows.train.x
    whole = passes.outputs_of(network.model, x, 1000)
    np.testing.assert_allclose(passes.outputs_of(network.model, x, 7), whole, rtol=1e-4, atol=1e-6)


def test_left_on_never_draws_from_what_training_draws_from():
    training = Training(read())
    network = training.networks[1]
    training.advance(show=False)
    positions = [module.rng.position for module in network.drops.values()]
    one = passes.left_on(network.model, training.rows.train.x[:8], 0, 1)
    again = passes.left_on(network.model, training.rows.train.x[:8], 0, 1)
    other = passes.left_on(network.model, training.rows.train.x[:8], 0, 2)
    assert [module.rng.position for module in network.drops.values()] == positions
    assert np.array_equal(one.outputs, again.outputs)
    assert not np.array_equal(one.outputs, other.outputs)
    keys = {module.rng.at(0).key for module in network.drops.values()}
    assert one.masks["hidden1"].draw.key not in keys
    assert all(module.training for module in network.drops.values())


def test_the_network_is_made_of_the_real_modules():
    network = Training(read()).networks[1]
    assert isinstance(network.model.hidden1_drop, Dropout)
    assert isinstance(network.model.hidden1, Linear)
    assert network.model.hidden1_drop.rng.at(0) == dropcore.Stream(0).child("hidden1_drop").at(0)
