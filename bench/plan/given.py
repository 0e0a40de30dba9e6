"""Parameters that the command line sets, `METHOD.PARAM=VALUE`, and what they change."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench import registry
from bench.errors import BenchError
from bench.plan.experiment import Experiment, Preset
from bench.plan.planned import Options, Plan
from bench.plan.slot import Slot
from bench.typed import parsed

Given = Mapping[str, Mapping[str, Any]]
"""Method -> parameter -> value."""


def read(texts: Iterable[str], flag: str) -> dict[str, dict[str, Any]]:
    """What the words of a flag set, each value of its parameter's type and in its range.

    Args:
        texts: Such as "kmeans.n_init=5"; a value is written as in TOML, text with or without
            quotation marks, None as "none".
        flag: For errors.

    Raises:
        BenchError: a word is of another form, a name is unknown, a value is of another type or
            out of range, or one parameter is set twice.
    """
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        method, param, value = parted(text, flag)
        if param in found.setdefault(method, {}):
            raise BenchError(f"{flag} {text}: {method}.{param} is set twice")
        found[method][param] = checked(method, param, value, flag)
    return found


def parted(text: str, flag: str) -> tuple[str, str, str]:
    """Method, parameter and value of "METHOD.PARAM=VALUE"; raises BenchError where it is not so."""
    name, equals, value = text.partition("=")
    method, dot, param = name.strip().rpartition(".")
    if not (equals and dot and method and param and value.strip()):
        value, such = ("V1,V2", "5,20") if flag == "sweep" else ("VALUE", "5")
        words = f"write METHOD.PARAM={value}, such as kmeans.n_init={such}"
        raise BenchError(f"{flag} {text}: {words}")
    return method, param, value.strip()


def checked(method: str, param: str, text: str, flag: str) -> Any:
    """A value as the parameter's annotation wants it; raises BenchError as `read`."""
    info = registry.get(method, where=flag)
    candidates: list[Any] = []
    with contextlib.suppress(ValueError):
        candidates.append(parsed(f"x = {text}")["x"])
    candidates += [text, *([None] if text == "none" else [])]
    refused: BenchError | None = None
    for candidate in candidates:
        try:
            return info.params("paper", {param: candidate}, where=flag)[param]
        except BenchError as error:
            refused = refused or error
    raise refused or BenchError(f"{flag}: {text} is no value")


def words(given: Given) -> tuple[str, ...]:
    """What was set, by name, such as "dec.batch_size=64"."""
    pairs = ((f"{method}.{param}", v) for method, own in given.items() for param, v in own.items())
    return tuple(f"{name}={word(value)}" for name, value in sorted(pairs, key=lambda pair: pair[0]))


def word(value: Any) -> str:
    """A value as one would write it, and no other value alike."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(word, value))}]"
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return repr(value) if isinstance(value, float) and float(short) != value else short


def toml(value: Any) -> str:
    """A value as TOML has it; None, which it lacks, is left out of tables.

    Raises:
        BenchError: None by itself or in a list.
    """
    if isinstance(value, Mapping):
        items = (f"{json.dumps(k)} = {toml(v)}" for k, v in value.items() if v is not None)
        return f"{{ {', '.join(items)} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml, value))}]"
    if value is None:
        raise BenchError("a TOML file cannot say none: leave that value out")
    return json.dumps(value) if isinstance(value, (str, bool)) else repr(value)


def narrow(plan: Plan, options: Options) -> None:
    """Leave in a plan the tables and figures that what was set changes, and their cells.

    One that varies such a parameter itself would say of each value what holds of one: it is left
    out, with a note.

    Raises:
        BenchError: none is left.
    """
    outputs: dict[tuple[str, str], list[Slot]] = {}
    for slot in plan.slots:
        outputs.setdefault((slot.experiment, slot.name), []).append(slot)
    by_name = {one.name: one for one in plan.experiments}
    kept: list[Slot] = []
    for (experiment, name), slots in outputs.items():
        used = plan.closure(key for slot in slots for key in slot.keys)
        if not plan.changed & {plan.cells[key].method for key in used}:
            continue
        if param := _varied(by_name[experiment], slots, options):
            plan.notes.append(f"{experiment} {name} varies {param} itself, and is left out")
        else:
            kept += slots
    if not kept:
        among = f" among --methods {','.join(options.methods)}" if options.methods else ""
        among += f" on --tasks {','.join(options.tasks)}" if options.tasks else ""
        none = f"no table or figure of {', '.join(by_name)} has that method{among}"
        why = "; ".join(plan.notes) or none
        raise BenchError(f"--set {' '.join(plan.given)}: {why}")
    for method, own in options.given.items():
        for name in sorted(name for name in own if (method, name) not in plan.altered):
            has = f"{method}.{name} is {word(own[name])} anyway"
            plan.notes.append(f"{has}: --set gives these numbers another name and no more")
    shown = {slot.experiment for slot in kept}
    plan.experiments = [one for one in plan.experiments if one.name in shown]
    plan.leave(kept)


def _varied(one: Experiment, slots: Sequence[Slot], options: Options) -> str:
    """A parameter in which alone two entries differ, of those that were set; "" without one."""
    own = one.preset.get(options.preset, Preset()).params
    seen: dict[str, dict[str, Any]] = {}
    for part in (slot.entry for slot in slots if slot.entry.runs):
        given = options.given.get(part.method)
        if not given:
            continue
        quick = part.quick if options.preset == "quick" else {}
        said = {**own.get(part.method, {}), **part.params, **quick}
        params = registry.get(part.method).params(options.preset, said)
        mine = {name: params.pop(name) for name in given}
        rest = (part.method, part.all_tasks, part.setting, part.metric, part.probe, part.tensor)
        known = seen.setdefault(repr((rest, params)), mine)
        for name, value in mine.items():
            if known[name] != value:
                return f"{part.method}.{name}"
    return ""
