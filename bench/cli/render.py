"""`bench render`: tables and figures again, from records alone."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import common, named_folders, progress, selection, words
from bench.errors import unknown

if TYPE_CHECKING:
    from bench.plan.graph import Options
    from bench.report.view_types import Drawing, TableView

STYLES = ("compare", "paper", "macros")
FORMATS = {"latex": "tex", "markdown": "md", "csv": "csv"}


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    parser = common.add_verb(verbs, "render", "write tables and figures from the records")
    common.add_selection(parser, every=True)
    common.add_places(parser)
    parser.add_argument(
        "--format",
        type=_formats,
        metavar="latex,markdown,csv",
        default=FORMATS,
        help="formats of the tables (default: all); figures are PDF and PNG",
    )
    parser.add_argument(
        "--style",
        type=_styles,
        metavar="compare,paper,macros",
        default=("compare",),
        help="of LaTeX: published beside measured (default); bare tabulars of measured numbers, in "
        "tables/paper; a command for each number, in tables/macros",
    )
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Render the experiments whole, and print of their tables what was chosen."""
    from bench.render.tables import console
    from bench.render.write import write_pasted
    from bench.report.table_views import views
    from bench.store import walk
    from bench.store.folders import Store
    from bench.store.states import read

    named_folders.refuse_mistyped(arguments)
    # Before anything is read: it knows the methods of plug-ins.
    plan = selection.plan_for(arguments, keeps=True)
    store = Store(arguments.results)
    walk.refuse_links(store.root, *(f"tables/{style}" for style in arguments.style))
    options = selection.options_of(arguments)
    results = read(selection.whole(plan, options), store)
    common.say_damaged(store)
    made = views(results)
    for path in write_pasted(made[0], store.root, arguments.style):
        print(f"wrote  {path}")
    if "compare" in arguments.style:
        written = write_all(made, store.root, results.plan.shown, arguments.format)
        progress.print_written(written)
    parts = [part for table in made[0] if (part := _part(table, options))]
    empty = []
    for part in parts:
        if part.measured or part.told or len(parts) == 1:
            common.say(f"\n{console(part)}")
        else:
            empty.append(part.name)
    if empty:
        common.say(f"nothing measured: {', '.join(empty)}")
    return 0


def _part(table: TableView, options: Options) -> TableView | None:
    """What of a whole table some methods and tasks leave, with its marks; None if nothing."""
    entries = tuple(e for e in table.entries if options.takes(e.slot.entry))
    heads = {e.slot.column for e in entries}
    columns = tuple(label for label in table.columns if label in heads)
    return dataclasses.replace(table, entries=entries, columns=columns) if entries else None


def write_all(
    views: tuple[Sequence[TableView], Sequence[Drawing]],
    folder: Path,
    preset: str,
    formats: Iterable[str] = FORMATS,
) -> list[Path]:
    """Write every table and figure of whole experiments, and what names them all.

    Args:
        views: Tables and figures.
        folder: Of results.
        preset: As captions have it.
        formats: Of the tables.
    """
    from bench.render.write import write, write_document
    from bench.store import walk

    walk.refuse_links(folder, "tables", "figures")
    endings = [FORMATS[name] for name in formats]
    written = [path for table in views[0] for path in write(table, folder, endings)]
    written += [path for figure in views[1] for path in write(figure, folder)]
    every = [*views[0], *views[1]]
    if "tex" in endings:
        written.append(write_document(every, folder, preset))
    return written


def _formats(text: str) -> tuple[str, ...]:
    return _chosen("format", text, FORMATS)


def _styles(text: str) -> tuple[str, ...]:
    return _chosen("style", text, STYLES)


def _chosen(what: str, text: str, known: Iterable[str]) -> tuple[str, ...]:
    chosen = words.names(text)
    for name in chosen:
        if name not in known:
            raise argparse.ArgumentTypeError(str(unknown(what, name, known)))
    return chosen
