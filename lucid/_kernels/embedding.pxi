# Rows of a table picked by index, summed over bags, and added up where an index says, always in index order.

cdef enum:
    EMBEDDING_GRAIN = 32768
    EMBEDDING_COLUMNS = 16      # least columns per thread when they are shared: a cache line of float32


cdef int check_index(str name, cnp.ndarray index, Py_ssize_t rows) except -1:
    cdef const int64_t* at = <const int64_t*> cnp.PyArray_DATA(index)
    cdef Py_ssize_t i, n = cnp.PyArray_SIZE(index)
    cdef bint bad = False
    check_index_type(name, index)
    for i in range(n):
        bad |= <uint64_t> at[i] >= <uint64_t> rows          # negative ones too
    if bad:
        for i in range(n):
            if not 0 <= at[i] < rows:
                raise IndexError(f"{name}: index {at[i]} at position {i} is out of range for {rows} rows")
    return 0


# Rows picked

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


def embedding(cnp.ndarray weight, cnp.ndarray index):
    """weight[index]: rows of ``weight`` (V, D) at int64 ``index``, in shape index.shape + (D,)."""
    cdef cnp.ndarray out
    cdef Py_ssize_t n, size
    float_type(weight)
    if cnp.PyArray_NDIM(weight) != 2:
        raise ValueError(f"embedding: expected weight (V, D), got {np.shape(weight)}")
    weight, index = contiguous(weight), contiguous(index)
    check_index("embedding", index, cnp.PyArray_DIM(weight, 0))
    out = empty_shape(np.shape(index) + (cnp.PyArray_DIM(weight, 1),), cnp.PyArray_TYPE(weight))
    n, size = cnp.PyArray_SIZE(index), cnp.PyArray_DIM(weight, 1) * cnp.PyArray_ITEMSIZE(weight)
    with nogil:
        run_embedding(<const char*> cnp.PyArray_DATA(weight), <const int64_t*> cnp.PyArray_DATA(index),
                      <char*> cnp.PyArray_DATA(out), size, n)
    return out


# Rows summed

cdef inline const floating* row_of(const floating* x, const int64_t* index, Py_ssize_t i,
                                   Py_ssize_t width) noexcept nogil:
    return x + (<Py_ssize_t> index[i] if index != NULL else i) * width


cdef void add_table_row(const floating* x, floating* y, Py_ssize_t n) noexcept nogil:
    """y += x, and not an element more: the next row may be another thread's."""
    cdef Py_ssize_t j
    for j in range(n):
        y[j] += x[j]


cdef void bag_rows(const floating* x, const int64_t* index, const int64_t* ends, floating* y, Py_ssize_t width,
                   Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Bags lo to hi."""
    cdef Py_ssize_t bag, i = <Py_ssize_t> ends[lo - 1] if lo > 0 else 0
    for bag in range(lo, hi):
        memset(y + bag * width, 0, width * sizeof(floating))
        while i < ends[bag]:
            add_table_row(row_of(x, index, i, width), y + bag * width, width)
            i += 1


cdef void run_bags(const floating* x, const int64_t* index, const int64_t* ends, floating* y, Py_ssize_t width,
                   Py_ssize_t bags) noexcept nogil:
    cdef Py_ssize_t n = <Py_ssize_t> ends[bags - 1] if bags > 0 else 0
    cdef int t, threads = <int> min(bags, threads_for(<double> (n + bags) * width, EMBEDDING_GRAIN))
    if threads <= 1:
        bag_rows(x, index, ends, y, width, 0, bags)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        bag_rows(x, index, ends, y, width, bags * t // threads, bags * (t + 1) // threads)


def bag_sums(x, index, counts):
    """y[b] = the sum, in order, of the next counts[b] rows of x[index], or of ``x`` (V, ...) if ``index`` is None."""
    cdef cnp.ndarray table = contiguous(x), at = None, ends = np.cumsum(counts, dtype=np.int64), y
    cdef const int64_t* index_data = NULL
    cdef int t = float_type(table)
    cdef Py_ssize_t rows, width = 1, bags = cnp.PyArray_SIZE(ends)
    if cnp.PyArray_NDIM(table) < 1 or np.any(np.less(counts, 0)):
        raise ValueError(f"bag_sums: expected rows and counts of at least 0, got {np.shape(x)} and {counts}")
    rows = cnp.PyArray_DIM(table, 0)
    if index is not None:
        at = contiguous(index)
        check_index("bag_sums", at, rows)
        index_data, rows = <const int64_t*> cnp.PyArray_DATA(at), cnp.PyArray_SIZE(at)
    if (ends[bags - 1] if bags else 0) > rows:
        raise ValueError(f"bag_sums: counts add up to {ends[bags - 1]}, but there are {rows} rows")
    y = empty_shape((bags,) + np.shape(x)[1:], t)
    if bags:
        width = cnp.PyArray_SIZE(y) // bags
    with nogil:
        if t == cnp.NPY_FLOAT:
            run_bags(<const float*> cnp.PyArray_DATA(table), index_data, <const int64_t*> cnp.PyArray_DATA(ends),
                     <float*> cnp.PyArray_DATA(y), width, bags)
        else:
            run_bags(<const double*> cnp.PyArray_DATA(table), index_data, <const int64_t*> cnp.PyArray_DATA(ends),
                     <double*> cnp.PyArray_DATA(y), width, bags)
    return y


# Rows added up where an index says

cdef struct Places:
    # dy (outer, n, width) goes to out (outer, rows, width), which begins as zeros; x, or NULL, is added in the end
    const int64_t* index
    const void* x
    Py_ssize_t outer, n, rows, width
    int64_t padding             # index that is left out, or -1


cdef void add_at(const Places* p, const floating* dy, floating* out, Py_ssize_t first, Py_ssize_t end, Py_ssize_t c0,
                 Py_ssize_t c1) noexcept nogil:
    """Outer indices first to end of the result, and columns c0 to c1."""
    cdef Py_ssize_t o, i, width = p.width, size = p.rows * p.width
    cdef const int64_t* at = p.index
    cdef const floating* row
    cdef floating* own
    for o in range(first, end):
        own, row = out + o * size, dy + o * p.n * width
        if c0 == 0 and c1 == width:
            memset(own, 0, size * sizeof(floating))
        else:
            for i in range(p.rows):
                memset(own + i * width + c0, 0, (c1 - c0) * sizeof(floating))
        if width == 1:
            for i in range(p.n):
                if at[i] != p.padding:
                    own[at[i]] += row[i]
        else:
            for i in range(p.n):
                if at[i] != p.padding:
                    add_table_row(row + i * width + c0, own + <Py_ssize_t> at[i] * width + c0, c1 - c0)
        if p.x != NULL and c0 == 0 and c1 == width:
            add_table_row(<const floating*> p.x + o * size, own, size)
        elif p.x != NULL:
            for i in range(p.rows):
                add_table_row(<const floating*> p.x + o * size + i * width + c0, own + i * width + c0, c1 - c0)


cdef void run_add_at(const Places* p, const floating* dy, floating* out) noexcept nogil:
    """Threads share the outer indices or the columns, and so never a place."""
    cdef Py_ssize_t chunks = (p.width + EMBEDDING_COLUMNS - 1) // EMBEDDING_COLUMNS
    cdef int t, threads = threads_for(<double> p.outer * (p.n + p.rows) * p.width, EMBEDDING_GRAIN)
    if threads > 1 and p.outer >= threads:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            add_at(p, dy, out, p.outer * t // threads, p.outer * (t + 1) // threads, 0, p.width)
    elif threads > 1 and chunks > 1:
        threads = <int> min(chunks, threads)
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            add_at(p, dy, out, 0, p.outer, chunks * t // threads * EMBEDDING_COLUMNS,
                   min(p.width, chunks * (t + 1) // threads * EMBEDDING_COLUMNS))
    else:
        add_at(p, dy, out, 0, p.outer, 0, p.width)


cdef cnp.ndarray rows_added(cnp.ndarray dy, Places* p, cnp.ndarray x, tuple shape):
    cdef cnp.ndarray out = empty_shape(shape, float_type(dy))
    p.x = NULL
    if x is not None:
        x = contiguous(x)
        p.x = cnp.PyArray_DATA(x)
    with nogil:
        if cnp.PyArray_TYPE(dy) == cnp.NPY_FLOAT:
            run_add_at(p, <const float*> cnp.PyArray_DATA(dy), <float*> cnp.PyArray_DATA(out))
        else:
            run_add_at(p, <const double*> cnp.PyArray_DATA(dy), <double*> cnp.PyArray_DATA(out))
    return out


def embedding_backward(cnp.ndarray dy, cnp.ndarray index, Py_ssize_t rows, int64_t padding_idx):
    """Gradient (rows, D) of the table: each row of ``dy`` added, in order, where it came from; padding -1 is none."""
    cdef Places p
    cdef int ndim = cnp.PyArray_NDIM(dy)
    float_type(dy)
    if ndim == 0 or np.shape(dy)[:ndim - 1] != np.shape(index):
        raise ValueError(f"embedding_backward: expected dy {np.shape(index)} + (D,), got {np.shape(dy)}")
    dy, index = contiguous(dy), contiguous(index)
    check_index("embedding_backward", index, rows)
    p.index, p.padding = <const int64_t*> cnp.PyArray_DATA(index), padding_idx
    p.outer, p.n, p.rows, p.width = 1, cnp.PyArray_SIZE(index), rows, cnp.PyArray_DIM(dy, ndim - 1)
    return rows_added(dy, &p, None, (rows, p.width))


def scatter_add(cnp.ndarray y, cnp.ndarray index, tuple shape, cnp.ndarray x=None):
    """Zeros of ``shape`` (outer, rows, width) with ``y`` (outer, n, width) added, in order, along the middle axis; plus x.

    ``index`` (n,) sends slice y[:, i] to row index[i]; (outer, n, width), each element to a row of its own.
    """
    cdef Places p
    cdef tuple size = np.shape(y)
    cdef bint each = cnp.PyArray_NDIM(index) == 3
    float_type(y)
    if (len(shape) != 3 or len(size) != 3 or shape[0] != size[0] or shape[2] != size[2]
            or np.shape(index) != (size if each else (size[1],))):
        raise ValueError(f"scatter_add: y {size} and index {np.shape(index)} do not fit {shape}")
    if x is not None and (np.shape(x) != shape or x.dtype != y.dtype):
        raise ValueError(f"scatter_add: expected x {y.dtype} {shape}, got {x.dtype} {np.shape(x)}")
    y, index = contiguous(y), contiguous(index)
    if each:
        return scatter_sums(y, index, shape, 1, x)
    check_index("scatter_add", index, shape[1])
    p.index, p.padding = <const int64_t*> cnp.PyArray_DATA(index), -1
    p.outer, p.n, p.rows, p.width = shape[0], size[1], shape[1], shape[2]
    return rows_added(y, &p, x, shape)
