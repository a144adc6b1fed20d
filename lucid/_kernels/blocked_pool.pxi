# Blocked images: pooling, factors of channels, and the ways into the layout and out of it.

cdef extern from *:
    """
    typedef struct {
        const float *x;                                 /* a plane */
        Py_ssize_t x_height, x_width, rows, taps, dilation_y, dilation_x;
    } lucid_window_plane;

    /* One window whose first element, maybe beside the image, is (i, j): its maximum, NaN over every number. */
    static void lucid_window_max(const lucid_window_plane *p, Py_ssize_t i, Py_ssize_t j, float *y) {
        for (int part = 0; part < 16; part += LUCID_BLOCK_LANES) {
            lucid_bv top = lucid_bv_all(-INFINITY);
            for (Py_ssize_t r = 0; r < p->rows; r++) {
                const Py_ssize_t a = i + r * p->dilation_y;
                if (a < 0 || a >= p->x_height)
                    continue;
                for (Py_ssize_t s = 0; s < p->taps; s++) {
                    const Py_ssize_t b = j + s * p->dilation_x;
                    if (b >= 0 && b < p->x_width)
                        top = lucid_bv_larger(top, lucid_bv_load(p->x + (a * p->x_width + b) * 16 + part));
                }
            }
            lucid_bv_store(y + part, top);
        }
    }

    /* Its sum, and how many elements lie in the image. */
    static Py_ssize_t lucid_window_sum(const lucid_window_plane *p, Py_ssize_t i, Py_ssize_t j, float *y) {
        Py_ssize_t count = 0;
        for (int part = 0; part < 16; part += LUCID_BLOCK_LANES) {
            lucid_bv sum = lucid_bv_zero();
            count = 0;
            for (Py_ssize_t r = 0; r < p->rows; r++)
                for (Py_ssize_t s = 0; s < p->taps; s++) {
                    const Py_ssize_t a = i + r, b = j + s;
                    if (a < 0 || a >= p->x_height || b < 0 || b >= p->x_width)
                        continue;
                    sum = lucid_bv_add(sum, lucid_bv_load(p->x + (a * p->x_width + b) * 16 + part));
                    count++;
                }
            lucid_bv_store(y + part, sum);
        }
        return count;
    }

    /* The mean of n pixels: chains of at most 64 floats, added up in double. */
    static void lucid_plane_mean(const float *x, Py_ssize_t n, float *y) {
        double total[16] = {0};
        for (Py_ssize_t i = 0; i < n; i += 256) {
            const Py_ssize_t end = i + 256 < n ? i + 256 : n;
            for (int part = 0; part < 16; part += LUCID_BLOCK_LANES) {
                lucid_bv sum[4];
                float lanes[LUCID_BLOCK_LANES];
                Py_ssize_t j = i;
                for (int q = 0; q < 4; q++)
                    sum[q] = lucid_bv_zero();
                for (; j + 4 <= end; j += 4)
                    LUCID_UNROLL(4) for (int q = 0; q < 4; q++)
                        sum[q] = lucid_bv_add(sum[q], lucid_bv_load(x + (j + q) * 16 + part));
                for (; j < end; j++)
                    sum[0] = lucid_bv_add(sum[0], lucid_bv_load(x + j * 16 + part));
                lucid_bv_store(lanes, lucid_bv_add(lucid_bv_add(sum[0], sum[1]), lucid_bv_add(sum[2], sum[3])));
                for (int l = 0; l < LUCID_BLOCK_LANES; l++)
                    total[part + l] += lanes[l];
            }
        }
        for (int l = 0; l < 16; l++)
            y[l] = (float) (total[l] / (double) n);
    }

    static void lucid_divide_pixel(float *y, float divisor) {
        const lucid_bv d = lucid_bv_all(divisor);
        for (int part = 0; part < 16; part += LUCID_BLOCK_LANES)
            lucid_bv_store(y + part, lucid_bv_div(lucid_bv_load(y + part), d));
    }

    static void lucid_scale_pixels(const float *x, const float *factor, float *y, Py_ssize_t n) {
        for (int part = 0; part < 16; part += LUCID_BLOCK_LANES) {
            const lucid_bv f = lucid_bv_load(factor + part);
            for (Py_ssize_t i = 0; i < n; i++)
                lucid_bv_store(y + i * 16 + part, lucid_bv_mul(lucid_bv_load(x + i * 16 + part), f));
        }
    }
    """
    ctypedef struct WindowPlane "lucid_window_plane":
        const float* x
        Py_ssize_t x_height, x_width, rows, taps, dilation_y, dilation_x
    void window_max "lucid_window_max" (const WindowPlane* p, Py_ssize_t i, Py_ssize_t j, float* y) noexcept nogil
    Py_ssize_t window_sum "lucid_window_sum" (const WindowPlane* p, Py_ssize_t i, Py_ssize_t j, float* y) noexcept nogil
    void plane_mean "lucid_plane_mean" (const float* x, Py_ssize_t n, float* y) noexcept nogil
    void divide_pixel "lucid_divide_pixel" (float* y, float divisor) noexcept nogil
    void scale_pixels "lucid_scale_pixels" (const float* x, const float* factor, float* y, Py_ssize_t n) noexcept nogil


cdef enum:
    PIXELS_TASK = 2048          # pixels of a task that only moves them


cdef struct PoolStep:
    Pool g                      # planes are blocks of channels
    Py_ssize_t tasks
    bint average
    int x, y


cdef struct PlaneStep:
    # one pass over the pixels of planes of 16 channels
    Py_ssize_t planes, blocks, channels, size       # of all samples; of one; channels; pixels
    Py_ssize_t pieces                               # tasks per plane
    Py_ssize_t factors                              # floats between samples of the factors
    int x, y, scale


cdef void task_pool(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    """Some rows of output, counted through all planes."""
    cdef const PoolStep* s = <const PoolStep*> step
    cdef const Pool* g = &s.g
    cdef Py_ssize_t row, i, j, count, rows = g.planes * g.height
    cdef float* y
    cdef float divisor
    cdef WindowPlane p
    p.x_height, p.x_width, p.rows, p.taps = g.x_height, g.x_width, g.kernel_y, g.kernel_x
    p.dilation_y, p.dilation_x = g.dilation_y, g.dilation_x
    for row in range(part(rows, 1, task, s.tasks), part(rows, 1, task + 1, s.tasks)):
        p.x = <const float*> buffers[s.x] + row // g.height * g.x_height * g.x_width * CHANNELS
        i = row % g.height
        for j in range(g.width):
            y = <float*> buffers[s.y] + (row * g.width + j) * CHANNELS
            if not s.average:
                window_max(&p, i * g.stride_y - g.top, j * g.stride_x - g.left, y)
            else:
                count = window_sum(&p, i * g.stride_y - g.top, j * g.stride_x - g.left, y)
                divisor = <float> window_divisor(g, i, j, count)
                divide_pixel(y, divisor)


cdef void task_global_pool(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef const PlaneStep* s = <const PlaneStep*> step
    cdef Py_ssize_t i
    for i in range(task * s.pieces, min((task + 1) * s.pieces, s.planes)):
        plane_mean(<const float*> buffers[s.x] + i * s.size * CHANNELS, s.size, <float*> buffers[s.y] + i * CHANNELS)


cdef inline void piece(const PlaneStep* s, Py_ssize_t task, Py_ssize_t* plane, Py_ssize_t* lo, Py_ssize_t* hi) noexcept nogil:
    plane[0] = task // s.pieces
    lo[0] = part(s.size, 1, task % s.pieces, s.pieces)
    hi[0] = part(s.size, 1, task % s.pieces + 1, s.pieces)


cdef void task_scale(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef const PlaneStep* s = <const PlaneStep*> step
    cdef Py_ssize_t plane, lo, hi
    cdef float factors[CHANNELS]
    piece(s, task, &plane, &lo, &hi)
    memset(factors, 0, sizeof(factors))
    memcpy(factors, <const float*> buffers[s.scale] + plane // s.blocks * s.factors + plane % s.blocks * CHANNELS,
           min(s.channels - plane % s.blocks * CHANNELS, <Py_ssize_t> CHANNELS) * sizeof(float))
    scale_pixels(<const float*> buffers[s.x] + (plane * s.size + lo) * CHANNELS, factors,
                 <float*> buffers[s.y] + (plane * s.size + lo) * CHANNELS, hi - lo)


cdef void task_to_blocked(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef const PlaneStep* s = <const PlaneStep*> step
    cdef Py_ssize_t plane, lo, hi, first, lanes
    cdef float* y
    piece(s, task, &plane, &lo, &hi)
    first = plane % s.blocks * CHANNELS
    lanes = min(s.channels - first, <Py_ssize_t> CHANNELS)
    y = <float*> buffers[s.y] + (plane * s.size + lo) * CHANNELS
    if lanes < CHANNELS:
        memset(y, 0, (hi - lo) * CHANNELS * sizeof(float))
    transpose(<const float*> buffers[s.x] + (plane // s.blocks * s.channels + first) * s.size + lo, s.size, lanes, hi - lo,
              y, CHANNELS)


cdef void task_to_plain(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil:
    cdef const PlaneStep* s = <const PlaneStep*> step
    cdef Py_ssize_t plane, lo, hi, first, lanes
    cdef const float* x
    cdef float* y
    piece(s, task, &plane, &lo, &hi)
    first = plane % s.blocks * CHANNELS
    lanes = min(s.channels - first, <Py_ssize_t> CHANNELS)
    x = <const float*> buffers[s.x] + (plane * s.size + lo) * CHANNELS
    y = <float*> buffers[s.y] + (plane // s.blocks * s.channels + first) * s.size + lo
    if s.size == 1:
        memcpy(y, x, lanes * sizeof(float))
    else:
        transpose(x, CHANNELS, hi - lo, lanes, y, s.size)
