"""Two made-up domains, for the tests of `methods/adapt.py`, `ccn_plus.py` and `jan.py`."""

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import torch
from fake_run import FakeRun

from bench import registry
from bench.nn import training
from bench.nn.images.views import Views
from bench.nn.networks import transferred
from bench.tasks import AdaptTask, ClusterTask, Images, Ints, Labelled, Prediction

ALL = ("source-only", "dann", "jan", "ccn+", "ccn++")
PAIRED = ("ccn+", "ccn++")
SMALL: dict[str, Any] = {"widths": (4, 8), "size": 8, "iterations": 6}


def similarity() -> Prediction:
    """A similarity network with fresh weights; its statistics make both answers occur."""
    architecture = transferred.describe(1, (4, 8), Views(size=8))
    network, views = transferred.build(architecture, seed=5)
    x = torch.from_numpy(domains()[0].target).permute(0, 3, 1, 2) / 255
    for _ in range(40):
        transferred.label(network.train(), replace(views, invert=False).clean(x))
    return Prediction(tensors=training.weights(network), architecture=architecture)


def domains(each: int = 20, classes: int = 3) -> tuple[AdaptTask, Ints]:
    """A task and the target's labels: clear patterns to classify, and noisy pale labelled ones."""
    rng = np.random.default_rng(0)
    patterns = np.kron(rng.random((classes, 4, 4)) < 0.5, np.ones((2, 2)))
    labels = np.repeat(np.arange(classes), each)
    target = 20 + 200 * patterns[labels] + rng.normal(0, 5, (len(labels), 8, 8))
    source = 130 - 40 * patterns[labels] + rng.normal(0, 20, (len(labels), 8, 8))
    source[:, ::2] += 40
    coloured = np.repeat(source[..., None], 3, axis=3).clip(0, 255).astype(np.uint8)
    task = AdaptTask(
        "made/adapt",
        target[..., None].clip(0, 255).astype(np.uint8),
        Labelled(coloured, labels, classes),
    )
    return task, labels


def transfer_task(n: int = 40, k: int = 2) -> ClusterTask:
    """Bars in two columns to cluster; bars in two others as the source."""
    rng = np.random.default_rng(0)

    def bars(*columns: int) -> tuple[Images, Ints]:
        images, labels = rng.integers(60, size=(n, 8, 8, 1)), np.arange(n) % 2
        for image, label in zip(images, labels, strict=True):
            image[:, columns[label]] += 180
        return images.astype(np.uint8), labels.astype(np.int64)

    (target, _), (images, labels) = bars(1, 6), bars(3, 5)
    return ClusterTask("made/transfer", target, k, source=Labelled(images, labels, 2))


def build(name: str, **params: Any) -> Any:
    """A method with all that is its own."""
    return registry.get(name).build({**SMALL, **params})


def module(name: str = "ccn_plus") -> ModuleType:
    registry.get("ccn+")
    return sys.modules[f"bench_methods.{name}"]


def fit(
    name: str,
    needed: Prediction,
    run: FakeRun | None = None,
    task: AdaptTask | None = None,
    **params: Any,
) -> Ints:
    run = run or FakeRun()
    run.needs["similarity"] = needed
    assignments: Ints = build(name, **params).fit(task or domains()[0], run).assignments
    return assignments
