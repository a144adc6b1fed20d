# The register tile of convolutions whose k is a single block: a strip of one row of pixels, for a few output channels.
#
# Such layers, first ones above all, have few multiplications for every result. Results go from registers to their
# places in y, whole cache lines at a time, instead of being held back and copied, and no column is computed that
# belongs to no pixel. Each result is the sum that patches.pxi forms otherwise, so the bits are the same.

cdef extern from *:
    """
    #if LUCID_SQUARE == 8
    #define LUCID_STRIP_ROWS 6      /* with a cache line of pixels: 12 accumulators, that line, a weight */
    #define LUCID_STRIP_WIDTH 2
    LUCID_ALWAYS void LUCID_STORE_SOME(float *p, unsigned some, __m256 v) {
        const __m256i lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        if (some == 0xff) _mm256_storeu_ps(p, v);       /* a masked store takes 12 cycles */
        else _mm256_maskstore_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int) some + 1), lane), v);
    }
    #else
    #define LUCID_STRIP_ROWS 4      /* with 6 registers of pixels: 24 accumulators, 4 weights, a register of x */
    #define LUCID_STRIP_WIDTH 6
    #define LUCID_STORE_SOME(p, some, v) _mm512_mask_storeu_ps(p, (__mmask16) some, v)
    #endif
    #if LUCID_SQUARE >= 8
    typedef struct {
        const float *a, *b, *bias;  /* weights [k][row], pixels of the stage, the rows' bias or NULL */
        const Py_ssize_t *at;       /* where step p of k reads in the stage */
        Py_ssize_t k;
        float *y;
        Py_ssize_t y_channel;
        unsigned last;              /* lanes of the last register that are pixels */
        int past;                   /* whole lines, written past the caches */
    } lucid_strip;

    LUCID_ALWAYS void lucid_strip_any(const int R, const int V, const lucid_strip *s) {
        lucid_row sum[LUCID_STRIP_ROWS][LUCID_STRIP_WIDTH];
    #if LUCID_STRIP_WIDTH == 2
        lucid_row x[2];
    #else
        lucid_row w[LUCID_STRIP_ROWS], x;
    #endif
        const float *a = s->a;
        LUCID_UNROLLED for (int r = 0; r < R; r++)
            LUCID_UNROLLED for (int j = 0; j < V; j++) sum[r][j] = LUCID_V(setzero_ps)();
        for (Py_ssize_t p = 0; p < s->k; p++) {
            const float *b = s->b + s->at[p];
    #if LUCID_STRIP_WIDTH == 2
            LUCID_UNROLLED for (int j = 0; j < V; j++) x[j] = LUCID_V(loadu_ps)(b + LUCID_SQUARE * j);
            LUCID_UNROLLED for (int r = 0; r < R; r++) {
                const lucid_row w = LUCID_V(set1_ps)(a[r]);
                LUCID_UNROLLED for (int j = 0; j < V; j++) sum[r][j] = LUCID_V(fmadd_ps)(w, x[j], sum[r][j]);
            }
    #else
            LUCID_UNROLLED for (int r = 0; r < R; r++) w[r] = LUCID_V(set1_ps)(a[r]);
            LUCID_UNROLLED for (int j = 0; j < V; j++) {
                x = LUCID_V(loadu_ps)(b + LUCID_SQUARE * j);
                LUCID_UNROLLED for (int r = 0; r < R; r++) sum[r][j] = LUCID_V(fmadd_ps)(w[r], x, sum[r][j]);
            }
    #endif
            a += R;
        }
        if (s->bias)
            LUCID_UNROLLED for (int r = 0; r < R; r++)
                LUCID_UNROLLED for (int j = 0; j < V; j++)
                    sum[r][j] = LUCID_V(add_ps)(LUCID_V(set1_ps)(s->bias[r]), sum[r][j]);
        if (s->past) {
            LUCID_UNROLLED for (int r = 0; r < R; r++)
                LUCID_UNROLLED for (int j = 0; j < V; j++)
                    LUCID_V(stream_ps)(s->y + r * s->y_channel + LUCID_SQUARE * j, sum[r][j]);
            return;
        }
        LUCID_UNROLLED for (int r = 0; r < R; r++) {
            LUCID_UNROLLED for (int j = 0; j < V - 1; j++)
                LUCID_V(storeu_ps)(s->y + r * s->y_channel + LUCID_SQUARE * j, sum[r][j]);
            LUCID_STORE_SOME(s->y + r * s->y_channel + LUCID_SQUARE * (V - 1), s->last, sum[r][V - 1]);
        }
    }
    #if LUCID_STRIP_WIDTH > 2
    #define LUCID_STRIPS_ON(R) \\
        case 3: lucid_strip_any(R, 3, s); break; \\
        case 4: lucid_strip_any(R, 4, s); break; \\
        case 5: lucid_strip_any(R, 5, s); break; \\
        case 6: lucid_strip_any(R, 6, s); break;
    #else
    #define LUCID_STRIPS_ON(R)
    #endif
    #define LUCID_STRIPS(R) \\
        static void lucid_strip_##R(const lucid_strip *s, int registers) { \\
            switch (registers) { \\
                case 1: lucid_strip_any(R, 1, s); break; \\
                case 2: lucid_strip_any(R, 2, s); break; \\
                LUCID_STRIPS_ON(R) \\
            } \\
        }
    LUCID_STRIPS(1) LUCID_STRIPS(2) LUCID_STRIPS(3) LUCID_STRIPS(4)
    #if LUCID_STRIP_ROWS > 4
    LUCID_STRIPS(5) LUCID_STRIPS(6)
    #endif

    /* ``rows`` output channels by n pixels of one row. */
    static void lucid_strip_tile(int rows, const float *a, const float *b, const Py_ssize_t *at, Py_ssize_t k,
                                 const float *bias, float *y, Py_ssize_t y_channel, Py_ssize_t n, int past) {
        static void (*const strips[])(const lucid_strip *, int) = {
            lucid_strip_1, lucid_strip_2, lucid_strip_3, lucid_strip_4,
    #if LUCID_STRIP_ROWS > 4
            lucid_strip_5, lucid_strip_6,
    #endif
        };
        const unsigned all = (1u << LUCID_SQUARE) - 1;
        lucid_strip s = {a, b, bias, at, k, y, y_channel, all, past};
        const Py_ssize_t registers = (n + LUCID_SQUARE - 1) / LUCID_SQUARE;
        const Py_ssize_t pieces = (registers + LUCID_STRIP_WIDTH - 1) / LUCID_STRIP_WIDTH;
        Py_ssize_t done = 0;
        for (Py_ssize_t i = 1; i <= pieces; i++) {
            const Py_ssize_t end = registers * i / pieces;
            if (i == pieces) s.last = all >> (LUCID_SQUARE * registers - n);
            strips[rows - 1](&s, (int) (end - done));
            s.b += LUCID_SQUARE * (end - done);
            s.y += LUCID_SQUARE * (end - done);
            done = end;
        }
    }
    #else
    #define lucid_strip_tile(rows, a, b, at, k, bias, y, y_channel, n, past) ((void) 0)
    #endif
    """
    void strip_tile "lucid_strip_tile" (int rows, const float* a, const float* b, const Py_ssize_t* at, Py_ssize_t k,
                                        const float* bias, float* y, Py_ssize_t y_channel, Py_ssize_t n,
                                        bint past) noexcept nogil
    cdef enum:
        STRIP_ROWS "LUCID_STRIP_ROWS"

cdef enum:
    STRIP_LEAST = 49            # pixels of a row: below, too many lanes are idle
    STRIP_NEAR = 8192           # floats of a stage that all channels read while they are in L1

cdef inline bint strips_fit(const Patches* p, const floating* like) noexcept nogil:
    """One block of k, neighbouring results, and registers that rows fill: nearly, or half where channels are few."""
    cdef Py_ssize_t spare = p.width + (8 if p.rows <= 8 else 0)
    return (floating is float and SQUARE >= 8 and p.rows > LINE_ROWS and p.taps > 1 and p.y_column == 1
            and patch_depth(p) == p.channels and p.width >= STRIP_LEAST
            and 8 * (round_up(p.width, SQUARE) - p.width) <= spare)


cdef inline bint strips_past(const Patches* p, const float* y) noexcept nogil:
    """Results are more than stays in caches, and whole lines."""
    return (p.samples * p.y_sample > DIRECT_OUTPUT and <size_t> y % LINE == 0
            and (p.y_channel | p.y_row | p.width | p.block_width) % 16 == 0)


cdef void strip_block(const Patches* p, const float* packed, const float* stage, const Py_ssize_t* at, Py_ssize_t k,
                      const float* bias, float* y, Py_ssize_t rows, Py_ssize_t height, Py_ssize_t width,
                      bint past) noexcept nogil:
    """A block of pixels of one sample: some rows of it at a time, which stay in L1 while all channels read them."""
    cdef Py_ssize_t near = max(STRIP_NEAR // (p.depth * p.phases * p.pitch) - p.span_y, 1), i = 0, j, r, end
    while i < height:
        end = min(i + near, height)
        r = 0
        while r < rows:
            for j in range(i, end):
                strip_tile(<int> min(rows - r, <Py_ssize_t> STRIP_ROWS), packed + r * k, stage + j * p.pitch, at, k,
                           NULL if bias == NULL else bias + r, y + r * p.y_channel + j * p.y_row, p.y_channel, width,
                           past)
            r += STRIP_ROWS
        i = end
    if past:
        streamed()
