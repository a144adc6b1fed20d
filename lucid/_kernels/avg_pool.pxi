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


cdef inline void sum_window_rows(const floating* x, Py_ssize_t stride, Py_ssize_t rows, Py_ssize_t n,
                                 double* acc) noexcept nogil:
    """acc = the sum of rows, ``stride`` apart, of n elements; never -0, so that a 0 added changes nothing."""
    cdef Py_ssize_t r, j
    if rows == 2:
        for j in range(n):
            acc[j] = 0.0 + <double> x[j] + x[stride + j]
    elif rows == 3:
        for j in range(n):
            acc[j] = 0.0 + <double> x[j] + x[stride + j] + x[2 * stride + j]
    else:
        for j in range(n):
            acc[j] = 0.0 + <double> x[j]
        for r in range(1, rows):
            for j in range(n):
                acc[j] += x[r * stride + j]


cdef inline void sum_columns(const double* acc, Py_ssize_t step, Py_ssize_t kernel, Py_ssize_t n,
                              double* totals) noexcept nogil:
    """Sums of n windows over ``kernel`` columns, ``step`` apart."""
    cdef Py_ssize_t j, s
    if kernel == 2:
        for j in range(n):
            totals[j] = acc[j * step] + acc[j * step + 1]
    elif kernel == 3:
        for j in range(n):
            totals[j] = acc[j * step] + acc[j * step + 1] + acc[j * step + 2]
    else:
        for j in range(n):
            totals[j] = acc[j * step]
        for s in range(1, kernel):
            for j in range(n):
                totals[j] += acc[j * step + s]


cdef inline void divide_sums(const double* totals, double divisor, floating* y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    cdef int exponent
    if cmath.fabs(cmath.frexp(divisor, &exponent)) == 0.5:      # a power of two: the same, and no division
        divisor = 1 / divisor
        for j in range(n):
            y[j] = <floating> (totals[j] * divisor)
    else:
        for j in range(n):
            y[j] = <floating> (totals[j] / divisor)


cdef void avg_pool_span(const Pool* g, const floating* x, floating* y, Py_ssize_t i, Py_ssize_t j0, Py_ssize_t n,
                        Py_ssize_t top, Py_ssize_t bottom) noexcept nogil:
    """Windows j0 to j0 + n of row i, whose columns fit a strip: sums over the rows of a window first, then over its columns."""
    cdef double acc[POOL_STRIP]
    cdef double totals[POOL_STRIP]
    cdef Py_ssize_t j, left, right, step = g.stride_x, column = j0 * step - g.left
    cdef Py_ssize_t reach = column + (n - 1) * step + g.kernel_x, lo = max(column, 0), hi = min(reach, g.x_width)
    memset(acc, 0, (lo - column) * sizeof(double))
    if bottom > top:
        sum_window_rows(x + (i * g.stride_y - g.top + top) * g.x_width + lo, g.x_width, bottom - top, hi - lo,
                        acc + lo - column)
    else:
        memset(acc + lo - column, 0, (hi - lo) * sizeof(double))
    memset(acc + hi - column, 0, (reach - hi) * sizeof(double))
    if step == 1:
        sum_columns(acc, 1, g.kernel_x, n, totals)
    elif step == 2:
        sum_columns(acc, 2, g.kernel_x, n, totals)
    else:
        for j in range(n):
            totals[j] = 0
            for left in range(g.kernel_x):
                totals[j] += acc[j * step + left]
    if g.divisor != 0 or (lo == column and hi == reach):
        divide_sums(totals, window_divisor(g, i, j0, (bottom - top) * g.kernel_x), y, n)
        return
    for j in range(n):
        window(j0 + j, g.kernel_x, step, g.left, 1, g.x_width, &left, &right)
        y[j] = <floating> (totals[j] / window_divisor(g, i, j0 + j, (bottom - top) * (right - left)))


cdef void avg_pool_plane(const Pool* g, const floating* x, floating* y, int64_t* indices) noexcept nogil:
    cdef Py_ssize_t i, j, n, top, bottom, left, right, column
    cdef Py_ssize_t first = (g.left + g.stride_x - 1) // g.stride_x      # windows first to last lie between the edges
    cdef Py_ssize_t last = (g.x_width + g.left - g.kernel_x) // g.stride_x + 1 if g.x_width + g.left >= g.kernel_x else 0
    cdef Py_ssize_t per_strip = max(1, (POOL_STRIP - g.kernel_x) // g.stride_x + 1) if g.kernel_x <= POOL_STRIP else 0
    for i in range(g.height):
        window(i, g.kernel_y, g.stride_y, g.top, 1, g.x_height, &top, &bottom)
        j = 0
        while j < g.width:
            n = 1
            if per_strip:
                n = min(per_strip, (first if j < first else last if j < last else g.width) - j)
                n = min(n, g.width - j)
                avg_pool_span(g, x, y + j, i, j, n, top, bottom)
            else:
                window(j, g.kernel_x, g.stride_x, g.left, 1, g.x_width, &left, &right)
                column = j * g.stride_x - g.left
                column += (i * g.stride_y - g.top + top) * g.x_width
                y[j] = <floating> (wide_window(g, x + column, bottom - top, left, right)
                                   / window_divisor(g, i, j, (bottom - top) * (right - left)))
            j += n
        y += g.width


cdef double wide_window(const Pool* g, const floating* x, Py_ssize_t rows, Py_ssize_t left,
                        Py_ssize_t right) noexcept nogil:
    """The sum of a window that is wider than a strip."""
    cdef Py_ssize_t r, s
    cdef double total = 0
    for r in range(rows):
        for s in range(left, right):
            total += x[r * g.x_width + s]
    return total


cdef inline void spread_shares(const floating* shares, Py_ssize_t step, Py_ssize_t kernel, Py_ssize_t n,
                               floating* strip) noexcept nogil:
    """Each of n shares added to the ``kernel`` columns of its window; a column gets those of the first windows first."""
    cdef Py_ssize_t j, s
    for s in range(kernel - 1, -1, -1):
        for j in range(n):
            strip[j * step + s] += shares[j]


cdef void share_out(const Pool* g, const floating* dy, Py_ssize_t i, Py_ssize_t rows, Py_ssize_t first, Py_ssize_t j,
                    Py_ssize_t n, floating* strip) noexcept nogil:
    """Windows j to j + n of row i, for columns from ``first`` on; those before it, up to kernel_x, are written too."""
    cdef floating shares[POOL_STRIP]
    cdef Py_ssize_t r, left, right, column = j * g.stride_x - g.left
    cdef floating divisor = <floating> window_divisor(g, i, j, rows * g.kernel_x)
    for r in range(n):
        shares[r] = dy[j + r] / divisor
    r = 0
    while r < n and g.divisor == 0:         # those over the edges have other divisors
        left = column + r * g.stride_x
        if left < 0 or left + g.kernel_x > g.x_width:
            window(j + r, g.kernel_x, g.stride_x, g.left, 1, g.x_width, &left, &right)
            shares[r] = dy[j + r] / <floating> window_divisor(g, i, j + r, rows * (right - left))
            r += 1
        else:
            r = max(r + 1, min(n, (g.x_width - g.kernel_x - column) // g.stride_x + 1))
    strip += column - first
    if g.stride_x == 1:
        spread_shares(shares, 1, g.kernel_x, n, strip)
    elif g.stride_x == 2:
        spread_shares(shares, 2, g.kernel_x, n, strip)
    else:
        spread_shares(shares, g.stride_x, g.kernel_x, n, strip)


cdef void share_out_wide(const Pool* g, const floating* dy, Py_ssize_t i, Py_ssize_t rows, Py_ssize_t first, Py_ssize_t width,
                         Py_ssize_t j0, Py_ssize_t j1, floating* strip) noexcept nogil:
    """Windows j0 to j1, of any size, for ``width`` columns alone."""
    cdef Py_ssize_t j, s, left, right, column
    cdef floating share
    for j in range(j0, j1):
        window(j, g.kernel_x, g.stride_x, g.left, 1, g.x_width, &left, &right)
        share = dy[j] / <floating> window_divisor(g, i, j, rows * (right - left))
        column = j * g.stride_x - g.left - first
        for s in range(max(left, -column), min(right, width - column)):
            strip[column + s] += share


cdef void add_strip(const floating* strip, Py_ssize_t width, floating* row, Py_ssize_t stride, Py_ssize_t rows,
                    Py_ssize_t empty) noexcept nogil:
    """Added to each of the rows, ``stride`` apart, except that those from ``empty`` on have nothing yet."""
    cdef Py_ssize_t r, s
    for r in range(rows):
        if r >= empty:
            memcpy(row + r * stride, strip, width * sizeof(floating))
        else:
            for s in range(width):
                row[r * stride + s] += strip[s]


cdef void avg_pool_backward_plane(const Pool* g, const floating* dy, floating* dx, int64_t* indices) noexcept nogil:
    """The shares of a row of windows are added up per column, and that row to each of the rows of the windows."""
    cdef floating room[POOL_STRIP]
    cdef floating* strip = room
    cdef Py_ssize_t i, j0, j1, top, bottom, first, width, most = POOL_STRIP, done = 0
    cdef bint narrow = 4 * g.kernel_x <= POOL_STRIP
    if narrow:              # room for what windows write before the strip and beyond it
        strip, most = room + g.kernel_x, POOL_STRIP - 2 * g.kernel_x
    for i in range(g.height):
        window(i, g.kernel_y, g.stride_y, g.top, 1, g.x_height, &top, &bottom)
        top, bottom, first = top + i * g.stride_y - g.top, bottom + i * g.stride_y - g.top, 0
        if top > done:
            memset(dx + done * g.x_width, 0, (top - done) * g.x_width * sizeof(floating))
            done = top
        while first < g.x_width:
            width = min(most, g.x_width - first)
            memset(room, 0, POOL_STRIP * sizeof(floating))
            # the windows that reach into columns first to first + width
            j0 = (first + g.left - g.kernel_x) // g.stride_x + 1 if first + g.left >= g.kernel_x else 0
            j1 = min(g.width, (first + width + g.left + g.stride_x - 1) // g.stride_x)
            if narrow and j0 < j1:
                share_out(g, dy + i * g.width, i, bottom - top, first, j0, j1 - j0, strip)
            else:
                share_out_wide(g, dy + i * g.width, i, bottom - top, first, width, j0, j1, strip)
            add_strip(strip, width, dx + top * g.x_width + first, g.x_width, bottom - top, done - top)
            first += most
        done = max(done, bottom)
    memset(dx + done * g.x_width, 0, (g.x_height - done) * g.x_width * sizeof(floating))


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


cdef inline Py_ssize_t adaptive_start(Py_ssize_t i, Py_ssize_t windows, Py_ssize_t n) noexcept nogil:
    return i * n // windows


cdef inline Py_ssize_t adaptive_end(Py_ssize_t i, Py_ssize_t windows, Py_ssize_t n) noexcept nogil:
    return ((i + 1) * n + windows - 1) // windows


cdef void adaptive_avg_plane(const Pool* g, const floating* x, floating* y, int64_t* indices) noexcept nogil:
    """Sums over the rows of a window first, for POOL_STRIP columns at a time, then over its columns."""
    cdef double acc[POOL_STRIP]
    cdef Py_ssize_t i, j, s, top, bottom, left, right, lo, hi
    cdef double total
    for i in range(g.height):
        top, bottom = adaptive_start(i, g.height, g.x_height), adaptive_end(i, g.height, g.x_height)
        lo, hi = 0, 0                                   # the columns in acc
        for j in range(g.width):
            left, right = adaptive_start(j, g.width, g.x_width), adaptive_end(j, g.width, g.x_width)
            if right - left > POOL_STRIP:
                total = block_sum(x + top * g.x_width + left, g.x_width, bottom - top, right - left)
            else:
                if right > hi:
                    lo, hi = left, min(left + POOL_STRIP, g.x_width)
                    sum_window_rows(x + top * g.x_width + lo, g.x_width, bottom - top, hi - lo, acc)
                total = 0
                for s in range(left - lo, right - lo):
                    total += acc[s]
            y[i * g.width + j] = <floating> (total / ((bottom - top) * (right - left)))


cdef void adaptive_avg_backward_plane(const Pool* g, const floating* dy, floating* dx, int64_t* indices) noexcept nogil:
    """The shares of a row of windows are added up per column, and that row to each of the rows of the windows."""
    cdef floating strip[POOL_STRIP]
    cdef Py_ssize_t i, j, s, top, bottom, left, right, first, width, done = 0
    cdef floating share
    for i in range(g.height):
        top, bottom = adaptive_start(i, g.height, g.x_height), adaptive_end(i, g.height, g.x_height)
        first = 0
        while first < g.x_width:
            width = min(<Py_ssize_t> POOL_STRIP, g.x_width - first)
            memset(strip, 0, width * sizeof(floating))
            for j in range(first * g.width // g.x_width, g.width):
                left, right = adaptive_start(j, g.width, g.x_width), adaptive_end(j, g.width, g.x_width)
                if left >= first + width:
                    break
                share = dy[i * g.width + j] / <floating> ((bottom - top) * (right - left))
                for s in range(max(left - first, 0), min(right - first, width)):
                    strip[s] += share
            add_strip(strip, width, dx + top * g.x_width + first, g.x_width, bottom - top, done - top)
            first += POOL_STRIP
        done = bottom


cdef bint even_windows(Pool* g) noexcept nogil:
    """Whether the windows are those of a pooling with a stride, which ``g`` then has; narrow ones."""
    if g.x_height % g.height or g.x_width % g.width or g.x_width // g.width > POOL_STRIP // 4:
        return False
    g.kernel_y = g.stride_y = g.x_height // g.height
    g.kernel_x = g.stride_x = g.x_width // g.width
    g.top = g.left = 0
    g.dilation_y = g.dilation_x = 1
    g.include_pad, g.divisor = False, 0
    return True


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
    cdef PoolPlane plane
    cdef Pool g
    cdef int t = float_type(a)
    adaptive_shape("adaptive_avg_pool2d", np.shape(x), size, &g)
    if g.height == g.width == 1:
        return mean(a, (2, 3), True)
    plane = of_type(t, <void*> adaptive_avg_plane[float], <void*> adaptive_avg_plane[double])
    if even_windows(&g):
        plane = of_type(t, <void*> avg_pool_plane[float], <void*> avg_pool_plane[double])
    return run_planes(&g, plane, a, empty_shape(np.shape(x)[:2] + (g.height, g.width), t), None,
                      <double> g.planes * (g.x_height * g.x_width + 4 * g.height * g.width))


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
    if even_windows(&g):
        plane = of_type(t, <void*> avg_pool_backward_plane[float], <void*> avg_pool_backward_plane[double])
    return run_planes(&g, plane, d, empty_shape(shape, t), None,
                      <double> g.planes * (g.x_height * g.x_width + 4 * g.height * g.width))
