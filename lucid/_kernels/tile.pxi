# What every matrix product is made of: the micro-kernel, the tiles it covers C with, and the packing of its operands.
#
# The k axis is cut into equal blocks of at most K_STEPS. In a block, an element of C is one chain
# sum = madd(a[i, k], b[k, j], sum) over ascending k from zero; the sums of the blocks are added in ascending order, to
# the bias if there is one. Every path keeps to this, so the bits of an element depend on its row of A and its column of
# B alone: not on the other extents of the product, the thread count, or which path computed it. The rounding error of
# k terms grows as sqrt(k * K_STEPS), where that of one chain grows as k.

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

    /* A tile is MR rows of NR lanes. Its accumulators fill the vector registers but for a row of B and an element of
       A, in shapes that GCC keeps in registers: it unrolls loops of up to 16 before it would vectorise them. */
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
    #define LUCID_MR64 1
    #define LUCID_NR64 20
    #endif
    #define LUCID_TILE (LUCID_MR32 * LUCID_NR32)

    /* A square of as many floats as a vector holds, transposed in registers: with v the rows, one round makes
       v[2i], v[2i + 1] the lower and upper half of v[i] interleaved with v[i + half]; log2 rounds transpose. */
    #if defined(__AVX512F__)
    #define LUCID_SQUARE 16
    #elif defined(__AVX__)
    #define LUCID_SQUARE 8
    #else
    #define LUCID_SQUARE 4
    #endif
    #if defined(__GNUC__)
    typedef float lucid_row __attribute__((vector_size(4 * LUCID_SQUARE)));
    typedef int32_t lucid_lanes __attribute__((vector_size(4 * LUCID_SQUARE)));
    #if LUCID_SQUARE == 16
    #define LUCID_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
    #define LUCID_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
    #elif LUCID_SQUARE == 8
    #define LUCID_LOW 0, 8, 1, 9, 2, 10, 3, 11
    #define LUCID_HIGH 4, 12, 5, 13, 6, 14, 7, 15
    #else
    #define LUCID_LOW 0, 4, 1, 5
    #define LUCID_HIGH 2, 6, 3, 7
    #endif
    #if defined(__clang__)
    #define LUCID_ZIP(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
    #else
    #define LUCID_ZIP(x, y, ...) __builtin_shuffle(x, y, (lucid_lanes) {__VA_ARGS__})
    #endif
    static inline void lucid_zip_rows(const lucid_row *v, lucid_row *u) {
        for (int i = 0; i < LUCID_SQUARE / 2; i++) {
            u[2 * i] = LUCID_ZIP(v[i], v[i + LUCID_SQUARE / 2], LUCID_LOW);
            u[2 * i + 1] = LUCID_ZIP(v[i], v[i + LUCID_SQUARE / 2], LUCID_HIGH);
        }
    }
    static inline void lucid_transpose_square(const float *x, Py_ssize_t x_row, int rows, float *out,
                                              Py_ssize_t out_row) {
        lucid_row v[LUCID_SQUARE], u[LUCID_SQUARE];
        for (int i = 0; i < LUCID_SQUARE; i++)
            memcpy(&v[i], x + (i < rows ? i : rows - 1) * x_row, sizeof v[i]);
        lucid_zip_rows(v, u);
        lucid_zip_rows(u, v);
    #if LUCID_SQUARE == 16
        lucid_zip_rows(v, u);
        lucid_zip_rows(u, v);
    #elif LUCID_SQUARE == 8
        lucid_zip_rows(v, u);
        memcpy(v, u, sizeof v);
    #endif
        for (int i = 0; i < LUCID_SQUARE; i++)
            memcpy(out + i * out_row, &v[i], sizeof v[i]);
    }
    #else
    static inline void lucid_transpose_square(const float *x, Py_ssize_t x_row, int rows, float *out,
                                              Py_ssize_t out_row) {
        for (int j = 0; j < LUCID_SQUARE; j++)
            for (int i = 0; i < LUCID_SQUARE; i++)
                out[j * out_row + i] = x[(i < rows ? i : rows - 1) * x_row + j];
    }
    #endif

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
    """
    float madd32 "lucid_maddf" (float a, float b, float c) noexcept nogil
    double madd64 "lucid_madd" (double a, double b, double c) noexcept nogil
    void store_pair "lucid_store_pair" (float* out, float x, float y) noexcept nogil
    void transpose_square "lucid_transpose_square" (const float* x, Py_ssize_t x_row, int rows, float* out,
                                                    Py_ssize_t out_row) noexcept nogil
    cdef enum:
        MR32 "LUCID_MR32"
        NR32 "LUCID_NR32"
        MR64 "LUCID_MR64"
        NR64 "LUCID_NR64"
        TILE "LUCID_TILE"       # elements of the larger tile
        SQUARE "LUCID_SQUARE"   # floats in a vector


cdef enum:
    K_STEPS = 256               # most steps of k in a block


cdef inline void* workspace(size_t size) noexcept nogil:
    """``size`` bytes aligned to a cache line, or NULL. Taken once per call: threads share it out."""
    return aligned_malloc(size)


cdef inline void release(void* p) noexcept nogil:
    aligned_free(p)


cdef inline floating madd(floating a, floating b, floating c) noexcept nogil:
    """a * b + c, rounded once where the CPU can."""
    if floating is float:
        return madd32(a, b, c)
    else:
        return madd64(a, b, c)


cdef inline Py_ssize_t k_block(const floating* like, Py_ssize_t k) noexcept nogil:
    """Steps of k per block: as equal as they can be. A panel of B of K_STEPS floats, or half of doubles, stays in L1."""
    cdef Py_ssize_t most = K_STEPS if floating is float else K_STEPS // 2
    cdef Py_ssize_t blocks = (k + most - 1) // most
    return (k + blocks - 1) // blocks if blocks > 1 else k


cdef inline int tile_rows(const floating* like) noexcept nogil:
    return MR32 if floating is float else MR64


cdef inline int tile_columns(const floating* like) noexcept nogil:
    return NR32 if floating is float else NR64


cdef inline Py_ssize_t round_up(Py_ssize_t n, Py_ssize_t multiple) noexcept nogil:
    return (n + multiple - 1) // multiple * multiple


# Micro-kernel

cdef inline void tile(int rows, const floating* a, Py_ssize_t a_row, Py_ssize_t a_step, const floating* b,
                      Py_ssize_t b_step, floating* c, Py_ssize_t c_row, Py_ssize_t k, bint load) noexcept nogil:
    """``rows`` by NR elements of C, which ``load`` adds to. Inlined with ``rows`` a constant: ``acc`` is registers."""
    cdef floating acc[TILE]
    cdef floating x
    cdef Py_ssize_t p
    cdef int i, j, columns = tile_columns(a)
    for i in range(rows * columns):
        acc[i] = 0
    for p in range(k):
        for i in range(rows):
            x = a[i * a_row]
            for j in range(columns):
                acc[i * columns + j] = madd(x, b[j], acc[i * columns + j])
        a += a_step
        b += b_step
    if load:
        for i in range(rows):
            for j in range(columns):
                c[i * c_row + j] += acc[i * columns + j]
    else:
        for i in range(rows):
            for j in range(columns):
                c[i * c_row + j] = acc[i * columns + j]


cdef inline int tile_height(const floating* like, Py_ssize_t rows) noexcept nogil:
    """The tallest tile there is a kernel for with at most ``rows`` rows."""
    if rows >= tile_rows(like):
        return tile_rows(like)
    return 8 if rows >= 8 else (4 if rows >= 4 else (2 if rows >= 2 else 1))


cdef void packed_tile(int rows, const floating* a, const floating* b, Py_ssize_t b_step, floating* c,
                      Py_ssize_t c_row, Py_ssize_t k, bint load) noexcept nogil:
    """A as ``pack_a`` lays it out."""
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
    """A in place, its rows contiguous."""
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

cdef inline void copy_row(const floating* x, floating* out, Py_ssize_t n) noexcept nogil:
    """memcpy without the call, which for rows of a few pixels costs more than the copy; the last pieces overlap."""
    cdef Py_ssize_t i = 0
    if n >= 16:
        while i + 16 < n:
            memcpy(out + i, x + i, 16 * sizeof(floating))
            i += 16
        memcpy(out + n - 16, x + n - 16, 16 * sizeof(floating))
    elif n >= 8:
        memcpy(out, x, 8 * sizeof(floating))
        memcpy(out + n - 8, x + n - 8, 8 * sizeof(floating))
    elif n >= 4:
        memcpy(out, x, 4 * sizeof(floating))
        memcpy(out + n - 4, x + n - 4, 4 * sizeof(floating))
    else:
        for i in range(n):
            out[i] = x[i]


cdef inline void transpose_rows(const float* x, Py_ssize_t x_row, Py_ssize_t rows, float* out,
                                Py_ssize_t out_row) noexcept nogil:
    """SQUARE columns of at most as many rows, nothing written beside them."""
    cdef float square[SQUARE * SQUARE]
    cdef Py_ssize_t j
    if rows == SQUARE:
        transpose_square(x, x_row, SQUARE, out, out_row)
        return
    transpose_square(x, x_row, <int> rows, square, SQUARE)
    for j in range(SQUARE):
        copy_row(square + j * SQUARE, out + j * out_row, rows)


cdef void transpose_slowly(const floating* x, Py_ssize_t x_row, Py_ssize_t rows, Py_ssize_t columns, floating* out,
                           Py_ssize_t out_row) noexcept nogil:
    """Pairs of floats are stored as one word: stores are what this waits for."""
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


cdef void transpose(const floating* x, Py_ssize_t x_row, Py_ssize_t rows, Py_ssize_t columns, floating* out,
                    Py_ssize_t out_row) noexcept nogil:
    """out[j, i] = x[i, j]."""
    cdef Py_ssize_t i = 0, j, high = 0, wide = 0
    if floating is float:
        wide = columns // SQUARE * SQUARE
        high = rows // SQUARE * SQUARE
        if 2 * (rows - high) >= SQUARE:
            high = rows
        while i < high:
            for j in range(wide // SQUARE):
                transpose_rows(x + i * x_row + j * SQUARE, x_row, min(high - i, <Py_ssize_t> SQUARE),
                               out + j * SQUARE * out_row + i, out_row)
            i += SQUARE
    transpose_slowly(x + wide, x_row, high, columns - wide, out + wide * out_row, out_row)
    transpose_slowly(x + high * x_row, x_row, rows - high, columns, out + high, out_row)


cdef void pack_a(const floating* a, Py_ssize_t a_row, Py_ssize_t a_step, Py_ssize_t m, Py_ssize_t k,
                 floating* out) noexcept nogil:
    """Tiles one under another, each k-major: out[i0 * k + p * height + r] = a[i0 + r, p]."""
    cdef Py_ssize_t i = 0, p, r
    cdef int rows
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
    cdef Py_ssize_t j = 0, columns = tile_columns(b)
    while j < n:
        pack_panel(b + j * b_column, b_row, b_column, k, min(n - j, columns), out + j * k)
        j += columns
