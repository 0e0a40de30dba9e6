"""How a mistake in a command line is said."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from bench.errors import BenchError, unknown
from bench.files import printable

_CHOICE = re.compile(r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """One that says a mistake in a sentence, without the usage of every flag before it."""

    def __init__(self, **keywords: Any) -> None:
        # A flag's beginning may be that of another one in the next version.
        super().__init__(**{**keywords, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        if found := _CHOICE.fullmatch(message):
            where, wrong, listed = found.groups()
            known = [name.strip("' ") for name in listed.split(",")]
            message = f"{where} {wrong}: it is one of {', '.join(known)}"
            if where == "VERB":
                message = str(unknown("verb", wrong, known))
        self.exit(2, f"bench: {printable(message)} (`{self.prog} --help`)\n")


def refuse_rest(arguments: argparse.Namespace, rest: Sequence[str]) -> None:
    """Raise a BenchError for the first word that the verb does not take, with the nearest flag."""
    if not rest:
        return
    if not rest[0].startswith("-"):
        _refuse_without_equals(arguments)
        if "=" in rest[0] and hasattr(arguments, "change"):
            raise BenchError(
                f"one parameter is varied at a time: give the other as --set {rest[0]}"
            )
        # Where flags take lists, a second name after a space is what was meant by most.
        lists = "; names are parted by commas" if hasattr(arguments, "methods") else ""
        raise BenchError(f"one word too many: {rest[0]}{lists} (`{arguments.parser.prog} --help`)")
    known = [flag for one in arguments.parser._actions for flag in one.option_strings]
    flag = rest[0].partition("=")[0]
    raise unknown("flag", flag, [name for name in known if name.startswith("--")])


def _refuse_without_equals(arguments: argparse.Namespace) -> None:
    """Raise a BenchError for METHOD.PARAM whose value was written as a word of its own."""
    from bench.plan import given

    for text in getattr(arguments, "given", ()):
        given.parted(text, "--set")
    if hasattr(arguments, "change"):
        given.parted(arguments.change, "sweep")
