"""What a worker is handed: paths to images, never to hidden labels, and how it opens them.

The harness's process prepares the files (`gather`), the worker's opens them (`open_task`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench import registry, tasks
from bench.datasets import PartFiles, TaskSpec, checksums, get_task, materialise
from bench.datasets.cache import read_meta
from bench.datasets.parts import class_names
from bench.errors import BenchError, DamagedData
from bench.plan.cell import Cell, seed_for
from bench.run.draws import draw_answers, draw_batches, draw_episodes, draw_pairs, draw_strata
from bench.tasks import Labelled, MultiLabelled, PairAnswers, Task

DRAWN = ("similarity", "pairs")
"""Kinds of task whose inputs differ from seed to seed."""


@dataclass(frozen=True)
class Inputs:
    """Everything of a task as plain values that travel to another process."""

    kind: tasks.Kind
    name: str
    setting: Mapping[str, Any]
    images: Mapping[str, Path]
    """Part ("target", "source", …) -> images.npy."""
    labels: Mapping[str, Path]
    """Part -> labels.npy, for parts whose labels the method may see."""
    classes: Mapping[str, int]
    """Part -> number of its classes; not of the target, whose number is `setting`'s to declare."""
    drawn: Mapping[str, Path] = field(default_factory=dict)
    """Arrays that the harness drew for this cell: query pairs, noisy answers."""


@dataclass(frozen=True)
class Truth:
    """What stays with the harness."""

    labels: Path
    n: int
    n_classes: int
    partial: str
    """What the data lack, if only a known part of them is here."""


def gather(cell: Cell, root: Path, work: Path) -> tuple[Inputs, Truth]:
    """Prepare the files of a cell's task.

    Args:
        cell: Whose task.
        root: The data root.
        work: The cell's own folder, for what is drawn for it alone.

    Raises:
        DamagedData: a file of the data set is unreadable or not what it should be, or the data do
            not hold what is to be drawn.
    """
    task, info = get_task(cell.task), registry.get(cell.method)
    try:
        parts = {
            role: materialise(part, root, limit=task.limit(role, cell.preset))
            for role, part in task.parts().items()
        }
    except (BenchError, OSError) as error:
        raise DamagedData(str(error)) from error
    _refuse_other_data(cell, task, parts, root)
    partial = "; ".join(sorted({files.partial for files in parts.values()} - {""}))
    setting = task.settings(dict(cell.setting))
    target = parts["target"]
    try:
        drawn = _draw(cell, task.kind, setting, target, work)
    except ValueError as error:
        raise DamagedData(f"{cell.task}: {error}") from error
    seen = {role for role in parts if role != "target" or info.uses_target_labels}
    inputs = Inputs(
        kind=task.kind,
        name=task.name,
        setting=setting,
        images={role: p.images for role, p in parts.items()},
        labels={role: parts[role].labels for role in seen},
        classes={role: parts[role].n_classes for role in seen},
        drawn=drawn,
    )
    return inputs, Truth(target.labels, target.n, target.n_classes, partial)


def verify(inputs: Inputs, truth: Truth) -> None:
    """Hold what a cell was given, and is scored with, against its checksums, whatever its size.

    Raises:
        DamagedData: a file is not as it was prepared.
    """
    for path in sorted({truth.labels, *inputs.images.values()}):
        mend = _mend(path)
        try:
            checksums.verify(path.parent, read_meta(path.parent, mend) or {}, mend)
        except BenchError as error:
            raise DamagedData(str(error)) from error


def read_labels(path: Path) -> tasks.Ints:
    """A part's labels.npy, which the harness alone opens.

    Raises:
        DamagedData: it cannot be read.
    """
    try:
        labels: tasks.Ints = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DamagedData(f"{path} cannot be read ({error}): {_mend(path)}") from error
    return labels


def _mend(path: Path) -> str:
    return f"delete {path.parent} and run the command again"


def _refuse_other_data(
    cell: Cell, task: TaskSpec, parts: Mapping[str, PartFiles], root: Path
) -> None:
    """Data that are not what the plan, or the task's declaration, takes them for.

    Raises:
        DamagedData: they were prepared anew since, or have another number of classes.
    """
    now = " ".join(f"{role}:{files.images.parent.name}" for role, files in parts.items())
    if now != cell.data:
        names = ", ".join(task.splits())
        raise DamagedData(f"{names} changed since this run was planned: run the command again")
    if wrong := task.other_number(parts["target"].n_classes):
        raise DamagedData(wrong)
    if role := {"adapt": "source", "probe": "train", "finetune": "train"}.get(task.kind):
        refuse_other_classes(task, role, parts, root)


def refuse_other_classes(
    task: TaskSpec, role: str, parts: Mapping[str, PartFiles], root: Path
) -> None:
    """Labels are numbered by a part's own classes, so that one number could be two classes.

    Raises:
        DamagedData: a method that is to know the target's classes has labels of others.
    """
    given, target = task.parts()[role], task.target
    own, found = parts[role].n_classes, parts["target"].n_classes
    said = f"task '{task.name}': its {role} in '{given.dataset}' has"
    mend = "take the images of the same classes for both"
    if own != found:
        raise DamagedData(f"{said} {own} classes, its target in '{target.dataset}' {found}: {mend}")
    theirs = class_names(target, root)
    # Two data sets may call a class by other words; the same word is the same class.
    same_words = given.dataset == target.dataset and given.label == target.label
    for label, name in enumerate(class_names(given, root)):
        if name != theirs[label] and (same_words or name in theirs):
            raise DamagedData(
                f"{said} '{name}' as class {label}, its target in '{target.dataset}' "
                f"'{theirs[label]}': {mend}"
            )


def _draw(
    cell: Cell, kind: str, setting: Mapping[str, Any], target: PartFiles, work: Path
) -> dict[str, Path]:
    """Write what this cell's seed draws: the same bytes for every method on the task."""
    if kind not in DRAWN:
        return {}
    seed = seed_for(cell.seed, cell.task, "split")
    if kind == "similarity":
        arrays: dict[str, npt.NDArray[Any]]
        arrays = {"pairs": _query_pairs(target, setting, seed)}
    else:
        similar, known = draw_answers(
            read_labels(target.labels),
            setting["similar_recall"],
            setting["dissimilar_recall"],
            setting["density"],
            seed,
        )
        arrays = {"similar": similar} | ({} if known is None else {"known": known})
    folder = work / "inputs"
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, array in arrays.items():
        paths[name] = folder / f"{name}.npy"
        np.save(paths[name], array, allow_pickle=False)
    return paths


def _query_pairs(target: PartFiles, setting: Mapping[str, Any], seed: int) -> tasks.Ints:
    """The pairs that a similarity task asks about: random ones, or as its setting says."""
    if "n_pairs" in setting:
        return draw_pairs(target.n, setting["n_pairs"], seed)
    if "batch" in setting:
        return draw_batches(target.n, setting["batch"], setting["n_batches"], seed)
    labels = read_labels(target.labels)
    if "n_similar" in setting:
        return draw_strata(labels, setting["n_similar"], setting["n_dissimilar"], seed)
    return draw_episodes(labels, setting["n_way"], setting["n_episodes"], seed)


def open_task(inputs: Inputs) -> Task:
    """The task object, with images memory-mapped; runs in the worker."""

    def images(role: str) -> tasks.Images:
        return np.load(inputs.images[role], mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]

    def labelled(role: str) -> Labelled | None:
        if role not in inputs.images:
            return None
        labels = np.load(inputs.labels[role], allow_pickle=False)
        return Labelled(images(role), labels, inputs.classes[role])

    common: dict[str, Any] = {"name": inputs.name, "target": images("target")}
    if "target" in inputs.labels:
        common["target_labels"] = np.load(inputs.labels["target"], allow_pickle=False)
    if inputs.kind == "represent":
        return tasks.RepresentTask(**common)
    if inputs.kind in ("probe", "finetune"):
        return _measuring(inputs.kind, _required(labelled("train")), common)
    if inputs.kind == "adapt":
        source, auxiliary = _required(labelled("source")), labelled("auxiliary")
        return tasks.AdaptTask(**common, source=source, auxiliary=auxiliary)
    if inputs.kind == "similarity":
        pairs = np.load(inputs.drawn["pairs"], allow_pickle=False)
        return tasks.SimilarityTask(
            **common, auxiliary=_required(labelled("auxiliary")), pairs=pairs
        )
    common["n_clusters"] = inputs.setting["n_clusters"]
    if inputs.kind == "pairs":
        bits = {n: np.load(p, mmap_mode="r", allow_pickle=False) for n, p in inputs.drawn.items()}
        answers = PairAnswers(len(common["target"]), bits["similar"], bits.get("known"))
        return tasks.PairsTask(**common, answers=answers)
    return tasks.ClusterTask(**common, source=labelled("source"), auxiliary=labelled("auxiliary"))


def _measuring(kind: str, train: Labelled, common: Mapping[str, Any]) -> Task:
    """The task of a cell that measures another cell's network."""
    if kind == "probe":
        return tasks.ProbeTask(**common, train=train)
    signs = train.labels.astype(np.int8, copy=False)  # as they lie on disk
    return tasks.FineTuneTask(**common, train=MultiLabelled(train.images, signs))


def _required(part: Labelled | None) -> Labelled:
    """A part that a task of this kind always has."""
    if part is None:
        raise ValueError("the task lacks a labelled part that its kind requires")
    return part
