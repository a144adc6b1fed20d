"""Functions of two tensors: what arithmetic does where nothing is recorded, and in place.

Compiled, since small networks spend their time here and not in kernels.
"""

cimport numpy as cnp

from lucid._functions._arguments cimport number_like
from lucid.autograd._node cimport (
    RECORDING, TRACING, Node, TensorBase, call_forward, may_need_gradient, record, state, traced, wrap,
)

from lucid.autograd._node import bump

cnp.import_array()


cdef class Binary(Node):
    """z = forward(x, y, *params); where no gradient will be asked for, and the elements are floating-point numbers,
    z = direct(x, y), or direct_with(x, y, *params), if the class has those."""

    direct = direct_with = None

    @classmethod
    def apply(cls, TensorBase x not None, TensorBase y not None, *params):
        """The function of ``x`` and ``y``, of one dtype, recorded if one requires grad."""
        cdef int flags = state()
        cdef Node node
        if flags & TRACING:
            return traced(cls, (x, y, *params))
        cdef bint recorded = flags & RECORDING and (may_need_gradient(x) or may_need_gradient(y))
        # what a trace made may hide its storage, from Python only
        if not recorded and not x._born and not y._born and cnp.PyArray_ISFLOAT(<cnp.ndarray>x._data):
            direct = cls.direct_with if params else cls.direct
            if direct is not None:
                return wrap(direct(x._data, y._data, *params) if params else direct(x._data, y._data))
        node = cls()
        args = (x, y, *params)
        z = wrap(call_forward(node, args))
        if recorded:
            record(node, args, z)
        return z


cdef bint stretches(cnp.ndarray y, cnp.ndarray x) noexcept:
    """``y`` broadcasts to the shape of ``x``."""
    cdef int i, more = cnp.PyArray_NDIM(x) - cnp.PyArray_NDIM(y)
    if more < 0:
        return False
    for i in range(cnp.PyArray_NDIM(y)):
        if cnp.PyArray_DIM(y, i) != cnp.PyArray_DIM(x, i + more) and cnp.PyArray_DIM(y, i) != 1:
            return False
    return True


cdef bint apart(cnp.ndarray x, cnp.ndarray y) noexcept:
    """Contiguous arrays that share no element, or all of them."""
    cdef char* a = <char*>cnp.PyArray_DATA(x)
    cdef char* b = <char*>cnp.PyArray_DATA(y)
    if not cnp.PyArray_IS_C_CONTIGUOUS(y):
        return False
    if a == b:
        return cnp.PyArray_NBYTES(x) == cnp.PyArray_NBYTES(y)
    return a + cnp.PyArray_NBYTES(x) <= b or b + cnp.PyArray_NBYTES(y) <= a


def overwrite(kernel, x, y) -> bool:
    """x <- kernel(x, y) without any copy, if that is all there is to do: nothing is recorded or traced, ``y`` is a tensor of
    the dtype of ``x`` that broadcasts to its shape, or a number. Otherwise nothing is done."""
    cdef cnp.ndarray a, b
    cdef int flags = state()
    if flags & TRACING or not isinstance(x, TensorBase) or (<TensorBase>x)._born:
        return False
    a = (<TensorBase>x)._data
    if not cnp.PyArray_ISCARRAY(a) or not (cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT32 or cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT64):
        return False
    if flags & RECORDING and (may_need_gradient(x) or (<TensorBase>x)._base is not None):
        return False
    if isinstance(y, TensorBase):
        if flags & RECORDING and may_need_gradient(y) or (<TensorBase>y)._born:
            return False
        b = (<TensorBase>y)._data
        if cnp.PyArray_TYPE(b) != cnp.PyArray_TYPE(a) or not stretches(b, a) or not apart(a, b):
            return False
    elif type(y) is float or type(y) is int:
        b = (<TensorBase>number_like(y, a))._data
    else:
        return False
    kernel(a, b, out=a)
    bump(x)
    return True
