"""Finds methods: every module in `methods/`, `baselines/` and the folders given by `--plugins`.

The folders are imported as `bench_methods`, `bench_baselines`, … so that packages of those common
names in a user's environment neither shadow ours nor are shadowed.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import os
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from bench import SHIPPED, declared
from bench.errors import BenchError, unknown
from bench.tasks import Dtype, Kind, Method
from bench.typed import checked

Class = TypeVar("Class", bound=type)
CONTRACT = tuple(name for name in vars(Method) if not name.startswith("_"))
"""What a method may define: `fit`, and what the harness asks of all."""
_ALIKE = 0.8
"""From this similarity of two names on, one is taken for a slip of the other."""
PLUGINS = "BENCH_PLUGINS"
"""Environment variable: plugin folders, parted like a path, for processes that no flag reaches."""


@dataclass(frozen=True)
class MethodInfo:
    """A registered method."""

    name: str
    cls: type[Any]
    kinds: tuple[Kind, ...]
    quick: Mapping[str, Any]
    """Parameters that the quick preset sets in place of the paper's."""
    uses_target_labels: bool
    """An oracle: it is given the labels, marked in every table and left out of rankings."""
    artifact: bool
    """Its output serves other cells and is not scored."""
    neutral: Mapping[str, Any] = field(default_factory=dict)
    """Parameter -> the value that left results as they were before the parameter existed; it is
    kept out of the key, so that cells measured earlier stay valid."""
    alias_of: str = ""
    """The name that this one stands beside; "" for a method's first name."""
    dtypes: tuple[Dtype, ...] = ("float32",)
    """What its networks may compute in: a type beside float32 when it costs no accuracy."""

    @property
    def module(self) -> str:
        """The module that defines it, such as `bench_baselines.kmeans`."""
        return self.cls.__module__

    @cached_property
    def _hints(self) -> dict[str, Any]:
        try:
            return get_type_hints(self.cls)
        except Exception as error:
            raise BenchError(
                f"method '{self.name}' in {self.module}: the type of a parameter cannot be read: "
                f"{error}"
            ) from error

    @property
    def summary(self) -> str:
        """The first line of its docstring, behind the name that it is an alias of."""
        first = (self.cls.__doc__ or "").strip().split("\n", 1)[0]
        return f"Alias of {self.alias_of}: {first}" if self.alias_of else first

    def params(
        self, preset: str, overrides: Mapping[str, Any], *, where: str = ""
    ) -> dict[str, Any]:
        """All parameters: the paper's defaults, then the quick preset's, then the overrides.

        Raises:
            BenchError: an unknown parameter or a value of another type.
        """
        fields = {f.name: f for f in dataclasses.fields(self.cls)}
        values = {name: f.default for name, f in fields.items()}
        values |= dict(self.quick) if preset == "quick" else {}
        for key, value in overrides.items():
            if key not in fields:
                raise unknown(f"parameter of {self.name}", key, fields, where=where)
            name = f"{self.name}.{key}"
            at = f"{where}: {name}" if where else name
            values[key] = checked(self._hints[key], value, at)
            declared.refuse_out_of_range(key, values[key], at)
        return values

    def build(self, params: Mapping[str, Any], *, where: str = "") -> Method:
        """The method itself; raises BenchError when its own checks refuse the values."""
        try:
            built: Method = self.cls(**params)
            return built
        except Exception as error:
            prefix = f"{where}: " if where else ""
            raise BenchError(f"{prefix}method '{self.name}': {error}") from error


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
            field, `quick` or `neutral` names no field, a type is unknown, or one of its functions
            is called almost like one of `bench.tasks.Method`'s.
    """

    def register(cls: Class) -> Class:
        info = MethodInfo(
            name,
            cls,
            tuple(kinds),
            dict(quick or {}),
            uses_target_labels,
            artifact,
            dict(neutral or {}),
            dtypes=tuple(dtypes),
        )
        for one in (info, *(replace(info, name=other, alias_of=name) for other in aliases)):
            _refuse_unfit(one)
            _methods[one.name] = one
        for member in CONTRACT:
            if not hasattr(cls, member):
                setattr(cls, member, vars(Method)[member])
        return cls

    return register


def _refuse_unfit(info: MethodInfo) -> None:
    """Say at import what would otherwise go wrong in a worker."""
    where, cls = f"method {info.name!r:.120} in {info.module}", info.cls
    declared.refuse_name(info.name, where)
    taken = _methods.get(info.name)
    # The same class again is a module that was imported again.
    if taken is not None and _place(taken.cls) != _place(cls):
        raise BenchError(f"{where}: the name is taken by {'.'.join(_place(taken.cls))}")
    if not dataclasses.is_dataclass(cls) or not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise BenchError(f"{where}: must be a @dataclass(frozen=True) of its parameters")
    declared.refuse_fields(cls, (*info.quick, *info.neutral), where)
    fit = getattr(cls, "fit", None)
    if not callable(fit) or fit is Method.fit:
        raise BenchError(f"{where}: has no fit(task, run)")
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


def load(plugins: Iterable[Path] = ()) -> dict[str, MethodInfo]:
    """Import every module of the method folders, once, and return all methods by name.

    Raises:
        BenchError: a folder does not exist, or a module in it cannot be imported.
    """
    for name in ("probe", "finetune"):  # the harness's own measuring cells
        importlib.import_module(f"bench.score.{name}")
    shipped = (SHIPPED / "methods", SHIPPED / "baselines")
    for folder in (*shipped, *(Path(p).resolve() for p in plugins)):
        if folder not in _loaded:
            if not folder.is_dir():
                raise BenchError(f"plugin folder {folder} does not exist")
            for path in sorted(folder.glob("[!_]*.py")):
                if folder in shipped:
                    import_from(folder, path.stem)
                else:
                    _import_plugin(folder, path.stem)
            _loaded.add(folder)
    return _methods


def _import_plugin(folder: Path, stem: str) -> None:
    """Import a module of a plug-in; raises a BenchError where it takes a network's name."""
    known: dict[str, type] = importlib.import_module("bench.nn.networks").known()
    before = dict(known)
    module = import_from(folder, stem)
    for name, cls in before.items():
        if _place(known[name]) != _place(cls):
            known[name] = cls
            del sys.modules[module.__name__]  # or it would pass the next time
            raise BenchError(
                f"{folder / stem}.py: network '{name}' is already {'.'.join(_place(cls))}: choose "
                "another name"
            )


def plugins_of_environment() -> list[Path]:
    """The plugin folders that `BENCH_PLUGINS` names."""
    return [Path(p) for p in os.environ.get(PLUGINS, "").split(os.pathsep) if p]


def package_of(folder: Path) -> str:
    """The name of the package that the modules of a method folder are imported in."""
    return f"bench_{folder.name.replace('.', '_')}"


def import_from(folder: Path, stem: str) -> types.ModuleType:
    """Import `folder/stem.py` as a submodule of the folder's private package.

    Raises:
        BenchError: the module raises when it is imported, or ends the process.
    """
    package = package_of(folder)
    known = sys.modules.get(package)
    if known is None:
        known = types.ModuleType(package, f"The modules in {folder}.")
        known.__path__ = [str(folder)]
        sys.modules[package] = known
    elif str(folder) not in known.__path__:
        known.__path__.append(str(folder))
    try:
        module = importlib.import_module(f"{package}.{stem}")
    except (BenchError, KeyboardInterrupt):
        raise
    except BaseException as error:  # sys.exit(), say
        said = f"{type(error).__name__}: {error}".strip(": ").replace("\n", " ")
        lacking = error.name or "" if isinstance(error, ModuleNotFoundError) else ""
        if lacking and (folder / f"{lacking}.py").is_file():
            said += f", and {lacking}.py lies beside it: write `from .{lacking} import …`"
        raise BenchError(f"{folder / stem}.py cannot be imported: {said}") from error
    if module.__file__ != str(folder / f"{stem}.py"):
        raise BenchError(
            f"{folder / stem}.py: folder and file are called like {module.__file__}; rename one"
        )
    return module


def get(name: str, *, where: str = "") -> MethodInfo:
    """The method of this name.

    Raises:
        BenchError: nobody registered it; the message names the nearest one.
    """
    if name not in _methods:
        load()
    if name not in _methods:
        raise unknown("method", name, _methods, where=where)
    return _methods[name]
