# Input gradient of a strided convolution, and so the transposed one: one product, whose rows are then added up.
#
# As a gather (patches.pxi), every phase of dx would stage dy and pack its part of the weight again. Here each pixel of dy
# is multiplied by all taps of all channels at once, c[channel, tap, pixel], and every tap's row is added where it
# belongs, in ascending order of the taps. Pixels are numbered through the batch, so no column of a tile is lost to the
# ends of rows; channels are taken a few at a time, so that c stays in L2. Large images are cut into bands of rows, whose
# products overlap by the reach of the kernel.

cdef extern from *:
    """
    /* Tiles of 6 rows from columns of A ``step`` apart: as many as write to few sets of L1 together. */
    #if LUCID_SQUARE == 8 && LUCID_MR32 == 6
    #define LUCID_SIXES 48
    static void lucid_pack_sixes(const float *a, Py_ssize_t step, Py_ssize_t k, Py_ssize_t rows, float *out) {
        for (Py_ssize_t p = 0; p < k; p++)
            for (Py_ssize_t i = 0; i < rows; i += 6) memcpy(out + i * k + 6 * p, a + p * step + i, 6 * sizeof(float));
    }
    #define LUCID_SCATTER_OUTPUT 40960  /* so that L2 keeps a chunk of the weight, too */
    #else
    #define LUCID_SCATTER_OUTPUT 131072
    #define LUCID_SIXES 0
    #define lucid_pack_sixes(a, step, k, rows, out) ((void) 0)
    #endif
    """
    void pack_sixes "lucid_pack_sixes" (const float* a, Py_ssize_t step, Py_ssize_t k, Py_ssize_t rows,
                                        float* out) noexcept nogil
    cdef enum:
        SIXES "LUCID_SIXES"
        SCATTER_OUTPUT "LUCID_SCATTER_OUTPUT"       # most elements of the product held back

cdef enum:
    SCATTER_INPUT = 131072      # most elements of dy held back
    SCATTER_PIXELS = 2048       # most pixels of a block
    SCATTER_CHANNELS = 8        # fewer channels of dy do not repay the sums of taps


cdef struct Tap:
    Py_ssize_t phase, shift                                     # where a column of taps lands, how many cells on
    Py_ssize_t lo, hi                                           # the pixels of a row of dy that land in the image


cdef struct Scatter:
    const Conv* g
    Py_ssize_t rows, channels, taps                             # of a group: channels of dx, of dy
    Py_ssize_t steps                                            # channels of dy in a block of k
    Py_ssize_t chunk, chunks                                    # channels of dx at a time
    Py_ssize_t cells, plane                                     # columns of a phase of dx; elements of one
    Py_ssize_t band, bands                                      # rows of dx of a block
    Py_ssize_t several, blocks                                  # samples of a block
    Py_ssize_t pitch                                            # between rows of a block: an odd number of cache lines
    Py_ssize_t parts                                            # of the chunks
    bint own                                                    # a task packs its part of the weight, which no other uses
    bint panels                                                 # dy is cut into panels, each used for all blocks of k at once
    Tap* columns                                                # of the kernel


cdef inline bint scatter_fits(const Conv* g) noexcept nogil:
    """Several taps reach a pixel of dx, or its channels are too few for a tile."""
    if g.kernel_y * g.kernel_x == 1 or g.rows // g.groups < SCATTER_CHANNELS:
        return False
    return g.stride_y > 1 or g.stride_x > 1 or g.channels // g.groups <= LINE_ROWS


cdef inline Py_ssize_t band_first(const Conv* g, Py_ssize_t row) noexcept nogil:
    """The first row of dy that reaches row ``row`` of dx or a later one."""
    return max(ceil_div(max(row + g.top - (g.kernel_y - 1) * g.dilation_y, 0), g.stride_y), 0)


cdef inline Py_ssize_t band_last(const Conv* g, Py_ssize_t row) noexcept nogil:
    """The row of dy after the last that reaches a row of dx before ``row``."""
    return min((row - 1 + g.top) // g.stride_y + 1, g.height)


cdef Py_ssize_t even_chunk(Py_ssize_t taps, Py_ssize_t rows, Py_ssize_t most, Py_ssize_t tile,
                           Py_ssize_t parts) noexcept nogil:
    """At most ``most`` of ``rows`` channels: the fewest that make the longest of ``parts`` about as short as it gets."""
    cdef Py_ssize_t n, cost, least = 0, best = 1
    for n in range(1, min(most, rows) + 1):
        cost = ceil_div(ceil_div(rows, n), parts) * round_up(n * taps, tile)
        if n == 1 or cost < least - least // 50:
            best, least = n, cost
    return best


cdef void plan_scatter(const Conv* g, Scatter* q, Py_ssize_t lanes, Py_ssize_t tile, Py_ssize_t threads) noexcept nogil:
    cdef Py_ssize_t most, pixels, overlap, n
    q.g = g
    q.rows, q.channels, q.taps = g.channels // g.groups, g.rows // g.groups, g.kernel_y * g.kernel_x
    q.steps = ceil_div(q.channels, ceil_div(q.channels, <Py_ssize_t> STEPS))
    q.panels = SQUARE < 16 and q.steps < q.channels
    q.cells = ceil_div(g.x_width, g.stride_x)
    pixels = g.height * g.width
    most = max(min(SCATTER_INPUT // q.channels, SCATTER_PIXELS), 4 * lanes)
    q.band, q.several = g.x_height, 1
    if pixels > 2 * most:
        overlap = ceil_div((g.kernel_y - 1) * g.dilation_y, g.stride_y)
        n = max(most // g.width - overlap, overlap, 1) * g.stride_y
        q.band = round_up(ceil_div(g.x_height, ceil_div(g.x_height, n)), g.stride_y)
        pixels = (q.band // g.stride_y + overlap + 1) * g.width
    else:
        q.several = max(min(most // pixels, g.samples), 1)
        if g.samples >= threads:
            q.several = min(q.several, g.samples // threads)
    q.bands, q.blocks = ceil_div(g.x_height, q.band), ceil_div(g.samples, q.several)
    q.plane = round_up(q.band * q.cells, 16) + 16
    q.pitch = round_up(q.several * pixels, 32) + 16
    q.own = q.panels and q.blocks * q.bands == 1
    q.parts = min(ceil_div(threads, q.blocks * q.bands * g.groups), q.rows)
    q.chunk = even_chunk(q.taps, q.rows, max(<Py_ssize_t> SCATTER_OUTPUT // (q.pitch * q.taps), 1), tile, q.parts)
    q.chunks = ceil_div(q.rows, q.chunk)


cdef inline Py_ssize_t scatter_work(const Scatter* q) noexcept nogil:
    """Elements of workspace per thread: dy, the product, the phases of a plane of dx, a chunk of the weight."""
    return round_up((q.channels + q.chunk * q.taps) * q.pitch + q.g.stride_x * q.plane
                    + (q.chunk * q.taps * q.channels if q.own else 0), 16)


cdef void pack_scatter(const Scatter* q, const floating* w, Py_ssize_t first, Py_ssize_t end, Py_ssize_t depth,
                       floating* packed) noexcept nogil:
    """Tiles of (channel, tap) rows first to end, for the channels of dy of one block of k."""
    cdef Py_ssize_t all = q.rows * q.taps, i, p, n
    w += first
    end -= first
    first = 0
    if floating is float:
        while first + SIXES <= end and SIXES > 0 and first + SIXES != end - 2:      # 8 rows are two tiles of 4
            pack_sixes(w + first, all, depth, SIXES, packed + first * depth)
            first += SIXES
    for p in range(depth):
        i = first
        while i < end:
            n = tile_height(w, end - i)
            copy_row(w + p * all + i, packed + i * depth + p * n, n)
            i += n


cdef void pack_scatter_task(const Scatter* q, const floating* w, floating* packed, Py_ssize_t task) noexcept nogil:
    """The weight of one block of k of one group, chunk under chunk."""
    cdef Py_ssize_t blocks = ceil_div(q.channels, q.steps), c = task % blocks * q.steps, all = q.rows * q.taps
    cdef Py_ssize_t depth = min(q.channels - c, q.steps), first = 0, end
    w += (task // blocks * q.channels + c) * all
    packed += (task // blocks * q.channels + c) * all
    while first < all:
        end = min(all, first + q.chunk * q.taps)
        pack_scatter(q, w, first, end, depth, packed + first * depth)
        first = end


cdef inline void add_row(const floating* x, floating* y, Py_ssize_t n) noexcept nogil:
    """y += x; zeros may be added to the register after its last element."""
    cdef floating last[LANES32]
    cdef Py_ssize_t i = 0, lanes = lane_count(x)
    while i + lanes <= n:
        lanes_madd(<floating> 1, x + i, y + i)
        i += lanes
    if i < n:
        lanes_head(x + i, last, n - i)
        lanes_madd(<floating> 1, last, y + i)


cdef void add_taps_up(const Scatter* q, const floating* c, Py_ssize_t first, Py_ssize_t last, floating bias,
                      floating* planes, floating* dx) noexcept nogil:
    """Rows first to last of one channel of one sample of dx from ``c``, its rows of the product from the first row of
    dy that reaches them on."""
    cdef const Conv* g = q.g
    cdef Py_ssize_t from_y = band_first(g, first), to_y = band_last(g, last), row, y, i, j, f, t, n
    cdef const floating* source
    cdef floating* to
    cdef const Tap* tap
    for j in range(g.stride_x * q.plane):
        planes[j] = bias
    for row in range(first, last):
        for i in range(g.kernel_y):
            y = row + g.top - i * g.dilation_y
            if y < 0 or y % g.stride_y or y // g.stride_y >= to_y:
                continue
            source = c + i * g.kernel_x * q.pitch + (y // g.stride_y - from_y) * g.width
            to = planes + (row - first) * q.cells
            for t in range(g.kernel_x):
                tap = q.columns + t
                add_row(source + tap.lo, to + tap.phase * q.plane + tap.shift + tap.lo, tap.hi - tap.lo)
                source += q.pitch
    dx += first * g.x_width
    if g.stride_x == 1:
        memcpy(dx, planes, (last - first) * g.x_width * sizeof(floating))
        return
    if g.stride_x == 2 and g.x_width % 2 == 0:
        for j in range((last - first) * q.cells):
            dx[2 * j] = planes[j]
            dx[2 * j + 1] = planes[q.plane + j]
        return
    for row in range(last - first):
        for f in range(min(g.stride_x, g.x_width)):
            n = ceil_div(g.x_width - f, g.stride_x)
            for j in range(n):
                dx[row * g.x_width + j * g.stride_x + f] = planes[f * q.plane + row * q.cells + j]


cdef void scatter_panel(const Scatter* q, const floating* packed, Py_ssize_t all, Py_ssize_t at, const floating* b,
                        floating* c, Py_ssize_t m, Py_ssize_t n) noexcept nogil:
    """Rows at to at + m of ``all`` that are packed, the first ``n`` columns of the product: every tile through all blocks of
    k, while its sums are in L1."""
    cdef Py_ssize_t i = 0, k, depth, lanes = tile_columns(b)
    cdef int rows
    while i < m:
        rows = tile_height(packed, m - i)
        k = 0
        while k < q.channels:
            depth = min(q.steps, q.channels - k)
            columns_product(packed + k * all + (at + i) * depth, 0, b + k * lanes, lanes, c, q.pitch, rows, n, depth, k > 0)
            k += depth
        c += rows * q.pitch
        i += rows


cdef void scatter_task(const Scatter* q, const floating* dy, const floating* w, const floating* packed,
                       const floating* bias, floating* dx, floating* work, Py_ssize_t task) noexcept nogil:
    """One band of rows of a few samples, one part of the chunks of channels, of one group."""
    cdef const Conv* g = q.g
    cdef Py_ssize_t part_lo = task % q.parts * q.chunks // q.parts
    cdef Py_ssize_t part_hi = (task % q.parts + 1) * q.chunks // q.parts
    cdef Py_ssize_t first = task // q.parts % q.bands * q.band, last = min(first + q.band, g.x_height)
    cdef Py_ssize_t s = task // (q.parts * q.bands) % q.blocks * q.several, samples = min(q.several, g.samples - s)
    cdef Py_ssize_t group = task // (q.parts * q.bands * q.blocks)
    cdef Py_ssize_t from_y = band_first(g, first), pixels = max(band_last(g, last) - from_y, 0) * g.width
    cdef Py_ssize_t n = samples * pixels, lanes = tile_columns(dy), i, j, k, chunk, depth, rows, at
    cdef floating* b = work
    cdef floating* c = b + q.channels * q.pitch
    cdef floating* row
    cdef floating* planes = c + q.chunk * q.taps * q.pitch
    cdef floating* own = planes + g.stride_x * q.plane
    dy += (s * g.groups + group) * q.channels * g.height * g.width + from_y * g.width
    dx += (s * g.groups + group) * q.rows * g.x_height * g.x_width
    packed += group * q.channels * q.rows * q.taps
    w += group * q.channels * q.rows * q.taps
    for k in range(q.channels):
        row = c if q.panels else b + k * q.pitch
        for i in range(samples):
            memcpy(row + i * pixels, dy + (i * g.rows + k) * g.height * g.width, pixels * sizeof(floating))
        for i in range(n, round_up(n, lanes)):
            row[i] = 0
        if q.panels:
            for j in range(ceil_div(n, lanes)):
                memcpy(b + (j * q.channels + k) * lanes, row + j * lanes, lanes * sizeof(floating))
    for chunk in range(part_lo, part_hi):
        at = chunk * q.chunk
        rows = min(q.chunk, q.rows - at)
        k = 0
        while k < q.channels and q.own:
            depth = min(q.steps, q.channels - k)
            pack_scatter(q, w + k * q.rows * q.taps, at * q.taps, (at + rows) * q.taps, depth, own + k * rows * q.taps)
            k += depth
        j = 0
        while j < n and q.panels:
            if q.own:
                scatter_panel(q, <const floating*> own, rows * q.taps, 0, b + j * q.channels, c + j, rows * q.taps, n - j)
            else:
                scatter_panel(q, packed, q.rows * q.taps, at * q.taps, b + j * q.channels, c + j, rows * q.taps, n - j)
            j += lanes
        k = q.channels if q.panels else 0
        while k < q.channels:
            depth = min(q.steps, q.channels - k)
            j = 0
            while j < n:
                columns_product(packed + k * q.rows * q.taps + at * q.taps * depth, 0, b + k * q.pitch + j, q.pitch, c + j,
                                q.pitch, rows * q.taps, n - j, depth, k > 0)
                j += lanes
            k += depth
        for i in range(samples):
            for j in range(rows):
                add_taps_up(q, c + j * q.taps * q.pitch + i * pixels, first, last,
                            bias[group * q.rows + at + j] if bias != NULL else <floating> 0, planes,
                            dx + (i * g.channels + at + j) * g.x_height * g.x_width)


cdef bint scatter_input_grad(const Conv* g, const floating* dy, const floating* w, const floating* bias,
                             floating* dx) noexcept nogil:
    """dx, or a transposed convolution with a bias, for what ``scatter_fits``. False when memory ran out."""
    cdef Scatter q
    cdef int threads = threads_for_flops(2.0 * g.samples * g.rows * g.height * g.width * (g.channels // g.groups)
                                   * g.kernel_y * g.kernel_x)
    cdef Py_ssize_t weights = round_up(g.rows * (g.channels // g.groups) * g.kernel_y * g.kernel_x, 16), tasks, blocks
    cdef Py_ssize_t size, i
    cdef floating* packed
    cdef Tap* tap
    if g.samples * g.height * g.width == 0:
        fill_planes(dx, bias, g.samples, g.channels, g.x_height * g.x_width)
        return True
    plan_scatter(g, &q, tile_columns(dy), tile_rows(dy), threads)
    size = scatter_work(&q)
    if q.own:
        weights = 0
    packed = <floating*> workspace((weights + threads * size) * sizeof(floating) + g.kernel_x * sizeof(Tap))
    if packed == NULL:
        return False
    q.columns = <Tap*> (packed + weights + threads * size)
    for i in range(g.kernel_x):
        tap = q.columns + i
        tap.shift = floor_div(i * g.dilation_x - g.left, g.stride_x)
        tap.phase = i * g.dilation_x - g.left - tap.shift * g.stride_x
        tap.lo = max(-tap.shift, 0)
        tap.hi = min(g.width, floor_div(g.x_width - 1 - tap.phase, g.stride_x) + 1 - tap.shift)
    tasks = g.groups * q.blocks * q.bands * q.parts
    blocks = 0 if q.own else g.groups * ceil_div(q.channels, q.steps)
    if threads == 1:
        for i in range(blocks):
            pack_scatter_task(&q, w, packed, i)
        for i in range(tasks):
            scatter_task(&q, dy, w, packed, bias, dx, packed + weights, i)
    else:
        for i in prange(blocks, num_threads=threads, schedule="static"):
            pack_scatter_task(&q, w, packed, i)
        for i in prange(tasks, num_threads=threads, schedule="dynamic"):
            scatter_task(&q, dy, w, packed, bias, dx, packed + weights + threadid() * size, i)
    release(packed)
    return True
