"""The report: a folder of pages from the disk; in a real browser where there is one."""

import json
import re
from typing import Any

import pytest
from browser import AXE, Watched, launched
from figures import finish
from harness import bench, make_plan, places, write_experiment
from views import SITE, entry, view

from bench.files import replace
from bench.render import article, pages, site
from bench.render.command import Words
from bench.report import dossiers
from bench.store import states
from bench.store.folders import LOG, TRACEBACK, Store

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"
CURVES = {
    "logged": {"loss": [[i, 2.0 / (i + 1)] for i in range(500)], MARKUP: [[0, 1.0], [1, 2.0]]},
    "snapshots": {"step": [0, 10], "ACC": [0.5, 0.6]},
}
VALUES = {"centroids": 0.9, "carrier": 0.4}


def fill(toml, results, less=0.0):
    """Three seeds a row: centroids done, with curves; carrier's last one failed."""
    plan, store = make_plan(toml), Store(results)
    for slot in plan.slots:
        for seed, keys in slot.cells.items():
            cell = plan.cells[keys[0]]
            for _, needed in cell.needs:
                if store.read(plan.cells[needed]) is None:
                    finish(store, plan.cells[needed], {})
            failed = slot.entry.method == "carrier" and seed == 2
            value = VALUES[slot.entry.method] + seed / 100 - less
            finish(store, cell, {} if failed else {"ACC": value}, failed=failed,
                   curves=None if failed else CURVES)  # fmt: skip
            (store.folder(cell) / LOG).write_text(f"line\n{MARKUP}\n" * 40)
            if failed:
                (store.folder(cell) / TRACEBACK).write_text(f"Traceback\n{MARKUP}\n")
    return plan


def content(path):
    """The name and the data of one file of data."""
    name, data = re.fullmatch(r'bench\("([^"]+)",\n(.*)\);\n', path.read_text(), re.S).groups()
    return name, json.loads(data)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    rows: list[dict[str, Any]] = [
            {"method": "centroids", "label": f"centroids {MARKUP}"},
            {"method": "centroids", "label": "two", "params": {"iterations": 2}},
            {"method": "carrier", "group": "others"}]  # fmt: skip
    toml = write_experiment(folder / "mine.toml", "tiny/cluster", rows, n=3)
    plan = fill(toml, folder / "results")
    fill(toml, folder / "old", less=0.3)
    words = ["--against", folder / "old", "--output", folder / "pages"]
    assert bench("report", toml, *places(folder / "results"), *words) == 0
    return plan, toml, folder


def test_every_cell_can_be_read_and_every_file_is_listed(report):
    plan, _, folder = report
    pages = folder / "pages"
    cells: dict[str, Any] = {}
    for path in (pages / "cells").iterdir():
        name, found = content(path)
        assert name == f"cells/{path.stem}"
        assert all(key.startswith(path.stem) for key in found)
        cells |= found
    assert cells.keys() == plan.cells.keys()
    name, numbers = content(pages / "numbers" / "mine-t-quick.js")
    assert [one["seeds"][0][2] for one in numbers["numbers"]] == ["done", "done", "stale"]
    for i, one in enumerate(numbers["numbers"]):
        for _, _, state, keys in one["seeds"]:
            assert cells[keys[0]]["state"] == state
            assert [("mine-t-quick", i)] == [tuple(at[:2]) for at in cells[keys[0]]["numbers"]]
    there = {p.relative_to(pages).as_posix() for p in pages.rglob("*") if p.is_file()}
    assert there == {*json.loads((pages / "files.json").read_text()), "files.json"}


def test_a_cell_has_its_log_curves_and_commands(report):
    plan, _, folder = report
    files = (folder / "pages" / "cells").iterdir()
    cells = {key: one for path in files for key, one in content(path)[1].items()}
    slot = plan.slots[0]
    one = cells[slot.cells[1][0]]
    assert one["log"] == {"text": "\n".join(["line", MARKUP] * 15), "more": True}
    steps, values = one["traces"]["loss"]
    assert len(steps) == len(values) <= 201
    assert (steps[0], steps[-1], values[-1]) == (0, 499, 0.004)
    assert one["traces"]["ACC of snapshots"] == [[0, 10], [0.5, 0.6]]
    assert one["params"] == dict(plan.cells[one["key"]].params)
    where = "--results results --plugins plugins --plugins faulty"
    assert one["show"] == f"python -m bench show {one['key']} --results results"
    asked = "--methods centroids --tasks tiny/cluster --seed-list 1"
    assert one["run"] == f"python -m bench run mine.toml {asked} {where}"
    failed = cells[plan.slots[2].cells[2][0]]
    assert failed["state"] == "failed"
    assert " --seed-list 2 --retry-failed" in failed["run"]
    assert "Traceback" in failed["traceback"]["text"]
    needed = cells[failed["needs"][0][1]]
    assert "--methods carrier" in needed["run"]  # nobody asks for it by its own name
    assert str(folder) not in json.dumps(cells)
    front = (folder / "pages" / "index.html").read_text()
    assert f"<code>python -m bench status mine.toml --failed {where}</code>" in front


def test_the_front_counts_a_number_that_is_measured_in_two_ways_once_as_the_article_does(report):
    plan, _, folder = report
    results = states.read(plan, Store(folder / "results", read_only=True))
    source = "supreme table 1"
    one = entry("one", values=[0.7, 0.72], published=0.715, published_source=source,
                verdict="worse")  # fmt: skip
    two = entry("two", values=[0.7, 0.72], published=0.715, published_source=source,
                verdict="reproduced")  # fmt: skip
    tables = [view(one, two), view(entry(published=0.6, published_source=source), name="other")]
    text = pages.front(SITE, [pages.Part(results, tables, ())], Words(), [], [])
    (row,) = re.findall(r'<tr><th scope="row">supreme</th>.*?</tr>', text, re.S)
    assert re.findall(r">(\d+)</td>", row) == ["1", "0", "0", "0", "1", "2"]
    assert r"supreme & 2 & 1 & 0 & 0 & 0 & 1 \\" in article.document(tables, {})


def test_the_next_report_takes_away_what_it_lacks_and_nothing_else(report, tmp_path):
    _, toml, folder = report
    words = ["report", toml, *places(folder / "results"), "--output", tmp_path / "pages"]
    assert bench(*words, "--against", folder / "old") == 0
    (tmp_path / "pages" / "mine.txt").write_text("mine")
    listed = tmp_path / "pages" / "files.json"
    names = [
        "../mine",
        "tables/../../mine",
        "/etc/passwd",
        "mine.txt/",
        *json.loads(listed.read_text()),
    ]
    (tmp_path / "mine").write_text("mine")
    replace(listed, json.dumps(names).encode())
    assert bench(*words) == 0
    assert not (tmp_path / "pages" / "compare.html").exists()
    assert (
        (tmp_path / "mine").read_text() == (tmp_path / "pages" / "mine.txt").read_text() == "mine"
    )


def test_the_same_results_give_the_same_bytes(report, tmp_path):
    _, toml, folder = report
    words = ["report", toml, *places(folder / "results"), "--against", folder / "old"]
    assert bench(*words, "--output", tmp_path) == 0
    for path in (folder / "pages").rglob("*"):
        if path.is_file():
            assert (tmp_path / path.relative_to(folder / "pages")).read_bytes() == path.read_bytes()


def test_what_may_turn_the_direction_of_writing_is_shown_as_a_number():
    assert json.loads(site._json({"a\u202eb": ["\x1b[1m", "é\n", 1.5, None]})) == {
        "a\\u202eb": ["\\x1b[1m", "é\n", 1.5, None]
    }
    assert site._json({"a": "é"}) == '{"a":"é"}'


def test_every_cell_with_clusters_has_its_confusion_where_that_is_asked_for(sound):
    store = Store(sound.root / "results", read_only=True)
    results = states.read(sound.plan, store)
    assert not dossiers.matrices(results, [])
    found = dossiers.matrices(results, [], every=True)
    assert found.keys() == sound.plan.cells.keys()
    for key, one in found.items():
        told = dossiers.dossier(key, results, matrix=one)["matrix"]
        assert [sum(row) for row in told["percent"]] == pytest.approx([100] * 4, abs=0.3)
        # Of classes of one size the diagonal's mean is the accuracy.
        at = told["matched"].index
        rows = zip(told["classes"], told["percent"], strict=True)
        hit = [row[at(label)] for label, row in rows]
        assert len(hit) == 4
        assert sum(hit) / 400 == pytest.approx(results.records[key].metrics["ACC"], abs=0.05)


# In a browser.


@pytest.fixture(scope="module")
def browser():
    driver, found = launched()
    yield found
    found.close()
    driver.stop()


@pytest.fixture
def watched(browser, report):
    one = Watched(browser, report[2] / "pages")
    yield one
    one.page.close()
    assert one.wrong == []


def column(page, n):
    return page.locator(f"#list tbody tr:visible > :nth-child({n})").all_inner_texts()


def test_a_table_is_sorted_and_filtered_by_keyboard(watched):
    page = watched.open("tables/mine-t.html")
    head = page.get_by_role("button", name="Measured")
    head.focus()
    page.keyboard.press("Enter")
    first = column(page, 6)
    page.keyboard.press("Space")
    assert column(page, 6) == first[::-1]
    assert len(set(first)) == 2
    assert page.locator("th[aria-sort]").count() == 1
    page.get_by_label("Method").select_option("carrier")
    assert column(page, 4) == ["carrier"]
    assert page.get_by_role("status").inner_text() == "1 of 3 numbers"
    page.get_by_role("button", name="Show all").click()
    page.get_by_label("Text").fill("TWO")
    assert column(page, 1) == ["two"]
    # The address names what is shown.
    page = watched.open("tables/mine-t.html#method=carrier")
    assert column(page, 4) == ["carrier"]


def test_a_number_opens_its_cell_and_every_part_of_it_is_text(watched, report):
    plan = report[0]
    page = watched.open("index.html")
    page.get_by_role("link", name="t", exact=True).click()
    page.locator("table.paper a").first.click()
    page.locator("h2.cell-name").wait_for()
    assert "centroids on tiny/cluster, seed 0" in page.locator("h2.cell-name").inner_text()
    assert page.locator("table.seeds tbody tr").count() == 3
    assert page.locator("canvas").count() == 4  # the seeds and three curves
    assert MARKUP in page.get_by_role("group", name="Log").inner_text()
    assert page.locator("img").count() == 0
    page.get_by_role("link", name="seed 2").click()
    page.get_by_text("centroids on tiny/cluster, seed 2").wait_for()
    key = plan.slots[0].cells[2][0]
    page = watched.open(f"cell.html#{key}")
    page.get_by_role("heading", name="centroids on tiny/cluster, seed 2").wait_for()
    page.get_by_role("link", name="mine: t: centroids").click()
    page.locator("table.seeds").wait_for()


def test_a_failed_cell_is_found_from_the_front(watched):
    page = watched.open("index.html")
    page.get_by_role("group", name="Failed cells").get_by_role("link").click()
    assert page.get_by_role("group", name="Traceback").inner_text() == f"Traceback\n{MARKUP}"
    assert "--retry-failed" in page.get_by_role("group", name="Command").last.inner_text()


@pytest.mark.parametrize("end", ["../../secret/0", "0123", "mine-t-quick/99", "%3Cb%3E"])
def test_an_address_that_names_no_cell_says_so(browser, report, end):
    one = Watched(browser, report[2] / "pages")
    page = one.open(f"cell.html#{end}")
    assert page.get_by_role("alert").inner_text()
    assert page.locator("h1").inner_text() == "No such cell"
    page.close()
    assert one.wrong == []


def test_two_folders_stand_side_by_side(watched):
    page = watched.open("compare.html")
    assert column(page, 1)[:2] == ["moved", "moved"]
    assert column(page, 7)[1] == "61.00"
    page.get_by_label("Text").fill("two")
    page.get_by_role("link", name="91.00").click()
    page.get_by_role("heading", name="two, tiny: ACC").wait_for()
    page = watched.open("compare.html")
    page.get_by_label("Text").fill("others")
    assert [text.strip() for text in column(page, 4)] == ["others: carrier"]


@pytest.mark.skipif(not AXE, reason="set BENCH_AXE to axe.min.js of npm's axe-core")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_axe_finds_nothing_serious(browser, report, scheme, width):
    size = {"width": width, "height": 900}
    one = Watched(browser, report[2] / "pages", color_scheme=scheme, viewport=size, bypass_csp=True)
    for name in ("index.html", "tables/mine-t.html", "cell.html#mine-t-quick/0", "compare.html"):
        page = one.open(name)
        page.wait_for_timeout(300)
        page.add_script_tag(path=AXE)
        found = page.evaluate("axe.run().then(r => r.violations)")
        grave = [v for v in found if v["impact"] in ("serious", "critical")]
        assert not grave, (name, [(v["id"], v["nodes"][0]["html"][:200]) for v in grave])
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{name} is {wide} pixels wide"
    one.page.close()
