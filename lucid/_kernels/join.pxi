# Arrays joined along an axis: runs of bytes, one after the other.


cdef struct Joined:
    const char** x
    Py_ssize_t* run         # bytes of an array in a row of the result ...
    Py_ssize_t* at          # ... and where they begin
    char* y
    Py_ssize_t count, rows, row
    Py_ssize_t parts        # of a run, for threads


cdef inline void join_run(const char* x, char* y, Py_ssize_t run, Py_ssize_t row, Py_ssize_t rows) noexcept nogil:
    """Runs of one array, ``row`` bytes apart in the result. Of one element, they are not worth a call."""
    cdef Py_ssize_t i
    if run == 4:
        for i in range(rows):
            memcpy(y + i * row, x + 4 * i, 4)
    elif run == 8:
        for i in range(rows):
            memcpy(y + i * row, x + 8 * i, 8)
    else:
        for i in range(rows):
            memcpy(y + i * row, x + i * run, run)


cdef void join_task(const Joined* s, Py_ssize_t task) noexcept nogil:
    """A part of the run of one array in one row."""
    cdef Py_ssize_t k = task // s.parts % s.count, i = task // (s.parts * s.count), part = task % s.parts
    cdef Py_ssize_t lo = s.run[k] * part // s.parts, hi = s.run[k] * (part + 1) // s.parts
    memcpy(s.y + i * s.row + s.at[k] + lo, s.x[k] + i * s.run[k] + lo, hi - lo)


def join(list arrays, tuple shape, Py_ssize_t axis):
    """Arrays of one dtype, one after the other along ``axis`` of a result of ``shape``; None where one is not contiguous.

    Dimensions before ``axis`` are the same in all of them; those from there on are not looked at, so that a stack is joined
    like a concatenation.
    """
    cdef cnp.ndarray x, y
    cdef cnp.npy_intp extents[MAX_DIMS]
    cdef Py_ssize_t i, total = 1, bytes, given = 0
    cdef int threads, ndim = <int> len(shape)
    cdef Joined s
    s.count, s.rows, s.row, s.parts = len(arrays), 1, 0, 1
    if s.count == 0 or not 0 <= axis < ndim <= MAX_DIMS:
        raise ValueError(f"join: {s.count} arrays along axis {axis} of {shape}")
    for i in range(ndim):
        extents[i] = shape[i]
        total *= extents[i]
        if i < axis:
            s.rows *= extents[i]
    for i in range(s.count):
        x = arrays[i]
        if x.descr is not (<cnp.ndarray> arrays[0]).descr and x.dtype != arrays[0].dtype:
            raise TypeError(f"join: arrays have different dtypes: {arrays[0].dtype}, {x.dtype}")
        given += cnp.PyArray_SIZE(x)
        if s.rows > 0 and cnp.PyArray_SIZE(x) % s.rows:
            raise ValueError(f"join: {np.shape(x)} does not fit along axis {axis} of {shape}")
    if given != total:
        raise ValueError(f"join: {given} elements for a result of {shape}")
    for i in range(s.count):
        if not cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray> arrays[i]):
            return None
    x = arrays[0]
    y = empty_items(ndim, extents, cnp.PyArray_TYPE(x), cnp.PyArray_ITEMSIZE(x))
    bytes = total * cnp.PyArray_ITEMSIZE(x)
    if bytes == 0:
        return y
    s.x = <const char**> workspace(3 * s.count * sizeof(void*))
    if s.x == NULL:
        raise MemoryError(f"join: no workspace for {s.count} arrays")
    s.run, s.at, s.y = <Py_ssize_t*> (s.x + s.count), <Py_ssize_t*> (s.x + 2 * s.count), <char*> cnp.PyArray_DATA(y)
    for i in range(s.count):
        x = arrays[i]
        s.x[i], s.run[i], s.at[i] = <const char*> cnp.PyArray_DATA(x), cnp.PyArray_NBYTES(x) // s.rows, s.row
        s.row += s.run[i]
    threads = threads_for(bytes / 4, MAP_GRAIN)
    with nogil:
        if threads == 1 or s.count * s.rows > bytes // LINE:
            for i in range(s.count):
                join_run(s.x[i], s.y + s.at[i], s.run[i], s.row, s.rows)
        else:
            s.parts = ceil_div(8 * threads, s.count * s.rows)
            for i in prange(s.parts * s.count * s.rows, num_threads=threads, schedule="static"):
                join_task(&s, i)
    release(s.x)
    return y
