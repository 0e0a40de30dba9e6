"""From experiment files to a graph of cells."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "experiments"
"""The experiments that come with the project."""
