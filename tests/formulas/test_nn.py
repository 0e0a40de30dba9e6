"""Networks, images, features, clustering and training parts of `bench.nn`."""

import copy
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist

from bench.nn import training
from bench.nn.clustering.kmeans import in_span, kmeans
from bench.nn.images.tensors import flip, to_tensor, translate
from bench.nn.networks import build, describe, known, load
from bench.nn.networks.features import evaluating, extract

CONVNET = describe("convnet", channels=1, outputs=5, widths=[4, 6])
AUTOENCODER = describe("autoencoder", inputs=64, widths=[7, 3], scale=2.0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=6, height=8, width=8, channels=1):
    return np.random.default_rng(0).integers(0, 256, (n, height, width, channels), np.uint8)


# --- images


def test_to_tensor_keeps_every_pixel_in_its_place():
    pixels = images(2, 5, 4, 3)
    x = to_tensor(pixels)
    assert x.shape == (2, 3, 5, 4)
    assert x.dtype == torch.float32
    assert x.is_contiguous(memory_format=torch.channels_last)
    for n, row, column, channel in np.ndindex(*pixels.shape):
        assert x[n, channel, row, column] == np.float32(pixels[n, row, column, channel]) / 255


@pytest.mark.parametrize("wrong", [np.zeros((2, 8, 8), np.uint8), np.zeros((2, 8, 8, 1))])
def test_to_tensor_refuses_other_arrays(wrong):
    with pytest.raises(ValueError, match="not uint8 of shape"):
        to_tensor(wrong)


@pytest.mark.parametrize("fill", ["zero", "reflect"])
def test_translate_is_a_shift_of_the_padded_image(fill):
    x = to_tensor(images(40, 6, 7, 2))
    moved = translate(x, 2, generator(), fill)
    padded = np.pad(
        x.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), "constant" if fill == "zero" else "reflect"
    )
    seen = set()
    for image, pad in zip(moved.numpy(), padded, strict=True):
        fits = [
            (i, j)
            for i in range(5)
            for j in range(5)
            if np.array_equal(image, pad[:, i : i + 6, j : j + 7])
        ]
        assert len(fits) == 1
        seen.update(fits)
    assert len(seen) > 12, "each image has a shift of its own"
    assert torch.equal(translate(x, 0, generator()), x)


def test_flip_mirrors_about_half_of_the_images():
    x = to_tensor(images(200, 4, 5))
    out = flip(x, generator())
    mirrored = [torch.equal(a, b.flip(2)) for a, b in zip(out, x, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(out, x, strict=True)]
    assert all(m != k for m, k in zip(mirrored, kept, strict=True))
    assert 70 < sum(mirrored) < 130


def test_augmentation_draws_from_its_own_generator_only():
    x = to_tensor(images(20))
    before = torch.get_rng_state()
    first, again, other = (flip(translate(x, 1, g), g) for g in map(generator, (0, 0, 1)))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


# --- networks


def test_a_network_is_drawn_from_its_seed_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    first, again, other = (training.weights(build(CONVNET, seed)) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


@pytest.mark.parametrize("size", [8, 16, 28, 32])
def test_convnet_shapes(size):
    network: Any = build(describe("convnet", channels=3, outputs=5))
    x = to_tensor(images(4, size, size, 3))
    assert {name: tuple(m.shape[1:]) for name, m in network.blocks(x).items()} == {
        "conv1": (32, size, size),
        "conv2": (64, size // 2, size // 2),
        "conv3": (128, size // 4, size // 4),
    }
    assert network.features(x).shape == (4, 512)
    assert network(x).shape == (4, 5)
    network.eval()
    torch.testing.assert_close(network.head(network.features(x)), network(x))


def test_autoencoder_is_the_composition_that_dec_describes():
    network: Any = build(AUTOENCODER, 1)
    for p in network.parameters():
        torch.nn.init.normal_(p, generator=generator(5))
    x = to_tensor(images(4))
    e, d = network.encoders, network.decoders
    scaled = 2 * x.reshape(4, 64)
    code = torch.relu(scaled @ e[0].weight.T + e[0].bias) @ e[1].weight.T + e[1].bias
    rebuilt = torch.relu(code @ d[1].weight.T + d[1].bias) @ d[0].weight.T + d[0].bias
    torch.testing.assert_close(network.features(x), code)
    torch.testing.assert_close(network(x), rebuilt)
    assert [tuple(m.shape) for m in network.blocks(x).values()] == [(4, 7), (4, 3)]


@pytest.mark.parametrize("architecture", [CONVNET, AUTOENCODER])
def test_weights_go_through_load_unchanged(architecture):
    network = build(architecture, 7).eval()
    x = to_tensor(images())
    assert torch.equal(load(architecture, training.weights(network)).eval()(x), network(x))


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (describe("convnett"), "did you mean 'convnet'"),
        (describe("zzz"), "known: (.*, )?autoencoder, convnet"),
        (describe("convnet", channel=1), "channel"),
        ("nonsense", "is not JSON such as"),
        ("[1]", "is not JSON such as"),
    ],
)
def test_a_wrong_description_is_named(architecture, message):
    with pytest.raises(ValueError, match=message):
        build(architecture)


def test_weights_of_another_network_are_refused():
    with pytest.raises(ValueError, match="weights do not fit"):
        load(AUTOENCODER, build(CONVNET).state_dict())


def test_describe_does_not_depend_on_the_order_of_options():
    assert describe("a", b=1, c=2) == describe("a", c=2, b=1)
    assert json.loads(CONVNET)["name"] in known()


# --- features


def test_extract_is_the_clean_pass_whatever_the_batch():
    network = build(CONVNET).train()
    network(to_tensor(images(16)))  # moves the running statistics off their start
    whole = extract(network, images(11), batch=11)
    assert network.training, "the mode comes back"
    torch.testing.assert_close(extract(network, images(11), batch=4), whole)
    with evaluating(network):
        torch.testing.assert_close(network.features(to_tensor(images(11))), whole)
    assert not whole.requires_grad


def test_extract_refuses_a_broken_network():
    network = build(CONVNET)
    with torch.no_grad():
        next(network.parameters()).fill_(math.nan)
    with pytest.raises(ValueError, match="NaN"):
        extract(network, images())


# --- clustering


@pytest.mark.parametrize("rank", [40, 7, 1, 0])
def test_points_in_their_span_are_as_far_from_one_another(rank):
    rng = np.random.default_rng(rank)
    points = (rng.random((40, rank)) @ rng.random((rank, 160)) + 3).astype(np.float32)
    found = in_span(points)
    assert found.shape == (40, 40)
    assert found.dtype == np.float32
    np.testing.assert_allclose(pdist(found), pdist(points), rtol=1e-5, atol=1e-4)


def test_points_of_few_dimensions_stay_as_they_are():
    points = np.random.default_rng(0).random((40, 159), np.float32)
    assert in_span(points) is points


def test_kmeans_finds_separated_groups_and_their_means():
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(4), 25)
    points = 20.0 * np.eye(4)[truth] + rng.normal(size=(100, 4))
    labels, centres = kmeans(points, 4, seed=2**62)
    assert labels.dtype == np.int64
    for cluster in range(4):
        members = labels == cluster
        assert len(set(truth[members])) == 1
        np.testing.assert_allclose(centres[cluster], points[members].mean(axis=0))


@pytest.mark.parametrize(
    ("points", "k", "message"),
    [
        (np.zeros((5, 2)), 0, "n_clusters = 0 for 5 points"),
        (np.zeros((5, 2)), 6, "n_clusters = 6 for 5 points"),
        (np.full((5, 2), np.nan), 2, "NaN"),
        (np.zeros(5), 2, "not \\(N, D\\)"),
    ],
)
def test_kmeans_refuses(points, k, message):
    with pytest.raises(ValueError, match=message):
        kmeans(points, k, seed=0)


# --- training


def test_batches_are_one_permutation():
    parts = list(training.batches(10, 4, generator()))
    assert [len(p) for p in parts] == [4, 4, 2]
    assert sorted(torch.cat(parts).tolist()) == list(range(10))
    assert torch.cat(parts).tolist() != list(range(10))


def test_step_decay():
    rates = [training.step_decay(1.0, epoch, (2, 4), 0.5) for epoch in range(6)]
    assert rates == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


@pytest.mark.parametrize("make", [torch.optim.Adam, torch.optim.SGD])
def test_unpacked_parts_go_on_as_the_packed_ones(make):
    def parts(seed):
        network = build(CONVNET, seed)
        kind = {"momentum": 0.9} if make is torch.optim.SGD else {}
        optimiser = make(network.parameters(), lr=0.01, **kind)
        return {"network": network, "optimiser": optimiser, "order": generator(seed)}

    def step(network, optimiser, order):
        x = torch.rand(8, 1, 8, 8, generator=order)
        return training.step(optimiser, network(x).square().mean())

    first, second = parts(0), parts(1)
    step(**first)
    training.unpack(copy.deepcopy(training.pack(**first)), **second)
    assert [step(**first) for _ in range(3)] == [step(**second) for _ in range(3)]
