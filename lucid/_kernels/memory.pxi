# A pool of buffers for large results and for the working memory of kernels. Fresh memory costs a page fault every 4 KB,
# which is more than most kernels take to fill it; memory that was used before costs nothing.
#
# Blocks come in size classes four to an octave. A freed block stays in the list of its class until it is reused, for a
# request of its class or one slightly smaller, or until what is cached would let the process hold more than its limit, a
# quarter above its own peak: then the blocks that were free longest go back to the system.
#
# One lock protects the lists, since working memory is taken without the GIL and a buffer dies in whatever thread drops
# it last. The system's allocator is called outside it, and a fork waits for it, so that no child inherits it locked.

cdef extern from *:
    """
    #include <stdlib.h>
    #if defined(_WIN32)
    #include <malloc.h>
    #include <windows.h>
    static void *lucid_aligned(size_t n) { return _aligned_malloc(n, 64); }
    static void lucid_free(void *p) { _aligned_free(p); }
    static void lucid_trim(void) {}
    #define lucid_yield() SwitchToThread()
    #define lucid_hold_over_fork() 0
    #else
    #include <pthread.h>
    #include <sched.h>
    #include <sys/mman.h>
    #ifdef __GLIBC__
    #include <malloc.h>
    #endif
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
    /* glibc keeps what is freed below its threshold of up to 32 MB */
    static void lucid_trim(void) {
    #ifdef __GLIBC__
        malloc_trim(0);
    #endif
    }
    #define lucid_yield() sched_yield()
    static void lucid_lock(void);
    static void lucid_unlock(void);
    #define lucid_hold_over_fork() pthread_atfork(lucid_lock, lucid_unlock, lucid_unlock)
    #endif

    static char lucid_locked;
    static void lucid_lock(void) { while (__atomic_test_and_set(&lucid_locked, __ATOMIC_ACQUIRE)) lucid_yield(); }
    static void lucid_unlock(void) { __atomic_clear(&lucid_locked, __ATOMIC_RELEASE); }
    """
    void* aligned_malloc "lucid_aligned" (size_t n) noexcept nogil
    void aligned_free "lucid_free" (void* p) noexcept nogil
    void trim_system_heap "lucid_trim" () noexcept nogil
    void pool_lock "lucid_lock" () noexcept nogil
    void pool_unlock "lucid_unlock" () noexcept nogil
    int hold_over_fork "lucid_hold_over_fork" () noexcept nogil

    Py_ssize_t PY_SSIZE_T_MAX

cdef enum:
    POOL_MIN = 1 << 16      # bytes; below, malloc reuses memory well enough
    POOL_CLASSES = 4 * 48
    POOL_SLACK = 1 << 26    # bytes kept beyond a quarter above the peak
    POOL_REACH = 2          # classes above its own that a request may take from: at most 1.75 times what it needs
    WORK_HEADER = 64        # bytes before working memory, where its size is; a cache line, so that it stays aligned


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
if hold_over_fork():
    raise MemoryError("lucid: no memory to prepare for forks")


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


cdef void pool_remove(Block* b) noexcept nogil:
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


cdef inline size_t pool_limit() noexcept nogil:
    """The most bytes, in use and cached, that the pool holds; what is in use alone is never refused."""
    return pool_peak + pool_peak // 4 + POOL_SLACK


cdef Block* pool_excess(size_t limit) noexcept nogil:
    """Unlink the blocks that were free longest until the pool holds at most ``limit`` bytes; linked by ``below``."""
    cdef Block* excess = NULL
    cdef Block* b
    while pool_oldest != NULL and pool_in_use + pool_cached > limit:
        b = pool_oldest
        pool_remove(b)
        b.below = excess
        excess = b
    return excess


cdef void free_blocks(Block* b) noexcept nogil:
    cdef Block* below
    while b != NULL:
        below = b.below
        aligned_free(b)
        b = below


cdef size_t pool_release() noexcept nogil:
    """Give all cached blocks back to the system; returns their bytes. The peak restarts from what is in use."""
    global pool_peak
    cdef size_t freed
    cdef Block* excess
    pool_lock()
    freed = pool_cached
    excess = pool_excess(0)
    pool_peak = pool_in_use
    pool_unlock()
    free_blocks(excess)
    trim_system_heap()
    return freed


cdef void* pool_take(size_t n, size_t* size) noexcept nogil:
    """A 64-byte-aligned block of at least ``n`` bytes, and its size; or NULL."""
    global pool_in_use, pool_peak, pool_hits, pool_misses
    cdef int c = size_class(n, size), top = min(c + POOL_REACH, POOL_CLASSES - 1)
    cdef Block* b
    if c >= POOL_CLASSES:  # 2 PB and more: no address space holds it
        return NULL
    pool_lock()
    while c < top and pool_lists[c] == NULL:
        c += 1
    b = pool_lists[c]
    if b != NULL:
        pool_hits += 1
        size[0] = b.size
        pool_remove(b)
    else:
        pool_misses += 1
    pool_in_use += size[0]
    if pool_in_use > pool_peak:
        pool_peak = pool_in_use
    pool_unlock()
    if b == NULL:
        b = <Block*> aligned_malloc(size[0])
        if b == NULL:
            pool_release()
            b = <Block*> aligned_malloc(size[0])
        if b == NULL:
            pool_lock()
            pool_in_use -= size[0]
            pool_unlock()
    return b


cdef void pool_give(void* p, size_t size) noexcept nogil:
    """Return a block that `pool_take` gave, with the size it gave."""
    global pool_newest, pool_oldest, pool_in_use, pool_cached
    cdef Block* b = <Block*> p
    b.size_class = size_class(size, &b.size)
    pool_lock()
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
    b = pool_excess(pool_limit())
    pool_unlock()
    free_blocks(b)


cdef void* workspace(size_t size) noexcept nogil:
    """``size`` bytes aligned to a cache line, or NULL. Taken once per call: threads share it out."""
    cdef size_t taken
    cdef char* p = <char*> pool_take(size + WORK_HEADER, &taken)
    if p == NULL:
        return NULL
    (<size_t*> p)[0] = taken
    return p + WORK_HEADER


cdef void release(void* p) noexcept nogil:
    """Return what ``workspace`` gave."""
    cdef char* start = <char*> p - WORK_HEADER
    pool_give(start, (<size_t*> start)[0])


cdef class Buffer:
    """Owner of a pooled block: the ``base`` of the array over it."""
    cdef void* data
    cdef size_t size

    def __dealloc__(self):
        if self.data != NULL:
            pool_give(self.data, self.size)


def memory_stats() -> dict:
    """Figures of the pool; see lucid.memory_stats."""
    cdef size_t in_use, cached, peak, limit
    cdef long long hits, misses
    pool_lock()
    in_use, cached, peak, limit = pool_in_use, pool_cached, pool_peak, pool_limit()
    hits, misses = pool_hits, pool_misses
    pool_unlock()
    return {"in_use": in_use, "cached": cached, "peak": peak, "limit": limit, "hits": hits, "misses": misses}


def release_memory() -> int:
    """Give all cached blocks back to the system; returns their bytes. The peak restarts from what is in use."""
    cdef size_t freed
    with nogil:
        freed = pool_release()
    return freed


cdef cnp.ndarray empty_items(int ndim, cnp.npy_intp* shape, int typenum, size_t n):
    """A new C-contiguous array of items of ``n`` bytes."""
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
    owner.data = pool_take(n, &owner.size)
    if owner.data == NULL:
        raise MemoryError(f"cannot allocate {n} bytes")
    y = cnp.PyArray_SimpleNewFromData(ndim, shape, typenum, owner.data)
    cnp.set_array_base(y, owner)
    return y


cdef inline cnp.ndarray empty(int ndim, cnp.npy_intp* shape, int typenum):
    """A new C-contiguous array; every result of this module is made here."""
    cdef size_t n = 8 if typenum == cnp.NPY_DOUBLE or typenum == cnp.NPY_INT64 else 1 if typenum == cnp.NPY_BOOL else 4
    return empty_items(ndim, shape, typenum, n)


cdef cnp.ndarray empty_shape(tuple shape, int typenum):
    """``empty`` for a shape known to Python only."""
    cdef cnp.npy_intp extents[MAX_DIMS]
    cdef int i, ndim = len(shape)
    for i in range(ndim):
        extents[i] = shape[i]
    return empty(ndim, extents, typenum)


def allocate(tuple shape, cnp.dtype dtype) -> np.ndarray:
    """A new C-contiguous array of any numeric dtype, its values whatever the memory held."""
    cdef cnp.npy_intp extents[MAX_DIMS]
    cdef int i, ndim = len(shape)
    if ndim > MAX_DIMS:
        raise ValueError(f"allocate: {ndim} dimensions; at most {MAX_DIMS} are supported")
    for i in range(ndim):
        extents[i] = shape[i]
        if extents[i] < 0:
            raise ValueError(f"negative dimensions are not allowed, got shape {shape}")
    return empty_items(ndim, extents, dtype.num, cnp.PyDataType_ELSIZE(dtype))
