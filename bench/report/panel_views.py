"""Figures whose panels show one cell each, that of a part's first seed, beside the true labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.datasets import PartFiles, get_task, materialise
from bench.errors import BenchError, Unavailable
from bench.plan.entry import Entry
from bench.plan.figure import Figure
from bench.plan.slot import Slot
from bench.report.coordinates import coordinates
from bench.report.picture_types import ImagesView, Picture, Sheet, Strip
from bench.report.view_types import Cloud, ConfusionView, EmbeddingView, Matrix
from bench.score.metrics import contingency, matching
from bench.score.snapshots import entropies
from bench.store import outputs
from bench.store.record import Record
from bench.store.states import USABLE, Results
from bench.tasks import Ints

CLUSTERS, PER_CLUSTER = 10, 9
"""Rows of clusters, and images of each, at most."""
QUERIES, NEIGHBOURS = 6, 5
PLACES, _THUMBNAIL = 24, 64
"""Pictures side by side across an embedding, and the pixels of one, at most."""

P = TypeVar("P", Cloud, Sheet, Matrix)


@dataclass(frozen=True)
class _Cell:
    """A finished cell of a plan and the images of its task."""

    entry: Entry
    key: str
    results: Results
    measured_by: str = ""
    """The key of the probe's cell, for a network."""

    @property
    def folder(self) -> Path:
        """Where its output lies."""
        return self.results.runs / self.results.plan.cells[self.key].folder

    @property
    def record(self) -> Record:
        """How it was computed, and the digest of its output."""
        return self.results.records[self.key]

    @cached_property
    def files(self) -> PartFiles:
        """The images and labels; raises Unavailable where they are not here."""
        plan = self.results.plan
        spec = get_task(plan.cells[self.key].task)
        most = spec.limit("target", plan.preset)
        return materialise(spec.target, plan.data_root, limit=most)

    @cached_property
    def labels(self) -> Ints:
        """The true classes, int64, (N,)."""
        return np.asarray(np.load(self.files.labels, allow_pickle=False), np.int64)

    @property
    def probe(self) -> _Cell:
        """The cell that measured this one's network; raises ValueError where it is not done."""
        state = self.results.states[self.measured_by]
        if state not in USABLE:
            raise ValueError(f"the probe: {'not measured' if state == 'missing' else state}")
        return _Cell(self.entry, self.measured_by, self.results)

    def assignments(self, of: str = "") -> Ints:
        """The stored clusters, int64, (N,).

        Args:
            of: Set before what an error says.

        Raises:
            ValueError: none are stored, or not one for each image.
        """
        found = outputs.of_cell(self.folder, self.record).assignments
        if found is None:
            raise ValueError(f"{of}no assignments are stored")
        if len(found) != self.files.n:
            raise ValueError(f"{of}{len(found)} assignments for {self.files.n} images")
        return found

    def tensor(self) -> npt.NDArray[np.float32]:
        """The stored tensor that the part names; raises ValueError where there is none."""
        tensors = outputs.of_cell(self.folder, self.record, tensors=True).tensors
        if self.entry.tensor not in tensors:
            raise ValueError(f"no tensor '{self.entry.tensor}' is stored")
        values: npt.NDArray[np.float32] = tensors[self.entry.tensor].float().numpy()
        if not np.isfinite(values).all():
            raise ValueError("the tensor holds NaN or infinite values")
        return values

    def pictures(self, chosen: Ints, most: int = 0) -> tuple[Picture, ...]:
        """Some images, of at most so many pixels a side (0: any), framed by their true class."""
        images, labels = np.load(self.files.images, mmap_mode="r"), self.labels
        return tuple(_picture(_small(images[i], most), frame=int(labels[i])) for i in chosen)


def embedding(
    figure: Figure, slots: Sequence[Slot], results: Results, named: dict[str, Any]
) -> EmbeddingView:
    """Images as points in the plane, a panel a part."""
    by = figure.by or "t-SNE"
    make = partial(_cloud, by=by, pictured=figure.show == "images")
    panels = [_panel(Cloud, make, slot, results) for slot in slots]
    return EmbeddingView(**named, panels=tuple(panels), by=by)


def images(
    figure: Figure, slots: Sequence[Slot], results: Results, named: dict[str, Any]
) -> ImagesView:
    """What `show` names, a panel a part."""
    makers: dict[str, Callable[[_Cell], Sheet]] = {
        "clusters": partial(_clusters, pick=figure.pick, on=figure.on),
        "neighbours": _neighbours, "filters": _filters,
    }  # fmt: skip
    panels = [_panel(Sheet, makers[figure.show], slot, results) for slot in slots]
    return ImagesView(
        **named, show=figure.show, pick=figure.pick, on=figure.on, panels=tuple(panels)
    )


def confusion(
    _figure: Figure, slots: Sequence[Slot], results: Results, named: dict[str, Any]
) -> ConfusionView:
    """Classes by clusters, a panel a part."""
    panels = [_panel(Matrix, _matrix, slot, results) for slot in slots]
    return ConfusionView(**named, panels=tuple(panels))


def matrix(key: str, slot: Slot, results: Results) -> Matrix | None:
    """Classes by clusters of a cell; None where it stored no clusters or its data are not here."""
    if results.states[key] not in USABLE:
        return None
    try:
        return _matrix(_Cell(slot.entry, key, results))
    except (BenchError, ValueError):
        return None


def _panel(empty: type[P], make: Callable[[_Cell], P], slot: Slot, results: Results) -> P:
    """A part's panel, or one with the words that say why there is nothing to see."""
    label = slot.entry.label
    keys = next(iter(slot.cells.values()), [])
    state = results.states[keys[0]] if keys else "missing"
    if state not in USABLE:
        return empty(label, words="not measured" if state == "missing" else state)
    try:
        return make(_Cell(slot.entry, keys[0], results, keys[-1]))
    except Unavailable:
        return empty(label, words="the data are not here")
    except (BenchError, ValueError) as error:
        return empty(label, words=str(error).replace(f"{results.runs}/", ""))


def _cloud(cell: _Cell, *, by: str, pictured: bool) -> Cloud:
    """The points of one cell with their true classes, or as many of its images as find room."""
    part, runs = cell.entry, cell.results.runs
    points = coordinates(runs, cell.folder, cell.record, part.tensor, n=cell.files.n, by=by)
    chosen, side = np.arange(len(points)), 0.0
    if pictured:
        side = float(np.ptp(points, axis=0).max()) / PLACES
        chosen = _apart(points, side)
    pairs = tuple((float(x), float(y)) for x, y in points[chosen])
    classes = tuple(int(c) for c in cell.labels[chosen])
    pictures = cell.pictures(chosen, _THUMBNAIL) if pictured else ()
    return Cloud(part.label, pairs, classes, pictures=pictures, side=side)


def _apart(points: npt.NDArray[np.float32], side: float) -> Ints:
    """The points, first come first served, whose squares of this side do not overlap."""
    taken: list[int] = []
    for i, point in enumerate(points):
        if not taken or np.abs(points[taken] - point).max(axis=1).min() >= side:
            taken.append(i)
    return np.array(taken)


def _clusters(cell: _Cell, *, pick: str, on: str) -> Sheet:
    """SeLa (Asano et al., ICLR 2020), figures A.5 to A.8: the same images at each call.

    Clusters are chosen by the images that the network was trained on, whichever are shown.
    """
    assignments = cell.assignments()
    table = contingency(cell.labels, assignments)
    filled, entropy = np.flatnonzero(table.any(axis=0)), entropies(table)
    if pick == "random":
        some = np.random.default_rng(0).permutation(len(filled))[:CLUSTERS]
        chosen = some[np.argsort(entropy[some], kind="stable")]
    else:
        chosen = np.argsort(entropy, kind="stable")[:CLUSTERS]
    shown = cell.probe if on == "probe" else cell
    if shown is not cell:
        assignments = shown.assignments(of="the probe: ")
    strips = []
    for i in chosen:
        cluster = int(filled[i])
        # Of its own seed: a cluster's images are those whichever other clusters are shown.
        mine = np.random.default_rng([0, cluster]).permutation(
            np.flatnonzero(assignments == cluster)
        )
        strips.append(Strip(shown.pictures(mine[:PER_CLUSTER]), f"{entropy[i]:.2f}"))
    return Sheet(cell.entry.label, tuple(strips))


def _neighbours(cell: _Cell) -> Sheet:
    """The first image of each of the first classes, and the others of largest inner product.

    "Deep clustering with features from self-supervised pretraining" (Zhou and Zhang), figure 2.
    """
    rows, labels = cell.tensor(), cell.labels
    if not rows.ndim or len(rows) != len(labels):
        found = len(rows) if rows.ndim else 0
        raise ValueError(f"'{cell.entry.tensor}' has {found} rows for {len(labels)} images")
    rows = rows.reshape(len(rows), -1)
    queries = np.unique(labels, return_index=True)[1][:QUERIES]
    strips = []
    for query in queries:
        product = (rows @ rows[query]).astype(np.float64)
        product[query] = -np.inf
        nearest = np.argsort(-product, kind="stable")[: min(NEIGHBOURS, len(rows) - 1)]
        strips.append(Strip(cell.pictures(np.array([query, *nearest]))))
    return Sheet(cell.entry.label, tuple(strips))


def _filters(cell: _Cell) -> Sheet:
    """A first convolution's weights as a square, SeLa figure A.3; each scaled by itself."""
    weights = cell.tensor()
    if weights.ndim != 4 or weights.shape[1] not in (1, 3):
        raise ValueError(
            f"'{cell.entry.tensor}' has shape {weights.shape}, not (filters, 1 or 3, height, width)"
        )
    low = weights.min(axis=(1, 2, 3), keepdims=True)
    spread = weights.max(axis=(1, 2, 3), keepdims=True) - low
    unit = (weights - low) / np.where(spread > 0, spread, 1)
    pixels = np.rint(255 * unit).astype(np.uint8).transpose(0, 2, 3, 1)
    side = int(np.ceil(np.sqrt(len(pixels))))
    every = [_picture(one) for one in pixels]
    strips = (Strip(tuple(every[i : i + side])) for i in range(0, len(every), side))
    return Sheet(cell.entry.label, tuple(strips))


def _small(pixels: npt.NDArray[np.uint8], most: int) -> npt.NDArray[np.uint8]:
    """An image, shrunk where it has more pixels a side than this; 0: as it is."""
    height, width, channels = pixels.shape
    scale = most / max(height, width)
    if not 0 < scale < 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    flat = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
    return np.asarray(flat.resize(size, Image.Resampling.BOX)).reshape(*size[::-1], channels)


def _picture(pixels: npt.NDArray[np.uint8], *, frame: int | None = None) -> Picture:
    """A picture of pixels, uint8, (height, width, channels)."""
    height, width, channels = pixels.shape
    return Picture((height, width, channels), np.ascontiguousarray(pixels).tobytes(), frame)


def _matrix(cell: _Cell) -> Matrix:
    """TSP's figure 7; a class without images has no row, an empty cluster has its column."""
    assignments, labels = cell.assignments(), cell.labels
    planned = cell.results.plan.cells[cell.key]
    declared = get_task(planned.task).settings(dict(planned.setting)).get("n_clusters") or 0
    clusters = max(declared, int(assignments.max()) + 1)
    table = contingency(labels, assignments, n_clusters=clusters)
    match = matching(table)
    order = np.lexsort((np.arange(clusters), np.where(match < 0, len(table), match)))
    classes = np.flatnonzero(table.any(axis=1))
    counts = table[classes][:, order]
    percent = 100 * counts / counts.sum(axis=1, keepdims=True)
    return Matrix(
        label=cell.entry.label,
        percent=tuple(tuple(row) for row in percent.tolist()),
        classes=tuple(classes.tolist()),
        matched=tuple(None if match[i] < 0 else int(match[i]) for i in order),
        size=tuple((100 * counts.sum(axis=0) / len(labels)).tolist()),
    )
