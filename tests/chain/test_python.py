"""From Python: `bench.run`, `bench.results`, `bench.load`; predictions in the order of the data."""

import io
import json
import os
import shutil
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from harness import DATA, FAULTY, PLUGINS, places, write_experiment
from harness import bench as command
from sklearn.datasets import load_digits

import bench
from bench import ROOT
from bench.api import calls
from bench.datasets import checksums, get_task, prepare
from bench.datasets.parts import part_fingerprint
from bench.datasets.positions import positions
from bench.errors import BenchError
from bench.score import metrics
from bench.store import outputs

WHERE: dict[str, Any] = {"plugins": [PLUGINS, FAULTY]}
PLACES = {**WHERE, "quiet": True}


@pytest.fixture(scope="module")
def ran(tmp_path_factory, forkserver):
    """Two seeds of K-means on all digits, one of a method that fails."""
    folder = tmp_path_factory.mktemp("python")
    rows: list[dict[str, Any]] = [{"method": "kmeans"}, {"method": "fault", "seeds": 1}]
    toml = write_experiment(folder / "x.toml", "digits/cluster", rows, n=2)
    before = dict(os.environ)
    frame = bench.run(toml, results=folder / "results", workers=1, **PLACES)
    assert dict(os.environ) == before
    return toml, folder / "results", frame


def test_importing_it_imports_nothing_heavy():
    heavy = ("numpy", "pandas", "sklearn", "torch", "matplotlib")
    look = f"print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, bench; {look}; bench.load, bench.results; {look}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n['numpy', 'pandas']\n"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bench.nothing


def test_it_lists_what_it_offers_before_it_is_used():
    done = subprocess.run(
        [sys.executable, "-c", "import bench; print(dir(bench) == sorted(bench.__all__))"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True\n"
    assert {"run", "results", "load", "estimator"} <= set(dir(bench))


def test_a_run_is_the_frame_that_export_writes(ran, capsys):
    toml, results, frame = ran
    capsys.readouterr()
    assert command("export", toml, *places(results)) == 0
    text = capsys.readouterr().out
    assert frame.to_csv(index=False) == text
    assert set(frame[frame.method == "fault"].state) == {"failed"}
    assert frame[frame.state == "done"].seed.unique().tolist() == [0, 1]
    again = bench.results(toml, results=results, **WHERE)
    pd.testing.assert_frame_equal(again, frame)
    of_all = bench.results(results=results)
    assert set(of_all.key) == set(frame.key)


def test_what_is_done_is_not_computed_again_and_parts_can_be_chosen(ran):
    toml, results, frame = ran
    one = bench.run(toml, methods=["kmeans"], seeds=[1], results=results, **PLACES)
    part = frame[(frame.method == "kmeans") & (frame.seed == 1)].reset_index(drop=True)
    pd.testing.assert_frame_equal(one, part)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"metods": ["kmeans"]}, "unknown argument of bench.run 'metods': did you mean 'methods'?"),
        ({"check": True}, "unknown argument of bench.run 'check'"),  # its exit status would be lost
        ({"methods": "kmean"}, "unknown method 'kmean': did you mean 'kmeans'?"),
        ({"seeds": "three"}, "argument --seeds: 'three'"),
        ({"set": {"kmeans": {"n_int": 3}}}, "did you mean 'n_init'?"),
        ({"set": {"kmeans.n_int": 3}}, "did you mean 'n_init'?"),
        ({"set": {"kmeans": 3}}, "write {'kmeans.n_init': 5} or {'kmeans': {'n_init': 5}}"),
        ({"set": {"kmeans.n_init": 3, "kmeans": {"n_init": 4}}}, "kmeans.n_init is set twice"),
        ({"workers": 0}, "argument --workers"),
    ],
)
def test_mistakes_are_sentences(flags, said, tmp_path):
    with pytest.raises(BenchError) as caught:
        bench.run("digits", results=tmp_path, **flags)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_function_takes_no_flag_of_what_its_command_writes(tmp_path):
    with pytest.raises(BenchError, match=r"unknown argument of bench.results 'predictions'"):
        bench.results("digits", results=tmp_path, predictions=True)


def accuracy(truth, clusters):
    return metrics.clustering_accuracy(metrics.contingency(truth, clusters))


def test_a_finished_cell_tells_of_images_in_their_own_order(ran):
    _, results, frame = ran
    key = frame[(frame.method == "kmeans") & (frame.seed == 0)].key.iloc[0]
    cell = bench.load(key[:9], results=results, **WHERE)
    assert (cell.key, cell.record.cell["seed"]) == (key, 0)
    truth = load_digits().target
    assert cell.predictions["index"].tolist() == list(range(1797))
    found = accuracy(truth, cell.predictions.cluster)
    assert found == pytest.approx(cell.record.metrics["ACC"], abs=1e-12)
    stored = cell.output.assignments
    assert stored is not None
    assert accuracy(truth, stored) < 0.3  # in the order of methods it tells nothing
    assert sorted(stored) == sorted(cell.predictions.cluster)
    assert cell.curves.empty
    with pytest.raises(BenchError, match="keeps no tensors of kmeans: its output is the pred"):
        _ = cell.tensors


def test_a_failed_or_unknown_cell_is_a_sentence(ran):
    _, results, frame = ran
    key = frame[frame.method == "fault"].key.iloc[0]
    with pytest.raises(BenchError, match=f"cell {key} failed: exception: "):
        bench.load(key, results=results, **WHERE)
    with pytest.raises(BenchError, match="no cell 'ffffffffffff'"):
        bench.load("ffffffffffff", results=results)


def test_a_network_is_there_or_is_asked_for(tmp_path, forkserver):
    """Of a method that gives back its network, and of one that may."""
    plugins = [ROOT / "bench" / "prove" / "witness"]
    rows = [{"method": "needing", "params": {"of": "autoencoder"}}]
    toml = write_experiment(tmp_path / "x.toml", "digits/cluster", rows)
    flags = {"results": tmp_path, "plugins": plugins}
    budget = {"autoencoder": {"layer_iterations": 1, "finetune_iterations": 1}}
    frame = bench.run(toml, set=budget, quiet=True, **flags)
    key = frame[frame.method == "autoencoder"].key.iloc[0]
    cell = bench.load(key, **flags)
    network = cell.network()
    assert not network.training
    assert network.state_dict().keys() == cell.tensors.keys()
    assert cell.curves.name.unique().tolist() == ["loss"]
    assert cell.curves.step.tolist() == sorted(cell.curves.step)
    with pytest.raises(BenchError, match="gives no cluster for each image"):
        _ = cell.predictions


# The same file of images, with and without its order.


def test_data_prepared_before_orders_were_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    prepared = prepare("digits", DATA)
    task = get_task("digits/transfer")
    data = f"target:{part_fingerprint(task.target, prepared.fingerprints)}"
    kept = positions(task, "paper", DATA, data)
    truth = load_digits().target
    assert len(kept) == np.isin(truth, range(5, 10)).sum()
    assert set(truth[kept]) == set(range(5, 10))
    meta = json.loads((prepared.folder / "meta.json").read_text())
    (prepared.folder / "order.npy").unlink()
    del meta["sizes"]["order.npy"], meta["sha256"]["order.npy"], meta["checksum"]
    meta["checksum"] = checksums.seal(meta)
    (prepared.folder / "meta.json").write_text(json.dumps(meta))
    assert positions(task, "paper", DATA, data).tolist() == kept.tolist()
    with pytest.raises(BenchError, match="holds other images than the cell was computed on"):
        positions(task, "paper", DATA, "target:0")


def test_an_order_that_is_damaged_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    path = prepare("digits", DATA).folder / "order.npy"
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    prepared = prepare("digits", DATA)
    with pytest.raises(BenchError, match=r"order.npy is damaged \(its SHA-256 is another\)"):
        _ = prepared.order


# A file of all predictions.


def test_exported_predictions_are_those_of_each_cell(ran, tmp_path, capsys):
    _, results, frame = ran
    path = tmp_path / "clusters.csv"
    capsys.readouterr()
    assert command("export", "--predictions", *places(results), "--output", path) == 0
    assert f"wrote  {path}: {2 * 1797} rows" in capsys.readouterr().out
    found = pd.read_csv(path, dtype={"key": str})
    assert list(found.columns) == ["key", "index", "cluster"]
    assert set(found.key) == set(frame[frame.state == "done"].key)
    for key, rows in found.groupby("key"):
        cell = bench.load(key, results=results, **WHERE)
        assert rows.cluster.tolist() == cell.predictions.cluster.tolist()
    assert command("export", "--predictions", *places(results)) == 0
    assert capsys.readouterr().out == path.read_text()


def test_predictions_that_cannot_be_told_are_said(ran, tmp_path, capsys):
    _, results, _ = ran
    copy = tmp_path / "results"
    shutil.copytree(results, copy)
    for path in (copy / "runs").glob("*/kmeans/seed1-*/prediction.safetensors"):
        path.write_bytes(b"nothing")
    capsys.readouterr()
    assert command("export", "--predictions", *places(copy)) == 0
    out, err = capsys.readouterr()
    assert len(pd.read_csv(io.StringIO(out))) == 1797
    assert "note: 1 cell without predictions: " in err
    assert "its SHA-256 is not the record's" in err


# A process that lives for longer than one run.


def test_code_that_changed_since_it_was_imported_is_refused(tmp_path, forkserver):
    plugin = tmp_path / "plugin"
    plugin.mkdir()
    path = plugin / "mine_for_calls.py"
    path.write_text("# nothing\n")
    flags = {"results": tmp_path, "plugins": plugin}
    flags |= {"methods": "kmeans", "tasks": "digits/cluster", "seeds": 1}
    assert set(bench.results("digits", **flags).state) <= {"missing", "unavailable"}
    path.write_text("# something else\n")
    with pytest.raises(BenchError, match=r"mine_for_calls.py has changed since it was imported: r"):
        bench.results("digits", **flags)
    del calls._stamps[path]


def test_code_that_changed_since_workers_may_have_imported_it_is_refused(tmp_path, monkeypatch):
    """While the server of workers started, or the run went on, and not by this process."""
    path = tmp_path / "method.py"
    path.write_text("# nothing\n")
    monkeypatch.setattr(calls, "_shipped", lambda: [path])
    monkeypatch.setattr(calls, "_stamps", {})
    server: list[str] = []
    monkeypatch.setattr("bench.run.server.pid", lambda: len(server))
    with calls._steady([]):
        pass
    path.write_text("# changed while there is no server\n")
    with calls._steady([]):
        server.append("started")
        path.write_text("# changed after that\n")
    said = r"method.py has changed since it was imported"
    with pytest.raises(BenchError, match=said), calls._steady([]):
        pass


def test_a_stored_prediction_is_what_the_frame_tells(ran):
    """The slow way: each stored cluster under the pixels of its image."""
    _, results, frame = ran
    key = frame[(frame.method == "kmeans") & (frame.seed == 1)].key.iloc[0]
    cell = bench.load(key, results=results, **WHERE)
    images = (load_digits().images * 15).astype(np.uint8)
    prepared = prepare("digits", DATA)
    stored = outputs.of_cell(cell.folder, cell.record).assignments
    assert stored is not None
    by_pixels = {image.tobytes(): c for image, c in zip(prepared.images, stored, strict=True)}
    assert len(by_pixels) == 1797
    assert [by_pixels[image.tobytes()] for image in images] == cell.predictions.cluster.tolist()
