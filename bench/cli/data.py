"""`bench data`: list, prepare, fetch and verify data sets."""

from __future__ import annotations

import argparse

from bench.cli import common
from bench.errors import BenchError

ACTIONS = ("list", "prepare", "fetch", "verify")


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    parser = common.add_verb(verbs, "data", "list, prepare, fetch or verify data sets")
    parser.add_argument(
        "action_name",
        metavar="ACTION",
        choices=ACTIONS,
        help="list; prepare (from files here); fetch (from the publisher); verify",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="data sets")
    parser.add_argument("--json", action="store_true", help="of `data list`: for programs")
    common.add_places(parser)
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Do one thing with each data set named."""
    from bench.cli import listing
    from bench.datasets import get, prepare, verify

    if arguments.action_name == "list":
        arguments.kind = "datasets"
        return listing.act(arguments)
    if not arguments.names:
        raise BenchError(
            f"data {arguments.action_name}: name a data set; `python -m bench data list` does"
        )
    common.load_plugins(arguments)
    root = common.data_root(arguments)
    for name in arguments.names:
        get(name)
    for name in arguments.names:
        if arguments.action_name == "verify":
            print("\n".join(verify(name, root)))
        else:
            done = prepare(name, root, download=arguments.action_name == "fetch")
            print(f"{name}: {len(done.images)} images ready in {done.folder}")
    return 0
