# Checks of the arguments of exported functions. A check that fails prints one line with the
# function, the argument and what is accepted; for a number, also the value.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t
from libc.stdio cimport fprintf, stderr
from libc.string cimport memset

from dropcore._core.api cimport dropcore_layout, dropcore_shard, dropcore_shard_decisions
from dropcore._core.layout cimport scratch_bytes
from dropcore._core.table cimport MAX_AXES

cdef extern from *:
    """
    #include <math.h>
    static int dropcore_product_fits(Py_ssize_t a, Py_ssize_t b)
    {
        return a <= 0 || b <= 0 || a <= PY_SSIZE_T_MAX / b;
    }
    """
    bint product_fits "dropcore_product_fits"(Py_ssize_t a, Py_ssize_t b) noexcept nogil


cdef inline bint given(
    const char* f, const char* name, const void* pointer, size_t alignment,
) noexcept nogil:
    if pointer == NULL:
        fprintf(stderr, "dropcore: %s: %s must not be NULL\n", f, name)
        return False
    if <size_t> pointer % alignment:
        fprintf(
            stderr, "dropcore: %s: %s must be aligned to %zu bytes, not at %p\n",
            f, name, alignment, pointer,
        )
        return False
    return True


cdef inline bint needed(
    const char* f, const char* name, const void* pointer, Py_ssize_t n, size_t alignment,
) noexcept nogil:
    # If n is 0, nothing is read or written through the pointer, so it may have any value.
    return n <= 0 or given(f, name, pointer, alignment)


cdef inline bint probability(const char* f, double p) noexcept nogil:
    if 0 <= p <= 1:
        return True
    if p != p:  # nan of either sign
        fprintf(stderr, "dropcore: %s: p must be in [0, 1], not nan\n", f)
    else:
        fprintf(stderr, "dropcore: %s: p must be in [0, 1], not %g\n", f, p)
    return False


cdef inline bint count(const char* f, const char* name, Py_ssize_t n) noexcept nogil:
    if n >= 0:
        return True
    fprintf(stderr, "dropcore: %s: %s must be at least 0, not %zd\n", f, name, n)
    return False


cdef inline bint axes_count(const char* f, int axes) noexcept nogil:
    if 0 <= axes <= MAX_AXES:
        return True
    fprintf(stderr, "dropcore: %s: axes must be in [0, %d], not %d\n", f, <int> MAX_AXES, axes)
    return False


cdef inline bint product(const char* f, Py_ssize_t decisions, Py_ssize_t times) noexcept nogil:
    if product_fits(decisions, times):
        return True
    fprintf(
        stderr, "dropcore: %s: decisions * times must fit a Py_ssize_t, not %zd * %zd\n",
        f, decisions, times,
    )
    return False


cdef inline bint reaches(
    const char* f, const char* name, uint64_t first, Py_ssize_t n,
) noexcept nogil:
    # A mask has at most 2^63 elements.
    cdef uint64_t most = <uint64_t> 1 << 63
    if n <= 0 or first <= most - <uint64_t> n:
        return True
    fprintf(
        stderr, "dropcore: %s: %s + n must be at most 2**63, not %llu + %zd\n",
        f, name, <unsigned long long> first, n,
    )
    return False


# If `layout_of` or `shard_of` refuses its arguments, the structure is all zeros. No valid layout
# and no valid shard is all zeros.

cdef inline void set_to_zeros(void* made, size_t size) noexcept nogil:
    # Called after a check refused an argument. The refused argument may be this pointer.
    if made != NULL and <size_t> made % 8 == 0:
        memset(made, 0, size)


cdef inline bint layout_was_made(const char* f, const dropcore_layout* layout) noexcept nogil:
    if layout.loops or layout.steps:
        return True
    fprintf(stderr, "dropcore: %s: layout must come from a call of layout_of that returned 1\n", f)
    return False


cdef inline bint shard_was_made(const char* f, const dropcore_shard* shard) noexcept nogil:
    if shard.loops or shard.rows:
        return True
    fprintf(stderr, "dropcore: %s: shard must come from a call of shard_of that returned 1\n", f)
    return False


cdef inline bint unshared(const char* f, const dropcore_shard* shard) noexcept nogil:
    if not shard.shared:
        return True
    fprintf(
        stderr, "dropcore: %s: shard must have no shared axes; for shared axes, make the bits by "
        "keep_shard, then use repeat or tile\n", f,
    )
    return False


cdef inline bint in_shard(
    const char* f, Py_ssize_t first, Py_ssize_t n, const dropcore_shard* shard,
) noexcept nogil:
    cdef Py_ssize_t decisions = dropcore_shard_decisions(shard)
    if first <= decisions and n <= decisions - first:
        return True
    fprintf(
        stderr,
        "dropcore: %s: first + n must be at most the %zd decisions of the shard, not %zd + %zd\n",
        f, decisions, first, n,
    )
    return False


cdef inline bint apart(
    const char* f, const char* source_name, const void* source, const char* target_name,
    const void* target, Py_ssize_t n, size_t size,
) noexcept nogil:
    cdef size_t a = <size_t> source, b = <size_t> target, length = <size_t> n * size
    if n <= 0 or a == b or a + length <= b or b + length <= a:
        return True
    fprintf(
        stderr, "dropcore: %s: %s must be %s or share no memory with it, not overlap it\n",
        f, target_name, source_name,
    )
    return False


cdef inline bint disjoint(
    const char* f, const char* name, const void* pointer, size_t nbytes,
    const char* other_name, const void* other, size_t other_nbytes,
) noexcept nogil:
    cdef size_t a = <size_t> pointer, b = <size_t> other
    if nbytes == 0 or other_nbytes == 0 or a + nbytes <= b or b + other_nbytes <= a:
        return True
    fprintf(stderr, "dropcore: %s: %s must share no memory with %s\n", f, name, other_name)
    return False


cdef inline bint bits_apart(
    const char* f, const uint8_t* bits, uint64_t first, Py_ssize_t n,
    const char* name, const void* elements, size_t nbytes,
) noexcept nogil:
    return bits == NULL or n <= 0 or disjoint(
        f, "bits", bits + (first >> 3), ((first & 7) + <size_t> n + 7) >> 3, name, elements, nbytes
    )


cdef inline bint scratch_apart(
    const char* f, const uint8_t* scratch, const dropcore_layout* layout,
    const char* name, const void* other, size_t nbytes,
) noexcept nogil:
    return disjoint(f, "scratch", scratch, scratch_bytes(layout), name, other, nbytes)
