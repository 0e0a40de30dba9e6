"""Which printed number an entry of an experiment's file stands beside, and the rows of a paper.

The CSVs of `results/published` and the files of `bench/experiments` spell one name in two ways; the
rules that make them one are `plain` (what is alike), `METRICS` and `shown` (what a reader sees).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from bench.errors import BenchError, unknown
from bench.plan import published

Raw = dict[str, Any]
"""An entry as the TOML has it."""

METRICS = {
    "AMI": "adjusted NMI",
    "ARI": "adjusted Rand index",
    "NMI-arithmetic": "NMI",
    "knn top-1": "kNN top-1",
    **{f"linear conv{layer} top-1": f"c{layer} top-1" for layer in range(1, 6)},
}
"""Our metric -> the name that some CSVs have for it."""


@cache
def plain(name: str) -> str:
    """A name without what its spellings differ in: case, commas, brackets, hyphens, arrows."""
    name = (
        name.casefold()
        .replace("\N{MULTIPLICATION SIGN}", "x")
        .replace("→", "-")
        .replace("->", " to ")
    )
    name = re.sub(r"(?<=\w)[-_](?=\w)", " ", re.sub(r"[,()]", "", name))
    return re.sub(r"\s+", " ", re.sub(r"\s*=\s*", "=", name)).strip()


def shown(method: str) -> str:
    """The label of a method of the CSVs: "MoCo (He et al. 2019)" is "MoCo, He et al. 2019"."""
    method = re.sub(r"(?<=\dk)x(?=\d)", "\N{MULTIPLICATION SIGN}", method).replace("]-", "]→")
    return re.sub(r" \(([^()]* \d{4})\)", r", \1", method)


def alike(label: str, known: Iterable[str]) -> str:
    """The one of these names that is spelled like a label, "" where none or several are."""
    known = list(known)
    found = [name for name in known if plain(name) == plain(label)]
    return label if label in known else found[0] if len(found) == 1 else ""


class Printed:
    """The numbers that a table or figure shares a filter for.

    Args:
        shared: The filter: column of the CSV -> value, where * stands for an entry's own label;
            None: only what an entry names itself.
        where: File and table, for errors.

    Raises:
        BenchError: a column or value that no CSV has.
    """

    def __init__(self, shared: Mapping[str, str] | None, where: str) -> None:
        self.by_label, self.where = shared is not None, where
        given = shared or {}
        self.patterns = {k: v for k, v in given.items() if "*" in v and k != published.BESIDE}
        self.fixed = {k: v for k, v in given.items() if k not in self.patterns}
        self._unused = set(self.patterns)
        for key in self.patterns:
            if key not in published.FILTERS:
                known = published.FILTERS
                raise unknown("column of the published numbers", key, known, where=where)
        published.fitting(self.fixed, where=where)

    def under(self, heading: Mapping[str, str]) -> Printed:
        """The numbers under a heading with a filter of its own."""
        if not self.by_label:
            return self
        narrowed = Printed({**self.patterns, **self.fixed, **heading}, self.where)
        narrowed._unused = self._unused
        return narrowed

    def number(self, entry: Raw, by: str) -> dict[str, str]:
        """The filter of an entry's own number, {} where it has none.

        Args:
            entry: Its `published` is a filter, a value of the column `by`, false for none, or
                missing: the number under its own label.
            by: The column of the CSV in which its label stands, where no * says otherwise.
        """
        given = entry.get("published", {})
        if given is False:
            return {}
        given = {by: given} if isinstance(given, str) else dict(given)
        if not self.by_label:
            return given
        label, metric = str(entry.get("label", "")), str(entry.get("metric", ""))
        where = f"{self.where}, '{label}'"
        fits = published.fitting({**self.fixed, **given}, where=where)
        patterns = self.patterns if by in self.fixed else {by: "*", **self.patterns}
        for key, pattern in patterns.items():
            names = {getattr(p, key) for p in fits}
            if key not in given and (name := alike(pattern.replace("*", label), names)):
                given[key] = name
                self._unused.discard(key)
        printed = {p.metric for p in fits}
        other = METRICS.get(metric, "")
        if given and "metric" not in {**self.fixed, **given} and metric not in printed:
            given |= {"metric": other} if other in printed else {}
        return given

    def rows(self, *, by_group: bool) -> list[Raw]:
        """A row for each method that is printed, in the order of the CSV.

        Args:
            by_group: One for each method and group, under the group as its heading.
        """
        if not self.by_label:
            raise BenchError(f"{self.where}: rows as published need published = {{ table = … }}")
        fits = published.fitting(self.fixed, where=self.where)
        if by_group:
            pairs = dict.fromkeys((p.method, p.group) for p in fits)
            return [
                {"label": shown(m), "group": g, "published": {"method": m, "group": g}}
                for m, g in pairs
            ]
        names = dict.fromkeys(p.method for p in fits)
        return [{"label": shown(m), "published": {"method": m}} for m in names]

    def laid_over(self, rows: list[Raw], measured: list[Raw]) -> list[Raw]:
        """The rows, with what is said of how some are measured laid over them.

        One of `measured` belongs to the row with its label and group, or else with its number. One
        that belongs to none is a row of its own, above the next of them, or the last; so is a
        second way to measure one number.
        """
        rows, next_, laid = list(rows), len(rows), list[Raw]()
        for one in reversed(measured):
            at = self._place(rows, one)
            if at is None:
                rows.insert(next_, one)
                continue
            if any(rows[at] is row for row in laid):
                rows.insert(at, one)
            else:
                rows[at] = {**rows[at], **one}
            laid.append(rows[at])
            next_ = at
        return rows

    def _place(self, rows: list[Raw], one: Raw) -> int | None:
        """Where the row stands that another one is laid over."""
        named = [(row.get("label"), row.get("group")) for row in rows]
        if (own := (one.get("label"), one.get("group"))) in named:
            return named.index(own)
        number = self.number(one, "method")
        numbers = [self.number(row, "method") for row in rows]
        return numbers.index(number) if number and number in numbers else None

    def require(self, label: str) -> None:
        """Refuse the label of a row that is there for its number and has none.

        Raises:
            BenchError: the nearest method that is printed.
        """
        if self.by_label:
            known = {shown(p.method) for p in published.fitting(self.fixed, where=self.where)}
            raise unknown("published method", label, known, where=f"{self.where}, row")

    def require_labels(self) -> None:
        """Refuse a * that no entry's label filled.

        Raises:
            BenchError: which one.
        """
        for key in sorted(self._unused):
            raise BenchError(
                f"{self.where}: published {key} '{self.patterns[key]}' is no entry's label"
            )
