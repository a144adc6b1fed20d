# The register tile of a last panel that has few columns: half as wide or so, the same chains of multiply-adds.

cdef extern from *:
    """
    #if LUCID_SQUARE == 4
    #define LUCID_NARROW 8
    #else
    #define LUCID_NARROW 16
    #endif
    LUCID_DEFINE_TILE(n, float, ps, lucid_row, LUCID_MR32, LUCID_NARROW)
    """
    void narrow_tile "lucid_tile_n_strided" (int rows, const float* a, Py_ssize_t a_row, Py_ssize_t a_step,
                                             const float* b, Py_ssize_t b_step, float* c, Py_ssize_t c_row,
                                             Py_ssize_t k, bint load) noexcept nogil
    void narrow_gather_tile "lucid_tile_n_gathered" (int rows, const float* a, Py_ssize_t a_row, Py_ssize_t a_step,
                                                     const float* b, const Py_ssize_t* at, float* c,
                                                     Py_ssize_t c_row, Py_ssize_t k, bint load) noexcept nogil
    cdef enum:
        NARROW "LUCID_NARROW"


cdef inline bint narrow(const floating* like, Py_ssize_t columns) noexcept nogil:
    """The last ``columns`` of a product fit the narrow tile."""
    return floating is float and columns <= NARROW


cdef inline Py_ssize_t covered(const floating* like, Py_ssize_t n) noexcept nogil:
    """Columns that the panels of ``n`` columns write."""
    cdef Py_ssize_t rest = n % tile_columns(like)
    return n - rest + (0 if rest == 0 else <Py_ssize_t> NARROW if narrow(like, rest) else tile_columns(like))


cdef void columns_product(const floating* a, Py_ssize_t a_row, const floating* b, Py_ssize_t b_step, floating* c,
                          Py_ssize_t c_row, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, bint load) noexcept nogil:
    """As ``panel_product``, for a panel of which the first ``n`` columns are wanted; more may be written."""
    cdef Py_ssize_t i = 0
    cdef int rows
    if floating is float:
        if narrow(a, n):
            while i < m:
                rows = tile_height(a, m - i)
                if a_row == 0:
                    narrow_tile(rows, a + i * k, 1, rows, b, b_step, c + i * c_row, c_row, k, load)
                else:
                    narrow_tile(rows, a + i * a_row, a_row, 1, b, b_step, c + i * c_row, c_row, k, load)
                i += rows
            return
    panel_product(a, a_row, b, b_step, c, c_row, m, k, load)
