"""Which table and figure of the papers stands where: a section of results/README.md.

`python tests/papers_listed.py` writes it anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bench import ROOT, registry
from bench.plan import experiment, published
from bench.plan.published import Published
from bench.render.wording import DASH
from bench.report import reference

README = ROOT / "results" / "README.md"
BEGIN, END = "<!-- papers: python tests/papers_listed.py -->\n", "<!-- /papers -->\n"
SETTINGS = {
    ("ccn", "3"): ("ccn data", "ccn-imagenet data", "ccn-office31 data"),
    ("ccn", "4"): ("ccn losses",),
}
"""Tables of words, which print no number."""
FIGURES = {
    ("ccn", "8"): ("diagnosis noisy-pairs",),
    ("discovery", "1"): ("discovery-imagenet figure1", "discovery outputs-images"),
    ("discovery", "6"): ("diagnosis noisy-pairs",),
    ("discovery", "8"): ("discovery-imagenet figure8", "discovery outputs"),
    ("discovery", "9"): ("discovery-imagenet figure9", "discovery outputs-images"),
    ("supreme", "4"): ("supreme embedding", "supreme embedding-cifar10"),
    ("supreme", "5"): (
        "supreme-readings supervisions", "supreme-readings temperature",
        "supreme-readings-cifar10 supervisions", "supreme-readings-cifar10 temperature",
    ),
    ("supreme", "6"): tuple(
        f"{one} {name}"
        for one in ("supreme-readings", "supreme-readings-cifar10")
        for name in ("balance", "binary", "multi-task")
    ),
    ("sela", "A.1"): ("sela figureA1", "sela figureA1-labels"),
    **{("sela", f"A.{i}"): (f"sela figureA{i}",) for i in range(2, 9)},
    ("tsp", "1"): ("tsp label-consistency", "tsp-local label-consistency"),
    ("tsp", "2"): ("tsp figure2", "tsp-local figure2"),
    ("tsp", "4"): ("tsp figure4", "tsp figure4b"),
    ("tsp", "5"): ("tsp figure4", "tsp figure5"),
    ("tsp", "6"): ("tsp-local figure6",),
    ("tsp", "7"): ("tsp figure7", "tsp-local figure7"),
}  # fmt: skip
"""Those that show results; the others are diagrams."""


@dataclass
class Found:
    """What there is of one printed table."""

    places: dict[str, None] = field(default_factory=dict)
    numbers: set[Published] = field(default_factory=set)
    possible: set[Published] = field(default_factory=set)
    measured: set[Published] = field(default_factory=set)


def tables() -> dict[tuple[str, str], Found]:
    """Paper and table -> what shows its numbers; those of the running text under their section."""
    found: dict[tuple[str, str], Found] = {}
    for one in map(experiment.load, experiment.names()):
        known = {key[:4] + key[5:] for key in reference.read(reference.path_of(one, "quick"))}
        for table in one.table:
            for row in table.row:
                for column in table.column:
                    part = one.entry(table, row, column)
                    where = f"{one.name} {table.name}"
                    printed = part.published and published.find(
                        part.published, metric=part.metric, where=where
                    )
                    if printed:
                        mine = found.setdefault((printed.paper, printed.table), Found())
                        mine.places[where] = None
                        mine.numbers.add(printed)
                        key = (table.name, part.group, part.label, column.label, part.metric)
                        mine.possible |= {printed} if part.method else set()
                        mine.measured |= {printed} if key in known else set()
    return found


def drawn() -> set[str]:
    """Every table and figure that there is, as "experiment name"."""
    loaded = map(experiment.load, experiment.names())
    return {
        f"{one.name} {name}"
        for one in loaded
        for name in (*(t.name for t in one.table), *(f.name for f in one.figure))
    }


def _order(key: tuple[str, str]) -> tuple[object, ...]:
    """Papers in the order of the README; tables by number, those of appendices last."""
    paper, name = key
    papers = ("ccn", "discovery", "supreme", "sela", "tsp")
    numbers = tuple(int(n) for n in re.findall(r"\d+", name))
    return papers.index(paper), name.startswith("sec"), not name[0].isdigit(), numbers


def listed() -> str:
    """The section."""
    lines = [
        'Printed numbers; of these in a row that a method here can fill ("possible": the others '
        "are published alone); of these measured in the quick preset's reference.",
        "",
        "| paper | table | printed | possible | measured | shown in |",
        "|---|---|---|---|---|---|",
    ]
    found = tables()
    for key in sorted([*found, *SETTINGS], key=_order):
        mine = found.get(key, Found(dict.fromkeys(SETTINGS.get(key, ()))))
        sizes = (mine.numbers, mine.possible, mine.measured)
        counts = [str(len(some)) for some in sizes] if mine.numbers else ["words", DASH, DASH]
        lines.append("| " + " | ".join([*key, *counts, _places(mine.places)]) + " |")
    lines += ["", "| paper | figure | drawn by |", "|---|---|---|"]
    for key in sorted(FIGURES, key=_order):
        lines.append("| " + " | ".join([*key, _places(FIGURES[key])]) + " |")
    return "\n".join(lines) + "\n"


def _places(names: dict[str, None] | tuple[str, ...]) -> str:
    """Names by experiment: "`ccn` omniglot, alphabets"."""
    by_experiment: dict[str, list[str]] = {}
    for name in names:
        one, _, part = name.partition(" ")
        by_experiment.setdefault(one, []).append(part)
    return "; ".join(f"`{one}` {', '.join(parts)}" for one, parts in by_experiment.items())


def main() -> None:
    """Write the section anew."""
    registry.load()
    text = README.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    README.write_text(before + BEGIN + listed() + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
