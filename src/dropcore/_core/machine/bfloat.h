/* Computes 32 bfloat16: widened, times scale, plus shift, rounded to nearest even. A word of a
   register holds two bfloat16. Each of the two becomes the upper half of a word of its own, which
   is then a float, so no shuffle is needed. Before a family includes this file, the family may
   define DROPCORE_ROUND_BFLOATS(low, high), which rounds two registers of floats to one register of
   bfloat16. */
#ifndef DROPCORE_ROUND_BFLOATS
#define DROPCORE_ROUND_BFLOATS dropcore_round_bfloats
static inline dropcore_lanes dropcore_round_bfloats(dropcore_lanes low, dropcore_lanes high)
{
    low += 0x7FFF + (low >> 16 & 1);
    high += 0x7FFF + (high >> 16 & 1);
    return low >> 16 | (high & 0xFFFF0000);
}
#endif

/* If `linear` is set, the scale is not nan (is_linear in select.pxi). So a product that is nan is
   the nan of x, or the nan that the processor makes from 0 times inf. The lower half of each of
   these nans is 0, so rounding does not change the nan. If `linear` is not set, the lower half of a
   nan may be other than 0. So the lower half is cleared: rounding then does not change the nan. */
static inline dropcore_lanes dropcore_affine_words(
    dropcore_lanes bits, float scale, float shift, int linear)
{
    dropcore_floats value = (dropcore_floats)bits * scale;
    if (linear)
        return (dropcore_lanes)value;
    value = value + shift;
    return (dropcore_lanes)value & ((dropcore_lanes)(value == value) | 0xFFFF0000);
}

static inline void dropcore_affine_bfloats(
    const dropcore_bfloat16 *x, float scale, float shift, int linear, dropcore_bfloat16 *y)
{
    for (int k = 0; k < 32; k += 2 * DROPCORE_WIDTH) {
        dropcore_lanes pairs, low, high;
        memcpy(&pairs, x + k, sizeof(pairs));
        low = dropcore_affine_words(pairs << 16, scale, shift, linear);
        high = dropcore_affine_words(pairs & 0xFFFF0000, scale, shift, linear);
        pairs = DROPCORE_ROUND_BFLOATS(low, high);
        memcpy(y + k, &pairs, sizeof(pairs));
    }
}
