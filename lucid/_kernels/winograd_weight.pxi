# The weight gradient of a 3x3 convolution with stride 1 by Winograd's F(2x2, 3x3): see winograd.pxi.
#
# The outputs of a tile are A' (U * V) A with U = G w G' and V = B' d B. The gradient of their loss by w is therefore
# G' (sum over tiles of W * V) G with W = A dy A', 16 products for a tile and a pair of channels instead of 36, and each of
# the 16 positions is a matrix product over the tiles of the batch. Channels are the lanes of both transforms.
#
# Tiles are numbered through the batch. A round of them is transformed and multiplied while both transforms are in L3; a
# task has the sums of all positions for some rows and a few panels of columns, and brings them back after the last round.
# Sums of a round start from zero: with one total for all blocks of k, that of 12544 tiles had twice the error.
# Counting variances, an element has four times the error of a direct sum with chains of the same length at the corners
# of the kernel, twice at its edges; WEIGHT_TILES makes up for it. Where a result is not finite, all are computed
# again by the direct path.

cdef enum:
    WEIGHT_TILES = 48           # most steps of k in a block
    WEIGHT_PART = 2             # blocks of k whose panels stay in L2
    WEIGHT_ROUND = 2097152      # floats of both transforms held back
    WEIGHT_STAGE = 32768        # floats of staged input of a task
    WEIGHT_PANELS = 4           # most panels of columns a task multiplies its rows with
    WEIGHT_CHANNELS = 16        # fewer, on either side, would leave too many lanes idle ...
    WEIGHT_MORE = 24            # ... and so would fewer on both
    WEIGHT_LANES = 32           # floats from one pixel or tile to the next

cdef extern from *:
    """
    /* Of LANES channels side by side. v[4i + j] = (B' d B)[i, j] of the 4x4 pixels from d on, rows ``row`` apart. */
    enum { LUCID_WEIGHT_LANES = 32, LUCID_WEIGHT_ROWS = LUCID_WEIGHT_LANES / LUCID_MR32 * LUCID_MR32,
           LUCID_WEIGHT_COLUMNS = LUCID_WEIGHT_LANES / LUCID_NR32 * LUCID_NR32 };
    static void lucid_weight_input(const float *restrict d, Py_ssize_t row, float *restrict v, Py_ssize_t plane) {
        LUCID_INDEPENDENT
        for (int r = 0; r < LUCID_WEIGHT_LANES; r++) {
            float h[4][4];
            for (int j = 0; j < 4; j++) {
                float d0 = d[j * LUCID_WEIGHT_LANES + r], d1 = d[row + j * LUCID_WEIGHT_LANES + r];
                float d2 = d[2 * row + j * LUCID_WEIGHT_LANES + r], d3 = d[3 * row + j * LUCID_WEIGHT_LANES + r];
                h[0][j] = d0 - d2;
                h[1][j] = d1 + d2;
                h[2][j] = d2 - d1;
                h[3][j] = d1 - d3;
            }
            for (int i = 0; i < 4; i++) {
                v[(4 * i + 0) * plane + r] = h[i][0] - h[i][2];
                v[(4 * i + 1) * plane + r] = h[i][1] + h[i][2];
                v[(4 * i + 2) * plane + r] = h[i][2] - h[i][1];
                v[(4 * i + 3) * plane + r] = h[i][1] - h[i][3];
            }
        }
    }

    /* w[4i + j] = (A dy A')[i, j] of 2x2 pixels. */
    static void lucid_weight_output(const float *restrict dy, Py_ssize_t row, float *restrict w, Py_ssize_t plane) {
        LUCID_INDEPENDENT
        for (int r = 0; r < LUCID_WEIGHT_LANES; r++) {
            float h[4][2];
            for (int j = 0; j < 2; j++) {
                float a = dy[j * LUCID_WEIGHT_LANES + r], b = dy[row + j * LUCID_WEIGHT_LANES + r];
                h[0][j] = a;
                h[1][j] = a + b;
                h[2][j] = a - b;
                h[3][j] = -b;
            }
            for (int i = 0; i < 4; i++) {
                w[(4 * i + 0) * plane + r] = h[i][0];
                w[(4 * i + 1) * plane + r] = h[i][0] + h[i][1];
                w[(4 * i + 2) * plane + r] = h[i][0] - h[i][1];
                w[(4 * i + 3) * plane + r] = -h[i][1];
            }
        }
    }

    /* dw[3i + j] = (G' m G)[i, j] of n lanes; the largest bits of a magnitude. */
    static int32_t lucid_weight_back(const float *restrict m, Py_ssize_t plane, int n, float *restrict dw) {
        enum { row = LUCID_WEIGHT_LANES };
        int32_t most = 0;
        LUCID_INDEPENDENT
        for (int r = 0; r < n; r++) {
            float h[3][4], g[3][3];
            for (int j = 0; j < 4; j++) {
                float m0 = m[j * plane + r], m1 = m[(4 + j) * plane + r];
                float m2 = m[(8 + j) * plane + r], m3 = m[(12 + j) * plane + r];
                h[0][j] = m0 + 0.5f * (m1 + m2);
                h[1][j] = 0.5f * (m1 - m2);
                h[2][j] = 0.5f * (m1 + m2) + m3;
            }
            for (int i = 0; i < 3; i++) {
                g[i][0] = h[i][0] + 0.5f * (h[i][1] + h[i][2]);
                g[i][1] = 0.5f * (h[i][1] - h[i][2]);
                g[i][2] = 0.5f * (h[i][1] + h[i][2]) + h[i][3];
                for (int j = 0; j < 3; j++) {
                    int32_t bits = lucid_i32(g[i][j]) & 0x7fffffff;
                    most = most > bits ? most : bits;
                }
            }
            float *to = dw + r;     /* one by one: of a loop GCC makes scattered stores */
            to[0] = g[0][0], to[row] = g[0][1], to[2 * row] = g[0][2];
            to[3 * row] = g[1][0], to[4 * row] = g[1][1], to[5 * row] = g[1][2];
            to[6 * row] = g[2][0], to[7 * row] = g[2][1], to[8 * row] = g[2][2];
        }
        return most;
    }
    """
    void weight_input "lucid_weight_input" (const float* d, Py_ssize_t row, float* v, Py_ssize_t plane) noexcept nogil
    void weight_output "lucid_weight_output" (const float* dy, Py_ssize_t row, float* w, Py_ssize_t plane) noexcept nogil
    cdef enum:
        WEIGHT_ROWS "LUCID_WEIGHT_ROWS"         # of a panel of dy
        WEIGHT_COLUMNS "LUCID_WEIGHT_COLUMNS"   # of a panel of x, whole tiles
    int32_t weight_back "lucid_weight_back" (const float* m, Py_ssize_t plane, int n, float* dw) noexcept nogil


cdef struct WeightImage:
    # One side of the products: x, or dy.
    const float* image
    Py_ssize_t channels, all_channels                           # of a group, of a sample
    Py_ssize_t height, width, top, left
    Py_ssize_t span                                             # a tile reads span x span pixels, every second one
    Py_ssize_t lanes, panels                                    # channels of a panel, panels


cdef struct WinogradWeight:
    const WeightGrad* g
    WeightImage x, dy
    Py_ssize_t tiles_y, tiles_x, strips                         # strips: rows of tiles, numbered through the batch
    Py_ssize_t rounds, round                                    # strips of a round
    Py_ssize_t plane                                            # between positions: an odd number of cache lines
    Py_ssize_t band_x, band_dy                                  # strips a task transforms
    Py_ssize_t each, parts                                      # panels of columns of a task; tasks of a panel of rows


cdef bint winograd_weight_fits(const WeightGrad* g) noexcept nogil:
    return (winograd_on and g.kernel_y == 3 and g.kernel_x == 3 and g.stride_y == 1 and g.stride_x == 1
            and g.dilation_y == 1 and g.dilation_x == 1 and min(g.rows, g.channels) >= WEIGHT_CHANNELS
            and max(g.rows, g.channels) >= WEIGHT_MORE
            and g.samples * ceil_div(g.height, 2) * ceil_div(g.width, 2) >= WINOGRAD_TILES)


cdef Py_ssize_t weight_band(const WeightImage* p, Py_ssize_t strips) noexcept nogil:
    """Strips whose pixels fit the stage."""
    cdef Py_ssize_t rows = WEIGHT_STAGE // (p.width * WEIGHT_LANES)
    return max(min((rows - p.span + 2) // 2, strips), 1)


cdef void plan_winograd_weight(const WeightGrad* g, WinogradWeight* q, Py_ssize_t threads) noexcept nogil:
    cdef Py_ssize_t most
    q.g = g
    q.tiles_y, q.tiles_x = ceil_div(g.height, 2), ceil_div(g.width, 2)
    q.strips = g.samples * q.tiles_y
    q.x.channels, q.x.all_channels, q.x.height, q.x.width = g.channels, g.groups * g.channels, g.x_height, g.x_width
    q.x.top, q.x.left, q.x.span, q.x.lanes = g.top, g.left, 4, WEIGHT_COLUMNS
    q.dy.channels, q.dy.all_channels, q.dy.height, q.dy.width = g.rows, g.groups * g.rows, g.height, g.width
    q.dy.top, q.dy.left, q.dy.span, q.dy.lanes = 0, 0, 2, WEIGHT_ROWS
    q.x.panels, q.dy.panels = ceil_div(g.channels, q.x.lanes), ceil_div(g.rows, q.dy.lanes)
    most = max(WEIGHT_ROUND // (16 * (q.x.panels + q.dy.panels) * WEIGHT_LANES * q.tiles_x), 1)
    q.rounds = ceil_div(q.strips, most)
    q.round = ceil_div(q.strips, q.rounds)
    q.rounds = ceil_div(q.strips, q.round)
    q.plane = q.round * q.tiles_x * WEIGHT_LANES + 16
    q.band_x, q.band_dy = weight_band(&q.x, q.round), weight_band(&q.dy, q.round)
    q.each = max(min(<Py_ssize_t> WEIGHT_PANELS, q.x.panels * q.dy.panels // (4 * threads)), 1)
    q.parts = ceil_div(q.x.panels, q.each)


cdef inline Py_ssize_t weight_sums(const WinogradWeight* q, Py_ssize_t panels) noexcept nogil:
    return 16 * WEIGHT_ROWS * WEIGHT_LANES * panels


cdef Py_ssize_t winograd_weight_work(const WinogradWeight* q) noexcept nogil:
    """Floats of workspace per thread: staged pixels of one side and those of a tile at a border, or sums."""
    cdef Py_ssize_t x = (2 * q.band_x + 2) * q.x.width, dy = 2 * q.band_dy * q.dy.width
    return max((max(x, dy) + 16) * WEIGHT_LANES, weight_sums(q, q.each) + 9 * WEIGHT_LANES)


cdef void weight_square(const WeightImage* p, const float* stage, Py_ssize_t first, Py_ssize_t row, Py_ssize_t column,
                      float* border, float* out, Py_ssize_t plane) noexcept nogil:
    """Transform the tile at (row, column) of a stage that begins with row ``first``."""
    cdef Py_ssize_t pitch = p.width * WEIGHT_LANES, i, j, y, x
    cdef const float* pixels = stage + ((row - first) * p.width + column) * WEIGHT_LANES
    if row < 0 or column < 0 or row + p.span > p.height or column + p.span > p.width:
        for i in range(p.span):
            for j in range(p.span):
                y, x = row + i, column + j
                if y < 0 or x < 0 or y >= p.height or x >= p.width:
                    memset(border + (4 * i + j) * WEIGHT_LANES, 0, WEIGHT_LANES * sizeof(float))
                else:
                    memcpy(border + (4 * i + j) * WEIGHT_LANES, pixels + i * pitch + j * WEIGHT_LANES,
                           WEIGHT_LANES * sizeof(float))
        pixels, pitch = border, 4 * WEIGHT_LANES
    if p.span == 4:
        weight_input(pixels, pitch, out, plane)
    else:
        weight_output(pixels, pitch, out, plane)


cdef void weight_transform(const WinogradWeight* q, const WeightImage* p, Py_ssize_t group, Py_ssize_t panel,
                           Py_ssize_t strip, Py_ssize_t last, float* out, float* work) noexcept nogil:
    """out[position][tile][lane] of strips ``strip`` to ``last``, for one panel of channels of a group."""
    cdef Py_ssize_t channels = min(p.lanes, p.channels - panel * p.lanes), size = p.height * p.width
    cdef Py_ssize_t s, y, n, first, end, i, j
    cdef float* border = work
    cdef float* stage = work + 16 * WEIGHT_LANES
    if channels < p.lanes:      # what is in the lanes of no channel reaches no result, but may be slow to multiply
        memset(stage, 0, (2 * min(last - strip, q.tiles_y) + p.span - 2) * p.width * WEIGHT_LANES * sizeof(float))
    while strip < last:
        s, y = strip // q.tiles_y, strip % q.tiles_y
        n = min(last - strip, q.tiles_y - y)
        first = max(2 * y - p.top, 0)
        end = min(2 * (y + n) + p.span - 2 - p.top, p.height)
        if first < end:
            transpose(p.image + (s * p.all_channels + group * p.channels + panel * p.lanes) * size + first * p.width,
                      size, channels, (end - first) * p.width, stage, WEIGHT_LANES)
        for i in range(n):
            for j in range(q.tiles_x):
                weight_square(p, stage, first, 2 * (y + i) - p.top, 2 * j - p.left, border, out, q.plane)
                out += WEIGHT_LANES
        strip += n


cdef void weight_products(const WinogradWeight* q, const float* w, const float* v, float* m, Py_ssize_t rows,
                          Py_ssize_t columns, Py_ssize_t tiles) noexcept nogil:
    """m[panel][position][row][lane] of one panel of rows and some of columns, over the ``tiles`` of a round."""
    cdef Py_ssize_t depth = ceil_div(tiles, ceil_div(tiles, <Py_ssize_t> WEIGHT_TILES)), first = 0, last, k, j, t, i, n
    cdef const float* a
    cdef const float* b
    cdef float* c
    cdef int height
    while first < tiles:
        last = min(first + WEIGHT_PART * depth, tiles)
        j = 0
        while j < columns:
            for t in range(16):
                a, b = w + t * q.plane, v + (16 * (j // WEIGHT_COLUMNS) + t) * q.plane + j % WEIGHT_COLUMNS
                c = m + (16 * (j // WEIGHT_COLUMNS) + t) * WEIGHT_ROWS * WEIGHT_LANES + j % WEIGHT_COLUMNS
                i = 0
                while i < rows:
                    height = tile_height(a, rows - i)
                    k = first
                    while k < last:
                        n = min(last - k, depth)
                        if narrow(a, columns - j):
                            narrow_tile(height, a + k * WEIGHT_LANES + i, 1, WEIGHT_LANES, b + k * WEIGHT_LANES,
                                        WEIGHT_LANES, c + i * WEIGHT_LANES, WEIGHT_LANES, n, k > 0)
                        else:
                            tile(height, a + k * WEIGHT_LANES + i, 1, WEIGHT_LANES, b + k * WEIGHT_LANES, WEIGHT_LANES,
                                 c + i * WEIGHT_LANES, WEIGHT_LANES, n, k > 0)
                        k += n
                    i += height
            j += NR32
        first = last


cdef void weight_add(const float* x, const float* y, float* z, Py_ssize_t n) noexcept nogil:
    """z = x + y, which may be either."""
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = x[i] + y[i]


cdef bint weight_product_task(const WinogradWeight* q, const float* w, const float* v, float* sums, float* work,
                              float* dw, Py_ssize_t round, Py_ssize_t task) noexcept nogil:
    """One panel of rows, a few panels of columns; after the last round they come to dw. Whether all are finite."""
    cdef const WeightGrad* g = q.g
    cdef Py_ssize_t panel = task // q.parts, lo = task % q.parts * q.each, hi = min(lo + q.each, q.x.panels), j, r, n
    cdef Py_ssize_t rows = min(<Py_ssize_t> WEIGHT_ROWS, g.rows - panel * WEIGHT_ROWS)
    cdef Py_ssize_t columns = min(hi * WEIGHT_COLUMNS, g.channels) - lo * WEIGHT_COLUMNS
    cdef float* m = work
    cdef float* back = work + weight_sums(q, q.each)
    cdef float* total = sums + weight_sums(q, panel * q.x.panels + lo)
    cdef int32_t most = 0
    weight_products(q, w + 16 * panel * q.plane, v + 16 * lo * q.plane, total if round == 0 and q.rounds > 1 else m, rows,
                    columns, (min((round + 1) * q.round, q.strips) - round * q.round) * q.tiles_x)
    if round > 0:
        n = weight_sums(q, hi - lo)
        weight_add(total, m, total if round < q.rounds - 1 else m, n)
    if round < q.rounds - 1:
        return True
    for r in range(rows):
        for j in range(hi - lo):
            n = min(columns - j * WEIGHT_COLUMNS, <Py_ssize_t> WEIGHT_COLUMNS)
            most = max(most, weight_back(m + (16 * j * WEIGHT_ROWS + r) * WEIGHT_LANES, WEIGHT_ROWS * WEIGHT_LANES,
                                         <int> n, back))
            transpose(back, WEIGHT_LANES, 9, n, dw + ((panel * WEIGHT_ROWS + r) * g.channels + (lo + j) * WEIGHT_COLUMNS) * 9,
                      9)
    return most < 0x7f800000


cdef void weight_transform_task(const WinogradWeight* q, Py_ssize_t group, Py_ssize_t first, Py_ssize_t last,
                                float* w, float* v, float* work, Py_ssize_t task) noexcept nogil:
    """Some strips of a round from ``first`` to ``last`` and one panel of either side."""
    cdef Py_ssize_t bands = ceil_div(last - first, q.band_x), at, panel
    if task < bands * q.x.panels:
        panel, at = task // bands, task % bands * q.band_x
        weight_transform(q, &q.x, group, panel, first + at, min(first + at + q.band_x, last),
                         v + 16 * panel * q.plane + at * q.tiles_x * WEIGHT_LANES, work)
        return
    task -= bands * q.x.panels
    bands = ceil_div(last - first, q.band_dy)
    panel, at = task // bands, task % bands * q.band_dy
    weight_transform(q, &q.dy, group, panel, first + at, min(first + at + q.band_dy, last),
                     w + 16 * panel * q.plane + at * q.tiles_x * WEIGHT_LANES, work)


cdef int winograd_weight(const WeightGrad* g, const float* x, const float* dy, float* dw) noexcept nogil:
    """dw for what ``winograd_weight_fits``; 0 where the direct path is needed for it, -1 when memory ran out."""
    cdef WinogradWeight q
    cdef int threads = threads_for_flops(2.0 * g.groups * g.rows * g.channels * g.samples * g.height * g.width * 4)
    cdef Py_ssize_t size, w_size, v_size, sums_size, group, round, first, last, tasks, i
    cdef float* w
    cdef float* v
    cdef float* sums
    cdef float* work
    cdef float* to
    cdef int bad = 0
    plan_winograd_weight(g, &q, threads)
    q.x.image, q.dy.image = x, dy
    size = winograd_weight_work(&q)
    w_size, v_size = 16 * q.dy.panels * q.plane, 16 * q.x.panels * q.plane
    sums_size = weight_sums(&q, q.x.panels * q.dy.panels) if q.rounds > 1 else 0
    w = <float*> workspace((w_size + v_size + sums_size + threads * size) * sizeof(float))
    if w == NULL:
        return -1
    v = w + w_size
    sums = v + v_size
    work = sums + sums_size
    for group in range(g.groups):
        to = dw + group * g.rows * g.channels * 9
        for round in range(q.rounds):
            first, last = round * q.round, min((round + 1) * q.round, q.strips)
            tasks = ceil_div(last - first, q.band_x) * q.x.panels + ceil_div(last - first, q.band_dy) * q.dy.panels
            if threads == 1:
                for i in range(tasks):
                    weight_transform_task(&q, group, first, last, w, v, work, i)
                for i in range(q.dy.panels * q.parts):
                    bad += not weight_product_task(&q, w, v, sums, work, to, round, i)
            else:
                for i in prange(tasks, num_threads=threads, schedule="dynamic"):
                    weight_transform_task(&q, group, first, last, w, v, work + threadid() * size, i)
                for i in prange(q.dy.panels * q.parts, num_threads=threads, schedule="dynamic"):
                    bad += not weight_product_task(&q, w, v, sums, work + threadid() * size, to, round, i)
    release(w)
    return bad == 0
