"""Figures for a two-column paper, the same bytes for the same view."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib import style
from matplotlib.figure import Figure

from bench.errors import unknown
from bench.files import replace
from bench.render import bars, confusion, curves, embedding, heatmap, images, ranks, spending
from bench.render.place import stem
from bench.render.style import STYLE
from bench.report.picture_types import ImagesView
from bench.report.ranking_types import CostView, RanksView
from bench.report.view_types import ConfusionView, Drawing, EmbeddingView, FigureView, HeatmapView

# Dates and versions would make two equal figures differ.
_METADATA: dict[str, dict[str, None]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}


def save(view: Drawing, folder: Path, formats: Sequence[str] = ("pdf", "png")) -> list[Path]:
    """Draw the view to `<folder>/figures/<experiment>-<name>.<format>`.

    Raises:
        BenchError: an unknown format, or the folder cannot be written.
    """
    files = []
    with style.context(["default", STYLE]):
        figure = draw(view)
        for name in formats:
            if name not in _METADATA:
                raise unknown("figure format", name, _METADATA)
            out = io.BytesIO()
            figure.savefig(out, format=name, dpi=300, metadata=_METADATA[name])
            files.append(replace(folder / "figures" / f"{stem(view)}.{name}", out.getvalue()))
    return files


def draw(view: Drawing) -> Figure:
    """The figure of a view of any kind."""
    if isinstance(view, FigureView):
        return bars.draw(view) if view.kind == "bars" else curves.draw(view)
    return _DRAW[type(view)](view)


_DRAW: dict[type, Callable[..., Figure]] = {
    ConfusionView: confusion.draw,
    CostView: spending.draw,
    EmbeddingView: embedding.draw,
    HeatmapView: heatmap.draw,
    ImagesView: images.draw,
    RanksView: ranks.draw,
}
