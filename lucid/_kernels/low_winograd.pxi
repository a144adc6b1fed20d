# 3x3 convolution with stride 1 in bfloat16 by Winograd's F(2x2, 3x3): as blocked_winograd.pxi has it, but the transformed
# input and weights are rounded to bfloat16 and multiplied in pairs. Both transforms compute in float32.

cdef extern from *:
    """
    #if LUCID_LOW
    /* v[16 positions] = B' d B of the 4x4 pixels x + at[4 * i + j] of bfloat16, or zeros where at is negative. */
    LUCID_LOW_FOR("avx512bf16") static void lucid_low_input(const uint16_t *x, const Py_ssize_t *at, uint16_t *v,
                                                            Py_ssize_t position) {
        const lucid_low_form bfloat = {1, 1, 0, 1, 0};
        __m512 h[4][4];
        LUCID_UNROLL(4) for (int i = 0; i < 4; i++) {
            __m512 d[4];
            LUCID_UNROLL(4) for (int j = 0; j < 4; j++)
                d[j] = at[4 * i + j] < 0 ? _mm512_setzero_ps() : lucid_low_load(&bfloat, (const char *) (x + at[4 * i + j]));
            h[i][0] = _mm512_sub_ps(d[0], d[2]);
            h[i][1] = _mm512_add_ps(d[1], d[2]);
            h[i][2] = _mm512_sub_ps(d[2], d[1]);
            h[i][3] = _mm512_sub_ps(d[1], d[3]);
        }
        LUCID_UNROLL(4) for (int j = 0; j < 4; j++) {
            const __m512 r[4] = {_mm512_sub_ps(h[0][j], h[2][j]), _mm512_add_ps(h[1][j], h[2][j]),
                                 _mm512_sub_ps(h[2][j], h[1][j]), _mm512_sub_ps(h[1][j], h[3][j])};
            LUCID_UNROLL(4) for (int i = 0; i < 4; i++)
                _mm256_storeu_si256((__m256i *) (v + (4 * i + j) * position), (__m256i) _mm512_cvtneps_pbh(r[i]));
        }
    }
    #else
    static void lucid_low_input(const uint16_t *x, const Py_ssize_t *at, uint16_t *v, Py_ssize_t position) {
        (void) x, (void) at, (void) v, (void) position;             /* there are no products of bfloat16 either */
    }
    #endif

    static uint16_t lucid_low_round(float x) {
        const uint32_t u = (uint32_t) lucid_i32(x);
        return (uint16_t) ((u & 0x7fffffffu) > 0x7f800000u ? (u >> 16) | 0x40u : (u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
    }

    /* u[16 positions] = G w G' of n kernels w[9 taps][n]. */
    static void lucid_low_kernels(const uint16_t *w, Py_ssize_t n, uint16_t *u, Py_ssize_t position) {
        for (Py_ssize_t e = 0; e < n; e++) {
            float g[4][3];
            for (int j = 0; j < 3; j++) {
                const float a = lucid_f32((int32_t) ((uint32_t) w[j * n + e] << 16));
                const float b = lucid_f32((int32_t) ((uint32_t) w[(3 + j) * n + e] << 16));
                const float c = lucid_f32((int32_t) ((uint32_t) w[(6 + j) * n + e] << 16));
                g[0][j] = a;
                g[1][j] = 0.5f * ((a + c) + b);
                g[2][j] = 0.5f * ((a + c) - b);
                g[3][j] = c;
            }
            for (int i = 0; i < 4; i++) {
                const float a = g[i][0], b = g[i][1], c = g[i][2];
                u[(4 * i) * position + e] = lucid_low_round(a);
                u[(4 * i + 1) * position + e] = lucid_low_round(0.5f * ((a + c) + b));
                u[(4 * i + 2) * position + e] = lucid_low_round(0.5f * ((a + c) - b));
                u[(4 * i + 3) * position + e] = lucid_low_round(c);
            }
        }
    }
    """
    void low_input "lucid_low_input" (const uint16_t* x, const Py_ssize_t* at, uint16_t* v,
                                      Py_ssize_t position) noexcept nogil
    void low_kernels "lucid_low_kernels" (const uint16_t* w, Py_ssize_t n, uint16_t* u, Py_ssize_t position) noexcept nogil


cdef struct LowWinograd:
    Low s                                       # of the direct convolution
    Py_ssize_t tiles_y, tiles_x, tiles          # of a sample; of all
    Py_ssize_t blocks, most                     # of tiles; most tiles of one
    Py_ssize_t v_position, m_position           # numbers between positions: an odd number of cache lines
    Py_ssize_t u_position, u_block              # numbers
    const uint16_t* u


cdef void plan_low_winograd(LowWinograd* p) noexcept nogil:
    cdef const Dense* g = &p.s.g
    cdef Py_ssize_t most
    p.tiles_y, p.tiles_x = ceil_div(g.height, 2), ceil_div(g.width, 2)
    p.tiles = g.samples * p.tiles_y * p.tiles_x
    most = max(WINOGRAD_BYTES // (16 * CHANNELS * g.in_blocks * <Py_ssize_t> sizeof(uint16_t)), 2 * LOW_PIXELS)
    most = min(most, 16 * LOW_PIXELS)
    # every block reads all weights; two threads, or four, should share the blocks evenly
    p.blocks = ceil_div(p.tiles, most)
    p.blocks = min(round_up(p.blocks, 4) if p.blocks < 16 else p.blocks, max(1, p.tiles // LOW_PIXELS))
    if p.blocks > 1:
        p.blocks = round_up(p.blocks, 2) if p.blocks < 16 else p.blocks
    p.blocks = min(p.blocks, p.tiles)
    if g.alone:
        p.blocks = ceil_div(p.tiles, most)
    p.most = ceil_div(p.tiles, p.blocks)
    p.v_position = g.in_blocks * p.most * CHANNELS | 2 * CHANNELS
    p.m_position = LOW_PAIR * p.most * CHANNELS | CHANNELS
    p.u_block = p.s.w_block // 9 // 2
    p.u_position = g.blocks * p.u_block


cdef Py_ssize_t low_winograd_work(const LowWinograd* p) noexcept nogil:
    """Floats of workspace per thread: input, output, three groups of tiles."""
    return max(8 * p.v_position + 16 * p.m_position + 3 * WINOGRAD_GROUP * 4 * CHANNELS, 3 * LOW_TILE)


cdef cnp.ndarray low_winograd_weights(PackedLow packed):
    """Weights of a dense 3x3 kernel as [position][rows / 16][channels / 16][step][16 rows][2]."""
    cdef Py_ssize_t blocks = ceil_div(<Py_ssize_t> packed.shape[0], CHANNELS), channels = packed.shape[1], b, c, n, at
    cdef Py_ssize_t each = cnp.PyArray_SIZE(packed.data) // 9 // blocks, position = each * blocks
    cdef cnp.ndarray u = np.empty(16 * position, np.uint16)
    cdef const uint16_t* w = <const uint16_t*> cnp.PyArray_DATA(packed.data)
    for b in range(blocks):
        at = b * each
        for c in range(0, channels, CHANNELS):
            n = ceil_div(min(channels - c, <Py_ssize_t> CHANNELS), 2) * 2 * CHANNELS
            low_kernels(w + 9 * at, n, <uint16_t*> cnp.PyArray_DATA(u) + at, position)
            at += n
    return u


cdef void low_winograd_input(const LowWinograd* p, const uint16_t* x, Py_ssize_t first, Py_ssize_t n,
                             uint16_t* v) noexcept nogil:
    """v[position, block, i] of tiles first to first + n."""
    cdef const Dense* g = &p.s.g
    cdef Py_ssize_t at[16]
    cdef Py_ssize_t tile, i, j, b, y, x0, each = p.tiles_y * p.tiles_x
    cdef Py_ssize_t s = first // each, ty = first % each // p.tiles_x, tx = first % p.tiles_x
    for tile in range(n):
        y, x0 = 2 * ty - g.top, 2 * tx - g.left
        for i in range(4):
            for j in range(4):
                at[4 * i + j] = (y + i) * g.x_line + (x0 + j) * CHANNELS
                if y + i < 0 or y + i >= g.x_height or x0 + j < 0 or x0 + j >= g.x_width:
                    at[4 * i + j] = -1
        for b in range(g.in_blocks):
            low_input(x + s * g.x_sample + b * g.x_block, at, v + (b * p.most + tile) * CHANNELS, p.v_position)
        tx += 1
        if tx == p.tiles_x:
            tx, ty = 0, ty + 1
            if ty == p.tiles_y:
                ty, s = 0, s + 1


cdef void low_winograd_output(const LowWinograd* p, const LowData* d, const float* m, Py_ssize_t first, Py_ssize_t n,
                              Py_ssize_t block, float* group, uint8_t* bad) noexcept nogil:
    """y of tiles first to first + n for one block of channels, WINOGRAD_GROUP at a time."""
    cdef const Dense* g = &p.s.g
    cdef float* spare = group + WINOGRAD_GROUP * 4 * CHANNELS
    cdef float* r = spare + WINOGRAD_GROUP * 4 * CHANNELS
    cdef float wild[CHANNELS]
    cdef Py_ssize_t tile = 0, several, i, e, s, ty, tx, each = p.tiles_y * p.tiles_x
    cdef Py_ssize_t r_size = low_size(p.s.r.kind), y_size = low_size(p.s.y.kind)
    cdef Py_ssize_t at[WINOGRAD_GROUP]
    cdef Py_ssize_t high[WINOGRAD_GROUP]
    cdef Py_ssize_t width[WINOGRAD_GROUP]
    cdef bint late = p.s.late or g.finish.limits or d.residual != NULL
    cdef const float* done = group
    cdef LowForm plain
    memset(&plain, 0, sizeof(plain))
    s = first // each
    ty, tx = first % each // p.tiles_x, first % p.tiles_x
    memset(wild, 0, sizeof(wild))
    while tile < n:
        several = min(n - tile, <Py_ssize_t> WINOGRAD_GROUP)
        for i in range(several):
            blocked_output(m + (tile + i) * CHANNELS, p.m_position, d.bias + block * CHANNELS, group + 4 * CHANNELS * i, wild)
            at[i] = s * g.y_sample + block * g.y_block + (2 * ty * g.width + 2 * tx) * CHANNELS
            high[i], width[i] = min(g.height - 2 * ty, <Py_ssize_t> 2), min(g.width - 2 * tx, <Py_ssize_t> 2)
            tx += 1
            if tx == p.tiles_x:
                tx, ty = 0, ty + 1
                if ty == p.tiles_y:
                    note_wild(wild, bad + s)
                    ty, s = 0, s + 1
        if late:
            if d.residual != NULL:
                for i in range(several):
                    for e in range(high[i]):
                        low_convert(&p.s.r, d.residual + r_size * (at[i] + e * g.width * CHANNELS), &plain,
                                    <char*> (r + (4 * i + 2 * e) * CHANNELS), NULL, width[i])
            done = finish_rows(&g.finish, group, spare, r if d.residual != NULL else NULL, several * 4 * CHANNELS)
        for i in range(several):
            for e in range(high[i]):
                low_convert(&plain, <const char*> (done + (4 * i + 2 * e) * CHANNELS), &p.s.y,
                            d.y + y_size * (at[i] + e * g.width * CHANNELS), NULL, width[i])
        tile += several
    if ty or tx:
        note_wild(wild, bad + s)


cdef void low_winograd_task(const LowWinograd* p, const LowData* d, uint8_t* bad, float* work,
                            Py_ssize_t task) noexcept nogil:
    """One block of tiles."""
    cdef const Dense* g = &p.s.g
    cdef Py_ssize_t first = part(p.tiles, 1, task, p.blocks), n = part(p.tiles, 1, task + 1, p.blocks) - first
    cdef Py_ssize_t block = 0, several, position, i, at, pieces = ceil_div(n, <Py_ssize_t> LOW_PIXELS)
    cdef uint16_t* v = <uint16_t*> work
    cdef float* m = work + 8 * p.v_position
    cdef LowTile t
    memset(&t, 0, sizeof(t))
    low_winograd_input(p, <const uint16_t*> d.x, first, n, v)
    t.x_block, t.x_pixel = 2 * p.most * CHANNELS, 2 * CHANNELS
    t.blocks, t.groups, t.last_groups = g.in_blocks, p.s.groups, p.s.last_groups
    t.rows = t.taps = t.right = t.height = 1
    t.none, t.w_block, t.to_block = p.s.none, 2 * p.u_block, p.most * CHANNELS * <Py_ssize_t> sizeof(float)
    if 2 * 16 * p.u_position > FETCH_BYTES:
        t.lines = ceil_div(LOW_PAIR * p.s.groups, pieces)
    while block < g.blocks:
        several = min(g.blocks - block, <Py_ssize_t> LOW_PAIR)
        for position in range(16):
            # each tile fetches its share of the weights of the next position
            t.ahead = <const char*> (p.u + (position + 1) * p.u_position + block * p.u_block)
            if position == 15:
                t.ahead = <const char*> (p.u + (block + several) * p.u_block)
            t.w = <const char*> (p.u + position * p.u_position + block * p.u_block)
            for i in range(pieces):
                at = n * i // pieces
                t.x = <const char*> (v + position * p.v_position + at * CHANNELS)
                t.to = m + position * p.m_position + at * CHANNELS
                low_run(&t, LOW_BFLOAT, True, n * (i + 1) // pieces - at, several)
                t.ahead += 64 * t.lines * g.in_blocks
        for i in range(several):
            low_winograd_output(p, d, m + i * p.most * CHANNELS, first, n, block + i, m + 16 * p.m_position, bad)
        block += several


cdef void low_winograd_repair(const LowWinograd* p, const LowData* d, uint8_t* bad, float* work,
                              Py_ssize_t sample) noexcept nogil:
    """One sample again by the direct path, if its result was not finite."""
    cdef Py_ssize_t each = p.s.g.height * p.s.g.tiles
    if bad[sample]:
        bad[sample] = 0
        low_band(&p.s, d, sample * each, (sample + 1) * each, 0, p.s.g.blocks, work)
