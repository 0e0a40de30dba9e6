"""Terms that adaptation adds to the loss of the source: DANN's domains, and the pairs of CCN+.

Hsu, Lv, Kira, "Learning to cluster in order to transfer across domains and tasks", ICLR 2018,
equation 9; Ganin et al., "Domain-adversarial training of neural networks", JMLR 17, 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from bench.nn import networks
from bench.nn.images.views import Views
from bench.nn.losses import domain, pairs
from bench.nn.networks import transferred
from bench.nn.networks.similarity import SimilarityNet


@dataclass(frozen=True)
class Batch:
    """What one step shows to the terms of the loss: n images of the source, m of the target."""

    step: int
    crops: Tensor
    """Crops of the target, float, (m, channels, size, size), in 0..1."""
    source: Tensor
    """What the classifier's last layer is given of the source, (n, D)."""
    target: Tensor
    """The same of the target, (m, D)."""
    p_source: Tensor
    """Class probabilities of the source, (n, classes)."""
    p: Tensor
    """Class probabilities of the target, (m, classes)."""


Term = Callable[[Batch], Tensor]
"""What is added to the loss: a scalar. A term that is itself trained is a module."""


class Domains(nn.Module):
    """DANN's term: a discriminator whose gradient reaches the features reversed."""

    def __init__(self, features: int, seed: int) -> None:
        super().__init__()
        with networks.seeded(seed):
            self.discriminator = domain.discriminator(features)

    def forward(self, batch: Batch) -> Tensor:
        """The mean of both domains' binary cross-entropies."""
        coefficient = domain.reversal(batch.step)
        return domain.domain_loss(self.discriminator, batch.source, batch.target, coefficient)


@dataclass(frozen=True)
class Clusters:
    """CCN's term: pairs of the target, labelled by a transferred similarity network."""

    labeller: SimilarityNet
    views: Views
    loss: Callable[[Tensor, Tensor], Tensor]
    """A scalar from probabilities (m, classes) and pair labels, bool (m, m)."""

    def __call__(self, batch: Batch) -> Tensor:
        """Equation 9, less the classes' cross-entropy."""
        similar = transferred.label(self.labeller, self.views.clean(batch.crops))
        return self.loss(batch.p, similar)


def both_directions(p: Tensor, similar: Tensor, *, margin: float) -> Tensor:
    """Equation 9: the mean over ordered pairs of the contrastive cost of both their divergences.

    The label of (i, j) holds for KL(p_i || p_j) and for KL(p_j || p_i), so that each divergence
    meets the labels of both orders, which need not agree.

    Args:
        p: Probabilities, float, (m, K).
        similar: Bool, (m, m).
        margin: What a dissimilar pair's divergence must reach, in nats.

    Returns:
        A scalar.
    """
    orders = similar.float()
    return 2.0 * pairs.kcl(p, (orders + orders.T) / 2.0, margin=margin)
