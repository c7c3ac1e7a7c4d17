# The errors of the core over memoryviews and over buffers. These functions take the GIL, and raise
# before anything is written.


cdef int refuse_none(const char* name) except -1 nogil:
    with gil:
        raise TypeError(f"{name.decode()} must be a memoryview, not None")


cdef int refuse_p(double p) except -1 nogil:
    with gil:
        raise ValueError(
            f"p must be in [0, 1], the probability that an element is dropped, not {p!r}"
        )


cdef int refuse_place(const char* name, uint64_t place, Py_ssize_t n) except -1 nogil:
    with gil:
        if n < 0:
            raise ValueError(f"n must be an integer >= 0, not {n}")
        raise OverflowError(
            f"{name.decode()} + n must be at most 2**63, not {int(place) + int(n)}"
        )


cdef int refuse_length(
    const char* name, const char* unit, Py_ssize_t needed, Py_ssize_t found, bint longer,
) except -1 nogil:
    with gil:
        least = "at least " if longer else ""
        raise ValueError(f"{name.decode()} must have {least}{needed} {unit.decode()}, not {found}")


cdef int refuse_shared(Py_ssize_t decisions, Py_ssize_t times, Py_ssize_t n) except -1 nogil:
    with gil:
        raise ValueError(
            f"x must have decisions * times elements, {decisions} * {times}, not {n}"
        )


cdef int refuse_alignment(const char* name, size_t address, size_t itemsize) except -1 nogil:
    with gil:
        raise ValueError(
            f"{name.decode()} must begin at a multiple of its element's {itemsize} bytes, not at "
            f"{address:#x}"
        )


cdef int refuse_overlap(const char* x_name, const char* y_name) except -1 nogil:
    with gil:
        raise ValueError(
            f"{y_name.decode()} must be {x_name.decode()} itself or share no memory with it, "
            "not overlap it in part"
        )


cdef int refuse_bits(const char* x_name, const char* y_name) except -1 nogil:
    with gil:
        raise ValueError(f"bits must share no memory with {x_name.decode()} or {y_name.decode()}")


cdef int refuse_shared_shard() except -1 nogil:
    with gil:
        raise ValueError(
            "shard must have no shared axes in forward_shard; for shared axes, make the bits by "
            "keep_shard, then use repeat or tile"
        )
