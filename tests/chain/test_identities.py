"""What a check says of another computation: by parameter, setting, and what cells need."""

import json
from typing import Any

import pytest

from bench.report import identities


def cell(method="kmeans", task="digits/cluster", needs=None, setting=None, **params) -> Any:
    plain = {"preset": "quick", "device": "cpu", "dtype": "float32", "threads": 1, "data": "d"}
    told = {"task": task, "setting": setting or {}, "method": method, "params": params}
    return plain | told | {"needs": needs or {}}


NET = cell("similarity", epochs=30)


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (cell(n_init=10), cell(n_init=1), ["parameter kmeans.n_init 10 → 1"]),
        (cell(a=None, b=[1]), cell(a=True, b=[1, 2]), ["parameter kmeans.a none → true", "b"]),
        (cell(), cell(setting={"n_clusters": 20}), ["setting n_clusters unset → 20"]),
        (
            cell("ccn", needs={"net": NET}),
            cell("ccn", needs={"net": cell("similarity", epochs=10)}),
            ["parameter similarity.epochs 30 → 10"],
        ),
        (cell("ccn", needs={"net": NET}), cell("ccn"), ["net of ccn similarity → none"]),
        (cell(n_init=10), cell("dec", x=1), ["method kmeans → dec"]),
        (cell(), cell() | {"preset": "paper", "dtype": "bfloat16"}, ["preset quick → ", "dtype"]),
        (cell(), cell() | {"device": "cuda", "data": "e"}, []),
        # A parameter at its neutral value is left out of an identity.
        (cell("similarity"), cell("similarity", head="compiled"), ["parameter similarity.head "]),
    ],
)
def test_what_differs_is_named(before, now, words):
    found = identities.differences([before, before], [now, now])
    assert len(found) == len(words)
    assert all(word in told for word, told in zip(words, found, strict=True))
    assert not found or "similarity.head unset" not in found[0]


def test_what_is_written_down_is_read_again_and_named_where_it_is_not_whole():
    one = cell("ccn", needs={"net": NET, "other": cell()})
    (key,) = identities.keys([one])
    known = json.loads(json.dumps(identities.listed([one, NET])))
    assert len(known) == 3
    assert identities.named(key, known) == one
    for name, told in known.items():
        altered: list[Any] = [{}, told | {"needs": 5}, told | {"task": "x"}]
        for damaged in altered:
            with pytest.raises(ValueError, match="computes is not there"):
                identities.named(key, known | {name: damaged})
