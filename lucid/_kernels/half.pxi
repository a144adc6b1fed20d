# Half precision: the same values in 16 bits and in float32. Both 16-bit formats arrive as uint16, their bits.
#
# Rounding is to nearest, ties to even. A NaN keeps its sign and the upper bits of its payload and becomes quiet, as the
# instructions of x86-64-v3 have it.

cdef extern from *:
    """
    #ifdef __F16C__
    #include <immintrin.h>
    #endif

    static void lucid_widen_bfloat16(const uint16_t *restrict x, uint32_t *restrict y, Py_ssize_t n) {
        for (Py_ssize_t i = 0; i < n; i++) y[i] = (uint32_t)x[i] << 16;
    }

    static void lucid_round_bfloat16(const uint32_t *restrict x, uint16_t *restrict y, Py_ssize_t n) {
        for (Py_ssize_t i = 0; i < n; i++) {
            uint32_t u = x[i], nearest = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16, quiet = (u >> 16) | 0x40u;
            y[i] = (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? quiet : nearest);
        }
    }

    #ifdef __F16C__
    static void lucid_widen_float16(const uint16_t *x, float *y, Py_ssize_t n) {
        for (Py_ssize_t i = 0; i < n; i += 8)
            _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(x + i))));
    }

    static void lucid_round_float16(const float *x, uint16_t *y, Py_ssize_t n) {
        for (Py_ssize_t i = 0; i < n; i += 8)
            _mm_storeu_si128((__m128i *)(y + i),
                             _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    }
    #else
    /* Magnitudes below 2^-14 are whole multiples of 2^-24, in both directions of the conversion. */
    static void lucid_widen_float16(const uint16_t *restrict x, float *restrict y, Py_ssize_t n) {
        for (Py_ssize_t i = 0; i < n; i++) {
            uint32_t h = x[i], sign = (h & 0x8000u) << 16, rest = h & 0x7fffu, wide = rest << 13, u;
            float small = (float)(int32_t)rest * 0x1p-24f;
            uint32_t tiny, quiet = rest > 0x7c00u ? 0x400000u : 0u;
            memcpy(&tiny, &small, 4);
            u = rest < 0x400u ? tiny : wide + (rest < 0x7c00u ? 0x38000000u : 0x70000000u);
            u |= sign | quiet;
            memcpy(y + i, &u, 4);
        }
    }

    static void lucid_round_float16(const float *restrict x, uint16_t *restrict y, Py_ssize_t n) {
        for (Py_ssize_t i = 0; i < n; i++) {
            uint32_t u, rest, h, lifted;
            float shifted;
            memcpy(&u, x + i, 4);
            rest = u & 0x7fffffffu;
            memcpy(&shifted, &rest, 4);
            shifted += 0.5f;  /* whose last bit is worth 2^-24: the addition rounds */
            memcpy(&lifted, &shifted, 4);
            h = (rest + 0xc8000fffu + ((rest >> 13) & 1u)) >> 13;
            h = rest < 0x38800000u ? lifted - 0x3f000000u : h;
            h = rest >= 0x47800000u ? 0x7c00u : h;
            h = rest > 0x7f800000u ? 0x7e00u | ((rest >> 13) & 0x3ffu) : h;
            y[i] = (uint16_t)(h | ((u >> 16) & 0x8000u));
        }
    }
    #endif
    """
    void c_widen_bfloat16 "lucid_widen_bfloat16" (const uint16_t* x, uint32_t* y, Py_ssize_t n) noexcept nogil
    void c_round_bfloat16 "lucid_round_bfloat16" (const uint32_t* x, uint16_t* y, Py_ssize_t n) noexcept nogil
    void c_widen_float16 "lucid_widen_float16" (const uint16_t* x, float* y, Py_ssize_t n) noexcept nogil
    void c_round_float16 "lucid_round_float16" (const float* x, uint16_t* y, Py_ssize_t n) noexcept nogil


cdef void widen_bfloat16_kernel(const void* x, void* y, Py_ssize_t n, const double* p) noexcept nogil:
    c_widen_bfloat16(<const uint16_t*> x, <uint32_t*> y, n)


cdef void round_bfloat16_kernel(const void* x, void* y, Py_ssize_t n, const double* p) noexcept nogil:
    c_round_bfloat16(<const uint32_t*> x, <uint16_t*> y, n)


cdef void widen_float16_kernel(const void* x, void* y, Py_ssize_t n, const double* p) noexcept nogil:
    c_widen_float16(<const uint16_t*> x, <float*> y, n)


cdef void round_float16_kernel(const void* x, void* y, Py_ssize_t n, const double* p) noexcept nogil:
    c_round_float16(<const float*> x, <uint16_t*> y, n)


cdef cnp.ndarray convert_half(cnp.ndarray x, int source, int target, void* kernel):
    cdef Elementwise e
    if x is None or cnp.PyArray_TYPE(x) != source:
        raise TypeError(f"expected {'uint16' if source == cnp.NPY_UINT16 else 'float32'}, "
                        f"got {None if x is None else x.dtype}")
    e.chain, e.number = False, NULL
    e.kernel = kernel
    return run_elementwise([x], &e, target, None)


def widen_bfloat16(x):
    """The float32 values of bfloat16 bits."""
    return convert_half(x, cnp.NPY_UINT16, cnp.NPY_FLOAT, <void*> widen_bfloat16_kernel)


def round_bfloat16(x):
    """The bits of the bfloat16 nearest to each float32."""
    return convert_half(x, cnp.NPY_FLOAT, cnp.NPY_UINT16, <void*> round_bfloat16_kernel)


def widen_float16(x):
    """The float32 values of float16 bits."""
    return convert_half(x, cnp.NPY_UINT16, cnp.NPY_FLOAT, <void*> widen_float16_kernel)


def round_float16(x):
    """The bits of the float16 nearest to each float32."""
    return convert_half(x, cnp.NPY_FLOAT, cnp.NPY_UINT16, <void*> round_float16_kernel)
