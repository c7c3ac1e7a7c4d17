# The draw of a call: a key, whose text is parsed once, and an index.

@cython.final
cdef class Index:
    # A tensor for one index.
    cdef object tensor
    cdef const uint64_t* value

    def __cinit__(self):
        with torch.inference_mode(False):
            self.tensor = torch.empty((), dtype=torch.int64, device="cpu")
        self.value = <const uint64_t*> <uintptr_t> self.tensor.data_ptr()


cdef list indices = []  # the free Index objects


@cython.final
cdef class Key:
    cdef dropcore_draw draw


cdef dict keys = {}


cdef Key key_of(str text):
    cdef Key key = keys.get(text)
    if key is None:
        key = Key.__new__(Key)
        dropcore_draw_of(draw_of_key(text), &key.draw)
        if len(keys) >= 1024:
            keys.clear()
        keys[text] = key
    return key


def draw_of_key(str text):
    """Return the first draw of a key."""
    return dropcore.Draw.parse(f"dc1:{text}:0")


cdef uint64_t index_of(source) except? 0:
    # The value of `source.draw_index()`, without a new tensor.
    cdef Index index
    cdef uint64_t value
    if source.index is not None:
        return <uint64_t> <int64_t> source.index
    try:
        index = indices.pop()
    except IndexError:
        index = Index()
    index.tensor.random_(0, LIMIT)
    value = index.value[0]
    indices.append(index)
    return value
