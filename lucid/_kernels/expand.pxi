# Broadcasting in memory: what short runs, and gradients that are one number per row, are made of.

cdef extern from *:
    """
    /* A call of memcpy costs as much as a kilobyte of a row. */
    static inline void lucid_copy_line(char *y, const char *x, Py_ssize_t n) {
    #if defined(__AVX512F__)
        Py_ssize_t i = 0;
        for (; i + 256 <= n; i += 256) {
            __m512i a = _mm512_loadu_si512(x + i), b = _mm512_loadu_si512(x + i + 64);
            __m512i c = _mm512_loadu_si512(x + i + 128), d = _mm512_loadu_si512(x + i + 192);
            _mm512_storeu_si512(y + i, a);
            _mm512_storeu_si512(y + i + 64, b);
            _mm512_storeu_si512(y + i + 128, c);
            _mm512_storeu_si512(y + i + 192, d);
        }
        x += i, y += i, n -= i;
        if (n == 0) return;
    #endif
        memcpy(y, x, n);
    }
    """
    void copy_line "lucid_copy_line" (char* y, const char* x, Py_ssize_t n) noexcept nogil


cdef struct Spread:
    # Rows of ``inner`` elements: the last axis of a collapsed result, and beside it the axes before that.
    const char* x
    char* y
    Py_ssize_t size             # bytes per element
    int ndim                    # of the axes before the last
    Py_ssize_t shape[MAX_DIMS]
    Py_ssize_t stride[MAX_DIMS] # of x, in bytes, 0 where broadcast
    Py_ssize_t inner, step      # elements in a row, and bytes between them in x


cdef void spread_rows(const char* x, char* y, Py_ssize_t size, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t stride,
                      Py_ssize_t step) noexcept nogil:
    """``rows`` rows of ``n`` elements, one after another in y."""
    cdef Py_ssize_t r, i
    for r in range(rows):
        if step == size:
            copy_line(y, x, n * size)
        elif step == 0 and n >= 8:
            fill(y, x, size, n)
        elif size == 4:
            for i in range(n):
                (<int32_t*> y)[i] = (<const int32_t*> (x + i * step))[0]
        elif size == 8:
            for i in range(n):
                (<int64_t*> y)[i] = (<const int64_t*> (x + i * step))[0]
        elif size == 2:
            for i in range(n):
                (<int16_t*> y)[i] = (<const int16_t*> (x + i * step))[0]
        else:
            for i in range(n):
                y[i] = x[i * step]
        x += stride
        y += n * size


cdef void spread_range(const Spread* s, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Elements lo to hi of the result; as many whole rows at a time as there are along the axis before the last."""
    cdef Py_ssize_t row, column, rest, coordinate, rows, n
    cdef const char* x
    cdef int d, last = s.ndim - 1
    while lo < hi:
        row, column = lo // s.inner, lo % s.inner
        x = s.x + column * s.step
        rest = row
        for d in range(last, -1, -1):
            coordinate = rest % s.shape[d]
            rest = rest // s.shape[d]
            x += coordinate * s.stride[d]
        rows, n = 1, min(s.inner - column, hi - lo)
        if n == s.inner and s.ndim:
            rows = min((hi - lo) // n, s.shape[last] - row % s.shape[last])
        spread_rows(x, s.y + lo * s.size, s.size, rows, n, s.stride[last] if s.ndim else 0, s.step)
        lo += rows * n


cdef void run_spread(const Spread* s, Py_ssize_t n) noexcept nogil:
    cdef int t, threads = threads_for(n, MAP_GRAIN)
    if threads == 1:
        spread_range(s, 0, n)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        spread_range(s, n * t // threads, n * (t + 1) // threads)


cdef cnp.ndarray expand_to(cnp.ndarray x, int ndim, const cnp.npy_intp* shape):
    """``x``, of any strides, broadcast to ``shape`` in memory of its own."""
    cdef cnp.ndarray y = empty(ndim, <cnp.npy_intp*> shape, cnp.PyArray_TYPE(x))
    cdef Spread s
    cdef int d, own
    cdef Py_ssize_t extent, stride
    s.x, s.y, s.size = <const char*> cnp.PyArray_DATA(x), <char*> cnp.PyArray_DATA(y), cnp.PyArray_ITEMSIZE(x)
    s.ndim = 0
    for d in range(ndim):
        own = d - (ndim - cnp.PyArray_NDIM(x))
        extent = shape[d]
        stride = cnp.PyArray_STRIDE(x, own) if own >= 0 and cnp.PyArray_DIM(x, own) != 1 else 0
        if extent == 1:
            continue
        if s.ndim and s.stride[s.ndim - 1] == stride * extent:
            s.shape[s.ndim - 1] *= extent
            s.stride[s.ndim - 1] = stride
        else:
            s.shape[s.ndim], s.stride[s.ndim] = extent, stride
            s.ndim += 1
    s.inner, s.step = 1, s.size
    if s.ndim:
        s.ndim -= 1
        s.inner, s.step = s.shape[s.ndim], s.stride[s.ndim]
    if cnp.PyArray_SIZE(y) < 2 * MAP_GRAIN:
        spread_range(&s, 0, cnp.PyArray_SIZE(y))
    else:
        with nogil:
            run_spread(&s, cnp.PyArray_SIZE(y))
    return y


def expand(cnp.ndarray x, tuple shape):
    """``x`` (floating-point, int64 or bool, of any strides) broadcast to ``shape``, as a new contiguous array."""
    cdef cnp.npy_intp extents[MAX_DIMS]
    cdef int d, ndim = len(shape), lead = ndim - cnp.PyArray_NDIM(x), t = cnp.PyArray_TYPE(x)
    if (t != cnp.NPY_FLOAT and t != cnp.NPY_DOUBLE and t != cnp.NPY_INT64 and t != cnp.NPY_BOOL
            and cnp.PyArray_ITEMSIZE(x) != 2):
        raise TypeError(f"expand: expected floating-point numbers, int64 or bool, got {x.dtype}")
    for d in range(ndim):
        extents[d] = shape[d]
        if d >= lead >= 0 and cnp.PyArray_DIM(x, d - lead) != 1 and cnp.PyArray_DIM(x, d - lead) != extents[d]:
            lead = -1
    if lead < 0:
        raise ValueError(f"expand: {np.shape(x)} does not broadcast to {shape}")
    return expand_to(x, ndim, extents)


def broadcast_view(x, tuple shape):
    """x repeated to ``shape`` without copying: a view that cannot be written to."""
    cdef cnp.ndarray a = x, y
    cdef cnp.npy_intp extents[MAX_DIMS]
    cdef cnp.npy_intp strides[MAX_DIMS]
    cdef int i, ndim = <int> len(shape), more = ndim - cnp.PyArray_NDIM(a)
    if more < 0 or ndim > MAX_DIMS:
        raise ValueError(f"broadcast_view: {np.shape(x)} does not broadcast to {shape}")
    for i in range(ndim):
        extents[i], strides[i] = shape[i], 0
        if i >= more and cnp.PyArray_DIM(a, i - more) != 1:
            strides[i] = cnp.PyArray_STRIDE(a, i - more)
            if cnp.PyArray_DIM(a, i - more) != extents[i]:
                raise ValueError(f"broadcast_view: {np.shape(x)} does not broadcast to {shape}")
    y = cnp.PyArray_New(np.ndarray, ndim, extents, cnp.PyArray_TYPE(a), strides, cnp.PyArray_DATA(a), 0, 0, <object> NULL)
    cnp.set_array_base(y, a)
    return y
