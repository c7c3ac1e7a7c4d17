# The declarations that the whole compiled core shares: the structs of arguments, and the table
# of kernels that each instruction set fills. Change the declarations in tools/interface.py.

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

# In C the structs have the names of dropcore.h.

# written by tools/write_interface.py: structs
# The address of the decisions of one call, in 40 bytes. Do not use the fields.
cdef struct DrawAddress "dropcore_draw":
    uint32_t key[8]
    uint64_t index


# The rule for values: a kept element becomes x * scale + shift, a dropped element becomes
# `drop`. The product and the sum are each rounded to float64 for float64 elements, and to
# float32 for all others.
cdef struct Plan "dropcore_plan":
    double scale
    double shift
    double drop


# A seed, and the parts of the path below the seed. Do not use the fields.
cdef struct Path "dropcore_path":
    uint64_t hash[8]
    uint8_t block[128]
    uint64_t length


# Which decision belongs to which element of an array, in the order of memory. Do not use
# the fields.
cdef struct Layout "dropcore_layout":
    Py_ssize_t elements
    Py_ssize_t decisions
    int32_t dense
    int32_t repeats
    Py_ssize_t n
    Py_ssize_t times
    Py_ssize_t steps
    int32_t loops
    Py_ssize_t loop_length[64]
    Py_ssize_t loop_stride[64]
    Py_ssize_t reordered
    int32_t axes
    Py_ssize_t length[64]
    Py_ssize_t stride[64]


# Where the decisions of a block lie in the mask of a larger array. Do not use the fields.
cdef struct Shard "dropcore_shard":
    uint64_t start
    Py_ssize_t n
    Py_ssize_t rows
    int32_t loops
    int32_t shared
    Py_ssize_t loop_length[64]
    Py_ssize_t loop_stride[64]
# end of structs


cdef enum:
    MAX_AXES = 64  # of a NumPy array


# The arguments of the kernels. x is IN. y is OUT, and may be x unless `nontemporal` is set.
# `nontemporal`: the kernel may use non-temporal stores (nontemporal.pxd). In keep_bits, forward and
# their forms for shards, `bits` is OUT, and forward may get NULL; in the other kernels `bits` is
# IN. When a kernel returns, other threads can read all that it has written.

# written by tools/write_interface.py: kernels
# The order of the arrays in KernelTable.
cdef enum Dtype:
    FLOAT32
    FLOAT64
    FLOAT16
    BFLOAT16
    DTYPES

ctypedef void (*keep_bits_kernel)(
    const DrawAddress* draw, double p, uint64_t start, Py_ssize_t n, uint8_t* bits,
) noexcept nogil

ctypedef void (*words_kernel)(
    const DrawAddress* draw, uint64_t start, Py_ssize_t n, uint64_t* words,
) noexcept nogil

ctypedef void (*reorder_kernel)(
    const uint8_t* bits, int axes, const Py_ssize_t* length, const Py_ssize_t* stride, uint8_t* out,
) noexcept nogil

ctypedef void (*forward_plan_kernel)(
    const DrawAddress* draw, double p, uint64_t start, Py_ssize_t n, Plan plan, bint nontemporal,
    const void* x, void* y, uint8_t* bits,
) noexcept nogil

ctypedef void (*select_kernel)(
    const uint8_t* bits, uint64_t first, Py_ssize_t n, Plan plan, bint nontemporal, const void* x,
    void* y,
) noexcept nogil

ctypedef void (*repeat_kernel)(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times, Plan plan,
    bint nontemporal, const void* x, void* y,
) noexcept nogil

ctypedef void (*tile_kernel)(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times, Plan plan,
    bint nontemporal, const void* x, void* y,
) noexcept nogil

ctypedef void (*keep_shard_kernel)(
    const DrawAddress* draw, double p, const Shard* shard, Py_ssize_t first, Py_ssize_t n,
    uint8_t* bits,
) noexcept nogil

ctypedef void (*forward_shard_kernel)(
    const DrawAddress* draw, double p, const Shard* shard, Py_ssize_t first, Py_ssize_t n,
    Plan plan, bint nontemporal, const void* x, void* y, uint8_t* bits,
) noexcept nogil


cdef struct KernelTable:
    keep_bits_kernel keep_bits
    words_kernel words
    reorder_kernel reorder
    forward_plan_kernel[<int> DTYPES] forward_plan
    select_kernel[<int> DTYPES] select
    repeat_kernel[<int> DTYPES] repeat
    tile_kernel[<int> DTYPES] tile
    keep_shard_kernel keep_shard
    forward_shard_kernel[<int> DTYPES] forward_shard
# end of kernels
