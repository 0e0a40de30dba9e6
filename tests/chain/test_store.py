"""Damage to the results folder is noticed, named and mended; nothing else is lost."""

import dataclasses
import errno
import json
import shutil

import pytest
from harness import bench, make_plan, places, predictions, run, stamps, write_experiment

from bench.errors import BenchError
from bench.store import record, states
from bench.store.folders import Store, writable


@pytest.fixture(scope="module")
def swept(tmp_path_factory, forkserver):
    """Six cells, two of which need another."""
    folder = tmp_path_factory.mktemp("store")
    rows = [{"method": "centroids"}, {"method": "carrier"}]
    toml = write_experiment(folder / "six.toml", "tiny/cluster", rows, n=2)
    run(toml, folder / "results")
    assert len(stamps(folder / "results")) == 6
    return toml, folder / "results"


@pytest.fixture
def copied(swept, tmp_path):
    """A copy of it to damage, with the times of its files."""
    toml, results = swept
    shutil.copytree(results, tmp_path / "results")
    return toml, tmp_path / "results"


def cell_of(results, method, seed=0):
    (folder,) = (results / "runs" / "tiny-cluster" / method).glob(f"seed{seed}-*")
    return folder


def states_of(toml, results):
    return list(states.read(make_plan(toml), Store(results)).states.values())


DAMAGE = {
    "empty": lambda text: "",
    "half": lambda text: text[: len(text) // 2],
    "other": lambda text: '["a list"]',
    "newer": lambda text: text.replace('"version": 1', '"version": 2'),
    "binary": lambda text: "\0\0\0",
    "type": lambda text: json.dumps(json.loads(text) | {"metrics": None}),
    "not finite": lambda text: json.dumps(json.loads(text) | {"metrics": {"ACC": float("nan")}}),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_record_is_named_and_computed_again(copied, damage, capsys):
    toml, results = copied
    folder = cell_of(results, "centroids")
    path = folder / "record.json"
    content = json.loads(path.read_text())
    path.write_text(damage(path.read_text()))
    before = stamps(results)
    store = Store(results)
    assert content["key"] not in store.records()
    assert list(store.damaged) == [str(folder.relative_to(results / "runs"))]
    assert states_of(toml, results).count("missing") == 1
    bench("status", toml, *places(results))
    said = capsys.readouterr().out
    assert folder.name in said
    assert "damaged" in said or "newer layout" in said
    run(toml, results)
    assert states_of(toml, results) == ["done"] * 6
    assert record.read(folder).metrics == content["metrics"]
    changed = [name for name, stamp in stamps(results).items() if before[name] != stamp]
    assert changed == [str(folder.relative_to(results))]


def test_a_cell_without_a_record_counts_as_missing(copied):
    toml, results = copied
    (cell_of(results, "centroids") / "record.json").unlink()
    assert states_of(toml, results).count("missing") == 1
    run(toml, results)
    assert states_of(toml, results) == ["done"] * 6


def test_a_truncated_prediction_of_a_needed_cell_is_named(copied):
    toml, results = copied
    needed, needing = cell_of(results, "mean-image"), cell_of(results, "carrier")
    whole = predictions(results)
    prediction = needed / "prediction.safetensors"
    prediction.write_bytes(prediction.read_bytes()[:-8])
    shutil.rmtree(needing)
    results_now = run(toml, results)
    (failed,) = [r for r in results_now.records.values() if r.state == "failed"]
    assert failed.failure == "exception"
    assert str(prediction) in failed.message
    assert "delete" in failed.message
    shutil.rmtree(needed)  # as the message says
    run(toml, results, retry_failed=True)
    assert states_of(toml, results) == ["done"] * 6
    assert predictions(results) == whole


@pytest.mark.parametrize("damage", ["deleted", "torn", "binary", "foreign", "old"])
def test_the_index_is_only_a_copy(copied, damage):
    _toml, results = copied
    index = results / "runs" / "index.jsonl"
    wanted = Store(results).records()
    text = index.read_text()
    if damage == "deleted":
        index.unlink()
    elif damage == "torn":
        index.write_text(text[: len(text) - 200])
    elif damage == "binary":
        index.write_bytes(b"\xff\xfe" + text.encode())
    elif damage == "foreign":
        index.write_text('{"folder": 3}\n[]\n{"stamp": [1]}\n' + text)
    else:
        folder = cell_of(results, "centroids")
        old = record.read(folder)  # a newer record than the index's line
        dataclasses.replace(old, metrics=old.metrics | {"ACC": 0.125}).write(folder)
        wanted[old.key] = record.read(folder)
    store = Store(results)
    assert store.records() == wanted
    assert not store.damaged
    # And it is whole again: the same from the index alone.
    again = Store(results)
    assert len(again._index()) == 6
    assert again.records() == wanted


def test_a_torn_line_spoils_no_later_one(copied):
    _toml, results = copied
    index = results / "runs" / "index.jsonl"
    lines = [line for line in index.read_text().splitlines() if line]
    index.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:50])  # no line break at the end
    Store(results).records()
    assert len(Store(results)._index()) == 6


def test_status_does_not_read_records_that_the_index_holds(copied, monkeypatch):
    _, results = copied
    monkeypatch.setattr(record, "read", lambda folder: pytest.fail(f"read {folder}"))
    assert len(Store(results).records()) == 6


def test_a_half_written_attempt_is_never_a_result(copied):
    toml, results = copied
    key = cell_of(results, "centroids").name.rsplit("-", 1)[1]
    attempt = results / "work" / key / "attempt-1-1"
    attempt.mkdir(parents=True)
    (attempt / "record.json").write_text("{}")
    assert states_of(toml, results) == ["done"] * 6


def test_publishing_replaces_and_leaves_nothing_beside(copied):
    toml, results = copied
    plan, store = make_plan(toml), Store(results)
    cell = next(c for c in plan.cells.values() if c.method == "centroids")
    attempt = store.work(cell) / "attempt"
    attempt.mkdir(parents=True)
    old = store.read(cell)
    assert old is not None
    store.publish(cell, attempt, old)
    store.clear_work(cell)
    assert store.read(cell) == old
    assert [p.name for p in store.folder(cell).iterdir()] == ["record.json"]
    assert not store.work(cell).exists()


def test_a_full_disk_is_one_sentence(swept, tmp_path, monkeypatch, capsys):
    toml, _ = swept

    def full(self, folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(record.Record, "write", full)
    assert bench("run", toml, *places(tmp_path / "results")) == 2
    said = capsys.readouterr().err
    assert "is full: make room and start again, finished cells are kept" in said
    assert str(tmp_path / "results") in said
    monkeypatch.undo()
    assert bench("run", toml, *places(tmp_path / "results")) == 0


def test_a_disk_that_fills_up_while_a_cell_is_prepared(swept, tmp_path, monkeypatch, capsys):
    toml, _ = swept

    def full(work):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bench.run.runner.new_attempt", full)
    assert bench("run", toml, *places(tmp_path / "results")) == 2
    assert "is full: make room" in capsys.readouterr().err


def test_errors_of_the_file_system_name_the_folder(tmp_path):
    for number, words in ((errno.EROFS, "--results"), (errno.EDQUOT, "is full")):
        with pytest.raises(BenchError, match=words), writable(tmp_path):
            raise OSError(number, "no")


def test_records_of_a_newer_layout_are_refused_and_unknown_keys_passed_over():
    content = {"key": "k", "cell": {}, "state": "done", "something": 1}
    content["checksum"] = record._checksum(content)
    assert record.parse(content, "x").key == "k"
    with pytest.raises(BenchError, match="no checksum, and a field 'something'"):
        record.parse({**content, "checksum": ""}, "x")
    with pytest.raises(BenchError, match="newer layout"):
        record.parse({**content, "version": record.VERSION + 1}, "x")
