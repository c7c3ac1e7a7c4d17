/* Computes 8 float16: widened, times scale, plus shift, rounded to nearest even. The result has the
   same bits as the result of half.h, even if the thread flushes subnormal numbers: the widening
   conversion ignores denormals-are-zero, and the narrowing conversion ignores flush-to-zero. */
static inline __m128i dropcore_affine_8_halves(
    const dropcore_float16 *x, float scale, float shift, int linear)
{
    __m256 value = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)x));
    value = _mm256_mul_ps(value, _mm256_set1_ps(scale));
    if (!linear)
        value = _mm256_add_ps(value, _mm256_set1_ps(shift));
    return _mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT);
}

static inline void dropcore_affine_halves(
    const dropcore_float16 *x, float scale, float shift, int linear, dropcore_float16 *y)
{
    /* Store-to-load forwarding needs stores as wide as the later loads in dropcore_choose. */
    for (int k = 0; k < 32; k += 16)
        _mm256_storeu_si256((__m256i *)(void *)(y + k), _mm256_setr_m128i(
            dropcore_affine_8_halves(x + k, scale, shift, linear),
            dropcore_affine_8_halves(x + k + 8, scale, shift, linear)));
}
