# An engine of one's own: the exported functions, called without the GIL.

from libc.stdint cimport uint8_t, uint16_t, uint64_t

from dropcore cimport (
    dropcore_backward_bfloat16, dropcore_backward_float16, dropcore_backward_float32,
    dropcore_backward_float64, dropcore_draw, dropcore_forward_bfloat16,
    dropcore_forward_float16, dropcore_forward_float32, dropcore_forward_float64,
    dropcore_keep_bits, dropcore_key, dropcore_set_index, dropcore_words,
)


cdef class Engine:
    # Buffers are bytes: a float16 and a bfloat16 are both 16 bits to Cython.
    cdef dropcore_draw draw
    cdef double p

    def __init__(self, seed, path, uint64_t index, double p):
        dropcore_key(seed, path, &self.draw)
        with nogil:
            dropcore_set_index(&self.draw, index)
        self.p = p

    def keep_bits(self, uint64_t start, Py_ssize_t n, uint8_t[::1] bits):
        with nogil:
            dropcore_keep_bits(&self.draw, self.p, start, n, &bits[0])

    def words(self, uint64_t start, Py_ssize_t n, uint64_t[::1] words):
        with nogil:
            dropcore_words(&self.draw, start, n, &words[0])

    def forward(
        self, str dtype, uint64_t start, Py_ssize_t n,
        const uint8_t[::1] x, uint8_t[::1] y, uint8_t[::1] bits=None,
    ):
        cdef const uint8_t* source = &x[0]
        cdef uint8_t* target = &y[0]
        cdef uint8_t* decisions = NULL if bits is None else &bits[0]
        if dtype == "float32":
            with nogil:
                dropcore_forward_float32(
                    &self.draw, self.p, start, n, <const float*> source, <float*> target, decisions
                )
        elif dtype == "float64":
            with nogil:
                dropcore_forward_float64(
                    &self.draw, self.p, start, n, <const double*> source, <double*> target,
                    decisions,
                )
        elif dtype == "float16":
            with nogil:
                dropcore_forward_float16(
                    &self.draw, self.p, start, n, <const uint16_t*> source, <uint16_t*> target,
                    decisions,
                )
        elif dtype == "bfloat16":
            with nogil:
                dropcore_forward_bfloat16(
                    &self.draw, self.p, start, n, <const uint16_t*> source, <uint16_t*> target,
                    decisions,
                )
        else:
            raise TypeError(dtype)

    def backward(
        self, str dtype, uint64_t start, Py_ssize_t n,
        const uint8_t[::1] dy, uint8_t[::1] dx, const uint8_t[::1] bits=None,
    ):
        cdef const uint8_t* source = &dy[0]
        cdef uint8_t* target = &dx[0]
        cdef const uint8_t* decisions = NULL if bits is None else &bits[0]
        if dtype == "float32":
            with nogil:
                dropcore_backward_float32(
                    &self.draw, self.p, start, n, <const float*> source, <float*> target, decisions
                )
        elif dtype == "float64":
            with nogil:
                dropcore_backward_float64(
                    &self.draw, self.p, start, n, <const double*> source, <double*> target,
                    decisions,
                )
        elif dtype == "float16":
            with nogil:
                dropcore_backward_float16(
                    &self.draw, self.p, start, n, <const uint16_t*> source, <uint16_t*> target,
                    decisions,
                )
        elif dtype == "bfloat16":
            with nogil:
                dropcore_backward_bfloat16(
                    &self.draw, self.p, start, n, <const uint16_t*> source, <uint16_t*> target,
                    decisions,
                )
        else:
            raise TypeError(dtype)
