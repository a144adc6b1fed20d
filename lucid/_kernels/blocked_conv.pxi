# Convolution of blocked images, of plain images of few channels, and products with a packed weight: bands of tiles.
#
# A task is a band of tiles (pixels, through the samples) by some blocks of output channels. It goes block pair by block
# pair, for each through k in parts of at most K_STEPS whose weights stay in L1, for each through its tiles; sums wait in
# y, which is the task's own. The last part ends with the epilogue, a tile at a time while it is in L1. How the work is
# cut into tasks changes no result.

cdef enum:
    BAND_BYTES = 393216         # of input that a band reads: what L2 keeps beside weights and output
    MANY_TASKS = 32
    MOST_TASKS = 128
    FETCH_BYTES = 524288        # weights of more than this are fetched ahead
    FEW_ROWS = 8                # products of at most as many rows read them in place


cdef struct Finish:
    # y = activation(y + residual), or activation(y) + residual
    Map1 kernel                 # NULL: limits only
    double p[4]
    int limits                  # 1: at least low, 2: at most high, 4: hardswish, 8: hardsigmoid, 16: silu, 32: sigmoid
    float low, high
    bint first                  # the activation comes before the residual
    bint late                   # it cannot be done in registers


cdef struct Dense:
    Py_ssize_t samples, height, width                           # of y
    Py_ssize_t blocks, group_blocks, last_lanes                 # of 16 rows: all, of a group; lanes of the last that y has
    Py_ssize_t x_height, x_width, top, left, stride_y, stride_x, dilation_y, dilation_x
    Py_ssize_t kernel_y, taps, steps, in_blocks, last_steps     # as in BlockTile
    Py_ssize_t x_sample, x_group, x_block, x_line, x_column     # floats between image rows and columns, before strides
    Py_ssize_t y_sample, y_block, y_pixel
    Py_ssize_t w_block, w_row                                   # floats of a block, of a row of taps (of 16 channels)
    Py_ssize_t depth, steps_end                                 # rows of taps per part of k; all (stems count steps)
    Py_ssize_t scale_row                                        # floats between samples of the scale
    Py_ssize_t tiles                                            # per image row
    Py_ssize_t several                                          # blocks that go through k side by side
    Py_ssize_t bands, parts                                     # tasks are bands of tiles by parts of the blocks
    Py_ssize_t band_rows, stage_line, stage_plane               # of a stem or a product: image rows per task, staged
    Py_ssize_t sums_block                                       # of a product whose last block y has a part of: its sums
    const Py_ssize_t* at                                        # of a stem: what each step of k reads
    bint alone                                                  # one thread does all tasks
    Finish finish


cdef struct DenseData:
    const float* x
    const float* w
    const float* bias           # as long as all blocks
    const float* residual
    const float* scale
    float* y


cdef inline void settle_finish(Dense* g) noexcept nogil:
    """Whether the epilogue needs a buffer: limits of both sides and a residual before them do not."""
    cdef Finish* f = &g.finish
    if not f.limits & 1:
        f.low = <float> -cmath.INFINITY
    if not f.limits & 2:
        f.high = <float> cmath.INFINITY
    f.late = f.kernel != NULL or f.first or g.sums_block > 0


cdef inline void settle_tiles(Dense* g, Py_ssize_t most) noexcept nogil:
    """Even tiles of at most so many pixels of an image row, and two blocks at a time where the narrowest have registers
    for them: one block alone would wait for its own additions."""
    g.tiles = ceil_div(g.width, most)
    g.several = BLOCK_PAIR if g.width // g.tiles <= BLOCK_BOTH else 1


cdef void plan_dense(Dense* g) noexcept nogil:
    """Cut k into parts, rows of pixels into tiles, and all of it into tasks."""
    cdef Py_ssize_t rows = g.in_blocks * g.kernel_y, most = max(K_STEPS // (g.taps * g.steps), 1), tiles
    cdef double weights = 4.0 * g.w_block * g.blocks, image = 4.0 * g.in_blocks * g.x_block * g.samples
    g.depth, g.steps_end = ceil_div(rows, ceil_div(rows, most)), rows
    settle_finish(g)
    # without a stride at compile time there are tiles of up to FEW_ROWS pixels only
    most = BLOCK_PIXELS
    if g.stride_x * g.x_column != CHANNELS and g.stride_x * g.x_column != 2 * CHANNELS:
        most = min(most, <Py_ssize_t> FEW_ROWS)
    settle_tiles(g, most)
    tiles = g.samples * g.height * g.tiles
    cut_work(tiles, ceil_div(g.blocks, g.several), 0.5 * weights * g.samples * g.height * g.width, weights,
             image, max(1, min(min(tiles, <Py_ssize_t> MOST_TASKS), <Py_ssize_t> (image / BAND_BYTES))), g.alone, &g.bands,
             &g.parts)


cdef void cut_work(Py_ssize_t tiles, Py_ssize_t several, double work, double weights, double image, Py_ssize_t least,
                   bint alone, Py_ssize_t* bands, Py_ssize_t* parts) noexcept nogil:
    """At least so many bands of tiles by parts of block pairs, for the least time: above all on two threads, then on more.

    Times are of one thread, in multiplications and additions: each reading of an operand and each task cost some.
    """
    cdef Py_ssize_t b, p, largest, threads
    cdef double cost, best = -1, even
    bands[0], parts[0] = least, 1
    if alone:
        return
    for b in range(least, max(least, min(tiles, <Py_ssize_t> MOST_TASKS)) + 1):
        for p in range(1, several + 1):
            if b * p > MOST_TASKS and (b > least or p > 1):
                break
            largest = ceil_div(tiles, b) * ceil_div(several, p)
            even = 0
            for threads in range(2, 9, 2):
                even += ceil_div(b * p, threads) * largest * threads / (threads * threads * 0.356 * tiles * several)
            cost = work * even + 40000.0 * b * p + 2 * (b * weights + p * image)
            if best < 0 or cost < best:
                best, bands[0], parts[0] = cost, b, p


cdef Py_ssize_t dense_work(const Dense* g) noexcept nogil:
    """Floats of workspace per thread: three tiles, staged lines, sums or scaled weights."""
    return (3 * BLOCK_PAIR * CHANNELS * CHANNELS + g.stage_plane * g.in_blocks + BLOCK_PAIR * g.sums_block
            + (BLOCK_PAIR * g.depth * g.w_row if g.scale_row else 0))


# Epilogue

cdef float* finish_rows(const Finish* f, float* x, float* spare, const float* residual, Py_ssize_t n) noexcept nogil:
    """The epilogue of n numbers (a multiple of 16); the result is in x or in the spare buffer, which is returned.

    Both are as long as the next multiple of 64.
    """
    if residual != NULL and not f.first:
        block_finish(x, residual, n, 0, 0, 0)
    if f.kernel != NULL:
        f.kernel(x, spare, round_up(n, LANES), f.p)
        x = spare
    elif f.limits:
        block_finish(x, NULL, n, f.low, f.high, f.limits)
    if residual != NULL and f.first:
        block_finish(x, residual, n, 0, 0, 0)
    return x


cdef void finish_tile(const Dense* g, float* tile, Py_ssize_t pixels, Py_ssize_t several, Py_ssize_t lanes,
                      const float* residual, float* y) noexcept nogil:
    """The epilogue of a tile in a buffer, which is then written to y; ``lanes`` of the last block."""
    cdef float* spare = tile + BLOCK_PAIR * CHANNELS * CHANNELS
    cdef float* r = spare + BLOCK_PAIR * CHANNELS * CHANNELS
    cdef Py_ssize_t p, b, n, size = pixels * CHANNELS
    if residual != NULL:
        for b in range(several):
            n = lanes if b == several - 1 else CHANNELS
            if g.y_pixel == CHANNELS and n == CHANNELS:
                memcpy(r + b * size, residual + b * g.y_block, size * sizeof(float))
            else:
                for p in range(pixels):
                    copy_row(residual + b * g.y_block + p * g.y_pixel, r + b * size + p * CHANNELS, n)
    tile = finish_rows(&g.finish, tile, spare, r if residual != NULL else NULL, several * size)
    for b in range(several):
        n = lanes if b == several - 1 else CHANNELS
        if g.y_pixel == CHANNELS and n == CHANNELS:
            memcpy(y + b * g.y_block, tile + b * size, size * sizeof(float))
        else:
            for p in range(pixels):
                copy_row(tile + b * size + p * CHANNELS, y + b * g.y_block + p * g.y_pixel, n)


# Bands

cdef void scale_weights(const Dense* g, const float* w, const float* scale, Py_ssize_t first, Py_ssize_t end,
                        Py_ssize_t several, float* out) noexcept nogil:
    """The weights of rows of taps, times the factor of their channel."""
    cdef Py_ssize_t b, r, tap, n
    cdef const float* source
    for b in range(several):
        source = w + b * g.w_block
        for r in range(first, end):
            n = g.last_steps if r // g.kernel_y == g.in_blocks - 1 else g.steps
            for tap in range(g.taps):
                block_scale(source, scale + r // g.kernel_y * CHANNELS, n, out)
                out += n * CHANNELS
                source += n * CHANNELS


cdef inline Py_ssize_t weights_before(const Dense* g, Py_ssize_t row) noexcept nogil:
    """Floats of the rows of taps, or of a stem's steps, before ``row``."""
    cdef Py_ssize_t rest = row - (g.in_blocks - 1) * g.kernel_y
    if rest <= 0 or g.at != NULL:
        return row * g.w_row
    return (row - rest) * g.w_row + rest * g.taps * g.last_steps * CHANNELS


cdef inline bint has_edges(const Dense* g) noexcept nogil:
    """Whether some tap reaches beyond a line of the image, to its left or to its right."""
    return g.taps > 1 or g.left > 0 or (g.width - 1) * g.stride_x >= g.x_width


cdef void dense_tiles(const Dense* g, const DenseData* d, BlockTile* t, Py_ssize_t block, Py_ssize_t several,
                      Py_ssize_t lo, Py_ssize_t hi, float* buffer, float* sums,
                      const float* next) noexcept nogil:
    """Tiles lo to hi for one part of k of some blocks; the end of a row of y that is not blocked cannot hold sums."""
    cdef Py_ssize_t i = lo % g.tiles, y = lo // g.tiles % g.height, s = lo // (g.tiles * g.height), tile
    cdef Py_ssize_t first, pixels, b, p, at, x, each = g.width // g.tiles, more = g.width % g.tiles
    cdef bint last = t.end == g.steps_end, late = last and g.finish.late, edges = has_edges(g)
    cdef const float* image = d.x + block // g.group_blocks * g.x_group
    cdef const float* residual = d.residual if last else NULL
    cdef int hard = g.finish.limits & FORMULAS if last else 0
    t.limits = g.finish.limits & 3 if last and not late else 0
    t.left, t.right, t.residual = 0, g.taps, NULL
    # each tile fetches its share of the part of k that comes next; a single one only reads, which needs no such help
    t.lines = 0
    if next != NULL and hi - lo > 1:
        t.ahead, t.ahead_block = next, g.w_block
        t.lines = ceil_div(CHANNELS, hi - lo)
    for tile in range(lo, hi):
        first = i * each + min(i, more)
        pixels = each + (i < more)
        t.y = y * g.stride_y - g.top
        x = first * g.stride_x - g.left
        t.x = image + s * g.x_sample + t.y * g.x_line + x * g.x_column
        if edges:
            t.left = ceil_div(-x, g.dilation_x) if x < 0 else 0
            x += (pixels - 1) * g.stride_x
            t.right = g.taps
            if x + (g.taps - 1) * g.dilation_x >= g.x_width:
                t.right = ceil_div(max(g.x_width - x, 0), g.dilation_x)
        at = s * g.y_sample + block * g.y_block + (y * g.width + first) * g.y_pixel
        t.to, t.to_pixel, t.to_block = d.y + at, g.y_pixel, g.y_block
        if g.sums_block:
            t.to, t.to_pixel, t.to_block = sums + first * CHANNELS, CHANNELS, g.sums_block
        if t.first > 0:
            t.base, t.base_pixel, t.base_block = t.to, t.to_pixel, t.to_block
        if not late:
            if residual != NULL:
                t.residual = residual + at
            tile_block(t, pixels, several)
            if hard:
                for b in range(several):
                    if g.y_pixel == CHANNELS:
                        block_finish(t.to + b * g.y_block, NULL, pixels * CHANNELS, 0, 0, hard)
                    else:
                        for p in range(pixels):
                            block_finish(t.to + b * g.y_block + p * g.y_pixel, NULL, CHANNELS, 0, 0, hard)
        else:
            t.to, t.to_pixel, t.to_block = buffer, CHANNELS, pixels * CHANNELS
            tile_block(t, pixels, several)
            finish_tile(g, buffer, pixels, several, g.last_lanes if block + several == g.blocks else CHANNELS,
                        residual + at if residual != NULL else NULL, d.y + at)
        if t.lines > 0:
            t.ahead += t.lines * CHANNELS * (t.end - t.first) * g.taps
            t.lines = 0 if (tile + 1 - lo) * t.lines >= CHANNELS else t.lines
        i += 1
        if i == g.tiles:
            i, y = 0, y + 1
            if y == g.height:
                y, s = 0, s + 1


cdef void dense_band(const Dense* g, const DenseData* d, Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t block, Py_ssize_t end,
                     float* work) noexcept nogil:
    """Tiles lo to hi of blocks ``block`` to ``end``."""
    cdef Py_ssize_t several, first, at, next_at, each = g.height * g.tiles
    cdef float* sums = work + 3 * BLOCK_PAIR * CHANNELS * CHANNELS + g.stage_plane * g.in_blocks
    cdef float* scaled = sums
    cdef const float* next
    cdef BlockTile t
    t.x_block, t.x_row, t.x_tap = g.x_block, g.dilation_y * g.x_line, g.dilation_x * g.x_column
    t.x_pixel = g.stride_x * g.x_column
    t.rows, t.taps, t.steps, t.last, t.last_steps = g.kernel_y, g.taps, g.steps, g.in_blocks - 1, g.last_steps
    t.y_step, t.height, t.at = g.dilation_y, g.x_height, g.at
    t.low, t.high, t.ahead = g.finish.low, g.finish.high, NULL
    while block < end:
        several = min(min(end - block, g.several), g.group_blocks - block % g.group_blocks)
        first = 0
        while first < g.steps_end:
            t.first, t.end = first, min(first + g.depth, g.steps_end)
            t.base, t.base_pixel, t.base_block = d.bias + block * CHANNELS, 0, CHANNELS
            t.w, t.w_block = d.w + block * g.w_block + weights_before(g, first), g.w_block
            next = NULL
            if 4 * g.blocks * g.w_block > FETCH_BYTES and g.at == NULL:
                if t.end < g.steps_end:
                    next = t.w + weights_before(g, t.end) - weights_before(g, first)
                elif block + several < end:
                    next = d.w + (block + several) * g.w_block
            if d.scale == NULL:
                dense_tiles(g, d, &t, block, several, lo, hi, work, sums, next)
            else:
                at = lo
                t.w_block = weights_before(g, t.end) - weights_before(g, first)
                while at < hi:              # sample by sample
                    next_at = min((at // each + 1) * each, hi)
                    scale_weights(g, d.w + block * g.w_block + weights_before(g, first),
                                  d.scale + at // each * g.scale_row + block // g.group_blocks * g.in_blocks * CHANNELS,
                                  first, t.end, several, scaled)
                    t.w = scaled
                    dense_tiles(g, d, &t, block, several, at, next_at, work, sums, NULL)
                    at = next_at
            first = t.end
        block += several


cdef void dense_task(const Dense* g, const DenseData* d, float* work, Py_ssize_t task) noexcept nogil:
    cdef Py_ssize_t tiles = g.samples * g.height * g.tiles, band = task // g.parts, index = task % g.parts
    dense_band(g, d, part(tiles, 1, band, g.bands), part(tiles, 1, band + 1, g.bands),
               part(g.blocks, g.several, index, g.parts), part(g.blocks, g.several, index + 1, g.parts), work)


# Plain operands, staged a band of rows at a time

cdef void plan_stem(Dense* g) noexcept nogil:
    """Bands of image rows whose staged lines take about 48 KB; for a stem ``in_blocks`` counts channels."""
    cdef Py_ssize_t reach = (g.kernel_y - 1) * g.dilation_y + 1
    settle_tiles(g, min(<Py_ssize_t> BLOCK_PIXELS, <Py_ssize_t> (BLOCK_PIXELS if g.stride_x == 2 else FEW_ROWS)))
    g.steps_end, g.w_row = g.in_blocks * g.kernel_y * g.taps, CHANNELS
    g.depth = ceil_div(g.steps_end, ceil_div(g.steps_end, <Py_ssize_t> K_STEPS))
    settle_finish(g)
    g.stage_line = round_up((g.width - 1) * g.stride_x + (g.taps - 1) * g.dilation_x + 1, CHANNELS)
    g.band_rows = max((12288 // (g.stage_line * g.in_blocks) - reach) // g.stride_y, 1)
    g.band_rows = min(g.band_rows, max(g.height // 4, 1))
    g.band_rows = ceil_div(g.height, ceil_div(g.height, g.band_rows))
    g.stage_plane = ((g.band_rows - 1) * g.stride_y + reach) * g.stage_line
    g.bands, g.parts = g.samples * ceil_div(g.height, g.band_rows), 1


cdef void stem_offsets(Dense* g, Py_ssize_t* at) noexcept nogil:
    """What each step of k reads, from the first pixel of a tile."""
    cdef Py_ssize_t c, r, tap
    g.at = at
    for c in range(g.in_blocks):
        for r in range(g.kernel_y):
            for tap in range(g.taps):
                at[0] = c * g.stage_plane + r * g.dilation_y * g.stage_line + tap * g.dilation_x
                at += 1


cdef void stem_task(const Dense* g, const DenseData* d, float* work, Py_ssize_t task) noexcept nogil:
    """A band of rows of one sample."""
    cdef Py_ssize_t each = ceil_div(g.height, g.band_rows), s = task // each, row = task % each * g.band_rows
    cdef Py_ssize_t c, y, from_y, lines = g.stage_plane // g.stage_line, size = g.x_height * g.x_width
    cdef Py_ssize_t n = min(g.x_width, g.stage_line - g.left)
    cdef float* stage = work + 3 * BLOCK_PAIR * CHANNELS * CHANNELS
    cdef Dense sub = g[0]
    cdef DenseData e = d[0]
    memset(stage, 0, g.stage_plane * g.in_blocks * sizeof(float))
    for c in range(g.in_blocks):
        for y in range(lines):
            from_y = row * g.stride_y - g.top + y
            if 0 <= from_y < g.x_height:
                memcpy(stage + c * g.stage_plane + y * g.stage_line + g.left,
                       d.x + (s * g.in_blocks + c) * size + from_y * g.x_width, n * sizeof(float))
    sub.samples, sub.height, sub.x_height, sub.x_width = 1, min(g.band_rows, g.height - row), lines, g.stage_line
    sub.top = sub.left = 0
    sub.x_sample = sub.x_group = 0
    sub.x_block, sub.x_line, sub.x_column = g.stage_plane, g.stage_line, 1
    e.x = stage
    e.y += s * g.y_sample + row * g.width * g.y_pixel
    if e.residual != NULL:
        e.residual += s * g.y_sample + row * g.width * g.y_pixel
    dense_band(&sub, &e, 0, sub.height * g.tiles, 0, g.blocks, work)


cdef void plan_linear(Dense* g) noexcept nogil:
    """``width`` rows of a product: bands of about 56 rows, but as many tasks as there is work for."""
    cdef Py_ssize_t wanted, rows = g.width
    g.band_rows = ceil_div(rows, ceil_div(rows, 4 * BLOCK_PIXELS))
    if BLOCK_CHAINS and rows > 4 * BLOCK_PIXELS:
        g.band_rows = 4 * BLOCK_PIXELS          # only the last has tiles that are not full
    g.sums_block = max(g.band_rows, <Py_ssize_t> FEW_ROWS) * CHANNELS if g.last_lanes < CHANNELS else 0
    if rows <= FEW_ROWS:
        plan_dense(g)
        g.bands = 1
        g.parts = min(ceil_div(g.blocks, g.several),
                      max(1, min(<Py_ssize_t> MANY_TASKS, g.blocks * g.w_block // 65536)))
        return
    g.bands = ceil_div(rows, g.band_rows)
    g.several = BLOCK_PAIR if BLOCK_BOTH == BLOCK_PIXELS else 1
    cut_work(g.bands, ceil_div(g.blocks, g.several), 2.0 * rows * g.blocks * g.w_block,
             4.0 * g.blocks * g.w_block, 4.0 * rows * g.x_column, g.bands, g.alone, &g.bands,
             &g.parts)
    g.depth = ceil_div(g.in_blocks, ceil_div(g.in_blocks, <Py_ssize_t> (K_STEPS // CHANNELS)))
    g.steps_end = g.in_blocks
    settle_finish(g)
    g.tiles = ceil_div(g.band_rows, <Py_ssize_t> BLOCK_PIXELS)
    g.stage_plane = g.band_rows * CHANNELS


cdef void linear_task(const Dense* g, const DenseData* d, float* work, Py_ssize_t task) noexcept nogil:
    """A band of rows by some blocks of columns."""
    cdef Py_ssize_t band = task // g.parts, index = task % g.parts, row, rows, b, i, lanes
    cdef float* stage = work + 3 * BLOCK_PAIR * CHANNELS * CHANNELS
    cdef const float* source
    cdef Dense sub
    cdef DenseData e
    if g.width <= FEW_ROWS:
        dense_task(g, d, work, task)
        return
    sub = g[0]
    e = d[0]
    row = band * g.band_rows
    rows = min(g.band_rows, g.width - row)
    for b in range(g.in_blocks):
        lanes = g.last_steps if b == g.in_blocks - 1 else CHANNELS
        for i in range(rows):
            source = d.x + (row + i) * g.x_column + b * CHANNELS
            if lanes == CHANNELS:
                memcpy(stage + (b * g.band_rows + i) * CHANNELS, source, CHANNELS * sizeof(float))
            else:
                memcpy(stage + (b * g.band_rows + i) * CHANNELS, source, lanes * sizeof(float))
    sub.width = sub.x_width = rows
    sub.tiles = ceil_div(rows, <Py_ssize_t> BLOCK_PIXELS)
    sub.x_block, sub.x_column = g.stage_plane, CHANNELS
    e.x = stage
    e.y += row * g.y_pixel
    if e.residual != NULL:
        e.residual += row * g.y_pixel
    dense_band(&sub, &e, 0, sub.tiles, part(g.blocks, g.several, index, g.parts),
               part(g.blocks, g.several, index + 1, g.parts), work)
