# What rows, and columns, of numbers reduce to: the serial kernels under every reduction.
#
# A row is taken ROW_TILE elements at a time, each going to a lane of its own, and the lanes are folded as a tree. What
# is left of a row goes through the same code: a whole tile is read, past the end of the row, and the lanes beyond it
# take the neutral element. Only the last rows of an array, where that would read past its end, are copied first.

cdef extern from *:
    """
    /* Folds of 32 lanes, as vectors: GCC unrolls loops of up to 16 before it would vectorise them. */
    typedef float lucid_f8 __attribute__((vector_size(32)));
    typedef double lucid_d8 __attribute__((vector_size(64)));
    typedef int32_t lucid_i8 __attribute__((vector_size(32)));
    typedef int64_t lucid_l8 __attribute__((vector_size(64)));
    #define LUCID_ADD8(I, V, x, y) ((x) + (y))
    #define LUCID_MUL8(I, V, x, y) ((x) * (y))
    #define LUCID_MAX8(I, V, x, y) ((V) (((I) (x) & ~((y) > (x))) | ((I) (y) & ((y) > (x)))))
    #define LUCID_ADD(x, y) ((x) + (y))
    #define LUCID_MUL(x, y) ((x) * (y))
    #define LUCID_MAX(x, y) ((y) > (x) ? (y) : (x))
    #define LUCID_FOLD(name, T, V, I, OP8, OP) \\
        static inline T name(const T *v) { \\
            V a, b, c, d; \\
            T t[8]; \\
            memcpy(&a, v, sizeof a); \\
            memcpy(&b, v + 8, sizeof b); \\
            memcpy(&c, v + 16, sizeof c); \\
            memcpy(&d, v + 24, sizeof d); \\
            a = OP8(I, V, a, c); \\
            b = OP8(I, V, b, d); \\
            a = OP8(I, V, a, b); \\
            memcpy(t, &a, sizeof a); \\
            t[0] = OP(t[0], t[4]); \\
            t[1] = OP(t[1], t[5]); \\
            t[2] = OP(t[2], t[6]); \\
            t[3] = OP(t[3], t[7]); \\
            t[0] = OP(t[0], t[2]); \\
            t[1] = OP(t[1], t[3]); \\
            return OP(t[0], t[1]); \\
        }
    LUCID_FOLD(lucid_fold_add32, float, lucid_f8, lucid_i8, LUCID_ADD8, LUCID_ADD)
    LUCID_FOLD(lucid_fold_add64, double, lucid_d8, lucid_l8, LUCID_ADD8, LUCID_ADD)
    LUCID_FOLD(lucid_fold_mul64, double, lucid_d8, lucid_l8, LUCID_MUL8, LUCID_MUL)
    LUCID_FOLD(lucid_fold_max32, float, lucid_f8, lucid_i8, LUCID_MAX8, LUCID_MAX)
    LUCID_FOLD(lucid_fold_max64, double, lucid_d8, lucid_l8, LUCID_MAX8, LUCID_MAX)
    """
    float fold_add32 "lucid_fold_add32" (const float* v) noexcept nogil
    double fold_add64 "lucid_fold_add64" (const double* v) noexcept nogil
    double fold_mul64 "lucid_fold_mul64" (const double* v) noexcept nogil
    float fold_max32 "lucid_fold_max32" (const float* v) noexcept nogil
    double fold_max64 "lucid_fold_max64" (const double* v) noexcept nogil

cdef inline floating fold_lanes(floating* v) noexcept nogil:
    """The sum of ROW_TILE lanes as a tree."""
    if floating is float:
        return fold_add32(v)
    else:
        return fold_add64(v)


cdef inline floating fold_max(floating* v) noexcept nogil:
    """The largest of ROW_TILE lanes, none of which is NaN."""
    if floating is float:
        return fold_max32(v)
    else:
        return fold_max64(v)


cdef inline void load_tail(const floating* x, floating* tile, Py_ssize_t n, floating padding) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(ROW_TILE):
        tile[j] = padding
    memcpy(tile, x, n * sizeof(floating))


# Sums

cdef inline double term(Kind kind, floating x, floating z, double center) noexcept nogil:
    cdef double v = x
    if kind == SQUARES:
        return v * v
    if kind == DEVIATIONS:
        return (v - center) * (v - center)
    if kind == PRODUCTS:
        return z * (v - center)
    if kind == EXPS:
        return exp_(x - <floating> center)
    return v


cdef inline double added(Kind kind, double total, floating x, floating z, double center, double one) noexcept nogil:
    """total plus a term. Products are added where they are made, as a multiply-add."""
    if kind == SUM or kind == EXPS:
        return plus(total, term(kind, x, z, center), one)
    return total + term(kind, x, z, center)


cdef inline void row_sums(Kind kind, const floating* x, const floating* z, double* out, Py_ssize_t rows, Py_ssize_t n,
                          Py_ssize_t whole, const double* center) noexcept nogil:
    """The sums of rows of n elements; a tile may be read past the end of the first ``whole`` of them."""
    cdef double v[ROW_TILE]
    cdef floating x_end[ROW_TILE]
    cdef floating z_end[ROW_TILE]
    cdef const floating* a
    cdef const floating* b
    cdef double c = 0, total, one = the_one()
    cdef Py_ssize_t r, i
    cdef int j, rest = <int> (n % ROW_TILE)
    for r in range(rows):
        c = center[r] if center else 0
        if n <= ROW_SHORT:
            total = 0
            for i in range(n):
                total += term(kind, x[i], z[i], c)
            out[r] = total
        else:
            for j in range(ROW_TILE):
                v[j] = 0
            i = widen_tiles(kind, x, n, c, v)
            while i + ROW_TILE <= n:
                for j in range(ROW_TILE):
                    v[j] = added(kind, v[j], x[i + j], z[i + j], c, one)
                i += ROW_TILE
            if rest:
                a, b = x + i, z + i
                if r >= whole:
                    load_tail(a, x_end, rest, <floating> 0)
                    load_tail(b, z_end, rest, <floating> 0)
                    a, b = x_end, z_end
                for j in range(ROW_TILE):
                    total = term(kind, a[j], b[j], c)
                    v[j] += total if j < rest else 0
            out[r] = fold_add64(v)
        x += n
        z += n


cdef inline void column_sums(Kind kind, const floating* x, const floating* z, double* acc, Py_ssize_t rows,
                             Py_ssize_t stride, Py_ssize_t width, const double* center) noexcept nogil:
    """Adds ``rows`` rows, ``stride`` apart, to acc; eight at a time, so that acc is read and written less often."""
    cdef Py_ssize_t r = 0, j, done = 0
    cdef double c = 0, v, one = the_one()
    while r + 8 <= rows:
        if floating is float:
            if kind == SUM:
                done = widen_rows(x, stride, width, acc)
        for j in range(done, width):
            c = center[j] if kind == DEVIATIONS or kind == PRODUCTS or kind == EXPS else 0
            v = added(kind, acc[j], x[j], z[j], c, one)
            v = added(kind, v, x[stride + j], z[stride + j], c, one)
            v = added(kind, v, x[2 * stride + j], z[2 * stride + j], c, one)
            v = added(kind, v, x[3 * stride + j], z[3 * stride + j], c, one)
            v = added(kind, v, x[4 * stride + j], z[4 * stride + j], c, one)
            v = added(kind, v, x[5 * stride + j], z[5 * stride + j], c, one)
            v = added(kind, v, x[6 * stride + j], z[6 * stride + j], c, one)
            acc[j] = added(kind, v, x[7 * stride + j], z[7 * stride + j], c, one)
        x += 8 * stride
        z += 8 * stride
        r += 8
    while r < rows:
        for j in range(width):
            c = center[j] if kind == DEVIATIONS or kind == PRODUCTS or kind == EXPS else 0
            acc[j] = acc[j] + term(kind, x[j], z[j], c)
        x += stride
        z += stride
        r += 1


# Products

cdef void row_prods(const floating* x, double* out, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t whole) noexcept nogil:
    cdef double v[ROW_TILE]
    cdef floating end[ROW_TILE]
    cdef const floating* a
    cdef double total
    cdef Py_ssize_t r, i
    cdef int j, rest = <int> (n % ROW_TILE)
    for r in range(rows):
        if n <= ROW_SHORT:
            total = 1
            for i in range(n):
                total *= x[i]
            out[r] = total
        else:
            for j in range(ROW_TILE):
                v[j] = 1
            i = 0
            while i + ROW_TILE <= n:
                for j in range(ROW_TILE):
                    v[j] *= x[i + j]
                i += ROW_TILE
            if rest:
                a = x + i
                if r >= whole:
                    load_tail(a, end, rest, <floating> 1)
                    a = end
                for j in range(ROW_TILE):
                    total = a[j]
                    v[j] *= total if j < rest else 1
            out[r] = fold_mul64(v)
        x += n


cdef void column_prods(const floating* x, double* acc, Py_ssize_t rows, Py_ssize_t stride,
                       Py_ssize_t width) noexcept nogil:
    cdef Py_ssize_t r, j
    for r in range(rows):
        for j in range(width):
            acc[j] *= x[r * stride + j]


# Extremes, in the dtype of x. The smallest is the largest of the negated, negated.

cdef inline floating larger(floating x, floating y) noexcept nogil:
    """max(x, y), NaN if either is."""
    return y if (y > x) | (y != y) else x


cdef inline floating negated(bint smallest, floating x) noexcept nogil:
    return -x if smallest else x


cdef inline void extreme_tile(bint smallest, const floating* x, floating* v, floating* nans) noexcept nogil:
    cdef int j
    cdef floating y
    for j in range(ROW_TILE):
        y = negated(smallest, x[j])
        v[j] = y if y > v[j] else v[j]
        nans[j] = y if y != y else nans[j]


cdef inline floating row_extreme(bint smallest, const floating* x, Py_ssize_t n, bint readable) noexcept nogil:
    """The extreme of a row. The largest numbers and the NaNs are kept apart: two short chains instead of a long one."""
    cdef floating v[ROW_TILE]
    cdef floating nans[ROW_TILE]
    cdef floating end[ROW_TILE]
    cdef floating y, largest, neutral = negated(smallest, <floating> -cmath.INFINITY)
    cdef Py_ssize_t i = 0
    cdef int j, rest = <int> (n % ROW_TILE)
    if floating is float:
        if INTERLEAVED:
            return extreme32(x, n, <uint32_t> 0x80000000 if smallest else 0)
    if n <= ROW_SHORT:
        largest = <floating> -cmath.INFINITY
        for i in range(n):
            largest = larger(largest, negated(smallest, x[i]))
        return negated(smallest, largest)
    for j in range(ROW_TILE):
        v[j] = <floating> -cmath.INFINITY
        nans[j] = 0
    while i + ROW_TILE <= n:
        extreme_tile(smallest, x + i, v, nans)
        i += ROW_TILE
    if rest:
        if readable:
            for j in range(ROW_TILE):
                y = x[i + j]
                end[j] = y if j < rest else neutral
        else:
            load_tail(x + i, end, rest, neutral)
        extreme_tile(smallest, end, v, nans)
    largest = fold_lanes(nans)
    return largest if largest != largest else negated(smallest, fold_max(v))


cdef inline void row_extremes(bint smallest, const floating* x, floating* out, Py_ssize_t rows, Py_ssize_t n,
                              Py_ssize_t whole) noexcept nogil:
    cdef Py_ssize_t r, i, step
    if n > ROW_SHORT:
        for r in range(rows):
            out[r] = row_extreme(smallest, x + r * n, n, r < whole)
        return
    while rows > 0:                 # short rows: element i of many at a time
        step = min(rows, ROWS_TOGETHER)
        for r in range(step):
            out[r] = x[r * n]
        for i in range(1, n):
            for r in range(step):
                out[r] = negated(smallest, larger(negated(smallest, out[r]), negated(smallest, x[r * n + i])))
        x += step * n
        out += step
        rows -= step


cdef inline void column_extremes(bint smallest, const floating* x, floating* acc, Py_ssize_t rows, Py_ssize_t stride,
                                 Py_ssize_t width) noexcept nogil:
    cdef Py_ssize_t r = 0, j
    cdef floating v
    while r + 2 <= rows:
        for j in range(width):
            v = larger(negated(smallest, acc[j]), negated(smallest, x[j]))
            acc[j] = negated(smallest, larger(v, negated(smallest, x[stride + j])))
        x += 2 * stride
        r += 2
    if r < rows:
        for j in range(width):
            acc[j] = negated(smallest, larger(negated(smallest, acc[j]), negated(smallest, x[j])))


# Two sums at once

cdef inline void row_gradients(bint weighted, const floating* x, const floating* dy, const floating* weight,
                               Py_ssize_t n, bint readable, double center, double* total, double* dot) noexcept nogil:
    """sum(g) and sum(g * (x - center)) of a row, g = dy * weight or dy alone."""
    cdef double v[ROW_TILE]
    cdef double w[ROW_TILE]
    cdef floating x_end[ROW_TILE]
    cdef floating dy_end[ROW_TILE]
    cdef floating weight_end[ROW_TILE]
    cdef const floating* a
    cdef const floating* b
    cdef const floating* c
    cdef double g, h, one = the_one()
    cdef Py_ssize_t i = 0
    cdef int j, rest = <int> (n % ROW_TILE)
    for j in range(ROW_TILE):
        v[j] = 0
        w[j] = 0
    if floating is float:
        if not weighted:
            widen_gradients(x, dy, n // ROW_TILE, center, v, w)
            i = n - rest
    while i + ROW_TILE <= n:
        for j in range(ROW_TILE):
            g = dy[i + j] * weight[i + j] if weighted else dy[i + j]
            v[j] = plus(v[j], g, one)
            w[j] += g * (x[i + j] - center)
        i += ROW_TILE
    if rest:
        a, b, c = x + i, dy + i, weight + i
        if not readable:
            load_tail(a, x_end, rest, <floating> 0)
            load_tail(b, dy_end, rest, <floating> 0)
            a, b = x_end, dy_end
        if weighted:
            load_tail(c, weight_end, rest, <floating> 0)
            c = weight_end
        for j in range(ROW_TILE):
            g = b[j] * c[j] if weighted else b[j]
            h = g * (a[j] - center)
            v[j] += g if j < rest else 0
            w[j] += h if j < rest else 0
    total[0] = fold_add64(v)
    dot[0] = fold_add64(w)
