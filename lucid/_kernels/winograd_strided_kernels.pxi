# Kernels of 3x3 and 4x4 convolution with stride 2 in fewer multiplications: their transforms, and products with them. The forward
# direction (winograd_strided.pxi) and the input gradient (winograd_transposed.pxi) share them.

cdef extern from *:
    """
    /* Taps 0 to 2 or 3 of one axis, ``step`` apart, to the kernels of the planes: of two taps their sum, or ``less`` their
       difference. */
    LUCID_ALWAYS void lucid_strided_taps(const float *restrict g, Py_ssize_t step, int size, const int less,
                                         float *restrict u, Py_ssize_t plane) {
        LUCID_INDEPENDENT
        for (int r = 0; r < LUCID_LANES; r++) {
            float a = g[r], b = g[step + r], c = g[2 * step + r];
            u[r] = a;
            u[plane + r] = b;
            u[2 * plane + r] = less ? a - c : a + c;
            if (size == 3) {
                u[3 * plane + r] = c;
                u[4 * plane + r] = b;
            } else {
                float d = g[3 * step + r];
                u[3 * plane + r] = less ? b - d : b + d;
                u[4 * plane + r] = c;
                u[5 * plane + r] = d;
            }
        }
    }

    /* u[plane][lane] = kernels of all planes from the taps w[t][lane] of LANES rows. */
    LUCID_ALWAYS void lucid_strided_any(const float *w, const int size, const int less, float *u, Py_ssize_t plane) {
        enum { most = 6 };
        float half[4 * most * LUCID_LANES];
        const int sources = size == 3 ? 5 : 6;
        for (int i = 0; i < size; i++)
            lucid_strided_taps(w + i * size * LUCID_LANES, LUCID_LANES, size, less, half + i * sources * LUCID_LANES,
                               LUCID_LANES);
        for (int j = 0; j < sources; j++)
            lucid_strided_taps(half + j * LUCID_LANES, sources * LUCID_LANES, size, less, u + j * plane, sources * plane);
    }
    static void lucid_strided_kernel(const float *w, int size, int less, float *u, Py_ssize_t plane) {
        if (size == 3 && less) lucid_strided_any(w, 3, 1, u, plane);
        else if (size == 3) lucid_strided_any(w, 3, 0, u, plane);
        else if (less) lucid_strided_any(w, 4, 1, u, plane);
        else lucid_strided_any(w, 4, 0, u, plane);
    }
    """
    void strided_kernel "lucid_strided_kernel" (const float* w, int size, bint less, float* u,
                                                Py_ssize_t plane) noexcept nogil


cdef inline int strided_size(const Patches* p) noexcept nogil:
    """Taps along an axis."""
    return 3 if p.taps == 9 else 4


cdef inline int strided_sources(const Patches* p) noexcept nogil:
    """Planes along an axis."""
    return 5 if p.taps == 9 else 6


cdef inline int strided_from(int sources, int sum) noexcept nogil:
    """The first plane along an axis that belongs to sum 0, 1 or 2; sum 3 is the end."""
    if sum < 2:
        return 2 * sum
    return sources if sum == 3 else sources - 2


cdef void strided_rows(const Winograd* g, const float* w, float* u, Py_ssize_t first) noexcept nogil:
    """A task of rows of a group, from ``first`` on, for all channels: u is [plane][channel][lane], whose first lanes are rows.
    In the order of ``pack_a``, six rows at a time, writing them took as long as a sixth of the products of one image."""
    cdef const Patches* p = g.p
    cdef Py_ssize_t c = 0, several, q, all = winograd_task_rows(p, first)
    cdef float[16 * WINOGRAD_LANES * 4] kernels
    w += first * p.w_row
    memset(kernels, 0, sizeof(kernels))
    while c < p.channels:
        several = min(p.channels - c, 4)
        if p.w_channel == p.taps:
            for q in range(all):
                winograd_call(w + q * p.w_row + (c + 8) * p.taps, several * p.taps)
            transpose(w + c * p.taps, p.w_row, all, several * p.taps, kernels, WINOGRAD_LANES)
        else:
            for q in range(several):
                winograd_call(w + (c + 8 + q) * p.w_channel, all * p.w_row)
                transpose(w + (c + q) * p.w_channel, p.w_row, all, p.taps, kernels + q * p.taps * WINOGRAD_LANES,
                          WINOGRAD_LANES)
        for q in range(several):
            strided_kernel(kernels + q * p.taps * WINOGRAD_LANES, strided_size(p), g.less, u + (c + q) * WINOGRAD_LANES,
                           g.u_plane)
        c += several


cdef void strided_weights(const Winograd* g, const float* w, float* u, Py_ssize_t task) noexcept nogil:
    """A task of rows of one group: u is [group][plane][task]."""
    cdef const Patches* p = g.p
    cdef Py_ssize_t tasks = winograd_row_tasks(p), planes = strided_sources(p) * strided_sources(p)
    strided_rows(g, w + task // tasks * p.w_group,
                 u + task // tasks * planes * g.u_plane + task % tasks * p.channels * WINOGRAD_LANES,
                 winograd_first_row(p, task % tasks))


cdef inline Py_ssize_t strided_kernels(const Patches* p) noexcept nogil:
    """Floats of one plane of transformed weights of a group: an odd number of cache lines."""
    return round_up(winograd_row_tasks(p) * p.channels * WINOGRAD_LANES, 32) + 16


cdef void strided_chains(const Winograd* g, const float* u, const float* v, Py_ssize_t v_row, float* m, int height,
                         Py_ssize_t n, Py_ssize_t channels, bint more) noexcept nogil:
    """One tile of one plane, its first ``n`` columns, through all chains of k; added to m if there was ``more`` before."""
    if narrow(u, n):
        deep_narrow_tile(height, u, WINOGRAD_LANES, v, v_row, m, g.pitch, channels, g.depth, more)
    else:
        deep_tile32(height, u, WINOGRAD_LANES, v, v_row, m, g.pitch, channels, g.depth, more)
