# Places in sorted rows, by binary search: several at a time, without branches, so that none waits for another's loads.

cdef enum:
    SEARCH_GRAIN = 1024         # values
    SEARCH_TOGETHER = 16
    SEARCH_BLOCK = 1024         # values searched with one set of keys


cdef struct Search:
    const char* rows            # (outer, n), sorted
    const char* values          # (outer, m)
    char* y
    int type
    bint right, wide            # int64 results
    Py_ssize_t outer, n, m
    int64_t* keys               # of rows, of a sign, for vectors to compare


cdef inline int64_t signed_key(sortable x) noexcept nogil:
    return <int64_t> (rank_of(x, <uint64_t> 0) ^ (<uint64_t> 1 << 63))


cdef void key_range(const sortable* x, int64_t* keys, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(lo, hi):
        keys[i] = signed_key(x[i])


cdef void search_keys(const int64_t* keys, Py_ssize_t n, const int64_t* values, int64_t* found,
                      Py_ssize_t right) noexcept nogil:
    """How many keys are below each of SEARCH_TOGETHER values; with ``right`` 1, or equal to it."""
    cdef Py_ssize_t left = n, half, j
    cdef int64_t at[SEARCH_TOGETHER]
    for j in range(SEARCH_TOGETHER):
        at[j] = 0
    while left > 1:
        half = left // 2
        for j in range(SEARCH_TOGETHER):
            at[j] += half & -((keys[at[j] + half - 1] < values[j]) | (right & (keys[at[j] + half - 1] == values[j])))
        left -= half
    for j in range(SEARCH_TOGETHER):
        found[j] = at[j] + ((keys[at[j]] < values[j]) | (right & (keys[at[j]] == values[j])))


cdef void search_range(const sortable* x, const Search* s, Py_ssize_t outer, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Values lo to hi of a row."""
    cdef int64_t values[SEARCH_TOGETHER]
    cdef int64_t found[SEARCH_TOGETHER]
    cdef const int64_t* keys = s.keys + outer * s.n
    cdef Py_ssize_t i = lo, j, count
    x += outer * s.m
    while i < hi:
        count = min(SEARCH_TOGETHER, hi - i)
        for j in range(count):
            values[j] = signed_key(x[i + j])
        for j in range(count, SEARCH_TOGETHER):
            values[j] = 0
        search_keys(keys, s.n, values, found, s.right)
        if s.wide:
            memcpy(<int64_t*> s.y + outer * s.m + i, found, count * sizeof(int64_t))
        else:
            for j in range(count):
                (<int32_t*> s.y)[outer * s.m + i + j] = <int32_t> found[j]
        i += count


cdef void search_task(const Search* s, Py_ssize_t task) noexcept nogil:
    """A block of the values of a row."""
    cdef Py_ssize_t blocks = ceil_div(s.m, SEARCH_BLOCK), outer = task // blocks, lo = task % blocks * SEARCH_BLOCK
    cdef Py_ssize_t hi = min(s.m, lo + SEARCH_BLOCK)
    if s.type == cnp.NPY_FLOAT:
        search_range(<const float*> s.values, s, outer, lo, hi)
    elif s.type == cnp.NPY_DOUBLE:
        search_range(<const double*> s.values, s, outer, lo, hi)
    elif s.type == cnp.NPY_INT32:
        search_range(<const int32_t*> s.values, s, outer, lo, hi)
    else:
        search_range(<const int64_t*> s.values, s, outer, lo, hi)


cdef void key_task(const Search* s, Py_ssize_t outer) noexcept nogil:
    cdef Py_ssize_t lo = outer * s.n, hi = lo + s.n
    if s.type == cnp.NPY_FLOAT:
        key_range(<const float*> s.rows, s.keys, lo, hi)
    elif s.type == cnp.NPY_DOUBLE:
        key_range(<const double*> s.rows, s.keys, lo, hi)
    elif s.type == cnp.NPY_INT32:
        key_range(<const int32_t*> s.rows, s.keys, lo, hi)
    else:
        key_range(<const int64_t*> s.rows, s.keys, lo, hi)


cdef bint run_search(Search* s) noexcept nogil:
    """False when memory ran out."""
    cdef Py_ssize_t tasks = s.outer * ceil_div(s.m, SEARCH_BLOCK), i
    cdef int threads = <int> min(threads_for(<double> s.outer * s.m, SEARCH_GRAIN), tasks)
    s.keys = <int64_t*> workspace(s.outer * s.n * sizeof(int64_t))
    if s.keys == NULL:
        return False
    if threads <= 1:
        for i in range(s.outer):
            key_task(s, i)
        for i in range(tasks):
            search_task(s, i)
    else:
        for i in prange(s.outer, num_threads=threads, schedule="static"):
            key_task(s, i)
        for i in prange(tasks, num_threads=threads, schedule="static"):
            search_task(s, i)
    release(s.keys)
    return True


def search(rows, values, bint right, bint wide=True):
    """Where to insert values to keep sorted rows so: before equal elements, or behind them; NaN is above all numbers.

    ``rows`` is a vector and ``values`` of any shape, or both have the same leading dimensions. int32 unless ``wide``.
    """
    cdef cnp.ndarray a = contiguous(rows), b = contiguous(values), y
    cdef Search s
    cdef int ndim = cnp.PyArray_NDIM(a)
    cdef bint ok = True
    check_rows("search", a)
    if cnp.PyArray_TYPE(b) != cnp.PyArray_TYPE(a):
        raise TypeError(f"search: rows are {a.dtype}, values {b.dtype}")
    if ndim > 1 and np.shape(a)[:ndim - 1] != np.shape(b)[:cnp.PyArray_NDIM(b) - 1]:
        raise ValueError(f"search: rows {np.shape(a)} do not fit values {np.shape(b)}")
    y = empty_items(cnp.PyArray_NDIM(b), cnp.PyArray_DIMS(b), cnp.NPY_INT64 if wide else cnp.NPY_INT32, 8 if wide else 4)
    s.n, s.m, s.outer = cnp.PyArray_DIM(a, ndim - 1), cnp.PyArray_SIZE(b), 1
    if ndim > 1:
        s.m = cnp.PyArray_DIM(b, ndim - 1)
        s.outer = cnp.PyArray_SIZE(b) // s.m if s.m else 0
    s.rows, s.values, s.y = <const char*> cnp.PyArray_DATA(a), <const char*> cnp.PyArray_DATA(b), <char*> cnp.PyArray_DATA(y)
    s.type, s.right, s.wide = cnp.PyArray_TYPE(a), right, wide
    if s.n == 0:
        y.fill(0)
    elif s.m and s.outer:
        with nogil:
            ok = run_search(&s)
    if not ok:
        raise MemoryError(f"search: no workspace for rows {np.shape(a)}")
    return y
