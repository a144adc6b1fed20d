"""Where the boxes of a graph stand and how its arrows run: layers, in each an order with few crossings.

Longest-path layers; arrows over several layers are kept apart by an empty place in each; the order within a layer is
improved by sweeps of barycentres (Sugiyama, Tagawa and Toda, 1981); places are then the least-squares solution of
"stand below your neighbours, and apart" by pooling adjacent violators. The same graph gives the same layout.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

Edge = tuple[int, int]

SWEEPS = 12


@dataclass
class Layout:
    """Centres of the boxes, and for every arrow the points it runs through, in pixels.

    Attributes:
        width, height: of the whole.
        centres: (x, y) for each box.
        routes: (x, y) from the lower side of one box to the upper side of another.
    """

    width: float
    height: float
    centres: list[tuple[float, float]]
    routes: dict[Edge, list[tuple[float, float]]] = field(default_factory=dict)


def layers_of(count: int, edges: Sequence[Edge]) -> list[int]:
    """The layer of each node: below all it depends on; sources just above what needs them first."""
    after: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for a, b in edges:
        after[a].append(b)
        waiting[b] += 1
    sources = [not w for w in waiting]
    layer, done = [0] * count, [False] * count
    ready = [i for i in range(count) if not waiting[i]]
    while True:
        if not ready:
            left = [i for i in range(count) if not done[i]]
            if not left:
                break
            ready = left[:1]  # part of a cycle
        node = ready.pop()
        done[node] = True
        for b in after[node]:
            if done[b]:
                continue
            layer[b] = max(layer[b], layer[node] + 1)
            waiting[b] -= 1
            if not waiting[b]:
                ready.append(b)
    for i in range(count):
        below = [layer[b] for b in after[i] if layer[b] > layer[i]]
        if sources[i] and below:
            layer[i] = min(below) - 1
    return layer


def apart(wanted: list[float], gaps: list[float]) -> list[float]:
    """The places nearest to ``wanted`` by least squares, place k + 1 at least ``gaps[k]`` after place k."""
    offset = [0.0]
    for gap in gaps:
        offset.append(offset[-1] + gap)
    blocks: list[tuple[float, int]] = []  # sum and number of wanted - offset
    for w, o in zip(wanted, offset):
        total, n = w - o, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / n:
            before, m = blocks.pop()
            total, n = total + before, n + m
        blocks.append((total, n))
    return [mean + o for mean, o in zip([t / n for t, n in blocks for _ in range(n)], offset)]


def _crossings(upper: list[int], down: list[list[int]], place: list[int]) -> int:
    ends = [p for a in upper for p in sorted(place[b] for b in down[a])]
    return sum(ends[i] > ends[j] for i in range(len(ends)) for j in range(i + 1, len(ends)))


class _Ranks:
    """Nodes and empty places by layers, in order."""

    def __init__(self, sizes: Sequence[tuple[float, float]], edges: Sequence[Edge], empty: float) -> None:
        self.count = len(sizes)  # the numbers from here on are empty places
        self.layer = layers_of(self.count, edges)
        self.width = [w for w, _ in sizes]
        self.chains: dict[Edge, list[int]] = {}
        self.up: list[list[int]] = [[] for _ in sizes]
        self.down: list[list[int]] = [[] for _ in sizes]
        for a, b in edges:
            if self.layer[a] < self.layer[b]:
                self.chains[a, b] = self._chain(a, b, empty)
        self.order: list[list[int]] = [[] for _ in range(max(self.layer, default=-1) + 1)]
        for node, layer in enumerate(self.layer):
            self.order[layer].append(node)
        self.place = [0] * len(self.layer)
        self._number()

    def _chain(self, a: int, b: int, empty: float) -> list[int]:
        chain = [a]
        for layer in range(self.layer[a] + 1, self.layer[b]):
            chain.append(len(self.layer))
            self.layer.append(layer)
            self.width.append(empty)
            self.up.append([])
            self.down.append([])
        chain.append(b)
        for x, y in itertools.pairwise(chain):
            self.down[x].append(y)
            self.up[y].append(x)
        return chain

    def _number(self) -> None:
        for nodes in self.order:
            for k, node in enumerate(nodes):
                self.place[node] = k

    def crossings(self) -> int:
        return sum(_crossings(nodes, self.down, self.place) for nodes in self.order)

    def untangle(self) -> None:
        """Keep the order with the fewest crossings among those that sweeps of barycentres find."""
        best, fewest = [list(nodes) for nodes in self.order], self.crossings()
        for sweep in range(SWEEPS):
            if not fewest:
                break
            near = self.up if sweep % 2 == 0 else self.down
            for nodes in self.order if sweep % 2 == 0 else reversed(self.order):
                weight = {
                    n: sum(self.place[m] for m in near[n]) / len(near[n]) if near[n] else self.place[n] for n in nodes
                }
                nodes.sort(key=lambda n: weight[n])
                for k, node in enumerate(nodes):
                    self.place[node] = k
            now = self.crossings()
            if now < fewest:
                best, fewest = [list(nodes) for nodes in self.order], now
        self.order = best
        self._number()

    def _pull(self, node: int, near: list[int], x: list[float]) -> float:
        """The mean place of the neighbours; those that make a long arrow straight count more."""
        if not near:
            return x[node]
        weights = [8.0 if min(node, m) >= self.count else 2.0 if max(node, m) >= self.count else 1.0 for m in near]
        return sum(w * x[m] for w, m in zip(weights, near)) / sum(weights)

    def places(self, gap: float) -> list[float]:
        """The horizontal centre of every node and empty place."""
        x = [0.0] * len(self.layer)
        gaps = [[(self.width[a] + self.width[b]) / 2 + gap for a, b in itertools.pairwise(n)] for n in self.order]
        for nodes, between in zip(self.order, gaps):
            for node, at in zip(nodes, apart([0.0] * len(nodes), between)):
                x[node] = at
        both = [up + down for up, down in zip(self.up, self.down)]
        for sweep in range(2 * SWEEPS + 1):  # the last one, downwards, makes rows of single boxes straight
            near = both if SWEEPS <= sweep < 2 * SWEEPS else self.up if sweep % 2 == 0 else self.down
            rows = list(zip(self.order, gaps))
            for nodes, between in rows if sweep % 2 == 0 else reversed(rows):
                wanted = [self._pull(n, near[n], x) for n in nodes]
                for node, at in zip(nodes, apart(wanted, between)):
                    x[node] = at
        return x


def _joined(route: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same line without the points in the middle of straight pieces."""
    kept = route[:1]
    for k in range(1, len(route) - 1):
        if not abs(route[k - 1][0] - route[k][0]) < 0.05 > abs(route[k][0] - route[k + 1][0]):
            kept.append(route[k])
    return [*kept, route[-1]]


def lay_out(
    sizes: Sequence[tuple[float, float]], edges: Sequence[Edge], gap: float = 24, drop: float = 40, margin: float = 12
) -> Layout:
    """Place boxes of the given (width, height) with ``gap`` between neighbours and ``drop`` between layers."""
    ranks = _Ranks(sizes, edges, empty=8.0)
    ranks.untangle()
    x = ranks.places(gap)
    left = min([a - w / 2 for a, w in zip(x, ranks.width)], default=0.0) - margin
    right = max([a + w / 2 for a, w in zip(x, ranks.width)], default=0.0) + margin
    tops, top = [], margin
    heights = [max([sizes[n][1] for n in nodes if n < len(sizes)], default=0.0) for nodes in ranks.order]
    for height in heights:
        tops.append(top)
        top += height + drop
    y = [tops[layer] + heights[layer] / 2 for layer in ranks.layer]
    layout = Layout(right - left, top - (drop if heights else 0) + margin, [])
    layout.centres = [(x[n] - left, y[n]) for n in range(len(sizes))]
    for (a, b), chain in ranks.chains.items():
        route = [(x[a] - left, y[a] + sizes[a][1] / 2)]
        for n in chain[1:-1]:
            route += [
                (x[n] - left, tops[ranks.layer[n]]),
                (x[n] - left, tops[ranks.layer[n]] + heights[ranks.layer[n]]),
            ]
        layout.routes[a, b] = _joined([*route, (x[b] - left, y[b] - sizes[b][1] / 2)])
    return layout
