# Functions of float32 whose kernels compute in double, by polynomials with errors below 1e-10: rounding the result is their
# only error that counts. Those of float64 are the C library's, one call per element.

cdef enum:
    QUOTIENT_LIMIT = 1 << 28    # below it the integer part of a quotient of two floats, and what it leaves, are exact


ctypedef double (*Double2)(double, double) noexcept nogil


cdef void libm2_kernel(const double* x, const double* y, double* z, Py_ssize_t n, const double* p) noexcept nogil:
    """The function whose address is the first parameter."""
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = (<Double2*> p)[0](x[i], y[i])


cdef cnp.ndarray wide2(x, y, void* kernel, void* f64, object out):
    """``kernel`` over float32, the C library's function ``f64`` over float64."""
    return map2(x, y, kernel, <void*> libm2_kernel, out, double_of(<int64_t> f64))


# Logarithms and exponentials

cdef inline double wide_log(double x, double scale, double* k) noexcept nogil:
    """log(x / 2**k) * scale for a positive normal x, with k for the caller to add."""
    return log_sum(log_split(x, k) - 1, <double> 0) * scale


cdef void log2_kernel(const float* x, float* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef double k, t
    for i in range(n):
        t = wide_log(x[i], 1.44269504088896341, &k) + k
        y[i] = <float> log_limits(<double> x[i], <double> x[i], t)


cdef void log10_kernel(const float* x, float* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef double k, t
    for i in range(n):
        t = wide_log(x[i], 0.43429448190325183, &k) + k * 0.30102999566398120
        y[i] = <float> log_limits(<double> x[i], <double> x[i], t)


cdef void exp2_kernel(const float* x, float* y, Py_ssize_t n, const double* p) noexcept nogil:
    """exp((x - k) * ln(2)) * 2**k with k = round(x), in float: x - k is exact."""
    cdef Py_ssize_t i
    cdef float t, k, half
    for i in range(n):
        t = clamp_high(clamp_low(x[i], <float> -152), <float> 129)
        k = round_even(t)
        half = round_even(k * <float> 0.5)
        t = exp_poly((t - k) * <float> 0.693147180559945)
        y[i] = product(t * pow2(half), pow2(k - half))


cdef void logit_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    """log(x / (1 - x)) of x between p[0] and p[1]; in float64 around 1/2 by what x / (1 - x) is away from 1."""
    cdef Py_ssize_t i
    cdef double z, r
    for i in range(n):
        z = clamp_high(clamp_low(<double> x[i], p[0]), p[1])
        r = log_(z / (1 - z))
        if floating is double:
            r = log1p_((2 * z - 1) / (1 - z)) if z > 0.25 and z < 0.75 else r
        y[i] = <floating> r


cdef void logaddexp_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n, const double* p) noexcept nogil:
    """The larger one plus log(1 + exp(-|x - y|))."""
    cdef Py_ssize_t i
    cdef double high, low, gap
    for i in range(n):
        high, low = x[i] if x[i] > y[i] else y[i], y[i] if x[i] > y[i] else x[i]
        gap = 0 if low == high else low - high      # of infinities too
        z[i] = <floating> (high + log1p_unit(exp_(gap)))


cdef inline double pow32(double x, double y) noexcept nogil:
    """x ** y with the special cases of the C standard."""
    cdef double t = magnitude(x), half = y * 0.5, k, r = log_sum(log_split(t, &k) - 1, <double> 0), sign
    r = exp_(y * log_limits(t, t, r + k * 0.69314718055994531))
    r = <double> 1 if t == 1 else r
    r = <double> 1 if y == 0 else r
    sign = <double> 1 if cmath.floor(half) == half else <double> -1
    sign = sign if cmath.floor(y) == y else cmath.NAN
    sign = sign if sign == sign or (t > 0 and t < cmath.INFINITY) else <double> 1
    return r * sign if with_sign(<double> 1, x) < 0 else r


cdef void pow_kernel(const float* x, const float* y, float* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = <float> pow32(x[i], y[i])


# Hyperbolic functions and their inverses

cdef void sinh_kernel(const float* x, float* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef double t, z, e, near
    for i in range(n):
        t = clamp_high(magnitude(<double> x[i]), <double> 90)
        z, e = t * t, exp_(t)
        near = (((((1.605904383682161e-10 * z + 2.505210838544172e-08) * z + 2.7557319223985893e-06) * z
                  + 1.984126984126984e-04) * z + 8.333333333333333e-03) * z + 0.16666666666666666) * z * t + t
        y[i] = with_sign(<float> (near if t < 1 else 0.5 * (e - 1 / e)), x[i])


cdef void cosh_kernel(const float* x, float* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef double e
    for i in range(n):
        e = exp_(clamp_high(magnitude(<double> x[i]), <double> 90))
        y[i] = <float> (0.5 * (e + 1 / e))


cdef void asinh_kernel(const float* x, float* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef double t, z, near, far
    for i in range(n):
        t = magnitude(<double> x[i])
        z = t * t
        near, far = t + t * z * (0.075 * z - 0.16666666666666666), log_(t + cmath.sqrt(z + 1))
        y[i] = with_sign(<float> (near if t < 1e-3 else far), x[i])


cdef void acosh_kernel(const float* x, float* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef double t, z
    for i in range(n):
        t = x[i]
        z = log_(t + cmath.sqrt((t - 1) * (t + 1)))
        y[i] = <float> (cmath.NAN if t < 1 else z)


cdef void atanh_kernel(const float* x, float* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef double t, z, near, far
    for i in range(n):
        t = magnitude(<double> x[i])
        z = t * t
        near, far = t + t * z * (0.2 * z + 0.33333333333333333), 0.5 * log_((1 + t) / (1 - t))
        y[i] = with_sign(<float> (near if t < 1e-3 else far), x[i])


cdef void erfc_kernel(const float* x, float* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = <float> (2 * normal_cdf64(x[i] * -1.41421356237309505))


# Angles

cdef inline double first_quadrant(double y, double x) noexcept nogil:
    """The angle of the point (x, y), neither being negative; atan(q) for q <= 1 with an error of 4.3e-11."""
    cdef double low = y if y < x else x, high = x if y < x else y, q = low / high, z, a
    q = (<double> 1 if high > 0 else <double> 0) if low == high else q      # of two zeros 0, of two infinities 1
    z = q * q
    a = (((((((((((0.0005930437556365282 * z - 0.0042216579909296476) * z + 0.014072923344697239) * z
                 - 0.02991311194551696) * z + 0.047294798621813336) * z - 0.06246315194128317) * z
              + 0.0758665283364667) * z - 0.09073553118976409) * z + 0.11109392308322223) * z
           - 0.14285624891483525) * z + 0.19999998154086215) * z - 0.3333333332694414)
    a = q + q * z * a
    return 1.57079632679489662 - a if y > x else a


cdef void atan_kernel(const float* x, float* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = with_sign(<float> first_quadrant(magnitude(<double> x[i]), 1), x[i])


cdef void asin_kernel(const float* x, float* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef double t
    for i in range(n):
        t = magnitude(<double> x[i])
        y[i] = with_sign(<float> first_quadrant(t, cmath.sqrt((1 - t) * (1 + t))), x[i])


cdef void acos_kernel(const float* x, float* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef double t, a
    for i in range(n):
        t = magnitude(<double> x[i])
        a = first_quadrant(cmath.sqrt((1 - t) * (1 + t)), t)
        y[i] = <float> (3.14159265358979324 - a if x[i] < 0 else a)


cdef void atan2_kernel(const float* x, const float* y, float* z, Py_ssize_t n, const double* p) noexcept nogil:
    """The angle of the point (y, x)."""
    cdef Py_ssize_t i
    cdef double a
    for i in range(n):
        a = first_quadrant(magnitude(<double> x[i]), magnitude(<double> y[i]))
        z[i] = with_sign(<float> (3.14159265358979324 - a if with_sign(<float> 1, y[i]) < 0 else a), x[i])


cdef void hypot_kernel(const float* x, const float* y, float* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef double a, b, r
    for i in range(n):
        a, b = magnitude(<double> x[i]), magnitude(<double> y[i])
        r = cmath.sqrt(a * a + b * b)
        r = cmath.INFINITY if a == cmath.INFINITY else r        # beside NaN, too
        z[i] = <float> (cmath.INFINITY if b == cmath.INFINITY else r)


# Quotients rounded to integers, and what they leave

cdef inline bint quotient_beyond(double x, double y) noexcept nogil:
    return not magnitude(x) < magnitude(y) * QUOTIENT_LIMIT


cdef inline bint any_quotient_beyond(const float* x, const float* y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef int beyond = 0
    for i in range(n):
        beyond |= quotient_beyond(x[i], y[i])
    return beyond


cdef inline double quotient_rest(double x, double y, double* q) noexcept nogil:
    """x - q * y with q = trunc(x / y) of floats, exact below the limit."""
    q[0] = cmath.trunc(x / y)
    return x if magnitude(y) == cmath.INFINITY and magnitude(x) < cmath.INFINITY else x - q[0] * y


cdef void fmod_kernel(const float* x, const float* y, float* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef double q
    for i in range(n):
        z[i] = with_sign(<float> quotient_rest(x[i], y[i], &q), x[i])
    if any_quotient_beyond(x, y, n):
        for i in range(n):
            z[i] = cmath.fmodf(x[i], y[i]) if quotient_beyond(x[i], y[i]) else z[i]


cdef inline floating remainder_(floating x, floating y) noexcept nogil:
    cdef floating r = cmath.fmodf(x, y) if floating is float else cmath.fmod(x, y)
    return r + y if r != 0 and (r < 0) != (y < 0) else r


cdef void remainder_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n,
                           const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef double q
    cdef float r
    if floating is float:
        for i in range(n):
            r = with_sign(<float> quotient_rest(x[i], y[i], &q), x[i])
            z[i] = r + y[i] if r != 0 and (r < 0) != (y[i] < 0) else r
        if not any_quotient_beyond(x, y, n):
            return
        for i in range(n):
            z[i] = remainder_(x[i], y[i]) if quotient_beyond(x[i], y[i]) else z[i]
    else:
        for i in range(n):
            z[i] = remainder_(x[i], y[i])


cdef inline floating floor_divide_(floating x, floating y) noexcept nogil:
    """floor(x / y) by what is left of x, as Python has it: x / y may round up to the next integer."""
    cdef floating rest, q, whole
    if y == 0:
        return x / y
    rest = cmath.fmodf(x, y) if floating is float else cmath.fmod(x, y)
    q = (x - rest) / y
    q = q - <floating> 1 if rest != 0 and (rest < 0) != (y < 0) else q
    whole = cmath.floorf(q) if floating is float else cmath.floor(q)
    whole = whole + <floating> 1 if q - whole > <floating> 0.5 else whole
    return whole if q != 0 else with_sign(<floating> 0, x / y)


cdef void floor_divide_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n,
                              const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef double q, rest
    if floating is float:
        for i in range(n):
            rest = quotient_rest(x[i], y[i], &q)
            q = q - 1 if rest != 0 and (rest < 0) != (y[i] < 0) else q
            z[i] = <float> q
        if not any_quotient_beyond(x, y, n):
            return
        for i in range(n):
            z[i] = floor_divide_(x[i], y[i]) if quotient_beyond(x[i], y[i]) else z[i]
    else:
        for i in range(n):
            z[i] = floor_divide_(x[i], y[i])


# What Python calls

def exp2(x, out=None):
    """2 ** x."""
    return wide1(x, <void*> exp2_kernel, <void*> cmath.exp2, out)


def log2(x, out=None):
    """Logarithm to base 2."""
    return wide1(x, <void*> log2_kernel, <void*> cmath.log2, out)


def log10(x, out=None):
    """Logarithm to base 10."""
    return wide1(x, <void*> log10_kernel, <void*> cmath.log10, out)


def asin(x, out=None):
    """Inverse sine, in radians."""
    return wide1(x, <void*> asin_kernel, <void*> cmath.asin, out)


def acos(x, out=None):
    """Inverse cosine, in radians."""
    return wide1(x, <void*> acos_kernel, <void*> cmath.acos, out)


def atan(x, out=None):
    """Inverse tangent, in radians."""
    return wide1(x, <void*> atan_kernel, <void*> cmath.atan, out)


def sinh(x, out=None):
    """Hyperbolic sine."""
    return wide1(x, <void*> sinh_kernel, <void*> cmath.sinh, out)


def cosh(x, out=None):
    """Hyperbolic cosine."""
    return wide1(x, <void*> cosh_kernel, <void*> cmath.cosh, out)


def asinh(x, out=None):
    """Inverse hyperbolic sine."""
    return wide1(x, <void*> asinh_kernel, <void*> cmath.asinh, out)


def acosh(x, out=None):
    """Inverse hyperbolic cosine."""
    return wide1(x, <void*> acosh_kernel, <void*> cmath.acosh, out)


def atanh(x, out=None):
    """Inverse hyperbolic tangent."""
    return wide1(x, <void*> atanh_kernel, <void*> cmath.atanh, out)


def erfc(x, out=None):
    """1 - erf(x)."""
    return wide1(x, <void*> erfc_kernel, <void*> cmath.erfc, out)


def logit(x, double low, double high, out=None):
    """log(z / (1 - z)) of z = min(max(x, low), high); NaN outside [0, 1]."""
    return map1(x, <void*> logit_kernel[float], <void*> logit_kernel[double], out, low, high)


def logaddexp(x, y, out=None):
    """log(exp(x) + exp(y)) without overflow."""
    return map2(x, y, <void*> logaddexp_kernel[float], <void*> logaddexp_kernel[double], out)


def pow(cnp.ndarray x, cnp.ndarray y, out=None):
    """x ** y; a single exponent of 2, 3, 0.5 or -1 needs no logarithm."""
    cdef double exponent
    if cnp.PyArray_SIZE(y) == 1 and cnp.PyArray_NDIM(y) <= cnp.PyArray_NDIM(x) and common_type(x, y):
        exponent = y.item()
        if exponent == 2:
            return map1(x, <void*> square_kernel[float], <void*> square_kernel[double], out)
        if exponent == 3:
            return map1(x, <void*> cube_kernel[float], <void*> cube_kernel[double], out)
        if exponent == 0.5:
            return map1(x, <void*> pow_half_kernel[float], <void*> pow_half_kernel[double], out)
        if exponent == -1:
            return map1(x, <void*> reciprocal_kernel[float], <void*> reciprocal_kernel[double], out)
    return wide2(x, y, <void*> pow_kernel, <void*> cmath.pow, out)


def fmod(x, y, out=None):
    """x - y * trunc(x / y), exact: the sign of x."""
    return wide2(x, y, <void*> fmod_kernel, <void*> cmath.fmod, out)


def remainder(x, y, out=None):
    """x - y * floor(x / y): the sign of y, as Python's %."""
    return map2(x, y, <void*> remainder_kernel[float], <void*> remainder_kernel[double], out)


def floor_divide(x, y, out=None):
    """floor(x / y), as Python's //."""
    return map2(x, y, <void*> floor_divide_kernel[float], <void*> floor_divide_kernel[double], out)


def atan2(x, y, out=None):
    """Angle of the point (y, x), in radians."""
    return wide2(x, y, <void*> atan2_kernel, <void*> cmath.atan2, out)


def hypot(x, y, out=None):
    """sqrt(x * x + y * y) without overflow."""
    return wide2(x, y, <void*> hypot_kernel, <void*> cmath.hypot, out)
