"""SeLa: a network that learns from labels which it gives itself, each as often as every other.

Asano, Rupprecht, Vedaldi, "Self-labelling via simultaneous clustering and representation learning",
ICLR 2020. Cross-entropy training on fixed pseudo-labels (equation 1) alternates with their
reassignment by balanced optimal transport (equation 8); several heads, each with labels of its own,
share the network (section 3.5).

    python -m bench run digits --methods sela

Images are read as bytes, a batch at a time, and may lie on a disk. Beside the network there are
held, in float32, N x K log-probabilities of each head that is relabelled and a copy of one head's;
where N x D features of each view are smaller, these and the log-probabilities of one head.

Defaults are those of the released CIFAR script. The paper prints lambda = 25 where that script has
10; it sums the losses of the heads where the script averages them, which scales the learning rate.
Colours are changed before the crop, not after it. The quick preset has a small network, images as
they are without flips and colours, fewer clusters, heads and epochs: about 5 s on the 899 digits
of digits/represent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from torch import Tensor, nn
from torch.nn import functional

from bench.nn import training
from bench.nn.clustering.transport import FactorsApart, Stop, balance
from bench.nn.images.colour import greyed, jitter
from bench.nn.images.tensors import flip, to_tensor
from bench.nn.images.views import Views
from bench.nn.networks import build, completed
from bench.nn.networks.base import Network
from bench.nn.networks.features import evaluating
from bench.registry import method
from bench.tasks import Images, Prediction, RepresentTask, Run

_SNAPSHOTS = 20
"""Assignments handed over while training, at most."""


@method(
    "sela",
    kinds=("represent",),
    quick={
        "network": "convnet",
        "size": 0,
        "mean": 0.5,
        "std": 0.5,
        "mirror": False,
        "colour": 0.0,
        "grey": 0.0,
        "clusters": 32,
        "heads": 5,
        "epochs": 40,
        "relabellings": 40,
        "milestones": (24, 32),
    },
)
@dataclass(frozen=True)
class SeLa:
    """Self-labelling by balanced optimal transport."""

    network: str = "alexnet"
    """A name in `bench.nn.networks.known()` with a linear layer `head` on its features, or such a
    network's description with options of its own: `{"name": "alexnet", "variant": "small"}`."""
    clusters: int = 128
    """K, of each head."""
    heads: int = 10
    """T."""
    sharpness: float = 10.0
    """lambda, equation 7; 25 in the paper and for ImageNet."""
    tolerance: float = 0.01
    """Of the transport, see `bench.nn.clustering.transport.Stop`; 0.1 for ImageNet."""
    assignment: Literal["transport", "k-means"] = "transport"
    """How labels are made; "k-means" clusters the features, as DeepCluster does, and draws the head
    anew (table 8's "ours (K-means)")."""
    relabellings: int = 400
    """M; 0 keeps the random labels of the start (table 1)."""
    schedule: Literal["linear", "quadratic"] = "linear"
    """When they take place; quadratic, early ones closer together, for ImageNet."""
    relabel: Literal["next", "all"] = "next"
    """The heads of a relabelling: one after the other, or all of them, as for ImageNet."""
    mode: Literal["train", "eval"] = "train"
    """Of the network while labels are made; the released code leaves it in training mode."""
    views: int = 1
    """Random views of an image whose log-probabilities are averaged for its label (section 3.4);
    K-means takes one."""
    head_loss: Literal["mean", "sum"] = "mean"
    """Over heads; the paper writes the sum."""
    epochs: int = 400
    milestones: tuple[int, ...] = (240, 320)
    """Epochs from which the learning rate is a tenth of what it was."""
    learning_rate: float = 0.03
    momentum: float = 0.9
    weight_decay: float = 5e-4
    batch_size: int = 128
    crop_scale: tuple[float, float] = (0.2, 1.0)
    """Area of the random crops as a fraction of the image's."""
    size: int = 224
    """Height and width that crops are resized to; 0: the images' own."""
    mean: float = 0.473
    """Of CIFAR-10's pixels; the script subtracts it channel by channel."""
    std: float = 0.201
    mirror: bool = True
    """Random flips from left to right."""
    colour: float = 0.4
    """Strength of `bench.nn.images.colour.jitter`."""
    grey: float = 0.2
    """Share of the images that lose their colour."""

    def __post_init__(self) -> None:
        if min(self.clusters, self.heads, self.epochs, self.views, self.batch_size) < 1:
            raise ValueError("clusters, heads, epochs, views and batch_size must be at least 1")
        if self.relabellings < 0:
            raise ValueError(f"relabellings = {self.relabellings} must be at least 0")
        completed(self.network)

    def fit(self, task: RepresentTask, run: Run) -> Prediction:
        """Train and relabel in turn; the first head's labels are the clusters."""
        n = len(task.target)
        if self.clusters > n:
            raise ValueError(f"clusters = {self.clusters} for {n} images: at most one each")
        size = self.size or min(task.target.shape[1:3])
        views = Views(size, False, self.mean, self.std, self.crop_scale)
        options = {"channels": task.target.shape[3], "outputs": self.clusters * self.heads}
        architecture = completed(self.network, **options, views=asdict(views))
        network = build(architecture, run.seed_for("init")).to(run.device).train()
        optimiser = torch.optim.SGD(
            network.parameters(), self.learning_rate, self.momentum, weight_decay=self.weight_decay
        )
        order = run.generator("batches")
        labeller = _Labeller(self, network, task.target, views, run)
        parts = {"network": network, "optimiser": optimiser, "order": order}
        parts |= {"crops": labeller.crops}
        state = run.resume()
        if state:
            training.unpack(state, **parts)
            labeller.labels, labeller.done = state["labels"].to(run.device), int(state["done"])
        for epoch in range(state["epoch"] if state else 0, self.epochs):
            rate = training.step_decay(self.learning_rate, epoch, self.milestones)
            training.set_learning_rate(optimiser, rate)
            torch.manual_seed(run.seed_for(f"dropout {epoch}"))  # AlexNet's, whatever the device
            losses, right = [], 0.0
            for step, rows in enumerate(training.batches(n, self.batch_size, order)):
                labeller.relabel_if_due((epoch * -(-n // self.batch_size) + step) * self.batch_size)
                if len(rows) == 1:
                    continue  # One image has no batch statistics.
                with training.autocast(run.device, run.dtype):
                    logits = network(labeller.view(rows))
                wanted = labeller.labels[:, rows]
                losses.append(training.step(optimiser, self.loss(logits.float(), wanted)))
                right += float(
                    (self._by_head(logits).argmax(dim=2) == wanted).float().mean(0).sum()
                )
            run.log(epoch + 1, loss=sum(losses) / max(len(losses), 1), accuracy=right / n)
            run.progress(epoch + 1, self.epochs)
            labels = labeller.labels
            if (epoch + 1) % max(self.epochs // _SNAPSHOTS, 1) == 0:
                run.snapshot(epoch + 1, labels[0].cpu().numpy())
            state = {"epoch": epoch + 1, "labels": labels, "done": labeller.done}
            run.checkpoint({**state, **training.pack(**parts)})
        return Prediction(
            assignments=labels[0].cpu().numpy(),
            classes={"heads": labels.T.cpu().numpy()},
            tensors=training.weights(network),
            architecture=architecture,
        )

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy, equation 1, over all heads.

        Args:
            logits: (n, heads * clusters), head by head.
            labels: int64, (heads, n).
        """
        loss = functional.cross_entropy(self._by_head(logits).flatten(0, 1), labels.flatten())
        return loss * self.heads if self.head_loss == "sum" else loss

    def _by_head(self, logits: Tensor) -> Tensor:
        """(n, heads * clusters) -> (heads, n, clusters)."""
        return logits.view(len(logits), self.heads, self.clusters).transpose(0, 1)


class _Labeller:
    """The labels of all images and what remakes them: every head's, (heads, N).

    Images stay the bytes that they are given as, and become floats a batch at a time.
    """

    def __init__(
        self, method: SeLa, network: Network, images: Images, views: Views, run: Run
    ) -> None:
        self.method, self.network, self.images, self.run = method, network, images, run
        self.views = views
        n, drawn = len(images), run.generator("labels")
        each = [torch.randperm(n, generator=drawn) % method.clusters for _ in range(method.heads)]
        self.labels = torch.stack(each).to(run.device)
        self.times = relabelling_times(n, method.epochs, method.relabellings, method.schedule)
        self.done = 0
        self.crops = run.generator("augment")

    def view(self, rows: Tensor) -> Tensor:
        """Random views of some images."""
        x = to_tensor(self.images[rows.numpy()], self.run.device)
        x = flip(x, self.crops) if self.method.mirror else x
        x = greyed(jitter(x, self.method.colour, self.crops), self.method.grey, self.crops)
        return self.views.augmented(x, self.crops)

    def relabel_if_due(self, seen: int) -> None:
        """New labels for the heads whose turn it is, if it is time after `seen` images."""
        if self.done == len(self.times) or seen < self.times[self.done]:
            return
        everyone = self.method.relabel == "all"
        heads = list(range(self.method.heads)) if everyone else [self.done % self.method.heads]
        old = self.labels.clone()
        make = self._by_kmeans if self.method.assignment == "k-means" else self._by_transport
        for head, found in zip(heads, make(heads), strict=True):
            self.labels[head] = found
        changed = (self.labels != old).float().mean(dim=1)[heads].mean()
        self.done += 1
        old_labels, new_labels = (x[heads[0]].cpu().numpy() for x in (old, self.labels))
        alike = normalized_mutual_info_score(old_labels, new_labels)
        self.run.log(self.done, changed=float(changed), alike=float(alike))

    def _look(self, take: Callable[[Tensor, Tensor], None]) -> None:
        """Hand the features of one random view of each image to `take`, a batch at a time.

        It is given the images' indices, (n,), and their features, (n, D), without gradients.
        """
        with torch.no_grad() if self.method.mode == "train" else evaluating(self.network):
            for rows in self._parts():
                with training.autocast(self.run.device, self.run.dtype):
                    features = self.network.features(self.view(rows))
                take(rows, features.float())

    def _features(self) -> Tensor:
        """Of one random view of each image, (N, D)."""
        found = self._empty(self._layer.in_features)
        self._look(found.__setitem__)
        return found

    def _by_transport(self, heads: list[int]) -> Iterator[Tensor]:
        """Balanced labels from each head's log-probabilities, averaged over the views.

        These are held for all heads or, where they are larger, the features that they follow from.
        """
        k, views = self.method.clusters, range(self.method.views)
        if len(heads) * k > len(views) * self._layer.in_features:
            held = [self._features() for _ in views]
            yield from (self._from_features(head, held) for head in heads)
            return
        log_p = [self._empty(k).zero_() for _ in heads]

        def add(rows: Tensor, features: Tensor) -> None:
            for head, of_head in zip(heads, log_p, strict=True):
                of_head[rows] += self._log_p(head, features)

        for _ in views:
            self._look(add)
        for of_head in log_p:
            yield self._balanced(of_head.div_(len(views)))

    def _from_features(self, head: int, views: list[Tensor]) -> Tensor:
        """Balanced labels of a head from all images' features, (N, D) for each view."""

        def log_p() -> Tensor:
            made = self._empty(self.method.clusters)
            for rows in self._parts():
                each = [self._log_p(head, features[rows]) for features in views]
                made[rows] = sum(each[1:], start=each[0]) / len(each)
            return made

        with suppress(FactorsApart):  # They were too far apart for one copy of all this.
            return self._balanced(log_p(), overwrite=True)
        return self._balanced(log_p())

    def _balanced(self, log_p: Tensor, *, overwrite: bool = False) -> Tensor:
        """The transport's labels, (N,)."""
        stop = Stop(self.method.tolerance)
        return balance(log_p, self.method.sharpness, stop=stop, overwrite=overwrite).labels

    def _log_p(self, head: int, features: Tensor) -> Tensor:
        """(n, D) -> (n, K)."""
        rows = slice(head * self.method.clusters, (head + 1) * self.method.clusters)
        weight, bias = (p.detach()[rows] for p in self._layer.parameters())
        return functional.linear(features, weight, bias).log_softmax(dim=1)

    def _empty(self, width: int) -> Tensor:
        """A float32 matrix with a row for each image, on the run's device."""
        return torch.empty(len(self.images), width, device=self.run.device)

    def _parts(self) -> Sequence[Tensor]:
        """Indices of all images in order, a batch at a time."""
        return torch.arange(len(self.images)).split(self.method.batch_size)

    def _by_kmeans(self, heads: list[int]) -> Iterator[Tensor]:
        """Clusters of one view's features."""
        features = self._features().cpu().numpy()
        return (self._clustered(head, features) for head in heads)

    def _clustered(self, head: int, features: npt.NDArray[np.float32]) -> Tensor:
        """Clusters of features, (N, D); no numbers of earlier ones: the head is drawn anew."""
        k = self.method.clusters
        seed = (self.run.seed_for("k-means") + self.done) % 2**32
        found = KMeans(k, n_init=1, random_state=seed).fit_predict(features)
        drawn = torch.Generator().manual_seed(seed)
        rows = slice(head * k, (head + 1) * k)
        with torch.no_grad():
            weight = self._layer.weight[rows]
            weight.copy_(0.01 * torch.randn(weight.shape, generator=drawn))
            self._layer.bias[rows] = 0.0
        return torch.from_numpy(found).long().to(self.labels.device)

    @property
    def _layer(self) -> nn.Linear:
        layer = self.network.head
        assert isinstance(layer, nn.Linear)
        return layer


def relabelling_times(n: int, epochs: int, count: int, schedule: str) -> list[float]:
    """After how many images each relabelling is due, ascending, the first before any training.

    Args:
        n: Images of an epoch.
        epochs: Of training.
        count: Relabellings.
        schedule: "linear" (released CIFAR script) or "quadratic" (released ImageNet script: the
            printed formula is lost, and its text says logarithmic).
    """
    power, end = (2, epochs + 1.01) if schedule == "quadratic" else (1, epochs + 1.0001)
    return [end * n * (k / max(count - 1, 1)) ** power for k in range(count)]
