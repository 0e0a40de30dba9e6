"""The harness's own measuring cell: how well classes can be read off another cell's network.

SeLa's protocol (Asano, Rupprecht, Vedaldi, ICLR 2020; tables 2, 5 and 6): a linear classifier on
each block, and neighbours' votes on the final features. It holds the training labels, which the
method that made the network never saw, and imports no method. With `crops` and `mirror` a
classifier learns from other views of the training images in each epoch, as SeLa's do; without, from
features that are made once. Neighbours are those of clean images.

Features of the training images that take more than `memory` are made anew, a batch at a time, in
each epoch: 1.3 million images of 9,600 numbers would take 49 GB. Those of the test images, of more
than `dims` numbers each, are never held whole. Where the network's own labels came with it, so do
those that it gives to the test images: its first head's, as SeLa's figures A.6 and A.8 show.

    python -m bench run my.toml            with a table whose task is digits/represent

adds this cell to each of the row's by itself; in the quick preset it takes a few seconds on the
digits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.declared import of_data
from bench.nn import probes
from bench.nn.images.tensors import flip
from bench.nn.images.views import described
from bench.nn.images.windows import middle, random_windows
from bench.nn.networks import load
from bench.nn.networks.base import Network
from bench.nn.networks.features import extract
from bench.registry import method
from bench.tasks import Images, Ints, Labelled, Method, Prediction, ProbeTask, Run

_MEMORY = 4 * 2**30
_BATCH = 1000
"""Images at a time of features that are kept."""
_BY_DATA = {name: {"mirror": False} for name in ("digits", "mnist", "omniglot", "svhn", "usps")}
"""What data sets of letters or digits decide: a mirror image of one is another, or none."""


@method(
    "probe",
    kinds=("probe",),
    quick={"limit": 1024, "epochs": 12, "milestones": (4, 8)},
    neutral={"memory": _MEMORY, "centre": 1.0, "crops": False, "mirror": False},
)
@dataclass(frozen=True)
class Probe(Method):
    """Linear and nearest-neighbour accuracy of a frozen network."""

    limit: int = 9600
    """Features of a block at most; larger maps are max-pooled."""
    epochs: int = 36
    """Epochs that each linear classifier is trained for."""
    learning_rate: float = 0.01
    """Learning rate of SGD at the start."""
    milestones: tuple[int, ...] = (5, 15, 25)
    """Epochs at which the learning rate falls to a fifth."""
    k: int = 50
    """Neighbours; all training images vote where there are fewer."""
    sigma: float = 0.1
    """Temperature of the votes."""
    dims: int = 128
    """Principal components that the neighbours are found in; fewer features are used as is."""
    memory: int = _MEMORY
    """Bytes that the features of all training images may take: a block's for its classifier, the
    final ones for their principal components. Larger ones are made anew whenever they are needed:
    the same up to rounding. It bounds the similarities held at a time as well."""

    centre: float = 1.0
    """Share of an image's height and width, its middle, that the network is shown: 0.875 is
    SeLa's 224 of 256 pixels."""
    crops: bool = False
    """Whether classifiers learn from windows of that share at random places."""
    mirror: bool = False
    """Whether they learn from random flips from left to right, but of letters and digits."""

    def __post_init__(self) -> None:
        if self.memory < 0:
            raise ValueError(f"memory = {self.memory} must be at least 0 bytes")
        if min(self.dims, self.limit) < 1:
            raise ValueError(f"dims = {self.dims} and limit = {self.limit} must be at least 1")
        if not 0 < self.centre <= 1:
            raise ValueError(f"centre = {self.centre} must lie above 0 and be at most 1")
        if self.crops and self.centre == 1:
            raise ValueError("crops of whole images are these images: give a centre below 1")

    def decided(self, task: str) -> dict[str, Any]:
        """No flips of characters."""
        return of_data(_BY_DATA, task) if self.mirror else {}

    def fit(self, task: ProbeTask, run: Run) -> Prediction:
        """Fit on the training images, rank the classes of the test images (best five)."""
        return replace(self, **self.decided(task.name))._fit(task, run)

    def _fit(self, task: ProbeTask, run: Run) -> Prediction:
        needed = run.needed("network")
        network = _Prepared(needed.architecture, needed.tensors).to(run.device)
        done: dict[str, Any] = run.resume() or {}
        names = network.block_names(task.target[:1])
        for index, name in enumerate(names):
            if f"linear {name}" not in done:
                done[f"linear {name}"] = self._linear(network, name, task, run)
                run.progress(index + 1, len(names) + 1)
                run.checkpoint(done)
        classes = {**done, "knn": self._neighbours(network, task)}
        return Prediction(
            classes={name: np.asarray(ranked) for name, ranked in classes.items()},
            assignments=self._pseudo_classes(network, needed, task.target),
        )

    def _linear(self, network: Network, block: str, task: ProbeTask, run: Run) -> Any:
        """Ranked classes of the test images by a linear classifier on one block."""

        def pooled(x: Tensor) -> Tensor:
            return probes.pool(network.blocks(x)[block], self.limit)

        train, test = self._both(network, task, pooled)
        ranked = probes.linear_probe(
            self._kept(train),
            _labels(task.train),
            test,
            views=self._views(network, task, pooled, run.generator("augment")),
            n_classes=task.train.n_classes,
            generator=run.generator("batches"),
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            milestones=self.milestones,
            device=run.device,
        )
        return ranked.numpy()

    def _neighbours(self, network: Network, task: ProbeTask) -> Any:
        """Ranked classes of the test images by their neighbours' votes."""
        train, test = self._both(network, task)
        n = len(train)
        if n >= self.dims and train.width > self.dims:
            found = probes.pca(self._kept(train), test, self.dims)
        else:
            found = train.all(), test.all()
        ranked = probes.weighted_knn(
            found[0],
            _labels(task.train),
            found[1],
            k=min(self.k, n),
            sigma=self.sigma,
            n_classes=task.train.n_classes,
            block=max(1, min(1000, self.memory // (4 * n))),
        )
        return ranked.numpy()

    def _kept(self, made: _Made) -> probes.Features:
        """Features as a tensor, where it fits."""
        return made.all() if 4 * len(made) * made.width <= self.memory else made

    def _both(
        self, network: Network, task: ProbeTask, of: Callable[[Tensor], Tensor] | None = None
    ) -> tuple[_Made, _Made]:
        """Features of the training and of the test images."""
        return (
            _Made(network, task.train.images, of, self._middle),
            _Made(network, task.target, of, self._middle),
        )

    def _middle(self, images: Images) -> Images:
        return middle(images, self.centre)

    def _views(
        self,
        network: Network,
        task: ProbeTask,
        of: Callable[[Tensor], Tensor],
        generator: torch.Generator,
    ) -> _Made | None:
        """Features of other views of the training images each time; None where it has one view."""
        if not self.crops and not self.mirror:
            return None

        def windows(images: Images) -> Images:
            return random_windows(images, self.centre, generator)

        def mirrored(x: Tensor) -> Tensor:
            return of(flip(x, generator))

        shown = windows if self.crops else self._middle
        return _Made(network, task.train.images, mirrored if self.mirror else of, shown)

    def _pseudo_classes(
        self, network: _Prepared, needed: Prediction, images: Images
    ) -> Ints | None:
        """The first head's likeliest class of each image, int64, (M,); None if it has no classes.

        The needed cell's labels of all heads, (N, heads), say how many heads share the outputs.
        """
        labels = needed.classes.get("heads")
        if needed.assignments is None or labels is None:
            return None
        outputs = _Made(network, images, network.outputs, self._middle)
        own = outputs.width // labels.reshape(len(labels), -1).shape[1]
        parts = torch.split(torch.arange(len(images)), _BATCH)
        return torch.cat([outputs[rows][:, :own].argmax(dim=1) for rows in parts]).numpy()


class _Made:
    """Features of images, made by the network when they are asked for."""

    def __init__(
        self,
        network: Network,
        images: Images,
        of: Callable[[Tensor], Tensor] | None,
        shown: Callable[[Images], Images],
    ) -> None:
        self._network, self._images, self._of, self._shown = network, images, of, shown

    @cached_property
    def width(self) -> int:
        """D."""
        return self[torch.arange(1)].shape[1]

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Float32, (len(rows), D), on the CPU; raises ValueError where one is not finite."""
        return extract(self._network, self._shown(self._images[rows.numpy()]), of=self._of)

    def all(self) -> Tensor:
        """Those of all images, (N, D)."""
        found = torch.empty(len(self), self.width)
        for rows in torch.split(torch.arange(len(self)), _BATCH):
            found[rows] = self[rows]
        return found


class _Prepared(Network):
    """A network that is given images as they are, and prepares them as it was trained on them."""

    def __init__(self, architecture: str, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.network = load(architecture, tensors)
        self.views = described(architecture) if "views" in json.loads(architecture) else None

    def _prepared(self, x: Tensor) -> Tensor:
        return self.views.clean(x) if self.views else x

    def blocks(self, x: Tensor) -> dict[str, Tensor]:
        return self.network.blocks(self._prepared(x))

    def block_names(self, images: Images) -> list[str]:
        """Found by running images through."""
        names: list[str] = []

        def note(x: Tensor) -> Tensor:
            names.extend(self.blocks(x))
            return torch.zeros(len(x), 1)

        extract(self, images, of=note)
        return names

    def outputs(self, x: Tensor) -> Tensor:
        """The logits of all heads, (n, heads · K), the first head's first."""
        found: Tensor = self.network(self._prepared(x))
        return found

    def features(self, x: Tensor) -> Tensor:
        return self.network.features(self._prepared(x))


def _labels(part: Labelled) -> Tensor:
    return torch.from_numpy(np.array(part.labels))
