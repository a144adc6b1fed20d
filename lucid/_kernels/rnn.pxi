# Recurrent layers, a whole sequence per call: RNN (tanh, relu), LSTM and GRU, one direction of one layer.
#
# The input's share of the gates, x @ w_ih.T + bias, comes from one product over all steps. Here each step adds
# h @ w_hh.T, the weights packed once, and applies the gates. Samples never meet, so threads take samples, each through
# all steps, without waiting for one another; or they take units, and meet after every step. Either way an element is
# the same chain of operations.

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    static inline int lucid_team_size(void) { return omp_get_num_threads(); }
    #else
    static inline int lucid_team_size(void) { return 1; }
    #endif
    /* Wait until `arrivals` threads came by, this one included. Waiting is a matter of microseconds, unless a core is
       shared, maybe by the threads that wait for each other: then the others get it, soon, as every step waits. */
    static inline void lucid_meet(int64_t *arrived, int64_t arrivals) {
        int turns = 0;
        __atomic_add_fetch(arrived, 1, __ATOMIC_ACQ_REL);
        while (__atomic_load_n(arrived, __ATOMIC_ACQUIRE) < arrivals) {
            if (++turns > 200)
                lucid_yield();
            else
                LUCID_PAUSE();
        }
    }
    """
    int team_size "lucid_team_size" () noexcept nogil
    void meet "lucid_meet" (int64_t* arrived, int64_t arrivals) noexcept nogil

cdef enum:
    RNN_GRAIN = 100000          # multiplications and additions of a step worth meeting another thread for


# All steps

cdef inline Py_ssize_t step_at(const Recurrence* r, Py_ssize_t s, bint backward) noexcept nogil:
    """The step to take as number ``s``."""
    return r.steps - 1 - s if r.reverse != backward else s


cdef void rnn_share(const Recurrence* r, Py_ssize_t s, Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t u0, Py_ssize_t u1,
                    bint backward, floating* room) noexcept nogil:
    """Step number ``s``; backward, first the gradient of the state that the step taken before it hands on."""
    if not backward:
        rnn_step(r, step_at(r, s, False), lo, hi, u0, u1, room)
        return
    if s > 0:
        rnn_state_gradient(r, step_at(r, s - 1, True), lo, hi, u0, min(u1, r.size), room)
    if s < r.steps:
        rnn_step_backward(r, step_at(r, s, True), lo, hi, u0, u1, room)


cdef void rnn_samples(const Recurrence* r, Py_ssize_t lo, Py_ssize_t hi, bint backward, floating* room) noexcept nogil:
    """Every step of samples lo to hi."""
    cdef Py_ssize_t s
    for s in range(r.steps + 1 if backward else r.steps):
        rnn_share(r, s, lo, hi, 0, r.hidden, backward, room)


cdef void pack_recurrent(const Recurrence* r, const floating* w_hh, Py_ssize_t u0, Py_ssize_t u1,
                         bint backward) noexcept nogil:
    """What units u0 to u1 need of w_hh: gate by gate for the states' share, as a whole for their gradient."""
    cdef Py_ssize_t n = r.hidden, size = r.size, g, parts = r.gates_size // n, most = 2 if r.kind == GRU else parts
    cdef floating* out = <floating*> r.packed
    if backward:
        pack_columns(w_hh, size, 1, most * n, size, u0, min(u1, size), out)
        if r.kind == GRU:
            pack_columns(w_hh + 2 * n * size, size, 1, n, size, u0, u1, out + packed_size(w_hh, most * n, size))
    else:
        for g in range(parts):
            pack_columns(w_hh + g * n * size, 1, size, size, n, u0, min(u1, n), out + g * packed_size(w_hh, size, n))


cdef void pack_all(Recurrence* r, const floating* w_hh, const floating* w_hr, bint backward) noexcept nogil:
    """The same for all units, and the projection."""
    cdef Py_ssize_t n = r.hidden, size = r.size, parts = r.gates_size // n
    pack_recurrent(r, w_hh, 0, max(n, size), backward)
    if r.raw != NULL and backward:
        r.packed_hr = <char*> (<floating*> r.packed + packed_size(w_hh, parts * n, size))
        pack_matrix(w_hr, n, 1, size, n, <floating*> r.packed_hr)
    elif r.raw != NULL:
        r.packed_hr = <char*> (<floating*> r.packed + parts * packed_size(w_hh, size, n))
        pack_matrix(w_hr, 1, n, n, size, <floating*> r.packed_hr)


cdef void rnn_units(const Recurrence* r, const floating* w_hh, Py_ssize_t u0, Py_ssize_t u1, bint backward,
                    floating* room, int64_t* arrived, int threads, bint* done) noexcept nogil:
    """Every step of units u0 to u1, meeting the threads that have the others after each.

    With fewer threads than that, which OpenMP is free to give, nobody would come: nothing is done then.
    """
    cdef Py_ssize_t s
    if team_size() < threads:
        return
    if w_hh != NULL:
        pack_recurrent(r, w_hh, u0, u1, backward)
    for s in range(r.steps + 1 if backward else r.steps):
        rnn_share(r, s, 0, r.batch, u0, u1, backward, room)
        meet(arrived, threads * (s + 1))
    done[0] = True


cdef inline int rnn_threads(const Recurrence* r) noexcept nogil:
    return threads_for_flops(2.0 * r.rows * r.size * r.gates_size)


cdef inline bint weights_stream(const Recurrence* r, const floating* like) noexcept nogil:
    """A thread that needs all weights at every step is not held up by them: they stay in its L2, or eight rows' products
    take longer than bringing them from L3, as without AVX-512."""
    return r.gates_size * r.size * <Py_ssize_t> sizeof(floating) <= BLOCK_BYTES or tile_rows(like) < 8


cdef void share_rnn(Recurrence* r, const floating* w_hh, const floating* w_hr, int threads, bint backward,
                    floating* work, Py_ssize_t room) noexcept nogil:
    """Threads share the samples, or, when those are few or the weights too large for a core's cache, the units.

    ``room`` elements of ``work`` for each of them, which only backward needs. w_hh is NULL when ``r`` has it packed;
    threads that share units pack what they need themselves.
    """
    cdef Py_ssize_t n = r.hidden, size = r.size, columns = tile_columns(work)
    cdef int t
    cdef bint by_unit = r.raw == NULL and n >= 2 * columns, done = False
    cdef int64_t arrived = 0
    if (r.batch >= 8 * threads and weights_stream(r, work)
            or 2.0 * r.batch * size * r.gates_size < RNN_GRAIN * threads):
        by_unit = False
    threads = <int> min(threads, (n + columns - 1) // columns if by_unit else r.batch)
    if threads > 1 and by_unit:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            rnn_units(r, w_hh, part(n, columns, t, threads), part(n, columns, t + 1, threads), backward,
                      work + t * room, &arrived, threads, &done)
    if not done and w_hh != NULL and threads > 1 and r.raw == NULL:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            pack_recurrent(r, w_hh, part(n, columns, t, threads), part(n, columns, t + 1, threads), backward)
    elif not done and w_hh != NULL:
        pack_all(r, w_hh, w_hr, backward)
    if threads > 1 and not by_unit:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            rnn_samples(r, r.batch * t // threads, r.batch * (t + 1) // threads, backward, work + t * room)
        done = True
    if not done:
        rnn_samples(r, 0, r.batch, backward, work)


cdef bint run_rnn(Recurrence* r, const floating* w_hh, const floating* w_hr, bint backward) noexcept nogil:
    """All steps with weights as they are; False when memory ran out."""
    cdef Py_ssize_t n = r.hidden, size = r.size
    cdef Py_ssize_t columns = tile_columns(w_hh), room = round_up(n * (r.batch + 1), 16), weights
    cdef int threads = rnn_threads(r)
    cdef floating* work
    # Every way of packing fits: the widest has a whole panel more per gate.
    weights = (r.gates_size + 4 * columns) * (size + 4 * columns) + (2 * columns + n) * (size + columns)
    work = <floating*> workspace((weights + threads * room) * sizeof(floating))
    if work == NULL:
        return False
    r.packed = <char*> work
    share_rnn(r, w_hh, w_hr, threads, backward, work + weights, room)
    release(work)
    return True


cdef void final_rows(const Recurrence* r, const char* rows, Py_ssize_t step, const char* first, Py_ssize_t width,
                     floating* out) noexcept nogil:
    """The state every sample ends with."""
    cdef Py_ssize_t sample, t, last
    for sample in range(r.batch):
        last = -1
        for t in range(r.steps):
            if sample < r.sizes[t] and (last < 0 or not r.reverse):
                last = t
        if last < 0:
            memcpy(out + sample * width, <const floating*> first + sample * width, width * sizeof(floating))
        else:
            memcpy(out + sample * width, <const floating*> rows + (<Py_ssize_t> r.offsets[last] + sample) * step,
                   width * sizeof(floating))


# What Python calls

cdef cnp.ndarray rnn_operand(str name, object given, int typenum, tuple shape):
    """``given`` as a contiguous array of this type and shape."""
    cdef cnp.ndarray x = given
    if x is None or cnp.PyArray_TYPE(x) != typenum or (<object> x).shape != shape:
        got = "None" if x is None else f"{x.dtype} {np.shape(x)}"
        raise ValueError(f"rnn: expected {name} of shape {shape} and the dtype of the gates, got {got}")
    return contiguous(x)


cdef cnp.ndarray rnn_rows(str name, object given, int typenum, tuple shape, Py_ssize_t* step):
    """``given`` with contiguous rows, ``step`` elements apart."""
    cdef cnp.ndarray x = given
    if cnp.PyArray_TYPE(x) != typenum or (<object> x).shape != shape:
        raise ValueError(
            f"rnn: expected {name} of shape {shape} and the dtype of the gates, got {x.dtype} {np.shape(x)}")
    if not cnp.PyArray_ISBEHAVED_RO(x) or (x.size and shape[1] > 1
                                           and cnp.PyArray_STRIDE(x, 1) != cnp.PyArray_ITEMSIZE(x)):
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
    cdef int64_t* offset
    cdef int64_t at = 0, most, s
    cdef bint falling = True
    memset(r, 0, sizeof(Recurrence))
    r.kind, r.reverse = rnn_kind(mode), reverse
    parts = 4 if r.kind == LSTM else 3 if r.kind == GRU else 1
    r.steps, r.batch, r.size = cnp.PyArray_DIM(sizes, 0), cnp.PyArray_DIM(h0, 0), cnp.PyArray_DIM(h0, 1)
    r.rows, r.gates_size = cnp.PyArray_DIM(gates, 0), cnp.PyArray_DIM(gates, 1)
    r.hidden, r.gates_row = r.gates_size // parts, r.gates_size
    if r.gates_size % parts or (r.kind != LSTM and r.size != r.hidden):
        raise ValueError(f"rnn: gates {np.shape(gates)} do not fit a state of {r.size}")
    offsets = cnp.PyArray_EMPTY(1, cnp.PyArray_DIMS(sizes), cnp.NPY_INT64, 0)
    r.sizes, r.offsets = <const int64_t*> cnp.PyArray_DATA(sizes), <const int64_t*> cnp.PyArray_DATA(offsets)
    offset, most = <int64_t*> cnp.PyArray_DATA(offsets), r.batch
    for s in range(r.steps):        # NumPy's calls would take 0.1 ms of a step of training
        falling = falling and 0 <= r.sizes[s] <= most
        offset[s], most = at, r.sizes[s]
        at += r.sizes[s]
    if at != r.rows or not falling:
        raise ValueError(
            f"rnn: sizes of steps must fall from {r.batch} at most and add up to {r.rows}, got {sizes.tolist()}")
    gates = rnn_operand("gates", gates, t, (r.rows, r.gates_size))
    w_hh = rnn_operand("w_hh", w_hh, t, (r.gates_size, r.size))
    h0 = rnn_operand("h0", h0, t, (r.batch, r.size))
    r.gates, r.h0 = <char*> cnp.PyArray_DATA(gates), <const char*> cnp.PyArray_DATA(h0)
    return [gates, w_hh, h0, sizes, offsets]


def rnn(mode, gates, w_hh, bias, share_bias, h0, c0, w_hr, sizes, bint reverse, y):
    """All steps of one direction of a layer: (y, cells, raw, h, c); ``gates`` become activations.

    ``gates`` is x @ w_ih.T: (rows, 4 * hidden) for "LSTM" (i, f, g, o), (rows, 3 * hidden) for "GRU" (r, z, n), and
    (rows, hidden) for "RNN_TANH" and "RNN_RELU". ``bias`` (gates_size,), or None, is added to it, GRU's ``share_bias``
    (hidden,) to the share of h in n. Step t has ``sizes[t]`` rows. y (rows, size), any row stride, is written to if
    given. ``w_hr`` (size, hidden), or None, is LSTM's projection. ``cells`` is (rows, hidden) for LSTM and GRU, ``raw``
    (rows, hidden) with a projection; h and c are the final states.
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
    y = empty_shape((r.rows, r.size), t) if y is None else y
    rows = rnn_rows("y", y, t, (r.rows, r.size), &r.y_row)
    if rows is not y:
        raise ValueError("rnn: rows of y must be contiguous")
    h = empty_like(held[2])
    if r.kind == LSTM:
        c0 = rnn_operand("c0", c0, t, (r.batch, r.hidden))
        c = empty_like(c0)
        r.c0 = <const char*> cnp.PyArray_DATA(c0)
        if w_hr is not None:
            projection = rnn_operand("w_hr", w_hr, t, (r.size, r.hidden))
            raw = empty_shape((r.rows, r.hidden), t)
            r.raw, w_hr_data = <char*> cnp.PyArray_DATA(raw), cnp.PyArray_DATA(projection)
    if r.kind == GRU:
        share_bias = rnn_operand("share_bias", share_bias, t, (r.hidden,))
        r.share_bias = <const char*> cnp.PyArray_DATA(share_bias)
    if bias is not None:
        bias = rnn_operand("bias", bias, t, (r.gates_size,))
        r.bias = <const char*> cnp.PyArray_DATA(bias)
    if r.kind == LSTM or r.kind == GRU:
        cells = empty_shape((r.rows, r.hidden), t)
        r.cells = <char*> cnp.PyArray_DATA(cells)
    if r.kind != LSTM or w_hr is None:
        if r.size != r.hidden:
            raise ValueError(f"rnn: {r.hidden} units do not fit a state of {r.size}")
    r.y = <char*> cnp.PyArray_DATA(rows)
    with nogil:
        if t == cnp.NPY_FLOAT:
            ok = run_rnn(&r, <const float*> cnp.PyArray_DATA(weight), <const float*> w_hr_data, False)
            final_rows(&r, r.y, r.y_row, r.h0, r.size, <float*> cnp.PyArray_DATA(h))
            if r.kind == LSTM:
                final_rows(&r, r.cells, r.hidden, r.c0, r.hidden, <float*> cnp.PyArray_DATA(c))
        else:
            ok = run_rnn(&r, <const double*> cnp.PyArray_DATA(weight), <const double*> w_hr_data, False)
            final_rows(&r, r.y, r.y_row, r.h0, r.size, <double*> cnp.PyArray_DATA(h))
            if r.kind == LSTM:
                final_rows(&r, r.cells, r.hidden, r.c0, r.hidden, <double*> cnp.PyArray_DATA(c))
    if not ok:
        raise MemoryError(f"rnn: no workspace for gates {np.shape(gates)} and w_hh {np.shape(w_hh)}")
    return y, cells, raw, h, c


def rnn_backward(mode, dy, dh, dc, gates, cells, raw, y, w_hh, h0, c0, w_hr, sizes, bint reverse):
    """(dshare, dhidden, before, dh0, dc0) from the gradients of y (or None) and of the final states.

    ``gates`` becomes the gradient of what ``rnn`` was given as gates; ``dshare`` (rows, hidden) that of GRU's share of
    h in n; ``dhidden`` (rows, size) that of h with a projection; ``before`` (rows, size) holds the state each step started
    from: all that the gradients of the weights need, as products over all steps.
    """
    cdef Recurrence r
    cdef list held = rnn_plan(mode, gates, w_hh, h0, sizes, reverse, &r)
    cdef cnp.ndarray activations = held[0], weight = held[1], dshare = None, dhidden = None, before, dh0, dc0 = None
    cdef cnp.ndarray projection = None
    cdef int t = cnp.PyArray_TYPE(activations)
    cdef const void* w_hr_data = NULL
    cdef bint ok
    if activations is not gates or not cnp.PyArray_ISCARRAY(activations):
        raise ValueError("rnn_backward: gates must be contiguous and writable")
    if dy is not None:
        dy = rnn_rows("dy", dy, t, (r.rows, r.size), &r.dy_row)
        r.dy = <char*> cnp.PyArray_DATA(dy)
    y = rnn_rows("y", y, t, (r.rows, r.size), &r.y_row)
    dh0 = rnn_operand("dh", dh, t, (r.batch, r.size)).copy()
    before = empty_shape((r.rows, r.size), t)
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
        r.dshare = <char*> cnp.PyArray_DATA(dshare)
    if (r.kind != LSTM or w_hr is None) and r.size != r.hidden:
        raise ValueError(f"rnn_backward: {r.hidden} units do not fit a state of {r.size}")
    r.y, r.h = <char*> cnp.PyArray_DATA(y), <char*> cnp.PyArray_DATA(dh0)
    r.before = <char*> cnp.PyArray_DATA(before)
    with nogil:
        if t == cnp.NPY_FLOAT:
            ok = run_rnn(&r, <const float*> cnp.PyArray_DATA(weight), <const float*> w_hr_data, True)
        else:
            ok = run_rnn(&r, <const double*> cnp.PyArray_DATA(weight), <const double*> w_hr_data, True)
    if not ok:
        raise MemoryError(f"rnn_backward: no workspace for gates {np.shape(gates)} and w_hh {np.shape(w_hh)}")
    return dshare, dhidden, before, dh0, dc0
