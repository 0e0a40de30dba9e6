"""What is said of the file that `--executor-options` names."""

import pytest

from bench.errors import BenchError
from bench.run import engines


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
