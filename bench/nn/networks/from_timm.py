"""Standard networks, as timm has them, with or without weights that somebody else trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bench.errors import unknown
from bench.nn.networks.base import Network

_FULLY_CONNECTED = "pre_logits."
"""Of a VGG: its two layers before the classifier."""


class TimmNet(Network, name="timm"):
    """A network of timm up to its pooled features, and a linear layer on them.

    Its residual networks and VGGs are those of He et al., "Deep residual learning for image
    recognition", CVPR 2016, and Simonyan and Zisserman, "Very deep convolutional networks for
    large-scale image recognition", ICLR 2015. Features of a VGG are those of its second
    fully-connected layer, 4,096; of a ResNet the pooled ones, 512 or 2,048.

    It subtracts the mean and divides by the standard deviation that its weights were trained with
    by itself: hand it images in 0..1. Grey images become three equal channels.

    Args:
        channels: The images' channels, 1 or 3.
        outputs: K; 0 for a network that ends in its features.
        model: A name that `timm.list_models()` has, such as "resnet18", "resnet50", "vgg16". With
            a tag that timm knows, as in "vit_small_patch16_224.dino", mean and deviation are those
            of the weights of this tag, otherwise of timm's own choice of weights.

    Raises:
        ValueError: no such model, or another number of channels.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int, outputs: int, *, model: str = "resnet18") -> None:
        super().__init__()
        if channels not in (1, 3):
            raise ValueError(f"network 'timm' takes images of 1 or 3 channels, not {channels}")
        self.trunk = _created(model)
        values: Mapping[str, Any] = self.trunk.pretrained_cfg
        self.size = int(values["input_size"][-1])
        for name in ("mean", "std"):
            value = torch.tensor(values[name]).reshape(1, 3, 1, 1)
            self.register_buffer(name, value, persistent=False)
        width = getattr(self.trunk, "head_hidden_size", None) or self.trunk.num_features
        self.head = nn.Linear(width, outputs) if outputs else nn.Identity()

    def blocks(self, x: Tensor) -> dict[str, Tensor]:
        """Every stage's map, named as timm names it, such as "layer1" of a ResNet."""
        maps = self.trunk.forward_intermediates(self._normalised(x), intermediates_only=True)
        names = [stage["module"] for stage in self.trunk.feature_info]
        return dict(zip(names, maps, strict=True))

    def features(self, x: Tensor) -> Tensor:
        """What timm's own classifier is given, (N, D)."""
        out: Tensor = self.trunk(self._normalised(x))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (N, outputs), or the features where there are no outputs."""
        out: Tensor = self.head(self.features(x))
        return out

    def freeze(self) -> None:
        """Let the convolutions learn no more: all of a ResNet's trunk, a VGG's up to its pooling.

        Their batch-norms go on taking the statistics of batches in training mode.
        """
        for name, parameter in self.trunk.named_parameters():
            if not name.startswith(_FULLY_CONNECTED):
                parameter.requires_grad_(requires_grad=False)

    def _normalised(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std  # one channel becomes three here


def _created(model: str) -> Any:
    import timm

    known = timm.list_models()
    if model not in known and model not in timm.list_pretrained():
        error = unknown("model", model, known, where="timm", named_by="timm.list_models()")
        raise ValueError(str(error))
    return timm.create_model(model, pretrained=False, num_classes=0)


def fit_weights(network: TimmNet, tensors: Mapping[str, Tensor]) -> None:
    """Give a network's trunk weights with timm's names, of which a classifier's are left out.

    torchvision's ResNets and timm's have the same names. A VGG's two fully-connected layers may be
    lacking, as where only convolutions were learned: they stay as they are.

    Raises:
        ValueError: tensors are missing, are of another shape or belong to another model.
    """
    own = network.trunk.state_dict()
    classifier = network.trunk.pretrained_cfg.get("classifier") or ()
    heads = tuple(f"{c}." for c in ((classifier,) if isinstance(classifier, str) else classifier))
    given = {name: value for name, value in tensors.items() if not name.startswith(heads)}
    # Counts of batches that older files lack, and that nothing computes with.
    missing = sorted(n for n in own.keys() - given if not n.endswith("num_batches_tracked"))
    if not any(name.startswith(_FULLY_CONNECTED) for name in given):
        missing = [name for name in missing if not name.startswith(_FULLY_CONNECTED)]
    if missing:
        raise ValueError(f"{len(missing)} tensors are missing, such as '{missing[0]}'")
    if strange := sorted(given.keys() - own):
        raise ValueError(f"{len(strange)} tensors are of another model, such as '{strange[0]}'")
    for name, value in given.items():
        if value.shape != own[name].shape:
            found, expected = (tuple(t.shape) for t in (value, own[name]))
            raise ValueError(f"'{name}' has shape {found}, expected {expected}")
    network.trunk.load_state_dict({**own, **given})


def convolutions(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of a `TimmNet`'s weights that `freeze` lets learn no more."""
    learnt = f"trunk.{_FULLY_CONNECTED}"
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(learnt)}


def start_from(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give the one `TimmNet` within a module the trunk of another's weights; heads stay fresh.

    Args:
        module: A `TimmNet`, or a network built around one, such as a similarity network.
        tensors: Weights of a `TimmNet` of the same model, as `weights` cells give them.

    Raises:
        ValueError: the module holds none, or one of another model.
    """
    found = [part for part in module.modules() if isinstance(part, TimmNet)]
    if len(found) != 1:
        raise ValueError("initial weights need a network of the name 'timm', with its model")
    prefix = "trunk."
    trunk = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
    try:
        fit_weights(found[0], trunk)
    except ValueError as error:
        raise ValueError(f"initial weights do not fit the network: {error}") from error
