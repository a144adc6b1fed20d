# Weight gradient of a convolution with one input channel to a group.
#
# Each tap is a dot product of dy with the input moved: the input is staged as for the forward direction, a few taps
# share every register of dy, and their sums stay lanes until the last sample is in.

cdef inline inlined weight_tile(int taps, const floating* dy, Py_ssize_t dy_row, const floating* x, Py_ssize_t x_row,
                             const Py_ssize_t* at, Py_ssize_t height, Py_ssize_t width, floating* sums) noexcept nogil:
    """sums[t] += dy . x[at[t]:], lane by lane. Inlined with ``taps`` a constant, which turns ``acc`` into registers."""
    cdef floating acc[9 * LANES32]
    cdef floating head[LANES32]
    cdef Py_ssize_t i, j, lanes = lane_count(x)
    cdef int t
    for t in range(taps):
        lanes_move(sums + t * lanes, acc + t * lanes)
    for i in range(height):
        j = 0
        while j + lanes <= width:
            for t in range(taps):
                lanes_dot(dy + j, x + at[t] + j, acc + t * lanes)
            j += lanes
        if j < width:
            lanes_head(dy + j, head, width - j)
            for t in range(taps):
                lanes_dot(head, x + at[t] + j, acc + t * lanes)
        dy += dy_row
        x += x_row
    for t in range(taps):
        lanes_move(acc + t * lanes, sums + t * lanes)


cdef void weight_block(const Planes* p, const floating* dy, const floating* x, Py_ssize_t height, Py_ssize_t width,
                       floating* sums) noexcept nogil:
    """Add a block to the sums of all taps."""
    cdef Py_ssize_t t = 0, row = p.y.step * p.pitch, lanes = lane_count(x)
    cdef Py_ssize_t taps = p.y.start[1] * p.x.start[1]
    while t < taps:
        if taps - t >= 9:
            weight_tile(9, dy, p.x.result, x, row, p.at + t, height, width, sums + t * lanes)
            t += 9
        elif taps - t >= 7:
            weight_tile(7, dy, p.x.result, x, row, p.at + t, height, width, sums + t * lanes)
            t += 7
        elif taps - t >= 3:
            weight_tile(3, dy, p.x.result, x, row, p.at + t, height, width, sums + t * lanes)
            t += 3
        else:
            weight_tile(1, dy, p.x.result, x, row, p.at + t, height, width, sums + t * lanes)
            t += 1


cdef void direct_weight(const Planes* p, const floating* x, const floating* dy, floating* dw,
                        Py_ssize_t g) noexcept nogil:
    """dw of one group by the direct sum: no zeros of a border, no lanes beyond a row."""
    cdef Py_ssize_t s, r, t, u, i, j, row, column
    cdef const floating* plane
    cdef const floating* source
    cdef floating sum
    for r in range(p.rows):
        for t in range(p.y.start[1]):
            for u in range(p.x.start[1]):
                sum = 0
                for s in range(p.samples):
                    source = x + (s * p.groups + g) * p.y.source * p.x.source
                    plane = dy + ((s * p.groups + g) * p.rows + r) * p.y.result * p.x.result
                    for i in range(p.y.result):
                        row = i * p.y.step + p.y.offset[t]
                        for j in range(p.x.result):
                            column = j * p.x.step + p.x.offset[u]
                            if 0 <= row < p.y.source and 0 <= column < p.x.source:
                                sum = madd(plane[i * p.x.result + j], source[row * p.x.source + column], sum)
                dw[((g * p.rows + r) * p.y.start[1] + t) * p.x.start[1] + u] = sum


cdef void weight_planes(const Planes* p, const floating* x, const floating* dy, floating* dw, floating* work,
                        Py_ssize_t g) noexcept nogil:
    """dw of one group: samples, then blocks, in order; the lanes are added at the end."""
    cdef Py_ssize_t s, r, by, bx, i, j, i0, j0, height, width, lanes = lane_count(x)
    cdef Py_ssize_t taps = p.y.start[1] * p.x.start[1], size = p.y.result * p.x.result
    cdef floating* sums = work + p.stage_size
    cdef bint wild = False
    memset(work, 0, (p.stage_size + p.rows * taps * lanes) * sizeof(floating))
    for s in range(p.samples):
        for by in range(p.blocks_y):
            for bx in range(p.blocks_x):
                i0, j0 = by * p.block_height, bx * p.block_width
                height, width = min(p.block_height, p.y.result - i0), min(p.block_width, p.x.result - j0)
                if not p.whole:
                    memset(work, 0, p.stage_size * sizeof(floating))
                stage_plane(p, x + (s * p.groups + g) * p.y.source * p.x.source, i0, j0, work)
                for r in range(p.rows):
                    weight_block(p, dy + ((s * p.groups + g) * p.rows + r) * size + i0 * p.x.result + j0, work, height,
                                 width, sums + r * taps * lanes)
    for i in range(p.rows * taps):
        for j in range(1, lanes):
            sums[i * lanes] += sums[i * lanes + j]
        wild = wild or not (sums[i * lanes] - sums[i * lanes] == 0)
        dw[g * p.rows * taps + i // taps * taps + p.order[i % taps]] = sums[i * lanes]
    if wild:
        direct_weight(p, x, dy, dw, g)


cdef bint weight_grad_planes(Planes* p, const floating* x, const floating* dy, floating* dw) noexcept nogil:
    """dw of ``groups`` channels of x. False when memory ran out."""
    cdef Py_ssize_t taps = p.y.start[1] * p.x.start[1], lanes = lane_count(x), size, g
    cdef int threads = <int> min(threads_for_flops(planes_work(p)), p.groups)
    cdef floating* work
    if p.samples == 0:
        memset(dw, 0, p.groups * p.rows * taps * sizeof(floating))
        return True
    if floating is float:
        if small_planes(p):
            return weight_grad_blocks(p, x, dy, dw)
    plan_planes(p, lanes, sizeof(floating), 1)
    size = round_up(p.stage_size + p.rows * taps * lanes, 16)
    work = <floating*> workspace(threads * size * sizeof(floating))
    if work == NULL:
        return False
    if threads == 1:
        for g in range(p.groups):
            weight_planes(p, x, dy, dw, work, g)
    else:
        for g in prange(p.groups, num_threads=threads, schedule="dynamic"):
            weight_planes(p, x, dy, dw, work + threadid() * size, g)
    release(work)
    return True
