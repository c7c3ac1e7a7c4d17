# The C table of dropcore.h, in one capsule: the functions of api.pxd, and `draw_of`.
#
# The fields have the order of the header: a test compiled with the header calls every field.
# Within one DROPCORE_ABI fields are only added, at the end.

from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

from dropcore cimport rng
from dropcore._core cimport api
from dropcore._core.api cimport (
    DROPCORE_ABI, dropcore_draw, dropcore_layout, dropcore_path, dropcore_plan, dropcore_shard,
)

from dropcore.draw import STREAM_VERSION


# written by tools/write_interface.py: table
cdef struct Table:
    uint32_t abi
    uint32_t size
    uint32_t stream_version
    uint32_t reserved
    void (*path_of_integer)(
        uint64_t seed, dropcore_path* path
    ) noexcept nogil
    void (*path_of_bytes)(
        const uint8_t* seed, Py_ssize_t n, dropcore_path* path
    ) noexcept nogil
    void (*path_add_integer)(
        dropcore_path* path, uint64_t part
    ) noexcept nogil
    void (*path_add_text)(
        dropcore_path* path, const char* utf8, Py_ssize_t n
    ) noexcept nogil
    void (*draw_at)(
        const dropcore_path* path, uint64_t index, dropcore_draw* draw
    ) noexcept nogil
    void (*set_index)(
        dropcore_draw* draw, uint64_t index
    ) noexcept nogil
    void (*keep_bits)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, uint8_t* bits
    ) noexcept nogil
    void (*words)(
        const dropcore_draw* draw, uint64_t start, Py_ssize_t n, uint64_t* words
    ) noexcept nogil
    double (*scale)(
        double p
    ) noexcept nogil
    int32_t (*layout_of)(
        int axes, const Py_ssize_t* length, const Py_ssize_t* stride, uint64_t shared,
        dropcore_layout* layout
    ) noexcept nogil
    Py_ssize_t (*layout_decisions)(
        const dropcore_layout* layout
    ) noexcept nogil
    Py_ssize_t (*layout_scratch)(
        const dropcore_layout* layout
    ) noexcept nogil
    void (*forward_float32)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const float* x, float* y,
        uint8_t* bits
    ) noexcept nogil
    void (*backward_float32)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const float* dy,
        float* dx, const uint8_t* bits
    ) noexcept nogil
    void (*forward_plan_float32)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
        const dropcore_plan* plan, const float* x, float* y, uint8_t* bits
    ) noexcept nogil
    void (*select_float32)(
        const uint8_t* bits, uint64_t first, Py_ssize_t n, const dropcore_plan* plan,
        const float* x, float* y
    ) noexcept nogil
    void (*repeat_float32)(
        const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
        const dropcore_plan* plan, const float* x, float* y
    ) noexcept nogil
    void (*tile_float32)(
        const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
        const dropcore_plan* plan, const float* x, float* y
    ) noexcept nogil
    void (*select_layout_float32)(
        const dropcore_layout* layout, const uint8_t* bits, const dropcore_plan* plan,
        const float* x, float* y, uint8_t* scratch
    ) noexcept nogil
    void (*forward_float64)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const double* x,
        double* y, uint8_t* bits
    ) noexcept nogil
    void (*backward_float64)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const double* dy,
        double* dx, const uint8_t* bits
    ) noexcept nogil
    void (*forward_plan_float64)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
        const dropcore_plan* plan, const double* x, double* y, uint8_t* bits
    ) noexcept nogil
    void (*select_float64)(
        const uint8_t* bits, uint64_t first, Py_ssize_t n, const dropcore_plan* plan,
        const double* x, double* y
    ) noexcept nogil
    void (*repeat_float64)(
        const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
        const dropcore_plan* plan, const double* x, double* y
    ) noexcept nogil
    void (*tile_float64)(
        const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
        const dropcore_plan* plan, const double* x, double* y
    ) noexcept nogil
    void (*select_layout_float64)(
        const dropcore_layout* layout, const uint8_t* bits, const dropcore_plan* plan,
        const double* x, double* y, uint8_t* scratch
    ) noexcept nogil
    void (*forward_float16)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const uint16_t* x,
        uint16_t* y, uint8_t* bits
    ) noexcept nogil
    void (*backward_float16)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const uint16_t* dy,
        uint16_t* dx, const uint8_t* bits
    ) noexcept nogil
    void (*forward_plan_float16)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
        const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits
    ) noexcept nogil
    void (*select_float16)(
        const uint8_t* bits, uint64_t first, Py_ssize_t n, const dropcore_plan* plan,
        const uint16_t* x, uint16_t* y
    ) noexcept nogil
    void (*repeat_float16)(
        const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
        const dropcore_plan* plan, const uint16_t* x, uint16_t* y
    ) noexcept nogil
    void (*tile_float16)(
        const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
        const dropcore_plan* plan, const uint16_t* x, uint16_t* y
    ) noexcept nogil
    void (*select_layout_float16)(
        const dropcore_layout* layout, const uint8_t* bits, const dropcore_plan* plan,
        const uint16_t* x, uint16_t* y, uint8_t* scratch
    ) noexcept nogil
    void (*forward_bfloat16)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const uint16_t* x,
        uint16_t* y, uint8_t* bits
    ) noexcept nogil
    void (*backward_bfloat16)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const uint16_t* dy,
        uint16_t* dx, const uint8_t* bits
    ) noexcept nogil
    void (*forward_plan_bfloat16)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
        const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits
    ) noexcept nogil
    void (*select_bfloat16)(
        const uint8_t* bits, uint64_t first, Py_ssize_t n, const dropcore_plan* plan,
        const uint16_t* x, uint16_t* y
    ) noexcept nogil
    void (*repeat_bfloat16)(
        const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
        const dropcore_plan* plan, const uint16_t* x, uint16_t* y
    ) noexcept nogil
    void (*tile_bfloat16)(
        const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
        const dropcore_plan* plan, const uint16_t* x, uint16_t* y
    ) noexcept nogil
    void (*select_layout_bfloat16)(
        const dropcore_layout* layout, const uint8_t* bits, const dropcore_plan* plan,
        const uint16_t* x, uint16_t* y, uint8_t* scratch
    ) noexcept nogil
    int (*draw_of)(
        object rng, dropcore_draw* draw
    ) except -1
    int32_t (*shard_of)(
        int axes, const Py_ssize_t* whole, const Py_ssize_t* offset, const Py_ssize_t* length,
        uint64_t shared, dropcore_shard* shard
    ) noexcept nogil
    Py_ssize_t (*shard_decisions)(
        const dropcore_shard* shard
    ) noexcept nogil
    void (*keep_shard)(
        const dropcore_draw* draw, double p, const dropcore_shard* shard, Py_ssize_t first,
        Py_ssize_t n, uint8_t* bits
    ) noexcept nogil
    void (*forward_shard_float32)(
        const dropcore_draw* draw, double p, const dropcore_shard* shard, Py_ssize_t first,
        Py_ssize_t n, const dropcore_plan* plan, const float* x, float* y, uint8_t* bits
    ) noexcept nogil
    void (*forward_shard_float64)(
        const dropcore_draw* draw, double p, const dropcore_shard* shard, Py_ssize_t first,
        Py_ssize_t n, const dropcore_plan* plan, const double* x, double* y, uint8_t* bits
    ) noexcept nogil
    void (*forward_shard_float16)(
        const dropcore_draw* draw, double p, const dropcore_shard* shard, Py_ssize_t first,
        Py_ssize_t n, const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits
    ) noexcept nogil
    void (*forward_shard_bfloat16)(
        const dropcore_draw* draw, double p, const dropcore_shard* shard, Py_ssize_t first,
        Py_ssize_t n, const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits
    ) noexcept nogil


cdef Table table
table.path_of_integer = api.dropcore_path_of_integer
table.path_of_bytes = api.dropcore_path_of_bytes
table.path_add_integer = api.dropcore_path_add_integer
table.path_add_text = api.dropcore_path_add_text
table.draw_at = api.dropcore_draw_at
table.set_index = api.dropcore_set_index
table.keep_bits = api.dropcore_keep_bits
table.words = api.dropcore_words
table.scale = api.dropcore_scale
table.layout_of = api.dropcore_layout_of
table.layout_decisions = api.dropcore_layout_decisions
table.layout_scratch = api.dropcore_layout_scratch
table.forward_float32 = api.dropcore_forward_float32
table.backward_float32 = api.dropcore_backward_float32
table.forward_plan_float32 = api.dropcore_forward_plan_float32
table.select_float32 = api.dropcore_select_float32
table.repeat_float32 = api.dropcore_repeat_float32
table.tile_float32 = api.dropcore_tile_float32
table.select_layout_float32 = api.dropcore_select_layout_float32
table.forward_float64 = api.dropcore_forward_float64
table.backward_float64 = api.dropcore_backward_float64
table.forward_plan_float64 = api.dropcore_forward_plan_float64
table.select_float64 = api.dropcore_select_float64
table.repeat_float64 = api.dropcore_repeat_float64
table.tile_float64 = api.dropcore_tile_float64
table.select_layout_float64 = api.dropcore_select_layout_float64
table.forward_float16 = api.dropcore_forward_float16
table.backward_float16 = api.dropcore_backward_float16
table.forward_plan_float16 = api.dropcore_forward_plan_float16
table.select_float16 = api.dropcore_select_float16
table.repeat_float16 = api.dropcore_repeat_float16
table.tile_float16 = api.dropcore_tile_float16
table.select_layout_float16 = api.dropcore_select_layout_float16
table.forward_bfloat16 = api.dropcore_forward_bfloat16
table.backward_bfloat16 = api.dropcore_backward_bfloat16
table.forward_plan_bfloat16 = api.dropcore_forward_plan_bfloat16
table.select_bfloat16 = api.dropcore_select_bfloat16
table.repeat_bfloat16 = api.dropcore_repeat_bfloat16
table.tile_bfloat16 = api.dropcore_tile_bfloat16
table.select_layout_bfloat16 = api.dropcore_select_layout_bfloat16
table.draw_of = rng.dropcore_draw_of
table.shard_of = api.dropcore_shard_of
table.shard_decisions = api.dropcore_shard_decisions
table.keep_shard = api.dropcore_keep_shard
table.forward_shard_float32 = api.dropcore_forward_shard_float32
table.forward_shard_float64 = api.dropcore_forward_shard_float64
table.forward_shard_float16 = api.dropcore_forward_shard_float16
table.forward_shard_bfloat16 = api.dropcore_forward_shard_bfloat16
# end of table

table.abi = DROPCORE_ABI
table.size = sizeof(Table)
table.stream_version = STREAM_VERSION
table.reserved = 0

_C_API = PyCapsule_New(&table, "dropcore._C_API", NULL)
