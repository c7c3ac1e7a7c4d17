# The kernels: one text, compiled once for each instruction set. A kernel allocates nothing, touches
# no Python object, and reads and writes only the n elements of the call and their bits.
#
# Read docs/mask-stream.md, sections 2 to 5, first: they define block, group, plane, K, T, R and
# tie. docs/glossary.md has the other words, such as keep word, stage and row. Then read the files
# in the order of the `include` lines below. In the lists of arguments, IN marks memory that the
# function reads, OUT memory that it writes, and INOUT memory that it reads and writes.

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.math cimport signbit
from libc.string cimport memcpy, memset

from cpython.pycapsule cimport PyCapsule_New

from dropcore._core.table cimport MAX_AXES, DrawAddress, Plan, Shard

cdef extern from "machine.h":
    # Registers of 32-bit words, with the operators of an integer. For Cython they are declared as
    # integers of different widths, so that the fused type `word` can distinguish them.
    ctypedef unsigned long long lanes "dropcore_lanes"
    ctypedef unsigned int row "dropcore_row"
    row row_at "dropcore_row_at" (const uint32_t*) noexcept nogil
    row row_of "dropcore_row_of" (uint64_t, uint64_t) noexcept nogil
    void put_row "dropcore_put_row" (uint32_t*, row) noexcept nogil
    row turned_1 "dropcore_turned_1" (row) noexcept nogil
    row turned_2 "dropcore_turned_2" (row) noexcept nogil
    row turned_3 "dropcore_turned_3" (row) noexcept nogil
    const int WIDTH "DROPCORE_WIDTH"
    lanes spread "dropcore_spread" (uint32_t) noexcept nogil
    lanes numbered "dropcore_numbered" (uint32_t) noexcept nogil
    uint32_t nonzero "dropcore_nonzero" (lanes) noexcept nogil
    lanes rotate_16 "dropcore_rotate_16" (lanes) noexcept nogil
    lanes rotate_8 "dropcore_rotate_8" (lanes) noexcept nogil
    void put_lanes "dropcore_put_lanes" (uint32_t*, lanes) noexcept nogil
    uint32_t load_word "dropcore_load_word" (const uint8_t*) noexcept nogil
    void store_word "dropcore_store_word" (uint8_t*, uint32_t) noexcept nogil
    int lowest_bit "dropcore_lowest_bit" (uint32_t) noexcept nogil
    uint32_t float_bits "dropcore_float_bits" (float) noexcept nogil
    float bits_float "dropcore_bits_float" (uint32_t) noexcept nogil
    void prefetch "dropcore_prefetch" (const void*) noexcept nogil
    const bint HAS_NONTEMPORAL "DROPCORE_HAS_NONTEMPORAL"
    void choose "dropcore_choose" (
        uint32_t, size_t, bint, const void*, const void*, void*
    ) noexcept nogil
    void fence "dropcore_fence" () noexcept nogil

cdef enum:
    LANES = 16  # blocks in a group: as many as the widest registers have lanes
    WORDS = 256  # words in a group; keep words in a group at K = 1
    GROUP_WORDS = 32  # keep words in a group at K = 8
    DECISIONS = 1024  # decisions in a group at K = 8
    FEW = 2  # blocks: up to this number, single blocks are cheaper than a whole group
    LINE = 64  # bytes in a cache line
    PAGE = 4096  # bytes: addresses that differ by a multiple of PAGE alias (pipeline.pxi, D)
    BEHIND = 768  # bytes from y to the Pipeline, modulo PAGE, before rounding (`placed`)
    AHEAD = 1024  # bytes: x is prefetched this far ahead of a non-temporal select
    SHORT = 16  # elements: up to this number, one by one is cheaper than a select of 32
    STAGE = 256  # keep words in a stage of repeat, tile, a shard, or a forward with start % 32 > 0

include "kernels/element.pxi"
include "kernels/cipher.pxi"
include "kernels/decide.pxi"
include "kernels/select.pxi"
include "kernels/shared.pxi"
include "kernels/pipeline.pxi"
include "kernels/forward.pxi"
include "kernels/reorder.pxi"
include "kernels/shard.pxi"
include "kernels/shard_pipeline.pxi"


# written by tools/write_interface.py: table
from dropcore._core.table cimport (
    BFLOAT16, FLOAT16, FLOAT32, FLOAT64, KernelTable, forward_plan_kernel, forward_shard_kernel,
    repeat_kernel, select_kernel, tile_kernel,
)

cdef KernelTable table
table.keep_bits = keep_bits
table.words = words
table.reorder = reorder
table.forward_plan[<int> FLOAT32] = <forward_plan_kernel> forward_plan[float]
table.forward_plan[<int> FLOAT64] = <forward_plan_kernel> forward_plan[double]
table.forward_plan[<int> FLOAT16] = <forward_plan_kernel> forward_plan[float16]
table.forward_plan[<int> BFLOAT16] = <forward_plan_kernel> forward_plan[bfloat16]
table.select[<int> FLOAT32] = <select_kernel> select[float]
table.select[<int> FLOAT64] = <select_kernel> select[double]
table.select[<int> FLOAT16] = <select_kernel> select[float16]
table.select[<int> BFLOAT16] = <select_kernel> select[bfloat16]
table.repeat[<int> FLOAT32] = <repeat_kernel> repeat[float]
table.repeat[<int> FLOAT64] = <repeat_kernel> repeat[double]
table.repeat[<int> FLOAT16] = <repeat_kernel> repeat[float16]
table.repeat[<int> BFLOAT16] = <repeat_kernel> repeat[bfloat16]
table.tile[<int> FLOAT32] = <tile_kernel> tile[float]
table.tile[<int> FLOAT64] = <tile_kernel> tile[double]
table.tile[<int> FLOAT16] = <tile_kernel> tile[float16]
table.tile[<int> BFLOAT16] = <tile_kernel> tile[bfloat16]
table.keep_shard = keep_shard
table.forward_shard[<int> FLOAT32] = <forward_shard_kernel> forward_shard[float]
table.forward_shard[<int> FLOAT64] = <forward_shard_kernel> forward_shard[double]
table.forward_shard[<int> FLOAT16] = <forward_shard_kernel> forward_shard[float16]
table.forward_shard[<int> BFLOAT16] = <forward_shard_kernel> forward_shard[bfloat16]
# end of table

kernel_table = PyCapsule_New(&table, "dropcore.kernel_table", NULL)
has_nontemporal = HAS_NONTEMPORAL
