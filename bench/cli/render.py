"""`bench render`: tables and figures again, from records alone."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import common
from bench.errors import unknown

if TYPE_CHECKING:
    from bench.store.states import Results

FORMATS = {"latex": "tex", "markdown": "md", "csv": "csv"}


def add(verbs: common.Verbs) -> None:  # type: ignore[valid-type]
    """Declare the verb."""
    parser = common.add_verb(verbs, "render", "write tables and figures from the records")
    common.add_selection(parser)
    common.add_places(parser)
    parser.add_argument(
        "--format",
        type=_formats,
        metavar="latex,markdown,csv",
        default=FORMATS,
        help="formats of the tables (default: all); figures are PDF and PNG",
    )
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Render the chosen experiments and print their tables."""
    from bench.render.tables import console
    from bench.report.table_views import views
    from bench.store.folders import Store
    from bench.store.states import read

    store = Store(arguments.results)
    results = read(common.plan_for(arguments), store)
    common.say_damaged(store)
    for path in write_all(results, store.root, arguments.format):
        print(f"wrote  {path}")
    for table in views(results)[0]:
        print(f"\n{console(table)}")
    return 0


def write_all(results: Results, folder: Path, formats: Iterable[str]) -> list[Path]:
    """Write every table and figure of a plan, one LaTeX document and one page of them all."""
    from bench.render.write import write, write_document, write_page
    from bench.report.table_views import views
    from bench.store import walk

    walk.refuse_links(folder, "tables", "figures", "report")
    tables, figures = views(results)
    endings = [FORMATS[name] for name in formats]
    written = [path for table in tables for path in write(table, folder, endings)]
    written += [path for figure in figures for path in write(figure, folder)]
    if "tex" in endings:
        written.append(write_document([*tables, *figures], folder, results.plan.shown))
    return [*written, write_page([*tables, *figures], folder, results.plan.shown)]


def _formats(text: str) -> tuple[str, ...]:
    chosen = common.names(text)
    for name in chosen:
        if name not in FORMATS:
            raise argparse.ArgumentTypeError(str(unknown("format", name, FORMATS)))
    return chosen
