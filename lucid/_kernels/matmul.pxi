# matmul and linear: shapes, strides and batches around gemm.

cdef cnp.ndarray empty_shape(tuple shape, int typenum):
    """``empty`` for a shape known to Python only."""
    cdef cnp.npy_intp extents[MAX_DIMS]
    cdef int i, ndim = len(shape)
    for i in range(ndim):
        extents[i] = shape[i]
    return empty(ndim, extents, typenum)


cdef struct Matrices:
    # A stack of equally shaped matrices: element strides of one, then where each lies.
    const char* data
    Py_ssize_t row
    Py_ssize_t column


cdef cnp.ndarray matrix_operand(x, Matrices* out):
    """``x``, or a copy if its last two axes are not strided with one of them contiguous; its strides go to ``out``."""
    cdef cnp.ndarray a = x
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(a), rows, columns
    cdef int ndim = cnp.PyArray_NDIM(a)
    if not cnp.PyArray_ISBEHAVED_RO(a):
        a = contiguous(a)
    rows, columns = cnp.PyArray_DIM(a, ndim - 2), cnp.PyArray_DIM(a, ndim - 1)
    if (columns > 1 and cnp.PyArray_STRIDE(a, ndim - 1) != size
            and rows > 1 and cnp.PyArray_STRIDE(a, ndim - 2) != size):
        a = cnp.PyArray_FROM_OF(a, cnp.NPY_ARRAY_CARRAY_RO | cnp.NPY_ARRAY_ENSURECOPY)
    out.data = <const char*> cnp.PyArray_DATA(a)
    out.row = cnp.PyArray_STRIDE(a, ndim - 2) // size if rows > 1 else columns
    out.column = cnp.PyArray_STRIDE(a, ndim - 1) // size if columns > 1 else 1
    return a


cdef bint matmul_one(floating* c, const Matrices* a, const Matrices* b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                     bint accumulate) noexcept nogil:
    return gemm(c, n, <const floating*> a.data, a.row, a.column, <const floating*> b.data, b.row, b.column, m, n, k,
                accumulate)


cdef void matmul_range(floating* c, const Matrices* a, const Py_ssize_t* a_at, const Matrices* b,
                       const Py_ssize_t* b_at, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, floating* work, Py_ssize_t lo,
                       Py_ssize_t hi) noexcept nogil:
    """Products lo to hi of a batch; operand i starts ``at[i]`` bytes into its data."""
    cdef Py_ssize_t i
    for i in range(lo, hi):
        gemm_serial(c + i * m * n, n, <const floating*> (a.data + a_at[i]), a.row, a.column,
                    <const floating*> (b.data + b_at[i]), b.row, b.column, m, n, k, False, work)


cdef bint matmul_batch(floating* c, const Matrices* a, const Py_ssize_t* a_at, const Matrices* b,
                       const Py_ssize_t* b_at, Py_ssize_t batch, Py_ssize_t m, Py_ssize_t n,
                       Py_ssize_t k) noexcept nogil:
    """Whole products to each thread, or every thread on each product when there are few. False when memory ran out."""
    cdef int threads = threads_for(2.0 * batch * m * n * k, GEMM_GRAIN), t
    cdef Py_ssize_t i, size
    cdef floating* work = NULL
    if batch % threads and batch < 4 * threads:
        for i in range(batch):
            if not gemm(c + i * m * n, n, <const floating*> (a.data + a_at[i]), a.row, a.column,
                        <const floating*> (b.data + b_at[i]), b.row, b.column, m, n, k, False):
                return False
        return True
    size = gemm_workspace(c, a.row, a.column, b.row, b.column, m, n, k)
    if size:
        work = <floating*> workspace(threads * size * sizeof(floating))
        if work == NULL:
            return False
    if threads == 1:
        matmul_range(c, a, a_at, b, b_at, m, n, k, work, 0, batch)
    else:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            matmul_range(c, a, a_at, b, b_at, m, n, k, work + t * size, batch * t // threads,
                         batch * (t + 1) // threads)
    if work != NULL:
        release(work)
    return True


cdef cnp.ndarray matrix_offsets(cnp.ndarray a, tuple batch):
    """Byte offset of each matrix of ``a`` broadcast to ``batch``."""
    cdef int ndim = cnp.PyArray_NDIM(a)
    matrices = np.broadcast_to(a, batch + np.shape(a)[ndim - 2:])
    at = np.zeros(batch, np.intp)
    for axis, extent in enumerate(batch):
        at += (np.arange(extent) * matrices.strides[axis]).reshape([extent] + [1] * (len(batch) - axis - 1))
    return at


def matmul(x, y):
    """x @ y over the last two axes; leading axes are a batch and broadcast.

    Operands may be transposed views: one of the last two axes contiguous is enough.
    """
    cdef cnp.ndarray a = x, b = y, c, a_at, b_at
    cdef Matrices am, bm
    cdef Py_ssize_t m, n, k
    cdef cnp.npy_intp shape[2]
    cdef int t = float_type(a), a_ndim = cnp.PyArray_NDIM(a), b_ndim = cnp.PyArray_NDIM(b)
    cdef bint ok
    if float_type(b) != t:
        raise TypeError(f"matmul: operands have different dtypes: {a.dtype}, {b.dtype}")
    if a_ndim < 2 or b_ndim < 2 or cnp.PyArray_DIM(a, a_ndim - 1) != cnp.PyArray_DIM(b, b_ndim - 2):
        raise ValueError(f"matmul: shapes {np.shape(a)} and {np.shape(b)} do not match")
    a = matrix_operand(a, &am)
    b = matrix_operand(b, &bm)
    m, k, n = cnp.PyArray_DIM(a, a_ndim - 2), cnp.PyArray_DIM(a, a_ndim - 1), cnp.PyArray_DIM(b, b_ndim - 1)
    if b_ndim == 2 and (a_ndim == 2 or cnp.PyArray_ISCARRAY_RO(a)):
        if a_ndim == 2:
            shape[0], shape[1] = m, n
            c = empty(2, shape, t)
        else:
            c = empty_shape(np.shape(a)[:a_ndim - 1] + (n,), t)
            m = cnp.PyArray_SIZE(c) // n if n else 0
        with nogil:
            if t == cnp.NPY_FLOAT:
                ok = matmul_one(<float*> cnp.PyArray_DATA(c), &am, &bm, m, n, k, False)
            else:
                ok = matmul_one(<double*> cnp.PyArray_DATA(c), &am, &bm, m, n, k, False)
    else:
        try:
            batch = np.broadcast_shapes(np.shape(a)[:a_ndim - 2], np.shape(b)[:b_ndim - 2])
        except ValueError:
            raise ValueError(f"matmul: shapes {np.shape(x)} and {np.shape(y)} do not match") from None
        c = empty_shape(batch + (m, n), t)
        a_at, b_at = matrix_offsets(a, batch), matrix_offsets(b, batch)
        with nogil:
            if t == cnp.NPY_FLOAT:
                ok = matmul_batch(<float*> cnp.PyArray_DATA(c), &am, <const Py_ssize_t*> cnp.PyArray_DATA(a_at), &bm,
                                  <const Py_ssize_t*> cnp.PyArray_DATA(b_at), cnp.PyArray_SIZE(a_at), m, n, k)
            else:
                ok = matmul_batch(<double*> cnp.PyArray_DATA(c), &am, <const Py_ssize_t*> cnp.PyArray_DATA(a_at), &bm,
                                  <const Py_ssize_t*> cnp.PyArray_DATA(b_at), cnp.PyArray_SIZE(a_at), m, n, k)
    if not ok:
        raise MemoryError(f"matmul: no workspace for shapes {np.shape(x)} and {np.shape(y)}")
    return c


cdef void repeat_row(const char* row, char* out, Py_ssize_t size, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(rows):
        memcpy(out + i * size, row, size)


def linear(x, weight, bias=None):
    """x @ weight.T + bias over the last axis of x; the bias is the initial value of each sum."""
    cdef cnp.ndarray a = x, w = weight, c, start
    cdef Matrices am, wm
    cdef int t = float_type(a), ndim = cnp.PyArray_NDIM(a)
    cdef Py_ssize_t m, n, k
    cdef bint ok, accumulate = bias is not None
    if float_type(w) != t or (accumulate and float_type(bias) != t):
        raise TypeError(f"linear: x, weight and bias have different dtypes: {a.dtype}, {w.dtype}"
                        + (f", {bias.dtype}" if accumulate else ""))
    if ndim < 1 or cnp.PyArray_NDIM(w) != 2 or cnp.PyArray_DIM(w, 1) != cnp.PyArray_DIM(a, ndim - 1):
        raise ValueError(f"linear: input {np.shape(a)} does not match weight {np.shape(w)}")
    n, k = cnp.PyArray_DIM(w, 0), cnp.PyArray_DIM(w, 1)
    if accumulate and np.shape(bias) != (n,):
        raise ValueError(f"linear: expected bias ({n},), got {np.shape(bias)}")
    if ndim == 2:
        a = matrix_operand(a, &am)
    else:
        a = contiguous(a)
        am.data, am.row, am.column = <const char*> cnp.PyArray_DATA(a), k, 1
    w = matrix_operand(w, &wm)
    wm.row, wm.column = wm.column, wm.row
    c = empty_shape(np.shape(a)[:ndim - 1] + (n,), t)
    m = cnp.PyArray_SIZE(c) // n if n else 0
    if accumulate:
        start = contiguous(bias)
        repeat_row(<const char*> cnp.PyArray_DATA(start), <char*> cnp.PyArray_DATA(c), n * cnp.PyArray_ITEMSIZE(c), m)
    with nogil:
        if t == cnp.NPY_FLOAT:
            ok = matmul_one(<float*> cnp.PyArray_DATA(c), &am, &wm, m, n, k, accumulate)
        else:
            ok = matmul_one(<double*> cnp.PyArray_DATA(c), &am, &wm, m, n, k, accumulate)
    if not ok:
        raise MemoryError(f"linear: no workspace for input {np.shape(x)}, weight {np.shape(weight)}")
    return c
