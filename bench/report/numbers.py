"""The entries of a table as rows of a CSV file, every field in full."""

from __future__ import annotations

from bench.report.view_types import Measured, TableView

COLUMNS = (
    "experiment", "table", "preset", "group", "row", "column", "metric", "unit",
    "mean", "std", "n", "planned", "values", "states",
    "published", "published_std", "published_source", "published_note",
    "difference", "verdict", "reason", "best", "oracle", "note", "method", "keys",
)  # fmt: skip
COLUMNS_OF_WORDS = ("experiment", "table", "preset", "group", "row", "column", "words", "note")


def columns(view: TableView) -> tuple[str, ...]:
    """The names of what a row holds: a table of words has others."""
    return COLUMNS_OF_WORDS if view.told else COLUMNS


def rows(view: TableView) -> list[dict[str, object]]:
    """A row for each entry: fractions in 0..1, counts as they are; more than `columns` names.

    `values` is "seed:value;...", `states` "state:count;...", `keys` "seed:key;..." with a space
    between the keys of one seed's cells (`bench show KEY`); an absent number is None, `best` and
    `oracle` are 0 or 1.
    """
    return [_fields(view, entry) for entry in view.entries]


def _fields(view: TableView, entry: Measured) -> dict[str, object]:
    slot, printed = entry.slot, entry.slot.published
    group, row = slot.line
    column, metric = slot.head
    return {
        "experiment": view.experiment, "table": view.name, "preset": view.preset,
        "group": group, "row": row, "column": column, "metric": metric, "unit": slot.unit,
        **vars(entry.summary), **vars(entry.judgement),
        "planned": len(slot.cells), "best": int(entry.best), "oracle": int(slot.oracle),
        "note": slot.entry.note, "words": slot.words, "method": slot.entry.method,
        "published": printed and printed.value, "published_std": printed and printed.std,
        "published_source": printed and printed.source,
        "published_note": printed and printed.note,
        "values": ";".join(f"{s}:{float(v)!r}" for s, v in sorted(entry.values.items())),
        "keys": ";".join(f"{s}:{' '.join(keys)}" for s, keys in sorted(slot.cells.items())),
        "states": ";".join(f"{s}:{n}" for s, n in sorted(entry.states.items())),
    }  # fmt: skip
