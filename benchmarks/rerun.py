"""What `run` costs when all is done: processor seconds of the whole command, over 10,000 records.

    python -m benchmarks.rerun [--json] [--tables 1]

The synthetic experiment of `aggregate`, its records on disk. The first run makes the index and the
tables; measured is the second, which has nothing to do, from the command line to its exit.
Target: 1.5 processor seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.aggregate import fill, toml
from benchmarks.measure import Target, arguments, report

TARGET_SECONDS = 1.5


def cpu_seconds(words: list[str]) -> float:
    """User and system seconds of a command and what it started.

    Raises:
        CalledProcessError: it ended with another status than 0.
    """
    before = os.times()
    subprocess.run([sys.executable, "-m", "bench", *words], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


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
        seconds = {command: cpu_seconds(words) for command, words in commands.items()}
    rows = [{"command": word, "records": count, "CPU s": s} for word, s in seconds.items()]
    targets = [Target("CPU seconds", seconds["second run"], TARGET_SECONDS)]
    return report("rerun", rows, targets, as_json=chosen.json)


if __name__ == "__main__":
    sys.exit(main())
