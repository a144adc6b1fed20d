# How many threads a call may use. Which number is the default is decided in lucid/_threads.py.

from cython.parallel cimport prange

cdef int thread_limit = 1


def set_num_threads(int n) -> None:
    """Let every later call use up to ``n`` threads."""
    global thread_limit
    if n < 1:
        raise ValueError(f"set_num_threads: expected a positive number, got {n}")
    thread_limit = n if OPENMP else 1


def get_num_threads() -> int:
    """The number of threads a call may use."""
    return thread_limit


cdef inline int threads_for(double work, double grain) noexcept nogil:
    """Threads worth waking for ``work`` units when one thread should get at least ``grain`` of them."""
    if thread_limit == 1 or work < 2 * grain:
        return 1
    if work >= grain * thread_limit:
        return thread_limit
    return <int> (work / grain)
