# The functions of interleaved.pxi with AVX2: eight lanes, still four registers side by side.
#
# What AVX-512 has instructions for is avoided where all 32 numbers are near zero, as good as always: powers of two are
# then added to exponents, with nothing to clamp and no denormal result. Otherwise the 32 are done with clamps and a
# second factor, which changes no bit of those that are near. A division costs as much as two multiplications, and 16
# registers hold no tables: exp is a polynomial on half of ln(2), tanh a quotient of two.

cdef extern from *:
    """
    #if LUCID_INTERLEAVED == 8
    #include <immintrin.h>
    #if defined(__clang__)
    #define LUCID_FOUR(statement) _Pragma("clang loop unroll(full)") for (int j = 0; j < 4; j++) { statement; }
    #else
    #define LUCID_FOUR(statement) _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) { statement; }
    #endif
    #define LUCID_ALL(x) _mm256_set1_ps((float) (x))
    #define LUCID_BITS(x) _mm256_castps_si256(x)
    #define LUCID_NUMBER(i) _mm256_castsi256_ps(i)
    #define LUCID_MAGNITUDE(x) _mm256_andnot_ps(LUCID_ALL(-0.0), x)
    #define LUCID_AT(p) _mm256_loadu_ps((p) + i + 8 * j)
    #define LUCID_PUT(p, v) _mm256_storeu_ps((p) + i + 8 * j, v)

    /* As ``product``. */
    #define LUCID_PRODUCT(x, y) _mm256_fmadd_ps(x, y, LUCID_ALL(-0.0))

    /* No magnitude is above 87, and nothing NaN: of their bits, the largest is not. */
    static inline __attribute__((always_inline)) int lucid_near(const __m256 *z) {
        __m256i t[4];
        LUCID_FOUR(t[j] = LUCID_BITS(LUCID_MAGNITUDE(z[j])))
        t[0] = _mm256_max_epi32(_mm256_max_epi32(t[0], t[1]), _mm256_max_epi32(t[2], t[3]));
        t[0] = _mm256_cmpgt_epi32(t[0], LUCID_BITS(LUCID_ALL(87)));
        return __builtin_expect(_mm256_testz_si256(t[0], t[0]), 1);
    }

    /* exp(sign * z) = m * 2**k; k + more are the last bits of s. The polynomial is ``exp_poly``. */
    #define LUCID_NEXT(m, r, c) LUCID_FOUR(m[j] = _mm256_fmadd_ps(m[j], r[j], LUCID_ALL(c)))
    #define LUCID_EXP(sign, z, more) \\
        LUCID_FOUR(s[j] = _mm256_fmadd_ps(z[j], LUCID_ALL((sign) * 1.44269504088896341), LUCID_ALL(12582912 + (more)))) \\
        LUCID_FOUR(k[j] = _mm256_sub_ps(s[j], LUCID_ALL(12582912 + (more)))) \\
        LUCID_FOUR(r[j] = _mm256_fmadd_ps(k[j], LUCID_ALL((sign) * -0.693145751953125), z[j])) \\
        LUCID_FOUR(r[j] = _mm256_fmadd_ps(k[j], LUCID_ALL((sign) * -1.42860682030941723212e-6), r[j])) \\
        LUCID_FOUR(m[j] = LUCID_ALL(0.001392637612298131)) \\
        LUCID_NEXT(m, r, (sign) * 0.008363333530724049) \\
        LUCID_NEXT(m, r, 0.04166655242443085) \\
        LUCID_NEXT(m, r, (sign) * 0.16666576266288757) \\
        LUCID_NEXT(m, r, 0.5) \\
        LUCID_NEXT(m, r, sign) \\
        LUCID_NEXT(m, r, 1)

    /* 2**k of s with 127 more, and v * 2**k by the exponent of v, which must be normal before and after */
    #define LUCID_POWER(s) LUCID_NUMBER(_mm256_slli_epi32(LUCID_BITS(s), 23))
    #define LUCID_TIMES_POWER(v, s) \\
        LUCID_NUMBER(_mm256_add_epi32(LUCID_BITS(v), LUCID_BITS(LUCID_POWER(s))))

    static void lucid_exp32(const float *x, float *y, Py_ssize_t n) {
        for (Py_ssize_t i = 0; i < n; i += 32) {
            __m256 z[4], k[4], s[4], r[4], m[4];
            LUCID_FOUR(z[j] = LUCID_AT(x))
            if (lucid_near(z)) {
                LUCID_EXP(1, z, 0)
                LUCID_FOUR(LUCID_PUT(y, LUCID_TIMES_POWER(m[j], s[j])))
                continue;
            }
            /* by two halves of the power: k reaches past both ends of the normal range */
            LUCID_FOUR(z[j] = _mm256_min_ps(LUCID_ALL(89), _mm256_max_ps(LUCID_ALL(-104), z[j])))
            LUCID_EXP(1, z, 2 * 127)
            LUCID_FOUR(r[j] = LUCID_NUMBER(_mm256_srli_epi32(LUCID_BITS(s[j]), 1)))
            LUCID_FOUR(s[j] = LUCID_NUMBER(_mm256_sub_epi32(LUCID_BITS(s[j]), LUCID_BITS(r[j]))))
            LUCID_FOUR(m[j] = _mm256_mul_ps(m[j], LUCID_POWER(r[j])))
            LUCID_FOUR(LUCID_PUT(y, LUCID_PRODUCT(m[j], LUCID_POWER(s[j]))))
        }
    }

    /* d = 1 / (1 + exp(-x)), and where a number is not near, 2**40 times that for x from -110 to 20 */
    #define LUCID_LOGISTIC(near, far) \\
        for (Py_ssize_t i = 0; i < n; i += 32) { \\
            __m256 z[4], k[4], s[4], r[4], m[4], d[4]; \\
            LUCID_FOUR(z[j] = LUCID_AT(x)) \\
            if (lucid_near(z)) { \\
                LUCID_EXP(-1, z, 0) \\
                LUCID_FOUR(d[j] = _mm256_add_ps(LUCID_TIMES_POWER(m[j], s[j]), LUCID_ALL(1))) \\
                LUCID_FOUR(d[j] = _mm256_div_ps(LUCID_ALL(1), d[j])) \\
                LUCID_FOUR(LUCID_PUT(y, near)) \\
            } else { \\
                LUCID_FOUR(z[j] = _mm256_min_ps(LUCID_ALL(20), _mm256_max_ps(LUCID_ALL(-110), z[j]))) \\
                LUCID_EXP(-1, z, 127 - 40) \\
                LUCID_FOUR(d[j] = _mm256_fmadd_ps(m[j], LUCID_POWER(s[j]), LUCID_ALL(0x1p-40))) \\
                LUCID_FOUR(d[j] = _mm256_div_ps(LUCID_ALL(1), d[j])) \\
                far \\
                LUCID_FOUR(LUCID_PUT(y, d[j])) \\
            } \\
        }

    /* Dividers are slow on denormal numbers: x is a factor. */
    static void lucid_silu32(const float *x, float *y, Py_ssize_t n) {
        LUCID_LOGISTIC(
            LUCID_PRODUCT(z[j], d[j]),
            LUCID_FOUR(d[j] = LUCID_PRODUCT(_mm256_mul_ps(z[j], d[j]), LUCID_ALL(0x1p-40)))
            LUCID_FOUR(z[j] = LUCID_AT(x))
            LUCID_FOUR(d[j] = _mm256_blendv_ps(d[j], z[j], _mm256_cmp_ps(z[j], LUCID_ALL(20), _CMP_GE_OQ)))
        )
    }

    static void lucid_sigmoid32(const float *x, float *y, Py_ssize_t n) {
        LUCID_LOGISTIC(d[j], LUCID_FOUR(d[j] = LUCID_PRODUCT(d[j], LUCID_ALL(0x1p-40))))
    }

    /* m / (m + 1), m = (exp(2 * |x|) - 1) / 2 = (exp(2 * r) - 1) / 2 * s + (s - 1) / 2, s = 2**k. From 9.02 on tanh
       rounds to 1; up to there k is so small that ln(2) needs no second part. Dividers are slow on denormal numbers:
       below 2**-40 the smaller magnitude is x. */
    static void lucid_tanh32(const float *x, float *y, Py_ssize_t n) {
        for (Py_ssize_t i = 0; i < n; i += 32) {
            __m256 z[4], s[4], r[4], m[4];
            LUCID_FOUR(z[j] = _mm256_min_ps(LUCID_ALL(9.02), LUCID_MAGNITUDE(LUCID_AT(x))))
            LUCID_FOUR(z[j] = _mm256_max_ps(LUCID_ALL(0x1p-40), z[j]))
            LUCID_FOUR(s[j] = _mm256_fmadd_ps(z[j], LUCID_ALL(2 * 1.44269504088896341), LUCID_ALL(12582912 + 127)))
            LUCID_FOUR(m[j] = _mm256_sub_ps(s[j], LUCID_ALL(12582912 + 127)))
            LUCID_FOUR(r[j] = _mm256_fnmadd_ps(m[j], LUCID_ALL(0.69314718055994531 / 2), z[j]))
            LUCID_FOUR(m[j] = LUCID_ALL(0.001392637612298131 * 32))
            LUCID_NEXT(m, r, 0.008363333530724049 * 16)
            LUCID_NEXT(m, r, 0.04166655242443085 * 8)
            LUCID_NEXT(m, r, 0.16666576266288757 * 4)
            LUCID_NEXT(m, r, 0.5 * 2)
            LUCID_FOUR(m[j] = LUCID_PRODUCT(m[j], r[j]))
            LUCID_FOUR(m[j] = _mm256_fmadd_ps(m[j], r[j], r[j]))
            LUCID_FOUR(s[j] = LUCID_POWER(s[j]))
            LUCID_FOUR(m[j] = _mm256_fmadd_ps(m[j], s[j], _mm256_fmsub_ps(LUCID_ALL(0.5), s[j], LUCID_ALL(0.5))))
            LUCID_FOUR(m[j] = _mm256_div_ps(m[j], _mm256_add_ps(m[j], LUCID_ALL(1))))
            LUCID_FOUR(m[j] = _mm256_min_ps(LUCID_MAGNITUDE(LUCID_AT(x)), m[j]))
            LUCID_FOUR(LUCID_PUT(y, _mm256_or_ps(m[j], _mm256_and_ps(LUCID_ALL(-0.0), LUCID_AT(x)))))
        }
    }

    /* d = log(1 + exp(-|z|)), as ``log1p_unit``: the exponential is m, and f = m, or (m - 1) / 2 with log(2) to be added,
       where m is above 1/3. Of tiny m there are no products, which would be denormal. */
    #define LUCID_WHERE(mask, v, other) _mm256_blendv_ps(other, v, mask)
    #define LUCID_ABOVE(j) _mm256_cmp_ps(m[j], LUCID_ALL(1 / 3.), _CMP_GT_OQ)
    #define LUCID_BELOW(j, bound) _mm256_cmp_ps(m[j], LUCID_ALL(bound), _CMP_LT_OQ)
    #define LUCID_LOG1P_EXP \\
        LUCID_FOUR(d[j] = _mm256_min_ps(LUCID_ALL(110), LUCID_MAGNITUDE(z[j]))) \\
        LUCID_EXP(-1, d, 127 + 64) \\
        LUCID_FOUR(m[j] = LUCID_PRODUCT(_mm256_mul_ps(m[j], LUCID_POWER(s[j])), LUCID_ALL(0x1p-64))) \\
        LUCID_FOUR(s[j] = LUCID_ABOVE(j)) \\
        LUCID_FOUR(f[j] = _mm256_andnot_ps(LUCID_BELOW(j, 0x1p-60), m[j])) \\
        LUCID_FOUR(f[j] = LUCID_WHERE(s[j], _mm256_fmadd_ps(f[j], LUCID_ALL(0.5), LUCID_ALL(-0.5)), f[j])) \\
        LUCID_FOUR(d[j] = LUCID_ALL(-0.12422200292348862)) \\
        LUCID_NEXT(d, f, 0.13748309016227722) \\
        LUCID_NEXT(d, f, -0.12288721650838852) \\
        LUCID_NEXT(d, f, 0.140558123588562) \\
        LUCID_NEXT(d, f, -0.16673316061496735) \\
        LUCID_NEXT(d, f, 0.20007233321666718) \\
        LUCID_NEXT(d, f, -0.24999944865703583) \\
        LUCID_NEXT(d, f, 0.33333271741867065) \\
        LUCID_NEXT(d, f, -0.5) \\
        LUCID_FOUR(d[j] = _mm256_mul_ps(d[j], f[j])) \\
        LUCID_FOUR(r[j] = _mm256_and_ps(s[j], LUCID_ALL(1.42860682030941723212e-6))) \\
        LUCID_FOUR(d[j] = _mm256_add_ps(f[j], _mm256_fmadd_ps(d[j], f[j], r[j]))) \\
        LUCID_FOUR(d[j] = _mm256_add_ps(d[j], _mm256_and_ps(s[j], LUCID_ALL(0.693145751953125)))) \\
        LUCID_FOUR(d[j] = LUCID_WHERE(LUCID_BELOW(j, 0x1p-26), m[j], d[j]))

    static inline void lucid_softplus(const float *x, float *y, Py_ssize_t n, float beta, float threshold, int power) {
        const __m256 inverse = LUCID_ALL(1 / beta);
        for (Py_ssize_t i = 0; i < n; i += 32) {
            __m256 z[4], k[4], s[4], r[4], m[4], f[4], d[4];
            LUCID_FOUR(z[j] = LUCID_PRODUCT(LUCID_AT(x), LUCID_ALL(beta)))
            LUCID_LOG1P_EXP
            LUCID_FOUR(d[j] = _mm256_add_ps(_mm256_max_ps(_mm256_setzero_ps(), z[j]), d[j]))
            LUCID_FOUR(d[j] = power ? LUCID_PRODUCT(d[j], inverse) : _mm256_div_ps(d[j], LUCID_ALL(beta)))
            LUCID_FOUR(LUCID_PUT(y, LUCID_WHERE(_mm256_cmp_ps(z[j], LUCID_ALL(threshold), _CMP_GT_OQ), LUCID_AT(x), d[j])))
        }
    }

    static void lucid_softplus32(const float *x, float *y, Py_ssize_t n, float beta, float threshold, int power) {
        if (power) lucid_softplus(x, y, n, beta, threshold, 1);
        else lucid_softplus(x, y, n, beta, threshold, 0);
    }

    static void lucid_logsigmoid32(const float *x, float *y, Py_ssize_t n) {
        for (Py_ssize_t i = 0; i < n; i += 32) {
            __m256 z[4], k[4], s[4], r[4], m[4], f[4], d[4];
            LUCID_FOUR(z[j] = LUCID_AT(x))
            LUCID_LOG1P_EXP
            LUCID_FOUR(LUCID_PUT(y, _mm256_sub_ps(_mm256_min_ps(_mm256_setzero_ps(), z[j]), d[j])))
        }
    }

    /* x * Phi(x) = max(x, 0) - Q, Q = t * Phi(-t) with t = |x|, as t * exp(-t**2/2) * w * p, w = 4 / (t + 4) and p the
       polynomial of ``tail_poly``. exp is taken of r / 2 = -t**2/2 - k * ln(2): k times the first part of 2 * ln(2) is
       exact, so that t**2 is never rounded. */
    static void lucid_gelu32(const float *x, float *y, Py_ssize_t n) {
        for (Py_ssize_t i = 0; i < n; i += 32) {
            __m256 t[4], s[4], r[4], m[4], w[4], p[4];
            /* 15 where x is NaN */
            LUCID_FOUR(t[j] = _mm256_min_ps(LUCID_MAGNITUDE(LUCID_AT(x)), LUCID_ALL(15)))
            LUCID_FOUR(w[j] = _mm256_add_ps(t[j], LUCID_ALL(4)))
            LUCID_FOUR(w[j] = _mm256_div_ps(LUCID_PRODUCT(t[j], LUCID_ALL(0x1p34)), w[j]))
            LUCID_FOUR(r[j] = LUCID_PRODUCT(t[j], t[j]))
            LUCID_FOUR(s[j] = _mm256_fmadd_ps(r[j], LUCID_ALL(-0.5 * 1.44269504088896341), LUCID_ALL(12582912 + 64)))
            LUCID_FOUR(m[j] = _mm256_sub_ps(s[j], LUCID_ALL(12582912 + 64)))
            LUCID_FOUR(r[j] = _mm256_fnmsub_ps(t[j], t[j], _mm256_mul_ps(m[j], LUCID_ALL(2 * 0.693145751953125))))
            LUCID_FOUR(r[j] = _mm256_fmadd_ps(m[j], LUCID_ALL(-2 * 1.42860682030941723212e-6), r[j]))
            LUCID_FOUR(m[j] = LUCID_ALL(0.001392637612298131 / 64))
            LUCID_NEXT(m, r, 0.008363333530724049 / 32)
            LUCID_NEXT(m, r, 0.04166655242443085 / 16)
            LUCID_NEXT(m, r, 0.16666576266288757 / 8)
            LUCID_NEXT(m, r, 0.5 / 4)
            LUCID_NEXT(m, r, 0.5)
            LUCID_NEXT(m, r, 1)
            LUCID_FOUR(m[j] = LUCID_TIMES_POWER(m[j], s[j]))
            LUCID_FOUR(r[j] = _mm256_fmadd_ps(LUCID_ALL(0x1p-33), w[j], LUCID_ALL(-1)))
            LUCID_FOUR(p[j] = LUCID_ALL(-3.13896089210175e-05))
            LUCID_NEXT(p, r, 4.724913742393255e-05)
            LUCID_NEXT(p, r, 0.00039172032848000526)
            LUCID_NEXT(p, r, -0.0008802429656498134)
            LUCID_NEXT(p, r, -0.0018813533242791891)
            LUCID_NEXT(p, r, 0.015101549215614796)
            LUCID_NEXT(p, r, -0.046630844473838806)
            LUCID_NEXT(p, r, 0.09678415954113007)
            LUCID_NEXT(p, r, -0.1519741415977478)
            LUCID_NEXT(p, r, 0.18882128596305847)
            LUCID_FOUR(p[j] = _mm256_mul_ps(_mm256_mul_ps(p[j], w[j]), m[j]))
            LUCID_FOUR(w[j] = _mm256_max_ps(LUCID_ALL(-0.0), LUCID_AT(x)))                      /* x where it is NaN */
            LUCID_FOUR(LUCID_PUT(y, _mm256_fnmadd_ps(p[j], LUCID_ALL(0x1p-96), w[j])))
        }
    }
    #endif
    """
