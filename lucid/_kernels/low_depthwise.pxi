# Depthwise convolution of blocked images in bfloat16 or bytes: 16 channels in the lanes, a tile is some pixels of one row.
#
# Products are those of neighbouring columns: two bfloat16, or four bytes, of one channel, which a permutation of the
# pixels' memory brings together and one instruction multiplies with two, or four, weights of a row of taps. In bfloat16
# the last two pairs of a row overlap, and the tap that they share is halved in both: nothing beside the taps is read, so
# an infinity there cannot spoil a sum. Sums of bytes are exact; a column too many meets a weight of zero.
#
# Kernels that have no such tile are done in float32: some rows at a time are widened in L2, go through the kernels of
# blocked_depthwise.pxi with float32 weights, and are narrowed again.

cdef extern from *:
    """
    typedef struct {
        const char *x;                                  /* the first column at the first row of taps; may lie beside the image */
        Py_ssize_t x_line, x_row;                       /* bytes between rows of y, rows of taps */
        Py_ssize_t rows, y, y_line, y_step, height;     /* of taps; image row of the first, between rows of y, of taps */
        Py_ssize_t column, width;                       /* image column of x, of the image */
        const char *w;                                  /* [row][group][16][2 bfloat16 or 4 bytes] */
        const int32_t *start;                           /* what sums of bytes start from */
        int zero;                                       /* the byte of columns beside the image */
        void *to;                                       /* [line][pixel][16] */
        Py_ssize_t lines, to_line;                      /* rows of y, numbers between them */
    } lucid_low_depth;

    /* Groups of a row of K taps, and the first tap of one. */
    #define LUCID_LOW_GROUPS(kind, K) ((kind) == 1 ? ((K) + 1) / 2 : ((K) + 3) / 4)
    #define LUCID_LOW_FIRST(kind, K, q) \
        ((kind) == 1 ? ((q) == ((K) + 1) / 2 - 1 ? (K) - 2 : 2 * (q)) : 4 * (q))

    #if LUCID_LOW
    /* Word i of a pixel beside word i of the next one; byte i of four pixels side by side: from a register of pixels, and
       where they begin at pixel r of it, from the next one too. */
    LUCID_ALWAYS __m512i lucid_low_order_bfloat(int r) {
        uint16_t order[32];
        for (int i = 0; i < 32; i++)
            order[i] = (uint16_t) (16 * (r + i % 2) + i / 2);
        return _mm512_loadu_si512(order);
    }
    LUCID_ALWAYS __m512i lucid_low_order_byte(int r) {
        uint8_t order[64];
        for (int i = 0; i < 64; i++)
            order[i] = (uint8_t) (16 * (r + i % 4) + i / 4);
        return _mm512_loadu_si512(order);
    }

    /* Inlined with P pixels, K taps and the stride S constant; ``edge``: columns may lie beside the image, any of them (2)
       or as many as a border of K / 2 has (1): a load with a mask costs three times a plain one. Pairs are loaded
       where they begin. Of fours, most would cross cache lines: registers of them are loaded one after the other, and
       what begins within one takes from two. ``apart``: columns between loads. */
    #define LUCID_LOW_DEPTH_OF(T, E, kind, vector, each, apart, first) \
    LUCID_LOW_FOR(E) LUCID_ALWAYS void lucid_low_depth_##T(const lucid_low_depth *t, const int P, const int K, const int S, \
                                                           const int edge) { \
        const int columns = (P - 1) * S + K, Q = LUCID_LOW_GROUPS(kind, K), lanes = 16 / each; \
        const __m512i fill = _mm512_set1_epi8((char) t->zero); \
        __m512i order[4]; \
        uint16_t inside[40]; \
        LUCID_UNROLL(4) for (int r = 0; r < apart; r++) \
            order[r] = lucid_low_order_##T(r); \
        if (edge) \
            for (int j = 0; j < columns; j += apart) { \
                const Py_ssize_t c = t->column + j, most = columns - j < each ? columns - j : each; \
                const Py_ssize_t end = t->width - c < most ? t->width - c : most; \
                const unsigned all = end > 0 ? (1u << lanes * end) - 1 : 0; \
                inside[j / apart] = (uint16_t) (c >= 0 ? all : c > -each ? all >> lanes * -c << lanes * -c : 0); \
            } \
        for (Py_ssize_t line = 0; line < t->lines; line++) { \
            char *to = (char *) t->to + 4 * line * t->to_line; \
            vector acc[LUCID_LOW_PIXELS]; \
            LUCID_UNROLL(16) for (int p = 0; p < P; p++) \
                acc[p] = first; \
            for (Py_ssize_t r = 0; r < t->rows; r++) { \
                const Py_ssize_t y = t->y + line * t->y_line + r * t->y_step; \
                const char *x = t->x + line * t->x_line + r * t->x_row; \
                __m512i w[4], a = fill, b = fill; \
                if ((size_t) y >= (size_t) t->height && (kind == 1 || !t->zero)) \
                    continue; \
                LUCID_UNROLL(4) for (int q = 0; q < Q; q++) \
                    w[q] = _mm512_loadu_si512(t->w + 64 * (r * Q + q)); \
                if ((size_t) y >= (size_t) t->height) { \
                    LUCID_UNROLL(16) for (int p = 0; p < P; p++) \
                        LUCID_UNROLL(4) for (int q = 0; q < Q; q++) \
                            acc[p] = LUCID_DOT_##T(acc[p], w[q], fill); \
                    continue; \
                } \
                if (apart > 1) \
                    b = LUCID_LOW_FETCH_(0, each, apart, columns, edge); \
                LUCID_UNROLL(40) for (int j = 0; j < columns; j++) { \
                    int used = 0; \
                    LUCID_UNROLL(16) for (int p = 0; p < P; p++) \
                        LUCID_UNROLL(4) for (int q = 0; q < Q; q++) \
                            used |= p * S + LUCID_LOW_FIRST(kind, K, q) == j; \
                    if (apart > 1 && j % apart == 0) { \
                        a = b; \
                        if (j + apart < columns) \
                            b = LUCID_LOW_FETCH_(j + apart, each, apart, columns, edge); \
                    } \
                    if (!used) \
                        continue; \
                    if (apart == 1) \
                        a = LUCID_LOW_FETCH_(j, each, apart, columns, edge); \
                    const __m512i v = j % apart ? LUCID_LOW_MIX(a, order[j % apart], b) : LUCID_LOW_ORDER_##T(order[0], a); \
                    LUCID_UNROLL(16) for (int p = 0; p < P; p++) \
                        LUCID_UNROLL(4) for (int q = 0; q < Q; q++) \
                            if (p * S + LUCID_LOW_FIRST(kind, K, q) == j) \
                                acc[p] = LUCID_DOT_##T(acc[p], w[q], v); \
                } \
            } \
            LUCID_UNROLL(16) for (int p = 0; p < P; p++) \
                memcpy(to + 64 * p, &acc[p], 64); \
        } \
    }
    /* The register that begins at a column: those of the tile, and of the image. */
    #define LUCID_LOW_FETCH_(j, each, apart, columns, edge) \
        (edge > 1 || (edge && ((j) < K / 2 || (j) + each > columns - K / 2)) \
         ? _mm512_mask_loadu_epi32(fill, inside[(j) / apart], x + (j) * (64 / each)) \
         : columns - (j) < each ? _mm512_maskz_loadu_epi32((__mmask16) ((1u << lanes * (columns - (j))) - 1), \
                                                           x + (j) * (64 / each)) \
                                : _mm512_loadu_si512(x + (j) * (64 / each)))
    #define LUCID_LOW_ORDER_bfloat(order, a) _mm512_permutexvar_epi16(order, a)
    #define LUCID_LOW_ORDER_byte(order, a) _mm512_permutexvar_epi8(order, a)
    #define LUCID_LOW_MIX(a, order, b) a
    LUCID_LOW_DEPTH_OF(bfloat, "avx512bf16", 1, __m512, 2, 1, _mm512_setzero_ps())
    #undef LUCID_LOW_MIX
    #define LUCID_LOW_MIX(a, order, b) _mm512_permutex2var_epi8(a, order, b)
    LUCID_LOW_DEPTH_OF(byte, "avx512vnni,avx512vbmi", 2, __m512i, 4, 4, _mm512_loadu_si512(t->start))
    #undef LUCID_LOW_MIX

    #define LUCID_LOW_DEPTH(T, E, P, K, S, edge) \
        LUCID_LOW_FOR(E) static void lucid_low_depth_##T##_##P##_##K##_##S##_##edge(const lucid_low_depth *t) { \
            lucid_low_depth_##T(t, P, K, S, edge); \
        }
    #define LUCID_LOW_DEPTH_2(T, E, P, K, S) LUCID_LOW_DEPTH(T, E, P, K, S, 0) LUCID_LOW_DEPTH(T, E, P, K, S, 1)
    #define LUCID_LOW_DEPTHS(T, E, K, S) LUCID_LOW_DEPTH(T, E, 1, K, S, 2) LUCID_LOW_DEPTH(T, E, 2, K, S, 2) \
        LUCID_LOW_DEPTH(T, E, 4, K, S, 2) LUCID_LOW_DEPTH_2(T, E, 7, K, S) LUCID_LOW_DEPTH_2(T, E, 14, K, S)
    #define LUCID_LOW_DEPTH_NAMES(T, K, S) { \
        {lucid_low_depth_##T##_1_##K##_##S##_2, lucid_low_depth_##T##_1_##K##_##S##_2}, \
        {lucid_low_depth_##T##_2_##K##_##S##_2, lucid_low_depth_##T##_2_##K##_##S##_2}, \
        {lucid_low_depth_##T##_4_##K##_##S##_2, lucid_low_depth_##T##_4_##K##_##S##_2}, \
        {lucid_low_depth_##T##_7_##K##_##S##_0, lucid_low_depth_##T##_7_##K##_##S##_1}, \
        {lucid_low_depth_##T##_14_##K##_##S##_0, lucid_low_depth_##T##_14_##K##_##S##_1}}
    #define LUCID_LOW_DEPTH_ALL(T, E) \
        LUCID_LOW_DEPTHS(T, E, 3, 1) LUCID_LOW_DEPTHS(T, E, 3, 2) LUCID_LOW_DEPTHS(T, E, 5, 1) \
        LUCID_LOW_DEPTHS(T, E, 5, 2) LUCID_LOW_DEPTHS(T, E, 7, 1) LUCID_LOW_DEPTHS(T, E, 7, 2) \
        static void lucid_low_depth_run_##T(const lucid_low_depth *t, int kind, int i, int edge) { \
            static void (*const tiles[6][5][2])(const lucid_low_depth *) = { \
                LUCID_LOW_DEPTH_NAMES(T, 3, 1), LUCID_LOW_DEPTH_NAMES(T, 3, 2), LUCID_LOW_DEPTH_NAMES(T, 5, 1), \
                LUCID_LOW_DEPTH_NAMES(T, 5, 2), LUCID_LOW_DEPTH_NAMES(T, 7, 1), LUCID_LOW_DEPTH_NAMES(T, 7, 2)}; \
            tiles[kind][i][edge](t); \
        }
    LUCID_LOW_DEPTH_ALL(bfloat, "avx512bf16")
    LUCID_LOW_DEPTH_ALL(byte, "avx512vnni,avx512vbmi")
    #endif

    /* Bytes without the instructions. */
    static void lucid_low_depth_loops(const lucid_low_depth *t, Py_ssize_t pixels, int K, int S) {
        const int Q = LUCID_LOW_GROUPS(2, K);
        for (Py_ssize_t line = 0; line < t->lines; line++)
            for (Py_ssize_t p = 0; p < pixels; p++) {
                int32_t *sum = (int32_t *) t->to + line * t->to_line + 16 * p;
                memcpy(sum, t->start, 64);
                for (Py_ssize_t r = 0; r < t->rows; r++) {
                    const Py_ssize_t y = t->y + line * t->y_line + r * t->y_step;
                    for (int k = 0; k < K; k++) {
                        const Py_ssize_t column = p * S + k;
                        const int inside = (size_t) y < (size_t) t->height
                                           && (size_t) (t->column + column) < (size_t) t->width;
                        const uint8_t *x = (const uint8_t *) t->x + line * t->x_line + r * t->x_row + 16 * column;
                        const int8_t *w = (const int8_t *) t->w + 64 * (r * Q + k / 4) + k % 4;
                        for (int l = 0; l < 16; l++)
                            sum[l] += (inside ? (int32_t) x[l] : t->zero) * w[4 * l];
                    }
                }
            }
    }

    static int lucid_low_depth_native(int kind) {
    #if LUCID_LOW
        return lucid_low_has(kind) && (kind == 1 || __builtin_cpu_supports("avx512vbmi"));
    #else
        (void) kind;
        return 0;
    #endif
    }

    /* ``kernel``: 0 to 5 for kernels 3, 5, 7 with strides 1, 2. Returns the pixels done, at most ``pixels``. */
    static Py_ssize_t lucid_low_depth_run(const lucid_low_depth *t, int kind, int native, int kernel, Py_ssize_t pixels) {
        const int K = kernel / 2 * 2 + 3, S = kernel % 2 + 1;
    #if LUCID_LOW
        static const int sizes[] = {1, 2, 4, 7, 14};
        int i = 4;
        while (sizes[i] > pixels || (i > 2 && (t->column < -(K / 2) || t->column + (sizes[i] - 1) * S + K > t->width + K / 2)))
            i--;
        const int edge = t->column < 0 || t->column + (sizes[i] - 1) * S + K > t->width;
        if (native) {
            if (kind == 1)
                lucid_low_depth_run_bfloat(t, kernel, i, edge);
            else
                lucid_low_depth_run_byte(t, kernel, i, edge);
            return sizes[i];
        }
    #endif
        (void) kind;
        (void) native;
        lucid_low_depth_loops(t, pixels, K, S);
        return pixels;
    }
    """
    ctypedef struct LowDepthTile "lucid_low_depth":
        const char* x
        Py_ssize_t x_line, x_row, rows, y, y_line, y_step, height, column, width
        const char* w
        const int32_t* start
        int zero
        void* to
        Py_ssize_t lines, to_line
    bint low_depth_native "lucid_low_depth_native" (int kind) nogil
    Py_ssize_t low_depth_run "lucid_low_depth_run" (const LowDepthTile* t, int kind, int native, int kernel,
                                                    Py_ssize_t pixels) noexcept nogil

cdef enum:
    LOW_STAGE = 24576           # floats of input that a task widens at a time
    LOW_SUMS = 4096             # sums that wait for their epilogue
    LOW_DEPTH_TASK = 100000     # multiply-adds worth a task: a microsecond


cdef struct LowDepth:
    Depth g
    LowForm x, y, r
    Py_ssize_t lines            # rows of output at a time
    Py_ssize_t stage, out       # floats of either
    bint direct                 # products of few bits; else the rest has no meaning
    int native
    Py_ssize_t w_block          # bytes


cdef struct LowDepthData:
    const char* x
    const char* w
    const int32_t* start
    const float* scale
    const float* bias
    const char* residual
    char* y


cdef int low_taps(Py_ssize_t kind, Py_ssize_t taps) noexcept nogil:
    """Groups of a row of taps."""
    return <int> (ceil_div(taps, 2) if kind == LOW_BFLOAT else ceil_div(taps, 4))


def pack_low_depthwise(weight) -> PackedLow:
    """Pack the bits of bfloat16 (uint16) or int8 weights (C, 1, kh, kw), kw being 3, 5 or 7, of a depthwise convolution.

    The order is [C / 16][kh][group][16 channels][2 or 4 taps].
    """
    if (not isinstance(weight, np.ndarray) or weight.ndim != 4 or weight.dtype not in (np.uint16, np.int8)
            or weight.shape[1] != 1 or weight.shape[3] not in (3, 5, 7) or not weight.size):
        got = f"{weight.dtype} {weight.shape}" if isinstance(weight, np.ndarray) else type(weight).__name__
        raise TypeError(f"pack_low_depthwise: expected a uint16 or int8 weight (C, 1, kh, 3, 5 or 7), got {got}")
    c, _, ky, k = weight.shape
    each = 4 // weight.dtype.itemsize
    groups = low_taps(LOW_BFLOAT if each == 2 else LOW_BYTE, k)
    w = np.zeros((round_up(c, CHANNELS), ky, groups * each), weight.dtype)
    if each == 4:
        w[:c, :, :k] = weight[:, 0]
    else:
        shared = np.ldexp((weight[:, 0, :, k - 2].astype(np.uint32) << 16).view(np.float32), -1)
        shared = round_bfloat16(np.ascontiguousarray(shared))
        w[:c, :, :k - 2] = weight[:, 0, :, :k - 2]
        w[:c, :, k - 2] = w[:c, :, k - 1] = shared
        w[:c, :, k] = weight[:, 0, :, k - 1]
    w = w.reshape(-1, CHANNELS, ky, groups, each).transpose(0, 2, 3, 1, 4)
    return PackedLow(np.ascontiguousarray(w).reshape(-1), weight.shape, c, "low_depthwise")


cdef void plan_low_depthwise(LowDepth* s, bint residual) noexcept nogil:
    cdef Depth* g = &s.g
    cdef Py_ssize_t reach = (g.rows - 1) * g.dilation_y + 1, line = g.x_width * CHANNELS
    plan_blocked_depthwise(g)
    if s.direct:
        g.finish.late = g.finish.late or (not LOW_FORMULAS and g.finish.limits & FORMULAS)
        s.lines = max(1, min(g.height, LOW_SUMS // (g.width * CHANNELS)))
        s.stage, s.out = 0, s.lines * g.width * CHANNELS
        g.tasks = even_tasks(g.planes * g.height, 16.0 * g.planes * g.height * g.width * g.rows * g.taps / LOW_DEPTH_TASK)
        return
    g.finish.late = g.finish.late or residual
    s.lines = max(1, min(g.height, (LOW_STAGE // line - reach) // g.stride_y + 1))
    s.stage = ((s.lines - 1) * g.stride_y + reach) * line
    s.out = s.lines * g.width * CHANNELS


cdef Py_ssize_t low_depth_work(const LowDepth* s) noexcept nogil:
    return s.stage + s.out + 2 * DEPTH_PIECE + 3 * LANES


cdef void low_depth_sums(const LowDepth* s, const LowDepthData* d, Py_ssize_t row, Py_ssize_t lines, float* sums) noexcept nogil:
    """Some rows of one plane."""
    cdef const Depth* g = &s.g
    cdef Py_ssize_t plane = row // g.height, block = plane % g.blocks, size = CHANNELS * low_size(s.x.kind), i = 0
    cdef LowDepthTile t
    t.x_row, t.x_line = g.dilation_y * g.x_width * size, g.stride_y * g.x_width * size
    t.rows, t.y_step, t.y_line, t.height, t.width = g.rows, g.dilation_y, g.stride_y, g.x_height, g.x_width
    t.w, t.start = d.w + block * s.w_block, d.start + block * CHANNELS if d.start != NULL else NULL
    t.zero, t.lines, t.to_line = <int> s.x.zero, lines, g.width * CHANNELS
    t.y = row % g.height * g.stride_y - g.top
    while i < g.width:
        t.column = i * g.stride_x - g.left
        t.x = d.x + ((plane * g.x_height + t.y) * g.x_width + t.column) * size
        t.to = sums + i * CHANNELS
        i += low_depth_run(&t, s.x.kind, s.native, g.kind, g.width - i)


cdef void low_depth_end(const LowDepth* s, const LowDepthData* d, Py_ssize_t row, Py_ssize_t lines, float* sums,
                        float* spare) noexcept nogil:
    """Their results."""
    cdef const Depth* g = &s.g
    cdef Py_ssize_t block = row // g.height % g.blocks, at = row * g.width * CHANNELS, n = lines * g.width * CHANNELS
    cdef Py_ssize_t i, some
    cdef float* r = spare + DEPTH_PIECE + LANES
    cdef const float* done
    cdef LowForm plain
    cdef LowEnd e
    memset(&plain, 0, sizeof(plain))
    e.integers, e.native, e.scale, e.bias = s.x.kind == LOW_BYTE, s.native, d.scale, d.bias + block * CHANNELS
    if e.integers:
        e.scale += block * CHANNELS
    e.to_pixel, e.to_block, e.low, e.high = CHANNELS, n, g.finish.low, g.finish.high
    e.r, e.y, e.limits, e.residual, e.to = plain, plain, 0, NULL, <char*> sums
    if not g.finish.late:
        e.r, e.y, e.limits, e.to = s.r, s.y, g.finish.limits, d.y + low_size(s.y.kind) * at
        if d.residual != NULL:
            e.residual = d.residual + low_size(s.r.kind) * at
    low_finish(&e, sums, lines * g.width, 1)
    if not g.finish.late:
        return
    i = 0
    while i < n:
        some = min(n - i, <Py_ssize_t> DEPTH_PIECE)
        if d.residual != NULL:
            low_convert(&s.r, d.residual + low_size(s.r.kind) * (at + i), &plain, <char*> r, NULL, some // CHANNELS)
        done = finish_rows(&g.finish, sums + i, spare, r if d.residual != NULL else NULL, some)
        low_convert(&plain, <const char*> done, &s.y, d.y + low_size(s.y.kind) * (at + i), NULL, some // CHANNELS)
        i += some


cdef void low_depth_rows(const LowDepth* s, const LowDepthData* d, float* work, Py_ssize_t row, Py_ssize_t end) noexcept nogil:
    """Rows of output, counted through all planes: products of few bits."""
    cdef Py_ssize_t lines
    while row < end:
        lines = min(min(end - row, s.g.height - row % s.g.height), s.lines)
        low_depth_sums(s, d, row, lines, work)
        low_depth_end(s, d, row, lines, work, work + s.out + LANES)
        row += lines


cdef void low_depth_task(const LowDepth* s, const LowDepthData* data, float* work, Py_ssize_t task) noexcept nogil:
    """Rows of output, counted through all planes."""
    cdef const Depth* g = &s.g
    cdef Py_ssize_t row = part(g.planes * g.height, 1, task, g.tasks), end = part(g.planes * g.height, 1, task + 1, g.tasks)
    cdef Py_ssize_t lines, lo, hi, at, i, n, top, line = g.x_width * CHANNELS
    cdef float* out = work + s.stage
    cdef float* spare = out + s.out + LANES
    cdef float* r = spare + DEPTH_PIECE + LANES
    cdef const float* done
    cdef LowForm plain
    cdef DenseData d
    if s.direct:
        low_depth_rows(s, data, work, row, end)
        return
    memset(&plain, 0, sizeof(plain))
    d.w, d.bias, d.residual, d.scale = <const float*> data.w, data.bias, NULL, NULL
    while row < end:
        lines = min(min(end - row, g.height - row % g.height), s.lines)
        top = row % g.height * g.stride_y - g.top
        lo, hi = max(top, 0), min(top + (lines - 1) * g.stride_y + (g.rows - 1) * g.dilation_y + 1, g.x_height)
        at = row // g.height * g.x_height * line
        if s.x.kind == LOW_FLOAT:
            d.x = <const float*> data.x
        else:
            d.x = work - (at + lo * line)
            if hi > lo:
                low_convert(&s.x, data.x + low_size(s.x.kind) * (at + lo * line), &plain, <char*> work, NULL,
                            (hi - lo) * g.x_width)
        at, n = row * g.width * CHANNELS, lines * g.width * CHANNELS
        d.y = out - at
        depth_lines(g, &d, row, lines)
        if not g.finish.late:
            if g.finish.limits & FORMULAS:
                block_finish(out, NULL, n, 0, 0, g.finish.limits)
            low_convert(&plain, <const char*> out, &s.y, data.y + low_size(s.y.kind) * at, NULL, n // CHANNELS)
        else:
            i, hi = at, at + n
            while i < hi:
                n = min(hi - i, <Py_ssize_t> DEPTH_PIECE)
                if data.residual != NULL:
                    low_convert(&s.r, data.residual + low_size(s.r.kind) * i, &plain, <char*> r, NULL, n // CHANNELS)
                done = finish_rows(&g.finish, out + (i - at), spare, r if data.residual != NULL else NULL, n)
                low_convert(&plain, <const char*> done, &s.y, data.y + low_size(s.y.kind) * i, NULL, n // CHANNELS)
                i += n
        row += lines
