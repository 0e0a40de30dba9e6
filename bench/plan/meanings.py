"""What a method's parameters mean: the words below each field of its class."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bench.method_info import MethodInfo


@dataclass(frozen=True)
class Meaning:
    """A parameter as its class declares it."""

    name: str
    default: Any
    """The paper's value."""
    quick: Any
    """The quick preset's."""
    meaning: str
    """Its field's docstring as one paragraph, "" where it has none."""


def of(info: MethodInfo) -> list[Meaning]:
    """Every parameter of a method, in the order of its class's fields."""
    said = {
        name: text
        for cls in reversed(info.cls.__mro__)
        if dataclasses.is_dataclass(cls)
        for name, (_, text) in declared(cls).items()
        if text
    }
    quick = info.params("quick", {})
    return [
        Meaning(f.name, f.default, quick[f.name], said.get(f.name, ""))
        for f in dataclasses.fields(info.cls)
    ]


def declared(cls: type) -> dict[str, tuple[int, str]]:
    """Field -> its line in its file and the text below it, of those that the class itself has."""
    lines, first = inspect.getsourcelines(cls)
    (node,) = ast.parse(textwrap.dedent("".join(lines))).body
    body = node.body if isinstance(node, ast.ClassDef) else []
    return {
        field.target.id: (first + field.lineno - 1, " ".join(_text(below).split()))
        for field, below in pairwise([*body, ast.Pass()])
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


def _text(node: ast.stmt) -> str:
    """The text that a statement is, "" of any other."""
    constant = node.value if isinstance(node, ast.Expr) else None
    said = constant.value if isinstance(constant, ast.Constant) else ""
    return said if isinstance(said, str) else ""
