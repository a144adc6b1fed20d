"""``torch.utils._pytree``: nested tuples, lists and dicts as a flat list of leaves and a specification."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

PyTree = Any


@dataclass(frozen=True)
class SequenceKey:
    """A place in a path: an item of a tuple or a list."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        return sequence[self.idx]


@dataclass(frozen=True)
class MappingKey:
    """A place in a path: the value of a key."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        return mapping[self.key]


@dataclass(frozen=True)
class GetAttrKey:
    """A place in a path: an attribute."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        return getattr(obj, self.name)


class TreeSpec:
    """The shape of a tree without its leaves: a kind of container, what it needs to be made again, and its children."""

    def __init__(self, type: Any, context: Any, children_specs: list[TreeSpec]) -> None:
        self.type, self.context, self.children_specs = type, context, children_specs
        self.num_leaves: int = sum(child.num_leaves for child in children_specs) if type is not None else 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeSpec) and (self.type, self.context, self.children_specs) == (
            other.type, other.context, other.children_specs,
        )  # fmt: skip

    def __hash__(self) -> int:
        return hash((self.type, self.num_leaves))

    def __repr__(self) -> str:
        if self.type is None:
            return "*"
        return f"TreeSpec({self.type.__name__}, {self.context}, {self.children_specs})"

    def is_leaf(self) -> bool:
        return self.type is None


class LeafSpec(TreeSpec):
    def __init__(self) -> None:
        super().__init__(None, None, [])


_Flatten = Callable[[Any], tuple[Iterable[Any], Any]]
_Unflatten = Callable[[Iterable[Any], Any], Any]


def _dict_flatten(d: Any) -> tuple[list[Any], list[Any]]:
    return list(d.values()), list(d)


def _dict_flatten_with_keys(d: Any) -> tuple[list[tuple[Any, Any]], list[Any]]:
    return [(MappingKey(key), value) for key, value in d.items()], list(d)


def _dict_unflatten(values: Iterable[Any], context: Any) -> dict[Any, Any]:
    return dict(zip(context, values))


class NodeDef(NamedTuple):
    """How to take one kind of container apart, and how to make it again."""

    flatten_fn: _Flatten
    unflatten_fn: _Unflatten


_NODES: dict[Any, NodeDef] = {
    tuple: NodeDef(lambda t: (list(t), None), lambda parts, _: tuple(parts)),
    list: NodeDef(lambda t: (list(t), None), lambda parts, _: list(parts)),
    dict: NodeDef(_dict_flatten, _dict_unflatten),
    OrderedDict: NodeDef(_dict_flatten, lambda parts, keys: OrderedDict(zip(keys, parts))),
    defaultdict: NodeDef(
        lambda t: (list(t.values()), [t.default_factory, list(t)]),
        lambda parts, context: defaultdict(context[0], zip(context[1], parts)),
    ),
    deque: NodeDef(lambda t: (list(t), t.maxlen), lambda parts, maxlen: deque(parts, maxlen)),
    namedtuple: NodeDef(lambda t: (list(t), type(t)), lambda parts, kind: kind(*parts)),
}
SUPPORTED_NODES = _NODES
_WITH_KEYS: dict[Any, Callable[[Any], tuple[Iterable[tuple[Any, Any]], Any]]] = dict.fromkeys(
    (dict, OrderedDict, defaultdict), _dict_flatten_with_keys
)


def register_pytree_node(
    cls: type,
    flatten_fn: _Flatten,
    unflatten_fn: _Unflatten,
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Any = None,
    from_dumpable_context: Any = None,
    flatten_with_keys_fn: Any = None,
) -> None:
    """Let trees contain nodes of type ``cls``; the names for files of trees have no effect."""
    _NODES[cls] = NodeDef(flatten_fn, unflatten_fn)
    if flatten_with_keys_fn is not None:
        _WITH_KEYS[cls] = flatten_with_keys_fn


_register_pytree_node = register_pytree_node


def _is_named_tuple(tree: Any) -> bool:
    return isinstance(tree, tuple) and type(tree) is not tuple and hasattr(tree, "_fields")


def _get_node_type(tree: Any) -> Any:
    """The key of `SUPPORTED_NODES` for it, if it is a node."""
    return namedtuple if _is_named_tuple(tree) and type(tree) not in _NODES else type(tree)


def tree_flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves in order, and the specification that `tree_unflatten` makes the tree of again."""
    if is_leaf is not None and is_leaf(tree):
        return [tree], LeafSpec()
    kind = _get_node_type(tree)
    if kind not in _NODES:
        return [tree], LeafSpec()
    parts, context = _NODES[kind].flatten_fn(tree)
    leaves, specs = [], []
    for part in parts:
        found, spec = tree_flatten(part, is_leaf)
        leaves += found
        specs.append(spec)
    return leaves, TreeSpec(kind, context, specs)


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """The tree of a specification with the given leaves.

    Raises:
        ValueError: there are more or fewer leaves than the specification has places for.
    """
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(f"tree_unflatten: expected {treespec.num_leaves} leaves, got {len(leaves)}")
    return _build(iter(leaves), treespec)


def _build(leaves: Iterator[Any], spec: TreeSpec) -> Any:
    if spec.type is None:
        return next(leaves)
    parts = [_build(leaves, child) for child in spec.children_specs]
    return _NODES[spec.type].unflatten_fn(parts, spec.context)


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """The tree of ``func(leaf, ...)``; further trees must have the same shape."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_flatten(other, is_leaf)[0] for other in rests]
    return tree_unflatten([func(*values) for values in zip(leaves, *others, strict=True)], spec)


def tree_map_only(kind: Any, func: Callable[[Any], Any], tree: Any, **kwargs: Any) -> Any:
    """`tree_map` over the leaves of one type."""
    return tree_map(lambda leaf: func(leaf) if isinstance(leaf, kind) else leaf, tree, **kwargs)


def tree_map_(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """Call ``func(leaf, ...)`` for what it does, and give the tree back."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def tree_is_leaf(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether the tree is a leaf itself."""
    return (is_leaf is not None and is_leaf(tree)) or _get_node_type(tree) not in _NODES


_is_leaf = tree_is_leaf


def _with_paths(tree: Any, is_leaf: Callable[[Any], bool] | None, path: tuple[Any, ...]) -> Iterator[tuple[Any, Any]]:
    if tree_is_leaf(tree, is_leaf):
        yield path, tree
        return
    pairs: Iterable[tuple[Any, Any]]
    if _get_node_type(tree) is namedtuple:
        pairs = [(GetAttrKey(name), getattr(tree, name)) for name in tree._fields]
    elif type(tree) in _WITH_KEYS:
        pairs = _WITH_KEYS[type(tree)](tree)[0]
    else:
        pairs = ((SequenceKey(i), part) for i, part in enumerate(_NODES[type(tree)].flatten_fn(tree)[0]))
    for key, part in pairs:
        yield from _with_paths(part, is_leaf, (*path, key))


def tree_leaves_with_path(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[tuple[Any, Any]]:
    """The leaves in order, each after the keys that lead to it."""
    return list(_with_paths(tree, is_leaf, ()))


def tree_flatten_with_path(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], TreeSpec]:
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map_with_path(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Any = None) -> Any:
    """The tree of ``func(path, leaf, ...)``."""
    paths = [path for path, _ in _with_paths(tree, is_leaf, ())]
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_flatten(other, is_leaf)[0] for other in rests]
    return tree_unflatten([func(*values) for values in zip(paths, leaves, *others, strict=True)], spec)


def keystr(kp: tuple[Any, ...]) -> str:
    """The path as one would write it after the name of the tree."""
    return "".join(map(str, kp))


def tree_any(pred: Callable[[Any], bool], tree: Any, is_leaf: Any = None) -> bool:
    return any(map(pred, tree_leaves(tree, is_leaf)))


def tree_all(pred: Callable[[Any], bool], tree: Any, is_leaf: Any = None) -> bool:
    return all(map(pred, tree_leaves(tree, is_leaf)))
