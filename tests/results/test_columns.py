"""The command that tells which printed column a measured one is nearest to."""

import pytest

from bench.errors import BenchError
from benchmarks.columns import columns

PRINTED = {
    "A": (0.5, 0.6, 0.7, 0.8, 0.9),
    "B": (0.4, 0.3, 0.2, 0.1, 0.0),
    "C": (0.1, 0.2) + 3 * ("",),
}


def table(tmp_path, measured):
    lines = ["group,row,column,metric,mean,published"]
    for column, numbers in PRINTED.items():
        for i, published in enumerate(numbers):
            lines.append(f",row {i},{column},ACC,{measured.get(column, [''] * 5)[i]},{published}")
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines))
    return path


def test_interchanged_columns_are_told(tmp_path):
    swapped = {"A": [0.41, 0.31, 0.21, 0.11, 0.01], "B": PRINTED["A"], "C": PRINTED["A"]}
    a, b = columns(table(tmp_path, swapped))
    assert (a["column"], a["nearest"]) == ("A", "B")
    assert (b["column"], b["nearest"]) == ("B", "A")
    assert a["its distance"] == pytest.approx(1)
    assert a["distance"] == pytest.approx((9 + 29 + 49 + 69 + 89) / 5)
    assert (a["correlation"], a["its correlation"]) == (pytest.approx(-1), pytest.approx(1))


def test_what_was_not_measured_has_no_line(tmp_path):
    (only,) = columns(table(tmp_path, {"A": PRINTED["A"]}))
    assert (only["nearest"], only["distance"]) == ("A", 0)


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("name,value\na,1\n")
    for unread in (tmp_path / "nowhere.csv", tmp_path):
        with pytest.raises(BenchError, match="cannot be read"):
            list(columns(unread))
    with pytest.raises(BenchError, match=r"other\.csv: no table of results"):
        list(columns(path))
