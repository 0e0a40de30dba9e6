"""What methods without constraints cluster: pixels, or features of a network.

CCN's tables 1 and 8 (Hsu, Lv, Kira, ICLR 2018) give the same points to all of them: pixels of
Omniglot, features of a network trained on other classes of ImageNet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bench import weights
from bench.nn.images.flat import flattened
from bench.nn.networks import load
from bench.nn.networks.features import extract
from bench.tasks import ClusterTask, Images, Method, Need, Run, TaskInfo

_IMAGES = {"source": 1000, "weights": 100}
"""Images at a time: photographs are large."""


@dataclass(frozen=True)
class OnPoints(Method):
    """A method on pixels or on features learned from the source classes; it inherits which.

    Methods inherit these parameters in place of nesting them: a cell's key holds them by their
    own names.
    """

    features: Literal["pixels", "source", "weights"] = "pixels"
    """"pixels": flattened, in 0..1. "source": the penultimate layer of the network pretrained
    on the source's labels, as it is, without normalisation. "weights": that of `weights`."""
    weights: str = ""
    """A name of `bench.weights`, such as "resnet18.tv_in1k"; images keep their size."""
    size: int = 0
    """Height and width that images are resized to before they are flattened, in pixels: 32 for
    Omniglot (CCN, section 5.1.1); 0: their own."""
    pretrain_seed: int | None = None
    """Seed of the pretrained network; None: one for each seed."""

    def __post_init__(self) -> None:
        if (self.features == "weights") != bool(self.weights):
            raise ValueError("features = 'weights' and the name of `weights` go together")
        if self.size < 0 or (self.size and self.features != "pixels"):
            raise ValueError(f"size = {self.size} must be at least 0, and is for pixels alone")

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The network whose features are clustered, if any."""
        if self.features == "pixels":
            return {}
        if self.weights:
            return {"network": weights.need(self.weights)}
        if not task.has_source:
            raise ValueError(
                f"features = 'source' needs labelled classes, and {task.name} has none"
            )
        return {"network": Need("pretrain", seed=self.pretrain_seed)}

    def points(self, task: ClusterTask, run: Run) -> npt.NDArray[np.float32]:
        """Those of the target's images, (N, D)."""
        if self.features == "pixels":
            return flattened(task.target, self.size)
        return seen_by_network(run, _IMAGES[self.features])(task.target)


def seen_by_network(
    run: Run, batch: int = _IMAGES["source"]
) -> Callable[[Images], npt.NDArray[np.float32]]:
    """What makes points, (N, D), of images: the features of the needed "network"."""
    needed = run.needed("network")
    network = load(needed.architecture, needed.tensors).to(run.device)

    def points(images: Images) -> npt.NDArray[np.float32]:
        found: npt.NDArray[np.float32] = extract(network, images, batch).numpy()
        return found

    return points
