# The threads that parallel regions run on, where GCC compiles for Linux: what its OpenMP code calls, instead of libgomp.
#
# A region is as many tickets as it asked for threads. The caller runs ticket 0, workers take others, and the caller takes
# those that nobody came for: beside a busy program, a worker that the system gives no core is not waited for, and a second
# Python thread, whose region finds the team at work, gets a team of its own or runs its tickets alone. The bits of a result
# never depend on who runs what. libgomp waits for every thread at the end of every region, sleeps after microseconds or
# burns milliseconds, and hangs in forked children; here workers idle for a moment, then sleep.
#
# Each function below has the meaning the OpenMP standard gives it for code like ours: a region holds one loop, nothing
# comes after the loop, so that its closing barrier is the end of the region, and regions within regions run alone.

cdef extern from *:
    """
    #if defined(__x86_64__) || defined(_M_X64)
    #include <immintrin.h>
    #define LUCID_PAUSE() _mm_pause()
    #elif defined(__aarch64__) && defined(__GNUC__)
    #define LUCID_PAUSE() __asm__ __volatile__("yield")
    #else
    #define LUCID_PAUSE() ((void) 0)
    #endif

    #if defined(LUCID_OWN_TEAM)
    #include <linux/futex.h>
    #include <pthread.h>
    #include <sched.h>
    #include <signal.h>
    #include <sys/syscall.h>
    #include <time.h>
    #include <unistd.h>

    #define LUCID_TEAMS 4               /* Python threads whose regions have workers at the same time */
    #define LUCID_SHARES 64             /* of a dynamic loop, at most */
    #define LUCID_STACK (8 << 20)       /* bytes of a worker's stack */
    #define LUCID_IDLE_SPINS 2000       /* turns of 10 to 40 ns that an idle worker waits before it sleeps */
    #define LUCID_JOIN_SPINS 2000       /* and a caller for a ticket that is being run */
    #define LUCID_OFTEN 200000          /* ns between regions that follow one another ... */
    #define LUCID_OFTEN_CALLS 8         /* ... of which so many are worth waking workers */
    #define LUCID_LINE __attribute__((aligned(64)))

    typedef struct {
        LUCID_LINE int64_t taken;       /* of its iterations */
    } lucid_share;

    typedef struct {
        void (*function)(void *);
        void *data;
        unsigned control;               /* the caller's floating-point control */
        int threads, shares;
        lucid_share *share;             /* of its dynamic loop */
    } lucid_region;

    typedef struct {
        LUCID_LINE uint64_t tickets;    /* number of the region << 32 | tickets that nobody has taken */
        lucid_region region;
        lucid_share share[LUCID_SHARES];
        LUCID_LINE int left;            /* tickets that are not done, 0 apart */
        int waiting;                    /* the caller sleeps until none is left */
        LUCID_LINE int calls;           /* changes with every region: what idle workers sleep on */
        int asleep;                     /* workers that do */
        int busy;                       /* belongs to a caller */
        int workers;
        int spins;                      /* turns that an idle worker waits before it sleeps */
    } lucid_team;

    static lucid_team lucid_teams[LUCID_TEAMS];

    /* What this thread is doing: its region or NULL, its ticket, and its loop. */
    static __thread struct {
        lucid_region *region;
        int ticket, loops, share, left;     /* the share it takes iterations from; those it has not seen the end of */
        long start, incr, count, chunk;
    } lucid_here __attribute__((tls_model("initial-exec")));

    static void lucid_futex_wait(int *word, int value) { syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0); }
    static void lucid_futex_wake(int *word, int n) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0); }

    static void lucid_run_ticket(lucid_region *region, int ticket) {
        const unsigned own = lucid_control();
        const int differs = ((own ^ region->control) & ~LUCID_STATUS) != 0;
        if (differs) lucid_set_control(region->control);
        lucid_here.region = region;
        lucid_here.ticket = ticket;
        lucid_here.loops = 0;
        region->function(region->data);
        lucid_here.region = NULL;
        if (differs) lucid_set_control(own);
    }

    /* Take a ticket of the team's region: its number, or 0 when none is left. */
    static int lucid_take_ticket(lucid_team *team) {
        uint64_t seen = __atomic_load_n(&team->tickets, __ATOMIC_ACQUIRE);
        while ((uint32_t) seen)
            if (__atomic_compare_exchange_n(&team->tickets, &seen, seen - 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
                return (int) (uint32_t) seen;
        return 0;
    }

    static void *lucid_work(void *p) {
        lucid_team *team = (lucid_team *) p;
        for (int turns = 0;;) {
            const int ticket = lucid_take_ticket(team);
            if (ticket) {
                lucid_run_ticket(&team->region, ticket);
                if (__atomic_sub_fetch(&team->left, 1, __ATOMIC_SEQ_CST) == 0 && __atomic_load_n(&team->waiting, __ATOMIC_SEQ_CST))
                    lucid_futex_wake(&team->left, 1);
                turns = 0;
            } else if (turns++ < __atomic_load_n(&team->spins, __ATOMIC_RELAXED)) {
                LUCID_PAUSE();
            } else {
                const int calls = __atomic_load_n(&team->calls, __ATOMIC_SEQ_CST);
                __atomic_add_fetch(&team->asleep, 1, __ATOMIC_SEQ_CST);
                if ((uint32_t) __atomic_load_n(&team->tickets, __ATOMIC_SEQ_CST) == 0) lucid_futex_wait(&team->calls, calls);
                __atomic_sub_fetch(&team->asleep, 1, __ATOMIC_SEQ_CST);
                turns = 0;
            }
        }
        return NULL;
    }

    /* The child of a fork has none of the workers. */
    static void lucid_disband(void) { memset(lucid_teams, 0, sizeof(lucid_teams)); }

    static int lucid_cpus(void) {
        cpu_set_t set;
        return sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
    }

    /* Bring the team's workers to ``wanted``, or to as many as the system grants. They take no signals. */
    static void lucid_hire(lucid_team *team, int wanted) {
        static int prepared = 0;
        if (!__atomic_exchange_n(&prepared, 1, __ATOMIC_RELAXED)) pthread_atfork(NULL, NULL, lucid_disband);
        pthread_attr_t attributes;
        sigset_t all, before;
        if (pthread_attr_init(&attributes)) return;
        pthread_attr_setstacksize(&attributes, LUCID_STACK);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        for (pthread_t thread; team->workers < wanted; team->workers++)
            if (pthread_create(&thread, &attributes, lucid_work, team)) break;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attributes);
        /* who spins on a core that somebody else needs is in the way */
        const int alone = team == lucid_teams && team->workers < lucid_cpus();
        __atomic_store_n(&team->spins, alone ? LUCID_IDLE_SPINS : 0, __ATOMIC_RELAXED);
    }

    static lucid_team *lucid_free_team(void) {
        for (lucid_team *team = lucid_teams; team < lucid_teams + LUCID_TEAMS; team++)
            if (!__atomic_load_n(&team->busy, __ATOMIC_RELAXED) && !__atomic_exchange_n(&team->busy, 1, __ATOMIC_ACQUIRE))
                return team;
        return NULL;
    }

    static void lucid_run_alone(void (*function)(void *), void *data) {
        lucid_share share = {0};
        lucid_region region = {function, data, lucid_control(), 1, 1, &share};
        const __typeof__(lucid_here) outer = lucid_here;
        lucid_run_ticket(&region, 0);
        lucid_here = outer;
    }

    static void lucid_run_region(lucid_team *team, void (*function)(void *), void *data, int threads) {
        const int shares = threads < LUCID_SHARES ? threads : LUCID_SHARES;
        team->region = (lucid_region) {function, data, lucid_control(), threads, shares, team->share};
        for (int i = 0; i < shares; i++) team->share[i].taken = 0;
        __atomic_store_n(&team->left, threads - 1, __ATOMIC_RELAXED);
        const uint64_t number = (team->tickets >> 32) + 1;
        __atomic_store_n(&team->tickets, number << 32 | (uint64_t) (threads - 1), __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&team->calls, 1, __ATOMIC_SEQ_CST);
        const int asleep = __atomic_load_n(&team->asleep, __ATOMIC_SEQ_CST);
        const int missing = threads - 1 - (team->workers - asleep);
        if (asleep > 0 && missing > 0) lucid_futex_wake(&team->calls, missing);

        for (int ticket = 0;;) {
            lucid_run_ticket(&team->region, ticket);
            if (ticket) __atomic_sub_fetch(&team->left, 1, __ATOMIC_SEQ_CST);
            if (!(ticket = lucid_take_ticket(team))) break;
        }
        int left, turns = 0;
        while ((left = __atomic_load_n(&team->left, __ATOMIC_ACQUIRE)) && turns++ < LUCID_JOIN_SPINS) LUCID_PAUSE();
        if (left) {
            __atomic_store_n(&team->waiting, 1, __ATOMIC_SEQ_CST);
            while ((left = __atomic_load_n(&team->left, __ATOMIC_SEQ_CST))) lucid_futex_wait(&team->left, left);
            __atomic_store_n(&team->waiting, 0, __ATOMIC_RELAXED);
        }
    }

    /* #pragma omp parallel num_threads(threads) */
    __attribute__((visibility("hidden")))
    void GOMP_parallel(void (*function)(void *), void *data, unsigned threads, unsigned flags) {
        lucid_team *team;
        (void) flags;
        if (threads < 2 || lucid_here.region || !(team = lucid_free_team())) {
            lucid_run_alone(function, data);
            return;
        }
        if (team->workers < (int) threads - 1) lucid_hire(team, (int) threads - 1);
        if (team->workers)
            lucid_run_region(team, function, data, (int) threads <= team->workers ? (int) threads : team->workers + 1);
        else
            lucid_run_alone(function, data);
        __atomic_store_n(&team->busy, 0, __ATOMIC_RELEASE);
    }

    /* The next iterations of a loop with schedule(dynamic, chunk); false when all are handed out. Every ticket has a share of
       neighbours, so that call after call a core works on what its cache holds, and goes on with the others' when that is
       done. */
    __attribute__((visibility("hidden")))
    _Bool GOMP_loop_nonmonotonic_dynamic_next(long *first, long *end) {
        const lucid_region *region = lucid_here.region;
        for (; lucid_here.left; lucid_here.left--, lucid_here.share = (lucid_here.share + 1) % region->shares) {
            int64_t *taken = &region->share[lucid_here.share].taken;
            const long past = lucid_here.count * (lucid_here.share + 1) / region->shares;
            long at = lucid_here.count * lucid_here.share / region->shares;
            if (at + __atomic_load_n(taken, __ATOMIC_RELAXED) >= past) continue;
            at += (long) __atomic_fetch_add(taken, lucid_here.chunk, __ATOMIC_RELAXED);
            if (at >= past) continue;
            *first = lucid_here.start + at * lucid_here.incr;
            *end = *first + (past - at < lucid_here.chunk ? past - at : lucid_here.chunk) * lucid_here.incr;
            return 1;
        }
        return 0;
    }

    __attribute__((visibility("hidden")))
    _Bool GOMP_loop_nonmonotonic_dynamic_start(long start, long end, long incr, long chunk, long *first, long *past) {
        if (lucid_here.loops++) abort();    /* its iterations would be taken for those of the region's first loop */
        lucid_here.start = start;
        lucid_here.incr = incr;
        lucid_here.count = incr > 0 ? (end - start + incr - 1) / incr : (end - start + incr + 1) / incr;
        lucid_here.chunk = chunk;
        lucid_here.left = lucid_here.region->shares;
        lucid_here.share = lucid_here.ticket % lucid_here.left;
        return GOMP_loop_nonmonotonic_dynamic_next(first, past);
    }

    __attribute__((visibility("hidden"))) void GOMP_loop_end_nowait(void) {}
    __attribute__((visibility("hidden"))) void GOMP_barrier(void) {}
    __attribute__((visibility("hidden"))) int omp_get_thread_num(void) { return lucid_here.region ? lucid_here.ticket : 0; }
    __attribute__((visibility("hidden"))) int omp_get_num_threads(void) { return lucid_here.region ? lucid_here.region->threads : 1; }
    __attribute__((visibility("hidden"))) int omp_get_max_threads(void) { return 1; }

    /* Whether the next region has to wake its workers, and is not one of many that follow one another: then the first few
       run alone, and after that workers are awake. */
    static uint64_t lucid_nanoseconds(void) {
        struct timespec time;
        clock_gettime(CLOCK_MONOTONIC, &time);
        return (uint64_t) time.tv_sec * 1000000000u + (uint64_t) time.tv_nsec;
    }

    static int lucid_team_sleeps(void) {
        static uint64_t last, often;
        if (__atomic_load_n(&lucid_teams[0].busy, __ATOMIC_RELAXED)) return 1;
        if (lucid_teams[0].workers && !__atomic_load_n(&lucid_teams[0].asleep, __ATOMIC_RELAXED)) return 0;
        const uint64_t now = lucid_nanoseconds();
        if (now - __atomic_exchange_n(&last, now, __ATOMIC_RELAXED) > LUCID_OFTEN) {
            __atomic_store_n(&often, 0, __ATOMIC_RELAXED);
            return 1;
        }
        return __atomic_add_fetch(&often, 1, __ATOMIC_RELAXED) % LUCID_OFTEN_CALLS != 0;
    }
    #else
    #define lucid_team_sleeps() 0
    #define lucid_nanoseconds() 0
    #endif
    """
    bint team_sleeps "lucid_team_sleeps" () noexcept nogil
    uint64_t nanoseconds "lucid_nanoseconds" () noexcept nogil
