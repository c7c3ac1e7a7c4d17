# Calls dropcore.core without the GIL; built by test_cython.py against the installed package.

from cython cimport floating
from libc.stdint cimport uint8_t, uint16_t, uint64_t

from dropcore cimport (
    core, dropcore_draw, dropcore_draw_of, dropcore_shard, dropcore_shard_of,
)


def keep_bits(draw, double p, uint8_t[::1] bits, Py_ssize_t n, uint64_t start):
    cdef dropcore_draw address
    dropcore_draw_of(draw, &address)
    with nogil:
        core.keep_bits(&address, p, bits, n, start)


def forward(
    draw, double p, const floating[::1] x, floating[::1] y, uint8_t[::1] bits, uint64_t start
):
    cdef dropcore_draw address
    dropcore_draw_of(draw, &address)
    with nogil:
        core.forward(&address, p, x, y, bits, start)


def backward(
    draw, double p, const floating[::1] x, floating[::1] y, const uint8_t[::1] bits, uint64_t start
):
    cdef dropcore_draw address
    dropcore_draw_of(draw, &address)
    with nogil:
        core.backward(&address, p, x, y, bits, start)


def by_bits(
    const uint8_t[::1] bits, const floating[::1] x, floating[::1] y, double scale, double shift,
    double drop, Py_ssize_t decisions, Py_ssize_t times, uint64_t first, str how
):
    cdef int kind = ("select", "repeat", "tile").index(how)
    with nogil:
        if kind == 0:
            core.select(bits, x, y, scale, shift, drop, first)
        elif kind == 1:
            core.repeat(bits, decisions, times, x, y, scale, shift, drop, first)
        else:
            core.tile(bits, decisions, times, x, y, scale, shift, drop, first)


def forward_plan(draw, double p, const floating[::1] x, floating[::1] y, plan, uint8_t[::1] bits):
    cdef dropcore_draw address
    cdef double scale = plan[0], shift = plan[1], drop = plan[2]
    dropcore_draw_of(draw, &address)
    with nogil:
        core.forward_plan(&address, p, x, y, scale, shift, drop, bits)


def halves(
    draw, double p, const uint16_t[::1] x, uint16_t[::1] y, uint8_t[::1] bits, bint brain, plan,
    Py_ssize_t times
):
    """Every function of a half type, one after another; y after each."""
    cdef dropcore_draw address
    cdef double scale = plan[0], shift = plan[1], drop = plan[2]
    cdef Py_ssize_t n = x.shape[0], decisions = n // times
    results = []
    dropcore_draw_of(draw, &address)
    with nogil:
        if brain:
            core.forward_bfloat16(&address, p, x, y, bits)
        else:
            core.forward_float16(&address, p, x, y, bits)
    results.append(bytes(memoryview(y).cast("B")))
    with nogil:
        if brain:
            core.backward_bfloat16(&address, p, x, y)
        else:
            core.backward_float16(&address, p, x, y)
    results.append(bytes(memoryview(y).cast("B")))
    with nogil:
        if brain:
            core.forward_plan_bfloat16(&address, p, x, y, scale, shift, drop)
        else:
            core.forward_plan_float16(&address, p, x, y, scale, shift, drop)
    results.append(bytes(memoryview(y).cast("B")))
    with nogil:
        if brain:
            core.select_bfloat16(bits, x, y, scale, shift, drop)
        else:
            core.select_float16(bits, x, y, scale, shift, drop)
    results.append(bytes(memoryview(y).cast("B")))
    with nogil:
        if brain:
            core.repeat_bfloat16(bits, decisions, times, x, y, scale)
        else:
            core.repeat_float16(bits, decisions, times, x, y, scale)
    results.append(bytes(memoryview(y).cast("B")))
    with nogil:
        if brain:
            core.tile_bfloat16(bits, decisions, times, x, y, scale)
        else:
            core.tile_float16(bits, decisions, times, x, y, scale)
    results.append(bytes(memoryview(y).cast("B")))
    return results


cdef struct Block:
    dropcore_draw draw
    dropcore_shard shard


cdef Block block_of(draw, whole, offsets, lengths, uint64_t shared=0) except *:
    cdef Py_ssize_t[64] all_, offset, length
    cdef Block block
    cdef int axis
    for axis in range(len(whole)):
        all_[axis], offset[axis], length[axis] = whole[axis], offsets[axis], lengths[axis]
    dropcore_draw_of(draw, &block.draw)
    assert dropcore_shard_of(len(whole), all_, offset, length, shared, &block.shard)
    return block


def keep_shard(draw, double p, whole, offsets, lengths, uint8_t[::1] bits):
    cdef Block block = block_of(draw, whole, offsets, lengths)
    with nogil:
        core.keep_shard(&block.draw, p, &block.shard, bits)


def forward_shard(
    draw, double p, whole, offsets, lengths, const floating[::1] x, floating[::1] y, plan,
    uint8_t[::1] bits
):
    cdef Block block = block_of(draw, whole, offsets, lengths)
    cdef double scale = plan[0], shift = plan[1], drop = plan[2]
    with nogil:
        core.forward_shard(&block.draw, p, &block.shard, x, y, scale, shift, drop, bits)


def forward_shared_shard(draw, whole, offsets, lengths, const float[::1] x, float[::1] y):
    cdef Block block = block_of(draw, whole, offsets, lengths, 2)
    with nogil:
        core.forward_shard(&block.draw, 0.5, &block.shard, x, y, 2.0)


def forward_shard_of_halves(
    draw, double p, whole, offsets, lengths, const uint16_t[::1] x, uint16_t[::1] y, plan,
    bint brain
):
    cdef Block block = block_of(draw, whole, offsets, lengths)
    cdef double scale = plan[0], shift = plan[1], drop = plan[2]
    with nogil:
        if brain:
            core.forward_shard_bfloat16(&block.draw, p, &block.shard, x, y, scale, shift, drop)
        else:
            core.forward_shard_float16(&block.draw, p, &block.shard, x, y, scale, shift, drop)
