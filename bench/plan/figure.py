"""Figures of an experiment: what each kind of them varies, and which entries that makes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from bench.datasets import get_task
from bench.errors import BenchError, unknown
from bench.plan.cell import PRESETS
from bench.plan.entry import Entry, validate_entry
from bench.score.metric_names import METRICS, NATS, SNAPSHOTS, is_count, is_metric

_COMPARED = ("ranks", "cost")
"""Kinds that show a method as a whole."""
_GROUPED = ("bars", *_COMPARED)
"""Kinds that have every part on every group."""
_ONE_CELL = ("embedding", "images", "confusion")
_SHOWN = {"images": ("clusters", "neighbours", "filters"), "embedding": ("images",)}
_CHOICES = {
    "by": ("t-SNE", "umap"),
    "pick": ("purest", "random"),
    "on": ("probe",),
}


@dataclass(frozen=True)
class Axis:
    """What a figure varies: one setting of the protocol or one parameter of the methods."""

    label: str = ""
    values: tuple[Any, ...] = ()
    quick: tuple[Any, ...] = ()
    """The values of the quick preset, where they are others."""
    setting: str = ""
    param: str = ""
    truth: float | None = None
    """Where a vertical line marks the true value."""
    log: bool = False
    """A logarithmic scale."""

    @property
    def key(self) -> str:
        """The name of the setting or parameter, "" where the axis varies none."""
        return self.setting or self.param

    def at(self, preset: str) -> tuple[Any, ...]:
        """Its values under a preset."""
        return self.quick if preset == "quick" and self.quick else self.values

    def put(self, part: Entry, value: Any) -> Entry:
        """The part with one value of this axis."""
        if self.setting:
            return dataclasses.replace(part, setting={**part.setting, self.setting: value})
        return dataclasses.replace(part, params={**part.params, self.param: value})

    def value(self, part: Entry) -> Any:
        """The value that `put` gave to a part."""
        return (part.setting if self.setting else part.params)[self.key]


@dataclass(frozen=True)
class Figure:
    """A figure of one of these kinds.

    curve: a metric against what `x` varies, a curve for each part. heatmap: a metric over `x` and
    `y`, a panel a part. bars: a metric by group, a bar for each part. training: a metric or a
    logged value over training, a curve a part. embedding: t-SNE or UMAP of a stored tensor, a panel
    a part. images: rows of pictures that `show` names, a panel a part. confusion: classes by
    clusters, a panel a part. These three are each of the part's first seed alone. ranks: the parts
    by their mean rank over the groups, which are tasks. cost: the metric, mean over the groups,
    against time and memory, a point a part.
    """

    name: str
    caption: str
    curve: tuple[Entry, ...]
    """The curves, the bars of a group, or the panels."""
    kind: Literal[
        "curve", "heatmap", "bars", "training", "embedding", "images", "confusion", "ranks", "cost"
    ] = "curve"
    x: Axis = Axis()
    y: Axis = Axis()
    """A heat map's second axis."""
    group: tuple[Entry, ...] = ()
    """Of bars, ranks and cost: like a table's columns, each has every curve."""
    tasks: tuple[str, ...] = ()
    """Shorthand for one group each of these tasks."""
    task: str = ""
    metric: str = ""
    logged: str = ""
    """For training: a value that the method logs, in place of a metric."""
    tensor: str = ""
    """The stored tensor that an embedding, neighbours or filters show; a curve may name its own."""
    by: str = ""
    """How an embedding is made: "t-SNE", which is the default, or "umap"."""
    show: str = ""
    """What images show: "clusters" of the stored assignments, "neighbours" by the stored tensor, or
    that tensor itself as the "filters" of a first convolution. What an embedding shows: "images" in
    place of points, as many as find room."""
    pick: str = ""
    """Which clusters images show: the "purest" ones or "random" ones."""
    on: str = ""
    """Whose images stand for clusters: "probe" for those that the network is tested on, in the same
    clusters as those of the images that it was trained on."""
    best: Literal["", "max"] = ""
    """For a heat map, "max": the best of the restarts and not their mean. It is chosen after
    scoring, so with the labels, and the caption says so."""
    y_label: str = ""
    """In place of the metric's own label."""
    published: dict[str, str] = field(default_factory=dict)
    """What the filters of all parts share that have one."""
    seeds: int = 0

    @property
    def of_one_cell(self) -> bool:
        """Whether it shows the output of each part's first seed, and no score."""
        return self.kind in _ONE_CELL

    @property
    def groups(self) -> tuple[Entry, ...]:
        """The groups of bars, each with a label: the last component of its task where it has none.

        Two tasks of one last component keep their names whole.
        """
        every = (*self.group, *(Entry(task=task) for task in self.tasks))
        short = [g.label or g.task.rpartition("/")[2] for g in every]
        return tuple(
            dataclasses.replace(g, label=label if short.count(label) == 1 else g.label or g.task)
            for g, label in zip(every, short, strict=True)
        )

    def entries(self, curve: Entry, preset: str, *, where: str = "") -> list[tuple[Entry, str]]:
        """The parts that one of its curves is made of, each with its group's label, else "".

        Args:
            curve: One of its own.
            preset: Decides the grid.
            where: For the error of `Entry.over`.
        """
        common = Entry(task=self.task, metric=self.metric, tensor=self.tensor)
        base = curve.over(common, where=where)
        shared = self.published if curve.published else {}
        base = dataclasses.replace(base, published={**shared, **base.published})
        if self.kind == "curve":
            return [(self.x.put(base, x), "") for x in self.x.at(preset)]
        if self.kind == "heatmap":
            grid = [(x, y) for y in self.y.at(preset) for x in self.x.at(preset)]
            return [(self.x.put(self.y.put(base, y), x), "") for x, y in grid]
        if self.kind in _GROUPED:
            return [(_in_group(base, group, where), group.label) for group in self.groups]
        return [(base, "")]

    def every_entry(self, curve: Entry, *, where: str = "") -> list[Entry]:
        """The parts that one of its curves is made of under any preset."""
        presets = PRESETS if self.x.quick or self.y.quick else PRESETS[:1]
        return [part for p in presets for part, _ in self.entries(curve, p, where=where)]

    @cached_property
    def metrics(self) -> frozenset[str]:
        """The metrics that it shows, whoever names them; "" where it shows none."""
        parts = (part for curve in self.curve for part in self.every_entry(curve))
        return frozenset(part.metric for part in parts)

    def validate(self, where: str) -> None:
        """Refuse what would otherwise come out in the middle of a run.

        Raises:
            BenchError: which key is at fault.
        """
        for axis in ("x", "y"):
            self._validate_axis(axis, f"{where}: {axis}")
        self._validate_kind(where)
        labels = [c.label for c in self.curve]
        if not labels:
            raise BenchError(f"{where}: has no curve; add a [[figure.curve]]")
        for label in labels:
            if labels.count(label) > 1:
                raise BenchError(f"{where}: two curves are called '{label}'")
        for curve in self.curve:
            on = f"{where}, curve '{curve.label}'"
            for entry in self.every_entry(curve, where=on):
                self._validate_entry(entry, on)
        if len(set(map(is_count, self.metrics - {""}))) > 1:
            raise BenchError(f"{where}: counts and fractions do not share an axis")

    def _validate_entry(self, entry: Entry, where: str) -> None:
        """Refuse one entry that the kind cannot show."""
        scored = self.kind != "training" and not self.of_one_cell
        # Over training, the snapshots' metrics, which `_validate_kind` knows.
        one = dataclasses.replace(entry, metric="") if self.kind == "training" else entry
        validate_entry(one, where, scored=scored)
        if entry.fact:
            raise BenchError(f"{where}: a fact is for tables; name a metric")
        if not scored and (not entry.task or not entry.method):
            raise BenchError(f"{where}: {self.kind} shows one method on one task; name both")
        if self.of_one_cell and entry.metric:
            raise BenchError(f"{where}: {self.kind} shows one cell and has no metric")
        of_tensor = self.kind == "embedding" or self.show in ("neighbours", "filters")
        if of_tensor and not entry.tensor:
            raise BenchError(f'{where}: names no tensor, such as tensor = "outputs"')
        if entry.tensor and not of_tensor:
            raise BenchError(f"{where}: {self.show or self.kind} show no tensor; leave it out")
        if self.on:
            probe = entry.probe or get_task(entry.task).related.get("probe")
            if not probe or get_task(probe).kind != "probe":
                raise BenchError(f"{where}: '{entry.task}' has no probe to take images from")

    def _validate_axis(self, axis: str, where: str) -> None:
        """Refuse an axis that its kind lacks, or that varies nothing or two things."""
        one: Axis = getattr(self, axis)
        if self.kind not in {"x": ("curve", "heatmap"), "y": ("heatmap",)}[axis]:
            label_alone = axis == "x" and self.kind == "training"
            if one != (Axis(label=one.label, log=one.log) if label_alone else Axis()):
                what = "has a label alone" if label_alone else "is not for this kind"
                raise BenchError(f'{where} {what}: kind = "{self.kind}"')
            return
        if bool(one.setting) == bool(one.param):
            raise BenchError(f"{where} must name either a setting or a param")
        if not one.values:
            raise BenchError(f"{where} names no values")
        for values in (one.values, one.quick):
            if len({str(v) for v in values}) < len(values):
                raise BenchError(f"{where} names a value twice")
        if wrong := [v for v in (*one.values, *one.quick) if isinstance(v, (list, tuple, dict))]:
            raise BenchError(f"{where}: {wrong[0]!r} is no number, word or truth value")
        if not one.label:
            raise BenchError(f"{where} has no label")
        numbers = [v for v in (*one.values, *one.quick) if type(v) in (int, float) and v > 0]
        if one.log and len(numbers) < len((*one.values, *one.quick)):
            raise BenchError(f"{where} is logarithmic and needs numbers above 0")
        if self.kind == "heatmap" and (one.log or one.truth is not None):
            raise BenchError(f"{where}: a heat map has neither log nor truth")

    def _validate_kind(self, where: str) -> None:
        """Refuse keys that belong to another kind, and a kind that lacks its own."""
        own = {
            "best": "heatmap", "group": " or ".join(_GROUPED), "tasks": " or ".join(_GROUPED),
            "logged": "training", "tensor": "embedding or images", "by": "embedding",
            "show": "embedding or images", "pick": "images", "on": "images",
        }  # fmt: skip
        for key, kinds in own.items():
            if getattr(self, key) and self.kind not in kinds.split(" or "):
                quoted = " or ".join(f'"{kind}"' for kind in kinds.split(" or "))
                raise BenchError(f'{where}: {key} is for kind = {quoted}, not "{self.kind}"')
        for key, known in {**_CHOICES, "show": _SHOWN.get(self.kind, ())}.items():
            if getattr(self, key) and getattr(self, key) not in known:
                raise unknown(key, getattr(self, key), known, where=where)
        if self.kind == "images" and not self.show:
            raise BenchError(f"{where}: images need show = {', '.join(_SHOWN['images'])}")
        if bool(self.pick) != (self.show == "clusters"):
            raise BenchError(f'{where}: pick = "purest" or "random" is for clusters, which need it')
        if self.on and self.show != "clusters":
            raise BenchError(f'{where}: on = "probe" is for clusters')
        if self.kind == "heatmap" and self.x.key == self.y.key:
            raise BenchError(f"{where}: x and y both vary '{self.x.key}'")
        if self.kind in _GROUPED and not self.groups:
            way = "name tasks or add a [[figure.group]]"
            raise BenchError(f"{where}: {self.kind} need groups: {way}")
        if self.kind in _COMPARED:
            self._validate_compared(where)
        heads = [g.label for g in self.groups]
        if len(set(heads)) < len(heads) or "" in heads:
            raise BenchError(f"{where}: each group needs a label of its own, or a task")
        if self.kind == "training":
            self._validate_training(where)

    def _validate_compared(self, where: str) -> None:
        """Refuse a comparison of methods without one metric that says which is better."""
        name = self.metric
        if name and not is_metric(name):
            raise unknown("metric", name, METRICS, where=where)
        if name in METRICS and METRICS[name].higher_is_better is not None:
            return
        wrong = f"metric = '{name}' is neither" if name else "the figure names none"
        if name and name not in METRICS:
            wrong = f"metric = '{name}' is a probe's, and a probe is another cell than the method's"
        raise BenchError(
            f"{where}: {self.kind} need one metric that is better high or low, such as 'ACC'; "
            f"{wrong}"
        )

    def _validate_training(self, where: str) -> None:
        """Refuse curves over training without a value, or with values of two units."""
        named = {self.metric or curve.metric for curve in self.curve}
        if bool(self.logged) == any(named) or (len(named) > 1 and "" in named):
            raise BenchError(f"{where}: training needs either a metric or a logged value")
        if named & NATS and named - NATS:
            raise BenchError(f"{where}: entropies and fractions do not share an axis")
        for metric in named - {"", *SNAPSHOTS}:
            raise unknown("metric of snapshots", metric, SNAPSHOTS, where=where)


def _in_group(part: Entry, group: Entry, where: str) -> Entry:
    """A bar: the part laid over its group, with a published number where the part has one."""
    found = part.over(group, where=where)
    return found if part.published else dataclasses.replace(found, published={})
