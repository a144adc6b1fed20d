# Elementwise calls of several operands: broadcasting, and the drivers of two, three and more.

cdef struct Runs:
    # A broadcast call: ``count`` runs of ``inner`` elements; run r starts at the sum of its indices times strides.
    int ndim
    Py_ssize_t shape[MAX_DIMS]
    Py_ssize_t stride[MAX_OPERANDS][MAX_DIMS]   # in elements, 0 where broadcast
    Py_ssize_t inner
    Py_ssize_t count


cdef void runs_range(const Elementwise* e, const Runs* r, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Elementwise run = e[0]
    cdef Py_ssize_t index, rest, coordinate
    cdef int i, d
    for index in range(lo, hi):
        for i in range(e.arity):
            run.x[i] = e.x[i]
        rest = index
        for d in range(r.ndim - 1, -1, -1):
            coordinate = rest % r.shape[d]
            rest = rest // r.shape[d]
            for i in range(e.arity):
                run.x[i] += coordinate * r.stride[i][d] * e.size[i]
        run.out = e.out + index * r.inner * e.out_size
        elementwise_range(&run, 0, r.inner, False)


cdef void runs_parallel(const Elementwise* e, const Runs* r, int threads) noexcept nogil:
    cdef Py_ssize_t chunk = (r.count + threads - 1) // threads
    cdef int t
    if threads == 1:
        runs_range(e, r, 0, r.count)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        runs_range(e, r, min(r.count, t * chunk), min(r.count, (t + 1) * chunk))


cdef bint plan_runs(Elementwise* e, const Shapes* s, Runs* r) noexcept:
    """Collapse a broadcast of contiguous operands into runs; False if they are many and too short."""
    cdef int d, i, own, k
    cdef Py_ssize_t extent
    cdef Py_ssize_t next_stride[MAX_OPERANDS]
    cdef Py_ssize_t stride[MAX_OPERANDS][MAX_DIMS]
    cdef bint merge
    for i in range(e.arity):
        next_stride[i] = 1
        for d in range(s.ndim - 1, -1, -1):
            own = d - (s.ndim - s.operand_ndim[i])
            extent = s.operand_shape[i][own] if own >= 0 else 1
            stride[i][d] = 0 if extent == 1 else next_stride[i]
            next_stride[i] *= extent
    r.ndim = 0
    r.count = 1
    for d in range(s.ndim):
        extent = s.shape[d]
        if extent == 1:
            continue
        r.count *= extent
        merge = r.ndim > 0
        for i in range(e.arity):
            merge = merge and r.stride[i][r.ndim - 1] == stride[i][d] * extent
        if not merge:
            r.ndim += 1
            r.shape[r.ndim - 1] = 1
        k = r.ndim - 1
        r.shape[k] *= extent
        for i in range(e.arity):
            r.stride[i][k] = stride[i][d]
    if r.ndim == 0:
        return False
    r.ndim -= 1
    r.inner = r.shape[r.ndim]
    r.count //= r.inner
    for i in range(e.arity):
        e.scalar[i] = r.stride[i][r.ndim] == 0
    return r.inner >= 16 or r.count <= 64


cdef struct Shapes:
    int ndim                                    # of the result
    cnp.npy_intp shape[MAX_DIMS]
    int operand_ndim[MAX_OPERANDS]
    const cnp.npy_intp* operand_shape[MAX_OPERANDS]


cdef int broadcast_shape(list operands, Shapes* s) except -1:
    """Fill in the shapes of the operands and of the result."""
    cdef int i, d, arity = len(operands)
    cdef cnp.npy_intp extent
    s.ndim = 0
    for i in range(arity):
        s.operand_ndim[i] = cnp.PyArray_NDIM(<cnp.ndarray> operands[i])
        s.operand_shape[i] = cnp.PyArray_DIMS(<cnp.ndarray> operands[i])
        s.ndim = s.operand_ndim[i] if s.operand_ndim[i] > s.ndim else s.ndim
    for d in range(s.ndim):
        s.shape[s.ndim - 1 - d] = 1
        for i in range(arity):
            if d < s.operand_ndim[i]:
                extent = s.operand_shape[i][s.operand_ndim[i] - 1 - d]
                if s.shape[s.ndim - 1 - d] == 1:
                    s.shape[s.ndim - 1 - d] = extent
                elif extent != 1 and extent != s.shape[s.ndim - 1 - d]:
                    shapes = ", ".join([str(np.shape(x)) for x in operands])
                    raise ValueError(f"shapes {shapes} do not broadcast together")
    return 0


cdef inline bint clobbers(cnp.ndarray out, cnp.ndarray x):
    """``out`` shares memory with ``x`` other than element for element: writing one would spoil the other."""
    cdef const char* o = <const char*> cnp.PyArray_DATA(out)
    cdef const char* a = <const char*> cnp.PyArray_DATA(x)
    if o == a and cnp.PyArray_NBYTES(out) == cnp.PyArray_NBYTES(x):
        return False
    return o < a + cnp.PyArray_NBYTES(x) and a < o + cnp.PyArray_NBYTES(out)


cdef bint repeated(cnp.ndarray x) noexcept:
    """An element of ``x`` is shown more than once, as by ``expand``, and in the gradients of sums."""
    cdef int d
    if cnp.PyArray_IS_C_CONTIGUOUS(x):
        return False
    for d in range(cnp.PyArray_NDIM(x)):
        if cnp.PyArray_STRIDE(x, d) == 0 and cnp.PyArray_DIM(x, d) > 1:
            return True
    return False


cdef cnp.ndarray once(cnp.ndarray x):
    """``x`` with a size of 1 where it repeats itself, contiguous."""
    cdef int d
    if not repeated(x):
        return contiguous(x)
    return contiguous(x[tuple([slice(0, 1) if cnp.PyArray_STRIDE(x, d) == 0 else slice(None)
                               for d in range(cnp.PyArray_NDIM(x))])])


cdef cnp.ndarray run_elementwise(list operands, Elementwise* e, int out_type, object out):
    """Check, broadcast, allocate and run ``e.kernel`` over ``operands``; returns the result."""
    cdef Runs runs
    cdef Shapes s
    cdef cnp.ndarray x, first, result
    cdef int i, threads
    cdef bint same = True, flat = True, repeats = False
    cdef Py_ssize_t n
    e.arity = len(operands)
    for i in range(e.arity):
        repeats = repeats or repeated(operands[i])
    if repeats:
        broadcast_shape(operands, &s)
        for i in range(e.arity):
            operands[i] = once(operands[i])
            s.operand_shape[i] = cnp.PyArray_DIMS(<cnp.ndarray> operands[i])
        same = False
    first = contiguous(operands[0])
    for i in range(e.arity):
        x = contiguous(operands[i])
        operands[i] = x
        e.size[i] = cnp.PyArray_ITEMSIZE(x)
        e.scalar[i] = False
        same = same and cnp.PyArray_SAMESHAPE(x, first)
    if not same and not repeats:
        broadcast_shape(operands, &s)
    if out is not None:
        like = first if same else np.broadcast_to(first, [s.shape[i] for i in range(s.ndim)])
        result = check_out(out, like, out_type)
        for i in range(e.arity):
            if clobbers(result, operands[i]):
                operands[i] = operands[i].copy()
    elif same:
        result = empty(cnp.PyArray_NDIM(first), cnp.PyArray_DIMS(first), out_type)
    else:
        result = empty(s.ndim, s.shape, out_type)
    n = cnp.PyArray_SIZE(result)
    if n == 0:
        return result
    if not same:
        flat = not plan_runs(e, &s, &runs)
        if flat:
            # Runs this short would spend their time in calls: broadcast in memory instead.
            for i in range(e.arity):
                operands[i] = expand_to(operands[i], s.ndim, s.shape)
                e.scalar[i] = False
        flat = flat or runs.count == 1
    for i in range(e.arity):
        e.x[i] = <const char*> cnp.PyArray_DATA(<cnp.ndarray> operands[i])
    e.out = <char*> cnp.PyArray_DATA(result)
    e.out_size = cnp.PyArray_ITEMSIZE(result)
    if n < 2 * MAP_GRAIN and flat:
        elementwise_range(e, 0, n, False)
    elif flat:
        with nogil:
            elementwise(e, n)
    else:
        threads = <int> min(threads_for(n, MAP_GRAIN), runs.count)
        with nogil:
            runs_parallel(e, &runs, threads)
    return result


cdef inline int common_type(cnp.ndarray x, cnp.ndarray y) except -1:
    """NPY_FLOAT or NPY_DOUBLE, the dtype of both; TypeError if they differ."""
    cdef int t = float_type(x)
    if float_type(y) != t:
        raise TypeError(f"operands have different dtypes: {x.dtype}, {y.dtype}")
    return t


cdef cnp.ndarray map2(cnp.ndarray x, cnp.ndarray y, void* k32, void* k64, object out=None, double p0=0, double p1=0,
                      double p2=0, double p3=0):
    """``kernel(x, y, out)`` over two operands of one dtype, broadcast together."""
    cdef Elementwise e
    cdef int t = common_type(x, y)
    e.chain, e.number = False, NULL
    e.kernel = k32 if t == cnp.NPY_FLOAT else k64
    e.p[0], e.p[1], e.p[2], e.p[3] = p0, p1, p2, p3
    return run_elementwise([x, y], &e, t, out)


cdef cnp.ndarray map2_number(cnp.ndarray x, cnp.ndarray y, void* k32, void* k64, void* number32, void* number64, bint swaps,
                             object out):
    """As ``map2``, with a ``kernel(x, out)`` for where y, or if ``swaps`` x or y, is the number p[0] throughout."""
    cdef Elementwise e
    cdef int t = common_type(x, y)
    e.chain, e.swaps = False, swaps
    e.kernel = k32 if t == cnp.NPY_FLOAT else k64
    e.number = number32 if t == cnp.NPY_FLOAT else number64
    return run_elementwise([x, y], &e, t, out)


cdef cnp.ndarray map_chain(cnp.ndarray x, cnp.ndarray dy, void* k32, void* k64, object out=None, double p0=0,
                           double p1=0, double p2=0, double p3=0):
    """``dy * kernel(x)``, the kernel being the derivative ``kernel(x, dx)`` of a function of one operand."""
    cdef Elementwise e
    cdef int t = common_type(x, dy)
    e.chain, e.number = True, NULL
    e.kernel = k32 if t == cnp.NPY_FLOAT else k64
    e.p[0], e.p[1], e.p[2], e.p[3] = p0, p1, p2, p3
    return run_elementwise([x, dy], &e, t, out)


cdef cnp.ndarray map3(cnp.ndarray x, cnp.ndarray y, cnp.ndarray z, void* k32, void* k64, object out=None, double p0=0,
                      double p1=0, double p2=0, double p3=0):
    """``kernel(x, y, z, out)`` over three operands of one dtype, broadcast together."""
    cdef Elementwise e
    cdef int t = common_type(x, y)
    common_type(x, z)
    e.chain, e.number = False, NULL
    e.kernel = k32 if t == cnp.NPY_FLOAT else k64
    e.p[0], e.p[1], e.p[2], e.p[3] = p0, p1, p2, p3
    return run_elementwise([x, y, z], &e, t, out)


cdef cnp.ndarray map_many(list operands, void* k32, void* k64):
    """``kernel((x, y, ...), out)`` over four to MAX_OPERANDS operands of one dtype, broadcast together."""
    cdef Elementwise e
    cdef int t = float_type(operands[0])
    for x in operands:
        common_type(operands[0], x)
    e.chain, e.number = False, NULL
    e.kernel = k32 if t == cnp.NPY_FLOAT else k64
    return run_elementwise(operands, &e, t, None)


cdef cnp.ndarray compare2(cnp.ndarray x, cnp.ndarray y, void* k32, void* k64):
    """``kernel(x, y, out)`` with a bool result."""
    cdef Elementwise e
    e.chain, e.number = False, NULL
    e.kernel = k32 if common_type(x, y) == cnp.NPY_FLOAT else k64
    return run_elementwise([x, y], &e, cnp.NPY_BOOL, None)
