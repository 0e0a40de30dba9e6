"""`bench sweep`: values of one parameter, as a table and a curve."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench.cli import common, run, words
from bench.errors import BenchError

EPILOG = """\
Writes an experiment of its own, results/sweeps/NAME.toml, and runs it: `render`, `check` and
`status` take that file too. A list of other values takes its place, unless you have changed it by
hand; what was measured stays.

  python -m bench sweep kmeans.n_init=1,5,20 digits/cluster
  python -m bench sweep dec.max_epochs=5,10,20 digits --dry-run   where the experiment has DEC"""
_MOST_BYTES = 1 << 24


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    summary = "measure several values of one parameter: a table and a curve"
    parser = common.add_verb(verbs, "sweep", summary, epilog=EPILOG)
    parser.add_argument("change", metavar="METHOD.PARAM=V1,V2,…", help="what varies")
    parser.add_argument(
        "where", metavar="EXPERIMENT|TASK", help="a task, or an experiment that has or takes it"
    )
    parser.add_argument(
        "--metrics",
        type=words.names,
        metavar="A,B",
        default=(),
        help="of the table; the first one is drawn (default: those of the task's kind)",
    )
    run.add_flags(parser, named=False)
    parser.set_defaults(action=act, experiments=(), every=False)


def act(arguments: argparse.Namespace) -> int:
    """Write the experiment and run it; returns the exit status."""
    from bench.files import replace
    from bench.plan import experiment, swept
    from bench.store import walk

    common.load_plugins(arguments)
    made = swept.read(arguments.change, arguments.where, arguments.metrics)
    for word in arguments.given:
        if word.partition("=")[0].strip() == f"{made.method}.{made.param}":
            raise BenchError(
                f"--set {word}: the sweep varies it: leave out --set, or sweep another"
            )
    name, text = f"{made.name}.toml", swept.sealed(swept.written(made)).encode()
    _refuse_changed(arguments.results / "sweeps" / name)
    with tempfile.TemporaryDirectory() as scratch:
        path = replace(Path(scratch) / name, text)
        experiment.load(str(path))  # what cannot be is refused before a file is left
        if not arguments.dry_run:
            walk.refuse_links(arguments.results, "sweeps")
            path = replace(arguments.results / "sweeps" / name, text)
            print(f"wrote  {path}")
        arguments.experiments = [str(path)]
        return run.act(arguments)


def _refuse_changed(path: Path) -> None:
    """Raises BenchError where an experiment of this name is not as a sweep has written it."""
    from bench.files import content
    from bench.plan import swept

    try:
        text = content(path, _MOST_BYTES).decode()
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise BenchError(f"{path}: cannot be read: {why}") from error
    if not swept.is_sealed(text):
        raise BenchError(
            f"{path} was changed by hand, and a sweep would take its place: `python -m bench run` "
            "takes it as it is; rename it to sweep anew"
        )
