# Sine, cosine and tangent of float32, in double: x - k * pi / 2 in two parts, and Taylor polynomials up to pi / 4, whose
# remainders are below 2e-9. Past TRIG_LIMIT, where k is no longer exact, and for float64, the C library's.

cdef enum:
    TRIG_LIMIT = 1 << 20


cdef inline double quarter_turns(float x, int64_t* k) noexcept nogil:
    """r in [-pi / 4, pi / 4] with x = r + k * pi / 2."""
    cdef double shifted = x * 0.63661977236758134308 + 6755399441055744.0, turns = shifted - 6755399441055744.0
    k[0] = bits64(shifted)
    return (x - turns * 1.57079632673412561417) - turns * 6.07710050650619224932e-11


cdef inline double sin_part(double r) noexcept nogil:
    """sin(r) for |r| <= pi / 4."""
    cdef double z = r * r
    return r + r * z * (((2.7557319223985893e-06 * z - 1.984126984126984e-04) * z + 8.333333333333333e-03) * z
                        - 1.6666666666666666e-01)


cdef inline double cos_part(double r) noexcept nogil:
    """cos(r) for |r| <= pi / 4."""
    cdef double z = r * r
    return 1 + z * ((((-2.755731922398589e-07 * z + 2.48015873015873e-05) * z - 1.388888888888889e-03) * z
                     + 4.1666666666666664e-02) * z - 0.5)


cdef inline double turned(double r, int64_t k) noexcept nogil:
    """sin(r + k * pi / 2)."""
    cdef double s = sin_part(r), c = cos_part(r)
    s = c if k & 1 else s
    return -s if k & 2 else s


cdef inline bint any_beyond(const float* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef int beyond = 0
    for i in range(n):
        beyond |= not (magnitude(x[i]) <= TRIG_LIMIT)
    return beyond


cdef void sin_kernel(const float* x, float* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef int64_t k
    cdef double r
    cdef float s
    for i in range(n):
        r = quarter_turns(x[i], &k)
        s = <float> turned(r, k)
        y[i] = x[i] if magnitude(x[i]) < <float> (2.0 ** -13) else s        # keeps -0 as well
    if any_beyond(x, n):
        for i in range(n):
            y[i] = y[i] if magnitude(x[i]) <= TRIG_LIMIT else cmath.sinf(x[i])


cdef void cos_kernel(const float* x, float* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef int64_t k
    cdef double r
    for i in range(n):
        r = quarter_turns(x[i], &k)
        y[i] = <float> turned(r, k + 1)
    if any_beyond(x, n):
        for i in range(n):
            y[i] = y[i] if magnitude(x[i]) <= TRIG_LIMIT else cmath.cosf(x[i])


cdef void tan_kernel(const float* x, float* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef int64_t k
    cdef double r, s, c
    cdef float t
    for i in range(n):
        r = quarter_turns(x[i], &k)
        s, c = sin_part(r), cos_part(r)
        t = <float> ((-c if k & 1 else s) / (s if k & 1 else c))
        y[i] = x[i] if magnitude(x[i]) < <float> (2.0 ** -13) else t
    if any_beyond(x, n):
        for i in range(n):
            y[i] = y[i] if magnitude(x[i]) <= TRIG_LIMIT else cmath.tanf(x[i])


def sin(x, out=None):
    """Sine of x radians."""
    return wide1(x, <void*> sin_kernel, <void*> cmath.sin, out)


def cos(x, out=None):
    """Cosine of x radians."""
    return wide1(x, <void*> cos_kernel, <void*> cmath.cos, out)


def tan(x, out=None):
    """Tangent of x radians."""
    return wide1(x, <void*> tan_kernel, <void*> cmath.tan, out)
