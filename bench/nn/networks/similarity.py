"""The dense pair-similarity network: does image i show the same class as image j, for all pairs.

Hsu, Lv, Kira, "Learning to cluster in order to transfer across domains and tasks", ICLR 2018,
section 4.1, with the sizes of the authors' released code. That code enumerates the pairs: n² rows
[f_j, f_i] through linear 2D -> 4D, batch-norm, ReLU, linear 4D -> 2. Here the same function takes
neither the copies nor the n² x 4D hidden layer:

- the first layer splits, W [f_j, f_i] + b = A f_j + (B f_i + b): two products with n rows;
- over a full grid of pairs the mean and the variance of a_j + b_i are those of a plus those of b,
  so that batch-norm is a scale and a shift of a and of b;
- what is left, the sum over hidden units c of w_c max(0, a_jc + b_ic), is taken a few units at a
  time, forward and, once more, backward; or, where asked, by `bench.nn.networks.rectified`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from bench.nn.networks.rectified import rectified_sum
from bench.nn.networks.vggs import vggs

Form = Literal["blocked", "compiled"]
"""How the sum over hidden units is taken: by torch, or in less than a tenth of the time by a kernel
that needs a C compiler and float32, and rounds otherwise; on a GPU always by torch."""

_BLOCK = 2**19
"""Elements of a block of the hidden layer: 2 MiB in float32, about what a core's cache holds."""
_GPU_BLOCK = 2**26
"""The same on a GPU, 256 MiB: with many small blocks it waits for one kernel's start after another.
"""


class PairHead(nn.Module):
    """Logits of all ordered pairs of feature vectors.

    Names in the released code: "last.0" is `hidden`, "last.1" is `norm`, "last.3" is `output`.
    In training mode batch-norm uses the statistics of the grid of pairs and tracks them, as the
    released code also does when it labels pairs for clustering; call `eval()` for the tracked ones.

    Args:
        features: D, the length of one feature vector; the hidden layer has 4 D units.
        form: "compiled" gives half the logits' difference, with both signs, which any softmax and
            its gradients take for the logits themselves.
    """

    def __init__(self, features: int, form: Form = "blocked") -> None:
        super().__init__()
        self.form = form
        units = 4 * features
        self.hidden = nn.Linear(2 * features, units)
        self.norm = nn.BatchNorm1d(units)
        self.output = nn.Linear(units, 2)

    def forward(self, features: Tensor, others: Tensor | None = None) -> Tensor:
        """Logits of the pairs (i, j); class 1 is "similar". They are not symmetric in i and j.

        Args:
            features: Float, (n, D): i runs over these, the second half of a pair's input.
            others: Float, (m, D): j runs over these, the first half; None: `features` again.

        Returns:
            (n, m, 2), in the parameters' dtype; NaN where the features hold NaN.

        Raises:
            ValueError: no rows, rows of another length, or a single pair in training mode.
        """
        others = features if others is None else others
        self._refuse_unfit(features, others)
        rows = columns = self._halves(features)
        if others is not features:
            columns = self._halves(others)
        a, b = columns[0], rows[1] + self.hidden.bias
        mean, variance = self._statistics(a, b)
        scale = self.norm.weight * torch.rsqrt(variance + self.norm.eps)
        shift = self.norm.bias - mean * scale
        with torch.autocast(a.device.type, enabled=False):
            return self._summed(a * scale, b * scale + shift)

    def listed(self, features: Tensor, others: Tensor) -> Tensor:
        """Logits of the pairs (features[p], others[p]) alone, (P, 2); each is (P, D).

        In training mode batch-norm uses, and tracks, the statistics of these pairs.
        """
        hidden = self.norm(self.hidden(torch.cat([others, features], dim=1)))
        logits: Tensor = self.output(hidden.relu())
        return logits

    def _summed(self, a: Tensor, b: Tensor) -> Tensor:
        """The logits, from both addends of the normalised hidden layer."""
        weight, bias = self.output.weight, self.output.bias
        if self.form == "blocked" or a.device.type != "cpu":
            logits: Tensor = _RectifiedSum.apply(a, b, weight)
            return logits + bias
        half = 0.5 * (rectified_sum(a, b, weight[1] - weight[0]) + (bias[1] - bias[0]))
        return torch.stack([-half, half], dim=2)

    def _halves(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """A f and B f, (n, units) each, from one product: A, B are the halves of the weight."""
        weight = self.hidden.weight
        both = functional.linear(features, weight.view(2 * len(weight), -1)).to(weight.dtype)
        first, second = both.view(len(features), len(weight), 2).unbind(dim=2)
        return first, second

    def _statistics(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of each hidden unit over all pairs, or those tracked in training."""
        running_mean, running_variance = self.norm.running_mean, self.norm.running_var
        assert running_mean is not None
        assert running_variance is not None
        if not self.training:
            return running_mean, running_variance
        variance_a, mean_a = torch.var_mean(a, dim=0, correction=0)
        variance_b, mean_b = torch.var_mean(b, dim=0, correction=0)
        mean, variance = mean_a + mean_b, variance_a + variance_b
        with torch.no_grad():
            pairs, momentum = len(a) * len(b), self.norm.momentum or 0.0
            running_mean.lerp_(mean, momentum)
            running_variance.lerp_(variance * (pairs / (pairs - 1)), momentum)
            assert self.norm.num_batches_tracked is not None
            self.norm.num_batches_tracked.add_(1)
        return mean, variance

    def _refuse_unfit(self, *sides: Tensor) -> None:
        """Raise a ValueError for what would fail later, or divide by zero."""
        length = self.hidden.in_features // 2
        for side in sides:
            if side.ndim != 2 or len(side) == 0 or side.shape[1] != length:
                raise ValueError(
                    f"features have shape {tuple(side.shape)}, not (n, {length}) with n >= 1"
                )
        if self.training and all(len(side) == 1 for side in sides):
            raise ValueError(
                "one pair has no variance for batch-norm: hand in two images, or call eval()"
            )


class SimilarityNet(nn.Module):
    """A trunk and a `PairHead`.

    Args:
        trunk: From images, float (n, channels, size, size), to features, (n, D).
        features: D.
        form: Of the head.
        layers: Units of fully-connected layers with batch-norm and ReLU between the two.
    """

    def __init__(
        self,
        trunk: nn.Module,
        features: int,
        form: Form = "blocked",
        layers: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.trunk = trunk
        if layers:
            parts: list[nn.Module] = [trunk]
            for units in layers:
                parts += [nn.Linear(features, units), nn.BatchNorm1d(units), nn.ReLU()]
                features = units
            self.trunk = nn.Sequential(*parts)
        self.head = PairHead(features, form)

    @classmethod
    def of_vggs(
        cls,
        channels: int = 1,
        widths: Sequence[int] = (64, 128, 256, 256),
        size: int = 32,
        form: Form = "blocked",
        layers: Sequence[int] = (),
    ) -> SimilarityNet:
        """The network of the Omniglot experiments.

        Released weights fit after renaming: "features." -> "trunk.", and `PairHead`'s names.

        Args:
            channels: Of the images.
            widths: Output channels of the blocks of `vggs`.
            size: Height and width of the images, in pixels, >= 2^len(widths).
            form: Of the head.
            layers: Between the two.

        Raises:
            ValueError: the images are too small.
        """
        side = size // 2 ** len(widths)
        if side == 0:
            raise ValueError(
                f"size = {size} is too small: {len(widths)} poolings need {2 ** len(widths)} pixels"
            )
        return cls(vggs(channels, widths), widths[-1] * side**2, form, layers)

    def forward(self, images: Tensor) -> Tensor:
        """Images, float (n, channels, size, size) -> logits (n, n, 2), as `PairHead` gives them."""
        logits: Tensor = self.head(self.trunk(images))
        return logits


@torch.no_grad()
def similarity(head: PairHead, features: Tensor, others: Tensor | None = None) -> Tensor:
    """The probability that i and j are similar, (n, m), in 0..1; no gradient.

    The head stays in the mode it is in: `PairHead` says what that means.
    """
    logits = head(features, others)
    return torch.sigmoid(logits[..., 1] - logits[..., 0])


def _blocks(a: Tensor, b: Tensor) -> Iterator[slice]:
    """Slices of the hidden units, so that a block of all pairs has its number of elements."""
    units = a.shape[1]
    width = max((_BLOCK if a.device.type == "cpu" else _GPU_BLOCK) // (len(a) * len(b)), 8)
    for start in range(0, units, width):
        yield slice(start, min(start + width, units))


def _rectified(a: Tensor, b: Tensor) -> Tensor:
    """max(0, a_j + b_i), (n, m, units of the block)."""
    return (a + b[:, None]).relu_()


class _RectifiedSum(torch.autograd.Function):
    """Out_ijk = sum over units c of weight_kc max(0, a_jc + b_ic), without the n x m x units array.

    a: (m, units), b: (n, units), weight: (K, units) -> (n, m, K).
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(a, b, weight)
        out = a.new_zeros(len(b) * len(a), len(weight))
        for c in _blocks(a, b):
            out.addmm_(_rectified(a[:, c], b[:, c]).flatten(0, 1), weight[:, c].T)
        return out.view(len(b), len(a), len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, b, weight = ctx.saved_tensors
        grad_a, grad_b, grad_weight = map(torch.empty_like, (a, b, weight))
        grad = grad.flatten(0, 1)
        for c in _blocks(a, b):
            z = _rectified(a[:, c], b[:, c])
            torch.mm(grad.T, z.flatten(0, 1), out=grad_weight[:, c])
            # The sign of a rectified value is its derivative, and costs no mask of another dtype.
            dz = (grad @ weight[:, c]).view_as(z).mul_(z.sign_())
            torch.sum(dz, dim=0, out=grad_a[:, c])
            torch.sum(dz, dim=1, out=grad_b[:, c])
        return grad_a, grad_b, grad_weight
