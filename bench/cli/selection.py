"""What the flags of a selection mean: experiments, options, and the plan of their cells."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench import registry
from bench.cli import own_methods
from bench.cli.common import NARROWING, data_root, load_plugins, say, use_weights
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.plan.experiment import Experiment
    from bench.plan.graph import Options, Plan
    from bench.store.kept_plan import Asked


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


def plan_for(
    arguments: argparse.Namespace, asked: Asked | None = None, *, keeps: bool = False
) -> Plan:
    """The plan that a verb's selection asks for, kept or new, with what to know of it said.

    Args:
        arguments: As parsed.
        asked: `asked_of` of the same, where the plan will be kept under it.
        keeps: Keep a new one for the next command, as verbs may that write files anyway.
    """
    made = planned(arguments, asked, keeps=keeps)
    say_notes(arguments, made)
    return made


def say_notes(arguments: argparse.Namespace, *plans: Plan) -> None:
    """Say on standard error what these plans leave out of the tables, or of the results."""
    notes = [line for plan in plans for line in plan.notes]
    for line in dict.fromkeys([*notes, *own_methods.strangers(arguments, plans)]):
        say(f"note: {line}", sys.stderr)


def planned(
    arguments: argparse.Namespace, asked: Asked | None = None, *, keeps: bool = False
) -> Plan:
    """The plan of `plan_for`; nothing is said."""
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
        if asked and keeps:
            kept_plan.keep(asked, made)
    return made


def asked_of(arguments: argparse.Namespace) -> Asked | None:
    """What the command line asks of a plan; None where it may not be kept: see `kept_plan`."""
    from bench.store.kept_plan import Asked

    if arguments.plugins or registry.plugins_of_environment() or arguments.device != "cpu":
        return None
    if own_methods.held(arguments):  # the plan hangs on them
        return None
    chosen = {flag: getattr(arguments, flag, None) for flag in ("experiments", "every", *NARROWING)}
    if chosen["every"] is False and not chosen["experiments"]:  # as `chosen_experiments`
        chosen["every"] = True
    files = [Path(name).absolute() for name in arguments.experiments if name.endswith(".toml")]
    files += [csv for file in files for csv in sorted(file.parent.glob("published/*.csv"))]
    return Asked(chosen, data_root(arguments.data_root), tuple(files))


def whole(plan: Plan, options: Options) -> Plan:
    """The plan of all tables as they are: what was not selected stands there as in the store."""
    from bench.plan import graph

    if not options.selects:
        return plan
    return graph.make(plan.experiments, options.whole())


def means_all(arguments: argparse.Namespace) -> bool:
    """Whether nothing is named, so that every experiment is meant with all its cells."""
    flags = ("experiments", "every", "methods", "tasks", "seeds", "seed_list", "given")
    return not any(getattr(arguments, flag) for flag in flags)


def narrows(arguments: argparse.Namespace) -> bool:
    """Whether flags say which cells are meant."""
    default = arguments.parser.get_default
    return any(getattr(arguments, flag) != default(flag) for flag in NARROWING)


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
        held=own_methods.held(arguments),
    )


def refuse_unused(plan: Plan, options: Options) -> None:
    """Say so when a selection leaves nothing, rather than do nothing.

    Raises:
        BenchError: no table or figure has or takes a selected method, or any selected task.
    """
    if options.tasks:
        parts = (part for one in plan.experiments for part in one.entries())
        if not any({*options.tasks} & {*part.all_tasks} for part in parts):
            named, where = ",".join(options.tasks), ", ".join(one.name for one in plan.experiments)
            raise BenchError(f"--tasks {named}: no table or figure of {where} is on that")
    used = {slot.entry.method for slot in plan.slots}
    flags = [("--methods", [name for name in options.methods if name not in used])]
    flags.append(("--tasks", [] if plan.slots else list(options.tasks)))
    for flag, names_ in flags:
        if names_:
            where = ", ".join(one.name for one in plan.experiments) + " takes that"
            if flag == "--methods" and options.tasks:
                where += f" on {','.join(options.tasks)}"
            raise BenchError(f"{flag} {','.join(names_)}: no table or figure of {where}")
