"""How a run and `status` say what is not here."""

from bench.cli import lacks
from bench.errors import Lack
from bench.store.record import State


def test_data_sets_had_alike_share_a_line():
    def absent(name, *splits):
        return Lack(name, f"`python -m bench data fetch {name}`, or --data-root", splits, "/d")

    birds = Lack("birds", "ask for them, or --data-root", ("test",), "/d")
    why: dict[str, tuple[Lack, ...]] = {
        "1": (absent("mnist", "train"),),
        "2": (absent("usps", "train", "test"), birds),
        "3": (Lack("weights/a.safetensors is not here"),),
        "4": (Lack("never looked at"),),
        "5": (Lack("x.npz is damaged (no images; no labels) not under mnist: NAME it again"),),
        "6": (Lack("big", "`python -m bench data prepare big` does it, in 30 GB"),),
    }
    states: dict[str, State] = {**dict.fromkeys("12356", "unavailable"), "4": "done"}
    assert lacks.by_way(lacks.of(states, why)) == [
        "big: `python -m bench data prepare big` does it, in 30 GB",
        "birds: ask for them, or --data-root",
        "mnist, usps: `python -m bench data fetch NAME`, or --data-root",
        "weights/a.safetensors is not here",
        "x.npz is damaged (no images; no labels) not under mnist: NAME it again",
    ]
    (one,) = why["1"]
    assert str(one) == (
        "mnist train not under /d: `python -m bench data fetch mnist`, or --data-root"
    )
    assert str(why["6"][0]).startswith("big not prepared: `python")


def test_a_run_has_a_line_for_each_kind_of_lack():
    """What is had alike says how; of what is not, `status` does."""
    names = [f"resnet{i}.tv" for i in range(3)]
    weights = [
        Lack(n, f"no {n}.safetensors in /w: try `bench weights fetch {n}`", kind="weights")
        for n in names
    ]
    data = [Lack(f"set{i}", f"unpack it into DATA_ROOT/{i}", ("test",), "/d") for i in range(3)]
    assert lacks.by_kind([*weights, *data, Lack("no GPU here")]) == [
        "3 data sets not here (`status` says how to get them): set0, set1, set2",
        "no GPU here",
        "weights resnet0.tv, resnet1.tv, resnet2.tv: no NAME.safetensors in /w: try "
        "`bench weights fetch NAME`",
    ]
    assert lacks.by_kind(weights[:1]) == [str(weights[0])]
    packed = [Lack(f"runs/seed{i}", "merge it", kind="packed") for i in range(9)]
    shortened = ["runs/seed0, runs/seed1, runs/seed2 and 6 more: merge it"]
    assert lacks.by_kind(packed) == lacks.by_way(packed) == shortened
    assert lacks.by_way(packed[:2]) == ["runs/seed0, runs/seed1: merge it"]
    assert str(weights[0]).startswith("weights resnet0.tv: no resnet0.tv.safetensors in /w: try ")
