# What every matrix product is made of: the micro-kernel, the tiles it covers C with, and the packing of its operands.
#
# The k axis is cut into equal blocks of at most K_STEPS. In a block, an element of C is one chain
# sum = madd(a[i, k], b[k, j], sum) over ascending k from zero; the sums of the blocks are added in ascending order, to
# the bias if there is one. Every path keeps to this, so the bits of an element depend on its row of A and its column of
# B alone: not on the other extents of the product, the thread count, or which path computed it. The rounding error of
# k terms grows as sqrt(k * K_STEPS), where that of one chain grows as k.

cdef extern from *:
    """
    /* Fused where the CPU has the instruction and never otherwise; left to the compiler's contraction, a vector loop
       and a scalar one could round differently. */
    #ifdef __FP_FAST_FMAF
    #define lucid_maddf(a, b, c) __builtin_fmaf(a, b, c)
    #else
    #define lucid_maddf(a, b, c) ((a) * (b) + (c))
    #endif
    #ifdef __FP_FAST_FMA
    #define lucid_madd(a, b, c) __builtin_fma(a, b, c)
    #else
    #define lucid_madd(a, b, c) ((a) * (b) + (c))
    #endif

    /* A tile is MR rows of NR lanes. Its accumulators fill the vector registers but for a row of B and an element of
       A, in shapes that GCC keeps in registers: it unrolls loops of up to 16 before it would vectorise them. */
    #if defined(__AVX512F__)
    #define LUCID_MR32 14
    #define LUCID_NR32 32
    #define LUCID_MR64 8
    #define LUCID_NR64 24
    #elif defined(__AVX2__)
    #define LUCID_MR32 4
    #define LUCID_NR32 24
    #define LUCID_MR64 4
    #define LUCID_NR64 8
    #else
    #define LUCID_MR32 2
    #define LUCID_NR32 20
    #define LUCID_MR64 1
    #define LUCID_NR64 20
    #endif
    #define LUCID_TILE (LUCID_MR32 * LUCID_NR32)

    /* SQUARE columns of as many floats as a vector holds, transposed: quarters of rows are gathered by the loads, and
       shuffles within quarters do the rest. */
    #if defined(__AVX512F__)
    #include <immintrin.h>
    #define LUCID_SQUARE 16
    #define LUCID_V(name) _mm512_##name
    typedef __m512 lucid_row;
    typedef __m512d lucid_pairs;
    #define LUCID_TO_PAIRS _mm512_castps_pd
    #define LUCID_TO_ROW _mm512_castpd_ps
    #elif defined(__AVX2__)
    #include <immintrin.h>
    #define LUCID_SQUARE 8
    #define LUCID_V(name) _mm256_##name
    typedef __m256 lucid_row;
    typedef __m256d lucid_pairs;
    #define LUCID_TO_PAIRS _mm256_castps_pd
    #define LUCID_TO_ROW _mm256_castpd_ps
    #else
    #define LUCID_SQUARE 4
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #define LUCID_V(name) _mm_##name
    typedef __m128 lucid_row;
    typedef __m128d lucid_pairs;
    #define LUCID_TO_PAIRS _mm_castps_pd
    #define LUCID_TO_ROW _mm_castpd_ps
    #endif
    #endif

    #ifdef LUCID_V
    static inline const float *lucid_row_at(const float *x, Py_ssize_t x_row, int i, int rows) {
        return x + (i < rows ? i : rows - 1) * x_row;
    }
    /* Four floats of each of the rows r, r + 4, r + 8 ...; the last row stands in for those from ``rows`` on. */
    static inline lucid_row lucid_quarters(const float *x, Py_ssize_t x_row, int r, int rows) {
    #if LUCID_SQUARE == 16
        lucid_row v = _mm512_castps128_ps512(_mm_loadu_ps(lucid_row_at(x, x_row, r, rows)));
        v = _mm512_insertf32x4(v, _mm_loadu_ps(lucid_row_at(x, x_row, r + 4, rows)), 1);
        v = _mm512_insertf32x4(v, _mm_loadu_ps(lucid_row_at(x, x_row, r + 8, rows)), 2);
        return _mm512_insertf32x4(v, _mm_loadu_ps(lucid_row_at(x, x_row, r + 12, rows)), 3);
    #elif LUCID_SQUARE == 8
        lucid_row v = _mm256_castps128_ps256(_mm_loadu_ps(lucid_row_at(x, x_row, r, rows)));
        return _mm256_insertf128_ps(v, _mm_loadu_ps(lucid_row_at(x, x_row, r + 4, rows)), 1);
    #else
        return _mm_loadu_ps(lucid_row_at(x, x_row, r, rows));
    #endif
    }
    static inline void lucid_four_columns(const float *x, Py_ssize_t x_row, int rows, lucid_row *out) {
        lucid_row a = lucid_quarters(x, x_row, 0, rows), b = lucid_quarters(x, x_row, 1, rows);
        lucid_row c = lucid_quarters(x, x_row, 2, rows), d = lucid_quarters(x, x_row, 3, rows);
        lucid_pairs ab = LUCID_TO_PAIRS(LUCID_V(unpacklo_ps)(a, b)), cd = LUCID_TO_PAIRS(LUCID_V(unpacklo_ps)(c, d));
        out[0] = LUCID_TO_ROW(LUCID_V(unpacklo_pd)(ab, cd));
        out[1] = LUCID_TO_ROW(LUCID_V(unpackhi_pd)(ab, cd));
        ab = LUCID_TO_PAIRS(LUCID_V(unpackhi_ps)(a, b)), cd = LUCID_TO_PAIRS(LUCID_V(unpackhi_ps)(c, d));
        out[2] = LUCID_TO_ROW(LUCID_V(unpacklo_pd)(ab, cd));
        out[3] = LUCID_TO_ROW(LUCID_V(unpackhi_pd)(ab, cd));
    }
    /* The first n floats of a vector. */
    static inline void lucid_store_rows(float *out, lucid_row v, int n) {
    #if LUCID_SQUARE == 16
        _mm512_mask_storeu_ps(out, (__mmask16) ((1u << n) - 1), v);
    #elif LUCID_SQUARE == 8
        static const int masks[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
        _mm256_maskstore_ps(out, _mm256_loadu_si256((const __m256i *) (masks + 8 - n)), v);
    #else
        float all[4];
        _mm_storeu_ps(all, v);
        for (int i = 0; i < n; i++)
            out[i] = all[i];
    #endif
    }
    /* At most SQUARE rows of at least four columns; the last four may be done twice. */
    static inline void lucid_transpose_strip(const float *x, Py_ssize_t x_row, int rows, Py_ssize_t count, float *out,
                                             Py_ssize_t out_row) {
        lucid_row columns[4];
        for (Py_ssize_t j = 0; j < count; j += 4) {
            Py_ssize_t at = j + 4 <= count ? j : count - 4;
            lucid_four_columns(x + at, x_row, rows, columns);
            for (int q = 0; q < 4; q++)
                lucid_store_rows(out + (at + q) * out_row, columns[q], rows);
        }
    }
    static inline lucid_row lucid_madd_row(float a, lucid_row b, lucid_row c) {
    #ifdef __FP_FAST_FMAF
        return LUCID_V(fmadd_ps)(LUCID_V(set1_ps)(a), b, c);
    #else
        return LUCID_V(add_ps)(LUCID_V(mul_ps)(LUCID_V(set1_ps)(a), b), c);
    #endif
    }
    static inline void lucid_dot_square(const float *a, Py_ssize_t a_step, const float *x, Py_ssize_t x_row, int rows,
                                        float *out, Py_ssize_t k) {
        lucid_row columns[4], sum = LUCID_V(setzero_ps)();
        Py_ssize_t p = 0;
        for (; p + 4 <= k; p += 4) {
            lucid_four_columns(x + p, x_row, rows, columns);
            for (int q = 0; q < 4; q++)
                sum = lucid_madd_row(a[(p + q) * a_step], columns[q], sum);
        }
        LUCID_V(storeu_ps)(out, sum);
        for (; p < k; p++)
            for (int i = 0; i < rows; i++)
                out[i] = lucid_maddf(a[p * a_step], x[i * x_row + p], out[i]);
    }
    #else
    static inline void lucid_transpose_strip(const float *x, Py_ssize_t x_row, int rows, Py_ssize_t count, float *out,
                                             Py_ssize_t out_row) {
        for (Py_ssize_t j = 0; j < count; j++)
            for (int i = 0; i < rows; i++)
                out[j * out_row + i] = x[i * x_row + j];
    }
    static inline void lucid_dot_square(const float *a, Py_ssize_t a_step, const float *x, Py_ssize_t x_row, int rows,
                                        float *out, Py_ssize_t k) {
        for (int i = 0; i < rows; i++)
            out[i] = 0;
        for (Py_ssize_t p = 0; p < k; p++)
            for (int i = 0; i < rows; i++)
                out[i] = lucid_maddf(a[p * a_step], x[i * x_row + p], out[i]);
    }
    #endif

    static inline void lucid_store_pair(float *out, float x, float y) {
        uint32_t a, b;
        uint64_t pair;
        memcpy(&a, &x, 4);
        memcpy(&b, &y, 4);
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        pair = b | (uint64_t) a << 32;
    #else
        pair = a | (uint64_t) b << 32;
    #endif
        memcpy(out, &pair, 8);
    }
    """
    float madd32 "lucid_maddf" (float a, float b, float c) noexcept nogil
    double madd64 "lucid_madd" (double a, double b, double c) noexcept nogil
    void store_pair "lucid_store_pair" (float* out, float x, float y) noexcept nogil
    void transpose_strip "lucid_transpose_strip" (const float* x, Py_ssize_t x_row, int rows, Py_ssize_t count,
                                                  float* out, Py_ssize_t out_row) noexcept nogil
    void dot_square "lucid_dot_square" (const float* a, Py_ssize_t a_step, const float* x, Py_ssize_t x_row, int rows,
                                        float* out, Py_ssize_t k) noexcept nogil
    cdef enum:
        MR32 "LUCID_MR32"
        NR32 "LUCID_NR32"
        MR64 "LUCID_MR64"
        NR64 "LUCID_NR64"
        TILE "LUCID_TILE"       # elements of the larger tile
        SQUARE "LUCID_SQUARE"   # floats in a vector


cdef enum:
    K_STEPS = 192               # most steps of k in a block


cdef inline floating madd(floating a, floating b, floating c) noexcept nogil:
    """a * b + c, rounded once where the CPU can."""
    if floating is float:
        return madd32(a, b, c)
    else:
        return madd64(a, b, c)


cdef inline Py_ssize_t k_block(const floating* like, Py_ssize_t k) noexcept nogil:
    """Steps of k per block: as equal as they can be. A panel of B of K_STEPS stays in L1."""
    cdef Py_ssize_t blocks = (k + K_STEPS - 1) // K_STEPS
    return (k + blocks - 1) // blocks if blocks > 1 else k


cdef inline int tile_rows(const floating* like) noexcept nogil:
    return MR32 if floating is float else MR64


cdef inline int tile_columns(const floating* like) noexcept nogil:
    return NR32 if floating is float else NR64


cdef inline Py_ssize_t round_up(Py_ssize_t n, Py_ssize_t multiple) noexcept nogil:
    return (n + multiple - 1) // multiple * multiple


# The micro-kernel of register_tile.pxi over rows of tiles

cdef inline int tile_height(const floating* like, Py_ssize_t rows) noexcept nogil:
    """The tallest tile there is a kernel for with at most ``rows`` rows."""
    if rows >= tile_rows(like):
        return tile_rows(like)
    return 8 if rows >= 8 else (4 if rows >= 4 else (2 if rows >= 2 else 1))


cdef inline void packed_tile(int rows, const floating* a, const floating* b, Py_ssize_t b_step, floating* c,
                             Py_ssize_t c_row, Py_ssize_t k, bint load) noexcept nogil:
    """A as ``pack_a`` lays it out."""
    tile(rows, a, 1, rows, b, b_step, c, c_row, k, load)


cdef inline void direct_tile(int rows, const floating* a, Py_ssize_t a_row, const floating* b, Py_ssize_t b_step,
                             floating* c, Py_ssize_t c_row, Py_ssize_t k, bint load) noexcept nogil:
    """A in place, its rows contiguous."""
    tile(rows, a, a_row, 1, b, b_step, c, c_row, k, load)


cdef void panel_product(const floating* a, Py_ssize_t a_row, const floating* b, Py_ssize_t b_step, floating* c,
                        Py_ssize_t c_row, Py_ssize_t m, Py_ssize_t k, bint load) noexcept nogil:
    """``m`` by NR elements of C: every tile of A against one panel of B. ``a_row`` is 0 when A is packed."""
    cdef Py_ssize_t i = 0
    cdef int rows
    while i < m:
        rows = tile_height(a, m - i)
        if a_row == 0:
            packed_tile(rows, a + i * k, b, b_step, c + i * c_row, c_row, k, load)
        else:
            direct_tile(rows, a + i * a_row, a_row, b, b_step, c + i * c_row, c_row, k, load)
        i += rows


cdef void edge_product(const floating* a, Py_ssize_t a_row, const floating* b, Py_ssize_t b_step, floating* c,
                       Py_ssize_t c_row, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, bint load) noexcept nogil:
    """The last, ``n`` < NR columns: as ``panel_product``, each tile through a buffer of full width."""
    cdef floating full[TILE]
    cdef Py_ssize_t i = 0, r, j, columns = tile_columns(a)
    cdef int rows
    while i < m:
        rows = tile_height(a, m - i)
        if load:
            for r in range(rows):
                for j in range(columns):
                    full[r * columns + j] = c[(i + r) * c_row + j] if j < n else <floating> 0
        if a_row == 0:
            packed_tile(rows, a + i * k, b, b_step, full, columns, k, load)
        else:
            direct_tile(rows, a + i * a_row, a_row, b, b_step, full, columns, k, load)
        for r in range(rows):
            for j in range(n):
                c[(i + r) * c_row + j] = full[r * columns + j]
        i += rows


cdef void block_product(const floating* a, Py_ssize_t a_row, const floating* b, Py_ssize_t b_panel, Py_ssize_t b_step,
                        floating* c, Py_ssize_t c_row, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                        bint load) noexcept nogil:
    """m by n elements of C. Panels of B lie ``b_panel`` apart, rows of one ``b_step``; the last is readable to NR."""
    cdef Py_ssize_t j = 0, columns = tile_columns(a)
    while j + columns <= n:
        panel_product(a, a_row, b, b_step, c + j, c_row, m, k, load)
        b += b_panel
        j += columns
    if j < n:
        edge_product(a, a_row, b, b_step, c + j, c_row, m, n - j, k, load)


# Packing

cdef inline void copy_row(const floating* x, floating* out, Py_ssize_t n) noexcept nogil:
    """memcpy without the call, which for rows of a few pixels costs more than the copy; the last pieces overlap."""
    cdef Py_ssize_t i = 0
    if n >= 16:
        while i + 16 < n:
            memcpy(out + i, x + i, 16 * sizeof(floating))
            i += 16
        memcpy(out + n - 16, x + n - 16, 16 * sizeof(floating))
    elif n >= 8:
        memcpy(out, x, 8 * sizeof(floating))
        memcpy(out + n - 8, x + n - 8, 8 * sizeof(floating))
    elif n >= 4:
        memcpy(out, x, 4 * sizeof(floating))
        memcpy(out + n - 4, x + n - 4, 4 * sizeof(floating))
    else:
        for i in range(n):
            out[i] = x[i]


cdef void transpose_slowly(const floating* x, Py_ssize_t x_row, Py_ssize_t rows, Py_ssize_t columns, floating* out,
                           Py_ssize_t out_row) noexcept nogil:
    """Pairs of floats are stored as one word: stores are what this waits for."""
    cdef Py_ssize_t i, j, q, end
    for j in range(0, columns, 16):                         # a cache line of every row at a time
        end = min(columns, j + 16)
        i = 0
        if floating is float:
            while i + 2 <= rows:
                for q in range(j, end):
                    store_pair(out + q * out_row + i, x[i * x_row + q], x[(i + 1) * x_row + q])
                i += 2
        while i < rows:
            for q in range(j, end):
                out[q * out_row + i] = x[i * x_row + q]
            i += 1


cdef void transpose(const floating* x, Py_ssize_t x_row, Py_ssize_t rows, Py_ssize_t columns, floating* out,
                    Py_ssize_t out_row) noexcept nogil:
    """out[j, i] = x[i, j]."""
    cdef Py_ssize_t i = 0, high = 0
    if floating is float:
        if columns >= 4:
            high = rows // SQUARE * SQUARE
            if 2 * (rows - high) >= SQUARE:
                high = rows
        while i < high:
            if high - i >= SQUARE:
                transpose_strip(x + i * x_row, x_row, SQUARE, columns, out + i, out_row)
            else:
                transpose_strip(x + i * x_row, x_row, <int> (high - i), columns, out + i, out_row)
            i += SQUARE
    transpose_slowly(x + high * x_row, x_row, rows - high, columns, out + high, out_row)


cdef void pack_a(const floating* a, Py_ssize_t a_row, Py_ssize_t a_step, Py_ssize_t m, Py_ssize_t k,
                 floating* out) noexcept nogil:
    """Tiles one under another, each k-major: out[i0 * k + p * height + r] = a[i0 + r, p]."""
    cdef Py_ssize_t i = 0, p, r
    cdef int rows
    while i < m:
        rows = tile_height(a, m - i)
        if a_step == 1:
            transpose(a, a_row, rows, k, out, rows)
        else:
            for p in range(k):
                for r in range(rows):
                    out[p * rows + r] = a[r * a_row + p * a_step]
        a += rows * a_row
        out += rows * k
        i += rows


cdef void pack_panel(const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t k, Py_ssize_t n,
                     floating* out) noexcept nogil:
    """One panel, n <= NR columns and zeros up to NR: out[p * NR + j] = b[p, j]."""
    cdef Py_ssize_t p, j, columns = tile_columns(b)
    if n < columns:
        memset(out, 0, k * columns * sizeof(floating))
    if b_column == 1:
        if n == columns:
            for p in range(k):
                for j in range(tile_columns(b)):
                    out[p * columns + j] = b[p * b_row + j]
        else:
            for p in range(k):
                for j in range(n):
                    out[p * columns + j] = b[p * b_row + j]
        return
    if b_row == 1:
        transpose(b, b_column, n, k, out, columns)
        return
    for p in range(k):
        for j in range(n):
            out[p * columns + j] = b[p * b_row + j * b_column]


cdef void pack_b(const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t k, Py_ssize_t n,
                 floating* out) noexcept nogil:
    cdef Py_ssize_t j = 0, columns = tile_columns(b)
    while j < n:
        pack_panel(b + j * b_column, b_row, b_column, k, min(n - j, columns), out + j * k)
        j += columns
