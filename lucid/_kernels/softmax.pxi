# Softmax and log-softmax along any axis.
#
# Along the last axis a kernel works on one row; the end of the row goes through the same vector code, padded. Along
# another axis it works on SOFTMAX_COLUMNS adjacent columns, a lane each. Long sums are carried on in double.

cdef enum:
    SUM_TILES = 32              # tiles added up before going to double
    SOFTMAX_COLUMNS = 32
    ROWS_GRAIN = 16384

ctypedef void (*Row)(const void* x, const void* z, void* out, Py_ssize_t n) noexcept nogil
ctypedef void (*Column)(const void* x, const void* z, void* out, Py_ssize_t n, Py_ssize_t stride) noexcept nogil

cdef struct Rows:
    Row row
    Column column
    const char* x               # (outer, count, inner), as z (or NULL) and out
    const char* z
    char* out
    Py_ssize_t size             # bytes per element
    Py_ssize_t outer, count, inner


cdef void rows_range(const Rows* r, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t tiles = r.inner // SOFTMAX_COLUMNS, index, at
    if r.inner == 1:
        for index in range(lo, hi):
            at = index * r.count * r.size
            r.row(r.x + at, r.z + at, r.out + at, r.count)
        return
    for index in range(lo, hi):
        at = (index // tiles * r.count * r.inner + index % tiles * SOFTMAX_COLUMNS) * r.size
        r.column(r.x + at, r.z + at, r.out + at, r.count, r.inner)
        if index % tiles == tiles - 1 and r.inner % SOFTMAX_COLUMNS:
            # the last columns: a tile that overlaps the one just done, on the same thread
            at += r.inner % SOFTMAX_COLUMNS * r.size
            r.column(r.x + at, r.z + at, r.out + at, r.count, r.inner)


cdef void run_rows(const Rows* r) noexcept nogil:
    cdef Py_ssize_t items = r.outer if r.inner == 1 else r.outer * (r.inner // SOFTMAX_COLUMNS)
    cdef int t, threads = <int> min(items, threads_for(<double> r.outer * r.count * r.inner, ROWS_GRAIN))
    if threads <= 1:
        rows_range(r, 0, items)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        rows_range(r, items * t // threads, items * (t + 1) // threads)


cdef cnp.ndarray along_rows(str name, cnp.ndarray x, cnp.ndarray z, int axis, void* row32, void* row64, void* column32,
                            void* column64):
    """The row operation over ``axis`` of ``x`` and, unless it is None, ``z``."""
    cdef Rows r
    cdef int t = float_type(x), ndim = cnp.PyArray_NDIM(x), d
    cdef cnp.ndarray out
    if z is not None:
        common_type(x, z)
        if not cnp.PyArray_SAMESHAPE(x, z):
            raise ValueError(f"{name}: shapes {np.shape(x)} and {np.shape(z)} differ")
    if not -ndim <= axis < ndim:
        raise ValueError(f"{name}: axis {axis} is out of range for shape {np.shape(x)}")
    axis = axis + ndim if axis < 0 else axis
    r.outer = r.inner = 1
    for d in range(axis):
        r.outer *= cnp.PyArray_DIM(x, d)
    for d in range(axis + 1, ndim):
        r.inner *= cnp.PyArray_DIM(x, d)
    if 1 < r.inner < SOFTMAX_COLUMNS:
        z = None if z is None else np.moveaxis(z, axis, -1)
        out = along_rows(name, np.moveaxis(x, axis, -1), z, ndim - 1, row32, row64, column32, column64)
        return contiguous(np.moveaxis(out, -1, axis))
    x = contiguous(x)
    out = empty_like(x)
    if cnp.PyArray_SIZE(x) == 0:
        return out
    r.count = cnp.PyArray_DIM(x, axis)
    r.row = <Row> (row32 if t == cnp.NPY_FLOAT else row64)
    r.column = <Column> (column32 if t == cnp.NPY_FLOAT else column64)
    r.x = r.z = <const char*> cnp.PyArray_DATA(x)
    if z is not None:
        z = contiguous(z)
        r.z = <const char*> cnp.PyArray_DATA(z)
    r.out = <char*> cnp.PyArray_DATA(out)
    r.size = cnp.PyArray_ITEMSIZE(x)
    with nogil:
        run_rows(&r)
    return out


# What rows are made of

cdef floating row_max(const floating* x, Py_ssize_t n) noexcept nogil:
    cdef floating v[ROW_TILE]
    cdef Py_ssize_t i = 0, j
    for j in range(ROW_TILE):
        v[j] = x[0]
    while i + ROW_TILE <= n:
        for j in range(ROW_TILE):
            v[j] = larger(v[j], x[i + j])
        i += ROW_TILE
    for j in range(n - i):
        v[j] = larger(v[j], x[i + j])
    for j in range(16):
        v[j] = larger(v[j], v[j + 16])
    for j in range(8):
        v[j] = larger(v[j], v[j + 8])
    return larger(larger(larger(v[0], v[4]), larger(v[2], v[6])), larger(larger(v[1], v[5]), larger(v[3], v[7])))


cdef inline void exp_tile(const floating* x, floating* y, floating* lanes, floating m) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(ROW_TILE):
        y[j] = exp_neg(x[j] - m)
        lanes[j] += y[j]


cdef double row_exp(const floating* x, floating* y, Py_ssize_t n, floating m) noexcept nogil:
    """y = exp(x - m), or only its sum, returned, if y is NULL."""
    cdef floating lanes[ROW_TILE]
    cdef floating tile[ROW_TILE]
    cdef floating end[ROW_TILE]
    cdef Py_ssize_t i = 0, stop
    cdef double total = 0
    while i < n:
        memset(lanes, 0, sizeof(lanes))
        stop = min(i + SUM_TILES * ROW_TILE, n)
        while i + ROW_TILE <= stop:
            exp_tile(x + i, y + i if y else tile, lanes, m)
            i += ROW_TILE
        if i < stop:
            load_tail(x + i, end, stop - i, <floating> -cmath.INFINITY)
            exp_tile(end, tile, lanes, m)
            if y:
                memcpy(y + i, tile, (stop - i) * sizeof(floating))
            i = stop
        total += fold_lanes(lanes)
    return total


cdef double row_dot(const floating* x, const floating* y, Py_ssize_t n) noexcept nogil:
    """sum(x * y), or sum(x) if y is NULL."""
    cdef floating lanes[ROW_TILE]
    cdef Py_ssize_t i = 0, j, stop
    cdef double total = 0
    while i < n:
        memset(lanes, 0, sizeof(lanes))
        stop = min(i + SUM_TILES * ROW_TILE, n)
        while i + ROW_TILE <= stop:
            if y:
                for j in range(ROW_TILE):
                    lanes[j] += x[i + j] * y[i + j]
            else:
                for j in range(ROW_TILE):
                    lanes[j] += x[i + j]
            i += ROW_TILE
        for j in range(stop - i):
            lanes[j] += x[i + j] * y[i + j] if y else x[i + j]
        i = stop
        total += fold_lanes(lanes)
    return total


# Softmax: y = exp(x - max(x)) / sum(exp(x - max(x)))

cdef void softmax_row(const floating* x, const floating* z, floating* y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating total = <floating> row_exp(x, y, n, row_max(x, n))
    for i in range(n):
        y[i] = y[i] / total


cdef void column_max(const floating* x, floating* m, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef floating v
    for j in range(SOFTMAX_COLUMNS):
        m[j] = x[j]
    for i in range(1, n):
        for j in range(SOFTMAX_COLUMNS):
            v = x[i * stride + j]
            m[j] = v if (v > m[j]) | (v != v) else m[j]


cdef void softmax_column(const floating* x, const floating* z, floating* y, Py_ssize_t n,
                         Py_ssize_t stride) noexcept nogil:
    cdef floating m[SOFTMAX_COLUMNS]
    cdef floating e[SOFTMAX_COLUMNS]
    cdef double total[SOFTMAX_COLUMNS]
    cdef Py_ssize_t i, j
    memset(total, 0, sizeof(total))
    column_max(x, m, n, stride)
    for i in range(n):
        for j in range(SOFTMAX_COLUMNS):
            e[j] = exp_neg(x[i * stride + j] - m[j])
            total[j] += e[j]
        memcpy(y + i * stride, e, sizeof(e))
    for j in range(SOFTMAX_COLUMNS):
        m[j] = <floating> total[j]
    for i in range(n):
        for j in range(SOFTMAX_COLUMNS):
            y[i * stride + j] = y[i * stride + j] / m[j]


cdef void softmax_backward_row(const floating* y, const floating* dy, floating* dx, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating dot = <floating> row_dot(y, dy, n)
    for i in range(n):
        dx[i] = y[i] * (dy[i] - dot)


cdef void softmax_backward_column(const floating* y, const floating* dy, floating* dx, Py_ssize_t n,
                                  Py_ssize_t stride) noexcept nogil:
    cdef floating dot[SOFTMAX_COLUMNS]
    cdef double total[SOFTMAX_COLUMNS]
    cdef Py_ssize_t i, j
    memset(total, 0, sizeof(total))
    for i in range(n):
        for j in range(SOFTMAX_COLUMNS):
            total[j] += <double> y[i * stride + j] * dy[i * stride + j]
    for j in range(SOFTMAX_COLUMNS):
        dot[j] = <floating> total[j]
    for i in range(n):
        for j in range(SOFTMAX_COLUMNS):
            dx[i * stride + j] = y[i * stride + j] * (dy[i * stride + j] - dot[j])


def softmax(x, int axis):
    """exp(x) / sum(exp(x)) along ``axis``."""
    return along_rows("softmax", x, None, axis, <void*> softmax_row[float], <void*> softmax_row[double],
                      <void*> softmax_column[float], <void*> softmax_column[double])


def softmax_backward(y, dy, int axis):
    """y * (dy - sum(y * dy)) along ``axis``."""
    return along_rows("softmax_backward", y, dy, axis, <void*> softmax_backward_row[float],
                      <void*> softmax_backward_row[double], <void*> softmax_backward_column[float],
                      <void*> softmax_backward_column[double])


# Log-softmax: y = x - max(x) - log(sum(exp(x - max(x))))

cdef void log_softmax_row(const floating* x, const floating* z, floating* y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating m = row_max(x, n), shift = <floating> cmath.log(row_exp[floating](x, NULL, n, m))
    for i in range(n):
        y[i] = (x[i] - m) - shift


cdef void log_softmax_column(const floating* x, const floating* z, floating* y, Py_ssize_t n,
                             Py_ssize_t stride) noexcept nogil:
    cdef floating m[SOFTMAX_COLUMNS]
    cdef floating shift[SOFTMAX_COLUMNS]
    cdef double total[SOFTMAX_COLUMNS]
    cdef Py_ssize_t i, j
    memset(total, 0, sizeof(total))
    column_max(x, m, n, stride)
    for i in range(n):
        for j in range(SOFTMAX_COLUMNS):
            total[j] += exp_neg(x[i * stride + j] - m[j])
    for j in range(SOFTMAX_COLUMNS):
        shift[j] = <floating> log_(total[j])
    for i in range(n):
        for j in range(SOFTMAX_COLUMNS):
            y[i * stride + j] = (x[i * stride + j] - m[j]) - shift[j]


cdef inline void subtract_exp_tile(const floating* y, const floating* dy, floating* dx, floating total) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(ROW_TILE):
        dx[j] = dy[j] - exp_neg(y[j]) * total


cdef void log_softmax_backward_row(const floating* y, const floating* dy, floating* dx, Py_ssize_t n) noexcept nogil:
    cdef floating y_end[ROW_TILE]
    cdef floating dy_end[ROW_TILE]
    cdef floating dx_end[ROW_TILE]
    cdef floating total = <floating> row_dot[floating](dy, NULL, n)
    cdef Py_ssize_t i = 0
    while i + ROW_TILE <= n:
        subtract_exp_tile(y + i, dy + i, dx + i, total)
        i += ROW_TILE
    if i < n:
        load_tail(y + i, y_end, n - i, <floating> 0)
        load_tail(dy + i, dy_end, n - i, <floating> 0)
        subtract_exp_tile(y_end, dy_end, dx_end, total)
        memcpy(dx + i, dx_end, (n - i) * sizeof(floating))


cdef void log_softmax_backward_column(const floating* y, const floating* dy, floating* dx, Py_ssize_t n,
                                      Py_ssize_t stride) noexcept nogil:
    cdef floating dot[SOFTMAX_COLUMNS]
    cdef double total[SOFTMAX_COLUMNS]
    cdef Py_ssize_t i, j
    memset(total, 0, sizeof(total))
    for i in range(n):
        for j in range(SOFTMAX_COLUMNS):
            total[j] += dy[i * stride + j]
    for j in range(SOFTMAX_COLUMNS):
        dot[j] = <floating> total[j]
    for i in range(n):
        for j in range(SOFTMAX_COLUMNS):
            dx[i * stride + j] = dy[i * stride + j] - exp_neg(y[i * stride + j]) * dot[j]


def log_softmax(x, int axis):
    """x - log(sum(exp(x))) along ``axis``."""
    return along_rows("log_softmax", x, None, axis, <void*> log_softmax_row[float], <void*> log_softmax_row[double],
                      <void*> log_softmax_column[float], <void*> log_softmax_column[double])


def log_softmax_backward(y, dy, int axis):
    """dy - exp(y) * sum(dy) along ``axis``."""
    return along_rows("log_softmax_backward", y, dy, axis, <void*> log_softmax_backward_row[float],
                      <void*> log_softmax_backward_row[double], <void*> log_softmax_backward_column[float],
                      <void*> log_softmax_backward_column[double])
