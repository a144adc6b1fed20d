# Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a block cipher of a counter.
#
# Element e of a stream is a function of the seed, the stream and e alone. Counters are taken PHILOX at a time, a lane
# each; the four words of the lanes, one after the other, belong to 4 * PHILOX successive elements of 32 bits.

cdef enum:
    PHILOX = 32                 # counters encrypted together
    RANDOM_GRAIN = 2048

cdef enum:                      # streams: apart, so that no word is used twice
    WORDS = 0                   # float32 uniforms, dropout masks
    DOUBLES = 1                 # float64 uniforms: two words
    NORMALS = 2                 # float32 normals: one word
    DOUBLE_NORMALS = 3          # float64 normals: two words
    PERMUTATIONS = 4            # places: one word; drawn again from the streams after it


cdef void philox(uint64_t seed, uint64_t block, uint32_t stream, uint32_t* words) noexcept nogil:
    """Words 0 of PHILOX counters, words 1, 2 and 3."""
    cdef uint32_t x0[PHILOX]
    cdef uint32_t x1[PHILOX]
    cdef uint32_t x2[PHILOX]
    cdef uint32_t x3[PHILOX]
    cdef uint32_t key0 = <uint32_t> seed, key1 = <uint32_t> (seed >> 32), a, b
    cdef uint64_t first = block * PHILOX, p, q
    cdef int j, r
    for j in range(PHILOX):
        x0[j] = <uint32_t> (first + <uint64_t> j)
        x1[j] = <uint32_t> (first >> 32)        # a block never straddles 2**32 counters
        x2[j] = stream
        x3[j] = 0
    for r in range(10):
        for j in range(PHILOX):
            p = <uint64_t> x0[j] * <uint64_t> 0xD2511F53
            q = <uint64_t> x2[j] * <uint64_t> 0xCD9E8D57
            a, b = x1[j], x3[j]
            x0[j] = <uint32_t> (q >> 32) ^ a ^ key0
            x1[j] = <uint32_t> q
            x2[j] = <uint32_t> (p >> 32) ^ b ^ key1
            x3[j] = <uint32_t> p
        key0 += <uint32_t> 0x9E3779B9
        key1 += <uint32_t> 0xBB67AE85
    memcpy(words, x0, sizeof(x0))
    memcpy(words + PHILOX, x1, sizeof(x1))
    memcpy(words + 2 * PHILOX, x2, sizeof(x2))
    memcpy(words + 3 * PHILOX, x3, sizeof(x3))


cdef inline double from_word(uint32_t w) noexcept nogil:
    """w as a double, by or-ing it into the mantissa of 2**52."""
    return double_of(<int64_t> (<uint64_t> w | <uint64_t> 0x4330000000000000)) - 4503599627370496.0


cdef inline double unit53(uint32_t high, uint32_t low) noexcept nogil:
    """53 bits as a multiple of 2**-53 in [0, 1)."""
    return (from_word(high) * 2097152.0 + from_word(low >> 11)) * 2.0 ** -53


cdef inline double cos_turn(double u, double quarter) noexcept nogil:
    """cos of u turns less ``quarter`` quarter turns, by Taylor series about the nearest quarter."""
    cdef double k = round_even(4 * u), x = (4 * u - k) * 1.5707963267948966, z = x * x, c, s, y
    c = ((((((((1 / 20922789888000. * z - 1 / 87178291200.) * z + 1 / 479001600.) * z - 1 / 3628800.) * z
            + 1 / 40320.) * z - 1 / 720.) * z + 1 / 24.) * z - 0.5) * z + 1)
    s = ((((((-1 / 1307674368000. * z + 1 / 6227020800.) * z - 1 / 39916800.) * z + 1 / 362880.) * z - 1 / 5040.) * z
            + 1 / 120.) * z - 1 / 6.) * z * x + x
    k = k - quarter
    y = c if (k == 0) | (k == 2) | (k == 4) else s      # cos(x + k quarters) is c, -s, -c, s for k = 0, 1, 2, 3
    return -y if (k == 1) | (k == 2) else y


# Values of one block of counters

ctypedef void (*Generate)(uint64_t seed, uint64_t block, void* values) noexcept nogil


cdef void uniform_float(uint64_t seed, uint64_t block, float* values) noexcept nogil:
    cdef uint32_t w[4 * PHILOX]
    cdef int j
    philox(seed, block, WORDS, w)
    for j in range(4 * PHILOX):
        values[j] = <float> <int32_t> (w[j] >> 8) * <float> (2.0 ** -24)


cdef void uniform_double(uint64_t seed, uint64_t block, double* values) noexcept nogil:
    cdef uint32_t w[4 * PHILOX]
    cdef int j
    philox(seed, block, DOUBLES, w)
    for j in range(PHILOX):
        values[j] = unit53(w[j], w[PHILOX + j])
        values[PHILOX + j] = unit53(w[2 * PHILOX + j], w[3 * PHILOX + j])


# Box and Muller: sqrt(-2 log(u)) times the cosine and the sine of v turns are two independent normals

cdef void normal_float(uint64_t seed, uint64_t block, float* values) noexcept nogil:
    cdef uint32_t w[4 * PHILOX]
    cdef double radius, v
    cdef int j, half
    philox(seed, block, NORMALS, w)
    for half in range(2):
        for j in range(2 * half * PHILOX, (2 * half + 1) * PHILOX):
            radius = cmath.sqrt(-2 * log_((from_word(w[j]) + 0.5) * 2.0 ** -32))
            v = from_word(w[PHILOX + j]) * 2.0 ** -32
            values[j] = <float> (radius * cos_turn(v, 0))
            values[PHILOX + j] = <float> (radius * cos_turn(v, 1))


cdef void normal_double(uint64_t seed, uint64_t block, double* values) noexcept nogil:
    cdef uint32_t w[4 * PHILOX]
    cdef double radius, v
    cdef int j
    philox(seed, block, DOUBLE_NORMALS, w)
    for j in range(PHILOX):
        radius = cmath.sqrt(-2 * log_(unit53(w[j], w[PHILOX + j]) + 2.0 ** -54))
        v = unit53(w[2 * PHILOX + j], w[3 * PHILOX + j])
        values[j] = radius * cos_turn(v, 0)
        values[PHILOX + j] = radius * cos_turn(v, 1)


cdef struct Draw:
    Generate generate
    uint64_t seed, offset
    Py_ssize_t n
    int block                   # elements per block of counters
    Py_ssize_t size             # bytes per element
    char* out
    const char* x               # dropout only
    double keep_scale
    uint32_t threshold


cdef void draw_block(const Draw* d, uint64_t block, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Elements lo to hi, which are all of this block."""
    cdef double values[4 * PHILOX]
    cdef Py_ssize_t skip = <Py_ssize_t> ((d.offset + <uint64_t> lo) % d.block)
    d.generate(d.seed, block, values)
    memcpy(d.out + lo * d.size, <char*> values + skip * d.size, (hi - lo) * d.size)


cdef void mask_block(const floating* x, floating* y, const uint32_t* w, Py_ssize_t n, uint32_t threshold,
                     floating scale) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = x[i] * (scale if w[i] >= threshold else <floating> 0)


cdef void dropout_block(const Draw* d, uint64_t block, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef uint32_t w[4 * PHILOX]
    cdef Py_ssize_t skip = <Py_ssize_t> ((d.offset + <uint64_t> lo) % d.block)
    philox(d.seed, block, WORDS, w)
    if d.size == 4:
        mask_block(<const float*> d.x + lo, <float*> d.out + lo, w + skip, hi - lo, d.threshold, <float> d.keep_scale)
    else:
        mask_block(<const double*> d.x + lo, <double*> d.out + lo, w + skip, hi - lo, d.threshold, d.keep_scale)


cdef void draw_range(const Draw* d, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef uint64_t block
    cdef Py_ssize_t end
    while lo < hi:
        block = (d.offset + <uint64_t> lo) // <uint64_t> d.block
        end = min(hi, <Py_ssize_t> ((block + 1) * <uint64_t> d.block - d.offset))
        if d.x:
            dropout_block(d, block, lo, end)
        else:
            draw_block(d, block, lo, end)
        lo = end


cdef void run_draw(const Draw* d) noexcept nogil:
    cdef int t, threads = threads_for(d.n, RANDOM_GRAIN)
    if threads <= 1:
        draw_range(d, 0, d.n)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        draw_range(d, d.n * t // threads, d.n * (t + 1) // threads)


cdef cnp.ndarray draw(object shape, object seed, object offset, object dtype, Generate f32, Generate f64):
    cdef Draw d
    cdef cnp.ndarray out = np.empty(shape, dtype)
    cdef bint single = float_type(out) == cnp.NPY_FLOAT
    d.generate = f32 if single else f64
    d.block = (4 if single else 2) * PHILOX
    d.seed, d.offset = seed & 0xFFFFFFFFFFFFFFFF, offset
    d.n, d.size = cnp.PyArray_SIZE(out), cnp.PyArray_ITEMSIZE(out)
    d.out, d.x = <char*> cnp.PyArray_DATA(out), NULL
    with nogil:
        run_draw(&d)
    return out


def uniform(shape, seed, offset, dtype):
    """Elements ``offset`` and on of the uniform stream of ``seed``, in [0, 1): 24 bits for float32, 53 for float64."""
    return draw(shape, seed, offset, dtype, <Generate> uniform_float, <Generate> uniform_double)


def normal(shape, seed, offset, dtype):
    """Elements ``offset`` and on of the standard normal stream of ``seed``."""
    return draw(shape, seed, offset, dtype, <Generate> normal_float, <Generate> normal_double)


def dropout(cnp.ndarray x, double p, seed, offset):
    """x / (1 - p), or x * 0 with probability p: which of them depends on ``seed`` and ``offset`` + element index."""
    cdef Draw d
    cdef cnp.ndarray out
    float_type(x)
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: expected a probability, got {p}")
    x = contiguous(x)
    out = empty_like(x)
    d.block = 4 * PHILOX
    d.seed, d.offset = seed & 0xFFFFFFFFFFFFFFFF, offset
    d.n, d.size = cnp.PyArray_SIZE(x), cnp.PyArray_ITEMSIZE(x)
    d.out, d.x = <char*> cnp.PyArray_DATA(out), <const char*> cnp.PyArray_DATA(x)
    d.keep_scale = 1 / (1 - p) if p < 1 else 0
    d.threshold = <uint32_t> min(p * 4294967296.0, 4294967295.0)
    with nogil:
        run_draw(&d)
    return out


def dropout_backward(dy, double p, seed, offset):
    """The gradient of ``dropout``: the same mask and factor."""
    return dropout(dy, p, seed, offset)


# Permutations

cdef uint32_t redrawn(uint64_t seed, uint64_t place, uint64_t n, uint64_t most) noexcept nogil:
    """What word ``place`` of the stream gives below n if it was beyond ``most``: the same word of the streams after it."""
    cdef uint32_t w[4 * PHILOX]
    cdef uint32_t stream = PERMUTATIONS
    cdef uint64_t product
    while True:
        stream += 1
        philox(seed, place // (4 * PHILOX), stream, w)
        product = w[place % (4 * PHILOX)] * n
        if (product & <uint64_t> 0xffffffff) >= most:
            return <uint32_t> (product >> 32)


cdef void permute(uint64_t seed, uint64_t offset, const uint32_t* w, int64_t* y, Py_ssize_t n) noexcept nogil:
    """Each number takes a random place among those so far, and what was there comes last (Fisher and Yates).

    A word times the number of places, over 2**32, is one of them; of the words that give a place more often than others
    the surplus is drawn again (Lemire, "Fast random integer generation in an interval", 2019).
    """
    cdef uint64_t product, places
    cdef Py_ssize_t i, place
    for i in range(n):
        places = <uint64_t> i + 1
        product = w[i] * places
        place = <Py_ssize_t> (product >> 32)
        if (product & <uint64_t> 0xffffffff) < places:
            if (product & <uint64_t> 0xffffffff) < (<uint64_t> 1 << 32) % places:
                place = redrawn(seed, offset + <uint64_t> i, places, (<uint64_t> 1 << 32) % places)
        y[i] = y[place]
        y[place] = i


def permutation(Py_ssize_t n, seed, offset):
    """0 ... n - 1 in an order given by words ``offset`` and on of a stream of ``seed``."""
    cdef cnp.ndarray y
    cdef uint64_t start = offset, key = seed & 0xFFFFFFFFFFFFFFFF, first = start // (4 * PHILOX)
    cdef Py_ssize_t skip = <Py_ssize_t> (start % (4 * PHILOX)), blocks, i
    cdef int threads
    cdef uint32_t* words
    if not 0 <= n < 1 << 32:
        raise ValueError(f"permutation: of {n} numbers")
    y = empty_shape((n,), cnp.NPY_INT64)
    blocks = (skip + n + 4 * PHILOX - 1) // (4 * PHILOX)
    threads = threads_for(n, RANDOM_GRAIN)
    words = <uint32_t*> workspace(blocks * 4 * PHILOX * sizeof(uint32_t))
    if words == NULL:
        raise MemoryError(f"permutation: no workspace for {n} numbers")
    with nogil:
        if threads == 1:
            for i in range(blocks):
                philox(key, first + <uint64_t> i, PERMUTATIONS, words + i * 4 * PHILOX)
        else:
            for i in prange(blocks, num_threads=threads, schedule="static"):
                philox(key, first + <uint64_t> i, PERMUTATIONS, words + i * 4 * PHILOX)
        permute(key, start, words + skip, <int64_t*> cnp.PyArray_DATA(y), n)
        release(words)
    return y
