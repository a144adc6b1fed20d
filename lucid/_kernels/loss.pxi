# Losses between x and y of one shape, element by element: their values, their sum, and the gradient of either.

cdef enum LossKind:
    MSE                         # d**2, d = x - y
    L1                          # |d|
    HUBER                       # c * (d - c / 2) / b, c = d pulled into [-a, a]; smooth L1 has b = a, Huber's loss b = 1
    BCE                         # -(y * log(x) + (1 - y) * log(1 - x)), logarithms no lower than -100
    BCE_LOGITS                  # -(y * log(sigmoid(x)) + (1 - y) * log(sigmoid(-x)))
    KL                          # y * (log(y) - x), 0 * log(0) = 0
    KL_LOG                      # exp(y) * (y - x)

cdef enum:
    LOSS_BLOCK = 32768          # elements added up by one thread

cdef dict LOSS_KINDS = {"mse": MSE, "l1": L1, "huber": HUBER, "bce": BCE, "bce_logits": BCE_LOGITS, "kl": KL,
                        "kl_log": KL_LOG}


cdef inline floating clipped(floating d, floating a) noexcept nogil:
    return clamp_high(clamp_low(d, -a), a)


cdef inline floating loss_of(LossKind kind, floating x, floating y, floating a, floating b) noexcept nogil:
    cdef floating d = x - y, t, low = -100
    if kind == MSE:
        return d * d
    if kind == L1:
        return magnitude(d)
    if kind == HUBER:
        t = clipped(d, a)
        return t * (d - <floating> 0.5 * t) / b
    if kind == BCE:
        return -(y * clamp_low(log_(x), low) + (<floating> 1 - y) * clamp_low(log1p_(-x), low))
    if kind == BCE_LOGITS:
        # not (1 - y) * x - log(sigmoid(x)), which loses the loss of a confident right answer to cancellation
        t = log1p_unit(exp_neg(-magnitude(x)))
        return -(y * (clamp_high(x, <floating> 0) - t) + (<floating> 1 - y) * (clamp_high(-x, <floating> 0) - t))
    if kind == KL:
        return y * log_(<floating> 1 if y == 0 else y) - y * x
    return -d * exp_(y)


cdef inline floating loss_slope(LossKind kind, floating x, floating y, floating a, floating b) noexcept nogil:
    """The derivative with respect to x."""
    cdef floating d = x - y, t
    if kind == MSE:
        return <floating> 2 * d
    if kind == L1:
        return <floating> 1 if d > 0 else (<floating> -1 if d < 0 else d)
    if kind == HUBER:
        return clipped(d, a) / b
    if kind == BCE:
        return d / clamp_low(x * (<floating> 1 - x), <floating> 1e-12)
    if kind == BCE_LOGITS:
        t = sigmoid_(-x)
        return (<floating> 1 - y) * sigmoid_(x) - y * t
    if kind == KL:
        return -y
    return -exp_(y)


cdef inline void losses_of(LossKind kind, const floating* x, const floating* y, floating* z, Py_ssize_t n,
                           const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating a = <floating> p[1], b = <floating> p[2]
    for i in range(n):
        z[i] = loss_of(kind, x[i], y[i], a, b)


cdef inline void slopes_of(LossKind kind, const floating* x, const floating* y, floating* dx, Py_ssize_t n,
                           const double* p) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating a = <floating> p[1], b = <floating> p[2], g = <floating> p[3]
    for i in range(n):
        dx[i] = loss_slope(kind, x[i], y[i], a, b) * g


cdef void loss_kernel(const floating* x, const floating* y, floating* z, Py_ssize_t n, const double* p) noexcept nogil:
    cdef LossKind kind = <LossKind> <int> p[0]
    if kind == MSE:
        losses_of(MSE, x, y, z, n, p)
    elif kind == L1:
        losses_of(L1, x, y, z, n, p)
    elif kind == HUBER:
        losses_of(HUBER, x, y, z, n, p)
    elif kind == BCE:
        losses_of(BCE, x, y, z, n, p)
    elif kind == BCE_LOGITS:
        losses_of(BCE_LOGITS, x, y, z, n, p)
    elif kind == KL:
        losses_of(KL, x, y, z, n, p)
    else:
        losses_of(KL_LOG, x, y, z, n, p)


cdef void loss_backward_kernel(const floating* x, const floating* y, floating* dx, Py_ssize_t n,
                               const double* p) noexcept nogil:
    cdef LossKind kind = <LossKind> <int> p[0]
    if kind == MSE:
        slopes_of(MSE, x, y, dx, n, p)
    elif kind == L1:
        slopes_of(L1, x, y, dx, n, p)
    elif kind == HUBER:
        slopes_of(HUBER, x, y, dx, n, p)
    elif kind == BCE:
        slopes_of(BCE, x, y, dx, n, p)
    elif kind == BCE_LOGITS:
        slopes_of(BCE_LOGITS, x, y, dx, n, p)
    elif kind == KL:
        slopes_of(KL, x, y, dx, n, p)
    else:
        slopes_of(KL_LOG, x, y, dx, n, p)


# The sum: blocks of losses in a buffer that stays in the cache, each added up like a row, and the blocks in order

cdef struct LossSum:
    bint single
    const char* x
    const char* y
    Py_ssize_t size, n
    const double* p
    double* partial             # one for each block


cdef double loss_block(const LossSum* s, Py_ssize_t lo, Py_ssize_t n, floating dtype) noexcept nogil:
    cdef floating z[BLOCK]
    cdef floating x_end[LANES]
    cdef floating y_end[LANES]
    cdef const floating* x = <const floating*> s.x + lo
    cdef const floating* y = <const floating*> s.y + lo
    cdef Py_ssize_t step, whole
    cdef double total = 0, part
    while n:
        step = min(n, BLOCK)
        whole = step // LANES * LANES
        loss_kernel(x, y, z, whole, s.p)
        if whole < step:
            memset(x_end, 0, sizeof(x_end))
            memset(y_end, 0, sizeof(y_end))
            memcpy(x_end, x + whole, (step - whole) * sizeof(floating))
            memcpy(y_end, y + whole, (step - whole) * sizeof(floating))
            loss_kernel(x_end, y_end, z + whole, LANES, s.p)
        row_sums(SUM, z, z, &part, 1, step, False, NULL)
        total += part
        x += step
        y += step
        n -= step
    return total


cdef void loss_blocks(const LossSum* s, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t block, n
    for block in range(lo, hi):
        n = min(LOSS_BLOCK, s.n - block * LOSS_BLOCK)
        if s.single:
            s.partial[block] = loss_block[float](s, block * LOSS_BLOCK, n, 0)
        else:
            s.partial[block] = loss_block[double](s, block * LOSS_BLOCK, n, 0)


cdef void run_loss_blocks(const LossSum* s, Py_ssize_t blocks) noexcept nogil:
    cdef int t, threads = <int> min(blocks, threads_for(s.n, LOSS_GRAIN))
    if threads <= 1:
        loss_blocks(s, 0, blocks)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        loss_blocks(s, blocks * t // threads, blocks * (t + 1) // threads)


cdef int check_loss(str name, cnp.ndarray x, cnp.ndarray y, str kind) except -1:
    common_type(x, y)
    if not cnp.PyArray_SAMESHAPE(x, y):
        raise ValueError(f"{name}: shapes {np.shape(x)} and {np.shape(y)} differ")
    if kind not in LOSS_KINDS:
        raise ValueError(f"{name}: expected one of {', '.join(LOSS_KINDS)}, got {kind!r}")
    return 0


def loss(cnp.ndarray x, cnp.ndarray y, str kind, double a=1, double b=1):
    """The loss of each element: ``kind`` is "mse", "l1", "huber", "bce", "bce_logits", "kl" or "kl_log"."""
    check_loss("loss", x, y, kind)
    return map2(x, y, <void*> loss_kernel[float], <void*> loss_kernel[double], None, LOSS_KINDS[kind], a, b)


def loss_sum(cnp.ndarray x, cnp.ndarray y, str kind, double a=1, double b=1) -> float:
    """The sum of ``loss``, in double, in one pass."""
    cdef LossSum s
    cdef double p[4]
    cdef double total = 0
    cdef cnp.npy_intp blocks
    cdef cnp.ndarray partial
    cdef Py_ssize_t i
    check_loss("loss_sum", x, y, kind)
    x, y = contiguous(x), contiguous(y)
    s.single, s.n = cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT, cnp.PyArray_SIZE(x)
    s.x, s.y, s.size = <const char*> cnp.PyArray_DATA(x), <const char*> cnp.PyArray_DATA(y), cnp.PyArray_ITEMSIZE(x)
    p[0], p[1], p[2], p[3] = LOSS_KINDS[kind], a, b, 0
    blocks = (s.n + LOSS_BLOCK - 1) // LOSS_BLOCK
    partial = empty(1, &blocks, cnp.NPY_DOUBLE)
    s.p, s.partial = p, <double*> cnp.PyArray_DATA(partial)
    with nogil:
        run_loss_blocks(&s, blocks)
    for i in range(blocks):
        total += s.partial[i]
    return total


def loss_backward(cnp.ndarray x, cnp.ndarray y, cnp.ndarray g, str kind, double a=1, double b=1, double divisor=1):
    """Gradient with respect to x, given ``g / divisor``, that of the losses: ``g`` of their shape, or one for all."""
    cdef double one
    check_loss("loss_backward", x, y, kind)
    common_type(x, g)
    if cnp.PyArray_SIZE(g) == 1:
        one = g.item() / divisor if divisor else cmath.NAN
        return map2(x, y, <void*> loss_backward_kernel[float], <void*> loss_backward_kernel[double], None,
                    LOSS_KINDS[kind], a, b, one)
    if not cnp.PyArray_SAMESHAPE(x, g) or divisor != 1:
        raise ValueError(f"loss_backward: expected g {np.shape(x)} and no divisor, or one number, got {np.shape(g)}")
    dx = map2(x, y, <void*> loss_backward_kernel[float], <void*> loss_backward_kernel[double], None,
              LOSS_KINDS[kind], a, b, 1)
    return mul(dx, g, dx)
