"""Entries and views of tables, for the tests of rendering."""

import numpy as np

from bench.plan.entry import Entry
from bench.plan.published import Published
from bench.plan.slot import Slot
from bench.report.view_types import Measured, TableView
from bench.score.statistics import Judgement, Summary


def entry(
    row="kmeans",
    column="CIFAR-10",
    metric="ACC",
    unit="percent",
    values=(),
    *,
    group="",
    note="",
    words="",
    oracle=False,
    planned=10,
    published=None,
    published_std=None,
    published_source="",
    published_note="",
    verdict="",
    reason="",
    states=None,
    best=False,
    **fields,
):
    """An entry as the report makes it: mean and std from the values, seeds from 0."""
    n = len(values)
    paper, _, table = published_source.partition(" table ")
    printed = None
    if published is not None:
        printed = Published(
            paper, table, "", "", "", metric, published, published_std, published_note
        )
    mean = fields.pop("mean", sum(values) / n if n else None)
    std = fields.pop("std", float(np.std(values, ddof=1)) if n > 1 else None)
    difference = mean - published if n and published is not None else None
    difference = fields.pop("difference", difference)
    assert not fields, fields
    part = Entry(label=row, group=group, metric=metric, note=note)
    cells = {seed: [] for seed in range(planned)}
    slot = Slot("digits", "t", part, column, unit, printed, oracle, words=words, cells=cells)
    judgement = Judgement(verdict, difference, reason)
    measured = dict(enumerate(values))
    return Measured(slot, measured, states or {}, Summary(mean, std, n), judgement, best)


def view(*entries, **fields):
    fields = {"experiment": "digits", "name": "t", "caption": "A table", "preset": "quick"} | fields
    return TableView(entries=entries, **fields)


SMALL = view(
    entry("kmeans", values=[0.70, 0.72], planned=2, group="classical", published=0.715,
          published_source="supreme table 1", published_note="adopted", verdict="reproduced"),
    entry("kmeans", "SVHN", values=[0.5] * 10, group="classical"),
    entry("my_dec", group="deep", published=0.8, published_source="supreme table 1",
          verdict="open", states={"failed": 10}),
    entry("my_dec", "SVHN", values=[0.625] * 10, group="deep", best=True, note="best of 3"),
    entry("top", "SVHN", values=[0.9], oracle=True),
    notes=("K is an input.",),
)  # fmt: skip
