"""Heat maps: a metric over two axes, a panel a part, one scale for all of them."""

from __future__ import annotations

import math
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Polygon, Rectangle

from bench.render.place import inches
from bench.render.style import ACROSS, FAILED, LEGEND, MISSING, SCALE, counted, ticks
from bench.report.view_types import Heatmap, HeatmapView

_DIGITS = ((5, 1, 7.0), (7, 0, 7.0), (12, 0, 5.5))
"""Up to so many columns: decimals and points of the numbers in the fields; beyond, no numbers."""
_BRIGHT = 0.55
"""Luminance above which a number is black."""


def draw(view: HeatmapView) -> Figure:
    """Two panels a row, the scale at their right, what hatching means below."""
    across = min(ACROSS, max(len(view.panels), 1))
    down = math.ceil(len(view.panels) / across) or 1
    field = (inches(view) - 0.7) / across / max(len(view.x), 1)
    height = float(np.clip(field * len(view.y), 1.0, 2.6)) + 0.55
    figure = Figure(figsize=(inches(view), down * height + 0.2), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False).ravel()
    norm = Normalize(0.0, view.top or _largest(view) or 1.0)
    colours = mpl.cm.ScalarMappable(norm, SCALE)
    for axes, panel in zip(grid, view.panels, strict=False):
        _panel(axes, view, panel, colours)
    for axes in grid[len(view.panels) :]:
        axes.set_axis_off()
    figure.colorbar(colours, ax=list(grid), label=view.value_label, aspect=25 * down, pad=0.02)
    hatched = _hatched(view)
    if hatched:
        figure.legend(hatched, [str(h.get_label()) for h in hatched], loc="outside lower center",
                      ncols=2, **LEGEND)  # fmt: skip
    return figure


def _largest(view: HeatmapView) -> float:
    return max((v for p in view.panels for row in p.value for v in row if v is not None), default=0)


def _panel(axes: Axes, view: HeatmapView, panel: Heatmap, colours: Any) -> None:
    """One map: a coloured or hatched field for each pair of values, y upwards."""
    axes.set_title(counted(panel.label, [n for row in panel.n for n in row], panel.planned),
                   fontsize="medium")  # fmt: skip
    axes.set(xlabel=view.x_label, ylabel=view.y_label)
    axes.set_xlim(-0.5, len(view.x) - 0.5)
    axes.set_ylim(-0.5, len(view.y) - 0.5)
    axes.set_xticks(range(len(view.x)), ticks(view.x))
    axes.set_yticks(range(len(view.y)), ticks(view.y))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for row in range(len(view.y)):
        for column in range(len(view.x)):
            _field(axes, (column, row), panel, colours, whole=view.top is None)


def _field(
    axes: Axes, place: tuple[int, int], panel: Heatmap, colours: Any, *, whole: bool
) -> None:
    """One field; a corner is cut from it where some of its seeds are lacking."""
    column, row = place
    x, y = column - 0.5, row - 0.5
    value, n = panel.value[row][column], panel.n[row][column]
    if value is None:
        look = FAILED if panel.failed[row][column] else MISSING
        axes.add_patch(Rectangle((x, y), 1, 1, **look))
        return
    colour = colours.to_rgba(value)
    axes.add_patch(Rectangle((x, y), 1, 1, facecolor=colour, edgecolor="white", linewidth=0.4))
    if n < panel.planned:
        corner = [(x + 1, y + 1), (x + 0.75, y + 1), (x + 1, y + 0.75)]
        axes.add_patch(Polygon(corner, facecolor="white", edgecolor="0.3", linewidth=0.4))
    for most, digits, size in _DIGITS:
        if len(panel.value[0]) <= most:
            bright = float(np.dot(colour[:3], (0.299, 0.587, 0.114))) > _BRIGHT
            shown = f"{value:.{0 if whole and value == round(value) else digits}f}"
            axes.text(column, row, shown, ha="center", va="center", fontsize=size,
                      color="black" if bright else "white")  # fmt: skip
            return


def _hatched(view: HeatmapView) -> list[Patch]:
    """The legend's patches for what has no value, of those that occur."""
    lacking = {
        failed
        for panel in view.panels
        for values, fails in zip(panel.value, panel.failed, strict=True)
        for value, failed in zip(values, fails, strict=True)
        if value is None
    }
    found = [Patch(label="not measured", **MISSING)] if False in lacking else []
    return found + ([Patch(label="failed", **FAILED)] if True in lacking else [])
