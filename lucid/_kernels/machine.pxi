# What this machine can do at most, measured with this build: the limits that docs/performance.md compares kernels with.

from time import perf_counter

cdef extern from *:
    """
    #if defined(__AVX512F__)
    #define LUCID_VECTOR 64
    #elif defined(__AVX__)
    #define LUCID_VECTOR 32
    #else
    #define LUCID_VECTOR 16
    #endif
    #define LUCID_CHAINS 12  /* enough independent ones to hide the latency, few enough for 16 registers */
    typedef float lucid_vector __attribute__((vector_size(LUCID_VECTOR)));

    /* Read at run time: the chain from 2 stays at 2, so a compiler that knew the numbers would leave it out. */
    static volatile float lucid_factor = 0.5f, lucid_term = 1.0f;

    /* Multiply-adds between registers alone; the result is there to be used. */
    static float lucid_multiply_add(long turns) {
        const float a = lucid_factor, b = lucid_term;
        lucid_vector x[LUCID_CHAINS], sum;
        for (int j = 0; j < LUCID_CHAINS; j++) x[j] = (lucid_vector) {0} + (float) j;
        for (long i = 0; i < turns; i++)
            for (int j = 0; j < LUCID_CHAINS; j++) x[j] = x[j] * a + b;
        sum = x[0];
        for (int j = 1; j < LUCID_CHAINS; j++) sum += x[j];
        return sum[0];
    }
    """
    float multiply_add "lucid_multiply_add" (long turns) noexcept nogil
    cdef enum:
        VECTOR "LUCID_VECTOR"
        CHAINS "LUCID_CHAINS"

cdef enum:
    FMA_TURNS = 1 << 20     # of the loop per measurement: about two milliseconds


cdef void run_multiply_add(float* sums, int threads) noexcept nogil:
    cdef int t
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        sums[t * 64] = multiply_add(FMA_TURNS)


cdef void run_copy(char* out, const char* x, Py_ssize_t n, int threads) noexcept nogil:
    cdef int t
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        memcpy(out + n * t // threads, x + n * t // threads, n * (t + 1) // threads - n * t // threads)


def peak_fma(double seconds) -> float:
    """Operations per second of float32 multiply-adds that touch no memory, on all threads: the best in ``seconds``."""
    cdef int threads = thread_limit
    cdef double start, end = perf_counter() + seconds, best = 0
    cdef float* sums = <float*> aligned_malloc(threads * 64 * sizeof(float))
    if sums == NULL:
        raise MemoryError("peak_fma: no memory")
    while True:
        start = perf_counter()
        with nogil:
            run_multiply_add(sums, threads)
        now = perf_counter()
        best = cmath.fmax(best, 2.0 * threads * FMA_TURNS * CHAINS * (VECTOR // 4) / (now - start))
        if now >= end:
            break
    aligned_free(sums)
    return best


def copy_bandwidth(double seconds, Py_ssize_t size=40_000_000) -> float:
    """Bytes read and written per second by copying ``size`` bytes on all threads: the median in ``seconds``."""
    cdef int threads = thread_limit
    cdef double start, end = perf_counter() + seconds
    cdef list spent = []
    cdef char* x = <char*> aligned_malloc(size)
    cdef char* y = <char*> aligned_malloc(size)
    if x == NULL or y == NULL:
        aligned_free(x)
        aligned_free(y)
        raise MemoryError(f"copy_bandwidth: no memory for two buffers of {size} bytes")
    memset(x, 1, size)
    memset(y, 2, size)
    while not spent or perf_counter() < end:
        start = perf_counter()
        with nogil:
            run_copy(y, x, size, threads)
        spent.append(perf_counter() - start)
    aligned_free(x)
    aligned_free(y)
    return 2.0 * size / sorted(spent)[len(spent) // 2]
