"""The order of a run: which cells are ready, which wait for others, which can never run."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping

from bench.plan.cell import Cell


class Order:
    """The cells that a run computes, as a graph that shrinks.

    Seed by seed; of a seed, what others wait for comes first, so that no worker idles at the end
    of a long pretraining.
    """

    def __init__(self, cells: Mapping[str, Cell], wanted: Collection[str]) -> None:
        """An order.

        Args:
            cells: Of the whole plan, by key.
            wanted: Keys of those to compute; what else they need is there.
        """
        self._waiting = {key: {n for _, n in cells[key].needs if n in wanted} for key in wanted}
        self._dependents: dict[str, list[str]] = {}
        for key, needed in self._waiting.items():
            for n in needed:
                self._dependents.setdefault(n, []).append(key)
        self._keys = sorted(cells, key=lambda key: (cells[key].seed, key not in self._dependents))
        self._place = {key: i for i, key in enumerate(self._keys)}
        self._ready = [self._place[key] for key, needed in self._waiting.items() if not needed]
        heapq.heapify(self._ready)

    def __bool__(self) -> bool:
        """Whether a cell is ready."""
        return bool(self._ready)

    def ready(self) -> Iterator[str]:
        """The keys that are ready, in no order."""
        return (self._keys[place] for place in self._ready)

    def pop(self) -> str:
        """Take the first key that is ready."""
        return self._keys[heapq.heappop(self._ready)]

    def take(self, keys: Iterable[str]) -> None:
        """Take these keys, which are ready, out of turn."""
        taken = {self._place[key] for key in keys}
        self._ready = [place for place in self._ready if place not in taken]
        heapq.heapify(self._ready)

    def put_back(self, key: str) -> None:
        """A key that was taken is ready again."""
        heapq.heappush(self._ready, self._place[key])

    def done(self, key: str) -> None:
        """A cell is there: of those that wait for it, the ones that wait for no other are ready."""
        for dependent in self._dependents.get(key, ()):
            if dependent in self._waiting:
                self._waiting[dependent].discard(key)
                if not self._waiting[dependent]:
                    self.put_back(dependent)

    def lost(self, key: str) -> Iterator[str]:
        """A cell will never be there: drop all that needs it, and yield their keys."""
        for dependent in self._dependents.get(key, ()):
            if self._waiting.pop(dependent, None) is not None:
                yield dependent
                yield from self.lost(dependent)
