"""A reference that was altered by somebody who knows of its checksums."""

import json

from bench.report import seals


def rewrite(path, text):
    """Put other numbers into a reference."""
    path.write_text(text)
    beside = path.with_suffix(".json")
    told = {k: v for k, v in json.loads(beside.read_text()).items() if k != "checksum"}
    beside.write_text(json.dumps(seals.sealed(told, text)))
