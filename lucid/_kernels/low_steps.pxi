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
    LowDepthData d                              # but for x, y and the residual
    int x, y, residual


cdef enum:
    STEM_ROWS = 8                               # rows of y per task: few enough that the lines they read stay in L1


cdef struct StemStep:
    LowStep low                                 # its x is the buffer of the plain image
    Py_ssize_t channels, height, width, left, wide, pieces      # of the image; pixels of a line in few bits; tasks a sample
    LowForm form


cdef struct LowWinogradStep:
    LowWinograd p
    LowStep direct
    int bad


cdef inline void low_data(const LowStep* s, char** buffers, LowData* d) noexcept nogil:
    d.x, d.w, d.y, d.start, d.scale, d.bias = buffers[s.x], s.w, buffers[s.y], s.start, s.scale, s.bias
    d.residual = buffers[s.residual] if s.residual >= 0 else NULL


cdef void task_low(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef LowData d
    low_data(<const LowStep*> step, buffers, &d)
    low_task(&(<const LowStep*> step).s, &d, work, task)


cdef void task_low_depth(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef const LowDepthStep* s = <const LowDepthStep*> step
    cdef LowDepthData d = s.d
    d.x, d.y, d.residual = buffers[s.x], buffers[s.y], buffers[s.residual] if s.residual >= 0 else NULL
    low_depth_task(&s.s, &d, work, task)


cdef void task_low_stem(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    """Some rows of y: the lines they read become pixels of four numbers, with their borders, which a band then reads."""
    cdef const StemStep* s = <const StemStep*> step
    cdef const Dense* g = &s.low.s.g
    cdef Py_ssize_t size = 4 * low_size(s.form.kind), plane = s.height * s.width, sample = task // s.pieces
    cdef Py_ssize_t lo = task % s.pieces * STEM_ROWS, hi = min(lo + STEM_ROWS, g.height), line
    cdef Py_ssize_t first = max(lo * g.stride_y - g.top, 0)
    cdef Py_ssize_t c, end = min((hi - 1) * g.stride_y - g.top + (g.kernel_y - 1) * g.dilation_y + 1, s.height)
    cdef char* lines = <char*> (work + 3 * LOW_TILE)
    cdef char* y = lines
    cdef LowData d
    for line in range(first, end):
        memset(y, <int> s.form.zero, s.left * size)
        low_quads(&s.form, <const float*> buffers[s.low.x] + sample * s.channels * plane + line * s.width, plane,
                  <int> s.channels, s.width, y + s.left * size)
        memset(y + (s.left + s.width) * size, <int> s.form.zero, (s.wide - s.left - s.width) * size)
        y += s.wide * size
    low_data(&s.low, buffers, &d)
    d.x = lines - (sample * s.height + first) * s.wide * size
    for line in range(lo, hi):
        # the lines that the next task reads, on the way from memory meanwhile
        if end + g.stride_y <= s.height:
            for c in range(s.channels):
                low_fetch(<const char*> (<const float*> buffers[s.low.x] + (sample * s.channels + c) * plane + end * s.width),
                          g.stride_y * s.width * sizeof(float))
            end += g.stride_y
        low_band(&s.low.s, &d, (sample * g.height + line) * g.tiles, (sample * g.height + line + 1) * g.tiles, 0, g.blocks,
                 work)


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


def low_instruction(str dtype) -> str:
    """The name of the instructions that products of ``dtype`` (bfloat16 or int8) lack on this CPU; empty if none."""
    if low_has(LOW_BFLOAT if dtype == "bfloat16" else LOW_BYTE):
        return ""
    return "AVX512-BF16" if dtype == "bfloat16" else "AVX512-VNNI"


cdef class LowSteps(LowLayouts):
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
        if packed.kind != "low":
            raise ValueError(f"Plan.{name}: the weight is packed as {packed.kind}")
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
        if h * w * v.kernel_y * v.kernel_x * v.height * v.width == 1 and v.groups == 1 and residual < 0 and not s.s.late:
            # images of one pixel: samples are the pixels of a row
            s.s.g.samples, s.s.g.width, s.s.g.x_width = 1, n, n
            s.s.g.x_column, s.s.g.x_block = s.s.g.in_blocks * CHANNELS, CHANNELS
            s.s.g.x_line, s.s.g.y_pixel, s.s.g.y_block = n * s.s.g.x_column, s.s.g.blocks * CHANNELS, CHANNELS
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
        """As ``low_conv2d`` on a plain float32 image of up to 4 channels, whose lines each task narrows for itself.

        The weight (rows, c, kernel_y, kernel_x) is packed as (rows, 4 * kernel_x, kernel_y, 1): the four numbers of the
        pixels that a row of taps reads lie side by side.
        """
        cdef StemStep q
        cdef LowStep* s = &q.low
        cdef Conv v
        cdef Dense* g = &s.s.g
        cdef Py_ssize_t lines
        if packed.shape[1] % 4 or packed.shape[3] != 1 or not 1 <= c <= 4 or packed.groups != 1 or dilation[1] != 1:
            raise ValueError(f"Plan.low_stem: no weight of a stem: {packed.shape}, {c} channels, dilation {dilation}")
        conv_shape("Plan.low_stem", (n, c, h, w), (packed.shape[0], c, packed.shape[2], packed.shape[1] // 4), stride,
                   padding, dilation, 1, &v)
        memset(&q, 0, sizeof(q))
        self.low_product("low_stem", s, packed, scale, bias, form, None, y_form)
        low_form("low_stem", form, &q.form)
        q.channels, q.height, q.width, q.left = c, h, w, v.left
        q.wide = max((v.width - 1) * v.stride_x + v.kernel_x, v.left + w)
        q.pieces = ceil_div(v.height, <Py_ssize_t> STEM_ROWS)
        lines = min((STEM_ROWS - 1) * v.stride_y + (v.kernel_y - 1) * v.dilation_y + 1, h)
        if (LOW_PIXELS * v.stride_x + v.kernel_x) * 4 * low_size(s.s.kind) > LOW_NONE:
            raise ValueError(f"Plan.low_stem: stride {stride} and kernel {v.kernel_x} are too wide")
        self.check("low_stem", "x", x, 4.0 * n * c * h * w)
        self.check("low_stem", "y", y, blocked_bytes(n, v.rows, v.height * v.width) / 4 * low_size(s.s.y.kind))
        self.distinct("low_stem", y, (x,))
        set_finish("low_stem", &g.finish, activation, parameters, False)
        s.x, s.y, s.residual = x, y, -1
        g.samples, g.height, g.width, g.x_height, g.x_width, g.top = n, v.height, v.width, h, q.wide, v.top
        g.stride_y, g.stride_x, g.dilation_y, g.dilation_x = v.stride_y, v.stride_x, v.dilation_y, 1
        g.kernel_y, g.taps, g.steps, g.in_blocks = v.kernel_y, 1, CHANNELS, ceil_div(4 * v.kernel_x, <Py_ssize_t> CHANNELS)
        g.blocks = g.group_blocks = ceil_div(v.rows, <Py_ssize_t> CHANNELS)
        g.last_lanes = g.x_block = g.y_pixel = CHANNELS
        g.x_column, g.x_line, g.x_sample = 4, 4 * q.wide, 4 * q.wide * h
        g.y_block = v.height * v.width * CHANNELS
        g.y_sample = g.blocks * g.y_block
        plan_low(&s.s)
        self.step("low_stem", task_low_stem, NULL, n * q.pieces,
                  1.0 * n * v.rows * v.height * v.width * 4 * v.kernel_y * v.kernel_x,
                  3 * LOW_TILE + lines * q.wide * low_size(s.s.kind), &q, sizeof(q))
        return self.count - 1

    def low_depthwise(self, int x, int y, packed not None, int bias=-1, int residual=-1, int scale=-1, *, Py_ssize_t n,
                      Py_ssize_t c, Py_ssize_t h, Py_ssize_t w, form=None, y_form=None, residual_form=None, stride=(1, 1),
                      padding=((0, 0), (0, 0)), dilation=(1, 1), str activation="none", tuple parameters=(),
                      bint activation_first=False) -> int:
        """A depthwise ``conv2d`` of an image of one form, or of float32, to another: in float32 with such weights."""
        cdef LowDepthStep s
        cdef Conv v
        if packed.kind not in ("depthwise", "low_depthwise"):
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
        s.d.w = <const char*> cnp.PyArray_DATA(packed.data)
        s.d.bias = <const float*> self.numbers("low_depthwise", "bias", bias, v.rows)
        self.kept.append(packed.data)
        depth_geometry(&s.s.g, &v)
        if packed.kind == "low_depthwise":
            self.low_taps_of(&s, packed, scale)
        plan_low_depthwise(&s.s, residual >= 0)
        if s.s.direct and s.s.g.kind > 5:
            raise ValueError("Plan.low_depthwise: no kernel of few bits for this stride, dilation or border")
        self.step("low_depthwise", task_low_depth, NULL, s.s.g.tasks,
                  2.0 * n * c * v.height * v.width * v.kernel_y * v.kernel_x, low_depth_work(&s.s), &s, sizeof(s))
        return self.count - 1

    cdef int low_taps_of(self, LowDepthStep* s, PackedLow packed, int scale) except -1:
        """What products of few bits need."""
        if s.s.x.kind == LOW_FLOAT or cnp.PyArray_ITEMSIZE(packed.data) != low_size(s.s.x.kind):
            raise ValueError(f"Plan.low_depthwise: weights of {packed.data.dtype} do not fit x")
        s.s.direct, s.s.native = True, low_depth_native(s.s.x.kind)
        if s.s.x.kind == LOW_BFLOAT and not s.s.native:
            raise RuntimeError(f"Plan.low_depthwise: products in bfloat16 need a CPU with {low_instruction('bfloat16')}")
        s.s.w_block = cnp.PyArray_NBYTES(packed.data) // s.s.g.blocks
        s.d.scale = <const float*> self.numbers("low_depthwise", "scale", scale, packed.shape[0])
        if s.s.x.kind == LOW_BYTE:
            s.d.start = self.starts(packed, &s.s.x)
        return 0

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
