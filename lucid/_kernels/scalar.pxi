# Branch-free scalar mathematics that GCC vectorises. Every function returns NaN for NaN. Those whose names
# end in an underscore are within 2 ulp for float.
#
# Cython writes an integer literal beside a float as a double (1 + x becomes 1.0 + x), which takes the whole expression,
# division included, through double: hence <floating> 1.
#
# The polynomials interpolate at Chebyshev nodes, solved in 60 digits and rounded to their dtype; the error quoted
# beside each is the largest relative one after that rounding, to be compared with half an ulp: 6e-8 and 1.1e-16.

cdef inline floating clamp_low(floating x, floating lo) noexcept nogil:
    """max(x, lo), NaN kept: the comparison is false for NaN."""
    return lo if x < lo else x


cdef inline floating clamp_high(floating x, floating hi) noexcept nogil:
    """min(x, hi), NaN kept."""
    return hi if x > hi else x


cdef inline floating magnitude(floating x) noexcept nogil:
    """abs(x), by clearing the sign bit."""
    if floating is float:
        return cmath.fabsf(x)
    else:
        return cmath.fabs(x)


cdef inline floating with_sign(floating x, floating sign) noexcept nogil:
    """abs(x) with the sign bit of ``sign``."""
    if floating is float:
        return cmath.copysignf(x, sign)
    else:
        return cmath.copysign(x, sign)


cdef extern from *:
    """
    /* Without -0.0 the compiler would write a multiplication. */
    #ifdef __FP_FAST_FMAF
    #define lucid_product32(x, y) __builtin_fmaf(x, y, -0.0f)
    #define lucid_product64(x, y) __builtin_fma(x, y, -0.0)
    #else
    #define lucid_product32(x, y) ((x) * (y))
    #define lucid_product64(x, y) ((x) * (y))
    #endif
    """
    float product32 "lucid_product32" (float x, float y) noexcept nogil
    double product64 "lucid_product64" (double x, double y) noexcept nogil


cdef inline floating product(floating x, floating y) noexcept nogil:
    """x * y, for factors or results that may be denormal: a CPU of AMD's multiplies those slowly (13 cycles instead of
    half a one, among other operations) but multiplies and adds them, here -0, as fast as any."""
    if floating is float:
        return product32(x, y)
    else:
        return product64(x, y)


cdef inline floating round_even(floating x) noexcept nogil:
    """x rounded to an integer, for |x| < 2**22: adding 1.5 * 2**mantissa_bits drops the fraction."""
    if floating is float:
        return (x + <float> 12582912.0) - <float> 12582912.0
    else:
        return (x + <double> 6755399441055744.0) - <double> 6755399441055744.0


cdef inline floating pow2(floating k) noexcept nogil:
    """2**k for an integral k in the normal exponent range, built in the exponent bits."""
    if floating is float:
        return float_of(bits32(k + <float> (12582912.0 + 127)) << 23)
    else:
        return double_of(bits64(k + <double> (6755399441055744.0 + 1023)) << 52)


# exp(x) = exp(r) * 2**k with k = round(x / ln(2)). ln(2) is subtracted in two parts; the first has enough trailing
# zeros that k times it, and the difference, are exact.

cdef inline floating exp_residual(floating x, floating k) noexcept nogil:
    """r = x - k * ln(2)."""
    if floating is float:
        return (x - k * <float> 0.693145751953125) - k * <float> 1.42860682030941723212e-6
    else:
        return (x - k * <double> 6.93147180369123816490e-01) - k * <double> 1.90821492927058770002e-10


cdef inline floating exp_tail(floating r) noexcept nogil:
    """(exp(r) - 1 - r) / r**2 for |r| <= ln(2)/2; in exp(r) - 1 an error of 2.3e-8 and 7.5e-17."""
    if floating is float:
        return (((<float> 0.001392637612298131 * r + <float> 0.008363333530724049) * r + <float> 0.04166655242443085)
                * r + <float> 0.16666576266288757) * r + <float> 0.5
    else:
        return (((((((((2.5095778714723427e-08 * r + 2.761409818752996e-07) * r + 2.755727966225757e-06) * r
                + 2.4801535862366184e-05) * r + 1.984126985454174e-4) * r + 0.0013888888906145676) * r
                + 0.008333333333332131) * r + 0.04166666666665104) * r + 0.16666666666666666) * r + 0.5)


cdef inline floating expm1_poly(floating r) noexcept nogil:
    """exp(r) - 1 for |r| <= ln(2)/2."""
    return exp_tail(r) * r * r + r


cdef inline floating exp_poly(floating r) noexcept nogil:
    """exp(r) for |r| <= ln(2)/2."""
    return (exp_tail(r) * r + <floating> 1) * r + <floating> 1


cdef inline floating exp_scaled(floating x, floating* s) noexcept nogil:
    """m with exp(x) = unscale(s + s * m), for x in [-110, 40] or [-760, 350].

    The scale is 2**(k + 64), or 2**(k + 512): a normal number where exp(x) is subnormal or zero. Products such as
    x * exp(x), formed before ``unscale``, are exact down to their own underflow threshold, not to that of exp. As m is
    small, b + b * m has one rounding where b * exp(r) has two.
    """
    cdef floating shifted
    if floating is float:
        shifted = x * <float> 1.44269504088896341 + <float> (12582912.0 + 127 + 64)
        s[0] = float_of(bits32(shifted) << 23)
        return expm1_poly(exp_residual(x, shifted - <float> (12582912.0 + 127 + 64)))
    else:
        shifted = x * 1.44269504088896341 + (6755399441055744.0 + 1023 + 512)
        s[0] = double_of(bits64(shifted) << 52)
        return expm1_poly(exp_residual(x, shifted - (6755399441055744.0 + 1023 + 512)))


cdef inline floating unscale(floating x) noexcept nogil:
    """x without the factor that ``exp_scaled`` adds; the one rounding into the subnormal range."""
    if floating is float:
        return x * <float> (2.0 ** -64)
    else:
        return x * <double> (2.0 ** -512)


cdef inline floating unscale_result(floating x) noexcept nogil:
    """``unscale`` of what may be denormal. The plain one is for terms: with the sum it becomes one operation."""
    if floating is float:
        return product(x, <float> (2.0 ** -64))
    else:
        return product(x, <double> (2.0 ** -512))


cdef inline floating exp_floor(floating x) noexcept nogil:
    """max(x, the point below which exp(x), and x * exp(x), round to zero)."""
    if floating is float:
        return clamp_low(x, <float> -110.0)
    else:
        return clamp_low(x, <double> -760.0)


cdef inline floating saturation(floating x) noexcept nogil:
    """The point above which 1 + exp(-x) and 1 + x * exp(-x) round to 1."""
    if floating is float:
        return 20.0
    else:
        return 45.0


cdef inline floating nudge(floating x) noexcept nogil:
    """x + 2**-40 (or 2**-80), far below half an ulp of what exp makes of it.

    A denormal x would make denormals of r and exp(r) - 1, and of every step of the polynomial between them.
    """
    if floating is float:
        return x + <float> (2.0 ** -40)
    else:
        return x + <double> (2.0 ** -80)


cdef inline floating exp_neg(floating x) noexcept nogil:
    """exp(x) for x <= 40: one scale, one clamp."""
    cdef floating s, m = exp_scaled(nudge(exp_floor(x)), &s)
    return unscale_result(s + s * m)


cdef inline floating exp_(floating x) noexcept nogil:
    """exp(x); the power of two is applied in two halves, as k reaches past both ends of the normal range."""
    cdef floating k, half
    if floating is float:
        x = clamp_high(clamp_low(x, <float> -104.0), <float> 89.0)
        k = round_even(x * <float> 1.44269504088896341)
    else:
        x = clamp_high(clamp_low(x, <double> -746.0), <double> 710.0)
        k = round_even(x * 1.44269504088896341)
    half = round_even(k * <floating> 0.5)
    return product(exp_poly(exp_residual(x, k)) * pow2(half), pow2(k - half))


cdef inline floating expm1_(floating x) noexcept nogil:
    """exp(x) - 1 = (exp(r) - 1) * 2**k + (2**k - 1), halved so that k = 128 fits."""
    cdef floating a, k, r, s, y, tiny
    if floating is float:
        a = clamp_high(clamp_low(x, <float> -20.0), <float> 89.0)
        k = round_even(a * <float> 1.44269504088896341)
        tiny = 2.0 ** -26
    else:
        a = clamp_high(clamp_low(x, <double> -40.0), <double> 710.0)
        k = round_even(a * 1.44269504088896341)
        tiny = 2.0 ** -55
    r = exp_residual(a, k)
    s = pow2(k - <floating> 1)
    y = product(exp_tail(r), r) * r + r
    y = (y * s + (s - <floating> 0.5)) * <floating> 2
    return x if magnitude(x) < tiny else y


# Logarithms: x = (1 + f) * 2**k with 1 + f in [2/3, 4/3).

cdef inline floating log_sum(floating f, floating k) noexcept nogil:
    """log1p(f) + k * ln(2) for |f| <= 1/3; in log1p(f) an error of 8.3e-9 and 5.4e-17."""
    cdef floating s, z, half
    if floating is float:
        z = (((((((<float> -0.12422200292348862 * f + <float> 0.13748309016227722) * f + <float> -0.12288721650838852)
              * f + <float> 0.140558123588562) * f + <float> -0.16673316061496735) * f + <float> 0.20007233321666718)
              * f + <float> -0.24999944865703583) * f + <float> 0.33333271741867065) * f + <float> -0.5
        return (f + (z * f * f + k * <float> 1.42860682030941723212e-6)) + k * <float> 0.693145751953125
    else:
        s = f / (2 + f)
        z = s * s
        z = ((((((0.1511848710872457 * z + 0.15283703752403147) * z + 0.18184610246294064) * z + 0.22222182776674482)
             * z + 0.2857142883604555) * z + 0.39999999999335556) * z + 0.6666666666666694) * z
        half = 0.5 * f * f
        return k * 6.93147180369123816490e-01 + (f - (half - (s * (half + z) + k * 1.90821492927058770002e-10)))


cdef inline floating log_split(floating x, floating* k) noexcept nogil:
    """1 + f and k for a positive normal x."""
    cdef uint32_t i
    cdef uint64_t j
    if floating is float:
        i = (<uint32_t> bits32(x) + (0x3f800000 - 0x3f2aaaab)) >> 23
        k[0] = <float> (<int32_t> i - 127)
        return float_of(bits32(x) - ((<int32_t> i - 127) << 23))
    else:
        j = (<uint64_t> bits64(x) + (<uint64_t> 0x3ff0000000000000 - <uint64_t> 0x3fe5555555555555)) >> 52
        # an integer below 2**52 becomes a double by or-ing it into the mantissa of 2**52
        k[0] = double_of(j | <uint64_t> 0x4330000000000000) - (4503599627370496.0 + 1023)
        return double_of(bits64(x) - <int64_t> ((j - 1023) << 52))


cdef inline floating log_limits(floating x, floating at_zero, floating y) noexcept nogil:
    """y with the logarithm's limits: -inf where ``at_zero`` is 0, NaN below, and x itself for inf and NaN."""
    y = <floating> -cmath.INFINITY if at_zero == 0 else y
    y = <floating> cmath.NAN if at_zero < 0 else y
    return y if x < <floating> cmath.INFINITY else x


cdef inline floating log_(floating x) noexcept nogil:
    """log(x)."""
    cdef floating k, m, normal, lift
    cdef bint subnormal
    if floating is float:
        # x * 2**149 by its bits, read as an integer: no arithmetic on a denormal number
        subnormal = bits32(x) < 0x00800000
        normal = <float> bits32(x) if subnormal else x
        lift = 149
    else:
        subnormal = x < 2.2250738585072014e-308
        normal = x * 18014398509481984.0 if subnormal else x
        lift = 54
    m = log_split(normal, &k)
    k = k - lift if subnormal else k
    return log_limits(x, x, log_sum(m - <floating> 1, k))


cdef inline floating log1p_(floating x) noexcept nogil:
    """log(1 + x). k comes from the rounded sum, but f from x itself: f = x * 2**-k + (2**-k - 1)."""
    cdef floating u = <floating> 1 + x, k, s, f, tiny, y, a
    log_split(u, &k)
    s = pow2(<floating> 2 - k)         # 2**-k would be subnormal for the largest x
    if floating is float:
        tiny = 2.0 ** -26
    else:
        tiny = 2.0 ** -55
    a = <floating> 0 if magnitude(x) < <floating> (2.0 ** -60) else x       # not the products of a denormal number
    f = a * s * <floating> 0.25 + (s * <floating> 0.25 - <floating> 1)
    y = log_limits(x, u, log_sum(f, k))
    return x if magnitude(x) < tiny else y


cdef inline floating log1p_unit(floating e) noexcept nogil:
    """log(1 + e) for e in [0, 1]: k is 0 or 1."""
    cdef bint upper = e > <floating> (1 / 3.)
    cdef floating tiny, f
    if floating is float:
        tiny = 2.0 ** -26
    else:
        tiny = 2.0 ** -55
    f = <floating> 0 if e < <floating> (2.0 ** -60) else e      # not the products of a denormal number
    f = log_sum(f * <floating> 0.5 - <floating> 0.5 if upper else f, <floating> 1 if upper else <floating> 0)
    return e if e < tiny else f


cdef inline floating sigmoid_(floating x) noexcept nogil:
    """e / (1 + e) with e = exp(x); 1 from where that rounds to 1."""
    cdef floating s, m = exp_scaled(nudge(clamp_high(exp_floor(x), saturation(x))), &s), q
    q = s / (<floating> 1 + unscale(s + s * m))
    q = unscale_result(q + q * m)
    return <floating> 1 if x >= saturation(x) else q


cdef inline floating tanh_(floating x) noexcept nogil:
    """tanh(|x|), given the sign of x. With m = exp(-2|x|) - 1 it is -m / (2 + m).

    For float, where that has 2.5 ulp: an odd polynomial (error 1.8e-8) up to 0.625, 1 - 2 * (1 + m) / (2 + m) above.
    """
    cdef floating t, a, k, s, m, z, near
    if floating is float:
        t = clamp_high(magnitude(x), <float> 20.0)
        m = exp_scaled(-(t + t), &s)
        m = unscale(s + s * m)
        z = product(t, t)
        near = (((<float> -0.006096299737691879 * z + <float> 0.02099689468741417) * z + <float> -0.053850848227739334)
                * z + <float> 0.1333276927471161) * z + <float> -0.333333283662796
        near = product(near, z) * t + t
        return with_sign(near if t < <float> 0.625 else <float> 1 - <float> 2 * m / (<float> 1 + m), x)
    else:
        a = -2 * clamp_high(magnitude(x), 20.0)
        k = round_even(a * 1.44269504088896341)
        s = pow2(k)
        m = expm1_poly(exp_residual(a, k)) * s + (s - 1)
        return with_sign(m / (2 + m), x)


# The normal distribution. Its upper tail is exp(-t**2/2) * R(t) for t >= 0, with R(t) = erfcx(t / sqrt(2)) / 2 falling
# slowly from 1/2 towards 1 / (t * sqrt(2*pi)).

cdef inline floating normal_end(floating x) noexcept nogil:
    """The t past which t * exp(-t**2/2) rounds to zero, and with it the tail."""
    if floating is float:
        return 15.0
    else:
        return 39.0


cdef extern from *:
    """
    /* t * t - q, exactly, for q = t * t rounded: the upper half of the mantissa squares exactly. */
    #ifdef __FP_FAST_FMAF
    #define lucid_square_rest(t, q) __builtin_fmaf(t, t, -(q))
    #else
    static inline float lucid_square_rest(float t, float q) {
        float h = lucid_f32(lucid_i32(t) & (int32_t) 0xfffff000);
        return (h * h - q) + (t - h) * (t + h);
    }
    #endif
    """
    float square_rest "lucid_square_rest" (float t, float q) noexcept nogil


cdef inline floating half_gauss(floating t, floating* s) noexcept nogil:
    """m with exp(-t**2/2) = unscale(s + s * m), for t in [0, normal_end].

    t**2 is taken in two parts: rounded, it would cost t**2/2 ulp.
    """
    cdef floating h, k, shifted
    if floating is float:
        h = t * t
        shifted = h * <float> (-0.5 * 1.44269504088896341) + <float> (12582912.0 + 127 + 64)
        s[0] = float_of(bits32(shifted) << 23)
        k = shifted - <float> (12582912.0 + 127 + 64)
        return expm1_poly(exp_residual(h * <float> -0.5, k) - square_rest(t, h) * <float> 0.5)
    else:
        h = double_of(bits64(t) & <int64_t> 0xfffffffff8000000)
        shifted = t * t * (-0.5 * 1.44269504088896341) + (6755399441055744.0 + 1023 + 512)
        s[0] = double_of(bits64(shifted) << 52)
        k = shifted - (6755399441055744.0 + 1023 + 512)
        return expm1_poly(exp_residual(h * h * <floating> -0.5, k) - (t - h) * (t + h) * <floating> 0.5)


cdef inline float tail_poly(float u) noexcept nogil:
    """R(t) * (t + 4) / 4 for u = (t - 4) / (t + 4), t in [0, 15]: error 2.1e-8."""
    return (((((((((<float> -3.13896089210175e-05 * u + <float> 4.724913742393255e-05)
            * u + <float> 0.00039172032848000526) * u + <float> -0.0008802429656498134)
            * u + <float> -0.0018813533242791891) * u + <float> 0.015101549215614796)
            * u + <float> -0.046630844473838806) * u + <float> 0.09678415954113007)
            * u + <float> -0.1519741415977478) * u + <float> 0.18882128596305847)


cdef inline double tail_rational(double t) noexcept nogil:
    """R(t) for t in [0, 39]: error 2.2e-17; positive coefficients, so nothing cancels."""
    cdef double a, b
    a = (((((((((2.1841939157224647e-07 * t + 6.8301227250702235e-06) * t + 1.0474310614534726e-4) * t
             + 0.001025071569350438) * t + 0.007041273528835195) * t + 0.03534107463999677) * t
             + 0.1311071375110668) * t + 0.3554710849740133) * t + 0.677233305206694) * t
             + 0.8264390116762824) * t + 0.5
    b = ((((((((((5.474962226425645e-07 * t + 1.7120578741890866e-05) * t + 2.630995276560322e-4) * t
             + 0.00258659395820462) * t + 0.017911312346517043) * t + 0.09112216947098654) * t
             + 0.3457670766572471) * t + 0.97465321348953) * t + 1.9934920327604) * t
             + 2.8098922385043354) * t + 2.4507625841554304) * t + 1
    return a / b


cdef inline floating tail_factors(floating t, floating* h) noexcept nogil:
    """g with t * R(t) = h * g; h is t where t is small. One division serves the float polynomial's variable and h."""
    if floating is float:
        h[0] = t * <float> 4 / (t + <float> 4)
        return tail_poly(h[0] * <float> 0.5 - <float> 1)
    else:
        h[0] = t
        return tail_rational(t)


cdef inline floating tail_ratio(floating t) noexcept nogil:
    """R(t)."""
    cdef floating w
    if floating is float:
        w = <float> 4 / (t + <float> 4)
        return w * tail_poly(<float> 1 - <float> 2 * w)
    else:
        return tail_rational(t)


cdef inline double normal_cdf64(double x) noexcept nogil:
    cdef double t = clamp_high(magnitude(x), normal_end(x)), s, m = half_gauss(t, &s), tail
    tail = s * tail_rational(t)
    tail = unscale(tail + tail * m)
    return 1 - tail if x > 0 else tail


cdef inline floating normal_cdf_(floating x) noexcept nogil:
    """Phi(x) = erfc(-x / sqrt(2)) / 2; for float through double, as ``tail_ratio`` alone has 3 ulp."""
    return <floating> normal_cdf64(x)


cdef inline floating erf_(floating x) noexcept nogil:
    """erf(x): an odd polynomial (error 2.6e-8) up to 0.94, 1 - 2 * normal tail above; libm for double."""
    cdef floating t, u, z, near, far
    if floating is float:
        t = clamp_high(magnitude(x), <float> 4.0)
        z = t * t
        near = (((<float> -0.0005882495897822082 * z + <float> 0.0049720159731805325) * z
                + <float> -0.026752358302474022) * z + <float> 0.11281431466341019) * z + <float> -0.3761245906352997
        near = (near * z + <float> 0.12837915122509003) * t + t
        u = t * <float> 1.4142135623730951
        far = <float> 1 - <float> 2 * exp_neg(-z) * tail_ratio(u)
        return with_sign(near if t < <float> 0.94 else far, x)
    else:
        return cmath.erf(x)
