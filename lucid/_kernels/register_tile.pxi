# The micro-kernel of every product, with its accumulators in registers from the first step of k to the last.
#
# Written in vectors: GCC keeps an array of numbers in registers within a loop, but it clears and spills the array around
# the loop, which costs a tenth of a tile of 144 steps and a third of one of 32.

cdef extern from *:
    """
    #if defined(__AVX512F__)
    #include <immintrin.h>
    typedef __m512 lucid_tile_f;
    typedef __m512d lucid_tile_d;
    #define LUCID_TILE_LOAD_f(p) _mm512_loadu_ps(p)
    #define LUCID_TILE_LOAD_d(p) _mm512_loadu_pd(p)
    #define LUCID_TILE_STORE_f(p, v) _mm512_storeu_ps(p, v)
    #define LUCID_TILE_STORE_d(p, v) _mm512_storeu_pd(p, v)
    #define LUCID_TILE_FILL_f(x) _mm512_set1_ps(x)
    #define LUCID_TILE_FILL_d(x) _mm512_set1_pd(x)
    #define LUCID_TILE_MADD_f(a, b, c) _mm512_fmadd_ps(a, b, c)
    #define LUCID_TILE_MADD_d(a, b, c) _mm512_fmadd_pd(a, b, c)
    #elif defined(__AVX2__) && defined(__FMA__)
    #include <immintrin.h>
    typedef __m256 lucid_tile_f;
    typedef __m256d lucid_tile_d;
    #define LUCID_TILE_LOAD_f(p) _mm256_loadu_ps(p)
    #define LUCID_TILE_LOAD_d(p) _mm256_loadu_pd(p)
    #define LUCID_TILE_STORE_f(p, v) _mm256_storeu_ps(p, v)
    #define LUCID_TILE_STORE_d(p, v) _mm256_storeu_pd(p, v)
    #define LUCID_TILE_FILL_f(x) _mm256_set1_ps(x)
    #define LUCID_TILE_FILL_d(x) _mm256_set1_pd(x)
    #define LUCID_TILE_MADD_f(a, b, c) _mm256_fmadd_ps(a, b, c)
    #define LUCID_TILE_MADD_d(a, b, c) _mm256_fmadd_pd(a, b, c)
    #elif defined(__GNUC__)
    typedef float lucid_tile_f __attribute__((vector_size(16), aligned(4), may_alias));
    typedef double lucid_tile_d __attribute__((vector_size(16), aligned(8), may_alias));
    #define LUCID_TILE_LOAD_f(p) (*(const lucid_tile_f *) (p))
    #define LUCID_TILE_LOAD_d(p) (*(const lucid_tile_d *) (p))
    #define LUCID_TILE_STORE_f(p, v) (*(lucid_tile_f *) (p) = (v))
    #define LUCID_TILE_STORE_d(p, v) (*(lucid_tile_d *) (p) = (v))
    #define LUCID_TILE_FILL_f(x) ((x) - (lucid_tile_f) {0})
    #define LUCID_TILE_FILL_d(x) ((x) - (lucid_tile_d) {0})
    #define LUCID_TILE_MADD_f(a, b, c) ((a) * (b) + (c))
    #define LUCID_TILE_MADD_d(a, b, c) ((a) * (b) + (c))
    #else
    typedef float lucid_tile_f;
    typedef double lucid_tile_d;
    #define LUCID_TILE_LOAD_f(p) (*(p))
    #define LUCID_TILE_LOAD_d(p) (*(p))
    #define LUCID_TILE_STORE_f(p, v) (*(p) = (v))
    #define LUCID_TILE_STORE_d(p, v) (*(p) = (v))
    #define LUCID_TILE_FILL_f(x) (x)
    #define LUCID_TILE_FILL_d(x) (x)
    #define LUCID_TILE_MADD_f(a, b, c) lucid_maddf(a, b, c)
    #define LUCID_TILE_MADD_d(a, b, c) lucid_madd(a, b, c)
    #endif

    #if defined(__clang__)
    #define LUCID_UNROLLED _Pragma("clang loop unroll(full)")
    #define LUCID_TILE_INLINED static inline __attribute__((always_inline)) void
    #elif defined(__GNUC__)
    #define LUCID_UNROLLED _Pragma("GCC unroll 20")
    #define LUCID_TILE_INLINED static inline __attribute__((always_inline)) void
    #else
    #define LUCID_UNROLLED
    #define LUCID_TILE_INLINED static inline void
    #endif

    /* ``rows`` by NR elements of C, which ``load`` adds to. Row p of B lies at b + at[p], or at b + p * b_step without
       ``at``. lucid_tile_any_* is worth nothing but inlined, with ``rows`` and whether there is ``at`` constant. */
    #define LUCID_DEFINE_TILE(s, real, MR, NR) \\
    enum { lucid_tile_lanes_##s = sizeof(lucid_tile_##s) / sizeof(real), \\
           lucid_tile_width_##s = NR / lucid_tile_lanes_##s }; \\
    LUCID_TILE_INLINED lucid_tile_any_##s(const int rows, const real *a, Py_ssize_t a_row, Py_ssize_t a_step, \\
                                          const real *b, Py_ssize_t b_step, const Py_ssize_t *at, real *c, \\
                                          Py_ssize_t c_row, Py_ssize_t k, int load) { \\
        enum { lanes = lucid_tile_lanes_##s, width = lucid_tile_width_##s }; \\
        lucid_tile_##s acc[MR][width], x[width], y; \\
        LUCID_UNROLLED for (int i = 0; i < rows; i++) \\
            LUCID_UNROLLED for (int j = 0; j < width; j++) acc[i][j] = LUCID_TILE_FILL_##s(0); \\
        for (Py_ssize_t p = 0; p < k; p++) { \\
            const real *row = at ? b + at[p] : b; \\
            LUCID_UNROLLED for (int j = 0; j < width; j++) x[j] = LUCID_TILE_LOAD_##s(row + j * lanes); \\
            LUCID_UNROLLED for (int i = 0; i < rows; i++) { \\
                y = LUCID_TILE_FILL_##s(a[i * a_row]); \\
                LUCID_UNROLLED for (int j = 0; j < width; j++) acc[i][j] = LUCID_TILE_MADD_##s(y, x[j], acc[i][j]); \\
            } \\
            a += a_step; \\
            b += b_step; \\
        } \\
        if (load) { \\
            LUCID_UNROLLED for (int i = 0; i < rows; i++) \\
                LUCID_UNROLLED for (int j = 0; j < width; j++) \\
                    acc[i][j] = LUCID_TILE_LOAD_##s(c + i * c_row + j * lanes) + acc[i][j]; \\
        } \\
        LUCID_UNROLLED for (int i = 0; i < rows; i++) \\
            LUCID_UNROLLED for (int j = 0; j < width; j++) LUCID_TILE_STORE_##s(c + i * c_row + j * lanes, acc[i][j]); \\
    } \\
    static void lucid_tile_##s##_strided(int rows, const real *a, Py_ssize_t a_row, Py_ssize_t a_step, const real *b, \\
                                         Py_ssize_t b_step, real *c, Py_ssize_t c_row, Py_ssize_t k, int load) { \\
        if (rows == MR && a_row == 1) lucid_tile_any_##s(MR, a, 1, a_step, b, b_step, NULL, c, c_row, k, load); \\
        else if (rows == MR) lucid_tile_any_##s(MR, a, a_row, a_step, b, b_step, NULL, c, c_row, k, load); \\
        else if (MR > 8 && rows == 8) lucid_tile_any_##s(8, a, a_row, a_step, b, b_step, NULL, c, c_row, k, load); \\
        else if (MR > 4 && rows == 4) lucid_tile_any_##s(4, a, a_row, a_step, b, b_step, NULL, c, c_row, k, load); \\
        else if (MR > 2 && rows == 2) lucid_tile_any_##s(2, a, a_row, a_step, b, b_step, NULL, c, c_row, k, load); \\
        else lucid_tile_any_##s(1, a, a_row, a_step, b, b_step, NULL, c, c_row, k, load); \\
    } \\
    static void lucid_tile_##s##_gathered(int rows, const real *a, Py_ssize_t a_row, Py_ssize_t a_step, const real *b, \\
                                          const Py_ssize_t *at, real *c, Py_ssize_t c_row, Py_ssize_t k, int load) { \\
        if (rows == MR && a_row == 1) lucid_tile_any_##s(MR, a, 1, a_step, b, 0, at, c, c_row, k, load); \\
        else if (rows == MR) lucid_tile_any_##s(MR, a, a_row, a_step, b, 0, at, c, c_row, k, load); \\
        else if (MR > 8 && rows == 8) lucid_tile_any_##s(8, a, a_row, a_step, b, 0, at, c, c_row, k, load); \\
        else if (MR > 4 && rows == 4) lucid_tile_any_##s(4, a, a_row, a_step, b, 0, at, c, c_row, k, load); \\
        else if (MR > 2 && rows == 2) lucid_tile_any_##s(2, a, a_row, a_step, b, 0, at, c, c_row, k, load); \\
        else lucid_tile_any_##s(1, a, a_row, a_step, b, 0, at, c, c_row, k, load); \\
    }
    LUCID_DEFINE_TILE(f, float, LUCID_MR32, LUCID_NR32)
    LUCID_DEFINE_TILE(d, double, LUCID_MR64, LUCID_NR64)
    """
    void tile32 "lucid_tile_f_strided" (int rows, const float* a, Py_ssize_t a_row, Py_ssize_t a_step, const float* b,
                                        Py_ssize_t b_step, float* c, Py_ssize_t c_row, Py_ssize_t k,
                                        bint load) noexcept nogil
    void tile64 "lucid_tile_d_strided" (int rows, const double* a, Py_ssize_t a_row, Py_ssize_t a_step, const double* b,
                                        Py_ssize_t b_step, double* c, Py_ssize_t c_row, Py_ssize_t k,
                                        bint load) noexcept nogil
    void gather_tile32 "lucid_tile_f_gathered" (int rows, const float* a, Py_ssize_t a_row, Py_ssize_t a_step,
                                                const float* b, const Py_ssize_t* at, float* c, Py_ssize_t c_row,
                                                Py_ssize_t k, bint load) noexcept nogil
    void gather_tile64 "lucid_tile_d_gathered" (int rows, const double* a, Py_ssize_t a_row, Py_ssize_t a_step,
                                                const double* b, const Py_ssize_t* at, double* c, Py_ssize_t c_row,
                                                Py_ssize_t k, bint load) noexcept nogil


cdef inline void tile(int rows, const floating* a, Py_ssize_t a_row, Py_ssize_t a_step, const floating* b,
                      Py_ssize_t b_step, floating* c, Py_ssize_t c_row, Py_ssize_t k, bint load) noexcept nogil:
    """``rows`` (as ``tile_height`` gives them) by NR elements of C, which ``load`` adds to."""
    if floating is float:
        tile32(rows, a, a_row, a_step, b, b_step, c, c_row, k, load)
    else:
        tile64(rows, a, a_row, a_step, b, b_step, c, c_row, k, load)


cdef inline void gather_tile(int rows, const floating* a, Py_ssize_t a_row, Py_ssize_t a_step, const floating* b,
                             const Py_ssize_t* at, floating* c, Py_ssize_t c_row, Py_ssize_t k,
                             bint load) noexcept nogil:
    """As ``tile``, with row p of B at b + at[p]."""
    if floating is float:
        gather_tile32(rows, a, a_row, a_step, b, at, c, c_row, k, load)
    else:
        gather_tile64(rows, a, a_row, a_step, b, at, c, c_row, k, load)
