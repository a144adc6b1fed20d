# Negative log-likelihood and cross-entropy of log-probabilities (N, C, L) at class indices (N, L).

cdef enum:
    LOSS_COLUMNS = 256          # indices handled together
    LOSS_GRAIN = 16384

cdef struct Loss:
    Py_ssize_t batch, classes, length       # N, C, L
    const int64_t* target
    const void* weight                      # (C,), or NULL
    int64_t ignore_index
    double smoothing
    double total_weight


cdef int plan_loss(str name, cnp.ndarray logp, cnp.ndarray target, cnp.ndarray weight, int64_t ignore_index,
                   double smoothing, Loss* s) except -1:
    """Check everything, the indices included."""
    cdef Py_ssize_t i
    if cnp.PyArray_NDIM(logp) != 3 or cnp.PyArray_NDIM(target) != 2 or cnp.PyArray_DIM(target, 0) != cnp.PyArray_DIM(
            logp, 0) or cnp.PyArray_DIM(target, 1) != cnp.PyArray_DIM(logp, 2):
        raise ValueError(f"{name}: expected (N, C, L) and targets (N, L), got {np.shape(logp)} and {np.shape(target)}")
    if cnp.PyArray_TYPE(target) != cnp.NPY_INT64:
        raise TypeError(f"{name}: expected int64 targets, got {target.dtype}")
    s.batch, s.classes, s.length = cnp.PyArray_DIM(logp, 0), cnp.PyArray_DIM(logp, 1), cnp.PyArray_DIM(logp, 2)
    s.total_weight = s.classes
    s.weight = NULL
    if weight is not None:
        common_type(logp, weight)
        if cnp.PyArray_NDIM(weight) != 1 or cnp.PyArray_DIM(weight, 0) != s.classes:
            raise ValueError(f"{name}: expected a weight for each of {s.classes} classes, got shape {np.shape(weight)}")
        s.weight = cnp.PyArray_DATA(weight)
        s.total_weight = sum(weight).item()
    s.target = <const int64_t*> cnp.PyArray_DATA(target)
    s.ignore_index, s.smoothing = ignore_index, smoothing
    for i in range(s.batch * s.length):
        if not 0 <= s.target[i] < s.classes and s.target[i] != ignore_index:
            raise IndexError(f"target {s.target[i]} at position {i} is out of range for {s.classes} classes")
    return 0


cdef inline double class_weight(const Loss* s, floating dtype, Py_ssize_t c) noexcept nogil:
    return (<const floating*> s.weight)[c] if s.weight else 1


cdef void loss_block(const Loss* s, const floating* logp, floating* losses, floating* used, Py_ssize_t row,
                     Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Indices lo to hi of one row."""
    cdef double spread[LOSS_COLUMNS]
    cdef double w
    cdef Py_ssize_t j, c, t
    cdef const floating* x = logp + row * s.classes * s.length
    memset(spread, 0, sizeof(spread))
    if s.smoothing:
        for c in range(s.classes):
            w = class_weight[floating](s, 0, c)
            for j in range(lo, hi):
                spread[j - lo] += w * x[c * s.length + j]
    for j in range(lo, hi):
        t = s.target[row * s.length + j]
        w = 0 if t == s.ignore_index else class_weight[floating](s, 0, t)
        used[row * s.length + j] = <floating> w
        losses[row * s.length + j] = <floating> 0 if t == s.ignore_index else <floating> (
            -(1 - s.smoothing) * w * x[t * s.length + j] - s.smoothing / s.classes * spread[j - lo])


cdef void gradient_block(const Loss* s, const floating* g, floating* dx, Py_ssize_t row, Py_ssize_t lo,
                         Py_ssize_t hi) noexcept nogil:
    """Turns probabilities p in ``dx`` into g * (p * (a + b * sum(w)) - b * w - a * onehot), a = (1 - smoothing) * w[t],
    b = smoothing / C."""
    cdef floating scale[LOSS_COLUMNS]
    cdef floating rest[LOSS_COLUMNS]
    cdef floating wc
    cdef double a, b = s.smoothing / s.classes, slope
    cdef Py_ssize_t j, c, t
    cdef floating* x = dx + row * s.classes * s.length
    for j in range(lo, hi):
        t = s.target[row * s.length + j]
        slope = 0 if t == s.ignore_index else g[row * s.length + j]
        a = 0 if t == s.ignore_index else (1 - s.smoothing) * class_weight[floating](s, 0, t)
        scale[j - lo] = <floating> (slope * (a + b * s.total_weight))
        rest[j - lo] = <floating> (slope * b)
        if a:
            # p - onehot first, so that nothing cancels when the target's p is near 1
            x[t * s.length + j] = <floating> (x[t * s.length + j] - a / (a + b * s.total_weight))
    if s.length == 1:
        for c in range(s.classes):
            x[c] = x[c] * scale[0]
    else:
        for c in range(s.classes):
            for j in range(lo, hi):
                x[c * s.length + j] = x[c * s.length + j] * scale[j - lo]
    if s.smoothing:
        for c in range(s.classes):
            wc = <floating> class_weight[floating](s, 0, c)
            for j in range(lo, hi):
                x[c * s.length + j] = x[c * s.length + j] - wc * rest[j - lo]


cdef void loss_range(const Loss* s, const floating* logp, floating* losses, floating* used, Py_ssize_t lo,
                     Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t chunks = (s.length + LOSS_COLUMNS - 1) // LOSS_COLUMNS, index, at
    for index in range(lo, hi):
        at = index % chunks * LOSS_COLUMNS
        loss_block(s, logp, losses, used, index // chunks, at, min(at + LOSS_COLUMNS, s.length))


cdef void gradient_range(const Loss* s, const floating* g, floating* dx, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t chunks = (s.length + LOSS_COLUMNS - 1) // LOSS_COLUMNS, index, at
    for index in range(lo, hi):
        at = index % chunks * LOSS_COLUMNS
        gradient_block(s, g, dx, index // chunks, at, min(at + LOSS_COLUMNS, s.length))


cdef void run_loss(const Loss* s, const floating* logp, floating* losses, floating* used) noexcept nogil:
    cdef Py_ssize_t items = s.batch * ((s.length + LOSS_COLUMNS - 1) // LOSS_COLUMNS)
    cdef double work = <double> s.batch * s.length * (s.classes if s.smoothing else 4)
    cdef int t, threads = <int> min(items, threads_for(work, LOSS_GRAIN))
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        loss_range(s, logp, losses, used, items * t // threads, items * (t + 1) // threads)


cdef void run_gradient(const Loss* s, const floating* g, floating* dx) noexcept nogil:
    cdef Py_ssize_t items = s.batch * ((s.length + LOSS_COLUMNS - 1) // LOSS_COLUMNS)
    cdef int t, threads = <int> min(items, threads_for(<double> s.batch * s.length * s.classes, LOSS_GRAIN))
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        gradient_range(s, g, dx, items * t // threads, items * (t + 1) // threads)


def cross_entropy_rows(cnp.ndarray logp, cnp.ndarray target, cnp.ndarray weight, int64_t ignore_index,
                       double label_smoothing):
    """-(1 - s) * w[t] * logp[t] - s / C * sum(w * logp) for every index, 0 where ignored; and w[t], or 0 where ignored.

    Args:
        logp: log-probabilities, (N, C, L).
        target: class indices, (N, L), int64.
        weight: (C,), or None for ones.
    """
    cdef Loss s
    cdef cnp.ndarray losses, used
    cdef int dtype = float_type(logp)
    logp, target, weight = contiguous(logp), contiguous(target), None if weight is None else contiguous(weight)
    plan_loss("cross_entropy_rows", logp, target, weight, ignore_index, label_smoothing, &s)
    losses = empty(2, cnp.PyArray_DIMS(target), dtype)
    used = empty(2, cnp.PyArray_DIMS(target), dtype)
    if dtype == cnp.NPY_FLOAT:
        run_loss[float](&s, <const float*> cnp.PyArray_DATA(logp), <float*> cnp.PyArray_DATA(losses),
                        <float*> cnp.PyArray_DATA(used))
    else:
        run_loss[double](&s, <const double*> cnp.PyArray_DATA(logp), <double*> cnp.PyArray_DATA(losses),
                         <double*> cnp.PyArray_DATA(used))
    return losses, used


def cross_entropy_rows_backward(cnp.ndarray logp, cnp.ndarray target, cnp.ndarray weight, int64_t ignore_index,
                                double label_smoothing, cnp.ndarray g):
    """Gradient with respect to the logits x, logp = log_softmax(x, 1), given ``g`` (N, L), that of the losses."""
    cdef Loss s
    cdef cnp.ndarray dx
    common_type(logp, g)
    logp, target, g = contiguous(logp), contiguous(target), contiguous(g)
    weight = None if weight is None else contiguous(weight)
    plan_loss("cross_entropy_rows_backward", logp, target, weight, ignore_index, label_smoothing, &s)
    if not cnp.PyArray_SAMESHAPE(g, target):
        raise ValueError(f"cross_entropy_rows_backward: expected g {np.shape(target)}, got {np.shape(g)}")
    dx = exp(logp)
    if cnp.PyArray_TYPE(dx) == cnp.NPY_FLOAT:
        run_gradient[float](&s, <const float*> cnp.PyArray_DATA(g), <float*> cnp.PyArray_DATA(dx))
    else:
        run_gradient[double](&s, <const double*> cnp.PyArray_DATA(g), <double*> cnp.PyArray_DATA(dx))
    return dx


def nll_rows(logp, target, weight, int64_t ignore_index):
    """-w[t] * logp[t] for every index, 0 where ignored; and w[t], or 0 where ignored."""
    return cross_entropy_rows(logp, target, weight, ignore_index, 0)


def nll_rows_backward(cnp.ndarray logp, cnp.ndarray target, cnp.ndarray weight, int64_t ignore_index, cnp.ndarray g):
    """Gradient of ``nll_rows`` with respect to ``logp`` given that of the losses: -w[t] * g at the target, else 0."""
    cdef cnp.ndarray dx
    cdef Py_ssize_t length
    common_type(logp, g)
    used = nll_rows(logp, target, weight, ignore_index)[1]
    if not cnp.PyArray_SAMESHAPE(g, target):
        raise ValueError(f"nll_rows_backward: expected g {np.shape(target)}, got {np.shape(g)}")
    dx = np.zeros(np.shape(logp), logp.dtype)
    picked = np.where(target == ignore_index, 0, target)
    np.put_along_axis(dx, picked[:, None, :], neg(mul(used, g))[:, None, :], 1)
    return dx
