"""True classes by clusters, with the clusters' sizes above, a panel a cell."""

from __future__ import annotations

import math
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from bench.render.place import inches
from bench.render.style import ACROSS, COLOURS, SCALE, empty
from bench.report.view_types import ConfusionView, Matrix

_DIGITS = ((8, 7.0), (12, 6.0))
"""Up to so many clusters: points of the numbers in the fields; beyond, no numbers."""
_TICKS = 25
"""Up to so many classes or clusters each is named at the axis."""
_BRIGHT = 50.0
"""Percent above which a number is black."""


def draw(view: ConfusionView) -> Figure:
    """Two panels a row, bars above each map, one scale at the right."""
    across = min(ACROSS, max(len(view.panels), 1))
    down = math.ceil(len(view.panels) / across) or 1
    side = (inches(view) - 0.7) / across
    figure = Figure(figsize=(inches(view), down * (side + 0.75)), layout="constrained")
    tall = [1.0, 5.0] * down
    grid = figure.subplots(2 * down, across, squeeze=False, height_ratios=tall)
    colours = mpl.cm.ScalarMappable(Normalize(0.0, 100.0), SCALE)
    top = max((share for panel in view.panels for share in panel.size), default=1.0)
    for i in range(down * across):
        row, column = divmod(i, across)
        bars, fields = grid[2 * row, column], grid[2 * row + 1, column]
        if i < len(view.panels):
            _panel(bars, fields, view.panels[i], colours, top)
        else:
            bars.set_axis_off()
            fields.set_axis_off()
    figure.colorbar(colours, ax=list(grid[1::2].ravel()), label="% of the class", aspect=25,
                    pad=0.02)  # fmt: skip
    return figure


def _panel(bars: Axes, fields: Axes, panel: Matrix, colours: Any, top: float) -> None:
    """Bars of the sizes over the map of one cell."""
    if not panel.percent:
        bars.set_axis_off()
        fields.set_title(panel.label, fontsize="medium")
        fields.spines[:].set_visible(True)
        empty(fields, panel.words)
        return
    bars.set_title(panel.label, fontsize="medium")
    places = range(len(panel.size))
    bars.bar(places, panel.size, width=0.8, color=COLOURS[0])
    bars.set(xticks=[], xlim=(-0.5, len(places) - 0.5), ylim=(0, 1.1 * top), ylabel="%")
    fields.set(xlabel="cluster, by matched class", ylabel="class")
    _fields(fields, panel, colours)


def _fields(axes: Axes, panel: Matrix, colours: Any) -> None:
    """The map, the first class uppermost."""
    values = np.array(panel.percent)
    axes.imshow(
        values, cmap=colours.cmap, norm=colours.norm, interpolation="nearest", aspect="auto"
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    heads = ["\N{EN DASH}" if match is None else str(match) for match in panel.matched]
    axes.set_xticks(*_every(heads))
    axes.set_yticks(*_every([str(c) for c in panel.classes]))
    size = next((points for most, points in _DIGITS if len(heads) <= most), None)
    if size is None or len(values) > _DIGITS[-1][0]:
        return
    for row, column in np.argwhere(values >= 0.5):
        value = values[row, column]
        axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=size,
                  color="black" if value > _BRIGHT else "white")  # fmt: skip


def _every(names: list[str]) -> tuple[list[int], list[str]]:
    """Places and names of an axis' ticks, so few that they do not touch."""
    step = math.ceil(len(names) / _TICKS)
    return list(range(0, len(names), step)), names[::step]
