# Dropout of a few rows of a large array. Each element has the decision of its place in the large
# array. The rows are in a block that stays in the caches; the large array is never in memory.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint64_t, uintptr_t

from dropcore cimport (
    dropcore_draw, dropcore_draw_of, dropcore_forward_plan_float32, dropcore_forward_plan_float64,
    dropcore_plan, dropcore_scale, dropcore_select_float32, dropcore_select_float64,
)

import dropcore


cdef class Rows:
    """Dropout of rows, with the decisions of one draw.

    Parameters
    ----------
    draw : dropcore.Draw
    p : float
    columns : int
        The number of columns of the array.
    """

    cdef dropcore_draw draw
    cdef dropcore_plan plan
    cdef double p
    cdef Py_ssize_t columns

    def __init__(self, draw, double p, Py_ssize_t columns):
        if not isinstance(draw, dropcore.Draw):
            raise TypeError(f"draw must be a Draw, not {draw!r}")
        dropcore_draw_of(draw, &self.draw)
        self.p, self.columns = p, columns
        self.plan.scale, self.plan.shift, self.plan.drop = dropcore_scale(p), 0, 0

    def drop(self, block, Py_ssize_t first, Py_ssize_t step, out=None, bint keep=False):
        """Drop elements of a block; with `keep`, return the packed decisions.

        Parameters
        ----------
        block : torch.Tensor
            float32 or float64 on the CPU, of shape (heads, rows, columns), contiguous. The block
            may have only the first columns of the array.
        first : int
            The index, in the array, of the first row of the first head.
        step : int
            The number of array rows from a head to the next.
        out : torch.Tensor, optional
            Like `block`. By default the block is written in place.
        """
        cdef bytes packed = None
        cdef uint8_t* bits = NULL
        if keep:
            packed = PyBytes_FromStringAndSize(NULL, self.size(block))
            bits = <uint8_t*> PyBytes_AS_STRING(packed)
        self.run(block, block if out is None else out, bits, True, first, step)
        return packed

    def again(self, block, bytes packed):
        """Drop elements of another block in place, with the decisions that `drop` returned."""
        if len(packed) != self.size(block):
            raise ValueError(f"packed must be of {self.size(block)} bytes, not {len(packed)}")
        self.run(block, block, <uint8_t*> PyBytes_AS_STRING(packed), False, 0, 0)

    cdef Py_ssize_t size(self, block):
        cdef Py_ssize_t heads, rows, columns
        heads, rows, columns = block.shape
        if columns == self.columns:
            return heads * (rows * columns + 7 >> 3)
        return heads * rows * (columns + 7 >> 3)

    cdef object run(
        self, x, y, uint8_t* bits, bint decide, Py_ssize_t first, Py_ssize_t step
    ):
        cdef Py_ssize_t heads, rows, columns, head, row, n, bytes_of_run, size = x.element_size()
        cdef uintptr_t source = x.data_ptr(), target = y.data_ptr()
        cdef uint64_t start
        heads, rows, columns = x.shape
        if columns == self.columns:  # the rows of a head are one run of the array
            n, rows = rows * columns, 1
        else:
            n = columns
        bytes_of_run = n + 7 >> 3 if bits != NULL else 0
        with nogil:
            for head in range(heads):
                for row in range(rows):
                    start = <uint64_t> (first + head * step + row) * self.columns
                    if size == 4:
                        self.run_float32(source, target, bits, decide, start, n)
                    else:
                        self.run_float64(source, target, bits, decide, start, n)
                    source += n * size
                    target += n * size
                    bits += bytes_of_run
        return None

    cdef void run_float32(
        self, uintptr_t x, uintptr_t y, uint8_t* bits, bint decide, uint64_t start, Py_ssize_t n
    ) noexcept nogil:
        if decide:
            dropcore_forward_plan_float32(
                &self.draw, self.p, start, n, &self.plan, <const float*> x, <float*> y, bits
            )
        else:
            dropcore_select_float32(bits, 0, n, &self.plan, <const float*> x, <float*> y)

    cdef void run_float64(
        self, uintptr_t x, uintptr_t y, uint8_t* bits, bint decide, uint64_t start, Py_ssize_t n
    ) noexcept nogil:
        if decide:
            dropcore_forward_plan_float64(
                &self.draw, self.p, start, n, &self.plan, <const double*> x, <double*> y, bits
            )
        else:
            dropcore_select_float64(bits, 0, n, &self.plan, <const double*> x, <double*> y)
