# A plan: the steps of a whole network, run in one call without the GIL and without allocation.
#
# A step is a C function over numbered tasks, which the threads of a team take one after the other; a barrier follows.
# The whole plan is one parallel region, so a step costs well below a microsecond to start. What tasks compute depends
# neither on who takes them nor on how many there are, so the bits of a plan do not depend on the number of threads.
#
# Buffers are numbers handed out by the plan. Each call takes a room (arena, workspace, counters) from a short list, so any
# number of Python threads may run one plan at once.

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #endif
    #if defined(__x86_64__) || defined(_M_X64)
    #define LUCID_PAUSE() _mm_pause()
    #else
    #define LUCID_PAUSE() ((void) 0)
    #endif
    #define LUCID_SPINS 4000                /* about 50 us, then other threads get the core */

    static void lucid_plan_team(void (*function)(void *, int, int), void *data, int threads) {
    #ifdef _OPENMP
        if (threads > 1) {
    #pragma omp parallel num_threads(threads)
            function(data, omp_get_thread_num(), omp_get_num_threads());
            return;
        }
    #endif
        function(data, 0, 1);
    }

    static int64_t lucid_plan_take(int64_t *next) { return __atomic_fetch_add(next, 1, __ATOMIC_RELAXED); }

    /* Every thread has a word of its own, a cache line from the next, and waits for those of the others. */
    static void lucid_plan_barrier(int64_t *words, int64_t round, int thread, int threads) {
        __atomic_store_n(words + 8 * thread, round, __ATOMIC_RELEASE);
        for (int t = 0; t < threads; t++) {
            int spins = 0;
            while (__atomic_load_n(words + 8 * t, __ATOMIC_ACQUIRE) < round) {
                if (++spins < LUCID_SPINS)
                    LUCID_PAUSE();
                else
                    lucid_yield();
            }
        }
    }

    #if defined(_WIN32)
    static double lucid_plan_seconds(void) {
        LARGE_INTEGER now, rate;
        QueryPerformanceCounter(&now);
        QueryPerformanceFrequency(&rate);
        return (double) now.QuadPart / (double) rate.QuadPart;
    }
    #else
    #include <time.h>
    static double lucid_plan_seconds(void) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
    }
    #endif
    """
    void team "lucid_plan_team" (void (*function)(void*, int, int) noexcept nogil, void* data, int threads) noexcept nogil
    int64_t take "lucid_plan_take" (int64_t* next) noexcept nogil
    void barrier "lucid_plan_barrier" (int64_t* words, int64_t round, int thread, int threads) noexcept nogil
    double seconds "lucid_plan_seconds" () noexcept nogil

from libc.stdlib cimport free as c_free, malloc as c_malloc, realloc as c_realloc

ctypedef void (*Task)(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil
ctypedef bint (*Solo)(const void* step, char** buffers) noexcept nogil

cdef enum:
    IN_ARENA, IN_INPUT, IN_OUTPUT, IN_CONSTANT
    ROOMS_KEPT = 4              # rooms that wait for the next call


cdef struct Step:
    Task task                   # a step of the team: tasks counted from 0 ...
    Solo solo                   # ... or one that starts threads of its own; False when memory ran out
    void* data
    Py_ssize_t tasks
    double work                 # multiplications and additions, for the number of threads


cdef struct Place:
    int kind
    Py_ssize_t at               # in the arena, or the number of the input or output
    Py_ssize_t size             # bytes
    char* data                  # of a constant


cdef struct Room:               # what one call needs
    Room* next
    int threads                 # there is workspace for
    char* arena
    float* work
    char** buffers
    int64_t* taken              # tasks of each step beyond the first of every thread
    int64_t* words              # of the barrier, one cache line for each thread


cdef struct Call:
    const Step* steps
    Py_ssize_t first, end, work_size
    Room* room
    double* times               # end of each step, or NULL


cdef void run_steps(void* data, int thread, int threads) noexcept nogil:
    """The steps of a segment, as one of the team."""
    cdef const Call* call = <const Call*> data
    cdef const Step* step
    cdef Py_ssize_t i, task
    for i in range(call.first, call.end):
        step = call.steps + i
        task = thread
        while task < step.tasks:
            step.task(step.data, call.room.buffers, call.room.work + thread * call.work_size, task)
            task = threads + take(call.room.taken + i) if step.tasks > threads else step.tasks
        if threads > 1:
            barrier(call.room.words, i + 1, thread, threads)
        if call.times != NULL and thread == 0:
            call.times[i] = seconds()


cdef class Schedule:
    """Steps over numbered buffers, and running them; ``Plan`` adds the steps."""
    cdef Step* steps
    cdef Place* places
    cdef Py_ssize_t count, room_for_steps, place_count, room_for_places
    cdef Py_ssize_t arena_size, work_size           # bytes; floats per thread
    cdef Py_ssize_t inputs, outputs
    cdef Room* rooms
    cdef int rooms_kept
    cdef list kept, names, measured

    def __cinit__(self):
        self.kept, self.names, self.measured = [], [], []

    def __init__(self, Py_ssize_t arena_bytes=0):
        if arena_bytes < 0:
            raise ValueError(f"Plan: expected arena_bytes >= 0, got {arena_bytes}")
        self.arena_size = round_up(arena_bytes, 64)
        self.work_size = 64

    def __dealloc__(self):
        cdef Py_ssize_t i
        cdef Room* room
        for i in range(self.count):
            c_free(self.steps[i].data)
        c_free(self.steps)
        c_free(self.places)
        while self.rooms != NULL:
            room = self.rooms
            self.rooms = room.next
            free_room(room)

    # Buffers

    cdef int place(self, int kind, Py_ssize_t at, Py_ssize_t size, char* data) except -1:
        cdef Place* places
        if self.place_count == self.room_for_places:
            places = <Place*> c_realloc(self.places, (2 * self.room_for_places + 16) * sizeof(Place))
            if places == NULL:
                raise MemoryError("Plan: no memory for another buffer")
            self.places, self.room_for_places = places, 2 * self.room_for_places + 16
        self.places[self.place_count].kind = kind
        self.places[self.place_count].at = at
        self.places[self.place_count].size = size
        self.places[self.place_count].data = data
        self.place_count += 1
        return <int> (self.place_count - 1)

    def input(self, Py_ssize_t i, Py_ssize_t nbytes) -> int:
        """The ``i``-th array handed to ``run``."""
        self.inputs = max(self.inputs, i + 1)
        return self.place(IN_INPUT, i, nbytes, NULL)

    def output(self, Py_ssize_t i, Py_ssize_t nbytes) -> int:
        """The ``i``-th array that ``run`` writes."""
        self.outputs = max(self.outputs, i + 1)
        return self.place(IN_OUTPUT, i, nbytes, NULL)

    def arena(self, Py_ssize_t offset, Py_ssize_t nbytes) -> int:
        """A piece of the arena, 64-byte aligned; what it holds is lost when another piece that overlaps is written."""
        if offset < 0 or nbytes < 0 or offset % 64 or offset + nbytes > self.arena_size:
            raise ValueError(f"Plan.arena: {nbytes} bytes at {offset} do not fit an arena of {self.arena_size} bytes, "
                             "or do not start at a multiple of 64")
        return self.place(IN_ARENA, offset, nbytes, NULL)

    def workspace(self, Py_ssize_t nbytes) -> int:
        """A new piece at the end of the arena."""
        cdef Py_ssize_t at = self.arena_size
        self.arena_size += round_up(nbytes, 64)
        return self.place(IN_ARENA, at, nbytes, NULL)

    def constant(self, cnp.ndarray array not None) -> int:
        """An array of the plan; read at every run, so its numbers may change."""
        if not cnp.PyArray_ISCARRAY_RO(array):
            raise ValueError("Plan.constant: expected a contiguous array")
        self.kept.append(array)
        return self.place(IN_CONSTANT, 0, cnp.PyArray_NBYTES(array), <char*> cnp.PyArray_DATA(array))

    cdef Place* check(self, str name, str what, int buffer, double nbytes) except NULL:
        """The place of a buffer of at least so many bytes."""
        if not 0 <= buffer < self.place_count:
            raise ValueError(f"Plan.{name}: {what} is buffer {buffer}, of {self.place_count}")
        if self.places[buffer].size < nbytes:
            raise ValueError(f"Plan.{name}: {what} needs {nbytes:.0f} bytes, buffer {buffer} has {self.places[buffer].size}")
        return self.places + buffer

    cdef bint overlap(self, int x, int y) noexcept:
        """Whether the two may share memory: they are the same, or pieces of the arena that overlap."""
        cdef Place* a = self.places + x
        cdef Place* b = self.places + y
        if a.kind != b.kind:
            return False
        if a.kind == IN_ARENA:
            return a.at < b.at + b.size and b.at < a.at + a.size
        return a.at == b.at if a.kind != IN_CONSTANT else a.data == b.data

    cdef void* step(self, str name, Task task, Solo solo, Py_ssize_t tasks, double work, Py_ssize_t floats,
                    const void* data, size_t size) except NULL:
        """Append a step with a copy of its data, which is returned; ``floats`` of workspace for each thread."""
        cdef Step* steps
        cdef void* copy
        if self.rooms != NULL:
            raise ValueError(f"Plan.{name}: the plan has run, it takes no more steps")
        if self.count == self.room_for_steps:
            steps = <Step*> c_realloc(self.steps, (2 * self.room_for_steps + 16) * sizeof(Step))
            if steps == NULL:
                raise MemoryError("Plan: no memory for another step")
            self.steps, self.room_for_steps = steps, 2 * self.room_for_steps + 16
        copy = c_malloc(size)
        if copy == NULL:
            raise MemoryError("Plan: no memory for another step")
        memcpy(copy, data, size)
        self.steps[self.count].task = task
        self.steps[self.count].solo = solo
        self.steps[self.count].data = copy
        self.steps[self.count].tasks = tasks
        self.steps[self.count].work = work
        self.count += 1
        self.work_size = max(self.work_size, round_up(floats, 16) + 16)
        self.names.append(name)
        return copy

    # Running

    cdef Room* take_room(self, int threads) noexcept nogil:
        """A room that nobody uses, or NULL when memory ran out."""
        cdef Room* room
        cdef Room** at = &self.rooms
        pool_lock()
        while at[0] != NULL and at[0].threads < threads:
            at = &at[0].next
        room = at[0]
        if room != NULL:
            at[0] = room.next
            self.rooms_kept -= 1
        pool_unlock()
        if room == NULL:
            room = new_room(self.arena_size, threads, self.work_size, self.place_count, self.count)
        return room

    cdef void give_room(self, Room* room) noexcept nogil:
        pool_lock()
        if self.rooms_kept < ROOMS_KEPT:
            room.next = self.rooms
            self.rooms = room
            self.rooms_kept += 1
            room = NULL
        pool_unlock()
        if room != NULL:
            free_room(room)

    cdef bint execute(self, Room* room, int threads, double* times) noexcept nogil:
        """All steps; False when memory ran out."""
        cdef Call call
        cdef Py_ssize_t i = 0
        cdef double work
        memset(room.words, 0, (8 * room.threads + self.count) * sizeof(int64_t))
        call.steps, call.work_size, call.room, call.times = self.steps, self.work_size, room, times
        while i < self.count:
            if self.steps[i].solo != NULL:
                if not self.steps[i].solo(self.steps[i].data, room.buffers):
                    return False
                if times != NULL:
                    times[i] = seconds()
                i += 1
                continue
            call.first, work = i, 0
            while i < self.count and self.steps[i].solo == NULL:
                work += self.steps[i].work
                i += 1
            call.end = i
            team(run_steps, &call, min(threads_for(work, GEMM_GRAIN), threads))
        return True

    cdef int bind(self, Room* room, tuple arrays, int kind, Py_ssize_t count, str name) except -1:
        """Point the buffers of a kind at the data of arrays."""
        cdef Py_ssize_t i
        cdef Place* place
        cdef cnp.ndarray x
        if len(arrays) != count:
            raise ValueError(f"Plan.run: expected {count} {name}, got {len(arrays)}")
        for i in range(self.place_count):
            place = self.places + i
            if place.kind != kind:
                continue
            x = arrays[place.at]
            if cnp.PyArray_NBYTES(x) != place.size or not cnp.PyArray_ISCARRAY_RO(x):
                raise ValueError(f"Plan.run: {name}[{place.at}] must be contiguous and of {place.size} bytes, "
                                 f"got {x.dtype} {np.shape(x)}")
            if kind == IN_OUTPUT and not cnp.PyArray_ISWRITEABLE(x):
                raise ValueError(f"Plan.run: {name}[{place.at}] is read-only")
            room.buffers[i] = <char*> cnp.PyArray_DATA(x)
        return 0

    cdef int call(self, tuple inputs, tuple outputs, double* times) except -1:
        cdef int threads = thread_limit
        cdef Room* room = self.take_room(threads)
        cdef bint ok
        if room == NULL:
            raise MemoryError(f"Plan.run: cannot allocate {self.arena_size} bytes")
        try:
            for i in range(self.place_count):
                if self.places[i].kind == IN_ARENA:
                    room.buffers[i] = room.arena + self.places[i].at
                elif self.places[i].kind == IN_CONSTANT:
                    room.buffers[i] = self.places[i].data
            self.bind(room, inputs, IN_INPUT, self.inputs, "inputs")
            self.bind(room, outputs, IN_OUTPUT, self.outputs, "outputs")
            with nogil:
                ok = self.execute(room, threads, times)
        finally:
            self.give_room(room)
        if not ok:
            raise MemoryError("Plan.run: no workspace")
        return 0

    def run(self, tuple inputs not None, tuple outputs not None) -> None:
        """Run all steps on contiguous arrays, which are ``outputs`` where they are written."""
        run_plan(self, inputs, outputs)

    def profile(self, tuple inputs not None, tuple outputs not None) -> list:
        """As ``run``, with the seconds that each step took, which ``times`` returns from then on."""
        profile_plan(self, inputs, outputs)
        return self.measured

    def times(self) -> list:
        """Seconds per step of the last ``profile``; empty before."""
        return self.measured

    def steps_added(self) -> list:
        """The names of the steps, in their order."""
        return list(self.names)

    @property
    def arena_bytes(self) -> int:
        return self.arena_size


cdef void free_room(Room* room) noexcept nogil:
    if room != NULL:
        aligned_free(room.arena)
        aligned_free(room)


cdef Room* new_room(Py_ssize_t arena, int threads, Py_ssize_t work, Py_ssize_t buffers, Py_ssize_t steps) noexcept nogil:
    """NULL when memory ran out."""
    cdef Py_ssize_t head = round_up(sizeof(Room) + buffers * sizeof(char*), 64)
    cdef Room* room = <Room*> aligned_malloc(head + (8 * threads + steps) * sizeof(int64_t))
    if room == NULL:
        return NULL
    room.buffers = <char**> (<char*> room + sizeof(Room))
    room.words = <int64_t*> (<char*> room + head)
    room.taken = room.words + 8 * threads
    room.threads = threads
    room.arena = <char*> aligned_malloc(arena + threads * work * sizeof(float) + 64)
    if room.arena == NULL:
        aligned_free(room)
        return NULL
    room.work = <float*> (room.arena + arena)
    memset(room.arena, 0, arena + threads * work * sizeof(float) + 64)
    return room


# Functions of the module, so that ``set_flush_denormal`` reaches them

def run_plan(Schedule plan not None, tuple inputs not None, tuple outputs not None) -> None:
    """See ``Plan.run``."""
    plan.call(inputs, outputs, NULL)


def profile_plan(Schedule plan not None, tuple inputs not None, tuple outputs not None) -> None:
    """See ``Plan.profile``."""
    cdef Py_ssize_t i
    cdef double start
    cdef cnp.ndarray times = np.zeros(plan.count + 1)
    start = seconds()
    plan.call(inputs, outputs, <double*> cnp.PyArray_DATA(times))
    ends = [start, *times.tolist()]
    plan.measured = [max(ends[i + 1] - ends[i], 0.0) for i in range(plan.count)]
