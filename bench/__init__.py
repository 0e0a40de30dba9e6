"""Runs methods of deep and transfer clustering and sets each number beside the published one."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The clone: `methods/`, `baselines/` and `results/published/` are looked up from here."""
