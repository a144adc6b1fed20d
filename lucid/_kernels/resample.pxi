# Rows of the result as weighted sums of a few rows of x, along one dimension; each is added up in the order of its list.
#
# Where the dimension is the last one, several lines of x are transposed, so that an element is a row of that many.

cdef extern from *:
    """
    /* GCC unrolls a loop over a few lanes before it could make vectors of them. */
    #if defined(__GNUC__) && !defined(__clang__)
    #define LUCID_ROLLED _Pragma("GCC unroll 1")
    #else
    #define LUCID_ROLLED
    #endif
    /* y = the sum of weights[i] * row at[i] of x, of n elements; what is not in the list is not multiplied. */
    #define LUCID_WEIGHTED(name, real, madd) \\
    LUCID_ALWAYS void name(const real *__restrict x, Py_ssize_t row, const int64_t *__restrict at, \\
                           const real *__restrict weights, Py_ssize_t taps, real *__restrict y, Py_ssize_t n) { \\
        const real *a = x + (taps > 0 ? at[0] : 0) * row, *b = x + (taps > 1 ? at[1] : 0) * row; \\
        const real u = taps > 0 ? weights[0] : 0, v = taps > 1 ? weights[1] : 0; \\
        if (taps > 2) { \\
            const real *c = x + at[2] * row, *d = x + (taps > 3 ? at[3] : 0) * row; \\
            const real s = weights[2], t = taps > 3 ? weights[3] : 0; \\
            if (taps == 3) LUCID_ROLLED for (Py_ssize_t j = 0; j < n; j++) y[j] = madd(c[j], s, madd(b[j], v, a[j] * u)); \\
            else LUCID_ROLLED for (Py_ssize_t j = 0; j < n; j++) \\
                y[j] = madd(d[j], t, madd(c[j], s, madd(b[j], v, a[j] * u))); \\
        } \\
        else if (taps == 2) LUCID_ROLLED for (Py_ssize_t j = 0; j < n; j++) y[j] = madd(b[j], v, a[j] * u); \\
        else if (taps == 1) LUCID_ROLLED for (Py_ssize_t j = 0; j < n; j++) y[j] = a[j] * u; \\
        else memset(y, 0, n * sizeof(real)); \\
        for (Py_ssize_t i = 4; i < taps; i++) { \\
            const real *more = x + at[i] * row, w = weights[i]; \\
            LUCID_ROLLED for (Py_ssize_t j = 0; j < n; j++) y[j] = madd(more[j], w, y[j]); \\
        } \\
    }
    LUCID_WEIGHTED(lucid_weighted32, float, lucid_maddf)
    LUCID_WEIGHTED(lucid_weighted64, double, lucid_madd)
    """
    void weighted32 "lucid_weighted32" (const float* x, Py_ssize_t row, const int64_t* at, const float* weights,
                                        Py_ssize_t taps, float* y, Py_ssize_t n) noexcept nogil
    void weighted64 "lucid_weighted64" (const double* x, Py_ssize_t row, const int64_t* at, const double* weights,
                                        Py_ssize_t taps, double* y, Py_ssize_t n) noexcept nogil


cdef enum:
    RESAMPLE_GRAIN = 32768      # products
    RESAMPLE_LINES = 16         # of x, side by side
    RESAMPLE_STRIP = 128        # elements of a line of the result before they are transposed back


cdef struct Resampled:
    # x (outer, inputs, inner) becomes y (outer, outputs, inner)
    Py_ssize_t outer, inputs, outputs, inner
    const int64_t* starts       # row i reads those of columns[starts[i]] to columns[starts[i + 1]]
    const int64_t* columns


cdef void resample_rows(const Resampled* g, const floating* x, const floating* weights, floating* y, Py_ssize_t lo,
                        Py_ssize_t hi) noexcept nogil:
    """Rows lo to hi of all outer * outputs."""
    cdef Py_ssize_t row, i, taps, size = g.inputs * g.inner
    cdef int64_t at
    for row in range(lo, hi):
        i = row % g.outputs
        at, taps = g.starts[i], <Py_ssize_t> (g.starts[i + 1] - g.starts[i])
        if floating is float:
            weighted32(x + row // g.outputs * size, g.inner, g.columns + at, weights + at, taps, y + row * g.inner, g.inner)
        else:
            weighted64(x + row // g.outputs * size, g.inner, g.columns + at, weights + at, taps, y + row * g.inner, g.inner)


cdef void resample_lines(const Resampled* g, const floating* x, const floating* weights, floating* y, Py_ssize_t lo,
                         Py_ssize_t hi, floating* across) noexcept nogil:
    """Lines from lo to hi, where inner is 1; ``across`` is room for RESAMPLE_LINES of x."""
    cdef floating strip[RESAMPLE_LINES * RESAMPLE_STRIP]
    cdef Py_ssize_t line = lo, i, first, n, taps
    cdef int64_t at
    if hi - lo < RESAMPLE_LINES:            # lanes of no line are computed as well
        memset(across, 0, g.inputs * RESAMPLE_LINES * sizeof(floating))
    while line < hi:
        n, first = min(hi - line, <Py_ssize_t> RESAMPLE_LINES), 0
        transpose(x + line * g.inputs, g.inputs, n, g.inputs, across, RESAMPLE_LINES)
        while first < g.outputs:
            for i in range(first, min(first + RESAMPLE_STRIP, g.outputs)):
                at, taps = g.starts[i], <Py_ssize_t> (g.starts[i + 1] - g.starts[i])
                if floating is float:
                    weighted32(across, RESAMPLE_LINES, g.columns + at, weights + at, taps,
                               strip + (i - first) * RESAMPLE_LINES, RESAMPLE_LINES)
                else:
                    weighted64(across, RESAMPLE_LINES, g.columns + at, weights + at, taps,
                               strip + (i - first) * RESAMPLE_LINES, RESAMPLE_LINES)
            transpose(strip, RESAMPLE_LINES, min(<Py_ssize_t> RESAMPLE_STRIP, g.outputs - first), n,
                      y + line * g.outputs + first, g.outputs)
            first += RESAMPLE_STRIP
        line += RESAMPLE_LINES


cdef bint run_resample(const Resampled* g, const floating* x, const floating* weights, floating* y) noexcept nogil:
    """False when memory ran out."""
    cdef double work = <double> g.outer * g.inner * (g.starts[g.outputs] + g.outputs)
    cdef Py_ssize_t rows = g.outer * g.outputs, blocks = (g.outer + RESAMPLE_LINES - 1) // RESAMPLE_LINES
    cdef int t, threads = threads_for(work, RESAMPLE_GRAIN)
    cdef floating* across
    if g.inner > 1:
        if threads == 1:
            resample_rows(g, x, weights, y, 0, rows)
        else:
            for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
                resample_rows(g, x, weights, y, rows * t // threads, rows * (t + 1) // threads)
        return True
    threads = <int> max(min(<Py_ssize_t> threads, blocks), 1)
    across = <floating*> workspace(threads * g.inputs * RESAMPLE_LINES * sizeof(floating))
    if across == NULL:
        return False
    if threads == 1:
        resample_lines(g, x, weights, y, 0, g.outer, across)
    else:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            resample_lines(g, x, weights, y, blocks * t // threads * RESAMPLE_LINES,
                           min(g.outer, blocks * (t + 1) // threads * RESAMPLE_LINES),
                           across + t * g.inputs * RESAMPLE_LINES)
    release(across)
    return True


# Rows that are one of x each: moves, of any dtype

cdef void pick_elements(const Resampled* g, const moved* x, moved* y, bint doubled, Py_ssize_t lo,
                        Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t line, i, n = g.outputs
    cdef const int64_t* columns = g.columns
    cdef const moved* source
    cdef moved* target
    for line in range(lo, hi):
        source, target = x + line * g.inputs, y + line * n
        if doubled:
            for i in range(g.inputs):
                target[2 * i] = source[i]
                target[2 * i + 1] = source[i]
        else:
            for i in range(n):
                target[i] = source[columns[i]]


cdef void pick_rows(const Resampled* g, const char* x, char* y, Py_ssize_t size, bint doubled, Py_ssize_t lo,
                    Py_ssize_t hi) noexcept nogil:
    """Outer indices lo to hi; a row is ``size`` bytes."""
    cdef Py_ssize_t o, i
    if size == 1:
        pick_elements(g, <const uint8_t*> x, <uint8_t*> y, doubled, lo, hi)
    elif size == 2:
        pick_elements(g, <const uint16_t*> x, <uint16_t*> y, doubled, lo, hi)
    elif size == 4:
        pick_elements(g, <const uint32_t*> x, <uint32_t*> y, doubled, lo, hi)
    elif size == 8:
        pick_elements(g, <const uint64_t*> x, <uint64_t*> y, doubled, lo, hi)
    else:
        for o in range(lo, hi):
            for i in range(g.outputs):
                memcpy(y + (o * g.outputs + i) * size, x + (o * g.inputs + g.columns[i]) * size, size)


cdef void run_pick(const Resampled* g, const char* x, char* y, Py_ssize_t size) noexcept nogil:
    cdef int t, threads = threads_for(<double> g.outer * g.outputs * (size + 8) / 8, RESAMPLE_GRAIN)
    cdef Py_ssize_t i
    cdef bint doubled = g.outputs == 2 * g.inputs
    for i in range(g.outputs):
        doubled &= g.columns[i] == i // 2
    threads = <int> max(min(<Py_ssize_t> threads, g.outer), 1)
    if threads == 1:
        pick_rows(g, x, y, size, doubled, 0, g.outer)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        pick_rows(g, x, y, size, doubled, g.outer * t // threads, g.outer * (t + 1) // threads)


cdef cnp.ndarray resampled(str name, cnp.ndarray x, Py_ssize_t dim, cnp.ndarray columns, Py_ssize_t outputs, Resampled* g):
    """A result for x with ``outputs`` rows along ``dim``, and its sizes in ``g``; the columns are checked."""
    cdef cnp.npy_intp extents[MAX_DIMS]
    cdef Py_ssize_t i, entries = cnp.PyArray_SIZE(columns)
    cdef int ndim = cnp.PyArray_NDIM(x)
    if not 0 <= dim < ndim:
        raise ValueError(f"{name}: dimension {dim} of {np.shape(x)}")
    if cnp.PyArray_TYPE(columns) != cnp.NPY_INT64 or cnp.PyArray_NDIM(columns) != 1:
        raise TypeError(f"{name}: expected int64 columns in one dimension, got {columns.dtype} {np.shape(columns)}")
    g.outer, g.inputs, g.outputs, g.inner = 1, cnp.PyArray_DIM(x, <int> dim), outputs, 1
    g.columns = <const int64_t*> cnp.PyArray_DATA(columns)
    for i in range(entries):
        if <uint64_t> g.columns[i] >= <uint64_t> g.inputs:
            raise IndexError(f"{name}: column {g.columns[i]} at position {i} is out of range for {g.inputs}")
    for i in range(ndim):
        extents[i] = cnp.PyArray_DIM(x, <int> i)
        if i < dim:
            g.outer *= extents[i]
        elif i > dim:
            g.inner *= extents[i]
    extents[dim] = outputs
    return empty_items(ndim, extents, cnp.PyArray_TYPE(x), cnp.PyArray_ITEMSIZE(x))


def resample(cnp.ndarray x not None, Py_ssize_t dim, cnp.ndarray starts not None, cnp.ndarray columns not None,
             cnp.ndarray weights not None):
    """Row i along ``dim``: the sum of weights[k] * row columns[k] of x for k from starts[i] to starts[i + 1], in that order."""
    cdef cnp.ndarray y
    cdef Py_ssize_t i, outputs, entries = cnp.PyArray_SIZE(columns)
    cdef int t = float_type(x)
    cdef Resampled g
    cdef bint ok = True
    if cnp.PyArray_TYPE(starts) != cnp.NPY_INT64 or cnp.PyArray_NDIM(starts) != 1 or cnp.PyArray_SIZE(starts) < 1:
        raise TypeError(f"resample: expected int64 starts in one dimension, got {starts.dtype} {np.shape(starts)}")
    if cnp.PyArray_TYPE(weights) != t or not cnp.PyArray_SAMESHAPE(weights, columns):
        raise ValueError(f"resample: expected {np.shape(columns)} weights of {x.dtype}, got {np.shape(weights)} of "
                         f"{weights.dtype}")
    x, starts, columns, weights = contiguous(x), contiguous(starts), contiguous(columns), contiguous(weights)
    g.starts, outputs = <const int64_t*> cnp.PyArray_DATA(starts), cnp.PyArray_SIZE(starts) - 1
    for i in range(outputs):
        ok &= g.starts[i] <= g.starts[i + 1]
    if not ok or g.starts[0] != 0 or g.starts[outputs] != entries:
        raise ValueError(f"resample: starts do not ascend from 0 to {entries}, the number of columns")
    y = resampled("resample", x, dim, columns, outputs, &g)
    if cnp.PyArray_SIZE(y) == 0:
        return y
    with nogil:
        if t == cnp.NPY_FLOAT:
            ok = run_resample(&g, <const float*> cnp.PyArray_DATA(x), <const float*> cnp.PyArray_DATA(weights),
                              <float*> cnp.PyArray_DATA(y))
        else:
            ok = run_resample(&g, <const double*> cnp.PyArray_DATA(x), <const double*> cnp.PyArray_DATA(weights),
                              <double*> cnp.PyArray_DATA(y))
    if not ok:
        raise MemoryError(f"resample: no workspace for rows of {g.inputs}")
    return y


def pick(cnp.ndarray x not None, Py_ssize_t dim, cnp.ndarray columns not None):
    """Row i along ``dim`` is row columns[i] of x, of any dtype without references."""
    cdef cnp.ndarray y
    cdef Resampled g
    if x.dtype.hasobject:
        raise TypeError(f"pick: expected numbers, got {x.dtype}")
    x, columns = contiguous(x), contiguous(columns)
    y = resampled("pick", x, dim, columns, cnp.PyArray_SIZE(columns), &g)
    if cnp.PyArray_SIZE(y):
        with nogil:
            run_pick(&g, <const char*> cnp.PyArray_DATA(x), <char*> cnp.PyArray_DATA(y),
                     g.inner * cnp.PyArray_ITEMSIZE(x))
    return y
