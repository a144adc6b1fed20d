# Products whose k steps read rows of B at given offsets, and the copies that lay those rows out.

cdef extern from *:
    """
    /* Lanes of a dot product by pixels. */
    #if defined(__AVX2__)
    #define LUCID_LINE32 64
    #define LUCID_LINE64 32
    #else
    #define LUCID_LINE32 32
    #define LUCID_LINE64 20
    #endif

    #if defined(__AVX2__) && !defined(__AVX512F__)
    /* Elements with even and with odd numbers of 16. */
    static inline void lucid_halves(const float *x, __m256 *even, __m256 *odd) {
        const __m256 a = _mm256_loadu_ps(x), b = _mm256_loadu_ps(x + 8);
        *even = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88)), 0xd8));
        *odd = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(_mm256_shuffle_ps(a, b, 0xdd)), 0xd8));
    }
    #endif

    /* out[i] = x[2i]: short rows, for which the vectors of the compiler's loops are too long. */
    static inline void lucid_every_second(const float *x, Py_ssize_t n, float *out) {
    #if defined(__AVX512F__)
        const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
        for (Py_ssize_t i = 0; i < n; i += 16) {
            int count = n - i < 16 ? (int) (n - i) : 16;
            uint32_t read = 0x7fffffffu >> (32 - 2 * count);   /* up to the last one wanted */
            __m512 a = _mm512_maskz_loadu_ps((__mmask16) read, x + 2 * i);
            __m512 b = _mm512_maskz_loadu_ps((__mmask16) (read >> 16), x + 2 * i + 16);
            _mm512_mask_storeu_ps(out + i, (__mmask16) ((1u << count) - 1), _mm512_permutex2var_ps(a, even, b));
        }
    #else
        Py_ssize_t i = 0;
    #if defined(__AVX2__)
        for (__m256 a, b; i + 9 <= n; i += 8) {     /* not beyond the last one wanted */
            lucid_halves(x + 2 * i, &a, &b);
            _mm256_storeu_ps(out + i, a);
        }
    #endif
        for (; i < n; i++) out[i] = x[2 * i];
    #endif
    }

    /* even[i] = x[2i] for i < n and odd[i] = x[2i + 1] for i < m; n is m or m + 1. */
    static inline void lucid_split(const float *x, Py_ssize_t n, Py_ssize_t m, float *even, float *odd) {
    #if defined(__AVX512F__)
        const __m512i first = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
        const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(1));
        for (Py_ssize_t i = 0; i < n; i += 16) {
            int count = n - i < 16 ? (int) (n - i) : 16, other = m - i < 16 ? (int) (m - i) : 16;
            uint32_t read = 0xffffffffu >> (32 - count - other);
            __m512 a = _mm512_maskz_loadu_ps((__mmask16) read, x + 2 * i);
            __m512 b = _mm512_maskz_loadu_ps((__mmask16) (read >> 16), x + 2 * i + 16);
            _mm512_mask_storeu_ps(even + i, (__mmask16) ((1u << count) - 1), _mm512_permutex2var_ps(a, first, b));
            _mm512_mask_storeu_ps(odd + i, (__mmask16) ((1u << other) - 1), _mm512_permutex2var_ps(a, second, b));
        }
    #elif defined(__AVX2__)
        __m256 a, b;
        for (Py_ssize_t i = 0; i + 8 <= m; i += 8) {
            lucid_halves(x + 2 * i, &a, &b);
            _mm256_storeu_ps(even + i, a);
            _mm256_storeu_ps(odd + i, b);
        }
        if (m >= 8) {       /* the last eight, some of them again */
            lucid_halves(x + 2 * (m - 8), &a, &b);
            _mm256_storeu_ps(even + m - 8, a);
            _mm256_storeu_ps(odd + m - 8, b);
        } else {
            for (Py_ssize_t i = 0; i < m; i++) {
                even[i] = x[2 * i];
                odd[i] = x[2 * i + 1];
            }
        }
        if (n > m) even[m] = x[2 * m];
    #else
        for (Py_ssize_t i = 0; i < n; i++) even[i] = x[2 * i];
        for (Py_ssize_t i = 0; i < m; i++) odd[i] = x[2 * i + 1];
    #endif
    }

    #ifdef __GNUC__
    #define LUCID_CALL(x) __builtin_prefetch(x, 0, 2)
    #else
    #define LUCID_CALL(x) ((void) (x))
    #endif
    """
    void every_second "lucid_every_second" (const float* x, Py_ssize_t n, float* out) noexcept nogil
    void split_row "lucid_split" (const float* x, Py_ssize_t n, Py_ssize_t m, float* even, float* odd) noexcept nogil
    void call_for "LUCID_CALL" (const void* x) noexcept nogil
    cdef enum:
        LINE32 "LUCID_LINE32"
        LINE64 "LUCID_LINE64"


cdef void gather_product(const floating* a, const floating* b, const Py_ssize_t* at, floating* c, Py_ssize_t c_row,
                         Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, bint load) noexcept nogil:
    """``m`` by NR elements of C, of which the first ``n`` columns are wanted, A packed as by ``pack_a``."""
    cdef Py_ssize_t i = 0
    cdef int rows
    while i < m:
        rows = tile_height(a, m - i)
        if floating is float and narrow(a, n):
            narrow_gather_tile(rows, <const float*> a, 1, rows, <const float*> b, at, <float*> c, c_row, k, load)
        else:
            gather_tile(rows, a, 1, rows, b, at, c, c_row, k, load)
        a += rows * k
        c += rows * c_row
        i += rows


cdef void add_taps(const floating* a, const floating* b, const Py_ssize_t* at, floating* c, Py_ssize_t n,
                   Py_ssize_t k) noexcept nogil:
    """c[j] += sum over p of a[p] * b[at[p] + j], nine or three steps of p in one pass over c."""
    cdef const floating* b0
    cdef const floating* b1
    cdef const floating* b2
    cdef const floating* b3
    cdef const floating* b4
    cdef const floating* b5
    cdef const floating* b6
    cdef const floating* b7
    cdef const floating* b8
    cdef floating a0, a1, a2, a3, a4, a5, a6, a7, a8
    cdef Py_ssize_t p = 0, j
    while p + 9 <= k:
        a0, a1, a2, a3, a4 = a[p], a[p + 1], a[p + 2], a[p + 3], a[p + 4]
        a5, a6, a7, a8 = a[p + 5], a[p + 6], a[p + 7], a[p + 8]
        b0, b1, b2, b3, b4 = b + at[p], b + at[p + 1], b + at[p + 2], b + at[p + 3], b + at[p + 4]
        b5, b6, b7, b8 = b + at[p + 5], b + at[p + 6], b + at[p + 7], b + at[p + 8]
        for j in range(n):
            c[j] = madd(a8, b8[j], madd(a7, b7[j], madd(a6, b6[j], madd(a5, b5[j], madd(a4, b4[j], madd(a3, b3[j],
                   madd(a2, b2[j], madd(a1, b1[j], madd(a0, b0[j], c[j])))))))))
        p += 9
    while p + 3 <= k:
        a0, a1, a2 = a[p], a[p + 1], a[p + 2]
        b0, b1, b2 = b + at[p], b + at[p + 1], b + at[p + 2]
        for j in range(n):
            c[j] = madd(a2, b2[j], madd(a1, b1[j], madd(a0, b0[j], c[j])))
        p += 3
    while p < k:
        a0, b0 = a[p], b + at[p]
        for j in range(n):
            c[j] = madd(a0, b0[j], c[j])
        p += 1


cdef void line_product(const floating* a, const floating* b, const Py_ssize_t* at, floating* c, Py_ssize_t c_row,
                       Py_ssize_t columns, Py_ssize_t m, Py_ssize_t k, bint load) noexcept nogil:
    """``m`` by ``columns`` elements of C, rows of A one under another: for too few rows to make a tile."""
    cdef floating sums[1024]
    cdef Py_ssize_t r, first, j, width
    for r in range(m):
        for first in range(0, columns, 1024):
            width = min(columns - first, 1024)
            memset(sums, 0, width * sizeof(floating))
            add_taps(a + r * k, b + first, at, sums, width, k)
            if load:
                for j in range(width):
                    c[r * c_row + first + j] += sums[j]
            else:
                memcpy(c + r * c_row + first, sums, width * sizeof(floating))


# Rows of an image with their zero border

cdef inline Py_ssize_t floor_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return a // b if a >= 0 else -((b - 1 - a) // b)


cdef inline Py_ssize_t ceil_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b


cdef inline void zero_row(floating* out, Py_ssize_t n) noexcept nogil:
    """The border is mostly one or two pixels."""
    if n > 0:
        out[0] = 0
    if n > 1:
        out[n - 1] = 0
    if n > 2:
        memset(out, 0, n * sizeof(floating))


cdef inline void stage_part(const floating* x, Py_ssize_t step, Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t n,
                            floating* out) noexcept nogil:
    """out[i] = x[i * step] for lo <= i < hi, zero for the other i < n."""
    cdef Py_ssize_t i
    zero_row(out, lo)
    if step == 1:
        copy_row(x + lo, out + lo, hi - lo)
    elif step == 2 and floating is float:
        every_second(<const float*> x + lo * 2, hi - lo, <float*> out + lo)
    else:
        for i in range(lo, hi):
            out[i] = x[i * step]
    zero_row(out + hi, n - hi)


cdef inline Py_ssize_t stage_from(Py_ssize_t step, Py_ssize_t first, Py_ssize_t n) noexcept nogil:
    """The first of n elements that ``stage_row`` takes from the row."""
    return min(ceil_div(-first, step), n) if first < 0 else 0


cdef inline Py_ssize_t stage_to(Py_ssize_t step, Py_ssize_t first, Py_ssize_t width, Py_ssize_t n) noexcept nogil:
    """The one after the last."""
    return min(max(floor_div(width - 1 - first, step) + 1, stage_from(step, first, n)), n)


cdef inline void stage_row(const floating* x, Py_ssize_t step, Py_ssize_t first, Py_ssize_t width, Py_ssize_t n,
                           floating* out) noexcept nogil:
    """out[i] = x[first + i * step], zero outside 0 <= index < width."""
    stage_part(x + first, step, stage_from(step, first, n), stage_to(step, first, width, n), n, out)
