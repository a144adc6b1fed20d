# Maxima of windows without their places: those of every row first, then of columns of these, so that windows share work.
#
# Of equal elements the first one is taken, of NaN the last, as if row by row: rows come first here, too, so that even the
# sign of a zero is that of pool.pxi. Windows far apart are taken from several rows at once, which are transposed.

cdef extern from *:
    """
    #define LUCID_PAIRS 256
    /* y[j] = the maximum of x[j], x[step + j], ... */
    #define LUCID_HIGHER(v, h) ((v) != (v) ? (v) : (v) > (h) ? (v) : (h))
    #define LUCID_HIGHEST(name, pairs, real) \\
    LUCID_ALWAYS void name(const real *__restrict x, Py_ssize_t step, Py_ssize_t taps, real *__restrict y, Py_ssize_t n) { \\
        Py_ssize_t i = 4; \\
        if (taps < 1) LUCID_ROLLED for (Py_ssize_t j = 0; j < n; j++) y[j] = -INFINITY; \\
        else if (taps == 1) memcpy(y, x, n * sizeof(real)); \\
        else if (taps == 2) LUCID_ROLLED for (Py_ssize_t j = 0; j < n; j++) y[j] = LUCID_HIGHER(x[step + j], x[j]); \\
        else LUCID_ROLLED for (Py_ssize_t j = 0; j < n; j++) { \\
            real h = LUCID_HIGHER(x[step + j], x[j]); \\
            y[j] = LUCID_HIGHER(x[2 * step + j], h); \\
        } \\
        if (taps > 3) LUCID_ROLLED for (Py_ssize_t j = 0; j < n; j++) y[j] = LUCID_HIGHER(x[3 * step + j], y[j]); \\
        for (; i + 4 <= taps; i += 4) LUCID_ROLLED for (Py_ssize_t j = 0; j < n; j++) { \\
            real h = LUCID_HIGHER(x[i * step + j], y[j]); \\
            h = LUCID_HIGHER(x[(i + 1) * step + j], h); \\
            h = LUCID_HIGHER(x[(i + 2) * step + j], h); \\
            y[j] = LUCID_HIGHER(x[(i + 3) * step + j], h); \\
        } \\
        for (; i < taps; i++) LUCID_ROLLED for (Py_ssize_t j = 0; j < n; j++) y[j] = LUCID_HIGHER(x[i * step + j], y[j]); \\
    } \\
    /* y[j] = the maximum of x[2 * j], x[2 * j + 1], ... for n <= LUCID_PAIRS and taps of 2 to LUCID_PAIRS */ \
    static void pairs(const real *__restrict x, Py_ssize_t taps, real *__restrict y, Py_ssize_t n) { \
        real even[2 * LUCID_PAIRS], odd[2 * LUCID_PAIRS]; \
        const Py_ssize_t m = n + (taps - 2) / 2; \
        for (Py_ssize_t j = 0; j < m; j++) even[j] = x[2 * j], odd[j] = x[2 * j + 1]; \
        if (taps & 1) even[m] = x[2 * m]; \
        if (taps == 3) for (Py_ssize_t j = 0; j < n; j++) { \
            real h = LUCID_HIGHER(odd[j], even[j]); \
            y[j] = LUCID_HIGHER(even[j + 1], h); \
        } \
        else for (Py_ssize_t j = 0; j < n; j++) y[j] = LUCID_HIGHER(odd[j], even[j]); \
        for (Py_ssize_t i = taps == 3 ? 3 : 2; i < taps; i++) { \
            const real *__restrict phase = (i & 1 ? odd : even) + i / 2; \
            for (Py_ssize_t j = 0; j < n; j++) y[j] = LUCID_HIGHER(phase[j], y[j]); \
        } \
    }
    /* The maximum of taps x LUCID_LINES elements in each lane, and which of the taps it is. */
    #define LUCID_LINES 16
    #define LUCID_FIRST_HIGHEST(name, real) \\
    static void name(const real *__restrict x, Py_ssize_t taps, real *__restrict y, int32_t *__restrict at) { \\
        for (int j = 0; j < LUCID_LINES; j++) y[j] = x[j], at[j] = 0; \\
        for (Py_ssize_t i = 1; i < taps; i++) LUCID_ROLLED for (int j = 0; j < LUCID_LINES; j++) { \\
            const real v = x[i * LUCID_LINES + j]; \\
            const int wins = (v > y[j]) | (v != v); \\
            y[j] = wins ? v : y[j]; \\
            at[j] = wins ? (int32_t) i : at[j]; \\
        } \\
    }
    LUCID_FIRST_HIGHEST(lucid_first_highest32, float)
    LUCID_FIRST_HIGHEST(lucid_first_highest64, double)
    LUCID_HIGHEST(lucid_highest32, lucid_pairs32, float)
    LUCID_HIGHEST(lucid_highest64, lucid_pairs64, double)
    """
    cdef enum:
        PAIRS "LUCID_PAIRS"
        HIGHEST_LINES "LUCID_LINES"             # rows side by side
    void first_highest32 "lucid_first_highest32" (const float* x, Py_ssize_t taps, float* y, int32_t* at) noexcept nogil
    void first_highest64 "lucid_first_highest64" (const double* x, Py_ssize_t taps, double* y, int32_t* at) noexcept nogil
    void highest32 "lucid_highest32" (const float* x, Py_ssize_t step, Py_ssize_t taps, float* y, Py_ssize_t n) noexcept nogil
    void highest64 "lucid_highest64" (const double* x, Py_ssize_t step, Py_ssize_t taps, double* y,
                                      Py_ssize_t n) noexcept nogil
    void pairs32 "lucid_pairs32" (const float* x, Py_ssize_t taps, float* y, Py_ssize_t n) noexcept nogil
    void pairs64 "lucid_pairs64" (const double* x, Py_ssize_t taps, double* y, Py_ssize_t n) noexcept nogil


cdef enum:
    HIGHEST_GRAIN = 32768       # comparisons
    HIGHEST_BAND = 1 << 15      # bytes of maxima of rows that are kept
    HIGHEST_STRIP = 128         # windows of theirs before they are transposed back


cdef struct WindowAxis:
    # window i: ``taps[i]`` elements from ``start[i]``, ``dilation`` apart
    Py_ssize_t n, windows, dilation
    Py_ssize_t* start
    Py_ssize_t* taps


cdef struct Highest:
    WindowAxis rows, columns
    Py_ssize_t planes
    Py_ssize_t step             # 1 or 2: windows first to last are as many columns apart and have ``kernel`` taps
    Py_ssize_t first, last, kernel
    Py_ssize_t band             # rows of windows at a time


cdef inline void highest(const floating* x, Py_ssize_t step, Py_ssize_t taps, floating* y, Py_ssize_t n) noexcept nogil:
    if floating is float:
        highest32(x, step, taps, y, n)
    else:
        highest64(x, step, taps, y, n)


cdef void highest_near(const Highest* g, const floating* x, Py_ssize_t rows, floating* y) noexcept nogil:
    """Windows along the rows where they are one or two columns apart."""
    cdef Py_ssize_t r, j, n = g.last - g.first
    cdef const WindowAxis* c = &g.columns
    for r in range(rows):
        for j in range(g.first):
            highest(x + c.start[j], c.dilation, c.taps[j], y + j, 1)
        if n > 0 and g.step == 1:
            highest(x + c.start[g.first], c.dilation, g.kernel, y + g.first, n)
        j = g.first
        while g.step == 2 and j < g.last:
            if floating is float:
                pairs32(x + c.start[j], g.kernel, y + j, min(g.last - j, <Py_ssize_t> PAIRS))
            else:
                pairs64(x + c.start[j], g.kernel, y + j, min(g.last - j, <Py_ssize_t> PAIRS))
            j += PAIRS
        for j in range(g.last, c.windows):
            highest(x + c.start[j], c.dilation, c.taps[j], y + j, 1)
        x += c.n
        y += c.windows


cdef void highest_lines(const Highest* g, const floating* x, Py_ssize_t rows, floating* y, floating* across) noexcept nogil:
    """Windows along the rows; ``across`` is room for HIGHEST_LINES of them."""
    cdef floating strip[HIGHEST_LINES * HIGHEST_STRIP]
    cdef Py_ssize_t row = 0, j, first, n
    cdef const WindowAxis* c = &g.columns
    if rows < HIGHEST_LINES:                # lanes of no row are compared as well
        memset(across, 0, c.n * HIGHEST_LINES * sizeof(floating))
    while row < rows:
        n, first = min(rows - row, <Py_ssize_t> HIGHEST_LINES), 0
        transpose(x + row * c.n, c.n, n, c.n, across, HIGHEST_LINES)
        while first < c.windows:
            for j in range(first, min(first + HIGHEST_STRIP, c.windows)):
                highest(across + c.start[j] * HIGHEST_LINES, c.dilation * HIGHEST_LINES, c.taps[j],
                        strip + (j - first) * HIGHEST_LINES, HIGHEST_LINES)
            transpose(strip, HIGHEST_LINES, min(<Py_ssize_t> HIGHEST_STRIP, c.windows - first), n,
                      y + row * c.windows + first, c.windows)
            first += HIGHEST_STRIP
        row += HIGHEST_LINES


cdef void highest_rows(const Highest* g, const floating* x, Py_ssize_t rows, floating* y, floating* across) noexcept nogil:
    if g.step:
        highest_near(g, x, rows, y)
    else:
        highest_lines(g, x, rows, y, across)


cdef Py_ssize_t band_of(const Highest* g, Py_ssize_t i, Py_ssize_t* end, Py_ssize_t* first) noexcept nogil:
    """The rows that windows i to ``end`` read, of which there may be none, and the first of them."""
    cdef const WindowAxis* r = &g.rows
    cdef Py_ssize_t k, last = 0
    end[0], first[0] = min(i + g.band, r.windows), r.n
    for k in range(i, end[0]):
        if r.taps[k] > 0:
            first[0] = min(first[0], r.start[k])
            last = max(last, r.start[k] + (r.taps[k] - 1) * r.dilation + 1)
    return max(last - first[0], 0)


cdef void highest_plane(const Highest* g, const floating* x, floating* y, floating* room, floating* across) noexcept nogil:
    cdef Py_ssize_t i = 0, k, end, first, rows, width = g.columns.windows
    cdef const WindowAxis* r = &g.rows
    while i < r.windows:
        rows = band_of(g, i, &end, &first)
        highest_rows(g, x + first * g.columns.n, rows, room, across)
        for k in range(i, end):
            highest(room + (r.start[k] - first) * width, r.dilation * width, r.taps[k], y + k * width, width)
        i = end


cdef void highest_part(const Highest* g, const floating* x, floating* y, floating* room, Py_ssize_t kept, bint flat,
                       Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Planes lo to hi, or of ``flat`` windows blocks of lines; ``kept`` elements of the room are for maxima of rows."""
    cdef Py_ssize_t i, size = g.columns.n, y_size = g.columns.windows
    if flat:
        lo, hi = lo * HIGHEST_LINES, min(hi * HIGHEST_LINES, g.planes * g.rows.n)
        highest_rows(g, x + lo * size, hi - lo, y + lo * y_size, room)
        return
    for i in range(lo, hi):
        highest_plane(g, x + i * g.rows.n * size, y + i * g.rows.windows * y_size, room, room + kept)


cdef bint run_highest(Highest* g, const floating* x, floating* y) noexcept nogil:
    """False when memory ran out."""
    cdef Py_ssize_t i, end, first, kept = 0, width = g.columns.windows, parts = g.planes, size
    cdef double taps_y = 0, taps_x = 0
    cdef bint flat = True
    cdef floating* room
    cdef int t, threads
    for i in range(g.rows.windows):
        taps_y += g.rows.taps[i]
        flat &= g.rows.windows == g.rows.n and g.rows.start[i] == i and g.rows.taps[i] == 1
    for i in range(width):
        taps_x += g.columns.taps[i]
    if flat:
        parts = (g.planes * g.rows.n + HIGHEST_LINES - 1) // HIGHEST_LINES
    else:
        g.band = max(<Py_ssize_t> (HIGHEST_BAND / (sizeof(floating) * width * g.rows.n / g.rows.windows + 1)),
                     <Py_ssize_t> (4 * taps_y / (g.rows.n + 1)), 1)
        i = 0
        while i < g.rows.windows:
            kept, i = max(kept, band_of(g, i, &end, &first) * width), i + g.band
    size = kept + (0 if g.step else g.columns.n * HIGHEST_LINES) + LINE
    threads = threads_for(g.planes * (taps_y * width + taps_x * g.rows.n), HIGHEST_GRAIN)
    threads = <int> max(min(<Py_ssize_t> threads, parts), 1)
    room = <floating*> workspace(threads * size * sizeof(floating))
    if room == NULL:
        return False
    if threads == 1:
        highest_part(g, x, y, room, kept, flat, 0, parts)
    else:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            highest_part(g, x, y, room + t * size, kept, flat, parts * t // threads, parts * (t + 1) // threads)
    release(room)
    return True


cdef cnp.ndarray highest_of(str name, cnp.ndarray x, Highest* g):
    """The maxima of the windows of ``g``."""
    cdef cnp.ndarray y
    cdef int t = cnp.PyArray_TYPE(x)
    cdef bint ok = True
    y = empty_shape(np.shape(x)[:2] + (g.rows.windows, g.columns.windows), t)
    if cnp.PyArray_SIZE(y):
        with nogil:
            if t == cnp.NPY_FLOAT:
                ok = run_highest(g, <const float*> cnp.PyArray_DATA(x), <float*> cnp.PyArray_DATA(y))
            else:
                ok = run_highest(g, <const double*> cnp.PyArray_DATA(x), <double*> cnp.PyArray_DATA(y))
    if not ok:
        raise MemoryError(f"{name}: no workspace for {np.shape(x)}")
    return y


cdef int empty_axes(str name, Highest* g) except -1:
    """Room for the windows of both axes, in one piece that begins with those of the rows."""
    cdef Py_ssize_t rows = g.rows.windows, columns = g.columns.windows
    g.rows.start = <Py_ssize_t*> workspace(2 * (rows + columns) * sizeof(Py_ssize_t))
    if g.rows.start == NULL:
        raise MemoryError(f"{name}: no workspace for {rows} x {columns} windows")
    g.rows.taps, g.columns.start = g.rows.start + rows, g.rows.start + 2 * rows
    g.columns.taps = g.columns.start + columns
    g.step = g.first = g.last = g.kernel = 0
    return 0


cdef void strided_axis(WindowAxis* a, Py_ssize_t kernel, Py_ssize_t stride, Py_ssize_t pad) noexcept nogil:
    cdef Py_ssize_t i, lo, hi
    for i in range(a.windows):
        window(i, kernel, stride, pad, a.dilation, a.n, &lo, &hi)
        a.taps[i] = max(hi - lo, 0)
        a.start[i] = i * stride - pad + lo * a.dilation if hi > lo else 0


def max_pool2d_values(x, kernel, stride, padding, dilation, bint ceil_mode):
    """`max_pool2d` without indices."""
    cdef cnp.ndarray a = contiguous(x)
    cdef Pool p
    cdef Highest g
    float_type(a)
    pool_shape("max_pool2d_values", x, kernel, stride, padding, dilation, ceil_mode, &p)
    g.planes, g.rows.n, g.columns.n = p.planes, p.x_height, p.x_width
    g.rows.windows, g.columns.windows = p.height, p.width
    g.rows.dilation, g.columns.dilation = p.dilation_y, p.dilation_x
    empty_axes("max_pool2d_values", &g)
    strided_axis(&g.rows, p.kernel_y, p.stride_y, p.top)
    strided_axis(&g.columns, p.kernel_x, p.stride_x, p.left)
    if p.stride_x == 1 or (p.stride_x == 2 and p.dilation_x == 1 and 2 <= p.kernel_x <= PAIRS):
        g.step, g.kernel, g.last = p.stride_x, p.kernel_x, p.width
        while g.first < g.last and g.columns.taps[g.first] != g.kernel:
            g.first += 1
        while g.first < g.last and g.columns.taps[g.last - 1] != g.kernel:
            g.last -= 1
    try:
        return highest_of("max_pool2d_values", a, &g)
    finally:
        release(g.rows.start)


# Windows of any place and size

cdef void windows_plane(const Highest* g, const floating* x, floating* y, int64_t* indices, floating* room) noexcept nogil:
    """The maxima of rows, of several rows at once, and of those the maxima of columns."""
    cdef const WindowAxis* c = &g.columns
    cdef floating* across = room                                # lines of x
    cdef floating* most = room + c.n * HIGHEST_LINES            # of each window along them ...
    cdef int32_t* at = <int32_t*> (most + c.windows * HIGHEST_LINES)        # ... and where in the window
    cdef Py_ssize_t row = 0, i, j, k, r, n, first, end
    cdef floating v
    if g.rows.n < HIGHEST_LINES:            # lanes of no row are compared as well
        memset(across, 0, c.n * HIGHEST_LINES * sizeof(floating))
    while row < g.rows.n:
        n = min(g.rows.n - row, <Py_ssize_t> HIGHEST_LINES)
        transpose(x + row * c.n, c.n, n, c.n, across, HIGHEST_LINES)
        for j in range(c.windows):
            if floating is float:
                first_highest32(across + c.start[j] * HIGHEST_LINES, c.taps[j], most + j * HIGHEST_LINES,
                                at + j * HIGHEST_LINES)
            else:
                first_highest64(across + c.start[j] * HIGHEST_LINES, c.taps[j], most + j * HIGHEST_LINES,
                                at + j * HIGHEST_LINES)
        for i in range(g.rows.windows):
            first, end = g.rows.start[i], min(g.rows.start[i] + g.rows.taps[i], row + n)
            for r in range(max(first, row), end):
                for j in range(c.windows):
                    k = j * HIGHEST_LINES + r - row
                    v = most[k]
                    if r == first or v > y[i * c.windows + j] or v != v:
                        y[i * c.windows + j], indices[i * c.windows + j] = v, r * c.n + c.start[j] + at[k]
        row += HIGHEST_LINES


cdef void windows_planes(const Highest* g, const floating* x, floating* y, int64_t* indices, floating* room, Py_ssize_t lo,
                         Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t i, size = g.rows.n * g.columns.n, windows = g.rows.windows * g.columns.windows
    for i in range(lo, hi):
        windows_plane(g, x + i * size, y + i * windows, indices + i * windows, room)


cdef bint run_windows(const Highest* g, const floating* x, floating* y, int64_t* indices) noexcept nogil:
    """False when memory ran out."""
    cdef Py_ssize_t size = g.rows.n * g.columns.n, windows = g.rows.windows * g.columns.windows
    cdef Py_ssize_t room = (g.columns.n + 2 * g.columns.windows) * HIGHEST_LINES + LINE
    cdef int t, threads = threads_for(<double> g.planes * (size + windows), POOL_GRAIN)
    cdef floating* rooms
    threads = <int> max(min(<Py_ssize_t> threads, g.planes), 1)
    rooms = <floating*> workspace(threads * room * sizeof(floating))
    if rooms == NULL:
        return False
    if threads == 1:
        windows_planes(g, x, y, indices, rooms, 0, g.planes)
    else:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            windows_planes(g, x, y, indices, rooms + t * room, g.planes * t // threads, g.planes * (t + 1) // threads)
    release(rooms)
    return True


cdef int read_axis(cnp.ndarray ends, WindowAxis* a) except -1:
    """Windows from ends[i, 0] to ends[i, 1]."""
    cdef const int64_t* at = <const int64_t*> cnp.PyArray_DATA(ends)
    cdef Py_ssize_t i
    for i in range(a.windows):
        if not 0 <= at[2 * i] < at[2 * i + 1] <= a.n:
            raise ValueError(f"max_windows: a window from {at[2 * i]} to {at[2 * i + 1]} of {a.n}")
        a.start[i], a.taps[i] = at[2 * i], at[2 * i + 1] - at[2 * i]
    return 0


def max_windows(x, rows, columns, bint places):
    """Maxima of x (N, C, H, W) over all pairs of windows along H and W, int64 (n, 2): where each begins and ends.

    With ``places`` (maxima, their indices within the plane). None of the windows is empty.
    """
    cdef cnp.ndarray a = contiguous(x), down = contiguous(rows), along = contiguous(columns), y, indices
    cdef Highest g
    cdef int t = float_type(a)
    cdef bint ok
    if cnp.PyArray_NDIM(a) != 4:
        raise ValueError(f"max_windows: expected 4-d input, got {np.shape(x)}")
    for ends in (down, along):
        if ends is None or ends.ndim != 2 or ends.shape[1] != 2 or ends.dtype != np.int64:
            raise ValueError("max_windows: expected windows as int64 (n, 2)")
    g.planes = cnp.PyArray_DIM(a, 0) * cnp.PyArray_DIM(a, 1)
    g.rows.n, g.columns.n = cnp.PyArray_DIM(a, 2), cnp.PyArray_DIM(a, 3)
    g.rows.windows, g.columns.windows = cnp.PyArray_DIM(down, 0), cnp.PyArray_DIM(along, 0)
    g.rows.dilation = g.columns.dilation = 1
    empty_axes("max_windows", &g)
    try:
        read_axis(down, &g.rows)
        read_axis(along, &g.columns)
        if places:
            y = empty_shape(np.shape(x)[:2] + (g.rows.windows, g.columns.windows), t)
            indices = empty_shape(np.shape(y), cnp.NPY_INT64)
            with nogil:
                if t == cnp.NPY_FLOAT:
                    ok = run_windows(&g, <const float*> cnp.PyArray_DATA(a), <float*> cnp.PyArray_DATA(y),
                                     <int64_t*> cnp.PyArray_DATA(indices))
                else:
                    ok = run_windows(&g, <const double*> cnp.PyArray_DATA(a), <double*> cnp.PyArray_DATA(y),
                                     <int64_t*> cnp.PyArray_DATA(indices))
            if not ok:
                raise MemoryError(f"max_windows: no workspace for {np.shape(x)}")
            return y, indices
        return highest_of("max_windows", a, &g)
    finally:
        release(g.rows.start)
