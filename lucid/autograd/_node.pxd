# What other compiled modules may use of `_node`.

cimport numpy as cnp

cdef class TensorBase:
    cdef dict __dict__
    cdef object __weakref__
    cdef public cnp.ndarray _data # the storage
    cdef object _grad
    cdef public object _node      # the operation that made this tensor; None for leaves
    cdef public object _counter   # in-place writes to the storage, shared by all its views: [n]; None means 0
    cdef public object _base      # the tensor this is a differentiable view of
    cdef public object _replay    # how to view it again: ((View, parameters), ...)
    cdef public object _hooks
    cdef public bint _requires_grad
    cdef public Py_ssize_t _slot  # which of the node's outputs this is
    cdef public Py_ssize_t _born  # number of the trace it was made in, 0 outside of traces
    cdef public Py_ssize_t _seen  # value of _counter for which _node is right; behind it, _node is remade from _base


cdef class Node:
    cdef public tuple edges       # per tensor input: (maker, slot), (leaf, 0), or None
    cdef public object saved      # tensors kept for backward; None once released
    cdef public object result     # a saved output: (data, counter, version); while forward runs, (data, slot)
    cdef public object hooks
    cdef public object retained
    cdef public object site       # where it was made, while detect_anomaly looks
    cdef public tuple versions
    cdef public Py_ssize_t outputs
    cdef public long long sequence


cdef class View(Node):
    pass


cdef enum:
    RECORDING = 1
    TRACING = 2


cdef inline bint may_need_gradient(TensorBase x) noexcept:
    """A view may still come to have a gradient from its base, if that has one."""
    return x._requires_grad or (x._base is not None and (<TensorBase>x._base)._requires_grad)


cdef bint is_recording() noexcept
cdef bint is_tracing() noexcept
cdef int state() noexcept
cdef long long attribute_count() noexcept
cdef object traced(object operation, tuple args)
cdef void set_recording(bint value) noexcept
cdef bint record(Node node, tuple args, object y) except -1
cdef object call_forward(Node node, tuple args)
cdef object share_history(TensorBase x, TensorBase y, cls, tuple params)
cpdef object wrap(object data)
cpdef Py_ssize_t version(TensorBase t) except -1
