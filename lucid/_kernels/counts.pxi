# Integers counted, and written out as rows of which one element is 1.

cdef enum:
    COUNT_GRAIN = 4096          # elements
    COUNT_BINS = 4096           # that a thread has a table of its own for
    EXTENT_GRAIN = 16384
    EXTENT_THREADS = 16
    ONE_HOT_GRAIN = 16384       # elements written


cdef void extent_range(const int64_t* x, Py_ssize_t lo, Py_ssize_t hi, int64_t* extent) noexcept nogil:
    cdef int64_t low = x[lo], high = x[lo]
    cdef Py_ssize_t i
    for i in range(lo, hi):
        low = x[i] if x[i] < low else low
        high = x[i] if x[i] > high else high
    extent[0], extent[1] = low, high


cdef void extent_of(const int64_t* x, Py_ssize_t n, int64_t* low, int64_t* high) noexcept nogil:
    """The least and largest element; 0 and 0 of none."""
    cdef int64_t found[2 * EXTENT_THREADS]
    cdef int threads = <int> min(threads_for(n, EXTENT_GRAIN), EXTENT_THREADS), t
    low[0] = high[0] = 0
    if n == 0:
        return
    if threads == 1:
        extent_range(x, 0, n, found)
    else:
        threads = <int> min(threads, n)
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            extent_range(x, n * t // threads, n * (t + 1) // threads, found + 2 * t)
    low[0], high[0] = found[0], found[1]
    for t in range(1, threads):
        low[0], high[0] = min(low[0], found[2 * t]), max(high[0], found[2 * t + 1])


def extent(x):
    """(least, largest) of int64 elements; (0, -1) of none."""
    cdef cnp.ndarray a = contiguous(x)
    cdef Py_ssize_t n = cnp.PyArray_SIZE(a)
    cdef int64_t low, high
    if not is_int64(a):
        raise TypeError(f"extent: expected int64, got {a.dtype}")
    with nogil:
        extent_of(<const int64_t*> cnp.PyArray_DATA(a), n, &low, &high)
    return low, high if n else -1


cdef void count_range(const int64_t* x, int64_t* counts, Py_ssize_t bins, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i
    memset(counts, 0, bins * sizeof(int64_t))
    for i in range(lo, hi):
        counts[x[i]] += 1


cdef bint run_counts(const int64_t* x, int64_t* y, Py_ssize_t n, Py_ssize_t bins) noexcept nogil:
    """False when memory ran out."""
    cdef int threads = threads_for(n, COUNT_GRAIN) if bins <= COUNT_BINS else 1, t
    cdef Py_ssize_t own = ceil_div(bins, LINE // 8) * (LINE // 8), i
    cdef int64_t* tables
    if threads == 1:
        count_range(x, y, bins, 0, n)
        return True
    tables = <int64_t*> workspace(threads * own * sizeof(int64_t))
    if tables == NULL:
        return False
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        count_range(x, tables + t * own, bins, n * t // threads, n * (t + 1) // threads)
    memcpy(y, tables, bins * sizeof(int64_t))
    for t in range(1, threads):
        for i in range(bins):
            y[i] += tables[t * own + i]
    release(tables)
    return True


def bincount(x, Py_ssize_t least):
    """How often each of 0, 1, 2 ... occurs among int64 elements, for at least so many; None if there are negative ones."""
    cdef cnp.ndarray a = contiguous(x), y
    cdef Py_ssize_t n = cnp.PyArray_SIZE(a)
    cdef int64_t low, high
    cdef bint ok
    if not is_int64(a) or least < 0:
        raise TypeError(f"bincount: expected int64 and a length, got {a.dtype} and {least}")
    with nogil:
        extent_of(<const int64_t*> cnp.PyArray_DATA(a), n, &low, &high)
    if low < 0:
        return None
    least = max(least, <Py_ssize_t> high + (n > 0))
    y = empty_shape((least,), cnp.NPY_INT64)
    with nogil:
        ok = run_counts(<const int64_t*> cnp.PyArray_DATA(a), <int64_t*> cnp.PyArray_DATA(y), n, least)
    if not ok:
        raise MemoryError(f"bincount: no workspace for {least} bins")
    return y


cdef void one_hot_rows(const int64_t* x, int64_t* y, Py_ssize_t classes, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(lo, hi):
        memset(y + i * classes, 0, classes * sizeof(int64_t))
        y[i * classes + x[i]] = 1


def one_hot(x, Py_ssize_t classes):
    """An int64 array with one more dimension, of size ``classes``: 1 at each element of x, an int64 array, 0 elsewhere."""
    cdef cnp.ndarray a = contiguous(x), y
    cdef Py_ssize_t n = cnp.PyArray_SIZE(a)
    cdef const int64_t* own = <const int64_t*> cnp.PyArray_DATA(a)
    cdef int64_t* out
    cdef int threads, t
    check_index("one_hot", a, classes)
    y = empty_shape(np.shape(a) + (classes,), cnp.NPY_INT64)
    out = <int64_t*> cnp.PyArray_DATA(y)
    threads = <int> min(threads_for(<double> n * classes, ONE_HOT_GRAIN), n)
    with nogil:
        if threads <= 1:
            one_hot_rows(own, out, classes, 0, n)
        else:
            for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
                one_hot_rows(own, out, classes, n * t // threads, n * (t + 1) // threads)
    return y
