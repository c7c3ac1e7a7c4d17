# The C table of dropcore.h: what api.pxd exports and `draw_of`, as one capsule.
#
# The fields are those of the header in its order: a test built with it calls each.
# Within one DROPCORE_ABI fields are only added, at the end.

from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from dropcore._core cimport api
from dropcore._core.api cimport DROPCORE_ABI, dropcore_draw, dropcore_path, dropcore_plan
from dropcore.stream cimport dropcore_draw_of

from dropcore.stream import STREAM_VERSION


cdef struct OfFloat:
    void (*forward)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const float* x,
        float* y, uint8_t* bits
    ) noexcept nogil
    void (*backward)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const float* dy,
        float* dx, const uint8_t* bits
    ) noexcept nogil
    void (*forward_plan)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
        const dropcore_plan* plan, const float* x, float* y, uint8_t* bits
    ) noexcept nogil
    void (*select)(
        const uint8_t* bits, uint64_t first, Py_ssize_t n, const dropcore_plan* plan,
        const float* x, float* y
    ) noexcept nogil
    void (*repeat)(
        const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
        const dropcore_plan* plan, const float* x, float* y
    ) noexcept nogil
    void (*tile)(
        const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
        const dropcore_plan* plan, const float* x, float* y
    ) noexcept nogil


cdef struct OfDouble:
    void (*forward)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const double* x,
        double* y, uint8_t* bits
    ) noexcept nogil
    void (*backward)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const double* dy,
        double* dx, const uint8_t* bits
    ) noexcept nogil
    void (*forward_plan)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
        const dropcore_plan* plan, const double* x, double* y, uint8_t* bits
    ) noexcept nogil
    void (*select)(
        const uint8_t* bits, uint64_t first, Py_ssize_t n, const dropcore_plan* plan,
        const double* x, double* y
    ) noexcept nogil
    void (*repeat)(
        const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
        const dropcore_plan* plan, const double* x, double* y
    ) noexcept nogil
    void (*tile)(
        const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
        const dropcore_plan* plan, const double* x, double* y
    ) noexcept nogil


cdef struct OfHalf:
    void (*forward)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const uint16_t* x,
        uint16_t* y, uint8_t* bits
    ) noexcept nogil
    void (*backward)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, const uint16_t* dy,
        uint16_t* dx, const uint8_t* bits
    ) noexcept nogil
    void (*forward_plan)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
        const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits
    ) noexcept nogil
    void (*select)(
        const uint8_t* bits, uint64_t first, Py_ssize_t n, const dropcore_plan* plan,
        const uint16_t* x, uint16_t* y
    ) noexcept nogil
    void (*repeat)(
        const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
        const dropcore_plan* plan, const uint16_t* x, uint16_t* y
    ) noexcept nogil
    void (*tile)(
        const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
        const dropcore_plan* plan, const uint16_t* x, uint16_t* y
    ) noexcept nogil


cdef struct Table:
    uint32_t abi
    uint32_t size
    uint32_t stream_version
    uint32_t reserved
    void (*path_of_integer)(uint64_t seed, dropcore_path* path) noexcept nogil
    void (*path_of_bytes)(const uint8_t* seed, Py_ssize_t n, dropcore_path* path) noexcept nogil
    void (*path_add_integer)(dropcore_path* path, uint64_t part) noexcept nogil
    void (*path_add_text)(dropcore_path* path, const char* utf8, Py_ssize_t n) noexcept nogil
    void (*draw_at)(
        const dropcore_path* path, uint64_t index, dropcore_draw* draw
    ) noexcept nogil
    void (*set_index)(dropcore_draw* draw, uint64_t index) noexcept nogil
    void (*keep_bits)(
        const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n, uint8_t* bits
    ) noexcept nogil
    void (*words)(
        const dropcore_draw* draw, uint64_t start, Py_ssize_t n, uint64_t* words
    ) noexcept nogil
    double (*scale)(double p) noexcept nogil
    OfFloat float32
    OfDouble float64
    OfHalf float16
    OfHalf bfloat16
    int (*draw_of)(object rng, dropcore_draw* draw) except -1


cdef Table table
table.abi = DROPCORE_ABI
table.size = sizeof(Table)
table.stream_version = STREAM_VERSION
table.reserved = 0
table.path_of_integer = api.dropcore_path_of_integer
table.path_of_bytes = api.dropcore_path_of_bytes
table.path_add_integer = api.dropcore_path_add_integer
table.path_add_text = api.dropcore_path_add_text
table.draw_at = api.dropcore_draw_at
table.set_index = api.dropcore_set_index
table.keep_bits = api.dropcore_keep_bits
table.words = api.dropcore_words
table.scale = api.dropcore_scale
table.float32.forward = api.dropcore_forward_float32
table.float32.backward = api.dropcore_backward_float32
table.float32.forward_plan = api.dropcore_forward_plan_float32
table.float32.select = api.dropcore_select_float32
table.float32.repeat = api.dropcore_repeat_float32
table.float32.tile = api.dropcore_tile_float32
table.float64.forward = api.dropcore_forward_float64
table.float64.backward = api.dropcore_backward_float64
table.float64.forward_plan = api.dropcore_forward_plan_float64
table.float64.select = api.dropcore_select_float64
table.float64.repeat = api.dropcore_repeat_float64
table.float64.tile = api.dropcore_tile_float64
table.float16.forward = api.dropcore_forward_float16
table.float16.backward = api.dropcore_backward_float16
table.float16.forward_plan = api.dropcore_forward_plan_float16
table.float16.select = api.dropcore_select_float16
table.float16.repeat = api.dropcore_repeat_float16
table.float16.tile = api.dropcore_tile_float16
table.bfloat16.forward = api.dropcore_forward_bfloat16
table.bfloat16.backward = api.dropcore_backward_bfloat16
table.bfloat16.forward_plan = api.dropcore_forward_plan_bfloat16
table.bfloat16.select = api.dropcore_select_bfloat16
table.bfloat16.repeat = api.dropcore_repeat_bfloat16
table.bfloat16.tile = api.dropcore_tile_bfloat16
table.draw_of = dropcore_draw_of

_C_API = PyCapsule_New(&table, "dropcore._C_API", NULL)
