"""`bench report`: all that was measured as a folder of pages for a browser."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import common, named_folders, selection, words
from bench.plan.cell import PRESETS
from bench.plural import many

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.plan.graph import Plan
    from bench.render.command import Words
    from bench.render.pages import Part
    from bench.report.verdict_types import Comparison
    from bench.store.folders import Store
    from bench.store.record import Record
    from bench.store.states import Results

EPILOG = """\
One folder of plain files, opened from the disk: a page a table, to sort and to filter, and behind
every measured number its seeds, records, parameters, versions, learning curves, logs and the
command that computes it again. Every preset is there of which something was measured.

  python -m bench report && xdg-open results/report/index.html
  python -m bench report digits --output digits-pages
  python -m bench report --results new/ --against old/     two results folders side by side"""


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    summary = "write pages of all results for a browser"
    parser = common.add_verb(verbs, "report", summary, epilog=EPILOG)
    common.add_selection(parser, every=True, preset=None)
    common.add_places(parser)
    parser.add_argument(
        "--against", type=words.folder, metavar="DIR", help="another results folder, side by side"
    )
    parser.add_argument(
        "--confusion",
        action="store_true",
        help="classes by clusters of every cell, not of those alone that figures show: reads every "
        "prediction and the labels",
    )
    parser.add_argument(
        "--output", type=words.folder, metavar="DIR", help="default: report/ in the results folder"
    )
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Write the report of whole tables."""
    from bench.render import site, verdicts
    from bench.store import walk
    from bench.store.folders import Store

    named_folders.refuse_mistyped(arguments)
    named_folders.refuse_no_results(arguments.against)
    store = Store(arguments.results, read_only=True)
    walk.refuse_links(store.root, *([] if arguments.output else ["report"]))
    records = store.records()
    common.say_damaged(store)
    found = [_results(plan, records, store) for plan in _plans(arguments, records)]
    said, other = named_folders.told_apart(store.root, arguments.against)
    report = site.Report(
        parts=[_part(one) for one in found],
        said=said,
        words=_words(arguments),
        private=named_folders.private(arguments, store),
        damaged=[reason.replace(f"{store.root}/", "") for reason in store.damaged.values()],
        confusion=arguments.confusion,
        other=other,
        comparisons=_compared(arguments, found) if arguments.against else None,
    )
    written = site.write(report, arguments.output or store.root / "report")
    pages = [path for path in written if path.parent.name == "tables"]
    cells = sum(len(one.states) for one in found)
    common.say(f"wrote  {written[0]}: {many(len(pages), 'table')}, {many(cells, 'cell')}")
    if report.comparisons is None:
        return 0
    common.say(f"check  {verdicts.summary(report.comparisons, other)[0]}")
    return 3 if verdicts.status(report.comparisons) == 3 else 0


def _plans(arguments: argparse.Namespace, records: Mapping[str, Record]) -> list[Plan]:
    """The whole plan of the preset that was asked for, or of each that something is measured of."""
    measured = {record.cell.get("preset") for record in records.values()}
    presets = [preset for preset in PRESETS if preset in measured]
    if arguments.preset:
        presets = [arguments.preset]
    plans, every = [], []
    for preset in presets or PRESETS[:1]:
        named = argparse.Namespace(**vars(arguments) | {"preset": preset})
        plans.append(selection.planned(named, keeps=True))
        every.append(selection.whole(plans[-1], selection.options_of(named)))
    selection.say_notes(arguments, *plans)
    return every


def _results(plan: Plan, records: Mapping[str, Record], store: Store) -> Results:
    from bench.store.states import Results, states

    return Results(plan, records, states(plan, records), store.runs)


def _part(results: Results) -> Part:
    from bench.render.pages import Part
    from bench.report.table_views import views

    return Part(results, *views(results))


def _compared(arguments: argparse.Namespace, found: Sequence[Results]) -> list[Comparison]:
    """Every number against the other folder's."""
    from bench.report import comparisons
    from bench.store.folders import Store

    theirs = Store(arguments.against, read_only=True)
    records = theirs.records()
    common.say_damaged(theirs)
    return [
        one
        for mine in found
        for one in comparisons.against(mine, _results(mine.plan, records, theirs))
    ]


def _words(arguments: argparse.Namespace) -> Words:
    """The flags that commands on the pages repeat; no folder of this machine is named."""
    from bench.render.command import Words

    results: list[str] = []
    if arguments.results != arguments.parser.get_default("results"):
        results += ["--results", _short(arguments.results)]
    others: list[str] = []
    for flag, folder in (("--data-root", arguments.data_root), ("--weights", arguments.weights)):
        others += [flag, _short(folder)] if folder else []
    for folder in arguments.plugins:
        others += ["--plugins", _short(folder)]
    return Words((*results, *others), tuple(results))


def _short(folder: Path) -> str:
    return folder.name if folder.is_absolute() else str(folder)
