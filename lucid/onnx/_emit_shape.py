"""How operations that arrange, join, cut and index are written."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lucid._functions import _common as common
from lucid._functions import diagonal, embedding, fold, index, join, repeat, shape, strided, triangle
from lucid._functions import gather as along_dim
from lucid.onnx._sizes import numbers_in, same, same_size
from lucid.onnx._traces import Size
from lucid.onnx._writer import Builder, Ref, Unsupported, exports

LAST = np.iinfo(np.int64).max


@exports(shape.Reshape, sizes=True)
def reshape(b: Builder, x: Ref, wanted: tuple[int, ...]) -> str:
    return b.reshape(x, wanted)


@exports(shape.Unsqueeze)
def unsqueeze(b: Builder, x: Ref, dim: int) -> str:
    return b.node("Unsqueeze", x, b.ints(dim))


@exports(shape.Permute)
def permute(b: Builder, x: Ref, dims: tuple[int, ...]) -> str:
    return b.node("Transpose", x, perm=list(dims))


@exports(shape.Clone)
def clone(b: Builder, x: Ref) -> str:
    return b.node("Identity", x)


@exports(repeat.Flip)
def flip(b: Builder, x: Ref, dims: tuple[int, ...]) -> str:
    n = len(dims)
    if not n:
        return b.node("Identity", x)
    return b.node("Slice", x, b.ints(*[-1] * n), b.ints(*[-LAST] * n), b.ints(*dims), b.ints(*[-1] * n))


@exports(triangle.Tri)
def tri(b: Builder, x: Ref, diagonal: int, upper: bool) -> str:
    return b.node("Trilu", x, np.asarray(diagonal), upper=int(upper))


@exports(common.Expand, sizes=True)
def expand(b: Builder, x: Ref, wanted: tuple[int, ...]) -> str:
    lead = len(wanted) - x.rank
    kept = [1 if d >= lead and same_size(x.shape[d - lead], n) else n for d, n in enumerate(wanted)]
    return b.node("Expand", x, b.dims(kept))  # where both sizes are equal, 1 leaves that of x


@exports(join.Cat)
def cat(b: Builder, dim: int, *tensors: Ref) -> str:
    held = [x for x in tensors if isinstance(x.shape[dim], Size) or x.shape[dim]] or list(tensors[:1])
    return b.node("Concat", *held, axis=dim)


@exports(index.Slice, sizes=True)
def slice_(b: Builder, x: Ref, parts: tuple[Any, ...]) -> str:
    starts: list[int] = []
    ends: list[int] = []
    axes, steps, dropped, added = [], [], [], []
    taken = sum(p is not None and p is not Ellipsis for p in parts)
    axis = place = 0
    for part in parts if any(p is Ellipsis for p in parts) else (*parts, Ellipsis):
        if part is Ellipsis:
            axis, place = axis + x.rank - taken, place + x.rank - taken
        elif part is None:
            added.append(place)
            place += 1
        elif isinstance(part, slice):
            if part != slice(None):
                starts.append(0 if part.start is None else part.start)
                ends.append(LAST if part.stop is None else part.stop)
                steps.append(1 if part.step is None else part.step)
                axes.append(axis)
            axis, place = axis + 1, place + 1
        else:
            if isinstance(part, Size):
                raise Unsupported("an index that depends on the dynamic axes")
            starts.append(part)
            ends.append(part + 1 if part != -1 else LAST)
            steps.append(1)
            axes.append(axis)
            dropped.append(axis)
            axis += 1
    if len(axes) == 1 and dropped and not added:
        return b.node("Gather", x, np.asarray(starts[0]), axis=axes[0])
    y: Any = x
    if axes:
        y = b.node("Slice", y, b.dims(starts), b.dims(ends), b.ints(*axes), b.ints(*steps))
    if dropped:
        y = b.node("Squeeze", y, b.ints(*dropped))
    if added:
        y = b.node("Unsqueeze", y, b.ints(*added))
    return y if isinstance(y, str) else b.node("Identity", y)


def around(x: Ref, wanted: tuple[int, ...], parts: tuple[Any, ...]) -> list[tuple[int, int]] | None:
    """(before, after) of each dimension where ``parts`` puts ``x`` whole into the shape ``wanted``; None if not."""
    if len(parts) != x.rank or not all(isinstance(p, slice) and p.step in (None, 1) for p in parts):
        return None
    pads = []
    for part, n, m in zip(parts, x.shape, wanted):
        before = 0 if part.start is None else part.start
        if isinstance(before, Size):
            return None
        after = m - before - n
        if isinstance(m, Size) != isinstance(n, Size) or (isinstance(m, Size) and isinstance(n, Size)
                and any(a - before - c != after for a, c in zip(m.across, n.across))):  # fmt: skip
            return None
        pads.append((before, int(after)))
    return pads if all(after >= 0 for _, after in pads) else None


def pad(b: Builder, x: Ref, pads: list[tuple[int, int]], value: float) -> str:
    return b.node("Pad", x, b.ints(*[p for p, _ in pads], *[p for _, p in pads]), b.like(x, value))


@exports(index.Unslice, sizes=True)
def unslice(b: Builder, y: Ref, wanted: tuple[int, ...], parts: tuple[Any, ...]) -> str:
    pads = around(y, wanted, parts)
    if pads is None:
        raise Unsupported("zeros around a tensor by other than whole dimensions")
    return pad(b, y, pads, 0)


@exports(index.SetItem, sizes=True)
def set_item(b: Builder, x: Ref, value: Ref, parts: tuple[Any, ...]) -> str:
    base = x.array
    if base is not None and base.size and all((a == base.flat[0]).all() for a in x.arrays):
        pads = around(value, x.shape, parts)
        if pads is not None:
            return pad(b, value, pads, base.flat[0].item())
    if any(isinstance(n, Size) for n in numbers_in(parts)):
        raise Unsupported("assignment to places that depend on the dynamic axes")
    if any(isinstance(p, Ref) and p.array is None for p in parts):
        return scatter_along(b, x, value, parts)
    if any(isinstance(p, Ref) and not all(same(a, p.arrays[0]) for a in p.arrays) for p in parts):
        raise Unsupported("assignment to places that depend on the dynamic axes")
    if any(isinstance(n, Size) for n in x.shape):
        return _joined(b, x, value, parts)
    own = tuple([p.array if isinstance(p, Ref) else p for p in parts])
    places = np.arange(math.prod(x.shape)).reshape(x.shape)[own]
    coordinates = np.stack(np.unravel_index(places, x.shape), -1).astype(np.int64)
    return b.node("ScatterND", x, coordinates, b.node("Expand", value, b.ints(*places.shape)))


def _joined(b: Builder, x: Ref, value: Ref, parts: tuple[Any, ...]) -> str:
    """What lies before, the value, and what lies after, along the one dimension that is indexed."""
    at = [d for d, p in enumerate(parts) if p != slice(None)]
    if len(at) != 1 or not isinstance(parts[at[0]], (int, slice)) or isinstance(x.shape[at[0]], Size):
        raise Unsupported("assignment to parts of tensors with dynamic axes other than along one fixed dimension")
    d, part = at[0], parts[at[0]]
    one = isinstance(part, int)
    start, stop, step = slice(part, part + 1 or None).indices(x.shape[d]) if one else part.indices(x.shape[d])
    if step != 1:
        raise Unsupported("assignment with steps to tensors with dynamic axes")
    inner = value
    if one and value.rank == x.rank - 1:
        inner = b.view(b.node("Unsqueeze", value, b.ints(d)), value, (*value.shape[:d], 1, *value.shape[d:]))
    middle = b.node("Expand", inner, b.dims([stop - start if k == d else n for k, n in enumerate(x.shape)]))
    ends = ((0, start), (stop, x.shape[d]))
    before, after = [b.node("Slice", x, b.ints(i), b.ints(j), b.ints(d)) if i < j else None for i, j in ends]
    return b.node("Concat", *[t for t in (before, middle, after) if t is not None], axis=d)


def along(x: Ref, parts: tuple[Any, ...]) -> tuple[int, Ref] | None:
    """(dimension, index) where ``parts`` are what `gather_index` makes: a grid but for one dimension."""
    if len(parts) != x.rank or not all(isinstance(p, Ref) and p.rank == x.rank for p in parts):
        return None

    def is_grid(d: int, p: Ref) -> bool:
        shape = tuple([-1 if k == d else 1 for k in range(x.rank)])
        return p.array is not None and all(np.array_equal(a, np.arange(a.shape[d]).reshape(shape)) for a in p.arrays)

    others = [d for d, p in enumerate(parts) if not is_grid(d, p)]
    dim = others[0] if len(others) == 1 else next((d for d in range(x.rank) if parts[d].array is None), -1)
    return (dim, parts[dim]) if dim >= 0 and set(others) <= {dim} else None


def scatter_along(b: Builder, x: Ref, value: Ref, parts: tuple[Any, ...]) -> str:
    found = along(x, parts)
    if found is None:
        raise Unsupported("assignment at places that depend on the inputs other than along one dimension")
    dim, at = found
    given = value if value.rank == at.rank else b.node("Expand", value, b.dims(at.shape))
    return b.node("ScatterElements", x, at, given, axis=dim)


@exports(along_dim.in_range)
def in_range(b: Builder, index: Ref, name: str, dim: int, extent: int) -> str:
    """ONNX counts negative indices from the end and refuses what is too large."""
    return b.node("Identity", index)


@exports(index.Gather, sizes=True)
def gather(b: Builder, x: Ref, parts: tuple[Any, ...]) -> str:
    found = along(x, parts)
    if found is not None and x.rank > 1:
        return b.node("GatherElements", x, found[1], axis=found[0])
    at = [d for d, p in enumerate(parts) if not (isinstance(p, slice) and p == slice(None))]
    arrays = [parts[d] for d in at]
    if not all(isinstance(p, Ref) for p in arrays) or any(isinstance(p, Size) for p in parts):
        raise Unsupported("an index of arrays beside slices or numbers")
    if any(p.dtype.kind == "b" for p in arrays):
        return _by_mask(b, x, arrays, at[0])
    if len(arrays) == 1:
        return b.node("Gather", x, arrays[0], axis=at[0])
    lead = at[0]
    if at != list(range(lead, lead + len(at))):
        raise Unsupported("an index of arrays with slices between them")
    if lead == 0:
        return b.node("GatherND", x, _coordinates(b, arrays))
    return _in_one(b, x, arrays, lead)


def _by_mask(b: Builder, x: Ref, arrays: list[Ref], lead: int) -> str:
    """x[mask] of a mask that is known, over the dimensions from ``lead`` on."""
    if any(p.array is None for p in arrays) or len(arrays) > 1:
        raise Unsupported("an index by a mask that depends on the inputs")
    found_at = [np.nonzero(a) for a in arrays[0].arrays]
    if len(found_at) > 1:
        raise Unsupported("an index by a mask in a model with dynamic axes")
    end = lead + arrays[0].rank
    flat = np.ravel_multi_index(found_at[0], x.shape[lead:end])
    merged = (*x.shape[:lead], math.prod(x.shape[lead:end]), *x.shape[end:])
    return b.node("Gather", b.reshape(x, merged) if end > lead + 1 else x, np.asarray(flat, np.int64), axis=lead)


def _in_one(b: Builder, x: Ref, arrays: list[Ref], lead: int) -> str:
    """Row-major places in the dimensions of ``arrays``, from ``lead`` on, which are taken as one."""
    end = lead + len(arrays)
    if any(isinstance(n, Size) for n in x.shape[lead:end]):
        raise Unsupported("an index of several arrays in dynamic axes")
    place: Any = None
    for array, n in zip(arrays, x.shape[lead:end]):
        own = b.node("Mod", array, b.like(array, n))
        place = own if place is None else b.node("Add", b.node("Mul", place, b.like(array, n)), own)
    merged = (*x.shape[:lead], math.prod(x.shape[lead:end]), *x.shape[end:])
    return b.node("Gather", b.reshape(x, merged), place, axis=lead)


def _coordinates(b: Builder, arrays: list[Ref]) -> str:
    """Index arrays, broadcast together, side by side along a new last dimension."""
    if all(p.array is not None and len({a.tobytes() for a in p.arrays}) == 1 for p in arrays):
        return b.constant(np.stack(np.broadcast_arrays(*[p.arrays[0] for p in arrays]), -1).astype(np.int64))
    rank = max(p.rank for p in arrays)
    common_shape: Any = [1] * rank
    for p in arrays:
        for k, n in enumerate(p.shape):
            if n != 1:
                common_shape[rank - p.rank + k] = n
    wide = b.dims(common_shape)
    columns = [b.node("Unsqueeze", b.node("Expand", p, wide), b.ints(rank)) for p in arrays]
    return b.node("Concat", *columns, axis=rank)


@exports(index.ScatterAdd, sizes=True)
def scatter_add(b: Builder, y: Ref, wanted: tuple[int, ...], parts: tuple[Any, ...]) -> str:
    base = b.view("", y, wanted)
    found = along(base, parts)
    if found is None:
        raise Unsupported("sums at places other than along one dimension")
    zero = b.node("Expand", b.like(y, 0), b.dims(wanted))
    return b.node("ScatterElements", zero, found[1], y, axis=found[0], reduction="add")


@exports(embedding.Embedding)
def embed(b: Builder, weight: Ref, places: Ref, padding: int) -> str:
    return b.node("Gather", weight, places, axis=0)


@exports(diagonal.Diagonal)
def diagonal_(b: Builder, x: Ref, offset: int, dim1: int, dim2: int) -> str:
    n, m = x.shape[dim1], x.shape[dim2]
    if isinstance(n, Size) or isinstance(m, Size):
        raise Unsupported("the diagonal of dynamic axes")
    first, second = max(0, -offset), max(0, offset)
    length = max(0, min(n - first, m - second))
    rest = [d for d in range(x.rank) if d not in (dim1, dim2)]
    moved = b.node("Transpose", x, perm=[*rest, dim1, dim2])
    flat = b.reshape(b.view(moved, x, (*[x.shape[d] for d in rest], n, m)), (*[x.shape[d] for d in rest], n * m))
    return b.node("Gather", flat, np.arange(length) * (m + 1) + first * m + second, axis=len(rest))


@exports(fold.Unfold)
def columns(b: Builder, x: Ref, windows: Any) -> str:
    """(N, C, H, W) to (N, C * kernel, positions)."""
    rows, wide = windows.positions
    padded: Any = x
    if any(windows.padding):
        padded = pad(b, x, [(0, 0), (0, 0), *[(p, p) for p in windows.padding]], 0)
    for axis, count, k in ((2, rows, 0), (4, wide, 1)):  # (N, C, kh, H', kw, W')
        at = np.arange(windows.kernel[k])[:, None] * windows.dilation[k] + np.arange(count) * windows.stride[k]
        padded = b.node("Gather", padded, at, axis=axis)
    moved = b.node("Transpose", padded, perm=[0, 1, 2, 4, 3, 5])
    return b.node("Reshape", moved, b.ints(0, x.shape[1] * math.prod(windows.kernel), rows * wide))


@exports(fold.Fold)
def of_columns(b: Builder, x: Ref, windows: Any) -> str:
    if b.opset < 18:
        raise Unsupported("fold before operator set 18")
    return b.node("Col2Im", x, b.ints(*windows.size), b.ints(*windows.kernel), dilations=list(windows.dilation),
                  pads=[*windows.padding, *windows.padding], strides=list(windows.stride))  # fmt: skip


@exports(strided.Unfold)
def unfold(b: Builder, x: Ref, dim: int, size: int, step: int) -> str:
    n = x.shape[dim]
    if isinstance(n, Size):
        raise Unsupported("windows along a dynamic axis")
    count = (n - size) // step + 1
    windows = b.node("Gather", x, np.arange(count)[:, None] * step + np.arange(size), axis=dim)
    order = [*range(dim + 1), *range(dim + 2, x.rank + 1), dim + 1]
    return b.node("Transpose", windows, perm=order)
