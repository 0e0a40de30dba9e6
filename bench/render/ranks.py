"""Methods by mean rank over tasks, with half the critical difference to each side."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from bench.render.place import inches
from bench.render.style import counted, empty, looks
from bench.report.ranking_types import RanksView

_ROW = 0.17
"""Height of a method's row, inches."""


def draw(view: RanksView) -> Figure:
    """A row for each method, the best above."""
    figure = Figure(figsize=(inches(view), 0.7 + _ROW * len(view.methods)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(f"mean rank by {view.metric}")
    if not view.methods:
        empty(axes, "fewer than two methods measured yet")
        return figure
    half = (view.difference or 0.0) / 2
    best = view.methods[0].rank + half
    if half:
        axes.axvspan(view.methods[0].rank - half, best, color="0.93", linewidth=0)
    styles = looks(one.method for one in view.methods)
    for row, (one, (colour, _)) in enumerate(zip(view.methods, styles, strict=True)):
        axes.plot([one.rank - half, one.rank + half], [row, row], color=colour, linewidth=1.4)
        axes.plot([one.rank], [row], color=colour, marker="o", markersize=4)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    names = [counted(one.label, one.n, one.planned) for one in view.methods]
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(names) - 0.4, -0.6)
    return figure
