"""Groups: steps that run a few samples at a time."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import nn
from lucid.compiler._groups import find_groups


def segments(compiled: Any) -> list[Any]:
    return [step.run for plan in compiled._plans.values() for step in plan.program.steps if hasattr(step.run, "plan")]


def network() -> nn.Module:
    """Inverted residuals with squeeze-and-excitation at 64x64, pooling, a classifier."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.expand, self.project = nn.Conv2d(16, 48, 1), nn.Conv2d(48, 16, 1)
            self.depth = nn.Conv2d(48, 48, 3, padding=1, groups=48)
            self.squeeze, self.excite = nn.Conv2d(48, 8, 1), nn.Conv2d(8, 48, 1)

        def forward(self, x: Any) -> Any:
            y = nn.functional.hardswish(self.depth(nn.functional.silu(self.expand(x))))
            s = self.excite(nn.functional.relu(self.squeeze(nn.functional.adaptive_avg_pool2d(y, 1)))).sigmoid()
            return x + self.project(y * s)

    lucid.manual_seed(0)
    stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
    wide = nn.Conv2d(16, 64, 3, padding=1)
    return nn.Sequential(
        stem, nn.ReLU(), Block(), nn.MaxPool2d(3, 2, 1), Block(), wide, nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    ).eval()  # fmt: skip


@pytest.fixture
def two_threads() -> Any:
    before = lucid.get_num_threads()
    lucid.set_num_threads(2)
    yield
    lucid.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_bits_are_those_of_one_sample(tmp_path: Any) -> None:
    model, x = network(), lucid.randn(8, 3, 128, 128)
    compiled = lucid.compile(model)
    y = compiled(x).numpy()
    (found,) = segments(compiled)
    assert [(group.tasks, group.samples) for group in found.groups] == [(8, 1)]
    assert found.groups[0].end - found.groups[0].first > 10
    for i in range(8):
        np.testing.assert_array_equal(compiled(x[i : i + 1]).numpy(), y[i : i + 1])
    for threads in (1, 2, 3, 8):
        lucid.set_num_threads(threads)
        np.testing.assert_array_equal(compiled(x).numpy(), y)
        np.testing.assert_array_equal(lucid.compile(model)(x).numpy(), y)
    with lucid.no_grad():
        np.testing.assert_allclose(y, model(x).numpy(), rtol=0, atol=1e-6)
    compiled.save(tmp_path / "net.lucid")
    np.testing.assert_array_equal(lucid.load_compiled(tmp_path / "net.lucid")(x).numpy(), y)


@pytest.mark.usefixtures("two_threads")
def test_explain_names_groups(capsys: pytest.CaptureFixture[str]) -> None:
    compiled = lucid.compile(network())
    compiled.explain(lucid.randn(8, 3, 128, 128))
    printed = capsys.readouterr().out
    assert re.search(r"; \d+ of the steps in 1 groups, 1 of the samples at a time, \d+\.\d\d MB a thread", printed)
    (found,) = segments(compiled)
    _, seconds = found.profile(lucid.randn(8, 3, 128, 128).numpy())
    assert len(seconds) == len(found.recipe.steps) and all(s > 0 for s in seconds)  # those inside too


@pytest.mark.usefixtures("two_threads")
def test_one_sample_has_no_groups() -> None:
    compiled = lucid.compile(network())
    compiled(lucid.randn(1, 3, 128, 128))
    assert [found.groups for found in segments(compiled)] == [[]]


@pytest.mark.usefixtures("two_threads")
def test_a_group_needs_less_memory() -> None:
    compiled = lucid.compile(network())
    compiled(lucid.randn(8, 3, 128, 128))
    (found,) = segments(compiled)
    assert find_groups(found.recipe, 2) and not find_groups(found.recipe, 6)  # 8 tasks leave 4 of 6 threads idle
    whole = sum(b.nbytes for b in found.recipe.buffers if b.kind == "temporary")
    assert found.arena < whole / 8


@pytest.mark.usefixtures("two_threads")
def test_inputs_and_results_within_a_group() -> None:
    """Results that the caller gets are written by a group, and inputs are read by several of its steps."""
    lucid.manual_seed(1)
    a, b = nn.Conv2d(16, 32, 1).eval(), nn.Conv2d(32, 16, 3, padding=1).eval()

    @lucid.compile
    def both(x: Any, y: Any) -> Any:
        z = nn.functional.silu(a(x)) + y
        return b(z) * x, z

    x, y = lucid.randn(4, 16, 48, 48), lucid.randn(4, 32, 48, 48)
    with lucid.no_grad():
        results = [r.numpy() for r in both(x, y)]
        assert any(found.groups for found in segments(both))
        for i in range(4):
            for one, r in zip(both(x[i : i + 1], y[i : i + 1]), results):
                np.testing.assert_array_equal(one.numpy(), r[i : i + 1])
        z = nn.functional.silu(a(x)) + y
        np.testing.assert_allclose(results[1], z.numpy(), rtol=0, atol=1e-5)
        np.testing.assert_allclose(results[0], (b(z) * x).numpy(), rtol=0, atol=2e-5)
