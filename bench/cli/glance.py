"""What the project itself has registered, read from its files without importing them.

Methods import torch, which takes seconds; their names and first lines stand in their text.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from bench import shipped
from bench.plan import FOLDER

if TYPE_CHECKING:
    from bench.method_info import MethodInfo
    from bench.shipped import Shipped


def methods() -> list[dict[str, Any]]:
    """The rows of `list methods`, by name, where no method has to be imported for it."""
    return [method(one) for one in shipped.methods().values()]


def method(one: Shipped | MethodInfo) -> dict[str, Any]:
    """Its row of `list methods`."""
    return {
        "name": one.name,
        "tasks": list(one.kinds),
        "oracle": one.uses_target_labels,
        "serves others": one.artifact,
        "summary": one.summary,
    }


def experiments() -> list[dict[str, Any]]:
    """The rows of `list experiments`; what is wrong in a file is said when it is used."""
    rows = []
    for path in sorted(FOLDER.glob("*.toml"), key=lambda path: path.stem):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        named = {
            kind: [one["name"] for one in content.get(kind, ())] for kind in ("table", "figure")
        }
        rows.append(
            {
                "name": path.stem,
                "title": content["title"],
                "tables": named["table"],
                "figures": named["figure"],
            }
        )
    return rows
