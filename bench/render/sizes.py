"""Widths of a two-column paper."""

from __future__ import annotations

COLUMN, BOTH_COLUMNS = 3.4, 7.0
"""Inches."""


def of_panels(count: int) -> float:
    """Inches that a figure of so many panels takes."""
    return COLUMN if count == 1 else BOTH_COLUMNS
