# C = A @ B, or C += A @ B, for operands of any strides.


cdef enum:
    BLOCK_BYTES = 524288        # a block of A: half of a 1 MB L2 ...
    WHOLE_BYTES = 2621440       # ... but all of A, if that is all, since a few panels of B then stay in L2
    PACKED_BYTES = 4194304      # of B packed at a time, when A has more rows than a tile ...
    NC = 2048                   # ... and columns
    A_ROW_BYTES = 2048          # rows of A of which several share a page, with AVX2, ...
    B_BYTES = 28672             # ... and B that L1 holds, are faster in place than packed
    SKINNY_ROWS = 4             # fewer rows than this read B in place ...
    SKINNY_COLUMNS = 1024       # ... this many columns at a time


# One element: its chains side by side

cdef extern from *:
    """
    #define LUCID_CHAINS(n) \\
        case n: \\
            for (; p + n <= k; p += n) \\
                for (int r = 0; r < n; r++) sum[r] = lucid_maddf(a[p + r], b[p + r], sum[r]); \\
            break;
    /* The sum of a[p] * b[p] over a part of k, chain by chain. */
    static float lucid_dot_part(const float *a, const float *b, Py_ssize_t k, int chains) {
        float sum[16] = {0}, total;
        Py_ssize_t p = 0;
        switch (chains) {
            LUCID_CHAINS(1) LUCID_CHAINS(2) LUCID_CHAINS(4) LUCID_CHAINS(8) LUCID_CHAINS(16)
        }
        for (int r = 0; p < k; p++, r++) sum[r] = lucid_maddf(a[p], b[p], sum[r]);
        total = sum[0];
        for (int r = 1; r < chains; r++) total += sum[r];
        return total;
    }
    """
    float dot_part "lucid_dot_part" (const float* a, const float* b, Py_ssize_t k, int chains) noexcept nogil


cdef float one_element(const float* a, const float* b, Py_ssize_t k) noexcept nogil:
    """The product of a row and a column, both contiguous."""
    cdef Py_ssize_t p = 0, most = k_part(a, k)
    cdef float total = 0
    while p < k:
        if p == 0:
            total = dot_part(a, b, min(k, most), k_chains(a, k))
        else:
            total += dot_part(a + p, b + p, min(k - p, most), k_chains(a, k))
        p += most
    return total


# Skinny products, bound by the reading of B: no packing, the same chains

cdef void add_rows(const floating* a, Py_ssize_t a_step, const floating* b, Py_ssize_t b_row, floating* c, Py_ssize_t n,
                   Py_ssize_t k) noexcept nogil:
    """c[j] += a[p] * b[p, j], four steps of p in one pass over c."""
    cdef Py_ssize_t p = 0, j
    cdef floating a0, a1, a2, a3
    cdef const floating* b1
    cdef const floating* b2
    cdef const floating* b3
    while p + 4 <= k:
        a0, a1, a2, a3 = a[0], a[a_step], a[2 * a_step], a[3 * a_step]
        b1, b2, b3 = b + b_row, b + 2 * b_row, b + 3 * b_row
        for j in range(n):
            c[j] = madd(a3, b3[j], madd(a2, b2[j], madd(a1, b1[j], madd(a0, b[j], c[j]))))
        a += 4 * a_step
        b += 4 * b_row
        p += 4
    while p < k:
        a0 = a[0]
        for j in range(n):
            c[j] = madd(a0, b[j], c[j])
        a += a_step
        b += b_row
        p += 1


cdef inline void put_sums(float* c, const float* sums, int columns, bint add) noexcept nogil:
    cdef int x
    for x in range(columns):
        c[x] = c[x] + sums[x] if add else sums[x]


cdef void dot_columns(const float* a, Py_ssize_t a_step, const float* b, Py_ssize_t b_column, float* c, Py_ssize_t n,
                      Py_ssize_t k, bint load) noexcept nogil:
    """c[j] = sum of a[p] * b[p, j], or c[j] += it, for columns contiguous in p, turned into lanes as they are read."""
    cdef float sums[2 * SQUARE]
    cdef const float* x
    cdef Py_ssize_t p, steps, j = 0, depth = k_block(a, k)
    cdef int columns
    while j < n:
        columns = <int> min(n - j, <Py_ssize_t> SQUARE)
        p = 0
        while p < k:
            steps, x = min(k - p, depth), b + j * b_column + p
            if columns == SQUARE and p + steps < k:
                dot_pair(a + p * a_step, a_step, x, b_column, sums, steps, min(k - p - steps, depth))
                put_sums(c + j, sums, SQUARE, load or p > 0)
                p += steps
                steps = min(k - p, depth)
                put_sums(c + j, sums + SQUARE, SQUARE, True)
            else:
                dot_rows(a + p * a_step, a_step, x, b_column, columns, sums, steps)
                put_sums(c + j, sums, columns, load or p > 0)
            p += steps
        j += columns


cdef inline bint skinny(const floating* like, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t m, Py_ssize_t n,
                        Py_ssize_t k) noexcept nogil:
    return ((m < SKINNY_ROWS and b_column == 1) or takes_dots(like, b_row, m, n, k)
            or (m == 1 and b_row == 1 and floating is float and SQUARE < 16 and k_chains(like, k) == 1))


cdef void skinny_product(floating* c, Py_ssize_t c_row, const floating* a, Py_ssize_t a_row, Py_ssize_t a_step,
                         const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t m, Py_ssize_t n,
                         Py_ssize_t k, bint load, floating* work) noexcept nogil:
    """C = A @ B, or C += A @ B, for few rows."""
    cdef floating sums[SKINNY_ROWS * SKINNY_COLUMNS]            # of a chain of k, kept in L1 ...
    cdef floating total[SKINNY_ROWS * SKINNY_COLUMNS]           # of a part's chains
    cdef floating* to
    cdef Py_ssize_t i, j = 0, p, q, x, depth, most = k_part(a, k), steps, width, row
    cdef int r, chains = k_chains(a, k)
    if floating is float:
        if takes_dots(a, b_row, m, n, k):
            dot_product(c, c_row, a, a_row, a_step, b, b_column, m, n, k, load, work)
            return
        if b_column != 1:
            dot_columns(a, a_step, b, b_column, c, n, k, load)
            return
    while j < n:
        width = min(n - j, <Py_ssize_t> SKINNY_COLUMNS)
        p = 0
        while p < k:
            depth = min(k - p, most)
            to, row = total, SKINNY_COLUMNS
            if p == 0 or chains == 1:
                to, row = c + j, c_row
            for r in range(chains):
                steps = chain_steps(depth, chains, r)
                memset(sums, 0, m * SKINNY_COLUMNS * sizeof(floating))
                for q in range(0, steps, 64):                   # ... while these rows of B, kept in L2, pass over it
                    x = p + r + q * chains
                    for i in range(m):
                        add_rows(a + i * a_row + x * a_step, a_step * chains, b + x * b_row + j, b_row * chains,
                                 sums + i * SKINNY_COLUMNS, width, min(steps - q, 64))
                for i in range(m):
                    if r > 0 or (to != total and (load or p > 0)):
                        for x in range(width):
                            to[i * row + x] += sums[i * SKINNY_COLUMNS + x]
                    else:
                        memcpy(to + i * row, sums + i * SKINNY_COLUMNS, width * sizeof(floating))
            if to == total:
                for i in range(m):
                    for x in range(width):
                        c[i * c_row + j + x] += total[i * SKINNY_COLUMNS + x]
            p += depth
        j += width


# Any product

cdef inline bint b_stays(const floating* like, Py_ssize_t b_column, Py_ssize_t m, Py_ssize_t n,
                         Py_ssize_t k) noexcept nogil:
    """B is read in place: packing costs a pass over B, which few rows of A do not repay, nor B that L1 holds as it is."""
    cdef bint held = SQUARE == 8 and n * k * <Py_ssize_t> sizeof(floating) <= B_BYTES
    return b_column == 1 and (held or m <= 2 * tile_rows(like))


cdef inline bint a_stays(const floating* like, Py_ssize_t a_row, Py_ssize_t a_step, Py_ssize_t n,
                         Py_ssize_t k) noexcept nogil:
    """So is A, unless its cache lines would be read once for every chain, or its pages once for each of many panels."""
    cdef Py_ssize_t panels = 16 if SQUARE == 8 and a_row * <Py_ssize_t> sizeof(floating) <= A_ROW_BYTES else 4
    return a_step == 1 and a_row != 0 and n <= panels * tile_columns(like) and k_chains(like, k) == 1


cdef inline Py_ssize_t packed_steps(const floating* like, Py_ssize_t k) noexcept nogil:
    cdef int chains = k_chains(like, k)
    return chains * chain_pitch(k_part(like, k), chains)


cdef inline Py_ssize_t whole_tiles(const floating* like, Py_ssize_t bytes, Py_ssize_t k) noexcept nogil:
    """Rows of as many whole tiles of A as fit, one at least."""
    return max(bytes // (k_part(like, k) * tile_rows(like) * <Py_ssize_t> sizeof(floating)), 1) * tile_rows(like)


cdef inline Py_ssize_t a_block(const floating* like, Py_ssize_t m, Py_ssize_t k) noexcept nogil:
    """Most rows of A in a block."""
    return m if m <= whole_tiles(like, WHOLE_BYTES, k) else whole_tiles(like, BLOCK_BYTES, k)


cdef inline Py_ssize_t a_room(const floating* like, Py_ssize_t m, Py_ssize_t k) noexcept nogil:
    """Elements, whole cache lines, that hold a block of up to m rows of A."""
    return round_up(min(m, whole_tiles(like, WHOLE_BYTES, k)) * packed_steps(like, k), 16)


cdef inline Py_ssize_t even_block(const floating* like, Py_ssize_t m, Py_ssize_t k) noexcept nogil:
    """Rows of A in each block: B is read again for a small one as for a large one."""
    cdef Py_ssize_t most = a_block(like, m, k), blocks
    if m == 0:      # the share of a thread that has nothing to do
        return 0
    blocks = (m + most - 1) // most
    return min(m, round_up((m + blocks - 1) // blocks, tile_rows(like)))


cdef inline Py_ssize_t pack_width(const floating* like, Py_ssize_t b_column, Py_ssize_t m, Py_ssize_t n,
                                  Py_ssize_t k) noexcept nogil:
    """Columns of B packed at a time: few, to be used from L2, when there is no second block of A to use them."""
    cdef Py_ssize_t columns = tile_columns(like), panels = 1
    if m > a_block(like, m, k):
        panels = min(PACKED_BYTES // (k_part(like, k) * columns * <Py_ssize_t> sizeof(floating)), NC // columns)
    elif m > tile_rows(like) and b_column == 1:
        panels = 2 * AHEAD if k_chains(like, k) > 1 else PANELS         # some are packed while others are used
    return min(n, max(panels, 1) * columns)


cdef inline Py_ssize_t packed_a_size(const floating* like, Py_ssize_t a_row, Py_ssize_t a_step, Py_ssize_t m,
                                     Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """Elements of workspace for A, whole cache lines."""
    return 0 if a_stays(like, a_row, a_step, n, k) else a_room(like, m, k)


cdef Py_ssize_t gemm_workspace(const floating* like, Py_ssize_t a_row, Py_ssize_t a_step, Py_ssize_t b_row,
                               Py_ssize_t b_column, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """Elements ``gemm_serial`` needs; never less for a larger m or n."""
    cdef Py_ssize_t columns = tile_columns(like), depth = packed_steps(like, k), room = 0
    if k == 0:
        return 0
    if n == 1:                      # gemm_serial may exchange the operands
        return (a_room(like, m, k) + round_up(columns * depth, 16)
                + DOT_MOST * dot_pitch(k_part(like, k)))
    if skinny(like, b_row, b_column, m, n, k):
        if not DOTS or b_row != 1:
            return 0
        room = DOT_MOST * dot_pitch(k_part(like, k))      # a thread's share may still be too narrow for that
    if not b_stays(like, b_column, m, n, k):
        columns = round_up(pack_width(like, b_column, m, n, k), columns)
    return max(room, packed_a_size(like, a_row, a_step, m, n, k) + round_up(columns * depth, 16))


cdef void gemm_serial(floating* c, Py_ssize_t c_row, const floating* a, Py_ssize_t a_row, Py_ssize_t a_step,
                      const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t m, Py_ssize_t n,
                      Py_ssize_t k, bint accumulate, floating* work) noexcept nogil:
    """C = A @ B, or C += A @ B, with ``gemm_workspace`` elements of workspace. Rows of C are contiguous."""
    cdef Py_ssize_t i, j, p = 0, depth, most, block, width, held, rows, whole = 0, columns = tile_columns(a)
    cdef int chains
    cdef bint in_place, a_in_place
    cdef floating* packed_b
    cdef lucid_ahead panels
    cdef lucid_ahead* ahead
    if n == 1 and c_row == 1:       # a column of C is a row of its transpose
        m, n, a, b = n, m, b, a
        a_row, a_step, b_row, b_column = b_column, b_row, a_step, a_row
    if k == 0 and not accumulate:
        for i in range(m):
            memset(c + i * c_row, 0, n * sizeof(floating))
    if k == 0:
        return
    if floating is float:
        if m == 1 and n == 1 and a_step == 1 and b_row == 1 and not accumulate:
            c[0] = one_element(a, b, k)
            return
    if skinny(a, b_row, b_column, m, n, k):
        skinny_product(c, c_row, a, a_row, a_step, b, b_row, b_column, m, n, k, accumulate, work)
        return
    if b_stays(a, b_column, m, n, k):
        whole = n // columns * columns
    packed_b = work + packed_a_size(a, a_row, a_step, m, n, k)
    most, chains, a_in_place = k_part(a, k), k_chains(a, k), a_stays(a, a_row, a_step, n, k)
    block, held = m if a_in_place else even_block(a, m, k), pack_width(a, b_column, m, n, k)
    while p < k:
        depth = min(k - p, most)
        j = 0
        while j < n:
            in_place = j < whole
            width, ahead = whole if in_place else min(n - j, held), NULL
            if floating is float:
                if not in_place and chains > 1 and b_column == 1 and block == m and held > AHEAD_COLUMNS:
                    # with more blocks, the first has too few tiles: many rows at a time are waited for
                    width, ahead = n - j, &panels
                    ahead_first(ahead, b + p * b_row + j, b_row, depth, width, chains, packed_b,
                                (held + AHEAD_COLUMNS - 1) // AHEAD_COLUMNS)
            if not in_place and ahead == NULL:
                pack_b_chains(b + p * b_row + j * b_column, b_row, b_column, depth, width, chains, packed_b)
            i = 0
            while i < m:
                rows = min(m - i, block)
                if not a_in_place and (j == 0 or block < m):
                    pack_a_chains(a + i * a_row + p * a_step, a_row, a_step, rows, depth, chains, work)
                if a_in_place:
                    block_product(a + i * a_row + p * a_step, a_row, b + p * b_row if in_place else packed_b,
                                  columns if in_place else columns * depth, b_row if in_place else columns,
                                  c + i * c_row + j, c_row, rows, width, depth, accumulate or p > 0)
                else:
                    chain_product(work, b + p * b_row if in_place else packed_b, b_row if in_place else 0,
                                  c + i * c_row + j, c_row, rows, width, depth, chains, 2 if p > 0 else <int> accumulate,
                                  ahead)
                i += rows
            j += width
        p += depth


# Threads

cdef inline Py_ssize_t part(Py_ssize_t n, Py_ssize_t unit, Py_ssize_t index, Py_ssize_t parts) noexcept nogil:
    """Where part ``index`` of ``parts`` starts when n is cut at multiples of ``unit``, as evenly as that allows."""
    return min(n, ((n + unit - 1) // unit) * index // parts * unit)


cdef Py_ssize_t grid_rows(const floating* like, Py_ssize_t m, Py_ssize_t n, Py_ssize_t threads) noexcept nogil:
    """How many of ``threads`` split the rows (the others split the columns) for the least packing and idling."""
    cdef Py_ssize_t rows, best = 1, height, width
    cdef double cost, least = 0
    for rows in range(1, threads + 1):
        if threads % rows == 0:
            height = round_up((m + rows - 1) // rows, tile_rows(like))
            width = round_up((n + threads // rows - 1) // (threads // rows), tile_columns(like))
            cost = <double> height * width / tile_columns(like) + height + width
            if rows == 1 or cost < least:
                best, least = rows, cost
    return best


cdef void gemm_part(floating* c, Py_ssize_t c_row, const floating* a, Py_ssize_t a_row, Py_ssize_t a_step,
                    const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t m, Py_ssize_t n,
                    Py_ssize_t k, bint accumulate, floating* work, Py_ssize_t index, Py_ssize_t rows,
                    Py_ssize_t columns) noexcept nogil:
    """Cell ``index`` of a rows by columns grid over C."""
    cdef Py_ssize_t i = part(m, tile_rows(a), index // columns, rows)
    cdef Py_ssize_t unit = 16 if takes_dots(a, b_row, m, n, k) else tile_columns(a)
    cdef Py_ssize_t j = part(n, unit, index % columns, columns)
    m = part(m, tile_rows(a), index // columns + 1, rows) - i
    n = part(n, unit, index % columns + 1, columns) - j
    gemm_serial(c + i * c_row + j, c_row, a + i * a_row, a_row, a_step, b + j * b_column, b_row, b_column, m, n, k,
                accumulate, work)


cdef bint gemm(floating* c, Py_ssize_t c_row, const floating* a, Py_ssize_t a_row, Py_ssize_t a_step, const floating* b,
               Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
               bint accumulate) noexcept nogil:
    """C = A @ B, or C += A @ B, for any strides of A and B; rows of C are contiguous. False when memory ran out."""
    cdef int threads = threads_for_flops(2.0 * m * n * k), t
    cdef Py_ssize_t size, rows
    cdef floating* work = NULL
    if m == 0 or n == 0:
        return True
    size = gemm_workspace(a, a_row, a_step, b_row, b_column, m, n, k)
    if size:
        work = <floating*> workspace(threads * size * sizeof(floating))
        if work == NULL:
            return False
    if threads == 1:
        gemm_serial(c, c_row, a, a_row, a_step, b, b_row, b_column, m, n, k, accumulate, work)
    else:
        rows = grid_rows(a, m, n, threads)
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            gemm_part(c, c_row, a, a_row, a_step, b, b_row, b_column, m, n, k, accumulate, work + t * size, t, rows,
                      threads // rows)
    if work != NULL:
        release(work)
    return True
