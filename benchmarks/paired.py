"""The p-values that results/README.md gives: rows of a table against one of them, seed by seed.

python -m benchmarks.paired results/reference/tsp-lite-paper.csv clustering ACC TSP [--json]

Student's paired t-test over the seeds that both rows have, as tables choose what is bold, without a
correction for their number. Differences are in points: the named row's value less the other's.
There is no target.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.errors import unknown
from bench.report import reference
from bench.score.statistics import paired_p
from benchmarks.measure import arguments, print_compared


def rows(path: Path, table: str, metric: str, base: str) -> Iterator[dict[str, Any]]:
    """Every row of a table against one, column by column.

    Args:
        path: A file as `check --update` writes it.
        table: A table's name.
        metric: As the file has it, such as "NMI-arithmetic".
        base: A row's label.

    Raises:
        BenchError: the file is damaged, or has no such row.
    """
    found = {
        (column, row): number.values
        for (name, _, row, column, x, of), number in reference.read(path).items()
        if (name, x, of) == (table, "", metric)
    }
    if base not in (labels := {row for _, row in found}):
        raise unknown("row", base, labels, where=f"{path.name}, {table}, {metric}")
    for (column, row), theirs in found.items():
        own = found[column, base]
        gains = [100 * (own[seed] - theirs[seed]) for seed in own.keys() & theirs.keys()]
        if row != base and gains:
            yield {
                "column": column,
                "row": row,
                "n": len(gains),
                "difference": sum(gains) / len(gains),
                "seeds above": sum(gain > 0 for gain in gains),
                "p": paired_p(own, theirs),
            }


def main() -> int:
    """Print the table; 2 where there is no such row."""
    parser = arguments(__doc__)
    parser.add_argument("path", type=Path, metavar="REFERENCE.csv")
    for name in ("table", "metric", "row"):
        parser.add_argument(name)
    chosen = parser.parse_args()
    asked = (chosen.path, chosen.table, chosen.metric, chosen.row)
    return print_compared(lambda: rows(*asked), as_json=chosen.json)


if __name__ == "__main__":
    sys.exit(main())
