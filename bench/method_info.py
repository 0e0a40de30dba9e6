"""What is known of a registered method: its class, its parameters, what it is for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, get_type_hints

from bench import declared
from bench.errors import BenchError, unknown
from bench.files import aside
from bench.tasks import Dtype, Kind, Method
from bench.typed import checked


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

    def refuse_values(self, values: Mapping[str, Any], where: str) -> None:
        """Raise a BenchError for a value that a parameter cannot have, as far as types are known.

        An annotation may name what its module defines below the class.
        """
        try:
            hints = self._hints
        except BenchError:
            return
        for key, value in values.items():
            checked(hints[key], value, f"{where}: {key}")
            declared.refuse_out_of_range(key, value, f"{where}: {key}")

    def build(self, params: Mapping[str, Any], *, where: str = "") -> Method:
        """The method itself; raises BenchError when its own checks refuse the values."""
        try:
            with aside():
                built: Method = self.cls(**params)
            return built
        except Exception as error:
            prefix = f"{where}: " if where else ""
            raise BenchError(f"{prefix}method '{self.name}': {error}") from error
