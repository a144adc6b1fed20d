# How the steps of a plan run: a team of threads over numbered tasks.
#
# A step is a C function over tasks. Each thread starts with a share of them of its own, neighbours among the tasks, so that
# it finds in its caches what it wrote in the step before; a thread that is done takes from the others. A step ends when
# its tasks are done, not when every thread came by: one that the system gave no core holds up nobody. The whole plan is
# one parallel region, so a step costs well below a microsecond to start. What a task computes depends neither on who takes
# it nor on how many there are, so the bits of a plan do not depend on the number of threads.
#
# Some neighbouring steps may form a group: a task of the group is some samples, which go through all of its steps while
# what lies between them is in the caches of one core. What only the group reads and writes is memory of the thread.

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
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

    /* The next of ``tasks``, or one that is not below them when all are taken. */
    static int64_t lucid_plan_take(int64_t *next, int64_t tasks) {
        const int64_t seen = __atomic_load_n(next, __ATOMIC_RELAXED);
        return seen < tasks ? __atomic_fetch_add(next, 1, __ATOMIC_RELAXED) : seen;
    }

    /* How many tasks are done with these. */
    static int64_t lucid_plan_done(int64_t *done, int64_t tasks) { return __atomic_add_fetch(done, tasks, __ATOMIC_RELEASE); }

    static void lucid_plan_wait(const int64_t *done, int64_t tasks) {
        int spins = 0;
        while (__atomic_load_n(done, __ATOMIC_ACQUIRE) < tasks) {
            if (++spins < LUCID_SPINS)
                LUCID_PAUSE();
            else
                lucid_yield();
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
    int64_t take "lucid_plan_take" (int64_t* next, int64_t tasks) noexcept nogil
    int64_t tasks_done "lucid_plan_done" (int64_t* done, int64_t tasks) noexcept nogil
    void wait_for "lucid_plan_wait" (const int64_t* done, int64_t tasks) noexcept nogil
    double seconds "lucid_plan_seconds" () noexcept nogil

from libc.stdlib cimport free as c_free, malloc as c_malloc, realloc as c_realloc

ctypedef void (*Task)(const void* step, char** buffers, float* work, Py_ssize_t task) noexcept nogil
ctypedef bint (*Solo)(const void* step, char** buffers) noexcept nogil

cdef enum:
    IN_ARENA, IN_INPUT, IN_OUTPUT, IN_CONSTANT
    IN_PART                     # what a task of a group has of another buffer
    IN_FAULT                    # a number of a step, zero before a run; more: the run raises what ``fault`` says
    IN_THREAD, IN_ZEROS         # memory of the thread for the length of a task of a group; that is zero at its start
    ROOMS_KEPT = 4              # rooms that wait for the next call


cdef struct Group:
    # Steps whose tasks are done one after the other, for some samples at a time
    Py_ssize_t first, end       # of the steps
    Py_ssize_t tasks
    Py_ssize_t first_place, end_place       # what was handed out for it
    Py_ssize_t places           # buffers its steps may name
    Py_ssize_t private, zeros   # bytes of the thread, and of those that are zero at the start of a task


cdef struct Step:
    Task task                   # a step of the team: tasks counted from 0 ...
    Solo solo                   # ... or one that starts threads of its own; False when memory ran out
    void* data
    Py_ssize_t tasks
    double work                 # multiplications and additions, for the number of threads
    Py_ssize_t floats           # of workspace
    Group* group                # of which this is the first step, or NULL


cdef struct Place:
    int kind
    Py_ssize_t at               # in the arena or the thread's memory; the number of the input or output, of the whole
    Py_ssize_t size             # bytes
    char* data                  # of a constant


cdef struct Room:               # what one call needs
    Room* next
    int threads                 # there is workspace for
    char* arena
    float* work
    char** buffers
    int64_t* done               # tasks of each step
    int64_t* faults             # of each step
    int64_t* taken              # of each thread's share of each step, on cache lines of its own


cdef struct Call:
    const Step* steps
    const Place* places
    Py_ssize_t first, end, work_size, line
    Room* room
    double start
    double* times               # seconds of each step, or NULL
    double* ends                # when each step ended, by the thread that did its last task


cdef inline Py_ssize_t table_floats(const Group* group) noexcept nogil:
    """Workspace of a task of a group before that of its steps: the table of buffers and the thread's memory."""
    return (round_up(group.places * sizeof(char*), 64) + group.private + group.zeros) // <Py_ssize_t> sizeof(float)


cdef void run_group(const Call* call, const Group* group, float* work, Py_ssize_t task, double* times) noexcept nogil:
    """All steps of a group for one of its tasks; seconds of each are added to ``times``, if there is any."""
    cdef char** buffers = <char**> work
    cdef char* private = <char*> work + round_up(group.places * sizeof(char*), 64)
    cdef const Place* place
    cdef const Step* step
    cdef Py_ssize_t i, t
    cdef double before, now
    work += table_floats(group)
    memcpy(buffers, call.room.buffers, group.places * sizeof(char*))
    memset(private + group.private, 0, group.zeros)
    for i in range(group.first_place, group.end_place):
        place = call.places + i
        if place.kind == IN_PART:
            buffers[i] = buffers[place.at] + task * place.size
        elif place.kind == IN_THREAD:
            buffers[i] = private + place.at
        elif place.kind == IN_ZEROS:
            buffers[i] = private + group.private + place.at
    before = seconds() if times != NULL else 0
    for i in range(group.first, group.end):
        step = call.steps + i
        for t in range(step.tasks):
            step.task(step.data, buffers, work, t)
        if times != NULL:
            now = seconds()
            times[i] += now - before
            before = now


cdef void run_steps(void* data, int thread, int threads) noexcept nogil:
    """The steps of a segment, as one of the team."""
    cdef const Call* call = <const Call*> data
    cdef const Step* step
    cdef const Group* group
    cdef Py_ssize_t i = call.first, task, tasks, lo, share, own
    cdef float* work = call.room.work + thread * call.work_size
    cdef int64_t* taken
    cdef int other
    cdef double now
    cdef double* times = call.times if thread == 0 else NULL
    while i < call.end:
        step = call.steps + i
        group = step.group
        tasks = group.tasks if group != NULL else step.tasks
        own = 0
        for other in range(thread, thread + threads):
            other = other % threads
            taken = call.room.taken + other * call.line + i
            lo = part(tasks, 1, other, threads)
            share = part(tasks, 1, other + 1, threads) - lo
            while True:
                task = take(taken, share)
                if task >= share:
                    break
                if group != NULL:
                    run_group(call, group, work, lo + task, times)
                else:
                    step.task(step.data, call.room.buffers, work, lo + task)
                own += 1
        if own:
            # read before the others may go on: the system likes to take the core away just there
            now = seconds() if call.times != NULL else 0
            if tasks_done(call.room.done + i, own) == tasks and call.times != NULL:
                call.ends[i] = now
        if threads > 1:
            wait_for(call.room.done + i, tasks)
        i = group.end if group != NULL else i + 1


cdef void measure_steps(const Call* call) noexcept nogil:
    """Seconds of each step of a segment: from the end of the one before to its own, shared among the steps of a group."""
    cdef Py_ssize_t i = call.first, end, j
    cdef double before = call.start, took, sum
    while i < call.end:
        end = call.steps[i].group.end if call.steps[i].group != NULL else i + 1
        took = max(call.ends[i] - before, 0.0)      # a step without tasks never ends
        before += took
        sum = 0
        for j in range(i, end):
            sum += call.times[j]
        for j in range(i, end):
            # what the first thread measured of the steps of a group, stretched to what all took
            call.times[j] = call.times[j] * took / sum if sum > 0 else took / (end - i)
        i = end
