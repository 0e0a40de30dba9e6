"""The first moments of a command."""

import signal
import subprocess
import sys
import time

from bench import ROOT


def test_ctrl_c_while_modules_are_imported_is_one_line(tmp_path):
    """`sitecustomize` makes the import of the command line wait, and says when it does."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time\n"
        "class Slow:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'bench.cli':\n"
        "            print('importing', flush=True)\n"
        "            time.sleep(60)\n"
        "sys.meta_path.insert(0, Slow())\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-m", "bench", "list"], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
    )  # fmt: skip
    assert run.stdout is not None
    assert run.stdout.readline() == "importing\n"
    time.sleep(0.2)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=30)
    assert (run.returncode, said) == (130, "bench: interrupted\n")
