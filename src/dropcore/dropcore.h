/* dropcore's compiled interface for C and C++.
 *
 *     #include "dropcore/dropcore.h"      in the folder dropcore.get_include()
 *
 *     static const dropcore_api *dropcore;
 *     ... once, with the GIL, such as where a module is initialised:
 *     dropcore = dropcore_import();
 *     if (dropcore == NULL)
 *         return NULL;                    a Python exception is set
 *
 * All but `draw_of` may be called from any thread, with or without the GIL: they
 * allocate nothing, keep nothing and raise nothing. The arguments are for the caller
 * to get right: DROPCORE_CHECKS=1 in the environment makes the functions look at them,
 * and print what is wrong.
 *
 * n counts elements. `start` is the first element's place in the whole mask, so that
 * pieces can be run apart. p is in [0, 1]. Packed bits are (n+7)/8 bytes, bit i%8 of
 * byte i/8 is element i of the piece, 1 where kept. y may be x, dx may be dy; else they
 * share no memory. float16 and bfloat16 are passed as their 16 bits.
 */
#ifndef DROPCORE_H
#define DROPCORE_H

#include <Python.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The table only grows at its end within one DROPCORE_ABI. */
#define DROPCORE_ABI 1

/* written by tools/write_interface.py: structs */
/* The address of one mask: 40 bytes that are to be passed, not looked into. */
typedef struct dropcore_draw {
    uint32_t key[8];
    uint64_t index;
} dropcore_draw;

/* What becomes of an element: x * scale + shift where kept, `drop` where dropped.
   Multiplied and added in the computing dtype, each rounded by itself. */
typedef struct dropcore_plan {
    double scale;
    double shift;
    double drop;
} dropcore_plan;

/* A seed and the parts of a path that were added to it. */
typedef struct dropcore_path {
    uint64_t hash[8];
    uint8_t block[128];
    uint64_t length;
} dropcore_path;

/* How decisions lie over the elements of an array, in the order of memory. */
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

/* Where the decisions of a block lie in the mask of a larger array. */
typedef struct dropcore_shard {
    uint64_t start;
    Py_ssize_t n;
    Py_ssize_t rows;
    int32_t loops;
    Py_ssize_t loop_length[64];
    Py_ssize_t loop_stride[64];
} dropcore_shard;
/* end of structs */

/* written by tools/write_interface.py: table */
#define DROPCORE_OF_DTYPE(name, element)                                                \
    /* Standard dropout; bits: OUT, or NULL. */                                         \
    void (*forward_##name)(const dropcore_draw *draw, double p, uint64_t start,         \
        Py_ssize_t n, const element *x, element *y, uint8_t *bits);                     \
    /* Its gradient; bits: what forward wrote, or NULL: made again from the draw. */    \
    void (*backward_##name)(const dropcore_draw *draw, double p, uint64_t start,        \
        Py_ssize_t n, const element *dy, element *dx, const uint8_t *bits);             \
    /* As forward, by a plan. The gradient of it is `select` with shift = drop = 0. */  \
    void (*forward_plan_##name)(const dropcore_draw *draw, double p, uint64_t start,    \
        Py_ssize_t n, const dropcore_plan *plan, const element *x, element *y,          \
        uint8_t *bits);                                                                 \
    /* n elements by n bits, from bit `first` on. */                                    \
    void (*select_##name)(const uint8_t *bits, uint64_t first, Py_ssize_t n,            \
        const dropcore_plan *plan, const element *x, element *y);                       \
    /* Inner axes shared: each of `decisions` holds for `times` neighbours. */          \
    void (*repeat_##name)(const uint8_t *bits, uint64_t first, Py_ssize_t decisions,    \
        Py_ssize_t times, const dropcore_plan *plan, const element *x, element *y);     \
    /* Outer axes shared: the row of `decisions` holds for each of `times` rows. */     \
    void (*tile_##name)(const uint8_t *bits, uint64_t first, Py_ssize_t decisions,      \
        Py_ssize_t times, const dropcore_plan *plan, const element *x, element *y);     \
    /* All elements of an array by the decisions of a mask. */                          \
    void (*select_layout_##name)(const dropcore_layout *layout, const uint8_t *bits,    \
        const dropcore_plan *plan, const element *x, element *y, uint8_t *scratch);

#define DROPCORE_OF_DTYPE_2(name, element)                                              \
    /* As forward_plan, of a block where no decision is shared; x and y begin with its  \
       element number `first`. */                                                       \
    void (*forward_shard_##name)(const dropcore_draw *draw, double p,                   \
        const dropcore_shard *shard, Py_ssize_t first, Py_ssize_t n,                    \
        const dropcore_plan *plan, const element *x, element *y, uint8_t *bits);

typedef struct dropcore_api {
    uint32_t abi;            /* DROPCORE_ABI of the installed dropcore */
    uint32_t size;           /* bytes of its table */
    uint32_t stream_version; /* of the promise about masks: 1 */
    uint32_t reserved;

    /* A path begins with a seed; each part leads one child further. A path can go on
       after a draw was taken from it, and can be copied. */
    void (*path_of_integer)(uint64_t seed, dropcore_path *path);
    void (*path_of_bytes)(const uint8_t *seed, Py_ssize_t n, dropcore_path *path);
    void (*path_add_integer)(dropcore_path *path, uint64_t part);
    void (*path_add_text)(dropcore_path *path, const char *utf8, Py_ssize_t n);
    void (*draw_at)(const dropcore_path *path, uint64_t index, dropcore_draw *draw);
    void (*set_index)(dropcore_draw *draw, uint64_t index);

    /* Decisions alone. */
    void (*keep_bits)(const dropcore_draw *draw, double p, uint64_t start,
        Py_ssize_t n, uint8_t *bits);
    /* Raw 64-bit words for other noise. */
    void (*words)(const dropcore_draw *draw, uint64_t start, Py_ssize_t n,
        uint64_t *words);
    /* 1 / (1 - p) as forward takes it, 0 for p == 1: the scale of standard dropout. */
    double (*scale)(double p);

    /* The layout of an array of at most 64 axes. A step along one of them skips so many
       elements of memory as `stride` says; NULL for C order. Bit a of `shared` says
       that decisions are shared along axis a. Returns 1; 0 where the elements are not
       one run of memory in any order of the axes. */
    int32_t (*layout_of)(int axes, const Py_ssize_t *length,
        const Py_ssize_t *stride, uint64_t shared, dropcore_layout *layout);
    /* How many decisions `select_layout` reads: those of a mask in C order. */
    Py_ssize_t (*layout_decisions)(const dropcore_layout *layout);
    /* How many bytes it needs to lay them out anew; 0 where that is not needed. */
    Py_ssize_t (*layout_scratch)(const dropcore_layout *layout);

    DROPCORE_OF_DTYPE(float32, float)
    DROPCORE_OF_DTYPE(float64, double)
    DROPCORE_OF_DTYPE(float16, uint16_t)
    DROPCORE_OF_DTYPE(bfloat16, uint16_t)

    /* With the GIL: the draw that an `rng=` of dropcore.dropout names; a Stream gives
       its next one. Returns 0, or -1 with a Python exception set. */
    int (*draw_of)(PyObject *rng, dropcore_draw *draw);

    /* The block of these lengths that begins at `offset` in an array of lengths
       `whole`, of at most 64 axes. Bit a of `shared` says that decisions are shared
       along axis a. Returns 1; 0 where the block is not within the array, or that has
       2^63 elements or more. */
    int32_t (*shard_of)(int axes, const Py_ssize_t *whole, const Py_ssize_t *offset,
        const Py_ssize_t *length, uint64_t shared, dropcore_shard *shard);
    /* How many decisions the block has. */
    Py_ssize_t (*shard_decisions)(const dropcore_shard *shard);
    /* As keep_bits, of a block: n of its decisions from number `first` on, in C order
       of the block. */
    void (*keep_shard)(const dropcore_draw *draw, double p,
        const dropcore_shard *shard, Py_ssize_t first, Py_ssize_t n, uint8_t *bits);

    DROPCORE_OF_DTYPE_2(float32, float)
    DROPCORE_OF_DTYPE_2(float64, double)
    DROPCORE_OF_DTYPE_2(float16, uint16_t)
    DROPCORE_OF_DTYPE_2(bfloat16, uint16_t)
} dropcore_api;
/* end of table */

/* The table of the installed dropcore, or NULL with ImportError set, where there is none
   or it is not one that this header knows. With the GIL. The table is never freed. */
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
