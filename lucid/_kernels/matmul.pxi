# matmul and linear: shapes, strides and batches around gemm.

cdef enum:
    TINY = 64                   # multiplications of a product of a batch that is not worth a tile's preparations ...
    TINY_COST = 1000            # ... and what one takes besides, in additions and multiplications


cdef struct Matrices:
    # A stack of equally shaped matrices: element strides of one, and how many bytes apart they lie.
    const char* data
    Py_ssize_t row
    Py_ssize_t column
    Py_ssize_t step[MAX_DIMS]       # per batch axis, 0 where broadcast


cdef struct Batch:
    int ndim
    cnp.npy_intp shape[MAX_DIMS]
    Py_ssize_t count


cdef cnp.ndarray matrix_operand(cnp.ndarray x, Matrices* out):
    """``x``, or a copy unless one of its last two axes is contiguous; strides go to ``out``."""
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(x), rows, columns
    cdef int ndim = cnp.PyArray_NDIM(x)
    if not cnp.PyArray_ISBEHAVED_RO(x):
        x = contiguous(x)
    rows, columns = cnp.PyArray_DIM(x, ndim - 2), cnp.PyArray_DIM(x, ndim - 1)
    if (columns > 1 and cnp.PyArray_STRIDE(x, ndim - 1) != size
            and rows > 1 and cnp.PyArray_STRIDE(x, ndim - 2) != size):
        x = cnp.PyArray_FROM_OF(x, cnp.NPY_ARRAY_CARRAY_RO | cnp.NPY_ARRAY_ENSURECOPY)
    out.data = <const char*> cnp.PyArray_DATA(x)
    out.column = cnp.PyArray_STRIDE(x, ndim - 1) // size if columns > 1 else 1
    # A single row that is not contiguous is a contiguous column's transpose: gemm needs one of the strides to be 1.
    out.row = cnp.PyArray_STRIDE(x, ndim - 2) // size if rows > 1 else columns if out.column == 1 else 1
    return x


cdef bint plan_batch(cnp.ndarray x, cnp.ndarray y, Matrices* a, Matrices* b, Batch* batch) noexcept:
    """Broadcast the leading axes against each other; False if they do not fit."""
    cdef int x_axes = cnp.PyArray_NDIM(x) - 2, y_axes = cnp.PyArray_NDIM(y) - 2, i, xi, yi
    cdef Py_ssize_t nx, ny
    batch.ndim = max(x_axes, y_axes)
    batch.count = 1
    for i in range(batch.ndim):
        xi, yi = i - batch.ndim + x_axes, i - batch.ndim + y_axes
        nx = cnp.PyArray_DIM(x, xi) if xi >= 0 else 1
        ny = cnp.PyArray_DIM(y, yi) if yi >= 0 else 1
        if nx != ny and nx != 1 and ny != 1:
            return False
        batch.shape[i] = ny if nx == 1 else nx
        a.step[i] = cnp.PyArray_STRIDE(x, xi) if nx != 1 else 0
        b.step[i] = cnp.PyArray_STRIDE(y, yi) if ny != 1 else 0
        batch.count *= batch.shape[i]
    return True


cdef inline const char* matrix_at(const Matrices* a, const Batch* batch, Py_ssize_t index) noexcept nogil:
    cdef const char* data = a.data
    cdef int i
    for i in range(batch.ndim - 1, -1, -1):
        data += index % batch.shape[i] * a.step[i]
        index = index // batch.shape[i]
    return data


cdef bint matmul_one(floating* c, const Matrices* a, const Matrices* b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                     bint accumulate) noexcept nogil:
    return gemm(c, n, <const floating*> a.data, a.row, a.column, <const floating*> b.data, b.row, b.column, m, n, k,
                accumulate)


cdef void tiny_product(floating* c, const floating* a, Py_ssize_t a_row, Py_ssize_t a_column, const floating* b,
                       Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    cdef Py_ssize_t i, j, p
    cdef floating sum
    for i in range(m):
        for j in range(n):
            sum = 0
            for p in range(k):
                sum = madd(a[i * a_row + p * a_column], b[p * b_row + j * b_column], sum)
            c[i * n + j] = sum


cdef void tiny_range(floating* c, const Matrices* a, const Matrices* b, const Batch* batch, Py_ssize_t m, Py_ssize_t n,
                     Py_ssize_t k, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Products lo to hi of a batch of tiny ones."""
    cdef Py_ssize_t i
    for i in range(lo, hi):
        tiny_product(c + i * m * n, <const floating*> matrix_at(a, batch, i), a.row, a.column,
                     <const floating*> matrix_at(b, batch, i), b.row, b.column, m, n, k)


cdef void matmul_tiny(floating* c, const Matrices* a, const Matrices* b, const Batch* batch, Py_ssize_t m, Py_ssize_t n,
                      Py_ssize_t k) noexcept nogil:
    cdef int threads = threads_for_flops(batch.count * (2.0 * m * n * k + TINY_COST)), t
    if threads == 1:
        tiny_range(c, a, b, batch, m, n, k, 0, batch.count)
    else:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            tiny_range(c, a, b, batch, m, n, k, batch.count * t // threads, batch.count * (t + 1) // threads)


cdef void matmul_range(floating* c, const Matrices* a, const Matrices* b, const Batch* batch, Py_ssize_t m,
                       Py_ssize_t n, Py_ssize_t k, floating* work, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Products lo to hi of a batch."""
    cdef Py_ssize_t i
    for i in range(lo, hi):
        gemm_serial(c + i * m * n, n, <const floating*> matrix_at(a, batch, i), a.row, a.column,
                    <const floating*> matrix_at(b, batch, i), b.row, b.column, m, n, k, False, work)


cdef bint matmul_batch(floating* c, const Matrices* a, const Matrices* b, const Batch* batch, Py_ssize_t m,
                       Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """Whole products to each thread, or every thread on each product when there are few. False when memory ran out."""
    cdef int threads = threads_for_flops(2.0 * batch.count * m * n * k), t
    cdef Py_ssize_t i, size
    cdef floating* work = NULL
    if batch.count % threads and batch.count < 4 * threads:
        for i in range(batch.count):
            if not gemm(c + i * m * n, n, <const floating*> matrix_at(a, batch, i), a.row, a.column,
                        <const floating*> matrix_at(b, batch, i), b.row, b.column, m, n, k, False):
                return False
        return True
    size = gemm_workspace(c, a.row, a.column, b.row, b.column, m, n, k)
    if size:
        work = <floating*> workspace(threads * size * sizeof(floating))
        if work == NULL:
            return False
    if threads == 1:
        matmul_range(c, a, b, batch, m, n, k, work, 0, batch.count)
    else:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            matmul_range(c, a, b, batch, m, n, k, work + t * size, batch.count * t // threads,
                         batch.count * (t + 1) // threads)
    if work != NULL:
        release(work)
    return True


def matmul(x, y):
    """x @ y over the last two axes; leading axes are a batch and broadcast.

    Operands may be transposed views: one of the last two axes contiguous is enough.
    """
    cdef cnp.ndarray a = x, b = y, c
    cdef Matrices am, bm
    cdef Batch batch
    cdef Py_ssize_t m, n, k
    cdef int t = float_type(a), a_ndim = cnp.PyArray_NDIM(a), b_ndim = cnp.PyArray_NDIM(b)
    cdef bint ok
    if float_type(b) != t:
        raise TypeError(f"matmul: operands have different dtypes: {a.dtype}, {b.dtype}")
    if a_ndim < 2 or b_ndim < 2 or cnp.PyArray_DIM(a, a_ndim - 1) != cnp.PyArray_DIM(b, b_ndim - 2):
        raise ValueError(f"matmul: shapes {np.shape(x)} and {np.shape(y)} do not match")
    a, b = matrix_operand(a, &am), matrix_operand(b, &bm)
    if not plan_batch(a, b, &am, &bm, &batch):
        raise ValueError(f"matmul: shapes {np.shape(x)} and {np.shape(y)} do not match")
    m, k, n = cnp.PyArray_DIM(a, a_ndim - 2), cnp.PyArray_DIM(a, a_ndim - 1), cnp.PyArray_DIM(b, b_ndim - 1)
    if k == 1:                                          # no sums: products of elements, the gradients of inner products
        return mul(x, y)
    if batch.ndim + 2 > MAX_DIMS:
        raise ValueError(f"matmul: more than {MAX_DIMS} axes")
    batch.shape[batch.ndim], batch.shape[batch.ndim + 1] = m, n
    c = empty(batch.ndim + 2, batch.shape, t)
    if b_ndim > 2 and k <= 8 and m * n * k <= TINY:     # never of a single weight, whose rows may be one product
        with nogil:
            if t == cnp.NPY_FLOAT:
                matmul_tiny(<float*> cnp.PyArray_DATA(c), &am, &bm, &batch, m, n, k)
            else:
                matmul_tiny(<double*> cnp.PyArray_DATA(c), &am, &bm, &batch, m, n, k)
        return c
    if b_ndim == 2 and cnp.PyArray_ISCARRAY_RO(a):      # rows of all matrices are rows of one
        m *= batch.count
        batch.count = 1
    with nogil:
        if batch.count == 1 and t == cnp.NPY_FLOAT:
            ok = matmul_one(<float*> cnp.PyArray_DATA(c), &am, &bm, m, n, k, False)
        elif batch.count == 1:
            ok = matmul_one(<double*> cnp.PyArray_DATA(c), &am, &bm, m, n, k, False)
        elif t == cnp.NPY_FLOAT:
            ok = matmul_batch(<float*> cnp.PyArray_DATA(c), &am, &bm, &batch, m, n, k)
        else:
            ok = matmul_batch(<double*> cnp.PyArray_DATA(c), &am, &bm, &batch, m, n, k)
    if not ok:
        raise MemoryError(f"matmul: no workspace for shapes {np.shape(x)} and {np.shape(y)}")
    return c


cdef void repeat_row(const char* row, char* out, Py_ssize_t size, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(rows):
        memcpy(out + i * size, row, size)


def linear(x, weight, bias=None):
    """x @ weight.T + bias over the last axis of x; the sums of blocks of k are added to the bias."""
    cdef cnp.ndarray a = x, w = weight, start = bias, c
    cdef Matrices am, wm
    cdef int t = float_type(a), ndim = cnp.PyArray_NDIM(a), i
    cdef cnp.npy_intp shape[MAX_DIMS]
    cdef Py_ssize_t m = 1, n, k
    cdef bint ok, accumulate = bias is not None
    if float_type(w) != t or (accumulate and float_type(start) != t):
        raise TypeError(f"linear: x, weight and bias have different dtypes: {a.dtype}, {w.dtype}"
                        + (f", {start.dtype}" if accumulate else ""))
    if ndim < 1 or cnp.PyArray_NDIM(w) != 2 or cnp.PyArray_DIM(w, 1) != cnp.PyArray_DIM(a, ndim - 1):
        raise ValueError(f"linear: input {np.shape(a)} does not match weight {np.shape(w)}")
    n, k = cnp.PyArray_DIM(w, 0), cnp.PyArray_DIM(w, 1)
    if accumulate and (cnp.PyArray_NDIM(start) != 1 or cnp.PyArray_DIM(start, 0) != n):
        raise ValueError(f"linear: expected bias ({n},), got {np.shape(bias)}")
    if ndim == 2:
        a = matrix_operand(a, &am)
    else:
        a = contiguous(a)
        am.data, am.row, am.column = <const char*> cnp.PyArray_DATA(a), k, 1
    w = matrix_operand(w, &wm)
    wm.row, wm.column = wm.column, wm.row
    for i in range(ndim - 1):
        shape[i] = cnp.PyArray_DIM(a, i)
        m *= shape[i]
    shape[ndim - 1] = n
    c = empty(ndim, shape, t)
    if accumulate:
        start = contiguous(start)
        repeat_row(<const char*> cnp.PyArray_DATA(start), <char*> cnp.PyArray_DATA(c), n * cnp.PyArray_ITEMSIZE(c), m)
    with nogil:
        if t == cnp.NPY_FLOAT:
            ok = matmul_one(<float*> cnp.PyArray_DATA(c), &am, &wm, m, n, k, accumulate)
        else:
            ok = matmul_one(<double*> cnp.PyArray_DATA(c), &am, &wm, m, n, k, accumulate)
    if not ok:
        raise MemoryError(f"linear: no workspace for input {np.shape(x)}, weight {np.shape(weight)}")
    return c
