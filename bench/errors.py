"""The errors that a user of the harness sees, each one clear sentence."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

LISTED = ("method", "task", "dataset", "experiment")
"""What `python -m bench list` can name."""

_NEAR = 0.5
"""How alike two names are, 0..1, at least, that one may be proposed for the other: a wrong proposal
costs the user little. That it is certainly a slip takes more (`bench.cli.own_methods`)."""


class BenchError(Exception):
    """The user asked for something that cannot be: printed as one line, exit status 2."""


class Unknown(BenchError):
    """A name that nobody registered."""

    what = ""
    """The kind of name, such as "method"."""
    name = ""
    near = ""
    """The nearest name that is known; "" where none is near."""


class Unavailable(BenchError):
    """Data, weights or a device that this machine lacks; the message names the mend."""


@dataclass(frozen=True)
class Lack:
    """Data, weights, tensors or a device that a cell needs and this machine does not have."""

    what: str
    """The name of a data set or of weights, or a cell's folder; without `how`, a whole sentence."""
    how: str = ""
    """How to get it."""
    splits: tuple[str, ...] = ()
    """Those of a data set that are not here."""
    where: str = ""
    """The folder that was searched; "" for a data set that is here and not prepared."""
    kind: Literal["data", "weights", "packed"] = "data"
    """packed: a cell that is here without its tensors."""

    def __str__(self) -> str:
        if not self.how:
            return self.what
        if self.kind != "data":
            return f"{'weights ' if self.kind == 'weights' else ''}{self.what}: {self.how}"
        found = f"{', '.join(self.splits)} not under {self.where}" if self.where else "not prepared"
        return f"{self.what} {found}: {self.how}"


class DamagedData(BenchError):
    """A file of a data set is unreadable, truncated or not what it should be."""


class Unfit(BenchError, ValueError):
    """An estimator cannot be fitted to these images with these parameters."""


class NotImages(ValueError):
    """What a network would be given is no uint8 images."""


class NonFiniteError(ValueError):
    """A method's loss or output is NaN or infinite: the cell has failed."""


def unknown(
    what: str, name: str, known: Iterable[str], *, where: str = "", named_by: str = ""
) -> Unknown:
    """The error for a name nobody registered, with the nearest match.

    Args:
        what: The kind of name, such as "method".
        name: What the user wrote.
        known: Every name that would have been right.
        where: The file or flag at fault, if there is one to name.
        named_by: What names them all where they are many; "": `list`, if it can.
    """
    known = sorted(known)
    near = [one for one in known if one.lower() == name.lower()]
    near = near or _nearest(name, known)
    if near:
        hint = f"did you mean '{near[0]}'?"
    elif (named_by or what in LISTED) and len(known) > 12:
        hint = f"{named_by or f'`python -m bench list {what}s`'} names all {len(known)}"
    else:
        hint = f"known: {', '.join(known) or 'none'}"
    prefix = f"{where}: " if where else ""
    error = Unknown(f"{prefix}unknown {what} '{name}': {hint}")
    error.what, error.name, error.near = what, name, near[0] if near else ""
    return error


def _nearest(name: str, known: Iterable[str]) -> list[str]:
    """The one of these that is most like a name, if it is near; dashes of flags do not count."""
    bare = {one.lstrip("-"): one for one in known}
    found = difflib.get_close_matches(name.lstrip("-"), bare, n=1, cutoff=_NEAR)
    return [bare[one] for one in found]
