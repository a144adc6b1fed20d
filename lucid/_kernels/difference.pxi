# Differences of neighbours along an axis, and their adjoint.

ctypedef void (*Differ)(const void* x, void* y, Py_ssize_t n, Py_ssize_t inner, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil


cdef void differ(const floating* x, floating* y, Py_ssize_t n, Py_ssize_t inner, Py_ssize_t lo,
                 Py_ssize_t hi) noexcept nogil:
    """y[i] = x[i + inner] - x[i] for elements lo to hi of rows of n; those of x are longer by ``inner``."""
    cdef Py_ssize_t row, i, end
    while lo < hi:
        row, i = lo // n, lo % n
        end = min(n, i + hi - lo)
        lo += end - i
        subtract_run(x + row * (n + inner), y + row * n, inner, i, end)


cdef inline void subtract_run(const floating* x, floating* y, Py_ssize_t inner, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(lo, hi):
        y[i] = x[i + inner] - x[i]


cdef void differ_back(const floating* dy, floating* dx, Py_ssize_t n, Py_ssize_t inner, Py_ssize_t lo,
                      Py_ssize_t hi) noexcept nogil:
    """dx[i] = dy[i - inner] - dy[i], with 0 for what is not there, for elements lo to hi of rows of n + inner."""
    cdef Py_ssize_t row, i, j, end, wide = n + inner
    cdef const floating* own
    cdef floating* out
    while lo < hi:
        row, i = lo // wide, lo % wide
        end = min(wide, i + hi - lo)
        lo += end - i
        own, out = dy + row * n, dx + row * wide
        for j in range(i, min(end, inner, n)):
            out[j] = 0 - own[j]
        for j in range(max(i, n), min(end, inner)):      # neither is there
            out[j] = 0
        for j in range(max(i, inner), min(end, n)):
            out[j] = own[j - inner] - own[j]
        for j in range(max(i, inner, n), end):
            out[j] = own[j - inner] + 0


cdef void run_differ(Differ kernel, const void* x, void* y, Py_ssize_t n, Py_ssize_t inner, Py_ssize_t count) noexcept nogil:
    cdef int t, threads = threads_for(count, MAP_GRAIN)
    if threads == 1:
        kernel(x, y, n, inner, 0, count)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        kernel(x, y, n, inner, count * t // threads, count * (t + 1) // threads)


cdef cnp.ndarray run_difference(str name, cnp.ndarray x, int axis, Py_ssize_t longer, Differ single, Differ double_):
    """A result ``longer`` than x along ``axis``."""
    cdef cnp.npy_intp shape[MAX_DIMS]
    cdef Py_ssize_t n, inner = 1
    cdef int d, t = float_type(x), ndim = cnp.PyArray_NDIM(x)
    cdef cnp.ndarray y
    if not 0 <= axis < ndim or cnp.PyArray_DIM(x, axis) + longer < 0:
        raise ValueError(f"{name}: {np.shape(x)} along axis {axis}")
    for d in range(ndim):
        shape[d] = cnp.PyArray_DIM(x, d)
        if d > axis:
            inner *= shape[d]
    n = max(shape[axis], shape[axis] + longer) - 1
    shape[axis] += longer
    x, y = contiguous(x), empty(ndim, shape, t)
    if cnp.PyArray_SIZE(y):
        with nogil:
            run_differ(single if t == cnp.NPY_FLOAT else double_, cnp.PyArray_DATA(x), cnp.PyArray_DATA(y), n * inner, inner,
                       cnp.PyArray_SIZE(y))
    return y


def diff(x, int axis):
    """x[i + 1] - x[i] along ``axis``, which has at least one element."""
    return run_difference("diff", x, axis, -1, <Differ> differ[float], <Differ> differ[double])


def diff_backward(dy, int axis):
    """dx[i] = dy[i - 1] - dy[i] along ``axis``, with 0 for what is not there."""
    return run_difference("diff_backward", dy, axis, 1, <Differ> differ_back[float], <Differ> differ_back[double])
