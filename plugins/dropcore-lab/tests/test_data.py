"""Rows: every data set is a function of its specification; a CSV is read or refused."""

import numpy as np
import pytest
from dropcore_lab import data, limits, reading
from dropcore_lab.data import table
from dropcore_lab.data.datasets import DATASETS
from dropcore_lab.fields import Faults
from helpers import changed

MADE = [name for name, one in DATASETS.items() if one.source is not None]


def read(**values):
    return reading.read({"data": values, "layers": []}).data


@pytest.mark.parametrize("name", MADE)
def test_a_data_set_is_what_its_facts_say(name):
    one = read(name=name)
    rows, facts = data.load(one), one.facts
    assert (len(rows.train), len(rows.validation)) == (facts.rows, facts.validation)
    assert rows.train.x.shape[1:] == facts.shape
    assert rows.train.x.dtype == np.float32
    assert np.isfinite(rows.train.x).all()
    if facts.task == "number":
        assert rows.train.y.dtype == np.float32
    else:
        assert set(rows.train.y) <= set(range(len(facts.classes)))
        assert len(set(rows.train.y)) == len(facts.classes)
    if len(facts.shape) == 1:
        assert len(facts.features) == facts.shape[0]


@pytest.mark.parametrize("name", MADE)
def test_the_same_specification_gives_the_same_rows_and_a_seed_others(name):
    one, again = data.load(read(name=name)), data.load(read(name=name))
    np.testing.assert_array_equal(one.train.x, again.train.x)
    np.testing.assert_array_equal(one.validation.y, again.validation.y)
    if "seed" in DATASETS[name].fields:
        other = data.load(read(name=name, seed=1))
        assert not np.array_equal(one.train.x, other.train.x)


def test_wrong_labels_are_wrong_in_both_parts():
    right, wrong = (
        data.load(read(name="moons", rows=2000, validation=2000, wrong=share)) for share in (0, 0.2)
    )
    for part in ("train", "validation"):
        a, b = getattr(right, part).y, getattr(wrong, part).y
        assert np.mean(a != b) == pytest.approx(0.2, abs=0.04)


def test_standardised_inputs_are_standardised_by_the_training_rows():
    rows = data.load(read(name="cancer"))
    np.testing.assert_allclose(rows.train.x.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(rows.train.x.std(axis=0), 1, atol=1e-5)
    assert abs(rows.validation.x.mean()) > 1e-3


@pytest.mark.parametrize(("name", "points"), [("moons", data.GRID**2), ("sine", data.FIT)])
def test_a_picture_covers_all_rows(name, points):
    rows = data.load(read(name=name))
    ends, grid = data.grid(rows)
    assert len(grid) == points
    x = np.concatenate([rows.train.x, rows.validation.x])
    for axis, (low, high) in enumerate(ends):
        assert low < x[:, axis].min()
        assert x[:, axis].max() < high
        assert (grid[0, axis], grid[-1, axis]) == (np.float32(low), np.float32(high))
    assert data.grid(data.load(read(name="ten"))) is None


def test_the_rows_of_a_boundary_go_from_left_to_right_and_then_up():
    _, points = data.grid(data.load(read(name="moons")))
    assert points[1, 0] > points[0, 0]
    assert points[1, 1] == points[0, 1]
    assert points[data.GRID, 1] > points[0, 1]


def test_a_data_set_that_is_not_installed_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Faults, match="pip install scikit-learn"):
        read(name="digits")


# ------------------------------------------------------------------------- CSV

CLASSES = "height,width,kind\n1,2,cat\n2.5,-1e3,dog\n3,4,cat\n4,5,dog\n5,6,cat\n6,7,dog\n"


def csv(text, **values):
    return read(name="csv", text=text, **values)


def csv_fault(text, **values):
    with pytest.raises(Faults) as found:
        csv(text, **values)
    (fault,) = found.value.faults
    return fault


def test_a_csv_of_classes():
    one = csv(CLASSES)
    facts = one.facts
    assert facts.task == "binary"
    assert facts.classes == ("cat", "dog")
    assert facts.features == ("height", "width")
    assert (facts.rows, facts.validation, facts.picture) == (4, 2, "boundary")
    rows = data.load(one)
    assert sorted([*rows.train.y, *rows.validation.y]) == [0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(rows.train.x.std(axis=0), 1, rtol=1e-5)


def test_a_csv_of_numbers_without_names():
    one = csv("1,2,3\n4,5,6\n7,8,10\n", task="number", validation=0, target="column 1")
    assert one.facts.features == ("column 2", "column 3")
    assert one.facts.task == "number"
    assert data.load(one).train.y.mean() == pytest.approx(0, abs=1e-6)


def test_class_names_that_are_numbers_are_in_their_order():
    parsed = table.parse("a,k\n1,10\n2,9\n3,2\n", None, "classes")
    assert parsed.classes == ("2", "9", "10")


def test_quotes_blank_lines_and_a_byte_order_mark_are_read():
    parsed = table.parse('\ufeff"a b","k"\r\n1,"x, y"\r\n\r\n2,z\r\n', None, "classes")
    assert parsed.features == ("a b",)
    assert parsed.classes == ("x, y", "z")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\n \n", "empty"),
        ("a\n1\n2\n", "2 to 64 columns"),
        ("1 2 3\n4 5 6\n", "separated by commas, semicolons or tabs; the first line has 1"),
        (",".join(["1"] * 65), "2 to 64 columns"),
        ("a,b\n", "2 to 10000 rows; it has 0"),
        ("1,2\n", "it has 1"),
        ("a,b\n1,x\n2\n", "line 3 has 1 cells, and line 1 has 2"),
        ("a,b\n1,x\nnan,y\n", "line 3, column a has nan"),
        ("a,b\n1,x\ninf,y\n", "column a has inf"),
        ("a,b\n1,x\n1_0,y\n", "column a has 1_0"),
        ("a,b\n1,x\n,y\n", "column a has nothing"),
        ("a,b\n1,x\nred,y\n", "column a has red"),
        ("a,a\n1,x\n2,y\n", "different names; the first line is a, a"),
        (",b\n1,x\n2,y\n", "different names"),
        ('a,b\n1,"x\n', "CSV; line 2: "),
        ("a;b\n1,5;x\n2,5;y\n", "line 2, column a has 1,5"),
        ("a,b\n" + "1,2\n2,3\n" * 5001, "it has 10002"),
    ],
)
def test_what_is_wrong_with_a_csv_is_said_in_words(text, says):
    fault = csv_fault(text)
    assert fault.path == "/data/text"
    assert says in fault.message()["text"]
    assert ", not " not in fault.message()["text"]  # the text names the found value once


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_cells_are_parted_by_commas_semicolons_or_tabs(mark):
    text = "a,b,kind\n1,2,x\n3,4,y\n".replace(",", mark)
    parsed = table.parse(text, None, "classes")
    assert parsed.features == ("a", "b")
    assert parsed.x.tolist() == [[1, 2], [3, 4]]
    assert parsed.classes == ("x", "y")


def test_a_semicolon_within_quotes_parts_nothing():
    parsed = table.parse('"a;b",kind\n1,x\n2,y\n', None, "classes")
    assert parsed.features == ("a;b",)


def test_a_csv_that_is_too_long_is_not_read():
    fault = csv_fault("1,2\n" * limits.CSV_TEXT)
    assert fault.path == "/data/text"
    assert f"{limits.CSV_TEXT} characters" in fault.accepted
    assert len(fault.message()["value"]) < 300


def test_targets_that_do_not_fit_the_task():
    many = "a,b\n" + "".join(f"{i},{i}\n" for i in range(30))
    assert csv_fault(many).path == "/data/task"
    assert csv_fault("a,b\n1,x\n2,x\n").path == "/data/task"
    assert csv_fault(CLASSES, task="number").path == "/data/text"
    fault = csv_fault(CLASSES, target="colour")
    assert (fault.path, fault.accepted) == (
        "/data/target",
        "one of the columns: height, width, kind",
    )
    assert csv_fault(CLASSES, validation=5).path == "/data/validation"


def test_a_csv_trains():
    from dropcore_lab.training import Training

    for values in ({}, {"target": "height", "task": "number"}):
        text = CLASSES if not values else CLASSES.replace("cat", "1").replace("dog", "2")
        own = {"name": "csv", "text": text, **values}
        training = Training(reading.read(changed(data=own, training={"batch": 2})))
        training.advance(show=True)
        assert np.isfinite(training.measure(training.networks[0]).validation_off)
