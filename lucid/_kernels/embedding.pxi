# Rows of a table picked by index, and their gradients added up in index order.

cdef enum:
    EMBEDDING_GRAIN = 32768
    EMBEDDING_COLUMNS = 16      # least columns per thread in backward: a cache line of float32


cdef int check_index(str name, cnp.ndarray index, Py_ssize_t rows) except -1:
    cdef const int64_t* at = <const int64_t*> cnp.PyArray_DATA(index)
    cdef Py_ssize_t i
    if cnp.PyArray_TYPE(index) != cnp.NPY_INT64:
        raise TypeError(f"{name}: expected int64 indices, got {index.dtype}")
    for i in range(cnp.PyArray_SIZE(index)):
        if not 0 <= at[i] < rows:
            raise IndexError(f"{name}: index {at[i]} at position {i} is out of range for {rows} rows")
    return 0


cdef void embedding_rows(const char* table, const int64_t* index, char* out, Py_ssize_t size, Py_ssize_t lo,
                         Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(lo, hi):
        memcpy(out + i * size, table + index[i] * size, size)


cdef void run_embedding(const char* table, const int64_t* index, char* out, Py_ssize_t size,
                        Py_ssize_t n) noexcept nogil:
    cdef int t, threads = <int> min(n, threads_for(<double> n * size / 4, EMBEDDING_GRAIN))
    if threads <= 1:
        embedding_rows(table, index, out, size, 0, n)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        embedding_rows(table, index, out, size, n * t // threads, n * (t + 1) // threads)


cdef void scatter_columns(const floating* dy, const int64_t* index, floating* out, Py_ssize_t n, Py_ssize_t width,
                          int64_t padding, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Columns lo to hi."""
    cdef Py_ssize_t i, j
    cdef floating* row
    for i in range(n):
        if index[i] == padding:
            continue
        row = out + index[i] * width
        for j in range(lo, hi):
            row[j] += dy[i * width + j]


cdef void run_embedding_backward(const floating* dy, const int64_t* index, floating* out, Py_ssize_t n,
                                 Py_ssize_t width, int64_t padding) noexcept nogil:
    cdef Py_ssize_t chunks = (width + EMBEDDING_COLUMNS - 1) // EMBEDDING_COLUMNS
    cdef int t, threads = <int> min(chunks, threads_for(<double> n * width, EMBEDDING_GRAIN))
    if threads <= 1:
        scatter_columns(dy, index, out, n, width, padding, 0, width)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        scatter_columns(dy, index, out, n, width, padding, min(width, chunks * t // threads * EMBEDDING_COLUMNS),
                        min(width, chunks * (t + 1) // threads * EMBEDDING_COLUMNS))


def embedding(cnp.ndarray weight, cnp.ndarray index):
    """weight[index]: rows of ``weight`` (V, D) at int64 ``index``, in shape index.shape + (D,)."""
    cdef cnp.ndarray out
    cdef Py_ssize_t n, size
    float_type(weight)
    if cnp.PyArray_NDIM(weight) != 2:
        raise ValueError(f"embedding: expected weight (V, D), got {np.shape(weight)}")
    weight, index = contiguous(weight), contiguous(index)
    check_index("embedding", index, cnp.PyArray_DIM(weight, 0))
    out = np.empty(np.shape(index) + (cnp.PyArray_DIM(weight, 1),), weight.dtype)
    n, size = cnp.PyArray_SIZE(index), cnp.PyArray_DIM(weight, 1) * cnp.PyArray_ITEMSIZE(weight)
    with nogil:
        run_embedding(<const char*> cnp.PyArray_DATA(weight), <const int64_t*> cnp.PyArray_DATA(index),
                      <char*> cnp.PyArray_DATA(out), size, n)
    return out


def embedding_backward(cnp.ndarray dy, cnp.ndarray index, Py_ssize_t rows, int64_t padding_idx):
    """Gradient (rows, D) of the table: each row of ``dy`` added, in order, where it came from; padding -1 is none."""
    cdef cnp.ndarray out
    cdef Py_ssize_t n, width
    cdef int t = float_type(dy), ndim = cnp.PyArray_NDIM(dy)
    if ndim == 0 or np.shape(dy)[:ndim - 1] != np.shape(index):
        raise ValueError(f"embedding_backward: expected dy {np.shape(index)} + (D,), got {np.shape(dy)}")
    dy, index = contiguous(dy), contiguous(index)
    check_index("embedding_backward", index, rows)
    n, width = cnp.PyArray_SIZE(index), cnp.PyArray_DIM(dy, ndim - 1)
    out = np.zeros((rows, width), dy.dtype)
    if t == cnp.NPY_FLOAT:
        run_embedding_backward[float](<const float*> cnp.PyArray_DATA(dy), <const int64_t*> cnp.PyArray_DATA(index),
                            <float*> cnp.PyArray_DATA(out), n, width, padding_idx)
    else:
        run_embedding_backward[double](<const double*> cnp.PyArray_DATA(dy), <const int64_t*> cnp.PyArray_DATA(index),
                             <double*> cnp.PyArray_DATA(out), n, width, padding_idx)
    return out
