"""What a check says of one number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal[
    "ok", "bits changed", "moved", "unguarded", "stale", "missing", "new", "unavailable"
]


def seeds_in_words(seeds: Sequence[int]) -> str:
    """Such as "seed 3" or "seeds 0 to 4, 7"."""
    runs: list[list[int]] = []
    for seed in sorted(seeds):
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    words = [f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(words)}"


@dataclass(frozen=True)
class Comparison:
    """One number against its reference."""

    experiment: str
    preset: str
    name: str
    """The table or figure."""
    group: str
    row: str
    column: str
    metric: str
    unit: Literal["percent", "count"]
    reference: float | None
    """Mean over the shared seeds, as are the next two."""
    measured: float | None
    difference: float | None
    tolerance: float | None
    """All seeds may move alike by this much; see `bench.score.drift`."""
    n: int
    """Seeds that both have."""
    verdict: Verdict
    """ok: the same bits. bits changed: not the same, and no sign that it matters. moved: beyond
    noise and beyond new draws of the seeds. unguarded: changed by more than noise, and the
    reference is too weak to tell a broken method. stale: other code measured it. missing: seeds
    are lacking or failed that the reference has, or all of a row that it does not know. new: the
    reference does not know it. unavailable: the data are not here."""
    seeds: tuple[int, ...] = ()
    """Those that moved too far on their own."""
    direction: Literal["", "better", "worse"] = ""
    guarded: bool = False
    """A fall to chance would be named here."""
    note: str = ""
    """What differs in provenance, or which seeds are lacking."""
    more: int = 0
    """Measured seeds that the reference does not have, and nothing is said of."""
