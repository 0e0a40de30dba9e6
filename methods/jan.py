"""JAN: joint adaptation network, the rival of CCN+ that matches features and predictions jointly.

Long, Zhu, Wang, Jordan, "Deep transfer learning with joint adaptation networks", ICML 2017; 76.9 is
the mean over Office-31 with a ResNet-18 in table 2 of Hsu, Lv, Kira, ICLR 2018.

    python -m bench run ccn --methods source-only,jan

The classifier of `methods/adapt.py` with one term: the joint maximum mean discrepancy of both
domains' bottleneck features and class probabilities (`bench.nn.losses.discrepancy`). Trade-off 1,
rate, its fall, weight decay, steps and batches are the defaults of thuml's
Transfer-Learning-Library, network and views those of the other adaptation methods. As with these,
each domain has its own batch statistics, and the target's are kept; the library mixes both
(`statistics`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from bench.nn.losses.discrepancy import joint_discrepancy
from bench.registry import method
from bench.tasks import Run

from .adapt import NEUTRAL, QUICK, Adaptation, Batch, Term


@method("jan", kinds=("adapt",), quick=QUICK, neutral=NEUTRAL)
@dataclass(frozen=True)
class JAN(Adaptation):
    """Joint adaptation: features and predictions of both domains distributed alike."""

    WORKS_ON: ClassVar[tuple[str, ...]] = ("bottleneck", "target_batch")
    losses: ClassVar[tuple[str, ...]] = ("CE", "DA")
    ANNEALING: ClassVar[float] = 3e-4
    bottleneck: int = 256
    target_batch: int = 32
    iterations: int = 10_000
    learning_rate: float = 0.003
    weight_decay: float = 5e-4

    def terms(self, run: Run) -> list[Term]:
        """The discrepancy of the two domains."""
        return [_discrepancy]


def _discrepancy(batch: Batch) -> Tensor:
    return joint_discrepancy(batch.source, batch.target, batch.p_source, batch.p)
