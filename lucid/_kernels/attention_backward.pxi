# The gradient of attention: with p the probabilities, computed once more from the scores and logsumexp,
# dv = p.T @ dout, ds = p * (dout @ v.T - sum(dout * out)), dk = ds.T @ q and dq = ds @ k.

cdef enum:
    KEY_GROUP = 512             # keys per task, more when there are MAX_GROUPS of them
    MAX_GROUPS = 8


cdef inline Py_ssize_t key_group(const Attention* a) noexcept nogil:
    """Keys per task: whole blocks, at most MAX_GROUPS groups."""
    return max(<Py_ssize_t> KEY_GROUP, round_up((a.keys + MAX_GROUPS - 1) // MAX_GROUPS, KEYS))


cdef Py_ssize_t backward_workspace(const Attention* a, const floating* like) noexcept nogil:
    cdef Py_ssize_t lanes = tile_columns(like), width = padded(like, a.size), v_width = padded(like, a.v_size)
    return 2 * min(key_group(a), a.keys) * (width + v_width) + lanes * (3 * width + 2 * v_width + 3 * KEYS)


cdef void backward_queries(const Attention* a, Py_ssize_t batch, Py_ssize_t head, Py_ssize_t q0, Py_ssize_t first,
                           Py_ssize_t end, const floating* k, const floating* v, floating* dk, floating* dv,
                           floating* dq_part, floating* work) noexcept nogil:
    """One block of queries against keys ``first`` to ``end``: adds to dk and dv; dq goes to its place or to dq_part."""
    cdef Py_ssize_t lanes = tile_columns(work), width = padded(work, a.size), v_width = padded(work, a.v_size)
    cdef Py_ssize_t queries = min(lanes, a.queries - q0), k0 = first, keys, i, j, p
    cdef floating* q_lanes = work
    cdef floating* q_rows = q_lanes + lanes * width
    cdef floating* dq = q_rows + lanes * width
    cdef floating* g_lanes = dq + lanes * width         # of dout
    cdef floating* g_rows = g_lanes + lanes * v_width
    cdef floating* s = g_rows + lanes * v_width
    cdef floating* ds = s + lanes * KEYS
    cdef floating* dropped = ds + lanes * KEYS
    cdef const floating* q = head_at(&a.q, batch, head, q0, work)
    cdef const floating* g = head_at(&a.dout, batch, head, q0, work)
    cdef const floating* rows
    cdef floating* target
    cdef floating shift[LANES]
    cdef floating inner[LANES]
    cdef floating scale = <floating> a.scale
    for j in range(lanes):
        shift[j] = inner[j] = 0
    for j in range(queries):
        shift[j] = (<floating*> a.logsumexp)[(batch * a.heads + head) * a.queries + q0 + j]
        if shift[j] == <floating> -cmath.INFINITY:      # no key takes part: exp(-inf - 0) is 0
            shift[j] = 0
        inner[j] = <floating> row_dot(False, g + j * a.dout.row,
                                      <const floating*> head_at(&a.out, batch, head, q0 + j, work), a.v_size, False)
    pack_panel(q, 1, a.q.row, a.size, queries, q_lanes)
    pack_panel(g, 1, a.dout.row, a.v_size, queries, g_lanes)
    pad_rows(q, a.q.row, queries, a.size, q_rows, width)
    pad_rows(g, a.dout.row, queries, a.v_size, g_rows, v_width)
    memset(dq, 0, lanes * width * sizeof(floating))
    if a.causal:
        end = min(end, q0 + lanes)
    while k0 < end:
        keys = min(end - k0, <Py_ssize_t> KEYS)
        score_block(a, batch, head, q0, queries, q_lanes, k + (k0 - first) * width, width, k0, keys, s)
        panel_product(v + (k0 - first) * v_width, v_width, g_lanes, lanes, ds, lanes, keys, a.v_size, False)
        for p in range(keys):
            for j in range(lanes):
                s[p * lanes + j] = exp_neg(s[p * lanes + j] - shift[j])
        rows = s
        if a.drop:
            drop_lanes(a, batch, head, q0, queries, k0, keys, s, dropped)
            rows = dropped
        block_product(rows, lanes, g_rows, lanes, v_width, dv + (k0 - first) * v_width, v_width, keys, v_width,
                      queries, True)
        if a.drop:
            drop_lanes(a, batch, head, q0, queries, k0, keys, ds, ds)
        for p in range(keys):
            for j in range(lanes):
                ds[p * lanes + j] = s[p * lanes + j] * (ds[p * lanes + j] - inner[j]) * scale
        block_product(ds, lanes, q_rows, lanes, width, dk + (k0 - first) * width, width, keys, width, queries, True)
        lanes_product(ds, queries, keys, k + (k0 - first) * width, dq, width, True)
        k0 += keys
    for i in range(queries):
        target = dq_part + (q0 + i) * a.size if dq_part != NULL else head_at(&a.dq, batch, head, q0 + i, work)
        memcpy(target, dq + i * width, a.size * sizeof(floating))


cdef void backward_range(const Attention* a, floating* parts, floating* work, Py_ssize_t lo,
                         Py_ssize_t hi) noexcept nogil:
    """Tasks lo to hi: a group of keys of one head of k and v, against every query that meets it."""
    cdef Py_ssize_t group = key_group(a), groups = (a.keys + group - 1) // group, shared = a.heads // a.kv_heads
    cdef Py_ssize_t width = padded(work, a.size), v_width = padded(work, a.v_size), lanes = tile_columns(work)
    cdef Py_ssize_t index, batch, kv_head, head, first, end, rows, q0, i, most = min(group, a.keys)
    cdef floating* dk = work + most * (width + v_width)
    cdef floating* dv = dk + most * width
    cdef floating* rest = dv + most * v_width
    cdef floating* part
    cdef const floating* k
    cdef const floating* v
    for index in range(lo, hi):
        batch, kv_head = index // groups // a.kv_heads, index // groups % a.kv_heads
        first = index % groups * group
        end = min(a.keys, first + group)
        rows = end - first
        k = whole_rows(&a.k, batch, kv_head, first, rows, a.size, width, work)
        v = whole_rows(&a.v, batch, kv_head, first, rows, a.v_size, v_width, work + most * width)
        memset(dk, 0, rows * (width + v_width) * sizeof(floating))
        dv = dk + rows * width
        for head in range(kv_head * shared, (kv_head + 1) * shared):
            part = NULL
            if groups > 1:
                part = parts + ((batch * a.heads + head) * groups + index % groups) * a.queries * a.size
            q0 = 0
            while q0 < a.queries:
                backward_queries(a, batch, head, q0, first, end, k, v, dk, dv, part, rest)
                q0 += lanes
        for i in range(rows):
            memcpy(head_at(&a.dk, batch, kv_head, first + i, work), dk + i * width, a.size * sizeof(floating))
            memcpy(head_at(&a.dv, batch, kv_head, first + i, work), dv + i * v_width, a.v_size * sizeof(floating))


cdef void add_parts(const Attention* a, const floating* parts, Py_ssize_t groups, Py_ssize_t lo,
                    Py_ssize_t hi) noexcept nogil:
    """dq of heads lo to hi: the sum over groups of keys in ascending order."""
    cdef Py_ssize_t index, i, j, g, step = a.queries * a.size
    cdef const floating* part
    cdef floating* dq
    for index in range(lo, hi):
        for i in range(a.queries):
            part = parts + index * groups * step + i * a.size
            dq = head_at(&a.dq, index // a.heads, index % a.heads, i, parts)
            memcpy(dq, part, a.size * sizeof(floating))
            for g in range(1, groups):
                for j in range(a.size):
                    dq[j] += part[g * step + j]


cdef bint run_attention_backward(const Attention* a, const floating* like) noexcept nogil:
    """False when memory ran out."""
    cdef Py_ssize_t group = key_group(a), groups = (a.keys + group - 1) // group
    cdef Py_ssize_t tasks = a.batch * a.kv_heads * groups, size = round_up(backward_workspace(a, like), 16)
    cdef Py_ssize_t heads = a.batch * a.heads, extra = heads * groups * a.queries * a.size if groups > 1 else 0
    cdef int t, threads
    cdef floating* work
    threads = <int> min(threads_for_flops(5.0 * heads * a.queries * a.keys * (a.size + a.v_size)), max(tasks, 1))
    work = <floating*> workspace((threads * size + extra) * sizeof(floating))
    if work == NULL:
        return False
    if threads == 1:
        backward_range(a, work + size, work, 0, tasks)
    else:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            backward_range(a, work + threads * size, work + t * size, tasks * t // threads, tasks * (t + 1) // threads)
    if groups > 1:
        add_parts(a, work + threads * size, groups, 0, heads)
    release(work)
    return True


# What Python calls

def attention_backward(dout, q, k, v, mask, out, logsumexp, double scale=1, bint causal=False, double dropout=0, seed=0,
                       offset=0, dq=None, dk=None, dv=None):
    """The gradients of q, k and v, written to ``dq``, ``dk`` and ``dv`` where given (last axis contiguous)."""
    cdef Attention a
    cdef list held = attention_plan(q, k, v, mask, scale, causal, dropout, seed, offset, &a)
    cdef cnp.ndarray like = held[0], sums = contiguous(logsumexp)
    cdef int t = cnp.PyArray_TYPE(like)
    cdef bint ok
    if np.shape(dout) != np.shape(out) or np.shape(sums) != np.shape(out)[:3] or cnp.PyArray_TYPE(sums) != t:
        raise ValueError(
            f"attention_backward: shapes {np.shape(dout)}, {np.shape(out)} and {np.shape(sums)} do not fit")
    dq = empty_heads(like, a.size) if dq is None else dq
    dk = empty_heads(held[1], a.size) if dk is None else dk
    dv = empty_heads(held[2], a.v_size) if dv is None else dv
    for given, expected in ((dq, q), (dk, k), (dv, v)):
        if np.shape(given) != np.shape(expected) or not given.flags.writeable or (
                given.size and np.shape(given)[3] > 1 and given.strides[3] != given.itemsize):
            raise ValueError(f"attention_backward: cannot write a gradient to {given.dtype} {np.shape(given)}")
    held += [heads_operand("dout", dout, &a.dout, t), heads_operand("out", out, &a.out, t)]
    heads_operand("dq", dq, &a.dq, t)
    heads_operand("dk", dk, &a.dk, t)
    heads_operand("dv", dv, &a.dv, t)
    a.logsumexp = <char*> cnp.PyArray_DATA(sums)
    if a.keys == 0 or a.queries == 0 or a.batch == 0 or a.heads == 0:
        dq[...], dk[...], dv[...] = 0, 0, 0
        return dq, dk, dv
    with nogil:
        if t == cnp.NPY_FLOAT:
            ok = run_attention_backward(&a, <const float*> NULL)
        else:
            ok = run_attention_backward(&a, <const double*> NULL)
    if not ok:
        raise MemoryError(f"attention_backward: no workspace for shapes {np.shape(q)} and {np.shape(k)}")
    return dq, dk, dv


def attention_buffer(cnp.ndarray x not None):
    """An array of arbitrary values with the shape and dtype of ``x``, for gradients of packed projections."""
    float_type(x)
    return empty_like(x)
