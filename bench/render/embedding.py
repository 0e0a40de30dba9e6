"""Images in the plane, as points or as they are, coloured by their true class, a panel a cell."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.render import images
from bench.render.place import inches
from bench.render.style import COLOURS, LEGEND, MARKERS, empty
from bench.report.view_types import Cloud, EmbeddingView

_ACROSS = 3
_CLASSES = 20
"""Up to so many classes are named in a legend."""
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
    dots = [cloud for cloud in view.panels if not cloud.pictures]
    classes = sorted({c for cloud in dots for c in cloud.classes})
    if 0 < len(classes) <= _CLASSES:
        signs = [Line2D([], [], color=COLOURS[c % len(COLOURS)], marker=_marker(c), linestyle="",
                        markersize=4, markeredgewidth=0) for c in classes]  # fmt: skip
        look = {**LEGEND, "handlelength": 1.0, "handletextpad": 0.0, "ncols": len(classes)}
        figure.legend(signs, [str(c) for c in classes], loc="outside lower center", **look)
    return figure


def _marker(label: int) -> str:
    """Classes of one colour differ in their markers."""
    return MARKERS[label // len(COLOURS) % len(MARKERS)]


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
    if cloud.pictures:
        left, top = points[:, 0].min(), points[:, 1].max()
        places = np.stack([points[:, 0] - left, top - points[:, 1]], axis=1) / (cloud.side or 1.0)
        for picture, (x, y) in zip(cloud.pictures, places, strict=True):
            images.put(axes, picture, x, y)
        middle = (places.max(axis=0) + 1) / 2
        half = 1.02 * middle.max()
        axes.set(
            xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] + half, middle[1] - half)
        )
        return
    for c in np.unique(classes):
        mine = points[classes == c]
        colour = COLOURS[c % len(COLOURS)]
        axes.scatter(mine[:, 0], mine[:, 1], s=_SIZE, c=colour, marker=_marker(c), linewidths=0)
