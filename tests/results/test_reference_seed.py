"""Seed 0 of `digits` against its reference: the same, changed, or of another machine."""

from typing import Any

import pytest

from bench.prove import reference_seed
from bench.report import reference
from bench.store import machine


@pytest.fixture
def numbers(monkeypatch):
    """A reference of one number, measured on this machine, and what today's run gives."""
    found: dict[str, Any] = {}

    def give(then, now, hardware=None, torch=None):
        versions = {"torch": torch or machine.versions()["torch"]}
        origin = reference.Origin(
            versions={n: frozenset({v}) for n, v in versions.items()},
            hardware=frozenset({hardware or machine.hardware()}),
        )
        key = ("digits", "", "K-means", "digits", "", "ACC")
        found.update(then={key: reference.Number({0: then}, origin)}, now={key: now})

    class Ran:
        returncode, stderr = 0, ""

    monkeypatch.setattr(reference_seed, "python", lambda *_, **__: Ran)
    monkeypatch.setattr(reference_seed, "_measured", lambda _: found["now"])
    monkeypatch.setattr(reference, "read", lambda _: found["then"])
    return give


@pytest.mark.parametrize(
    ("now", "machine", "status", "said"),
    [
        (0.5, {}, 0, "1 of 1 numbers are the same"),
        (0.25, {}, 1, "digits K-means digits ACC: 0.25, the reference has 0.5"),
        (None, {}, 1, "digits K-means digits ACC: None, the reference has 0.5"),
        (0.25, {"hardware": "CPU A"}, 3, "of another machine (CPU A, here "),
        (0.25, {"torch": "0.1"}, 3, "of another machine (torch 0.1, here "),
        (0.5, {"torch": "0.1"}, 0, "1 of 1 numbers are the same"),
    ],
)
def test_what_differs_is_judged_on_the_machine_of_the_reference(
    numbers, tmp_path, capsys, now, machine, status, said
):
    numbers(0.5, now, **machine)
    assert reference_seed.act(tmp_path, 1) == status
    assert said in capsys.readouterr().out
