# Batch norm over (N, C, L). Statistics are accumulated in double, in a fixed order.
#
# Where a plane of L elements is long enough to vectorise along, a channel is done as a whole, while it is in the cache:
# its statistics, then its elements. Where planes are short the statistics are column sums, and a row of C * L elements
# is normalised with the numbers of its channels repeated L times.

cdef enum:
    NORM_LENGTH = 64            # shortest plane that is vectorised along
    NORM_GRAIN = 16384

cdef struct BatchNorm:
    bint single                 # x is float32
    const void* x
    const void* dy
    void* y                     # or dx
    Py_ssize_t batch, channels, length
    const void* weight          # (C,), or NULL for ones
    const void* bias            # (C,), or NULL for zeros
    void* mean                  # (C,)
    void* var
    void* dweight
    void* dbias
    double eps


cdef inline double number_of(const void* array, Py_ssize_t i, floating dtype, double otherwise) noexcept nogil:
    return (<const floating*> array)[i] if array else otherwise


# y = (x - mean) * scale + shift

cdef inline void normalize_row(const floating* x, floating* y, Py_ssize_t n, floating mean, floating scale,
                               floating shift) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = (x[i] - mean) * scale + shift


# dx = (dy - mean_dy - (x - mean) * slope) * scale

cdef inline void normalize_backward_row(const floating* x, const floating* dy, floating* dx, Py_ssize_t n, floating mean,
                                        floating mean_dy, floating slope, floating scale) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = ((dy[i] - mean_dy) - (x[i] - mean) * slope) * scale


cdef inline bint reads_past(const BatchNorm* s, Py_ssize_t plane) noexcept nogil:
    """A tile that begins in this plane ends inside the array."""
    return (plane + 1) * s.length + ROW_TILE <= s.batch * s.channels * s.length


cdef void batch_norm_apply_plane(const BatchNorm* s, Py_ssize_t plane, floating dtype) noexcept nogil:
    """A plane, with the statistics in mean and var."""
    cdef Py_ssize_t c = plane % s.channels, at = plane * s.length
    cdef double rstd = 1 / cmath.sqrt((<const floating*> s.var)[c] + s.eps)
    normalize_row(<const floating*> s.x + at, <floating*> s.y + at, s.length, (<const floating*> s.mean)[c],
                  <floating> (rstd * number_of[floating](s.weight, c, 0, 1)),
                  <floating> number_of[floating](s.bias, c, 0, 0))


cdef void channel_statistics(const BatchNorm* s, Py_ssize_t c, double* mean, double* var, floating dtype) noexcept nogil:
    """Mean and (biased) variance of a channel."""
    cdef const floating* x
    cdef double total = 0, part
    cdef Py_ssize_t n, plane
    for n in range(s.batch):
        plane = n * s.channels + c
        x = <const floating*> s.x + plane * s.length
        row_sums(SUM, x, x, &part, 1, s.length, reads_past(s, plane), NULL)
        total += part
    mean[0] = total / (s.batch * s.length)
    total = 0
    for n in range(s.batch):
        plane = n * s.channels + c
        x = <const floating*> s.x + plane * s.length
        row_sums(DEVIATIONS, x, x, &part, 1, s.length, reads_past(s, plane), mean)
        total += part
    var[0] = total / (s.batch * s.length)


cdef void batch_norm_channel(const BatchNorm* s, Py_ssize_t c, floating dtype) noexcept nogil:
    cdef double mean, var, rstd
    cdef Py_ssize_t n, plane
    cdef floating scale
    channel_statistics(s, c, &mean, &var, dtype)
    (<floating*> s.mean)[c], (<floating*> s.var)[c] = <floating> mean, <floating> var
    rstd = 1 / cmath.sqrt(var + s.eps)
    scale = <floating> (rstd * number_of[floating](s.weight, c, 0, 1))
    for n in range(s.batch):
        plane = (n * s.channels + c) * s.length
        normalize_row(<const floating*> s.x + plane, <floating*> s.y + plane, s.length, <floating> mean, scale,
                      <floating> number_of[floating](s.bias, c, 0, 0))


cdef void batch_norm_backward_channel(const BatchNorm* s, Py_ssize_t c, floating dtype) noexcept nogil:
    cdef double total = 0, dot = 0, part, part_dot, count = <double> s.batch * s.length
    cdef double mean = (<const floating*> s.mean)[c], rstd = 1 / cmath.sqrt((<const floating*> s.var)[c] + s.eps)
    cdef floating scale = <floating> (rstd * number_of[floating](s.weight, c, 0, 1))
    cdef floating slope, mean_dy
    cdef Py_ssize_t n, at
    for n in range(s.batch):
        at = (n * s.channels + c) * s.length
        row_gradients(False, <const floating*> s.x + at, <const floating*> s.dy + at, <const floating*> s.dy, s.length,
                      reads_past(s, n * s.channels + c), mean, &part, &part_dot)
        total += part
        dot += part_dot
    (<floating*> s.dweight)[c], (<floating*> s.dbias)[c] = <floating> (dot * rstd), <floating> total
    slope, mean_dy = <floating> (dot * rstd * rstd / count), <floating> (total / count)
    for n in range(s.batch):
        at = (n * s.channels + c) * s.length
        normalize_backward_row(<const floating*> s.x + at, <const floating*> s.dy + at, <floating*> s.y + at, s.length,
                               <floating> mean, mean_dy, slope, scale)


ctypedef void (*Channel32)(const BatchNorm* s, Py_ssize_t c, float dtype) noexcept nogil
ctypedef void (*Channel64)(const BatchNorm* s, Py_ssize_t c, double dtype) noexcept nogil


cdef void channel_range(const BatchNorm* s, Channel32 k32, Channel64 k64, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Channels, or planes, lo to hi."""
    cdef Py_ssize_t c
    for c in range(lo, hi):
        if s.single:
            k32(s, c, 0)
        else:
            k64(s, c, 0)


cdef void run_channels(const BatchNorm* s, Py_ssize_t items, Channel32 k32, Channel64 k64) noexcept nogil:
    cdef double work = <double> s.batch * s.channels * s.length
    cdef int t, threads = <int> min(items, threads_for(work, NORM_GRAIN))
    if threads <= 1:
        channel_range(s, k32, k64, 0, items)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        channel_range(s, k32, k64, items * t // threads, items * (t + 1) // threads)


# Short planes: rows of C * L elements, p the numbers of each element's channel

cdef void normalize_kernel(const floating** x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef const floating* a = x[0]
    cdef const floating* mean = x[1]
    cdef const floating* scale = x[2]
    cdef const floating* shift = x[3]
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = (a[i] - mean[i]) * scale[i] + shift[i]


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


cdef cnp.ndarray over_channels(list arrays, list parameters, void* k32, void* k64):
    """``kernel`` over (N, C, L) arrays and one number per channel and parameter (C,)."""
    cdef cnp.ndarray x = arrays[0], p
    cdef cnp.npy_intp shape[2]
    cdef cnp.npy_intp whole[2]
    cdef cnp.PyArray_Dims rows
    cdef list operands = []
    shape[0], shape[1] = cnp.PyArray_DIM(x, 1), cnp.PyArray_DIM(x, 2)
    whole[0], whole[1] = cnp.PyArray_DIM(x, 0), shape[0] * shape[1]
    rows.ptr, rows.len = whole, 2
    for x in arrays:
        operands.append(cnp.PyArray_Newshape(x, &rows, cnp.NPY_CORDER))
    for p in parameters:
        if shape[1] > 1:
            p = expand_to(p.reshape(-1, 1), 2, shape).reshape(-1)
        operands.append(p)
    return map_many(operands, k32, k64).reshape(np.shape(x))


cdef cnp.ndarray channel_sums(cnp.ndarray x, Kind kind, cnp.ndarray mean=None, cnp.ndarray dy=None):
    """float64 sums (C,) over N and L."""
    cdef Axes a
    plan_axes(x, (0, 2), False, &a)
    if mean is not None:
        mean = spread(as_type(contiguous(mean), cnp.NPY_DOUBLE), &a)
    return reduce_axes(x, &a, kind, mean, dy)


cdef void forward_numbers(const BatchNorm* s, const double* mean, const double* var, floating* p) noexcept nogil:
    """p (3, C): what normalize_kernel takes for every channel."""
    cdef Py_ssize_t c
    for c in range(s.channels):
        p[c] = <floating> mean[c]
        p[s.channels + c] = <floating> (number_of[floating](s.weight, c, 0, 1) / cmath.sqrt(var[c] + s.eps))
        p[2 * s.channels + c] = <floating> number_of[floating](s.bias, c, 0, 0)


cdef void backward_numbers(const BatchNorm* s, const double* total, const double* dot, floating* p) noexcept nogil:
    """p (4, C): what normalize_backward_kernel takes; and the gradients of weight and bias."""
    cdef double rstd, count = <double> s.batch * s.length
    cdef Py_ssize_t c
    for c in range(s.channels):
        rstd = 1 / cmath.sqrt((<const floating*> s.var)[c] + s.eps)
        p[c] = (<const floating*> s.mean)[c]
        p[s.channels + c] = <floating> (total[c] / count)
        p[2 * s.channels + c] = <floating> (dot[c] * rstd * rstd / count)
        p[3 * s.channels + c] = <floating> (rstd * number_of[floating](s.weight, c, 0, 1))
        (<floating*> s.dweight)[c], (<floating*> s.dbias)[c] = <floating> (dot[c] * rstd), <floating> total[c]


cdef cnp.ndarray numbers(int rows, const BatchNorm* s):
    cdef cnp.npy_intp shape[2]
    shape[0], shape[1] = rows, s.channels
    return empty(2, shape, cnp.NPY_FLOAT if s.single else cnp.NPY_DOUBLE)


cdef cnp.ndarray normalize(cnp.ndarray x, cnp.ndarray mean, cnp.ndarray var, const BatchNorm* s):
    """``x`` normalised with a float64 mean and var per channel."""
    cdef cnp.ndarray p = numbers(3, s)
    cdef const double* m = <const double*> cnp.PyArray_DATA(mean)
    cdef const double* v = <const double*> cnp.PyArray_DATA(var)
    if s.single:
        forward_numbers[float](s, m, v, <float*> cnp.PyArray_DATA(p))
    else:
        forward_numbers[double](s, m, v, <double*> cnp.PyArray_DATA(p))
    return over_channels([x], [p[0], p[1], p[2]], <void*> normalize_kernel[float], <void*> normalize_kernel[double])


cdef cnp.ndarray normalize_backward(cnp.ndarray dy, cnp.ndarray x, cnp.ndarray mean, const BatchNorm* s):
    cdef cnp.ndarray p = numbers(4, s), total = channel_sums(dy, SUM), dot = channel_sums(x, PRODUCTS, mean, dy)
    cdef const double* t = <const double*> cnp.PyArray_DATA(total)
    cdef const double* d = <const double*> cnp.PyArray_DATA(dot)
    if s.single:
        backward_numbers[float](s, t, d, <float*> cnp.PyArray_DATA(p))
    else:
        backward_numbers[double](s, t, d, <double*> cnp.PyArray_DATA(p))
    return over_channels([dy, x], [p[0], p[1], p[2], p[3]], <void*> normalize_backward_kernel[float],
                         <void*> normalize_backward_kernel[double])


cdef cnp.ndarray as_type(cnp.ndarray x, int typenum):
    return x if cnp.PyArray_TYPE(x) == typenum else cnp.PyArray_Cast(x, typenum)


# Checks, and what Python calls

cdef int check_parameters(str name, cnp.ndarray x, tuple parameters) except -1:
    """Every parameter has one element per index of axis 1, and the dtype of ``x``, unless it is None."""
    cdef Py_ssize_t n = cnp.PyArray_DIM(x, 1)
    cdef cnp.ndarray a
    for p in parameters:
        if p is not None:
            a = p
            common_type(x, a)
            if cnp.PyArray_NDIM(a) != 1 or cnp.PyArray_DIM(a, 0) != n:
                raise ValueError(f"{name}: expected parameters ({n},) for {np.shape(x)}, got {np.shape(p)}")
    return 0


cdef int check_same(str name, cnp.ndarray dy, cnp.ndarray x) except -1:
    common_type(dy, x)
    if not cnp.PyArray_SAMESHAPE(dy, x):
        raise ValueError(f"{name}: dy {np.shape(dy)} and x {np.shape(x)} differ")
    return 0


cdef inline void* data_of(cnp.ndarray x) noexcept:
    """NULL for None."""
    return NULL if x is None else cnp.PyArray_DATA(x)


cdef int plan_channels(str name, cnp.ndarray x, tuple parameters, double eps, BatchNorm* s) except -1:
    """``x`` is (N, C, L) and every parameter (C,), of one dtype, unless it is None."""
    s.single = float_type(x) == cnp.NPY_FLOAT
    if cnp.PyArray_NDIM(x) != 3:
        raise ValueError(f"{name}: expected (N, C, L), got {np.shape(x)}")
    check_parameters(name, x, parameters)
    s.x, s.dy = cnp.PyArray_DATA(x), NULL
    s.batch, s.channels, s.length = cnp.PyArray_DIM(x, 0), cnp.PyArray_DIM(x, 1), cnp.PyArray_DIM(x, 2)
    s.eps = eps
    return 0


cdef void move_kernel(floating* running, const floating* batch, Py_ssize_t n, double momentum,
                      double factor) noexcept nogil:
    cdef floating rate = <floating> momentum, rest = <floating> (1 - momentum), f = <floating> factor
    cdef Py_ssize_t i
    for i in range(n):
        running[i] = running[i] * rest + batch[i] * f * rate


cdef int move_towards(cnp.ndarray running, cnp.ndarray batch, double momentum, double factor) except -1:
    """running = (1 - momentum) * running + momentum * factor * batch."""
    if not cnp.PyArray_ISCARRAY(running):
        running[...] = running * (1 - momentum) + batch * factor * momentum
    elif cnp.PyArray_TYPE(running) == cnp.NPY_FLOAT:
        move_kernel[float](<float*> cnp.PyArray_DATA(running), <const float*> cnp.PyArray_DATA(batch),
                           cnp.PyArray_SIZE(batch), momentum, factor)
    else:
        move_kernel[double](<double*> cnp.PyArray_DATA(running), <const double*> cnp.PyArray_DATA(batch),
                            cnp.PyArray_SIZE(batch), momentum, factor)
    return 0


def batch_norm(cnp.ndarray x, cnp.ndarray weight, cnp.ndarray bias, double eps, cnp.ndarray running_mean=None,
               cnp.ndarray running_var=None, double momentum=0):
    """y = (x - mean) / sqrt(var + eps) * weight + bias over (N, C, L), mean and (biased) var per channel.

    The running statistics (C,) are moved towards those of the batch, the variance being the unbiased one.

    Returns:
        y, mean (C,) and var (C,).
    """
    cdef BatchNorm s
    cdef cnp.ndarray y, mean, var
    cdef double count
    x = contiguous(x)
    plan_channels("batch_norm", x, (weight, bias, running_mean, running_var), eps, &s)
    count = <double> s.batch * s.length
    if count == 0:
        raise ValueError(f"batch_norm: no values per channel in {np.shape(x)}")
    weight, bias = None if weight is None else contiguous(weight), None if bias is None else contiguous(bias)
    s.weight, s.bias = data_of(weight), data_of(bias)
    if s.length >= NORM_LENGTH:
        y = empty_like(x)
        mean = empty(1, cnp.PyArray_DIMS(x) + 1, cnp.PyArray_TYPE(x))
        var = empty(1, cnp.PyArray_DIMS(x) + 1, cnp.PyArray_TYPE(x))
        s.y, s.mean, s.var = cnp.PyArray_DATA(y), cnp.PyArray_DATA(mean), cnp.PyArray_DATA(var)
        with nogil:
            run_channels(&s, s.channels, batch_norm_channel[float], batch_norm_channel[double])
    else:
        mean = channel_sums(x, SUM)
        divide_by(mean, count)
        var = channel_sums(x, DEVIATIONS, mean)
        divide_by(var, count)
        y = normalize(x, mean, var, &s)
        mean, var = as_type(mean, cnp.PyArray_TYPE(x)), as_type(var, cnp.PyArray_TYPE(x))
    if running_mean is not None:
        move_towards(running_mean, mean, momentum, 1)
    if running_var is not None:
        move_towards(running_var, var, momentum, count / max(count - 1, 1))
    return y, mean, var


def batch_norm_backward(cnp.ndarray dy, cnp.ndarray x, cnp.ndarray mean, cnp.ndarray var, cnp.ndarray weight,
                        double eps):
    """dx, dweight and dbias of ``batch_norm``, given the mean and var it returned."""
    cdef BatchNorm s
    cdef cnp.ndarray dx, dweight, dbias
    x, dy = contiguous(x), contiguous(dy)
    plan_channels("batch_norm_backward", x, (mean, var, weight), eps, &s)
    check_same("batch_norm_backward", dy, x)
    mean, var = contiguous(mean), contiguous(var)
    weight = None if weight is None else contiguous(weight)
    dweight, dbias = empty_like(mean), empty_like(mean)
    s.dy, s.weight = cnp.PyArray_DATA(dy), data_of(weight)
    s.mean, s.var = cnp.PyArray_DATA(mean), cnp.PyArray_DATA(var)
    s.dweight, s.dbias = cnp.PyArray_DATA(dweight), cnp.PyArray_DATA(dbias)
    if s.length < NORM_LENGTH:
        return normalize_backward(dy, x, mean, &s), dweight, dbias
    dx = empty_like(x)
    s.y = cnp.PyArray_DATA(dx)
    with nogil:
        run_channels(&s, s.channels, batch_norm_backward_channel[float], batch_norm_backward_channel[double])
    return dx, dweight, dbias


def batch_norm_apply(cnp.ndarray x, cnp.ndarray mean, cnp.ndarray var, cnp.ndarray weight, cnp.ndarray bias,
                     double eps):
    """(x - mean) / sqrt(var + eps) * weight + bias over (N, C, L) with given statistics (C,)."""
    cdef BatchNorm s
    cdef cnp.ndarray y
    x = contiguous(x)
    plan_channels("batch_norm_apply", x, (mean, var, weight, bias), eps, &s)
    weight, bias = None if weight is None else contiguous(weight), None if bias is None else contiguous(bias)
    mean, var = contiguous(mean), contiguous(var)
    s.weight, s.bias = data_of(weight), data_of(bias)
    if s.length < NORM_LENGTH:
        return normalize(x, as_type(mean, cnp.NPY_DOUBLE), as_type(var, cnp.NPY_DOUBLE), &s)
    y = empty_like(x)
    s.mean, s.var, s.y = cnp.PyArray_DATA(mean), cnp.PyArray_DATA(var), cnp.PyArray_DATA(y)
    with nogil:
        run_channels(&s, s.batch * s.channels, batch_norm_apply_plane[float], batch_norm_apply_plane[double])
    return y


def batch_norm_apply_backward(cnp.ndarray dy, cnp.ndarray x, cnp.ndarray mean, cnp.ndarray var, cnp.ndarray weight,
                              double eps):
    """dx, dweight and dbias of ``batch_norm_apply``."""
    cdef BatchNorm s
    x, dy = contiguous(x), contiguous(dy)
    plan_channels("batch_norm_apply_backward", x, (mean, var, weight), eps, &s)
    check_same("batch_norm_apply_backward", dy, x)
    rstd = 1 / np.sqrt(var.astype(np.float64) + eps)
    total = channel_sums(dy, SUM)
    dot = channel_sums(x, PRODUCTS, mean, dy)
    scale = (rstd if weight is None else rstd * weight).astype(x.dtype)
    return mul(dy, scale.reshape(-1, 1)), (dot * rstd).astype(x.dtype), total.astype(x.dtype)
