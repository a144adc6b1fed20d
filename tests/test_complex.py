"""Complex tensors: what is computed, what is differentiated, what is refused."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import lucid

RNG = np.random.default_rng(7)


def draw(*shape: int, dtype: Any = np.complex64) -> np.ndarray:
    return (RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)).astype(dtype)


Z, W, SQUARE = draw(3, 4), draw(3, 4), draw(4, 4)
R = RNG.standard_normal((3, 4)).astype(np.float32)
FLAT = Z.reshape(-1)

# name: what to call with the library, and its operands. Values and gradients are PyTorch's.
CALLS: dict[str, tuple[Any, tuple[np.ndarray, ...]]] = {
    **{
        f"{name}": ((lambda t, x, name=name: getattr(t, name)(x)), (Z,))
        for name in (
            "neg exp expm1 exp2 log log2 log10 log1p sqrt rsqrt square reciprocal sigmoid sin cos tan asin acos atan sinh "
            "cosh tanh asinh acosh atanh abs sgn angle conj conj_physical real imag view_as_real sum mean positive"
        ).split()
    },
    "mul": (lambda t, x, y: x * y, (Z, W)),
    "mul by real": (lambda t, x, y: x * y, (Z, R)),
    "real by mul": (lambda t, x, y: y * x, (Z, R)),
    "mul by number": (lambda t, x: (2 - 3j) * x * 2, (Z,)),
    "real by number": (lambda t, x: x * (2 - 3j) + 1j, (R,)),
    "add": (lambda t, x, y: t.add(x, y, alpha=2), (Z, W)),
    "add complex alpha": (lambda t, x, y: t.add(x, y, alpha=2 - 1j), (Z, W)),
    "sub": (lambda t, x, y: x - y, (Z, R)),
    "rsub": (lambda t, x: 1 - x, (Z,)),
    "div": (lambda t, x, y: x / y, (Z, W)),
    "rdiv": (lambda t, x: 1 / x, (Z,)),
    "div of real": (lambda t, x, y: x / y, (R, W)),
    "pow": (lambda t, x, y: x**y, (Z, W)),
    "pow 2": (lambda t, x: x**2, (Z,)),
    "pow 0.5": (lambda t, x: x**0.5, (Z,)),
    "rpow": (lambda t, x: 2**x, (Z,)),
    "complex": (lambda t, x, y: t.complex(x, y), (R, R[::-1].copy())),
    "polar": (lambda t, x, y: t.polar(x, y), (np.abs(R), R)),
    "view_as_complex": (lambda t, x: t.view_as_complex(x.reshape(3, 2, 2)), (R,)),
    "real part": (lambda t, x: x.real * x.imag, (Z,)),
    "mH": (lambda t, x: x.mH * 2j, (Z,)),
    "H": (lambda t, x: x.H * 2j, (Z,)),
    "adjoint": (lambda t, x: t.adjoint(x) * 2j, (Z,)),
    "sum dim": (lambda t, x: x.sum(1, keepdim=True), (Z,)),
    "mean dim": (lambda t, x: x.mean(0), (Z,)),
    "cumsum": (lambda t, x: x.cumsum(1), (Z,)),
    "broadcast": (lambda t, x, y: x[:, :1] * y[0], (Z, W)),
    "var": (lambda t, x: x.var(1), (Z,)),
    "std": (lambda t, x: x.std(1), (Z,)),
    "norm": (lambda t, x: x.norm(), (Z,)),
    "norm 1": (lambda t, x: x.norm(1, dim=1), (Z,)),
    "vector_norm": (lambda t, x: t.linalg.vector_norm(x, 3), (Z,)),
    "matrix_norm": (lambda t, x: t.linalg.matrix_norm(x), (Z,)),
    "matmul": (lambda t, x, y: x @ y.T, (Z, W)),
    "mm": (lambda t, x, y: t.mm(x, y.T), (Z, W)),
    "mv": (lambda t, x, y: t.mv(x, y[0]), (Z, W)),
    "bmm": (lambda t, x, y: t.bmm(x[None], y.T[None]), (Z, W)),
    "dot": (lambda t, x, y: t.dot(x[0], y[0]), (Z, W)),
    "vdot": (lambda t, x, y: t.vdot(x[0], y[0]), (Z, W)),
    "outer": (lambda t, x, y: t.outer(x[0], y[0]), (Z, W)),
    "kron": (lambda t, x, y: t.kron(x, y), (Z, W)),
    "addmm": (lambda t, x, y: t.addmm(x[:, :3], x, y.T, beta=0.5, alpha=2), (Z, W)),
    "einsum": (lambda t, x, y: t.einsum("ij,kj->ik", x, y), (Z, W)),
    "einsum of three": (lambda t, x, y: t.einsum("ij,kj,lj->ikl", x, y, x), (Z, W)),
    "tensordot": (lambda t, x, y: t.tensordot(x, y, dims=([1], [1])), (Z, W)),
    "linear": (lambda t, x, y: t.nn.functional.linear(x, y, y[:, 0]), (Z, W)),
    "conv1d": (lambda t, x, y: t.nn.functional.conv1d(x[None], y[:, None, :2].expand(3, 3, 2), y[:, 0]), (Z, W)),
    "where": (lambda t, x, y: t.where(x.real > 0, x, y), (Z, W)),
    "masked_fill": (lambda t, x: x.masked_fill(x.real > 0, 1.5), (Z,)),
    "cat": (lambda t, x, y: t.cat([x, y]), (Z, W)),
    "cat with real": (lambda t, x, y: t.cat([x, y]), (Z, R)),
    "stack": (lambda t, x, y: t.stack([x, y], 1), (Z, W)),
    "getitem": (lambda t, x: x[1:, ::2] * 1j, (Z,)),
    "getitem by index": (lambda t, x: x[t.tensor([0, 0, 2])], (Z,)),
    "getitem by mask": (lambda t, x: x[x.real > 0], (Z,)),
    "reshape": (lambda t, x: x.reshape(2, 6).T.flatten() * 1j, (Z,)),
    "permute": (lambda t, x: x.permute(1, 0) * x.T, (Z,)),
    "flip": (lambda t, x: x.flip(0) * 1j, (Z,)),
    "roll": (lambda t, x: x.roll(1, 0) * 1j, (Z,)),
    "expand": (lambda t, x: x[:, None].expand(3, 2, 4) * 1j, (Z,)),
    "split": (lambda t, x: x.split(2, 1)[1] * 1j, (Z,)),
    "unbind": (lambda t, x: x.unbind(0)[1] * 1j, (Z,)),
    "gather": (lambda t, x: x.gather(1, t.tensor([[0, 0], [1, 2], [3, 3]])), (Z,)),
    "index_select": (lambda t, x: x.index_select(0, t.tensor([2, 0, 0])), (Z,)),
    "index_add": (lambda t, x, y: x.index_add(0, t.tensor([2, 0, 0]), y), (Z, W)),
    "scatter_add": (lambda t, x, y: x.scatter_add(1, t.tensor([[0, 0], [1, 2], [3, 3]]), y[:, :2]), (Z, W)),
    "tril": (lambda t, x: x.tril() * 1j, (Z,)),
    "triu": (lambda t, x: x.triu() * 1j, (Z,)),
    "diagonal": (lambda t, x: x.diagonal() * 1j, (Z,)),
    "trace": (lambda t, x: x.trace() * 1j, (SQUARE,)),
    "diff": (lambda t, x: x.diff(), (Z,)),
    "lerp": (lambda t, x, y: t.lerp(x, y, 0.25), (Z, W)),
    "addcmul": (lambda t, x, y: t.addcmul(x, x, y, value=2), (Z, W)),
    "pad": (lambda t, x: t.nn.functional.pad(x, (1, 2)) * 1j, (Z,)),
    "clone": (lambda t, x: x.clone() * 1j, (Z,)),
    "to complex128": (lambda t, x: x.to(t.complex128), (Z,)),
    "real to complex": (lambda t, x: x.to(t.complex64) * 1j, (R,)),
    "setitem": (lambda t, x, y: _set(x, y), (Z, W)),
    "setitem of the real part": (lambda t, x, y: _set_real(x, y), (Z, R)),
    "in place": (lambda t, x, y: (x * 1).mul_(y).add_(1j), (Z, W)),
    "fft filter": (lambda t, x, y: t.fft.irfft(t.fft.rfft(x) * t.fft.rfft(y), n=4), (R, R[::-1].copy())),
    "magnitudes": (lambda t, x: t.fft.rfft(x).abs().log(), (R,)),
    "repeated use": (lambda t, x: (x * x + x).abs() + (x.conj() * x).real, (Z,)),
}  # fmt: skip


def _set(x: Any, y: Any) -> Any:
    x = x * 1
    x[1:] = y[1:] * 1j
    return x


def _set_real(x: Any, y: Any) -> Any:
    x = x * 1
    x.real[1] = y[0]
    x.imag = y * 2
    return x * 1j


def gradients(library: Any, call: Any, operands: tuple[np.ndarray, ...]) -> tuple[Any, list[Any]]:
    make = library.from_numpy
    xs = [make(o.copy()).requires_grad_() for o in operands]
    y = call(library, *xs)
    weight = np.cos(np.arange(y.numel())).reshape(tuple(y.shape))
    if str(y.dtype).rpartition(".")[2].startswith("complex"):
        weight = weight * (1 - 0.5j)
    y.backward(make(np.asarray(weight, _numpy(y).dtype)))
    return y, [x.grad for x in xs]


def _numpy(y: Any) -> np.ndarray:
    y = y.detach()
    return y.numpy() if isinstance(y, lucid.Tensor) else y.resolve_conj().resolve_neg().numpy()


@pytest.mark.parity
@pytest.mark.parametrize("name", CALLS)
def test_values_and_gradients_as_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    call, operands = CALLS[name]
    mine, own = gradients(lucid, call, operands)
    theirs, expected = gradients(torch, call, operands)
    assert str(mine.dtype).rpartition(".")[2] == str(theirs.dtype).rpartition(".")[2]
    np.testing.assert_allclose(_numpy(mine), _numpy(theirs), 2e-5, 2e-5, err_msg=name)
    for a, b in zip(own, expected, strict=True):
        assert str(a.dtype).rpartition(".")[2] == str(b.dtype).rpartition(".")[2]
        np.testing.assert_allclose(_numpy(a), _numpy(b), 2e-4, 2e-4, err_msg=name)


# Without gradients
PLAIN: dict[str, Any] = {
    "prod": lambda t, x: x.prod(), "prod dim": lambda t, x: x.prod(1), "cumprod": lambda t, x: x.cumprod(1),
    "eq": lambda t, x: t.eq(x, x), "ne": lambda t, x: x != 1j, "isnan": lambda t, x: x.isnan(),
    "isinf": lambda t, x: x.isinf(), "isfinite": lambda t, x: x.isfinite(), "isreal": lambda t, x: t.isreal(x),
    "isclose": lambda t, x: t.isclose(x, x + 1e-9), "all": lambda t, x: x.all(), "any": lambda t, x: x.any(1),
    "count_nonzero": lambda t, x: t.count_nonzero(x), "nonzero": lambda t, x: x.nonzero(),
    "logical_not": lambda t, x: x.logical_not(), "inv": lambda t, x: t.linalg.inv(x),
    "det": lambda t, x: t.linalg.det(x), "slogdet": lambda t, x: t.linalg.slogdet(x)[0],
    "solve": lambda t, x: t.linalg.solve(x, x[:, :2] * 1j), "eigvalsh": lambda t, x: t.linalg.eigvalsh(x + x.mH),
    "svdvals": lambda t, x: t.linalg.svdvals(x), "pinv": lambda t, x: t.linalg.pinv(x),
    "matrix_power": lambda t, x: t.linalg.matrix_power(x, 3), "matrix_rank": lambda t, x: t.linalg.matrix_rank(x),
    "cholesky": lambda t, x: t.linalg.cholesky(x @ x.mH + t.eye(4)),
    "nuclear": lambda t, x: t.linalg.matrix_norm(x, "nuc"), "zeros_like": lambda t, x: t.zeros_like(x),
    "full": lambda t, x: t.full((2,), 1 + 2j), "ones": lambda t, x: t.ones(2, dtype=t.complex64),
    "eye": lambda t, x: t.eye(2, dtype=t.complex128), "tensor": lambda t, x: t.tensor([1 + 2j, 3]),
    "float_power": lambda t, x: t.float_power(x, 2), "angle of real": lambda t, x: t.angle(t.tensor([-1.0, 0, 2])),
    "nan_to_num": lambda t, x: t.nan_to_num(x), "repeat_interleave": lambda t, x: x.repeat_interleave(2, 0),
    "sum of real in complex": lambda t, x: x.real.sum(dtype=t.complex64),
    "arange": lambda t, x: t.arange(3).to(t.complex64), "block_diag": lambda t, x: t.block_diag(x, x),
    "take": lambda t, x: t.take(x, t.tensor([0, 5])), "tile": lambda t, x: x.tile(2), "squeeze": lambda t, x: x[None].squeeze(),
}  # fmt: skip


@pytest.mark.parity
@pytest.mark.parametrize("name", PLAIN)
def test_values_as_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = PLAIN[name](lucid, lucid.from_numpy(SQUARE)), PLAIN[name](torch, torch.from_numpy(SQUARE))
    assert str(mine.dtype).rpartition(".")[2].rstrip("_") == str(theirs.dtype).rpartition(".")[2]
    np.testing.assert_allclose(_numpy(mine), _numpy(theirs), 2e-4, 2e-4, err_msg=name)


def test_gradients_of_the_gradient() -> None:
    x = lucid.tensor([1.0 + 2j, -0.5 + 1j], dtype=lucid.complex128, requires_grad=True)
    y = (x * x * x).real.sum()
    (dx,) = lucid.autograd.grad(y, x, create_graph=True)
    np.testing.assert_allclose(dx.detach().numpy(), np.conj(3 * x.detach().numpy() ** 2))
    (dxx,) = lucid.autograd.grad(dx.real.sum(), x)
    np.testing.assert_allclose(dxx.numpy(), np.conj(6 * x.detach().numpy()))


def test_descent_on_a_complex_parameter() -> None:
    target = lucid.from_numpy(draw(5))
    p = lucid.nn.Parameter(lucid.zeros(5, dtype=lucid.complex64))
    for _ in range(100):
        loss = (p - target).abs().square().sum()
        (g,) = lucid.autograd.grad(loss, p)
        with lucid.no_grad():
            p -= 0.1 * g
    np.testing.assert_allclose(p.detach().numpy(), target.numpy(), atol=1e-5)


def test_gradients_add_up_over_calls() -> None:
    x = lucid.tensor([1 + 2j], requires_grad=True)
    for _ in range(2):
        (x * 1j).real.sum().backward()
    assert x.grad.tolist() == [-2j]  # type: ignore[union-attr]


REFUSED = {
    "lt": lambda x: x < x, "max": lambda x: x.max(), "sort": lambda x: x.sort(), "relu": lambda x: x.relu(),
    "softmax": lambda x: x.softmax(0), "floor": lambda x: x.floor(), "sign": lambda x: x.sign(),
    "clamp": lambda x: x.clamp(0, 1), "erf": lambda x: x.erf(), "atan2": lambda x: lucid.atan2(x, x),
    "floor_divide": lambda x: x // 2, "remainder": lambda x: x % 2, "relu_": lambda x: x.relu_(),
    "layer_norm": lambda x: lucid.nn.functional.layer_norm(x, (2,)),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_complex_form_is_refused(name: str) -> None:
    x = lucid.tensor([1 + 2j, 3])
    with pytest.raises(TypeError, match=rf"^{name}: not implemented for complex numbers$"):
        REFUSED[name](x)
    assert x.tolist() == [1 + 2j, 3]


def test_messages() -> None:
    z, x = lucid.tensor([1 + 2j], requires_grad=True), lucid.tensor([1.0])
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for real outputs, got lucid.complex64"):
        (z * 1).sum().backward()
    with pytest.raises(RuntimeError, match="^imag: not implemented for tensors with non-complex dtypes"):
        lucid.imag(x)
    with pytest.raises(
        RuntimeError, match="^complex: expected two tensors of float32 or of float64, got float32 and f"
    ):
        lucid.complex(x, x.double())
    with pytest.raises(RuntimeError, match="^view_as_complex: tensor must have a last dimension of size 2, got"):
        lucid.view_as_complex(x)
    with pytest.raises(RuntimeError, match="^view_as_real: only supported for complex tensors"):
        lucid.view_as_real(x)
    with pytest.raises(RuntimeError, match="^matmul: expected operands of the same dtype, got complex64 and float32"):
        lucid.tensor([1j]) @ x
    with pytest.raises(RuntimeError, match="^mul_: result type lucid.complex64 can't be cast to"):
        x.mul_(1j)
    with pytest.raises(TypeError, match="rounding_mode is not implemented for complex"):
        lucid.div(z, 2, rounding_mode="floor")
    with pytest.warns(UserWarning, match="discards the imaginary part"):
        assert lucid.tensor([1 + 2j]).float().tolist() == [1.0]


def test_real_and_imaginary_parts_are_views() -> None:
    z = lucid.tensor([1 + 2j, 3 + 4j])
    z.real[0] = 9
    z.imag = lucid.tensor([7.0, 8.0])
    lucid.view_as_real(z)[1, 0] = -1
    assert z.tolist() == [9 + 7j, -1 + 8j]
    x = lucid.zeros(2, 2)
    lucid.view_as_complex(x)[0] = 1 + 2j
    assert x.tolist() == [[1, 2], [0, 0]] and x.real is x and x.conj() is x


def test_printing() -> None:
    assert str(lucid.tensor([1 + 2j, -0.1j])) == "[1.0+2.0j, -0.0-0.1j]"
    assert repr(lucid.tensor(1j)) == "Tensor(0.0+1.0j, grad=None)" and str(lucid.complex64) == "lucid.complex64"


def test_dtypes() -> None:
    z = lucid.tensor([1j])
    assert z.dtype is lucid.complex64 is lucid.cfloat and z.is_complex() and not z.is_floating_point()
    assert z.cdouble().dtype is lucid.complex128 is lucid.cdouble and lucid.tensor([1.0]).cfloat().dtype is z.dtype
    assert lucid.tensor([1], dtype=complex).dtype is lucid.complex128 and complex(z) == z.item() == 1j
    assert lucid.complex64.is_complex and not lucid.float32.is_complex and lucid.finfo(z.dtype).bits == 32
    assert lucid.is_complex(z) and lucid.resolve_conj(z) is z and lucid.resolve_neg(z) is z
    lucid.set_default_dtype(lucid.float64)
    assert lucid.tensor([1j]).dtype is lucid.complex128


def test_random_numbers_have_variance_one() -> None:
    z = lucid.randn(20000, dtype=lucid.complex64, generator=lucid.Generator().manual_seed(3))
    assert abs(z.var().item() - 1) < 0.03 and abs(z.real.var().item() - 0.5) < 0.02
    assert lucid.randn_like(z).dtype is z.dtype and lucid.rand(2, dtype=lucid.complex128).dtype is lucid.complex128


def test_copies_and_files(tmp_path: Any) -> None:
    z = lucid.from_numpy(Z)
    for t in (copy.deepcopy(z), pickle.loads(pickle.dumps(z)), lucid.from_dlpack(z), z.clone()):
        assert t.dtype is z.dtype and (t == z).all()
    for name in ("a.safetensors", "a.pt"):
        lucid.save({"z": z}, tmp_path / name)
        assert (lucid.load(tmp_path / name)["z"] == z).all()
    lucid.save({"z": z.cdouble()}, tmp_path / "b.pt")
    assert lucid.load(tmp_path / "b.pt")["z"].dtype is lucid.complex128


@pytest.mark.parity
def test_files_of_pytorch(tmp_path: Any) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"z": torch.from_numpy(Z)}, tmp_path / "z.pt")
    assert (lucid.load(tmp_path / "z.pt")["z"].numpy() == Z).all()
    lucid.save({"z": lucid.from_numpy(Z)}, tmp_path / "y.pt")
    assert (torch.load(tmp_path / "y.pt")["z"].numpy() == Z).all()


@pytest.mark.parity
@pytest.mark.parametrize("a", ["complex64", "complex128"])
@pytest.mark.parametrize(
    "b", ["uint8", "int64", "bool", "bfloat16", "float32", "float64", "complex64", "complex128", "1", "1.5", "1j"]
)
def test_promotion_as_pytorch(a: str, b: str) -> None:
    torch = pytest.importorskip("torch")
    kinds = []
    for t in (lucid, torch):
        own = []
        for first in ((2,), ()):
            for second in ((2,), ()):
                x = t.ones(first, dtype=getattr(t, a))
                y = (
                    complex(b)
                    if b == "1j"
                    else float(b)
                    if b == "1.5"
                    else 1
                    if b == "1"
                    else t.ones(second, dtype=getattr(t, b))
                )
                own += [str(z.dtype).rpartition(".")[2] for z in (x * y, y * x, x / y)] + [
                    str(t.result_type(x, y)).rpartition(".")[2]
                ]
                if b in ("1", "1.5", "1j"):
                    continue
                own += [str((y * 1j).dtype).rpartition(".")[2]] + [
                    str(t.promote_types(x.dtype, y.dtype)).rpartition(".")[2]
                ]
        kinds.append(own)
    assert kinds[0] == kinds[1]


def test_a_module_keeps_complex_parameters(tmp_path: Any) -> None:
    class Scale(lucid.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = lucid.nn.Parameter(lucid.from_numpy(draw(3)))

        def forward(self, x: Any) -> Any:
            return lucid.fft.irfft(lucid.fft.rfft(x) * self.weight, n=4)

    first, second = Scale(), Scale()
    lucid.save(first.state_dict(), tmp_path / "m.safetensors")
    second.load_state_dict(lucid.load(tmp_path / "m.safetensors"))
    x = lucid.ones(2, 4)
    assert (first(x) == second(x)).all()
    first(x).square().sum().backward()
    assert first.weight.grad.dtype is lucid.complex64


def test_training_a_spectral_filter() -> None:
    """Optimizers refuse complex parameters and say what to do instead; that trains."""
    with pytest.raises(TypeError, match="^Adam: complex parameters are not supported; keep a real one of shape"):
        lucid.optim.Adam([lucid.nn.Parameter(lucid.zeros(2, dtype=lucid.complex64))])
    x, target = lucid.from_numpy(R), lucid.from_numpy(np.roll(R, 1, 1))
    weight = lucid.nn.Parameter(lucid.zeros(3, 2))
    optimizer = lucid.optim.Adam([weight], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        y = lucid.fft.irfft(lucid.fft.rfft(x) * lucid.view_as_complex(weight), n=4)
        loss = (y - target).square().mean()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-4
