# Elementwise functions of one operand.

cdef void neg_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = -x[i]


cdef void abs_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        if floating is float:
            y[i] = cmath.fabsf(x[i])
        else:
            y[i] = cmath.fabs(x[i])


cdef void sign_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = <floating> 1 if x[i] > 0 else (<floating> -1 if x[i] < 0 else x[i])


cdef void reciprocal_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    if floating is float:
        if INTERLEAVED == 16:
            reciprocal32(x, y, n)
            return
    for i in range(n):
        y[i] = <floating> 1 / x[i]


cdef inline floating sqrt_(floating x) noexcept nogil:
    """The square root; that of a denormal number, on which dividers are slow, from 2**54 times as much: exactly."""
    cdef floating least, lift, back
    if floating is float:
        least = 1.1754943508222875e-38
    else:
        least = 2.2250738585072014e-308
    lift = <floating> 18014398509481984.0 if magnitude(x) < least else <floating> 1
    back = <floating> (2.0 ** -27) if magnitude(x) < least else <floating> 1
    return (cmath.sqrtf(product(x, lift)) if floating is float else cmath.sqrt(product(x, lift))) * back


cdef void sqrt_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = sqrt_(x[i])


cdef void rsqrt_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = <floating> 1 / sqrt_(x[i])


cdef void square_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = product(x[i], x[i])


cdef void cube_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = product(product(x[i], x[i]), x[i])


cdef void pow_half_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    """x ** 0.5 as C's pow has it: unlike sqrt, +0 for -0 and +inf for -inf."""
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = cmath.sqrtf(x[i] + <floating> 0) if floating is float else cmath.sqrt(x[i] + <floating> 0)
        y[i] = <floating> cmath.INFINITY if x[i] == -<floating> cmath.INFINITY else y[i]


cdef void exp_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    if floating is float:
        if INTERLEAVED:
            exp32(x, y, n)
            return
    for i in range(n):
        y[i] = exp_(x[i])


cdef void expm1_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = expm1_(x[i])


cdef void log_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = log_(x[i])


cdef void log1p_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = log1p_(x[i])


cdef void erf_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = erf_(x[i])


cdef void floor_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = cmath.floorf(x[i]) if floating is float else cmath.floor(x[i])


cdef void ceil_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = cmath.ceilf(x[i]) if floating is float else cmath.ceil(x[i])


cdef void round_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = cmath.rintf(x[i]) if floating is float else cmath.rint(x[i])


cdef void trunc_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = cmath.truncf(x[i]) if floating is float else cmath.trunc(x[i])


def neg(x, out=None):
    """-x."""
    return map1(x, <void*> neg_kernel[float], <void*> neg_kernel[double], out)


def abs(x, out=None):
    """|x|."""
    return map1(x, <void*> abs_kernel[float], <void*> abs_kernel[double], out)


def sign(x, out=None):
    """1, -1, or x itself when it is a zero or NaN."""
    return map1(x, <void*> sign_kernel[float], <void*> sign_kernel[double], out)


def reciprocal(x, out=None):
    """1 / x."""
    return map1(x, <void*> reciprocal_kernel[float], <void*> reciprocal_kernel[double], out)


def sqrt(x, out=None):
    """x ** 0.5, NaN below zero."""
    return map1(x, <void*> sqrt_kernel[float], <void*> sqrt_kernel[double], out)


def rsqrt(x, out=None):
    """1 / sqrt(x)."""
    return map1(x, <void*> rsqrt_kernel[float], <void*> rsqrt_kernel[double], out)


def square(x, out=None):
    """x * x."""
    return map1(x, <void*> square_kernel[float], <void*> square_kernel[double], out)


def exp(x, out=None):
    """e ** x."""
    return map1(x, <void*> exp_kernel[float], <void*> exp_kernel[double], out)


def expm1(x, out=None):
    """e ** x - 1."""
    return map1(x, <void*> expm1_kernel[float], <void*> expm1_kernel[double], out)


def log(x, out=None):
    """Natural logarithm."""
    return map1(x, <void*> log_kernel[float], <void*> log_kernel[double], out)


def log1p(x, out=None):
    """log(1 + x)."""
    return map1(x, <void*> log1p_kernel[float], <void*> log1p_kernel[double], out)


def erf(x, out=None):
    """Error function."""
    return map1(x, <void*> erf_kernel[float], <void*> erf_kernel[double], out)


def floor(x, out=None):
    """Largest integer <= x."""
    return map1(x, <void*> floor_kernel[float], <void*> floor_kernel[double], out)


def ceil(x, out=None):
    """Smallest integer >= x."""
    return map1(x, <void*> ceil_kernel[float], <void*> ceil_kernel[double], out)


def round(x, out=None):
    """Nearest integer, halves to even."""
    return map1(x, <void*> round_kernel[float], <void*> round_kernel[double], out)


def trunc(x, out=None):
    """x without its fraction."""
    return map1(x, <void*> trunc_kernel[float], <void*> trunc_kernel[double], out)


# The C library's functions, one call per element

ctypedef float (*Float1)(float) noexcept nogil
ctypedef double (*Double1)(double) noexcept nogil


cdef void libm1_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    """The function whose address is the first parameter."""
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = (<Float1*> p)[0](x[i]) if floating is float else (<Double1*> p)[0](x[i])


cdef cnp.ndarray wide1(cnp.ndarray x, void* kernel, void* f64, object out):
    """``kernel`` over float32, the C library's function ``f64`` over float64."""
    if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT:
        return map1(x, kernel, NULL, out)
    return map1(x, NULL, <void*> libm1_kernel[double], out, double_of(<int64_t> f64))


def lgamma(cnp.ndarray x, out=None):
    """Logarithm of |gamma(x)|."""
    cdef void* function = <void*> cmath.lgammaf if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT else <void*> cmath.lgamma
    return map1(x, <void*> libm1_kernel[float], <void*> libm1_kernel[double], out, double_of(<int64_t> function))
