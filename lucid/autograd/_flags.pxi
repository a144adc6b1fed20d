# What every operation looks at: whether the thread records, whether it is making a trace, and who makes it; and the
# count of attributes set, by which compiled functions know that they must look at their modules again.

cdef extern from *:
    """
    #ifdef _MSC_VER
    #define LUCID_PER_THREAD __declspec(thread)
    #else
    #define LUCID_PER_THREAD _Thread_local
    #endif
    static LUCID_PER_THREAD int lucid_recording = 1;
    static LUCID_PER_THREAD int lucid_inference = 0;
    static LUCID_PER_THREAD int lucid_trace = 0;
    static volatile int lucid_traces = 0; /* in all threads: read first, since what is per thread takes longer to find */
    """
    int lucid_recording
    int lucid_inference
    int lucid_trace
    int lucid_traces

cdef object tracer = None
cdef long long attributes_set = 0


cdef bint is_recording() noexcept:
    return lucid_recording


cdef void set_recording(bint value) noexcept:
    global lucid_recording
    lucid_recording = value


def note_attribute():
    """Called whenever an attribute of a module is set."""
    global attributes_set
    attributes_set += 1


cdef long long attribute_count() noexcept:
    return attributes_set


cdef bint is_tracing() noexcept:
    return lucid_traces != 0 and lucid_trace != 0


cdef int state() noexcept:
    """RECORDING and TRACING, for those who ask for both."""
    return (RECORDING if lucid_recording else 0) | (TRACING if is_tracing() else 0)


cdef object traced(object operation, tuple args):
    """What the tracer makes of an operation: it runs it, and notes it."""
    return tracer.operation(operation, args)


cdef class Mode:
    """The flags of the calling thread."""

    @property
    def enabled(self):
        """Whether operations are recorded."""
        return lucid_recording != 0

    @enabled.setter
    def enabled(self, bint value):
        set_recording(value)

    @property
    def inference(self):
        """Whether the thread is inside ``inference_mode``."""
        return lucid_inference != 0

    @inference.setter
    def inference(self, bint value):
        global lucid_inference
        lucid_inference = value

    @property
    def trace(self):
        """Number of the trace that the thread is making for `lucid.compile`, 0 outside of traces."""
        return lucid_trace

    @trace.setter
    def trace(self, int value):
        global lucid_trace, lucid_traces
        lucid_traces += (value != 0) - (lucid_trace != 0)  # under the GIL
        lucid_trace = value


mode = Mode()


def set_tracer(value):
    """Called once by ``lucid.compiler``: what operations, writes and strange storage are handed to inside a trace."""
    global tracer
    tracer = value


def get_tracer():
    """What `set_tracer` was given; valid while ``mode.trace`` is not 0."""
    return tracer
