"""Arrays that layers return again: never an array that somebody still holds."""

import copy
import pickle
import sysconfig

import ml_dtypes
import numpy as np
import pytest

import dropcore
from dropcore._core.reuse import ReusableOutputs
from dropcore.adapters.autograd import Dropout as Module
from dropcore.autograd import Tensor

LARGE = (64, 512)  # float32: 128 KiB
X = np.random.default_rng(0).normal(size=LARGE).astype(np.float32)

counted = pytest.mark.skipif(
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    reason="without the GIL a count of references does not say that nobody else holds one",
)


def place(array):
    return array.__array_interface__["data"][0]


def expected(index, p=0.5, x=X):
    return dropcore.dropout(x, p, training=True, rng=dropcore.Stream(1).at(index))[0]


HOLDS = {
    "itself": lambda y: y,
    "a view": lambda y: y[1:, ::2],
    "a reshaped view": lambda y: y.reshape(-1),
    "a buffer": memoryview,
    "a list": lambda y: [y],
}


@pytest.mark.parametrize("hold", HOLDS.values(), ids=HOLDS)
def test_what_is_held_is_never_written(hold):
    layer = dropcore.Dropout(0.5, rng=1)
    held, values = [], []
    for _ in range(6):
        y = layer(X)
        values.append(y.tobytes())
        held.append(hold(y))
        layer.backward(y, mask=layer.mask)
        del y
    for index, (kept, value) in enumerate(zip(held, values, strict=True)):
        whole = expected(index)
        assert value == whole.tobytes()
        np.testing.assert_array_equal(np.asarray(kept), np.asarray(hold(whole)))


@counted
def test_what_nobody_holds_is_returned_again():
    layer = dropcore.Dropout(0.5, rng=1)
    first = place(layer(X))
    assert {place(layer(X)) for _ in range(5)} == {first}
    y = layer(X)
    dx = place(layer.backward(y, mask=layer.mask))
    assert dx != place(y)
    assert place(layer.backward(y, mask=layer.mask)) == dx


def test_an_output_that_is_the_next_input():
    layer = dropcore.Dropout(0.5, rng=1)
    y = layer(layer(layer(X)))
    assert y.tobytes() == expected(2, x=expected(1, x=expected(0))).tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_other_shapes_and_dtypes_get_their_own(dtype):
    layer = dropcore.Dropout(0.5, rng=1)
    for index, shape in enumerate([LARGE, (512, 64), (128, 512), LARGE]):
        x = np.ones(shape, dtype)
        y = layer(x)
        assert (y.shape, y.dtype) == (shape, np.dtype(dtype))
        assert y.tobytes() == expected(index, x=x).tobytes()


def test_an_array_is_not_given_again_for_another_dtype():
    layer = dropcore.Dropout(0.5, rng=1)
    for index, dtype in enumerate([np.float64, np.float32, np.float16, ml_dtypes.bfloat16] * 2):
        x = X.astype(dtype)
        y = layer(x)
        assert y.dtype == x.dtype
        assert y.tobytes() == expected(index, x=x).tobytes()
        del y


def make_read_only(y):
    y.flags.writeable = False


def transpose_in_place(y):
    y.strides = (y.itemsize, y.itemsize * LARGE[0])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # NumPy's warning about setting strides
@pytest.mark.parametrize("change", [make_read_only, transpose_in_place])
def test_an_array_that_was_changed_is_not_given_again(change):
    layer = dropcore.Dropout(0.5, rng=1)
    change(layer(X))
    for index in range(1, 4):
        y = layer(X)
        assert y.flags.c_contiguous
        assert y.tobytes() == expected(index).tobytes()


def test_nothing_is_kept_without_reuse_nor_of_small_arrays():
    assert dropcore.Dropout(0.5, reuse=False)._reusable is None
    assert Module(0.5, reuse=False)._reusable is None
    assert ReusableOutputs().like(np.ones(100)) is None
    assert ReusableOutputs().like([1.0] * 100_000) is None


def test_copies_and_pickles_share_none():
    layer = dropcore.Dropout(0.5, rng=1)
    y = layer(X)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert place(other(X)) != place(y)
    assert y.tobytes() == expected(0).tobytes()


def test_a_variant_with_several_inputs_and_gradients():
    class Two(dropcore.FreeVariant):
        name = "two"
        inputs = ("x", "other")

        def forward(self, draw, p, x, other):
            return x + other, ()

        def backward(self, draw, p, dy):
            return dy, 2 * dy

    layer = dropcore.Dropout(0.5, variant=Two(), rng=1)
    y = layer(X, other=X)
    dx, d_other = layer.backward(X)
    assert (y == X + X).all()
    assert (dx == X).all()
    assert (d_other == 2 * X).all()


def test_the_tape_holds_what_its_backward_needs():
    module = Module(0.5, rng=1)
    x = Tensor(X.astype(np.float64), requires_grad=True)
    ys = [module(x) for _ in range(4)]  # all held by the tape
    total = (ys[0] * ys[1] + ys[2] * ys[3]).sum()
    del ys
    total.backward()
    a, b, c, d = (expected(index, x=x.data) for index in range(4))
    keep = [np.where(part != 0, 2.0, 0.0) for part in (a, b, c, d)]
    np.testing.assert_allclose(
        x.grad, b * keep[0] + a * keep[1] + d * keep[2] + c * keep[3], rtol=1e-12
    )
