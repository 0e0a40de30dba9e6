"""Patches of scikit-learn's photographs, and the tasks that serve as white sheep."""

import numpy as np
from sklearn.datasets import load_sample_image

from bench.datasets import get, get_task, prepare
from bench.datasets.sample_photos import SQUARES, patches


def test_patches_are_means_of_blocks_of_a_grey_photograph():
    photograph = np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)
    wanted = []
    for side, distance in SQUARES.items():
        block = side // 8
        for top in range(0, 80 - side + 1, distance):
            for left in range(0, 100 - side + 1, distance):
                square = np.zeros((8, 8))
                for i in range(8):
                    for j in range(8):
                        rows = slice(top + i * block, top + (i + 1) * block)
                        columns = slice(left + j * block, left + (j + 1) * block)
                        r, g, b = photograph[rows, columns].reshape(-1, 3).mean(axis=0)
                        square[i, j] = 0.299 * r + 0.587 * g + 0.114 * b
                wanted.append(square)
    found = patches(photograph)
    assert found.shape == (len(wanted), 8, 8, 1)
    assert np.abs(found[..., 0] - np.array(wanted)).max() <= 0.5 + 1e-9


def test_the_photographs_are_there_without_a_file(tmp_path):
    raw = get("sample-photos").read(tmp_path)
    assert raw.images.shape == (4486, 8, 8, 1)
    np.testing.assert_array_equal(np.bincount(raw.columns["label"]), [2243, 2243])
    china = load_sample_image("china.jpg")[:64, :64].mean()
    whole = raw.images[:2243][np.arange(2243) >= 2243 - 12 * 19][0].mean()
    assert abs(whole - china) < 20
    prepared = prepare("sample-photos", tmp_path)
    assert prepared.counts == {"all": 4486}


def test_white_sheep_are_learned_from_and_never_probed():
    for name, dataset, split in (
        ("omniglot-background/represent", "omniglot", "background"),
        ("sample-photos/represent", "sample-photos", None),
    ):
        task = get_task(name)
        assert (task.kind, task.target.dataset, task.target.split) == ("represent", dataset, split)
        assert "probe" not in task.related
    assert get_task("usps/represent").related["probe"] == "usps/probe"
