# Triangles of matrices: a run of every row copied, the rest zeros.


cdef void triangle_rows(const char* x, char* y, Py_ssize_t n, Py_ssize_t width, Py_ssize_t size, Py_ssize_t diagonal,
                        bint upper, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Rows lo to hi of matrices of n rows."""
    cdef Py_ssize_t row, bound, bytes = width * size
    cdef const char* own
    cdef char* out
    for row in range(lo, hi):
        own, out = x + row * bytes, y + row * bytes
        bound = min(max(row % n + diagonal + (not upper), 0), width) * size
        if upper:
            memset(out, 0, bound)
            memcpy(out + bound, own + bound, bytes - bound)
        else:
            memcpy(out, own, bound)
            memset(out + bound, 0, bytes - bound)


def triangle(x, Py_ssize_t diagonal, bint upper):
    """The elements of the last two axes at and above a diagonal, or at and below it; zeros elsewhere."""
    cdef cnp.ndarray a = x, y
    cdef int t, threads, ndim
    cdef Py_ssize_t n, width, rows, size
    check_items("triangle", a)
    a = contiguous(a)
    ndim, size = cnp.PyArray_NDIM(a), cnp.PyArray_ITEMSIZE(a)
    if ndim < 2:
        raise ValueError(f"triangle: expected at least two axes, got {np.shape(x)}")
    y = empty_items(ndim, cnp.PyArray_DIMS(a), cnp.PyArray_TYPE(a), size)
    n, width = cnp.PyArray_DIM(a, ndim - 2), cnp.PyArray_DIM(a, ndim - 1)
    if cnp.PyArray_SIZE(a) == 0:
        return y
    rows = cnp.PyArray_SIZE(a) // width
    diagonal = min(max(diagonal, -n), width)        # farther ones leave as much
    threads = <int> min(threads_for(<double> rows * width * size / 4, MAP_GRAIN), rows)
    cdef const char* source = <const char*> cnp.PyArray_DATA(a)
    cdef char* out = <char*> cnp.PyArray_DATA(y)
    with nogil:
        if threads <= 1:
            triangle_rows(source, out, n, width, size, diagonal, upper, 0, rows)
        else:
            for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
                triangle_rows(source, out, n, width, size, diagonal, upper, rows * t // threads, rows * (t + 1) // threads)
    return y
