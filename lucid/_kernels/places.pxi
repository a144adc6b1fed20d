# Elements picked, written or combined at places along one axis, which an index holds.
#
# Whether every element has an index of its own or whole slices share one is a matter of the index's strides: the index,
# the array with the places and the array beside it, which is what is picked or put, are walked together, the array with the
# places standing still along the axis; what a place says is added to that, and checked on the way. Elements meet at a place in
# the order of the index, and in one thread.

cdef enum:
    PLACES_GRAIN = 4096

cdef struct Pair:
    uint64_t low, high

ctypedef fused item:
    uint8_t
    uint16_t
    uint32_t
    uint64_t
    Pair

cdef struct Walk:
    char* x                             # with the places
    char* beside
    const int64_t* index
    Py_ssize_t size                     # bytes of an element
    Py_ssize_t extent, along            # places of the axis, bytes between them
    Py_ssize_t wrap                     # added to negative places: the extent, or 0
    int way
    bint bad                            # a thread met a place out of range
    int ndim, axis, shared              # axes, after those that are one have been joined; shared by threads
    Py_ssize_t unit                     # the least of the shared axis
    Py_ssize_t shape[MAX_DIMS]
    Py_ssize_t x_step[MAX_DIMS]         # in bytes
    Py_ssize_t beside_step[MAX_DIMS]
    Py_ssize_t index_step[MAX_DIMS]     # in elements

# The last two axes of a walk; False where a place is out of range.
ctypedef bint (*Visit)(const Walk* w, char* x, const int64_t* index, char* beside, Py_ssize_t rows,
                       Py_ssize_t columns) noexcept nogil


cdef inline Py_ssize_t place_of(const Walk* w, int64_t place) noexcept nogil:
    """-1 where it is out of range."""
    place += (place >> 63) & w.wrap
    return <Py_ssize_t> place if <uint64_t> place < <uint64_t> w.extent else -1


cdef int judge(const Walk* w, const int64_t* index, Py_ssize_t n) noexcept nogil:
    """Of the places of a row: -1 where one is out of range, 1 where some count from the end, else 0."""
    cdef uint64_t outside = 0, negative = 0, place, wrap = w.wrap, last = w.extent - 1
    cdef Py_ssize_t i, step = w.index_step[w.ndim - 1]
    if step == 1:
        for i in range(n):
            negative |= <uint64_t> index[i]
            outside |= (<uint64_t> index[i] + wrap) | (last - <uint64_t> index[i])
    else:
        for i in range(n):
            place = <uint64_t> index[i * step]
            negative |= place
            outside |= (place + wrap) | (last - place)
    return -1 if <int64_t> outside < 0 else <int64_t> negative < 0


cdef bint walk_part(const Walk* w, Visit visit, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    """Elements lo to hi of the shared axis, and all of the others."""
    cdef Py_ssize_t first[MAX_DIMS]
    cdef Py_ssize_t count[MAX_DIMS]
    cdef Py_ssize_t o, i, rest, outer = 1
    cdef Py_ssize_t x, beside, index
    cdef int d, last = w.ndim - 1
    cdef bint ok = True
    for d in range(w.ndim):
        first[d] = lo if d == w.shared else 0
        count[d] = hi - lo if d == w.shared else w.shape[d]
        if d < last - 1:
            outer *= count[d]
    for o in range(outer):
        rest, x, beside, index = o, 0, 0, 0
        for d in range(last, -1, -1):
            i = first[d]
            if d < last - 1:
                i += rest % count[d]
                rest = rest // count[d]
            x += i * w.x_step[d]
            beside += i * w.beside_step[d]
            index += i * w.index_step[d]
        ok &= visit(w, w.x + x, w.index + index, w.beside + beside, count[last - 1], count[last])
    return ok


cdef void share_walk(Walk* w, int* threads, bint picks) noexcept nogil:
    """The axis whose parts are the threads': the outermost that is long enough. What is put must not meet at a place."""
    cdef int d
    for d in range(w.ndim):
        w.unit = max(LINE // w.size, 1) if d == w.ndim - 1 else 1
        if d != w.axis and w.shape[d] // w.unit >= threads[0]:
            w.shared = d
            return
    w.shared, w.unit = w.ndim - 1, max(LINE // w.size, 1)
    if picks and w.axis >= 0:
        w.shared, w.unit = w.axis, 1
    threads[0] = 1 if w.shared == w.axis and not picks else <int> min(threads[0], ceil_div(w.shape[w.shared], w.unit))


cdef bint run_walk(Walk* w, Visit visit, bint picks) noexcept nogil:
    cdef Py_ssize_t units, n = 1
    cdef int t, d, threads
    for d in range(w.ndim):
        n *= w.shape[d]
    threads = threads_for(n, PLACES_GRAIN)
    w.shared, w.bad = 0, False
    if threads > 1:
        share_walk(w, &threads, picks)
    if threads == 1:
        return walk_part(w, visit, 0, w.shape[w.shared])
    units = ceil_div(w.shape[w.shared], w.unit)
    for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
        if not walk_part(w, visit, units * t // threads * w.unit,
                         min(units * (t + 1) // threads * w.unit, w.shape[w.shared])):
            w.bad = True
    return not w.bad


cdef cnp.ndarray walkable(cnp.ndarray x):
    """``x`` itself when it is aligned and native, else such a copy."""
    return x if cnp.PyArray_ISBEHAVED_RO(x) else contiguous(x)


cdef int check_items(str name, cnp.ndarray x) except -1:
    cdef int t
    cdef Py_ssize_t size
    if x is None:
        raise TypeError(f"{name}: expected an array, got None")
    t, size = cnp.PyArray_TYPE(x), cnp.PyArray_ITEMSIZE(x)
    if (not (cnp.PyTypeNum_ISNUMBER(t) or cnp.PyTypeNum_ISBOOL(t) or cnp.PyTypeNum_ISUSERDEF(t)) or x.dtype.hasobject
            or not 1 <= size <= 16 or size & (size - 1)):
        raise TypeError(f"{name}: expected numbers of 1, 2, 4, 8 or 16 bytes, got {x.dtype}")
    return 0


cdef int check_index_type(str name, cnp.ndarray index) except -1:
    if index is None or not is_int64(index):
        raise TypeError(f"{name}: expected int64 indices, got {None if index is None else index.dtype}")
    return 0


cdef cnp.ndarray index_for(cnp.ndarray index, bint slices):
    """``index``, or such a copy, for a walk."""
    return contiguous(index) if slices and cnp.PyArray_NDIM(index) != 1 else walkable(index)


cdef int refuse_places(str name, cnp.ndarray index, Py_ssize_t extent, bint wrap) except -1:
    """Raise for the first place that is out of range."""
    cdef cnp.ndarray a = contiguous(index)
    cdef const int64_t* at = <const int64_t*> cnp.PyArray_DATA(a)
    cdef Py_ssize_t i
    for i in range(cnp.PyArray_SIZE(a)):
        if not (-extent if wrap else 0) <= at[i] < extent:
            raise IndexError(f"{name}: index {at[i]} at position {i} is out of range for {extent}")
    return 0


cdef void add_axis(Walk* w, Py_ssize_t extent, Py_ssize_t x_step, Py_ssize_t beside_step, Py_ssize_t index_step,
                   bint places) noexcept:
    """One more axis of a walk, joined to the one before where both are one."""
    cdef int k = w.ndim - 1
    if extent == 1:
        return
    if (k >= 0 and k != w.axis and not places and w.x_step[k] == x_step * extent
            and w.beside_step[k] == beside_step * extent and w.index_step[k] == index_step * extent):
        w.shape[k] *= extent
    else:
        k += 1
        w.shape[k] = extent
        w.ndim = k + 1
    w.x_step[k], w.beside_step[k], w.index_step[k] = x_step, beside_step, index_step
    if places:
        w.axis = k


cdef void plan_walk(Walk* w, cnp.ndarray x, cnp.ndarray beside, cnp.ndarray index, int axis, bint slices) noexcept:
    """Axes of elements with places of their own, or of slices that share them: those of the index in the place of ``axis``.

    ``beside`` is one element, or has the shape that follows from that; index and ``beside`` are contiguous if slices share an
    index that is no vector.
    """
    cdef int d, own, more = cnp.PyArray_NDIM(index) - 1 if slices else 0
    cdef Py_ssize_t step
    w.x, w.beside = <char*> cnp.PyArray_DATA(x), <char*> cnp.PyArray_DATA(beside)
    w.index, w.size = <const int64_t*> cnp.PyArray_DATA(index), cnp.PyArray_ITEMSIZE(x)
    w.extent, w.along = cnp.PyArray_DIM(x, axis), cnp.PyArray_STRIDE(x, axis)
    w.wrap, w.ndim, w.axis = w.extent if slices else 0, 0, -1
    for d in range(cnp.PyArray_NDIM(x)):
        own = d if d < axis else d + more
        step = cnp.PyArray_STRIDE(beside, own) if 0 <= own < cnp.PyArray_NDIM(beside) else 0
        if not slices:
            add_axis(w, cnp.PyArray_DIM(index, d), 0 if d == axis else cnp.PyArray_STRIDE(x, d), step,
                     cnp.PyArray_STRIDE(index, d) // 8, d == axis)
        elif d == axis:
            add_axis(w, cnp.PyArray_SIZE(index), 0, step, cnp.PyArray_STRIDE(index, more) // 8 if more >= 0 else 0, True)
        else:
            add_axis(w, cnp.PyArray_DIM(x, d), cnp.PyArray_STRIDE(x, d), step, 0, False)
    while w.ndim < 2:
        for d in range(w.ndim, 0, -1):
            w.shape[d], w.x_step[d] = w.shape[d - 1], w.x_step[d - 1]
            w.beside_step[d], w.index_step[d] = w.beside_step[d - 1], w.index_step[d - 1]
        w.shape[0], w.x_step[0], w.beside_step[0], w.index_step[0] = 1, 0, 0, 0
        w.ndim += 1
        if w.axis >= 0:
            w.axis += 1


cdef inline bint in_runs(const Walk* w, Py_ssize_t beside_step) noexcept nogil:
    """Elements of the last axis share a place and lie side by side; those that are put there, ``beside_step`` apart."""
    cdef int last = w.ndim - 1
    return (w.index_step[last] == 0 and w.shape[last] > 1 and w.x_step[last] == w.size
            and w.beside_step[last] == beside_step)


cdef bint fits_places(cnp.ndarray x, cnp.ndarray index, int axis, bint slices):
    """An index for the places of ``axis`` of ``x``."""
    cdef int d, ndim = cnp.PyArray_NDIM(x)
    if not 0 <= axis < ndim or (slices and ndim - 1 + cnp.PyArray_NDIM(index) > MAX_DIMS):
        return False
    if slices:
        return True
    if cnp.PyArray_NDIM(index) != ndim:
        return False
    for d in range(ndim):
        if d != axis and cnp.PyArray_DIM(index, d) > cnp.PyArray_DIM(x, d):
            return False
    return True


cdef int taken_shape(cnp.ndarray x, cnp.ndarray index, int axis, bint slices, cnp.npy_intp* shape) noexcept:
    """The shape of what is picked or put, and its number of axes."""
    cdef int d, n = cnp.PyArray_NDIM(index)
    for d in range(n):
        shape[d + axis if slices else d] = cnp.PyArray_DIM(index, d)
    if not slices:
        return n
    for d in range(axis):
        shape[d] = cnp.PyArray_DIM(x, d)
    for d in range(axis + 1, cnp.PyArray_NDIM(x)):
        shape[d + n - 1] = cnp.PyArray_DIM(x, d)
    return cnp.PyArray_NDIM(x) - 1 + n


# Picked

cdef void pick_row(const Walk* w, const char* x, const int64_t* index, item* y, Py_ssize_t n, bint plain) noexcept nogil:
    """A row of places in range; ``plain`` ones lie side by side and do not count from the end."""
    cdef Py_ssize_t i, place, size = sizeof(item), along = w.along, wrap = w.wrap
    cdef Py_ssize_t x_step = w.x_step[w.ndim - 1], step = w.index_step[w.ndim - 1]
    if plain and x_step == 0 and along == size:
        for i in range(n):
            memcpy(&y[i], x + <Py_ssize_t> index[i] * size, sizeof(item))
    elif plain:
        for i in range(n):
            memcpy(&y[i], x + <Py_ssize_t> index[i] * along + i * x_step, sizeof(item))
    else:
        for i in range(n):
            place = <Py_ssize_t> index[i * step]
            memcpy(&y[i], x + (place + ((place >> 63) & wrap)) * along + i * x_step, sizeof(item))


cdef bint pick_items(const Walk* w, const char* x, const int64_t* index, item* y, Py_ssize_t rows,
                     Py_ssize_t columns) noexcept nogil:
    cdef Py_ssize_t r, next = w.index_step[w.ndim - 2]
    cdef bint plain = False
    cdef int judged
    for r in range(rows):
        if r == 0 or next:
            judged = judge(w, index, columns)
            if judged < 0:
                return False
            plain = judged == 0 and w.index_step[w.ndim - 1] == 1
        pick_row(w, x, index, y, columns, plain)
        x += w.x_step[w.ndim - 2]
        y = <item*> (<char*> y + w.beside_step[w.ndim - 2])
        index += next
    return True


cdef bint pick_runs(const Walk* w, const char* x, const int64_t* index, char* y, Py_ssize_t rows,
                    Py_ssize_t columns) noexcept nogil:
    cdef Py_ssize_t r, place
    for r in range(rows):
        place = place_of(w, index[0])
        if place < 0:
            return False
        memcpy(y, x + place * w.along, columns * w.size)
        x += w.x_step[w.ndim - 2]
        y += w.beside_step[w.ndim - 2]
        index += w.index_step[w.ndim - 2]
    return True


cdef Visit pick_visit(const Walk* w) noexcept nogil:
    if in_runs(w, w.size):
        return <Visit> pick_runs
    if w.size == 4:
        return <Visit> pick_items[uint32_t]
    if w.size == 8:
        return <Visit> pick_items[uint64_t]
    if w.size == 2:
        return <Visit> pick_items[uint16_t]
    return <Visit> pick_items[Pair] if w.size == 16 else <Visit> pick_items[uint8_t]


cdef cnp.ndarray walk_picking(str name, cnp.ndarray x, cnp.ndarray index, int axis, bint slices):
    cdef cnp.npy_intp shape[MAX_DIMS]
    cdef cnp.ndarray y
    cdef Walk w
    cdef Visit visit
    cdef int ndim
    cdef bint ok
    check_items(name, x)
    check_index_type(name, index)
    if not fits_places(x, index, axis, slices):
        raise ValueError(f"{name}: index {np.shape(index)} does not fit x {np.shape(x)} along axis {axis}")
    x, index = walkable(x), index_for(index, slices)
    ndim = taken_shape(x, index, axis, slices, shape)
    y = empty_items(ndim, shape, cnp.PyArray_TYPE(x), cnp.PyArray_ITEMSIZE(x))
    if cnp.PyArray_SIZE(y) == 0:
        refuse_places(name, index, cnp.PyArray_DIM(x, axis), slices)
        return y
    ok = cnp.PyArray_DIM(x, axis) > 0
    if ok:
        plan_walk(&w, x, y, index, axis, slices)
        visit = pick_visit(&w)
        with nogil:
            ok = run_walk(&w, visit, True)
    if not ok:
        refuse_places(name, index, cnp.PyArray_DIM(x, axis), slices)
    return y


def gather(x, index, int axis):
    """y[i, j, ...] = x[index[i, j, ...], j, ...], the index, which has the axes of x, replacing coordinate ``axis``."""
    return walk_picking("gather", x, index, axis, False)


def index_select(x, index, int axis):
    """The slices of x at ``index`` of any shape, which takes the place of ``axis``; negative places count from the end."""
    return walk_picking("index_select", x, index, axis, True)
