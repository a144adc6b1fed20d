# Convolution as a matrix product that never builds its patch matrix.
#
# Output pixels are columns, (input channel, tap) pairs are the k axis. The input rows of a block of pixels are staged
# with their zero border in a small buffer of constant pitch; then the patch row of every tap is the same buffer read
# at another offset, and a micro-kernel that looks these offsets up needs no im2col. A stride is split into its phases,
# each staged apart, so that neighbouring outputs always read neighbouring elements. The columns at row ends that
# belong to no output are computed and dropped.
#
# An input gradient is the same gather, once per phase of its output where scatter.pxi does not take it over.

from cython.parallel cimport threadid


cdef enum:
    STAGE = 98304               # most elements staged at a time ...
    OUTPUT = 65536              # ... and of output held back: both stay in L2
    STEPS = 147                 # most steps of k in a block: shorter than a product's, for 3x3 kernels sum thousands ...
    LINE_STEPS = 48             # ... and without tiles, where blocks cost little
    POINT_STEPS = 72            # of a 1x1 kernel: PyTorch's sums are as short there
    DIRECT_OUTPUT = 2097152     # elements of all outputs that stay in L3
    COLUMNS = 1024              # pixels per block ...
    LINE_COLUMNS = 4096         # ... and without tiles
    LINE_ROWS = 3               # most rows computed without tiles


cdef struct Patches:
    # y[s, g * rows + r, i, j] = sum over c, t of w[g, r, c, t] * x[s, g * channels + c, i * step_y + tap_y[t], ...]
    Py_ssize_t samples, groups, rows, channels, taps
    Py_ssize_t x_height, x_width
    Py_ssize_t step_y, step_x
    Py_ssize_t height, width                                    # pixels computed
    Py_ssize_t y_sample, y_channel, y_row, y_column             # strides of the result, elements
    Py_ssize_t w_group, w_row, w_channel
    Py_ssize_t* tap_y                                           # where a tap reads, for pixel (0, 0)
    Py_ssize_t* tap_x
    Py_ssize_t* tap_w                                           # where its weight lies
    # decided by plan_patches
    Py_ssize_t* tap_at                                          # where it reads in the stage
    Py_ssize_t* phase_y
    Py_ssize_t* phase_x
    Py_ssize_t phases
    Py_ssize_t first_y, first_x, span_y, span_x                 # of the taps, in steps
    Py_ssize_t block_samples, block_height, block_width         # one block of pixels ...
    Py_ssize_t blocks_s, blocks_y, blocks_x                     # ... and how many there are
    Py_ssize_t pitch, plane, stage_channel, columns
    Py_ssize_t depth                                            # channels per block of k
    bint strips                                                 # computed by conv_strip.pxi


cdef void plan_taps(Patches* p) noexcept nogil:
    """Split every tap into a phase and a whole number of steps."""
    cdef Py_ssize_t t, f, y, x, last_y = 0, last_x = 0
    p.phases = 0
    for t in range(p.taps):
        y, x = floor_div(p.tap_y[t], p.step_y), floor_div(p.tap_x[t], p.step_x)
        if t == 0:
            p.first_y, p.first_x, last_y, last_x = y, x, y, x
        p.first_y, last_y = min(p.first_y, y), max(last_y, y)
        p.first_x, last_x = min(p.first_x, x), max(last_x, x)
        y, x = p.tap_y[t] - y * p.step_y, p.tap_x[t] - x * p.step_x
        f = 0
        while f < p.phases and not (p.phase_y[f] == y and p.phase_x[f] == x):
            f += 1
        if f == p.phases:
            p.phase_y[f], p.phase_x[f] = y, x
            p.phases += 1
        p.tap_at[t] = f
    p.span_y, p.span_x = last_y - p.first_y, last_x - p.first_x


cdef inline Py_ssize_t patch_lanes(const Patches* p, const floating* like) noexcept nogil:
    """Columns are computed in multiples of this."""
    if p.rows > LINE_ROWS:
        return tile_columns(like)
    return LINE32 if floating is float else LINE64


cdef inline Py_ssize_t patch_depth(const Patches* p) noexcept nogil:
    """Channels per block of k."""
    cdef Py_ssize_t most = max((POINT_STEPS if p.taps == 1 else STEPS if p.rows > LINE_ROWS else LINE_STEPS) // p.taps, 1)
    return ceil_div(p.channels, ceil_div(p.channels, most))


cdef void place_taps(Patches* p) noexcept nogil:
    """Where each tap reads in a stage of blocks as planned."""
    cdef Py_ssize_t t, y, x
    # an odd number of cache lines between channels spreads them over all sets of the cache
    p.stage_channel = round_up(p.phases * p.block_samples * p.plane, 32) + 16
    for t in range(p.taps):
        y, x = floor_div(p.tap_y[t], p.step_y), floor_div(p.tap_x[t], p.step_x)
        p.tap_at[t] = p.tap_at[t] * p.block_samples * p.plane + (y - p.first_y) * p.pitch + x - p.first_x


cdef Py_ssize_t balanced_height(const Patches* p, Py_ssize_t most, Py_ssize_t lanes, Py_ssize_t threads) noexcept nogil:
    """Rows of pixels per block, at most ``most``, for the least time until the last thread is done."""
    cdef Py_ssize_t rows, tasks, best = 1, columns = p.samples * p.groups * ceil_div(p.width, p.block_width)
    cdef double cost, least = 0
    if columns * ceil_div(p.height, most) >= 8 * threads:
        return ceil_div(p.height, ceil_div(p.height, most))
    for rows in range(1, most + 1):
        tasks = columns * ceil_div(p.height, rows)
        # to stage a pixel costs about a quarter of computing one
        cost = round_up((rows - 1) * p.pitch + p.block_width, lanes) + 0.25 * (rows + p.span_y) * p.pitch
        cost *= ceil_div(tasks, threads)
        if rows == 1 or cost <= least:
            best, least = rows, cost
    return best


cdef void plan_patches(Patches* p, Py_ssize_t lanes, Py_ssize_t threads) noexcept nogil:
    """Choose the blocks: this changes no result, only how fast it comes."""
    cdef Py_ssize_t target, several
    plan_taps(p)
    p.depth = patch_depth(p)
    target = LINE_COLUMNS if p.rows <= LINE_ROWS else COLUMNS
    target = max(min(min(target, OUTPUT // p.rows), STAGE // (p.depth * p.phases)), 4 * lanes)
    p.block_width = ceil_div(p.width, ceil_div(p.width, target))
    p.pitch = p.block_width + p.span_x
    p.block_height = balanced_height(p, max(min(p.height, target // p.pitch), 1), lanes, threads)
    p.plane = (p.block_height + p.span_y) * p.pitch
    p.block_samples = 1
    p.columns = round_up((p.block_height - 1) * p.pitch + p.block_width, lanes)
    if p.block_height == p.height and p.block_width == p.width and not p.strips:
        several = min(p.samples, target // p.plane)
        if several > 1 and round_up(several * p.plane, lanes) < several * p.columns:
            p.block_samples = several
            p.columns = round_up(several * p.plane, lanes)
    p.blocks_s = ceil_div(p.samples, p.block_samples)
    p.blocks_y, p.blocks_x = ceil_div(p.height, p.block_height), ceil_div(p.width, p.block_width)
    place_taps(p)


cdef inline Py_ssize_t stage_size(const Patches* p, Py_ssize_t lanes) noexcept nogil:
    """Elements: a panel may be read one panel beyond the last channel."""
    return round_up(p.depth * p.stage_channel + p.columns + p.span_y * p.pitch + p.span_x + lanes, 16)


# Weights

cdef inline int packed_height(const Patches* p, const floating* like, Py_ssize_t rows) noexcept nogil:
    """Of the next tile of packed weights, of which ``rows`` rows are left."""
    if p.strips:
        return <int> min(rows, <Py_ssize_t> STRIP_ROWS)
    return tile_height(like, rows) if p.rows > LINE_ROWS else 1


cdef inline Py_ssize_t packed_part(const Patches* p, const floating* like, Py_ssize_t index,
                                   Py_ssize_t parts) noexcept nogil:
    """Where part ``index`` of ``parts`` of the rows starts."""
    if p.strips:
        return min(p.rows, ceil_div(p.rows, STRIP_ROWS) * index // parts * STRIP_ROWS)
    return row_part(like, p.rows, index, parts)


cdef void pack_weights(const Patches* p, const floating* w, Py_ssize_t channels, floating* out) noexcept nogil:
    """Tiles of rows, each k-major with k = (channel, tap), as ``pack_a`` lays them out."""
    cdef Py_ssize_t i = 0, c, t, r
    cdef int rows
    while i < p.rows:
        rows = packed_height(p, w, p.rows - i)
        if p.taps == 1 and p.w_row == 1:                                    # rows are
            for c in range(channels):
                copy_row(w + i + c * p.w_channel + p.tap_w[0], out, rows)
                out += rows
            i += rows
            continue
        if p.w_channel == p.taps and p.tap_w[p.taps - 1] == p.taps - 1:     # k is the order of memory
            transpose(w + i * p.w_row, p.w_row, rows, channels * p.taps, out, rows)
            out += rows * channels * p.taps
            i += rows
            continue
        if p.w_row == p.taps and p.tap_w[p.taps - 1] == p.taps - 1:         # the taps of a channel are
            for c in range(channels):
                transpose(w + i * p.w_row + c * p.w_channel, p.w_row, rows, p.taps, out, rows)
                out += rows * p.taps
            i += rows
            continue
        for c in range(channels):
            for t in range(p.taps):
                for r in range(rows):
                    out[r] = w[(i + r) * p.w_row + c * p.w_channel + p.tap_w[t]]
                out += rows
        i += rows


cdef void pack_weights_task(const Patches* p, const floating* w, floating* packed, Py_ssize_t task) noexcept nogil:
    """One block of k of one group."""
    cdef Py_ssize_t blocks = ceil_div(p.channels, p.depth), g = task // blocks, c = task % blocks * p.depth
    pack_weights(p, w + g * p.w_group + c * p.w_channel, min(p.channels - c, p.depth),
                 packed + (g * p.channels + c) * p.rows * p.taps)


# One block of pixels

cdef void convolve_task(const Patches* p, const floating* x, const floating* packed, const floating* bias, floating* y,
                        const Py_ssize_t* at, floating* work, Py_ssize_t task, Py_ssize_t parts) noexcept nogil:
    """One block of pixels, one of ``parts`` ranges of rows; parts count fastest, then x, y, samples and groups."""
    cdef Py_ssize_t lanes = patch_lanes(p, x), lo, hi, bx, by, bs, g, c, k, depth, r, j, i
    cdef Py_ssize_t samples, height, width, size = p.x_height * p.x_width, columns, pitch, ahead
    cdef floating* stage = work
    cdef floating* out = work + stage_size(p, lanes)
    cdef bint whole
    lo, hi = packed_part(p, x, task % parts, parts), packed_part(p, x, task % parts + 1, parts)
    task = task // parts
    bx, task = task % p.blocks_x * p.block_width, task // p.blocks_x
    by, task = task % p.blocks_y * p.block_height, task // p.blocks_y
    bs, g = task % p.blocks_s * p.block_samples, task // p.blocks_s
    samples = min(p.block_samples, p.samples - bs)
    height, width = min(p.block_height, p.height - by), min(p.block_width, p.width - bx)
    x += (bs * p.groups + g) * p.channels * size
    y += bs * p.y_sample + (g * p.rows + lo) * p.y_channel + by * p.y_row + bx * p.y_column
    packed += g * p.channels * p.rows * p.taps
    memset(stage + p.depth * p.stage_channel, 0, (stage_size(p, lanes) - p.depth * p.stage_channel) * sizeof(floating))
    if floating is float:
        if p.strips:
            stage_block(p, x, 0, p.depth, 1, by, bx, stage)
            strip_block(p, packed + lo * p.depth * p.taps, stage, at, p.depth * p.taps,
                        NULL if bias == NULL else bias + g * p.rows + lo, y, hi - lo, height, width, strips_past(p, y))
            return
    columns = samples * p.plane if p.block_samples > 1 else (height - 1) * p.pitch + width
    # of one block of k, a panel goes to y while it is in L1; into memory, whole rows are faster
    whole = p.depth >= p.channels and p.rows > LINE_ROWS and p.samples * p.y_sample <= DIRECT_OUTPUT
    pitch = lanes if whole else p.columns
    if bias != NULL:
        for r in range(hi - lo):
            for j in range(pitch):
                out[r * pitch + j] = bias[g * p.rows + lo + r]
    c = 0
    while c < p.channels:
        depth = min(p.channels - c, p.depth)
        k = depth * p.taps
        ahead = min(p.channels - c - depth, p.depth) if p.block_samples == 1 else 0
        stage_block(p, x + c * size, p.groups * p.channels * size, depth, samples, by, bx, stage)
        j = 0
        if p.rows <= LINE_ROWS:
            line_product(packed + c * p.rows * p.taps, stage, at, out, p.columns, p.columns, p.rows, k,
                         c > 0 or bias != NULL)
            j = p.columns
        while j < columns:
            if ahead > 0:
                call_ahead(p, x + (c + depth) * size, ahead, by, j // lanes, ceil_div(columns, lanes))
            gather_product(packed + c * p.rows * p.taps + lo * k, stage + j, at, out + (0 if whole else j), pitch,
                           hi - lo, columns - j, k, c > 0 or bias != NULL)
            if whole:
                scatter_columns(p, out, pitch, j, min(lanes, columns - j), y, hi - lo, samples, height, width)
                if bias != NULL:
                    for r in range(hi - lo):
                        for i in range(lanes):
                            out[r * lanes + i] = bias[g * p.rows + lo + r]
            j += lanes
        c += depth
    if not whole:
        scatter_block(p, out, y, hi - lo, samples, height, width)


cdef bint convolve_directly(Patches* p, const floating* x, const floating* w, const floating* bias,
                            floating* y) noexcept nogil:
    """As ``convolve``, every output one sum over the k axis in the order of memory."""
    p.strips = strips_fit(p, x)
    if pixels_fit(p):
        if point_fits(p):
            return convolve_point(p, x, w, bias, y)
        return convolve_pixels(p, x, w, bias, y)
    return convolve_rows(p, x, w, bias, y)


cdef bint convolve_rows(Patches* p, const floating* x, const floating* w, const floating* bias,
                        floating* y) noexcept nogil:
    """As ``convolve_directly``, for any width."""
    cdef double work = 2.0 * p.samples * p.groups * p.rows * p.channels * p.taps * p.height * p.width
    cdef int threads = threads_for_flops(work)
    cdef Py_ssize_t lanes = patch_lanes(p, x), c, i, parts, tasks, size, blocks, weights
    cdef floating* packed
    cdef floating* each
    cdef Py_ssize_t* at
    plan_patches(p, lanes, threads)
    tasks = p.groups * p.blocks_s * p.blocks_y * p.blocks_x
    parts = 1
    if threads > 1 and p.rows > LINE_ROWS:
        parts = min(ceil_div(p.rows, STRIP_ROWS) if p.strips else row_units(x, p.rows), ceil_div(2 * threads, tasks))
    tasks *= parts
    threads = <int> min(threads, tasks)
    size = round_up(stage_size(p, lanes) + p.rows * p.columns, 16)
    weights = round_up(p.groups * p.channels * p.rows * p.taps, 16)
    packed = <floating*> workspace((weights + threads * size) * sizeof(floating)
                                   + p.depth * p.taps * sizeof(Py_ssize_t))
    if packed == NULL:
        return False
    each = packed + weights
    at = <Py_ssize_t*> (each + threads * size)
    for c in range(p.depth):
        for i in range(p.taps):
            at[c * p.taps + i] = c * p.stage_channel + p.tap_at[i]
    blocks = p.groups * ceil_div(p.channels, p.depth)
    if threads == 1:
        for i in range(blocks):
            pack_weights_task(p, w, packed, i)
        for i in range(tasks):
            convolve_task(p, x, packed, bias, y, at, each, i, parts)
    else:
        for i in prange(blocks, num_threads=threads, schedule="static"):
            pack_weights_task(p, w, packed, i)
        for i in prange(tasks, num_threads=threads, schedule="dynamic"):
            convolve_task(p, x, packed, bias, y, at, each + threadid() * size, i, parts)
    release(packed)
    return True


cdef void flatten(Patches* p) noexcept nogil:
    """A 1x1 kernel without border sees its image as one row."""
    if (p.taps == 1 and p.step_y == 1 and p.step_x == 1 and p.tap_y[0] == 0 and p.tap_x[0] == 0 and p.y_column == 1
            and p.height == p.x_height and p.width == p.x_width and p.y_row == p.width):
        p.width *= p.height
        p.x_width, p.y_row, p.height, p.x_height = p.width, p.width, 1, 1


cdef bint convolve(Patches* p, const floating* x, const floating* w, const floating* bias, floating* y) noexcept nogil:
    """Run ``p``, which has at least one tap; every pixel of y it covers is written. False when memory ran out."""
    if p.samples * p.height * p.width == 0:
        return True
    flatten(p)
    if floating is float:
        if winograd_fits(p):
            return winograd(p, x, w, bias, y)
        if strided_fits(p):
            return winograd_strided(p, x, w, bias, y)
    return convolve_directly(p, x, w, bias, y)
