# What the core accepts: arrays and probabilities. Every check comes before
# anything is written, and its error names the argument, the value and what is
# accepted.

cimport numpy as cnp
from cpython.buffer cimport PyObject_CheckBuffer
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact

import numbers

import numpy as np

from dropcore._core.layout cimport is_dense, lie_alike
from dropcore._core.table cimport BFLOAT16, FLOAT16, FLOAT32, FLOAT64, Dtype

from dropcore._core.elsewhere import refuse, refuse_objects

cdef extern from "numpy/arrayobject.h":
    object PyArray_NewLikeArray(cnp.ndarray like, cnp.NPY_ORDER order, void* dtype, int subok)

cnp.import_array()

cdef int bfloat16_num = -1  # ml_dtypes registers its type at run time, if at all
cdef tuple SHARED = ("__array_interface__", "__array_struct__")  # NumPy's own, without a copy
cdef dict DEVICES = {  # of DLPack, as dlpack.h numbers them; 1 is the CPU
    2: "CUDA", 3: "CUDA host", 4: "OpenCL", 7: "Vulkan", 8: "Metal", 9: "VPI", 10: "ROCm",
    11: "ROCm host", 13: "CUDA managed", 14: "oneAPI", 15: "WebGPU", 16: "Hexagon", 17: "MAIA",
}
ACCEPTED = "float32, float64, float16 or bfloat16 (ml_dtypes), in native byte order"


cdef cnp.ndarray as_array(str name, object value):
    if cnp.PyArray_CheckExact(value):
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array: pass {name}.data, or fill it")
    if value is None:
        raise TypeError(f"{name} must be an array, not None")
    try:
        return _from_elsewhere(value)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise TypeError(
            f"{name} must be an array, not this {type(value).__name__}: {error}"
        ) from None


cdef cnp.ndarray _from_elsewhere(object value):
    # What shares memory without a capsule comes first. NumPy takes no bfloat16 through
    # DLPack; what has another way to give it, such as JAX, is asked for that.
    cdef bint has_dlpack = hasattr(value, "__dlpack_device__")
    if has_dlpack:
        device = int(value.__dlpack_device__()[0])
        if device != 1:
            raise TypeError(f"it is on device {DEVICES.get(device, device)}, not on the CPU")
    if PyObject_CheckBuffer(value) or any([hasattr(value, way) for way in SHARED]):
        return np.asarray(value)
    refuse(value)
    if has_dlpack and "bfloat16" not in str(getattr(value, "dtype", "")):
        return np.from_dlpack(value)
    array = np.asarray(value)
    refuse_objects(array)
    return array


cdef Dtype dtype_of(str name, cnp.ndarray array) except *:
    global bfloat16_num
    cdef int num = cnp.PyArray_TYPE(array)
    if cnp.PyArray_ISNOTSWAPPED(array):
        if num == cnp.NPY_FLOAT32:
            return FLOAT32
        if num == cnp.NPY_FLOAT64:
            return FLOAT64
        if num == cnp.NPY_FLOAT16:
            return FLOAT16
        if num == bfloat16_num:
            return BFLOAT16
        if cnp.PyTypeNum_ISUSERDEF(num) and array.dtype.name == "bfloat16":
            bfloat16_num = num
            return BFLOAT16
    dtype = array.dtype if array.dtype.isnative else array.dtype.str
    raise TypeError(f"{name} must be an array of {ACCEPTED}, not of dtype {dtype}")


cdef int check_shape(str name, cnp.ndarray array, tuple shape) except -1:
    if (<object> array).shape != shape:
        raise ValueError(f"{name} must have shape {shape}, not {(<object> array).shape}")
    return 0


cdef cnp.ndarray empty_like(cnp.ndarray array):
    return PyArray_NewLikeArray(array, cnp.NPY_CORDER, NULL, 0)


cdef bint _repeats_elements(cnp.ndarray array):
    # Whether two of its elements may be one place in memory: in order of their
    # strides, an axis must step over all that the axes before it cover.
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


cdef int check_out(cnp.ndarray x, str name, object out) except -1:
    # `out` may be x itself; any other overlap would be read after it was written.
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


cdef double probability(object p) except? -1.0:
    cdef double value
    if PyFloat_CheckExact(p):
        value = PyFloat_AS_DOUBLE(p)
    elif isinstance(p, numbers.Real) and not isinstance(p, (bool, np.bool_)):
        try:
            value = p
        except OverflowError:  # an int of any size
            value = float("inf")
    else:
        raise TypeError(f"p must be a real number in [0, 1], not {p!r}")
    if not 0 <= value <= 1:
        raise ValueError(
            f"p must be in [0, 1], the probability that an element is dropped, not {p!r}"
        )
    return value
