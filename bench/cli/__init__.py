"""The command line: one module a verb."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bench.cli import following, own_methods, streams
from bench.cli.common import TERMINATED
from bench.cli.mistakes import Parser, refuse_rest
from bench.errors import BenchError
from bench.files import printable

DESCRIPTION = """\
Runs methods of deep and transfer clustering on registered tasks, ten seeds each, and renders
tables in which every number stands beside the published one."""

EXAMPLES = """\
examples:
  python -m bench run --all                      everything that can run here, quick preset
  python -m bench run digits --seeds 3           three seeds of one experiment
  python -m bench run digits --methods mine --plugins my/     your method in the same tables
  python -m bench run digits --set dec.batch_size=64          another value of one parameter
  python -m bench status --failed                what went wrong
  python -m bench report                         pages of all results for a browser
  python -m bench check                          did a change move a result?
  python -m bench prove                          did a change of code, to the last bit?

exit status: 0 all well; 1 a cell failed or is left, or a number moved; 2 usage; 3 nothing of what
was named could be measured or compared; 130 interrupted, 143 terminated."""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    found = streams.make_lasting()
    status = _status(*parser().parse_known_args(words))
    return status if streams.said(found) else status or 1


def _status(arguments: argparse.Namespace, rest: Sequence[str]) -> int:
    """Act, with every error that a user may meet as one sentence."""
    try:
        refuse_rest(arguments, rest)
        status: int = arguments.action(arguments)
    except BenchError as error:
        told = following.completed(own_methods.hinted(error, arguments), arguments)
        print(f"bench: {printable(told, lines=True)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        word, code = ("terminated", 143) if str(error) == TERMINATED else ("interrupted", 130)
        print(f"bench: {word}; the same command continues where it stopped", file=sys.stderr)
        # Python ends by SIGINT, whatever is returned here, if it was interrupted within an exec(),
        # as every dataclass is made by, until another one begins.
        exec("")  # noqa: S102
        return code
    return status


def parser() -> argparse.ArgumentParser:
    """All verbs with their flags."""
    from bench.cli import (
        check,
        completion,
        data,
        executors,
        export,
        listing,
        merge,
        pack,
        prove,
        render,
        report,
        rescore,
        run,
        show,
        status,
        sweep,
        weights_folder,
    )

    made = Parser(
        prog="python -m bench",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action=_Version, nargs=0, help="print versions and exit")
    verbs = made.add_subparsers(title="verbs", metavar="VERB", required=True)
    for module in (
        run,
        sweep,
        listing,
        status,
        executors,
        show,
        render,
        export,
        check,
        prove,
        report,
        rescore,
        pack,
        merge,
        data,
        weights_folder,
        completion,
    ):
        module.add(verbs)
    made.set_defaults(whole=made)
    return made


class _Version(argparse.Action):
    """Prints the versions of bench and of what moves results."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from bench.store import machine

        libraries = ", ".join(f"{name} {found}" for name, found in machine.versions().items())
        print(f"bench {machine.own_version()}\n{libraries}")
        parser.exit()
