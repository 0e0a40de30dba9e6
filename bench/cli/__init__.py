"""The command line: one module a verb."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bench.cli import streams
from bench.cli.common import TERMINATED
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
  python -m bench status --failed                what went wrong
  python -m bench check                          did a change move a result?
  python -m bench prove                          did a change of code, to the last bit?

exit status: 0 all well; 1 a cell failed or is left, or a number moved; 2 usage; 3 nothing of what
was named could be measured or compared; 130 interrupted, 143 terminated."""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    found = streams.make_lasting()
    status = _status(_parser().parse_args(words))
    return status if streams.said(found) else status or 1


def _status(arguments: argparse.Namespace) -> int:
    """Act, with every error that a user may meet as one sentence."""
    try:
        status: int = arguments.action(arguments)
    except BenchError as error:
        print(f"bench: {printable(str(error), lines=True)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        word, code = ("terminated", 143) if str(error) == TERMINATED else ("interrupted", 130)
        print(f"bench: {word}; the same command continues where it stopped", file=sys.stderr)
        return code
    return status


def _parser() -> argparse.ArgumentParser:
    """All verbs with their flags."""
    from bench.cli import (
        check,
        data,
        listing,
        merge,
        pack,
        prove,
        render,
        rescore,
        run,
        show,
        status,
        weights_folder,
    )

    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for module in (
        run,
        listing,
        status,
        show,
        render,
        check,
        prove,
        rescore,
        pack,
        merge,
        data,
        weights_folder,
    ):
        module.add(verbs)
    return parser
