/* Stores 32 elements of `size` bytes to y: the element of x if its bit of `keep` is 1, else *drop.
   This form is for instruction sets without mask registers, and works on one vector register at a
   time. DROPCORE_CHOOSE makes the function for one size of elements. Its argument `whole` is an
   integer type as large as an element. Its argument `word` is the integer type that is compared; an
   element consists of one or two words. Loads and stores use the element's own type: with another
   type GCC assumes that they may alias the cipher's memory, and does not reorder them.
   Before a family includes this file, the family defines DROPCORE_WORD_OF_DOUBLE, the `word` for
   double. A family with non-temporal stores also defines DROPCORE_PUT_NONTEMPORAL(to, register) and
   dropcore_fence(). */
#ifdef DROPCORE_PUT_NONTEMPORAL
#define DROPCORE_HAS_NONTEMPORAL 1
#else
#define DROPCORE_HAS_NONTEMPORAL 0
#define DROPCORE_PUT_NONTEMPORAL(to, values) ((void)0)
#define dropcore_fence() ((void)0)
#endif

#define DROPCORE_REGISTER __attribute__((vector_size(4 * DROPCORE_WIDTH)))
#define DROPCORE_CHOOSE(name, element, whole, word)                                         \
    typedef element name##_elements DROPCORE_REGISTER __attribute__((aligned(1)));          \
    typedef whole name##_wholes DROPCORE_REGISTER;                                          \
    typedef word name##_words DROPCORE_REGISTER;                                            \
    static inline void name(uint32_t keep, int nontemporal, const element *x,               \
                            const element *drop, element *y)                                \
    {                                                                                       \
        enum { SHARE = sizeof(element) / sizeof(word), BITS = 8 * sizeof(word) };           \
        enum { LANES = sizeof(name##_words) / sizeof(word) };                               \
        whole one;                                                                          \
        word bit[LANES];                                                                    \
        name##_words other, bits, values, kept;                                             \
        memcpy(&one, drop, sizeof(one));                                                    \
        other = (name##_words)(one - (name##_wholes){0});                                   \
        for (int k = 0; k < 32; k += LANES / SHARE) {                                       \
            for (int lane = 0; lane < LANES; lane++)                                        \
                bit[lane] = (word)((word)1 << (k + lane / SHARE) % BITS);                   \
            memcpy(&bits, bit, sizeof(bits));                                               \
            kept = (name##_words)(((word)(keep >> k / BITS * BITS) & bits) == bits);        \
            values = (name##_words)*(const name##_elements *)(x + k);                       \
            values = (values & kept) | (other & ~kept);                                     \
            if (DROPCORE_HAS_NONTEMPORAL && nontemporal)                                    \
                DROPCORE_PUT_NONTEMPORAL(y + k, values);                                    \
            else                                                                            \
                *(name##_elements *)(y + k) = (name##_elements)values;                      \
        }                                                                                   \
    }
DROPCORE_CHOOSE(dropcore_choose_2, uint16_t, uint16_t, uint16_t)
#ifndef DROPCORE_CHOOSE_4
#define DROPCORE_CHOOSE_4 dropcore_choose_4
DROPCORE_CHOOSE(dropcore_choose_4, float, uint32_t, uint32_t)
#endif
DROPCORE_CHOOSE(dropcore_choose_8, double, uint64_t, DROPCORE_WORD_OF_DOUBLE)

static inline void dropcore_choose(
    uint32_t keep, size_t size, int nontemporal, const void *x, const void *drop, void *y)
{
    if (size == 4)
        DROPCORE_CHOOSE_4(keep, nontemporal, (const float *)x, (const float *)drop, (float *)y);
    else if (size == 8)
        dropcore_choose_8(keep, nontemporal, (const double *)x, (const double *)drop, (double *)y);
    else
        dropcore_choose_2(
            keep, nontemporal, (const uint16_t *)x, (const uint16_t *)drop, (uint16_t *)y);
}
