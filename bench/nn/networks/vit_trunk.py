"""timm's vision transformer, with positions whose gradient is the same bytes each time."""

from __future__ import annotations

from functools import cache

import torch
from timm.layers.pos_embed import resample_abs_pos_embed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor


class Trunk(VisionTransformer):
    """For images of any size, with one CLS token that has a position of its own."""

    def _pos_embed(self, x: Tensor) -> Tensor:
        """Tokens of patches, (N, h, w, width), with CLS before them and positions added."""
        n, h, w, _ = x.shape
        if not x.is_cuda or (h, w) == self.patch_embed.grid_size:
            found: Tensor = super()._pos_embed(x)
            return found
        assert self.cls_token is not None
        tokens = torch.cat([self.cls_token.expand(n, -1, -1), x.flatten(1, 2)], dim=1)
        placed: Tensor = self.pos_drop(tokens + self.positions(h, w))
        return placed

    def positions(self, h: int, w: int) -> Tensor:
        """Those of a grid of h x w patches, (1, 1 + h w, width), in float32.

        timm interpolates them, whose gradient a GPU adds up in whatever order; interpolation is
        linear, and the gradient of a matrix product has one.
        """
        assert self.pos_embed is not None
        cls, grid = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        weights = _interpolation(self.patch_embed.grid_size, (h, w), grid.device)
        return torch.cat([cls, weights @ grid], dim=1)


@cache
def _interpolation(old: tuple[int, int], new: tuple[int, int], device: torch.device) -> Tensor:
    """What each new position takes of the old ones, (1, new patches, old patches)."""
    each = torch.eye(old[0] * old[1], device=device)[None]
    weights: Tensor = resample_abs_pos_embed(each, list(new), list(old), num_prefix_tokens=0)
    return weights
