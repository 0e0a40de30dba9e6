"""Features of a task's images by a frozen network, computed once for every cell that reads them.

The first stage of TSP (Zhou and Zhang, "Deep clustering with features from self-supervised
pretraining", 2022), section 3.1: DINO's CLS token after the final norm, or a ResNet's pooled map.
The paper says nothing of the size of its images; here the whole image is resized to that of the
network, bicubic, and `transform` = "crop" has the protocol of DINO's own evaluation. Its networks
are files of `bench.weights`; with `network` = "dino" one is trained here, by `methods/dino.py`.

    python -m bench run tsp --weights DIR

asks for it with files. Both presets are alike; a cell that was stopped goes on after its last block
of images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from bench import weights
from bench.declared import refuse_below
from bench.nn import networks
from bench.nn.images.tensors import to_tensor
from bench.nn.networks.features import evaluating
from bench.nn.networks.sized import has_size, sized
from bench.registry import method
from bench.tasks import Method, Need, Prediction, Run, Task, TaskInfo

_DINO = "dino"
_AT_ONCE = 25
"""Images that a network is given on a CPU: of 250, what a layer leaves is in no cache any more when
the next one reads it, at two thirds of the speed (`python -m benchmarks.features`). The features
were the same bytes where it was tried."""


@dataclass(frozen=True)
class Pretrained(Method):
    """Which network gives features, and how images look to it.

    Methods inherit these parameters in place of nesting them: a cell's key holds them by their
    own names.
    """

    network: str = "vit_small_patch16_224.dino"
    """A file of `bench.weights`, or "dino": a network trained here (TSP-ViT1; TSP-ViT2 has
    vit_base_patch16_224.dino, TSP-ResNet resnet50.dino)."""
    pretraining: str = ""
    """With "dino": the task whose images it is trained on, the white sheep, such as
    "mnist/represent"; "": the cell's own, where that is a task to learn representations on."""
    dino_seed: int = 0
    """Seed of that training: all seeds share one network."""
    invert: bool = False
    """Take the images' negatives, for a network that learned from dark ink where ink is bright."""
    standardise: bool = False
    """Give each dimension of these images' features mean 0 and deviation 1: for small networks,
    whose features have most of their length in common."""

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The network; raises ValueError where nothing says what it is to be trained on."""
        if self.network != _DINO:
            return {"network": weights.need(self.network)}
        if not self.pretraining and task.kind != "represent":
            raise ValueError("network = 'dino' needs pretraining, such as 'digits/represent'")
        return {"network": Need(_DINO, task=self.pretraining or None, seed=self.dino_seed)}


@dataclass(frozen=True)
class Frozen(Pretrained):
    """Features of a network that learns no more."""

    transform: Literal["whole", "crop"] = "whole"
    """"whole": resized to the network's size; "crop": to 256 / 224 of it, and the middle taken.
    TSP's paper does not say."""
    normalise: bool = False
    """Divide each image's features by their Euclidean norm."""


@method("features", kinds=(), artifact=True)
@dataclass(frozen=True)
class Features(Frozen):
    """Features of a frozen network."""

    block: int = 250
    """Images at a time, and between two checkpoints."""

    def __post_init__(self) -> None:
        refuse_below(1, self, "block")
        if self.pretraining and self.network != _DINO:
            raise ValueError(f"pretraining = '{self.pretraining}' needs network = 'dino'")

    def fit(self, task: Task, run: Run) -> Prediction:
        """Features of `task.target`, "features", float32 (N, D), in its order.

        Raises:
            ValueError: the network is none that takes images of one size, or a feature is NaN.
        """
        needed, images = run.needed("network"), task.target
        network = networks.load(needed.architecture, needed.tensors).to(run.device)
        if not has_size(network):
            raise ValueError(f"network '{self.network}' says nothing of the size of its images")
        at_once = self.block if run.device == "cuda" else _AT_ONCE
        state = run.resume()
        blocks: list[Tensor] = state["blocks"] if state else []
        with evaluating(network):
            for start in range(len(blocks) * self.block, len(images), self.block):
                x = to_tensor(images[start : start + self.block], run.device)
                x = sized(x, network, crop=self.transform == "crop", invert=self.invert)
                parts = [network.features(few) for few in torch.split(x, at_once)]
                blocks.append(self._finished(torch.cat(parts).cpu()))
                run.progress(min(start + self.block, len(images)), len(images))
                run.checkpoint({"blocks": blocks})
        features = torch.cat(blocks)
        if self.standardise:
            mean, deviation = moments(features)
            features = (features - mean) / deviation
        if self.normalise:
            features = functional.normalize(features)
        return Prediction(tensors={"features": features})

    def _finished(self, features: Tensor) -> Tensor:
        """A block's features, checked while it is not too late for the other blocks."""
        if not torch.isfinite(features).all():
            raise ValueError(f"network '{self.network}': its features hold NaN or infinite values")
        return features


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each dimension of features (N, D), (D,) each.

    The deviation is 1 where images do not differ, which stay 0 when they are divided by it.
    """
    deviation = features.std(dim=0, correction=0)
    return features.mean(dim=0), torch.where(deviation > 0, deviation, 1.0)


@dataclass(frozen=True)
class OnFeatures(Frozen):
    """A method on features that a cell of its own has computed, for all of its seeds."""

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The features, of one cell for all seeds."""
        names = ("network", "pretraining", "dino_seed", "transform", "invert", "standardise")
        return {"features": Need("features", {n: getattr(self, n) for n in names}, seed=0)}

    def features(self, run: Run) -> Tensor:
        """Those of the task's images, float32 (N, D), on the run's device."""
        found = run.needed("features").tensors["features"].to(run.device).float()
        return functional.normalize(found) if self.normalise else found
