"""K-means (MacQueen 1967; k-means++ starts: Arthur and Vassilvitskii 2007).

The K-means rows. On pixels: "Deep image category discovery using a transferred similarity
function", table 2 (MNIST-train NMI .500). On features of a network trained on the source classes:
SUPREME, table 1, whose numbers are DTC's: 20 restarts on raw 512-d features. On those of a
standard network with published weights: CCN, table 8.

    python -m bench run digits --methods kmeans

takes under a second a seed on the 1,797 digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench import weights
from bench.nn.clustering.kmeans import kmeans
from bench.nn.images.flat import flattened
from bench.nn.networks import load
from bench.nn.networks.features import extract
from bench.registry import method
from bench.tasks import ClusterTask, Method, Need, Prediction, Run, TaskInfo

_IMAGES = {"source": 1000, "weights": 100}
"""Images at a time: photographs are large."""


@method("kmeans", kinds=("cluster",), quick={"n_init": 10}, neutral={"weights": "", "size": 0})
@dataclass(frozen=True)
class KMeans(Method):
    """K-means on pixels or on features learned from the source classes."""

    features: Literal["pixels", "source", "weights"] = "pixels"
    """"pixels": flattened, in 0..1. "source": the penultimate layer of the network pretrained
    on the source's labels, as it is, without normalisation. "weights": that of `weights`."""
    weights: str = ""
    """A name of `bench.weights`, such as "resnet18.tv_in1k"; images keep their size."""
    size: int = 0
    """Height and width that images are resized to before they are flattened, in pixels: 32 for
    Omniglot (CCN, section 5.1.1); 0: their own."""
    n_init: int = 20
    """Restarts, of which the lowest inertia wins (DEC, DTC)."""
    max_iter: int = 300
    """Iterations of one restart at most."""
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

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Cluster the target; a single stage, so a resumed cell starts over."""
        if self.features == "pixels":
            points = flattened(task.target, self.size)
        else:
            needed = run.needed("network")
            network = load(needed.architecture, needed.tensors).to(run.device)
            points = extract(network, task.target, _IMAGES[self.features]).numpy()
        labels, _ = kmeans(
            points,
            task.n_clusters,
            run.seed_for("init"),
            n_init=self.n_init,
            max_iter=self.max_iter,
        )
        return Prediction(assignments=labels)
