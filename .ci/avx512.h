/* AVX-512 by loops, for a CPU without it: .ci/avx512 has the kernels of level v4 compiled with these.

   Each is what Intel's manual says of one element, so that results have the bits that the instructions give. A pointer
   that is not aligned where an instruction asks for it, or a mode that nothing here uses, ends the process. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1                   /* as Python.h does, which comes after this */
#endif
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define LOOP static inline __attribute__((always_inline, unused))
typedef int32_t lanes_i32 __attribute__((vector_size(64), may_alias));
typedef uint32_t lanes_u32 __attribute__((vector_size(64), may_alias));
typedef int64_t lanes_i64 __attribute__((vector_size(64), may_alias));
#define I32(x) ((lanes_i32) (x))
#define U32(x) ((lanes_u32) (x))
#define FOR16 for (int i = 0; i < 16; i++)
#define FOR8 for (int i = 0; i < 8; i++)
LOOP void aligned(const void *p) { if ((uintptr_t) p & 63) __builtin_trap(); }

LOOP __m512 avx512_set1_ps(float a) { __m512 r; FOR16 r[i] = a; return r; }
LOOP __m512d avx512_set1_pd(double a) { __m512d r; FOR8 r[i] = a; return r; }
LOOP __m512 avx512_setzero_ps(void) { return (__m512) {0}; }
LOOP __m512i avx512_setzero_si512(void) { return (__m512i) {0}; }
LOOP __m512i avx512_set1_epi32(int a) { lanes_i32 r; FOR16 r[i] = a; return (__m512i) r; }
LOOP __m512i avx512_set1_epi64(long long a) { lanes_i64 r; FOR8 r[i] = a; return (__m512i) r; }
LOOP __m512i avx512_set_epi32(int p, int o, int n, int m, int l, int k, int j, int i, int h, int g, int f, int e, int d,
                              int c, int b, int a) {
    lanes_i32 r = {a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p}; return (__m512i) r;
}
LOOP __m512 avx512_loadu_ps(const void *p) { __m512 r; memcpy(&r, p, 64); return r; }
LOOP __m512d avx512_loadu_pd(const void *p) { __m512d r; memcpy(&r, p, 64); return r; }
LOOP __m512i avx512_loadu_si512(const void *p) { __m512i r; memcpy(&r, p, 64); return r; }
LOOP __m512 avx512_load_ps(const void *p) { aligned(p); return avx512_loadu_ps(p); }
LOOP __m512i avx512_load_si512(const void *p) { aligned(p); return avx512_loadu_si512(p); }
LOOP void avx512_storeu_ps(void *p, __m512 a) { memcpy(p, &a, 64); }
LOOP void avx512_storeu_pd(void *p, __m512d a) { memcpy(p, &a, 64); }
LOOP void avx512_storeu_si512(void *p, __m512i a) { memcpy(p, &a, 64); }
LOOP void avx512_stream_ps(void *p, __m512 a) { aligned(p); memcpy(p, &a, 64); }
LOOP void avx512_stream_si512(void *p, __m512i a) { aligned(p); memcpy(p, &a, 64); }
LOOP __m512 avx512_mask_loadu_ps(__m512 s, unsigned m, const void *p) {
    FOR16 if (m >> i & 1) { float t; memcpy(&t, (const char *) p + 4 * i, 4); s[i] = t; } return s;
}
LOOP __m512 avx512_maskz_loadu_ps(unsigned m, const void *p) { return avx512_mask_loadu_ps((__m512) {0}, m, p); }
LOOP __m512d avx512_maskz_loadu_pd(unsigned m, const void *p) {
    __m512d s = {0}; FOR8 if (m >> i & 1) { double t; memcpy(&t, (const char *) p + 8 * i, 8); s[i] = t; }
    return s;
}
LOOP __m512i avx512_mask_loadu_epi32(__m512i s_, unsigned m, const void *p) {
    lanes_i32 s = I32(s_); FOR16 if (m >> i & 1) { int t; memcpy(&t, (const char *) p + 4 * i, 4); s[i] = t; }
    return (__m512i) s;
}
LOOP __m512i avx512_maskz_loadu_epi32(unsigned m, const void *p) {
    return avx512_mask_loadu_epi32((__m512i) {0}, m, p);
}
LOOP void avx512_mask_storeu_ps(void *p, unsigned m, __m512 a) {
    FOR16 if (m >> i & 1) { float t = a[i]; memcpy((char *) p + 4 * i, &t, 4); }
}
LOOP void avx512_mask_storeu_pd(void *p, unsigned m, __m512d a) {
    FOR8 if (m >> i & 1) { double t = a[i]; memcpy((char *) p + 8 * i, &t, 8); }
}
LOOP void avx512_mask_storeu_epi32(void *p, unsigned m, __m512i a) {
    FOR16 if (m >> i & 1) { int t = I32(a)[i]; memcpy((char *) p + 4 * i, &t, 4); }
}
LOOP void avx512_mask_storeu_epi64(void *p, unsigned m, __m512i a) {
    FOR8 if (m >> i & 1) { long long t = ((lanes_i64) a)[i]; memcpy((char *) p + 8 * i, &t, 8); }
}
LOOP __m512 avx512_add_ps(__m512 a, __m512 b) { return a + b; }
LOOP __m512 avx512_sub_ps(__m512 a, __m512 b) { return a - b; }
LOOP __m512 avx512_mul_ps(__m512 a, __m512 b) { return a * b; }
LOOP __m512 avx512_div_ps(__m512 a, __m512 b) { return a / b; }
LOOP __m512 avx512_fmadd_ps(__m512 a, __m512 b, __m512 c) {
    __m512 r; FOR16 r[i] = __builtin_fmaf(a[i], b[i], c[i]); return r;
}
LOOP __m512 avx512_fnmadd_ps(__m512 a, __m512 b, __m512 c) {
    __m512 r; FOR16 r[i] = __builtin_fmaf(-a[i], b[i], c[i]); return r;
}
LOOP __m512 avx512_fnmsub_ps(__m512 a, __m512 b, __m512 c) {
    __m512 r; FOR16 r[i] = __builtin_fmaf(-a[i], b[i], -c[i]); return r;
}
LOOP __m512d avx512_fmadd_pd(__m512d a, __m512d b, __m512d c) {
    __m512d r; FOR8 r[i] = __builtin_fma(a[i], b[i], c[i]); return r;
}
LOOP __m512d avx512_fmsub_pd(__m512d a, __m512d b, __m512d c) {
    __m512d r; FOR8 r[i] = __builtin_fma(a[i], b[i], -c[i]); return r;
}
LOOP __m512d avx512_cvtps_pd(__m256 a) { __m512d r; FOR8 r[i] = a[i]; return r; }
LOOP __m512d avx512_add_pd(__m512d a, __m512d b) { return a + b; }
LOOP __m512d avx512_mul_pd(__m512d a, __m512d b) { return a * b; }
LOOP __m512 avx512_max_ps(__m512 a, __m512 b) { __m512 r; FOR16 r[i] = a[i] > b[i] ? a[i] : b[i]; return r; }
LOOP __m512 avx512_min_ps(__m512 a, __m512 b) { __m512 r; FOR16 r[i] = a[i] < b[i] ? a[i] : b[i]; return r; }
LOOP __m512 avx512_mask_max_ps(__m512 s, unsigned m, __m512 a, __m512 b) {
    FOR16 if (m >> i & 1) s[i] = a[i] > b[i] ? a[i] : b[i]; return s;
}
LOOP __m512 avx512_mask_add_ps(__m512 s, unsigned m, __m512 a, __m512 b) {
    __m512 t = a + b; FOR16 if (m >> i & 1) s[i] = t[i]; return s;
}
LOOP __m512 avx512_mask_fmadd_ps(__m512 a, unsigned m, __m512 b, __m512 c) {
    FOR16 if (m >> i & 1) a[i] = __builtin_fmaf(a[i], b[i], c[i]); return a;
}
LOOP __m512 avx512_mask_mov_ps(__m512 s, unsigned m, __m512 a) { FOR16 if (m >> i & 1) s[i] = a[i]; return s; }
LOOP __m512i avx512_mask_mov_epi32(__m512i s_, unsigned m, __m512i a) {
    lanes_i32 s = I32(s_); FOR16 if (m >> i & 1) s[i] = I32(a)[i]; return (__m512i) s;
}
LOOP __m512 avx512_maskz_mov_ps(unsigned m, __m512 a) { return avx512_mask_mov_ps((__m512) {0}, m, a); }
LOOP __m512i avx512_add_epi32(__m512i a, __m512i b) { return (__m512i) (U32(a) + U32(b)); }
LOOP __m512i avx512_add_epi64(__m512i a, __m512i b) { return (__m512i) ((lanes_i64) a + (lanes_i64) b); }
LOOP __m512i avx512_or_si512(__m512i a, __m512i b) { return a | b; }
LOOP __m512i avx512_and_si512(__m512i a, __m512i b) { return a & b; }
LOOP __m512 avx512_xor_ps(__m512 a, __m512 b) { return (__m512) (I32(a) ^ I32(b)); }
LOOP __m512 avx512_mask_xor_ps(__m512 s, unsigned m, __m512 a, __m512 b) {
    return avx512_mask_mov_ps(s, m, avx512_xor_ps(a, b));
}
LOOP __m512i avx512_mask_or_epi32(__m512i s, unsigned m, __m512i a, __m512i b) {
    return avx512_mask_mov_epi32(s, m, a | b);
}
LOOP __m512i avx512_slli_epi32(__m512i a, int n) { return (__m512i) (U32(a) << n); }
LOOP __m512i avx512_srli_epi32(__m512i a, int n) { return (__m512i) (U32(a) >> n); }
LOOP __m512 avx512_permutex2var_ps(__m512 a, __m512i idx, __m512 b) {
    __m512 r; FOR16 { int k = I32(idx)[i] & 31; r[i] = k < 16 ? a[k] : b[k - 16]; } return r;
}
LOOP __m512 avx512_permutexvar_ps(__m512i idx, __m512 a) { __m512 r; FOR16 r[i] = a[I32(idx)[i] & 15]; return r; }
LOOP __m512i avx512_permutexvar_epi32(__m512i idx, __m512i a) {
    lanes_i32 r; FOR16 r[i] = I32(a)[I32(idx)[i] & 15]; return (__m512i) r;
}
LOOP __m512 avx512_permute_ps(__m512 a, int c) {
    __m512 r; FOR16 r[i] = a[(i & 12) + (c >> 2 * (i & 3) & 3)]; return r;
}
LOOP __m512 avx512_shuffle_f32x4(__m512 a, __m512 b, int c) {
    __m512 r; FOR16 { int q = c >> 2 * (i / 4) & 3; r[i] = i < 8 ? a[4 * q + i % 4] : b[4 * q + i % 4]; } return r;
}
LOOP __m512 avx512_unpacklo_ps(__m512 a, __m512 b) {
    __m512 r; FOR16 { int k = (i & 12) + (i & 3) / 2; r[i] = i & 1 ? b[k] : a[k]; } return r;
}
LOOP __m512 avx512_unpackhi_ps(__m512 a, __m512 b) {
    __m512 r; FOR16 { int k = (i & 12) + 2 + (i & 3) / 2; r[i] = i & 1 ? b[k] : a[k]; } return r;
}
LOOP __m512d avx512_unpacklo_pd(__m512d a, __m512d b) { __m512d r; FOR8 r[i] = i & 1 ? b[i - 1] : a[i]; return r; }
LOOP __m512d avx512_unpackhi_pd(__m512d a, __m512d b) { __m512d r; FOR8 r[i] = i & 1 ? b[i] : a[i + 1]; return r; }
LOOP __m512i avx512_alignr_epi32(__m512i a, __m512i b, int n) {
    lanes_i32 r; FOR16 { int k = i + n; r[i] = k < 16 ? I32(b)[k] : I32(a)[k - 16]; } return (__m512i) r;
}
LOOP __m512 avx512_broadcast_f32x4(__m128 a) { __m512 r; FOR16 r[i] = a[i & 3]; return r; }
LOOP __m512 avx512_broadcast_f32x8(__m256 a) { __m512 r; FOR16 r[i] = a[i & 7]; return r; }
LOOP __m512 avx512_mask_broadcast_f32x4(__m512 s, unsigned m, __m128 a) {
    FOR16 if (m >> i & 1) s[i] = a[i & 3]; return s;
}
LOOP __m512 avx512_castps128_ps512(__m128 a) { __m512 r = {0}; for (int i = 0; i < 4; i++) r[i] = a[i]; return r; }
LOOP __m128 avx512_castps512_ps128(__m512 a) { __m128 r; memcpy(&r, &a, 16); return r; }
LOOP __m256i avx512_castsi512_si256(__m512i a) { __m256i r; memcpy(&r, &a, 32); return r; }
LOOP __m256i avx512_extracti64x4_epi64(__m512i a, int n) {
    __m256i r; memcpy(&r, (char *) &a + 32 * n, 32); return r;
}
LOOP __m512 avx512_cvtepi32_ps(__m512i a) { __m512 r; FOR16 r[i] = (float) I32(a)[i]; return r; }
LOOP __m512i avx512_cvtps_epi32(__m512 a) {
    lanes_i32 r; FOR16 r[i] = _mm_cvt_ss2si(_mm_set_ss(a[i])); return (__m512i) r;
}
LOOP __m512i avx512_cvtepi32_epi64(__m256i a) {
    lanes_i64 r; int t[8]; memcpy(t, &a, 32); FOR8 r[i] = t[i]; return (__m512i) r;
}
LOOP int compared(float a, float b, int op) {
    switch (op) {
        case _CMP_EQ_OQ: return a == b;
        case _CMP_LT_OQ: case _CMP_LT_OS: return a < b;
        case _CMP_LE_OQ: case _CMP_LE_OS: return a <= b;
        case _CMP_GT_OQ: case _CMP_GT_OS: return a > b;
        case _CMP_GE_OQ: case _CMP_GE_OS: return a >= b;
        case _CMP_NEQ_UQ: return a != b;
        case _CMP_NEQ_OQ: return a < b || a > b;
        case _CMP_UNORD_Q: return a != a || b != b;
        default: __builtin_trap();
    }
}
LOOP __mmask16 avx512_mask_cmp_ps_mask(unsigned m, __m512 a, __m512 b, int op) {
    unsigned r = 0; FOR16 r |= (unsigned) compared(a[i], b[i], op) << i; return (__mmask16) (r & m);
}
LOOP __mmask16 avx512_cmp_ps_mask(__m512 a, __m512 b, int op) { return avx512_mask_cmp_ps_mask(0xffff, a, b, op); }
LOOP float scaled(float a, float b) {       /* a * 2^floor(b), rounded once */
    if (a != a || b != b) return a + b;
    if (b == INFINITY) return a == 0 ? NAN : a * INFINITY;
    if (b == -INFINITY) return __builtin_isinf(a) ? NAN : a * 0;
    float f = floorf(b);
    return (float) ldexp((double) a, f > 2000 ? 2000 : f < -2000 ? -2000 : (int) f);
}
LOOP __m512 avx512_scalef_ps(__m512 a, __m512 b) {
    __m512 r; for (int i = 0; i < 16; i++) r[i] = scaled(a[i], b[i]); return r;
}
/* op: least, greatest, or either of the magnitudes; the sign of a, of the result, none, or minus */
LOOP __m512 avx512_range_ps(__m512 a, __m512 b, int op) {
    __m512 r;
    for (int i = 0; i < 16; i++) {
        float x = a[i], y = b[i], z, s;
        if (x != x) z = y != y ? x : y;
        else if (y != y) z = x;
        else switch (op & 3) {
            case 0: z = x <= y ? x : y; break;
            case 1: z = x <= y ? y : x; break;
            case 2: z = fabsf(x) <= fabsf(y) ? x : y; break;
            default: z = fabsf(x) <= fabsf(y) ? y : x;
        }
        s = (op >> 2 & 3) == 0 ? x : (op >> 2 & 3) == 1 ? z : (op >> 2 & 3) == 2 ? 1.0f : -1.0f;
        r[i] = z != z ? z : copysignf(z, s);
    }
    return r;
}
LOOP __m512 avx512_getexp_ps(__m512 a) {
    __m512 r;
    for (int i = 0; i < 16; i++) {
        float x = a[i];
        r[i] = x != x ? x : x == 0 ? -INFINITY : __builtin_isinf(x) ? INFINITY : (float) ilogbf(x);
    }
    return r;
}
LOOP __m512 avx512_getmant_ps(__m512 a, int norm, int sign) {
    __m512 r;
    if (norm != _MM_MANT_NORM_1_2 || sign != _MM_MANT_SIGN_src) __builtin_trap();
    for (int i = 0; i < 16; i++) {
        float x = a[i];
        int e;
        r[i] = x != x ? x : x == 0 || __builtin_isinf(x) ? copysignf(1.0f, x) : 2 * frexpf(x, &e);
    }
    return r;
}
LOOP __mmask16 avx512_fpclass_ps_mask(__m512 a, int c) {
    unsigned r = 0; if (c != 0x20) __builtin_trap();
    FOR16 r |= (unsigned) (a[i] != 0 && fabsf(a[i]) < 0x1p-126f) << i; return (__mmask16) r;
}
LOOP __m512i avx512_ternarylogic_epi32(__m512i a, __m512i b, __m512i c, int f) {
    lanes_i32 r = {0};
    for (int t = 0; t < 8; t++)
        if (f >> t & 1) r |= (t & 4 ? I32(a) : ~I32(a)) & (t & 2 ? I32(b) : ~I32(b)) & (t & 1 ? I32(c) : ~I32(c));
    return (__m512i) r;
}
LOOP float avx512_reduce_max_ps(__m512 a) { float r = a[0]; FOR16 r = r > a[i] ? r : a[i]; return r; }
LOOP __m512i avx512_castps_si512(__m512 a) { return (__m512i) a; }
LOOP __m512 avx512_castsi512_ps(__m512i a) { return (__m512) a; }
LOOP __m512d avx512_castps_pd(__m512 a) { return (__m512d) a; }
LOOP __m512 avx512_castpd_ps(__m512d a) { return (__m512) a; }
LOOP float avx512_cvtss_f32(__m512 a) { return a[0]; }

#undef _kor_mask16
#undef _kortestz_mask16_u8
#define _kor_mask16(a, b) ((__mmask16) ((a) | (b)))
#define _kortestz_mask16_u8(a, b) ((unsigned char) (((a) | (b)) == 0))
#define __AVX512F__ 1
#define __AVX512VL__ 1
#define __AVX512BW__ 1
#define __AVX512DQ__ 1
#define __AVX512CD__ 1
#define LUCID_NO_LOW                    /* without the half-precision and byte products, which ask for more */
#undef LUCID_LEVEL
#define LUCID_LEVEL "v4"
