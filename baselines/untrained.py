"""A network with the weights that it was drawn with: what a representation has to beat.

The "Random" rows of SeLa (Asano, Rupprecht, Vedaldi, ICLR 2020), tables 5 to 9.

    python -m bench run digits --methods untrained

Both presets are alike; its images are not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.nn import networks, training
from bench.registry import method
from bench.tasks import Method, Prediction, RepresentTask, Run


@method("untrained", kinds=("represent",))
@dataclass(frozen=True)
class Untrained(Method):
    """A network without any training."""

    network: str = "convnet"
    """A name in `bench.nn.networks.known()` that takes channels and outputs, or such a network's
    description with options of its own: `{"name": "alexnet", "variant": "small"}`."""

    def __post_init__(self) -> None:
        networks.completed(self.network)

    def fit(self, task: RepresentTask, run: Run) -> Prediction:
        """Draw the weights."""
        channels = task.target.shape[3]
        architecture = networks.completed(self.network, channels=channels, outputs=1)
        network = networks.build(architecture, run.seed_for("init"))
        return Prediction(tensors=training.weights(network), architecture=architecture)
