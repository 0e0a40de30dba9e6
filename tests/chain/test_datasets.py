import functools
import subprocess
import sys

import numpy as np
import pytest
from harness import bench
from scipy.optimize import linear_sum_assignment
from tiny_dataset import COLOURS, LABELS, PIXELS, declare

from bench import ROOT, datasets
from bench.datasets import get, names, prepare, register_dataset
from bench.datasets.fingerprint import canonical_order, fingerprint, pixel_hashes, records
from bench.errors import BenchError, Unavailable


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Declares the tiny dataset; `tiny(pins=…)` declares it otherwise."""
    declare(monkeypatch)
    return functools.partial(declare, monkeypatch)


# Fingerprint and order


def identity(images, columns, value_names):
    hashes = pixel_hashes(images)
    found = records(hashes, columns, value_names)
    order = canonical_order(hashes, found)
    return fingerprint(found), images[order], {k: v[order] for k, v in columns.items()}


def test_container_order_changes_neither_fingerprint_nor_order():
    images = np.concatenate([PIXELS, PIXELS[:6]])  # six twins, three of them of another label
    labels = np.concatenate([LABELS, (LABELS[:6] + np.arange(6) % 2) % 3])
    value_names = {"label": COLOURS}
    print_, ordered, columns = identity(images, {"label": labels}, value_names)
    for seed in range(5):
        p = np.random.default_rng(seed).permutation(len(images))
        again = identity(images[p], {"label": labels[p]}, value_names)
        assert again[0] == print_
        np.testing.assert_array_equal(again[1], ordered)
        np.testing.assert_array_equal(again[2]["label"], columns["label"])


def test_fingerprint_tells_pixels_labels_and_shape_apart_but_not_numbering():
    def of(images=PIXELS, labels=LABELS, value_names=COLOURS):
        return identity(images, {"label": labels}, {"label": value_names})[0]

    pixel, label = PIXELS.copy(), LABELS.copy()
    pixel[7, 1, 2] ^= 1
    label[7] = (label[7] + 1) % 3
    prints = {of(), of(images=pixel), of(labels=label), of(images=PIXELS.reshape(30, 5, 4, 1))}
    assert len(prints) == 4
    assert of(labels=2 - LABELS, value_names=COLOURS[::-1]) == of()


def test_twins_are_not_ordered_by_label():
    images = np.zeros((2, 1, 1, 1), np.uint8)
    first = []
    for value in range(40):
        images[:] = value
        first.append(identity(images, {"label": np.array([0, 1])}, {})[2]["label"][0])
    assert 5 < sum(first) < 35


def accuracy(labels, assignments, k):
    table = np.zeros((k, k), int)
    np.add.at(table, (labels, assignments), 1)
    return table[linear_sum_assignment(-table)].sum() / len(labels)


@pytest.mark.parametrize(("name", "k"), [("digits", 10)])
def test_canonical_order_tells_nothing_of_labels(tmp_path, name, k):
    labels = prepare(name, tmp_path).columns["label"]
    balanced = np.arange(len(labels)) * k // len(labels)
    rng = np.random.default_rng(0)
    chance = np.mean([accuracy(labels, rng.permutation(balanced), k) for _ in range(20)])
    assert abs(accuracy(labels, balanced, k) - chance) < 0.05


# The registry


def test_names_and_errors(tiny):
    assert names()[:7] == ["digits", "mnist", "usps", "omniglot", "cifar10", "cifar100", "svhn"]
    with pytest.raises(BenchError, match="did you mean 'mnist'"):
        get("minst")
    with pytest.raises(BenchError, match="'tiny': the name is taken"):
        register_dataset(get("tiny"))


def test_declarations_are_complete():
    for name in names()[:7]:
        dataset = get(name)
        assert set(dataset.pins) <= set(dataset.counts)
        assert dataset.how_to_get
        assert dataset.citation
        assert dataset.licence


def test_importing_datasets_is_quick():
    code = (
        "import sys, bench.datasets; print([m for m in ('torch', 'sklearn') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "fetched"),
    [
        (["ccn", "--tasks", "omniglot/alphabets", "--methods", "kmeans"], ["omniglot"]),
        (["sela-cifar", "--tasks", "cifar10/represent-light"],
         ["cifar10", "cifar100"]),
    ],
)  # fmt: skip
def test_what_is_fetched_is_what_a_selection_takes(words, fetched, tmp_path, monkeypatch, capsys):
    """Groups of tasks have names, and a row may have its network probed on other data."""

    def nowhere(name, *_, **__):
        raise Unavailable(f"{name} is not to be had")

    monkeypatch.setattr(datasets, "prepare", nowhere)
    root = ["--data-root", tmp_path, "--results", tmp_path / "r"]
    assert bench("run", *words, "--download", *root) == 3
    said = capsys.readouterr().out
    assert [line.split()[-1] for line in said.splitlines() if "fetching" in line] == fetched
