"""CCN+ and CCN++: classes of a labelled domain, and clusters of another by transferred similarity.

Hsu, Lv, Kira, "Learning to cluster in order to transfer across domains and tasks", ICLR 2018,
sections 3.3 and 4.3: SVHN to MNIST 89.1 by CCN+, and 52.0 from the source alone (table 12).

    python -m bench run ccn --methods source-only,ccn+,ccn++

The classifier of `methods/adapt.py` with one term more: pairs of the target, which a similarity
network that was trained elsewhere labels. CCN++ adds DANN's discriminator of the two domains.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

from torch import Tensor

from bench.nn.images.views import Views
from bench.nn.losses import pairs
from bench.nn.networks import transferred
from bench.nn.networks.similarity import SimilarityNet
from bench.registry import method
from bench.tasks import Need, Run, TaskInfo

from .adapt import NEUTRAL, QUICK, Adaptation, Batch, Domains, Term


@method("ccn+", kinds=("adapt",), quick=QUICK, neutral={**NEUTRAL, "directions": "one"})
@dataclass(frozen=True)
class CCNPlus(Adaptation):
    """Classification of the source and clustering of the target by one network."""

    WORKS_ON: ClassVar[tuple[str, ...]] = ("target_batch",)
    losses: ClassVar[tuple[str, ...]] = ("LCO", "CE")
    target_batch: int = 96
    pair_loss: Literal["kcl", "mcl"] = "kcl"
    """The paper's contrastive loss, or the authors' later likelihood."""
    margin: float = 2.0
    """What a dissimilar pair's divergence must reach, in nats; for "kcl"."""
    directions: Literal["both", "one"] = "both"
    """For "kcl": each ordered pair costs its divergence in both directions, as equation 9 has it,
    or in one, as in the released code of CCN: half of that where labels are symmetric."""
    similarity_mode: Literal["train", "eval"] = "train"
    """Batch-norm of the similarity network: statistics of the batch, or of its own training."""
    similarity_seed: int | None = None
    """Seed of the similarity network; None: one for each seed."""
    invert: bool = False
    """What the similarity network sees of the target; its own setting is for what trained it."""

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The similarity network, one for all tasks with the same auxiliary set; weights."""
        similarity = transferred.need(task, self.similarity_seed)
        return {"similarity": similarity, **super().needs(task)}

    def terms(self, run: Run) -> list[Term]:
        """Clustering by pairs."""
        needed = run.needed("similarity")
        labeller, views = transferred.load(needed.architecture, needed.tensors, invert=self.invert)
        labeller.to(run.device).train(self.similarity_mode == "train")
        kcl = both_directions if self.directions == "both" else pairs.kcl
        loss = partial(kcl, margin=self.margin) if self.pair_loss == "kcl" else pairs.mcl
        return [Clusters(labeller, views, loss)]


@method("ccn++", kinds=("adapt",), quick=QUICK, neutral={**NEUTRAL, "directions": "one"})
@dataclass(frozen=True)
class CCNPlusPlus(CCNPlus):
    """CCN+ with the discriminator of DANN."""

    WORKS_ON: ClassVar[tuple[str, ...]] = ("bottleneck", "target_batch")
    losses: ClassVar[tuple[str, ...]] = ("LCO", "CE", "DA")
    bottleneck: int = 256

    def terms(self, run: Run) -> list[Term]:
        """Clustering by pairs, and the discriminator of the two domains."""
        return [*super().terms(run), Domains(self.bottleneck, run.seed_for("init") + 2)]


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
