"""Batches as job arrays of Slurm, through `submitit`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bench
from bench.errors import BenchError
from bench.store.tail import tail

if TYPE_CHECKING:  # `status` and `cancel` ask for the queue alone
    from bench.run.remote import Batch

_ARRAY = 1000
"""Jobs of an array; Slurm's own bound is 1001 unless a site has set another."""


@dataclass(frozen=True)
class SlurmOptions:
    """What a job asks for; "" and 0: whatever the site gives."""

    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    gpus: int = 0
    """Of a job; as many cells run in it at a time. 0 with `--device cuda`: one."""
    cpus: int = 1
    """Of a job; without GPUs, as many cells run in it at a time."""
    minutes: int = 240
    """A job's time; a cell that needs more goes on in the next, from its checkpoint."""
    memory: str = ""
    """Of a job, such as "16G"."""
    setup: tuple[str, ...] = ()
    """Lines of shell before Python starts: modules, an environment."""
    jobs: int = 256
    """Jobs of an array that run at a time."""
    share_minutes: float = 10.0
    """Short cells share a job until it takes so long."""
    unknown_minutes: float = 1.0
    """What a cell counts as of which nobody knows what it takes."""
    cells: int = 1000
    """Groups of cells that are in the queue at a time."""
    poll_seconds: float = 15.0
    """How often Slurm is asked which jobs there are."""
    flags: dict[str, str] = field(default_factory=dict)
    """Any other flag of sbatch."""

    @property
    def at_once(self) -> int:
        """Cells that run in a job at a time."""
        return self.gpus or self.cpus


OURS = ("array", "error", "job-name", "output", "wrap")
"""Flags of sbatch by which a run finds its jobs and what they say."""


class Slurm:
    """An `Engine`."""

    name = "slurm"
    hold_seconds = 10.0

    def __init__(self, options: SlurmOptions, name: str, folder: Path) -> None:
        """Ready to submit.

        Args:
            options: Of its jobs.
            name: What they are called.
            folder: For their scripts, on a disk that all machines see.

        Raises:
            BenchError: there is no Slurm here, or `submitit` is not installed.
        """
        try:
            import submitit
        except ImportError as error:
            wanted = "pip install 'bench-clustering[slurm]'"
            raise BenchError(f"--executor slurm needs submitit: {wanted}") from error
        for command in ("sbatch", "squeue", "scancel"):
            if shutil.which(command) is None:
                raise BenchError(f"no {command} here: run this on a machine of the cluster")
        self._name, self.poll_seconds, self._folder = name, options.poll_seconds, folder
        self.workers = options.jobs * options.at_once
        self._executor = submitit.SlurmExecutor(folder=folder / "%j")
        self._executor.update_parameters(**_parameters(options, name))

    def submit(self, batches: Sequence[Batch]) -> list[str]:
        """Give them to Slurm as arrays.

        Raises:
            BenchError: it refuses them.
        """
        ids: list[str] = []
        for first in range(0, len(batches), _ARRAY):
            try:
                with self._executor.batch():
                    jobs = [self._executor.submit(one) for one in batches[first : first + _ARRAY]]
            except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
                said = " ".join(str(error).split())
                raise BenchError(f"Slurm takes no jobs: {said}") from error
            ids += [str(job.job_id) for job in jobs]
        return ids

    def gone(self, ids: Collection[str]) -> dict[str, str]:
        """Those that are not in the queue -> their last state; none while Slurm does not answer."""
        there = queue(self._name)
        if there is None:
            return {}
        return {one: f"{_state(one)}{self._last(one)}" for one in ids if one not in there}

    def _last(self, job: str) -> str:
        """The last line of a job's log, after a colon; "" where it has none."""
        try:
            lines, _ = tail(self._folder / job / f"{job}_0_log.out")
        except OSError:
            return ""
        return next((f": {line}" for line in reversed(lines) if line.strip()), "")

    def stop(self) -> None:
        """Cancel all."""
        cancel(self._name)


def _parameters(options: SlurmOptions, name: str) -> dict[str, Any]:
    """What `submitit` makes a script of."""
    root = Path(bench.__file__).parents[1]
    chosen = {
        "partition": options.partition,
        "account": options.account,
        "qos": options.qos,
        "constraint": options.constraint,
        "gpus_per_node": options.gpus,
        "mem": options.memory,
    }
    ours = f"export PYTHONPATH={shlex.quote(str(root))}${{PYTHONPATH:+:$PYTHONPATH}}"
    return {
        **{key: value for key, value in chosen.items() if value},
        "job_name": name,
        "time": options.minutes,
        "cpus_per_task": max(options.cpus, options.gpus),
        "setup": [*options.setup, ours],
        "array_parallelism": options.jobs,
        "stderr_to_stdout": True,
        "additional_parameters": {"requeue": True, **options.flags},
    }


def queue(name: str) -> dict[str, str] | None:
    """Id -> state of the jobs of this name that wait or run; None where Slurm does not answer."""
    words = ["squeue", "--noheader", "--array", "--format=%i %T", f"--name={name}"]
    said = _said([*words, f"--user={os.getuid()}"])
    if said is None:
        return None
    lines = [line.split() for line in said.splitlines()]
    return {line[0]: line[1] for line in lines if len(line) == 2}


def cancel(name: str) -> None:
    """End all jobs of this name."""
    _said(["scancel", f"--name={name}", f"--user={os.getuid()}"])


def _state(job: str) -> str:
    """How a job ended, as Slurm calls it, while it remembers."""
    for word in (_said(["scontrol", "--oneliner", "show", "job", job]) or "").split():
        if word.startswith("JobState="):
            return word.removeprefix("JobState=")
    return "unknown"


def _said(words: list[str]) -> str | None:
    """What a command of Slurm's prints; None where it fails."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
