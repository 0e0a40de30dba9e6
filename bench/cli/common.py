"""Flags that several verbs share, and what they mean."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias

from bench import ROOT, registry, weights
from bench.cli import words
from bench.errors import BenchError
from bench.files import printable
from bench.plan.cell import MOST_SEEDS, PRESETS

if TYPE_CHECKING:
    from bench.plan.experiment import Experiment
    from bench.plan.graph import Options, Plan
    from bench.store.folders import Store
    from bench.store.kept_plan import Asked

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
_NARROWING = ("methods", "tasks", "seeds", "seed_list", "given", "preset", "device", "dtype")
"""What flags of a selection are parsed to."""
TERMINATED = "SIGTERM"
"""What a `KeyboardInterrupt` says that was none of the keyboard's."""


def add_verb(verbs: Verbs, name: str, summary: str, *, epilog: str = "") -> argparse.ArgumentParser:
    """A verb's parser."""
    parser = verbs.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
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
    methods = "only these; one that no table of the experiment has is added where it fits"
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
    seeds.add_argument("--seed-list", type=words.seed_list, metavar="0,3", help="just these seeds")
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
        choices=("float32", "bfloat16"),
        default="float32",
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


def chosen_experiments(arguments: argparse.Namespace) -> list[Experiment]:
    """The experiments that a verb's words name, and with --all those that run without a name.

    Where nothing is named, it is as with --all; verbs without that flag take all there are.

    Raises:
        BenchError: two of them would write one file, or --all takes one that is named anyway.
    """
    from bench.plan import experiment

    wanted, every = arguments.experiments, getattr(arguments, "every", None)
    chosen = [experiment.load(name) for name in dict.fromkeys(wanted)]
    if every or not wanted:
        if had := [one.name for one in chosen if one.name in wanted and not one.by_name]:
            raise BenchError(f"--all has {had[0]} already: leave out one of the two")
        others = map(experiment.load, sorted(set(experiment.names()) - set(wanted)))
        chosen += [one for one in others if every is None or not one.by_name]
    experiment.refuse_one_place(chosen)
    return chosen


def plan_for(arguments: argparse.Namespace, asked: Asked | None = None) -> Plan:
    """The plan that a verb's selection asks for, kept or new; nothing is written for it.

    Args:
        arguments: As parsed.
        asked: `asked_of` of the same, where the plan will be kept under it.
    """
    from bench.plan import graph
    from bench.store import kept_plan

    use_weights(arguments)
    asked = asked or asked_of(arguments)
    made = kept_plan.recall(asked) if asked else None
    if made is None:
        load_plugins(arguments)
        options = options_of(arguments)
        made = graph.make(chosen_experiments(arguments), options)
        refuse_unused(made, options)
    for line in made.notes:
        say(f"note: {line}", sys.stderr)
    return made


def asked_of(arguments: argparse.Namespace) -> Asked | None:
    """What the command line asks of a plan; None where it may not be kept: see `kept_plan`."""
    from bench.store.kept_plan import Asked

    if arguments.plugins or registry.plugins_of_environment() or arguments.device != "cpu":
        return None
    chosen = {
        flag: getattr(arguments, flag, None) for flag in ("experiments", "every", *_NARROWING)
    }
    if chosen["every"] is False and not chosen["experiments"]:  # as `chosen_experiments`
        chosen["every"] = True
    files = (Path(name).absolute() for name in arguments.experiments if name.endswith(".toml"))
    return Asked(chosen, data_root(arguments.data_root), tuple(files))


def whole(plan: Plan, options: Options) -> Plan:
    """The plan of all tables as they are: what was not selected stands there as in the store."""
    from bench.plan import graph

    if not options.selects:
        return plan
    return graph.make(plan.experiments, options.whole())


def narrows(arguments: argparse.Namespace) -> bool:
    """Whether flags say which cells are meant."""
    default = arguments.parser.get_default
    return any(getattr(arguments, flag) != default(flag) for flag in _NARROWING)


def options_of(arguments: argparse.Namespace) -> Options:
    """What the flags of a selection say of the plan."""
    from bench.datasets import tasks_named
    from bench.plan import given, graph

    seeds = arguments.seed_list
    if arguments.seeds is not None:
        seeds = tuple(range(arguments.seeds))
    return graph.Options(
        preset=arguments.preset,
        seeds=seeds,
        methods=arguments.methods,
        tasks=tasks_named(arguments.tasks, "--tasks"),
        device=arguments.device,
        elsewhere=getattr(arguments, "executor", "local") != "local",
        dtype=arguments.dtype,
        data_root=data_root(arguments.data_root),
        given=given.read(arguments.given, "--set"),
    )


def refuse_unused(plan: Plan, options: Options) -> None:
    """Say so when a selection leaves nothing, rather than do nothing.

    Raises:
        BenchError: no table or figure has or takes a selected method, or any selected task.
    """
    used = {slot.entry.method for slot in plan.slots}
    flags = [("--methods", [name for name in options.methods if name not in used])]
    flags.append(("--tasks", [] if plan.slots else list(options.tasks)))
    for flag, names_ in flags:
        if names_:
            where = ", ".join(one.name for one in plan.experiments) + " takes that"
            if flag == "--methods" and options.tasks:
                where += f" on {','.join(options.tasks)}"
            raise BenchError(f"{flag} {','.join(names_)}: no table or figure of {where}")


def say(line: str, out: TextIO | None = None) -> None:
    """Print a line of which some part may be anybody's text; nothing in it moves the cursor."""
    print(printable(line, lines=True), file=out)


def say_damaged(store: Store) -> None:
    """Name on standard error what the store found to be damaged, a line each."""
    for reason in store.damaged.values():
        say(f"note: {reason}", sys.stderr)
