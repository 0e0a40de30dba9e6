"""Checksums of a reference: that of its numbers and one of all else, in the file of its provenance.

References from before there were checksums have none and are taken as they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def sealed(provenance: Mapping[str, Any], numbers: str) -> dict[str, Any]:
    """Provenance with the SHA-256 of the numbers' text, and a checksum of it all."""
    whole = {**provenance, "sha256": _digest(numbers)}
    return {**whole, "checksum": _digest(json.dumps(whole, sort_keys=True))}


def check(provenance: Mapping[str, Any], numbers: str) -> None:
    """Raises ValueError where provenance or numbers are not what was written."""
    if not {"sha256", "checksum"} & provenance.keys():
        return
    rest = {name: value for name, value in provenance.items() if name != "checksum"}
    if provenance.get("checksum") != _digest(json.dumps(rest, sort_keys=True)):
        raise ValueError("its checksum is not that of its content")
    if provenance.get("sha256") != _digest(numbers):
        raise ValueError("the numbers beside it are not those that it was written with")


def _digest(text: str) -> str:
    """SHA-256 of a text, however its lines end: a checkout may have changed that."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()
