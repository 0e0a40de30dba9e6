"""Flags that several verbs share, and what they mean."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias, get_args

from bench import ROOT, registry, weights
from bench.cli import words
from bench.errors import BenchError
from bench.files import printable
from bench.plan.cell import MOST_SEEDS, PRESETS
from bench.tasks import Dtype

if TYPE_CHECKING:
    from bench.store.folders import Store

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
DTYPES = get_args(Dtype)
"""What networks can compute in; the first one unless another is said."""
NARROWING = ("methods", "tasks", "seeds", "seed_list", "given", "preset", "device", "dtype")
"""What flags of a selection are parsed to (`bench.cli.selection` has what they mean)."""
TERMINATED = "SIGTERM"
"""What a `KeyboardInterrupt` says that was none of the keyboard's."""


def add_verb(verbs: Verbs, name: str, summary: str, *, epilog: str = "") -> argparse.ArgumentParser:
    """A verb's parser."""
    end = "" if summary.endswith("?") else "."
    parser = verbs.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + end,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(parser=parser)
    return parser


def add_places(parser: argparse.ArgumentParser) -> None:
    """Where data, results and plugins are."""
    parser.add_argument(
        "--data-root",
        type=words.folder,
        metavar="DIR",
        help="data sets (default: $BENCH_DATA, else data/ in the clone; installed: here)",
    )
    add_results(parser)
    parser.add_argument(
        "--plugins",
        type=words.folder,
        metavar="DIR",
        action="append",
        default=[],
        help="a folder with methods or data sets of your own; may be repeated",
    )


def add_results(parser: argparse.ArgumentParser) -> None:
    """Where results are."""
    parser.add_argument(
        "--results",
        type=words.folder,
        metavar="DIR",
        default=ROOT / "results",
        help="records, tables and figures (default: results/ in the clone; installed: here)",
    )


def add_selection(
    parser: argparse.ArgumentParser,
    *,
    named: bool = True,
    every: bool = False,
    preset: str | None = "quick",
) -> None:
    """Declare the arguments that choose cells; `preset` None: all with something measured."""
    if every:
        parser.add_argument(
            "--all",
            action="store_true",
            dest="every",
            help="every experiment but those that run by their name alone",
        )
    if named:
        parser.add_argument(
            "experiments",
            nargs="*",
            metavar="EXPERIMENT",
            help="a name that `list experiments` shows, or a path to a TOML file",
        )
    methods = "only these; one that no table has is added where it fits, to stay if it is your own"
    tasks = "only these; the name of a group, omniglot/alphabets, stands for all its tasks"
    for flag, metavar, told in (("--methods", "A,B", methods), ("--tasks", "T,U", tasks)):
        parser.add_argument(flag, type=words.names, metavar=metavar, default=(), help=told)
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument(
        "--seeds",
        type=partial(words.count, what="seeds", most=MOST_SEEDS),
        metavar="N",
        help="seeds 0 to N-1 of every row (default: as many as its table says)",
    )
    seeds.add_argument(
        "--seed-list",
        type=words.seed_list,
        metavar="0,3",
        help="just these seeds; tables have them with what else results hold",
    )
    parser.add_argument(
        "--preset",
        choices=PRESETS,
        default=preset,
        help="quick: a smaller budget on the same code; paper: as published (default: "
        f"{preset or 'each of which something was measured'})",
    )
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default="cpu",
        help="where cells compute (default: cpu)",
    )
    parser.add_argument(
        "--dtype",
        choices=DTYPES,
        default=DTYPES[0],
        help="what networks compute in, where their method accepts it (default: float32); tables "
        "of either are apart",
    )
    add_set(parser)
    add_weights(parser)


def add_set(parser: argparse.ArgumentParser) -> None:
    """Declare --set."""
    parser.add_argument(
        "--set",
        action="append",
        metavar="METHOD.PARAM=VALUE",
        dest="given",
        default=[],
        help="another value of a method's parameter, in tables of its own; may be repeated "
        "(`show --params METHOD` names them)",
    )


def add_weights(parser: argparse.ArgumentParser) -> None:
    """Where the weights are that others trained."""
    parser.add_argument(
        "--weights",
        type=words.path,
        metavar="DIR",
        help="NAME.safetensors files (default: $BENCH_WEIGHTS, else weights/ in $BENCH_DATA or in "
        "data/ of the clone)",
    )


def use_weights(arguments: argparse.Namespace) -> None:
    """Tell this process, and the workers that it starts, where the weights are."""
    if arguments.weights:
        if not arguments.weights.is_dir():
            raise BenchError(f"--weights {arguments.weights} is no folder")
        os.environ[weights.FOLDER] = str(arguments.weights.resolve())


def data_root(chosen: Path | None) -> Path:
    """The data root: `--data-root`, or what the environment says, or the clone's own."""
    if chosen and not chosen.is_dir():
        raise BenchError(f"--data-root {chosen} is no folder")
    return Path(chosen or os.environ.get("BENCH_DATA") or ROOT / "data").resolve()


def load_plugins(arguments: argparse.Namespace) -> None:
    """Import the plugin folders, so that their methods, data sets and tasks have names."""
    registry.use(arguments.plugins)


def say(line: str, out: TextIO | None = None) -> None:
    """Print a line of which some part may be anybody's text; nothing in it moves the cursor."""
    print(printable(line, lines=True), file=out)


def say_damaged(store: Store) -> None:
    """Name on standard error what the store found damaged, a line each, or that it is empty."""
    for reason in (*of_empty(store), *store.damaged.values()):
        say(f"note: {reason}", sys.stderr)


def of_empty(store: Store) -> list[str]:
    """The sentence that a store without any result deserves; of any other none."""
    there = store.runs.is_dir()
    return [] if there else [f"no run has left results in {store.root}: it has no runs/"]
