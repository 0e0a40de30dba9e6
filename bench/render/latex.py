"""Tables and figures as LaTeX fragments that need booktabs, graphicx and siunitx."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise

from bench.render import legend
from bench.render.escape import latex as escape
from bench.render.grid import LABEL, Column, Panel, Row, panels, printed_alone
from bench.render.place import COLUMN, inches, stem
from bench.render.wording import MINUS, CellText
from bench.report.view_types import Drawing, TableView, lacks

WIDTH = 100
"""Characters of a panel: fits a text width of 5.5 inches in footnote size."""
NARROW = 60
"""A table of at most so many characters stays in one column of a two-column paper."""
LINES = 58
"""Lines of a page with caption and notes; a longer table goes on in another float."""
_FEW = 3
"""Rows that go on in another float, at least."""
_LETTERS = 100
"""Of a line of the caption or of a note."""
_NUMBER = re.compile(rf"([+{MINUS}]?)(\d+)(?:\.(\d+))?(?: ± (\S+))?")

SETUP = r"\sisetup{detect-weight,retain-explicit-plus,table-align-text-post=false}"
"""What the columns of numbers need, in siunitx' second version and in its third alike."""


def latex(view: TableView) -> str:
    r"""A table as ``table`` environments with caption and label, pure ASCII.

    A table too wide for a page is set as panels below each other, one too long goes on in
    further floats under the same number. Where nothing was measured but something printed, the
    printed numbers stand alone, and a note says what became of the others.
    """
    view = printed_alone(view)
    found = panels(view, WIDTH)
    environment = "table*" if any(panel.width > NARROW for panel in found) else "table"
    notes = sum(_lines(text) for _, text in legend.notes(view))
    for room in (LINES, max(LINES - notes, LINES // 3)):
        pages, used = _pages(found, room, _lines(legend.caption(view)))
        if used + notes <= LINES:  # the notes stand on the last page
            break
    return "\n".join(_float(view, i, pages, environment) for i in range(len(pages)))


def _lines(text: str) -> int:
    """Lines of the page that a text takes, at most."""
    return 1 + len(text) // _LETTERS


def _pages(found: Sequence[Panel], room: int, used: int) -> tuple[list[list[str]], int]:
    """The tabulars of each float, and the lines that those of the last one take."""
    pages: list[list[str]] = [[]]
    for panel in found:
        start = 0
        while start < len(panel.rows):
            head = 4 + len({row.group for row in panel.rows[start:]})
            left = len(panel.rows) - start
            if pages[-1] and used + head + min(left, 10) > room:
                pages.append([])
                used = 0
            most = max(room - used - head, 10)
            size = left if left <= most else min(most, left - _FEW)
            part = panel.rows[start : start + size]
            pages[-1].append(fitting(tabular(panel.columns, part)))
            used += head + size
            start += size
    return pages, used


def _float(view: TableView, page: int, pages: list[list[str]], environment: str) -> str:
    """One floating page of the table; the last one carries the notes."""
    if page == 0:
        head = [rf"\caption{{{escape(legend.caption(view))}}}", rf"\label{{tab:{stem(view)}}}"]
    else:
        head = [r"\addtocounter{table}{-1}", r"\caption[]{(continued)}"]
    lines = [rf"\begin{{{environment}}}[htbp]", r"\centering", *head]
    lines += [r"\smallskip\footnotesize", r"\setlength{\tabcolsep}{3pt}" + SETUP]
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


def fitting(text: str) -> str:
    """A tabular, set smaller where it is wider than the line."""
    return (
        rf"\sbox0{{{text}}}\ifdim\wd0>\linewidth"
        r"\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi"
    )


@dataclass(frozen=True)
class _Part:
    """What one cell of ours takes in a tabular: a number, what is behind ±, and small type."""

    head: str
    numbers: str
    """Of siunitx' columns, such as "-2.1"; "" for words."""
    spread: int
    """Letters of the longest number behind ±; 0 where there is none."""
    small: bool

    @property
    def span(self) -> int:
        """Columns of the tabular."""
        return 1 + bool(self.spread) + self.small

    @property
    def spec(self) -> str:
        """Their specification; what stands after "@" parts them."""
        first = f"S[table-format={self.numbers}]" if self.numbers else _WORDS.get(self.head, "l")
        return first + r"@{\,}l" * bool(self.spread) + r"@{\,}l" * self.small

    def cells(self, cell: CellText) -> list[str]:
        """The cell in these columns."""
        # The letter hangs over, so that the numbers above and below it stay aligned.
        mark = rf"\rlap{{{_mark(cell.mark)}}}" if cell.mark else ""
        found = _NUMBER.fullmatch(cell.text)
        bold = r"\bfseries " if cell.bold else ""
        if not self.numbers:
            first = [_styled(cell) + mark]
        elif not found:
            span, text = 1 + bool(self.spread), _styled(cell) + mark
            first = [rf"\multicolumn{{{span}}}{{c}}{{{text}}}"] if text else [""] * span
        else:
            number, _, std = cell.text.replace(MINUS, "-").partition(" ± ")
            first = [bold + number + mark]
            if self.spread:
                first.append(rf"{bold}$\pm$\,{_padded(std, self.spread)}" if std else "")
        return first + [_small(cell)] * self.small


_WORDS = {"published": "r", "measured": "r", "verdict": "c"}


def _parts(column: Column, cells: Sequence[tuple[CellText, ...]]) -> list[_Part]:
    """The parts of a column, as its cells in every row need them."""
    found = []
    for i, head in enumerate(column.heads):
        mine = [row[i] for row in cells]
        numbers = [m for cell in mine if (m := _NUMBER.fullmatch(cell.text))]
        spread = max((len(m[4] or "") for m in numbers), default=0)
        found.append(_Part(head, _format(numbers), spread, any(cell.small for cell in mine)))
    return found


def _padded(number: str, letters: int) -> str:
    """A number with room before it, so that it ends where the longest one does."""
    lacking = "0" * (letters - len(number))
    return rf"\phantom{{{lacking}}}{number}" if lacking else number


def _format(numbers: Iterable[re.Match[str]]) -> str:
    """The digits that a column of numbers needs, for siunitx."""
    numbers = list(numbers)
    if not numbers:
        return ""
    sign = "-" if any(m[1] for m in numbers) else ""
    whole = max(len(m[2]) for m in numbers)
    return f"{sign}{whole}.{max(len(m[3] or '') for m in numbers)}"


def tabular(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """A panel as a bare tabular."""
    parts = [_parts(c, [row.cells[i] for row in rows]) for i, c in enumerate(columns)]
    spans = [sum(part.span for part in mine) for mine in parts]
    shape = "".join(part.spec for mine in parts for part in mine)
    first = r"p{2.2in}" if any(len(row.label) > LABEL for row in rows) else "l"
    lines = [rf"\begin{{tabular}}{{{first}{shape}}}", r"\toprule"]
    rooms = [_room(c, [row.cells[i] for row in rows]) for i, c in enumerate(columns)]
    lines += [*_head(columns, spans, rooms, parts), r"\midrule"]
    for index, (group, members) in enumerate(groupby(rows, key=lambda row: row.group)):
        if index:
            lines.append(r"\midrule")
        if group:
            lines.append(rf"\multicolumn{{{1 + sum(spans)}}}{{l}}{{{escape(group)}}} \\")
        lines += [_line(row, parts) for row in members]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _room(column: Column, cells: Sequence[tuple[CellText, ...]]) -> int:
    """Letters that the cells below a heading leave it."""
    if column.told:
        return len(column.label) + len(column.title)
    longest = [max((len(row[i]) for row in cells), default=0) for i in range(len(column.heads))]
    return sum(longest) + 2 * len(longest)


def _head(
    columns: Sequence[Column],
    spans: Sequence[int],
    rooms: Sequence[int],
    parts: Sequence[Sequence[_Part]],
) -> list[str]:
    """Up to three lines: the labels, the metrics (in one if there is room), what cells hold."""
    wide = list(zip(columns, spans, strict=True))
    labels = [(label, list(run)) for label, run in groupby(wide, key=lambda pair: pair[0].label)]
    lines = [_spanning([(label, sum(span for _, span in run)) for label, run in labels])]
    lines.append(_spanning([(c.title, span) for c, span in wide]))
    short = all(len(c.label) + len(c.title) <= room for c, room in zip(columns, rooms, strict=True))
    if short and all(len(run) == 1 for _, run in labels):
        lines = [_spanning([(f"{c.label} {c.title}".strip(), span) for c, span in wide])]
    if any(len(mine) > 1 for mine in parts):
        lines.append([" & ".join(["", *(_small_head(p) for mine in parts for p in mine)]) + r" \\"])
    # The rule below the last line is the table's own.
    return [text for line in lines[:-1] for text in line] + lines[-1][:1]


def _spanning(heads: Sequence[tuple[str, int]]) -> list[str]:
    """A line of headings over several columns each, and the line of rules below them."""
    cells = [rf"\multicolumn{{{span}}}{{c}}{{{escape(text)}}}" for text, span in heads]
    ends = list(accumulate((span for _, span in heads), initial=1))
    rules = [rf"\cmidrule(lr){{{start + 1}-{end}}}" for start, end in pairwise(ends)]
    return [" & ".join(["", *cells]) + r" \\", " ".join(rules)]


def _small_head(part: _Part) -> str:
    text = escape(part.head)
    return rf"\multicolumn{{{part.span}}}{{c}}{{\scriptsize {text}}}"


def _line(row: Row, parts: Sequence[Sequence[_Part]]) -> str:
    """A row; below a group's heading it is indented."""
    indent, space = r"\quad " if row.group else "", " " if row.label.small else ""
    cells = [indent + _styled(row.label) + space + _small(row.label) + _mark(row.label.mark)]
    for mine, line in zip(parts, row.cells, strict=True):
        for part, cell in zip(mine, line, strict=True):
            cells += part.cells(cell)
    return " & ".join(cells) + r" \\"


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
