# Gradient of the weight of a first layer, whose few channels would leave lanes idle: the roles of conv_weight.pxi swapped.
#
# The lanes are output channels, and dy is staged pixel-major. The rows are those of the patch matrix, which is never made:
# the rows of the image are staged with their border, the phases of a stride apart, and a tap of a row of outputs
# is then a stretch of such a phase. A chain of multiply-adds runs over a few rows of outputs, at most PIXELS pixels.

cdef enum:
    SWAPPED_STAGE = 32768       # elements of staged input


cdef void plan_swapped(WeightGrad* g, Py_ssize_t lanes) noexcept nogil:
    cdef Py_ssize_t rows, each
    g.lane_pitch = round_up(g.rows, lanes)
    g.patch_rows = g.channels * g.kernel_y * g.kernel_x + 16        # the last tile may have more than are left
    g.pitch = round_up(g.width + (g.kernel_x - 1) * g.dilation_x // g.stride_x, 16)
    each = g.channels * g.stride_x * g.pitch
    rows = (SWAPPED_STAGE // each - (g.kernel_y - 1) * g.dilation_y - 1) // g.stride_y + 1
    g.piece = ceil_div(g.width, ceil_div(g.width, <Py_ssize_t> PIXELS))
    g.segments = max(PIXELS // g.width, 1)
    g.band = min(max(rows, 1), g.height)
    g.segments = min(g.segments, g.band)
    g.band -= g.band % g.segments
    g.block_height = (g.band - 1) * g.stride_y + (g.kernel_y - 1) * g.dilation_y + 1
    # a chunk is some rows of outputs, numbered through the batch
    rows = g.samples * g.height
    g.chunks = min(<Py_ssize_t> CHUNKS, ceil_div(rows * g.width, <Py_ssize_t> CHUNK_PIXELS))
    g.chunk_samples = ceil_div(rows, g.chunks)
    g.chunks = ceil_div(rows, g.chunk_samples)


cdef inline Py_ssize_t swapped_work(const WeightGrad* g, const floating* like) noexcept nogil:
    """Elements of workspace per thread: dy, the staged input, where the rows of patches begin in it."""
    cdef Py_ssize_t words = g.patch_rows * <Py_ssize_t> (sizeof(Py_ssize_t) // sizeof(floating))
    return round_up(max(g.segments * g.piece, g.piece) * (g.lane_pitch + 16)
                    + g.channels * g.block_height * g.stride_x * g.pitch + words, 16)


cdef void stage_phases(const WeightGrad* g, const floating* x, Py_ssize_t first, Py_ssize_t height,
                       floating* out) noexcept nogil:
    """out[channel][row][phase][column] of ``height`` rows of the padded image from ``first`` on."""
    cdef Py_ssize_t c, i, f, y, row = g.stride_x * g.pitch
    cdef const floating* line
    for c in range(g.channels):
        for i in range(height):
            y = first + i - g.top
            line = x + c * g.x_height * g.x_width + y * g.x_width
            for f in range(min(g.stride_x, (g.kernel_x - 1) * g.dilation_x + 1)):
                if y < 0 or y >= g.x_height:
                    memset(out + f * g.pitch, 0, g.pitch * sizeof(floating))
                else:
                    stage_row(line, g.stride_x, f - g.left, g.x_width, g.pitch, out + f * g.pitch)
            out += row
        out += (g.block_height - height) * row


cdef void swapped_products(const WeightGrad* g, const floating* stage, const Py_ssize_t* at, const floating* dy,
                           Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t segments, Py_ssize_t n, bint load,
                           floating* sums) noexcept nogil:
    """Rows lo to hi of the patch matrix times some rows of outputs."""
    cdef Py_ssize_t i = lo, j, lanes = tile_columns(stage)
    cdef int height
    while i < hi:
        height = covering_height(stage, hi - i)
        j = 0
        while j < g.rows:
            stretches_tile(height, stage, at + i, g.stride_y * g.stride_x * g.pitch, segments, n, dy + j,
                           g.lane_pitch + 16, sums + i * g.lane_pitch + j, g.lane_pitch, load)
            j += lanes
        i += height


cdef void swapped_task(const WeightGrad* g, const floating* x, const floating* dy, floating* sums, floating* work,
                       Py_ssize_t task, Py_ssize_t parts) noexcept nogil:
    """As ``weight_task`` with ``parts`` ranges of patch rows; sums are [patch row][output channel]."""
    cdef Py_ssize_t taps = g.kernel_y * g.kernel_x, k = g.channels * taps, line = g.stride_x * g.pitch
    cdef Py_ssize_t lo = part(k, tile_rows(x), task % parts, parts), hi = part(k, tile_rows(x), task % parts + 1, parts)
    cdef Py_ssize_t chunk = task // parts % g.chunks, group = task // parts // g.chunks, size = g.height * g.width
    cdef Py_ssize_t row = chunk * g.chunk_samples, last = min(row + g.chunk_samples, g.samples * g.height)
    cdef Py_ssize_t i, s, y, count, first, segments, column, n, t
    cdef floating* stage = work + g.segments * g.piece * (g.lane_pitch + 16)
    cdef Py_ssize_t* at = <Py_ssize_t*> (stage + g.channels * g.block_height * line)
    cdef bint load = False
    sums += chunk * sums_size(g) + group * g.patch_rows * g.lane_pitch
    memset(work, 0, g.segments * g.piece * (g.lane_pitch + 16) * sizeof(floating))  # the lanes of no channel stay zero
    for i in range(g.patch_rows):
        t = i % taps
        at[i] = 0
        if i < k:
            n = t % g.kernel_x * g.dilation_x
            at[i] = ((i // taps * g.block_height + t // g.kernel_x * g.dilation_y) * line + n % g.stride_x * g.pitch
                     + n // g.stride_x)
    while row < last:
        s, y = row // g.height, row % g.height
        count = min(min(last - row, g.height - y), g.band)
        stage_phases(g, x + (s * g.groups + group) * g.channels * g.x_height * g.x_width, y * g.stride_y,
                     (count - 1) * g.stride_y + (g.kernel_y - 1) * g.dilation_y + 1, stage)
        first = 0
        while first < count:
            segments = min(g.segments, count - first)
            column = 0
            while column < g.width:
                n = min(g.piece, g.width - column)
                transpose(dy + (s * g.groups + group) * g.rows * size + (y + first) * g.width + column, size, g.rows,
                          segments * n, work, g.lane_pitch + 16)
                swapped_products(g, stage + first * g.stride_y * line + column, at, work, lo, hi, segments, n, load, sums)
                load = True
                column += n
            first += segments
        row += count


cdef void add_swapped(const WeightGrad* g, floating* sums, floating* dw, Py_ssize_t row) noexcept nogil:
    """The rows of dw that share a register with row ``row`` of its group, when it is the first of them."""
    cdef Py_ssize_t k = g.channels * g.kernel_y * g.kernel_x, lanes = tile_columns(dw), n, i, j, chunk
    cdef const floating* source
    if row % g.rows % lanes:
        return
    n = min(lanes, g.rows - row % g.rows)
    sums += row // g.rows * g.patch_rows * g.lane_pitch + row % g.rows
    for chunk in range(1, g.chunks):
        source = sums + chunk * sums_size(g)
        for i in range(k):
            for j in range(tile_columns(dw)):
                sums[i * g.lane_pitch + j] += source[i * g.lane_pitch + j]
    transpose(sums, g.lane_pitch, k, n, dw + row * k, k)
