"""The wording of one table cell, the same in every format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from bench.report import summary
from bench.report.view_types import Measured
from bench.score.statistics import Unit

SEEDS = 10
"""The published number of seeds; a value with another number shows it, unless all of them do."""

DASH, MINUS, DELTA = "\N{EN DASH}", "\N{MINUS SIGN}", "Δ"

VERDICTS = dict(zip(summary.VERDICTS, "RBWNO", strict=True))


@dataclass(frozen=True)
class CellText:
    """A cell of a table as it is printed: a text, and what follows it in small type."""

    text: str
    small: str = ""
    mark: str = ""
    """Letter of a note below the table."""
    bold: bool = False
    italic: bool = False

    def __len__(self) -> int:
        """Characters that it takes; small type counts in full."""
        return len(self.text) + len(self.small) + bool(self.small)


def usual_seeds(entries: Iterable[Measured]) -> int:
    """The number of seeds that need not be said at each value: what most whole entries have.

    Where no entry is whole, what most are planned with.
    """
    entries = list(entries)
    known = Counter(e.summary.n for e in entries if 0 < e.summary.n >= len(e.slot.cells))
    known = known or Counter(len(e.slot.cells) for e in entries if e.slot.cells)
    return max(known, key=lambda n: (known[n], n), default=SEEDS)


def measured_cell(entry: Measured, usual: int = SEEDS) -> CellText:
    """Mean ± standard deviation with its n where that is not the usual, or the state's word."""
    slot, summary = entry.slot, entry.summary
    text = spread(summary.mean, summary.std, slot.unit)
    if not text:
        return CellText(*_state(entry), italic=slot.oracle)
    small = []
    if summary.n < len(slot.cells):
        small.append(f"(n={summary.n}/{len(slot.cells)})")
    elif summary.n != usual:
        small.append(f"(n={summary.n})")
    if entry.states.get("stale"):
        small.append("†stale")
    return CellText(text, " ".join(small), bold=entry.best, italic=slot.oracle)


def _state(entry: Measured) -> tuple[str, str]:
    """The gravest state of a cell without a value, and for how many seeds unless for all."""
    planned, (state, count) = len(entry.slot.cells), entry.lacking
    return state, f"({count}/{planned})" if 0 < count < planned else ""


def spread(mean: float | None, std: float | None, unit: Unit) -> str:
    """A number with its standard deviation, "72.1 ± 1.2"; "" when there is none."""
    if mean is None:
        return ""
    numbers = [mean] if std is None else [mean, std]
    return " ± ".join(_number(x, unit, _digits(unit, *numbers)) for x in numbers)


def difference(entry: Measured) -> str:
    """The signed difference, "+0.4"; "" when there is none."""
    unit, judged = entry.slot.unit, entry.judgement
    if judged.difference is None:
        return ""
    digits = _digits(unit, judged.difference, entry.summary.mean, entry.summary.std)
    text = _number(judged.difference, unit, digits)
    return text if text.startswith(MINUS) or float(text) == 0 else f"+{text}"


def _digits(unit: Unit, *numbers: float | None) -> int:
    """Decimals shown; counts need none when all that belong together are whole."""
    whole = all(x is None or float(x).is_integer() for x in numbers)
    return {"percent": 1, "fraction": 3, "count": 0 if whole else 1}[unit]


def _number(value: float, unit: Unit, digits: int) -> str:
    """`value` rounded, with a true minus sign and no negative zero."""
    shown = round(value * (100 if unit == "percent" else 1), digits) + 0.0
    return f"{shown:.{digits}f}".replace("-", MINUS)
