# The checks of arguments: arrays, integers, probabilities, shapes. Every check is made before
# anything is written, and its error names the argument, the value and what is accepted.

cimport numpy as cnp
from cpython.buffer cimport PyObject_CheckBuffer
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact

import numbers
import operator

import numpy as np

from dropcore._core.table cimport BFLOAT16, FLOAT16, FLOAT32, FLOAT64, MAX_AXES, Dtype

from dropcore._core.elsewhere import refuse, refuse_objects

cnp.import_array()

# NumPy's type number of bfloat16, which ml_dtypes registers at run time; -1 before the first array
# of bfloat16.
cdef int bfloat16_num = -1
# NumPy reads an object with one of these attributes without a copy.
cdef tuple SHARED = ("__array_interface__", "__array_struct__")
cdef dict DEVICES = {  # DLPack's devices, with the numbers of dlpack.h; 1 is the CPU
    2: "CUDA", 3: "CUDA host", 4: "OpenCL", 7: "Vulkan", 8: "Metal", 9: "VPI", 10: "ROCm",
    11: "ROCm host", 13: "CUDA managed", 14: "oneAPI", 15: "WebGPU", 16: "Hexagon", 17: "MAIA",
}
ACCEPTED = "float32, float64, float16 or bfloat16 (ml_dtypes), in native byte order"


cdef cnp.ndarray as_array(str name, object value):
    if cnp.PyArray_CheckExact(value):
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} must be a plain array, not a masked array: pass {name}.data, or fill it"
        )
    if value is None:
        raise TypeError(f"{name} must be an array, not None")
    try:
        return _from_elsewhere(value)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise TypeError(
            f"{name} must be an array, not this {type(value).__name__}: {error}"
        ) from None


cdef cnp.ndarray _from_elsewhere(object value):
    # The buffer protocol and NumPy's own interfaces need no capsule, so they come before DLPack.
    # NumPy does not accept bfloat16 through DLPack; JAX, for example, gives bfloat16 by __array__.
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


cdef cnp.ndarray accepted_otherwise(str name, object value):
    cdef cnp.ndarray array = as_array(name, value)
    check_dtype(name, array)
    return array


cdef int check_dtype(str name, cnp.ndarray array) except -1:
    global bfloat16_num
    cdef int num = cnp.PyArray_TYPE(array)
    if cnp.PyArray_ISNOTSWAPPED(array):
        if num == cnp.NPY_FLOAT32 or num == cnp.NPY_FLOAT64 or num == cnp.NPY_FLOAT16:
            return 0
        if num == bfloat16_num:
            return 0
        if cnp.PyTypeNum_ISUSERDEF(num) and array.dtype.name == "bfloat16":
            bfloat16_num = num
            return 0
    dtype = array.dtype if array.dtype.isnative else array.dtype.str
    raise TypeError(f"{name} must be an array of {ACCEPTED}, not of dtype {dtype}")


cdef Dtype dtype_of(cnp.ndarray array) noexcept:
    cdef int num = cnp.PyArray_TYPE(array)
    if num == cnp.NPY_FLOAT32:
        return FLOAT32
    if num == cnp.NPY_FLOAT64:
        return FLOAT64
    return FLOAT16 if num == cnp.NPY_FLOAT16 else BFLOAT16


cdef int check_shape(str name, cnp.ndarray array, tuple shape) except -1:
    # Makes no tuple of the array's shape: a tuple would cost as much as all other checks of
    # backward.
    cdef int axis, axes = cnp.PyArray_NDIM(array)
    cdef bint fits = axes == len(shape)
    for axis in range(axes if fits else 0):
        fits &= cnp.PyArray_DIM(array, axis) == <Py_ssize_t> shape[axis]
    if not fits:
        raise ValueError(f"{name} must have shape {shape}, not {(<object> array).shape}")
    return 0


# `what`: the accepted values, for the message.
cpdef object integer_of(str name, object value, str what):
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be {what}, not the bool {value!r}")
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be {what}, not {value!r}") from None
    if value < 0:
        raise ValueError(f"{name} must be {what}, not {value}")
    return value


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


cdef tuple checked_shape(object shape):
    if not isinstance(shape, (tuple, list)):
        raise TypeError(f"shape must be a sequence of integers >= 0, not {shape!r}")
    for length in shape:
        if isinstance(length, bool) or not isinstance(length, (int, np.integer)):
            raise TypeError(f"shape must be a sequence of integers >= 0, not {shape!r}")
        if length < 0:
            raise ValueError(f"shape must be a sequence of integers >= 0, not {shape!r}")
    if len(shape) > <int> MAX_AXES:
        raise ValueError(f"shape must have at most {<int> MAX_AXES} axes, not {len(shape)}")
    size = 1
    for length in shape:
        size *= int(length) or 1
    if size >= 2**63:
        raise ValueError(f"shape must have fewer than 2**63 elements, not {shape}")
    return tuple([int(length) for length in shape])
