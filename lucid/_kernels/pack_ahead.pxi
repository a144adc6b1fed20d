# The next panel of B, packed a few rows at a time between the chains of the tiles that use the present one: there its
# loads, called for in time, and its stores cost little; a product of 1024 takes 6 % longer when nothing is computed
# meanwhile.

cdef void ahead_panel(lucid_ahead* s, const float* b, Py_ssize_t k, Py_ssize_t n, int chains, float* out,
                      Py_ssize_t slots) noexcept nogil:
    """Have a panel packed in ``slots`` goes, as ``pack_b_chains`` does; at once if it is narrow."""
    if n < NR32:
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
    """Pack the first panel of n columns of B. Others will follow it in ``out``, which holds ``held`` of them."""
    s.b, s.b_row, s.columns, s.out, s.held, s.place = b, b_row, n, out, held, 0
    ahead_panel(s, b, k, min(n, <Py_ssize_t> NR32), chains, out, k)
    ahead_some(s, k)


cdef inline void ahead_next(lucid_ahead* s, Py_ssize_t k, int chains, Py_ssize_t slots) noexcept nogil:
    """Go on to the next panel, if there is one."""
    if s.columns > NR32:
        s.columns -= NR32
        s.b += NR32
        s.place = (s.place + 1) % s.held
        ahead_panel(s, s.b, k, min(s.columns, <Py_ssize_t> NR32), chains,
                    s.out + s.place * chains * chain_pitch(k, chains) * NR32, slots)


cdef inline float* ahead_done(lucid_ahead* s, Py_ssize_t k, int chains) noexcept nogil:
    """Where the panel is, all of it packed."""
    ahead_some(s, s.left)
    return s.out + s.place * chains * chain_pitch(k, chains) * NR32
