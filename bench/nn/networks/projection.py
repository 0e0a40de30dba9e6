"""DINO's projection head (Caron et al., ICCV 2021): a shallow MLP and a layer of unit rows."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class ProjectionHead(nn.Module):
    """h of DINO: three linear layers with GELU, to unit length, then a weight-normed layer.

    The last layer's rows have unit length, as those of a weight-normed layer whose scale is fixed.

    Args:
        width: D, of the features.
        hidden: Units of each of the two hidden layers.
        bottleneck: Length of the code that gets unit norm.
        outputs: K.
        batch_norm: After both hidden layers.
    """

    def __init__(
        self, width: int, *, hidden: int, bottleneck: int, outputs: int, batch_norm: bool = False
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs in (width, hidden):
            layers += [_linear(inputs, hidden)]
            layers += [nn.BatchNorm1d(hidden)] if batch_norm else []
            layers += [nn.GELU()]
        self.mlp = nn.Sequential(*layers, _linear(hidden, bottleneck))
        self.last = nn.Linear(bottleneck, outputs, bias=False).weight

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, D) to cosines (N, K)."""
        code = functional.normalize(self.mlp(features))
        return functional.linear(code, functional.normalize(self.last))


def _linear(inputs: int, outputs: int) -> nn.Linear:
    """Weights as large for any number of inputs as 0.02, the released code's, is for 2,048."""
    layer = nn.Linear(inputs, outputs)
    nn.init.trunc_normal_(layer.weight, std=inputs**-0.5)
    nn.init.zeros_(layer.bias)
    return layer
