# Extremes and where they are; log-sum-exp; running sums and products.

cdef int check_not_empty(str name, cnp.ndarray x, object axes) except -1:
    cdef Axes a
    plan_axes(x, axes, False, &a)
    if a.count == 0:
        raise ValueError(f"{name}: nothing to reduce over axes {axes} of shape {np.shape(x)}")
    return 0


cdef cnp.ndarray extreme(str name, cnp.ndarray x, object axes, bint keepdim, Kind kind):
    cdef Axes a
    cdef cnp.PyArray_Dims shape
    float_type(x)
    check_not_empty(name, x, axes)
    plan_axes(x, axes, keepdim, &a)
    if cnp.PyArray_SIZE(x) == 0:
        return empty(a.out_ndim, a.out_shape, cnp.PyArray_TYPE(x))
    shape.ptr, shape.len = a.out_shape, a.out_ndim
    return cnp.PyArray_Newshape(reduce_axes(contiguous(x), &a, kind), &shape, cnp.NPY_CORDER)


def amax(x, axes=None, keepdim=False):
    """Largest element over ``axes``; NaN if there is one."""
    return extreme("amax", x, axes, keepdim, AMAX)


def amin(x, axes=None, keepdim=False):
    """Smallest element over ``axes``; NaN if there is one."""
    return extreme("amin", x, axes, keepdim, AMIN)


def logsumexp(cnp.ndarray x, axes=None, bint keepdim=False):
    """log(sum(exp(x))) over ``axes``, as m + log(sum(exp(x - m))) with m the largest element; -inf over nothing."""
    cdef Axes a
    cdef cnp.ndarray total, largest
    cdef int t = float_type(x)
    plan_axes(x, axes, keepdim, &a)
    if cnp.PyArray_SIZE(x) == 0:
        return np.full([a.out_shape[d] for d in range(a.out_ndim)], -cmath.INFINITY, x.dtype)
    x = contiguous(x)
    largest = reduce_axes(x, &a, AMAX).astype(np.float64)
    largest[~np.isfinite(largest)] = 0      # the sum is then infinite, zero or NaN by itself
    total = reduce_axes(x, &a, EXPS, spread(largest, &a))
    return finish(add(log(total), largest), &a, t)


# Along one axis of a contiguous (outer, count, inner) array

cdef enum:
    ALONG_COLUMNS = 256         # inner elements handled together
    ALONG_SCAN = 512            # elements compared before looking whether one was equal
    ALONG_TOGETHER = 4          # rows whose sums or products do not wait for one another
    RUNNING_GRAIN = 8192        # elements added or multiplied

ctypedef void (*Along)(const void* x, void* y, void* extra, Py_ssize_t count, Py_ssize_t stride,
                      Py_ssize_t width) noexcept nogil
ctypedef void (*AlongRows)(const void* x, void* y, Py_ssize_t count) noexcept nogil

cdef struct AlongAxis:
    void* kernel
    const char* x               # (outer, count, inner)
    char* y                     # the same, or (outer, inner) if ``reduces``
    char* extra                 # (outer, inner), or as x if ``beside``, or NULL
    bint beside
    Py_ssize_t size, y_size, extra_size
    Py_ssize_t outer, count, inner
    bint reduces
    int grain
    AlongRows together          # of ALONG_TOGETHER adjacent rows, with the bits of ``kernel``, or NULL


cdef void along_range(const AlongAxis* a, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t chunks = (a.inner + ALONG_COLUMNS - 1) // ALONG_COLUMNS, index, outer, column, start
    while a.together != NULL and a.inner == 1 and lo + ALONG_TOGETHER <= hi:
        a.together(a.x + lo * a.count * a.size, a.y + lo * a.count * a.size, a.count)
        lo += ALONG_TOGETHER
    for index in range(lo, hi):
        outer, column = index // chunks, index % chunks * ALONG_COLUMNS
        start = outer * a.count * a.inner + column
        (<Along> a.kernel)(a.x + start * a.size, a.y + (outer * a.inner + column if a.reduces else start) * a.y_size,
                           a.extra + (start if a.beside else outer * a.inner + column) * a.extra_size, a.count, a.inner,
                           min(ALONG_COLUMNS, a.inner - column))


cdef void along_axis(const AlongAxis* a) noexcept nogil:
    cdef Py_ssize_t items = a.outer * ((a.inner + ALONG_COLUMNS - 1) // ALONG_COLUMNS)
    cdef int t, threads = <int> min(items, threads_for(<double> a.outer * a.count * a.inner, a.grain))
    if threads <= 1:
        along_range(a, 0, items)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        along_range(a, items * t // threads, items * (t + 1) // threads)


cdef int plan_along(str name, cnp.ndarray x, int axis, AlongAxis* a) except -1:
    cdef int ndim = cnp.PyArray_NDIM(x), d
    axis = axis + ndim if axis < 0 else axis
    if not 0 <= axis < ndim:
        raise ValueError(f"{name}: axis {axis} is out of range for shape {np.shape(x)}")
    a.outer = a.inner = 1
    for d in range(axis):
        a.outer *= cnp.PyArray_DIM(x, d)
    a.count = cnp.PyArray_DIM(x, axis)
    for d in range(axis + 1, ndim):
        a.inner *= cnp.PyArray_DIM(x, d)
    a.x = <const char*> cnp.PyArray_DATA(x)
    a.size, a.together, a.grain, a.beside = cnp.PyArray_ITEMSIZE(x), NULL, REDUCE_GRAIN, False
    return 0


# Index of the first element equal to a value known to occur; NaN equals NaN here

cdef void index_kernel(const floating* x, int64_t* y, const floating* value, Py_ssize_t count, Py_ssize_t stride,
                       Py_ssize_t width) noexcept nogil:
    cdef Py_ssize_t r, j, lo
    cdef int hits
    cdef bint nan
    if stride > 1:
        for r in range(count - 1, -1, -1):
            for j in range(width):
                y[j] = r if (x[r * stride + j] == value[j]) | ((x[r * stride + j] != x[r * stride + j])
                                                              & (value[j] != value[j])) else y[j]
        return
    nan = value[0] != value[0]
    lo = 0
    while lo + ALONG_SCAN <= count:
        hits = 0
        for j in range(ALONG_SCAN):
            hits |= (x[lo + j] == value[0]) | (x[lo + j] != x[lo + j])
        if hits:
            break
        lo += ALONG_SCAN
    while not (x[lo] == value[0] or (nan and x[lo] != x[lo])):
        lo += 1
    y[0] = lo


cdef cnp.ndarray index_of(cnp.ndarray x, cnp.ndarray values, int axis):
    """int64 indices, in the shape of ``values``, of where along ``axis`` of ``x`` they first occur."""
    cdef AlongAxis a
    cdef int t = float_type(x)
    cdef cnp.ndarray out = empty(cnp.PyArray_NDIM(values), cnp.PyArray_DIMS(values), cnp.NPY_INT64)
    x = contiguous(x)
    plan_along("index_of", x, axis, &a)
    a.kernel = <void*> index_kernel[float] if t == cnp.NPY_FLOAT else <void*> index_kernel[double]
    a.y, a.y_size = <char*> cnp.PyArray_DATA(out), sizeof(int64_t)
    a.extra, a.extra_size = <char*> cnp.PyArray_DATA(values), a.size
    a.reduces = True
    with nogil:
        along_axis(&a)
    return out


def max_with_indices(x, int axis):
    """The largest elements along ``axis`` and the int64 index of the first; NaN counts as largest."""
    values = amax(x, (axis,))
    return values, index_of(x, values, axis)


def min_with_indices(x, int axis):
    """The smallest elements along ``axis`` and the int64 index of the first; NaN counts as smallest."""
    values = amin(x, (axis,))
    return values, index_of(x, values, axis)


def argmax(cnp.ndarray x, axis=None):
    """Index of the first largest element along ``axis``, or in the flattened array."""
    return max_with_indices(contiguous(x).reshape(-1), 0)[1] if axis is None else max_with_indices(x, axis)[1]


def argmin(cnp.ndarray x, axis=None):
    """Index of the first smallest element along ``axis``, or in the flattened array."""
    return min_with_indices(contiguous(x).reshape(-1), 0)[1] if axis is None else min_with_indices(x, axis)[1]


# Running sums and products, carried in double

cdef void cumsum_together(const floating* x, floating* y, Py_ssize_t count) noexcept nogil:
    cdef double acc[ALONG_TOGETHER]
    cdef Py_ssize_t r, j
    for j in range(ALONG_TOGETHER):
        acc[j] = 0
    for r in range(count):
        for j in range(ALONG_TOGETHER):
            acc[j] += x[j * count + r]
            y[j * count + r] = <floating> acc[j]


cdef void cumsum_kernel(const floating* x, floating* y, void* extra, Py_ssize_t count, Py_ssize_t stride,
                        Py_ssize_t width) noexcept nogil:
    cdef double acc[ALONG_COLUMNS]
    cdef double total = 0
    cdef Py_ssize_t r, j
    if stride == 1:
        for r in range(count):
            total += x[r]
            y[r] = <floating> total
        return
    for j in range(width):
        acc[j] = 0
    for r in range(count):
        for j in range(width):
            acc[j] += x[r * stride + j]
            y[r * stride + j] = <floating> acc[j]


cdef void cumprod_together(const floating* x, floating* y, Py_ssize_t count) noexcept nogil:
    cdef double acc[ALONG_TOGETHER]
    cdef Py_ssize_t r, j
    for j in range(ALONG_TOGETHER):
        acc[j] = 1
    for r in range(count):
        for j in range(ALONG_TOGETHER):
            acc[j] *= x[j * count + r]
            y[j * count + r] = <floating> acc[j]


cdef void cumprod_kernel(const floating* x, floating* y, void* extra, Py_ssize_t count, Py_ssize_t stride,
                         Py_ssize_t width) noexcept nogil:
    cdef double acc[ALONG_COLUMNS]
    cdef double total = 1
    cdef Py_ssize_t r, j
    if stride == 1:
        for r in range(count):
            total *= x[r]
            y[r] = <floating> total
        return
    for j in range(width):
        acc[j] = 1
    for r in range(count):
        for j in range(width):
            acc[j] *= x[r * stride + j]
            y[r * stride + j] = <floating> acc[j]


cdef void cumprod_backward_kernel(const floating* x, floating* dx, const floating* dy, Py_ssize_t count, Py_ssize_t stride,
                                  Py_ssize_t width) noexcept nogil:
    """dx[i] = (x[0] ... x[i - 1]) * s[i], s[i] = dy[i] + x[i + 1] * s[i + 1]: no quotients, so that zeros are like others."""
    cdef double acc[ALONG_COLUMNS]
    cdef Py_ssize_t r, j
    for j in range(width):
        acc[j] = 1
    for r in range(count):
        for j in range(width):
            dx[r * stride + j] = <floating> acc[j]
            acc[j] *= x[r * stride + j]
    for j in range(width):
        acc[j] = 0
    for r in range(count - 1, -1, -1):
        for j in range(width):
            acc[j] += dy[r * stride + j]
            dx[r * stride + j] = <floating> (dx[r * stride + j] * acc[j])
            acc[j] *= x[r * stride + j]


# Integers leave their range like unsigned ones, at the other end

cdef void cumsum_integers(const uint64_t* x, uint64_t* y, void* extra, Py_ssize_t count, Py_ssize_t stride,
                          Py_ssize_t width) noexcept nogil:
    cdef uint64_t acc[ALONG_COLUMNS]
    cdef uint64_t total = 0
    cdef Py_ssize_t r, j
    if stride == 1:
        for r in range(count):
            total += x[r]
            y[r] = total
        return
    for j in range(width):
        acc[j] = 0
    for r in range(count):
        for j in range(width):
            acc[j] += x[r * stride + j]
            y[r * stride + j] = acc[j]


cdef void cumprod_integers(const uint64_t* x, uint64_t* y, void* extra, Py_ssize_t count, Py_ssize_t stride,
                           Py_ssize_t width) noexcept nogil:
    cdef uint64_t acc[ALONG_COLUMNS]
    cdef uint64_t total = 1
    cdef Py_ssize_t r, j
    if stride == 1:
        for r in range(count):
            total *= x[r]
            y[r] = total
        return
    for j in range(width):
        acc[j] = 1
    for r in range(count):
        for j in range(width):
            acc[j] *= x[r * stride + j]
            y[r * stride + j] = acc[j]


cdef void cumprod_integers_together(const uint64_t* x, uint64_t* y, Py_ssize_t count) noexcept nogil:
    cdef uint64_t acc[ALONG_TOGETHER]
    cdef Py_ssize_t r, j
    for j in range(ALONG_TOGETHER):
        acc[j] = 1
    for r in range(count):
        for j in range(ALONG_TOGETHER):
            acc[j] *= x[j * count + r]
            y[j * count + r] = acc[j]


cdef cnp.ndarray running(str name, cnp.ndarray x, int axis, void* k32, void* k64, void* integers, void* together32,
                         void* together64, void* integers_together):
    cdef AlongAxis a
    cdef int t = cnp.NPY_INT64 if x is not None and is_int64(x) else float_type(x)
    cdef cnp.ndarray out = empty(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), t)
    x = contiguous(x)
    plan_along(name, x, axis, &a)
    a.kernel, a.together, a.grain = integers, <AlongRows> integers_together, RUNNING_GRAIN
    if t != cnp.NPY_INT64:
        a.kernel = k32 if t == cnp.NPY_FLOAT else k64
        a.together = <AlongRows> (together32 if t == cnp.NPY_FLOAT else together64)
    a.y, a.y_size = <char*> cnp.PyArray_DATA(out), a.size
    a.extra, a.extra_size = NULL, 0
    a.reduces = False
    with nogil:
        along_axis(&a)
    return out


def cumsum(x, int axis):
    """Sum of the elements so far along ``axis``; of int64, too."""
    return running("cumsum", x, axis, <void*> cumsum_kernel[float], <void*> cumsum_kernel[double],
                   <void*> cumsum_integers, <void*> cumsum_together[float], <void*> cumsum_together[double], NULL)


def cumprod(x, int axis):
    """Product of the elements so far along ``axis``; of int64, too."""
    return running("cumprod", x, axis, <void*> cumprod_kernel[float], <void*> cumprod_kernel[double],
                   <void*> cumprod_integers, <void*> cumprod_together[float], <void*> cumprod_together[double],
                   <void*> cumprod_integers_together)


def cumprod_backward(cnp.ndarray x, cnp.ndarray dy, int axis):
    """The gradient of x, in time proportional to its size."""
    cdef AlongAxis a
    cdef int t = common_type(x, dy)
    if not cnp.PyArray_SAMESHAPE(x, dy):
        raise ValueError(f"cumprod_backward: x {np.shape(x)} and dy {np.shape(dy)} have different shapes")
    cdef cnp.ndarray dx = empty(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), t)
    x, dy = contiguous(x), contiguous(dy)
    plan_along("cumprod_backward", x, axis, &a)
    a.kernel = <void*> cumprod_backward_kernel[float] if t == cnp.NPY_FLOAT else <void*> cumprod_backward_kernel[double]
    a.y, a.y_size, a.reduces, a.grain = <char*> cnp.PyArray_DATA(dx), a.size, False, RUNNING_GRAIN // 2
    a.extra, a.extra_size, a.beside = <char*> cnp.PyArray_DATA(dy), a.size, True
    with nogil:
        along_axis(&a)
    return dx
