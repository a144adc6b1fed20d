# Reductions over any set of axes.
#
# Adjacent axes that are all reduced, or all kept, are one, and the groups to reduce are taken one at a time: each is a
# stage over a contiguous (outer, count, inner) array. A stage cuts ``count`` into blocks whose size depends on count
# and inner alone, reduces each block in a fixed set of lanes, sums and products in double, and folds the blocks as a
# binary tree. The order of the operations, and so every bit, is the same for any number of threads.

cdef enum:
    REDUCE_LANES = 256          # lanes shared by columns fewer than this
    REDUCE_COLUMNS = 1024       # columns taken together
    REDUCE_BLOCK = 32768        # elements in a block of a row
    REDUCE_ROWS = 65536         # elements in a block of rows: blocks are added up by one thread
    REDUCE_GRAIN = 16384
    FINISH_GRAIN = 65536


cdef struct Stage:
    Kind kind
    bint single                 # x is float32
    const char* x
    const char* z               # a second operand like x, for the kinds that read one
    Py_ssize_t size             # bytes per element of x
    const double* center        # (outer, inner), or NULL
    char* out                   # (outer, blocks, inner)
    Py_ssize_t out_size         # bytes per element of it: double, but for extremes, which keep the dtype of x
    Py_ssize_t outer, count, inner
    Py_ssize_t group            # rows side by side in the lanes: a power of two
    Py_ssize_t columns, chunks  # the inner axis in chunks of ``columns``
    Py_ssize_t rows, blocks     # the reduced axis in blocks of ``rows``


cdef void reduce_rows(const Stage* s, floating dtype, Py_ssize_t row, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t at,
                      char* out) noexcept nogil:
    """``rows`` rows of ``n`` adjacent elements from element ``at`` on; the first has the center ``row``."""
    cdef const floating* x = <const floating*> s.x + at
    cdef const floating* z = <const floating*> s.z + at
    cdef const double* center = s.center + row if s.center else NULL
    cdef Py_ssize_t whole = max(0, s.outer * s.count - at - ROW_TILE) // n
    if s.kind == SUM:
        row_sums(SUM, x, z, <double*> out, rows, n, whole, center)
    elif s.kind == SQUARES:
        row_sums(SQUARES, x, z, <double*> out, rows, n, whole, center)
    elif s.kind == DEVIATIONS:
        row_sums(DEVIATIONS, x, z, <double*> out, rows, n, whole, center)
    elif s.kind == PRODUCTS:
        row_sums(PRODUCTS, x, z, <double*> out, rows, n, whole, center)
    elif s.kind == EXPS:
        row_sums(EXPS, x, z, <double*> out, rows, n, whole, center)
    elif s.kind == PROD:
        row_prods(x, <double*> out, rows, n, whole)
    elif s.kind == AMAX:
        row_extremes(False, x, <floating*> out, rows, n, whole)
    else:
        row_extremes(True, x, <floating*> out, rows, n, whole)


cdef void reduce_columns(Kind kind, const floating* x, const floating* z, char* acc, Py_ssize_t rows, Py_ssize_t stride,
                         Py_ssize_t width, const double* center) noexcept nogil:
    """Takes ``rows`` rows of ``width`` elements, ``stride`` apart, into acc."""
    if kind == SUM:
        column_sums(SUM, x, z, <double*> acc, rows, stride, width, center)
    elif kind == SQUARES:
        column_sums(SQUARES, x, z, <double*> acc, rows, stride, width, center)
    elif kind == DEVIATIONS:
        column_sums(DEVIATIONS, x, z, <double*> acc, rows, stride, width, center)
    elif kind == PRODUCTS:
        column_sums(PRODUCTS, x, z, <double*> acc, rows, stride, width, center)
    elif kind == EXPS:
        column_sums(EXPS, x, z, <double*> acc, rows, stride, width, center)
    elif kind == PROD:
        column_prods(x, <double*> acc, rows, stride, width)
    elif kind == AMAX:
        column_extremes(False, x, <floating*> acc, rows, stride, width)
    else:
        column_extremes(True, x, <floating*> acc, rows, stride, width)


cdef inline Kind then(Kind kind) noexcept nogil:
    """How results of this kind are combined."""
    return kind if kind == PROD or kind == AMAX or kind == AMIN else SUM


cdef void combine(const Stage* s, char* a, const char* b, Py_ssize_t n) noexcept nogil:
    """a = a combined with b, n results each."""
    if s.single and s.out_size == 4:
        reduce_columns[float](then(s.kind), <const float*> b, <const float*> b, a, 1, 0, n, NULL)
    else:
        reduce_columns[double](then(s.kind), <const double*> b, <const double*> b, a, 1, 0, n, NULL)


cdef void start(const Stage* s, char* acc, Py_ssize_t n) noexcept nogil:
    """The neutral element in n results."""
    cdef double identity = 1 if s.kind == PROD else -cmath.INFINITY if s.kind == AMAX else (
        cmath.INFINITY if s.kind == AMIN else 0)
    cdef Py_ssize_t j
    if s.out_size == 4:
        for j in range(n):
            (<float*> acc)[j] = <float> identity
    else:
        for j in range(n):
            (<double*> acc)[j] = identity


cdef void plan_stage(Stage* s) noexcept nogil:
    s.group = s.columns = s.chunks = 1
    s.rows = REDUCE_BLOCK
    if s.inner > 1:
        s.columns = s.inner if s.inner < REDUCE_COLUMNS else REDUCE_COLUMNS
        s.chunks = (s.inner + s.columns - 1) // s.columns
        while s.chunks == 1 and 2 * s.group * s.inner <= REDUCE_LANES and 8 * s.group <= s.count:
            s.group *= 2
        s.rows = REDUCE_ROWS // s.columns // s.group * s.group
    s.blocks = (s.count + s.rows - 1) // s.rows


cdef void reduce_block(const Stage* s, Py_ssize_t index) noexcept nogil:
    """One chunk of columns of one block of rows."""
    cdef double acc[REDUCE_COLUMNS]
    cdef double center[REDUCE_COLUMNS]
    cdef const double* c = NULL
    cdef Py_ssize_t chunk = index % s.chunks, row_block = index // s.chunks
    cdef Py_ssize_t block = row_block % s.blocks, outer = row_block // s.blocks
    cdef Py_ssize_t first = block * s.rows, rows = min(s.rows, s.count - first), j
    cdef Py_ssize_t column = chunk * s.columns, width = min(s.columns, s.inner - column), lanes = s.group * width
    cdef Py_ssize_t half, k, whole = rows // s.group, rest = rows % s.group
    cdef Py_ssize_t at = ((outer * s.count + first) * s.inner + column) * s.size
    cdef Py_ssize_t more = at + whole * s.group * s.inner * s.size
    cdef char* total = <char*> acc
    start(s, total, lanes)
    if s.center:
        c = s.center + outer * s.inner + column
        if s.group > 1:
            for k in range(s.group):
                for j in range(width):
                    center[k * width + j] = c[j]
            c = center
    if s.single:
        reduce_columns[float](s.kind, <const float*> (s.x + at), <const float*> (s.z + at), total, whole,
                              s.group * s.inner, lanes, c)
        reduce_columns[float](s.kind, <const float*> (s.x + more), <const float*> (s.z + more), total, rest != 0, 0,
                              rest * width, c)
    else:
        reduce_columns[double](s.kind, <const double*> (s.x + at), <const double*> (s.z + at), total, whole,
                               s.group * s.inner, lanes, c)
        reduce_columns[double](s.kind, <const double*> (s.x + more), <const double*> (s.z + more), total, rest != 0, 0,
                               rest * width, c)
    half = s.group // 2
    while half:
        combine(s, total, total + half * width * s.out_size, half * width)
        half //= 2
    memcpy(s.out + ((outer * s.blocks + block) * s.inner + column) * s.out_size, total, width * s.out_size)


cdef void reduce_row_range(const Stage* s, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Rows lo to hi, or where a row has several blocks, such blocks."""
    cdef Py_ssize_t index, first, n
    if s.blocks == 1:
        if s.single:
            reduce_rows[float](s, 0, lo, hi - lo, s.count, lo * s.count, s.out + lo * s.out_size)
        else:
            reduce_rows[double](s, 0, lo, hi - lo, s.count, lo * s.count, s.out + lo * s.out_size)
        return
    for index in range(lo, hi):
        first = index % s.blocks * s.rows
        n = min(s.rows, s.count - first)
        first += index // s.blocks * s.count
        if s.single:
            reduce_rows[float](s, 0, index // s.blocks, 1, n, first, s.out + index * s.out_size)
        else:
            reduce_rows[double](s, 0, index // s.blocks, 1, n, first, s.out + index * s.out_size)


cdef void reduce_range(const Stage* s, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t index
    if s.inner == 1:
        reduce_row_range(s, lo, hi)
        return
    for index in range(lo, hi):
        reduce_block(s, index)


cdef void run_stage(const Stage* s) noexcept nogil:
    cdef Py_ssize_t items = s.outer * s.blocks * s.chunks
    cdef int t, threads = <int> min(items, threads_for(<double> s.outer * s.count * s.inner, REDUCE_GRAIN))
    if threads <= 1:
        reduce_range(s, 0, items)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        reduce_range(s, items * t // threads, items * (t + 1) // threads)


cdef void fold_blocks(const Stage* s, char* out) noexcept nogil:
    """(outer, blocks, inner) partial results to ``out`` (outer, inner)."""
    cdef Py_ssize_t outer, step, b, row = s.inner * s.out_size
    cdef char* partial
    for outer in range(s.outer):
        partial = s.out + outer * s.blocks * row
        step = 1
        while step < s.blocks:
            b = 0
            while b + step < s.blocks:
                combine(s, partial + b * row, partial + (b + step) * row, s.inner)
                b += 2 * step
            step *= 2
        memcpy(out + outer * row, partial, row)


cdef cnp.ndarray reduce_axis(cnp.ndarray x, cnp.ndarray z, Stage* s):
    """The result (outer * inner,) of a stage that lacks only its buffers: double, or the dtype of x for extremes."""
    cdef cnp.npy_intp size = s.outer * s.inner, partial_size
    cdef int dtype = cnp.PyArray_TYPE(x) if s.kind == AMAX or s.kind == AMIN else cnp.NPY_DOUBLE
    cdef cnp.ndarray out = empty(1, &size, dtype), partial = out
    s.x = <const char*> cnp.PyArray_DATA(x)
    s.z = <const char*> cnp.PyArray_DATA(z)
    s.size, s.single = cnp.PyArray_ITEMSIZE(x), cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT
    s.out_size = cnp.PyArray_ITEMSIZE(out)
    plan_stage(s)
    if s.blocks > 1:
        partial_size = s.blocks * size
        partial = empty(1, &partial_size, dtype)
    s.out = <char*> cnp.PyArray_DATA(partial)
    if s.outer * s.count * s.inner < 2 * REDUCE_GRAIN and s.blocks == 1:
        run_stage(s)
        return out
    with nogil:
        run_stage(s)
        if s.blocks > 1:
            fold_blocks(s, <char*> cnp.PyArray_DATA(out))
    return out


cdef cnp.ndarray reduce_axes(cnp.ndarray x, const Axes* a, Kind kind, cnp.ndarray center=None, cnp.ndarray z=None):
    """The flat result of contiguous ``x`` (and ``z``): one stage of ``kind``, any others combining its results."""
    cdef Stage s
    cdef Axes rest = a[0]
    cdef int d, k = first_group(a)
    z = x if z is None else z
    s.kind = kind
    s.center = NULL
    if center is not None:
        s.center = <const double*> cnp.PyArray_DATA(center)
    if k < 0:
        s.outer, s.count, s.inner = cnp.PyArray_SIZE(x), 1, 1
        return reduce_axis(x, z, &s)
    while k >= 0:
        s.count = rest.extent[k]
        s.inner = 1
        for d in range(k + 1, rest.ndim):
            s.inner *= rest.extent[d]
        s.outer = cnp.PyArray_SIZE(x) // (s.count * s.inner)
        x = z = reduce_axis(x, z, &s)
        s.kind = then(kind)
        s.center = NULL
        rest.extent[k], rest.reduced[k] = 1, False
        k = first_group(&rest)
    return x


cdef void finish_kernel(const double* x, floating* y, Py_ssize_t n, double divisor) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = <floating> (x[i] / divisor)


cdef void run_finish(const double* x, floating* y, Py_ssize_t n, double divisor) noexcept nogil:
    cdef int t, threads = threads_for(n, FINISH_GRAIN)
    if threads == 1:
        finish_kernel(x, y, n, divisor)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        finish_kernel(x + n * t // threads, y + n * t // threads, n * (t + 1) // threads - n * t // threads, divisor)


cdef cnp.ndarray finish(cnp.ndarray flat, const Axes* a, int typenum, double divisor=1):
    """``flat / divisor`` in the shape and dtype of the result."""
    cdef cnp.ndarray out = empty(a.out_ndim, <cnp.npy_intp*> a.out_shape, typenum)
    cdef const double* x = <const double*> cnp.PyArray_DATA(flat)
    if typenum == cnp.NPY_FLOAT:
        run_finish[float](x, <float*> cnp.PyArray_DATA(out), cnp.PyArray_SIZE(out), divisor)
    else:
        run_finish[double](x, <double*> cnp.PyArray_DATA(out), cnp.PyArray_SIZE(out), divisor)
    return out


cdef cnp.ndarray reduce(cnp.ndarray x, object axes, bint keepdim, Kind kind, double nothing=0, bint mean=False):
    """A reduction in double; ``nothing`` is what no elements at all give."""
    cdef Axes a
    cdef int t = float_type(x)
    plan_axes(x, axes, keepdim, &a)
    if cnp.PyArray_SIZE(x) == 0:
        return np.full([a.out_shape[d] for d in range(a.out_ndim)], nothing, x.dtype)
    return finish(reduce_axes(contiguous(x), &a, kind), &a, t, a.count if mean else 1)


def sum(x, axes=None, keepdim=False):
    """Sum over ``axes`` (a tuple, or None for all), accumulated in double."""
    return reduce(x, axes, keepdim, SUM)


def mean(x, axes=None, keepdim=False):
    """Sum over ``axes`` divided by the number of elements; NaN if there are none."""
    return reduce(x, axes, keepdim, SUM, cmath.NAN, True)


def prod(x, axes=None, keepdim=False):
    """Product over ``axes``."""
    return reduce(x, axes, keepdim, PROD, 1)


def norm2(cnp.ndarray x, axes=None, bint keepdim=False):
    """sqrt(sum(x * x)) over ``axes``, in double until it is rounded: squares neither overflow nor vanish."""
    cdef Axes a
    cdef int t = float_type(x)
    plan_axes(x, axes, keepdim, &a)
    if cnp.PyArray_SIZE(x) == 0:
        return np.zeros([a.out_shape[d] for d in range(a.out_ndim)], x.dtype)
    flat = reduce_axes(contiguous(x), &a, SQUARES)
    return finish(sqrt(flat, flat), &a, t)


def sum_to(cnp.ndarray x, tuple shape):
    """Sum over the axes that broadcasting ``shape`` to the shape of ``x`` would stretch or add."""
    cdef int lead = cnp.PyArray_NDIM(x) - len(shape), d
    axes = []
    for d in range(cnp.PyArray_NDIM(x)):
        if d < lead or (shape[d - lead] == 1 and cnp.PyArray_DIM(x, d) != 1):
            axes.append(d)
        elif shape[d - lead] != cnp.PyArray_DIM(x, d):
            lead = -1
            break
    if lead < 0:
        raise ValueError(f"sum_to: {shape} does not broadcast to {np.shape(x)}")
    return sum(x, tuple(axes)).reshape(shape)


cdef cnp.ndarray spread(cnp.ndarray flat, const Axes* a):
    """A flat result repeated along every reduced group but the first to be reduced: the centers of that stage."""
    cdef cnp.npy_intp kept[MAX_DIMS]
    cdef cnp.npy_intp full[MAX_DIMS]
    cdef cnp.PyArray_Dims shape
    cdef int d, n = 0, first = first_group(a), groups = 0
    for d in range(a.ndim):
        groups += a.reduced[d]
        if d != first:
            kept[n], full[n] = 1 if a.reduced[d] else a.extent[d], a.extent[d]
            n += 1
    if groups == 1:
        return flat
    shape.ptr, shape.len = kept, n
    return expand_to(cnp.PyArray_Newshape(flat, &shape, cnp.NPY_CORDER), n, full)


cdef void divide_by(cnp.ndarray flat, double divisor):
    """flat /= divisor, double, in place."""
    cdef double* x = <double*> cnp.PyArray_DATA(flat)
    cdef Py_ssize_t i
    for i in range(cnp.PyArray_SIZE(flat)):
        x[i] /= divisor


def var(cnp.ndarray x, axes=None, double correction=1, bint keepdim=False):
    """sum((x - mean) ** 2) / (count - correction) over ``axes``, in two passes; NaN for a divisor <= 0."""
    cdef Axes a
    cdef cnp.ndarray total
    cdef int t = float_type(x)
    plan_axes(x, axes, keepdim, &a)
    if cnp.PyArray_SIZE(x) == 0:
        return np.full([a.out_shape[d] for d in range(a.out_ndim)], cmath.NAN, x.dtype)
    x = contiguous(x)
    total = reduce_axes(x, &a, SUM)
    divide_by(total, a.count)
    return finish(reduce_axes(x, &a, DEVIATIONS, spread(total, &a)), &a, t, max(a.count - correction, 0))
