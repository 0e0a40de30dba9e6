"""Every number that a paper prints stands in an experiment's file."""

from collections import Counter

import papers_listed

from bench import registry
from bench.plan import experiment, published


def test_every_printed_number_is_a_row_or_a_column():
    registry.load()
    shown = set()
    for name in experiment.names():
        for entry in experiment.load(name).entries():
            if entry.published:
                shown.add(published.find(entry.published, metric=entry.metric, where=name))
    assert [n for n in published.numbers() if n not in shown] == []


def test_the_readme_counts_what_is_there():
    text = (published.FOLDER / "README.md").read_text(encoding="utf-8")
    files, numbers = len(list(published.FOLDER.glob("*.csv"))), len(published.numbers())
    assert f"{files} files, {numbers:,} numbers" in text


def test_k_means_clusters_omniglot_as_networks_are_given_it_and_as_it_comes():
    """What is printed fits the images' own size, which is not what the paper says."""
    one = experiment.load("ccn")
    chosen = [
        entry
        for table in one.table
        if table.name in ("omniglot", "alphabets")
        for row in table.row
        for column in table.column
        if (entry := one.entry(table, row, column)).method == "kmeans" and entry.published
    ]
    assert Counter(entry.params.get("size", 0) for entry in chosen) == {32: 4 + 21, 0: 4 + 21}


def test_the_list_of_the_papers_tables_and_figures_is_what_there_is():
    """`python tests/papers_listed.py` writes it anew."""
    text = papers_listed.README.read_text(encoding="utf-8")
    section = text.partition(papers_listed.BEGIN)[2].partition(papers_listed.END)[0]
    assert section == papers_listed.listed()
    named = [*papers_listed.SETTINGS.values(), *papers_listed.FIGURES.values()]
    assert {name for names in named for name in names} <= papers_listed.drawn()
    expected = {"ccn": 13, "discovery": 4, "supreme": 2, "sela": 10, "tsp": 2}
    listed = {*papers_listed.tables(), *papers_listed.SETTINGS}
    assert {(paper, str(i)) for paper, n in expected.items() for i in range(1, n + 1)} <= listed
    assert {("sela", f"A.{i}") for i in (1, 2, 3)} <= listed
