"""The place that a view takes: the name of its files, and its width in a two-column paper."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from bench.files import safe
from bench.report.picture_types import ImagesView
from bench.report.ranking_types import CostView, RanksView
from bench.report.view_types import Drawing, FigureView, TableView

V = TypeVar("V", bound="TableView | Drawing")

COLUMN, BOTH_COLUMNS = 3.4, 7.0
"""Inches."""
_BARS_OF_A_COLUMN = 12
_PICTURES_OF_A_COLUMN = 10
"""Side by side, over all panels."""


def stem(view: TableView | Drawing) -> str:
    """The view's file name without its ending, "experiment-name-preset", safe on any system."""
    return safe(f"{view.experiment}-{view.name}-{view.preset}")


def by_experiment(views: Iterable[V]) -> dict[str, list[V]]:
    """Experiment -> its views, tables before figures where they come so."""
    found: dict[str, list[V]] = {}
    for view in views:
        found.setdefault(view.experiment, []).append(view)
    return found


def inches(view: Drawing) -> float:
    """Width, inches: one column of a two-column paper, or both."""
    if isinstance(view, FigureView):
        bars = sum(len(curve.x) for curve in view.curves)
        return BOTH_COLUMNS if view.kind == "bars" and bars > _BARS_OF_A_COLUMN else COLUMN
    if isinstance(view, ImagesView):
        strips = [strip for sheet in view.panels for strip in sheet.strips]
        most = max((len(s.pictures) for s in strips), default=_PICTURES_OF_A_COLUMN)
        if most * len(view.panels) <= _PICTURES_OF_A_COLUMN:
            return COLUMN
    if isinstance(view, (RanksView, CostView)):
        return COLUMN if isinstance(view, RanksView) else BOTH_COLUMNS
    return COLUMN if len(view.panels) == 1 else BOTH_COLUMNS
