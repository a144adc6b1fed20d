# Rows copied, and rows made columns.

cdef extern from *:
    """
    /* Up to SQUARE rows and columns of floats, transposed in registers: with AVX-512 whole cache lines are read, as
       rows 4 KB apart share a set of L1 and would throw each other out between two visits; with less, quarters of rows
       are gathered by the loads, and shuffles within quarters do the rest. The last row stands in for those missing. */
    #ifdef LUCID_V
    LUCID_ALWAYS const float *lucid_row_at(const float *x, Py_ssize_t x_row, int i, int rows) {
        return x + (i < rows ? i : rows - 1) * x_row;
    }
    #define LUCID_PAIR(half, x, y) LUCID_TO_ROW(LUCID_V(unpack##half##_pd)(LUCID_TO_PAIRS(x), LUCID_TO_PAIRS(y)))
    /* GCC copies a cache line by quarters. */
    static inline void lucid_copy_sixteen(const float *x, float *out) {
        for (int i = 0; i < 16; i += LUCID_SQUARE) LUCID_V(storeu_ps)(out + i, LUCID_V(loadu_ps)(x + i));
    }
    #else
    #define lucid_copy_sixteen(x, out) memcpy(out, x, 16 * sizeof(float))
    #endif
    #if LUCID_SQUARE == 16
    LUCID_ALWAYS void lucid_own_columns(const float *x, Py_ssize_t x_row, int rows, __mmask16 own, lucid_row *out) {
        lucid_row r[16], t[16];
        LUCID_UNROLLED for (int i = 0; i < 16; i++) r[i] = _mm512_maskz_loadu_ps(own, lucid_row_at(x, x_row, i, rows));
        LUCID_UNROLLED for (int i = 0; i < 16; i += 2) {
            t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
            t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
        }
        LUCID_UNROLLED for (int i = 0; i < 16; i += 4) {
            r[i] = LUCID_PAIR(lo, t[i], t[i + 2]);
            r[i + 1] = LUCID_PAIR(hi, t[i], t[i + 2]);
            r[i + 2] = LUCID_PAIR(lo, t[i + 1], t[i + 3]);
            r[i + 3] = LUCID_PAIR(hi, t[i + 1], t[i + 3]);
        }
        /* quarter l of r[4 * g + q]: column 4 * l + q of rows 4 * g on */
        LUCID_UNROLLED for (int q = 0; q < 4; q++) {
            lucid_row a = _mm512_shuffle_f32x4(r[q], r[4 + q], 0x88), b = _mm512_shuffle_f32x4(r[q], r[4 + q], 0xdd);
            lucid_row c = _mm512_shuffle_f32x4(r[8 + q], r[12 + q], 0x88);
            lucid_row d = _mm512_shuffle_f32x4(r[8 + q], r[12 + q], 0xdd);
            out[q] = _mm512_shuffle_f32x4(a, c, 0x88);
            out[4 + q] = _mm512_shuffle_f32x4(b, d, 0x88);
            out[8 + q] = _mm512_shuffle_f32x4(a, c, 0xdd);
            out[12 + q] = _mm512_shuffle_f32x4(b, d, 0xdd);
        }
    }
    LUCID_ALWAYS void lucid_columns(const float *x, Py_ssize_t x_row, int rows, int columns, lucid_row *out) {
        lucid_own_columns(x, x_row, rows, (__mmask16) ((1u << columns) - 1), out);
    }
    #define LUCID_COLUMNS 16        /* transposed at a time */
    #define LUCID_STORE_HEAD(out, n, v) _mm512_mask_storeu_ps(out, (__mmask16) ((1u << (n)) - 1), v)
    #elif defined(LUCID_V)
    LUCID_ALWAYS lucid_row lucid_quarters(const float *x, Py_ssize_t x_row, int r, int rows) {
    #if LUCID_SQUARE == 8
        lucid_row v = _mm256_castps128_ps256(_mm_loadu_ps(lucid_row_at(x, x_row, r, rows)));
        return _mm256_insertf128_ps(v, _mm_loadu_ps(lucid_row_at(x, x_row, r + 4, rows)), 1);
    #else
        return _mm_loadu_ps(lucid_row_at(x, x_row, r, rows));
    #endif
    }
    LUCID_ALWAYS void lucid_columns(const float *x, Py_ssize_t x_row, int rows, int columns, lucid_row *out) {
        lucid_row a = lucid_quarters(x, x_row, 0, rows), b = lucid_quarters(x, x_row, 1, rows);
        lucid_row c = lucid_quarters(x, x_row, 2, rows), d = lucid_quarters(x, x_row, 3, rows);
        lucid_row ab = LUCID_V(unpacklo_ps)(a, b), cd = LUCID_V(unpacklo_ps)(c, d);
        out[0] = LUCID_PAIR(lo, ab, cd);
        out[1] = LUCID_PAIR(hi, ab, cd);
        ab = LUCID_V(unpackhi_ps)(a, b), cd = LUCID_V(unpackhi_ps)(c, d);
        out[2] = LUCID_PAIR(lo, ab, cd);
        out[3] = LUCID_PAIR(hi, ab, cd);
    }
    #define LUCID_COLUMNS 4
    LUCID_ALWAYS void LUCID_STORE_HEAD(float *out, int n, lucid_row v) {
        float lanes[LUCID_SQUARE];
        if (n == LUCID_SQUARE) {
            LUCID_V(storeu_ps)(out, v);
    #if LUCID_SQUARE == 8
        } else if (n == 6) {            /* the height of a tile */
            _mm_storeu_ps(out, _mm256_castps256_ps128(v));
            _mm_storel_pi((__m64 *) (out + 4), _mm256_extractf128_ps(v, 1));
    #endif
        } else {
            LUCID_V(storeu_ps)(lanes, v);
            for (int i = 0; i < n; i++) out[i] = lanes[i];
        }
    }
    #else
    #define LUCID_COLUMNS LUCID_SQUARE
    #endif

    #if LUCID_SQUARE == 8
    /* Eight columns of up to four rows, as a tile of packed A has: out[q] is column q and column q + 4. */
    LUCID_ALWAYS void lucid_short_columns(const float *x, Py_ssize_t x_row, int rows, lucid_row *out) {
        lucid_row r[4];
        LUCID_UNROLLED for (int i = 0; i < 4; i++) r[i] = _mm256_loadu_ps(lucid_row_at(x, x_row, i, rows));
        lucid_row ab = _mm256_unpacklo_ps(r[0], r[1]), cd = _mm256_unpacklo_ps(r[2], r[3]);
        out[0] = LUCID_PAIR(lo, ab, cd);
        out[1] = LUCID_PAIR(hi, ab, cd);
        ab = _mm256_unpackhi_ps(r[0], r[1]), cd = _mm256_unpackhi_ps(r[2], r[3]);
        out[2] = LUCID_PAIR(lo, ab, cd);
        out[3] = LUCID_PAIR(hi, ab, cd);
    }
    LUCID_ALWAYS void lucid_store_short(float *out, int n, __m128 v) {
        if (n == 4) _mm_storeu_ps(out, v);
        else _mm_maskstore_ps(out, _mm_cmpgt_epi32(_mm_set1_epi32(n), _mm_set_epi32(3, 2, 1, 0)), v);
    }
    #endif

    /* How many columns to take next, of those left: to the end of the cache line, or a vector's worth, or 0. */
    LUCID_ALWAYS int lucid_next_columns(const float *x, Py_ssize_t left) {
    #if LUCID_SQUARE == 16
        int line = 16 - (int) ((uintptr_t) x / sizeof(float) % 16);
        return left < line ? (int) left : line;
    #elif defined(LUCID_V)
        return left < LUCID_COLUMNS ? 0 : LUCID_COLUMNS;
    #else
        return 0;
    #endif
    }

    /* out[j, i] = x[i, j] for at most SQUARE rows. */
    static void lucid_transpose_rows(const float *x, Py_ssize_t x_row, int rows, Py_ssize_t columns, float *out,
                                     Py_ssize_t out_row) {
        Py_ssize_t j = 0;
    #if LUCID_SQUARE == 8
        if (rows <= 4)
            for (lucid_row pair[4]; j + 8 <= columns; j += 8) {
                lucid_short_columns(x + j, x_row, rows, pair);
                LUCID_UNROLLED for (int q = 0; q < 4; q++) {
                    lucid_store_short(out + (j + q) * out_row, rows, _mm256_castps256_ps128(pair[q]));
                    lucid_store_short(out + (j + q + 4) * out_row, rows, _mm256_extractf128_ps(pair[q], 1));
                }
            }
    #endif
    #ifdef LUCID_V
        lucid_row column[LUCID_COLUMNS];
        for (int n; (n = lucid_next_columns(x + j, columns - j)) > 0; j += n) {
            if (n == LUCID_COLUMNS) {
                lucid_columns(x + j, x_row, rows, LUCID_COLUMNS, column);
                LUCID_UNROLLED for (int q = 0; q < LUCID_COLUMNS; q++)
                    LUCID_STORE_HEAD(out + (j + q) * out_row, rows, column[q]);
            } else {
                lucid_columns(x + j, x_row, rows, n, column);
                LUCID_UNROLLED for (int q = 0; q < LUCID_COLUMNS; q++)
                    if (q < n) LUCID_STORE_HEAD(out + (j + q) * out_row, rows, column[q]);
            }
        }
    #endif
        for (; j < columns; j++)
            for (int i = 0; i < rows; i++) out[j * out_row + i] = x[i * x_row + j];
    }

    /* Columns of up to SQUARE rows, dealt out to ``chains`` matrices, a power of two: column j is row j / chains of
       the one at out + at[j % chains]. With 8 lanes ``chains`` is a multiple of 4. */
    #if LUCID_SQUARE == 16
    static void lucid_transpose_chains(const float *x, Py_ssize_t x_row, int rows, Py_ssize_t columns, int chains,
                                       const Py_ssize_t *at, float *out, Py_ssize_t out_row) {
        Py_ssize_t to[16], j = 0, turn = 16 / chains * out_row;
        lucid_row column[16];
        int n = lucid_next_columns(x, columns);
        for (int q = 0; q < 16; q++) to[q] = at[q & (chains - 1)] + q / chains * out_row;
        if (n < 16) {
            lucid_columns(x, x_row, rows, n, column);
            LUCID_UNROLLED for (int q = 0; q < 16; q++)
                if (q < n) LUCID_STORE_HEAD(out + to[q], rows, column[q]);
            for (int q = 0; q < 16; q++) to[q] = at[(n + q) & (chains - 1)] + (n + q) / chains * out_row;
            j = n;
        }
        for (; j + 16 <= columns; j += 16) {
            lucid_columns(x + j, x_row, rows, 16, column);
            LUCID_UNROLLED for (int q = 0; q < 16; q++) LUCID_STORE_HEAD(out + to[q], rows, column[q]);
            out += turn;
        }
        if (j < columns) {
            n = (int) (columns - j);
            lucid_columns(x + j, x_row, rows, n, column);
            LUCID_UNROLLED for (int q = 0; q < 16; q++)
                if (q < n) LUCID_STORE_HEAD(out + to[q], rows, column[q]);
        }
    }
    #elif LUCID_SQUARE == 8
    LUCID_ALWAYS void lucid_deal(const float *x, Py_ssize_t x_row, const int rows, Py_ssize_t columns, int chains,
                                 const Py_ssize_t *at, float *out, Py_ssize_t out_row) {
        Py_ssize_t j = 0;
        lucid_row column[4];
        int r = 0;
        for (; j + 4 <= columns; j += 4) {
            if (rows <= 4 && j + 8 <= columns) {
                float *then = out;
                int next = r + 4;
                if (next == chains) next = 0, then += out_row;
                lucid_short_columns(x + j, x_row, rows, column);
                LUCID_UNROLLED for (int q = 0; q < 4; q++) {
                    lucid_store_short(out + at[r + q], rows, _mm256_castps256_ps128(column[q]));
                    lucid_store_short(then + at[next + q], rows, _mm256_extractf128_ps(column[q], 1));
                }
                j += 4, r = next, out = then;
            } else {
                lucid_columns(x + j, x_row, rows, 4, column);
                LUCID_UNROLLED for (int q = 0; q < 4; q++) LUCID_STORE_HEAD(out + at[r + q], rows, column[q]);
            }
            r += 4;
            if (r == chains) r = 0, out += out_row;
        }
        for (int q = 0; j + q < columns; q++)
            for (int i = 0; i < rows; i++) out[at[r + q] + i] = x[i * x_row + j + q];
    }
    static void lucid_transpose_chains(const float *x, Py_ssize_t x_row, int rows, Py_ssize_t columns, int chains,
                                       const Py_ssize_t *at, float *out, Py_ssize_t out_row) {
        if (rows == 8) lucid_deal(x, x_row, 8, columns, chains, at, out, out_row);
        else if (rows == 6) lucid_deal(x, x_row, 6, columns, chains, at, out, out_row);
        else lucid_deal(x, x_row, rows, columns, chains, at, out, out_row);
    }
    #else
    static inline void lucid_transpose_chains(const float *x, Py_ssize_t x_row, int rows, Py_ssize_t columns,
                                              int chains, const Py_ssize_t *at, float *out, Py_ssize_t out_row) {}
    #endif

    /* sum[i] += a[0] * x[i, 0] + a[1] * x[i, 1] + ... over at most COLUMNS columns. */
    #ifdef LUCID_V
    LUCID_ALWAYS lucid_row lucid_dot_columns(lucid_row sum, const float *a, Py_ssize_t a_step, const float *x,
                                             Py_ssize_t x_row, int rows, int n) {
        lucid_row column[LUCID_COLUMNS];
        if (n == LUCID_COLUMNS) {
            lucid_columns(x, x_row, rows, LUCID_COLUMNS, column);
            LUCID_UNROLLED for (int q = 0; q < LUCID_COLUMNS; q++)
                sum = LUCID_MADD(ps, LUCID_V(set1_ps)(a[q * a_step]), column[q], sum);
        } else {
            lucid_columns(x, x_row, rows, n, column);
            LUCID_UNROLLED for (int q = 0; q < LUCID_COLUMNS; q++)
                if (q < n) sum = LUCID_MADD(ps, LUCID_V(set1_ps)(a[q * a_step]), column[q], sum);
        }
        return sum;
    }
    #endif

    /* Chains a[0] * x[i, 0] + a[1] * x[i, 1] + ... of at most SQUARE rows; ``out`` is where they stand after ``done``
       steps. */
    LUCID_ALWAYS void lucid_dot_rest(const float *a, Py_ssize_t a_step, const float *x, Py_ssize_t x_row, int rows,
                                     float *out, Py_ssize_t done, Py_ssize_t k) {
        for (Py_ssize_t p = done; p < k; p++)
            for (int i = 0; i < rows; i++) out[i] = lucid_maddf(a[p * a_step], x[i * x_row + p], out[i]);
    }
    LUCID_ALWAYS void lucid_dot_rows(const float *a, Py_ssize_t a_step, const float *x, Py_ssize_t x_row, int rows,
                                     float *out, Py_ssize_t k) {
        Py_ssize_t p = 0;
    #ifdef LUCID_V
        lucid_row sum = LUCID_V(setzero_ps)();
        for (int n; (n = lucid_next_columns(x + p, k - p)) > 0; p += n)
            sum = lucid_dot_columns(sum, a + p * a_step, a_step, x + p, x_row, rows, n);
        LUCID_STORE_HEAD(out, rows, sum);
    #else
        for (int i = 0; i < rows; i++) out[i] = 0;
    #endif
        lucid_dot_rest(a, a_step, x, x_row, rows, out, p, k);
    }

    /* The same of SQUARE rows, for two blocks of columns: the first k, and ``after`` <= k that follow. A chain waits
       for its own last addition; two of one row's chains fill the gaps, and do not read other rows, which would throw
       each other out of L1. */
    LUCID_ALWAYS void lucid_dot_pair(const float *a, Py_ssize_t a_step, const float *x, Py_ssize_t x_row,
                                     float *out, Py_ssize_t k, Py_ssize_t after) {
        Py_ssize_t p = 0, both = 0;
        float *next = out + LUCID_SQUARE;
    #ifdef LUCID_V
        lucid_row sum = LUCID_V(setzero_ps)(), then = LUCID_V(setzero_ps)();
        for (int n; (n = lucid_next_columns(x + p, after - p)) > 0; p += n) {
            sum = lucid_dot_columns(sum, a + p * a_step, a_step, x + p, x_row, LUCID_SQUARE, n);
            then = lucid_dot_columns(then, a + (k + p) * a_step, a_step, x + k + p, x_row, LUCID_SQUARE, n);
        }
        both = p;
        for (int n; (n = lucid_next_columns(x + p, k - p)) > 0; p += n)
            sum = lucid_dot_columns(sum, a + p * a_step, a_step, x + p, x_row, LUCID_SQUARE, n);
        LUCID_V(storeu_ps)(out, sum);
        LUCID_V(storeu_ps)(next, then);
    #else
        for (int i = 0; i < 2 * LUCID_SQUARE; i++) out[i] = 0;
    #endif
        lucid_dot_rest(a, a_step, x, x_row, LUCID_SQUARE, out, p, k);
        lucid_dot_rest(a + k * a_step, a_step, x + k, x_row, LUCID_SQUARE, next, both, after);
    }
    """
    void copy_sixteen32 "lucid_copy_sixteen" (const float* x, float* out) noexcept nogil
    void transpose_rows "lucid_transpose_rows" (const float* x, Py_ssize_t x_row, int rows, Py_ssize_t columns,
                                                float* out, Py_ssize_t out_row) noexcept nogil
    void transpose_chains "lucid_transpose_chains" (const float* x, Py_ssize_t x_row, int rows, Py_ssize_t columns,
                                                    int chains, const Py_ssize_t* at, float* out,
                                                    Py_ssize_t out_row) noexcept nogil
    void dot_rows "lucid_dot_rows" (const float* a, Py_ssize_t a_step, const float* x, Py_ssize_t x_row, int rows,
                                    float* out, Py_ssize_t k) noexcept nogil
    void dot_pair "lucid_dot_pair" (const float* a, Py_ssize_t a_step, const float* x, Py_ssize_t x_row, float* out,
                                    Py_ssize_t k, Py_ssize_t after) noexcept nogil


cdef inline void copy_sixteen(const floating* x, floating* out) noexcept nogil:
    if floating is float:
        copy_sixteen32(x, out)
    else:
        memcpy(out, x, 16 * sizeof(double))


cdef inline void copy_row(const floating* x, floating* out, Py_ssize_t n) noexcept nogil:
    """memcpy without the call, which for rows of a few pixels costs more than the copy; the last pieces overlap."""
    cdef Py_ssize_t i = 0
    if n >= 16:
        while i + 16 < n:
            copy_sixteen(x + i, out + i)
            i += 16
        copy_sixteen(x + n - 16, out + n - 16)
    elif n >= 8:
        memcpy(out, x, 8 * sizeof(floating))
        memcpy(out + n - 8, x + n - 8, 8 * sizeof(floating))
    elif n >= 4:
        memcpy(out, x, 4 * sizeof(floating))
        memcpy(out + n - 4, x + n - 4, 4 * sizeof(floating))
    else:
        for i in range(n):
            out[i] = x[i]


cdef void transpose(const floating* x, Py_ssize_t x_row, Py_ssize_t rows, Py_ssize_t columns, floating* out,
                    Py_ssize_t out_row) noexcept nogil:
    """out[j, i] = x[i, j]."""
    cdef Py_ssize_t i = 0, j, q
    if floating is float:
        while i < rows:
            transpose_rows(x + i * x_row, x_row, <int> min(rows - i, <Py_ssize_t> SQUARE), columns, out + i, out_row)
            i += SQUARE
    else:
        for j in range(0, columns, 8):                      # a cache line of every row at a time
            for i in range(rows):
                for q in range(j, min(columns, j + 8)):
                    out[q * out_row + i] = x[i * x_row + q]
