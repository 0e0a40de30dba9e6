"""Tables and figures as LaTeX fragments that need booktabs and graphicx, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, groupby, pairwise

from bench.files import safe
from bench.render import legend
from bench.render.escape import latex as escape
from bench.render.grid import LABEL, Column, Row, panels
from bench.render.place import COLUMN, by_experiment, inches, stem
from bench.render.wording import CellText
from bench.report.view_types import Drawing, TableView, lacks

WIDTH = 100
"""Characters of a panel: fits a text width of 5.5 inches in footnote size."""
NARROW = 60
"""A table of at most so many characters stays in one column of a two-column paper."""
LINES = 48
"""Lines of a page; a longer table goes on in another float."""

CLEARPAGE = r"\clearpage"
_SHAPES = {1: "l", 2: r"r@{\,}l", 4: r"rr@{\,}lr"}
"""By the columns of the tabular that one of ours takes: what stands after "@" parts the small type
from its number."""

_PREAMBLE = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\IfFileExists{lmodern.sty}{\usepackage[T1]{fontenc}\usepackage{lmodern}}{}
\usepackage[textwidth=5.5in,textheight=9in]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\graphicspath{{figures/}}
\begin{document}
"""


def latex(view: TableView) -> str:
    r"""A table as ``table`` environments with caption and label, pure ASCII; needs booktabs.

    A table too wide for a page is set as panels below each other, one too long goes on in
    further floats under the same number.
    """
    found = panels(view, WIDTH)
    environment = "table*" if any(panel.width > NARROW for panel in found) else "table"
    pages: list[list[str]] = [[]]
    used = 0
    for panel in found:
        for start in range(0, len(panel.rows), LINES):
            part = panel.rows[start : start + LINES]
            size = len(part) + len({row.group for row in part}) + 3
            if used and used + size > LINES:
                pages.append([])
                used = 0
            pages[-1].append(_tabular(panel.columns, part))
            used += size
    return "\n".join(_float(view, i, pages, environment) for i in range(len(pages)))


def _float(view: TableView, page: int, pages: list[list[str]], environment: str) -> str:
    """One floating page of the table; the last one carries the notes."""
    if page == 0:
        head = [rf"\caption{{{escape(legend.caption(view))}}}", rf"\label{{tab:{stem(view)}}}"]
    else:
        head = [r"\addtocounter{table}{-1}", r"\caption[]{(continued)}"]
    lines = [rf"\begin{{{environment}}}[tp]", r"\centering", *head]
    lines += [r"\smallskip\footnotesize", r"\setlength{\tabcolsep}{3pt}"]
    lines.append("\n\\par\\medskip\n".join(pages[page]))
    if page == len(pages) - 1:
        lines += _notes(view)
    return "\n".join([*lines, rf"\end{{{environment}}}", ""])


def _notes(view: TableView) -> list[str]:
    texts = [_mark(letter) + escape(text) for letter, text in legend.notes(view)]
    if not texts:
        return []
    body = "\\\\\n".join(texts)
    return [rf"\par\smallskip\parbox{{\linewidth}}{{\scriptsize\raggedright {body}}}"]


def _tabular(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """A panel; what follows a measured number in small type has a column of its own."""
    shape = "".join(_SHAPES[_span(c)] for c in columns)
    long = any(len(row.label) > LABEL for row in rows)
    first = r"p{2.2in}" if long else "l"
    lines = [rf"\begin{{tabular}}{{{first}{shape}}}", r"\toprule", *_head(columns), r"\midrule"]
    for index, (group, members) in enumerate(groupby(rows, key=lambda row: row.group)):
        if index:
            lines.append(r"\midrule")
        if group:
            span = 1 + sum(_span(c) for c in columns)
            lines.append(rf"\multicolumn{{{span}}}{{l}}{{{escape(group)}}} \\")
        lines += [_line(row, columns) for row in members]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _span(column: Column) -> int:
    """Columns of the tabular that a column of ours takes."""
    return 4 if column.published else 1 if column.told else 2


def _head(columns: Sequence[Column]) -> list[str]:
    """Up to three lines: the labels, the metrics, and what each cell holds."""
    labels = [(label, list(run)) for label, run in groupby(columns, key=lambda c: c.label)]
    if all(len(run) == 1 for _, run in labels):
        lines = [_spanning([(f"{c.label} {c.title}".strip(), _span(c)) for c in columns])]
    else:
        lines = [_spanning([(label, sum(map(_span, run))) for label, run in labels])]
        lines.append(_spanning([(c.title, _span(c)) for c in columns]))
    if any(c.published for c in columns):
        lines.append([" & ".join(["", *map(_small_heads, columns)]) + r" \\"])
    # The rule below the last line is the table's own.
    return [text for line in lines[:-1] for text in line] + lines[-1][:1]


def _spanning(heads: Sequence[tuple[str, int]]) -> list[str]:
    """A line of headings over several columns each, and the line of rules below them."""
    cells = [rf"\multicolumn{{{span}}}{{c}}{{{escape(text)}}}" for text, span in heads]
    ends = list(accumulate((span for _, span in heads), initial=1))
    rules = [rf"\cmidrule(lr){{{start + 1}-{end}}}" for start, end in pairwise(ends)]
    return [" & ".join(["", *cells]) + r" \\", " ".join(rules)]


def _small_heads(column: Column) -> str:
    measured = r"\multicolumn{2}{c}{\scriptsize measured}"
    if not column.published:
        return measured
    return rf"{{\scriptsize published}} & {measured} & \multicolumn{{1}}{{c}}{{$\Delta$}}"


def _line(row: Row, columns: Sequence[Column]) -> str:
    """A row; below a group's heading it is indented."""
    indent, space = r"\quad " if row.group else "", " " if row.label.small else ""
    parts = [indent + _styled(row.label) + space + _small(row.label) + _mark(row.label.mark)]
    for column, cells in zip(columns, row.cells, strict=True):
        for head, cell in zip(column.heads, cells, strict=True):
            # The letter hangs over, so that the numbers above and below it stay aligned.
            mark = rf"\rlap{{{_mark(cell.mark)}}}" if cell.mark else ""
            parts.append(_styled(cell) + mark)
            if head == "measured":
                parts.append(_small(cell))
    return " & ".join(parts) + r" \\"


def _styled(cell: CellText) -> str:
    text = escape(cell.text).replace(r" $\pm$ ", r"\,$\pm$\,")
    if cell.bold:
        text = rf"\textbf{{{text}}}"
    return rf"\textit{{{text}}}" if cell.italic else text


def _small(cell: CellText) -> str:
    return rf"{{\scriptsize {escape(cell.small)}}}" if cell.small else ""


def _mark(letter: str) -> str:
    return rf"\textsuperscript{{{letter}}}" if letter else ""


def figure(view: Drawing) -> str:
    """A ``figure`` environment around the drawn file, with caption and label; needs graphicx.

    What is wider than a column is set over both columns of a two-column paper. A figure that
    nothing was measured for is a line of text.
    """
    if why := lacks(view):
        words = f"Figure {view.experiment} {view.name}, not drawn ({why}): {view.caption}"
        return rf"\par\noindent {escape(legend.sentence(words))}\par" + "\n"
    caption, size = escape(legend.figure_caption(view)), f"{inches(view):g}in"  # as it was drawn
    name = "figure" if inches(view) <= COLUMN else "figure*"
    return "\n".join(
        [
            rf"\begin{{{name}}}[tp]",
            r"\centering",
            rf"\includegraphics[width=\ifdim\linewidth<{size}\linewidth\else{size}\fi]"
            rf"{{{stem(view)}.pdf}}",
            rf"\caption{{{caption}}}",
            rf"\label{{fig:{stem(view)}}}",
            rf"\end{{{name}}}",
            "",
        ]
    )


def document(views: Sequence[TableView | Drawing], others: Mapping[str, Sequence[str]]) -> str:
    """An article that inputs the fragments of all views from ``tables/`` and ``figures/``.

    Args:
        views: Those of whole experiments.
        others: Experiment -> the lines that input its fragments, of those without views here.
    """
    blocks = dict(others)
    for name, mine in by_experiment(views).items():
        blocks[safe(name)] = _inputs(mine)
    lines = [line for name in sorted(blocks) for line in (f"% {name}", *blocks[name])]
    return _PREAMBLE + "\n".join([*lines, r"\end{document}", ""])


def _inputs(views: Sequence[TableView | Drawing]) -> list[str]:
    """What inputs an experiment's fragments, a page each; figures not drawn share the last."""
    named = {
        f"\\input{{{'tables' if isinstance(view, TableView) else 'figures'}/{stem(view)}}}": view
        for view in views
    }
    listed = [x for x, view in named.items() if not isinstance(view, TableView) and lacks(view)]
    pages = [line for x in named if x not in listed for line in (x, CLEARPAGE)]
    return [*pages, *listed, CLEARPAGE] if listed else pages
