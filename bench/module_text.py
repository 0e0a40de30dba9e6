"""The text of modules: what of it can move a result, and what else a module reaches by its imports.

Comments, docstrings and layout do not count. What a plug-in reaches through `sys.path` is its
author's too, unless it is an installed library.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

_SHIPPED = ("bench.", "bench_methods.", "bench_baselines.")
_INSTALLED = {"site-packages", "dist-packages"}
_KNOWN = frozenset(
    (*sys.stdlib_module_names, "bench", "numpy", "scipy", "sklearn", "torch", "torchvision", "timm")
)
"""Never a helper of a plug-in, wherever they lie."""


def digest(found: Mapping[str, str]) -> str:
    """Sixteen hexadecimal digits for names and texts of modules, in whatever order."""
    text = "\n".join(f"{name} {found[name]}" for name in sorted(found))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def reached(
    start: Iterable[str],
    parts: tuple[str, ...],
    mentioned: Callable[[Iterable[str]], list[str]] = lambda _: [],
) -> dict[str, str]:
    """Name -> text of modules, and of all that they import below `parts` or of a plug-in's author.

    Args:
        start: Names of modules.
        parts: Beginnings of names.
        mentioned: From the strings in a module to further modules that count with it.
    """
    queue, found = list(start), dict[str, str]()
    while queue:
        name = queue.pop()
        if name in found:
            continue
        source = _source(name)
        if source is None:
            continue
        found[name], imports, strings = _read(name, source)
        plugin = not name.startswith(_SHIPPED)
        queue += [n for n in imports if n.startswith(parts) or (plugin and helps(n))]
        queue += mentioned(strings)
    return found


@cache
def helps(name: str) -> bool:
    """Whether a plug-in that imports this reaches code of its author's: not installed, not ours."""
    top = name.partition(".")[0]
    if top in _KNOWN or not top:
        return False
    file = _file(top) or _file(name)  # a folder without __init__.py has none
    return file is not None and not installed(file)


def installed(file: Path) -> bool:
    """Whether a file is of an installed library."""
    return bool(_INSTALLED & set(file.parts))


@cache
def _read(name: str, source: str) -> tuple[str, list[str], list[str]]:
    """A module's text without docstrings, the names that it imports, and its strings."""
    try:
        tree = _without_docstrings(ast.parse(source))
    except SyntaxError:  # of a helper that nobody has imported yet
        return repr(source), [], []
    values = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
    strings = sorted(value for value in values if isinstance(value, str))
    return _text(tree), _imports(tree, name), strings


def _source(name: str) -> str | None:
    """The text of a project's module; None for a name that is no module (an imported function).

    Read as Python reads it: a byte-order mark or a declared encoding is heeded.
    """
    file = _file(name)
    return importlib.util.decode_source(file.read_bytes()) if file else None


def _file(name: str) -> Path | None:
    """Where a module's text lies; None for a name that is no module, or has no text."""
    loaded = sys.modules.get(name)
    file = getattr(loaded, "__file__", None)
    if file is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError, AttributeError):
            return None
        file = spec.origin if spec else None
    return Path(file) if file and file.endswith(".py") else None


def _imports(tree: ast.Module, module: str) -> list[str]:
    """Names of modules, or of things in modules, that this module imports, made absolute."""
    names: list[str] = []
    file = _file(module)
    own = file is not None and file.name == "__init__.py"
    package = module if own else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.rsplit(".", node.level - 1)[0]
                base = f"{parent}.{base}" if base else parent
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return names


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """The same tree less every bare string, which no result can depend on."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [
                b
                for b in body
                if not (
                    isinstance(b, ast.Expr)
                    and isinstance(b.value, ast.Constant)
                    and isinstance(b.value.value, str)
                )
            ]
    return tree


def _text(node: Any) -> str:
    """A tree as text that is the same in every version of Python: empty fields left out."""
    if isinstance(node, list):
        return "[" + ",".join(map(_text, node)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, [])]
    inside = ",".join(f"{name}={_text(value)}" for name, value in sorted(fields))
    return f"{type(node).__name__}({inside})"
