"""What is said of the file that `--executor-options` names, and whose jobs Slurm is asked for."""

import os
from types import SimpleNamespace
from typing import Any

import pytest

from bench.errors import BenchError
from bench.run import engines, slurm
from bench.run.dask_cluster import Dask, DaskOptions


def test_options_name_what_is_wrong(tmp_path):
    file = tmp_path / "o.toml"
    file.write_text('[slurm]\npartitions = "gpu"\n')
    with pytest.raises(BenchError, match=r"o.toml: slurm: unknown key 'partitions'.*'partition'"):
        engines.read(file, "cpu")
    file.write_text('[slurm]\nminutes = "4h"\n')
    with pytest.raises(BenchError, match="minutes"):
        engines.read(file, "cpu")
    file.write_text("[slurm]\ngpus = 2\n[dask]\nresources = { GPU = 1 }\n")
    assert engines.read(file, "cuda").slurm.gpus == 2
    assert engines.read(file, "cuda").dask.resources == {"GPU": 1.0}
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())  # as Notepad writes it
    assert engines.read(file, "cuda").slurm.gpus == 2
    assert engines.read(None, "cuda").slurm.gpus == 1
    with pytest.raises(BenchError, match="--executor-options"):
        engines.read(tmp_path / "gone.toml", "cpu")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[slurm]\ncells = 0", "slurm: cells = 0 must be at least 1"),
        ("[slurm]\ncpus = 0", "slurm: cpus = 0 must be at least 1"),
        ("[slurm]\njobs = -3", "slurm: jobs = -3 must be at least 1"),
        ("[slurm]\nminutes = -1", "slurm: minutes = -1 must be at least 0"),
        ("[dask]\ncells = 0", "dask: cells = 0 must be at least 1"),
        ("[dask]\nworkers = -1", "dask: workers = -1 must be at least 0"),
        ("[dask]\npoll_seconds = nan", "dask: poll_seconds = nan must be at least 0"),
        (f"[slurm]\ncpus = {'9' * 5000}", "o.toml: it holds a whole number of more than 300"),
        (f"[dask]\nworkers = {'[' * 10**5}", "o.toml: its lists or tables lie too deep"),
        ("[slurm.flags]\njob-name = 'x'", "slurm.flags: job-name is the run's own to set"),
        ("[slurm.flags]\njob_name = 'x'", "slurm.flags: job_name is the run's own to set"),
    ],
    ids=lambda value: value[-40:],
)
def test_what_a_run_would_never_end_with_is_refused(line, said, tmp_path):
    file = tmp_path / "o.toml"
    file.write_text(line)
    with pytest.raises(BenchError, match=said):
        engines.read(file, "cpu")


def test_jobs_are_those_of_this_process_whatever_the_environment_calls_its_user(monkeypatch):
    monkeypatch.setenv("LOGNAME", "somebody-else")
    said: list[list[str]] = []
    monkeypatch.setattr(slurm, "_said", said.append)
    slurm.queue("bench-0")
    slurm.cancel("bench-0")
    assert [words[-1] for words in said] == [f"--user={os.getuid()}"] * 2


@pytest.mark.parametrize("address", ["nonsense", "foo://x:1"])
def test_an_address_that_is_none_is_named(address, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(distributed, "Client", None)
    with pytest.raises(BenchError, match=f"no Dask scheduler answers at {address}: "):
        Dask(DaskOptions(address=address), 1)


def test_a_scheduler_that_is_gone_is_one_sentence():
    pytest.importorskip("distributed")
    one: Any = Dask.__new__(Dask)
    one._futures = {}
    for status in ("running", "connecting"):  # Dask looks for it as long as its patience says
        one._client = SimpleNamespace(status=status)
        assert one.gone(["1"]) == {}
    one._client = SimpleNamespace(status="closed")
    with pytest.raises(BenchError, match="Dask scheduler is gone; the same command goes on"):
        one.gone(["1"])
