"""Names of PyTorch beside tensors and layers: constants, other devices, former spellings, tools of tests."""

from __future__ import annotations

import math
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import lucid
from lucid import nn
from lucid.autograd import Variable
from lucid.nn.attention import SDPBackend, sdpa_kernel


def test_constants() -> None:
    assert (lucid.pi, lucid.e, lucid.inf) == (math.pi, math.e, math.inf) and math.isnan(lucid.nan)


def test_a_script_that_says_import_lucid_as_torch() -> None:
    """What scripts ask PyTorch's top level for has its honest answer under lucid's own name too."""
    script = """
        import lucid as torch
        import lucid.nn as nn
        assert not torch.cuda.is_available() and torch.cuda.device_count() == 0
        assert not torch.backends.mps.is_available()
        torch.backends.cudnn.benchmark = True
        assert torch.backends.cudnn.benchmark
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = torch.jit.script(nn.Conv2d(3, 4, 3)).to(device, memory_format=torch.channels_last)
        x = torch.ones(1, 3, 8, 8).contiguous(memory_format=torch.channels_last)
        assert model(x).shape == (1, 4, 6, 6) and torch.FloatTensor([1, 2]).dtype is torch.float32
        assert isinstance(x, torch.FloatTensor) and not torch.distributed.is_available()
        with torch.cuda.amp.autocast(enabled=False):
            pass
        try:
            torch.cuda.nonesuch
        except AttributeError as error:
            print(error)
        """
    result = subprocess.run(
        [sys.executable, "-P", "-W", "ignore", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "module 'lucid.cuda' has no attribute 'nonesuch'"


def test_variable_is_the_tensor_without_history() -> None:
    x = lucid.ones(2, requires_grad=True) * 2
    v = Variable(x)
    assert v.grad_fn is None and not v.requires_grad and v.data_ptr() == x.data_ptr()
    assert isinstance(x, Variable) and not isinstance([1.0], Variable)
    assert Variable(lucid.ones(2), requires_grad=True).requires_grad
    with pytest.raises(TypeError, match="Variable data has to be a tensor, but got list"):
        Variable([1.0])


def test_fork_rng_leaves_the_generator_alone() -> None:
    lucid.manual_seed(3)
    expected = lucid.rand(4)
    lucid.manual_seed(3)
    with pytest.raises(KeyError), lucid.random.fork_rng():
        lucid.rand(7)
        raise KeyError
    assert (lucid.rand(4) == expected).all()
    with lucid.random.fork_rng(enabled=False):
        drawn = lucid.rand(4)
    assert (drawn != lucid.rand(4)).any()


def test_initialisers_by_their_former_names_warn() -> None:
    w = lucid.empty(3, 4)
    with pytest.warns(FutureWarning, match="`nn.init.constant` is now deprecated in favor of `nn.init.constant_`"):
        assert nn.init.constant(w, 2.0) is w
    assert (w == 2).all()
    with pytest.raises(AttributeError, match="nonesuch"):
        nn.init.nonesuch  # noqa: B018


def test_choices_of_attention_kernels_change_no_bit() -> None:
    q, k, v = (lucid.randn(2, 4, 8, 16) for _ in range(3))
    expected = nn.functional.scaled_dot_product_attention(q, k, v)
    with sdpa_kernel([SDPBackend.MATH, SDPBackend.FLASH_ATTENTION], set_priority=True):
        assert (nn.functional.scaled_dot_product_attention(q, k, v) == expected).all()
    with pytest.raises(TypeError, match="sdpa_kernel: expected members of SDPBackend, got 'math'"):
        sdpa_kernel("math").__enter__()  # type: ignore[arg-type]


def test_models_of_one_architecture_run_as_one() -> None:
    models = [nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)) for _ in range(3)]
    params, buffers = lucid.func.stack_module_state(models)
    assert params["0.weight"].shape == (3, 4, 3) and params["0.weight"].requires_grad and not buffers
    x = lucid.randn(5, 3)
    together = lucid.func.vmap(
        lambda p, b: lucid.func.functional_call(models[0], (p, b), (x,)), in_dims=(0, 0)
    )(params, buffers)  # fmt: skip
    for model, y in zip(models, together):
        lucid.testing.assert_close(y, model(x))
    with pytest.raises(RuntimeError, match="at least one model"):
        lucid.func.stack_module_state([])
    with pytest.raises(RuntimeError, match="same class"):
        lucid.func.stack_module_state([nn.Linear(1, 1), nn.ReLU()])


CLOSE = [
    ([1.0, 2.0], [1.0, 2.0], {}, ""),
    ([1.0, 2.0], [1.0, 2.1], {}, "Mismatched elements: 1 / 2 (50.0%)\nGreatest absolute difference: 0.09999990463256836 at index (1,) (up to 1e-05 allowed)\nGreatest relative difference: 0.0476190"),
    ([1.0, 2.0], [1.0, 2.1], {"rtol": 0.1, "atol": 0.0}, ""),
    ([1.0], [1.0, 2.0], {}, "The values for attribute 'shape' do not match: lucid.Size([1]) != lucid.Size([2])."),
    ([1], [1.0], {}, "The values for attribute 'dtype' do not match: lucid.int64 != lucid.float32."),
    ([1], [1.0], {"check_dtype": False}, ""),
    ([1, 2], [1, 4], {}, "Tensor-likes are not equal!"),
    ([np.nan], [np.nan], {}, "Tensor-likes are not close!"),
    ([np.nan], [np.nan], {"equal_nan": True}, ""),
    ([np.inf], [np.inf], {}, ""),
    ([np.inf], [-np.inf], {}, "Tensor-likes are not close!"),
    ([np.inf], [1.0], {}, "Tensor-likes are not close!"),
]  # fmt: skip


@pytest.mark.parametrize(("actual", "expected", "options", "text"), CLOSE)
def test_assert_close(actual: list[float], expected: list[float], options: dict[str, object], text: str) -> None:
    a, e = lucid.tensor(actual), lucid.tensor(expected)
    if not text:
        lucid.testing.assert_close(a, e, **options)
        return
    with pytest.raises(AssertionError) as caught:
        lucid.testing.assert_close([{"x": a}], [{"x": e}], **options)
    assert text in str(caught.value)
    assert str(caught.value).endswith("\n\nThe failure occurred for item [0]['x']")


def test_assert_close_refuses_what_it_cannot_compare() -> None:
    with pytest.raises(TypeError, match="cannot compare set with int"):
        lucid.testing.assert_close({1}, 1)
    with pytest.raises(ValueError, match="rtol and atol must be given together"):
        lucid.testing.assert_close(1.0, 1.0, rtol=0.1)
    with pytest.raises(AssertionError, match="length of the sequences mismatch: 1 != 2"):
        lucid.testing.assert_close([1], [1, 2])
    with pytest.raises(AssertionError, match="^mine$"):
        lucid.testing.assert_close(1.0, 2.0, msg="mine")


WINDOWS = {
    "bartlett": {}, "blackman": {}, "cosine": {}, "exponential": {"tau": 2.0}, "gaussian": {"std": 0.7},
    "general_cosine": {"a": [0.4, 0.3, 0.2, 0.1]}, "general_hamming": {"alpha": 0.6}, "hamming": {}, "hann": {},
    "kaiser": {"beta": 5.0}, "nuttall": {},
}  # fmt: skip


@pytest.mark.parity
@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("sym", [True, False])
def test_windows_are_pytorchs(name: str, sym: bool) -> None:
    torch = pytest.importorskip("torch")
    own, theirs = getattr(lucid.signal.windows, name), getattr(torch.signal.windows, name)
    for size in (0, 1, 2, 7, 32):
        y = own(size, sym=sym, dtype=lucid.float64, **WINDOWS[name])
        expected = theirs(size, sym=sym, dtype=torch.float64, **WINDOWS[name])
        np.testing.assert_allclose(y.numpy(), expected.numpy(), atol=1e-12)
    with pytest.raises(ValueError, match=f"{name}|general_cosine"):
        own(-1, **WINDOWS[name])


def test_every_window_is_tried() -> None:
    assert set(WINDOWS) == set(lucid.signal.windows.__all__)
