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
    #define LUCID_MR32 6
    #define LUCID_NR32 16
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
    #define LUCID_READ_SOON(address) __builtin_prefetch(address, 0, 3)
    #define LUCID_LINE __attribute__((aligned(64)))
    #else
    #define LUCID_ALWAYS static inline
    #define LUCID_SOON(address) ((void) 0)
    #define LUCID_READ_SOON(address) ((void) 0)
    #define LUCID_LINE
    #endif
    #if defined(__clang__)
    #define LUCID_UNROLLED _Pragma("clang loop unroll(full)")
    #elif defined(__GNUC__)
    #define LUCID_UNROLLED _Pragma("GCC unroll 16")     /* or GCC leaves the accumulators in memory */
    #else
    #define LUCID_UNROLLED
    #endif

    /* Rows of B that are to be packed as LUCID_AHEAD panels (of 128 bytes, so that pages are visited less often), row p
       to chain p % chains; a call packs n of them and calls for rows ``fetch`` ahead, whose cache lines need not start
       where they do. */
    #if LUCID_SQUARE == 8
    enum { LUCID_AHEAD = 2 };
    #else
    enum { LUCID_AHEAD = 1 };
    #endif
    enum { LUCID_AHEAD_COLUMNS = LUCID_AHEAD * LUCID_NR32 };
    struct lucid_ahead {
        const float *b, *row;
        float *out, *to;
        Py_ssize_t b_row, columns, held, place, left, each, fetch, next, back;
        int chain, chains;
    };
    LUCID_ALWAYS void lucid_ahead_some(struct lucid_ahead *s, Py_ssize_t n) {
        const float *row = s->row;
        float *to = s->to;
        Py_ssize_t left = s->left, last = left > n ? left - n : 0;
        int r = s->chain;
        for (; left > last; left--) {
            if (left > s->fetch) {
                const float *then = row + s->fetch * s->b_row;
                for (int i = 0; i < LUCID_AHEAD_COLUMNS; i += 16) LUCID_READ_SOON(then + i);
                LUCID_READ_SOON(then + LUCID_AHEAD_COLUMNS - 1);
            }
            for (int q = 0; q < LUCID_AHEAD; q++)
                memcpy(to + q * (s->back + LUCID_NR32), row + q * LUCID_NR32, sizeof(float) * LUCID_NR32);
            row += s->b_row;
            to += s->next;
            if (++r == s->chains) {
                to -= s->back;
                r = 0;
            }
        }
        s->row = row;
        s->to = to;
        s->left = left;
        s->chain = r;
    }

    /* ``rows`` by NR elements of C, which ``load`` adds to. Row p of B lies at b + at[p], or at b + p * b_step without
       ``at``. From FAR steps on, C was left long ago or never touched: it is called for at the start, and is there at
       the end. The sums of shorter blocks are still in L1, where calling for them costs 4 % of Winograd's.
       lucid_tile_*_any is worth nothing but inlined, with ``rows`` and whether there is ``at`` constant.

       lucid_tile_*_deep takes k in blocks of ``depth``, and adds the sums of two to each other before they are added to
       C: short blocks are exact but many, and this halves what is lost by adding them up.

       lucid_tile_*_each takes packed A and chain after chain of k (tile.pxi), the total of those before being in L1; it
       begins with C if ``load`` is 1, and is added to it in the end if ``load`` is 2.
       Row p of B lies at b + p * b_row, or without ``b_row`` where packing puts it: chain under chain. Before each
       chain some of the next panel is packed, if ``ahead`` (pack_ahead.pxi) says so. */
    #define LUCID_FAR 96
    #define LUCID_HEIGHT(s, MR, n) \\
        case n: \\
            if (MR >= n) lucid_tile_##s##_each(n, a, b, b_row, c, c_row, k, chains, load, ahead); \\
            break;
    #define LUCID_DEFINE_TILE(s, real, type, vector, MR, NR) \\
    enum { lucid_lanes_##s = sizeof(vector) / sizeof(real), lucid_width_##s = NR / lucid_lanes_##s }; \\
    LUCID_ALWAYS void lucid_tile_##s##_soon(const int rows, const real *c, Py_ssize_t c_row) { \\
        LUCID_UNROLLED for (int i = 0; i < rows; i++) \\
            LUCID_UNROLLED for (int j = 0; j < lucid_width_##s; j++) LUCID_SOON(c + i * c_row + j * lucid_lanes_##s); \\
    } \\
    LUCID_ALWAYS void lucid_tile_##s##_sums(const int rows, const real *a, Py_ssize_t a_row, Py_ssize_t a_step, \\
                                            const real *b, Py_ssize_t b_step, const Py_ssize_t *at, Py_ssize_t k, \\
                                            vector sum[][lucid_width_##s]) { \\
        vector x[lucid_width_##s], y; \\
        LUCID_UNROLLED for (int i = 0; i < rows; i++) \\
            LUCID_UNROLLED for (int j = 0; j < lucid_width_##s; j++) sum[i][j] = LUCID_FILL(type, 0); \\
        for (Py_ssize_t p = 0; p < k; p++) { \\
            const real *row = at ? b + at[p] : b; \\
            LUCID_UNROLLED for (int j = 0; j < lucid_width_##s; j++) \\
                x[j] = LUCID_LOAD(type, row + j * lucid_lanes_##s); \\
            LUCID_UNROLLED for (int i = 0; i < rows; i++) { \\
                y = LUCID_FILL(type, a[i * a_row]); \\
                LUCID_UNROLLED for (int j = 0; j < lucid_width_##s; j++) \\
                    sum[i][j] = LUCID_MADD(type, y, x[j], sum[i][j]); \\
            } \\
            a += a_step; \\
            b += b_step; \\
        } \\
    } \\
    LUCID_ALWAYS void lucid_tile_##s##_add(const int rows, const real *from, Py_ssize_t from_row, \\
                                           vector sum[][lucid_width_##s]) { \\
        LUCID_UNROLLED for (int i = 0; i < rows; i++) \\
            LUCID_UNROLLED for (int j = 0; j < lucid_width_##s; j++) \\
                sum[i][j] = LUCID_PLUS(type, LUCID_LOAD(type, from + i * from_row + j * lucid_lanes_##s), sum[i][j]); \\
    } \\
    LUCID_ALWAYS void lucid_tile_##s##_put(const int rows, vector sum[][lucid_width_##s], const real *from, \\
                                           Py_ssize_t from_row, real *to, Py_ssize_t to_row) { \\
        if (from) lucid_tile_##s##_add(rows, from, from_row, sum); \\
        LUCID_UNROLLED for (int i = 0; i < rows; i++) \\
            LUCID_UNROLLED for (int j = 0; j < lucid_width_##s; j++) \\
                LUCID_STORE(type, to + i * to_row + j * lucid_lanes_##s, sum[i][j]); \\
    } \\
    LUCID_ALWAYS void lucid_tile_##s##_any(const int rows, const real *a, Py_ssize_t a_row, Py_ssize_t a_step, \\
                                           const real *b, Py_ssize_t b_step, const Py_ssize_t *at, real *c, \\
                                           Py_ssize_t c_row, Py_ssize_t k, int load) { \\
        vector sum[MR][lucid_width_##s]; \\
        if (k >= LUCID_FAR) lucid_tile_##s##_soon(rows, c, c_row); \\
        lucid_tile_##s##_sums(rows, a, a_row, a_step, b, b_step, at, k, sum); \\
        lucid_tile_##s##_put(rows, sum, load ? c : NULL, c_row, c, c_row); \\
    } \\
    LUCID_ALWAYS void lucid_tile_##s##_deep(const int rows, const real *a, Py_ssize_t a_step, const real *b, \\
                                            Py_ssize_t b_step, real *c, Py_ssize_t c_row, Py_ssize_t k, \\
                                            Py_ssize_t depth, int load) { \\
        LUCID_LINE real first[MR * NR]; \\
        vector sum[MR][lucid_width_##s]; \\
        for (int second = 0; k > 0; k -= depth) { \\
            const Py_ssize_t steps = k < depth ? k : depth; \\
            lucid_tile_##s##_sums(rows, a, 1, a_step, b, b_step, NULL, steps, sum); \\
            if (!second && k > depth) { \\
                lucid_tile_##s##_put(rows, sum, NULL, NR, first, NR); \\
                second = 1; \\
            } else { \\
                if (second) lucid_tile_##s##_add(rows, first, NR, sum); \\
                lucid_tile_##s##_put(rows, sum, load ? c : NULL, c_row, c, c_row); \\
                second = 0; \\
                load = 1; \\
            } \\
            a += steps * a_step; \\
            b += steps * b_step; \\
        } \\
    } \\
    LUCID_ALWAYS void lucid_tile_##s##_each(const int rows, const real *a, const real *b, Py_ssize_t b_row, real *c, \\
                                            Py_ssize_t c_row, Py_ssize_t k, int chains, int load, \\
                                            struct lucid_ahead *ahead) { \\
        LUCID_LINE real total[MR * NR]; \\
        vector sum[MR][lucid_width_##s]; \\
        const Py_ssize_t every = k / chains, more = k % chains, step = b_row ? b_row * chains : NR; \\
        const Py_ssize_t pitch = every + (more > 0) + 1; \\
        const int last = (int) (every ? chains : more) - 1; \\
        if (last > 0) \\
            LUCID_UNROLLED for (int i = 0; i < rows; i++) \\
                LUCID_UNROLLED for (int j = 0; j < lucid_width_##s; j++) \\
                    LUCID_STORE(type, total + i * NR + j * lucid_lanes_##s, \\
                                load == 1 ? LUCID_LOAD(type, c + i * c_row + j * lucid_lanes_##s) \\
                                          : LUCID_FILL(type, -0.0)); \\
        for (int r = 0;; r++) { \\
            const Py_ssize_t steps = every + (r < more); \\
            if (sizeof(real) == sizeof(float) && ahead && ahead->left) lucid_ahead_some(ahead, ahead->each); \\
            if (r == last && k >= LUCID_FAR) lucid_tile_##s##_soon(rows, c, c_row); \\
            lucid_tile_##s##_sums(rows, a, 1, rows, b, step, NULL, steps, sum); \\
            if (r == last) break; \\
            lucid_tile_##s##_put(rows, sum, total, NR, total, NR); \\
            a += pitch * rows; \\
            b += b_row ? b_row : pitch * NR; \\
        } \\
        if (last > 0 && load > 1) { \\
            lucid_tile_##s##_put(rows, sum, total, NR, total, NR); \\
            for (int i = 0; i < rows; i++) \\
                for (int j = 0; j < NR; j++) c[i * c_row + j] += total[i * NR + j]; \\
        } else { \\
            lucid_tile_##s##_put(rows, sum, last > 0 ? total : load ? c : NULL, last > 0 ? NR : c_row, c, c_row); \\
        } \\
    } \\
    static void lucid_tile_##s##_chains(int rows, const real *a, const real *b, Py_ssize_t b_row, real *c, \\
                                        Py_ssize_t c_row, Py_ssize_t k, int chains, int load, \\
                                        struct lucid_ahead *ahead) { \\
        switch (rows) { \\
            LUCID_HEIGHT(s, MR, 14) LUCID_HEIGHT(s, MR, 13) LUCID_HEIGHT(s, MR, 12) LUCID_HEIGHT(s, MR, 11) \\
            LUCID_HEIGHT(s, MR, 10) LUCID_HEIGHT(s, MR, 9) LUCID_HEIGHT(s, MR, 8) LUCID_HEIGHT(s, MR, 7) \\
            LUCID_HEIGHT(s, MR, 6) LUCID_HEIGHT(s, MR, 5) LUCID_HEIGHT(s, MR, 4) LUCID_HEIGHT(s, MR, 3) \\
            LUCID_HEIGHT(s, MR, 2) LUCID_HEIGHT(s, MR, 1) \\
        } \\
    } \\
    static void lucid_tile_##s##_strided(int rows, const real *a, Py_ssize_t a_row, Py_ssize_t a_step, const real *b, \\
                                         Py_ssize_t b_step, real *c, Py_ssize_t c_row, Py_ssize_t k, int load) { \\
        if (rows == MR && a_row == 1) lucid_tile_##s##_any(MR, a, 1, a_step, b, b_step, NULL, c, c_row, k, load); \\
        else if (rows == MR) lucid_tile_##s##_any(MR, a, a_row, a_step, b, b_step, NULL, c, c_row, k, load); \\
        else if (MR > 8 && rows == 8) lucid_tile_##s##_any(8, a, a_row, a_step, b, b_step, NULL, c, c_row, k, load); \\
        else if (MR > 4 && rows == 4) lucid_tile_##s##_any(4, a, a_row, a_step, b, b_step, NULL, c, c_row, k, load); \\
        else if (MR > 2 && rows == 2) lucid_tile_##s##_any(2, a, a_row, a_step, b, b_step, NULL, c, c_row, k, load); \\
        else lucid_tile_##s##_any(1, a, a_row, a_step, b, b_step, NULL, c, c_row, k, load); \\
    } \\
    static void lucid_tile_##s##_blocks(int rows, const real *a, Py_ssize_t a_step, const real *b, Py_ssize_t b_step, \\
                                        real *c, Py_ssize_t c_row, Py_ssize_t k, Py_ssize_t depth, int load) { \\
        if (rows == MR) lucid_tile_##s##_deep(MR, a, a_step, b, b_step, c, c_row, k, depth, load); \\
        else if (MR > 8 && rows == 8) lucid_tile_##s##_deep(8, a, a_step, b, b_step, c, c_row, k, depth, load); \\
        else if (MR > 4 && rows == 4) lucid_tile_##s##_deep(4, a, a_step, b, b_step, c, c_row, k, depth, load); \\
        else if (MR > 2 && rows == 2) lucid_tile_##s##_deep(2, a, a_step, b, b_step, c, c_row, k, depth, load); \\
        else lucid_tile_##s##_deep(1, a, a_step, b, b_step, c, c_row, k, depth, load); \\
    } \\
    static void lucid_tile_##s##_gathered(int rows, const real *a, Py_ssize_t a_row, Py_ssize_t a_step, \\
                                          const real *b, const Py_ssize_t *at, real *c, Py_ssize_t c_row, \\
                                          Py_ssize_t k, int load) { \\
        if (rows == MR && a_row == 1) lucid_tile_##s##_any(MR, a, 1, a_step, b, 0, at, c, c_row, k, load); \\
        else if (rows == MR) lucid_tile_##s##_any(MR, a, a_row, a_step, b, 0, at, c, c_row, k, load); \\
        else if (MR > 8 && rows == 8) lucid_tile_##s##_any(8, a, a_row, a_step, b, 0, at, c, c_row, k, load); \\
        else if (MR > 4 && rows == 4) lucid_tile_##s##_any(4, a, a_row, a_step, b, 0, at, c, c_row, k, load); \\
        else if (MR > 2 && rows == 2) lucid_tile_##s##_any(2, a, a_row, a_step, b, 0, at, c, c_row, k, load); \\
        else lucid_tile_##s##_any(1, a, a_row, a_step, b, 0, at, c, c_row, k, load); \\
    }
    LUCID_DEFINE_TILE(f, float, ps, lucid_row, LUCID_MR32, LUCID_NR32)
    LUCID_DEFINE_TILE(d, double, pd, lucid_pairs, LUCID_MR64, LUCID_NR64)
    """
    struct lucid_ahead:             # pack_ahead.pxi
        const float* b
        const float* row
        float* out
        float* to
        Py_ssize_t b_row, columns, held, place, left, each, fetch, next, back
        int chain, chains
    void ahead_some "lucid_ahead_some" (lucid_ahead* s, Py_ssize_t n) noexcept nogil
    cdef enum:
        AHEAD "LUCID_AHEAD"                     # panels packed together
        AHEAD_COLUMNS "LUCID_AHEAD_COLUMNS"     # of theirs
    float madd32 "lucid_maddf" (float a, float b, float c) noexcept nogil
    double madd64 "lucid_madd" (double a, double b, double c) noexcept nogil
    void tile32 "lucid_tile_f_strided" (int rows, const float* a, Py_ssize_t a_row, Py_ssize_t a_step, const float* b,
                                        Py_ssize_t b_step, float* c, Py_ssize_t c_row, Py_ssize_t k,
                                        bint load) noexcept nogil
    void tile64 "lucid_tile_d_strided" (int rows, const double* a, Py_ssize_t a_row, Py_ssize_t a_step, const double* b,
                                        Py_ssize_t b_step, double* c, Py_ssize_t c_row, Py_ssize_t k,
                                        bint load) noexcept nogil
    void deep_tile32 "lucid_tile_f_blocks" (int rows, const float* a, Py_ssize_t a_step, const float* b,
                                            Py_ssize_t b_step, float* c, Py_ssize_t c_row, Py_ssize_t k,
                                            Py_ssize_t depth, bint load) noexcept nogil
    void gather_tile32 "lucid_tile_f_gathered" (int rows, const float* a, Py_ssize_t a_row, Py_ssize_t a_step,
                                                const float* b, const Py_ssize_t* at, float* c, Py_ssize_t c_row,
                                                Py_ssize_t k, bint load) noexcept nogil
    void gather_tile64 "lucid_tile_d_gathered" (int rows, const double* a, Py_ssize_t a_row, Py_ssize_t a_step,
                                                const double* b, const Py_ssize_t* at, double* c, Py_ssize_t c_row,
                                                Py_ssize_t k, bint load) noexcept nogil
    void chain_tile32 "lucid_tile_f_chains" (int rows, const float* a, const float* b, Py_ssize_t b_row, float* c,
                                             Py_ssize_t c_row, Py_ssize_t k, int chains, int load,
                                             lucid_ahead* ahead) noexcept nogil
    void chain_tile64 "lucid_tile_d_chains" (int rows, const double* a, const double* b, Py_ssize_t b_row, double* c,
                                             Py_ssize_t c_row, Py_ssize_t k, int chains, int load,
                                             lucid_ahead* ahead) noexcept nogil
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


cdef inline void chain_tile(int rows, const floating* a, const floating* b, Py_ssize_t b_row, floating* c,
                            Py_ssize_t c_row, Py_ssize_t k, int chains, int load, lucid_ahead* ahead) noexcept nogil:
    """As ``tile``, chain after chain, with packed A. ``b_row`` is 0 when B is packed too; ``ahead`` may be NULL."""
    if floating is float:
        chain_tile32(rows, a, b, b_row, c, c_row, k, chains, load, ahead)
    else:
        chain_tile64(rows, a, b, b_row, c, c_row, k, chains, load, ahead)
