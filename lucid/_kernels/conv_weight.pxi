# Gradient of a convolution's weight: pixels are the k axis, channels the lanes.
#
# dw[o, c, t] = sum over pixels of dy[o, pixel] * x[c, pixel * stride + t]. The input of a block of pixels is staged
# pixel-major, so that a pixel's channels are neighbours; every tap reads the stage at another offset. The batch is cut
# into chunks, as many as its shape says, never the thread count; their sums are added in order at the end.
#
# The few channels of a first layer would leave most lanes idle: conv_weight_swapped.pxi swaps the roles there.

cdef enum:
    PIXELS = K_STEPS            # most steps of k at a time
    PIXEL_PITCH = 208           # between rows of staged dy: off the powers of two, which share cache sets
    CHUNK_PIXELS = 1024         # pixels that make a chunk worth its own copy of dw
    CHUNKS = 8


cdef struct WeightGrad:
    Py_ssize_t samples, groups, rows, channels                  # rows and channels of one group
    Py_ssize_t kernel_y, kernel_x, stride_y, stride_x, top, left, dilation_y, dilation_x
    Py_ssize_t x_height, x_width, height, width
    # decided by plan_weight
    bint swapped                                                # lanes are output channels
    bint joined                                                 # lanes are (tap column, channel), not channel alone
    Py_ssize_t taps, lanes, lane_pitch                          # tap positions of a lane group, lanes used and padded
    Py_ssize_t step_y, step_x, stage_width, pixel               # staged rows and columns per output; floats per pixel
    Py_ssize_t block_samples, block_rows, block_height          # output rows and staged rows of a block
    Py_ssize_t chunks, chunk_samples
    Py_ssize_t patch_rows, pitch                                # of swapped roles: rows of sums; of a phase of a row
    Py_ssize_t band, piece, segments                            # output rows staged; columns and rows of a chain


cdef void plan_weight(WeightGrad* g, Py_ssize_t lanes) noexcept nogil:
    cdef Py_ssize_t joined = round_up(g.kernel_x * g.channels, lanes), apart = g.kernel_x * round_up(g.channels, lanes)
    g.joined = g.dilation_x == 1 and joined < apart
    g.taps = g.kernel_y if g.joined else g.kernel_y * g.kernel_x
    g.lanes = g.kernel_x * g.channels if g.joined else g.channels
    g.lane_pitch = round_up(g.lanes, lanes)
    g.pixel = g.channels if g.joined else round_up(g.channels, 32) + 16
    # transposing dy costs about as much as two rows of the product
    g.swapped = g.taps * g.rows * g.lane_pitch > (g.channels * g.kernel_y * g.kernel_x + 2) * round_up(g.rows, lanes)
    if g.swapped:
        plan_swapped(g, lanes)
        return
    # with one tap, only the pixels it reads are staged
    g.step_y = g.stride_y if g.kernel_y > 1 else 1
    g.step_x = g.stride_x if g.kernel_x > 1 else 1
    g.stage_width = (g.width - 1) * g.step_x + (g.kernel_x - 1) * g.dilation_x + 1
    g.block_rows = STAGE // (g.stage_width * g.pixel * g.step_y) - (g.kernel_y - 1) * g.dilation_y // g.step_y
    g.block_rows = max(min(g.block_rows, g.height), 1)
    g.block_rows = ceil_div(g.height, ceil_div(g.height, g.block_rows))
    g.block_height = (g.block_rows - 1) * g.step_y + (g.kernel_y - 1) * g.dilation_y + 1
    g.block_samples = 1
    if g.block_rows == g.height:
        g.block_samples = min(ceil_div(PIXELS, g.height * g.width), STAGE // (g.stage_width * g.block_height * g.pixel))
    g.chunks = min(<Py_ssize_t> CHUNKS, ceil_div(g.samples * g.height * g.width, CHUNK_PIXELS))
    g.chunk_samples = ceil_div(g.samples, g.chunks)
    g.chunks = ceil_div(g.samples, g.chunk_samples)
    g.block_samples = max(min(g.block_samples, g.chunk_samples), 1)


cdef void stage_pixels(const WeightGrad* g, const floating* x, Py_ssize_t samples, Py_ssize_t y0,
                       floating* out) noexcept nogil:
    """The input of a block: [sample][row][column][channel], zero outside the image."""
    cdef Py_ssize_t s, i, j, c, row, lo, hi, size = g.x_height * g.x_width
    cdef Py_ssize_t stride = g.stride_x if g.kernel_x == 1 else 1
    cdef const floating* line
    lo = min(ceil_div(g.left, stride), g.stage_width)
    hi = max(min(floor_div(g.x_width - 1 + g.left, stride) + 1, g.stage_width), lo)
    for s in range(samples):
        for i in range(g.block_height):
            row = (y0 + i) * g.stride_y - g.top if g.kernel_y == 1 else y0 * g.stride_y + i - g.top
            if row < 0 or row >= g.x_height:
                memset(out, 0, g.stage_width * g.pixel * sizeof(floating))
            else:
                line = x + s * g.groups * g.channels * size + row * g.x_width - g.left
                memset(out, 0, lo * g.pixel * sizeof(floating))
                memset(out + hi * g.pixel, 0, (g.stage_width - hi) * g.pixel * sizeof(floating))
                if stride == 1:
                    transpose(line + lo, size, g.channels, hi - lo, out + lo * g.pixel, g.pixel)
                else:
                    for j in range(lo, hi):
                        for c in range(g.channels):
                            out[j * g.pixel + c] = line[c * size + j * stride]
            out += g.stage_width * g.pixel


cdef void stage_dy(const WeightGrad* g, const floating* dy, Py_ssize_t rows, Py_ssize_t block, Py_ssize_t first,
                   Py_ssize_t n, floating* out) noexcept nogil:
    """Pixels first to first + n of a block, ``block`` of them to a sample, for ``rows`` rows."""
    cdef Py_ssize_t r, s, done, run, size = g.height * g.width
    cdef const floating* row
    for r in range(rows):
        done = 0
        while done < n:
            s = (first + done) // block
            run = min(n - done, (s + 1) * block - first - done)
            row = dy + (s * g.groups * g.rows + r) * size
            memcpy(out + r * PIXEL_PITCH + done, row + first + done - s * block, run * sizeof(floating))
            done += run


cdef void block_weight_grad(const WeightGrad* g, const floating* stage, const Py_ssize_t* at, const floating* dy,
                            Py_ssize_t rows, Py_ssize_t block, Py_ssize_t pixels, bint load, floating* out,
                            floating* dy_stage) noexcept nogil:
    """Add a block of ``pixels`` to dw as [tap][row][lane]; ``load`` is False for the first."""
    cdef Py_ssize_t first, n, i = 0, t, j, shift, lanes = tile_columns(stage)
    cdef floating* row
    cdef int height
    while i < rows:
        height = tile_height(stage, rows - i)
        first = 0
        while first < pixels:
            n = min(pixels - first, k_block(dy, pixels))
            stage_dy(g, dy + i * g.height * g.width, height, block, first, n, dy_stage)
            for t in range(g.taps):
                if g.joined:
                    shift = t * g.dilation_y * g.stage_width * g.pixel
                else:
                    shift = (t // g.kernel_x * g.dilation_y * g.stage_width + t % g.kernel_x * g.dilation_x) * g.pixel
                row = out + (t * g.rows + i) * g.lane_pitch
                j = 0
                while j < g.lanes:
                    gather_tile(height, dy_stage, PIXEL_PITCH, 1, stage + shift + j, at + first, row + j, g.lane_pitch,
                                n, load or first > 0)
                    j += lanes
            first += n
        i += height


cdef inline Py_ssize_t pixel_stage_size(const WeightGrad* g, Py_ssize_t lanes) noexcept nogil:
    return round_up(g.block_samples * g.block_height * g.stage_width * g.pixel + g.lane_pitch, 16)


cdef inline Py_ssize_t sums_size(const WeightGrad* g) noexcept nogil:
    """Elements of one chunk's sums."""
    return g.groups * g.lane_pitch * (g.patch_rows if g.swapped else g.taps * g.rows)


cdef inline Py_ssize_t weight_work(const WeightGrad* g, const floating* like) noexcept nogil:
    """Elements of workspace per thread, the pixel offsets included."""
    cdef Py_ssize_t offsets
    if g.swapped:
        return swapped_work(g, like)
    offsets = g.block_samples * g.block_rows * g.width * <Py_ssize_t> (sizeof(Py_ssize_t) // sizeof(floating))
    return pixel_stage_size(g, tile_columns(like)) + tile_rows(like) * PIXEL_PITCH + round_up(offsets, 16)


cdef void weight_task(const WeightGrad* g, const floating* x, const floating* dy, floating* sums, floating* work,
                      Py_ssize_t task, Py_ssize_t parts) noexcept nogil:
    """The sum over one chunk of the batch, for one group and one of ``parts`` ranges of its rows."""
    cdef Py_ssize_t lo = part(g.rows, tile_rows(x), task % parts, parts)
    cdef Py_ssize_t hi = part(g.rows, tile_rows(x), task % parts + 1, parts)
    cdef Py_ssize_t chunk = task // parts % g.chunks, group = task // parts // g.chunks
    cdef Py_ssize_t s, y, i, j, samples, rows, line, last = min(g.samples, (chunk + 1) * g.chunk_samples)
    cdef floating* dy_stage = work + pixel_stage_size(g, tile_columns(x))
    cdef Py_ssize_t* at = <Py_ssize_t*> (dy_stage + tile_rows(x) * PIXEL_PITCH)
    cdef Py_ssize_t* each
    cdef const floating* corner
    cdef bint load = False
    sums += chunk * sums_size(g) + (group * g.taps * g.rows + lo) * g.lane_pitch
    memset(work, 0, pixel_stage_size(g, tile_columns(x)) * sizeof(floating))    # the lanes of no channel stay zero
    s = chunk * g.chunk_samples
    while s < last:
        samples = min(g.block_samples, last - s)
        y = 0
        while y < g.height:
            rows = min(g.block_rows, g.height - y)
            stage_pixels(g, x + (s * g.groups + group) * g.channels * g.x_height * g.x_width, samples, y, work)
            each = at
            for i in range(samples * rows):
                line = i // rows * g.block_height + i % rows * g.step_y
                for j in range(g.width):
                    each[j] = (line * g.stage_width + j * g.step_x) * g.pixel
                each += g.width
            corner = dy + (((s * g.groups + group) * g.rows + lo) * g.height + y) * g.width
            block_weight_grad(g, work, at, corner, hi - lo, rows * g.width, samples * rows * g.width, load, sums,
                              dy_stage)
            load = True
            y += rows
        s += samples


# The whole batch

cdef void add_chunks(const WeightGrad* g, floating* sums, floating* dw, Py_ssize_t row) noexcept nogil:
    """One row of dw, [channel][tap], from its chunks, which are added to the first."""
    cdef Py_ssize_t t, c, chunk, taps = g.kernel_y * g.kernel_x, at
    cdef floating* to
    cdef const floating* source
    if g.swapped:
        add_swapped(g, sums, dw, row)
        return
    dw += row * g.channels * taps
    sums += (row // g.rows * g.taps * g.rows + row % g.rows) * g.lane_pitch
    for t in range(g.taps):
        to = sums + t * g.rows * g.lane_pitch
        for chunk in range(1, g.chunks):
            source = to + chunk * sums_size(g)
            for c in range(g.lanes):
                to[c] += source[c]
    if g.joined:
        for t in range(taps):
            at = t // g.kernel_x * g.rows * g.lane_pitch + t % g.kernel_x * g.channels
            for c in range(g.channels):
                dw[c * taps + t] = sums[at + c]
    elif taps == 1:
        copy_row(sums, dw, g.channels)
    else:
        transpose(sums, g.rows * g.lane_pitch, taps, g.channels, dw, taps)


cdef inline void run_weight_task(const WeightGrad* g, const floating* x, const floating* dy, floating* sums,
                                 floating* work, Py_ssize_t task, Py_ssize_t parts) noexcept nogil:
    if g.swapped:
        swapped_task(g, x, dy, sums, work, task, parts)
    else:
        weight_task(g, x, dy, sums, work, task, parts)


cdef bint weight_grad(WeightGrad* g, const floating* x, const floating* dy, floating* dw) noexcept nogil:
    """dw of one convolution. False when memory ran out."""
    cdef Py_ssize_t parts, tasks, i, size, kept, weights = g.groups * g.rows * g.channels * g.kernel_y * g.kernel_x
    cdef int threads = threads_for_flops(2.0 * weights * g.samples * g.height * g.width)
    cdef floating* sums
    cdef int done
    if g.samples * g.height * g.width == 0:
        memset(dw, 0, weights * sizeof(floating))
        return True
    if floating is float:
        if winograd_weight_fits(g):
            done = winograd_weight(g, x, dy, dw)
            if done != 0:
                return done > 0
    plan_weight(g, tile_columns(x))
    tasks = g.groups * g.chunks
    parts = ceil_div(g.channels * g.kernel_y * g.kernel_x if g.swapped else g.rows, tile_rows(x))
    parts = 1 if threads == 1 else min(parts, ceil_div(threads, tasks))
    tasks *= parts
    size = weight_work(g, x)
    kept = round_up(g.chunks * sums_size(g), 16)
    sums = <floating*> workspace((kept + threads * size) * sizeof(floating))
    if sums == NULL:
        return False
    if threads == 1:
        for i in range(tasks):
            run_weight_task(g, x, dy, sums, sums + kept, i, parts)
        for i in range(g.groups * g.rows):
            add_chunks(g, sums, dw, i)
    else:
        for i in prange(tasks, num_threads=threads, schedule="dynamic"):
            run_weight_task(g, x, dy, sums, sums + kept + threadid() * size, i, parts)
        for i in prange(g.groups * g.rows, num_threads=threads, schedule="static"):
            add_chunks(g, sums, dw, i)
    release(sums)
    return True
