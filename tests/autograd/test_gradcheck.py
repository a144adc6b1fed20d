"""The checks themselves: they pass on right gradients and fail on wrong ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lucid
from lucid import Tensor
from lucid.autograd import Function, gradcheck, gradgradcheck
from lucid.autograd._gradcheck import GradcheckError


def doubles(*shape: int) -> Tensor:
    return lucid.tensor(np.random.default_rng(0).uniform(0.5, 2, shape), requires_grad=True)


def faulty(factor: float) -> Any:
    """x^2 whose gradient is off by a factor."""

    class Faulty(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Tensor:
            return dy * ctx.saved_tensors[0] * 2 * factor

    return Faulty.apply


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
def test_right_gradients_pass(shape: tuple[int, ...]) -> None:
    x, y = doubles(*shape), doubles(*shape)
    assert gradcheck(lambda a, b: a * b / (a + b), [x, y])
    assert gradgradcheck(lambda a, b: a * b / (a + b), [x, y])


@pytest.mark.parametrize("factor", [0.0, -1.0, 1.01, 2.0, float("nan")])
def test_wrong_gradients_fail(factor: float) -> None:
    x = doubles(3)
    message = (
        r"gradcheck: Jacobian mismatch for output 0 with respect to input 0, d\(out\[0\]\)/d\(in\[0\]\): analytical"
    )
    with pytest.raises(GradcheckError, match=message):
        gradcheck(faulty(factor), x)
    assert gradcheck(faulty(factor), x, raise_exception=False) is False


def test_wrong_second_gradient_fails() -> None:
    class FirstOnly(Function):
        """Right first derivative, computed where the second cannot see it."""

        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Tensor:
            return dy * (3 * ctx.saved_tensors[0].detach() ** 2)

    x = doubles(2)
    assert gradcheck(FirstOnly.apply, x)
    with pytest.raises(GradcheckError, match="Jacobian mismatch"):
        gradgradcheck(FirstOnly.apply, x)


def test_wrong_second_gradient_of_the_other_operand_fails() -> None:
    """The mixed derivative of x * y is 1, whichever operand is moved."""

    class Product(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx: Any, dz: Tensor) -> tuple[Tensor, Tensor]:
            x, y = ctx.saved_tensors
            return dz * y.detach(), dz * x

    x, y = doubles(2), doubles(2)
    assert gradcheck(Product.apply, [x, y])
    with pytest.raises(GradcheckError, match="output 0 with respect to input 1"):
        gradgradcheck(Product.apply, [x, y])


def test_every_output_and_input_is_checked() -> None:
    x, y = doubles(2), doubles(2)
    with pytest.raises(GradcheckError, match="output 1 with respect to input 1"):
        gradcheck(lambda a, b: (a * b, a + faulty(2.0)(b)), [x, y])


def test_constants_are_not_moved() -> None:
    x, c = doubles(2), doubles(2).detach()
    assert gradcheck(lambda a, b: a * b, [x, c])


def test_a_missing_gradient_is_a_zero_gradient() -> None:
    x = doubles(2)
    with pytest.raises(GradcheckError, match=r"analytical 0\.0"):
        gradcheck(lambda a: a.detach() * 2 + a * 0, x)


def test_inputs_are_restored() -> None:
    x = doubles(3)
    before = x.tolist()
    gradcheck(lambda a: a * a, x)
    assert x.tolist() == before and x.grad is None


def test_float32_is_refused() -> None:
    with pytest.raises(ValueError, match="gradcheck: input 0 is float32; differences need float64"):
        gradcheck(lambda a: a * a, lucid.ones(2, requires_grad=True))


def test_nothing_to_check_is_refused() -> None:
    with pytest.raises(ValueError, match="gradcheck: expects at least one input that requires grad"):
        gradcheck(lambda a: a * a, lucid.ones(2, dtype=lucid.float64))


def test_options_of_pytorch_are_accepted_and_others_are_not() -> None:
    x = lucid.tensor([0.5], dtype=lucid.float64, requires_grad=True)
    assert gradcheck(lucid.tanh, x, fast_mode=True, nondet_tol=1e-3)
    assert gradgradcheck(lucid.tanh, x, gen_non_contig_grad_outputs=True, check_batched_grad=False)
    for check in (gradcheck, gradgradcheck):
        with pytest.raises(TypeError, match=f"^{check.__name__}: there is no option 'atoll'$"):
            check(lucid.tanh, x, atoll=1e-3)
