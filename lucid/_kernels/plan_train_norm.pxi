# Steps of training plans that keep what lies between a batch norm and the next layer out of memory: batch norm and ReLU,
# and 2 x 2 max pooling after them. Each channel passes once through the caches. The bits are those of the operations one
# by one: the same statistics, the same rows.

cdef enum:
    TRAIN_ROW = 512             # windows in a row
    TRAIN_PLANE = 8192          # elements of a plane that is kept on the stack
    TRAIN_WINDOWS = 2048        # windows in it

cdef struct NormRelu:
    BatchNorm norm              # x and dx; ``dy`` and ``y`` are of the last operation
    const void* out             # the result of the last operation, for the backward pass
    int32_t* at                 # which of its window's four elements is the largest; NULL without pooling
    Py_ssize_t height, width    # of x


cdef inline void normalize_relu_row(const floating* x, floating* y, Py_ssize_t n, floating mean, floating scale,
                                    floating shift) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = clamp_low((x[i] - mean) * scale + shift, <floating> 0)


cdef inline void normalize_backward_in_place(const floating* x, floating* dx, Py_ssize_t n, floating mean,
                                             floating mean_dy, floating slope, floating scale) noexcept nogil:
    """`normalize_backward_row` over dy."""
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = ((dx[i] - mean_dy) - (x[i] - mean) * slope) * scale


cdef inline void take_larger(const floating* x, int32_t place, Py_ssize_t n, floating* highest,
                             int32_t* at) noexcept nogil:
    """One of the four elements of n windows."""
    cdef Py_ssize_t j
    cdef bint wins
    for j in range(n):
        wins = (x[j] > highest[j]) | (x[j] != x[j])
        highest[j] = x[j] if wins else highest[j]
        at[j] = place if wins else at[j]


cdef void pool_plane(const floating* x, floating* y, int32_t* at, Py_ssize_t height, Py_ssize_t width) noexcept nogil:
    """The largest of each 2 x 2 window; rows of x are read to a multiple of 32 elements."""
    cdef floating even[TRAIN_ROW]
    cdef floating odd[TRAIN_ROW]
    cdef floating highest[TRAIN_ROW]
    cdef int32_t place[TRAIN_ROW]
    cdef Py_ssize_t i, j, n = width // 2, lanes = (n + 15) // 16 * 16
    cdef int r
    for i in range(height // 2):
        for r in range(2):
            split_phases(x + (2 * i + r) * width, lanes, even, odd)
            if r == 0:
                for j in range(lanes):
                    highest[j], place[j] = even[j], 0
            else:
                take_larger(even, 2, lanes, highest, place)
            take_larger(odd, 2 * r + 1, lanes, highest, place)
        for j in range(n):
            y[i * n + j] = highest[j]
            at[i * n + j] = place[j]


cdef void unpool_plane(const floating* y, const floating* dy, const int32_t* at, floating* dx, Py_ssize_t height,
                       Py_ssize_t width) noexcept nogil:
    """The gradient of the plane before ReLU and pooling, ``y`` being the result of both."""
    cdef floating d[TRAIN_WINDOWS]
    cdef floating g[TRAIN_WINDOWS]
    cdef Py_ssize_t[4] place = [0, 1, width, width + 1]
    cdef Py_ssize_t i, j, n = width // 2, rows = height // 2
    cdef floating* corner
    for i in range(rows * n):
        d[i] = <floating> 0 + dy[i]     # as the sum that unpooling makes: no -0
    relu_backward_kernel(y, d, g, rows * n, NULL)
    memset(dx, 0, height * width * sizeof(floating))
    for i in range(rows):
        corner = dx + 2 * i * width
        for j in range(n):
            corner[2 * j + place[at[i * n + j] & 3]] = g[i * n + j]


cdef void norm_relu_channel(const BatchNorm* s, Py_ssize_t c, floating dtype) noexcept nogil:
    cdef const NormRelu* t = <const NormRelu*> s
    cdef floating plane[TRAIN_PLANE + 64]
    cdef double mean, var
    cdef Py_ssize_t n, at, room = (t.height // 2) * (t.width // 2)
    cdef floating scale, shift = <floating> number_of[floating](s.bias, c, 0, 0)
    channel_statistics(s, c, &mean, &var, dtype)
    (<floating*> s.mean)[c], (<floating*> s.var)[c] = <floating> mean, <floating> var
    scale = <floating> (1 / cmath.sqrt(var + s.eps) * number_of[floating](s.weight, c, 0, 1))
    if t.at:
        memset(plane + s.length, 0, 64 * sizeof(floating))
    for n in range(s.batch):
        at = n * s.channels + c
        if not t.at:
            normalize_relu_row(<const floating*> s.x + at * s.length, <floating*> s.y + at * s.length, s.length,
                               <floating> mean, scale, shift)
        else:
            normalize_relu_row(<const floating*> s.x + at * s.length, plane, s.length, <floating> mean, scale, shift)
            pool_plane(plane, <floating*> s.y + at * room, t.at + at * room, t.height, t.width)


cdef void norm_relu_backward_channel(const BatchNorm* s, Py_ssize_t c, floating dtype) noexcept nogil:
    cdef const NormRelu* t = <const NormRelu*> s
    cdef double total = 0, dot = 0, part, part_dot, count = <double> s.batch * s.length
    cdef double mean = (<const floating*> s.mean)[c], rstd = 1 / cmath.sqrt((<const floating*> s.var)[c] + s.eps)
    cdef floating scale = <floating> (rstd * number_of[floating](s.weight, c, 0, 1))
    cdef floating slope, mean_dy
    cdef floating* dx
    cdef const floating* out = <const floating*> t.out
    cdef const floating* dy = <const floating*> s.dy
    cdef Py_ssize_t n, at, room = (t.height // 2) * (t.width // 2)
    for n in range(s.batch):
        at = n * s.channels + c
        dx = <floating*> s.y + at * s.length
        if t.at:
            unpool_plane(out + at * room, dy + at * room, t.at + at * room, dx, t.height, t.width)
        else:
            relu_backward_kernel(out + at * s.length, dy + at * s.length, dx, s.length, NULL)
        row_gradients(False, <const floating*> s.x + at * s.length, dx, dx, s.length, reads_past(s, at), mean, &part,
                      &part_dot)
        total += part
        dot += part_dot
    (<floating*> s.dweight)[c], (<floating*> s.dbias)[c] = <floating> (dot * rstd), <floating> total
    slope, mean_dy = <floating> (dot * rstd * rstd / count), <floating> (total / count)
    for n in range(s.batch):
        at = (n * s.channels + c) * s.length
        normalize_backward_in_place(<const floating*> s.x + at, <floating*> s.y + at, s.length, <floating> mean, mean_dy,
                                    slope, scale)


def can_norm_relu(tuple shape, bint pool):
    """Whether `batch_norm_relu` takes images of ``shape``."""
    cdef Py_ssize_t length
    if len(shape) < 2 or (pool and len(shape) != 4):
        return False
    length = math_product(shape[2:])
    if not shape[0] or not shape[1] or length < NORM_LENGTH:
        return False
    return not pool or (length <= TRAIN_PLANE and 2 <= shape[3] <= 2 * (TRAIN_ROW - 16) and shape[2] >= 2)


cdef Py_ssize_t math_product(tuple extents) except -1:
    cdef Py_ssize_t n = 1
    for extent in extents:
        n *= extent
    return n


cdef tuple norm_relu_shapes(str name, cnp.ndarray x, bint pool, NormRelu* t):
    """x as (N, C, L), and the shape of the result."""
    cdef tuple shape = np.shape(x)
    if not can_norm_relu(shape, pool):
        raise ValueError(f"{name}: there is no fused form for images {shape}" + (" with pooling" if pool else ""))
    t.height, t.width = (shape[2], shape[3]) if pool else (1, 1)
    if pool:
        return x.reshape(shape[0], shape[1], -1), (shape[0], shape[1], t.height // 2, t.width // 2)
    return x.reshape(shape[0], shape[1], -1), shape


def batch_norm_relu(cnp.ndarray x, cnp.ndarray weight, cnp.ndarray bias, double eps, cnp.ndarray running_mean,
                    cnp.ndarray running_var, double momentum, bint pool):
    """y = relu(batch_norm(x)), or the largest of each 2 x 2 window of it; see `can_norm_relu`.

    Returns:
        y, mean (C,), var (C,), and where in its window each result was (int32; None without pooling).
    """
    cdef NormRelu t
    cdef cnp.ndarray y, mean, var, at = None, rows
    cdef double count
    x = contiguous(x)
    rows, shape = norm_relu_shapes("batch_norm_relu", x, pool, &t)
    plan_channels("batch_norm_relu", rows, (weight, bias, running_mean, running_var), eps, &t.norm)
    weight, bias = None if weight is None else contiguous(weight), None if bias is None else contiguous(bias)
    t.norm.weight, t.norm.bias = data_of(weight), data_of(bias)
    y = empty_shape(shape, cnp.PyArray_TYPE(x))
    mean = empty(1, cnp.PyArray_DIMS(rows) + 1, cnp.PyArray_TYPE(x))
    var = empty(1, cnp.PyArray_DIMS(rows) + 1, cnp.PyArray_TYPE(x))
    t.norm.y, t.norm.mean, t.norm.var = cnp.PyArray_DATA(y), cnp.PyArray_DATA(mean), cnp.PyArray_DATA(var)
    t.at = NULL
    if pool:
        at = empty_shape(shape, cnp.NPY_INT32)
        t.at = <int32_t*> cnp.PyArray_DATA(at)
    with nogil:
        run_channels(&t.norm, t.norm.channels, norm_relu_channel[float], norm_relu_channel[double])
    count = <double> t.norm.batch * t.norm.length
    if running_mean is not None:
        move_towards(running_mean, mean, momentum, 1)
    if running_var is not None:
        move_towards(running_var, var, momentum, count / max(count - 1, 1))
    return y, mean, var, at


def batch_norm_relu_backward(dy, cnp.ndarray y, cnp.ndarray x, cnp.ndarray at, cnp.ndarray mean, cnp.ndarray var,
                             cnp.ndarray weight, double eps):
    """dx, dweight and dbias of `batch_norm_relu`, given what it returned."""
    cdef NormRelu t
    cdef cnp.ndarray dx, dweight, dbias, rows, d = contiguous(dy)
    x = contiguous(x)
    rows, shape = norm_relu_shapes("batch_norm_relu_backward", x, at is not None, &t)
    plan_channels("batch_norm_relu_backward", rows, (mean, var, weight), eps, &t.norm)
    y, mean, var = contiguous(y), contiguous(mean), contiguous(var)
    if np.shape(d) != shape or np.shape(y) != shape or (at is not None and np.shape(at) != shape):
        raise ValueError(f"batch_norm_relu_backward: expected gradients and results {shape}, got {np.shape(d)} and "
                         f"{np.shape(y)}")
    if cnp.PyArray_TYPE(d) != cnp.PyArray_TYPE(x) or cnp.PyArray_TYPE(y) != cnp.PyArray_TYPE(x):
        raise TypeError(f"batch_norm_relu_backward: expected {x.dtype} throughout, got {d.dtype} and {y.dtype}")
    weight = None if weight is None else contiguous(weight)
    dx, dweight, dbias = empty_shape(np.shape(x), cnp.PyArray_TYPE(x)), empty_like(mean), empty_like(mean)
    t.norm.weight, t.norm.bias, t.norm.dy, t.out = data_of(weight), NULL, cnp.PyArray_DATA(d), cnp.PyArray_DATA(y)
    t.norm.y, t.norm.mean, t.norm.var = cnp.PyArray_DATA(dx), cnp.PyArray_DATA(mean), cnp.PyArray_DATA(var)
    t.norm.dweight, t.norm.dbias = cnp.PyArray_DATA(dweight), cnp.PyArray_DATA(dbias)
    t.at = NULL
    if at is not None:
        if cnp.PyArray_TYPE(at) != cnp.NPY_INT32 or not cnp.PyArray_ISCARRAY(at):
            raise TypeError("batch_norm_relu_backward: expected the places that batch_norm_relu returned")
        t.at = <int32_t*> cnp.PyArray_DATA(at)
    with nogil:
        run_channels(&t.norm, t.norm.channels, norm_relu_backward_channel[float], norm_relu_backward_channel[double])
    return dx, dweight, dbias
