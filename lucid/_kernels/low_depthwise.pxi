# Depthwise convolution of blocked images in bfloat16 or bytes: some rows at a time are widened to float32 in L2, go through
# the kernels of blocked_depthwise.pxi with float32 weights, and are narrowed again. What it saves is memory, not arithmetic.

cdef enum:
    LOW_STAGE = 24576           # floats of input that a task widens at a time


cdef struct LowDepth:
    Depth g
    LowForm x, y, r
    Py_ssize_t lines            # rows of output at a time
    Py_ssize_t stage, out       # floats of either


cdef void plan_low_depthwise(LowDepth* s, bint residual) noexcept nogil:
    cdef Depth* g = &s.g
    cdef Py_ssize_t reach = (g.rows - 1) * g.dilation_y + 1, line = g.x_width * CHANNELS
    plan_blocked_depthwise(g)
    g.finish.late = g.finish.late or residual
    s.lines = max(1, min(g.height, (LOW_STAGE // line - reach) // g.stride_y + 1))
    s.stage = ((s.lines - 1) * g.stride_y + reach) * line
    s.out = s.lines * g.width * CHANNELS


cdef Py_ssize_t low_depth_work(const LowDepth* s) noexcept nogil:
    return s.stage + s.out + 2 * DEPTH_PIECE + 3 * LANES


cdef void low_depth_task(const LowDepth* s, const char* x, const float* w, const float* bias, const char* residual, char* y,
                         float* work, Py_ssize_t task) noexcept nogil:
    """Rows of output, counted through all planes."""
    cdef const Depth* g = &s.g
    cdef Py_ssize_t row = part(g.planes * g.height, 1, task, g.tasks), end = part(g.planes * g.height, 1, task + 1, g.tasks)
    cdef Py_ssize_t lines, lo, hi, at, i, n, top, line = g.x_width * CHANNELS
    cdef float* out = work + s.stage
    cdef float* spare = out + s.out + LANES
    cdef float* r = spare + DEPTH_PIECE + LANES
    cdef const float* done
    cdef LowForm plain
    cdef DenseData d
    memset(&plain, 0, sizeof(plain))
    d.w, d.bias, d.residual, d.scale = w, bias, NULL, NULL
    while row < end:
        lines = min(min(end - row, g.height - row % g.height), s.lines)
        top = row % g.height * g.stride_y - g.top
        lo, hi = max(top, 0), min(top + (lines - 1) * g.stride_y + (g.rows - 1) * g.dilation_y + 1, g.x_height)
        at = row // g.height * g.x_height * line
        if s.x.kind == LOW_FLOAT:
            d.x = <const float*> x
        else:
            d.x = work - (at + lo * line)
            if hi > lo:
                low_convert(&s.x, x + low_size(s.x.kind) * (at + lo * line), &plain, <char*> work, NULL, (hi - lo) * g.x_width)
        at, n = row * g.width * CHANNELS, lines * g.width * CHANNELS
        d.y = out - at
        depth_lines(g, &d, row, lines)
        if not g.finish.late:
            if g.finish.limits & FORMULAS:
                block_finish(out, NULL, n, 0, 0, g.finish.limits)
            low_convert(&plain, <const char*> out, &s.y, y + low_size(s.y.kind) * at, NULL, n // CHANNELS)
        else:
            i, hi = at, at + n
            while i < hi:
                n = min(hi - i, <Py_ssize_t> DEPTH_PIECE)
                if residual != NULL:
                    low_convert(&s.r, residual + low_size(s.r.kind) * i, &plain, <char*> r, NULL, n // CHANNELS)
                done = finish_rows(&g.finish, out + (i - at), spare, r if residual != NULL else NULL, n)
                low_convert(&plain, <const char*> done, &s.y, y + low_size(s.y.kind) * i, NULL, n // CHANNELS)
                i += n
        row += lines
