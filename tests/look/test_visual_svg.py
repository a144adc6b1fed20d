"""Pictures of graphs: what they contain, where boxes and arrows lie, and files."""

from __future__ import annotations

import doctest
import itertools
import os
import random
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import lucid
from lucid import nn
from lucid.visual import draw
from lucid.visual._layout import apart, lay_out, layers_of

SVG = "{http://www.w3.org/2000/svg}"


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True), nn.Linear(4, 4))

    def forward(self, x: lucid.Tensor) -> lucid.Tensor:
        return x + self.body(x)


def parsed(text: str) -> ElementTree.Element:
    root = ElementTree.fromstring(text)
    assert root.tag == SVG + "svg"
    return root


def boxes(root: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    numbers = [
        [float(r.attrib[k]) for k in ("x", "y", "width", "height")] for r in root.iter(SVG + "rect") if "rx" in r.attrib
    ]
    return [(x, y, x + w, y + h) for x, y, w, h in numbers]


def test_a_picture_says_what_the_text_says() -> None:
    model, x = Residual(), lucid.ones(2, 4)
    root = parsed(draw(model, x, "svg"))
    words = [t.text for t in root.iter(SVG + "text")]
    assert words[:9] == ["input 2x4", "body.0", "Linear", "body.1", "ReLU", "body.2", "Linear", "add", "output 2x4"]
    assert words[9:] == ["2x4"] * 6 and root.find(SVG + "title").text == "Residual"
    assert len(list(root.iter(SVG + "path"))) == 1 + 6  # the head of arrows, and the arrows
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    for x0, y0, x1, y1 in boxes(root):
        assert left <= x0 < x1 <= left + width and top <= y0 < y1 <= top + height
    for a, b in itertools.combinations(boxes(root), 2):
        assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1], "boxes overlap"
    assert draw(model, x, "svg") == draw(model, x, "svg")
    assert draw(model, x, "svg")._repr_svg_() == draw(model, x, "svg")


def test_operations_in_place_are_boxes_too() -> None:
    text = draw(Residual(), lucid.ones(2, 4))
    assert 'n2["body.1<br/>ReLU"]' in text and 'n1 -->|"2x4"| n2' in text and 'n2 -->|"2x4"| n3' in text
    assert 'n0["input 3"]\n    n1["relu"]' in draw(Acting(), lucid.ones(3))


class Acting(nn.Module):
    def forward(self, x: lucid.Tensor) -> lucid.Tensor:
        return lucid.relu(x)


def test_history() -> None:
    x = lucid.ones(3, requires_grad=True)
    words = [t.text for t in parsed(draw((x.exp() * x).sum(), format="svg")).iter(SVG + "text")]
    assert sorted(words) == ["ExpBackward", "MulBackward", "SumBackward", "leaf 3"]


class Strange(nn.Module):
    def forward(self, x: lucid.Tensor) -> lucid.Tensor:
        return x * 2


class Forked(nn.Module):
    """Arrows to narrow boxes side by side, whose labels are wider than the boxes."""

    def forward(self, x: lucid.Tensor) -> lucid.Tensor:
        return lucid.stack([x.sin(), x.cos(), x.exp(), x.tan()])


def test_labels_do_not_cover_each_other() -> None:
    root = parsed(draw(Forked(), lucid.ones(2, 3, 1000, 1, 1), "svg"))
    labels = [t for t in root.iter(SVG + "text") if t.text == "2x3x1000x1x1"]
    places = [(float(t.attrib["x"]), float(t.attrib["y"])) for t in labels]
    width = 0.6 * 10 * len("2x3x1000x1x1")
    left, _, whole, _ = map(float, root.attrib["viewBox"].split())
    assert len(places) == 8 and all(left <= x - width / 2 and x + width / 2 <= left + whole for x, _ in places)
    for (x, y), (u, v) in itertools.combinations(places, 2):
        assert abs(x - u) >= width or abs(y - v) >= 10


def test_any_name_is_escaped() -> None:
    name = "<&\"a#;|`'\u0001 \u2028字"
    model = nn.Module()
    model.add_module(name, nn.ReLU())
    model.forward = lambda x: model._modules[name](x)
    words = [t.text for t in parsed(draw(model, lucid.ones(1), "svg")).iter(SVG + "text")]
    assert name.replace("\u0001", "\ufffd") in words
    line = draw(model, lucid.ones(1)).splitlines()[2]
    inside = line.removeprefix('    n1["').removesuffix('"]')
    assert not set(inside.replace("<br/>", "")) & set('<>"`')


def test_empty_results_and_models_without_operations() -> None:
    root = parsed(draw(nn.Identity(), lucid.ones(0, 2), "svg"))
    assert len(boxes(root)) == 2


def test_files(tmp_path: Path) -> None:
    model, x = Residual(), lucid.ones(2, 4)
    for name in ("a.svg", "b.mmd", "c.MERMAID"):
        text = draw(model, x, path=tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8") == text
        assert text.startswith("<svg" if name == "a.svg" else "flowchart")
    with pytest.raises(
        ValueError, match=r"^draw: expected a file that ends in \.svg, \.mmd or \.mermaid, got 'x\.png'$"
    ):
        draw(model, x, path="x.png")
    (tmp_path / "a.svg").write_text("before")
    with pytest.raises(ValueError, match="^draw: a Module needs an input$"):
        draw(model, path=tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text() == "before"
    with pytest.raises(OSError):
        draw(model, x, path=tmp_path / "none" / "a.svg")
    assert sorted(os.listdir(tmp_path)) == ["a.svg", "b.mmd", "c.MERMAID"]


def test_the_picture_of_the_page_is_that_of_its_example() -> None:
    """Written by: lucid.visual.draw(Block(8), lucid.ones(1, 8, 16, 16), path="docs/pages/visual.svg")."""
    pages = Path(__file__).parents[2] / "docs" / "pages"
    names: dict[str, Any] = {}
    test = doctest.DocTestParser().get_doctest((pages / "visual.md").read_text(encoding="utf-8"), {}, "visual", None, 0)
    for example in test.examples:
        exec(example.source, names)
    assert (pages / "visual.svg").read_text(encoding="utf-8") == names["picture"]


# The layout


def test_layers() -> None:
    assert layers_of(4, [(0, 1), (1, 2), (0, 2), (3, 2)]) == [0, 1, 2, 1]  # a source stands above what needs it
    assert layers_of(3, [(0, 1), (1, 2), (2, 0)]) == [0, 1, 2]  # a cycle is cut
    assert layers_of(0, []) == []


def test_places_apart() -> None:
    assert apart([0.0, 10.0], [1.0]) == [0.0, 10.0]
    assert apart([0.0, 0.0], [2.0]) == [-1.0, 1.0]
    assert apart([5.0, 0.0, 0.0], [1.0, 1.0]) == pytest.approx([2 / 3, 5 / 3, 8 / 3])


def test_layouts_of_random_graphs_keep_boxes_apart_and_arrows_downwards() -> None:
    rng = random.Random(0)
    for _ in range(60):
        n = rng.randrange(1, 25)
        edges = [(a, b) for a in range(n) for b in range(a + 1, n) if rng.random() < 2 / n]
        sizes = [(rng.uniform(20, 200), rng.uniform(10, 60)) for _ in range(n)]
        layout = lay_out(sizes, edges)
        assert set(layout.routes) == set(edges)
        rows = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for (x, y), (w, h) in zip(layout.centres, sizes)]
        for a, b in itertools.combinations(rows, 2):
            assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]
        for (a, b), points in layout.routes.items():
            assert points[0] == pytest.approx((layout.centres[a][0], rows[a][3]))
            assert points[-1] == pytest.approx((layout.centres[b][0], rows[b][1]))
            assert all(p[1] < q[1] for p, q in itertools.pairwise(points))


def test_crossings_that_can_be_avoided_are() -> None:
    layout = lay_out([(20, 10)] * 6, [(0, 5), (1, 4), (2, 3)])
    tops, ends = [layout.centres[k][0] for k in (0, 1, 2)], [layout.centres[k][0] for k in (5, 4, 3)]
    assert sorted(range(3), key=tops.__getitem__) == sorted(range(3), key=ends.__getitem__)
