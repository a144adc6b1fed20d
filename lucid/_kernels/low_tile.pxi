# Products of few bits: the register tile of blocked images in bfloat16 or in bytes, and the ways into those and back.
#
# A blocked image of either keeps its order, (N, C / 16, H, W, 16); only its elements are smaller. Four bytes of a pixel, two
# bfloat16 or four unsigned bytes, are a step of k: one instruction multiplies them with those of 16 rows of the weight
# and adds the products to float32 or int32 lanes. k is one chain from its first step to its last. A tile leaves its
# sums in a buffer in L1, where the epilogue finds them; those of 1x1 layers have a file of their own, low_whole.pxi.
#
# The instructions (AVX512-BF16, AVX512-VNNI) belong to no CPU level, so their tiles are compiled for them one by one and
# asked for at run time. Sums of bytes are exact and have the same bits without the instruction, by plain loops.

cdef extern from *:
    """
    #if defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__GNUC__) && !defined(LUCID_NO_LOW)
    #define LUCID_LOW 1
    #else
    #define LUCID_LOW 0
    #endif
    #define LUCID_LOW_PIXELS 14
    #define LUCID_LOW_PAIR 2

    typedef struct {
        const char *x;                                  /* the first pixel at the first tap; may lie beside the image */
        Py_ssize_t x_block, x_row, x_tap, x_pixel;      /* bytes between blocks of channels, rows of taps, taps, pixels */
        Py_ssize_t blocks, rows, taps;                  /* of channels; per block; per row */
        int groups, last_groups;                        /* steps of k per tap; fewer in the last block */
        Py_ssize_t y, y_step, height;                   /* image row of the first row of taps, between rows, of the image */
        Py_ssize_t left, right;                         /* taps before ``left`` read zeros for the first pixel, ... */
        const char *none;                               /* ... from ``right`` on for the last one: pixels of zeros */
        int skip;                                       /* rows beside the image add nothing */
        const char *w;
        Py_ssize_t w_block;
        const char *ahead;                              /* weights that are needed later ... */
        Py_ssize_t lines;                               /* ... and how many cache lines of them to fetch per tap */
        const int32_t *start;                           /* what sums of bytes start from, or NULL for 0 */
        void *to;                                       /* [block][pixel][16] */
        Py_ssize_t to_block;                            /* bytes */
    } lucid_low_tile;

    static int lucid_low_has(int kind) {
    #if LUCID_LOW
        __builtin_cpu_init();
        return kind == 1 ? __builtin_cpu_supports("avx512bf16") != 0 : __builtin_cpu_supports("avx512vnni") != 0;
    #else
        (void) kind;
        return 0;
    #endif
    }

    #if LUCID_LOW
    #include <immintrin.h>
    #define LUCID_LOW_FOR(extension) __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq," extension)))
    #define LUCID_DOT_bfloat(sum, w, x) _mm512_dpbf16_ps(sum, (__m512bh) (w), (__m512bh) (x))
    #define LUCID_DOT_byte(sum, w, x) _mm512_dpbusd_epi32(sum, x, w)

    /* Inlined with P, B and, but for 0, the distance S of pixels constant. */
    #define LUCID_LOW_PIXELS_OF(T, extension, vector, zero, first, store) \
    LUCID_LOW_FOR(extension) LUCID_ALWAYS void lucid_low_##T(const lucid_low_tile *t, const int P, const int B, \
                                                             const Py_ssize_t S) { \
        const Py_ssize_t step = S ? S : t->x_pixel; \
        vector acc[LUCID_LOW_PAIR][LUCID_LOW_PIXELS]; \
        const char *w = t->w, *ahead = t->ahead; \
        LUCID_UNROLL(16) for (int v = 0; v < B; v++) { \
            const vector from = t->start ? first(t->start + 16 * v) : zero(); \
            LUCID_UNROLL(16) for (int p = 0; p < P; p++) \
                acc[v][p] = from; \
        } \
        for (Py_ssize_t block = 0; block < t->blocks; block++) { \
            const Py_ssize_t n = 4 * (block == t->blocks - 1 ? t->last_groups : t->groups); \
            for (Py_ssize_t row = 0; row < t->rows; row++) { \
                const Py_ssize_t y = t->y + row * t->y_step; \
                const int inside = (size_t) y < (size_t) t->height; \
                const char *x = inside ? t->x + block * t->x_block + row * t->x_row : t->none; \
                const Py_ssize_t x_tap = inside ? t->x_tap : 0; \
                if (!inside && t->skip) { \
                    w += 16 * n * t->taps; \
                    continue; \
                } \
                for (Py_ssize_t tap = 0; tap < t->taps; tap++) { \
                    const char *head = tap < t->left ? t->none : x; \
                    const char *tail = tap >= t->right ? t->none : P == 1 ? head : x + (P - 1) * step; \
                    for (Py_ssize_t i = 0; i < t->lines; i++, ahead += 64) \
                        LUCID_FETCH(ahead); \
                    LUCID_UNROLL(1) for (Py_ssize_t c = 0; c < n; c += 4) { \
                        __m512i ww[LUCID_LOW_PAIR]; \
                        LUCID_UNROLL(16) for (int v = 0; v < B; v++) \
                            ww[v] = _mm512_loadu_si512(w + v * t->w_block); \
                        LUCID_UNROLL(16) for (int p = 0; p < P; p++) { \
                            int32_t four; \
                            memcpy(&four, p == P - 1 ? tail + c : p == 0 ? head + c : x + c + p * step, 4); \
                            const __m512i s = _mm512_set1_epi32(four); \
                            LUCID_UNROLL(16) for (int v = 0; v < B; v++) \
                                acc[v][p] = LUCID_DOT_##T(acc[v][p], ww[v], s); \
                        } \
                        w += 64; \
                    } \
                    x += x_tap; \
                } \
            } \
        } \
        LUCID_UNROLL(16) for (int v = 0; v < B; v++) \
            LUCID_UNROLL(16) for (int p = 0; p < P; p++) \
                store((char *) t->to + v * t->to_block + 64 * p, acc[v][p]); \
    }
    #define LUCID_LOW_NONE(at) _mm512_setzero_ps()
    LUCID_LOW_PIXELS_OF(bfloat, "avx512bf16", __m512, _mm512_setzero_ps, LUCID_LOW_NONE, _mm512_storeu_ps)
    LUCID_LOW_PIXELS_OF(byte, "avx512vnni", __m512i, _mm512_setzero_si512, _mm512_loadu_si512, _mm512_storeu_si512)

    #define LUCID_LOW_TILE(T, E, P, B, S) \
        LUCID_LOW_FOR(E) static void lucid_low_##T##_##P##_##B##_##S(const lucid_low_tile *t) { lucid_low_##T(t, P, B, S); }
    #define LUCID_LOW_8(T, E, B, S) LUCID_LOW_TILE(T, E, 1, B, S) LUCID_LOW_TILE(T, E, 2, B, S) \
        LUCID_LOW_TILE(T, E, 3, B, S) LUCID_LOW_TILE(T, E, 4, B, S) LUCID_LOW_TILE(T, E, 5, B, S) \
        LUCID_LOW_TILE(T, E, 6, B, S) LUCID_LOW_TILE(T, E, 7, B, S) LUCID_LOW_TILE(T, E, 8, B, S)
    #define LUCID_LOW_14(T, E, B, S) LUCID_LOW_8(T, E, B, S) LUCID_LOW_TILE(T, E, 9, B, S) \
        LUCID_LOW_TILE(T, E, 10, B, S) LUCID_LOW_TILE(T, E, 11, B, S) LUCID_LOW_TILE(T, E, 12, B, S) \
        LUCID_LOW_TILE(T, E, 13, B, S) LUCID_LOW_TILE(T, E, 14, B, S)
    #define LUCID_LOW_NAMES_8(T, B, S) lucid_low_##T##_1_##B##_##S, lucid_low_##T##_2_##B##_##S, \
        lucid_low_##T##_3_##B##_##S, lucid_low_##T##_4_##B##_##S, lucid_low_##T##_5_##B##_##S, \
        lucid_low_##T##_6_##B##_##S, lucid_low_##T##_7_##B##_##S, lucid_low_##T##_8_##B##_##S
    #define LUCID_LOW_NAMES_14(T, B, S) {LUCID_LOW_NAMES_8(T, B, S), lucid_low_##T##_9_##B##_##S, \
        lucid_low_##T##_10_##B##_##S, lucid_low_##T##_11_##B##_##S, lucid_low_##T##_12_##B##_##S, \
        lucid_low_##T##_13_##B##_##S, lucid_low_##T##_14_##B##_##S}
    /* ``near`` and ``far`` are the bytes from a pixel to the next, and to the one after that; ``quads`` from a pixel of
       four channels to the one after the next. */
    #define LUCID_LOW_TILES(T, E, near, far, quads) \
        LUCID_LOW_14(T, E, 1, near) LUCID_LOW_14(T, E, 1, far) LUCID_LOW_14(T, E, 1, quads) LUCID_LOW_8(T, E, 1, 0) \
        LUCID_LOW_14(T, E, 2, near) LUCID_LOW_14(T, E, 2, far) LUCID_LOW_14(T, E, 2, quads) LUCID_LOW_8(T, E, 2, 0) \
        static void lucid_low_run_##T(const lucid_low_tile *t, Py_ssize_t pixels, Py_ssize_t blocks) { \
            static void (*const tiles[2][4][LUCID_LOW_PIXELS])(const lucid_low_tile *) = { \
                {LUCID_LOW_NAMES_14(T, 1, near), LUCID_LOW_NAMES_14(T, 1, far), LUCID_LOW_NAMES_14(T, 1, quads), \
                 {LUCID_LOW_NAMES_8(T, 1, 0)}}, \
                {LUCID_LOW_NAMES_14(T, 2, near), LUCID_LOW_NAMES_14(T, 2, far), LUCID_LOW_NAMES_14(T, 2, quads), \
                 {LUCID_LOW_NAMES_8(T, 2, 0)}}}; \
            const int kind = t->x_pixel == near ? 0 : t->x_pixel == far ? 1 : t->x_pixel == quads ? 2 : 3; \
            tiles[blocks - 1][kind][pixels - 1](t); \
        }
    LUCID_LOW_TILES(bfloat, "avx512bf16", 32, 64, 16)
    LUCID_LOW_TILES(byte, "avx512vnni", 16, 32, 8)
    #endif

    /* Bytes without the instruction. */
    static void lucid_low_loops(const lucid_low_tile *t, Py_ssize_t pixels, Py_ssize_t blocks) {
        for (Py_ssize_t v = 0; v < blocks; v++)
            for (Py_ssize_t p = 0; p < pixels; p++) {
                int32_t *sum = (int32_t *) ((char *) t->to + v * t->to_block) + 16 * p;
                const int8_t *w = (const int8_t *) t->w + v * t->w_block;
                for (int l = 0; l < 16; l++)
                    sum[l] = t->start ? t->start[16 * v + l] : 0;
                for (Py_ssize_t block = 0; block < t->blocks; block++) {
                    const int n = block == t->blocks - 1 ? t->last_groups : t->groups;
                    for (Py_ssize_t row = 0; row < t->rows; row++) {
                        const Py_ssize_t y = t->y + row * t->y_step;
                        const int inside = (size_t) y < (size_t) t->height;
                        for (Py_ssize_t tap = 0; tap < t->taps; tap++) {
                            const int beside = !inside || (p == 0 && tap < t->left) || (p == pixels - 1 && tap >= t->right);
                            const uint8_t *x = (const uint8_t *) (beside ? t->none
                                : t->x + block * t->x_block + row * t->x_row + tap * t->x_tap + p * t->x_pixel);
                            for (int c = 0; c < n; c++, w += 64)
                                for (int l = 0; l < 16; l++)
                                    sum[l] += (int32_t) x[4 * c] * w[4 * l] + (int32_t) x[4 * c + 1] * w[4 * l + 1]
                                              + (int32_t) x[4 * c + 2] * w[4 * l + 2] + (int32_t) x[4 * c + 3] * w[4 * l + 3];
                        }
                    }
                }
            }
    }

    /* kind: 1 bfloat16, 2 bytes */
    static void lucid_low_run(const lucid_low_tile *t, int kind, int native, Py_ssize_t pixels, Py_ssize_t blocks) {
    #if LUCID_LOW
        if (native) {
            if (kind == 1)
                lucid_low_run_bfloat(t, pixels, blocks);
            else
                lucid_low_run_byte(t, pixels, blocks);
            return;
        }
    #endif
        (void) kind;
        (void) native;
        lucid_low_loops(t, pixels, blocks);
    }

    /* Sixteen numbers of a kind (0 float32, 1 bfloat16, 2 bytes) as float32, and back. A byte q stands for
       (q - zero) * scale. */
    typedef struct {
        int kind;
        float scale, shift;         /* q * scale + shift: shift is -zero * scale */
        float inverse, zero;        /* 1 / scale */
    } lucid_low_form;

    #if LUCID_LOW
    typedef __m512 lucid_sixteen;
    #define LUCID_SIXTEEN_OF(name) _mm512_##name
    LUCID_ALWAYS lucid_sixteen lucid_low_load(const lucid_low_form *f, const char *x) {
        if (f->kind == 0)
            return _mm512_loadu_ps(x);
        if (f->kind == 1)
            return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *) x)), 16));
        return _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *) x))),
                               _mm512_set1_ps(f->scale), _mm512_set1_ps(f->shift));
    }
    LUCID_ALWAYS void lucid_low_store(const lucid_low_form *f, char *y, lucid_sixteen v) {
        if (f->kind == 0) {
            _mm512_storeu_ps(y, v);
        } else if (f->kind == 1) {
            const __m512i u = _mm512_castps_si512(v), high = _mm512_srli_epi32(u, 16);
            const __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
            __m512i z = _mm512_srli_epi32(_mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
            z = _mm512_mask_or_epi32(z, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), high, _mm512_set1_epi32(0x40));
            _mm256_storeu_si256((__m256i *) y, _mm512_cvtepi32_epi16(z));
        } else {
            v = _mm512_fmadd_ps(v, _mm512_set1_ps(f->inverse), _mm512_set1_ps(f->zero));
            v = _mm512_max_ps(v, _mm512_setzero_ps());          /* 0 for NaN */
            /* what does not fit 32 bits becomes their highest alone, which saturates as well */
            _mm_storeu_si128((__m128i *) y, _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(v)));
        }
    }
    LUCID_ALWAYS lucid_sixteen lucid_sixteen_load(const float *x) { return _mm512_loadu_ps(x); }
    LUCID_ALWAYS lucid_sixteen lucid_sixteen_add(lucid_sixteen a, lucid_sixteen b) { return _mm512_add_ps(a, b); }
    LUCID_ALWAYS lucid_sixteen lucid_sixteen_mul(lucid_sixteen a, lucid_sixteen b) { return _mm512_mul_ps(a, b); }
    LUCID_ALWAYS lucid_sixteen lucid_sixteen_sum(const int32_t *x, lucid_sixteen scale, lucid_sixteen bias) {
        return _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_loadu_si512(x)), scale, bias);
    }
    LUCID_ALWAYS lucid_sixteen lucid_sixteen_limit(lucid_sixteen v, float low, float high) {
        return _mm512_min_ps(_mm512_set1_ps(high), _mm512_max_ps(_mm512_set1_ps(low), v));
    }
    #else
    typedef struct { float v[16]; } lucid_sixteen;
    #define LUCID_SIXTEEN(e) lucid_sixteen z; for (int i = 0; i < 16; i++) z.v[i] = (e); return z
    LUCID_ALWAYS lucid_sixteen lucid_sixteen_load(const float *x) { LUCID_SIXTEEN(x[i]); }
    LUCID_ALWAYS lucid_sixteen lucid_sixteen_add(lucid_sixteen a, lucid_sixteen b) { LUCID_SIXTEEN(a.v[i] + b.v[i]); }
    LUCID_ALWAYS lucid_sixteen lucid_sixteen_mul(lucid_sixteen a, lucid_sixteen b) { LUCID_SIXTEEN(a.v[i] * b.v[i]); }
    /* fmaf, not the level's multiply-add: the same bits at every level */
    LUCID_ALWAYS lucid_sixteen lucid_sixteen_sum(const int32_t *x, lucid_sixteen scale, lucid_sixteen bias) {
        LUCID_SIXTEEN(fmaf((float) x[i], scale.v[i], bias.v[i]));
    }
    LUCID_ALWAYS lucid_sixteen lucid_sixteen_limit(lucid_sixteen v, float low, float high) {
        LUCID_SIXTEEN(v.v[i] < low ? low : v.v[i] > high ? high : v.v[i]);
    }
    LUCID_ALWAYS lucid_sixteen lucid_low_load(const lucid_low_form *f, const char *x) {
        if (f->kind == 0) { LUCID_SIXTEEN(((const float *) x)[i]); }
        if (f->kind == 1) { LUCID_SIXTEEN(lucid_f32((int32_t) ((uint32_t) ((const uint16_t *) x)[i] << 16))); }
        LUCID_SIXTEEN(fmaf((float) ((const uint8_t *) x)[i], f->scale, f->shift));
    }
    LUCID_ALWAYS void lucid_low_store(const lucid_low_form *f, char *y, lucid_sixteen v) {
        for (int i = 0; i < 16; i++) {
            if (f->kind == 0) {
                ((float *) y)[i] = v.v[i];
            } else if (f->kind == 1) {
                const uint32_t u = (uint32_t) lucid_i32(v.v[i]);
                ((uint16_t *) y)[i] = (uint16_t) ((u & 0x7fffffffu) > 0x7f800000u ? (u >> 16) | 0x40u
                                                  : (u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
            } else {
                const float q = fmaf(v.v[i], f->inverse, f->zero);
                ((uint8_t *) y)[i] = (uint8_t) nearbyintf(q > 0 ? q < 255 ? q : 255 : 0);
            }
        }
    }
    #endif
    static const Py_ssize_t lucid_low_sizes[] = {4, 2, 1};

    /* y = x in another form, n times 16; ``factor``: 16 numbers to multiply with, or NULL */
    LUCID_ALWAYS void lucid_low_convert_as(const lucid_low_form *from, const char *x, const lucid_low_form *into, char *y,
                                           const float *factor, Py_ssize_t n, const int x_kind, const int y_kind) {
        lucid_low_form a = *from, b = *into;
        a.kind = x_kind;
        b.kind = y_kind;
        for (Py_ssize_t i = 0; i < n; i++) {
            lucid_sixteen v = lucid_low_load(&a, x + i * 16 * lucid_low_sizes[x_kind]);
            if (factor)
                v = lucid_sixteen_mul(v, lucid_sixteen_load(factor));
            lucid_low_store(&b, y + i * 16 * lucid_low_sizes[y_kind], v);
        }
    }
    #define LUCID_LOW_CONVERT(x_kind, y_kind) \
        case 3 * x_kind + y_kind: lucid_low_convert_as(from, x, into, y, factor, n, x_kind, y_kind); break;
    #if LUCID_LOW
    LUCID_LOW_FOR("avx512bf16") static void lucid_low_convert_bfloat(const char *x, char *y, const float *factor, Py_ssize_t n) {
        const __m512 f = factor ? _mm512_loadu_ps(factor) : _mm512_set1_ps(1);
        lucid_low_form from = {1, 1, 0, 1, 0};
        for (Py_ssize_t i = 0; i + 2 <= n; i += 2) {
            const __m512 a = lucid_low_load(&from, x + 32 * i), b = lucid_low_load(&from, x + 32 * i + 32);
            _mm512_storeu_si512(y + 32 * i, (__m512i) _mm512_cvtne2ps_pbh(_mm512_mul_ps(b, f), _mm512_mul_ps(a, f)));
        }
        if (n % 2)
            _mm256_storeu_si256((__m256i *) (y + 32 * (n - 1)), (__m256i) _mm512_cvtneps_pbh(
                _mm512_mul_ps(lucid_low_load(&from, x + 32 * (n - 1)), f)));
    }
    #endif
    static void lucid_low_convert(const lucid_low_form *from, const char *x, const lucid_low_form *into, char *y,
                                  const float *factor, Py_ssize_t n) {
    #if LUCID_LOW
        if (from->kind == 1 && into->kind == 1 && lucid_low_has(1)) {
            lucid_low_convert_bfloat(x, y, factor, n);
            return;
        }
    #endif
        switch (3 * from->kind + into->kind) {
            LUCID_LOW_CONVERT(0, 0) LUCID_LOW_CONVERT(0, 1) LUCID_LOW_CONVERT(0, 2)
            LUCID_LOW_CONVERT(1, 0) LUCID_LOW_CONVERT(1, 1) LUCID_LOW_CONVERT(1, 2)
            LUCID_LOW_CONVERT(2, 0) LUCID_LOW_CONVERT(2, 1) LUCID_LOW_CONVERT(2, 2)
        }
    }

    /* n times 16 numbers of a row, y_step bytes apart. */
    static void lucid_low_row(const lucid_low_form *into, const float *x, Py_ssize_t n, char *y, Py_ssize_t y_step) {
        const lucid_low_form b = *into;
        for (Py_ssize_t i = 0; i < n; i++)
            lucid_low_store(&b, y + i * y_step, lucid_sixteen_load(x + 16 * i));
    }

    /* n pixels of up to four planes of float32, side by side: four numbers of a pixel, zeros where there is no plane. */
    #if LUCID_LOW
    /* Sixteen numbers as bytes, each in 32 bits. */
    LUCID_ALWAYS __m512i lucid_low_bits(const lucid_low_form *f, lucid_sixteen v) {
        v = _mm512_fmadd_ps(v, _mm512_set1_ps(f->inverse), _mm512_set1_ps(f->zero));
        return _mm512_cvtps_epi32(_mm512_min_ps(_mm512_max_ps(v, _mm512_setzero_ps()), _mm512_set1_ps(255)));
    }
    LUCID_LOW_FOR("avx512bf16") static void lucid_low_quads_bfloat(const float *x, Py_ssize_t plane, int planes, Py_ssize_t n,
                                                                   char *y) {
        /* the four numbers of a pixel from words 0 and 16 of either operand */
        uint16_t order[32];
        for (int i = 0; i < 32; i++)
            order[i] = (uint16_t) (i / 4 + 16 * (i % 4));
        const __m512i low = _mm512_loadu_si512(order), high = _mm512_add_epi16(low, _mm512_set1_epi16(8));
        for (Py_ssize_t i = 0; i < n; i += 16) {
            const Py_ssize_t some = n - i < 16 ? n - i : 16;
            const __mmask16 mask = (__mmask16) ((1u << some) - 1);
            const uint32_t wide = some == 16 ? 0xffffffffu : (1u << 2 * some) - 1;
            __m512 q[4];
            for (int c = 0; c < 4; c++)
                q[c] = c < planes ? _mm512_maskz_loadu_ps(mask, x + c * plane + i) : _mm512_setzero_ps();
            const __m512i two = (__m512i) _mm512_cvtne2ps_pbh(q[1], q[0]), more = (__m512i) _mm512_cvtne2ps_pbh(q[3], q[2]);
            _mm512_mask_storeu_epi32(y + 8 * i, (__mmask16) wide, _mm512_permutex2var_epi16(two, low, more));
            _mm512_mask_storeu_epi32(y + 8 * i + 64, (__mmask16) (wide >> 16), _mm512_permutex2var_epi16(two, high, more));
        }
    }
    static void lucid_low_quads(const lucid_low_form *into, const float *x, Py_ssize_t plane, int planes, Py_ssize_t n,
                                char *y) {
        const lucid_low_form b = *into;
        if (b.kind == 1) {
            lucid_low_quads_bfloat(x, plane, planes, n, y);
            return;
        }
        for (Py_ssize_t i = 0; i < n; i += 16) {
            const Py_ssize_t some = n - i < 16 ? n - i : 16;
            const __mmask16 mask = (__mmask16) ((1u << some) - 1);
            __m512i q[4];
            for (int c = 0; c < 4; c++)
                q[c] = lucid_low_bits(&b, c < planes ? _mm512_maskz_loadu_ps(mask, x + c * plane + i) : _mm512_setzero_ps());
            const __m512i two = _mm512_or_si512(q[0], _mm512_slli_epi32(q[1], 8));
            const __m512i more = _mm512_or_si512(_mm512_slli_epi32(q[2], 16), _mm512_slli_epi32(q[3], 24));
            _mm512_mask_storeu_epi32(y + 4 * i, mask, _mm512_or_si512(two, more));
        }
    }
    #else
    static void lucid_low_quads(const lucid_low_form *into, const float *x, Py_ssize_t plane, int planes, Py_ssize_t n,
                                char *y) {
        const lucid_low_form b = *into;
        const Py_ssize_t size = lucid_low_sizes[b.kind];
        for (Py_ssize_t i = 0; i < n; i += 16) {
            const Py_ssize_t some = n - i < 16 ? n - i : 16;
            for (int c = 0; c < 4; c++) {
                float row[16] = {0};
                char few[32];
                if (c < planes)
                    memcpy(row, x + c * plane + i, some * sizeof(float));
                lucid_low_store(&b, few, lucid_sixteen_load(row));
                for (Py_ssize_t l = 0; l < some; l++)
                    memcpy(y + size * (4 * (i + l) + c), few + size * l, size);
            }
        }
    }
    #endif
    """
    ctypedef struct LowTile "lucid_low_tile":
        const char* x
        Py_ssize_t x_block, x_row, x_tap, x_pixel, blocks, rows, taps
        int groups, last_groups
        Py_ssize_t y, y_step, height, left, right
        const char* none
        int skip
        const char* w
        Py_ssize_t w_block
        const char* ahead
        Py_ssize_t lines
        const int32_t* start
        void* to
        Py_ssize_t to_block
    ctypedef struct LowForm "lucid_low_form":
        int kind
        float scale, shift, inverse, zero
    bint low_has "lucid_low_has" (int kind) nogil
    void low_run "lucid_low_run" (const LowTile* t, int kind, int native, Py_ssize_t pixels, Py_ssize_t blocks) noexcept nogil
    void low_convert "lucid_low_convert" (const LowForm* f, const char* x, const LowForm* into, char* y,
                                          const float* factor, Py_ssize_t n) noexcept nogil
    void low_row "lucid_low_row" (const LowForm* into, const float* x, Py_ssize_t n, char* y, Py_ssize_t y_step) noexcept nogil
    void low_quads "lucid_low_quads" (const LowForm* into, const float* x, Py_ssize_t plane, int planes, Py_ssize_t n,
                                      char* y) noexcept nogil
    cdef enum:
        LOW_PIXELS "LUCID_LOW_PIXELS"
        LOW_PAIR "LUCID_LOW_PAIR"


cdef enum:
    LOW_FLOAT, LOW_BFLOAT, LOW_BYTE             # kinds of elements


cdef inline Py_ssize_t low_size(int kind) noexcept nogil:
    """Bytes of an element."""
    return 4 if kind == LOW_FLOAT else 2 if kind == LOW_BFLOAT else 1
