# The checks of the arguments of an exported function. A check that fails prints a line: the
# function, the argument, its value and what is accepted.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t
from libc.stdio cimport fprintf, stderr

from dropcore._core.api cimport (
    dropcore_draw, dropcore_layout, dropcore_path, dropcore_plan, dropcore_shard,
    dropcore_shard_decisions,
)
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


cdef inline bint in_shard(
    const char* f, Py_ssize_t first, Py_ssize_t n, const dropcore_shard* shard,
) noexcept nogil:
    cdef Py_ssize_t decisions = dropcore_shard_decisions(shard)
    if first <= decisions and n <= decisions - first:
        return True
    fprintf(
        stderr, "dropcore: %s: first + n must be at most the %zd of the shard, not %zd + %zd\n",
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


# written by tools/write_interface.py: tests
cdef inline bint path_of_integer_is_right(
    const char* f, uint64_t seed, dropcore_path* path,
) noexcept nogil:
    return (
        given(f, "path", path, 8)
    )


cdef inline bint path_of_bytes_is_right(
    const char* f, const uint8_t* seed, Py_ssize_t n, dropcore_path* path,
) noexcept nogil:
    return (
        count(f, "n", n)
        and given(f, "path", path, 8)
        and needed(f, "seed", seed, n, 1)
    )


cdef inline bint path_add_integer_is_right(
    const char* f, dropcore_path* path, uint64_t part,
) noexcept nogil:
    return (
        given(f, "path", path, 8)
    )


cdef inline bint path_add_text_is_right(
    const char* f, dropcore_path* path, const char* utf8, Py_ssize_t n,
) noexcept nogil:
    return (
        given(f, "path", path, 8)
        and count(f, "n", n)
        and needed(f, "utf8", utf8, n, 1)
    )


cdef inline bint draw_at_is_right(
    const char* f, const dropcore_path* path, uint64_t index, dropcore_draw* draw,
) noexcept nogil:
    return (
        given(f, "path", path, 8)
        and given(f, "draw", draw, 8)
    )


cdef inline bint set_index_is_right(
    const char* f, dropcore_draw* draw, uint64_t index,
) noexcept nogil:
    return (
        given(f, "draw", draw, 8)
    )


cdef inline bint keep_bits_is_right(
    const char* f, const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, uint8_t* bits,
) noexcept nogil:
    return (
        given(f, "draw", draw, 8)
        and probability(f, p)
        and count(f, "n", n)
        and reaches(f, "start", start, n)
        and needed(f, "bits", bits, n, 1)
    )


cdef inline bint words_is_right(
    const char* f, const dropcore_draw* draw, uint64_t start, Py_ssize_t n, uint64_t* words,
) noexcept nogil:
    return (
        given(f, "draw", draw, 8)
        and count(f, "n", n)
        and reaches(f, "start", start, n)
        and needed(f, "words", words, n, 8)
    )


cdef inline bint scale_is_right(
    const char* f, double p,
) noexcept nogil:
    return (
        probability(f, p)
    )


cdef inline bint layout_of_is_right(
    const char* f, int axes, const Py_ssize_t* length, const Py_ssize_t* stride, uint64_t shared,
    dropcore_layout* layout,
) noexcept nogil:
    return (
        axes_count(f, axes)
        and given(f, "layout", layout, 8)
        and needed(f, "length", length, axes, sizeof(Py_ssize_t))
    )


cdef inline bint layout_decisions_is_right(
    const char* f, const dropcore_layout* layout,
) noexcept nogil:
    return (
        given(f, "layout", layout, 8)
    )


cdef inline bint layout_scratch_is_right(
    const char* f, const dropcore_layout* layout,
) noexcept nogil:
    return (
        given(f, "layout", layout, 8)
    )


cdef inline bint forward_is_right(
    const char* f, size_t size, const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const void* x, void* y, uint8_t* bits,
) noexcept nogil:
    return (
        given(f, "draw", draw, 8)
        and probability(f, p)
        and count(f, "n", n)
        and reaches(f, "start", start, n)
        and needed(f, "x", x, n, size)
        and needed(f, "y", y, n, size)
        and apart(f, "x", x, "y", y, n, size)
    )


cdef inline bint backward_is_right(
    const char* f, size_t size, const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const void* dy, void* dx, const uint8_t* bits,
) noexcept nogil:
    return (
        given(f, "draw", draw, 8)
        and probability(f, p)
        and count(f, "n", n)
        and reaches(f, "start", start, n)
        and needed(f, "dy", dy, n, size)
        and needed(f, "dx", dx, n, size)
        and apart(f, "dy", dy, "dx", dx, n, size)
    )


cdef inline bint forward_plan_is_right(
    const char* f, size_t size, const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const dropcore_plan* plan, const void* x, void* y, uint8_t* bits,
) noexcept nogil:
    return (
        given(f, "draw", draw, 8)
        and probability(f, p)
        and count(f, "n", n)
        and given(f, "plan", plan, 8)
        and reaches(f, "start", start, n)
        and needed(f, "x", x, n, size)
        and needed(f, "y", y, n, size)
        and apart(f, "x", x, "y", y, n, size)
    )


cdef inline bint select_is_right(
    const char* f, size_t size, const uint8_t* bits, uint64_t first, Py_ssize_t n,
    const dropcore_plan* plan, const void* x, void* y,
) noexcept nogil:
    return (
        count(f, "n", n)
        and given(f, "plan", plan, 8)
        and reaches(f, "first", first, n)
        and needed(f, "bits", bits, n, 1)
        and needed(f, "x", x, n, size)
        and needed(f, "y", y, n, size)
        and apart(f, "x", x, "y", y, n, size)
    )


cdef inline bint repeat_is_right(
    const char* f, size_t size, const uint8_t* bits, uint64_t first, Py_ssize_t decisions,
    Py_ssize_t times, const dropcore_plan* plan, const void* x, void* y,
) noexcept nogil:
    return (
        count(f, "decisions", decisions)
        and count(f, "times", times)
        and given(f, "plan", plan, 8)
        and product(f, decisions, times)
        and reaches(f, "first", first, decisions)
        and needed(f, "bits", bits, decisions * times, 1)
        and needed(f, "x", x, decisions * times, size)
        and needed(f, "y", y, decisions * times, size)
        and apart(f, "x", x, "y", y, decisions * times, size)
    )


cdef inline bint tile_is_right(
    const char* f, size_t size, const uint8_t* bits, uint64_t first, Py_ssize_t decisions,
    Py_ssize_t times, const dropcore_plan* plan, const void* x, void* y,
) noexcept nogil:
    return (
        count(f, "decisions", decisions)
        and count(f, "times", times)
        and given(f, "plan", plan, 8)
        and product(f, decisions, times)
        and reaches(f, "first", first, decisions)
        and needed(f, "bits", bits, decisions * times, 1)
        and needed(f, "x", x, decisions * times, size)
        and needed(f, "y", y, decisions * times, size)
        and apart(f, "x", x, "y", y, decisions * times, size)
    )


cdef inline bint select_layout_is_right(
    const char* f, size_t size, const dropcore_layout* layout, const uint8_t* bits,
    const dropcore_plan* plan, const void* x, void* y, uint8_t* scratch,
) noexcept nogil:
    return (
        given(f, "layout", layout, 8)
        and given(f, "plan", plan, 8)
        and needed(f, "bits", bits, layout.elements, 1)
        and needed(f, "x", x, layout.elements, size)
        and needed(f, "y", y, layout.elements, size)
        and needed(f, "scratch", scratch, (layout.reordered + 31) // 32, 4)
        and apart(f, "x", x, "y", y, layout.elements, size)
    )


cdef inline bint shard_of_is_right(
    const char* f, int axes, const Py_ssize_t* whole, const Py_ssize_t* offset,
    const Py_ssize_t* length, uint64_t shared, dropcore_shard* shard,
) noexcept nogil:
    return (
        axes_count(f, axes)
        and given(f, "shard", shard, 8)
        and needed(f, "whole", whole, axes, sizeof(Py_ssize_t))
        and needed(f, "offset", offset, axes, sizeof(Py_ssize_t))
        and needed(f, "length", length, axes, sizeof(Py_ssize_t))
    )


cdef inline bint shard_decisions_is_right(
    const char* f, const dropcore_shard* shard,
) noexcept nogil:
    return (
        given(f, "shard", shard, 8)
    )


cdef inline bint keep_shard_is_right(
    const char* f, const dropcore_draw* draw, double p, const dropcore_shard* shard,
    Py_ssize_t first, Py_ssize_t n, uint8_t* bits,
) noexcept nogil:
    return (
        given(f, "draw", draw, 8)
        and probability(f, p)
        and given(f, "shard", shard, 8)
        and count(f, "first", first)
        and count(f, "n", n)
        and in_shard(f, first, n, shard)
        and needed(f, "bits", bits, n, 1)
    )


cdef inline bint forward_shard_is_right(
    const char* f, size_t size, const dropcore_draw* draw, double p, const dropcore_shard* shard,
    Py_ssize_t first, Py_ssize_t n, const dropcore_plan* plan, const void* x, void* y,
    uint8_t* bits,
) noexcept nogil:
    return (
        given(f, "draw", draw, 8)
        and probability(f, p)
        and given(f, "shard", shard, 8)
        and count(f, "first", first)
        and count(f, "n", n)
        and given(f, "plan", plan, 8)
        and in_shard(f, first, n, shard)
        and needed(f, "x", x, n, size)
        and needed(f, "y", y, n, size)
        and apart(f, "x", x, "y", y, n, size)
    )
# end of tests
