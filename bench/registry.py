"""Finds methods: every module in `methods/`, `baselines/` and the folders given by `--plugins`.

A plug-in folder is imported whole, a module of ours when one of its methods is asked for: most of
them import torch and scikit-learn, which a plan of others need not wait for. The folders are
imported as `bench_methods`, `bench_baselines`, … so that packages of those common names in a user's
environment neither shadow ours nor are shadowed.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import os
import sys
import traceback
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, get_args

from bench import declared, shipped
from bench.errors import BenchError, unknown
from bench.files import aside
from bench.method_info import MethodInfo
from bench.tasks import Dtype, Kind, Method

Class = TypeVar("Class", bound=type)
CONTRACT = tuple(name for name in vars(Method) if not name.startswith("_"))
"""What a method may define: `fit`, and what the harness asks of all."""
_ALIKE = 0.8
"""From this similarity of two names on, one is taken for a slip of the other."""
PLUGINS = "BENCH_PLUGINS"
"""Environment variable: plugin folders, parted like a path, for processes that no flag reaches."""


_methods: dict[str, MethodInfo] = {}
_loaded: set[Path] = set()


def method(
    name: str,
    *,
    kinds: Iterable[Kind],
    quick: Mapping[str, Any] | None = None,
    uses_target_labels: bool = False,
    artifact: bool = False,
    neutral: Mapping[str, Any] | None = None,
    aliases: Iterable[str] = (),
    dtypes: Iterable[Dtype] = ("float32",),
) -> Callable[[Class], Class]:
    """Register a frozen dataclass of parameters with a `fit` under the name that tables use.

    What else `bench.tasks.Method` names the class may define; it is lent the defaults of what it
    neither defines nor inherits. An alias is another name that tables use for the same class. A
    cell keeps the name that it was asked by, since its key holds it: two names make two cells.

    Raises:
        BenchError: the name is taken, the class is no frozen dataclass with defaults for every
            field, `fit` takes other than a task and a run, `quick` or `neutral` names no field or
            has a value that it cannot be, a type is unknown, or one of its functions is called
            almost like one of `bench.tasks.Method`'s.
    """

    def register(cls: Class) -> Class:
        info = MethodInfo(
            name,
            cls,
            tuple(_listed(kinds)),
            dict(quick or {}),
            uses_target_labels,
            artifact,
            dict(neutral or {}),
            dtypes=tuple(_listed(dtypes)),
        )
        for one in (
            info,
            *(replace(info, name=other, alias_of=name) for other in _listed(aliases)),
        ):
            _refuse_unfit(one)
            _methods[one.name] = one
        for member in CONTRACT:
            if not hasattr(cls, member):
                setattr(cls, member, vars(Method)[member])
        return cls

    return register


def _listed(value: Any) -> Iterable[Any]:
    """What was given as a list, or the one thing that was given in place of it."""
    return [value] if isinstance(value, str | os.PathLike) else value


def _refuse_unfit(info: MethodInfo) -> None:
    """Say at import what would otherwise go wrong in a worker."""
    where, cls = f"method {info.name!r:.120} in {info.module}", info.cls
    declared.refuse_name(info.name, where)
    taken = _taken(info.name)
    # The same class again is a module that was imported again.
    if taken and taken != ".".join(_place(cls)):
        raise BenchError(f"{where}: the name is taken by {taken}")
    if not dataclasses.is_dataclass(cls) or not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise BenchError(f"{where}: must be a @dataclass(frozen=True) of its parameters")
    declared.refuse_fields(cls, (*info.quick, *info.neutral), where)
    fit = getattr(cls, "fit", None)
    if not callable(fit) or fit is Method.fit:
        raise BenchError(f"{where}: has no fit(task, run)")
    declared.refuse_signature(fit, where)
    for name, values in (("quick", info.quick), ("neutral", info.neutral)):
        info.refuse_values(values, f"{where}: {name}")
    own = (n for n in dir(cls) if n[0] != "_" and n not in CONTRACT and callable(getattr(cls, n)))
    for name in own:
        if near := difflib.get_close_matches(name, CONTRACT, n=1, cutoff=_ALIKE):
            raise BenchError(f"{where}: defines '{name}', which nobody calls: '{near[0]}' is meant")
    for what, named, known in (
        ("dtype", info.dtypes, get_args(Dtype)),
        ("task kind", info.kinds, get_args(Kind)),
    ):
        for one in named:
            if one not in known:
                raise unknown(what, one, known, where=where)


def _place(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__


def _taken(name: str) -> str:
    """The class that has this name, imported or not; "" where none has."""
    if name in _methods:
        return ".".join(_place(_methods[name].cls))
    one = shipped.methods().get(name)
    return f"{_module_of(one.file)}.{one.cls}" if one else ""


def _module_of(file: Path) -> str:
    """What a module of ours is imported as."""
    if file.parent in shipped.FOLDERS:
        return f"{package_of(file.parent)}.{file.stem}"
    return f"bench.score.{file.stem}"


def load(plugins: str | Path | Iterable[str | Path] = ()) -> dict[str, MethodInfo]:
    """Import every module of the method folders, once, and return all methods by name.

    Raises:
        BenchError: as `use`, or a module of ours cannot be imported.
    """
    for file in shipped.files():
        _import_shipped(file)
    use(plugins)
    return _methods


def use(plugins: str | Path | Iterable[str | Path]) -> None:
    """Import every module of a plug-in folder, or of several, once.

    Raises:
        BenchError: there is no such folder, or a module in it cannot be imported.
    """
    for folder in (Path(p).resolve() for p in _listed(plugins)):
        if folder not in _loaded:
            if not folder.is_dir():
                wrong = "is no folder" if folder.exists() else "does not exist"
                raise BenchError(f"plugin folder {folder} {wrong}")
            with aside():
                for path in sorted(folder.glob("[!_]*.py")):
                    _import_plugin(folder, path.stem)
            _loaded.add(folder)


def _import_shipped(file: Path) -> None:
    if file.parent in shipped.FOLDERS:
        import_from(file.parent, file.stem)
    else:
        importlib.import_module(_module_of(file))


def _import_plugin(folder: Path, stem: str) -> None:
    """Import a module of a plug-in.

    Raises:
        BenchError: names the file; as `import_from`, or it takes a network's name.
    """
    before = dict(_networks())
    try:
        module = import_from(folder, stem)
    except BenchError as error:
        file = str(folder / f"{stem}.py")
        error.args = error.args if file in str(error) else (f"{file}: {error}",)
        raise
    known = _networks()
    for name in [n for n, cls in known.items() if cls.__module__ == module.__name__]:
        mine, taken = known[name], before.get(name)
        if taken is None and name in shipped.networks():
            del known[name]
            taken = importlib.import_module("bench.nn.networks").get(name)
        if taken is not None and _place(taken) != _place(mine):
            known[name] = taken
            del sys.modules[module.__name__]  # or it would pass the next time
            raise BenchError(
                f"{folder / stem}.py: network '{name}' is already {'.'.join(_place(taken))}: "
                "choose another name"
            )
        known[name] = mine


def _networks() -> dict[str, type]:
    """Name -> network, of those that are imported."""
    base = sys.modules.get("bench.nn.networks.base")
    return base.KNOWN if base else {}


def plugins_of_environment() -> list[Path]:
    """The plugin folders that `BENCH_PLUGINS` names."""
    return [Path(p) for p in os.environ.get(PLUGINS, "").split(os.pathsep) if p]


def package_of(folder: Path) -> str:
    """The name of the package that the modules of a method folder are imported in."""
    return f"bench_{folder.name.replace('.', '_')}"


def _package(folder: Path) -> str:
    """The same, the package being there."""
    package = package_of(folder)
    known = sys.modules.get(package)
    if known is None:
        known = types.ModuleType(package, f"The modules in {folder}.")
        known.__path__ = [str(folder)]
        sys.modules[package] = known
    elif str(folder) not in known.__path__:
        known.__path__.append(str(folder))
    return package


# So that the text of a module can be found, imported or not (`bench.store.code`).
for _folder in shipped.FOLDERS:
    _package(_folder)


def import_from(folder: Path, stem: str) -> types.ModuleType:
    """Import `folder/stem.py` as a submodule of the folder's private package.

    Raises:
        BenchError: the module raises when it is imported, or ends the process.
    """
    package = _package(folder)
    try:
        module = importlib.import_module(f"{package}.{stem}")
    except (BenchError, KeyboardInterrupt):
        raise
    except BaseException as error:  # sys.exit(), say
        said = f"{type(error).__name__}: {error}".strip(": ").replace("\n", " ")
        lacking = error.name or "" if isinstance(error, ModuleNotFoundError) else ""
        if lacking and (folder / f"{lacking}.py").is_file():
            said += f", and {lacking}.py lies beside it: write `from .{lacking} import …`"
        for frame, line in [*traceback.walk_tb(error.__traceback__)][::-1]:
            if (file := Path(frame.f_code.co_filename)).parent == folder:
                said += f" ({file.name}, line {line})"  # as a SyntaxError says of itself
                break
        raise BenchError(f"{folder / stem}.py cannot be imported: {said}") from error
    if module.__file__ != str(folder / f"{stem}.py"):
        raise BenchError(
            f"{folder / stem}.py: folder and file are called like {module.__file__}; rename one"
        )
    return module


def known(name: str) -> bool:
    """Whether a method has this name, imported or not."""
    return name in _methods or name in shipped.methods()


def scored(name: str) -> bool:
    """Whether a method has this name and its output a score of its own; nothing is imported."""
    one = _methods.get(name) or shipped.methods().get(name)
    return one is not None and not one.artifact and name not in shipped.MEASURING


def get(name: str, *, where: str = "") -> MethodInfo:
    """The method of this name.

    Raises:
        BenchError: nobody registered it; the message names the nearest one.
    """
    if name not in _methods:
        one = shipped.methods().get(name)
        for file in [one.file] if one else shipped.unread():
            _import_shipped(file)
    if name not in _methods:
        raise unknown("method", name, {**_methods, **shipped.methods()}, where=where)
    return _methods[name]
