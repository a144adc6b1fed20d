# A pool of buffers for large results. Fresh memory costs a page fault every 4 KB, which is more than most kernels
# take to fill it; memory that was used before costs nothing.
#
# Blocks come in size classes four to an octave. A freed block stays in the list of its class until it is reused, or
# until what is cached would let the process hold more than a quarter above its own peak: then the blocks that were
# free longest go back to the system. The GIL protects everything here.

cdef extern from *:
    """
    #include <stdlib.h>
    #if defined(_WIN32)
    #include <malloc.h>
    static void *lucid_aligned(size_t n) { return _aligned_malloc(n, 64); }
    static void lucid_free(void *p) { _aligned_free(p); }
    #else
    #include <sys/mman.h>
    #define LUCID_HUGE ((size_t) 2 << 20)
    static void *lucid_aligned(size_t n) {
        void *p = NULL;
        if (posix_memalign(&p, n >= 2 * LUCID_HUGE ? LUCID_HUGE : 64, n)) return NULL;
    #ifdef MADV_HUGEPAGE
        if (n >= 2 * LUCID_HUGE) madvise(p, n, MADV_HUGEPAGE);
    #endif
        return p;
    }
    static void lucid_free(void *p) { free(p); }
    #endif
    """
    void* aligned_malloc "lucid_aligned" (size_t n) noexcept nogil
    void aligned_free "lucid_free" (void* p) noexcept nogil

    Py_ssize_t PY_SSIZE_T_MAX

cdef enum:
    POOL_MIN = 1 << 16      # bytes; below, malloc reuses memory well enough
    POOL_CLASSES = 4 * 48
    POOL_SLACK = 1 << 26    # bytes kept beyond a quarter above the peak


cdef struct Block:          # lives in the first bytes of a block while it is free
    Block* above            # neighbours in the list of the class
    Block* below
    Block* newer            # neighbours by the time they became free
    Block* older
    size_t size
    int size_class


cdef Block* pool_lists[POOL_CLASSES]
cdef Block* pool_newest = NULL
cdef Block* pool_oldest = NULL
cdef size_t pool_in_use = 0, pool_cached = 0, pool_peak = 0
cdef long long pool_hits = 0, pool_misses = 0

for _class in range(POOL_CLASSES):
    pool_lists[_class] = NULL


cdef int size_class(size_t n, size_t* size) noexcept nogil:
    """The class of a block of at least ``n`` bytes, and its size: (4 + j) << k."""
    cdef int k = 0
    cdef size_t steps = n
    while steps > 8:
        steps = (steps + 1) >> 1
        k += 1
    steps = (n + ((<size_t> 1) << k) - 1) >> k  # 5 to 8 units of 2**k
    size[0] = steps << k
    return 4 * k + <int> (steps - 5)


cdef void pool_unlink(Block* b) noexcept nogil:
    """Take a free block out of both lists."""
    global pool_newest, pool_oldest, pool_cached
    if b.above != NULL:
        b.above.below = b.below
    else:
        pool_lists[b.size_class] = b.below
    if b.below != NULL:
        b.below.above = b.above
    if b.newer != NULL:
        b.newer.older = b.older
    else:
        pool_newest = b.older
    if b.older != NULL:
        b.older.newer = b.newer
    else:
        pool_oldest = b.newer
    pool_cached -= b.size


cdef void* pool_take(size_t n) noexcept:
    """A 64-byte-aligned block of at least ``n`` bytes, or NULL."""
    global pool_in_use, pool_peak, pool_hits, pool_misses
    cdef size_t size
    cdef int c = size_class(n, &size)
    cdef Block* b = pool_lists[c]
    if b != NULL:
        pool_hits += 1
        pool_unlink(b)
    else:
        pool_misses += 1
        b = <Block*> aligned_malloc(size)
        if b == NULL:
            release_memory()
            b = <Block*> aligned_malloc(size)
            if b == NULL:
                return NULL
    pool_in_use += size
    if pool_in_use > pool_peak:
        pool_peak = pool_in_use
    return b


cdef void pool_give(void* p, size_t n) noexcept:
    """Return a block that `pool_take(n)` gave."""
    global pool_newest, pool_oldest, pool_in_use, pool_cached
    cdef Block* b = <Block*> p
    b.size_class = size_class(n, &b.size)
    pool_in_use -= b.size
    b.above, b.below = NULL, pool_lists[b.size_class]
    if b.below != NULL:
        b.below.above = b
    pool_lists[b.size_class] = b
    b.newer, b.older = NULL, pool_newest
    if pool_newest != NULL:
        pool_newest.newer = b
    else:
        pool_oldest = b
    pool_newest = b
    pool_cached += b.size
    while pool_oldest != NULL and pool_in_use + pool_cached > pool_peak + pool_peak // 4 + POOL_SLACK:
        b = pool_oldest
        pool_unlink(b)
        aligned_free(b)


cdef class Buffer:
    """Owner of a pooled block: the ``base`` of the array over it."""
    cdef void* data
    cdef size_t size

    def __dealloc__(self):
        if self.data != NULL:
            pool_give(self.data, self.size)


def memory_stats() -> dict:
    """Bytes ``in_use``, ``cached`` and at ``peak`` in the pool; allocations served from it (``hits``) or not (``misses``)."""
    return {"in_use": pool_in_use, "cached": pool_cached, "peak": pool_peak, "hits": pool_hits, "misses": pool_misses}


def release_memory() -> int:
    """Give all cached blocks back to the system; returns their bytes. The peak restarts from what is in use."""
    global pool_peak
    cdef size_t freed = pool_cached
    cdef Block* b
    while pool_oldest != NULL:
        b = pool_oldest
        pool_unlink(b)
        aligned_free(b)
    pool_peak = pool_in_use
    return freed


cdef cnp.ndarray empty(int ndim, cnp.npy_intp* shape, int typenum):
    """A new C-contiguous array; every result of this module is made here."""
    cdef size_t n = 8 if typenum == cnp.NPY_DOUBLE or typenum == cnp.NPY_INT64 else 1 if typenum == cnp.NPY_BOOL else 4
    cdef int i
    cdef Buffer owner
    cdef cnp.ndarray y
    for i in range(ndim):
        if shape[i] != 0 and n > <size_t> PY_SSIZE_T_MAX // <size_t> shape[i]:
            raise MemoryError(f"an array of {n} x {shape[i]} x ... bytes does not fit in memory")
        n *= shape[i]
    if n < POOL_MIN:
        return cnp.PyArray_EMPTY(ndim, shape, typenum, 0)
    owner = Buffer.__new__(Buffer)
    owner.data = pool_take(n)
    if owner.data == NULL:
        raise MemoryError(f"cannot allocate {n} bytes")
    owner.size = n
    y = cnp.PyArray_SimpleNewFromData(ndim, shape, typenum, owner.data)
    cnp.set_array_base(y, owner)
    return y


cdef cnp.ndarray empty_shape(tuple shape, int typenum):
    """``empty`` for a shape known to Python only."""
    cdef cnp.npy_intp extents[MAX_DIMS]
    cdef int i, ndim = len(shape)
    for i in range(ndim):
        extents[i] = shape[i]
    return empty(ndim, extents, typenum)
