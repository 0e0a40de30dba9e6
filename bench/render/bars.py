"""Grouped bars with the spread over seeds, and the printed number as a diamond."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bench.render.place import inches
from bench.render.style import HATCHES, LEGEND, columns, counted, empty, looks, ticks
from bench.report.view_types import Curve, FigureView

_GROUP = 0.8
"""Share of a group's place that its bars fill."""
_LEVEL = 5
"""Up to so many short names of groups stand level, others aslant."""
_LETTER = 0.045
"""Height of a letter of a name that stands aslant, inches."""


def draw(view: FigureView) -> Figure:
    """A place for each x, in it a bar for each curve; the legend below."""
    places = list(dict.fromkeys(x for curve in view.curves for x in curve.x))
    published = any(curve.published for curve in view.curves)
    labels = [counted(c.label, _counts(c), c.planned) for c in view.curves]
    labels += ["published"] if published else []
    gaps = any(map(_lacking, view.curves))
    labels += ["not measured"] if gaps else []
    across = columns(labels, inches(view))
    rows = math.ceil(len(labels) / across)
    names = ticks(places)
    level = len(names) <= _LEVEL and all(len(name) <= 50 // len(names) for name in names)
    below = 0.2 if level else _LETTER * max(len(name) for name in names)
    figure = Figure(figsize=(inches(view), 2.1 + below + 0.16 * rows), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(view.x_label)
    axes.set_ylabel(view.y_label)
    width = _GROUP / max(len(view.curves), 1)
    handles: list[Artist] = []
    styles = looks(curve.method for curve in view.curves)
    for i, (curve, look) in enumerate(zip(view.curves, styles, strict=True)):
        centres = [places.index(x) - _GROUP / 2 + (i + 0.5) * width for x in curve.x]
        handles.append(_bars(axes, curve, centres, width, look))
    if published:
        handles.append(_diamonds(axes, [], []))
    if gaps:
        handles.append(_crosses(axes, []))
    turned: dict[str, Any] = (
        {} if level else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    )
    axes.set_xticks(range(len(names)), names, **turned)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.6, len(names) - 0.4)
    if not any(m is not None for c in view.curves for m in (*c.mean, *c.published)):
        empty(axes, "nothing measured yet")
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=across, **LEGEND)
    return figure


def _bars(
    axes: Axes, curve: Curve, centres: list[float], width: float, look: tuple[str, int]
) -> Patch:
    """One curve's bars, a sign where some were not measured; gives that of the legend."""
    colour, before = look
    hatch = HATCHES[before % len(HATCHES)]
    there = [i for i, mean in enumerate(curve.mean) if mean is not None]
    axes.bar(
        [centres[i] for i in there],
        [mean for mean in curve.mean if mean is not None],
        width * 0.94,
        color=colour,
        hatch=hatch,
        edgecolor="white",
        linewidth=0,
    )
    spread = [
        (centre, mean, std)
        for centre, mean, std in zip(centres, curve.mean, curve.std, strict=True)
        if mean is not None and std is not None
    ]
    axes.errorbar(
        [centre for centre, _, _ in spread],
        [mean for _, mean, _ in spread],
        [std for _, _, std in spread],
        fmt="none",
        ecolor="0.25",
        elinewidth=0.7,
        capsize=min(1.5, 8 * width),
    )
    for i in _failed(curve):
        axes.annotate("failed", (centres[i], 0), (0, 2), xycoords=axes.get_xaxis_transform(),
                      textcoords="offset points", ha="center", va="bottom", rotation=90,
                      fontsize=5, color="0.35")  # fmt: skip
    _crosses(axes, [centres[i] for i in _lacking(curve)])
    printed = [(x, y) for x, y in zip(centres, curve.published, strict=False) if y is not None]
    _diamonds(axes, [x for x, _ in printed], [y for _, y in printed])
    return Patch(facecolor=colour, hatch=hatch, edgecolor="white", linewidth=0)


def _diamonds(axes: Axes, x: list[float], y: list[float]) -> Line2D:
    """Printed numbers; without any, the legend's sign for them."""
    (line,) = axes.plot(x, y, linestyle="", marker="D", markersize=3.2, markerfacecolor="white",
                        markeredgecolor="black", markeredgewidth=0.7, zorder=4)  # fmt: skip
    return line


def _crosses(axes: Axes, x: list[float]) -> Line2D:
    """Where a bar lacks among others of its curve; without any, the legend's sign for that."""
    (line,) = axes.plot(x, [0.03] * len(x), linestyle="", marker="x", markersize=2.6, color="0.45",
                        markeredgewidth=0.6, transform=axes.get_xaxis_transform())  # fmt: skip
    return line


def _failed(curve: Curve) -> list[int]:
    """Places at which a curve's cells failed."""
    return [i for i, failed in enumerate(curve.failed) if failed and curve.mean[i] is None]


def _lacking(curve: Curve) -> list[int]:
    """Places at which it was not measured; none where all of it was not, which the legend says."""
    if all(mean is None for mean in curve.mean):
        return []
    failed = _failed(curve)
    return [i for i, mean in enumerate(curve.mean) if mean is None and i not in failed]


def _counts(curve: Curve) -> list[int]:
    return [n for n, mean in zip(curve.n, curve.mean, strict=True) if mean is not None]
