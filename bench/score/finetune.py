"""The harness's own cell for what a network is worth once it is trained on: VOC2007's classes.

SeLa (Asano, Rupprecht, Vedaldi, ICLR 2020, section 4.7 and table 7, classification) prints two
settings, the fully-connected layers alone ("fc6-8") and the whole network ("all"), and no number of
the training. Every default below is our reading, that of the released evaluation of DeepCluster
(Caron et al., ECCV 2018; github.com/facebookresearch/deepcluster), which table 7 compares with:
rates and iterations, crops of 10 to 50 % of the area, dropout kept, batch-norms with the
statistics that they came with, gradients clipped, fully-connected layers drawn anew, the
sum of ten random crops' logits in the test. Otherwise than there, "all" starts from the trained
convolutions, and the average precision is VOC2007's own, of eleven points.

Left out: what lies outside of a photograph's middle square, which the prepared images are. The
network holds no label of a test image.

    probe = "voc07/finetune"               in a column of represent tasks' table

adds this cell to each of the row's by itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.declared import refuse_below
from bench.nn import networks, training
from bench.nn.images.tensors import flip, to_tensor
from bench.nn.images.views import Views, described
from bench.nn.networks.features import evaluating
from bench.registry import method
from bench.tasks import FineTuneTask, Floats, Images, Method, Prediction, Run

SETTINGS = ("fc6-8", "all")
FULLY_CONNECTED = SETTINGS[0]
_TEST_BATCH = 100


@method("finetune", kinds=("finetune",), quick={"iterations": 320, "halve_every": 80, "size": 32})
@dataclass(frozen=True)
class FineTune(Method):
    """Scores of classes by a network whose last layers, or all, are trained on."""

    iterations: int = 80_000
    """Batches of training, in each setting."""
    batch_size: int = 16
    """Images in a batch."""
    learning_rate: float = 0.003
    """Learning rate of SGD at the start."""
    halve_every: int = 5000
    """Iterations after which the learning rate falls to a half, again and again."""
    momentum: float = 0.9
    """Momentum of SGD."""
    weight_decay: float = 1e-6
    """Of all weights that are trained."""
    max_norm: float = 10.0
    """The gradient's length at most; a longer one is shortened."""
    crop_scale: tuple[float, float] = (0.1, 0.5)
    """Smallest and largest area of a square crop, as a fraction of the image's."""
    size: int = 224
    """Side that crops are resized to, the image's at most, for a network whose description does
    not say how its images were prepared."""
    crops: int = 10
    """Crops of a test image, whose logits are added."""
    redraw: bool = True
    """Start the fully-connected layers from fresh weights."""

    def __post_init__(self) -> None:
        refuse_below(1, self, "iterations", "batch_size", "halve_every", "size", "crops")
        Views(crop_scale=self.crop_scale)

    def fit(self, task: FineTuneTask, run: Run) -> Prediction:
        """Fine-tune on the training images in both settings; score the classes of the test images.

        "fc6-8" is for networks whose convolutions are followed by fully-connected layers alone.
        """
        needed = run.needed("network")
        done: dict[str, Any] = run.resume() or {"scores": {}}
        hidden = _Classifier(needed, task, self, run.seed_for("init")).hidden
        settings = SETTINGS if hidden else SETTINGS[1:]
        for setting in settings:
            if setting in done["scores"]:
                continue
            model = _Classifier(needed, task, self, run.seed_for("init"))
            model.prepare(setting, run.seed_for("init"), redraw=self.redraw)
            model = model.to(run.device)
            self._train(model, task, run, done, len(settings))
            done = {"scores": {**done["scores"], setting: self._scores(model, task.target, run)}}
            run.checkpoint(done)
        return Prediction(class_scores={n: np.asarray(s) for n, s in done["scores"].items()})

    def _train(
        self,
        model: _Classifier,
        task: FineTuneTask,
        run: Run,
        done: Mapping[str, Any],
        settings: int,
    ) -> None:
        """Train what is not frozen, from the last checkpoint on if that was of this setting.

        It is one of so many `settings`.
        """
        chosen = [p for p in model.parameters() if p.requires_grad]
        optimiser = torch.optim.SGD(
            chosen, self.learning_rate, self.momentum, weight_decay=self.weight_decay
        )
        parts: dict[str, training.Stateful] = {
            "model": model,
            "optimiser": optimiser,
            "order": (order := run.generator("batches")),
            "crops": (crops := run.generator("augment")),
        }
        first, step = 0, 0
        if "parts" in done:
            training.unpack(done["parts"], **parts)
            first, step = done["epoch"], done["step"]
        model.train_but_norms()
        labels = torch.from_numpy(np.array(task.train.labels))
        epochs = math.ceil(self.iterations / math.ceil(len(labels) / self.batch_size))
        for epoch in range(first, epochs):
            torch.manual_seed(run.seed_for(f"dropout {epoch}"))  # whatever the device
            losses = []
            for index in training.batches(len(labels), self.batch_size, order):
                if step == self.iterations:
                    break
                rate = self.learning_rate * 0.5 ** (step // self.halve_every)
                training.set_learning_rate(optimiser, rate)
                x = to_tensor(task.train.images[index.numpy()], run.device)
                logits = model(model.views.augmented(flip(x, crops), crops))
                loss = _loss(logits, labels[index].to(run.device))
                losses.append(training.step(optimiser, loss, max_norm=self.max_norm))
                step += 1
            count = step + self.iterations * len(done["scores"])
            run.log(count, loss=sum(map(float, losses)) / len(losses))
            run.progress(count, settings * self.iterations)
            state = {"epoch": epoch + 1, "step": step, "parts": training.pack(**parts)}
            run.checkpoint({"scores": done["scores"], **state})

    def _scores(self, model: _Classifier, images: Images, run: Run) -> Floats:
        """Logits summed over random crops, float64, (N, classes)."""
        crops, found = run.generator("test"), []
        with evaluating(model):
            for start in range(0, len(images), _TEST_BATCH):
                x = to_tensor(images[start : start + _TEST_BATCH], run.device)
                views = (model.views.augmented(flip(x, crops), crops) for _ in range(self.crops))
                logits = [model(view).double() for view in views]
                found.append(torch.stack(logits).sum(dim=0).cpu())
        return torch.cat(found).numpy()


class _Classifier(nn.Module):
    """A network with a new last layer, and how images are cropped for it."""

    def __init__(self, needed: Prediction, task: FineTuneTask, method: FineTune, seed: int) -> None:
        super().__init__()
        self.network = networks.load(needed.architecture, needed.tensors)
        side = min(method.size, *task.target.shape[1:3])
        own = Views(size=side, invert=False, mean=0.0, std=1.0)
        if "views" in json.loads(needed.architecture):
            own = described(needed.architecture)
        self.views = replace(own, crop_scale=method.crop_scale, crop_ratio=(1.0, 1.0))
        with evaluating(self.network):
            one = self.network.features(self.views.clean(to_tensor(task.target[:1])))
        with networks.seeded(seed):
            self.last = nn.Linear(one.shape[1], task.train.labels.shape[1])
        self.hidden = _after_convolutions(self.network)

    def prepare(self, setting: str, seed: int, *, redraw: bool) -> None:
        """Freeze what the setting leaves alone, and draw fully-connected layers anew."""
        if setting == FULLY_CONNECTED:
            self.network.requires_grad_(requires_grad=False)
            for layer in self.hidden:
                layer.requires_grad_()
        if redraw:
            generator = torch.Generator().manual_seed(seed)
            for layer in self.hidden:
                nn.init.normal_(layer.weight, 0.0, 0.01, generator=generator)
                if layer.bias is not None:
                    nn.init.constant_(layer.bias, 0.1)
            nn.init.constant_(self.last.bias, 0.1)

    def train_but_norms(self) -> None:
        """Training mode, with the statistics of batch-norms as they came."""
        self.train()
        for module in self.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (N, classes), of images that are prepared."""
        logits: Tensor = self.last(self.network.features(x))
        return logits


def _after_convolutions(network: nn.Module) -> list[nn.Linear]:
    """The layers behind the last convolution but the old last one, in order of their definition.

    None of them where the network has no convolutions, or other layers than fully-connected ones
    behind them.
    """
    old = getattr(network, "head", None)
    owners = [m for m in network.modules() if next(m.parameters(recurse=False), None) is not None]
    convolutions = (nn.Conv2d, nn.BatchNorm2d)
    count = sum(isinstance(m, convolutions) for m in owners)
    first, rest = owners[:count], owners[count:]
    linear = [m for m in rest if isinstance(m, nn.Linear)]
    plain = all(isinstance(m, convolutions) for m in first) and len(linear) == len(rest)
    return [m for m in linear if m is not old] if count and plain else []


def _loss(logits: Tensor, signs: Tensor) -> Tensor:
    """Binary cross-entropy, summed over classes but those that are difficult, mean over images."""
    each = functional.binary_cross_entropy_with_logits(
        logits, (signs > 0).to(logits.dtype), reduction="none"
    )
    return (each * (signs != 0)).sum() / len(logits)
