"""Specifications: the canonical form; each fault names path, value and accepted values."""

import json

import pytest
from dropcore_lab import limits, link, presets, reading
from dropcore_lab.cards import CARDS
from dropcore_lab.fields import Faults, parse_json
from helpers import SMALL, changed, read


def faults(json_value):
    with pytest.raises(Faults) as found:
        reading.read(json_value)
    return {fault.path: fault for fault in found.value.faults}


def with_layer(**fields):
    return changed(layers=[{"name": "hidden1", **fields}], runs=[{}])


def with_dropout(**fields):
    return with_layer(dropout=fields)


# ------------------------------------------------------------------- canonical


@pytest.mark.parametrize("json_value", [p.spec for p in presets.PRESETS] + [{}, SMALL])
def test_the_canonical_form_is_a_fixed_point(json_value):
    once = reading.read(json_value)
    assert reading.read(once.canonical()) == once
    assert reading.read(json.loads(once.text)).text == once.text


def test_numbers_that_mean_the_same_are_written_the_same():
    a = read(training={"lr": 1.0, "batch": 8.0}, runs=[{"p": 0.0}])
    b = read(training={"lr": 1, "batch": 8}, runs=[{"p": 0}])
    assert a.text == b.text
    assert '"lr":1,' in a.text


def test_every_field_is_in_the_canonical_form():
    whole = reading.read({}).canonical()
    assert list(whole) == ["lab", "data", "input", "layers", "output", "training", "runs"]
    assert whole["training"]["optimizer"] == "adam"
    assert whole["layers"][0]["activation"] == "relu"


def test_options_of_a_variant_are_complete():
    one = reading.read(
        changed(
            data={"name": "digits", "rows": 50},
            layers=[
                {
                    "name": "c",
                    "type": "conv",
                    "dropout": {"variant": "spatial", "options": {"channel_axis": 1}},
                }
            ],
            runs=[{}],
        )
    )
    assert one.canonical()["layers"][0]["dropout"]["options"] == {
        "channel_axis": 1,
        "batch_axis": 0,
    }


def test_equal_dropouts_are_one_object_however_often_they_are_read():
    first, second = (read().layers[0].dropout.variant for _ in range(2))
    assert first is second  # the core remembers each object


def test_a_run_has_its_own_dropout_or_its_p_or_that_of_the_layers():
    one = read(runs=[{}, {"p": 0.1}, {"p": 0.1, "dropout": {"hidden2": {"p": 0.9}}}])
    assert [d.p for d in one.of_run(0).values()] == [0.5, 0.3]
    assert [d.p for d in one.of_run(1).values()] == [0.1, 0.1]
    assert [d.p for d in one.of_run(2).values()] == [0.1, 0.9]


# ---------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("json_value", "path"),
    [
        ([], ""),
        (None, ""),
        ("text", ""),
        ({1: 2}, ""),
        ({"lab": 2}, "/lab"),
        ({"lab": True}, "/lab"),
        ({"optimiser": {}}, "/optimiser"),
        ({"data": []}, "/data"),
        ({"data": {"name": "mnist"}}, "/data/name"),
        ({"data": {"name": ["moons"]}}, "/data/name"),
        ({"data": {"rows": 10**9}}, "/data/rows"),
        ({"data": {"rows": "100"}}, "/data/rows"),
        ({"data": {"noise": -1}}, "/data/noise"),
        ({"data": {"noise": float("nan")}}, "/data/noise"),
        ({"data": {"name": "churn", "rows": 5}}, "/data/rows"),
        ({"data": {"name": "digits", "rows": 1500, "validation": 1500}}, "/data/validation"),
        ({"layers": {}}, "/layers"),
        ({"layers": [{"name": f"l{i}"} for i in range(9)]}, "/layers"),
        ({"layers": [7]}, "/layers/0"),
        (with_layer(type="lstm"), "/layers/0/type"),
        (with_layer(units=0), "/layers/0/units"),
        (with_layer(units=limits.UNITS + 1), "/layers/0/units"),
        (with_layer(units=1.5), "/layers/0/units"),
        (with_layer(units=True), "/layers/0/units"),
        (with_layer(units=None), "/layers/0/units"),
        (with_layer(channels=3), "/layers/0/channels"),
        (with_layer(activation="gelu"), "/layers/0/activation"),
        (with_layer(norm=1), "/layers/0/norm"),
        (with_layer(dropout=0.5), "/layers/0/dropout"),
        (with_dropout(p=1.5), "/layers/0/dropout/p"),
        (with_dropout(p=-0.1), "/layers/0/dropout/p"),
        (with_dropout(p=True), "/layers/0/dropout/p"),
        (with_dropout(p="0.5"), "/layers/0/dropout/p"),
        (with_dropout(variant="gauss"), "/layers/0/dropout/variant"),
        (with_dropout(variant="spatial"), "/layers/0/dropout/options/channel_axis"),
        (with_dropout(options={"axis": 1}), "/layers/0/dropout/options/axis"),
        (with_dropout(options={"shared_axes": [1.5]}), "/layers/0/dropout/options/shared_axes"),
        (with_dropout(options={"shared_axes": [7]}), "/layers/0/dropout"),
        (
            with_dropout(variant="alpha", options={"fixed_var": -1}),
            "/layers/0/dropout/options",
        ),
        (
            with_dropout(variant="spatial", options={"channel_axis": 1}),
            "/layers/0/dropout",
        ),
        ({"input": {"dropout": {"q": 1}}}, "/input/dropout/q"),
        ({"training": {"batch": 0}}, "/training/batch"),
        ({"training": {"optimizer": "adamw"}}, "/training/optimizer"),
        ({"training": {"lr": float("inf")}}, "/training/lr"),
        ({"training": {"steps": 100000, "every": 1}}, "/training/every"),
        ({"training": {"seed": -1}}, "/training/seed"),
        ({"runs": []}, "/runs"),
        ({"runs": [{}] * 5}, "/runs"),
        ({"runs": [{"name": ""}]}, "/runs/0/name"),
        ({"runs": [{"name": "\ud800"}]}, "/runs/0/name"),
        ({"runs": [{"p": 2}]}, "/runs/0/p"),
        ({"runs": [{"dropout": {"hidden1": {}}}]}, "/runs/0/dropout/hidden1"),
        (changed(runs=[{"dropout": {"hidden1": None}}]), "/runs/0/dropout/hidden1"),
    ],
)
def test_a_fault_has_its_path(json_value, path):
    found = faults(json_value)
    assert path in found
    message = found[path].message()
    assert message["accepted"] in message["text"]
    json.dumps(message)


def test_all_faults_are_listed_at_once():
    json_value = changed(
        data={"rows": 0},
        layers=[{"name": "a", "units": 0}, {"name": "a", "units": 3, "colour": "red"}],
        training={"lr": "fast"},
    )
    assert set(faults(json_value)) == {
        "/data/rows",
        "/layers/0/units",
        "/layers/1/name",
        "/layers/1/colour",
        "/training/lr",
    }


@pytest.mark.parametrize(
    "name",
    [
        "",
        "1a",
        "a b",
        "a.b",
        "_a",
        "a" * 33,
        "ä",
        "input",
        "output",
        "flatten",
        "class",
        "train",
        "forward",
        "a_drop",
        "a_norm",
        "a_act",
        3,
        None,
    ],
)
def test_a_name_that_cannot_be_one_is_refused(name):
    assert "/layers/0/name" in faults({"layers": [{"name": name}]})


def test_shapes_that_do_not_fit_name_the_layer():
    conv = {"name": "c", "type": "conv"}
    assert "/layers/0/type" in faults(changed(layers=[conv], runs=[{}]))
    digits = {"name": "digits", "rows": 50}
    dense_first = changed(data=digits, layers=[{"name": "d"}, conv], runs=[{}])
    fault = faults(dense_first)["/layers/1/type"]
    assert "16 numbers" in fault.accepted
    large = changed(data=digits, layers=[{**conv, "stride": 4}, {**conv, "name": "d", "kernel": 5}])
    large["layers"][1]["padding"] = 0
    assert "/layers/1/kernel" in faults(changed(large, runs=[{}]))


def test_too_large_networks_are_refused():
    many = [{"name": f"l{i}", "units": 1024} for i in range(3)]
    assert "at most 1000000 parameters" in faults({"layers": many})[""].accepted
    conv = [{"name": f"c{i}", "type": "conv", "channels": 64, "kernel": 5} for i in range(2)]
    digits = {"name": "digits", "rows": 50}
    found = faults({"data": digits, "layers": conv, "training": {"batch": 1024}})
    assert found["/training/batch"].accepted.startswith("at most ")


def test_p_outside_of_the_domain_of_a_variant_is_refused(monkeypatch):
    from test_variants import registered

    with registered(monkeypatch):
        found = faults(with_dropout(variant="noise_for_tests", p=1))
        assert found["/layers/0/dropout/p"].accepted.startswith("a number in [0, 1)")
        below = changed(
            layers=[{"name": "hidden1", "dropout": {"variant": "noise_for_tests"}}],
            runs=[{"p": 1}],
        )
        assert "/runs/0/p" in faults(below)


def test_a_long_value_is_cut_in_the_message():
    message = faults({"data": {"name": "x" * 5000}})["/data/name"].message()
    assert len(message["value"]) < 300
    assert len(message["text"]) < 600


def test_a_key_with_a_slash_is_escaped():
    assert "/a~1b~0c" in faults({"a/b~c": 1})


# ------------------------------------------------------------------ JSON, links


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "JSON"),
        ("{", "JSON"),
        ("{'a': 1}", "JSON"),
        ('{"a": 1, "a": 2}', '"a" occurs twice'),
        ('{"a": NaN}', "NaN"),
        ('{"a": Infinity}', "Infinity"),
        ("[" * 100000, "nested"),
        ('{"a": ' + "9" * 5000 + "}", "JSON"),
    ],
)
def test_what_is_not_json_is_one_fault(text, says):
    with pytest.raises(Faults) as found:
        parse_json(text)
    (fault,) = found.value.faults
    assert fault.path == ""
    assert says in fault.accepted
    assert len(fault.message()["text"]) < 700


@pytest.mark.parametrize("json_value", [SMALL, {}, *(p.spec for p in presets.PRESETS)])
def test_a_link_holds_the_specification(json_value):
    one = reading.read(json_value)
    text = link.link_of(one)
    assert len(text) < 1500
    for form in (text, "#" + text, f"http://127.0.0.1:1/#{text}", f"#token=a&{text}", one.text):
        assert link.read_text(form) == one


def test_a_link_never_holds_a_token():
    assert "token" not in link.link_of(reading.read(SMALL))


@pytest.mark.parametrize(
    "text",
    ["spec=", "spec=%%%", "spec=AAAA", "spec=eJwDAAAAAAE", "#spec=eNp1UNtqwzAM", "spec=ü", "spec"],
)
def test_a_broken_link_is_a_fault(text):
    with pytest.raises(Faults):
        link.read_text(text)


def test_a_link_cut_anywhere_is_a_fault():
    text = link.link_of(reading.read(SMALL))
    for end in range(len("spec="), len(text)):
        with pytest.raises(Faults):
            link.read_text(text[:end])


def test_a_bomb_in_a_link_is_not_unpacked():
    import base64
    import zlib

    bomb = zlib.compress(b" " * 10**8, 9)
    assert len(bomb) < limits.MESSAGE
    with pytest.raises(Faults, match="too long"):
        link.read_text("spec=" + base64.urlsafe_b64encode(bomb).decode().rstrip("="))


def test_a_specification_too_long_for_a_link_has_none():
    import random

    numbers = random.Random(0)
    rows = "".join(f"{numbers.random()},{numbers.random()},{i % 2}\n" for i in range(1000))
    one = read(data={"name": "csv", "text": "a,b,c\n" + rows}, layers=[], runs=[{}])
    assert link.link_of(one) is None


def test_specifications_of_presets_and_cards_are_read():
    for preset in presets.PRESETS:
        reading.read(preset.spec)
    for card in CARDS.values():
        for each in card.specs:
            reading.read(each)
