"""Optimisers, compared with steps computed by hand, and the state of optimisers."""

import math
import pickle

import numpy as np
import pytest

from dropcore.autograd import SGD, Adam, Optimizer, Tensor


def parameter(*values, dtype=np.float64):
    return Tensor(np.array(values, dtype), requires_grad=True)


def steps(optimiser, gradients):
    """The data of the only parameter, after each gradient."""
    found = []
    for gradient in gradients:
        optimiser.parameters[0].grad = np.array([gradient])
        optimiser.step()
        found.append(float(optimiser.parameters[0].data[0]))
    return found


def test_sgd():
    assert steps(SGD([parameter(1.0)], lr=0.5), [1.0, -2.0, 0.5]) == [0.5, 1.5, 1.25]


def test_sgd_with_momentum():
    # velocities 1, 0.5 - 2 = -1.5, -0.75 + 1 = 0.25
    assert steps(SGD([parameter(1.0)], lr=0.5, momentum=0.5), [1, -2, 1]) == [0.5, 1.25, 1.125]


def test_sgd_with_weight_decay():
    # g + 0.5 w: 0.5, then 0.5 * 0.75 + 1 = 1.375
    assert steps(SGD([parameter(1.0)], lr=0.5, weight_decay=0.5), [0, 1]) == [0.75, 0.0625]


@pytest.mark.parametrize(
    ("gradients", "expected"),
    # Step 1: m = 1 and v = 1. Corrected for their bias, they are 1 / 0.5 = 2 and 1 / 0.25 = 4, so
    # the step is 2 / sqrt(4) = 1, times lr.
    [
        ([2.0, -1.0], [0.9, 0.9]),  # step 2: m = 0.5 - 0.5 = 0
        ([2.0, 2.0], [0.9, 0.8]),  # step 2: 1.5 / 0.75 = 2, 1.75 / 0.4375 = 4
    ],
)
def test_adam(gradients, expected):
    optimiser = Adam([parameter(1.0)], lr=0.1, betas=(0.5, 0.75), eps=0.0)
    np.testing.assert_allclose(steps(optimiser, gradients), expected, rtol=1e-14)


def test_adam_with_weight_decay_and_eps():
    found = steps(Adam([parameter(2.0)], lr=0.1, eps=1.0, weight_decay=0.5), [1.0])
    np.testing.assert_allclose(found, [2 - 0.1 * 2 / (math.sqrt(4) + 1)], rtol=1e-14)


def test_zero_grad():
    one, other = parameter(1.0), parameter(2.0)
    optimiser = SGD([one, other], lr=0.5)
    (one * other).backward()
    optimiser.zero_grad()
    assert one.grad is other.grad is None
    optimiser.step()
    assert (one.data, other.data) == (1.0, 2.0)


OPTIMISERS = {
    "sgd": lambda ps: SGD(ps, lr=0.1),
    "momentum": lambda ps: SGD(ps, lr=0.1, momentum=0.9, weight_decay=0.01),
    "adam": lambda ps: Adam(ps, lr=0.1, weight_decay=0.01),
}
every_optimiser = pytest.mark.parametrize("make", OPTIMISERS.values(), ids=OPTIMISERS)


def descend(optimiser, n):
    for _ in range(n):
        loss = sum(((p - 3) ** 2).sum() for p in optimiser.parameters)
        for p in optimiser.parameters:
            p.grad = None
        loss.backward()
        optimiser.step()


@every_optimiser
def test_they_find_a_minimum(make):
    p, q = parameter(0.0, 10.0), parameter(-5.0)
    descend(make([p, q]), 300)
    np.testing.assert_allclose(np.concatenate([p.data, q.data]), 3, atol=0.1)


@every_optimiser
def test_a_resumed_run_is_the_run(make):
    p, resumed = parameter(0.0, 10.0), parameter(0.0, 0.0)
    one, other = make([p]), make([resumed])
    descend(one, 5)
    one.lr = 0.05
    state = one.state_dict()
    resumed.data[...] = p.data
    descend(one, 5)  # must not change the earlier state
    other.load_state_dict(pickle.loads(pickle.dumps(state)))
    descend(other, 5)
    np.testing.assert_array_equal(resumed.data, p.data)


@every_optimiser
def test_data_is_changed_in_place_and_gradients_are_not(make):
    p = parameter(1.0, 2.0, dtype=np.float32)
    data, p.grad = p.data, np.ones(2, np.float32)
    optimiser = make([p])
    optimiser.step()
    optimiser.step()
    assert p.data is data
    assert data.dtype == np.float32
    assert (data != [1, 2]).all()
    np.testing.assert_array_equal(p.grad, 1)


@every_optimiser
def test_parameters_without_gradient_stay(make):
    p, q = parameter(1.0), parameter(2.0)
    q.grad = np.ones(1)
    make([p, q]).step()
    assert p.data == 1
    assert q.data != 2


@every_optimiser
def test_a_state_that_does_not_fit_changes_nothing(make):
    optimiser = make([parameter(1.0, 2.0)])
    descend(optimiser, 2)
    before = optimiser.state_dict()
    state = make([parameter(1.0)]).state_dict()
    with pytest.raises(
        ValueError, match=r"\.0 must have shape \(2,\).* not shape \(1,\)|state must have the names"
    ):
        optimiser.load_state_dict(state if optimiser._slots else {})
    with pytest.raises(
        ValueError,
        match=r"state must have the names .*, not other names: missing \[\], unknown \['more'\]",
    ):
        optimiser.load_state_dict(before | {"more": 1})
    after = optimiser.state_dict()
    assert after.keys() == before.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lr", -1),
        ("lr", "a"),
        ("eps", None),
        ("betas", 3),
        ("betas", [2, 3]),
        ("t", -1),
        ("t", 0.5),
    ],
)
def test_numbers_that_no_optimiser_has_are_refused(name, value):
    optimiser = Adam([parameter(1.0)])
    before = optimiser.state_dict()
    with pytest.raises((TypeError, ValueError), match=f"^{name} must be "):
        optimiser.load_state_dict(Adam([parameter(1.0)], lr=2).state_dict() | {name: value})
    assert str(optimiser.state_dict()) == str(before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [SGD, Adam])
def test_a_parameter_may_have_no_axes(make, dtype):
    w, same = (Tensor(np.full(shape, 2, dtype), requires_grad=True) for shape in ((), (1,)))
    for one in (w, same):
        optimiser = make([one], lr=0.1)
        for _ in range(3):
            optimiser.zero_grad()
            (one * one).sum().backward()
            optimiser.step()
    assert w.data.dtype == dtype
    assert w.data == same.data[0] != 2


TWICE = parameter(1)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: SGD([], 0.1), ValueError, "parameters must be one or more"),
        (lambda: SGD([Tensor([1.0])], 0.1), TypeError, "require a gradient"),
        (lambda: Adam([np.ones(3)]), TypeError, "parameters must be tensors"),
        (lambda: SGD([parameter(1)], -1), ValueError, "lr must be 0 or more, and finite, not -1"),
        (lambda: SGD([parameter(1)], float("nan")), ValueError, "lr must be .* not nan"),
        (lambda: SGD([parameter(1)], 1, momentum=-0.1), ValueError, "momentum must be .* not -0.1"),
        (
            lambda: Adam([parameter(1)], weight_decay=-1),
            ValueError,
            "weight_decay must be .* not -1",
        ),
        (lambda: Adam([parameter(1)], betas=(0.9, 1.0)), ValueError, "betas must be two numbers"),
        (lambda: Adam([parameter(1)], eps=-1), ValueError, "eps must be .* not -1"),
        (lambda: Adam([parameter(1)], betas=0.9), ValueError, "betas must be .* not 0.9"),
        (
            lambda: Adam([parameter(1)], betas=(0.9, 0.9, 0.9)),
            ValueError,
            "betas must be two numbers",
        ),
        (lambda: SGD([parameter(1)], "fast"), TypeError, "lr must be a number, not 'fast'"),
        (lambda: SGD([parameter(1)], float("inf")), ValueError, "lr must be .* not inf"),
        (lambda: SGD([TWICE, TWICE], 0.1), ValueError, "parameters must be different tensors"),
        # Iteration over a tensor gives its rows, which are new tensors.
        (lambda: SGD(parameter(1, 2), 0.1), TypeError, "computed from others"),
        (lambda: SGD(parameter(1)[0], 0.1), TypeError, "cannot be iterated over"),
    ],
)
def test_wrong_arguments_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_optimisers_share_a_base():
    assert issubclass(SGD, Optimizer)
    assert issubclass(Adam, Optimizer)
