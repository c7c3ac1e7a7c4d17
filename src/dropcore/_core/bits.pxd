cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t

from dropcore._core.layout cimport Sharing

cdef cnp.ndarray decisions_of(object keep)
cdef cnp.ndarray packed(cnp.ndarray keep)
cdef cnp.ndarray unpacked(cnp.ndarray bits, tuple shape)
cdef int unpack(cnp.ndarray bits, cnp.ndarray keep) except -1
cdef int check_bits(cnp.ndarray bits, Sharing sharing) except -1


# The core makes bits as `bytes`, because it takes several times as long to make a NumPy array of a
# few hundred bytes. Bits that come from outside are arrays. `array_of` gives an array for both.

cdef cnp.ndarray array_of(object bits)


cdef inline object empty_bits(Py_ssize_t decisions):
    # To be filled before anybody else gets the object.
    return PyBytes_FromStringAndSize(NULL, (decisions + 7) >> 3)


cdef inline uint8_t* data_of(object bits) noexcept:
    # `bits`: bytes, or an array.
    if PyBytes_CheckExact(bits):
        return <uint8_t*> PyBytes_AS_STRING(bits)
    return <uint8_t*> cnp.PyArray_DATA(<cnp.ndarray> bits)
