"""Words of flags: lists, durations, sizes and numbers."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from bench.plan.cell import LARGEST_SEED, MOST_SEEDS

MOST_WORKERS = 1024
"""That a command may ask for."""
MOST_HOURS = 100_000
MOST_GIGABYTES = 1_000_000


def names(text: str) -> tuple[str, ...]:
    """A comma-separated list of one name at least: an unset variable of a shell means not all."""
    found = tuple(dict.fromkeys(_between_commas(text)))
    if not found:
        raise argparse.ArgumentTypeError(f"'{text}' names nothing; leave the flag out for all")
    return found


def _between_commas(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def folder(text: str) -> Path:
    """A folder, there or not; "" is none."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"'{text}' is no folder; write . for this one")
    return path(text)


def path(text: str) -> Path:
    """A path, there or not, of which the system can tell which."""
    found = Path(text)
    try:
        found.stat()  # `exists` calls a circle of links absent, or fails, as Python's version goes
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text} cannot be looked at: {error.strerror}") from error
    return found


def duration(text: str) -> float:
    """Seconds in "90s", "20m" or "1.5h"; without a unit nobody knows which was meant."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", text.strip())
    if match is None or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no duration; write 90s, 20m or 1.5h")
    seconds = float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]
    if seconds > 3600 * MOST_HOURS:
        raise argparse.ArgumentTypeError(f"'{text}' is more than {MOST_HOURS} hours, the most")
    return seconds


def size(text: str) -> int:
    """Bytes in "800M" or "4G"."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([MG])", text.strip())
    if match is None or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no size; write 800M or 4G")
    found = float(match[1]) * {"M": 2**20, "G": 2**30}[match[2]]
    if found > MOST_GIGABYTES * 2**30:
        raise argparse.ArgumentTypeError(f"'{text}' is more than {MOST_GIGABYTES}G, the most")
    return int(found)


def count(text: str, what: str, most: int) -> int:
    """A number of things, from 1 to `most`."""
    digits = text.lstrip("0")
    if not text.isdecimal() or not digits:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of {what}; write 1 or more")
    if len(digits) > len(str(most)) or int(digits) > most:  # int() refuses very many digits
        raise argparse.ArgumentTypeError(f"'{text}' is more than {most} {what}, the most")
    return int(digits)


def seed_list(text: str) -> tuple[int, ...]:
    """Seeds in "0,3,7"."""
    words = _between_commas(text)
    if not words or not all(word.isdecimal() for word in words):
        raise argparse.ArgumentTypeError(f"'{text}' is no list of seeds; write 0,3,7")
    if len(words) > MOST_SEEDS:
        raise argparse.ArgumentTypeError(f"{len(words)} seeds are more than {MOST_SEEDS}, the most")
    for word in words:
        if len(word) > len(str(LARGEST_SEED)) or int(word) > LARGEST_SEED:
            raise argparse.ArgumentTypeError(f"'{word}' is above {LARGEST_SEED}, the largest seed")
    return tuple(dict.fromkeys(int(word) for word in words))
