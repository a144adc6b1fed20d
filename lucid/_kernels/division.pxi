# x / y and 1 / y of float32 with AVX-512 where operands are denormal numbers.
#
# The divider takes three times as long for a denormal operand or result, the instructions that take numbers apart and
# put them together again do not: the quotient of the mantissas, times a power of two. That is the rounded quotient
# unless the result is denormal, for which it would be rounded twice: those are left to the divider. The first 16 of
# 64 elements tell whether they, and the next ones, are taken apart; either way gives the same bits.

cdef extern from *:
    """
    #if LUCID_INTERLEAVED == 16
    #define LUCID_MANTISSA(x) _mm512_getmant_ps(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src)
    #define LUCID_DENORMAL(x) _mm512_fpclass_ps_mask(x, 0x20)
    #define LUCID_X (x == NULL ? LUCID_ALL(1) : _mm512_loadu_ps(x + i + 16 * j))
    #define LUCID_Y _mm512_loadu_ps(y + i + 16 * j)

    /* Elements i to i + 64; 0 if a result may be denormal, and is not right then. Of zeros, infinities and NaN the
       difference of the exponents makes what division makes of them. */
    static inline __attribute__((always_inline)) int lucid_divide_apart(const float *x, const float *y, float *z,
                                                                        Py_ssize_t i) {
        const __m512 least = LUCID_ALL(-125), zero = LUCID_ALL(-INFINITY);
        __m512 d[4], q[4];
        __mmask16 tiny = 0;
        LUCID_FOUR(d[j] = _mm512_sub_ps(_mm512_getexp_ps(LUCID_X), _mm512_getexp_ps(LUCID_Y)))
        LUCID_FOUR(q[j] = _mm512_div_ps(LUCID_MANTISSA(LUCID_X), LUCID_MANTISSA(LUCID_Y)))
        LUCID_FOUR(_mm512_storeu_ps(z + i + 16 * j, _mm512_scalef_ps(q[j], d[j])))
        LUCID_FOUR(tiny = _kor_mask16(tiny, _mm512_mask_cmp_ps_mask(
            _mm512_cmp_ps_mask(d[j], least, _CMP_LT_OQ), d[j], zero, _CMP_NEQ_OQ)))
        return _kortestz_mask16_u8(tiny, tiny);
    }

    /* z = x / y, or 1 / y where x is NULL. A denormal result ends the taking apart for good: more will come. */
    static inline __attribute__((always_inline)) void lucid_divide(const float *x, const float *y, float *z,
                                                                   Py_ssize_t n) {
        enum { RUN = 1024 };        /* elements taken apart before operands are looked at again */
        const int j = 0;
        Py_ssize_t i = 0;
        while (i < n) {
            if (!_kortestz_mask16_u8(LUCID_DENORMAL(LUCID_X), LUCID_DENORMAL(LUCID_Y))) {
                const Py_ssize_t end = n - i < RUN ? n : i + RUN;
                while (i < end && lucid_divide_apart(x, y, z, i)) i += 64;
                if (i < end) break;
            } else {
                const __m512 first = _mm512_div_ps(LUCID_X, LUCID_Y);
                LUCID_FOUR(_mm512_storeu_ps(z + i + 16 * j, j ? _mm512_div_ps(LUCID_X, LUCID_Y) : first))
                if (LUCID_DENORMAL(first)) break;
                i += 64;
            }
        }
        for (; i < n; i += 64) { LUCID_FOUR(_mm512_storeu_ps(z + i + 16 * j, _mm512_div_ps(LUCID_X, LUCID_Y))) }
    }

    static void lucid_div32(const float *x, const float *y, float *z, Py_ssize_t n) { lucid_divide(x, y, z, n); }
    static void lucid_reciprocal32(const float *y, float *z, Py_ssize_t n) { lucid_divide(NULL, y, z, n); }
    #else
    #define lucid_div32(x, y, z, n) ((void) 0)
    #define lucid_reciprocal32(y, z, n) ((void) 0)
    #endif
    """
    void div32 "lucid_div32" (const float* x, const float* y, float* z, Py_ssize_t n) noexcept nogil
    void reciprocal32 "lucid_reciprocal32" (const float* y, float* z, Py_ssize_t n) noexcept nogil
