# The transforms of Winograd's F(2x2, 3x3): see winograd.pxi for what they compute.

cdef extern from *:
    """
    #define LUCID_LANES 16
    #if defined(__clang__)
    #define LUCID_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
    #elif defined(__GNUC__)
    #define LUCID_INDEPENDENT _Pragma("GCC ivdep")
    #else
    #define LUCID_INDEPENDENT
    #endif

    /* w[t][lane] = the nine taps of up to LANES kernels, ``row`` apart. */
    static void lucid_winograd_taps(const float *w, Py_ssize_t row, int rows, float *out) {
    #if LUCID_SQUARE == 16
        lucid_row tap[16];
        lucid_columns(w, row, rows, 9, tap);
        for (int t = 0; t < 9; t++) _mm512_storeu_ps(out + t * LUCID_LANES, tap[t]);
    #else
        for (int r = 0; r < rows; r += LUCID_SQUARE)
            lucid_transpose_rows(w + r * row, row, rows - r < LUCID_SQUARE ? rows - r : LUCID_SQUARE, 9, out + r,
                                 LUCID_LANES);
    #endif
    }

    /* Call for n floats that are needed soon: rows of kernels lie apart, which no prefetcher follows. */
    static inline void lucid_winograd_call(const float *w, Py_ssize_t n) {
    #ifdef __GNUC__
        for (Py_ssize_t i = 0; i < n; i += 16) __builtin_prefetch(w + i, 0, 2);
        __builtin_prefetch(w + n - 1, 0, 2);
    #endif
    }

    /* u[4i + j][lane] = (G w G')[i, j] of the kernels of up to SQUARE rows, ``row`` floats apart: transposed in registers,
       quarters of rows gathered by the loads. The last row stands in for those missing. */
    #if LUCID_SQUARE == 16
    LUCID_ALWAYS void lucid_winograd_four(const float *w, Py_ssize_t row, int rows, lucid_row *out) {
        lucid_row a[4], t[4];
        LUCID_UNROLLED for (int i = 0; i < 4; i++) {
            a[i] = _mm512_broadcast_f32x4(_mm_loadu_ps(lucid_row_at(w, row, i, rows)));
            a[i] = _mm512_mask_broadcast_f32x4(a[i], 0x00f0, _mm_loadu_ps(lucid_row_at(w, row, 4 + i, rows)));
            a[i] = _mm512_mask_broadcast_f32x4(a[i], 0x0f00, _mm_loadu_ps(lucid_row_at(w, row, 8 + i, rows)));
            a[i] = _mm512_mask_broadcast_f32x4(a[i], 0xf000, _mm_loadu_ps(lucid_row_at(w, row, 12 + i, rows)));
        }
        t[0] = _mm512_unpacklo_ps(a[0], a[1]), t[1] = _mm512_unpackhi_ps(a[0], a[1]);
        t[2] = _mm512_unpacklo_ps(a[2], a[3]), t[3] = _mm512_unpackhi_ps(a[2], a[3]);
        out[0] = LUCID_PAIR(lo, t[0], t[2]);
        out[1] = LUCID_PAIR(hi, t[0], t[2]);
        out[2] = LUCID_PAIR(lo, t[1], t[3]);
        out[3] = LUCID_PAIR(hi, t[1], t[3]);
    }
    #elif LUCID_SQUARE == 8
    #define lucid_winograd_four(w, row, rows, out) lucid_columns(w, row, rows, 4, out)
    #endif
    #if LUCID_SQUARE >= 8
    LUCID_ALWAYS void lucid_winograd_three(lucid_row a, lucid_row b, lucid_row c, lucid_row *out, int step) {
        const lucid_row half = LUCID_V(set1_ps)(0.5f), outer = LUCID_V(add_ps)(a, c);
        out[0] = a;
        out[step] = LUCID_V(mul_ps)(half, LUCID_V(add_ps)(outer, b));
        out[2 * step] = LUCID_V(mul_ps)(half, LUCID_V(sub_ps)(outer, b));
        out[3 * step] = c;
    }
    LUCID_ALWAYS void lucid_winograd_nine(lucid_row tap[9], float *u, Py_ssize_t plane) {
        lucid_row half[12], end[4];
        LUCID_UNROLLED for (int j = 0; j < 3; j++) lucid_winograd_three(tap[j], tap[3 + j], tap[6 + j], half + j, 3);
        LUCID_UNROLLED for (int i = 0; i < 4; i++) {
            lucid_winograd_three(half[3 * i], half[3 * i + 1], half[3 * i + 2], end, 1);
            LUCID_UNROLLED for (int j = 0; j < 4; j++) LUCID_V(storeu_ps)(u + (4 * i + j) * plane, end[j]);
        }
    }
    LUCID_ALWAYS void lucid_winograd_row_kernels(const float *w, Py_ssize_t row, int rows, const int flipped, float *u,
                                                 Py_ssize_t plane) {
        lucid_row four[12], tap[9];
        lucid_winograd_four(w, row, rows, four);
        lucid_winograd_four(w + 4, row, rows, four + 4);
        lucid_winograd_four(w + 5, row, rows, four + 8);            /* nothing after the ninth tap is read */
        four[8] = four[11];
        LUCID_UNROLLED for (int t = 0; t < 9; t++) tap[t] = four[flipped ? 8 - t : t];
        lucid_winograd_nine(tap, u, plane);
    }
    static void lucid_winograd_rows(const float *w, Py_ssize_t row, Py_ssize_t channel, int rows, Py_ssize_t channels,
                                    int flipped, float *u, Py_ssize_t step, Py_ssize_t plane) {
        for (Py_ssize_t c = 0; c < channels; c++, w += channel, u += step) {
            if (channel != 9) lucid_winograd_call(w + 6 * channel, rows * row);
            else if (c % 2 == 0)
                for (int r = 0; r < rows; r++) lucid_winograd_call(w + r * row + 144, 1);
            if (rows < LUCID_SQUARE) lucid_winograd_row_kernels(w, row, rows, flipped, u, plane);
            else if (flipped) lucid_winograd_row_kernels(w, row, LUCID_SQUARE, 1, u, plane);
            else lucid_winograd_row_kernels(w, row, LUCID_SQUARE, 0, u, plane);
        }
    }

    /* u[4i + j][lane] = (G w G')[i, j] of kernels w[3i + j][lane]; positions are ``plane`` floats apart. */
    static void lucid_winograd_planes(const float *w, Py_ssize_t row, Py_ssize_t column, float *u, Py_ssize_t plane) {
        lucid_row tap[9];
        for (int r = 0; r < LUCID_LANES; r += LUCID_SQUARE) {
            for (int t = 0; t < 9; t++) tap[t] = LUCID_V(loadu_ps)(w + t / 3 * row + t % 3 * column + r);
            lucid_winograd_nine(tap, u + r, plane);
        }
    }
    #else
    static void lucid_winograd_planes(const float *restrict w, Py_ssize_t row, Py_ssize_t column, float *restrict u,
                                      Py_ssize_t plane) {
        LUCID_INDEPENDENT
        for (int r = 0; r < LUCID_LANES; r++) {
            float a[4][3];
            for (int j = 0; j < 3; j++) {
                float w0 = w[j * column + r], w1 = w[row + j * column + r], w2 = w[2 * row + j * column + r];
                a[0][j] = w0;
                a[1][j] = 0.5f * ((w0 + w2) + w1);
                a[2][j] = 0.5f * ((w0 + w2) - w1);
                a[3][j] = w2;
            }
            for (int i = 0; i < 4; i++) {
                u[(4 * i + 0) * plane + r] = a[i][0];
                u[(4 * i + 1) * plane + r] = 0.5f * ((a[i][0] + a[i][2]) + a[i][1]);
                u[(4 * i + 2) * plane + r] = 0.5f * ((a[i][0] + a[i][2]) - a[i][1]);
                u[(4 * i + 3) * plane + r] = a[i][2];
            }
        }
    }
    static inline void lucid_winograd_rows(const float *w, Py_ssize_t row, Py_ssize_t channel, int rows,
                                           Py_ssize_t channels, int flipped, float *u, Py_ssize_t step,
                                           Py_ssize_t plane) {}
    #endif

    static void lucid_winograd_kernel(const float *w, Py_ssize_t row, Py_ssize_t column, float *u) {
        lucid_winograd_planes(w, row, column, u, LUCID_LANES);
    }

    /* The transform along one row of n tiles: out[j][i] = (x B)[j] of the four x from 2i. */
    static void lucid_winograd_along(const float *restrict x, Py_ssize_t n, float *restrict out, Py_ssize_t pitch) {
        float *restrict h0 = out, *restrict h1 = out + pitch;
        float *restrict h2 = out + 2 * pitch, *restrict h3 = out + 3 * pitch;
        LUCID_INDEPENDENT
        for (Py_ssize_t i = 0; i < n; i++) {
            float x0 = x[2 * i], x1 = x[2 * i + 1], x2 = x[2 * i + 2], x3 = x[2 * i + 3];
            h0[i] = x0 - x2;
            h1[i] = x1 + x2;
            h2[i] = x2 - x1;
            h3[i] = x1 - x3;
        }
    }

    /* The transform across rows: even and odd rows of tiles lie at h[j] and h[4 + j], the next ones ``step`` on. */
    static void lucid_winograd_across(const float *restrict h, Py_ssize_t pitch, Py_ssize_t step, Py_ssize_t n,
                                      float *restrict v, Py_ssize_t plane) {
        for (int j = 0; j < 4; j++) {
            const float *restrict even = h + j * pitch, *restrict odd = h + (4 + j) * pitch;
            float *restrict v0 = v + j * plane, *restrict v1 = v + (4 + j) * plane;
            float *restrict v2 = v + (8 + j) * plane, *restrict v3 = v + (12 + j) * plane;
            LUCID_INDEPENDENT
            for (Py_ssize_t i = 0; i < n; i++) {
                float d0 = even[i], d1 = odd[i], d2 = even[i + step], d3 = odd[i + step];
                v0[i] = d0 - d2;
                v1[i] = d1 + d2;
                v2[i] = d2 - d1;
                v3[i] = d1 - d3;
            }
        }
    }

    /* y[0], y[1] = the two output rows of n tiles of one channel, bias added; the largest bits of a magnitude. */
    static int32_t lucid_winograd_back(const float *restrict m, Py_ssize_t plane, Py_ssize_t n, float bias,
                                       float *restrict y0, float *restrict y1) {
        int32_t most = 0;
        LUCID_INDEPENDENT
        for (Py_ssize_t i = 0; i < n; i++) {
            float z0[4], z1[4];
            for (int j = 0; j < 4; j++) {
                float m0 = m[j * plane + i], m1 = m[(4 + j) * plane + i];
                float m2 = m[(8 + j) * plane + i], m3 = m[(12 + j) * plane + i];
                z0[j] = (m0 + m2) + m1;     /* of data with a mean, m1 is the sum and the others are its rounding */
                z1[j] = m1 - (m2 + m3);
            }
            float a = bias + ((z0[0] + z0[2]) + z0[1]), b = bias + (z0[1] - (z0[2] + z0[3]));
            float c = bias + ((z1[0] + z1[2]) + z1[1]), d = bias + (z1[1] - (z1[2] + z1[3]));
            int32_t ab = lucid_i32(a) & 0x7fffffff, cd = lucid_i32(c) & 0x7fffffff, other = lucid_i32(b) & 0x7fffffff;
            ab = ab > other ? ab : other;
            other = lucid_i32(d) & 0x7fffffff;
            cd = cd > other ? cd : other;
            ab = ab > cd ? ab : cd;
            most = most > ab ? most : ab;
            y0[2 * i] = a;
            y0[2 * i + 1] = b;
            y1[2 * i] = c;
            y1[2 * i + 1] = d;
        }
        return most;
    }
    """
    void winograd_taps "lucid_winograd_taps" (const float* w, Py_ssize_t row, int rows, float* out) noexcept nogil
    void winograd_call "lucid_winograd_call" (const float* w, Py_ssize_t n) noexcept nogil
    void winograd_kernel "lucid_winograd_kernel" (const float* w, Py_ssize_t row, Py_ssize_t column,
                                                  float* u) noexcept nogil
    void winograd_planes "lucid_winograd_planes" (const float* w, Py_ssize_t row, Py_ssize_t column, float* u,
                                                  Py_ssize_t plane) noexcept nogil
    void winograd_rows "lucid_winograd_rows" (const float* w, Py_ssize_t row, Py_ssize_t channel, int rows,
                                              Py_ssize_t channels, int flipped, float* u, Py_ssize_t step,
                                              Py_ssize_t plane) noexcept nogil
    void winograd_along "lucid_winograd_along" (const float* x, Py_ssize_t n, float* out, Py_ssize_t pitch) noexcept nogil
    void winograd_across "lucid_winograd_across" (const float* h, Py_ssize_t pitch, Py_ssize_t step, Py_ssize_t n,
                                                  float* v, Py_ssize_t plane) noexcept nogil
    int32_t winograd_back "lucid_winograd_back" (const float* m, Py_ssize_t plane, Py_ssize_t n, float bias, float* y0,
                                                 float* y1) noexcept nogil
