"""Mini-batches, and the position of a loader in an epoch."""

import json

import numpy as np
import pytest

from dropcore.autograd import Batches


def epoch(batches):
    return [rows.tolist() for rows in batches]


@pytest.mark.parametrize(("n", "size"), [(10, 3), (9, 3), (1, 1), (4, 100)])
def test_an_epoch_has_each_row_once(n, size):
    batches = Batches(n, size, rng=0)
    rows = epoch(batches)
    assert sorted(row for batch in rows for row in batch) == list(range(n))
    assert len(rows) == len(batches)
    assert {len(batch) for batch in rows[:-1]} <= {size}


def test_orders_differ_between_epochs_and_seeds_alone():
    a, b = Batches(50, 8, rng=3), Batches(50, 8, rng=3)
    first, second = epoch(a), epoch(a)
    assert [first, second] == [epoch(b), epoch(b)]
    assert first != second
    assert epoch(Batches(50, 8, rng=4)) != first
    assert (a.epoch, a.place) == (2, 0)


def test_a_generator_is_asked_once():
    generator = np.random.default_rng(1)
    batches = Batches(20, 4, rng=generator)
    before = generator.bit_generator.state
    epoch(batches)
    assert generator.bit_generator.state == before
    assert epoch(Batches(20, 4, rng=np.random.default_rng(1))) == epoch(
        Batches(20, 4, rng=np.random.default_rng(1))
    )


@pytest.mark.parametrize("done", [0, 1, 3, 5, 7])
def test_a_resumed_run_gives_the_rest(done):
    batches, whole = Batches(10, 2, rng=0), Batches(10, 2, rng=0)
    expected = epoch(whole) + epoch(whole)
    seen = []
    while len(seen) < done:
        for rows in batches:
            seen.append(rows.tolist())
            if len(seen) == done:
                break
    resumed = Batches(10, 2)
    resumed.load_state_dict(json.loads(json.dumps(batches.state_dict())))
    while resumed.epoch < 2:
        seen += epoch(resumed)
    assert seen == expected


def test_a_state_loaded_in_a_loop_is_gone_on_with():
    batches = Batches(10, 2, rng=0)
    start, first = batches.state_dict(), epoch(batches)
    again = []
    for rows in batches:
        if batches.epoch == 1:
            batches.load_state_dict(start)
        else:
            again.append(rows.tolist())
    assert again == first
    assert (batches.epoch, batches.place) == (1, 0)


def test_a_loop_in_a_loop_ends_the_epoch_for_both():
    batches, whole = Batches(10, 2, rng=0), Batches(10, 2, rng=0)
    for expected in (epoch(whole), epoch(whole)):
        seen = []
        for rows in batches:
            seen.append(rows.tolist())
            seen += epoch(batches)
        assert seen == expected
    assert (batches.epoch, batches.place) == (2, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("place", -3), ("place", 6), ("place", 1.5), ("epoch", -1), ("epoch", None), ("seed", "a")],
)
def test_numbers_that_no_batches_have_are_refused(name, value):
    batches = Batches(10, 2, rng=0)
    before = batches.state_dict()
    with pytest.raises((TypeError, ValueError), match=f"{name} must be .*, not {value!r}"):
        batches.load_state_dict(Batches(10, 2, rng=1).state_dict() | {name: value})
    assert batches.state_dict() == before


def test_what_does_not_fit_is_refused():
    with pytest.raises(TypeError, match=r"size must be an integer, not 2\.5"):
        Batches(3, 2.5)
    with pytest.raises(ValueError, match=r"size must be 1 or more, .* not 0"):
        Batches(3, 0)
    with pytest.raises(ValueError, match=r"n must be 1 or more, .* not 0"):
        Batches(0, 1)
    batches = Batches(3, 1, rng=0)
    with pytest.raises(ValueError, match="n must be 3, not 4"):
        batches.load_state_dict(Batches(4, 1).state_dict())
    with pytest.raises(ValueError, match="state"):
        batches.load_state_dict({"seed": 1})
    with pytest.raises(ValueError, match="unknown"):
        batches.load_state_dict({"seed": 1, 1: 2, "x": 3})
    with pytest.raises(TypeError, match=r"state must be .*, not None"):
        batches.load_state_dict(None)
    assert epoch(batches) == epoch(Batches(3, 1, rng=0))
