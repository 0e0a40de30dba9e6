"""How long a run takes on so many workers, played through with what its cells are known to take."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from bench.plan.cell import Cell
from bench.run.order import Order


class Forecast(NamedTuple):
    """Of a run."""

    seconds: float
    """From the first start to the last end."""
    worked: float
    """Seconds of all workers together."""
    longest: str
    """Key of the cell that takes longest; "" where there is none."""


def forecast(
    cells: Mapping[str, Cell],
    wanted: Collection[str],
    groups: Mapping[str, Sequence[str]],
    seconds: Mapping[str, float],
    workers: int,
) -> Forecast:
    """Play a run through, in the order that it will have: no time passes between cells.

    Args:
        cells: Of the whole plan, by key.
        wanted: Keys of those to compute.
        groups: Key -> keys of all that are computed with it, one after another.
        seconds: What each may take; 0: nobody knows, and it counts as nothing.
        workers: Groups at a time.
    """
    order, now = Order(cells, wanted, groups, seconds), 0.0
    running: list[tuple[float, int, list[str]]] = []
    started = 0
    while order or running:
        while order and len(running) < workers:
            taken = order.pop()
            started += 1
            heapq.heappush(running, (now + sum(seconds[key] for key in taken), started, taken))
        now, _, ended = heapq.heappop(running)
        for key in ended:
            order.done(key)
    longest = max(wanted, key=lambda key: seconds[key], default="")
    return Forecast(now, sum(seconds[key] for key in wanted), longest)
