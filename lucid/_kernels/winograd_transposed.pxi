# Input gradient of 3x3 and 4x4 convolution with stride 2, and so the transposed one, in fewer multiplications: the
# transpose of winograd_strided.pxi's algorithm, which has as many products for as many elements of dx.
#
# Along one axis, dy[0] and dy[1] reach dx[0] ... dx[4] by the taps g[0] to g[2]:
#
#     dx[0] += g[0] dy[0]                                     dx[4] += g[2] dy[1]
#     dx[2] += g[0] dy[0] + g[2] dy[1] - (g[0] - g[2]) (dy[0] - dy[1])
#     dx[1] += g[1] dy[0]                                     dx[3] += g[1] dy[1]
#
# and with a fourth tap dx[1], dx[3] and dx[5] are formed like dx[0], dx[2] and dx[4]. So of dy there are three planes
# along an axis, dy[0], their difference and dy[1], of an image nine, and of a kernel the 25 or 36 of winograd_strided.pxi
# with differences for sums, whose sums over channels are products of matrices. (With sums on both sides, data with a mean
# lose digits: the largest error was 1.36 times PyTorch's.) Neighbouring tiles overlap by one or two elements of dx.
#
# A task has whole rows of tiles, of several samples or a band of one; the bits of dx depend on neither. What is done
# about sums that are not finite is told in winograd.pxi.

cdef enum:
    TRANSPOSED_ROWS = 32        # fewer channels of dx do not repay the transforms ...
    TRANSPOSED_CHANNELS = 96    # ... and sums over fewer of dy had 1.13 times PyTorch's error
    TRANSPOSED_DEPTH = 32       # most channels in a chain of k
    TRANSPOSED_INPUT = 655360   # floats of planes of dy held back ...
    TRANSPOSED_OUTPUT = 98304   # ... and of products

cdef extern from *:
    """
    /* The elements of a row of dy with even and with odd numbers, zero from ``n`` on. */
    static void lucid_transposed_split(const float *restrict x, Py_ssize_t n, Py_ssize_t tiles, float *restrict even,
                                   float *restrict odd) {
        const Py_ssize_t whole = n / 2;
        LUCID_INDEPENDENT
        for (Py_ssize_t i = 0; i < whole; i++) {
            even[i] = x[2 * i];
            odd[i] = x[2 * i + 1];
        }
        for (Py_ssize_t i = whole; i < tiles; i++) {
            even[i] = 2 * i < n ? x[2 * i] : 0;
            odd[i] = 0;
        }
    }

    /* The nine planes of n tiles from the even and odd elements of two rows. */
    static void lucid_transposed_planes(const float *restrict even, const float *restrict odd, const float *restrict even1,
                                    const float *restrict odd1, Py_ssize_t n, float *restrict out, Py_ssize_t plane) {
        LUCID_INDEPENDENT
        for (Py_ssize_t i = 0; i < n; i++) {
            const float a = even[i], b = odd[i], c = even1[i], d = odd1[i];
            out[i] = a;
            out[plane + i] = a - b;
            out[2 * plane + i] = b;
            out[3 * plane + i] = a - c;
            out[4 * plane + i] = (a - b) - (c - d);
            out[5 * plane + i] = b - d;
            out[6 * plane + i] = c;
            out[7 * plane + i] = c - d;
            out[8 * plane + i] = d;
        }
    }

    /* Rows 4t to 4t + 3 of dx, f[row], of n tiles from the products of their own (``own``) and of the tiles above
       (``above``), where there are some; products of one column and neighbouring rows of planes lie ``step`` apart. */
    LUCID_ALWAYS void lucid_transposed_rows(const float *restrict own, const float *restrict above, Py_ssize_t step,
                                        Py_ssize_t n, const int size, const int has_own, const int has_above,
                                        float *restrict f, Py_ssize_t row) {
        const int last = size == 3 ? 3 : 4;
        LUCID_INDEPENDENT
        for (Py_ssize_t i = 0; i < n; i++) {
            float r0 = 0, r1 = 0, r2 = 0, r3 = 0;
            if (has_own) {
                r0 = own[i];
                r1 = own[step + i];
                r2 = r0 + own[last * step + i] - own[2 * step + i];
                r3 = size == 3 ? own[4 * step + i] : r1 + own[5 * step + i] - own[3 * step + i];
            }
            if (has_above) {
                r0 += above[last * step + i];
                if (size == 4) r1 += above[5 * step + i];
            }
            f[i] = r0;
            f[row + i] = r1;
            f[2 * row + i] = r2;
            f[3 * row + i] = r3;
        }
    }
    static void lucid_transposed_across(const float *own, const float *above, Py_ssize_t step, Py_ssize_t n, int size, float *f,
                                    Py_ssize_t row) {
        if (own && above) {
            if (size == 3) lucid_transposed_rows(own, above, step, n, 3, 1, 1, f, row);
            else lucid_transposed_rows(own, above, step, n, 4, 1, 1, f, row);
        } else if (own) {
            if (size == 3) lucid_transposed_rows(own, own, step, n, 3, 1, 0, f, row);
            else lucid_transposed_rows(own, own, step, n, 4, 1, 0, f, row);
        } else {
            if (size == 3) lucid_transposed_rows(above, above, step, n, 3, 0, 1, f, row);
            else lucid_transposed_rows(above, above, step, n, 4, 0, 1, f, row);
        }
    }

    /* A row of dx from its sums f[column of planes] over n tiles, and the bias: out has 4n + 4 elements, and room for 32 more.
       f[-1] is read. */
    LUCID_ALWAYS void lucid_transposed_columns(const float *restrict f, Py_ssize_t plane, Py_ssize_t n, const int size,
                                           float bias, float *restrict out) {
        const int last = size == 3 ? 3 : 4;
        const float *restrict end = f + last * plane, *restrict end1 = f + 5 * plane;
        const Py_ssize_t whole = (n + 7) / 8 * 8;
        LUCID_INDEPENDENT
        for (Py_ssize_t i = 0; i < whole; i++) {
            const float a = f[i], b = f[plane + i];
            out[4 * i] = bias + (a + end[i - 1]);
            out[4 * i + 1] = bias + (size == 3 ? b : b + end1[i - 1]);
            out[4 * i + 2] = bias + (a + end[i] - f[2 * plane + i]);
            out[4 * i + 3] = bias + (size == 3 ? f[4 * plane + i] : b + end1[i] - f[3 * plane + i]);
        }
        out[0] = bias + f[0];
        out[1] = bias + f[plane];
        out[4 * n] = bias + end[n - 1];
        out[4 * n + 1] = size == 3 ? bias : bias + end1[n - 1];
        out[4 * n + 2] = out[4 * n + 3] = bias;
    }
    static void lucid_transposed_along(const float *f, Py_ssize_t plane, Py_ssize_t n, int size, float bias, float *out) {
        if (size == 3) lucid_transposed_columns(f, plane, n, 3, bias, out);
        else lucid_transposed_columns(f, plane, n, 4, bias, out);
    }
    """
    void transposed_split "lucid_transposed_split" (const float* x, Py_ssize_t n, Py_ssize_t tiles, float* even,
                                            float* odd) noexcept nogil
    void transposed_planes "lucid_transposed_planes" (const float* even, const float* odd, const float* even1, const float* odd1,
                                              Py_ssize_t n, float* out, Py_ssize_t plane) noexcept nogil
    void transposed_across "lucid_transposed_across" (const float* own, const float* above, Py_ssize_t step, Py_ssize_t n, int size,
                                              float* f, Py_ssize_t row) noexcept nogil
    void transposed_along "lucid_transposed_along" (const float* f, Py_ssize_t plane, Py_ssize_t n, int size, float bias,
                                            float* out) noexcept nogil


cdef struct Transposed:
    const Conv* g
    Patches p                                                   # of the weight: rows are channels of dx
    Winograd w                                                  # of which u_plane, depth and pitch are used
    int size, sources                                           # taps along an axis, planes of a kernel
    bint own                                                    # a task transforms its kernels, which no other uses
    Py_ssize_t tiles_y, tiles_x                                 # of a sample
    Py_ssize_t band, bands                                      # rows of tiles of a block
    Py_ssize_t several, blocks                                  # samples of one
    Py_ssize_t parts                                            # of the channels of dx
    Py_ssize_t chunk                                            # channels of dx at a time
    Py_ssize_t panels                                           # of a block
    Py_ssize_t line                                             # between rows of its planes, of half rows of dx


cdef bint transposed_fits(const Conv* g) noexcept nogil:
    """A dense 3x3 or 4x4 kernel with stride 2, enough channels, and as many tiles as repay those of ``strided_fits``."""
    cdef Py_ssize_t tiles = ceil_div(g.height, 2) * ceil_div(g.width, 2)
    return (winograd_on and g.kernel_y == g.kernel_x and 3 <= g.kernel_y <= 4 and g.stride_y == 2 and g.stride_x == 2
            and g.dilation_y == 1 and g.dilation_x == 1
            and g.rows // g.groups >= TRANSPOSED_CHANNELS and g.channels // g.groups >= TRANSPOSED_ROWS
            and tiles * (1 if g.kernel_y == 3 else 2) >= STRIDED_TILES)


cdef void plan_transposed(const Conv* g, Transposed* q, Py_ssize_t threads) noexcept nogil:
    cdef Py_ssize_t most, each, halo
    cdef Patches* p = &q.p
    q.g = g
    q.size = <int> g.kernel_y
    q.sources = 5 if q.size == 3 else 6
    p.groups, p.rows, p.channels, p.taps = g.groups, g.channels // g.groups, g.rows // g.groups, q.size * q.size
    p.w_row, p.w_channel = p.taps, p.rows * p.taps
    p.w_group = p.channels * p.w_channel
    q.w.p, q.w.less = p, True
    q.w.u_plane = strided_kernels(p)
    q.tiles_y, q.tiles_x = ceil_div(g.height, 2), ceil_div(g.width, 2)
    q.w.depth = ceil_div(p.channels, ceil_div(p.channels, <Py_ssize_t> TRANSPOSED_DEPTH))
    each = q.tiles_y * q.tiles_x
    most = max(TRANSPOSED_INPUT // (9 * p.channels), 2 * NR32)
    q.several, q.band, halo = 1, q.tiles_y, 0
    if each <= most:
        q.several = min(most // each, ceil_div(g.samples, threads))
    elif most // q.tiles_x < q.tiles_y:
        q.band, halo = ceil_div(q.tiles_y, ceil_div(q.tiles_y, max(most // q.tiles_x - 1, 2))), 1
    q.several = ceil_div(g.samples, ceil_div(g.samples, q.several))
    q.blocks, q.bands = ceil_div(g.samples, q.several), ceil_div(q.tiles_y, q.band)
    q.parts = min(ceil_div(threads, q.blocks * q.bands * g.groups), winograd_row_tasks(p))
    q.panels = ceil_div(q.several * (q.band + halo) * q.tiles_x, NR32)
    q.w.pitch = round_up(q.panels * NR32, 32) + 16
    q.chunk = max(TRANSPOSED_OUTPUT // (q.sources * q.sources * q.w.pitch * WINOGRAD_LANES), 1) * WINOGRAD_LANES
    q.own = q.blocks * q.bands == 1
    if q.own:
        q.chunk = WINOGRAD_LANES
        q.w.u_plane = round_up(q.chunk * p.channels, 32) + 16
    q.line = round_up((q.band + 1) * q.tiles_x, 16) + 16


cdef inline Py_ssize_t transposed_work(const Transposed* q) noexcept nogil:
    """Floats of workspace per thread: half rows and planes of a channel of dy, all planes in panels, the products, rows
    of dx before and after their columns are put together, a task's kernels."""
    cdef Py_ssize_t half = round_up(q.tiles_x, 16)
    return round_up(4 * half + 9 * q.w.pitch + 9 * q.panels * NR32 * q.p.channels
                    + q.sources * q.sources * q.chunk * q.w.pitch + 16 + 4 * q.sources * q.line + 4 * half + 64, 16) + (
                        q.sources * q.sources * q.w.u_plane if q.own else 0)


cdef void transposed_input(const Transposed* q, const float* dy, Py_ssize_t samples, Py_ssize_t first, Py_ssize_t last, float* work,
                       float* v) noexcept nogil:
    """v[plane, panel, channel] of rows first to last of the tiles of some samples."""
    cdef const Conv* g = q.g
    cdef Py_ssize_t half = round_up(q.tiles_x, 16), k, s, t, j, n = samples * (last - first) * q.tiles_x
    cdef Py_ssize_t panels = ceil_div(n, NR32)
    cdef float* planes = work + 4 * half
    cdef const float* row
    cdef float* at
    for k in range(q.p.channels):
        at = planes
        for s in range(samples):
            for t in range(first, last):
                row = dy + ((s * g.rows + k) * g.height + 2 * t) * g.width
                transposed_split(row, g.width, q.tiles_x, work, work + half)
                if 2 * t + 1 < g.height:
                    transposed_split(row + g.width, g.width, q.tiles_x, work + 2 * half, work + 3 * half)
                else:
                    memset(work + 2 * half, 0, 2 * half * sizeof(float))
                transposed_planes(work, work + half, work + 2 * half, work + 3 * half, q.tiles_x, at, q.w.pitch)
                at += q.tiles_x
        for t in range(9):
            for j in range(n, panels * NR32):
                planes[t * q.w.pitch + j] = 0
            for j in range(panels):
                memcpy(v + ((t * q.panels + j) * q.p.channels + k) * NR32, planes + t * q.w.pitch + j * NR32,
                       NR32 * sizeof(float))


cdef void transposed_product(const Transposed* q, const float* u, const float* v, float* m, Py_ssize_t lo, Py_ssize_t hi,
                             Py_ssize_t n, int sum) noexcept nogil:
    """Channels lo to hi of dx: a panel of one of the nine planes of dy, its first ``n`` columns, with all planes of the kernels
    that belong to it. ``u`` is where the kernels of channel lo begin."""
    cdef Py_ssize_t r, end, s
    cdef int height, y, x, sources = q.sources
    while lo < hi:
        r, end = 0, winograd_task_rows(&q.p, lo)
        while r < end:
            height = tile_height(u, q.p.rows - lo - r)
            for y in range(strided_from(sources, sum // 3), strided_from(sources, sum // 3 + 1)):
                for x in range(strided_from(sources, sum % 3), strided_from(sources, sum % 3 + 1)):
                    s = y * sources + x
                    strided_chains(&q.w, u + s * q.w.u_plane + r, v, NR32, m + s * q.chunk * q.w.pitch, height, n,
                                   q.p.channels, False)
            m += height * q.w.pitch
            r += height
        u += q.p.channels * WINOGRAD_LANES
        lo += end


cdef bint transposed_output(const Transposed* q, const float* m, Py_ssize_t from_y, Py_ssize_t first, Py_ssize_t last, float bias,
                        float* f, float* out, float* dx) noexcept nogil:
    """One channel of one sample of dx, as far as rows first to last of the tiles go, from the products of the rows ``from_y``
    on. False when it is not finite."""
    cdef const Conv* g = q.g
    cdef Py_ssize_t step = q.sources * q.chunk * q.w.pitch, width = q.tiles_x, t, i, y
    cdef Py_ssize_t rows = last - first + (last == q.tiles_y)       # below the last tiles are the ends of their rows
    cdef const float* own
    cdef bint fine = True
    cdef int b, r
    for b in range(q.sources):
        own = m + b * q.chunk * q.w.pitch
        t = first
        if first == 0:
            transposed_across(own, NULL, step, width, q.size, f + b * q.line, q.sources * q.line)
            t = 1
        if t < last:
            transposed_across(own + (t - from_y) * width, own + (t - 1 - from_y) * width, step, (last - t) * width, q.size,
                          f + b * q.line + (t - first) * width, q.sources * q.line)
        if last == q.tiles_y:
            transposed_across(NULL, own + (last - 1 - from_y) * width, step, width, q.size,
                          f + b * q.line + (last - first) * width, q.sources * q.line)
    for i in range(rows):
        for r in range(4):
            y = 4 * (first + i) + r - g.top
            if 0 <= y < g.x_height:
                transposed_along(f + r * q.sources * q.line + i * width, q.line, width, q.size, bias, out)
                fine &= finite(<const float*> out + g.left, g.x_width)
                copy_row(<const float*> out + g.left, dx + y * g.x_width, g.x_width)
    return fine


cdef void transposed_task(const Transposed* q, const float* dy, const float* w, const float* u, const float* bias, float* dx,
                          uint8_t* bad, float* work, Py_ssize_t task) noexcept nogil:
    """One band of a few samples, one part of the channels of dx, of one group."""
    cdef const Conv* g = q.g
    cdef Py_ssize_t all = winograd_row_tasks(&q.p), kernels = part(all, 1, task % q.parts, q.parts)
    cdef Py_ssize_t end = part(all, 1, task % q.parts + 1, q.parts), most = q.chunk // WINOGRAD_LANES
    cdef Py_ssize_t first = task // q.parts % q.bands * q.band, last = min(first + q.band, q.tiles_y)
    cdef Py_ssize_t from_y = max(first - 1, 0)
    cdef Py_ssize_t s = task // (q.parts * q.bands) % q.blocks * q.several, samples = min(q.several, g.samples - s)
    cdef Py_ssize_t group = task // (q.parts * q.bands * q.blocks), each = (last - from_y) * q.tiles_x, n = samples * each
    cdef Py_ssize_t lo, hi, i, j, r, t
    cdef float* v = work + 4 * round_up(q.tiles_x, 16) + 9 * q.w.pitch
    cdef float* m = v + 9 * q.panels * NR32 * q.p.channels
    cdef float* f = m + q.sources * q.sources * q.chunk * q.w.pitch + 16
    cdef float* out = f + 4 * q.sources * q.line
    cdef float* own = out + 4 * round_up(q.tiles_x, 16) + 64
    dy += (s * g.groups + group) * q.p.channels * g.height * g.width
    dx += (s * g.groups + group) * q.p.rows * g.x_height * g.x_width
    w += group * q.p.w_group
    u += group * q.sources * q.sources * q.w.u_plane + kernels * q.p.channels * WINOGRAD_LANES
    if q.own:
        u = own
    transposed_input(q, dy, samples, from_y, last, work, v)
    while kernels < end:
        lo, hi = winograd_first_row(&q.p, kernels), winograd_first_row(&q.p, min(end, kernels + most))
        if q.own:
            strided_rows(&q.w, w, own, lo)
        for t in range(9):
            j = 0
            while j < n:
                transposed_product(q, u, v + (t * q.panels + j // NR32) * q.p.channels * NR32, m + j, lo, hi, n - j,
                                   <int> t)
                j += NR32
        for r in range(hi - lo):
            for i in range(samples):
                if not transposed_output(q, m + r * q.w.pitch + i * each, from_y, first, last,
                                         bias[group * q.p.rows + lo + r] if bias != NULL else <float> 0, f, out,
                                         dx + (i * g.channels + lo + r) * g.x_height * g.x_width):
                    bad[s + i] = 1
        kernels += most
        if not q.own:
            u += most * q.p.channels * WINOGRAD_LANES


cdef bint winograd_transposed(const Conv* g, const float* dy, const float* w, const float* bias, float* dx) noexcept nogil:
    """dx, or a transposed convolution with a bias, for what ``transposed_fits``. False when memory ran out."""
    cdef Transposed q
    cdef Conv one = g[0]
    cdef int threads = threads_for_flops(1.2 * g.samples * g.rows * g.height * g.width * (g.channels // g.groups)
                                   * g.kernel_y * g.kernel_x)
    cdef Py_ssize_t weights, size, i, tasks, kernels
    cdef float* u
    cdef uint8_t* bad
    cdef bint ok = True
    if g.samples == 0:
        return True
    plan_transposed(g, &q, threads)
    size, weights = transposed_work(&q), 0 if q.own else q.sources * q.sources * g.groups * q.w.u_plane
    u = <float*> workspace((weights + threads * size) * sizeof(float) + g.samples)
    if u == NULL:
        return False
    bad = <uint8_t*> (u + weights + threads * size)
    memset(bad, 0, g.samples)
    kernels, tasks = 0 if q.own else g.groups * winograd_row_tasks(&q.p), g.groups * q.blocks * q.bands * q.parts
    if threads == 1:
        for i in range(kernels):
            strided_weights(&q.w, w, u, i)
        for i in range(tasks):
            transposed_task(&q, dy, w, u, bias, dx, bad, u + weights, i)
    else:
        for i in prange(kernels, num_threads=threads, schedule="static"):
            strided_weights(&q.w, w, u, i)
        for i in prange(tasks, num_threads=threads, schedule="dynamic"):
            transposed_task(&q, dy, w, u, bias, dx, bad, u + weights + threadid() * size, i)
    one.samples = 1
    for i in range(g.samples):
        if bad[i]:
            ok = ok and scatter_input_grad(&one, dy + i * g.rows * g.height * g.width, w, bias,
                                           dx + i * g.channels * g.x_height * g.x_width)
    release(u)
    return ok
