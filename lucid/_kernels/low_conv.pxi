# Convolutions of blocked images in bfloat16 or bytes, and products as convolutions of one row of pixels.
#
# A task is a band of tiles (pixels, through the samples) by some blocks of output channels; it goes block pair by block
# pair and tile by tile. A tile sums all of k in registers and its epilogue follows while the sums are in L1, so nothing
# waits in y, which may have few bits as well. How the work is cut into tasks changes no result.

cdef enum:
    LOW_NONE = 2048                                 # bytes of zeros beside an image
    LOW_TILE = LOW_PAIR * CHANNELS * CHANNELS       # numbers of a tile's buffers


cdef class PackedLow:
    """Weights (rows, channels of a group, kernel_y, kernel_x) in bfloat16 (their bits) or int8.

    The order is [rows / 16][channels / 16][kernel_y][kernel_x][step][16 rows][2 bfloat16 or 4 bytes]; the last block of
    channels holds only the steps there are, channels and rows that there are not are zero.
    """
    cdef readonly cnp.ndarray data
    cdef readonly tuple shape
    cdef readonly Py_ssize_t groups
    cdef readonly str kind                  # "low", or "low_depthwise" as pack_low_depthwise orders them
    cdef cnp.ndarray transformed            # bfloat16 for Winograd's algorithm, made when a plan first asks

    def __init__(self, cnp.ndarray data, shape, Py_ssize_t groups=1, str kind="low"):
        cdef Py_ssize_t several
        self.shape, self.groups, self.kind = tuple(shape), groups, kind
        if kind not in ("low", "low_depthwise"):
            raise ValueError(f"PackedLow: expected low or low_depthwise, got {kind!r}")
        if len(self.shape) != 4 or min(self.shape) < 1 or groups < 1:
            raise ValueError(f"PackedLow: expected four positive sizes, got {self.shape}, groups {groups}")
        if cnp.PyArray_TYPE(data) not in (cnp.NPY_UINT16, cnp.NPY_INT8):
            raise ValueError(f"PackedLow: expected uint16 or int8, got {data.dtype}")
        several = 4 // cnp.PyArray_ITEMSIZE(data)
        expected = round_up(shape[0], CHANNELS) * <Py_ssize_t> shape[2]
        if kind == "low":
            expected *= round_up(shape[1], several) * <Py_ssize_t> shape[3]
        elif self.shape[1] != 1 or groups != self.shape[0] or self.shape[3] not in (3, 5, 7):
            raise ValueError(f"PackedLow: no depthwise kernel of few bits: {self.shape}, groups {groups}")
        else:
            expected *= several * low_taps(LOW_BFLOAT if several == 2 else LOW_BYTE, shape[3])
        if not cnp.PyArray_ISCARRAY_RO(data) or np.shape(data) != (expected,):
            raise ValueError(f"PackedLow: expected contiguous ({expected},) for {self.shape}, got {np.shape(data)}")
        self.data = data

    @property
    def meta(self) -> dict:
        return {"kind": self.kind, "shape": list(self.shape), "groups": self.groups}

    @staticmethod
    def load(data, meta) -> PackedLow:
        return PackedLow(data, meta["shape"], meta["groups"], meta["kind"])

    def __repr__(self) -> str:
        return f"PackedLow({self.data.dtype}, {self.shape}, groups={self.groups}, kind={self.kind!r})"


def pack_low(weight, Py_ssize_t groups=1) -> PackedLow:
    """Pack the bits of bfloat16 (uint16) or int8 weights (O, C / groups, kh, kw)."""
    cdef Py_ssize_t i, rows, channels, several, padded, blocks
    if not isinstance(weight, np.ndarray) or weight.ndim != 4 or weight.dtype not in (np.uint16, np.int8) or not weight.size:
        got = f"{weight.dtype} {weight.shape}" if isinstance(weight, np.ndarray) else type(weight).__name__
        raise TypeError(f"pack_low: expected a uint16 or int8 weight of 4 dimensions, got {got}")
    rows, channels, ky, kx = weight.shape
    if groups < 1 or rows % groups or (groups > 1 and (channels % CHANNELS or (rows // groups) % CHANNELS)):
        raise ValueError(f"pack_low: weight {np.shape(weight)} does not fit {groups} groups of a multiple of {CHANNELS} channels")
    several = 4 // weight.dtype.itemsize
    padded, blocks = round_up(channels, several), round_up(rows, CHANNELS) // CHANNELS
    w = np.zeros((blocks * CHANNELS, padded, ky, kx), weight.dtype)
    w[:rows, :channels] = weight
    w = w.reshape(blocks, CHANNELS, padded // several, several, ky, kx)
    parts = []
    for i in range(0, padded // several, CHANNELS // several):
        part = w[:, :, i:i + CHANNELS // several].transpose(0, 4, 5, 2, 1, 3)       # (blocks, ky, kx, step, rows, several)
        parts.append(part.reshape(blocks, -1))
    return PackedLow(np.concatenate(parts, 1).reshape(-1), weight.shape, groups)


cdef struct Low:
    Dense g                     # sizes and distances, in elements
    int kind, native            # of x and w; whether there is an instruction for it
    int groups, last_groups     # steps of k per tap
    bint skip
    const char* none
    Py_ssize_t w_block          # bytes
    LowForm r, y
    bint late


cdef struct LowData:
    const char* x
    const char* w
    const int32_t* start
    const float* scale
    const float* bias
    const char* residual
    char* y


cdef void plan_low(Low* s) noexcept nogil:
    """Rows of pixels into tiles, and all of it into tasks."""
    cdef Dense* g = &s.g
    cdef Py_ssize_t most = LOW_PIXELS, tiles
    cdef double size = low_size(s.kind), weights = <double> s.w_block * g.blocks
    cdef double image = size * g.in_blocks * g.x_block * g.samples
    settle_finish(g)
    s.late = g.finish.kernel != NULL or g.finish.first or g.last_lanes < CHANNELS
    s.late = s.late or (not LOW_FORMULAS and g.finish.limits & FORMULAS)
    if (g.stride_x * g.x_column != CHANNELS and g.stride_x * g.x_column != 2 * CHANNELS
            and g.stride_x * g.x_column != CHANNELS // 2):
        most = FEW_ROWS
    g.tiles = ceil_div(g.width, most)
    tiles = g.samples * g.height * g.tiles
    cut_work(tiles, ceil_div(g.blocks, <Py_ssize_t> LOW_PAIR), 0.25 * weights * g.samples * g.height * g.width, weights,
             image, max(1, min(min(tiles, <Py_ssize_t> MOST_TASKS), <Py_ssize_t> (image / BAND_BYTES))), g.alone,
             &g.bands, &g.parts)


cdef void low_end(const Low* s, LowEnd* e, float* work, Py_ssize_t pixels, Py_ssize_t several, Py_ssize_t lanes) noexcept nogil:
    """The sums of a tile in ``work`` to y."""
    cdef const Dense* g = &s.g
    cdef float* tile = work
    cdef float* r = work + 2 * LOW_TILE
    cdef const char* residual = e.residual
    cdef char* to = e.to
    cdef LowForm plain
    cdef LowForm y = e.y
    cdef Py_ssize_t b, p, n, at, size = pixels * CHANNELS
    if not s.late:
        low_finish(e, work, pixels, several)
        return
    memset(&plain, 0, sizeof(plain))
    e.residual, e.to, e.y, e.to_pixel, e.to_block = NULL, <char*> work, plain, CHANNELS, size
    e.limits = 0
    low_finish(e, work, pixels, several)
    if residual != NULL:
        for b in range(several):
            n = lanes if b == several - 1 else CHANNELS
            if g.y_pixel == CHANNELS:
                low_convert(&e.r, residual + low_size(e.r.kind) * b * g.y_block, &plain, <char*> (r + b * size), NULL, pixels)
            else:
                for p in range(pixels):
                    copy_row(<const float*> residual + b * g.y_block + p * g.y_pixel, r + b * size + p * CHANNELS, n)
    tile = finish_rows(&g.finish, work, work + LOW_TILE, r if residual != NULL else NULL, several * size)
    for b in range(several):
        n = lanes if b == several - 1 else CHANNELS
        if g.y_pixel == CHANNELS:
            low_convert(&plain, <const char*> (tile + b * size), &y, to + low_size(y.kind) * b * g.y_block, NULL, pixels)
        else:
            for p in range(pixels):
                copy_row(tile + b * size + p * CHANNELS, <float*> to + b * g.y_block + p * g.y_pixel, n)


cdef void low_end_of(const Low* s, const LowData* d, Py_ssize_t block, LowEnd* e) noexcept nogil:
    """The end of tiles of a block of rows, but for the place of y."""
    cdef const Dense* g = &s.g
    e.integers, e.scale, e.bias = s.kind == LOW_BYTE, d.scale + block * CHANNELS, d.bias + block * CHANNELS
    e.r, e.y, e.limits, e.low, e.high = s.r, s.y, g.finish.limits, g.finish.low, g.finish.high
    e.native, e.to_pixel, e.to_block, e.to, e.residual = s.native, g.y_pixel, g.y_block, d.y, d.residual


cdef void low_tiles_whole(const Low* s, const LowData* d, LowTile* t, LowEnd* e, const char* image, Py_ssize_t lo,
                          Py_ssize_t hi, Py_ssize_t block, Py_ssize_t several) noexcept nogil:
    """Tiles lo to hi of up to two blocks of rows, by the tiles of low_whole.pxi."""
    cdef const Dense* g = &s.g
    cdef Py_ssize_t size = low_size(s.kind), each = g.width // g.tiles, more = g.width % g.tiles, fetch = 0, i, row, end, first, at
    if t.lines:
        fetch = LOW_PAIR * s.groups
    while lo < hi:
        i, row = lo % g.tiles, lo // g.tiles
        end, first = min(g.tiles, i + hi - lo), i * each + min(i, more)
        t.x = image + size * (row // g.height * g.x_sample + row % g.height * g.stride_y * g.x_line + first * CHANNELS)
        at = row // g.height * g.y_sample + block * g.y_block + (row % g.height * g.width + first) * CHANNELS
        e.to = d.y + size * at
        e.residual = d.residual + size * at if d.residual != NULL else NULL
        fetch = low_whole_row(t, e, s.kind, i, end, each, more, several, fetch)
        lo += end - i


cdef void low_band(const Low* s, const LowData* d, Py_ssize_t lo, Py_ssize_t hi, Py_ssize_t block, Py_ssize_t end,
                   float* work) noexcept nogil:
    """Tiles lo to hi of blocks ``block`` to ``end``."""
    cdef const Dense* g = &s.g
    cdef Py_ssize_t size = low_size(s.kind), several, tile, i, y, n, first, pixels, x, at
    cdef Py_ssize_t each = g.width // g.tiles, more = g.width % g.tiles
    cdef bint edges = has_edges(g), ends, whole, stem
    cdef const char* image
    cdef LowTile t
    cdef LowEnd e
    t.x_block, t.x_row, t.x_tap = size * g.x_block, size * g.dilation_y * g.x_line, size * g.dilation_x * g.x_column
    t.x_pixel = size * g.stride_x * g.x_column
    t.blocks, t.rows, t.taps, t.groups, t.last_groups = g.in_blocks, g.kernel_y, g.taps, s.groups, s.last_groups
    t.y_step, t.height, t.none, t.skip, t.w_block, t.to = g.dilation_y, g.x_height, s.none, s.skip, s.w_block, work
    while block < end:
        several = min(min(end - block, <Py_ssize_t> LOW_PAIR), g.group_blocks - block % g.group_blocks)
        t.w = d.w + block * s.w_block
        t.start = d.start + block * CHANNELS if d.start != NULL else NULL
        # each tile fetches its share of the weights of the next blocks
        t.ahead, t.lines = t.w + several * s.w_block, 0
        if s.w_block * g.blocks > FETCH_BYTES and block + several < end:
            t.lines = ceil_div(LOW_PAIR * s.groups, hi - lo)
        image = d.x + size * (block // g.group_blocks * g.x_group)
        low_end_of(s, d, block, &e)
        ends = s.native and not s.late and low_ends_whole(&e, s.kind)
        whole = ends and not edges and g.top == 0 and (g.height - 1) * g.stride_y < g.x_height
        whole = whole and g.kernel_y * g.taps == 1 and g.stride_x * g.x_column == CHANNELS and each >= LOW_WHOLE
        stem = ends and several == 1 and low_is_stem(&t, s.kind)
        if whole:
            low_tiles_whole(s, d, &t, &e, image, lo, hi, block, several)
            block += several
            continue
        i, y, n = lo % g.tiles, lo // g.tiles % g.height, lo // (g.tiles * g.height)
        for tile in range(lo, hi):
            first = i * each + min(i, more)
            pixels = each + (i < more)
            t.y = y * g.stride_y - g.top
            x = first * g.stride_x - g.left
            t.x = image + size * (n * g.x_sample + t.y * g.x_line + x * g.x_column)
            t.left, t.right = 0, g.taps
            if edges:
                t.left = ceil_div(-x, g.dilation_x) if x < 0 else 0
                x += (pixels - 1) * g.stride_x
                if x + (g.taps - 1) * g.dilation_x >= g.x_width:
                    t.right = ceil_div(max(g.x_width - x, 0), g.dilation_x)
            t.to_block = pixels * CHANNELS * <Py_ssize_t> sizeof(float)
            if s.late:
                low_end_of(s, d, block, &e)
            at = n * g.y_sample + block * g.y_block + (y * g.width + first) * g.y_pixel
            e.to = d.y + low_size(s.y.kind) * at
            e.residual = d.residual + low_size(s.r.kind) * at if d.residual != NULL else NULL
            if stem and pixels == LOW_PIXELS and t.left == 0 and t.right == 1:
                low_stem(&t, &e, s.kind)
            else:
                low_run(&t, s.kind, s.native, pixels, several)
                low_end(s, &e, work, pixels, several, g.last_lanes if block + several == g.blocks else CHANNELS)
            t.ahead += 64 * t.lines * g.in_blocks * g.kernel_y * g.taps
            if (tile + 1 - lo) * t.lines >= LOW_PAIR * s.groups:
                t.lines = 0
            i += 1
            if i == g.tiles:
                i, y = 0, y + 1
                if y == g.height:
                    y, n = 0, n + 1
        block += several


cdef void low_task(const Low* s, const LowData* d, float* work, Py_ssize_t task) noexcept nogil:
    cdef const Dense* g = &s.g
    cdef Py_ssize_t tiles = g.samples * g.height * g.tiles, band = task // g.parts, index = task % g.parts
    low_band(s, d, part(tiles, 1, band, g.bands), part(tiles, 1, band + 1, g.bands),
             part(g.blocks, LOW_PAIR, index, g.parts), part(g.blocks, LOW_PAIR, index + 1, g.parts), work)
