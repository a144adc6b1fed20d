# From the sums of a tile of few bits to results: bias, residual, activation and the way into bfloat16 or bytes in one pass.
#
# For narrow layers this costs more than the products. What is done to a number does not depend on where it stands: rows of
# four pixels and single ones have the same operations.

cdef extern from *:
    """
    typedef struct {
        int integers;                               /* sums of bytes */
        int native;                                 /* the CPU can round to bfloat16 */
        const float *scale, *bias;                  /* of the rows */
        const char *residual;                       /* as ``to`` lies, or NULL */
        lucid_low_form r, y;
        int limits;                                 /* as those of Finish */
        float low, high;
        char *to;
        Py_ssize_t to_pixel, to_block;              /* elements */
    } lucid_low_end;

    #if LUCID_LOW
    /* silu for results of few bits: the power of two, and so the result, to 8e-5 of itself. That adds a 24th to the half
       step by which the format rounds: 2^-9 of the result in bfloat16, 1/510 of the range in bytes. NaN stays. */
    LUCID_ALWAYS lucid_sixteen lucid_low_silu(lucid_sixteen x) {
        const __m512 t = _mm512_mul_ps(x, _mm512_set1_ps(-1.44269504088896341f));
        const __m512 f = _mm512_reduce_ps(t, 1);                        /* what is above the next lower integer */
        __m512 e = _mm512_fmadd_ps(f, _mm512_set1_ps(0.07802187f), _mm512_set1_ps(0.22606656f));
        e = _mm512_fmadd_ps(e, f, _mm512_set1_ps(0.69583613f));
        e = _mm512_scalef_ps(_mm512_fmadd_ps(e, f, _mm512_set1_ps(0.99992471f)), t);
        return _mm512_div_ps(_mm512_max_ps(_mm512_set1_ps(-110), x), _mm512_add_ps(e, _mm512_set1_ps(1)));
    }

    LUCID_ALWAYS lucid_sixteen lucid_low_activate(lucid_sixteen v, float low, float high, const int activation,
                                                  const int kind) {
        if (activation == 1) {
            v = lucid_sixteen_limit(v, low, high);
        } else if (activation == 4 || activation == 8) {
            v = _mm512_max_ps(_mm512_set1_ps(-3), v);
            const __m512 six = _mm512_set1_ps(6), z = _mm512_min_ps(six, _mm512_add_ps(v, _mm512_set1_ps(3)));
            v = activation == 4 ? _mm512_mul_ps(v, _mm512_div_ps(z, six)) : _mm512_div_ps(z, six);
        } else if (activation == 16) {
            v = kind ? lucid_low_silu(v) : (lucid_sixteen) lucid_bv_silu((lucid_bv) v);
        } else if (activation == 32) {
            v = (lucid_sixteen) lucid_bv_sigmoid((lucid_bv) v);
        }
        return v;
    }

    /* Four vectors side by side. */
    LUCID_ALWAYS void lucid_low_store4(const lucid_low_form *f, char *y, const lucid_sixteen *v) {
        LUCID_UNROLL(4) for (int i = 0; i < 4; i++)
            lucid_low_store(f, y + 16 * lucid_low_sizes[f->kind] * i, v[i]);
    }
    LUCID_LOW_FOR("avx512bf16") LUCID_ALWAYS void lucid_low_native4(const lucid_low_form *f, char *y, const lucid_sixteen *v) {
        (void) f;
        _mm512_storeu_si512(y, (__m512i) _mm512_cvtne2ps_pbh(v[1], v[0]));
        _mm512_storeu_si512(y + 64, (__m512i) _mm512_cvtne2ps_pbh(v[3], v[2]));
    }
    LUCID_LOW_FOR("avx512bf16") LUCID_ALWAYS void lucid_low_native1(const lucid_low_form *f, char *y, lucid_sixteen v) {
        (void) f;
        _mm256_storeu_si256((__m256i *) y, (__m256i) _mm512_cvtneps_pbh(v));
    }

    /* Inlined with all but the ends of loops constant. */
    #define LUCID_LOW_END_OF(name, target, store1, store4) \
    target LUCID_ALWAYS void name(const lucid_low_end *t, const void *sums, Py_ssize_t pixels, Py_ssize_t blocks, \
                                  const int integers, const int kind, const int activation) { \
        const Py_ssize_t size = lucid_low_sizes[kind], r_size = t->residual ? lucid_low_sizes[t->r.kind] : 0; \
        const Py_ssize_t to_pixel = t->to_pixel; \
        const float low = t->limits & 1 ? t->low : -INFINITY, high = t->limits & 2 ? t->high : INFINITY; \
        const lucid_low_form r_form = t->r; \
        lucid_low_form y = t->y; \
        y.kind = kind; \
        for (Py_ssize_t b = 0; b < blocks; b++) { \
            const lucid_sixteen scale = lucid_sixteen_load(t->scale + 16 * b), bias = lucid_sixteen_load(t->bias + 16 * b); \
            const char *from = (const char *) sums + 64 * b * pixels, *r = t->residual + r_size * b * t->to_block; \
            char *to = t->to + size * b * t->to_block; \
            Py_ssize_t p = 0; \
            while (p < pixels) { \
                const int n = to_pixel == 16 && p + 4 <= pixels ? 4 : 1; \
                lucid_sixteen v[4]; \
                if (n == 4) { \
                    LUCID_UNROLL(4) for (int i = 0; i < 4; i++) { \
                        v[i] = integers ? lucid_sixteen_sum((const int32_t *) from + 16 * i, scale, bias) \
                                        : lucid_sixteen_add(lucid_sixteen_load((const float *) from + 16 * i), bias); \
                        if (r_size) \
                            v[i] = lucid_sixteen_add(v[i], lucid_low_load(&r_form, r + 16 * r_size * i)); \
                        v[i] = lucid_low_activate(v[i], low, high, activation, kind); \
                    } \
                    store4(&y, to, v); \
                } else { \
                    v[0] = integers ? lucid_sixteen_sum((const int32_t *) from, scale, bias) \
                                    : lucid_sixteen_add(lucid_sixteen_load((const float *) from), bias); \
                    if (r_size) \
                        v[0] = lucid_sixteen_add(v[0], lucid_low_load(&r_form, r)); \
                    v[0] = lucid_low_activate(v[0], low, high, activation, kind); \
                    store1(&y, to, v[0]); \
                } \
                p += n; \
                from += 64 * n; \
                r += r_size * n * to_pixel; \
                to += size * n * to_pixel; \
            } \
        } \
    }
    LUCID_LOW_END_OF(lucid_low_end_as, , lucid_low_store, lucid_low_store4)
    LUCID_LOW_END_OF(lucid_low_native_end_as, LUCID_LOW_FOR("avx512bf16"), lucid_low_native1, lucid_low_native4)

    #define LUCID_LOW_ENDS(function, integers, kind) \
        switch (t->limits & 60 ? t->limits & 60 : t->limits ? 1 : 0) { \
            case 0: function(t, sums, pixels, blocks, integers, kind, 0); break; \
            case 1: function(t, sums, pixels, blocks, integers, kind, 1); break; \
            case 4: function(t, sums, pixels, blocks, integers, kind, 4); break; \
            case 8: function(t, sums, pixels, blocks, integers, kind, 8); break; \
            case 16: function(t, sums, pixels, blocks, integers, kind, 16); break; \
            default: function(t, sums, pixels, blocks, integers, kind, 32); \
        }
    #define LUCID_LOW_END_WITH(name, target, function, integers, kind) \
        target static void name(const lucid_low_end *t, const void *sums, Py_ssize_t pixels, Py_ssize_t blocks) { \
            LUCID_LOW_ENDS(function, integers, kind) \
        }
    LUCID_LOW_END_WITH(lucid_low_end_0_0, , lucid_low_end_as, 0, 0)
    LUCID_LOW_END_WITH(lucid_low_end_0_1, , lucid_low_end_as, 0, 1)
    LUCID_LOW_END_WITH(lucid_low_end_0_2, , lucid_low_end_as, 0, 2)
    LUCID_LOW_END_WITH(lucid_low_end_1_0, , lucid_low_end_as, 1, 0)
    LUCID_LOW_END_WITH(lucid_low_end_1_1, , lucid_low_end_as, 1, 1)
    LUCID_LOW_END_WITH(lucid_low_end_1_2, , lucid_low_end_as, 1, 2)
    LUCID_LOW_END_WITH(lucid_low_native_end, LUCID_LOW_FOR("avx512bf16"), lucid_low_native_end_as, 0, 1)
    static void lucid_low_finish(const lucid_low_end *t, const void *sums, Py_ssize_t pixels, Py_ssize_t blocks) {
        static void (*const ends[2][3])(const lucid_low_end *, const void *, Py_ssize_t, Py_ssize_t) = {
            {lucid_low_end_0_0, lucid_low_end_0_1, lucid_low_end_0_2},
            {lucid_low_end_1_0, lucid_low_end_1_1, lucid_low_end_1_2}};
        if (t->native && !t->integers && t->y.kind == 1)
            lucid_low_native_end(t, sums, pixels, blocks);
        else
            ends[t->integers][t->y.kind](t, sums, pixels, blocks);
    }
    #else
    /* Limits only; formulas take another way. */
    static void lucid_low_finish(const lucid_low_end *t, const void *sums, Py_ssize_t pixels, Py_ssize_t blocks) {
        const Py_ssize_t size = lucid_low_sizes[t->y.kind], r_size = t->residual ? lucid_low_sizes[t->r.kind] : 0;
        const float low = t->limits & 1 ? t->low : -INFINITY, high = t->limits & 2 ? t->high : INFINITY;
        for (Py_ssize_t b = 0; b < blocks; b++) {
            const lucid_sixteen scale = lucid_sixteen_load(t->scale + 16 * b), bias = lucid_sixteen_load(t->bias + 16 * b);
            const char *from = (const char *) sums + 64 * b * pixels, *r = t->residual + r_size * b * t->to_block;
            char *to = t->to + size * b * t->to_block;
            for (Py_ssize_t p = 0; p < pixels; p++) {
                lucid_sixteen v = t->integers ? lucid_sixteen_sum((const int32_t *) from, scale, bias)
                                              : lucid_sixteen_add(lucid_sixteen_load((const float *) from), bias);
                if (r_size)
                    v = lucid_sixteen_add(v, lucid_low_load(&t->r, r));
                if (t->limits)
                    v = lucid_sixteen_limit(v, low, high);
                lucid_low_store(&t->y, to, v);
                from += 64;
                r += r_size * t->to_pixel;
                to += size * t->to_pixel;
            }
        }
    }
    #endif
    """
    ctypedef struct LowEnd "lucid_low_end":
        int integers, native
        const float* scale
        const float* bias
        const char* residual
        LowForm r, y
        int limits
        float low, high
        char* to
        Py_ssize_t to_pixel, to_block
    void low_finish "lucid_low_finish" (const LowEnd* e, const void* sums, Py_ssize_t pixels, Py_ssize_t blocks) noexcept nogil
    bint LOW_FORMULAS "LUCID_LOW"               # low_finish knows them
