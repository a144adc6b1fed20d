# Winograd's convolution of few tiles, whose time goes into its weights.
#
# A small image has so few tiles that the transformed weights, 16/9 of the weights, would be written to memory and read
# back for a handful of columns. Here the transformed input of all tiles is what is kept, and every tile of rows
# transforms its own kernels, a block of k at a time, and uses them while they are in cache. With AVX rows of the
# weight are the lanes of the products, so that 16 or 49 tiles leave none idle. Sums, their order and so the bits are
# those of winograd.pxi.

cdef enum:
    FEW_TILES = 256             # at a time: the input of more would not stay in cache
    FEW_WEIGHTS = 131072        # of a group: as many are transformed again for every FEW_TILES
    FEW_CHANNELS = 16           # a task of the input's transform
    FEW_KERNELS = 32768         # floats of transformed kernels, at most
    FEW_INPUT = 262144          # floats of input that L2 keeps: beyond, two tiles of rows share a reading of it


cdef inline bint few_tiles(const Winograd* g) noexcept nogil:
    """Transforming the weights again costs less than writing and reading them. It changes no bit."""
    return g.tiles <= FEW_TILES or g.p.rows * g.p.channels >= FEW_WEIGHTS


cdef inline bint rows_in_lanes(const Winograd* g) noexcept nogil:
    """Rows of the weight are the columns of the products, tiles their rows: no lane is idle for want of tiles."""
    return SQUARE >= 8


cdef void plan_few(Winograd* g) noexcept nogil:
    cdef float* like = NULL
    cdef Py_ssize_t most = ceil_div(g.tiles, ceil_div(g.tiles, <Py_ssize_t> FEW_TILES)), pitch
    g.block = min(round_up(most, NR32), g.tiles)
    pitch = round_up(covered(like, g.block), WINOGRAD_LANES)
    # the transforms of a sample's last tiles may write a register beyond it
    g.pitch = pitch + WINOGRAD_LANES if g.p.samples > 1 and (g.tiles_y * g.tiles_x | g.block) % WINOGRAD_LANES else pitch
    g.strip = g.pitch + min(g.tiles_x, g.pitch) + WINOGRAD_LANES
    g.v_plane = round_up(g.p.channels * g.pitch, 32) + 16
    g.chunk = NR32 if rows_in_lanes(g) else MR32 if 16 * g.v_plane <= FEW_INPUT else 2 * MR32
    g.parts = ceil_div(g.p.rows, g.chunk)
    # whole pairs of blocks of k
    g.span = max(FEW_KERNELS // (32 * (g.chunk // MR32) * WINOGRAD_LANES * g.depth), 1) * 2 * g.depth
    g.span = min(g.span, g.p.channels)
    g.u_plane = (g.chunk // MR32 + 2) * g.span * WINOGRAD_LANES + 16    # the last rows make up to three tiles
    if rows_in_lanes(g):
        g.span = min(max(FEW_KERNELS // (32 * NR32 * g.depth), 1) * 2 * g.depth, g.p.channels)
        g.u_plane = g.span * NR32 + 16


cdef inline Py_ssize_t few_work(const Winograd* g) noexcept nogil:
    """Floats of workspace per thread: strips of the input, or kernels, sums and two rows of output."""
    cdef Py_ssize_t sums = 16 * (g.block + 2) * NR32 if rows_in_lanes(g) else 0
    return round_up(max(10 * g.strip, 16 * g.u_plane + sums + 16 * g.chunk * g.pitch + 4 * g.pitch), 16)


cdef void few_input_task(const Winograd* g, const float* x, Py_ssize_t first, float* v, float* work,
                         Py_ssize_t task) noexcept nogil:
    """The transformed input of the block of tiles from ``first`` on, for a few channels of one group."""
    cdef const Patches* p = g.p
    cdef Py_ssize_t each = ceil_div(p.channels, <Py_ssize_t> FEW_CHANNELS), group = task // each
    cdef Py_ssize_t lo = task % each * FEW_CHANNELS
    memset(work, 0, 10 * g.strip * sizeof(float))
    winograd_input(g, x + group * p.channels * p.x_height * p.x_width, first, min(g.block, g.tiles - first), lo,
                   min(lo + FEW_CHANNELS, p.channels), work, work + 2 * g.strip, v + group * 16 * g.v_plane)


cdef void few_product(const Winograd* g, const float* u, const float* v, float* m, Py_ssize_t count, Py_ssize_t tiles,
                      Py_ssize_t first, Py_ssize_t channels) noexcept nogil:
    """``count`` rows of one position times ``tiles``, for some blocks of k from channel ``first`` on."""
    cdef Py_ssize_t j = 0, i
    cdef const float* kernels
    cdef int rows
    while j < tiles:
        i, kernels = 0, u
        while i < count:
            rows = tile_height(v, count - i)
            if narrow(v, tiles - j):
                deep_narrow_tile(rows, kernels, WINOGRAD_LANES, v + first * g.pitch + j, g.pitch,
                                 m + i * g.pitch + j, g.pitch, channels, g.depth, first > 0)
            else:
                deep_tile32(rows, kernels, WINOGRAD_LANES, v + first * g.pitch + j, g.pitch, m + i * g.pitch + j,
                            g.pitch, channels, g.depth, first > 0)
            kernels += channels * WINOGRAD_LANES
            i += rows
        j += NR32


cdef void few_task(const Winograd* g, const float* v, const float* w, const float* bias, float* y, uint8_t* bad,
                   float* work, Py_ssize_t first, Py_ssize_t task) noexcept nogil:
    """One or two tiles of rows of one group, for a block of tiles; the last rows may make up to three."""
    cdef const Patches* p = g.p
    cdef Py_ssize_t group = task // g.parts, lo = task % g.parts * g.chunk, hi = min(lo + g.chunk, p.rows), c = 0, n
    cdef Py_ssize_t i, t, r, tiles = min(g.block, g.tiles - first)
    cdef float* m = work + 16 * g.u_plane
    cdef float* out = m + 16 * g.chunk * g.pitch
    cdef float* u
    cdef int32_t most
    cdef int rows
    w += group * p.w_group
    v += group * 16 * g.v_plane
    while c < p.channels:
        n = min(p.channels - c, g.span)
        i, u = lo, work
        while i < hi:
            rows = tile_height(w, hi - i)
            winograd_kernels(g, w + i * p.w_row + c * p.w_channel, rows, n, u, WINOGRAD_LANES, g.u_plane)
            u += n * WINOGRAD_LANES
            i += rows
        for t in range(16):
            few_product(g, work + t * g.u_plane, v + t * g.v_plane, m + t * g.chunk * g.pitch, hi - lo, tiles,
                        c, n)
        c += n
    y += group * p.rows * p.y_channel
    for r in range(hi - lo):
        most = winograd_back(m + r * g.pitch, g.chunk * g.pitch, tiles,
                             bias[group * p.rows + lo + r] if bias != NULL else <float> 0, out, out + 2 * g.pitch)
        winograd_output(g, out, y + (lo + r) * p.y_channel, first, tiles, bad, most)


cdef inline int few_height(Py_ssize_t tiles) noexcept nogil:
    """Of the next tile of the product: up to two rows too many are cheaper than a tile that waits for its additions."""
    if MR32 == 14 and (tiles == 15 or tiles == 16):
        return 8
    return MR32 if tiles >= MR32 - 1 else 8 if tiles > 5 else 4 if tiles > 2 else 2


cdef void lanes_task(const Winograd* g, const float* v, const float* w, const float* bias, float* y, uint8_t* bad,
                     float* work, Py_ssize_t first, Py_ssize_t task) noexcept nogil:
    """As ``few_task``, where ``rows_in_lanes``: sums are [position][tile][row]."""
    cdef const Patches* p = g.p
    cdef Py_ssize_t group = task // g.parts, lo = task % g.parts * NR32, rows = min(<Py_ssize_t> NR32, p.rows - lo), c = 0
    cdef Py_ssize_t tiles = min(g.block, g.tiles - first), plane = (g.block + 2) * NR32, n, i, t, r
    cdef bint half = rows <= NARROW
    cdef Py_ssize_t width = NARROW if half else NR32
    cdef float* m = work + 16 * g.u_plane
    cdef float* turned = m + 16 * plane
    cdef float* out = turned + 16 * g.chunk * g.pitch
    cdef int32_t most
    cdef int height
    w += group * p.w_group + lo * p.w_row
    v += group * 16 * g.v_plane
    while c < p.channels:
        n = min(p.channels - c, g.span)
        i = 0
        while i < width:
            r = min(i, rows - 1)            # lanes of no row are multiplied too
            winograd_rows(w + r * p.w_row + c * p.w_channel, p.w_row, p.w_channel, <int> min(rows - r, <Py_ssize_t> SQUARE),
                          n, g.flipped, work + i, NR32, g.u_plane)
            i += SQUARE
        for t in range(16):
            i = 0
            while i < tiles:
                height = few_height(tiles - i)
                if half:
                    deep_narrow_tile(height, v + t * g.v_plane + c * g.pitch + i, g.pitch, work + t * g.u_plane, NR32,
                                     m + t * plane + i * NR32, NR32, n, g.depth, c > 0)
                else:
                    deep_tile32(height, v + t * g.v_plane + c * g.pitch + i, g.pitch, work + t * g.u_plane, NR32,
                                m + t * plane + i * NR32, NR32, n, g.depth, c > 0)
                i += height
        c += n
    for t in range(16):
        transpose(m + t * plane, NR32, tiles, rows, turned + t * g.chunk * g.pitch, g.pitch)
    y += group * p.rows * p.y_channel
    for r in range(rows):
        most = winograd_back(turned + r * g.pitch, g.chunk * g.pitch, tiles,
                             bias[group * p.rows + lo + r] if bias != NULL else <float> 0, out, out + 2 * g.pitch)
        winograd_output(g, out, y + (lo + r) * p.y_channel, first, tiles, bad, most)


cdef void run_few(const Winograd* g, const float* x, const float* w, const float* bias, float* y, uint8_t* bad,
                  float* v, float* work, int threads) noexcept nogil:
    """The whole batch, a block of tiles at a time: all threads share its transformed input."""
    cdef const Patches* p = g.p
    cdef Py_ssize_t i, first, size = few_work(g), channels = p.groups * ceil_div(p.channels, <Py_ssize_t> FEW_CHANNELS)
    cdef Py_ssize_t tasks = p.groups * g.parts
    first = 0
    while first < g.tiles:
        if threads == 1:
            for i in range(channels):
                few_input_task(g, x, first, v, work, i)
            for i in range(tasks):
                if rows_in_lanes(g):
                    lanes_task(g, v, w, bias, y, bad, work, first, i)
                else:
                    few_task(g, v, w, bias, y, bad, work, first, i)
        else:
            for i in prange(channels, num_threads=threads, schedule="static"):
                few_input_task(g, x, first, v, work + threadid() * size, i)
            for i in prange(tasks, num_threads=threads, schedule="dynamic"):
                if rows_in_lanes(g):
                    lanes_task(g, v, w, bias, y, bad, work + threadid() * size, first, i)
                else:
                    few_task(g, v, w, bias, y, bad, work + threadid() * size, first, i)
        first += g.block
