"""The shorthand of experiment files, spelled out: bench/experiments/README.md explains it.

What comes out are the tables and figures of `bench.plan.experiment`, with each row, column, curve
and group an entry of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from bench.datasets.task_specs import get_group, groups
from bench.errors import BenchError, unknown
from bench.plan.entry import Entry
from bench.plan.printed import Printed, Raw
from bench.plan.published import BESIDE
from bench.typed import checked, typed

PRINTED = ("published", "published by group")
OWN = {"table": ("like", "heading", "measured"), "figure": ("like",)}
"""Keys that are spelled out here."""


def spelled_out(content: Raw, file: str, known: dict[str, list[str]], beside: str = "") -> Raw:
    """The content of an experiment's file without shorthand.

    Args:
        content: Parsed TOML; it stays as it is.
        file: The file's name, for errors.
        known: The keys that a "table" and a "figure" have without shorthand.
        beside: The folder of published numbers beside the file, if there is one.

    Raises:
        BenchError: what is wrong, where, and the nearest match.
    """
    content = dict(content)
    named = _named(content.pop("params", {}), f"{file}: params")
    presets = checked(dict[str, Raw], content.get("preset", {}), f"{file}: preset")
    content["preset"] = {
        name: _preset(preset, named, f"{file}: preset.{name}") for name, preset in presets.items()
    }
    for kind, own in OWN.items():
        outputs: list[Raw] = []
        given = checked(tuple[Raw, ...], content.get(kind, ()), f"{file}: {kind}")
        for i, one in enumerate(given):
            where = f"{file}: {kind} '{one['name']}'" if "name" in one else f"{file}: {kind}[{i}]"
            for key in one:
                if key not in (*known[kind], *own):
                    raise unknown("key", key, (*known[kind], *own), where=where)
            outputs.append(_like(one, outputs, kind, where))
            origin = {"paper": str(content.get("paper", "")), BESIDE: beside}
            content.setdefault(f"{kind}s", []).append(
                _Output(outputs[-1], origin, named, where).spelled_out()
            )
        content[kind] = content.pop(f"{kind}s", [])
    return content


def _named(given: Any, where: str) -> dict[str, Raw]:
    """The file's sets of parameters by name; each may use those above it."""
    sets: dict[str, Raw] = {}
    for name, params in checked(dict[str, Raw], given, where).items():
        sets[name] = _used(params, sets, f"{where}.{name}")
    return sets


def _used(params: Raw, named: dict[str, Raw], where: str) -> Raw:
    """Parameters with those of the sets that they use; what stands beside `use` counts."""
    names = params.get("use", ())
    found: Raw = {}
    for name in checked(tuple[str, ...], (names,) if isinstance(names, str) else names, where):
        if name not in named:
            raise unknown("set of parameters", name, named, where=where)
        found |= named[name]
    return {**found, **{key: value for key, value in params.items() if key != "use"}}


def _preset(preset: Raw, named: dict[str, Raw], where: str) -> Raw:
    """A preset with the sets that its methods' parameters use."""
    params = checked(dict[str, Raw], preset.get("params", {}), f"{where}: params")
    found = {name: _used(p, named, f"{where}.params.{name}") for name, p in params.items()}
    return {**preset, "params": found}


def _like(one: Raw, above: list[Raw], kind: str, where: str) -> Raw:
    """A table or figure with the keys of the one above that it is like, but for its own."""
    if "like" not in one:
        return one
    names = {str(other.get("name")): other for other in above}
    if one["like"] not in names:
        raise unknown(f"{kind} above", str(one["like"]), names, where=where)
    return {**names[one["like"]], **{key: value for key, value in one.items() if key != "like"}}


class _Output:
    """A table or figure on its way from shorthand to entries."""

    def __init__(
        self, content: Raw, origin: dict[str, str], named: dict[str, Raw], where: str
    ) -> None:
        self.content, self.named, self.where = dict(content), named, where
        shared = None
        if "published" in content:
            shared = checked(dict[str, str], content["published"], f"{where}: published")
            self.content["published"] = {k: v for k, v in shared.items() if "*" not in v}
            shared = {**{k: v for k, v in origin.items() if v}, **shared}
        self.numbers = Printed(shared, where)

    def spelled_out(self) -> Raw:
        """Its content with an entry for each row, column, curve and group."""
        one = self.content
        if isinstance(one.get("tasks"), str):
            one["tasks"] = get_group(one["tasks"], self.where)
        if "row" in one:
            one["row"] = self._rows(self._raw("heading"), self._raw("measured"))
        if "column" in one:
            one["column"] = [part for raw in self._raw("column") for part in self._columns(raw)]
        for key, by in (("curve", "method"), ("group", "dataset")):
            if key in one:
                one[key] = [self._part(key, raw, by, self.numbers) for raw in self._raw(key)]
        one.pop("heading", None)
        one.pop("measured", None)
        self.numbers.require_labels()
        return one

    def _raw(self, key: str) -> list[Raw]:
        """The entries of a key: those of a group of tasks, or those listed."""
        given = self.content.get(key, ())
        if isinstance(given, str):
            return _of_group(given, self.where)
        found = []
        for i, raw in enumerate(checked(tuple[Raw, ...], given, f"{self.where}: {key}")):
            entry, where = dict(raw), f"{self.where}: {key}[{i}]"
            for name in ("params", "quick"):
                if isinstance(entry.get(name), dict):
                    entry[name] = _used(entry[name], self.named, f"{where}: {name}")
            if isinstance(entry.get("tasks"), str):
                entry["tasks"] = get_group(entry["tasks"], where)
            if not isinstance(entry.get("published", ""), str) and entry["published"] is not False:
                checked(dict[str, str], entry["published"], f"{where}: published")
            labels = entry.pop("labels", None) if key == "row" else None
            if labels is None:
                found.append(entry)
            else:
                names = checked(tuple[str, ...], labels, f"{where}: labels")
                found += [{**entry, "label": name} for name in names]
        return found

    def _part(self, key: str, raw: Raw, by: str, numbers: Printed) -> Entry:
        """One entry with the filter of its number."""
        published = numbers.number(raw, by)
        where = f"{self.where}: {key} '{raw.get('label', '')}'"
        return typed(Entry, {**raw, "published": published}, where)

    def _columns(self, raw: Raw) -> list[Entry]:
        """A column for each of its metrics, labelled by it where it has no label."""
        where = f"{self.where}: column '{raw.get('label', '')}'"
        if raw.get("published") is False:
            raise BenchError(f"{where}: published = false is for rows and curves")
        if isinstance(raw.get("metric"), list):
            raise BenchError(f"{where}: metric is one name: write metrics = {raw['metric']}")
        metrics = checked(tuple[str, ...], raw.get("metrics", ()), f"{where}: metrics")
        columns = [raw]
        if metrics:
            rest = {key: value for key, value in raw.items() if key != "metrics"}
            columns = [{"label": metric, **rest, "metric": metric} for metric in metrics]
        return [self._part("column", column, "dataset", self.numbers) for column in columns]

    def _rows(self, headings: list[Raw], measured: list[Raw]) -> list[Entry]:
        """The rows, each under each heading where there are some."""
        given = self.content["row"]
        if not isinstance(given, str) or given in groups():
            listed = self._raw("row")
            if headings:
                alone = [self._row(raw, self.numbers) for raw in listed if raw.get("group")]
                crossed = [raw for raw in listed if not raw.get("group")]
                return alone + self._under(headings, lambda _: crossed, measured)
            return self._laid_over(listed, measured)
        if given not in PRINTED:
            raise unknown("rows", given, (*PRINTED, *groups()), where=self.where)
        if not headings:
            return self._laid_over(self.numbers.rows(by_group=given != PRINTED[0]), measured)
        if given != PRINTED[0]:
            raise BenchError(f"{self.where}: rows by group have headings; leave out heading")
        return self._under(headings, lambda numbers: numbers.rows(by_group=False), measured)

    def _laid_over(self, rows: list[Raw], measured: list[Raw]) -> list[Entry]:
        """Rows without a heading, and what is said of how some are measured."""
        return [self._row(raw, self.numbers) for raw in self.numbers.laid_over(rows, measured)]

    def _row(self, raw: Raw, numbers: Printed) -> Entry:
        """One row; one that neither runs nor quotes a number has a misspelt label."""
        part = self._part("row", raw, "method", numbers)
        columns = self.content.get("column", ())
        by_column = any("method" in column for column in columns if isinstance(column, dict))
        if not (part.published or part.method or part.fact or "published" in raw or by_column):
            numbers.require(part.label)
        return part

    def _under(
        self, headings: list[Raw], rows: Callable[[Printed], list[Raw]], measured: list[Raw]
    ) -> list[Entry]:
        """Every row under every heading, laid over it.

        Args:
            headings: Each a label, and what its rows share.
            rows: From the numbers under a heading to its rows.
            measured: Laid over the rows of the heading that is their group, or of all.
        """
        names = [str(heading.get("label", "")) for heading in headings]
        for one in measured:
            if one.get("group", names[0]) not in names:
                raise unknown("heading", str(one["group"]), names, where=self.where)
        found = []
        for name, heading in zip(names, headings, strict=True):
            head = self._part("heading", heading, "group", self.numbers)
            numbers = self.numbers.under(head.published)
            mine = [
                {key: value for key, value in one.items() if key != "group"}
                for one in measured
                if one.get("group", name) == name
            ]
            for raw in numbers.laid_over(rows(numbers), mine):
                row = self._row(raw, numbers)
                part = row.over(head, where=f"{self.where}: row '{row.label}', heading '{name}'")
                published = part.published if row.published else {}
                found.append(dataclasses.replace(part, group=name, published=published))
        return found


def _of_group(name: str, where: str) -> list[Raw]:
    """An entry for each task of a group, labelled by the last word of the task's name."""
    tasks = get_group(name, where)
    short = [task.rpartition("/")[2].replace("_", " ") for task in tasks]
    return [
        {"label": label if short.count(label) == 1 else task, "task": task}
        for task, label in zip(tasks, short, strict=True)
    ]
