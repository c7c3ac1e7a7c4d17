// The XLA handler: dropout of one array, or of a batch of them, on XLA's own buffers.
//
//     y = x * scale + shift where kept, drop where dropped
//
// The same call with shift = drop = 0 is its gradient, made again from the key: nothing is
// stored in between. Runs without the GIL, on whichever thread XLA calls from.

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>
#include <memory>
#include <new>

#include "dropcore/dropcore.h"
#include "xla/ffi/api/ffi.h"

namespace {

namespace ffi = xla::ffi;

const dropcore_api *dropcore;

using Words = ffi::Buffer<ffi::U32>;
using Lengths = ffi::Span<const int64_t>;

constexpr int64_t MAX_WORDS = 8;  // of a key; JAX's own have two or four

template <typename Element>
struct Kernels {
    using Shared = void(const uint8_t *, uint64_t, Py_ssize_t, Py_ssize_t, const dropcore_plan *,
                        const Element *, Element *);

    void (*forward)(const dropcore_draw *, double, uint64_t, Py_ssize_t, const dropcore_plan *,
                    const Element *, Element *, uint8_t *);
    Shared *repeat;
    Shared *tile;
};

// The draw that a key means: `draw_of` in keys.py says the same in Python.
void draw_of(const uint32_t *words, int64_t count, dropcore_draw *draw) {
    uint8_t bytes[4 * MAX_WORDS];
    for (int64_t i = 0; i < 4 * count; i++)
        bytes[i] = static_cast<uint8_t>(words[i / 4] >> (8 * (i % 4)));  // little-endian
    dropcore_path path;
    dropcore->path_of_bytes(bytes, 4 * count, &path);
    dropcore->draw_at(&path, 0, draw);
}

// Where a member of the batch begins in an operand whose leading axes are those of the
// batch, or 1 where all members share what it holds.
int64_t place_of(int64_t member, Lengths batch, Lengths operand) {
    int64_t place = 0, stride = 1;
    for (size_t axis = batch.size(); axis-- > 0; member /= batch[axis]) {
        if (operand[axis] != 1)
            place += member % batch[axis] * stride;
        stride *= operand[axis];
    }
    return place;
}

// By decisions that hold along some axes. `lengths`: of the axes, own and shared in turn.
template <typename Element>
struct Sharing {
    const Kernels<Element> &kernels;
    const dropcore_plan &plan;
    const uint8_t *bits;
    const Element *x;  // what is still to do
    Element *y;

    void run(uint64_t first, const int64_t *lengths, size_t count) {
        if (count == 2) {
            call(kernels.repeat, first, lengths[0], lengths[1]);
            return;
        }
        int64_t decisions = 1;
        for (size_t axis = 2; axis < count; axis += 2)
            decisions *= lengths[axis];
        for (int64_t own = 0; own < lengths[0]; own++, first += decisions) {
            if (count == 3) {
                call(kernels.tile, first, decisions, lengths[1]);
                continue;
            }
            for (int64_t times = 0; times < lengths[1]; times++)
                run(first, lengths + 2, count - 2);
        }
    }

    void call(typename Kernels<Element>::Shared *kernel, uint64_t first, int64_t decisions,
              int64_t times) {
        kernel(bits, first, decisions, times, &plan, x, y);
        x += decisions * times;
        y += decisions * times;
    }
};

template <typename Element>
ffi::Error run(const Kernels<Element> &kernels, Words words, ffi::AnyBuffer x, ffi::AnyBuffer y,
               double p, const dropcore_plan &plan, Lengths lengths) {
    const auto batch = y.dimensions().first(words.dimensions().size() - 1);
    const int64_t word_count = words.dimensions().back();
    int64_t members = 1, n = 1, decisions = 1;
    for (const int64_t length : batch)
        members *= length;
    for (size_t axis = 0; axis < lengths.size(); axis++) {
        n *= lengths[axis];
        decisions *= axis % 2 == 0 ? lengths[axis] : 1;
    }
    if (word_count > MAX_WORDS)
        return ffi::Error::InvalidArgument("a key has more words than dropcore_jax knows");
    if (n == 0)
        return ffi::Error::Success();

    const bool shared = lengths.size() > 1;
    std::unique_ptr<uint8_t[]> bits;
    if (shared)
        bits.reset(new (std::nothrow) uint8_t[decisions / 8 + 1]);
    if (shared && !bits)
        return ffi::Error(ffi::ErrorCode::kResourceExhausted, "no memory for the keep decisions");

    for (int64_t member = 0; member < members; member++) {
        dropcore_draw draw;
        draw_of(words.typed_data() + place_of(member, batch, words.dimensions()) * word_count,
                word_count, &draw);
        const Element *from = static_cast<const Element *>(x.untyped_data()) +
                              place_of(member, batch, x.dimensions()) * n;
        Element *to = static_cast<Element *>(y.untyped_data()) + member * n;
        if (shared) {
            dropcore->keep_bits(&draw, p, 0, decisions, bits.get());
            Sharing<Element>{kernels, plan, bits.get(), from, to}.run(0, lengths.begin(),
                                                                      lengths.size());
        } else {
            kernels.forward(&draw, p, 0, n, &plan, from, to, nullptr);
        }
    }
    return ffi::Error::Success();
}

#define RUN(name, element)                                                              \
    run(Kernels<element>{dropcore->forward_plan_##name, dropcore->repeat_##name,        \
                         dropcore->tile_##name},                                        \
        words, x, *y, p, plan, lengths)

ffi::Error dropout(Words words, ffi::AnyBuffer x, ffi::Result<ffi::AnyBuffer> y, double p,
                   double scale, double shift, double drop, Lengths lengths) {
    const dropcore_plan plan{scale, shift, drop};
    switch (x.element_type()) {
        case ffi::F32:
            return RUN(float32, float);
        case ffi::F64:
            return RUN(float64, double);
        case ffi::F16:
            return RUN(float16, uint16_t);
        case ffi::BF16:
            return RUN(bfloat16, uint16_t);
        default:
            return ffi::Error::InvalidArgument("x must be float16, bfloat16, float32 or float64");
    }
}

XLA_FFI_DEFINE_HANDLER(handler, dropout,
                       ffi::Ffi::Bind()
                           .Arg<Words>()
                           .Arg<ffi::AnyBuffer>()
                           .Ret<ffi::AnyBuffer>()
                           .Attr<double>("p")
                           .Attr<double>("scale")
                           .Attr<double>("shift")
                           .Attr<double>("drop")
                           .Attr<Lengths>("lengths"));

int fill(PyObject *module) {
    dropcore = dropcore_import();
    if (dropcore == nullptr)
        return -1;
    PyObject *capsule = PyCapsule_New(reinterpret_cast<void *>(handler), nullptr, nullptr);
    if (capsule == nullptr)
        return -1;
    const int failed = PyModule_AddObjectRef(module, "handler", capsule);
    Py_DECREF(capsule);
    return failed;
}

PyModuleDef_Slot slots[] = {
    {Py_mod_exec, reinterpret_cast<void *>(fill)},
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, nullptr},
};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_handler", nullptr, 0, nullptr, slots, nullptr, nullptr, nullptr,
};

}  // namespace

PyMODINIT_FUNC PyInit__handler() {
    return PyModuleDef_Init(&definition);
}
