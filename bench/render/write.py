"""Views written to files: what `bench render` calls."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from bench.errors import unknown
from bench.files import replace, safe
from bench.render import article, latex, pasted, tables
from bench.render.place import by_experiment, stem
from bench.report.view_types import Drawing, TableView, lacks

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


def write_pasted(tables: Sequence[TableView], folder: Path, styles: Sequence[str]) -> list[Path]:
    """Write what goes into a paper of one's own, of whole experiments.

    With "paper" `<folder>/tables/paper/<experiment>-<name>.tex` of each table of numbers, with
    "macros" `<folder>/tables/macros/<experiment>-<preset>.tex`.

    Raises:
        BenchError: the folder cannot be written.
    """
    files = []
    for view in tables if "paper" in styles else ():
        path = folder / "tables" / "paper" / f"{stem(view)}.tex"
        if text := pasted.paper(view):
            files.append(replace(path, text.encode()))
        else:
            path.unlink(missing_ok=True)
    for name, mine in by_experiment(tables).items() if "macros" in styles else ():
        path = folder / "tables" / "macros" / f"{safe(f'{name}-{mine[0].preset}')}.tex"
        files.append(replace(path, pasted.macros(mine).encode()))
    return files


def _write_figure(view: Drawing, folder: Path, formats: Sequence[str]) -> list[Path]:
    """A figure that nothing was measured for has its line of text alone."""
    drawn = [name for name in formats if name != "tex"]
    files = []
    if not lacks(view):
        from bench.render.figures import save  # matplotlib takes a second to import

        files = save(view, folder, drawn)
    else:
        for name in drawn:
            with contextlib.suppress(OSError):
                (folder / "figures" / f"{stem(view)}.{name}").unlink()
    if "tex" in formats:
        path = folder / "figures" / f"{stem(view)}.tex"
        files.append(replace(path, latex.figure(view).encode()))
    return files


def write_document(views: Sequence[TableView | Drawing], folder: Path, preset: str) -> Path:
    """Write `<folder>/all-<preset>.tex`, an article of all views; compile it in that folder.

    Experiments that it has already and that are not among the views stay in it.

    Raises:
        BenchError: the folder cannot be written.
    """
    path = folder / f"all-{safe(preset)}.tex"
    return replace(path, article.document(views, article.others(path)).encode())
