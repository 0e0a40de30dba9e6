"""Rows of pictures, framed in the colour of their true class, a panel a cell."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bench.render.place import inches
from bench.render.style import ACROSS, DASHES, FRAMES, empty
from bench.report.picture_types import ImagesView, Picture, Sheet

_LARGEST = 0.5
"""Side of a picture with the gap beside it, inches, at most."""
_LABEL = 0.35
"""Inches that the labels of rows take."""
_SIDE = 0.86
"""The side of a picture, as a share of its place; the rest is the gap."""
_APART = 0.3
"""Further gap behind a query."""


def draw(view: ImagesView) -> Figure:
    """Up to two panels a row."""
    across = min(ACROSS, max(len(view.panels), 1))
    down = math.ceil(len(view.panels) / across) or 1
    columns, rows = _extent(view)
    side = min((inches(view) / across - _LABEL) / columns, _LARGEST)
    height = max(side * rows, 0.6) + 0.25
    figure = Figure(figsize=(inches(view), down * height), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False).ravel()
    for axes, sheet in zip(grid, view.panels, strict=False):
        _sheet(axes, sheet, (columns, rows), apart=_apart(view))
    for axes in grid[len(view.panels) :]:
        axes.set_axis_off()
    return figure


def _apart(view: ImagesView) -> float:
    return _APART if view.show == "neighbours" else 0.0


def _extent(view: ImagesView) -> tuple[float, int]:
    """Columns and rows of the largest panel."""
    strips = [strip for sheet in view.panels for strip in sheet.strips]
    columns = max((len(strip.pictures) for strip in strips), default=1)
    return columns + _apart(view), max((len(s.strips) for s in view.panels), default=1) or 1


def _sheet(axes: Axes, sheet: Sheet, extent: tuple[float, int], *, apart: float) -> None:
    """One panel, as large as the largest, so that all have pictures of one size."""
    axes.set_title(sheet.label, fontsize="medium")
    axes.spines[:].set_visible(False)
    if not sheet.strips:
        empty(axes, sheet.words)
        return
    for row, strip in enumerate(sheet.strips):
        for column, picture in enumerate(strip.pictures):
            put(axes, picture, column + (apart if column else 0.0), row)
    axes.set_xticks([])
    axes.set_yticks(
        [row + _SIDE / 2 for row in range(len(sheet.strips))], [s.label for s in sheet.strips]
    )
    axes.tick_params(length=0)
    margin = (1 - _SIDE) / 2
    axes.set_xlim(-margin, extent[0] - margin)
    axes.set_ylim(extent[1] - margin, -margin)
    axes.set_aspect("equal")


def put(axes: Axes, picture: Picture, x: float, y: float) -> None:
    """A picture with its upper left corner at a place of side 1, y downwards, pixel by pixel."""
    height, width, channels = picture.shape
    pixels = np.frombuffer(picture.pixels, np.uint8).reshape(picture.shape)
    if channels == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    tall, wide = _SIDE * height / max(height, width), _SIDE * width / max(height, width)
    place = (x, x + wide, y + tall, y)
    axes.imshow(pixels, extent=place, interpolation="nearest", aspect="equal")
    if picture.frame is not None:
        look = {
            "edgecolor": FRAMES[picture.frame % len(FRAMES)],
            "linestyle": DASHES[picture.frame // len(FRAMES) % len(DASHES)],
        }
        axes.add_patch(Rectangle((x, y), wide, tall, fill=False, linewidth=1.4, **look))
