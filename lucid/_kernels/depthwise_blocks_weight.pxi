# Weight gradient of a depthwise convolution of small planes: 16 channels in the lanes of a register.
#
# dw[t] = sum over pixels of dy * x moved by tap t, channel by channel. A sample's planes are transposed as in
# depthwise_blocks.pxi, x into a border of zeros, and every pixel of dy is multiplied with all taps of a few rows of the kernel,
# whose sums stay in registers for about BLOCK_CHAIN pixels. These are added to the sums of half a sample, and samples in order,
# in as many chunks as the shape says: longer sums, or fewer levels of them, had 1.1 to 1.6 times PyTorch's errors.
# Channels whose result is not finite are computed again by the direct sum, which reads no border.

cdef extern from *:
    """
    /* sums[row * taps + tap][lane] (+)= the products of height x width pixels of dy with x: ``x_tap`` from one row of taps
       to the next, ``x_row`` and ``x_step`` from one pixel of dy to the next. */
    LUCID_ALWAYS void lucid_depth_weight_any(const int rows, const int taps, const float *dy, Py_ssize_t height,
                                             Py_ssize_t width, const float *x, Py_ssize_t x_tap, Py_ssize_t x_row,
                                             Py_ssize_t x_step, float *sums, int load) {
        enum { lanes = sizeof(lucid_row) / sizeof(float), channels = 16 };
        for (int q = 0; q < channels; q += lanes) {
            lucid_row sum[5][7];
            LUCID_UNROLLED for (int r = 0; r < rows; r++)
                LUCID_UNROLLED for (int t = 0; t < taps; t++) sum[r][t] = LUCID_FILL(ps, 0);
            for (Py_ssize_t i = 0; i < height; i++) {
                const float *pixel = dy + i * width * channels + q, *at = x + i * x_row + q;
                for (Py_ssize_t j = 0; j < width; j++) {
                    lucid_row d = LUCID_LOAD(ps, pixel);
                    LUCID_UNROLLED for (int r = 0; r < rows; r++)
                        LUCID_UNROLLED for (int t = 0; t < taps; t++)
                            sum[r][t] = LUCID_MADD(ps, d, LUCID_LOAD(ps, at + r * x_tap + t * channels), sum[r][t]);
                    pixel += channels;
                    at += x_step;
                }
            }
            LUCID_UNROLLED for (int r = 0; r < rows; r++)
                LUCID_UNROLLED for (int t = 0; t < taps; t++) {
                    float *to = sums + (r * taps + t) * channels + q;
                    if (load) sum[r][t] = LUCID_PLUS(ps, LUCID_LOAD(ps, to), sum[r][t]);
                    LUCID_STORE(ps, to, sum[r][t]);
                }
        }
    }

    /* The most rows of 3, 5 or 7 taps that registers hold, of ``rows``. */
    static int lucid_depth_weight_rows(Py_ssize_t rows, Py_ssize_t taps) {
    #if LUCID_SQUARE == 16
        int most = taps == 3 ? 3 : taps == 5 ? 5 : 4;
    #else
        int most = taps == 3 ? 3 : taps == 5 ? 2 : 1;
    #endif
        return rows >= most ? most : taps == 7 && rows == 3 && most == 4 ? 3 : 1;
    }
    #define LUCID_DEPTH_WEIGHT(r, t) \\
        if (rows == r && taps == t) \\
            lucid_depth_weight_any(r, t, dy, height, width, x, x_tap, x_row, x_step, sums, load)
    static void lucid_depth_weight(int rows, Py_ssize_t taps, const float *dy, Py_ssize_t height, Py_ssize_t width,
                                   const float *x, Py_ssize_t x_tap, Py_ssize_t x_row, Py_ssize_t x_step,
                                   float *sums, int load) {
        LUCID_DEPTH_WEIGHT(3, 3);
        LUCID_DEPTH_WEIGHT(1, 3);
        LUCID_DEPTH_WEIGHT(1, 5);
        LUCID_DEPTH_WEIGHT(1, 7);
    #if LUCID_SQUARE == 16
        LUCID_DEPTH_WEIGHT(5, 5);
        LUCID_DEPTH_WEIGHT(4, 7);
        LUCID_DEPTH_WEIGHT(3, 7);
    #else
        LUCID_DEPTH_WEIGHT(2, 5);
    #endif
    }
    """
    int depth_weight_rows "lucid_depth_weight_rows" (Py_ssize_t rows, Py_ssize_t taps) noexcept nogil
    void depth_weight "lucid_depth_weight" (int rows, Py_ssize_t taps, const float* dy, Py_ssize_t height,
                                            Py_ssize_t width, const float* x, Py_ssize_t x_tap, Py_ssize_t x_row,
                                            Py_ssize_t x_step, float* sums, bint load) noexcept nogil


cdef enum:
    BLOCK_CHUNKS = 16           # tasks there should be
    BLOCK_CHAIN = 16            # pixels of a chain of multiply-adds


cdef inline Py_ssize_t block_stage(const Planes* p) noexcept nogil:
    """Floats of x with its border, a pixel more for registers read past the end."""
    return (((p.y.result - 1) * p.y.step + p.y.start[1]) * ((p.x.result - 1) * p.x.step + p.x.start[1]) + 1) * CHANNELS


cdef void block_border(const Planes* p, const float* pixels, float* stage) noexcept nogil:
    """Rows of pixels to their places in a stage whose border is zero."""
    cdef Py_ssize_t width = (p.x.result - 1) * p.x.step + p.x.start[1], height = (p.y.result - 1) * p.y.step + p.y.start[1]
    cdef Py_ssize_t lo = max(p.x.first, 0), hi = min(p.x.first + width, p.x.source), i, row
    for i in range(height):
        row = i + p.y.first
        if 0 <= row < p.y.source and lo < hi:
            memcpy(stage + (i * width + lo - p.x.first) * CHANNELS, pixels + (row * p.x.source + lo) * CHANNELS,
                   (hi - lo) * CHANNELS * sizeof(float))


cdef void block_weight_task(const Planes* p, const float* x, const float* dy, float* sums, float* work,
                            Py_ssize_t chunks, Py_ssize_t task) noexcept nogil:
    """One block of channels and one chunk of the samples."""
    cdef Py_ssize_t blocks = ceil_div(p.groups, <Py_ssize_t> CHANNELS), first = task // chunks * CHANNELS
    cdef Py_ssize_t s = task % chunks * p.samples // chunks, last = (task % chunks + 1) * p.samples // chunks
    cdef Py_ssize_t channels = min(p.groups - first, <Py_ssize_t> CHANNELS), rows = p.y.start[1], taps = p.x.start[1]
    cdef Py_ssize_t size = p.y.source * p.x.source, pixels = p.y.result * p.x.result, i, n, r
    cdef Py_ssize_t line = ((p.x.result - 1) * p.x.step + taps) * CHANNELS
    cdef Py_ssize_t band = max(<Py_ssize_t> BLOCK_CHAIN // p.x.result, 1), kept = rows * taps * CHANNELS, half, end
    cdef float* stage = work
    cdef float* each = stage + block_stage(p)
    cdef float* out = each + size * CHANNELS
    cdef float* sample = out + pixels * CHANNELS
    cdef int several
    memset(work, 0, (block_stage(p) + (size + pixels) * CHANNELS + 2 * kept) * sizeof(float))
    sums += task * kept
    memset(sums, 0, kept * sizeof(float))
    while s < last:
        transpose(x + (s * p.groups + first) * size, size, channels, size, each, CHANNELS)
        block_border(p, each, stage)
        transpose(dy + (s * p.groups + first) * pixels, pixels, channels, pixels, out, CHANNELS)
        for half in range(2):
            i = p.y.result * half // 2
            end = p.y.result * (half + 1) // 2
            while i < end:
                n = min(band, end - i)
                r = 0
                while r < rows:
                    several = depth_weight_rows(rows - r, taps)
                    depth_weight(several, taps, out + i * p.x.result * CHANNELS, n, p.x.result,
                                 stage + (i * p.y.step + r) * line, line, p.y.step * line, p.x.step * CHANNELS,
                                 sample + half * kept + r * taps * CHANNELS, i > p.y.result * half // 2)
                    r += several
                i += n
        for i in range(kept):
            sums[i] += sample[i] + sample[kept + i]
        s += 1


cdef void add_block_chunks(const Planes* p, const float* x, const float* dy, float* sums, float* dw, Py_ssize_t chunks,
                           Py_ssize_t block) noexcept nogil:
    """dw of one block of channels from its chunks."""
    cdef Py_ssize_t taps = p.y.start[1] * p.x.start[1], first = block * CHANNELS, n = taps * CHANNELS, i, chunk, c
    cdef Py_ssize_t channels = min(p.groups - first, <Py_ssize_t> CHANNELS)
    sums += block * chunks * n
    for chunk in range(1, chunks):
        for i in range(n):
            sums[i] += sums[chunk * n + i]
    transpose(sums, CHANNELS, taps, channels, dw + first * taps, taps)
    for c in range(first, first + channels):
        if not finite(dw + c * taps, taps):
            direct_weight(p, x, dy, dw, c)


cdef bint weight_grad_blocks(const Planes* p, const float* x, const float* dy, float* dw) noexcept nogil:
    """As ``weight_grad_planes``, for ``small_planes``. False when memory ran out."""
    cdef Py_ssize_t taps = p.y.start[1] * p.x.start[1], blocks = ceil_div(p.groups, <Py_ssize_t> CHANNELS), i
    cdef Py_ssize_t chunks = max(min(p.samples, <Py_ssize_t> BLOCK_CHUNKS // blocks), 1)
    cdef Py_ssize_t kept = blocks * chunks * taps * CHANNELS
    cdef Py_ssize_t size = block_stage(p) + (p.y.source * p.x.source + p.y.result * p.x.result + 2 * taps) * CHANNELS
    cdef int threads = <int> min(threads_for_flops(planes_work(p)), blocks * chunks)
    cdef float* sums = <float*> workspace((kept + threads * size) * sizeof(float))
    if sums == NULL:
        return False
    if threads == 1:
        for i in range(blocks * chunks):
            block_weight_task(p, x, dy, sums, sums + kept, chunks, i)
    else:
        for i in prange(blocks * chunks, num_threads=threads, schedule="dynamic"):
            block_weight_task(p, x, dy, sums, sums + kept + threadid() * size, chunks, i)
    for i in range(blocks):
        add_block_chunks(p, x, dy, sums, dw, chunks, i)
    release(sums)
    return True
