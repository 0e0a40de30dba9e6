"""One plain method for each kind of task, so that the harness can be tested on all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.registry import method
from bench.tasks import Need, Prediction


def flat(images):
    return np.asarray(images, np.float64).reshape(len(images), -1) / 255.0


def nearest(points, centres):
    return ((points[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)


@method("centroids", kinds=("cluster",))
@dataclass(frozen=True)
class Centroids:
    """Lloyd's iterations from random images."""

    iterations: int = 5

    def fit(self, task, run):
        points = flat(task.target)
        if task.n_clusters > len(points):
            raise ValueError(f"{task.n_clusters} clusters of {len(points)} images")
        chosen = run.rng("init").choice(len(points), task.n_clusters, replace=False)
        centres = points[chosen]
        for step in range(self.iterations):
            assignments = nearest(points, centres)
            run.snapshot(step, assignments)
            run.log(step, moved=float(step))
            for k in np.unique(assignments):
                centres[k] = points[assignments == k].mean(axis=0)
        return Prediction(assignments=assignments)


@method("nearest-mean", kinds=("adapt",))
@dataclass(frozen=True)
class NearestMean:
    """The class whose mean source image is nearest, from a random nine tenths of the source."""

    def fit(self, task, run):
        points, labels = flat(task.source.images), task.source.labels
        kept = run.rng("split").random(len(points)) < 0.9
        classes = range(task.source.n_classes)
        centres = np.stack([points[kept & (labels == c)].mean(axis=0) for c in classes])
        return Prediction(assignments=nearest(flat(task.target), centres))


@method("random-network", kinds=("represent",))
@dataclass(frozen=True)
class RandomNetwork:
    """A convolutional network as it was drawn."""

    def fit(self, task, run):
        from bench.nn.networks import build, describe

        architecture = describe("convnet", channels=task.target.shape[3], outputs=2, widths=[8, 16])
        weights = build(architecture, run.seed_for("init")).state_dict()
        return Prediction(tensors=weights, architecture=architecture)


@method("pixel-likeness", kinds=("similarity",))
@dataclass(frozen=True)
class PixelLikeness:
    """A pair's score falls with its distance in pixels; seeds differ in the pairs they draw."""

    def fit(self, task, run):
        points = flat(task.target)
        distance = ((points[task.pairs[:, 0]] - points[task.pairs[:, 1]]) ** 2).mean(axis=1)
        return Prediction(scores=np.exp(-10 * distance))


@method("answers", kinds=("pairs",))
@dataclass(frozen=True)
class Answers:
    """Each image joins the one of K random images that its answers agree with best."""

    def fit(self, task, run):
        everyone = np.arange(task.answers.n)
        similar, known = task.answers.block(everyone, everyone)
        votes = similar.astype(float) - (known & ~similar)
        chosen = run.rng("init").choice(task.answers.n, task.n_clusters, replace=False)
        return Prediction(assignments=(votes @ votes[chosen].T).argmax(axis=1))


@method("mean-image", kinds=("cluster",), artifact=True)
@dataclass(frozen=True)
class MeanImage:
    """A cell that other cells need."""

    jitter: float = 0.01

    def fit(self, task, run):
        import torch

        mean = flat(task.target).mean(axis=0)
        return Prediction(
            tensors={"mean": torch.from_numpy(mean + self.jitter * run.rng("init").random(64))}
        )


@method("pixels", kinds=(), artifact=True)
@dataclass(frozen=True)
class Pixels:
    """Features for other cells, which the harness scores too."""

    def fit(self, task, run):
        import torch

        return Prediction(tensors={"features": torch.from_numpy(flat(task.target))})


@method("carrier", kinds=("cluster", "adapt", "represent", "similarity", "pairs"))
@dataclass(frozen=True)
class Carrier:
    """Needs another cell, so that one which is not scored by itself gets computed."""

    of: str = "mean-image"

    def needs(self, task):
        return {"passenger": Need(self.of)}

    def fit(self, task, run):
        import torch

        tensors = run.needed("passenger").tensors
        assert all(torch.isfinite(t.double()).all() for t in tensors.values())
        n = len(task.target)
        if hasattr(task, "pairs"):
            return Prediction(scores=np.full(len(task.pairs), 0.5))
        assignments = np.arange(n) % 4
        if type(task).__name__ == "RepresentTask":
            return Prediction(assignments, tensors={"w": torch.zeros(1)}, architecture="none")
        return Prediction(assignments)
