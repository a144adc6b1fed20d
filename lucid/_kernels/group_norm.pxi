# Group norm over (N, C, L): statistics over the C / G channels of a group, which are adjacent; weight and bias (C,).
# Instance norm is the case G = C.

cdef struct GroupNorm:
    bint single                 # x is float32
    const void* x
    const void* dy
    void* y                     # or dx
    const void* weight          # (C,), or NULL for ones
    const void* bias            # (C,), or NULL for zeros
    void* mean                  # (N * G,)
    void* rstd
    double* dots                # (N, C): sum(dy * xhat) and sum(dy) of each channel of a sample
    double* totals
    Py_ssize_t batch, channels, length, groups
    double eps


cdef void group_norm_row(const GroupNorm* s, Py_ssize_t row, floating dtype) noexcept nogil:
    cdef Py_ssize_t members = s.channels // s.groups, width = members * s.length, c, first = row % s.groups * members
    cdef const floating* x = <const floating*> s.x + row * width
    cdef floating* y = <floating*> s.y + row * width
    cdef bint readable = (row + 1) * width + ROW_TILE <= s.batch * s.groups * width
    cdef double mean, total
    cdef floating rstd
    row_sums(SUM, x, x, &mean, 1, width, readable, NULL)
    mean /= width
    row_sums(DEVIATIONS, x, x, &total, 1, width, readable, &mean)
    rstd = <floating> (1 / cmath.sqrt(total / width + s.eps))
    (<floating*> s.mean)[row], (<floating*> s.rstd)[row] = <floating> mean, rstd
    for c in range(members):
        normalize_row(x + c * s.length, y + c * s.length, s.length, <floating> mean,
                      rstd * <floating> number_of[floating](s.weight, first + c, 0, 1),
                      <floating> number_of[floating](s.bias, first + c, 0, 0))


cdef inline void channel_gradients(const floating* x, const floating* dy, Py_ssize_t n, bint readable, double center,
                                   double* total, double* dot) noexcept nogil:
    """sum(dy) and sum(dy * (x - center))."""
    cdef Py_ssize_t i
    if n > ROW_SHORT:
        row_gradients(False, x, dy, dy, n, readable, center, total, dot)
        return
    total[0] = dot[0] = 0
    for i in range(n):
        total[0] += dy[i]
        dot[0] += dy[i] * (x[i] - center)


cdef void group_norm_backward_row(const GroupNorm* s, Py_ssize_t row, floating dtype) noexcept nogil:
    """dx = (g - mean(g) - xhat * mean(g * xhat)) * rstd, g = dy * weight, xhat = (x - mean) * rstd."""
    cdef Py_ssize_t members = s.channels // s.groups, width = members * s.length, i, j, c, first = row % s.groups * members
    cdef const floating* x = <const floating*> s.x + row * width
    cdef const floating* dy = <const floating*> s.dy + row * width
    cdef floating* dx = <floating*> s.y + row * width
    cdef floating mean = (<const floating*> s.mean)[row], rstd = (<const floating*> s.rstd)[row], w, mean_g, slope
    cdef bint readable = (row + 1) * width + ROW_TILE <= s.batch * s.groups * width
    cdef double* dots = s.dots + row * members
    cdef double* totals = s.totals + row * members
    cdef double total = 0, dot = 0, factor
    for c in range(members):
        j = c * s.length
        channel_gradients(x + j, dy + j, s.length, readable or j + s.length + ROW_TILE <= width, mean, totals + c,
                          dots + c)
        factor = number_of[floating](s.weight, first + c, 0, 1)
        total += factor * totals[c]
        dot += factor * dots[c]
        dots[c] *= rstd
    mean_g, slope = <floating> (total / width), <floating> (dot / width * rstd * rstd)
    for c in range(members):
        w = <floating> number_of[floating](s.weight, first + c, 0, 1)
        for i in range(s.length):
            dx[i] = ((dy[i] * w - mean_g) - (x[i] - mean) * slope) * rstd
        x += s.length
        dy += s.length
        dx += s.length


cdef void group_norm_range(const GroupNorm* s, bint backward, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t row
    for row in range(lo, hi):
        if backward and s.single:
            group_norm_backward_row[float](s, row, 0)
        elif backward:
            group_norm_backward_row[double](s, row, 0)
        elif s.single:
            group_norm_row[float](s, row, 0)
        else:
            group_norm_row[double](s, row, 0)


cdef void run_group_norm(const GroupNorm* s, bint backward) noexcept nogil:
    cdef Py_ssize_t items = s.batch * s.groups
    cdef int t, threads = <int> min(items, threads_for(<double> s.batch * s.channels * s.length, NORM_GRAIN))
    if threads <= 1:
        group_norm_range(s, backward, 0, items)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        group_norm_range(s, backward, items * t // threads, items * (t + 1) // threads)


cdef int plan_group_norm(str name, cnp.ndarray x, Py_ssize_t groups, cnp.ndarray weight, cnp.ndarray bias,
                         GroupNorm* s) except -1:
    s.single = float_type(x) == cnp.NPY_FLOAT
    if cnp.PyArray_NDIM(x) != 3:
        raise ValueError(f"{name}: expected (N, C, L), got {np.shape(x)}")
    check_parameters(name, x, (weight, bias))
    s.batch, s.channels, s.length = cnp.PyArray_DIM(x, 0), cnp.PyArray_DIM(x, 1), cnp.PyArray_DIM(x, 2)
    if groups < 1 or s.channels % groups:
        raise ValueError(f"{name}: cannot divide {s.channels} channels into {groups} groups")
    s.groups = groups
    s.x, s.weight, s.bias = cnp.PyArray_DATA(x), data_of(weight), data_of(bias)
    return 0


def group_norm(cnp.ndarray x, Py_ssize_t groups, cnp.ndarray weight, cnp.ndarray bias, double eps):
    """y = (x - mean) * rstd * weight + bias over the groups of (N, C, L), rstd = 1 / sqrt(var + eps).

    Returns:
        y, mean (N * G,) and rstd (N * G,).
    """
    cdef GroupNorm s
    cdef cnp.ndarray y, mean, rstd
    cdef cnp.npy_intp rows
    x = contiguous(x)
    weight, bias = None if weight is None else contiguous(weight), None if bias is None else contiguous(bias)
    plan_group_norm("group_norm", x, groups, weight, bias, &s)
    rows = s.batch * s.groups
    y, mean, rstd = empty_like(x), empty(1, &rows, cnp.PyArray_TYPE(x)), empty(1, &rows, cnp.PyArray_TYPE(x))
    s.y, s.mean, s.rstd, s.eps = cnp.PyArray_DATA(y), cnp.PyArray_DATA(mean), cnp.PyArray_DATA(rstd), eps
    if cnp.PyArray_SIZE(x):
        with nogil:
            run_group_norm(&s, False)
    return y, mean, rstd


def group_norm_backward(cnp.ndarray dy, cnp.ndarray x, Py_ssize_t groups, cnp.ndarray mean, cnp.ndarray rstd,
                        cnp.ndarray weight):
    """dx, dweight and dbias of ``group_norm``, given its mean and rstd."""
    cdef GroupNorm s
    cdef cnp.ndarray dx, sums
    cdef cnp.npy_intp shape[3]
    x, dy, mean, rstd = contiguous(x), contiguous(dy), contiguous(mean), contiguous(rstd)
    weight = None if weight is None else contiguous(weight)
    plan_group_norm("group_norm_backward", x, groups, weight, None, &s)
    check_same("group_norm_backward", dy, x)
    for p in (mean, rstd):
        common_type(x, p)
        if np.shape(p) != (s.batch * groups,):
            raise ValueError(f"group_norm_backward: expected ({s.batch * groups},) statistics, got {np.shape(p)}")
    dx = empty_like(x)
    shape[0], shape[1], shape[2] = 2, s.batch, s.channels
    sums = empty(3, shape, cnp.NPY_DOUBLE)
    s.dots = <double*> cnp.PyArray_DATA(sums)
    s.totals = s.dots + s.batch * s.channels
    s.dy, s.y, s.mean, s.rstd = cnp.PyArray_DATA(dy), cnp.PyArray_DATA(dx), cnp.PyArray_DATA(mean), cnp.PyArray_DATA(rstd)
    if cnp.PyArray_SIZE(x):
        with nogil:
            run_group_norm(&s, True)
    else:
        memset(cnp.PyArray_DATA(sums), 0, cnp.PyArray_NBYTES(sums))
    sums = as_type(sum(sums, (1,)), cnp.PyArray_TYPE(x))
    return dx, sums[0], sums[1]
