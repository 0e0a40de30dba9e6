"""The pair head of commit 24a9f4d, kept as it was: what later forms of it are measured against."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

_BLOCK = 2**19


class Head(nn.Module):
    """Logits of all ordered pairs, (n, n, 2), in training mode: batch-norm of the grid of pairs."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(2 * features, 4 * features)
        self.norm = nn.BatchNorm1d(4 * features)
        self.output = nn.Linear(4 * features, 2)

    def forward(self, features: Tensor, others: None = None) -> Tensor:  # noqa: ARG002
        """Features (n, D) to logits."""
        weight = self.hidden.weight
        both = functional.linear(features, weight.view(2 * len(weight), -1))
        a, b = both.view(len(features), len(weight), 2).unbind(dim=2)
        b = b + self.hidden.bias
        variance_a, mean_a = torch.var_mean(a, dim=0, correction=0)
        variance_b, mean_b = torch.var_mean(b, dim=0, correction=0)
        scale = self.norm.weight * torch.rsqrt(variance_a + variance_b + self.norm.eps)
        shift = self.norm.bias - (mean_a + mean_b) * scale
        logits: Tensor = _RectifiedSum.apply(a * scale, b * scale + shift, self.output.weight)
        return logits + self.output.bias


def _blocks(n: int, m: int, units: int) -> list[slice]:
    width = max(_BLOCK // (n * m), 8)
    return [slice(start, min(start + width, units)) for start in range(0, units, width)]


class _RectifiedSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(a, b, weight)
        out = a.new_zeros(len(b) * len(a), len(weight))
        for c in _blocks(len(a), len(b), a.shape[1]):
            out.addmm_((a[:, c] + b[:, None, c]).relu_().flatten(0, 1), weight[:, c].T)
        return out.view(len(b), len(a), len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, b, weight = ctx.saved_tensors
        grad_a, grad_b, grad_weight = map(torch.empty_like, (a, b, weight))
        grad = grad.flatten(0, 1)
        for c in _blocks(len(a), len(b), a.shape[1]):
            z = (a[:, c] + b[:, None, c]).relu_()
            torch.mm(grad.T, z.flatten(0, 1), out=grad_weight[:, c])
            dz = (grad @ weight[:, c]).view_as(z).mul_(z.sign_())
            torch.sum(dz, dim=0, out=grad_a[:, c])
            torch.sum(dz, dim=1, out=grad_b[:, c])
        return grad_a, grad_b, grad_weight
