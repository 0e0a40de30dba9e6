"""Curves with the spread over seeds: against what a figure varies, or over training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bench.render.place import inches
from bench.render.style import LEGEND, LINES, MARKERS, columns, counted, empty, looks
from bench.report.view_types import Curve, FigureView

_TICKS_AT_VALUES = 8
"""Up to so many values of x have a tick each, instead of round numbers."""
_MANY = 20
"""Points from which on a band replaces the error bars and not every point has a marker."""

_ASIDE = 0.008
"""Of the width, between curves at one value of x, whose error bars would cover one another."""
_HOLLOW: dict[str, Any] = {
    "markersize": 5.0,
    "markerfacecolor": "none",
    "markeredgewidth": 0.9,
    "zorder": 4,
}
"""Printed numbers."""

_ACROSS = 2
"""Entries of the legend side by side, at most."""


def draw(view: FigureView) -> Figure:
    """The axes above, the legend below them, outside the data."""
    published = any(curve.published for curve in view.curves)
    labels = [_label(curve) for curve in view.curves]
    labels += [view.truth_label] if view.truth is not None else []
    labels += ["published"] if published else []
    across = min(columns(labels, inches(view)), _ACROSS)
    rows = math.ceil(len(labels) / across)
    figure = Figure(figsize=(inches(view), 2.1 + 0.16 * rows), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(view.x_label)
    axes.set_ylabel(view.y_label)
    places = _places(view)
    handles: list[Artist] = []
    styles = looks(curve.method for curve in view.curves)
    for i, (curve, look) in enumerate(zip(view.curves, styles, strict=True)):
        band = view.kind == "training" or len(curve.x) > _MANY
        aside = 0.0 if band else (i - (len(view.curves) - 1) / 2) * _ASIDE
        x = _aside([places[x] for x in curve.x], list(places.values()), aside, log=view.x_log)
        pen = _Pen(*look, MARKERS[i % len(MARKERS)])
        handles.append(_plot(axes, curve, x, pen, index=i, band=band))
    _scale_x(axes, view, places)
    if view.truth is not None:
        place = places.get(view.truth, view.truth)
        handles.append(axes.axvline(place, color="0.4", linewidth=0.8, linestyle="--"))
    if published:
        handles.append(Line2D([], [], color="0.4", linestyle="", marker="o", **_HOLLOW))
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=across, **LEGEND)
    return figure


def _aside(x: list[float], places: list[float], share: float, *, log: bool) -> list[float]:
    """Values of x moved by a share of the width."""
    if not x:
        return x
    low, high = min(places), max(places)
    if log:
        return [at * (high / low) ** share for at in x]
    return [at + share * (high - low) for at in x]


def _scale_x(axes: Axes, view: FigureView, places: dict[float | str, float]) -> None:
    """Ticks at the values where they are few; words where there is nothing."""
    if view.x_log and places:
        axes.set_xscale("log")
    if not any(mean is not None for curve in view.curves for mean in curve.mean):
        axes.minorticks_off()
        empty(axes, "nothing measured yet")
    elif any(isinstance(x, str) for x in places):
        axes.set_xticks(range(len(places)), [str(x) for x in places])
    elif view.kind == "training" and not view.x_log:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    elif len(places) <= _TICKS_AT_VALUES:
        axes.set_xticks(list(places.values()), [f"{x:g}" for x in places.values()])
        axes.minorticks_off()


def _places(view: FigureView) -> dict[float | str, float]:
    """Where each x stands: at its value, or in the order of first use when some x is a word."""
    values = dict.fromkeys(x for curve in view.curves for x in curve.x)
    if any(isinstance(x, str) for x in values):
        return {x: float(i) for i, x in enumerate(values)}
    return {x: float(x) for x in values}


@dataclass(frozen=True)
class _Pen:
    """How a curve is drawn."""

    colour: str
    before: int
    """Curves of the same colour before it."""
    marker: str


def _plot(axes: Axes, curve: Curve, x: list[float], pen: _Pen, *, index: int, band: bool) -> Artist:
    """One line; what was not measured is NaN, which matplotlib leaves out as a gap."""
    mean = np.array([math.nan if m is None else m for m in curve.mean])
    std = np.array([math.nan if s is None else s for s in curve.std])
    colour = pen.colour
    if band:
        axes.fill_between(x, mean - std, mean + std, color=colour, alpha=0.15, linewidth=0)
    else:
        axes.errorbar(x, mean, std, fmt="none", ecolor=colour, elinewidth=0.7, capsize=1.5)
    printed = [(at, p) for at, p in zip(x, curve.published, strict=False) if p is not None]
    axes.plot([at for at, _ in printed], [p for _, p in printed], color=colour, linestyle="",
              marker=pen.marker, **_HOLLOW)  # fmt: skip
    (line,) = axes.plot(
        x,
        mean,
        color=colour,
        marker=pen.marker,
        markersize=3.5,
        markeredgewidth=0,
        linewidth=1,
        linestyle=LINES[pen.before % len(LINES)],
        markevery=_marked(mean, index) if band else None,
    )
    return line


def _marked(mean: NDArray[np.float64], index: int) -> list[int]:
    """Every few points, staggered between curves, and each that stands alone between gaps."""
    gaps = np.isnan(np.concatenate([[math.nan], mean, [math.nan]]))
    alone = gaps[:-2] & gaps[2:]
    step = max(1, len(mean) // 8)
    return [i for i in range(len(mean)) if alone[i] or i % step == index % step]


def _label(curve: Curve) -> str:
    """The curve's name with its n."""
    counts = [n for n, mean in zip(curve.n, curve.mean, strict=True) if mean is not None]
    label = counted(curve.label, counts, curve.planned)
    seeds = ", ".join(map(str, curve.damaged))
    named = f"seed{'s' if len(curve.damaged) > 1 else ''} {seeds}"
    return f"{label}, damaged: {named}" if seeds else label
