# What every matrix product is made of: the tiles that cover C, and the packing of its operands for them.
#
# The k axis is cut into chains. In one, an element of C is sum = madd(a[i, k], b[k, j], sum) over ascending k from
# zero; the sums of the chains are added in order, to the bias if there is one. Every path keeps to this, so the bits of
# an element depend on its row of A and its column of B alone: not on the other extents of the product, the thread
# count, or which path computed it. The rounding error of k terms grows as sqrt(k * length of a chain), where that of
# one chain grows as k.
#
# Chains are interleaved where that pays (``k_chains``): chain r of 16 takes k = r, r + 16, r + 32, ... A product of few
# rows can then hold chains in lanes and read a weight as it lies in memory. A tile goes from chain to chain and keeps
# the total in L1, so that C is touched once. A deep k is cut into parts of such chains, and the sums of a part are added
# up before they are added to C (``load`` is 2): with one total for all, 8192 steps had 1.15 times PyTorch's error.
# Otherwise chains are blocks of k.

cdef extern from *:
    """
    #if LUCID_SQUARE == 16
    enum { LUCID_INTERLEAVE_K = 16, LUCID_SHORTEST = 60, LUCID_TILES_A = 4, LUCID_PANELS = 4 };
    #elif LUCID_SQUARE == 8
    enum { LUCID_INTERLEAVE_K = 16, LUCID_SHORTEST = 100, LUCID_TILES_A = 8, LUCID_PANELS = 8 };
    #else
    enum { LUCID_INTERLEAVE_K = 1, LUCID_SHORTEST = 60, LUCID_TILES_A = 16, LUCID_PANELS = 4 };
    #endif
    """
    cdef enum:
        MOST_CHAINS "LUCID_INTERLEAVE_K"    # most of them interleaved ...
        K_SHORTEST "LUCID_SHORTEST"         # ... of at least so many steps
        A_TILES "LUCID_TILES_A"             # of A packed together, so that its pages are visited less often ...
        PANELS "LUCID_PANELS"               # ... and panels of B

cdef enum:
    K_STEPS = 192               # most steps of k in a block
    K_MANY = 400                # more steps than that are interleaved
    K_PART = 2048               # most steps of k whose chains are computed together ...
    K_DEEP = 4096               # ... and half as many when there are more than that
    K_LINE = 16                 # steps of k in a cache line
    AHEAD_ROWS = 4              # of B called for ahead, at least


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
        if k > K_MANY:
            while chains < MOST_CHAINS and k >= 2 * chains * K_SHORTEST:
                chains *= 2
    return chains


cdef inline Py_ssize_t k_part(const floating* like, Py_ssize_t k) noexcept nogil:
    """Steps of k that are cut into ``k_chains`` together; what follows are more such parts."""
    cdef Py_ssize_t most = K_PART if k <= K_DEEP else K_PART // 2, parts = (k + most - 1) // most
    if k_chains(like, k) == 1:
        return k_block(like, k)
    return round_up((k + parts - 1) // parts, K_LINE) if parts > 1 else k


cdef inline Py_ssize_t chain_steps(Py_ssize_t k, int chains, int r) noexcept nogil:
    return (k - r + chains - 1) // chains if k > r else 0


cdef inline Py_ssize_t chain_pitch(Py_ssize_t k, int chains) noexcept nogil:
    """Steps from chain to chain in a packed tile or panel: one to spare, as powers of two share a set of L1."""
    return k if chains == 1 else (k + chains - 1) // chains + 1


# Tiles over C

cdef inline int tile_height(const floating* like, Py_ssize_t rows) noexcept nogil:
    """The tallest tile there is a kernel for with at most ``rows`` rows; but two even ones for the last 16 or 8, since one
    of two rows waits for its own additions."""
    if rows == tile_rows(like) + 2 and (rows == 16 or rows == 8):
        return <int> (rows // 2)
    if rows >= tile_rows(like):
        return tile_rows(like)
    return 8 if rows >= 8 else (4 if rows >= 4 else (2 if rows >= 2 else 1))


cdef inline int chain_height(const floating* like, Py_ssize_t rows) noexcept nogil:
    """Of the next tile of packed A. The last two are even: one of a row or two would wait for its own additions."""
    if rows <= tile_rows(like):
        return <int> rows
    return tile_rows(like) if rows >= 2 * tile_rows(like) else <int> ((rows + 1) // 2)


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


cdef void chain_product(const floating* a, const floating* b, Py_ssize_t b_row, floating* c, Py_ssize_t c_row,
                        Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, int chains, int load,
                        lucid_ahead* ahead) noexcept nogil:
    """m by n elements of C, interleaved chain after chain. A is packed; ``b_row`` is 0 when B is too.

    Only the first AHEAD panels of B need to be there when ``ahead`` packs the others.
    """
    cdef floating full[TILE]
    cdef Py_ssize_t i, j = 0, r, x, width, columns = tile_columns(a), whole = chains * chain_pitch(k, chains)
    cdef int rows, panel = 0
    while j < n:
        width = min(n - j, columns)
        if ahead != NULL and panel == 0:
            ahead_next(ahead, k, chains, (m + tile_rows(a) - 1) // tile_rows(a) * chains)
        i = 0
        while i < m:
            rows = chain_height(a, m - i)
            if width == columns:
                chain_tile(rows, a + i * whole, b, b_row, c + i * c_row + j, c_row, k, chains, load, ahead)
            else:
                if load:
                    for r in range(rows):
                        for x in range(columns):
                            full[r * columns + x] = c[(i + r) * c_row + j + x] if x < width else <floating> 0
                chain_tile(rows, a + i * whole, b, b_row, full, columns, k, chains, load, ahead)
                for r in range(rows):
                    for x in range(width):
                        c[(i + r) * c_row + j + x] = full[r * columns + x]
            i += rows
        panel = (panel + 1) % AHEAD
        if ahead != NULL and panel == 0:
            b = <const floating*> ahead_done(ahead, k, chains)
        else:
            b += columns if b_row else columns * whole
        j += columns


# Packing

cdef void pack_a(const floating* a, Py_ssize_t a_row, Py_ssize_t a_step, Py_ssize_t m, Py_ssize_t k,
                 floating* out, Py_ssize_t start, Py_ssize_t whole) noexcept nogil:
    """Tiles one under another, each k-major: steps ``start`` on of ``whole``.

    out[i0 * whole + p * height + r] = a[i0 + r, p]
    """
    cdef Py_ssize_t i = 0, p, r, q, most = tile_rows(a)
    cdef floating* to
    cdef int rows
    if a_row == 1:
        while i + (A_TILES + 1) * most <= m:
            to = out + i * whole + start * most
            for p in range(k):
                for q in range(A_TILES):
                    lanes_copy(a + i + p * a_step + q * most, to + q * most * whole + p * most, tile_rows(a))
            i += A_TILES * most
    while i < m:
        rows = chain_height(a, m - i)
        to = out + i * whole + start * rows
        if a_row == 1:
            for p in range(k):
                lanes_copy(a + i + p * a_step, to + p * rows, rows)
        elif a_step == 1:
            transpose(a + i * a_row, a_row, rows, k, to, rows)
        else:
            for p in range(k):
                for r in range(rows):
                    to[p * rows + r] = a[(i + r) * a_row + p * a_step]
        i += rows


cdef inline void panel_row(const floating* b, floating* out) noexcept nogil:
    """A row of a panel; GCC makes scalars of a loop over 16."""
    memcpy(out, b, (NR32 if floating is float else NR64) * sizeof(floating))


cdef void pack_panel(const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t k, Py_ssize_t n,
                     floating* out) noexcept nogil:
    """One panel, n <= NR columns and zeros up to NR: out[p * NR + j] = b[p, j]."""
    cdef Py_ssize_t p, j, columns = tile_columns(b)
    if n < columns:
        memset(out, 0, k * columns * sizeof(floating))
    if b_column == 1:
        if n == columns:
            for p in range(k):
                panel_row(b + p * b_row, out + p * columns)
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


cdef void pack_b_steps(const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t k, Py_ssize_t n,
                       floating* out, Py_ssize_t start, Py_ssize_t whole) noexcept nogil:
    """Panels one after another: steps ``start`` on of ``whole``."""
    cdef Py_ssize_t j = 0, p, q, columns = tile_columns(b)
    out += start * columns
    if b_column == 1:
        while j + PANELS * columns <= n:
            for p in range(k):
                for q in range(PANELS):
                    panel_row(b + p * b_row + j + q * columns, out + (j + q * columns) * whole + p * columns)
            j += PANELS * columns
    while j < n:
        pack_panel(b + j * b_column, b_row, b_column, k, min(n - j, columns), out + j * whole)
        j += columns


cdef void pack_b(const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t k, Py_ssize_t n,
                 floating* out) noexcept nogil:
    pack_b_steps(b, b_row, b_column, k, n, out, 0, k)


# Packing for interleaved chains: those of a tile or panel one under another

cdef void deal_a(const float* a, Py_ssize_t a_row, Py_ssize_t m, Py_ssize_t k, int chains, float* out) noexcept nogil:
    """Rows that are contiguous, read once for all chains."""
    cdef Py_ssize_t at[16]
    cdef Py_ssize_t i = 0, pitch = chain_pitch(k, chains)
    cdef int r, rows
    while i < m:
        rows = chain_height(a, m - i)
        for r in range(chains):
            at[r] = r * pitch * rows
        transpose_chains(a + i * a_row, a_row, rows, k, chains, at, out + i * chains * pitch, rows)
        i += rows


cdef void pack_a_chains(const floating* a, Py_ssize_t a_row, Py_ssize_t a_step, Py_ssize_t m, Py_ssize_t k, int chains,
                        floating* out) noexcept nogil:
    cdef Py_ssize_t pitch = chain_pitch(k, chains)
    cdef int r
    if floating is float:
        if chains > 1 and a_step == 1:
            deal_a(a, a_row, m, k, chains, out)
            return
    for r in range(chains):
        pack_a(a + r * a_step, a_row, a_step * chains, m, chain_steps(k, chains, r), out, r * pitch, chains * pitch)


cdef void deal_b(const float* b, Py_ssize_t b_column, Py_ssize_t k, Py_ssize_t n, int chains,
                 float* out) noexcept nogil:
    """Columns that are contiguous, read once for all chains."""
    cdef Py_ssize_t at[16]
    cdef Py_ssize_t j = 0, i, width, columns = tile_columns(b), pitch = chain_pitch(k, chains)
    cdef int r
    for r in range(chains):
        at[r] = r * pitch * columns
    while j < n:
        width = min(n - j, columns)
        if width < columns:
            memset(out + j * chains * pitch, 0, chains * pitch * columns * sizeof(float))
        i = 0
        while i < width:
            transpose_chains(b + (j + i) * b_column, b_column, <int> min(width - i, <Py_ssize_t> SQUARE), k, chains, at,
                             out + j * chains * pitch + i, columns)
            i += SQUARE
        j += columns


cdef void pack_b_chains(const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t k, Py_ssize_t n,
                        int chains, floating* out) noexcept nogil:
    cdef Py_ssize_t pitch = chain_pitch(k, chains)
    cdef int r
    if floating is float:
        if chains > 1 and b_row == 1:
            deal_b(b, b_column, k, n, chains, out)
            return
    for r in range(chains):
        pack_b_steps(b + r * b_row, b_row * chains, b_column, chain_steps(k, chains, r), n, out, r * pitch,
                     chains * pitch)
