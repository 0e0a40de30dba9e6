"""Views written to files: what `bench render` calls."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path

from bench.errors import unknown
from bench.files import content, replace, safe
from bench.render import latex, tables
from bench.render.place import stem
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
    return replace(path, latex.document(views, _others(path)).encode())


_INPUT = re.compile(r"\\input\{((?:tables|figures)/[A-Za-z0-9.-]+)\}")
_MOST_BYTES = 1 << 22


def _others(path: Path) -> dict[str, list[str]]:
    """Experiment -> its lines in a document that lies there, less those of fragments now gone."""
    blocks: dict[str, list[str]] = {}
    try:
        lines = content(path, _MOST_BYTES).decode().splitlines()
    except (OSError, UnicodeDecodeError):
        return blocks
    name = ""
    for line in lines:
        named = _INPUT.fullmatch(line)
        if line.startswith("% "):
            name = safe(line[2:])
        elif name and (line == latex.CLEARPAGE or (named and _there(path.parent, named[1]))):
            blocks.setdefault(name, []).append(line)
    return blocks


def _there(folder: Path, fragment: str) -> bool:
    path = folder / f"{fragment}.tex"
    return path.is_file() and not path.is_symlink()
