# Where results are written: `out`, or a new array. If `out` has gaps, the kernels write a new
# array, which is then copied to `out`.

cimport numpy as cnp

import numpy as np

from dropcore._core.layout cimport is_dense, lie_alike

cdef extern from "numpy/arrayobject.h":
    object PyArray_NewLikeArray(cnp.ndarray like, cnp.NPY_ORDER order, void* dtype, int subok)

cnp.import_array()


cdef cnp.ndarray empty_like(cnp.ndarray array):
    return PyArray_NewLikeArray(array, cnp.NPY_CORDER, NULL, 0)


cdef bint _repeats_elements(cnp.ndarray array):
    # Whether two elements may have the same address. The axes are sorted by increasing stride. No
    # two elements have the same address if each stride is at least the number of bytes that the
    # axes before it span.
    cdef object a = array
    cdef object reach = a.itemsize
    if a.size == 0:
        return False
    for stride, length in sorted((abs(s), n) for s, n in zip(a.strides, a.shape) if n > 1):
        if stride < reach:
            return True
        reach = stride * (length - 1) + reach
    return False


cdef bint _overlap(cnp.ndarray a, cnp.ndarray b):
    cdef size_t a_begin = <size_t> cnp.PyArray_DATA(a), b_begin = <size_t> cnp.PyArray_DATA(b)
    if is_dense(a) and is_dense(b):
        return (
            a_begin < b_begin + <size_t> cnp.PyArray_NBYTES(b)
            and b_begin < a_begin + <size_t> cnp.PyArray_NBYTES(a)
        )
    try:
        return np.shares_memory(a, b, max_work=100_000)
    except np.exceptions.TooHardError:
        return True


cdef int check_out(str name, cnp.ndarray x, object out) except -1:
    # `out` may be x itself. With any other overlap, elements of x would be overwritten before they
    # are read.
    cdef cnp.ndarray y
    if not cnp.PyArray_CheckExact(out) and (
        not cnp.PyArray_Check(out) or isinstance(out, np.ma.MaskedArray)
    ):
        raise TypeError(f"out must be a numpy.ndarray, not {type(out).__name__}")
    y = out
    if cnp.PyArray_TYPE(y) != cnp.PyArray_TYPE(x) or not cnp.PyArray_ISNOTSWAPPED(y):
        raise TypeError(f"out must have the dtype of {name}, {x.dtype}, not {y.dtype.str}")
    if not cnp.PyArray_SAMESHAPE(x, y):
        raise ValueError(
            f"out must have the shape of {name}, {(<object> x).shape}, not {(<object> y).shape}"
        )
    if not cnp.PyArray_ISWRITEABLE(y):
        raise ValueError("out must be writeable, not a read-only array")
    if not is_dense(y) and _repeats_elements(y):
        raise ValueError(
            "out must have a place in memory for each element, not strides "
            f"{(<object> y).strides} for shape {(<object> y).shape}"
        )
    if y is not x and _overlap(x, y) and not (
        cnp.PyArray_DATA(x) == cnp.PyArray_DATA(y) and lie_alike(x, y)
    ):
        raise ValueError(
            f"out must be {name} itself or share no memory with it, not overlap it in part"
        )
    return 0


cdef cnp.ndarray target_for(str name, cnp.ndarray x, object out):
    # The array that the kernels write: `out` if it is dense, otherwise a new array.
    if out is None:
        return empty_like(x)
    check_out(name, x, out)
    if not is_dense(out):
        return empty_like(x)
    return out if cnp.PyArray_CheckExact(out) else out.view(np.ndarray)


cdef cnp.ndarray source_for(cnp.ndarray x, cnp.ndarray target):
    # The array that the kernels read: x if it is aligned and has the strides of the target;
    # otherwise the target, after x was copied into it.
    if cnp.PyArray_ISALIGNED(x) and lie_alike(x, target):
        return x
    np.copyto(target, x)
    return target


cdef int put(cnp.ndarray target, cnp.ndarray result) except -1:
    # Each element is rounded once. A value beyond the range of a half type becomes inf, as in the
    # kernels.
    with np.errstate(over="ignore"):
        np.copyto(target, result, casting="unsafe")
    return 0


cdef object copied(object out, cnp.ndarray target):
    np.copyto(out, target)
    return out
