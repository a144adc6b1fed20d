# Depthwise weight gradient: one channel per group gives the general method no lanes, so each tap is a dot product

cdef void line_dots(const floating* dy, const floating* x, const Py_ssize_t* at, Py_ssize_t n, Py_ssize_t taps,
                    floating* sums) noexcept nogil:
    """sums[t, lane] += dy . x[at[t]:], n a multiple of the lanes."""
    cdef floating acc[LINE32]
    cdef Py_ssize_t t, first
    cdef int j, line = LINE32 if floating is float else LINE64
    for t in range(taps):
        for j in range(line):
            acc[j] = sums[j]
        first = 0
        while first < n:
            for j in range(line):
                acc[j] = madd(dy[first + j], x[at[t] + first + j], acc[j])
            first += line
        for j in range(line):
            sums[j] = acc[j]
        sums += line


cdef inline Py_ssize_t depthwise_work(const Patches* p, Py_ssize_t lanes) noexcept nogil:
    """Elements of workspace: the stage, dy at its pitch, and sums by tap and lane."""
    return round_up(stage_size(p, lanes) + p.columns + p.rows * p.taps * lanes, 16)


cdef void depthwise_task(const Patches* p, Py_ssize_t samples, const floating* x, const floating* dy, floating* dw,
                         floating* work, Py_ssize_t g) noexcept nogil:
    """dw of one group: samples, then blocks of rows, in order; the lanes are added at the end."""
    cdef Py_ssize_t s, r, i, j, y0, x0, height, width, lanes = LINE32 if floating is float else LINE64
    cdef Py_ssize_t size = p.x_height * p.x_width, pixels = p.height * p.width
    cdef floating* flat = work + stage_size(p, lanes)
    cdef floating* sums = flat + p.columns
    cdef const floating* source
    memset(work, 0, depthwise_work(p, lanes) * sizeof(floating))
    for s in range(samples):
        y0 = 0
        while y0 < p.height:
            height, x0 = min(p.block_height, p.height - y0), 0
            while x0 < p.width:
                width = min(p.block_width, p.width - x0)
                stage_block(p, x + (s * p.groups + g) * size, 0, 1, 1, y0, x0, work)
                for r in range(p.rows):
                    source = dy + ((s * p.groups + g) * p.rows + r) * pixels + y0 * p.width + x0
                    if height < p.block_height or width < p.block_width:
                        memset(flat, 0, p.columns * sizeof(floating))
                    for i in range(height):
                        copy_row(source + i * p.width, flat + i * p.pitch, width)
                    line_dots(flat, work, p.tap_at, p.columns, p.taps, sums + r * p.taps * lanes)
                if height < p.block_height or width < p.block_width:
                    memset(flat, 0, p.columns * sizeof(floating))
                x0 += p.block_width
            y0 += p.block_height
    for i in range(p.rows * p.taps):
        for j in range(1, lanes):
            sums[i * lanes] += sums[i * lanes + j]
        dw[g * p.rows * p.taps + i] = sums[i * lanes]


cdef bint depthwise_weight_grad(Patches* p, const floating* x, const floating* dy, floating* dw) noexcept nogil:
    cdef Py_ssize_t samples = p.samples, lanes = LINE32 if floating is float else LINE64, size, g
    cdef int threads = threads_for(2.0 * samples * p.groups * p.rows * p.taps * p.height * p.width, CONV_GRAIN)
    cdef floating* work
    p.samples = 1
    plan_patches(p, lanes, 1)
    size = depthwise_work(p, lanes)
    work = <floating*> workspace(threads * size * sizeof(floating))
    if work == NULL:
        return False
    if threads == 1:
        for g in range(p.groups):
            depthwise_task(p, samples, x, dy, dw, work, g)
    else:
        for g in prange(p.groups, num_threads=threads, schedule="dynamic"):
            depthwise_task(p, samples, x, dy, dw, work + threadid() * size, g)
    release(work)
    return True
