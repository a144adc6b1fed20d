# Tiles of few bits that become results in registers: layers of 1x1 without borders, and a network's first layer.
#
# In these the chains are short, and what follows them costs as much again when the sums go through L1. The chains, and what
# is done to a sum, are those of low_tile.pxi and low_end.pxi: the same bits, whichever tile an output belongs to.

cdef extern from *:
    """
    /* Call for memory that is read later. */
    static void lucid_low_fetch(const char *x, Py_ssize_t bytes) {
        for (Py_ssize_t i = 0; i < bytes; i += 64)
            LUCID_FETCH(x + i);
    }

    #define LUCID_LOW_WHOLE 12              /* fewest pixels of such a tile; the most are LUCID_LOW_PIXELS */

    #if LUCID_LOW
    LUCID_LOW_FOR("avx512bf16") LUCID_ALWAYS void lucid_low_out_bfloat(const lucid_low_end *e, const __m512 *sums, const int v,
                                                                       const int P, const int residual, const int activation) {
        const float low = e->limits & 1 ? e->low : -INFINITY, high = e->limits & 2 ? e->high : INFINITY;
        const __m512 bias = _mm512_loadu_ps(e->bias + 16 * v);
        const char *r = e->residual + 2 * v * e->to_block;
        char *to = e->to + 2 * v * e->to_block;
        lucid_low_form form = e->r;
        form.kind = 1;
        LUCID_UNROLL(16) for (int p = 0; p < P; p += 2) {
            __m512 y[2];
            LUCID_UNROLL(2) for (int i = 0; i < 2 && p + i < P; i++) {
                y[i] = _mm512_add_ps(sums[p + i], bias);
                if (residual)
                    y[i] = _mm512_add_ps(y[i], lucid_low_load(&form, r + 32 * (p + i)));
                y[i] = lucid_low_activate(y[i], low, high, activation, 1);
            }
            if (p + 1 < P)
                _mm512_storeu_si512(to + 32 * p, (__m512i) _mm512_cvtne2ps_pbh(y[1], y[0]));
            else
                _mm256_storeu_si256((__m256i *) (to + 32 * p), (__m256i) _mm512_cvtneps_pbh(y[0]));
        }
    }
    LUCID_ALWAYS void lucid_low_out_byte(const lucid_low_end *e, const __m512i *sums, const int v, const int P,
                                         const int residual, const int activation) {
        const float low = e->limits & 1 ? e->low : -INFINITY, high = e->limits & 2 ? e->high : INFINITY;
        const __m512 scale = _mm512_loadu_ps(e->scale + 16 * v), bias = _mm512_loadu_ps(e->bias + 16 * v);
        const char *r = e->residual + v * e->to_block;
        char *to = e->to + v * e->to_block;
        lucid_low_form from = e->r, into = e->y;
        from.kind = into.kind = 2;
        LUCID_UNROLL(16) for (int p = 0; p < P; p++) {
            __m512 y = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[p]), scale, bias);
            if (residual)
                y = _mm512_add_ps(y, lucid_low_load(&from, r + 16 * p));
            lucid_low_store(&into, to + 16 * p, lucid_low_activate(y, low, high, activation, 2));
        }
    }
    #define LUCID_LOW_OUT(T, sums, P, B, residual, activation) \
        LUCID_UNROLL(2) for (int v = 0; v < B; v++) lucid_low_out_##T(e, sums[v], v, P, residual, activation);
    /* What lucid_low_ends_whole allows. */
    #define LUCID_LOW_OUTS(T, sums, P, B) \
        if (e->residual) { \
            if (e->limits) { LUCID_LOW_OUT(T, sums, P, B, 1, 1) } else { LUCID_LOW_OUT(T, sums, P, B, 1, 0) } \
        } else if (e->limits & 16) { LUCID_LOW_OUT(T, sums, P, B, 0, 16) \
        } else if (e->limits & 4) { LUCID_LOW_OUT(T, sums, P, B, 0, 4) \
        } else if (e->limits) { LUCID_LOW_OUT(T, sums, P, B, 0, 1) \
        } else { LUCID_LOW_OUT(T, sums, P, B, 0, 0) }

    /* Inlined with P, B and the distance S of pixels constant. */
    #define LUCID_LOW_WHOLE_OF(T, E, vector, zero, first, S) \
    LUCID_LOW_FOR(E) LUCID_ALWAYS void lucid_low_whole_##T(const lucid_low_tile *t, const lucid_low_end *e, const int P, \
                                                           const int B) { \
        vector acc[LUCID_LOW_PAIR][LUCID_LOW_PIXELS]; \
        const char *w = t->w, *ahead = t->ahead, *x = t->x; \
        LUCID_UNROLL(16) for (int v = 0; v < B; v++) { \
            const vector from = t->start ? first(t->start + 16 * v) : zero(); \
            LUCID_UNROLL(16) for (int p = 0; p < P; p++) \
                acc[v][p] = from; \
        } \
        for (Py_ssize_t block = 0; block < t->blocks; block++, x += t->x_block) { \
            const Py_ssize_t n = 4 * (block == t->blocks - 1 ? t->last_groups : t->groups); \
            for (Py_ssize_t i = 0; i < t->lines; i++, ahead += 64) \
                LUCID_FETCH(ahead); \
            LUCID_UNROLL(1) for (Py_ssize_t c = 0; c < n; c += 4, w += 64) { \
                __m512i ww[LUCID_LOW_PAIR]; \
                LUCID_UNROLL(16) for (int v = 0; v < B; v++) \
                    ww[v] = _mm512_loadu_si512(w + v * t->w_block); \
                LUCID_UNROLL(16) for (int p = 0; p < P; p++) { \
                    int32_t four; \
                    memcpy(&four, x + c + p * S, 4); \
                    const __m512i s = _mm512_set1_epi32(four); \
                    LUCID_UNROLL(16) for (int v = 0; v < B; v++) \
                        acc[v][p] = LUCID_DOT_##T(acc[v][p], ww[v], s); \
                } \
            } \
        } \
        /* the sums in registers of their own, or GCC keeps some of those of the loop in memory */ \
        LUCID_UNROLL(2) for (int v = 0; v < B; v++) \
            LUCID_UNROLL(16) for (int p = 0; p < P; p++) \
                __asm__ volatile("" : "+v"(acc[v][p])); \
        LUCID_LOW_OUTS(T, acc, P, B) \
    }
    LUCID_LOW_WHOLE_OF(bfloat, "avx512bf16", __m512, _mm512_setzero_ps, LUCID_LOW_NONE, 32)
    LUCID_LOW_WHOLE_OF(byte, "avx512vnni", __m512i, _mm512_setzero_si512, _mm512_loadu_si512, 16)

    #define LUCID_LOW_WHOLE_TILE(T, E, P, B) \
        LUCID_LOW_FOR(E) static void lucid_low_whole_##T##_##P##_##B(const lucid_low_tile *t, const lucid_low_end *e) { \
            lucid_low_whole_##T(t, e, P, B); \
        }
    /* Tiles ``i`` to ``tiles`` of a row, the first ``more`` of the row a pixel longer. ``fetch``: cache lines per block of
       channels that are still to be fetched ahead; returns what is left of them. */
    #define LUCID_LOW_WHOLE_ROW(T, E, size) \
        LUCID_LOW_WHOLE_TILE(T, E, 12, 1) LUCID_LOW_WHOLE_TILE(T, E, 13, 1) LUCID_LOW_WHOLE_TILE(T, E, 14, 1) \
        LUCID_LOW_WHOLE_TILE(T, E, 12, 2) LUCID_LOW_WHOLE_TILE(T, E, 13, 2) LUCID_LOW_WHOLE_TILE(T, E, 14, 2) \
        static Py_ssize_t lucid_low_row_##T(lucid_low_tile *t, lucid_low_end *e, Py_ssize_t i, Py_ssize_t tiles, \
                                            Py_ssize_t each, Py_ssize_t more, Py_ssize_t blocks, Py_ssize_t fetch) { \
            static void (*const of[2][3])(const lucid_low_tile *, const lucid_low_end *) = { \
                {lucid_low_whole_##T##_12_1, lucid_low_whole_##T##_13_1, lucid_low_whole_##T##_14_1}, \
                {lucid_low_whole_##T##_12_2, lucid_low_whole_##T##_13_2, lucid_low_whole_##T##_14_2}}; \
            for (; i < tiles; i++) { \
                const Py_ssize_t pixels = each + (i < more), bytes = 16 * size * pixels; \
                if (fetch <= 0) \
                    t->lines = 0; \
                of[blocks - 1][pixels - LUCID_LOW_WHOLE](t, e); \
                fetch -= t->lines; \
                t->ahead += 64 * t->lines * t->blocks; \
                t->x += bytes; \
                e->to += bytes; \
                if (e->residual) \
                    e->residual += bytes; \
            } \
            return fetch; \
        }
    LUCID_LOW_WHOLE_ROW(bfloat, "avx512bf16", 2)
    LUCID_LOW_WHOLE_ROW(byte, "avx512vnni", 1)

    /* 14 pixels of a 3x3 kernel with stride 2 on a plain image, in ``steps`` words per column. Every column is broadcast
       once, for both pixels that it reaches: broadcasts from memory are what bounds one block of rows, so several columns
       are loaded at a time and spread from there. */
    #define LUCID_LOW_SPREAD(v, i) \
        ((i) == 0 ? _mm512_shuffle_epi32(v, 0x00) : (i) == 1 ? _mm512_shuffle_epi32(v, 0x55) \
         : (i) == 2 ? _mm512_shuffle_epi32(v, 0xaa) : _mm512_shuffle_epi32(v, 0xff))
    #define LUCID_LOW_STEM_OF(T, extension, vector, zero, first, steps) \
    LUCID_LOW_FOR(extension) static void lucid_low_stem_##T(const lucid_low_tile *t, const lucid_low_end *e) { \
        const vector from = t->start ? first(t->start) : zero(); \
        vector acc[1][14]; \
        LUCID_UNROLL(16) for (int p = 0; p < 14; p++) \
            acc[0][p] = from; \
        for (Py_ssize_t row = 0; row < t->rows; row++) { \
            const Py_ssize_t y = t->y + row * t->y_step; \
            const int inside = (size_t) y < (size_t) t->height; \
            const char *x = inside ? t->x + row * t->x_row : t->none; \
            __m512i w[3 * steps], four; \
            if (!inside && t->skip) \
                continue; \
            LUCID_UNROLL(8) for (int k = 0; k < 3 * steps; k++) \
                w[k] = _mm512_loadu_si512(t->w + 64 * (3 * steps * row + k)); \
            LUCID_UNROLL(64) for (int d = 0; d < 29 * steps; d++) { \
                __m512i v; \
                if (d / 4 * 4 + 4 > 29 * steps) { \
                    int32_t one; \
                    memcpy(&one, x + 4 * d, 4); \
                    v = _mm512_set1_epi32(one); \
                } else { \
                    if (d % 4 == 0) \
                        four = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *) (x + 4 * d))); \
                    v = LUCID_LOW_SPREAD(four, d % 4); \
                } \
                LUCID_UNROLL(3) for (int k = 0; k < 3; k++) { \
                    const int to = d / steps - k; \
                    if (to >= 0 && to % 2 == 0 && to < 28) \
                        acc[0][to / 2] = LUCID_DOT_##T(acc[0][to / 2], w[k * steps + d % steps], v); \
                } \
            } \
        } \
        LUCID_LOW_OUTS(T, acc, 14, 1) \
    }
    LUCID_LOW_STEM_OF(bfloat, "avx512bf16", __m512, _mm512_setzero_ps, LUCID_LOW_NONE, 2)
    LUCID_LOW_STEM_OF(byte, "avx512vnni", __m512i, _mm512_setzero_si512, _mm512_loadu_si512, 1)

    /* Whether the end is one of those above. */
    static int lucid_low_ends_whole(const lucid_low_end *e, int kind) {
        return e->y.kind == kind && e->to_pixel == 16 && !(e->limits & 40)
               && (!e->residual || (e->r.kind == kind && !(e->limits & 20)));
    }
    static int lucid_low_is_stem(const lucid_low_tile *t, int kind) {
        return t->taps == 1 && t->blocks == 1 && t->last_groups == (kind == 1 ? 6 : 3) && t->x_pixel == (kind == 1 ? 16 : 8);
    }
    static Py_ssize_t lucid_low_whole_row(lucid_low_tile *t, lucid_low_end *e, int kind, Py_ssize_t i, Py_ssize_t tiles,
                                          Py_ssize_t each, Py_ssize_t more, Py_ssize_t blocks, Py_ssize_t fetch) {
        return kind == 1 ? lucid_low_row_bfloat(t, e, i, tiles, each, more, blocks, fetch)
                         : lucid_low_row_byte(t, e, i, tiles, each, more, blocks, fetch);
    }
    static void lucid_low_stem(const lucid_low_tile *t, const lucid_low_end *e, int kind) {
        if (kind == 1)
            lucid_low_stem_bfloat(t, e);
        else
            lucid_low_stem_byte(t, e);
    }
    #else
    static int lucid_low_ends_whole(const lucid_low_end *e, int kind) { (void) e; (void) kind; return 0; }
    static int lucid_low_is_stem(const lucid_low_tile *t, int kind) { (void) t; (void) kind; return 0; }
    static Py_ssize_t lucid_low_whole_row(lucid_low_tile *t, lucid_low_end *e, int kind, Py_ssize_t i, Py_ssize_t tiles,
                                          Py_ssize_t each, Py_ssize_t more, Py_ssize_t blocks, Py_ssize_t fetch) {
        (void) t; (void) e; (void) kind; (void) i; (void) tiles; (void) each; (void) more; (void) blocks;
        return fetch;
    }
    static void lucid_low_stem(const lucid_low_tile *t, const lucid_low_end *e, int kind) { (void) t; (void) e; (void) kind; }
    #endif
    """
    void low_fetch "lucid_low_fetch" (const char* x, Py_ssize_t n) noexcept nogil
    bint low_ends_whole "lucid_low_ends_whole" (const LowEnd* e, int kind) noexcept nogil
    bint low_is_stem "lucid_low_is_stem" (const LowTile* t, int kind) noexcept nogil
    Py_ssize_t low_whole_row "lucid_low_whole_row" (LowTile* t, LowEnd* e, int kind, Py_ssize_t i, Py_ssize_t tiles,
                                                    Py_ssize_t each, Py_ssize_t more, Py_ssize_t blocks,
                                                    Py_ssize_t fetch) noexcept nogil
    void low_stem "lucid_low_stem" (const LowTile* t, const LowEnd* e, int kind) noexcept nogil
    cdef enum:
        LOW_WHOLE "LUCID_LOW_WHOLE"
