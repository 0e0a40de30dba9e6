"""UMAP in place of t-SNE."""

import hashlib
import sys
import types

import numpy as np
import pytest
import torch
from figures import EMBEDDING, view_of
from harness import FAULTY, PLUGINS

from bench import registry
from bench.render import legend
from bench.report import coordinates
from bench.store.record import Record
from bench.tasks import Prediction


@pytest.fixture(autouse=True)
def _plugins():
    registry.load([PLUGINS, FAULTY])


@pytest.fixture(scope="module")
# --- UMAP ---------------------------------------------------------------------------------------


def test_umap_is_asked_for_with_a_fixed_state_and_kept_apart(tmp_path, monkeypatch):
    asked = []

    class UMAP:
        def __init__(self, **options):
            asked.append(options)

        def fit_transform(self, rows):
            return rows[:, :2]

    end = EMBEDDING.index('[[figure.curve]]\nlabel = "an artifact"')
    text = EMBEDDING[:end].replace("tensor", 'by = "umap"\ntensor')
    values = torch.from_numpy(np.random.default_rng(0).normal(size=(150, 7)))
    monkeypatch.setitem(sys.modules, "umap", None)
    view = view_of(tmp_path, text, Prediction(tensors={"outputs": values}))
    assert view.panels[0].words == "umap-learn is not installed: pip install -e '.[umap]'"
    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=UMAP))
    view = view_of(tmp_path, text)
    assert np.allclose(view.panels[0].points, values[:, :2])
    assert asked == [{"n_neighbors": 15, "random_state": 0, "n_jobs": 1}]
    assert "UMAP of one cell's output" in legend.figure_caption(view)
    assert view_of(tmp_path, text).panels == view.panels
    assert len(asked) == 1
    monkeypatch.setattr(coordinates, "_tsne", lambda rows: rows[:, 2:4])
    other = view_of(tmp_path, text.replace('by = "umap"\n', ""))
    assert np.allclose(other.panels[0].points, values[:, 2:4])
    assert len(list((tmp_path / "runs" / ".embeddings").iterdir())) == 2


def test_coordinates_of_t_sne_keep_the_name_that_they_had(tmp_path):
    folder = tmp_path / ".embeddings"
    folder.mkdir()
    # SHA-256 of {"images": 1000, "output": "d", "perplexity": 30.0, "tensor": "t"}.
    np.save(folder / "b562c37d735bf9ba24aa0fe65ec77649.npy", np.ones((3, 2), np.float32))
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes() + hashlib.sha256(path.read_bytes()).digest())
    one = Record("k", {}, "done", output="d")
    found = coordinates.coordinates(tmp_path, tmp_path, one, "t", n=3, by="t-SNE")
    assert found.tolist() == [[1, 1]] * 3
