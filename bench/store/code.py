"""A fingerprint of the code behind a result: the method's module and what it imports of ours.

Of a plug-in, what it reaches through `sys.path` counts too, unless it is an installed library.
Networks are imported by name, so a network counts where its name stands in one of these modules or
among the cell's parameters: another network more changes no fingerprint. Comments, docstrings and
layout do not count. The harness itself does not count either: what it hands to a method is pinned
by a number in the key (`bench.plan.cell.PROTOCOL`), what scores the result has a fingerprint of its
own and can be done again (`bench rescore`).

A fingerprint is a hint. That another one gives the same results is shown by `bench prove` and kept
in `bench.store.equal`.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import INSTALLED, ROOT, registry, shipped

if TYPE_CHECKING:
    from bench.plan.cell import Cell

_SCORES = ("bench.score.scores", "bench.score.snapshots")
_PARTS = ("bench.nn", "bench.score.probe", "bench.score.finetune", "bench_")
_SHIPPED = ("bench.", "bench_methods.", "bench_baselines.")
_INSTALLED = {"site-packages", "dist-packages"}
_KNOWN = frozenset(
    (*sys.stdlib_module_names, "bench", "numpy", "scipy", "sklearn", "torch", "torchvision", "timm")
)
"""Never a helper of a plug-in, wherever they lie."""


_told: dict[str, str] = {}
"""Key of a cell -> its fingerprint, and that of `scoring`, where a kept plan knows them."""


def tell(cells: Mapping[str, str], scores: str) -> None:
    """Take fingerprints as known, which were computed of these very sources.

    Args:
        cells: Key -> fingerprint.
        scores: `scoring`.
    """
    _told.update(cells, scoring=scores)


def of_cell(cell: Cell) -> str:
    """The fingerprint of a cell's method with the networks that its parameters name."""
    return _told.get(cell.key) or _of_cell(cell)


def _of_cell(cell: Cell) -> str:
    texts = (value for _, value in cell.params if isinstance(value, str))
    used = {named(text) for text in texts} - {""}
    return fingerprint(registry.get(cell.method).module, tuple(sorted(used)))


@cache
def fingerprint(module: str, networks: tuple[str, ...] = ()) -> str:
    """Sixteen hexadecimal digits for a method's module with all it imports of the project.

    Args:
        module: Such as `bench_baselines.kmeans`.
        networks: Names of networks that count in any case.
    """
    return _digest(_reached([module, *_modules(networks)], _PARTS))


def networks_of(module: str, networks: Iterable[str] = ()) -> set[str]:
    """Names of the networks whose code counts in the fingerprint of the same arguments."""
    found = _reached([module, *_modules(networks)], _PARTS)
    return {name for name, at in _networks().items() if at in found}


def scoring() -> str:
    """The fingerprint of what makes metrics of predictions, curves' snapshots among them."""
    return _told.get("scoring") or _scoring()


@cache
def _scoring() -> str:
    return _digest(_reached(list(_SCORES), ("bench.score",)))


def _modules(networks: Iterable[str]) -> list[str]:
    return [_networks()[name] for name in networks]


def _networks() -> dict[str, str]:
    """Name of a network -> its module: ours, imported or not, and those of plug-ins in use."""
    base = sys.modules.get("bench.nn.networks.base")
    others = {name: cls.__module__ for name, cls in base.KNOWN.items()} if base else {}
    return {**shipped.networks(), **others}


def named(text: str) -> str:
    """The network that a bare name or a description names; "" for any other text."""
    name: Any = text
    if text.startswith("{"):
        try:
            name = json.loads(text).get("name")
        except ValueError:
            return ""
    return name if isinstance(name, str) and name in _networks() else ""


def _digest(found: Mapping[str, str]) -> str:
    text = "\n".join(f"{name} {found[name]}" for name in sorted(found))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _reached(queue: list[str], parts: tuple[str, ...]) -> dict[str, str]:
    """Name -> text of these modules, of all that they import below `parts`, and networks named."""
    found: dict[str, str] = {}
    while queue:
        name = queue.pop()
        if name in found:
            continue
        source = _source(name)
        if source is None:
            continue
        found[name], imports, strings = _read(name, source)
        plugin = not name.startswith(_SHIPPED)
        queue += [n for n in imports if n.startswith(parts) or (plugin and _helps(n))]
        queue += _modules({named(text) for text in strings} - {""})
    return found


@cache
def _helps(name: str) -> bool:
    """Whether a plug-in that imports this reaches code of its author's: not installed, not ours."""
    top = name.partition(".")[0]
    if top in _KNOWN or not top:
        return False
    file = _file(top) or _file(name)  # a folder without __init__.py has none
    return file is not None and not _INSTALLED & set(file.parts)


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


def revision() -> tuple[str, bool]:
    """The commit of the clone and whether its files differ from it; ("", False) outside git."""
    if INSTALLED:  # in a clone of something else, perhaps
        return "", False
    import subprocess

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *words],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "-uno"))
    except OSError:
        return "", False
