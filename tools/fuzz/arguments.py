"""A fuzz target: the Python functions, with valid and invalid arguments of all kinds.

For all arguments, a call returns a correct result or raises one of the documented errors. After an
error, x, out and the stream are unchanged. The sanitizer reports invalid memory access as a crash.
"""

import array
import json
import math
import pickle
import sys

import atheris

with atheris.instrument_imports(include=["dropcore"]):
    import dropcore
    from dropcore import core

import ml_dtypes
import numpy as np

ERRORS = (TypeError, ValueError, LookupError, OverflowError, MemoryError)
DTYPES = (np.float32, np.float64, np.float16, ml_dtypes.bfloat16)
OTHERS = (">f4", np.int32, bool, np.complex64, object, "U3", np.longdouble, "M8[s]")
RATES = (0.0, 1.0, 0.5, 0.25, 0.1, 2.0**-64, 1 - 2.0**-53, math.nan, -0.1, 1.5, "0.5", None, True)
BASE = np.random.default_rng(1).normal(size=6000)
SOURCES = [None, None, np.random.SeedSequence(4), np.random.default_rng(5), np.random.PCG64(6)]
SOURCES += ["a", 1.5, True, np.random.RandomState(1)]
DRAW = dropcore.Stream(1).at(0)
SPARE = 16  # bytes before and after each array, in the same memory


class Sub(np.ndarray):
    """A subclass of ndarray."""


def shape(give):
    """A shape of up to six axes. Most axes are short, and some are empty."""
    axes = give.ConsumeIntInRange(0, 6)
    most = 9 if give.ConsumeBool() else 3
    lengths = [give.ConsumeIntInRange(0, most) for _ in range(axes)]
    if lengths and give.ConsumeIntInRange(0, 7) == 0:
        lengths[give.ConsumeIntInRange(0, axes - 1)] = give.ConsumeIntInRange(0, 2000)
    while math.prod(lengths) > 5000:
        lengths.pop()
    return tuple(lengths)


def numbers(give, of, dtype):
    """An array of shape `of`, with one of many memory layouts."""
    way = give.ConsumeIntInRange(0, 10)
    n = math.prod(of)
    size = np.dtype(dtype).itemsize
    memory = np.zeros(n * size + 2 * SPARE, np.uint8)
    offset = give.ConsumeIntInRange(0, SPARE) if way == 1 else SPARE
    x = memory[offset : offset + n * size].view(dtype).reshape(of)
    x[...] = BASE[:n].reshape(of)
    if way == 2:
        order = sorted(range(len(of)), key=lambda _: give.ConsumeIntInRange(0, 9))
        x = x.transpose(order).copy().transpose(np.argsort(order)) if of else x
    elif way == 3:
        x = np.repeat(x, 2, axis=-1)[..., ::2] if of else x
    elif way == 4:
        x = x[(slice(None, None, -1),) * len(of)]
    elif way == 5:
        x = np.broadcast_to(x[:1] if of and of[0] else x, of)
    elif way == 6:
        x.flags.writeable = False
    elif way == 7:
        x = x.view(Sub)
    elif way == 8:
        x = np.ma.masked_array(x)
    return x


def any_array(give, of=None):
    """An array of any dtype, or an object that is not an array."""
    of = shape(give) if of is None else of
    kind = give.ConsumeIntInRange(0, 15)
    if kind == 15:
        return give.PickValueInList([None, 5, "ab", [1.0, 2.0], [[1.0], [2.0, 3.0]], b"abc", {}])
    if kind == 14:
        try:
            return np.zeros(of, give.PickValueInList(list(OTHERS)))
        except ValueError:
            return None
    return numbers(give, of, DTYPES[kind % 4])


def any_out(give, x):
    """A value for out: None, x itself, a view of x, or another array."""
    way = give.ConsumeIntInRange(0, 6)
    if way < 2 or not isinstance(x, np.ndarray):
        return None
    if way == 2:
        return x
    if way == 3:
        return x[(slice(None, None, -1),) * x.ndim]
    if way == 4:
        return x.T
    return any_array(give, x.shape if way == 5 else None)


def any_rng(give):
    """A source of draws, or an object that is not one."""
    way = give.ConsumeIntInRange(0, 8)
    if way < 3:
        return dropcore.Stream(give.ConsumeIntInRange(0, 9))
    if way == 3:
        return dropcore.Stream(3).at(give.ConsumeIntInRange(0, 2**64 - 1))
    if way == 4:
        return give.ConsumeIntInRange(-1, 2**40)
    return SOURCES[give.ConsumeIntInRange(0, len(SOURCES) - 1)]


def any_p(give):
    """A probability, or a value that is not one."""
    if give.ConsumeBool():
        return give.PickValueInList(list(RATES))
    return give.ConsumeProbability()


def axes(give):
    """A value for an argument that takes axes."""
    some = [give.ConsumeIntInRange(-7, 7) for _ in range(give.ConsumeIntInRange(0, 4))]
    return give.PickValueInList([tuple(some), some, some[0] if some else (), None, "0", 1.0])


def options(give):
    """A variant and its options."""
    way = give.ConsumeIntInRange(0, 7)
    if way < 3:
        return {}
    if way < 5:
        return {"shared_axes": axes(give)}
    if way == 5:
        return {
            "variant": "alpha",
            "fixed_var": give.PickValueInList([1.0, 0.0, -1.0, math.inf, "1"]),
            "shared_axes": axes(give),
        }
    if way == 6:
        return {"variant": "spatial", "channel_axis": axes(give), "batch_axis": None}
    return give.PickValueInList([{"variant": "none"}, {"variant": 5}, {"color": 1}])


def any_shard(give, lengths):
    """A value for shard: None, a valid shard, a shard that does not fit, or another object."""
    if give.ConsumeIntInRange(0, 3) or not isinstance(lengths, tuple):
        return None
    most = 2**63 if give.ConsumeIntInRange(0, 7) == 0 else 5
    offsets = tuple(give.ConsumeIntInRange(0, most) for _ in lengths)
    behind = -1 if give.ConsumeIntInRange(0, 7) == 0 else give.ConsumeIntInRange(0, most)
    whole = tuple(n + offset + behind for n, offset in zip(lengths, offsets, strict=True))
    wrong = give.PickValueInList([(list(whole), 0), whole, 5, ((), ()), (whole, (-1,) * 3)])
    return wrong if give.ConsumeIntInRange(0, 9) == 0 else (whole, offsets)


def dropout(give):
    """Call dropout, then a method of its mask."""
    x, rng = any_array(give), any_rng(give)
    out, p, named = any_out(give, x), any_p(give), options(give)
    arrays = [each for each in (x, out) if isinstance(each, np.ndarray)]
    before = [each.tobytes() for each in arrays]
    position = rng.position if isinstance(rng, dropcore.Stream) else None
    training = give.PickValueInList([True, True, True, False, 1])
    store = give.PickValueInList(["bits", "draw", "none"])
    named["shard"] = any_shard(give, getattr(x, "shape", None))
    try:
        y, mask = dropcore.dropout(x, p, training=training, rng=rng, out=out, store=store, **named)
    except ERRORS:
        assert [each.tobytes() for each in arrays] == before
        assert position is None or rng.position == position
        return
    assert position is None or rng.position == position + training
    keep = np.broadcast_to(mask.keep, y.shape)
    if training and named == {"shard": None}:
        assert not np.asarray(y)[~keep].any()
    after(give, mask)


def after(give, mask):
    """Call a method of a mask, with arrays that may not fit."""
    dy = any_array(give, mask.shape if give.ConsumeBool() else None)
    way = give.ConsumeIntInRange(0, 4)
    try:
        if way == 0:
            mask.backward(dy, out=any_out(give, dy))
        elif way == 1:
            mask.forward(dy, out=any_out(give, dy))
        elif way == 2:
            again = pickle.loads(pickle.dumps(mask))
            assert again.packed.tobytes() == mask.packed.tobytes()
        elif way == 3:
            record = json.loads(json.dumps(mask.record()))
            assert dropcore.Mask.from_record(record).packed.tobytes() == mask.packed.tobytes()
        else:
            held, join = mask.split()
            join(held if give.ConsumeBool() else (dy,)).backward(dy)
    except ERRORS:
        pass


def keep_mask(give):
    """Call keep_mask."""
    start = give.ConsumeIntInRange(-1, 2**63) if give.ConsumeBool() else 0
    of = give.PickValueInList([shape(give), give.ConsumeIntInRange(-2, 3000), [2**40, 2**40], "a"])
    packed, shard = give.ConsumeBool(), any_shard(give, of)
    dropcore.keep_mask(of, any_p(give), rng=any_rng(give), packed=packed, start=start, shard=shard)


def from_keep(give):
    """Make a mask of given decisions, then call one of its methods."""
    of = shape(give)
    keep = numbers(give, of, np.float64) > 0 if give.ConsumeBool() else any_array(give)
    whole = give.PickValueInList([None, of, shape(give)])
    after(give, dropcore.Mask.from_keep(keep, any_p(give), shape=whole, **options(give)))


def any_buffer(give, n):
    """A buffer that `dropcore.core` accepts, or an object that it must refuse."""
    kind = give.ConsumeIntInRange(0, 9)
    if kind < 4:
        return np.ones(n, DTYPES[kind] if kind < 3 else np.uint16)
    if kind == 4:
        return array.array(give.PickValueInList(["f", "d", "B", "i"]), [1] * n)
    if kind == 5:
        return memoryview(np.ones(2 * n + 1, np.float32))[:: give.ConsumeIntInRange(1, 2)]
    if kind == 6:
        return bytes(n)
    return any_array(give)


def block(give, n):
    """A shard of about n elements; its arguments may be invalid."""
    width = give.ConsumeIntInRange(1, 9)
    lengths = (n // width, width) if give.ConsumeBool() else (n,)
    whole, offsets = any_shard(give, lengths) or (lengths, (0,) * len(lengths))
    return core.Shard(lengths, whole, offsets, shared_axes=give.PickValueInList([(), (), (0,)]))


def buffers(give):
    """Call a function of `dropcore.core`."""
    n = give.ConsumeIntInRange(0, 300)
    x = any_buffer(give, n)
    y = x if give.ConsumeBool() else any_buffer(give, n)
    more = give.PickValueInList([0, 0, 0, 1, -1, 7])
    bits = bytearray(max(0, (n + 7) // 8 + more))
    place = give.PickValueInList([0, 0, 1, 9, -1, 2**63 - 1, 2**63, 2**64])
    draw, p = give.PickValueInList([DRAW, DRAW, DRAW, None, 5]), any_p(give)
    some, times = give.ConsumeIntInRange(-1, 40), give.ConsumeIntInRange(-1, 40)
    way = give.ConsumeIntInRange(0, 7)
    name = give.PickValueInList(["", "_float16", "_bfloat16"])
    calls = (
        ("forward", (draw, p, x, y, bits if give.ConsumeBool() else None, place)),
        ("backward", (draw, p, x, y, bits if give.ConsumeBool() else None, place)),
        ("forward_plan", (draw, p, x, y, 2.0, 1.0, -1.0, bits, place)),
        ("select", (bits, x, y, 2.0, 0.0, 0.0, place)),
        ("repeat", (bits, some, times, x, y, 2.0, 0.0, 0.0, place)),
        ("tile", (bits, some, times, x, y, 2.0, 1.0, -1.0, place)),
        ("forward_shard", (draw, p, block(give, n), x, y, 2.0, 1.0, -1.0, bits)),
        ("forward_shard", (draw, p, block(give, n), x, y, 2.0)),
    )
    if give.ConsumeIntInRange(0, 9) == 0:
        core.keep_bits(draw, p, bits, n, place)
        core.keep_shard(draw, p, block(give, n), bits)
        return
    function, arguments = calls[way]
    getattr(core, function + name)(*arguments)


TARGETS = (dropout, dropout, dropout, keep_mask, from_keep, buffers, buffers)


def one(data):
    """Run one target; atheris calls this function with each input."""
    give = atheris.FuzzedDataProvider(data)
    with np.errstate(all="ignore"):
        try:
            TARGETS[give.ConsumeIntInRange(0, len(TARGETS) - 1)](give)
        except (*ERRORS, RecursionError):
            pass


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
