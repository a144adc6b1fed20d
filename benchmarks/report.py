"""What a run prints and draws.

    python benchmarks/report.py benchmarks/results/results.json [MORE.json ...] [FIGURE.png]

repeats the tables of finished runs, of different groups for instance, as one, and draws their figure.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from pathlib import Path
from typing import Any

from cases import REQUIREMENTS

Row = dict[str, Any]


def geomean(values: list[float]) -> float:
    return math.exp(statistics.fmean(math.log(v) for v in values)) if values else math.nan


def limits_text(limits: dict[str, float]) -> str:
    return "\n".join(f"{name}: {value / 1e9:.1f}e9" for name, value in limits.items())


def share(row: Row, limits: dict[str, float], threads: int) -> str:
    """The rate of a cell and its part of the machine's limit; empty where neither means anything."""
    seconds = row["seconds"]["lucid"]
    if row["flops"]:
        rate, limit, unit = row["flops"] / seconds, limits[f"peak FLOP/s, {threads} threads"], "GFLOP/s"
    elif row["bytes"]:
        rate, limit, unit = row["bytes"] / seconds, limits[f"copy B/s, {threads} threads"], "GB/s"
    else:
        return ""
    return f"{rate / 1e9:7.1f} {unit:7} {100 * rate / limit:4.0f} %"


def line(row: Row, limits: dict[str, float], threads: int) -> str:
    """One cell: every library's time, the ratio, and the share of peak rate or copy bandwidth."""
    if "skipped" in row:
        return f"{row['name']:44} skipped: {row['skipped']}"
    if "ratio" not in row:
        return f"{row['name']:44} OUTPUTS DISAGREE by {row['difference']:.2e} of scale: no ratio"
    if "memory" in row:
        figures = "  ".join(f"{library} {s / 1e6:10.1f} MB" for library, s in row["memory"].items())
        return f"{row['name']:44} {figures}  ratio {row['ratio']:5.2f}"
    figures = "  ".join(f"{library} {s * 1e6:10.1f} us" for library, s in row["seconds"].items())
    return f"{row['name']:44} {figures}  ratio {row['ratio']:5.2f}  {share(row, limits, threads)}".rstrip()


def summary(rows: list[Row]) -> str:
    """Per group: cells, geometric mean, cells lost, worst cell."""
    lines = [f"{'group':16} {'cells':>5} {'geomean':>8} {'lost':>5}  worst cell"]
    for group in dict.fromkeys(row["group"] for row in rows):
        cells = [row for row in rows if row["group"] == group and "ratio" in row]
        if cells:
            worst = min(cells, key=lambda row: row["ratio"])
            lost, mean = sum(row["ratio"] < 1 for row in cells), geomean([row["ratio"] for row in cells])
            lines.append(f"{group:16} {len(cells):5} {mean:8.2f} {lost:5}  {worst['ratio']:.2f} {worst['name']}")
    skipped = sum("skipped" in row for row in rows)
    failed = sum("ratio" not in row and "skipped" not in row for row in rows)
    return "\n".join([*lines, f"{skipped} skipped, {failed} whose outputs disagree"])


def verdict(value: float, required: float, gaps: int) -> str:
    if value < required:
        return f"{value:5.2f}  lost by {required - value:.2f}"
    return f"{value:5.2f}  holds" + (f" without {gaps} cells" if gaps else "")


def requirements(rows: list[Row]) -> str:
    """Each group's required figures and whether they hold, over the cells that were run."""
    lines = [f"{'required':44} {'found':>5}"]
    for group, every, mean, match in REQUIREMENTS:
        cells = [row for row in rows if row["group"] == group and match in row["name"]]
        ratios = [row["ratio"] for row in cells if "ratio" in row]
        if not ratios:
            continue
        name, gaps = f"{group} {match.strip()}".rstrip(), len(cells) - len(ratios)
        if every:
            lines.append(f"{f'{name}: every cell >= {every}':44} {verdict(min(ratios), every, gaps)}")
        if mean:
            lines.append(f"{f'{name}: geomean >= {mean}':44} {verdict(geomean(ratios), mean, gaps)}")
    for row in rows:
        if row.get("most") and "seconds" in row:
            found = row["seconds"]["lucid"]
            verb = "holds" if found <= row["most"] else f"lost by {found - row['most']:.2f}"
            lines.append(f"{row['name']} <= {row['most']} s".ljust(44) + f" {found:5.2f}  {verb}")
        if row["required"] and "ratio" in row:
            lines.append(
                f"{row['name']} >= {row['required']}".ljust(44) + f" {verdict(row['ratio'], row['required'], 0)}"
            )
    return "\n".join(lines)


def plot(rows: list[Row], path: Path) -> None:
    """Every cell's ratio on a logarithmic axis, a panel per group, its geometric mean dashed."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    groups = [
        g for g in dict.fromkeys(row["group"] for row in rows) if any("ratio" in r for r in rows if r["group"] == g)
    ]
    columns = min(4, len(groups))
    figure, axes = plt.subplots(
        -(-len(groups) // columns), columns, figsize=(3.2 * columns, 2.6 * -(-len(groups) // columns)),
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for axis in axes.flat[len(groups) :]:
        axis.remove()
    for axis, group in zip(axes.flat, groups):
        ratios = sorted(row["ratio"] for row in rows if row["group"] == group and "ratio" in row)
        axis.bar(range(len(ratios)), [r - 1 for r in ratios], bottom=1, width=1,
                 color=["tab:red" if r < 1 else "tab:blue" for r in ratios])  # fmt: skip
        axis.axhline(1, color="black", linewidth=1)
        mean = geomean(ratios)
        axis.axhline(mean, color="black", linewidth=0.8, linestyle="--")
        axis.set_yscale("log", base=2)
        low, high = axis.get_ylim()
        axis.set_ylim(min(low, 0.5), max(high, 4))
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_xticks([])
        axis.set_title(f"{group}: {len(ratios)} cells, mean {mean:.2f}", fontsize=9)
    figure.supylabel("time of the fastest peer / time of lucid", fontsize=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    figures = [path for path in sys.argv[1:] if path.endswith(".png")]
    runs = [json.loads(Path(path).read_text()) for path in sys.argv[1:] if path not in figures]
    for run in runs:
        print("\n".join(line(row, run["limits"], run["threads"]) for row in run["rows"]))
    rows = [row for run in runs for row in run["rows"]]
    print(f"\n{summary(rows)}\n\n{requirements(rows)}")
    for path in figures:
        plot(rows, Path(path))


if __name__ == "__main__":
    main()
