"""Complex forms of functions, by name: of elementwise ones of one operand through NumPy, of linear ones on both parts.

A form is called with the function it stands for and that function's arguments. Gradients follow PyTorch's convention,
see `lucid._functions.complex`.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lucid import _dtype
from lucid._functions._common import as_tensor, cast, expand, mutate, normalize_dim
from lucid._functions.complex import Complex, Conj, Imag, Real, as_complex, is_complex, view_as_real
from lucid._functions.complex import conj as conjugate
from lucid._functions.complex_binary import Mul
from lucid._functions.elementwise import quiet
from lucid._functions.join import cat, narrow
from lucid.autograd._node import Node, TensorBase, wrap

Form = Callable[..., Any]
FORMS: dict[str, Form] = {}


def form_of(name: str) -> Form | None:
    """The complex form of the function ``name``, if it has one."""
    if name not in FORMS:
        from lucid._functions import complex_binary, complex_linalg, complex_lu, complex_reduce

        others = complex_binary, complex_reduce, complex_linalg, complex_lu
        return next((m.FORMS[name] for m in others if name in m.FORMS), None)
    return FORMS[name]


def in_place(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """x <- f(x, ...) of a function with a complex form, for the method that ends in an underscore."""
    from lucid._functions._complex import AS_THEY_ARE, compute

    name, plain = function.__name__, getattr(function, "__wrapped__", None)
    if plain is not None and plain.__name__ == name:  # `lucid.exp_` around the method
        return plain(*args, **kwargs)
    if name in ("normal_", "uniform_") and isinstance(args[0], TensorBase):
        return drawn(function, *args, **kwargs)
    if plain is None or not args or not isinstance(args[0], TensorBase):
        raise TypeError(f"{name}: not implemented for complex numbers")
    if form_of(plain.__name__) is None and plain.__name__ not in AS_THEY_ARE:
        raise TypeError(f"{name}: not implemented for complex numbers")

    def run(*values: Any, **options: Any) -> Any:
        return compute(plain, False, values, options)

    return mutate(name, args[0], run, *args[1:], **kwargs)  # type: ignore[arg-type]


def drawn(function: Callable[..., Any], x: Any, *args: Any, **kwargs: Any) -> Any:
    """Real and imaginary parts drawn like numbers of their own; of normal ones, `std` is that of the complex number."""
    if function.__name__ == "normal_":
        std = args[1] if len(args) > 1 else kwargs.pop("std", 1.0)
        args, kwargs["std"] = args[:1], std * math.sqrt(0.5)
    function(view_as_real(x), *args, **kwargs)
    return x


def parts(x: Any) -> tuple[Any, Any]:
    return Real.apply(x), Imag.apply(x)


# Elementwise, of one operand


class Holomorphic(Node):
    """y = f(x) with dx = dy * conj(f'(x))."""

    __slots__ = ("derivative",)

    def forward(self, x: Any, kernel: Any, derivative: Any) -> np.ndarray:
        self.saved, self.derivative = (x,), derivative
        return self.save_result(kernel(x._data))

    def backward(self, dy: Any) -> Any:
        (x,) = self.unpack()
        return dy * conjugate(self.derivative(x, self.unpack_result()))


def _rsqrt(x: np.ndarray) -> np.ndarray:
    return np.reciprocal(np.sqrt(x))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.reciprocal(1 + np.exp(-x))


def _exp2(x: np.ndarray) -> np.ndarray:
    return np.exp(x * x.dtype.type(math.log(2)))


LN2, LN10 = math.log(2), math.log(10)
HOLOMORPHIC: dict[str, tuple[Callable[..., Any], Callable[[Any, Any], Any]]] = {
    "neg": (np.negative, lambda x, y: as_tensor(-1.0)),
    "exp": (np.exp, lambda x, y: y),
    "expm1": (np.expm1, lambda x, y: y + 1),
    "exp2": (_exp2, lambda x, y: y * LN2),
    "log": (np.log, lambda x, y: 1 / x),
    "log2": (np.log2, lambda x, y: 1 / (x * LN2)),
    "log10": (np.log10, lambda x, y: 1 / (x * LN10)),
    "log1p": (np.log1p, lambda x, y: 1 / (x + 1)),
    "sqrt": (np.sqrt, lambda x, y: 0.5 / y),
    "rsqrt": (_rsqrt, lambda x, y: -0.5 * y / x),
    "square": (np.square, lambda x, y: 2 * x),
    "reciprocal": (np.reciprocal, lambda x, y: -y * y),
    "sigmoid": (_sigmoid, lambda x, y: y * (1 - y)),
    "sin": (np.sin, lambda x, y: x.cos()),
    "cos": (np.cos, lambda x, y: -x.sin()),
    "tan": (np.tan, lambda x, y: 1 + y * y),
    "asin": (np.arcsin, lambda x, y: 1 / (1 - x * x).sqrt()),
    "acos": (np.arccos, lambda x, y: -1 / (1 - x * x).sqrt()),
    "atan": (np.arctan, lambda x, y: 1 / (1 + x * x)),
    "sinh": (np.sinh, lambda x, y: x.cosh()),
    "cosh": (np.cosh, lambda x, y: x.sinh()),
    "tanh": (np.tanh, lambda x, y: 1 - y * y),
    "asinh": (np.arcsinh, lambda x, y: 1 / (x * x + 1).sqrt()),
    "acosh": (np.arccosh, lambda x, y: 1 / ((x - 1).sqrt() * (x + 1).sqrt())),
    "atanh": (np.arctanh, lambda x, y: 1 / (1 - x * x)),
}


def _holomorphic(name: str) -> Form:
    kernel, derivative = HOLOMORPHIC[name]
    kernel = quiet(kernel)

    def form(function: Any, x: Any) -> Any:
        return Holomorphic.apply(as_complex(name, x), kernel, derivative)

    return form


FORMS.update({name: _holomorphic(name) for name in HOLOMORPHIC})


class Abs(Node):
    """|z|; the gradient is dy * z / |z|, and 0 at 0."""

    __slots__ = ()

    def forward(self, x: Any) -> np.ndarray:
        self.saved = (x,)
        return self.save_result(np.asarray(np.abs(x._data)))

    def backward(self, dy: Any) -> Any:
        return dy * direction(self.unpack()[0], self.unpack_result())


def direction(x: Any, size: Any) -> Any:
    """x / |x|, and 0 at 0."""
    zero = wrap(np.asarray(size._data == 0))
    return x / size.masked_fill(zero, 1.0)


def absolute(function: Any, x: Any) -> Any:
    return Abs.apply(as_complex("abs", x))


def sgn(function: Any, x: Any) -> Any:
    x = as_complex("sgn", x)
    return direction(x, Abs.apply(x))


def isreal(function: Any, x: Any) -> Any:
    return wrap(np.asarray(x._data.imag == 0))


def nan_to_num(function: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    return Complex.apply(*(function(p, *args, **kwargs) for p in parts(x)))


FORMS.update({"abs": absolute, "sgn": sgn, "isreal": isreal, "nan_to_num": nan_to_num})


# Linear: on real and imaginary parts

PARTWISE = (
    "sum mean cumsum nansum nanmean diff trace tril triu gather index_select scatter_add "
    "avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d "
    "adaptive_avg_pool2d unfold fold dropout sum_to_size"
)


def _is_data(x: Any) -> bool:
    return isinstance(x, TensorBase) and x._data.dtype.kind not in "iub"


def partwise(function: Any, *args: Any, **kwargs: Any) -> Any:
    name = function.__name__
    asked = kwargs.pop("dtype", None)
    if asked is not None:
        d = _dtype.as_dtype(asked)
        if not d.is_complex:
            raise TypeError(f"{name}: expected a complex dtype for complex numbers, got {d}")
        args = (cast(args[0], d), *args[1:])
    data = [x for x in (*args, *kwargs.values()) if _is_data(x)]
    target = _dtype.to_complex(_dtype.result_type(*data))

    def part(which: int) -> Any:
        def pick(x: Any) -> Any:
            if isinstance(x, complex):
                return (x.real, x.imag)[which]
            return parts(cast(x, target))[which] if _is_data(x) else x

        return function(*map(pick, args), **{key: pick(x) for key, x in kwargs.items()})

    return Complex.apply(part(0), part(1))


def pad(function: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    """What is added, a real number as a rule, has an imaginary part of its own."""
    given = [complex(a) if k and isinstance(a, (int, float)) else a for k, a in enumerate(args)]
    values = {k: complex(v) if k in ("value", "constant_value") and v is not None else v for k, v in kwargs.items()}
    return partwise(function, x, *given, **values)


def index_add(function: Any, x: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    return partwise(function, x, dim, index, source if alpha == 1 else source * alpha)


FORMS.update(dict.fromkeys(PARTWISE.split(), partwise))
FORMS.update({"pad": pad, "constant_pad_nd": pad, "index_add": index_add})

# Linear in each operand

MULTILINEAR = (
    "matmul mm bmm mv dot inner outer einsum tensordot kron conv1d conv2d conv3d conv_transpose1d conv_transpose2d "
    "conv_transpose3d multi_dot"
)


def _uniform(name: str, tensors: list[Any]) -> None:
    if len({t.dtype for t in tensors}) > 1:
        kinds = " and ".join(dict.fromkeys(t.dtype.name for t in tensors))
        raise RuntimeError(f"{name}: expected operands of the same dtype, got {kinds}")


def _of_list(function: Any) -> Any:
    @functools.wraps(function)
    def call(*tensors: Any, **kwargs: Any) -> Any:
        return function(list(tensors), **kwargs)

    return call


def multilinear(function: Any, *args: Any, **kwargs: Any) -> Any:
    """The sum over all choices of one part of each operand, times the power of i that belongs to it."""
    name = function.__name__
    if args and isinstance(args[0], (list, tuple)):
        return multilinear(_of_list(function), *args[0], *args[1:], **kwargs)
    at = [k for k, x in enumerate(args) if _is_data(x)]
    bias = None
    if name.startswith("conv") and len(at) == 3:
        bias, args, at = args[at[2]], (*args[: at[2]], None, *args[at[2] + 1 :]), at[:2]
    elif name.startswith("conv"):
        bias = kwargs.pop("bias", None)
    if name not in ("kron", "outer") and all(args[k]._data.ndim for k in at):  # those multiply elements
        _uniform(name, [args[k] for k in at] + ([] if bias is None else [bias]))
    halves = {k: parts(args[k]) for k in at}
    total: list[Any] = [None, None]
    for choice in itertools.product((0, 1), repeat=len(at)):
        chosen = list(args)
        for k, which in zip(at, choice):
            chosen[k] = halves[k][which]
        turns = sum(choice)
        term = function(*chosen, **kwargs)
        current = total[turns % 2]
        term = -term if turns % 4 >= 2 else term
        total[turns % 2] = term if current is None else current + term
    y = Complex.apply(*total)
    if bias is not None:
        dims = int(name.partition("d")[0][-1]) if name[-1] == "d" else 1
        y = y + bias.reshape(-1, *[1] * dims)
    return y


FORMS.update(dict.fromkeys(MULTILINEAR.split(), multilinear))


def rmatmul(function: Any, x: Any, y: Any) -> Any:
    return as_tensor(y, "rmatmul") @ x


def vdot(function: Any, x: Any, y: Any) -> Any:
    _uniform("vdot", [x, y])
    return conjugate(x).dot(y)


def linear(function: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    _uniform("linear", [x, weight] + ([] if bias is None else [bias]))
    y = x @ weight.transpose(-2, -1) if weight.ndim > 1 else x @ weight
    return y if bias is None else y + bias


def _added(product: str, total: bool = False) -> Form:
    def form(
        function: Any, c: Any, x: Any, y: Any, *, beta: Any = 1, alpha: Any = 1
    ) -> Any:  # fmt: skip
        name = function.__name__
        _uniform(name, [c, x, y])
        z = getattr(x, product)(y)
        z = (z.sum(0) if total else z) * alpha
        return z + c * beta if beta else z + expand(c, z._data.shape) * 0

    return form


def _sum_of_parts(function: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    return function(Real.apply(x), *args, **kwargs) + function(Imag.apply(x), *args, **kwargs)


def std(function: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    return x.var(*args, **kwargs).sqrt()


def adjoint(function: Any, x: Any) -> Any:
    return Conj.apply(function(x))


FORMS.update({
    "rmatmul": rmatmul, "vdot": vdot, "linear": linear, "addmm": _added("mm"), "addmv": _added("mv"),
    "baddbmm": _added("bmm"), "addbmm": _added("bmm", True), "addr": _added("outer"), "var": _sum_of_parts, "std": std,
    "adjoint": adjoint,
})  # fmt: skip


# Reductions


def _of_magnitude(function: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    d = kwargs.get("dtype")
    if isinstance(d, _dtype.dtype) and d.is_complex:
        x, kwargs = cast(x, d), {**kwargs, "dtype": None}
    return function(Abs.apply(as_complex(function.__name__, x)), *args, **kwargs)


def _of_nonzero(function: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    return function(wrap(np.asarray(x._data != 0)), *args, **kwargs)


def _dtype_of(name: str, x: Any, dtype: Any) -> Any:
    return as_complex(name, x if dtype is None else cast(x, _dtype.as_dtype(dtype)))


def prod(function: Any, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Halves multiplied with each other until one element is left: right at zeros, in every derivative."""
    x = _dtype_of("prod", x, dtype)
    y, d = (x.reshape(-1), 0) if dim is None else (x, normalize_dim("prod", dim, x))
    y = y if y._data.ndim else y.reshape(1)
    while y._data.shape[d] > 1:
        half = y._data.shape[d] // 2
        product = Mul.apply(narrow(y, d, 0, half), narrow(y, d, half, half))
        y = product if y._data.shape[d] == 2 * half else cat([product, narrow(y, d, 2 * half, 1)], d)
    if not y._data.shape[d]:
        y = y.sum(d, keepdim=True) + 1
    if dim is None or not x._data.ndim:
        y = y.reshape((1,) * x._data.ndim if keepdim else ())
    elif not keepdim:
        y = y.squeeze(d)
    return y


def cumprod(function: Any, x: Any, dim: int, *, dtype: Any = None) -> Any:
    """Every element multiplied with the one 1, 2, 4, ... places before it."""
    y, step = _dtype_of("cumprod", x, dtype), 1
    d = normalize_dim("cumprod", dim, x)
    n = y._data.shape[d] if y._data.ndim else 1
    while step < n:
        later = Mul.apply(narrow(y, d, step, n - step), narrow(y, d, 0, n - step))
        y, step = cat([narrow(y, d, 0, step), later], d), 2 * step
    return y.clone() if y is x else y


def _drawn(function: Any, *sizes: Any, dtype: Any = None, **options: Any) -> Any:
    """Parts of the function's own distribution; of variance 1/2 each for `randn`."""
    requires_grad = options.pop("requires_grad", False)
    if function.__name__.endswith("_like"):
        dtype = sizes[0].dtype if dtype is None else dtype
        sizes = (sizes[0]._data.shape,)
        from lucid._functions import sampling

        function = getattr(sampling, function.__name__.removesuffix("_like"))
    d = _dtype.as_dtype(dtype)
    draw = [function(*sizes, dtype=_dtype.to_real(d), **options) for _ in range(2 if d.is_complex else 1)]
    if not d.is_complex:
        return draw[0]
    y = Complex.apply(*draw)
    y = y * math.sqrt(0.5) if function.__name__ == "randn" else y
    y.requires_grad = requires_grad
    return y


FORMS.update({
    "vector_norm": _of_magnitude, "all": _of_nonzero, "any": _of_nonzero,
    "count_nonzero": _of_nonzero, "prod": prod, "cumprod": cumprod,
    "rand": _drawn, "randn": _drawn, "rand_like": _drawn, "randn_like": _drawn,
})  # fmt: skip

__all__ = ["FORMS", "form_of", "in_place", "is_complex"]
