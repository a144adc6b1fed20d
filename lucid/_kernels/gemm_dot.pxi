# Products of a few rows with a matrix whose columns are contiguous: x @ weight.T, bound by the reading of the weight.
#
# Nothing is packed. The chains of k (tile.pxi) are lanes: a register holds some rows of the weight by all chains, and
# goes on by as many columns as there are chains, so that the weight needs few shuffles or none on its way from memory.

cdef extern from *:
    """
    #if LUCID_SQUARE == 16
    #define LUCID_DOTS 1
    enum { LUCID_DOT_ROWS = 4, LUCID_DOT_LEAST = 1, LUCID_DOT_LINES = 1 };
    #define LUCID_QUARTERS(a, b, which) _mm512_shuffle_f32x4(a, b, which)

    /* 16 columns of 16 / chains rows: register v holds columns v * chains on, row by row. */
    LUCID_ALWAYS void lucid_unit(const int chains, const float *x, Py_ssize_t x_row, __mmask16 own, lucid_row *out) {
        const int rows = 16 / chains;
        lucid_row r[16], t[16];
        if (chains == 1) {
            lucid_own_columns(x, x_row, 16, own, out);
            return;
        }
        LUCID_UNROLLED for (int i = 0; i < rows; i++) r[i] = _mm512_maskz_loadu_ps(own, x + i * x_row);
        if (chains == 16) {
            out[0] = r[0];
        } else if (chains == 8) {
            out[0] = LUCID_QUARTERS(r[0], r[1], 0x44);
            out[1] = LUCID_QUARTERS(r[0], r[1], 0xee);
        } else if (chains == 4) {
            t[0] = LUCID_QUARTERS(r[0], r[1], 0x88), t[1] = LUCID_QUARTERS(r[0], r[1], 0xdd);
            t[2] = LUCID_QUARTERS(r[2], r[3], 0x88), t[3] = LUCID_QUARTERS(r[2], r[3], 0xdd);
            LUCID_UNROLLED for (int q = 0; q < 2; q++) {
                out[q] = LUCID_QUARTERS(t[q], t[q + 2], 0x88);
                out[q + 2] = LUCID_QUARTERS(t[q], t[q + 2], 0xdd);
            }
        } else {
            /* quarter l: columns 4 * l and the next, or the two after */
            LUCID_UNROLLED for (int i = 0; i < 8; i += 2) {
                t[i / 2] = LUCID_PAIR(lo, r[i], r[i + 1]);
                t[i / 2 + 4] = LUCID_PAIR(hi, r[i], r[i + 1]);
            }
            LUCID_UNROLLED for (int q = 0; q < 2; q++) {
                const lucid_row *u = t + 4 * q;
                lucid_row a = LUCID_QUARTERS(u[0], u[1], 0x88), b = LUCID_QUARTERS(u[0], u[1], 0xdd);
                lucid_row c = LUCID_QUARTERS(u[2], u[3], 0x88), d = LUCID_QUARTERS(u[2], u[3], 0xdd);
                out[q] = LUCID_QUARTERS(a, c, 0x88);
                out[q + 2] = LUCID_QUARTERS(b, d, 0x88);
                out[q + 4] = LUCID_QUARTERS(a, c, 0xdd);
                out[q + 6] = LUCID_QUARTERS(b, d, 0xdd);
            }
        }
    }

    /* The first ``chains`` of these numbers, over and over. */
    LUCID_ALWAYS lucid_row lucid_repeated(const int chains, const float *a) {
        double pair;
        if (chains == 16) return _mm512_loadu_ps(a);
        if (chains == 8) return _mm512_broadcast_f32x8(_mm256_loadu_ps(a));
        if (chains == 4) return _mm512_broadcast_f32x4(_mm_loadu_ps(a));
        if (chains == 1) return _mm512_set1_ps(*a);
        memcpy(&pair, a, sizeof(pair));
        return _mm512_castpd_ps(_mm512_set1_pd(pair));
    }

    LUCID_ALWAYS void lucid_dot_line(const int chains, const int m, const int groups, const float *a, Py_ssize_t a_row,
                                     const float *x, Py_ssize_t x_row, __mmask16 own, lucid_row sum[][4]) {
        lucid_row unit[16];
        LUCID_UNROLLED for (int g = 0; g < groups; g++) {
            lucid_unit(chains, x + g * (16 / chains) * x_row, x_row, own, unit);
            LUCID_UNROLLED for (int v = 0; v < 16 / chains; v++)
                LUCID_UNROLLED for (int i = 0; i < m; i++)
                    sum[i][g] = _mm512_fmadd_ps(lucid_repeated(chains, a + i * a_row + v * chains), unit[v], sum[i][g]);
        }
    }

    /* The sums of m rows of A with the rows of the weight x that ``groups`` registers hold, chain by chain in each,
       over columns first to end. A is padded with -0 up to whole registers, which leaves every sum what it is, even
       -0. */
    LUCID_ALWAYS void lucid_dot_group(const int chains, const int m, const int groups, const float *a, Py_ssize_t a_row,
                                      const float *x, Py_ssize_t x_row, Py_ssize_t first, Py_ssize_t end, float *sums,
                                      const int sums_row) {
        lucid_row sum[LUCID_DOT_ROWS][4];
        Py_ssize_t p = 0;
        LUCID_UNROLLED for (int i = 0; i < m; i++)
            LUCID_UNROLLED for (int g = 0; g < groups; g++) sum[i][g] = _mm512_setzero_ps();
        while (p < end) {       /* the first line and the last, with all others after the first: masks cost a tenth */
            __mmask16 own = (__mmask16) (0xffff << (p < first ? first : 0));
            if (p + 16 > end) own &= (__mmask16) (0xffff >> (p + 16 - end));
            lucid_dot_line(chains, m, groups, a + p, a_row, x + p, x_row, own, sum);
            for (p += 16; p + 16 <= end; p += 16)
                lucid_dot_line(chains, m, groups, a + p, a_row, x + p, x_row, 0xffff, sum);
        }
        LUCID_UNROLLED for (int i = 0; i < m; i++)
            LUCID_UNROLLED for (int g = 0; g < groups; g++)
                _mm512_storeu_ps(sums + i * sums_row + g * 16, sum[i][g]);
    }

    /* 16 elements of C, or those that are ``wanted``: the sums of chain 0, 1, ... in their order, C before them if
       ``load`` is 1 and added to them if it is 2. Chain 0 is lane ``first`` of the chains of an element. */
    static void lucid_join(int chains, const float *sums, Py_ssize_t first, float *c, __mmask16 wanted, int load) {
        lucid_row column[16], total;
        lucid_own_columns(sums, chains, 16, (__mmask16) ((1u << chains) - 1), column);
        total = column[first & (chains - 1)];
        if (load == 1) total = _mm512_add_ps(_mm512_maskz_loadu_ps(wanted, c), total);
        for (int q = 1; q < chains; q++) total = _mm512_add_ps(total, column[(first + q) & (chains - 1)]);
        if (load == 2) total = _mm512_add_ps(_mm512_maskz_loadu_ps(wanted, c), total);
        _mm512_mask_storeu_ps(c, wanted, total);
    }

    /* m by ``lucid_dot_width`` elements of C, but for the first ``done`` columns. Several registers of sums are under
       way at once, as each waits for its own last addition. */
    static inline int lucid_dot_width(int chains) { return chains == 1 ? 32 : 16; }
    #define LUCID_DOT_CASE(chains, m) \\
        case chains * 8 + m: \\
            for (int t = 0; t < width; t += LUCID_DOT_GROUPS(chains) * 16 / chains) \\
                lucid_dot_group(chains, m, LUCID_DOT_GROUPS(chains), a, a_row, x + t * x_row, x_row, first, end, \\
                                sums + t * chains, 256); \\
            break;
    #define LUCID_DOT_GROUPS(chains) (chains >= 8 ? 4 : 2)
    #define LUCID_DOT_CASES(m) LUCID_DOT_CASE(1, m) LUCID_DOT_CASE(2, m) LUCID_DOT_CASE(4, m) LUCID_DOT_CASE(8, m) \\
        LUCID_DOT_CASE(16, m)
    static void lucid_dots(int chains, int m, const float *a, Py_ssize_t a_row, const float *x, Py_ssize_t x_row,
                           Py_ssize_t first, Py_ssize_t end, float *c, Py_ssize_t c_row, Py_ssize_t done, int load) {
        float sums[LUCID_DOT_ROWS * 256];
        int width = lucid_dot_width(chains);
        switch (chains * 8 + m) {
            LUCID_DOT_CASES(1)
            LUCID_DOT_CASES(2)
            LUCID_DOT_CASES(4)
        }
        for (int i = 0; i < m; i++)
            for (int j = 0; j < width; j += 16) {
                __mmask16 wanted = done >= j + 16 ? 0 : done <= j ? 0xffff : (__mmask16) (0xffff << (done - j));
                lucid_join(chains, sums + i * 256 + j * chains, first, c + i * c_row + j, wanted, load);
            }
    }
    #elif LUCID_SQUARE == 8
    #define LUCID_DOTS 1
    enum { LUCID_DOT_ROWS = 2, LUCID_DOT_LEAST = 4, LUCID_DOT_LINES = 0 };
    static inline int lucid_dot_width(int chains) { return 16; }

    /* 8 lanes of chains: half of 16, all of 8, or the 4 of two rows. */
    LUCID_ALWAYS lucid_row lucid_dot_load(const int chains, const float *x, Py_ssize_t x_row) {
        if (chains > 4) return _mm256_loadu_ps(x);
        return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(x)), _mm_loadu_ps(x + x_row), 1);
    }
    LUCID_ALWAYS lucid_row lucid_repeated(const int chains, const float *a) {
        return chains > 4 ? _mm256_loadu_ps(a) : _mm256_broadcast_ps((const __m128 *) a);
    }

    /* On to the sums of m rows of A with the rows of the weight x that ``groups`` registers hold, the next ``end`` columns,
       which make whole registers. */
    LUCID_ALWAYS void lucid_dot_line(const int chains, const int m, const int groups, const float *a, Py_ssize_t a_row,
                                     const float *x, Py_ssize_t x_row, Py_ssize_t end, float *sums,
                                     const int sums_row) {
        const int parts = chains == 16 ? 2 : 1, rows = chains == 4 ? 2 : 1, step = parts * 8 / rows;
        lucid_row sum[LUCID_DOT_ROWS][8];
        LUCID_UNROLLED for (int i = 0; i < m; i++)
            LUCID_UNROLLED for (int g = 0; g < groups; g++) sum[i][g] = _mm256_loadu_ps(sums + i * sums_row + g * 8);
        for (Py_ssize_t p = 0; p < end; p += step)
            LUCID_UNROLLED for (int g = 0; g < groups; g++) {
                const int part = g % parts * 8;
                const lucid_row w = lucid_dot_load(chains, x + g / parts * rows * x_row + part + p, x_row);
                LUCID_UNROLLED for (int i = 0; i < m; i++)
                    sum[i][g] = _mm256_fmadd_ps(lucid_repeated(chains, a + i * a_row + part + p), w, sum[i][g]);
            }
        LUCID_UNROLLED for (int i = 0; i < m; i++)
            LUCID_UNROLLED for (int g = 0; g < groups; g++) _mm256_storeu_ps(sums + i * sums_row + g * 8, sum[i][g]);
    }

    /* All ``end`` columns. A is padded with -0 up to 16 columns, and the end of the weight with zeros here: that leaves
       every sum what it is, even -0. */
    LUCID_ALWAYS void lucid_dot_group(const int chains, const int m, const int groups, const float *a, Py_ssize_t a_row,
                                      const float *x, Py_ssize_t x_row, Py_ssize_t end, float *sums,
                                      const int sums_row) {
        const int rows = groups * 8 / chains;
        const Py_ssize_t whole = end / chains * chains;
        float rest[16 * 16];
        for (int i = 0; i < m; i++) memset(sums + i * sums_row, 0, groups * 8 * sizeof(float));
        lucid_dot_line(chains, m, groups, a, a_row, x, x_row, whole, sums, sums_row);
        if (whole < end) {
            memset(rest, 0, rows * 16 * sizeof(float));
            for (int r = 0; r < rows; r++) memcpy(rest + r * 16, x + r * x_row + whole, sizeof(float) * (end - whole));
            lucid_dot_line(chains, m, groups, a + whole, a_row, rest, 16, chains, sums, sums_row);
        }
    }

    /* 8 elements of C but for the first ``done``: the sums of chain 0, 1, ... in their order, C before them if ``load``
       is 1 and added to them if it is 2. */
    static void lucid_join(int chains, const float *sums, float *c, Py_ssize_t done, int load) {
        lucid_row column[4], total = _mm256_loadu_ps(c);
        float lanes[8];
        for (int q = 0; q < chains; q += 4) {
            lucid_columns(sums + q, chains, 8, 4, column);
            total = q == 0 && load != 1 ? column[0] : _mm256_add_ps(total, column[0]);
            for (int v = 1; v < 4; v++) total = _mm256_add_ps(total, column[v]);
        }
        if (load == 2) total = _mm256_add_ps(_mm256_loadu_ps(c), total);
        if (done <= 0) {
            _mm256_storeu_ps(c, total);
        } else {
            _mm256_storeu_ps(lanes, total);
            for (Py_ssize_t j = done; j < 8; j++) c[j] = lanes[j];
        }
    }

    /* More rows of the weight at a time than these, or fewer, reach less of the bandwidth of caches. */
    #define LUCID_DOT_GROUPS(chains, m) (chains == 16 && m == 1 ? 8 : 4)
    #define LUCID_DOT_CASE(chains, m) \\
        case chains * 8 + m: \\
            for (int t = 0; t < 16; t += LUCID_DOT_GROUPS(chains, m) * 8 / chains) \\
                lucid_dot_group(chains, m, LUCID_DOT_GROUPS(chains, m), a, a_row, x + t * x_row, x_row, end, \\
                                sums + t * chains, 256); \\
            break;
    static void lucid_dots(int chains, int m, const float *a, Py_ssize_t a_row, const float *x, Py_ssize_t x_row,
                           Py_ssize_t first, Py_ssize_t end, float *c, Py_ssize_t c_row, Py_ssize_t done, int load) {
        float sums[LUCID_DOT_ROWS * 256];
        switch (chains * 8 + m) {
            LUCID_DOT_CASE(4, 1) LUCID_DOT_CASE(8, 1) LUCID_DOT_CASE(16, 1)
            LUCID_DOT_CASE(4, 2) LUCID_DOT_CASE(8, 2) LUCID_DOT_CASE(16, 2)
        }
        for (int i = 0; i < m; i++)
            for (int j = 0; j < 16; j += 8)
                lucid_join(chains, sums + i * 256 + j * chains, c + i * c_row + j, done - j, load);
    }
    #else
    #define LUCID_DOTS 0
    enum { LUCID_DOT_ROWS = 1, LUCID_DOT_LEAST = 1, LUCID_DOT_LINES = 0 };
    static inline int lucid_dot_width(int chains) { return 1; }
    static inline void lucid_dots(int chains, int m, const float *a, Py_ssize_t a_row, const float *x, Py_ssize_t x_row,
                                  Py_ssize_t first, Py_ssize_t end, float *c, Py_ssize_t c_row, Py_ssize_t done,
                                  int load) {}
    #endif
    """
    bint DOTS "LUCID_DOTS"
    cdef enum:
        DOT_ROWS "LUCID_DOT_ROWS"       # most rows of A at a time
        DOT_LEAST "LUCID_DOT_LEAST"     # least chains
        DOT_LINES "LUCID_DOT_LINES"     # whether the weight is read by its cache lines
    int dot_width "lucid_dot_width" (int chains) noexcept nogil
    void dots "lucid_dots" (int chains, int m, const float* a, Py_ssize_t a_row, const float* x, Py_ssize_t x_row,
                            Py_ssize_t first, Py_ssize_t end, float* c, Py_ssize_t c_row, Py_ssize_t done,
                            int load) noexcept nogil

cdef enum:
    DOT_MOST = 8                # rows of A, up to which the weight is better not packed


cdef inline Py_ssize_t dot_pitch(Py_ssize_t k) noexcept nogil:
    """Elements of workspace for a row of A: padded at both ends."""
    return round_up(k, 16) + 32


cdef inline bint takes_dots(const floating* like, Py_ssize_t b_row, Py_ssize_t m, Py_ssize_t n,
                            Py_ssize_t k) noexcept nogil:
    """With few chains the weight is turned in registers for every few rows of A: that pays for one row only."""
    return (DOTS and floating is float and b_row == 1 and n >= 32 and k_chains(like, k) >= DOT_LEAST
            and m <= (<Py_ssize_t> DOT_MOST if k_chains(like, k) >= 4 else 1))


cdef void pad_row(const float* a, Py_ssize_t a_step, Py_ssize_t first, Py_ssize_t k, float* out) noexcept nogil:
    cdef Py_ssize_t p, end = round_up(first + k, 16)
    for p in range(first):
        out[p] = <float> -0.0
    if a_step == 1:
        memcpy(out + first, a, k * sizeof(float))
    else:
        for p in range(k):
            out[first + p] = a[p * a_step]
    for p in range(first + k, end):
        out[p] = <float> -0.0


cdef void dot_product(float* c, Py_ssize_t c_row, const float* a, Py_ssize_t a_row, Py_ssize_t a_step, const float* b,
                      Py_ssize_t b_column, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, bint load,
                      float* work) noexcept nogil:
    """C = A @ B, or C += A @ B, for up to DOT_MOST rows of A and at least 32 columns of B, each contiguous.

    B is read in whole cache lines where its columns start at the same place of one. The last columns are taken with
    some of those before, whose results are there already.
    """
    cdef Py_ssize_t p = 0, depth, most = k_part(a, k), pitch = dot_pitch(most), i, j, at, first = 0
    cdef int split = k_chains(a, k), width = dot_width(split), rows
    if DOT_LINES and b_column % 16 == 0:
        first = <Py_ssize_t> (<size_t> b // sizeof(float) % 16)
    while p < k:
        depth = min(k - p, most)
        for i in range(m):
            pad_row(a + i * a_row + p * a_step, a_step, first, depth, work + i * pitch)
        j = 0
        while j < n:
            at = min(j, n - width)
            i = 0
            while i < m:
                rows = DOT_ROWS if m - i >= DOT_ROWS else 2 if m - i >= 2 else 1
                dots(split, rows, work + i * pitch, pitch, b + at * b_column + p - first, b_column, first,
                     first + depth, c + i * c_row + at, c_row, j - at, 2 if p > 0 else <int> load)
                i += rows
            j = at + width
        p += depth
