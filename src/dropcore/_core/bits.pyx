# Packed decisions as arrays: one bit each, element i in bit i%8 of byte i//8.

cimport numpy as cnp

import numpy as np

from dropcore._core.arguments cimport as_array
from dropcore._core.layout cimport Sharing

cnp.import_array()


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
    # In pieces, so that no second array of the size of `keep` is made.
    flat = keep.reshape(-1)
    for first in range(0, flat.size, 1 << 20):
        piece = flat[first:first + (1 << 20)]
        piece[:] = np.unpackbits(bits[first >> 3:], count=piece.size, bitorder="little")
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
        raise ValueError(f"bits must be those of keep decisions of shape {sharing.mask_shape}")
    return 0
