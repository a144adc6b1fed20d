# What every matrix product is made of: the tiles that cover C, and the packing of its operands for them.
#
# The k axis is cut into chains. In one, an element of C is sum = madd(a[i, k], b[k, j], sum) over ascending k from
# zero; the sums of the chains are added in order, to the bias if there is one. Every path keeps to this, so the bits of an
# element depend on its row of A and its column of B alone: not on the other extents of the product, the thread count,
# or which path computed it. The rounding error of k terms grows as sqrt(k * length of a chain), where that of one chain
# grows as k.
#
# Chains are interleaved where that pays (``k_chains``): chain r of 4 takes k = r, r + 4, r + 8, ... A product of few
# rows can then hold chains in lanes and read a weight as it lies in memory. Otherwise they are blocks of k.

cdef extern from *:
    """
    #if LUCID_SQUARE == 16
    enum { LUCID_INTERLEAVE_K = 4 };
    #else
    enum { LUCID_INTERLEAVE_K = 1 };
    #endif
    """
    cdef enum:
        MOST_CHAINS "LUCID_INTERLEAVE_K"   # most of them interleaved

cdef enum:
    K_STEPS = 192               # most steps of k in a block
    K_LONGEST = 200             # most steps of an interleaved chain
    K_LINE = 16                 # steps of k in a cache line
    PANELS = 4                  # of A or B packed together


cdef inline Py_ssize_t round_up(Py_ssize_t n, Py_ssize_t multiple) noexcept nogil:
    return (n + multiple - 1) // multiple * multiple


cdef inline Py_ssize_t k_block(const floating* like, Py_ssize_t k) noexcept nogil:
    """Steps of k per block: as equal as whole cache lines allow. A panel of B of K_STEPS stays in L1."""
    cdef Py_ssize_t blocks = (k + K_STEPS - 1) // K_STEPS
    return round_up((k + blocks - 1) // blocks, K_LINE) if blocks > 1 else k


cdef inline int k_chains(const floating* like, Py_ssize_t k) noexcept nogil:
    """How many chains are interleaved: a power of two."""
    cdef int chains = 1
    if floating is float:
        while chains < MOST_CHAINS and k > chains * K_LONGEST:
            chains *= 2
    return chains


cdef inline Py_ssize_t k_part(const floating* like, Py_ssize_t k) noexcept nogil:
    """Steps of k that are cut into ``k_chains`` together; what follows are more such parts."""
    cdef Py_ssize_t most = MOST_CHAINS * K_LONGEST, parts
    if floating is float:
        if MOST_CHAINS > 1:
            parts = (k + most - 1) // most
            return round_up((k + parts - 1) // parts, K_LINE) if parts > 1 else k
    return k_block(like, k)


cdef inline Py_ssize_t chain_steps(Py_ssize_t k, int chains, int r) noexcept nogil:
    return (k - r + chains - 1) // chains if k > r else 0


cdef inline Py_ssize_t chain_start(Py_ssize_t k, int chains, int r) noexcept nogil:
    """The steps of the chains before ``r``."""
    return k // chains * r + min(<Py_ssize_t> r, k % chains)


# Tiles over C

cdef inline int tile_height(const floating* like, Py_ssize_t rows) noexcept nogil:
    """The tallest tile there is a kernel for with at most ``rows`` rows."""
    if rows >= tile_rows(like):
        return tile_rows(like)
    return 8 if rows >= 8 else (4 if rows >= 4 else (2 if rows >= 2 else 1))


cdef inline void packed_tile(int rows, const floating* a, const floating* b, Py_ssize_t b_step, floating* c,
                             Py_ssize_t c_row, Py_ssize_t k, bint load) noexcept nogil:
    """A as ``pack_a`` lays it out."""
    tile(rows, a, 1, rows, b, b_step, c, c_row, k, load)


cdef inline void direct_tile(int rows, const floating* a, Py_ssize_t a_row, const floating* b, Py_ssize_t b_step,
                             floating* c, Py_ssize_t c_row, Py_ssize_t k, bint load) noexcept nogil:
    """A in place, its rows contiguous."""
    tile(rows, a, a_row, 1, b, b_step, c, c_row, k, load)


cdef void panel_product(const floating* a, Py_ssize_t a_row, const floating* b, Py_ssize_t b_step, floating* c,
                        Py_ssize_t c_row, Py_ssize_t m, Py_ssize_t k, bint load) noexcept nogil:
    """``m`` by NR elements of C: every tile of A against one panel of B. ``a_row`` is 0 when A is packed."""
    cdef Py_ssize_t i = 0
    cdef int rows
    while i < m:
        rows = tile_height(a, m - i)
        if a_row == 0:
            packed_tile(rows, a + i * k, b, b_step, c + i * c_row, c_row, k, load)
        else:
            direct_tile(rows, a + i * a_row, a_row, b, b_step, c + i * c_row, c_row, k, load)
        i += rows


cdef void edge_product(const floating* a, Py_ssize_t a_row, const floating* b, Py_ssize_t b_step, floating* c,
                       Py_ssize_t c_row, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, bint load) noexcept nogil:
    """The last, ``n`` < NR columns: as ``panel_product``, each tile through a buffer of full width."""
    cdef floating full[TILE]
    cdef Py_ssize_t i = 0, r, j, columns = tile_columns(a)
    cdef int rows
    while i < m:
        rows = tile_height(a, m - i)
        if load:
            for r in range(rows):
                for j in range(columns):
                    full[r * columns + j] = c[(i + r) * c_row + j] if j < n else <floating> 0
        if a_row == 0:
            packed_tile(rows, a + i * k, b, b_step, full, columns, k, load)
        else:
            direct_tile(rows, a + i * a_row, a_row, b, b_step, full, columns, k, load)
        for r in range(rows):
            for j in range(n):
                c[(i + r) * c_row + j] = full[r * columns + j]
        i += rows


cdef void block_product(const floating* a, Py_ssize_t a_row, const floating* b, Py_ssize_t b_panel, Py_ssize_t b_step,
                        floating* c, Py_ssize_t c_row, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                        bint load) noexcept nogil:
    """m by n elements of C. Panels of B lie ``b_panel`` apart, rows of one ``b_step``; the last is readable to NR."""
    cdef Py_ssize_t j = 0, columns = tile_columns(a)
    while j + columns <= n:
        panel_product(a, a_row, b, b_step, c + j, c_row, m, k, load)
        b += b_panel
        j += columns
    if j < n:
        edge_product(a, a_row, b, b_step, c + j, c_row, m, n - j, k, load)


# Packing

cdef void pack_a(const floating* a, Py_ssize_t a_row, Py_ssize_t a_step, Py_ssize_t m, Py_ssize_t k,
                 floating* out) noexcept nogil:
    """Tiles one under another, each k-major: out[i0 * k + p * height + r] = a[i0 + r, p]."""
    cdef Py_ssize_t i = 0, p, r, q, most = tile_rows(a)
    cdef int rows
    if a_row == 1:
        while i + PANELS * most <= m:                       # a page of A is visited less often
            for p in range(k):
                for q in range(PANELS):
                    memcpy(out + q * most * k + p * most, a + p * a_step + q * most, tile_rows(a) * sizeof(floating))
            a += PANELS * most
            out += PANELS * most * k
            i += PANELS * most
    while i < m:
        rows = tile_height(a, m - i)
        if a_step == 1:
            transpose(a, a_row, rows, k, out, rows)
        else:
            for p in range(k):
                for r in range(rows):
                    out[p * rows + r] = a[r * a_row + p * a_step]
        a += rows * a_row
        out += rows * k
        i += rows


cdef void pack_panel(const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t k, Py_ssize_t n,
                     floating* out) noexcept nogil:
    """One panel, n <= NR columns and zeros up to NR: out[p * NR + j] = b[p, j]."""
    cdef Py_ssize_t p, j, columns = tile_columns(b)
    if n < columns:
        memset(out, 0, k * columns * sizeof(floating))
    if b_column == 1:
        if n == columns:
            for p in range(k):
                for j in range(tile_columns(b)):
                    out[p * columns + j] = b[p * b_row + j]
        else:
            for p in range(k):
                for j in range(n):
                    out[p * columns + j] = b[p * b_row + j]
        return
    if b_row == 1:
        transpose(b, b_column, n, k, out, columns)
        return
    for p in range(k):
        for j in range(n):
            out[p * columns + j] = b[p * b_row + j * b_column]


cdef void pack_b(const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t k, Py_ssize_t n,
                 floating* out) noexcept nogil:
    cdef Py_ssize_t j = 0, p, q, x, columns = tile_columns(b)
    if b_column == 1:
        while j + PANELS * columns <= n:                    # a page of B is visited less often
            for p in range(k):
                for q in range(PANELS):
                    for x in range(tile_columns(b)):
                        out[(j + q * columns) * k + p * columns + x] = b[p * b_row + j + q * columns + x]
            j += PANELS * columns
    while j < n:
        pack_panel(b + j * b_column, b_row, b_column, k, min(n - j, columns), out + j * k)
        j += columns


# Packing for interleaved chains: chain r, ``chain_start`` rows of the packed matrix on, as if it were all of k

cdef void pack_a_chains(const floating* a, Py_ssize_t a_row, Py_ssize_t a_step, Py_ssize_t m, Py_ssize_t k, int chains,
                        floating* out) noexcept nogil:
    cdef Py_ssize_t at[16]
    cdef Py_ssize_t i = 0
    cdef int r, rows
    if chains == 1 or a_step != 1 or floating is double:
        for r in range(chains):
            pack_a(a + r * a_step, a_row, a_step * chains, m, chain_steps(k, chains, r),
                   out + chain_start(k, chains, r) * m)
        return
    while i < m:
        rows = tile_height(a, m - i)
        for r in range(chains):
            at[r] = chain_start(k, chains, r) * m + chain_steps(k, chains, r) * i
        if floating is float:
            transpose_chains(a + i * a_row, a_row, rows, k, chains, at, out, rows)
        i += rows


cdef void pack_b_chains(const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t k, Py_ssize_t n,
                        int chains, floating* out) noexcept nogil:
    cdef Py_ssize_t at[16]
    cdef Py_ssize_t j = 0, i, width, columns = tile_columns(b), whole = round_up(n, columns)
    cdef int r
    if chains == 1 or b_row != 1 or floating is double:
        for r in range(chains):
            pack_b(b + r * b_row, b_row * chains, b_column, chain_steps(k, chains, r), n,
                   out + chain_start(k, chains, r) * whole)
        return
    while j < n:
        width = min(n - j, columns)
        for r in range(chains):
            at[r] = chain_start(k, chains, r) * whole + chain_steps(k, chains, r) * j
            if width < columns:
                memset(out + at[r], 0, chain_steps(k, chains, r) * columns * sizeof(floating))
        if floating is float:
            i = 0
            while i < width:
                transpose_chains(b + (j + i) * b_column, b_column, <int> min(width - i, <Py_ssize_t> SQUARE), k, chains,
                                 at, out + i, columns)
                i += SQUARE
        j += columns
