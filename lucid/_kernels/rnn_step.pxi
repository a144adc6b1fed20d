# One step of a recurrent network on one sample, forward beside backward.

cdef enum:
    RNN_TANH = 0
    RNN_RELU = 1
    LSTM = 2
    GRU = 3


# One step of one sample: ``n`` units, gates ``step`` apart. Several passes over rows in L1, as GCC gives up on loops
# over many pointers.

cdef void sigmoid_row(floating* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        x[j] = sigmoid_(x[j])


cdef void tanh_row(floating* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        x[j] = tanh_(x[j])


cdef void rnn_row(int kind, floating* gates, floating* h, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    if kind == RNN_TANH:
        tanh_row(gates, n)
    else:
        for j in range(n):
            gates[j] = <floating> 0 if gates[j] <= 0 else gates[j]
    memcpy(h, gates, n * sizeof(floating))


cdef void rnn_row_backward(int kind, floating* gates, const floating* dh, Py_ssize_t n) noexcept nogil:
    """The gates become their gradients, here and below: they are read for the last time, and memory for others costs
    more than the arithmetic."""
    cdef Py_ssize_t j
    if kind == RNN_TANH:
        for j in range(n):
            gates[j] = dh[j] * ((<floating> 1 - gates[j]) * (<floating> 1 + gates[j]))
    else:
        for j in range(n):
            gates[j] = <floating> 0 if gates[j] <= 0 else dh[j]


cdef void lstm_row(floating* gates, Py_ssize_t step, const floating* before, floating* c, floating* h,
                   Py_ssize_t n) noexcept nogil:
    """c = f * before + i * g, h = o * tanh(c); the gates come in the order i, f, g, o."""
    cdef Py_ssize_t j
    cdef floating* i = gates
    cdef floating* f = gates + step
    cdef floating* g = gates + 2 * step
    cdef floating* o = gates + 3 * step
    sigmoid_row(i, n)
    sigmoid_row(f, n)
    tanh_row(g, n)
    sigmoid_row(o, n)
    for j in range(n):
        c[j] = f[j] * before[j] + i[j] * g[j]
    for j in range(n):
        h[j] = o[j] * tanh_(c[j])


cdef void lstm_row_backward(floating* gates, Py_ssize_t step, const floating* c, const floating* before,
                            const floating* dh, floating* dc, Py_ssize_t n, floating* room) noexcept nogil:
    """``before`` is the c the step started from, ``dc`` its gradient from later steps, then that of ``before``."""
    cdef Py_ssize_t j
    cdef floating* i = gates
    cdef floating* f = gates + step
    cdef floating* g = gates + 2 * step
    cdef floating* o = gates + 3 * step
    cdef floating* t = room
    cdef floating p, q, d
    for j in range(n):
        t[j] = tanh_(c[j])
    for j in range(n):
        dc[j] += dh[j] * o[j] * ((<floating> 1 - t[j]) * (<floating> 1 + t[j]))
    for j in range(n):
        o[j] = dh[j] * t[j] * (o[j] * (<floating> 1 - o[j]))
    for j in range(n):
        d, p, q = dc[j], i[j], g[j]
        i[j] = d * q * (p * (<floating> 1 - p))
        g[j] = d * p * ((<floating> 1 - q) * (<floating> 1 + q))
    for j in range(n):
        d, p = dc[j], f[j]
        f[j] = d * before[j] * (p * (<floating> 1 - p))
        dc[j] = d * p


cdef void gru_row(floating* gates, Py_ssize_t step, const floating* share, const floating* before, floating* h,
                  Py_ssize_t n) noexcept nogil:
    """n = tanh(n + r * share), h = n + z * (before - n); the gates come in the order r, z, n."""
    cdef Py_ssize_t j
    cdef floating* r = gates
    cdef floating* z = gates + step
    cdef floating* new = gates + 2 * step
    sigmoid_row(r, n)
    sigmoid_row(z, n)
    for j in range(n):
        new[j] = tanh_(new[j] + r[j] * share[j])
    for j in range(n):
        h[j] = new[j] + z[j] * (before[j] - new[j])


cdef void gru_row_backward(floating* gates, Py_ssize_t step, const floating* share, const floating* before,
                           floating* dh, floating* dshare, Py_ssize_t n) noexcept nogil:
    """``dh`` becomes the part of the gradient of ``before`` that passes by the weights."""
    cdef Py_ssize_t j
    cdef floating* r = gates
    cdef floating* z = gates + step
    cdef floating* new = gates + 2 * step
    cdef floating p, q, d
    for j in range(n):
        d, p, q = dh[j], z[j], new[j]
        z[j] = d * (before[j] - q) * (p * (<floating> 1 - p))
        new[j] = d * (<floating> 1 - p) * ((<floating> 1 - q) * (<floating> 1 + q))
        dh[j] = d * p
    for j in range(n):
        d, p = new[j], r[j]
        r[j] = d * share[j] * (p * (<floating> 1 - p))
        dshare[j] = d * p
