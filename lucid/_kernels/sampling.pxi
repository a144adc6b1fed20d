# Planes read at points between their elements, the gradients of planes and of points.
#
# What a point reads is worked out once for all channels, for blocks of points: four neighbours and their weights, of which
# those outside the plane have none. A neighbour of weight 0 is not multiplied, so that an infinity there stays there.

cdef extern from *:
    """
    #define LUCID_POINTS 128
    #define LUCID_SAMPLING(real, floor_of, rint_of, abs_of, fmod_of, madd, points, locate, read, spread, slopes) \\
    typedef struct { \\
        int32_t at[4][LUCID_POINTS];            /* within the plane */ \\
        real weight[4][LUCID_POINTS]; \\
        real inside[4][LUCID_POINTS];           /* 1 or 0 */ \\
        real share[2][LUCID_POINTS];            /* of the second neighbour, along rows and along columns */ \\
        real slope[2][LUCID_POINTS];            /* of positions by coordinates ... */ \\
        int32_t held[2][LUCID_POINTS];          /* ... which is 0 where they are held at an end */ \\
        real place[2][LUCID_POINTS]; \\
    } points; \\
    /* n points (x, y) in planes of ``size``; padding 0: zeros, 1: border, 2: reflection. */ \\
    static void locate(const real *grid, Py_ssize_t n, const Py_ssize_t *size, int nearest, int padding, int corners, \\
                       points *g) { \\
        for (int d = 0; d < 2; d++) { \\
            const real *__restrict c = grid + 1 - d, last = (real) (size[d] - 1), all = (real) size[d]; \\
            real *__restrict place = g->place[d], *__restrict slope = g->slope[d], *__restrict share = g->share[d]; \\
            if (corners) for (Py_ssize_t p = 0; p < n; p++) place[p] = (c[2 * p] + 1) / 2 * last; \\
            else for (Py_ssize_t p = 0; p < n; p++) place[p] = madd(c[2 * p] + 1, all, (real) -1) / 2; \\
            for (Py_ssize_t p = 0; p < n; p++) slope[p] = (corners ? last : all) / 2; \\
            if (padding == 2) { \\
                const real low = corners ? (real) 0 : (real) -0.5, span = corners ? last : all; \\
                for (Py_ssize_t p = 0; p < n; p++)      /* flips must be exact */ \\
                    if (abs_of(place[p]) > span * 1e5f) place[p] = fmod_of(place[p] - low, 2 * span) + low; \\
                for (Py_ssize_t p = 0; p < n; p++) { \\
                    const real x = place[p] - low, away = abs_of(x), flips = floor_of(away / span); \\
                    const real extra = madd(-flips, span, away), even = flips - 2 * floor_of(flips / 2); \\
                    const real sign = (x < 0) == (even == 0) ? (real) -1 : (real) 1; \\
                    place[p] = span == 0 ? place[p] * 0 : (even == 0 ? extra : span - extra) + low; \\
                    slope[p] = span == 0 ? 0 : sign * slope[p]; \\
                } \\
            } \\
            memset(g->held[d], 0, n * sizeof(int32_t)); \\
            if (padding) for (Py_ssize_t p = 0; p < n; p++) { \\
                g->held[d][p] = (place[p] <= 0) | (place[p] >= last); \\
                place[p] = place[p] <= 0 ? 0 : place[p] >= last ? last : place[p]; \\
            } \\
            if (nearest) for (Py_ssize_t p = 0; p < n; p++) { \\
                share[p] = place[p] != place[p] ? place[p] : 0; \\
                place[p] = rint_of(place[p]); \\
            } else for (Py_ssize_t p = 0; p < n; p++) { \\
                const real below = floor_of(place[p]); \\
                share[p] = place[p] - below; \\
                place[p] = below; \\
            } \\
        } \\
        for (int k = 0; k < (nearest ? 1 : 4); k++) { \\
            const real down = (real) (k / 2), right = (real) (k % 2); \\
            const real bottom = (real) (size[0] - 1), side = (real) (size[1] - 1); \\
            const int32_t width = (int32_t) size[1]; \\
            for (Py_ssize_t p = 0; p < n; p++) { \\
                const real y = g->place[0][p] + down, x = g->place[1][p] + right; \\
                const real v = k / 2 ? g->share[0][p] : 1 - g->share[0][p]; \\
                const real u = k % 2 ? g->share[1][p] : 1 - g->share[1][p]; \\
                /* a position that is NaN counts as the first element */ \\
                const int in = !((y < 0) | (y > bottom) | (x < 0) | (x > side)); \\
                const real row = (y >= 0) & (y <= bottom) ? y : 0, column = (x >= 0) & (x <= side) ? x : 0; \\
                g->at[k][p] = (int32_t) row * width + (int32_t) column; \\
                g->inside[k][p] = in ? (real) 1 : (real) 0; \\
                g->weight[k][p] = in || (nearest && v * u != v * u) ? v * u : 0; \\
            } \\
        } \\
    } \\
    static void read(const points *g, int nearest, const real *x, real *__restrict y, Py_ssize_t n) { \\
        const real *w = g->weight[0], *w1 = g->weight[1], *w2 = g->weight[2], *w3 = g->weight[3]; \\
        if (nearest) for (Py_ssize_t p = 0; p < n; p++) { \\
            const real a = x[g->at[0][p]]; \\
            y[p] = w[p] * (w[p] != 0 ? a : 0); \\
        } else for (Py_ssize_t p = 0; p < n; p++) { \\
            real a = x[g->at[0][p]], b = x[g->at[1][p]], c = x[g->at[2][p]], d = x[g->at[3][p]]; \\
            a = w[p] != 0 ? a : 0, b = w1[p] != 0 ? b : 0, c = w2[p] != 0 ? c : 0, d = w3[p] != 0 ? d : 0; \\
            y[p] = madd(w3[p], d, madd(w2[p], c, madd(w1[p], b, w[p] * a))); \\
        } \\
    } \\
    /* Each dy added where the point read; of ``nearest`` points nothing where a coordinate is NaN. */ \\
    static void spread(const points *g, int nearest, const real *dy, real *dx, Py_ssize_t n) { \\
        if (nearest) for (Py_ssize_t p = 0; p < n; p++) { \\
            if (g->weight[0][p] == 1) dx[g->at[0][p]] += dy[p]; \\
        } else for (Py_ssize_t p = 0; p < n; p++) \\
            for (int k = 0; k < 4; k++) { \\
                const real w = g->weight[k][p]; \\
                dx[g->at[k][p]] += w != 0 ? w * dy[p] : 0; \\
            } \\
    } \\
    /* What dy and the neighbours add up to over channels, and from that the gradients of the coordinates. */ \\
    static void slopes(const points *g, const real *x, Py_ssize_t plane, const real *dy, Py_ssize_t dy_plane, \\
                       Py_ssize_t channels, real *dgrid, Py_ssize_t n) { \\
        real sums[4][LUCID_POINTS]; \\
        for (int k = 0; k < 4; k++) { \\
            real *__restrict sum = sums[k]; \\
            for (Py_ssize_t p = 0; p < n; p++) sum[p] = 0; \\
            for (Py_ssize_t i = 0; i < channels; i++) \\
                for (Py_ssize_t p = 0; p < n; p++) { \\
                    real a = x[i * plane + g->at[k][p]]; \\
                    a = (g->weight[k][p] != 0) | (a - a == 0) ? a : 0; \\
                    sum[p] = madd(dy[i * dy_plane + p], a, sum[p]); \\
                } \\
            for (Py_ssize_t p = 0; p < n; p++) sum[p] = g->inside[k][p] != 0 ? sum[p] : 0; \\
        } \\
        for (Py_ssize_t p = 0; p < n; p++) { \\
            const real v = g->share[0][p], u = g->share[1][p]; \\
            const real down = madd(sums[3][p] - sums[1][p], u, (sums[2][p] - sums[0][p]) * (1 - u)); \\
            const real right = madd(sums[3][p] - sums[2][p], v, (sums[1][p] - sums[0][p]) * (1 - v)); \\
            dgrid[2 * p] = g->held[1][p] ? 0 : right * g->slope[1][p]; \\
            dgrid[2 * p + 1] = g->held[0][p] ? 0 : down * g->slope[0][p]; \\
        } \\
    }
    LUCID_SAMPLING(float, floorf, rintf, fabsf, fmodf, lucid_maddf, lucid_points32, lucid_locate32, lucid_read32,
                   lucid_spread32, lucid_slopes32)
    LUCID_SAMPLING(double, floor, rint, fabs, fmod, lucid_madd, lucid_points64, lucid_locate64, lucid_read64,
                   lucid_spread64, lucid_slopes64)
    """
    cdef enum:
        POINTS "LUCID_POINTS"
    ctypedef struct Points32 "lucid_points32":
        pass
    ctypedef struct Points64 "lucid_points64":
        pass
    void locate32 "lucid_locate32" (const float* grid, Py_ssize_t n, const Py_ssize_t* size, int nearest, int padding,
                                    int corners, Points32* g) noexcept nogil
    void locate64 "lucid_locate64" (const double* grid, Py_ssize_t n, const Py_ssize_t* size, int nearest, int padding,
                                    int corners, Points64* g) noexcept nogil
    void read32 "lucid_read32" (const Points32* g, int nearest, const float* x, float* y, Py_ssize_t n) noexcept nogil
    void read64 "lucid_read64" (const Points64* g, int nearest, const double* x, double* y, Py_ssize_t n) noexcept nogil
    void spread32 "lucid_spread32" (const Points32* g, int nearest, const float* dy, float* dx, Py_ssize_t n) noexcept nogil
    void spread64 "lucid_spread64" (const Points64* g, int nearest, const double* dy, double* dx, Py_ssize_t n) noexcept nogil
    void slopes32 "lucid_slopes32" (const Points32* g, const float* x, Py_ssize_t plane, const float* dy,
                                    Py_ssize_t dy_plane, Py_ssize_t channels, float* dgrid, Py_ssize_t n) noexcept nogil
    void slopes64 "lucid_slopes64" (const Points64* g, const double* x, Py_ssize_t plane, const double* dy,
                                    Py_ssize_t dy_plane, Py_ssize_t channels, double* dgrid, Py_ssize_t n) noexcept nogil


cdef enum:
    SAMPLING_GRAIN = 2048       # elements read at a point; what is worked out for a point counts as SAMPLING_SETUP of them
    SAMPLING_SETUP = 4


cdef struct Sampling:
    Py_ssize_t samples, channels, points
    Py_ssize_t size[2]          # of a plane
    int nearest, padding, corners


cdef void sample_points(const Sampling* s, const floating* x, const floating* grid, floating* y,
                        Py_ssize_t task) noexcept nogil:
    """A block of the points of one sample, in all channels."""
    cdef Points32 p32
    cdef Points64 p64
    cdef Py_ssize_t blocks = (s.points + POINTS - 1) // POINTS, c, sample = task // blocks
    cdef Py_ssize_t first = task % blocks * POINTS, n = min(s.points - first, <Py_ssize_t> POINTS)
    cdef Py_ssize_t plane = s.size[0] * s.size[1]
    grid += (sample * s.points + first) * 2
    x += sample * s.channels * plane
    y += sample * s.channels * s.points + first
    if floating is float:
        locate32(grid, n, s.size, s.nearest, s.padding, s.corners, &p32)
    else:
        locate64(grid, n, s.size, s.nearest, s.padding, s.corners, &p64)
    for c in range(s.channels):
        if floating is float:
            read32(&p32, s.nearest, x + c * plane, y + c * s.points, n)
        else:
            read64(&p64, s.nearest, x + c * plane, y + c * s.points, n)


cdef void points_grad(const Sampling* s, const floating* x, const floating* grid, const floating* dy, floating* dgrid,
                      Py_ssize_t task) noexcept nogil:
    """The gradient of a block of the points of one sample."""
    cdef Points32 p32
    cdef Points64 p64
    cdef Py_ssize_t blocks = (s.points + POINTS - 1) // POINTS, sample = task // blocks
    cdef Py_ssize_t first = task % blocks * POINTS, n = min(s.points - first, <Py_ssize_t> POINTS)
    cdef Py_ssize_t plane = s.size[0] * s.size[1]
    grid += (sample * s.points + first) * 2
    dgrid += (sample * s.points + first) * 2
    x += sample * s.channels * plane
    dy += sample * s.channels * s.points + first
    if floating is float:
        locate32(grid, n, s.size, s.nearest, s.padding, s.corners, &p32)
        slopes32(&p32, x, plane, dy, s.points, s.channels, dgrid, n)
    else:
        locate64(grid, n, s.size, s.nearest, s.padding, s.corners, &p64)
        slopes64(&p64, x, plane, dy, s.points, s.channels, dgrid, n)


cdef void planes_grad(const Sampling* s, const floating* grid, const floating* dy, floating* dx, Py_ssize_t c0,
                      Py_ssize_t c1) noexcept nogil:
    """The gradient of channels c0 to c1 of all samples, whose points are added up in their order."""
    cdef Points32 p32
    cdef Points64 p64
    cdef Py_ssize_t plane = s.size[0] * s.size[1], sample, c, first, n
    for sample in range(s.samples):
        memset(dx + (sample * s.channels + c0) * plane, 0, (c1 - c0) * plane * sizeof(floating))
        first = 0
        while first < s.points:
            n = min(s.points - first, <Py_ssize_t> POINTS)
            if floating is float:
                locate32(grid + (sample * s.points + first) * 2, n, s.size, s.nearest, s.padding, s.corners, &p32)
            else:
                locate64(grid + (sample * s.points + first) * 2, n, s.size, s.nearest, s.padding, s.corners, &p64)
            for c in range(sample * s.channels + c0, sample * s.channels + c1):
                if floating is float:
                    spread32(&p32, s.nearest, dy + c * s.points + first, dx + c * plane, n)
                else:
                    spread64(&p64, s.nearest, dy + c * s.points + first, dx + c * plane, n)
            first += POINTS


cdef inline int sampling_threads(const Sampling* s, Py_ssize_t tasks) noexcept nogil:
    cdef double work = <double> s.samples * s.points * (s.channels + SAMPLING_SETUP)
    return <int> max(min(<Py_ssize_t> threads_for(work, SAMPLING_GRAIN), tasks), 1)


cdef void run_sampling(const Sampling* s, const floating* x, const floating* grid, const floating* dy,
                       floating* out) noexcept nogil:
    """The result in ``out``; with dy the gradient of the points."""
    cdef Py_ssize_t task, tasks = s.samples * ((s.points + POINTS - 1) // POINTS)
    cdef int threads = sampling_threads(s, tasks)
    if dy == NULL and threads == 1:
        for task in range(tasks):
            sample_points(s, x, grid, out, task)
    elif dy == NULL:
        for task in prange(tasks, num_threads=threads, schedule="static"):
            sample_points(s, x, grid, out, task)
    elif threads == 1:
        for task in range(tasks):
            points_grad(s, x, grid, dy, out, task)
    else:
        for task in prange(tasks, num_threads=threads, schedule="static"):
            points_grad(s, x, grid, dy, out, task)


cdef void run_planes_grad(const Sampling* s, const floating* grid, const floating* dy, floating* dx) noexcept nogil:
    """Threads share the channels."""
    cdef int t, threads = sampling_threads(s, s.channels)
    if threads == 1:
        planes_grad(s, grid, dy, dx, 0, s.channels)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        planes_grad(s, grid, dy, dx, s.channels * t // threads, s.channels * (t + 1) // threads)


cdef int sampling_of(str name, tuple x_shape, cnp.ndarray grid, bint nearest, str padding, bint corners, Sampling* s) except -1:
    """The sizes of planes (N, C, H, W) read at points (N, H', W', 2)."""
    cdef tuple at = np.shape(grid)
    if len(x_shape) != 4 or len(at) != 4 or at[0] != x_shape[0] or at[3] != 2:
        raise ValueError(f"{name}: expected planes (N, C, H, W) and points (N, H', W', 2), got {x_shape} and {at}")
    if padding not in ("zeros", "border", "reflection"):
        raise ValueError(f"{name}: padding must be 'zeros', 'border' or 'reflection', got {padding!r}")
    s.samples, s.channels, s.points = x_shape[0], x_shape[1], at[1] * at[2]
    s.size[0], s.size[1] = x_shape[2], x_shape[3]
    if not 0 < x_shape[2] * x_shape[3] < 1 << 31:
        raise ValueError(f"{name}: expected planes of 1 to 2^31 - 1 elements, got {x_shape}")
    s.nearest, s.padding, s.corners = nearest, ("zeros", "border", "reflection").index(padding), corners
    return 0


def grid_sample(x, grid, bint nearest, str padding, bint corners):
    """Planes x (N, C, H, W) read at points (N, H', W', 2), bilinearly or at the nearest element."""
    cdef cnp.ndarray a = contiguous(x), g = contiguous(grid), y
    cdef int t = float_type(a)
    cdef Sampling s
    if float_type(g) != t:
        raise TypeError(f"grid_sample: expected points of {a.dtype}, got {g.dtype}")
    sampling_of("grid_sample", np.shape(a), g, nearest, padding, corners, &s)
    y = empty_shape((s.samples, s.channels) + np.shape(g)[1:3], t)
    with nogil:
        if t == cnp.NPY_FLOAT:
            run_sampling(&s, <const float*> cnp.PyArray_DATA(a), <const float*> cnp.PyArray_DATA(g), <const float*> NULL,
                         <float*> cnp.PyArray_DATA(y))
        else:
            run_sampling(&s, <const double*> cnp.PyArray_DATA(a), <const double*> cnp.PyArray_DATA(g), <const double*> NULL,
                         <double*> cnp.PyArray_DATA(y))
    return y


def grid_sample_backward(dy, x, grid, bint nearest, str padding, bint corners, bint of_points):
    """The gradient of x, or ``of_points`` that of the grid, of which the nearest elements have none."""
    cdef cnp.ndarray a = contiguous(x), g = contiguous(grid), d = contiguous(dy), out
    cdef int t = float_type(a)
    cdef Sampling s
    if float_type(g) != t or float_type(d) != t:
        raise TypeError(f"grid_sample_backward: expected points and dy of {a.dtype}, got {g.dtype} and {d.dtype}")
    sampling_of("grid_sample_backward", np.shape(a), g, nearest, padding, corners, &s)
    if np.shape(d) != (s.samples, s.channels) + np.shape(g)[1:3]:
        raise ValueError(f"grid_sample_backward: dy {np.shape(d)} does not fit x {np.shape(a)} and points {np.shape(g)}")
    if of_points and nearest:
        raise ValueError("grid_sample_backward: nearest elements have no gradient of the points")
    out = empty_like(g if of_points else a)
    with nogil:
        if of_points and t == cnp.NPY_FLOAT:
            run_sampling(&s, <const float*> cnp.PyArray_DATA(a), <const float*> cnp.PyArray_DATA(g),
                         <const float*> cnp.PyArray_DATA(d), <float*> cnp.PyArray_DATA(out))
        elif of_points:
            run_sampling(&s, <const double*> cnp.PyArray_DATA(a), <const double*> cnp.PyArray_DATA(g),
                         <const double*> cnp.PyArray_DATA(d), <double*> cnp.PyArray_DATA(out))
        elif t == cnp.NPY_FLOAT:
            run_planes_grad(&s, <const float*> cnp.PyArray_DATA(g), <const float*> cnp.PyArray_DATA(d),
                            <float*> cnp.PyArray_DATA(out))
        else:
            run_planes_grad(&s, <const double*> cnp.PyArray_DATA(g), <const double*> cnp.PyArray_DATA(d),
                            <double*> cnp.PyArray_DATA(out))
    return out
