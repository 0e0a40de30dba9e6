"""Figures of curves for a two-column paper, the same bytes for the same view."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.errors import unknown
from bench.render.cells import SEEDS
from bench.render.files import replace, stem
from bench.render.rows import Curve, FigureView

# Okabe and Ito's palette, which colour-blind readers can tell apart, without its yellow. Seven
# colours and eight markers: 56 curves before a pair of them comes again.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "X", "P", "*")
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "text.parse_math": False,
    "pdf.fonttype": 42,
}
_TICKS_AT_VALUES = 8
"""Up to so many values of x have a tick each, instead of round numbers."""
_MANY = 20
"""Points from which on a band replaces the error bars and not every point has a marker."""
# Dates and versions would make two equal figures differ.
_METADATA: dict[str, dict[str, None]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}


def save_curve(
    view: FigureView, folder: Path, formats: Sequence[str] = ("pdf", "png")
) -> list[Path]:
    """Draw the view to `<folder>/figures/<experiment>-<name>.<format>`.

    Raises:
        BenchError: an unknown format, or the folder cannot be written.
    """
    files = []
    with style.context(["default", _STYLE]):
        figure = draw(view)
        for name in formats:
            if name not in _METADATA:
                raise unknown("figure format", name, _METADATA)
            out = io.BytesIO()
            figure.savefig(out, format=name, dpi=300, metadata=_METADATA[name])
            files.append(replace(folder / "figures" / f"{stem(view)}.{name}", out.getvalue()))
    return files


def draw(view: FigureView) -> Figure:
    """The axes above, the legend below them, outside the data."""
    rows = math.ceil((len(view.curves) + (view.truth is not None)) / 2)
    figure = Figure(figsize=(3.4, 2.1 + 0.16 * rows), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(view.x_label)
    axes.set_ylabel(view.y_label)
    places = _places(view)
    handles = [_plot(axes, c, [places[x] for x in c.x], i) for i, c in enumerate(view.curves)]
    labels = [_label(curve) for curve in view.curves]
    if not any(mean is not None for curve in view.curves for mean in curve.mean):
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "nothing measured yet", transform=axes.transAxes, ha="center")
    elif any(isinstance(x, str) for x in places):
        axes.set_xticks(range(len(places)), [str(x) for x in places])
    elif len(places) <= _TICKS_AT_VALUES:
        axes.set_xticks(list(places.values()), [f"{x:g}" for x in places.values()])
    if view.truth is not None:
        place = places.get(view.truth, view.truth)
        handles.append(axes.axvline(place, color="0.4", linewidth=0.8, linestyle="--"))
        labels.append(view.truth_label)
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False,
                      handlelength=2.2, columnspacing=1.2, labelspacing=0.3)  # fmt: skip
    return figure


def _places(view: FigureView) -> dict[float | str, float]:
    """Where each x stands: at its value, or in the order of first use when some x is a word."""
    values = dict.fromkeys(x for curve in view.curves for x in curve.x)
    if any(isinstance(x, str) for x in values):
        return {x: float(i) for i, x in enumerate(values)}
    return {x: float(x) for x in values}


def _plot(axes: Axes, curve: Curve, x: list[float], index: int) -> Artist:
    """One line; what was not measured is NaN, which matplotlib leaves out as a gap."""
    mean = np.array([math.nan if m is None else m for m in curve.mean])
    std = np.array([math.nan if s is None else s for s in curve.std])
    many = len(x) > _MANY
    colour = _COLOURS[index % len(_COLOURS)]
    if many:
        axes.fill_between(x, mean - std, mean + std, color=colour, alpha=0.15, linewidth=0)
    else:
        axes.errorbar(x, mean, std, fmt="none", ecolor=colour, elinewidth=0.7, capsize=1.5)
    (line,) = axes.plot(
        x,
        mean,
        color=colour,
        marker=_MARKERS[index % len(_MARKERS)],
        markersize=3.5,
        markeredgewidth=0,
        linewidth=1,
        markevery=_marked(mean, index) if many else None,
    )
    return line


def _marked(mean: NDArray[np.float64], index: int) -> list[int]:
    """Every few points, staggered between curves, and each that stands alone between gaps."""
    gaps = np.isnan(np.concatenate([[math.nan], mean, [math.nan]]))
    alone = gaps[:-2] & gaps[2:]
    step = max(1, len(mean) // 8)
    return [i for i in range(len(mean)) if alone[i] or i % step == index % step]


def _label(curve: Curve) -> str:
    """The curve's name, with its number of seeds where that is not ten or not the planned one."""
    counts = {n for n, mean in zip(curve.n, curve.mean, strict=True) if mean is not None}
    # matplotlib leaves a label out of the legend that starts with an underscore.
    name = f" {curve.label}" if curve.label.startswith("_") else curve.label
    if not counts:
        return f"{name} (not measured)"
    low, high = min(counts), max(counts)
    n = f"{low}" if low == high else f"{low}\N{EN DASH}{high}"
    if low < curve.planned:
        return f"{name} (n={n}/{curve.planned})"
    return name if low == high == SEEDS else f"{name} (n={n})"
