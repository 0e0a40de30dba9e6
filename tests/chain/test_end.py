"""What a run ends with: its numbers, the verdicts, and where the rest is."""

from views import entry, view

from bench.cli import numbers_shown


def test_a_run_ends_with_its_first_rows_and_verdicts():
    rows = [entry(f"row {i}", values=[0.5] * 10) for i in range(6)]
    printed = entry("ours", values=[0.7, 0.72], planned=2, published=0.715,
                    published_source="supreme table 1", verdict="reproduced")  # fmt: skip
    lines = numbers_shown.lines([view(printed, *rows), view(entry(), experiment="mine")])
    assert lines[:3] == [
        "digits: t, CIFAR-10, ACC (%), n = 10",
        "       ours   71.0 ± 1.4 (n=2) published 71.5: \N{MINUS SIGN}0.5 reproduced",
        "       row 0  50.0 ± 0.0",
    ]
    assert lines[6:] == [
        "       2 more rows",
        "       7 of 7 numbers measured; printed by supreme: 1 reproduced",
        "nothing measured: mine",
    ]


def test_a_star_is_explained():
    best, other = entry("best", values=[0.9] * 10, best=True), entry("other", values=[0.5] * 10)
    lines = numbers_shown.lines([view(best, other)])
    assert lines[1].endswith("90.0 ± 0.0*")
    assert lines[-1] == "       * best of its column beyond chance"
