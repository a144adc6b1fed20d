# Elementwise functions of two operands broadcast together; clamp, comparisons and where.

# Arithmetic

cdef void add_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = x[i] + y[i]


cdef void add_number_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating number = <floating> p[0]
    for i in range(n):
        y[i] = x[i] + number


cdef void sub_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = x[i] - y[i]


cdef void sub_number_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating number = <floating> p[0]
    for i in range(n):
        y[i] = x[i] - number


cdef void mul_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = product(x[i], y[i])


cdef void mul_number_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating number = <floating> p[0]
    for i in range(n):
        y[i] = product(x[i], number)


cdef void div_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    if floating is float:
        if INTERLEAVED == 16:
            div32(x, y, z, n)
            return
    for i in range(n):
        z[i] = x[i] / y[i]


cdef void add_scaled_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n,
                            const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating alpha = <floating> p[0]
    for i in range(n):
        z[i] = x[i] + alpha * y[i]


def add(x, y, out=None):
    """x + y."""
    return map2_number(x, y, <void*> add_kernel[float], <void*> add_kernel[double], <void*> add_number_kernel[float],
                       <void*> add_number_kernel[double], True, out)


def sub(x, y, out=None):
    """x - y."""
    return map2_number(x, y, <void*> sub_kernel[float], <void*> sub_kernel[double], <void*> sub_number_kernel[float],
                       <void*> sub_number_kernel[double], False, out)


def mul(x, y, out=None):
    """x * y."""
    return map2_number(x, y, <void*> mul_kernel[float], <void*> mul_kernel[double], <void*> mul_number_kernel[float],
                       <void*> mul_number_kernel[double], True, out)


def div(x, y, out=None):
    """x / y."""
    return map2(x, y, <void*> div_kernel[float], <void*> div_kernel[double], out)


def add_scaled(x, y, double alpha, out=None):
    """x + alpha * y."""
    return map2(x, y, <void*> add_scaled_kernel[float], <void*> add_scaled_kernel[double], out, alpha)


# Sums with a product or quotient; with the roundings that the operations have one after the other

cdef void lerp_kernel(const floating* x, const floating* end, const floating* weight, floating* y, Py_ssize_t n,
                      const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = x[i] + product(weight[i], end[i] - x[i])


cdef void addcmul_kernel(const floating* x, const floating* a, const floating* b, floating* y, Py_ssize_t n,
                         const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating value = <floating> p[0]
    for i in range(n):
        y[i] = x[i] + value * product(a[i], b[i])


cdef void addcdiv_kernel(const floating* x, const floating* a, const floating* b, floating* y, Py_ssize_t n,
                         const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating value = <floating> p[0]
    for i in range(n):
        y[i] = x[i] + value * (a[i] / b[i])


def lerp(x, end, weight, out=None):
    """x + weight * (end - x)."""
    return map3(x, end, weight, <void*> lerp_kernel[float], <void*> lerp_kernel[double], out)


def addcmul(x, a, b, double value, out=None):
    """x + value * a * b."""
    return map3(x, a, b, <void*> addcmul_kernel[float], <void*> addcmul_kernel[double], out, value)


def addcdiv(x, a, b, double value, out=None):
    """x + value * a / b."""
    return map3(x, a, b, <void*> addcdiv_kernel[float], <void*> addcdiv_kernel[double], out, value)


# Extremes

cdef void maximum_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n,
                         const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = x[i] if (x[i] > y[i]) | (x[i] != x[i]) else y[i]


cdef void minimum_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n,
                         const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = x[i] if (x[i] < y[i]) | (x[i] != x[i]) else y[i]


cdef void copysign_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = with_sign(x[i], y[i])


cdef void fmax_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = x[i] if (x[i] > y[i]) | (y[i] != y[i]) else y[i]


cdef void fmin_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = x[i] if (x[i] < y[i]) | (y[i] != y[i]) else y[i]


cdef void clamp_kernel(const floating* x, floating* y, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating lo = <floating> p[0], hi = <floating> p[1]
    for i in range(n):
        y[i] = clamp_high(clamp_low(x[i], lo), hi)


def maximum(x, y, out=None):
    """The larger operand; NaN if either is."""
    return map2(x, y, <void*> maximum_kernel[float], <void*> maximum_kernel[double], out)


def minimum(x, y, out=None):
    """The smaller operand; NaN if either is."""
    return map2(x, y, <void*> minimum_kernel[float], <void*> minimum_kernel[double], out)


def copysign(x, y, out=None):
    """|x| with the sign of y."""
    return map2(x, y, <void*> copysign_kernel[float], <void*> copysign_kernel[double], out)


def fmax(x, y, out=None):
    """The larger operand; the other one where one is NaN."""
    return map2(x, y, <void*> fmax_kernel[float], <void*> fmax_kernel[double], out)


def fmin(x, y, out=None):
    """The smaller operand; the other one where one is NaN."""
    return map2(x, y, <void*> fmin_kernel[float], <void*> fmin_kernel[double], out)


def clamp(x, double lo, double hi, out=None):
    """min(max(x, lo), hi), NaN kept."""
    return map1(x, <void*> clamp_kernel[float], <void*> clamp_kernel[double], out, lo, hi)


# Comparisons and selection

cdef void eq_kernel(const floating* x, const floating* y, uint8_t* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = x[i] == y[i]


cdef void ne_kernel(const floating* x, const floating* y, uint8_t* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = x[i] != y[i]


cdef void lt_kernel(const floating* x, const floating* y, uint8_t* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = x[i] < y[i]


cdef void le_kernel(const floating* x, const floating* y, uint8_t* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = x[i] <= y[i]


cdef void where_kernel(const uint8_t* c, const floating* x, const floating* y, floating* z, Py_ssize_t n,
                       const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = x[i] if c[i] else y[i]


def eq(x, y):
    """x == y."""
    return compare2(x, y, <void*> eq_kernel[float], <void*> eq_kernel[double])


def ne(x, y):
    """x != y."""
    return compare2(x, y, <void*> ne_kernel[float], <void*> ne_kernel[double])


def lt(x, y):
    """x < y."""
    return compare2(x, y, <void*> lt_kernel[float], <void*> lt_kernel[double])


def le(x, y):
    """x <= y."""
    return compare2(x, y, <void*> le_kernel[float], <void*> le_kernel[double])


def gt(x, y):
    """x > y."""
    return compare2(y, x, <void*> lt_kernel[float], <void*> lt_kernel[double])


def ge(x, y):
    """x >= y."""
    return compare2(y, x, <void*> le_kernel[float], <void*> le_kernel[double])


def where(cnp.ndarray condition, cnp.ndarray x, cnp.ndarray y, out=None):
    """x where ``condition`` (bool) is true, y elsewhere, all broadcast together."""
    cdef Elementwise e
    e.chain, e.number = False, NULL
    cdef int t = common_type(x, y)
    if cnp.PyArray_TYPE(condition) != cnp.NPY_BOOL:
        raise TypeError(f"where: expected a bool condition, got {condition.dtype}")
    e.kernel = <void*> where_kernel[float] if t == cnp.NPY_FLOAT else <void*> where_kernel[double]
    return run_elementwise([condition, x, y], &e, t, out)
