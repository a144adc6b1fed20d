"""``torch.library``, ``torch.ops``, ``torch.hub`` and ``torch.utils._pytree`` of `lucid.torch`."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lucid
from lucid.torch import _hub, _library, _tree


def test_an_operation_without_a_function_says_so_when_called() -> None:
    operation = _library.ops.zoo_a.nothing
    assert operation is _library.ops.zoo_a.nothing and operation.default is operation and operation.overloads() == []
    with pytest.raises(NotImplementedError, match=r"torch.ops.zoo_a.nothing: lucid has no such operation"):
        operation(1)


def test_compiled_libraries_are_refused() -> None:
    with pytest.raises(OSError, match="x.so is compiled against PyTorch; lucid cannot load it"):
        _library.ops.load_library("x.so")


def test_library_defines_and_implements() -> None:
    library = _library.Library("zoo_b", "DEF")
    assert library.define("twice(Tensor x) -> Tensor") == "twice"
    library.impl("twice", lambda x: 1 / 0, "CUDA")
    library.impl("twice", lambda x: x * 2, "CPU")
    _library.Library("zoo_b", "IMPL", "Meta").impl(_library.ops.zoo_b.twice, lambda x: 1 / 0)
    assert _library.ops.zoo_b.twice(lucid.ones(1)).item() == 2 and _library.ops.zoo_b.twice.overloads() == ["default"]
    _library.define("zoo_b::thrice", "(Tensor x) -> Tensor")
    _library.impl("zoo_b::thrice", "default", lambda x: x * 3)
    assert _library.ops.zoo_b.thrice.default(lucid.ones(1)).item() == 3
    with pytest.raises(ValueError, match="expected 'namespace::name', got 'thrice'"):
        _library.define("thrice")


def test_custom_op_is_differentiated_by_what_is_registered() -> None:
    @_library.custom_op("zoo_c::scaled_sin", mutates_args=())
    def scaled_sin(x: Any, scale: float = 2.0) -> Any:
        return lucid.from_numpy(np.sin(x.numpy()) * scale)

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.x, ctx.scale = inputs

    scaled_sin.register_fake(lambda x, scale: 1 / 0)
    scaled_sin.register_autograd(lambda ctx, dy: (dy * ctx.x.cos() * ctx.scale, None), setup_context=setup_context)
    x = lucid.tensor([0.5], requires_grad=True)
    for call in (scaled_sin, _library.ops.zoo_c.scaled_sin):
        (g,) = lucid.autograd.grad(call(x, scale=3.0).sum(), x)
        assert g.item() == pytest.approx(3 * np.cos(0.5), rel=1e-6)
    assert scaled_sin(x).item() == pytest.approx(2 * np.sin(0.5), rel=1e-6) and scaled_sin.__name__ == "scaled_sin"


def test_hub_loads_what_is_there_and_says_where_it_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert _hub.get_dir() == str(tmp_path / "hub")
    url = "https://example.org/models/net-0123abcd.pth?x=1"
    place = tmp_path / "hub" / "checkpoints" / "net-0123abcd.pth"
    with pytest.raises(FileNotFoundError, match=f"lucid downloads nothing; save https://.* as {place}"):
        _hub.load_state_dict_from_url(url, progress=False)
    place.parent.mkdir(parents=True)
    lucid.save({"weight": lucid.ones(2)}, place)
    assert _hub.load_state_dict_from_url(url)["weight"].tolist() == [1, 1]
    for refused in (lambda: _hub.load("owner/name", "net"), lambda: _hub.download_url_to_file(url, "x")):
        with pytest.raises(NotImplementedError, match="lucid downloads nothing"):
            refused()


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize("tree", [
    3, (), (1, [2, {"b": 3, "a": (4,)}]), OrderedDict(b=1, a=2), Point(1, [2]), deque([1, 2], 5), [None, "text"],
    defaultdict(list, k=1),
])  # fmt: skip
def test_trees_are_rebuilt(tree: Any) -> None:
    leaves, spec = _tree.tree_flatten(tree)
    again = _tree.tree_unflatten(leaves, spec)
    assert again == tree and type(again) is type(tree) and spec.num_leaves == len(leaves)
    assert _tree.tree_structure(again) == spec
    if isinstance(tree, deque):
        assert again.maxlen == 5


def test_tree_functions() -> None:
    tree = {"a": [1, 2.0], "b": (3,)}
    assert _tree.tree_leaves(tree) == [1, 2.0, 3]
    assert _tree.tree_map(lambda x, y: x + y, tree, tree) == {"a": [2, 4.0], "b": (6,)}
    assert _tree.tree_map_only(int, lambda x: -x, tree) == {"a": [-1, 2.0], "b": (-3,)}
    assert _tree.tree_flatten(tree, is_leaf=lambda x: isinstance(x, list))[0] == [[1, 2.0], 3]
    assert _tree.tree_any(lambda x: x == 3, tree) and not _tree.tree_all(lambda x: x == 3, tree)
    with pytest.raises(ValueError, match="tree_unflatten: expected 3 leaves, got 1"):
        _tree.tree_unflatten([1], _tree.tree_structure(tree))


def test_foreach_is_the_operation_on_every_tensor() -> None:
    from lucid.torch._foreach import functions

    f = functions()
    a, b = [lucid.tensor([1.0, -2.0]), lucid.tensor([4.0])], [lucid.tensor([3.0, 3.0]), lucid.tensor([-1.0])]
    values = lambda tensors: [t.tolist() for t in tensors]
    assert values(f["_foreach_add"](a, b, alpha=2)) == [[7, 4], [2]] and values(a) == [[1, -2], [4]]
    assert values(f["_foreach_mul"](a, [2.0, 3.0])) == [[2, -4], [12]]
    assert values(f["_foreach_maximum"](a, 0.5)) == [[1, 0.5], [4]] and values(f["_foreach_neg"](b)) == [[-3, -3], [1]]
    assert f["_foreach_addcmul_"](a, b, b, 0.5) is None and values(a) == [[5.5, 2.5], [4.5]]
    assert [n.item() for n in f["_foreach_norm"](b)] == pytest.approx([18**0.5, 1])
    f["_foreach_copy_"](a, b)
    f["_foreach_lerp_"](a, [t * 0 for t in a], 0.5)
    assert values(a) == [[1.5, 1.5], [-0.5]]
    f["_foreach_zero_"](a)
    assert values(a) == [[0, 0], [0]] and f["_foreach_zero_"].__name__ == "_foreach_zero_"
