# Steps over rows and whole tensors: elementwise, softmax, layer norm, attention, copies.

cdef enum:
    FLAT_BLOCK = 1024           # floats staged at a time
    FLAT_TASK = 16384           # floats of a task
    COPY_DIMS = 6


cdef struct FlatStep:
    Finish finish
    Py_ssize_t size, row        # floats of the second operand before it repeats, or 0
    bint multiply
    Map2 function               # of both operands, or NULL
    bint swapped                # the second operand comes first
    float scale, shift
    int x, y, residual


cdef struct MeanStep:
    Py_ssize_t outer, count, inner, pieces
    int x, y


cdef struct ProductStep:
    Py_ssize_t heads, m, n, k, work_parts
    Py_ssize_t a_offset, a_batch, a_head, a_row, a_column
    Py_ssize_t b_offset, b_batch, b_head, b_row, b_column
    Py_ssize_t y_offset, y_batch, y_head, y_row
    int a, b, y


cdef struct RowsStep:
    Rows r
    Py_ssize_t items, tasks
    int x, y


cdef struct NormStep:
    LayerNorm s
    Py_ssize_t tasks
    int x, y, weight, bias, mean, rstd


cdef struct AttentionStep:
    Attention a
    Py_ssize_t blocks, tasks
    int q, k, v, y, mask, logsumexp


cdef struct CopyStep:
    Py_ssize_t shape[COPY_DIMS]
    Py_ssize_t x_stride[COPY_DIMS]
    Py_ssize_t y_stride[COPY_DIMS]
    Py_ssize_t x_offset, y_offset, outer, tasks
    int ndim, x, y


cdef void cycle_row(const float* row, Py_ssize_t size, Py_ssize_t first, Py_ssize_t n, float* out) noexcept nogil:
    """Elements first to first + n of a row that repeats."""
    cdef Py_ssize_t several
    first = first % size
    while n > 0:
        several = min(n, size - first)
        memcpy(out, row + first, several * sizeof(float))
        out += several
        n -= several
        first = 0


cdef void multiply_rows(float* x, const float* factor, float scale, float shift, Py_ssize_t n) noexcept nogil:
    """x *= factor, or x = x * scale + shift."""
    cdef Py_ssize_t i
    if factor != NULL:
        for i in range(n):
            x[i] = x[i] * factor[i]
    else:
        for i in range(n):
            x[i] = madd(x[i], scale, shift)


cdef void task_mean(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    """Up to 64 neighbouring means over the middle of (outer, count, inner)."""
    cdef const MeanStep* s = <const MeanStep*> step
    cdef Py_ssize_t lo = task % s.pieces * 64, n = min(s.inner - lo, 64), c, i
    cdef const float* x = <const float*> buffers[s.x] + task // s.pieces * s.count * s.inner + lo
    cdef float* y = <float*> buffers[s.y] + task // s.pieces * s.inner + lo
    cdef double total[64]
    memset(total, 0, sizeof(total))
    for c in range(s.count):
        for i in range(n):
            total[i] += x[c * s.inner + i]
    for i in range(n):
        y[i] = <float> (total[i] / s.count)


cdef void task_product(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    """One product of matrices, or some rows of it."""
    cdef const ProductStep* s = <const ProductStep*> step
    cdef Py_ssize_t index = task // s.work_parts, batch = index // s.heads, head = index % s.heads
    cdef Py_ssize_t lo = part(s.m, MR32, task % s.work_parts, s.work_parts)
    cdef Py_ssize_t rows = part(s.m, MR32, task % s.work_parts + 1, s.work_parts) - lo
    gemm_serial(<float*> buffers[s.y] + s.y_offset + batch * s.y_batch + head * s.y_head + lo * s.y_row, s.y_row,
                <const float*> buffers[s.a] + s.a_offset + batch * s.a_batch + head * s.a_head + lo * s.a_row, s.a_row,
                s.a_column, <const float*> buffers[s.b] + s.b_offset + batch * s.b_batch + head * s.b_head, s.b_row,
                s.b_column, rows, s.n, s.k, False, work)


cdef void task_flat(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    """y = activation(x + residual), or of another function of both, over a piece of whole tensors."""
    cdef const FlatStep* s = <const FlatStep*> step
    cdef float* x = work
    cdef float* other = work + 2 * FLAT_BLOCK
    cdef const float* done
    cdef Py_ssize_t n, i = task * FLAT_TASK, end = min(s.size, (task + 1) * FLAT_TASK)
    while i < end:
        n = min(end - i, <Py_ssize_t> FLAT_BLOCK)
        memcpy(work, <const float*> buffers[s.x] + i, n * sizeof(float))
        if s.residual >= 0 and s.row == 0:
            memcpy(other, <const float*> buffers[s.residual] + i, n * sizeof(float))
        elif s.residual >= 0:
            cycle_row(<const float*> buffers[s.residual], s.row, i, n, other)
        if s.multiply:
            multiply_rows(work, other if s.residual >= 0 else NULL, s.scale, s.shift, n)
        elif s.function != NULL:
            x = work + 3 * FLAT_BLOCK
            s.function(other if s.swapped else work, work if s.swapped else other, x, round_up(n, LANES), s.finish.p)
        done = finish_rows(&s.finish, x, work + FLAT_BLOCK,
                           other if s.residual >= 0 and not s.multiply and s.function == NULL else NULL,
                           round_up(n, CHANNELS))
        memcpy(<float*> buffers[s.y] + i, done, n * sizeof(float))
        i += n


cdef void task_softmax(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef const RowsStep* s = <const RowsStep*> step
    cdef Rows r = s.r
    r.x = r.z = buffers[s.x]
    r.out = buffers[s.y]
    r.tiles = <char*> work
    rows_range(&r, part(s.items, 1, task, s.tasks), part(s.items, 1, task + 1, s.tasks), 0)


cdef void task_norm_rows(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef const NormStep* n = <const NormStep*> step
    cdef LayerNorm s = n.s
    s.x, s.y, s.mean, s.rstd = buffers[n.x], buffers[n.y], buffers[n.mean], buffers[n.rstd]
    s.weight = buffers[n.weight] if n.weight >= 0 else NULL
    s.bias = buffers[n.bias] if n.bias >= 0 else NULL
    layer_norm_range(&s, False, part(s.rows, 1, task, n.tasks), part(s.rows, 1, task + 1, n.tasks))


cdef void task_attention_heads(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef const AttentionStep* s = <const AttentionStep*> step
    cdef Attention a = s.a
    cdef Py_ssize_t all_blocks = a.batch * a.heads * s.blocks
    a.q.data = buffers[s.q] + <Py_ssize_t> a.q.data
    a.k.data = buffers[s.k] + <Py_ssize_t> a.k.data
    a.v.data = buffers[s.v] + <Py_ssize_t> a.v.data
    a.out.data = buffers[s.y] + <Py_ssize_t> a.out.data
    a.logsumexp = buffers[s.logsumexp]
    if s.mask >= 0:
        a.mask.data = buffers[s.mask]
    attention_range(&a, s.blocks, work, part(all_blocks, 1, task, s.tasks), part(all_blocks, 1, task + 1, s.tasks))


cdef void task_copy(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    """Some runs of the last dimension."""
    cdef const CopyStep* s = <const CopyStep*> step
    cdef Py_ssize_t run, rest, d, i, at, n = s.shape[s.ndim - 1], from_step = s.x_stride[s.ndim - 1]
    cdef Py_ssize_t to_step = s.y_stride[s.ndim - 1]
    cdef const float* x
    cdef float* y
    for run in range(part(s.outer, 1, task, s.tasks), part(s.outer, 1, task + 1, s.tasks)):
        x, y = <const float*> buffers[s.x] + s.x_offset, <float*> buffers[s.y] + s.y_offset
        rest = run
        for d in range(s.ndim - 2, -1, -1):
            at = rest % s.shape[d]
            rest = rest // s.shape[d]
            x += at * s.x_stride[d]
            y += at * s.y_stride[d]
        if from_step == 1 and to_step == 1:
            memcpy(y, x, n * sizeof(float))
        else:
            for i in range(n):
                y[i * to_step] = x[i * from_step]


cdef class RowSteps(RecurrentSteps):
    """Steps over plain tensors; sizes are those of the whole call."""

    def add(self, int x, int residual, int y, *, Py_ssize_t size, Py_ssize_t row=0, str activation="none",
            tuple parameters=()) -> int:
        """y = activation(x + residual) of ``size`` numbers in any layout; y may be x, or a residual without ``row``.

        With ``row`` the residual is so many numbers that repeat.
        """
        return self.flat("add", x, residual, y, size, row, False, 1, 0, activation, parameters)

    def combine(self, int x, int other, int y, *, str function, Py_ssize_t size, Py_ssize_t row=0, bint swapped=False,
                str activation="none", tuple parameters=()) -> int:
        """y = activation(f(x, other)), with ``swapped`` of f(other, x), else as ``add``; f is div, maximum or minimum."""
        cdef int found
        if function not in ("div", "maximum", "minimum"):
            raise ValueError(f"Plan.combine: unknown function {function!r}")
        found = self.flat("combine", x, other, y, size, row, False, 1, 0, activation, parameters)
        cdef FlatStep* s = <FlatStep*> self.steps[found].data
        s.swapped = swapped
        if function == "div":
            s.function = <Map2> div_kernel[float]
        else:
            s.function = <Map2> maximum_kernel[float] if function == "maximum" else <Map2> minimum_kernel[float]
        return found

    def mul(self, int x, int factor, int y, *, Py_ssize_t size, Py_ssize_t row=0, str activation="none",
            tuple parameters=()) -> int:
        """y = activation(x * factor), else as ``add``."""
        return self.flat("mul", x, factor, y, size, row, True, 1, 0, activation, parameters)

    def affine(self, int x, int y, *, Py_ssize_t size, double scale, double shift, str activation="none",
               tuple parameters=()) -> int:
        """y = activation(x * scale + shift) with one rounding where the CPU can; y may be x."""
        return self.flat("affine", x, -1, y, size, 0, True, scale, shift, activation, parameters)

    def activation(self, int x, int y, *, Py_ssize_t size, str activation, tuple parameters=()) -> int:
        """y = activation(x) of ``size`` numbers in any layout; y may be x."""
        return self.flat("activation", x, -1, y, size, 0, False, 1, 0, activation, parameters)

    cdef int flat(self, str name, int x, int residual, int y, Py_ssize_t size, Py_ssize_t row, bint multiply, double scale,
                  double shift, str activation, tuple parameters) except -1:
        cdef FlatStep s
        memset(&s, 0, sizeof(s))
        if size < 1 or row < 0:
            raise ValueError(f"Plan.{name}: expected size >= 1 and row >= 0, got {size}, {row}")
        set_finish(name, &s.finish, activation, parameters, False)
        s.size, s.row, s.x, s.y, s.residual = size, row, x, y, residual
        s.multiply, s.scale, s.shift = multiply, <float> scale, <float> shift
        self.check(name, "x", x, 4.0 * size)
        self.check(name, "y", y, 4.0 * size)
        if name == "add" or name == "mul" or name == "combine":
            self.check(name, "the second operand", residual, 4.0 * (row or size))
            if row:
                self.distinct(name, y, (residual,))
        self.step(name, task_flat, NULL, ceil_div(size, <Py_ssize_t> FLAT_TASK), 40.0 * size, 4 * FLAT_BLOCK, &s, sizeof(s))
        return self.count - 1

    def mean(self, int x, int y, *, Py_ssize_t outer, Py_ssize_t count, Py_ssize_t inner) -> int:
        """y (outer, inner) = means over the middle of plain x (outer, count, inner)."""
        cdef MeanStep s
        if min(outer, count, inner) < 1:
            raise ValueError(f"Plan.mean: expected sizes of at least 1, got {(outer, count, inner)}")
        self.check("mean", "x", x, 4.0 * outer * count * inner)
        self.check("mean", "y", y, 4.0 * outer * inner)
        self.distinct("mean", y, (x,))
        s.outer, s.count, s.inner, s.pieces, s.x, s.y = outer, count, inner, ceil_div(inner, 64), x, y
        self.step("mean", task_mean, NULL, outer * s.pieces, 4.0 * outer * count * inner, 0, &s, sizeof(s))
        return self.count - 1

    def matmul(self, tuple a, tuple b, tuple y, *, Py_ssize_t batch, Py_ssize_t heads, Py_ssize_t m, Py_ssize_t n,
               Py_ssize_t k) -> int:
        """y = a @ b for every sample and head: a (m, k), b (k, n), y (m, n).

        a and b are (buffer, offset, stride of a sample, of a head, of a row, of a column) in floats, y the same without the
        last: numbers of its rows are neighbours.
        """
        cdef ProductStep s
        cdef Py_ssize_t size
        cdef float* like = NULL
        if min(batch, heads, m, n) < 1 or k < 1:
            raise ValueError(f"Plan.matmul: expected sizes of at least 1, got {(batch, heads, m, n, k)}")
        for what, operand, rows, columns in (("a", a, m, k), ("b", b, k, n), ("y", (*y, 1), m, n)):
            buffer, *strides = operand
            if len(strides) != 5 or min(strides) < 0:
                raise ValueError(f"Plan.matmul: {what} needs an offset and strides of at least 0, got {operand}")
            self.check("matmul", what, buffer, 4.0 * (strides[0] + (batch - 1) * strides[1] + (heads - 1) * strides[2]
                                                      + (rows - 1) * strides[3] + (columns - 1) * strides[4] + 1))
        self.distinct("matmul", y[0], (a[0], b[0]))
        s.a, s.a_offset, s.a_batch, s.a_head, s.a_row, s.a_column = a
        s.b, s.b_offset, s.b_batch, s.b_head, s.b_row, s.b_column = b
        s.y, s.y_offset, s.y_batch, s.y_head, s.y_row = y
        s.heads, s.m, s.n, s.k = heads, m, n, k
        s.work_parts = 1 if batch * heads >= 8 else min(ceil_div(m, <Py_ssize_t> MR32), 8)
        size = gemm_workspace(like, s.a_row, s.a_column, s.b_row, s.b_column, m, n, k)
        self.step("matmul", task_product, NULL, batch * heads * s.work_parts, 2.0 * batch * heads * m * n * k,
                  max(size, gemm_workspace(like, s.a_row, s.a_column, s.b_row, s.b_column, ceil_div(m, s.work_parts), n, k)),
                  &s, sizeof(s))
        return self.count - 1

    def softmax(self, int x, int y, *, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t inner=1) -> int:
        """Softmax over the middle of plain (rows, n, inner)."""
        cdef RowsStep s
        memset(&s, 0, sizeof(s))
        if min(rows, n, inner) < 1:
            raise ValueError(f"Plan.softmax: expected rows, n and inner of at least 1, got {rows}, {n}, {inner}")
        self.check("softmax", "x", x, 4.0 * rows * n * inner)
        self.check("softmax", "y", y, 4.0 * rows * n * inner)
        self.distinct("softmax", y, (x,))
        s.r.row, s.r.column = <Row> softmax_row[float], <Column> softmax_column[float]
        s.r.size, s.r.outer, s.r.count, s.r.inner = sizeof(float), rows, n, inner
        choose_rows(&s.r, <void*> softmax_rows32)
        s.x, s.y, s.items = x, y, row_items(&s.r)
        s.tasks = max(1, min(min(s.items, <Py_ssize_t> MANY_TASKS), rows * n * inner // FLAT_TASK))
        self.step("softmax", task_softmax, NULL, s.tasks, 60.0 * rows * n * inner,
                  3 * tile_size(&s.r) // <Py_ssize_t> sizeof(float) if s.r.together else 0, &s, sizeof(s))
        return self.count - 1

    def layer_norm(self, int x, int y, int weight=-1, int bias=-1, *, Py_ssize_t rows, Py_ssize_t n, double eps=1e-5,
                   bint rms=False) -> int:
        """Layer norm, or RMS norm, of every row of plain (rows, n)."""
        cdef NormStep s
        memset(&s, 0, sizeof(s))
        if min(rows, n) < 1:
            raise ValueError(f"Plan.layer_norm: expected rows and n of at least 1, got {rows}, {n}")
        for what, buffer in (("x", x), ("y", y)):
            self.check("layer_norm", what, buffer, 4.0 * rows * n)
        for what, buffer in (("weight", weight), ("bias", bias)):
            if buffer >= 0:
                self.check("layer_norm", what, buffer, 4.0 * n)
        self.distinct("layer_norm", y, (x, weight, bias))
        s.s.single, s.s.rms, s.s.rows, s.s.width, s.s.eps = True, rms, rows, n, eps
        s.x, s.y, s.weight, s.bias = x, y, weight, bias
        s.mean, s.rstd = self.workspace(4 * rows), self.workspace(4 * rows)
        s.tasks = max(1, min(min(rows, <Py_ssize_t> MANY_TASKS), rows * n // FLAT_TASK))
        self.step("layer_norm", task_norm_rows, NULL, s.tasks, 40.0 * rows * n, 0, &s, sizeof(s))
        return self.count - 1

    def attention(self, tuple q, tuple k, tuple v, tuple y, int mask=-1, *, Py_ssize_t batch, Py_ssize_t heads,
                  Py_ssize_t queries, Py_ssize_t keys, Py_ssize_t size, Py_ssize_t v_size=0, Py_ssize_t kv_heads=0,
                  double scale=1, bint causal=False, mask_strides=(0, 0, 0, 0), bint bool_mask=False) -> int:
        """y = softmax(scale * q @ k.T + mask) @ v per head.

        q, k, v and y are (buffer, offset, stride of a sample, of a head, of a row) in floats; numbers of a row are
        neighbours. The mask, of strides for sample, head, query and key (in its own numbers), is added, or with
        ``bool_mask`` says which keys take part.
        """
        cdef AttentionStep s
        cdef Py_ssize_t lanes = tile_columns(<const float*> NULL), reach, at
        cdef Heads* h
        memset(&s, 0, sizeof(s))
        v_size, kv_heads = v_size or size, kv_heads or heads
        if min(batch, heads, queries, keys, size) < 1 or heads % kv_heads:
            raise ValueError(f"Plan.attention: expected positive sizes and heads that are a multiple of kv_heads, got "
                             f"{(batch, heads, kv_heads, queries, keys, size)}")
        for what, operand, count, rows, width in (("q", q, heads, queries, size), ("k", k, kv_heads, keys, size),
                                                  ("v", v, kv_heads, keys, v_size), ("y", y, heads, queries, v_size)):
            buffer, offset, b, hd, r = operand
            reach = offset + (batch - 1) * b + (count - 1) * hd + (rows - 1) * r + width
            if min(offset, b, hd, r) < 0:
                raise ValueError(f"Plan.attention: {what} has a negative offset or stride: {operand}")
            self.check("attention", what, buffer, 4.0 * reach)
            h = &s.a.q if what == "q" else &s.a.k if what == "k" else &s.a.v if what == "v" else &s.a.out
            at = 4 * offset
            h.data, h.batch, h.head, h.row = <char*> at, b, hd, r
        self.distinct("attention", y[0], (q[0], k[0], v[0], mask))
        s.q, s.k, s.v, s.y, s.mask = q[0], k[0], v[0], y[0], mask
        if mask >= 0:
            s.a.mask_kind = BOOL_MASK if bool_mask else FLOAT_MASK
            s.a.mask.batch, s.a.mask.head, s.a.mask.row, s.a.mask_column = mask_strides
            reach = ((batch - 1) * s.a.mask.batch + (heads - 1) * s.a.mask.head + (queries - 1) * s.a.mask.row
                     + (keys - 1) * s.a.mask_column + 1)
            self.check("attention", "mask", mask, reach * (1.0 if bool_mask else 4.0))
        s.a.batch, s.a.heads, s.a.kv_heads, s.a.queries, s.a.keys = batch, heads, kv_heads, queries, keys
        s.a.size, s.a.v_size, s.a.scale, s.a.causal = size, v_size, scale, causal
        s.logsumexp = self.workspace(4 * batch * heads * queries)
        s.blocks = ceil_div(queries, lanes)
        # a task prepares the keys of every head it meets
        s.tasks = batch * heads if batch * heads >= 16 else min(batch * heads * s.blocks, 8)
        self.step("attention", task_attention_heads, NULL, s.tasks,
                  2.0 * batch * heads * queries * keys * (size + v_size), attention_workspace(&s.a, <const float*> NULL),
                  &s, sizeof(s))
        return self.count - 1

    def copy(self, int x, int y, *, tuple shape, tuple x_strides, tuple y_strides, Py_ssize_t x_offset=0,
             Py_ssize_t y_offset=0) -> int:
        """y[index] = x[index] for every index of ``shape``; strides and offsets in floats."""
        cdef CopyStep s
        cdef Py_ssize_t i, size = 1, x_reach = x_offset, y_reach = y_offset
        memset(&s, 0, sizeof(s))
        if not 1 <= len(shape) <= COPY_DIMS or len(x_strides) != len(shape) or len(y_strides) != len(shape):
            raise ValueError(f"Plan.copy: expected 1 to {COPY_DIMS} dimensions, got shape {shape}, strides {x_strides} and "
                             f"{y_strides}")
        s.ndim, s.x, s.y, s.x_offset, s.y_offset = len(shape), x, y, x_offset, y_offset
        for i in range(s.ndim):
            s.shape[i], s.x_stride[i], s.y_stride[i] = shape[i], x_strides[i], y_strides[i]
            if s.shape[i] < 1 or s.x_stride[i] < 0 or s.y_stride[i] < 0:
                raise ValueError(f"Plan.copy: expected positive extents and no negative strides, got {shape}, {x_strides}, "
                                 f"{y_strides}")
            size *= s.shape[i]
            x_reach += (s.shape[i] - 1) * s.x_stride[i]
            y_reach += (s.shape[i] - 1) * s.y_stride[i]
        if min(x_offset, y_offset) < 0:
            raise ValueError(f"Plan.copy: expected offsets of at least 0, got {x_offset}, {y_offset}")
        self.check("copy", "x", x, 4.0 * (x_reach + 1))
        self.check("copy", "y", y, 4.0 * (y_reach + 1))
        self.distinct("copy", y, (x,))
        s.outer = size // s.shape[s.ndim - 1]
        s.tasks = max(1, min(s.outer, size // FLAT_TASK))
        self.step("copy", task_copy, NULL, s.tasks, 20.0 * size, 0, &s, sizeof(s))
        return self.count - 1
