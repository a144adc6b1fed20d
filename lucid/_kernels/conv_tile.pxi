# The register tile of a last panel that has few columns: half as wide or so, the same chains of multiply-adds.

cdef extern from *:
    """
    #if LUCID_SQUARE == 16
    #define LUCID_NARROW 16
    #else
    #define LUCID_NARROW 8
    #endif
    LUCID_DEFINE_TILE(n, float, ps, lucid_row, LUCID_MR32, LUCID_NARROW)
    """
    void narrow_tile "lucid_tile_n_strided" (int rows, const float* a, Py_ssize_t a_row, Py_ssize_t a_step,
                                             const float* b, Py_ssize_t b_step, float* c, Py_ssize_t c_row,
                                             Py_ssize_t k, bint load) noexcept nogil
    void narrow_gather_tile "lucid_tile_n_gathered" (int rows, const float* a, Py_ssize_t a_row, Py_ssize_t a_step,
                                                     const float* b, const Py_ssize_t* at, float* c,
                                                     Py_ssize_t c_row, Py_ssize_t k, bint load) noexcept nogil
    void deep_narrow_tile "lucid_tile_n_blocks" (int rows, const float* a, Py_ssize_t a_step, const float* b,
                                                 Py_ssize_t b_step, float* c, Py_ssize_t c_row, Py_ssize_t k,
                                                 Py_ssize_t depth, bint load) noexcept nogil
    cdef enum:
        NARROW "LUCID_NARROW"


cdef inline bint narrow(const floating* like, Py_ssize_t columns) noexcept nogil:
    """The last ``columns`` of a product fit the narrow tile."""
    return floating is float and columns <= NARROW


cdef inline Py_ssize_t covered(const floating* like, Py_ssize_t n) noexcept nogil:
    """Columns that the panels of ``n`` columns write."""
    cdef Py_ssize_t rest = n % tile_columns(like)
    return n - rest + (0 if rest == 0 else <Py_ssize_t> NARROW if narrow(like, rest) else tile_columns(like))


cdef inline Py_ssize_t row_units(const floating* like, Py_ssize_t rows) noexcept nogil:
    """What ``row_part`` deals out: tiles, the last two that are even (``tile_height``) being one."""
    cdef Py_ssize_t two = tile_rows(like) + 2
    if rows >= two and tile_height(like, two) == two // 2 and rows % tile_rows(like) == 2:
        rows -= 2
    return (rows + tile_rows(like) - 1) // tile_rows(like)


cdef inline Py_ssize_t row_part(const floating* like, Py_ssize_t rows, Py_ssize_t index, Py_ssize_t parts) noexcept nogil:
    """Where part ``index`` of ``parts`` of packed rows starts: no tile is cut."""
    return rows if index == parts else row_units(like, rows) * index // parts * tile_rows(like)


cdef void columns_product(const floating* a, Py_ssize_t a_row, const floating* b, Py_ssize_t b_step, floating* c,
                          Py_ssize_t c_row, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, bint load) noexcept nogil:
    """As ``panel_product``, for a panel of which the first ``n`` columns are wanted; more may be written."""
    cdef Py_ssize_t i = 0
    cdef int rows
    if floating is float:
        if narrow(a, n):
            while i < m:
                rows = tile_height(a, m - i)
                if a_row == 0:
                    narrow_tile(rows, a + i * k, 1, rows, b, b_step, c + i * c_row, c_row, k, load)
                else:
                    narrow_tile(rows, a + i * a_row, a_row, 1, b, b_step, c + i * c_row, c_row, k, load)
                i += rows
            return
    panel_product(a, a_row, b, b_step, c, c_row, m, k, load)


# The register tile of a weight gradient: rows of A lie anywhere, and a chain runs over several stretches of them.

cdef extern from *:
    """
    /* ``rows`` by NR elements of C over segments * n steps of k; row i of A begins at a + at[i], its stretches of n
       elements lie a_step apart. */
    #define LUCID_DEFINE_STRETCHES(s, real, type, vector, MR, NR) \\
    LUCID_ALWAYS void lucid_stretches_any_##s(const int rows, const real *a, const Py_ssize_t *at, Py_ssize_t a_step, \\
                                              Py_ssize_t segments, Py_ssize_t n, const real *b, Py_ssize_t b_step, \\
                                              real *c, Py_ssize_t c_row, int load) { \\
        enum { lanes = sizeof(vector) / sizeof(real), width = NR / lanes }; \\
        vector sum[MR][width], x[width], y; \\
        const real *row[MR]; \\
        LUCID_UNROLLED for (int i = 0; i < rows; i++) { \\
            row[i] = a + at[i]; \\
            LUCID_UNROLLED for (int j = 0; j < width; j++) sum[i][j] = LUCID_FILL(type, 0); \\
        } \\
        for (Py_ssize_t first = 0; segments > 0; segments--, first += a_step) { \\
            for (Py_ssize_t p = first; p < first + n; p++) { \\
                LUCID_UNROLLED for (int j = 0; j < width; j++) x[j] = LUCID_LOAD(type, b + j * lanes); \\
                LUCID_UNROLLED for (int i = 0; i < rows; i++) { \\
                    y = LUCID_FILL(type, row[i][p]); \\
                    LUCID_UNROLLED for (int j = 0; j < width; j++) sum[i][j] = LUCID_MADD(type, y, x[j], sum[i][j]); \\
                } \\
                b += b_step; \\
            } \\
        } \\
        LUCID_UNROLLED for (int i = 0; i < rows; i++) \\
            LUCID_UNROLLED for (int j = 0; j < width; j++) { \\
                if (load) sum[i][j] = LUCID_PLUS(type, LUCID_LOAD(type, c + i * c_row + j * lanes), sum[i][j]); \\
                LUCID_STORE(type, c + i * c_row + j * lanes, sum[i][j]); \\
            } \\
    } \\
    static void lucid_stretches_##s(int rows, const real *a, const Py_ssize_t *at, Py_ssize_t a_step, \\
                                    Py_ssize_t segments, Py_ssize_t n, const real *b, Py_ssize_t b_step, real *c, \\
                                    Py_ssize_t c_row, int load) { \\
        if (rows == MR) lucid_stretches_any_##s(MR, a, at, a_step, segments, n, b, b_step, c, c_row, load); \\
        else if (MR > 8 && rows == 8) lucid_stretches_any_##s(8, a, at, a_step, segments, n, b, b_step, c, c_row, load); \\
        else if (MR > 4 && rows == 4) lucid_stretches_any_##s(4, a, at, a_step, segments, n, b, b_step, c, c_row, load); \\
        else if (MR > 2 && rows == 2) lucid_stretches_any_##s(2, a, at, a_step, segments, n, b, b_step, c, c_row, load); \\
        else lucid_stretches_any_##s(1, a, at, a_step, segments, n, b, b_step, c, c_row, load); \\
    }
    LUCID_DEFINE_STRETCHES(f, float, ps, lucid_row, LUCID_MR32, LUCID_NR32)
    LUCID_DEFINE_STRETCHES(d, double, pd, lucid_pairs, LUCID_MR64, LUCID_NR64)
    """
    void stretches_tile32 "lucid_stretches_f" (int rows, const float* a, const Py_ssize_t* at, Py_ssize_t a_step,
                                               Py_ssize_t segments, Py_ssize_t n, const float* b, Py_ssize_t b_step,
                                               float* c, Py_ssize_t c_row, bint load) noexcept nogil
    void stretches_tile64 "lucid_stretches_d" (int rows, const double* a, const Py_ssize_t* at, Py_ssize_t a_step,
                                               Py_ssize_t segments, Py_ssize_t n, const double* b, Py_ssize_t b_step,
                                               double* c, Py_ssize_t c_row, bint load) noexcept nogil


cdef inline void stretches_tile(int rows, const floating* a, const Py_ssize_t* at, Py_ssize_t a_step,
                                Py_ssize_t segments, Py_ssize_t n, const floating* b, Py_ssize_t b_step, floating* c,
                                Py_ssize_t c_row, bint load) noexcept nogil:
    if floating is float:
        stretches_tile32(rows, a, at, a_step, segments, n, b, b_step, c, c_row, load)
    else:
        stretches_tile64(rows, a, at, a_step, segments, n, b, b_step, c, c_row, load)


cdef inline int covering_height(const floating* like, Py_ssize_t rows) noexcept nogil:
    """The lowest tile there is a kernel for with ``rows`` rows or more, or the tallest there is."""
    cdef int height = 1
    while height < rows and height < tile_rows(like):
        height *= 2
    return min(height, tile_rows(like))
