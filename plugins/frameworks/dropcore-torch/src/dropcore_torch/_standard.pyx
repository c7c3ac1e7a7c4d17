# Standard dropout of one run of memory, as PyTorch runs it line by line: what a training step
# does most, so little stands between its Function and the kernels.
#
# A. A tensor is looked at by DLPack's exchange of C structs, where PyTorch has it: one call says
#    where the elements are, how many and of which dtype, or that there are none in memory. The
#    five questions in Python that say the same take three times as long, and a NumPy view more.
# B. The key of a layer is read from its text once.
# C. The GIL is kept for small tensors: releasing it costs as much as they do.
# D. All of it is compiled, not for the kernels' sake: in a step the caches have lost the
#    interpreter's view of a function by the time it comes again.
# E. `Function.apply` is a layer for torch.func's transforms, which are served elsewhere, around
#    the apply that it inherits. That one is called. And the tape finds the backward pass by an
#    apply that looks for it on each call; it is given ours.

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_IsValid
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t, uintptr_t

from dropcore cimport (
    dropcore_backward_bfloat16, dropcore_backward_float16, dropcore_backward_float32,
    dropcore_backward_float64, dropcore_draw, dropcore_draw_of, dropcore_forward_bfloat16,
    dropcore_forward_float16, dropcore_forward_float32, dropcore_forward_float64,
    dropcore_set_index,
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
    SMALL = 4096  # elements
    MANY = 1 << 18  # elements: of fewer, no tensor is large
    SHARED_WORK = 1 << 20  # elements that dropcore's threads, where it has any, share

cdef enum:  # dtypes, as DLPack has them: lanes, code, bits
    FLOAT16 = 0x10210
    FLOAT32 = 0x10220
    FLOAT64 = 0x10240
    BFLOAT16 = 0x10410

cdef dict DTYPES = {
    torch.float32: FLOAT32,
    torch.float64: FLOAT64,
    torch.float16: FLOAT16,
    torch.bfloat16: BFLOAT16,
}


# The elements of a tensor that are one run of the CPU's memory, in C order.
cdef struct Run:
    uintptr_t address
    Py_ssize_t n
    int dtype


cdef Exchange* exchange_of_tensors() except? NULL:
    # NULL where PyTorch has none, or of an ABI that is not known here.
    cdef Exchange* exchange
    capsule = getattr(torch.Tensor, "__dlpack_c_exchange_api__", None)
    if not PyCapsule_IsValid(capsule, "dlpack_exchange_api"):
        return NULL
    exchange = <Exchange*> PyCapsule_GetPointer(capsule, "dlpack_exchange_api")
    return exchange if exchange.version.major == 1 and exchange.view != NULL else NULL


cdef Exchange* exchange = exchange_of_tensors()


cdef bint find_run(
    x,
    Run* run,  # OUT
) except -1:
    # False where the elements are no such run, or of a dtype that the kernels do not take.
    cdef Look look
    cdef int axis
    if exchange == NULL:
        return find_run_by_asking(x, run)
    try:
        exchange.view(<void*> x, &look)
    except Exception:  # it has no memory, or not the kind that DLPack knows
        return False
    run.n = 1
    for axis in reversed(range(look.ndim)):
        if look.strides[axis] != run.n and look.shape[axis] != 1:
            return False
        run.n *= look.shape[axis]
    run.address = <uintptr_t> look.data + look.byte_offset
    run.dtype = dtype_of(&look)
    return (
        look.data != NULL and is_on_cpu(&look) and run.n > 0
        and run.dtype in (FLOAT16, FLOAT32, FLOAT64, BFLOAT16) and not x.is_neg()
    )


cdef bint find_run_by_asking(
    x,
    Run* run,  # OUT
) except -1:
    if not x.is_cpu or x.dtype not in DTYPES:
        return False
    try:
        run.address = x.data_ptr()
    except RuntimeError:
        return False
    run.dtype = DTYPES[x.dtype]
    run.n = x.numel()
    return run.address != 0 and x.is_contiguous() and not x.is_neg()


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
        dropcore_draw_of(dropcore.Draw.parse(f"dc1:{text}:0"), &key.draw)
        if len(keys) >= 1024:
            keys.clear()
        keys[text] = key
    return key


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


cdef void run_forward(
    const dropcore_draw* draw, double p,
    const Run* x,  # IN
    const Run* y,  # OUT
    uint8_t* bits,  # OUT, or NULL
) noexcept nogil:
    cdef void* a = <void*> x.address
    cdef void* b = <void*> y.address
    if x.dtype == FLOAT32:
        dropcore_forward_float32(draw, p, 0, x.n, <const float*> a, <float*> b, bits)
    elif x.dtype == FLOAT64:
        dropcore_forward_float64(draw, p, 0, x.n, <const double*> a, <double*> b, bits)
    elif x.dtype == FLOAT16:
        dropcore_forward_float16(draw, p, 0, x.n, <const uint16_t*> a, <uint16_t*> b, bits)
    else:
        dropcore_forward_bfloat16(draw, p, 0, x.n, <const uint16_t*> a, <uint16_t*> b, bits)


cdef void run_backward(
    const dropcore_draw* draw, double p,
    const Run* dy,  # IN
    const Run* dx,  # OUT
    const uint8_t* bits,  # IN, or NULL
) noexcept nogil:
    cdef void* a = <void*> dy.address
    cdef void* b = <void*> dx.address
    if dy.dtype == FLOAT32:
        dropcore_backward_float32(draw, p, 0, dy.n, <const float*> a, <float*> b, bits)
    elif dy.dtype == FLOAT64:
        dropcore_backward_float64(draw, p, 0, dy.n, <const double*> a, <double*> b, bits)
    elif dy.dtype == FLOAT16:
        dropcore_backward_float16(draw, p, 0, dy.n, <const uint16_t*> a, <uint16_t*> b, bits)
    else:
        dropcore_backward_bfloat16(draw, p, 0, dy.n, <const uint16_t*> a, <uint16_t*> b, bits)


@cython.final
cdef class Mask:
    # What is dropped of one run of elements.

    cdef dropcore_draw draw
    cdef double p
    cdef Py_ssize_t n
    cdef bytes bits

    cdef object forward(self, x, bint keep_bits):
        # `keep_bits`, so that `backward` need not make them again.
        cdef Run source, target
        cdef uint8_t* bits = NULL
        y = self.like(x, &source, &target)
        if keep_bits:
            self.bits = PyBytes_FromStringAndSize(NULL, (self.n + 7) >> 3)
            bits = <uint8_t*> PyBytes_AS_STRING(self.bits)
        if self.n < SMALL:
            run_forward(&self.draw, self.p, &source, &target, bits)
            return y
        with nogil:
            run_forward(&self.draw, self.p, &source, &target, bits)
        return y

    cdef object backward(self, dy):
        # A tangent may be of another dtype than x; a gradient may be sparse, or all zeros
        # without memory.
        cdef Run source, target
        cdef uint8_t* bits = NULL
        if not find_run(dy, &source):
            if transforms.are_in_the_way(dy):
                return gradient_by_operators(dy, self)
            dy = dense(dy).contiguous().resolve_neg()
        dx = self.like(dy, &source, &target)
        if self.bits is not None:
            bits = <uint8_t*> PyBytes_AS_STRING(self.bits)
        if self.n < SMALL:
            run_backward(&self.draw, self.p, &source, &target, bits)
            return dx
        with nogil:
            run_backward(&self.draw, self.p, &source, &target, bits)
        return dx

    cdef object like(
        self, x,
        Run* source,  # OUT
        Run* target,  # OUT
    ):
        # A tensor for what is computed from x. Both are looked at last, since whatever calls
        # PyTorch may run code of others, which may give a tensor other memory.
        cdef bint large = self.n >= MANY and self.n * x.element_size() >= LARGE_BYTES
        y = large_like(x) if large else empty_like(x)
        if not find_run(x, source) or not find_run(y, target):
            raise TypeError(f"{type(x).__name__} of {x.dtype}: no memory that dropout can use")
        if source.n != self.n or target.n != self.n or target.dtype != source.dtype:
            raise RuntimeError("a tensor was given other memory while its dropout was computed")
        return y


cdef object gradient(dy, Mask mask):
    # Where it may have to be differentiated again: by a rule of the tape's, or of transforms.
    if is_grad_enabled() or forward_ad._current_level >= 0:
        if transforms.are_in_the_way(dy):
            return gradient_by_operators(dy, mask)
        return Gradient.apply(dy, mask)
    return mask.backward(dy)


def gradient_by_operators(dy, Mask mask):
    """Give the gradient so that torch.func's transforms find their rules for it."""
    bits = np.frombuffer(mask.bits, np.uint8)
    keep = np.unpackbits(bits, count=mask.n, bitorder="little").view(bool)
    scale = torch.tensor(STANDARD.plan(mask.p, (mask.n,)).scale, dtype=torch.float64)
    return transforms.gradient(dy, torch.from_numpy(keep).view(dy.shape), scale)


def pull_back(ctx, dy):
    """Give the gradients of x and of what comes with it."""
    return gradient(dy, ctx.mask), None


class Standard(Function):
    """The forward pass."""

    @staticmethod
    def forward(ctx, x, Mask mask):
        """Give y."""
        ctx.mask = mask
        return mask.forward(x, True)

    backward = staticmethod(pull_back)

    @staticmethod
    def jvp(ctx, dx, _):
        """Give the tangent of y."""
        return gradient(dx, ctx.mask)


class Gradient(Function):
    """The backward pass: linear and its own adjoint, so it has any number of derivatives."""

    @staticmethod
    def forward(ctx, dy, Mask mask):
        """Give dx."""
        ctx.mask = mask
        return mask.backward(dy)

    @staticmethod
    def backward(ctx, ddx):
        """Give the gradient of dy."""
        return gradient(ddx, ctx.mask), None

    @staticmethod
    def jvp(ctx, ddy, _):
        """Give the tangent of dx."""
        return gradient(ddy, ctx.mask)


cdef Py_ssize_t LARGE_BYTES = LARGE
cdef object STANDARD = dropcore.get_variant("standard")
cdef object apply = apply_without_transforms(Standard)
replace_backward(Standard, pull_back)


cdef bint is_seen_by_others() except? True:
    # Who sees operators alone, or has no rule for dropout.
    return modes() or function_mode_enabled() or tracing_state() is not None or in_transform()


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
        Asked for an index if y is computed.
    """
    cdef Mask mask
    cdef Run run
    if training is not True or not rule.standard or type(p) is not float or not 0 <= p <= 1:
        return None
    if type(x) not in PLAIN or is_seen_by_others() or not find_run(x, &run):
        return None
    if (inplace and x.is_inference()) or (run.n >= SHARED_WORK and get_num_threads() != 1):
        return None
    if p == 0:
        try:
            index_of(source)
        except RuntimeError:  # as in `source.take`
            pass
        return x
    mask = Mask.__new__(Mask)
    mask.draw = key_of(source.key).draw
    dropcore_set_index(&mask.draw, index_of(source))
    mask.p, mask.n = p, run.n
    if (x.requires_grad and is_grad_enabled()) or forward_ad._current_level >= 0:
        y = apply(x, mask)
    else:
        y = mask.forward(x, False)
    return x.copy_(y) if inplace else y
