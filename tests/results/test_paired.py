"""The command that gives the p-values of results/README.md."""

import pytest
from scipy.stats import ttest_rel

from bench.errors import BenchError
from bench.report import reference
from benchmarks.paired import rows

PATH = reference.FOLDER / "tsp-lite-paper.csv"


def test_rows_are_compared_seed_by_seed_within_their_column():
    found = {(r["column"], r["row"]): r for r in rows(PATH, "neighbours", "ACC", "K = 20")}
    assert {row for _, row in found} == {"K = 5", "K = 10", "K = 30"}
    assert {column for column, _ in found} == {"CIFAR-10, test", "CIFAR-10, train"}
    values = {(key[0], *key[2:4]): n.values for key, n in reference.read(PATH).items()}
    own, other = (values["neighbours", k, "CIFAR-10, test"] for k in ("K = 20", "K = 5"))
    one = found["CIFAR-10, test", "K = 5"]
    by_scipy = ttest_rel([own[s] for s in range(10)], [other[s] for s in range(10)])
    assert one["p"] == pytest.approx(by_scipy.pvalue)
    assert one["difference"] == pytest.approx(100 * sum(own[s] - other[s] for s in range(10)) / 10)


def test_a_row_that_is_not_there_is_named():
    with pytest.raises(BenchError, match="unknown row 'tsp': did you mean 'TSP'"):
        list(rows(PATH, "clustering", "ACC", "tsp"))
