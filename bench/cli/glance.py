"""What the project itself has registered, read from its files without importing them.

Methods import torch, which takes seconds; their names and first lines stand in their text.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import SHIPPED
from bench.plan import FOLDER

_SCORE = Path(__file__).resolve().parents[1] / "score"
_PLACES = (
    *((SHIPPED / name, "[!_]*.py") for name in ("methods", "baselines")),
    (_SCORE, "probe.py"),
    (_SCORE, "finetune.py"),
)


def methods() -> list[dict[str, Any]]:
    """The rows of `list methods`, by name.

    Raises:
        ValueError: a method is registered with other than plain values; import it then.
    """
    trees = (ast.parse(path.read_bytes()) for at, files in _PLACES for path in at.glob(files))
    rows = [row for tree in trees for node in ast.walk(tree) for row in _rows(node)]
    return sorted(rows, key=lambda row: str(row["name"]))


def _rows(node: ast.AST) -> Iterator[dict[str, Any]]:
    """A class's row, and one for each alias, where it is registered as a method."""
    for call in getattr(node, "decorator_list", ()):
        if not isinstance(node, ast.ClassDef) or not isinstance(call, ast.Call):
            continue
        if getattr(call.func, "id", "") != "method":
            continue
        said = {word.arg: word.value for word in call.keywords}
        name = ast.literal_eval(call.args[0])
        first = (ast.get_docstring(node) or "").split("\n", 1)[0]

        def plain(key: str, otherwise: Any, said: dict[Any, ast.expr] = said) -> Any:
            return ast.literal_eval(said[key]) if key in said else otherwise

        for one in (name, *plain("aliases", ())):
            yield {
                "name": one,
                "tasks": list(plain("kinds", ())),
                "oracle": plain("uses_target_labels", False),
                "serves others": plain("artifact", False),
                "summary": first if one == name else f"Alias of {name}: {first}",
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
