"""Names that are imported when they are first used."""

from __future__ import annotations

import importlib
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

import lucid
from lucid import nn
from lucid._functions._gate import Gate
from lucid._later import Later

# packages whose lazily imported modules provide all their public names
PACKAGES = [
    (lucid, "lucid._functions", ("arrange", "complex", "diagonal", "distance", "einsum", "elementwise", "histogram", "integers", "pairwise", "quantile", "search", "scan",
                                 "scatter", "statistics", "stft", "strided")),
    (nn.functional, "lucid.nn.functional", ("adaptive_pool", "attention", "conv_transpose", "ctc", "distance", "drops", "position",
                                            "fractional", "grid", "linear_loss", "pool3d",
                                            "likelihood", "lp_pool", "margin", "multi_margin", "response_norm",
                                            "shrink", "shuffle", "unpool")),
    (nn, "lucid.nn.modules", ("adaptive", "adaptive_pool", "alpha_dropout", "attention", "blocks", "cache", "constrained", "drops", "position", "conv_transpose", "ctc", "distance",
                              "embedding_bag", "fold", "lazy", "likelihood", "linear_loss", "lp_pool", "margin", "padding", "parallel", "response_norm",
                              "rnn", "rnn_cell", "shrink", "shuffle", "transformer", "transformer_layer", "unpool", "upsampling")),
]  # fmt: skip


def public(module: ModuleType) -> list[str]:
    own = [n for n, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__ and n[0] != "_"]
    return list(getattr(module, "__all__", own))


@pytest.mark.parametrize(
    ("package", "module"), [(package, f"{folder}.{name}") for package, folder, names in PACKAGES for name in names]
)
def test_every_public_name_of_a_module_is_found(package: Any, module: str) -> None:
    found = importlib.import_module(module)
    assert public(found)
    for name in public(found):
        value = getattr(package, name)
        assert (value.__wrapped__ if isinstance(value, Gate) else value) is getattr(found, name), name
        assert name in dir(package), name


def test_importing_lucid_leaves_them_alone_and_using_them_works() -> None:
    program = """
import sys, lucid, lucid.nn.functional as F
before = [m for m in sys.modules if m.startswith("lucid.") and m.rpartition(".")[2] in ("einsum", "rnn", "linalg", "ctc")]
assert not before, before
import lucid.nn.modules.fold, lucid.nn.modules.embedding_bag, lucid.nn.modules.upsampling
import lucid.utils
assert callable(lucid.utils.summary.summary) and callable(lucid.utils.flops.count_flops)
assert callable(F.fold) and callable(F.embedding_bag) and callable(F.interpolate) and callable(F.alpha_dropout)
from lucid import einsum
from lucid.nn import LSTM
assert einsum is lucid.einsum and lucid.nn.LSTM is LSTM and lucid.linalg.inv.__wrapped__ is lucid.inverse.__wrapped__
"""
    subprocess.run([sys.executable, "-P", "-c", program], check=True, timeout=60)


def test_errors_have_one_name_before_their_functions_are_imported() -> None:
    program = """
import lucid
x = lucid.ones(5, 2, 8)
try:
    lucid.nn.MultiheadAttention(8, 2)(x, x, x, attn_mask=lucid.ones(4, 4))
except RuntimeError as error:
    assert str(error).startswith("MultiheadAttention: expected attn_mask of shape"), error
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-P", "-c", program], check=True, timeout=60)


def test_methods_take_their_own_place() -> None:
    x = lucid.ones(2, 2)
    assert x.diagonal().tolist() == [1, 1]
    assert not any(isinstance(getattr(lucid.Tensor, name), Later) for name in dir(lucid.Tensor))
    assert lucid.Tensor.index_add_.__name__ == "index_add_"
    with pytest.raises(AttributeError, match="module 'lucid.nn' has no attribute 'Nothing'"):
        nn.Nothing  # noqa: B018
    with pytest.raises(AttributeError, match="module 'lucid' has no attribute 'nothing'"):
        lucid.nothing  # noqa: B018
