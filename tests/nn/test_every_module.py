"""Modules that stand for a function: the same result as the function, and as PyTorch's module of that name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
import lucid.nn.functional as F
from lucid import nn

RNG = np.random.default_rng(0)
LINE, PLANE, VOLUME = (RNG.standard_normal((2, 3, *(6,) * n)) for n in (1, 2, 3))
A, B, C = (RNG.standard_normal((4, 5)) for _ in range(3))
SIGNS, PROBABILITIES = np.sign(B), RNG.random((4, 5)) + 0.1
LABELS = np.array([[0, 3, -1, 1, 1], [2, -1, 0, 0, 0], [4, 1, 2, -1, 3], [-1, 0, 0, 0, 0]])


def around(mode: str, n: int, width: int, **options: Any) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.pad(x, [(0, 0), (0, 0), *[(width, width)] * n], mode, **options)  # type: ignore[call-overload]


def normed(x: np.ndarray) -> np.ndarray:
    axes = (0, *range(2, x.ndim))
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


def normed_each(x: np.ndarray) -> np.ndarray:
    axes = tuple(range(2, x.ndim))
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


# name, arguments, inputs, what it is (of arrays, or of tensors where it is a function of lucid)
CASES: list[tuple[str, tuple[Any, ...], tuple[np.ndarray, ...], Any]] = [
    ("CircularPad1d", (2,), (LINE,), around("wrap", 1, 2)), ("CircularPad2d", (2,), (PLANE,), around("wrap", 2, 2)), ("CircularPad3d", (1,), (VOLUME,), around("wrap", 3, 1)),
    ("ConstantPad1d", (2, 1.5), (LINE,), around("constant", 1, 2, constant_values=1.5)), ("ConstantPad2d", (2, 1.5), (PLANE,), around("constant", 2, 2, constant_values=1.5)), ("ConstantPad3d", (1, 1.5), (VOLUME,), around("constant", 3, 1, constant_values=1.5)),
    ("ReflectionPad1d", (2,), (LINE,), around("reflect", 1, 2)), ("ReflectionPad2d", (2,), (PLANE,), around("reflect", 2, 2)), ("ReflectionPad3d", (1,), (VOLUME,), around("reflect", 3, 1)),
    ("ReplicationPad1d", (2,), (LINE,), around("edge", 1, 2)), ("ReplicationPad2d", (2,), (PLANE,), around("edge", 2, 2)), ("ReplicationPad3d", (1,), (VOLUME,), around("edge", 3, 1)),
    ("ZeroPad1d", (2,), (LINE,), around("constant", 1, 2)), ("ZeroPad2d", (2,), (PLANE,), around("constant", 2, 2)), ("ZeroPad3d", (1,), (VOLUME,), around("constant", 3, 1)),
    ("BatchNorm1d", (3,), (LINE,), normed), ("BatchNorm2d", (3,), (PLANE,), normed), ("BatchNorm3d", (3,), (VOLUME,), normed),
    ("InstanceNorm1d", (3,), (LINE,), normed_each), ("InstanceNorm2d", (3,), (PLANE,), normed_each), ("InstanceNorm3d", (3,), (VOLUME,), normed_each),
    ("CosineSimilarity", (1, 1e-6), (A, B), lambda x, y: F.cosine_similarity(x, y, 1, 1e-6)), ("PairwiseDistance", (3.0, 1e-5, True), (A, B), lambda x, y: F.pairwise_distance(x, y, 3.0, 1e-5, True)),
    ("CosineEmbeddingLoss", (0.2,), (A, B, SIGNS[:, 0]), lambda x, y, t: F.cosine_embedding_loss(x, y, t, 0.2)), ("HingeEmbeddingLoss", (0.7,), (A, SIGNS), lambda x, t: F.hinge_embedding_loss(x, t, 0.7)),
    ("MarginRankingLoss", (0.3,), (A, B, SIGNS), lambda x, y, t: F.margin_ranking_loss(x, y, t, 0.3)), ("SoftMarginLoss", (), (A, SIGNS), F.soft_margin_loss),
    ("MultiLabelMarginLoss", (), (A, LABELS), F.multilabel_margin_loss), ("MultiLabelSoftMarginLoss", (), (A, (SIGNS + 1) / 2), F.multilabel_soft_margin_loss),
    ("GaussianNLLLoss", (), (A, B, PROBABILITIES), F.gaussian_nll_loss), ("PoissonNLLLoss", (False, True), (PROBABILITIES, np.abs(B) * 3), lambda x, t: F.poisson_nll_loss(x, t, False, True)),
    ("TripletMarginWithDistanceLoss", (), (A, B, C), F.triplet_margin_with_distance_loss), ("TripletMarginLoss", (0.5, 1.0), (A, B, C), lambda *x: F.triplet_margin_loss(*x, margin=0.5, p=1.0)),
    ("MaxPool3d", (3, 2, 1), (VOLUME,), lambda x: F.max_pool3d(x, 3, 2, 1)), ("AvgPool3d", (3, 2, 1), (VOLUME,), lambda x: F.avg_pool3d(x, 3, 2, 1)), ("AdaptiveAvgPool3d", ((1, None, 4),), (VOLUME,), lambda x: F.adaptive_avg_pool3d(x, (1, None, 4))),
    ("AdaptiveMaxPool1d", (4,), (LINE,), lambda x: F.adaptive_max_pool1d(x, 4)), ("AdaptiveMaxPool2d", ((2, 4),), (PLANE,), lambda x: F.adaptive_max_pool2d(x, (2, 4))), ("AdaptiveMaxPool3d", (4,), (VOLUME,), lambda x: F.adaptive_max_pool3d(x, 4)),
]  # fmt: skip
each = pytest.mark.parametrize("name,arguments,arrays,expected", CASES, ids=[name for name, *_ in CASES])


@each
def test_gives_what_it_stands_for(name: str, arguments: Any, arrays: Any, expected: Any) -> None:
    module = getattr(nn, name)(*arguments).double()
    y = module(*map(lucid.tensor, arrays)).detach().numpy()
    try:
        wanted = expected(*arrays)
    except TypeError:
        wanted = expected(*map(lucid.tensor, arrays)).detach().numpy()
    np.testing.assert_allclose(y, wanted, 1e-9, 1e-12)
    assert name in repr(module)


@pytest.mark.parity
@each
def test_gives_what_pytorch_gives(name: str, arguments: Any, arrays: Any, expected: Any) -> None:
    torch = pytest.importorskip("torch")
    mine, theirs = getattr(nn, name)(*arguments).double(), getattr(torch.nn, name)(*arguments).double()
    y, e = mine(*map(lucid.tensor, arrays)), theirs(*map(torch.tensor, arrays))
    np.testing.assert_allclose(y.detach().numpy(), e.detach().numpy(), 1e-9, 1e-12)
    assert repr(mine) == repr(theirs) and list(mine.state_dict()) == list(theirs.state_dict())


def test_bases_and_names() -> None:
    assert issubclass(nn.LSTMCell, nn.RNNCellBase) and issubclass(nn.LSTM, nn.RNNBase)
    assert lucid.long is lucid.int64 and lucid.newaxis is None and lucid.ones(2)[lucid.newaxis].shape == (1, 2)
    assert lucid.finfo(lucid.float32).eps == np.finfo(np.float32).eps and lucid.iinfo(lucid.int8).min == -128
    assert nn.Module().extra_repr() == ""
    parameter = nn.Parameter(lucid.ones(1))
    optimizer = lucid.optim.SGD([parameter], lr=1.0)
    schedule = lucid.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.5)
    rates = []
    for _ in range(3):
        optimizer.step()
        schedule.step()
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [0.5, 0.25, 0.125]
    x, t = lucid.randn(4, 5), lucid.tensor([0, 2, 1, 1])
    w, b = lucid.randn(3, 5), lucid.randn(3)
    assert F.linear_cross_entropy(x, w, t, linear_bias=b).item() == F.cross_entropy(F.linear(x, w, b), t).item()


def test_hooks_after_loading() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    order: list[object] = []

    def forgive(module: nn.Module, keys: Any) -> None:
        order.append((module, module[0].weight[0, 0].item() if isinstance(module, nn.Sequential) else None))
        keys.missing_keys[:] = [key for key in keys.missing_keys if key != "1.bias"]

    model[1].register_load_state_dict_post_hook(forgive)
    handle = model.register_load_state_dict_post_hook(forgive)
    state = {k: lucid.full(v.shape, 7.0) for k, v in model.state_dict().items()}
    del state["1.bias"]
    assert repr(model.load_state_dict(state)) == "<All keys matched successfully>"
    assert order == [(model[1], None), (model, 7.0)]
    del state["0.bias"]
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "0.bias".$'):
        model.load_state_dict(state)
    handle.remove()
    state["0.weight"] = lucid.ones(3)
    model[0].weight.data.fill_(1)
    with pytest.raises(RuntimeError, match="size mismatch for 0.weight"):
        model.load_state_dict(state, strict=False)
    assert model[1].weight.tolist() == [[7, 7]] and model[0].weight[0, 0].item() == 1


def test_unpacking() -> None:
    sequences = [lucid.randn(n, 3) for n in (2, 5, 1)]
    packed = nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False)
    for x, y in zip(sequences, nn.utils.rnn.unpack_sequence(packed), strict=True):
        assert lucid.equal(x, y)
    assert lucid.ones(1).__array_namespace__() is lucid.array_api
