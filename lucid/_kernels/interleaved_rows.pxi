# Rows of float32 with AVX-512 and AVX2: extremes, softmax and log-softmax; the ends of rows are masked.
#
# Four rows go side by side, a register of each, as one row's maximum, exponentials, sum and quotient wait for one
# another; rows that are left over, and long ones, have four registers of their own side by side. Either way a sum is
# taken in the lanes of one register, folded as a tree and carried on in double after LUCID_ROW_SUM elements: its order
# depends on the length of the row alone.

cdef extern from *:
    """
    #if LUCID_INTERLEAVED
    #define LUCID_ROW_SUM 512
    #define LUCID_ROWS static inline __attribute__((always_inline))
    #if LUCID_INTERLEAVED == 16
    #define LUCID_ROW_LONG 1280         /* elements; four rows of as many, and of results, stay in L1 */
    #define LUCID_ROW_THREE 640         /* the same where a result is made of two rows */
    #define LUCID_ROWS_APART(loop)
    #define LUCID_OP(name) _mm512_##name
    #define LUCID_LOAD_END(p) _mm512_maskz_loadu_ps(mask[j], p[j] + i)
    #define LUCID_STORE_END(p, v) _mm512_mask_storeu_ps(p[j] + i, mask[j], v)
    #define LUCID_MAX_END(p, v) _mm512_mask_max_ps(v, mask[j], LUCID_LOAD_END(p), v)
    #define LUCID_ONLY_END(v) _mm512_maskz_mov_ps(mask[j], v)
    typedef __m512 lucid_register;
    typedef __m512 lucid_folded;        /* number j in every lane of block j */
    typedef __mmask16 lucid_lanes;

    /* the lanes of each register that the last ``count`` elements of a row fill */
    LUCID_ROWS void lucid_row_masks(Py_ssize_t count, int alone, __mmask16 *mask) {
        const uint64_t head = ~(uint64_t) 0 >> (64 - count);
        LUCID_FOUR(mask[j] = (__mmask16) (alone ? head >> 16 * j : head))
    }

    /* Register j folded by ``op`` to one number, in every lane of block j. */
    #define LUCID_FOLD_ROWS(name, op) \\
        LUCID_ROWS lucid_folded name(const __m512 *v) { \\
            __m512 a = op(_mm512_shuffle_f32x4(v[0], v[1], 0x44), _mm512_shuffle_f32x4(v[0], v[1], 0xee)); \\
            __m512 b = op(_mm512_shuffle_f32x4(v[2], v[3], 0x44), _mm512_shuffle_f32x4(v[2], v[3], 0xee)); \\
            a = op(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd)); \\
            a = op(a, _mm512_permute_ps(a, 0x4e)); \\
            return op(a, _mm512_permute_ps(a, 0xb1)); \\
        }
    LUCID_FOLD_ROWS(lucid_fold_rows_add, _mm512_add_ps)
    LUCID_FOLD_ROWS(lucid_fold_rows_max, _mm512_max_ps)

    /* v[j] = number j of a, of four that lie ``apart`` lanes from one another */
    LUCID_ROWS void lucid_spread_rows(__m512 a, int apart, int alone, __m512 *v) {
        LUCID_FOUR(v[j] = _mm512_permutexvar_ps(_mm512_set1_epi32(alone ? 0 : j * apart), a))
    }

    LUCID_ROWS __m512 lucid_from_doubles(__m256d x) { return _mm512_castps128_ps512(_mm256_cvtpd_ps(x)); }

    LUCID_ROWS __m256d lucid_row_totals(__m512 *v) {
        const __m512i blocks = _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 8, 4, 0);
        return _mm256_cvtps_pd(_mm512_castps512_ps128(_mm512_permutexvar_ps(blocks, lucid_fold_rows_add(v))));
    }

    /* exp(z), and what is made of sums of it, and factors */
    #define LUCID_ROW_EXPS const __m512 powers = _mm512_load_ps(lucid_powers), rest = _mm512_load_ps(lucid_powers_rest)
    #define LUCID_ROW_EXP LUCID_EXP(1, z)
    #define LUCID_ROW_POWER(j) _mm512_scalef_ps(s[j], k[j])
    #define LUCID_ROW_SUMS(totals) (totals)
    #define LUCID_ROW_FACTOR(z) (z)
    #else
    #define LUCID_ROW_LONG 1280
    #define LUCID_ROW_THREE 320
    #define LUCID_ROWS_APART(loop) loop
    #define LUCID_OP(name) _mm256_##name
    #define LUCID_LOAD_END(p) _mm256_maskload_ps(p[j] + i, mask[j])
    #define LUCID_STORE_END(p, v) _mm256_maskstore_ps(p[j] + i, mask[j], v)
    #define LUCID_MAX_END(p, v) \\
        _mm256_max_ps(LUCID_WHERE(LUCID_NUMBER(mask[j]), LUCID_LOAD_END(p), LUCID_ALL(-INFINITY)), v)
    #define LUCID_ONLY_END(v) _mm256_and_ps(LUCID_NUMBER(mask[j]), v)
    typedef __m256 lucid_register;
    typedef __m128 lucid_folded;        /* number j in lane j */
    typedef __m256i lucid_lanes;

    LUCID_ROWS void lucid_row_masks(Py_ssize_t count, int alone, __m256i *mask) {
        const __m256i lanes = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
        LUCID_FOUR(mask[j] = _mm256_cmpgt_epi32(_mm256_set1_epi32((int) count - (alone ? 8 * j : 0)), lanes))
    }

    #define LUCID_FOLD_ROWS(name, op) \\
        LUCID_ROWS __m128 name(const __m256 *v) { \\
            __m256 a = _mm256_##op(_mm256_unpacklo_ps(v[0], v[1]), _mm256_unpackhi_ps(v[0], v[1])); \\
            __m256 b = _mm256_##op(_mm256_unpacklo_ps(v[2], v[3]), _mm256_unpackhi_ps(v[2], v[3])); \\
            a = _mm256_##op(_mm256_shuffle_ps(a, b, 0x44), _mm256_shuffle_ps(a, b, 0xee)); \\
            return _mm_##op(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1)); \\
        }
    LUCID_FOLD_ROWS(lucid_fold_rows_add, add_ps)
    LUCID_FOLD_ROWS(lucid_fold_rows_max, max_ps)

    LUCID_ROWS void lucid_spread_rows(__m128 a, int apart, int alone, __m256 *v) {
        LUCID_FOUR(v[j] = _mm256_permutevar8x32_ps(_mm256_castps128_ps256(a), _mm256_set1_epi32(alone ? 0 : j)))
    }

    LUCID_ROWS __m128 lucid_from_doubles(__m256d x) { return _mm256_cvtpd_ps(x); }
    LUCID_ROWS __m256d lucid_row_totals(__m256 *v) { return _mm256_cvtps_pd(lucid_fold_rows_add(v)); }

    /* 2**64 * exp(z), a normal number, for z <= 40: quotients of such stay as they are. k is not added to the exponent,
       since z may be NaN. */
    #define LUCID_ROW_EXPS
    #define LUCID_ROW_EXP \\
        LUCID_FOUR(z[j] = _mm256_max_ps(LUCID_ALL(-110), z[j])) \\
        LUCID_EXP(1, z, 127 + 64)
    #define LUCID_ROW_POWER(j) _mm256_mul_ps(m[j], LUCID_POWER(s[j]))
    #define LUCID_ROW_SUMS(totals) _mm256_mul_pd(totals, _mm256_set1_pd(0x1p-64))
    #define LUCID_ROW_FACTOR(z) LUCID_PRODUCT(z, LUCID_ALL(0x1p-64))
    #endif
    #define LUCID_STEP (alone ? 4 * LUCID_INTERLEAVED : LUCID_INTERLEAVED)
    #define LUCID_FROM(p) LUCID_OP(loadu_ps)(p[j] + i)
    #define LUCID_POINTERS(p, x) LUCID_FOUR(p[j] = (x) + (alone ? r * n + LUCID_INTERLEAVED * j : (r + j) * n))

    /* ``call`` for rows r to r + 3, up to ``most`` elements, or for row r alone; where no row of as many has company, it
       may have four registers of sums. */
    #define LUCID_ROWS_BY_FOUR(most, call) \\
        Py_ssize_t r = 0; \\
        if (n <= most) for (; r + 4 <= rows; r += 4) { enum { alone = 0 }; call; } \\
        LUCID_ROWS_APART(if (n > most) for (; r < rows; r++) { enum { alone = 2 }; call; }) \\
        for (; r < rows; r++) { enum { alone = 1 }; call; }

    LUCID_ROWS void lucid_add_rows(lucid_register *v, const lucid_register *z, int alone) {
        LUCID_FOUR(v[alone == 1 ? 0 : j] = LUCID_OP(add_ps)(v[alone == 1 ? 0 : j], z[j]))
    }

    /* The largest elements, NaN aside. */
    LUCID_ROWS lucid_folded lucid_row_tops(const float *const *p, Py_ssize_t n, int alone) {
        lucid_register v[4];
        lucid_lanes mask[4];
        Py_ssize_t i = 0;
        LUCID_FOUR(v[j] = LUCID_ALL(-INFINITY))
        for (; i + LUCID_STEP <= n; i += LUCID_STEP) LUCID_FOUR(v[j] = LUCID_OP(max_ps)(LUCID_FROM(p), v[j]))
        if (i < n) {
            lucid_row_masks(n - i, alone, mask);
            LUCID_FOUR(v[j] = LUCID_MAX_END(p, v[j]))
        }
        if (alone) v[0] = LUCID_OP(max_ps)(LUCID_OP(max_ps)(v[0], v[1]), LUCID_OP(max_ps)(v[2], v[3]));
        return lucid_fold_rows_max(v);
    }

    /* q = exp(p - top) where ``keep``, but for the end, which z is left with; returns the sums. */
    LUCID_ROWS __m256d lucid_row_exps(const float *const *p, float *const *q, Py_ssize_t n, const lucid_register *top,
                                      lucid_register *z, int keep, int alone) {
        LUCID_ROW_EXPS;
        lucid_register k[4], s[4], r[4], m[4], v[4];
        lucid_lanes mask[4];
        __m256d total = _mm256_setzero_pd();
        for (Py_ssize_t i = 0, stop; i < n;) {
            stop = n - i < LUCID_ROW_SUM ? n : i + LUCID_ROW_SUM;
            LUCID_FOUR(v[j] = LUCID_OP(setzero_ps)())
            for (; i + LUCID_STEP <= stop; i += LUCID_STEP) {
                LUCID_FOUR(z[j] = LUCID_FROM(p))
                LUCID_FOUR(z[j] = LUCID_OP(sub_ps)(z[j], top[j]))
                LUCID_ROW_EXP
                LUCID_FOUR(z[j] = LUCID_ROW_POWER(j))
                lucid_add_rows(v, z, alone);
                if (keep) LUCID_FOUR(LUCID_OP(storeu_ps)(q[j] + i, z[j]))
            }
            if (i < stop) {
                lucid_row_masks(stop - i, alone, mask);
                LUCID_FOUR(z[j] = LUCID_LOAD_END(p))
                LUCID_FOUR(z[j] = LUCID_OP(sub_ps)(z[j], top[j]))
                LUCID_ROW_EXP
                LUCID_FOUR(z[j] = LUCID_ROW_POWER(j))
                LUCID_FOUR(z[j] = LUCID_ONLY_END(z[j]))
                lucid_add_rows(v, z, alone);
                i = stop;
            }
            if (alone == 2) v[0] = LUCID_OP(add_ps)(LUCID_OP(add_ps)(v[0], v[1]), LUCID_OP(add_ps)(v[2], v[3]));
            total = _mm256_add_pd(total, lucid_row_totals(v));
        }
        return total;
    }

    /* The sums of p, or of p * q where ``both``. */
    LUCID_ROWS __m256d lucid_row_dots(const float *const *p, const float *const *q, Py_ssize_t n, int both, int alone) {
        lucid_register z[4], v[4];
        lucid_lanes mask[4];
        __m256d total = _mm256_setzero_pd();
        for (Py_ssize_t i = 0, stop; i < n;) {
            stop = n - i < LUCID_ROW_SUM ? n : i + LUCID_ROW_SUM;
            LUCID_FOUR(v[j] = LUCID_OP(setzero_ps)())
            for (; i + LUCID_STEP <= stop; i += LUCID_STEP) {
                LUCID_FOUR(z[j] = both ? LUCID_PRODUCT(LUCID_FROM(p), LUCID_FROM(q)) : LUCID_FROM(p))
                lucid_add_rows(v, z, alone);
            }
            if (i < stop) {
                lucid_row_masks(stop - i, alone, mask);
                LUCID_FOUR(z[j] = both ? LUCID_PRODUCT(LUCID_LOAD_END(p), LUCID_LOAD_END(q)) : LUCID_LOAD_END(p))
                lucid_add_rows(v, z, alone);
                i = stop;
            }
            if (alone == 2) v[0] = LUCID_OP(add_ps)(LUCID_OP(add_ps)(v[0], v[1]), LUCID_OP(add_ps)(v[2], v[3]));
            total = _mm256_add_pd(total, lucid_row_totals(v));
        }
        return total;
    }

    /* Stores z[j], which ``body`` makes with LOAD, over whole rows. */
    #define LUCID_ROW_BODY(q, body) \\
        Py_ssize_t i = 0; \\
        for (; i + LUCID_STEP <= n; i += LUCID_STEP) { \\
            body(LUCID_FROM) \\
            LUCID_FOUR(LUCID_OP(storeu_ps)(q[j] + i, z[j])) \\
        } \\
        if (i < n) { \\
            lucid_lanes mask[4]; \\
            lucid_row_masks(n - i, alone, mask); \\
            body(LUCID_LOAD_END) \\
            LUCID_FOUR(LUCID_STORE_END(q, z[j])) \\
        }

    LUCID_ROWS void lucid_softmax_four(const float *x, float *y, Py_ssize_t r, Py_ssize_t n, int alone) {
        const float *p[4];
        float *q[4];
        lucid_register top[4], share[4], z[4];
        lucid_lanes mask[4];
        Py_ssize_t i = 0;
        LUCID_POINTERS(p, x)
        LUCID_POINTERS(q, y)
        lucid_spread_rows(lucid_row_tops(p, n, alone), 4, alone, top);
        const __m256d total = lucid_row_exps(p, q, n, top, z, 1, alone);
        lucid_spread_rows(lucid_from_doubles(_mm256_div_pd(_mm256_set1_pd(1), total)), 1, alone, share);
        for (; i + LUCID_STEP <= n; i += LUCID_STEP)
            LUCID_FOUR(LUCID_OP(storeu_ps)(q[j] + i, LUCID_PRODUCT(LUCID_FROM(q), share[j])))
        if (i < n) {
            lucid_row_masks(n - i, alone, mask);
            LUCID_FOUR(LUCID_STORE_END(q, LUCID_PRODUCT(z[j], share[j])))
        }
    }

    static void lucid_softmax32(const float *x, float *y, Py_ssize_t rows, Py_ssize_t n) {
        LUCID_ROWS_BY_FOUR(LUCID_ROW_LONG, lucid_softmax_four(x, y, r, n, alone))
    }

    LUCID_ROWS void lucid_softmax_backward_four(const float *y, const float *dy, float *dx, Py_ssize_t r, Py_ssize_t n,
                                                int alone) {
        const float *p[4], *d[4];
        float *q[4];
        lucid_register dot[4], z[4];
        LUCID_POINTERS(p, y)
        LUCID_POINTERS(d, dy)
        LUCID_POINTERS(q, dx)
        lucid_spread_rows(lucid_from_doubles(lucid_row_dots(p, d, n, 1, alone)), 1, alone, dot);
        #define LUCID_BODY(load) LUCID_FOUR(z[j] = LUCID_PRODUCT(load(p), LUCID_OP(sub_ps)(load(d), dot[j])))
        LUCID_ROW_BODY(q, LUCID_BODY)
        #undef LUCID_BODY
    }

    static void lucid_softmax_backward32(const float *y, const float *dy, float *dx, Py_ssize_t rows, Py_ssize_t n) {
        LUCID_ROWS_BY_FOUR(LUCID_ROW_THREE, lucid_softmax_backward_four(y, dy, dx, r, n, alone))
    }

    LUCID_ROWS void lucid_row_logs_four(const float *x, float *top, double *total, Py_ssize_t r, Py_ssize_t n,
                                        int alone) {
        const float *p[4];
        lucid_register t[4], z[4];
        LUCID_POINTERS(p, x)
        lucid_spread_rows(lucid_row_tops(p, n, alone), 4, alone, t);
        const __m256d sum = LUCID_ROW_SUMS(lucid_row_exps(p, NULL, n, t, z, 0, alone));
        if (alone) {
            top[r] = LUCID_OP(cvtss_f32)(t[0]);
            total[r] = _mm256_cvtsd_f64(sum);
        } else {
            LUCID_FOUR(top[r + j] = LUCID_OP(cvtss_f32)(t[j]))
            _mm256_storeu_pd(total + r, sum);
        }
    }

    /* The largest element of each row, NaN aside, and the sum of exp(x - top). */
    static void lucid_row_logs32(const float *x, float *top, double *total, Py_ssize_t rows, Py_ssize_t n) {
        LUCID_ROWS_BY_FOUR(LUCID_ROW_LONG, lucid_row_logs_four(x, top, total, r, n, alone))
    }

    LUCID_ROWS void lucid_subtract_four(const float *x, const float *top, const float *more, float *y, Py_ssize_t r,
                                        Py_ssize_t n, int alone) {
        const float *p[4];
        float *q[4];
        lucid_register t[4], u[4], z[4];
        LUCID_POINTERS(p, x)
        LUCID_POINTERS(q, y)
        LUCID_FOUR(t[j] = LUCID_OP(set1_ps)(top[alone ? r : r + j]))
        LUCID_FOUR(u[j] = LUCID_OP(set1_ps)(more[alone ? r : r + j]))
        #define LUCID_BODY(load) LUCID_FOUR(z[j] = LUCID_OP(sub_ps)(LUCID_OP(sub_ps)(load(p), t[j]), u[j]))
        LUCID_ROW_BODY(q, LUCID_BODY)
        #undef LUCID_BODY
    }

    /* y = x - top - more, row by row. */
    static void lucid_subtract32(const float *x, const float *top, const float *more, float *y, Py_ssize_t rows,
                                 Py_ssize_t n) {
        LUCID_ROWS_BY_FOUR(LUCID_ROW_LONG, lucid_subtract_four(x, top, more, y, r, n, alone))
    }

    LUCID_ROWS void lucid_log_softmax_backward_four(const float *y, const float *dy, float *dx, Py_ssize_t row,
                                                    Py_ssize_t n, int alone) {
        LUCID_ROW_EXPS;
        const float *p[4], *d[4];
        float *q[4];
        lucid_register total[4], z[4], k[4], s[4], m[4];
        {
            const Py_ssize_t r = row;
            LUCID_POINTERS(p, y)
            LUCID_POINTERS(d, dy)
            LUCID_POINTERS(q, dx)
        }
        lucid_register r[4];
        lucid_spread_rows(lucid_from_doubles(lucid_row_dots(d, d, n, 0, alone)), 1, alone, total);
        #define LUCID_BODY(load) \\
            LUCID_FOUR(z[j] = load(p)) \\
            LUCID_ROW_EXP \\
            LUCID_FOUR(z[j] = LUCID_OP(fnmadd_ps)(LUCID_ROW_FACTOR(LUCID_ROW_POWER(j)), total[j], load(d)))
        LUCID_ROW_BODY(q, LUCID_BODY)
        #undef LUCID_BODY
    }

    static void lucid_log_softmax_backward32(const float *y, const float *dy, float *dx, Py_ssize_t rows,
                                             Py_ssize_t n) {
        LUCID_ROWS_BY_FOUR(LUCID_ROW_THREE, lucid_log_softmax_backward_four(y, dy, dx, r, n, alone))
    }

    /* The largest element, or where ``flip`` is the bit of the sign, the smallest; NaN if there is one. */
    #if LUCID_INTERLEAVED == 16
    static float lucid_extreme32(const float *x, Py_ssize_t n, uint32_t flip) {
        enum { alone = 1 };
        const __m512 sign = LUCID_NUMBER(_mm512_set1_epi32((int) flip)), least = LUCID_ALL(-INFINITY);
        const float *p[4];
        __m512 v[4], z[4];
        __mmask16 mask[4], nan = 0;
        Py_ssize_t i = 0;
        LUCID_FOUR(p[j] = x + 16 * j)
        LUCID_FOUR(v[j] = least)
        for (; i + 64 <= n; i += 64) {
            LUCID_FOUR(z[j] = _mm512_xor_ps(LUCID_FROM(p), sign))
            LUCID_FOUR(v[j] = _mm512_max_ps(z[j], v[j]))
            nan |= _mm512_cmp_ps_mask(z[0], z[1], _CMP_UNORD_Q) | _mm512_cmp_ps_mask(z[2], z[3], _CMP_UNORD_Q);
        }
        if (i < n) {
            lucid_row_masks(n - i, alone, mask);
            LUCID_FOUR(z[j] = _mm512_mask_xor_ps(least, mask[j], LUCID_LOAD_END(p), sign))
            LUCID_FOUR(v[j] = _mm512_max_ps(z[j], v[j]))
            nan |= _mm512_cmp_ps_mask(z[0], z[1], _CMP_UNORD_Q) | _mm512_cmp_ps_mask(z[2], z[3], _CMP_UNORD_Q);
        }
        if (nan) return NAN;
        const float top = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_max_ps(v[0], v[1]), _mm512_max_ps(v[2], v[3])));
        return lucid_f32(lucid_i32(top) ^ (int32_t) flip);
    }
    #else
    #define LUCID_LARGER \\
        LUCID_FOUR(v[j] = _mm256_max_ps(z[j], v[j])) \\
        LUCID_FOUR(nan = _mm256_or_ps(nan, _mm256_cmp_ps(z[j], z[j], _CMP_UNORD_Q)))
    static float lucid_extreme32(const float *x, Py_ssize_t n, uint32_t flip) {
        enum { alone = 1 };
        const __m256 sign = LUCID_NUMBER(_mm256_set1_epi32((int) flip)), least = LUCID_ALL(-INFINITY);
        const float *p[4];
        __m256 v[4], z[4], nan = _mm256_setzero_ps();
        __m256i mask[4];
        Py_ssize_t i = 0;
        LUCID_FOUR(p[j] = x + 8 * j)
        LUCID_FOUR(v[j] = least)
        for (; i + 32 <= n; i += 32) {
            LUCID_FOUR(z[j] = _mm256_xor_ps(LUCID_FROM(p), sign))
            LUCID_LARGER
        }
        if (i < n) {
            lucid_row_masks(n - i, alone, mask);
            LUCID_FOUR(z[j] = LUCID_WHERE(LUCID_NUMBER(mask[j]), _mm256_xor_ps(LUCID_LOAD_END(p), sign), least))
            LUCID_LARGER
        }
        if (_mm256_movemask_ps(nan)) return NAN;
        v[0] = _mm256_max_ps(_mm256_max_ps(v[0], v[1]), _mm256_max_ps(v[2], v[3]));
        return lucid_f32(lucid_i32(_mm_cvtss_f32(lucid_fold_rows_max(v))) ^ (int32_t) flip);
    }
    #endif
    #else
    #define lucid_extreme32(x, n, flip) 0
    #define lucid_softmax32(x, y, rows, n) ((void) 0)
    #define lucid_softmax_backward32(y, dy, dx, rows, n) ((void) 0)
    #define lucid_row_logs32(x, top, total, rows, n) ((void) 0)
    #define lucid_subtract32(x, top, more, y, rows, n) ((void) 0)
    #define lucid_log_softmax_backward32(y, dy, dx, rows, n) ((void) 0)
    #endif
    """
    float extreme32 "lucid_extreme32" (const float* x, Py_ssize_t n, uint32_t flip) noexcept nogil
    void softmax32 "lucid_softmax32" (const float* x, float* y, Py_ssize_t rows, Py_ssize_t n) noexcept nogil
    void softmax_backward32 "lucid_softmax_backward32" (const float* y, const float* dy, float* dx, Py_ssize_t rows,
                                                        Py_ssize_t n) noexcept nogil
    void row_logs32 "lucid_row_logs32" (const float* x, float* top, double* total, Py_ssize_t rows,
                                        Py_ssize_t n) noexcept nogil
    void subtract32 "lucid_subtract32" (const float* x, const float* top, const float* more, float* y, Py_ssize_t rows,
                                        Py_ssize_t n) noexcept nogil
    void log_softmax_backward32 "lucid_log_softmax_backward32" (const float* y, const float* dy, float* dx,
                                                                Py_ssize_t rows, Py_ssize_t n) noexcept nogil
