"""The engine: the order of nodes, accumulation, and operations that are not recorded."""

import copy
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest

from dropcore.autograd import Tensor, apply_op, conv2d, no_grad, relu


def leaf(*shape, dtype=np.float64):
    data = np.random.default_rng(1).normal(size=shape).astype(dtype)
    return Tensor(data, requires_grad=True)


def test_a_tensor_used_often_gets_the_sum_of_its_gradients():
    x = leaf(3)
    (x + x * 2 + x * 3 + x.sum() * 10).sum().backward()
    np.testing.assert_array_equal(x.grad, np.full(3, 1 + 2 + 3 + 30.0))


@pytest.mark.parametrize("turned", [False, True])
def test_a_node_is_deeper_than_each_of_its_parents(turned):
    a = Tensor([2.0], requires_grad=True)
    deep = a * 3.0 * 5.0 * 7.0
    (a * deep if turned else deep * a).sum().backward()
    assert a.grad.tolist() == [2 * 105 * 2.0]


def test_a_node_waits_for_all_its_children():
    # `shared` has a short and a long path to the result. Its rule must wait for the gradient of the
    # long path.
    x = leaf(3)
    shared = x * 2
    (shared + (((shared * 3) * 5) * 7)).sum().backward()
    np.testing.assert_array_equal(x.grad, np.full(3, 2 * (1 + 105.0)))


def test_each_rule_runs_once():
    runs = []

    def counted(x):
        return apply_op(x.data * 1, (x,), lambda dy: runs.append(1) or dy)

    x = leaf(2)
    y = counted(counted(x))
    (y * y + y).sum().backward()
    assert len(runs) == 2


def test_nodes_as_deep_are_taken_in_the_same_order_every_time():
    # Few orders of these numbers have the same sum in float32.
    factors = [np.float32(f) for f in (1e8, 1.0, -1e8, 3.0, 1e7, 7.0, -1e7)]
    sums = set()
    for clutter in range(50):
        kept = []  # so that the nodes of each run have other addresses
        x = leaf(1, dtype=np.float32)
        parts = []
        for f in factors:
            kept.append([object() for _ in range(clutter)])
            parts.append(x * f)
        apply_op(
            sum(part.data for part in parts), parts, lambda dy: tuple(dy for _ in factors)
        ).backward(np.ones(1, np.float32))
        sums.add(float(x.grad[0]))
    assert len(sums) == 1


def test_five_thousand_layers_deep():
    x = leaf(4)
    y = x
    for _ in range(5000):
        y = relu(y * 1.0) + 0.0 * y
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, (x.data > 0).astype(float))
    del y
    gc.collect()  # nor may freeing the tape recurse


def test_a_hundred_thousand_nodes_deep():
    x = leaf(1)
    y = x
    for _ in range(100_000):
        y = -y
    y.backward()
    assert x.grad == 1
    del y
    gc.collect()


def test_backward_adds_to_grad_and_may_run_again():
    x = leaf(3)
    y = (x * x).sum()
    y.backward()
    first = x.grad
    y.backward()
    np.testing.assert_array_equal(x.grad, 4 * x.data)
    np.testing.assert_array_equal(first, 2 * x.data)  # an earlier gradient is not overwritten


def test_only_leaves_keep_gradients_unless_asked():
    x = leaf(3)
    y, z = x * 2, x * 3
    y.retain_grad()
    (y * z).sum().backward()
    np.testing.assert_array_equal(y.grad, z.data)
    assert z.grad is None


def test_the_tape_holds_no_result_that_no_rule_needs():
    x, b = leaf(3, 3), leaf(3)
    product = x @ x
    seen = weakref.ref(product.data)
    y = relu(product + b)
    del product
    assert seen() is None
    y.backward(np.ones((3, 3)))
    np.testing.assert_array_equal(b.grad, (y.data > 0).sum(axis=0))


@pytest.mark.parametrize(
    "part",
    [lambda h: h[0], lambda h: h[[0, 0]], lambda h: conv2d(h, Tensor(np.ones((1, 1, 2, 2))))],
)
def test_a_part_keeps_the_shape_of_the_whole_alone(part):
    x = Tensor(np.ones((2, 1, 3, 3)), requires_grad=True)
    h = x + 0  # the rule of + needs no array, so only h holds the data
    seen = weakref.ref(h.data)
    y = part(h) + 0  # + makes a new array: a view would keep its base alive
    del h
    assert seen() is None
    y.sum().backward()
    assert x.grad.shape == x.shape


def test_a_leaf_that_is_gone_gets_nothing_and_a_new_array_a_gradient_of_its_own_shape():
    x = leaf(2)
    y = x * leaf(2)
    y.sum().backward()
    assert x.grad is not None
    x.data, x.grad = np.ones(3, np.float32), None
    (x * 2).sum().backward()
    assert x.grad.shape == (3,)
    assert x.grad.dtype == np.float32


def test_a_parameter_that_is_frozen_gets_no_gradient():
    x, w = leaf(2), leaf(2)
    w.requires_grad = False
    (x * w).sum().backward()
    assert w.grad is None
    np.testing.assert_array_equal(x.grad, w.data)
    w.requires_grad = True
    (x * w).sum().backward()
    np.testing.assert_array_equal(w.grad, x.data)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_copy_is_a_leaf_of_its_own(copied):
    x = leaf(2)
    y = x * x
    y.sum().backward()
    for tensor in (copied(x), copied(y)):
        before = x.grad
        tensor.grad = None
        (tensor * 3).sum().backward()
        np.testing.assert_array_equal(tensor.grad, 3)
        assert x.grad is before


def test_as_many_rules_as_parents():
    x = leaf(2)
    with pytest.raises(ValueError, match="a rule for each of 1 parents, not 2"):
        apply_op(x.data, (x,), (lambda dy: dy, lambda dy: dy))


def test_constants_get_no_gradient():
    x, c = leaf(3), Tensor(np.ones(3))
    y = x * c
    assert y.requires_grad
    y.sum().backward()
    assert c.grad is None
    assert not (c * 2).requires_grad


def test_rules_of_constants_are_not_called():
    def forbidden(dy):
        raise AssertionError("called")

    x, c = leaf(3), Tensor(np.ones(3))
    apply_op(x.data, (x, c), (lambda dy: dy, forbidden)).sum().backward()
    np.testing.assert_array_equal(x.grad, 1)


def test_one_rule_for_several_parents():
    a, b, c = leaf(2), leaf(2), leaf(2)
    apply_op(a.data + b.data, (a, b, c), lambda dy: (dy * 2, dy * 3, None)).sum().backward()
    np.testing.assert_array_equal(a.grad, 2)
    np.testing.assert_array_equal(b.grad, 3)
    assert c.grad is None


def test_rules_get_arrays_even_for_single_numbers():
    seen = []
    x = leaf()
    y = apply_op(x.data * 1, (x,), lambda dy: seen.append(dy) or dy)
    (y + y + y).backward()
    assert [type(dy) for dy in seen] == [np.ndarray]
    assert type(x.grad) is np.ndarray
    assert x.grad.shape == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((3,), ()),
        ((2, 3), (3,)),
        ((2, 3), (2, 1)),
        ((2, 1), (1, 3)),
        ((4, 1, 3), (2, 1)),
        ((1,), (1, 1)),
        ((2, 3), (1, 1, 1)),
        ((0, 3), (3,)),
        ((3, 0), (3, 1)),
    ],
)
def test_broadcasting_is_repeating(one, other):
    """A gradient with broadcasting is the sum of the gradients of operands repeated by hand."""
    rng = np.random.default_rng(2)
    a, b = (Tensor(rng.normal(size=s), requires_grad=True) for s in (one, other))
    y = a * b
    weights = rng.normal(size=y.shape)
    y.backward(weights)
    for x, factor in ((a, b), (b, a)):
        repeated = weights * np.broadcast_to(factor.data, y.shape)
        expected = np.zeros(x.shape)
        padded = expected.reshape((1,) * (y.ndim - x.ndim) + x.shape)
        for index in np.ndindex(y.shape):
            padded[tuple(i if n > 1 else 0 for i, n in zip(index, padded.shape, strict=True))] += (
                repeated[index]
            )
        np.testing.assert_allclose(x.grad, expected, rtol=1e-12, atol=1e-12)


def test_a_gradient_has_the_dtype_of_its_tensor():
    a, b = leaf(3, dtype=np.float32), leaf(3)
    y = a * b
    y.sum().backward()
    assert (y.dtype, a.grad.dtype, b.grad.dtype) == (np.float64, np.float32, np.float64)


def test_no_grad_records_nothing_and_ends():
    x = leaf(3)
    with no_grad():
        with no_grad():
            pass
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (x * 2).requires_grad


def test_no_grad_is_a_decorator():
    @no_grad()
    def double(x):
        return x * 2

    assert not double(leaf(3)).requires_grad
    assert not double(leaf(3)).requires_grad


def test_no_grad_holds_for_its_thread_alone():
    found = []
    with no_grad():
        thread = threading.Thread(target=lambda: found.append((leaf(1) * 2).requires_grad))
        thread.start()
        thread.join()
    assert found == [True]


def test_backward_without_a_gradient_needs_one_element():
    with pytest.raises(ValueError, match=r"gradient must be an array for a tensor of shape \(3,\)"):
        (leaf(3) * 2).backward()
    with pytest.raises(
        TypeError, match="gradient must be of real numbers, not of dtype complex128"
    ):
        (leaf(3) * 2).backward(np.ones(3, complex))
    with pytest.raises(ValueError, match=r"gradient must have shape \(3,\), not \(2,\)"):
        (leaf(3) * 2).backward(np.ones(2))
    x = leaf(1, 1)
    (x * 2).backward()
    np.testing.assert_array_equal(x.grad, [[2.0]])


def test_backward_of_a_constant_is_an_error():
    with pytest.raises(RuntimeError, match="needs a tensor that requires a gradient"):
        Tensor(1.0).backward()


@pytest.mark.parametrize("shape", [(2,), (4,), (3, 1), ()])
def test_a_gradient_of_a_wrong_shape_is_named(shape):
    x = leaf(3)
    y = apply_op(x.data, (x,), lambda dy: np.ones(shape))
    with pytest.raises(ValueError, match=r"gradient rule must return shape \(3,\)"):
        y.sum().backward()


def test_a_wrong_number_of_gradients_is_named():
    x, y = leaf(3), leaf(3)
    with pytest.raises(ValueError, match="as many gradients as there are parents, 2, not 1"):
        apply_op(x.data, (x, y), lambda dy: dy).sum().backward()


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.complex128, bool])
def test_a_value_of_another_dtype_is_named(dtype):
    with pytest.raises(TypeError, match=f"value must be float32 .*, not {np.dtype(dtype)}"):
        apply_op(np.ones(3, dtype), (leaf(3),), lambda dy: dy)
