"""Methods and functions that Python or NumPy stumble over say which they are, and list the arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lucid
from lucid import distributions as dist
from lucid import fx, nn, optim
from lucid.autograd import functional
from lucid.distributions import constraints
from lucid.nn.utils import prune
from lucid.optim.lr_scheduler import ChainedScheduler, CyclicLR, ExponentialLR, ReduceLROnPlateau


def sgd() -> optim.SGD:
    return optim.SGD(nn.Linear(2, 3).parameters(), lr=0.1)


def chained() -> ChainedScheduler:
    optimizer = sgd()
    return ChainedScheduler([ExponentialLR(optimizer, 0.9), ExponentialLR(optimizer, 0.5)])


CASES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: dist.Beta("x", 1.0), ValueError, "Beta: expected numbers and Tensors, got str"),
    (lambda: dist.ExpTransform()([1, 2]), TypeError, "ExpTransform: wrong argument among x: list"),
    (lambda: dist.TanhTransform().log_abs_det_jacobian(None, None), TypeError,
     "TanhTransform.log_abs_det_jacobian: wrong argument among x: NoneType, y: NoneType"),
    (lambda: dist.Independent(lucid.ones(2), 1), TypeError,
     "Independent: wrong argument among base_distribution: float32 (2,), reinterpreted_batch_ndims: 1"),
    (lambda: dist.VonMises(0.0, 1.0).sample("x"), TypeError, "VonMises.sample: wrong argument among sample_shape: 'x'"),
    (lambda: constraints.cat([constraints.positive]).check(3), TypeError, "_Cat.check: wrong argument among value: 3"),
    (lambda: fx.Graph().placeholder(0), TypeError, "Graph.placeholder: wrong argument among name: 0"),
    (lambda: fx.Graph().erase_node(nn.Linear), TypeError, "Graph.erase_node: wrong argument among to_erase: type"),
    (lambda: fx.Interpreter(3), TypeError, "Interpreter: wrong argument among module: 3"),
    (lambda: nn.DynamicKVCache().update(1, 2, 0), TypeError,
     "DynamicKVCache.update: wrong argument among key: 1, value: 2, layer_idx: 0"),
    (lambda: prune.L1Unstructured(1).compute_mask("x", 2), TypeError,
     "L1Unstructured.compute_mask: wrong argument among t: 'x', default_mask: 2"),
    (lambda: lucid.amp.GradScaler().step((1, 2)), TypeError, "GradScaler.step: wrong argument among optimizer: tuple"),
    (lambda: lucid.amp.GradScaler("cpu").load_state_dict({"a": 1}), ValueError,
     "GradScaler.load_state_dict: wrong argument among state_dict: dict"),
    (lambda: lucid.autograd.grad(lucid.ones(1, requires_grad=True).sum(), (1,)), TypeError,
     "grad: wrong argument among outputs: float32 (), inputs: tuple"),
    (lambda: lucid.autograd.backward((1.5,)), TypeError, "backward: wrong argument among tensors: tuple"),
    (lambda: functional.jacobian(3, lucid.ones(2)), TypeError,
     "jacobian: wrong argument among func: 3, inputs: float32 (2,)"),
    (lambda: lucid.autograd.gradcheck(abs, 3), TypeError,
     "gradcheck: wrong argument among func: builtin_function_or_method, inputs: 3"),
    (lambda: lucid.isclose(lucid.ones(1), lucid.ones(1), atol=10**30), TypeError,
     "isclose: wrong argument among x: float32 (1,), y: float32 (1,), atol: an integer of 100 bits"),
    (lambda: lucid.div(lucid.ones(1), lucid.ones(1), rounding_mode=lucid.ones(2, 1)), ValueError,
     "div: rounding_mode must be None, 'trunc' or 'floor', got Tensor([[1.0], [1.0]], grad=None)"),
    (lambda: lucid.models.nms(lucid.ones(2, 4), lucid.ones(2), "x"), TypeError,
     "nms: wrong argument among boxes: float32 (2, 4), scores: float32 (2,), iou_threshold: 'x'"),
    (lambda: lucid.quantization.calibrate(nn.Linear(2, 3).eval(), 3.0), TypeError,
     "calibrate: wrong argument among model: Linear, batches: 3.0"),
    (lambda: lucid.signal.windows.kaiser(5, beta=[]), TypeError, "kaiser: wrong argument among M: 5, beta: list"),
    (lambda: lucid.einops.rearrange(lucid.ones(1, 2), [None]), TypeError,
     "rearrange: wrong argument among a: float32 (1, 2), pattern: list"),
    (lambda: lucid.profiler.schedule(wait="x", warmup=1, active=1), TypeError,
     "schedule: wrong argument among wait: 'x', warmup: 1, active: 1"),
    (lambda: lucid.rand(2, generator="x"), TypeError, "rand: expected a Generator as generator, got str"),
    (lambda: lucid.Generator().set_state({}), TypeError, "set_state: expected a Tensor, got dict"),
    (lambda: lucid.ones(2).type_as([1]), TypeError, "type_as: expected a Tensor, got list"),
    (lambda: lucid.result_type(lucid.ones(2), [1]), TypeError, "result_type: expected Tensors and numbers, got list"),
    (lambda: chained().load_state_dict([]), TypeError, "ChainedScheduler: load_state_dict expected a dict, got list"),
    (lambda: chained().load_state_dict({}), ValueError, "ChainedScheduler: expected the states of 2 schedulers, got None"),
    (lambda: ReduceLROnPlateau(sgd()).step("a"), ValueError, "ReduceLROnPlateau: metrics must be a number, got 'a'"),
    (lambda: ReduceLROnPlateau(sgd()).step(None), TypeError, "ReduceLROnPlateau: metrics must be a number, got None"),
    (lambda: CyclicLR(sgd(), 0.1, 0.2).load_state_dict("x"), TypeError,
     "CyclicLR: load_state_dict expected a dict, got str"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "text"), CASES, ids=[text.partition(":")[0] for *_, text in CASES])
def test_text(call: Callable[[], Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as found:
        call()
    assert str(found.value) == text


def test_a_scheduler_is_as_it_was_after_a_wrong_state() -> None:
    scheduler = chained()
    before = scheduler.state_dict()["_schedulers"][0]["last_epoch"]
    with pytest.raises(TypeError, match=r"^ChainedScheduler: load_state_dict expected a dict, got int$"):
        scheduler.load_state_dict({"last_epoch": 7, "_schedulers": [{}, 1]})
    assert scheduler.state_dict()["_schedulers"][0]["last_epoch"] == before


def test_a_scaler_is_as_it_was_after_a_wrong_state() -> None:
    scaler = lucid.amp.GradScaler("cpu", init_scale=8.0)
    state = {**scaler.state_dict(), "scale": 2.0, "growth_factor": "x"}
    with pytest.raises(ValueError, match="^GradScaler.load_state_dict: wrong argument among state_dict: dict"):
        scaler.load_state_dict(state)
    assert scaler.get_scale() == 8.0


def test_errors_of_callers_stay_theirs() -> None:
    class Mine(dist.Transform):
        domain = codomain = constraints.real

        def _call(self, x: Any) -> Any:
            return x.nothing_of_the_kind

    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        Mine()(np.float64(1))
    with pytest.raises(TypeError, match=r"^Normal.log_prob\(\) got an unexpected keyword argument 'wrong'$"):
        dist.Normal(0.0, 1.0).log_prob(wrong=1)
