# Weights in the order the blocked kernels read them: packed once, used by every call of a plan.
#
# dense, grouped  [rows / 16][channels / 16][kernel_y][kernel_x][channel of the block][16 rows]: the last block of channels
#                 holds only those there are. Channels are those of a group, which are multiples of 16 with several groups.
# stem            [rows / 16][channel][kernel_y][kernel_x][16 rows]: for images of few channels, which stay plain
# depthwise       [channels / 16][kernel_y][kernel_x][16 channels]
# small           [channels / 16][kernel_y][kernel_x][channel of the group][16 channels]: groups of 2, 4 or 8 channels, as many
#                 of the result as of the image
# linear          [rows / 16][k][16 rows]
# recurrent       as it is, the directions one under another: panels differ from level to level
#
# Rows beyond the last are zero. The order is the same at every CPU level, so that packed weights can be saved.

cdef enum:
    STEM_CHANNELS = 4           # most channels of a plain image that a convolution reads in place
    SHELF = 1 << 21             # floats of memory that weights share

cdef cnp.ndarray weight_shelf = np.empty(0, np.float32)
cdef Py_ssize_t weight_shelf_used = 0


cdef cnp.ndarray weight_memory(Py_ssize_t n):
    """n floats at a cache line, beside those asked for before: memory of its own is in huge pages from 4 MB on only, and a
    network's weights are read once a call, by more small pages than the CPU keeps addresses of."""
    global weight_shelf, weight_shelf_used
    cdef Py_ssize_t first = weight_shelf_used, more = round_up(n, 16)
    if more > SHELF // 2:
        return np.empty(n, np.float32)
    if first + more > cnp.PyArray_DIM(weight_shelf, 0):
        weight_shelf = np.empty(SHELF + 16, np.float32)
        first = (64 - <Py_ssize_t> cnp.PyArray_DATA(weight_shelf) % 64) // 4
    weight_shelf_used = first + more
    return weight_shelf[first:first + n]


cdef class Packed:
    """Packed weights: ``data`` holds the numbers, ``meta`` all else; ``load(data, meta)`` makes the same object again."""
    cdef readonly cnp.ndarray data
    cdef readonly str kind
    cdef readonly tuple shape
    cdef readonly Py_ssize_t groups
    cdef cnp.ndarray transformed            # the same for Winograd's algorithm or in panels, made when a plan first asks

    def __init__(self, cnp.ndarray data, str kind, shape, Py_ssize_t groups=1):
        self.kind, self.shape, self.groups = kind, tuple(shape), groups
        expected = packed_floats(kind, self.shape, groups)
        if cnp.PyArray_TYPE(data) != cnp.NPY_FLOAT or not cnp.PyArray_ISCARRAY_RO(data) or np.shape(data) != (expected,):
            raise ValueError(f"Packed: expected contiguous float32 ({expected},) for {kind} {self.shape}, "
                             f"got {data.dtype} {np.shape(data)}")
        self.data = data

    @property
    def meta(self) -> dict:
        return {"kind": self.kind, "shape": list(self.shape), "groups": self.groups}

    @staticmethod
    def load(data, meta) -> Packed:
        return Packed(data, meta["kind"], meta["shape"], meta["groups"])

    cdef const float* winograd(self) except NULL:
        """Weights of a dense 3x3 kernel as [position][rows / 16][channel][16 rows]."""
        cdef Py_ssize_t blocks = round_up(self.shape[0], CHANNELS) // CHANNELS
        if self.transformed is None:
            self.transformed = weight_memory(16 * blocks * CHANNELS * self.shape[1])
            transform_weights(<const float*> cnp.PyArray_DATA(self.data), blocks, self.shape[1],
                              <float*> cnp.PyArray_DATA(self.transformed))
        return <const float*> cnp.PyArray_DATA(self.transformed)

    cdef const float* panels(self, int parts, Py_ssize_t* each) except NULL:
        """Recurrent weights of ``parts`` gates in panels, ``each`` floats from one direction to the next."""
        cdef Py_ssize_t size = self.shape[1], rows = self.shape[0] // self.groups, n = rows // parts, gate, d, g
        cdef const float* w = <const float*> cnp.PyArray_DATA(self.data)
        gate = packed_size(w, size, n)
        each[0] = parts * gate
        if self.transformed is None:
            self.transformed = weight_memory(self.groups * each[0])
            for d in range(self.groups):
                for g in range(parts):
                    pack_matrix(w + (d * rows + g * n) * size, 1, size, size, n,
                                <float*> cnp.PyArray_DATA(self.transformed) + d * each[0] + g * gate)
        return <const float*> cnp.PyArray_DATA(self.transformed)

    def __repr__(self) -> str:
        return f"Packed({self.kind}, {self.shape}, groups={self.groups})"


cdef Py_ssize_t packed_floats(str kind, tuple shape, Py_ssize_t groups) except -1:
    """Floats of packed weights."""
    cdef Py_ssize_t n
    if (kind not in ("dense", "grouped", "stem", "depthwise", "small", "linear", "recurrent")
            or len(shape) != (2 if kind in ("linear", "recurrent") else 4)):
        raise ValueError("Packed: expected dense, grouped, stem, depthwise, small (4-d), linear or recurrent (2-d), got "
                         f"{kind!r} {shape}")
    if kind == "recurrent":
        if groups not in (1, 2) or min(shape) < 1 or shape[0] % groups:
            raise ValueError(f"Packed: expected recurrent weights of one or two directions, got {shape}, groups {groups}")
        return shape[0] * shape[1]
    if kind == "small" and (shape[1] not in (2, 4, 8) or shape[0] != shape[1] * groups):
        raise ValueError(f"Packed: expected groups of 2, 4 or 8 channels on both sides, got {shape}, groups {groups}")
    n = round_up(shape[0], CHANNELS)
    for extent in shape[1:]:
        n *= <Py_ssize_t> extent
    return n


cdef cnp.ndarray pack_rows(cnp.ndarray w):
    """(rows, ...) to (rows / 16, ..., 16)."""
    cdef Py_ssize_t rows = cnp.PyArray_DIM(w, 0), blocks = round_up(rows, CHANNELS) // CHANNELS
    padded = np.zeros((blocks * CHANNELS, *np.shape(w)[1:]), np.float32)
    padded[:rows] = w
    return np.moveaxis(padded.reshape(blocks, CHANNELS, *np.shape(w)[1:]), 1, -1)


cdef cnp.ndarray packable(str name, w, int ndim):
    """``w`` if it is float32 of that many dimensions and not empty."""
    if not isinstance(w, np.ndarray) or w.dtype != np.float32 or w.ndim != ndim or w.size == 0:
        got = f"{w.dtype} {w.shape}" if isinstance(w, np.ndarray) else type(w).__name__
        raise TypeError(f"{name}: expected a float32 weight of {ndim} dimensions, got {got}")
    return w


cdef cnp.ndarray laid_out(cnp.ndarray x):
    """The numbers of ``x`` in its order, where weights are kept."""
    cdef cnp.ndarray data = weight_memory(cnp.PyArray_SIZE(x))
    data.reshape(np.shape(x))[...] = x
    return data


def pack_conv2d(weight, Py_ssize_t groups=1) -> Packed:
    """Pack a weight (O, C / groups, kh, kw); ValueError for groups that no blocked kernel serves."""
    cdef cnp.ndarray w = packable("pack_conv2d", weight, 4)
    cdef Py_ssize_t rows = cnp.PyArray_DIM(w, 0), channels = cnp.PyArray_DIM(w, 1), i
    if groups < 1 or rows % groups:
        raise ValueError(f"pack_conv2d: weight {np.shape(w)} does not fit {groups} groups")
    if groups == 1 and channels <= STEM_CHANNELS:
        return Packed(laid_out(pack_rows(w)), "stem", np.shape(w))
    if groups > 1 and channels == 1 and rows == groups:
        return Packed(laid_out(pack_rows(w)), "depthwise", np.shape(w), groups)
    if groups > 1 and channels in (2, 4, 8) and rows == channels * groups:
        return Packed(laid_out(pack_rows(w).transpose(0, 2, 3, 1, 4)), "small", np.shape(w), groups)
    if groups > 1 and (channels % CHANNELS or (rows // groups) % CHANNELS):
        raise ValueError(f"pack_conv2d: expected groups of a multiple of {CHANNELS} channels on both sides, "
                         f"got weight {np.shape(w)}, groups {groups}")
    parts = []
    for i in range(0, channels, CHANNELS):
        part = pack_rows(w[:, i:i + CHANNELS])              # (blocks, channels, kernel_y, kernel_x, rows)
        parts.append(part.transpose(0, 2, 3, 1, 4).reshape(len(part), -1))
    return Packed(laid_out(np.concatenate(parts, 1)), "dense" if groups == 1 else "grouped", np.shape(w), groups)


def pack_linear(weight) -> Packed:
    """Pack a weight (O, K) of ``linear``."""
    cdef cnp.ndarray w = packable("pack_linear", weight, 2)
    return Packed(laid_out(pack_rows(w)), "linear", np.shape(w))


def pack_recurrence(weight, Py_ssize_t directions=1) -> Packed:
    """Keep a weight (directions * gates * units, units) of a recurrent layer's state."""
    cdef cnp.ndarray w = packable("pack_recurrence", weight, 2)
    return Packed(np.array(w, order="C").reshape(-1), "recurrent", np.shape(w), directions)
