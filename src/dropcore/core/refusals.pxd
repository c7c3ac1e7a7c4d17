# The checks of the core over memoryviews and over buffers: a few comparisons, inlined into the
# caller. The functions that raise the errors are compiled in refusals.pyx, and take the GIL.

from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint8_t, uint64_t

cdef int refuse_none(const char* name) except -1 nogil
cdef int refuse_p(double p) except -1 nogil
cdef int refuse_place(const char* name, uint64_t place, Py_ssize_t n) except -1 nogil
cdef int refuse_length(
    const char* name, const char* unit, Py_ssize_t needed, Py_ssize_t found, bint longer,
) except -1 nogil
cdef int refuse_shared(Py_ssize_t decisions, Py_ssize_t times, Py_ssize_t n) except -1 nogil
cdef int refuse_alignment(const char* name, size_t address, size_t itemsize) except -1 nogil
cdef int refuse_overlap(const char* x_name, const char* y_name) except -1 nogil
cdef int refuse_bits(const char* x_name, const char* y_name) except -1 nogil
cdef int refuse_shared_shard() except -1 nogil


cdef inline int check_view(const char* name, bint is_none) except -1 nogil:
    # Cython takes None for a memoryview, and gives it the length 0.
    return refuse_none(name) if is_none else 0


cdef inline int check_views(
    const char* x_name, bint no_x, const char* y_name, bint no_y,
) except -1 nogil:
    return refuse_none(x_name if no_x else y_name) if no_x or no_y else 0


cdef inline int check_draws(double p, uint64_t start, Py_ssize_t n) except -1 nogil:
    if not 0 <= p <= 1:
        return refuse_p(p)
    if n < 0 or start > (<uint64_t> 1 << 63) - <uint64_t> n:
        return refuse_place(b"start", start, n)
    return 0


cdef inline int check_bits(Py_ssize_t nbytes, Py_ssize_t n) except -1 nogil:
    if nbytes != (n + 7) >> 3:
        return refuse_length(b"bits", b"bytes", (n + 7) >> 3, nbytes, False)
    return 0


cdef inline int check_elements(Py_ssize_t decisions, Py_ssize_t n) except -1 nogil:
    # For a shard without shared decisions.
    if n != decisions:
        return refuse_length(b"x", b"elements", decisions, n, False)
    return 0


cdef inline int check_unshared(int32_t shared) except -1 nogil:
    return refuse_shared_shard() if shared else 0


cdef inline int check_window(Py_ssize_t nbytes, uint64_t first, Py_ssize_t n) except -1 nogil:
    if first > (<uint64_t> 1 << 63) - <uint64_t> n:
        return refuse_place(b"first", first, n)
    if <uint64_t> nbytes < (first + <uint64_t> n + 7) >> 3 and n > 0:
        return refuse_length(b"bits", b"bytes", (first + n + 7) >> 3, nbytes, True)
    return 0


cdef inline int check_shared(
    Py_ssize_t decisions, Py_ssize_t times, Py_ssize_t n,
) except -1 nogil:
    cdef bint fits
    if decisions > 0 and times > 0:
        fits = n // decisions == times and n % decisions == 0
    else:
        fits = decisions >= 0 and times >= 0 and n == 0
    return 0 if fits else refuse_shared(decisions, times, n)


cdef inline bint share_memory(size_t a, size_t a_bytes, size_t b, size_t b_bytes) noexcept nogil:
    # Whether two ranges overlap. Each range must have at least one byte. Ranges overlap if one
    # begins within the other. A negative difference wraps to a large size_t.
    return a - b < b_bytes or b - a < a_bytes


cdef inline int check_bits_apart(
    const char* x_name, const char* y_name, const void* x, const void* y, size_t nbytes,
    const uint8_t* bits, uint64_t first, Py_ssize_t n,
) except -1 nogil:
    # Bits that are read must not lie in y, which overwrites them. Bits that are written must not
    # lie in x or y, whose elements they would overwrite. If the call reads a window of the bits,
    # only the bytes of the window count. `bits` may be NULL.
    cdef size_t begin = <size_t> bits + <size_t> (first >> 3)
    cdef size_t bits_bytes = ((first & 7) + <uint64_t> n + 7) >> 3
    if bits != NULL and nbytes and (
        share_memory(begin, bits_bytes, <size_t> x, nbytes)
        or share_memory(begin, bits_bytes, <size_t> y, nbytes)
    ):
        return refuse_bits(x_name, y_name)
    return 0


cdef inline int check_arrays(
    const char* x_name, const char* y_name, const void* x, Py_ssize_t x_length, const void* y,
    Py_ssize_t y_length, size_t itemsize, const uint8_t* bits, uint64_t first, Py_ssize_t decisions,
) except -1 nogil:
    # y may be x. With any other overlap, elements of x would be overwritten before they are read.
    cdef size_t nbytes = itemsize * <size_t> x_length
    cdef size_t x_begin = <size_t> x, y_begin = <size_t> y
    if y_length != x_length:
        return refuse_length(y_name, b"elements", x_length, y_length, False)
    if x_length and (x_begin | y_begin) & (itemsize - 1):
        if x_begin & (itemsize - 1):
            return refuse_alignment(x_name, x_begin, itemsize)
        return refuse_alignment(y_name, y_begin, itemsize)
    if x_begin != y_begin and x_begin < y_begin + nbytes and y_begin < x_begin + nbytes:
        return refuse_overlap(x_name, y_name)
    return check_bits_apart(x_name, y_name, x, y, nbytes, bits, first, decisions)
