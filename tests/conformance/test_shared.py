"""Pair labels that cells share: the same bytes with and without, whatever happens to the file."""

import itertools
import os
import random
from typing import Any

import pytest
import torch
from characters import PLAIN, G, build, characters, similarity_task
from fake_run import FakeRun

from bench.nn.networks import transferred
from bench.run import shared
from bench.run.context import WorkerRun
from bench.run.shared import Shared
from bench.store import outputs
from bench.store.folders import PREDICTION
from bench.tasks import ClusterTask

NUMBERS = itertools.count()
SHORT = {**PLAIN, "hidden": 16, "epochs": 3, "batch_size": 7}


class Counted:
    """Which rows of x are alike, and how often that was asked."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return x[:, None, 0] < x[None, :, 1]


def inputs(steps=6, n=9):
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(n - step % 3, 4, generator=generator) for step in range(steps)]


def opened(file, identity="one"):
    count = Counted()
    return Shared(count, 9, file, identity), count


def filled(folder):
    """A file with all slots written, what they hold, and their inputs."""
    file, xs = folder / "shared" / "labels.bits", inputs()
    slots, count = opened(file)
    found = [slots.of(step, x) for step, x in enumerate(xs)]
    assert count.calls == len(xs)
    return file, xs, found


def test_what_one_cell_computed_the_next_reads(tmp_path):
    file, xs, wanted = filled(tmp_path)
    slots, count = opened(file)
    for step, x in enumerate(xs):
        found = slots.of(step, x)
        assert found.dtype == torch.bool
        assert torch.equal(found, wanted[step])
    assert count.calls == 0
    assert file.stat().st_size == len(xs) * (11 + 16)


def test_other_inputs_another_identity_and_another_step_are_computed(tmp_path):
    file, xs, wanted = filled(tmp_path)
    slots, count = opened(file)
    nearly = xs[1].clone()
    nearly[0, 3] = torch.nextafter(nearly[0, 3], torch.tensor(2.0))
    slots.of(1, nearly)
    assert count.calls == 1
    slots.of(3, xs[0])
    assert count.calls == 2
    slots, count = opened(file, "another")
    assert torch.equal(slots.of(0, xs[0]), wanted[0])
    assert count.calls == 1


def test_no_damage_is_ever_read(tmp_path):
    file, xs, wanted = filled(tmp_path)
    whole, rng = file.read_bytes(), random.Random(0)
    for _ in range(200):
        broken = bytearray(whole)
        bit = rng.randrange(8 * len(whole))
        broken[bit // 8] ^= 1 << bit % 8
        file.write_bytes(broken)
        slots, count = opened(file)
        for step, x in enumerate(xs):
            assert torch.equal(slots.of(step, x), wanted[step])
        assert count.calls == 1
        assert file.read_bytes() == whole  # and the slot is mended


@pytest.mark.parametrize("length", [0, 5, 27, 40, 150])
def test_a_file_that_ends_early_is_gone_on_with(tmp_path, length):
    file, xs, wanted = filled(tmp_path)
    whole = file.read_bytes()
    os.truncate(file, length)
    slots, count = opened(file)
    for step, x in enumerate(xs):
        assert torch.equal(slots.of(step, x), wanted[step])
    assert count.calls == len(xs) - length // 27
    assert file.read_bytes() == whole


def test_two_cells_at_once_take_from_each_other(tmp_path):
    file, xs = tmp_path / "shared" / "labels.bits", inputs()
    (one, first), (other, second) = opened(file), opened(file)
    for step, x in enumerate(xs):
        ahead, behind = (one, other) if step % 2 else (other, one)
        assert torch.equal(ahead.of(step, x), behind.of(step, x))
    assert (first.calls, second.calls) == (3, 3)


def test_a_folder_that_cannot_be_written_shares_nothing(tmp_path):
    (tmp_path / "shared").write_text("in the way")
    slots, count = opened(tmp_path / "shared" / "labels.bits")
    x = inputs()[0]
    assert torch.equal(slots.of(0, x), slots.of(0, x))
    assert count.calls == 2


def test_sizes_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(shared, "_LARGEST", 60)
    file, xs, _ = filled(tmp_path)
    assert file.stat().st_size == 2 * 27
    monkeypatch.setattr(shared, "_TOTAL", 3 * 60)
    files = [file, *(file.with_name(f"{name}.bits") for name in "abcd")]
    for age, path in enumerate(files):
        opened(path)[0].of(1, xs[1])
        os.utime(path, (age, age))
    opened(file.with_name("e.bits"))[0].of(1, xs[1])
    assert sorted(p.name for p in file.parent.iterdir()) == ["c.bits", "d.bits", "e.bits"]


# The methods


@pytest.fixture(scope="module")
def needed(tmp_path_factory):
    """A similarity network as a needed cell's folder and hash."""
    folder = tmp_path_factory.mktemp("similarity")
    outputs.save(folder / PREDICTION, build("similarity", **G).fit(similarity_task(), FakeRun()))
    return folder, outputs.digest(folder / PREDICTION)


class StoppedError(Exception):
    """Where a killed run ends."""


class StoreRun(WorkerRun):
    """As a worker's, with a checkpoint at every epoch, after the `stop`th of which it ends."""

    def __init__(self, root, needed, name="", stop=0, seed=0):
        super().__init__(
            task="made/cluster",
            seed=seed,
            preset="quick",
            device="cpu",
            dtype="float32",
            work=root / "work" / (name or f"cell{next(NUMBERS)}"),
            needs={"similarity": needed},
            report=lambda _fraction: None,
            checkpoint_seconds=0.0,
        )
        self.left = stop

    def checkpoint(self, state):
        super().checkpoint(state)
        self.left -= 1
        if self.left == 0:
            raise StoppedError


@pytest.fixture
def labelled(monkeypatch):
    """How often pairs were labelled."""
    calls, label = [], transferred.label
    monkeypatch.setattr(transferred, "label", lambda *given: calls.append(0) or label(*given))
    return calls


def fitted(name, run, k=3, **params):
    """The bytes that a method gives back."""
    task = ClusterTask("made/cluster", characters(3, 10, seed=1)[0], k)
    found = build(name, **{**SHORT, "keep": True, **params}).fit(task, run)
    tensors = {key: value.numpy().tobytes() for key, value in found.tensors.items()}
    return found.assignments.tobytes(), tensors, run.logged


def alone(name, needed, folder, **params):
    """The same without a file."""
    (folder / "work").mkdir(parents=True)
    (folder / "work" / "shared").write_text("in the way")
    return fitted(name, StoreRun(folder, needed), **params)


def test_kcl_mcl_and_both_k_share_the_labels_and_end_in_the_same_bytes(tmp_path, needed, labelled):
    steps = 3 * 5  # of 30 images, 7 at a time
    first = fitted("kcl", StoreRun(tmp_path, needed))
    assert len(labelled) == steps
    others: list[tuple[str, dict[str, Any]]] = [
        ("mcl", {}),
        ("kcl", {"k": 9}),
        ("mcl", {"k": 9}),
        ("kcl", {"margin": 1.0}),
    ]
    found = [fitted(name, StoreRun(tmp_path, needed), **params) for name, params in others]
    assert len(labelled) == steps, "these cells labelled pairs again"
    longer = fitted("mcl", StoreRun(tmp_path, needed), epochs=4)
    assert len(labelled) == steps + 5, "the first three epochs are the same"
    assert first == alone("kcl", needed, tmp_path / "a")
    for i, (name, params) in enumerate(others):
        assert found[i] == alone(name, needed, tmp_path / f"b{i}", **params)
    assert longer == alone("mcl", needed, tmp_path / "c", epochs=4)


def test_what_changes_the_labels_is_not_shared(tmp_path, needed, labelled):
    fitted("kcl", StoreRun(tmp_path, needed))
    for params in ({"similarity_mode": "eval"}, {"mirror": True}, {"invert": False}):
        before = len(labelled)
        found = fitted("kcl", StoreRun(tmp_path, needed), **params)
        assert len(labelled) == before + 15
        assert found == alone("kcl", needed, tmp_path / str(params), **params)
    before = len(labelled)
    fitted("kcl", StoreRun(tmp_path, needed, seed=1))
    assert len(labelled) == before + 15


def test_a_cell_that_was_stopped_goes_on_with_the_labels(tmp_path, needed, labelled):
    wanted = alone("kcl", needed, tmp_path / "whole")
    labelled.clear()
    with pytest.raises(StoppedError):
        fitted("kcl", StoreRun(tmp_path, needed, "stopped", stop=2))
    assert len(labelled) == 10
    assert fitted("kcl", StoreRun(tmp_path, needed, "stopped")) == wanted
    assert len(labelled) == 15
    fitted("mcl", StoreRun(tmp_path, needed))
    assert len(labelled) == 15
