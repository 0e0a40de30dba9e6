"""The similarity network G of CCN: does a pair of images show the same class?

Hsu, Lv, Kira, "Learning to cluster in order to transfer across domains and tasks", ICLR 2018,
section 4.1 and appendix; Omniglot: trained on the 964 background characters, asked about the 659
evaluation ones. It is no row of a table by itself: KCL, MCL and CCN need it.

    python -m bench run ccn --methods similarity

The network VGGS, batches of 20 characters with 5 images each, Adam at 1e-3 for 50 epochs with a
tenth at 30 and 40, crops and normalisation are of the authors' released code; the paper names SGD
without a learning rate. The quick preset has half the channels and 20 epochs: about 10 minutes on
one core. Fewer epochs with more channels, 8 with three quarters or 6 with all, recalled fewer
similar pairs of five background alphabets that were held out (.90 and .89 against .94).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bench import weights
from bench.nn import networks, training
from bench.nn.images.colour import jitter
from bench.nn.images.tensors import flip, to_tensor
from bench.nn.images.views import Views
from bench.nn.networks import rectified, transferred
from bench.nn.networks.from_timm import start_from
from bench.nn.networks.similarity import Form
from bench.registry import method
from bench.tasks import Labelled, Method, Need, Prediction, Run, SimilarityTask, TaskInfo


@method(
    "similarity",
    kinds=("similarity",),
    quick={"widths": (32, 64, 128, 128), "epochs": 20, "milestones": (12, 16)},
    neutral={
        "weights": "",
        "head": "blocked",
        "layers": (),
        "optimiser": "adam",
        "colour": 0.0,
    },
    dtypes=("float32", "bfloat16"),
)
@dataclass(frozen=True)
class Similarity(Method):
    """Classifier of all ordered pairs of a batch, trained on the labelled auxiliary classes."""

    losses: ClassVar[tuple[str, ...]] = ("CE",)
    """Cross-entropy over pairs, as table 4 of the paper names it."""

    network: str = "vggs"
    """The trunk, or another's description without channels and outputs for `bench.nn.networks`,
    such as `{"name": "convnet", "widths": [32, 64]}`."""
    widths: tuple[int, ...] = (64, 128, 256, 256)
    """Channels of the blocks of VGGS, each of which halves height and width."""
    layers: tuple[int, ...] = ()
    """Units of fully-connected layers before images are paired, each with batch-norm and ReLU:
    (512, 512) in the network of 2016, whose paper gives the last one's; none in the released code
    of 2018."""
    classes_per_batch: int = 20
    """Classes of which a batch has images."""
    images_per_class: int = 5
    """Images of each class in a batch; self-pairs count among its n² pairs."""
    epochs: int = 50
    """Passes over as many whole batches as the auxiliary images make."""
    milestones: tuple[int, ...] = (30, 40)
    """Epochs from which the learning rate is a tenth of what it was."""
    learning_rate: float = 1e-3
    """Learning rate."""
    optimiser: training.Optimiser = "adam"
    """"adam", as in the released code, or "sgd", of momentum 0.9, as both papers print."""
    size: int = 32
    """Height and width that images are resized to, in pixels."""
    invert: bool = True
    """Whether images are inverted, as befits dark ink on bright paper."""
    mean: float = 0.086
    """Subtracted from the inverted pixels in 0..1."""
    std: float = 0.235
    """What they are divided by."""
    crop_scale: tuple[float, float] = (0.85, 1.0)
    """Area of the random crops as a fraction of the image's; width / height is in 3/4..4/3."""
    mirror: bool = False
    """Random flips from left to right: for objects, not for letters or digits."""
    colour: float = 0.0
    """Strength of random colours (`bench.nn.images.colour.jitter`): for photographs."""
    weights: str = ""
    """Name in `bench.weights` of what a "timm" trunk starts from, such as "resnet18.tv_in1k"; "":
    fresh weights."""
    head: Form = "blocked"
    """How pairs are summed: "compiled" takes a fraction of the time and needs a C compiler; cells
    that label pairs with this network sum them alike."""

    def __post_init__(self) -> None:
        if min(self.classes_per_batch, self.images_per_class, self.epochs) < 1:
            raise ValueError("classes_per_batch, images_per_class and epochs must be at least 1")
        if self.classes_per_batch * self.images_per_class < 2:
            raise ValueError("a batch of one image has no pairs: raise classes_per_batch")
        networks.completed(self.network)

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The initial weights, one cell for all tasks."""
        return {"initial": weights.need(self.weights)} if self.weights else {}

    def unavailable(self) -> str:
        """A C compiler, where the head asks for one and none is here."""
        return rectified.lacking() if self.head == "compiled" else ""

    def fit(self, task: SimilarityTask, run: Run) -> Prediction:
        """Train on the auxiliary set; gives back the network's weights and the pairs' scores."""
        images, members = task.auxiliary.images, self._members(task.auxiliary, task.name)
        views = Views(self.size, self.invert, self.mean, self.std, self.crop_scale)
        options = (self.widths, views, self.network, self.head)
        architecture = transferred.describe(images.shape[3], *options, layers=self.layers)
        network, _ = transferred.build(architecture, run.seed_for("init"))
        if self.weights:
            start_from(network, run.needed("initial").tensors)
        network = network.to(run.device).train()
        optimiser = training.optimiser(self.optimiser, network, self.learning_rate, run.dtype)
        order, crops = run.generator("batches"), run.generator("augment")
        epochs = training.Epochs(
            run, self.epochs, network=network, optimiser=optimiser, order=order, crops=crops
        )
        classes = torch.arange(self.classes_per_batch).repeat_interleave(self.images_per_class)
        same = (classes[:, None] == classes).long().flatten().to(run.device)
        steps = max(len(images) // len(classes), 1)
        for epoch in epochs:
            rate = training.step_decay(self.learning_rate, epoch, self.milestones)
            training.set_learning_rate(optimiser, rate)
            for step in range(steps):
                rows = self._draw(members, order)
                x = jitter(to_tensor(images[rows], run.device), self.colour, crops)
                x = views.augmented(x, crops)
                x = flip(x, crops) if self.mirror else x
                with training.autocast(run.device, run.dtype):
                    logits = network(x)
                loss = functional.cross_entropy(logits.float().flatten(0, 1), same)
                epochs.step(optimiser, loss)
                run.progress(epoch * steps + step + 1, self.epochs * steps)
        scores = transferred.score(network, views, task.target, task.pairs)
        return Prediction(
            scores=scores, tensors=training.weights(network), architecture=architecture
        )

    def _members(self, auxiliary: Labelled, name: str) -> list[Tensor]:
        """The images of each class that has enough of them for a batch."""
        labels = torch.from_numpy(np.array(auxiliary.labels))
        members = [torch.nonzero(labels == c).flatten() for c in range(auxiliary.n_classes)]
        members = [rows for rows in members if len(rows) >= self.images_per_class]
        if len(members) < self.classes_per_batch:
            raise ValueError(
                f"{name} has {len(members)} auxiliary classes of {self.images_per_class} images or "
                f"more, and a batch needs {self.classes_per_batch}: lower classes_per_batch"
            )
        return members

    def _draw(self, members: list[Tensor], order: torch.Generator) -> np.ndarray:
        """The rows of a batch: random classes, a few random images of each, class by class."""
        chosen = torch.randperm(len(members), generator=order)[: self.classes_per_batch]
        drawn = []
        for c in chosen.tolist():
            places = torch.randperm(len(members[c]), generator=order)[: self.images_per_class]
            drawn.append(members[c][places])
        return torch.cat(drawn).numpy()
