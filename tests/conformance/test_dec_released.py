"""DEC as its released code has it, where that is not what its paper writes."""

import copy
import functools
from typing import Any

import numpy as np
import pytest
import torch
from fake_run import FakeRun
from sklearn.datasets import load_digits

from bench import ROOT, registry
from bench.nn.networks import build, describe
from bench.tasks import ClusterTask, TaskInfo

registry.import_from(ROOT / "baselines", "dec")
IMAGES = (load_digits().images[:200] * 15).astype(np.uint8)[..., None]


def cluster():
    return ClusterTask("digits/cluster", IMAGES, 10)


def fit(name, run, **params):
    info = registry.get(name)
    return info.build(info.params("quick", params)).fit(cluster(), run)


@functools.cache
def pretrained():
    small = {"widths": (16, 6), "layer_iterations": 4, "finetune_iterations": 6}
    return fit("autoencoder", FakeRun(), **small)


def needs():
    return {"autoencoder": pretrained()}


@pytest.mark.parametrize(("depth", "dropped"), [(0, (False, True)), (1, (True, False))])
def test_the_released_autoencoder_spares_pixels_and_the_last_code(depth, dropped):
    """Half the squared error of one layer, with a hidden unit in five dropped; by hand."""
    method: Any = registry.get("autoencoder").build({"widths": (7, 3), "recipe": "released"})
    network: Any = build(describe("autoencoder", inputs=64, widths=[7, 3], scale=2.0), 0)
    x = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    found = method._loss(network, depth, x, torch.Generator().manual_seed(2))
    noise = torch.Generator().manual_seed(2)

    def dropped_or_not(h, drops):
        kept = torch.rand(h.shape, generator=noise) >= 0.2  # drawn in either case
        return h * kept / 0.8 if drops else h

    clean = network.scaled(x) if depth == 0 else network.encode(0, network.scaled(x))
    code = network.encode(depth, dropped_or_not(clean, dropped[0]))
    rebuilt = network.decode(depth, dropped_or_not(code, dropped[1]))
    torch.testing.assert_close(found, ((rebuilt - clean) ** 2).mean() / 2)
    whole = method._loss(network, None, x, noise)
    torch.testing.assert_close(whole, ((network(x) - network.scaled(x)) ** 2).mean() / 2)


def test_the_released_dec_asks_for_its_own_autoencoder_of_the_train_images():
    info = TaskInfo("mnist/cluster", "cluster", False, False, {})
    method = registry.get("dec").build({"recipe": "released", "pretrained_on": "mnist/train"})
    need = method.needs(info)["autoencoder"]
    assert (need.params, need.task) == ({"recipe": "released"}, "mnist/train")
    plain = registry.get("dec").build({}).needs(info)["autoencoder"]
    assert (plain.params, plain.task) == ({}, None)


def test_the_released_dec_forgets_its_momentum_and_takes_images_in_one_order():
    """Two epochs are two of one epoch each, the second from the first's network and centres."""
    options = {"recipe": "released", "tolerance": 0.0, "n_init": 2}
    twice = FakeRun(needs=needs())
    fit("dec", twice, max_epochs=2, **options)
    once = FakeRun(needs=needs())
    fit("dec", once, max_epochs=1, **options)
    first, last = once.checkpoints[0], twice.checkpoints[-1]
    assert all(torch.equal(first["network"][n], twice.checkpoints[0]["network"][n])
               for n in first["network"])  # fmt: skip
    assert torch.equal(first["order"], last["order"]), "no order was drawn"
    again = FakeRun(needs=needs())
    fresh = copy.deepcopy(first)
    fresh["optimiser"]["state"] = {}
    again.state = fresh
    fit("dec", again, max_epochs=2, **options)
    for name, tensor in last["network"].items():
        assert torch.equal(again.checkpoints[-1]["network"][name], tensor)


def test_targets_are_made_anew_after_as_many_batches_as_asked_for():
    method: Any = registry.get("dec").build(
        {"recipe": "released", "update_interval": 3, "batch_size": 4}
    )
    order = torch.Generator()
    rows = [torch.cat([*method._until_refresh(18, done, order)]).tolist() for done in range(3)]
    # Five batches, the last of two images; the next one goes on behind the last of before.
    assert rows[0] == [*range(12)]
    assert rows[1] == [12, 13, 14, 15, 16, 17, 0, 1, 2, 3]
    assert rows[2] == [*range(4, 16)]


def test_a_refresh_for_each_epochs_batches_is_one_per_epoch():
    options = {"tolerance": 0.0, "n_init": 2, "max_epochs": 2, "batch_size": 20}
    ends = []
    for refresh in (0, 10, 20, 5):  # of 200 images
        run = FakeRun(needs=needs())
        fit("dec", run, recipe="released", update_interval=refresh, **options)
        ends.append((len(run.checkpoints), run.checkpoints[-1]["network"]))
    assert [rounds for rounds, _ in ends] == [2, 2, 1, 4]
    (_, first), (_, same), (_, other), _ = ends
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)
