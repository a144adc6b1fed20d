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


cdef void rnn_row_backward(int kind, const floating* y, const floating* dh, floating* dgates,
                           Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    if kind == RNN_TANH:
        for j in range(n):
            dgates[j] = dh[j] * ((<floating> 1 - y[j]) * (<floating> 1 + y[j]))
    else:
        for j in range(n):
            dgates[j] = <floating> 0 if y[j] <= 0 else dh[j]


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


cdef void lstm_row_backward(const floating* gates, Py_ssize_t step, const floating* c, const floating* before,
                            const floating* dh, floating* dc, floating* dgates, Py_ssize_t n,
                            floating* room) noexcept nogil:
    """``before`` is the c the step started from, ``dc`` its gradient from later steps, then that of ``before``."""
    cdef Py_ssize_t j
    cdef const floating* i = gates
    cdef const floating* f = gates + step
    cdef const floating* g = gates + 2 * step
    cdef const floating* o = gates + 3 * step
    cdef floating* t = room
    cdef floating* d = dgates
    for j in range(n):
        t[j] = tanh_(c[j])
    for j in range(n):
        dc[j] += dh[j] * o[j] * ((<floating> 1 - t[j]) * (<floating> 1 + t[j]))
    for j in range(n):
        d[j] = dc[j] * g[j] * (i[j] * (<floating> 1 - i[j]))
    d = dgates + step
    for j in range(n):
        d[j] = dc[j] * before[j] * (f[j] * (<floating> 1 - f[j]))
    d = dgates + 2 * step
    for j in range(n):
        d[j] = dc[j] * i[j] * ((<floating> 1 - g[j]) * (<floating> 1 + g[j]))
    d = dgates + 3 * step
    for j in range(n):
        d[j] = dh[j] * t[j] * (o[j] * (<floating> 1 - o[j]))
    for j in range(n):
        dc[j] *= f[j]


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


cdef void gru_row_backward(const floating* gates, Py_ssize_t step, const floating* share, const floating* before,
                           floating* dh, floating* dgates, floating* dshare, Py_ssize_t n) noexcept nogil:
    """``dh`` becomes the part of the gradient of ``before`` that passes by the weights."""
    cdef Py_ssize_t j
    cdef const floating* r = gates
    cdef const floating* z = gates + step
    cdef const floating* new = gates + 2 * step
    cdef floating* d = dgates + step
    cdef floating* dnew = dgates + 2 * step
    for j in range(n):
        d[j] = dh[j] * (before[j] - new[j]) * (z[j] * (<floating> 1 - z[j]))
    for j in range(n):
        dnew[j] = dh[j] * (<floating> 1 - z[j]) * ((<floating> 1 - new[j]) * (<floating> 1 + new[j]))
    d = dgates
    for j in range(n):
        d[j] = dnew[j] * share[j] * (r[j] * (<floating> 1 - r[j]))
    for j in range(n):
        dshare[j] = dnew[j] * r[j]
    for j in range(n):
        dh[j] *= z[j]
