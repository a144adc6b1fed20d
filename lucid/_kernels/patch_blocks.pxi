# What a block of pixels of patches.pxi reads and writes: its input staged with borders, its output brought to its place.

cdef inline Py_ssize_t other_phase(const Patches* p, Py_ssize_t f) noexcept nogil:
    """The phase that reads the other columns of the same rows, where there are two; or -1."""
    cdef Py_ssize_t g
    if p.step_x == 2:
        for g in range(p.phases):
            if p.phase_y[g] == p.phase_y[f] and p.phase_x[g] == 1 - p.phase_x[f]:
                return g
    return -1


cdef void split_plane(const Patches* p, const float* plane, Py_ssize_t y0, Py_ssize_t x0, float* even,
                      float* odd) noexcept nogil:
    """The even and the odd columns of the rows of a block, whose phase along y they share, in one reading."""
    cdef Py_ssize_t first = (x0 + p.first_x) * 2, lo = stage_from(2, first, p.pitch), i
    cdef Py_ssize_t hi = stage_to(2, first, p.x_width, p.pitch), end = stage_to(2, first + 1, p.x_width, p.pitch)
    plane += y0 * p.x_width + first + lo * 2
    for i in range(p.block_height + p.span_y):
        if y0 < 0 or y0 >= p.x_height:
            memset(even, 0, p.pitch * sizeof(float))
            memset(odd, 0, p.pitch * sizeof(float))
        else:
            zero_row(even, lo)
            zero_row(odd, lo)
            split_row(plane, hi - lo, end - lo, even + lo, odd + lo)
            zero_row(even + hi, p.pitch - hi)
            zero_row(odd + end, p.pitch - end)
        y0 += p.step_y
        plane += p.step_y * p.x_width
        even += p.pitch
        odd += p.pitch


cdef void stage_block(const Patches* p, const floating* x, Py_ssize_t x_sample, Py_ssize_t channels, Py_ssize_t samples,
                      Py_ssize_t y0, Py_ssize_t x0, floating* out) noexcept nogil:
    """The input of a block of pixels: [channel][phase][sample][row][pitch]."""
    cdef Py_ssize_t c, f, s, i, row, first, lo, hi, height = p.block_height + p.span_y, size = p.x_height * p.x_width
    cdef Py_ssize_t used = p.phases * p.block_samples * p.plane, other
    cdef const floating* plane
    cdef floating* to
    for f in range(p.phases):
        other = other_phase(p, f) if floating is float else -1
        if other >= 0 and p.phase_x[f] == 1:
            continue
        first = (x0 + p.first_x) * p.step_x + p.phase_x[f]
        lo, hi = stage_from(p.step_x, first, p.pitch), stage_to(p.step_x, first, p.x_width, p.pitch)
        for c in range(channels):
            for s in range(samples):
                plane = x + s * x_sample + c * size
                to = out + c * p.stage_channel + (f * p.block_samples + s) * p.plane
                row = (y0 + p.first_y) * p.step_y + p.phase_y[f]
                if floating is float and other >= 0:
                    split_plane(p, <const float*> plane, row, x0, <float*> to,
                                <float*> to + (other - f) * p.block_samples * p.plane)
                    continue
                for i in range(height):
                    if row < 0 or row >= p.x_height:
                        memset(to, 0, p.pitch * sizeof(floating))
                    else:
                        stage_part(plane + row * p.x_width + first, p.step_x, lo, hi, p.pitch, to)
                    row += p.step_y
                    to += p.pitch
    for c in range(channels):
        # read by the columns that are dropped: any value would do, but some bit patterns are slow to multiply
        memset(out + c * p.stage_channel + used, 0, (p.stage_channel - used) * sizeof(floating))


cdef void call_ahead(const Patches* p, const floating* x, Py_ssize_t channels, Py_ssize_t y0, Py_ssize_t index,
                     Py_ssize_t parts) noexcept nogil:
    """Call for part ``index`` of the rows that a block of pixels of one sample will stage next."""
    cdef Py_ssize_t lo = max((y0 + p.first_y) * p.step_y, 0), line = 64 // <Py_ssize_t> sizeof(floating), i
    cdef Py_ssize_t hi = min((y0 + p.first_y + p.block_height + p.span_y) * p.step_y, p.x_height)
    cdef Py_ssize_t lines = (hi - lo) * p.x_width // line + 1, size = p.x_height * p.x_width
    if hi > lo:
        for i in range(channels * lines * index // parts, channels * lines * (index + 1) // parts):
            call_for(x + i // lines * size + lo * p.x_width + i % lines * line)


# Results

cdef void scatter_columns(const Patches* p, const floating* c, Py_ssize_t c_row, Py_ssize_t j, Py_ssize_t n, floating* y,
                          Py_ssize_t rows, Py_ssize_t samples, Py_ssize_t height, Py_ssize_t width) noexcept nogil:
    """Columns j to j + n of the product to their places in y, but for those that belong to no pixel."""
    cdef Py_ssize_t s, i, x, r, q, count, done = 0
    cdef const floating* source
    cdef floating* to
    while done < n:
        s, i, x = (j + done) // p.plane, (j + done) % p.plane // p.pitch, (j + done) % p.plane % p.pitch
        if p.block_samples == 1:
            s, i, x = 0, (j + done) // p.pitch, (j + done) % p.pitch
        count = min(p.pitch - x, n - done)
        if s < samples and i < height and x < width:
            source, to = c + done, y + s * p.y_sample + i * p.y_row + x * p.y_column
            for r in range(rows):
                if p.y_column == 1:
                    copy_row(source, to, min(count, width - x))
                else:
                    for q in range(min(count, width - x)):
                        to[q * p.y_column] = source[q]
                source += c_row
                to += p.y_channel
        done += count


cdef void scatter_block(const Patches* p, const floating* c, floating* y, Py_ssize_t rows, Py_ssize_t samples,
                        Py_ssize_t height, Py_ssize_t width) noexcept nogil:
    """As ``scatter_columns`` for a whole block, a channel at a time."""
    cdef Py_ssize_t r, s, i, j
    cdef const floating* source
    cdef floating* to
    for s in range(samples):
        for r in range(rows):
            for i in range(height):
                source = c + r * p.columns + s * p.plane + i * p.pitch
                to = y + s * p.y_sample + r * p.y_channel + i * p.y_row
                if p.y_column == 1:
                    copy_row(source, to, width)
                else:
                    for j in range(width):
                        to[j * p.y_column] = source[j]
