"""Records of einsum and of the products of named dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
from ops.record import Record, case, example, sample

import lucid

SUMS = "sums of products may cancel"


def product(name: str, reference: Any, *cases: Any, **options: Any) -> Record:
    """Errors are measured at the sum of magnitudes, which ``reference`` of the magnitudes is."""
    options = {
        "call": getattr(lucid, name, None), "ulp": (4, 4), "scale": lambda *xs, **p: reference(*map(np.abs, xs), **p),
        "why": SUMS, "grad_floor": None, "grad_ulp": 16, "integer": "same", **options,
    }  # fmt: skip
    return Record(name, reference=reference, cases=cases, elementwise=False, **options)


def einsum(*xs: Any, equation: str) -> Any:
    """NumPy's, on operands whose sizes of 1 are stretched, since NumPy does that in some places only."""
    equation = equation.replace(" ", "").replace("i...->i", "ijk->i")  # NumPy does not sum over an ellipsis
    names: dict[str, int] = {}
    left = equation.partition("->")[0].split(",")
    for part, x in zip(left, xs):
        if "..." not in part:
            for c, n in zip(part, x.shape):
                names[c] = max(names.get(c, 1), n) if n != 0 and names.get(c, 1) != 0 else 0
    wide = [x if "..." in part else np.broadcast_to(x, [names[c] for c in part]) for part, x in zip(left, xs)]
    return np.asarray(np.einsum(equation, *wide))


def equation(text: str, *shapes: Any) -> Any:
    return sample(*shapes, equation=text)


EQUATIONS = (
    equation("ij,jk->ik", (3, 4), (4, 5)), equation("ij,jk", (3, 4), (4, 5)), equation("ij,kj->ik", (3, 4), (5, 4)),
    equation("bij,bjk->bik", (2, 3, 4), (2, 4, 5)), equation("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
    equation("ij->ji", (3, 4)), equation("ij->", (3, 4)), equation("ij->j", (3, 4)), equation("ba", (3, 4)),
    equation("ii->i", (4, 4)), equation("ii", (4, 4)), equation("iji->j", (3, 4, 3)), equation("iii->i", (3, 3, 3)),
    equation("i,i->", (5,), (5,)), equation("i,j->ij", (3,), (4,)), equation("i,i->i", (5,), (5,)),
    equation("...ij,...jk->...ik", (2, 3, 4), (4, 5)), equation("...ij,...jk", (2, 1, 3, 4), (3, 4, 5)),
    equation("...i->...", (2, 3, 4)), equation("i...->i", (3, 2, 2)), equation("...,...", (3,), (2, 3)),
    equation("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)), equation("ij,ik,il->jkl", (4, 2), (4, 3), (4, 2)),
    equation("bn,anm,bm->ba", (2, 3), (4, 3, 5), (2, 5)), equation("a,b,c,d->dcba", (2,), (3,), (2,), (2,)),
    equation("ij,jk->ik", (3, 1), (4, 5)), equation("ij,ij->ij", (3, 1), (3, 4)), equation("ij,ij->i", (1, 4), (3, 4)),
    equation("ij,jk->ik", (0, 4), (4, 5)), equation("ij,jk->ik", (3, 0), (0, 5)), equation(" i j , j k -> k i ", (3, 4), (4, 5)),
    equation("ijk,ij->k", (2, 3, 4), (2, 3)), equation("ab,cd->", (2, 3), (2, 2)), equation("Aa,aA->A", (2, 3), (3, 2)),
)  # fmt: skip
DIMS = (
    case((3, 4), (4, 5), dims=1), sample((2, 3, 4), (3, 4, 2), dims=2), sample((3,), (4,), dims=0), sample((3, 4), (3, 4), dims=2),
    sample((3, 4, 5), (4, 3, 2), dims=([1, 0], [0, 1])), sample((2, 3, 4), (5, 4), dims=([-1], [-1])),
    sample((2, 3), (3, 2), dims=([0, 1], [1, 0])), sample((2, 0), (0, 3), dims=1), sample((2, 3), (2, 2), dims=([], [])),
)  # fmt: skip


def added(reference: Any) -> Any:
    return lambda c, x, y, beta=1, alpha=1: beta * c + alpha * reference(x, y)


def scaled(reference: Any) -> Any:
    return lambda c, x, y, beta=1, alpha=1: np.abs(beta * c) + np.abs(alpha) * reference(np.abs(x), np.abs(y))


RECORDS = [
    product("einsum", einsum, *EQUATIONS, call=lambda *xs, equation: lucid.einsum(equation, *xs), covers=(lucid.einsum,),
            torch=lambda torch, *xs, equation: torch.einsum(equation, *xs)),
    product("einsum with lists", lambda a, b: a @ b, case((3, 2), (2, 4)), case((3, 0), (0, 2)), covers=(lucid.einsum,),
            call=lambda a, b: lucid.einsum(a, [0, 30], b, [30, 2], [0, 2]),
            torch=lambda torch, a, b: torch.einsum(a, [0, 30], b, [30, 2], [0, 2])),
    product("einsum with an ellipsis in lists", lambda a: np.einsum("...ii->...i", a), case((2, 3, 3)), covers=(lucid.einsum,),
            call=lambda a: lucid.einsum(a, [..., 1, 1], [..., 1]), torch=lambda torch, a: torch.einsum(a, [..., 1, 1], [..., 1])),
    product("tensordot", lambda a, b, dims: np.asarray(np.tensordot(a, b, dims)), *DIMS),
    product("inner", lambda a, b: np.asarray(np.inner(a, b)), case((4,), (4,)), case((3, 4), (4,)), sample((2, 3, 4), (5, 4)), sample((), (3, 2)),
            sample((2, 3), ()), sample((2, 0), (3, 0))),
    product("kron", np.kron, case((2, 3), (3, 2)), case((3,), (2,)), sample((2,), (2, 3)), sample((2, 1, 2), (3, 2)), sample((), (2, 2)), sample((0, 2), (2, 2)),
            grad_floor=None),
    product("vdot", lambda a, b: np.asarray(np.dot(a, b)), case((7,), (7,)), case((0,), (0,))),
    product("addmv", added(np.matmul), case((3,), (3, 4), (4,)), case((), (3, 4), (4,), beta=2, alpha=-1), case((1,), (3, 4), (4,), beta=0),
            scale=scaled(np.matmul), integer=""),
    product("addr", added(np.outer), case((3, 4), (3,), (4,)), case((4,), (3,), (4,), beta=2, alpha=-1), case((3, 4), (3,), (4,), beta=0),
            scale=scaled(np.outer), integer=""),
    product("addbmm", added(lambda x, y: np.matmul(x, y).sum(0)), sample((2, 3), (4, 2, 5), (4, 5, 3)), sample((3,), (2, 2, 2), (2, 2, 3), beta=2, alpha=0.5),
            scale=scaled(lambda x, y: np.matmul(x, y).sum(0)), integer="",
            examples=(example([[np.nan]], [[[1.0]]], [[[2.0]]], value=([[2.0]],), beta=0),)),
]  # fmt: skip
