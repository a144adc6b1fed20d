# Sums of float32 in double, as vectors: the loops that rows and columns of folds.pxi spend their time in.
#
# GCC converts one half of a register of floats from memory, and moves the other half before it converts it. Here both
# come from memory, and are added as in ``lucid_plus``.

cdef enum:
    ROW_TILE = 32           # elements of a row handled together
    ROW_SHORT = 8           # elements of a row that are taken one by one
    ROWS_TOGETHER = 256         # rows so short that are taken together


cdef enum Kind:             # of reduction, by what is added up, or by what combines the elements
    SUM                     # x
    SQUARES                 # x**2
    DEVIATIONS              # (x - center)**2
    PRODUCTS                # z * (x - center)
    EXPS                    # exp(x - center)
    PROD
    AMAX
    AMIN


cdef extern from *:
    """
    #if defined(__GNUC__) && defined(__AVX512F__)
    #define LUCID_WIDE 8
    typedef __m512d lucid_wide;
    #define LUCID_WIDEN(x) _mm512_cvtps_pd(_mm256_loadu_ps(x))
    #define LUCID_W(name) _mm512_##name##_pd
    #elif defined(__GNUC__) && defined(__AVX2__) && defined(__FMA__)
    #define LUCID_WIDE 4
    typedef __m256d lucid_wide;
    #define LUCID_WIDEN(x) _mm256_cvtps_pd(_mm_loadu_ps(x))
    #define LUCID_W(name) _mm256_##name##_pd
    #endif
    #if defined(__clang__)
    #define LUCID_EVERY _Pragma("clang loop unroll(full)")
    #else
    #define LUCID_EVERY _Pragma("GCC unroll 8")
    #endif

    /* Adds what comes of whole tiles of 32 elements to 32 lanes: x, x * x or (x - center)**2. Products are added where they
       are made, so a difference is made there too. */
    #ifdef LUCID_WIDE
    #define LUCID_WIDE_SUM(name, term) \\
        static inline void name(const float *x, Py_ssize_t tiles, double center, double *lanes) { \\
            enum { width = 32 / LUCID_WIDE }; \\
            const lucid_wide one = LUCID_W(set1)(lucid_one()), c = LUCID_W(set1)(center); \\
            lucid_wide v[width]; \\
            LUCID_EVERY for (int j = 0; j < width; j++) v[j] = LUCID_W(loadu)(lanes + j * LUCID_WIDE); \\
            for (; tiles > 0; tiles--, x += 32) \\
                LUCID_EVERY for (int j = 0; j < width; j++) { \\
                    lucid_wide y = LUCID_WIDEN(x + j * LUCID_WIDE); \\
                    v[j] = term; \\
                } \\
            LUCID_EVERY for (int j = 0; j < width; j++) LUCID_W(storeu)(lanes + j * LUCID_WIDE, v[j]); \\
        }
    LUCID_WIDE_SUM(lucid_widen_sum, LUCID_W(fmadd)(y, one, v[j]))
    LUCID_WIDE_SUM(lucid_widen_squares, LUCID_W(fmadd)(y, y, v[j]))
    LUCID_WIDE_SUM(lucid_widen_deviations, (y = LUCID_W(fmsub)(y, one, c), LUCID_W(fmadd)(y, y, v[j])))

    /* lanes += dy, and dots += dy * (x - center). */
    static inline void lucid_widen_gradients(const float *x, const float *dy, Py_ssize_t tiles, double center, double *lanes,
                                             double *dots) {
        enum { width = 16 / LUCID_WIDE };       /* half of the lanes at a time: registers hold both sums */
        const lucid_wide one = LUCID_W(set1)(lucid_one()), c = LUCID_W(set1)(center);
        for (int half = 0; half < 32; half += 16) {
            lucid_wide v[width], w[width];
            LUCID_EVERY for (int j = 0; j < width; j++) {
                v[j] = LUCID_W(loadu)(lanes + half + j * LUCID_WIDE);
                w[j] = LUCID_W(loadu)(dots + half + j * LUCID_WIDE);
            }
            for (Py_ssize_t i = half; i < 32 * tiles; i += 32)
                LUCID_EVERY for (int j = 0; j < width; j++) {
                    const lucid_wide g = LUCID_WIDEN(dy + i + j * LUCID_WIDE);
                    v[j] = LUCID_W(fmadd)(g, one, v[j]);
                    w[j] = LUCID_W(fmadd)(g, LUCID_W(fmsub)(LUCID_WIDEN(x + i + j * LUCID_WIDE), one, c), w[j]);
                }
            LUCID_EVERY for (int j = 0; j < width; j++) {
                LUCID_W(storeu)(lanes + half + j * LUCID_WIDE, v[j]);
                LUCID_W(storeu)(dots + half + j * LUCID_WIDE, w[j]);
            }
        }
    }
    #else
    #define LUCID_WIDE_SUM(name, term) \\
        static inline void name(const float *x, Py_ssize_t tiles, double c, double *lanes) { \\
            for (; tiles > 0; tiles--, x += 32) \\
                for (int j = 0; j < 32; j++) { \\
                    const double y = x[j]; \\
                    lanes[j] += term; \\
                } \\
        }
    LUCID_WIDE_SUM(lucid_widen_sum, y)
    LUCID_WIDE_SUM(lucid_widen_squares, y * y)
    LUCID_WIDE_SUM(lucid_widen_deviations, (y - c) * (y - c))
    static inline void lucid_widen_gradients(const float *x, const float *dy, Py_ssize_t tiles, double c, double *lanes,
                                             double *dots) {
        for (; tiles > 0; tiles--, x += 32, dy += 32)
            for (int j = 0; j < 32; j++) {
                const double g = dy[j];
                lanes[j] += g;
                dots[j] += g * (x[j] - c);
            }
    }
    #endif

    /* Adds eight rows, ``stride`` apart, to acc; returns how many columns are done. */
    static inline Py_ssize_t lucid_widen_rows(const float *x, Py_ssize_t stride, Py_ssize_t columns, double *acc) {
        Py_ssize_t j = 0;
    #ifdef LUCID_WIDE
        const lucid_wide one = LUCID_W(set1)(lucid_one());
        for (; j + 4 * LUCID_WIDE <= columns; j += 4 * LUCID_WIDE) {
            lucid_wide v[4];
            LUCID_EVERY for (int q = 0; q < 4; q++) v[q] = LUCID_W(loadu)(acc + j + q * LUCID_WIDE);
            LUCID_EVERY for (int r = 0; r < 8; r++)
                LUCID_EVERY for (int q = 0; q < 4; q++)
                    v[q] = LUCID_W(fmadd)(LUCID_WIDEN(x + r * stride + j + q * LUCID_WIDE), one, v[q]);
            LUCID_EVERY for (int q = 0; q < 4; q++) LUCID_W(storeu)(acc + j + q * LUCID_WIDE, v[q]);
        }
    #endif
        return j;
    }
    """
    void widen_sum "lucid_widen_sum" (const float* x, Py_ssize_t tiles, double center, double* lanes) noexcept nogil
    void widen_squares "lucid_widen_squares" (const float* x, Py_ssize_t tiles, double center, double* lanes) noexcept nogil
    void widen_deviations "lucid_widen_deviations" (const float* x, Py_ssize_t tiles, double center,
                                                    double* lanes) noexcept nogil
    void widen_gradients "lucid_widen_gradients" (const float* x, const float* dy, Py_ssize_t tiles, double center,
                                                  double* lanes, double* dots) noexcept nogil
    Py_ssize_t widen_rows "lucid_widen_rows" (const float* x, Py_ssize_t stride, Py_ssize_t columns,
                                              double* acc) noexcept nogil


cdef inline Py_ssize_t widen_tiles(Kind kind, const floating* x, Py_ssize_t n, double center, double* lanes) noexcept nogil:
    """Adds the whole tiles of a row to its lanes, where there is a loop for them; returns how many elements are done."""
    if floating is float:
        if kind == SUM:
            widen_sum(x, n // ROW_TILE, center, lanes)
        elif kind == SQUARES:
            widen_squares(x, n // ROW_TILE, center, lanes)
        elif kind == DEVIATIONS:
            widen_deviations(x, n // ROW_TILE, center, lanes)
        else:
            return 0
        return n // ROW_TILE * ROW_TILE
    else:
        return 0
