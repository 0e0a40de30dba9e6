"""Kill workers, the runner, the tree: nothing that was done is lost or done twice.

The moments are of chance, of a fixed seed; `tests/faults/kills.py` has hundreds of them.
"""

import random
from collections import Counter

from faults import kills
from harness import counted

STRIKES = [
    [*["worker"] * 6, "worker hangs", "tree"],
    [*["worker"] * 3, "SIGTERM"],
    [*["worker"] * 3, "runner"],
    [*["worker"] * 3, "server"],
    [*["worker"] * 3, "SIGINT"],
]


def test_kills_at_moments_of_chance_change_nothing(tmp_path):
    rng, struck = random.Random(7), 0
    toml = counted(tmp_path, rows=10, seeds=4, seconds=0.4)
    for kinds in STRIKES:
        struck += kills.disturbed(toml, tmp_path / "broken", kinds, rng).total()
    # How many a quick machine has to strike at before all cells are done is of chance too.
    assert struck >= sum(map(len, STRIKES)) / 2, "the kills came too late to test anything"
    kills.finished(toml, tmp_path / "broken")
    ends = Counter(line.rsplit(" ", 1)[0] for line in (tmp_path / "notes").read_text().splitlines())
    # Between a cell's end and its record a strike may cost it: of two workers, where a run ends.
    twice = [cell for cell, n in ends.items() if cell.startswith("end") and n > 1]
    assert len(twice) <= 2 * len(STRIKES)
    kills.finished(toml, tmp_path / "whole")
    assert len(kills.done(tmp_path / "whole")) == 60
    assert kills.same(tmp_path / "broken", tmp_path / "whole")
