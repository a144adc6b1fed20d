# 3x3 and 4x4 convolution with stride 2 by Winograd's F(2, 2): 25 products for four outputs instead of 36, or 36 for 64.
#
# Along one axis, outputs 2t and 2t + 1 read x[0] ... x[4] (from 4t on), the even ones by the taps g[0] and g[2], the odd
# one by g[1]. For two taps, three products give two outputs:
#
#     y[0] = (x[0] - x[2]) g[0]  +  x[1] g[1]  +  x[2] (g[0] + g[2])
#     y[1] = (x[4] - x[2]) g[2]  +  x[3] g[1]  +  x[2] (g[0] + g[2])
#
# and with a fourth tap x[1] - x[3], x[3], x[5] - x[3] take the places of x[1] and x[3], in the same way. What only y[0]
# needs, what only y[1] needs and what both do are three sums over channels, so of an image 9, one matrix product each,
# whose k runs over channels and the 1 to 4 planes of inputs that belong to it.
# (S. Winograd, Arithmetic Complexity of Computations, 1980; strides by phases: C. Huang et al., DWM: A Decomposable
# Winograd Method for Convolution Acceleration, AAAI 2020.) No constant but 1 occurs. An output adds as many products as
# the direct sum has, 25/9 of their variance (or 36/16), in four sums and chains of STRIDED_DEPTH: twice as long, its errors were 1.18 times
# PyTorch's.
#
# Tiles, blocks of them and what is done about sums that are not finite are those of winograd.pxi.

cdef enum:
    STRIDED_CHANNELS = 64       # whose planes are held back at a time ...
    STRIDED_DEPTH = 32          # ... and most of them in a chain of k
    STRIDED_INPUT = 196608      # floats of planes held back ...
    STRIDED_OUTPUT = 98304      # ... and of sums
    STRIDED_ROWS = 32           # fewer, or fewer channels, do not repay the transforms ...
    STRIDED_TILES = 96          # ... nor do fewer tiles of a sample repay those of the weights; half as many of 4x4 ...
    STRIDED_KEPT = 262144       # ... but with AVX2 not where L2 does not keep so many floats of transformed weights ...
    STRIDED_MANY = 64           # ... from one panel of a few tiles to the next
    STRIDED_OWN = 2             # threads, up to which each transforms all weights: the other's come more slowly

cdef extern from *:
    """
    /* The planes of n tiles along one row: every fourth element of x, and their differences; x is zero outside lo <= i < hi.
       ``line`` is room for it. */
    #if LUCID_SQUARE == 16
    LUCID_ALWAYS uint64_t lucid_within(Py_ssize_t lo, Py_ssize_t hi) {
        uint64_t below = hi >= 64 ? ~(uint64_t) 0 : hi <= 0 ? 0 : ((uint64_t) 1 << hi) - 1;
        return below & (lo >= 64 ? 0 : lo <= 0 ? ~(uint64_t) 0 : ~(uint64_t) 0 << lo);
    }
    LUCID_ALWAYS void lucid_strided_row(const float *x, Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t n, const int size,
                                        float *out, Py_ssize_t pitch, float *line) {
        const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
        const __m512i odd = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
        for (Py_ssize_t i = 0; i < n; i += 16, x += 64, lo -= 64, hi -= 64) {
            const uint64_t own = lucid_within(lo, hi), next = lucid_within(lo - 64, hi - 64);
            __m512 a = _mm512_maskz_loadu_ps((__mmask16) own, x), b = _mm512_maskz_loadu_ps((__mmask16) (own >> 16), x + 16);
            __m512 c = _mm512_maskz_loadu_ps((__mmask16) (own >> 32), x + 32);
            __m512 d = _mm512_maskz_loadu_ps((__mmask16) (own >> 48), x + 48), x0, x1, x2, x3, x4, x5;
            __m512 ab = _mm512_permutex2var_ps(a, even, b), cd = _mm512_permutex2var_ps(c, even, d);
            x0 = _mm512_permutex2var_ps(ab, even, cd), x2 = _mm512_permutex2var_ps(ab, odd, cd);
            ab = _mm512_permutex2var_ps(a, odd, b), cd = _mm512_permutex2var_ps(c, odd, d);
            x1 = _mm512_permutex2var_ps(ab, even, cd), x3 = _mm512_permutex2var_ps(ab, odd, cd);
            a = _mm512_maskz_loadu_ps((__mmask16) (next & 1), x + 64);
            x4 = _mm512_castsi512_ps(_mm512_alignr_epi32(_mm512_castps_si512(a), _mm512_castps_si512(x0), 1));
            _mm512_storeu_ps(out + i, _mm512_sub_ps(x0, x2));
            _mm512_storeu_ps(out + 2 * pitch + i, x2);
            if (size == 3) {
                _mm512_storeu_ps(out + pitch + i, x1);
                _mm512_storeu_ps(out + 3 * pitch + i, _mm512_sub_ps(x4, x2));
                _mm512_storeu_ps(out + 4 * pitch + i, x3);
            } else {
                b = _mm512_maskz_loadu_ps((__mmask16) (next >> 1 & 1), x + 65);
                x5 = _mm512_castsi512_ps(_mm512_alignr_epi32(_mm512_castps_si512(b), _mm512_castps_si512(x1), 1));
                _mm512_storeu_ps(out + pitch + i, _mm512_sub_ps(x1, x3));
                _mm512_storeu_ps(out + 3 * pitch + i, x3);
                _mm512_storeu_ps(out + 4 * pitch + i, _mm512_sub_ps(x4, x2));
                _mm512_storeu_ps(out + 5 * pitch + i, _mm512_sub_ps(x5, x3));
            }
        }
    }
    #else
    LUCID_ALWAYS void lucid_strided_row(const float *x, Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t n, const int size,
                                        float *restrict out, Py_ssize_t pitch, float *restrict line) {
        const Py_ssize_t end = 4 * n + 2;
        lo = lo < 0 ? 0 : lo < end ? lo : end;
        hi = hi < lo ? lo : hi < end ? hi : end;
        memset(line, 0, lo * sizeof(float));
        memcpy(line + lo, x + lo, (hi - lo) * sizeof(float));
        memset(line + hi, 0, (end - hi) * sizeof(float));
        LUCID_INDEPENDENT
        for (Py_ssize_t i = 0; i < n; i++) {
            float x0 = line[4 * i], x1 = line[4 * i + 1], x2 = line[4 * i + 2], x3 = line[4 * i + 3], x4 = line[4 * i + 4];
            out[i] = x0 - x2;
            out[2 * pitch + i] = x2;
            if (size == 3) {
                out[pitch + i] = x1;
                out[3 * pitch + i] = x4 - x2;
                out[4 * pitch + i] = x3;
            } else {
                float x5 = line[4 * i + 5];
                out[pitch + i] = x1 - x3;
                out[3 * pitch + i] = x3;
                out[4 * pitch + i] = x4 - x2;
                out[5 * pitch + i] = x5 - x3;
            }
        }
    }
    #endif
    static void lucid_strided_along(const float *x, Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t n, int size, float *out,
                                    Py_ssize_t pitch, float *line) {
        if (size == 3) lucid_strided_row(x, lo, hi, n, 3, out, pitch, line);
        else lucid_strided_row(x, lo, hi, n, 4, out, pitch, line);
    }

    /* The planes across rows: rows 4t to 4t + 3 lie at h[e][source], the next ones ``step`` on. */
    LUCID_ALWAYS void lucid_strided_rows(const float *restrict h, Py_ssize_t pitch, Py_ssize_t step, Py_ssize_t n,
                                         const int size, float *restrict v, Py_ssize_t plane) {
        const int sources = size == 3 ? 5 : 6;
        for (int j = 0; j < sources; j++) {
            const float *restrict h0 = h + j * pitch, *restrict h1 = h + (sources + j) * pitch;
            const float *restrict h2 = h + (2 * sources + j) * pitch, *restrict h3 = h + (3 * sources + j) * pitch;
            float *restrict out = v + j * plane;
            const Py_ssize_t row = sources * plane;
            LUCID_INDEPENDENT
            for (Py_ssize_t i = 0; i < n; i++) {
                float x0 = h0[i], x1 = h1[i], x2 = h2[i], x3 = h3[i], x4 = h0[i + step];
                out[i] = x0 - x2;
                out[2 * row + i] = x2;
                if (size == 3) {
                    out[row + i] = x1;
                    out[3 * row + i] = x4 - x2;
                    out[4 * row + i] = x3;
                } else {
                    float x5 = h1[i + step];
                    out[row + i] = x1 - x3;
                    out[3 * row + i] = x3;
                    out[4 * row + i] = x4 - x2;
                    out[5 * row + i] = x5 - x3;
                }
            }
        }
    }
    static void lucid_strided_across(const float *h, Py_ssize_t pitch, Py_ssize_t step, Py_ssize_t n, int size, float *v,
                                     Py_ssize_t plane) {
        if (size == 3) lucid_strided_rows(h, pitch, step, n, 3, v, plane);
        else lucid_strided_rows(h, pitch, step, n, 4, v, plane);
    }

    /* y[0], y[1] = the two output rows of n tiles of one channel, bias added; the largest bits of a magnitude. */
    static int32_t lucid_strided_back(const float *restrict m, Py_ssize_t plane, Py_ssize_t n, float bias,
                                      float *restrict y0, float *restrict y1) {
        int32_t most = 0;
        LUCID_INDEPENDENT
        for (Py_ssize_t i = 0; i < n; i++) {
            float both = m[3 * plane + i], top = m[i], end = m[6 * plane + i];
            float a = top + both, c = end + both;                       /* what the left column needs */
            both = m[4 * plane + i], top = m[plane + i], end = m[7 * plane + i];
            float ab = top + both, cd = end + both;                     /* both columns */
            both = m[5 * plane + i], top = m[2 * plane + i], end = m[8 * plane + i];
            float b = top + both, d = end + both;                       /* the right one */
            a = bias + (a + ab), b = bias + (b + ab), c = bias + (c + cd), d = bias + (d + cd);
            int32_t high = lucid_i32(a) & 0x7fffffff, low = lucid_i32(c) & 0x7fffffff, other = lucid_i32(b) & 0x7fffffff;
            high = high > other ? high : other;
            other = lucid_i32(d) & 0x7fffffff;
            low = low > other ? low : other;
            high = high > low ? high : low;
            most = most > high ? most : high;
            y0[2 * i] = a;
            y0[2 * i + 1] = b;
            y1[2 * i] = c;
            y1[2 * i + 1] = d;
        }
        return most;
    }
    """
    void strided_along "lucid_strided_along" (const float* x, Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t n, int size,
                                              float* out, Py_ssize_t pitch, float* line) noexcept nogil
    void strided_across "lucid_strided_across" (const float* h, Py_ssize_t pitch, Py_ssize_t step, Py_ssize_t n,
                                                int size, float* v, Py_ssize_t plane) noexcept nogil
    int32_t strided_back "lucid_strided_back" (const float* m, Py_ssize_t plane, Py_ssize_t n, float bias, float* y0,
                                               float* y1) noexcept nogil


cdef bint strided_fits(const Patches* p) noexcept nogil:
    """A dense 3x3 or 4x4 kernel with stride 2, and enough channels and tiles."""
    cdef Py_ssize_t t, size = strided_size(p), tiles = ceil_div(p.height, 2) * ceil_div(p.width, 2)
    if (not winograd_on or p.taps != 9 and p.taps != 16 or p.step_y != 2 or p.step_x != 2 or p.y_column != 1
            or p.w_channel != p.taps):
        return False
    for t in range(p.taps):
        if p.tap_y[t] != p.tap_y[0] + t // size or p.tap_x[t] != p.tap_x[0] + t % size or p.tap_w[t] != t:
            return False
    return (min(p.rows, p.channels) >= STRIDED_ROWS
            and tiles * (1 if size == 3 else 2) >= STRIDED_TILES
            and (SQUARE != 8 or tiles >= STRIDED_MANY or 36 * p.rows * p.channels <= STRIDED_KEPT))


cdef void plan_strided(const Patches* p, Winograd* g, Py_ssize_t threads) noexcept nogil:
    cdef Py_ssize_t panels, most, planes = strided_sources(p) * strided_sources(p)
    g.p, g.less = p, False
    g.first_y, g.first_x = p.tap_y[0], p.tap_x[0]
    g.tiles_y, g.tiles_x = ceil_div(p.height, 2), ceil_div(p.width, 2)
    g.tiles = p.samples * g.tiles_y * g.tiles_x
    g.span = ceil_div(p.channels, ceil_div(p.channels, <Py_ssize_t> STRIDED_CHANNELS))
    g.depth = ceil_div(g.span, ceil_div(g.span, <Py_ssize_t> STRIDED_DEPTH))
    panels = ceil_div(g.tiles, NR32)
    most = max(min(STRIDED_INPUT // (planes * g.span * NR32), STRIDED_OUTPUT // (9 * p.rows * NR32)), 1)
    if panels * p.groups < 8 * threads:
        most = 1
    g.blocks = ceil_div(panels, most)
    g.parts = min(ceil_div(threads, g.blocks * p.groups), winograd_row_tasks(p))
    g.pitch = round_up(ceil_div(panels, g.blocks) * NR32, 32) + 16
    g.strip = g.pitch + min(g.tiles_x, g.pitch) + 2 * WINOGRAD_LANES
    g.u_plane, g.v_plane = strided_kernels(p), round_up(g.span * g.pitch, 32) + 16
    g.chunk = p.rows


cdef inline Py_ssize_t strided_work(const Winograd* g) noexcept nogil:
    """Floats of workspace per thread: a line, the planes along x, the planes, the sums, two rows of output."""
    cdef Py_ssize_t sources = strided_sources(g.p)
    return round_up((4 + 4 * sources) * g.strip + sources * sources * g.v_plane + 9 * g.chunk * g.pitch + 4 * g.pitch, 16)


cdef void strided_strip(const Winograd* g, const float* plane, Py_ssize_t tile, Py_ssize_t n, Py_ssize_t whole,
                        float* line, float* h) noexcept nogil:
    """h[e, source, i] = the planes along x of row e of tile number tile + i of a sample; from the tile ``whole`` on, only of
    the rows that the tiles above read too."""
    cdef const Patches* p = g.p
    cdef Py_ssize_t i = 0, run, x, row, e, j, sources = strided_sources(p)
    while i < n:
        x = (tile + i) % g.tiles_x
        run = min(n - i, g.tiles_x - x)
        for e in range(4 if i < whole else strided_size(p) - 2):
            row = 4 * ((tile + i) // g.tiles_x) + e + g.first_y
            if row < 0 or row >= p.x_height:
                for j in range(sources):
                    memset(h + (sources * e + j) * g.strip + i, 0, run * sizeof(float))
            else:
                # past the end of the row, what is written is overwritten by the next
                j = 4 * x + g.first_x
                strided_along(plane + row * p.x_width + j, -j, p.x_width - j, round_up(run, WINOGRAD_LANES),
                              strided_size(p), h + sources * e * g.strip + i, g.strip, line)
        i += run


cdef void strided_input(const Winograd* g, const float* x, Py_ssize_t first, Py_ssize_t n, Py_ssize_t lo, Py_ssize_t hi,
                        float* line, float* h, float* v) noexcept nogil:
    """v[plane, channel - lo, i] of tiles first to first + n and channels lo to hi of a group, zero up to a whole panel."""
    cdef const Patches* p = g.p
    cdef Py_ssize_t each = g.tiles_y * g.tiles_x, size = p.x_height * p.x_width, sources = strided_sources(p)
    cdef Py_ssize_t c, i, run, tile, step, t, end = covered(x, n)
    cdef const float* image
    for c in range(lo, hi):
        i = 0
        while i < n:
            tile = (first + i) % each
            run = min(n - i, each - tile)
            image = x + ((first + i) // each * p.groups * p.channels + c) * size
            if run > g.tiles_x:
                step = g.tiles_x
                strided_strip(g, image, tile, run + step, run, line, h)
            else:
                step = run
                strided_strip(g, image, tile, run, run, line, h)
                strided_strip(g, image, tile + g.tiles_x, run, 0, line, h + step)
            strided_across(h, g.strip, step, round_up(run, WINOGRAD_LANES), strided_size(p), v + (c - lo) * g.pitch + i,
                           g.v_plane)
            i += run
        if n < end:
            for t in range(sources * sources):
                memset(v + t * g.v_plane + (c - lo) * g.pitch + n, 0, (end - n) * sizeof(float))


cdef void strided_product(const Winograd* g, const float* u, const float* v, float* m, Py_ssize_t lo, Py_ssize_t hi,
                          Py_ssize_t n, Py_ssize_t c, Py_ssize_t channels, int sum) noexcept nogil:
    """Rows lo to hi of one panel of one of the nine sums, its first ``n`` columns: every tile of rows through all its planes,
    for some channels from ``c`` on. ``u`` is where the kernels of row lo begin."""
    cdef Py_ssize_t r, end, q
    cdef int height, y, x, sources = strided_sources(g.p)
    cdef bint more
    while lo < hi:
        r, end = 0, winograd_task_rows(g.p, lo)
        while r < end:
            height = tile_height(u, g.p.rows - lo - r)
            more = c > 0
            for y in range(strided_from(sources, sum // 3), strided_from(sources, sum // 3 + 1)):
                for x in range(strided_from(sources, sum % 3), strided_from(sources, sum % 3 + 1)):
                    q = y * sources + x
                    strided_chains(g, u + q * g.u_plane + c * WINOGRAD_LANES + r, v + q * g.v_plane, g.pitch, m, height, n,
                                   channels, more)
                    more = True
            m += height * g.pitch
            r += height
        u += g.p.channels * WINOGRAD_LANES
        lo += end


cdef void strided_task(const Winograd* g, const float* x, const float* u, const float* bias, float* y, uint8_t* bad,
                       float* work, Py_ssize_t task) noexcept nogil:
    """One block of tiles, one part of the rows, of one group."""
    cdef const Patches* p = g.p
    cdef Py_ssize_t group = task // (g.parts * g.blocks), block = task // g.parts % g.blocks
    cdef Py_ssize_t kernels = part(winograd_row_tasks(p), 1, task % g.parts, g.parts), lo = winograd_first_row(p, kernels)
    cdef Py_ssize_t hi = winograd_first_row(p, part(winograd_row_tasks(p), 1, task % g.parts + 1, g.parts))
    cdef Py_ssize_t first = part(g.tiles, NR32, block, g.blocks), n = part(g.tiles, NR32, block + 1, g.blocks) - first
    cdef Py_ssize_t sources = strided_sources(p), c = 0, channels, t, j, r
    cdef float* h = work + 4 * g.strip
    cdef float* v = h + 4 * sources * g.strip
    cdef float* m = v + sources * sources * g.v_plane
    cdef float* out = m + 9 * g.chunk * g.pitch
    cdef int32_t most
    memset(work, 0, (4 + 4 * sources) * g.strip * sizeof(float))
    x += group * p.channels * p.x_height * p.x_width
    u += group * sources * sources * g.u_plane + kernels * p.channels * WINOGRAD_LANES
    y += group * p.rows * p.y_channel
    while c < p.channels:
        channels = min(p.channels - c, g.span)
        strided_input(g, x, first, n, c, c + channels, work, h, v)
        for t in range(9):
            j = 0
            while j < n:
                strided_product(g, u, v + j, m + t * g.chunk * g.pitch + j, lo, hi, n - j, c, channels, <int> t)
                j += NR32
        c += channels
    for r in range(hi - lo):
        most = strided_back(m + r * g.pitch, g.chunk * g.pitch, n,
                            bias[group * p.rows + lo + r] if bias != NULL else <float> 0, out, out + 2 * g.pitch)
        winograd_output(g, out, y + (lo + r) * p.y_channel, first, n, bad, most)


cdef void strided_own(const Winograd* g, const float* x, const float* w, float* u, const float* bias, float* y,
                      uint8_t* bad, uint8_t* ready, float* work, Py_ssize_t task) noexcept nogil:
    """As ``strided_task``, from weights that this thread transforms for itself when its first task comes."""
    cdef Py_ssize_t i
    if not ready[0]:
        for i in range(winograd_row_tasks(g.p)):
            strided_weights(g, w, u, i)
        ready[0] = True
    strided_task(g, x, u, bias, y, bad, work, task)


cdef bint winograd_strided(Patches* p, const float* x, const float* w, const float* bias, float* y) noexcept nogil:
    """As ``convolve``, for what ``strided_fits``. False when memory ran out."""
    cdef Winograd g
    cdef int threads = threads_for_flops(12.0 * p.samples * p.groups * p.rows * p.channels * p.height * p.width)
    cdef Py_ssize_t planes = strided_sources(p) * strided_sources(p), weights, size, i, tasks
    cdef bint own = p.groups == 1 and 1 < threads <= STRIDED_OWN
    cdef float* u
    cdef float* work
    cdef uint8_t* bad
    cdef bint ok
    plan_strided(p, &g, threads)
    size, weights = strided_work(&g), planes * p.groups * g.u_plane
    i = (threads if own else 1) * weights + threads * size
    u = <float*> workspace(i * sizeof(float) + p.samples + threads)
    if u == NULL:
        return False
    bad, work = <uint8_t*> (u + i), u + i - threads * size
    memset(bad, 0, p.samples + threads)
    tasks = p.groups * g.blocks * g.parts
    if own:
        for i in prange(tasks, num_threads=threads, schedule="dynamic"):
            strided_own(&g, x, w, u + threadid() * weights, bias, y, bad, bad + p.samples + threadid(),
                        work + threadid() * size, i)
    elif threads == 1:
        for i in range(p.groups * winograd_row_tasks(p)):
            strided_weights(&g, w, u, i)
        for i in range(tasks):
            strided_task(&g, x, u, bias, y, bad, work, i)
    else:
        for i in prange(p.groups * winograd_row_tasks(p), num_threads=threads, schedule="static"):
            strided_weights(&g, w, u, i)
        for i in prange(tasks, num_threads=threads, schedule="dynamic"):
            strided_task(&g, x, u, bias, y, bad, work + threadid() * size, i)
    ok = repair(p, x, w, bias, y, bad)
    release(u)
    return ok
