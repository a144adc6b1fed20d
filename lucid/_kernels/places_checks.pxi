# Places looked at, and several coordinates made one place.


def in_range(index, Py_ssize_t extent, bint wrap) -> bool:
    """Whether all places (int64) are below ``extent`` and not negative, or no more so than those that count from the end."""
    cdef cnp.ndarray a = index
    cdef Walk w
    cdef Py_ssize_t n
    check_index_type("in_range", a)
    a = contiguous(a)
    n = cnp.PyArray_SIZE(a)
    w.extent, w.wrap, w.bad, w.ndim, w.index_step[1] = extent, extent if wrap else 0, n > 0 and extent <= 0, 2, 1
    w.index = <const int64_t*> cnp.PyArray_DATA(a)
    if n and not w.bad:
        with nogil:
            run_judge(&w, n)
    return not w.bad


cdef void run_judge(Walk* w, Py_ssize_t n) noexcept nogil:
    cdef int t, threads = threads_for(n, MAP_GRAIN)
    if threads == 1:
        w.bad = judge(w, w.index, n) < 0
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        if judge(w, w.index + n * t // threads, n * (t + 1) // threads - n * t // threads) < 0:
            w.bad = True


# Several coordinates to a place

cdef struct Flat:
    const int64_t* index[MAX_DIMS]
    uint64_t extent[MAX_DIMS]
    uint64_t* y
    int count
    bint bad


cdef bint flatten_places(const Flat* f, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """False where a coordinate is out of range; negative ones count from the end."""
    cdef Py_ssize_t i, end
    cdef int k
    cdef uint64_t place, extent, outside = 0
    cdef const int64_t* index
    cdef uint64_t* y = f.y
    while lo < hi:
        end = min(hi, lo + BLOCK)
        for k in range(f.count):
            index, extent = f.index[k], f.extent[k]
            for i in range(lo, end):
                place = <uint64_t> index[i] + (<uint64_t> (index[i] >> 63) & extent)
                outside |= place | (extent - 1 - place)
                y[i] = place if k == 0 else y[i] * extent + place
        lo = end
    return <int64_t> outside >= 0


cdef void run_flatten(Flat* f, Py_ssize_t n) noexcept nogil:
    cdef int t, threads = threads_for(<double> n * f.count, MAP_GRAIN)
    if threads == 1:
        f.bad = not flatten_places(f, 0, n)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        if not flatten_places(f, n * t // threads, n * (t + 1) // threads):
            f.bad = True


def flat_places(list indices, tuple shape):
    """Row-major places in ``shape`` of the coordinates that arrays of one shape hold; negative ones count from the end."""
    cdef Flat f
    cdef cnp.ndarray a, y
    cdef int k, count = len(indices)
    cdef list kept = []
    if not 1 <= count == len(shape) <= MAX_DIMS:
        raise ValueError(f"flat_places: {count} indices for {shape}")
    for k in range(count):
        a = indices[k]
        check_index_type("flat_places", a)
        if np.shape(a) != np.shape(indices[0]):
            raise ValueError(f"flat_places: expected indices of one shape, got {np.shape(indices[0])} and {np.shape(a)}")
        kept.append(contiguous(a))
        f.index[k], f.extent[k] = <const int64_t*> cnp.PyArray_DATA(<cnp.ndarray> kept[k]), shape[k]
    y = empty_shape(np.shape(indices[0]), cnp.NPY_INT64)
    f.y, f.count, f.bad = <uint64_t*> cnp.PyArray_DATA(y), count, False
    with nogil:
        run_flatten(&f, cnp.PyArray_SIZE(y))
    if f.bad:
        for k in range(count):
            refuse_places("flat_places", kept[k], shape[k], True)
    return y
