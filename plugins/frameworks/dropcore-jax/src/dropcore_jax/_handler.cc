// The XLA handler: dropout of a block of an array, or of a batch of blocks, on XLA's own buffers.
//
//     y = x * scale + shift where kept, drop where dropped
//
// The gradient is the same call with shift = drop = 0. It makes the decisions again from the key, so
// nothing is stored between the two. The handler runs without the GIL, on the calling thread of XLA.

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "dropcore/dropcore.h"
#include "xla/ffi/api/ffi.h"

namespace {

namespace ffi = xla::ffi;

const dropcore_api *dropcore;

using Words = ffi::Buffer<ffi::U32>;
using Span = ffi::Span<const int64_t>;
using Dimensions = ffi::AnyBuffer::Dimensions;

constexpr int64_t MAX_WORDS = 8;  // in a key; JAX's own keys have two or four

template <typename Element>
struct Kernels {
    using Shared = void(const uint8_t *, uint64_t, Py_ssize_t, Py_ssize_t, const dropcore_plan *,
                        const Element *, Element *);

    void (*forward)(const dropcore_draw *, double, uint64_t, Py_ssize_t, const dropcore_plan *,
                    const Element *, Element *, uint8_t *);
    Shared *repeat;
    Shared *tile;
};

// The draw of a key; `draw_of` in keys.py computes the same in Python.
void draw_of(const uint32_t *words, int64_t count, dropcore_draw *draw) {
    uint8_t bytes[4 * MAX_WORDS];
    for (int64_t i = 0; i < 4 * count; i++)
        bytes[i] = static_cast<uint8_t>(words[i / 4] >> (8 * (i % 4)));  // little-endian
    dropcore_path path;
    dropcore->path_of_bytes(bytes, 4 * count, &path);
    dropcore->draw_at(&path, 0, draw);
}

// The offset of a member of the batch in an operand. The leading axes of the operand are the axes of
// the batch, with length 1 if all members share the operand.
int64_t place_of(int64_t member, Dimensions batch, Dimensions operand) {
    int64_t place = 0, stride = 1;
    for (size_t axis = batch.size(); axis-- > 0; member /= batch[axis]) {
        if (operand[axis] != 1)
            place += member % batch[axis] * stride;
        stride *= operand[axis];
    }
    return place;
}

// The places of a block's decisions in the mask of the whole array: runs of neighbours, and the outer
// axes of these runs, the first one first. Axes along which decisions are shared are left out.
struct Place {
    struct Axis {
        int64_t length;
        uint64_t step;  // the distance of two neighbours in the whole mask
    };
    std::vector<Axis> outer;
    int64_t run = 1;
    int64_t decisions = 1;

    // `shape`: of the block. `shared`: 1 for a shared axis. `whole`: empty if x is the whole array.
    Place(Dimensions shape, Span shared, Span whole) {
        uint64_t step = 1;
        bool one_run = true;
        for (size_t axis = shape.size(); axis-- > 0;) {
            if (shared[axis])
                continue;
            const int64_t length = shape[axis];
            const int64_t all = whole.size() ? whole[axis] : length;
            decisions *= length;
            if (one_run)
                run *= length;
            else if (length != 1)
                outer.insert(outer.begin(), {length, step});
            one_run = one_run && length == all;
            step *= static_cast<uint64_t>(all);
        }
    }

    // Writes the decisions, packed in the block's own order. `bits` has one extra byte.
    void decide(const dropcore_draw *draw, double p, uint64_t start, uint8_t *bits,
                uint8_t *row) const {
        std::vector<int64_t> at(outer.size(), 0);
        std::memset(bits, 0, decisions / 8 + 1);
        for (int64_t done = 0; done < decisions; done += run) {
            uint64_t first = start;
            for (size_t axis = 0; axis < outer.size(); axis++)
                first += static_cast<uint64_t>(at[axis]) * outer[axis].step;
            if (done % 8 == 0) {
                dropcore->keep_bits(draw, p, first, run, bits + done / 8);
            } else {
                dropcore->keep_bits(draw, p, first, run, row);
                append(bits + done / 8, done % 8, row, (run + 7) / 8);
            }
            for (size_t axis = outer.size(); axis-- > 0;) {
                if (++at[axis] < outer[axis].length)
                    break;
                at[axis] = 0;
            }
        }
    }

    // Appends bytes of bits after the first `used` bits (1 to 7) of `to`. The bits after the last bit
    // of `row` are 0.
    static void append(uint8_t *to, int used, const uint8_t *row, int64_t bytes) {
        for (int64_t i = 0; i < bytes; i++) {
            to[i] |= static_cast<uint8_t>(row[i] << used);
            const uint8_t rest = static_cast<uint8_t>(row[i] >> (8 - used));
            if (rest)  // there may be no byte for the bits after the last one
                to[i + 1] = rest;
        }
    }
};

// The lengths of a block's axes, alternately not shared and shared, beginning with not shared.
// Neighbouring axes of the same kind are merged.
std::vector<int64_t> alternating(Dimensions shape, Span shared) {
    std::vector<int64_t> lengths{1};
    for (size_t axis = 0; axis < shape.size(); axis++) {
        const bool last_is_shared = lengths.size() % 2 == 0;
        if (shape[axis] == 1)
            continue;
        if ((shared[axis] != 0) == last_is_shared)
            lengths.back() *= shape[axis];
        else
            lengths.push_back(shape[axis]);
    }
    return lengths;
}

// Selects by the packed decisions of a block, which may be shared along axes. `lengths`: see above.
template <typename Element>
struct Selecting {
    const Kernels<Element> &kernels;
    const dropcore_plan &plan;
    const uint8_t *bits;
    const Element *x;  // the next element
    Element *y;

    void run(uint64_t first, const int64_t *lengths, size_t count) {
        if (count <= 2) {
            call(kernels.repeat, first, lengths[0], count == 2 ? lengths[1] : 1);
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

struct Call {
    Words words;
    Words start;  // for each member, the place of its first decision in the whole mask, low word first
    ffi::AnyBuffer x;
    ffi::AnyBuffer y;
    double p;
    dropcore_plan plan;
    Span shared;
    Span whole;
};

template <typename Element>
ffi::Error run(const Kernels<Element> &kernels, Call call) {
    const size_t batch_axes = call.words.dimensions().size() - 1;
    const Dimensions batch = call.y.dimensions().first(batch_axes);
    const Dimensions shape = call.y.dimensions().last(call.y.dimensions().size() - batch_axes);
    const int64_t word_count = call.words.dimensions().back();
    int64_t members = 1, n = 1;
    for (const int64_t length : batch)
        members *= length;
    for (const int64_t length : shape)
        n *= length;
    if (word_count > MAX_WORDS)
        return ffi::Error::InvalidArgument("a key has more words than dropcore_jax knows");
    if (n == 0)
        return ffi::Error::Success();

    const Place place(shape, call.shared, call.whole);
    const std::vector<int64_t> lengths = alternating(shape, call.shared);
    const bool at_once = lengths.size() == 1 && place.run == n;
    std::unique_ptr<uint8_t[]> bits, row;
    if (!at_once) {
        bits.reset(new (std::nothrow) uint8_t[place.decisions / 8 + 1]);
        row.reset(new (std::nothrow) uint8_t[place.run / 8 + 1]);
        if (!bits || !row)
            return ffi::Error(ffi::ErrorCode::kResourceExhausted,
                              "no memory for the keep decisions");
    }
    for (int64_t member = 0; member < members; member++) {
        dropcore_draw draw;
        draw_of(call.words.typed_data() +
                    place_of(member, batch, call.words.dimensions()) * word_count,
                word_count, &draw);
        const uint32_t *pair =
            call.start.typed_data() + place_of(member, batch, call.start.dimensions()) * 2;
        const uint64_t start = pair[0] | static_cast<uint64_t>(pair[1]) << 32;
        const Element *from = static_cast<const Element *>(call.x.untyped_data()) +
                              place_of(member, batch, call.x.dimensions()) * n;
        Element *to = static_cast<Element *>(call.y.untyped_data()) + member * n;
        if (at_once) {
            kernels.forward(&draw, call.p, start, n, &call.plan, from, to, nullptr);
        } else {
            place.decide(&draw, call.p, start, bits.get(), row.get());
            Selecting<Element>{kernels, call.plan, bits.get(), from, to}.run(0, lengths.data(),
                                                                            lengths.size());
        }
    }
    return ffi::Error::Success();
}

#define RUN(name, element)                                                              \
    run(Kernels<element>{dropcore->forward_plan_##name, dropcore->repeat_##name,        \
                         dropcore->tile_##name},                                        \
        call)

ffi::Error dropout(Words words, Words start, ffi::AnyBuffer x, ffi::Result<ffi::AnyBuffer> y,
                   double p, double scale, double shift, double drop, Span shared, Span whole) {
    const Call call{words, start, x, *y, p, {scale, shift, drop}, shared, whole};
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
                           .Arg<Words>()
                           .Arg<ffi::AnyBuffer>()
                           .Ret<ffi::AnyBuffer>()
                           .Attr<double>("p")
                           .Attr<double>("scale")
                           .Attr<double>("shift")
                           .Attr<double>("drop")
                           .Attr<Span>("shared")
                           .Attr<Span>("whole"));

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
