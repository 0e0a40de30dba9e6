"""Numbers of things in messages."""

from __future__ import annotations


def many(count: int, thing: str) -> str:
    """So many of a thing, in words: "1 cell", "20 cells"; its plural ends in s."""
    return f"{count} {thing}{'' if count == 1 else 's'}"
