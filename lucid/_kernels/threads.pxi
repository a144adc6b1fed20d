# How many threads a call may use. Which number is the default is decided in lucid/_threads.py.

from cython.parallel cimport prange

cdef enum:
    WAKING = 20                 # grains of work that a single call should have to be worth waking a thread

cdef extern from *:
    """
    /* Multiplications and additions worth a thread: where those of team.pxi wait for work, 48 x 48 x 48 takes as long with
       two of them as with one. */
    #ifdef LUCID_OWN_TEAM
    #define LUCID_FLOP_GRAIN 250000
    #else
    #define LUCID_FLOP_GRAIN 1000000
    #endif
    """
    cdef enum:
        FLOP_GRAIN "LUCID_FLOP_GRAIN"

cdef int thread_limit = 1
cdef double grain_scale = 1


def set_num_threads(int n) -> None:
    """Let every later call use up to ``n`` threads."""
    global thread_limit
    if n < 1:
        raise ValueError(f"set_num_threads: expected a positive number, got {n}")
    thread_limit = n if OPENMP else 1


def get_num_threads() -> int:
    """The number of threads a call may use."""
    return thread_limit


def set_grain_scale(double scale) -> None:
    """Multiply every grain by ``scale``; with 0, threads share work however small, which is how tests find races."""
    global grain_scale
    grain_scale = scale


cdef inline int threads_for(double work, double grain) noexcept nogil:
    """Threads for ``work`` units when one should get at least ``grain`` of them.

    Waking a thread takes its caller 10 us in a virtual machine, and the thread comes after 30; one that waits for work, since
    it had some a moment ago, costs 1 us.
    """
    grain *= grain_scale
    if thread_limit == 1 or work < 2 * grain or (work < WAKING * grain and team_sleeps()):
        return 1
    if work >= grain * thread_limit:
        return thread_limit
    return <int> (work / grain)


cdef inline int threads_for_flops(double flops) noexcept nogil:
    """Threads for so many multiplications and additions."""
    return threads_for(flops, FLOP_GRAIN)


# Denormal numbers, and the floating-point control of threads.
#
# The register MXCSR (FPCR on ARM) belongs to a thread. A parallel region must run under that of the thread that starts
# it, or bits would depend on the number of threads as soon as anyone changed it. LLVM's runtime sees to that by itself,
# and so does team.pxi; GCC's does not.
#
# Flushing is set around calls from Python, where no kernel can be forgotten: while it is on, each function of this
# module is called through ``lucid_flushed_call``, which sets the caller's register and restores it. While it is off,
# nothing remains of it. The vectorcall slots are changed, not the names, since callers keep references to functions.

cdef extern from *:
    """
    #if defined(__SSE2__)
    #include <xmmintrin.h>
    #define lucid_control() _mm_getcsr()
    #define lucid_set_control(control) _mm_setcsr(control)
    #define LUCID_FLUSH 0x8040u      /* flush to zero, denormals are zero */
    #define LUCID_STATUS 0x3fu       /* sticky exception flags, the part of MXCSR that controls nothing */
    #elif defined(__aarch64__) && defined(__GNUC__)
    #define LUCID_FLUSH 0x01000000u  /* FZ of FPCR: results and operands */
    #define LUCID_STATUS 0u
    static inline unsigned lucid_control(void) {
        unsigned long long control;
        __asm__ __volatile__("mrs %0, fpcr" : "=r"(control));
        return (unsigned) control;
    }
    static inline void lucid_set_control(unsigned control) {
        __asm__ __volatile__("msr fpcr, %0" : : "r"((unsigned long long) control) : "memory");
    }
    #else
    #define LUCID_FLUSH 0u
    #define LUCID_STATUS 0u
    #define lucid_control() 0u
    #define lucid_set_control(control) ((void) (control))
    #endif

    #if LUCID_FLUSH && (defined(LUCID_OWN_TEAM) || defined(__clang__) || !defined(_OPENMP))
    #define LUCID_CAN_FLUSH 1
    #else
    #define LUCID_CAN_FLUSH 0
    #endif

    static PyObject *lucid_own_calls;  /* dict: function -> address of its own vectorcall, once flushing was on */

    static PyObject *lucid_flushed_call(PyObject *f, PyObject *const *args, size_t count, PyObject *names) {
        vectorcallfunc call = (vectorcallfunc) PyLong_AsVoidPtr(PyDict_GetItem(lucid_own_calls, f));
        unsigned own = lucid_control();
        lucid_set_control(own | LUCID_FLUSH);
        PyObject *result = call(f, args, count, names);
        lucid_set_control(own);
        return result;
    }

    /* Call the function ``f`` through lucid_flushed_call, or directly again; 0, or -1 with an exception. */
    static int lucid_flush_calls(PyObject *f, PyObject *own_calls, int on) {
        vectorcallfunc *slot = (vectorcallfunc *) ((char *) f + Py_TYPE(f)->tp_vectorcall_offset);
        lucid_own_calls = own_calls;
        if (on && *slot != lucid_flushed_call) {
            PyObject *address = PyLong_FromVoidPtr((void *) *slot);
            if (address == NULL || PyDict_SetItem(own_calls, f, address)) {
                Py_XDECREF(address);
                return -1;
            }
            Py_DECREF(address);
            *slot = lucid_flushed_call;
        } else if (!on && *slot == lucid_flushed_call) {
            *slot = (vectorcallfunc) PyLong_AsVoidPtr(PyDict_GetItem(own_calls, f));
        }
        return 0;
    }
    """
    bint CAN_FLUSH "LUCID_CAN_FLUSH"
    unsigned int STATUS "LUCID_STATUS"
    unsigned int get_csr "lucid_control" () noexcept nogil
    int flush_calls "lucid_flush_calls" (object f, object own_calls, bint on) except -1

cdef dict own_calls = {}


def set_flush_denormal(bint mode) -> bool:
    """Treat denormal numbers as zero in every function of this module, or no longer; False where that is impossible."""
    if not CAN_FLUSH:
        return False
    function = type(set_flush_denormal)
    for f in list(globals().values()):
        if type(f) is function:
            flush_calls(f, own_calls, mode)
    return True


def float_control() -> list:
    """The floating-point control bits of each thread of a parallel region; what tests look at."""
    cdef unsigned int found[64]
    cdef int t, threads = min(thread_limit, 64)
    with nogil:
        for t in prange(threads, num_threads=threads, schedule="static", chunksize=1):
            found[t] = get_csr() & ~STATUS
    return [found[t] for t in range(threads)]
