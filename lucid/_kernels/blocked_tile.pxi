# The register tile of blocked layout: up to BLOCK_PIXELS pixels of a row by one or two blocks of output channels.
#
# A blocked image is [sample][channels / 16][height][width][16], packed weights are [rows / 16][k][16]: a step of k loads the
# weights of a block of output channels as vectors, broadcasts one number of every pixel and adds the products to
# accumulators that stay in registers. Both operands are read where they lie. Nothing is copied for the border: rows of
# taps above or below the image are left out, and the first and the last pixel of a tile have pointers of their own, which
# lead to zeros where a tap lies beside the image.
#
# A call covers some rows of taps, one chain of multiply-adds for each output in the order of k, and adds the bias or what
# earlier calls summed: blocks of k, as in tile.pxi, and results that do not depend on the tile.

cdef extern from *:
    """
    #if defined(__AVX512F__)
    #define LUCID_BLOCK_LANES 16
    #define LUCID_BLOCK_PIXELS 14
    #define LUCID_BLOCK_PAIR 2
    #define LUCID_BLOCK_BOTH 14
    #elif defined(__AVX2__)
    #define LUCID_BLOCK_LANES 8
    #define LUCID_BLOCK_PIXELS 6
    #define LUCID_BLOCK_PAIR 2
    #define LUCID_BLOCK_BOTH 3                          /* most pixels whose sums of two blocks fit the registers */
    #else
    #define LUCID_BLOCK_LANES 4
    #define LUCID_BLOCK_PIXELS 2
    #define LUCID_BLOCK_PAIR 1
    #define LUCID_BLOCK_BOTH 2
    #endif
    #define LUCID_BLOCK_PARTS (16 / LUCID_BLOCK_LANES)

    #if defined(__GNUC__)
    #define LUCID_UNROLL(n) _Pragma(LUCID_TEXT(GCC unroll n))
    #define LUCID_TEXT(x) #x
    #define LUCID_FETCH(x) __builtin_prefetch(x, 0, 2)
    typedef float lucid_bv __attribute__((vector_size(4 * LUCID_BLOCK_LANES), aligned(4), may_alias));
    typedef int32_t lucid_bi __attribute__((vector_size(4 * LUCID_BLOCK_LANES), aligned(4), may_alias));
    LUCID_ALWAYS lucid_bv lucid_bv_load(const float *x) { return *(const lucid_bv *) x; }
    LUCID_ALWAYS void lucid_bv_store(float *x, lucid_bv v) { *(lucid_bv *) x = v; }
    LUCID_ALWAYS lucid_bv lucid_bv_zero(void) { return (lucid_bv) {0}; }
    LUCID_ALWAYS lucid_bv lucid_bv_add(lucid_bv a, lucid_bv b) { return a + b; }
    LUCID_ALWAYS lucid_bv lucid_bv_sub(lucid_bv a, lucid_bv b) { return a - b; }
    LUCID_ALWAYS lucid_bv lucid_bv_mul(lucid_bv a, lucid_bv b) { return a * b; }
    LUCID_ALWAYS lucid_bv lucid_bv_div(lucid_bv a, lucid_bv b) { return a / b; }
    LUCID_ALWAYS lucid_bv lucid_bv_madd(lucid_bv a, lucid_bv b, lucid_bv c) { return a * b + c; }
    LUCID_ALWAYS lucid_bv lucid_bv_all(float x) { return x - (lucid_bv) {0}; }
    /* x, or the limit where x is beyond it; NaN and -0 stay */
    #if defined(LUCID_V)
    LUCID_ALWAYS lucid_bv lucid_bv_raise(lucid_bv x, lucid_bv low) {
        return (lucid_bv) LUCID_V(max_ps)((lucid_row) low, (lucid_row) x);
    }
    LUCID_ALWAYS lucid_bv lucid_bv_lower(lucid_bv x, lucid_bv high) {
        return (lucid_bv) LUCID_V(min_ps)((lucid_row) high, (lucid_row) x);
    }
    #else
    LUCID_ALWAYS lucid_bv lucid_bv_raise(lucid_bv x, lucid_bv low) {
        const lucid_bi below = x < low;
        return (lucid_bv) (((lucid_bi) low & below) | ((lucid_bi) x & ~below));
    }
    LUCID_ALWAYS lucid_bv lucid_bv_lower(lucid_bv x, lucid_bv high) {
        const lucid_bi above = x > high;
        return (lucid_bv) (((lucid_bi) high & above) | ((lucid_bi) x & ~above));
    }
    #endif
    /* the larger; NaN if either is */
    LUCID_ALWAYS lucid_bv lucid_bv_larger(lucid_bv a, lucid_bv b) {
        const lucid_bi wins = (b > a) | (b != b);
        return (lucid_bv) (((lucid_bi) b & wins) | ((lucid_bi) a & ~wins));
    }
    #else
    #define LUCID_UNROLL(n)
    #define LUCID_FETCH(x) ((void) (x))
    typedef struct { float v[LUCID_BLOCK_LANES]; } lucid_bv;
    #define LUCID_BV_EACH(e) lucid_bv z; for (int i = 0; i < LUCID_BLOCK_LANES; i++) z.v[i] = (e); return z
    LUCID_ALWAYS lucid_bv lucid_bv_load(const float *x) { LUCID_BV_EACH(x[i]); }
    LUCID_ALWAYS void lucid_bv_store(float *x, lucid_bv v) { memcpy(x, v.v, sizeof(v.v)); }
    LUCID_ALWAYS lucid_bv lucid_bv_zero(void) { LUCID_BV_EACH(0); }
    LUCID_ALWAYS lucid_bv lucid_bv_add(lucid_bv a, lucid_bv b) { LUCID_BV_EACH(a.v[i] + b.v[i]); }
    LUCID_ALWAYS lucid_bv lucid_bv_sub(lucid_bv a, lucid_bv b) { LUCID_BV_EACH(a.v[i] - b.v[i]); }
    LUCID_ALWAYS lucid_bv lucid_bv_mul(lucid_bv a, lucid_bv b) { LUCID_BV_EACH(a.v[i] * b.v[i]); }
    LUCID_ALWAYS lucid_bv lucid_bv_div(lucid_bv a, lucid_bv b) { LUCID_BV_EACH(a.v[i] / b.v[i]); }
    LUCID_ALWAYS lucid_bv lucid_bv_madd(lucid_bv a, lucid_bv b, lucid_bv c) {
        LUCID_BV_EACH(lucid_maddf(a.v[i], b.v[i], c.v[i]));
    }
    LUCID_ALWAYS lucid_bv lucid_bv_all(float x) { LUCID_BV_EACH(x); }
    LUCID_ALWAYS lucid_bv lucid_bv_larger(lucid_bv a, lucid_bv b) {
        LUCID_BV_EACH(b.v[i] > a.v[i] || b.v[i] != b.v[i] ? b.v[i] : a.v[i]);
    }
    LUCID_ALWAYS lucid_bv lucid_bv_raise(lucid_bv x, lucid_bv l) { LUCID_BV_EACH(x.v[i] < l.v[i] ? l.v[i] : x.v[i]); }
    LUCID_ALWAYS lucid_bv lucid_bv_lower(lucid_bv x, lucid_bv h) { LUCID_BV_EACH(x.v[i] > h.v[i] ? h.v[i] : x.v[i]); }
    #endif

    typedef struct {
        const float *x;                                 /* the first pixel at the first tap; may lie beside the image */
        Py_ssize_t x_block, x_row, x_tap, x_pixel;      /* floats between blocks of channels, rows of taps, taps, pixels */
        Py_ssize_t first, end;                          /* of the rows of taps, numbered through blocks of channels */
        Py_ssize_t rows, taps;                          /* rows of taps per block of channels, taps per row */
        Py_ssize_t steps, last, last_steps;             /* of k per tap; fewer in block ``last`` */
        Py_ssize_t y, y_step, height;                   /* image row of the first row of taps, between rows, of the image */
        Py_ssize_t left, right;                         /* taps before ``left`` read zeros for the first pixel, ... */
        const float *w;                                 /* ... taps from ``right`` on for the last one */
        Py_ssize_t w_block;
        const float *from;                              /* what is added: a bias (from_pixel 0), or earlier sums */
        Py_ssize_t from_pixel, from_block;
        float *to;
        Py_ssize_t to_pixel, to_block;
        const float *residual;                          /* added next, as ``to`` lies, or NULL */
        int limits;                                     /* 1: at least low, 2: at most high */
        float low, high;
        const float *ahead;                             /* weights that are needed later: of the first block ... */
        Py_ssize_t lines, ahead_block;                  /* ... lines to fetch per 16 steps of k; to the second block */
        Py_ssize_t chain;                               /* blocks of channels of a chain, for ``lucid_tile_chains`` */
        const Py_ssize_t *at;                           /* of plain images: from a pixel to what each step of k reads */
    } lucid_block_tile;

    static const float lucid_no_pixel[16] = {0};

    /* What is added, then the limits, while all is in registers. */
    LUCID_ALWAYS void lucid_tile_end(const lucid_block_tile *t, const int P, const int B,
                                     lucid_bv acc[LUCID_BLOCK_PAIR * LUCID_BLOCK_PARTS][LUCID_BLOCK_PIXELS]) {
        LUCID_UNROLL(16) for (int v = 0; v < B * LUCID_BLOCK_PARTS; v++) {
            const Py_ssize_t part = v % LUCID_BLOCK_PARTS * LUCID_BLOCK_LANES;
            const float *from = t->from + v / LUCID_BLOCK_PARTS * t->from_block + part;
            LUCID_UNROLL(16) for (int p = 0; p < P; p++)
                acc[v][p] = lucid_bv_add(lucid_bv_load(from + p * t->from_pixel), acc[v][p]);
        }
        if (t->residual)
            LUCID_UNROLL(16) for (int v = 0; v < B * LUCID_BLOCK_PARTS; v++) {
                const float *r = t->residual + v / LUCID_BLOCK_PARTS * t->to_block
                                 + v % LUCID_BLOCK_PARTS * LUCID_BLOCK_LANES;
                LUCID_UNROLL(16) for (int p = 0; p < P; p++)
                    acc[v][p] = lucid_bv_add(acc[v][p], lucid_bv_load(r + p * t->to_pixel));
            }
        if (t->limits) {
            const lucid_bv low = lucid_bv_all(t->low), high = lucid_bv_all(t->high);
            LUCID_UNROLL(16) for (int v = 0; v < B * LUCID_BLOCK_PARTS; v++)
                LUCID_UNROLL(16) for (int p = 0; p < P; p++)
                    acc[v][p] = lucid_bv_lower(lucid_bv_raise(acc[v][p], low), high);
        }
        LUCID_UNROLL(16) for (int v = 0; v < B * LUCID_BLOCK_PARTS; v++) {
            float *to = t->to + v / LUCID_BLOCK_PARTS * t->to_block + v % LUCID_BLOCK_PARTS * LUCID_BLOCK_LANES;
            LUCID_UNROLL(16) for (int p = 0; p < P; p++)
                lucid_bv_store(to + p * t->to_pixel, acc[v][p]);
        }
    }

    /* Inlined with P, B and, but for 0, the distance S of pixels constant. */
    LUCID_ALWAYS void lucid_tile_pixels(const lucid_block_tile *t, const int P, const int B, const Py_ssize_t S) {
        const int V = B * LUCID_BLOCK_PARTS;
        const Py_ssize_t step = S ? S : t->x_pixel;
        lucid_bv acc[LUCID_BLOCK_PAIR * LUCID_BLOCK_PARTS][LUCID_BLOCK_PIXELS];
        const float *w = t->w, *ahead = t->ahead;
        Py_ssize_t block = t->first / t->rows, row = t->first % t->rows;
        LUCID_UNROLL(16) for (int v = 0; v < V; v++)
            LUCID_UNROLL(16) for (int p = 0; p < P; p++)
                acc[v][p] = lucid_bv_zero();
        for (Py_ssize_t r = t->first; r < t->end; r++) {
            const Py_ssize_t n = block == t->last ? t->last_steps : t->steps;
            const Py_ssize_t y = t->y + row * t->y_step;
            if (y < 0 || y >= t->height) {
                w += 16 * n * t->taps;
            } else {
                const float *x = t->x + block * t->x_block + row * t->x_row;
                for (Py_ssize_t tap = 0; tap < t->taps; tap++) {
                    const float *head = tap < t->left ? lucid_no_pixel : x;
                    for (Py_ssize_t i = 0; i < t->lines; i++, ahead += 16) {
                        LUCID_FETCH(ahead);
                        if (B > 1)
                            LUCID_FETCH(ahead + t->ahead_block);
                    }
                    const float *tail = tap >= t->right ? lucid_no_pixel : P == 1 ? head : x + (P - 1) * step;
                    LUCID_UNROLL(1) for (Py_ssize_t c = 0; c < n; c++) {
                        lucid_bv ww[LUCID_BLOCK_PAIR * LUCID_BLOCK_PARTS];
                        LUCID_UNROLL(16) for (int v = 0; v < V; v++)
                            ww[v] = lucid_bv_load(w + v / LUCID_BLOCK_PARTS * t->w_block
                                                  + v % LUCID_BLOCK_PARTS * LUCID_BLOCK_LANES);
                        LUCID_UNROLL(16) for (int p = 0; p < P; p++) {
                            const lucid_bv s = lucid_bv_all(p == P - 1 ? tail[c] : p == 0 ? head[c] : x[c + p * step]);
                            LUCID_UNROLL(16) for (int v = 0; v < V; v++)
                                acc[v][p] = lucid_bv_madd(ww[v], s, acc[v][p]);
                        }
                        w += 16;
                    }
                    x += t->x_tap;
                }
            }
            if (++row == t->rows) {
                row = 0;
                block++;
            }
        }
        lucid_tile_end(t, P, B, acc);
    }

    /* The same for a plain image: k runs through a table of offsets. */
    LUCID_ALWAYS void lucid_tile_plain(const lucid_block_tile *t, const int P, const int B, const Py_ssize_t S) {
        const int V = B * LUCID_BLOCK_PARTS;
        const Py_ssize_t step = S ? S : t->x_pixel;
        lucid_bv acc[LUCID_BLOCK_PAIR * LUCID_BLOCK_PARTS][LUCID_BLOCK_PIXELS];
        const float *w = t->w;
        LUCID_UNROLL(16) for (int v = 0; v < V; v++)
            LUCID_UNROLL(16) for (int p = 0; p < P; p++)
                acc[v][p] = lucid_bv_zero();
        LUCID_UNROLL(1) for (Py_ssize_t k = t->first; k < t->end; k++) {
            const float *x = t->x + t->at[k];
            lucid_bv ww[LUCID_BLOCK_PAIR * LUCID_BLOCK_PARTS];
            LUCID_UNROLL(16) for (int v = 0; v < V; v++)
                ww[v] = lucid_bv_load(w + v / LUCID_BLOCK_PARTS * t->w_block + v % LUCID_BLOCK_PARTS * LUCID_BLOCK_LANES);
            LUCID_UNROLL(16) for (int p = 0; p < P; p++) {
                const lucid_bv s = lucid_bv_all(x[p * step]);
                LUCID_UNROLL(16) for (int v = 0; v < V; v++)
                    acc[v][p] = lucid_bv_madd(ww[v], s, acc[v][p]);
            }
            w += 16;
        }
        lucid_tile_end(t, P, B, acc);
    }

    #define LUCID_TILE_OF(K, P, B, S) \
        static void lucid_##K##_##P##_##B##_##S(const lucid_block_tile *t) { lucid_tile_##K(t, P, B, S); }
    #define LUCID_TILES_2(K, B, S) LUCID_TILE_OF(K, 1, B, S) LUCID_TILE_OF(K, 2, B, S)
    #define LUCID_NAMES_2(K, B, S) lucid_##K##_1_##B##_##S, lucid_##K##_2_##B##_##S
    #define LUCID_TILES_3(K, B, S) LUCID_TILES_2(K, B, S) LUCID_TILE_OF(K, 3, B, S)
    #define LUCID_NAMES_3(K, B, S) LUCID_NAMES_2(K, B, S), lucid_##K##_3_##B##_##S
    #define LUCID_TILES_6(K, B, S) LUCID_TILES_3(K, B, S) LUCID_TILE_OF(K, 4, B, S) \
        LUCID_TILE_OF(K, 5, B, S) LUCID_TILE_OF(K, 6, B, S)
    #define LUCID_NAMES_6(K, B, S) LUCID_NAMES_3(K, B, S), lucid_##K##_4_##B##_##S, \
        lucid_##K##_5_##B##_##S, lucid_##K##_6_##B##_##S
    #define LUCID_TILES_8(K, B, S) LUCID_TILES_6(K, B, S) LUCID_TILE_OF(K, 7, B, S) LUCID_TILE_OF(K, 8, B, S)
    #define LUCID_NAMES_8(K, B, S) LUCID_NAMES_6(K, B, S), lucid_##K##_7_##B##_##S, lucid_##K##_8_##B##_##S
    #define LUCID_TILES_14(K, B, S) LUCID_TILES_8(K, B, S) LUCID_TILE_OF(K, 9, B, S) LUCID_TILE_OF(K, 10, B, S) LUCID_TILE_OF(K, 11, B, S) LUCID_TILE_OF(K, 12, B, S) \
        LUCID_TILE_OF(K, 13, B, S) LUCID_TILE_OF(K, 14, B, S)
    #define LUCID_NAMES_14(K, B, S) LUCID_NAMES_8(K, B, S), lucid_##K##_9_##B##_##S, lucid_##K##_10_##B##_##S, lucid_##K##_11_##B##_##S, lucid_##K##_12_##B##_##S, \
        lucid_##K##_13_##B##_##S, lucid_##K##_14_##B##_##S
    #if LUCID_BLOCK_PIXELS == 14
    #define LUCID_TILES(K, B, S) LUCID_TILES_14(K, B, S)
    #define LUCID_NAMES(K, B, S) {LUCID_NAMES_14(K, B, S)}
    #define LUCID_SHORT(K, B, S) LUCID_TILES_8(K, B, S)
    #define LUCID_SHORT_NAMES(K, B, S) {LUCID_NAMES_8(K, B, S)}
    #elif LUCID_BLOCK_PIXELS == 6
    #define LUCID_TILES_OF_1 LUCID_TILES_6
    #define LUCID_NAMES_OF_1 LUCID_NAMES_6
    #define LUCID_TILES_OF_2 LUCID_TILES_3
    #define LUCID_NAMES_OF_2 LUCID_NAMES_3
    #define LUCID_TILES(K, B, S) LUCID_TILES_OF_##B(K, B, S)
    #define LUCID_NAMES(K, B, S) {LUCID_NAMES_OF_##B(K, B, S)}
    #define LUCID_SHORT LUCID_TILES
    #define LUCID_SHORT_NAMES LUCID_NAMES
    #else
    #define LUCID_TILES(K, B, S) LUCID_TILES_2(K, B, S)
    #define LUCID_NAMES(K, B, S) {LUCID_NAMES_2(K, B, S)}
    #define LUCID_SHORT LUCID_TILES
    #define LUCID_SHORT_NAMES LUCID_NAMES
    #endif
    #define LUCID_ALL_TILES(B) LUCID_TILES(pixels, B, 16) LUCID_TILES(pixels, B, 32) LUCID_SHORT(pixels, B, 0) \
        LUCID_TILES(plain, B, 2) LUCID_SHORT(plain, B, 0)
    #define LUCID_ALL_NAMES(B) {LUCID_NAMES(pixels, B, 16), LUCID_NAMES(pixels, B, 32), \
        LUCID_SHORT_NAMES(pixels, B, 0), LUCID_NAMES(plain, B, 2), LUCID_SHORT_NAMES(plain, B, 0)}
    /* Tiles whose distance of pixels is no constant have at most 8 of them (FEW_ROWS). */
    LUCID_ALL_TILES(1)
    #if LUCID_BLOCK_PAIR == 2
    LUCID_ALL_TILES(2)
    #endif

    static void lucid_tile_block(const lucid_block_tile *t, Py_ssize_t pixels, Py_ssize_t blocks) {
        static void (*const tiles[][5][LUCID_BLOCK_PIXELS])(const lucid_block_tile *) = {
            LUCID_ALL_NAMES(1),
    #if LUCID_BLOCK_PAIR == 2
            LUCID_ALL_NAMES(2),
    #endif
        };
        const int kind = t->at ? (t->x_pixel == 2 ? 3 : 4) : t->x_pixel == 16 ? 0 : t->x_pixel == 32 ? 1 : 2;
    #if LUCID_BLOCK_BOTH < LUCID_BLOCK_PIXELS
        if (blocks == 2 && pixels > LUCID_BLOCK_BOTH) {
            lucid_block_tile second = *t;
            tiles[0][kind][pixels - 1](t);
            second.w += t->w_block;
            second.from += t->from_block;
            second.to += t->to_block;
            second.ahead += t->ahead_block;
            if (t->residual)
                second.residual += t->to_block;
            tiles[0][kind][pixels - 1](&second);
            return;
        }
    #endif
        tiles[blocks - 1][kind][pixels - 1](t);
    }

    /* Sigmoid as e / (1 + e), e = exp(x), within 2 ulp, without the branches of the eager kernel. NaN stays, 20 and more
       give 1, -104 and less 0. Where no instruction applies powers of two, e and 1 are 2**64 times as large, so that
       none is denormal. */
    #if (defined(__AVX512F__) || defined(__AVX2__)) && defined(__GNUC__)
    #define LUCID_BLOCK_SIGMOID 1
    #if defined(__AVX512F__)
    #define LUCID_BLOCK_GRID 12582912
    #define LUCID_BLOCK_ONE 1
    #define LUCID_BLOCK_POWER(e, s, k) (lucid_bv) LUCID_V(scalef_ps)((lucid_row) e, (lucid_row) k)
    #else
    #define LUCID_BLOCK_GRID (12582912 + 127 + 64)
    #define LUCID_BLOCK_ONE 0x1p64f
    #define LUCID_BLOCK_POWER(e, s, k) lucid_bv_mul(e, (lucid_bv) ((lucid_bi) s << 23))
    #endif
    LUCID_ALWAYS lucid_bv lucid_bv_sigmoid(lucid_bv x) {
        const lucid_bv a = lucid_bv_lower(lucid_bv_raise(x, lucid_bv_all(-110)), lucid_bv_all(20));
        const lucid_bv s = lucid_bv_madd(a, lucid_bv_all(1.44269504088896341f), lucid_bv_all(LUCID_BLOCK_GRID));
        const lucid_bv k = lucid_bv_sub(s, lucid_bv_all(LUCID_BLOCK_GRID));
        lucid_bv r = lucid_bv_madd(k, lucid_bv_all(-0.693145751953125f), a), e;
        r = lucid_bv_madd(k, lucid_bv_all(-1.42860682030941723212e-6f), r);
        e = lucid_bv_madd(r, lucid_bv_all(0.001392637612298131f), lucid_bv_all(0.008363333530724049f));
        e = lucid_bv_madd(e, r, lucid_bv_all(0.04166655242443085f));
        e = lucid_bv_madd(e, r, lucid_bv_all(0.16666576266288757f));
        e = lucid_bv_madd(e, r, lucid_bv_all(0.5f));
        e = lucid_bv_madd(e, r, lucid_bv_all(1));
        e = lucid_bv_madd(e, r, lucid_bv_all(1));
        e = LUCID_BLOCK_POWER(e, s, k);
        return lucid_bv_div(e, lucid_bv_add(e, lucid_bv_all(LUCID_BLOCK_ONE)));
    }
    LUCID_ALWAYS lucid_bv lucid_bv_silu(lucid_bv x) {
        return lucid_bv_mul(lucid_bv_raise(x, lucid_bv_all(-110)), lucid_bv_sigmoid(x));
    }
    #else
    #define LUCID_BLOCK_SIGMOID 0
    #define lucid_bv_sigmoid(x) (x)             /* the eager kernel is used */
    #define lucid_bv_silu(x) (x)
    #endif

    /* y = y + r, and what lies beyond a limit brought to it; n is a multiple of 16. Of the limits 4 makes hardswish, 8
       hardsigmoid: x raised to -3 gives the same bits as the eager kernels do, and -0 where they do; 16 silu, 32
       sigmoid. */
    static void lucid_block_finish(float *y, const float *r, Py_ssize_t n, float low, float high, int limits) {
        const lucid_bv l = lucid_bv_all(low), h = lucid_bv_all(high), three = lucid_bv_all(3), six = lucid_bv_all(6);
        const lucid_bv bottom = lucid_bv_all(-3);
        if (limits & 48) {
            for (Py_ssize_t i = 0; i < n; i += LUCID_BLOCK_LANES) {
                lucid_bv v = lucid_bv_load(y + i);
                if (r)
                    v = lucid_bv_add(v, lucid_bv_load(r + i));
                lucid_bv_store(y + i, limits & 16 ? lucid_bv_silu(v) : lucid_bv_sigmoid(v));
            }
            return;
        }
        if (limits & 12) {
            for (Py_ssize_t i = 0; i < n; i += LUCID_BLOCK_LANES) {
                lucid_bv v = lucid_bv_load(y + i), z;
                if (r)
                    v = lucid_bv_add(v, lucid_bv_load(r + i));
                v = lucid_bv_raise(v, bottom);
                z = lucid_bv_div(lucid_bv_lower(lucid_bv_add(v, three), six), six);
                lucid_bv_store(y + i, limits & 4 ? lucid_bv_mul(v, z) : z);
            }
            return;
        }
        for (Py_ssize_t i = 0; i < n; i += LUCID_BLOCK_LANES) {
            lucid_bv v = lucid_bv_load(y + i);
            if (r)
                v = lucid_bv_add(v, lucid_bv_load(r + i));
            if (limits & 1)
                v = lucid_bv_raise(v, l);
            if (limits & 2)
                v = lucid_bv_lower(v, h);
            lucid_bv_store(y + i, v);
        }
    }

    /* n rows of 16 weights, each times the factor of its channel. */
    static void lucid_block_scale(const float *w, const float *factor, Py_ssize_t n, float *out) {
        for (Py_ssize_t c = 0; c < n; c++) {
            const lucid_bv f = lucid_bv_all(factor[c]);
            for (int part = 0; part < 16; part += LUCID_BLOCK_LANES)
                lucid_bv_store(out + 16 * c + part, lucid_bv_mul(lucid_bv_load(w + 16 * c + part), f));
        }
    }
    """
    ctypedef struct BlockTile "lucid_block_tile":
        const float* x
        Py_ssize_t x_block, x_row, x_tap, x_pixel, first, end, rows, taps, steps, last, last_steps
        Py_ssize_t y, y_step, height, left, right
        const float* w
        Py_ssize_t w_block
        # ``from`` is a keyword
        const float* base "from"
        Py_ssize_t base_pixel "from_pixel"
        Py_ssize_t base_block "from_block"
        float* to
        Py_ssize_t to_pixel, to_block
        const float* residual
        int limits
        float low, high
        const float* ahead
        Py_ssize_t lines, ahead_block, chain
        const Py_ssize_t* at
    void tile_block "lucid_tile_block" (const BlockTile* t, Py_ssize_t pixels, Py_ssize_t blocks) noexcept nogil
    void block_finish "lucid_block_finish" (float* y, const float* r, Py_ssize_t n, float low, float high,
                                            int limits) noexcept nogil
    void block_scale "lucid_block_scale" (const float* w, const float* factor, Py_ssize_t n, float* out) noexcept nogil
    bint BLOCK_SIGMOID "LUCID_BLOCK_SIGMOID"
    cdef enum:
        BLOCK_PIXELS "LUCID_BLOCK_PIXELS"
        BLOCK_PAIR "LUCID_BLOCK_PAIR"
        BLOCK_BOTH "LUCID_BLOCK_BOTH"


cdef enum:
    CHANNELS = 16               # of a block
    FORMULAS = 60               # limits that are no limits: hardswish, hardsigmoid, silu, sigmoid
