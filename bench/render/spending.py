"""What methods reach against the time and the memory that they take."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from bench.render.place import inches
from bench.render.style import LEGEND, MARKERS, columns, counted, empty, looks
from bench.report.ranking_types import CostView, Spent


def draw(view: CostView) -> Figure:
    """Time at the left, on a logarithmic scale, memory at the right; the legend below."""
    labels = [counted(one.label, one.n, one.planned) for one in view.methods]
    across = columns(labels, inches(view))
    height = 2.3 + 0.16 * math.ceil(len(labels) / across)
    figure = Figure(figsize=(inches(view), height), layout="constrained")
    time, memory = figure.subplots(1, 2, sharey=True)
    time.set(xlabel="seconds a cell", ylabel=view.y_label)
    memory.set(xlabel="memory of a cell (GB)")
    if not view.methods:
        empty(time, "nothing measured yet")
        return figure
    handles: list[Artist] = []
    styles = looks(one.method for one in view.methods)
    for i, (one, (colour, _)) in enumerate(zip(view.methods, styles, strict=True)):
        handles.append(_points(time, memory, one, colour, MARKERS[i % len(MARKERS)]))
    time.set_xscale("log")
    least, most = time.get_xlim()
    # Over three decades and more the numbers between them touch.
    subs = (1.0,) if most > 1000 * least else (1.0, 2.0, 5.0)
    time.xaxis.set_major_locator(LogLocator(subs=subs))
    time.xaxis.set_major_formatter("{x:g}")
    time.xaxis.set_minor_formatter(NullFormatter())
    # Room for the whole marker of the largest: the default goes by the spread, not from zero.
    memory.set_xlim(0.0, 1.05 * max(one.gigabytes for one in view.methods) or 1.0)
    figure.legend(handles, labels, loc="outside lower center", ncols=across, **LEGEND)
    return figure


def _points(time: Axes, memory: Axes, one: Spent, colour: str, marker: str) -> Artist:
    """One method in both panels; a line goes on to the time with what it needs."""
    look: dict[str, Any] = {"color": colour, "linestyle": "", "marker": marker, "markersize": 4.5}
    for axes, x in ((time, one.seconds), (memory, one.gigabytes)):
        axes.errorbar([x], [one.mean], [one.std or 0.0], fmt="none", ecolor=colour, elinewidth=0.7)
    if one.with_needs is not None and one.with_needs > one.seconds:
        time.plot([one.seconds, one.with_needs], [one.mean] * 2, color=colour, linewidth=0.7)
        time.plot([one.with_needs], [one.mean], color=colour, marker="|", markersize=5)
    memory.plot([one.gigabytes], [one.mean], **look)
    (point,) = time.plot([one.seconds], [one.mean], **look)
    return point
