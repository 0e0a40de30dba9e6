"""Commands that are printed to be copied: they need the flags that this one was given."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping

from bench.cli.common import NARROWING

_PLACES = ("data_root", "weights", "plugins", "results")
_NEEDLESS = {
    "data": ("results",),
    "list": ("data_root", "results"),
    "prove": NARROWING,
    "show": (*NARROWING, "data_root", "plugins"),
}
"""Verb -> what it takes and what a command that we print has no use of."""
_PRINTED = re.compile(r"`python -m bench ([a-z]+)([^`]*)`")


def words(arguments: argparse.Namespace, verb: str, but: Iterable[str] = ()) -> str:
    """What a command to copy needs behind its verb, each word with a space before it.

    Args:
        arguments: Of this command; what it was given and the verb takes is said again: experiments,
            the flags that choose cells, folders.
        verb: Of the other one.
        but: Flags and experiments that it says itself, as they are parsed to.
    """
    takes = _actions(arguments.whole, verb)
    left_out = {*but, *_NEEDLESS.get(verb, ())}
    given: list[str] = []
    if "experiments" in takes and "experiments" not in left_out:
        given += getattr(arguments, "experiments", ())
        if given and getattr(arguments, "every", False) and "every" in takes:
            given.append("--all")
    for name in (*NARROWING, *_PLACES):
        if name in takes and name not in left_out:
            given += _flag(arguments, takes[name])
    return "".join(f" {shlex.quote(word)}" for word in given)


def completed(text: str, arguments: argparse.Namespace) -> str:
    """A sentence of ours, each command in it with what it needs and does not say itself."""

    def whole(found: re.Match[str]) -> str:
        verb, rest = found.groups()
        if "--help" in rest:
            return found[0]
        takes = _actions(arguments.whole, verb)
        own = rest.split()
        said = {name for name, one in takes.items() if {*one.option_strings} & {*own}}
        if own and not own[0].startswith("-"):
            said.add("experiments")
        return f"`python -m bench {verb}{rest}{words(arguments, verb, said)}`"

    return _PRINTED.sub(whole, text)


def _actions(parser: argparse.ArgumentParser, verb: str) -> Mapping[str, argparse.Action]:
    """What a verb takes, by the name that it is parsed to; nothing of a verb that is none."""
    (verbs,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    found = verbs.choices.get(verb)
    return {one.dest: one for one in found._actions} if found else {}


def _flag(arguments: argparse.Namespace, action: argparse.Action) -> Iterator[str]:
    """A flag as it was given, if it was; none where the other verb takes all without it."""
    value = getattr(arguments, action.dest, None)
    unset = (None, arguments.parser.get_default(action.dest))
    if value in unset or (action.dest == "preset" and action.default is None):
        return
    flag = action.option_strings[0]
    if isinstance(action, argparse._AppendAction):
        for one in value:
            yield from (flag, str(one))
    else:
        yield from (flag, ",".join(map(str, value)) if isinstance(value, tuple) else str(value))
