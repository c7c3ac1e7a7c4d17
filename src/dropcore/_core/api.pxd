# The functions for other compiled code: `from dropcore cimport ...`. dropcore.h has the same
# functions for C, and docs/engines.md explains the functions.
#
# The functions take pointers and counts, and allocate nothing. Only `draw_of` needs the GIL. Most
# functions report no errors. No function is fused, no class is exported, and no struct is passed by
# value. Callers fill the fields of `dropcore_plan`, and must not use the fields of the other
# structs. So the interface can grow without breaking code that was compiled against it. Two parts
# of this repository are exceptions. The inline functions of core/shard_views.pxd, which are
# compiled into the caller, read `shared` of `dropcore_shard`. dropcore-torch reads fields of
# `dropcore_layout`.
#
# A call computes n elements, which may be a piece of a larger array: `start` is the index of the
# first element in the whole mask. Packed bits are (n+7)//8 bytes; bit i%8 of byte i//8 belongs to
# element i of the piece, and is 1 if the element is kept. y may be x, dx may be dy. p is in [0, 1].
# float16 and bfloat16 are passed as their 16 bits. A pointer to elements or bits may be NULL if
# nothing is read or written through it. Elements are in C order, except for `select_layout`, which
# takes elements in the order of memory.

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

# Returns DROPCORE_ABI of the installed dropcore. Callers that declare the signatures
# themselves, as with ctypes, compare it with the ABI that they declare.
cdef uint32_t dropcore_abi() noexcept nogil

# A path names a stream: a seed, then parts. Adding a part gives the path of a child stream.
# A path can be copied, and extended after `draw_at`.
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

# Writes the decisions of n elements as packed bits.
cdef void dropcore_keep_bits(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    uint8_t* bits,  # OUT
) noexcept nogil

# Writes n raw random words of 64 bits, from word `start` on, for noise other than dropout.
cdef void dropcore_words(
    const dropcore_draw* draw, uint64_t start, Py_ssize_t n,
    uint64_t* words,  # OUT
) noexcept nogil

# The scale of standard dropout, as forward uses it: 1 / (1 - q) with q = floor(p * 2^64) /
# 2^64; 0 for p == 1.
cdef double dropcore_scale(double p) noexcept nogil

# ---------------------------------------------------------------------- layouts

# Makes the layout of an array. `stride`: for each axis, in elements; NULL for C order. Bit
# a of `shared` says that decisions are shared along axis a. Returns 1 if the layout was
# made. Returns 0, and sets all fields to 0, if the array has more than 64 axes, gaps,
# elements that share memory, a negative length, a negative stride of an axis longer than 1,
# or 2^63 elements or more (an axis of length 0 counts as 1), or if `shared` names an axis
# that the array does not have.
cdef int32_t dropcore_layout_of(
    int axes, const Py_ssize_t* length, const Py_ssize_t* stride, uint64_t shared,
    dropcore_layout* layout,  # OUT
) noexcept nogil

# The number of bits that `select_layout` reads. The bits are in C order of the axes, not in
# the order of memory.
cdef Py_ssize_t dropcore_layout_decisions(const dropcore_layout* layout) noexcept nogil

# The size in bytes of the scratch memory that `select_layout` needs; may be 0. The memory
# must be aligned to 4 bytes.
cdef Py_ssize_t dropcore_layout_scratch(const dropcore_layout* layout) noexcept nogil

# --------------------------------------------------------------- for each dtype

# Standard dropout. `bits`: OUT, or NULL to write no bits.
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

# The gradient of forward. `bits`: the bits that forward wrote, or NULL to make the
# decisions again from the draw.
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

# Like forward, with a plan. For the gradient, call `select` with the bits from this call,
# and with shift = drop = 0.
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

# Selects n elements by n given bits. Bit `first` belongs to the first element.
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

# Like select, for shared inner axes: each of `decisions` bits holds for `times`
# neighbouring elements.
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

# Like select, for shared outer axes: one row of `decisions` bits holds for each of `times`
# rows of elements.
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

# Selects all elements of an array by given bits, with a layout.
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

# Makes the shard for a block that begins at `offset` in a whole array. `whole` and `length`
# are the lengths of the axes of the whole array and of the block. Bit a of `shared` says
# that decisions are shared along axis a. Returns 1 if the shard was made. Returns 0, and
# sets all fields to 0, if the block is not within the whole array, if the whole array has
# more than 64 axes or 2^63 elements or more (an axis of length 0 counts as 1), or if
# `shared` names an axis that the whole array does not have.
cdef int32_t dropcore_shard_of(
    int axes, const Py_ssize_t* whole, const Py_ssize_t* offset,
    const Py_ssize_t* length, uint64_t shared,
    dropcore_shard* shard,  # OUT
) noexcept nogil

# The number of decisions of the block.
cdef Py_ssize_t dropcore_shard_decisions(const dropcore_shard* shard) noexcept nogil

# Like keep_bits, for a block: writes n decisions from the block's decision `first` on, in C
# order of the block.
cdef void dropcore_keep_shard(
    const dropcore_draw* draw, double p, const dropcore_shard* shard,
    Py_ssize_t first, Py_ssize_t n,
    uint8_t* bits,  # OUT
) noexcept nogil

# ------------------------------------------------------- shards, for each dtype

# Like forward_plan, for a block without shared decisions. x and y begin with the block's
# element `first`.
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
