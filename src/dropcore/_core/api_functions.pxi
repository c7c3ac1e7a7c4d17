# A part of api.pyx: the functions that call one kernel, and the forms for each dtype.

# written by tools/write_interface.py: functions
cdef void dropcore_keep_bits(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    uint8_t* bits,  # OUT
) noexcept nogil:
    kernels.keep_bits(draw, p, start, n, bits)


cdef void dropcore_words(
    const dropcore_draw* draw, uint64_t start, Py_ssize_t n,
    uint64_t* words,  # OUT
) noexcept nogil:
    kernels.words(draw, start, n, words)


cdef void dropcore_forward_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const float* x, float* y, uint8_t* bits,
) noexcept nogil:
    forward(FLOAT32, draw, p, start, n, x, y, bits)


cdef void dropcore_backward_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const float* dy, float* dx, const uint8_t* bits,
) noexcept nogil:
    backward(FLOAT32, draw, p, start, n, dy, dx, bits)


cdef void dropcore_forward_plan_float32(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const dropcore_plan* plan, const float* x, float* y, uint8_t* bits,
) noexcept nogil:
    kernels.forward_plan[<int> FLOAT32](
        draw, p, start, n, plan[0], nontemporal(FLOAT32, n, x, y), x, y, bits
    )


cdef void dropcore_select_float32(
    const uint8_t* bits, uint64_t first, Py_ssize_t n,
    const dropcore_plan* plan, const float* x, float* y,
) noexcept nogil:
    kernels.select[<int> FLOAT32](bits, first, n, plan[0], nontemporal(FLOAT32, n, x, y), x, y)


cdef void dropcore_repeat_float32(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const float* x, float* y,
) noexcept nogil:
    if decisions * times > 0:
        kernels.repeat[<int> FLOAT32](
            bits, first, decisions, times, plan[0], nontemporal(FLOAT32, decisions * times, x, y),
            x, y
        )


cdef void dropcore_tile_float32(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const float* x, float* y,
) noexcept nogil:
    if decisions * times > 0:
        kernels.tile[<int> FLOAT32](
            bits, first, decisions, times, plan[0], nontemporal(FLOAT32, decisions * times, x, y),
            x, y
        )


cdef void dropcore_select_layout_float32(
    const dropcore_layout* layout, const uint8_t* bits,
    const dropcore_plan* plan, const float* x, float* y,
    uint8_t* scratch,  # OUT: of layout_scratch bytes
) noexcept nogil:
    select_layout(FLOAT32, layout, bits, plan, x, y, scratch)


cdef void dropcore_forward_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const double* x, double* y, uint8_t* bits,
) noexcept nogil:
    forward(FLOAT64, draw, p, start, n, x, y, bits)


cdef void dropcore_backward_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const double* dy, double* dx, const uint8_t* bits,
) noexcept nogil:
    backward(FLOAT64, draw, p, start, n, dy, dx, bits)


cdef void dropcore_forward_plan_float64(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const dropcore_plan* plan, const double* x, double* y, uint8_t* bits,
) noexcept nogil:
    kernels.forward_plan[<int> FLOAT64](
        draw, p, start, n, plan[0], nontemporal(FLOAT64, n, x, y), x, y, bits
    )


cdef void dropcore_select_float64(
    const uint8_t* bits, uint64_t first, Py_ssize_t n,
    const dropcore_plan* plan, const double* x, double* y,
) noexcept nogil:
    kernels.select[<int> FLOAT64](bits, first, n, plan[0], nontemporal(FLOAT64, n, x, y), x, y)


cdef void dropcore_repeat_float64(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const double* x, double* y,
) noexcept nogil:
    if decisions * times > 0:
        kernels.repeat[<int> FLOAT64](
            bits, first, decisions, times, plan[0], nontemporal(FLOAT64, decisions * times, x, y),
            x, y
        )


cdef void dropcore_tile_float64(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const double* x, double* y,
) noexcept nogil:
    if decisions * times > 0:
        kernels.tile[<int> FLOAT64](
            bits, first, decisions, times, plan[0], nontemporal(FLOAT64, decisions * times, x, y),
            x, y
        )


cdef void dropcore_select_layout_float64(
    const dropcore_layout* layout, const uint8_t* bits,
    const dropcore_plan* plan, const double* x, double* y,
    uint8_t* scratch,  # OUT: of layout_scratch bytes
) noexcept nogil:
    select_layout(FLOAT64, layout, bits, plan, x, y, scratch)


cdef void dropcore_forward_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil:
    forward(FLOAT16, draw, p, start, n, x, y, bits)


cdef void dropcore_backward_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* dy, uint16_t* dx, const uint8_t* bits,
) noexcept nogil:
    backward(FLOAT16, draw, p, start, n, dy, dx, bits)


cdef void dropcore_forward_plan_float16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil:
    kernels.forward_plan[<int> FLOAT16](
        draw, p, start, n, plan[0], nontemporal(FLOAT16, n, x, y), x, y, bits
    )


cdef void dropcore_select_float16(
    const uint8_t* bits, uint64_t first, Py_ssize_t n,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil:
    kernels.select[<int> FLOAT16](bits, first, n, plan[0], nontemporal(FLOAT16, n, x, y), x, y)


cdef void dropcore_repeat_float16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil:
    if decisions * times > 0:
        kernels.repeat[<int> FLOAT16](
            bits, first, decisions, times, plan[0], nontemporal(FLOAT16, decisions * times, x, y),
            x, y
        )


cdef void dropcore_tile_float16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil:
    if decisions * times > 0:
        kernels.tile[<int> FLOAT16](
            bits, first, decisions, times, plan[0], nontemporal(FLOAT16, decisions * times, x, y),
            x, y
        )


cdef void dropcore_select_layout_float16(
    const dropcore_layout* layout, const uint8_t* bits,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
    uint8_t* scratch,  # OUT: of layout_scratch bytes
) noexcept nogil:
    select_layout(FLOAT16, layout, bits, plan, x, y, scratch)


cdef void dropcore_forward_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil:
    forward(BFLOAT16, draw, p, start, n, x, y, bits)


cdef void dropcore_backward_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const uint16_t* dy, uint16_t* dx, const uint8_t* bits,
) noexcept nogil:
    backward(BFLOAT16, draw, p, start, n, dy, dx, bits)


cdef void dropcore_forward_plan_bfloat16(
    const dropcore_draw* draw, double p, uint64_t start, Py_ssize_t n,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil:
    kernels.forward_plan[<int> BFLOAT16](
        draw, p, start, n, plan[0], nontemporal(BFLOAT16, n, x, y), x, y, bits
    )


cdef void dropcore_select_bfloat16(
    const uint8_t* bits, uint64_t first, Py_ssize_t n,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil:
    kernels.select[<int> BFLOAT16](bits, first, n, plan[0], nontemporal(BFLOAT16, n, x, y), x, y)


cdef void dropcore_repeat_bfloat16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil:
    if decisions * times > 0:
        kernels.repeat[<int> BFLOAT16](
            bits, first, decisions, times, plan[0], nontemporal(BFLOAT16, decisions * times, x, y),
            x, y
        )


cdef void dropcore_tile_bfloat16(
    const uint8_t* bits, uint64_t first, Py_ssize_t decisions, Py_ssize_t times,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
) noexcept nogil:
    if decisions * times > 0:
        kernels.tile[<int> BFLOAT16](
            bits, first, decisions, times, plan[0], nontemporal(BFLOAT16, decisions * times, x, y),
            x, y
        )


cdef void dropcore_select_layout_bfloat16(
    const dropcore_layout* layout, const uint8_t* bits,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y,
    uint8_t* scratch,  # OUT: of layout_scratch bytes
) noexcept nogil:
    select_layout(BFLOAT16, layout, bits, plan, x, y, scratch)


cdef void dropcore_keep_shard(
    const dropcore_draw* draw, double p, const dropcore_shard* shard,
    Py_ssize_t first, Py_ssize_t n,
    uint8_t* bits,  # OUT
) noexcept nogil:
    kernels.keep_shard(draw, p, shard, first, n, bits)


cdef void dropcore_forward_shard_float32(
    const dropcore_draw* draw, double p, const dropcore_shard* shard,
    Py_ssize_t first, Py_ssize_t n,
    const dropcore_plan* plan, const float* x, float* y, uint8_t* bits,
) noexcept nogil:
    kernels.forward_shard[<int> FLOAT32](
        draw, p, shard, first, n, plan[0], nontemporal(FLOAT32, n, x, y), x, y, bits
    )


cdef void dropcore_forward_shard_float64(
    const dropcore_draw* draw, double p, const dropcore_shard* shard,
    Py_ssize_t first, Py_ssize_t n,
    const dropcore_plan* plan, const double* x, double* y, uint8_t* bits,
) noexcept nogil:
    kernels.forward_shard[<int> FLOAT64](
        draw, p, shard, first, n, plan[0], nontemporal(FLOAT64, n, x, y), x, y, bits
    )


cdef void dropcore_forward_shard_float16(
    const dropcore_draw* draw, double p, const dropcore_shard* shard,
    Py_ssize_t first, Py_ssize_t n,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil:
    kernels.forward_shard[<int> FLOAT16](
        draw, p, shard, first, n, plan[0], nontemporal(FLOAT16, n, x, y), x, y, bits
    )


cdef void dropcore_forward_shard_bfloat16(
    const dropcore_draw* draw, double p, const dropcore_shard* shard,
    Py_ssize_t first, Py_ssize_t n,
    const dropcore_plan* plan, const uint16_t* x, uint16_t* y, uint8_t* bits,
) noexcept nogil:
    kernels.forward_shard[<int> BFLOAT16](
        draw, p, shard, first, n, plan[0], nontemporal(BFLOAT16, n, x, y), x, y, bits
    )
# end of functions
