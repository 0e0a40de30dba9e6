"""Runs methods of deep and transfer clustering and sets each number beside the published one."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_WHEEL = _PACKAGE / "_shipped"
INSTALLED = _IN_WHEEL.is_dir()
"""Whether this is a wheel's copy: a clone, and what is installed editable from it, has no such
folder (`setup.py`)."""
ROOT = Path.cwd() if INSTALLED else _PACKAGE.parent
"""Where `results/` and `data/` lie unless flags say otherwise: in the clone; of a wheel's copy, in
the current folder."""
SHIPPED = _IN_WHEEL if INSTALLED else ROOT
"""`methods/`, `baselines/`, `results/published/` and `results/reference/` lie here."""
