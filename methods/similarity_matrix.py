"""What the similarity network G says of every pair of a task's images: constraints to cluster by.

Hsu, Lv, Kira, "Learning to cluster in order to transfer across domains and tasks", ICLR 2018,
section 5.1.1: the constrained baselines of table 1 are given the full set of pairs, both orders and
self-pairs, 160,000 predictions for 400 images, similar above a probability of 1/2. It is no row of
a table: ITML, SKKm, SKLR, CSP, MPCK-means and others need it.

    python -m bench run ccn --methods itml

The paper does not say in which mode G was asked. While a clustering network learns, the released
code asks in training mode, about crops, a batch at a time; there is no batch here, and "eval" takes
whole images and the statistics that G learned. "train" takes whole images as well, as one batch:
the statistics of this task's images. A matrix of 900 images takes some 10 s on one core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from bench.nn import training
from bench.nn.clustering import constraints
from bench.nn.images.tensors import to_tensor
from bench.nn.images.views import Views
from bench.nn.networks import transferred
from bench.nn.networks.features import extract
from bench.nn.networks.similarity import SimilarityNet, similarity
from bench.registry import method
from bench.tasks import Bools, ClusterTask, Images, Method, Need, Prediction, Run, TaskInfo

_IMAGES = 200
"""Images at a time, in evaluation mode."""
_PAIRS = 2**20
"""Pairs at a time, in evaluation mode: the rows of as many."""


@method("similarity-matrix", kinds=("cluster",), artifact=True, dtypes=("float32", "bfloat16"))
@dataclass(frozen=True)
class SimilarityMatrix(Method):
    """All pairs of the target that a transferred similarity network calls similar."""

    mode: Literal["eval", "train"] = "eval"
    """Batch-norm of G: the statistics of its own training, or those of all images together."""
    invert: bool | None = None
    """Whether ink is dark here; None: as where the similarity was learned."""
    similarity_seed: int | None = None
    """Seed of the similarity network; None: one for each seed."""

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The similarity network."""
        return {"similarity": transferred.need(task, self.similarity_seed)}

    def fit(self, task: ClusterTask, run: Run) -> Prediction:
        """Ask; "similar" holds the rows of R for `bench.nn.clustering.constraints.similar`."""
        needed = run.needed("similarity")
        network, views = transferred.load(needed.architecture, needed.tensors, invert=self.invert)
        network.to(run.device)
        ask = _together if self.mode == "train" else _in_blocks
        with training.autocast(run.device, run.dtype):
            similar = ask(network, views, task.target)
        return Prediction(tensors=constraints.packed(similar))


def _together(network: SimilarityNet, views: Views, images: Images) -> Bools:
    """R, (n, n), with the statistics of these images."""
    if len(images) == 1:
        raise ValueError("mode = 'train' needs two images or more: one has no statistics")
    device = next(network.parameters()).device
    found = transferred.label(network.train(), views.clean(to_tensor(images, device)))
    return found.cpu().numpy()


def _in_blocks(network: SimilarityNet, views: Views, images: Images) -> Bools:
    """R, (n, n), with the statistics of the network's training: a block of rows at a time."""
    device = next(network.parameters()).device
    network.eval()
    codes = extract(network, images, _IMAGES, of=lambda x: network.trunk(views.clean(x)))
    codes = codes.to(device)
    blocks = torch.split(codes, max(_PAIRS // len(codes), 1))
    found = [(similarity(network.head, rows, codes) > 0.5).cpu().numpy() for rows in blocks]
    return np.concatenate(found)
