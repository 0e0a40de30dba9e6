"""What the tests of the harness share: small experiments, and ways to run them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import psutil

from bench import ROOT, cli, registry
from bench.cli.progress import Lines
from bench.datasets import get_task, make_ready
from bench.plan import experiment, graph
from bench.run.runner import Runner, RunOptions
from bench.store import states
from bench.store.folders import Store

PLUGINS = ROOT / "tests" / "plugins"
FAULTY = PLUGINS / "faulty"
DATA = ROOT / "data"


_DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
from harness import run
run(Path(sys.argv[1]), Path(sys.argv[2]), checkpoint_seconds=0)
"""


def write_experiment(path: Path, task: str, rows: list[dict[str, Any]], **column: Any) -> Path:
    """A TOML of one table "t" with one column: rows of label, method, params, seeds, …"""
    column = {"label": "tiny", "task": task, "metric": "ACC", **column}
    parts = ['title = "A small experiment"', "[preset.quick]", f"seeds = {column.pop('n', 1)}"]
    parts += ["[[table]]", 'name = "t"', 'caption = "A table."', "[[table.column]]"]
    parts += [f"{key} = {_toml(value)}" for key, value in column.items()]
    for row in rows:
        parts += ["[[table.row]]"]
        parts += [f"{k} = {_toml(v)}" for k, v in ({"label": row["method"]} | row).items()]
    path.write_text("\n".join(parts) + "\n")
    return path


def counted(folder: Path, rows: int = 5, seeds: int = 3, seconds: float = 0.25) -> Path:
    """Short cells that note what they do in `folder/notes`; every second one needs another."""
    parts = [
        {
            "label": f"row {i}",
            "method": "counted-after" if i % 2 else "counted",
            "params": {"notes": str(folder / "notes"), "number": i, "seconds": seconds},
        }
        for i in range(rows)
    ]
    return write_experiment(folder / "counted.toml", "tiny/cluster", parts, n=seeds)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


def bench(*words: Any) -> int:
    """The command line in this process; returns the exit status."""
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as end:  # argparse leaves like this
        return int(end.code or 0)


def places(results: Path) -> list[Any]:
    """The flags that every verb takes: results, and both plugin folders."""
    return ["--results", results, "--plugins", PLUGINS, "--plugins", FAULTY]


def make_plan(toml: Path, **options: Any) -> graph.Plan:
    """The plan of one experiment."""
    registry.load([PLUGINS, FAULTY])
    return ready_plan([experiment.load(str(toml))], graph.Options(data_root=DATA, **options))


def ready_plan(experiments: list[experiment.Experiment], options: graph.Options) -> graph.Plan:
    """A plan with the data of its cells prepared, as `run` makes it."""
    made = graph.make(experiments, options)
    make_ready([get_task(cell.task) for cell in made.cells.values()], options.data_root)
    return graph.make(experiments, options) if made.unprepared else made


def run(
    toml: Path,
    results: Path,
    *,
    seeds: tuple[int, ...] | None = None,
    device: str = "cpu",
    retry_failed: bool = False,
    rerun_stale: bool = False,
    **options: Any,
) -> states.Results:
    """Run an experiment in this process; returns what the store holds afterwards."""
    chosen, store = make_plan(toml, seeds=seeds, device=device), Store(results)
    found = states.read(chosen, store)
    again = {"retry_failed": retry_failed, "rerun_stale": rerun_stale}
    wanted = states.to_run(chosen, found.states, found.lacks, **again)
    options = {"workers": 2, "data_root": DATA, "plugins": (PLUGINS, FAULTY), **options}
    made = RunOptions(**options)
    Runner(chosen, store, made, Lines(sys.stdout), results=found, wanted=wanted).run()
    return states.read(chosen, store)


def states_of(toml: Path, results: Path) -> dict[str, str]:
    """The state of every cell of an experiment, by key."""
    return dict(states.read(make_plan(toml), Store(results)).states)


def start(*words: Any) -> subprocess.Popen[str]:
    """The command line as a process and process group of its own."""
    return _python("-m", "bench", *words)


def drive(toml: Path, results: Path) -> subprocess.Popen[str]:
    """A run of one experiment that keeps a checkpoint of every step, likewise."""
    return _python("-c", _DRIVER, toml, results)


def _python(*words: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # The tests may run as a shell's background job, which ignores Ctrl-C with all below it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for(
    condition: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 300
) -> None:
    """Wait until something holds while a process runs."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def all_gone(pids: Collection[int], seconds: float = 10) -> bool:
    """Whether all these processes end within so many seconds."""
    end = time.monotonic() + seconds
    while any(map(_alive, pids)):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def predictions(results: Path) -> dict[str, bytes]:
    """Folder of a cell -> the bytes of its prediction."""
    return {
        str(path.parent.relative_to(results / "runs")): path.read_bytes()
        for path in sorted((results / "runs").glob("*/*/*/prediction.safetensors"))
    }


def outputs(results: Path) -> dict[str, bytes]:
    """Every table, figure and document -> its bytes, but for those that hold a date."""
    files = [*(results / "tables").glob("*"), *(results / "figures").glob("*")]
    files += (results).glob("all-*.tex")
    return {str(path.relative_to(results)): path.read_bytes() for path in sorted(files)}


def stamps(results: Path) -> dict[str, int]:
    """Every finished cell's folder -> when its record was written, ns."""
    found = {}
    for path in (results / "runs").glob("*/*/*/record.json"):
        found[str(path.parent.relative_to(results))] = path.stat().st_mtime_ns
    return found
