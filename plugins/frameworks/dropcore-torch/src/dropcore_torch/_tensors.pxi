# The elements of a tensor: their address, number, dtype and strides.
#
# A tensor is read through DLPack's exchange API of C structs, if PyTorch has it. One call gives
# address, number, dtype and strides, or reports that the tensor has no memory. The same information
# takes five calls in Python, which take three times as long. A NumPy view takes longer still.

cdef extern from *:
    """
    /* DLTensor and DLPackExchangeAPI, of an ABI that does not change within a major version;
       `view` is dltensor_from_py_object_no_sync. */
    typedef struct {
        void *data;
        struct { int32_t type; int32_t id; } device;
        int32_t ndim;
        struct { uint8_t code; uint8_t bits; uint16_t lanes; } dtype;
        int64_t *shape;
        int64_t *strides;
        uint64_t byte_offset;
    } dropcore_tensor;
    typedef struct {
        struct { uint32_t major; uint32_t minor; } version;
        void *earlier_api, *allocate, *owning_view, *to_object;
        int (*view)(void *object, dropcore_tensor *out);
    } dropcore_exchange;
    #define dropcore_is_on_cpu(t) ((t)->device.type == 1)
    #define dropcore_dtype_of(t) ((t)->dtype.lanes << 16 | (t)->dtype.code << 8 | (t)->dtype.bits)
    """
    ctypedef struct Look "dropcore_tensor":
        void* data
        int ndim
        int64_t* shape
        int64_t* strides
        uint64_t byte_offset
    struct Version:
        unsigned int major
    ctypedef struct Exchange "dropcore_exchange":
        Version version
        int (*view)(void*, Look*) except -1
    bint is_on_cpu "dropcore_is_on_cpu" (const Look*) noexcept
    int dtype_of "dropcore_dtype_of" (const Look*) noexcept

cdef enum:
    AXES = 64
    SMALL = 4096  # elements
    MANY = 1 << 18  # elements: a tensor with fewer is never large
    SHARED_WORK = 1 << 20  # elements: from this number on, dropcore may use several threads

cdef enum:  # dtypes in DLPack's encoding: lanes, code, bits
    FLOAT16 = 0x10210
    FLOAT32 = 0x10220
    FLOAT64 = 0x10240
    BFLOAT16 = 0x10410
    UINT8 = 0x10108

cdef dict DTYPES = {
    torch.float32: FLOAT32,
    torch.float64: FLOAT64,
    torch.float16: FLOAT16,
    torch.bfloat16: BFLOAT16,
    torch.uint8: UINT8,
}


# The elements of a tensor in the CPU's memory.
cdef struct Seen:
    uintptr_t address
    Py_ssize_t n
    int dtype
    bint plain  # contiguous, in C order
    int axes
    Py_ssize_t[<int> AXES] length
    Py_ssize_t[<int> AXES] stride


cdef Exchange* exchange_of_tensors() except? NULL:
    # Returns NULL if PyTorch has no such API, or one with an unknown ABI version.
    cdef Exchange* exchange
    capsule = getattr(torch.Tensor, "__dlpack_c_exchange_api__", None)
    if not PyCapsule_IsValid(capsule, "dlpack_exchange_api"):
        return NULL
    exchange = <Exchange*> PyCapsule_GetPointer(capsule, "dlpack_exchange_api")
    return exchange if exchange.version.major == 1 and exchange.view != NULL else NULL


cdef Exchange* exchange = exchange_of_tensors()


cdef bint look_at(
    x,
    Seen* seen,  # OUT
) except -1:
    # Returns False if the tensor has no memory on the CPU, or a dtype that the kernels do not take.
    cdef Look look
    cdef int axis
    if exchange == NULL:
        return look_by_asking(x, seen)
    try:
        exchange.view(<void*> x, &look)
    except Exception:  # no memory, or a kind of tensor that DLPack does not support
        return False
    if look.ndim > AXES:
        return False
    seen.axes = look.ndim
    for axis in range(look.ndim):
        seen.length[axis] = look.shape[axis]
        seen.stride[axis] = look.strides[axis]
    measure(seen)
    seen.address = <uintptr_t> look.data + look.byte_offset
    seen.dtype = dtype_of(&look)
    return (
        look.data != NULL and is_on_cpu(&look) and seen.n > 0
        and seen.dtype in (FLOAT16, FLOAT32, FLOAT64, BFLOAT16, UINT8) and not x.is_neg()
    )


cdef void measure(Seen* seen) noexcept:
    cdef int axis
    seen.n = 1
    seen.plain = True
    for axis in range(seen.axes - 1, -1, -1):
        if seen.stride[axis] != seen.n and seen.length[axis] != 1:
            seen.plain = False
        seen.n *= seen.length[axis]


cdef bint look_by_asking(
    x,
    Seen* seen,  # OUT
) except -1:
    if not x.is_cpu or x.dtype not in DTYPES or x.dim() > AXES:
        return False
    try:
        seen.address = x.data_ptr()
    except RuntimeError:
        return False
    seen.dtype = DTYPES[x.dtype]
    seen.axes = x.dim()
    for axis in range(seen.axes):
        seen.length[axis] = x.size(axis)
        seen.stride[axis] = x.stride(axis)
    measure(seen)
    return seen.address != 0 and seen.n > 0 and not x.is_neg()


cdef bint lie_alike(const Seen* x, const Seen* y) noexcept:
    cdef int axis
    if x.axes != y.axes or x.dtype != y.dtype:
        return False
    for axis in range(x.axes):
        if x.length[axis] != y.length[axis] or (
            x.length[axis] != 1 and x.stride[axis] != y.stride[axis]
        ):
            return False
    return True
