"""A seeded part of `damage.py`, and that it would notice if nothing were verified."""

import pytest
from faults import damage
from faults.ways import HOW, digit

from bench.datasets import checksums
from bench.errors import BenchError
from bench.report import reference
from bench.store import record

KINDS, WAYS = len(damage.KINDS), len(HOW)


# Each kind in three ways; together every way.
@pytest.mark.parametrize(
    "number", [k + KINDS * ((5 * k + 4 * i) % WAYS) for k in range(KINDS) for i in range(3)]
)
def test_damage_is_named_once_and_changes_nothing_else(sound, number):
    name, fault = damage.judge(sound, number, seed=1)
    assert not fault, name


def test_the_judge_sees_records_that_nobody_verifies(sound, monkeypatch):
    monkeypatch.setattr(record, "_check_sum", lambda content, where: None)
    faults = [damage.judge(sound, KINDS * HOW.index(digit), seed)[1] for seed in range(8)]
    assert any("other records" in fault for fault in faults)


def test_the_judge_sees_prepared_data_that_nobody_verifies(sound, monkeypatch):
    monkeypatch.setattr(checksums, "verify", lambda *a, **k: True)
    monkeypatch.setattr(checksums, "check_seal", lambda meta: None)
    number = damage.KINDS.index(damage.prepared_)
    faults = [damage.judge(sound, number, seed)[1] for seed in range(12)]
    assert any("other images or labels" in fault for fault in faults)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["t,,r,c,,ACC,0.5,,1,0:0.5,1,,", "t,,r,c,,ACC,0.9,,1,0:0.9,1,,"], "line 3: .* twice"),
        (["t,,r,c,,ACC,3.75,,2,0:0.5;1:7,1,,"], "line 2: damaged: ACC = 7 is no result"),
        (["t,,r,c,,own,0,,2,0:1.7e308;1:-1.7e308,1,,"], "line 2: damaged"),
    ],
)
def test_a_reference_without_checksums_is_taken_as_far_as_it_makes_sense(tmp_path, lines, said):
    path = tmp_path / "x-quick.csv"
    older = [name for name in reference.COLUMNS if name not in ("cells", "update")]
    path.write_text("\n".join([",".join(older), *lines]))
    with pytest.raises(BenchError, match=said):
        reference.read(path)
