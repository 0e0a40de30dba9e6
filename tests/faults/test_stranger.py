"""A results folder from a stranger: inert in the console, on the page and in LaTeX."""

import contextlib
import json
import os
import re
import shutil
import signal

import pytest
from faults.sound import said

from bench.errors import BenchError
from bench.files import replace
from bench.render import article, pages, site
from bench.report import table_views
from bench.store import index, record, states
from bench.store.folders import LOG, PREDICTION, TRACEBACK, Store

SECRET = "the-secret-of-another-folder"
ESCAPES = "\x1b[2J\x1b]0;title\x07\x9b31m\u202egnp.exe\x7f\x00"
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"
TEX = r"\input{/etc/passwd}\write18{touch x}$$\catcode"
PATH = "../../../../outside/file"


def edited(folder, **changes):
    """A record with other content and a right checksum, since a stranger can make one."""
    path = folder / "record.json"
    content = json.loads(path.read_text()) | changes
    content["checksum"] = record._checksum(content)
    path.write_text(json.dumps(content))


def failed(text):
    return lambda s, f, o: edited(f, state="failed", failure="exception", message=text, metrics={})


def field(**changes):
    return lambda s, f, o: edited(f, **changes)


def raw(text):
    return lambda s, f, o: (f / "record.json").write_text(text)


def linked(name):
    """A file of the cell that is a link to one outside."""

    def change(results, folder, outside):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(outside / "file")

    return change


def linked_folder(depth):
    """The cell's folder, or one above, that is a link to a copy outside."""

    def change(results, folder, outside):
        place = [folder, *folder.parents][depth]
        shutil.move(place, outside / place.name)
        place.symlink_to(outside / place.name)

    return change


def linked_place(name):
    def change(results, folder, outside):
        shutil.rmtree(results / name, ignore_errors=True)
        (results / name).symlink_to(outside)

    return change


def named_folder(name):
    return lambda s, f, o: (f.parents[1] / name / "m" / f"seed0-{name[:3]}").mkdir(parents=True)


def forged(results, folder, outside):
    """An index of a right checksum that tells of a folder outside, in a hostile name."""
    one = record.read(folder)
    lines = [
        index.line(f, (1, 1), one)
        for f in (f"../../outside/seed0-{one.key}", f"{ESCAPES}-{one.key}")
    ]
    (results / "runs" / "index.jsonl").write_text("\n".join(lines))


def deep(results, folder, outside):
    (folder / "curves.json").write_text('{"logged": ' + "[" * 200_000)


def big_log(results, folder, outside):
    (folder / LOG).write_bytes(b"\x1b[31m" * 2_000_000)


def pipe(results, folder, outside):
    os.mkfifo(folder / LOG)


CELL = {"task": PATH, "method": PATH, "seed": 0, "preset": "quick"}
NUMBER = '{"key": "k", "cell": {}, "state": "done", "group": %s}'
HOSTILE = {
    "escapes in a message": failed(ESCAPES),
    "script in a message": failed(SCRIPT),
    "LaTeX in a message": failed(TEX),
    "lines in a message": failed("one\nwrote  /etc/passwd\r\x1b[1A"),
    "escapes in a log": lambda s, f, o: (f / LOG).write_text(ESCAPES),
    "escapes in a traceback": lambda s, f, o: (f / TRACEBACK).write_text(ESCAPES + SCRIPT),
    "escapes in the hardware": field(hardware=ESCAPES),
    "script in the hardware": field(hardware=SCRIPT),
    "LaTeX in the versions": field(versions={"torch": TEX, SCRIPT: ESCAPES}),
    "a metric's name": field(metrics={ESCAPES + SCRIPT + TEX: 0.5, "ACC": 0.5}),
    "escapes in a key": field(key=ESCAPES),
    "a path for a key": field(key=PATH),
    "a path for a method": field(cell=CELL, key=PATH),
    "a path for an output": field(output=PATH, arrays=PATH),
    "no cell": field(cell={}),
    "a list as method": field(cell={**CELL, "method": ["kmeans"]}),
    "an integer of 401 digits": raw(NUMBER % ("1" + "0" * 400)),
    "an integer of 9999 digits": raw(NUMBER % ("1" + "0" * 9998)),
    "a metric of 1e300": field(metrics={"ACC": 0.5, "NDC": 1e300}),
    "a bool as metric": field(metrics={"ACC": True}),
    "an infinite time": field(wall_seconds=float("inf")),
    "group 0": field(group=0),
    "nested versions": field(versions={"torch": {"a": ["b"]}}),
    "a deep record": raw('{"key": "k", "state": "done", "cell": ' + "[" * 200_000),
    "deep curves": deep,
    "a forged index": forged,
    "a folder called like an escape": named_folder("\x1b[31mred"),
    "a folder called like lines": named_folder("one\nnote: two"),
    "a huge log": big_log,
    "a pipe for a log": pipe,
    "a linked record": linked("record.json"),
    "a linked log": linked(LOG),
    "a linked traceback": linked(TRACEBACK),
    "a linked prediction": linked(PREDICTION),
    "a linked cell": linked_folder(0),
    "a linked method": linked_folder(1),
    "a linked task": linked_folder(2),
    "a linked store": linked_folder(3),
}  # fmt: skip
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def snapshot(folder):
    return {
        str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"")
        for p in sorted(folder.rglob("*"))
    }


@pytest.fixture
def stranger(sound, tmp_path):
    """A copy of the results to make hostile, its first cell, and a folder outside."""
    results, outside = tmp_path / "results", tmp_path / "outside"
    shutil.copytree(sound.root / "results", results)
    outside.mkdir()
    (outside / "file").write_text(SECRET)
    return results, results / "runs" / sound.folders[0], outside


def assert_inert_pages(found, store, tables, figures, folder):
    """All text is escaped in pages; in data of cells it is JSON, which no page takes for markup."""
    shared = pages.Site("results/", figures=True, compared=False)
    report = site.Report(
        [pages.Part(found, tables, ())], "results/", damaged=[*store.damaged.values()]
    )
    texts = {p.name: p.read_text() for p in site.write(report, folder) if p.parent.name != "static"}
    texts["figures.html"] = pages.figures(shared, figures)
    for name, text in texts.items():
        assert not UNPRINTABLE.search(text), name
        assert SECRET not in text, name
        if name.endswith(".html"):
            assert "<script>" not in text, name
            assert "<img src=x" not in text, name
        else:
            json.loads(text[text.index(",\n") + 2 : -3])


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_it_is_inert(sound, stranger, change):
    results, folder, outside = stranger
    change(results, folder, outside)
    before = snapshot(outside)
    signal.alarm(60)  # a hang ends the tests
    texts = {}
    for words in (["status"], ["status", "--failed"], ["status", "--json"], ["check"],
                  ["check", "--format", "markdown"], ["check", "--format", "junit"],
                  ["pack", results.parent / "new.zip"], ["rescore", "--anew"],
                  ["export"]):  # fmt: skip
        where = ["--results", results]
        texts[" ".join(map(str, words))] = said(*words, sound.toml, *where)[1]
    texts["show"] = said("show", folder.name.rpartition("-")[2], "--results", results)[1]
    signal.alarm(0)
    for name, text in texts.items():
        assert not UNPRINTABLE.search(text), name
        assert "Traceback" not in text, name
        assert SECRET not in text, name
    with contextlib.suppress(BenchError):  # the whole store is a link: nothing is drawn
        store = Store(results, read_only=True)
        found = states.read(sound.plan, store)
        tables, figures = table_views.views(found)
        text = article.document([*tables, *figures], {})
        assert_inert_pages(found, store, tables, figures, results.parent / "pages")
        assert not UNPRINTABLE.search(text)
        assert "input{/etc" not in text
        assert "write18" not in text
    assert snapshot(outside) == before
    assert SECRET.encode() not in b"".join(p.read_bytes() for p in results.parent.glob("new.zip"))


@pytest.mark.parametrize(
    ("verb", "name"),
    [("render", "tables"), ("render", "figures"), ("render", "runs"), ("report", "report"),
     ("report", "report/cells"), ("report", "runs")],
)  # fmt: skip
def test_nothing_is_written_through_a_link(sound, stranger, verb, name):
    results, _, outside = stranger
    (results / name).parent.mkdir(exist_ok=True)
    linked_place(name)(results, None, outside)
    before = snapshot(outside)
    status, text = said(verb, sound.toml, "--results", results)
    assert status == 2
    assert f"{name} is a link" in text, text
    assert snapshot(outside) == before


@pytest.mark.parametrize("place", ["work", "locks", "runs/tiny-cluster", "runs"])
def test_no_cell_is_computed_where_it_would_lie_elsewhere(sound, stranger, place):
    results, _, outside = stranger
    linked_place(place)(results, None, outside)
    with pytest.raises(BenchError, match="is a link"):
        Store(results).lock(next(iter(sound.plan.cells.values())))
    if "/" not in place:
        with pytest.raises(BenchError, match=f"{place} is a link"):
            Store(results).check_writable()


def test_a_link_in_the_place_of_an_output_is_replaced_not_followed(sound, stranger):
    results, _, outside = stranger
    (results / "all-quick.tex").symlink_to(outside / "file")
    (results / f".all-quick.tex.{os.getpid()}").symlink_to(outside / "file")
    replace(results / "all-quick.tex", b"ours")
    assert (results / "all-quick.tex").read_text() == "ours"
    assert (outside / "file").read_text() == SECRET
