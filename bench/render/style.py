"""What the figures of all kinds share: colours, type, and how they say n."""

from __future__ import annotations

import textwrap
import zlib
from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes

from bench.render.wording import SEEDS

# Okabe and Ito's palette, which colour-blind readers can tell apart, without its yellow. Seven
# colours and eight markers: 56 curves before a pair of them comes again.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
METHODS = (
    "kmeans", "dec", "ccn", "mcl", "dtc", "supreme", "tsp", "kcl", "tsp-kmeans", "sela",
    "clusternet", "discovery", "supervised", "untrained",
)  # fmt: skip
"""Each has the colour of its place in every figure, the eighth that of the first again."""
LINES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))
"""Of the curves of one colour in a figure."""
HATCHES = ("", "////", "....", "xxxx")
"""The same of bars."""
MARKERS = ("o", "s", "^", "D", "v", "X", "P", "*")
FRAMES = (*COLOURS[:-1], "#999999")
"""Colours around pictures, without black, which would not be seen around dark ones."""
DASHES: tuple[Any, ...] = ("-", (0, (3, 1)), (0, (1, 1)))
"""Lines of frames: another for each seven classes."""
SCALE = "cividis"
"""matplotlib's name of the colours of a number: perceptually uniform, and the same to colour-blind
readers."""
ACROSS = 2
"""Panels of maps and of pictures side by side, at most."""
MISSING: dict[str, Any] = {
    "facecolor": "0.93",
    "edgecolor": "0.6",
    "hatch": "//////",
    "linewidth": 0,
}
FAILED: dict[str, Any] = {
    "facecolor": "0.93",
    "edgecolor": "0.6",
    "hatch": "xxxxxx",
    "linewidth": 0,
}
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "text.parse_math": False,
    "pdf.fonttype": 42,
}
LEGEND = {"frameon": False, "handlelength": 2.2, "columnspacing": 1.2, "labelspacing": 0.3}

_WORDS = 36
"""Letters of a line in a panel of a third of both columns."""

_LETTER = 0.062
"""Mean width of a letter of the legend, inches."""
_SIGN = 0.65
"""Width of its signs with the space around them, inches."""


def looks(methods: Iterable[str]) -> list[tuple[str, int]]:
    """The colour of each method's curve, and how many before it have the same."""
    found: list[tuple[str, int]] = []
    for i, method in enumerate(methods):
        colour = COLOURS[_place(method, i) % len(COLOURS)]
        found.append((colour, sum(other == colour for other, _ in found)))
    return found


def _place(method: str, index: int) -> int:
    """A method's place among the colours; a curve of none has that of its own."""
    if not method:
        return index
    return METHODS.index(method) if method in METHODS else zlib.crc32(method.encode())


def columns(labels: Iterable[str], width: float) -> int:
    """How many labels of a legend stand side by side in a figure of this width, inches."""
    longest = max((len(label) for label in labels), default=0)
    return max(int(width / (_SIGN + _LETTER * longest)), 1)


def counted(label: str, counts: Iterable[int], planned: int) -> str:
    """A label with its number of seeds where that is not ten or not the planned one.

    Args:
        label: Of a curve or panel.
        counts: The number of seeds behind each of its values; zeros are left out.
        planned: The number that was asked for.
    """
    known = {n for n in counts if n}
    # matplotlib leaves a label out of the legend that starts with an underscore.
    name = f" {label}" if label.startswith("_") else label
    if not known:
        return f"{name} (not measured)"
    low, high = min(known), max(known)
    n = f"{low}" if low == high else f"{low}\N{EN DASH}{high}"
    if low < planned:
        return f"{name} (n={n}/{planned})"
    return name if low == high == SEEDS else f"{name} (n={n})"


def empty(axes: Axes, words: str) -> None:
    """Say why there is nothing to see."""
    axes.set(xticks=[], yticks=[])
    lines = textwrap.fill(words, _WORDS)
    axes.text(0.5, 0.5, lines, transform=axes.transAxes, ha="center", va="center")


def ticks(values: Iterable[float | str]) -> list[str]:
    """Labels of an axis whose values stand at equal distances."""
    return [value if isinstance(value, str) else f"{value:g}" for value in values]
