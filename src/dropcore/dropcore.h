/* dropcore's compiled interface for C and C++.
 *
 *     #include "dropcore/dropcore.h"      in the folder dropcore.get_include()
 *
 *     static const dropcore_api *dropcore;
 *     ... once, with the GIL, for example when a module is initialised:
 *     dropcore = dropcore_import();
 *     if (dropcore == NULL)
 *         return NULL;                    a Python exception is set
 *
 * All functions except `draw_of` may be called from any thread, with or without the
 * GIL: they allocate nothing, keep no pointer and raise nothing. The caller must pass
 * valid arguments. With DROPCORE_CHECKS=1 in the environment, the functions check their
 * arguments, print a line for the first wrong argument, and return.
 *
 * A call computes n elements, which may be a piece of a larger array: `start` is the index
 * of the first element in the whole mask. p is in [0, 1]. Packed bits are (n+7)/8 bytes;
 * bit i%8 of byte i/8 belongs to element i of the piece, and is 1 if the element is kept.
 * y may be x, and dx may be dy; apart from these two cases, no two arrays of a call may
 * share memory. float16 and bfloat16 are passed as their 16 bits.
 */
#ifndef DROPCORE_H
#define DROPCORE_H

#include <Python.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Within one DROPCORE_ABI, the table only grows at its end. */
#define DROPCORE_ABI 1

/* written by tools/write_interface.py: structs */
/* The address of the decisions of one call, in 40 bytes. Do not use the fields. */
typedef struct dropcore_draw {
    uint32_t key[8];
    uint64_t index;
} dropcore_draw;

/* The rule for values: a kept element becomes x * scale + shift, a dropped element
   becomes `drop`. The product and the sum are each rounded to float64 for float64
   elements, and to float32 for all others. */
typedef struct dropcore_plan {
    double scale;
    double shift;
    double drop;
} dropcore_plan;

/* A seed, and the parts of the path below the seed. Do not use the fields. */
typedef struct dropcore_path {
    uint64_t hash[8];
    uint8_t block[128];
    uint64_t length;
} dropcore_path;

/* Which decision belongs to which element of an array, in the order of memory. Do not
   use the fields. */
typedef struct dropcore_layout {
    Py_ssize_t elements;
    Py_ssize_t decisions;
    int32_t dense;
    int32_t repeats;
    Py_ssize_t n;
    Py_ssize_t times;
    Py_ssize_t steps;
    int32_t loops;
    Py_ssize_t loop_length[64];
    Py_ssize_t loop_stride[64];
    Py_ssize_t reordered;
    int32_t axes;
    Py_ssize_t length[64];
    Py_ssize_t stride[64];
} dropcore_layout;

/* Where the decisions of a block lie in the mask of a larger array. Do not use the
   fields. */
typedef struct dropcore_shard {
    uint64_t start;
    Py_ssize_t n;
    Py_ssize_t rows;
    int32_t loops;
    int32_t shared;
    Py_ssize_t loop_length[64];
    Py_ssize_t loop_stride[64];
} dropcore_shard;
/* end of structs */

/* written by tools/write_interface.py: table */
#define DROPCORE_OF_DTYPE(name, element)                                                \
    /* Standard dropout. `bits`: OUT, or NULL to write no bits. */                      \
    void (*forward_##name)(const dropcore_draw *draw, double p, uint64_t start,         \
        Py_ssize_t n, const element *x, element *y, uint8_t *bits);                     \
    /* The gradient of forward. `bits`: the bits that forward wrote, or NULL to make the\
       decisions again from the draw. */                                                \
    void (*backward_##name)(const dropcore_draw *draw, double p, uint64_t start,        \
        Py_ssize_t n, const element *dy, element *dx, const uint8_t *bits);             \
    /* Like forward, with a plan. For the gradient, call `select` with the bits from    \
       this call, and with shift = drop = 0. */                                         \
    void (*forward_plan_##name)(const dropcore_draw *draw, double p, uint64_t start,    \
        Py_ssize_t n, const dropcore_plan *plan, const element *x, element *y,          \
        uint8_t *bits);                                                                 \
    /* Selects n elements by n given bits. Bit `first` belongs to the first element. */ \
    void (*select_##name)(const uint8_t *bits, uint64_t first, Py_ssize_t n,            \
        const dropcore_plan *plan, const element *x, element *y);                       \
    /* Like select, for shared inner axes: each of `decisions` bits holds for `times`   \
       neighbouring elements. */                                                        \
    void (*repeat_##name)(const uint8_t *bits, uint64_t first, Py_ssize_t decisions,    \
        Py_ssize_t times, const dropcore_plan *plan, const element *x, element *y);     \
    /* Like select, for shared outer axes: one row of `decisions` bits holds for each of\
       `times` rows of elements. */                                                     \
    void (*tile_##name)(const uint8_t *bits, uint64_t first, Py_ssize_t decisions,      \
        Py_ssize_t times, const dropcore_plan *plan, const element *x, element *y);     \
    /* Selects all elements of an array by given bits, with a layout. */                \
    void (*select_layout_##name)(const dropcore_layout *layout, const uint8_t *bits,    \
        const dropcore_plan *plan, const element *x, element *y, uint8_t *scratch);

#define DROPCORE_OF_DTYPE_2(name, element)                                              \
    /* Like forward_plan, for a block without shared decisions. x and y begin with the  \
       block's element `first`. */                                                      \
    void (*forward_shard_##name)(const dropcore_draw *draw, double p,                   \
        const dropcore_shard *shard, Py_ssize_t first, Py_ssize_t n,                    \
        const dropcore_plan *plan, const element *x, element *y, uint8_t *bits);

typedef struct dropcore_api {
    uint32_t abi;            /* DROPCORE_ABI of the installed dropcore */
    uint32_t size;           /* bytes of this table in the installed dropcore */
    uint32_t stream_version; /* the version of the mask stream: 1 */
    uint32_t reserved;

    /* A path names a stream: a seed, then parts. Adding a part gives the path of a
       child stream. A path can be copied, and extended after `draw_at`. */
    void (*path_of_integer)(uint64_t seed, dropcore_path *path);
    void (*path_of_bytes)(const uint8_t *seed, Py_ssize_t n, dropcore_path *path);
    void (*path_add_integer)(dropcore_path *path, uint64_t part);
    void (*path_add_text)(dropcore_path *path, const char *utf8, Py_ssize_t n);
    void (*draw_at)(const dropcore_path *path, uint64_t index, dropcore_draw *draw);
    void (*set_index)(dropcore_draw *draw, uint64_t index);

    /* Writes the decisions of n elements as packed bits. */
    void (*keep_bits)(const dropcore_draw *draw, double p, uint64_t start,
        Py_ssize_t n, uint8_t *bits);
    /* Writes n raw random words of 64 bits, from word `start` on, for noise other than
       dropout. */
    void (*words)(const dropcore_draw *draw, uint64_t start, Py_ssize_t n,
        uint64_t *words);
    /* The scale of standard dropout, as forward uses it: 1 / (1 - q) with q = floor(p *
       2^64) / 2^64; 0 for p == 1. */
    double (*scale)(double p);

    /* Makes the layout of an array. `stride`: for each axis, in elements; NULL for C
       order. Bit a of `shared` says that decisions are shared along axis a. Returns 1
       if the layout was made. Returns 0, and sets all fields to 0, if the array has
       more than 64 axes, gaps, elements that share memory, a negative length, a
       negative stride of an axis longer than 1, or 2^63 elements or more (an axis of
       length 0 counts as 1), or if `shared` names an axis that the array does not have.
       */
    int32_t (*layout_of)(int axes, const Py_ssize_t *length,
        const Py_ssize_t *stride, uint64_t shared, dropcore_layout *layout);
    /* The number of bits that `select_layout` reads. The bits are in C order of the
       axes, not in the order of memory. */
    Py_ssize_t (*layout_decisions)(const dropcore_layout *layout);
    /* The size in bytes of the scratch memory that `select_layout` needs; may be 0. The
       memory must be aligned to 4 bytes. */
    Py_ssize_t (*layout_scratch)(const dropcore_layout *layout);

    DROPCORE_OF_DTYPE(float32, float)
    DROPCORE_OF_DTYPE(float64, double)
    DROPCORE_OF_DTYPE(float16, uint16_t)
    DROPCORE_OF_DTYPE(bfloat16, uint16_t)

    /* Needs the GIL. Writes the draw that dropcore.dropout takes from its argument
       `rng`; a Stream gives its next draw. Returns 0 if the draw was written. Returns
       -1, with a Python exception set, if `rng` is not accepted, or if `draw` is NULL
       or not aligned to 8 bytes. */
    int (*draw_of)(PyObject *rng, dropcore_draw *draw);

    /* Makes the shard for a block that begins at `offset` in a whole array. `whole` and
       `length` are the lengths of the axes of the whole array and of the block. Bit a
       of `shared` says that decisions are shared along axis a. Returns 1 if the shard
       was made. Returns 0, and sets all fields to 0, if the block is not within the
       whole array, if the whole array has more than 64 axes or 2^63 elements or more
       (an axis of length 0 counts as 1), or if `shared` names an axis that the whole
       array does not have. */
    int32_t (*shard_of)(int axes, const Py_ssize_t *whole, const Py_ssize_t *offset,
        const Py_ssize_t *length, uint64_t shared, dropcore_shard *shard);
    /* The number of decisions of the block. */
    Py_ssize_t (*shard_decisions)(const dropcore_shard *shard);
    /* Like keep_bits, for a block: writes n decisions from the block's decision `first`
       on, in C order of the block. */
    void (*keep_shard)(const dropcore_draw *draw, double p,
        const dropcore_shard *shard, Py_ssize_t first, Py_ssize_t n, uint8_t *bits);

    DROPCORE_OF_DTYPE_2(float32, float)
    DROPCORE_OF_DTYPE_2(float64, double)
    DROPCORE_OF_DTYPE_2(float16, uint16_t)
    DROPCORE_OF_DTYPE_2(bfloat16, uint16_t)
} dropcore_api;
/* end of table */

/* Returns the table of the installed dropcore. Returns NULL, with ImportError set, if no
   dropcore is installed, or if the installed table has another ABI, or fewer fields, than
   this header. Needs the GIL. The table is never freed. */
static inline const dropcore_api *dropcore_import(void)
{
    const dropcore_api *api = (const dropcore_api *)PyCapsule_Import("dropcore._C_API", 0);
    if (api == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_ImportError))
            PyErr_SetString(PyExc_ImportError, "the installed dropcore has no C interface");
        return NULL;
    }
    if (api->abi != DROPCORE_ABI || api->size < sizeof(dropcore_api)) {
        PyErr_Format(PyExc_ImportError,
            "this module was built against dropcore's ABI %d with a table of %d bytes; the "
            "installed dropcore has ABI %d with %d bytes: %s",
            DROPCORE_ABI, (int)sizeof(dropcore_api), (int)api->abi, (int)api->size,
            api->abi > DROPCORE_ABI ? "build this module again" : "install a newer dropcore");
        return NULL;
    }
    return api;
}

#ifdef __cplusplus
}
#endif
#endif
