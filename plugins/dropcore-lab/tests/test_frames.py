"""Frames: bits of masks, activations, weights, curves, and the views of the page."""

import numpy as np
import pytest
from dropcore_lab import limits, reading, wire
from dropcore_lab.passes import of_step
from helpers import SMALL, Page, changed
from test_training import DIGITS

import dropcore

SPATIAL = {"variant": "spatial", "options": {"channel_axis": 1}, "p": 0.5}
VARIED = changed(
    DIGITS,
    runs=[{}, {"name": "B", "dropout": {"c1": SPATIAL}}, {"name": "C", "p": 0}],
    output={"dropout": {"p": 0.25}},
)


def array(page, message, index):
    """A buffer of a message, with the dtype and shape that the message states."""
    described = message["buffers"][index]
    data = page.buffers_of(message)[index]
    return np.frombuffer(data, "<" + described["dtype"]).reshape(described["shape"])


def columns(frame):
    return {column["name"]: column for column in frame["columns"]}


@pytest.mark.parametrize("json_value", [SMALL, VARIED])
@pytest.mark.parametrize("steps", [0, 1, 4])
def test_the_masks_are_those_of_keep_mask_at_their_address(json_value, steps):
    page = Page(json_value)
    for run in range(len(json_value["runs"])):
        page.say("inspect", run=run)
        page.work()
        for _ in range(steps):
            page.run("step")
            page.work()
        frame = page.frame
        assert frame["view"]["run"] == run
        dropping = reading.read(json_value).of_run(run)
        for name, column in columns(frame).items():
            mask = column["mask"]
            assert (mask is not None) == (name in dropping)
            if mask is None:
                continue
            draw = dropcore.Draw.parse(mask["address"])
            assert draw.index == frame["shown"]
            bits = dropcore.keep_mask(tuple(mask["shape"]), mask["p"], rng=draw, packed=True)
            np.testing.assert_array_equal(array(page, frame, mask["packed"]), bits)
            record = dropcore.Mask.from_record(mask["record"])
            np.testing.assert_array_equal(record.packed, bits)
            assert mask["p"] == dropping[name].p
            if mask["p"] == 0:
                assert record.keep.all()


def test_the_masks_are_those_that_training_used():
    page = Page()
    page.say("inspect", run=1)
    network = page.service.training.networks[1]
    used = {}
    update = network.update

    def noting(loss):
        used.update({name: module.mask.packed for name, module in network.drops.items()})
        update(loss)

    network.update = noting
    for _ in range(6):
        page.run("step")
        page.work()
        for name, bits in used.items():
            column = columns(page.frame)[name]
            np.testing.assert_array_equal(array(page, page.frame, column["mask"]["packed"]), bits)


@pytest.mark.parametrize("json_value", [SMALL, VARIED])
def test_activations_and_weights_make_the_outputs(json_value):
    page = Page(json_value)
    page.say("inspect", run=1, row=3)
    page.run("step")
    page.run("step")
    page.work()
    frame, training = page.frame, page.service.training
    found = columns(frame)
    x = training.rows.train.x[training.shown.rows]
    np.testing.assert_array_equal(
        array(page, frame, found["input"]["activation"]).ravel(), x[3].ravel()
    )
    page.run("reset")
    page.run("step")  # the weights before the second step
    seen = of_step(training.networks[1].model, x, 0)
    assert seen.activations.keys() == found.keys()
    again = page.service.training
    seen = of_step(again.networks[1].model, x, 1)
    for name, column in found.items():
        given = array(page, frame, column["activation"])
        np.testing.assert_array_equal(given.ravel(), seen.activations[name][3].ravel())
        if name != "input":
            weight = getattr(again.networks[1].model, name).weight.data
            np.testing.assert_array_equal(array(page, frame, column["weights"]), weight)


def test_weights_are_not_sent_where_there_are_too_many_to_draw():
    wide = changed(layers=[{"name": "a", "units": 64}, {"name": "b", "units": 64}], runs=[{}])
    page = Page(wide)
    found = columns(page.frame)
    assert limits.DRAWN_EDGES < 64 * 64
    assert found["b"]["weights"] is None
    assert found["a"]["weights"] is not None
    page.say("inspect", focus={"layer": "b", "unit": 5})
    page.work()
    model = page.service.training.networks[0].model
    frame = page.frame
    incoming = array(page, frame, frame["focus"]["incoming"])
    np.testing.assert_array_equal(incoming, model.b.weight.data[:, 5])


def test_kept_so_far_is_sent():
    page = Page()
    page.say("inspect", run=1)
    for _ in range(3):
        page.run("step")
    page.work()
    column = columns(page.frame)["hidden1"]
    network = page.service.training.networks[1]
    np.testing.assert_array_equal(
        array(page, page.frame, column["kept"]), network.counted("hidden1")
    )
    assert column["passes"] == 24
    assert columns(page.frame)["output"]["kept"] is None


# ------------------------------------------------------------------------ views


def test_in_inference_nothing_is_dropped():
    page = Page()
    page.run("step")
    page.say("inspect", run=1, mode="inference")
    page.work()
    frame = page.frame
    assert all(column["mask"] is None for column in frame["columns"])
    assert frame["prediction"]["shown"] == pytest.approx(frame["prediction"]["inference"])


def test_left_on_shows_new_masks_every_time_and_training_does_not_notice():
    page, other = Page(), Page()
    for each in (page, other):
        each.run("step")
    addresses = []
    for _ in range(3):
        page.say("inspect", run=1, mode="left_on")
        page.work()
        addresses.append(columns(page.frame)["hidden1"]["mask"]["address"])
        assert page.frame["prediction"]["low"] <= page.frame["prediction"]["high"]
    assert len(set(addresses)) == 3
    page.say("inspect", mode="training")
    for each in (page, other):
        each.say("inspect", run=1)
        each.run("step")
        each.work()
    mine, theirs = (columns(each.frame)["hidden1"]["mask"] for each in (page, other))
    assert mine["address"] == theirs["address"]


def test_the_prediction_of_a_row_with_dropout_left_on():
    page = Page()
    page.say("inspect", run=1, row=2)
    page.work()
    said = page.frame["prediction"]
    samples = array(page, page.frame, said["left_on"])
    assert len(samples) == 32
    assert (said["low"], said["high"]) == (samples.min(), samples.max())
    assert said["low"] < said["high"]
    assert said["target"] in (0, 1)
    page.say("inspect", run=0)
    page.work()
    said = page.frame["prediction"]
    assert said["left_on"] is said["low"] is said["high"] is None


@pytest.mark.parametrize(
    ("layer", "unit"), [("input", 0), ("hidden1", 3), ("hidden2", None), ("output", 0)]
)
def test_the_focus_says_what_a_unit_is(layer, unit):
    page = Page()
    page.say("inspect", run=1, row=1, focus={"layer": layer, "unit": unit})
    page.run("step")
    page.work()
    frame = page.frame
    focus, column = frame["focus"], columns(frame)[layer]
    assert (focus["layer"], focus["unit"]) == (layer, unit)
    if unit is None:
        assert focus["activation"] is focus["incoming"] is None
        assert focus["kept"] == array(page, frame, column["kept"]).sum()
        return
    activation = array(page, frame, column["activation"])
    assert focus["activation"] == pytest.approx(float(activation.ravel()[unit]))
    assert array(page, frame, focus["activations"])[1] == activation.ravel()[unit]
    if layer != "input":
        weights = array(page, frame, column["weights"])
        np.testing.assert_array_equal(array(page, frame, focus["incoming"]), weights[:, unit])
    if layer == "hidden1":
        after = array(page, frame, columns(frame)["hidden2"]["weights"])
        np.testing.assert_array_equal(array(page, frame, focus["outgoing"]), after[unit])
        keep = dropcore.Mask.from_record(column["mask"]["record"]).keep
        assert focus["kept_now"] == keep[1, unit]
        assert focus["kept"] == array(page, frame, column["kept"])[unit]
        assert focus["address"] == column["mask"]["address"]


@pytest.mark.parametrize("layer", ["input", "c1", "c2", "d", "output"])
def test_the_focus_works_on_every_column_of_a_convolutional_network(layer):
    page = Page(VARIED)
    for run in range(3):
        for mode in ("training", "inference", "left_on"):
            focus = {"layer": layer, "unit": 0}
            page.say("inspect", run=run, mode=mode, focus=focus)
            page.work()
            assert page.frame["focus"]["layer"] == layer
    assert not page.of_type("error")


def test_a_view_beyond_the_network_is_moved_into_it():
    page = Page()
    page.say("inspect", run=3, row=900, focus={"layer": "gone", "unit": 3})
    page.work()
    assert page.frame["view"] == {"run": 1, "row": 7, "mode": "training", "focus": None}
    page.say("inspect", focus={"layer": "hidden1", "unit": 900})
    page.work()
    assert page.frame["view"]["focus"] == {"layer": "hidden1", "unit": 7}


# ----------------------------------------------------------------- curves, pictures


def test_curves_come_in_pieces_that_fit_together():
    page = Page()
    curves = {"steps": [], "training_off": []}
    taken = 0
    page.run("play")
    page.work_until_idle()
    for frame in page.of_type("frame"):
        piece = frame["curves"]
        if piece is None:
            continue
        assert piece["from"] == len(curves["steps"])
        curves["steps"] += array(page, frame, piece["steps"]).tolist()
        curves["training_off"] += array(page, frame, piece["runs"][1]["training_off"]).tolist()
        taken += 1
    training = page.service.training
    assert taken > 1
    assert curves["steps"] == training.steps
    np.testing.assert_array_equal(curves["training_off"], training.curve(1, "training_off"))


def test_the_step_again_sends_its_point_again():
    page = Page(changed(training={"every": 1}))
    page.run("step")
    page.work()
    page.run("again")
    page.work()
    assert page.frame["again"] == {"losses": True, "masks": True}
    assert page.frame["curves"]["from"] == 1
    assert array(page, page.frame, page.frame["curves"]["steps"]).tolist() == [1]


@pytest.mark.parametrize(
    ("data", "kind", "shape"),
    [
        ({"name": "moons"}, "boundary", (40, 40)),
        ({"name": "sine"}, "fit", (200,)),
        ({"name": "digits", "rows": 30, "validation": 50}, "confusion", (10, 10)),
        ({"name": "ten"}, "confusion", (2, 2)),
        ({"name": "churn"}, "boundary", (40, 40)),
        ({"name": "csv", "text": "1,2,3\n2,3,4\n4,5,7\n", "task": "number"}, "scatter", (1, 2)),
    ],
)
def test_pictures(data, kind, shape):
    page = Page(changed(data=data))
    frame = page.frame
    assert frame["picture"]["kind"] == kind
    for index in frame["picture"]["runs"]:
        drawn = array(page, frame, index)
        assert drawn.shape == shape
        if kind == "confusion":
            assert drawn.sum() == page.service.training.rows.facts.validation
        if kind == "boundary":
            assert drawn.min() >= 0
            assert drawn.max() <= 1


def test_what_is_not_finite_is_null_in_json():
    page = Page(changed(data={"name": "churn"}))
    numbers = page.frame["numbers"][0]
    assert numbers["validation_off"] is numbers["gap"] is numbers["step_loss"] is None
    with pytest.raises(ValueError, match="JSON"):
        wire.to_json({"x": float("nan")})


# ------------------------------------------------------------------------- wire


def test_a_message_survives_the_wire():
    arrays = wire.Arrays()
    parts = [np.arange(5), np.ones((2, 3)), np.zeros(0), np.array(7.0)]
    for part, dtype in zip(parts, ("u1", "f4", "f4", "i4"), strict=True):
        arrays.add(part, dtype)
    message, buffers = wire.finished({"type": "frame", "text": "ü"}, arrays)
    data = wire.encode(message, buffers)
    length = int.from_bytes(data[:4], "little")
    assert (4 + length) % 8 == 0
    assert wire.decode(data) == (message, buffers)
    assert len(data) % 8 == 0
