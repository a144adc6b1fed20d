"""Switching recording off and on: contexts, decorators, threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

import lucid
from lucid import Tensor


@pytest.fixture
def x() -> Tensor:
    return lucid.ones(2, requires_grad=True)


def test_no_grad(x: Tensor) -> None:
    with lucid.no_grad():
        y = x * 2
        assert not lucid.is_grad_enabled()
    assert not y.requires_grad and y.grad_fn is None and lucid.is_grad_enabled()


def test_enable_grad_inside_no_grad(x: Tensor) -> None:
    with lucid.no_grad():
        with lucid.enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad


def test_set_grad_enabled_as_context(x: Tensor) -> None:
    for wanted in (False, True):
        with lucid.set_grad_enabled(wanted):
            assert (x * 2).requires_grad is wanted
        assert lucid.is_grad_enabled()


def test_set_grad_enabled_as_function(x: Tensor) -> None:
    lucid.set_grad_enabled(False)
    try:
        assert not (x * 2).requires_grad
    finally:
        lucid.set_grad_enabled(True)
    assert (x * 2).requires_grad


def test_inference_mode(x: Tensor) -> None:
    with lucid.inference_mode():
        assert lucid.is_inference_mode_enabled() and not lucid.is_grad_enabled()
        assert not (x * 2).requires_grad
        with lucid.inference_mode(False):
            assert lucid.is_inference_mode_enabled(), "False changes nothing"
    assert not lucid.is_inference_mode_enabled() and lucid.is_grad_enabled()


@pytest.mark.parametrize("decorate", [lucid.no_grad, lucid.no_grad(), lucid.inference_mode, lucid.inference_mode()])
def test_as_decorator(decorate: Callable[..., Any], x: Tensor) -> None:
    @decorate
    def double(t: Tensor, *, by: float = 2) -> Tensor:
        """Doubles."""
        return t * by

    for _ in range(2):
        assert not double(x, by=3).requires_grad
    assert lucid.is_grad_enabled() and double.__name__ == "double" and double.__doc__ == "Doubles."


def test_enable_grad_as_decorator(x: Tensor) -> None:
    for decorate in (lucid.enable_grad, lucid.enable_grad()):
        function = decorate(lambda t: t * 2)
        with lucid.no_grad():
            assert function(x).requires_grad


def test_set_grad_enabled_as_decorator(x: Tensor) -> None:
    function = lucid.set_grad_enabled(False)(lambda t: t * 2)
    assert lucid.is_grad_enabled(), "decorating changes nothing by itself"
    assert not function(x).requires_grad and lucid.is_grad_enabled()


def test_an_exception_restores_the_mode() -> None:
    for context in (lucid.no_grad, lucid.inference_mode, lambda: lucid.set_grad_enabled(False)):
        with pytest.raises(KeyError), context():
            raise KeyError
        assert lucid.is_grad_enabled()


def test_one_context_object_nested_in_itself() -> None:
    context = lucid.no_grad()
    with context, lucid.enable_grad():
        with context:
            assert not lucid.is_grad_enabled()
        assert lucid.is_grad_enabled()
    assert lucid.is_grad_enabled()


def test_recursive_decorated_function(x: Tensor) -> None:
    @lucid.no_grad()
    def power(t: Tensor, n: int) -> Tensor:
        return t if n == 0 else power(t, n - 1) * 2

    assert not power(x, 5).requires_grad and lucid.is_grad_enabled()


def test_other_threads_are_not_affected(x: Tensor) -> None:
    inside, checked, seen = threading.Event(), threading.Event(), []

    def other() -> None:
        inside.wait(10)
        seen.append((lucid.is_grad_enabled(), (x * 2).requires_grad))
        checked.set()

    thread = threading.Thread(target=other)
    thread.start()
    with lucid.no_grad():
        inside.set()
        assert checked.wait(10)
    thread.join()
    assert seen == [(True, True)]


def test_backward_in_another_thread(x: Tensor) -> None:
    y = (x * x).sum()
    thread = threading.Thread(target=y.backward)
    thread.start()
    thread.join()
    assert x.grad.tolist() == [2, 2]


def test_parameters_may_be_updated_under_no_grad(x: Tensor) -> None:
    with lucid.no_grad():
        x.sub_(0.5)
        x -= 0.25
        x[0] = 7
    assert x.tolist() == [7, 0.25] and x.requires_grad and x.is_leaf


def test_creation_with_requires_grad_under_no_grad() -> None:
    with lucid.no_grad():
        assert lucid.ones(1, requires_grad=True).requires_grad
