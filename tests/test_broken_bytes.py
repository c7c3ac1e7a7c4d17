"""Saved data with changed bytes are refused, or read as they are; nothing crashes."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dropcore
from dropcore import Draw, Mask, Stream

law = settings(derandomize=True, deadline=None, max_examples=400)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([2**64, 2**64 + 1, -1, "standard", "alpha", "é", "\udc80"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def stream():
    root = Stream(5, ("a", 3))
    root.draw()
    root.child("b").draw()
    root.child("b").child(7).draw()
    root.child("c")
    return root


def records():
    x = np.ones((2, 3, 4))
    for variant, options in (
        ("standard", {"shared_axes": (1, 2)}),
        ("alpha", {"fixed_mean": 0.5}),
        ("spatial", {"channel_axis": 1}),
    ):
        for training in (True, False):
            options = {"variant": variant, "training": training, "rng": stream(), **options}
            yield dropcore.dropout(x, 0.25, **options)[1].record()


RECORDS = list(records())


def places(value, path=()):
    """The path to each value inside a JSON value."""
    if path:
        yield path
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield from places(value[key], (*path, key))


def broken(draw, value):
    """A copy of a JSON value, with one value replaced, removed or added."""
    value = copy.deepcopy(value)
    *way, last = draw(st.sampled_from(list(places(value))))
    inner = value
    for key in way:
        inner = inner[key]
    what = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
    if what == "remove":
        del inner[last]
    elif what == "add" and isinstance(inner, dict):
        inner[draw(st.text(max_size=3))] = draw(JSON)
    else:
        inner[last] = draw(JSON)
    return value


# ----------------------------------------------------------------------- text


@law
@given(st.data())
def test_a_text_is_a_draw_in_one_form_alone(data):
    good = str(Stream(data.draw(st.integers(0, 9))).at(data.draw(st.integers(0, 2**64 - 1))))
    at, length = data.draw(st.integers(0, len(good))), data.draw(st.integers(0, 3))
    text = good[:at] + data.draw(st.text(max_size=3)) + good[at + length :]
    try:
        assert str(Draw.parse(text)) == text
    except ValueError:
        assert text != good


@pytest.mark.parametrize("index", ["", "007", "+7", "-1", " 7", "7 ", "1_0", "٣", str(2**64)])
def test_an_index_has_one_form(index):
    with pytest.raises(ValueError, match=r"^text must end in a draw index"):
        Draw.parse(str(Stream(1).at(0))[:-1] + index)


# --------------------------------------------------------------------- states


@law
@given(st.data())
def test_a_state_that_was_changed_is_refused_or_says_what_the_stream_is(data):
    state = broken(data.draw, stream().state)
    held = stream()
    before = held.state
    try:
        made = Stream.from_state(state)
    except (TypeError, ValueError, OverflowError):
        pass
    else:
        assert made.state["position"] == state["position"]
        assert json.loads(json.dumps(made.state))["path"] == list(state["path"])
    try:
        held.state = state
    except (TypeError, ValueError, OverflowError):
        assert held.state == before


# -------------------------------------------------------------------- records


@law
@given(st.data(), st.sampled_from(RECORDS))
def test_a_record_that_was_changed_is_refused_or_says_what_the_mask_is(data, record):
    changed = broken(data.draw, record)
    try:
        mask = Mask.from_record(changed)
    except (TypeError, ValueError, LookupError, OverflowError):
        pass
    else:
        assert mask.record()["draw"] == changed["draw"]
        assert mask.record()["p"] == changed["p"]
        if np.prod(mask.shape, dtype=object) < 10**6:
            assert mask.forward(np.ones(mask.shape)).shape == tuple(changed["shape"])


# -------------------------------------------------------------------- pickles

# In a separate process, because a fault would crash the process.

USE = """
import pickle, random, resource, sys, warnings
import numpy as np
import dropcore
from dropcore.mask import _rebuild
from unplanned_variants import Half, Noise, Scaled

resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
warnings.simplefilter("ignore")


def use(thing):
    # Calls everything that the thing may have. Any exception is accepted, a crash is not.
    for work in (
        repr, str, hash, pickle.dumps,
        lambda o: o.keep, lambda o: o.packed, lambda o: o.draw, lambda o: o.record(),
        lambda o: o.split()[1](o.split()[0]), lambda o: o.variant, lambda o: o.training,
        lambda o: o.forward(np.ones(o.shape)), lambda o: o.backward(np.ones(o.shape)),
        lambda o: o.forward(np.ones(())), lambda o: o.backward(np.ones(())),
        lambda o: o.state, lambda o: o.child(1).draw(), lambda o: o.words(3),
        lambda o: o(np.ones((3, 4))), lambda o: o.backward(np.ones((3, 4))),
    ):
        try:
            work(thing)
        except Exception:
            pass
"""

ARGUMENTS = """
standard, draw = dropcore.get_variant("standard"), dropcore.Stream(1).at(0)
bits = np.zeros(2, np.uint8)
GOOD = [standard, 0.5, (3, 4), draw, True, None, None, None]
WITHOUT_DRAW = [*GOOD[:3], None, *GOOD[4:]]
WITH_BITS = [*GOOD[:3], None, True, bits, (3, 4), ()]
BAD = [
    [Half(), Noise(), Scaled(), dropcore.get_variant("alpha"), None, "standard", 5],
    [-1.0, 7.0, float("nan"), float("inf"), None, "p", 2**70, 0, 1],
    [(), (3,), (3, -4), (2**62, 2), (2**31, 2**31), (1,) * 65, None, [3, 4], "34", (3.0, 4)],
    [None, "dc1:", 5, dropcore.Stream(1), bytes(40)],
    [False, None, 7],
    [bits, bits[:1], bits[::2], bits.astype(float), np.zeros((1, 2), np.uint8), [1, 2], b"ab", 5],
    [(3, 4), (3, 1), (), (4, 3), None, ("a", "b"), 5, (3, 4, 1)],
    [(), (np.ones((3, 4)),), (None,), [1], 5, "ab", (1, 2, 3)],
]
tried = 0
for place, bad in enumerate(BAD):
    for value in bad:
        for variant in (standard, Half(), Noise(), Scaled()):
            for also in (GOOD, WITHOUT_DRAW, WITH_BITS):
                arguments = [variant, *also[1:]]
                arguments[place] = value
                tried += 1
                try:
                    mask = _rebuild(*arguments)
                except (TypeError, ValueError, OverflowError, AttributeError, MemoryError):
                    continue
                assert isinstance(mask, dropcore.Mask)
                if mask.training and mask.draw is not None:
                    assert mask.draw == draw, arguments  # not uninitialised memory
                use(mask)
for kind in (dropcore.Mask, dropcore.Draw, dropcore.Stream):
    use(kind.__new__(kind))
    tried += 1
print(tried)
"""

BYTES = """
x = np.ones((3, 4))
things = [dropcore.Stream(1).at(2**40), dropcore.Stream(1, ("a", 2)), dropcore.Dropout(0.5, rng=3)]
for variant in ("standard", "alpha", Half(), Noise(), Scaled()):
    things.append(dropcore.dropout(x, 0.5, training=True, rng=4, variant=variant)[1])
things.append(dropcore.dropout(x, 0.5, training=False)[1])
things.append(dropcore.Mask.from_keep(x > 0, 0.5))
things[1].child(5).draw()
rng, tried = random.Random(7), 0
for protocol in range(2, 6):
    for thing in things:
        whole = pickle.dumps(thing, protocol)
        if b"numpy" in whole:  # a changed state of a dtype crashes NumPy itself
            continue
        for _ in range(60):
            data = bytearray(whole)
            for _ in range(rng.choice((1, 1, 2, 4))):
                at = rng.randrange(len(data))
                way = rng.randrange(4)
                if way == 0:
                    data[at] = rng.randrange(256)
                elif way == 1:
                    data[at] ^= 1 << rng.randrange(8)
                elif way == 2:
                    del data[at : at + rng.choice((1, 2, 8))]
                else:
                    data[at:at] = whole[at : at + rng.choice((1, 3, 9))]
                if not data:
                    break
            tried += 1
            try:
                made = pickle.loads(bytes(data))
            except Exception:
                continue
            if type(made).__module__.startswith(("dropcore", "builtins")):
                use(made)
print(tried)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory as Linux does")
@pytest.mark.parametrize("script", [ARGUMENTS, BYTES], ids=["arguments", "bytes"])
def test_a_broken_pickle_crashes_nothing(script):
    done = subprocess.run(
        [sys.executable, "-c", USE + script],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 500
