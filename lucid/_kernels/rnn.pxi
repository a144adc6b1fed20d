# Recurrent layers, a whole sequence per call: RNN (tanh, relu), LSTM and GRU, one direction of one layer.
#
# The input's share of the gates, x @ w_ih.T + bias, comes from one product over all steps. Here each step adds
# h @ w_hh.T, the weights packed once, and applies the gates. Samples never meet, so threads take samples, each through
# all steps, without waiting for one another.
#
# Rows lie step after step; step t has sizes[t] of them, the first samples of the batch (PackedSequence's layout).

cdef enum:
    RNN_TANH = 0
    RNN_RELU = 1
    LSTM = 2
    GRU = 3


cdef struct Recurrence:
    int kind
    bint reverse
    Py_ssize_t steps, batch, rows
    Py_ssize_t hidden           # units
    Py_ssize_t size             # of the state h: units, or less with LSTM's projection
    Py_ssize_t gates_size       # elements of a row of gates
    const int64_t* sizes
    const int64_t* offsets
    char* gates                 # (rows, gates_size): shares of the input, then activations
    char* cells                 # (rows, hidden): LSTM's c; GRU's share of h in the candidate
    char* raw                   # (rows, hidden): LSTM's h before its projection, or NULL
    char* y                     # (rows, size)
    Py_ssize_t y_row
    char* h                     # (batch, size): state
    char* c                     # (batch, hidden)
    const char* bias            # (hidden,): GRU's bias of the share of h
    char* dy
    Py_ssize_t dy_row
    char* dgates                # (rows, gates_size)
    char* dcells                # (rows, hidden): GRU's gradient of the share of h
    char* dhidden               # (rows, size): gradient of h, for the weight of the projection
    char* before                # (rows, size): the state each step started from
    const char* h0
    const char* c0
    char* packed                # w_hh
    char* packed_n              # GRU's candidate part of w_hh
    char* packed_hr             # LSTM's projection


# Products with a matrix packed once

cdef inline Py_ssize_t packed_size(const floating* like, Py_ssize_t k, Py_ssize_t n) noexcept nogil:
    return round_up(k * round_up(n, tile_columns(like)), 16)


cdef void pack_matrix(const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t k, Py_ssize_t n,
                      floating* out) noexcept nogil:
    """Blocks of k one behind the other, each packed as ``pack_b`` does."""
    cdef Py_ssize_t p = 0, depth = k_block(b, k), width = round_up(n, tile_columns(b))
    while p < k:
        pack_b(b + p * b_row, b_row, b_column, min(depth, k - p), n, out + p * width)
        p += depth


cdef void packed_product(const floating* a, Py_ssize_t a_row, const floating* packed, floating* c, Py_ssize_t c_row,
                         Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, bint load) noexcept nogil:
    """C = A @ B, or C += A @ B, for a B from ``pack_matrix``."""
    cdef Py_ssize_t p = 0, depth, i, j, columns = tile_columns(a), width = round_up(n, columns)
    # Tiles of 8 rows fill the registers where the tallest would leave a remainder of 2.
    cdef Py_ssize_t most = k_block(a, k), rows = 8 if m % 8 == 0 and tile_rows(a) > 8 else m
    while p < k:
        depth = min(most, k - p)
        j = 0
        while j < n:
            i = 0
            while i < m:
                if j + columns <= n:
                    panel_product(a + i * a_row + p, a_row, packed + p * width + j * depth, columns, c + i * c_row + j,
                                  c_row, rows, depth, load or p > 0)
                else:
                    edge_product(a + i * a_row + p, a_row, packed + p * width + j * depth, columns, c + i * c_row + j,
                                 c_row, rows, n - j, depth, load or p > 0)
                i += rows
            j += columns
        p += depth


# One step of one sample. Several passes over rows in L1: GCC gives up on loops over many pointers.

cdef void sigmoid_row(floating* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        x[j] = sigmoid_(x[j])


cdef void tanh_row(floating* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        x[j] = tanh_(x[j])


cdef void relu_row(floating* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        x[j] = <floating> 0 if x[j] <= 0 else x[j]


cdef void rnn_row_backward(int kind, const floating* y, const floating* dh, floating* dgates, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    if kind == RNN_TANH:
        for j in range(n):
            dgates[j] = dh[j] * ((<floating> 1 - y[j]) * (<floating> 1 + y[j]))
    else:
        for j in range(n):
            dgates[j] = <floating> 0 if y[j] <= 0 else dh[j]


cdef void lstm_row(floating* gates, floating* c, floating* h, Py_ssize_t n) noexcept nogil:
    """c = f * c + i * g, h = o * tanh(c); the gates i, f, g, o lie one behind the other."""
    cdef Py_ssize_t j
    cdef floating* i = gates
    cdef floating* f = gates + n
    cdef floating* g = gates + 2 * n
    cdef floating* o = gates + 3 * n
    sigmoid_row(i, 2 * n)
    tanh_row(g, n)
    sigmoid_row(o, n)
    for j in range(n):
        c[j] = f[j] * c[j] + i[j] * g[j]
    for j in range(n):
        h[j] = o[j] * tanh_(c[j])


cdef void lstm_row_backward(const floating* gates, const floating* c, const floating* before, const floating* dh,
                            floating* dc, floating* dgates, Py_ssize_t n, floating* room) noexcept nogil:
    """``before`` is the c the step started from, ``dc`` its gradient from later steps, then that of ``before``."""
    cdef Py_ssize_t j
    cdef const floating* i = gates
    cdef const floating* f = gates + n
    cdef const floating* g = gates + 2 * n
    cdef const floating* o = gates + 3 * n
    cdef floating* t = room
    cdef floating* d = dgates
    for j in range(n):
        t[j] = tanh_(c[j])
    for j in range(n):
        dc[j] += dh[j] * o[j] * ((<floating> 1 - t[j]) * (<floating> 1 + t[j]))
    for j in range(n):
        d[j] = dc[j] * g[j] * (i[j] * (<floating> 1 - i[j]))
    d = dgates + n
    for j in range(n):
        d[j] = dc[j] * before[j] * (f[j] * (<floating> 1 - f[j]))
    d = dgates + 2 * n
    for j in range(n):
        d[j] = dc[j] * i[j] * ((<floating> 1 - g[j]) * (<floating> 1 + g[j]))
    d = dgates + 3 * n
    for j in range(n):
        d[j] = dh[j] * t[j] * (o[j] * (<floating> 1 - o[j]))
    for j in range(n):
        dc[j] *= f[j]


cdef void gru_row(floating* gates, const floating* share, floating* h, Py_ssize_t n) noexcept nogil:
    """n = tanh(n + r * share), h = n + z * (h - n); the gates r, z, n lie one behind the other."""
    cdef Py_ssize_t j
    cdef floating* r = gates
    cdef floating* z = gates + n
    cdef floating* new = gates + 2 * n
    sigmoid_row(r, 2 * n)
    for j in range(n):
        new[j] = tanh_(new[j] + r[j] * share[j])
    for j in range(n):
        h[j] = new[j] + z[j] * (h[j] - new[j])


cdef void gru_row_backward(const floating* gates, const floating* share, const floating* before, floating* dh,
                           floating* dgates, floating* dshare, Py_ssize_t n) noexcept nogil:
    """``dh`` becomes the part of the gradient of ``before`` that passes by the weights."""
    cdef Py_ssize_t j
    cdef const floating* r = gates
    cdef const floating* z = gates + n
    cdef const floating* new = gates + 2 * n
    cdef floating* d = dgates + n
    cdef floating* dnew = dgates + 2 * n
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


# All steps of some samples

cdef void rnn_samples(const Recurrence* r, Py_ssize_t lo, Py_ssize_t hi, floating* like) noexcept nogil:
    """Samples lo to hi."""
    cdef Py_ssize_t s, t, i, j, count, row, n = r.hidden, size = r.size, width = r.gates_size
    cdef floating* gates
    cdef floating* h = <floating*> r.h + lo * size
    cdef floating* c = <floating*> r.c + lo * n
    cdef floating* cells
    cdef floating* state
    for s in range(r.steps):
        t = r.steps - 1 - s if r.reverse else s
        count = min(hi, <Py_ssize_t> r.sizes[t]) - lo
        if count <= 0:
            continue
        row = <Py_ssize_t> r.offsets[t] + lo
        gates = <floating*> r.gates + row * width
        cells = <floating*> r.cells + row * n
        if r.kind == GRU:
            packed_product(h, size, <floating*> r.packed, gates, width, count, 2 * n, size, True)
            for i in range(count):
                memcpy(cells + i * n, r.bias, n * sizeof(floating))
            packed_product(h, size, <floating*> r.packed_n, cells, n, count, n, size, True)
        else:
            packed_product(h, size, <floating*> r.packed, gates, width, count, width, size, True)
        for i in range(count):
            state = h + i * size
            if r.kind == LSTM:
                if r.raw != NULL:
                    state = <floating*> r.raw + (row + i) * n
                lstm_row(gates + i * width, c + i * n, state, n)
                memcpy(cells + i * n, c + i * n, n * sizeof(floating))
            elif r.kind == GRU:
                gru_row(gates + i * width, cells + i * n, state, n)
            else:
                if r.kind == RNN_TANH:
                    tanh_row(gates + i * width, n)
                else:
                    relu_row(gates + i * width, n)
                memcpy(state, gates + i * width, n * sizeof(floating))
        if r.raw != NULL:
            packed_product(<floating*> r.raw + row * n, n, <floating*> r.packed_hr, h, size, count, size, n, False)
        for i in range(count):
            memcpy(<floating*> r.y + (row + i) * r.y_row, h + i * size, size * sizeof(floating))


cdef const floating* row_before(const Recurrence* r, Py_ssize_t t, Py_ssize_t sample, const char* rows, Py_ssize_t step,
                                const char* first, Py_ssize_t width, const floating* like) noexcept nogil:
    """Where the state lies that step ``t`` of a sample started from: in the step before it, or at the beginning."""
    cdef Py_ssize_t b = t + 1 if r.reverse else t - 1
    if 0 <= b < r.steps and sample < r.sizes[b]:
        return <const floating*> rows + (<Py_ssize_t> r.offsets[b] + sample) * step
    return <const floating*> first + sample * width


cdef void rnn_samples_backward(const Recurrence* r, Py_ssize_t lo, Py_ssize_t hi, floating* room) noexcept nogil:
    """Samples lo to hi; h and c hold the gradients of the state. ``room`` is for two rows of units per sample."""
    cdef Py_ssize_t s, t, i, j, count, row, n = r.hidden, size = r.size, width = r.gates_size
    cdef floating* gates
    cdef floating* dgates
    cdef floating* cells
    cdef floating* dshare
    cdef floating* dh = <floating*> r.h + lo * size
    cdef floating* dc = <floating*> r.c + lo * n
    cdef floating* draw
    cdef floating* before
    cdef const floating* dy
    for s in range(r.steps):
        t = s if r.reverse else r.steps - 1 - s
        count = min(hi, <Py_ssize_t> r.sizes[t]) - lo
        if count <= 0:
            continue
        row = <Py_ssize_t> r.offsets[t] + lo
        gates, dgates = <floating*> r.gates + row * width, <floating*> r.dgates + row * width
        cells, before = <floating*> r.cells + row * n, <floating*> r.before + row * size
        dshare = <floating*> r.dcells + row * n
        for i in range(count):
            if r.dy != NULL:
                dy = <const floating*> r.dy + (row + i) * r.dy_row
                for j in range(size):
                    dh[i * size + j] += dy[j]
            memcpy(before + i * size, row_before(r, t, lo + i, r.y, r.y_row, r.h0, size, room), size * sizeof(floating))
        draw = dh
        if r.raw != NULL:
            memcpy(<floating*> r.dhidden + row * size, dh, count * size * sizeof(floating))
            draw = room + n
            packed_product(dh, size, <floating*> r.packed_hr, draw, n, count, n, size, False)
        for i in range(count):
            if r.kind == LSTM:
                lstm_row_backward(gates + i * width, cells + i * n,
                                  row_before(r, t, lo + i, r.cells, n, r.c0, n, room), draw + i * n, dc + i * n,
                                  dgates + i * width, n, room)
            elif r.kind == GRU:
                gru_row_backward(gates + i * width, cells + i * n, before + i * size, dh + i * size,
                                 dgates + i * width, dshare + i * n, n)
            else:
                rnn_row_backward(r.kind, gates + i * width, dh + i * size, dgates + i * width, n)
        if r.kind == GRU:
            packed_product(dgates, width, <floating*> r.packed, dh, size, count, size, 2 * n, True)
            packed_product(dshare, n, <floating*> r.packed_n, dh, size, count, size, n, True)
        else:
            packed_product(dgates, width, <floating*> r.packed, dh, size, count, size, width, False)


cdef bint run_rnn(Recurrence* r, const floating* w_hh, const floating* w_hr, bint backward) noexcept nogil:
    """Pack the weights and send samples to threads. False when memory ran out."""
    cdef Py_ssize_t n = r.hidden, size = r.size, main = 2 * n if r.kind == GRU else r.gates_size
    cdef Py_ssize_t first = packed_size(w_hh, size, main), second = 0, third = 0, room
    cdef int t, threads = threads_for(2.0 * r.rows * size * r.gates_size, GEMM_GRAIN)
    cdef floating* work
    if backward:
        first = packed_size(w_hh, main, size)
    if r.kind == GRU:
        second = packed_size(w_hh, n, size) if backward else packed_size(w_hh, size, n)
    if r.raw != NULL:
        third = packed_size(w_hh, size, n) if backward else packed_size(w_hh, n, size)
    threads = <int> min(threads, r.batch)
    room = round_up(n * (r.batch + 1), 16)
    work = <floating*> workspace((first + second + third + threads * room) * sizeof(floating))
    if work == NULL:
        return False
    r.packed, r.packed_n, r.packed_hr = <char*> work, <char*> (work + first), <char*> (work + first + second)
    if backward:
        pack_matrix(w_hh, size, 1, main, size, work)
        if r.kind == GRU:
            pack_matrix(w_hh + 2 * n * size, size, 1, n, size, work + first)
        if r.raw != NULL:
            pack_matrix(w_hr, n, 1, size, n, work + first + second)
    else:
        pack_matrix(w_hh, 1, size, size, main, work)
        if r.kind == GRU:
            pack_matrix(w_hh + 2 * n * size, 1, size, size, n, work + first)
        if r.raw != NULL:
            pack_matrix(w_hr, 1, n, n, size, work + first + second)
    work += first + second + third
    if threads <= 1:
        if backward:
            rnn_samples_backward(r, 0, r.batch, work)
        else:
            rnn_samples(r, 0, r.batch, work)
    elif backward:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            rnn_samples_backward(r, r.batch * t // threads, r.batch * (t + 1) // threads, work + t * room)
    else:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            rnn_samples(r, r.batch * t // threads, r.batch * (t + 1) // threads, work + t * room)
    release(r.packed)
    return True


# What Python calls

cdef cnp.ndarray rnn_operand(str name, object given, int typenum, tuple shape):
    """``given`` as a contiguous array of this type and shape."""
    cdef cnp.ndarray x = given
    if x is None or cnp.PyArray_TYPE(x) != typenum or np.shape(x) != shape:
        got = "None" if x is None else f"{x.dtype} {np.shape(x)}"
        raise ValueError(f"rnn: expected {name} of shape {shape} and the dtype of the gates, got {got}")
    return contiguous(x)


cdef cnp.ndarray rnn_rows(str name, object given, int typenum, tuple shape, Py_ssize_t* step):
    """``given`` with contiguous rows, ``step`` elements apart."""
    cdef cnp.ndarray x = given
    if cnp.PyArray_TYPE(x) != typenum or np.shape(x) != shape:
        raise ValueError(f"rnn: expected {name} of shape {shape} and the dtype of the gates, got {x.dtype} {np.shape(x)}")
    if not cnp.PyArray_ISBEHAVED_RO(x) or (shape[1] > 1 and cnp.PyArray_STRIDE(x, 1) != cnp.PyArray_ITEMSIZE(x)):
        x = cnp.PyArray_FROM_OF(x, cnp.NPY_ARRAY_CARRAY_RO | cnp.NPY_ARRAY_NOTSWAPPED | cnp.NPY_ARRAY_ENSURECOPY)
    step[0] = cnp.PyArray_STRIDE(x, 0) // cnp.PyArray_ITEMSIZE(x)
    return x


cdef int rnn_kind(str mode) except -1:
    kinds = {"RNN_TANH": RNN_TANH, "RNN_RELU": RNN_RELU, "LSTM": LSTM, "GRU": GRU}
    if mode not in kinds:
        raise ValueError(f"rnn: expected a mode of {', '.join(kinds)}, got {mode!r}")
    return kinds[mode]


cdef list rnn_plan(str mode, cnp.ndarray gates, cnp.ndarray w_hh, cnp.ndarray h0, object steps, bint reverse,
                   Recurrence* r):
    """Fill in the sizes of ``r``; returns the arrays it points into: gates, w_hh, h0, sizes, offsets."""
    cdef int t = float_type(gates), parts
    cdef cnp.ndarray sizes = contiguous(np.asarray(steps, np.int64)), offsets
    memset(r, 0, sizeof(Recurrence))
    r.kind, r.reverse = rnn_kind(mode), reverse
    parts = 4 if r.kind == LSTM else 3 if r.kind == GRU else 1
    r.steps, r.batch, r.size = cnp.PyArray_DIM(sizes, 0), cnp.PyArray_DIM(h0, 0), cnp.PyArray_DIM(h0, 1)
    r.rows, r.gates_size = cnp.PyArray_DIM(gates, 0), cnp.PyArray_DIM(gates, 1)
    r.hidden = r.gates_size // parts
    if r.gates_size % parts or (r.kind != LSTM and r.size != r.hidden):
        raise ValueError(f"rnn: gates {np.shape(gates)} do not fit a state of {r.size}")
    if np.sum(sizes) != r.rows or np.any(np.diff(sizes, prepend=r.batch) > 0) or np.any(sizes < 0):
        raise ValueError(f"rnn: sizes of steps must fall from {r.batch} at most and add up to {r.rows}, got {sizes.tolist()}")
    offsets = np.cumsum(sizes) - sizes
    gates = rnn_operand("gates", gates, t, (r.rows, r.gates_size))
    w_hh = rnn_operand("w_hh", w_hh, t, (r.gates_size, r.size))
    h0 = rnn_operand("h0", h0, t, (r.batch, r.size))
    r.sizes, r.offsets = <const int64_t*> cnp.PyArray_DATA(sizes), <const int64_t*> cnp.PyArray_DATA(offsets)
    r.gates, r.h0 = <char*> cnp.PyArray_DATA(gates), <const char*> cnp.PyArray_DATA(h0)
    return [gates, w_hh, h0, sizes, offsets]


def rnn(mode, gates, w_hh, bias, h0, c0, w_hr, sizes, bint reverse, y):
    """All steps of one direction of a layer: writes y and turns ``gates`` into activations; gives (cells, raw, h, c).

    ``gates`` is (rows, 4 * hidden) for "LSTM" (i, f, g, o), (rows, 3 * hidden) for "GRU" (r, z, n), (rows, hidden) for
    "RNN_TANH" and "RNN_RELU": x @ w_ih.T with all biases but GRU's ``bias`` (hidden,), which joins the share of h in n.
    Step t has ``sizes[t]`` rows. y is (rows, size), any row stride. ``w_hr`` (size, hidden), or None, is LSTM's
    projection. ``cells`` is (rows, hidden) for LSTM and GRU, ``raw`` (rows, hidden) with a projection; h and c are the
    final states.
    """
    cdef Recurrence r
    cdef list held = rnn_plan(mode, gates, w_hh, h0, sizes, reverse, &r)
    cdef cnp.ndarray activations = held[0], weight = held[1], rows, cells = None, raw = None, h, c = None
    cdef cnp.ndarray projection = None
    cdef int t = cnp.PyArray_TYPE(activations)
    cdef const void* w_hr_data = NULL
    cdef bint ok
    if activations is not gates or not cnp.PyArray_ISCARRAY(activations):
        raise ValueError("rnn: gates must be contiguous and writable")
    rows = rnn_rows("y", y, t, (r.rows, r.size), &r.y_row)
    if rows is not y:
        raise ValueError("rnn: rows of y must be contiguous")
    h = held[2].copy()
    if r.kind == LSTM:
        c = rnn_operand("c0", c0, t, (r.batch, r.hidden)).copy()
        r.c = <char*> cnp.PyArray_DATA(c)
        if w_hr is not None:
            projection = rnn_operand("w_hr", w_hr, t, (r.size, r.hidden))
            raw = empty_shape((r.rows, r.hidden), t)
            r.raw, w_hr_data = <char*> cnp.PyArray_DATA(raw), cnp.PyArray_DATA(projection)
    if r.kind == GRU:
        bias = rnn_operand("bias", bias, t, (r.hidden,))
        r.bias = <const char*> cnp.PyArray_DATA(bias)
    if r.kind == LSTM or r.kind == GRU:
        cells = empty_shape((r.rows, r.hidden), t)
        r.cells = <char*> cnp.PyArray_DATA(cells)
    if r.kind != LSTM or w_hr is None:
        if r.size != r.hidden:
            raise ValueError(f"rnn: {r.hidden} units do not fit a state of {r.size}")
    r.y, r.h = <char*> cnp.PyArray_DATA(rows), <char*> cnp.PyArray_DATA(h)
    with nogil:
        if t == cnp.NPY_FLOAT:
            ok = run_rnn(&r, <const float*> cnp.PyArray_DATA(weight), <const float*> w_hr_data, False)
        else:
            ok = run_rnn(&r, <const double*> cnp.PyArray_DATA(weight), <const double*> w_hr_data, False)
    if not ok:
        raise MemoryError(f"rnn: no workspace for gates {np.shape(gates)} and w_hh {np.shape(w_hh)}")
    return cells, raw, h, c


def rnn_backward(mode, dy, dh, dc, gates, cells, raw, y, w_hh, h0, c0, w_hr, sizes, bint reverse):
    """(dgates, dshare, dhidden, before, dh0, dc0) from the gradients of y (or None) and of the final states.

    ``dgates`` is the gradient of what ``rnn`` was given as gates; ``dshare`` (rows, hidden) that of GRU's share of h in n;
    ``dhidden`` (rows, size) that of h with a projection; ``before`` (rows, size) holds the state each step started from:
    all that the gradients of the weights need, as products over all steps.
    """
    cdef Recurrence r
    cdef list held = rnn_plan(mode, gates, w_hh, h0, sizes, reverse, &r)
    cdef cnp.ndarray weight = held[1], dgates, dshare = None, dhidden = None, before, dh0, dc0 = None
    cdef cnp.ndarray projection = None
    cdef int t = cnp.PyArray_TYPE(held[0])
    cdef const void* w_hr_data = NULL
    cdef bint ok
    if dy is not None:
        dy = rnn_rows("dy", dy, t, (r.rows, r.size), &r.dy_row)
        r.dy = <char*> cnp.PyArray_DATA(dy)
    y = rnn_rows("y", y, t, (r.rows, r.size), &r.y_row)
    dh0 = rnn_operand("dh", dh, t, (r.batch, r.size)).copy()
    dgates, before = empty_shape((r.rows, r.gates_size), t), empty_shape((r.rows, r.size), t)
    if r.kind == LSTM or r.kind == GRU:
        cells = rnn_operand("cells", cells, t, (r.rows, r.hidden))
        r.cells = <char*> cnp.PyArray_DATA(cells)
    if r.kind == LSTM:
        c0 = rnn_operand("c0", c0, t, (r.batch, r.hidden))
        dc0 = rnn_operand("dc", dc, t, (r.batch, r.hidden)).copy()
        r.c0, r.c = <const char*> cnp.PyArray_DATA(c0), <char*> cnp.PyArray_DATA(dc0)
        if w_hr is not None:
            projection = rnn_operand("w_hr", w_hr, t, (r.size, r.hidden))
            raw = rnn_operand("raw", raw, t, (r.rows, r.hidden))
            dhidden = empty_shape((r.rows, r.size), t)
            r.raw, r.dhidden = <char*> cnp.PyArray_DATA(raw), <char*> cnp.PyArray_DATA(dhidden)
            w_hr_data = cnp.PyArray_DATA(projection)
    if r.kind == GRU:
        dshare = empty_shape((r.rows, r.hidden), t)
        r.dcells = <char*> cnp.PyArray_DATA(dshare)
    if (r.kind != LSTM or w_hr is None) and r.size != r.hidden:
        raise ValueError(f"rnn_backward: {r.hidden} units do not fit a state of {r.size}")
    r.y, r.h = <char*> cnp.PyArray_DATA(y), <char*> cnp.PyArray_DATA(dh0)
    r.dgates, r.before = <char*> cnp.PyArray_DATA(dgates), <char*> cnp.PyArray_DATA(before)
    with nogil:
        if t == cnp.NPY_FLOAT:
            ok = run_rnn(&r, <const float*> cnp.PyArray_DATA(weight), <const float*> w_hr_data, True)
        else:
            ok = run_rnn(&r, <const double*> cnp.PyArray_DATA(weight), <const double*> w_hr_data, True)
    if not ok:
        raise MemoryError(f"rnn_backward: no workspace for gates {np.shape(gates)} and w_hh {np.shape(w_hh)}")
    return dgates, dshare, dhidden, before, dh0, dc0
