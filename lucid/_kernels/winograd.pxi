# 3x3 convolution with stride 1 by Winograd's F(2x2, 3x3): 16 products for four outputs instead of 36.
#
# A tile of 2x2 outputs reads 4x4 inputs d. With U = G w G' of a kernel and V = B' d B of a tile, its outputs are
# A' (sum over channels of U * V) A, so each of the 16 positions is a matrix product over the channels:
#
#     B' = 1  0 -1  0     G = 1    0   0       A' = 1 1  1  0
#          0  1  1  0         1/2  1/2 1/2          0 1 -1 -1
#          0 -1  1  0         1/2 -1/2 1/2
#          0  1  0 -1         0    0   1
#
# (S. Winograd, Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, Fast Algorithms for Convolutional
# Neural Networks, CVPR 2016.) G only halves and adds. One output is a sum of 9 of the 16 products; counting variances,
# its error is that of 25/9 as many terms as the direct sum has, in chains a ninth as long: with short blocks of channels
# its root mean square is below that of the direct path, and benchmarks/precision.py checks it.
#
# Tiles are numbered through the batch; a block of them is transformed, multiplied position by position, and
# transformed back while it is in L2. No tile's bits depend on the block it is in. An infinity or a NaN reaches the other
# outputs of its tiles, and sums near the largest float may overflow: samples whose result is not finite throughout are
# computed again by the direct path.

cdef enum:
    WINOGRAD_LANES = 16         # loops run to a multiple of this
    WINOGRAD_DEPTH = 32         # most channels per block of k ...
    WINOGRAD_SHORT = 12         # ... and of few, whose direct sums are short, too; AVX-512 pays more for each block
    WINOGRAD_FEW = 128          # channels
    WINOGRAD_INPUT = 196608     # floats of transformed input held back ...
    WINOGRAD_OUTPUT = 98304     # ... and of output
    WINOGRAD_CHANNELS = 12      # fewer, on either side, do not repay the transforms ...
    WINOGRAD_TILES = 16         # ... nor do fewer tiles of a sample repay those of the weights

cdef bint winograd_on = True


def set_winograd(bint on) -> None:
    """Whether 3x3 convolutions may use Winograd's algorithm; without it every output is a direct sum."""
    global winograd_on
    winograd_on = on


def get_winograd() -> bool:
    return winograd_on


cdef struct Winograd:
    const Patches* p
    bint flipped                                                # taps count from the kernel's last
    bint less                                                   # with a stride: kernels are differences of taps, not sums
    Py_ssize_t first_y, first_x                                 # where tile (0, 0) reads
    Py_ssize_t tiles_y, tiles_x, tiles                          # of one sample; of all
    Py_ssize_t blocks, parts                                    # of tiles; of rows
    Py_ssize_t pitch                                            # between rows of a block: an odd number of cache lines
    Py_ssize_t strip                                            # between rows of a block's transform along x
    Py_ssize_t depth, chunk                                     # channels per block of k; rows of output held back
    Py_ssize_t u_plane, v_plane                                 # between positions: odd numbers of cache lines too
    Py_ssize_t span, block                                      # of few tiles: channels and tiles at a time


cdef bint winograd_fits(const Patches* p) noexcept nogil:
    """A dense 3x3 kernel with stride 1, and enough channels."""
    cdef Py_ssize_t t, sign
    if not winograd_on or p.taps != 9 or p.step_y != 1 or p.step_x != 1 or p.y_column != 1:
        return False
    sign = 1 if p.tap_y[8] > p.tap_y[0] else -1
    for t in range(9):
        if p.tap_y[t] != p.tap_y[0] + sign * (t // 3) or p.tap_x[t] != p.tap_x[0] + sign * (t % 3) or p.tap_w[t] != t:
            return False
    return (min(p.rows, p.channels) >= WINOGRAD_CHANNELS
            and ceil_div(p.height, 2) * ceil_div(p.width, 2) >= WINOGRAD_TILES)


cdef void plan_winograd(const Patches* p, Winograd* g, Py_ssize_t threads) noexcept nogil:
    cdef Py_ssize_t panels, most
    cdef float* like = NULL
    g.p = p
    g.flipped = p.tap_y[8] < p.tap_y[0]
    g.first_y, g.first_x = min(p.tap_y[0], p.tap_y[8]), min(p.tap_x[0], p.tap_x[8])
    g.tiles_y, g.tiles_x = ceil_div(p.height, 2), ceil_div(p.width, 2)
    g.tiles = p.samples * g.tiles_y * g.tiles_x
    panels = ceil_div(g.tiles, NR32)
    most = max(WINOGRAD_INPUT // (16 * p.channels * NR32), 2)
    g.blocks = ceil_div(panels, most)
    if g.blocks * p.groups >= threads and panels >= threads:
        g.blocks = min(round_up(g.blocks, threads), panels)
    g.parts = min(ceil_div(threads, g.blocks * p.groups), row_units(like, p.rows))
    g.pitch = round_up(ceil_div(panels, g.blocks) * NR32, 32) + 16
    g.strip = g.pitch + min(g.tiles_x, g.pitch) + WINOGRAD_LANES
    g.depth = WINOGRAD_SHORT if p.channels <= WINOGRAD_FEW and SQUARE < 16 else WINOGRAD_DEPTH
    g.depth = ceil_div(p.channels, ceil_div(p.channels, g.depth))
    g.u_plane, g.v_plane = round_up(p.rows * p.channels, 32) + 16, round_up(p.channels * g.pitch, 32) + 16
    g.chunk = max(WINOGRAD_OUTPUT // (16 * g.pitch * MR32), 1) * MR32 + 2


cdef inline Py_ssize_t winograd_work(const Winograd* g) noexcept nogil:
    """Floats of workspace per thread: a line, the transform along x, the input, the output, two rows of it."""
    return round_up(10 * g.strip + 16 * g.v_plane + 16 * g.chunk * g.pitch + 4 * g.pitch, 16)


# Kernels

cdef void winograd_kernels(const Winograd* g, const float* w, int rows, Py_ssize_t channels, float* u,
                           Py_ssize_t step, Py_ssize_t plane) noexcept nogil:
    """u[position, channel, row] of some rows and channels, from those of w; positions lie ``plane`` floats apart and
    channels ``step``, which is ``rows``, or LANES: then the lanes of no row are written too."""
    cdef const Patches* p = g.p
    cdef float[9 * WINOGRAD_LANES * 8] kernels
    cdef float[16 * WINOGRAD_LANES] transformed
    cdef Py_ssize_t c = 0, first, q, several, t, column = -WINOGRAD_LANES if g.flipped else WINOGRAD_LANES
    memset(kernels, 0, sizeof(kernels))
    while c < channels:
        several = min(channels - c, 8)
        if p.w_channel == 9:
            for q in range(rows):
                winograd_call(w + q * p.w_row + (c + 8) * 9, 72)
            transpose(w + c * 9, p.w_row, rows, several * 9, kernels, WINOGRAD_LANES)
        else:
            for q in range(several):
                winograd_call(w + (c + 8 + q) * p.w_channel, rows * p.w_row)
                winograd_taps(w + (c + q) * p.w_channel, p.w_row, rows, kernels + q * 9 * WINOGRAD_LANES)
        for q in range(several):
            first = (q * 9 + (8 if g.flipped else 0)) * WINOGRAD_LANES
            if step == WINOGRAD_LANES:
                winograd_planes(kernels + first, 3 * column, column, u + (c + q) * step, plane)
                continue
            winograd_kernel(kernels + first, 3 * column, column, transformed)
            for t in range(16):
                copy_row(transformed + t * WINOGRAD_LANES, u + t * plane + (c + q) * step, rows)
        c += several


cdef void winograd_weights(const Winograd* g, const float* w, float* u, Py_ssize_t task) noexcept nogil:
    """The tiles of LANES rows, or one, of one group, for all channels: u is [group][position], each as by ``pack_a``."""
    cdef const Patches* p = g.p
    cdef Py_ssize_t tasks = winograd_row_tasks(p), group = task // tasks, first = winograd_first_row(p, task % tasks)
    cdef Py_ssize_t all = winograd_task_rows(p, first), c, q, t, i
    cdef float[16 * WINOGRAD_LANES * 8] transformed
    cdef int rows = tile_height(w, p.rows - first)
    w += group * p.w_group + first * p.w_row
    u += group * 16 * g.u_plane + first * p.channels
    if all == rows:
        winograd_kernels(g, w, rows, p.channels, u, rows, g.u_plane)
        return
    for c in range(0, p.channels, 8):
        winograd_kernels(g, w + c * p.w_channel, <int> all, min(p.channels - c, 8), transformed, WINOGRAD_LANES,
                         8 * WINOGRAD_LANES)
        i = 0
        while i < all:
            rows = tile_height(w, p.rows - first - i)
            for t in range(16):
                for q in range(min(p.channels - c, 8)):
                    copy_row(transformed + (8 * t + q) * WINOGRAD_LANES + i,
                             u + t * g.u_plane + i * p.channels + (c + q) * rows, rows)
            i += rows


cdef inline Py_ssize_t winograd_task_rows(const Patches* p, Py_ssize_t first) noexcept nogil:
    """Rows from ``first`` on that are transformed together: whole tiles that fill the lanes."""
    cdef float* like = NULL
    cdef Py_ssize_t rows = tile_height(like, p.rows - first)
    while (2 * MR32 <= WINOGRAD_LANES and first + rows < p.rows
           and rows + tile_height(like, p.rows - first - rows) <= WINOGRAD_LANES):
        rows += tile_height(like, p.rows - first - rows)
    return rows


cdef inline Py_ssize_t winograd_first_row(const Patches* p, Py_ssize_t task) noexcept nogil:
    """Where the rows of task number ``task`` begin."""
    cdef Py_ssize_t i = 0, n
    for n in range(task):
        i += winograd_task_rows(p, i)
    return i


cdef inline Py_ssize_t winograd_row_tasks(const Patches* p) noexcept nogil:
    cdef Py_ssize_t i = 0, count = 0
    while i < p.rows:
        i += winograd_task_rows(p, i)
        count += 1
    return count


cdef void winograd_strip(const Winograd* g, const float* plane, Py_ssize_t tile, Py_ssize_t n, float* line,
                         float* h) noexcept nogil:
    """h[e, j, i] = the transform along x of row e of tile number tile + i of a sample."""
    cdef const Patches* p = g.p
    cdef Py_ssize_t i = 0, run, x, row, e, j
    while i < n:
        x = (tile + i) % g.tiles_x
        run = min(n - i, g.tiles_x - x)
        for e in range(2):
            row = 2 * ((tile + i) // g.tiles_x) + e + g.first_y
            if row < 0 or row >= p.x_height:
                for j in range(4):
                    memset(h + (4 * e + j) * g.strip + i, 0, run * sizeof(float))
            else:
                stage_row(plane + row * p.x_width, 1, 2 * x + g.first_x, p.x_width, 2 * run + 2, line)
                # past the end of the row, what is written is overwritten by the next
                winograd_along(line, round_up(run, WINOGRAD_LANES), h + 4 * e * g.strip + i, g.strip)
        i += run


cdef void winograd_input(const Winograd* g, const float* x, Py_ssize_t first, Py_ssize_t n, Py_ssize_t lo,
                         Py_ssize_t hi, float* line, float* h, float* v) noexcept nogil:
    """v[position, channel, i] of tiles first to first + n and channels lo to hi of a group, zero up to a whole panel."""
    cdef const Patches* p = g.p
    cdef Py_ssize_t each = g.tiles_y * g.tiles_x, size = p.x_height * p.x_width
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
                winograd_strip(g, image, tile, run + step, line, h)
            else:
                step = run
                winograd_strip(g, image, tile, run, line, h)
                winograd_strip(g, image, tile + g.tiles_x, run, line, h + step)
            winograd_across(h, g.strip, step, round_up(run, WINOGRAD_LANES), v + c * g.pitch + i, g.v_plane)
            i += run
        if n < end:
            for t in range(16):
                memset(v + t * g.v_plane + c * g.pitch + n, 0, (end - n) * sizeof(float))


cdef void winograd_output(const Winograd* g, const float* rows, float* y, Py_ssize_t first, Py_ssize_t n,
                          uint8_t* bad, int32_t most) noexcept nogil:
    """Cut two rows of outputs of n tiles into the image of one channel."""
    cdef const Patches* p = g.p
    cdef Py_ssize_t each = g.tiles_y * g.tiles_x, i = 0, run, s, ty, tx, e, j
    while i < n:
        s = (first + i) // each
        ty, tx = (first + i) % each // g.tiles_x, (first + i) % g.tiles_x
        run = min(n - i, g.tiles_x - tx)
        for e in range(min(2, p.height - 2 * ty)):
            copy_row(rows + 2 * e * g.pitch + 2 * i, y + s * p.y_sample + (2 * ty + e) * p.y_row + 2 * tx,
                     min(2 * run, p.width - 2 * tx))
            if most >= 0x7f800000:      # in some sample of the block: in this one?
                for j in range(2 * i, 2 * (i + run)):
                    if bits32(rows[2 * e * g.pitch + j]) & 0x7f800000 == 0x7f800000:
                        bad[s] = 1
        i += run


cdef void winograd_product(const Winograd* g, const float* u, const float* v, float* m, Py_ssize_t rows,
                           Py_ssize_t n) noexcept nogil:
    """One panel of one position, its first ``n`` columns: every tile of rows through all blocks of k, while its sums are in L1."""
    cdef Py_ssize_t i = 0
    cdef int height
    while i < rows:
        height = tile_height(u, rows - i)
        if narrow(u, n):
            deep_narrow_tile(height, u + i * g.p.channels, height, v, g.pitch, m + i * g.pitch, g.pitch, g.p.channels,
                             g.depth, False)
        else:
            deep_tile32(height, u + i * g.p.channels, height, v, g.pitch, m + i * g.pitch, g.pitch, g.p.channels,
                        g.depth, False)
        i += height


cdef void winograd_task(const Winograd* g, const float* x, const float* u, const float* bias, float* y, uint8_t* bad,
                        float* work, Py_ssize_t task) noexcept nogil:
    """One block of tiles, one part of the rows, of one group."""
    cdef const Patches* p = g.p
    cdef Py_ssize_t group = task // (g.parts * g.blocks), block = task // g.parts % g.blocks
    cdef Py_ssize_t lo = row_part(x, p.rows, task % g.parts, g.parts)
    cdef Py_ssize_t hi = row_part(x, p.rows, task % g.parts + 1, g.parts)
    cdef Py_ssize_t first = part(g.tiles, NR32, block, g.blocks), n = part(g.tiles, NR32, block + 1, g.blocks) - first
    cdef Py_ssize_t rows, t, j, r
    cdef float* h = work + 2 * g.strip
    cdef float* v = h + 8 * g.strip
    cdef float* m = v + 16 * g.v_plane
    cdef float* out = m + 16 * g.chunk * g.pitch
    cdef int32_t most
    memset(work, 0, 10 * g.strip * sizeof(float))
    u += group * 16 * g.u_plane
    y += group * p.rows * p.y_channel
    winograd_input(g, x + group * p.channels * p.x_height * p.x_width, first, n, 0, p.channels, work, h, v)
    while lo < hi:
        rows = min(hi - lo, g.chunk - 2)
        if hi - lo == rows + 2:
            rows += 2                   # the last 16 rows are packed as two tiles of 8
        for t in range(16):
            j = 0
            while j < n:
                winograd_product(g, u + t * g.u_plane + lo * p.channels, v + t * g.v_plane + j,
                                 m + t * g.chunk * g.pitch + j, rows, n - j)
                j += NR32
        for r in range(rows):
            most = winograd_back(m + r * g.pitch, g.chunk * g.pitch, n,
                                 bias[group * p.rows + lo + r] if bias != NULL else <float> 0, out, out + 2 * g.pitch)
            winograd_output(g, out, y + (lo + r) * p.y_channel, first, n, bad, most)
        lo += rows


cdef bint repair(Patches* p, const float* x, const float* w, const float* bias, float* y,
                 const uint8_t* bad) noexcept nogil:
    """Compute ``bad`` samples again by the direct path. False when memory ran out."""
    cdef Py_ssize_t i, samples = p.samples
    cdef bint ok = True
    p.samples = 1
    for i in range(samples):
        if bad[i]:
            ok = ok and convolve_directly(p, x + i * p.groups * p.channels * p.x_height * p.x_width, w, bias,
                                          y + i * p.y_sample)
    p.samples = samples
    return ok


cdef bint winograd(Patches* p, const float* x, const float* w, const float* bias, float* y) noexcept nogil:
    """As ``convolve``, for what ``winograd_fits``. False when memory ran out."""
    cdef Winograd g
    cdef int threads = threads_for_flops(8.0 * p.samples * p.groups * p.rows * p.channels * p.height * p.width)
    cdef Py_ssize_t weights, size, i, tasks, samples = p.samples
    cdef float* u
    cdef uint8_t* bad
    cdef bint ok
    plan_winograd(p, &g, threads)
    size, weights = winograd_work(&g), 16 * p.groups * g.u_plane
    if few_tiles(&g):
        plan_few(&g)
        size, weights = few_work(&g), 16 * p.groups * g.v_plane         # the input takes the place of the weights
    u = <float*> workspace((weights + threads * size) * sizeof(float) + samples)
    if u == NULL:
        return False
    bad = <uint8_t*> (u + weights + threads * size)
    memset(bad, 0, samples)
    tasks = p.groups * g.blocks * g.parts
    if few_tiles(&g):
        run_few(&g, x, w, bias, y, bad, u, u + weights, threads)
    elif threads == 1:
        for i in range(p.groups * winograd_row_tasks(p)):
            winograd_weights(&g, w, u, i)
        for i in range(tasks):
            winograd_task(&g, x, u, bias, y, bad, u + weights, i)
    else:
        for i in prange(p.groups * winograd_row_tasks(p), num_threads=threads, schedule="static"):
            winograd_weights(&g, w, u, i)
        for i in prange(tasks, num_threads=threads, schedule="dynamic"):
            winograd_task(&g, x, u, bias, y, bad, u + weights + threadid() * size, i)
    ok = repair(p, x, w, bias, y, bad)
    release(u)
    return ok
