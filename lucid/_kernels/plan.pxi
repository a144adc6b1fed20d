# A plan: the steps of a whole network, run in one call without the GIL and without allocation; plan_team.pxi runs them.
#
# Buffers are numbers handed out by the plan. Each call takes a room (arena, workspace, counters) from a short list, so any
# number of Python threads may run one plan at once.

cdef class Schedule:
    """Steps over numbered buffers, and running them; ``Plan`` adds the steps."""
    cdef Step* steps
    cdef Place* places
    cdef Py_ssize_t count, room_for_steps, place_count, room_for_places
    cdef Py_ssize_t arena_size, work_size           # bytes; floats per thread
    cdef Py_ssize_t inputs, outputs
    cdef Room* rooms
    cdef int rooms_kept
    cdef Group* group                               # that steps are added to, or NULL
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
        c_free(self.group)
        for i in range(self.count):
            c_free(self.steps[i].data)
            c_free(self.steps[i].group)
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

    def workspace(self, Py_ssize_t nbytes, bint zeros=False) -> int:
        """A new piece at the end of the arena, or of the thread's memory in a group.

        With ``zeros`` it is zero at the first step that uses it; the steps must leave zeros there.
        """
        cdef Py_ssize_t* end = &self.arena_size
        cdef int kind = IN_ARENA
        if self.group != NULL:
            end, kind = (&self.group.zeros, IN_ZEROS) if zeros else (&self.group.private, IN_THREAD)
        end[0] += round_up(nbytes, 64)
        return self.place(kind, end[0] - round_up(nbytes, 64), nbytes, NULL)

    def constant(self, cnp.ndarray array not None) -> int:
        """An array of the plan; read at every run, so its numbers may change."""
        if not cnp.PyArray_ISCARRAY_RO(array):
            raise ValueError("Plan.constant: expected a contiguous array")
        self.kept.append(array)
        return self.place(IN_CONSTANT, 0, cnp.PyArray_NBYTES(array), <char*> cnp.PyArray_DATA(array))

    # Groups

    def begin_group(self, Py_ssize_t tasks, Py_ssize_t nbytes=0) -> None:
        """The steps that follow, until ``end_group``, are those of one task of a group of so many tasks.

        They may name ``nbytes`` of memory of the thread by ``private``, buffers of ``part`` and constants.
        """
        if self.group != NULL or tasks < 1 or nbytes < 0:
            raise ValueError(f"Plan.begin_group: expected at least one task and no group within another, got {tasks}")
        self.group = <Group*> c_malloc(sizeof(Group))
        if self.group == NULL:
            raise MemoryError("Plan: no memory for a group")
        memset(self.group, 0, sizeof(Group))
        self.group.first, self.group.first_place, self.group.tasks = self.count, self.place_count, tasks
        self.group.private = round_up(nbytes, 64)

    def part(self, int buffer) -> int:
        """What each task of the group has of a buffer: equal parts, in the order of the tasks."""
        if self.group == NULL or not 0 <= buffer < self.group.first_place:
            raise ValueError(f"Plan.part: expected a buffer from before the group, in a group, got {buffer}")
        if self.places[buffer].size % self.group.tasks:
            raise ValueError(f"Plan.part: {self.places[buffer].size} bytes are no {self.group.tasks} equal parts")
        return self.place(IN_PART, buffer, self.places[buffer].size // self.group.tasks, NULL)

    def private(self, Py_ssize_t offset, Py_ssize_t nbytes) -> int:
        """A piece of the memory that ``begin_group`` was asked for, 64-byte aligned."""
        if self.group == NULL or offset < 0 or nbytes < 0 or offset % 64 or offset + nbytes > self.group.private:
            raise ValueError(f"Plan.private: {nbytes} bytes at {offset} do not fit the group's memory, or do not start "
                             "at a multiple of 64")
        return self.place(IN_THREAD, offset, nbytes, NULL)

    def end_group(self) -> None:
        """What follows are steps of all samples again."""
        cdef Group* group = self.group
        cdef Py_ssize_t i, floats = 0
        if group == NULL or group.first == self.count:
            raise ValueError("Plan.end_group: expected a group with at least one step")
        group.end, group.end_place, group.places = self.count, self.place_count, self.place_count
        for i in range(group.first, group.end):
            floats = max(floats, self.steps[i].floats)
        self.work_size = max(self.work_size, round_up(table_floats(group) + floats, 16) + 16)
        self.steps[group.first].group = group
        self.group = NULL

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
        while a.kind == IN_PART:
            a = self.places + a.at
        while b.kind == IN_PART:
            b = self.places + b.at
        if a.kind != b.kind:
            return False
        if a.kind == IN_ARENA or a.kind == IN_THREAD or a.kind == IN_ZEROS:
            return a.at < b.at + b.size and b.at < a.at + a.size
        return a.at == b.at if a.kind != IN_CONSTANT else a.data == b.data

    cdef void* step(self, str name, Task task, Solo solo, Py_ssize_t tasks, double work, Py_ssize_t floats,
                    const void* data, size_t size) except NULL:
        """Append a step with a copy of its data, which is returned; ``floats`` of workspace for each thread."""
        cdef Step* steps
        cdef void* copy
        if self.rooms != NULL:
            raise ValueError(f"Plan.{name}: the plan has run, it takes no more steps")
        if self.group != NULL and solo != NULL:
            raise ValueError(f"Plan.{name}: starts threads of its own, which a step of a group cannot")
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
        self.steps[self.count].floats = floats
        self.steps[self.count].group = NULL
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
        """All steps; False when memory ran out. ``times`` has room for two numbers of each step, or is NULL."""
        cdef Call call
        cdef Py_ssize_t i = 0
        cdef double work
        call.line = round_up(self.count, 8)
        memset(room.done, 0, (threads + 2) * call.line * sizeof(int64_t))
        call.steps, call.places, call.work_size, call.room, call.times = self.steps, self.places, self.work_size, room, times
        call.ends = times + self.count if times != NULL else NULL
        while i < self.count:
            call.start = seconds() if times != NULL else 0
            if self.steps[i].solo != NULL:
                if not self.steps[i].solo(self.steps[i].data, room.buffers):
                    return False
                if times != NULL:
                    times[i] = seconds() - call.start
                i += 1
                continue
            call.first, work = i, 0
            while i < self.count and self.steps[i].solo == NULL:
                if self.steps[i].group != NULL:
                    work += (self.steps[i].group.tasks - 1) * self.group_work(self.steps[i].group)
                work += self.steps[i].work
                i += 1
            call.end = i
            team(run_steps, &call, min(threads_for_flops(work), threads))
            if times != NULL:
                measure_steps(&call)
        return True

    cdef double group_work(self, const Group* group) noexcept nogil:
        """Multiplications and additions of one task."""
        cdef Py_ssize_t i
        cdef double work = 0
        for i in range(group.first, group.end):
            work += self.steps[i].work
        return work

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
        cdef Room* room
        cdef bint ok
        if self.group != NULL:
            raise ValueError("Plan.run: a group has no end")
        room = self.take_room(threads)
        if room == NULL:
            raise MemoryError(f"Plan.run: cannot allocate {self.arena_size} bytes")
        try:
            for i in range(self.place_count):
                if self.places[i].kind == IN_ARENA:
                    room.buffers[i] = room.arena + self.places[i].at
                elif self.places[i].kind == IN_CONSTANT:
                    room.buffers[i] = self.places[i].data
                elif self.places[i].kind == IN_FAULT:
                    room.buffers[i] = <char*> (room.faults + self.places[i].at)
            self.bind(room, inputs, IN_INPUT, self.inputs, "inputs")
            self.bind(room, outputs, IN_OUTPUT, self.outputs, "outputs")
            with nogil:
                ok = self.execute(room, threads, times)
            for i in range(self.count):
                if room.faults[i]:
                    raise self.fault(i, room.buffers)
        finally:
            self.give_room(room)
        if not ok:
            raise MemoryError("Plan.run: no workspace")
        return 0

    cdef object fault(self, Py_ssize_t step, char** buffers):
        """What to raise for a step that noted a fault."""
        return RuntimeError(f"Plan.run: step {step} failed")

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
    cdef Room* room = <Room*> aligned_malloc(head + (threads + 2) * round_up(steps, 8) * sizeof(int64_t))
    if room == NULL:
        return NULL
    room.buffers = <char**> (<char*> room + sizeof(Room))
    room.done = <int64_t*> (<char*> room + head)
    room.faults = room.done + round_up(steps, 8)
    room.taken = room.faults + round_up(steps, 8)
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
    cdef cnp.ndarray times = np.zeros(2 * plan.count + 1)
    plan.call(inputs, outputs, <double*> cnp.PyArray_DATA(times))
    plan.measured = times[:plan.count].tolist()
