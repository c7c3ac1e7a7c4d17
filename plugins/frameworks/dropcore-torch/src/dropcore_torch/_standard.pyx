# Dropout by a plan, of tensors without gaps, as PyTorch runs it line by line: what a training step
# does most, so little stands between its Function and the kernels.
#
# A. A tensor is looked at by DLPack's exchange of C structs, where PyTorch has it: one call says
#    where the elements are, how many and of which dtype, or that there are none in memory. The
#    five questions in Python that say the same take three times as long, and a NumPy view more.
# B. The key of a layer is read from its text once, and a plan is asked for once a shape.
# C. The GIL is kept for small tensors: releasing it costs as much as they do.
# D. All of it is compiled, not for the kernels' sake: in a step the caches have lost the
#    interpreter's view of a function by the time it comes again.
# E. `Function.apply` is a layer for torch.func's transforms, which are served elsewhere, around
#    the apply that it inherits. That one is called. And the tape finds the backward pass by an
#    apply that looks for it on each call; it is given ours.
# F. The bits are a tensor that PyTorch saves, so it frees them with the graph, says so where they
#    are asked for again, and shows them to hooks.

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_IsValid
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t, uintptr_t

from dropcore cimport (
    dropcore_draw, dropcore_draw_of, dropcore_forward_plan_bfloat16, dropcore_forward_plan_float16,
    dropcore_forward_plan_float32, dropcore_forward_plan_float64, dropcore_keep_bits,
    dropcore_layout, dropcore_layout_decisions, dropcore_layout_of, dropcore_layout_scratch,
    dropcore_plan, dropcore_scale, dropcore_select_bfloat16, dropcore_select_float16,
    dropcore_select_float32, dropcore_select_float64, dropcore_select_layout_bfloat16,
    dropcore_select_layout_float16, dropcore_select_layout_float32,
    dropcore_select_layout_float64, dropcore_set_index,
)

import numpy as np
import torch
from torch import empty_like, is_grad_enabled
from torch.autograd.function import Function

import dropcore
from dropcore import get_num_threads
from dropcore_torch.memory import LARGE, dense, large_like
from dropcore_torch.source import LIMIT
from dropcore_torch import transforms
from dropcore_torch.private import (
    PLAIN, apply_without_transforms, forward_ad, function_mode_enabled, in_transform, modes,
    replace_backward, tracing_state,
)

cdef extern from *:
    """
    /* DLTensor and DLPackExchangeAPI, of an ABI that does not change within a major version;
       `view` is dltensor_from_py_object_no_sync. */
    typedef struct {
        void *data;
        struct { int32_t type; int32_t id; } device;
        int32_t ndim;
        struct { uint8_t code; uint8_t bits; uint16_t lanes; } dtype;
        int64_t *shape;
        int64_t *strides;
        uint64_t byte_offset;
    } dropcore_tensor;
    typedef struct {
        struct { uint32_t major; uint32_t minor; } version;
        void *earlier_api, *allocate, *owning_view, *to_object;
        int (*view)(void *object, dropcore_tensor *out);
    } dropcore_exchange;
    #define dropcore_is_on_cpu(t) ((t)->device.type == 1)
    #define dropcore_dtype_of(t) ((t)->dtype.lanes << 16 | (t)->dtype.code << 8 | (t)->dtype.bits)
    """
    ctypedef struct Look "dropcore_tensor":
        void* data
        int ndim
        int64_t* shape
        int64_t* strides
        uint64_t byte_offset
    struct Version:
        unsigned int major
    ctypedef struct Exchange "dropcore_exchange":
        Version version
        int (*view)(void*, Look*) except -1
    bint is_on_cpu "dropcore_is_on_cpu" (const Look*) noexcept
    int dtype_of "dropcore_dtype_of" (const Look*) noexcept

cdef enum:
    AXES = 64
    SMALL = 4096  # elements
    MANY = 1 << 18  # elements: of fewer, no tensor is large
    SHARED_WORK = 1 << 20  # elements that dropcore's threads, where it has any, share

cdef enum:  # dtypes, as DLPack has them: lanes, code, bits
    FLOAT16 = 0x10210
    FLOAT32 = 0x10220
    FLOAT64 = 0x10240
    BFLOAT16 = 0x10410
    UINT8 = 0x10108

cdef dict DTYPES = {
    torch.float32: FLOAT32,
    torch.float64: FLOAT64,
    torch.float16: FLOAT16,
    torch.bfloat16: BFLOAT16,
    torch.uint8: UINT8,
}


# The elements of a tensor in the CPU's memory.
cdef struct Seen:
    uintptr_t address
    Py_ssize_t n
    int dtype
    bint plain  # one run of memory, in C order
    int axes
    Py_ssize_t[<int> AXES] length
    Py_ssize_t[<int> AXES] stride


cdef Exchange* exchange_of_tensors() except? NULL:
    # NULL where PyTorch has none, or of an ABI that is not known here.
    cdef Exchange* exchange
    capsule = getattr(torch.Tensor, "__dlpack_c_exchange_api__", None)
    if not PyCapsule_IsValid(capsule, "dlpack_exchange_api"):
        return NULL
    exchange = <Exchange*> PyCapsule_GetPointer(capsule, "dlpack_exchange_api")
    return exchange if exchange.version.major == 1 and exchange.view != NULL else NULL


cdef Exchange* exchange = exchange_of_tensors()


cdef bint look_at(
    x,
    Seen* seen,  # OUT
) except -1:
    # False where there is nothing to be seen, or of a dtype that the kernels do not take.
    cdef Look look
    cdef int axis
    if exchange == NULL:
        return look_by_asking(x, seen)
    try:
        exchange.view(<void*> x, &look)
    except Exception:  # it has no memory, or not the kind that DLPack knows
        return False
    if look.ndim > AXES:
        return False
    seen.axes = look.ndim
    for axis in range(look.ndim):
        seen.length[axis] = look.shape[axis]
        seen.stride[axis] = look.strides[axis]
    measure(seen)
    seen.address = <uintptr_t> look.data + look.byte_offset
    seen.dtype = dtype_of(&look)
    return (
        look.data != NULL and is_on_cpu(&look) and seen.n > 0
        and seen.dtype in (FLOAT16, FLOAT32, FLOAT64, BFLOAT16, UINT8) and not x.is_neg()
    )


cdef void measure(Seen* seen) noexcept:
    cdef int axis
    seen.n = 1
    seen.plain = True
    for axis in range(seen.axes - 1, -1, -1):
        if seen.stride[axis] != seen.n and seen.length[axis] != 1:
            seen.plain = False
        seen.n *= seen.length[axis]


cdef bint look_by_asking(
    x,
    Seen* seen,  # OUT
) except -1:
    if not x.is_cpu or x.dtype not in DTYPES or x.dim() > AXES:
        return False
    try:
        seen.address = x.data_ptr()
    except RuntimeError:
        return False
    seen.dtype = DTYPES[x.dtype]
    seen.axes = x.dim()
    for axis in range(seen.axes):
        seen.length[axis] = x.size(axis)
        seen.stride[axis] = x.stride(axis)
    measure(seen)
    return seen.address != 0 and seen.n > 0 and not x.is_neg()


cdef bint lie_alike(const Seen* x, const Seen* y) noexcept:
    cdef int axis
    if x.axes != y.axes or x.dtype != y.dtype:
        return False
    for axis in range(x.axes):
        if x.length[axis] != y.length[axis] or (
            x.length[axis] != 1 and x.stride[axis] != y.stride[axis]
        ):
            return False
    return True


@cython.final
cdef class Index:
    # Memory of PyTorch's for one index.
    cdef object tensor
    cdef const uint64_t* value

    def __cinit__(self):
        with torch.inference_mode(False):
            self.tensor = torch.empty((), dtype=torch.int64, device="cpu")
        self.value = <const uint64_t*> <uintptr_t> self.tensor.data_ptr()


cdef list indices = []  # that nobody uses


@cython.final
cdef class Key:
    cdef dropcore_draw draw


cdef dict keys = {}


cdef Key key_of(str text):
    cdef Key key = keys.get(text)
    if key is None:
        key = Key.__new__(Key)
        dropcore_draw_of(draw_of_key(text), &key.draw)
        if len(keys) >= 1024:
            keys.clear()
        keys[text] = key
    return key


def draw_of_key(str text):
    """Give the first draw of a key."""
    return dropcore.Draw.parse(f"dc1:{text}:0")


cdef uint64_t index_of(source) except? 0:
    # What `source.draw_index()` gives, in memory that is there already.
    cdef Index index
    cdef uint64_t value
    if source.index is not None:
        return <uint64_t> <int64_t> source.index
    try:
        index = indices.pop()
    except IndexError:
        index = Index()
    index.tensor.random_(0, LIMIT)
    value = index.value[0]
    indices.append(index)
    return value


# ------------------------------------------------------------------------- kernels

cdef void fused(
    const dropcore_draw* draw, double p, const dropcore_plan* plan,
    const Seen* x,  # IN
    const Seen* y,  # OUT
    uint8_t* bits,  # OUT, or NULL
) noexcept nogil:
    # A decision for each element, used as it is made.
    cdef void* a = <void*> x.address
    cdef void* b = <void*> y.address
    if x.dtype == FLOAT32:
        dropcore_forward_plan_float32(draw, p, 0, x.n, plan, <const float*> a, <float*> b, bits)
    elif x.dtype == FLOAT64:
        dropcore_forward_plan_float64(draw, p, 0, x.n, plan, <const double*> a, <double*> b, bits)
    elif x.dtype == FLOAT16:
        dropcore_forward_plan_float16(
            draw, p, 0, x.n, plan, <const uint16_t*> a, <uint16_t*> b, bits
        )
    else:
        dropcore_forward_plan_bfloat16(
            draw, p, 0, x.n, plan, <const uint16_t*> a, <uint16_t*> b, bits
        )


cdef void select(
    const uint8_t* bits, const dropcore_plan* plan,
    const Seen* x,  # IN
    const Seen* y,  # OUT
) noexcept nogil:
    # A decision for each element, in C order.
    cdef void* a = <void*> x.address
    cdef void* b = <void*> y.address
    if x.dtype == FLOAT32:
        dropcore_select_float32(bits, 0, x.n, plan, <const float*> a, <float*> b)
    elif x.dtype == FLOAT64:
        dropcore_select_float64(bits, 0, x.n, plan, <const double*> a, <double*> b)
    elif x.dtype == FLOAT16:
        dropcore_select_float16(bits, 0, x.n, plan, <const uint16_t*> a, <uint16_t*> b)
    else:
        dropcore_select_bfloat16(bits, 0, x.n, plan, <const uint16_t*> a, <uint16_t*> b)


cdef void select_layout(
    const dropcore_layout* layout, const uint8_t* bits, const dropcore_plan* plan,
    const Seen* x,  # IN
    const Seen* y,  # OUT
    uint8_t* scratch,  # OUT
) noexcept nogil:
    cdef void* a = <void*> x.address
    cdef void* b = <void*> y.address
    if x.dtype == FLOAT32:
        dropcore_select_layout_float32(layout, bits, plan, <const float*> a, <float*> b, scratch)
    elif x.dtype == FLOAT64:
        dropcore_select_layout_float64(layout, bits, plan, <const double*> a, <double*> b, scratch)
    elif x.dtype == FLOAT16:
        dropcore_select_layout_float16(
            layout, bits, plan, <const uint16_t*> a, <uint16_t*> b, scratch
        )
    else:
        dropcore_select_layout_bfloat16(
            layout, bits, plan, <const uint16_t*> a, <uint16_t*> b, scratch
        )


# --------------------------------------------------------------------------- plans

@cython.final
cdef class Plan:
    # What a rule asks for, at one p and shape.
    cdef object rule  # so that its id stays taken
    cdef dropcore_plan forward
    cdef dropcore_plan backward
    cdef uint64_t shared  # bit a: along axis a


cdef dict plans = {}


def plan_numbers(x, double p, rule):
    """Give scale, shift, drop and shared axes for the node; None where the plan is not for it."""
    cdef Plan plan = plan_of(x, p, rule)
    if plan is None:
        return None
    return plan.forward.scale, plan.forward.shift, plan.forward.drop, plan.shared


cdef Plan plan_of(x, double p, rule):
    # None where the variant or the shape is not for this module.
    cdef Plan plan
    cdef int axes
    key = id(rule), p, x.shape
    plan = plans.get(key)
    if plan is not None:
        return plan
    axes = x.dim()
    asked = rule.variant.plan(p, tuple(x.shape))
    plan = Plan.__new__(Plan)
    plan.rule = rule
    plan.shared = 0
    shared = asked.shared_axes
    for axis in shared if isinstance(shared, tuple) else (shared,):
        if not -axes <= axis < axes or plan.shared >> axis % axes & 1:
            return None  # for whoever says what is wrong
        plan.shared |= <uint64_t> 1 << axis % axes
    set_plan(plan, asked.scale, asked.shift, asked.drop)
    if len(plans) >= 1024:
        plans.clear()
    plans[key] = plan
    return plan


cdef void set_plan(Plan plan, double scale, double shift, double drop) noexcept:
    plan.forward.scale = plan.backward.scale = scale
    plan.forward.shift, plan.forward.drop = shift, drop
    plan.backward.shift = plan.backward.drop = 0


# --------------------------------------------------------------------------- masks

@cython.final
cdef class Mask:
    # What is dropped of the elements of one tensor.

    cdef dropcore_draw draw
    cdef double p
    cdef Py_ssize_t n
    cdef Py_ssize_t decisions
    cdef bint in_order  # of x: a decision for each element, as they follow each other in memory
    cdef Plan plan
    cdef object copy  # of x, where that has gaps; until it is used

    cdef tuple forward(self, x, bint keep_bits):
        # y and, if `keep_bits`, the bits for `backward`: a tensor.
        cdef Seen source, target, packed
        cdef dropcore_layout layout
        cdef uint8_t* bits = NULL
        cdef bint in_order, small = self.n < SMALL
        kept = None
        if self.copy is not None:
            x, self.copy = self.copy, None
        if keep_bits or not self.in_order:
            kept = BITS.new_empty(self.decisions + 7 >> 3)
        y = self.like(x, &source, &target)
        in_order = source.plain and self.plan.shared == 0
        if in_order != self.in_order or (
            not in_order and not find_layout(&source, self.plan.shared, &layout)
        ):
            raise RuntimeError(MOVED)
        if kept is not None:
            look_at(kept, &packed)
            bits = <uint8_t*> packed.address
        if not in_order:
            self.apply_layout(&layout, bits, True, &self.plan.forward, &source, &target)
        elif small:
            fused(&self.draw, self.p, &self.plan.forward, &source, &target, bits)
        else:
            with nogil:
                fused(&self.draw, self.p, &self.plan.forward, &source, &target, bits)
        return y, kept

    cdef object backward(self, dy, kept):
        # A tangent may be of another dtype than x; a gradient may be sparse, or all zeros
        # without memory.
        cdef Seen source, target, packed
        cdef dropcore_layout layout
        cdef uint8_t* bits
        cdef bint in_order
        if not look_at(dy, &source) or not self.can_take(&source):
            if transforms.are_in_the_way(dy):
                return gradient_by_operators(dy, self, kept)
            dy = dense(dy).contiguous().resolve_neg()
        dx = self.like(dy, &source, &target)
        in_order = source.plain and self.plan.shared == 0
        if not in_order and not find_layout(&source, self.plan.shared, &layout):
            raise RuntimeError(MOVED)
        if (
            not look_at(kept, &packed) or packed.dtype != UINT8 or not packed.plain
            or packed.n != self.decisions + 7 >> 3
        ):
            raise RuntimeError(
                "a hook of saved tensors must give back the packed decisions as they were: uint8 "
                f"in the CPU's memory, not {kept!r}"
            )
        bits = <uint8_t*> packed.address
        if not in_order:
            self.apply_layout(&layout, bits, False, &self.plan.backward, &source, &target)
        elif self.n < SMALL:
            select(bits, &self.plan.backward, &source, &target)
        else:
            with nogil:
                select(bits, &self.plan.backward, &source, &target)
        return dx

    cdef bint can_take(self, const Seen* source) noexcept:
        cdef dropcore_layout layout
        return source.dtype != UINT8 and (
            source.plain or find_layout(source, self.plan.shared, &layout)
        )

    cdef object apply_layout(
        self, const dropcore_layout* layout, uint8_t* bits, bint decide, const dropcore_plan* plan,
        const Seen* source, const Seen* target,
    ):
        cdef Py_ssize_t size = dropcore_layout_scratch(layout)
        cdef bytes memory = PyBytes_FromStringAndSize(NULL, size)
        cdef uint8_t* scratch = <uint8_t*> PyBytes_AS_STRING(memory)
        if self.n < SMALL:
            if decide:
                dropcore_keep_bits(
                    &self.draw, self.p, 0, dropcore_layout_decisions(layout), bits
                )
            select_layout(layout, bits, plan, source, target, scratch)
            return None
        with nogil:
            if decide:
                dropcore_keep_bits(
                    &self.draw, self.p, 0, dropcore_layout_decisions(layout), bits
                )
            select_layout(layout, bits, plan, source, target, scratch)
        return None

    cdef object like(
        self, x,
        Seen* source,  # OUT
        Seen* target,  # OUT
    ):
        # A tensor for what is computed from x. Both are looked at last, since whatever calls
        # PyTorch may run code of others, which may give a tensor other memory.
        cdef bint large = self.n >= MANY and self.n * x.element_size() >= LARGE_BYTES
        y = large_like(x) if large else empty_like(x)
        if not look_at(x, source) or not look_at(y, target):
            raise no_memory(x)
        if source.n != self.n or not lie_alike(source, target):
            raise RuntimeError(MOVED)
        return y


cdef str MOVED = "a tensor was given other memory while its dropout was computed"
cdef object BITS = torch.empty(0, dtype=torch.uint8, device="cpu")


cdef object no_memory(x):
    return TypeError(f"{type(x).__name__} of {x.dtype}: no memory that dropout can use")


cdef bint find_layout(
    const Seen* seen, uint64_t shared,
    dropcore_layout* layout,  # OUT
) noexcept:
    return dropcore_layout_of(seen.axes, seen.length, seen.stride, shared, layout)


# ----------------------------------------------------------------------- functions

cdef object gradient(dy, Mask mask, bits):
    # Where it may have to be differentiated again: by a rule of the tape's, or of transforms.
    if is_grad_enabled() or forward_ad._current_level >= 0:
        if transforms.are_in_the_way(dy):
            return gradient_by_operators(dy, mask, bits)
        return Gradient.apply(dy, mask, bits)
    return mask.backward(dy, bits)


def gradient_of(dy, bits, Py_ssize_t n, Py_ssize_t decisions, uint64_t shared, double scale):
    """Give the gradient where the node in C++ leaves that to this module."""
    cdef Mask mask = Mask.__new__(Mask)
    mask.n, mask.decisions = n, decisions
    mask.plan = Plan.__new__(Plan)
    mask.plan.shared = shared
    set_plan(mask.plan, scale, 0, 0)
    return gradient(dy, mask, bits)


def gradient_by_operators(dy, Mask mask, bits):
    """Give the gradient so that torch.func's transforms find their rules for it."""
    own = [
        1 if mask.plan.shared >> axis & 1 else length for axis, length in enumerate(dy.shape)
    ]
    keep = np.unpackbits(bits.numpy(), count=mask.decisions, bitorder="little").view(bool)
    scale = torch.tensor(mask.plan.backward.scale, dtype=torch.float64)
    return transforms.gradient(dy, torch.from_numpy(keep.reshape(own)).expand(dy.shape), scale)


def pull_back(ctx, dy):
    """Give the gradients of x and of what comes with it."""
    (bits,) = ctx.saved_tensors
    return gradient(dy, ctx.mask, bits), None


cdef object save(ctx, Mask mask, bits):
    ctx.mask = mask
    ctx.save_for_backward(bits)
    if forward_ad._current_level >= 0:
        ctx.save_for_forward(bits)


class Planned(Function):
    """The forward pass."""

    @staticmethod
    def forward(ctx, x, Mask mask):
        """Give y."""
        y, bits = mask.forward(x, True)
        save(ctx, mask, bits)
        return y

    backward = staticmethod(pull_back)

    @staticmethod
    def jvp(ctx, dx, _):
        """Give the tangent of y."""
        return gradient(dx, ctx.mask, ctx.saved_tensors[0])


class Gradient(Function):
    """The backward pass: linear and its own adjoint, so it has any number of derivatives."""

    @staticmethod
    def forward(ctx, dy, Mask mask, bits):
        """Give dx."""
        save(ctx, mask, bits)
        return mask.backward(dy, bits)

    @staticmethod
    def backward(ctx, ddx):
        """Give the gradient of dy."""
        return gradient(ddx, ctx.mask, ctx.saved_tensors[0]), None, None

    @staticmethod
    def jvp(ctx, ddy, _, __):
        """Give the tangent of dx."""
        return gradient(ddy, ctx.mask, ctx.saved_tensors[0])


cdef Py_ssize_t LARGE_BYTES = LARGE
cdef tuple NUMBERS = (float, int)  # and not what derives from them, such as bool
cdef object apply = apply_without_transforms(Planned)
replace_backward(Planned, pull_back)


cdef bint is_seen_by_others() except? True:
    # Who sees operators alone, or has no rule for dropout.
    return modes() or function_mode_enabled() or tracing_state() is not None or in_transform()


cdef object untouched(x, source):
    # The input itself, as PyTorch gives it. What the next call draws does not follow from this p.
    try:
        index_of(source)
    except RuntimeError:  # as in `source.take`
        pass
    return x


def dropout(x, p, training, inplace, rule, source):
    """Compute y, in x if `inplace`; None if that is not for this module to do.

    Parameters
    ----------
    x : torch.Tensor
    p : float
    training : bool
    inplace : bool
    rule : dropcore_torch.rule.Rule
    source : dropcore_torch.source.Source
        Asked for an index if y is given.
    """
    cdef Mask mask
    cdef Plan plan
    cdef Seen seen
    cdef dropcore_layout layout
    cdef bint in_order
    if training is not True or not rule.planned or type(p) not in NUMBERS or not 0 <= p <= 1:
        return None
    if type(x) not in PLAIN or is_seen_by_others():
        return None
    if rule.standard:
        if p == 0 and x.is_cpu:
            return untouched(x, source)
        if not look_at(x, &seen) or seen.dtype == UINT8:
            return None
        plan = Plan.__new__(Plan)
        plan.shared = 0
        set_plan(plan, dropcore_scale(p), 0, 0)
    else:
        if not look_at(x, &seen) or seen.dtype == UINT8:
            return None
        plan = plan_of(x, p, rule)
        if plan is None:
            return None
        if p == 0 and plan.forward.scale == 1 and plan.forward.shift == 0:
            return untouched(x, source)
    in_order = seen.plain and plan.shared == 0
    copy = None
    if not in_order and not find_layout(&seen, plan.shared, &layout):
        copy = x.detach().clone()  # without gaps, its axes in the same order
        if not look_at(copy, &seen):
            return None
        in_order = seen.plain and plan.shared == 0
        if not in_order and not find_layout(&seen, plan.shared, &layout):
            return None
    if (inplace and x.is_inference()) or (seen.n >= SHARED_WORK and get_num_threads() != 1):
        return None
    mask = Mask.__new__(Mask)
    mask.draw = key_of(source.key).draw
    dropcore_set_index(&mask.draw, index_of(source))
    mask.p, mask.n, mask.plan, mask.in_order, mask.copy = p, seen.n, plan, in_order, copy
    mask.decisions = seen.n if in_order else dropcore_layout_decisions(&layout)
    if (x.requires_grad and is_grad_enabled()) or forward_ad._current_level >= 0:
        y = apply(x, mask)
    else:
        y, _ = mask.forward(x, False)
    return x.copy_(y) if inplace else y
