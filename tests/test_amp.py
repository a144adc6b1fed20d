"""`lucid.amp`: what autocast casts, its settings, and the scaling of losses."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import pytest

import lucid
import lucid.nn.functional as F
from lucid import amp, nn
from lucid._functions._autocast import state


@pytest.fixture(autouse=True)
def settings() -> Any:
    yield
    assert not lucid.is_autocast_enabled("cpu")
    lucid.set_autocast_dtype("cpu", lucid.bfloat16)


Call = Any


def einsum(equation: str) -> Call:
    sizes = [[3] * len(operand) for operand in equation.split("->")[0].split(",")]
    return lambda L, F, g: L.einsum(equation, *[g(*s) for s in sizes])


# name: a function of the library, its nn.functional, and a maker of positive tensors of a dtype
CALLS: dict[str, Call] = {
    "linear": lambda L, F, g: F.linear(g(4, 3), g(2, 3), g(2)),
    "operator @": lambda L, F, g: g(4, 3) @ g(3, 2),
    "matmul of vectors": lambda L, F, g: L.matmul(g(3), g(3)),
    "mm": lambda L, F, g: L.mm(g(4, 3), g(3, 2)),
    "mm in float64": lambda L, F, g: L.mm(g(3, 3).double(), g(3, 3).double()),
    "bmm": lambda L, F, g: L.bmm(g(2, 4, 3), g(2, 3, 2)),
    "mv": lambda L, F, g: L.mv(g(4, 3), g(3)),
    "dot": lambda L, F, g: L.dot(g(3), g(3)),
    "addmm": lambda L, F, g: L.addmm(g(4, 2), g(4, 3), g(3, 2)),
    "addbmm": lambda L, F, g: L.addbmm(g(4, 2), g(2, 4, 3), g(2, 3, 2)),
    "baddbmm": lambda L, F, g: L.baddbmm(g(2, 4, 2), g(2, 4, 3), g(2, 3, 2)),
    "addmv": lambda L, F, g: L.addmv(g(4), g(4, 3), g(3)),
    "outer": lambda L, F, g: L.outer(g(4), g(3)),
    "inner": lambda L, F, g: L.inner(g(4, 3), g(2, 3)),
    "inner of vectors": lambda L, F, g: L.inner(g(3), g(3)),
    "tensordot": lambda L, F, g: L.tensordot(g(4, 3), g(3, 2), 1),
    **{f"einsum {e}": einsum(e) for e in ("ij,jk->ik", "ij->ji", "i,i->i", "i,j->ij", "ij,ij->i", "i,i->", "i,j->", "ij,j->ij")},
    "conv1d": lambda L, F, g: F.conv1d(g(1, 2, 8), g(3, 2, 3)),
    "conv2d": lambda L, F, g: F.conv2d(g(1, 2, 8, 8), g(3, 2, 3, 3), g(3)),
    "conv3d": lambda L, F, g: F.conv3d(g(1, 2, 5, 5, 5), g(3, 2, 3, 3, 3)),
    "conv_transpose2d": lambda L, F, g: F.conv_transpose2d(g(1, 2, 8, 8), g(2, 3, 3, 3)),
    "bilinear": lambda L, F, g: F.bilinear(g(5, 2), g(5, 3), g(4, 2, 3)),
    "prelu": lambda L, F, g: F.prelu(g(4, 3), g(3)),
    "scaled_dot_product_attention": lambda L, F, g: F.scaled_dot_product_attention(g(1, 2, 4, 8), g(1, 2, 4, 8), g(1, 2, 4, 8)),
    "relu": lambda L, F, g: F.relu(g(3)),
    "gelu": lambda L, F, g: F.gelu(g(3)),
    "softmax": lambda L, F, g: F.softmax(g(3, 3), -1),
    "log_softmax": lambda L, F, g: F.log_softmax(g(3, 3), -1),
    "layer_norm": lambda L, F, g: F.layer_norm(g(4, 3), (3,), L.ones(3), L.ones(3)),
    "batch_norm": lambda L, F, g: F.batch_norm(g(4, 3), L.zeros(3), L.ones(3), L.ones(3), L.zeros(3), True),
    "group_norm": lambda L, F, g: F.group_norm(g(4, 4), 2, L.ones(4), L.ones(4)),
    "add": lambda L, F, g: g(3) + g(3),
    "mul by float32": lambda L, F, g: g(3) * L.ones(3),
    "exp": lambda L, F, g: L.exp(g(3)),
    "pow": lambda L, F, g: g(3) ** 2,
    "sum": lambda L, F, g: g(3).sum(),
    "mean": lambda L, F, g: g(3).mean(),
    "prod": lambda L, F, g: g(3).prod(),
    "prod of rows": lambda L, F, g: g(3, 3).prod(0),
    "cumsum": lambda L, F, g: g(3).cumsum(0),
    "norm": lambda L, F, g: g(3).norm(),
    "var": lambda L, F, g: g(3).var(),
    "cat": lambda L, F, g: L.cat([g(3), L.ones(3)]),
    "stack": lambda L, F, g: L.stack([g(3), g(3)]),
    "where": lambda L, F, g: L.where(g(3) > 0.5, g(3), g(3)),
    "mse_loss": lambda L, F, g: F.mse_loss(g(3), g(3)),
    "l1_loss": lambda L, F, g: F.l1_loss(g(3), g(3)),
    "smooth_l1_loss": lambda L, F, g: F.smooth_l1_loss(g(3), g(3)),
    "huber_loss": lambda L, F, g: F.huber_loss(g(3), g(3)),
    "binary_cross_entropy": lambda L, F, g: F.binary_cross_entropy(L.sigmoid(g(3)), L.ones(3)),
    "binary_cross_entropy_with_logits": lambda L, F, g: F.binary_cross_entropy_with_logits(g(3), g(3)),
    "cross_entropy": lambda L, F, g: F.cross_entropy(g(2, 3), L.tensor([0, 1])),
    "nll_loss": lambda L, F, g: F.nll_loss(g(2, 3), L.tensor([0, 1])),
    "kl_div": lambda L, F, g: F.kl_div(g(2, 3), g(2, 3), reduction="sum"),
    "cosine_embedding_loss": lambda L, F, g: F.cosine_embedding_loss(g(2, 3), g(2, 3), L.ones(2)),
    "triplet_margin_loss": lambda L, F, g: F.triplet_margin_loss(g(2, 3), g(2, 3), g(2, 3)),
    "multi_margin_loss": lambda L, F, g: F.multi_margin_loss(g(2, 3), L.tensor([0, 1])),
    "poisson_nll_loss": lambda L, F, g: F.poisson_nll_loss(g(3), g(3)),
    "gaussian_nll_loss": lambda L, F, g: F.gaussian_nll_loss(g(3), g(3), g(3)),
    "ctc_loss": lambda L, F, g: F.ctc_loss(F.log_softmax(g(5, 2, 4), -1), L.tensor([[1, 2], [1, 3]]), L.tensor([5, 5]), L.tensor([2, 2])),
    "max_pool2d": lambda L, F, g: F.max_pool2d(g(1, 1, 4, 4), 2),
    "avg_pool2d": lambda L, F, g: F.avg_pool2d(g(1, 1, 4, 4), 2),
    "max_pool3d": lambda L, F, g: F.max_pool3d(g(1, 1, 4, 4, 4), 2),
    "avg_pool3d": lambda L, F, g: F.avg_pool3d(g(1, 1, 4, 4, 4), 2),
    "adaptive_avg_pool3d": lambda L, F, g: F.adaptive_avg_pool3d(g(1, 1, 4, 4, 4), 2),
    "adaptive_max_pool3d": lambda L, F, g: F.adaptive_max_pool3d(g(1, 1, 4, 4, 4), 2),
    "grid_sample": lambda L, F, g: F.grid_sample(g(1, 1, 4, 4), g(1, 3, 3, 2), align_corners=False),
    "affine_grid": lambda L, F, g: F.affine_grid(g(1, 2, 3), [1, 1, 4, 4], align_corners=False),
    "interpolate": lambda L, F, g: F.interpolate(g(1, 1, 4, 4), scale_factor=2, mode="bilinear"),
    "pad, reflect": lambda L, F, g: F.pad(g(1, 1, 4, 4), (1, 1, 1, 1), mode="reflect"),
    "pad volumes, reflect": lambda L, F, g: F.pad(g(1, 1, 4, 4, 4), (1, 1, 1, 1, 1, 1), mode="reflect"),
    "pad, replicate": lambda L, F, g: F.pad(g(1, 1, 4, 4), (1, 1, 1, 1), mode="replicate"),
    "pad": lambda L, F, g: F.pad(g(1, 1, 4, 4), (1, 1)),
    "quantile": lambda L, F, g: L.quantile(g(3), 0.5),
    "trace": lambda L, F, g: L.trace(g(3, 3)),
    "cdist": lambda L, F, g: L.cdist(g(3, 3), g(3, 3)),
    "cosine_similarity": lambda L, F, g: F.cosine_similarity(g(3, 3), g(3, 3)),
    "embedding": lambda L, F, g: F.embedding(L.tensor([0, 1]), g(3, 3)),
    "linalg.inv": lambda L, F, g: L.linalg.inv(g(3, 3) + 5 * L.eye(3)),
    "linalg.svdvals": lambda L, F, g: L.linalg.svdvals(g(3, 3)),
    "linalg.qr": lambda L, F, g: L.linalg.qr(g(3, 3)),
    "linalg.norm": lambda L, F, g: L.linalg.norm(g(3, 3)),
    "linalg.multi_dot": lambda L, F, g: L.linalg.multi_dot([g(3, 3), g(3, 3), g(3, 3)]),
    "cov": lambda L, F, g: L.cov(g(3, 3)),
    "LSTM": lambda L, F, g: L.nn.LSTM(3, 4)(g(5, 2, 3).float()),
    "GRU": lambda L, F, g: L.nn.GRU(3, 4)(g(5, 2, 3).float()),
    "RNN": lambda L, F, g: L.nn.RNN(3, 4)(g(5, 2, 3).float()),
    "LSTMCell": lambda L, F, g: L.nn.LSTMCell(3, 4)(g(2, 3).float()),
    "MultiheadAttention": lambda L, F, g: L.nn.MultiheadAttention(4, 2)(*[g(5, 2, 4).float()] * 3),
    "TransformerEncoderLayer": lambda L, F, g: L.nn.TransformerEncoderLayer(4, 2, 8)(g(5, 2, 4).float()),
    "LayerNorm of Linear": lambda L, F, g: L.nn.LayerNorm(4)(L.nn.Linear(3, 4)(g(5, 3).float())),
}  # fmt: skip


def result_dtype(library: Any, call: Call, dtype: str, lower: str = "bfloat16") -> str:
    def make(*shape: int) -> Any:
        return library.rand(*shape).to(getattr(library, dtype)) + 0.1

    with library.autocast("cpu", dtype=getattr(library, lower)):
        y = call(library, library.nn.functional, make)
    while isinstance(y, (tuple, list)):
        y = y[0]
    return str(y.dtype).rpartition(".")[2]


@pytest.mark.parity
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", CALLS)
def test_dtypes_as_pytorch(name: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = result_dtype(lucid, CALLS[name], dtype)
        try:
            expected = result_dtype(torch, CALLS[name], dtype)
        except RuntimeError as error:  # oneDNN's LSTM in bfloat16 asks for AVX-512
            if "could not create a primitive" not in str(error):
                raise
            pytest.skip("PyTorch cannot do this on this CPU")
        assert found == expected


@pytest.mark.parametrize(
    "name, expected",
    [
        ("linear", "float16"),
        ("conv2d", "float16"),
        ("relu", "float32"),
        ("mse_loss", "float32"),
        ("mm in float64", "float64"),
    ],
)
def test_dtypes_with_float16(name: str, expected: str) -> None:
    assert result_dtype(lucid, CALLS[name], "float32", "float16") == expected


def test_settings_nest_and_come_back() -> None:
    w = lucid.ones(2, 2)
    with lucid.autocast("cpu") as outer:
        assert isinstance(outer, amp.autocast) and lucid.is_autocast_enabled("cpu") and lucid.is_autocast_cpu_enabled()
        with lucid.autocast("cpu", enabled=False):
            assert (w @ w).dtype is lucid.float32 and not lucid.is_autocast_enabled("cpu")
        with lucid.autocast(device_type="cpu", dtype=lucid.float16):
            assert (w @ w).dtype is lucid.float16 is lucid.get_autocast_dtype("cpu")
        assert (w @ w).dtype is lucid.bfloat16 is lucid.get_autocast_cpu_dtype()
        with pytest.raises(ValueError, match="^inside$"), lucid.autocast("cpu", enabled=False):
            raise ValueError("inside")
        assert (w @ w).dtype is lucid.bfloat16
        other = []
        thread = threading.Thread(target=lambda: other.append((w @ w).dtype))
        thread.start()
        thread.join()
        assert other == [lucid.float32]
    assert (w @ w).dtype is lucid.float32 and not lucid.is_autocast_enabled("cuda") and not lucid.is_autocast_enabled()

    @lucid.autocast("cpu")
    def decorated(x: lucid.Tensor) -> lucid.Tensor:
        """Documented."""
        return x @ x

    assert (
        decorated(w).dtype is lucid.bfloat16 and decorated.__doc__ == "Documented." and (w @ w).dtype is lucid.float32
    )
    lucid.set_autocast_enabled("cpu", True)
    assert (w @ w).dtype is lucid.bfloat16
    lucid.set_autocast_cpu_enabled(False)
    lucid.set_autocast_dtype("cpu", lucid.float16)
    with lucid.autocast("cpu"):
        assert (w @ w).dtype is lucid.float16
    assert lucid.get_autocast_dtype("cuda") is lucid.float16 and amp.is_autocast_available("cpu")
    assert not amp.is_autocast_available("cuda")


def test_other_devices_and_dtypes_are_disabled_with_a_warning() -> None:
    with (
        pytest.warns(UserWarning, match=r"^autocast: cuda is not available\. Disabling autocast\."),
        lucid.autocast("cuda"),
    ):
        assert (lucid.ones(2, 2) @ lucid.ones(2, 2)).dtype is lucid.float32
    with pytest.warns(UserWarning, match="^autocast: the dtype float32 is not supported"):
        lucid.autocast("cpu", dtype=lucid.float32)
    with pytest.raises(RuntimeError, match="^autocast: unknown device type 'gpu'"):
        lucid.autocast("gpu")
    with pytest.raises(ValueError, match="^autocast: expected device_type of type str, got int"):
        lucid.autocast(3)


def test_parameters_are_cast_once_and_get_float32_gradients() -> None:
    layer, x = nn.Linear(3, 2), lucid.randn(4, 3)
    with lucid.autocast("cpu"):
        first, second = layer(x), layer(x)
        assert [id(kept) for kept, _, _ in state.cache.values()] == [id(p) for p in layer.parameters()]
        loss = F.mse_loss(first + second, lucid.zeros(4, 2))
        assert first.dtype is lucid.bfloat16 and loss.dtype is lucid.float32
    assert not state.cache
    loss.backward()
    assert layer.weight.grad.dtype is layer.weight.dtype is lucid.float32
    with lucid.autocast("cpu"):
        before = layer(x)
        with lucid.no_grad():
            layer.weight.add_(1)
        assert not layer(x).equal(before)  # a parameter that was changed is cast again


def test_training_under_autocast() -> None:
    lucid.manual_seed(0)
    x = lucid.randn(256, 2)
    target = (x[:, 0] * x[:, 1] > 0).long()
    model = nn.Sequential(nn.Linear(2, 32), nn.SiLU(), nn.LayerNorm(32), nn.Linear(32, 2))
    optimizer, scaler = lucid.optim.AdamW(model.parameters(), lr=0.02), amp.GradScaler("cpu")
    for _ in range(100):
        optimizer.zero_grad()
        with lucid.autocast("cpu", dtype=lucid.float16):
            loss = F.cross_entropy(model(x), target)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
    assert loss.item() < 0.2 and all(p.dtype is lucid.float32 for p in model.parameters())


def test_compiled_models_run_uncompiled() -> None:
    model, x = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval(), lucid.randn(5, 3)
    fast = lucid.compile(model)
    with lucid.no_grad():
        for _ in range(2):
            assert fast(x).dtype is lucid.float32 and fast(x).allclose(model(x), 1e-5, 1e-6)
            with lucid.autocast("cpu"):
                assert fast(x).dtype is lucid.bfloat16 and fast(x).float().allclose(model(x).float(), 0.02, 0.02)
        half = lucid.compile(nn.Linear(3, 2).bfloat16().eval())
        for _ in range(2):
            y = half(x.bfloat16())
            assert y.dtype is lucid.bfloat16


def test_custom_functions() -> None:
    seen: list[Any] = []

    class Product(lucid.autograd.Function):
        @staticmethod
        @amp.custom_fwd(device_type="cpu", cast_inputs=lucid.float32)
        def forward(ctx: Any, x: Any, w: Any) -> Any:
            seen.append((x.dtype, lucid.is_autocast_enabled("cpu")))
            ctx.save_for_backward(x, w)
            return x @ w

        @staticmethod
        @amp.custom_bwd(device_type="cpu")
        def backward(ctx: Any, dy: Any) -> Any:
            x, w = ctx.saved_tensors
            seen.append((dy.dtype, lucid.is_autocast_enabled("cpu")))
            return dy @ w.T, x.T @ dy

    x = lucid.ones(2, 2, requires_grad=True)
    with lucid.autocast("cpu"):
        y = Product.apply(x, lucid.ones(2, 2, dtype=lucid.bfloat16))
    y.sum().backward()
    assert seen == [(lucid.float32, False), (lucid.float32, False)] and x.grad.dtype is lucid.float32


# GradScaler


def scaled(library: Any, scaler: Any, p: Any, optimizer: Any, factor: float) -> None:
    optimizer.zero_grad()
    scaler.scale((p * p).sum() * factor).backward()
    scaler.step(optimizer)
    scaler.update()


def test_scaler_skips_steps_with_infinite_gradients_and_adapts() -> None:
    p = lucid.ones(2, requires_grad=True)
    optimizer, scaler = lucid.optim.SGD([p], lr=0.25), amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
    for factor, value, scale in [
        (1.0, 0.5, 4.0),
        (1.0, 0.25, 8.0),
        (float("inf"), 0.25, 4.0),
        (float("nan"), 0.25, 2.0),
        (1.0, 0.125, 2.0),
    ]:
        scaled(lucid, scaler, p, optimizer, factor)
        assert p.tolist() == [value, value] and scaler.get_scale() == scale
    assert scaler.state_dict() == {
        "scale": 2.0,
        "growth_factor": 2.0,
        "backoff_factor": 0.5,
        "growth_interval": 2,
        "_growth_tracker": 1,
    }
    other = amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict()
    scaler.scale(p.sum())
    scaler.update(new_scale=16.0)
    assert scaler.get_scale() == 16.0
    lists = scaler.scale([p, (p, p)])
    assert lists[1][0].tolist() == [2.0, 2.0]


def test_scaler_refusals() -> None:
    p = lucid.ones(2, requires_grad=True)
    optimizer, scaler = lucid.optim.SGD([p], lr=0.25), amp.GradScaler("cpu")
    with pytest.raises(AssertionError, match="^Attempted step but _scale is None"):
        scaler.step(optimizer)
    with pytest.raises(AssertionError, match="^Attempted update but _scale is None"):
        scaler.update()
    scaler.scale(p.sum()).backward()
    with pytest.raises(AssertionError, match="^No inf checks were recorded prior to update"):
        scaler.update()
    scaler.unscale_(optimizer)
    assert p.grad.tolist() == [1.0, 1.0]
    with pytest.raises(RuntimeError, match="^unscale_\\(\\) has already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="^step\\(\\) has already been called"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="^unscale_\\(\\) is being called after step"):
        scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="^Closure use is not currently supported"):
        scaler.step(optimizer, closure=lambda: 0)
    with pytest.raises(RuntimeError, match="^The source state dict is empty"):
        scaler.load_state_dict({})
    with pytest.raises(ValueError, match="^outputs must be a Tensor or an iterable of Tensors"):
        scaler.scale(3)
    with pytest.raises(AssertionError, match="^The growth factor must be > 1.0"):
        amp.GradScaler("cpu", growth_factor=1.0)
    h = lucid.ones(2, dtype=lucid.float16, requires_grad=True)
    optimizer, scaler = lucid.optim.SGD([h], lr=0.25), amp.GradScaler("cpu")
    scaler.scale(h.sum()).backward()
    with pytest.raises(ValueError, match="^Attempting to unscale FP16 gradients"):
        scaler.unscale_(optimizer)


def test_disabled_scaler_does_nothing() -> None:
    with pytest.warns(UserWarning, match="^GradScaler: enabled, but cuda is not available"):
        scaler = amp.GradScaler()
    p = lucid.ones(2, requires_grad=True)
    optimizer = lucid.optim.SGD([p], lr=0.25)
    loss = (p * p).sum()
    assert (
        scaler.scale(loss) is loss
        and not scaler.is_enabled()
        and scaler.get_scale() == 1.0
        and scaler.state_dict() == {}
    )
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert p.tolist() == [0.5, 0.5]


@pytest.mark.parity
def test_scaler_as_pytorch() -> None:
    torch = pytest.importorskip("torch")
    histories = []
    for library in (lucid, torch):
        p = library.ones(2, requires_grad=True)
        optimizer = library.optim.SGD([p], lr=0.01)
        scaler = library.amp.GradScaler("cpu", init_scale=2.0**126, growth_interval=2, backoff_factor=0.25)
        history = []
        for factor in (1.0, 1.0, 1.0, 1e3, 1.0, float("nan"), 1.0, 1.0, 1.0):
            scaled(library, scaler, p, optimizer, factor)
            history.append((scaler.get_scale(), scaler.state_dict(), p.tolist()))
        histories.append(history)
    assert [h[:2] for h in histories[0]] == [h[:2] for h in histories[1]]
    assert [h[2] for h in histories[0]] == [pytest.approx(h[2], rel=1e-6) for h in histories[1]]
