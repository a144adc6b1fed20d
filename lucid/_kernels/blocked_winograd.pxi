# 3x3 convolution with stride 1 of blocked images by Winograd's F(2x2, 3x3): winograd.pxi explains the algorithm and its
# error. Here the 16 channels of a block are the lanes of every transform, and the products of each of the 16 positions
# are those of a 1x1 convolution over the tiles, done by the register tile of blocked images.
#
# A task is a block of tiles: their transformed input stays in L2 while all weights pass by. As in winograd.pxi sums run
# over WINOGRAD_DEPTH channels at a time, and samples whose result is not finite throughout are computed again directly.

cdef extern from *:
    """
    /* v[16 positions] = B' d B of the 4x4 pixels x + at[4 * i + j], or zeros where at is negative. */
    static void lucid_blocked_input(const float *x, const Py_ssize_t *at, float *v, Py_ssize_t position) {
        for (int part = 0; part < 16; part += LUCID_BLOCK_LANES) {
            lucid_bv h[4][4];
            LUCID_UNROLL(4) for (int i = 0; i < 4; i++) {
                lucid_bv d[4];
                LUCID_UNROLL(4) for (int j = 0; j < 4; j++)
                    d[j] = lucid_bv_load((at[4 * i + j] < 0 ? lucid_no_pixel : x + at[4 * i + j]) + part);
                h[i][0] = lucid_bv_sub(d[0], d[2]);
                h[i][1] = lucid_bv_add(d[1], d[2]);
                h[i][2] = lucid_bv_sub(d[2], d[1]);
                h[i][3] = lucid_bv_sub(d[1], d[3]);
            }
            LUCID_UNROLL(4) for (int j = 0; j < 4; j++) {
                lucid_bv_store(v + j * position + part, lucid_bv_sub(h[0][j], h[2][j]));
                lucid_bv_store(v + (4 + j) * position + part, lucid_bv_add(h[1][j], h[2][j]));
                lucid_bv_store(v + (8 + j) * position + part, lucid_bv_sub(h[2][j], h[1][j]));
                lucid_bv_store(v + (12 + j) * position + part, lucid_bv_sub(h[1][j], h[3][j]));
            }
        }
    }

    /* The four pixels y[2 * i + j] of a tile, bias added; 0 times each of them goes to ``wild``: NaN unless all are finite. */
    static void lucid_blocked_output(const float *m, Py_ssize_t position, const float *bias, float *y, float *wild) {
        for (int part = 0; part < 16; part += LUCID_BLOCK_LANES) {
            const lucid_bv b = lucid_bv_load(bias + part), zero = lucid_bv_zero();
            lucid_bv z[2][4], w = lucid_bv_load(wild + part);
            LUCID_UNROLL(4) for (int j = 0; j < 4; j++) {
                const lucid_bv m0 = lucid_bv_load(m + j * position + part);
                const lucid_bv m1 = lucid_bv_load(m + (4 + j) * position + part);
                const lucid_bv m2 = lucid_bv_load(m + (8 + j) * position + part);
                const lucid_bv m3 = lucid_bv_load(m + (12 + j) * position + part);
                z[0][j] = lucid_bv_add(lucid_bv_add(m0, m2), m1);
                z[1][j] = lucid_bv_sub(m1, lucid_bv_add(m2, m3));
            }
            LUCID_UNROLL(2) for (int i = 0; i < 2; i++) {
                const lucid_bv p = lucid_bv_add(b, lucid_bv_add(lucid_bv_add(z[i][0], z[i][2]), z[i][1]));
                const lucid_bv q = lucid_bv_add(b, lucid_bv_sub(z[i][1], lucid_bv_add(z[i][2], z[i][3])));
                w = lucid_bv_madd(q, zero, lucid_bv_madd(p, zero, w));
                lucid_bv_store(y + 32 * i + part, p);
                lucid_bv_store(y + 32 * i + 16 + part, q);
            }
            lucid_bv_store(wild + part, w);
        }
    }
    """
    void blocked_input "lucid_blocked_input" (const float* x, const Py_ssize_t* at, float* v,
                                              Py_ssize_t position) noexcept nogil
    void blocked_output "lucid_blocked_output" (const float* m, Py_ssize_t position, const float* bias, float* y,
                                                float* wild) noexcept nogil

cdef enum:
    WINOGRAD_BYTES = 458752     # of transformed input that a block holds
    WINOGRAD_GROUP = 8          # tiles whose epilogue is done together
    WINOGRAD_LEAST = 32         # channels on either side
    WINOGRAD_SAMPLE = 32        # tiles of a sample: with fewer, reading the larger weights takes what products save
    WINOGRAD_SLOW = 16          # the same where products of eight lanes and this many channels take longer than that
    WINOGRAD_WIDE = 128
    WINOGRAD_CHAINED = 256      # channels whose chains are done in one call: their weights are half of L1


cdef struct BlockedWinograd:
    Dense g                                     # of the direct convolution
    Py_ssize_t tiles_y, tiles_x, tiles          # of a sample; of all
    Py_ssize_t blocks, most                     # of tiles; most tiles of one
    Py_ssize_t parts                            # of the blocks of channels: tasks are blocks by parts
    Py_ssize_t v_position, m_position           # floats between positions: an odd number of cache lines
    Py_ssize_t u_position, u_block
    const float* u


cdef bint blocked_winograd_fits(const Conv* v) noexcept nogil:
    """A dense 3x3 kernel with stride 1, and enough tiles of a sample and channels to repay the transforms."""
    cdef Py_ssize_t tiles = ceil_div(v.height, 2) * ceil_div(v.width, 2), least = WINOGRAD_SAMPLE
    if BLOCK_CHAINS and min(v.rows, v.channels) >= WINOGRAD_WIDE:
        least = WINOGRAD_SLOW
    return (winograd_on and v.kernel_y == v.kernel_x == 3 and v.stride_y == v.stride_x == 1
            and v.dilation_y == v.dilation_x == 1 and v.groups == 1 and min(v.rows, v.channels) >= WINOGRAD_LEAST
            and tiles >= least)


cdef void plan_blocked_winograd(BlockedWinograd* p) noexcept nogil:
    cdef Py_ssize_t most, unit = BLOCK_PIXELS if BLOCK_CHAINS else 1
    p.tiles_y, p.tiles_x = ceil_div(p.g.height, 2), ceil_div(p.g.width, 2)
    p.tiles = p.g.samples * p.tiles_y * p.tiles_x
    most = max(WINOGRAD_BYTES // (16 * CHANNELS * p.g.in_blocks * <Py_ssize_t> sizeof(float)),
               (4 if BLOCK_CHAINS else 2) * <Py_ssize_t> BLOCK_PIXELS)
    p.parts = 1
    # every block reads all weights; two threads, or four, should share the blocks evenly
    p.blocks = ceil_div(p.tiles, most)
    if p.blocks % 4 and p.blocks < 16:
        p.blocks = p.blocks + 1 if p.blocks % 2 else p.blocks
        if p.blocks % 4 and p.tiles >= (p.blocks + 2) * 2 * BLOCK_PIXELS:
            p.blocks += 2
    p.blocks = min(p.blocks, ceil_div(p.tiles, unit))
    p.g.several = 1 if BLOCK_CHAINS else BLOCK_PAIR
    if BLOCK_CHAINS and p.tiles <= most and not p.g.alone:
        # threads share the weights; each transforms the few tiles for itself
        p.blocks, p.parts = 1, min(p.g.blocks, <Py_ssize_t> 4)
    p.most = round_up(ceil_div(p.tiles, p.blocks), unit)
    p.v_position = p.g.in_blocks * p.most * CHANNELS | CHANNELS
    p.m_position = p.g.several * p.most * CHANNELS | CHANNELS
    p.u_block = ((p.g.in_blocks - 1) * CHANNELS + p.g.last_steps) * CHANNELS
    p.u_position = p.g.blocks * p.u_block


cdef Py_ssize_t blocked_winograd_work(const BlockedWinograd* p) noexcept nogil:
    """Floats of workspace per thread: input, output, three groups of tiles, offsets."""
    return (16 * (p.v_position + p.m_position) + 3 * WINOGRAD_GROUP * 4 * CHANNELS
            + 2 * WINOGRAD_GROUP * 16)


cdef void transform_weights(const float* w, Py_ssize_t blocks, Py_ssize_t channels, float* u) noexcept nogil:
    """u[position, block, channel] of weights packed as ``dense``."""
    cdef Py_ssize_t b, c, i, n, block = channels * CHANNELS
    cdef float transformed[16 * CHANNELS]
    for b in range(blocks):
        for c in range(channels):
            n = min(channels - c // CHANNELS * CHANNELS, <Py_ssize_t> CHANNELS)
            winograd_kernel(w + (b * channels + c // CHANNELS * CHANNELS) * 9 * CHANNELS + c % CHANNELS * CHANNELS,
                            3 * n * CHANNELS, n * CHANNELS, transformed)
            for i in range(16):
                memcpy(u + (i * blocks + b) * block + c * CHANNELS, transformed + i * CHANNELS, CHANNELS * sizeof(float))


cdef void blocked_winograd_input(const BlockedWinograd* p, const float* x, Py_ssize_t first, Py_ssize_t n,
                                 float* v) noexcept nogil:
    """v[position, block, i] of tiles first to first + n."""
    cdef const Dense* g = &p.g
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
            blocked_input(x + s * g.x_sample + b * g.x_block, at, v + (b * p.most + tile) * CHANNELS, p.v_position)
        tx += 1
        if tx == p.tiles_x:
            tx, ty = 0, ty + 1
            if ty == p.tiles_y:
                ty, s = 0, s + 1


cdef void note_wild(float* wild, uint8_t* bad) noexcept nogil:
    """A sample had a number that is not finite, if these are not zeros, which they become."""
    cdef Py_ssize_t i
    for i in range(CHANNELS):
        if wild[i] != 0:
            bad[0] = 1
        wild[i] = 0


cdef void blocked_winograd_output(const BlockedWinograd* p, const DenseData* d, const float* m, Py_ssize_t first,
                                  Py_ssize_t n, Py_ssize_t block, float* group, uint8_t* bad) noexcept nogil:
    """y of tiles first to first + n for one block of channels, WINOGRAD_GROUP at a time."""
    cdef const Dense* g = &p.g
    cdef float* spare = group + WINOGRAD_GROUP * 4 * CHANNELS
    cdef float* r = spare + WINOGRAD_GROUP * 4 * CHANNELS
    cdef float wild[CHANNELS]
    cdef Py_ssize_t tile = 0, several, i, e, s, ty, tx, wide, each = p.tiles_y * p.tiles_x
    cdef Py_ssize_t at[WINOGRAD_GROUP]
    cdef Py_ssize_t high[WINOGRAD_GROUP]
    cdef Py_ssize_t width[WINOGRAD_GROUP]
    cdef bint late = g.finish.late or g.finish.limits or d.residual != NULL
    cdef const float* done = group
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
                        memcpy(r + (4 * i + 2 * e) * CHANNELS, d.residual + at[i] + e * g.width * CHANNELS,
                               width[i] * CHANNELS * sizeof(float))
            done = finish_rows(&g.finish, group, spare, r if d.residual != NULL else NULL, several * 4 * CHANNELS)
        for i in range(several):
            for e in range(high[i]):
                if width[i] == 2:
                    memcpy(d.y + at[i] + e * g.width * CHANNELS, done + (4 * i + 2 * e) * CHANNELS,
                           2 * CHANNELS * sizeof(float))
                else:
                    memcpy(d.y + at[i] + e * g.width * CHANNELS, done + (4 * i + 2 * e) * CHANNELS,
                           CHANNELS * sizeof(float))
        tile += several
    if ty or tx:
        note_wild(wild, bad + s)


cdef void blocked_winograd_task(const BlockedWinograd* p, const DenseData* d, uint8_t* bad, float* work,
                                Py_ssize_t task) noexcept nogil:
    """One block of tiles, for some blocks of channels."""
    cdef const Dense* g = &p.g
    cdef Py_ssize_t unit = BLOCK_PIXELS if BLOCK_CHAINS else 1, index = task % p.parts
    cdef Py_ssize_t first = part(p.tiles, unit, task // p.parts, p.blocks)
    cdef Py_ssize_t n = part(p.tiles, unit, task // p.parts + 1, p.blocks) - first
    cdef Py_ssize_t block = part(g.blocks, 1, index, p.parts), end = part(g.blocks, 1, index + 1, p.parts), several
    cdef Py_ssize_t position, i, pixels, c, at, depth = WINOGRAD_DEPTH // CHANNELS
    cdef Py_ssize_t pieces = ceil_div(n, <Py_ssize_t> BLOCK_PIXELS)
    cdef float* v = work
    cdef float* m = v + 16 * p.v_position
    cdef float zeros[CHANNELS]
    cdef BlockTile t
    memset(zeros, 0, sizeof(zeros))
    blocked_winograd_input(p, d.x, first, n, v)
    t.x_block, t.x_row, t.x_tap, t.x_pixel = p.most * CHANNELS, 0, 0, CHANNELS
    t.rows = t.taps = t.right = t.height = 1
    t.y = t.y_step = t.left = 0
    t.steps, t.last, t.last_steps = CHANNELS, g.in_blocks - 1, g.last_steps
    t.residual, t.limits, t.at, t.lines, t.ahead_block = NULL, 0, NULL, 0, p.u_block
    if 4 * 16 * p.u_position > FETCH_BYTES:
        t.lines = ceil_div(CHANNELS, pieces)
    t.w_block, t.to_pixel, t.to_block = p.u_block, CHANNELS, p.most * CHANNELS
    t.chain = depth
    if BLOCK_CHAINS:
        depth = WINOGRAD_CHAINED // CHANNELS
    while block < end:
        several = min(end - block, g.several)
        for position in range(16):
            # each tile fetches its share of the weights of the next position
            t.ahead = p.u + (position + 1) * p.u_position + block * p.u_block
            if position == 15:
                t.ahead = p.u + (block + several) * p.u_block
            for i in range(pieces):
                at = n * i // pieces
                pixels = n * (i + 1) // pieces - at
                t.x = v + position * p.v_position + at * CHANNELS
                t.to = m + position * p.m_position + at * CHANNELS
                t.base, t.base_pixel, t.base_block = zeros, 0, 0
                c = 0
                while c < g.in_blocks:
                    t.first, t.end = c, min(c + depth, g.in_blocks)
                    t.w = p.u + position * p.u_position + block * p.u_block + c * CHANNELS * CHANNELS
                    if BLOCK_CHAINS:
                        tile_chained(&t, pixels)
                    else:
                        tile_block(&t, pixels, several)
                    t.ahead += t.lines * CHANNELS * (t.end - t.first)
                    t.base, t.base_pixel, t.base_block = t.to, CHANNELS, t.to_block
                    c = t.end
        for i in range(several):
            blocked_winograd_output(p, d, m + i * p.most * CHANNELS, first, n, block + i, m + 16 * p.m_position, bad)
        block += several


cdef void blocked_winograd_repair(const BlockedWinograd* p, const DenseData* d, uint8_t* bad, float* work,
                                  Py_ssize_t sample) noexcept nogil:
    """One sample again by the direct path, if its result was not finite."""
    cdef Py_ssize_t each = p.g.height * p.g.tiles
    if bad[sample]:
        bad[sample] = 0
        dense_band(&p.g, d, sample * each, (sample + 1) * each, 0, p.g.blocks, work)
