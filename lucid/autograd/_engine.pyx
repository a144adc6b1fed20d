"""The backward pass: visits recorded operations from the newest to the oldest, without recursion.

A gradient may be added to in place, or become ``grad`` of a leaf as it is, when nothing else holds it. CPython's
reference counts say so exactly: views, saved tensors, hooks and callers all hold a reference to the array they use.
"""

from cpython.list cimport PyList_GET_SIZE
from cpython.object cimport PyObject
cimport numpy as cnp

import numpy as np

from lucid import _ops
from lucid.autograd._node cimport Node, TensorBase, is_recording, set_recording, wrap

cnp.import_array()

cdef extern from *:
    object PyObject_VectorcallMethod(object name, PyObject** args, size_t n, PyObject* keywords)
    int NPY_USERDEF
    Py_ssize_t Py_REFCNT(PyObject* o) noexcept
    PyObject* Py_TYPE_of "(PyObject*)Py_TYPE" (PyObject* o) noexcept
    PyObject* PyArray_BASE "PyArray_BASE" (cnp.ndarray a) noexcept

cdef object Buffer = _ops.Buffer
cdef object add_kernel = _ops.add
cdef object copy_kernel = _ops.expand

cdef enum:
    STACK = 8


cdef bint is_owned(TensorBase g, Py_ssize_t references) noexcept:
    """True when ``references`` are all there are to ``g``, and ``g`` alone holds its array and the array's memory."""
    cdef PyObject* data = <PyObject*>g._data
    cdef PyObject* base
    if Py_REFCNT(<PyObject*>g) != references or not cnp.PyArray_ISCARRAY(<cnp.ndarray>data):
        return False
    while Py_REFCNT(data) == 1:
        base = PyArray_BASE(<cnp.ndarray>data)
        if base == NULL or Py_TYPE_of(base) == <PyObject*>Buffer:
            return True
        if not cnp.PyArray_CheckExact(<object>base):
            return False
        data = base
    return False


cdef inline bint is_half(TensorBase g) noexcept:
    """float16 or bfloat16."""
    cdef int t = cnp.PyArray_TYPE(<cnp.ndarray>g._data)
    return t == cnp.NPY_FLOAT16 or t >= NPY_USERDEF


cdef inline bint has_kernels(TensorBase g) noexcept:
    """Neither in half precision nor complex."""
    return not is_half(g) and not cnp.PyTypeNum_ISCOMPLEX(cnp.PyArray_TYPE(<cnp.ndarray>g._data))


cdef TensorBase sum_of(TensorBase g, TensorBase h):
    """g + h as a new tensor, not recorded; in half precision computed in float32 and rounded."""
    if not has_kernels(g) or not has_kernels(h):
        return g + h
    return wrap(add_kernel(g._data, h._data))


cdef class Gradients:
    """Gradients on their way to nodes and leaves, summed as they arrive."""

    cdef dict waiting  # address of the maker: one gradient, or None, for each of its outputs
    cdef bint create_graph

    def __cinit__(self, bint create_graph):
        self.create_graph = create_graph
        self.waiting = {}

    cdef bint add(self, object maker, Py_ssize_t slot, Py_ssize_t outputs, TensorBase grad) except -1:
        """Add ``grad`` to what is waiting; True when it is the first for ``maker``."""
        key = <size_t><PyObject*>maker
        cdef list slots = self.waiting.get(key)
        if slots is None:
            slots = self.waiting[key] = [None] * outputs
            slots[slot] = grad
            return True
        cdef TensorBase current = slots[slot]
        if current is None:
            slots[slot] = grad
        elif self.create_graph:
            slots[slot] = current + grad
        elif is_owned(current, 2) and has_kernels(current):  # by the list and the variable
            add_kernel(current._data, grad._data, current._data)
        else:
            slots[slot] = sum_of(current, grad)
        return False

    cdef bint add_part(self, object maker, Py_ssize_t slot, Node node, TensorBase grad) except -1:
        """Let ``node`` add what its backward gives to what is waiting; False where something else may hold that."""
        cdef list slots = self.waiting.get(<size_t><PyObject*>maker)
        if slots is None or slots[slot] is None:
            return False
        cdef TensorBase current = slots[slot]
        if not is_owned(current, 2) or not has_kernels(current) or not has_kernels(grad):
            return False
        node.add_to(current._data, grad._data)
        return True

    cdef list take(self, object maker):
        return self.waiting.pop(<size_t><PyObject*>maker)


cdef void push(list heap, Node node):
    """Add ``node`` to a heap whose first element is the newest."""
    cdef Py_ssize_t i = PyList_GET_SIZE(heap), above
    heap.append(node)
    while i > 0:
        above = (i - 1) >> 1
        if (<Node>heap[above]).sequence >= node.sequence:
            break
        heap[i] = heap[above]
        i = above
    heap[i] = node


cdef Node pop(list heap):
    """Take the newest node out."""
    cdef Node last = heap.pop(), newest
    cdef Py_ssize_t n = PyList_GET_SIZE(heap), i = 0, below = 1
    if n == 0:
        return last
    newest = heap[0]
    while below < n:
        if below + 1 < n and (<Node>heap[below + 1]).sequence > (<Node>heap[below]).sequence:
            below += 1
        if last.sequence >= (<Node>heap[below]).sequence:
            break
        heap[i] = heap[below]
        i, below = below, 2 * below + 1
    heap[i] = last
    return newest


cdef object call_backward(Node node, list grads):
    """node.backward(*grads), without building a bound method."""
    cdef PyObject* stack[STACK + 1]
    cdef Py_ssize_t i, n = PyList_GET_SIZE(grads)
    if n > STACK:
        return node.backward(*grads)
    stack[0] = <PyObject*>node
    for i in range(n):
        stack[i + 1] = <PyObject*>grads[i]
    return PyObject_VectorcallMethod("backward", stack, n + 1, NULL)


cdef object observer = None  # called as observer(node, gradients) instead of run_backward


def set_observer(value):
    """Call ``value(node, gradients)`` for every node, and let it call `run_backward`; None stops that."""
    global observer
    observer = value


cpdef object run_backward(Node node, list grads):
    """What the backward of ``node`` gives for the gradients of its outputs."""
    if any_half(grads) and not node.converts:
        return call_backward_widened(node, grads)
    return call_backward(node, grads)


cdef object call_backward_widened(Node node, list grads):
    """The same for gradients of which one is in half precision: in float32, the results rounded to its dtype."""
    from lucid import _dtype
    from lucid._functions._common import cast

    cdef TensorBase g
    half = None
    for i in range(len(grads)):
        g = grads[i]
        if g is not None and is_half(g):
            half = g.dtype
            grads[i] = cast(g, _dtype.float32)
    result = call_backward(node, grads)
    if type(result) is tuple:
        return tuple([None if r is None else cast(r, half) for r in <tuple>result])
    return None if result is None else cast(result, half)


cdef bint any_half(list grads) except -1:
    for g in grads:
        if g is not None and is_half(<TensorBase?>g):
            return True
    return False


cdef class Pass:
    """One backward pass."""

    cdef Gradients arriving
    cdef object deliver
    cdef object needed   # the makers on a path to a target; None for all
    cdef dict wanted     # (maker, slot): targets
    cdef list heap, leaves
    cdef bint retain_graph

    def __cinit__(self, roots, bint retain_graph, bint create_graph, deliver, targets):
        self.arriving = Gradients(create_graph)
        self.deliver, self.retain_graph = deliver, retain_graph
        self.heap, self.leaves, self.wanted = [], [], {}
        self.needed = None if targets is None else leads_to(roots, targets)
        for t in targets or ():
            self.wanted.setdefault(key_of(t), []).append(t)

    cdef bint send(self, object maker, Py_ssize_t slot, TensorBase grad) except -1:
        if self.needed is not None and id(maker) not in self.needed:
            return False
        if isinstance(maker, Node):
            if self.arriving.add(maker, slot, (<Node>maker).outputs, grad):
                push(self.heap, <Node>maker)
        elif self.arriving.add(maker, 0, 1, grad):
            self.leaves.append(maker)
        return True

    cdef bint leads_on(self, Node node) except -1:
        for edge in node.edges:
            if edge is not None and (self.needed is None or id((<tuple>edge)[0]) in self.needed):
                return True
        return False

    cdef bint visit(self, Node node) except -1:
        cdef list incoming = self.arriving.take(node)
        cdef tuple edge
        cdef Py_ssize_t i
        if node.hooks is not None or node.retained is not None:
            apply_hooks(node, incoming)
        if self.wanted:
            for i in range(node.outputs):
                for t in self.wanted.get((id(node), i), ()):
                    if incoming[i] is not None:
                        self.hand_over(t, incoming[i], False)
        if not self.leads_on(node):
            return False
        if node.add_to is not None and observer is None and not self.arriving.create_graph:
            edge = node.edges[0]
            if self.arriving.add_part(edge[0], edge[1], node, <TensorBase?>incoming[0]):
                if not self.retain_graph:
                    node.release()
                return True
        result = run_backward(node, incoming) if observer is None else observer(node, incoming)
        if type(result) is not tuple:
            edge = node.edges[0]
            if edge is not None and result is not None:
                self.send(edge[0], edge[1], <TensorBase?>result)
        else:
            for i in range(min(len(node.edges), len(<tuple>result))):
                edge = node.edges[i]
                if edge is not None and (<tuple>result)[i] is not None:
                    self.send(edge[0], edge[1], <TensorBase?>(<tuple>result)[i])
        if not self.retain_graph:
            node.release()
        return True

    cdef bint finish(self, TensorBase leaf) except -1:
        cdef list slots = self.arriving.take(leaf)
        cdef TensorBase g
        if leaf._hooks:
            for hook in list(leaf._hooks.values()):
                changed = hook(slots[0])
                if changed is not None:
                    slots[0] = changed
                changed = None  # it would count as a holder of the gradient
        g = slots[0]
        if not self.wanted or (id(leaf), 0) in self.wanted:
            self.hand_over(leaf, g, is_owned(g, 2))  # by the list and the variable
            hooks = leaf._post_hooks
            if hooks and self.deliver is None:
                for hook in list(hooks.values()):
                    hook(leaf)
        return True

    cdef object hand_over(self, TensorBase t, TensorBase g, bint owned):
        if self.deliver is None:
            accumulate(t, g, owned)
        else:
            self.deliver(t, g)


cdef tuple key_of(TensorBase t):
    return (id(t), 0) if t._node is None else (id(t._node), t._slot)


def run(roots, grads, bint retain_graph, bint create_graph, deliver=None, targets=None):
    """Propagate ``grads`` of ``roots`` through the graph.

    Args:
        roots: tensors to start from; each requires grad.
        grads: dL/d(root), same shapes.
        retain_graph: keep saved tensors for another backward.
        create_graph: record the backward pass itself.
        deliver: called with (tensor, gradient) for every leaf, or for every one of ``targets``, instead of adding
            to ``grad``.
        targets: only compute what leads to these tensors.
    """
    cdef Pass p = Pass(roots, retain_graph, create_graph, deliver, targets)
    cdef TensorBase root
    cdef bint previous = is_recording()
    set_recording(create_graph)
    try:
        for root, grad in zip(roots, grads):
            p.send(root if root._node is None else root._node, root._slot, grad)
        while p.heap:
            p.visit(pop(p.heap))
        for leaf in p.leaves:
            p.finish(leaf)
    finally:
        set_recording(previous)


cdef object apply_hooks(Node node, list incoming):
    for slot, hook in node.hooks or ():
        if incoming[slot] is not None:
            changed = hook(incoming[slot])
            if changed is not None:
                incoming[slot] = changed
    for slot, reference in node.retained or ():
        t, g = reference(), incoming[slot]
        if t is not None and g is not None:
            t.grad = g if t.grad is None else t.grad + g


def leads_to(roots, targets):
    """The ids of every node and leaf on a path from ``roots`` to ``targets``."""
    needed = {key_of(t)[0] for t in targets}
    reached = []
    seen = set()
    stack = [r if r._node is None else r._node for r in roots]
    while stack:
        maker = stack.pop()
        if id(maker) not in seen:
            seen.add(id(maker))
            if isinstance(maker, Node):
                reached.append(maker)
                stack.extend([edge[0] for edge in maker.edges if edge is not None])
    reached.sort(key=lambda node: node.sequence)
    for node in reached:  # inputs have lower numbers than their users, so one sweep decides all
        if any([edge is not None and id(edge[0]) in needed for edge in node.edges]):
            needed.add(id(node))
    return needed


cdef TensorBase copy_of(TensorBase g):
    if cnp.PyTypeNum_ISCOMPLEX(cnp.PyArray_TYPE(<cnp.ndarray>g._data)):
        return wrap(np.array(g._data))
    return wrap(copy_kernel(g._data, (<object>g._data).shape))


cdef object accumulate(TensorBase leaf, TensorBase grad, bint owned):
    """Add ``grad`` to ``leaf.grad``, in place where that cannot be seen by anyone else."""
    cdef TensorBase current = leaf._grad
    if is_recording():
        leaf._grad = grad if current is None else current + grad
    elif current is None:
        leaf._grad = grad if owned else copy_of(grad)
    else:
        if not has_kernels(current):
            np.copyto(current._data, sum_of(current, grad)._data)
        elif cnp.PyArray_ISCARRAY(<cnp.ndarray>current._data):
            add_kernel(current._data, grad._data, current._data)
        else:
            np.add(current._data, grad._data, out=current._data)
        if current._counter is not None:
            current._counter[0] += 1
