"""The reader of specifications accepts each value that the catalogue allows."""

import json

import pytest
from dropcore_lab import catalogue, reading, shapes
from dropcore_lab.fields import Faults

READY = catalogue.ready()["catalogue"]


def test_it_is_json():
    json.loads(json.dumps(catalogue.ready(), allow_nan=False))


def place(field, value):
    """A small specification with the value in the field."""
    table, _, name = field.rpartition(".")
    small = {"data": {"name": "digits", "rows": 40, "validation": 0}, "training": {"batch": 1}}
    if table == "training":
        return {**small, "training": {"batch": 1, "steps": 50, name: value}}
    if table == "runs":
        return {**small, "runs": [{name: value}]}
    if table == "dropout":
        options = {"channel_axis": 1} if value == "spatial" else {}
        options |= {"channel_axis": 1, "block_size": 2} if value == "dropblock" else {}
        dropout = {"options": options, name: value}
        return {**small, "layers": [{"name": "a", "type": "conv", "dropout": dropout}]}
    kind = table.rpartition(".")[2] if "." in table else "dense"
    layer = {"name": "a", "type": kind, name: value}
    return {**small, "layers": [layer]}


def faults(json_value):
    try:
        reading.read(json_value)
    except Faults as found:
        return [fault.path for fault in found.faults]
    return []


@pytest.mark.parametrize("field", READY["fields"])
def test_bounds_are_those_of_the_reader(field):
    described = READY["fields"][field]
    if field == "layers.name":
        return
    inside = described.get("choices", [])
    outside = ["no such thing", None if not described.get("nullable") else [], {}]
    if described["kind"] in ("integer", "number"):
        inside = [described["min"], described["max"]]
        outside += [described["min"] - 1, described["max"] + 1]
    if described["kind"] == "boolean":
        inside, outside = [True, False], [0, 1, *outside]
    if described["kind"] == "text":
        inside, outside = ["x" * described["max"]], ["", "x" * (described["max"] + 1)]
    name = field.rpartition(".")[2]
    for value in inside:  # a valid value can be invalid together with the other fields
        assert not any(name in path for path in faults(place(field, value)))
    for value in outside:
        assert any(name in path for path in faults(place(field, value)))


@pytest.mark.parametrize("dataset", READY["datasets"], ids=lambda dataset: dataset["name"])
def test_defaults_of_data_sets_are_a_specification(dataset):
    fields = dataset["fields"].items()
    values = {name: field["default"] for name, field in fields if "default" in field}
    if dataset["name"] == "csv":
        values = {"text": "1,2,3\n3,4,5\n5,6,3\n"}
    spec = reading.read({"data": {"name": dataset["name"], **values}, "layers": []})
    facts = spec.data.facts
    if dataset["name"] != "csv":
        assert dataset["task"] == facts.task
        assert dataset["shape"] == list(facts.shape)
        assert dataset["picture"] == facts.picture
    assert dataset["available"]


@pytest.mark.parametrize("variant", READY["variants"], ids=lambda variant: variant["name"])
def test_a_variant_is_accepted_with_the_options_as_listed(variant):
    if not variant["available"]:
        pytest.skip(variant["reason"])
    options = {
        option["name"]: 1 if option["required"] else option["default"]
        for option in variant["options"]
    }
    dropout = {"p": 0.5, "variant": variant["name"], "options": options}
    digits = {"name": "digits", "rows": 40, "validation": 0}
    conv = {"name": "a", "type": "conv", "dropout": dropout}
    spec = reading.read({"data": digits, "layers": [conv]})
    assert spec.canonical()["layers"][0]["dropout"] == dropout


def test_presets_and_cards_are_specifications():
    assert READY["presets"][0]["id"] == "overfit"
    for each in READY["presets"] + READY["cards"]:
        assert reading.read(each["spec"])
        assert each["available"]
    sizes = [
        [column.units for column in shapes.columns(reading.read(preset["spec"]))]
        for preset in READY["presets"]
    ]
    assert [2, 4, 1] in sizes
    assert [10, 256, 256, 256, 1] in sizes


def test_the_default_is_the_first_preset():
    assert catalogue.default() == reading.read(READY["presets"][0]["spec"])
