"""Recording: what one operation leaves behind so that its gradient can be computed later.

An operation is a subclass of `Node`. ``forward`` gets Tensors and parameters and returns arrays; ``backward`` gets
the Tensor dL/d(output) and returns one Tensor (or None) per Tensor input. Because ``backward`` is written with
differentiable functions, recording it (``create_graph=True``) gives second derivatives for free.

Compiled, since every operation of every program passes through `Node.apply`.
"""

cimport cython
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE

import numpy as np
cimport numpy as cnp

cnp.import_array()

include "_flags.pxi"  # recording, tracing
include "_size.pxi"   # what `shape` gives

cdef extern from *:
    int NPY_USERDEF
    object PyObject_VectorcallMethod(object name, PyObject** args, size_t n, PyObject* keywords)

cdef enum:
    STACK = 16  # operations with more arguments than this are called the slower way

cdef tuple NEVER_WRITTEN = (0,)
cdef type tensor_class = None
cdef long long last_sequence = 0


@cython.auto_pickle(False)
cdef class TensorBase:
    """The state autograd keeps on a tensor; `lucid.Tensor` adds everything users see."""

    def __cinit__(self):
        self._replay = ()
        if lucid_traces:
            self._born = lucid_trace

    @property
    def grad(self):
        """The gradient that `backward` leaves here, a tensor of the same shape and dtype; None before."""
        return self._grad

    @grad.setter
    def grad(self, value):
        cdef cnp.ndarray own, given
        if value is not None:
            if not isinstance(value, TensorBase):
                raise TypeError(f"grad: expected a Tensor or None, got {type(value).__name__}")
            own, given = self._data, (<TensorBase>value)._data
            if not cnp.PyArray_SAMESHAPE(own, given):
                raise RuntimeError(f"grad: expected shape {np.shape(own)}, got {np.shape(given)}")
            if own.descr is not given.descr and own.dtype != given.dtype:
                raise RuntimeError(f"grad: expected dtype {self.dtype}, got {value.dtype}")
        self._grad = value

    @property
    def shape(self):
        """The size of every dimension."""
        if self._data is None:  # what a trace hides
            return size_class((<object> self)._data.shape)
        return lucid_size_of(cnp.PyArray_NDIM(self._data), cnp.PyArray_DIMS(self._data))


def set_tensor_class(cls):
    """Called once by ``lucid._tensor``: the class of the tensors that operations return."""
    global tensor_class
    tensor_class = cls


cpdef object wrap(object data):
    """A tensor over ``data``, without history."""
    cdef TensorBase t
    if not cnp.PyArray_Check(data):
        return wrap_other(data)
    t = TensorBase.__new__(tensor_class)
    t._data = <cnp.ndarray>data
    return t


cdef object wrap_other(object data):
    """A tensor over a NumPy number, or over the storage that a trace hides."""
    return wrap(np.asarray(data)) if isinstance(data, np.generic) else tracer.wrap(data)


cpdef Py_ssize_t version(TensorBase t) except -1:
    """How often the storage of ``t`` was written to in place."""
    return 0 if t._counter is None else t._counter[0]


cpdef object bump(TensorBase t):
    """Note an in-place write to the storage of ``t``."""
    if is_tracing() and t._born != lucid_trace:
        tracer.refuse_write("bump", t)
    if t._counter is None:
        t._counter = [1]
    else:
        t._counter[0] += 1


cdef inline bint is_float_array(cnp.ndarray data) noexcept:
    cdef int t = cnp.PyArray_TYPE(data)
    return cnp.PyTypeNum_ISFLOAT(t) or cnp.PyTypeNum_ISCOMPLEX(t) or t >= NPY_USERDEF  # bfloat16


cdef bint any_may_need_gradient(tuple args) noexcept:
    for x in args:
        if isinstance(x, TensorBase) and may_need_gradient(<TensorBase>x):
            return True
    return False


cdef object call_forward(Node node, tuple args):
    """node.forward(*args), without building a bound method."""
    cdef PyObject* stack[STACK + 1]
    cdef Py_ssize_t i, n = PyTuple_GET_SIZE(args)
    if n > STACK:
        return node.forward(*args)
    stack[0] = <PyObject*>node
    for i in range(n):
        stack[i + 1] = <PyObject*>PyTuple_GET_ITEM(args, i)
    return PyObject_VectorcallMethod("forward", stack, n + 1, NULL)


@cython.auto_pickle(False)
cdef class Node:
    """One recorded operation.

    Attributes:
        converts: its gradients are of other dtypes than its outputs, or whatever its author made of them: the engine
            hands it gradients in half precision as they are, and not in float32.
        add_to: method of an operation on one tensor, (dx, dy) -> None: adds what ``backward`` gives for the array ``dy`` to
            the array ``dx``, where that costs less than making it; None for most.
    """

    converts = False
    add_to = None

    def __cinit__(self):
        self.edges = self.versions = self.saved = ()
        self.outputs = 1

    def forward(self, *args):
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, *grads):
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    @property
    def name(self):
        return type(self).__name__ + "Backward"

    @property
    def next_functions(self):
        """The nodes this one passes gradients to, as PyTorch lists them; a leaf stands for its accumulator."""
        return tuple([edge if edge is not None else (None, 0) for edge in self.edges])

    def __repr__(self):
        return f"<{self.name}>"

    @classmethod
    def apply(cls, *args):
        """Run ``forward`` and, when an input requires grad, record it."""
        cdef Node node
        if is_tracing():
            return traced(cls, args)
        node = cls()
        out = call_forward(node, args)
        y = wrap(out) if cnp.PyArray_CheckExact(out) else tuple([wrap(o) for o in out])
        if lucid_recording and any_may_need_gradient(args):
            record(node, args, y)
        return y

    def record(self, tuple args, y):
        """Make this node the maker of ``y``, if an input really requires grad."""
        record(self, args, y)

    def save_result(self, data):
        """Called by ``forward`` on the array it returns when ``backward`` wants that instead of the inputs."""
        self.result = (data, 0, 0)  # record() puts the tensor's counter here
        return data

    def unpack(self):
        """The saved tensors, checked to be what they were when saved.

        Raises:
            RuntimeError: one was modified in place, or the graph was freed by an earlier backward.
        """
        cdef TensorBase t
        cdef Py_ssize_t i
        if self.saved is None:
            raise freed()
        cdef tuple saved = self.saved
        for i in range(len(self.versions)):
            t = <TensorBase>saved[i]
            if t is not None and t._counter is not None and t._counter[0] != self.versions[i]:
                raise stale(self, (<object>t._data).shape, t._counter[0], self.versions[i])
        return saved

    def unpack_result(self):
        """The saved output, still connected to this node."""
        if self.result is None:
            raise freed()
        data, counter, then = self.result
        if counter[0] != then:
            raise stale(self, data.shape, counter[0], then)
        cdef TensorBase y = wrap(data)
        y._requires_grad, y._node, y._counter = True, self, counter
        return y

    def release(self):
        """Drop what was saved: the graph can be gone through once."""
        self.saved = self.result = None


cdef inline object edge_to(TensorBase t):
    """Where the gradient of ``t`` goes; None if nobody wants it."""
    if t._base is not None and t._seen != version(t):
        refresh(t)
    if not t._requires_grad:
        return None
    return (t, 0) if t._node is None else (t._node, t._slot)


cdef object save_versions(Node node):
    cdef tuple saved = node.saved
    cdef TensorBase t
    if saved is None or not PyTuple_GET_SIZE(saved):
        return
    if PyTuple_GET_SIZE(saved) == 1:
        t = saved[0]
        node.versions = NEVER_WRITTEN if t is None or t._counter is None else (t._counter[0],)
    else:
        node.versions = tuple([0 if s is None else version(<TensorBase>s) for s in saved])


cdef bint record(Node node, tuple args, object y) except -1:
    cdef list edges
    cdef bint wanted = False
    cdef TensorBase t
    cdef Py_ssize_t slot
    if PyTuple_GET_SIZE(args) == 1:  # most operations
        edge = edge_to(<TensorBase>args[0])
        if edge is None:
            return False
        node.edges = (edge,)
    else:
        edges = []
        for x in args:
            if isinstance(x, TensorBase):
                edge = edge_to(<TensorBase>x)
                wanted |= edge is not None
                edges.append(edge)
        if not wanted:
            return False
        node.edges = tuple(edges)
    node.sequence = next_sequence()
    save_versions(node)
    if type(y) is tuple:
        node.outputs = len(<tuple>y)
        for slot in range(node.outputs):
            t = <TensorBase>(<tuple>y)[slot]
            if is_float_array(t._data):
                t._requires_grad, t._node, t._slot = True, node, slot
    else:
        t = <TensorBase>y
        t._requires_grad, t._node = True, node
    if node.result is not None:
        keep_result(node, <TensorBase>(y if type(y) is not tuple else y[node.result[2]]))
    return True


cdef object keep_result(Node node, TensorBase y):
    if y._counter is None:
        y._counter = [0]
    node.result = (y._data, y._counter, y._counter[0])


cpdef long long next_sequence():
    """A number above all those given so far."""
    global last_sequence
    last_sequence += 1
    return last_sequence


def freed():
    return RuntimeError(
        "Trying to backward through the graph a second time: the saved tensors were freed by the first backward. "
        "Pass retain_graph=True to the first call if you need both."
    )


def stale(Node node, shape, now, then):
    return RuntimeError(
        f"one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"a tensor of shape {shape} saved by {node.name} is at version {now}; expected version {then}"
    )


def compute(function, *args):
    """A tensor of ``function(*args)``, an operation without a gradient; it gets the arrays of tensors."""
    if is_tracing():
        return traced(function, args)
    if PyTuple_GET_SIZE(args) == 2 and isinstance(args[0], TensorBase) and isinstance(args[1], TensorBase):
        y = function((<TensorBase>args[0])._data, (<TensorBase>args[1])._data)
    else:
        y = function(*[(<TensorBase>a)._data if isinstance(a, TensorBase) else a for a in args])
    return wrap(y if cnp.PyArray_CheckExact(y) else np.asarray(y))


@cython.auto_pickle(False)
cdef class View(Node):
    """An operation whose output shares the storage of its input. ``forward`` may still return a copy where it must.

    Attributes:
        direct: the static method that makes the view of an array, called without a node where nothing is recorded; None
            where ``forward`` does it.
    """

    direct = None

    @classmethod
    def apply(cls, TensorBase x not None, *params):
        cdef Node node
        cdef TensorBase y
        cdef tuple args
        if is_tracing():
            return traced(cls, (x, *params))
        direct = cls.direct
        if direct is not None and not x._born and not (lucid_recording and may_need_gradient(x)):
            y = wrap(direct(x._data, *params))
        else:
            node, args = cls(), (x, *params)
            y = wrap(call_forward(node, args))
            if lucid_recording and may_need_gradient(x):
                record(node, args, y)
        if cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>x._data) or np.may_share_memory(y._data, x._data):
            share_history(x, y, cls, params)
        return y


cdef object share_history(TensorBase x, TensorBase y, cls, tuple params):
    """Make ``y`` a view of ``x``: one count of writes, and how to view ``x`` again."""
    if x._counter is None:
        x._counter = [0]
    y._counter = x._counter
    if lucid_recording:
        y._base = x if x._base is None else x._base
        y._replay = (*<tuple>x._replay, (cls, params)) if x._replay else ((cls, params),)
        y._seen = y._counter[0]


def replay(base, steps):
    """View ``base`` the way another tensor was made from its base."""
    t = base
    for operation, params in steps:
        t = operation.apply(t, *params)
    return t


cpdef object refresh(TensorBase x):
    """Remake the history of a view whose storage was written to since: it now comes from the base's new value."""
    cdef TensorBase base = x._base, again
    if base._requires_grad:
        again = replay(base, x._replay)
        x._requires_grad, x._node, x._slot = again._requires_grad, again._node, again._slot
    x._seen = version(x)
