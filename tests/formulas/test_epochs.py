"""The epochs of a training loop: stopped after any of them, it ends in the same bytes."""

from typing import Any

import numpy as np
import pytest
import torch
from fake_run import FakeRun
from torch import nn
from torch.nn import functional

from bench import registry
from bench.errors import NonFiniteError
from bench.nn import training
from bench.tasks import ClusterTask, Labelled, PairAnswers, PairsTask, SimilarityTask

registry.load()


def train(run, total=5, *, stop_at=None, **counted):
    """A linear layer with momentum, a tensor and a generator; what is left of all of them."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network, x = nn.Linear(4, 1), torch.randn(10, 4)
    optimiser = torch.optim.SGD(network.parameters(), 0.05, momentum=0.9)
    order, seen = run.generator("batches"), torch.zeros(10, dtype=torch.int64)
    epochs = training.Epochs(
        run, total, network=network, optimiser=optimiser, order=order, seen=seen, **counted
    )
    numbers = []
    for epoch in epochs:
        numbers.append(epoch)
        for rows in training.batches(10, 4, order):
            loss = functional.mse_loss(network(x[rows])[:, 0], x[rows].sum(dim=1))
            epochs.step(optimiser, loss)
            seen[rows] += epoch
        epochs.note(largest=float(network.weight.detach().max()))
        if epochs.due(2):
            run.snapshot(epoch + 1, seen.numpy())
        if epoch == stop_at:
            epochs.stop()
    state = training.pack(network=network, optimiser=optimiser, order=order, seen=seen)
    return numbers, flat(state)


def flat(state: Any) -> list[bytes | str]:
    """All tensors of a state as bytes, and everything else as text, in order."""
    if isinstance(state, torch.Tensor):
        return [state.numpy().tobytes()]
    if isinstance(state, dict):
        return [x for key in state for x in [str(key), *flat(state[key])]]
    return [x for one in state for x in flat(one)] if isinstance(state, list) else [repr(state)]


@pytest.mark.parametrize("counted", [{}, {"every": 2, "unit": "step"}], ids=["epochs", "steps"])
def test_resumed_after_any_checkpoint_it_ends_in_the_same_bytes(counted):
    whole = FakeRun()
    _, wanted = train(whole, **counted)
    unit, every = counted.get("unit", "epoch"), counted.get("every", 1)
    points = [n for n in range(1, 6) if n % every == 0 or n == 5]
    assert [state[unit] for state in whole.checkpoints] == points
    for state in whole.checkpoints:
        run = whole.resumed(state)
        numbers, found = train(run, **counted)
        assert numbers == list(range(state[unit], 5))
        assert found == wanted
        assert run.logged == [one for one in whole.logged if one[0] > state[unit]]


def test_logs_count_from_one_and_hold_the_mean_loss_and_what_was_noted():
    run = FakeRun()
    numbers, _ = train(run)
    assert numbers == [0, 1, 2, 3, 4]
    assert [step for step, _ in run.logged] == [1, 2, 3, 4, 5]
    assert all(list(values) == ["loss", "largest"] for _, values in run.logged)
    assert sorted(run.snapshots) == [2, 4]


def test_the_mean_is_weighted_where_batches_are():
    run = FakeRun()
    epochs = training.Epochs(run, 2)
    for epoch in epochs:
        if epoch == 0:
            epochs.add(1.0, 3)
            epochs.add(5.0)
    assert [values for _, values in run.logged] == [{"loss": 2.0}, {"loss": 0.0}]


def test_a_stop_logs_its_epoch_and_leaves_the_checkpoint_before_it():
    run = FakeRun()
    numbers, wanted = train(run, stop_at=2)
    assert numbers == [0, 1, 2]
    assert [step for step, _ in run.logged] == [1, 2, 3]
    assert [state["epoch"] for state in run.checkpoints] == [1, 2]
    again, found = train(run.resumed(run.checkpoints[-1]), stop_at=2)
    assert (again, found) == ([2], wanted)


def test_a_loss_that_is_not_finite_ends_it_without_a_checkpoint():
    run = FakeRun()
    epochs = training.Epochs(run, 3)
    left = iter(epochs)
    assert next(left) == 0
    epochs.add(float("nan"))
    with pytest.raises(NonFiniteError, match="loss is nan at step 1"):
        next(left)
    assert not run.checkpoints


@pytest.mark.parametrize("each", [False, True])
def test_a_step_shortens_gradients_together_or_each(each):
    """By hand: plain SGD moves by the gradient, shortened to norm 1."""
    one, two = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([one, two], 1.0)
    loss = (one * torch.tensor([3.0, 4.0])).sum() + 12 * two.sum()
    assert training.step(optimiser, loss, max_norm=1.0, each=each) == 0
    wanted = ([-0.6, -0.8], [-1.0]) if each else ([-3 / 13, -4 / 13], [-12 / 13])
    for parameter, value in zip((one, two), wanted, strict=True):
        np.testing.assert_allclose(parameter.detach(), value, rtol=1e-5)


def _source():
    images = np.random.default_rng(1).integers(0, 256, (24, 8, 8, 1), dtype=np.uint8)
    return Labelled(images, np.arange(24) % 3, 3)


def _answers(n):
    bits = np.packbits(np.random.default_rng(2).random((n, n)) < 0.5, axis=1)
    return PairAnswers(n, bits, np.full_like(bits, 255))


TASKS = {
    "pretrain": ClusterTask("made/cluster", _source().images, 3, source=_source()),
    "clusternet": PairsTask("made/pairs", _source().images, 3, _answers(24)),
    "similarity": SimilarityTask(
        "made/similarity", _source(), _source().images, np.array([[0, 1], [2, 3]])
    ),
}
PARAMS = {"similarity": {"classes_per_batch": 2, "images_per_class": 3, "widths": (4, 4, 4, 4)}}


@pytest.mark.parametrize("name", TASKS)
def test_methods_log_alike_from_one(name):
    info, run = registry.get(name), FakeRun()
    params = info.params("quick", {"epochs": 2, **PARAMS.get(name, {})})
    info.build(params).fit(TASKS[name], run)
    assert [step for step, values in run.logged if "loss" in values] == [1, 2]
