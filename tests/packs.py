"""Small stores and packs of them, and ways to look into both."""

from pathlib import Path
from typing import Any

from harness import bench, places, run, write_experiment


def sweep(folder: Path) -> tuple[Path, Path]:
    """Twelve cells, four of which have tensors that four others need."""
    rows: list[dict[str, Any]] = [{"method": "centroids"}, {"method": "carrier"}]
    toml = write_experiment(folder / "six.toml", "tiny/cluster", rows, n=4)
    run(toml, folder / "results")
    return toml, folder / "results"


def pack_two(toml: Path, results: Path, path: Path) -> Path:
    """A pack of two cells, one of them less its tensors."""
    words = ["pack", path, toml, "--seeds", 1, "--methods", "carrier"]
    assert bench(*words, *places(results)) == 0
    return path


def files(folder: Path) -> dict[str, bytes]:
    """Every file below, but for the index and locks, with its bytes."""
    found = [p for p in folder.rglob("*") if p.is_file() and p.name != "index.jsonl"]
    return {str(p.relative_to(folder)): p.read_bytes() for p in found if p.suffix != ".lock"}
