"""`bench export`: all numbers as one table for pandas, R or a spreadsheet."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli import common
from bench.errors import BenchError

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("csv", "parquet")
EPILOG = """\
A row for each cell and metric: key, method, parameters, task, setting, seed, preset, state, metric,
value, times, memory, versions. Where nothing is chosen it holds every record of the results folder;
of an experiment or another choice, the cells of its plan, those that are missing too.

  python -m bench export > all.csv
  python -m bench export digits --output digits.parquet      (needs pyarrow)"""


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    summary = "write every number as one table, a row for each cell and metric"
    parser = common.add_verb(verbs, "export", summary, epilog=EPILOG)
    common.add_selection(parser, every=True)
    common.add_places(parser)
    parser.add_argument("--format", choices=FORMATS, help="default: by the file's name, else csv")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Write the frame."""
    from bench.files import replace

    output: Path | None = arguments.output
    form = arguments.format or ("parquet" if output and output.suffix == ".parquet" else "csv")
    if form == "parquet" and output is None:
        raise BenchError("parquet is no text: name a file with --output FILE.parquet")
    frame = _frame(arguments)
    if output is None:
        # On a terminal nobody's text moves the cursor; a file has it as it is.
        common.say(frame.to_csv(index=False, lineterminator="\n").rstrip("\n"))
        return 0
    print(f"wrote  {replace(output, _bytes(frame, form))}: {len(frame)} rows")
    return 0


def _frame(arguments: argparse.Namespace) -> pd.DataFrame:
    from bench.report import frame
    from bench.store.folders import Store

    store = Store(arguments.results, read_only=True)
    if arguments.experiments or arguments.every or common.narrows(arguments):
        from bench.store.states import read

        found = frame.of_results(read(common.plan_for(arguments), store))
    else:
        found = frame.of_records(store.records().values())
    common.say_damaged(store)
    return found


def _bytes(frame: pd.DataFrame, form: str) -> bytes:
    out = io.BytesIO()
    if form == "csv":
        frame.to_csv(out, index=False, lineterminator="\n")
        return out.getvalue()
    try:
        frame.to_parquet(out, index=False)
    except ImportError as error:
        raise BenchError("parquet needs pyarrow: pip install pyarrow, or --format csv") from error
    return out.getvalue()
