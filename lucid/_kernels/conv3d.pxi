# Convolution over NCDHW volumes: output planes are the samples of a 2-d convolution whose channels are (channel, depth
# tap) pairs. A few output planes at a time, their input planes are copied side by side; planes outside the volume are
# zero. The copies are small beside the products, and every promise of the 2-d kernels holds: the chain of an element
# runs over (channel, depth tap, tap), whatever else is computed beside it.

cdef enum:
    FOLD = 1 << 22              # bytes of gathered planes held at a time: they stay in L2 or L3


cdef struct Fold:
    Py_ssize_t samples, channels, rows, planes, depth           # planes of the result, depth of the input
    Py_ssize_t kernel, stride, front, dilation
    Py_ssize_t x_size, y_size                                   # elements of a plane of the input and of the result
    Py_ssize_t block                                            # planes of the result at a time


cdef int fold_shape(str name, x_shape, w_shape, stride, padding, dilation, Py_ssize_t groups, Fold* f,
                    Conv* g) except -1:
    """Fill ``f``, and ``g`` for one output plane, or raise ValueError."""
    if len(x_shape) != 5 or len(w_shape) != 5:
        raise ValueError(f"{name}: expected 5-d input and weight, got input {x_shape}, weight {w_shape}")
    n, channels, depth, height, width = x_shape
    rows, per_group, kernel, kernel_y, kernel_x = w_shape
    f.stride, f.dilation = stride[0], dilation[0]
    f.front, back = padding[0]
    if f.stride < 1 or f.dilation < 1 or f.front < 0 or back < 0:
        raise ValueError(f"{name}: expected positive stride and dilation and padding >= 0, got stride {tuple(stride)}, "
                         f"padding {tuple(padding)}, dilation {tuple(dilation)}")
    conv_shape(name, (n, channels, height, width), (rows, per_group, kernel_y, kernel_x), stride[1:], padding[1:],
               dilation[1:], groups, g)
    f.samples, f.channels, f.rows, f.depth, f.kernel = n, channels, rows, depth, kernel
    f.planes = depth + f.front + back - (kernel - 1) * f.dilation - 1
    if depth < 1 or kernel < 1 or f.planes < 0:
        raise ValueError(f"{name}: weight {w_shape} with dilation {tuple(dilation)} does not fit input {x_shape} "
                         f"with padding {tuple(padding)}")
    f.planes = f.planes // f.stride + 1
    f.x_size, f.y_size = g.x_height * g.x_width, g.height * g.width
    g.channels = f.channels * f.kernel
    return 0


cdef Py_ssize_t fold_block(const Fold* f, Py_ssize_t itemsize) noexcept nogil:
    """Planes of the result whose gathered input and result fit the buffer."""
    cdef Py_ssize_t plane = (f.channels * f.kernel * f.x_size + f.rows * f.y_size) * itemsize
    return min(max(FOLD // plane, 1), f.planes)


cdef inline Py_ssize_t tap_plane(const Fold* f, Py_ssize_t z, Py_ssize_t i) noexcept nogil:
    """Where the plane begins that output plane ``z`` of a sample reads as its channel ``i``; negative for none."""
    cdef Py_ssize_t at = z * f.stride - f.front + i % f.kernel * f.dilation
    return -1 if at < 0 or at >= f.depth else (i // f.kernel * f.depth + at) * f.x_size


cdef void gather_plane(const Fold* f, const floating* x, floating* out, Py_ssize_t z0, Py_ssize_t i) noexcept nogil:
    """One plane of [output plane][channel, depth tap], from one sample."""
    cdef Py_ssize_t at = tap_plane(f, z0 + i // (f.channels * f.kernel), i % (f.channels * f.kernel))
    if at < 0:
        memset(out + i * f.x_size, 0, f.x_size * sizeof(floating))
    else:
        memcpy(out + i * f.x_size, x + at, f.x_size * sizeof(floating))


cdef void scatter_channel(const Fold* f, const floating* out, floating* dx, Py_ssize_t z0, Py_ssize_t planes,
                          Py_ssize_t c) noexcept nogil:
    """Add the gradients of channel ``c`` of the gathered planes to those of one sample; z ascends for each plane."""
    cdef Py_ssize_t z, k, j, at
    for z in range(planes):
        for k in range(f.kernel):
            at = tap_plane(f, z0 + z, c * f.kernel + k)
            if at >= 0:
                for j in range(f.x_size):
                    dx[at + j] += out[((z * f.channels + c) * f.kernel + k) * f.x_size + j]


cdef void swap_planes(const Fold* f, floating* volume, floating* stack, Py_ssize_t z0, Py_ssize_t planes, bint out,
                      Py_ssize_t r) noexcept nogil:
    """Row ``r`` of some output planes: from the stack [plane][row] to the volume [row][plane], or with ``out`` back."""
    cdef Py_ssize_t z
    for z in range(planes):
        if out:
            memcpy(stack + (z * f.rows + r) * f.y_size, volume + (r * f.planes + z0 + z) * f.y_size,
                   f.y_size * sizeof(floating))
        else:
            memcpy(volume + (r * f.planes + z0 + z) * f.y_size, stack + (z * f.rows + r) * f.y_size,
                   f.y_size * sizeof(floating))


cdef void gather_planes(const Fold* f, const floating* x, floating* out, Py_ssize_t z0,
                        Py_ssize_t planes) noexcept nogil:
    cdef Py_ssize_t i, n = planes * f.channels * f.kernel
    cdef int threads = threads_for(n * f.x_size, MAP_GRAIN)
    if threads == 1:
        for i in range(n):
            gather_plane(f, x, out, z0, i)
    else:
        for i in prange(n, num_threads=threads, schedule="static"):
            gather_plane(f, x, out, z0, i)


cdef void scatter_planes(const Fold* f, const floating* out, floating* dx, Py_ssize_t z0,
                         Py_ssize_t planes) noexcept nogil:
    cdef Py_ssize_t c
    cdef int threads = <int> min(threads_for(planes * f.channels * f.kernel * f.x_size, MAP_GRAIN), f.channels)
    if threads == 1:
        for c in range(f.channels):
            scatter_channel(f, out, dx, z0, planes, c)
    else:
        for c in prange(f.channels, num_threads=threads, schedule="static"):
            scatter_channel(f, out, dx, z0, planes, c)


cdef void move_planes(const Fold* f, floating* volume, floating* stack, Py_ssize_t z0, Py_ssize_t planes,
                      bint out) noexcept nogil:
    cdef Py_ssize_t r
    cdef int threads = <int> min(threads_for(planes * f.rows * f.y_size, MAP_GRAIN), f.rows)
    if threads == 1:
        for r in range(f.rows):
            swap_planes(f, volume, stack, z0, planes, out, r)
    else:
        for r in prange(f.rows, num_threads=threads, schedule="static"):
            swap_planes(f, volume, stack, z0, planes, out, r)


cdef enum:
    FORWARD = 0
    INPUT_GRAD = 1
    WEIGHT_GRAD = 2


cdef bint volume_pass(Fold* f, Conv* g, int what, floating* x, floating* w, const floating* bias,
                      floating* y) noexcept nogil:
    """y from x and w; or x, with a bias, from y and w; or w from x and y. False when memory ran out."""
    cdef Py_ssize_t s, z, planes, j, weights = g.rows * (g.channels // g.groups) * g.kernel_y * g.kernel_x, stack
    cdef Patches p
    cdef floating* work
    cdef floating* out
    cdef floating* part_sum
    cdef Py_ssize_t* table
    cdef bint ok = True
    f.block = fold_block(f, sizeof(floating))
    stack = round_up(f.block * f.channels * f.kernel * f.x_size, 16)
    work = <floating*> workspace((stack + round_up(f.block * f.rows * f.y_size, 16) + round_up(weights, 16))
                                 * sizeof(floating) + 6 * g.kernel_y * g.kernel_x * sizeof(Py_ssize_t))
    if work == NULL:
        return False
    out = work + stack
    part_sum = out + round_up(f.block * f.rows * f.y_size, 16)
    tap_pointers(&p, <Py_ssize_t*> (part_sum + round_up(weights, 16)), g.kernel_y * g.kernel_x)
    if what == INPUT_GRAD:
        fill_planes(x, bias, f.samples, f.channels, f.depth * f.x_size)
    elif what == WEIGHT_GRAD:
        memset(w, 0, weights * sizeof(floating))
    for s in range(f.samples):
        z = 0
        while z < f.planes and ok:
            planes = min(f.block, f.planes - z)
            g.samples = planes
            if what != FORWARD:
                move_planes(f, y, out, z, planes, True)
            if what != INPUT_GRAD:
                gather_planes(f, x, work, z, planes)
            if what == FORWARD:
                ok = forward(g, &p, work, w, bias, out)
                move_planes(f, y, out, z, planes, False)
            elif what == INPUT_GRAD:
                ok = input_grad(g, &p, out, w, <const floating*> NULL, work)
                scatter_planes(f, work, x, z, planes)
            else:
                ok = any_weight_grad(g, work, out, part_sum)
                for j in range(weights):
                    w[j] += part_sum[j]
            z += planes
        x += f.channels * f.depth * f.x_size
        y += f.rows * f.planes * f.y_size
    release(work)
    return ok


# Called from Python

def conv3d(x, w, bias, stride, padding, dilation, Py_ssize_t groups):
    """Cross-correlation of x (N, C, D, H, W) with w (O, C / groups, kd, kh, kw).

    ``padding`` holds a pair for each dimension. The bias (O,), or zero when None, is the initial value of each sum.
    """
    cdef cnp.ndarray a = contiguous(x), k = contiguous(w), b, y
    cdef Conv g
    cdef Fold f
    cdef int t = operand_type("conv3d", a, k)
    cdef bint ok
    fold_shape("conv3d", np.shape(x), np.shape(w), stride, padding, dilation, groups, &f, &g)
    b = bias_operand("conv3d", bias, f.rows, t)
    y = empty_shape((f.samples, f.rows, f.planes, g.height, g.width), t)
    cdef void* px = cnp.PyArray_DATA(a)
    cdef void* pw = cnp.PyArray_DATA(k)
    cdef const void* pb = NULL if b is None else cnp.PyArray_DATA(b)
    cdef void* py = cnp.PyArray_DATA(y)
    with nogil:
        if t == cnp.NPY_FLOAT:
            ok = volume_pass(&f, &g, FORWARD, <float*> px, <float*> pw, <const float*> pb, <float*> py)
        else:
            ok = volume_pass(&f, &g, FORWARD, <double*> px, <double*> pw, <const double*> pb, <double*> py)
    if not ok:
        raise MemoryError(f"conv3d: no workspace for input {np.shape(x)}, weight {np.shape(w)}")
    return y


def conv3d_input_grad(dy, w, x_shape, stride, padding, dilation, Py_ssize_t groups, bias=None):
    """Gradient of conv3d at its input of shape ``x_shape``.

    As a map of dy it is the transposed convolution, of which a bias (C,) is the initial value.
    """
    cdef str name = "conv3d_input_grad"
    cdef cnp.ndarray a = contiguous(dy), k = contiguous(w), b, dx
    cdef Conv g
    cdef Fold f
    cdef int t = operand_type(name, a, k)
    cdef bint ok
    fold_shape(name, tuple(x_shape), np.shape(w), stride, padding, dilation, groups, &f, &g)
    if np.shape(dy) != (f.samples, f.rows, f.planes, g.height, g.width):
        raise ValueError(f"{name}: expected dy {(f.samples, f.rows, f.planes, g.height, g.width)}, got {np.shape(dy)}")
    b = bias_operand(name, bias, f.channels, t)
    dx = empty_shape(tuple(x_shape), t)
    cdef void* py = cnp.PyArray_DATA(a)
    cdef void* pw = cnp.PyArray_DATA(k)
    cdef const void* pb = NULL if b is None else cnp.PyArray_DATA(b)
    cdef void* px = cnp.PyArray_DATA(dx)
    with nogil:
        if t == cnp.NPY_FLOAT:
            ok = volume_pass(&f, &g, INPUT_GRAD, <float*> px, <float*> pw, <const float*> pb, <float*> py)
        else:
            ok = volume_pass(&f, &g, INPUT_GRAD, <double*> px, <double*> pw, <const double*> pb, <double*> py)
    if not ok:
        raise MemoryError(f"{name}: no workspace for dy {np.shape(dy)}, weight {np.shape(w)}")
    return dx


def conv3d_weight_grad(x, dy, w_shape, stride, padding, dilation, Py_ssize_t groups):
    """Gradient of conv3d at its weight of shape ``w_shape``."""
    cdef str name = "conv3d_weight_grad"
    cdef cnp.ndarray a = contiguous(x), d = contiguous(dy), dw
    cdef Conv g
    cdef Fold f
    cdef int t = operand_type(name, a, d)
    cdef bint ok
    fold_shape(name, np.shape(x), tuple(w_shape), stride, padding, dilation, groups, &f, &g)
    if np.shape(dy) != (f.samples, f.rows, f.planes, g.height, g.width):
        raise ValueError(f"{name}: expected dy {(f.samples, f.rows, f.planes, g.height, g.width)}, got {np.shape(dy)}")
    dw = empty_shape(tuple(w_shape), t)
    cdef void* px = cnp.PyArray_DATA(a)
    cdef void* py = cnp.PyArray_DATA(d)
    cdef void* pw = cnp.PyArray_DATA(dw)
    with nogil:
        if t == cnp.NPY_FLOAT:
            ok = volume_pass(&f, &g, WEIGHT_GRAD, <float*> px, <float*> pw, <const float*> NULL, <float*> py)
        else:
            ok = volume_pass(&f, &g, WEIGHT_GRAD, <double*> px, <double*> pw, <const double*> NULL, <double*> py)
    if not ok:
        raise MemoryError(f"{name}: no workspace for input {np.shape(x)}, dy {np.shape(dy)}")
    return dw
