# Convolution with one input or one output channel to a group, and its input gradient: planes, not products.
#
# A task is a block of one plane. Its source is staged with a border of zeros in a buffer that fits the L1 cache; a tile
# is several output rows of one register of columns, whose accumulators stay in registers over all taps. Where the taps
# of a column lie in neighbouring rows, every staged row is loaded once for all output rows it reaches.
#
# One description serves both directions. In each dimension a result is, per phase, a sum over taps of source elements:
# a stride of the forward direction steps through the source, one of the gradient makes phases of the result.
#
# Every result is one chain of ``madd`` over the taps, column after column, whichever tile computes it. Only zeros of
# the border times an infinite weight could differ from the direct sum: groups with such weights take the direct sum
# itself.

from cython.parallel cimport threadid

cdef enum:
    PLANE_STAGE = 28672         # bytes of source staged at a time: most of L1
    PLANE_WIDTH = 1024          # most columns of a block
    FLAT_WIDTH = 4096           # ... when it is one row
    PLANE_CHANNELS = 8          # most channels of the wide side of a group
    PLANE_SPLIT = 1 << 23       # most bytes of source, in cache then, whose rows are split in one reading: from memory
                                # two readings, one after the other, are faster with AVX-512


cdef struct Axis:
    # result[f + phases * i] = sum over taps t of phase f of weight[tap[t]] * source[step * i + offset[t]]
    Py_ssize_t source, result, step, phases
    Py_ssize_t* start           # phases + 1: where the taps of a phase begin; their offsets ascend
    Py_ssize_t* tap
    Py_ssize_t* offset
    Py_ssize_t first, last      # of all offsets


cdef struct Planes:
    Py_ssize_t samples, groups, rows, channels      # rows: planes of result per group, channels: of source
    Py_ssize_t w_row, w_channel
    Axis y, x
    # decided by plan_planes
    Py_ssize_t slots, slot_pitch, pitch             # a staged row is one slot for each remainder of the step
    Py_ssize_t* slot                                # the slot of a remainder, or -1
    Py_ssize_t* column                              # where a tap reads in a staged row
    Py_ssize_t* at                                  # where a pair of taps reads in the stage, in the order of weights
    Py_ssize_t* order                               # where the weight of a pair of taps lies
    Py_ssize_t first_x                              # column of the source in a slot's first place, in steps
    Py_ssize_t block_height, block_width, blocks_y, blocks_x    # per phase
    Py_ssize_t stage_height, stage_size, out_pitch, out_plane
    bint whole                                      # a block is a plane
    bint flat                                       # one row, cut into pieces that make the rows of tiles
    bint direct                                     # tiles are written to their place
    bint split                                      # even and odd columns are staged together


cdef inline Py_ssize_t axis_table(Py_ssize_t kernel, Py_ssize_t stride) noexcept nogil:
    return stride + 1 + 2 * kernel


cdef void plan_axis(Axis* a, Py_ssize_t kernel, Py_ssize_t stride, Py_ssize_t pad, Py_ssize_t dilation, bint gradient,
                    Py_ssize_t* table) noexcept nogil:
    """The taps of a convolution of ``a.source`` elements, or of its input gradient, to ``a.result``."""
    cdef Py_ssize_t f, k, at, n = 0
    a.step = 1 if gradient else stride
    a.phases = stride if gradient else 1
    a.start, a.tap, a.offset = table, table + stride + 1, table + stride + 1 + kernel
    for f in range(a.phases):
        a.start[f] = n
        for k in range(kernel):
            if not gradient:
                a.tap[n], a.offset[n] = k, k * dilation - pad
                n += 1
            else:
                at = f + pad - (kernel - 1 - k) * dilation
                if at % stride == 0:
                    a.tap[n], a.offset[n] = kernel - 1 - k, at // stride
                    n += 1
    a.start[a.phases] = n
    a.first = a.last = a.offset[0]
    for k in range(1, n):
        a.first, a.last = min(a.first, a.offset[k]), max(a.last, a.offset[k])


cdef inline Py_ssize_t phase_length(const Axis* a, Py_ssize_t f) noexcept nogil:
    """Results of phase ``f``."""
    return a.result if a.phases == 1 else max(ceil_div(a.result - f, a.phases), 0)


cdef void plan_planes(Planes* p, Py_ssize_t lanes, Py_ssize_t itemsize, Py_ssize_t tasks) noexcept nogil:
    """Choose the blocks, and how one is staged, for at least ``tasks`` tasks: this changes no result."""
    cdef Py_ssize_t q, t, u, f, n = 0, columns, limit
    cdef Py_ssize_t height = phase_length(&p.y, 0), width = phase_length(&p.x, 0)
    p.flat = height == 1 and p.y.phases == 1 and p.y.start[1] == 1
    p.block_width = ceil_div(width, ceil_div(width, FLAT_WIDTH if p.flat else PLANE_WIDTH))
    for q in range(p.x.step):
        p.slot[q] = -1
    p.slots = 0
    p.first_x = floor_div(p.x.first, p.x.step)
    for t in range(p.x.start[p.x.phases]):
        u = floor_div(p.x.offset[t], p.x.step)
        q = p.x.offset[t] - u * p.x.step
        if p.slot[q] < 0:
            p.slot[q] = p.slots
            p.slots += 1
        p.column[t] = u - p.first_x
    columns = round_up(p.block_width, TALL * lanes if p.flat else lanes)
    p.slot_pitch = round_up(columns + floor_div(p.x.last, p.x.step) - p.first_x, lanes)
    p.pitch = p.slots * p.slot_pitch
    for t in range(p.x.start[p.x.phases]):
        p.column[t] += p.slot[p.x.offset[t] - floor_div(p.x.offset[t], p.x.step) * p.x.step] * p.slot_pitch
    limit = PLANE_STAGE // (itemsize * p.pitch * p.channels) - (p.y.last - p.y.first)
    limit = max(min(limit // p.y.step, ceil_div(height * p.samples * p.groups, tasks)), TALL)
    p.block_height = ceil_div(height, ceil_div(height, limit))
    p.blocks_y, p.blocks_x = ceil_div(height, p.block_height), ceil_div(width, p.block_width)
    p.whole = p.blocks_y == 1 and p.blocks_x == 1
    p.direct = p.channels == 1 and p.y.phases == 1 and p.x.phases == 1
    p.split = (p.x.step == 2 and p.slots == 2
               and (SQUARE < 16 or p.samples * p.groups * p.channels * p.y.source * p.x.source * itemsize <= PLANE_SPLIT))
    p.stage_height = (round_up(p.block_height, TALL) - 1) * p.y.step + p.y.last - p.y.first + 1
    p.stage_size = round_up(p.stage_height * p.pitch + lanes, 16)
    p.out_pitch = columns
    p.out_plane = 0 if p.direct else round_up(p.block_height, TALL) * p.out_pitch
    for f in range(p.y.phases):
        for q in range(p.x.phases):
            for u in range(p.x.start[q], p.x.start[q + 1]):
                for t in range(p.y.start[f], p.y.start[f + 1]):
                    p.order[n] = p.y.tap[t] * p.x.start[p.x.phases] + p.x.tap[u]
                    p.at[n] = (p.y.offset[t] - p.y.first) * p.pitch + p.column[u]
                    n += 1


# The source of a block

cdef inline void stage_line(const floating* x, Py_ssize_t step, floating* out, Py_ssize_t n) noexcept nogil:
    """out[i] = x[i * step]."""
    cdef Py_ssize_t i = 0, lanes = lane_count(x)
    if step == 1:
        while i + lanes <= n:
            lanes_move(x + i, out + i)
            i += lanes
        lanes_copy(x + i, out + i, n - i)
    elif step == 2:
        for i in range(n):
            out[i] = x[2 * i]
    else:
        for i in range(n):
            out[i] = x[i * step]


cdef void stage_plane(const Planes* p, const floating* x, Py_ssize_t i0, Py_ssize_t j0, floating* out) noexcept nogil:
    """The source of the block at (i0, j0), inside a border that is zero already."""
    cdef Py_ssize_t q, i, lo, hi, end, top = i0 * p.y.step + p.y.first, first
    cdef Py_ssize_t last = min(p.y.source, top + p.stage_height)
    if floating is float:
        if p.split:
            first = (j0 + p.first_x) * 2
            lo, hi = stage_from(2, first, p.slot_pitch), stage_to(2, first, p.x.source, p.slot_pitch)
            end = stage_to(2, first + 1, p.x.source, p.slot_pitch)
            if hi > lo:
                for i in range(max(top, 0), last):
                    split_row(<const float*> x + i * p.x.source + first + lo * 2, hi - lo, end - lo,
                              <float*> out + (i - top) * p.pitch + p.slot[0] * p.slot_pitch + lo,
                              <float*> out + (i - top) * p.pitch + p.slot[1] * p.slot_pitch + lo)
            return
    for q in range(p.x.step):
        if p.slot[q] < 0:
            continue
        first = (j0 + p.first_x) * p.x.step + q
        lo, hi = -first, p.x.source - first
        if p.x.step > 1:
            lo, hi = ceil_div(max(lo, 0), p.x.step), ceil_div(max(hi, 0), p.x.step)
        lo = min(max(lo, 0), p.slot_pitch)
        hi = min(hi, p.slot_pitch)
        if hi > lo:
            for i in range(max(top, 0), last):
                stage_line(x + i * p.x.source + first + lo * p.x.step, p.x.step,
                           out + (i - top) * p.pitch + p.slot[q] * p.slot_pitch + lo, hi - lo)


# Blocks

cdef void direct_block(const Planes* p, const floating* x, const floating* w, floating bias, floating* y,
                       Py_ssize_t fy, Py_ssize_t fx, Py_ssize_t i0, Py_ssize_t j0, Py_ssize_t height,
                       Py_ssize_t width) noexcept nogil:
    """A phase of a block by the direct sum, from the source itself: no zeros of a border."""
    cdef Py_ssize_t i, j, c, t, u, row, column, taps, across = p.x.start[p.x.phases]
    cdef floating sum
    taps = p.y.start[p.y.phases] * across
    for i in range(i0, i0 + height):
        for j in range(j0, j0 + width):
            sum = bias
            for c in range(p.channels):
                for u in range(p.x.start[fx], p.x.start[fx + 1]):
                    column = j * p.x.step + p.x.offset[u]
                    for t in range(p.y.start[fy], p.y.start[fy + 1]):
                        row = i * p.y.step + p.y.offset[t]
                        if 0 <= row < p.y.source and 0 <= column < p.x.source:
                            sum = madd(w[p.y.tap[t] * across + p.x.tap[u] + c * p.w_channel],
                                       x[(c * p.y.source + row) * p.x.source + column], sum)
            y[(i * p.y.phases + fy) * p.x.result + j * p.x.phases + fx] = sum


cdef void spread_phase(const Planes* p, const floating* out, floating* y, Py_ssize_t height,
                       Py_ssize_t width) noexcept nogil:
    """Write the columns of a phase to their places."""
    cdef Py_ssize_t i, j
    for i in range(height):
        if p.x.phases == 1:
            copy_row(out, y, width)
        elif p.x.phases == 2:
            for j in range(width):
                y[2 * j] = out[j]
        else:
            for j in range(width):
                y[j * p.x.phases] = out[j]
        out += p.out_pitch
        y += p.y.phases * p.x.result


cdef void plane_task(const Planes* p, const floating* x, const floating* w, const floating* packed,
                     const unsigned char* wild, const floating* bias, floating* y, floating* work, Py_ssize_t plane,
                     Py_ssize_t g, Py_ssize_t i0, Py_ssize_t j0) noexcept nogil:
    """The block at (i0, j0) of the planes of group ``g`` of a sample, ``plane`` groups into the batch."""
    cdef Py_ssize_t c, r, fy, fx, at, height, width, taps = p.y.start[p.y.phases] * p.x.start[p.x.phases]
    cdef floating* out = work + p.channels * p.stage_size
    cdef floating* to
    cdef floating b
    cdef Tile s
    x += plane * p.channels * p.y.source * p.x.source
    y += plane * p.rows * p.y.result * p.x.result
    packed += g * p.rows * p.channels * taps
    if not p.whole:
        memset(work, 0, p.channels * p.stage_size * sizeof(floating))
    for c in range(p.channels):
        stage_plane(p, x + c * p.y.source * p.x.source, i0, j0, work + c * p.stage_size)
    s.step, s.x_row = p.y.step, p.pitch
    for r in range(p.rows):
        b = bias[g * p.rows + r] if bias != NULL else <floating> 0
        for fy in range(p.y.phases):
            height = min(p.block_height, phase_length(&p.y, fy) - i0)
            for fx in range(p.x.phases):
                width = min(p.block_width, phase_length(&p.x, fx) - j0)
                if height <= 0 or width <= 0:
                    continue
                if wild[g]:
                    direct_block(p, x, w + g * p.rows * p.channels * taps + r * p.w_row, b, y, fy, fx, i0, j0, height,
                                 width)
                    continue
                s.kernel = p.y.start[fy + 1] - p.y.start[fy]
                s.columns = p.x.start[fx + 1] - p.x.start[fx]
                at = p.y.start[fy] * p.x.start[p.x.phases] + s.kernel * p.x.start[fx]
                s.at, s.column = p.at + at, p.column + p.x.start[fx]
                s.near = 0
                if s.kernel > 1 and p.y.offset[p.y.start[fy] + 1] == p.y.offset[p.y.start[fy]] + 1:
                    s.near = s.kernel
                    s.base = (p.y.offset[p.y.start[fy]] - p.y.first) * p.pitch
                to = y + i0 * p.x.result + j0 if p.direct else out
                for c in range(p.channels):
                    if p.flat:
                        s.x_row, s.step = lane_count(x), 1
                        tile_line(&s, packed + c * taps + at, work + c * p.stage_size, b, c > 0, to, width, p.direct)
                    else:
                        tile_plane(&s, packed + c * taps + at, work + c * p.stage_size, b, c > 0, to,
                                   p.x.result if p.direct else p.out_pitch, height, width, p.direct)
                if not p.direct:
                    spread_phase(p, out, y + (i0 * p.y.phases + fy) * p.x.result + j0 * p.x.phases + fx, height, width)
        y += p.y.result * p.x.result
        packed += p.channels * taps


cdef void plane_range(const Planes* p, const floating* x, const floating* w, const floating* packed,
                      const unsigned char* wild, const floating* bias, floating* y, floating* work, Py_ssize_t lo,
                      Py_ssize_t hi) noexcept nogil:
    """Tasks lo to hi: blocks count fastest, then groups, then samples."""
    cdef Py_ssize_t bx = lo % p.blocks_x, by = lo // p.blocks_x % p.blocks_y, plane = lo // (p.blocks_x * p.blocks_y)
    cdef Py_ssize_t g = plane % p.groups, task
    memset(work, 0, p.channels * p.stage_size * sizeof(floating))   # the border: whole planes only change its inside
    for task in range(lo, hi):
        plane_task(p, x, w, packed, wild, bias, y, work, plane, g, by * p.block_height, bx * p.block_width)
        bx += 1
        if bx == p.blocks_x:
            bx, by = 0, by + 1
            if by == p.blocks_y:
                by, plane, g = 0, plane + 1, g + 1
                if g == p.groups:
                    g = 0


cdef inline bint finite(const floating* x, Py_ssize_t n) noexcept nogil:
    """No infinity, no NaN."""
    cdef Py_ssize_t i
    cdef int32_t bits, most = 0
    cdef int64_t bits_, most_ = 0
    if floating is float:
        for i in range(n):
            bits = bits32(x[i]) & <int32_t> 0x7f800000
            most = bits if bits > most else most
        return most < <int32_t> 0x7f800000
    else:
        for i in range(n):
            bits_ = bits64(x[i]) & <int64_t> 0x7ff0000000000000
            most_ = bits_ if bits_ > most_ else most_
        return most_ < <int64_t> 0x7ff0000000000000


cdef void pack_planes(const Planes* p, const floating* w, floating* packed, unsigned char* wild,
                      Py_ssize_t g) noexcept nogil:
    """The weights of one group in the order of taps, and whether some are infinite or NaN."""
    cdef Py_ssize_t r, c, n, taps = p.y.start[p.y.phases] * p.x.start[p.x.phases]
    cdef const floating* source
    w += g * p.rows * p.channels * taps
    packed += g * p.rows * p.channels * taps
    wild[g] = not finite(w, p.rows * p.channels * taps)
    for r in range(p.rows):
        for c in range(p.channels):
            source = w + r * p.w_row + c * p.w_channel
            for n in range(taps):
                packed[n] = source[p.order[n]]
            packed += taps


cdef double planes_work(const Planes* p) noexcept nogil:
    """Work for ``threads_for_flops``: to move an element of y or x takes as long as 12 or 20 operations of a product."""
    cdef double taps = <double> p.y.start[p.y.phases] * p.x.start[p.x.phases] / (p.y.phases * p.x.phases)
    cdef double y = p.rows * <double> p.y.result * p.x.result, x = p.channels * <double> p.y.source * p.x.source
    return p.samples * p.groups * (y * (2 * p.channels * taps + 12) + 20 * x)


cdef bint convolve_planes(Planes* p, const floating* x, const floating* w, const floating* bias,
                          floating* y) noexcept nogil:
    """Every element of y from x, which holds ``samples * groups * channels`` planes. False when memory ran out."""
    cdef Py_ssize_t weights = p.groups * p.rows * p.channels * p.y.start[p.y.phases] * p.x.start[p.x.phases]
    cdef int threads = threads_for_flops(planes_work(p))
    cdef Py_ssize_t tasks, parts, i, size, kept, flags
    cdef floating* packed
    cdef unsigned char* wild
    if p.samples == 0 or p.y.result == 0 or p.x.result == 0:
        return True
    plan_planes(p, lane_count(x), sizeof(floating), 1 if threads == 1 else 4 * threads)
    tasks = p.samples * p.groups * p.blocks_y * p.blocks_x
    threads = <int> min(threads, tasks)
    parts = min(tasks, 8 * threads)
    size = round_up(p.channels * p.stage_size + p.out_plane, 16)
    kept, flags = round_up(weights, 16), round_up(p.groups, 64)
    wild = <unsigned char*> workspace(flags + (kept + threads * size) * sizeof(floating))
    if wild == NULL:
        return False
    packed = <floating*> (wild + flags)
    if threads == 1 or weights < 8192:
        for i in range(p.groups):
            pack_planes(p, w, packed, wild, i)
    else:
        for i in prange(p.groups, num_threads=threads, schedule="static"):
            pack_planes(p, w, packed, wild, i)
    if threads == 1:
        plane_range(p, x, w, packed, wild, bias, y, packed + kept, 0, tasks)
    else:
        for i in prange(parts, num_threads=threads, schedule="dynamic"):
            plane_range(p, x, w, packed, wild, bias, y, packed + kept + threadid() * size, part(tasks, 1, i, parts),
                        part(tasks, 1, i + 1, parts))
    release(wild)
    return True
