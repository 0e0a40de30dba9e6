"""DINO: a network that learns without labels to agree with a slow average of itself.

Zhou and Zhang, "Deep clustering with features from self-supervised pretraining", 2022, section 3.1
(equations 1 to 3), the first stage of TSP: a student is trained on global and local crops of an
image to give the distribution that its teacher, an exponential moving average, gives to another
global crop. Caron et al., "Emerging properties in self-supervised vision transformers", ICCV 2021,
and its released code, whose script for ViT-S/16 the defaults are of (100 epochs).

    python -m bench run digits --methods dino

The paper takes networks that others trained on ImageNet; this module makes small ones on what is
at hand. Left out, since they draw from global generators or are made for photographs in colour:
stochastic depth, changes of hue and saturation, blur and solarisation. The projection head's layers
start with a deviation of inputs^-0.5, where the released code has 0.02, which is about that of
2,048 inputs. The quick preset is a network of 150,000 weights on images of at most 32 pixels, for a
few epochs; experiments set `images`. Its parameters were chosen on the digits with their labels in
sight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bench.nn import training
from bench.nn.images.multicrop import MultiCrop
from bench.nn.images.pixels import mean_and_deviation
from bench.nn.images.tensors import to_tensor
from bench.nn.losses.dino import (
    dino_loss,
    follow,
    recentred,
    sharpened,
    teacher_temperatures,
)
from bench.nn.networks import build, describe, seeded
from bench.nn.networks.projection import ProjectionHead
from bench.nn.schedules import cosine
from bench.registry import method
from bench.tasks import Images, Method, Prediction, RepresentTask, Run

_LAST_RATE = 1e-6
"""Learning rate at the end of its schedule."""


@method(
    "dino",
    kinds=("represent",),
    quick={
        "size": 0,
        "patch": 0,
        "width": 64,
        "depth": 3,
        "heads": 4,
        "narrow": True,
        "local_size": 0,
        "local_crops": 4,
        "global_scale": (0.7, 1.0),
        "local_scale": (0.4, 0.8),
        "hidden": 256,
        "bottleneck": 64,
        "outputs": 256,
        "batch_norm": True,
        "epochs": 3,
        "batch_size": 64,
        "teacher_temperatures": (0.04, 0.04),
        "teacher_momentum": 0.99,
        "learning_rate": 1.6e-2,
        "mirror": False,
    },
)
@dataclass(frozen=True)
class DINO(Method):
    """Self-distillation without labels."""

    size: int = 224
    """Pixels a side of a global crop and of the network's images; 0: as the images have them, 32 at
    most, in multiples of 4."""
    patch: int = 16
    """Pixels a side of a token; 0: a quarter of `size`."""
    width: int = 384
    """Features of a token and of the network: ViT-S."""
    depth: int = 12
    """Blocks of the vision transformer."""
    heads: int = 6
    """Attention heads of the vision transformer: ViT-S."""
    narrow: bool = False
    """How its weights are drawn, see `bench.nn.networks.vit.ViT`."""
    local_size: int = 96
    """Pixels a side of a local crop, a multiple of `patch`; 0: half of `size`."""
    local_crops: int = 8
    """Local crops of an image, beside its two global ones."""
    global_scale: tuple[float, float] = (0.4, 1.0)
    """Area of a global crop as a fraction of the image's."""
    local_scale: tuple[float, float] = (0.05, 0.4)
    """Area of a local crop."""
    jitter: float = 0.4
    """Brightness and contrast of a crop change by a factor of up to 1 plus or minus this, in four
    of five crops; hue and saturation never."""
    mirror: bool = True
    """Random flips of the crops: for objects, not for digits or letters."""
    hidden: int = 2048
    """Width of the two hidden layers of the projection head."""
    bottleneck: int = 256
    """Width before its last layer."""
    outputs: int = 65_536
    """Values of y, equation 1."""
    batch_norm: bool = False
    """Whether the projection head has it, the released code's `use_bn_in_head`. Small networks need
    it: their features start out nearly alike, and collapse."""
    student_temperature: float = 0.1
    """tau_s, equation 1."""
    teacher_temperatures: tuple[float, float] = (0.04, 0.07)
    """The teacher's temperature at the start and after a linear warm-up."""
    teacher_warmup: float = 0.3
    """Length of that warm-up as a fraction of the epochs: 30 of 100."""
    centre_momentum: float = 0.9
    """m, equation 3."""
    teacher_momentum: float = 0.996
    """lambda, equation 2, at the start; a cosine takes it to 1."""
    epochs: int = 100
    """Passes over the images."""
    images: int = 0
    """Train on so many images in all, counted as often as they are seen, in whole epochs; 0: for
    `epochs`. One cost for data sets of any size."""
    batch_size: int = 1024
    """16 processes with 64 images each."""
    learning_rate: float = 5e-4
    """Learning rate of AdamW for 256 images, in proportion to `batch_size`; a cosine takes it to
    1e-6."""
    warmup: float = 0.1
    """Fraction of training in which it rises from 0: 10 epochs of 100."""
    weight_decay: tuple[float, float] = (0.04, 0.4)
    """Its values at the start and the end of a cosine; biases and norms have none."""
    clip: float = 3.0
    """Largest norm of each parameter's gradient."""
    freeze_last_layer: float = 0.01
    """Fraction of training in which the last layer of the head stays as drawn: 1 epoch of 100."""

    def __post_init__(self) -> None:
        counts = (self.outputs, self.hidden, self.bottleneck, self.batch_size, self.epochs)
        if min(counts) < 1 or min(self.local_crops, self.images) < 0:
            raise ValueError(
                "outputs, hidden, bottleneck, batch_size and epochs must be at least 1; "
                "local_crops and images at least 0"
            )
        if min(self.student_temperature, *self.teacher_temperatures) <= 0:
            raise ValueError("student_temperature and teacher_temperatures must be above 0")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter = {self.jitter} must lie in 0..1")
        for low, high in (self.global_scale, self.local_scale):
            if not 0 < low <= high <= 1:
                raise ValueError("global_scale and local_scale must rise within 0..1")
        fractions = (self.warmup, self.teacher_warmup, self.freeze_last_layer)
        if min(fractions) < 0 or max(fractions) > 1 or self.warmup == 1:
            raise ValueError(
                "warmup, teacher_warmup and freeze_last_layer are fractions of training, "
                "warmup below 1"
            )

    def fit(self, task: RepresentTask, run: Run) -> Prediction:
        """Train on unlabelled images; gives back the teacher's network without its head."""
        n = len(task.target)
        epochs, steps = self._epochs(n), math.ceil(n / self.batch_size)
        architecture, views = self._describe(task.target)
        student, teacher = (_Model(self, architecture, run).to(run.device) for _ in range(2))
        teacher.requires_grad_(False)
        optimiser = torch.optim.AdamW(_groups(student), fused=True)
        centre = torch.zeros(1, self.outputs, device=run.device)
        order, crops = run.generator("batches"), run.generator("augment")
        rates, decays, momenta = self._schedules(epochs, steps)
        temperatures = teacher_temperatures(*self.teacher_temperatures, self.teacher_warmup, epochs)
        loop = training.Epochs(
            run,
            epochs,
            student=student,
            teacher=teacher,
            optimiser=optimiser,
            centre=centre,
            order=order,
            crops=crops,
        )
        for epoch in loop:
            entropies = []
            for step, rows in enumerate(training.batches(n, self.batch_size, order)):
                at = epoch * steps + step
                training.set_learning_rate(optimiser, rates[at])
                optimiser.param_groups[0]["weight_decay"] = decays[at]
                x = to_tensor(task.target[rows.numpy()], run.device)
                seen = views(x, crops)
                frozen = at < round(self.freeze_last_layer * epochs * steps)
                student.head.last.requires_grad_(not frozen)
                outputs = student(seen)
                with torch.no_grad():
                    targets = teacher(seen[:1])
                q = sharpened(targets, centre, temperatures[epoch])
                loss = dino_loss(outputs, q, self.student_temperature)
                loop.add(training.step(optimiser, loss, max_norm=self.clip, each=True))
                follow(teacher, student, momenta[at])
                centre.copy_(recentred(centre, targets, self.centre_momentum))
                entropies.append(-(q * q.clamp_min(1e-30).log()).sum(dim=1).mean())
            # Log of `outputs` for a teacher that tells nothing apart, 0 for one that is certain.
            loop.note(teacher_entropy=sum(map(float, entropies)) / len(entropies))
        return Prediction(tensors=training.weights(teacher.backbone), architecture=architecture)

    def _epochs(self, n: int) -> int:
        return max(1, round(self.images / n)) if self.images else self.epochs

    def _describe(self, images: Images) -> tuple[str, MultiCrop]:
        """The network's description and its crops.

        Raises:
            ValueError: a patch that does not divide both sizes.
        """
        size = self.size or min(*images.shape[1:3], 32) // 4 * 4
        patch = self.patch or size // 4
        local = self.local_size or size // 2 // max(patch, 1) * patch
        if min(size, patch, local) < 1 or size % patch or local % patch or local > size:
            raise ValueError(
                f"size = {size} and local_size = {local} must be multiples of patch = {patch}, "
                f"local_size the smaller one, for images of {images.shape[1:3]} pixels"
            )
        mean, std = mean_and_deviation(images)
        architecture = describe(
            "vit",
            channels=images.shape[3],
            outputs=0,
            size=size,
            patch=patch,
            width=self.width,
            depth=self.depth,
            heads=self.heads,
            narrow=self.narrow,
            mean=mean,
            std=std,
        )
        crops = MultiCrop(
            size=size,
            local_size=local,
            local_crops=self.local_crops,
            global_scale=self.global_scale,
            local_scale=self.local_scale,
            jitter=self.jitter,
            mirror=self.mirror,
        )
        return architecture, crops

    def _schedules(self, epochs: int, steps: int) -> tuple[npt.NDArray[np.float64], ...]:
        """Learning rate, weight decay and the teacher's momentum of every step."""
        peak, warm = self.learning_rate * self.batch_size / 256, self.warmup * epochs
        return (
            cosine(peak, min(_LAST_RATE, peak), epochs, steps, warmup=warm),
            cosine(*self.weight_decay, epochs, steps),
            cosine(self.teacher_momentum, 1.0, epochs, steps),
        )


class _Model(nn.Module):
    """f and h of the paper: a network up to its features, and a projection head."""

    def __init__(self, method: DINO, architecture: str, run: Run) -> None:
        super().__init__()
        # One seed for both: the teacher starts as the student.
        self.backbone = build(architecture, run.seed_for("init"))
        with seeded(run.seed_for("head")):
            self.head = ProjectionHead(
                method.width,
                hidden=method.hidden,
                bottleneck=method.bottleneck,
                outputs=method.outputs,
                batch_norm=method.batch_norm,
            )

    def forward(self, views: list[Tensor]) -> Tensor:
        """g, (all views' images, outputs), of batches of views, each of one size."""
        out: Tensor = self.head(torch.cat([self.backbone.features(x) for x in views]))
        return out


def _groups(student: nn.Module) -> list[dict[str, object]]:
    """The parameters that decay, and those that do not: biases, norms."""
    parameters = list(student.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1]},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
