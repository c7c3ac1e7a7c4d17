"""Computations on request: Monte Carlo, sub-networks, replay, advice."""

import json

import numpy as np
import pytest
from dropcore_lab import build
from helpers import SMALL, Page, changed
from test_frames import array
from test_training import DIGITS

import dropcore
from dropcore.ensemble import mc_predict, subnetworks


def asked(page, kind, **fields):
    page.say(kind, id="asked", **fields)
    page.work(300)
    (answer,) = [m for m in page.of_type("result") + page.of_type("error") if m["re"] == "asked"]
    return answer


# ------------------------------------------------------------------- Monte Carlo


@pytest.mark.parametrize(
    ("data", "picture", "shape"),
    [
        ({"name": "moons", "rows": 30}, "boundary", (40, 40)),
        ({"name": "sine", "rows": 30}, "fit", (200,)),
        ({"name": "digits", "rows": 30, "validation": 150}, "rows", (100,)),
        ({"name": "ten", "rows": 30, "validation": 0}, "rows", (30,)),
    ],
)
def test_monte_carlo_is_that_of_the_ensemble(data, picture, shape):
    page = Page(changed(data=data))
    page.run("step")
    answer = asked(page, "mc", run=1, samples=20)
    assert answer["picture"] == picture
    mean, std, one = (array(page, answer, answer[key]) for key in ("mean", "std", "one_pass"))
    assert mean.shape == std.shape == one.shape == shape
    assert std.max() > 0
    if picture == "fit":
        from dropcore_lab import data as rows_of
        from dropcore_lab.passes import stream_left_on

        training = page.service.training
        x = rows_of.grid(training.rows)[1]
        draw = stream_left_on(0, "monte carlo").at(training.step)
        whole = mc_predict(training.networks[1].model, x, 20, rng=draw)
        np.testing.assert_allclose(mean, whole.mean[:, 0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(std, whole.std[:, 0], rtol=1e-3, atol=1e-5)


def test_where_nothing_is_dropped_there_is_no_spread_to_show():
    answer = asked(Page(), "mc", run=0, samples=20)
    assert (answer["type"], answer["code"]) == ("error", "not_possible")


# ------------------------------------------------------------------ sub-networks

EIGHT = changed(layers=[{"name": "hidden1", "units": 8, "dropout": {"p": 0.3}}])


def test_every_subnetwork_of_a_row():
    page = Page(EIGHT)
    page.run("step")
    answer = asked(page, "subnetworks", run=1, row=2)
    training = page.service.training
    model, number = training.networks[1].model, training.shown.rows[2]
    x = training.rows.train.x[number : number + 1]
    exact = subnetworks(model, x, output="sigmoid")
    assert (answer["decisions"], answer["count"]) == (8, 256)
    assert answer["one_pass"] == pytest.approx(float(exact.one_pass[0, 0]))
    assert answer["arithmetic_mean"] == pytest.approx(float(exact.arithmetic_mean[0, 0]))
    assert answer["geometric_mean"] == pytest.approx(float(exact.geometric_mean[0, 0]))
    each, weights = (array(page, answer, answer[key]) for key in ("each", "weights"))
    assert weights.sum() == pytest.approx(1)
    assert (each * weights).sum() == pytest.approx(answer["arithmetic_mean"], rel=1e-5)
    assert answer["modules"] == [{"layer": "hidden1", "first": 0, "decisions": 8}]
    keep = np.array([[True, False, True, True, False, False, True, False]])
    s = sum(1 << d for d in np.flatnonzero(keep[0]))
    hidden = model.hidden1_act(model.hidden1(x)).data
    dropped = dropcore.Mask.from_keep(keep, 0.3).forward(hidden)
    alone = build.predicted("binary", model.output(dropped).data)[0]
    assert each[s] == pytest.approx(alone, rel=1e-5)


def test_decisions_of_several_layers_are_counted_in_order():
    small = [
        {"name": "a", "units": 3, "dropout": {"p": 0.5}},
        {"name": "b", "units": 4, "dropout": {"p": 0}},
        {"name": "c", "units": 5, "dropout": {"p": 0.2}},
    ]
    answer = asked(
        Page(changed(layers=small, input={"dropout": {"p": 0.1}})), "subnetworks", run=1, row=0
    )
    assert [(m["layer"], m["first"], m["decisions"]) for m in answer["modules"]] == [
        ("input", 0, 2),
        ("a", 2, 3),
        ("c", 5, 5),
    ]
    assert answer["decisions"] == 10


def test_more_than_twelve_decisions_have_means_alone():
    answer = asked(Page(), "subnetworks", run=1, row=0)
    assert answer["decisions"] == 14
    assert answer["each"] is answer["weights"] is None
    assert 0 < answer["arithmetic_mean"] < 1


def test_the_true_class_is_what_classes_are_asked_for():
    layers = [{"name": "a", "units": 6, "dropout": {"p": 0.5}}]
    page = Page(changed(data={"name": "digits", "rows": 30, "validation": 0}, layers=layers))
    answer = asked(page, "subnetworks", run=1, row=0)
    assert answer["what"] == "probability of the true class"
    assert answer["one_pass"] == pytest.approx(page.frame["prediction"]["inference"], rel=1e-5)


def test_too_many_decisions_are_said():
    wide = changed(layers=[{"name": "a", "units": 64, "dropout": {"p": 0.5}}])
    answer = asked(Page(wide), "subnetworks", run=1, row=0)
    assert answer["code"] == "not_possible"
    assert "2**64" in answer["text"]


# ------------------------------------------------------------------------ replay


def replayed(page, text, p=None, shape=None):
    return asked(page, "replay", text=text, p=p, shape=shape)


def test_an_address_of_the_network_is_found_again():
    page = Page()
    page.say("inspect", run=1)
    for _ in range(5):
        page.run("step")
    page.work()
    mask = page.frame["columns"][2]["mask"]
    answer = replayed(page, f" {mask['address']}\n")
    assert (answer["layer"], answer["step"], answer["of"]) == ("hidden2", 4, "address")
    assert answer["p"] == 0.3
    np.testing.assert_array_equal(
        array(page, answer, answer["packed"]), array(page, page.frame, mask["packed"])
    )
    keep = dropcore.Mask.from_record(mask["record"]).keep
    assert (answer["kept"], answer["decisions"]) == (keep.sum(), keep.size)


def test_a_record_of_the_network_is_found_again():
    page = Page(DIGITS)
    mask = page.frame["columns"][1]["mask"]
    answer = replayed(page, json.dumps(mask["record"]))
    assert (answer["layer"], answer["step"], answer["of"]) == ("c1", 0, "record")
    np.testing.assert_array_equal(
        array(page, answer, answer["packed"]), array(page, page.frame, mask["packed"])
    )


def test_a_mask_of_elsewhere_is_replayed():
    stream = dropcore.Stream(b"elsewhere")
    _, mask = dropcore.dropout(
        np.ones((4, 3, 2, 2)), 0.5, training=True, rng=stream, variant="spatial", channel_axis=1
    )
    answer = replayed(Page(), json.dumps(mask.record()))
    assert answer["layer"] is answer["step"] is None
    assert answer["shape"] == [4, 3, 1, 1]
    page = Page()
    answer = replayed(page, str(stream.at(3)), p=0.25, shape=[5, 7])
    bits = dropcore.keep_mask((5, 7), 0.25, rng=stream.at(3), packed=True)
    np.testing.assert_array_equal(array(page, answer, answer["packed"]), bits)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dc2:" + "0" * 64 + ":1", "dc1:"),
        ("dc1:zz:1", "64 lower-case hex digits"),
        ("dc1:" + "0" * 64 + ":1", "enter the p and the shape"),
        ("hello", "dc1:"),
        ("{", "JSON"),
        ("{}", "stream_version"),
        ('{"stream_version": 1}', "keys"),
    ],
)
def test_what_is_no_address_and_no_record_is_said(text, says):
    answer = replayed(Page(), text)
    assert answer["code"] == "not_possible"
    assert says in answer["text"]


def test_a_mask_that_is_too_large_is_not_made():
    record = dropcore.dropout(np.ones(3), 0.5, training=True, rng=dropcore.Stream(1))[1].record()
    for shape in ([1 << 21], [1 << 11, 1 << 11], [0, 1 << 62]):
        answer = replayed(Page(), json.dumps({**record, "shape": shape}))
        assert answer["type"] == "error" or 0 in shape
    answer = replayed(Page(), record["draw"], p=0.5, shape=[1 << 20, 2])
    assert answer["code"] == "not_possible"


def test_a_record_of_a_variant_that_is_not_there_is_said():
    record = dropcore.dropout(np.ones(3), 0.5, training=True, rng=dropcore.Stream(1))[1].record()
    answer = replayed(Page(), json.dumps({**record, "variant": "os.system"}))
    assert "os.system" in answer["text"]
    answer = replayed(Page(), json.dumps({**record, "draw": None}))
    assert "inference" in answer["text"]


@pytest.mark.parametrize("step", [0, 3, 77, 99_999])
def test_the_masks_of_any_step_can_be_looked_at(step):
    page = Page()
    answer = asked(page, "masks", run=1, step=step)
    found = {column["name"]: column["mask"] for column in answer["columns"]}
    draw = dropcore.Stream(0).child("hidden1_drop").at(step)
    assert found["hidden1"]["address"] == str(draw)
    assert found["output"] is None
    bits = dropcore.keep_mask(tuple(found["hidden1"]["shape"]), 0.5, rng=draw, packed=True)
    np.testing.assert_array_equal(array(page, answer, found["hidden1"]["packed"]), bits)
    assert len(array(page, answer, answer["rows"])) == found["hidden1"]["shape"][0]


# ------------------------------------------------------------------------ advice


def test_findings_name_their_runs_and_layers():
    page = Page(changed(output={"dropout": {"p": 0.5}}, runs=[{"p": 0}, {}, {"p": 0.9}]))
    found = {finding["mistake"]: finding for finding in page.results("advise")[-1]["findings"]}
    assert found["dropout on the outputs"]["layers"] == ["output"]
    assert 0 not in found["dropout on the outputs"]["runs"]
    assert found["p above 0.7"]["runs"] == [2]
    assert found["few rows"]["runs"] == [1, 2]
    assert set(found["few rows"]["layers"]) == {"hidden1", "hidden2", "output"}
    for finding in found.values():
        assert finding["why"]
        assert finding["remedy"]


def test_the_right_network_has_no_finding():
    right = changed(data={"name": "moons", "rows": 2000}, layers=SMALL["layers"])
    assert Page(right).results("advise")[-1]["findings"] == []


def test_data_are_described():
    page = Page(changed(data={"name": "moons", "rows": 30, "validation": 20}))
    message = page.results("data")[-1]
    assert (message["task"], message["picture"], message["grid"]) == ("binary", "boundary", 40)
    assert array(page, message, message["train"]["x"]).shape == (30, 2)
    assert array(page, message, message["validation"]["y"]).shape == (20,)
    assert len(message["range"]) == 2
    page = Page(DIGITS)
    message = page.results("data")[-1]
    assert message["train"]["x"] is None
    assert message["classes"] == list("0123456789")
