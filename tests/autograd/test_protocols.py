"""Special methods of a tensor: the result for an array, or an error; no silent difference."""

import copy
import operator

import numpy as np
import pytest
from protocol_table import (
    ARRAYS,
    AS_NUMPY,
    BINARY,
    ERRORS,
    LEFT_OUT,
    OPERANDS,
    PROTOCOLS,
    REFUSED,
    STRANGE,
    TABLED,
    UNARY,
    assert_same,
    outcome,
)

from dropcore.autograd import Tensor

every_array = pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
grad_or_not = pytest.mark.parametrize("requires_grad", [True, False])
pytestmark = pytest.mark.filterwarnings(
    "ignore::RuntimeWarning"
)  # NumPy's warnings for 1 / 0 and nan

# ------------------------------------------------------------------------ the laws


@every_array
@grad_or_not
@pytest.mark.parametrize("name", UNARY)
def test_a_protocol(name, array, requires_grad):
    function, verdict = PROTOCOLS[name]
    found = outcome(function, Tensor(array.copy(), requires_grad))
    if verdict is REFUSED:
        assert isinstance(found, ERRORS)
        return
    expected = outcome(function, array.copy())
    if isinstance(expected, Exception):
        assert isinstance(found, ERRORS)
    else:
        assert_same(found, expected)


def is_scalar(operand):
    return isinstance(operand, np.generic)


@grad_or_not
@pytest.mark.parametrize("operand", OPERANDS.values(), ids=OPERANDS)
@pytest.mark.parametrize("name", BINARY)
def test_an_operator_with_all_that_may_stand_beside_a_tensor(name, operand, requires_grad):
    function, verdict = PROTOCOLS[name]
    for array in ARRAYS.values():
        tensor = Tensor(array.copy(), requires_grad)
        sides = [(tensor, operand), (operand, tensor)], [(array, operand), (operand, array)]
        for pair, arrays in zip(*sides, strict=True):
            before = copy.deepcopy(pair[0].data if isinstance(pair[0], Tensor) else pair[0])
            found = outcome(function, *pair)
            after = pair[0].data if isinstance(pair[0], Tensor) else pair[0]
            assert_same(after, before)
            if verdict is REFUSED:
                assert_refused_or_another_name(found, name, pair)
                continue
            expected = outcome(function, *arrays)
            if isinstance(expected, Exception):
                assert isinstance(found, ERRORS)
            else:
                assert_same(found, expected, with_dtype=not is_scalar(operand))


def assert_refused_or_another_name(found, name, pair):
    if isinstance(found, Tensor):
        # ``number += tensor`` binds the name to another object, as for any number or list.
        assert name in ("__iadd__", "__isub__", "__imul__", "__itruediv__", "__imatmul__")
        assert not isinstance(pair[0], np.ndarray | Tensor)
    else:
        assert isinstance(found, ERRORS)


@pytest.mark.parametrize("operand", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("name", BINARY)
def test_an_operator_with_what_is_no_number(name, operand):
    function, _ = PROTOCOLS[name]
    array = ARRAYS["vector"]
    tensor = Tensor(array.copy(), requires_grad=True)
    sides = [(tensor, operand), (operand, tensor)], [(array, operand), (operand, array)]
    for pair, arrays in zip(*sides, strict=True):
        found = outcome(function, *pair)
        if not isinstance(found, Exception):
            assert_same(found, outcome(function, *arrays))
    assert_same(tensor.data, array)


@grad_or_not
@pytest.mark.parametrize("name", BINARY)
def test_an_operator_between_tensors(name, requires_grad):
    function, verdict = PROTOCOLS[name]
    for one in ARRAYS.values():
        for other in ARRAYS.values():
            found = outcome(function, Tensor(one.copy(), requires_grad), Tensor(other.copy()))
            expected = outcome(function, one, other) if verdict is AS_NUMPY else None
            if verdict is REFUSED or isinstance(expected, Exception):
                assert isinstance(found, ERRORS)
            else:
                assert_same(found, expected)


def test_every_protocol_of_arrays_is_in_the_table():
    special = {name for name in dir(np.ndarray) if name.startswith("__")} - set(dir(object))
    reflected = {f"__r{name[2:]}" for name in BINARY}
    assert special - reflected - LEFT_OUT <= TABLED
    assert not LEFT_OUT & set(dir(Tensor))


# ------------------------------------------------------------------ known answers


def test_what_was_written_is_what_is_computed():
    x = Tensor([1.0, 0.0, -2.0], requires_grad=True)
    assert (x * (x != 0)).data.tolist() == [1, 0, -2]
    assert (x * (x.data > 0)).data.tolist() == [1, 0, 0]
    assert (x * np.arange(3)).data.tolist() == [0, 0, -4]
    assert (np.arange(3) * x).data.tolist() == [0, 0, -4]
    assert (x > 0).tolist() == [True, False, False]
    assert [row.item() for row in Tensor([[1.0], [2.0]])] == [1, 2]
    total = sum(x)
    total.backward()
    np.testing.assert_array_equal(x.grad, 1)
    assert f"{total:.2f}" == "-1.00"


def test_integers_and_bools_have_gradients_beside_them():
    x = Tensor(np.array([1.0, 0.0, -2.0], np.float32), requires_grad=True)
    y = x * np.arange(3) + x * (x.data < 0)
    y.sum().backward()
    assert y.dtype == np.float64  # NumPy's result type of float32 and int64
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, [0, 1, 3])


@pytest.mark.parametrize(
    ("operand", "named"),
    [
        (None, "None"),
        ("a", "'a'"),
        (["a", "b"], "list of dtype"),
        (1j, "1j"),
        (np.ones(2, complex), "ndarray of dtype complex128"),
    ],
)
def test_an_operand_is_named(operand, named):
    with pytest.raises(TypeError, match=f"an operand must be a Tensor.*, not {named}"):
        Tensor([1.0, 2.0]) * operand


@pytest.mark.parametrize(
    ("function", "error", "named"),
    [
        (bool, ValueError, r"\(3,\) is neither true nor false.*x\.data\.any\(\)"),
        (float, TypeError, r"\(3,\).*x\.item\(\)"),
        (lambda x: operator.iadd(x, 1), TypeError, r"x = x \+ y.*x\.data \+= y"),
        (lambda x: operator.iadd(np.ones(3), x), TypeError, r"numpy\.add with out= takes no"),
        (np.exp, TypeError, r"numpy\.exp takes no Tensor.*x\.data.*dropcore\.autograd"),
        (np.add.reduce, TypeError, r"numpy\.add\.reduce takes no Tensor"),
        (np.sum, TypeError, r"numpy\.sum takes no Tensor"),
        (lambda x: 2**x, TypeError, r"exponent must be a number.*exp\(exponent"),
        (lambda x: len(x.sum()), TypeError, r"shape \(\) has no length"),
        (lambda x: list(x.sum()), TypeError, r"shape \(\) cannot be iterated"),
        (lambda x: Tensor(np.ma.masked_array(x.data)), TypeError, "data must be a plain array"),
        (lambda x: x * np.ma.masked_array(x.data), TypeError, "an operand must be a plain array"),
        (lambda x: x[Tensor([0.0])], TypeError, "an index must be"),
    ],
)
def test_an_error_says_what_to_do(function, error, named):
    with pytest.raises(error, match=named):
        function(Tensor([1.0, 2.0, 3.0], requires_grad=True))


def test_a_shallow_copy_has_memory_of_its_own():
    x = Tensor([1.0, 2.0], requires_grad=True)
    x.grad = np.ones(2)
    y = copy.copy(x)
    assert not np.shares_memory(x.data, y.data)
    assert not np.shares_memory(x.grad, y.grad)
