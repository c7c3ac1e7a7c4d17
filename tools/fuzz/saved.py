"""A fuzz target: saved texts, states, records and pickles, with random changes.

A changed input is refused with a documented error, or it gives an object that agrees with the input
and can be used. The sanitizer reports invalid memory access as a crash.
"""

import copy
import io
import json
import math
import pickle
import sys
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dropcore"]):
    import dropcore
    from dropcore import Draw, Dropout, Mask, Stream
    from dropcore.mask import _rebuild

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from unplanned_variants import Half, Noise, Scaled

REFUSED = (TypeError, ValueError, OverflowError)
MOST = 10**5  # largest number of elements of an array that is made to use a mask
X = np.ones((3, 4))
DRAW = Stream(1).at(2**40)
STREAM = Stream(5, ("a", 3))
STREAM.child("b").child(7).draw()
BITS = np.zeros(2, np.uint8)


def masks():
    """Masks of every kind of variant, in training and in inference."""
    for variant in ("standard", "alpha", Half(), Noise(), Scaled()):
        yield dropcore.dropout(X, 0.5, training=True, rng=DRAW, variant=variant)[1]
    yield dropcore.dropout(X, 0.5, training=True, rng=DRAW, shared_axes=(1,))[1]
    yield dropcore.dropout(X, 0.5, training=True, rng=DRAW, shard=((6, 4), (3, 0)))[1]
    yield dropcore.dropout(X, 0.5, training=False)[1]


MASKS = list(masks())
TEXTS = [str(DRAW), str(Stream(0).at(0)), str(Stream(2, ("é", 1)).at(2**64 - 1))]
STATES = [STREAM.state, Stream(b"seed").state, Stream(7).state]
RECORDS = [mask.record() for mask in MASKS if isinstance(mask.variant, dropcore.PlannedVariant)]
SMALL = [None, True, False, 0, 1, -1, 2**63, 2**64 - 1, 2**64, 0.5, math.nan, math.inf, "", "a"]
SMALL += ["standard", "alpha", [], {}, [0], [3, 4], [2**40, 2**40], {"a": 1}, "\udc80", 1e308]


# --------------------------------------------------------- how inputs are changed


def spliced(give, whole, some):
    """Replace a few parts of a text or of bytes, by `some(give)` or by another part of it."""
    for _ in range(give.ConsumeIntInRange(1, 3)):
        at = give.ConsumeIntInRange(0, len(whole))
        length = give.ConsumeIntInRange(0, 9)
        there = give.ConsumeIntInRange(0, len(whole))
        part = some(give) if give.ConsumeBool() else whole[there : there + length]
        whole = whole[:at] + part + whole[at + give.ConsumeIntInRange(0, 9) :]
    return whole


def some_text(give):
    """A few characters."""
    return give.ConsumeUnicodeNoSurrogates(give.ConsumeIntInRange(0, 5))


def some_bytes(give):
    """A few bytes."""
    return give.ConsumeBytes(give.ConsumeIntInRange(0, 5))


def places(value, path=()):
    """The path to each value inside a JSON value."""
    yield path
    inner = enumerate(value) if isinstance(value, list) else ()
    for key, each in value.items() if isinstance(value, dict) else inner:
        yield from places(each, (*path, key))


def some_value(give):
    """A JSON value."""
    if give.ConsumeIntInRange(0, 3):
        return copy.deepcopy(give.PickValueInList(list(SMALL)))
    return give.PickValueInList([
        give.ConsumeInt(9), give.ConsumeFloat(), some_text(give), [give.ConsumeInt(8)] * 3
    ])  # fmt: skip


def changed(give, value):
    """A copy of a JSON value, with some values replaced, removed or added."""
    value = copy.deepcopy(value)
    for _ in range(give.ConsumeIntInRange(1, 3)):
        paths = list(places(value))
        *way, last = paths[give.ConsumeIntInRange(0, len(paths) - 1)] or (None,)
        if last is None:
            return some_value(give)
        inner = value
        for key in way:
            inner = inner[key]
        what = give.ConsumeIntInRange(0, 3)
        if what == 0:
            del inner[last]
        elif what == 1 and isinstance(inner, dict):
            inner[some_text(give)] = some_value(give)
        else:
            inner[last] = some_value(give)
    return value


def broken(give, goods):
    """One of the valid JSON values, changed as a value or as a text."""
    good = goods[give.ConsumeIntInRange(0, len(goods) - 1)]
    if give.ConsumeBool():
        return changed(give, good)
    try:
        return json.loads(spliced(give, json.dumps(good), some_text))
    except (ValueError, RecursionError):
        return None


# ------------------------------------------------------- functions that read them


def text(give):
    """Each draw has exactly one text: a text that is parsed is printed unchanged."""
    good = give.PickValueInList(list(TEXTS))
    written = spliced(give, good, some_text)
    try:
        assert str(Draw.parse(written)) == written
    except ValueError:
        assert written not in TEXTS


def state(give):
    """A state is accepted and gives its stream, or it is refused and changes no stream."""
    value, held = broken(give, STATES), Stream(3, ("held",))
    before = held.state
    try:
        made = Stream.from_state(value)
    except REFUSED:
        pass
    else:
        assert made.position == value["position"]
        assert list(made.path) == list(value["path"])
        assert Stream.from_state(json.loads(json.dumps(made.state))).state == made.state
    try:
        held.state = value
    except REFUSED:
        assert held.state == before


def record(give):
    """A record is refused, or gives its mask."""
    value = broken(give, RECORDS)
    try:
        mask = Mask.from_record(value)
    except (*REFUSED, LookupError):
        return
    assert mask.record()["draw"] == value["draw"]
    assert mask.record()["p"] == value["p"]
    use(mask)


class Unpickler(pickle.Unpickler):
    """Loads only the names of valid pickles, so a changed pickle cannot call anything else."""

    found = None  # the names in a pickle, while valid pickles are read

    def find_class(self, module, name):
        """Return the named object, if a valid pickle has that name."""
        if Unpickler.found is not None:
            Unpickler.found.add((module, name))
        elif (module, name) not in NAMES:
            raise pickle.UnpicklingError(f"{module}.{name} is not known here")
        return super().find_class(module, name)


def pickles():
    """Pickles without NumPy objects, because a changed state of a dtype crashes NumPy itself."""
    for thing in (DRAW, STREAM, Dropout(0.5, rng=3), *MASKS):
        for protocol in range(2, 6):
            Unpickler.found, whole = set(), pickle.dumps(thing, protocol)
            Unpickler(io.BytesIO(whole)).load()
            if not any(module.startswith("numpy") for module, _ in Unpickler.found):
                yield whole, Unpickler.found
    Unpickler.found = None


NAMES: set = set()
PICKLES = []
for whole, names in pickles():
    PICKLES.append(whole)
    NAMES |= names


def unpickle(give):
    """Changed bytes raise any exception, or give an object that can be used."""
    whole = PICKLES[give.ConsumeIntInRange(0, len(PICKLES) - 1)]
    try:
        made = Unpickler(io.BytesIO(spliced(give, whole, some_bytes))).load()
    except Exception:
        return  # of any type: the bytes may call a known function with any arguments
    use(made)


ARGUMENTS = [
    [*map(dropcore.get_variant, ("standard", "alpha")), Half(), Noise(), Scaled(), None],
    [0.5, 0.0, 1.0, -1.0, 7.0, math.nan, math.inf, None, "p", 2**70, 0, 1],
    [(3, 4), (), (3,), (0, 4), (3, -4), (2**62, 2), (2**31, 2**31), (1,) * 65, None, [3, 4], "34"],
    [DRAW, None, "dc1:", 5, STREAM, bytes(40)],
    [True, False, None, 7],
    [None, BITS, BITS[:1], BITS[::2], BITS.astype(float), BITS[None], [1, 2], b"ab", np.uint8(5)],
    [None, (3, 4), (3, 1), (), (4, 3), ("a", "b"), 5, (3, 4, 1), (2**40, 2**40), (0, 4)],
    [None, (), (X,), (X[:1],), (None,), [1], 5, "ab", (1, 2, 3), (BITS,)],
    [None, ((6, 4), (3, 0)), ((3, 4), (0, 0)), ((3, 4), (1, 0)), ((2**62, 4), (2**61, 0)), (), 5],
]


def rebuild(give):
    """Call the function that a pickle of a mask calls, with any arguments."""
    arguments = [list(some)[give.ConsumeIntInRange(0, len(some) - 1)] for some in ARGUMENTS]
    try:
        mask = _rebuild(*arguments)
    except (*REFUSED, AttributeError, MemoryError):
        return
    assert isinstance(mask, Mask)
    if mask.training and mask.draw is not None:
        assert mask.draw == DRAW  # not uninitialised memory
    use(mask)


def ones(shape):
    """An array of ones, of at most MOST elements."""
    if math.prod(shape) > MOST:
        raise MemoryError
    return np.ones(shape)


USES = (
    repr, str, hash, pickle.dumps,
    lambda o: o.keep if math.prod(o.shape) < MOST else None,
    lambda o: o.packed if math.prod(o.shape) < MOST else None,
    lambda o: o.draw, lambda o: o.record(),
    lambda o: o.split()[1](o.split()[0]), lambda o: o.variant, lambda o: o.training,
    lambda o: o.forward(ones(o.shape)), lambda o: o.backward(ones(o.shape)),
    lambda o: o.forward(ones(())), lambda o: o.backward(ones(())),
    lambda o: o.state, lambda o: o.child(1).draw(), lambda o: o.words(3),
    lambda o: o(X), lambda o: o.backward(X),
)  # fmt: skip


def use(thing):
    """Apply all USES to an object; every exception is accepted, a crash is not."""
    for work in USES:
        with suppress(Exception):
            work(thing)


TARGETS = (text, state, state, record, record, unpickle, unpickle, rebuild)


def one(data):
    """Run one target; atheris calls this function with each input."""
    give = atheris.FuzzedDataProvider(data)
    with np.errstate(all="ignore"):
        TARGETS[give.ConsumeIntInRange(0, len(TARGETS) - 1)](give)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
