# Layer norm of float32 with AVX2: moments of a row, and the gradients of a few rows in one pass.
#
# The loops of layer_norm.pxi have 32 lanes of double for each sum, twice what 16 registers of four hold for two, and
# conversions to double are what a row takes longest for. Here only the mean is summed in double; other sums are float32
# in 32 lanes, for 512 elements at a time. Where such a sum overflows, or squares are lost, the row's are taken in double.

cdef extern from *:
    """
    #if LUCID_INTERLEAVED == 8
    #define LUCID_LAYER_ROWS 1
    #define LUCID_LAYER_SUM 512
    #define LUCID_EACH(n, statement) for (int j = 0; j < (n); j++) { statement; }

    static inline __m256i lucid_layer_end(Py_ssize_t count) {
        return _mm256_cmpgt_epi32(_mm256_set1_epi32(count < 8 ? (int) count : 8), _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0));
    }
    static inline __m256 lucid_layer_masked(__m256 v, __m256i some) { return _mm256_and_ps(v, _mm256_castsi256_ps(some)); }
    static inline __m256d lucid_layer_half(__m256 v, int upper) {
        return _mm256_cvtps_pd(upper ? _mm256_extractf128_ps(v, 1) : _mm256_castps256_ps128(v));
    }
    #define LUCID_LAYER_PLUS(total, x, one) _mm256_fmadd_pd(x, one, total)      /* see lucid_plus */
    static inline double lucid_layer_fold(const __m256d *v) {
        const __m256d a = _mm256_add_pd(_mm256_add_pd(v[0], v[2]), _mm256_add_pd(v[1], v[3]));
        const __m128d b = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
        return _mm_cvtsd_f64(b) + _mm_cvtsd_f64(_mm_unpackhi_pd(b, b));
    }
    static inline double lucid_layer_fold32(const __m256 *v) {
        const __m256 a = _mm256_add_ps(_mm256_add_ps(v[0], v[2]), _mm256_add_ps(v[1], v[3]));
        const __m256d b = _mm256_add_pd(lucid_layer_half(a, 0), lucid_layer_half(a, 1));
        const __m128d c = _mm_add_pd(_mm256_castpd256_pd128(b), _mm256_extractf128_pd(b, 1));
        return _mm_cvtsd_f64(c) + _mm_cvtsd_f64(_mm_unpackhi_pd(c, c));
    }

    /* The mean of a row and the sum of its squared deviations; false if float32 does not hold them. */
    static int lucid_layer_moments(const float *x, Py_ssize_t n, double *mean, double *squares) {
        const __m256d one = _mm256_set1_pd(lucid_one());
        __m256d v[4];
        double total = 0;
        Py_ssize_t i = 0;
        LUCID_EACH(4, v[j] = _mm256_setzero_pd())
        for (; i + 16 <= n; i += 16) LUCID_EACH(4, v[j] = LUCID_LAYER_PLUS(v[j], _mm256_cvtps_pd(_mm_loadu_ps(x + i + 4 * j)), one))
        for (; i < n; i += 8) {
            const __m256 a = _mm256_maskload_ps(x + i, lucid_layer_end(n - i));
            LUCID_EACH(2, v[j] = LUCID_LAYER_PLUS(v[j], lucid_layer_half(a, j), one))
        }
        *mean = lucid_layer_fold(v) / n;
        const float rounded = (float) *mean;
        const __m256 center = _mm256_set1_ps(rounded);
        for (i = 0; i < n;) {
            const Py_ssize_t stop = n - i < LUCID_LAYER_SUM ? n : i + LUCID_LAYER_SUM;
            __m256 w[4];
            LUCID_EACH(4, w[j] = _mm256_setzero_ps())
            for (; i + 32 <= stop; i += 32)
                LUCID_EACH(4, const __m256 d = _mm256_sub_ps(_mm256_loadu_ps(x + i + 8 * j), center);
                           w[j] = _mm256_fmadd_ps(d, d, w[j]))
            for (; i < stop; i += 8) {
                const __m256i some = lucid_layer_end(stop - i);
                const __m256 d = lucid_layer_masked(_mm256_sub_ps(_mm256_maskload_ps(x + i, some), center), some);
                w[0] = _mm256_fmadd_ps(d, d, w[0]);
            }
            i = stop;
            total += lucid_layer_fold32(w);
        }
        *squares = total - n * (*mean - rounded) * (*mean - rounded);
        return *squares > n * 1e-28 && total < 1e38;
    }

    /* v += g and w += g * (x - center), halves of eight numbers apart */
    static inline __attribute__((always_inline)) void lucid_layer_add(__m256 x, __m256 g, __m256d center, __m256d *v,
                                                                      __m256d *w) {
        LUCID_EACH(2,
            const __m256d d = lucid_layer_half(g, j);
            v[j] = _mm256_add_pd(v[j], d);
            w[j] = _mm256_fmadd_pd(d, _mm256_sub_pd(lucid_layer_half(x, j), center), w[j]))
    }

    /* sum(g) and sum(g * (x - mean)) of a row, g = dy * weight, in double. */
    static void lucid_layer_exact(const float *x, const float *dy, const float *weight, Py_ssize_t n, double mean,
                                  double *total, double *dot) {
        const __m256d center = _mm256_set1_pd(mean);
        __m256d v[4], w[4];
        LUCID_EACH(4, v[j] = w[j] = _mm256_setzero_pd())
        for (Py_ssize_t i = 0; i < n; i += 8) {
            const __m256i some = lucid_layer_end(n - i);
            lucid_layer_add(_mm256_maskload_ps(x + i, some),
                            _mm256_mul_ps(_mm256_maskload_ps(dy + i, some), _mm256_maskload_ps(weight + i, some)),
                            center, v, w);
        }
        *total = lucid_layer_fold(v);
        *dot = lucid_layer_fold(w);
    }

    static void lucid_layer_sums(const float *x, const float *dy, const float *weight, Py_ssize_t n, float mean,
                                 double *total, double *dot) {
        const __m256 center = _mm256_set1_ps(mean);
        *total = *dot = 0;
        for (Py_ssize_t i = 0; i < n;) {
            const Py_ssize_t stop = n - i < LUCID_LAYER_SUM ? n : i + LUCID_LAYER_SUM;
            __m256 v[4], w[4];
            LUCID_EACH(4, v[j] = w[j] = _mm256_setzero_ps())
            for (; i + 32 <= stop; i += 32)
                LUCID_EACH(4,
                    const __m256 g = _mm256_mul_ps(_mm256_loadu_ps(dy + i + 8 * j), _mm256_loadu_ps(weight + i + 8 * j));
                    v[j] = _mm256_add_ps(v[j], g);
                    w[j] = _mm256_fmadd_ps(g, _mm256_sub_ps(_mm256_loadu_ps(x + i + 8 * j), center), w[j]))
            for (; i < stop; i += 8) {
                const __m256i some = lucid_layer_end(stop - i);
                const __m256 g = _mm256_mul_ps(_mm256_maskload_ps(dy + i, some), _mm256_maskload_ps(weight + i, some));
                v[0] = _mm256_add_ps(v[0], g);
                w[0] = _mm256_fmadd_ps(g, lucid_layer_masked(_mm256_sub_ps(_mm256_maskload_ps(x + i, some), center), some),
                                       w[0]);
            }
            i = stop;
            *total += lucid_layer_fold32(v);
            *dot += lucid_layer_fold32(w);
        }
        if (!(*total - *total == 0 && *dot - *dot == 0)) lucid_layer_exact(x, dy, weight, n, mean, total, dot);
    }

    static inline void lucid_layer_gather(double *sums, __m256 v, Py_ssize_t count) {
        double lanes[8];
        if (count >= 8) {
            LUCID_EACH(2, _mm256_storeu_pd(sums + 4 * j,
                                           _mm256_add_pd(_mm256_loadu_pd(sums + 4 * j), lucid_layer_half(v, j))))
        } else {
            LUCID_EACH(2, _mm256_storeu_pd(lanes + 4 * j, lucid_layer_half(v, j)))
            LUCID_EACH(count, sums[j] += lanes[j])
        }
    }

    /* What layer_norm_backward_row and layer_norm_columns do, of up to four rows. The terms of as many rows are added in
       float32 on their way to the sums of the weight and the bias. */
    static inline __attribute__((always_inline)) void lucid_layer_rows(
            const float *x, const float *dy, const float *weight, const float *mean, const float *rstd, float *dx,
            double *dweight, double *dbias, const int rows, Py_ssize_t n) {
        __m256 center[4], shift[4], slope[4], scale[4];
        for (int r = 0; r < rows; r++) {
            double total, dot;
            lucid_layer_sums(x + r * n, dy + r * n, weight, n, mean[r], &total, &dot);
            center[r] = _mm256_set1_ps(mean[r]);
            shift[r] = _mm256_set1_ps((float) (total / n));
            slope[r] = _mm256_set1_ps((float) (dot / n * rstd[r] * rstd[r]));
            scale[r] = _mm256_set1_ps(rstd[r]);
        }
        for (Py_ssize_t i = 0; i < n; i += 8) {
            const int whole = i + 8 <= n;
            const __m256i some = lucid_layer_end(n - i);
            const __m256 w = whole ? _mm256_loadu_ps(weight + i) : _mm256_maskload_ps(weight + i, some);
            __m256 of_weight = _mm256_setzero_ps(), of_bias = _mm256_setzero_ps();
            for (int r = 0; r < rows; r++) {
                const Py_ssize_t at = r * n + i;
                const __m256 g = whole ? _mm256_loadu_ps(dy + at) : _mm256_maskload_ps(dy + at, some);
                const __m256 c = _mm256_sub_ps(whole ? _mm256_loadu_ps(x + at) : _mm256_maskload_ps(x + at, some),
                                               center[r]);
                const __m256 d = _mm256_mul_ps(_mm256_fnmadd_ps(c, slope[r], _mm256_fmsub_ps(g, w, shift[r])), scale[r]);
                of_weight = _mm256_fmadd_ps(g, _mm256_mul_ps(c, scale[r]), of_weight);
                of_bias = _mm256_add_ps(of_bias, g);
                if (whole) _mm256_storeu_ps(dx + at, d);
                else _mm256_maskstore_ps(dx + at, some, d);
            }
            lucid_layer_gather(dweight + i, of_weight, n - i);
            lucid_layer_gather(dbias + i, of_bias, n - i);
        }
    }

    static void lucid_layer_backward(const float *x, const float *dy, const float *weight, const float *mean,
                                     const float *rstd, float *dx, double *dweight, double *dbias, Py_ssize_t rows,
                                     Py_ssize_t n) {
        for (; rows >= 4; rows -= 4, x += 4 * n, dy += 4 * n, dx += 4 * n, mean += 4, rstd += 4)
            lucid_layer_rows(x, dy, weight, mean, rstd, dx, dweight, dbias, 4, n);
        for (; rows; rows--, x += n, dy += n, dx += n, mean++, rstd++)
            lucid_layer_rows(x, dy, weight, mean, rstd, dx, dweight, dbias, 1, n);
    }
    #else
    #define LUCID_LAYER_ROWS 0
    #define lucid_layer_moments(x, n, mean, squares) 0
    #define lucid_layer_backward(x, dy, weight, mean, rstd, dx, dweight, dbias, rows, n) ((void) 0)
    #endif
    """
    bint LAYER_VECTORS "LUCID_LAYER_ROWS"
    bint layer_moments "lucid_layer_moments" (const float* x, Py_ssize_t n, double* mean, double* squares) noexcept nogil
    void layer_backward "lucid_layer_backward" (const float* x, const float* dy, const float* weight, const float* mean,
                                                const float* rstd, float* dx, double* dweight, double* dbias,
                                                Py_ssize_t rows, Py_ssize_t n) noexcept nogil
