"""`lucid.array_api` against the standard: its names, its signatures, and the results of NumPy's namespace."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import array_api

# The standard, 2024.12: functions and their arguments ("/" and "*" as in Python).
MAIN = """
arange(start,/,stop,step,*,dtype,device) asarray(obj,/,*,dtype,device,copy) empty(shape,*,dtype,device)
empty_like(x,/,*,dtype,device) eye(n_rows,n_cols,/,*,k,dtype,device) full(shape,fill_value,*,dtype,device)
full_like(x,/,fill_value,*,dtype,device) linspace(start,stop,/,num,*,dtype,device,endpoint)
meshgrid(*arrays,indexing) ones(shape,*,dtype,device) ones_like(x,/,*,dtype,device) zeros(shape,*,dtype,device)
zeros_like(x,/,*,dtype,device) astype(x,dtype,/,*,copy,device) can_cast(from_,to,/) finfo(type,/) iinfo(type,/)
isdtype(dtype,kind) result_type(*arrays_and_dtypes) clip(x,/,min,max) matmul(x1,x2,/) matrix_transpose(x,/)
tensordot(x1,x2,/,*,axes) vecdot(x1,x2,/,*,axis) broadcast_arrays(*arrays) broadcast_to(x,/,shape)
concat(arrays,/,*,axis) expand_dims(x,/,*,axis) flip(x,/,*,axis) moveaxis(x,source,destination,/)
permute_dims(x,/,axes) repeat(x,repeats,/,*,axis) reshape(x,/,shape,*,copy) roll(x,/,shift,*,axis) squeeze(x,/,axis)
stack(arrays,/,*,axis) tile(x,repetitions,/) unstack(x,/,*,axis) argmax(x,/,*,axis,keepdims)
argmin(x,/,*,axis,keepdims) count_nonzero(x,/,*,axis,keepdims) nonzero(x,/) searchsorted(x1,x2,/,*,side,sorter)
where(condition,x1,x2,/) unique_all(x,/) unique_counts(x,/) unique_inverse(x,/) unique_values(x,/)
argsort(x,/,*,axis,descending,stable) sort(x,/,*,axis,descending,stable) cumulative_prod(x,/,*,axis,dtype,include_initial)
cumulative_sum(x,/,*,axis,dtype,include_initial) max(x,/,*,axis,keepdims) mean(x,/,*,axis,keepdims)
min(x,/,*,axis,keepdims) prod(x,/,*,axis,dtype,keepdims) std(x,/,*,axis,correction,keepdims)
sum(x,/,*,axis,dtype,keepdims) var(x,/,*,axis,correction,keepdims) all(x,/,*,axis,keepdims) any(x,/,*,axis,keepdims)
diff(x,/,*,axis,n,prepend,append) take(x,indices,/,*,axis) take_along_axis(x,indices,/,*,axis)
"""
LINALG = """
cholesky(x,/,*,upper) cross(x1,x2,/,*,axis) diagonal(x,/,*,offset) eigh(x,/) matmul(x1,x2,/)
matrix_norm(x,/,*,keepdims,ord) matrix_rank(x,/,*,rtol) matrix_transpose(x,/) outer(x1,x2,/) pinv(x,/,*,rtol)
qr(x,/,*,mode) svd(x,/,*,full_matrices) tensordot(x1,x2,/,*,axes) trace(x,/,*,offset,dtype) vecdot(x1,x2,/,*,axis)
vector_norm(x,/,*,axis,keepdims,ord)
"""
FFT = """
fft(x,/,*,n,axis,norm) ifft(x,/,*,n,axis,norm) fftn(x,/,*,s,axes,norm) ifftn(x,/,*,s,axes,norm) rfft(x,/,*,n,axis,norm)
irfft(x,/,*,n,axis,norm) rfftn(x,/,*,s,axes,norm) irfftn(x,/,*,s,axes,norm) hfft(x,/,*,n,axis,norm)
ihfft(x,/,*,n,axis,norm) fftfreq(n,/,*,d,dtype,device) rfftfreq(n,/,*,d,dtype,device) fftshift(x,/,*,axes)
ifftshift(x,/,*,axes)
"""
UNARY = (
    "abs acos acosh asin asinh atan atanh bitwise_invert ceil conj cos cosh exp expm1 floor imag isfinite isinf isnan log "
    "log10 log1p log2 logical_not negative positive real reciprocal round sign signbit sin sinh sqrt square tan tanh trunc"
).split()
BINARY = (
    "add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor copysign divide equal floor_divide "
    "greater greater_equal hypot less less_equal logaddexp logical_and logical_or logical_xor maximum minimum multiply "
    "nextafter not_equal pow remainder subtract"
).split()
OTHERS = "from_dlpack tril triu e inf nan newaxis pi __array_api_version__ __array_namespace_info__".split()
DTYPES = "bool int8 int16 int32 int64 uint8 float32 float64 complex64 complex128".split()
LINALG_PLAIN = "det eigvalsh inv matrix_power slogdet solve svdvals".split()


def signature(function: Callable[..., Any]) -> str:
    parts, seen = [], False
    for p in (parameters := list(inspect.signature(function).parameters.values())):
        if p.kind is p.KEYWORD_ONLY and not seen and not any(q.kind is q.VAR_POSITIONAL for q in parameters):
            parts.append("*")
            seen = True
        parts.append("*" + p.name if p.kind is p.VAR_POSITIONAL else p.name)
        following = parameters[parameters.index(p) + 1 :]
        if p.kind is p.POSITIONAL_ONLY and not (following and following[0].kind is p.POSITIONAL_ONLY):
            parts.append("/")
    return f"({','.join(parts)})"


@pytest.mark.parametrize("module,table", [(array_api, MAIN), (array_api.linalg, LINALG), (array_api.fft, FFT)])
def test_signatures(module: Any, table: str) -> None:
    for entry in table.split():
        name, _, arguments = entry.partition("(")
        assert signature(getattr(module, name)) == "(" + arguments, name


def test_every_name_of_the_standard_is_there() -> None:
    names = [entry.partition("(")[0] for entry in MAIN.split()] + UNARY + BINARY + OTHERS + DTYPES
    assert [n for n in names if not hasattr(array_api, n)] == []
    assert [n for n in LINALG_PLAIN if not hasattr(array_api.linalg, n)] == []
    assert set(array_api.__all__) - set(names) == {"fft", "linalg"}
    assert array_api.__array_api_version__ == "2024.12"


def test_namespace_of_tensors() -> None:
    x = lucid.ones(1)
    assert x.__array_namespace__() is array_api is x.__array_namespace__(api_version="2023.12")
    with pytest.raises(
        ValueError, match=r"__array_namespace__: api_version must be at most '2024\.12', got '2099\.01'"
    ):
        x.__array_namespace__(api_version="2099.01")
    info = array_api.__array_namespace_info__()
    assert info.capabilities()["boolean indexing"] and info.devices() == [info.default_device()] == [x.device]
    assert info.default_dtypes()["real floating"] is lucid.float32 and info.default_dtypes()["indexing"] is lucid.int64
    assert list(info.dtypes(kind="integral")) == ["int8", "int16", "int32", "int64", "uint8"]
    assert set(info.dtypes()) == set(DTYPES) and list(info.dtypes(kind=("bool", "unsigned integer"))) == [
        "bool",
        "uint8",
    ]


R = np.random.default_rng(0)
F1, F2 = R.uniform(0.1, 0.9, (3, 4)), R.uniform(0.1, 0.9, (3, 4))
I1, I2 = R.integers(1, 5, (3, 4)), R.integers(1, 5, (3, 4))
S = F1[:, :3] @ F1[:, :3].T + np.eye(3)
Z = F1 + 1j * F2
B = F1 > 0.5
NAN = np.array([1.0, np.nan, 2.0, np.nan, 1.0])

# What a namespace does with arrays: (names of) functions of the namespace and its arrays.
CALLS: list[tuple[Callable[..., Any], tuple[np.ndarray, ...]]] = [
    *[(lambda xp, x, n=n: getattr(xp, n)(x), (F1 + (n == "acosh"),)) for n in UNARY if n not in ("bitwise_invert", "logical_not")],
    *[(lambda xp, x, n=n: getattr(xp, n)(x), (I1,)) for n in "abs bitwise_invert ceil floor negative positive round sign square trunc".split()],
    *[(lambda xp, x, n=n: getattr(xp, n)(x), (Z,)) for n in "abs conj exp imag isfinite negative real round sign sqrt square".split()],
    *[(lambda xp, x, y, n=n: getattr(xp, n)(x, y), (F1, F2)) for n in BINARY if "bitwise" not in n],
    *[(lambda xp, x, y, n=n: getattr(xp, n)(x, y), (I1, I2)) for n in BINARY if n not in "atan2 copysign hypot logaddexp nextafter".split()],
    *[(lambda xp, x, y, n=n: getattr(xp, n)(x, y), (F1.astype(np.float32), F2)) for n in "add atan2 copysign hypot pow".split()],
    *[(lambda xp, x, n=n, k=k: getattr(xp, n)(x, **k), (a,)) for n in "sum prod max min mean std var all any".split() for a in (F1, F1[0])
      for k in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"keepdims": True})],
    *[(lambda xp, x, n=n: getattr(xp, n)(x, axis=(0, 2), keepdims=True), (F1.reshape(3, 2, 2),)) for n in "sum prod max min mean std var all any".split()],
    *[(lambda xp, x, n=n: getattr(xp, n)(x), (I1,)) for n in "sum prod max min all any count_nonzero argmax argmin".split()],
    *[(lambda xp, x, n=n: getattr(xp, n)(x), (np.array(0.5),)) for n in "sum prod max min mean std var all any".split()],
    *[(lambda xp, x, n=n, k=k: getattr(xp, n)(x, **k), (I1,)) for n in "argmax argmin count_nonzero".split() for k in ({"axis": 1}, {"axis": 0, "keepdims": True}, {"keepdims": True})],
    (lambda xp, x: xp.var(x, correction=1.0, axis=0), (F1,)), (lambda xp, x: xp.std(x, correction=1), (F1,)),
    (lambda xp, x: xp.sum(x, dtype=xp.float64), (F1.astype(np.float32),)), (lambda xp, x: xp.sum(x, axis=()), (F1,)),
    (lambda xp, x: xp.cumulative_sum(x, axis=1), (F1,)), (lambda xp, x: xp.cumulative_sum(x, axis=0, include_initial=True), (I1,)), (lambda xp, x: xp.cumulative_sum(x), (I1[0],)),
    (lambda xp, x: xp.cumulative_prod(x, axis=1), (F1,)), (lambda xp, x: xp.cumulative_prod(x, axis=0, include_initial=True), (I1,)),
    (lambda xp, x: xp.diff(x), (F1,)), (lambda xp, x: xp.diff(x, axis=0, n=2), (F1,)), (lambda xp, x, y: xp.diff(x, prepend=y, append=y), (F1, F2)),
    (lambda xp, x: xp.clip(x, 0.3, 0.6), (F1,)), (lambda xp, x: xp.clip(x, None, 3), (I1,)), (lambda xp, x, y: xp.clip(x, y, None), (F1, F2)), (lambda xp, x: xp.clip(x) if xp is not np else x, (F1,)),
    (lambda xp: xp.arange(5), ()), (lambda xp: xp.arange(1, 7, 2), ()), (lambda xp: xp.arange(5, 0), ()), (lambda xp: xp.arange(3.0, 0.0, -1.0, dtype=xp.float64), ()),
    (lambda xp: xp.eye(3, dtype=xp.int64), ()), (lambda xp: xp.eye(3, 4, k=1, dtype=xp.int64), ()), (lambda xp: xp.eye(3, 2, k=-2, dtype=xp.int64), ()), (lambda xp: xp.eye(2, k=5, dtype=xp.int64), ()),
    (lambda xp: xp.full((2, 3), 7), ()), (lambda xp: xp.full(3, True), ()), (lambda xp, x: xp.full_like(x, 3), (F1,)), (lambda xp, x: xp.zeros_like(x), (I1,)), (lambda xp, x: xp.ones_like(x, dtype=xp.int32), (F1,)),
    (lambda xp: xp.zeros(3, dtype=xp.int8), ()), (lambda xp: xp.ones((2, 0), dtype=xp.bool), ()), (lambda xp: xp.linspace(0, 1, 5, dtype=xp.float64), ()), (lambda xp: xp.linspace(0, 1, 5, dtype=xp.float64, endpoint=False), ()),
    (lambda xp, x: xp.asarray(x, copy=True), (F1,)), (lambda xp, x: xp.empty_like(x).shape, (F1,)), (lambda xp: xp.empty((2, 3)).shape, ()),
    (lambda xp, x, y: xp.meshgrid(x, y), (F1[0], F2[:, 0])), (lambda xp, x, y: xp.meshgrid(x, y, indexing="ij"), (F1[0], F2[:, 0])),
    (lambda xp, x: xp.tril(x, k=1) if xp is np else xp.tril(x, 1), (F1,)), (lambda xp, x: xp.triu(x), (F1,)),
    (lambda xp, x: xp.astype(x, xp.int32), (F1 * 9,)), (lambda xp, x: xp.astype(x, xp.bool), (I1,)), (lambda xp, x: xp.astype(x, xp.float32), (I1,)),
    (lambda xp, x, y: xp.broadcast_arrays(x, y), (F1, I1[:, :1])), (lambda xp, x: xp.broadcast_to(x, (2, 3, 4)), (F1,)),
    (lambda xp, x, y: xp.concat([x, y]), (F1, I1)), (lambda xp, x, y: xp.concat((x, y), axis=1), (F1, F2)), (lambda xp, x, y: xp.concat((x, y), axis=None), (F1, F2)),
    (lambda xp, x, y: xp.stack([x, y], axis=-1), (F1, I1)), (lambda xp, x: xp.unstack(x, axis=1), (F1,)), (lambda xp, x: xp.expand_dims(x, axis=1), (F1,)),
    (lambda xp, x: xp.squeeze(x, axis=0), (F1[None],)), (lambda xp, x: xp.squeeze(x, (0, 2)), (F1[None, :, None],)), (lambda xp, x: xp.permute_dims(x, (1, 0)), (F1,)), (lambda xp, x: xp.moveaxis(x, 0, 1), (F1,)),
    (lambda xp, x: xp.matrix_transpose(x), (F1,)), (lambda xp, x: xp.reshape(x, (4, -1)), (F1,)), (lambda xp, x: xp.reshape(x, (12,), copy=True), (F1,)), (lambda xp, x: xp.flip(x), (F1,)), (lambda xp, x: xp.flip(x, axis=0), (F1,)), (lambda xp, x: xp.flip(x, axis=(0, 1)), (F1,)),
    (lambda xp, x: xp.roll(x, 2), (F1,)), (lambda xp, x: xp.roll(x, (1, 2), axis=(0, 1)), (F1,)), (lambda xp, x: xp.repeat(x, 2), (F1,)), (lambda xp, x, n: xp.repeat(x, n, axis=0), (F1, I1[:, 0])), (lambda xp, x: xp.tile(x, (2, 1, 2)), (F1,)),
    (lambda xp, x, i: xp.take(x, i, axis=1), (F1, np.array([2, 0, -1]))), (lambda xp, x, i: xp.take(x, i), (F1[0], np.array([2, 0]))), (lambda xp, x, i: xp.take_along_axis(x, i, axis=1), (F1, np.array([[0, 1], [-1, 2], [3, 3]]))),
    (lambda xp, x: xp.nonzero(x), (I1 - 2,)), (lambda xp, c, x, y: xp.where(c, x, y), (B, F1, I1)), (lambda xp, c, x: xp.where(c, x, 0), (B, F1)),
    (lambda xp, x, y: xp.searchsorted(x, y), (np.sort(F1[0]), F2[0])), (lambda xp, x, y: xp.searchsorted(x, y, side="right"), (np.sort(I1[0]), I1[1])),
    (lambda xp, x: xp.unique_all(x), (I1,)), (lambda xp, x: xp.unique_counts(x), (NAN,)), (lambda xp, x: xp.unique_inverse(x), (I1,)), (lambda xp, x: xp.sort(xp.unique_values(x)), (I1,)),
    (lambda xp, x: xp.sort(x, axis=0), (F1,)), (lambda xp, x: xp.argsort(x), (F1,)), (lambda xp, x: xp.argsort(x, axis=0, stable=True), (I1,)),
    (lambda xp, x, y: xp.matmul(x, y.T), (F1, F2)), (lambda xp, x, y: xp.tensordot(x, y, axes=2), (F1, F2)), (lambda xp, x, y: xp.tensordot(x, y, axes=((0,), (0,))), (F1, F2)), (lambda xp, x, y: xp.vecdot(x, y), (Z, Z * 1j)), (lambda xp, x, y: xp.vecdot(x, y, axis=0), (F1, F2)),
    *[(lambda xp, x, n=n: getattr(xp.linalg, n)(x), (S,)) for n in "cholesky det eigvalsh inv matrix_norm matrix_rank pinv slogdet svdvals trace vector_norm diagonal matrix_transpose".split()],
    (lambda xp, x, y: xp.linalg.cross(x, y), (F1[:, :3], F2[:, :3])), (lambda xp, x, y: xp.linalg.outer(x, y), (F1[0], F2[0])), (lambda xp, x: xp.linalg.matrix_power(x, 3), (S,)), (lambda xp, x, y: xp.linalg.solve(x, y), (S, F1)),
    (lambda xp, x: xp.linalg.vector_norm(x, axis=1, keepdims=True, ord=1), (F1,)), (lambda xp, x: xp.linalg.vector_norm(x, axis=(0, 1)), (F1,)), (lambda xp, x: xp.linalg.matrix_norm(x, ord="nuc", keepdims=True), (F1,)), (lambda xp, x: xp.linalg.trace(x, offset=1), (F1,)), (lambda xp, x: xp.linalg.diagonal(x, offset=-1), (F1,)),
    (lambda xp, x: [abs(v) for v in xp.linalg.qr(x)], (F1,)), (lambda xp, x: xp.linalg.svd(x, full_matrices=False)[1], (F1,)), (lambda xp, x: xp.linalg.eigh(x)[0], (S,)),
    *[(lambda xp, x, n=n: getattr(xp.fft, n)(x, axis=0), (Z,)) for n in "fft ifft irfft hfft".split()], *[(lambda xp, x, n=n: getattr(xp.fft, n)(x, n=3, norm="ortho"), (F1,)) for n in "rfft ihfft fft".split()],
    *[(lambda xp, x, n=n: getattr(xp.fft, n)(x), (Z,)) for n in "fftn ifftn irfftn fftshift ifftshift".split()], (lambda xp, x: xp.fft.rfftn(x, axes=(0, 1)), (F1,)),
    (lambda xp: xp.fft.fftfreq(5, d=0.5, dtype=xp.float64) if xp is not np else xp.fft.fftfreq(5, d=0.5), ()), (lambda xp: xp.fft.rfftfreq(6, dtype=xp.float64) if xp is not np else xp.fft.rfftfreq(6), ()),
    (lambda xp: xp.can_cast(xp.float32, xp.float64), ()), (lambda xp: xp.can_cast(xp.float64, xp.float32), ()), (lambda xp: xp.isdtype(xp.int8, "integral"), ()), (lambda xp: xp.isdtype(xp.float32, ("bool", "real floating")), ()), (lambda xp: xp.isdtype(xp.complex64, "real floating"), ()),
    (lambda xp: xp.finfo(xp.float32).eps, ()), (lambda xp: xp.iinfo(xp.int16).max, ()), (lambda xp, x: xp.from_dlpack(x), (F1,)),
]  # fmt: skip


def compare(y: Any, expected: Any) -> None:
    if isinstance(expected, (tuple, list)):
        assert len(y) == len(expected)
        for a, b in zip(y, expected):
            compare(a, b)
        return
    if not isinstance(y, lucid.Tensor):
        assert y == expected
        return
    expected, y = np.asarray(expected), y.numpy()
    assert y.dtype == expected.dtype and y.shape == expected.shape
    np.testing.assert_allclose(y, expected, 1e-6 if y.dtype in (np.float32, np.complex64) else 1e-9, 1e-9)


@pytest.mark.parametrize("k", range(len(CALLS)))
def test_results_are_those_of_numpys_namespace(k: int) -> None:
    if not hasattr(np, "unstack"):
        pytest.skip("NumPy before 2.1 has the standard's functions only in part")
    call, arrays = CALLS[k]
    lucid.set_default_dtype(lucid.float64)  # NumPy's
    compare(call(array_api, *map(lucid.tensor, arrays)), call(np, *arrays))


def test_result_types() -> None:
    xp = array_api
    assert (
        xp.result_type(xp.float32, xp.float64) is xp.float64 and xp.result_type(lucid.ones(()), xp.int64) is xp.float32
    )
    assert xp.result_type(xp.int8, 3) is xp.int8 and xp.result_type(xp.float32, 1.0) is xp.float32
    assert xp.result_type(lucid.ones((), dtype=lucid.float64), lucid.ones(2)) is xp.float64  # dimensions do not count
    with pytest.raises(ValueError, match="result_type: expected at least one tensor or dtype"):
        xp.result_type(1, 2)


def test_refusals() -> None:
    xp = array_api
    for call, message in [
        (lambda: xp.squeeze(lucid.ones(2, 3), 0), r"squeeze: axis 0 of shape \(2, 3\) has a size other than 1"),
        (lambda: xp.isdtype(xp.int8, "number"), "isdtype: kind must be one of 'bool', 'signed integer'"),
        (
            lambda: xp.astype(lucid.tensor([1j]), xp.float32),
            "astype: a complex tensor has no form of dtype lucid.float32",
        ),
        (lambda: xp.nonzero(lucid.tensor(1)), r"nonzero: expected a tensor of at least one dimension, got shape \(\)"),
        (
            lambda: xp.take(lucid.ones(2, 3), lucid.tensor([0])),
            r"take: axis must be given for a tensor of shape \(2, 3\)",
        ),
        (lambda: xp.cumulative_sum(lucid.ones(2, 3)), r"cumulative_sum: axis must be given for shape \(2, 3\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def test_gradients_pass_through_the_namespace() -> None:
    x = lucid.tensor([[3.0, 4.0]], requires_grad=True)
    array_api.sum(array_api.linalg.vector_norm(x, axis=1)).backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0.6, 0.8]], 1e-6)


def test_scikit_learn_computes_with_tensors() -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("scipy")
    program = """
        import numpy as np
        import lucid, sklearn
        from sklearn.decomposition import PCA
        from sklearn.metrics import accuracy_score, mean_squared_error, r2_score
        from sklearn.metrics.pairwise import euclidean_distances
        from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

        rng = np.random.default_rng(0)
        a, b = rng.random((20, 4)).astype("float32"), rng.random(20).astype("float32")
        x, t, u = lucid.tensor(a), lucid.tensor(b), lucid.tensor(b + 0.1)
        with sklearn.config_context(array_api_dispatch=True):
            for scaler in (MaxAbsScaler, MinMaxScaler, StandardScaler):
                y = scaler().fit(x).transform(x)
                assert isinstance(y, lucid.Tensor), type(y)
                np.testing.assert_allclose(y.numpy(), scaler().fit(a).transform(a), 1e-4, 1e-5)
            y = PCA(2, svd_solver="full").fit(x).transform(x)
            assert isinstance(y, lucid.Tensor)
            np.testing.assert_allclose(abs(y.numpy()), abs(PCA(2, svd_solver="full").fit(a).transform(a)), 1e-3, 1e-4)
            np.testing.assert_allclose(r2_score(t, u), r2_score(b, b + np.float32(0.1)), 1e-4)
            np.testing.assert_allclose(mean_squared_error(t, u), 0.01, 1e-3)
            assert accuracy_score(lucid.tensor([0, 1, 1, 1]), lucid.tensor([0, 1, 0, 1])) == 0.75
            np.testing.assert_allclose(euclidean_distances(x).numpy(), euclidean_distances(a), 1e-3, 1e-3)
        print("done")
    """
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, "-P", "-c", textwrap.dedent(program)], capture_output=True, text=True, env=environment
    )
    assert run.stdout == "done\n", run.stderr
