# Arrays of any strides copied into one another: permuted, reversed, repeated, into a part of a larger one.

cdef enum:
    COPY_TILE = 32              # rows and columns that are transposed at a time
    TRANSPOSED = 128            # rows where registers do it
    COPY_GRAIN = 65536          # bytes


cdef struct Copy:
    # ``rows`` runs of ``inner`` elements and the axes around them. An element of y follows its neighbour along ``inner``.
    const char* x
    char* y
    Py_ssize_t size             # bytes per element
    int ndim                    # of the axes around them
    Py_ssize_t shape[MAX_DIMS]
    Py_ssize_t x_stride[MAX_DIMS]
    Py_ssize_t y_stride[MAX_DIMS]       # all in bytes
    Py_ssize_t rows, x_row, y_row
    Py_ssize_t inner, x_step, y_step


cdef inline void copy_run(const char* x, char* y, Py_ssize_t n, Py_ssize_t x_step, Py_ssize_t y_step,
                          moved like) noexcept nogil:
    cdef Py_ssize_t i
    if y_step != <Py_ssize_t> sizeof(moved):
        for i in range(n):
            (<moved*> (y + i * y_step))[0] = (<const moved*> (x + i * x_step))[0]
    elif x_step == -<Py_ssize_t> sizeof(moved):
        for i in range(n):
            (<moved*> y)[i] = (<const moved*> x)[-i]
    elif x_step == 2 * <Py_ssize_t> sizeof(moved):
        for i in range(n):
            (<moved*> y)[i] = (<const moved*> x)[2 * i]
    else:
        for i in range(n):
            (<moved*> y)[i] = (<const moved*> (x + i * x_step))[0]


cdef inline void interleave(const moved* x, Py_ssize_t x_step, moved* y, Py_ssize_t rows) noexcept nogil:
    """y[2 * r + i] = x[r + i * x_step]."""
    cdef Py_ssize_t r
    cdef const moved* z = x + x_step
    for r in range(rows):
        y[2 * r] = x[r]
        y[2 * r + 1] = z[r]


cdef void transpose_moved(const Copy* c, const char* x, char* y, Py_ssize_t rows, moved like) noexcept nogil:
    """``rows`` rows of y, which are columns of x, by tiles that stay in the cache."""
    cdef Py_ssize_t size = sizeof(moved), r, i, lo, hi, row = 0, n = c.x_step // size, y_row = c.y_row // size
    if c.inner == 2 and y_row == 2:
        interleave(<const moved*> x, n, <moved*> y, rows)
        return
    if moved is uint32_t and c.x_step % size == 0 and c.y_row % size == 0:
        while row < rows:
            transpose(<const float*> x + row, n, c.inner, min(rows - row, <Py_ssize_t> TRANSPOSED), <float*> y + row * y_row,
                      y_row)
            row += TRANSPOSED
    while row < rows:
        hi, lo = min(row + COPY_TILE, rows), 0
        while lo < c.inner:
            for r in range(row, hi):
                for i in range(lo, min(lo + COPY_TILE, c.inner)):
                    (<moved*> (y + r * c.y_row))[i] = (<const moved*> (x + i * c.x_step))[r]
            lo += COPY_TILE
        row = hi


cdef void copy_rows(const Copy* c, const char* x, char* y, Py_ssize_t rows, moved like) noexcept nogil:
    cdef Py_ssize_t size = sizeof(moved), r
    if c.x_step == size and c.y_step == size:
        for r in range(rows):
            copy_line(y + r * c.y_row, x + r * c.x_row, c.inner * size)
    elif c.x_step == 0 and c.y_step == size:
        for r in range(rows):
            fill(y + r * c.y_row, x + r * c.x_row, size, c.inner)
    elif c.x_row == size and c.y_step == size:
        transpose_moved(c, x, y, rows, like)
    else:
        for r in range(rows):
            copy_run(x + r * c.x_row, y + r * c.y_row, c.inner, c.x_step, c.y_step, like)


cdef void copy_range(const Copy* c, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Rows lo to hi of all, those of one plane at a time."""
    cdef Py_ssize_t row, rest, at, n
    cdef const char* x
    cdef char* y
    cdef int d
    while lo < hi:
        rest, row = lo // c.rows, lo % c.rows
        n = min(c.rows - row, hi - lo)
        x, y = c.x + row * c.x_row, c.y + row * c.y_row
        for d in range(c.ndim - 1, -1, -1):
            at, rest = rest % c.shape[d], rest // c.shape[d]
            x += at * c.x_stride[d]
            y += at * c.y_stride[d]
        if c.size == 4:
            copy_rows(c, x, y, n, <uint32_t> 0)
        elif c.size == 8:
            copy_rows(c, x, y, n, <uint64_t> 0)
        elif c.size == 2:
            copy_rows(c, x, y, n, <uint16_t> 0)
        else:
            copy_rows(c, x, y, n, <uint8_t> 0)
        lo += n


cdef void copy_strided(const Copy* c) noexcept nogil:
    cdef Py_ssize_t rows = c.rows, bytes
    cdef int d, t, threads
    for d in range(c.ndim):
        rows *= c.shape[d]
    bytes = rows * c.inner * c.size
    if rows == 1 and c.x_step == c.size and c.y_step == c.size:
        threads = threads_for(bytes, COPY_GRAIN)
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            copy_line(c.y + bytes * t // threads, c.x + bytes * t // threads, bytes * (t + 1) // threads - bytes * t // threads)
        return
    # other ways than along rows take twice as long
    threads = <int> min(threads_for(bytes if c.x_step == c.size else 2.0 * bytes, COPY_GRAIN), rows)
    if threads <= 1:
        copy_range(c, 0, rows)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        copy_range(c, rows * t // threads, rows * (t + 1) // threads)


cdef inline Py_ssize_t distance(Py_ssize_t stride) noexcept nogil:
    return -stride if stride < 0 else stride


cdef void take_axis(Copy* c, int d, Py_ssize_t* n, Py_ssize_t* x_stride, Py_ssize_t* y_stride) noexcept nogil:
    """Remove axis ``d`` from those around."""
    n[0], x_stride[0], y_stride[0] = c.shape[d], c.x_stride[d], c.y_stride[d]
    c.ndim -= 1
    for d in range(d, c.ndim):
        c.shape[d], c.x_stride[d], c.y_stride[d] = c.shape[d + 1], c.x_stride[d + 1], c.y_stride[d + 1]


cdef void plan_copy(Copy* c, cnp.ndarray x, cnp.ndarray y) noexcept:
    """Merge axes that are one; the innermost axis of y are runs, and that of x, or else the next of y, rows."""
    cdef Py_ssize_t n, a, b
    cdef int d, last, rows
    c.x, c.y, c.size = <const char*> cnp.PyArray_DATA(x), <char*> cnp.PyArray_DATA(y), cnp.PyArray_ITEMSIZE(x)
    c.ndim = 0
    for d in range(cnp.PyArray_NDIM(x)):
        n, a, b = cnp.PyArray_DIM(x, d), cnp.PyArray_STRIDE(x, d), cnp.PyArray_STRIDE(y, d)
        if n == 1:
            continue
        last = c.ndim - 1
        if c.ndim and c.x_stride[last] == a * n and c.y_stride[last] == b * n:
            c.shape[last] *= n
            c.x_stride[last], c.y_stride[last] = a, b
        else:
            c.shape[c.ndim], c.x_stride[c.ndim], c.y_stride[c.ndim] = n, a, b
            c.ndim += 1
    c.rows, c.x_row, c.y_row, c.inner, c.x_step, c.y_step = 1, 0, 0, 1, c.size, c.size
    if c.ndim:
        last = 0
        for d in range(c.ndim):
            if distance(c.y_stride[d]) <= distance(c.y_stride[last]):
                last = d
        take_axis(c, last, &c.inner, &c.x_step, &c.y_step)
    if c.ndim:
        rows = c.ndim - 1
        for d in range(c.ndim):
            if c.x_stride[d] == c.size and c.x_step != c.size:
                rows = d
        take_axis(c, rows, &c.rows, &c.x_row, &c.y_row)


cdef bint can_copy(cnp.ndarray x) noexcept:
    """Numbers of a size that kernels move, in this machine's byte order, where they should be."""
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(x)
    if not cnp.PyArray_ISBEHAVED_RO(x) or not (size == 1 or size == 2 or size == 4 or size == 8):
        return False
    return cnp.PyArray_ISINTEGER(x) or cnp.PyArray_ISFLOAT(x) or cnp.PyArray_ISBOOL(x)


def copy_into(y, x) -> bool:
    """y[...] = x for arrays of one shape and dtype that share no memory, of any strides; False where NumPy must do it."""
    cdef cnp.ndarray a = x, b = y
    cdef Copy c
    if not cnp.PyArray_SAMESHAPE(a, b) or cnp.PyArray_TYPE(a) != cnp.PyArray_TYPE(b):
        raise ValueError(f"copy_into: {x.dtype} {np.shape(x)} into {y.dtype} {np.shape(y)}")
    if not cnp.PyArray_ISWRITEABLE(b):
        raise ValueError("copy_into: the destination cannot be written")
    if not can_copy(a) or not cnp.PyArray_ISBEHAVED_RO(b):
        return False
    if cnp.PyArray_SIZE(a) == 0:
        return True
    plan_copy(&c, a, b)
    if cnp.PyArray_SIZE(a) < 2 * MAP_GRAIN:
        copy_strided(&c)
    else:
        with nogil:
            copy_strided(&c)
    return True


def copied(x):
    """A contiguous copy of an array of any strides."""
    cdef cnp.ndarray a = x
    if not can_copy(a):
        return np.array(x, order="C")
    y = empty_items(cnp.PyArray_NDIM(a), cnp.PyArray_DIMS(a), cnp.PyArray_TYPE(a), cnp.PyArray_ITEMSIZE(a))
    copy_into(y, x)
    return y
