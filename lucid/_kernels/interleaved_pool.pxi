# Max pooling of float32 by 2 x 2 windows with stride 2, with AVX-512: two rows of 32 elements are 16 windows.

cdef extern from *:
    """
    #if LUCID_INTERLEAVED == 16
    /* The first of equals wins, NaN over every number, and the last NaN: ``at`` is y's place where y wins. */
    #define LUCID_POOL_MAX(x, at_x, y, at_y) { \\
            __mmask16 wins = _mm512_cmp_ps_mask(y, x, _CMP_GT_OQ) | _mm512_cmp_ps_mask(y, y, _CMP_UNORD_Q); \\
            x = _mm512_mask_mov_ps(x, wins, y); \\
            at_x = _mm512_mask_mov_epi32(at_x, wins, at_y); \\
        }
    /* n windows side by side in rows of ``width`` elements; the first element has the place ``first`` in its plane. */
    static void lucid_pool_pairs32(const float *x, Py_ssize_t width, Py_ssize_t first, Py_ssize_t n, float *y,
                                   int64_t *indices) {
        const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
        const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
        const __m512i down = _mm512_set1_epi32((int) width);
        for (Py_ssize_t j = 0; j < n; j += 16) {
            const uint64_t count = n - j < 16 ? n - j : 16, lanes = ~(uint64_t) 0 >> (64 - 2 * count);
            const __mmask16 low = (__mmask16) lanes, high = (__mmask16) (lanes >> 16);
            const __mmask16 some = (__mmask16) (((uint64_t) 1 << count) - 1);
            const float *p = x + 2 * j;
            __m512 a = _mm512_maskz_loadu_ps(low, p), b = _mm512_maskz_loadu_ps(high, p + 16);
            __m512 c = _mm512_maskz_loadu_ps(low, p + width), d = _mm512_maskz_loadu_ps(high, p + width + 16);
            __m512 top = _mm512_permutex2var_ps(a, even, b), right = _mm512_permutex2var_ps(a, odd, b);
            __m512 under = _mm512_permutex2var_ps(c, even, d), last = _mm512_permutex2var_ps(c, odd, d);
            __m512i at = even, at_under = _mm512_add_epi32(even, down);
            LUCID_POOL_MAX(top, at, right, odd)
            LUCID_POOL_MAX(under, at_under, last, _mm512_add_epi32(odd, down))
            LUCID_POOL_MAX(top, at, under, at_under)
            _mm512_mask_storeu_ps(y + j, some, top);
            const __m512i base = _mm512_set1_epi64(first + 2 * j);
            _mm512_mask_storeu_epi64(indices + j, (__mmask8) some,
                                     _mm512_add_epi64(base, _mm512_cvtepi32_epi64(_mm512_castsi512_si256(at))));
            _mm512_mask_storeu_epi64(indices + j + 8, (__mmask8) (some >> 8),
                                     _mm512_add_epi64(base, _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(at, 1))));
        }
    }
    #else
    #define lucid_pool_pairs32(x, width, first, n, y, indices) ((void) 0)
    #endif
    """
    void pool_pairs32 "lucid_pool_pairs32" (const float* x, Py_ssize_t width, Py_ssize_t first, Py_ssize_t n, float* y,
                                            int64_t* indices) noexcept nogil
