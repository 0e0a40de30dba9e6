"""Numbers of things in messages."""

from __future__ import annotations


def many(count: int, thing: str) -> str:
    """So many of a thing, in words: "1 cell", "20 cells"; its plural ends in s."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def were(count: int, thing: str) -> str:
    """What was done to so many of a thing begins with: "1 cell was", "20 cells were"."""
    return f"{many(count, thing)} {'was' if count == 1 else 'were'}"
