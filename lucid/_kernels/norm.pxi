# Batch norm over (N, C, L) and layer norm over (M, D); statistics are accumulated in double, in a fixed order.

# y = (x - mean) * scale + shift

cdef void normalize_kernel(const floating** x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef const floating* a = x[0]
    cdef const floating* mean = x[1]
    cdef const floating* scale = x[2]
    cdef const floating* shift = x[3]
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = (a[i] - mean[i]) * scale[i] + shift[i]


# dx = (dy - mean_dy - (x - mean) * slope) * scale

cdef void normalize_backward_kernel(const floating** x, floating* dx, Py_ssize_t n, const double* p) noexcept nogil:
    cdef const floating* dy = x[0]
    cdef const floating* a = x[1]
    cdef const floating* mean = x[2]
    cdef const floating* mean_dy = x[3]
    cdef const floating* slope = x[4]
    cdef const floating* scale = x[5]
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = ((dy[i] - mean_dy[i]) - (a[i] - mean[i]) * slope[i]) * scale[i]


cdef int check_channels(str name, cnp.ndarray x, tuple parameters) except -1:
    """``x`` is (N, C, L) and every parameter (C,), of one dtype, unless it is None."""
    float_type(x)
    if cnp.PyArray_NDIM(x) != 3:
        raise ValueError(f"{name}: expected (N, C, L), got {np.shape(x)}")
    return check_parameters(name, x, parameters)


cdef int check_parameters(str name, cnp.ndarray x, tuple parameters) except -1:
    """Every parameter has one element per index of axis 1, and the dtype of ``x``, unless it is None."""
    cdef Py_ssize_t n = cnp.PyArray_DIM(x, 1)
    for p in parameters:
        if p is not None:
            common_type(x, p)
            if np.shape(p) != (n,):
                raise ValueError(f"{name}: expected parameters ({n},) for {np.shape(x)}, got {np.shape(p)}")
    return 0


cdef cnp.ndarray over_channels(list arrays, list parameters, void* k32, void* k64):
    """``kernel`` over (N, C, L) arrays and one number per channel and parameter."""
    cdef cnp.ndarray x = arrays[0]
    cdef Py_ssize_t n = cnp.PyArray_DIM(x, 0), c = cnp.PyArray_DIM(x, 1), length = cnp.PyArray_DIM(x, 2)
    if 1 < length < 32 or (length < 256 and n >= 8):
        # Short runs: one run per sample instead of one per channel.
        arrays = [a.reshape(n, c * length) for a in arrays]
        parameters = [np.broadcast_to(p.reshape(c, 1), (c, length)).reshape(c * length) for p in parameters]
        return map_many(arrays + parameters, k32, k64).reshape(n, c, length)
    return map_many(arrays + [p.reshape(c, 1) for p in parameters], k32, k64)


cdef cnp.ndarray channel_sums(cnp.ndarray x, Kind kind, cnp.ndarray mean=None, cnp.ndarray dy=None):
    """float64 sums (C,) over N and L."""
    cdef Axes a
    plan_axes(x, (0, 2), False, &a)
    if mean is not None:
        mean = spread(mean.astype(np.float64), &a)
    return reduce_axes(x, &a, kind, mean, dy)


cdef cnp.ndarray normalize(cnp.ndarray x, mean, var, weight, bias, double eps):
    scale = 1 / np.sqrt(var + eps) if weight is None else weight / np.sqrt(var + eps)
    scale = scale.astype(x.dtype)
    shift = np.zeros_like(scale) if bias is None else bias
    return over_channels([x], [mean.astype(x.dtype), scale, shift], <void*> normalize_kernel[float],
                         <void*> normalize_kernel[double])


def batch_norm(cnp.ndarray x, weight, bias, double eps):
    """y = (x - mean) / sqrt(var + eps) * weight + bias over (N, C, L), mean and (biased) var per channel.

    Returns:
        y, mean (C,) and var (C,).
    """
    cdef double count
    check_channels("batch_norm", x, (weight, bias))
    x = contiguous(x)
    count = cnp.PyArray_DIM(x, 0) * cnp.PyArray_DIM(x, 2)
    if count == 0:
        raise ValueError(f"batch_norm: no values per channel in {np.shape(x)}")
    mean = channel_sums(x, SUM) / count
    var = channel_sums(x, DEVIATIONS, mean) / count
    return normalize(x, mean, var, weight, bias, eps), mean.astype(x.dtype), var.astype(x.dtype)


def batch_norm_backward(cnp.ndarray dy, cnp.ndarray x, mean, var, weight, double eps):
    """dx, dweight and dbias of ``batch_norm``, given the mean and var it returned."""
    cdef double count
    check_channels("batch_norm_backward", x, (mean, var, weight))
    check_same("batch_norm_backward", dy, x)
    x, dy = contiguous(x), contiguous(dy)
    count = cnp.PyArray_DIM(x, 0) * cnp.PyArray_DIM(x, 2)
    rstd = 1 / np.sqrt(var.astype(np.float64) + eps)
    total = channel_sums(dy, SUM)
    dot = channel_sums(x, PRODUCTS, mean, dy)
    scale = rstd if weight is None else rstd * weight
    parameters = [p.astype(x.dtype) for p in (mean, total / count, dot * rstd * rstd / count, scale)]
    dx = over_channels([dy, x], parameters, <void*> normalize_backward_kernel[float],
                       <void*> normalize_backward_kernel[double])
    return dx, (dot * rstd).astype(x.dtype), total.astype(x.dtype)


def batch_norm_apply(cnp.ndarray x, mean, var, weight, bias, double eps):
    """(x - mean) / sqrt(var + eps) * weight + bias over (N, C, L) with given statistics (C,)."""
    check_channels("batch_norm_apply", x, (mean, var, weight, bias))
    return normalize(contiguous(x), mean, var.astype(np.float64), weight, bias, eps)


def batch_norm_apply_backward(cnp.ndarray dy, cnp.ndarray x, mean, var, weight, double eps):
    """dx, dweight and dbias of ``batch_norm_apply``."""
    check_channels("batch_norm_apply_backward", x, (mean, var, weight))
    check_same("batch_norm_apply_backward", dy, x)
    x, dy = contiguous(x), contiguous(dy)
    rstd = 1 / np.sqrt(var.astype(np.float64) + eps)
    total = channel_sums(dy, SUM)
    dot = channel_sums(x, PRODUCTS, mean, dy)
    scale = (rstd if weight is None else rstd * weight).astype(x.dtype)
    return mul(dy, scale.reshape(-1, 1)), (dot * rstd).astype(x.dtype), total.astype(x.dtype)


cdef int check_same(str name, cnp.ndarray dy, cnp.ndarray x) except -1:
    common_type(dy, x)
    if not cnp.PyArray_SAMESHAPE(dy, x):
        raise ValueError(f"{name}: dy {np.shape(dy)} and x {np.shape(x)} differ")
    return 0


# Layer norm

cdef enum:
    LAYER_ROWS = 32             # rows whose gradients of weight and bias are added up together

cdef struct LayerNorm:
    const void* x
    const void* dy
    const void* weight          # (D,)
    const void* bias
    void* y                     # or dx
    void* mean                  # (M,)
    void* rstd
    double* dweight             # (blocks, D)
    double* dbias
    Py_ssize_t rows, width
    double eps


cdef double row_sum(const floating* x, Py_ssize_t n) noexcept nogil:
    cdef double v[ROW_TILE]
    cdef Py_ssize_t i = 0, j
    memset(v, 0, sizeof(v))
    while i + ROW_TILE <= n:
        for j in range(ROW_TILE):
            v[j] += x[i + j]
        i += ROW_TILE
    for j in range(n - i):
        v[j] += x[i + j]
    return fold_lanes(v)


cdef double row_deviations(const floating* x, Py_ssize_t n, double mean) noexcept nogil:
    """sum((x - mean)**2)."""
    cdef double v[ROW_TILE]
    cdef double d
    cdef Py_ssize_t i = 0, j
    memset(v, 0, sizeof(v))
    while i + ROW_TILE <= n:
        for j in range(ROW_TILE):
            d = x[i + j] - mean
            v[j] += d * d
        i += ROW_TILE
    for j in range(n - i):
        d = x[i + j] - mean
        v[j] += d * d
    return fold_lanes(v)


cdef void layer_norm_row(const LayerNorm* s, floating dtype, Py_ssize_t row) noexcept nogil:
    cdef const floating* x = <const floating*> s.x + row * s.width
    cdef const floating* weight = <const floating*> s.weight
    cdef const floating* bias = <const floating*> s.bias
    cdef floating* y = <floating*> s.y + row * s.width
    cdef double exact = row_sum(x, s.width) / s.width
    cdef floating mean = <floating> exact
    cdef floating rstd = <floating> (1 / cmath.sqrt(row_deviations(x, s.width, exact) / s.width + s.eps))
    cdef Py_ssize_t i
    (<floating*> s.mean)[row], (<floating*> s.rstd)[row] = mean, rstd
    for i in range(s.width):
        y[i] = (x[i] - mean) * rstd * weight[i] + bias[i]


cdef void layer_norm_backward_row(const LayerNorm* s, floating dtype, Py_ssize_t row) noexcept nogil:
    """dx = (g - mean(g) - xhat * mean(g * xhat)) * rstd, g = dy * weight; adds to the block's dweight and dbias."""
    cdef const floating* x = <const floating*> s.x + row * s.width
    cdef const floating* dy = <const floating*> s.dy + row * s.width
    cdef const floating* weight = <const floating*> s.weight
    cdef floating* dx = <floating*> s.y + row * s.width
    cdef floating mean = (<const floating*> s.mean)[row], rstd = (<const floating*> s.rstd)[row], g, mean_g, mean_dot
    cdef double* dweight = s.dweight + row // LAYER_ROWS * s.width
    cdef double* dbias = s.dbias + row // LAYER_ROWS * s.width
    cdef double g_lanes[ROW_TILE]
    cdef double dot_lanes[ROW_TILE]
    cdef Py_ssize_t i = 0, j
    memset(g_lanes, 0, sizeof(g_lanes))
    memset(dot_lanes, 0, sizeof(dot_lanes))
    while i + ROW_TILE <= s.width:
        for j in range(ROW_TILE):
            g = dy[i + j] * weight[i + j]
            g_lanes[j] += g
            dot_lanes[j] += g * ((x[i + j] - mean) * rstd)
        i += ROW_TILE
    for j in range(s.width - i):
        g = dy[i + j] * weight[i + j]
        g_lanes[j] += g
        dot_lanes[j] += g * ((x[i + j] - mean) * rstd)
    mean_g = <floating> (fold_lanes(g_lanes) / s.width)
    mean_dot = <floating> (fold_lanes(dot_lanes) / s.width)
    for i in range(s.width):
        dx[i] = ((dy[i] * weight[i] - mean_g) - (x[i] - mean) * rstd * mean_dot) * rstd
    # Loops of their own: one with three results would need more alias checks than GCC is willing to make.
    for i in range(s.width):
        dweight[i] += dy[i] * ((x[i] - mean) * rstd)
    for i in range(s.width):
        dbias[i] += dy[i]


cdef void layer_norm_range(const LayerNorm* s, bint backward, bint single, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t row
    for row in range(lo, hi):
        if backward and single:
            layer_norm_backward_row[float](s, 0, row)
        elif backward:
            layer_norm_backward_row[double](s, 0, row)
        elif single:
            layer_norm_row[float](s, 0, row)
        else:
            layer_norm_row[double](s, 0, row)


cdef void run_layer_norm(const LayerNorm* s, bint backward, bint single) noexcept nogil:
    cdef Py_ssize_t blocks = (s.rows + LAYER_ROWS - 1) // LAYER_ROWS, items = blocks if backward else s.rows
    cdef Py_ssize_t step = LAYER_ROWS if backward else 1
    cdef int t, threads = <int> min(items, threads_for(<double> s.rows * s.width, ROWS_GRAIN))
    if threads <= 1:
        layer_norm_range(s, backward, single, 0, s.rows)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        layer_norm_range(s, backward, single, items * t // threads * step,
                         min(items * (t + 1) // threads * step, s.rows))


cdef int plan_layer_norm(str name, cnp.ndarray x, object weight, object bias, LayerNorm* s) except -1:
    float_type(x)
    if cnp.PyArray_NDIM(x) != 2:
        raise ValueError(f"{name}: expected (M, D), got {np.shape(x)}")
    check_parameters(name, x, (weight, bias))
    s.x = cnp.PyArray_DATA(x)
    s.rows, s.width = cnp.PyArray_DIM(x, 0), cnp.PyArray_DIM(x, 1)
    return 0


def layer_norm(cnp.ndarray x, cnp.ndarray weight, cnp.ndarray bias, double eps):
    """y = (x - mean) * rstd * weight + bias over the rows of (M, D), rstd = 1 / sqrt(var + eps).

    Returns:
        y, mean (M,) and rstd (M,).
    """
    cdef LayerNorm s
    cdef cnp.ndarray y, mean, rstd
    cdef int t = float_type(x)
    x = contiguous(x)
    plan_layer_norm("layer_norm", x, weight, bias, &s)
    weight = np.ones(s.width, x.dtype) if weight is None else contiguous(weight)
    bias = np.zeros(s.width, x.dtype) if bias is None else contiguous(bias)
    s.weight, s.bias = cnp.PyArray_DATA(weight), cnp.PyArray_DATA(bias)
    y, mean, rstd = empty_like(x), empty(1, cnp.PyArray_DIMS(x), t), empty(1, cnp.PyArray_DIMS(x), t)
    s.y, s.mean, s.rstd = cnp.PyArray_DATA(y), cnp.PyArray_DATA(mean), cnp.PyArray_DATA(rstd)
    s.eps = eps
    with nogil:
        run_layer_norm(&s, False, t == cnp.NPY_FLOAT)
    return y, mean, rstd


def layer_norm_backward(cnp.ndarray dy, cnp.ndarray x, cnp.ndarray mean, cnp.ndarray rstd, cnp.ndarray weight):
    """dx, dweight and dbias of ``layer_norm``, given its mean and rstd; the last two None without weight."""
    cdef LayerNorm s
    cdef cnp.ndarray dx, partial, scale
    cdef int t = float_type(x)
    x, dy, mean, rstd = contiguous(x), contiguous(dy), contiguous(mean), contiguous(rstd)
    plan_layer_norm("layer_norm_backward", x, weight, None, &s)
    scale = np.ones(s.width, x.dtype) if weight is None else contiguous(weight)
    s.weight = cnp.PyArray_DATA(scale)
    check_same("layer_norm_backward", dy, x)
    for p in (mean, rstd):
        common_type(x, p)
        if np.shape(p) != (s.rows,):
            raise ValueError(f"layer_norm_backward: expected ({s.rows},) statistics, got {np.shape(p)}")
    dx = empty_like(x)
    partial = np.zeros((2, (s.rows + LAYER_ROWS - 1) // LAYER_ROWS, s.width))
    s.dy, s.y = cnp.PyArray_DATA(dy), cnp.PyArray_DATA(dx)
    s.mean, s.rstd = cnp.PyArray_DATA(mean), cnp.PyArray_DATA(rstd)
    s.dweight = <double*> cnp.PyArray_DATA(partial)
    s.dbias = s.dweight + cnp.PyArray_SIZE(partial) // 2
    with nogil:
        run_layer_norm(&s, True, t == cnp.NPY_FLOAT)
    if weight is None:
        return dx, None, None
    sums = sum(partial, (1,)).astype(x.dtype)
    return dx, sums[0], sums[1]
