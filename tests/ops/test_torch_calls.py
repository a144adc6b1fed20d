"""Calls that PyTorch takes, written once and made with both libraries: dtypes, shapes and values of all results."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
import lucid.nn.functional as lucid_functional

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

Call = Callable[[Any, Any, "Numbers"], Any]


class Numbers:
    """The same numbers for both libraries: ``n.f(2, 3)`` is float32, ``n.i`` int64, ``n.c`` complex64."""

    def __init__(self, library: Any) -> None:
        self.library, self.made = library, 0

    def draw(self, shape: tuple[int, ...], dtype: Any, low: float = -3.0, high: float = 3.0) -> Any:
        self.made += 1
        rng = np.random.default_rng(self.made)
        values = rng.uniform(low, high, shape)
        if np.dtype(dtype).kind == "c":
            values = values + 1j * rng.uniform(low, high, shape)
        return self.library.tensor(np.asarray(values).astype(dtype))

    def f(self, *shape: int) -> Any:
        return self.draw(shape, np.float32)

    def d(self, *shape: int) -> Any:
        return self.draw(shape, np.float64)

    def p(self, *shape: int) -> Any:
        """Positive."""
        return self.draw(shape, np.float32, 0.5, 2.0)

    def i(self, *shape: int) -> Any:
        return self.draw(shape, np.int64, -5, 6)

    def u(self, *shape: int) -> Any:
        return self.draw(shape, np.uint8, 0, 9)

    def b(self, *shape: int) -> Any:
        return self.draw(shape, np.int64, 0, 2) == 1

    def c(self, *shape: int) -> Any:
        return self.draw(shape, np.complex64)


# Integers of NumPy and tensors with one integer as dimensions and sizes
INDICES: list[Call] = [
    lambda t, F, n: t.sum(n.f(2, 3), dim=np.int64(1)),
    lambda t, F, n: t.amax(n.f(2, 3), dim=t.tensor(0)),
    lambda t, F, n: t.var_mean(n.f(2, 3), dim=np.int64(1)),
    lambda t, F, n: t.chunk(n.f(4, 3), np.int64(2)),
    lambda t, F, n: t.split(n.f(4, 3), t.tensor(2)),
    lambda t, F, n: t.fft.fft2(n.f(4, 4), dim=(np.int64(0), 1)),
    lambda t, F, n: t.stft(n.f(40), np.int64(8), return_complex=True, window=t.ones(8)),
    lambda t, F, n: F.conv1d(n.f(1, 2, 5), n.f(2, 1, 3), groups=np.int64(2)),
    lambda t, F, n: F.avg_pool2d(n.f(1, 1, 4, 4), np.int64(2), stride=np.int64(1)),
    lambda t, F, n: t.linspace(t.tensor(0.0), t.tensor(2), np.int64(5)),
    lambda t, F, n: t.logspace(0, t.tensor(2), 3),
    lambda t, F, n: t.zeros(t.tensor(3)),
]
# Forms of calls
FORMS: list[Call] = [
    lambda t, F, n: t.max(n.f(3), other=n.f(3)),
    lambda t, F, n: t.min(n.f(2, 3), 1, out=(t.empty(0), t.empty(0, dtype=t.int64))),
    lambda t, F, n: t.exp(n.f(2, 3), out=t.empty(0)),
    lambda t, F, n: t.var_mean(n.f(2, 3), False),
    lambda t, F, n: t.std_mean(n.f(2, 3), 1, False, True),
    lambda t, F, n: t.diff(n.f(4), 0, 0, n.f(2), n.f(1)),
    lambda t, F, n: n.f(2, 3).flip(0, 1),
    lambda t, F, n: t.flip(n.f(2, 3), ()),
    lambda t, F, n: t.squeeze(n.f(1, 2, 1), ()),
    lambda t, F, n: n.f().unfold(0, 1, 1),
    lambda t, F, n: t.gather(n.f(3), 0, t.tensor([2, 0], dtype=t.int32)),
    lambda t, F, n: t.gather(n.f(), 0, t.tensor([0, 0])),
    lambda t, F, n: t.scatter(n.f(), 0, t.tensor(0), n.f()),
    lambda t, F, n: t.scatter(n.f(), 0, t.tensor([0]), 2.5),
    lambda t, F, n: t.scatter_add(n.f(), 0, t.tensor(0), n.f()),
    lambda t, F, n: t.take_along_dim(n.f(2, 3), t.tensor([[-1], [-3]]), 1),
    lambda t, F, n: t.index_add(n.u(3), 0, t.tensor([1]), n.u(1), alpha=-1),
    lambda t, F, n: t.trapezoid(n.u(6)),
    lambda t, F, n: t.trapezoid(n.f(2, 4), n.f(4)),
    lambda t, F, n: t.cumulative_trapezoid(n.u(6)),
    lambda t, F, n: n.f(2).half(memory_format=t.preserve_format),
]
# Ranges of integers
RANGES: list[Call] = [
    lambda t, F, n: t.arange(0.0, -8.000001, -4.0, dtype=t.int64),
    lambda t, F, n: t.arange(0.1, -7.9, -4.0, dtype=t.int32),
    lambda t, F, n: t.linspace(4.3, 0, 50, dtype=t.uint8),
    lambda t, F, n: t.logspace(4.3, 0, 2, 3.0, dtype=t.int64),
]

# Losses of integers, and of numbers of different dtypes
LOSSES: list[Call] = [
    lambda t, F, n: F.mse_loss(n.i(2, 3), n.f(2, 3)),
    lambda t, F, n: F.l1_loss(n.f(2, 3), n.i(2, 3)),
    lambda t, F, n: F.smooth_l1_loss(n.i(2, 3), n.d(2, 3)),
    lambda t, F, n: F.mse_loss(n.f(3), n.d()),
    lambda t, F, n: F.margin_ranking_loss(n.i(3), n.i(3), t.tensor([1, -1, 1]), reduction="sum"),
    lambda t, F, n: F.margin_ranking_loss(n.i(3), n.f(3), t.tensor([1, -1, 1]), margin=0.5),
    lambda t, F, n: F.cosine_embedding_loss(n.i(3, 4), n.i(3, 4), t.tensor([1, -1, 1])),
    lambda t, F, n: F.triplet_margin_loss(n.i(3, 4), n.i(3, 4), n.i(3, 4)),
    lambda t, F, n: F.triplet_margin_with_distance_loss(n.i(3, 4), n.f(3, 4), n.f(3, 4)),
    lambda t, F, n: F.poisson_nll_loss(n.i(3), n.i(3)),
    lambda t, F, n: F.poisson_nll_loss(n.i(3), n.u(3), full=True),
    lambda t, F, n: F.gaussian_nll_loss(n.i(3), n.f(3), n.p(3)),
    lambda t, F, n: F.kl_div(n.f(3), n.p(3).double(), reduction="sum"),
    lambda t, F, n: F.binary_cross_entropy_with_logits(n.f(3), n.p(3).double()),
    lambda t, F, n: F.binary_cross_entropy_with_logits(n.f(3), n.b(3).float(), weight=n.i(3)),
    lambda t, F, n: F.binary_cross_entropy(t.sigmoid(n.f(3)), n.b(3).float(), weight=n.u(3)),
    lambda t, F, n: F.multilabel_soft_margin_loss(n.f(2, 3), n.b(2, 3).float(), n.i(3)),
    lambda t, F, n: F.cosine_similarity(n.i(2, 3), n.f(2, 3)),
    lambda t, F, n: F.pairwise_distance(n.i(2, 3), n.i(2, 3)),
]
# Integers elsewhere
INTEGERS: list[Call] = [
    lambda t, F, n: F.softsign(n.i(5)),
    lambda t, F, n: F.tanhshrink(n.u(5)),
    lambda t, F, n: F.relu6(n.i(5) * 2),
    lambda t, F, n: F.hardtanh(n.i(5), -2.5, 1.5),
    lambda t, F, n: F.threshold(n.i(5), 1, 9),
    lambda t, F, n: F.max_pool2d(n.u(1, 1, 4, 4), 2, return_indices=True),
    lambda t, F, n: F.max_pool3d(n.i(1, 1, 4, 4, 4), 2),
    lambda t, F, n: F.avg_pool2d(n.i(1, 1, 4, 4), 2),
    lambda t, F, n: F.avg_pool3d(n.i(1, 1, 4, 4, 4), 2),
    lambda t, F, n: F.interpolate(n.u(1, 1, 4, 4) * 20, (2, 2), mode="bilinear"),
    lambda t, F, n: t.where(n.u(3) > 3, n.i(3), n.f(3)),
    lambda t, F, n: t.searchsorted(t.tensor([1.0, 2.0, 3.0]), n.i(4)),
    lambda t, F, n: t.gradient(n.i(5))[0],
    lambda t, F, n: t.norm(n.f(3, 4), "nuc"),
    lambda t, F, n: t.prod(n.i(2, 3), 1, dtype=t.int32),
]
# Complex matrices and vectors
COMPLEX: list[Call] = [
    lambda t, F, n: t.linalg.norm(n.c(3, 4), "nuc", keepdim=True),
    lambda t, F, n: t.linalg.norm(n.c(3, 4), 2),
    lambda t, F, n: t.norm(n.c(3, 4), "nuc"),
    lambda t, F, n: t.linalg.matrix_norm(n.c(2, 3, 4), "nuc"),
    lambda t, F, n: t.linalg.cond(n.c(3, 3)),
    lambda t, F, n: t.linalg.pinv(n.c(3, 2)),
    lambda t, F, n: t.linalg.matrix_rank(n.c(3, 3), rtol=0.5),
    lambda t, F, n: t.linalg.vecdot(n.c(2, 3), n.c(2, 3)),
    lambda t, F, n: t.linalg.matrix_exp(n.c(3, 3)),
    lambda t, F, n: t.linalg.tensorinv(n.c(4, 2, 2), ind=1),
    lambda t, F, n: t.linalg.tensorsolve(n.c(2, 2, 4), n.c(2, 2)),
    lambda t, F, n: t.linalg.solve_triangular(n.c(3, 3), n.c(3, 2), upper=False),
    lambda t, F, n: t.triangular_solve(n.c(3, 2), n.c(3, 3)).solution,
    lambda t, F, n: t.cholesky_solve(n.c(3, 2), n.c(3, 3).tril()),
    lambda t, F, n: t.logdet(n.c(3, 3)),
    lambda t, F, n: t.svd(n.c(4, 2)).S,
    lambda t, F, n: t.trapezoid(n.c(4), n.c(4)),
    lambda t, F, n: t.cumulative_trapezoid(n.c(2, 4)),
    lambda t, F, n: t.cross(n.c(2, 3), n.c(2, 3), dim=1),
    lambda t, F, n: t.view_copy(n.c(2, 3), (6,)),
    lambda t, F, n: F.pixel_shuffle(n.c(1, 4, 2, 2), 2),
    lambda t, F, n: t.prod(n.c(2, 3), 1),
    lambda t, F, n: t.cumprod(n.c(5), 0),
]

# Recurrent layers and normalisation as functions
LAYERS: list[Call] = [
    lambda t, F, n: t.lstm_cell(n.f(5, 2), (n.f(5, 3), n.f(5, 3)), n.f(12, 2), n.f(12, 3), n.f(12), n.f(12)),
    lambda t, F, n: t.gru_cell(n.f(5, 2), n.f(5, 3), n.f(9, 2), n.f(9, 3)),
    lambda t, F, n: t.lstm(
        n.f(4, 5, 2), (n.f(2, 5, 3), n.f(2, 5, 3)), [w for _ in "ab" for w in (n.f(12, 2), n.f(12, 3), n.f(12), n.f(12))],
        True, 1, 0.0, False, True, False,
    ),
    lambda t, F, n: t.gru(
        n.f(5, 4, 2), n.f(2, 5, 3), [n.f(9, 2), n.f(9, 3), n.f(9, 3), n.f(9, 3)], False, 2, 0.0, False, False, True
    ),
    lambda t, F, n: t.rnn_tanh(
        n.f(6, 2), t.tensor([3, 2, 1]), n.f(1, 3, 4), [n.f(4, 2), n.f(4, 4)], False, 1, 0.0, False, False
    ),
    lambda t, F, n: t.rnn_relu(n.f(3, 2, 2), n.f(1, 2, 4), [n.f(4, 2), n.f(4, 4)], False, 1, 0.0, False, False, False),
    lambda t, F, n: t.native_layer_norm(n.f(2, 3, 4), (3, 4), n.f(3, 4), n.f(3, 4), 0.1),
    lambda t, F, n: t.native_group_norm(n.f(2, 4, 3), n.f(4), n.f(4), 2, 4, 3, 2, 0.1),
    lambda t, F, n: t.native_batch_norm(n.f(4, 3), n.f(3), n.f(3), n.f(3), n.p(3), True, 0.1, 0.1),
    lambda t, F, n: t.native_batch_norm(n.f(4, 3), None, None, n.f(3), n.p(3), False, 0.1, 0.1),
    lambda t, F, n: t.native_dropout(n.f(4, 3), 0.0, True),
    lambda t, F, n: t.native_dropout(n.f(4, 3), 0.5, False),
    lambda t, F, n: t.native_channel_shuffle(n.f(1, 4, 2), 2),
]  # fmt: skip


def flat(y: Any) -> list[Any]:
    return [part for v in y for part in flat(v)] if isinstance(y, (tuple, list)) else [y]


def compare(call: Call) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = flat(call(lucid, lucid_functional, Numbers(lucid)))
        theirs = flat(call(torch, torch.nn.functional, Numbers(torch)))
    assert len(own) == len(theirs)
    for y, e in zip(own, theirs):
        assert str(y.dtype).removeprefix("lucid.") == str(e.dtype).removeprefix("torch.")
        if y.dtype in (lucid.float16, lucid.bfloat16):
            y, e = y.float(), e.float()
        np.testing.assert_allclose(
            y.numpy(force=True), e.detach().resolve_conj().resolve_neg().numpy(), 2e-5, 1e-5, strict=True
        )


GROUPS = {
    "indices": INDICES, "forms": FORMS, "ranges": RANGES, "losses": LOSSES, "integers": INTEGERS, "complex": COMPLEX,
    "layers": LAYERS,
}  # fmt: skip


@pytest.mark.parametrize(
    "call", [pytest.param(call, id=f"{name}{k}") for name, calls in GROUPS.items() for k, call in enumerate(calls)]
)
def test_same_as_pytorch(call: Call) -> None:
    compare(call)
