# Packed decisions, as `bytes` or in arrays of uint8: decision i is bit i%8 of byte i//8.

cimport numpy as cnp
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

import numpy as np

from dropcore._core.arguments cimport as_array
from dropcore._core.layout cimport Sharing

cnp.import_array()

cdef uint8_t[8 * 256] EIGHT  # the eight decisions of each byte
cdef int each, bit
for each in range(256):
    for bit in range(8):
        EIGHT[8 * each + bit] = each >> bit & 1


cdef cnp.ndarray array_of(object bits):
    # An array of uint8 that shares the memory of the bits, and keeps it alive.
    cdef cnp.npy_intp size
    if not PyBytes_CheckExact(bits):
        return bits
    size = len(<bytes> bits)
    array = cnp.PyArray_SimpleNewFromData(1, &size, cnp.NPY_UINT8, PyBytes_AS_STRING(bits))
    cnp.set_array_base(array, bits)
    return array


cdef cnp.ndarray decisions_of(object keep):
    # The argument `keep` as an array of bool.
    array = as_array("keep", keep)
    if array.dtype == bool:
        return array
    if not np.issubdtype(array.dtype, np.number) or not np.isin(array, (0, 1)).all():
        raise TypeError(f"keep must be bool, or 0 and 1, not {keep!r}")
    return array.astype(bool)


cdef cnp.ndarray packed(
    cnp.ndarray keep,  # bool, of any shape
):
    return np.packbits(keep, bitorder="little")


cdef int unpack(
    cnp.ndarray bits,  # IN
    cnp.ndarray keep,  # OUT: bool, in C order
) except -1:
    # `numpy.unpackbits` would make a second array of the size of `keep`; this function allocates
    # nothing.
    cdef const uint8_t* packed_byte = <const uint8_t*> cnp.PyArray_DATA(bits)
    cdef uint8_t* kept = <uint8_t*> cnp.PyArray_DATA(keep)
    cdef Py_ssize_t n = cnp.PyArray_SIZE(keep), byte, k
    with nogil:
        for byte in range(n >> 3):
            memcpy(kept + 8 * byte, EIGHT + 8 * packed_byte[byte], 8)
        for k in range(n & ~<Py_ssize_t> 7, n):
            kept[k] = packed_byte[k >> 3] >> (k & 7) & 1
    return 0


cdef cnp.ndarray unpacked(cnp.ndarray bits, tuple shape):
    keep = np.empty(shape, bool)
    unpack(bits, keep)
    return keep


cdef int check_bits(cnp.ndarray bits, Sharing sharing) except -1:
    if (
        cnp.PyArray_TYPE(bits) != cnp.NPY_UINT8 or not cnp.PyArray_IS_C_CONTIGUOUS(bits)
        or (<object> bits).shape != ((sharing.decisions + 7) >> 3,)
    ):
        raise ValueError(
            f"bits must be uint8 of shape ({(sharing.decisions + 7) >> 3},), contiguous, for keep "
            f"decisions of shape {sharing.mask_shape}, not {bits.dtype} of shape "
            f"{(<object> bits).shape}"
        )
    return 0
