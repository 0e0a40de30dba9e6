"""A page of tables and figures an experiment, for a browser: no script, nothing from a network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from bench.files import safe
from bench.render import legend
from bench.render.grid import Column, Row, columns, rows
from bench.render.place import COLUMN, inches, stem
from bench.render.wording import CellText
from bench.report.view_types import Drawing, TableView, lacks

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
section { margin: 2.5rem 0 } div.wide { overflow-x: auto }
table { border-collapse: collapse; border-block: 2px solid; font-variant-numeric: tabular-nums }
th, td { padding: .15rem .7rem; text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
thead tr:last-child th, tr.group td { border-bottom: 1px solid #999 }
thead th { font-weight: 500; text-align: center }
tr.group td { font-weight: 600; padding-top: .6rem }
small { color: #666 }
figcaption, p.caption { max-width: 46rem }
img { max-width: 100%; width: 30rem } img.wide { width: 60rem }
"""


def page(views: Sequence[TableView | Drawing], preset: str) -> str:
    """The page of one experiment, which lies in `report/` beside `figures/`."""
    listed = [
        f"<li>{escape(v.name)} ({escape(lacks(v))}): {escape(legend.sentence(v.caption))}</li>"
        for v in views
        if not isinstance(v, TableView) and lacks(v)
    ]
    parts = _top(f"{views[0].experiment}, {preset} preset")
    parts.append(f'<p><a href="{safe(preset)}.html">All experiments</a></p>')
    for view in views:
        if isinstance(view, TableView):
            parts.append(_table(view))
        elif not lacks(view):
            parts.append(_figure(view))
    if listed:
        parts.append(f"<h2>Figures that are not drawn</h2><ul>{''.join(listed)}</ul>")
    return "\n".join(parts) + "\n"


def index(names: Sequence[str], preset: str, end: str) -> str:
    """The page that leads to those of the experiments, `NAME` + `end` beside it."""
    links = (f'<li><a href="{quote(name + end)}">{escape(name)}</a></li>' for name in names)
    return "\n".join([*_top(f"Results, {preset} preset"), "<ul>", *links, "</ul>"]) + "\n"


def _top(title: str) -> list[str]:
    return [
        "<!doctype html>",
        '<html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>bench: {escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f"<h1>{escape(title)}</h1>",
    ]


def _figure(view: Drawing) -> str:
    name, caption = stem(view), escape(legend.figure_caption(view))
    wide = ' class="wide"' if inches(view) > COLUMN else ""
    picture = f'<img{wide} src="../figures/{name}.png" alt="{escape(view.caption)}">'
    return (
        f'<section id="{name}"><figure>{picture}'
        f"<figcaption>{caption}</figcaption></figure></section>"
    )


def _table(view: TableView) -> str:
    every = columns(view)
    notes = [f"<sup>{letter}</sup>{escape(text)}" for letter, text in legend.notes(view)]
    return "\n".join(
        [
            f'<section id="{stem(view)}"><h2>{escape(view.experiment)}: {escape(view.name)}</h2>',
            f'<p class="caption">{escape(legend.caption(view))}</p>',
            '<div class="wide"><table>',
            _head(every),
            "<tbody>",
            *_body(rows(view, every), sum(len(c.heads) for c in every)),
            "</tbody></table></div>",
            f"<p><small>{'<br>'.join(notes)}</small></p></section>",
        ]
    )


def _head(every: Sequence[Column]) -> str:
    """Label and metric over what each cell holds."""
    titles = "".join(
        f'<th colspan="{len(c.heads)}">{escape(c.label)}<br>{escape(c.title)}</th>' for c in every
    )
    parts = "".join(f"<th>{escape(h)}</th>" for c in every for h in c.heads)
    return f"<thead><tr><th></th>{titles}</tr><tr><th></th>{parts}</tr></thead>"


def _body(lines: Sequence[Row], width: int) -> list[str]:
    found, group = [], ""
    for line in lines:
        if line.group != group and line.group:
            found.append(
                f'<tr class="group"><td colspan="{width + 1}">{escape(line.group)}</td></tr>'
            )
        group = line.group
        cells = [line.label, *(cell for cells in line.cells for cell in cells)]
        found.append(f"<tr>{''.join(f'<td>{_cell(c)}</td>' for c in cells)}</tr>")
    return found


def _cell(cell: CellText) -> str:
    text = escape(cell.text)
    text = f"<b>{text}</b>" if cell.bold else text
    text = f"<i>{text}</i>" if cell.italic else text
    text += f"<sup>{escape(cell.mark)}</sup>" if cell.mark else ""
    return f"{text} <small>{escape(cell.small)}</small>" if cell.small else text
