"""Images of another split, clustered by a network that was trained before.

Hsu, Lv, Kira, "Deep image category discovery using a transferred similarity function", 2016: table
2 reports MNIST's and CIFAR-10's test images by the network that was trained on the train images.

    python -m bench run discovery --methods feed-forward

It trains nothing, so both presets are alike: the needed cell's network is applied to whole images.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from bench.nn import networks, training
from bench.nn.clustering.unfit import refuse_outputs
from bench.nn.images.views import described
from bench.nn.networks.features import extract
from bench.registry import method
from bench.tasks import ClusterTask, Method, Need, Prediction, Run, TaskInfo

_IMAGES = 200
"""Images at a time."""


@method(
    "feed-forward",
    kinds=("cluster",),
    neutral={"parameters": ""},
    dtypes=("float32", "bfloat16"),
)
@dataclass(frozen=True)
class FeedForward(Method):
    """The clusters that another cell's network gives to images that it was not trained on."""

    trained: str = "discovery"
    """The method whose network it is; one that gives back its network."""
    parameters: str = ""
    """Its parameters, as JSON: `{"frozen": true}`; "": those of the preset."""

    def __post_init__(self) -> None:
        self._given()

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The trained network, of the same seed."""
        if "trained" not in task.related:
            raise ValueError(f"{task.name} names no task that a network is trained on")
        return {"trained": Need(self.trained, self._given(), task.related["trained"])}

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Each image's cluster is the network's largest output."""
        needed = run.needed("trained")
        views = described(needed.architecture)
        network = networks.load(needed.architecture, needed.tensors).to(run.device)

        def outputs(x: Tensor) -> Tensor:
            with training.autocast(run.device, run.dtype):
                logits: Tensor = network(views.clean(x))
            return logits.float()

        found = extract(network, task.target, _IMAGES, of=outputs)
        refuse_outputs(found.shape[1], task.n_clusters, f"{task.name}: the network")
        return Prediction(assignments=found.argmax(dim=1).numpy())

    def _given(self) -> dict[str, Any]:
        """`parameters`, by name; a ValueError where it is no JSON object."""
        try:
            given = json.loads(self.parameters or "{}")
        except ValueError as error:
            raise ValueError(f"parameters = {self.parameters!r} is no JSON: {error}") from error
        if not isinstance(given, dict):
            raise ValueError(f"parameters = {self.parameters!r} must be a JSON object")
        return given
