# The largest or smallest elements of rows, in order; of equal ones the first, NaN above all numbers.
#
# A heap of k has the least of those found so far on top. Numbers become integers of the same order, so that a comparison
# with the top, which is all that most elements meet, is one of integers, and NaN needs no case of its own.

cdef enum:
    TOPK_GRAIN = 2048           # elements


cdef extern from *:
    """
    /* Both zeros are 0; negative numbers count down from -1. */
    static inline int64_t lucid_order32(float x, int64_t flip) {
        const int32_t bits = lucid_i32(x + 0.0f);
        return (x != x ? (int64_t) 1 << 40 : bits < 0 ? (int64_t) (bits ^ 0x7fffffff) : bits) ^ flip;
    }
    static inline int64_t lucid_order64(double x, int64_t flip) {
        const int64_t bits = lucid_i64(x + 0.0);
        return (x != x ? INT64_MAX : bits < 0 ? bits ^ INT64_MAX : bits) ^ flip;
    }
    """
    int64_t order32 "lucid_order32" (float x, int64_t flip) noexcept nogil
    int64_t order64 "lucid_order64" (double x, int64_t flip) noexcept nogil


cdef struct Best:
    int64_t key
    int64_t place


cdef inline bint is_less(const Best* a, const Best* b) noexcept nogil:
    """``a`` gives way to ``b``."""
    return a.key < b.key or (a.key == b.key and a.place > b.place)


cdef void sift_best(Best* heap, Py_ssize_t n, Py_ssize_t i) noexcept nogil:
    """Let element ``i`` sink until none below it is less."""
    cdef Best sinking = heap[i]
    cdef Py_ssize_t child
    while 2 * i + 1 < n:
        child = 2 * i + 1
        if child + 1 < n and is_less(&heap[child + 1], &heap[child]):
            child += 1
        if not is_less(&heap[child], &sinking):
            break
        heap[i] = heap[child]
        i = child
    heap[i] = sinking


cdef void topk_row(const floating* x, Py_ssize_t n, Py_ssize_t k, int64_t flip, floating* values, int64_t* places,
                   Best* heap) noexcept nogil:
    cdef Py_ssize_t i
    cdef int64_t key
    cdef Best last
    for i in range(n):
        if floating is float:
            key = order32(x[i], flip)
        else:
            key = order64(x[i], flip)
        if i < k:
            heap[i].key, heap[i].place = key, i
            if i == k - 1:
                for i in range(k // 2, -1, -1):
                    sift_best(heap, k, i)
                i = k - 1
        elif key > heap[0].key:
            heap[0].key, heap[0].place = key, i
            sift_best(heap, k, 0)
    for i in range(k - 1, -1, -1):          # the least comes last
        last = heap[0]
        heap[0] = heap[i]
        sift_best(heap, i, 0)
        values[i], places[i] = x[last.place], last.place


cdef void topk_rows(const floating* x, Py_ssize_t n, Py_ssize_t k, int64_t flip, floating* values, int64_t* places,
                    Best* heap, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t row
    for row in range(lo, hi):
        topk_row(x + row * n, n, k, flip, values + row * k, places + row * k, heap)


cdef bint run_topk(const floating* x, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t k, int64_t flip, floating* values,
                   int64_t* places) noexcept nogil:
    """False when memory ran out."""
    cdef int threads = <int> max(min(threads_for(<double> rows * n, TOPK_GRAIN), rows), 1), t
    cdef Py_ssize_t own = ceil_div(k * sizeof(Best), LINE) * (LINE // <Py_ssize_t> sizeof(Best))    # no line is shared
    cdef Best* heaps = <Best*> workspace(threads * own * sizeof(Best))
    if heaps == NULL:
        return False
    if threads == 1:
        topk_rows(x, n, k, flip, values, places, heaps, 0, rows)
    else:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            topk_rows(x, n, k, flip, values, places, heaps + t * own, rows * t // threads, rows * (t + 1) // threads)
    release(heaps)
    return True


def topk(x, Py_ssize_t k, bint largest):
    """(values, places): the ``k`` largest or smallest elements of each row, the last axis of x, in order, and where they are."""
    cdef cnp.ndarray a = contiguous(x), values, places
    cdef int t = float_type(a), ndim = cnp.PyArray_NDIM(a)
    cdef tuple shape
    cdef Py_ssize_t n, rows
    cdef bint ok
    if ndim == 0 or not 0 <= k <= cnp.PyArray_DIM(a, ndim - 1):
        raise ValueError(f"topk: {k} elements of rows of {np.shape(x)}")
    n, shape = cnp.PyArray_DIM(a, ndim - 1), (*np.shape(x)[:ndim - 1], k)
    values, places = empty_shape(shape, t), empty_shape(shape, cnp.NPY_INT64)
    rows = cnp.PyArray_SIZE(a) // n if n else 0
    if rows == 0 or k == 0:
        return values, places
    cdef int64_t flip = 0 if largest else -1
    with nogil:
        if t == cnp.NPY_FLOAT:
            ok = run_topk(<const float*> cnp.PyArray_DATA(a), rows, n, k, flip, <float*> cnp.PyArray_DATA(values),
                          <int64_t*> cnp.PyArray_DATA(places))
        else:
            ok = run_topk(<const double*> cnp.PyArray_DATA(a), rows, n, k, flip, <double*> cnp.PyArray_DATA(values),
                          <int64_t*> cnp.PyArray_DATA(places))
    if not ok:
        raise MemoryError(f"topk: no workspace for {k} of {np.shape(x)}")
    return values, places
