# Depthwise convolution of small planes: 16 channels in the lanes of a register.
#
# Rows of 7 or 14 pixels leave lanes idle and are staged with a border. Here 16 planes of a sample are transposed, so that
# a pixel's channels are neighbours, go through the tile of blocked images (blocked_depthwise.pxi), which reads no border
# and leaves out the rows of taps beside the image, and are transposed back. All of it stays in L2.
#
# A result is one chain of multiply-adds from the bias, row of taps by row of taps. Channels with a weight that is not
# finite are computed again by the direct sum.

cdef enum:
    SMALL_PLANE = 1024          # most pixels of a plane
    SMALL_CHANNELS = 12         # fewest, of 16 lanes


cdef inline bint consecutive(const Axis* a) noexcept nogil:
    """One phase whose taps read neighbours."""
    return a.phases == 1 and a.last - a.first == a.start[1] - 1


cdef bint small_planes(const Planes* p) noexcept nogil:
    """What the tiles of blocked_depthwise.pxi are written for."""
    cdef Py_ssize_t taps = p.x.start[1], beyond = (p.x.result - 1) * p.x.step + p.x.last - (p.x.source - 1)
    return (p.rows == 1 and p.channels == 1 and p.groups >= SMALL_CHANNELS and consecutive(&p.y) and consecutive(&p.x)
            and p.x.step <= 2 and (taps == 3 or taps == 5 or taps == 7) and -p.x.first < taps and beyond < taps
            and p.y.source * p.x.source <= SMALL_PLANE and p.y.result * p.x.result <= SMALL_PLANE)


cdef void block_geometry(const Planes* p, Depth* d) noexcept nogil:
    """One block of channels as a plane of blocked_depthwise.pxi."""
    memset(d, 0, sizeof(Depth))
    d.planes = d.blocks = 1
    d.x_height, d.x_width, d.height, d.width = p.y.source, p.x.source, p.y.result, p.x.result
    d.rows, d.taps, d.stride_y, d.stride_x, d.dilation_y, d.dilation_x = p.y.start[1], p.x.start[1], p.y.step, p.x.step, 1, 1
    d.top, d.left = -p.y.first, -p.x.first
    plan_blocked_depthwise(d)


cdef void pack_block(const Planes* p, const float* w, const float* bias, float* packed, unsigned char* wild,
                     Py_ssize_t block) noexcept nogil:
    """The weights [tap][channel] and the bias of a block of channels; which of them are not finite."""
    cdef Py_ssize_t taps = p.y.start[1] * p.x.start[1], first = block * CHANNELS, c, t
    cdef Py_ssize_t channels = min(p.groups - first, <Py_ssize_t> CHANNELS)
    w += first * taps
    packed += block * (taps + 1) * CHANNELS
    memset(packed, 0, (taps + 1) * CHANNELS * sizeof(float))
    for c in range(channels):
        wild[first + c] = not finite(w + c * taps, taps)
        packed[c] = bias[first + c] if bias != NULL else <float> 0
    packed += CHANNELS
    if p.y.tap[0] == 0:
        transpose(w, taps, channels, taps, packed, CHANNELS)
    else:                       # a gradient's taps run backwards
        transpose(w, taps, channels, taps, packed + (taps - 1) * CHANNELS, -CHANNELS)


cdef void block_task(const Planes* p, const Depth* d, const float* x, const float* w, const float* packed,
                     const float* bias, const unsigned char* wild, float* y, float* work, Py_ssize_t task) noexcept nogil:
    """One block of channels of one sample; blocks count fastest."""
    cdef Py_ssize_t blocks = ceil_div(p.groups, <Py_ssize_t> CHANNELS), first = task % blocks * CHANNELS, c
    cdef Py_ssize_t channels = min(p.groups - first, <Py_ssize_t> CHANNELS), taps = d.rows * d.taps
    cdef Py_ssize_t size = d.x_height * d.x_width, pixels = d.height * d.width
    cdef DenseData e
    x += (task // blocks * p.groups + first) * size
    y += (task // blocks * p.groups + first) * pixels
    e.x, e.y, e.residual = work, work + size * CHANNELS, NULL
    e.bias = packed + task % blocks * (taps + 1) * CHANNELS
    e.w = e.bias + CHANNELS
    transpose(x, size, channels, size, work, CHANNELS)
    depth_lines(d, &e, 0, d.height)
    transpose(e.y, CHANNELS, pixels, channels, y, pixels)
    for c in range(channels):
        if wild[first + c]:
            direct_block(p, x + c * size, w + (first + c) * taps, bias[first + c] if bias != NULL else <float> 0,
                         y + c * pixels, 0, 0, 0, 0, d.height, d.width)


cdef bint convolve_blocks(const Planes* p, const float* x, const float* w, const float* bias, float* y) noexcept nogil:
    """As ``convolve_planes``, for ``small_planes``. False when memory ran out."""
    cdef Depth d
    cdef Py_ssize_t taps = p.y.start[1] * p.x.start[1], blocks = ceil_div(p.groups, <Py_ssize_t> CHANNELS), i
    cdef Py_ssize_t tasks = p.samples * blocks, kept = blocks * (taps + 1) * CHANNELS, flags = round_up(p.groups, 64)
    cdef Py_ssize_t size = (p.y.source * p.x.source + p.y.result * p.x.result) * CHANNELS
    cdef int threads = <int> min(threads_for_flops(planes_work(p)), tasks)
    cdef unsigned char* wild
    cdef float* packed
    if p.samples == 0 or p.y.result == 0 or p.x.result == 0:
        return True
    wild = <unsigned char*> workspace(flags + (kept + threads * size) * sizeof(float))
    if wild == NULL:
        return False
    packed = <float*> (wild + flags)
    block_geometry(p, &d)
    memset(packed + kept, 0, threads * size * sizeof(float))            # the lanes of no channel
    for i in range(blocks):
        pack_block(p, w, bias, packed, wild, i)
    if threads == 1:
        for i in range(tasks):
            block_task(p, &d, x, w, packed, bias, wild, y, packed + kept, i)
    else:
        for i in prange(tasks, num_threads=threads, schedule="dynamic"):
            block_task(p, &d, x, w, packed, bias, wild, y, packed + kept + threadid() * size, i)
    release(wild)
    return True
