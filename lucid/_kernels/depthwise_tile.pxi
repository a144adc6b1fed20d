# Tiles of a convolution plane by plane: a few rows of one register of columns, accumulators in registers over all taps.

cdef enum:
    TALL = 7                    # rows of a tile: most image heights are multiples of 7 ...
    SHORT = 4                   # ... or of 4


cdef inline inlined store_rows(const floating* acc, int rows, floating* y, Py_ssize_t y_row,
                               Py_ssize_t n) noexcept nogil:
    cdef floating row[LANES32]          # a masked store of ``acc`` itself would keep all of it out of registers
    cdef int r, lanes = lane_count(acc)
    if n == lanes:
        for r in range(rows):
            lanes_move(acc + r * lanes, y + r * y_row)
    else:
        for r in range(rows):
            lanes_move(acc + r * lanes, row)
            lanes_copy(row, y + r * y_row, n)


cdef inline inlined plain_tile(int rows, const floating* w, const floating* x, const Py_ssize_t* at, Py_ssize_t taps,
                            Py_ssize_t x_row, floating bias, bint load, floating* y, Py_ssize_t y_row,
                            Py_ssize_t n) noexcept nogil:
    """y[r] = bias, or y[r] itself, + sum over t of w[t] * x[r * x_row + at[t]]."""
    cdef floating acc[7 * LANES32]
    cdef int r, lanes = lane_count(x)
    cdef Py_ssize_t t
    for r in range(rows):
        if load:
            lanes_move(y + r * y_row, acc + r * lanes)
        else:
            lanes_fill(bias, acc + r * lanes)
    for t in range(taps):
        for r in range(rows):
            lanes_madd(w[t], x + at[t] + r * x_row, acc + r * lanes)
    store_rows(acc, rows, y, y_row, n)


cdef inline inlined source_row(int i, int rows, int kernel, int step, const floating* w, const floating* x,
                               floating* acc) noexcept nogil:
    """Add staged row ``i`` of a tile to the rows it reaches, by one column of taps. Rows are at least 4, at most 7."""
    cdef int lanes = lane_count(x)
    if 0 <= i < kernel:
        lanes_madd(w[i], x, acc)
    if 0 <= i - step < kernel:
        lanes_madd(w[i - step], x, acc + lanes)
    if 0 <= i - 2 * step < kernel:
        lanes_madd(w[i - 2 * step], x, acc + 2 * lanes)
    if 0 <= i - 3 * step < kernel:
        lanes_madd(w[i - 3 * step], x, acc + 3 * lanes)
    if rows > 4 and 0 <= i - 4 * step < kernel:
        lanes_madd(w[i - 4 * step], x, acc + 4 * lanes)
    if rows > 5 and 0 <= i - 5 * step < kernel:
        lanes_madd(w[i - 5 * step], x, acc + 5 * lanes)
    if rows > 6 and 0 <= i - 6 * step < kernel:
        lanes_madd(w[i - 6 * step], x, acc + 6 * lanes)


cdef inline inlined shared_tile(int rows, int kernel, int step, const floating* w, const floating* x,
                                const Py_ssize_t* column, Py_ssize_t columns, Py_ssize_t x_row, floating bias,
                                bint load, floating* y, Py_ssize_t y_row, Py_ssize_t n) noexcept nogil:
    """As ``plain_tile``: ``columns`` taps across, ``kernel`` down in neighbouring rows.

    Written out: GCC keeps ``acc`` in registers if all indices in one loop are constants.
    """
    cdef floating acc[7 * LANES32]
    cdef int r, lanes = lane_count(x)
    cdef Py_ssize_t t
    for r in range(rows):
        if load:
            lanes_move(y + r * y_row, acc + r * lanes)
        else:
            lanes_fill(bias, acc + r * lanes)
    for t in range(columns):
        source_row(0, rows, kernel, step, w, x + column[t], acc)
        source_row(1, rows, kernel, step, w, x + column[t] + x_row, acc)
        source_row(2, rows, kernel, step, w, x + column[t] + 2 * x_row, acc)
        source_row(3, rows, kernel, step, w, x + column[t] + 3 * x_row, acc)
        source_row(4, rows, kernel, step, w, x + column[t] + 4 * x_row, acc)
        source_row(5, rows, kernel, step, w, x + column[t] + 5 * x_row, acc)
        source_row(6, rows, kernel, step, w, x + column[t] + 6 * x_row, acc)
        source_row(7, rows, kernel, step, w, x + column[t] + 7 * x_row, acc)
        source_row(8, rows, kernel, step, w, x + column[t] + 8 * x_row, acc)
        source_row(9, rows, kernel, step, w, x + column[t] + 9 * x_row, acc)
        source_row(10, rows, kernel, step, w, x + column[t] + 10 * x_row, acc)
        source_row(11, rows, kernel, step, w, x + column[t] + 11 * x_row, acc)
        source_row(12, rows, kernel, step, w, x + column[t] + 12 * x_row, acc)
        source_row(13, rows, kernel, step, w, x + column[t] + 13 * x_row, acc)
        source_row(14, rows, kernel, step, w, x + column[t] + 14 * x_row, acc)
        source_row(15, rows, kernel, step, w, x + column[t] + 15 * x_row, acc)
        source_row(16, rows, kernel, step, w, x + column[t] + 16 * x_row, acc)
        source_row(17, rows, kernel, step, w, x + column[t] + 17 * x_row, acc)
        source_row(18, rows, kernel, step, w, x + column[t] + 18 * x_row, acc)
        w += kernel
    store_rows(acc, rows, y, y_row, n)


cdef struct Tile:
    # What all tiles of one phase share.
    Py_ssize_t kernel, columns                  # taps down and across
    Py_ssize_t near                             # kernel if its taps are neighbouring rows, else 0
    Py_ssize_t step, x_row                      # staged rows per row, elements per staged row
    Py_ssize_t base                             # where the first tap down reads
    const Py_ssize_t* at
    const Py_ssize_t* column


cdef void tall_tile(const Tile* s, const floating* w, const floating* x, floating bias, bint load, floating* y,
                    Py_ssize_t y_row, Py_ssize_t n) noexcept nogil:
    """TALL rows."""
    if s.near == 3 and s.step == 1:
        shared_tile(7, 3, 1, w, x + s.base, s.column, s.columns, s.x_row, bias, load, y, y_row, n)
    elif s.near == 5 and s.step == 1:
        shared_tile(7, 5, 1, w, x + s.base, s.column, s.columns, s.x_row, bias, load, y, y_row, n)
    elif s.near == 7 and s.step == 1:
        shared_tile(7, 7, 1, w, x + s.base, s.column, s.columns, s.x_row, bias, load, y, y_row, n)
    elif s.near == 2 and s.step == 1:
        shared_tile(7, 2, 1, w, x + s.base, s.column, s.columns, s.x_row, bias, load, y, y_row, n)
    elif s.near == 4 and s.step == 1:
        shared_tile(7, 4, 1, w, x + s.base, s.column, s.columns, s.x_row, bias, load, y, y_row, n)
    elif s.near == 3 and s.step == 2:
        shared_tile(7, 3, 2, w, x + s.base, s.column, s.columns, s.x_row, bias, load, y, y_row, n)
    elif s.near == 5 and s.step == 2:
        shared_tile(7, 5, 2, w, x + s.base, s.column, s.columns, s.x_row, bias, load, y, y_row, n)
    elif s.near == 7 and s.step == 2:
        shared_tile(7, 7, 2, w, x + s.base, s.column, s.columns, s.x_row, bias, load, y, y_row, n)
    else:
        plain_tile(7, w, x, s.at, s.kernel * s.columns, s.x_row * s.step, bias, load, y, y_row, n)


cdef void short_tile(const Tile* s, const floating* w, const floating* x, floating bias, bint load, floating* y,
                     Py_ssize_t y_row, Py_ssize_t n) noexcept nogil:
    """SHORT rows."""
    if s.near == 3 and s.step == 1:
        shared_tile(4, 3, 1, w, x + s.base, s.column, s.columns, s.x_row, bias, load, y, y_row, n)
    elif s.near == 5 and s.step == 1:
        shared_tile(4, 5, 1, w, x + s.base, s.column, s.columns, s.x_row, bias, load, y, y_row, n)
    elif s.near == 7 and s.step == 1:
        shared_tile(4, 7, 1, w, x + s.base, s.column, s.columns, s.x_row, bias, load, y, y_row, n)
    else:
        plain_tile(4, w, x, s.at, s.kernel * s.columns, s.x_row * s.step, bias, load, y, y_row, n)


cdef void single_tile(const Tile* s, const floating* w, const floating* x, floating bias, bint load, floating* y,
                      Py_ssize_t n) noexcept nogil:
    """One row."""
    plain_tile(1, w, x, s.at, s.kernel * s.columns, 0, bias, load, y, 0, n)


cdef void tile_plane(const Tile* s, const floating* w, const floating* x, floating bias, bint load, floating* y,
                     Py_ssize_t y_row, Py_ssize_t height, Py_ssize_t width, bint exact) noexcept nogil:
    """All tiles of a phase. ``exact``: nothing may be written beyond; else rows and columns round up to whole tiles.

    The last tile of an exact plane moves back over its neighbour, whose results it computes again.
    """
    cdef Py_ssize_t i, j, r, c, n, at, rows, lanes = lane_count(x)
    rows = TALL if 7 * ceil_div(height, TALL) < 5 * ceil_div(height, SHORT) else SHORT
    if height < SHORT:
        rows = 1
    elif height < TALL and exact:
        rows = SHORT
    i = 0
    while i < height:
        r = height - rows if exact and i + rows > height else i
        j = 0
        while j < width:
            c = max(width - lanes, 0) if exact and j + lanes > width else j
            n = min(lanes, width) if exact else lanes
            at = r * s.step * s.x_row + c
            if rows == TALL:
                tall_tile(s, w, x + at, bias, load, y + r * y_row + c, y_row, n)
            elif rows == SHORT:
                short_tile(s, w, x + at, bias, load, y + r * y_row + c, y_row, n)
            else:
                single_tile(s, w, x + at, bias, load, y + r * y_row + c, n)
            j += lanes
        i += rows


cdef void tile_line(const Tile* s, const floating* w, const floating* x, floating bias, bint load, floating* y,
                    Py_ssize_t width, bint exact) noexcept nogil:
    """As ``tile_plane`` for one row, whose registers are the rows of tiles."""
    cdef Py_ssize_t j = 0, c, lanes = lane_count(x)
    while j + TALL * lanes <= width:
        tall_tile(s, w, x + j, bias, load, y + j, lanes, lanes)
        j += TALL * lanes
    while j < width:
        c = max(width - lanes, 0) if exact and j + lanes > width else j
        single_tile(s, w, x + c, bias, load, y + c, min(lanes, width) if exact else lanes)
        j += lanes
