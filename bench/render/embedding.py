"""Images as points in the plane, coloured by their true class, a panel a cell."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.render.place import inches
from bench.render.style import COLOURS, MARKERS, empty
from bench.report.view_types import Cloud, EmbeddingView

_ACROSS = 3
_SIZE = 5.0
"""Area of a dot, in square points (1/72 inch)."""


def draw(view: EmbeddingView) -> Figure:
    """Up to three panels a row, without axes: only distances mean something."""
    across = 2 if len(view.panels) == 4 else min(_ACROSS, max(len(view.panels), 1))
    down = math.ceil(len(view.panels) / across) or 1
    side = inches(view) / across
    figure = Figure(figsize=(inches(view), down * (side + 0.15)), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False).ravel()
    for axes, cloud in zip(grid, view.panels, strict=False):
        _scatter(axes, cloud)
    for axes in grid[len(view.panels) :]:
        axes.set_axis_off()
    return figure


def _scatter(axes: Axes, cloud: Cloud) -> None:
    """One cell's points; classes beyond the seventh differ in their markers too."""
    axes.set_title(cloud.label, fontsize="medium")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
    axes.set_box_aspect(1)
    if not cloud.points:
        empty(axes, cloud.words)
        return
    points, classes = np.array(cloud.points), np.array(cloud.classes)
    for c in np.unique(classes):
        mine = points[classes == c]
        colour = COLOURS[c % len(COLOURS)]
        marker = MARKERS[c // len(COLOURS) % len(MARKERS)]
        axes.scatter(mine[:, 0], mine[:, 1], s=_SIZE, c=colour, marker=marker, linewidths=0)
