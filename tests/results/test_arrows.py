"""The layout: which folder may import which, no circles, no module above 300 lines, names once."""

import ast
from collections import Counter
from pathlib import Path

from bench import ROOT

ORDER = """
errors
shipped typed files plural tasks carried module_text
declared
method_info
nn.images nn.schedules
nn.networks nn.losses nn.clustering
nn.training
nn.probes nn.out_of_fold
registry weights
datasets
score
plan
store
run
report
render
prove
cli
api
"""
"""Each line may import what stands above it. Modules of a folder may import one another in one
direction; `bench` itself is the root of all, `nn`'s rooms do not know one another but for the
images that networks take."""
FOLDERS = ("bench", "methods", "baselines", "tests", "benchmarks")


def modules() -> dict[str, Path]:
    found = {}
    for path in (ROOT / "bench").rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imports(name: str, known: dict[str, Path]) -> set[str]:
    """Modules of ours that a module imports, for types and inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(known[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            parts = {f"{module}.{alias.name}" for alias in node.names}
            # From a package: its modules by name, or itself for what it re-exports.
            found |= {part if part in known else module for part in parts}
    return {other for other in found if other in known and other != name}


def room(module: str) -> str:
    parts = module.split(".")[1:]
    return ".".join(parts[: 2 if parts[0] == "nn" else 1])


def test_folders_import_what_stands_above_them():
    known = modules()
    level: dict[str, int] = {}
    for i, line in enumerate(ORDER.split("\n")):
        level |= dict.fromkeys(line.split(), i)
    wrong = []
    for name in known.keys() - {"bench", "bench.__main__", "bench.nn"}:
        for other in imports(name, known) - {"bench", "bench.nn"}:
            mine, theirs = room(name), room(other)
            if mine != theirs and level[theirs] >= level[mine]:
                wrong.append(f"{name} imports {other}")
    assert wrong == []


def test_no_circle_of_modules():
    known = modules()
    left = {name: imports(name, known) - {"bench"} for name in known}
    # A package's own front imports its modules, and they may not look back through it.
    while left:
        free = {name for name, wanted in left.items() if not wanted & left.keys()}
        assert free, f"a circle among {sorted(left)}"
        left = {name: wanted for name, wanted in left.items() if name not in free}


def test_no_file_is_above_three_hundred_lines():
    files = [p for folder in FOLDERS for p in (ROOT / folder).rglob("*.py")]
    assert [str(p) for p in files if p.read_text().count("\n") > 300] == []


def test_a_file_name_stands_for_one_module():
    counts = Counter(path.name for path in modules().values())
    assert {name for name, n in counts.items() if n > 1} == {"__init__.py"}
