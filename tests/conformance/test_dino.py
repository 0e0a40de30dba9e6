"""DINO: its loss, centre and schedules against the released code, its parts as loops."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_run import FakeRun

from bench import registry
from bench.nn import networks
from bench.nn.losses import dino
from bench.nn.schedules import cosine
from bench.tasks import RepresentTask

registry.load()
info = registry.get("dino")
DINO = info.cls

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "dino.npz", allow_pickle=False)
SMALL = {
    **info.quick,
    "width": 16,
    "depth": 1,
    "heads": 2,
    "local_crops": 2,
    "hidden": 16,
    "bottleneck": 8,
    "outputs": 16,
    "batch_size": 16,
}


def task(n=40, side=8):
    """Noisy images of three patterns."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(2, size=(3, side, side, 1)) * 180
    images = patterns[np.arange(n) % 3] + rng.integers(60, size=(n, side, side, 1))
    return RepresentTask("made/represent", images.astype(np.uint8))


def fit(run=None, the_task=None, **params):
    return DINO(**SMALL | params).fit(the_task or task(), run or FakeRun())


# Equations.


@pytest.mark.parametrize(("kind", "rtol"), [("f64", 1e-9), ("f32", 2e-6)])
def test_loss_and_centre_are_the_released_codes(kind, rtol):
    dtype = torch.float64 if kind == "f64" else torch.float32
    taus = GOLDEN["teacher_temp_schedule"]
    centre = torch.zeros(1, 32, dtype=dtype)
    for number, epoch in enumerate(GOLDEN["step_epochs"], start=1):
        student = torch.from_numpy(GOLDEN["student"]).to(dtype).requires_grad_()
        teacher = torch.from_numpy(GOLDEN[f"teacher_step{number}"]).to(dtype)
        loss = dino.dino_loss(student, dino.sharpened(teacher, centre, taus[epoch]), 0.1)
        loss.backward()
        centre = dino.recentred(centre, teacher, 0.9)
        for name, value in (
            ("loss", loss.detach()),
            ("grad_student", student.grad),
            ("center_after", centre),
        ):
            wanted = GOLDEN[f"{name}_step{number}_{kind}"]
            np.testing.assert_allclose(value.numpy(), wanted, rtol=rtol, atol=rtol)


def test_the_loss_is_a_loop_over_pairs_of_views_and_images():
    rng = torch.Generator().manual_seed(0)
    student = torch.randn(5 * 3, 4, generator=rng, dtype=torch.float64)
    q = torch.randn(2 * 3, 4, generator=rng, dtype=torch.float64).softmax(dim=1)
    total = 0.0
    for g in range(2):
        for v in range(5):
            for i in range(3):
                log_p = (student[v * 3 + i] / 0.2).log_softmax(dim=0)
                total -= float(q[g * 3 + i] @ log_p) / 3 if v != g else 0.0
    assert float(dino.dino_loss(student, q, 0.2)) == pytest.approx(total / 8, rel=1e-12)


@pytest.mark.parametrize("name", ["lr", "lr_start", "wd", "momentum"])
def test_schedules_are_the_released_codes(name):
    base, final, epochs, steps, warmup, start = GOLDEN[f"sched_{name}_args"]
    found = cosine(base, final, int(epochs), int(steps), warmup=warmup, start=start)
    np.testing.assert_allclose(found, GOLDEN[f"sched_{name}"], rtol=1e-12)


def test_a_warm_up_may_be_shorter_than_an_epoch():
    found = cosine(1.0, 0.0, 2, 10, warmup=0.5)
    np.testing.assert_allclose(found[:5], [0, 0.25, 0.5, 0.75, 1])
    assert found[5] == 1.0
    assert len(found) == 20


def test_the_teachers_temperature_is_the_released_codes():
    found = dino.teacher_temperatures(0.04, 0.07, 0.4, 10)
    np.testing.assert_allclose(found, GOLDEN["teacher_temp_schedule"], rtol=1e-12)
    np.testing.assert_array_equal(dino.teacher_temperatures(0.04, 0.07, 0.0, 2), [0.07, 0.07])


def test_the_teacher_is_a_moving_average():
    student, teacher = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    pairs = list(zip(teacher.parameters(), student.parameters(), strict=True))
    wanted = [(0.9 * t + 0.1 * s).detach() for t, s in pairs]
    dino.follow(teacher, student, 0.9)
    for (own, _), value in zip(pairs, wanted, strict=True):
        torch.testing.assert_close(own.detach(), value)


# The method.


def test_it_learns_that_crops_are_of_one_image():
    run = FakeRun()
    fit(run, epochs=40, teacher_momentum=0.95, learning_rate=3e-2, jitter=0.0)
    losses = [values["loss"] for _, values in run.logged]
    entropies = [values["teacher_entropy"] for _, values in run.logged]
    # Below log K by more than chance: the student tells from a crop what the teacher says of
    # another, which it could not had either collapsed.
    assert losses[-1] < 0.9 * math.log(16) < losses[0]
    assert 0.1 < entropies[-1] < 0.9 * math.log(16)


def test_the_result_is_the_teachers_network_without_its_head():
    run = FakeRun()
    found = fit(run, teacher_momentum=1.0)
    fresh = networks.build(found.architecture, run.seed_for("init"))
    for name, value in fresh.state_dict().items():
        torch.testing.assert_close(found.tensors[name], value, rtol=0, atol=0)


def test_a_resumed_cell_ends_in_the_same_bytes():
    whole = FakeRun()
    wanted = fit(whole, epochs=4)
    again = fit(whole.resumed(whole.checkpoints[1]), epochs=4)
    assert all(torch.equal(t, again.tensors[name]) for name, t in wanted.tensors.items())


def test_the_last_layer_is_frozen_at_first():
    run = FakeRun()
    fit(run, epochs=3, freeze_last_layer=2 / 3)
    last = [state["student"]["head.last"] for state in run.checkpoints]
    assert torch.equal(last[0], last[1])
    assert not torch.equal(last[1], last[2])


def test_images_are_seen_so_often_as_is_said():
    run = FakeRun()
    fit(run, images=100)
    assert len(run.logged) == 2  # 2.5 epochs of 40 images, rounded to even


@pytest.mark.parametrize(
    "switch",
    [{"local_crops": 0}, {"mirror": True}, {"batch_norm": False}, {"narrow": False}],
    ids=str,
)
def test_every_switch_runs_and_changes_the_network(switch):
    plain, switched = fit(), fit(**switch)
    assert any(not torch.equal(t, switched.tensors[n]) for n, t in plain.tensors.items())


@pytest.mark.parametrize(("side", "size"), [(8, 8), (30, 28), (105, 32)])
def test_the_networks_size_follows_from_the_images(side, size):
    text, views = DINO(**SMALL)._describe(task(1, side).target)
    assert f'"size": {size}' in text
    assert f'"patch": {size // 4}' in text
    assert (views.size, views.local_size) == (size, size // 2)


def test_its_network_standardises_pixels_as_its_images_want_it():
    images = np.random.default_rng(0).integers(0, 200, (1500, 8, 8, 3), dtype=np.uint8)
    options = json.loads(DINO(**SMALL)._describe(images)[0])
    assert options["mean"] == pytest.approx(images.mean() / 255, abs=6e-4)
    assert options["std"] == pytest.approx(images.std() / 255, abs=6e-4)
    assert options["channels"] == 3
    flat = np.full((2, 8, 8, 1), 51, np.uint8)
    options = json.loads(DINO(**SMALL)._describe(flat)[0])
    assert (options["mean"], options["std"]) == (0.2, 1.0)


# What cannot be.


@pytest.mark.parametrize(
    "bad", [{"patch": 3}, {"local_size": 5}, {"local_size": 16}, {"size": 9, "patch": 2}], ids=str
)
def test_sizes_that_cannot_be(bad):
    with pytest.raises(ValueError, match="must be multiples of patch"):
        fit(**bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"outputs": 0},
        {"local_crops": -1},
        {"student_temperature": 0.0},
        {"teacher_temperatures": (0.0, 0.1)},
        {"jitter": 1.5},
        {"warmup": 1.0},
        {"teacher_warmup": 1.5},
        {"freeze_last_layer": -0.1},
    ],
    ids=str,
)
def test_parameters_that_cannot_be(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        DINO(**bad)
