# The matrix product every dense layer and convolution runs on: C = A @ B, or C += A @ B.
#
# Each element of C is one chain c = madd(a[i, k], b[k, j], c) over ascending k. Blocks of k continue the chain through
# memory and every path below keeps it, so the bits of an element depend on its row of A and column of B alone:
# not on the shape of the product, the thread count, or which path computed it.

cdef extern from *:
    """
    /* Fused where the CPU has the instruction and never otherwise; left to the compiler's contraction, a vector loop
       and a scalar one could round differently. */
    #ifdef __FP_FAST_FMAF
    #define lucid_maddf(a, b, c) __builtin_fmaf(a, b, c)
    #else
    #define lucid_maddf(a, b, c) ((a) * (b) + (c))
    #endif
    #ifdef __FP_FAST_FMA
    #define lucid_madd(a, b, c) __builtin_fma(a, b, c)
    #else
    #define lucid_madd(a, b, c) ((a) * (b) + (c))
    #endif

    /* Accumulators of a tile, MR rows of NR lanes, fill the vector registers but for one row of B and one element
       of A. The shapes are those GCC keeps in registers: it unrolls loops of up to 16 before vectorising them. */
    #if defined(__AVX512F__)
    #define LUCID_MR32 14
    #define LUCID_NR32 32
    #define LUCID_MR64 8
    #define LUCID_NR64 24
    #elif defined(__AVX2__)
    #define LUCID_MR32 4
    #define LUCID_NR32 24
    #define LUCID_MR64 4
    #define LUCID_NR64 8
    #else
    #define LUCID_MR32 2
    #define LUCID_NR32 20
    #define LUCID_MR64 3
    #define LUCID_NR64 6
    #endif
    #define LUCID_TILE (LUCID_MR32 * LUCID_NR32)

    static inline void lucid_store_pair(float *out, float x, float y) {
        uint32_t a, b;
        uint64_t pair;
        memcpy(&a, &x, 4);
        memcpy(&b, &y, 4);
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        pair = b | (uint64_t) a << 32;
    #else
        pair = a | (uint64_t) b << 32;
    #endif
        memcpy(out, &pair, 8);
    }

    #include <stdlib.h>
    #ifdef _WIN32
    #include <malloc.h>
    #define lucid_aligned_alloc(n) _aligned_malloc(n, 64)
    #define lucid_aligned_free _aligned_free
    #else
    static inline void *lucid_aligned_alloc(size_t n) {
        void *p;
        return posix_memalign(&p, 64, n) ? NULL : p;
    }
    #define lucid_aligned_free free
    #endif
    """
    float maddf "lucid_maddf" (float a, float b, float c) noexcept nogil
    double madd64 "lucid_madd" (double a, double b, double c) noexcept nogil
    void store_pair "lucid_store_pair" (float* out, float x, float y) noexcept nogil
    void* aligned_alloc "lucid_aligned_alloc" (size_t n) noexcept nogil
    void aligned_free "lucid_aligned_free" (void* p) noexcept nogil
    cdef enum:
        MR32 "LUCID_MR32"
        NR32 "LUCID_NR32"
        MR64 "LUCID_MR64"
        NR64 "LUCID_NR64"
        TILE "LUCID_TILE"       # elements of the larger tile

cdef enum:
    PANEL_BYTES = 32768         # a panel of B, NR wide: two thirds of a 48 KB L1
    BLOCK_BYTES = 524288        # a block of A: half of a 1 MB L2
    NC = 2048                   # columns of B packed at a time
    GEMM_GRAIN = 1000000        # multiplications and additions worth a thread


cdef inline void* workspace(size_t size) noexcept nogil:
    """``size`` bytes aligned to a cache line, or NULL."""
    return aligned_alloc(size)


cdef inline void release(void* p) noexcept nogil:
    aligned_free(p)


cdef inline floating madd(floating a, floating b, floating c) noexcept nogil:
    """a * b + c, rounded once where the CPU can."""
    if floating is float:
        return maddf(a, b, c)
    else:
        return madd64(a, b, c)


cdef inline int tile_rows(const floating* like) noexcept nogil:
    return MR32 if floating is float else MR64


cdef inline int tile_columns(const floating* like) noexcept nogil:
    return NR32 if floating is float else NR64


cdef inline Py_ssize_t k_block(const floating* like, Py_ssize_t k) noexcept nogil:
    """Steps of k per block: as equal as they can be, a panel of B staying in L1."""
    cdef Py_ssize_t most = PANEL_BYTES // (tile_columns(like) * <Py_ssize_t> sizeof(floating))
    cdef Py_ssize_t blocks = (k + most - 1) // most
    return (k + blocks - 1) // blocks if blocks > 1 else k


cdef inline Py_ssize_t round_up(Py_ssize_t n, Py_ssize_t multiple) noexcept nogil:
    return (n + multiple - 1) // multiple * multiple


# Micro-kernel

cdef inline void tile(int rows, const floating* a, Py_ssize_t a_row, Py_ssize_t a_step, const floating* b, Py_ssize_t b_step,
                      floating* c, Py_ssize_t c_row, Py_ssize_t k, bint load) noexcept nogil:
    """``rows`` by NR elements of C. Inlined with ``rows`` a constant, which turns ``acc`` into registers."""
    cdef floating acc[TILE]
    cdef floating x
    cdef Py_ssize_t p
    cdef int i, j, columns = tile_columns(a)
    if load:
        for i in range(rows):
            for j in range(columns):
                acc[i * columns + j] = c[i * c_row + j]
    else:
        for i in range(rows * columns):
            acc[i] = 0
    for p in range(k):
        for i in range(rows):
            x = a[i * a_row]
            for j in range(columns):
                acc[i * columns + j] = madd(x, b[j], acc[i * columns + j])
        a += a_step
        b += b_step
    for i in range(rows):
        for j in range(columns):
            c[i * c_row + j] = acc[i * columns + j]


cdef inline int tile_height(const floating* like, Py_ssize_t rows) noexcept nogil:
    """The tallest tile there is a kernel for with at most ``rows`` rows."""
    if rows >= tile_rows(like):
        return tile_rows(like)
    return 8 if rows >= 8 else (4 if rows >= 4 else (2 if rows >= 2 else 1))


cdef void packed_tile(int rows, const floating* a, const floating* b, Py_ssize_t b_step, floating* c, Py_ssize_t c_row,
                      Py_ssize_t k, bint load) noexcept nogil:
    cdef int most = tile_rows(a)
    if rows == most:
        tile(most, a, 1, most, b, b_step, c, c_row, k, load)
    elif most > 8 and rows == 8:
        tile(8, a, 1, 8, b, b_step, c, c_row, k, load)
    elif most > 4 and rows == 4:
        tile(4, a, 1, 4, b, b_step, c, c_row, k, load)
    elif most > 2 and rows == 2:
        tile(2, a, 1, 2, b, b_step, c, c_row, k, load)
    else:
        tile(1, a, 1, 1, b, b_step, c, c_row, k, load)


cdef void direct_tile(int rows, const floating* a, Py_ssize_t a_row, const floating* b, Py_ssize_t b_step, floating* c,
                      Py_ssize_t c_row, Py_ssize_t k, bint load) noexcept nogil:
    cdef int most = tile_rows(a)
    if rows == most:
        tile(most, a, a_row, 1, b, b_step, c, c_row, k, load)
    elif most > 8 and rows == 8:
        tile(8, a, a_row, 1, b, b_step, c, c_row, k, load)
    elif most > 4 and rows == 4:
        tile(4, a, a_row, 1, b, b_step, c, c_row, k, load)
    elif most > 2 and rows == 2:
        tile(2, a, a_row, 1, b, b_step, c, c_row, k, load)
    else:
        tile(1, a, a_row, 1, b, b_step, c, c_row, k, load)


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
                        floating* c, Py_ssize_t c_row, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, bint load) noexcept nogil:
    """An m by n block of C. Panels of B lie ``b_panel`` apart, rows of a panel ``b_step``; the last is readable to NR."""
    cdef Py_ssize_t j = 0, columns = tile_columns(a)
    while j + columns <= n:
        panel_product(a, a_row, b, b_step, c + j, c_row, m, k, load)
        b += b_panel
        j += columns
    if j < n:
        edge_product(a, a_row, b, b_step, c + j, c_row, m, n - j, k, load)


# Packing

cdef void pack_a(const floating* a, Py_ssize_t a_row, Py_ssize_t a_step, Py_ssize_t m, Py_ssize_t k, floating* out) noexcept nogil:
    """Tiles one under another, each k-major: out[i0 * k + p * height + r] = a[i0 + r, p]."""
    cdef Py_ssize_t i = 0, p, r
    cdef int rows
    while i < m:
        rows = tile_height(a, m - i)
        if a_step == 1:
            for r in range(rows):
                for p in range(k):
                    out[p * rows + r] = a[r * a_row + p]
        else:
            for p in range(k):
                for r in range(rows):
                    out[p * rows + r] = a[r * a_row + p * a_step]
        a += rows * a_row
        out += rows * k
        i += rows


cdef void transpose(const floating* x, Py_ssize_t x_row, Py_ssize_t rows, Py_ssize_t columns, floating* out,
                    Py_ssize_t out_row) noexcept nogil:
    """out[j, i] = x[i, j]. Pairs of floats are stored as one word: stores are what a transposition waits for."""
    cdef Py_ssize_t i, j, q, end
    for j in range(0, columns, 16):                         # a cache line of every row at a time
        end = min(columns, j + 16)
        i = 0
        if floating is float:
            while i + 2 <= rows:
                for q in range(j, end):
                    store_pair(out + q * out_row + i, x[i * x_row + q], x[(i + 1) * x_row + q])
                i += 2
        while i < rows:
            for q in range(j, end):
                out[q * out_row + i] = x[i * x_row + q]
            i += 1


cdef void pack_panel(const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t k, Py_ssize_t n, floating* out) noexcept nogil:
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


cdef void pack_b(const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t k, Py_ssize_t n, floating* out) noexcept nogil:
    cdef Py_ssize_t j = 0, columns = tile_columns(b)
    while j < n:
        pack_panel(b + j * b_column, b_row, b_column, k, min(n - j, columns), out + j * k)
        j += columns


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


cdef void dot_columns(const floating* a, Py_ssize_t a_step, const floating* b, Py_ssize_t b_column, floating* c,
                      Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """c[j] += sum of a[p] * b[p, j] for columns contiguous in p: eight scalar chains side by side hide the latency."""
    cdef floating s0, s1, s2, s3, s4, s5, s6, s7, x
    cdef const floating* q
    cdef Py_ssize_t p, j = 0
    while j + 8 <= n:
        q = b + j * b_column
        s0, s1, s2, s3, s4, s5, s6, s7 = c[j], c[j + 1], c[j + 2], c[j + 3], c[j + 4], c[j + 5], c[j + 6], c[j + 7]
        for p in range(k):
            x = a[p * a_step]
            s0 = madd(x, q[p], s0)
            s1 = madd(x, q[p + b_column], s1)
            s2 = madd(x, q[p + 2 * b_column], s2)
            s3 = madd(x, q[p + 3 * b_column], s3)
            s4 = madd(x, q[p + 4 * b_column], s4)
            s5 = madd(x, q[p + 5 * b_column], s5)
            s6 = madd(x, q[p + 6 * b_column], s6)
            s7 = madd(x, q[p + 7 * b_column], s7)
        c[j], c[j + 1], c[j + 2], c[j + 3], c[j + 4], c[j + 5], c[j + 6], c[j + 7] = s0, s1, s2, s3, s4, s5, s6, s7
        j += 8
    while j < n:
        s0 = c[j]
        for p in range(k):
            s0 = madd(a[p * a_step], b[j * b_column + p], s0)
        c[j] = s0
        j += 1


cdef inline bint skinny(const floating* like, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t m) noexcept nogil:
    return (m < 4 and b_column == 1) or (m == 1 and b_row == 1)


cdef void skinny_product(floating* c, Py_ssize_t c_row, const floating* a, Py_ssize_t a_row, Py_ssize_t a_step,
                         const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t m, Py_ssize_t n,
                         Py_ssize_t k) noexcept nogil:
    """C += A @ B for few rows."""
    cdef Py_ssize_t i, j, p
    if b_column != 1:
        dot_columns(a, a_step, b, b_column, c, n, k)
        return
    for j in range(0, n, 2048):                # a piece of C kept in L1 ...
        for p in range(0, k, 64):              # ... while these rows of B, kept in L2, pass over it
            for i in range(m):
                add_rows(a + i * a_row + p * a_step, a_step, b + p * b_row + j, b_row, c + i * c_row + j,
                         min(n - j, 2048), min(k - p, 64))


# One thread's product

cdef inline bint b_stays(const floating* like, Py_ssize_t b_column, Py_ssize_t m) noexcept nogil:
    """B is read in place: packing costs a pass over B, which few rows of A do not repay."""
    return b_column == 1 and m <= 2 * tile_rows(like)


cdef inline bint a_stays(const floating* like, Py_ssize_t a_row, Py_ssize_t a_step, Py_ssize_t n) noexcept nogil:
    return a_step == 1 and a_row != 0 and n <= 4 * tile_columns(like)


cdef inline Py_ssize_t a_block(const floating* like, Py_ssize_t m, Py_ssize_t depth) noexcept nogil:
    """Rows of A per block: whole tiles."""
    cdef Py_ssize_t tiles = BLOCK_BYTES // (depth * tile_rows(like) * <Py_ssize_t> sizeof(floating))
    return min(m, max(tiles, 1) * tile_rows(like))


cdef inline Py_ssize_t packed_a_size(const floating* like, Py_ssize_t a_row, Py_ssize_t a_step, Py_ssize_t m, Py_ssize_t n,
                                     Py_ssize_t k) noexcept nogil:
    """Elements of workspace for A, whole cache lines."""
    cdef Py_ssize_t depth = k_block(like, k)
    return 0 if a_stays(like, a_row, a_step, n) else round_up(a_block(like, m, depth) * depth, 16)


cdef Py_ssize_t gemm_workspace(const floating* like, Py_ssize_t a_row, Py_ssize_t a_step, Py_ssize_t b_row,
                               Py_ssize_t b_column, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    """Elements ``gemm_serial`` needs; never less for a larger m or n."""
    cdef Py_ssize_t columns = tile_columns(like)
    if k == 0 or skinny(like, b_row, b_column, m):
        return 0
    if not b_stays(like, b_column, m):
        columns = round_up(min(n, <Py_ssize_t> NC), columns)
    return packed_a_size(like, a_row, a_step, m, n, k) + round_up(columns * k_block(like, k), 16)


cdef void rows_product(const floating* a, Py_ssize_t a_row, Py_ssize_t a_step, const floating* b, Py_ssize_t b_panel,
                       Py_ssize_t b_step, floating* c, Py_ssize_t c_row, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                       bint load, Py_ssize_t block, floating* work) noexcept nogil:
    """All rows of C against a prepared block of B, A packed ``block`` rows at a time unless it stays."""
    cdef Py_ssize_t i = 0, rows
    if a_stays(a, a_row, a_step, n):
        block_product(a, a_row, b, b_panel, b_step, c, c_row, m, n, k, load)
        return
    while i < m:
        rows = min(m - i, block)
        pack_a(a + i * a_row, a_row, a_step, rows, k, work)
        block_product(work, 0, b, b_panel, b_step, c + i * c_row, c_row, rows, n, k, load)
        i += rows


cdef void gemm_serial(floating* c, Py_ssize_t c_row, const floating* a, Py_ssize_t a_row, Py_ssize_t a_step,
                      const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                      bint accumulate, floating* work) noexcept nogil:
    """C = A @ B, or C += A @ B, with ``gemm_workspace`` elements of workspace. Rows of C are contiguous."""
    cdef Py_ssize_t i, j, p = 0, depth, most, block, width, whole = 0, columns = tile_columns(a)
    cdef floating* packed_b
    if n == 1 and c_row == 1:       # a column of C is a row of its transpose
        m, n, a, b = n, m, b, a
        a_row, a_step, b_row, b_column = b_column, b_row, a_step, a_row
    if not accumulate and (k == 0 or skinny(a, b_row, b_column, m)):
        for i in range(m):
            memset(c + i * c_row, 0, n * sizeof(floating))
    if k == 0:
        return
    if skinny(a, b_row, b_column, m):
        skinny_product(c, c_row, a, a_row, a_step, b, b_row, b_column, m, n, k)
        return
    if b_stays(a, b_column, m):
        whole = n // columns * columns
    packed_b = work + packed_a_size(a, a_row, a_step, m, n, k)
    most = k_block(a, k)
    block = a_block(a, m, most)
    while p < k:
        depth = min(k - p, most)
        j = whole
        if j > 0:
            rows_product(a + p * a_step, a_row, a_step, b + p * b_row, columns, b_row, c, c_row, m, whole, depth,
                         accumulate or p > 0, block, work)
        while j < n:
            width = min(n - j, <Py_ssize_t> NC)
            pack_b(b + p * b_row + j * b_column, b_row, b_column, depth, width, packed_b)
            rows_product(a + p * a_step, a_row, a_step, packed_b, columns * depth, columns, c + j, c_row, m, width, depth,
                         accumulate or p > 0, block, work)
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
                    const floating* b, Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                    bint accumulate, floating* work, Py_ssize_t index, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    """Cell ``index`` of a rows by columns grid over C."""
    cdef Py_ssize_t i = part(m, tile_rows(a), index // columns, rows)
    cdef Py_ssize_t j = part(n, tile_columns(a), index % columns, columns)
    m = part(m, tile_rows(a), index // columns + 1, rows) - i
    n = part(n, tile_columns(a), index % columns + 1, columns) - j
    gemm_serial(c + i * c_row + j, c_row, a + i * a_row, a_row, a_step, b + j * b_column, b_row, b_column, m, n, k,
                accumulate, work)


cdef bint gemm(floating* c, Py_ssize_t c_row, const floating* a, Py_ssize_t a_row, Py_ssize_t a_step, const floating* b,
               Py_ssize_t b_row, Py_ssize_t b_column, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, bint accumulate) noexcept nogil:
    """C = A @ B, or C += A @ B, for any strides of A and B; rows of C are contiguous. False when memory ran out."""
    cdef int threads = threads_for(2.0 * m * n * k, GEMM_GRAIN), t
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
