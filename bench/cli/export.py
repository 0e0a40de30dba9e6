"""`bench export`: all numbers, or all predictions, as one table for pandas, R or a spreadsheet."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bench.cli import common, named_folders, selection, words
from bench.errors import BenchError
from bench.plural import many

if TYPE_CHECKING:
    import pandas as pd

    from bench.store.folders import Store
    from bench.store.record import Record

FORMATS = ("csv", "parquet")
NOTHING = 3
"""Exit status where nothing of what was named has a row."""
EPILOG = """\
A row for each cell and metric: key, method, parameters, task, setting, seed, preset, state, metric,
value, times, memory, versions. Where nothing is chosen it holds every record of the results folder;
of an experiment or another choice, the cells of its plan, those that are missing too.

With --predictions a row for each image of each finished cell: key, index, cluster. The index is the
image's place in the data set as it was read, from 0 over all its splits, and not the order that
methods are given.

  python -m bench export > all.csv
  python -m bench export digits --output digits.parquet      (needs pyarrow)
  python -m bench export digits --predictions --output clusters.csv"""


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    summary = "write every number as one table, a row for each cell and metric"
    parser = common.add_verb(verbs, "export", summary, epilog=EPILOG)
    common.add_selection(parser, every=True)
    common.add_places(parser)
    parser.add_argument(
        "--predictions",
        action="store_true",
        help="a row for each cell and image in their place: the cluster that it was put in",
    )
    parser.add_argument("--format", choices=FORMATS, help="default: by the file's name, else csv")
    parser.add_argument(
        "--output", type=words.path, metavar="FILE", help="default: standard output"
    )
    parser.set_defaults(action=act)


def _format_of(output: Path | None) -> str:
    """By the file's name; raises BenchError where that is another format's."""
    suffix = output.suffix.removeprefix(".") if output else ""
    if suffix not in ("", *FORMATS):
        raise BenchError(f"--output {output}: name a file .csv or .parquet, or say --format")
    return suffix or "csv"


def act(arguments: argparse.Namespace) -> int:
    """Write the frame, or frame by frame what need not fit into memory."""
    from bench.files import replacing

    output: Path | None = arguments.output
    form = arguments.format or _format_of(output)
    # A file gives way to the new one: a device such as /dev/null must not.
    if output and output.exists() and not output.is_file():
        raise BenchError(
            f"--output {output} is there and no plain file: name a file, or leave the flag out for "
            "standard output"
        )
    if form == "parquet" and output is None:
        raise BenchError("parquet is no text: name a file with --output FILE.parquet")
    if form == "parquet":
        _refuse_without_pyarrow()
    frames = _predictions(arguments) if arguments.predictions else iter([frame_of(arguments)])
    rows = 0
    if output is None:
        for frame, text in _as_csv(frames):
            # On a terminal nobody's text moves the cursor; a file has it as it is.
            common.say(text.rstrip("\n"))
            rows += len(frame)
    else:
        with replacing(output) as file:
            rows = _write_parquet(frames, file) if form == "parquet" else _write_csv(frames, file)
        print(f"wrote  {output}: {many(rows, 'row')}")
    if rows:
        return 0
    what = (
        "finished cell of these has predictions" if arguments.predictions else "cell has a record"
    )
    common.say(f"note: nothing to export: no {what} in {arguments.results}", sys.stderr)
    return NOTHING


def frame_of(arguments: argparse.Namespace) -> pd.DataFrame:
    """The tidy frame of what a selection asks for; what is damaged is said."""
    from bench.report import frame
    from bench.store.folders import Store

    named_folders.refuse_mistyped(arguments)
    store = Store(arguments.results, read_only=True)
    if _chosen(arguments):
        from bench.store.states import read

        found = frame.of_results(read(selection.plan_for(arguments), store))
    else:
        found = frame.of_records(store.records().values())
    common.say_damaged(store)
    return found


def _chosen(arguments: argparse.Namespace) -> bool:
    return bool(arguments.experiments or arguments.every or selection.narrows(arguments))


def _predictions(arguments: argparse.Namespace) -> Iterator[pd.DataFrame]:
    """A frame for each finished cell; at last it is said which have none, and why."""
    from bench.report import assigned
    from bench.store.folders import Store

    store, left_out = Store(arguments.results, read_only=True), dict[str, str]()
    cells = _finished(arguments, store)
    root = common.data_root(arguments.data_root)
    yield assigned.empty()
    yield from assigned.of_cells(cells, root, left_out)
    common.say_damaged(store)
    for why, count in Counter(left_out.values()).items():
        common.say(f"note: {many(count, 'cell')} without predictions: {why}", sys.stderr)


def _finished(arguments: argparse.Namespace, store: Store) -> list[tuple[Path, Record]]:
    """Folder and record of the finished cells of a selection, in the order of their folders."""
    from bench.plan.cell import address

    named_folders.refuse_mistyped(arguments)
    records = store.records()
    common.load_plugins(arguments)
    keys = selection.plan_for(arguments).cells.keys() if _chosen(arguments) else records.keys()
    done = [records[key] for key in keys if key in records and records[key].state == "done"]
    found = [(address(record.cell).folder, record) for record in done]
    return [(store.runs / folder, record) for folder, record in sorted(found, key=lambda x: x[0])]


def _as_csv(frames: Iterable[pd.DataFrame]) -> Iterator[tuple[pd.DataFrame, str]]:
    """Each frame and its text, the names of columns above the first."""
    for i, frame in enumerate(frames):
        yield frame, frame.to_csv(index=False, header=not i, lineterminator="\n")


def _write_csv(frames: Iterable[pd.DataFrame], file: BinaryIO) -> int:
    """Write frames behind one another; returns the number of rows."""
    rows = 0
    for frame, text in _as_csv(frames):
        file.write(text.encode())
        rows += len(frame)
    return rows


def _refuse_without_pyarrow() -> None:
    """Say so before anything is read, which takes a while."""
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise BenchError("parquet needs pyarrow: pip install pyarrow, or --format csv") from error


def _write_parquet(frames: Iterable[pd.DataFrame], file: BinaryIO) -> int:
    """The same, a group of rows a frame."""
    import pyarrow as pa
    from pyarrow import parquet

    rows, writer = 0, None
    for frame in frames:
        table = pa.Table.from_pandas(frame, preserve_index=False)
        writer = writer or parquet.ParquetWriter(file, table.schema)
        writer.write_table(table)
        rows += len(frame)
    if writer:
        writer.close()
    return rows
