"""What a method is given and what it gives back.

A method's process holds one of the task objects below and nothing else of the data: images of the
target in canonical order (ascending pixel hash, so that their order tells nothing), never the
target's labels. The harness's own process keeps those and scores what comes back.

Arrays: images are uint8, (N, height, width, channels), read-only; labels are int64, 0..classes-1,
or int8 of (N, classes) where an image may be of many. An estimator (`bench.estimator`) that is
fitted to vectors gives them as images of one row, (N, 1, D, 1), floats as 255 times their value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

import numpy as np
import numpy.typing as npt

from bench.errors import Lack

if TYPE_CHECKING:
    import torch

Images = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Signs = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Kind = Literal["cluster", "adapt", "represent", "similarity", "pairs", "probe", "finetune"]
Dtype = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Labelled:
    """Images whose labels a method may see: a source or an auxiliary set."""

    images: Images
    """uint8, (N, height, width, channels)."""
    labels: Ints
    """int64, (N,), values 0..n_classes-1."""
    n_classes: int


@dataclass(frozen=True)
class MultiLabelled:
    """Images, each of any number of classes, whose labels a method may see."""

    images: Images
    """uint8, (N, height, width, channels)."""
    labels: Signs
    """int8, (N, classes): 1 present, -1 absent, 0 too difficult to count as either."""


@dataclass(frozen=True)
class ClusterTask:
    """Group the unlabelled target images into `n_clusters` clusters."""

    name: str
    target: Images
    n_clusters: int
    """Declared by the protocol (the true number, or for instance 100), never inferred."""
    source: Labelled | None = None
    """Labelled images of other classes of the same domain."""
    auxiliary: Labelled | None = None
    """Labelled images of another domain, to learn a similarity from."""
    target_labels: Ints | None = None
    """None, except in a method registered with `uses_target_labels`: an oracle row."""


@dataclass(frozen=True)
class AdaptTask:
    """Classify unlabelled target images into the classes of a labelled source domain."""

    name: str
    target: Images
    source: Labelled
    auxiliary: Labelled | None = None
    target_labels: Ints | None = None


@dataclass(frozen=True)
class RepresentTask:
    """Learn a network from unlabelled images; a probe cell measures it afterwards."""

    name: str
    target: Images
    target_labels: Ints | None = None


@dataclass(frozen=True)
class SimilarityTask:
    """Score pairs of unlabelled query images: the probability that two share a class."""

    name: str
    auxiliary: Labelled
    target: Images
    pairs: Ints
    """int64, (P, 2): ordered pairs of indices into `target`."""
    target_labels: Ints | None = None


@dataclass(frozen=True)
class PairsTask:
    """Cluster from noisy answers to "are these two of one class?"."""

    name: str
    target: Images
    n_clusters: int
    answers: PairAnswers
    target_labels: Ints | None = None


@dataclass(frozen=True)
class ProbeTask:
    """Classify test images on top of another cell's network, given the training labels."""

    name: str
    train: Labelled
    target: Images
    target_labels: Ints | None = None


@dataclass(frozen=True)
class FineTuneTask:
    """Score the classes of test images by another cell's network, trained on from there."""

    name: str
    train: MultiLabelled
    target: Images
    target_labels: Signs | None = None


Task = (
    ClusterTask | AdaptTask | RepresentTask | SimilarityTask | PairsTask | ProbeTask | FineTuneTask
)


@dataclass(frozen=True)
class PairAnswers:
    """The harness's answers for all ordered pairs of N images: N²/8 bytes, twice that with gaps."""

    n: int
    similar_bits: npt.NDArray[np.uint8]
    """uint8, (N, ceil(N/8)), `numpy.packbits` along the second axis: 1 = answered "similar"."""
    known_bits: npt.NDArray[np.uint8] | None = None
    """The same shape: 1 = the pair was answered at all; None: every pair was."""

    def block(self, rows: Ints, columns: Ints) -> tuple[Bools, ...]:
        """Of a batch: `similar`, False where unknown, and `known`; bool, (rows, columns)."""
        shift = (7 - columns % 8).astype(np.uint8)
        similar = (self.similar_bits[rows][:, columns // 8] >> shift) & 1
        known = np.ones_like(similar)
        if self.known_bits is not None:
            known = (self.known_bits[rows][:, columns // 8] >> shift) & 1
        return (similar & known).astype(bool), known.astype(bool)


@dataclass(frozen=True)
class Prediction:
    """What a method gives back; a task kind needs the fields that it names, and no others.

    Cluster, pairs: `assignments`. Adapt: `assignments`, the predicted classes. Similarity:
    `scores`. Represent: `architecture` and `tensors`, with `assignments` where the method makes
    pseudo-labels, and those of all its heads in `classes`. Probe: `classes`, with `assignments`
    where the network has classes of its own, which are not scored. Fine-tune: `class_scores`.
    `tensors` may accompany any of them for cells that need them, and are all that an artifact
    method (pretraining, features) gives back.
    """

    assignments: Ints | None = None
    """Integers, (N,), one for each target image, in 0..K-1."""
    scores: Floats | None = None
    """Floats in 0..1, (P,), one for each pair."""
    classes: Mapping[str, Ints] = field(default_factory=dict)
    """Name of a probe ("linear conv5", "knn") -> integers, (N,) or (N, top) in ranked order."""
    class_scores: Mapping[str, Floats] = field(default_factory=dict)
    """Way to fine-tune ("fc6-8", "all") -> floats, (N, classes), higher for likelier classes."""
    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)
    """Named tensors, such as a network's state dict; kept as safetensors."""
    architecture: str = ""
    """The network that `tensors` fit, for `bench.nn.networks.build`."""


@dataclass(frozen=True)
class Need:
    """A cell that another cell needs first: pretrained weights, features, a similarity network."""

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    task: str | None = None
    """None: the same task, with its default setting."""
    seed: int | None = None
    """None: the same seed as the cell that needs it; a number: one cell that all seeds share."""


@dataclass(frozen=True)
class TaskInfo:
    """What may be known of a task before its data are read; the argument of `needs`."""

    name: str
    kind: Kind
    has_source: bool
    has_auxiliary: bool
    related: Mapping[str, str]
    """Role -> name of another task, such as "similarity" -> "omniglot/similarity"."""


class Run(Protocol):
    """The harness's side of a running cell."""

    seed: int
    preset: str
    device: str
    """"cpu" or "cuda"."""
    dtype: str
    """"float32" or "bfloat16": the type to compute in."""

    def seed_for(self, axis: str) -> int:
        """A seed in 0..2^63-1 for a named axis: "init", "batches", "augment", "split"."""

    def generator(self, axis: str) -> torch.Generator:
        """A fresh torch generator on the CPU for a named axis."""

    def rng(self, axis: str) -> np.random.Generator:
        """A fresh numpy generator for a named axis."""

    def needed(self, role: str) -> Prediction:
        """The output of the cell that `needs` declared under this role."""

    def shared(
        self,
        name: str,
        module: str,
        compute: Callable[[torch.Tensor], torch.Tensor],
        side: int,
        **facts: Any,
    ) -> Callable[[int, torch.Tensor], torch.Tensor]:
        """A function of a step and its input, computed once for all cells of this seed alike.

        Args:
            name: What is shared, for people.
            module: The method's `__name__`, whose code decides the values.
            compute: From an input to a square bool matrix of at most `side` rows.
            side: See there.
            facts: What else decides values or inputs, the needed cells aside; plain data.
        """

    def log(self, step: int, **values: float) -> None:
        """Record values of training, such as a loss.

        Raises:
            NonFiniteError: a value is NaN or infinite; the cell fails with this reason.
        """

    def progress(self, step: int, total: int) -> None:
        """Say how far the cell is; costs nothing to call often."""

    def snapshot(self, step: int, assignments: npt.ArrayLike) -> None:
        """Hand over the assignments of this moment; the harness scores them for a curve."""

    def checkpoint(self, state: Mapping[str, Any]) -> None:
        """Keep a nested mapping of tensors, arrays, numbers and strings, at most every half minute.

        Include generator states: a resumed cell must end in the same bytes.
        """

    def resume(self) -> dict[str, Any] | None:
        """The state of the last checkpoint of this very cell, None at a first start."""


class Method:
    """What a method may define; `bench.registry.method` lends the defaults to a class without."""

    fit_many: ClassVar[Callable[..., list[Prediction | Exception]] | None] = None
    """`fit_many(self, task, runs: Sequence[Run])`: several seeds of one cell in one process, where
    that is quicker; None: one a process. Not asked where inputs are drawn by seed (pairs,
    similarity). Each prediction is, to the byte, that of `fit` with its run alone; an exception in
    its place fails that seed alone, one that is raised fails all."""

    def fit(self, task: Any, run: Run) -> Prediction:
        """Run on one task with one seed."""
        raise NotImplementedError

    def needs(self, task: TaskInfo) -> dict[str, Need]:
        """The cells that this one reads, by role; raises ValueError where the task is unfit."""
        return {}

    def resolved(self) -> Self:
        """Itself with parameters filled in that follow from what is here, such as a file's hash."""
        return self

    def decided(self, task: str) -> Mapping[str, Any]:
        """What a recipe of its own has for a task of this name in place of its parameters."""
        return {}

    def unavailable(self) -> str | Lack:
        """What this machine lacks for it beside the data, and the mend; "" for nothing."""
        return ""
