"""A table says when its numbers were measured with several versions of what changes bytes."""

import dataclasses

import pytest
from harness import bench, make_plan, places, write_experiment

from bench.render.tables import markdown
from bench.report import table_views
from bench.store import code, machine, provenance, record, states
from bench.store.record import Record

HERE = {"torch": "2.14.1", "timm": "1.0.31", "safetensors": "0.8"}


@pytest.fixture
def results(tmp_path):
    """Three seeds of two methods, of which one needs the other; all of one version."""
    rows = [{"method": "kmeans"}, {"method": "centroids"}]
    plan = make_plan(write_experiment(tmp_path / "x.toml", "digits/cluster", rows, n=3))
    records = {
        key: Record(
            key,
            cell.identity(),
            "done",
            code=code.of_cell(cell),
            metrics={"ACC": 0.5},
            versions=dict(HERE),
        )
        for key, cell in plan.cells.items()
    }
    return states.Results(plan, records, states.states(plan, records))


def with_versions(results, index, **versions):
    """The same with one record of other versions."""
    key = list(results.records)[index]
    other = dataclasses.replace(results.records[key], versions={**HERE, **versions})
    return dataclasses.replace(results, records={**results.records, key: other})


def notes(results):
    (view,), _ = table_views.views(results)
    assert all(note in markdown(view) for note in view.notes)
    return view.notes


def test_one_version_needs_no_note(results):
    assert provenance.mixtures(results) == []
    assert notes(results) == ()
    assert provenance.mixtures(with_versions(results, 0, safetensors="0.7")) == []
    assert provenance.mixtures(with_versions(results, 0, timm="")) == []  # nobody wrote it down


@pytest.mark.parametrize("library", machine.DECISIVE)
def test_each_decisive_library_is_told_where_it_differs_within_a_table(results, library):
    mixed = with_versions(results, 1, **{"torch": "2.14.1", library: "0.9"})
    mixed = with_versions(mixed, 2, **{library: "1.0"})
    (line,) = provenance.mixtures(mixed)
    assert line.startswith(
        f"x t mixes versions that may change results: {library} 0.9 (1 cell), 1.0"
    )
    assert any(f"{library} 0.9 (1 cell)" in note for note in notes(mixed))


def test_a_failed_cell_mixes_nothing(results):
    mixed = with_versions(results, 0, torch="1.0")
    key = next(iter(mixed.records))
    failed = dataclasses.replace(mixed, states={**mixed.states, key: "failed"})
    assert provenance.mixtures(failed) == []


def test_check_and_status_say_so(tmp_path, capsys, forkserver):
    toml = write_experiment(tmp_path / "x.toml", "tiny/cluster", [{"method": "centroids"}], n=2)
    assert bench("run", toml, *places(tmp_path)) == 0
    assert bench("check", toml, "--update", "--reason", "first", *places(tmp_path)) == 0
    capsys.readouterr()
    assert bench("check", toml, *places(tmp_path)) == 0
    assert "mixes versions" not in capsys.readouterr().out
    folder = min((tmp_path / "runs").glob("*/*/*/record.json")).parent
    found = record.read(folder)
    dataclasses.replace(found, versions={**found.versions, "torch": "1.0"}).write(folder)
    for verb in ("check", "status"):
        assert bench(verb, toml, *places(tmp_path)) == 0
        said = capsys.readouterr().out
        assert "note: x t mixes versions that may change results: torch 1.0 (1 cell), " in said
