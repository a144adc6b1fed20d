# One vector register of elements: what kernels are written in whose loops are too short for GCC to vectorise.
#
# GCC unrolls a loop of up to 16 steps before it would make a vector of it. A group of lanes lives in an ordinary array
# instead, of which these functions load and store whole registers; arrays of a fixed size end up in registers.

cdef extern from *:
    """
    /* As the type a function returns: void, and the function is inlined whatever its size. One written for constant
       arguments, with an array that must end up in registers, is worthless in any other form. */
    #if defined(__GNUC__)
    #define LUCID_INLINED __attribute__((always_inline)) void
    #else
    #define LUCID_INLINED void
    #endif

    #if defined(__AVX512F__) && defined(__AVX512VL__)
    #include <immintrin.h>
    #define LUCID_LANES32 16
    #define LUCID_LANES64 8
    static inline void lucid_lanes_fill32(float x, float *v) { _mm512_storeu_ps(v, _mm512_set1_ps(x)); }
    static inline void lucid_lanes_fill64(double x, double *v) { _mm512_storeu_pd(v, _mm512_set1_pd(x)); }
    static inline void lucid_lanes_madd32(float x, const float *v, float *c) {
        _mm512_storeu_ps(c, _mm512_fmadd_ps(_mm512_set1_ps(x), _mm512_loadu_ps(v), _mm512_loadu_ps(c)));
    }
    static inline void lucid_lanes_madd64(double x, const double *v, double *c) {
        _mm512_storeu_pd(c, _mm512_fmadd_pd(_mm512_set1_pd(x), _mm512_loadu_pd(v), _mm512_loadu_pd(c)));
    }
    static inline void lucid_lanes_dot32(const float *u, const float *v, float *c) {
        _mm512_storeu_ps(c, _mm512_fmadd_ps(_mm512_loadu_ps(u), _mm512_loadu_ps(v), _mm512_loadu_ps(c)));
    }
    static inline void lucid_lanes_dot64(const double *u, const double *v, double *c) {
        _mm512_storeu_pd(c, _mm512_fmadd_pd(_mm512_loadu_pd(u), _mm512_loadu_pd(v), _mm512_loadu_pd(c)));
    }
    static inline void lucid_lanes_copy32(const float *x, float *y, Py_ssize_t n) {
        __mmask16 m = (__mmask16) ((1u << n) - 1);
        _mm512_mask_storeu_ps(y, m, _mm512_maskz_loadu_ps(m, x));
    }
    static inline void lucid_lanes_copy64(const double *x, double *y, Py_ssize_t n) {
        __mmask8 m = (__mmask8) ((1u << n) - 1);
        _mm512_mask_storeu_pd(y, m, _mm512_maskz_loadu_pd(m, x));
    }
    static inline void lucid_lanes_head32(const float *x, float *y, Py_ssize_t n) {
        _mm512_storeu_ps(y, _mm512_maskz_loadu_ps((__mmask16) ((1u << n) - 1), x));
    }
    static inline void lucid_lanes_head64(const double *x, double *y, Py_ssize_t n) {
        _mm512_storeu_pd(y, _mm512_maskz_loadu_pd((__mmask8) ((1u << n) - 1), x));
    }
    #else
    #if defined(__AVX2__) && defined(__FMA__)
    #include <immintrin.h>
    #define LUCID_LANES32 8
    #define LUCID_LANES64 4
    static inline void lucid_lanes_fill32(float x, float *v) { _mm256_storeu_ps(v, _mm256_set1_ps(x)); }
    static inline void lucid_lanes_fill64(double x, double *v) { _mm256_storeu_pd(v, _mm256_set1_pd(x)); }
    static inline void lucid_lanes_madd32(float x, const float *v, float *c) {
        _mm256_storeu_ps(c, _mm256_fmadd_ps(_mm256_set1_ps(x), _mm256_loadu_ps(v), _mm256_loadu_ps(c)));
    }
    static inline void lucid_lanes_madd64(double x, const double *v, double *c) {
        _mm256_storeu_pd(c, _mm256_fmadd_pd(_mm256_set1_pd(x), _mm256_loadu_pd(v), _mm256_loadu_pd(c)));
    }
    static inline void lucid_lanes_dot32(const float *u, const float *v, float *c) {
        _mm256_storeu_ps(c, _mm256_fmadd_ps(_mm256_loadu_ps(u), _mm256_loadu_ps(v), _mm256_loadu_ps(c)));
    }
    static inline void lucid_lanes_dot64(const double *u, const double *v, double *c) {
        _mm256_storeu_pd(c, _mm256_fmadd_pd(_mm256_loadu_pd(u), _mm256_loadu_pd(v), _mm256_loadu_pd(c)));
    }
    #else
    #define LUCID_LANES32 4
    #define LUCID_LANES64 2
    #if defined(__GNUC__)
    typedef float lucid_lanes32 __attribute__((vector_size(16), aligned(4), may_alias));
    typedef double lucid_lanes64 __attribute__((vector_size(16), aligned(8), may_alias));
    #define LUCID_LOAD32(p) (*(const lucid_lanes32 *) (p))
    #define LUCID_LOAD64(p) (*(const lucid_lanes64 *) (p))
    static inline void lucid_lanes_fill32(float x, float *c) { *(lucid_lanes32 *) c = x - (lucid_lanes32) {0}; }
    static inline void lucid_lanes_fill64(double x, double *c) { *(lucid_lanes64 *) c = x - (lucid_lanes64) {0}; }
    static inline void lucid_lanes_madd32(float x, const float *v, float *c) {
        *(lucid_lanes32 *) c = x * LUCID_LOAD32(v) + LUCID_LOAD32(c);
    }
    static inline void lucid_lanes_madd64(double x, const double *v, double *c) {
        *(lucid_lanes64 *) c = x * LUCID_LOAD64(v) + LUCID_LOAD64(c);
    }
    static inline void lucid_lanes_dot32(const float *u, const float *v, float *c) {
        *(lucid_lanes32 *) c = LUCID_LOAD32(u) * LUCID_LOAD32(v) + LUCID_LOAD32(c);
    }
    static inline void lucid_lanes_dot64(const double *u, const double *v, double *c) {
        *(lucid_lanes64 *) c = LUCID_LOAD64(u) * LUCID_LOAD64(v) + LUCID_LOAD64(c);
    }
    #else
    static inline void lucid_lanes_fill32(float x, float *c) { for (int i = 0; i < 4; i++) c[i] = x; }
    static inline void lucid_lanes_fill64(double x, double *c) { for (int i = 0; i < 2; i++) c[i] = x; }
    static inline void lucid_lanes_madd32(float x, const float *v, float *c) {
        for (int i = 0; i < 4; i++) c[i] = lucid_maddf(x, v[i], c[i]);
    }
    static inline void lucid_lanes_madd64(double x, const double *v, double *c) {
        for (int i = 0; i < 2; i++) c[i] = lucid_madd(x, v[i], c[i]);
    }
    static inline void lucid_lanes_dot32(const float *u, const float *v, float *c) {
        for (int i = 0; i < 4; i++) c[i] = lucid_maddf(u[i], v[i], c[i]);
    }
    static inline void lucid_lanes_dot64(const double *u, const double *v, double *c) {
        for (int i = 0; i < 2; i++) c[i] = lucid_madd(u[i], v[i], c[i]);
    }
    #endif
    #endif
    /* A piece shorter than a register, as two that overlap. */
    static inline void lucid_lanes_copy32(const float *x, float *y, Py_ssize_t n) {
        if (n >= 4) { memcpy(y, x, 16); memcpy(y + n - 4, x + n - 4, 16); }
        else if (n >= 2) { memcpy(y, x, 8); memcpy(y + n - 2, x + n - 2, 8); }
        else if (n == 1) y[0] = x[0];
    }
    static inline void lucid_lanes_copy64(const double *x, double *y, Py_ssize_t n) {
        if (n >= 2) { memcpy(y, x, 16); memcpy(y + n - 2, x + n - 2, 16); }
        else if (n == 1) y[0] = x[0];
    }
    static inline void lucid_lanes_head32(const float *x, float *y, Py_ssize_t n) {
        lucid_lanes_fill32(0, y);
        lucid_lanes_copy32(x, y, n);
    }
    static inline void lucid_lanes_head64(const double *x, double *y, Py_ssize_t n) {
        lucid_lanes_fill64(0, y);
        lucid_lanes_copy64(x, y, n);
    }
    #endif
    """
    ctypedef void inlined "LUCID_INLINED"
    void lanes_fill32 "lucid_lanes_fill32" (float x, float* v) noexcept nogil
    void lanes_fill64 "lucid_lanes_fill64" (double x, double* v) noexcept nogil
    void lanes_madd32 "lucid_lanes_madd32" (float x, const float* v, float* c) noexcept nogil
    void lanes_madd64 "lucid_lanes_madd64" (double x, const double* v, double* c) noexcept nogil
    void lanes_dot32 "lucid_lanes_dot32" (const float* u, const float* v, float* c) noexcept nogil
    void lanes_dot64 "lucid_lanes_dot64" (const double* u, const double* v, double* c) noexcept nogil
    void lanes_copy32 "lucid_lanes_copy32" (const float* x, float* y, Py_ssize_t n) noexcept nogil
    void lanes_copy64 "lucid_lanes_copy64" (const double* x, double* y, Py_ssize_t n) noexcept nogil
    void lanes_head32 "lucid_lanes_head32" (const float* x, float* y, Py_ssize_t n) noexcept nogil
    void lanes_head64 "lucid_lanes_head64" (const double* x, double* y, Py_ssize_t n) noexcept nogil
    cdef enum:
        LANES32 "LUCID_LANES32"
        LANES64 "LUCID_LANES64"


cdef inline int lane_count(const floating* like) noexcept nogil:
    return LANES32 if floating is float else LANES64


cdef inline void lanes_fill(floating x, floating* v) noexcept nogil:
    """v = x in every lane."""
    if floating is float:
        lanes_fill32(x, v)
    else:
        lanes_fill64(x, v)


cdef inline void lanes_madd(floating x, const floating* v, floating* c) noexcept nogil:
    """c += x * v, as ``madd`` rounds."""
    if floating is float:
        lanes_madd32(x, v, c)
    else:
        lanes_madd64(x, v, c)


cdef inline void lanes_dot(const floating* u, const floating* v, floating* c) noexcept nogil:
    """c += u * v lane by lane, as ``madd`` rounds."""
    if floating is float:
        lanes_dot32(u, v, c)
    else:
        lanes_dot64(u, v, c)


cdef inline void lanes_copy(const floating* x, floating* y, Py_ssize_t n) noexcept nogil:
    """y[:n] = x[:n] for n below the lanes of a register; nothing else is touched."""
    if floating is float:
        lanes_copy32(x, y, n)
    else:
        lanes_copy64(x, y, n)


cdef inline void lanes_head(const floating* x, floating* v, Py_ssize_t n) noexcept nogil:
    """The first n elements of x, which may be its last in memory, and zeros."""
    if floating is float:
        lanes_head32(x, v, n)
    else:
        lanes_head64(x, v, n)


cdef inline void lanes_move(const floating* x, floating* y) noexcept nogil:
    """All lanes of x."""
    memcpy(y, x, (LANES32 if floating is float else LANES64) * sizeof(floating))
