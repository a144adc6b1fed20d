"""Arguments that say which shape, which dimensions, which operands. Compiled, since almost every function asks."""

cimport numpy as cnp
from cpython.long cimport PyLong_CheckExact
from cpython.object cimport PyObject

import numpy as np

from lucid import _dtype
from lucid.autograd._node cimport TensorBase, wrap

cnp.import_array()


def as_shape(args):
    """The shape meant by ``f(2, 3)`` or ``f((2, 3))``."""
    if len(args) == 1:
        only = integer(args[0])
        args = (only,) if isinstance(only, int) else tuple(only)
    for n in args:
        if not PyLong_CheckExact(n):
            return tuple([int(n) for n in args])
    return args


def infer_shape(str name, tuple shape, Py_ssize_t size):
    """``shape`` with its one -1 replaced so that it holds ``size`` elements.

    Raises:
        RuntimeError: it cannot.
    """
    cdef Py_ssize_t known = 1, n, unknown = 0
    for n in shape:
        if n == -1:
            unknown += 1
        elif n < 0:
            raise RuntimeError(f"{name}: invalid shape dimension in {shape}")
        else:
            known *= n
    if unknown > 1:
        raise RuntimeError(f"{name}: only one dimension can be inferred, got shape {shape}")
    if known != size if not unknown else (known == 0 or size % known != 0):
        raise RuntimeError(f"{name}: shape '{list(shape)}' is invalid for input of size {size}")
    return tuple([size // known if n == -1 else n for n in shape]) if unknown else shape


def check_tensors(str name, *tensors):
    """Refuse anything but tensors, for the public function ``name``.

    Raises:
        TypeError: one is something else.
    """
    for x in tensors:
        if not isinstance(x, TensorBase):
            raise TypeError(f"{name}: expected a Tensor, got {type(x).__name__}")


cpdef object integer(value):
    """An integer of any kind (Python's, NumPy's, a tensor with one) as an int; anything else as it is."""
    if isinstance(value, int):
        return value
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, TensorBase):
        data = (<TensorBase>value)._data
        if data is not None and data.ndim == 0 and data.dtype.kind in "iu":
            return int(data)
    return value


cdef cnp.ndarray array_of(object x):
    """The storage of a tensor, None of anything else."""
    return (<TensorBase>x)._data if isinstance(x, TensorBase) else None


def fits_linear(x, weight, bias) -> bool:
    """Whether these are tensors of one dtype, (..., k), (n, k) and (n,) or None: what `linear` need not look at closer."""
    cdef cnp.ndarray a, w, b
    cdef int ndim
    if not isinstance(x, TensorBase) or not isinstance(weight, TensorBase):
        return False
    a, w = (<TensorBase>x)._data, (<TensorBase>weight)._data
    if a is None or w is None:
        return False
    ndim = cnp.PyArray_NDIM(a)
    if ndim == 0 or cnp.PyArray_NDIM(w) != 2 or cnp.PyArray_DIM(a, ndim - 1) != cnp.PyArray_DIM(w, 1):
        return False
    if cnp.PyArray_TYPE(a) != cnp.PyArray_TYPE(w):
        return False
    if bias is None:
        return True
    if not isinstance(bias, TensorBase):
        return False
    b = (<TensorBase>bias)._data
    return (b is not None and cnp.PyArray_NDIM(b) == 1 and cnp.PyArray_DIM(b, 0) == cnp.PyArray_DIM(w, 0)
            and cnp.PyArray_TYPE(b) == cnp.PyArray_TYPE(w))


def fits_matmul(x, y) -> bool:
    """Whether these are tensors of one dtype, (..., n, k) and (..., k, m), of the same batch dimensions or one without: what
    `matmul` need not look at closer."""
    cdef cnp.ndarray a = array_of(x), b = array_of(y)
    cdef int i, ndim
    if a is None or b is None or cnp.PyArray_TYPE(a) != cnp.PyArray_TYPE(b):
        return False
    ndim = cnp.PyArray_NDIM(a)
    if ndim < 2 or cnp.PyArray_NDIM(b) < 2 or cnp.PyArray_DIM(a, ndim - 1) != cnp.PyArray_DIM(b, cnp.PyArray_NDIM(b) - 2):
        return False
    if ndim == 2 or cnp.PyArray_NDIM(b) == 2:
        return True
    if ndim != cnp.PyArray_NDIM(b):
        return False
    for i in range(ndim - 2):
        if cnp.PyArray_DIM(a, i) != cnp.PyArray_DIM(b, i):
            return False
    return True


cdef Py_ssize_t joined_dim(tensors, dim, bint new) except? -2:
    """The dimension to join along, counted from the front; -1 unless these are tensors of one dtype whose sizes agree, but for
    that dimension if it is not a ``new`` one."""
    cdef cnp.ndarray first, x
    cdef Py_ssize_t d
    cdef int i, ndim
    if not (type(tensors) is list or type(tensors) is tuple) or not tensors or type(dim) is not int:
        return -1
    first = array_of(tensors[0])
    if first is None:
        return -1
    ndim, d = cnp.PyArray_NDIM(first), dim
    d = d + ndim + new if d < 0 else d
    if not 0 <= d < ndim + new:
        return -1
    for t in tensors:
        x = array_of(t)
        if x is None or x.descr is not first.descr or cnp.PyArray_NDIM(x) != ndim:
            return -1
        for i in range(ndim):
            if cnp.PyArray_DIM(x, i) != cnp.PyArray_DIM(first, i) and (new or i != d):
                return -1
    return d


def fits_cat(tensors, dim) -> int:
    """The dimension from the front, if these are tensors of one dtype whose other sizes agree: what `cat` need not look at
    closer. Otherwise -1."""
    return joined_dim(tensors, dim, False)


def fits_stack(tensors, dim) -> int:
    """The new dimension from the front, if these are tensors of one dtype and shape; otherwise -1."""
    return joined_dim(tensors, dim, True)


cpdef Py_ssize_t rank(str name, x) except? -1:
    """The number of dimensions of ``x``, or ``x`` itself if it is that number.

    Raises:
        TypeError: ``x`` is not a Tensor.
    """
    if isinstance(x, TensorBase):
        return cnp.PyArray_NDIM(<cnp.ndarray>(<TensorBase>x)._data)
    if isinstance(x, int) and x >= 0:
        return x
    raise TypeError(f"{name}: expected a Tensor, got {type(x).__name__}")


cpdef object normalize_dim(str name, dim, x):
    """``dim`` of a tensor, or of a number of dimensions, counted from the front.

    Raises:
        IndexError: out of range, in PyTorch's words.
        TypeError: ``x`` is not a Tensor.
    """
    cdef Py_ssize_t ndim = rank(name, x), d = dim, extent = ndim if ndim > 1 else 1
    if not -extent <= d < extent:
        raise IndexError(
            f"{name}: Dimension out of range (expected to be in range of [{-extent}, {extent - 1}], but got {dim})"
        )
    return d + extent if d < 0 else d


def normalize_dims(str name, dim, x):
    """Distinct dimensions counted from the front; all of them for None or an empty sequence."""
    cdef Py_ssize_t ndim = rank(name, x)
    dim = integer(dim)
    if dim is None or (not isinstance(dim, int) and len(dim) == 0):
        return tuple(range(ndim))
    if isinstance(dim, int):
        return (normalize_dim(name, dim, ndim),) if ndim else ()
    dims = tuple([normalize_dim(name, d, ndim) for d in dim])
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"{name}: dim {dim} appears multiple times in the list of dims")
    return dims if ndim else ()


class ShapeError(RuntimeError, ValueError):
    """Shapes that do not broadcast: RuntimeError, as PyTorch raises, and ValueError, as NumPy does."""


def check_broadcast(str name, tuple sx, tuple sy):
    """Refuse shapes that do not broadcast together."""
    for a, b in zip(reversed(sx), reversed(sy)):
        if a != b and a != 1 and b != 1:
            raise ShapeError(f"{name}: shapes {sx} and {sy} do not broadcast: {a} against {b}")


cdef inline bint same_type(cnp.ndarray x, cnp.ndarray y) noexcept:
    return cnp.PyArray_TYPE(x) == cnp.PyArray_TYPE(y)


cdef bint same_shape(cnp.ndarray x, cnp.ndarray y) noexcept:
    cdef int i, n = cnp.PyArray_NDIM(x)
    if n != cnp.PyArray_NDIM(y):
        return False
    for i in range(n):
        if cnp.PyArray_DIM(x, i) != cnp.PyArray_DIM(y, i):
            return False
    return True


cdef object number_like(value, cnp.ndarray like):
    """A 0-d tensor of the dtype of ``like``."""
    cdef int typenum = cnp.PyArray_TYPE(like)
    cdef cnp.ndarray data
    if typenum != cnp.NPY_FLOAT32 and typenum != cnp.NPY_FLOAT64:
        return wrap(np.array(value, like.dtype))
    data = cnp.PyArray_EMPTY(0, NULL, typenum, 0)
    if typenum == cnp.NPY_FLOAT32:
        (<float*>cnp.PyArray_DATA(data))[0] = <float>(<double>value)
    else:
        (<double*>cnp.PyArray_DATA(data))[0] = value
    return wrap(data)


def operands(str name, x, y):
    """Both operands as tensors of their common dtype (PyTorch's promotion).

    Raises:
        TypeError: an operand is neither a Tensor nor a number.
        ValueError: the shapes do not broadcast.
    """
    cdef bint tx = isinstance(x, TensorBase), ty = isinstance(y, TensorBase)
    cdef cnp.ndarray a = (<TensorBase>x)._data if tx else None, b = (<TensorBase>y)._data if ty else None
    if tx and ty:
        if same_type(a, b):
            if not same_shape(a, b) and a.ndim and b.ndim:
                check_broadcast(name, (<object>a).shape, (<object>b).shape)
            return x, y
    elif tx and isinstance(y, (float, int)) and cnp.PyArray_ISFLOAT(a):
        return x, number_like(y, a)
    elif ty and isinstance(x, (float, int)) and cnp.PyArray_ISFLOAT(b):
        return number_like(x, b), y
    return promoted(name, x, y)


cdef object promoted(str name, x, y):
    from lucid._functions._common import as_tensor, cast, number

    cdef bint tx = isinstance(x, TensorBase), ty = isinstance(y, TensorBase)
    if tx and ty:
        d = _dtype.result_type(x, y)
        check_broadcast(name, x._data.shape, y._data.shape)
        return cast(x, d), cast(y, d)
    if not tx and not ty:
        raise TypeError(f"{name}: expected a Tensor, got {type(x).__name__} and {type(y).__name__}")
    for o in (x, y):
        if not isinstance(o, (TensorBase, bool, int, float, complex, np.generic, np.ndarray)):
            raise TypeError(f"{name}: expected a Tensor or a number, got {type(o).__name__}")
    if isinstance(x, np.ndarray) or isinstance(y, np.ndarray):
        return operands(name, as_tensor(x), as_tensor(y))
    d = _dtype.result_type(x, y)
    return (cast(x, d), wrap(number(name, y, d))) if tx else (wrap(number(name, x, d)), cast(y, d))
