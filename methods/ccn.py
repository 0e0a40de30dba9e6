"""Constrained clustering networks: KCL, which CCN's tables call CCN, and MCL.

Hsu, Lv, Kira, "Learning to cluster in order to transfer across domains and tasks", ICLR 2018,
section 5.1: Omniglot ACC 82.4 with K known and 78.1 with K = 100, the mean of 20 alphabets
(table 1). MCL is from "Multi-class classification without multi-class labels", ICLR 2019; the
authors' released code reports 85.7 and 82.5 for it, and 82.4 and 75.0 for KCL.

    python -m bench run ccn

A transferred similarity network labels the pairs of every batch, and the clustering network
learns to agree with it. Adam at 1e-3 for 150 epochs with a tenth at 100, batches of 100 and the
labelling network's training mode are of the released code. The quick preset has half the channels
and 40 epochs, whose larger and later decaying learning rate makes up for part of the missing steps:
25 to 70 s for an alphabet on one core. That rate was tried on two background alphabets which the
similarity network had not been shown (and, before, on two of the evaluation); batches of 50 gave
less in a run on the evaluation alphabets, and so the published 100 stayed.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from bench import weights
from bench.nn import networks, training
from bench.nn.clustering.unfit import refuse_number
from bench.nn.images.colour import jitter
from bench.nn.images.tensors import flip, to_tensor
from bench.nn.images.views import Views
from bench.nn.losses import pairs
from bench.nn.networks import transferred
from bench.nn.networks.features import extract
from bench.nn.networks.from_timm import TimmNet, convolutions, start_from
from bench.nn.networks.similarity import SimilarityNet
from bench.registry import method
from bench.tasks import ClusterTask, Dtype, Method, Need, Prediction, Run, TaskInfo

_IMAGES = 200
"""Whole images at a time, when clusters are assigned."""
_SNAPSHOTS = 8
"""Points of the curve over training."""
_QUICK = {
    "widths": (32, 64, 128, 128),
    "epochs": 40,
    "milestones": (34,),
    "learning_rate": 3e-3,
}

_NEUTRAL = {
    "weights": "",
    "mean": None,
    "std": None,
    "similarity_layers": (),
    "optimiser": "adam",
    "colour": 0.0,
    "frozen": False,
}
_DTYPES: tuple[Dtype, ...] = ("float32", "bfloat16")


@dataclass(frozen=True)
class PairClustering(Method):
    """A network trained on pair labels that a transferred similarity network gives."""

    losses: ClassVar[tuple[str, ...]] = ("LCO",)
    """The learnable clustering objective, as table 4 of the paper names it."""

    network: str = "vggs"
    """What is trained, or another's description without channels and outputs for
    `bench.nn.networks`, such as `{"name": "convnet", "widths": [32, 64]}`."""
    widths: tuple[int, ...] = (64, 128, 256, 256)
    """Channels of the blocks of VGGS, each of which halves height and width."""
    hidden: int = 512
    """Units of the layer of VGGS before the one of K outputs."""
    similarity_mode: Literal["train", "eval"] = "train"
    """Batch-norm of the labelling network: statistics of the batch, as in the released code, or
    those of its own training, as in the forerunner of 2016."""
    batch_size: int = 100
    """Images in a batch; all its ordered pairs are labelled."""
    epochs: int = 150
    """Passes over the images."""
    milestones: tuple[int, ...] = (100,)
    """Epochs from which the learning rate is a tenth of what it was."""
    learning_rate: float = 1e-3
    """Learning rate."""
    optimiser: training.Optimiser = "adam"
    """"adam", as in the released code, or "sgd", of momentum 0.9, as the papers print."""
    mirror: bool = False
    """Random flips from left to right: for objects, not for letters or digits."""
    invert: bool | None = None
    """Whether ink is dark here; None: as where the similarity was learned."""
    mean: float | None = None
    """Subtracted from pixels in 0..1, for both networks; None: as where the similarity was
    learned. MNIST's own are .1307 and .3081."""
    std: float | None = None
    """What they are divided by."""
    colour: float = 0.0
    """Strength of random colours (`bench.nn.images.colour.jitter`): for photographs."""
    weights: str = ""
    """Name in `bench.weights` of what a "timm" network starts from; "similarity": the trunk of the
    similarity network; "": fresh weights."""
    frozen: bool = False
    """Whether the convolutions of a "timm" network learn nothing. Its fully-connected layers then
    start afresh, as in the paper of 2016, section A.2.2."""
    similarity_layers: tuple[int, ...] = ()
    """`layers` of the similarity network."""
    similarity_seed: int | None = None
    """Seed of the similarity network; None: one for each seed."""
    keep: bool = False
    """Give back the network, for cells that feed other images forward, and its outputs."""

    def __post_init__(self) -> None:
        if min(self.batch_size - 1, self.epochs, self.hidden, *self.widths) < 1:
            raise ValueError("batch_size must be at least 2; epochs, hidden and widths at least 1")
        networks.completed(self.network)

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The similarity network, one for all tasks with the same auxiliary set; weights."""
        similarity = transferred.need(task, self.similarity_seed, self.similarity_layers)
        found = {"similarity": similarity}
        if self.weights not in ("", "similarity"):
            found["initial"] = weights.need(self.weights)
        return found

    def loss(self, p: Tensor, similar: Tensor) -> Tensor:
        """A scalar, of probabilities (n, K) and pair labels, bool (n, n)."""
        raise NotImplementedError

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Train on crops of the target; a whole image's cluster is its largest output."""
        refuse_number(task.n_clusters, len(task.target), f"images of {task.name}")
        labeller, views = self._labeller(run)
        architecture = self._describe(task, views)
        network = networks.build(architecture, run.seed_for("init"))
        self._start(network, run)
        network.to(run.device)
        optimiser = training.optimiser(self.optimiser, network, self.learning_rate, run.dtype)
        order, crops = run.generator("batches"), run.generator("augment")
        epochs = training.Epochs(
            run, self.epochs, network=network, optimiser=optimiser, order=order, crops=crops
        )

        def outputs(x: Tensor) -> Tensor:
            with training.autocast(run.device, run.dtype):
                logits: Tensor = network(x)
            return logits.float()

        def whole() -> Tensor:
            return extract(network, task.target, _IMAGES, of=lambda x: outputs(views.clean(x)))

        def label(x: Tensor) -> Tensor:
            with training.autocast(run.device, run.dtype):
                return transferred.label(labeller, x)

        steps = math.ceil(len(task.target) / self.batch_size)
        labels = run.shared("pair-labels", __name__, label, self.batch_size, **self._facts(views))
        for epoch in epochs:
            rate = training.step_decay(self.learning_rate, epoch, self.milestones)
            training.set_learning_rate(optimiser, rate)
            for i, rows in enumerate(training.batches(len(task.target), self.batch_size, order)):
                if len(rows) == 1:
                    continue  # A last image on its own makes no pair, and has no batch statistics.
                x = jitter(to_tensor(task.target[rows.numpy()], run.device), self.colour, crops)
                x = views.augmented(x, crops)
                x = flip(x, crops) if self.mirror else x
                similar = labels(epoch * steps + i, x)
                loss = self.loss(outputs(x).softmax(dim=1), similar)
                epochs.step(optimiser, loss)
            if epochs.due(_SNAPSHOTS):
                run.snapshot(epoch + 1, whole().argmax(dim=1).numpy())
        found = whole()
        assignments = found.argmax(dim=1).numpy()
        if not self.keep:
            return Prediction(assignments=assignments)
        tensors = {**training.weights(network), networks.OUTPUTS: found}
        return Prediction(assignments=assignments, tensors=tensors, architecture=architecture)

    def _start(self, network: nn.Module, run: Run) -> None:
        """Give the network the weights that it starts from, and freeze what is not to learn."""
        if self.weights == "similarity":
            start_from(network, transferred.trunk_of(run.needed("similarity").tensors))
        elif self.weights:
            given = run.needed("initial").tensors
            start_from(network, convolutions(given) if self.frozen else given)
        if self.frozen:
            if not isinstance(network, TimmNet):
                raise ValueError("frozen = true is for networks of the name 'timm'")
            network.freeze()

    def _labeller(self, run: Run) -> tuple[SimilarityNet, Views]:
        """The similarity network in the mode it labels pairs in, and how images look to it."""
        needed = run.needed("similarity")
        own = {"invert": self.invert, "mean": self.mean, "std": self.std}
        labeller, views = transferred.load(needed.architecture, needed.tensors, **own)
        return labeller.to(run.device).train(self.similarity_mode == "train"), views

    def _facts(self, views: Views) -> dict[str, Any]:
        """What decides the batches, their crops and their pair labels, K and the loss aside."""
        return {
            "batch_size": self.batch_size,
            "mode": self.similarity_mode,
            "mirror": self.mirror,
            **({"colour": self.colour} if self.colour else {}),
            "views": asdict(views),
        }

    def _describe(self, task: ClusterTask, views: Views) -> str:
        """The clustering network's description, with the views that it is given."""
        own: dict[str, Any] = {}
        if self.network == "vggs":
            own = {"widths": list(self.widths), "size": views.size, "hidden": self.hidden}
        return networks.completed(
            self.network,
            channels=task.target.shape[3],
            outputs=task.n_clusters,
            views=asdict(views),
            **own,
        )


# Two names, as tables have both.
@method("kcl", kinds=("cluster",), quick=_QUICK, neutral=_NEUTRAL, dtypes=_DTYPES, aliases=("ccn",))
@dataclass(frozen=True)
class KCL(PairClustering):
    """Clustering by the KL-divergence based contrastive loss, which CCN's tables call CCN."""

    margin: float = 2.0
    """What a dissimilar pair's divergence must reach, in nats."""

    def loss(self, p: Tensor, similar: Tensor) -> Tensor:
        """CCN, equation 5, one direction for each ordered pair; its mean, as the released code."""
        return pairs.kcl(p, similar, margin=self.margin)


@method("discovery", kinds=("cluster",), quick=_QUICK, neutral=_NEUTRAL, dtypes=_DTYPES)
@dataclass(frozen=True)
class Discovery(KCL):
    """The ClusterNet of 2016, whose similarity network labels pairs in evaluation mode."""

    similarity_mode: Literal["train", "eval"] = "eval"
    keep: bool = True


@method("mcl", kinds=("cluster",), quick=_QUICK, neutral=_NEUTRAL, dtypes=_DTYPES)
@dataclass(frozen=True)
class MCL(PairClustering):
    """Clustering by the meta classification likelihood."""

    def loss(self, p: Tensor, similar: Tensor) -> Tensor:
        """The mean over the n² ordered pairs."""
        return pairs.mcl(p, similar)
