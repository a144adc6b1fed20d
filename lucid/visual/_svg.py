"""A graph as the text of an SVG picture, which browsers, editors and notebooks show."""

from __future__ import annotations

import itertools
import re
import unicodedata
from xml.sax.saxutils import escape

from lucid.visual._layout import lay_out

SIZE, ADVANCE, LINE = 12, 7.3, 16  # of the letters, in pixels; a monospace letter is 0.6 of its size wide
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

# What a box says, and its colours: paper and line.
KINDS = (
    (r"^(input|output|leaf)\b", "#eef2f7", "#6b7a90"),
    (r"conv|patch", "#dbeafe", "#2563eb"),
    (r"linear|matmul|bmm|\bmm\b|addmm|embedding|bilinear", "#ede9fe", "#7c3aed"),
    (r"norm", "#dcfce7", "#16a34a"),
    (r"pool|upsample|interpolate|pad\b|pad\dd", "#ccfbf1", "#0d9488"),
    (r"relu|elu|sigmoid|tanh|swish|silu|mish|softmax|shrink|softplus|softsign|glu", "#fef3c7", "#d97706"),
    (r"attention|transformer|lstm|gru|rnn", "#fce7f3", "#db2777"),
    (r"dropout|drop", "#f3f4f6", "#9ca3af"),
)
PLAIN = ("#ffffff", "#475569")

Note = tuple[float, float, str, float]
"""What an arrow says: x of its middle, y, the text, half its width."""
GAP = 4.0  # between labels side by side

_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Svg(str):
    """The text of a picture; notebooks show the picture itself."""

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)


def _text(s: str) -> str:
    return escape(_NO_XML.sub("\ufffd", s))


def _width(s: str) -> float:
    return ADVANCE * sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in s)


def _colours(label: str) -> tuple[str, str]:
    name = label.rsplit("\n", 1)[-1].lower()
    return next(((paper, line) for pattern, paper, line in KINDS if re.search(pattern, name)), PLAIN)


def _path(points: list[tuple[float, float]]) -> str:
    x, y = points[0]
    parts = [f"M{x:.1f} {y:.1f}"]
    for u, v in points[1:]:
        if abs(u - x) < 0.05:
            parts.append(f"V{v:.1f}")
        else:
            bend = (v - y) / 2
            parts.append(f"C{x:.1f} {y + bend:.1f} {u:.1f} {v - bend:.1f} {u:.1f} {v:.1f}")
        x, y = u, v
    return " ".join(parts)


def _calm(piece: tuple[tuple[float, float], tuple[float, float]]) -> float:
    """How well a label stands on a piece of an arrow: away from the ends that arrows share, on a long straight."""
    (x, y), (u, v) = piece
    return v - y + (1000 if abs(x - u) < 0.05 else 0)


def _extent(run: list[Note]) -> tuple[float, float]:
    """Where labels side by side begin and end, around the middle of their places."""
    middle, half = sum(note[0] for note in run) / len(run), sum(note[3] + GAP / 2 for note in run)
    return middle - half, middle + half


def _apart(notes: list[Note]) -> list[Note]:
    """The labels, moved sideways as little as keeps those of one height from covering each other."""
    made: list[Note] = []
    for _, row in itertools.groupby(sorted(notes, key=lambda note: (note[1], note[0])), key=lambda note: note[1]):
        runs: list[list[Note]] = []
        for note in row:
            runs.append([note])
            while len(runs) > 1 and _extent(runs[-1])[0] < _extent(runs[-2])[1]:
                last = runs.pop()
                runs[-1] += last
        for run in runs:
            x = _extent(run)[0]
            for _, y, text, half in run:
                made.append((x + GAP / 2 + half, y, text, half))
                x += 2 * half + GAP
    return made


def svg(labels: list[str], edges: dict[tuple[int, int], str], title: str) -> Svg:
    """The picture of a graph whose boxes say ``labels``, in one or more lines, and whose arrows say ``edges``."""
    lines = [label.split("\n") for label in labels]
    sizes = [(max(map(_width, own)) + 20, LINE * len(own) + 12) for own in lines]
    layout = lay_out(sizes, list(edges))
    notes: list[Note] = []
    for edge, points in layout.routes.items():
        if edges[edge]:
            (x, y), (u, v) = max(itertools.pairwise(points), key=_calm)
            notes.append(((x + u) / 2, (y + v) / 2 + 3, edges[edge], _width(edges[edge]) / 2))
    notes = _apart(notes)
    left = min([0.0, *[x - half for x, _, _, half in notes]])
    w, h = max([layout.width, *[x + half for x, _, _, half in notes]]) - left, layout.height
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w:.0f}" height="{h:.0f}" '
        f'viewBox="{left:.1f} 0 {w:.1f} {h:.1f}" role="img" '
        f'font-family="{escape(FONT)}" font-size="{SIZE}" text-anchor="middle">',
        f"<title>{_text(title)}</title>",
        '<defs><marker id="lucid-arrow" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#64748b"/></marker></defs>',
        f'<rect x="{left:.1f}" width="{w:.1f}" height="{h:.1f}" fill="#ffffff"/>',
        '<g fill="none" stroke="#64748b" stroke-width="1.2">',
    ]
    out += [f'<path d="{_path(points)}" marker-end="url(#lucid-arrow)"/>' for points in layout.routes.values()]
    out.append("</g>")
    for (x, y), (width, height), own, label in zip(layout.centres, sizes, lines, labels):
        paper, line = _colours(label)
        out.append(
            f'<g><title>{_text(", ".join(own))}</title><rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" '
            f'width="{width:.1f}" height="{height:.1f}" rx="5" fill="{paper}" stroke="{line}"/>'
        )
        first = y - LINE * (len(own) - 1) / 2 + SIZE / 3
        for k, text in enumerate(own):
            weight = ' font-weight="600"' if k == len(own) - 1 and k else ""
            out.append(f'<text x="{x:.1f}" y="{first + LINE * k:.1f}" fill="#0f172a"{weight}>{_text(text)}</text>')
        out.append("</g>")
    out.append(f'<g fill="#475569" font-size="{SIZE - 2}" stroke="#ffffff" stroke-width="3" paint-order="stroke">')
    out += [f'<text x="{x:.1f}" y="{y:.1f}">{_text(note)}</text>' for x, y, note, _ in notes]
    out += ["</g>", "</svg>", ""]
    return Svg("\n".join(out))
