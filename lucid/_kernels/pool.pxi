# Pooling over NCHW images, one plane of one image at a time: what all kinds share, and the maximum.

cdef enum:
    POOL_GRAIN = 12288          # window elements worth a thread
    POOL_SPAN = 128             # windows side by side
    POOL_LANES = 16             # they are taken in multiples of this
    POOL_STAGE = 1024           # elements of a row they read
    POOL_PHASE = 512            # every other one of them
    POOL_NARROW = 4             # windows in a row that are found one by one
    POOL_STRIP = 256            # columns of an average side by side


cdef struct Pool:
    Py_ssize_t planes, x_height, x_width, height, width
    Py_ssize_t kernel_y, kernel_x, stride_y, stride_x, top, left, dilation_y, dilation_x
    bint include_pad
    bint* fault                 # set where an index is neither -1 nor one of the plane's
    double divisor              # 0: the number of elements


ctypedef void (*PoolPlane)(const Pool* g, const void* x, void* y, int64_t* indices) noexcept nogil


cdef Py_ssize_t pooled_size(Py_ssize_t n, Py_ssize_t kernel, Py_ssize_t stride, Py_ssize_t pad, Py_ssize_t dilation,
                            bint ceil_mode) noexcept nogil:
    """Windows along one axis; in ceil mode the last may hang over the end if it starts before it."""
    cdef Py_ssize_t room = n + 2 * pad - dilation * (kernel - 1) - 1, size
    if room < 0 and not (ceil_mode and room > -stride):
        return 0
    size = (room + stride - 1) // stride + 1 if ceil_mode else room // stride + 1
    if ceil_mode and (size - 1) * stride >= n + pad:
        size -= 1
    return size


cdef int pool_shape(str name, x, kernel, stride, padding, dilation, bint ceil_mode, Pool* g) except -1:
    shape = np.shape(x)
    if len(shape) != 4:
        raise ValueError(f"{name}: expected 4-d input, got {shape}")
    g.planes, g.x_height, g.x_width = shape[0] * shape[1], shape[2], shape[3]
    g.kernel_y, g.kernel_x = kernel
    g.stride_y, g.stride_x = stride
    g.top, g.left = padding
    g.dilation_y, g.dilation_x = dilation
    g.include_pad, g.divisor = False, 0
    if min(g.kernel_y, g.kernel_x, g.stride_y, g.stride_x, g.dilation_y, g.dilation_x) < 1:
        raise ValueError(f"{name}: expected positive kernel, stride and dilation, got {tuple(kernel)}, "
                         f"{tuple(stride)}, {tuple(dilation)}")
    if g.top < 0 or g.left < 0 or g.top * 2 > g.kernel_y or g.left * 2 > g.kernel_x:
        raise ValueError(f"{name}: expected padding of at most half the kernel {tuple(kernel)}, got {tuple(padding)}")
    g.height = pooled_size(g.x_height, g.kernel_y, g.stride_y, g.top, g.dilation_y, ceil_mode)
    g.width = pooled_size(g.x_width, g.kernel_x, g.stride_x, g.left, g.dilation_x, ceil_mode)
    if g.height < 1 or g.width < 1:
        raise ValueError(f"{name}: kernel {tuple(kernel)} is larger than input {shape} with padding {tuple(padding)}")
    return 0


cdef inline void window(Py_ssize_t i, Py_ssize_t kernel, Py_ssize_t stride, Py_ssize_t pad, Py_ssize_t dilation,
                        Py_ssize_t n, Py_ssize_t* lo, Py_ssize_t* hi) noexcept nogil:
    """Taps lo to hi of window i that fall inside 0 .. n."""
    cdef Py_ssize_t start = i * stride - pad
    lo[0] = (-start + dilation - 1) // dilation if start < 0 else 0
    hi[0] = min(kernel, max((n - start + dilation - 1) // dilation, 0))


cdef cnp.ndarray run_planes(const Pool* g, PoolPlane plane, cnp.ndarray source, cnp.ndarray result, cnp.ndarray indices,
                            double work):
    """``plane`` on every plane of ``source`` and ``result``, and of ``indices`` unless None; returns the result."""
    cdef int threads = <int> min(threads_for(work, POOL_GRAIN), max(g.planes, 1))
    cdef Py_ssize_t i, n = max(g.planes, 1), item = cnp.PyArray_ITEMSIZE(source), at_size = 0
    cdef Py_ssize_t x_size = cnp.PyArray_SIZE(source) // n * item, y_size = cnp.PyArray_SIZE(result) // n * item
    cdef const char* x = <const char*> cnp.PyArray_DATA(source)
    cdef char* y = <char*> cnp.PyArray_DATA(result)
    cdef int64_t* at = NULL
    if indices is not None:
        at, at_size = <int64_t*> cnp.PyArray_DATA(indices), cnp.PyArray_SIZE(indices) // n
    with nogil:
        if threads == 1:
            for i in range(g.planes):
                plane(g, x + i * x_size, y + i * y_size, at + i * at_size)
        else:
            for i in prange(g.planes, num_threads=threads, schedule="static"):
                plane(g, x + i * x_size, y + i * y_size, at + i * at_size)
    return result


cdef inline PoolPlane of_type(int typenum, void* k32, void* k64) noexcept:
    return <PoolPlane> (k32 if typenum == cnp.NPY_FLOAT else k64)


# Maximum: the first of equals wins, NaN over every number

cdef void stage_pool_row(const floating* x, Py_ssize_t first, Py_ssize_t width, Py_ssize_t n, floating* out) noexcept nogil:
    """Elements first to first + n of a row, -inf outside it."""
    cdef Py_ssize_t j, lo = min(max(-first, 0), n), hi = max(min(width - first, n), lo)
    for j in range(lo):
        out[j] = <floating> -cmath.INFINITY
    memcpy(out + lo, x + first + lo, (hi - lo) * sizeof(floating))
    for j in range(hi, n):
        out[j] = <floating> -cmath.INFINITY


cdef void split_phases(const floating* x, Py_ssize_t n, floating* even, floating* odd) noexcept nogil:
    """GCC leaves the last vector of a loop over every other element to scalar code; one over both halves has no gaps."""
    cdef Py_ssize_t j
    for j in range(n):
        even[j] = x[2 * j]
        odd[j] = x[2 * j + 1]


cdef inline void max_row(const floating* x, Py_ssize_t step, Py_ssize_t n, int32_t offset, floating* highest,
                         int32_t* at) noexcept nogil:
    """One tap for n neighbouring windows; ``at`` is where in its window a maximum lies."""
    cdef Py_ssize_t j
    cdef floating value
    cdef bint wins
    for j in range(n):
        value = x[j * step]
        wins = (value > highest[j]) | (value != value)
        highest[j] = value if wins else highest[j]
        at[j] = offset if wins else at[j]


cdef void max_pool_window(const Pool* g, const floating* x, floating* y, int64_t* indices, Py_ssize_t i,
                          Py_ssize_t j) noexcept nogil:
    """Window (i, j), of any size."""
    cdef Py_ssize_t r, s, top, bottom, left, right, at
    cdef floating value, highest = <floating> -cmath.INFINITY
    window(i, g.kernel_y, g.stride_y, g.top, g.dilation_y, g.x_height, &top, &bottom)
    window(j, g.kernel_x, g.stride_x, g.left, g.dilation_x, g.x_width, &left, &right)
    indices[0] = -1
    for r in range(top, bottom):
        for s in range(left, right):
            at = (i * g.stride_y - g.top + r * g.dilation_y) * g.x_width + j * g.stride_x - g.left + s * g.dilation_x
            value = x[at]
            if indices[0] < 0 or value > highest or value != value:
                highest, indices[0] = value, at
    y[0] = highest


cdef void max_pool_span(const Pool* g, const floating* x, floating* y, int64_t* indices, Py_ssize_t i, Py_ssize_t j0,
                        Py_ssize_t n) noexcept nogil:
    """Windows j0 to j0 + n of row i; n * stride_x + reach is at most POOL_STAGE."""
    cdef floating stage[POOL_STAGE]
    cdef floating even_room[POOL_PHASE]
    cdef floating odd_room[POOL_PHASE]
    cdef floating* even = even_room
    cdef floating* odd = odd_room
    cdef floating highest[POOL_SPAN]
    cdef int32_t at[POOL_SPAN]
    cdef Py_ssize_t lanes = (n + POOL_LANES - 1) // POOL_LANES * POOL_LANES     # the tail as vectors too
    cdef Py_ssize_t j, r, s, top, bottom, left, right, step = g.stride_x
    cdef Py_ssize_t row = i * g.stride_y - g.top, column = j0 * g.stride_x - g.left
    # read in whole pairs of vectors where phases are split
    cdef Py_ssize_t length = (lanes * step + (g.kernel_x - 1) * g.dilation_x + 31) // 32 * 32
    cdef Py_ssize_t last = column + (n - 1) * step + (g.kernel_x - 1) * g.dilation_x
    cdef int64_t first = row * g.x_width + column
    cdef int32_t offset, least = 0
    cdef const floating* line
    for j in range(lanes):
        highest[j], at[j] = <floating> -cmath.INFINITY, -1
    window(i, g.kernel_y, g.stride_y, g.top, g.dilation_y, g.x_height, &top, &bottom)
    for r in range(top, bottom):
        line = x + (row + r * g.dilation_y) * g.x_width + column
        # lanes beyond n are dropped: what they read must only be inside the plane
        if column < 0 or last >= g.x_width or (row + r * g.dilation_y) * g.x_width + column + length > (
                g.x_height * g.x_width):
            stage_pool_row(line - column, column, g.x_width, length, stage)
            line = stage
        if step == 2:
            split_phases(line, (length + 2 * POOL_LANES - 1) // (2 * POOL_LANES) * POOL_LANES, even, odd)
        for s in range(g.kernel_x):
            offset = <int32_t> (r * g.dilation_y * g.x_width + s * g.dilation_x)
            if step == 2:
                line = odd if s * g.dilation_x & 1 else even
                max_row(line + (s * g.dilation_x >> 1), 1, lanes, offset, highest, at)
            elif step == 1:
                max_row(line + s * g.dilation_x, 1, lanes, offset, highest, at)
            else:
                max_row(line + s * g.dilation_x, step, lanes, offset, highest, at)
    for j in range(n):
        y[j] = highest[j]
        indices[j] = first + j * step + at[j]
        least = min(least, at[j])
    if least < 0:                                       # nothing above -inf: the first element
        for j in range(n):
            if at[j] < 0:
                window(j0 + j, g.kernel_x, g.stride_x, g.left, g.dilation_x, g.x_width, &left, &right)
                if top >= bottom or left >= right:      # dilated past the image on both sides
                    indices[j] = -1
                else:
                    indices[j] = first + j * step + top * g.dilation_y * g.x_width + left * g.dilation_x


cdef inline bint by_pairs(const Pool* g) noexcept nogil:
    """The windows are 2 x 2, side by side and wholly within the image."""
    return (g.kernel_y == 2 and g.kernel_x == 2 and g.stride_y == 2 and g.stride_x == 2 and g.dilation_y == 1
            and g.dilation_x == 1 and g.top == 0 and g.left == 0 and 2 * g.height <= g.x_height
            and 2 * g.width <= g.x_width)


cdef void max_pool_plane(const Pool* g, const floating* x, floating* y, int64_t* indices) noexcept nogil:
    cdef Py_ssize_t i, j, span = POOL_SPAN, reach = (g.kernel_x - 1) * g.dilation_x + 32
    if floating is float:
        if INTERLEAVED == 16 and by_pairs(g):
            for i in range(g.height):
                j = 2 * i * g.x_width
                pool_pairs32(x + j, g.x_width, j, g.width, y + i * g.width, indices + i * g.width)
            return
    while span > POOL_LANES and span * g.stride_x + reach > POOL_STAGE:
        span -= POOL_LANES
    for i in range(g.height):
        if g.width < POOL_NARROW or span * g.stride_x + reach > POOL_STAGE:
            for j in range(g.width):
                max_pool_window(g, x, y + i * g.width + j, indices + i * g.width + j, i, j)
        else:
            j = 0
            while j < g.width:
                max_pool_span(g, x, y + i * g.width + j, indices + i * g.width + j, i, j, min(g.width - j, span))
                j += span


cdef void max_pool_backward_plane(const Pool* g, const floating* dy, floating* dx, int64_t* indices) noexcept nogil:
    cdef Py_ssize_t i, size = g.x_height * g.x_width
    memset(dx, 0, size * sizeof(floating))
    for i in range(g.height * g.width):
        if <uint64_t> indices[i] < <uint64_t> size:
            dx[indices[i]] += dy[i]
        elif indices[i] != -1:
            g.fault[0] = True


def max_pool2d(x, kernel, stride, padding, dilation, bint ceil_mode):
    """Largest element of each window, and its index within the plane (int64, row-major).

    A window that dilation puts wholly outside the image gives -inf and -1.
    """
    cdef cnp.ndarray a = contiguous(x), indices
    cdef Pool g
    cdef int t = float_type(a)
    pool_shape("max_pool2d", x, kernel, stride, padding, dilation, ceil_mode, &g)
    shape = np.shape(x)[:2] + (g.height, g.width)
    indices = empty_shape(shape, cnp.NPY_INT64)
    y = empty_shape(shape, t)
    run_planes(&g, of_type(t, <void*> max_pool_plane[float], <void*> max_pool_plane[double]), a, y, indices,
               <double> g.planes * g.height * g.width * g.kernel_y * g.kernel_x)
    return y, indices


def max_pool2d_backward(dy, indices, x_shape):
    """dx of ``x_shape``: each element of dy added where its maximum was."""
    cdef PoolPlane plane
    cdef bint fault = False
    cdef cnp.ndarray d = contiguous(dy), at = contiguous(indices)
    cdef Pool g
    cdef int t = float_type(d)
    cdef tuple shape = tuple(x_shape), dy_shape = np.shape(dy)
    if len(shape) != 4 or len(dy_shape) != 4 or dy_shape[:2] != shape[:2] or dy_shape != np.shape(indices):
        raise ValueError(f"max_pool2d_backward: dy {dy_shape}, indices {np.shape(indices)} and input {shape} "
                         "do not match")
    if cnp.PyArray_TYPE(at) != cnp.NPY_INT64:
        raise TypeError(f"max_pool2d_backward: expected int64 indices, got {at.dtype}")
    g.planes, g.x_height, g.x_width = shape[0] * shape[1], shape[2], shape[3]
    g.height, g.width = dy_shape[2], dy_shape[3]
    g.fault = &fault
    plane = of_type(t, <void*> max_pool_backward_plane[float], <void*> max_pool_backward_plane[double])
    dx = run_planes(&g, plane, d, empty_shape(shape, t), at,
                    <double> g.planes * (g.x_height * g.x_width + g.height * g.width))
    if fault:
        raise ValueError(f"max_pool2d_backward: indices reach outside the planes of input {shape}")
    return dx
