/* Computes 32 float16: widened, times scale, plus shift, rounded to nearest even. For instruction
   sets without F16C. The conversions use integer instructions; only a subnormal float16 needs a
   float product or sum. A word of a register holds two float16; each of the two is computed in a
   word of its own. element.pxi computes the same for one element. */
typedef int32_t dropcore_ints __attribute__((vector_size(4 * DROPCORE_WIDTH)));

static inline dropcore_lanes dropcore_where(
    dropcore_ints condition, dropcore_lanes yes, dropcore_lanes no)
{
    return ((dropcore_lanes)condition & yes) | (~(dropcore_lanes)condition & no);
}

static inline dropcore_floats dropcore_widen_halves(dropcore_lanes half)
{
    dropcore_ints magnitude = (dropcore_ints)(half & 0x7FFF);
    dropcore_lanes normal = ((dropcore_lanes)magnitude << 13) + (112u << 23);
    dropcore_floats subnormal = __builtin_convertvector(magnitude, dropcore_floats) * 0x1p-24f;
    normal += (dropcore_lanes)(magnitude > 0x7BFF) & (112u << 23); /* inf and nan */
    normal = dropcore_where(magnitude < 0x0400, (dropcore_lanes)subnormal, normal);
    return (dropcore_floats)((half & 0x8000) << 16 | normal);
}

static inline dropcore_lanes dropcore_narrow_to_halves(dropcore_floats value)
{
    dropcore_lanes sign = (dropcore_lanes)value >> 16 & 0x8000;
    dropcore_lanes bits = (dropcore_lanes)value & 0x7FFFFFFF;
    dropcore_ints magnitude = (dropcore_ints)bits;
    dropcore_lanes normal = (bits + 0x0FFF + (bits >> 13 & 1) - (112u << 23)) >> 13;
    /* The addition of 0.5 rounds: the lowest bits of the sum are those of the subnormal float16. */
    dropcore_lanes subnormal = (dropcore_lanes)((dropcore_floats)bits + 0.5f) - (126u << 23);
    dropcore_lanes infinite = 0x7C00 - (dropcore_lanes){0};
    normal = dropcore_where(magnitude > (143 << 23) - 1, infinite, normal);
    normal = dropcore_where(magnitude > 0x7F800000, (bits >> 13 & 0x01FF) | 0x7E00, normal);
    normal = dropcore_where(magnitude < 113 << 23, subnormal, normal);
    return sign | normal;
}

static inline dropcore_lanes dropcore_affine_halves_of_words(
    dropcore_lanes half, float scale, float shift, int linear)
{
    dropcore_floats value = dropcore_widen_halves(half) * scale;
    if (!linear)
        value = value + shift;
    return dropcore_narrow_to_halves(value);
}

static inline void dropcore_affine_halves(
    const dropcore_float16 *x, float scale, float shift, int linear, dropcore_float16 *y)
{
    for (int k = 0; k < 32; k += 2 * DROPCORE_WIDTH) {
        dropcore_lanes pairs;
        memcpy(&pairs, x + k, sizeof(pairs));
        pairs = dropcore_affine_halves_of_words(pairs & 0xFFFF, scale, shift, linear)
            | dropcore_affine_halves_of_words(pairs >> 16, scale, shift, linear) << 16;
        memcpy(y + k, &pairs, sizeof(pairs));
    }
}
