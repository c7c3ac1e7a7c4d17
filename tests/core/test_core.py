"""dropcore.core accepts any buffer, and gives the bits of dropcore.dropout."""

import array
import ctypes
import inspect
import mmap

import ml_dtypes
import numpy as np
import pytest

import dropcore
from dropcore import core

DRAW = dropcore.Stream(42, ("engine",)).at(2**40 + 3)
DTYPES = ["float32", "float64", "float16", "bfloat16"]
RATES = [0.0, 0.1, 0.25, 0.5, 1.0]
N = 1001
SIZES = [0, 1, 4, 33, N, 9000]
FUNCTIONS = ["forward", "backward", "forward_plan", "select", "repeat", "tile"]
ALPHA = (1.5, -0.25, -2.0)


def function(name, dtype):
    """The function for a dtype."""
    return getattr(core, name if dtype in ("float32", "float64") else f"{name}_{dtype}")


def numbers(n, dtype, seed=0):
    """Numbers of a dtype, with infinities and nans among them."""
    x = np.random.default_rng(seed).normal(0, 50, n)
    x[3::17], x[5::19], x[7::23] = np.inf, -np.inf, np.nan
    return x.astype(getattr(ml_dtypes, dtype) if dtype == "bfloat16" else dtype)


def plain(x):
    """The array as the core takes it: half types as their bits."""
    return x.view(np.uint16) if x.itemsize == 2 else x


def same(a, b):
    """Whether two arrays have the same bits, also in nans."""
    assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


# ----------------------------------------------------- every kind of buffer

CODES = {"float32": "f", "float64": "d", "float16": "H", "bfloat16": "H"}
C_TYPES = {"f": ctypes.c_float, "d": ctypes.c_double, "H": ctypes.c_uint16, "B": ctypes.c_uint8}


def as_array_array(x, code):
    return array.array(code, x.tobytes())


def as_memoryview(x, code):
    return memoryview(bytearray(x.tobytes())).cast(code)


def as_ctypes(x, code):
    return (C_TYPES[code] * x.size).from_buffer_copy(x.tobytes() or b"\0" * x.itemsize)


def as_numpy(x, code):
    return x.copy()


def as_mmap(x, code):
    memory = mmap.mmap(-1, max(x.nbytes, 1))
    memory[: x.nbytes] = x.tobytes()
    return memoryview(memory)[: x.nbytes].cast(code)


def as_tensor(x, code):
    torch = pytest.importorskip("torch")
    return torch.from_numpy(x.copy())


def as_dlpack(x, code):
    """An object without a buffer that shares memory through DLPack."""

    class Shared:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **options):
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

        def tobytes(self):
            return self.array.tobytes()

    return Shared(x.copy())


BUFFERS = [as_array_array, as_memoryview, as_ctypes, as_numpy, as_mmap, as_tensor, as_dlpack]


def content(buffer):
    """The bytes of any of these objects."""
    if hasattr(buffer, "numpy"):
        return buffer.numpy().tobytes()
    return buffer.tobytes() if hasattr(buffer, "tobytes") else bytes(buffer)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", BUFFERS, ids=lambda make: make.__name__)
def test_every_function_over_every_kind_of_buffer(make, dtype):
    p, code = 0.1, CODES[dtype]
    x, dy = numbers(N, dtype, 1), numbers(N, dtype, 2)
    y, mask = dropcore.dropout(x, p, training=True, rng=DRAW)
    dx, packed = mask.backward(dy), mask.packed

    def taken(values):
        return make(plain(values), code)

    def empty(values):
        return taken(np.zeros_like(values))

    bits = make(np.zeros_like(packed), "B")
    core.keep_bits(DRAW, p, bits, N)
    assert content(bits) == packed.tobytes()

    bits, found = make(np.zeros_like(packed), "B"), empty(x)
    function("forward", dtype)(DRAW, p, taken(x), found, bits)
    assert content(found) == y.tobytes()
    assert content(bits) == packed.tobytes()

    for given in (bits, None):
        found = empty(x)
        function("backward", dtype)(DRAW, p, taken(dy), found, given)
        assert content(found) == dx.tobytes()

    expected = by_plan(x, mask.keep)
    found, own = empty(x), make(np.zeros_like(packed), "B")
    function("forward_plan", dtype)(DRAW, p, taken(x), found, *ALPHA, bits=own)
    assert content(found) == expected.tobytes()
    assert content(own) == packed.tobytes()

    found = empty(x)
    function("select", dtype)(bits, taken(x), found, *ALPHA)
    assert content(found) == expected.tobytes()

    scale = dropcore.kept_scale(p)
    for name, shape, axis in (("repeat", (143, 7), 1), ("tile", (7, 143), 0)):
        y, mask = dropcore.dropout(x.reshape(shape), p, training=True, rng=DRAW, shared_axes=axis)
        found = empty(x)
        function(name, dtype)(make(mask.packed, "B"), 143, 7, taken(x), found, scale)
        assert content(found) == y.tobytes()


def test_backward_acquires_the_bits_once():
    memory = np.full(1, 0b1010, np.uint8)

    class Bits:
        acquired = 0

        @property
        def __array_interface__(self):
            Bits.acquired += 1
            return memory.__array_interface__

    core.select(Bits(), np.ones(8), np.zeros(8), 1.0)
    once, Bits.acquired = Bits.acquired, 0
    core.backward(DRAW, 0.5, np.ones(8), np.zeros(8), Bits())
    assert Bits.acquired == once


def by_plan(x, keep):
    """The result of ALPHA for x, in float32 for the half types."""
    scale, shift, drop = ALPHA
    wide = x if x.itemsize > 2 else x.astype(np.float32)
    kept = wide * wide.dtype.type(scale) + wide.dtype.type(shift)
    with np.errstate(over="ignore"):
        return np.where(keep, kept, wide.dtype.type(drop)).astype(x.dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", RATES)
@pytest.mark.parametrize("n", SIZES)
def test_forward_and_backward_are_those_of_dropout(dtype, p, n):
    x, dy = numbers(n, dtype, 1), numbers(n, dtype, 2)
    expected, mask = dropcore.dropout(x, p, training=True, rng=DRAW)
    y, bits = np.zeros_like(x), np.full((n + 7) // 8, 0xA5, np.uint8)
    function("forward", dtype)(DRAW, p, plain(x), plain(y), bits)
    same(y, expected)
    same(bits, mask.packed)
    expected = mask.backward(dy)
    for given in (bits, None):
        function("backward", dtype)(DRAW, p, plain(dy), plain(y), given)
        same(y, expected)
    function("forward", dtype)(DRAW, p, plain(x), plain(x))  # in place
    same(x, mask.forward(numbers(n, dtype, 1)))


@pytest.mark.parametrize("start", [0, 1, 31, 512, 1000])
def test_pieces_of_a_whole(start):
    x = numbers(N, "float32")
    whole, mask = dropcore.dropout(x, 0.1, training=True, rng=DRAW)
    piece = x[start:]
    y, bits = np.zeros_like(piece), np.zeros((piece.size + 7) // 8, np.uint8)
    core.forward(DRAW, 0.1, piece, y, bits, start)
    same(y, whole[start:])
    expected = dropcore.keep_mask(piece.size, 0.1, rng=DRAW, packed=True, start=start)
    same(bits, expected)
    core.keep_bits(DRAW, 0.1, bits, piece.size, start)
    same(bits, expected)
    core.backward(DRAW, 0.1, piece, y, start=start)
    same(y, mask.backward(x)[start:])
    core.select(mask.packed, piece, y, dropcore.kept_scale(0.1), first=start)
    same(y, whole[start:])


def test_a_window_of_longer_bits_shares():
    x = numbers(3 * 5 * 6 * 4, "float64").reshape(3, 5, 6, 4)
    bits = dropcore.keep_mask(3 * 4, 0.5, rng=DRAW, packed=True)
    y = np.zeros_like(x)
    for n in range(3):
        core.tile(bits, 4, 30, x[n].reshape(-1), y[n].reshape(-1), 2.0, first=4 * n)
    same(y, dropcore.dropout(x, 0.5, training=True, rng=DRAW, shared_axes=(1, 2))[0])


def test_numpys_float16_goes_in_as_it_is():
    x = numbers(N, "float16")
    y = np.zeros_like(x)
    core.forward_float16(DRAW, 0.1, x, y)
    same(y, dropcore.dropout(x, 0.1, training=True, rng=DRAW)[0])


# ----------------------------------------------------------- what is refused


def good(name, dtype="float32"):
    """Arguments that a function takes, by name."""
    x, y = np.ones(16, dtype), np.full(16, 7, dtype)
    bits, plan = np.full(2, 0xA5, np.uint8), {"scale": 2.0}
    return {
        "keep_bits": {"draw": DRAW, "p": 0.5, "bits": bits, "n": 16},
        "forward": {"draw": DRAW, "p": 0.5, "x": x, "y": y, "bits": bits},
        "backward": {"draw": DRAW, "p": 0.5, "dy": x, "dx": y, "bits": bits},
        "forward_plan": {"draw": DRAW, "p": 0.5, "x": x, "y": y, "bits": bits, **plan},
        "select": {"bits": bits, "x": x, "y": y, **plan},
        "repeat": {"bits": bits, "decisions": 4, "times": 4, "x": x, "y": y, **plan},
        "tile": {"bits": bits, "decisions": 4, "times": 4, "x": x, "y": y, **plan},
    }[name]


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def misaligned(x):
    return np.frombuffer(bytearray(x.nbytes + 1), np.uint8)[1:].view(x.dtype)


BAD_INPUTS = {
    "strided": (lambda x: np.repeat(x, 2)[::2], ValueError, "must be contiguous, not of stride"),
    "reversed": (lambda x: x[::-1], ValueError, "must be contiguous, not of stride -"),
    "square": (lambda x: x.reshape(2, -1), ValueError, "must have one dimension, not 2"),
    "of integers": (
        lambda x: x.astype(np.int64),
        TypeError,
        "must be a buffer of .* not of format",
    ),
    "swapped": (
        lambda x: x.astype(x.dtype.newbyteorder()),
        TypeError,
        "must be a buffer of .* not of format '>f'",
    ),
    "misaligned": (misaligned, ValueError, "must begin at a multiple of its element's 4 bytes"),
    "text": (lambda x: "abc", TypeError, "must be a buffer, not str"),
    "nothing": (lambda x: None, TypeError, "must be a buffer, not NoneType"),
    "a list": (lambda x: [1.0] * 16, TypeError, "must be a buffer, not list"),
}
BAD_OUTPUTS = {
    "read-only": (read_only, ValueError, "must be writeable, not a read-only buffer"),
    "bytes": (lambda x: x.tobytes(), ValueError, "must be writeable, not a read-only buffer"),
    "shorter": (lambda x: x[:-1], ValueError, "must have 16 elements, not 15"),
    "longer": (lambda x: np.resize(x, x.size + 1), ValueError, "must have 16 elements, not 17"),
    "float64": (
        lambda x: x.astype(np.float64),
        TypeError,
        "must be a buffer of float32, as x is, not of format 'd'",
    ),
}


def names(name):
    return ("dy", "dx") if name == "backward" else ("x", "y")


def refused(name, error, match, **changed):
    """Check that the call raises, and writes nothing."""
    arguments = good(name) | changed
    outputs = [v for k, v in arguments.items() if k in ("y", "dx", "bits")]
    before = [content(v) for v in outputs if isinstance(v, np.ndarray)]
    with pytest.raises(error, match=match):
        getattr(core, name)(**arguments)
    assert [content(v) for v in outputs if isinstance(v, np.ndarray)] == before


@pytest.mark.parametrize("how", BAD_INPUTS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_bad_inputs_are_named(name, how):
    change, error, match = BAD_INPUTS[how]
    for argument in names(name):
        bad = change(good(name)[argument])
        refused(name, error, rf"^{argument} {match}", **{argument: bad})


@pytest.mark.parametrize("how", BAD_OUTPUTS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_bad_outputs_are_named(name, how):
    change, error, match = BAD_OUTPUTS[how]
    argument = names(name)[1]
    refused(name, error, rf"^{argument} {match}", **{argument: change(good(name)[argument])})


@pytest.mark.parametrize("name", ["keep_bits", *FUNCTIONS])
def test_bad_bits_are_named(name):
    bits = good(name)["bits"]
    shared = name in ("select", "repeat", "tile")
    changed = {"x": np.ones(32, "f"), "y": np.ones(32, "f"), "times": 1, "decisions": 32}
    more = {k: v for k, v in changed.items() if k in good(name)} if shared else {}
    words = "at least 4 bytes, not 2" if shared else "2 bytes, not 1"
    refused(
        name, ValueError, rf"^bits must have {words}", bits=bits if shared else bits[:1], **more
    )
    if not shared:
        refused(name, ValueError, "^bits must have 2 bytes, not 3", bits=np.zeros(3, np.uint8))
    refused(name, ValueError, "^bits must be contiguous", bits=np.zeros(4, np.uint8)[::2])
    refused(name, ValueError, "^bits must have one dimension", bits=np.zeros((1, 2), np.uint8))
    refused(name, TypeError, "^bits must be a buffer of uint8", bits=np.zeros(2, np.int8))
    refused(name, TypeError, "^bits must be", bits=3)
    if name in ("keep_bits", "forward", "forward_plan"):
        refused(name, ValueError, "^bits must be writeable", bits=bytes(2))
    if shared:
        refused(name, TypeError, "^bits must be", bits=None)
        more = {} if name == "select" else {"decisions": 16, "times": 1}
        refused(name, ValueError, "^bits must have at least 3 bytes, not 2", first=1, **more)


@pytest.mark.parametrize("name", ["keep_bits", "forward", "backward", "forward_plan"])
def test_bad_draws_rates_and_places_are_named(name):
    for draw in (None, 42, dropcore.Stream(1), str(DRAW)):
        refused(name, TypeError, "^draw must be a Draw, not", draw=draw)
    for p in (-0.1, 1.1, float("nan"), float("inf")):
        refused(name, ValueError, r"^p must be in \[0, 1\]", p=p)
    for p in ("0.5", None, True, np.array(0.5)):
        refused(name, TypeError, "^p must be a real number", p=p)
    for start in (1.5, None, True, "0"):
        refused(name, TypeError, "^start must be an integer >= 0", start=start)
    refused(name, ValueError, "^start must be an integer >= 0, not -1", start=-1)
    for start in (2**63 - 15, 2**63, 2**64 - 1, 2**70):
        refused(name, OverflowError, "^start", start=start)


def test_the_last_place_is_taken():
    x, y = np.ones(16, "f"), np.ones(16, "f")
    core.forward(DRAW, 0.1, x, y, start=2**63 - 16)
    keep = dropcore.keep_mask(16, 0.1, rng=DRAW, start=2**63 - 16)
    np.testing.assert_array_equal(y != 0, keep)


@pytest.mark.parametrize("name", ["select", "repeat", "tile"])
def test_bad_windows_and_plans_are_named(name):
    refused(name, TypeError, "^first must be an integer >= 0", first=0.0)
    refused(name, ValueError, "^first must be an integer >= 0", first=-1)
    refused(name, OverflowError, "^first", first=2**63)
    for field in ("scale", "shift", "drop"):
        refused(name, TypeError, f"^{field} must be a real number", **{field: "2"})
        refused(name, TypeError, f"^{field} must be a real number", **{field: None})


@pytest.mark.parametrize("name", ["repeat", "tile"])
@pytest.mark.parametrize(
    ("decisions", "times"),
    [(5, 3), (0, 4), (4, 0), (16, 2), (2**62, 4), (2**62 + 4, 4), (4, 2**62 + 4)],
)
def test_counts_that_do_not_fit_are_refused(name, decisions, times):
    match = rf"^x must have decisions \* times elements, {decisions} \* {times}, not 16"
    refused(name, ValueError, match, decisions=decisions, times=times)
    refused(name, ValueError, "^decisions must be an integer >= 0, not -4", decisions=-4, times=-4)


def test_keep_bits_counts():
    for n, error in ((-1, ValueError), (1.5, TypeError), (2**63, OverflowError)):
        refused("keep_bits", error, "^n must be", n=n)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_part_in_common_is_refused_and_the_whole_is_not(name):
    memory = np.ones(20, np.float32)
    source, target = names(name)
    match = f"^{target} must be {source} itself or share no memory with it"
    refused(name, ValueError, match, **{source: memory[:16], target: memory[4:]})
    getattr(core, name)(**good(name) | {source: memory[:16], target: memory[:16]})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bits_within_the_elements_are_refused(name):
    source, target = names(name)
    match = f"^bits must share no memory with {source} or {target}$"
    counts = {"decisions": 16, "times": 1} if name in ("repeat", "tile") else {}
    for argument in (source, target):
        memory = np.ones(72, np.uint8)
        elements = memory[4:68].view(np.float32)
        for first in (3, 4, 40, 66, 67):
            changed = {argument: elements, "bits": memory[first : first + 2], **counts}
            refused(name, ValueError, match, **changed)
            assert (memory == 1).all()
        for first in (2, 68):
            getattr(core, name)(
                **good(name) | {argument: elements, "bits": memory[first : first + 2]}
            )


@pytest.mark.parametrize("name", ["select", "repeat", "tile"])
def test_of_longer_bits_only_those_that_are_read_count(name):
    memory = np.ones(72, np.uint8)
    y = memory[4:68].view(np.float32)
    counts = {} if name == "select" else {"decisions": 16, "times": 1}
    getattr(core, name)(**good(name) | counts | {"y": y, "bits": memory, "first": 16})
    for first in (17, 8 * 30, 8 * 66):
        refused(name, ValueError, "^bits must share", y=y, bits=memory, first=first, **counts)
    nothing = {"x": memory[8:8].view(np.float32), "y": memory[8:8].view(np.float32)}
    counts = {} if name == "select" else {"decisions": 0, "times": 1}
    getattr(core, name)(**good(name) | counts | nothing | {"bits": memory})


def test_a_buffer_is_given_back():
    memory = bytearray(64)
    x = memoryview(memory).cast("f")
    core.forward(DRAW, 0.5, x, x)
    with pytest.raises(ValueError, match=r"^y must be writeable"):
        core.forward(DRAW, 0.5, x, bytes(64))
    x.release()
    memory.extend(b"more")  # raises if the core still holds a buffer of `memory`


def test_signatures_are_those_of_the_page():
    assert str(inspect.signature(core.keep_bits)) == "(draw, p, bits, n, start=0)"
    assert str(inspect.signature(core.forward)) == "(draw, p, x, y, bits=None, start=0)"
    assert str(inspect.signature(core.backward)) == "(draw, p, dy, dx, bits=None, start=0)"
    assert (
        str(inspect.signature(core.select)) == "(bits, x, y, scale, shift=0.0, drop=0.0, first=0)"
    )
    for name in filter(str.islower, core.__all__):
        base = name.removesuffix("_bfloat16").removesuffix("_float16")
        assert inspect.signature(getattr(core, name)) == inspect.signature(getattr(core, base))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_constant_of_minus_zero_is_stored_as_it_is(dtype):
    # For an element at any place: in whole words of decisions, in the rest, across cache lines.
    for n, start in ((4, 0), (20, 0), (1001, 0), (9000, 0), (9000, 5)):
        x, y = np.ones(n, np.float32).astype(numbers(1, dtype).dtype), numbers(n, dtype)
        bits = np.zeros((n + 7) // 8, np.uint8)
        function("forward_plan", dtype)(DRAW, 0.5, plain(x), plain(y), 2.0, 0.0, -0.0, bits, start)
        keep = np.unpackbits(bits, bitorder="little", count=n).astype(bool)
        right = np.where(keep, 2.0, -0.0).astype(y.dtype)
        same(y, right)
        y[:] = 1
        function("select", dtype)(bits, plain(x), plain(y), 2.0, 0.0, -0.0)
        same(y, right)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_nan_of_any_bits_stays_a_nan(dtype):
    # If this nan were rounded like a number, it would overflow to minus zero.
    every_bit = float(np.uint64(2**63 - 1).view(np.float64))
    x = plain(np.ones(N, getattr(ml_dtypes, dtype) if dtype == "bfloat16" else dtype))
    y = np.zeros_like(x)
    function("forward_plan", dtype)(DRAW, 0.5, x, y, every_bit, 0.0, every_bit)
    named = y.view(getattr(ml_dtypes, dtype) if dtype == "bfloat16" else dtype)
    assert np.isnan(named.astype(np.float64)).all()
