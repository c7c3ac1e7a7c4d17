cimport numpy as cnp

cdef cnp.ndarray empty_like(cnp.ndarray array)
cdef cnp.ndarray target_for(str name, cnp.ndarray x, object out)
cdef cnp.ndarray source_for(cnp.ndarray x, cnp.ndarray target)
cdef object copied(object out, cnp.ndarray target)
cdef int put(cnp.ndarray target, cnp.ndarray result) except -1


cdef inline object delivered(cnp.ndarray target, object out):
    # The array that the caller gets: `out` itself if it was given, otherwise the target.
    if out is None or out is target:
        return target
    return copied(out, target)
