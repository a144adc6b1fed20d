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
    void* number                        # a Map1 for two operands of which one is the number p[0], or NULL ...
    bint swaps                          # ... whichever of the two
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


cdef void number_range(const Elementwise* e, int own, Py_ssize_t lo, Py_ssize_t hi, bint past) noexcept nogil:
    """As ``elementwise_range`` where operand ``own`` has elements and the other is a number, which a register holds."""
    cdef Elementwise f
    cdef const char* value = e.x[1 - own]
    f.kernel, f.number, f.arity, f.chain = e.number, NULL, 1, False
    f.x[0], f.size[0], f.scalar[0] = e.x[own], e.size[own], False
    f.out, f.out_size = e.out, e.out_size
    f.p[0] = (<const float*> value)[0] if e.size[own] == 4 else (<const double*> value)[0]
    elementwise_range(&f, lo, hi, past)


cdef void elementwise_range(const Elementwise* e, Py_ssize_t lo, Py_ssize_t hi, bint past) noexcept nogil:
    """Elements lo to hi of a flat call; ``past``: the result is written past the caches."""
    cdef char staged[MAX_OPERANDS][8 * BLOCK]
    cdef char fresh[8 * BLOCK]
    cdef char tail[8 * LANES]
    cdef const char* x[MAX_OPERANDS]
    cdef Py_ssize_t n, step = BLOCK, first = lo
    cdef int i
    cdef bint direct = True, own = not past
    if e.number != NULL and e.scalar[1] and not e.scalar[0]:
        number_range(e, 0, lo, hi, past)
        return
    if e.number != NULL and e.swaps and e.scalar[0] and not e.scalar[1]:
        number_range(e, 1, lo, hi, past)
        return
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
    e.chain, e.number = False, NULL
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
