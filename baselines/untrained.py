"""A network with the weights that it was drawn with: what a representation has to beat.

The "Random" rows of SeLa (Asano, Rupprecht, Vedaldi, ICLR 2020), tables 5 to 9.

    python -m bench run digits --methods untrained

Both presets are alike; its images are not looked at.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from bench.nn import networks, training
from bench.nn.images.augment import Augmentation
from bench.nn.images.views import Views
from bench.registry import method
from bench.tasks import Method, Prediction, RepresentTask, Run


@method(
    "untrained",
    kinds=("represent",),
    neutral={"size": 0, "mean": Augmentation.mean, "std": Augmentation.std},
)
@dataclass(frozen=True)
class Untrained(Method):
    """A network without any training."""

    network: str = "convnet"
    """A name in `bench.nn.networks.known()` that takes channels and outputs, or such a network's
    description with options of its own: `{"name": "alexnet", "variant": "small"}`."""

    size: int = 0
    """Pixels that images are resized to before the network, as for the trained ones; 0: images go
    in as they are, values in 0..1."""
    mean: float = Augmentation.mean
    """Subtracted from resized images, whose values are in 0..1."""
    std: float = Augmentation.std
    """Divided by."""

    def __post_init__(self) -> None:
        networks.completed(self.network)
        if self.size < 0:
            raise ValueError(f"size = {self.size} must be at least 0")

    def fit(self, task: RepresentTask, run: Run) -> Prediction:
        """Draw the weights."""
        channels = task.target.shape[3]
        architecture = networks.completed(self.network, channels=channels, outputs=1)
        if self.size:
            views = asdict(Views(self.size, False, self.mean, self.std))
            architecture = networks.completed(architecture, views=views)
        network = networks.build(architecture, run.seed_for("init"))
        return Prediction(tensors=training.weights(network), architecture=architecture)
