"""Features by the cell that keeps them, beside a bare loop over timm's forward pass.

python -m benchmarks.features [--json] [--images 120] [--model vit_small_patch16_224]

One thread, batches of 20, random weights, images of 32 pixels that the cell resizes to the size of
the network, which it builds first. The bare loop is given them resized and normalised and calls the
model, nothing else; once more it gives all images at once, as the cell gave a block before. All
take turns, so that other load on the machine hits all.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from bench import registry
from bench.nn import networks, training
from bench.nn.images.tensors import to_tensor
from bench.nn.networks.features import evaluating
from bench.nn.networks.from_timm import TimmNet
from bench.nn.networks.sized import sized
from bench.tasks import ClusterTask, Prediction
from benchmarks.alone import Alone
from benchmarks.measure import Target, arguments, report, seconds

BATCH = 20


def main() -> int:
    """Measure and report; the exit status."""
    parser = arguments(__doc__)
    parser.add_argument("--images", type=int, default=120)
    parser.add_argument("--model", default="vit_small_patch16_224")
    given = parser.parse_args()
    torch.set_num_threads(1)
    registry.load()
    images = np.random.default_rng(0).integers(0, 256, (given.images, 32, 32, 3), np.uint8)
    text = networks.describe("timm", channels=3, outputs=0, model=given.model)
    network = networks.build(text, 0)
    if not isinstance(network, TimmNet):
        raise TypeError(f"{given.model} is none of timm's")
    run = Alone(0, Prediction(tensors=training.weights(network), architecture=text))
    method = registry.get("features").build({})
    task = ClusterTask("benchmark", images, 2)
    x = (sized(to_tensor(images, "cpu"), network) - network.mean) / network.std

    def cell() -> torch.Tensor:
        found: torch.Tensor = method.fit(task, run).tensors["features"]
        return found

    def bare() -> torch.Tensor:
        with evaluating(network):
            return torch.cat([network.trunk(part) for part in torch.split(x, BATCH)])

    def whole() -> torch.Tensor:
        with evaluating(network):
            found: torch.Tensor = network.trunk(x)
        return found

    s, s_bare, s_whole = seconds(cell, bare, whole, repeats=3)
    rows = [
        {"by": name, "s": value, "images/s": given.images / value}
        for name, value in (
            ("the cell", s),
            ("bare timm", s_bare),
            ("bare timm, all images at once", s_whole),
        )
    ]
    targets = [
        Target("images/s, of the bare loop's", s_bare / s, 0.9, at_least=True),
        Target("difference", float((cell() - bare()).abs().max()), 1e-4),
    ]
    return report("features", rows, targets, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
