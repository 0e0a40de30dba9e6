"""A similarity network with random weights, and what `similarity-test` says by it of six images."""

from typing import Any

import numpy as np
import numpy.typing as npt
from fake_run import FakeRun

from bench import registry
from bench.nn.images.views import Views
from bench.nn.networks import transferred
from bench.tasks import Labelled, Prediction, SimilarityTask

IMAGES = np.random.default_rng(0).integers(256, size=(6, 12, 12, 1), dtype=np.uint8)


def untrained() -> Prediction:
    """The network, which has an opinion on any pair."""
    architecture = transferred.describe(1, (8, 16), Views(size=8, mean=0.1, std=0.3))
    network, _ = transferred.build(architecture, seed=2)
    return Prediction(tensors=network.state_dict(), architecture=architecture)


def asked(network: Prediction, **params: Any) -> npt.NDArray[np.floating]:
    """Scores of all ordered pairs of the images, (6, 6)."""
    pairs = np.stack(np.meshgrid(range(6), range(6), indexing="ij"), axis=-1).reshape(-1, 2)
    auxiliary = Labelled(IMAGES[:0], np.zeros(0, np.int64), 0)
    task = SimilarityTask("made/pairs", auxiliary, IMAGES, pairs)
    method = registry.get("similarity-test").build(params)
    scores = method.fit(task, FakeRun(needs={"similarity": network})).scores
    assert scores is not None
    return scores.reshape(6, 6)
