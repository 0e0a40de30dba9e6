"""The command line: one module a verb."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

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
was named could be measured or compared; 130 interrupted."""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args(words)
    try:
        status: int = arguments.action(arguments)
    except BenchError as error:
        print(f"bench: {printable(str(error), lines=True)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: interrupted; the same command continues where it stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has gone, `bench list | head` say. Nothing is left to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
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
