# Average and adaptive average pooling.

cdef inline double window_divisor(const Pool* g, Py_ssize_t i, Py_ssize_t j, Py_ssize_t taps) noexcept nogil:
    """What the sum of window (i, j), with ``taps`` elements inside the image, is divided by."""
    cdef Py_ssize_t top = i * g.stride_y - g.top, left = j * g.stride_x - g.left, height, width
    if g.divisor != 0:
        return g.divisor
    if not g.include_pad:
        return <double> taps
    # counted padding ends where the padded image does: a window over its edge is cut
    height = min(top + g.kernel_y, g.x_height + g.top) - top
    width = min(left + g.kernel_x, g.x_width + g.left) - left
    return <double> (height * width)


cdef inline void sum_window_rows(const floating* x, Py_ssize_t stride, Py_ssize_t rows, Py_ssize_t n, double* acc) noexcept nogil:
    """acc = the sum of rows, ``stride`` apart, of n elements."""
    cdef Py_ssize_t r, j
    for j in range(n):
        acc[j] = x[j]
    for r in range(1, rows):
        for j in range(n):
            acc[j] += x[r * stride + j]


cdef void avg_pool_plane(const Pool* g, const floating* x, floating* y, int64_t* indices) noexcept nogil:
    """Sums over the rows of a window first, for POOL_STRIP columns at a time, then over its columns."""
    cdef double acc[POOL_STRIP]
    cdef Py_ssize_t i, j, s, top, bottom, left, right, lo, hi, start, column, per_strip
    cdef double total
    per_strip = max(1, (POOL_STRIP - g.kernel_x) // g.stride_x + 1) if g.kernel_x <= POOL_STRIP else 0
    for i in range(g.height):
        window(i, g.kernel_y, g.stride_y, g.top, 1, g.x_height, &top, &bottom)
        start = (i * g.stride_y - g.top + top) * g.x_width
        hi = 0                                          # windows before this one have their columns in acc
        lo = 0
        for j in range(g.width):
            window(j, g.kernel_x, g.stride_x, g.left, 1, g.x_width, &left, &right)
            column = j * g.stride_x - g.left
            total = 0
            if bottom > top and per_strip:
                if j >= hi:
                    lo = column + left
                    hi = j + per_strip
                    sum_window_rows(x + start + lo, g.x_width, bottom - top, max(min(lo + POOL_STRIP, g.x_width) - lo, 0), acc)
                for s in range(left, right):
                    total += acc[column + s - lo]
            else:
                total = wide_window(g, x + start + column, bottom - top, left, right)
            y[0] = <floating> (total / window_divisor(g, i, j, (bottom - top) * (right - left)))
            y += 1


cdef double wide_window(const Pool* g, const floating* x, Py_ssize_t rows, Py_ssize_t left,
                        Py_ssize_t right) noexcept nogil:
    """The sum of a window that is wider than a strip."""
    cdef Py_ssize_t r, s
    cdef double total = 0
    for r in range(rows):
        for s in range(left, right):
            total += x[r * g.x_width + s]
    return total


cdef void avg_pool_backward_plane(const Pool* g, const floating* dy, floating* dx, int64_t* indices) noexcept nogil:
    """The shares of a row of windows are added up per column, and that row to each of the rows of the windows."""
    cdef floating strip[POOL_STRIP]
    cdef Py_ssize_t i, j, r, s, top, bottom, left, right, first, width, column
    cdef floating* row
    cdef floating share
    memset(dx, 0, g.x_height * g.x_width * sizeof(floating))
    for i in range(g.height):
        window(i, g.kernel_y, g.stride_y, g.top, 1, g.x_height, &top, &bottom)
        row = dx + (i * g.stride_y - g.top) * g.x_width
        first = 0
        while first < g.x_width:
            width = min(POOL_STRIP, g.x_width - first)
            memset(strip, 0, width * sizeof(floating))
            # the windows that reach into columns first to first + width
            j = max(0, (first + g.left - g.kernel_x) // g.stride_x)
            while j < g.width and j * g.stride_x - g.left < first + width:
                window(j, g.kernel_x, g.stride_x, g.left, 1, g.x_width, &left, &right)
                share = dy[i * g.width + j] / <floating> window_divisor(g, i, j, (bottom - top) * (right - left))
                column = j * g.stride_x - g.left - first
                for s in range(max(left, -column), min(right, width - column)):
                    strip[column + s] += share
                j += 1
            for r in range(top, bottom):
                for s in range(width):
                    row[r * g.x_width + first + s] += strip[s]
            first += POOL_STRIP


cdef int avg_pool_shape(str name, x, kernel, stride, padding, bint ceil_mode, bint count_include_pad, divisor_override,
                        Pool* g) except -1:
    pool_shape(name, x, kernel, stride, padding, (1, 1), ceil_mode, g)
    if divisor_override == 0:
        raise ValueError(f"{name}: divisor_override is zero")
    g.include_pad = count_include_pad
    g.divisor = 0 if divisor_override is None else divisor_override
    return 0


def avg_pool2d(x, kernel, stride, padding, bint ceil_mode, bint count_include_pad, divisor_override):
    """Mean of each window over its elements in the image, or in the padded image; or their sum over a given divisor."""
    cdef cnp.ndarray a = contiguous(x)
    cdef Pool g
    cdef int t = float_type(a)
    avg_pool_shape("avg_pool2d", x, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override, &g)
    return run_planes(&g, of_type(t, <void*> avg_pool_plane[float], <void*> avg_pool_plane[double]), a,
                      empty_shape(np.shape(x)[:2] + (g.height, g.width), t), None,
                      <double> g.planes * g.height * g.width * g.kernel_y * g.kernel_x)


def avg_pool2d_backward(dy, x_shape, kernel, stride, padding, bint ceil_mode, bint count_include_pad, divisor_override):
    """dx of ``x_shape``: each element of dy spread evenly over its window."""
    cdef cnp.ndarray d = contiguous(dy), dx
    cdef PoolPlane plane
    cdef Pool g
    cdef int t = float_type(d)
    dx = empty_shape(tuple(x_shape), t)
    avg_pool_shape("avg_pool2d_backward", dx, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override,
                   &g)
    shape = np.shape(dx)[:2] + (g.height, g.width)
    if np.shape(dy) != shape:
        raise ValueError(f"avg_pool2d_backward: expected dy {shape}, got {np.shape(dy)}")
    plane = of_type(t, <void*> avg_pool_backward_plane[float], <void*> avg_pool_backward_plane[double])
    return run_planes(&g, plane, d, dx, None,
                      <double> g.planes * (g.x_height * g.x_width + g.height * g.width * g.kernel_y * g.kernel_x))


# Adaptive average: window i of n over an axis of size m is floor(i m / n) to ceil((i + 1) m / n)

cdef double block_sum(const floating* x, Py_ssize_t row, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    """Sum of a block: 32 lanes side by side, added at the end with what is left of each row."""
    cdef floating acc[32]
    cdef double total = 0
    cdef Py_ssize_t i, first
    cdef int j
    if columns == row:
        columns, rows = columns * rows, 1
    for j in range(32):
        acc[j] = 0
    for i in range(rows):
        first = 0
        while first + 32 <= columns:
            for j in range(32):
                acc[j] += x[i * row + first + j]
            first += 32
        while first < columns:
            total += x[i * row + first]
            first += 1
    for j in range(32):
        total += acc[j]
    return total


cdef void adaptive_avg_plane(const Pool* g, const floating* x, floating* y, int64_t* indices) noexcept nogil:
    cdef Py_ssize_t i, j, top, bottom, left, right
    cdef double total
    for i in range(g.height):
        top, bottom = i * g.x_height // g.height, ((i + 1) * g.x_height + g.height - 1) // g.height
        for j in range(g.width):
            left, right = j * g.x_width // g.width, ((j + 1) * g.x_width + g.width - 1) // g.width
            total = block_sum(x + top * g.x_width + left, g.x_width, bottom - top, right - left)
            y[i * g.width + j] = <floating> (total / ((bottom - top) * (right - left)))


cdef void adaptive_avg_backward_plane(const Pool* g, const floating* dy, floating* dx, int64_t* indices) noexcept nogil:
    cdef Py_ssize_t i, j, r, s, top, bottom, left, right
    cdef floating share
    memset(dx, 0, g.x_height * g.x_width * sizeof(floating))
    for i in range(g.height):
        top, bottom = i * g.x_height // g.height, ((i + 1) * g.x_height + g.height - 1) // g.height
        for j in range(g.width):
            left, right = j * g.x_width // g.width, ((j + 1) * g.x_width + g.width - 1) // g.width
            share = dy[i * g.width + j] / <floating> ((bottom - top) * (right - left))
            for r in range(top, bottom):
                for s in range(left, right):
                    dx[r * g.x_width + s] += share


cdef int adaptive_shape(str name, tuple x_shape, size, Pool* g) except -1:
    if len(x_shape) != 4:
        raise ValueError(f"{name}: expected 4-d input, got {x_shape}")
    g.planes, g.x_height, g.x_width = x_shape[0] * x_shape[1], x_shape[2], x_shape[3]
    g.height, g.width = size
    if min(g.height, g.width, g.x_height, g.x_width) < 1:
        raise ValueError(f"{name}: expected a positive output size and a non-empty image, got {tuple(size)}, "
                         f"input {x_shape}")
    return 0


def adaptive_avg_pool2d(x, size):
    """Means over the size[0] by size[1] windows that cover the image as evenly as whole pixels allow."""
    cdef cnp.ndarray a = contiguous(x)
    cdef Pool g
    cdef int t = float_type(a)
    adaptive_shape("adaptive_avg_pool2d", np.shape(x), size, &g)
    if g.height == g.width == 1:
        return mean(a, (2, 3), True)
    return run_planes(&g, of_type(t, <void*> adaptive_avg_plane[float], <void*> adaptive_avg_plane[double]), a,
                      empty_shape(np.shape(x)[:2] + (g.height, g.width), t), None,
                      <double> g.planes * (g.x_height * g.x_width + g.height * g.width))


def adaptive_avg_pool2d_backward(dy, x_shape):
    """dx of ``x_shape``: each element of dy spread evenly over its window."""
    cdef cnp.ndarray d = contiguous(dy)
    cdef Pool g
    cdef int t = float_type(d)
    cdef tuple shape = tuple(x_shape), dy_shape = np.shape(dy)
    cdef PoolPlane plane
    if len(dy_shape) != 4 or dy_shape[:2] != shape[:2]:
        raise ValueError(f"adaptive_avg_pool2d_backward: dy {dy_shape} and input {shape} do not match")
    adaptive_shape("adaptive_avg_pool2d_backward", shape, dy_shape[2:], &g)
    if g.height == g.width == 1:
        scale = np.asarray(g.x_height * g.x_width, d.dtype)
        return expand(div(d, scale), shape)
    plane = of_type(t, <void*> adaptive_avg_backward_plane[float], <void*> adaptive_avg_backward_plane[double])
    return run_planes(&g, plane, d, empty_shape(shape, t), None,
                      <double> g.planes * (g.x_height * g.x_width + g.height * g.width))
