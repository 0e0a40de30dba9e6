"""A method's process holds no labels of the target, for any kind of task."""

import numpy as np
import pytest
from harness import DATA, make_plan, run, write_experiment

from bench.datasets import get_task, materialise

KINDS = ("cluster", "adapt", "represent", "similarity", "pairs", "probe", "finetune")
METRIC = {"adapt": "accuracy", "similarity": "similar F1", "represent": "knn top-1"}
METRIC |= {"probe": "spy top-1", "finetune": "spy mAP"}


def partition(values):
    """Each value replaced by the position of its first occurrence: the same for any relabelling."""
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    return first[inverse]


def leaks(dump, labels):
    """Names of the arrays that equal or contain the labels, or group the images as they do.

    Labels of many classes, (N, classes), are looked for class by class.
    """
    if labels.ndim == 2:
        return sorted({name for column in labels.T for name in leaks(dump, column)})
    wanted, groups = labels.astype(np.int64).tobytes(), partition(labels)
    found = []
    for name, array in dump.items():
        columns = [*array.T, *(array if array.shape[1] == len(labels) else ())]
        lines = [array.ravel(), *(columns if array.shape[1] <= 2000 else ())]
        held = any(wanted in np.ascontiguousarray(line).tobytes() for line in lines)
        alike = (partition(line) for line in lines if len(line) == len(labels))
        if held or any((line == groups).all() for line in alike):
            found.append(name)
    return found


def labels_of(kind):
    task = get_task(f"tiny/{kind}")
    part = materialise(task.target, DATA, limit=task.limit("target", "quick"))
    return part.labels, np.load(part.labels)


def spied(method, kind, folder):
    """What a spy wrote down: integer arrays, and the files that its process had open."""
    out = folder / "dump.npz"
    params = {"out": str(out)}
    rows = [{"method": method, "params": params}]
    if method == "artifact-spy":
        rows = [{"method": "spy-carrier", "params": params}]
    toml = write_experiment(
        folder / "spy.toml", f"tiny/{kind}", rows, metric=METRIC.get(kind, "ACC")
    )
    results = run(toml, folder / "results")
    with np.load(out, allow_pickle=False) as file:
        dump = {name: file[name] for name in file.files}
    return dump, results


@pytest.mark.parametrize("kind", [*KINDS, "artifact"])
def test_no_method_is_given_the_labels_of_the_target(kind, tmp_path, forkserver):
    method, kind = ("artifact-spy", "cluster") if kind == "artifact" else ("spy", kind)
    dump, results = spied(method, kind, tmp_path)
    path, labels = labels_of(kind)
    files = dump.pop("files")
    assert len(dump) > 20, "the spy found hardly anything: it is no spy"
    assert not leaks(dump, labels)
    assert str(path) not in files
    assert all(r.state == "done" for r in results.records.values() if r.cell["method"] != "probe")


# Labels are handed over in three ways: one class an image, answers to pairs, a sign a class.
@pytest.mark.parametrize("kind", ["cluster", "pairs", "finetune"])
def test_the_spy_finds_labels_that_are_there(kind, tmp_path, forkserver):
    dump, _ = spied("oracle-spy", kind, tmp_path)
    dump.pop("files")
    assert leaks(dump, labels_of(kind)[1])


def test_the_search_sees_through_relabelling_and_padding():
    labels = np.random.default_rng(0).integers(4, size=60)
    other = np.random.default_rng(1).integers(4, size=60)
    for held in (labels, labels[:, None] * [1, 0], np.array([3, 1, 0, 2])[labels]):
        assert leaks({"x": held.reshape(60, -1)}, labels)
    assert leaks({"x": np.concatenate([other, labels, other])[:, None]}, labels)
    assert not leaks({"x": other[:, None], "y": np.zeros((60, 3), int)}, labels)


def test_only_declared_oracles_are_handed_labels(tmp_path, forkserver):
    from bench.run.inputs import gather, open_task

    for method, seen in (("spy", False), ("oracle-spy", True)):
        for kind in KINDS:
            toml = write_experiment(
                tmp_path / "x.toml",
                f"tiny/{kind}",
                [{"method": method}],
                metric=METRIC.get(kind, "ACC"),
            )
            cell = next(iter(make_plan(toml).cells.values()))
            inputs, truth = gather(cell, DATA, tmp_path / cell.key)
            assert ("target" in inputs.labels) is seen
            task = open_task(inputs)
            assert (task.target_labels is not None) is seen
            paths = [*inputs.labels.values(), *inputs.images.values(), *inputs.drawn.values()]
            assert (truth.labels in paths) is seen


def test_order_of_the_images_tells_nothing(forkserver, tmp_path):
    from bench.score.metrics import clustering_accuracy, contingency

    _, labels = labels_of("cluster")
    n = len(labels)
    by_order = clustering_accuracy(contingency(labels, np.arange(n) * 4 // n))
    assert by_order < 0.45  # chance is 0.25 and what a matching makes of it
