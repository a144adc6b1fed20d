# Cross-entropy of logits, and negative log-likelihood of log-probabilities, (N, C, L) at class indices (N, L).
#
# Forward keeps the largest logit m and shift = log(sum(exp(x - m))) of every index, not the log-probabilities
# (x - m) - shift: backward makes those again while it writes the gradient, in its only pass over memory.

cdef enum:
    LOSS_GRAIN = 16384

cdef struct Loss:
    bint single                             # x is float32
    const void* x
    void* dx
    Py_ssize_t batch, classes, length       # N, C, L
    const int64_t* target
    const void* weight                      # (C,), or NULL for ones
    int64_t ignore_index
    double smoothing, total_weight
    void* losses                            # (N, L)
    void* used                              # (N, L): w[t], or 0 where ignored
    void* largest                           # (N, L)
    void* shift                             # (N, L)
    const void* g                           # (N, L), or one for all
    Py_ssize_t g_step
    double divisor                          # of g


cdef inline double class_weight(const Loss* s, Py_ssize_t c, floating dtype) noexcept nogil:
    return (<const floating*> s.weight)[c] if s.weight else 1


cdef inline void put_loss(const Loss* s, Py_ssize_t n, Py_ssize_t l, floating m, floating shift) noexcept nogil:
    """Loss and weight of one index: -(1 - s) * w[t] * logp[t] - s / C * sum(w * logp)."""
    cdef const floating* x = <const floating*> s.x + n * s.classes * s.length + l
    cdef Py_ssize_t at = n * s.length + l, c
    cdef int64_t t = s.target[at]
    cdef double w, spread = 0, loss = 0
    w = 0 if t == s.ignore_index else class_weight[floating](s, t, 0)
    (<floating*> s.used)[at] = <floating> w
    if t != s.ignore_index:
        loss = -(1 - s.smoothing) * w * ((x[t * s.length] - m) - shift)
        if s.smoothing:
            for c in range(s.classes):
                spread += class_weight[floating](s, c, 0) * ((x[c * s.length] - m) - shift)
            loss -= s.smoothing / s.classes * spread
    (<floating*> s.losses)[at] = <floating> loss


cdef inline void slopes(const Loss* s, Py_ssize_t at, floating* scale, floating* rest, floating* own,
                        floating dtype) noexcept nogil:
    """The gradient is scale * (p - own * onehot) - rest * w: with a = (1 - smoothing) * w[t] and b = smoothing / C,
    g * (p * (a + b * sum(w)) - a * onehot - b * w). p - onehot first, so that nothing cancels when p is near 1."""
    cdef int64_t t = s.target[at]
    cdef double a = 0, b = s.smoothing / s.classes, slope = 0
    if t != s.ignore_index:
        slope = (<const floating*> s.g)[at * s.g_step] / s.divisor
        a = (1 - s.smoothing) * class_weight[floating](s, t, 0)
    scale[0], rest[0] = <floating> (slope * (a + b * s.total_weight)), <floating> (slope * b)
    own[0] = <floating> (a / (a + b * s.total_weight)) if a else 0


cdef inline floating target_gradient(const Loss* s, floating p, Py_ssize_t c, floating scale, floating rest,
                                     floating own) noexcept nogil:
    cdef floating d = (p - own) * scale
    return d - <floating> class_weight[floating](s, c, 0) * rest if s.smoothing else d


# One row of C adjacent logits

cdef void loss_row(const Loss* s, Py_ssize_t n, floating dtype) noexcept nogil:
    cdef const floating* x = <const floating*> s.x + n * s.classes
    cdef bint readable = (n + 1) * s.classes + ROW_TILE <= s.batch * s.classes
    cdef floating m = row_extreme(False, x, s.classes, readable), shift = log_total(x, s.classes, m, readable)
    (<floating*> s.largest)[n], (<floating*> s.shift)[n] = m, shift
    put_loss(s, n, 0, m, shift)


cdef inline void probability_tile(const floating* x, floating* y, floating m, floating shift,
                                  floating scale) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(ROW_TILE):
        y[j] = exp_neg((x[j] - m) - shift) * scale


cdef void loss_backward_row(const Loss* s, Py_ssize_t n, floating dtype) noexcept nogil:
    cdef const floating* x = <const floating*> s.x + n * s.classes
    cdef floating* dx = <floating*> s.dx + n * s.classes
    cdef floating m = (<floating*> s.largest)[n], shift = (<floating*> s.shift)[n], scale, rest, own
    cdef floating end[ROW_TILE]
    cdef floating last[ROW_TILE]
    cdef Py_ssize_t i = 0, c
    cdef int64_t t = s.target[n]
    slopes(s, n, &scale, &rest, &own, dtype)
    while i + ROW_TILE <= s.classes:
        probability_tile(x + i, dx + i, m, shift, scale)
        i += ROW_TILE
    if i < s.classes:
        probability_tile(tail_of(x + i, end, s.classes - i, (n + 1) * s.classes + ROW_TILE <= s.batch * s.classes),
                         last, m, shift, scale)
        memcpy(dx + i, last, (s.classes - i) * sizeof(floating))
    if s.smoothing:
        for c in range(s.classes):
            dx[c] = dx[c] - <floating> class_weight[floating](s, c, 0) * rest
    if t != s.ignore_index:
        dx[t] = target_gradient(s, exp_neg((x[t] - m) - shift), t, scale, rest, own)


# SOFTMAX_COLUMNS adjacent indices of one sample, L apart from class to class

cdef void loss_columns(const Loss* s, Py_ssize_t n, Py_ssize_t l, floating dtype) noexcept nogil:
    cdef floating m[SOFTMAX_COLUMNS]
    cdef floating shift[SOFTMAX_COLUMNS]
    cdef Py_ssize_t at = n * s.length + l, j
    column_log_totals(<const floating*> s.x + n * s.classes * s.length + l, m, shift, s.classes, s.length)
    memcpy(<floating*> s.largest + at, m, sizeof(m))
    memcpy(<floating*> s.shift + at, shift, sizeof(shift))
    for j in range(SOFTMAX_COLUMNS):
        put_loss(s, n, l + j, m[j], shift[j])


cdef void loss_backward_columns(const Loss* s, Py_ssize_t n, Py_ssize_t l, floating dtype) noexcept nogil:
    cdef floating m[SOFTMAX_COLUMNS]
    cdef floating shift[SOFTMAX_COLUMNS]
    cdef floating scale[SOFTMAX_COLUMNS]
    cdef floating rest[SOFTMAX_COLUMNS]
    cdef floating own[SOFTMAX_COLUMNS]
    cdef Py_ssize_t at = n * s.length + l, start = n * s.classes * s.length + l, j, c, k
    cdef const floating* x = <const floating*> s.x + start
    cdef floating* dx = <floating*> s.dx + start
    cdef floating w
    memcpy(m, <floating*> s.largest + at, sizeof(m))
    memcpy(shift, <floating*> s.shift + at, sizeof(shift))
    for j in range(SOFTMAX_COLUMNS):
        slopes(s, at + j, scale + j, rest + j, own + j, dtype)
    for c in range(s.classes):
        w = <floating> class_weight[floating](s, c, 0)
        k = c * s.length
        if s.smoothing:
            for j in range(SOFTMAX_COLUMNS):
                dx[k + j] = exp_neg((x[k + j] - m[j]) - shift[j]) * scale[j] - w * rest[j]
        else:
            for j in range(SOFTMAX_COLUMNS):
                dx[k + j] = exp_neg((x[k + j] - m[j]) - shift[j]) * scale[j]
    for j in range(SOFTMAX_COLUMNS):
        c = s.target[at + j]
        if c != s.ignore_index:
            k = c * s.length + j
            dx[k] = target_gradient(s, exp_neg((x[k] - m[j]) - shift[j]), c, scale[j], rest[j], own[j])


cdef inline void loss_item(const Loss* s, bint backward, Py_ssize_t n, Py_ssize_t l, floating dtype) noexcept nogil:
    if s.length == 1 and backward:
        loss_backward_row(s, n, dtype)
    elif s.length == 1:
        loss_row(s, n, dtype)
    elif backward:
        loss_backward_columns(s, n, l, dtype)
    else:
        loss_columns(s, n, l, dtype)


cdef void loss_range(const Loss* s, bint backward, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef Py_ssize_t tiles = (s.length + SOFTMAX_COLUMNS - 1) // SOFTMAX_COLUMNS, index, n, l
    for index in range(lo, hi):
        # the last tile of a sample overlaps the one before, and repeats what it did
        n, l = index // tiles, min(index % tiles * SOFTMAX_COLUMNS, s.length - SOFTMAX_COLUMNS)
        if s.single:
            loss_item[float](s, backward, n, l, 0)
        else:
            loss_item[double](s, backward, n, l, 0)


cdef void run_loss(const Loss* s, bint backward) noexcept nogil:
    cdef Py_ssize_t tiles = (s.length + SOFTMAX_COLUMNS - 1) // SOFTMAX_COLUMNS
    cdef int t, threads = <int> min(s.batch, threads_for(<double> s.batch * s.length * s.classes, LOSS_GRAIN))
    if threads <= 1:
        loss_range(s, backward, 0, s.batch * tiles)
        return
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        loss_range(s, backward, s.batch * t // threads * tiles, s.batch * (t + 1) // threads * tiles)


# Checks, and what Python calls

def outside(cnp.ndarray target, Py_ssize_t classes, int64_t ignore_index) -> int:
    """Position of the first of the int64 class indices outside [0, classes) that is not ``ignore_index``; -1 if none."""
    cdef const int64_t* t
    cdef Py_ssize_t i, n = cnp.PyArray_SIZE(target)
    cdef int bad = 0
    if cnp.PyArray_TYPE(target) != cnp.NPY_INT64:
        raise TypeError(f"outside: expected int64 indices, got {target.dtype}")
    target = contiguous(target)
    t = <const int64_t*> cnp.PyArray_DATA(target)
    for i in range(n):
        bad |= (<uint64_t> t[i] >= <uint64_t> classes) & (t[i] != ignore_index)
    if bad:
        for i in range(n):
            if not 0 <= t[i] < classes and t[i] != ignore_index:
                return i
    return -1


cdef int plan_loss(str name, cnp.ndarray x, cnp.ndarray target, cnp.ndarray weight, int64_t ignore_index,
                   double smoothing, Loss* s) except -1:
    """Check everything, the indices included."""
    cdef Py_ssize_t i
    s.single = float_type(x) == cnp.NPY_FLOAT
    if cnp.PyArray_NDIM(x) != 3 or cnp.PyArray_NDIM(target) != 2 or cnp.PyArray_DIM(target, 0) != cnp.PyArray_DIM(
            x, 0) or cnp.PyArray_DIM(target, 1) != cnp.PyArray_DIM(x, 2):
        raise ValueError(f"{name}: expected (N, C, L) and targets (N, L), got {np.shape(x)} and {np.shape(target)}")
    if cnp.PyArray_TYPE(target) != cnp.NPY_INT64:
        raise TypeError(f"{name}: expected int64 targets, got {target.dtype}")
    s.batch, s.classes, s.length = cnp.PyArray_DIM(x, 0), cnp.PyArray_DIM(x, 1), cnp.PyArray_DIM(x, 2)
    s.total_weight = s.classes
    s.weight = NULL
    if weight is not None:
        common_type(x, weight)
        if cnp.PyArray_NDIM(weight) != 1 or cnp.PyArray_DIM(weight, 0) != s.classes:
            raise ValueError(f"{name}: expected a weight for each of {s.classes} classes, got shape {np.shape(weight)}")
        s.weight = cnp.PyArray_DATA(weight)
        s.total_weight = sum(weight).item()
    s.x, s.target = cnp.PyArray_DATA(x), <const int64_t*> cnp.PyArray_DATA(target)
    s.ignore_index, s.smoothing = ignore_index, smoothing
    i = outside(target, s.classes, ignore_index)
    if i >= 0:
        raise IndexError(f"{name}: target {s.target[i]} at position {i} is out of range for {s.classes} classes")
    return 0


cdef int plan_gradient(str name, cnp.ndarray x, cnp.ndarray g, double divisor, Loss* s) except -1:
    common_type(x, g)
    if cnp.PyArray_SIZE(g) != 1 and cnp.PyArray_SIZE(g) != s.batch * s.length:
        raise ValueError(f"{name}: expected g {(s.batch, s.length)} or one number, got {np.shape(g)}")
    s.g, s.g_step, s.divisor = cnp.PyArray_DATA(g), cnp.PyArray_SIZE(g) != 1, divisor
    return 0


cdef double total(cnp.ndarray x):
    """The sum of all elements, in double."""
    cdef Axes a
    if cnp.PyArray_SIZE(x) == 0:
        return 0
    plan_axes(x, None, False, &a)
    return (<double*> cnp.PyArray_DATA(reduce_axes(x, &a, SUM)))[0]


cdef cnp.ndarray class_last(cnp.ndarray x):
    """(N, C, L) as (N * L, C, 1): for few indices per sample, which leave most lanes of a tile empty."""
    return contiguous(np.moveaxis(x, 1, 2)).reshape(-1, cnp.PyArray_DIM(x, 1), 1)


def cross_entropy(cnp.ndarray x, cnp.ndarray target, cnp.ndarray weight, int64_t ignore_index, double label_smoothing):
    """-(1 - s) * w[t] * logp[t] - s / C * sum(w * logp) for every index, 0 where ignored; logp = log_softmax(x, 1).

    Args:
        x: logits, (N, C, L).
        target: class indices, (N, L), int64.
        weight: (C,), or None for ones.

    Returns:
        The losses (N, L); their sum; the sum of w[t] over what is not ignored; and what backward needs.
    """
    cdef Loss s
    cdef cnp.ndarray losses, used, largest, shift
    cdef int dtype = float_type(x)
    x, target, weight = contiguous(x), contiguous(target), None if weight is None else contiguous(weight)
    plan_loss("cross_entropy", x, target, weight, ignore_index, label_smoothing, &s)
    if 1 < s.length < SOFTMAX_COLUMNS:
        losses, sum_, weights, rest = cross_entropy(class_last(x), target.reshape(-1, 1), weight, ignore_index,
                                                    label_smoothing)
        return losses.reshape(np.shape(target)), sum_, weights, rest
    losses, used = empty(2, cnp.PyArray_DIMS(target), dtype), empty(2, cnp.PyArray_DIMS(target), dtype)
    largest, shift = empty(2, cnp.PyArray_DIMS(target), dtype), empty(2, cnp.PyArray_DIMS(target), dtype)
    s.losses, s.used = cnp.PyArray_DATA(losses), cnp.PyArray_DATA(used)
    s.largest, s.shift = cnp.PyArray_DATA(largest), cnp.PyArray_DATA(shift)
    if s.classes:
        with nogil:
            run_loss(&s, False)
    else:
        losses[...], used[...] = 0, 0
    return losses, total(losses), total(used), (largest, shift)


def cross_entropy_backward(cnp.ndarray x, tuple kept, cnp.ndarray target, cnp.ndarray weight, int64_t ignore_index,
                           double label_smoothing, cnp.ndarray g, double divisor=1):
    """Gradient with respect to the logits given ``g / divisor``, that of the losses: ``g`` (N, L), or one for all."""
    cdef Loss s
    cdef cnp.ndarray dx, largest = kept[0], shift = kept[1]
    x, target, g = contiguous(x), contiguous(target), contiguous(g)
    weight = None if weight is None else contiguous(weight)
    plan_loss("cross_entropy_backward", x, target, weight, ignore_index, label_smoothing, &s)
    plan_gradient("cross_entropy_backward", x, g, divisor, &s)
    if cnp.PyArray_SIZE(largest) != cnp.PyArray_SIZE(target):
        raise ValueError(f"cross_entropy_backward: what forward kept is for {np.shape(largest)} indices")
    if 1 < s.length < SOFTMAX_COLUMNS:
        dx = cross_entropy_backward(class_last(x), kept, target.reshape(-1, 1), weight, ignore_index, label_smoothing,
                                    g if cnp.PyArray_SIZE(g) == 1 else g.reshape(-1, 1), divisor)
        return contiguous(np.moveaxis(dx.reshape(s.batch, s.length, s.classes), 2, 1))
    dx = empty_like(x)
    s.dx, s.largest, s.shift = cnp.PyArray_DATA(dx), cnp.PyArray_DATA(largest), cnp.PyArray_DATA(shift)
    if s.classes:
        with nogil:
            run_loss(&s, True)
    return dx


# Negative log-likelihood

cdef void nll_kernel(const Loss* s, floating dtype) noexcept nogil:
    cdef Py_ssize_t n, l, at
    cdef int64_t t
    cdef double w
    for n in range(s.batch):
        for l in range(s.length):
            at = n * s.length + l
            t = s.target[at]
            w = 0 if t == s.ignore_index else class_weight[floating](s, t, 0)
            (<floating*> s.used)[at] = <floating> w
            (<floating*> s.losses)[at] = 0
            if t != s.ignore_index:
                (<floating*> s.losses)[at] = <floating> (
                    -w * (<const floating*> s.x)[(n * s.classes + t) * s.length + l])


cdef void nll_backward_kernel(const Loss* s, floating dtype) noexcept nogil:
    cdef Py_ssize_t n, l, at
    cdef int64_t t
    for n in range(s.batch):
        for l in range(s.length):
            at = n * s.length + l
            t = s.target[at]
            if t != s.ignore_index:
                (<floating*> s.dx)[(n * s.classes + t) * s.length + l] = <floating> (
                    -class_weight[floating](s, t, 0) * ((<const floating*> s.g)[at * s.g_step] / s.divisor))


def nll(cnp.ndarray logp, cnp.ndarray target, cnp.ndarray weight, int64_t ignore_index):
    """-w[t] * logp[t] for every index, 0 where ignored; their sum; and the sum of w[t] over what is not ignored."""
    cdef Loss s
    cdef cnp.ndarray losses, used
    cdef int dtype = float_type(logp)
    logp, target, weight = contiguous(logp), contiguous(target), None if weight is None else contiguous(weight)
    plan_loss("nll", logp, target, weight, ignore_index, 0, &s)
    losses, used = empty(2, cnp.PyArray_DIMS(target), dtype), empty(2, cnp.PyArray_DIMS(target), dtype)
    s.losses, s.used = cnp.PyArray_DATA(losses), cnp.PyArray_DATA(used)
    if s.single:
        nll_kernel[float](&s, 0)
    else:
        nll_kernel[double](&s, 0)
    return losses, total(losses), total(used)


def nll_backward(cnp.ndarray logp, cnp.ndarray target, cnp.ndarray weight, int64_t ignore_index, cnp.ndarray g,
                 double divisor=1):
    """Gradient of ``nll`` with respect to ``logp`` given ``g / divisor``, that of the losses: -w[t] * g at the target."""
    cdef Loss s
    cdef cnp.ndarray dx, zero
    logp, target, g = contiguous(logp), contiguous(target), contiguous(g)
    weight = None if weight is None else contiguous(weight)
    plan_loss("nll_backward", logp, target, weight, ignore_index, 0, &s)
    plan_gradient("nll_backward", logp, g, divisor, &s)
    zero = np.zeros((), logp.dtype)
    dx = expand_to(zero, cnp.PyArray_NDIM(logp), cnp.PyArray_DIMS(logp))
    s.dx = cnp.PyArray_DATA(dx)
    if s.single:
        nll_backward_kernel[float](&s, 0)
    else:
        nll_backward_kernel[double](&s, 0)
    return dx
