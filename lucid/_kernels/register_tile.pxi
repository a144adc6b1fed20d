# The register tile of every product, its accumulators in registers from the first step of k to the last, and the
# multiply-add and the vectors that it is written in.
#
# In vectors, because GCC keeps an array of numbers in registers within a loop, but clears and spills the array around
# the loop, which costs a tenth of a tile of 144 steps and a third of one of 32.

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
       A. SQUARE is the number of floats in a vector. */
    #if defined(__AVX512F__)
    #include <immintrin.h>
    #define LUCID_MR32 14
    #define LUCID_NR32 32
    #define LUCID_MR64 8
    #define LUCID_NR64 24
    #define LUCID_SQUARE 16
    #define LUCID_V(name) _mm512_##name
    typedef __m512 lucid_row;
    typedef __m512d lucid_pairs;
    #define LUCID_TO_PAIRS _mm512_castps_pd
    #define LUCID_TO_ROW _mm512_castpd_ps
    #elif defined(__AVX2__)
    #include <immintrin.h>
    #define LUCID_MR32 4
    #define LUCID_NR32 24
    #define LUCID_MR64 4
    #define LUCID_NR64 8
    #define LUCID_SQUARE 8
    #define LUCID_V(name) _mm256_##name
    typedef __m256 lucid_row;
    typedef __m256d lucid_pairs;
    #define LUCID_TO_PAIRS _mm256_castps_pd
    #define LUCID_TO_ROW _mm256_castpd_ps
    #else
    #define LUCID_MR32 2
    #define LUCID_NR32 20
    #define LUCID_MR64 1
    #define LUCID_NR64 20
    #define LUCID_SQUARE 4
    #if defined(__SSE2__)
    #include <emmintrin.h>
    #define LUCID_V(name) _mm_##name
    typedef __m128 lucid_row;
    typedef __m128d lucid_pairs;
    #define LUCID_TO_PAIRS _mm_castps_pd
    #define LUCID_TO_ROW _mm_castpd_ps
    #elif defined(__GNUC__)
    typedef float lucid_row __attribute__((vector_size(16), aligned(4), may_alias));
    typedef double lucid_pairs __attribute__((vector_size(16), aligned(8), may_alias));
    #else
    typedef float lucid_row;
    typedef double lucid_pairs;
    #endif
    #endif
    #define LUCID_TILE (LUCID_MR32 * LUCID_NR32)

    #ifdef LUCID_V
    #define LUCID_LOAD(type, p) LUCID_V(loadu_##type)(p)
    #define LUCID_STORE(type, p, v) LUCID_V(storeu_##type)(p, v)
    #define LUCID_FILL(type, x) LUCID_V(set1_##type)(x)
    #define LUCID_PLUS(type, a, b) LUCID_V(add_##type)(a, b)
    #ifdef __FP_FAST_FMAF
    #define LUCID_MADD(type, a, b, c) LUCID_V(fmadd_##type)(a, b, c)
    #else
    #define LUCID_MADD(type, a, b, c) LUCID_V(add_##type)(LUCID_V(mul_##type)(a, b), c)
    #endif
    #else
    #define LUCID_VECTOR_ps lucid_row
    #define LUCID_VECTOR_pd lucid_pairs
    #define LUCID_LOAD(type, p) (*(const LUCID_VECTOR_##type *) (p))
    #define LUCID_STORE(type, p, v) (*(LUCID_VECTOR_##type *) (p) = (v))
    #define LUCID_PLUS(type, a, b) ((a) + (b))
    #ifdef __GNUC__
    #define LUCID_FILL(type, x) ((x) - (LUCID_VECTOR_##type) {0})
    #define LUCID_MADD(type, a, b, c) ((a) * (b) + (c))
    #else
    #define LUCID_MADD_ps lucid_maddf
    #define LUCID_MADD_pd lucid_madd
    #define LUCID_FILL(type, x) (x)
    #define LUCID_MADD(type, a, b, c) LUCID_MADD_##type(a, b, c)
    #endif
    #endif

    #if defined(__GNUC__)
    #define LUCID_ALWAYS static inline __attribute__((always_inline))
    #define LUCID_SOON(address) __builtin_prefetch(address, 1, 2)
    #else
    #define LUCID_ALWAYS static inline
    #define LUCID_SOON(address) ((void) 0)
    #endif
    #if defined(__clang__)
    #define LUCID_UNROLLED _Pragma("clang loop unroll(full)")
    #elif defined(__GNUC__)
    #define LUCID_UNROLLED _Pragma("GCC unroll 16")     /* or GCC leaves the accumulators in memory */
    #else
    #define LUCID_UNROLLED
    #endif

    /* ``rows`` by NR elements of C, which ``load`` adds to. Row p of B lies at b + at[p], or at b + p * b_step without
       ``at``. From FAR steps on, C was left long ago or never touched: it is called for at the start, and is there at
       the end. The sums of shorter blocks are still in L1, where calling for them costs 4 % of Winograd's.
       lucid_tile_any_* is worth nothing but inlined, with ``rows`` and whether there is ``at`` constant. */
    #define LUCID_FAR 96
    #define LUCID_DEFINE_TILE(s, real, type, vector, MR, NR) \\
    LUCID_ALWAYS void lucid_tile_any_##s(const int rows, const real *a, Py_ssize_t a_row, Py_ssize_t a_step, \\
                                         const real *b, Py_ssize_t b_step, const Py_ssize_t *at, real *c, \\
                                         Py_ssize_t c_row, Py_ssize_t k, int load) { \\
        enum { lanes = sizeof(vector) / sizeof(real), width = NR / lanes }; \\
        vector sum[MR][width], x[width], y; \\
        if (k >= LUCID_FAR) { \\
            LUCID_UNROLLED for (int i = 0; i < rows; i++) \\
                LUCID_UNROLLED for (int j = 0; j < width; j++) LUCID_SOON(c + i * c_row + j * lanes); \\
        } \\
        LUCID_UNROLLED for (int i = 0; i < rows; i++) \\
            LUCID_UNROLLED for (int j = 0; j < width; j++) sum[i][j] = LUCID_FILL(type, 0); \\
        for (Py_ssize_t p = 0; p < k; p++) { \\
            const real *row = at ? b + at[p] : b; \\
            LUCID_UNROLLED for (int j = 0; j < width; j++) x[j] = LUCID_LOAD(type, row + j * lanes); \\
            LUCID_UNROLLED for (int i = 0; i < rows; i++) { \\
                y = LUCID_FILL(type, a[i * a_row]); \\
                LUCID_UNROLLED for (int j = 0; j < width; j++) sum[i][j] = LUCID_MADD(type, y, x[j], sum[i][j]); \\
            } \\
            a += a_step; \\
            b += b_step; \\
        } \\
        if (load) { \\
            LUCID_UNROLLED for (int i = 0; i < rows; i++) \\
                LUCID_UNROLLED for (int j = 0; j < width; j++) \\
                    sum[i][j] = LUCID_PLUS(type, LUCID_LOAD(type, c + i * c_row + j * lanes), sum[i][j]); \\
        } \\
        LUCID_UNROLLED for (int i = 0; i < rows; i++) \\
            LUCID_UNROLLED for (int j = 0; j < width; j++) LUCID_STORE(type, c + i * c_row + j * lanes, sum[i][j]); \\
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
    LUCID_DEFINE_TILE(f, float, ps, lucid_row, LUCID_MR32, LUCID_NR32)
    LUCID_DEFINE_TILE(d, double, pd, lucid_pairs, LUCID_MR64, LUCID_NR64)
    """
    float madd32 "lucid_maddf" (float a, float b, float c) noexcept nogil
    double madd64 "lucid_madd" (double a, double b, double c) noexcept nogil
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
    cdef enum:
        MR32 "LUCID_MR32"
        NR32 "LUCID_NR32"
        MR64 "LUCID_MR64"
        NR64 "LUCID_NR64"
        TILE "LUCID_TILE"       # elements of the larger tile
        SQUARE "LUCID_SQUARE"   # floats in a vector


cdef inline floating madd(floating a, floating b, floating c) noexcept nogil:
    """a * b + c, rounded once where the CPU can."""
    if floating is float:
        return madd32(a, b, c)
    else:
        return madd64(a, b, c)


cdef inline int tile_rows(const floating* like) noexcept nogil:
    return MR32 if floating is float else MR64


cdef inline int tile_columns(const floating* like) noexcept nogil:
    return NR32 if floating is float else NR64


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
