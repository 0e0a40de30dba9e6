"""Entries and views of tables, for the tests of rendering."""

import numpy as np

from bench.render.rows import Entry, TableView


def entry(row="kmeans", column="CIFAR-10", metric="ACC", unit="percent", values=(), **fields):
    """An entry as the aggregation makes it: mean and std from the values, seeds from 0."""
    n = len(values)
    if n:
        fields.setdefault("mean", sum(values) / n)
    if n > 1 and "std" not in fields:
        fields["std"] = float(np.std(values, ddof=1))
    if n and fields.get("published") is not None:
        fields.setdefault("difference", fields["mean"] - fields["published"])
    fields.setdefault("planned", 10)
    return Entry(row, column, metric, unit, values=dict(enumerate(values)), n=n, **fields)


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
