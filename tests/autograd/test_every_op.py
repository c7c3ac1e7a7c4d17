"""Laws for every operation. The last test fails if a public operation is missing in this file."""

import numpy as np
import pytest

from dropcore import autograd
from dropcore.autograd import (
    Tensor,
    apply_op,
    batch_norm,
    binary_cross_entropy_with_logits,
    conv2d,
    cross_entropy,
    exp,
    gradcheck,
    log,
    log_softmax,
    relu,
    selu,
    sigmoid,
    softmax,
    tanh,
)


def _batch_norm(training):
    def f(x, w, b):
        statistics = np.linspace(-1, 1, 3, dtype=x.dtype), np.linspace(0.5, 2, 3, dtype=x.dtype)
        return batch_norm(x, w, b, *statistics, training=training)

    return f


# name: (function, shapes of its inputs). The absolute values of inputs are in [0.5, 2.5]. Inputs of
# operations named "... of positive" are positive; other inputs have both signs.
OPERATIONS = {
    "add": (lambda a, b: a + b, [(2, 3), (3,)]),
    "add number": (lambda a: 2 + a + 3, [(2, 3)]),
    "subtract": (lambda a, b: a - b, [(2, 1), (2, 3)]),
    "subtract from number": (lambda a: 2 - a, [(2, 3)]),
    "multiply": (lambda a, b: a * b, [(2, 3), (4, 1, 3)]),
    "multiply by number": (lambda a: 2 * a, [()]),
    "divide": (lambda a, b: a / b, [(2, 3), (2, 1)]),
    "divide number": (lambda a: 2 / a, [(2, 3)]),
    "negative": (lambda a: -a, [(2, 3)]),
    "positive": (lambda a: +a, [(2, 3)]),
    "absolute": (abs, [(2, 3)]),
    "multiply by integers": (lambda a: a * np.arange(3, dtype=np.int8), [(2, 3)]),
    "multiply bools": (lambda a: np.array([True, False, True]) * a, [(2, 3)]),
    "matmul of integers": (lambda a: np.ones((4, 2), np.int16) @ a, [(2, 3)]),
    "add as a ufunc": (lambda a: np.add(1, a), [(2, 3)]),
    "power": (lambda a: a**3, [(2, 3)]),
    "power -2": (lambda a: a**-2, [(2, 3)]),
    "power 0": (lambda a: a**0, [(2, 3)]),
    "root of positive": (lambda a: a**0.5, [(2, 3)]),
    "matmul": (lambda a, b: a @ b, [(2, 3), (3, 4)]),
    "matmul in batches": (lambda a, b: a @ b, [(5, 2, 3), (3, 4)]),
    "matmul, batches broadcast": (lambda a, b: a @ b, [(2, 1, 2, 3), (4, 3, 2)]),
    "matmul, vector first": (lambda a, b: a @ b, [(3,), (2, 3, 4)]),
    "matmul, vector second": (lambda a, b: a @ b, [(2, 4, 3), (3,)]),
    "matmul of vectors": (lambda a, b: a @ b, [(3,), (3,)]),
    "sum": (lambda a: a.sum(), [(2, 3)]),
    "sum over axis": (lambda a: a.sum(axis=1), [(2, 3, 4)]),
    "sum over axes": (lambda a: a.sum(axis=(0, -1)), [(2, 3, 4)]),
    "sum, keepdims": (lambda a: a.sum(axis=-2, keepdims=True), [(2, 3, 4)]),
    "mean": (lambda a: a.mean(), [(2, 3)]),
    "mean over axes": (lambda a: a.mean(axis=(-1, 0)), [(2, 3, 4)]),
    "mean, keepdims": (lambda a: a.mean(axis=1, keepdims=True), [(2, 3)]),
    "max": (lambda a: a.max(), [(2, 3)]),
    "max over axis": (lambda a: a.max(axis=1), [(2, 3, 4)]),
    "max over axes": (lambda a: a.max(axis=(0, -1)), [(2, 3, 4)]),
    "max, keepdims": (lambda a: a.max(axis=-1, keepdims=True), [(2, 3)]),
    "reshape": (lambda a: a.reshape(3, -1), [(2, 3, 4)]),
    "reshape, a tuple": (lambda a: a.reshape((3, -1)), [(2, 3, 4)]),
    "reshape to a number": (lambda a: a.reshape(()), [(1, 1)]),
    "transpose": (lambda a: a.transpose(1, 2, 0), [(2, 3, 4)]),
    "transpose, negative axes": (lambda a: a.transpose(-1, 0, -2), [(2, 3, 4)]),
    "transpose, a tuple": (lambda a: a.transpose((2, -3, 1)), [(2, 3, 4)]),
    "transpose, no axes": (lambda a: a.transpose(()), [()]),
    "T": (lambda a: a.T, [(2, 3, 4)]),
    "iteration": (lambda a: sum(row * k for k, row in enumerate(a, 1)), [(3, 2)]),
    "index": (lambda a: a[1], [(2, 3)]),
    "index by slices": (lambda a: a[::-1, None, ..., 1:], [(3, 2, 4)]),
    "index by repeated indices": (lambda a: a[[0, 2, 0]], [(3, 2)]),
    "index by pairs": (lambda a: a[np.arange(3), [1, 0, 1]], [(3, 2)]),
    "index by mask": (lambda a: a[np.array([True, False, True])], [(3, 2)]),
    "exp": (exp, [(2, 3)]),
    "log of positive": (log, [(2, 3)]),
    "relu": (relu, [(2, 3)]),
    "sigmoid": (sigmoid, [(2, 3)]),
    "tanh": (tanh, [(2, 3)]),
    "selu": (selu, [(2, 3)]),
    "softmax": (softmax, [(2, 3)]),
    "softmax along axis": (lambda a: softmax(a, axis=1), [(2, 3, 4)]),
    "log_softmax": (log_softmax, [(2, 3)]),
    "log_softmax along axis": (lambda a: log_softmax(a, axis=0), [(2, 3)]),
    "conv2d": (conv2d, [(2, 3, 4, 5), (2, 3, 2, 3), (2,)]),
    "conv2d, stride and padding": (
        lambda x, w: conv2d(x, w, stride=2, padding=1),
        [(2, 2, 4, 5), (3, 2, 3, 2)],
    ),
    "batch_norm, training": (_batch_norm(True), [(4, 3), (3,), (3,)]),
    "batch_norm, training on images": (_batch_norm(True), [(2, 3, 2, 2), (3,), (3,)]),
    "batch_norm, inference": (_batch_norm(False), [(2, 3, 2, 2), (3,), (3,)]),
    "cross_entropy": (lambda x: cross_entropy(x, [0, 2, 2, 1]), [(4, 3)]),
    "binary_cross_entropy_with_logits": (
        lambda x: binary_cross_entropy_with_logits(x, [[0, 1, 0.3], [1, 1, 0]]),
        [(2, 3)],
    ),
}
every_op = pytest.mark.parametrize("name", OPERATIONS)


def inputs_of(name, dtype=np.float64):
    function, shapes = OPERATIONS[name]
    rng = np.random.default_rng(3)
    arrays = [rng.uniform(0.5, 2.5, shape) for shape in shapes]
    if "of positive" not in name:
        arrays = [a * rng.choice([-1, 1], a.shape) for a in arrays]
    return function, [np.asarray(a, dtype=dtype) for a in arrays]


@every_op
def test_gradients_are_difference_quotients(name):
    gradcheck(*inputs_of(name))


@every_op
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_preserved(name, dtype):
    function, arrays = inputs_of(name, dtype)
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    y = function(*tensors)
    y.backward(np.ones(y.shape))
    assert y.dtype == dtype
    assert [t.grad.dtype for t in tensors] == [dtype] * len(tensors)
    assert [t.grad.shape for t in tensors] == [a.shape for a in arrays]


@every_op
def test_rules_do_not_write_to_what_they_are_given(name):
    function, arrays = inputs_of(name)
    copies = [a.copy() for a in arrays]
    y = function(*[Tensor(a, requires_grad=True) for a in arrays])
    value, dy = y.data.copy(), np.linspace(1, 2, y.size).reshape(y.shape)
    dy.flags.writeable = False
    y.backward(dy)
    np.testing.assert_array_equal(y.data, value)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def overwriting(x):
    """The identity, with a rule that overwrites every gradient that it may overwrite."""

    def backward(dy):
        dx = dy.copy()
        if dy.flags.writeable:
            dy[...] = np.nan
        return dx

    return apply_op(x.data, (x,), backward)


@every_op
def test_what_a_rule_may_overwrite_nobody_else_needs(name):
    function, arrays = inputs_of(name)

    def gradients(around):
        tensors = [Tensor(a, requires_grad=True) for a in arrays]
        inner = [around(t) for t in tensors]
        y = around(function(*inner)) + around(function(*map(around, inner))) * 2
        for tensor in (*inner, y):
            tensor.retain_grad()
        dy = np.linspace(1, 2, y.size).reshape(y.shape)
        y.backward(dy)
        y.backward(dy)
        return [t.grad for t in (*tensors, *inner, y)]

    for one, other in zip(gradients(overwriting), gradients(lambda x: x * 1), strict=True):
        np.testing.assert_array_equal(one, other)


@every_op
def test_gradients_are_linear_in_dy(name):
    function, arrays = inputs_of(name)
    rng = np.random.default_rng(4)

    def gradients(dy):
        tensors = [Tensor(a, requires_grad=True) for a in arrays]
        function(*tensors).backward(dy)
        return [t.grad for t in tensors]

    shape = function(*map(Tensor, arrays)).shape
    one, other = rng.normal(size=shape), rng.normal(size=shape)
    for a, b, c in zip(gradients(one), gradients(other), gradients(2 * one + other), strict=True):
        np.testing.assert_allclose(c, 2 * a + b, rtol=1e-10, atol=1e-12)


@every_op
def test_each_input_alone_gets_the_same_gradient(name):
    function, arrays = inputs_of(name)
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    y = function(*tensors)
    y.backward(np.ones(y.shape))
    for i, together in enumerate(tensors):
        alone = [Tensor(a, requires_grad=i == j) for j, a in enumerate(arrays)]
        function(*alone).backward(np.ones(y.shape))
        np.testing.assert_array_equal(alone[i].grad, together.grad)
        assert [t.grad is None for t in alone] == [i != j for j in range(len(arrays))]


def test_every_public_operation_is_in_the_table():
    tools = {"apply_op", "as_tensor", "gradcheck", "no_grad"}
    operations = {name for name in autograd.__all__ if name.islower()} - tools
    assert operations <= {name.split(" of ")[0].split(",")[0] for name in OPERATIONS}
