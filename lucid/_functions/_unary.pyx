"""Functions of one tensor: what the autograd functions of elementwise ones share, and the most frequent view.

Compiled, since small networks spend their time here and not in kernels.
"""

cimport numpy as cnp

from lucid.autograd._node cimport (
    RECORDING, TRACING, Node, TensorBase, View, is_recording, may_need_gradient, record, share_history, state, traced,
    wrap,
)

import numpy as np

from lucid import _ops
from lucid._functions._arguments import as_shape, infer_shape, normalize_dim

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
    source = (<object>x)._data if x._born else x._data     # what a trace made may hide its storage, from Python only
    data = cls.kernel(source, *params) if params else cls.kernel(source)
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


cdef inline object check_floating(str name, x):
    if not isinstance(x, TensorBase):
        raise TypeError(f"{name}: expected a Tensor, got {type(x).__name__}")
    if not is_floating(x):
        raise TypeError(f"{name}: expected a floating-point tensor, got {x.dtype} of shape {x._data.shape}")


def run_along(str name, operation, x, dim):
    """Apply ``operation`` along ``dim``, for the public function ``name``.

    Raises:
        TypeError: ``x`` is not a floating-point tensor.
        IndexError: ``dim`` is out of range.
    """
    check_floating(name, x)
    d = normalize_dim(name, dim, x)
    if not cnp.PyArray_NDIM(<cnp.ndarray>(<TensorBase>x)._data):
        return apply_unary(operation, x.reshape(1), (0,)).reshape(())
    return apply_unary(operation, x, (d,))


def run(str name, operation, x, bint inplace, *params):
    """Apply ``operation``, for the public function ``name``; in place, without any copy where no gradient needs the old values.

    Raises:
        TypeError: ``x`` is not a floating-point tensor.
    """
    check_floating(name, x)
    if not inplace:
        return apply_unary(operation, x, params)
    from lucid._functions._common import activate_inplace

    return activate_inplace(name, operation, x, params)


cdef class Reshape(View):
    """The same elements in another shape."""

    cdef readonly tuple shape

    def forward(self, TensorBase x, shape):
        self.shape = (<object>x._data).shape
        return x._data.reshape(shape)

    def backward(self, dy):
        return reshape_as(dy, self.shape)

    @classmethod
    def apply(cls, TensorBase x not None, tuple shape):
        return reshape_as(x, shape)


cdef object reshaped(x, tuple shape):
    """A view of an array of any strides if there is one, else a copy."""
    try:
        return np.reshape(x, shape, copy=False)
    except ValueError:
        return _ops.copied(x).reshape(shape)


cdef object reshape_as(TensorBase x, tuple shape):
    """`View.apply` without a node where nothing is recorded."""
    cdef TensorBase y
    cdef Reshape node
    cdef int flags = state()
    if flags & TRACING:
        return traced(Reshape, (x, shape))
    y = wrap(x._data.reshape(shape) if cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>x._data) else reshaped(x._data, shape))
    if flags & RECORDING and may_need_gradient(x):
        node = Reshape.__new__(Reshape)
        node.shape = (<object>x._data).shape
        record(node, (x,), y)
    if cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>x._data) or np.may_share_memory(y._data, x._data):
        share_history(x, y, Reshape, (shape,))
    return y


def reshape(str name, x, tuple shape, bint copies):
    """``x`` in the shape that the arguments ``shape`` of the public function ``name`` mean.

    Raises:
        RuntimeError: the number of elements differs, or the layout would need a copy and ``copies`` is false.
        TypeError: ``x`` is not a Tensor.
    """
    if not isinstance(x, TensorBase):
        raise TypeError(f"{name}: expected a Tensor, got {type(x).__name__}")
    cdef cnp.ndarray data = (<TensorBase>x)._data
    shape = infer_shape(name, as_shape(shape), cnp.PyArray_SIZE(data))
    if not copies and not cnp.PyArray_IS_C_CONTIGUOUS(data):
        try:
            np.reshape(data, shape, copy=False)
        except ValueError:
            raise RuntimeError(
                f"{name}: view size is not compatible with input tensor's size and stride {x._data.shape} -> {shape}. "
                "Use .reshape(...) instead."
            ) from None
    return reshape_as(x, shape)
