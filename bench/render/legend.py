"""What stands around a table: its caption, which explains every mark, and its notes."""

from __future__ import annotations

from itertools import combinations

from bench.plural import many
from bench.render.wording import DELTA, MINUS, SEEDS, VERDICTS, usual_seeds
from bench.report.picture_types import ImagesView
from bench.report.ranking_types import CostView, RanksView
from bench.report.view_types import (
    ConfusionView,
    Drawing,
    EmbeddingView,
    FigureView,
    HeatmapView,
    Measured,
    TableView,
)

SPREAD = "± is the sample standard deviation (ddof 1) over seeds; "
BEST = (
    "best of its column by a paired t-test over shared seeds "
    "(Holm-corrected over the column, p < .05) where no ranked row lacks seeds."
)


def caption(view: TableView, best: str = "Bold") -> str:
    """The view's caption, its preset, and the meaning of every mark that the table shows."""
    parts = [sentence(view.caption), f"Preset: {view.preset}."]
    if view.told or view.alone:
        return " ".join(parts)
    if any(e.values for e in view.entries):
        parts.append(f"{SPREAD}n = {usual_seeds(view.entries)} unless shown.")
    if _ranked(view):
        parts.append(f"{best}: {BEST}")
    if any(e.judgement.difference is not None for e in view.entries):
        parts.append(f"{DELTA}: measured {MINUS} published.")
    parts += _verdict_legend(view)
    if any(e.states.get("stale") and e.values for e in view.entries):
        parts.append("†stale: the code has changed since.")
    if any(e.slot.oracle for e in view.entries):
        parts.append("(oracle): saw the target's labels, not ranked.")
    return " ".join(part for part in parts if part)


def figure_caption(view: Drawing) -> str:
    """The view's caption, its preset, and the meaning of every mark that the figure shows."""
    parts = [sentence(view.caption), f"Preset: {view.preset}."]
    if isinstance(view, HeatmapView):
        parts += _of_heatmap(view)
    elif isinstance(view, EmbeddingView):
        how = "UMAP" if view.by == "umap" else view.by
        pictured = any(cloud.pictures for cloud in view.panels)
        marks = (
            "each image at its place, where it finds room; frame"
            if pictured
            else "colour and marker"
        )
        parts.append(f"{how} of one cell's output; {marks}: true class.")
    elif isinstance(view, ImagesView):
        parts += [_of_images(view), "One seed."]
    elif isinstance(view, ConfusionView):
        parts.append(
            "Each field: percent of a class's images in a cluster; clusters stand below the class "
            "that they are matched to, those to spare last. Bars: the cluster's percent of all "
            "images. One seed."
        )
    elif isinstance(view, RanksView):
        parts += _of_ranks(view)
    elif isinstance(view, CostView):
        parts += _of_costs(view)
    else:
        parts += _of_curves(view)
    return " ".join(part for part in parts if part)


def _of_curves(view: FigureView) -> list[str]:
    """What bars, bands, lines and diamonds mean."""
    drawn = "Error bars" if view.kind == "bars" else "Bars and bands"
    parts = [f"{drawn}: {SPREAD}n = {SEEDS} unless shown."]
    if view.truth is not None:
        parts.append(f"Dashed: {sentence(view.truth_label)}")
    if any(curve.published for curve in view.curves):
        sign = "Diamonds" if view.kind == "bars" else "Hollow"
        source = f" ({view.published_source})" if view.published_source else ""
        parts.append(f"{sign}: published{source}.")
    return parts


def _of_ranks(view: RanksView) -> list[str]:
    """Over what, and how far ranks must differ."""
    over = f"{view.tasks}" if view.tasks == view.asked else f"{view.tasks} of {view.asked}"
    parts = [
        f"Mean rank over {over} tasks, on each by the mean over seeds; n = {SEEDS} unless shown."
    ]
    if view.difference is not None and view.p is not None:
        p = f"p = {view.p:.3f}" if view.p >= 0.001 else "p < .001"
        parts.append(
            f"Lines: half of Nemenyi's critical difference ({view.difference:.2f}, level .05) to "
            "each side; methods whose lines do not overlap differ, grey is the best one's. "
            f"Friedman's test of no difference, Iman and Davenport's form: {p}."
        )
    if view.left_out:
        parts.append(f"Left out, measured on less than half of them: {', '.join(view.left_out)}.")
    return parts


def _of_costs(view: CostView) -> list[str]:
    """What points and lines are."""
    parts = [
        f"Means over {many(view.tasks, 'task')} and seeds; vertical: {SPREAD}n = "
        f"{SEEDS} unless shown. Time is that of one core on a CPU, of the wall on a GPU; a line "
        "goes on to the time with all that is computed before it and shared, each counted whole "
        "(none where that was resumed)."
    ]
    if view.left_out:
        parts.append(f"Left out, not measured on every task: {', '.join(view.left_out)}.")
    return parts


def _of_images(view: ImagesView) -> str:
    """What rows, their labels and frames mean."""
    if view.show == "filters":
        return "Filters of the first convolution, each scaled by itself from black to white."
    frame = "frame (colour and dashes): true class."
    if view.show == "neighbours":
        return f"First column: queries; then the nearest by inner product, nearest first; {frame}"
    which = "of lowest entropy" if view.pick == "purest" else "drawn at random"
    tested = " and labels are of the images trained on, pictures of those tested on"
    return (
        f"Rows: images drawn at random from the clusters {which}; left: entropy of the true "
        f"classes in the cluster, nats; {f'clusters{tested}; ' if view.on else ''}{frame}"
    )


def _of_heatmap(view: HeatmapView) -> list[str]:
    """What its numbers and cut corners mean."""
    shown = (
        "Each field: the best of its restarts, the maximum over seeds, chosen after scoring with "
        "the labels"
        if view.best
        else "Each field: the mean over seeds"
    )
    parts = [f"{shown}; n = {SEEDS} unless shown."]
    fields = [(v, n, p) for p in view.panels for vs, ns in zip(p.value, p.n, strict=True)
              for v, n in zip(vs, ns, strict=True)]  # fmt: skip
    if any(value is not None and n < panel.planned for value, n, panel in fields):
        parts.append("White corner: fewer seeds than planned.")
    return parts


def sentence(text: str) -> str:
    """`text` with a full stop at its end."""
    text = text.strip()
    return text if not text or text[-1] in ".!?" else f"{text}."


def _ranked(view: TableView) -> bool:
    """Whether a paired test was possible: two methods of a whole column share two seeds."""
    by_column: dict[tuple[str, str], list[Measured]] = {}
    for e in view.entries:
        if not e.slot.oracle:
            by_column.setdefault(e.slot.head, []).append(e)
    whole = (group for group in by_column.values() if all(e.whole for e in group))
    pairs = (pair for group in whole for pair in combinations(group, 2))
    return any(e.best for e in view.entries) or any(
        len(a.values.keys() & b.values.keys()) > 1 for a, b in pairs
    )


def _verdict_legend(view: TableView) -> list[str]:
    """The letters used, with the reasons why numbers do not compare."""
    judged = [e.judgement for e in view.entries]
    used = {one.verdict for one in judged}
    words = [f"{letter} {verdict}" for verdict, letter in VERDICTS.items() if verdict in used]
    given = [one.reason for one in judged if one.verdict == "not comparable" and one.reason]
    because = "; ".join(dict.fromkeys(part for reason in given for part in reason.split("; ")))
    if because:
        words = [f"{w} ({because})" if w == "N not comparable" else w for w in words]
    return [f"Verdict: {', '.join(words)}."] if words else []


def notes(view: TableView) -> list[tuple[str, str]]:
    """What stands below the table: pairs of a letter ("" for none) and a text."""
    found = [(letter, sentence(text)) for text, letter in note_letters(view).items()]
    printed = [e.slot.published for e in view.entries]
    sources = dict.fromkeys(p.source for p in printed if p)
    if sources:
        found.append(("", f"Published: {'; '.join(sources)}."))
    failed = {
        (*e.slot.line, e.slot.column): f"{e.slot.entry.label}, {e.slot.column} "
        f"({e.states['failed']} of {len(e.slot.cells)})"
        for e in view.entries
        if e.values and e.states.get("failed")
    }
    if failed:
        found.append(("", f"Failed seeds, left out of the mean: {'; '.join(failed.values())}."))
    return found + [("", sentence(text)) for text in view.notes]


def note_letters(view: TableView) -> dict[str, str]:
    """A letter for each different note of a row or of a published number."""
    texts: dict[str, None] = {}
    for slot in (e.slot for e in view.entries):
        printed = slot.published.remark if slot.published else ""
        texts |= dict.fromkeys(text for text in (slot.entry.note, printed) if text)
    return {text: letter(i) for i, text in enumerate(texts)}


def letter(index: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    return (letter(index // 26 - 1) if index >= 26 else "") + chr(ord("a") + index % 26)
