# The ways between forms of images, and what needs no weights: float32, bfloat16, bytes. See low_tile.pxi.

cdef extern from *:
    """
    /* y = the mean of n times 16 numbers: four sums, added in pairs. */
    static void lucid_low_mean(const lucid_low_form *from, const char *x, Py_ssize_t n, const lucid_low_form *into, char *y) {
        const lucid_low_form a = *from;
        const Py_ssize_t size = 16 * lucid_low_sizes[a.kind];
        float zeros[16] = {0}, share[16];
        lucid_sixteen sum[4];
        for (int l = 0; l < 16; l++)
            share[l] = (float) (1.0 / (double) n);
        for (int k = 0; k < 4; k++)
            sum[k] = lucid_sixteen_load(zeros);
        for (Py_ssize_t i = 0; i + 4 <= n; i += 4)
            for (int k = 0; k < 4; k++)
                sum[k] = lucid_sixteen_add(sum[k], lucid_low_load(&a, x + (i + k) * size));
        for (Py_ssize_t i = n / 4 * 4; i < n; i++)
            sum[i % 4] = lucid_sixteen_add(sum[i % 4], lucid_low_load(&a, x + i * size));
        const lucid_sixteen all = lucid_sixteen_add(lucid_sixteen_add(sum[0], sum[1]), lucid_sixteen_add(sum[2], sum[3]));
        lucid_low_store(into, y, lucid_sixteen_mul(all, lucid_sixteen_load(share)));
    }
    """
    void low_mean "lucid_low_mean" (const LowForm* f, const char* x, Py_ssize_t n, const LowForm* into, char* y) noexcept nogil


cdef struct ConvertStep:
    Py_ssize_t planes, blocks, channels, size, pieces, factors      # as in PlaneStep
    LowForm a, b
    int x, y, scale


cdef struct NarrowRowsStep:
    Py_ssize_t rows, columns, each              # rows of a task
    LowForm y_form
    int x, y


cdef struct LowPoolStep:
    Py_ssize_t planes, size, several            # planes of a task
    LowForm x_form, y_form
    int x, y


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


cdef void task_low_pool(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    """The means of some planes."""
    cdef const LowPoolStep* s = <const LowPoolStep*> step
    cdef Py_ssize_t plane
    for plane in range(task * s.several, min((task + 1) * s.several, s.planes)):
        low_mean(&s.x_form, buffers[s.x] + plane * s.size * CHANNELS * low_size(s.x_form.kind), s.size,
                 &s.y_form, buffers[s.y] + plane * CHANNELS * low_size(s.y_form.kind))


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


cdef class LowLayouts(RowSteps):
    """Steps from one form to another."""

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

    def low_global_pool(self, int x, int y, *, Py_ssize_t n, Py_ssize_t c, Py_ssize_t size, form=None,
                        y_form=None) -> int:
        """As ``global_avg_pool`` of an image of one form, or of float32, to another."""
        cdef LowPoolStep s
        if min(n, c, size) < 1:
            raise ValueError(f"Plan.low_global_pool: expected n, c and the size of an image of at least 1, got {n}, {c}, {size}")
        low_form("low_global_pool", form, &s.x_form)
        low_form("low_global_pool", y_form, &s.y_form)
        s.x, s.y, s.size, s.planes = x, y, size, n * ceil_div(c, <Py_ssize_t> CHANNELS)
        s.several = max(1, PIXELS_TASK // size)
        self.check("low_global_pool", "x", x, blocked_bytes(n, c, size) / 4 * low_size(s.x_form.kind))
        self.check("low_global_pool", "y", y, blocked_bytes(n, c, 1) / 4 * low_size(s.y_form.kind))
        self.distinct("low_global_pool", y, (x,))
        self.step("low_global_pool", task_low_pool, NULL, ceil_div(s.planes, s.several), 16.0 * s.planes * size * 4, 0, &s,
                  sizeof(s))
        return self.count - 1
