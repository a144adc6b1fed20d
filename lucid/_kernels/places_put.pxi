# What is written to places, or combined with what they hold.

cdef enum:
    PUT_WRITE = 0
    PUT_SUM = 1
    PUT_PROD = 2
    PUT_AMAX = 3
    PUT_AMIN = 4

cdef dict WAYS = {"write": PUT_WRITE, "sum": PUT_SUM, "prod": PUT_PROD, "amax": PUT_AMAX, "amin": PUT_AMIN}

# Written

cdef void put_row(const Walk* w, char* y, const int64_t* index, const item* x, Py_ssize_t n, bint plain) noexcept nogil:
    """A row of places in range; ``plain`` ones do not count from the end, and they and their elements lie side by side."""
    cdef Py_ssize_t i, place, size = sizeof(item), along = w.along, wrap = w.wrap, step = w.index_step[w.ndim - 1]
    cdef Py_ssize_t y_step = w.x_step[w.ndim - 1], x_step = w.beside_step[w.ndim - 1]
    if plain and y_step == 0 and along == size:
        for i in range(n):
            memcpy(y + <Py_ssize_t> index[i] * size, &x[i], sizeof(item))
        return
    if plain:
        for i in range(n):
            memcpy(y + <Py_ssize_t> index[i] * along + i * y_step, &x[i], sizeof(item))
        return
    for i in range(n):
        place = <Py_ssize_t> index[i * step]
        memcpy(y + (place + ((place >> 63) & wrap)) * along + i * y_step, <const char*> x + i * x_step, sizeof(item))


cdef bint put_items(const Walk* w, char* y, const int64_t* index, const item* x, Py_ssize_t rows,
                    Py_ssize_t columns) noexcept nogil:
    cdef Py_ssize_t r, next = w.index_step[w.ndim - 2]
    cdef bint beside = w.index_step[w.ndim - 1] == 1 and w.beside_step[w.ndim - 1] == w.size, plain = False
    cdef int judged
    for r in range(rows):
        if r == 0 or next:
            judged = judge(w, index, columns)
            if judged < 0:
                return False
            plain = beside and judged == 0
        put_row(w, y, index, x, columns, plain)
        y += w.x_step[w.ndim - 2]
        x = <const item*> (<const char*> x + w.beside_step[w.ndim - 2])
        index += next
    return True


cdef bint put_runs(const Walk* w, char* y, const int64_t* index, const char* x, Py_ssize_t rows,
                   Py_ssize_t columns) noexcept nogil:
    cdef Py_ssize_t r, place
    for r in range(rows):
        place = place_of(w, index[0])
        if place < 0:
            return False
        if w.beside_step[w.ndim - 1]:
            memcpy(y + place * w.along, x, columns * w.size)
        else:
            fill(y + place * w.along, x, w.size, columns)
        y += w.x_step[w.ndim - 2]
        x += w.beside_step[w.ndim - 2]
        index += w.index_step[w.ndim - 2]
    return True


# Combined

cdef inline floating combined(floating y, floating x, int way) noexcept nogil:
    """NaN comes through; of equal numbers ``x`` does."""
    cdef floating chosen
    if way == PUT_SUM:
        return y + x
    if way == PUT_PROD:
        return y * x
    if way == PUT_AMAX:
        chosen = y if y > x else x
    else:
        chosen = y if y < x else x
    return chosen if y == y else y      # apart from the choice, which is at random: a branch would be mispredicted


cdef inline void combine_row(const Walk* w, char* y, const int64_t* index, const floating* x, Py_ssize_t n, bint plain,
                             int way) noexcept nogil:
    """A row of places in range; ``plain`` ones do not count from the end, and they and their elements lie side by side."""
    cdef Py_ssize_t i, place, along = w.along, wrap = w.wrap, step = w.index_step[w.ndim - 1]
    cdef Py_ssize_t y_step = w.x_step[w.ndim - 1], x_step = w.beside_step[w.ndim - 1]
    cdef floating* at = <floating*> y
    if plain and y_step == 0 and along == <Py_ssize_t> sizeof(floating):
        for i in range(n):
            at[index[i]] = combined(at[index[i]], x[i], way)
        return
    if plain:
        for i in range(n):
            at = <floating*> (y + <Py_ssize_t> index[i] * along + i * y_step)
            at[0] = combined(at[0], x[i], way)
        return
    for i in range(n):
        place = <Py_ssize_t> index[i * step]
        at = <floating*> (y + (place + ((place >> 63) & wrap)) * along + i * y_step)
        at[0] = combined(at[0], (<const floating*> (<const char*> x + i * x_step))[0], way)


cdef inline void combine_run(floating* y, const floating* x, Py_ssize_t n, int way) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = combined(y[i], x[i], way)


cdef bint combine_items(const Walk* w, char* y, const int64_t* index, const floating* x, Py_ssize_t rows,
                        Py_ssize_t columns) noexcept nogil:
    cdef Py_ssize_t r, next = w.index_step[w.ndim - 2]
    cdef bint beside = w.index_step[w.ndim - 1] == 1 and w.beside_step[w.ndim - 1] == w.size, plain = False
    cdef int judged
    for r in range(rows):
        if r == 0 or next:
            judged = judge(w, index, columns)
            if judged < 0:
                return False
            plain = beside and judged == 0
        if w.way == PUT_SUM:
            combine_row(w, y, index, x, columns, plain, PUT_SUM)
        elif w.way == PUT_PROD:
            combine_row(w, y, index, x, columns, plain, PUT_PROD)
        elif w.way == PUT_AMAX:
            combine_row(w, y, index, x, columns, plain, PUT_AMAX)
        else:
            combine_row(w, y, index, x, columns, plain, PUT_AMIN)
        y += w.x_step[w.ndim - 2]
        x = <const floating*> (<const char*> x + w.beside_step[w.ndim - 2])
        index += next
    return True


cdef bint combine_runs(const Walk* w, char* y, const int64_t* index, const floating* x, Py_ssize_t rows,
                       Py_ssize_t columns) noexcept nogil:
    cdef Py_ssize_t r, place
    cdef floating* at
    for r in range(rows):
        place = place_of(w, index[0])
        if place < 0:
            return False
        at = <floating*> (y + place * w.along)
        if w.way == PUT_SUM:
            combine_run(at, x, columns, PUT_SUM)
        elif w.way == PUT_PROD:
            combine_run(at, x, columns, PUT_PROD)
        elif w.way == PUT_AMAX:
            combine_run(at, x, columns, PUT_AMAX)
        else:
            combine_run(at, x, columns, PUT_AMIN)
        y += w.x_step[w.ndim - 2]
        x = <const floating*> (<const char*> x + w.beside_step[w.ndim - 2])
        index += w.index_step[w.ndim - 2]
    return True


cdef Visit put_visit(const Walk* w, int t) noexcept nogil:
    cdef bint runs = in_runs(w, w.size)
    if w.way != PUT_WRITE:
        if t == cnp.NPY_FLOAT:
            return <Visit> combine_runs[float] if runs else <Visit> combine_items[float]
        return <Visit> combine_runs[double] if runs else <Visit> combine_items[double]
    if runs or (w.size <= 8 and in_runs(w, 0)):
        return <Visit> put_runs
    if w.size == 4:
        return <Visit> put_items[uint32_t]
    if w.size == 8:
        return <Visit> put_items[uint64_t]
    if w.size == 2:
        return <Visit> put_items[uint16_t]
    return <Visit> put_items[Pair] if w.size == 16 else <Visit> put_items[uint8_t]


cdef int put(str name, cnp.ndarray y, cnp.ndarray index, cnp.ndarray x, int axis, str way, bint slices) except -1:
    cdef cnp.npy_intp shape[MAX_DIMS]
    cdef Walk w
    cdef Visit visit
    cdef Py_ssize_t n = 1
    cdef int d, ndim
    cdef bint ok, fits
    check_items(name, y)
    check_items(name, x)
    check_index_type(name, index)
    if way not in WAYS:
        raise ValueError(f"{name}: expected one of {', '.join(WAYS)}, got {way!r}")
    w.way = WAYS[way]
    if w.way != PUT_WRITE:
        float_type(y)
    if not fits_places(y, index, axis, slices):
        raise ValueError(f"{name}: index {np.shape(index)} does not fit y {np.shape(y)} along axis {axis}")
    if x.dtype != y.dtype or not cnp.PyArray_ISCARRAY(y):
        raise TypeError(f"{name}: expected y contiguous, writable and of the dtype of x, {x.dtype}, got {y.dtype}")
    if np.may_share_memory(y, index):       # places are looked at before others are written
        raise ValueError(f"{name}: y and index share memory")
    index = index_for(index, slices)
    ndim = taken_shape(y, index, axis, slices, shape)
    fits = ndim == cnp.PyArray_NDIM(x)
    for d in range(ndim):
        fits = fits and cnp.PyArray_DIM(x, d) == shape[d]
        n *= shape[d]
    if not fits and cnp.PyArray_NDIM(x):
        raise ValueError(f"{name}: x {np.shape(x)} does not fit index {np.shape(index)} of y {np.shape(y)}")
    x = contiguous(x) if slices and cnp.PyArray_NDIM(index) != 1 else walkable(x)
    ok = n == 0 or cnp.PyArray_DIM(y, axis) > 0
    if n and ok:
        plan_walk(&w, y, x, index, axis, slices)
        visit = put_visit(&w, cnp.PyArray_TYPE(y))
        with nogil:
            ok = run_walk(&w, visit, False)
    if n == 0 or not ok:
        refuse_places(name, index, cnp.PyArray_DIM(y, axis), slices)
    return 0


# What Python calls

def scatter_into(y, index, x, int axis, str way) -> None:
    """Write x to y[index[i, j, ...], j, ...], or combine it with what is there: "sum", "prod", "amax", "amin".

    x has the shape of ``index``, or is one element.
    """
    put("scatter_into", y, index, x, axis, way, False)


def index_into(y, index, x, int axis, str way) -> None:
    """Write x, or one element, to the slices of y at ``index``, or combine them with it; negative places count from the end."""
    put("index_into", y, index, x, axis, way, True)


# Sums of what goes to each place

cdef void run_zeros(char* y, Py_ssize_t n) noexcept nogil:
    cdef int t, threads = threads_for(n / 4, MAP_GRAIN)
    if threads == 1:
        memset(y, 0, n)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        memset(y + n * t // threads, 0, n * (t + 1) // threads - n * t // threads)


cdef void run_sum(const floating* x, floating* y, Py_ssize_t n) noexcept nogil:
    """y += x."""
    cdef int t, threads = threads_for(n, MAP_GRAIN)
    if threads == 1:
        add_table_row(x, y, n)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        add_table_row(x + n * t // threads, y + n * t // threads, n * (t + 1) // threads - n * t // threads)


def zeros(tuple shape, cnp.dtype dtype) -> np.ndarray:
    """A new C-contiguous array of zeros, of any numeric dtype."""
    cdef cnp.ndarray y
    cdef char* data
    cdef Py_ssize_t n
    if dtype.hasobject:
        raise TypeError(f"zeros: expected a numeric dtype, got {dtype}")
    y = allocate(shape, dtype)
    data, n = <char*> cnp.PyArray_DATA(y), cnp.PyArray_NBYTES(y)
    if n < POOL_MIN:
        memset(data, 0, n)
    else:
        with nogil:
            run_zeros(data, n)
    return y


def scatter_sums(x, index, tuple shape, int axis, cnp.ndarray more=None):
    """Zeros of ``shape`` with x added, in order, at index[i, j, ...] in the place of coordinate ``axis``; plus ``more``."""
    cdef cnp.ndarray y = zeros(shape, x.dtype)
    cdef void* out = cnp.PyArray_DATA(y)
    cdef const void* own
    put("scatter_sums", y, index, x, axis, "sum", False)
    if more is not None:
        if np.shape(more) != shape or more.dtype != y.dtype:
            raise ValueError(f"scatter_sums: expected {y.dtype} {shape} to add to, got {more.dtype} {np.shape(more)}")
        more = contiguous(more)
        own = cnp.PyArray_DATA(more)
        with nogil:
            if cnp.PyArray_TYPE(y) == cnp.NPY_FLOAT:
                run_sum(<const float*> own, <float*> out, cnp.PyArray_SIZE(y))
            else:
                run_sum(<const double*> own, <double*> out, cnp.PyArray_SIZE(y))
    return y
