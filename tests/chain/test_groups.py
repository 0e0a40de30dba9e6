"""Many seeds in one process: each cell is what it would be alone, in every way but its time."""

import pytest
from harness import (
    DATA,
    bench,
    drive,
    places,
    predictions,
    run,
    stamps,
    wait_for,
    write_experiment,
)
from kill_run import kill_tree


def experiment(folder, task="tiny/cluster", n=5, **params):
    row = {"method": "many", "params": {"notes": str(folder / "notes"), **params}}
    metric = "ACC" if task == "tiny/cluster" else "similar F1"
    return write_experiment(folder / "many.toml", task, [row], n=n, metric=metric)


def starts(folder):
    """The seeds of each process, in the order of their starts."""
    lines = (folder / "notes").read_text().splitlines()
    return [line.split(" ", 2)[2] for line in lines if line.startswith("start")]


def by_seed(results):
    return {r.cell["seed"]: r for r in results.records.values()}


@pytest.fixture(scope="module")
def alone(tmp_path_factory, forkserver):
    """The predictions of five seeds that ran one by one, by seed."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "notes").touch()
    toml = experiment(folder)
    for seed in range(5):
        results = run(toml, folder / "results", seeds=(seed,))
    assert starts(folder) == [f"[{seed}]" for seed in range(5)]
    assert {r.group for r in results.records.values()} == {1}
    return predicted(folder / "results")


def predicted(results):
    found = predictions(results).items()
    return {int(k.split("/seed")[1].split("-")[0]): content for k, content in found}


def test_seeds_of_a_cell_share_a_process_and_nothing_else(tmp_path, alone):
    results = run(experiment(tmp_path), tmp_path / "results")
    assert starts(tmp_path) == ["[0, 1, 2, 3, 4]"]
    assert predicted(tmp_path / "results") == alone
    for seed, record in by_seed(results).items():
        assert (record.state, record.group, record.cell["seed"]) == ("done", 5, seed)
    assert len({r.wall_seconds for r in results.records.values()}) == 1
    for folder in (tmp_path / "results" / "runs").glob("*/*/*"):
        assert "a line of the log" in (folder / "log.txt").read_text()
    assert not list((tmp_path / "results" / "work").iterdir())


def test_only_what_is_missing_is_computed(tmp_path, alone):
    toml = experiment(tmp_path)
    run(toml, tmp_path / "results", seeds=(1, 3))
    before = stamps(tmp_path / "results")
    results = run(toml, tmp_path / "results")
    assert starts(tmp_path) == ["[1, 3]", "[0, 2, 4]"]
    now = stamps(tmp_path / "results")
    assert {folder: now[folder] for folder in before} == before
    assert {seed: r.group for seed, r in by_seed(results).items()} == {0: 3, 1: 2, 2: 3, 3: 2, 4: 3}
    assert predicted(tmp_path / "results") == alone


def test_other_parameters_are_another_group(tmp_path, forkserver):
    params = [{"notes": str(tmp_path / "notes"), "steps": n} for n in (2, 3)]
    rows = [{"label": str(i), "method": "many", "params": p} for i, p in enumerate(params)]
    run(write_experiment(tmp_path / "x.toml", "tiny/cluster", rows, n=2), tmp_path / "results")
    assert starts(tmp_path) == ["[0, 1]"] * 2


def test_inputs_that_are_drawn_by_seed_are_not_shared(tmp_path, forkserver):
    run(experiment(tmp_path, "tiny/similarity", n=2), tmp_path / "results")
    assert sorted(starts(tmp_path)) == ["[0]", "[1]"]


def test_a_seed_that_fails_takes_no_other_with_it(tmp_path, forkserver):
    toml = experiment(tmp_path, bad_seed=2)
    found = by_seed(run(toml, tmp_path / "results"))
    assert {s: r.failure for s, r in found.items()} == {0: "", 1: "", 2: "non-finite", 3: "", 4: ""}
    assert found[2].message == "loss is nan at step 4"
    assert len(list((tmp_path / "results").glob("runs/*/*/*/traceback.txt"))) == 1
    run(toml, tmp_path / "results")
    assert len(starts(tmp_path)) == 1
    run(toml, tmp_path / "results", retry_failed=True)
    assert starts(tmp_path)[1:] == ["[2]"]


@pytest.mark.parametrize(
    ("way", "failure", "message"),
    [
        ("raises", "exception", "RuntimeError: all at once was too much"),
        ("too few", "invalid prediction", "fit_many returned no list of 3 predictions"),
    ],
)
def test_what_fails_them_all_says_so_in_each(way, failure, message, tmp_path, forkserver):
    results = run(experiment(tmp_path, n=3, way=way), tmp_path / "results")
    assert [(r.failure, r.message) for r in results.records.values()] == [(failure, message)] * 3
    alone = run(experiment(tmp_path, n=1, way=way), tmp_path / "alone")
    assert [r.state for r in alone.records.values()] == ["done"]


def test_a_group_has_the_time_of_all_its_cells(tmp_path, forkserver):
    toml = experiment(tmp_path, seconds=0.5)
    results = run(toml, tmp_path / "results", timeout=1.0)
    assert {r.state for r in results.records.values()} == {"done"}
    found = run(toml, tmp_path / "short", timeout=0.2).records.values()
    assert {(r.failure, r.message) for r in found} == {
        ("timeout", "5 seeds killed after 5 times 0.2 s (--timeout)")
    }


def test_a_group_that_died_resumes_from_its_checkpoints(tmp_path, alone):
    toml = experiment(tmp_path, way="dies once")
    first = run(toml, tmp_path / "results", checkpoint_seconds=0)
    assert [r.failure for r in first.records.values()] == ["worker died"] * 5
    second = run(toml, tmp_path / "results", checkpoint_seconds=0, retry_failed=True)
    assert {(r.state, r.resumed) for r in second.records.values()} == {("done", True)}
    assert predicted(tmp_path / "results") == alone


def test_a_run_that_was_killed_goes_on(tmp_path, alone):
    toml = experiment(tmp_path, seconds=0.4)
    run(toml, tmp_path / "results", seeds=(2,))
    before, notes = stamps(tmp_path / "results"), tmp_path / "notes"
    notes.unlink()
    process = drive(toml, tmp_path / "results")
    wait_for(lambda: notes.exists() and "step 1" in notes.read_text(), process)
    kill_tree(process)
    assert stamps(tmp_path / "results") == before
    results = run(toml, tmp_path / "results", checkpoint_seconds=0)
    assert starts(tmp_path) == ["[0, 1, 3, 4]"] * 2
    assert {s: r.resumed for s, r in by_seed(results).items()} == {
        **dict.fromkeys((0, 1, 3, 4), True),
        2: False,
    }
    assert predicted(tmp_path / "results") == alone


def test_costs_and_status_count_a_cells_share(tmp_path, forkserver, capsys):
    from bench.store import cost

    toml = experiment(tmp_path, seconds=0.1)
    results = run(toml, tmp_path)
    (seconds,) = {r.cpu_seconds for r in results.records.values()}
    (measured,) = cost.medians(results.records.values(), DATA).items()
    assert measured[0] == ("many", "tiny/cluster", "quick")
    assert measured[1].seconds == pytest.approx(seconds / 5)
    assert bench("show", next(iter(results.records)), *places(tmp_path)) == 0
    assert '"group": 5' in (next(tmp_path.glob("runs/*/*/*/record.json"))).read_text()
