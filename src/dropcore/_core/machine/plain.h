/* A compiler without vector types: a register is one word. Rows of the cipher are not used. */
#define DROPCORE_WIDTH 1
#define DROPCORE_HAS_NONTEMPORAL 0

typedef uint32_t dropcore_lanes;
typedef uint32_t dropcore_row;

#define dropcore_row_of(a, b) (a)
#define dropcore_row_at(from) (*(from))
#define dropcore_turned_1(row) (row)
#define dropcore_turned_2(row) (row)
#define dropcore_turned_3(row) (row)
#define dropcore_spread(word) (word)
#define dropcore_numbered(first) (first)
#define dropcore_nonzero(word) ((word) != 0)
#define DROPCORE_HAS_HALVES 0
#define dropcore_affine_halves(x, scale, shift, linear, y) ((void)0)
#define dropcore_affine_bfloats(x, scale, shift, linear, y) ((void)0)
#define dropcore_fence() ((void)0)

static inline void dropcore_choose(
    uint32_t keep, size_t size, int nontemporal, const void *x, const void *drop, void *y)
{
    (void)nontemporal;
    for (int k = 0; k < 32; k++)
        memcpy((char *)y + k * size, keep >> k & 1 ? (const char *)x + k * size : drop, size);
}
