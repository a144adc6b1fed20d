# Norms over rows: layer norm and RMS norm over (M, D).
#
# rstd is 1 / sqrt(var + eps), with the mean of squares instead of the variance for RMS norm. Gradients of weight and
# bias are column sums over all rows: blocks of LAYER_ROWS rows add up theirs, and the blocks are added at the end.

cdef enum:
    LAYER_ROWS = 64
    LAYER_TOGETHER = 4          # rows of a block whose columns are added up in one pass

cdef struct LayerNorm:
    bint single                 # x is float32
    bint rms                    # no mean, no bias
    const void* x
    const void* dy
    const void* weight          # (D,), or NULL for ones
    const void* bias            # (D,), or NULL for zeros
    void* y                     # or dx
    void* mean                  # (M,)
    void* rstd
    double* dweight             # (blocks, D)
    double* dbias
    Py_ssize_t rows, width
    double eps


cdef inline bint tile_fits(const LayerNorm* s, Py_ssize_t row) noexcept nogil:
    """A tile that begins in this row ends inside the array."""
    return (row + 1) * s.width + ROW_TILE <= s.rows * s.width


cdef void layer_norm_row(const LayerNorm* s, Py_ssize_t row, floating dtype) noexcept nogil:
    cdef const floating* x = <const floating*> s.x + row * s.width
    cdef const floating* weight = <const floating*> s.weight
    cdef const floating* bias = <const floating*> s.bias
    cdef floating* y = <floating*> s.y + row * s.width
    cdef double total, exact = 0
    cdef floating mean, rstd
    cdef bint readable = tile_fits(s, row), held = False
    cdef Py_ssize_t i
    if s.rms:
        row_sums(SQUARES, x, x, &total, 1, s.width, readable, NULL)
    else:
        if floating is float:
            held = layer_moments(x, s.width, &exact, &total)
        if not held:
            exact = 0
            row_sums(SUM, x, x, &exact, 1, s.width, readable, NULL)
            exact /= s.width
            row_sums(DEVIATIONS, x, x, &total, 1, s.width, readable, &exact)
        (<floating*> s.mean)[row] = <floating> exact
    mean, rstd = <floating> exact, <floating> (1 / cmath.sqrt(total / s.width + s.eps))
    (<floating*> s.rstd)[row] = rstd
    if weight and bias:
        for i in range(s.width):
            y[i] = (x[i] - mean) * rstd * weight[i] + bias[i]
    elif weight:
        for i in range(s.width):
            y[i] = (x[i] - mean) * rstd * weight[i]
    elif bias:
        for i in range(s.width):
            y[i] = (x[i] - mean) * rstd + bias[i]
    else:
        for i in range(s.width):
            y[i] = (x[i] - mean) * rstd


cdef void layer_norm_backward_row(const LayerNorm* s, Py_ssize_t row, floating dtype) noexcept nogil:
    """dx = (g - mean(g) - xhat * mean(g * xhat)) * rstd, g = dy * weight, xhat = (x - mean) * rstd."""
    cdef const floating* x = <const floating*> s.x + row * s.width
    cdef const floating* dy = <const floating*> s.dy + row * s.width
    cdef const floating* weight = <const floating*> s.weight
    cdef floating* dx = <floating*> s.y + row * s.width
    cdef floating mean = 0, rstd = (<const floating*> s.rstd)[row], mean_g, slope
    cdef double total, dot
    cdef Py_ssize_t i
    if not s.rms:
        mean = (<const floating*> s.mean)[row]
    if weight:
        row_gradients(True, x, dy, weight, s.width, tile_fits(s, row), mean, &total, &dot)
    else:
        row_gradients(False, x, dy, dy, s.width, tile_fits(s, row), mean, &total, &dot)
    mean_g = <floating> (0 if s.rms else total / s.width)
    slope = <floating> (dot / s.width * rstd * rstd)
    if weight:
        for i in range(s.width):
            dx[i] = ((dy[i] * weight[i] - mean_g) - (x[i] - mean) * slope) * rstd
    else:
        for i in range(s.width):
            dx[i] = ((dy[i] - mean_g) - (x[i] - mean) * slope) * rstd


cdef inline void add_weights(const floating* x, const floating* dy, const floating* mean, const floating* rstd,
                             double* dweight, Py_ssize_t width, bint centered) noexcept nogil:
    """dweight += dy * xhat over LAYER_TOGETHER rows."""
    cdef Py_ssize_t i
    cdef double v
    cdef floating m0 = mean[0] if centered else 0, m1 = mean[1] if centered else 0
    cdef floating m2 = mean[2] if centered else 0, m3 = mean[3] if centered else 0
    for i in range(width):
        v = dweight[i] + dy[i] * ((x[i] - m0) * rstd[0])
        v = v + dy[width + i] * ((x[width + i] - m1) * rstd[1])
        v = v + dy[2 * width + i] * ((x[2 * width + i] - m2) * rstd[2])
        dweight[i] = v + dy[3 * width + i] * ((x[3 * width + i] - m3) * rstd[3])


cdef void layer_norm_columns(const LayerNorm* s, Py_ssize_t row, Py_ssize_t rows, floating dtype) noexcept nogil:
    """Adds to the block's dweight and dbias what these rows give."""
    cdef const floating* x = <const floating*> s.x + row * s.width
    cdef const floating* dy = <const floating*> s.dy + row * s.width
    cdef const floating* rstd = <const floating*> s.rstd + row
    cdef const floating* mean = rstd if s.rms else <const floating*> s.mean + row
    cdef double* dweight = s.dweight + row // LAYER_ROWS * s.width
    cdef Py_ssize_t r, i
    cdef floating m
    # Loops of their own: one with three results would need more alias checks than GCC is willing to make.
    if rows == LAYER_TOGETHER:
        add_weights(x, dy, mean, rstd, dweight, s.width, not s.rms)
    else:
        for r in range(rows):
            m = 0 if s.rms else mean[r]
            for i in range(s.width):
                dweight[i] += dy[r * s.width + i] * ((x[r * s.width + i] - m) * rstd[r])
    if not s.rms:
        column_sums(SUM, dy, dy, s.dbias + row // LAYER_ROWS * s.width, rows, s.width, s.width, NULL)


cdef inline void layer_norm_backward_rows(const LayerNorm* s, Py_ssize_t lo, Py_ssize_t hi,
                                          floating dtype) noexcept nogil:
    """Rows lo to hi, of whole blocks."""
    cdef Py_ssize_t row, rows, at
    if floating is float:
        if LAYER_VECTORS and s.dweight and not s.rms:
            while lo < hi:
                rows, at = min(LAYER_ROWS, hi - lo), lo * s.width
                layer_backward(<const float*> s.x + at, <const float*> s.dy + at, <const float*> s.weight,
                               <const float*> s.mean + lo, <const float*> s.rstd + lo, <float*> s.y + at,
                               s.dweight + lo // LAYER_ROWS * s.width, s.dbias + lo // LAYER_ROWS * s.width, rows,
                               s.width)
                lo += rows
            return
    while lo < hi:
        rows = min(LAYER_TOGETHER, hi - lo)
        for row in range(lo, lo + rows):
            layer_norm_backward_row(s, row, dtype)
        if s.dweight:
            layer_norm_columns(s, lo, rows, dtype)
        lo += rows


cdef void layer_norm_range(const LayerNorm* s, bint backward, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t row
    if backward and s.single:
        layer_norm_backward_rows[float](s, lo, hi, 0)
    elif backward:
        layer_norm_backward_rows[double](s, lo, hi, 0)
    else:
        for row in range(lo, hi):
            if s.single:
                layer_norm_row[float](s, row, 0)
            else:
                layer_norm_row[double](s, row, 0)


cdef void run_layer_norm(const LayerNorm* s, bint backward) noexcept nogil:
    cdef Py_ssize_t step = LAYER_ROWS if backward and s.dweight else 1, items = (s.rows + step - 1) // step
    cdef int t, threads = <int> min(items, threads_for(<double> s.rows * s.width, NORM_GRAIN))
    if threads <= 1:
        layer_norm_range(s, backward, 0, s.rows)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        layer_norm_range(s, backward, items * t // threads * step, min(items * (t + 1) // threads * step, s.rows))


cdef int plan_layer_norm(str name, cnp.ndarray x, cnp.ndarray weight, cnp.ndarray bias, LayerNorm* s) except -1:
    s.single = float_type(x) == cnp.NPY_FLOAT
    if cnp.PyArray_NDIM(x) != 2:
        raise ValueError(f"{name}: expected (M, D), got {np.shape(x)}")
    check_parameters(name, x, (weight, bias))
    s.x, s.weight, s.bias, s.mean = cnp.PyArray_DATA(x), data_of(weight), data_of(bias), NULL
    s.rows, s.width = cnp.PyArray_DIM(x, 0), cnp.PyArray_DIM(x, 1)
    s.dweight = s.dbias = NULL
    return 0


cdef tuple row_norm(str name, bint rms, cnp.ndarray x, cnp.ndarray weight, cnp.ndarray bias, double eps):
    cdef LayerNorm s
    cdef cnp.ndarray y, mean, rstd
    x = contiguous(x)
    weight, bias = None if weight is None else contiguous(weight), None if bias is None else contiguous(bias)
    plan_layer_norm(name, x, weight, bias, &s)
    y = empty_like(x)
    mean, rstd = empty(1, cnp.PyArray_DIMS(x), cnp.PyArray_TYPE(x)), empty(1, cnp.PyArray_DIMS(x), cnp.PyArray_TYPE(x))
    s.rms, s.eps = rms, eps
    s.y, s.mean, s.rstd = cnp.PyArray_DATA(y), cnp.PyArray_DATA(mean), cnp.PyArray_DATA(rstd)
    if s.width == 0:
        return y, mean, rstd
    with nogil:
        run_layer_norm(&s, False)
    return y, mean, rstd


cdef tuple row_norm_backward(str name, cnp.ndarray dy, cnp.ndarray x, cnp.ndarray mean, cnp.ndarray rstd,
                             cnp.ndarray weight):
    cdef LayerNorm s
    cdef cnp.ndarray dx, sums
    cdef cnp.npy_intp shape[3]
    x, dy, rstd = contiguous(x), contiguous(dy), contiguous(rstd)
    mean = None if mean is None else contiguous(mean)
    weight = None if weight is None else contiguous(weight)
    plan_layer_norm(name, x, weight, None, &s)
    check_same(name, dy, x)
    for p in (rstd,) if mean is None else (mean, rstd):
        common_type(x, p)
        if np.shape(p) != (s.rows,):
            raise ValueError(f"{name}: expected ({s.rows},) statistics, got {np.shape(p)}")
    dx = empty_like(x)
    s.rms = mean is None
    s.dy, s.y, s.mean, s.rstd = cnp.PyArray_DATA(dy), cnp.PyArray_DATA(dx), data_of(mean), cnp.PyArray_DATA(rstd)
    if weight is not None:
        shape[0], shape[1], shape[2] = 1 if s.rms else 2, (s.rows + LAYER_ROWS - 1) // LAYER_ROWS, s.width
        sums = empty(3, shape, cnp.NPY_DOUBLE)
        memset(cnp.PyArray_DATA(sums), 0, cnp.PyArray_NBYTES(sums))
        s.dweight = <double*> cnp.PyArray_DATA(sums)
        s.dbias = s.dweight + shape[1] * shape[2]
    if s.width:
        with nogil:
            run_layer_norm(&s, True)
    if weight is None:
        return dx, None, None
    sums = as_type(sum(sums, (1,)), cnp.PyArray_TYPE(x))
    return dx, sums[0], None if s.rms else sums[1]


def layer_norm(x, weight, bias, double eps):
    """y = (x - mean) * rstd * weight + bias over the rows of (M, D), rstd = 1 / sqrt(var + eps).

    Returns:
        y, mean (M,) and rstd (M,).
    """
    return row_norm("layer_norm", False, x, weight, bias, eps)


def layer_norm_backward(dy, x, cnp.ndarray mean not None, rstd, weight):
    """dx, dweight and dbias of ``layer_norm``, given its mean and rstd; the last two None without weight."""
    return row_norm_backward("layer_norm_backward", dy, x, mean, rstd, weight)


def rms_norm(x, weight, double eps):
    """y = x * rstd * weight over the rows of (M, D), rstd = 1 / sqrt(mean(x**2) + eps); and rstd (M,)."""
    y, _, rstd = row_norm("rms_norm", True, x, weight, None, eps)
    return y, rstd


def rms_norm_backward(dy, x, rstd, weight):
    """dx and dweight of ``rms_norm``, given its rstd; the latter None without weight."""
    return row_norm_backward("rms_norm_backward", dy, x, None, rstd, weight)[:2]
