# Convolution over NCHW images, zero padding: forward, input gradient, weight gradient.


cdef struct Conv:
    # Extents of one convolution; the first four are x, the next two y and the kernel.
    Py_ssize_t samples, channels, x_height, x_width
    Py_ssize_t rows, height, width
    Py_ssize_t kernel_y, kernel_x, stride_y, stride_x, top, bottom, left, right, dilation_y, dilation_x, groups


cdef int conv_shape(str name, x_shape, w_shape, stride, padding, dilation, Py_ssize_t groups, Conv* g) except -1:
    """Fill ``g`` from the arguments, or raise ValueError."""
    if len(x_shape) != 4 or len(w_shape) != 4:
        raise ValueError(f"{name}: expected 4-d input and weight, got input {x_shape}, weight {w_shape}")
    g.samples, g.channels, g.x_height, g.x_width = x_shape
    g.rows, channels, g.kernel_y, g.kernel_x = w_shape
    g.stride_y, g.stride_x = stride
    (g.top, g.bottom), (g.left, g.right) = padding
    g.dilation_y, g.dilation_x = dilation
    g.groups = groups
    if groups < 1 or g.rows % groups or channels * groups != g.channels:
        raise ValueError(f"{name}: input {x_shape} and weight {w_shape} do not fit {groups} groups")
    if min(g.stride_y, g.stride_x, g.dilation_y, g.dilation_x) < 1 or min(g.top, g.bottom, g.left, g.right) < 0:
        raise ValueError(f"{name}: expected positive stride and dilation and padding >= 0, got stride {tuple(stride)}, "
                         f"padding {tuple(padding)}, dilation {tuple(dilation)}")
    if min(g.rows, g.channels, g.kernel_y, g.kernel_x, g.x_height, g.x_width) < 1:
        raise ValueError(f"{name}: input {x_shape} or weight {w_shape} is empty")
    g.height = g.x_height + g.top + g.bottom - (g.kernel_y - 1) * g.dilation_y - 1
    g.width = g.x_width + g.left + g.right - (g.kernel_x - 1) * g.dilation_x - 1
    if g.height < 0 or g.width < 0:
        raise ValueError(f"{name}: weight {w_shape} with dilation {tuple(dilation)} is larger than input {x_shape} "
                         f"with padding {tuple(padding)}")
    g.height = g.height // g.stride_y + 1
    g.width = g.width // g.stride_x + 1
    return 0


cdef cnp.ndarray tap_tables(Patches* p, Py_ssize_t taps):
    """Room for the six tables of a plan; the caller keeps it alive."""
    cdef cnp.ndarray tables = np.empty((6, taps), np.intp)
    tap_pointers(p, <Py_ssize_t*> cnp.PyArray_DATA(tables), taps)
    return tables


cdef void tap_pointers(Patches* p, Py_ssize_t* table, Py_ssize_t taps) noexcept nogil:
    p.tap_y, p.tap_x, p.tap_w = table, table + taps, table + 2 * taps
    p.tap_at, p.phase_y, p.phase_x = table + 3 * taps, table + 4 * taps, table + 5 * taps


cdef void forward_patches(const Conv* g, Patches* p) noexcept nogil:
    cdef Py_ssize_t t
    p.samples, p.groups, p.rows, p.channels = g.samples, g.groups, g.rows // g.groups, g.channels // g.groups
    p.taps = g.kernel_y * g.kernel_x
    p.x_height, p.x_width, p.height, p.width = g.x_height, g.x_width, g.height, g.width
    p.step_y, p.step_x = g.stride_y, g.stride_x
    p.y_sample, p.y_channel, p.y_row, p.y_column = g.rows * g.height * g.width, g.height * g.width, g.width, 1
    p.w_group, p.w_row, p.w_channel = p.rows * p.channels * p.taps, p.channels * p.taps, p.taps
    for t in range(p.taps):
        p.tap_y[t] = t // g.kernel_x * g.dilation_y - g.top
        p.tap_x[t] = t % g.kernel_x * g.dilation_x - g.left
        p.tap_w[t] = t


cdef void gradient_patches(const Conv* g, Patches* p, Py_ssize_t y, Py_ssize_t x) noexcept nogil:
    """The gather that gives every stride-th pixel of dx from (y, x): of dy, by the taps that reach them."""
    cdef Py_ssize_t t, at_y, at_x
    p.samples, p.groups, p.rows, p.channels = g.samples, g.groups, g.channels // g.groups, g.rows // g.groups
    p.x_height, p.x_width = g.height, g.width
    p.height, p.width = max(ceil_div(g.x_height - y, g.stride_y), 0), max(ceil_div(g.x_width - x, g.stride_x), 0)
    p.step_y = p.step_x = 1
    p.y_sample, p.y_channel = g.channels * g.x_height * g.x_width, g.x_height * g.x_width
    p.y_row, p.y_column = g.stride_y * g.x_width, g.stride_x
    p.w_row = g.kernel_y * g.kernel_x
    p.w_channel, p.w_group = p.rows * p.w_row, p.rows * p.channels * p.w_row
    p.taps = 0
    for t in range(g.kernel_y * g.kernel_x):
        at_y = y + g.top - t // g.kernel_x * g.dilation_y
        at_x = x + g.left - t % g.kernel_x * g.dilation_x
        if at_y % g.stride_y == 0 and at_x % g.stride_x == 0:
            p.tap_y[p.taps], p.tap_x[p.taps], p.tap_w[p.taps] = at_y // g.stride_y, at_x // g.stride_x, t
            p.taps += 1


cdef void weight_geometry(const Conv* g, WeightGrad* q) noexcept nogil:
    q.samples, q.groups, q.rows, q.channels = g.samples, g.groups, g.rows // g.groups, g.channels // g.groups
    q.kernel_y, q.kernel_x, q.stride_y, q.stride_x = g.kernel_y, g.kernel_x, g.stride_y, g.stride_x
    q.top, q.left, q.dilation_y, q.dilation_x = g.top, g.left, g.dilation_y, g.dilation_x
    q.x_height, q.x_width, q.height, q.width = g.x_height, g.x_width, g.height, g.width


cdef inline bint by_planes(const Conv* g) noexcept nogil:
    """One channel to a group on one side, few on the other. Weight gradients sum over planes of one channel only."""
    cdef Py_ssize_t rows = g.rows // g.groups, channels = g.channels // g.groups
    return min(rows, channels) == 1 and max(rows, channels) <= PLANE_CHANNELS and (g.groups > 1 or rows == channels)


cdef void plan_depthwise(const Conv* g, Planes* p, bint gradient, Py_ssize_t* table) noexcept nogil:
    """The forward direction, or the input gradient."""
    cdef Py_ssize_t taps = g.kernel_y * g.kernel_x
    p.samples, p.groups, p.rows, p.channels = g.samples, g.groups, g.rows // g.groups, g.channels // g.groups
    p.w_row, p.w_channel = p.channels * taps, taps
    p.y.source, p.x.source, p.y.result, p.x.result = g.x_height, g.x_width, g.height, g.width
    if gradient:
        p.rows, p.channels, p.w_row, p.w_channel = p.channels, p.rows, p.w_channel, p.w_row
        p.y.source, p.x.source, p.y.result, p.x.result = g.height, g.width, g.x_height, g.x_width
    plan_axis(&p.y, g.kernel_y, g.stride_y, g.top, g.dilation_y, gradient, table)
    table += axis_table(g.kernel_y, g.stride_y)
    plan_axis(&p.x, g.kernel_x, g.stride_x, g.left, g.dilation_x, gradient, table)
    table += axis_table(g.kernel_x, g.stride_x)
    p.slot, p.column, p.at = table, table + g.stride_x, table + g.stride_x + g.kernel_x
    p.order = p.at + taps


cdef Py_ssize_t* plane_tables(const Conv* g) noexcept nogil:
    """Room for the tables of ``Planes``, to be released; NULL when memory ran out."""
    return <Py_ssize_t*> workspace((axis_table(g.kernel_y, g.stride_y) + axis_table(g.kernel_x, g.stride_x) + g.stride_x
                                    + g.kernel_x + 2 * g.kernel_y * g.kernel_x) * sizeof(Py_ssize_t))


cdef bint depthwise(const Conv* g, const floating* x, const floating* w, const floating* bias, floating* y,
                    bint gradient) noexcept nogil:
    """The forward direction, or with ``gradient`` the input gradient y of x = dy."""
    cdef Planes p
    cdef Py_ssize_t* table = plane_tables(g)
    cdef bint ok
    if table == NULL:
        return False
    plan_depthwise(g, &p, gradient, table)
    if floating is float and small_planes(&p):
        ok = convolve_blocks(&p, <const float*> x, <const float*> w, <const float*> bias, <float*> y)
    else:
        ok = convolve_planes(&p, x, w, bias, y)
    release(table)
    return ok


cdef bint forward(const Conv* g, Patches* p, const floating* x, const floating* w, const floating* bias,
                  floating* y) noexcept nogil:
    """y of one convolution. False when memory ran out."""
    if by_planes(g):
        return depthwise(g, x, w, bias, y, False)
    forward_patches(g, p)
    return convolve(p, x, w, bias, y)


cdef void fill_planes(floating* x, const floating* bias, Py_ssize_t samples, Py_ssize_t channels,
                      Py_ssize_t size) noexcept nogil:
    """Every plane of a channel its bias, or zero."""
    cdef Py_ssize_t i, j
    cdef floating value
    for i in range(samples * channels):
        value = bias[i % channels] if bias != NULL else <floating> 0
        for j in range(size):
            x[i * size + j] = value


cdef bint input_grad(const Conv* g, Patches* p, const floating* dy, const floating* w, const floating* bias,
                     floating* dx) noexcept nogil:
    """dx, or a transposed convolution with a bias. False when memory ran out."""
    cdef Py_ssize_t y, x
    cdef bint gaps = False
    if by_planes(g):
        return depthwise(g, dy, w, bias, dx, True)
    if floating is float:
        if transposed_fits(g):
            return winograd_transposed(g, dy, w, bias, dx)
    if scatter_fits(g):
        return scatter_input_grad(g, dy, w, bias, dx)
    for y in range(min(g.stride_y, g.x_height)):
        for x in range(min(g.stride_x, g.x_width)):
            gradient_patches(g, p, y, x)
            gaps = gaps or p.taps == 0
    if gaps:
        fill_planes(dx, bias, g.samples, g.channels, g.x_height * g.x_width)
    for y in range(min(g.stride_y, g.x_height)):
        for x in range(min(g.stride_x, g.x_width)):
            gradient_patches(g, p, y, x)
            if p.taps > 0 and not convolve(p, dy, w, bias, dx + y * g.x_width + x):
                return False
    return True


cdef bint any_weight_grad(const Conv* g, const floating* x, const floating* dy, floating* dw) noexcept nogil:
    """dw of one convolution. False when memory ran out."""
    cdef WeightGrad q
    cdef Planes p
    cdef Py_ssize_t* table
    cdef bint ok
    if g.channels > g.groups or g.groups == 1:
        weight_geometry(g, &q)
        return weight_grad(&q, x, dy, dw)
    table = plane_tables(g)
    if table == NULL:
        return False
    plan_depthwise(g, &p, False, table)
    ok = weight_grad_planes(&p, x, dy, dw)
    release(table)
    return ok


# Called from Python

cdef cnp.ndarray bias_operand(str name, bias, Py_ssize_t n, int typenum):
    """The bias as a contiguous array, or None."""
    if bias is None:
        return None
    if np.shape(bias) != (n,):
        raise ValueError(f"{name}: expected bias ({n},), got {np.shape(bias)}")
    if float_type(bias) != typenum:
        raise TypeError(f"{name}: bias is {bias.dtype}, unlike the other operands")
    return contiguous(bias)


cdef int operand_type(str name, cnp.ndarray x, cnp.ndarray y) except -1:
    if float_type(x) != float_type(y):
        raise TypeError(f"{name}: operands have different dtypes: {x.dtype}, {y.dtype}")
    return cnp.PyArray_TYPE(x)


def conv2d(x, w, bias, stride, padding, dilation, Py_ssize_t groups):
    """Cross-correlation of x (N, C, H, W) with w (O, C / groups, kh, kw); padding is ((top, bottom), (left, right)).

    The sums of blocks of k are added to the bias (O,), or to zero when it is None.
    """
    cdef cnp.ndarray a = contiguous(x), k = contiguous(w), b, y
    cdef Conv g
    cdef Patches p
    cdef int t = operand_type("conv2d", a, k)
    cdef bint ok
    conv_shape("conv2d", np.shape(x), np.shape(w), stride, padding, dilation, groups, &g)
    b = bias_operand("conv2d", bias, g.rows, t)
    y = empty_shape((g.samples, g.rows, g.height, g.width), t)
    tables = tap_tables(&p, g.kernel_y * g.kernel_x)
    cdef const void* px = cnp.PyArray_DATA(a)
    cdef const void* pw = cnp.PyArray_DATA(k)
    cdef const void* pb = NULL if b is None else cnp.PyArray_DATA(b)
    cdef void* py = cnp.PyArray_DATA(y)
    with nogil:
        if t == cnp.NPY_FLOAT:
            ok = forward(&g, &p, <const float*> px, <const float*> pw, <const float*> pb, <float*> py)
        else:
            ok = forward(&g, &p, <const double*> px, <const double*> pw, <const double*> pb, <double*> py)
    if not ok:
        raise MemoryError(f"conv2d: no workspace for input {np.shape(x)}, weight {np.shape(w)}")
    return y


def conv2d_input_grad(dy, w, x_shape, stride, padding, dilation, Py_ssize_t groups, bias=None):
    """Gradient of conv2d at its input of shape ``x_shape``.

    As a map of dy it is the transposed convolution, whose sums are added to a bias (C,).
    """
    cdef str name = "conv2d_input_grad"
    cdef cnp.ndarray a = contiguous(dy), k = contiguous(w), b, dx
    cdef Conv g
    cdef Patches p
    cdef int t = operand_type(name, a, k)
    cdef bint ok
    conv_shape(name, tuple(x_shape), np.shape(w), stride, padding, dilation, groups, &g)
    if np.shape(dy) != (g.samples, g.rows, g.height, g.width):
        raise ValueError(f"{name}: expected dy {(g.samples, g.rows, g.height, g.width)}, got {np.shape(dy)}")
    b = bias_operand(name, bias, g.channels, t)
    dx = empty_shape(tuple(x_shape), t)
    tables = tap_tables(&p, g.kernel_y * g.kernel_x)
    cdef const void* py = cnp.PyArray_DATA(a)
    cdef const void* pw = cnp.PyArray_DATA(k)
    cdef const void* pb = NULL if b is None else cnp.PyArray_DATA(b)
    cdef void* px = cnp.PyArray_DATA(dx)
    with nogil:
        if t == cnp.NPY_FLOAT:
            ok = input_grad(&g, &p, <const float*> py, <const float*> pw, <const float*> pb, <float*> px)
        else:
            ok = input_grad(&g, &p, <const double*> py, <const double*> pw, <const double*> pb, <double*> px)
    if not ok:
        raise MemoryError(f"{name}: no workspace for dy {np.shape(dy)}, weight {np.shape(w)}")
    return dx


def conv2d_weight_grad(x, dy, w_shape, stride, padding, dilation, Py_ssize_t groups):
    """Gradient of conv2d at its weight of shape ``w_shape``."""
    cdef str name = "conv2d_weight_grad"
    cdef cnp.ndarray a = contiguous(x), d = contiguous(dy), dw
    cdef Conv g
    cdef int t = operand_type(name, a, d)
    cdef bint ok
    conv_shape(name, np.shape(x), tuple(w_shape), stride, padding, dilation, groups, &g)
    if np.shape(dy) != (g.samples, g.rows, g.height, g.width):
        raise ValueError(f"{name}: expected dy {(g.samples, g.rows, g.height, g.width)}, got {np.shape(dy)}")
    dw = empty_shape(tuple(w_shape), t)
    cdef const void* px = cnp.PyArray_DATA(a)
    cdef const void* py = cnp.PyArray_DATA(d)
    cdef void* pw = cnp.PyArray_DATA(dw)
    with nogil:
        if t == cnp.NPY_FLOAT:
            ok = any_weight_grad(&g, <const float*> px, <const float*> py, <float*> pw)
        else:
            ok = any_weight_grad(&g, <const double*> px, <const double*> py, <double*> pw)
    if not ok:
        raise MemoryError(f"{name}: no workspace for input {np.shape(x)}, dy {np.shape(dy)}")
    return dw
