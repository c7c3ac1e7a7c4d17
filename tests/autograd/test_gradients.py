"""Who holds a gradient: which arrays are read-only, may be overwritten, or are added to."""

import weakref

import numpy as np
import pytest

from dropcore.autograd import Tensor, apply_op


def leaf(*shape):
    data = np.random.default_rng(1).normal(size=shape)
    return Tensor(data, requires_grad=True)


def test_gradients_share_memory_with_nothing():
    x, y = leaf(3), leaf(3)
    seed = np.ones(3)
    (x + y).backward(seed)
    assert not np.shares_memory(x.grad, y.grad)
    assert not np.shares_memory(x.grad, seed)


def test_arrays_that_rules_return_are_never_written_to():
    kept = np.ones(3)
    x = leaf(3)

    def cached(t):
        return apply_op(t.data * 1, (t,), lambda dy: kept)

    (cached(x) + cached(x) + cached(x)).sum().backward()
    np.testing.assert_array_equal(kept, 1)
    np.testing.assert_array_equal(x.grad, 3)
    x.grad += 1
    np.testing.assert_array_equal(kept, 1)


def may_overwrite(way, kept):
    """Whether the rule of a node gets a writeable gradient; `way` leads on from the node."""
    seen = []
    x = leaf(3)
    y = apply_op(x.data * 1, (x,), lambda dy: seen.append(dy.flags.writeable) or dy)
    way(y, kept).backward(np.ones(3))
    (writeable,) = seen
    return writeable


class Wrapped:
    """An object that is not an array, but has an array."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


def put_through(rule):
    return lambda y, kept: apply_op(y.data, (y,), lambda dy: rule(dy * 2, kept))


@pytest.mark.parametrize(
    "way", [lambda y, _: y * 2, lambda y, _: y * 2 + y, put_through(lambda dx, _: (dx,))]
)
def test_a_rule_may_overwrite_what_nobody_else_holds(way):
    assert may_overwrite(way, [])


HELD = {
    "by the caller": lambda y, kept: y,
    "by the caller, who gave a view": lambda y, kept: y.reshape(1, 3).reshape(3),
    "by the other parent": lambda y, kept: (y + leaf(3)) * 2,
    "by a rule": put_through(lambda dx, kept: kept.append(dx) or dx),
    "by a rule, in a tuple": put_through(lambda dx, kept: kept.append((dx,)) or kept[0]),
    "by a rule, that gave a view": put_through(lambda dx, kept: kept.append(dx) or dx[:]),
    "by a view": put_through(lambda dx, kept: kept.append(dx[1:]) or dx),
    "by a buffer": put_through(lambda dx, kept: kept.append(memoryview(dx)) or dx),
    "by what owns the memory": put_through(lambda dx, kept: np.frombuffer(bytearray(dx))),
    "by what an object has": put_through(lambda dx, kept: kept.append(dx) or Wrapped(dx)),
    "read-only": put_through(lambda dx, kept: dx.setflags(write=False) or dx),
}


@pytest.mark.parametrize("way", HELD.values(), ids=HELD)
def test_what_is_held_elsewhere_comes_read_only(way):
    assert not may_overwrite(way, [])


def test_what_is_held_weakly_is_held_elsewhere():
    cache = weakref.WeakValueDictionary()

    def rule(dy):
        g = cache.get("g")
        if g is None:
            g = cache["g"] = np.full(3, 2.0)
        return g

    x = leaf(3)
    y = x * 1
    total = y * 0
    for _ in range(3):
        total = total + apply_op(2 * y.data, (y,), rule)
    total.sum().backward()
    np.testing.assert_array_equal(x.grad, 6)


def test_a_retained_gradient_is_nobody_else_s():
    kept = []

    def rule(dy):
        kept.append(dy)
        return dy * 2

    y = apply_op(leaf(3).data * 2, (leaf(3),), rule)
    y.retain_grad()
    (y * 3).sum().backward()
    y.grad *= 0
    np.testing.assert_array_equal(kept[0], 3)

    z = overwritten(leaf(3))
    z.retain_grad()
    (z * 3).sum().backward()
    np.testing.assert_array_equal(z.grad, 3)


def overwritten(x):
    def rule(dy):
        if dy.flags.writeable:
            dy[...] = np.nan
        return np.ones(3)

    return apply_op(x.data * 1, (x,), rule)


def test_rules_that_share_a_gradient_get_it_read_only():
    seen = []
    a, b = leaf(3), leaf(3)
    rules = [lambda dy: seen.append(dy.flags.writeable) or dy * 1] * 2
    (apply_op(a.data + b.data, (a, b), tuple(rules)) * 2).sum().backward()
    assert seen == [False, False]


@pytest.mark.parametrize("way", HELD.values(), ids=HELD)
def test_what_is_held_elsewhere_is_not_added_to(way):
    kept = []
    x = leaf(3)
    y = x * 1
    (way(y, kept) + way(y, kept)).sum().backward()
    values = [np.asarray(each).ravel()[-1] for each in kept if not isinstance(each, Tensor)]
    assert set(values) <= {2.0}
