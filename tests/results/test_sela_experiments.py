"""What SeLa's experiments say of the paper's arithmetic, recomputed from its printed numbers."""

import csv

from bench import ROOT, registry
from bench.plan import experiment

PRINTED = " (printed difference to supervised)"


def wrong_differences():
    """Rows of table 8: training data, method, classifier, data set, printed and true difference."""
    with (ROOT / "results" / "published" / "sela_table8.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    value = {(r["method"], r["group"], r["dataset"], r["metric"]): float(r["value"]) for r in rows}
    printed = [key for key in value if key[3].endswith(PRINTED)]
    assert len(printed) == 24
    for key in printed:
        method, group, dataset, metric = *key[:3], key[3].removesuffix(PRINTED)
        true = value[method, group, dataset, metric] - value["Supervised", group, dataset, metric]
        if abs(true - value[key]) > 0.05:
            short = method.split("(")[1].split(")")[0]
            trained = group.removeprefix("trained on CIFAR-10 ")
            yield trained, short, metric.removesuffix(" top-1"), dataset, value[key], true


def test_table_8_footnotes_every_wrong_difference_and_no_other():
    registry.load()
    (table,) = (t for t in experiment.load("sela-cifar").table if t.name == "table8")
    (note,) = table.notes
    head, listed = note.rstrip(".").split(": ", maxsplit=1)
    wanted = [
        f"{', '.join(words)}: {printed:+.1f}, which is {true:+.1f}"
        for *words, printed, true in wrong_differences()
    ]
    assert head.startswith(f"{len(wanted)} of the 24 printed differences")
    assert listed.replace("\N{MINUS SIGN}", "-").split("; ") == wanted
    assert len(wanted) == 10


def test_every_number_of_the_papers_tables_is_shown_once_or_more():
    """All but table 8's printed differences, which its footnote is about."""
    registry.load()
    shown = set()
    for name in ("sela", "sela-cifar"):
        one = experiment.load(name)
        for entry in one.entries():
            if entry.published:
                wanted = {"metric": entry.metric, **entry.published}
                shown.add(
                    tuple(wanted.get(k) for k in ("table", "method", "group", "dataset", "metric"))
                )
    for path in sorted((ROOT / "results" / "published").glob("sela_table*.csv")):
        with path.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["metric"].endswith(PRINTED):
                    continue
                key = tuple(row[k] for k in ("table", "method", "group", "dataset", "metric"))
                # A filter may leave out what one table has only one of.
                fits = [
                    s for s in shown if all(a in (None, b) for a, b in zip(s, key, strict=True))
                ]
                assert fits, key
