# Recurrent layers as steps of a plan: both directions of a layer, the weights of the state packed once.

cdef enum:
    DIRECTION_BYTES = 1048576   # of a direction's weights that one core's cache holds
    MOST_STEPS = 1048576


cdef struct RecurrentStep:
    Recurrence r                # of the first direction; pointers into buffers are set by every run
    int directions, gates, y, h0, c0, h, cells, share_bias
    Py_ssize_t each             # floats of a direction's packed weights
    const float* packed


cdef void run_directions(Recurrence* r, int directions) noexcept nogil:
    """Two directions side by side, as they never meet, unless the weights of one ask for all caches."""
    cdef float none = 0
    cdef const float* packed = NULL
    cdef int threads = rnn_threads(r), shares, d, t
    cdef bint small = r.gates_size * r.size * <Py_ssize_t> sizeof(float) <= DIRECTION_BYTES
    if directions == 1 or threads == 1 or not small:
        for d in range(directions):
            share_rnn(r + d, packed, packed, threads, False, &none, 0)
        return
    shares = <int> min(threads // 2, r.batch)
    for t in prange(2 * shares, num_threads=2 * shares, schedule="static", chunksize=1):
        rnn_samples(r + t % 2, r.batch * (t // 2) // shares, r.batch * (t // 2 + 1) // shares, False, <float*> NULL)


cdef bint solo_recurrent(const void* step, char** buffers) noexcept nogil:
    cdef const RecurrentStep* s = <const RecurrentStep*> step
    cdef Recurrence r[2]
    cdef Py_ssize_t states = s.r.batch * s.r.hidden
    cdef int d
    for d in range(s.directions):
        r[d] = s.r
        r[d].reverse = d == 1
        r[d].gates = <char*> (<float*> buffers[s.gates] + d * s.r.gates_size)
        r[d].y = <char*> (<float*> buffers[s.y] + d * s.r.hidden)
        r[d].h0 = <const char*> (<const float*> buffers[s.h0] + d * states)
        r[d].packed = <char*> (s.packed + d * s.each)
        if s.r.kind == LSTM or s.r.kind == GRU:
            r[d].cells = <char*> (<float*> buffers[s.cells] + d * states)
        if s.r.kind == LSTM:
            memcpy(r[d].cells, <const float*> buffers[s.c0] + d * states, states * sizeof(float))
        if s.r.kind == GRU:
            r[d].share_bias = <const char*> (<const float*> buffers[s.share_bias] + d * s.r.hidden)
    run_directions(r, s.directions)
    for d in range(s.directions):
        final_rows(&r[d], r[d].y, r[d].y_row, r[d].h0, r[d].hidden, <float*> buffers[s.h] + d * states)
    return True


cdef class RecurrentSteps(MoveSteps):
    """Whole sequences; rows lie step after step."""

    cdef int writable(self, str name, str what, int buffer) except -1:
        if self.places[buffer].kind == IN_CONSTANT or self.places[buffer].kind == IN_INPUT:
            raise ValueError(f"Plan.{name}: {what} is written, so it cannot be a constant or an input")
        return 0

    def recurrent(self, int gates, int y, Packed packed not None, int h0, int h, int cells=-1, int c0=-1,
                  int share_bias=-1, *, str mode, Py_ssize_t steps, Py_ssize_t batch, Py_ssize_t hidden,
                  int directions=1) -> int:
        """All steps of a layer's directions, the second of which runs backwards.

        ``gates`` (steps * batch, directions * gates * hidden) holds the input's share and the biases, and is written to.
        y is (steps * batch, directions * hidden); h0, h, LSTM's c0 and ``cells`` are (directions, batch, hidden), the
        last of which becomes the final c, or what GRU needs; GRU's ``share_bias`` is (directions * hidden,).
        """
        cdef RecurrentStep s
        cdef int parts, b
        cdef double rows = <double> steps * batch
        cdef cnp.ndarray sizes, offsets
        memset(&s, 0, sizeof(s))
        s.r.kind = rnn_kind(mode)
        parts = 4 if s.r.kind == LSTM else 3 if s.r.kind == GRU else 1
        if min(steps, batch, hidden) < 1 or directions not in (1, 2):
            raise ValueError("Plan.recurrent: expected one or two directions, and sizes of at least 1, got "
                             f"{(directions, steps, batch, hidden)}")
        if steps > MOST_STEPS:
            raise ValueError(f"Plan.recurrent: expected {MOST_STEPS} steps at most, got {steps}")
        if (packed.kind, packed.shape, packed.groups) != ("recurrent", (directions * parts * hidden, hidden), directions):
            raise ValueError(f"Plan.recurrent: {directions} directions of {hidden} units do not fit the weights, {packed}")
        if self.group != NULL:
            raise ValueError("Plan.recurrent: cannot be a step of a group")
        self.check("recurrent", "gates", gates, 4.0 * rows * directions * parts * hidden)
        self.check("recurrent", "y", y, 4.0 * rows * directions * hidden)
        self.check("recurrent", "h0", h0, 4.0 * directions * batch * hidden)
        self.check("recurrent", "h", h, 4.0 * directions * batch * hidden)
        if parts > 1:
            self.check("recurrent", "cells", cells, 4.0 * directions * batch * hidden)
            self.writable("recurrent", "cells", cells)
            self.distinct("recurrent", cells, (gates, y, h0, h, c0, share_bias))
        if s.r.kind == LSTM:
            self.check("recurrent", "c0", c0, 4.0 * directions * batch * hidden)
        if s.r.kind == GRU:
            self.check("recurrent", "share_bias", share_bias, 4.0 * directions * hidden)
        for b, what in ((gates, "gates"), (y, "y"), (h, "h")):
            self.writable("recurrent", what, b)
        self.distinct("recurrent", gates, (y, h0, h, c0, share_bias))
        self.distinct("recurrent", y, (h0, h, c0, share_bias))
        self.distinct("recurrent", h, (h0, c0, share_bias))
        sizes = np.full(steps, batch, np.int64)
        offsets = np.arange(steps, dtype=np.int64) * batch
        self.kept += [packed, sizes, offsets]
        s.r.sizes, s.r.offsets = <const int64_t*> cnp.PyArray_DATA(sizes), <const int64_t*> cnp.PyArray_DATA(offsets)
        s.r.fleeting, s.r.steps, s.r.batch, s.r.rows = True, steps, batch, steps * batch
        s.r.hidden = s.r.size = hidden
        s.r.gates_size, s.r.gates_row, s.r.y_row = parts * hidden, directions * parts * hidden, directions * hidden
        s.packed = packed.panels(parts, &s.each)
        s.directions, s.gates, s.y, s.h0, s.c0, s.h, s.cells, s.share_bias = directions, gates, y, h0, c0, h, cells, share_bias
        self.step("recurrent", NULL, solo_recurrent, 1, 2.0 * rows * directions * parts * hidden * hidden, 0, &s, sizeof(s))
        return self.count - 1
