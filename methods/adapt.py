"""Adaptation to an unlabelled domain: a classifier of the source, alone or with DANN.

Hsu, Lv, Kira, "Learning to cluster in order to transfer across domains and tasks", ICLR 2018,
sections 4.3 and 5.2: SVHN to MNIST 52.0 from the source alone (table 12). DANN is by Ganin et al.,
"Domain-adversarial training of neural networks", JMLR 17, 2016. `ccn_plus.py` and `jan.py` add
terms of their own to the same classifier.

    python -m bench run ccn --methods source-only,dann,jan,ccn+,ccn++

The classifier is trained on labelled images of the source; DANN adds a discriminator that must not
tell the domains apart. Of the paper are 32 images of the source and 96 of the target in a batch,
SGD, training from scratch, and DANN's bottleneck of 256 features. It names neither learning rate
nor steps: these, the discriminator, the schedules and DANN's 32 + 32 images are the defaults of
thuml's Transfer-Learning-Library. Our readings: images become grey and 32 pixels wide, without
crops, for the classifier and the similarity network alike; the network is
`bench.nn.networks.convnet`; batches are drawn anew at each step; each domain has its own batch
statistics, and those of the target are kept (`statistics`: with common ones, as in a batch that
mixes the domains, DANN collapsed when trained from scratch). The quick preset has half the
channels, 500 steps and at most four passes: 10 to 20 s a cell, with pairs 45 to 60 s.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench import weights
from bench.nn import networks, training
from bench.nn.images.tensors import flip, to_tensor, with_channels
from bench.nn.images.views import Views
from bench.nn.losses import domain
from bench.nn.networks.base import Network
from bench.nn.networks.features import extract
from bench.nn.networks.from_timm import start_from
from bench.registry import method
from bench.tasks import AdaptTask, Images, Method, Need, Prediction, Run, TaskInfo

_IMAGES = 500
"""Whole images at a time, when classes are predicted."""
_LOG = 50
"""Steps between two checkpoints and values of the loss."""
_SNAPSHOTS = 8
"""Points of the curve over training."""
QUICK = {"widths": (16, 32, 64), "iterations": 500, "epochs": 4}
NEUTRAL = {"statistics": "apart"}


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


_Outputs = tuple[Tensor, Tensor]
Term = Callable[[Batch], Tensor]
"""What is added to the loss: a scalar. A term that is itself trained is a module."""


@dataclass(frozen=True)
class Adaptation(Method):
    """A classifier of the source, with terms that see the unlabelled target."""

    WORKS_ON: ClassVar[tuple[str, ...]] = ()
    """Parameters that may not be 0, as a term works on what they size."""
    ANNEALING: ClassVar[float] = 1e-3
    """The learning rate falls with (1 + ANNEALING step)^-0.75."""
    losses: ClassVar[tuple[str, ...]] = ("CE",)
    """Cross-entropy of the source; a term adds LCO, CCN's objective, or DA, domain adaptation."""

    network: str = "convnet"
    """The network, or another's description without channels and outputs for
    `bench.nn.networks`, such as `{"name": "timm", "model": "resnet18"}`."""
    widths: tuple[int, ...] = (32, 64, 128)
    """Channels of the blocks of "convnet"."""
    weights: str = ""
    """Name in `bench.weights` of what a "timm" network starts from; "": fresh weights."""
    weights_rate: float = 0.1
    """Learning rate of layers that start from them, as a fraction of the others'."""
    bottleneck: int = 0
    """Features before the classifier's last layer; 0: those of the network itself."""
    channels: int = 1
    """1: images become grey; 3: grey ones are repeated."""
    size: int = 32
    """Height and width that images are resized to, in pixels."""
    mean: float = 0.5
    """Subtracted from the pixels in 0..1."""
    std: float = 0.5
    """What they are divided by."""
    crop_scale: tuple[float, float] = (1.0, 1.0)
    """Area of random crops as a fraction of the image's; (1, 1): whole images."""
    source_batch: int = 32
    """Images of the source in a batch."""
    target_batch: int = 0
    """Images of the target in a batch; 0: none, and no term but that of the source."""
    iterations: int = 20_000
    """Batches of training."""
    epochs: int = 0
    """At most this many passes over the source; 0: as many as the iterations make."""
    learning_rate: float = 0.01
    """Learning rate of SGD at the start; it falls."""
    momentum: float = 0.9
    """Nesterov's."""
    weight_decay: float = 1e-3
    """Of all weights and biases."""
    mirror: bool = False
    """Random flips from left to right: for objects, not for digits."""
    statistics: Literal["apart", "mixed"] = "apart"
    """Batch-norm's, where the target is seen: of each domain apart, of which the target's are kept,
    or of a batch that mixes both, as section 4.3 describes it."""

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise ValueError(f"channels = {self.channels} is neither 1 nor 3")
        if min(self.iterations, self.size, *self.widths) < 1:
            raise ValueError("iterations, size and widths must be at least 1")
        if min(self.epochs, self.bottleneck) < 0:
            raise ValueError("epochs and bottleneck must be at least 0")
        if self.source_batch < 2 or self.target_batch < 0 or self.target_batch == 1:
            raise ValueError("source_batch must be at least 2, target_batch 0 or at least 2")
        for name in self.WORKS_ON:
            if getattr(self, name) == 0:
                raise ValueError(f"{name} must not be 0: a term of this method's loss works on it")
        networks.completed(self.network)

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The initial weights, one cell for all tasks."""
        return {"initial": weights.need(self.weights)} if self.weights else {}

    def terms(self, run: Run) -> list[Term]:
        """What is added to the cross-entropy of the source."""
        return []

    def fit(self, task: AdaptTask, run: Run) -> Prediction:
        """Train on both domains; a target image's class is the classifier's largest output."""
        if min(len(task.source.images), len(task.target)) < 2:
            raise ValueError(f"{task.name}: a batch needs two images of the source and the target")
        network, terms = self._network(task.source.n_classes, run), self.terms(run)
        learnt = nn.ModuleList([network, *(t for t in terms if isinstance(t, nn.Module))])
        learnt.to(run.device).train()
        optimiser = self._optimiser(learnt, network)
        order, crops = run.generator("batches"), run.generator("augment")
        labels = torch.from_numpy(np.array(task.source.labels)).to(run.device)
        steps = training.Epochs(
            run,
            self._total(len(labels)),
            every=_LOG,
            unit="step",
            learnt=learnt,
            optimiser=optimiser,
            order=order,
            crops=crops,
        )
        for step in steps:
            for group in optimiser.param_groups:
                group["lr"] = group["rate"] * domain.annealed(step, self.ANNEALING)
            rows, source = self._draw(task.source.images, self.source_batch, order, crops, run)
            target = source[:0]
            if terms:
                _, target = self._draw(task.target, self.target_batch, order, crops, run)
            (of_source, logits), (of_target, found) = self._both(network, source, target)
            loss = functional.cross_entropy(logits, labels[rows])
            p_source, p = logits.softmax(dim=1), found.softmax(dim=1)
            batch = Batch(step, target, of_source, of_target, p_source, p)
            loss = sum((term(batch) for term in terms), start=loss)
            steps.step(optimiser, loss)
            if steps.due(_SNAPSHOTS):
                run.snapshot(step + 1, self._classes(network, task.target))
        return Prediction(assignments=self._classes(network, task.target))

    def _total(self, n: int) -> int:
        """Steps of training, given the number of the source's images."""
        passes = self.epochs * math.ceil(n / self.source_batch)
        return min(self.iterations, passes) if self.epochs else self.iterations

    def _network(self, classes: int, run: Run) -> nn.Sequential:
        """Features and, last, the layer that classifies them, which has fresh weights."""
        outputs, seed = self.bottleneck or classes, run.seed_for("init")
        own = {"widths": list(self.widths)} if self.network == "convnet" else {}
        options = {"channels": self.channels, "outputs": outputs, **own}
        trunk = networks.build(networks.completed(self.network, **options), seed)
        if self.weights:
            start_from(trunk, run.needed("initial").tensors)
        layers: list[nn.Module] = [trunk.to(memory_format=torch.channels_last)]
        if self.bottleneck:
            with networks.seeded(seed + 1):
                layers += [nn.BatchNorm1d(outputs), nn.ReLU(), nn.Linear(outputs, classes)]
        return nn.Sequential(*layers)

    def _optimiser(self, learnt: nn.Module, network: nn.Sequential) -> torch.optim.SGD:
        """SGD; layers that start from given weights move more slowly than fresh ones."""
        trunk = network[0].trunk if self.weights else None
        given = list(trunk.parameters()) if isinstance(trunk, nn.Module) else []
        fresh = [p for p in learnt.parameters() if not any(p is one for one in given)]
        groups: list[dict[str, Any]] = [{"params": fresh, "rate": self.learning_rate}]
        if given:
            groups.append({"params": given, "rate": self.learning_rate * self.weights_rate})
        return torch.optim.SGD(groups, 0.0, self.momentum, 0.0, self.weight_decay, nesterov=True)

    def _draw(
        self, images: Images, size: int, order: torch.Generator, crops: torch.Generator, run: Run
    ) -> tuple[Tensor, Tensor]:
        """The rows of `size` random images, or of all where there are fewer, and their crops."""
        rows = torch.randperm(len(images), generator=order)[:size]
        x = with_channels(to_tensor(images[rows.numpy()], run.device), self.channels)
        x = self._views().augmented(x, crops)
        return rows, flip(x, crops) if self.mirror else x

    def _both(self, network: nn.Sequential, source: Tensor, target: Tensor) -> list[_Outputs]:
        """`_outputs` of the source and of the target, of which there may be none."""
        if self.statistics == "mixed" or not len(target):
            features, logits = self._outputs(network, torch.cat([source, target]))
            n = len(source)
            return [(features[:n], logits[:n]), (features[n:], logits[n:])]
        with domain.untracked(network):
            of_source = self._outputs(network, source)
        return [of_source, self._outputs(network, target)]

    def _outputs(self, network: nn.Sequential, crops: Tensor) -> _Outputs:
        """What the last layer is given, and its logits."""
        features = network[:-1]((crops - self.mean) / self.std)
        logits: Tensor = network[-1](features)
        return features, logits

    def _classes(self, network: nn.Sequential, images: Images) -> Any:
        """The class of each whole image, integers, (N,)."""

        def logits(x: Tensor) -> Tensor:
            whole = self._views().clean(with_channels(x, self.channels))
            return self._outputs(network, whole)[1]

        mapped = cast("Network", network)  # `extract` asks for its device and its mode alone
        return extract(mapped, images, _IMAGES, of=logits).argmax(dim=1).numpy()

    def _views(self) -> Views:
        """Crops that stay in 0..1: the classifier and the similarity network each normalise."""
        return Views(self.size, invert=False, mean=0.0, std=1.0, crop_scale=self.crop_scale)


@method("source-only", kinds=("adapt",), quick=QUICK, neutral=NEUTRAL)
@dataclass(frozen=True)
class SourceOnly(Adaptation):
    """A classifier of the source alone, used on the target as it is."""


@method("dann", kinds=("adapt",), quick=QUICK, neutral=NEUTRAL)
@dataclass(frozen=True)
class DANN(Adaptation):
    """Domain-adversarial training: features from which the domain cannot be told."""

    WORKS_ON: ClassVar[tuple[str, ...]] = ("bottleneck", "target_batch")
    losses: ClassVar[tuple[str, ...]] = ("CE", "DA")
    bottleneck: int = 256
    target_batch: int = 32

    def terms(self, run: Run) -> list[Term]:
        """The discriminator of the two domains."""
        return [Domains(self.bottleneck, run.seed_for("init") + 2)]


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
