# Rows in order, and the element of a rank.
#
# An element becomes an unsigned integer of the same order, its key: both zeros are one, NaN is above all numbers. A word of
# 32 bits of a key and the place of the element make an item, so that items that differ are never equal, and what moves is 8
# bytes. Items go to their places digit by digit, the lowest first, none of which changes the order of equal ones; digits
# are made of the bits in which a row differs. Keys of 64 bits are sorted by their upper word, then runs of equal ones by
# the lower.

cdef extern from *:
    """
    static inline uint64_t lucid_rank_f32(float x) {
        const int32_t bits = lucid_i32(x);
        const uint32_t size = (uint32_t) bits & 0x7fffffffu;
        const uint32_t key = bits < 0 && size ? ~(uint32_t) bits : size | 0x80000000u;
        return size > 0x7f800000u ? UINT32_MAX : key;
    }
    static inline uint64_t lucid_rank_f64(double x) {
        const int64_t bits = lucid_i64(x);
        const uint64_t size = (uint64_t) bits & (uint64_t) INT64_MAX;
        const uint64_t key = bits < 0 && size ? ~(uint64_t) bits : size | (uint64_t) INT64_MIN;
        return size > (uint64_t) 0x7ff0000000000000 ? UINT64_MAX : key;
    }
    static inline int lucid_bits(uint64_t x) {      /* without leading zeros */
    #if defined(__GNUC__)
        return x ? 64 - __builtin_clzll(x) : 0;
    #else
        int n = 0;
        for (; x; x >>= 1) n++;
        return n;
    #endif
    }
    """
    uint64_t rank_f32 "lucid_rank_f32" (float x) noexcept nogil
    uint64_t rank_f64 "lucid_rank_f64" (double x) noexcept nogil
    int bits_of "lucid_bits" (uint64_t x) noexcept nogil
    uint64_t UINT64_MAX
    int64_t INT64_MIN

cdef enum:
    SORT_GRAIN = 512            # elements
    SORT_FEW = 128              # items that are all compared
    SORT_LONG = 8192            # elements of a row that is worth more digits in a pass ...
    SORT_DIGIT = 8
    SORT_LONG_DIGIT = 11        # ... so many bits of them
    SORT_SHARED = 65536         # elements of a row that threads share

cdef uint64_t PLACE = 0xffffffff    # the lower word of an item
cdef Py_ssize_t SORT_MOST = 0xffffffff

ctypedef fused sortable:
    float
    double
    int32_t
    int64_t


cdef inline uint64_t rank_of(sortable x, uint64_t flip) noexcept nogil:
    """The key of an element; those of 32 bits where elements have so many."""
    if sortable is float:
        return rank_f32(x) ^ (flip >> 32)
    elif sortable is double:
        return rank_f64(x) ^ flip
    elif sortable is int32_t:
        return (<uint32_t> x ^ <uint32_t> 0x80000000) ^ (flip >> 32)
    else:
        return (<uint64_t> x ^ <uint64_t> 1 << 63) ^ flip


cdef struct Items:
    const char* source          # the row
    int type                    # of its elements
    uint64_t flip               # of all bits of keys, for a descending order
    uint64_t below              # bits of keys under the word of the items
    int word                    # where that begins
    uint64_t* x                 # n items ...
    uint64_t* spare             # ... and as much room
    uint32_t* counts            # of the values of a digit, for each part
    Py_ssize_t n
    int parts                   # that threads share
    int shift, bits             # of the digit
    char* values                # NULL if not asked for
    int64_t* places

ctypedef void (*Part)(const Items* s, int part) noexcept nogil


cdef inline Py_ssize_t part_start(const Items* s, int part) noexcept nogil:
    return s.n * part // s.parts


cdef void each_part(const Items* s, Part work) noexcept nogil:
    cdef int part
    if s.parts == 1:
        work(s, 0)
        return
    for part in prange(s.parts, num_threads=s.parts, schedule="static", chunksize=1):
        work(s, part)


cdef void count_part(const Items* s, int part) noexcept nogil:
    cdef Py_ssize_t i
    cdef int shift = s.shift
    cdef uint64_t mask = ((<uint64_t> 1) << s.bits) - 1
    cdef uint32_t* counts = s.counts + (<Py_ssize_t> part << s.bits)
    cdef const uint64_t* x = s.x
    memset(counts, 0, (mask + 1) * sizeof(uint32_t))
    for i in range(part_start(s, part), part_start(s, part + 1)):
        counts[(x[i] >> shift) & mask] += 1


cdef void move_part(const Items* s, int part) noexcept nogil:
    cdef Py_ssize_t i
    cdef int shift = s.shift
    cdef uint64_t mask = ((<uint64_t> 1) << s.bits) - 1, digit
    cdef uint32_t* at = s.counts + (<Py_ssize_t> part << s.bits)
    cdef const uint64_t* x = s.x
    cdef uint64_t* y = s.spare
    for i in range(part_start(s, part), part_start(s, part + 1)):
        digit = (x[i] >> shift) & mask
        y[at[digit]] = x[i]
        at[digit] += 1


cdef bint counts_to_places(const Items* s) noexcept nogil:
    """Where the items of each digit of each part begin; False if all have the same digit."""
    cdef Py_ssize_t digits = (<Py_ssize_t> 1) << s.bits, digit
    cdef uint32_t total = 0, count
    cdef uint32_t* own
    cdef int part
    digit = <Py_ssize_t> (s.x[0] >> s.shift) & (digits - 1)
    for part in range(s.parts):
        total += s.counts[part * digits + digit]
    if total == <uint32_t> s.n:
        return False
    total = 0
    for digit in range(digits):
        own = s.counts + digit
        for part in range(s.parts):
            count = own[part * digits]
            own[part * digits] = total
            total += count
    return True


cdef void rank_items(const uint64_t* x, uint64_t* y, Py_ssize_t n) noexcept nogil:
    """``y``: items in order, each at the number of those below it. For a few of them nothing is as fast."""
    cdef int64_t keys[SORT_FEW]
    cdef int64_t below
    cdef Py_ssize_t i, j
    for i in range(n):
        keys[i] = <int64_t> (x[i] ^ (<uint64_t> 1 << 63))       # vectors compare with a sign
    for i in range(n):
        below = 0
        for j in range(n):
            below += keys[j] < keys[i]
        y[below] = x[i]


cdef uint64_t differences(const uint64_t* x, Py_ssize_t n) noexcept nogil:
    """The bits in which items differ; 0 if they are in order."""
    cdef uint64_t differs = 0, falls = 0, first = x[0]
    cdef Py_ssize_t i
    for i in range(1, n):
        differs |= x[i] ^ first
        falls |= x[i] < x[i - 1]
    return differs if falls else 0


cdef void sort_items(Items* s) noexcept nogil:
    """Bring ``x`` in order, which may become what was ``spare``. Items of one word come in the order of their places."""
    cdef uint64_t differs
    cdef int low = 32, high
    if s.n <= SORT_FEW:
        rank_items(s.x, s.spare, s.n)
        s.spare, s.x = s.x, s.spare
        return
    differs = differences(s.x, s.n)
    if differs == 0:
        return
    high = bits_of(differs)
    while not differs >> low & 1:
        low += 1
    s.bits = SORT_LONG_DIGIT if s.n >= SORT_LONG else SORT_DIGIT
    s.bits = <int> ceil_div(high - low, ceil_div(high - low, s.bits))
    s.shift = low
    while s.shift < high:
        each_part(s, count_part)
        if counts_to_places(s):
            each_part(s, move_part)
            s.spare, s.x = s.x, s.spare
        s.shift += s.bits


cdef void sort_below(const sortable* x, const Items* s) noexcept nogil:
    """Order the items of one word by the bits of their keys under it."""
    cdef Items run = s[0]
    cdef Py_ssize_t i = 0, j, k
    cdef uint64_t place
    run.parts = 1
    while i < s.n:
        j = i + 1
        while j < s.n and s.x[j] >> 32 == s.x[i] >> 32:
            j += 1
        if j > i + 1:
            for k in range(i, j):
                place = s.x[k] & PLACE
                s.x[k] = (rank_of(x[place], s.flip) & s.below) << 32 | place
            run.x, run.spare, run.n = s.x + i, s.spare + i, j - i
            sort_items(&run)
            if run.x != s.x + i:
                memcpy(s.x + i, run.x, (j - i) * sizeof(uint64_t))
        i = j


cdef void make_items(const sortable* x, const Items* s, Py_ssize_t lo, Py_ssize_t hi) noexcept nogil:
    cdef uint64_t* items = s.x
    cdef uint64_t flip = s.flip
    cdef int word = s.word
    cdef Py_ssize_t i
    for i in range(lo, hi):
        items[i] = rank_of(x[i], flip) >> word << 32 | <uint64_t> i


cdef void make_part(const Items* s, int part) noexcept nogil:
    cdef Py_ssize_t lo = part_start(s, part), hi = part_start(s, part + 1)
    if s.type == cnp.NPY_FLOAT:
        make_items(<const float*> s.source, s, lo, hi)
    elif s.type == cnp.NPY_DOUBLE:
        make_items(<const double*> s.source, s, lo, hi)
    elif s.type == cnp.NPY_INT32:
        make_items(<const int32_t*> s.source, s, lo, hi)
    else:
        make_items(<const int64_t*> s.source, s, lo, hi)


cdef void take_part(const Items* s, int part) noexcept nogil:
    """The results."""
    cdef const uint64_t* items = s.x
    cdef int64_t* places = s.places
    cdef Py_ssize_t lo = part_start(s, part), hi = part_start(s, part + 1), i
    if s.values != NULL and (s.type == cnp.NPY_FLOAT or s.type == cnp.NPY_INT32):
        for i in range(lo, hi):
            (<uint32_t*> s.values)[i] = (<const uint32_t*> s.source)[items[i] & PLACE]
    elif s.values != NULL:
        for i in range(lo, hi):
            (<uint64_t*> s.values)[i] = (<const uint64_t*> s.source)[items[i] & PLACE]
    for i in range(lo, hi):
        places[i] = <int64_t> (items[i] & PLACE)


cdef void choose_word(const sortable* x, Items* s) noexcept nogil:
    """The upper 32 of the bits in which keys of 64 differ."""
    cdef uint64_t differs = 0, flip = s.flip, first = rank_of(x[0], flip)
    cdef Py_ssize_t i
    for i in range(s.n):
        differs |= rank_of(x[i], flip) ^ first
    s.word = max(bits_of(differs) - 32, 0)
    s.below = (((<uint64_t> 1) << s.word) - 1) & differs


cdef void sort_row(Items* s) noexcept nogil:
    s.word, s.below = 0, 0
    if s.type == cnp.NPY_DOUBLE:
        choose_word(<const double*> s.source, s)
    elif s.type == cnp.NPY_INT64:
        choose_word(<const int64_t*> s.source, s)
    each_part(s, make_part)
    sort_items(s)
    if s.below and s.type == cnp.NPY_DOUBLE:
        sort_below(<const double*> s.source, s)
    elif s.below:
        sort_below(<const int64_t*> s.source, s)
    each_part(s, take_part)


cdef inline Py_ssize_t room_of(const Items* s) noexcept nogil:
    """64-bit words that sorting takes: items twice, and counts; to the end of a cache line."""
    cdef Py_ssize_t digits = (<Py_ssize_t> 1) << (SORT_LONG_DIGIT if s.n >= SORT_LONG else SORT_DIGIT)
    return ceil_div(2 * s.n + s.parts * digits // 2, LINE // 8) * (LINE // 8)


cdef void sort_rows(const Items* s, Py_ssize_t size, Py_ssize_t lo, Py_ssize_t hi, int thread) noexcept nogil:
    """Rows lo to hi, in the room of a thread."""
    cdef Items own = s[0]
    cdef Py_ssize_t row
    own.x += thread * room_of(s)
    own.spare = own.x + s.n
    own.counts = <uint32_t*> (own.spare + s.n)
    for row in range(lo, hi):
        own.source, own.places = s.source + row * s.n * size, s.places + row * s.n
        if s.values != NULL:
            own.values = s.values + row * s.n * size
        sort_row(&own)


cdef bint run_sort(Items* s, Py_ssize_t rows, Py_ssize_t size) noexcept nogil:
    """False when memory ran out."""
    cdef int threads = threads_for(<double> rows * s.n, SORT_GRAIN), t
    s.parts = threads if rows < threads and s.n >= SORT_SHARED else 1
    threads = <int> min(threads, rows) if s.parts == 1 else 1
    s.x = <uint64_t*> workspace(threads * room_of(s) * sizeof(uint64_t))
    if s.x == NULL:
        return False
    if threads == 1:
        sort_rows(s, size, 0, rows, 0)
    else:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            sort_rows(s, size, rows * t // threads, rows * (t + 1) // threads, t)
    release(s.x)
    return True


cdef Py_ssize_t check_rows(str name, cnp.ndarray x) except -1:
    """The number of rows along the last axis."""
    cdef int t = cnp.PyArray_TYPE(x), ndim = cnp.PyArray_NDIM(x)
    cdef Py_ssize_t n
    if t != cnp.NPY_FLOAT and t != cnp.NPY_DOUBLE and t != cnp.NPY_INT32 and t != cnp.NPY_INT64:
        raise TypeError(f"{name}: expected float32, float64, int32 or int64, got {x.dtype}")
    n = cnp.PyArray_DIM(x, ndim - 1) if ndim else 0
    if ndim == 0 or n > SORT_MOST:
        raise ValueError(f"{name}: expected rows of up to {SORT_MOST} elements, got {np.shape(x)}")
    return cnp.PyArray_SIZE(x) // n if n else 0


def sort(x, bint descending, bint with_values=True):
    """(values, places): rows, the last axis of x, in order, equal elements as they come; values None if not asked for."""
    cdef cnp.ndarray a = contiguous(x), values = None, places
    cdef int ndim = cnp.PyArray_NDIM(a)
    cdef Py_ssize_t rows = check_rows("sort", a), size = cnp.PyArray_ITEMSIZE(a)
    cdef Items s
    cdef bint ok
    s.type, s.flip, s.values = cnp.PyArray_TYPE(a), UINT64_MAX if descending else 0, NULL
    places = empty_items(ndim, cnp.PyArray_DIMS(a), cnp.NPY_INT64, sizeof(int64_t))
    if with_values:
        values = empty_items(ndim, cnp.PyArray_DIMS(a), s.type, size)
        s.values = <char*> cnp.PyArray_DATA(values)
    if rows == 0:
        return values, places
    s.n, s.source = cnp.PyArray_DIM(a, ndim - 1), <const char*> cnp.PyArray_DATA(a)
    s.places = <int64_t*> cnp.PyArray_DATA(places)
    with nogil:
        ok = run_sort(&s, rows, size)
    if not ok:
        raise MemoryError(f"sort: no workspace for rows of {s.n}")
    return values, places
