# A network of fully connected layers that trains without the GIL: forward, loss, backward
# and the update of the weights are one `with nogil` block.
#
#     h = relu(y_before @ W)      y = dropout(h)          each hidden layer
#     loss = |y_before @ W - target|^2 / (2 * rows)       the last one, without relu and dropout
#
# A. The caller's buffers are used as they are; the network allocates its own once.
# B. A layer has its own key, from the seed and its place, and step t is draw index t: no
#    layer disturbs another, and any step's mask can be had again from Python:
#    dropcore.Stream(seed, ("layer", k)).at(t).
# C. Forward leaves one bit an element, which backward reads.

from libc.stdint cimport uint8_t, uint64_t

import numpy as np

from dropcore cimport (
    dropcore_backward_float32, dropcore_draw, dropcore_draw_at, dropcore_forward_float32,
    dropcore_path, dropcore_path_add_integer, dropcore_path_add_text, dropcore_path_of_integer,
    dropcore_set_index,
)

cdef enum:
    MOST = 16  # layers


cdef struct Layer:
    Py_ssize_t inputs
    Py_ssize_t outputs
    float* weights
    float* h
    float* y
    float* slope  # of the loss, by y and then by h
    uint8_t* bits
    dropcore_draw draw


cdef void multiply(
    const float* x, const float* weights, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs,
    float* h,  # OUT
) noexcept nogil:
    cdef Py_ssize_t row, i, o
    for row in range(rows):
        for o in range(outputs):
            h[row * outputs + o] = 0
        for i in range(inputs):
            for o in range(outputs):
                h[row * outputs + o] += x[row * inputs + i] * weights[i * outputs + o]


cdef void multiply_back(
    const float* slope, const float* weights, Py_ssize_t rows, Py_ssize_t inputs,
    Py_ssize_t outputs,
    float* before,  # OUT
) noexcept nogil:
    cdef Py_ssize_t row, i, o
    cdef float total
    for row in range(rows):
        for i in range(inputs):
            total = 0
            for o in range(outputs):
                total += slope[row * outputs + o] * weights[i * outputs + o]
            before[row * inputs + i] = total


cdef void update(
    const float* x, const float* slope, Py_ssize_t rows, Py_ssize_t inputs, Py_ssize_t outputs,
    float rate,
    float* weights,  # INOUT
) noexcept nogil:
    cdef Py_ssize_t row, i, o
    for row in range(rows):
        for i in range(inputs):
            for o in range(outputs):
                weights[i * outputs + o] -= rate * x[row * inputs + i] * slope[row * outputs + o]


cdef class Network:
    """Fully connected layers, dropout after each but the last.

    `weights` are the caller's float32 matrices, trained in place; a batch has `rows` rows.
    `arrays` shows what the last step left in each layer: h, y, slope, bits.
    """

    cdef Layer[MOST] layers
    cdef int count
    cdef Py_ssize_t rows
    cdef double p
    cdef uint64_t step
    cdef readonly list arrays
    cdef list weights

    def __init__(self, list weights, Py_ssize_t rows, double p, uint64_t seed):
        if not 0 < len(weights) <= MOST or not 0 <= p <= 1:
            raise ValueError(f"1 to {MOST} layers and p in [0, 1], not {len(weights)} and {p}")
        self.weights, self.arrays = weights, []
        self.count, self.rows, self.p = len(weights), rows, p
        for k in range(self.count):
            self.set_up(k, weights[k], seed)

    cdef int set_up(self, int k, float[:, ::1] weights, uint64_t seed) except -1:
        cdef Layer* layer = &self.layers[k]
        cdef float[:, ::1] h, y, slope
        cdef uint8_t[::1] bits
        cdef dropcore_path path
        layer.inputs, layer.outputs = weights.shape[0], weights.shape[1]
        h, y, slope = np.zeros((3, self.rows, layer.outputs), np.float32)
        bits = np.zeros((self.rows * layer.outputs + 7) // 8, np.uint8)
        self.arrays.append(tuple(map(np.asarray, (h, y, slope, bits))))
        layer.weights, layer.bits = &weights[0, 0], &bits[0]
        layer.h, layer.y, layer.slope = &h[0, 0], &y[0, 0], &slope[0, 0]
        dropcore_path_of_integer(seed, &path)
        dropcore_path_add_text(&path, b"layer", 5)
        dropcore_path_add_integer(&path, k)
        dropcore_draw_at(&path, 0, &layer.draw)
        return 0

    def train(self, const float[:, ::1] x, const float[:, ::1] target, float rate):
        """One step on one batch; gives the loss before it."""
        cdef Layer* last = &self.layers[self.count - 1]
        cdef float loss
        if x.shape[0] != self.rows or x.shape[1] != self.layers[0].inputs:
            raise ValueError(f"x must have shape {(self.rows, self.layers[0].inputs)}")
        if target.shape[0] != self.rows or target.shape[1] != last.outputs:
            raise ValueError(f"target must have shape {(self.rows, last.outputs)}")
        with nogil:
            self.forward(&x[0, 0])
            loss = self.loss(&target[0, 0])
            self.backward(&x[0, 0], rate)
            self.step += 1
        return loss

    cdef void forward(self, const float* x) noexcept nogil:
        cdef Layer* layer
        cdef Py_ssize_t i, n
        cdef int k
        for k in range(self.count):
            layer = &self.layers[k]
            multiply(x, layer.weights, self.rows, layer.inputs, layer.outputs, layer.h)
            if k < self.count - 1:
                n = self.rows * layer.outputs
                for i in range(n):
                    layer.h[i] = max(layer.h[i], <float> 0)
                dropcore_set_index(&layer.draw, self.step)
                dropcore_forward_float32(
                    &layer.draw, self.p, 0, n, layer.h, layer.y, layer.bits
                )
            x = layer.y

    cdef float loss(self, const float* target) noexcept nogil:
        cdef Layer* last = &self.layers[self.count - 1]
        cdef float total = 0, error
        cdef Py_ssize_t i
        for i in range(self.rows * last.outputs):
            error = last.h[i] - target[i]
            total += error * error
            last.slope[i] = error / self.rows
        return total / (2 * self.rows)

    cdef void backward(self, const float* x, float rate) noexcept nogil:
        cdef Layer* layer
        cdef Layer* before
        cdef const float* source
        cdef Py_ssize_t i, n
        cdef int k
        for k in range(self.count - 1, -1, -1):
            layer = &self.layers[k]
            source = x
            if k > 0:
                before = &self.layers[k - 1]
                source = before.y
                n = self.rows * before.outputs
                multiply_back(
                    layer.slope, layer.weights, self.rows, layer.inputs, layer.outputs,
                    before.slope,
                )
                dropcore_backward_float32(
                    &before.draw, self.p, 0, n, before.slope, before.slope, before.bits
                )
                for i in range(n):
                    before.slope[i] = before.slope[i] if before.h[i] > 0 else <float> 0
            update(
                source, layer.slope, self.rows, layer.inputs, layer.outputs, rate, layer.weights
            )
