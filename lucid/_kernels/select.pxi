# The element of a rank in each row: what has the digit of that rank is kept, digit by digit, until one key is left. And the
# most frequent element, from rows in order.

cdef enum:
    SELECT_GRAIN = 1024         # elements
    SELECT_DIGIT = 8
    SELECT_FEW = 32             # keys that are all compared

cdef enum Rank:
    KTH                         # NaN counts as largest
    MEDIAN                      # the lower one of two; NaN if there is one
    NAN_MEDIAN                  # of what is not NaN


cdef struct Selection:
    const char* x               # (rows, n)
    int type
    Py_ssize_t n, k
    Rank rank
    char* values
    int64_t* places
    uint64_t* room              # of a thread: the keys of a row, twice


cdef uint64_t kth_of_few(const uint64_t* keys, Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """The largest of the keys that have at most ``k`` below them."""
    cdef int64_t own[SELECT_FEW]
    cdef int64_t below, best = INT64_MIN
    cdef Py_ssize_t i, j
    for i in range(n):
        own[i] = <int64_t> (keys[i] ^ (<uint64_t> 1 << 63))     # vectors compare with a sign
    for i in range(n):
        below = 0
        for j in range(n):
            below += own[j] < own[i]
        best = own[i] if below <= k and own[i] > best else best
    return <uint64_t> best ^ (<uint64_t> 1 << 63)


cdef uint64_t kth_key(uint64_t* keys, Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """The key of rank ``k``, from 0; ``keys`` are used up."""
    cdef uint32_t counts[1 << SELECT_DIGIT]
    cdef uint64_t differs, first, mask = (1 << SELECT_DIGIT) - 1, digit, key
    cdef Py_ssize_t i, kept
    cdef int shift
    while n > SELECT_FEW:
        first, differs = keys[0], 0
        for i in range(n):
            differs |= keys[i] ^ first
        if differs == 0:
            return first
        shift = max(bits_of(differs) - SELECT_DIGIT, 0)
        memset(counts, 0, sizeof(counts))
        for i in range(n):
            counts[(keys[i] >> shift) & mask] += 1
        digit = 0
        while k >= <Py_ssize_t> counts[digit]:
            k -= counts[digit]
            digit += 1
        kept = 0
        for i in range(n):
            key = keys[i]
            keys[kept] = key
            kept += (key >> shift) & mask == digit
        n = kept
    return kth_of_few(keys, n, k)


cdef void select_row(const sortable* x, const Selection* s, sortable* value, int64_t* place,
                     uint64_t* keys) noexcept nogil:
    cdef uint64_t* used = keys + s.n
    cdef uint64_t key
    cdef Py_ssize_t n = s.n, k = s.k, i
    cdef int64_t numbers = 0
    for i in range(n):
        keys[i] = rank_of(x[i], <uint64_t> 0)
    memcpy(used, keys, n * sizeof(uint64_t))
    if s.rank != KTH:
        for i in range(n):
            numbers += x[i] == x[i]
        k = max((numbers if s.rank == NAN_MEDIAN else n) - 1, 0) // 2
        if s.rank == MEDIAN and numbers < n:
            k = n - 1
    key = kth_key(used, n, k)
    i = 0
    while keys[i] != key:
        i += 1
    value[0], place[0] = x[i], i


cdef void select_rows(const Selection* s, Py_ssize_t lo, Py_ssize_t hi, int thread) noexcept nogil:
    cdef uint64_t* keys = s.room + 2 * s.n * thread
    cdef Py_ssize_t row, at
    for row in range(lo, hi):
        at = row * s.n
        if s.type == cnp.NPY_FLOAT:
            select_row(<const float*> s.x + at, s, <float*> s.values + row, s.places + row, keys)
        elif s.type == cnp.NPY_DOUBLE:
            select_row(<const double*> s.x + at, s, <double*> s.values + row, s.places + row, keys)
        elif s.type == cnp.NPY_INT32:
            select_row(<const int32_t*> s.x + at, s, <int32_t*> s.values + row, s.places + row, keys)
        else:
            select_row(<const int64_t*> s.x + at, s, <int64_t*> s.values + row, s.places + row, keys)


cdef bint run_select(Selection* s, Py_ssize_t rows) noexcept nogil:
    """False when memory ran out."""
    cdef int threads = <int> max(min(threads_for(<double> rows * s.n, SELECT_GRAIN), rows), 1), t
    s.room = <uint64_t*> workspace(2 * threads * s.n * sizeof(uint64_t))
    if s.room == NULL:
        return False
    if threads == 1:
        select_rows(s, 0, rows, 0)
    else:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            select_rows(s, rows * t // threads, rows * (t + 1) // threads, t)
    release(s.room)
    return True


def select(x, Py_ssize_t k, bint median=False, bint skip=False):
    """(values, places): the element of rank ``k``, from 0, of each row, the last axis of x, and where it first is.

    NaN counts as largest. With ``median`` the lower one of two in the middle instead of ``k``: NaN if there is one, or that
    of all others with ``skip``.
    """
    cdef cnp.ndarray a = contiguous(x), values, places
    cdef int ndim = cnp.PyArray_NDIM(a)
    cdef Py_ssize_t rows = check_rows("select", a)
    cdef Selection s
    cdef bint ok
    s.n = cnp.PyArray_DIM(a, ndim - 1)
    if s.n == 0 or not (median or 0 <= k < s.n):
        raise ValueError(f"select: rank {k} in rows of {np.shape(x)}")
    s.type, s.k, s.rank = cnp.PyArray_TYPE(a), k, (NAN_MEDIAN if skip else MEDIAN) if median else KTH
    values = empty_items(ndim - 1, cnp.PyArray_DIMS(a), s.type, cnp.PyArray_ITEMSIZE(a))
    places = empty_items(ndim - 1, cnp.PyArray_DIMS(a), cnp.NPY_INT64, sizeof(int64_t))
    s.x, s.values, s.places = <const char*> cnp.PyArray_DATA(a), <char*> cnp.PyArray_DATA(values), \
        <int64_t*> cnp.PyArray_DATA(places)
    if rows == 0:
        return values, places
    with nogil:
        ok = run_select(&s, rows)
    if not ok:
        raise MemoryError(f"select: no workspace for rows of {s.n}")
    return values, places


cdef void frequent_rows(const sortable* x, const int64_t* order, sortable* values, int64_t* places, Py_ssize_t n,
                        Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """The first of the longest runs in each row; NaN, no two of which are equal, is where it occurs last."""
    cdef Py_ssize_t row, i, start, longest, end
    cdef const sortable* own
    for row in range(lo, hi):
        own = x + row * n
        start = longest = end = 0
        for i in range(n):
            if own[i] != own[start]:
                start = i
            if i - start >= longest:
                longest, end = i - start + 1, i
        values[row] = own[end]
        places[row] = order[row * n + (end if own[end] == own[end] else n - 1)]


cdef void run_frequent(const sortable* x, const int64_t* order, sortable* values, int64_t* places, Py_ssize_t n,
                       Py_ssize_t rows) noexcept nogil:
    cdef int threads = <int> min(threads_for(<double> rows * n, SELECT_GRAIN), rows), t
    if threads == 1:
        frequent_rows(x, order, values, places, n, 0, rows)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        frequent_rows(x, order, values, places, n, rows * t // threads, rows * (t + 1) // threads)


def most_frequent(values, places):
    """(values, places) of the most frequent element of each row of what ``sort`` gave: of several the least, its last."""
    cdef cnp.ndarray x = contiguous(values), at = contiguous(places), y, found
    cdef int ndim = cnp.PyArray_NDIM(x), t = cnp.PyArray_TYPE(x)
    cdef Py_ssize_t rows = check_rows("most_frequent", x), n = cnp.PyArray_DIM(x, ndim - 1)
    cdef const int64_t* order = <const int64_t*> cnp.PyArray_DATA(at)
    cdef void* data = cnp.PyArray_DATA(x)
    cdef void* out
    cdef int64_t* own
    if cnp.PyArray_TYPE(at) != cnp.NPY_INT64 or not cnp.PyArray_SAMESHAPE(x, at) or n == 0:
        raise ValueError(f"most_frequent: values of {np.shape(x)} at places of {at.dtype} {np.shape(at)}")
    y = empty_items(ndim - 1, cnp.PyArray_DIMS(x), t, cnp.PyArray_ITEMSIZE(x))
    found = empty_items(ndim - 1, cnp.PyArray_DIMS(x), cnp.NPY_INT64, sizeof(int64_t))
    out, own = cnp.PyArray_DATA(y), <int64_t*> cnp.PyArray_DATA(found)
    if rows == 0:
        return y, found
    with nogil:
        if t == cnp.NPY_FLOAT:
            run_frequent(<const float*> data, order, <float*> out, own, n, rows)
        elif t == cnp.NPY_DOUBLE:
            run_frequent(<const double*> data, order, <double*> out, own, n, rows)
        elif t == cnp.NPY_INT32:
            run_frequent(<const int32_t*> data, order, <int32_t*> out, own, n, rows)
        else:
            run_frequent(<const int64_t*> data, order, <int64_t*> out, own, n, rows)
    return y, found
