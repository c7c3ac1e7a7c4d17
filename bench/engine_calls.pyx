# Loops that call the exported functions like an engine in Cython: each call has a new draw index.

from libc.stdint cimport uint8_t, uint64_t

from dropcore cimport (
    core, dropcore_backward_float32, dropcore_draw, dropcore_draw_at, dropcore_forward_float32,
    dropcore_keep_bits, dropcore_path, dropcore_path_add_integer, dropcore_path_of_integer,
    dropcore_set_index,
)


cdef dropcore_draw first_draw() noexcept nogil:
    cdef dropcore_path path
    cdef dropcore_draw draw
    dropcore_path_of_integer(42, &path)
    dropcore_draw_at(&path, 0, &draw)
    return draw


def forward(uint64_t calls, double p, const float[::1] x, float[::1] y):
    """Standard dropout; no bits are written."""
    cdef dropcore_draw draw = first_draw()
    cdef uint64_t index
    with nogil:
        for index in range(calls):
            dropcore_set_index(&draw, index)
            dropcore_forward_float32(&draw, p, 0, x.shape[0], &x[0], &y[0], NULL)


def forward_with_bits(uint64_t calls, double p, const float[::1] x, float[::1] y):
    """Standard dropout; the bits are written to one word."""
    cdef dropcore_draw draw = first_draw()
    cdef uint8_t[64] bits
    cdef uint64_t index
    with nogil:
        for index in range(calls):
            dropcore_set_index(&draw, index)
            dropcore_forward_float32(&draw, p, 0, x.shape[0], &x[0], &y[0], bits)


def backward_from_bits(uint64_t calls, double p, const float[::1] x, float[::1] y):
    """The gradient, from given bits."""
    cdef dropcore_draw draw = first_draw()
    cdef uint8_t[64] bits
    cdef uint64_t _index
    with nogil:
        dropcore_keep_bits(&draw, p, 0, x.shape[0], bits)
        for _index in range(calls):
            dropcore_backward_float32(&draw, p, 0, x.shape[0], &x[0], &y[0], bits)


def forward_of_views(uint64_t calls, double p, const float[::1] x, float[::1] y):
    """Standard dropout over typed memoryviews, which are checked in each call."""
    cdef dropcore_draw draw = first_draw()
    cdef uint64_t index
    with nogil:
        for index in range(calls):
            dropcore_set_index(&draw, index)
            core.forward(&draw, p, x, y)


def backward_of_views(uint64_t calls, double p, const float[::1] x, float[::1] y):
    """The gradient, from given bits, over typed memoryviews."""
    cdef dropcore_draw draw = first_draw()
    cdef uint8_t[64] memory
    cdef uint8_t[::1] bits = <uint8_t[:(x.shape[0] + 7) >> 3]> memory
    cdef uint64_t _index
    with nogil:
        core.keep_bits(&draw, p, bits, x.shape[0])
        for _index in range(calls):
            core.backward(&draw, p, x, y, bits)


def key(uint64_t calls, double p, const float[::1] x, float[::1] y):
    """The key for a seed and a path of one part."""
    cdef dropcore_path path, child
    cdef dropcore_draw draw
    cdef uint64_t index
    with nogil:
        dropcore_path_of_integer(42, &path)
        for index in range(calls):
            child = path
            dropcore_path_add_integer(&child, index)
            dropcore_draw_at(&child, 0, &draw)
