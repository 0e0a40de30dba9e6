"""DEC: Xie, Girshick, Farhadi, "Unsupervised Deep Embedding for Clustering Analysis", ICML 2016.

The DEC row of "Deep image category discovery using a transferred similarity function", table 2:
ACC .843 on MNIST, there under MNIST-train, in DEC's own paper on all 70,000 images. (The DEC row
of SUPREME's table 1 starts from DTC's convolutional network instead and is another method.)

    python -m bench run mnist --methods dec --preset paper --device cuda

needs a GPU: 300,000 iterations of pretraining on 256 images. The quick preset has narrower layers
and 800 iterations in all: on the 1,797 digits about 5 s a seed for the autoencoder, 2 s for DEC.
Layer sizes, iterations, learning rates and dropout are of the paper's section 4.3; pixels times
0.02 and the 20 restarts are of the released code. Where the two disagree, `recipe` says which is
followed, but for two things: targets are refreshed once per epoch, as that code does without an
interval of its own, and every 160 batches by `update_interval`; and biases learn as fast as
weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor
from torch.nn import functional

from bench.declared import refuse_below
from bench.nn import training
from bench.nn.clustering.kmeans import kmeans
from bench.nn.images.tensors import to_tensor
from bench.nn.losses.student import SoftClusters, kl_divergence, target_distribution
from bench.nn.networks import build, describe, load
from bench.nn.networks.autoencoder import AutoEncoder
from bench.nn.networks.features import extract
from bench.registry import method
from bench.tasks import ClusterTask, Method, Need, Prediction, Run, TaskInfo

Recipe = Literal["text", "released"]
"""What the paper writes, or what its released code does where that is another thing."""


@method(
    "autoencoder",
    kinds=("cluster",),
    artifact=True,
    quick={
        "widths": (200, 200, 500, 10),
        "layer_iterations": 100,
        "finetune_iterations": 400,
    },
    neutral={"recipe": "text"},
)
@dataclass(frozen=True)
class StackedAutoencoder(Method):
    """Stacked denoising autoencoder, which DEC starts from whatever the number of clusters."""

    recipe: Recipe = "text"
    """"text": a layer's input and code are both dropped from, as the paper writes; "released": not
    from the pixels and not from the last code, half the squared error, and images in one order."""
    widths: tuple[int, ...] = (500, 500, 2000, 10)
    """Units of the encoder's layers, the last of which is the code."""
    layer_iterations: int = 50_000
    """Steps for each layer's encoder and decoder, rounded to whole epochs, one at least."""
    finetune_iterations: int = 100_000
    """Steps for all layers together, without dropout, rounded likewise."""
    learning_rate: float = 0.1
    """Learning rate of SGD on the squared error averaged over batch and units."""
    decay_every: int = 20_000
    """Iterations of a stage after which the learning rate is a tenth."""
    momentum: float = 0.9
    """Momentum of SGD."""
    batch_size: int = 256
    """Images in a batch."""
    dropout: float = 0.2
    """Share of a layer's input and of its code that is dropped while it is trained alone."""
    scale: float = 0.02
    """What pixels in 0..255 are multiplied by."""

    def __post_init__(self) -> None:
        if min(self.widths, default=0) < 1:
            raise ValueError(f"widths = {self.widths} must be one or more numbers of at least 1")

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Train layer by layer, then end to end; gives back the autoencoder's weights."""
        data = to_tensor(task.target, run.device).contiguous()
        architecture = describe(
            "autoencoder",
            inputs=data[0].numel(),
            widths=list(self.widths),
            scale=255.0 * self.scale,
        )
        network = cast(AutoEncoder, build(architecture, run.seed_for("init")))
        network = network.to(run.device)
        plan = self._plan(len(data))
        state = run.resume()
        start = state["done"] if state else 0
        optimiser = self._optimiser(network, depth=plan[max(start - 1, 0)][0])
        order, noise = run.generator("batches"), run.generator("augment")
        if state:
            training.unpack(state, network=network, optimiser=optimiser, order=order, noise=noise)
        for done, (depth, epoch, rate) in enumerate(plan[start:], start=start + 1):
            if epoch == 0:
                optimiser = self._optimiser(network, depth)
            training.set_learning_rate(optimiser, rate)
            losses = []
            for rows in _batches(len(data), self.batch_size, order, self.recipe):
                loss = self._loss(network, depth, data[rows], noise)
                losses.append(training.step(optimiser, loss))
            run.log(done, loss=sum(map(float, losses)) / len(losses))
            run.progress(done, len(plan))
            kept = training.pack(network=network, optimiser=optimiser, order=order, noise=noise)
            run.checkpoint({"done": done, **kept})
        return Prediction(tensors=training.weights(network), architecture=architecture)

    def _plan(self, n: int) -> list[tuple[int | None, int, float]]:
        """For each epoch of all stages: depth (None: all layers), epoch and learning rate."""
        steps = math.ceil(n / self.batch_size)
        plan: list[tuple[int | None, int, float]] = []
        for depth in (*range(len(self.widths)), None):
            iterations = self.finetune_iterations if depth is None else self.layer_iterations
            for epoch in range(max(1, round(iterations / steps))):
                rate = self.learning_rate * 0.1 ** (epoch * steps // self.decay_every)
                plan.append((depth, epoch, rate))
        return plan

    def _optimiser(self, network: AutoEncoder, depth: int | None) -> torch.optim.SGD:
        layers = [network] if depth is None else [network.encoders[depth], network.decoders[depth]]
        parameters = [p for layer in layers for p in layer.parameters()]
        return torch.optim.SGD(parameters, lr=self.learning_rate, momentum=self.momentum)

    def _loss(
        self, network: AutoEncoder, depth: int | None, x: Tensor, noise: torch.Generator
    ) -> Tensor:
        """Squared error of the reconstruction: of the pixels, or of one layer's input."""
        released = self.recipe == "released"
        scale = 0.5 if released else 1.0
        if depth is None:
            return scale * functional.mse_loss(network(x), network.scaled(x))
        with torch.no_grad():
            clean = network.scaled(x)
            for below in range(depth):
                clean = network.encode(below, clean)
        drops = self.dropout * (not released or depth > 0)
        code = network.encode(depth, _drop(clean, drops, noise))
        drops = self.dropout * (not released or depth < len(self.widths) - 1)
        rebuilt = network.decode(depth, _drop(code, drops, noise))
        return scale * functional.mse_loss(rebuilt, clean)


def _batches(n: int, size: int, order: torch.Generator, recipe: Recipe) -> Iterable[Tensor]:
    """The rows of one epoch's batches: shuffled, or in the data's own order, which says nothing."""
    if recipe == "text":
        return training.batches(n, size, order)
    return torch.split(torch.arange(n), size)


def _drop(x: Tensor, rate: float, generator: torch.Generator) -> Tensor:
    """Dropout with a generator of its own, which torch's takes from the global one."""
    kept = torch.rand(x.shape, generator=generator).to(x.device) >= rate
    return x * kept / (1.0 - rate)


@method(
    "dec",
    kinds=("cluster",),
    quick={"max_epochs": 30},
    neutral={"recipe": "text", "pretrained_on": "", "update_interval": 0},
)
@dataclass(frozen=True)
class DEC(Method):
    """Deep embedded clustering: encoder and centres move towards their own sharpened targets."""

    recipe: Recipe = "text"
    """That of the autoencoder. "released" also forgets the momentum at each refresh of the targets,
    and takes images in one order."""
    pretrained_on: str = ""
    """The task whose images the autoencoder learns from: "mnist/train", 60,000 of the 70,000 that
    are clustered, in the released code; "": this one."""
    n_init: int = 20
    """Restarts of the K-means that places the centres."""
    alpha: float = 1.0
    """Degrees of freedom of Student's t."""
    learning_rate: float = 0.01
    """Learning rate of SGD."""
    momentum: float = 0.9
    """Momentum of SGD."""
    batch_size: int = 256
    """Images in a batch."""
    update_interval: int = 0
    """Batches between two refreshes of the targets, 160 for MNIST in the released code; 0: an
    epoch's."""
    tolerance: float = 0.001
    """Stop when fewer than this share of images changed cluster between two refreshes."""
    max_epochs: int = 100
    """Stop here at the latest; the paper names no limit."""

    def __post_init__(self) -> None:
        refuse_below(1, self, "n_init")
        refuse_below(0, self, "update_interval")

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The autoencoder, one for all numbers of clusters."""
        own = {} if self.recipe == "text" else {"recipe": self.recipe}
        return {"autoencoder": Need("autoencoder", own, task=self.pretrained_on or None)}

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Alternate: targets from all images, then an epoch of SGD, or so, towards them."""
        needed = run.needed("autoencoder")
        network = load(needed.architecture, needed.tensors).to(run.device)
        codes = extract(network, task.target).numpy()
        _, centres = kmeans(codes, task.n_clusters, run.seed_for("init"), n_init=self.n_init)
        clusters = SoftClusters(torch.from_numpy(centres), self.alpha).to(run.device)
        parameters = [*network.parameters(), *clusters.parameters()]  # no loss reaches decoders
        optimiser = torch.optim.SGD(parameters, lr=self.learning_rate, momentum=self.momentum)
        order = run.generator("batches")
        per_epoch = math.ceil(len(task.target) / self.batch_size)
        epochs = training.Epochs(
            run,
            math.ceil(self.max_epochs * per_epoch / (self.update_interval or per_epoch)),
            network=network,
            clusters=clusters,
            optimiser=optimiser,
            order=order,
        )

        def assign(x: Tensor) -> Tensor:
            soft: Tensor = clusters(network.features(x))
            return soft

        data = to_tensor(task.target, run.device).contiguous()
        q = extract(network, task.target, of=assign)
        if epochs.done == 0:
            run.snapshot(0, q.argmax(dim=1).numpy())
        for epoch in epochs:
            labels, p = q.argmax(dim=1), target_distribution(q).to(run.device)
            if self.recipe == "released":
                optimiser.state.clear()
            for rows in self._until_refresh(len(data), epoch, order):
                epochs.step(optimiser, kl_divergence(p[rows], assign(data[rows])))
            q = extract(network, task.target, of=assign)
            changed = (q.argmax(dim=1) != labels).double().mean().item()
            run.snapshot(epoch + 1, q.argmax(dim=1).numpy())
            epochs.note(changed=changed)
            if changed < self.tolerance:
                epochs.stop()
        return Prediction(assignments=q.argmax(dim=1).numpy())

    def _until_refresh(self, n: int, done: int, order: torch.Generator) -> Sequence[Tensor]:
        """The rows of each batch until the targets are made anew, which `done` times they were.

        Images in one order go on where they stopped; in a random one each time draws its own.
        """
        every = [*_batches(n, self.batch_size, order, self.recipe)]
        first = done * self.update_interval
        return [every[(first + i) % len(every)] for i in range(self.update_interval)] or every
