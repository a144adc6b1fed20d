# Which axes of an array a reduction takes, in which order.

cdef enum:
    REDUCE_SHORT = 128          # an innermost group this short comes after ...
    REDUCE_MANY = 16            # ... an outermost group this long


cdef struct Axes:
    # The shape of x with adjacent axes of one kind merged: kept and reduced alternate.
    int ndim
    Py_ssize_t extent[MAX_DIMS]
    bint reduced[MAX_DIMS]
    Py_ssize_t count            # elements reduced to one
    int out_ndim
    cnp.npy_intp out_shape[MAX_DIMS]


cdef int plan_axes(cnp.ndarray x, object axes, bint keepdim, Axes* a) except -1:
    cdef bint reduced[MAX_DIMS]
    cdef int ndim = cnp.PyArray_NDIM(x), d
    cdef Py_ssize_t extent
    for d in range(ndim):
        reduced[d] = axes is None
    if axes is not None:
        for axis in (axes if isinstance(axes, tuple) else (axes,)):
            d = axis
            if not -ndim <= d < ndim or reduced[d % ndim if d >= 0 else d + ndim]:
                raise ValueError(f"axes {axes} are out of range or repeated for shape {np.shape(x)}")
            reduced[d if d >= 0 else d + ndim] = True
    a.ndim = a.out_ndim = 0
    a.count = 1
    for d in range(ndim):
        extent = cnp.PyArray_DIM(x, d)
        if reduced[d]:
            a.count *= extent
        if keepdim or not reduced[d]:
            a.out_shape[a.out_ndim] = 1 if reduced[d] else extent
            a.out_ndim += 1
        if extent == 1:
            continue
        if a.ndim and a.reduced[a.ndim - 1] == reduced[d]:
            a.extent[a.ndim - 1] *= extent
        else:
            a.extent[a.ndim] = extent
            a.reduced[a.ndim] = reduced[d]
            a.ndim += 1
    return 0


cdef int first_group(const Axes* a) noexcept:
    """The group to reduce first, or -1 if none is left: the innermost, unless it is short and the outermost, whose
    rows are longer to vectorise along, is not."""
    cdef int d, outermost = -1, innermost = -1
    for d in range(a.ndim):
        if a.reduced[d]:
            outermost = d if outermost < 0 else outermost
            innermost = d
    if outermost != innermost and a.extent[innermost] < REDUCE_SHORT and a.extent[outermost] >= REDUCE_MANY:
        return outermost
    return innermost
