"""Arrays of other libraries: dropcore reads their memory without a copy."""

import array
import ctypes
import tracemalloc

import ml_dtypes
import numpy as np
import pytest

import dropcore

DRAW = dropcore.Stream(42).at(7)
X = np.random.default_rng(1).normal(0, 10, 1000).astype(np.float32)


class Interface:
    """Has only `__array_interface__`."""

    def __init__(self, a):
        self.owner, self.__array_interface__ = a, a.__array_interface__


class Struct:
    """Has only `__array_struct__`."""

    def __init__(self, a):
        self.owner, self.__array_struct__ = a, a.__array_struct__


class DLPack:
    """Has only DLPack, in its first form: `__dlpack__` without arguments."""

    def __init__(self, a, device=(1, 0)):
        self.owner, self.device, self.asked = a, device, 0

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, stream=None):
        self.asked += 1
        return self.owner.__dlpack__()


class NewDLPack(DLPack):
    """Has only DLPack, in its present form."""

    def __dlpack__(self, **options):
        self.asked += 1
        return self.owner.__dlpack__(**options)


class Both(DLPack):
    """Has DLPack and NumPy's interface; dropcore uses NumPy's, which needs no capsule."""

    def __init__(self, a, device=(1, 0)):
        super().__init__(a, device)
        self.__array_interface__ = a.__array_interface__


class OwnWay(DLPack):
    """Has `__array__`, and a type that NumPy's DLPack lacks, like a bfloat16 array of JAX."""

    dtype = "bfloat16"

    def __array__(self, dtype=None, copy=None):
        return self.owner


def cast(a):
    return memoryview(bytearray(a.tobytes())).cast("f")


def ctypes_array(a):
    return (ctypes.c_float * a.size)(*a.tolist())


WAYS = {
    "array.array": lambda a: array.array("f", a.tobytes()),
    "memoryview": memoryview,
    "read-only memoryview": lambda a: memoryview(a).toreadonly(),
    "bytearray, cast": cast,
    "ctypes": ctypes_array,
    "__array_interface__": Interface,
    "__array_struct__": Struct,
    "DLPack": DLPack,
    "DLPack with arguments": NewDLPack,
    "two ways": Both,
}


@pytest.fixture(params=WAYS, ids=str)
def foreign(request):
    return WAYS[request.param]


def same(a, b):
    np.testing.assert_array_equal(a.view(np.uint8), b.view(np.uint8))


def test_as_x_and_dy(foreign):
    expected, mask = dropcore.dropout(X, 0.3, training=True, rng=DRAW)
    y, own = dropcore.dropout(foreign(X), 0.3, training=True, rng=DRAW)
    for result, wanted in [
        (y, expected),
        (own.forward(foreign(X)), expected),
        (own.backward(foreign(X)), mask.backward(X)),
        (dropcore.Dropout(0.3, rng=DRAW)(foreign(X)), expected),
    ]:
        assert type(result) is np.ndarray
        same(result, wanted)


def test_in_inference(foreign):
    y, _ = dropcore.dropout(foreign(X), 0.3, training=False)
    same(y, X)


def test_without_a_copy(foreign):
    x, y = foreign(np.ones(1 << 20, np.float32)), np.empty(1 << 20, np.float32)
    dropcore.dropout(x, 0.3, training=True, rng=DRAW, out=y)
    tracemalloc.start()
    try:
        _, mask = dropcore.dropout(x, 0.3, training=True, rng=DRAW, out=y)
        mask.backward(x, out=y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < y.nbytes / 4  # one bit for each element is 1/32 of a float32 array


@pytest.mark.parametrize("foreign", [memoryview, Interface, Struct, DLPack])
def test_out_may_be_the_same_memory_and_may_not_overlap_it(foreign):
    buffer = X.copy()
    expected, _ = dropcore.dropout(X, 0.3, training=True, rng=DRAW)
    with pytest.raises(ValueError, match="out must be x itself or share no memory"):
        dropcore.dropout(foreign(buffer[:-1]), 0.3, training=True, rng=DRAW, out=buffer[1:])
    y, _ = dropcore.dropout(foreign(buffer), 0.3, training=True, rng=DRAW, out=buffer)
    assert y is buffer
    same(y, expected)


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
@pytest.mark.parametrize("way", [memoryview, Interface, Struct, DLPack])
def test_other_dtypes(way, dtype):
    x = X.astype(dtype)
    y, _ = dropcore.dropout(way(x), 0.3, training=True, rng=DRAW)
    same(y, dropcore.dropout(x, 0.3, training=True, rng=DRAW)[0])


@pytest.mark.parametrize("way", [memoryview, Interface, Struct, NewDLPack])
@pytest.mark.parametrize(
    "x",
    [
        X.reshape(10, 100).T,
        X[::-3],
        np.zeros((64, 4096), np.float32)[:, ::1024] + np.float32(1),
        np.broadcast_to(X, (3, 1000)),
        np.array(5, np.float32),
        X[:0],
    ],
    ids=["transposed", "backwards", "far", "repeated", "0-d", "empty"],
)
def test_strides_and_shapes(way, x):
    y, _ = dropcore.dropout(way(x), 0.3, training=True, rng=DRAW)
    expected, _ = dropcore.dropout(x, 0.3, training=True, rng=DRAW)
    assert y.shape == x.shape
    np.testing.assert_array_equal(y, expected)


def test_bfloat16_by_the_way_that_has_it():
    x = X.astype(ml_dtypes.bfloat16)
    thing = OwnWay(x)
    y, _ = dropcore.dropout(thing, 0.3, training=True, rng=DRAW)
    same(y, dropcore.dropout(x, 0.3, training=True, rng=DRAW)[0])
    assert thing.asked == 0


def test_two_ways_that_share_are_one():
    thing = Both(X)
    dropcore.dropout(thing, 0.3, training=True, rng=DRAW)
    assert thing.asked == 0


class Blend(dropcore.FreeVariant):
    """Half of each of two inputs, for any draw."""

    name, inputs = "blend", ("x", "previous")

    def forward(self, draw, p, x, previous):
        return x / 2 + previous / 2, ()

    def backward(self, draw, p, dy):
        return dy / 2, dy / 2


def test_further_inputs(foreign):
    options = {"training": True, "rng": DRAW, "variant": Blend()}
    y, mask = dropcore.dropout(foreign(X), 0.3, previous=foreign(X[::-1].copy()), **options)
    same(y, X / 2 + X[::-1] / 2)
    for gradient in mask.backward(foreign(X)):
        same(gradient, X / 2)


# --------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("device", "named"), [(2, "CUDA"), (8, "Metal"), (10, "ROCm"), (3, "CUDA host"), (99, "99")]
)
@pytest.mark.parametrize("way", [DLPack, NewDLPack, Both])
def test_another_device_is_named_and_not_asked(way, device, named):
    thing, stream = way(X, (device, 0)), dropcore.Stream(1)
    with pytest.raises(TypeError, match=rf"x must be .*: it is on device {named}, not on the CPU"):
        dropcore.dropout(thing, 0.3, training=True, rng=stream)
    assert thing.asked == 0
    assert stream.position == 0


class Refuses(DLPack):
    """Refuses to be read, like a tensor that requires a gradient."""

    def __init__(self, error):
        super().__init__(X)
        self.error = error

    def __dlpack__(self, **options):
        raise self.error


@pytest.mark.parametrize(
    "error", [BufferError("detach it"), RuntimeError("detach it"), TypeError("detach it")]
)
@pytest.mark.parametrize("argument", ["x", "dy"])
def test_what_the_other_library_says_is_passed_on(argument, error):
    _, mask = dropcore.dropout(X, 0.3, training=True, rng=DRAW)

    def call():
        if argument == "x":
            dropcore.dropout(Refuses(error), 0.3, training=True, rng=DRAW)
        mask.backward(Refuses(error))

    with pytest.raises(TypeError, match=f"{argument} must be an array, not this Refuses: .*detach"):
        call()


@pytest.mark.parametrize(
    "x", [array.array("i", [1]), bytearray(8), memoryview(b"12345678"), (ctypes.c_int * 2)()]
)
def test_numbers_of_another_kind(x):
    with pytest.raises(TypeError, match="x must be an array of float32"):
        dropcore.dropout(x, 0.3, training=True, rng=DRAW)


def test_out_is_an_ndarray(foreign):
    with pytest.raises(TypeError, match=r"out must be a numpy\.ndarray, not"):
        dropcore.dropout(X, 0.3, training=True, rng=DRAW, out=foreign(X.copy()))
