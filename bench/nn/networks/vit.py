"""A vision transformer for small images."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from bench.nn.networks.base import Network


class ViT(Network, name="vit"):
    """timm's vision transformer with sizes of one's own: tokens of square patches, and CLS.

    Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021; features are the CLS token after
    the final norm, as DINO has them (Caron et al., ICCV 2021). Its positions are interpolated for
    images of another size than its own, such as local crops. Nothing in it draws at random when it
    runs: it has neither dropout nor stochastic depth.

    Args:
        channels: The images' channels.
        outputs: K; 0 for a network that ends in its features.
        size: Height and width of its images in pixels.
        patch: Height and width of a patch, which divides those of every image.
        width: Length of a token, of which `heads` must be a divisor.
        depth: Blocks of attention and MLP.
        heads: Attention heads.
        mean: Subtracted from pixels in 0..1 first.
        std: Divided by then.
        narrow: Draw the weights of linear layers by the number of their inputs and positions with
            a deviation of 0.5. timm's 0.02 for both suits hundreds of channels; of few, it makes a
            network that hardly sees its image and not where in it a patch lies.

    Raises:
        ValueError: a number below 1, a patch that does not divide the size, or heads that do not
            divide the width.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        size: int = 224,
        patch: int = 16,
        width: int = 384,
        depth: int = 12,
        heads: int = 6,
        mean: float = 0.5,
        std: float = 0.5,
        narrow: bool = False,
    ) -> None:
        super().__init__()
        if min(size, patch, width, depth, heads) < 1 or size % patch or width % heads:
            raise ValueError(
                f"size = {size}, patch = {patch}, width = {width}, depth = {depth} and "
                f"heads = {heads} must be at least 1, size a multiple of patch, width of heads"
            )
        from bench.nn.networks.vit_trunk import Trunk  # timm takes two seconds to import

        self.size, self.channels = size, channels
        self.mean, self.std = mean, std
        self.trunk = Trunk(
            img_size=size,
            patch_size=patch,
            in_chans=channels,
            num_classes=0,
            embed_dim=width,
            depth=depth,
            num_heads=heads,
            dynamic_img_size=True,
        )
        if narrow:
            self._draw_wider()
        self.head = nn.Linear(width, outputs) if outputs else nn.Identity()

    def _draw_wider(self) -> None:
        for layer in self.trunk.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=layer.in_features**-0.5)
        assert self.trunk.pos_embed is not None
        nn.init.normal_(self.trunk.pos_embed, std=0.5)

    def blocks(self, x: Tensor) -> dict[str, Tensor]:
        """The patches' tokens after each block: "block1", ... -> (N, width, h, w)."""
        maps: Any
        maps = self.trunk.forward_intermediates(self._normalised(x), intermediates_only=True)
        return {f"block{number}": tokens for number, tokens in enumerate(maps, start=1)}

    def features(self, x: Tensor) -> Tensor:
        """The CLS token after the final norm, (N, width)."""
        out: Tensor = self.trunk(self._normalised(x))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (N, outputs), or the features where there are no outputs."""
        out: Tensor = self.head(self.features(x))
        return out

    def _normalised(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std
