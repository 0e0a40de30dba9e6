"""Images that a caller holds in memory, as the tasks that methods are given.

As with registered data, the order of images tells a method nothing: they are sorted by pixel hash,
and what comes back is put into the caller's order again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from bench import tasks
from bench.datasets import Part, TaskSpec
from bench.datasets.fingerprint import canonical_order, pixel_hashes, records
from bench.datasets.task_specs import tasks as registered
from bench.errors import BenchError, Unfit
from bench.plan.cell import Cell, seed_for
from bench.plan.planned import Plan
from bench.run.draws import draw_pairs
from bench.tasks import Images, Ints, Labelled

SIMILARITY, PRETRAINING = "similarity", "represent"
"""What tasks beside one's own are called, behind the first part of its name."""
_PAIRS = 100
"""That a similarity network is asked about when it has learned, as its kind of cell wants it."""
_PLACEHOLDER = Part("images")
_CHANNELS = (1, 3, 4)
"""Of images that people have: grey, colours, colours with a mask."""
_ROLES = ("source", "auxiliary")
"""Of the labelled images that `fit` takes."""


@dataclass(frozen=True)
class Target:
    """Images to be clustered, in the order that methods are given."""

    images: npt.NDArray[Any]
    """uint8, (N, height, width, channels), by ascending pixel hash; of vectors
    (N, 1, D, 1), float64 or uint8. Read-only, as in a worker."""
    order: Ints
    """Of each of them the place in the caller's array."""

    def restored(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Values of the images in the caller's order."""
        found = np.empty_like(values)
        found[self.order] = values
        return found


def target_of(images: npt.NDArray[Any]) -> Target:
    """Sort images, (N, height, width, channels), as the harness does."""
    hashes = pixel_hashes(images)
    order = canonical_order(hashes, hashes)
    return Target(_read_only(images[order]), order)


def _read_only(copy: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same array, which a method cannot change: in a worker it lies in a file."""
    copy.flags.writeable = False
    return copy


def images_of(array: npt.ArrayLike, what: str) -> Images:
    """uint8, (N, height, width, channels).

    Args:
        array: uint8, (N, height, width) or (N, height, width, channels).
        what: Its name, for the error.

    Raises:
        Unfit: another type or shape, or no image.
    """
    found = np.asarray(array)
    if found.dtype != np.uint8 or found.ndim not in (3, 4) or not found.size:
        raise Unfit(
            f"{what} has {found.dtype} of shape {found.shape}, expected uint8 images in 0..255, "
            "(N, height, width) or (N, height, width, channels)"
        )
    if found.ndim == 4 and found.shape[3] not in _CHANNELS and found.shape[1] in _CHANNELS:
        raise Unfit(
            f"{what} of shape {found.shape} has its channels first, expected last: "
            f"numpy.moveaxis({what}, 1, -1)"
        )
    return found[..., None] if found.ndim == 3 else found


def labelled(pair: Any, what: str) -> tuple[Labelled | None, npt.NDArray[Any]]:
    """A source or an auxiliary set, in the order that methods are given, and its classes.

    Args:
        pair: None, or images (see `images_of`) and their labels, (N,), of any sortable type.
        what: "source" or "auxiliary", for the error.

    Returns:
        With labels numbered 0.. in ascending order; the labels that these numbers stand for.

    Raises:
        Unfit: no such pair.
    """
    if pair is None:
        return None, np.empty(0)
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise Unfit(f"{what} must be a pair: images and their labels")
    images, labels = images_of(pair[0], what), np.asarray(pair[1])
    if labels.shape != (len(images),):
        raise Unfit(f"{what} has {len(images)} images and labels of shape {labels.shape}")
    classes, numbers = np.unique(labels, return_inverse=True)
    hashes = pixel_hashes(images)
    order = canonical_order(hashes, records(hashes, {"label": numbers}, {}))
    found = Labelled(_read_only(images[order]), numbers[order].astype(np.int64), len(classes))
    return found, classes


@dataclass(frozen=True)
class OwnImages:
    """A caller's images and the tasks that a method, and what it needs, may be given of them."""

    name: str
    """Of the task: seeds are drawn from it."""
    kind: tasks.Kind
    target: Target
    source: Labelled | None = None
    auxiliary: Labelled | None = None

    @property
    def roles(self) -> set[str]:
        """Of the labelled images that are given."""
        return {role for role in _ROLES if getattr(self, role) is not None}

    def specs(self, roles: Collection[str]) -> dict[str, TaskSpec]:
        """Name -> task, as a plan knows it.

        A name of a registered task brings that task's related ones, so that seeds are the same.

        Args:
            roles: Of the labelled images, given or not.
        """
        head = self.name.partition("/")[0]
        known = registered().get(self.name)
        related = {SIMILARITY: f"{head}/{SIMILARITY}"} if "auxiliary" in roles else {}
        if known and related and SIMILARITY in known.related:
            related = {SIMILARITY: known.related[SIMILARITY]}
        given: dict[str, Any] = dict.fromkeys(roles, _PLACEHOLDER)
        own = TaskSpec(self.name, self.kind, "", _PLACEHOLDER, 1, related=related, **given)
        found = {f"{head}/{PRETRAINING}": self._beside(f"{head}/{PRETRAINING}", "represent")}
        for name in related.values():
            found[name] = self._beside(name, "similarity", auxiliary=_PLACEHOLDER)
        return {**found, self.name: own}

    def _beside(self, name: str, kind: tasks.Kind, **parts: Any) -> TaskSpec:
        setting = {"n_pairs": _PAIRS} if kind == "similarity" else {}
        return TaskSpec(name, kind, "", _PLACEHOLDER, 1, setting=setting, **parts)

    def planned(self, method: str, plan: Callable[[Mapping[str, TaskSpec]], Plan]) -> Plan:
        """The plan of a method on these images.

        Args:
            method: Its name, for the error.
            plan: Makes it of the tasks; raises a BenchError where it cannot be.

        Raises:
            Unfit: it could be made, had the labelled images been given that the error asks for.
            BenchError: what `plan` raised.
        """
        failed: BenchError | None = None
        for more in self._more_roles():
            try:
                found = plan(self.specs(self.roles.union(more)))
            except BenchError as error:
                failed = failed or error
                continue
            if not more:
                return found
            which = " of other classes" if self.kind == "cluster" else ""
            asked = ", ".join(f"{role}=(images, labels)" for role in more)
            raise Unfit(f"{method} needs labelled images{which}: fit(X, {asked})")
        assert failed is not None
        raise failed

    def _more_roles(self) -> Iterator[tuple[str, ...]]:
        """Roles beside those given with which a plan may be made, the fewest first."""
        absent = [role for role in _ROLES if role not in self.roles]
        for n in range(len(absent) + 1):
            for more in combinations(absent, n):
                if self.kind != "adapt" or "source" in self.roles.union(more):
                    yield more

    def task(self, cell: Cell, specs: Mapping[str, TaskSpec]) -> tasks.Task:
        """What a cell's method is given.

        Raises:
            BenchError: its task is one whose images are not the caller's.
        """
        images = self.target.images
        if cell.method == "weights":  # it looks at no image
            return tasks.RepresentTask(cell.task, images[:0])
        if cell.task not in specs:
            raise BenchError(
                f"method '{cell.method}' on task '{cell.task}' is needed, whose images an "
                "estimator is not given: use bench.run"
            )
        kind = specs[cell.task].kind
        if kind == "represent":
            return tasks.RepresentTask(cell.task, images)
        if kind == "similarity":
            assert self.auxiliary is not None
            pairs = draw_pairs(len(images), _PAIRS, seed_for(cell.seed, cell.task, "split"))
            return tasks.SimilarityTask(cell.task, self.auxiliary, images, pairs)
        if kind == "adapt":
            assert self.source is not None
            return tasks.AdaptTask(cell.task, images, self.source, self.auxiliary)
        k = dict(cell.setting).get("n_clusters", 1)
        return tasks.ClusterTask(cell.task, images, k, self.source, self.auxiliary)
