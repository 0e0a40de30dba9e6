"""Two made-up domains, and adaptation between them, for the tests of `methods/adapt.py`."""

import sys
from dataclasses import replace

import numpy as np
import torch
from fake_run import FakeRun

from bench import registry
from bench.nn import training
from bench.nn.images.views import Views
from bench.nn.networks import transferred
from bench.tasks import AdaptTask, Labelled, Prediction

ALL = ("source-only", "dann", "ccn+", "ccn++")
PAIRED = ("ccn+", "ccn++")
SMALL = {"widths": (4, 8), "size": 8, "iterations": 6}


def similarity():
    """A similarity network with fresh weights; its statistics make both answers occur."""
    architecture = transferred.describe(1, (4, 8), Views(size=8))
    network, views = transferred.build(architecture, seed=5)
    x = torch.from_numpy(domains()[0].target).permute(0, 3, 1, 2) / 255
    for _ in range(40):
        transferred.label(network.train(), replace(views, invert=False).clean(x))
    return Prediction(tensors=training.weights(network), architecture=architecture)


def domains(each=20, classes=3):
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


def build(name, **params):
    return registry.get(name).build({**SMALL, **params})


def module():
    registry.get("ccn+")
    return sys.modules["bench_methods.adapt"]


def fit(name, needed, run=None, task=None, **params):
    run = run or FakeRun()
    run.needs["similarity"] = needed
    return build(name, **params).fit(task or domains()[0], run).assignments
