# Numbers of one type as numbers of another that holds them, or rounds them to nearest.

cdef enum:
    CONVERT_GRAIN = 8192        # elements

ctypedef fused given:
    uint8_t                     # bool, too: 0 and 1
    int32_t
    int64_t
    float
    double

ctypedef fused wanted:
    int64_t
    float
    double


cdef void convert_range(const given* x, wanted* y, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(lo, hi):
        y[i] = <wanted> x[i]


cdef void run_convert(const given* x, wanted* y, Py_ssize_t n) noexcept nogil:
    cdef int t, threads = threads_for(n, CONVERT_GRAIN)
    if threads == 1:
        convert_range(x, y, 0, n)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        convert_range(x, y, n * t // threads, n * (t + 1) // threads)


cdef bint convert_from(const given* x, cnp.ndarray y, Py_ssize_t n) noexcept:
    """False where ``y`` is of no type that is made here."""
    cdef int t = cnp.PyArray_TYPE(y)
    cdef void* out = cnp.PyArray_DATA(y)
    if t == cnp.NPY_FLOAT:
        with nogil:
            run_convert(x, <float*> out, n)
    elif t == cnp.NPY_DOUBLE:
        with nogil:
            run_convert(x, <double*> out, n)
    elif t == cnp.NPY_INT64 and given is not float and given is not double:
        with nogil:
            run_convert(x, <int64_t*> out, n)
    else:
        return False
    return True


def convert(x, cnp.dtype dtype):
    """A copy of x in ``dtype``; None where NumPy must make it: floats to integers, narrower integers, other types."""
    cdef cnp.ndarray a = x, y
    cdef int t = cnp.PyArray_TYPE(a), wanted_type = dtype.type_num
    cdef Py_ssize_t n = cnp.PyArray_SIZE(a)
    if (wanted_type != cnp.NPY_FLOAT and wanted_type != cnp.NPY_DOUBLE and wanted_type != cnp.NPY_INT64
            or not cnp.PyArray_ISNOTSWAPPED(a) or dtype.byteorder == c">"):
        return None
    a = contiguous(a)
    y = empty_items(cnp.PyArray_NDIM(a), cnp.PyArray_DIMS(a), wanted_type, 4 if wanted_type == cnp.NPY_FLOAT else 8)
    if t == cnp.NPY_FLOAT:
        return y if convert_from(<const float*> cnp.PyArray_DATA(a), y, n) else None
    if t == cnp.NPY_DOUBLE:
        return y if convert_from(<const double*> cnp.PyArray_DATA(a), y, n) else None
    if t == cnp.NPY_INT64:
        return y if convert_from(<const int64_t*> cnp.PyArray_DATA(a), y, n) else None
    if t == cnp.NPY_INT32:
        return y if convert_from(<const int32_t*> cnp.PyArray_DATA(a), y, n) else None
    if t == cnp.NPY_UINT8 or t == cnp.NPY_BOOL:
        return y if convert_from(<const uint8_t*> cnp.PyArray_DATA(a), y, n) else None
    return None
