"""Views written to files: what `bench render` calls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.errors import unknown
from bench.files import replace, safe
from bench.render import html, latex, tables
from bench.render.place import stem
from bench.report.view_types import Drawing, TableView

_TABLES = {"tex": latex.latex, "md": tables.markdown, "csv": tables.csv}
TABLE_FORMATS = tuple(_TABLES)
FIGURE_FORMATS = ("pdf", "png", "tex")


def write(
    view: TableView | Drawing, folder: Path, formats: Sequence[str] | None = None
) -> list[Path]:
    """Write a view to `<folder>/tables/` or `<folder>/figures/` as `<experiment>-<name>.<format>`.

    Args:
        view: A table (tex, md, csv) or a figure (pdf, png, and tex for its caption).
        folder: Where results go; made when it is missing.
        formats: Some of those; None for all.

    Raises:
        BenchError: an unknown format, or the folder cannot be written.
    """
    if not isinstance(view, TableView):
        return _write_figure(view, folder, FIGURE_FORMATS if formats is None else formats)
    files = []
    for name in TABLE_FORMATS if formats is None else formats:
        if name not in _TABLES:
            raise unknown("table format", name, _TABLES)
        path = folder / "tables" / f"{stem(view)}.{name}"
        files.append(replace(path, _TABLES[name](view).encode()))
    return files


def _write_figure(view: Drawing, folder: Path, formats: Sequence[str]) -> list[Path]:
    from bench.render.figures import save  # matplotlib takes a second to import

    files = save(view, folder, [name for name in formats if name != "tex"])
    if "tex" in formats:
        path = folder / "figures" / f"{stem(view)}.tex"
        files.append(replace(path, latex.figure(view).encode()))
    return files


def write_document(views: Sequence[TableView | Drawing], folder: Path, preset: str) -> Path:
    """Write `<folder>/all-<preset>.tex`, an article of all views; compile it in that folder.

    Raises:
        BenchError: the folder cannot be written.
    """
    return replace(folder / f"all-{safe(preset)}.tex", latex.document(views).encode())


def write_page(views: Sequence[TableView | Drawing], folder: Path, preset: str) -> Path:
    """Write `<folder>/report/<preset>.html`, all views on one page.

    Raises:
        BenchError: the folder cannot be written.
    """
    return replace(folder / "report" / f"{safe(preset)}.html", html.page(views, preset).encode())
