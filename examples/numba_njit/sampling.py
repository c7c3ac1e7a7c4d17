"""Dropout inside numba's compiled functions: mean and deviation of predictions by sub-networks.

For numba, a function of dropcore is an address with a signature, and a pointer is an integer: pass
`array.ctypes.data`, or 0 for NULL. A draw is an array of 5 words of 64 bits, a path an array of 25.
"""

import ctypes

import numpy as np
from numba import njit
from numba.extending import get_cython_function_address

DRAW, PATH = 5, 25  # 64-bit words
NULL = 0

POINTER, COUNT, INDEX, REAL = ctypes.c_size_t, ctypes.c_ssize_t, ctypes.c_uint64, ctypes.c_double


def exported(name, *arguments, result=None):
    """The function `dropcore_<name>` of the installed dropcore."""
    address = get_cython_function_address("dropcore", f"dropcore_{name}")
    return ctypes.CFUNCTYPE(result, *arguments)(address)


if exported("abi", result=ctypes.c_uint32)() != 1:
    raise ImportError("this module was written for dropcore's ABI 1; the installed one has another")

path_of_integer = exported("path_of_integer", INDEX, POINTER)
path_add_text = exported("path_add_text", POINTER, POINTER, COUNT)
draw_at = exported("draw_at", POINTER, INDEX, POINTER)
set_index = exported("set_index", POINTER, INDEX)
forward_float32 = exported(
    "forward_float32", POINTER, REAL, INDEX, COUNT, POINTER, POINTER, POINTER
)
backward_float32 = exported(
    "backward_float32", POINTER, REAL, INDEX, COUNT, POINTER, POINTER, POINTER
)


@njit(nogil=True)
def first_draw(seed, name):
    """The draw of index 0 of dropcore.Stream(seed, (name,)); `name`: an array of UTF-8 bytes."""
    path, draw = np.empty(PATH, np.uint64), np.empty(DRAW, np.uint64)
    path_of_integer(seed, path.ctypes.data)
    path_add_text(path.ctypes.data, name.ctypes.data, name.size)
    draw_at(path.ctypes.data, 0, draw.ctypes.data)
    return draw


@njit(nogil=True)
def forward(draw, p, x, y, bits):
    """Dropout of a contiguous float32 array; `bits` has one bit for each element, 8 in a byte."""
    forward_float32(draw.ctypes.data, p, 0, x.size, x.ctypes.data, y.ctypes.data, bits.ctypes.data)


@njit(nogil=True)
def backward(draw, p, dy, dx):
    """The gradient of `forward`; this function computes the decisions again from the draw."""
    backward_float32(draw.ctypes.data, p, 0, dy.size, dy.ctypes.data, dx.ctypes.data, NULL)


@njit(nogil=True)
def sampled(hidden, weights, p, draw, samples):
    """Mean and standard deviation of dropout(hidden) @ weights; sample k is draw index k."""
    y = np.empty_like(hidden)
    total, squares = 0.0, 0.0
    for k in range(samples):
        set_index(draw.ctypes.data, k)
        forward_float32(
            draw.ctypes.data, p, 0, hidden.size, hidden.ctypes.data, y.ctypes.data, NULL
        )
        output = 0.0
        for i in range(y.size):
            output += y[i] * weights[i]
        total += output
        squares += output * output
    mean = total / samples
    return mean, np.sqrt(max(squares / samples - mean * mean, 0.0))


if __name__ == "__main__":
    generator = np.random.default_rng(0)
    hidden = np.maximum(generator.normal(0, 1, 256), 0).astype(np.float32)
    weights = generator.normal(0, 0.1, 256).astype(np.float32)
    draw = first_draw(42, np.frombuffer(b"head", np.uint8))
    mean, spread = sampled(hidden, weights, 0.5, draw, 1000)
    print(f"without dropout {hidden @ weights:.3f}, sampled {mean:.3f} +- {spread:.3f}")
