# The steps of a plan in bfloat16 and bytes: see low_tile.pxi.

cdef struct LowStep:
    Low s
    int x, y, residual
    const char* w
    const int32_t* start
    const float* scale
    const float* bias


cdef struct LowDepthStep:
    LowDepth s
    int x, y, residual
    const float* w
    const float* bias


cdef struct ConvertStep:
    Py_ssize_t planes, blocks, channels, size, pieces, factors      # as in PlaneStep
    LowForm a, b
    int x, y, scale


cdef struct QuadsStep:
    Py_ssize_t channels, height, width, left, wide, rows, each      # pixels of a line of y; lines in all, of a task
    LowForm y_form
    int x, y


cdef struct LowWinogradStep:
    LowWinograd p
    LowStep direct
    int bad


cdef struct NarrowRowsStep:
    Py_ssize_t rows, columns, each              # rows of a task
    LowForm y_form
    int x, y


cdef inline void low_data(const LowStep* s, char** buffers, LowData* d) noexcept nogil:
    d.x, d.w, d.y, d.start, d.scale, d.bias = buffers[s.x], s.w, buffers[s.y], s.start, s.scale, s.bias
    d.residual = buffers[s.residual] if s.residual >= 0 else NULL


cdef void task_low(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef LowData d
    low_data(<const LowStep*> step, buffers, &d)
    low_task(&(<const LowStep*> step).s, &d, work, task)


cdef void task_low_depth(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef const LowDepthStep* s = <const LowDepthStep*> step
    low_depth_task(&s.s, buffers[s.x], s.w, s.bias, buffers[s.residual] if s.residual >= 0 else NULL, buffers[s.y], work, task)


cdef void task_convert(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    """Some pixels of a plane."""
    cdef const ConvertStep* s = <const ConvertStep*> step
    cdef Py_ssize_t plane = task // s.pieces, lo = part(s.size, 1, task % s.pieces, s.pieces)
    cdef Py_ssize_t n = part(s.size, 1, task % s.pieces + 1, s.pieces) - lo, first = plane % s.blocks * CHANNELS
    cdef Py_ssize_t at = (plane * s.size + lo) * CHANNELS
    cdef float factors[CHANNELS]
    if s.scale >= 0:
        memset(factors, 0, sizeof(factors))
        memcpy(factors, <const float*> buffers[s.scale] + plane // s.blocks * s.factors + first,
               min(s.channels - first, <Py_ssize_t> CHANNELS) * sizeof(float))
    low_convert(&s.a, buffers[s.x] + low_size(s.a.kind) * at, &s.b, buffers[s.y] + low_size(s.b.kind) * at,
                factors if s.scale >= 0 else NULL, n)


cdef void task_narrow_rows(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    """Some rows of (rows, columns) to [columns / 16][rows][16]."""
    cdef const NarrowRowsStep* s = <const NarrowRowsStep*> step
    cdef Py_ssize_t row, size = CHANNELS * low_size(s.y_form.kind), step_y = s.rows * size, whole = s.columns // CHANNELS
    cdef const float* x
    cdef float last[CHANNELS]
    memset(last, 0, sizeof(last))
    for row in range(task * s.each, min((task + 1) * s.each, s.rows)):
        x = <const float*> buffers[s.x] + row * s.columns
        low_row(&s.y_form, x, whole, buffers[s.y] + row * size, step_y)
        if s.columns % CHANNELS:
            memcpy(last, x + whole * CHANNELS, (s.columns % CHANNELS) * sizeof(float))
            low_row(&s.y_form, last, 1, buffers[s.y] + row * size + whole * step_y, step_y)


cdef void task_quads(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    """Some lines of plain images to pixels of four numbers, with their borders."""
    cdef const QuadsStep* s = <const QuadsStep*> step
    cdef Py_ssize_t row, size = 4 * low_size(s.y_form.kind), plane = s.height * s.width
    cdef char* y
    for row in range(task * s.each, min((task + 1) * s.each, s.rows)):
        y = buffers[s.y] + row * s.wide * size
        memset(y, <int> s.y_form.zero, s.left * size)
        low_quads(&s.y_form, <const float*> buffers[s.x] + row // s.height * s.channels * plane + row % s.height * s.width,
                  plane, <int> s.channels, s.width, y + s.left * size)
        memset(y + (s.left + s.width) * size, <int> s.y_form.zero, (s.wide - s.left - s.width) * size)


cdef void task_low_winograd(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef const LowWinogradStep* s = <const LowWinogradStep*> step
    cdef LowData d
    low_data(&s.direct, buffers, &d)
    low_winograd_task(&s.p, &d, <uint8_t*> buffers[s.bad], work, task)


cdef void task_low_repair(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef const LowWinogradStep* s = <const LowWinogradStep*> step
    cdef LowData d
    low_data(&s.direct, buffers, &d)
    low_winograd_repair(&s.p, &d, <uint8_t*> buffers[s.bad], work, task)


cdef int low_form(str name, form, LowForm* f) except -1:
    """``None`` for float32, ("bfloat16", 1, 0), or ("int8", scale, zero)."""
    memset(f, 0, sizeof(LowForm))
    f.scale = f.inverse = 1
    if form is None:
        return 0
    dtype, scale, zero = form
    if dtype not in ("bfloat16", "int8"):
        raise ValueError(f"Plan.{name}: expected bfloat16 or int8, got {dtype!r}")
    f.kind = LOW_BFLOAT if dtype == "bfloat16" else LOW_BYTE
    if dtype == "int8":
        if not 0 < scale < float("inf") or not 0 <= zero <= 255:
            raise ValueError(f"Plan.{name}: expected a positive scale and a zero point from 0 to 255, got {scale}, {zero}")
        f.scale, f.zero = scale, zero
        f.inverse, f.shift = 1 / f.scale, -(f.zero * f.scale)
    return 0


def low_instruction(str dtype) -> str:
    """The name of the instructions that products of ``dtype`` (bfloat16 or int8) lack on this CPU; empty if none."""
    if low_has(LOW_BFLOAT if dtype == "bfloat16" else LOW_BYTE):
        return ""
    return "AVX512-BF16" if dtype == "bfloat16" else "AVX512-VNNI"


cdef class LowSteps(RowSteps):
    """Steps on blocked images whose elements are bfloat16 or bytes."""

    cdef const void* numbers(self, str name, str what, int buffer, Py_ssize_t rows) except NULL:
        """Constants of the rows (4 bytes each, or none: zeros), as long as whole blocks."""
        cdef Place* place
        cdef cnp.ndarray padded = np.zeros(round_up(rows, CHANNELS) + CHANNELS, np.float32)
        if buffer >= 0:
            place = self.check(name, what, buffer, 4.0 * rows)
            if place.kind != IN_CONSTANT:
                raise ValueError(f"Plan.{name}: {what} must be a constant")
            memcpy(cnp.PyArray_DATA(padded), place.data, rows * sizeof(float))
        self.kept.append(padded)
        return cnp.PyArray_DATA(padded)

    cdef const int32_t* starts(self, PackedLow packed, const LowForm* x) except NULL:
        """For each row, minus the zero point times the sum of the weights."""
        cdef cnp.ndarray found = np.zeros(round_up(packed.shape[0], CHANNELS) + CHANNELS, np.int32)
        cdef int32_t* start = <int32_t*> cnp.PyArray_DATA(found)
        cdef const signed char* w = <const signed char*> cnp.PyArray_DATA(packed.data)
        cdef Py_ssize_t i, block, blocks = round_up(packed.shape[0], CHANNELS) // CHANNELS
        cdef Py_ssize_t each = cnp.PyArray_SIZE(packed.data) // blocks
        for block in range(blocks):
            for i in range(each):
                start[block * CHANNELS + i // 4 % CHANNELS] -= w[block * each + i]
            for i in range(CHANNELS):
                start[block * CHANNELS + i] *= <int32_t> x.zero
        self.kept.append(found)
        return start

    cdef int low_product(self, str name, LowStep* s, PackedLow packed, int scale, int bias, tuple form, residual_form,
                         y_form) except -1:
        """What convolutions and products share, but for sizes."""
        cdef LowForm x
        cdef Py_ssize_t rows = packed.shape[0], each
        cdef cnp.ndarray none
        memset(s, 0, sizeof(LowStep))
        s.s.g.alone = self.group != NULL
        low_form(name, form, &x)
        low_form(name, residual_form, &s.s.r)
        low_form(name, y_form, &s.s.y)
        s.s.kind = x.kind
        if cnp.PyArray_ITEMSIZE(packed.data) != low_size(x.kind) or x.kind == LOW_FLOAT:
            raise ValueError(f"Plan.{name}: weights of {packed.data.dtype} do not fit {form[0]}")
        s.s.native = low_has(x.kind)
        if x.kind == LOW_BFLOAT and not s.s.native:
            raise RuntimeError(f"Plan.{name}: products in bfloat16 need a CPU with {low_instruction('bfloat16')}")
        each = 4 // low_size(x.kind)
        s.s.groups = CHANNELS // each
        s.s.last_groups = <int> (ceil_div((<Py_ssize_t> packed.shape[1] - 1) % CHANNELS + 1, each))
        s.s.w_block = cnp.PyArray_NBYTES(packed.data) // ceil_div(rows, <Py_ssize_t> CHANNELS)
        s.s.skip = x.zero == 0
        none = np.full(LOW_NONE, <int> x.zero, np.uint8)
        self.kept += [none, packed.data]
        s.s.none, s.w = <const char*> cnp.PyArray_DATA(none), <const char*> cnp.PyArray_DATA(packed.data)
        if x.kind == LOW_BYTE:
            s.start = self.starts(packed, &x)
        s.scale = <const float*> self.numbers(name, "scale", scale, rows)
        s.bias = <const float*> self.numbers(name, "bias", bias, rows)
        return 0

    def low_conv2d(self, int x, int y, PackedLow packed not None, int bias=-1, int residual=-1, int scale=-1, *,
                   Py_ssize_t n, Py_ssize_t c, Py_ssize_t h, Py_ssize_t w, tuple form, y_form=None, residual_form=None,
                   stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), str activation="none", tuple parameters=(),
                   bint activation_first=False) -> int:
        """As ``conv2d`` on an image of few bits. A form is ("bfloat16", 1, 0), ("int8", scale, zero), or None for float32.

        ``scale``: for bytes, the worth of one in the sums of each row.
        """
        cdef LowStep s
        cdef Conv v
        cdef Py_ssize_t wide
        conv_shape("Plan.low_conv2d", (n, c, h, w), packed.shape, stride, padding, dilation, packed.groups, &v)
        self.low_product("low_conv2d", &s, packed, scale, bias, form, residual_form, y_form)
        wide = (v.width - 1) * v.stride_x - v.left + (v.kernel_x - 1) * v.dilation_x - (v.x_width - 1)
        if v.left > v.stride_x or wide > v.stride_x or v.stride_x > 2:
            raise ValueError("Plan.low_conv2d: expected a stride of at most 2, and borders of at most the stride")
        self.check("low_conv2d", "x", x, blocked_bytes(n, c, h * w) / 4 * low_size(s.s.kind))
        self.check("low_conv2d", "y", y, blocked_bytes(n, v.rows, v.height * v.width) / 4 * low_size(s.s.y.kind))
        if residual >= 0:
            self.check("low_conv2d", "residual", residual,
                       blocked_bytes(n, v.rows, v.height * v.width) / 4 * low_size(s.s.r.kind))
        self.distinct("low_conv2d", y, (x, residual))
        set_finish("low_conv2d", &s.s.g.finish, activation, parameters, activation_first)
        s.x, s.y, s.residual = x, y, residual
        dense_geometry(&s.s.g, &v)
        plan_low(&s.s)
        if s.s.kind == LOW_BFLOAT and blocked_winograd_fits(&v):
            return self.low_winograd(&s, packed, 9.0 * n * v.rows * v.height * v.width * v.channels)
        self.step("low_conv2d", task_low, NULL, s.s.g.bands * s.s.g.parts,
                  v.rows * v.height * v.width * (v.channels // v.groups) * v.kernel_y * v.kernel_x * <double> n,
                  3 * LOW_TILE, &s, sizeof(s))
        return self.count - 1

    cdef int low_winograd(self, const LowStep* direct, PackedLow packed, double work) except -1:
        """The steps of a convolution by Winograd's algorithm: all of it, then again what was not finite."""
        cdef LowWinogradStep s
        s.direct, s.p.s = direct[0], direct.s
        plan_low_winograd(&s.p)
        if packed.transformed is None:
            packed.transformed = low_winograd_weights(packed)
        self.kept.append(packed)
        s.p.u = <const uint16_t*> cnp.PyArray_DATA(packed.transformed)
        s.bad = self.workspace(s.p.s.g.samples, zeros=True)
        self.step("low_winograd", task_low_winograd, NULL, s.p.blocks, work, low_winograd_work(&s.p), &s, sizeof(s))
        self.step("low_repair", task_low_repair, NULL, s.p.s.g.samples, 0, 3 * LOW_TILE, &s, sizeof(s))
        return self.count - 1

    def low_stem(self, int x, int y, PackedLow packed not None, int bias=-1, int scale=-1, *, Py_ssize_t n, Py_ssize_t c,
                 Py_ssize_t h, Py_ssize_t w, tuple form, y_form=None, stride=(1, 1), padding=((0, 0), (0, 0)),
                 dilation=(1, 1), str activation="none", tuple parameters=()) -> int:
        """As ``low_conv2d`` on a plain float32 image of up to 4 channels, which a step of its own narrows.

        The weight (rows, c, kernel_y, kernel_x) is packed as (rows, 4 * kernel_x, kernel_y, 1): the four numbers of the
        pixels that a row of taps reads lie side by side.
        """
        cdef LowStep s
        cdef QuadsStep q
        cdef Conv v
        cdef Dense* g = &s.s.g
        if packed.shape[1] % 4 or packed.shape[3] != 1 or not 1 <= c <= 4 or packed.groups != 1 or dilation[1] != 1:
            raise ValueError(f"Plan.low_stem: no weight of a stem: {packed.shape}, {c} channels, dilation {dilation}")
        conv_shape("Plan.low_stem", (n, c, h, w), (packed.shape[0], c, packed.shape[2], packed.shape[1] // 4), stride,
                   padding, dilation, 1, &v)
        self.low_product("low_stem", &s, packed, scale, bias, form, None, y_form)
        memset(&q, 0, sizeof(q))
        low_form("low_stem", form, &q.y_form)
        q.channels, q.height, q.width, q.left, q.rows = c, h, w, v.left, n * h
        q.wide = max((v.width - 1) * v.stride_x + v.kernel_x, v.left + w)
        q.each = max(1, 2048 // q.wide)
        if (FEW_ROWS * v.stride_x + v.kernel_x) * 4 * low_size(s.s.kind) > LOW_NONE:
            raise ValueError(f"Plan.low_stem: stride {stride} and kernel {v.kernel_x} are too wide")
        self.check("low_stem", "x", x, 4.0 * n * c * h * w)
        self.check("low_stem", "y", y, blocked_bytes(n, v.rows, v.height * v.width) / 4 * low_size(s.s.y.kind))
        self.distinct("low_stem", y, (x,))
        set_finish("low_stem", &g.finish, activation, parameters, False)
        q.x, q.y = x, self.workspace(4 * low_size(s.s.kind) * n * h * q.wide)
        s.x, s.y, s.residual = q.y, y, -1
        g.samples, g.height, g.width, g.x_height, g.x_width, g.top = n, v.height, v.width, h, q.wide, v.top
        g.stride_y, g.stride_x, g.dilation_y, g.dilation_x = v.stride_y, v.stride_x, v.dilation_y, 1
        g.kernel_y, g.taps, g.steps, g.in_blocks = v.kernel_y, 1, CHANNELS, ceil_div(4 * v.kernel_x, <Py_ssize_t> CHANNELS)
        g.blocks = g.group_blocks = ceil_div(v.rows, <Py_ssize_t> CHANNELS)
        g.last_lanes = g.x_block = g.y_pixel = CHANNELS
        g.x_column, g.x_line, g.x_sample = 4, 4 * q.wide, 4 * q.wide * h
        g.y_block = v.height * v.width * CHANNELS
        g.y_sample = g.blocks * g.y_block
        plan_low(&s.s)
        self.step("low_quads", task_quads, NULL, ceil_div(q.rows, q.each), 8.0 * n * c * h * w, 0, &q, sizeof(q))
        self.step("low_stem", task_low, NULL, g.bands * g.parts,
                  1.0 * n * v.rows * v.height * v.width * 4 * v.kernel_y * v.kernel_x, 3 * LOW_TILE, &s, sizeof(s))
        return self.count - 1

    def low_depthwise(self, int x, int y, Packed packed not None, int bias=-1, int residual=-1, *, Py_ssize_t n,
                      Py_ssize_t c, Py_ssize_t h, Py_ssize_t w, form=None, y_form=None, residual_form=None, stride=(1, 1),
                      padding=((0, 0), (0, 0)), dilation=(1, 1), str activation="none", tuple parameters=(),
                      bint activation_first=False) -> int:
        """A depthwise ``conv2d`` in float32 of an image of one form, or of float32, to another."""
        cdef LowDepthStep s
        cdef Conv v
        if packed.kind != "depthwise":
            raise ValueError(f"Plan.low_depthwise: the weight is packed as {packed.kind}")
        conv_shape("Plan.low_depthwise", (n, c, h, w), packed.shape, stride, padding, dilation, packed.groups, &v)
        memset(&s, 0, sizeof(s))
        low_form("low_depthwise", form, &s.s.x)
        low_form("low_depthwise", y_form, &s.s.y)
        low_form("low_depthwise", residual_form, &s.s.r)
        self.check("low_depthwise", "x", x, blocked_bytes(n, c, h * w) / 4 * low_size(s.s.x.kind))
        self.check("low_depthwise", "y", y, blocked_bytes(n, c, v.height * v.width) / 4 * low_size(s.s.y.kind))
        if residual >= 0:
            self.check("low_depthwise", "residual", residual,
                       blocked_bytes(n, c, v.height * v.width) / 4 * low_size(s.s.r.kind))
        self.distinct("low_depthwise", y, (x, residual))
        set_finish("low_depthwise", &s.s.g.finish, activation, parameters, activation_first)
        s.x, s.y, s.residual = x, y, residual
        s.w = <const float*> cnp.PyArray_DATA(packed.data)
        s.bias = <const float*> self.numbers("low_depthwise", "bias", bias, v.rows)
        self.kept.append(packed.data)
        depth_geometry(&s.s.g, &v)
        plan_low_depthwise(&s.s, residual >= 0)
        self.step("low_depthwise", task_low_depth, NULL, s.s.g.tasks,
                  2.0 * n * c * v.height * v.width * v.kernel_y * v.kernel_x, low_depth_work(&s.s), &s, sizeof(s))
        return self.count - 1

    def low_linear(self, int x, int y, PackedLow packed not None, int bias=-1, int residual=-1, int scale=-1, *,
                   Py_ssize_t rows, tuple form, y_form=None, str activation="none", tuple parameters=(),
                   bint activation_first=False) -> int:
        """As ``linear`` on x [K / 16][rows][16] of few bits; y is float32 (rows, O), or of few bits and as x is."""
        cdef LowStep s
        cdef Py_ssize_t out = packed.shape[0], k = packed.shape[1]
        if rows < 1 or packed.shape[2] != 1 or packed.shape[3] != 1:
            raise ValueError(f"Plan.low_linear: expected rows >= 1 and a matrix, got {rows}, {packed.shape}")
        self.low_product("low_linear", &s, packed, scale, bias, form, None, y_form)
        self.check("low_linear", "x", x, blocked_bytes(rows, k, 1) / 4 * low_size(s.s.kind))
        self.check("low_linear", "y", y, 4.0 * rows * out if y_form is None
                   else blocked_bytes(rows, out, 1) / 4 * low_size(s.s.y.kind))
        if residual >= 0:
            if y_form is not None:
                raise ValueError("Plan.low_linear: a residual needs a float32 result")
            self.check("low_linear", "residual", residual, 4.0 * rows * out)
        self.distinct("low_linear", y, (x, residual))
        set_finish("low_linear", &s.s.g.finish, activation, parameters, activation_first)
        s.x, s.y, s.residual = x, y, residual
        s.s.g.samples = s.s.g.height = s.s.g.x_height = s.s.g.kernel_y = s.s.g.taps = 1
        s.s.g.stride_y = s.s.g.stride_x = s.s.g.dilation_y = s.s.g.dilation_x = 1
        s.s.g.width = s.s.g.x_width = rows
        s.s.g.steps, s.s.g.in_blocks = CHANNELS, ceil_div(k, <Py_ssize_t> CHANNELS)
        s.s.g.blocks = s.s.g.group_blocks = ceil_div(out, <Py_ssize_t> CHANNELS)
        s.s.g.last_lanes = out - (s.s.g.blocks - 1) * CHANNELS if y_form is None else CHANNELS
        s.s.g.x_column, s.s.g.x_line = CHANNELS, rows * CHANNELS
        s.s.g.x_block = s.s.g.x_line
        s.s.g.y_block, s.s.g.y_pixel = CHANNELS, out
        if y_form is not None:
            s.s.g.y_block, s.s.g.y_pixel = rows * CHANNELS, CHANNELS
        plan_low(&s.s)
        self.step("low_linear", task_low, NULL, s.s.g.bands * s.s.g.parts, <double> rows * k * out, 3 * LOW_TILE, &s,
                  sizeof(s))
        return self.count - 1

    def convert(self, int x, int y, int scale=-1, *, Py_ssize_t n, Py_ssize_t c, Py_ssize_t size, form=None,
                y_form=None) -> int:
        """A blocked image from one form to another, times a factor for each sample and channel."""
        cdef ConvertStep s
        memset(&s, 0, sizeof(s))
        if min(n, c, size) < 1:
            raise ValueError(f"Plan.convert: expected n, c and the size of an image of at least 1, got {n}, {c}, {size}")
        low_form("convert", form, &s.a)
        low_form("convert", y_form, &s.b)
        s.x, s.y, s.scale = x, y, scale
        self.check("convert", "x", x, blocked_bytes(n, c, size) / 4 * low_size(s.a.kind))
        self.check("convert", "y", y, blocked_bytes(n, c, size) / 4 * low_size(s.b.kind))
        self.distinct("convert", y, (x, scale))
        s.blocks = ceil_div(c, <Py_ssize_t> CHANNELS)
        s.planes, s.channels, s.size = n * s.blocks, c, size
        s.pieces = ceil_div(size, <Py_ssize_t> PIXELS_TASK)
        if scale >= 0:
            s.factors = self.check("convert", "scale", scale, 4.0 * n * c).size // (4 * n)
        self.step("convert", task_convert, NULL, s.planes * s.pieces, 16.0 * s.planes * size * 2, 0, &s, sizeof(s))
        return self.count - 1

    def narrow_rows(self, int x, int y, *, Py_ssize_t rows, Py_ssize_t columns, tuple y_form) -> int:
        """Plain float32 (rows, columns) to [columns / 16][rows][16] of few bits."""
        cdef NarrowRowsStep s
        if min(rows, columns) < 1:
            raise ValueError(f"Plan.narrow_rows: expected rows and columns, got {rows}, {columns}")
        low_form("narrow_rows", y_form, &s.y_form)
        # a multiple of four rows: tasks share no cache line
        s.x, s.y, s.rows, s.columns, s.each = x, y, rows, columns, round_up(max(1, 8192 // columns), 4)
        self.check("narrow_rows", "x", x, 4.0 * rows * columns)
        self.check("narrow_rows", "y", y, blocked_bytes(rows, columns, 1) / 4 * low_size(s.y_form.kind))
        self.distinct("narrow_rows", y, (x,))
        self.step("narrow_rows", task_narrow_rows, NULL, ceil_div(rows, s.each), 2.0 * rows * columns, 0, &s, sizeof(s))
        return self.count - 1
