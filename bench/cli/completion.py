"""`bench completion`: a script with which a shell completes verbs and flags."""

from __future__ import annotations

import argparse

from bench.cli import common
from bench.errors import BenchError

SHELLS = ("bash", "zsh", "tcsh")


def add(verbs: common.Verbs) -> None:
    """Declare the verb."""
    summary = "print a script that completes verbs and flags in a shell (needs shtab)"
    epilog = '  eval "$(bench completion bash)"        in ~/.bashrc'
    parser = common.add_verb(verbs, "completion", summary, epilog=epilog)
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(action=act)


def act(arguments: argparse.Namespace) -> int:
    """Print the script."""
    try:
        import shtab
    except ImportError as error:
        raise BenchError("completion needs shtab: pip install shtab") from error
    arguments.whole.prog = "bench"
    print(shtab.complete(arguments.whole, arguments.shell))
    return 0
