"""A network that is cut for half a minute between a run and a worker of Dask's."""

import time
from collections import Counter

import pytest
from faults.network import cluster, lacking
from harness import bench, counted, outputs, places, predictions, start, wait_for

ROWS, SEEDS = 8, 2
CUT_SECONDS = 30.0


def test_a_cut_of_half_a_minute_changes_nothing(tmp_path, forkserver):
    if why := lacking():
        pytest.skip(f"no network to cut: {why}")
    pytest.importorskip("distributed", reason="no Dask to test with: distributed is not installed")
    toml, notes = counted(tmp_path, ROWS, SEEDS, seconds=1.0), tmp_path / "notes"
    assert bench("run", toml, *places(tmp_path / "whole"), "--workers", 2) == 0
    notes.write_text("")
    with cluster(tmp_path, workers=2) as dask:
        options = tmp_path / "options.toml"
        options.write_text(f'[dask]\naddress = "{dask.address}"\npoll_seconds = 1\n')
        flags = ("--executor", "dask", "--executor-options", options)
        process = start("run", toml, *places(tmp_path / "cut"), *flags)
        wait_for(lambda: notes.read_text().count("end") >= 3, process)
        dask.cut(0)
        time.sleep(CUT_SECONDS)
        dask.mend(0)
        said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert outputs(tmp_path / "cut") == outputs(tmp_path / "whole")
    assert predictions(tmp_path / "cut") == predictions(tmp_path / "whole")
    assert len(predictions(tmp_path / "cut")) == 12 * SEEDS, "8 rows need 4 cells more"
    starts = Counter(line for line in notes.read_text().splitlines() if line.startswith("start"))
    assert sum(starts.values()) <= 12 * SEEDS + 2, "what had ended was computed again"
