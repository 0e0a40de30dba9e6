"""Whether what a paper prints of one method fits another: measured columns against printed ones.

python -m benchmarks.columns results/tables/ccn-alphabets-paper.csv [--json]

For each measured column of a rendered table, the mean distance of its numbers from those that are
printed of it, in points, and how the two vary together from row to row; and the printed column that
it is nearest to. A method that is far from its own numbers and varies with another's is a hint that
a paper has taken one for the other. There is no target.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import BenchError
from benchmarks.measure import arguments, print_compared

LEAST = 5
"""Rows that a measured and a printed column share at least, for a correlation to mean anything."""
ROW, NUMBERS = ["group", "row"], ["mean", "published"]


def columns(path: Path) -> Iterator[dict[str, Any]]:
    """Every measured column beside the printed ones of the same metric.

    Args:
        path: A table of shares as `render` writes it for programs.

    Raises:
        BenchError: it is no such table, cannot be read, or has too few numbers.
    """
    try:
        table = pd.read_csv(path, keep_default_na=False)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise BenchError(f"{path}: cannot be read: {why}") from error
    if not {*ROW, *NUMBERS, "column", "metric"} <= {*table}:
        raise BenchError(f"{path}: no table of results as `python -m bench render` writes it")
    found = False
    table[NUMBERS] = 100 * table[NUMBERS].apply(pd.to_numeric)
    for metric, of in table.groupby("metric", sort=False):
        measured = of.pivot(index=ROW, columns="column", values="mean")
        printed = of.pivot(index=ROW, columns="column", values="published")
        for name in measured:
            tried = {other: _fit(measured[name], printed[other]) for other in printed}
            fits = {other: fit for other, fit in tried.items() if fit}
            if own := fits.get(name):
                found = True
                near, nearest = min(fits.items(), key=lambda one: one[1])
                yield {
                    "metric": metric,
                    "column": name,
                    "distance": own[0],
                    "correlation": own[1],
                    "nearest": near,
                    "its distance": nearest[0],
                    "its correlation": nearest[1],
                }
    if not found:
        raise BenchError(f"{path}: no column has {LEAST} measured and printed numbers")


def _fit(measured: pd.Series[float], printed: pd.Series[float]) -> tuple[float, float] | None:
    """Mean distance and correlation over the rows of both; None of too few."""
    both = pd.concat([measured, printed], axis=1, keys=NUMBERS).dropna()
    if len(both) < LEAST:
        return None
    distance = (both["mean"] - both["published"]).abs().mean()
    return float(distance), float(both["mean"].corr(both["published"]))


def main() -> int:
    """Print the comparison; 2 where there is none."""
    parser = arguments(__doc__)
    parser.add_argument("path", type=Path, metavar="TABLE.csv")
    chosen = parser.parse_args()
    return print_compared(lambda: columns(chosen.path), as_json=chosen.json)


if __name__ == "__main__":
    sys.exit(main())
