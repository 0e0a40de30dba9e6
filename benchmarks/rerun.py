"""What `run` and `status` cost when all is done: processor seconds and memory of whole commands.

    python -m benchmarks.rerun [--json] [--tables 1]

The synthetic experiment of `aggregate`, its records on disk, 10,000 a table. The first run makes
the index and the tables; the second has nothing to do. Targets: of 10,000 records 1.5 seconds for
the second run, of 100,000 5 seconds and 1 GB for `status`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.aggregate import fill, toml
from benchmarks.measure import Target, arguments, report

RUN_SECONDS, STATUS_SECONDS, STATUS_GB = 1.5, 5.0, 1.0


def cost(words: list[str]) -> tuple[float, float]:
    """User and system seconds of a command and what it started, and its largest memory, GB.

    The memory is never less than this process's own, whose copy it is for a moment.
    """
    process = subprocess.Popen([sys.executable, "-m", "bench", *words], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"bench {' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e9


def main() -> int:
    """Measure, print, judge."""
    parser = arguments(__doc__)
    parser.add_argument("--tables", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        file = folder / "synthetic.toml"
        file.write_text(toml(chosen.tables), encoding="utf-8")
        count = fill(folder)
        places = ["--results", str(folder / "results"), "--data-root", str(folder / "data")]
        run, status = (["run", str(file), *places], ["status", str(file), *places])
        commands = {"--help": ["--help"], "first run": run, "second run": run, "status": status}
        costs = {command: cost(words) for command, words in commands.items()}
    rows = [
        {"command": command, "records": count, "CPU s": seconds, "GB": memory}
        for command, (seconds, memory) in costs.items()
    ]
    if chosen.tables == 1:
        targets = [Target("CPU seconds", costs["second run"][0], RUN_SECONDS)]
    else:
        seconds, memory = costs["status"]
        targets = [Target("status, CPU seconds", seconds, STATUS_SECONDS)]
        targets += [Target("status, GB", memory, STATUS_GB)]
    return report("rerun", rows, targets, as_json=chosen.json)


if __name__ == "__main__":
    sys.exit(main())
