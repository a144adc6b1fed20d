"""Draw every activation, its value and its gradient, as DIRECTORY/NAME.svg, for the pages of the site."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType

import numpy as np

import lucid
from lucid import nn
from lucid.nn.modules import activation, piecewise, shrink

WIDTH, HEIGHT, MARGIN = 360, 240, 28
LOW, HIGH, POINTS = -4.0, 4.0, 161
ARGUMENTS = {"Threshold": (0.5, 0.0)}
NOT_ELEMENTWISE = {"GLU": "halves a dimension", "Softmax": "depends on a whole dimension"}
COLOURS = {"value": "#2563a8", "gradient": "#c2562b"}


def activations() -> dict[str, type[nn.Module]]:
    """Every class of the modules of elementwise activations that acts on each number by itself."""
    modules: tuple[ModuleType, ...] = (activation, piecewise, shrink)
    found = [c for m in modules for _, c in inspect.getmembers(m, inspect.isclass) if c.__module__ == m.__name__]
    return {c.__name__: c for c in found if issubclass(c, nn.Module) and c.__name__ not in NOT_ELEMENTWISE
            and c.__name__[0] != "_"}  # fmt: skip


def curves(name: str, kind: type[nn.Module]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, the value and the gradient of one activation in evaluation mode."""
    x = lucid.linspace(LOW, HIGH, POINTS, dtype=lucid.float64).reshape(-1, 1).requires_grad_()
    y = kind(*ARGUMENTS.get(name, ())).double().eval()(x)
    y.sum().backward()
    assert x.grad is not None
    return x.detach().numpy()[:, 0], y.detach().numpy()[:, 0], x.grad.numpy()[:, 0]


def draw(name: str, x: np.ndarray, y: np.ndarray, dy: np.ndarray) -> str:
    """The SVG of one activation; the dashed line is the gradient."""
    low, high = min(y.min(), dy.min(), -0.5), max(y.max(), dy.max(), 1.0)
    low, high = max(low - 0.2, -4.5), min(high + 0.2, 4.5)

    def across(v: float) -> float:
        return MARGIN + (v - LOW) / (HIGH - LOW) * (WIDTH - 2 * MARGIN)

    def up(v: float) -> float:
        return HEIGHT - MARGIN - (min(max(v, low), high) - low) / (high - low) * (HEIGHT - 2 * MARGIN)

    def line(values: np.ndarray, kind: str) -> str:
        points = " ".join(f"{across(a):.1f},{up(b):.1f}" for a, b in zip(x, values))
        dash = ' stroke-dasharray="5 4"' if kind == "gradient" else ""
        return f'<polyline points="{points}" fill="none" stroke="{COLOURS[kind]}" stroke-width="2"{dash}/>'

    ticks = [f'<text x="{across(t):.1f}" y="{up(0) + 13:.1f}" text-anchor="middle">{t}</text>' for t in (-4, -2, 2, 4)]
    ticks += [f'<text x="{across(0) - 5:.1f}" y="{up(t) + 4:.1f}" text-anchor="end">{t}</text>'
              for t in range(int(np.ceil(low)), int(np.floor(high)) + 1) if t]  # fmt: skip
    names = [f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 20 + 14 * i}" text-anchor="end" fill="{c}">{k}</text>'
             for i, (k, c) in enumerate(COLOURS.items())]  # fmt: skip
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="11" fill="#666">',
        f"<title>{name}: value and gradient</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<path d="M{MARGIN} {up(0):.1f}H{WIDTH - MARGIN}M{across(0):.1f} {MARGIN}V{HEIGHT - MARGIN}" stroke="#bbb"/>',
        f'<text x="{MARGIN}" y="18" font-size="14" fill="#222">{name}</text>',
        *ticks, *names, line(dy, "gradient"), line(y, "value"), "</svg>\n",
    ])  # fmt: skip


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, kind in activations().items():
        (directory / f"{name}.svg").write_text(draw(name, *curves(name, kind)), encoding="utf-8")
