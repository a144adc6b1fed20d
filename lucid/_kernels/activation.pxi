# Activations: kernel pairs, forward beside backward, then the functions Python calls.
#
# Inputs are clamped to where the formula still changes in this dtype, so neither inf * 0 nor inf / inf arises.

# SiLU (Swish): y = x * sigmoid(x)

cdef void silu_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating a, m, s
    if floating is float:
        if INTERLEAVED:
            silu32(x, y, n)
            return
    for i in range(n):
        a = clamp_high(exp_floor(x[i]), saturation(x[i]))
        m = exp_scaled(nudge(a), &s)
        a = product(a, s) / (<floating> 1 + unscale(s + s * m))
        a = unscale_result(a + a * m)
        y[i] = x[i] if x[i] >= saturation(x[i]) else a


cdef void silu_backward_kernel(const floating* x, floating* dx, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating a, m, s, d
    for i in range(n):
        # s * (1 + x * (1 - s)) = e * (1 + e + x) / (1 + e)**2
        a = nudge(clamp_high(exp_floor(x[i]), saturation(x[i])))
        m = exp_scaled(a, &s)
        d = <floating> 1 + unscale(s + s * m)
        a = (d + a) / (d * d) * s
        a = unscale_result(a + a * m)
        dx[i] = <floating> 1 if x[i] >= saturation(x[i]) else a


def silu(x, out=None):
    """x * sigmoid(x)."""
    return map1(x, <void*> silu_kernel[float], <void*> silu_kernel[double], out)


def silu_backward(x, dy, out=None):
    """dy * s * (1 + x * (1 - s)), s = sigmoid(x)."""
    return map_chain(x, dy, <void*> silu_backward_kernel[float], <void*> silu_backward_kernel[double], out)


# Mish: y = x * tanh(log(1 + e)), e = exp(x), which is x * m / (m + 2) with m = e * (e + 2)

cdef void mish_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating a, m, e, s
    for i in range(n):
        a = clamp_high(exp_floor(x[i]), saturation(x[i]))
        m = exp_scaled(nudge(a), &s)
        e = unscale_result(s + s * m)
        # x * s first: a subnormal x becomes normal
        a = product(a, s) * ((e + <floating> 2) / (e * (e + <floating> 2) + <floating> 2))
        a = unscale_result(a + a * m)
        y[i] = x[i] if x[i] >= saturation(x[i]) else a


cdef void mish_backward_kernel(const floating* x, floating* dx, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating a, m, e, s, d
    for i in range(n):
        # e * ((e + 2) * d + 4 * x * (e + 1)) / d**2, d = m + 2
        a = nudge(clamp_high(exp_floor(x[i]), saturation(x[i])))
        m = exp_scaled(a, &s)
        e = unscale_result(s + s * m)
        d = e * (e + <floating> 2) + <floating> 2
        a = ((e + <floating> 2) * d + <floating> 4 * a * (e + <floating> 1)) / (d * d) * s
        a = unscale_result(a + a * m)
        dx[i] = <floating> 1 if x[i] >= saturation(x[i]) else a


def mish(x, out=None):
    """x * tanh(log(1 + exp(x)))."""
    return map1(x, <void*> mish_kernel[float], <void*> mish_kernel[double], out)


def mish_backward(x, dy, out=None):
    """dy * (t + x * (1 - t**2) * sigmoid(x)), t = tanh(log(1 + exp(x)))."""
    return map_chain(x, dy, <void*> mish_backward_kernel[float], <void*> mish_backward_kernel[double], out)


# GELU: y = x * Phi(x), from the tail Q = Phi(-|x|): -|x| * Q below zero, x - |x| * Q above

cdef void gelu_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating t, m, s, h, q
    if floating is float:
        if INTERLEAVED:
            gelu32(x, y, n)
            return
    for i in range(n):
        t = clamp_high(magnitude(x[i]), normal_end(x[i]))
        m = half_gauss(nudge(t), &s)
        q = tail_factors(t, &h)
        q = h * s * q
        q = unscale_result(q + q * m)
        y[i] = x[i] - q if x[i] >= 0 else -q


cdef void gelu_backward_kernel(const floating* x, floating* dx, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating t, m, s, q
    for i in range(n):
        # Phi(x) + x * phi(x): with the tail's own factor exp(-x**2/2), (R(t) - t / sqrt(2*pi)) below zero
        t = nudge(clamp_high(magnitude(x[i]), normal_end(x[i])))
        m = half_gauss(t, &s)
        q = (tail_ratio(t) - t * <floating> 0.3989422804014326779) * s
        q = unscale_result(q + q * m)
        dx[i] = <floating> 1 - q if x[i] > 0 else q


def gelu(x, out=None):
    """x * Phi(x), Phi the normal distribution function."""
    return map1(x, <void*> gelu_kernel[float], <void*> gelu_kernel[double], out)


def gelu_backward(x, dy, out=None):
    """dy * (Phi(x) + x * phi(x))."""
    return map_chain(x, dy, <void*> gelu_backward_kernel[float], <void*> gelu_backward_kernel[double], out)


# GELU, tanh form: y = x * sigmoid(v), v = sqrt(8 / pi) * (x + 0.044715 * x**3)

cdef inline floating gelu_tanh_end(floating x) noexcept nogil:
    """The point above which y = x and y' = 1."""
    if floating is float:
        return 5.5
    else:
        return 9.0


cdef inline floating gelu_tanh_clamp(floating x) noexcept nogil:
    if floating is float:
        return clamp_high(clamp_low(x, <float> -11.0), gelu_tanh_end(x))
    else:
        return clamp_high(clamp_low(x, <double> -22.0), gelu_tanh_end(x))


cdef inline floating gelu_tanh_exp(floating x, floating* s) noexcept nogil:
    """``exp_scaled`` of v. For float v goes through double: exp turns half an ulp of v = -80 into 40 of the result."""
    cdef double v = x * (1.5957691216057308 + 0.07135481627260025 * (<double> x * x))
    cdef float shifted
    if floating is float:
        shifted = <float> v * <float> 1.44269504088896341 + <float> (12582912.0 + 127 + 64)
        s[0] = float_of(bits32(shifted) << 23)
        return expm1_poly(<float> (v - (shifted - <float> (12582912.0 + 127 + 64)) * 0.69314718055994530942))
    else:
        return exp_scaled(v, s)


cdef void gelu_tanh_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating a, m, s
    for i in range(n):
        a = gelu_tanh_clamp(x[i])
        m = gelu_tanh_exp(nudge(a), &s)
        a = product(a, s) / (<floating> 1 + unscale(s + s * m))
        a = unscale_result(a + a * m)
        y[i] = x[i] if x[i] >= gelu_tanh_end(x[i]) else a


cdef void gelu_tanh_backward_kernel(const floating* x, floating* dx, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating a, m, s, d
    for i in range(n):
        # s * (1 + x * v' * (1 - s)) = e * (1 + e + x * v') / (1 + e)**2
        a = nudge(gelu_tanh_clamp(x[i]))
        m = gelu_tanh_exp(a, &s)
        d = <floating> 1 + unscale(s + s * m)
        a = (d + a * (<floating> 1.5957691216057308 + <floating> 0.21406444881780075 * (a * a))) / (d * d) * s
        a = unscale_result(a + a * m)
        dx[i] = <floating> 1 if x[i] >= gelu_tanh_end(x[i]) else a


def gelu_tanh(x, out=None):
    """0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))."""
    return map1(x, <void*> gelu_tanh_kernel[float], <void*> gelu_tanh_kernel[double], out)


def gelu_tanh_backward(x, dy, out=None):
    """dy * (s + x * s * (1 - s) * v'), s = sigmoid(v), v = sqrt(8 / pi) * (x + 0.044715 * x**3)."""
    return map_chain(x, dy, <void*> gelu_tanh_backward_kernel[float], <void*> gelu_tanh_backward_kernel[double], out)


# Sigmoid and tanh; their gradients need only y

cdef void sigmoid_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    if floating is float:
        if INTERLEAVED:
            sigmoid32(x, y, n)
            return
    for i in range(n):
        y[i] = sigmoid_(x[i])


cdef void sigmoid_backward_kernel(const floating* y, const floating* dy, floating* dx,
                                  Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = product(dy[i], product(y[i], <floating> 1 - y[i]))


def sigmoid(x, out=None):
    """1 / (1 + exp(-x))."""
    return map1(x, <void*> sigmoid_kernel[float], <void*> sigmoid_kernel[double], out)


def sigmoid_backward(y, dy, out=None):
    """dy * y * (1 - y), y = sigmoid(x)."""
    return map2(y, dy, <void*> sigmoid_backward_kernel[float], <void*> sigmoid_backward_kernel[double], out)


cdef void tanh_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    if floating is float:
        if INTERLEAVED:
            tanh32(x, y, n)
            return
    for i in range(n):
        y[i] = tanh_(x[i])


cdef void tanh_backward_kernel(const floating* y, const floating* dy, floating* dx,
                               Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        # not 1 - y**2, which loses half the digits as y nears 1
        dx[i] = product(dy[i], (<floating> 1 - y[i]) * (<floating> 1 + y[i]))


def tanh(x, out=None):
    """Hyperbolic tangent."""
    return map1(x, <void*> tanh_kernel[float], <void*> tanh_kernel[double], out)


def tanh_backward(y, dy, out=None):
    """dy * (1 - y**2), y = tanh(x)."""
    return map2(y, dy, <void*> tanh_backward_kernel[float], <void*> tanh_backward_kernel[double], out)


# Softplus: y = log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold; p = (beta, threshold)

cdef inline void softplus_block(const floating* x, floating* y, Py_ssize_t n, floating beta, floating threshold,
                                bint power) noexcept nogil:
    """``power``: beta is a power of two, so that a product takes the division's place, with the same bits: dividers are
    slow where their results are denormal."""
    cdef Py_ssize_t i
    cdef floating inverse = <floating> 1 / beta, z, a
    for i in range(n):
        z = product(x[i], beta)
        a = (z if z > 0 else <floating> 0) + log1p_unit(exp_neg(-magnitude(z)))
        a = product(a, inverse) if power else a / beta
        y[i] = x[i] if z > threshold else a


cdef void softplus_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef int exponent
    cdef bint power = cmath.frexp(p[0], &exponent) == 0.5 and -100 < exponent < 100
    if floating is float:
        if INTERLEAVED:
            softplus32(x, y, n, <float> p[0], <float> p[1], power)
            return
    if power:
        softplus_block(x, y, n, <floating> p[0], <floating> p[1], True)
    else:
        softplus_block(x, y, n, <floating> p[0], <floating> p[1], False)


cdef void softplus_backward_kernel(const floating* x, floating* dx, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating beta = <floating> p[0], threshold = <floating> p[1], z
    for i in range(n):
        z = product(x[i], beta)
        dx[i] = <floating> 1 if z > threshold else sigmoid_(z)


def softplus(x, double beta=1, double threshold=20, out=None):
    """log(1 + exp(beta * x)) / beta; x where beta * x > threshold."""
    return map1(x, <void*> softplus_kernel[float], <void*> softplus_kernel[double], out, beta, threshold)


def softplus_backward(x, dy, double beta=1, double threshold=20, out=None):
    """dy * sigmoid(beta * x); dy where beta * x > threshold."""
    return map_chain(x, dy, <void*> softplus_backward_kernel[float], <void*> softplus_backward_kernel[double],
                     out, beta, threshold)


# LogSigmoid: y = -log(1 + exp(-x))

cdef void logsigmoid_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    if floating is float:
        if INTERLEAVED:
            logsigmoid32(x, y, n)
            return
    for i in range(n):
        y[i] = (x[i] if x[i] < 0 else <floating> 0) - log1p_unit(exp_neg(-magnitude(x[i])))


cdef void logsigmoid_backward_kernel(const floating* x, floating* dx, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = sigmoid_(-x[i])


def logsigmoid(x, out=None):
    """log(sigmoid(x))."""
    return map1(x, <void*> logsigmoid_kernel[float], <void*> logsigmoid_kernel[double], out)


def logsigmoid_backward(x, dy, out=None):
    """dy * sigmoid(-x)."""
    return map_chain(x, dy, <void*> logsigmoid_backward_kernel[float], <void*> logsigmoid_backward_kernel[double], out)


# ELU, SELU and CELU: y = high * x above zero, low * (exp(rate * x) - 1) below; p = (low, high, rate)

cdef void elu_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating low = <floating> p[0], high = <floating> p[1], rate = <floating> p[2], a
    for i in range(n):
        a = product(low, expm1_(product(rate, x[i])))
        y[i] = product(high, x[i]) if x[i] >= 0 else a


cdef void elu_backward_kernel(const floating* x, floating* dx, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating low = <floating> (p[0] * p[2]), high = <floating> p[1], rate = <floating> p[2], a
    for i in range(n):
        a = low * exp_neg(clamp_high(product(rate, x[i]), <floating> 0))
        dx[i] = high if x[i] > 0 else a


def elu(x, double low=1, double high=1, double rate=1, out=None):
    """high * x above zero, low * (exp(rate * x) - 1) below: ELU has low = alpha, CELU also rate = 1 / alpha."""
    return map1(x, <void*> elu_kernel[float], <void*> elu_kernel[double], out, low, high, rate)


def elu_backward(x, dy, double low=1, double high=1, double rate=1, out=None):
    """dy * high above zero, dy * low * rate * exp(rate * x) at zero and below."""
    return map_chain(x, dy, <void*> elu_backward_kernel[float], <void*> elu_backward_kernel[double],
                     out, low, high, rate)


cdef double SELU_LOW = 1.7580993408473766       # scale * alpha
cdef double SELU_HIGH = 1.0507009873554805      # scale


def selu(x, out=None):
    """scale * x above zero, scale * alpha * (exp(x) - 1) below, with the constants that keep mean 0 and variance 1."""
    return elu(x, SELU_LOW, SELU_HIGH, 1, out)


def selu_backward(x, dy, out=None):
    """dy * scale above zero, dy * scale * alpha * exp(x) at zero and below."""
    return elu_backward(x, dy, SELU_LOW, SELU_HIGH, 1, out)
