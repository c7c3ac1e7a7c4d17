# Standard dropout of one run of memory: what a training step of PyTorch does most, so
# nothing stands between its operator and the kernels.
#
# A. Buffers come as addresses: a tensor tells its own in a tenth of a microsecond, its
#    NumPy view takes five times that.
# B. The key of a layer is read from its text once.
# C. p is checked here, where it costs nothing.
# D. The GIL is kept for small tensors: releasing it costs as much as they do.

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t, uint64_t, uintptr_t

from dropcore cimport (
    dropcore_backward_bfloat16, dropcore_backward_float16, dropcore_backward_float32,
    dropcore_backward_float64, dropcore_draw, dropcore_draw_of, dropcore_forward_bfloat16,
    dropcore_forward_float16, dropcore_forward_float32, dropcore_forward_float64,
    dropcore_set_index,
)

import dropcore

cdef enum:
    SMALL = 4096  # elements

cpdef enum:  # dtypes
    FLOAT32
    FLOAT64
    FLOAT16
    BFLOAT16


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


@cython.final
cdef class StandardMask:
    """What is dropped of one run of n elements.

    Parameters
    ----------
    key : str
        64 hex digits.
    index : int
        The address of the draw index.
    p : float
    dtype : int
    n : int

    Attributes
    ----------
    size : int
        Bytes of x.
    """

    cdef dropcore_draw draw
    cdef double p
    cdef int dtype
    cdef Py_ssize_t n
    cdef bytes bits
    cdef readonly Py_ssize_t size

    def __cinit__(self, str key, uintptr_t index, double p, int dtype, Py_ssize_t n):
        if not 0 <= p <= 1:
            raise ValueError(f"p must be in [0, 1], the probability of being dropped, not {p}")
        self.draw = key_of(key).draw
        dropcore_set_index(&self.draw, (<const uint64_t*> index)[0])
        self.p = p
        self.dtype = dtype
        self.n = n
        self.size = n * (8 if dtype == FLOAT64 else 4 if dtype == FLOAT32 else 2)

    def forward(self, uintptr_t x, uintptr_t y, bint keep_bits):
        """Write y; `keep_bits`, so that `backward` need not make them again."""
        cdef uint8_t* bits = NULL
        if keep_bits:
            self.bits = PyBytes_FromStringAndSize(NULL, (self.n + 7) >> 3)
            bits = <uint8_t*> PyBytes_AS_STRING(self.bits)
        if self.n < SMALL:
            run_forward(&self.draw, self.dtype, self.p, self.n, <void*> x, <void*> y, bits)
            return
        with nogil:
            run_forward(&self.draw, self.dtype, self.p, self.n, <void*> x, <void*> y, bits)

    def backward(self, uintptr_t dy, uintptr_t dx):
        """Write dx."""
        cdef uint8_t* bits = NULL
        if self.bits is not None:
            bits = <uint8_t*> PyBytes_AS_STRING(self.bits)
        if self.n < SMALL:
            run_backward(&self.draw, self.dtype, self.p, self.n, <void*> dy, <void*> dx, bits)
            return
        with nogil:
            run_backward(&self.draw, self.dtype, self.p, self.n, <void*> dy, <void*> dx, bits)
