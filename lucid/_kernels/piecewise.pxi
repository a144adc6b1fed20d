# Activations without transcendental functions, bound by memory: kernel pairs, forward beside backward.
#
# At a kink the gradient is PyTorch's choice; where x is NaN so is the gradient.

# HardSwish: y = x * hardsigmoid(x); p = (offset / slope, 1 / slope, upper kink). Divides by 1 / slope: 6 is exact, 1/6
# is not. The upper kink is compared with x itself, since x + shift may round up to it.

cdef void hardswish_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating shift = <floating> p[0], top = <floating> p[1], high = <floating> p[2], t, a
    for i in range(n):
        t = x[i] + shift
        a = product(x[i], t / top)
        a = <floating> -0.0 if t <= 0 else a
        y[i] = x[i] if x[i] >= high else a


cdef void hardswish_backward_kernel(const floating* x, const floating* dy, floating* dx,
                                    Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating shift = <floating> p[0], top = <floating> p[1], high = <floating> p[2], t, a
    for i in range(n):
        t = x[i] + shift
        a = (t + x[i]) / top
        a = <floating> 0 if t <= 0 else a
        dx[i] = product(dy[i], <floating> 1 if x[i] >= high else a)


def hardswish(x, double slope=1 / 6., double offset=0.5, out=None):
    """x * min(max(slope * x + offset, 0), 1)."""
    return map1(x, <void*> hardswish_kernel[float], <void*> hardswish_kernel[double], out,
                offset / slope, 1 / slope, (1 - offset) / slope)


def hardswish_backward(x, dy, double slope=1 / 6., double offset=0.5, out=None):
    """dy * (2 * slope * x + offset) inside, 0 up to the lower kink, dy from the upper kink."""
    return map2(x, dy, <void*> hardswish_backward_kernel[float], <void*> hardswish_backward_kernel[double], out,
                offset / slope, 1 / slope, (1 - offset) / slope)


# HardSigmoid: y = min(max(slope * x + offset, 0), 1); p as for hardswish

cdef void hardsigmoid_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating shift = <floating> p[0], top = <floating> p[1], high = <floating> p[2], t, a
    for i in range(n):
        t = x[i] + shift
        a = <floating> 0 if t <= 0 else t / top
        y[i] = <floating> 1 if x[i] >= high else a


cdef void hardsigmoid_backward_kernel(const floating* x, const floating* dy, floating* dx,
                                      Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating shift = <floating> p[0], top = <floating> p[1], high = <floating> p[2], t, a
    for i in range(n):
        t = x[i] + shift
        a = <floating> 1 / top if t == t else t
        a = <floating> 0 if t <= 0 else a
        dx[i] = product(dy[i], <floating> 0 if x[i] >= high else a)


def hardsigmoid(x, double slope=1 / 6., double offset=0.5, out=None):
    """min(max(slope * x + offset, 0), 1)."""
    return map1(x, <void*> hardsigmoid_kernel[float], <void*> hardsigmoid_kernel[double],
                out, offset / slope, 1 / slope, (1 - offset) / slope)


def hardsigmoid_backward(x, dy, double slope=1 / 6., double offset=0.5, out=None):
    """dy * slope strictly between the kinks, 0 elsewhere."""
    return map2(x, dy, <void*> hardsigmoid_backward_kernel[float], <void*> hardsigmoid_backward_kernel[double], out,
                offset / slope, 1 / slope, (1 - offset) / slope)


# ReLU

cdef void relu_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = clamp_low(x[i], <floating> 0)


cdef void relu_backward_kernel(const floating* y, const floating* dy, floating* dx,
                               Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating a, g
    for i in range(n):
        g = dy[i]       # loaded unconditionally, or v2 does not vectorise
        a = <floating> 0 if y[i] <= 0 else y[i]
        dx[i] = g if y[i] > 0 else a


def relu(x, out=None):
    """max(x, 0)."""
    return map1(x, <void*> relu_kernel[float], <void*> relu_kernel[double], out)


def relu_backward(y, dy, out=None):
    """dy where y = relu(x) is positive, 0 elsewhere."""
    return map2(y, dy, <void*> relu_backward_kernel[float], <void*> relu_backward_kernel[double], out)


# Leaky ReLU; p = (slope,)

cdef void leaky_relu_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating slope = <floating> p[0]
    for i in range(n):
        y[i] = x[i] if x[i] > 0 else product(slope, x[i])


cdef void leaky_relu_backward_kernel(const floating* x, const floating* dy, floating* dx,
                                     Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating slope = <floating> p[0], a
    for i in range(n):
        a = slope if x[i] <= 0 else x[i]
        dx[i] = product(dy[i], <floating> 1 if x[i] > 0 else a)


def leaky_relu(x, double slope=0.01, out=None):
    """x above zero, slope * x below."""
    return map1(x, <void*> leaky_relu_kernel[float], <void*> leaky_relu_kernel[double], out, slope)


def leaky_relu_backward(x, dy, double slope=0.01, out=None):
    """dy above zero, dy * slope at zero and below."""
    return map2(x, dy, <void*> leaky_relu_backward_kernel[float], <void*> leaky_relu_backward_kernel[double],
                out, slope)


# PReLU, with the roundings of relu(x) + weight * min(x, 0)

cdef void prelu_kernel(const floating* x, const floating* weight, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = clamp_low(x[i], <floating> 0) + product(weight[i], clamp_high(x[i], <floating> 0))


def prelu(x, weight, out=None):
    """x above zero, weight * x below; the weight is broadcast."""
    return map2(x, weight, <void*> prelu_kernel[float], <void*> prelu_kernel[double], out)


# HardTanh, and ReLU6 as hardtanh(x, 0, 6); p = (lo, hi)

cdef void hardtanh_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating lo = <floating> p[0], hi = <floating> p[1]
    for i in range(n):
        y[i] = clamp_high(clamp_low(x[i], lo), hi)


cdef void hardtanh_backward_kernel(const floating* x, const floating* dy, floating* dx,
                                   Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating lo = <floating> p[0], hi = <floating> p[1], a
    for i in range(n):
        a = dy[i]
        a = a if x[i] == x[i] else x[i]
        a = <floating> 0 if x[i] <= lo else a
        dx[i] = <floating> 0 if x[i] >= hi else a


def hardtanh(x, double lo=-1, double hi=1, out=None):
    """min(max(x, lo), hi)."""
    return map1(x, <void*> hardtanh_kernel[float], <void*> hardtanh_kernel[double], out, lo, hi)


def hardtanh_backward(x, dy, double lo=-1, double hi=1, out=None):
    """dy strictly between the bounds, 0 elsewhere."""
    return map2(x, dy, <void*> hardtanh_backward_kernel[float], <void*> hardtanh_backward_kernel[double], out, lo, hi)


# Threshold; p = (threshold, value). NaN is above.

cdef void threshold_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating bound = <floating> p[0], value = <floating> p[1]
    for i in range(n):
        y[i] = value if x[i] <= bound else x[i]


cdef void threshold_backward_kernel(const floating* x, const floating* dy, floating* dx,
                                    Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating bound = <floating> p[0], a
    for i in range(n):
        a = dy[i]
        dx[i] = <floating> 0 if x[i] <= bound else a


def threshold(x, double bound, double value, out=None):
    """x above the bound, ``value`` up to it."""
    return map1(x, <void*> threshold_kernel[float], <void*> threshold_kernel[double], out, bound, value)


def threshold_backward(x, dy, double bound, double value, out=None):
    """dy above the bound, 0 up to it."""
    return map2(x, dy, <void*> threshold_backward_kernel[float], <void*> threshold_backward_kernel[double], out, bound)


# HardShrink, SoftShrink and the gradient of both; p = (lambd,). NaN is outside.

cdef void hardshrink_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating lambd = <floating> p[0], a
    for i in range(n):
        a = magnitude(x[i])
        y[i] = <floating> 0 if a <= lambd else x[i]


cdef void softshrink_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating lambd = <floating> p[0], a, b
    for i in range(n):
        a, b = magnitude(x[i]), x[i] - with_sign(lambd, x[i])
        y[i] = <floating> 0 if a <= lambd else b


cdef void shrink_backward_kernel(const floating* x, const floating* dy, floating* dx,
                                 Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating lambd = <floating> p[0], a, b
    for i in range(n):
        a, b = magnitude(x[i]), dy[i]
        dx[i] = <floating> 0 if a <= lambd else b


def hardshrink(x, double lambd=0.5, out=None):
    """x where |x| > lambd, 0 elsewhere."""
    return map1(x, <void*> hardshrink_kernel[float], <void*> hardshrink_kernel[double], out, lambd)


def softshrink(x, double lambd=0.5, out=None):
    """x - lambd above lambd, x + lambd below -lambd, 0 between."""
    return map1(x, <void*> softshrink_kernel[float], <void*> softshrink_kernel[double], out, lambd)


def shrink_backward(x, dy, double lambd=0.5, out=None):
    """dy where |x| > lambd, 0 elsewhere."""
    return map2(x, dy, <void*> shrink_backward_kernel[float], <void*> shrink_backward_kernel[double], out, lambd)


# Softsign: y = x / (1 + |x|)

cdef void softsign_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating a
    for i in range(n):
        # past 2**60 y is +-1 in either dtype, and inf / inf must not arise
        a = clamp_high(clamp_low(x[i], <floating> -1152921504606846976.0), <floating> 1152921504606846976.0)
        # the dividend 2**53 times as large, which is exact: a division of a denormal number is slow
        a = product(a, <floating> 9007199254740992.0) / (<floating> 1 + magnitude(a))
        y[i] = product(a, <floating> (2.0 ** -53))


cdef void softsign_backward_kernel(const floating* x, const floating* dy, floating* dx,
                                   Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating q
    for i in range(n):
        q = <floating> 1 / (<floating> 1 + magnitude(x[i]))
        dx[i] = product(dy[i], product(q, q))


def softsign(x, out=None):
    """x / (1 + abs(x))."""
    return map1(x, <void*> softsign_kernel[float], <void*> softsign_kernel[double], out)


def softsign_backward(x, dy, out=None):
    """dy / (1 + abs(x))**2."""
    return map2(x, dy, <void*> softsign_backward_kernel[float], <void*> softsign_backward_kernel[double], out)
