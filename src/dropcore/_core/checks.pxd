# For each exported function, one function that checks a call. `f` is the name of the exported
# function, for the message. Counts are checked before the pointers whose check needs a count.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t

from dropcore._core.api cimport (
    dropcore_draw, dropcore_layout, dropcore_path, dropcore_plan, dropcore_shard,
)
from dropcore._core.claims cimport (
    apart, axes_count, bits_apart, count, given, in_shard, layout_was_made, needed, probability,
    product, reaches, scratch_apart, shard_was_made, unshared,
)
from dropcore._core.layout cimport scratch_bytes

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
        and layout_was_made(f, layout)
    )


cdef inline bint layout_scratch_is_right(
    const char* f, const dropcore_layout* layout,
) noexcept nogil:
    return (
        given(f, "layout", layout, 8)
        and layout_was_made(f, layout)
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
        and bits_apart(f, bits, 0, n, "x", x, n * size)
        and bits_apart(f, bits, 0, n, "y", y, n * size)
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
        and bits_apart(f, bits, 0, n, "dy", dy, n * size)
        and bits_apart(f, bits, 0, n, "dx", dx, n * size)
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
        and bits_apart(f, bits, 0, n, "x", x, n * size)
        and bits_apart(f, bits, 0, n, "y", y, n * size)
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
        and bits_apart(f, bits, first, n, "x", x, n * size)
        and bits_apart(f, bits, first, n, "y", y, n * size)
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
        and bits_apart(f, bits, first, decisions, "x", x, decisions * times * size)
        and bits_apart(f, bits, first, decisions, "y", y, decisions * times * size)
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
        and bits_apart(f, bits, first, decisions, "x", x, decisions * times * size)
        and bits_apart(f, bits, first, decisions, "y", y, decisions * times * size)
    )


cdef inline bint select_layout_is_right(
    const char* f, size_t size, const dropcore_layout* layout, const uint8_t* bits,
    const dropcore_plan* plan, const void* x, void* y, uint8_t* scratch,
) noexcept nogil:
    return (
        given(f, "layout", layout, 8)
        and layout_was_made(f, layout)
        and given(f, "plan", plan, 8)
        and needed(f, "bits", bits, layout.elements, 1)
        and needed(f, "x", x, layout.elements, size)
        and needed(f, "y", y, layout.elements, size)
        and needed(f, "scratch", scratch, scratch_bytes(layout), 4)
        and apart(f, "x", x, "y", y, layout.elements, size)
        and bits_apart(f, bits, 0, layout.decisions, "x", x, layout.elements * size)
        and scratch_apart(f, scratch, layout, "x", x, layout.elements * size)
        and bits_apart(f, bits, 0, layout.decisions, "y", y, layout.elements * size)
        and scratch_apart(f, scratch, layout, "y", y, layout.elements * size)
        and scratch_apart(f, scratch, layout, "bits", bits, (layout.decisions + 7) >> 3)
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
        and shard_was_made(f, shard)
    )


cdef inline bint keep_shard_is_right(
    const char* f, const dropcore_draw* draw, double p, const dropcore_shard* shard,
    Py_ssize_t first, Py_ssize_t n, uint8_t* bits,
) noexcept nogil:
    return (
        given(f, "draw", draw, 8)
        and probability(f, p)
        and given(f, "shard", shard, 8)
        and shard_was_made(f, shard)
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
        and shard_was_made(f, shard)
        and count(f, "first", first)
        and count(f, "n", n)
        and given(f, "plan", plan, 8)
        and unshared(f, shard)
        and in_shard(f, first, n, shard)
        and needed(f, "x", x, n, size)
        and needed(f, "y", y, n, size)
        and apart(f, "x", x, "y", y, n, size)
        and bits_apart(f, bits, 0, n, "x", x, n * size)
        and bits_apart(f, bits, 0, n, "y", y, n * size)
    )
# end of tests
