"""Weights that somebody else trained, as a cell that others need.

ResNet-18 of ImageNet's 882 classes in "Learning to cluster in order to transfer across domains and
tasks" (Hsu, Lv, Kira, ICLR 2018), sections 5.1.3 and 5.2; VGG-16 and the features of Doersch et
al. in the forerunner of 2016, table 4. It trains nothing and looks at no task: it reads a file of
`bench.weights`, whose hash becomes part of this cell's key, and checks that it fits its model.

    python -m bench run ccn-imagenet --weights DIR

asks for one (and for ImageNet). Both presets are alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench import weights
from bench.errors import Lack
from bench.nn import networks, training
from bench.nn.networks.from_timm import TimmNet, fit_weights
from bench.registry import method
from bench.tasks import Method, Prediction, Run, Task


@method("weights", kinds=(), artifact=True, dtypes=("float32", "bfloat16"))
@dataclass(frozen=True)
class Weights(Method):
    """A standard network with the weights of a file, up to its features."""

    name: str = "resnet18.tv_in1k"
    """The file's name without its suffix; what stands before the first dot is the model of timm."""
    sha256: str = ""
    """What the file's hash must be; "" stands for that of the file which is here."""

    def resolved(self) -> Weights:
        """With the hash of the file, so that another file makes another cell."""
        return replace(self, sha256=self.sha256 or weights.digest(self.name))

    def unavailable(self) -> str | Lack:
        """How to get the file, "" when it is here."""
        return weights.lacking(self.name) or ""

    def fit(self, task: Task, run: Run) -> Prediction:
        """Read the file; raises ValueError when it holds the weights of another model."""
        options = {"channels": 3, "outputs": 0, "model": weights.model(self.name)}
        architecture = networks.describe("timm", **options)
        network = networks.build(architecture)
        assert isinstance(network, TimmNet)
        try:
            fit_weights(network, weights.read(self.name, self.sha256))
        except ValueError as error:
            raise ValueError(
                f"{weights.file(self.name)} does not fit {options['model']}: {error}"
            ) from error
        return Prediction(tensors=training.weights(network), architecture=architecture)
