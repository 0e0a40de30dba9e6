"""Neighbours' votes and linear probes of `bench.nn.probes`."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch.nn import functional

from bench.nn import probes

GOLDEN = Path(__file__).parents[1] / "golden"


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def knn_golden():
    with np.load(GOLDEN / "knn.npz", allow_pickle=False) as file:
        return {k: torch.from_numpy(np.asarray(file[k])) for k in file.files}


def test_knn_votes_are_those_of_selflabel():
    g = knn_golden()
    for case, (k, sigma) in enumerate(
        zip(g["selflabel_k"].tolist(), g["selflabel_sigma"].tolist(), strict=True)
    ):
        arguments = (g["train_features"], g["train_labels"], g["test_features"])
        settings = {"k": k, "sigma": sigma, "n_classes": 6}
        shares = probes.knn_votes(*arguments, block=37, **settings)
        votes = g["selflabel_votes"][case]
        torch.testing.assert_close(
            shares, votes / votes.sum(dim=1, keepdim=True), rtol=0, atol=1e-5
        )
        ranked = probes.weighted_knn(*arguments, **settings)
        assert torch.equal(ranked[:, 0], g["selflabel_pred"][case])
        accuracy = (ranked[:, 0] == g["test_labels"]).double().mean().item()
        assert accuracy == pytest.approx(g["selflabel_acc"][case].item(), abs=1e-12)


def test_knn_ranks_are_those_of_dino():
    g = knn_golden()
    for case, (k, sigma) in enumerate(zip(g["dino_k"].tolist(), g["dino_T"].tolist(), strict=True)):
        ranked = probes.weighted_knn(
            *(g["train_features"], g["train_labels"], g["test_features"]),
            k=k,
            sigma=sigma,
            n_classes=6,
        )
        assert torch.equal(ranked[:, 0], g["dino_pred"][case])


def test_pca_and_votes_are_those_of_selflabel():
    g = knn_golden()
    train, test = probes.pca(g["pca_train_features"], g["pca_test_features"], 128)
    cosine = functional.normalize(test) @ functional.normalize(train).T
    torch.testing.assert_close(cosine, g["selflabel_pca_similarity"], rtol=0, atol=1e-5)
    torch.testing.assert_close(
        train.var(dim=0), g["selflabel_pca_explained_variance"], rtol=1e-4, atol=1e-5
    )
    for case, (k, sigma) in enumerate(
        zip(g["selflabel_pca_k"].tolist(), g["selflabel_pca_sigma"].tolist(), strict=True)
    ):
        ranked = probes.weighted_knn(
            train, g["pca_train_labels"], test, k=k, sigma=sigma, n_classes=6
        )
        assert torch.equal(ranked[:, 0], g["selflabel_pca_pred"][case])


class Lent:
    """Features that refuse to be asked for more than a block."""

    def __init__(self, features):
        self.features = features

    def __len__(self):
        return len(self.features)

    def __getitem__(self, rows):
        assert len(rows) <= 1000
        return self.features[rows]


def spread(n, seed):
    """Features of unlike scales, far from 0, in blocks whose means differ."""
    x = torch.randn(n, 12, generator=generator(seed)) * torch.logspace(-1, 2, 12)
    return x + 50 + torch.arange(n)[:, None] / n


@pytest.mark.parametrize("kind", [Lent, lambda x: x])
def test_components_are_those_of_scikit_learn(kind):
    train, test = spread(2300, 0), spread(1100, 1)
    model = PCA(5, svd_solver="covariance_eigh").fit(train.double().numpy())
    for ours, part in zip(probes.pca(kind(train), kind(test), 5), (train, test), strict=True):
        assert ours.dtype == torch.float32
        wanted = model.transform(part.double().numpy())  # with its signs
        np.testing.assert_allclose(ours.numpy(), wanted, rtol=1e-5, atol=1e-5)


def test_mean_and_deviation_do_not_drown_in_rounding():
    x = spread(2300, 0) + 5000
    x[:, 4] = 0.1  # a dead unit has no deviation at all
    mean, deviation = probes._standard(Lent(x))
    wanted = x.double().numpy()
    np.testing.assert_allclose(mean.numpy(), wanted.mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(deviation.numpy()[5:], wanted.std(axis=0)[5:], rtol=1e-6)
    assert deviation[4] == 0


def test_knn_votes_by_loops():
    rng = np.random.default_rng(1)
    train, test = rng.normal(size=(20, 3)), rng.normal(size=(7, 3))
    labels = rng.integers(0, 4, 20)
    shares = probes.knn_votes(
        *map(torch.from_numpy, (train, labels, test)), k=5, sigma=0.2, n_classes=4
    )
    for i, x in enumerate(test):
        cosines = [x @ t / np.linalg.norm(x) / np.linalg.norm(t) for t in train]
        votes = np.zeros(4)
        for j in sorted(range(20), key=lambda j: -cosines[j])[:5]:
            votes[labels[j]] += math.exp(cosines[j] / 0.2)
        np.testing.assert_allclose(shares[i].numpy(), votes / votes.sum(), rtol=1e-9)


def test_knn_survives_a_small_sigma_and_refuses_wrong_settings():
    x, y = torch.eye(4), torch.arange(4)
    ranked = probes.weighted_knn(x, y, x, k=4, sigma=1e-4, n_classes=4)
    assert torch.equal(ranked[:, 0], y)
    for k, sigma in ((0, 0.1), (5, 0.1), (2, 0.0)):
        with pytest.raises(ValueError, match=r"k = |sigma = "):
            probes.weighted_knn(x, y, x, k=k, sigma=sigma, n_classes=4)


def test_pool_takes_the_largest_grid_within_the_limit():
    maps = torch.rand(2, 4, 6, 6)
    assert probes.pool(maps, 10_000).shape == (2, 144)
    assert torch.equal(probes.pool(maps, 4 * 9), functional.max_pool2d(maps, 2).flatten(1))
    assert torch.equal(probes.pool(maps, 1), maps.amax(dim=(2, 3)))
    assert probes.pool(maps[:, :, 0, 0], 1).shape == (2, 4)


def test_linear_probe_learns_what_is_linear_and_repeats_itself():
    g = generator(3)
    x = torch.randn(600, 10, generator=g) * torch.logspace(-2, 2, 10)
    x[:, 4] = 7.0  # a dead unit
    direction = torch.randn(10, 3, generator=g) / torch.logspace(-2, 2, 10)[:, None]
    direction[4] = 0
    y = (x @ direction).argmax(dim=1)
    ranked = [
        probes.linear_probe(x[:400], y[:400], x[400:], n_classes=3, generator=generator(s))
        for s in (0, 0)
    ]
    assert torch.equal(*ranked)
    assert (ranked[0][:, 0] == y[400:]).double().mean() > 0.9
    assert ranked[0].shape == (200, 3)
    assert torch.equal(ranked[0].sort(dim=1).values, torch.arange(3).expand(200, 3))
