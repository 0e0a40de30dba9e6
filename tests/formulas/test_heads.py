"""Heads trained side by side: each one's bytes are those of training it alone."""

import pytest
import torch
from torch.nn import functional

from bench.nn.clustering.heads import Heads, assign, pad_columns, padded


def features(n, width):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(0))


def start(seed, outputs, width):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(outputs, width, generator=generator) / width**0.5
    return weight, 0.1 * torch.randn(outputs, generator=generator)


def rows(seed, n, count, steps):
    generator = torch.Generator().manual_seed(100 + seed)
    return [torch.randint(n, (count,), generator=generator) for _ in range(steps)]


def loss(logits):
    """Every operation that a method may use: softmax, products, logarithms, sums and means."""
    p = logits.softmax(dim=1)
    half = p.shape[2] // 2
    near = (p[:, :, :half] * p[:, :, half:]).sum(dim=1).log().mean(dim=1)
    mean = functional.pad(p.mean(dim=2), (0, -p.shape[1] % 64), value=1.0)
    return (mean * mean.log()).sum(dim=1) - near


def train(seeds, n, width, outputs, count, steps=5):
    x = features(n, width)
    weights, biases = zip(*(start(s, outputs, width) for s in seeds), strict=True)
    heads = Heads(torch.stack(weights), torch.stack(biases), 1e-2)
    drawn = [rows(s, n, count, steps) for s in seeds]
    losses = [heads.step(x, torch.stack([d[i] for d in drawn]), loss).clone() for i in range(steps)]
    return heads, torch.stack(losses), x


SHAPES = [(300, 384, 10, 512), (90, 33, 3, 128), (50, 7, 1, 128), (200, 17, 37, 256)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("count", [2, 5, 10])
def test_a_head_has_the_bytes_that_it_has_alone(shape, count):
    together, losses, x = train(range(count), *shape)
    for seed in range(count):
        alone, its_losses, _ = train([seed], *shape)
        assert torch.equal(its_losses[:, 0], losses[:, seed])
        assert torch.equal(alone.weight[0], together.weight[seed])
        assert torch.equal(alone.bias[0], together.bias[seed])
        assert torch.equal(alone.assign(0, x), together.assign(seed, x))


def test_a_step_is_that_of_a_linear_layer_with_adam():
    n, width, outputs, count = 60, 5, 3, 64
    heads, losses, x = train([0, 1], n, width, outputs, count, steps=8)
    layer = torch.nn.Linear(width, outputs)
    weight, bias = start(1, outputs, width)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    optimiser = torch.optim.Adam(layer.parameters(), 1e-2)
    for i, chosen in enumerate(rows(1, n, count, 8)):
        value = loss(layer(x[chosen]).T[None])[0]
        assert value.item() == pytest.approx(losses[i, 1].item(), rel=1e-5)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    torch.testing.assert_close(heads.weight[1], layer.weight.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(heads.bias[1], layer.bias.detach(), rtol=1e-4, atol=1e-5)
    assert torch.equal(assign(weight, bias, x), (x @ weight.T + bias).argmax(dim=1))


def test_a_restored_head_goes_on_in_the_same_bytes():
    n, width, outputs, count = 60, 5, 3, 64
    whole, _, x = train([0, 1, 2], n, width, outputs, count, steps=6)
    first, _, _ = train([0, 1, 2], n, width, outputs, count, steps=3)
    states = [first.state(head) for head in (2, 0)]
    rest = Heads(torch.zeros(2, outputs, width), torch.zeros(2, outputs), 1e-2)
    rest.restore(states)
    drawn = [rows(s, n, count, 6)[3:] for s in (2, 0)]
    for i in range(3):
        rest.step(x, torch.stack([d[i] for d in drawn]), loss)
    assert torch.equal(rest.weight[0], whole.weight[2])
    assert torch.equal(rest.bias[1], whole.bias[0])


def test_lengths_are_padded_to_a_multiple():
    assert [padded(n) for n in (1, 64, 65)] == [64, 64, 128]
    found = pad_columns(torch.ones(2, 3))
    assert found.shape == (2, 64)
    assert found.sum() == 6
