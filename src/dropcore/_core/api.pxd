# What other compiled code may call: `from dropcore cimport ...`. dropcore.h is the same
# for C, and docs/engines.md explains both.
#
# Free functions over pointers and counts, no GIL, no allocation, no errors. No
# function is fused, no class is exported, no struct is passed by value, and the structs
# are to be passed, not looked into: so the interface can grow without breaking what was
# compiled against it.
#
# n counts elements; `start` is the first element's place in the whole mask, so that
# pieces can be run apart. Packed bits are (n+7)//8 bytes, bit i%8 of byte i//8 is
# element i of the piece. y may be x, dx may be dy. p is in [0, 1]. float16 and bfloat16
# are passed as their 16 bits. Pointers may be NULL where nothing is to be read or written.
# Elements are in C order, or in that of a layout.

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

from dropcore._core.table cimport DrawAddress, Layout, Path, Plan, Shard

cdef enum:
    DROPCORE_ABI = 1  # as in dropcore.h

ctypedef DrawAddress dropcore_draw
ctypedef Plan dropcore_plan
ctypedef Path dropcore_path
ctypedef Layout dropcore_layout
ctypedef Shard dropcore_shard

# written by tools/write_interface.py: declarations
# --------------------------------------------------------------- keys and draws

# DROPCORE_ABI of the installed dropcore, for callers whose calls no compiler checks.
cdef uint32_t dropcore_abi() noexcept nogil

# A path begins with a seed; each part leads one child further. A path can go on after a
# draw was taken from it, and can be copied.
cdef void dropcore_path_of_integer(
    uint64_t seed,
    dropcore_path* path,  # OUT
) noexcept nogil

cdef void dropcore_path_of_bytes(
    const uint8_t* seed, Py_ssize_t n,
    dropcore_path* path,  # OUT
) noexcept nogil

cdef void dropcore_path_add_integer(
    dropcore_path* path,  # INOUT
    uint64_t part,
) noexcept nogil

cdef void dropcore_path_add_text(
    dropcore_path* path,  # INOUT
    const char* utf8, Py_ssize_t n,
) noexcept nogil

cdef void dropcore_draw_at(
    const dropcore_path* path, uint64_t index,
    dropcore_draw* draw,  # OUT
) noexcept nogil

cdef void dropcore_set_index(
    dropcore_draw* draw,  # INOUT
    uint64_t index,
) noexcept nogil

# ---------------------------------------------- decisions, raw words, the scale

# Decisions alone.
cdef void dropcore_keep_bits(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    uint8_t* bits,  # OUT
) noexcept nogil

# Raw 64-bit words for other noise.
cdef void dropcore_words(
    const dropcore_draw* draw, uint64_t start, Py_ssize_t n,
    uint64_t* words,  # OUT
) noexcept nogil

# 1 / (1 - p) as forward takes it, 0 for p == 1: the scale of standard dropout.
cdef double dropcore_scale(double p) noexcept nogil

# ---------------------------------------------------------------------- layouts

# The layout of an array of at most 64 axes. A step along one of them skips so many elements
# of memory as `stride` says; NULL for C order. Bit a of `shared` says that decisions are
# shared along axis a. Returns 1; 0 where the elements are not one run of memory in any
# order of the axes.
cdef int32_t dropcore_layout_of(
    int axes, const Py_ssize_t* length, const Py_ssize_t* stride, uint64_t shared,
    dropcore_layout* layout,  # OUT
) noexcept nogil

# How many decisions `select_layout` reads: those of a mask in C order.
cdef Py_ssize_t dropcore_layout_decisions(const dropcore_layout* layout) noexcept nogil

# How many bytes it needs to lay them out anew; 0 where that is not needed.
cdef Py_ssize_t dropcore_layout_scratch(const dropcore_layout* layout) noexcept nogil

# --------------------------------------------------------------- for each dtype

# Standard dropout; bits: OUT, or NULL.
cdef void dropcore_forward_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const float* x, float* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const double* x, double* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil

# Its gradient; bits: what forward wrote, or NULL: made again from the draw.
cdef void dropcore_backward_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const float* dy, float* dx, const uint8_t* bits,
) noexcept nogil

cdef void dropcore_backward_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const double* dy, double* dx, const uint8_t* bits,
) noexcept nogil

cdef void dropcore_backward_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* dy, uint16_t* dx, const uint8_t* bits,
) noexcept nogil

cdef void dropcore_backward_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* dy, uint16_t* dx, const uint8_t* bits,
) noexcept nogil

# As forward, by a plan. The gradient of it is `select` with shift = drop = 0.
cdef void dropcore_forward_plan_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const dropcore_plan* plan, const float* x, float* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_plan_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const dropcore_plan* plan, const double* x, double* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_plan_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_plan_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil

# n elements by n bits, from bit `first` on.
cdef void dropcore_select_float32(
    const uint8_t* bits, uint64_t first, Py_ssize_t n,
    const dropcore_plan* plan, const float* x, float* y,
) noexcept nogil

cdef void dropcore_select_float64(
    const uint8_t* bits, uint64_t first, Py_ssize_t n,
    const dropcore_plan* plan, const double* x, double* y,
) noexcept nogil

cdef void dropcore_select_float16(
    const uint8_t* bits, uint64_t first, Py_ssize_t n,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil

cdef void dropcore_select_bfloat16(
    const uint8_t* bits, uint64_t first, Py_ssize_t n,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil

# Inner axes shared: each of `decisions` holds for `times` neighbours.
cdef void dropcore_repeat_float32(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const float* x, float* y,
) noexcept nogil

cdef void dropcore_repeat_float64(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const double* x, double* y,
) noexcept nogil

cdef void dropcore_repeat_float16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil

cdef void dropcore_repeat_bfloat16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil

# Outer axes shared: the row of `decisions` holds for each of `times` rows.
cdef void dropcore_tile_float32(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const float* x, float* y,
) noexcept nogil

cdef void dropcore_tile_float64(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const double* x, double* y,
) noexcept nogil

cdef void dropcore_tile_float16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil

cdef void dropcore_tile_bfloat16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil

# All elements of an array by the decisions of a mask.
cdef void dropcore_select_layout_float32(
    const dropcore_layout* layout, const uint8_t* bits,
    const dropcore_plan* plan, const float* x, float* y,
    uint8_t* scratch,  # OUT: of layout_scratch bytes
) noexcept nogil

cdef void dropcore_select_layout_float64(
    const dropcore_layout* layout, const uint8_t* bits,
    const dropcore_plan* plan, const double* x, double* y,
    uint8_t* scratch,  # OUT: of layout_scratch bytes
) noexcept nogil

cdef void dropcore_select_layout_float16(
    const dropcore_layout* layout, const uint8_t* bits,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
    uint8_t* scratch,  # OUT: of layout_scratch bytes
) noexcept nogil

cdef void dropcore_select_layout_bfloat16(
    const dropcore_layout* layout, const uint8_t* bits,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
    uint8_t* scratch,  # OUT: of layout_scratch bytes
) noexcept nogil

# ----------------------------------------------------------------------- shards

# The block of these lengths that begins at `offset` in an array of lengths `whole`, of at
# most 64 axes. Bit a of `shared` says that decisions are shared along axis a. Returns 1; 0
# where the block is not within the array, or that has 2^63 elements or more.
cdef int32_t dropcore_shard_of(
    int axes, const Py_ssize_t* whole, const Py_ssize_t* offset,
    const Py_ssize_t* length, uint64_t shared,
    dropcore_shard* shard,  # OUT
) noexcept nogil

# How many decisions the block has.
cdef Py_ssize_t dropcore_shard_decisions(const dropcore_shard* shard) noexcept nogil

# As keep_bits, of a block: n of its decisions from number `first` on, in C order of the
# block.
cdef void dropcore_keep_shard(
    const dropcore_draw* draw, double p, const dropcore_shard* shard,
    Py_ssize_t first, Py_ssize_t n,
    uint8_t* bits,  # OUT
) noexcept nogil

# ------------------------------------------------------- shards, for each dtype

# As forward_plan, of a block where no decision is shared; x and y begin with its element
# number `first`.
cdef void dropcore_forward_shard_float32(
    const dropcore_draw* draw, double p, const dropcore_shard* shard,
    Py_ssize_t first, Py_ssize_t n,
    const dropcore_plan* plan, const float* x, float* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_shard_float64(
    const dropcore_draw* draw, double p, const dropcore_shard* shard,
    Py_ssize_t first, Py_ssize_t n,
    const dropcore_plan* plan, const double* x, double* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_shard_float16(
    const dropcore_draw* draw, double p, const dropcore_shard* shard,
    Py_ssize_t first, Py_ssize_t n,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil

cdef void dropcore_forward_shard_bfloat16(
    const dropcore_draw* draw, double p, const dropcore_shard* shard,
    Py_ssize_t first, Py_ssize_t n,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil
# end of declarations
