# Log-softmax along any axis.

# Log-softmax: y = x - max(x) - log(sum(exp(x - max(x))))

cdef inline floating log_total(const floating* x, Py_ssize_t n, floating m, bint readable) noexcept nogil:
    """log(sum(exp(x - m))) of a row."""
    cdef floating last[ROW_TILE]
    cdef floating top
    cdef double total
    if floating is float:
        if INTERLEAVED:
            row_logs32(x, &top, &total, 1, n)
            return <float> log_(total)
    return <floating> log_(row_exp[floating](x, NULL, last, n, m, readable))


cdef enum:
    LOG_ROWS = 16               # rows whose logarithms are taken together
    LOG_ROW = 320               # elements of a row up to which they are so many


cdef void log_softmax_rows32(const float* x, const float* z, float* y, Py_ssize_t rows, Py_ssize_t n) noexcept nogil:
    cdef float top[LOG_ROWS]
    cdef float shift[LOG_ROWS]
    cdef double total[LOG_ROWS]
    cdef Py_ssize_t r = 0, j, count, most = LOG_ROWS if n <= LOG_ROW else 4     # which stay in L1 with their results
    for j in range(LOG_ROWS):
        total[j] = 1
    while r < rows:
        count = min(rows - r, most)
        row_logs32(x + r * n, top, total, count, n)
        for j in range(LOG_ROWS):
            shift[j] = <float> log_(total[j])
        subtract32(x + r * n, top, shift, y + r * n, count, n)
        r += count


cdef void log_softmax_row(const floating* x, const floating* z, floating* y, Py_ssize_t n,
                          bint readable) noexcept nogil:
    cdef floating end[ROW_TILE]
    cdef const floating* a
    cdef Py_ssize_t i = 0, j, rest = n % ROW_TILE
    cdef floating m, shift
    if floating is float:
        if INTERLEAVED:
            log_softmax_rows32(x, NULL, y, 1, n)
            return
    m = row_extreme(False, x, n, readable)
    shift = log_total(x, n, m, readable)
    for i in range(n // ROW_TILE):
        for j in range(ROW_TILE):
            y[j] = (x[j] - m) - shift
        x += ROW_TILE
        y += ROW_TILE
    if rest:
        a = tail_of(x, end, rest, readable)
        for j in range(ROW_TILE):
            end[j] = (a[j] - m) - shift
        memcpy(y, end, rest * sizeof(floating))


cdef inline void column_log_totals(const floating* x, floating* m, floating* shift, Py_ssize_t n,
                                   Py_ssize_t stride) noexcept nogil:
    """The largest of each column, and log(sum(exp(x - m)))."""
    cdef double total[SOFTMAX_COLUMNS]
    cdef double part[SOFTMAX_COLUMNS]
    cdef Py_ssize_t i, j
    memset(total, 0, sizeof(total))
    memset(part, 0, sizeof(part))
    column_max(x, m, n, stride)
    for i in range(n):
        for j in range(SOFTMAX_COLUMNS):
            part[j] += exp_neg(x[i * stride + j] - m[j])
        if i % SUM_TILES == SUM_TILES - 1:
            add_part(total, part)
    add_part(total, part)
    for j in range(SOFTMAX_COLUMNS):
        shift[j] = <floating> log_(total[j])


cdef void log_softmax_column(const floating* x, const floating* z, floating* y, Py_ssize_t n,
                             Py_ssize_t stride) noexcept nogil:
    cdef floating m[SOFTMAX_COLUMNS]
    cdef floating shift[SOFTMAX_COLUMNS]
    cdef Py_ssize_t i, j
    column_log_totals(x, m, shift, n, stride)
    for i in range(n):
        for j in range(SOFTMAX_COLUMNS):
            y[i * stride + j] = (x[i * stride + j] - m[j]) - shift[j]


cdef inline void subtract_exp_tile(const floating* y, const floating* dy, floating* dx, floating total) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(ROW_TILE):
        dx[j] = dy[j] - exp_neg(y[j]) * total


cdef void log_softmax_backward_rows32(const float* y, const float* dy, float* dx, Py_ssize_t rows,
                                      Py_ssize_t n) noexcept nogil:
    log_softmax_backward32(y, dy, dx, rows, n)


cdef void log_softmax_backward_row(const floating* y, const floating* dy, floating* dx, Py_ssize_t n,
                                   bint readable) noexcept nogil:
    cdef floating y_end[ROW_TILE]
    cdef floating dy_end[ROW_TILE]
    cdef floating last[ROW_TILE]
    cdef floating total
    cdef Py_ssize_t i = 0
    if floating is float:
        if INTERLEAVED:
            log_softmax_backward32(y, dy, dx, 1, n)
            return
    total = <floating> row_dot[floating](True, dy, dy, n, readable)
    while i + ROW_TILE <= n:
        subtract_exp_tile(y + i, dy + i, dx + i, total)
        i += ROW_TILE
    if i < n:
        subtract_exp_tile(tail_of(y + i, y_end, n - i, readable), tail_of(dy + i, dy_end, n - i, readable), last, total)
        memcpy(dx + i, last, (n - i) * sizeof(floating))


cdef void log_softmax_backward_column(const floating* y, const floating* dy, floating* dx, Py_ssize_t n,
                                      Py_ssize_t stride) noexcept nogil:
    cdef floating dot[SOFTMAX_COLUMNS]
    cdef double total[SOFTMAX_COLUMNS]
    cdef double part[SOFTMAX_COLUMNS]
    cdef Py_ssize_t i, j
    memset(total, 0, sizeof(total))
    memset(part, 0, sizeof(part))
    for i in range(n):
        for j in range(SOFTMAX_COLUMNS):
            part[j] += dy[i * stride + j]
        if i % SUM_TILES == SUM_TILES - 1:
            add_part(total, part)
    add_part(total, part)
    for j in range(SOFTMAX_COLUMNS):
        dot[j] = <floating> total[j]
    for i in range(n):
        for j in range(SOFTMAX_COLUMNS):
            dx[i * stride + j] = dy[i * stride + j] - exp_neg(y[i * stride + j]) * dot[j]


def log_softmax(x, int axis):
    """x - log(sum(exp(x))) along ``axis``."""
    return along_rows("log_softmax", x, None, axis, <void*> log_softmax_row[float], <void*> log_softmax_row[double],
                      <void*> log_softmax_column[float], <void*> log_softmax_column[double],
                      <void*> log_softmax_rows32)


def log_softmax_backward(y, dy, int axis):
    """dy - exp(y) * sum(dy) along ``axis``."""
    return along_rows("log_softmax_backward", y, dy, axis, <void*> log_softmax_backward_row[float],
                      <void*> log_softmax_backward_row[double], <void*> log_softmax_backward_column[float],
                      <void*> log_softmax_backward_column[double], <void*> log_softmax_backward_rows32)
