# The select of one element, and of 32 neighbours: y = x * scale + shift where the element is kept,
# y = drop where it is dropped. The three numbers are the call's Plan (table.pxd).
#
# A. float16 and bfloat16 are computed in float32, and the result is rounded to nearest even.
#    bfloat16 is rounded by integer instructions, because the processor's conversions to bfloat16
#    flush subnormal numbers to zero. The kernels for x86-64-v3 and x86-64-v4 use the processor's
#    conversions from and to float16 (F16C), which do not flush subnormal numbers. All other kernels
#    convert by integer instructions; only a subnormal float16 needs a float product or sum. The
#    functions in machine/ compute 32 float16 or bfloat16 at once, because GCC does not vectorise a
#    loop over `widen` and `narrow`. Where these functions are used, `narrow` only rounds `drop`.
# B. All 32 values are computed as if kept, and written to a local array. This array cannot alias x
#    or y, so the compiler can vectorise the loop, although y may be x. Then `choose` stores, for
#    each element, the value or `drop`. It multiplies nothing by 0, so a nan or inf in x does not
#    reach y where the element is dropped.
# C. `choose` is written for each instruction set: with mask registers for x86-64-v4, and with
#    vector instructions for the other instruction sets. Compilers without vector types get a plain
#    loop. With GCC and Clang this loop would be slow: Clang does not vectorise it, and GCC does not
#    vectorise it for float16 and bfloat16.

cdef extern from "machine.h":
    ctypedef struct float16 "dropcore_float16":
        unsigned short bits
    ctypedef struct bfloat16 "dropcore_bfloat16":
        unsigned short bits
    const bint HAS_HALVES "DROPCORE_HAS_HALVES"  # whether the next two functions can be used
    void affine_bfloats "dropcore_affine_bfloats" (
        const bfloat16*, float, float, bint, bfloat16*
    ) noexcept nogil
    void affine_halves "dropcore_affine_halves" (
        const float16*, float, float, bint, float16*
    ) noexcept nogil

ctypedef fused element:
    float
    double
    float16
    bfloat16


cdef inline float widen(element x) noexcept nogil:
    cdef uint32_t sign, magnitude, normal
    if element is float16:
        sign = <uint32_t> (x.bits & 0x8000) << 16
        magnitude = x.bits & 0x7FFF
        normal = (magnitude << 13) + (<uint32_t> 112 << 23)
        normal += (<uint32_t> 112 << 23) if magnitude >= 0x7C00 else 0  # inf and nan
        normal = normal if magnitude >= 0x0400 else float_bits(
            <float> <int> magnitude * <float> 5.9604644775390625e-08  # 2^-24
        )
        return bits_float(sign | normal)
    elif element is bfloat16:
        return bits_float(<uint32_t> x.bits << 16)
    else:
        return <float> x


cdef inline void narrow(
    float value,
    element* y,  # OUT
) noexcept nogil:
    cdef uint32_t bits, sign, normal, subnormal
    if element is float16:
        bits = float_bits(value)
        sign = (bits >> 16) & 0x8000
        bits &= 0x7FFFFFFF
        normal = (bits + 0x0FFF + ((bits >> 13) & 1) - (<uint32_t> 112 << 23)) >> 13
        # The addition of 0.5 rounds: the lowest bits of the sum are those of the subnormal float16.
        subnormal = float_bits(bits_float(bits) + <float> 0.5) - (<uint32_t> 126 << 23)
        normal = normal if bits < (<uint32_t> 143 << 23) else 0x7C00  # inf
        normal = normal if bits <= 0x7F800000 else 0x7E00 | ((bits >> 13) & 0x01FF)  # nan
        normal = normal if bits >= (<uint32_t> 113 << 23) else subnormal
        y.bits = <unsigned short> (sign | normal)
    elif element is bfloat16:
        bits = float_bits(value)
        normal = bits + 0x7FFF + ((bits >> 16) & 1)
        # A nan from arithmetic is quiet: its highest fraction bit is set. So the upper 16 bits
        # are a nan, too.
        y.bits = <unsigned short> ((normal if value == value else bits) >> 16)
    else:
        y[0] = value


cdef inline void keep_element(
    element x, Plan plan, bint linear,
    element* y,  # OUT
) noexcept nogil:
    # The product and the sum are rounded separately. A fused multiply-add would give other bits.
    cdef float value
    cdef double wide
    if element is double:
        wide = x * plan.scale
        if not linear:
            wide = wide + plan.shift
        y[0] = wide
    else:
        value = widen(x) * <float> plan.scale
        if not linear:
            value = value + <float> plan.shift
        narrow(value, y)


cdef inline void dropped(
    Plan plan,
    element* y,  # OUT
) noexcept nogil:
    if element is double:
        y[0] = plan.drop
    else:
        narrow(<float> plan.drop, y)


cdef inline void select_word(
    uint32_t keep, Plan plan, bint linear, bint nontemporal,
    const element* x,  # IN: 32 elements
    element* y,  # OUT: 32 elements, may be x; if nontemporal, y begins at a cache line
) noexcept nogil:
    # linear: shift and drop are 0 (`is_linear` in select.pxi), so the compiler can make the select
    # a single `and`.
    cdef element[32] kept
    cdef element drop
    cdef int k
    if linear:
        memset(&drop, 0, sizeof(drop))
    else:
        dropped(plan, &drop)
    if nontemporal:
        for k from 0 <= k < 32 by LINE // sizeof(element):
            prefetch(<const char*> (x + k) + AHEAD)
    if element is float16 and HAS_HALVES:
        affine_halves(x, <float> plan.scale, <float> plan.shift, linear, kept)
    elif element is bfloat16 and HAS_HALVES:
        affine_bfloats(x, <float> plan.scale, <float> plan.shift, linear, kept)
    else:
        for k in range(32):
            keep_element(x[k], plan, linear, &kept[k])
    choose(keep, sizeof(element), nontemporal, kept, &drop, y)
