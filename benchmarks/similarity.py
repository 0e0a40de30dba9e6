"""A training step of the pair-similarity network, beside the same step over enumerated pairs.

python -m benchmarks.similarity [--json] [-n 100]

The network of the Omniglot experiments: 32x32 grey images, VGGS trunk to 1024 features, head
2048 -> 4096 -> 2. The step is forward, cross-entropy over n² pairs, backward, Adam. The enumeration
is that of the authors' released code: n² rows of concatenated features through `nn` layers, the
trunk in torch's default memory format with ReLU before pooling. One thread. Speed and memory are
judged in float32; that outputs, gradients and running statistics are equal in float64, because in
float32 rounding moves single values across the kinks of ReLU and the ties of max-pooling.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.nn.networks.similarity import SimilarityNet
from benchmarks.measure import Target, arguments, difference, peak_bytes, report, seconds


class Enumerated(nn.Module):
    """The same function over enumerated pairs, with the parameters of `net` copied."""

    def __init__(self, net: SimilarityNet) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        modules = list(net.trunk.children())
        for conv, norm in zip(modules[:-1:4], modules[1::4], strict=True):
            layers += [_like(conv), _like(norm), nn.ReLU(), nn.MaxPool2d(2)]
        self.trunk = nn.Sequential(*layers, nn.Flatten())
        head = net.head
        self.head = nn.Sequential(
            _like(head.hidden), _like(head.norm), nn.ReLU(), _like(head.output)
        )
        for mine, its in zip(self.state_dict().values(), net.state_dict().values(), strict=True):
            mine.copy_(its)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, (n, n, 2)."""
        features = self.trunk(images)
        n = len(features)
        pairs = torch.cat([features.repeat(n, 1), features.repeat_interleave(n, dim=0)], dim=1)
        logits: Tensor = self.head(pairs)
        return logits.view(n, n, 2)


def _like(layer: nn.Module) -> nn.Module:
    """A fresh layer of the same sizes."""
    if isinstance(layer, nn.Conv2d):
        return nn.Conv2d(layer.in_channels, layer.out_channels, 3, padding=1)
    if isinstance(layer, nn.Linear):
        return nn.Linear(layer.in_features, layer.out_features)
    assert isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)
    return type(layer)(layer.num_features)


def loss_of(net: nn.Module, images: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy over all pairs, and the logits."""
    logits = net(images)
    logits = logits.float() if logits.dtype == torch.bfloat16 else logits
    return functional.cross_entropy(logits.flatten(0, 1), target.flatten()), logits


def stepper(
    net: nn.Module, images: Tensor, target: Tensor, *, half: bool = False
) -> Callable[[], None]:
    """A call that trains for one step, in bfloat16 where `half`."""
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)

    def step() -> None:
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss, _ = loss_of(net, images, target)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


def outcome(net: nn.Module, images: Tensor, target: Tensor) -> list[Tensor]:
    """Logits, gradients and running statistics after one pass in training mode."""
    net.zero_grad()
    loss, logits = loss_of(net, images, target)
    loss.backward()  # type: ignore[no-untyped-call]
    # A bias before batch-norm has no effect: its gradient is rounding error, in both.
    idle = ("trunk.0.", "trunk.4.", "trunk.8.", "trunk.12.", "head.0.", "head.hidden.")
    gradients = [
        parameter.grad
        for name, parameter in net.named_parameters()
        if parameter.grad is not None and not (name.endswith("bias") and name.startswith(idle))
    ]
    statistics = [buffer for name, buffer in net.named_buffers() if "running" in name]
    return [tensor.clone() for tensor in (logits.detach(), *gradients, *statistics)]


def variants(images: Tensor, target: Tensor) -> list[dict[str, Any]]:
    """Seconds of a step by memory format and by precision, and of the trunk's share of it."""
    rows = []
    for layout in (torch.channels_last, torch.contiguous_format):
        for half in (False, True):
            net = SimilarityNet.of_vggs()
            net.trunk.to(memory_format=layout)

            def trunk(net: SimilarityNet = net, half: bool = half) -> None:
                with torch.autocast("cpu", torch.bfloat16, enabled=half):
                    features = net.trunk(images)
                features.float().square().mean().backward()

            step, part = seconds(stepper(net, images, target, half=half), trunk, repeats=3)
            name = f"{str(layout).removeprefix('torch.')}, {'bfloat16' if half else 'float32'}"
            rows.append({"step": name, "s": step, "trunk s": part, "head, Adam s": step - part})
    return rows


def main() -> int:
    """Measure, print, judge."""
    parser = arguments(__doc__)
    parser.add_argument("-n", type=int, default=100, help="images of a batch, 5 to a class")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images = torch.rand(given.n, 1, 32, 32)
    labels = torch.arange(given.n) // 5
    target = (labels[:, None] == labels).long()
    net = SimilarityNet.of_vggs()
    reference = Enumerated(net)
    exact = [copy.deepcopy(each).double() for each in (net, reference)]
    apart = difference(*(outcome(each, images.double(), target) for each in exact))
    ours, theirs = (stepper(each, images, target) for each in (net, reference))
    time_ours, time_theirs = seconds(ours, theirs, repeats=3)
    memory_ours, memory_theirs = peak_bytes(ours), peak_bytes(theirs)
    rows = [
        {"step": "bench", "s": time_ours, "MiB": memory_ours / 2**20},
        {"step": "enumerated", "s": time_theirs, "MiB": memory_theirs / 2**20},
        *variants(images, target),
    ]
    targets = [
        Target("speed-up", time_theirs / time_ours, 8.0, at_least=True),
        Target("memory ratio", memory_ours / memory_theirs, 1 / 5),
        Target("difference", apart, 1e-4),
    ]
    return report("similarity", rows, targets, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
