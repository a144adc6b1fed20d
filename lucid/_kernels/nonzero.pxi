# Elements where a mask holds, and their places: counted chunk by chunk, then written where the counts say.

cdef extern from *:
    """
    #if defined(__GNUC__)
    #define lucid_lowest(x) __builtin_ctzll(x)
    #else
    static inline int lucid_lowest(uint64_t x) {
        int n = 0;
        for (; !(x & 1); x >>= 1) n++;
        return n;
    }
    #endif
    /* A bit for each of n bytes that is not 0, at most 64. */
    static inline uint64_t lucid_mask_bits(const char *x, int64_t n) {
        uint64_t bits = 0;
        for (int64_t i = 0; i + 8 <= n; i += 8) {
            uint64_t w;
            memcpy(&w, x + i, 8);
            w = (((w & 0x7f7f7f7f7f7f7f7fu) + 0x7f7f7f7f7f7f7f7fu) | w) >> 7 & 0x0101010101010101u;
            bits |= (w * 0x0102040810204080u >> 56) << i;
        }
        for (int64_t i = n & ~(int64_t) 7; i < n; i++) bits |= (uint64_t) (x[i] != 0) << i;
        return bits;
    }
    """
    int lowest_bit "lucid_lowest" (uint64_t x) noexcept nogil
    uint64_t mask_bits "lucid_mask_bits" (const char* x, Py_ssize_t n) noexcept nogil

cdef enum:
    MASK_GRAIN = 16384          # elements
    MASK_CHUNK = 4096           # elements counted together


cdef struct Masked:
    const char* mask
    Py_ssize_t n
    int64_t* starts             # of the results of each chunk
    int ndim                    # for places: of the mask ...
    const cnp.npy_intp* shape
    Py_ssize_t row, column      # ... and how far apart those of an element and of a dimension are
    int64_t* places
    const char* x               # for elements: so many bytes each
    Py_ssize_t size
    char* y

ctypedef void (*Chunk)(const Masked* m, Py_ssize_t chunk) noexcept nogil


cdef void count_chunk(const Masked* m, Py_ssize_t chunk) noexcept nogil:
    cdef Py_ssize_t lo = chunk * MASK_CHUNK, n = min(MASK_CHUNK, m.n - lo), i
    cdef const char* x = m.mask + lo
    cdef int32_t count = 0
    for i in range(n):
        count += x[i] != 0
    m.starts[chunk + 1] = count


cdef void places_chunk(const Masked* m, Py_ssize_t chunk) noexcept nogil:
    """Indices along all dimensions: the leading ones of a row of the mask, and those of its elements."""
    cdef Py_ssize_t at = chunk * MASK_CHUNK, hi = min(m.n, at + MASK_CHUNK), last = m.shape[m.ndim - 1], rest = at // last
    cdef Py_ssize_t j = at % last, end
    cdef cnp.npy_intp lead[MAX_DIMS]
    cdef int64_t* y = m.places + m.starts[chunk] * m.row
    cdef int64_t* own = y + (m.ndim - 1) * m.column
    cdef uint64_t bits
    cdef int d, ahead = m.ndim - 1
    for d in range(ahead - 1, -1, -1):
        lead[d] = rest % m.shape[d]
        rest //= m.shape[d]
    while at < hi:
        end = min(min(last, j + 64), j + hi - at)
        bits = mask_bits(m.mask + at, end - j)
        while bits:
            own[0] = j + lowest_bit(bits)
            for d in range(ahead):
                y[d * m.column] = lead[d]
            own += m.row
            y += m.row
            bits &= bits - 1
        at += end - j
        j = end
        if j == last:
            j, d = 0, ahead - 1
            while d >= 0:
                lead[d] += 1
                if lead[d] < m.shape[d]:
                    break
                lead[d] = 0
                d -= 1


cdef inline void take_items(const moved* x, moved* y, const char* mask, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, k = 0
    cdef uint64_t bits
    for i in range(0, n, 64):
        bits = mask_bits(mask + i, min(64, n - i))
        while bits:
            y[k] = x[i + lowest_bit(bits)]
            k += 1
            bits &= bits - 1


cdef void take_chunk(const Masked* m, Py_ssize_t chunk) noexcept nogil:
    cdef Py_ssize_t lo = chunk * MASK_CHUNK, n = min(MASK_CHUNK, m.n - lo), i
    cdef const char* mask = m.mask + lo
    cdef const char* x = m.x + lo * m.size
    cdef char* y = m.y + m.starts[chunk] * m.size
    if m.size == 1:
        take_items(<const uint8_t*> x, <uint8_t*> y, mask, n)
    elif m.size == 2:
        take_items(<const uint16_t*> x, <uint16_t*> y, mask, n)
    elif m.size == 4:
        take_items(<const uint32_t*> x, <uint32_t*> y, mask, n)
    elif m.size == 8:
        take_items(<const uint64_t*> x, <uint64_t*> y, mask, n)
    else:
        for i in range(n):
            if mask[i]:
                memcpy(y, x + i * m.size, m.size)
                y += m.size


cdef void each_chunk(const Masked* m, Chunk work, int threads) noexcept nogil:
    cdef Py_ssize_t chunks = ceil_div(m.n, MASK_CHUNK), chunk
    if threads == 1:
        for chunk in range(chunks):
            work(m, chunk)
        return
    for chunk in prange(chunks, num_threads=threads, schedule="static"):
        work(m, chunk)


cdef Py_ssize_t count_mask(str name, Masked* m, cnp.ndarray mask) except -1:
    """How often the mask holds; the caller releases ``starts``."""
    cdef Py_ssize_t chunks, chunk
    m.mask, m.n = <const char*> cnp.PyArray_DATA(mask), cnp.PyArray_SIZE(mask)
    chunks = ceil_div(m.n, MASK_CHUNK)
    m.starts = <int64_t*> workspace((chunks + 1) * sizeof(int64_t))
    if m.starts == NULL:
        raise MemoryError(f"{name}: no workspace for {m.n} elements")
    with nogil:
        m.starts[0] = 0
        each_chunk(m, count_chunk, threads_for(m.n, MASK_GRAIN))
        for chunk in range(chunks):
            m.starts[chunk + 1] += m.starts[chunk]
    return m.starts[chunks]


cdef int check_mask(str name, cnp.ndarray mask) except -1:
    if cnp.PyArray_TYPE(mask) != cnp.NPY_BOOL or cnp.PyArray_NDIM(mask) == 0:
        raise TypeError(f"{name}: expected a bool mask of at least one dimension, got {mask.dtype} {np.shape(mask)}")
    return 0


def nonzero(mask, bint columns=False):
    """Indices (count, ndim) of where a bool array holds; (ndim, count) with ``columns``."""
    cdef cnp.ndarray own = contiguous(mask), y
    cdef Masked m
    cdef Py_ssize_t count
    cdef cnp.npy_intp extents[2]
    check_mask("nonzero", own)
    count = count_mask("nonzero", &m, own)
    try:
        m.ndim, m.shape = cnp.PyArray_NDIM(own), cnp.PyArray_DIMS(own)
        extents[columns], extents[not columns] = count, m.ndim
        y = empty(2, extents, cnp.NPY_INT64)
        m.row, m.column, m.places = 1 if columns else m.ndim, count if columns else 1, <int64_t*> cnp.PyArray_DATA(y)
        if count:
            with nogil:
                each_chunk(&m, places_chunk, threads_for(m.n, MASK_GRAIN))
    finally:
        release(m.starts)
    return y


def take_where(x, mask):
    """The elements of ``x`` where ``mask`` holds, which has its shape or that of its first dimensions: (count, ...)."""
    cdef cnp.ndarray a = contiguous(x), own = contiguous(mask), y
    cdef Masked m
    cdef Py_ssize_t count
    cdef int t = cnp.PyArray_TYPE(a), ndim = cnp.PyArray_NDIM(own), d
    cdef cnp.npy_intp extents[MAX_DIMS]
    check_mask("take_where", own)
    if ndim > cnp.PyArray_NDIM(a) or np.shape(a)[:ndim] != np.shape(own) or (t >= cnp.NPY_OBJECT and t != cnp.NPY_FLOAT16):
        raise ValueError(f"take_where: a mask of {np.shape(own)} for {a.dtype} {np.shape(a)}")
    count = count_mask("take_where", &m, own)
    try:
        extents[0], m.size = count, cnp.PyArray_ITEMSIZE(a)
        for d in range(ndim, cnp.PyArray_NDIM(a)):
            extents[1 + d - ndim] = cnp.PyArray_DIM(a, d)
            m.size *= extents[1 + d - ndim]
        y = empty_items(1 + cnp.PyArray_NDIM(a) - ndim, extents, t, cnp.PyArray_ITEMSIZE(a))
        m.x, m.y = <const char*> cnp.PyArray_DATA(a), <char*> cnp.PyArray_DATA(y)
        if count and m.size:
            with nogil:
                each_chunk(&m, take_chunk, threads_for(m.n * max(1.0, m.size / 8.0), MASK_GRAIN))
    finally:
        release(m.starts)
    return y
