"""What the papers leave open of the similarity network: whose mean and deviation, which layers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from opinions import IMAGES, asked, untrained

from bench import registry
from bench.nn.images.tensors import to_tensor
from bench.nn.images.views import Views
from bench.nn.networks import transferred
from bench.tasks import TaskInfo


@pytest.fixture(scope="module")
def trained():
    return untrained()


def test_images_are_normalised_by_their_own_mean_and_deviation_where_it_is_said(trained):
    own = asked(trained, invert=False, mean=0.1307, std=0.3081)
    network, views = transferred.load(trained.architecture, trained.tensors)
    by_hand = replace(views, invert=False, mean=0.0, std=1.0)
    x = (by_hand.clean(to_tensor(IMAGES, "cpu")) - 0.1307) / 0.3081
    network.eval()
    with torch.no_grad():
        p = network(x).softmax(dim=2)[..., 1].numpy()
    np.testing.assert_allclose(own, p, atol=1e-6)
    assert np.abs(own - asked(trained, invert=False)).max() > 1e-3
    assert np.array_equal(asked(trained, mean=0.1, std=0.3), asked(trained))


LAYERED = (6, 5)


def test_layers_before_pairing_are_those_of_2016():
    """Trunk, twice FC with batch-norm and ReLU, then all pairs of the last one's units."""
    views = Views(size=8)
    text = transferred.describe(1, (4, 8), views, layers=LAYERED)
    network, _ = transferred.build(text, seed=3)
    plain, _ = transferred.build(transferred.describe(1, (4, 8), views), seed=3)
    assert "layers" not in transferred.describe(1, (4, 8), views)
    assert network.head.hidden.in_features == 2 * LAYERED[-1]
    x = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    network.eval()
    with torch.no_grad():
        layers: Any = network.trunk
        trunk, *rest = layers
        z = trunk(x)
        torch.testing.assert_close(z, plain.eval().trunk(x))
        for linear, norm in (rest[0:2], rest[3:5]):
            z = z @ linear.weight.T + linear.bias
            z = (z - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
            z = (z * norm.weight + norm.bias).clamp_min(0)
        torch.testing.assert_close(network(x), network.head(z))
    assert transferred.load(text, network.state_dict())


@pytest.mark.parametrize("name", ["similarity-test", "ccn", "discovery"])
def test_rows_may_ask_for_the_similarity_with_layers(name):
    info = TaskInfo("made", "similarity", False, True, {"similarity": "made/similarity"})
    need = registry.get(name).build({"similarity_layers": LAYERED}).needs(info)["similarity"]
    assert need.params == {"layers": LAYERED}
    learner: Any = registry.get("similarity").build(need.params)
    assert learner.layers == LAYERED
    assert registry.get(name).build({}).needs(info)["similarity"].params == {}
