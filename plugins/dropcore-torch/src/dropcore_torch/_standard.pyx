# Standard dropout of one run of memory, as PyTorch runs it line by line: what a training step
# does most, so little stands between its Function and the kernels.
#
# A. Buffers come as addresses: a tensor tells its own in a tenth of a microsecond, its
#    NumPy view takes five times that.
# B. The key of a layer is read from its text once.
# C. The GIL is kept for small tensors: releasing it costs as much as they do.
# D. All of it is compiled, not for the kernels' sake: in a step the caches have lost the
#    interpreter's view of a function by the time it comes again.
# E. `Function.apply` is a layer for torch.func's transforms, which are refused before, around
#    the apply that it inherits. That one is called. And the tape finds the backward pass by an
#    apply that looks for it on each call; it is given ours.
# F. A tensor is asked for its address instead of what else it might be: whatever has no
#    elements in memory has none to tell.

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t, uintptr_t

from dropcore cimport (
    dropcore_backward_bfloat16, dropcore_backward_float16, dropcore_backward_float32,
    dropcore_backward_float64, dropcore_draw, dropcore_draw_of, dropcore_forward_bfloat16,
    dropcore_forward_float16, dropcore_forward_float32, dropcore_forward_float64,
    dropcore_set_index,
)

import torch
from torch import empty_like, is_grad_enabled
from torch.autograd import forward_ad
from torch.autograd.function import Function

import dropcore
from dropcore import get_num_threads
from dropcore_torch.memory import LARGE, dense, large_like
from dropcore_torch.source import LIMIT
from dropcore_torch.transforms import (
    NO_RULE, PLAIN, in_transform, is_batched, modes, tracing_state,
)

cdef enum:
    SMALL = 4096  # elements
    SHARED_WORK = 1 << 20  # elements that dropcore's threads, where it has any, share

cdef enum:  # dtypes
    FLOAT32
    FLOAT64
    FLOAT16
    BFLOAT16

cdef dict DTYPES = {
    torch.float32: FLOAT32,
    torch.float64: FLOAT64,
    torch.float16: FLOAT16,
    torch.bfloat16: BFLOAT16,
}
cdef list indices = []  # tensors for one index each, that nobody uses


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
    cdef uintptr_t address
    cdef uint64_t value
    if source.index is not None:
        return <uint64_t> <int64_t> source.index
    try:
        index = indices.pop()
    except IndexError:
        with torch.inference_mode(False):
            index = torch.empty((), dtype=torch.int64, device="cpu")
    index.random_(0, LIMIT)
    address = index.data_ptr()
    value = (<const uint64_t*> address)[0]
    indices.append(index)
    return value


cdef void run_forward(
    const dropcore_draw* draw, int dtype, double p, Py_ssize_t n,
    const void* x,  # IN
    void* y,  # OUT
    uint8_t* bits,  # OUT, or NULL
) noexcept nogil:
    if dtype == FLOAT32:
        dropcore_forward_float32(draw, p, 0, n, <const float*> x, <float*> y, bits)
    elif dtype == FLOAT64:
        dropcore_forward_float64(draw, p, 0, n, <const double*> x, <double*> y, bits)
    elif dtype == FLOAT16:
        dropcore_forward_float16(draw, p, 0, n, <const uint16_t*> x, <uint16_t*> y, bits)
    else:
        dropcore_forward_bfloat16(draw, p, 0, n, <const uint16_t*> x, <uint16_t*> y, bits)


cdef void run_backward(
    const dropcore_draw* draw, int dtype, double p, Py_ssize_t n,
    const void* dy,  # IN
    void* dx,  # OUT
    const uint8_t* bits,  # IN, or NULL
) noexcept nogil:
    if dtype == FLOAT32:
        dropcore_backward_float32(draw, p, 0, n, <const float*> dy, <float*> dx, bits)
    elif dtype == FLOAT64:
        dropcore_backward_float64(draw, p, 0, n, <const double*> dy, <double*> dx, bits)
    elif dtype == FLOAT16:
        dropcore_backward_float16(draw, p, 0, n, <const uint16_t*> dy, <uint16_t*> dx, bits)
    else:
        dropcore_backward_bfloat16(draw, p, 0, n, <const uint16_t*> dy, <uint16_t*> dx, bits)


cdef uintptr_t address_of(x):
    # 0 where there is no memory behind the elements.
    try:
        return x.data_ptr()
    except RuntimeError:
        return 0


@cython.final
cdef class Mask:
    # What is dropped of one run of n elements.

    cdef dropcore_draw draw
    cdef double p
    cdef int dtype
    cdef Py_ssize_t n
    cdef bytes bits

    cdef object like(self, x):
        # A tensor for what is computed from `x`.
        cdef int size = 8 if self.dtype == FLOAT64 else 4 if self.dtype == FLOAT32 else 2
        return empty_like(x) if self.n * size < LARGE_BYTES else large_like(x)

    cdef int forward(self, x, y, bint keep_bits) except -1:
        # `keep_bits`, so that `backward` need not make them again.
        cdef uintptr_t source = x.data_ptr(), target = y.data_ptr()
        cdef uint8_t* bits = NULL
        if keep_bits:
            self.bits = PyBytes_FromStringAndSize(NULL, (self.n + 7) >> 3)
            bits = <uint8_t*> PyBytes_AS_STRING(self.bits)
        if self.n < SMALL:
            run_forward(
                &self.draw, self.dtype, self.p, self.n, <void*> source, <void*> target, bits
            )
            return 0
        with nogil:
            run_forward(
                &self.draw, self.dtype, self.p, self.n, <void*> source, <void*> target, bits
            )
        return 0

    cdef object backward(self, dy):
        # A tangent may be of another dtype than x; a gradient may be sparse, or all zeros
        # without memory.
        cdef uintptr_t source = address_of(dy), target
        cdef uint8_t* bits = NULL
        cdef int dtype
        if source == 0:
            if in_transform() or is_batched(dy):
                raise RuntimeError(NO_RULE)
            dy = dense(dy)
        if source == 0 or not dy.is_contiguous() or dy.is_neg():
            dy = dy.contiguous().resolve_neg()
            source = dy.data_ptr()
        dtype = DTYPES[dy.dtype]
        dx = self.like(dy)
        target = dx.data_ptr()
        if self.bits is not None:
            bits = <uint8_t*> PyBytes_AS_STRING(self.bits)
        if self.n < SMALL:
            run_backward(&self.draw, dtype, self.p, self.n, <void*> source, <void*> target, bits)
            return dx
        with nogil:
            run_backward(&self.draw, dtype, self.p, self.n, <void*> source, <void*> target, bits)
        return dx


def pull_back(ctx, dy):
    """Give the gradients of x and of what comes with it."""
    cdef Mask mask = ctx.mask
    if is_grad_enabled():
        return Gradient.apply(dy, mask), None
    return mask.backward(dy), None


class Standard(Function):
    """The forward pass."""

    @staticmethod
    def forward(ctx, x, Mask mask):
        """Give y."""
        ctx.mask = mask
        y = mask.like(x)
        mask.forward(x, y, True)
        return y

    backward = staticmethod(pull_back)

    @staticmethod
    def jvp(ctx, dx, _):
        """Give the tangent of y."""
        return Gradient.apply(dx, ctx.mask)


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
        return Gradient.apply(ddx, ctx.mask), None

    @staticmethod
    def jvp(ctx, ddy, _):
        """Give the tangent of dx."""
        return Gradient.apply(ddy, ctx.mask)


cdef Py_ssize_t LARGE_BYTES = LARGE
cdef object apply = super(Function, Standard).apply
Standard._backward_cls.apply = pull_back


cdef bint is_seen_by_others() except? True:
    # Who sees operators alone, or has no rule for dropout.
    return modes() or tracing_state() is not None or in_transform()


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
    cdef Py_ssize_t n
    if training is not True or not rule.standard or type(p) is not float or not 0 <= p <= 1:
        return None
    if type(x) not in PLAIN or not x.is_cpu or address_of(x) == 0 or is_seen_by_others():
        return None
    if not x.is_contiguous() or x.is_neg() or (inplace and x.is_inference()):
        return None
    dtype = DTYPES.get(x.dtype)
    n = x.numel()
    if dtype is None or (n >= SHARED_WORK and get_num_threads() != 1):
        return None
    mask = Mask.__new__(Mask)
    mask.draw = key_of(source.key).draw
    dropcore_set_index(&mask.draw, index_of(source))
    mask.p, mask.dtype, mask.n = p, dtype, n
    if (x.requires_grad and is_grad_enabled()) or forward_ad._current_level >= 0:
        y = apply(x, mask)
    else:
        y = mask.like(x)
        mask.forward(x, y, False)
    return x.copy_(y) if inplace else y
