"""Refusals of the array, scatter, statistics and linear algebra families, and views through which is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import linalg, ones, tensor

LinAlg = linalg.LinAlgError
SINGULAR = "the inversion could not be completed because the input matrix is singular"

REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    # contractions
    (lambda: lucid.einsum("ij,jk->ik", ones(2, 3), ones(4, 5)), RuntimeError, "einsum: operand 1 has size 4 for subscript 'j' of 'ij,jk->ik', which does not broadcast with size 3"),
    (lambda: lucid.einsum("ij->ik", ones(2, 3)), RuntimeError, "einsum: output subscript 'k' of 'ij->ik' does not appear for any input operand"),
    (lambda: lucid.einsum("ij->ii", ones(2, 3)), RuntimeError, "einsum: output subscript 'i' of 'ij->ii' appears more than once"),
    (lambda: lucid.einsum("ij,j", ones(2, 3)), RuntimeError, "einsum: equation 'ij,j' has 2 operands, but 1 were given"),
    (lambda: lucid.einsum("i", ones(2, 3)), RuntimeError, r"einsum: the subscripts 'i' of operand 0 do not fit its 2 dimensions \(2, 3\)"),
    (lambda: lucid.einsum("i1", ones(2, 3)), RuntimeError, "einsum: invalid subscript '1' in equation 'i1': only letters are allowed"),
    (lambda: lucid.einsum("ii", ones(2, 3)), RuntimeError, "einsum: subscript 'i' is repeated for sizes 2 and 3 of one operand"),
    (lambda: lucid.einsum("i,i", ones(2), ones(2, dtype=lucid.float64)), RuntimeError, "einsum: operands must have one dtype, got lucid.float32 and lucid.float64"),
    (lambda: lucid.einsum(ones(2), [60]), RuntimeError, r"einsum: expected subscripts in the range \[0, 52\), got 60"),
    (lambda: lucid.tensordot(ones(2, 3), ones(4), 1), RuntimeError, r"tensordot: paired dimensions must match, but dim 1 of \(2, 3\) has size 3 and dim 0 of \(4,\) has size 4"),
    (lambda: lucid.tensordot(ones(2), ones(2), 2), RuntimeError, r"tensordot: dims=2 does not fit operands of shapes \(2,\), \(2,\)"),
    (lambda: lucid.inner(ones(2, 3), ones(4)), RuntimeError, r"inner: last dimensions of \(2, 3\) and \(4,\) must match"),
    (lambda: lucid.trace(ones(2)), RuntimeError, r"trace: expected a matrix, but got tensor with 1 dims of shape \(2,\)"),
    (lambda: lucid.diagonal(ones(2, 2), 0, 1, -1), RuntimeError, "diagonal: diagonal dimensions cannot be identical 1, -1"),
    (lambda: lucid.diag(ones(1, 1, 1)), RuntimeError, r"diag: expected a vector or a matrix, got shape \(1, 1, 1\)"),
    (lambda: lucid.cdist(ones(2, 3), ones(2, 4)), RuntimeError, "cdist: X1 and X2 must have the same number of columns"),
    (lambda: lucid.cdist(ones(2, 3), ones(2, 3), p=-1), RuntimeError, "cdist: only supports non-negative p values, got -1"),
    (lambda: lucid.cross(ones(2), ones(2)), RuntimeError, "cross: no dimension of size 3 in input"),
    # arrangement
    (lambda: lucid.meshgrid(ones(2), indexing="yx"), RuntimeError, 'meshgrid: indexing must be one of "xy" or "ij", but received: yx'),
    (lambda: lucid.meshgrid(ones(2), tensor([1])), RuntimeError, "meshgrid: expects all tensors to have one dtype, got lucid.float32 and lucid.int64"),
    (lambda: lucid.tensor_split(ones(4), 0), RuntimeError, "tensor_split: number of sections must be larger than 0, got 0"),
    (lambda: lucid.hsplit(ones(2, 5), 2), RuntimeError, "hsplit: attempted to split along dimension 1, but its size 5 is not divisible by the split_size 2"),
    (lambda: lucid.repeat_interleave(ones(3), tensor([1, 2])), RuntimeError, "repeat_interleave: repeats must be integers, one or as many as dimension 0"),
    (lambda: lucid.repeat_interleave(ones(3), -1), RuntimeError, "repeat_interleave: repeats can not be negative"),
    (lambda: lucid.as_strided(ones(4), (3,), (2,)), RuntimeError, r"as_strided: size \(3,\), stride \(2,\) and storage_offset 0 reach beyond the storage of 4 elements"),
    (lambda: ones(4).unfold(0, 5, 1), RuntimeError, "unfold: maximum size for tensor at dimension 0 is 4 but size is 5"),
    (lambda: ones(4).unfold(0, 2, 0), RuntimeError, "unfold: step is 0 but must be > 0"),
    # places
    (lambda: lucid.take(ones(3), tensor([3])), IndexError, "take: index 3 is out of range for 3 elements"),
    (lambda: ones(3).put(tensor([0, 1]), ones(3)), RuntimeError, "put: source has 3 elements, but index has 2"),
    (lambda: lucid.index_add(ones(3, 2), 0, tensor([3]), ones(1, 2)), IndexError, "index_add: index 3 is out of range for dimension 0 of size 3"),
    (lambda: lucid.index_add(ones(3, 2), 0, tensor([1]), ones(2, 2)), IndexError, r"index_add: expected source of shape \(1, 2\), got \(2, 2\)"),
    (lambda: lucid.index_copy(ones(3), 0, tensor([1]), tensor([1])), RuntimeError, "index_copy: self and source expected to have the same dtype, got lucid.float32 and lucid.int64"),
    (lambda: lucid.index_put(ones(3), (tensor([5]),), ones(1)), IndexError, "index_put: index 5 is out of bounds"),
    (lambda: lucid.masked_scatter(ones(3), tensor([True] * 3), ones(2)), RuntimeError, "masked_scatter: mask selects 3 elements, but source has 2"),
    (lambda: lucid.scatter_reduce(ones(2), 0, tensor([0]), ones(1), "max"), RuntimeError, "scatter_reduce: reduce must be one of sum, prod, mean, amax, amin, got 'max'"),
    (lambda: lucid.take_along_dim(ones(2, 3), tensor([[0, 0], [0, 0], [0, 0]]), 1), RuntimeError, "take_along_dim: shapes .* do not broadcast apart from dimension 1"),
    # statistics
    (lambda: lucid.kthvalue(ones(2), 3), RuntimeError, "kthvalue: selected number k=3 out of range for dimension 0 of size 2"),
    (lambda: lucid.median(ones(0, 2), 0), IndexError, r"median: expected a non-zero size for dimension 0, got shape \(0, 2\)"),
    (lambda: lucid.quantile(ones(2), 1.5), RuntimeError, r"quantile: q values must be in the range \[0, 1\]"),
    (lambda: lucid.quantile(ones(2), 0.5, interpolation="cubic"), RuntimeError, "quantile: interpolation must be one of linear, lower, higher, midpoint, nearest, got 'cubic'"),
    (lambda: lucid.bincount(tensor([-1])), RuntimeError, "bincount: only supports 1-d non-negative integral inputs"),
    (lambda: lucid.histc(ones(2), 0), RuntimeError, "histc: bins must be > 0, got 0"),
    (lambda: lucid.histogram(tensor([float("nan")]), 2), RuntimeError, r"histogram: range of \[nan, nan\] is not finite"),
    (lambda: lucid.searchsorted(ones(2), ones(2), right=True, side="left"), RuntimeError, "searchsorted: side and right can't be set to opposites"),
    (lambda: lucid.searchsorted(ones(2, 3), ones(3, 3)), RuntimeError, r"searchsorted: boundaries \(2, 3\) must be a vector, or match values \(3, 3\)"),
    (lambda: lucid.diff(tensor(1.0)), RuntimeError, "diff: expects input to be at least one-dimensional"),
    # elementwise
    (lambda: lucid.fmod(tensor([1]), tensor([0])), RuntimeError, "fmod: ZeroDivisionError: integer division by zero"),
    (lambda: lucid.gcd(ones(1), ones(1)), RuntimeError, "gcd: not implemented for lucid.float32"),
    (lambda: lucid.polygamma(-1, ones(1)), RuntimeError, "polygamma: does not support negative n, got -1"),
    # linear algebra
    (lambda: linalg.inv(lucid.zeros(2, 2)), LinAlg, rf"inv: {SINGULAR} \(shape \(2, 2\)\)"),
    (lambda: linalg.inv(ones(2, 3)), RuntimeError, "inv: A must be batches of square matrices, but they are 2 by 3"),
    (lambda: linalg.inv(ones(2)), RuntimeError, r"inv: the input tensor A must have at least 2 dimensions, got shape \(2,\)"),
    (lambda: linalg.inv(tensor([[1]])), RuntimeError, "inv: expected a floating-point tensor, got lucid.int64"),
    (lambda: linalg.inv_ex(lucid.zeros(2, 2), check_errors=True), LinAlg, f"inv_ex: {SINGULAR}"),
    (lambda: linalg.solve(lucid.zeros(2, 2), ones(2)), LinAlg, f"solve: {SINGULAR}"),
    (lambda: linalg.solve(ones(2, 2), ones(3)), RuntimeError, r"solve: incompatible shapes of A and B for the equation AX = B: \(2, 2\) and \(3,\)"),
    (lambda: linalg.cholesky(-lucid.eye(2)), LinAlg, "cholesky: the factorization could not be completed because the input is not positive-definite"),
    (lambda: linalg.cholesky_ex(-lucid.eye(2), check_errors=True), LinAlg, "cholesky_ex: the leading minor of order 1 is not positive-definite"),
    (lambda: linalg.eig(lucid.ones(2, 3)), RuntimeError, "eig: A must be batches of square matrices"),
    (lambda: linalg.eigvals(lucid.ones(2, 3)), RuntimeError, "eigvals: A must be batches of square matrices"),
    (lambda: linalg.eigh(lucid.eye(2), "X"), ValueError, "eigh: expected UPLO argument to be 'L' or 'U', but got 'X'"),
    (lambda: linalg.qr(lucid.eye(2), "full"), ValueError, "qr: mode must be 'reduced', 'complete' or 'r', got 'full'"),
    (lambda: linalg.svd(tensor([[float("nan")]])), LinAlg, "svd: the algorithm failed to converge"),
    (lambda: linalg.matrix_norm(ones(2, 2), 3), RuntimeError, "matrix_norm: order 3 not supported"),
    (lambda: linalg.norm(ones(1, 2, 2), 2), RuntimeError, "norm: if dim is not specified but ord is, the input must be 1-d or 2-d"),
    (lambda: linalg.multi_dot([ones(2, 2)]), RuntimeError, "multi_dot: expected at least 2 tensors but got 1"),
    (lambda: linalg.multi_dot([ones(2, 3), ones(2, 3)]), RuntimeError, r"multi_dot: tensors 0 and 1 with shapes \(2, 3\) and \(2, 3\) cannot be multiplied"),
    (lambda: linalg.lstsq(lucid.eye(2), ones(2, 1), driver="x"), RuntimeError, "lstsq: parameter driver should be one of gelsy, gels, gelsd, gelss, got 'x'"),
    (lambda: linalg.tensorinv(ones(2, 3), 1), RuntimeError, r"tensorinv: expected the same number of elements in \(2,\) and \(3,\)"),
]  # fmt: skip


@pytest.mark.parametrize(
    "call,error,message", REFUSED, ids=[f"{k} {message[:40]}" for k, (_, _, message) in enumerate(REFUSED)]
)
def test_refusals(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as info:
        call()
    assert "\n" not in str(info.value)


def test_singular_matrices_are_numbered() -> None:
    a = tensor([[[2.0, 0], [0, 4]], [[1, 1], [1, 1]], [[0, 0], [0, 0]]])
    inverse, info = linalg.inv_ex(a)
    assert (
        info.tolist() == [0, 2, 1] and inverse[0].tolist() == [[0.5, 0], [0, 0.25]] and bool(inverse[1:].isnan().all())
    )
    x, info = linalg.solve_ex(a, ones(3, 2, 1))
    assert info.tolist() == [0, 2, 1] and x[0].tolist() == [[0.5], [0.25]]
    factor, info = linalg.cholesky_ex(tensor([[[4.0, 0, 0], [0, 1, 2], [0, 2, 1]], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]]))
    assert info.tolist() == [3, 0] and factor[1].tolist() == np.eye(3).tolist()


def test_the_determinant_has_a_gradient_where_it_is_zero() -> None:
    a = tensor([[1.0, 2.0], [2.0, 4.0]], dtype=lucid.float64, requires_grad=True)
    y = linalg.det(a)
    (g,) = lucid.autograd.grad(y, a)
    np.testing.assert_allclose(g.numpy(), [[4, -2], [-2, 1]], atol=1e-12)
    b = lucid.zeros(2, 2, dtype=lucid.float64, requires_grad=True)
    (g,) = lucid.autograd.grad(linalg.det(b), b, create_graph=True)
    with pytest.raises(RuntimeError, match="det: the second derivative at a singular matrix is not available"):
        lucid.autograd.grad(g.sum(), b)


def test_lstsq_gives_what_its_driver_gives() -> None:
    a, b = tensor([[1.0, 0], [0, 1], [0, 0]]), ones(3, 1)
    solution, residuals, rank, values = linalg.lstsq(a, b)
    assert solution.tolist() == [[1.0], [1.0]] and residuals.shape == (0,) and rank.item() == 2 and values.shape == (0,)
    assert linalg.lstsq(a, b, driver="gelsd").singular_values.tolist() == [1, 1]
    assert linalg.lstsq(a, b, driver="gelsd").residuals.tolist() == [1.0]
    assert linalg.lstsq(a, b, driver="gels").rank.shape == (0,)
    assert linalg.lstsq(tensor([[1.0, 0], [0, 0], [0, 0]]), b).residuals.shape == (0,)


def test_named_results() -> None:
    eye = lucid.eye(2)
    for result, names in (
        (lucid.median(eye, 0), "values indices"), (lucid.cummax(eye, 0), "values indices"), (lucid.aminmax(eye), "min max"),
        (lucid.histogram(eye, 2), "hist bin_edges"), (linalg.qr(eye), "Q R"), (linalg.svd(eye), "U S Vh"), (linalg.lu(eye), "P L U"),
        (linalg.lu_factor(eye), "LU pivots"), (linalg.eigh(eye), "eigenvalues eigenvectors"), (linalg.slogdet(eye), "sign logabsdet"),
        (linalg.inv_ex(eye), "inverse info"), (linalg.solve_ex(eye, eye), "result info"), (linalg.cholesky_ex(eye), "L info"),
    ):  # fmt: skip
        assert result._fields == tuple(names.split())


def test_writing_through_views() -> None:
    x = lucid.zeros(3, 3)
    x.diagonal().fill_(2)
    x.unfold(1, 2, 1)[0, 1, 1] = 5
    x.as_strided((2,), (1,), 7).add_(1)
    assert x.tolist() == [[2, 0, 5], [0, 2, 0], [0, 1, 3]]


def test_gradients_flow_through_written_views() -> None:
    a = lucid.ones(3, requires_grad=True)
    for take in (
        lambda x: x.diagonal(),
        lambda x: x.as_strided((3,), (4,)),
        lambda x: x.unfold(1, 3, 1).select(1, 0).diagonal(),
    ):
        x = lucid.ones(3, 3) * 1
        take(x).mul_(a)
        (g,) = lucid.autograd.grad((x * lucid.arange(9.0).reshape(3, 3)).sum(), a)
        assert g.tolist() == [0, 4, 8]


def test_writing_to_a_view_of_what_is_read_only_is_refused() -> None:
    wide = lucid.ones(1).expand(4)
    for view in (wide.as_strided((2,), (0,)), wide.unfold(0, 2, 1), lucid.ones(1, 1).expand(2, 2).diagonal()):
        with pytest.raises(RuntimeError, match="clone"):
            view.add_(1)


@pytest.mark.parity
def test_positions_are_those_of_pytorch() -> None:
    """Among equal elements: which index is given."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for shape in ((7,), (4, 9), (3, 5, 6)):
        a = rng.integers(0, 4, shape).astype(np.float32)
        mine, theirs = lucid.from_numpy(a), torch.from_numpy(a)
        for dim in range(-len(shape), len(shape)):
            for name in ("cummax", "cummin"):
                for y, e in zip(getattr(lucid, name)(mine, dim), getattr(torch, name)(theirs, dim)):
                    np.testing.assert_array_equal(y.numpy(), e.numpy())
            for k in (1, 2, shape[dim]):
                np.testing.assert_array_equal(
                    mine.kthvalue(k, dim).values.numpy(), theirs.kthvalue(k, dim).values.numpy()
                )
            for name in ("median", "nanmedian", "mode"):
                y, e = getattr(mine, name)(dim), getattr(theirs, name)(dim)
                np.testing.assert_array_equal(y.values.numpy(), e.values.numpy())
                np.testing.assert_array_equal(
                    np.take_along_axis(a, np.expand_dims(y.indices.numpy(), dim), dim).squeeze(dim), e.values.numpy()
                )


@pytest.mark.parity
def test_einsum_at_random() -> None:
    """Random equations of up to four operands, some sizes 1, against PyTorch."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    for _ in range(150):
        sizes = dict(zip("abcdef", rng.integers(1, 4, 6)))
        parts = [
            "".join(rng.choice(list("abcdef"), rng.integers(1, 4), replace=False)) for _ in range(rng.integers(1, 5))
        ]
        known = sorted(set("".join(parts)))
        output = "".join(rng.permutation(known)[: rng.integers(0, len(known) + 1)])
        equation = ",".join(parts) + "->" + output
        arrays = [rng.standard_normal([int(sizes[c]) if rng.random() > 0.1 else 1 for c in part]) for part in parts]
        try:
            expected = torch.einsum(equation, *map(torch.from_numpy, arrays))
        except RuntimeError:
            continue
        y = lucid.einsum(equation, *map(lucid.from_numpy, arrays))
        np.testing.assert_allclose(y.numpy(), expected.numpy(), 1e-10, 1e-12, err_msg=equation, strict=True)
