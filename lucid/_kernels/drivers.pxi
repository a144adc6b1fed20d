# Elementwise drivers: they own checks, broadcasting, allocation, tails and threads, so that a kernel is a serial loop.
#
# A kernel is always called on a multiple of LANES elements. The end of an array is copied to a padded buffer and
# goes through the same vector code, so an element's bits depend neither on its position nor on the array's length.
# Operands that alias the result are staged block by block, and a scalar operand is a buffer filled with it:
# a kernel sees equally long, distinct, contiguous blocks and nothing else.

ctypedef void (*Map1)(const void* x, void* out, Py_ssize_t n, const double* p) noexcept nogil
ctypedef void (*Map2)(const void* x, const void* y, void* out, Py_ssize_t n, const double* p) noexcept nogil
ctypedef void (*Map3)(const void* x, const void* y, const void* z, void* out, Py_ssize_t n,
                     const double* p) noexcept nogil
ctypedef void (*MapN)(const void** x, void* out, Py_ssize_t n, const double* p) noexcept nogil

cdef extern from *:
    """
    /* Copy whole cache lines past the caches, to an address at the start of one; and wait until they are visible. */
    #if defined(__AVX512F__)
    #include <immintrin.h>
    #define LUCID_STREAM(out, x) _mm512_stream_si512((void *) (out), _mm512_loadu_si512(x))
    #define LUCID_STREAM_BYTES 64
    #elif defined(__SSE2__)
    #include <emmintrin.h>
    #define LUCID_STREAM(out, x) _mm_stream_si128((__m128i *) (out), _mm_loadu_si128((const __m128i *) (x)))
    #define LUCID_STREAM_BYTES 16
    #endif
    #if defined(LUCID_STREAM)
    static inline void lucid_stream(char *out, const char *x, Py_ssize_t n) {
        for (Py_ssize_t i = 0; i < n; i += LUCID_STREAM_BYTES) LUCID_STREAM(out + i, x + i);
    }
    #define lucid_streamed() _mm_sfence()
    #else
    #define lucid_stream(out, x, n) ((void) memcpy(out, x, n))
    #define lucid_streamed() ((void) 0)
    #endif
    """
    void stream "lucid_stream" (char* out, const char* x, Py_ssize_t n) noexcept nogil
    void streamed "lucid_streamed" () noexcept nogil


cdef enum:
    LINE = 64               # bytes of a cache line
    STREAM_LEAST = 32 << 20 # bytes of a result that goes past the caches: 24 MB were slower, 40 MB faster

cdef enum:
    LANES = 64              # elements; a multiple of every vector width times unroll factor
    BLOCK = 1024            # elements staged at a time
    CHAIN_BLOCK = 1024      # elements of a derivative held in cache before they are multiplied
    MAP_GRAIN = 16384       # elements below which a second thread costs more than it saves
    PROBE = 8192            # elements that are timed where threads sleep; a multiple of LANES
    WORTH_WAKING = 70000    # ns of work of one thread: a second one costs it 10 us and comes after 30
    MAX_OPERANDS = 6
    MAX_DIMS = 64           # NumPy's own limit


cdef struct Elementwise:
    void* kernel
    int arity
    const char* x[MAX_OPERANDS]
    Py_ssize_t size[MAX_OPERANDS]       # bytes per element
    bint scalar[MAX_OPERANDS]           # the operand is one element
    char* out
    Py_ssize_t out_size
    double p[4]                         # scalar parameters of the kernel
    bint chain                          # the kernel is a derivative of x[0], to be multiplied by x[1]


cdef inline void multiply_into(const floating* dy, floating* dx, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = product(dy[i], dx[i])


cdef void call_chain(const Elementwise* e, const char* x, const char* dy, char* dx, Py_ssize_t n) noexcept nogil:
    """dx = dy * kernel(x). The product has a loop of its own: a CPU that meets a denormal number once in many
    operations pays for every one, and in a loop of nothing else only for the first."""
    cdef Py_ssize_t lo = 0, step
    while lo < n:
        step = min(n - lo, CHAIN_BLOCK)
        (<Map1> e.kernel)(x + lo * e.out_size, dx + lo * e.out_size, step, e.p)
        if e.out_size == 4:
            multiply_into[float](<const float*> dy + lo, <float*> dx + lo, step)
        else:
            multiply_into[double](<const double*> dy + lo, <double*> dx + lo, step)
        lo += step


cdef inline void call(const Elementwise* e, const char** x, char* out, Py_ssize_t n) noexcept nogil:
    if e.chain:
        call_chain(e, x[0], x[1], out, n)
    elif e.arity == 1:
        (<Map1> e.kernel)(x[0], out, n, e.p)
    elif e.arity == 2:
        (<Map2> e.kernel)(x[0], x[1], out, n, e.p)
    elif e.arity == 3:
        (<Map3> e.kernel)(x[0], x[1], x[2], out, n, e.p)
    else:
        (<MapN> e.kernel)(<const void**> x, out, n, e.p)


cdef inline void fill(char* buffer, const char* value, Py_ssize_t size, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef int32_t v
    cdef int64_t w
    if size == 4:
        v = (<const int32_t*> value)[0]         # which the compiler would read again after every store
        for i in range(n):
            (<int32_t*> buffer)[i] = v
    elif size == 8:
        w = (<const int64_t*> value)[0]
        for i in range(n):
            (<int64_t*> buffer)[i] = w
    elif size == 2:
        for i in range(n):
            (<int16_t*> buffer)[i] = (<const int16_t*> value)[0]
    else:
        memset(buffer, value[0], n)


cdef void elementwise_range(const Elementwise* e, Py_ssize_t lo, Py_ssize_t hi, bint past) noexcept nogil:
    """Elements lo to hi of a flat call; ``past``: the result is written past the caches."""
    cdef char staged[MAX_OPERANDS][8 * BLOCK]
    cdef char fresh[8 * BLOCK]
    cdef char tail[8 * LANES]
    cdef const char* x[MAX_OPERANDS]
    cdef Py_ssize_t n, step = BLOCK, first = lo
    cdef int i
    cdef bint direct = True, own = not past
    for i in range(e.arity):
        if e.scalar[i]:
            fill(staged[i], e.x[i], e.size[i], min((hi - lo + LANES - 1) // LANES * LANES, BLOCK))
        if e.scalar[i] or e.x[i] == e.out:
            direct = False
        if e.x[i] == e.out:
            own = False
    if direct and not past:
        step = hi - lo
    while lo < hi:
        n = min(hi - lo, step) // LANES * LANES
        if n:
            for i in range(e.arity):
                if e.scalar[i]:
                    x[i] = staged[i]
                elif e.x[i] == e.out and not past:
                    memcpy(staged[i], e.x[i] + lo * e.size[i], n * e.size[i])
                    x[i] = staged[i]
                else:
                    x[i] = e.x[i] + lo * e.size[i]
            if past:
                call(e, x, fresh, n)
                stream(e.out + lo * e.out_size, fresh, n * e.out_size)
            else:
                call(e, x, e.out + lo * e.out_size, n)
            lo += n
        elif own and hi - first >= LANES:
            for i in range(e.arity):        # some a second time, rather than copies
                x[i] = e.x[i] + (hi - LANES) * e.size[i]
                if e.scalar[i]:
                    x[i] = staged[i]
            call(e, x, e.out + (hi - LANES) * e.out_size, LANES)
            lo = hi
        else:
            n = hi - lo
            for i in range(e.arity):
                if not e.scalar[i]:
                    memset(staged[i], 0, LANES * e.size[i])
                    memcpy(staged[i], e.x[i] + lo * e.size[i], n * e.size[i])
                x[i] = staged[i]
            call(e, x, tail, LANES)
            memcpy(e.out + lo * e.out_size, tail, n * e.out_size)
            lo = hi
    if past:
        streamed()


cdef void elementwise_parallel(const Elementwise* e, Py_ssize_t n, int threads, bint past) noexcept nogil:
    cdef Py_ssize_t chunk = ((n + threads - 1) // threads + LANES - 1) // LANES * LANES
    cdef int t
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        elementwise_range(e, t * chunk, min(n, (t + 1) * chunk), past)


cdef void elementwise_probed(const Elementwise* e, Py_ssize_t n) noexcept nogil:
    """The time of the first elements tells whether the others are worth waking a thread: of a sum 16,000 take 2 us, of a power 120."""
    cdef Elementwise rest = e[0]
    cdef uint64_t started = nanoseconds()
    cdef uint64_t took
    cdef int i, threads
    elementwise_range(e, 0, PROBE, False)
    took = nanoseconds() - started
    for i in range(e.arity):
        if not e.scalar[i]:
            rest.x[i] += PROBE * e.size[i]
    rest.out += PROBE * e.out_size
    n -= PROBE
    threads = <int> min(<Py_ssize_t> thread_limit, n // PROBE)
    if took * <uint64_t> n < <uint64_t> WORTH_WAKING * PROBE or threads < 2:
        elementwise_range(&rest, 0, n, False)
    else:
        elementwise_parallel(&rest, n, threads, False)


cdef inline void elementwise(const Elementwise* e, Py_ssize_t n) noexcept nogil:
    cdef int threads = threads_for(n, MAP_GRAIN)
    cdef bint past = n * e.out_size >= STREAM_LEAST and <size_t> e.out % LINE == 0
    if threads == 1 and n >= 2 * MAP_GRAIN and thread_limit > 1 and not past:
        elementwise_probed(e, n)
    elif threads == 1:
        elementwise_range(e, 0, n, past)
    else:
        elementwise_parallel(e, n, threads, past)


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


cdef cnp.ndarray run_elementwise(list operands, Elementwise* e, int out_type, object out):
    """Check, broadcast, allocate and run ``e.kernel`` over ``operands``; returns the result."""
    cdef Runs runs
    cdef Shapes s
    cdef cnp.ndarray x, first = contiguous(operands[0]), result
    cdef int i, threads
    cdef bint same = True, flat = True
    cdef Py_ssize_t n
    e.arity = len(operands)
    for i in range(e.arity):
        x = contiguous(operands[i])
        operands[i] = x
        e.size[i] = cnp.PyArray_ITEMSIZE(x)
        e.scalar[i] = False
        same = same and cnp.PyArray_SAMESHAPE(x, first)
    if not same:
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


cdef cnp.ndarray map1(cnp.ndarray x, void* k32, void* k64, object out=None, double p0=0, double p1=0, double p2=0,
                      double p3=0):
    """``kernel(x, out)`` with the kernel for the dtype of ``x``, threaded above the grain."""
    cdef Elementwise e
    cdef int t = float_type(x)
    cdef cnp.ndarray result
    cdef Py_ssize_t n
    x = contiguous(x)
    if out is None:
        result = empty_like(x)
    else:
        result = check_out(out, x, t)
        x = x.copy() if clobbers(result, x) else x
    n = cnp.PyArray_SIZE(x)
    e.kernel = k32 if t == cnp.NPY_FLOAT else k64
    e.arity = 1
    e.chain = False
    e.x[0] = <const char*> cnp.PyArray_DATA(x)
    e.size[0] = e.out_size = cnp.PyArray_ITEMSIZE(x)
    e.scalar[0] = False
    e.out = <char*> cnp.PyArray_DATA(result)
    e.p[0], e.p[1], e.p[2], e.p[3] = p0, p1, p2, p3
    if n < 2 * MAP_GRAIN:
        elementwise_range(&e, 0, n, False)
    else:
        with nogil:
            elementwise(&e, n)
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
    e.chain = False
    e.kernel = k32 if t == cnp.NPY_FLOAT else k64
    e.p[0], e.p[1], e.p[2], e.p[3] = p0, p1, p2, p3
    return run_elementwise([x, y], &e, t, out)


cdef cnp.ndarray map_chain(cnp.ndarray x, cnp.ndarray dy, void* k32, void* k64, object out=None, double p0=0,
                           double p1=0, double p2=0, double p3=0):
    """``dy * kernel(x)``, the kernel being the derivative ``kernel(x, dx)`` of a function of one operand."""
    cdef Elementwise e
    cdef int t = common_type(x, dy)
    e.chain = True
    e.kernel = k32 if t == cnp.NPY_FLOAT else k64
    e.p[0], e.p[1], e.p[2], e.p[3] = p0, p1, p2, p3
    return run_elementwise([x, dy], &e, t, out)


cdef cnp.ndarray map3(cnp.ndarray x, cnp.ndarray y, cnp.ndarray z, void* k32, void* k64, object out=None, double p0=0,
                      double p1=0, double p2=0, double p3=0):
    """``kernel(x, y, z, out)`` over three operands of one dtype, broadcast together."""
    cdef Elementwise e
    cdef int t = common_type(x, y)
    common_type(x, z)
    e.chain = False
    e.kernel = k32 if t == cnp.NPY_FLOAT else k64
    e.p[0], e.p[1], e.p[2], e.p[3] = p0, p1, p2, p3
    return run_elementwise([x, y, z], &e, t, out)


cdef cnp.ndarray map_many(list operands, void* k32, void* k64):
    """``kernel((x, y, ...), out)`` over four to MAX_OPERANDS operands of one dtype, broadcast together."""
    cdef Elementwise e
    cdef int t = float_type(operands[0])
    for x in operands:
        common_type(operands[0], x)
    e.chain = False
    e.kernel = k32 if t == cnp.NPY_FLOAT else k64
    return run_elementwise(operands, &e, t, None)


cdef cnp.ndarray compare2(cnp.ndarray x, cnp.ndarray y, void* k32, void* k64):
    """``kernel(x, y, out)`` with a bool result."""
    cdef Elementwise e
    e.chain = False
    e.kernel = k32 if common_type(x, y) == cnp.NPY_FLOAT else k64
    return run_elementwise([x, y], &e, cnp.NPY_BOOL, None)
