# The next panels of B, packed a few rows at a time between the chains of the tiles that use the present ones: there their
# loads, called for in time, and their stores cost little; a product of 1024 takes 6 % longer when nothing is computed
# meanwhile.

cdef void ahead_panels(lucid_ahead* s, const float* b, Py_ssize_t k, Py_ssize_t n, int chains, float* out,
                       Py_ssize_t slots) noexcept nogil:
    """Have AHEAD panels packed in ``slots`` goes, as ``pack_b_chains`` does; at once if there are fewer columns."""
    if n < AHEAD_COLUMNS:
        s.left = 0
        pack_b_chains(b, s.b_row, 1, k, n, chains, out)
        return
    s.row, s.to, s.left, s.chain, s.chains = b, out, k, 0, chains
    s.next = chain_pitch(k, chains) * NR32
    s.back = (chains * chain_pitch(k, chains) - 1) * NR32
    s.each = (k + slots - 1) // slots
    s.fetch = max(s.each, <Py_ssize_t> AHEAD_ROWS)


cdef void ahead_first(lucid_ahead* s, const float* b, Py_ssize_t b_row, Py_ssize_t k, Py_ssize_t n, int chains,
                      float* out, Py_ssize_t held) noexcept nogil:
    """Pack the first panels of n columns of B. Others will follow them in ``out``, which holds ``held`` times AHEAD."""
    s.b, s.b_row, s.columns, s.out, s.held, s.place = b, b_row, n, out, held, 0
    ahead_panels(s, b, k, min(n, <Py_ssize_t> AHEAD_COLUMNS), chains, out, k)
    ahead_some(s, k)


cdef inline void ahead_next(lucid_ahead* s, Py_ssize_t k, int chains, Py_ssize_t slots) noexcept nogil:
    """Go on to the next panels, if there are any; ``slots`` goes to one of the present ones."""
    if s.columns > AHEAD_COLUMNS:
        s.columns -= AHEAD_COLUMNS
        s.b += AHEAD_COLUMNS
        s.place = (s.place + 1) % s.held
        ahead_panels(s, s.b, k, min(s.columns, <Py_ssize_t> AHEAD_COLUMNS), chains,
                     s.out + s.place * chains * chain_pitch(k, chains) * AHEAD_COLUMNS, AHEAD * slots)


cdef inline float* ahead_done(lucid_ahead* s, Py_ssize_t k, int chains) noexcept nogil:
    """Where the panels are, all of them packed."""
    ahead_some(s, s.left)
    return s.out + s.place * chains * chain_pitch(k, chains) * AHEAD_COLUMNS
