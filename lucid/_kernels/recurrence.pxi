# One step of a recurrent layer, for some of its samples and some of its units.
#
# Rows lie step after step; step t has sizes[t] of them, the first samples of the batch (PackedSequence's layout).

cdef struct Recurrence:
    int kind
    bint reverse
    Py_ssize_t steps, batch, rows
    Py_ssize_t hidden           # units
    Py_ssize_t size             # of the state h: units, or less with LSTM's projection
    Py_ssize_t gates_size       # elements of a row of gates
    Py_ssize_t gates_row        # from a row of gates to the next: more where two directions lie side by side
    bint fleeting               # cells holds one row for every sample, c or GRU's share of the last step alone
    const int64_t* sizes
    const int64_t* offsets
    char* gates                 # (rows, gates_size): shares of the input, then activations; backward, then gradients
    char* cells                 # (rows, hidden), (batch, hidden) if fleeting: LSTM's c; GRU's share of h in the candidate
    char* raw                   # (rows, hidden): LSTM's h before its projection, or NULL
    char* y                     # (rows, size)
    Py_ssize_t y_row
    char* h                     # (batch, size): backward, the gradient of the state
    char* c                     # (batch, hidden): likewise
    const char* bias            # (gates_size,), or NULL
    const char* share_bias      # (hidden,): GRU's bias of the share of h
    char* dy
    Py_ssize_t dy_row
    char* dshare                # (rows, hidden): GRU's gradient of the share of h
    char* dhidden               # (rows, size): gradient of h, for the weight of the projection
    char* before                # (rows, size): the state each step started from
    const char* h0
    const char* c0
    char* packed                # w_hh
    char* packed_hr             # LSTM's projection


# Products with a matrix packed once

cdef inline Py_ssize_t packed_size(const floating* like, Py_ssize_t k, Py_ssize_t n) noexcept nogil:
    return round_up(k * round_up(n, tile_columns(like)), 16)


cdef void pack_columns(const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t k, Py_ssize_t n,
                       Py_ssize_t first, Py_ssize_t end, floating* out) noexcept nogil:
    """Columns ``first`` (a whole panel) to ``end`` of n, where ``pack_matrix`` has them."""
    cdef Py_ssize_t p = 0, depth, most = k_block(b, k), width = round_up(n, tile_columns(b))
    while p < k and first < end:
        depth = min(most, k - p)
        pack_b(b + p * b_row + first * b_column, b_row, b_column, depth, end - first, out + p * width + first * depth)
        p += depth


cdef void pack_matrix(const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t k, Py_ssize_t n,
                      floating* out) noexcept nogil:
    """Blocks of k one behind the other, each packed as ``pack_b`` does."""
    pack_columns(b, b_row, b_column, k, n, 0, n, out)


cdef void packed_product(const floating* a, Py_ssize_t a_row, const floating* packed, floating* c, Py_ssize_t c_row,
                         Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, Py_ssize_t first, Py_ssize_t end,
                         bint load) noexcept nogil:
    """Columns ``first`` (a whole panel) to ``end`` of C = A @ B, or C += A @ B, for a B (k, n) from ``pack_matrix``."""
    cdef Py_ssize_t p = 0, depth, i, j, columns = tile_columns(a), width = round_up(n, columns)
    # Tiles of 8 rows fill the registers where the tallest would leave a remainder of 2.
    cdef Py_ssize_t most = k_block(a, k), rows = 8 if m % 8 == 0 and tile_rows(a) > 8 else m
    cdef const floating* panel
    while p < k:
        depth = min(most, k - p)
        j = first
        while j < end:
            panel = packed + p * width + j * depth
            i = 0
            while i < m:
                if j + columns <= end:
                    panel_product(a + i * a_row + p, a_row, panel, columns, c + i * c_row + j, c_row, rows, depth,
                                  load or p > 0)
                else:
                    edge_product(a + i * a_row + p, a_row, panel, columns, c + i * c_row + j, c_row, rows, end - j,
                                 depth, load or p > 0)
                i += rows
            j += columns
        p += depth


# One step of samples lo to hi and units u0 to u1, as one thread's share

cdef inline Py_ssize_t step_before(const Recurrence* r, Py_ssize_t t) noexcept nogil:
    """The step whose state step ``t`` starts from; -1 at the beginning."""
    cdef Py_ssize_t b = t + 1 if r.reverse else t - 1
    return b if b < r.steps else -1


cdef inline Py_ssize_t samples_before(const Recurrence* r, Py_ssize_t t) noexcept nogil:
    """How many samples have a step before ``t``; the others start from the initial state."""
    cdef Py_ssize_t b = step_before(r, t)
    return <Py_ssize_t> r.sizes[b] if b >= 0 else 0


cdef inline const floating* row_before(const Recurrence* r, Py_ssize_t t, Py_ssize_t sample, const char* rows,
                                       Py_ssize_t step, const char* first, Py_ssize_t width,
                                       const floating* like) noexcept nogil:
    """Where the state lies that step ``t`` of a sample starts from: in the rows of the step before, or the first."""
    if sample < samples_before(r, t):
        return <const floating*> rows + (<Py_ssize_t> r.offsets[step_before(r, t)] + sample) * step
    return <const floating*> first + sample * width


cdef void add_bias(floating* gates, const floating* bias, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        gates[j] += bias[j]


cdef void rnn_add_state(const Recurrence* r, Py_ssize_t t, Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t u0, Py_ssize_t u1,
                        const floating* h, Py_ssize_t h_row) noexcept nogil:
    """Add the bias and the share of the state ``h`` to the gates."""
    cdef Py_ssize_t n = r.hidden, size = r.size, width = r.gates_size, row = <Py_ssize_t> r.offsets[t] + lo, i, g
    cdef Py_ssize_t gate = packed_size(h, size, n), parts = 2 if r.kind == GRU else width // n, step = r.gates_row
    cdef floating* gates = <floating*> r.gates + row * step
    cdef floating* share = <floating*> r.cells + (lo if r.fleeting else row) * n
    if r.bias != NULL:
        for i in range(hi - lo):
            for g in range(width // n):
                add_bias(gates + i * step + g * n + u0, <const floating*> r.bias + g * n + u0, u1 - u0)
    for g in range(parts):
        packed_product(h, h_row, <floating*> r.packed + g * gate, gates + g * n, step, hi - lo, n, size, u0, u1, True)
    if r.kind == GRU:
        for i in range(hi - lo):
            memcpy(share + i * n + u0, <const floating*> r.share_bias + u0, (u1 - u0) * sizeof(floating))
        packed_product(h, h_row, <floating*> r.packed + 2 * gate, share, n, hi - lo, n, size, u0, u1, True)


cdef void rnn_step(const Recurrence* r, Py_ssize_t t, Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t u0, Py_ssize_t u1,
                   const floating* like) noexcept nogil:
    cdef Py_ssize_t i, n = r.hidden, size = r.size, row = <Py_ssize_t> r.offsets[t], middle
    cdef floating* gates
    cdef floating* cell
    cdef const floating* before
    cdef floating* y
    hi = min(hi, <Py_ssize_t> r.sizes[t])
    if hi <= lo:
        return
    middle = min(max(lo, samples_before(r, t)), hi)
    if lo < middle:
        rnn_add_state(r, t, lo, middle, u0, u1, row_before(r, t, lo, r.y, r.y_row, r.h0, size, like), r.y_row)
    if middle < hi:
        rnn_add_state(r, t, middle, hi, u0, u1, <const floating*> r.h0 + middle * size, size)
    for i in range(lo, hi):
        gates = <floating*> r.gates + (row + i) * r.gates_row + u0
        cell = <floating*> r.cells + (i if r.fleeting else row + i) * n + u0
        y = <floating*> r.y + (row + i) * r.y_row + u0
        if r.kind == LSTM:
            if r.fleeting:
                before = cell
            else:
                before = row_before(r, t, i, r.cells, n, r.c0, n, like) + u0
            lstm_row(gates, n, before, cell,
                     <floating*> r.raw + (row + i) * n + u0 if r.raw != NULL else y, u1 - u0)
        elif r.kind == GRU:
            gru_row(gates, n, cell, row_before(r, t, i, r.y, r.y_row, r.h0, size, like) + u0, y, u1 - u0)
        else:
            rnn_row(r.kind, gates, y, u1 - u0)
    if r.raw != NULL:
        packed_product(<floating*> r.raw + (row + lo) * n, n, <floating*> r.packed_hr,
                       <floating*> r.y + (row + lo) * r.y_row, r.y_row, hi - lo, size, n, 0, size, False)


cdef void rnn_state_gradient(const Recurrence* r, Py_ssize_t t, Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t u0,
                             Py_ssize_t u1, const floating* like) noexcept nogil:
    """Columns u0 to u1 of the gradient of the state that step ``t`` started from, in the place of its result's."""
    cdef Py_ssize_t n = r.hidden, size = r.size, width = r.gates_size, row = <Py_ssize_t> r.offsets[t] + lo
    cdef const floating* dgates = <floating*> r.gates + row * width
    cdef floating* dh = <floating*> r.h + lo * size
    hi = min(hi, <Py_ssize_t> r.sizes[t])
    if hi <= lo:
        return
    if r.kind == GRU:
        packed_product(dgates, width, <floating*> r.packed, dh, size, hi - lo, size, 2 * n, u0, u1, True)
        packed_product(<floating*> r.dshare + row * n, n, <floating*> r.packed + packed_size(like, 2 * n, size), dh,
                       size, hi - lo, size, n, u0, u1, True)
    else:
        packed_product(dgates, width, <floating*> r.packed, dh, size, hi - lo, size, width, u0, u1, False)


cdef void rnn_step_backward(const Recurrence* r, Py_ssize_t t, Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t u0,
                            Py_ssize_t u1, floating* room) noexcept nogil:
    """``room`` is for a row, and with a projection one per sample too."""
    cdef Py_ssize_t i, j, n = r.hidden, size = r.size, row = <Py_ssize_t> r.offsets[t], own = u1 - u0
    cdef floating* gates
    cdef const floating* cell
    cdef const floating* before
    cdef const floating* dy
    cdef floating* dh
    cdef floating* draw = room + n
    hi = min(hi, <Py_ssize_t> r.sizes[t])
    if hi <= lo:
        return
    for i in range(lo, hi):
        dh = <floating*> r.h + i * size
        before = row_before(r, t, i, r.y, r.y_row, r.h0, size, room)
        if r.raw != NULL:
            u0, own = 0, size
        if r.dy != NULL:
            dy = <const floating*> r.dy + (row + i) * r.dy_row
            for j in range(u0, u0 + own):
                dh[j] += dy[j]
        memcpy(<floating*> r.before + (row + i) * size + u0, before + u0, own * sizeof(floating))
    if r.raw != NULL:
        own = n
        dh = <floating*> r.h + lo * size
        memcpy(<floating*> r.dhidden + (row + lo) * size, dh, (hi - lo) * size * sizeof(floating))
        packed_product(dh, size, <floating*> r.packed_hr, draw, n, hi - lo, n, size, 0, n, False)
    for i in range(lo, hi):
        gates = <floating*> r.gates + (row + i) * r.gates_size + u0
        cell = <floating*> r.cells + (row + i) * n + u0
        dh = draw + (i - lo) * n if r.raw != NULL else <floating*> r.h + i * size + u0
        if r.kind == LSTM:
            lstm_row_backward(gates, n, cell, row_before(r, t, i, r.cells, n, r.c0, n, room) + u0, dh,
                              <floating*> r.c + i * n + u0, own, room)
        elif r.kind == GRU:
            gru_row_backward(gates, n, cell, row_before(r, t, i, r.y, r.y_row, r.h0, size, room) + u0, dh,
                             <floating*> r.dshare + (row + i) * n + u0, own)
        else:
            rnn_row_backward(r.kind, gates, dh, own)
