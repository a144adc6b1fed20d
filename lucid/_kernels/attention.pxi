# Attention without the matrix of scores: softmax(scale * q @ k.T + mask) @ v, a block of queries against a block of
# keys at a time (Dao et al., "FlashAttention", 2022; the running maximum is Milakov and Gimelshein's, 2018).
#
# Scores are kept transposed: a row per key, a lane per query. K and V are then the left operands of both products with
# the queries, read where they lie, and the maxima and sums of the softmax run down the lanes. Each query is a lane of
# its own from first to last and keys are cut at multiples of KEYS, so its bits do not depend on the queries beside it.

cdef enum:
    KEYS = 128                  # keys per block: the words of one block of Philox counters
    NO_MASK = 0
    BOOL_MASK = 1               # True takes part
    FLOAT_MASK = 2              # added to the scores


cdef struct Heads:              # an operand of shape (batch, heads, length, size): strides in elements, the last one 1
    char* data
    Py_ssize_t batch, head, row


cdef struct Attention:
    Heads q, k, v, out, dout, dq, dk, dv, mask
    Py_ssize_t mask_column
    int mask_kind
    Py_ssize_t batch, heads, kv_heads, queries, keys, size, v_size
    double scale
    bint causal
    bint drop
    double keep_scale
    uint32_t threshold
    uint64_t seed, first_block
    char* logsumexp             # (batch, heads, queries)


cdef inline floating* head_at(const Heads* x, Py_ssize_t batch, Py_ssize_t head, Py_ssize_t row,
                              const floating* like) noexcept nogil:
    return <floating*> x.data + batch * x.batch + head * x.head + row * x.row


cdef inline Py_ssize_t padded(const floating* like, Py_ssize_t n) noexcept nogil:
    return round_up(max(n, 1), tile_columns(like))


# Blocks of scores: KEYS rows of lanes

cdef void score_mask(const Attention* a, Py_ssize_t batch, Py_ssize_t head, Py_ssize_t q0, Py_ssize_t queries,
                     Py_ssize_t k0, Py_ssize_t keys, floating* s) noexcept nogil:
    """Add the mask of the call to a block of scores; -inf where a key is ruled out."""
    cdef Py_ssize_t p, j, at, lanes = tile_columns(s)
    cdef const floating* added
    cdef const uint8_t* kept
    at = batch * a.mask.batch + head * a.mask.head + q0 * a.mask.row + k0 * a.mask_column
    if a.mask_kind == FLOAT_MASK:
        added = <const floating*> a.mask.data + at
        for p in range(keys):
            for j in range(queries):
                s[p * lanes + j] += added[j * a.mask.row + p * a.mask_column]
    elif a.mask_kind == BOOL_MASK:
        kept = <const uint8_t*> a.mask.data + at
        for p in range(keys):
            for j in range(queries):
                if not kept[j * a.mask.row + p * a.mask_column]:
                    s[p * lanes + j] = <floating> -cmath.INFINITY
    if a.causal and k0 + keys > q0 + 1:
        for p in range(max(q0 + 1 - k0, 0), keys):
            for j in range(min(k0 + p - q0, lanes)):
                s[p * lanes + j] = <floating> -cmath.INFINITY


cdef void score_block(const Attention* a, Py_ssize_t batch, Py_ssize_t head, Py_ssize_t q0, Py_ssize_t queries,
                      const floating* q_lanes, const floating* k, Py_ssize_t k_row, Py_ssize_t k0, Py_ssize_t keys,
                      floating* s) noexcept nogil:
    """s[p, j] = scale * k[p] . q[j] + mask, for ``k`` at row ``k0``."""
    cdef Py_ssize_t i, lanes = tile_columns(s)
    cdef floating scale = <floating> a.scale
    panel_product(k, k_row, q_lanes, lanes, s, lanes, keys, a.size, False)
    for i in range(keys * lanes):
        s[i] *= scale
    if a.mask_kind != NO_MASK or a.causal:
        score_mask(a, batch, head, q0, queries, k0, keys, s)


cdef void drop_lanes(const Attention* a, Py_ssize_t batch, Py_ssize_t head, Py_ssize_t q0, Py_ssize_t queries,
                     Py_ssize_t k0, Py_ssize_t keys, const floating* x, floating* y) noexcept nogil:
    """y = x * mask / (1 - p). A row of scores, rounded up to whole blocks, takes that many elements of the stream."""
    cdef uint32_t w[4 * PHILOX]
    cdef Py_ssize_t p, j, lanes = tile_columns(x), row
    cdef uint64_t blocks = <uint64_t> ((a.keys + KEYS - 1) // KEYS)
    cdef floating scale = <floating> a.keep_scale
    for j in range(queries):
        row = (batch * a.heads + head) * a.queries + q0 + j
        philox(a.seed, a.first_block + <uint64_t> row * blocks + <uint64_t> (k0 // KEYS), WORDS, w)
        for p in range(keys):
            y[p * lanes + j] = x[p * lanes + j] * (scale if w[p] >= a.threshold else <floating> 0)


cdef void softmax_lanes(floating* s, Py_ssize_t keys, floating* top, floating* total, floating* shrink) noexcept nogil:
    """s = exp(s - top) with the running maximum and sum of every lane; what came before is to be multiplied by shrink.

    A lane that is -inf throughout gets zeros, as its shift is 0 then.
    """
    cdef Py_ssize_t p, j, lanes = tile_columns(s)
    cdef floating m[LANES]
    cdef floating shift[LANES]
    cdef floating sums[LANES]
    for j in range(lanes):
        m[j] = top[j]
        sums[j] = 0
    for p in range(keys):
        for j in range(lanes):
            m[j] = larger(m[j], s[p * lanes + j])
    for j in range(lanes):
        shift[j] = <floating> 0 if m[j] == <floating> -cmath.INFINITY else m[j]
        shrink[j] = exp_neg(top[j] - shift[j])
        top[j] = m[j]
    for p in range(keys):
        for j in range(lanes):
            s[p * lanes + j] = exp_neg(s[p * lanes + j] - shift[j])
    for p in range(keys):
        for j in range(lanes):
            sums[j] += s[p * lanes + j]
    for j in range(lanes):
        total[j] = total[j] * shrink[j] + sums[j]


cdef inline void lanes_tile(int rows, const floating* a, const floating* b, Py_ssize_t b_step, floating* c,
                            Py_ssize_t c_row, Py_ssize_t k, bint load) noexcept nogil:
    """A's rows are lanes: a[p * lanes + i]."""
    tile(rows, a, 1, tile_columns(a), b, b_step, c, c_row, k, load)


cdef void lanes_product(const floating* s, Py_ssize_t queries, Py_ssize_t keys, const floating* b, floating* c,
                        Py_ssize_t width, bint load) noexcept nogil:
    """c[j] (+)= sum of s[p, j] * b[p] over keys; rows of b and c are ``width`` long, whole panels."""
    cdef Py_ssize_t i, j = 0
    cdef int rows
    while j < width:
        i = 0
        while i < queries:
            rows = tile_height(s, queries - i)
            lanes_tile(rows, s + i, b + j, width, c + i * width + j, width, keys, load)
            i += rows
        j += tile_columns(s)


# Operands

cdef void pad_rows(const floating* x, Py_ssize_t x_row, Py_ssize_t rows, Py_ssize_t size, floating* out,
                   Py_ssize_t width) noexcept nogil:
    """Rows of ``size`` elements, zeros up to ``width``."""
    cdef Py_ssize_t i
    for i in range(rows):
        memcpy(out + i * width, x + i * x_row, size * sizeof(floating))
        memset(out + i * width + size, 0, (width - size) * sizeof(floating))


cdef const floating* whole_rows(const Heads* x, Py_ssize_t batch, Py_ssize_t head, Py_ssize_t row, Py_ssize_t rows,
                                Py_ssize_t size, Py_ssize_t width, floating* room) noexcept nogil:
    """Rows of ``x`` one behind the other and ``width`` long: in place, or copied to ``room``."""
    cdef const floating* data = head_at(x, batch, head, row, room)
    if x.row == width and size == width:
        return data
    pad_rows(data, x.row, rows, size, room, width)
    return room


# Forward

cdef Py_ssize_t attention_workspace(const Attention* a, const floating* like) noexcept nogil:
    """Elements a thread needs."""
    cdef Py_ssize_t lanes = tile_columns(like), width = padded(like, a.size), v_width = padded(like, a.v_size)
    return a.keys * (width + v_width) + lanes * (width + v_width + KEYS)


cdef void attention_queries(const Attention* a, Py_ssize_t batch, Py_ssize_t head, Py_ssize_t q0, const floating* k,
                            const floating* v, floating* work) noexcept nogil:
    """The output of one block of queries."""
    cdef Py_ssize_t lanes = tile_columns(work), width = padded(work, a.size), v_width = padded(work, a.v_size)
    cdef Py_ssize_t queries = min(lanes, a.queries - q0), end = a.keys, k0 = 0, keys, i, j
    cdef floating* q_lanes = work
    cdef floating* s = q_lanes + lanes * width
    cdef floating* o = s + lanes * KEYS
    cdef floating* out
    cdef floating* logsumexp = <floating*> a.logsumexp + (batch * a.heads + head) * a.queries + q0
    cdef floating top[LANES]
    cdef floating total[LANES]
    cdef floating shrink[LANES]
    for j in range(lanes):
        top[j] = <floating> -cmath.INFINITY
        total[j] = 0
    if a.causal:
        end = min(end, q0 + lanes)
    pack_panel(head_at(&a.q, batch, head, q0, work), 1, a.q.row, a.size, queries, q_lanes)
    memset(o, 0, lanes * v_width * sizeof(floating))
    while k0 < end:
        keys = min(end - k0, <Py_ssize_t> KEYS)
        score_block(a, batch, head, q0, queries, q_lanes, k + k0 * width, width, k0, keys, s)
        softmax_lanes(s, keys, top, total, shrink)
        if a.drop:
            drop_lanes(a, batch, head, q0, queries, k0, keys, s, s)
        if k0 > 0:
            for i in range(queries):
                for j in range(v_width):
                    o[i * v_width + j] *= shrink[i]
        lanes_product(s, queries, keys, v + k0 * v_width, o, v_width, k0 > 0)
        k0 += keys
    for i in range(queries):
        out = head_at(&a.out, batch, head, q0 + i, work)
        for j in range(a.v_size):
            out[j] = <floating> 0 if total[i] == 0 else o[i * v_width + j] / total[i]
        logsumexp[i] = top[i] + log_(total[i])


cdef Py_ssize_t cost_before(const Attention* a, Py_ssize_t blocks, Py_ssize_t lanes) noexcept nogil:
    """Keys that the first ``blocks`` blocks of queries meet."""
    cdef Py_ssize_t whole
    if not a.causal:
        return blocks * a.keys
    whole = min(blocks, a.keys // lanes)
    return whole * (whole + 1) // 2 * lanes + (blocks - whole) * a.keys


cdef Py_ssize_t even_cut(const Attention* a, Py_ssize_t blocks, Py_ssize_t lanes, Py_ssize_t index,
                         Py_ssize_t parts) noexcept nogil:
    """The task at which part ``index`` starts when the cost of all tasks is shared evenly."""
    cdef Py_ssize_t per_head = max(cost_before(a, blocks, lanes), 1), goal, block = 0
    goal = per_head * a.batch * a.heads * index // parts
    while block < blocks and cost_before(a, block, lanes) < goal % per_head:
        block += 1
    return goal // per_head * blocks + block


cdef void attention_range(const Attention* a, Py_ssize_t blocks, floating* work, Py_ssize_t lo,
                          Py_ssize_t hi) noexcept nogil:
    """Tasks lo to hi: the blocks of queries of one head after the other, so that its keys are prepared once."""
    cdef Py_ssize_t index, now, batch, head, before = -1, shared = a.heads // a.kv_heads
    cdef Py_ssize_t width = padded(work, a.size), v_width = padded(work, a.v_size)
    cdef floating* rest = work + a.keys * (width + v_width)
    cdef const floating* k = NULL
    cdef const floating* v = NULL
    for index in range(lo, hi):
        batch, head = index // blocks // a.heads, index // blocks % a.heads
        now = batch * a.kv_heads + head // shared
        if now != before:
            k = whole_rows(&a.k, batch, head // shared, 0, a.keys, a.size, width, work)
            v = whole_rows(&a.v, batch, head // shared, 0, a.keys, a.v_size, v_width, work + a.keys * width)
            before = now
        attention_queries(a, batch, head, index % blocks * tile_columns(work), k, v, rest)


cdef bint run_attention(const Attention* a, const floating* like) noexcept nogil:
    """False when memory ran out."""
    cdef Py_ssize_t lanes = tile_columns(like), blocks = (a.queries + lanes - 1) // lanes
    cdef Py_ssize_t tasks = a.batch * a.heads * blocks, size = round_up(attention_workspace(a, like), 16)
    cdef int t, threads
    cdef floating* work
    threads = <int> min(threads_for_flops(2.0 * tasks * lanes * a.keys * (a.size + a.v_size)), max(tasks, 1))
    work = <floating*> workspace(threads * size * sizeof(floating))
    if work == NULL:
        return False
    if threads == 1:
        attention_range(a, blocks, work, 0, tasks)
    else:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            attention_range(a, blocks, work + t * size, even_cut(a, blocks, lanes, t, threads),
                            even_cut(a, blocks, lanes, t + 1, threads))
    release(work)
    return True


# What Python calls

cdef cnp.ndarray heads_operand(str name, cnp.ndarray x, Heads* out, int typenum):
    """``x``, or a copy unless its last axis is contiguous."""
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(x)
    if cnp.PyArray_TYPE(x) != typenum or cnp.PyArray_NDIM(x) != 4:
        raise TypeError(
            f"attention: expected 4-d operands of one floating-point dtype, got {name} {x.dtype} {np.shape(x)}")
    if not cnp.PyArray_ISBEHAVED_RO(x) or (cnp.PyArray_DIM(x, 3) > 1 and cnp.PyArray_STRIDE(x, 3) != size):
        x = cnp.PyArray_FROM_OF(x, cnp.NPY_ARRAY_CARRAY_RO | cnp.NPY_ARRAY_NOTSWAPPED | cnp.NPY_ARRAY_ENSURECOPY)
    out.data = <char*> cnp.PyArray_DATA(x)
    out.batch = cnp.PyArray_STRIDE(x, 0) // size
    out.head = cnp.PyArray_STRIDE(x, 1) // size
    out.row = cnp.PyArray_STRIDE(x, 2) // size
    return x


cdef cnp.ndarray empty_heads(cnp.ndarray like, Py_ssize_t size):
    """A new (batch, heads, length, size) array whose axes lie in memory in the order of those of ``like``."""
    order = sorted(range(3), key=lambda axis: -like.strides[axis])
    shape = [np.shape(like)[axis] for axis in order]
    cdef cnp.ndarray flat = empty_shape((*shape, size), cnp.PyArray_TYPE(like))
    return flat.transpose([order.index(0), order.index(1), order.index(2), 3])


cdef cnp.ndarray attention_mask(cnp.ndarray mask, Attention* a, int typenum, tuple shape):
    """Note a mask that broadcasts to (batch, heads, queries, keys); bool or the dtype of the operands."""
    cdef Py_ssize_t size
    a.mask_kind = NO_MASK
    if mask is None:
        return None
    if cnp.PyArray_TYPE(mask) != cnp.NPY_BOOL and cnp.PyArray_TYPE(mask) != typenum:
        raise TypeError(f"attention: expected a bool mask or one of the operands' dtype, got {mask.dtype}")
    if not cnp.PyArray_ISBEHAVED_RO(mask):
        mask = contiguous(mask)
    mask = np.broadcast_to(mask, shape)
    size = cnp.PyArray_ITEMSIZE(mask)
    a.mask_kind = BOOL_MASK if cnp.PyArray_TYPE(mask) == cnp.NPY_BOOL else FLOAT_MASK
    a.mask.data = <char*> cnp.PyArray_DATA(mask)
    a.mask.batch = cnp.PyArray_STRIDE(mask, 0) // size
    a.mask.head = cnp.PyArray_STRIDE(mask, 1) // size
    a.mask.row = cnp.PyArray_STRIDE(mask, 2) // size
    a.mask_column = cnp.PyArray_STRIDE(mask, 3) // size
    return mask


cdef list attention_plan(cnp.ndarray q, cnp.ndarray k, cnp.ndarray v, cnp.ndarray mask, double scale, bint causal,
                         double dropout, object seed, object offset, Attention* a):
    """Fill in ``a``; returns the arrays it points into."""
    cdef int t = float_type(q)
    memset(a, 0, sizeof(Attention))
    q, k, v = heads_operand("q", q, &a.q, t), heads_operand("k", k, &a.k, t), heads_operand("v", v, &a.v, t)
    a.batch, a.heads, a.queries, a.size = (cnp.PyArray_DIM(q, 0), cnp.PyArray_DIM(q, 1), cnp.PyArray_DIM(q, 2),
                                           cnp.PyArray_DIM(q, 3))
    a.kv_heads, a.keys, a.v_size = cnp.PyArray_DIM(k, 1), cnp.PyArray_DIM(k, 2), cnp.PyArray_DIM(v, 3)
    if (np.shape(k) != (a.batch, a.kv_heads, a.keys, a.size) or np.shape(v) != (a.batch, a.kv_heads, a.keys, a.v_size)
            or (a.heads % a.kv_heads if a.kv_heads else a.heads)):
        raise ValueError(f"attention: shapes {np.shape(q)}, {np.shape(k)} and {np.shape(v)} do not fit")
    if not 0 <= dropout <= 1 or offset % KEYS:
        raise ValueError(f"attention: expected a probability and an offset of whole blocks, got {dropout} and {offset}")
    mask = attention_mask(mask, a, t, (a.batch, a.heads, a.queries, a.keys))
    a.scale, a.causal, a.drop = scale, causal, dropout > 0
    a.keep_scale = 1 / (1 - dropout) if dropout < 1 else 0
    a.threshold = <uint32_t> min(dropout * 4294967296.0, 4294967295.0)
    a.seed, a.first_block = seed & 0xFFFFFFFFFFFFFFFF, offset // KEYS
    return [q, k, v, mask]


def attention(q, k, v, mask=None, double scale=1, bint causal=False, double dropout=0, seed=0, offset=0):
    """softmax(scale * q @ k.T + mask) @ v per head, and the logarithms of the sums of the softmax.

    q is (batch, heads, queries, size), k (batch, kv_heads, keys, size) and v (batch, kv_heads, keys, v_size) with heads
    a multiple of kv_heads; any strides, the last axis contiguous. The mask broadcasts to (batch, heads, queries, keys):
    bool (True takes part) or added to the scores; ``causal`` leaves query i the keys up to i. A query without keys gets
    zeros. Dropout zeroes probabilities by elements ``offset`` (whole blocks of 128) and on of the stream of ``seed``,
    each row of keys rounded up to whole blocks. The result lies in memory as q does.
    """
    cdef Attention a
    cdef list held = attention_plan(q, k, v, mask, scale, causal, dropout, seed, offset, &a)
    cdef cnp.ndarray like = held[0], out = empty_heads(like, a.v_size), logsumexp
    cdef bint ok
    logsumexp = empty(3, cnp.PyArray_DIMS(out), cnp.PyArray_TYPE(like))
    heads_operand("out", out, &a.out, cnp.PyArray_TYPE(like))
    a.logsumexp = <char*> cnp.PyArray_DATA(logsumexp)
    if a.batch == 0 or a.heads == 0 or a.queries == 0:
        return out, logsumexp
    with nogil:
        if cnp.PyArray_TYPE(like) == cnp.NPY_FLOAT:
            ok = run_attention(&a, <const float*> NULL)
        else:
            ok = run_attention(&a, <const double*> NULL)
    if not ok:
        raise MemoryError(f"attention: no workspace for shapes {np.shape(q)} and {np.shape(k)}")
    return out, logsumexp
