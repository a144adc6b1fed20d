# Reductions over any set of axes.
#
# Adjacent axes that are all reduced, or all kept, are one, and the groups to reduce are taken one at a time: each is a
# stage over a contiguous (outer, count, inner) array. A stage cuts ``count`` into blocks whose size depends on count
# and inner alone, accumulates each block in double in a fixed set of lanes, folds the lanes as a binary tree and then
# the blocks as another. The order of the operations, and so every bit, is the same for any number of threads.

# x and z are rows of ``width`` adjacent elements, ``stride`` apart; lane j of acc takes in element j of each.
ctypedef void (*Accumulate)(const void* x, const void* z, double* acc, Py_ssize_t rows, Py_ssize_t stride,
                            Py_ssize_t width, const double* center) noexcept nogil
ctypedef void (*Combine)(double* a, const double* b, Py_ssize_t n) noexcept nogil

cdef enum:
    REDUCE_LANES = 256          # lanes shared by rows narrower than this
    REDUCE_COLUMNS = 512        # widest block
    REDUCE_BLOCK = 32768        # elements in a block
    REDUCE_NARROW = 32          # rows up to this long are transposed ...
    REDUCE_TILE = 64            # ... this many at a time, to put a row in a lane
    REDUCE_SHORT = 4096         # an innermost group this short comes after ...
    REDUCE_MANY = 16            # ... an outermost group this long
    REDUCE_GRAIN = 32768


cdef struct Stage:
    void* accumulate
    Combine combine
    double identity
    const char* x
    const char* z               # a second operand like x, for the kernels that read one
    Py_ssize_t size             # bytes per element of x
    const double* center        # (outer, inner), or NULL
    double* out                 # (outer, blocks, inner)
    Py_ssize_t outer, count, inner
    Py_ssize_t group            # rows side by side in the lanes: a power of two
    Py_ssize_t columns, chunks  # the inner axis in chunks of ``columns``
    Py_ssize_t rows, blocks     # the reduced axis in blocks of ``rows``
    bint narrow


cdef void plan_stage(Stage* s) noexcept nogil:
    s.columns = s.inner if s.inner < REDUCE_COLUMNS else REDUCE_COLUMNS
    s.chunks = (s.inner + s.columns - 1) // s.columns
    s.narrow = s.inner == 1 and s.count <= REDUCE_NARROW
    s.group = 1
    while s.chunks == 1 and 2 * s.group * s.inner <= REDUCE_LANES and 8 * s.group <= s.count:
        s.group *= 2
    s.rows = REDUCE_BLOCK // s.columns // s.group * s.group
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
    cdef Py_ssize_t half, k
    cdef Py_ssize_t at = ((outer * s.count + first) * s.inner + column) * s.size
    cdef Accumulate accumulate = <Accumulate> s.accumulate
    for j in range(lanes):
        acc[j] = s.identity
    if s.center:
        c = s.center + outer * s.inner + column
        if s.group > 1:
            for k in range(s.group):
                for j in range(width):
                    center[k * width + j] = c[j]
            c = center
    accumulate(s.x + at, s.z + at, acc, rows // s.group, s.group * s.inner, lanes, c)
    if rows % s.group:
        at += rows // s.group * s.group * s.inner * s.size
        accumulate(s.x + at, s.z + at, acc, 1, 0, rows % s.group * width, c)
    half = s.group // 2
    while half:
        s.combine(acc, acc + half * width, half * width)
        half //= 2
    memcpy(s.out + (outer * s.blocks + block) * s.inner + column, acc, width * sizeof(double))


cdef void put_in_lanes(const floating* x, floating* tile, Py_ssize_t rows, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t r, j
    for r in range(rows):
        for j in range(count):
            tile[j * REDUCE_TILE + r] = x[r * count + j]


cdef void load_tile(const char* x, double* tile, Py_ssize_t rows, Py_ssize_t count, Py_ssize_t size) noexcept nogil:
    if rows < REDUCE_TILE:
        memset(tile, 0, REDUCE_NARROW * REDUCE_TILE * sizeof(double))
    if size == 4:
        put_in_lanes[float](<const float*> x, <float*> tile, rows, count)
    else:
        put_in_lanes[double](<const double*> x, tile, rows, count)


cdef void reduce_tile(const Stage* s, Py_ssize_t index) noexcept nogil:
    """REDUCE_TILE rows of at most REDUCE_NARROW elements."""
    cdef double acc[REDUCE_TILE]
    cdef double center[REDUCE_TILE]
    cdef double x[REDUCE_NARROW * REDUCE_TILE]
    cdef double z[REDUCE_NARROW * REDUCE_TILE]
    cdef Py_ssize_t outer = index * REDUCE_TILE, rows = min(REDUCE_TILE, s.outer - outer), j
    cdef Py_ssize_t at = outer * s.count * s.size
    for j in range(REDUCE_TILE):
        acc[j] = s.identity
    if s.center:
        memset(center, 0, sizeof(center))
        memcpy(center, s.center + outer, rows * sizeof(double))
    load_tile(s.x + at, x, rows, s.count, s.size)
    if s.z != s.x:
        load_tile(s.z + at, z, rows, s.count, s.size)
    (<Accumulate> s.accumulate)(x, z, acc, s.count, REDUCE_TILE, REDUCE_TILE, center)
    memcpy(s.out + outer, acc, rows * sizeof(double))


cdef void reduce_blocks(const Stage* s, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t index
    for index in range(lo, hi):
        if s.narrow:
            reduce_tile(s, index)
        else:
            reduce_block(s, index)


cdef void run_stage(const Stage* s) noexcept nogil:
    cdef Py_ssize_t items = s.outer * s.blocks * s.chunks
    cdef int t, threads
    if s.narrow:
        items = (s.outer + REDUCE_TILE - 1) // REDUCE_TILE
    threads = <int> min(items, threads_for(<double> s.outer * s.count * s.inner, REDUCE_GRAIN))
    if threads <= 1:
        reduce_blocks(s, 0, items)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        reduce_blocks(s, items * t // threads, items * (t + 1) // threads)


cdef void fold_blocks(const Stage* s, double* out) noexcept nogil:
    """(outer, blocks, inner) partial results to ``out`` (outer, inner)."""
    cdef Py_ssize_t outer, step, b
    cdef double* partial
    for outer in range(s.outer):
        partial = s.out + outer * s.blocks * s.inner
        step = 1
        while step < s.blocks:
            b = 0
            while b + step < s.blocks:
                s.combine(partial + b * s.inner, partial + (b + step) * s.inner, s.inner)
                b += 2 * step
            step *= 2
        memcpy(out + outer * s.inner, partial, s.inner * sizeof(double))


cdef cnp.ndarray reduce_axis(cnp.ndarray x, cnp.ndarray z, Stage* s):
    """The float64 result (outer * inner,) of a stage that lacks only its buffers."""
    cdef cnp.npy_intp size = s.outer * s.inner, partial_size
    cdef cnp.ndarray out = empty(1, &size, cnp.NPY_DOUBLE), partial = out
    s.x = <const char*> cnp.PyArray_DATA(x)
    s.z = <const char*> cnp.PyArray_DATA(z)
    s.size = cnp.PyArray_ITEMSIZE(x)
    plan_stage(s)
    if s.blocks > 1:
        partial_size = s.blocks * size
        partial = empty(1, &partial_size, cnp.NPY_DOUBLE)
    s.out = <double*> cnp.PyArray_DATA(partial)
    with nogil:
        run_stage(s)
        if s.blocks > 1:
            fold_blocks(s, <double*> cnp.PyArray_DATA(out))
    return out


cdef struct Axes:
    # The shape of x with adjacent axes of one kind merged: kept and reduced alternate.
    int ndim
    Py_ssize_t extent[MAX_DIMS]
    bint reduced[MAX_DIMS]
    Py_ssize_t count            # elements reduced to one
    int out_ndim
    cnp.npy_intp out_shape[MAX_DIMS]


cdef int plan_axes(cnp.ndarray x, object axes, bint keepdim, Axes* a) except -1:
    cdef bint reduced[MAX_DIMS]
    cdef int ndim = cnp.PyArray_NDIM(x), d
    cdef Py_ssize_t extent
    for d in range(ndim):
        reduced[d] = axes is None
    if axes is not None:
        for axis in (axes if isinstance(axes, tuple) else (axes,)):
            d = axis
            if not -ndim <= d < ndim or reduced[d % ndim if d >= 0 else d + ndim]:
                raise ValueError(f"axes {axes} are out of range or repeated for shape {np.shape(x)}")
            reduced[d if d >= 0 else d + ndim] = True
    a.ndim = a.out_ndim = 0
    a.count = 1
    for d in range(ndim):
        extent = cnp.PyArray_DIM(x, d)
        if reduced[d]:
            a.count *= extent
        if keepdim or not reduced[d]:
            a.out_shape[a.out_ndim] = 1 if reduced[d] else extent
            a.out_ndim += 1
        if extent == 1:
            continue
        if a.ndim and a.reduced[a.ndim - 1] == reduced[d]:
            a.extent[a.ndim - 1] *= extent
        else:
            a.extent[a.ndim] = extent
            a.reduced[a.ndim] = reduced[d]
            a.ndim += 1
    return 0


cdef int first_group(const Axes* a) noexcept:
    """The group to reduce first, or -1 if none is left: the innermost, unless it is short and the outermost, whose
    rows are longer to vectorise along, is not."""
    cdef int d, outermost = -1, innermost = -1
    for d in range(a.ndim):
        if a.reduced[d]:
            outermost = d if outermost < 0 else outermost
            innermost = d
    if outermost != innermost and a.extent[innermost] < REDUCE_SHORT and a.extent[outermost] >= REDUCE_MANY:
        return outermost
    return innermost


cdef cnp.ndarray reduce_axes(cnp.ndarray x, const Axes* a, void* k32, void* k64, void* then, Combine combine,
                             double identity, cnp.ndarray center=None, cnp.ndarray z=None):
    """The flat float64 result of contiguous ``x`` (and ``z``): one stage by k32 or k64, any others by ``then``."""
    cdef Stage s
    cdef Axes rest = a[0]
    cdef int d, k = first_group(a)
    z = x if z is None else z
    s.accumulate = k32 if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT else k64
    s.combine = combine
    s.identity = identity
    s.center = NULL
    if center is not None:
        s.center = <const double*> cnp.PyArray_DATA(center)
    if k < 0:
        s.outer, s.count, s.inner = 1, 1, cnp.PyArray_SIZE(x)
        return reduce_axis(x, z, &s)
    while k >= 0:
        s.count = rest.extent[k]
        s.inner = 1
        for d in range(k + 1, rest.ndim):
            s.inner *= rest.extent[d]
        s.outer = cnp.PyArray_SIZE(x) // (s.count * s.inner)
        x = z = reduce_axis(x, z, &s)
        s.accumulate = then
        s.center = NULL
        rest.extent[k], rest.reduced[k] = 1, False
        k = first_group(&rest)
    return x


cdef void finish_kernel(const double* x, floating* y, Py_ssize_t n, double divisor) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = <floating> (x[i] / divisor)


cdef cnp.ndarray finish(cnp.ndarray flat, const Axes* a, int typenum, double divisor=1):
    """``flat / divisor`` in the shape and dtype of the result."""
    cdef cnp.ndarray out = empty(a.out_ndim, <cnp.npy_intp*> a.out_shape, typenum)
    cdef const double* x = <const double*> cnp.PyArray_DATA(flat)
    if typenum == cnp.NPY_FLOAT:
        finish_kernel[float](x, <float*> cnp.PyArray_DATA(out), cnp.PyArray_SIZE(out), divisor)
    else:
        finish_kernel[double](x, <double*> cnp.PyArray_DATA(out), cnp.PyArray_SIZE(out), divisor)
    return out


cdef cnp.ndarray reduce(cnp.ndarray x, object axes, bint keepdim, void* k32, void* k64, void* then, Combine combine,
                        double identity, bint mean=False):
    cdef Axes a
    cdef int t = float_type(x)
    plan_axes(x, axes, keepdim, &a)
    if cnp.PyArray_SIZE(x) == 0:
        return np.full([a.out_shape[d] for d in range(a.out_ndim)], cmath.NAN if mean else identity, x.dtype)
    return finish(reduce_axes(contiguous(x), &a, k32, k64, then, combine, identity), &a, t, a.count if mean else 1)


# Sums and products

cdef void sum_accumulate(const floating* x, const floating* z, double* acc, Py_ssize_t rows, Py_ssize_t stride,
                         Py_ssize_t width, const double* center) noexcept nogil:
    cdef Py_ssize_t r, j
    for r in range(rows):
        for j in range(width):
            acc[j] += x[r * stride + j]


cdef void sum_combine(double* a, const double* b, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        a[j] += b[j]


cdef void prod_accumulate(const floating* x, const floating* z, double* acc, Py_ssize_t rows, Py_ssize_t stride,
                          Py_ssize_t width, const double* center) noexcept nogil:
    cdef Py_ssize_t r, j
    for r in range(rows):
        for j in range(width):
            acc[j] *= x[r * stride + j]


cdef void prod_combine(double* a, const double* b, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        a[j] *= b[j]


cdef void squares_accumulate(const floating* x, const floating* z, double* acc, Py_ssize_t rows, Py_ssize_t stride,
                             Py_ssize_t width, const double* center) noexcept nogil:
    cdef Py_ssize_t r, j
    cdef double v
    for r in range(rows):
        for j in range(width):
            v = x[r * stride + j]
            acc[j] += v * v


cdef void deviations_accumulate(const floating* x, const floating* z, double* acc, Py_ssize_t rows, Py_ssize_t stride,
                                Py_ssize_t width, const double* center) noexcept nogil:
    cdef Py_ssize_t r, j
    cdef double v
    for r in range(rows):
        for j in range(width):
            v = x[r * stride + j] - center[j]
            acc[j] += v * v


def sum(x, axes=None, keepdim=False):
    """Sum over ``axes`` (a tuple, or None for all), accumulated in double."""
    return reduce(x, axes, keepdim, <void*> sum_accumulate[float], <void*> sum_accumulate[double],
                  <void*> sum_accumulate[double], sum_combine, 0)


def mean(x, axes=None, keepdim=False):
    """Sum over ``axes`` divided by the number of elements; NaN if there are none."""
    return reduce(x, axes, keepdim, <void*> sum_accumulate[float], <void*> sum_accumulate[double],
                  <void*> sum_accumulate[double], sum_combine, 0, True)


def prod(x, axes=None, keepdim=False):
    """Product over ``axes``."""
    return reduce(x, axes, keepdim, <void*> prod_accumulate[float], <void*> prod_accumulate[double],
                  <void*> prod_accumulate[double], prod_combine, 1)


def norm2(x, axes=None, keepdim=False):
    """sqrt(sum(x * x)) over ``axes``."""
    y = reduce(x, axes, keepdim, <void*> squares_accumulate[float], <void*> squares_accumulate[double],
               <void*> sum_accumulate[double], sum_combine, 0)
    return sqrt(y, y)


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
    cdef int d, first = first_group(a)
    groups = [d for d in range(a.ndim) if d != first]
    kept = flat.reshape([1 if a.reduced[d] else a.extent[d] for d in groups])
    return contiguous(np.broadcast_to(kept, [a.extent[d] for d in groups]))


def var(cnp.ndarray x, axes=None, double correction=1, bint keepdim=False):
    """sum((x - mean) ** 2) / (count - correction) over ``axes``, in two passes; NaN for a divisor <= 0."""
    cdef Axes a
    cdef cnp.ndarray total
    cdef int t = float_type(x)
    plan_axes(x, axes, keepdim, &a)
    if cnp.PyArray_SIZE(x) == 0:
        return np.full([a.out_shape[d] for d in range(a.out_ndim)], cmath.NAN, x.dtype)
    x = contiguous(x)
    total = reduce_axes(x, &a, <void*> sum_accumulate[float], <void*> sum_accumulate[double],
                        <void*> sum_accumulate[double], sum_combine, 0)
    total = reduce_axes(x, &a, <void*> deviations_accumulate[float], <void*> deviations_accumulate[double],
                        <void*> sum_accumulate[double], sum_combine, 0, spread(total / a.count, &a))
    return finish(total, &a, t, max(a.count - correction, 0))
