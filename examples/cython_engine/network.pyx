# A network of fully connected layers that trains without the GIL: forward, loss, backward
# and the update of the weights are one `with nogil` block.
#
#     h = relu(y_before @ W)      y = dropout(h)          each hidden layer
#     loss = |y_before @ W - target|^2 / (2 * rows)       the last layer, without relu and dropout
#
# A. The caller's buffers are not copied. The network allocates its own memory once: an array of
#    numbers and an array of bits. Each layer has a piece of both arrays.
# B. A layer has its own key, from the seed and the number of the layer, and step t is draw index t.
#    So the masks of a layer do not depend on the other layers, and Python can make the mask of any
#    step again: dropcore.Stream(seed, ("layer", k)).at(t).
# C. Forward writes one bit for each element; backward reads these bits.

from libc.stdint cimport uint8_t, uint64_t

import numpy as np

from dropcore cimport (
    core, dropcore_draw, dropcore_draw_at, dropcore_path, dropcore_path_add_integer,
    dropcore_path_add_text, dropcore_path_of_integer, dropcore_set_index,
)

cdef enum:
    MOST = 16  # layers


cdef struct Layer:
    Py_ssize_t inputs
    Py_ssize_t outputs
    float* weights
    Py_ssize_t begin  # of the layer's piece of h, y and slope
    Py_ssize_t end
    Py_ssize_t first_byte  # of the layer's piece of bits
    Py_ssize_t last_byte
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
    """Fully connected layers, with dropout after each layer except the last.

    `weights` are the caller's float32 matrices, trained in place; a batch has `rows` rows.
    `arrays` shows what the last step left in each layer: h, y, slope, bits.
    """

    cdef Layer[MOST] layers
    cdef int count
    cdef Py_ssize_t rows
    cdef double p
    cdef uint64_t step
    cdef float[::1] h
    cdef float[::1] y
    cdef float[::1] slope  # the gradient of the loss: first with respect to y, then to h
    cdef uint8_t[::1] bits
    cdef readonly list arrays
    cdef list weights

    def __init__(self, list weights, Py_ssize_t rows, double p, uint64_t seed):
        if not 0 < len(weights) <= MOST or not 0 <= p <= 1:
            raise ValueError(f"1 to {MOST} layers and p in [0, 1], not {len(weights)} and {p}")
        self.weights, self.arrays = weights, []
        self.count, self.rows, self.p = len(weights), rows, p
        elements = nbytes = 0
        for k in range(self.count):
            self.set_up(k, weights[k], seed, elements, nbytes)
            elements, nbytes = self.layers[k].end, self.layers[k].last_byte
        memory, bits = np.zeros((3, elements), np.float32), np.zeros(nbytes, np.uint8)
        self.h, self.y, self.slope = memory
        self.bits = bits
        for k in range(self.count):
            own = memory[:, self.layers[k].begin:self.layers[k].end].reshape(3, rows, -1)
            self.arrays.append(
                (*own, bits[self.layers[k].first_byte:self.layers[k].last_byte])
            )

    cdef int set_up(
        self, int k, float[:, ::1] weights, uint64_t seed, Py_ssize_t begin, Py_ssize_t first_byte
    ) except -1:
        cdef Layer* layer = &self.layers[k]
        cdef dropcore_path path
        layer.inputs, layer.outputs = weights.shape[0], weights.shape[1]
        layer.weights = &weights[0, 0]
        layer.begin, layer.end = begin, begin + self.rows * layer.outputs
        layer.first_byte = first_byte
        layer.last_byte = first_byte + (layer.end - begin + 7) // 8
        dropcore_path_of_integer(seed, &path)
        dropcore_path_add_text(&path, b"layer", 5)
        dropcore_path_add_integer(&path, k)
        dropcore_draw_at(&path, 0, &layer.draw)
        return 0

    def train(self, const float[:, ::1] x, const float[:, ::1] target, float rate):
        """One step on one batch; returns the loss before the step."""
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

    cdef int forward(self, const float* x) except -1 nogil:
        cdef Layer* layer
        cdef Py_ssize_t i
        cdef int k
        for k in range(self.count):
            layer = &self.layers[k]
            multiply(
                x, layer.weights, self.rows, layer.inputs, layer.outputs, &self.h[layer.begin]
            )
            if k < self.count - 1:
                for i in range(layer.begin, layer.end):
                    self.h[i] = max(self.h[i], <float> 0)
                dropcore_set_index(&layer.draw, self.step)
                core.forward(
                    &layer.draw, self.p, self.h[layer.begin:layer.end],
                    self.y[layer.begin:layer.end], self.bits[layer.first_byte:layer.last_byte],
                )
            x = &self.y[layer.begin]
        return 0

    cdef float loss(self, const float* target) noexcept nogil:
        cdef Layer* last = &self.layers[self.count - 1]
        cdef float total = 0, error
        cdef Py_ssize_t i
        for i in range(last.begin, last.end):
            error = self.h[i] - target[i - last.begin]
            total += error * error
            self.slope[i] = error / self.rows
        return total / (2 * self.rows)

    cdef int backward(self, const float* x, float rate) except -1 nogil:
        cdef Layer* layer
        cdef Layer* before
        cdef const float* source
        cdef float[::1] slope
        cdef Py_ssize_t i
        cdef int k
        for k in range(self.count - 1, -1, -1):
            layer = &self.layers[k]
            source = x
            if k > 0:
                before = &self.layers[k - 1]
                source = &self.y[before.begin]
                slope = self.slope[before.begin:before.end]
                multiply_back(
                    &self.slope[layer.begin], layer.weights, self.rows, layer.inputs,
                    layer.outputs, &slope[0],
                )
                core.backward(
                    &before.draw, self.p, slope, slope,
                    self.bits[before.first_byte:before.last_byte],
                )
                for i in range(before.begin, before.end):
                    self.slope[i] = self.slope[i] if self.h[i] > 0 else <float> 0
            update(
                source, &self.slope[layer.begin], self.rows, layer.inputs, layer.outputs, rate,
                layer.weights,
            )
        return 0
