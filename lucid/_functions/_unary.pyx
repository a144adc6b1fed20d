"""Elementwise functions of one tensor: what their autograd functions share.

Compiled, since small networks spend their time here and not in kernels.
"""

cimport numpy as cnp

from lucid.autograd._node cimport (
    RECORDING, TRACING, Node, TensorBase, is_recording, may_need_gradient, record, state, traced, wrap
)

cnp.import_array()


cdef inline bint is_floating(TensorBase x) noexcept:
    return cnp.PyArray_ISFLOAT(<cnp.ndarray>x._data)


cdef class Unary(Node):
    """y = kernel(x, *params).

    Subclasses define the static method ``kernel`` and what ``backward`` reads: ``saves`` is "x", "y", "xy" or "".
    Nothing is built where no gradient will be asked for.
    """

    cdef public tuple params
    saves = "x"

    @classmethod
    def apply(cls, TensorBase x not None, *params):
        """The function of ``x``, recorded if ``x`` requires grad."""
        return apply_unary(cls, x, params)


cdef object apply_unary(cls, TensorBase x, tuple params):
    cdef Unary node
    cdef str saves
    cdef int flags = state()
    if flags & TRACING:
        return traced(cls, (x, *params))
    data = cls.kernel(x._data, *params) if params else cls.kernel(x._data)
    cdef TensorBase y = wrap(data)
    if flags & RECORDING and may_need_gradient(x):
        node, saves = Unary.__new__(cls), cls.saves
        node.params = params
        if saves != "y" and saves != "":
            node.saved = (x,)
        if saves != "x" and saves != "":
            node.result = (data, 0, 0)
        record(node, (x,), y)
    return y


cdef class Activation(Unary):
    """y = kernel(x, *params) and dx = kernel_backward(x, dy, *params), or of (y, dy, *params) with ``saves = "y"``.

    ``second(x, *params)`` is d/dx of the factor that the backward kernel multiplies ``dy`` with.
    """

    def backward(self, TensorBase dy):
        cls = type(self)
        cdef TensorBase x = self.unpack_result() if cls.saves == "y" else self.unpack()[0]
        if is_recording():
            return ActivationGrad.apply(x, dy, cls, self.params)
        return wrap(cls.kernel_backward(x._data, dy._data, *self.params))


cdef class ActivationGrad(Node):
    """The backward kernel of an activation as an operation of its own, so that it can be differentiated again."""

    cdef object activation
    cdef tuple params

    def forward(self, TensorBase x, TensorBase dy, activation, tuple params):
        self.saved, self.activation, self.params = (x, dy), activation, params
        return activation.kernel_backward(x._data, dy._data, *params)

    def backward(self, g):
        x, dy = self.unpack()
        dx = g * dy * self.activation.second(x, *self.params) if self.edges[0] is not None else None
        return dx, ActivationGrad.apply(x, g, self.activation, self.params)


def run(str name, operation, x, bint inplace, *params):
    """Apply ``operation``, for the public function ``name``; in place, without any copy where no gradient needs the old values.

    Raises:
        TypeError: ``x`` is not a floating-point tensor.
    """
    if not isinstance(x, TensorBase):
        raise TypeError(f"{name}: expected a Tensor, got {type(x).__name__}")
    if not is_floating(x):
        raise TypeError(f"{name}: expected a floating-point tensor, got {x.dtype} of shape {x._data.shape}")
    if not inplace:
        return apply_unary(operation, x, params)
    from lucid._functions._common import activate_inplace

    return activate_inplace(name, operation, x, params)
