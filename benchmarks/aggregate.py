"""From 100,000 records on disk to tables and pages: reading, aggregating, rendering, reporting.

python -m benchmarks.aggregate [--json] [--tables 10]

Ten tables of 100 rows, 10 columns and 10 seeds; each record a folder as a run leaves it. Measured
in a fresh process: planning, reading the records with and without the index, aggregating with
paired tests, writing LaTeX, Markdown and CSV, and writing a report with a page for every cell.
Targets, index in place: 20 s and 1.5 GB to the tables; with the report 60 processor seconds and
2 GB. A record here has no log and no curves; reading those comes on top, in proportion.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import registry
from bench.plan import experiment, graph
from bench.render import site
from bench.render.pages import Part
from bench.render.write import write
from bench.report import table_views
from bench.store import code, states
from bench.store.folders import Store
from bench.store.record import Record
from benchmarks.measure import Target, arguments, report

TARGET_SECONDS = 20.0
TARGET_GB = 1.5
REPORT_SECONDS = 60.0
REPORT_GB = 2.0
ROWS, COLUMNS, SEEDS = 100, 10, 10


def toml(tables: int) -> str:
    """An experiment with so many tables of 10,000 cells."""
    text = 'title = "synthetic"\n'
    for t in range(tables):
        text += f'[[table]]\nname = "t{t}"\ncaption = "Synthetic."\n'
        for c in range(COLUMNS):
            text += f'[[table.column]]\nlabel = "K = {c + 2}"\ntask = "digits/cluster"\n'
            text += f'metric = "ACC"\nsetting = {{ n_clusters = {c + 2} }}\n'
        for r in range(ROWS):
            number = t * ROWS + r + 1
            text += f'[[table.row]]\nlabel = "row {number}"\nmethod = "kmeans"\n'
            text += f"params = {{ max_iter = {number} }}\n"
    return text


def made(folder: Path) -> graph.Plan:
    """The plan of the synthetic experiment."""
    registry.load()
    return graph.make(
        [experiment.load(str(folder / "synthetic.toml"))], graph.Options(data_root=folder / "data")
    )


def fill(folder: Path) -> int:
    """Write a record for every cell of the plan; returns their number."""
    store, rng = Store(folder / "results"), random.Random(0)
    cells = made(folder).cells
    fingerprint = code.fingerprint(registry.get("kmeans").module)
    for cell in cells.values():
        place = store.folder(cell)
        place.mkdir(parents=True)
        metrics = {name: rng.random() for name in ("ACC", "NMI", "ARI", "AMI", "NDC")}
        Record(
            key=cell.key,
            cell=cell.identity(),
            state="done",
            metrics=metrics,
            code=fingerprint,
            hardware="synthetic",
            versions={"python": "3"},
        ).write(place)
    return len(cells)


def measure(folder: Path) -> dict[str, float]:
    """Seconds of each step, and the peak memory in GB."""
    marks, start = {}, time.perf_counter()

    def mark(name: str) -> None:
        nonlocal start
        marks[name] = time.perf_counter() - start
        start = time.perf_counter()

    ours = made(folder)
    mark("plan")
    store = Store(folder / "results")
    records = store.records()
    mark("read")
    results = states.Results(ours, records, states.states(ours, records))
    drawn, figures = table_views.views(results)
    mark("aggregate")
    for table in drawn:
        write(table, folder / "out")
    mark("render")
    marks["GB"] = _peak()
    pages = site.write(site.Report([Part(results, drawn, figures)], "synthetic"), folder / "pages")
    mark("report")
    marks["GB with it"], marks["processor"] = _peak(), time.process_time()
    marks["MB of pages"] = sum(path.stat().st_size for path in pages) / 1e6
    marks["MB of the front"] = pages[0].stat().st_size / 1e6
    return marks


def _peak() -> float:
    """The most memory that this process had so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main() -> int:
    """Measure, print, judge."""
    parser = arguments(__doc__)
    parser.add_argument("--tables", type=int, default=10)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        print(json.dumps(measure(chosen.measure)))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        (folder / "synthetic.toml").write_text(toml(chosen.tables), encoding="utf-8")
        count = fill(folder)
        steps = {}
        for label in ("no index", "index"):
            words = [sys.executable, "-m", "benchmarks.aggregate", "--measure", str(folder)]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            steps[label] = json.loads(done.stdout)
    rows = [{"": label, "records": count, **step} for label, step in steps.items()]
    found = steps["index"]
    tables = sum(found[step] for step in ("plan", "read", "aggregate", "render"))
    targets = [
        Target("seconds to the tables", tables, TARGET_SECONDS),
        Target("GB", found["GB"], TARGET_GB),
        Target("processor seconds with the report", found["processor"], REPORT_SECONDS),
        Target("GB", found["GB with it"], REPORT_GB),
    ]
    return report("aggregate", rows, targets, as_json=chosen.json)


if __name__ == "__main__":
    sys.exit(main())
