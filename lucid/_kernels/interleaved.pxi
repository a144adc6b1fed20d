# exp, silu, sigmoid, tanh, softplus, logsigmoid and gelu of float32 with AVX-512, four registers side by side.
#
# They are the functions of scalar.pxi and activation.pxi, written so that every operation is done to four registers
# before the next one begins. Compiled from a plain loop, one register's chain of about 20 dependent operations comes
# after the other, and the CPU cannot look far enough ahead to fill its units: exp took 10.8 cycles a register, now 4.3.
# Powers of 2^(1/16) are looked up in a register, from which a permutation takes 16 numbers at once, and powers of two
# applied by the instruction for them, which leaves no range to clamp.

cdef extern from *:
    """
    #if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__GNUC__)
    #include <immintrin.h>
    #define LUCID_INTERLEAVED 16
    #if defined(__clang__)
    #define LUCID_FOUR(statement) _Pragma("clang loop unroll(full)") for (int j = 0; j < 4; j++) { statement; }
    #else
    #define LUCID_FOUR(statement) _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) { statement; }
    #endif
    #define LUCID_ALL(x) _mm512_set1_ps((float) (x))
    #define LUCID_BITS(x) _mm512_castps_si512(x)
    #define LUCID_NUMBER(i) _mm512_castsi512_ps(i)
    #define LUCID_MASKED(x, bits) LUCID_NUMBER(_mm512_and_si512(LUCID_BITS(x), _mm512_set1_epi32(bits)))

    /* As ``product``. */
    #define LUCID_PRODUCT(x, y) _mm512_fmadd_ps(x, y, LUCID_ALL(-0.0))

    /* 2**(j/16), and what its rounding left out. */
    static const float lucid_powers[16] __attribute__((aligned(64))) = {
        1, 0x1.0b5586p+0f, 0x1.172b84p+0f, 0x1.2387a6p+0f, 0x1.306fe0p+0f, 0x1.3dea64p+0f, 0x1.4bfdaep+0f,
        0x1.5ab07ep+0f, 0x1.6a09e6p+0f, 0x1.7a1148p+0f, 0x1.8ace54p+0f, 0x1.9c4918p+0f, 0x1.ae89fap+0f, 0x1.c199bep+0f,
        0x1.d5818ep+0f, 0x1.ea4afap+0f
    };
    static const float lucid_powers_rest[16] __attribute__((aligned(64))) = {
        0, 0x1.8d96d4p-25f, -0x1.9c0c22p-27f, 0x1.964904p-25f, 0x1.125002p-25f, 0x1.370be4p-25f, -0x1.0a355p-25f,
        -0x1.00d8acp-27f, 0x1.26055cp-26f, -0x1.05cb44p-25f, 0x1.67a1cap-28f, 0x1.a3b5e4p-28f, -0x1.f9c304p-27f,
        -0x1.6961b4p-28f, -0x1.a5217cp-28f, 0x1.61428ep-28f
    };

    /* s and k with exp(sign * z) = s * 2**floor(k), which is what scalef multiplies by, with its one rounding and with
       all limits: k is a multiple of 1/16, infinite or NaN if z is. The last four bits of what it is rounded by look up
       2**(k - floor(k)); exp(r) - 1 of the rest, |r| <= ln(2)/32, has an error of 4.6e-9. r is bounded for the sake of
       z of which k is no longer a multiple of 1/16; NaN takes the bound. ``powers`` may have a scale of its own. */
    #define LUCID_EXP_GRID LUCID_ALL(12582912.0f / 16)
    #define LUCID_EXP(sign, z) \\
        LUCID_FOUR(s[j] = _mm512_fmadd_ps(z[j], LUCID_ALL((sign) * 1.44269504088896341), LUCID_EXP_GRID)) \\
        LUCID_FOUR(k[j] = _mm512_sub_ps(s[j], LUCID_EXP_GRID)) \\
        LUCID_FOUR(r[j] = _mm512_fmadd_ps(k[j], LUCID_ALL((sign) * -0.693145751953125), z[j])) \\
        LUCID_FOUR(r[j] = _mm512_fmadd_ps(k[j], LUCID_ALL((sign) * -1.42860682030941723212e-6), r[j])) \\
        LUCID_FOUR(r[j] = _mm512_range_ps(r[j], LUCID_ALL(0x1.8p-6), 2)) \\
        LUCID_FOUR(m[j] = _mm512_fmadd_ps(LUCID_ALL((sign) * 0x1.55565cp-3), r[j], LUCID_ALL(0x1.000148p-1))) \\
        LUCID_FOUR(m[j] = _mm512_fmadd_ps(m[j], r[j], LUCID_ALL(sign))) \\
        LUCID_FOUR(m[j] = _mm512_fmadd_ps(m[j], r[j], _mm512_permutexvar_ps(LUCID_BITS(s[j]), rest))) \\
        LUCID_FOUR(s[j] = _mm512_permutexvar_ps(LUCID_BITS(s[j]), powers)) \\
        LUCID_FOUR(s[j] = _mm512_fmadd_ps(s[j], m[j], s[j]))

    static void lucid_exp32(const float *x, float *y, Py_ssize_t n) {
        const __m512 powers = _mm512_load_ps(lucid_powers), rest = _mm512_load_ps(lucid_powers_rest);
        for (Py_ssize_t i = 0; i < n; i += 64) {
            __m512 z[4], k[4], s[4], r[4], m[4];
            LUCID_FOUR(z[j] = _mm512_loadu_ps(x + i + 16 * j))
            LUCID_EXP(1, z)
            LUCID_FOUR(_mm512_storeu_ps(y + i + 16 * j, _mm512_scalef_ps(s[j], k[j])))
        }
    }

    /* d = 2**-40 * (1 + exp(-x)): finite until x / (1 + exp(-x)) rounds to zero. */
    #define LUCID_LOGISTIC(result) \\
        const __m512 powers = _mm512_mul_ps(_mm512_load_ps(lucid_powers), LUCID_ALL(0x1p-40)); \\
        const __m512 rest = _mm512_load_ps(lucid_powers_rest); \\
        for (Py_ssize_t i = 0; i < n; i += 64) { \\
            __m512 z[4], k[4], s[4], r[4], m[4], d[4]; \\
            LUCID_FOUR(z[j] = _mm512_loadu_ps(x + i + 16 * j)) \\
            LUCID_EXP(-1, z) \\
            LUCID_FOUR(d[j] = _mm512_add_ps(_mm512_scalef_ps(s[j], k[j]), LUCID_ALL(0x1p-40))) \\
            result \\
            LUCID_FOUR(_mm512_storeu_ps(y + i + 16 * j, d[j])) \\
        }

    /* Dividers are slow on denormal numbers: x is taken 2**32 times as large. Where that overflows, and where rounding
       went past x, the smaller magnitude is x. */
    static void lucid_silu32(const float *x, float *y, Py_ssize_t n) {
        LUCID_LOGISTIC(
            LUCID_FOUR(s[j] = LUCID_PRODUCT(_mm512_max_ps(LUCID_ALL(-120), z[j]), LUCID_ALL(0x1p32)))
            LUCID_FOUR(d[j] = LUCID_PRODUCT(_mm512_div_ps(s[j], d[j]), LUCID_ALL(0x1p-72)))
            LUCID_FOUR(d[j] = _mm512_range_ps(d[j], z[j], 2))
        )
    }

    static void lucid_sigmoid32(const float *x, float *y, Py_ssize_t n) {
        LUCID_LOGISTIC(LUCID_FOUR(d[j] = LUCID_PRODUCT(_mm512_div_ps(LUCID_ALL(1), d[j]), LUCID_ALL(0x1p-40))))
    }

    /* As ``tanh_``: an odd polynomial up to 0.625, 1 - 2 / (1 + exp(2 * |x|)) above. */
    static void lucid_tanh32(const float *x, float *y, Py_ssize_t n) {
        #define LUCID_NEAR(c) LUCID_FOUR(q[j] = _mm512_fmadd_ps(q[j], r[j], LUCID_ALL(c)))
        const __m512 powers = _mm512_load_ps(lucid_powers), rest = _mm512_load_ps(lucid_powers_rest);
        const __m512i sign = _mm512_set1_epi32((int) 0x80000000);
        for (Py_ssize_t i = 0; i < n; i += 64) {
            __m512 t[4], z[4], k[4], s[4], r[4], m[4], q[4];
            LUCID_FOUR(t[j] = LUCID_MASKED(_mm512_loadu_ps(x + i + 16 * j), 0x7fffffff))
            LUCID_FOUR(z[j] = _mm512_add_ps(t[j], t[j]))
            LUCID_EXP(1, z)
            LUCID_FOUR(s[j] = _mm512_add_ps(LUCID_ALL(1), _mm512_scalef_ps(s[j], k[j])))
            LUCID_FOUR(s[j] = _mm512_div_ps(LUCID_ALL(2), s[j]))
            LUCID_FOUR(r[j] = _mm512_max_ps(LUCID_ALL(0x1p-40), t[j]))      /* its square must not be denormal */
            LUCID_FOUR(r[j] = _mm512_mul_ps(r[j], r[j]))
            LUCID_FOUR(q[j] = LUCID_ALL(-0.006096299737691879))
            LUCID_NEAR(0.02099689468741417)
            LUCID_NEAR(-0.053850848227739334)
            LUCID_NEAR(0.1333276927471161)
            LUCID_NEAR(-0.333333283662796)
            LUCID_FOUR(q[j] = _mm512_mul_ps(q[j], r[j]))
            LUCID_FOUR(q[j] = _mm512_fmadd_ps(q[j], t[j], t[j]))
            LUCID_FOUR(s[j] = _mm512_sub_ps(LUCID_ALL(1), s[j]))
            LUCID_FOUR(q[j] = _mm512_mask_mov_ps(s[j], _mm512_cmp_ps_mask(t[j], LUCID_ALL(0.625), _CMP_LT_OQ), q[j]))
            LUCID_FOUR(_mm512_storeu_ps(y + i + 16 * j, LUCID_NUMBER(_mm512_ternarylogic_epi32(
                sign, _mm512_loadu_si512(x + i + 16 * j), LUCID_BITS(q[j]), 0xca))))
        }
    }

    /* d = log(1 + exp(-|z|)), as ``log1p_unit``: the exponential is m, and f = m, or (m - 1) / 2 with log(2) to be added,
       where m is above 1/3. Of tiny m there are no products, which would be denormal. */
    #define LUCID_LOG(c) LUCID_FOUR(d[j] = _mm512_fmadd_ps(d[j], f[j], LUCID_ALL(c)))
    #define LUCID_ABOVE(j) _mm512_cmp_ps_mask(m[j], LUCID_ALL(1 / 3.), _CMP_GT_OQ)
    #define LUCID_BELOW(j, bound) _mm512_cmp_ps_mask(m[j], LUCID_ALL(bound), _CMP_LT_OQ)
    #define LUCID_LOG1P_EXP \\
        LUCID_FOUR(d[j] = LUCID_MASKED(z[j], 0x7fffffff)) \\
        LUCID_EXP(-1, d) \\
        LUCID_FOUR(m[j] = _mm512_scalef_ps(s[j], k[j])) \\
        LUCID_FOUR(f[j] = _mm512_mask_mov_ps(m[j], LUCID_BELOW(j, 0x1p-60), _mm512_setzero_ps())) \\
        LUCID_FOUR(f[j] = _mm512_mask_fmadd_ps(f[j], LUCID_ABOVE(j), LUCID_ALL(0.5), LUCID_ALL(-0.5))) \\
        LUCID_FOUR(d[j] = LUCID_ALL(-0.12422200292348862)) \\
        LUCID_LOG(0.13748309016227722) \\
        LUCID_LOG(-0.12288721650838852) \\
        LUCID_LOG(0.140558123588562) \\
        LUCID_LOG(-0.16673316061496735) \\
        LUCID_LOG(0.20007233321666718) \\
        LUCID_LOG(-0.24999944865703583) \\
        LUCID_LOG(0.33333271741867065) \\
        LUCID_LOG(-0.5) \\
        LUCID_FOUR(d[j] = _mm512_mul_ps(d[j], f[j])) \\
        LUCID_FOUR(r[j] = _mm512_maskz_mov_ps(LUCID_ABOVE(j), LUCID_ALL(1.42860682030941723212e-6))) \\
        LUCID_FOUR(d[j] = _mm512_add_ps(f[j], _mm512_fmadd_ps(d[j], f[j], r[j]))) \\
        LUCID_FOUR(d[j] = _mm512_mask_add_ps(d[j], LUCID_ABOVE(j), d[j], LUCID_ALL(0.693145751953125))) \\
        LUCID_FOUR(d[j] = _mm512_mask_mov_ps(d[j], LUCID_BELOW(j, 0x1p-26), m[j]))

    static inline void lucid_softplus(const float *x, float *y, Py_ssize_t n, float beta, float threshold, int power) {
        const __m512 powers = _mm512_load_ps(lucid_powers), rest = _mm512_load_ps(lucid_powers_rest);
        const __m512 inverse = LUCID_ALL(1 / beta);
        for (Py_ssize_t i = 0; i < n; i += 64) {
            __m512 z[4], k[4], s[4], r[4], m[4], f[4], d[4];
            LUCID_FOUR(z[j] = LUCID_PRODUCT(_mm512_loadu_ps(x + i + 16 * j), LUCID_ALL(beta)))
            LUCID_LOG1P_EXP
            LUCID_FOUR(d[j] = _mm512_add_ps(_mm512_max_ps(_mm512_setzero_ps(), z[j]), d[j]))
            LUCID_FOUR(d[j] = power ? LUCID_PRODUCT(d[j], inverse) : _mm512_div_ps(d[j], LUCID_ALL(beta)))
            LUCID_FOUR(_mm512_storeu_ps(y + i + 16 * j, _mm512_mask_loadu_ps(
                d[j], _mm512_cmp_ps_mask(z[j], LUCID_ALL(threshold), _CMP_GT_OQ), x + i + 16 * j)))
        }
    }

    static void lucid_softplus32(const float *x, float *y, Py_ssize_t n, float beta, float threshold, int power) {
        if (power) lucid_softplus(x, y, n, beta, threshold, 1);
        else lucid_softplus(x, y, n, beta, threshold, 0);
    }

    static void lucid_logsigmoid32(const float *x, float *y, Py_ssize_t n) {
        const __m512 powers = _mm512_load_ps(lucid_powers), rest = _mm512_load_ps(lucid_powers_rest);
        for (Py_ssize_t i = 0; i < n; i += 64) {
            __m512 z[4], k[4], s[4], r[4], m[4], f[4], d[4];
            LUCID_FOUR(z[j] = _mm512_loadu_ps(x + i + 16 * j))
            LUCID_LOG1P_EXP
            LUCID_FOUR(_mm512_storeu_ps(y + i + 16 * j,
                                        _mm512_sub_ps(_mm512_min_ps(_mm512_setzero_ps(), z[j]), d[j])))
        }
    }

    /* x * Phi(x) = max(x, 0) - Q, Q = t * Phi(-t) with t = |x|, as (Q * exp(t**2/2)) * exp(-t**2/2).

       The first factor is a polynomial in w = t / (t + 4), one for each sixteenth of w, whose coefficients are looked
       up by w rounded to sixteenths: interpolated at Chebyshev nodes around that, and rounded; error 1e-7 beyond
       t = 10, 6e-8 below. w is taken 2**32 times as large, as dividers are slow on denormal numbers, and so is the
       factor.

       The second is 2**(k/16) * exp(r / 2) with r = -t**2 - k * step, the power looked up in two parts and shifted.
       step is ln(2) / 8 cut to 12 bits, so that k * step is exact and r has one rounding; with step * (1 + g) =
       ln(2) / 8 the exponent is -t**2/2 = k * ln(2)/16 + r * (1 + g) / 2 + g * t**2 / 2: the first correction is in
       the coefficients of exp, the second in those of the polynomials. */
    static const float lucid_gelu_terms[5][16] __attribute__((aligned(64))) = {
        {0, 0x1.bee83cp+28f, 0x1.871b8ep+29f, 0x1.019a66p+30f, 0x1.2eee7p+30f, 0x1.4fa12ep+30f, 0x1.66f04ep+30f,
         0x1.775fap+30f, 0x1.82d93ep+30f, 0x1.8acc8cp+30f, 0x1.904b7ep+30f, 0x1.94278cp+30f, 0x1.9715f8p+30f,
         0x1.99ffb2p+30f, 0, 0},
        {0x1p+1f, 0x1.82a76ap+0f, 0x1.2009dp+0f, 0x1.a770dap-1f, 0x1.334012p-1f, 0x1.b87374p-2f, 0x1.381c8cp-2f,
         0x1.b5c052p-3f, 0x1.303eap-3f, 0x1.a474fp-4f, 0x1.239accp-4f, 0x1.a36bb8p-5f, 0x1.5c821cp-5f,
         0x1.b61036p-5f, 0, 0},
        {-0x1.188446p-30f, -0x1.bcde2ep-31f, -0x1.5b04e2p-31f, -0x1.0a3f08p-31f, -0x1.91e434p-32f, -0x1.2a8438p-32f,
         -0x1.b4c074p-33f, -0x1.3ae00ep-33f, -0x1.bf4522p-34f, -0x1.3776fp-34f, -0x1.a03942p-35f, -0x1.e0874p-36f,
         -0x1.a62b94p-39f, 0x1.d9247ep-35f, 0, 0},
        {0x1.4efc5ap-62f, 0x1.1ceff6p-62f, 0x1.db29d2p-63f, 0x1.841daep-63f, 0x1.366562p-63f, 0x1.e61bb6p-64f,
         0x1.74ff6ap-64f, 0x1.191e86p-64f, 0x1.a2ad74p-65f, 0x1.3903ep-65f, 0x1.ed865ap-66f, 0x1.dcbc94p-66f,
         0x1.8339bcp-65f, 0x1.09a876p-63f, 0, 0},
        {-0x1.96048cp-95f, -0x1.8776fep-95f, -0x1.6cdb06p-95f, -0x1.4a7a26p-95f, -0x1.229f9ep-95f, -0x1.efb87ap-96f,
         -0x1.99666ep-96f, -0x1.46621ep-96f, -0x1.f15e22p-97f, -0x1.5ba1cap-97f, -0x1.5b31eep-98f, 0x1.30def2p-98f,
         0x1.44b11ep-95f, 0x1.b23ab2p-94f, 0, 0}
    };
    /* 2**(j/16) without its exponent, less j << 19. */
    static const int32_t lucid_gelu_powers[16] __attribute__((aligned(64))) = {
        0, -152893, -289342, -408621, -509968, -592590, -655657, -698305, -719629, -718684, -694486, -646004,
        -572163, -471841, -343865, -187011
    };

    static void lucid_gelu32(const float *x, float *y, Py_ssize_t n) {
        #define LUCID_TERM(i) _mm512_permutexvar_ps(LUCID_BITS(v[j]), term[i])
        #define LUCID_GRID LUCID_ALL(1.5 * 0x1p51)                  /* a float here is a multiple of 2**32 / 16 */
        #define LUCID_SHIFT16 LUCID_ALL(12582912.0f + (127 + 32) * 16)
        const __m512i powers = _mm512_load_si512(lucid_gelu_powers);
        const __m512 rest = _mm512_load_ps(lucid_powers_rest);
        __m512 term[5];
        for (int i = 0; i < 5; i++) term[i] = _mm512_load_ps(lucid_gelu_terms[i]);
        for (Py_ssize_t i = 0; i < n; i += 64) {
            __m512 t[4], k[4], s[4], r[4], m[4], w[4], v[4], q[4], e[4], h[4];
            /* the smaller magnitude, without a sign; 14.75 where x is NaN */
            LUCID_FOUR(t[j] = _mm512_range_ps(_mm512_loadu_ps(x + i + 16 * j), LUCID_ALL(14.75), 2 | 8))
            LUCID_FOUR(w[j] = _mm512_add_ps(t[j], LUCID_ALL(4)))
            LUCID_FOUR(w[j] = _mm512_div_ps(LUCID_PRODUCT(t[j], LUCID_ALL(0x1p32)), w[j]))
            LUCID_FOUR(h[j] = LUCID_PRODUCT(t[j], t[j]))
            LUCID_FOUR(k[j] = _mm512_fmadd_ps(h[j], LUCID_ALL(-0x1.7158d2p+3), LUCID_SHIFT16))
            LUCID_FOUR(s[j] = LUCID_NUMBER(_mm512_add_epi32(_mm512_permutexvar_epi32(LUCID_BITS(k[j]), powers),
                                                            _mm512_slli_epi32(LUCID_BITS(k[j]), 19))))
            LUCID_FOUR(m[j] = _mm512_permutexvar_ps(LUCID_BITS(k[j]), rest))
            LUCID_FOUR(k[j] = _mm512_sub_ps(k[j], LUCID_SHIFT16))
            LUCID_FOUR(k[j] = _mm512_mul_ps(k[j], LUCID_ALL(0x1.62ep-4)))
            LUCID_FOUR(r[j] = _mm512_fnmsub_ps(t[j], t[j], k[j]))
            LUCID_FOUR(v[j] = _mm512_add_ps(w[j], LUCID_GRID))
            LUCID_FOUR(e[j] = _mm512_fmadd_ps(r[j], LUCID_ALL(0x1.55616ap-6), LUCID_ALL(0x1.00060ap-3)))
            LUCID_FOUR(q[j] = LUCID_TERM(4))
            LUCID_FOUR(w[j] = _mm512_sub_ps(w[j], _mm512_sub_ps(v[j], LUCID_GRID)))
            LUCID_FOUR(e[j] = _mm512_fmadd_ps(e[j], r[j], LUCID_ALL(0x1.000306p-1)))
            LUCID_FOUR(q[j] = _mm512_fmadd_ps(q[j], w[j], LUCID_TERM(3)))
            LUCID_FOUR(m[j] = _mm512_fmadd_ps(e[j], r[j], m[j]))
            LUCID_FOUR(q[j] = _mm512_fmadd_ps(q[j], w[j], LUCID_TERM(2)))
            LUCID_FOUR(s[j] = _mm512_fmadd_ps(s[j], m[j], s[j]))
            LUCID_FOUR(q[j] = _mm512_fmadd_ps(q[j], w[j], LUCID_TERM(1)))
            LUCID_FOUR(q[j] = _mm512_fmadd_ps(q[j], w[j], LUCID_TERM(0)))
            LUCID_FOUR(h[j] = _mm512_max_ps(LUCID_ALL(-0.0), _mm512_loadu_ps(x + i + 16 * j)))  /* x where it is NaN */
            LUCID_FOUR(q[j] = _mm512_mul_ps(q[j], s[j]))
            LUCID_FOUR(_mm512_storeu_ps(y + i + 16 * j, _mm512_fnmadd_ps(q[j], LUCID_ALL(0x1p-64), h[j])))
        }
    }
    #elif defined(__AVX2__) && defined(__FMA__) && defined(__GNUC__)
    #define LUCID_INTERLEAVED 8                     /* interleaved_avx2.pxi */
    #else
    #define LUCID_INTERLEAVED 0
    #define lucid_exp32(x, y, n) ((void) 0)
    #define lucid_softplus32(x, y, n, beta, threshold, power) ((void) 0)
    #define lucid_logsigmoid32(x, y, n) ((void) 0)
    #define lucid_silu32(x, y, n) ((void) 0)
    #define lucid_sigmoid32(x, y, n) ((void) 0)
    #define lucid_tanh32(x, y, n) ((void) 0)
    #define lucid_gelu32(x, y, n) ((void) 0)
    #endif
    """
    int INTERLEAVED "LUCID_INTERLEAVED"         # lanes, or 0 where there are not these, for n a multiple of 64
    void exp32 "lucid_exp32" (const float* x, float* y, Py_ssize_t n) noexcept nogil
    void softplus32 "lucid_softplus32" (const float* x, float* y, Py_ssize_t n, float beta, float threshold,
                                        bint power) noexcept nogil
    void logsigmoid32 "lucid_logsigmoid32" (const float* x, float* y, Py_ssize_t n) noexcept nogil
    void silu32 "lucid_silu32" (const float* x, float* y, Py_ssize_t n) noexcept nogil
    void sigmoid32 "lucid_sigmoid32" (const float* x, float* y, Py_ssize_t n) noexcept nogil
    void tanh32 "lucid_tanh32" (const float* x, float* y, Py_ssize_t n) noexcept nogil
    void gelu32 "lucid_gelu32" (const float* x, float* y, Py_ssize_t n) noexcept nogil
