# Softmax along any axis, and what it shares with log-softmax.
#
# Along the last axis a kernel works on one row, the end of the row going through the same vector code as the rest. Along
# another axis it works on SOFTMAX_COLUMNS adjacent columns, a lane each. Where rows are short, or columns few, several
# are laid side by side in a tile first, and that is what the column kernel gets. Long sums are carried on in double.

cdef enum:
    SUM_TILES = 32              # tiles added up before going to double
    SOFTMAX_COLUMNS = 32
    SOFTMAX_SHORT = 16          # rows up to this long are transposed into columns;
    SOFTMAX_LEAST = 8           # where several rows can go at once, only rows shorter than this
    ROWS_GRAIN = 16384
    STREAM_ROW = 16384          # bytes of a row: with its operands it stays in L1

ctypedef void (*Row)(const void* x, const void* z, void* out, Py_ssize_t n, bint readable) noexcept nogil
ctypedef void (*ManyRows)(const void* x, const void* z, void* out, Py_ssize_t rows, Py_ssize_t n) noexcept nogil
ctypedef void (*Column)(const void* x, const void* z, void* out, Py_ssize_t n, Py_ssize_t stride) noexcept nogil

cdef struct Rows:
    Row row
    ManyRows many               # of adjacent rows at once, or NULL; with the bits of ``row``
    Column column
    const char* x               # (outer, count, inner), as z (or NULL) and out
    const char* z
    char* out
    Py_ssize_t size             # bytes per element
    Py_ssize_t outer, count, inner
    Py_ssize_t together         # outer indices in a tile, or 0 where no tile is needed
    char* tiles                 # three for each thread, or its buffer of a row
    Py_ssize_t buffer           # bytes of that, or 0


cdef inline Py_ssize_t tile_size(const Rows* r) noexcept nogil:
    return r.count * SOFTMAX_COLUMNS * r.size


cdef inline void move_tile(floating* array, floating* tile, Py_ssize_t together, Py_ssize_t count, Py_ssize_t inner,
                           bint back) noexcept nogil:
    """``together`` (count, inner) arrays side by side in the rows of a tile, or back."""
    cdef Py_ssize_t o, c, i
    for o in range(together):
        for c in range(count):
            for i in range(inner):
                if back:
                    array[(o * count + c) * inner + i] = tile[c * SOFTMAX_COLUMNS + o * inner + i]
                else:
                    tile[c * SOFTMAX_COLUMNS + o * inner + i] = array[(o * count + c) * inner + i]


cdef void move_any(char* array, char* tile, Py_ssize_t together, const Rows* r, bint back) noexcept nogil:
    if r.size == 4 and r.inner == 1:
        move_tile(<float*> array, <float*> tile, together, r.count, 1, back)
    elif r.size == 4:
        move_tile(<float*> array, <float*> tile, together, r.count, r.inner, back)
    else:
        move_tile(<double*> array, <double*> tile, together, r.count, r.inner, back)


cdef void tiles_range(const Rows* r, Py_ssize_t lo, Py_ssize_t hi, int thread) noexcept nogil:
    cdef char* x = r.tiles + 3 * thread * tile_size(r)
    cdef char* z = x + tile_size(r)
    cdef char* out = z + tile_size(r)
    cdef Py_ssize_t index, together, at
    memset(x, 0, 2 * tile_size(r))
    for index in range(lo, hi):
        together = min(r.together, r.outer - index * r.together)
        at = index * r.together * r.count * r.inner * r.size
        move_any(<char*> r.x + at, x, together, r, False)
        if r.z != r.x:
            move_any(<char*> r.z + at, z, together, r, False)
        r.column(x, z, out, r.count, SOFTMAX_COLUMNS)
        move_any(r.out + at, out, together, r, True)


cdef void rows_range(const Rows* r, Py_ssize_t lo, Py_ssize_t hi, int thread) noexcept nogil:
    cdef Py_ssize_t tiles = r.inner // SOFTMAX_COLUMNS, index, at, whole
    if r.together:
        tiles_range(r, lo, hi, thread)
        return
    if r.many:
        at = lo * r.count * r.size
        r.many(r.x + at, r.z + at, r.out + at, hi - lo, r.count)
        return
    if r.inner == 1:
        whole = max(0, r.outer * r.count - ROW_TILE) // r.count
        for index in range(lo, hi):
            at = index * r.count * r.size
            r.row(r.x + at, r.z + at, r.out + at, r.count, index < whole)
        return
    for index in range(lo, hi):
        at = (index // tiles * r.count * r.inner + index % tiles * SOFTMAX_COLUMNS) * r.size
        r.column(r.x + at, r.z + at, r.out + at, r.count, r.inner)
        if index % tiles == tiles - 1 and r.inner % SOFTMAX_COLUMNS:
            # the last columns: a tile that overlaps the one just done, on the same thread
            at += r.inner % SOFTMAX_COLUMNS * r.size
            r.column(r.x + at, r.z + at, r.out + at, r.count, r.inner)


cdef void streamed_rows(const Rows* r, Py_ssize_t lo, Py_ssize_t hi, char* buffer) noexcept nogil:
    """``rows_range`` over rows of adjacent elements, their results past the caches: whole lines of them, which is why
    a row begins in the buffer where it does in its line of the result, and the rest of a line waits for the next row.
    The first line may be shared with another thread, so that it is written only in part."""
    cdef Py_ssize_t row = r.count * r.size, whole = max(0, r.outer * r.count - ROW_TILE) // r.count, index, lines
    cdef char* out = r.out + lo * row
    cdef Py_ssize_t start = <Py_ssize_t> (<size_t> out % LINE), end = start
    out -= start
    for index in range(lo, hi):
        r.row(r.x + index * row, r.z + index * row, buffer + end, r.count, index < whole)
        end += row
        lines = end // LINE * LINE
        if start and lines:
            memcpy(out + start, buffer + start, LINE - start)
            stream(out + LINE, buffer + LINE, lines - LINE)
            start = 0
        else:
            stream(out, buffer, lines)
        memcpy(buffer, buffer + lines, end - lines)
        end -= lines
        out += lines
    memcpy(out + start, buffer + start, end - start)
    streamed()


cdef inline void choose_rows(Rows* r, void* many32) noexcept nogil:
    """Many rows at a time, tiles of several, or one by one: the same choice in a plan, for the same bits."""
    r.together = 0
    r.many = NULL
    if INTERLEAVED and r.size == sizeof(float) and r.inner == 1 and r.count >= SOFTMAX_LEAST:
        r.many = <ManyRows> many32
    elif r.inner < SOFTMAX_COLUMNS and (r.inner > 1 or r.count <= SOFTMAX_SHORT):
        r.together = SOFTMAX_COLUMNS // r.inner


cdef inline Py_ssize_t row_items(const Rows* r) noexcept nogil:
    if r.together:
        return (r.outer + r.together - 1) // r.together
    return r.outer if r.inner == 1 else r.outer * (r.inner // SOFTMAX_COLUMNS)


cdef void run_rows(const Rows* r, Py_ssize_t items, int threads) noexcept nogil:
    cdef int t
    if r.buffer:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            streamed_rows(r, items * t // threads, items * (t + 1) // threads, r.tiles + t * r.buffer)
        return
    if threads <= 1:
        rows_range(r, 0, items, 0)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        rows_range(r, items * t // threads, items * (t + 1) // threads, t)


cdef cnp.ndarray along_rows(str name, cnp.ndarray x, cnp.ndarray z, int axis, void* row32, void* row64, void* column32,
                            void* column64, void* many32):
    """The row operation over ``axis`` of ``x`` and, unless it is None, ``z``; ``many32``: see ``Rows``."""
    cdef Rows r
    cdef int t = float_type(x), ndim = cnp.PyArray_NDIM(x), d, threads
    cdef cnp.ndarray out
    cdef Py_ssize_t items, work
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
    choose_rows(&r, many32)
    items = row_items(&r)
    threads = <int> min(items, threads_for(<double> r.outer * r.count * r.inner, ROWS_GRAIN))
    r.tiles = NULL
    r.buffer = work = 0
    if r.together:
        work = 3 * threads * tile_size(&r)
    elif r.inner == 1 and r.count * r.size <= STREAM_ROW and cnp.PyArray_NBYTES(out) >= STREAM_LEAST:
        r.buffer = (r.count * r.size + 2 * LINE - 1) // LINE * LINE
        work = threads * r.buffer
    if work:
        r.tiles = <char*> workspace(work)
        if r.tiles == NULL:
            raise MemoryError(f"{name}: cannot allocate {work} bytes")
    with nogil:
        run_rows(&r, items, threads)
        if r.tiles != NULL:
            release(r.tiles)
    return out


# What rows are made of

cdef inline const floating* tail_of(const floating* x, floating* end, Py_ssize_t n, bint readable) noexcept nogil:
    """The last ``n`` elements of a row, with a tile that may be read from there on."""
    if readable:
        return x
    load_tail(x, end, n, <floating> 0)
    return end


cdef inline void exp_tile(const floating* x, floating* y, floating* lanes, floating m, int n) noexcept nogil:
    """exp(x - m), the first n of which are added to the lanes."""
    cdef int j
    cdef floating e
    for j in range(ROW_TILE):
        e = exp_neg(x[j] - m)
        y[j] = e
        lanes[j] += e if j < n else <floating> 0


cdef inline double row_exp(const floating* x, floating* y, floating* last, Py_ssize_t n, floating m,
                           bint readable) noexcept nogil:
    """y = exp(x - m) for whole tiles, unless y is NULL; the rest goes to ``last``. Returns the sum."""
    cdef floating lanes[ROW_TILE]
    cdef floating tile[ROW_TILE]
    cdef floating end[ROW_TILE]
    cdef Py_ssize_t i = 0, stop
    cdef double total = 0
    while i < n:
        memset(lanes, 0, sizeof(lanes))
        stop = min(i + SUM_TILES * ROW_TILE, n)
        while i + ROW_TILE <= stop:
            exp_tile(x + i, y + i if y else tile, lanes, m, ROW_TILE)
            i += ROW_TILE
        if i < stop:
            exp_tile(tail_of(x + i, end, stop - i, readable), last, lanes, m, <int> (stop - i))
            i = stop
        total += fold_lanes(lanes)
    return total


cdef inline double row_dot(bint ones, const floating* x, const floating* y, Py_ssize_t n, bint readable) noexcept nogil:
    """sum(x * y), or sum(x) if y is ``ones``."""
    cdef floating lanes[ROW_TILE]
    cdef floating x_end[ROW_TILE]
    cdef floating y_end[ROW_TILE]
    cdef const floating* a
    cdef const floating* b
    cdef Py_ssize_t i = 0, stop
    cdef int j, rest
    cdef floating v
    cdef double total = 0
    while i < n:
        memset(lanes, 0, sizeof(lanes))
        stop = min(i + SUM_TILES * ROW_TILE, n)
        while i + ROW_TILE <= stop:
            for j in range(ROW_TILE):
                lanes[j] += x[i + j] if ones else x[i + j] * y[i + j]
            i += ROW_TILE
        if i < stop:
            rest = <int> (stop - i)
            a, b = tail_of(x + i, x_end, rest, readable), tail_of(y + i, y_end, rest, readable)
            for j in range(ROW_TILE):
                v = a[j] if ones else a[j] * b[j]
                lanes[j] += v if j < rest else <floating> 0
            i = stop
        total += fold_lanes(lanes)
    return total


# Softmax: y = exp(x - max(x)) / sum(exp(x - max(x)))

cdef void softmax_rows32(const float* x, const float* z, float* y, Py_ssize_t rows, Py_ssize_t n) noexcept nogil:
    softmax32(x, y, rows, n)


cdef void softmax_row(const floating* x, const floating* z, floating* y, Py_ssize_t n, bint readable) noexcept nogil:
    cdef floating last[ROW_TILE]
    cdef Py_ssize_t i, j, rest = n % ROW_TILE
    cdef floating m, total
    if floating is float:
        if INTERLEAVED:
            softmax32(x, y, 1, n)
            return
    m = row_extreme(False, x, n, readable)
    total = <floating> row_exp(x, y, last, n, m, readable)
    for i in range(n // ROW_TILE):
        for j in range(ROW_TILE):
            y[j] = y[j] / total
        y += ROW_TILE
    if rest:
        for j in range(ROW_TILE):
            last[j] = last[j] / total
        memcpy(y, last, rest * sizeof(floating))


cdef void column_max(const floating* x, floating* m, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
    cdef Py_ssize_t i, j
    for j in range(SOFTMAX_COLUMNS):
        m[j] = x[j]
    for i in range(1, n):
        for j in range(SOFTMAX_COLUMNS):
            m[j] = larger(m[j], x[i * stride + j])


cdef inline void add_part(double* total, double* part) noexcept nogil:
    """total += part, and part = 0: a chain of SUM_TILES rounds less than one as long as the column."""
    cdef Py_ssize_t j
    for j in range(SOFTMAX_COLUMNS):
        total[j] += part[j]
        part[j] = 0


cdef void softmax_column(const floating* x, const floating* z, floating* y, Py_ssize_t n,
                         Py_ssize_t stride) noexcept nogil:
    cdef floating m[SOFTMAX_COLUMNS]
    cdef floating e[SOFTMAX_COLUMNS]
    cdef double total[SOFTMAX_COLUMNS]
    cdef double part[SOFTMAX_COLUMNS]
    cdef Py_ssize_t i, j
    memset(total, 0, sizeof(total))
    memset(part, 0, sizeof(part))
    column_max(x, m, n, stride)
    for i in range(n):
        for j in range(SOFTMAX_COLUMNS):
            e[j] = exp_neg(x[i * stride + j] - m[j])
            part[j] += e[j]
        memcpy(y + i * stride, e, sizeof(e))
        if i % SUM_TILES == SUM_TILES - 1:
            add_part(total, part)
    add_part(total, part)
    for j in range(SOFTMAX_COLUMNS):
        m[j] = <floating> total[j]
    for i in range(n):
        for j in range(SOFTMAX_COLUMNS):
            y[i * stride + j] = y[i * stride + j] / m[j]


cdef inline void softmax_backward_tile(const floating* y, const floating* dy, floating* dx,
                                       floating dot) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(ROW_TILE):
        dx[j] = y[j] * (dy[j] - dot)


cdef void softmax_backward_rows32(const float* y, const float* dy, float* dx, Py_ssize_t rows,
                                  Py_ssize_t n) noexcept nogil:
    softmax_backward32(y, dy, dx, rows, n)


cdef void softmax_backward_row(const floating* y, const floating* dy, floating* dx, Py_ssize_t n,
                               bint readable) noexcept nogil:
    cdef floating y_end[ROW_TILE]
    cdef floating dy_end[ROW_TILE]
    cdef floating last[ROW_TILE]
    cdef Py_ssize_t i = 0
    cdef floating dot
    if floating is float:
        if INTERLEAVED:
            softmax_backward32(y, dy, dx, 1, n)
            return
    dot = <floating> row_dot(False, y, dy, n, readable)
    while i + ROW_TILE <= n:
        softmax_backward_tile(y + i, dy + i, dx + i, dot)
        i += ROW_TILE
    if i < n:
        softmax_backward_tile(tail_of(y + i, y_end, n - i, readable), tail_of(dy + i, dy_end, n - i, readable), last,
                              dot)
        memcpy(dx + i, last, (n - i) * sizeof(floating))


cdef void softmax_backward_column(const floating* y, const floating* dy, floating* dx, Py_ssize_t n,
                                  Py_ssize_t stride) noexcept nogil:
    cdef floating dot[SOFTMAX_COLUMNS]
    cdef double total[SOFTMAX_COLUMNS]
    cdef Py_ssize_t i, j
    cdef double part[SOFTMAX_COLUMNS]
    memset(total, 0, sizeof(total))
    memset(part, 0, sizeof(part))
    for i in range(n):
        for j in range(SOFTMAX_COLUMNS):
            part[j] += <double> y[i * stride + j] * dy[i * stride + j]
        if i % SUM_TILES == SUM_TILES - 1:
            add_part(total, part)
    add_part(total, part)
    for j in range(SOFTMAX_COLUMNS):
        dot[j] = <floating> total[j]
    for i in range(n):
        for j in range(SOFTMAX_COLUMNS):
            dx[i * stride + j] = y[i * stride + j] * (dy[i * stride + j] - dot[j])


def softmax(x, int axis):
    """exp(x) / sum(exp(x)) along ``axis``."""
    return along_rows("softmax", x, None, axis, <void*> softmax_row[float], <void*> softmax_row[double],
                      <void*> softmax_column[float], <void*> softmax_column[double], <void*> softmax_rows32)


def softmax_backward(y, dy, int axis):
    """y * (dy - sum(y * dy)) along ``axis``."""
    return along_rows("softmax_backward", y, dy, axis, <void*> softmax_backward_row[float],
                      <void*> softmax_backward_row[double], <void*> softmax_backward_column[float],
                      <void*> softmax_backward_column[double], <void*> softmax_backward_rows32)
