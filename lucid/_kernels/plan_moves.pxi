# Steps that take numbers from elsewhere: rows of a table, weighted sums along a dimension; and what may go wrong in them.

cdef struct ResampleStep:
    Py_ssize_t outer, inputs, outputs, inner, taps, tasks
    const int32_t* columns      # (taps, outputs): below 0 where a tap is absent
    const float* weights        # the same shape, or NULL: all are 1
    int x, y


cdef struct EmbeddingStep:
    Py_ssize_t rows, width, count, tasks
    int64_t least               # the least place: below 0 they count from the end
    int table, index, y, fault


cdef struct ThinStep:
    Py_ssize_t planes, height, width, x_height, x_width, stride_y, stride_x     # planes: blocks of all samples
    int x, y


cdef void task_thin(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    """Every so manieth pixel of a blocked image: one sixty-fourth of the lines."""
    cdef const ThinStep* s = <const ThinStep*> step
    cdef Py_ssize_t line, i
    cdef const float* x
    cdef float* y
    for line in range(part(s.planes * s.height, 1, task, 64), part(s.planes * s.height, 1, task + 1, 64)):
        x = <const float*> buffers[s.x]
        x += (line // s.height * s.x_height + line % s.height * s.stride_y) * s.x_width * CHANNELS
        y = <float*> buffers[s.y] + line * s.width * CHANNELS
        for i in range(s.width):
            memcpy(y + i * CHANNELS, x + i * s.stride_x * CHANNELS, CHANNELS * sizeof(float))


cdef void resample_row(const ResampleStep* s, const float* x, float* y, Py_ssize_t output) noexcept nogil:
    """One of ``outputs`` rows of ``inner`` numbers; absent taps are not multiplied, so that NaN reaches who reads it."""
    cdef Py_ssize_t tap, at, i
    cdef const float* source
    cdef float w
    cdef bint begun = False
    for tap in range(s.taps):
        at = tap * s.outputs + output
        if s.columns[at] < 0:
            continue
        source = x + s.columns[at] * s.inner
        w = s.weights[at] if s.weights != NULL else <float> 1
        if not begun and s.weights == NULL:
            memcpy(y, source, s.inner * sizeof(float))
        elif not begun:
            for i in range(s.inner):
                y[i] = w * source[i]
        else:
            for i in range(s.inner):
                y[i] = madd(source[i], w, y[i])
        begun = True
    if not begun:
        memset(y, 0, s.inner * sizeof(float))


cdef void task_resample(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef const ResampleStep* s = <const ResampleStep*> step
    cdef Py_ssize_t row, rows = s.outer * s.outputs
    for row in range(part(rows, 1, task, s.tasks), part(rows, 1, task + 1, s.tasks)):
        resample_row(s, <const float*> buffers[s.x] + row // s.outputs * s.inputs * s.inner,
                     <float*> buffers[s.y] + row * s.inner, row % s.outputs)


cdef void task_embedding(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    """Rows of a table; a place that is none of its rows is noted, and gives zeros."""
    cdef const EmbeddingStep* s = <const EmbeddingStep*> step
    cdef const int64_t* index = <const int64_t*> buffers[s.index]
    cdef float* y = <float*> buffers[s.y]
    cdef Py_ssize_t i, at
    for i in range(part(s.count, 1, task, s.tasks), part(s.count, 1, task + 1, s.tasks)):
        if s.least <= index[i] < s.rows:
            at = index[i] + (s.rows if index[i] < 0 else 0)
            memcpy(y + i * s.width, <const float*> buffers[s.table] + at * s.width, s.width * sizeof(float))
        else:
            memset(y + i * s.width, 0, s.width * sizeof(float))
            take(<int64_t*> buffers[s.fault], 1)


cdef class MoveSteps(Schedule):
    """Steps over plain or blocked tensors as (outer, extent, inner)."""

    cdef int distinct(self, str name, int y, tuple others) except -1:
        for x in others:
            if x >= 0 and self.overlap(x, y):
                raise ValueError(f"Plan.{name}: the output overlaps what the step reads")
        return 0

    cdef cnp.ndarray own_copy(self, str name, str what, int buffer, Py_ssize_t nbytes):
        """A copy of a constant, so that nothing changes what was checked."""
        cdef Place* place = self.check(name, what, buffer, nbytes)
        cdef cnp.ndarray copy = np.empty(nbytes, np.uint8)
        if place.kind != IN_CONSTANT:
            raise ValueError(f"Plan.{name}: {what} must be a constant")
        memcpy(cnp.PyArray_DATA(copy), place.data, nbytes)
        self.kept.append(copy)
        return copy

    def resample(self, int x, int columns, int y, int weights=-1, *, Py_ssize_t outer, Py_ssize_t inputs, Py_ssize_t outputs,
                 Py_ssize_t inner, Py_ssize_t taps) -> int:
        """y (outer, outputs, inner) = sums over taps of weights * x (outer, inputs, inner) at ``columns`` of the middle.

        ``columns``, int32, and ``weights`` (all 1 without them) are constants of shape (taps, outputs); a column of -1
        stands for nothing.
        """
        cdef ResampleStep s
        cdef cnp.ndarray places
        cdef Py_ssize_t i
        memset(&s, 0, sizeof(s))
        if min(outer, inputs, outputs, inner) < 1 or taps < 1:
            raise ValueError(f"Plan.resample: expected sizes of at least 1, got {(outer, inputs, outputs, inner, taps)}")
        self.check("resample", "x", x, 4.0 * outer * inputs * inner)
        self.check("resample", "y", y, 4.0 * outer * outputs * inner)
        self.distinct("resample", y, (x,))
        self.check("resample", "columns", columns, 4.0 * taps * outputs)
        places = self.own_copy("resample", "columns", columns, 4 * taps * outputs)
        s.columns = <const int32_t*> cnp.PyArray_DATA(places)
        for i in range(taps * outputs):
            if not -1 <= s.columns[i] < inputs:
                raise ValueError(f"Plan.resample: column {s.columns[i]} is none of {inputs}")
        if weights >= 0:
            self.check("resample", "weights", weights, 4.0 * taps * outputs)
            s.weights = <const float*> cnp.PyArray_DATA(self.own_copy("resample", "weights", weights, 4 * taps * outputs))
        s.outer, s.inputs, s.outputs, s.inner, s.taps, s.x, s.y = outer, inputs, outputs, inner, taps, x, y
        s.tasks = max(1, min(min(outer * outputs, <Py_ssize_t> MOST_TASKS), outer * outputs * inner * taps // FLAT_TASK))
        self.step("resample", task_resample, NULL, s.tasks, 20.0 * outer * outputs * inner * taps, 0, &s, sizeof(s))
        return self.count - 1

    def embedding(self, int table, int index, int y, *, Py_ssize_t rows, Py_ssize_t width, Py_ssize_t count,
                  bint negative=False) -> int:
        """y (count, width) = rows of ``table`` (rows, width) at the int64 places ``index``.

        With ``negative``, places from -rows to -1 count from the end. A run raises IndexError where one of them is none of its rows.
        """
        cdef EmbeddingStep s
        memset(&s, 0, sizeof(s))
        if min(rows, width, count) < 1:
            raise ValueError(f"Plan.embedding: expected sizes of at least 1, got {(rows, width, count)}")
        if self.group != NULL:
            raise ValueError("Plan.embedding: cannot be a step of a group")
        self.check("embedding", "table", table, 4.0 * rows * width)
        self.check("embedding", "index", index, 8.0 * count)
        self.check("embedding", "y", y, 4.0 * count * width)
        self.distinct("embedding", y, (table, index))
        s.rows, s.width, s.count, s.table, s.index, s.y = rows, width, count, table, index, y
        s.least = -rows if negative else 0
        s.fault = self.place(IN_FAULT, self.count, sizeof(int64_t), NULL)
        s.tasks = max(1, min(min(count, <Py_ssize_t> MANY_TASKS), count * width // FLAT_TASK))
        self.step("embedding", task_embedding, NULL, s.tasks, 20.0 * count * width, 0, &s, sizeof(s))
        return self.count - 1

    cdef object fault(self, Py_ssize_t step, char** buffers):
        """What to raise where a step found a fault."""
        cdef const EmbeddingStep* s = <const EmbeddingStep*> self.steps[step].data
        cdef const int64_t* index = <const int64_t*> buffers[s.index]
        cdef int64_t low = 0, high = 0
        cdef Py_ssize_t i
        for i in range(s.count):
            low, high = min(low, index[i]), max(high, index[i])
        return IndexError(f"embedding: index {high if high >= s.rows else low} is out of range for {s.rows} rows "
                          f"(weight ({s.rows}, {s.width}))")
