# Depthwise convolution of blocked images: 16 channels in the lanes, a tile is some pixels of one row.
#
# Every column of the image is loaded once per row of taps and used for all pixels of the tile that it reaches; the weights
# of the row stay in registers. Rows of taps above or below the image are left out, columns beside it are zeros. A result
# is one chain of multiply-adds from the bias, row by row, whichever tile computes it.
#
# Groups of 2, 4 or 8 channels are done the same way: each lane adds up the channels of its group, one after the other.

cdef extern from *:
    """
    #if defined(__AVX512F__)
    #define LUCID_DEPTH_PIXELS 14
    #elif defined(__AVX2__)
    #define LUCID_DEPTH_PIXELS 7
    #else
    #define LUCID_DEPTH_PIXELS 4
    #endif

    typedef struct {
        const float *x;                                 /* the first column at the first row of taps of the first row */
        Py_ssize_t x_line, x_row, x_tap, x_pixel;       /* floats between rows of y, rows of taps, taps, pixels */
        Py_ssize_t rows, taps;
        Py_ssize_t y, y_line, y_step, height;           /* image row of the first row of taps; between rows of y, of taps */
        Py_ssize_t column, tap_step, pixel_step, width; /* image column of x, between taps, between pixels, of the image */
        const float *w, *bias;
        float *to;
        Py_ssize_t lines, to_line;                      /* rows of y, floats between them */
        const float *residual;                          /* as ``to`` lies, or NULL */
        int limits;
        float low, high;
        int each;                                       /* channels of a group, for ``lucid_group_pixels`` */
    } lucid_depth_tile;

    LUCID_ALWAYS void lucid_depth_end(const lucid_depth_tile *t, const int P, Py_ssize_t at, lucid_bv *acc) {
        if (t->residual)
            LUCID_UNROLL(16) for (int p = 0; p < P; p++)
                acc[p] = lucid_bv_add(acc[p], lucid_bv_load(t->residual + at + p * 16));
        if (t->limits) {
            const lucid_bv low = lucid_bv_all(t->low), high = lucid_bv_all(t->high);
            LUCID_UNROLL(16) for (int p = 0; p < P; p++)
                acc[p] = lucid_bv_lower(lucid_bv_raise(acc[p], low), high);
        }
        LUCID_UNROLL(16) for (int p = 0; p < P; p++)
            lucid_bv_store(t->to + at + p * 16, acc[p]);
    }

    /* Inlined with P pixels, K taps and the stride S constant; ``edge``: up to K - 1 columns on either side may lie beside
       the image. */
    LUCID_ALWAYS void lucid_depth_pixels(const lucid_depth_tile *t, const int P, const int K, const int S,
                                         const int edge) {
        const int columns = (P - 1) * S + K;
        for (int part = 0; part < 16; part += LUCID_BLOCK_LANES) {
            const lucid_bv bias = lucid_bv_load(t->bias + part);
            for (Py_ssize_t line = 0; line < t->lines; line++) {
                lucid_bv acc[LUCID_DEPTH_PIXELS], w[7];
                LUCID_UNROLL(16) for (int p = 0; p < P; p++)
                    acc[p] = bias;
                for (Py_ssize_t r = 0; r < t->rows; r++) {
                    const Py_ssize_t y = t->y + line * t->y_line + r * t->y_step;
                    const float *x = t->x + line * t->x_line + r * t->x_row + part;
                    if (y < 0 || y >= t->height)
                        continue;
                    LUCID_UNROLL(8) for (int k = 0; k < K; k++)
                        w[k] = lucid_bv_load(t->w + (r * K + k) * 16 + part);
                    LUCID_UNROLL(40) for (int j = 0; j < columns; j++) {
                        const float *column = x + j * 16;
                        if (edge && (j < K - 1 || j > columns - K))
                            column = (size_t) (t->column + j) < (size_t) t->width ? column : lucid_no_pixel;
                        const lucid_bv v = lucid_bv_load(column);
                        LUCID_UNROLL(16) for (int p = 0; p < P; p++)
                            if (j >= p * S && j < p * S + K)
                                acc[p] = lucid_bv_madd(w[j - p * S], v, acc[p]);
                    }
                }
                lucid_depth_end(t, P, line * t->to_line + part, acc);
            }
        }
    }

    /* Any kernel, stride, dilation and padding. */
    LUCID_ALWAYS void lucid_depth_any(const lucid_depth_tile *t, const int P) {
        for (int part = 0; part < 16; part += LUCID_BLOCK_LANES)
            for (Py_ssize_t line = 0; line < t->lines; line++) {
                lucid_bv acc[LUCID_DEPTH_PIXELS];
                LUCID_UNROLL(16) for (int p = 0; p < P; p++)
                    acc[p] = lucid_bv_load(t->bias + part);
                for (Py_ssize_t r = 0; r < t->rows; r++) {
                    const Py_ssize_t y = t->y + line * t->y_line + r * t->y_step;
                    if (y < 0 || y >= t->height)
                        continue;
                    for (Py_ssize_t k = 0; k < t->taps; k++) {
                        const lucid_bv w = lucid_bv_load(t->w + (r * t->taps + k) * 16 + part);
                        const float *x = t->x + line * t->x_line + r * t->x_row + k * t->x_tap + part;
                        const Py_ssize_t column = t->column + k * t->tap_step;
                        LUCID_UNROLL(16) for (int p = 0; p < P; p++) {
                            const int inside = (size_t) (column + p * t->pixel_step) < (size_t) t->width;
                            const lucid_bv v = lucid_bv_load(inside ? x + p * t->x_pixel : lucid_no_pixel);
                            acc[p] = lucid_bv_madd(w, v, acc[p]);
                        }
                    }
                }
                lucid_depth_end(t, P, line * t->to_line + part, acc);
            }
    }

    /* Channel j of each group of E, in all lanes of the group: from the channels of a pixel, for the lanes from ``part`` on. */
    LUCID_ALWAYS lucid_bv lucid_group_lanes(const float *x, const int E, const int j, const int part) {
        if (E >= LUCID_BLOCK_LANES)
            return lucid_bv_all(x[part / E * E + j]);
    #if defined(__GNUC__) && !defined(__clang__)
        lucid_bi lanes;
        LUCID_UNROLL(16) for (int i = 0; i < LUCID_BLOCK_LANES; i++)
            lanes[i] = i / E * E + j;
        return __builtin_shuffle(lucid_bv_load(x + part), lanes);
    #else
        float v[LUCID_BLOCK_LANES];
        for (int i = 0; i < LUCID_BLOCK_LANES; i++)
            v[i] = x[part + i / E * E + j];
        return lucid_bv_load(v);
    #endif
    }

    /* Groups of E channels, any kernel, stride, dilation and padding. */
    LUCID_ALWAYS void lucid_group_pixels(const lucid_depth_tile *t, const int P, const int E) {
        LUCID_UNROLL(4) for (int part = 0; part < 16; part += LUCID_BLOCK_LANES)
            for (Py_ssize_t line = 0; line < t->lines; line++) {
                lucid_bv acc[LUCID_DEPTH_PIXELS];
                LUCID_UNROLL(16) for (int p = 0; p < P; p++)
                    acc[p] = lucid_bv_load(t->bias + part);
                for (Py_ssize_t r = 0; r < t->rows; r++) {
                    const Py_ssize_t y = t->y + line * t->y_line + r * t->y_step;
                    if (y < 0 || y >= t->height)
                        continue;
                    for (Py_ssize_t k = 0; k < t->taps; k++) {
                        const float *w = t->w + (r * t->taps + k) * E * 16 + part;
                        const float *x = t->x + line * t->x_line + r * t->x_row + k * t->x_tap;
                        const Py_ssize_t column = t->column + k * t->tap_step;
                        LUCID_UNROLL(16) for (int p = 0; p < P; p++) {
                            const int inside = (size_t) (column + p * t->pixel_step) < (size_t) t->width;
                            const float *pixel = inside ? x + p * t->x_pixel : lucid_no_pixel;
                            LUCID_UNROLL(8) for (int j = 0; j < E; j++)
                                acc[p] = lucid_bv_madd(lucid_bv_load(w + j * 16), lucid_group_lanes(pixel, E, j, part),
                                                       acc[p]);
                        }
                    }
                }
                lucid_depth_end(t, P, line * t->to_line + part, acc);
            }
    }

    #define LUCID_GROUP_OF(P) static void lucid_group_##P(const lucid_depth_tile *t) { \
            if (t->each == 2) lucid_group_pixels(t, P, 2); \
            else if (t->each == 4) lucid_group_pixels(t, P, 4); \
            else lucid_group_pixels(t, P, 8); \
        }

    #define LUCID_DEPTH_OF(P, K, S) \
        static void lucid_depth_##P##_##K##_##S(const lucid_depth_tile *t) { lucid_depth_pixels(t, P, K, S, 0); } \
        static void lucid_depth_edge_##P##_##K##_##S(const lucid_depth_tile *t) { lucid_depth_pixels(t, P, K, S, 1); }
    #define LUCID_DEPTHS(P) LUCID_DEPTH_OF(P, 3, 1) LUCID_DEPTH_OF(P, 3, 2) LUCID_DEPTH_OF(P, 5, 1) \
        LUCID_DEPTH_OF(P, 5, 2) LUCID_DEPTH_OF(P, 7, 1) LUCID_DEPTH_OF(P, 7, 2) \
        static void lucid_depth_any_##P(const lucid_depth_tile *t) { lucid_depth_any(t, P); } LUCID_GROUP_OF(P)
    #define LUCID_DEPTH_NAMES(P) { \
        {lucid_depth_##P##_3_1, lucid_depth_edge_##P##_3_1}, {lucid_depth_##P##_3_2, lucid_depth_edge_##P##_3_2}, \
        {lucid_depth_##P##_5_1, lucid_depth_edge_##P##_5_1}, {lucid_depth_##P##_5_2, lucid_depth_edge_##P##_5_2}, \
        {lucid_depth_##P##_7_1, lucid_depth_edge_##P##_7_1}, {lucid_depth_##P##_7_2, lucid_depth_edge_##P##_7_2}, \
        {lucid_depth_any_##P, lucid_depth_any_##P}, {lucid_group_##P, lucid_group_##P}}
    LUCID_DEPTHS(1)
    LUCID_DEPTHS(2)
    LUCID_DEPTHS(4)
    #if LUCID_DEPTH_PIXELS >= 7
    LUCID_DEPTHS(7)
    #endif
    #if LUCID_DEPTH_PIXELS >= 14
    LUCID_DEPTHS(14)
    #endif

    /* ``kind``: 0 to 5 for kernels 3, 5, 7 with strides 1, 2, 6 for others, or 7 for groups. Returns the pixels done, at most ``pixels``. */
    static Py_ssize_t lucid_depth_tile_of(const lucid_depth_tile *t, Py_ssize_t pixels, int kind, Py_ssize_t reach) {
        static void (*const tiles[][8][2])(const lucid_depth_tile *) = {
            LUCID_DEPTH_NAMES(1), LUCID_DEPTH_NAMES(2), LUCID_DEPTH_NAMES(4),
    #if LUCID_DEPTH_PIXELS >= 7
            LUCID_DEPTH_NAMES(7),
    #endif
    #if LUCID_DEPTH_PIXELS >= 14
            LUCID_DEPTH_NAMES(14),
    #endif
        };
        static const int sizes[] = {1, 2, 4, 7, 14};
        int i = LUCID_DEPTH_PIXELS == 14 ? 4 : LUCID_DEPTH_PIXELS == 7 ? 3 : 2;
        while (sizes[i] > pixels)
            i--;
        const Py_ssize_t last = t->column + (sizes[i] - 1) * t->pixel_step + reach;
        tiles[i][kind][t->column < 0 || last >= t->width](t);
        return sizes[i];
    }
    """
    ctypedef struct DepthTile "lucid_depth_tile":
        const float* x
        Py_ssize_t x_line, x_row, x_tap, x_pixel, rows, taps, y, y_line, y_step, height
        Py_ssize_t column, tap_step, pixel_step, width
        const float* w
        const float* bias
        float* to
        Py_ssize_t lines, to_line
        const float* residual
        int limits
        float low, high
        int each
    Py_ssize_t depth_tile "lucid_depth_tile_of" (const DepthTile* t, Py_ssize_t pixels, int kind,
                                                 Py_ssize_t reach) noexcept nogil

cdef enum:
    DEPTH_TASK = 400000         # multiply-adds worth a task
    DEPTH_LINES = 8192          # floats of output done before their epilogue
    DEPTH_PIECE = 1024          # floats of an epilogue


cdef struct Depth:
    Py_ssize_t planes, blocks, height, width, x_height, x_width     # planes: blocks of all samples
    Py_ssize_t rows, taps, stride_y, stride_x, dilation_y, dilation_x, top, left
    Py_ssize_t tasks, each      # channels of a group
    int kind
    Finish finish


cdef Py_ssize_t even_tasks(Py_ssize_t n, double wanted) noexcept nogil:
    """About as many tasks as wanted for n equal pieces: at most MOST_TASKS, and shared evenly by two threads or four."""
    cdef Py_ssize_t tasks = <Py_ssize_t> min(wanted, <double> MOST_TASKS)
    return max(1, min(n, tasks if tasks < 2 else round_up(tasks, 4)))


cdef void plan_blocked_depthwise(Depth* g) noexcept nogil:
    """``each`` is 1 where it was left 0."""
    cdef double work = 16.0 * g.planes * g.height * g.width * g.rows * g.taps * max(g.each, 1)
    cdef Py_ssize_t beyond = (g.width - 1) * g.stride_x - g.left + (g.taps - 1) * g.dilation_x - (g.x_width - 1)
    g.each = max(g.each, 1)
    g.kind = 6 if g.each == 1 else 7
    if (g.each == 1 and g.dilation_x == 1 and g.stride_x <= 2 and (g.taps == 3 or g.taps == 5 or g.taps == 7)
            and g.left < g.taps and beyond < g.taps):
        g.kind = <int> (g.taps - 3 + g.stride_x - 1)
    g.tasks = even_tasks(g.planes * g.height, work / DEPTH_TASK)
    g.finish.late = g.finish.kernel != NULL or g.finish.first
    if not g.finish.limits & 1:
        g.finish.low = <float> -cmath.INFINITY
    if not g.finish.limits & 2:
        g.finish.high = <float> cmath.INFINITY


cdef void depth_lines(const Depth* g, const DenseData* d, Py_ssize_t row, Py_ssize_t lines) noexcept nogil:
    """Some rows of one plane."""
    cdef Py_ssize_t plane = row // g.height, y = row % g.height, block = plane % g.blocks, i = 0
    cdef DepthTile t
    t.x_row, t.x_tap, t.x_pixel = g.dilation_y * g.x_width * CHANNELS, g.dilation_x * CHANNELS, g.stride_x * CHANNELS
    t.x_line, t.y_line, t.to_line = g.stride_y * g.x_width * CHANNELS, g.stride_y, g.width * CHANNELS
    t.rows, t.taps, t.y_step, t.height = g.rows, g.taps, g.dilation_y, g.x_height
    t.tap_step, t.pixel_step, t.width = g.dilation_x, g.stride_x, g.x_width
    t.limits, t.low, t.high = 0 if g.finish.late else g.finish.limits & 3, g.finish.low, g.finish.high
    t.w, t.bias, t.each = d.w + block * g.rows * g.taps * g.each * CHANNELS, d.bias + block * CHANNELS, <int> g.each
    t.y, t.lines, t.residual = y * g.stride_y - g.top, lines, NULL
    while i < g.width:
        t.column = i * g.stride_x - g.left
        t.x = d.x + ((plane * g.x_height + t.y) * g.x_width + t.column) * CHANNELS
        t.to = d.y + (row * g.width + i) * CHANNELS
        if d.residual != NULL and not g.finish.late:
            t.residual = d.residual + (t.to - d.y)
        i += depth_tile(&t, g.width - i, g.kind, (g.taps - 1) * g.dilation_x)


cdef void depth_task(const Depth* g, const DenseData* d, float* work, Py_ssize_t task) noexcept nogil:
    """Rows of output, counted through all planes."""
    cdef Py_ssize_t row = part(g.planes * g.height, 1, task, g.tasks), end = part(g.planes * g.height, 1, task + 1, g.tasks)
    cdef Py_ssize_t lines, i, n, stop, most = max(DEPTH_LINES // (g.width * CHANNELS), 1)
    while row < end:
        lines = min(min(end - row, g.height - row % g.height), most)
        depth_lines(g, d, row, lines)
        if g.finish.limits & FORMULAS and not g.finish.late:
            block_finish(d.y + row * g.width * CHANNELS, NULL, lines * g.width * CHANNELS, 0, 0, g.finish.limits)
        if g.finish.late:
            i, stop = row * g.width * CHANNELS, (row + lines) * g.width * CHANNELS
            while i < stop:
                n = min(stop - i, <Py_ssize_t> DEPTH_PIECE)
                memcpy(work, d.y + i, n * sizeof(float))
                if d.residual != NULL:
                    memcpy(work + 2 * DEPTH_PIECE, d.residual + i, n * sizeof(float))
                memcpy(d.y + i, finish_rows(&g.finish, work, work + DEPTH_PIECE,
                                            work + 2 * DEPTH_PIECE if d.residual != NULL else NULL, n), n * sizeof(float))
                i += n
        row += lines
