"""The shorthand of experiment files, spelled out: bench/experiments/README.md explains it.

What comes out are the tables and figures of `bench.plan.experiment`, with each row, column, curve
and group an entry of its own.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from bench.datasets.tasks import get_group, groups
from bench.errors import BenchError, unknown
from bench.plan.entry import Part
from bench.plan.printed import Printed, Raw
from bench.typed import checked, typed

PRINTED = ("published", "published by group")
OWN = {"table": ("like", "heading", "measured"), "figure": ("like",)}
"""Keys that are spelled out here."""


def spelled_out(content: Raw, file: str, known: dict[str, list[str]]) -> Raw:
    """The content of an experiment's file without shorthand.

    Args:
        content: Parsed TOML; it stays as it is.
        file: The file's name, for errors.
        known: The keys that a "table" and a "figure" have without shorthand.

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
            paper = str(content.get("paper", ""))
            content.setdefault(f"{kind}s", []).append(
                _Output(outputs[-1], paper, named, where).spelled_out()
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

    def __init__(self, content: Raw, paper: str, named: dict[str, Raw], where: str) -> None:
        self.content, self.named, self.where = dict(content), named, where
        shared = None
        if "published" in content:
            shared = checked(dict[str, str], content["published"], f"{where}: published")
            self.content["published"] = {k: v for k, v in shared.items() if "*" not in v}
            shared = {**({"paper": paper} if paper else {}), **shared}
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
                one[key] = [self._part(key, raw, by) for raw in self._raw(key)]
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
                continue
            for label in checked(tuple[str, ...], labels, f"{where}: labels"):
                found.append({**entry, "label": label})
        return found

    def _part(self, key: str, raw: Raw, by: str, numbers: Printed | None = None) -> Part:
        """One entry with the filter of its number."""
        published = (numbers or self.numbers).number(raw, by)
        where = f"{self.where}: {key} '{raw.get('label', '')}'"
        return typed(Part, {**raw, "published": published}, where)

    def _columns(self, raw: Raw) -> list[Part]:
        """A column for each of its metrics, labelled by it where it has no label."""
        where = f"{self.where}: column '{raw.get('label', '')}'"
        if raw.get("published") is False:
            raise BenchError(f"{where}: published = false is for rows and curves")
        metrics = checked(tuple[str, ...], raw.get("metrics", ()), f"{where}: metrics")
        columns = [raw]
        if metrics:
            rest = {key: value for key, value in raw.items() if key != "metrics"}
            columns = [{"label": metric, **rest, "metric": metric} for metric in metrics]
        return [self._part("column", column, "dataset") for column in columns]

    def _rows(self, headings: list[Raw], measured: list[Raw]) -> list[Part]:
        """The rows, each under each heading where there are some."""
        given, own = self.content["row"], self.numbers
        printed = isinstance(given, str) and given in PRINTED
        if isinstance(given, str) and not printed and given not in groups():
            raise unknown("rows", given, (*PRINTED, *groups()), where=self.where)
        listed = [] if printed else self._raw("row")

        def rows(numbers: Printed) -> list[Raw]:
            return numbers.rows(by_group=given == PRINTED[1]) if printed else listed

        if not headings:
            return [self._part("row", r, "method") for r in own.laid_over(rows(own), measured)]
        names = [str(heading.get("label", "")) for heading in headings]
        for one in measured:
            if one.get("group", names[0]) not in names:
                raise unknown("heading", str(one["group"]), names, where=self.where)
        found = [self._part("row", raw, "method") for raw in listed if raw.get("group")]
        for name, heading in zip(names, headings, strict=True):
            head = self._part("heading", heading, "group")
            under = own.under(head.published)
            mine = [{**m, "group": ""} for m in measured if m.get("group", name) == name]
            crossed = [{**row, "group": ""} for row in rows(under) if not row.get("group")]
            for raw in under.laid_over(crossed, mine):
                row = self._part("row", raw, "method", under)
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
