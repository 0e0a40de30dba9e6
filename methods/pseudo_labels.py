"""SeLa's pseudo-labels: every head's label of every image, and how they are made anew.

Asano, Rupprecht, Vedaldi, "Self-labelling via simultaneous clustering and representation learning",
ICLR 2020: balanced optimal transport (equations 5 to 8), or K-means as in DeepCluster (table 8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import normalized_mutual_info_score
from torch import Tensor, nn
from torch.nn import functional

from bench.nn.clustering.transport import FactorsApart, Stop, balance
from bench.nn.images.views import Views
from bench.nn.networks.base import Network
from bench.nn.networks.features import evaluating
from bench.tasks import Images, Run

if TYPE_CHECKING:
    from .sela import SeLa


class PseudoLabels:
    """The labels of all images, those of every head, and what makes them anew.

    Images stay the bytes that they are given as, and become floats a batch at a time.
    """

    labels: Tensor
    """int64, (heads, N), on the run's device; changed in place."""
    done: Tensor
    """Relabellings so far, int64, (); changed in place."""

    def __init__(
        self, method: SeLa, network: Network, images: Images, crops: Views, run: Run
    ) -> None:
        self.method, self.network, self.images, self.run = method, network, images, run
        self._crops = crops
        n, drawn = len(images), run.generator("labels")
        each = [torch.randperm(n, generator=drawn) % method.clusters for _ in range(method.heads)]
        self.labels = torch.stack(each).to(run.device)
        self.times = relabelling_times(n, method.epochs, method.relabellings, method.schedule)
        self.done = torch.zeros((), dtype=torch.int64)
        self.generator = run.generator("augment")
        """What views are drawn from, for labels and for training."""

    def view(self, rows: Tensor) -> Tensor:
        """Random views of some images, float32, (n, channels, size, size)."""
        chosen = self.images[rows.numpy()]
        return self.method.view(chosen, self._crops, self.run.device, self.generator)

    def relabel_if_due(self, seen: int) -> None:
        """New labels for the heads whose turn it is, if it is time after `seen` images."""
        done = int(self.done)
        if done == len(self.times) or seen < self.times[done]:
            return
        everyone = self.method.relabel == "all"
        heads = list(range(self.method.heads)) if everyone else [done % self.method.heads]
        old = self.labels.clone()
        make = self._by_kmeans if self.method.assignment == "k-means" else self._by_transport
        for head, found in zip(heads, make(heads), strict=True):
            self.labels[head] = found
        changed = (self.labels != old).float().mean(dim=1)[heads].mean()
        self.done += 1
        old_labels, new_labels = (x[heads[0]].cpu().numpy() for x in (old, self.labels))
        alike = normalized_mutual_info_score(old_labels, new_labels)
        self.run.log(done + 1, changed=float(changed), alike=float(alike))

    def _look(self, take: Callable[[Tensor, Tensor], None]) -> None:
        """Hand the features of one random view of each image to `take`, a batch at a time.

        It is given the images' indices, (n,), and their features, (n, D), without gradients.
        """
        with torch.no_grad() if self.method.mode == "train" else evaluating(self.network):
            for rows in self._parts():
                take(rows, self.network.features(self.view(rows)))

    def _features(self) -> Tensor:
        """Features of one random view of each image, (N, D)."""
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
        plan = balance(log_p, self.method.sharpness, stop=stop, overwrite=overwrite)
        if not plan.converged:
            print(f"labels are not balanced to the tolerance: {plan.error:.3g} is left of it")
        return plan.labels

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
        return torch.split(torch.arange(len(self.images)), self.method.batch_size)

    def _by_kmeans(self, heads: list[int]) -> Iterator[Tensor]:
        """Clusters of one view's features."""
        features = self._features().cpu().numpy()
        if self.method.components:
            features = whitened(features, self.method.components)
        return (self._clustered(place, head, features) for place, head in enumerate(heads))

    def _clustered(self, place: int, head: int, features: npt.NDArray[np.float32]) -> Tensor:
        """Clusters of features, (N, D); no numbers of earlier ones: the head is drawn anew.

        Heads that are labelled at the same time start from other centres by their `place`.
        """
        k = self.method.clusters
        begun = int(self.done) + place * len(self.times)
        seed = (self.run.seed_for("k-means") + begun) % 2**32
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


def whitened(features: npt.NDArray[np.float32], components: int) -> npt.NDArray[np.float32]:
    """Principal components of unit variance, each row then of unit length.

    Args:
        features: (N, D).
        components: At most; no more than N or D.

    Returns:
        (N, components).
    """
    count = min(components, *features.shape)
    found = PCA(count, whiten=True, svd_solver="full").fit_transform(features)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    made: npt.NDArray[np.float32] = (found / np.maximum(lengths, 1e-12)).astype(np.float32)
    return made


def relabelling_times(n: int, epochs: int, count: int, schedule: str) -> list[float]:
    """After how many images each relabelling is due, ascending, the first before any training.

    Args:
        n: Images of an epoch.
        epochs: Epochs of training.
        count: Relabellings.
        schedule: "linear" (released CIFAR script) or "quadratic" (released ImageNet script: the
            printed formula is lost, and its text says logarithmic).
    """
    power, end = (2, epochs + 1.01) if schedule == "quadratic" else (1, epochs + 1.0001)
    return [end * n * (k / max(count - 1, 1)) ** power for k in range(count)]
