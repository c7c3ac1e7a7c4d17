# The bodies of the functions in functions.pyx, except the functions for shards (shards.pyx): each
# body acquires and checks its buffers, and runs a kernel.
# A. Each buffer is acquired once, with its format. Lengths are checked by the same functions as for
#    Cython callers (refusals.pxd). Typed memoryviews would cost three times as much for a call from
#    Python, and errors of memoryviews do not name the argument.
# B. `execute` runs the kernel, as for arrays: for large buffers without the GIL, and on several
#    threads.

cimport cython
from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_STRIDED_RO, PyBuffer_Release, PyObject_CheckBuffer, PyObject_GetBuffer,
)
from cpython.unicode cimport PyUnicode_AsUTF8
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport strchr

from dropcore._core.arguments cimport as_array, integer_of, probability
from dropcore._core.plan cimport kept_scale
from dropcore._core.table cimport FLOAT16, FLOAT32, FLOAT64, DrawAddress, Dtype, Plan
from dropcore._core.work cimport (
    DROP, KEEP_BITS, REPEAT, SELECT, Operation, Work, execute, new_work,
)
from dropcore.core.refusals cimport (
    check_arrays, check_bits, check_bits_apart, check_draws, check_shared, check_window,
)
from dropcore.draw cimport Draw

import numbers

# An object without a buffer is accepted if it has one of these attributes: NumPy can then share its
# memory. NumPy might copy any other object, so other objects are refused.
cdef tuple SHARED = ("__array_interface__", "__array_struct__", "__dlpack__")


# -------------------------------------------------------------------- buffers

@cython.final
@cython.freelist(8)
cdef class Buffer:
    # A buffer of one dimension. It is released when this object is deleted.

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.view)

    cdef Py_ssize_t length(self) noexcept:
        return self.view.shape[0]

    cdef char format(self) noexcept:
        # The format code of an element in native byte order; 0 for any other format.
        cdef const char* text = self.view.format
        if text == NULL:
            return c"B"
        if text[0] != 0 and strchr(NATIVE, text[0]) != NULL:
            text += 1
        return text[0] if text[0] != 0 and text[1] == 0 else 0

    cdef int refuse_format(self, str wanted) except -1:
        text = "B" if self.view.format == NULL else self.view.format.decode()
        raise TypeError(f"{self.name} must be a buffer of {wanted}, not of format {text!r}")


cdef const char* NATIVE = NULL
cdef int ONE = 1
NATIVE = b"@=<" if (<uint8_t*> &ONE)[0] == 1 else b"@=>!"


cdef Buffer taken(str name, object value, bint written):
    cdef Buffer buffer = Buffer.__new__(Buffer)
    cdef Py_buffer* view = &buffer.view
    if not PyObject_CheckBuffer(value):
        if not any([hasattr(value, way) for way in SHARED]):
            raise TypeError(f"{name} must be a buffer, not {type(value).__name__}")
        value = as_array(name, value)
    try:
        PyObject_GetBuffer(value, view, PyBUF_STRIDED_RO | PyBUF_FORMAT)
    except (BufferError, ValueError) as error:
        raise TypeError(f"{name} must be a plain buffer, not this {type(value).__name__}: {error}")
    buffer.held = True
    buffer.name = name
    if view.ndim != 1:
        raise ValueError(f"{name} must have one dimension, not {view.ndim}")
    # Arrays of ctypes give no strides, since they are contiguous.
    if view.shape[0] > 1 and view.strides != NULL and view.strides[0] != view.itemsize:
        raise ValueError(
            f"{name} must be contiguous, not of stride {view.strides[0]} for items of "
            f"{view.itemsize} bytes"
        )
    if written and view.readonly:
        raise ValueError(f"{name} must be writeable, not a read-only buffer")
    return buffer


cdef Buffer bytes_taken(object bits, bint written):
    cdef Buffer buffer = taken("bits", bits, written)
    if buffer.format() != c"B":
        buffer.refuse_format("uint8")
    return buffer


cdef Dtype floating(Buffer x) except *:
    cdef char format = x.format()
    if format == c"f":
        return FLOAT32
    if format == c"d":
        return FLOAT64
    x.refuse_format("float32 or float64")


cdef int check_dtype(Buffer buffer, Dtype dtype) except -1:
    cdef char format = buffer.format()
    if dtype == FLOAT32:
        return 0 if format == c"f" else buffer.refuse_format("float32, as x is")
    if dtype == FLOAT64:
        return 0 if format == c"d" else buffer.refuse_format("float64, as x is")
    if format == c"H" or (dtype == FLOAT16 and format == c"e"):
        return 0
    return buffer.refuse_format(
        "float16, or its bits as uint16" if dtype == FLOAT16 else "uint16, the bits of bfloat16"
    )


# ------------------------------------------------------------------ arguments

cdef DrawAddress* address_of(object draw) except NULL:
    if type(draw) is not Draw:
        raise TypeError(f"draw must be a Draw, not {draw!r}: a Stream gives a Draw: stream.draw()")
    return &(<Draw> draw).address


cdef uint64_t place(str name, object value) except? 0xFFFFFFFFFFFFFFFFULL:
    value = integer_of(name, value, "an integer >= 0")
    if value > 2**63:
        raise OverflowError(f"{name} must be at most 2**63, not {value}")
    return value


cdef Py_ssize_t count(str name, object value) except? -1:
    cdef uint64_t whole = place(name, value)
    if whole >> 63:
        raise OverflowError(f"{name} must be below 2**63, not {value}")
    return <Py_ssize_t> whole


cdef double real(str name, object value) except? -1.0:
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a real number, not {value!r}")
    return value


cdef Plan plan_of(object scale, object shift, object drop) except *:
    return Plan(scale=real("scale", scale), shift=real("shift", shift), drop=real("drop", drop))


# ----------------------------------------------------------- runs of a kernel

cdef int set_arrays(
    Work* w,  # OUT: dtype, x and y
    Buffer x, Buffer y, int named,
) except -1:
    if named < 0:
        w.dtype = floating(x)
    else:
        w.dtype = <Dtype> named
        check_dtype(x, w.dtype)
    check_dtype(y, w.dtype)
    w.itemsize = x.view.itemsize
    w.x, w.y = <const char*> x.view.buf, <char*> y.view.buf
    check_arrays(
        PyUnicode_AsUTF8(x.name), PyUnicode_AsUTF8(y.name), w.x, x.length(), w.y, y.length(),
        w.itemsize, NULL, 0, 0,
    )
    return 0


cdef int check_apart(
    Buffer x, Buffer y, Buffer bits, uint64_t first, Py_ssize_t decisions,
) except -1:
    return check_bits_apart(
        PyUnicode_AsUTF8(x.name), PyUnicode_AsUTF8(y.name), x.view.buf, y.view.buf, x.view.len,
        <const uint8_t*> bits.view.buf, first, decisions,
    )


cdef int keep_bits_of(draw, p, bits, n, start) except -1:
    cdef Work w = new_work(KEEP_BITS, count("n", n))
    cdef Buffer packed
    w.p = probability(p)
    w.start = place("start", start)
    w.draw = address_of(draw)[0]
    packed = bytes_taken(bits, True)
    check_draws(w.p, w.start, w.n)
    check_bits(packed.length(), w.n)
    w.bits_out = <uint8_t*> packed.view.buf
    return execute(&w, None, None, packed)


cdef int drop_by_draw(
    int named, Buffer x, Buffer y, object draw, double p, Plan plan, object bits, object start,
) except -1:
    cdef Work w = new_work(DROP, x.length())
    cdef Buffer packed = None
    set_arrays(&w, x, y, named)
    w.draw = address_of(draw)[0]
    w.p = p
    w.start = place("start", start)
    w.plan = plan
    check_draws(p, w.start, w.n)
    if bits is not None:
        packed = bytes_taken(bits, True)
        check_bits(packed.length(), w.n)
        w.bits_out = <uint8_t*> packed.view.buf
        check_apart(x, y, packed, 0, w.n)
    return execute(&w, x, y, packed)


cdef int select_by_bits(
    Operation operation, int named, Buffer x, Buffer y, Buffer packed, Plan plan, object first,
    object decisions, object times,
) except -1:
    cdef Py_ssize_t n = x.length(), length = n, repeats = 1
    cdef Work w = new_work(operation, n)
    set_arrays(&w, x, y, named)
    w.first = place("first", first)
    w.plan = plan
    if operation != SELECT:
        length, repeats = count("decisions", decisions), count("times", times)
        check_shared(length, repeats, n)
        w.n, w.times = (length, repeats) if operation == REPEAT else (repeats, length)
    check_window(packed.length(), w.first, length)
    w.bits_in = <const uint8_t*> packed.view.buf
    check_apart(x, y, packed, w.first, length)
    return execute(&w, x, y, packed) if n > 0 else 0


cdef int backward_of(int named, object draw, object p, dy, dx, bits, start) except -1:
    cdef Buffer source = taken("dy", dy, False), target = taken("dx", dx, True)
    cdef double rate = probability(p)
    cdef Plan plan = Plan(scale=kept_scale(rate), shift=0, drop=0)
    cdef Buffer packed
    if bits is None:
        return drop_by_draw(named, source, target, draw, rate, plan, None, start)
    address_of(draw)
    check_draws(rate, place("start", start), source.length())
    packed = bytes_taken(bits, False)
    check_bits(packed.length(), source.length())
    return select_by_bits(SELECT, named, source, target, packed, plan, 0, None, None)


cdef int forward_of(int named, object draw, object p, x, y, bits, start) except -1:
    cdef double rate = probability(p)
    return drop_by_draw(
        named, taken("x", x, False), taken("y", y, True), draw, rate,
        Plan(scale=kept_scale(rate), shift=0, drop=0), bits, start,
    )


cdef int forward_plan_of(
    int named, object draw, object p, x, y, scale, shift, drop, bits, start
) except -1:
    return drop_by_draw(
        named, taken("x", x, False), taken("y", y, True), draw, probability(p),
        plan_of(scale, shift, drop), bits, start,
    )


cdef int select_of(int named, bits, x, y, scale, shift, drop, first) except -1:
    return select_by_bits(
        SELECT, named, taken("x", x, False), taken("y", y, True), bytes_taken(bits, False),
        plan_of(scale, shift, drop), first, None, None,
    )


cdef int shared_of(
    Operation operation, int named, bits, decisions, times, x, y, scale, shift, drop, first
) except -1:
    return select_by_bits(
        operation, named, taken("x", x, False), taken("y", y, True), bytes_taken(bits, False),
        plan_of(scale, shift, drop), first, decisions, times,
    )
