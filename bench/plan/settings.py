"""What tables of settings say in words: the data of a task, the parameters of a method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench import registry
from bench.datasets import TaskSpec, get_task
from bench.datasets.task_specs import ROLES
from bench.errors import BenchError, unknown

if TYPE_CHECKING:
    from bench.plan.entry import Entry

NONE = "\N{EN DASH}"
_LISTED = 6
"""So many values are listed at most; of more, only their number is said."""


def tell(part: Entry, preset: str, *, where: str = "") -> str:
    """The words of an entry that names a fact.

    Args:
        part: Its `fact` is a role of its task, such as "auxiliary", or a public attribute of its
            method, such as a parameter.
        preset: Whose parameters and limits count.
        where: The file and table, for errors.

    Raises:
        BenchError: no task or method that it could be of, or the method has no such attribute.
    """
    if part.fact in ROLES:
        if len(part.all_tasks) != 1:
            raise BenchError(f"{where}: fact '{part.fact}' needs one task, from row or column")
        return _data(get_task(part.all_tasks[0], where=where), part.fact, preset)
    if not part.method:
        raise BenchError(f"{where}: fact '{part.fact}' needs a method, from row or column")
    info = registry.get(part.method, where=where)
    built = info.build(info.params(preset, part.params, where=where), where=where)
    known = [n for n in dir(built) if n[0] != "_" and not callable(getattr(built, n))]
    if part.fact not in known:
        raise unknown(f"role or attribute of {part.method}", part.fact, known, where=where)
    return _words(getattr(built, part.fact))


def _data(task: TaskSpec, role: str, preset: str) -> str:
    """A part of a dataset, such as "omniglot evaluation, alphabet Angelic"."""
    part = task.parts().get(role)
    if part is None:
        return NONE
    words = [f"{part.dataset} {part.split}" if part.split else part.dataset]
    for column, values in part.where.items():
        listed = ", ".join(map(str, values))
        words.append(
            f"{column} {listed}" if len(values) <= _LISTED else f"{len(values)} of {column}"
        )
    if part.keep:
        words.append(f"{len(part.keep)} classes thinned out")
    if part.half is not None:
        words.append(f"half {part.half + 1} of 2")
    if part.versions > 1:
        words.append(f"each in {part.versions} versions")
    if preset == "quick" and role in task.quick:
        words.append(f"at most {task.quick[role]:,} images")
    return ", ".join(words)


def _words(value: Any) -> str:
    """A parameter as one would write it."""
    if value is None or value == ():
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(_words, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
