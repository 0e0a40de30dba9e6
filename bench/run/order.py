"""The order of a run: which cells are ready, which wait for others, which can never run."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence

from bench.plan.cell import Cell


class Order:
    """The cells that a run computes, as a graph that shrinks.

    Seed by seed; of a seed, what others wait for comes first, so that no worker idles at the end
    of a long pretraining, and then what takes longest, for the same reason.
    """

    def __init__(
        self,
        cells: Mapping[str, Cell],
        wanted: Collection[str],
        groups: Mapping[str, Sequence[str]] | None = None,
        seconds: Mapping[str, float] | None = None,
    ) -> None:
        """An order.

        Args:
            cells: Of the whole plan, by key.
            wanted: Keys of those to compute; what else they need is there.
            groups: Key -> keys of all that are computed with it, if they are ready when it is.
            seconds: What cells may take; 0 or none: nobody knows, and the plan's order holds.
        """
        self._groups = groups or {}
        self._waiting = {key: {n for _, n in cells[key].needs if n in wanted} for key in wanted}
        self._dependents: dict[str, list[str]] = {}
        for key, needed in self._waiting.items():
            for n in needed:
                self._dependents.setdefault(n, []).append(key)
        known = seconds or {}

        def long(key: str) -> float:  # those of a group differ in their seed alone
            return known.get(key, 0.0) * len(self._groups.get(key, (key,)))

        self._keys = sorted(
            cells, key=lambda key: (cells[key].seed, key not in self._dependents, -long(key))
        )
        self._place = {key: i for i, key in enumerate(self._keys)}
        self._ready = {key for key, needed in self._waiting.items() if not needed}
        # Of those that were ready once: what was taken out of turn is passed over.
        self._queue = [self._place[key] for key in self._ready]
        heapq.heapify(self._queue)

    def __bool__(self) -> bool:
        """Whether a cell is ready."""
        return bool(self._ready)

    def pop(self) -> list[str]:
        """Take the first key that is ready, with those of its group that are."""
        while (first := self._keys[heapq.heappop(self._queue)]) not in self._ready:
            pass
        taken = [k for k in self._groups.get(first, (first,)) if k in self._ready]
        self._ready.difference_update(taken)
        return taken

    def put_back(self, key: str) -> None:
        """A key that was taken, or waited until now, is ready."""
        self._ready.add(key)
        heapq.heappush(self._queue, self._place[key])

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
