# silu, sigmoid, tanh and gelu of float32 with AVX-512, four registers side by side.
#
# They are the formulas of activation.pxi, written so that every operation is done to four registers before the next one
# begins. Compiled from a plain loop, one register's chain of about 25 dependent operations comes after the other, and
# the CPU cannot look far enough ahead to fill its units: silu took 13.1 cycles a register, now 9.4; gelu 17.6, now 13.8.
# GCC also turns each clamp of the plain loop into several selects.

cdef extern from *:
    """
    #if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__GNUC__)
    #include <immintrin.h>
    #define LUCID_INTERLEAVED 1
    #if defined(__clang__)
    #define LUCID_FOUR(statement) _Pragma("clang loop unroll(full)") for (int j = 0; j < 4; j++) { statement; }
    #else
    #define LUCID_FOUR(statement) _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) { statement; }
    #endif
    #define LUCID_ALL(x) _mm512_set1_ps((float) (x))
    #define LUCID_BITS(x) _mm512_castps_si512(x)
    #define LUCID_NUMBER(i) _mm512_castsi512_ps(i)
    #define LUCID_MASKED(x, bits) LUCID_NUMBER(_mm512_and_si512(LUCID_BITS(x), _mm512_set1_epi32(bits)))

    /* -x / 2 of a positive normal x: a step down in the exponent, and the sign. Multiplications are what is scarce. */
    #define LUCID_MINUS_HALF(x) LUCID_NUMBER(_mm512_add_epi32(LUCID_BITS(x), _mm512_set1_epi32(0x7f800000)))

    /* The scale, and k, from the shifted multiple of log2(e) that exp_scaled begins with. */
    #define LUCID_SHIFT (12582912.0f + 127 + 64)
    #define LUCID_SPLIT(s, k) \\
        LUCID_FOUR(s[j] = LUCID_NUMBER(_mm512_slli_epi32(LUCID_BITS(k[j]), 23))) \\
        LUCID_FOUR(k[j] = _mm512_sub_ps(k[j], LUCID_ALL(LUCID_SHIFT)))

    /* m = exp(r) - 1, in two halves so that other chains can go on between them. */
    #define LUCID_EXP_BEGIN(r, m) \\
        LUCID_FOUR(m[j] = _mm512_fmadd_ps(LUCID_ALL(0.001392637612298131), r[j], LUCID_ALL(0.008363333530724049))) \\
        LUCID_FOUR(m[j] = _mm512_fmadd_ps(m[j], r[j], LUCID_ALL(0.04166655242443085)))
    #define LUCID_EXP_END(r, m) \\
        LUCID_FOUR(m[j] = _mm512_fmadd_ps(m[j], r[j], LUCID_ALL(0.16666576266288757))) \\
        LUCID_FOUR(m[j] = _mm512_fmadd_ps(m[j], r[j], LUCID_ALL(0.5))) \\
        LUCID_FOUR(m[j] = _mm512_fmadd_ps(m[j], _mm512_mul_ps(r[j], r[j]), r[j]))

    /* a clamped x; q = top * exp(a) / (1 + exp(a)), top being a or 1; beyond 20, where that rounds to it, top of x. */
    #define LUCID_LOGISTIC(top_of_a, top_of_x) \\
        for (Py_ssize_t i = 0; i < n; i += 64) { \\
            __m512 z[4], a[4], k[4], s[4], r[4], m[4], d[4]; \\
            LUCID_FOUR(z[j] = _mm512_loadu_ps(x + i + 16 * j)) \\
            LUCID_FOUR(a[j] = _mm512_max_ps(LUCID_ALL(-110), z[j])) \\
            LUCID_FOUR(a[j] = _mm512_min_ps(LUCID_ALL(20), a[j])) \\
            LUCID_FOUR(r[j] = _mm512_add_ps(a[j], LUCID_ALL(0x1p-40))) \\
            LUCID_FOUR(k[j] = _mm512_fmadd_ps(r[j], LUCID_ALL(1.44269504088896341), LUCID_ALL(LUCID_SHIFT))) \\
            LUCID_SPLIT(s, k) \\
            LUCID_FOUR(r[j] = _mm512_fnmadd_ps(k[j], LUCID_ALL(0.693145751953125), r[j])) \\
            LUCID_FOUR(r[j] = _mm512_fnmadd_ps(k[j], LUCID_ALL(1.42860682030941723212e-6), r[j])) \\
            LUCID_EXP_BEGIN(r, m) \\
            LUCID_EXP_END(r, m) \\
            LUCID_FOUR(d[j] = _mm512_fmadd_ps(s[j], m[j], s[j])) \\
            LUCID_FOUR(d[j] = _mm512_fmadd_ps(d[j], LUCID_ALL(0x1p-64), LUCID_ALL(1))) \\
            LUCID_FOUR(a[j] = _mm512_div_ps(top_of_a, d[j])) \\
            LUCID_FOUR(a[j] = _mm512_fmadd_ps(a[j], m[j], a[j])) \\
            LUCID_FOUR(a[j] = _mm512_mul_ps(a[j], LUCID_ALL(0x1p-64))) \\
            LUCID_FOUR(a[j] = _mm512_mask_mov_ps(a[j], _mm512_cmp_ps_mask(z[j], LUCID_ALL(20), _CMP_GE_OQ), top_of_x)) \\
            LUCID_FOUR(_mm512_storeu_ps(y + i + 16 * j, a[j])) \\
        }

    static void lucid_silu32(const float *x, float *y, Py_ssize_t n) {
        LUCID_LOGISTIC(_mm512_mul_ps(a[j], s[j]), z[j])
    }

    static void lucid_sigmoid32(const float *x, float *y, Py_ssize_t n) {
        LUCID_LOGISTIC(s[j], LUCID_ALL(1))
    }

    /* As ``tanh_``: an odd polynomial up to 0.625, 1 - 2 * (1 + m) / (2 + m) above, m = exp(-2 * |x|) - 1. */
    static void lucid_tanh32(const float *x, float *y, Py_ssize_t n) {
        #define LUCID_NEAR(c) LUCID_FOUR(q[j] = _mm512_fmadd_ps(q[j], z[j], LUCID_ALL(c)))
        const __m512i sign = _mm512_set1_epi32((int) 0x80000000);
        for (Py_ssize_t i = 0; i < n; i += 64) {
            __m512 t[4], a[4], k[4], s[4], r[4], m[4], z[4], q[4];
            LUCID_FOUR(t[j] = LUCID_MASKED(_mm512_loadu_ps(x + i + 16 * j), 0x7fffffff))
            LUCID_FOUR(t[j] = _mm512_min_ps(LUCID_ALL(20), t[j]))
            LUCID_FOUR(k[j] = _mm512_fmadd_ps(t[j], LUCID_ALL(-2 * 1.44269504088896341), LUCID_ALL(LUCID_SHIFT)))
            LUCID_FOUR(a[j] = _mm512_mul_ps(t[j], LUCID_ALL(-2)))
            LUCID_SPLIT(s, k)
            LUCID_FOUR(r[j] = _mm512_fnmadd_ps(k[j], LUCID_ALL(0.693145751953125), a[j]))
            LUCID_FOUR(r[j] = _mm512_fnmadd_ps(k[j], LUCID_ALL(1.42860682030941723212e-6), r[j]))
            LUCID_FOUR(z[j] = _mm512_mul_ps(t[j], t[j]))
            LUCID_FOUR(q[j] = LUCID_ALL(-0.006096299737691879))
            LUCID_NEAR(0.02099689468741417)
            LUCID_EXP_BEGIN(r, m)
            LUCID_NEAR(-0.053850848227739334)
            LUCID_NEAR(0.1333276927471161)
            LUCID_EXP_END(r, m)
            LUCID_NEAR(-0.333333283662796)
            LUCID_FOUR(q[j] = _mm512_mul_ps(q[j], z[j]))
            LUCID_FOUR(m[j] = _mm512_fmadd_ps(s[j], m[j], s[j]))
            LUCID_FOUR(m[j] = _mm512_mul_ps(m[j], LUCID_ALL(0x1p-64)))          /* exp(-2 * |x|) */
            LUCID_FOUR(r[j] = _mm512_add_ps(LUCID_ALL(1), m[j]))
            LUCID_FOUR(m[j] = _mm512_add_ps(m[j], m[j]))
            LUCID_FOUR(m[j] = _mm512_div_ps(m[j], r[j]))
            LUCID_FOUR(q[j] = _mm512_fmadd_ps(q[j], t[j], t[j]))
            LUCID_FOUR(m[j] = _mm512_sub_ps(LUCID_ALL(1), m[j]))
            LUCID_FOUR(q[j] = _mm512_mask_mov_ps(m[j], _mm512_cmp_ps_mask(t[j], LUCID_ALL(0.625), _CMP_LT_OQ), q[j]))
            LUCID_FOUR(_mm512_storeu_ps(y + i + 16 * j, LUCID_NUMBER(_mm512_ternarylogic_epi32(
                sign, _mm512_loadu_si512(x + i + 16 * j), LUCID_BITS(q[j]), 0xca))))
        }
    }

    /* x * Phi(x). With w = t / (t + 4), t * R(t) is w times a polynomial in w - 1/2: that of ``tail_poly``, its
       coefficients scaled. t**2 is taken in two parts, the first of 12 bits squared exactly. A maximum of x and -0
       keeps x where it is NaN. */
    static void lucid_gelu32(const float *x, float *y, Py_ssize_t n) {
        #define LUCID_STEP(c) LUCID_FOUR(q[j] = _mm512_fmadd_ps(q[j], u[j], LUCID_ALL(c)))
        for (Py_ssize_t i = 0; i < n; i += 64) {
            __m512 t[4], h[4], f[4], s[4], k[4], r[4], m[4], w[4], u[4], q[4], e[4];
            LUCID_FOUR(t[j] = LUCID_MASKED(_mm512_loadu_ps(x + i + 16 * j), 0x7fffffff))
            LUCID_FOUR(t[j] = LUCID_NUMBER(_mm512_min_epi32(LUCID_BITS(t[j]), _mm512_set1_epi32(0x41700000)))) /* 15 */
            LUCID_FOUR(u[j] = _mm512_add_ps(t[j], LUCID_ALL(4)))
            LUCID_FOUR(w[j] = _mm512_div_ps(t[j], u[j]))
            LUCID_FOUR(t[j] = _mm512_add_ps(t[j], LUCID_ALL(0x1p-40)))
            LUCID_FOUR(h[j] = LUCID_MASKED(t[j], 0xfffff000))
            LUCID_FOUR(f[j] = _mm512_add_ps(t[j], h[j]))
            LUCID_FOUR(e[j] = _mm512_sub_ps(t[j], h[j]))
            LUCID_FOUR(h[j] = _mm512_mul_ps(h[j], h[j]))
            LUCID_FOUR(k[j] = _mm512_fmadd_ps(h[j], LUCID_ALL(-0.5 * 1.44269504088896341), LUCID_ALL(LUCID_SHIFT)))
            LUCID_FOUR(h[j] = LUCID_MINUS_HALF(h[j]))
            LUCID_FOUR(f[j] = LUCID_MINUS_HALF(f[j]))
            LUCID_SPLIT(s, k)
            LUCID_FOUR(r[j] = _mm512_fnmadd_ps(k[j], LUCID_ALL(0.693145751953125), h[j]))
            LUCID_FOUR(r[j] = _mm512_fmadd_ps(e[j], f[j], r[j]))
            LUCID_FOUR(r[j] = _mm512_fnmadd_ps(k[j], LUCID_ALL(1.42860682030941723212e-6), r[j]))
            LUCID_FOUR(u[j] = _mm512_sub_ps(w[j], LUCID_ALL(0.5)))
            LUCID_FOUR(q[j] = LUCID_ALL(-2048 * 3.13896089210175e-05))
            LUCID_STEP(1024 * 4.724913742393255e-05)
            LUCID_STEP(512 * 0.00039172032848000526)
            LUCID_EXP_BEGIN(r, m)
            LUCID_STEP(-256 * 0.0008802429656498134)
            LUCID_STEP(-128 * 0.0018813533242791891)
            LUCID_STEP(64 * 0.015101549215614796)
            LUCID_EXP_END(r, m)
            LUCID_STEP(-32 * 0.046630844473838806)
            LUCID_STEP(16 * 0.09678415954113007)
            LUCID_FOUR(w[j] = _mm512_mul_ps(w[j], s[j]))
            LUCID_STEP(-8 * 0.1519741415977478)
            LUCID_STEP(4 * 0.18882128596305847)
            LUCID_FOUR(q[j] = _mm512_mul_ps(q[j], w[j]))
            LUCID_FOUR(q[j] = _mm512_fmadd_ps(q[j], m[j], q[j]))
            LUCID_FOUR(h[j] = _mm512_max_ps(LUCID_ALL(-0.0), _mm512_loadu_ps(x + i + 16 * j)))
            LUCID_FOUR(_mm512_storeu_ps(y + i + 16 * j, _mm512_fnmadd_ps(q[j], LUCID_ALL(0x1p-64), h[j])))
        }
    }
    #else
    #define LUCID_INTERLEAVED 0
    #define lucid_silu32(x, y, n) ((void) 0)
    #define lucid_sigmoid32(x, y, n) ((void) 0)
    #define lucid_tanh32(x, y, n) ((void) 0)
    #define lucid_gelu32(x, y, n) ((void) 0)
    #endif
    """
    bint INTERLEAVED "LUCID_INTERLEAVED"        # whether there are these, for n a multiple of 64
    void silu32 "lucid_silu32" (const float* x, float* y, Py_ssize_t n) noexcept nogil
    void sigmoid32 "lucid_sigmoid32" (const float* x, float* y, Py_ssize_t n) noexcept nogil
    void tanh32 "lucid_tanh32" (const float* x, float* y, Py_ssize_t n) noexcept nogil
    void gelu32 "lucid_gelu32" (const float* x, float* y, Py_ssize_t n) noexcept nogil
