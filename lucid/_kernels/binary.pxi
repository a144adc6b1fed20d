# Elementwise functions of two operands broadcast together; clamp, comparisons and where.

# Arithmetic

cdef void add_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = x[i] + y[i]


cdef void sub_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = x[i] - y[i]


cdef void mul_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = product(x[i], y[i])


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
    return map2(x, y, <void*> add_kernel[float], <void*> add_kernel[double], out)


def sub(x, y, out=None):
    """x - y."""
    return map2(x, y, <void*> sub_kernel[float], <void*> sub_kernel[double], out)


def mul(x, y, out=None):
    """x * y."""
    return map2(x, y, <void*> mul_kernel[float], <void*> mul_kernel[double], out)


def div(x, y, out=None):
    """x / y."""
    return map2(x, y, <void*> div_kernel[float], <void*> div_kernel[double], out)


def add_scaled(x, y, double alpha, out=None):
    """x + alpha * y."""
    return map2(x, y, <void*> add_scaled_kernel[float], <void*> add_scaled_kernel[double], out, alpha)


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


def fmax(x, y, out=None):
    """The larger operand; the other one where one is NaN."""
    return map2(x, y, <void*> fmax_kernel[float], <void*> fmax_kernel[double], out)


def fmin(x, y, out=None):
    """The smaller operand; the other one where one is NaN."""
    return map2(x, y, <void*> fmin_kernel[float], <void*> fmin_kernel[double], out)


def clamp(x, double lo, double hi, out=None):
    """min(max(x, lo), hi), NaN kept."""
    return map1(x, <void*> clamp_kernel[float], <void*> clamp_kernel[double], out, lo, hi)


# Powers, remainders, angles: the C library's functions, one call per element

ctypedef float (*Float2)(float, float) noexcept nogil
ctypedef double (*Double2)(double, double) noexcept nogil


cdef void libm2_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n, const double* p) noexcept nogil:
    """The function whose address is the first parameter."""
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = (<Float2*> p)[0](x[i], y[i]) if floating is float else (<Double2*> p)[0](x[i], y[i])


cdef inline floating remainder_(floating x, floating y) noexcept nogil:
    cdef floating r = cmath.fmodf(x, y) if floating is float else cmath.fmod(x, y)
    return r + y if r != 0 and (r < 0) != (y < 0) else r


cdef void remainder_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n,
                           const double* p) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = remainder_(x[i], y[i])


cdef cnp.ndarray libm2(cnp.ndarray x, cnp.ndarray y, void* f32, void* f64, object out):
    cdef void* function = f32 if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT else f64
    return map2(x, y, <void*> libm2_kernel[float], <void*> libm2_kernel[double], out, double_of(<int64_t> function))


def pow(cnp.ndarray x, cnp.ndarray y, out=None):
    """x ** y; a single exponent of 2, 3, 0.5 or -1 needs no call of the C library."""
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
    return libm2(x, y, <void*> cmath.powf, <void*> cmath.pow, out)


def fmod(x, y, out=None):
    """x - y * trunc(x / y), exact: the sign of x."""
    return libm2(x, y, <void*> cmath.fmodf, <void*> cmath.fmod, out)


def remainder(x, y, out=None):
    """x - y * floor(x / y): the sign of y, as Python's %."""
    return map2(x, y, <void*> remainder_kernel[float], <void*> remainder_kernel[double], out)


def atan2(x, y, out=None):
    """Angle of the point (y, x), in radians."""
    return libm2(x, y, <void*> cmath.atan2f, <void*> cmath.atan2, out)


def hypot(x, y, out=None):
    """sqrt(x * x + y * y) without overflow."""
    return libm2(x, y, <void*> cmath.hypotf, <void*> cmath.hypot, out)


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
    e.chain = False
    cdef int t = common_type(x, y)
    if cnp.PyArray_TYPE(condition) != cnp.NPY_BOOL:
        raise TypeError(f"where: expected a bool condition, got {condition.dtype}")
    e.kernel = <void*> where_kernel[float] if t == cnp.NPY_FLOAT else <void*> where_kernel[double]
    return run_elementwise([condition, x, y], &e, t, out)
