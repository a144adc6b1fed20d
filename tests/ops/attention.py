"""Records of attention."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case, example, inf

import lucid.nn.functional as F


def attention(
    q: Any, k: Any, v: Any, mask: Any = None, is_causal: bool = False, scale: Any = None, enable_gqa: bool = False
) -> Any:
    if enable_gqa:
        k, v = (np.repeat(x, q.shape[-3] // x.shape[-3], axis=-3) for x in (k, v))
    s = q @ np.swapaxes(k, -1, -2) * (1 / np.sqrt(q.dtype.type(q.shape[-1])) if scale is None else scale)
    if mask is not None:
        s = np.where(mask, s, -inf) if mask.dtype == np.bool_ else s + mask
    if is_causal:
        s = np.where(np.tri(*s.shape[-2:], dtype=np.bool_), s, -inf)
    top = np.max(s, axis=-1, keepdims=True, initial=-inf)
    p = np.exp(s - np.where(top == -inf, 0, top))
    total = np.sum(p, axis=-1, keepdims=True)
    return p / np.where(total == 0, 1, total) @ v


def multi_head(x: Any, w: Any, b: Any, out: Any, c: Any, heads: int = 2) -> Any:
    length, batch, size = x.shape
    q, k, v = (
        (x @ w.T + b).reshape(length, batch, 3, heads, size // heads)[:, :, i].transpose(1, 2, 0, 3) for i in range(3)
    )
    return attention(q, k, v).transpose(2, 0, 1, 3).reshape(x.shape) @ out.T + c


def call_multi_head(
    x: Any,
    w: Any,
    b: Any,
    out: Any,
    c: Any,
    heads: int = 2,
    need_weights: bool = False,
    f: Any = F.multi_head_attention_forward,
) -> Any:
    y, _ = f(x, x, x, x.shape[-1], heads, w, b, None, None, False, 0.0, out, c, need_weights=need_weights)
    return y


KEPT = np.array([[True, False, True], [False, False, False], [True, True, True]])
CASES = (
    case((1, 2, 5, 4), (1, 2, 5, 4), (1, 2, 5, 4)), case((2, 1, 3, 8), (2, 1, 7, 8), (2, 1, 7, 5)), case((3, 4), (5, 4), (5, 4)),
    case((2, 33, 6), (2, 40, 6), (2, 40, 33)), case((2, 2, 3, 4, 5), (2, 2, 3, 6, 5), (2, 2, 3, 6, 5)), case((1, 1, 70, 3), (1, 1, 300, 3), (1, 1, 300, 2)),
    case((1, 1, 4, 5), (1, 1, 6, 5), (1, 1, 6, 5), scale=0.7), case((2, 1, 40, 5), (2, 1, 36, 5), (2, 1, 36, 5), is_causal=True),
    case((1, 4, 3, 5), (1, 2, 6, 5), (1, 2, 6, 5), enable_gqa=True), case((2, 2, 3, 4), (1, 1, 5, 4), (2, 1, 5, 4)),
    case((2, 3), (3, 3), (3, 2)), case((1, 2, 3, 1), (1, 1, 3, 1), (1, 1, 3, 1), is_causal=True, enable_gqa=True),
    case((0, 2, 3, 4), (0, 2, 5, 4), (0, 2, 5, 4)), case((1, 2, 0, 4), (1, 2, 5, 4), (1, 2, 5, 4)), case((1, 2, 3, 4), (1, 2, 0, 4), (1, 2, 0, 4)),
)  # fmt: skip
MASKED = (
    *(case((2, 2, 3, 4), (2, 2, 3, 4), (2, 2, 3, 4), mask) for mask in (KEPT, KEPT[None, None], np.stack([KEPT, ~KEPT])[:, None], KEPT[:1])),
    *(case((2, 2, 3, 4), (2, 2, 5, 4), (2, 2, 5, 4), mask) for mask in ((3, 5), (2, 1, 3, 5), (2, 1, 1, 5), (5,), (2, 2, 3, 5))),
    case((3, 2), (3, 2), (3, 2), KEPT), case((1, 1, 2, 2), (1, 1, 3, 2), (1, 1, 3, 2), (1, 1, 2, 3)), case((3, 1), (2, 1), (2, 1), (2,)),
    case((2, 3, 4), (2, 5, 4), (2, 5, 4), (2, 3, 5)), case((2, 2, 1, 3, 4), (2, 2, 1, 5, 4), (2, 2, 1, 5, 4), (2, 1, 1, 3, 5)),
    case((1, 4, 3, 5), (1, 2, 3, 5), (1, 2, 3, 5), KEPT, enable_gqa=True), case((1, 2, 3, 5), (1, 2, 3, 5), (1, 2, 3, 5), (3, 3), is_causal=True),
)  # fmt: skip
WHY = "two sums of products around an exponential: errors are relative to the largest terms"
OPTIONS: dict[str, Any] = dict(
    ulp=(16, 16), why=WHY, grad_ulp=64, grad_floor=None, elementwise=False, integer="", span=((-2, 2),)
)


def largest(*args: Any, **params: Any) -> Any:
    """The scale of a weighted mean, and of the scores' rounding that goes into its weights."""
    return 8.0


RECORDS = [
    Record("scaled_dot_product_attention", F.scaled_dot_product_attention, attention, cases=CASES, scale=largest,
           large=(case((3, 2, 70, 32), (3, 2, 200, 32), (3, 2, 200, 32)), case((1, 3, 200, 16), (1, 3, 200, 16), (1, 3, 200, 16), is_causal=True),
                  case((1, 1, 60, 16), (1, 1, 1300, 16), (1, 1, 1300, 16))), batch=(0, 1, 2),
           examples=(example([[0.0, 0]], [[1.0, 0], [0, 1]], [[1.0], [3.0]], value=([[2]],)),
                     example([[1000.0]], [[1.0], [-1]], [[1.0], [3.0]], value=([[1]],), grad=([[0]], [[0], [0]], [[1], [0]]))),
           torch=lambda torch, q, k, v, **p: torch.nn.functional.scaled_dot_product_attention(q, k, v, **p), **OPTIONS),
    Record("scaled_dot_product_attention with a mask", F.scaled_dot_product_attention, attention, cases=MASKED, scale=largest, fixed=(),
           large=(case((3, 2, 70, 32), (3, 2, 200, 32), (3, 2, 200, 32), (3, 1, 70, 200)),),
           examples=(example([[0.0], [0.0]], [[0.0], [0.0]], [[1.0], [3.0]], np.array([[True, False], [False, False]]), value=([[1], [0]],)),
                     example([[0.0], [0.0]], [[0.0], [0.0]], [[1.0], [3.0]], [[0.0, -inf], [-inf, -inf]], value=([[1], [0]],),
                             grad=([[0], [0]], [[0], [0]], [[1], [0]], [[0, 0], [0, 0]]))),
           torch="", **OPTIONS),
    *(Record(f"multi_head_attention_forward{'' if not weights else ' with weights'}", lambda *a, weights=weights, **p: call_multi_head(*a, need_weights=weights, **p),
             multi_head, cases=(case((2, 1, 2), (6, 2), (6,), (2, 2), (2,)), case((5, 2, 4), (12, 4), (12,), (4, 4), (4,)), case((3, 1, 6), (18, 6), (18,), (6, 6), (6,), heads=3)),
             scale=lambda *a, **p: 64.0, covers=(F.multi_head_attention_forward,),
             torch=lambda torch, *a, weights=weights, **p: call_multi_head(*a, need_weights=weights, f=torch.nn.functional.multi_head_attention_forward, **p),
             **OPTIONS) for weights in (False, True)),
]  # fmt: skip
