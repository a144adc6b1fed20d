# Convolution of small images: the same products as patches.pxi, with no dropped columns.
#
# Where a row has few pixels, the columns dropped at its end would be a fifth to a half of the work. Here the pixels are
# numbered through the batch, and a block of them is copied from the stage into a patch matrix of whole panels. The
# copy costs one move per row of pixels, which the many rows of the weight repay. The blocks of k are those of
# patches.pxi, so are the bits. The patches of a 1x1 kernel are the image: there, whole images are copied at a time.

cdef enum:
    PIXEL_WIDTH = 16            # widest rows that are worth a copy ...
    PIXEL_ROWS = 32             # ... and fewest rows of the weight
    PIXEL_OUTPUT = 131072       # elements of output held back
    POINT_PIXELS = 256          # of one image, for a 1x1 kernel to read it and write the result in place


cdef struct Pixels:
    const Patches* p
    Py_ssize_t each, pixels                                     # of a sample, of all
    Py_ssize_t blocks, parts, most                              # most pixels of a block
    Py_ssize_t pitch                                            # between rows of a block: an odd number of cache lines
    bint point                                                  # x is read in place of a stage
    bint stays                                                  # the weight is read in place: too few panels to pack it
    bint lies                                                   # blocks of whole panels are multiplied where they lie


cdef inline bint flat(const Patches* p) noexcept nogil:
    """Pixel j of the result reads pixel j of the image alone."""
    return (p.taps == 1 and p.x_height == 1 and p.height == 1 and p.width == p.x_width and p.step_x == 1
            and p.tap_y[0] == 0 and p.tap_x[0] == 0)


cdef inline bint pixels_fit(const Patches* p) noexcept nogil:
    return (p.width <= PIXEL_WIDTH or flat(p)) and p.rows >= PIXEL_ROWS


cdef inline bint spreads(Py_ssize_t row, Py_ssize_t rows, const floating* like) noexcept nogil:
    """``rows`` cache lines, ``row`` elements apart, take at most half the ways of L1's 64 sets."""
    cdef Py_ssize_t lines = row * <Py_ssize_t> sizeof(floating) // 64, sets = 64
    while sets > 1 and lines % 2 == 0:
        lines, sets = lines // 2, sets // 2
    return rows <= 4 * sets


cdef void plan_pixels(Patches* p, Pixels* q, const floating* x, Py_ssize_t threads) noexcept nogil:
    cdef Py_ssize_t panels, several, lanes = tile_columns(x)
    q.p = p
    q.each = p.height * p.width
    q.pixels = p.samples * q.each
    panels = ceil_div(q.pixels, lanes)
    several = max(min(PIXEL_OUTPUT // p.rows, 256) // lanes, 2)
    q.blocks = ceil_div(panels, several)
    if q.blocks * p.groups >= threads and panels >= threads:
        q.blocks = min(round_up(q.blocks, threads), panels)
    q.parts = min(ceil_div(threads, q.blocks * p.groups), ceil_div(p.rows, lanes))
    q.stays = panels <= 4 and p.w_channel == p.taps and p.tap_w[p.taps - 1] == p.taps - 1
    q.most = ceil_div(panels, q.blocks) * lanes
    q.pitch = round_up(q.most, 32) + 16
    plan_taps(p)
    p.depth = patch_depth(p)
    p.block_width, p.block_height = p.width, p.height
    p.block_samples = min(p.samples, (q.most - 1) // q.each + 2)
    p.pitch = p.width + p.span_x
    p.plane = (p.height + p.span_y) * p.pitch
    place_taps(p)
    q.point = flat(p)
    if q.point:
        p.stage_channel, p.plane = p.x_width, p.groups * p.channels * p.x_width
    q.lies = q.point and SQUARE == 8 and p.x_width % lanes == 0 and spreads(p.x_width, p.depth, x)


cdef inline Py_ssize_t stage_elements(const Pixels* q) noexcept nogil:
    return 0 if q.point else q.p.depth * q.p.stage_channel


cdef inline Py_ssize_t pixels_work(const Pixels* q, const floating* like) noexcept nogil:
    """Elements of workspace per thread: the stage, the patch matrix, the output, and three tables of segments."""
    cdef Py_ssize_t words = 3 * q.most * <Py_ssize_t> (sizeof(Py_ssize_t) // sizeof(floating))
    return round_up(stage_elements(q) + q.p.depth * q.p.taps * q.pitch + q.p.rows * q.pitch + words, 16)


cdef Py_ssize_t cut_pixels(const Pixels* q, Py_ssize_t first, Py_ssize_t n, Py_ssize_t* run, Py_ssize_t* at,
                           Py_ssize_t* to) noexcept nogil:
    """The rows of pixels of a block: how long, where in the stage, where in y (both from the first sample touched)."""
    cdef const Patches* p = q.p
    cdef Py_ssize_t count = 0, s, y, x, i = first, sample = first // q.each
    while i < first + n:
        s, y, x = i // q.each - sample, i % q.each // p.width, i % p.width
        run[count] = min(first + n - i, p.width - x)
        at[count] = s * p.plane + y * p.pitch + x
        to[count] = s * p.y_sample + y * p.y_row + x * p.y_column
        i += run[count]
        count += 1
    return count


cdef void call_pixels(const Pixels* q, const floating* x, Py_ssize_t lo, Py_ssize_t hi, const Py_ssize_t* run,
                      const Py_ssize_t* at, Py_ssize_t count) noexcept nogil:
    """Call for channels lo to hi of the pixels of a block: no prefetcher follows from one to the next."""
    cdef Py_ssize_t i, s, j
    for i in range(lo, hi):
        for s in range(count):
            j = 0
            while j < run[s]:
                call_for(x + i * q.p.stage_channel + at[s] + j)
                j += 64 // <Py_ssize_t> sizeof(floating)


cdef void pixels_task(const Pixels* q, const floating* x, const floating* w, const floating* bias, floating* y,
                      floating* work, Py_ssize_t task) noexcept nogil:
    """One block of pixels, one part of the rows, of one group."""
    cdef const Patches* p = q.p
    cdef Py_ssize_t group = task // (q.parts * q.blocks), block = task // q.parts % q.blocks, lanes = tile_columns(x)
    cdef Py_ssize_t lo = row_part(x, p.rows, task % q.parts, q.parts)
    cdef Py_ssize_t rows = row_part(x, p.rows, task % q.parts + 1, q.parts) - lo
    cdef Py_ssize_t first = part(q.pixels, lanes, block, q.blocks), n = part(q.pixels, lanes, block + 1, q.blocks) - first
    cdef Py_ssize_t sample = first // q.each, size = p.x_height * p.x_width, c = 0, depth, ahead, i, j, t, s, count
    cdef Py_ssize_t next_run = 0, next_at = 0, end = round_up(n, lanes)
    cdef floating* stage = work
    cdef floating* b = stage + stage_elements(q)
    cdef floating* out = b + p.depth * p.taps * q.pitch
    cdef Py_ssize_t* run = <Py_ssize_t*> (out + p.rows * q.pitch)
    cdef Py_ssize_t* at = run + q.most
    cdef Py_ssize_t* to = at + q.most
    cdef floating* row
    cdef const floating* source
    cdef const floating* patches = b
    cdef Py_ssize_t pitch
    cdef bint lies
    count = cut_pixels(q, first, n, run, at, to)
    if q.point and SQUARE < 16:         # of the block after this one, likely this thread's next, in the same sample
        next_at = (first + n) % q.each
        next_run = min(q.most, q.each - next_at) if next_at else 0
        next_at += ((first + n) // q.each - sample) * p.plane
    lies = q.lies and count == 1
    pitch = p.stage_channel if lies else q.pitch
    x += (sample * p.groups + group) * p.channels * size
    y += sample * p.y_sample + (group * p.rows + lo) * p.y_channel
    w += group * p.w_group + lo * p.w_row if q.stays else group * p.channels * p.rows * p.taps
    if bias != NULL:
        for i in range(rows):
            for j in range(q.pitch):
                out[i * q.pitch + j] = bias[group * p.rows + lo + i]
    while c < p.channels:
        depth = min(p.channels - c, p.depth)
        if not q.point:
            stage_block(p, x + c * size, p.groups * p.channels * size, depth, (first + n - 1) // q.each - sample + 1, 0,
                        0, stage)
        if lies:
            patches = x + c * size + at[0]
        for i in range(0 if lies else depth):
            for t in range(p.taps):
                row = b + (i * p.taps + t) * q.pitch
                source = (x + c * size if q.point else stage) + i * p.stage_channel + p.tap_at[t]
                for s in range(count):
                    copy_row(source + at[s], row, run[s])
                    row += run[s]
                memset(row, 0, (end - n) * sizeof(floating))
        j, ahead = 0, min(p.channels - c - depth, depth) if q.point and SQUARE < 16 else 0
        while j < n:
            if ahead > 0:
                call_pixels(q, x, c + depth + ahead * j // n, c + depth + ahead * min(j + lanes, n) // n, run, at, count)
            elif next_run > 0:
                call_pixels(q, x, depth * j // n, depth * min(j + lanes, n) // n, &next_run, &next_at, 1)
            if q.stays:
                columns_product(w + c * p.taps, p.w_row, patches + j, pitch, out + j, q.pitch, rows, n - j,
                                depth * p.taps, c > 0 or bias != NULL)
            else:
                columns_product(w + c * p.rows * p.taps + lo * depth * p.taps, 0, patches + j, pitch, out + j, q.pitch,
                                rows, n - j, depth * p.taps, c > 0 or bias != NULL)
            j += lanes
        c += depth
    for i in range(rows):
        source = out + i * q.pitch
        row = y + i * p.y_channel
        for s in range(count):
            if p.y_column == 1:
                copy_row(source, row + to[s], run[s])
            else:
                for j in range(run[s]):
                    row[to[s] + j * p.y_column] = source[j]
            source += run[s]


cdef inline bint point_fits(const Patches* p) noexcept nogil:
    """One small image, a 1x1 kernel whose weight lies row by row: nothing need be packed or brought to its place."""
    return (p.samples == 1 and flat(p) and p.width <= POINT_PIXELS and p.y_column == 1 and p.w_channel == 1
            and p.tap_w[0] == 0)


cdef inline Py_ssize_t point_work(const Patches* p, const floating* like) noexcept nogil:
    """Elements of workspace per thread: the last, partial panel and its sums."""
    return round_up((p.channels + tile_rows(like)) * tile_columns(like), 16)


cdef void point_task(const Patches* p, const floating* x, const floating* w, const floating* bias, floating* y,
                     floating* work, Py_ssize_t task, Py_ssize_t parts) noexcept nogil:
    """One part of the rows of one group."""
    cdef Py_ssize_t group = task // parts, lanes = tile_columns(x), n = p.width, whole = n - n % lanes, i, j, c, r, depth
    cdef Py_ssize_t lo = row_part(x, p.rows, task % parts, parts)
    cdef Py_ssize_t hi = row_part(x, p.rows, task % parts + 1, parts)
    cdef floating* sums = work + p.channels * lanes
    cdef int rows
    x += group * p.channels * n
    w += group * p.w_group
    if whole < n and lo < hi:
        for c in range(p.channels):
            copy_row(x + c * n + whole, work + c * lanes, n - whole)
            memset(work + c * lanes + n - whole, 0, (whole + lanes - n) * sizeof(floating))
    while lo < hi:
        rows = tile_height(x, hi - lo)
        for r in range(rows if bias != NULL else 0):
            i = group * p.rows + lo + r
            for j in range(whole):
                y[i * p.y_channel + j] = bias[i]
            for j in range(lanes):
                sums[r * lanes + j] = bias[i]
        c = 0
        while c < p.channels:
            depth = min(p.channels - c, p.depth)
            j = 0
            while j < whole:
                direct_tile(rows, w + lo * p.w_row + c, p.w_row, x + c * n + j, n,
                            y + (group * p.rows + lo) * p.y_channel + j, p.y_channel, depth, c > 0 or bias != NULL)
                j += lanes
            if whole < n:
                columns_product(w + lo * p.w_row + c, p.w_row, work + c * lanes, lanes, sums, lanes, rows, n - whole,
                                depth, c > 0 or bias != NULL)
            c += depth
        for r in range(rows if whole < n else 0):
            copy_row(sums + r * lanes, y + (group * p.rows + lo + r) * p.y_channel + whole, n - whole)
        lo += rows


cdef bint convolve_point(Patches* p, const floating* x, const floating* w, const floating* bias,
                         floating* y) noexcept nogil:
    """As ``convolve``, for what ``point_fits``. False when memory ran out."""
    cdef int threads = threads_for_flops(2.0 * p.groups * p.rows * p.channels * p.width)
    cdef Py_ssize_t size = point_work(p, x), i, parts = min(row_units(x, p.rows), 4 * threads)
    cdef Py_ssize_t tasks = p.groups * parts
    cdef floating* work = <floating*> workspace(threads * size * sizeof(floating))
    if work == NULL:
        return False
    p.depth = patch_depth(p)
    if threads == 1:
        for i in range(tasks):
            point_task(p, x, w, bias, y, work, i, parts)
    else:
        for i in prange(tasks, num_threads=threads, schedule="dynamic"):
            point_task(p, x, w, bias, y, work + threadid() * size, i, parts)
    release(work)
    return True


cdef bint convolve_pixels(Patches* p, const floating* x, const floating* w, const floating* bias,
                          floating* y) noexcept nogil:
    """As ``convolve``, for what ``pixels_fit``. False when memory ran out."""
    cdef Pixels q
    cdef int threads = threads_for_flops(2.0 * p.samples * p.groups * p.rows * p.channels * p.taps * p.height * p.width)
    cdef Py_ssize_t weights = round_up(p.groups * p.channels * p.rows * p.taps, 16), i, tasks, blocks, size
    cdef floating* packed
    cdef const floating* a
    plan_pixels(p, &q, x, threads)
    size = pixels_work(&q, x)
    tasks = p.groups * q.blocks * q.parts
    blocks = 0 if q.stays else p.groups * ceil_div(p.channels, p.depth)
    packed = <floating*> workspace((weights + threads * size) * sizeof(floating))
    if packed == NULL:
        return False
    a = w if q.stays else packed
    if threads == 1:
        for i in range(blocks):
            pack_weights_task(p, w, packed, i)
        for i in range(tasks):
            pixels_task(&q, x, a, bias, y, packed + weights, i)
    else:
        for i in prange(blocks, num_threads=threads, schedule="static"):
            pack_weights_task(p, w, packed, i)
        for i in prange(tasks, num_threads=threads, schedule="dynamic"):
            pixels_task(&q, x, a, bias, y, packed + weights + threadid() * size, i)
    release(packed)
    return True
