"""The special methods of arrays, and how tensors of `dropcore.autograd` behave for each.

`PROTOCOLS` has a row for each method. The verdict ``AS_NUMPY`` means that a tensor gives the result
of an array. The verdict ``REFUSED`` means that a tensor raises an error.
"""

import copy
import math
import operator
import pickle
from fractions import Fraction

import numpy as np

from dropcore.autograd import Tensor

AS_NUMPY, REFUSED = "as NumPy", "refused"


def assign(x):
    x[0] = 1.0


def delete(x):
    del x[0]


# special method: (an expression of x, or of x and y, verdict)
PROTOCOLS = {
    # Arithmetic
    "__add__": (operator.add, AS_NUMPY),
    "__sub__": (operator.sub, AS_NUMPY),
    "__mul__": (operator.mul, AS_NUMPY),
    "__truediv__": (operator.truediv, AS_NUMPY),
    "__matmul__": (operator.matmul, AS_NUMPY),
    "__neg__": (operator.neg, AS_NUMPY),
    "__pos__": (operator.pos, AS_NUMPY),
    "__abs__": (abs, AS_NUMPY),
    "__pow__": (lambda x: (x**2, x**-1, x**0, x**0.5, x**True, x**3), AS_NUMPY),
    "__rpow__": (lambda x: 2**x, REFUSED),
    "__pow__ modulo": (lambda x: pow(x, 2, 5), REFUSED),
    "__pow__ to an array": (lambda x: x ** np.ones(3), REFUSED),
    "__floordiv__": (operator.floordiv, REFUSED),
    "__mod__": (operator.mod, REFUSED),
    "__divmod__": (divmod, REFUSED),
    "__and__": (operator.and_, REFUSED),
    "__or__": (operator.or_, REFUSED),
    "__xor__": (operator.xor, REFUSED),
    "__lshift__": (operator.lshift, REFUSED),
    "__rshift__": (operator.rshift, REFUSED),
    "__invert__": (operator.invert, REFUSED),
    # In place
    "__iadd__": (operator.iadd, REFUSED),
    "__isub__": (operator.isub, REFUSED),
    "__imul__": (operator.imul, REFUSED),
    "__itruediv__": (operator.itruediv, REFUSED),
    "__imatmul__": (operator.imatmul, REFUSED),
    "__ipow__": (operator.ipow, REFUSED),
    "__ifloordiv__": (operator.ifloordiv, REFUSED),
    "__imod__": (operator.imod, REFUSED),
    "__iand__": (operator.iand, REFUSED),
    "__ior__": (operator.ior, REFUSED),
    "__ixor__": (operator.ixor, REFUSED),
    "__ilshift__": (operator.ilshift, REFUSED),
    "__irshift__": (operator.irshift, REFUSED),
    # Comparison
    "__eq__": (operator.eq, AS_NUMPY),
    "__ne__": (operator.ne, AS_NUMPY),
    "__lt__": (operator.lt, AS_NUMPY),
    "__le__": (operator.le, AS_NUMPY),
    "__gt__": (operator.gt, AS_NUMPY),
    "__ge__": (operator.ge, AS_NUMPY),
    "__hash__": (hash, AS_NUMPY),
    "__contains__": (lambda x: (0.0 in x, 0.5 in x, 7 in x, math.nan in x), AS_NUMPY),
    # Conversion to numbers and text
    "__bool__": (bool, AS_NUMPY),
    "not": (operator.not_, AS_NUMPY),
    "__float__": (float, AS_NUMPY),
    "__int__": (int, AS_NUMPY),
    "__complex__": (complex, AS_NUMPY),
    "__index__": (operator.index, AS_NUMPY),
    "__round__": (round, AS_NUMPY),
    "__trunc__": (math.trunc, AS_NUMPY),
    "__floor__": (math.floor, AS_NUMPY),
    "__ceil__": (math.ceil, AS_NUMPY),
    "__format__": (lambda x: f"{x:.3f}", AS_NUMPY),
    "a string's %": (lambda x: "%.3f" % x, AS_NUMPY),  # noqa: UP031
    "Fraction": (Fraction, REFUSED),
    "__buffer__": (memoryview, REFUSED),
    # Sequences
    "__len__": (len, AS_NUMPY),
    "__iter__": (list, AS_NUMPY),
    "unpacking": (lambda x: (lambda a, *rest: (a, rest))(*x), AS_NUMPY),
    "reversed": (lambda x: list(reversed(x)), AS_NUMPY),
    "sum": (sum, AS_NUMPY),
    "max": (max, AS_NUMPY),
    "any": (any, AS_NUMPY),
    "sorted": (sorted, AS_NUMPY),
    "dict": (dict, AS_NUMPY),
    "operator.length_hint": (operator.length_hint, AS_NUMPY),
    "__getitem__": (
        lambda x: (x[0], x[-1], x[:1], x[::-1], x[[0, 0]], x[None], x[...], x[True], x[x > 0]),
        AS_NUMPY,
    ),
    "__getitem__ by a tensor": (lambda x: x[x], REFUSED),
    "__getitem__ by text": (lambda x: x["a"], REFUSED),
    "__setitem__": (assign, REFUSED),
    "__delitem__": (delete, REFUSED),
    # Copies
    "__copy__": (copy.copy, AS_NUMPY),
    "__deepcopy__": (copy.deepcopy, AS_NUMPY),
    "__setstate__": (lambda x: pickle.loads(pickle.dumps(x)), AS_NUMPY),
    # Methods and attributes that arrays have too
    "shape": (lambda x: (x.shape, x.ndim, x.size), AS_NUMPY),
    "item": (lambda x: x.item(), AS_NUMPY),
    "sum()": (lambda x: (x.sum(), x.sum(-1), x.sum(axis=0, keepdims=True)), AS_NUMPY),
    "mean()": (lambda x: x.mean(), AS_NUMPY),
    "max()": (lambda x: x.max(), AS_NUMPY),
    "reshape": (
        lambda x: (
            x.reshape(-1),
            x.reshape((-1, 1)),
            x.reshape([1, -1]),
            x.reshape(x.shape),
            x.reshape(*x.shape, 1),
        ),
        AS_NUMPY,
    ),
    "reshape to nothing": (lambda x: x.reshape(), AS_NUMPY),
    "transpose": (
        lambda x: (
            x.transpose(),
            x.T,
            x.transpose(None),
            x.transpose(range(x.ndim)),
            x.transpose(tuple(range(x.ndim))[::-1]),
            x.transpose(list(range(-1, -1 - x.ndim, -1))),
            x.transpose(*range(x.ndim)),
        ),
        AS_NUMPY,
    ),
    "transpose of other axes": (lambda x: x.transpose(5), AS_NUMPY),
    # NumPy's protocols
    "__array_function__": (lambda x: (np.shape(x), np.ndim(x), np.size(x)), AS_NUMPY),
    "np.sum": (np.sum, REFUSED),
    "np.reshape": (lambda x: np.reshape(x, (-1,)), REFUSED),
    "np.concatenate": (lambda x: np.concatenate([x.reshape(-1), x.reshape(-1)]), REFUSED),
    "np.where": (lambda x: np.where(True, x, 0.0), REFUSED),
    "np.dot": (lambda x: np.dot(x, 2.0), REFUSED),
    "np.allclose": (lambda x: np.allclose(x, x), REFUSED),
    "np.copyto": (lambda x: np.copyto(np.ones(x.shape), x), REFUSED),
    "__array_ufunc__": (lambda x: (np.negative(x), np.add(1.0, x), np.isnan(x)), AS_NUMPY),
    "a ufunc's method": (lambda x: np.add.reduce(x.reshape(-1)), REFUSED),
    "a ufunc's out": (lambda x: np.add(1.0, 1.0, out=x), REFUSED),
    "a ufunc's where": (lambda x: np.negative(x, where=[True]), REFUSED),
}
# Methods of arrays that a tensor does not have: NumPy works without them, or reports that they
# are missing.
LEFT_OUT = {
    "__array_finalize__",
    "__array_wrap__",
    "__array_interface__",
    "__array_struct__",
    "__array_priority__",
    "__array_namespace__",
    "__dlpack__",
    "__dlpack_device__",
    "__class_getitem__",
}
TABLED = {name.split()[0] for name in PROTOCOLS} | {"__array__"}

ARRAYS = {
    "matrix": np.array([[1.5, -2.0, 0.0], [3.0, 0.5, -1.0]]),
    "vector": np.array([2.0, 0.0, -8.0]),
    "float32": np.array([2.0, 0.0, -8.0], np.float32),
    "with a nan": np.array([np.nan, 0.5, -1.0]),
    "scalar": np.array(2.5),
    "zero": np.array(0.0),
    "nan": np.array(np.nan),
    "one element": np.array([[0.5]]),
    "empty": np.zeros(0),
    "empty rows": np.zeros((0, 3)),
}

# Operands that arithmetic accepts together with a tensor.
OPERANDS = {
    "int": 2,
    "bool": True,
    "float": 0.5,
    "nan": math.nan,
    "NumPy int": np.int64(2),
    "NumPy bool": np.True_,
    "NumPy float": np.float64(0.5),
    "0-d array": np.array(3),
    "ints": np.arange(3),
    "bytes of ints": np.arange(3, dtype=np.uint8),
    "bools": np.array([True, False, True]),
    "halves": np.array([1, 2, 3], np.float16),
    "float32": np.array([1, 2, 3], np.float32),
    "float64": np.array([1.0, 2.0, 3.0]),
    "big-endian": np.array([1.0, 2.0, 3.0], ">f8"),
    "column": np.ones((2, 1)),
    "list": [1, 2, 3],
    "tuple": (1.0, 0.0, 2.0),
    "range": range(3),
    "shape that may not fit": np.ones((2, 2)),
}
# Operands that arithmetic refuses, except where NumPy gives the right answer.
STRANGE = {
    "None": None,
    "text": "text",
    "complex": 1j,
    "complexes": np.ones(3, complex),
    "dates": np.ones(3, "M8[s]"),
    "objects": np.array([None, 1, "a"]),
    "set": {1, 2},
    "dict": {"a": 1},
    "slice": slice(None),
    "long doubles": np.ones(3, np.longdouble) if np.longdouble != np.float64 else 1j,
    "masked": np.ma.masked_array([1.0, 2.0, 3.0], [True, False, False]),
    "ragged": [[1.0], [2.0, 3.0]],
    "an object": object(),
}
BINARY = [
    "__add__", "__sub__", "__mul__", "__truediv__", "__matmul__", "__eq__", "__ne__", "__lt__",
    "__le__", "__gt__", "__ge__", "__floordiv__", "__mod__", "__divmod__", "__and__", "__or__",
    "__xor__", "__lshift__", "__rshift__", "__iadd__", "__isub__", "__imul__", "__itruediv__",
    "__imatmul__", "__ipow__", "__ifloordiv__", "__imod__", "__iand__", "__ior__", "__ixor__",
    "__ilshift__", "__irshift__",
]  # fmt: skip
UNARY = [name for name in PROTOCOLS if name not in BINARY]
ERRORS = (TypeError, ValueError, IndexError)


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except ERRORS as error:
        return error


def assert_same(found, expected, with_dtype=True):
    """Check that two results have the same numbers; a tensor may stand for an array."""
    if isinstance(expected, list | tuple):
        assert type(found) is type(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
        return
    assert not isinstance(found, Exception), found
    if isinstance(found, Tensor):
        assert isinstance(expected, np.ndarray | np.number)
        found = found.data
    elif not isinstance(expected, np.ndarray | np.generic):
        assert type(found) is type(expected)
    np.testing.assert_array_equal(found, expected)
    assert np.shape(found) == np.shape(expected)
    if with_dtype:
        assert np.asarray(found).dtype == np.asarray(expected).dtype
