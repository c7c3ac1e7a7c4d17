"""NumPy's functions on tensors: the result for arrays, or an error that says what to call."""

import numpy as np
import pytest
from protocol_table import ARRAYS, assert_same, outcome

from dropcore.autograd import Tensor

grad_or_not = pytest.mark.parametrize("requires_grad", [True, False])
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # for 1 / 0 and nan

UFUNCS = {f.__name__: f for f in vars(np).values() if isinstance(f, np.ufunc)}


@grad_or_not
@pytest.mark.parametrize("ufunc", UFUNCS.values(), ids=UFUNCS)
def test_a_ufunc(ufunc, requires_grad):
    array = ARRAYS["matrix"]
    for at in range(ufunc.nin):
        arguments = [array] * ufunc.nin
        expected = outcome(ufunc, *arguments)
        arguments[at] = Tensor(array.copy(), requires_grad)
        found = outcome(ufunc, *arguments)
        if isinstance(found, Exception):
            assert isinstance(expected, Exception) or ufunc.__name__ in str(found)
            if not isinstance(found, ValueError):
                assert "x.data" in str(found) or "exponent" in str(found)
        else:
            assert_same(found, expected)
            assert isinstance(found, Tensor) == (expected.dtype != bool)


FUNCTIONS = {
    name: function
    for name in np.__all__
    if hasattr(
        function := getattr(np, name), "_implementation"
    )  # NumPy's functions that can be overridden
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_of_numpy(function):
    tensor = Tensor(ARRAYS["matrix"].copy(), requires_grad=True)
    for arguments in [(tensor,), (tensor, tensor), ([tensor, tensor],), (tensor, 0, 1)]:
        try:
            found = function(*arguments)
        except Exception:  # for a list, or too few arguments, functions raise different errors
            continue
        assert function in (np.shape, np.ndim, np.size)
        assert_same(found, function(*[ARRAYS["matrix"] for _ in arguments]))


def test_an_array_of_a_tensor():
    array = ARRAYS["float32"].copy()
    assert np.shares_memory(np.asarray(Tensor(array)), array)
    assert not np.shares_memory(np.array(Tensor(array)), array)
    assert np.asarray(Tensor(array), np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy"):
        np.asarray(Tensor(array), np.float64, copy=False)
    assert_same(np.array([Tensor(array), Tensor(array)]), np.stack([array, array]))
    x = Tensor(array, requires_grad=True)
    for function in (
        np.asarray,
        np.float64,
        lambda x: np.array([x, x]),
        lambda x: np.ones(3).__setitem__(..., x),
        lambda x: np.random.default_rng(0).permutation(x),
        Tensor,
        lambda x: Tensor([x, x]),
        lambda x: Tensor(array) * [x, x, x],
    ):
        with pytest.raises(TypeError, match=r"x\.data"):
            function(x)
