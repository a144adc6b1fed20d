# The steps of a plan: each method checks shapes and buffers, fills the struct of a kernel and appends the step.

cdef struct DenseStep:
    Dense g
    int x, y, residual, scale
    const float* w
    const float* bias


cdef struct DepthStep:
    Depth g
    int x, y, residual
    const float* w
    const float* bias


cdef struct WinogradStep:
    BlockedWinograd p
    int x, y, residual, bad
    const float* w
    const float* bias


cdef enum:
    THIN_ROWS = 64              # output channels from which a copy of every second pixel repays itself


cdef struct PadStep:
    Py_ssize_t lines, width, left, right
    int x, y


cdef inline void dense_data(const DenseStep* s, char** buffers, DenseData* d) noexcept nogil:
    d.x, d.w, d.bias, d.y = <const float*> buffers[s.x], s.w, s.bias, <float*> buffers[s.y]
    d.residual = <const float*> buffers[s.residual] if s.residual >= 0 else NULL
    d.scale = <const float*> buffers[s.scale] if s.scale >= 0 else NULL


cdef void task_dense(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef DenseData d
    dense_data(<const DenseStep*> step, buffers, &d)
    dense_task(&(<const DenseStep*> step).g, &d, work, task)


cdef void task_stem(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef DenseData d
    dense_data(<const DenseStep*> step, buffers, &d)
    stem_task(&(<const DenseStep*> step).g, &d, work, task)


cdef void task_linear(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef DenseData d
    dense_data(<const DenseStep*> step, buffers, &d)
    linear_task(&(<const DenseStep*> step).g, &d, work, task)


cdef void task_depth(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef const DepthStep* s = <const DepthStep*> step
    cdef DenseData d
    d.x, d.w, d.bias, d.y = <const float*> buffers[s.x], s.w, s.bias, <float*> buffers[s.y]
    d.residual = <const float*> buffers[s.residual] if s.residual >= 0 else NULL
    depth_task(&s.g, &d, work, task)


cdef inline void winograd_data(const WinogradStep* s, char** buffers, DenseData* d) noexcept nogil:
    d.x, d.w, d.bias, d.y, d.scale = <const float*> buffers[s.x], s.w, s.bias, <float*> buffers[s.y], NULL
    d.residual = <const float*> buffers[s.residual] if s.residual >= 0 else NULL


cdef void task_winograd(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef DenseData d
    winograd_data(<const WinogradStep*> step, buffers, &d)
    blocked_winograd_task(&(<const WinogradStep*> step).p, &d, <uint8_t*> buffers[(<const WinogradStep*> step).bad], work,
                          task)


cdef void task_repair(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef DenseData d
    winograd_data(<const WinogradStep*> step, buffers, &d)
    blocked_winograd_repair(&(<const WinogradStep*> step).p, &d, <uint8_t*> buffers[(<const WinogradStep*> step).bad],
                            work, task)


cdef void task_pad(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    """One sixty-fourth of the lines."""
    cdef const PadStep* s = <const PadStep*> step
    cdef Py_ssize_t i, pitch = (s.left + s.width + s.right) * CHANNELS
    cdef float* out
    for i in range(part(s.lines, 1, task, 64), part(s.lines, 1, task + 1, 64)):
        out = <float*> buffers[s.y] + i * pitch
        memset(out, 0, s.left * CHANNELS * sizeof(float))
        memcpy(out + s.left * CHANNELS, <const float*> buffers[s.x] + i * s.width * CHANNELS,
               s.width * CHANNELS * sizeof(float))
        memset(out + (s.left + s.width) * CHANNELS, 0, s.right * CHANNELS * sizeof(float))


cdef inline double blocked_bytes(double n, Py_ssize_t c, Py_ssize_t size) noexcept:
    return 4.0 * n * round_up(c, CHANNELS) * size


cdef void dense_geometry(Dense* g, const Conv* v) noexcept nogil:
    """A convolution of a blocked image."""
    cdef Py_ssize_t channels = v.channels // v.groups, x_blocks = round_up(v.channels, CHANNELS) // CHANNELS
    g.samples, g.height, g.width = v.samples, v.height, v.width
    g.x_height, g.x_width, g.top, g.left = v.x_height, v.x_width, v.top, v.left
    g.stride_y, g.stride_x, g.dilation_y, g.dilation_x = v.stride_y, v.stride_x, v.dilation_y, v.dilation_x
    g.kernel_y, g.taps, g.steps = v.kernel_y, v.kernel_x, CHANNELS
    g.in_blocks = ceil_div(channels, <Py_ssize_t> CHANNELS)
    g.last_steps = channels - (g.in_blocks - 1) * CHANNELS
    g.blocks = ceil_div(v.rows, <Py_ssize_t> CHANNELS)
    g.group_blocks = g.blocks // v.groups
    g.last_lanes = CHANNELS
    g.x_column, g.x_line = CHANNELS, v.x_width * CHANNELS
    g.x_block = v.x_height * g.x_line
    g.x_group = g.in_blocks * g.x_block
    g.x_sample = x_blocks * g.x_block
    g.y_pixel = CHANNELS
    g.y_block = v.height * v.width * CHANNELS
    g.y_sample = g.blocks * g.y_block
    g.w_row = v.kernel_x * CHANNELS * CHANNELS
    g.w_block = channels * v.kernel_y * v.kernel_x * CHANNELS
    if v.kernel_y == v.kernel_x == v.stride_y == v.stride_x == 1 and not (v.top or v.bottom or v.left or v.right):
        # neighbouring rows are neighbouring pixels
        g.width *= g.height
        g.x_width, g.height, g.x_height = g.width, 1, 1
        g.x_line = g.x_block


cdef void depth_geometry(Depth* g, const Conv* v) noexcept nogil:
    """A depthwise convolution."""
    g.blocks = round_up(v.channels, CHANNELS) // CHANNELS
    g.planes = v.samples * g.blocks
    g.height, g.width, g.x_height, g.x_width = v.height, v.width, v.x_height, v.x_width
    g.rows, g.taps, g.stride_y, g.stride_x = v.kernel_y, v.kernel_x, v.stride_y, v.stride_x
    g.dilation_y, g.dilation_x, g.top, g.left = v.dilation_y, v.dilation_x, v.top, v.left
    g.each = v.channels // v.groups


cdef class Plan(LowSteps):
    """The steps of a network. Sizes are those of the whole call; images are blocked: (N, C / 16, H, W, 16) float32.

    Every method returns the number of its step. Buffers are what ``input``, ``output``, ``arena`` and ``constant`` return;
    the output of a step must not overlap what the step reads.
    """

    cdef const float* bias_blocks(self, str name, int bias, Py_ssize_t rows) except NULL:
        """A constant bias (or none), as long as whole blocks."""
        cdef Place* place
        cdef cnp.ndarray padded = np.zeros(round_up(rows, CHANNELS), np.float32)
        if bias >= 0:
            place = self.check(name, "bias", bias, 4.0 * rows)
            if place.kind != IN_CONSTANT:
                raise ValueError(f"Plan.{name}: bias must be a constant")
            memcpy(cnp.PyArray_DATA(padded), place.data, rows * sizeof(float))
        self.kept.append(padded)
        return <const float*> cnp.PyArray_DATA(padded)

    def conv2d(self, int x, int y, Packed packed not None, int bias=-1, int residual=-1, int scale=-1, *, Py_ssize_t n,
               Py_ssize_t c, Py_ssize_t h, Py_ssize_t w, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1),
               str activation="none", tuple parameters=(), bint activation_first=False) -> int:
        """y = activation(conv(x * scale) + bias + residual), or with ``activation_first`` activation(...) + residual.

        x is blocked, but plain (n, c, h, w) for a stem; residual has the layout of y. The scale holds a factor for each
        sample and channel; its rows may be longer than c.
        """
        cdef Conv v
        cdef DenseStep s
        cdef DepthStep d
        cdef Py_ssize_t wide
        cdef cnp.ndarray offsets
        cdef bint stem = packed.kind == "stem"
        if packed.kind == "linear":
            raise ValueError("Plan.conv2d: the weight is packed for linear")
        conv_shape("Plan.conv2d", (n, c, h, w), packed.shape, stride, padding, dilation, packed.groups, &v)
        self.check("conv2d", "x", x, 4.0 * n * c * h * w if stem else blocked_bytes(n, c, h * w))
        self.check("conv2d", "y", y, blocked_bytes(n, v.rows, v.height * v.width))
        if residual >= 0:
            self.check("conv2d", "residual", residual, blocked_bytes(n, v.rows, v.height * v.width))
        self.distinct("conv2d", y, (x, residual, scale))
        if packed.kind == "depthwise" or packed.kind == "small":
            if scale >= 0:
                raise ValueError("Plan.conv2d: a convolution of small groups takes no scale")
            return self.depthwise(x, y, packed, bias, residual, &v, activation, parameters, activation_first)
        memset(&s, 0, sizeof(s))
        set_finish("conv2d", &s.g.finish, activation, parameters, activation_first)
        s.x, s.y, s.residual, s.scale = x, y, residual, scale
        s.w, s.bias = <const float*> cnp.PyArray_DATA(packed.data), self.bias_blocks("conv2d", bias, v.rows)
        self.kept.append(packed.data)
        s.g.alone = self.group != NULL
        if (BLOCK_CHAINS and not stem and v.kernel_y == v.kernel_x == 1 and v.rows >= THIN_ROWS
                and max(v.stride_y, v.stride_x) > 1 and not (v.top or v.bottom or v.left or v.right)):
            s.x = self.thin(x, &v)
        dense_geometry(&s.g, &v)
        if scale >= 0:
            if stem:
                raise ValueError("Plan.conv2d: a plain image takes no scale")
            self.check("conv2d", "scale", scale, 4.0 * n * c)
            s.g.scale_row = self.places[scale].size // (4 * n)
        if stem:
            s.g.in_blocks, s.g.steps, s.g.last_steps = v.channels, 1, 1
            plan_stem(&s.g)
            offsets = np.empty(s.g.steps_end, np.intp)
            self.kept.append(offsets)
            stem_offsets(&s.g, <Py_ssize_t*> cnp.PyArray_DATA(offsets))
        else:
            if (s.g.width == 1 and s.g.height == 1 and s.g.x_width == 1 and s.g.x_height == 1 and scale < 0
                    and v.kernel_x == 1 and v.left == 0):
                # pixels of different samples side by side, where no tap reaches for a neighbour
                s.g.width = s.g.x_width = n
                s.g.samples, s.g.x_column, s.g.y_pixel = 1, s.g.x_sample, s.g.y_sample
            wide = (v.width - 1) * v.stride_x - v.left + (v.kernel_x - 1) * v.dilation_x - (v.x_width - 1)
            if v.left > v.stride_x or wide > v.stride_x:
                s.x = self.pad(x, &s.g, round_up(v.channels, CHANNELS) // CHANNELS * n * h, max(wide, 0))
            plan_dense(&s.g)
            if scale < 0 and blocked_winograd_fits(&v) and s.x == x:
                return self.winograd(&s, packed, 18.0 * n * v.rows * v.height * v.width * v.channels)
        self.step("conv2d", task_stem if stem else task_dense, NULL, s.g.bands * s.g.parts,
                  2.0 * n * v.rows * v.height * v.width * (v.channels // v.groups) * v.kernel_y * v.kernel_x,
                  dense_work(&s.g), &s, sizeof(s))
        return self.count - 1

    cdef int winograd(self, const DenseStep* dense, Packed packed, double work) except -1:
        """The steps of a convolution by Winograd's algorithm: all of it, then again what was not finite."""
        cdef WinogradStep s
        s.p.g, s.x, s.y, s.residual, s.w, s.bias = dense.g, dense.x, dense.y, dense.residual, dense.w, dense.bias
        s.p.u = packed.winograd()
        self.kept.append(packed)
        plan_blocked_winograd(&s.p)
        s.bad = self.workspace(s.p.g.samples, zeros=True)
        self.step("winograd", task_winograd, NULL, s.p.blocks * s.p.parts, work, blocked_winograd_work(&s.p), &s, sizeof(s))
        self.step("repair", task_repair, NULL, s.p.g.samples, 0, dense_work(&s.p.g), &s, sizeof(s))
        return self.count - 1

    cdef int thin(self, int x, Conv* v) except -1:
        """A step that copies the pixels which a 1x1 kernel with a stride reads, and the buffer it writes."""
        cdef ThinStep s
        s.planes = v.samples * (round_up(v.channels, CHANNELS) // CHANNELS)
        s.height, s.width, s.x_height, s.x_width = v.height, v.width, v.x_height, v.x_width
        s.stride_y, s.stride_x, s.x = v.stride_y, v.stride_x, x
        s.y = self.workspace(4 * s.planes * s.height * s.width * CHANNELS)
        self.step("thin", task_thin, NULL, 64, <double> s.planes * s.height * s.width * CHANNELS, 0, &s, sizeof(s))
        v.x_height, v.x_width, v.stride_y, v.stride_x = v.height, v.width, 1, 1
        return s.y

    cdef int pad(self, int x, Dense* g, Py_ssize_t lines, Py_ssize_t right) except -1:
        """A step that copies an image with its borders left and right, and the buffer it writes."""
        cdef PadStep s
        cdef Py_ssize_t width = g.left + g.x_width + right
        s.lines, s.width, s.left, s.right, s.x = lines, g.x_width, g.left, right, x
        s.y = self.workspace(4 * lines * width * CHANNELS)
        self.step("pad", task_pad, NULL, 64, <double> lines * width * CHANNELS, 0, &s, sizeof(s))
        g.x_sample, g.x_group = g.x_sample // g.x_width * width, g.x_group // g.x_width * width
        g.x_block, g.x_line = g.x_block // g.x_width * width, width * CHANNELS
        g.x_width, g.left = width, 0
        return s.y

    cdef int depthwise(self, int x, int y, Packed packed, int bias, int residual, const Conv* v, str activation,
                       tuple parameters, bint activation_first) except -1:
        cdef DepthStep s
        memset(&s, 0, sizeof(s))
        set_finish("conv2d", &s.g.finish, activation, parameters, activation_first)
        s.x, s.y, s.residual = x, y, residual
        s.w, s.bias = <const float*> cnp.PyArray_DATA(packed.data), self.bias_blocks("conv2d", bias, v.rows)
        self.kept.append(packed.data)
        depth_geometry(&s.g, v)
        plan_blocked_depthwise(&s.g)
        self.step("depthwise", task_depth, NULL, s.g.tasks,
                  2.0 * v.samples * v.rows * v.height * v.width * v.kernel_y * v.kernel_x * s.g.each, 3 * DEPTH_PIECE, &s, sizeof(s))
        return self.count - 1

    def max_pool2d(self, int x, int y, *, Py_ssize_t n, Py_ssize_t c, Py_ssize_t h, Py_ssize_t w, kernel, stride,
                   padding=(0, 0), dilation=(1, 1), bint ceil_mode=False) -> int:
        """The largest of each window of a blocked image."""
        return self.pool("max_pool2d", x, y, n, c, h, w, kernel, stride, padding, dilation, ceil_mode, False, True, None)

    def avg_pool2d(self, int x, int y, *, Py_ssize_t n, Py_ssize_t c, Py_ssize_t h, Py_ssize_t w, kernel, stride,
                   padding=(0, 0), bint ceil_mode=False, bint count_include_pad=True, divisor_override=None) -> int:
        """The mean of each window of a blocked image."""
        return self.pool("avg_pool2d", x, y, n, c, h, w, kernel, stride, padding, (1, 1), ceil_mode, True,
                         count_include_pad, divisor_override)

    cdef int pool(self, str name, int x, int y, Py_ssize_t n, Py_ssize_t c, Py_ssize_t h, Py_ssize_t w, kernel, stride,
                  padding, dilation, bint ceil_mode, bint average, bint include_pad, divisor) except -1:
        cdef PoolStep s
        cdef double work
        memset(&s, 0, sizeof(s))
        pool_shape(f"Plan.{name}", np.broadcast_to(np.float32(0), (n, c, h, w)), kernel, stride, padding, dilation, ceil_mode, &s.g)
        s.g.planes = n * (round_up(c, CHANNELS) // CHANNELS)
        s.g.include_pad = include_pad
        s.g.divisor = 0 if divisor is None else divisor
        s.average, s.x, s.y = average, x, y
        self.check(name, "x", x, blocked_bytes(n, c, h * w))
        self.check(name, "y", y, blocked_bytes(n, c, s.g.height * s.g.width))
        self.distinct(name, y, (x,))
        work = 16.0 * s.g.planes * s.g.height * s.g.width * s.g.kernel_y * s.g.kernel_x
        s.tasks = even_tasks(s.g.planes * s.g.height, work / DEPTH_TASK)
        self.step(name, task_pool, NULL, s.tasks, 4 * work, 0, &s, sizeof(s))
        return self.count - 1

    cdef int plane_step(self, str name, PlaneStep* s, Py_ssize_t n, Py_ssize_t c, Py_ssize_t size) except -1:
        """The sizes of a step over planes."""
        if min(n, c, size) < 1:
            raise ValueError(f"Plan.{name}: expected n, c and the size of an image of at least 1, got {n}, {c}, {size}")
        memset(s, 0, sizeof(PlaneStep))
        s.blocks = round_up(c, CHANNELS) // CHANNELS
        s.planes, s.channels, s.size = n * s.blocks, c, size
        s.pieces = ceil_div(size, <Py_ssize_t> PIXELS_TASK)
        return 0

    def global_avg_pool(self, int x, int y, *, Py_ssize_t n, Py_ssize_t c, Py_ssize_t size) -> int:
        """The mean of the ``size`` pixels of every channel; y is (n, c rounded up to 16)."""
        cdef PlaneStep s
        self.plane_step("global_avg_pool", &s, n, c, size)
        s.x, s.y = x, y
        self.check("global_avg_pool", "x", x, blocked_bytes(n, c, size))
        self.check("global_avg_pool", "y", y, blocked_bytes(n, c, 1))
        self.distinct("global_avg_pool", y, (x,))
        s.pieces = max(1, PIXELS_TASK // size)              # planes of a task
        self.step("global_avg_pool", task_global_pool, NULL, ceil_div(s.planes, s.pieces), 16.0 * s.planes * size * 4, 0,
                  &s, sizeof(s))
        return self.count - 1

    def scale_channels(self, int x, int y, int scale, *, Py_ssize_t n, Py_ssize_t c, Py_ssize_t size) -> int:
        """Every channel of a blocked image times its factor; y may be x. Rows of the scale may be longer than c."""
        cdef PlaneStep s
        self.plane_step("scale_channels", &s, n, c, size)
        s.x, s.y, s.scale = x, y, scale
        self.check("scale_channels", "x", x, blocked_bytes(n, c, size))
        self.check("scale_channels", "y", y, blocked_bytes(n, c, size))
        s.factors = self.check("scale_channels", "scale", scale, 4.0 * n * c).size // (4 * n)
        self.step("scale_channels", task_scale, NULL, s.planes * s.pieces, 16.0 * s.planes * size * 4, 0, &s, sizeof(s))
        return self.count - 1

    def to_blocked(self, int x, int y, *, Py_ssize_t n, Py_ssize_t c, Py_ssize_t size) -> int:
        """Plain (n, c, size) to blocked."""
        cdef PlaneStep s
        self.plane_step("to_blocked", &s, n, c, size)
        s.x, s.y = x, y
        self.check("to_blocked", "x", x, 4.0 * n * c * size)
        self.check("to_blocked", "y", y, blocked_bytes(n, c, size))
        self.distinct("to_blocked", y, (x,))
        self.step("to_blocked", task_to_blocked, NULL, s.planes * s.pieces, 16.0 * s.planes * size * 4, 0, &s, sizeof(s))
        return self.count - 1

    def to_plain(self, int x, int y, *, Py_ssize_t n, Py_ssize_t c, Py_ssize_t size) -> int:
        """Blocked to plain (n, c, size)."""
        cdef PlaneStep s
        self.plane_step("to_plain", &s, n, c, size)
        s.x, s.y = x, y
        self.check("to_plain", "x", x, blocked_bytes(n, c, size))
        self.check("to_plain", "y", y, 4.0 * n * c * size)
        self.distinct("to_plain", y, (x,))
        self.step("to_plain", task_to_plain, NULL, s.planes * s.pieces, 16.0 * s.planes * size * 4, 0, &s, sizeof(s))
        return self.count - 1

    def linear(self, int x, int y, Packed packed not None, int bias=-1, int residual=-1, *, Py_ssize_t rows,
               str activation="none", tuple parameters=(), bint activation_first=False) -> int:
        """y = activation(x @ weight.T + bias + residual) for plain x (rows, K) and y (rows, O)."""
        cdef DenseStep s
        cdef Py_ssize_t out, k
        if packed.kind != "linear":
            raise ValueError(f"Plan.linear: the weight is packed as {packed.kind}")
        out, k = packed.shape
        if rows < 1:
            raise ValueError(f"Plan.linear: expected rows >= 1, got {rows}")
        self.check("linear", "x", x, 4.0 * rows * k)
        self.check("linear", "y", y, 4.0 * rows * out)
        if residual >= 0:
            self.check("linear", "residual", residual, 4.0 * rows * out)
        self.distinct("linear", y, (x, residual))
        memset(&s, 0, sizeof(s))
        set_finish("linear", &s.g.finish, activation, parameters, activation_first)
        s.x, s.y, s.residual, s.scale = x, y, residual, -1
        s.w, s.bias = <const float*> cnp.PyArray_DATA(packed.data), self.bias_blocks("linear", bias, out)
        self.kept.append(packed.data)
        s.g.alone = self.group != NULL
        s.g.samples = s.g.height = s.g.x_height = s.g.kernel_y = s.g.taps = 1
        s.g.stride_y = s.g.stride_x = s.g.dilation_y = s.g.dilation_x = 1
        s.g.width = s.g.x_width = rows
        s.g.steps, s.g.in_blocks = CHANNELS, ceil_div(k, <Py_ssize_t> CHANNELS)
        s.g.last_steps = k - (s.g.in_blocks - 1) * CHANNELS
        s.g.blocks = s.g.group_blocks = ceil_div(out, <Py_ssize_t> CHANNELS)
        s.g.last_lanes = out - (s.g.blocks - 1) * CHANNELS
        s.g.x_block, s.g.x_column, s.g.x_line = CHANNELS, k, rows * k
        s.g.y_block, s.g.y_pixel = CHANNELS, out
        s.g.w_row, s.g.w_block = CHANNELS * CHANNELS, k * CHANNELS
        plan_linear(&s.g)
        self.step("linear", task_linear, NULL, s.g.bands * s.g.parts, 2.0 * rows * k * out, dense_work(&s.g), &s, sizeof(s))
        return self.count - 1
