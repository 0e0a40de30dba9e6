"""A whole Slurm on one machine, in a temporary folder: for tests, and to try a run by hand.

    python tests/faults/slurm_here.py COMMAND …     e.g. python -m bench run … --executor slurm

Needs root and Debian's `slurm-wlm` and `munge`. The command finds Slurm by SLURM_CONF; when it ends
all daemons end and the folder goes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo")
_PATH = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin{os.pathsep}/sbin"
_SECONDS = 60.0
CPUS = 2
_CONF = """
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,requeue_delay=1
ReturnToService=2
KillWait=2
MinJobAge=30
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MailProg=/bin/true
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=low Nodes={host} Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=high Nodes={host} MaxTime=INFINITE State=UP PriorityTier=2
"""


def lacking() -> str:
    """What this machine lacks for it, in words; "" where it has all."""
    if os.geteuid():
        return "Slurm's daemons need root"
    gone = [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
    return f"not installed: {', '.join(gone)} (apt-get install slurm-wlm munge)" if gone else ""


@contextlib.contextmanager
def slurm() -> Iterator[dict[str, str]]:
    """Start it; the variables of the environment with which its commands find it.

    Raises:
        RuntimeError: it does not come up; with the end of its logs.
    """
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
    folder.chmod(0o755)
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": _PATH}
        _configure(folder)
        munge = _munge(folder)
        daemons.append(_start(folder, munge, {}))
        _until(lambda: (folder / "munge.socket").exists(), folder, "munged")
        daemons.append(_start(folder, ["slurmctld", "-D"], environment))
        daemons.append(_start(folder, ["slurmd", "-D"], environment))
        _until(lambda: _said(["sinfo", "-h", "-o", "%t"], environment) == "idle", folder, "slurmd")
        yield environment
    finally:
        if len(daemons) == 3:
            _said(["scancel", "--user=root"], environment)
            _said(["scontrol", "shutdown"], environment)
        for daemon in reversed(daemons):
            daemon.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(10)
            daemon.kill()
            daemon.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _configure(folder: Path) -> None:
    import socket

    sockets = [socket.socket() for _ in range(2)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    host = socket.gethostname().partition(".")[0]
    text = _CONF.format(host=host, folder=folder, ports=ports, cpus=CPUS)
    (folder / "slurm.conf").write_text(text)
    for name in ("state", "spool"):
        (folder / name).mkdir()


def _munge(folder: Path) -> list[str]:
    """How to start munged, with a key of its own, as the user that owns its files: root."""
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    own = ["key-file=munge.key", "log-file=munge.log", "pid-file=munge.pid", "seed-file=munge.seed"]
    words = [f"--{name}={folder / file}" for name, file in (one.split("=") for one in own)]
    return ["munged", "--foreground", "--force", f"--socket={folder / 'munge.socket'}", *words]


def _start(folder: Path, words: list[str], more: dict[str, str]) -> subprocess.Popen[bytes]:
    with (folder / f"{words[0]}.out").open("wb") as out:
        return subprocess.Popen(
            [shutil.which(words[0], path=_PATH) or words[0], *words[1:]],
            env={**os.environ, **more},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def _said(words: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        words, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _until(holds, folder: Path, what: str) -> None:
    end = time.monotonic() + _SECONDS
    while not holds():
        if time.monotonic() > end:
            logs = [path.read_text(errors="replace")[-2000:] for path in folder.glob("*.[lo]*")]
            raise RuntimeError(f"{what} does not come up: " + "\n".join(logs))
        time.sleep(0.1)


if __name__ == "__main__":
    if reason := lacking():
        sys.exit(f"slurm_here: {reason}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the daemons end with it
    with slurm() as told:
        sys.exit(subprocess.run(sys.argv[1:], env={**os.environ, **told}, check=False).returncode)
