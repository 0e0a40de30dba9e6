"""Part of a thing never takes the place of the whole: tables, documents, and the best."""

import pytest
import torch
from figures import finish
from harness import bench, make_plan, outputs, places, write_experiment
from views import bars, curve, entry, view

from bench.plan import answers
from bench.plan.published import numbers
from bench.render import escape, latex, legend, tables
from bench.render.grid import Column
from bench.render.write import write, write_document
from bench.report import table_views
from bench.store import states
from bench.store.folders import Store


@pytest.fixture(scope="module")
def swept(tmp_path_factory, forkserver):
    folder = tmp_path_factory.mktemp("whole")
    rows = [{"method": "centroids"}, {"method": "carrier"}]
    tomls = [write_experiment(folder / f"{x}.toml", "tiny/cluster", rows, n=2) for x in "ab"]
    assert bench("run", *tomls, *places(folder / "results")) == 0
    return tomls, folder / "results"


@pytest.mark.parametrize("verb", ["render", "run"])
@pytest.mark.parametrize("flag", [["--methods", "carrier"], ["--seeds", "1"], []])
def test_a_part_is_chosen_and_the_whole_is_written(verb, flag, swept, capsys):
    (_, one), results = swept
    before = outputs(results)
    assert {"tables/a-t-quick.tex", "tables/b-t-quick.tex", "all-quick.tex"} <= before.keys()
    assert bench(verb, one, *places(results), *flag) == 0
    said = capsys.readouterr().out
    assert outputs(results) == before
    if verb == "render":
        assert ("centroids  " in said) == ("--methods" not in flag)
        assert "carrier  " in said


def test_a_device_that_is_not_here_replaces_no_table(swept, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(answers, "device_lacks", answers.device_lacks.__wrapped__)
    (_, one), results = swept
    before = outputs(results)
    assert bench("run", one, *places(results), "--device", "cuda") == 3
    assert "tables stay as they are" in capsys.readouterr().out
    assert outputs(results) == before


def test_commands_to_copy_name_what_this_one_was_given(swept, capsys):
    (_, one), results = swept
    assert bench("run", one, *places(results)) == 0
    flags = " ".join(map(str, places(results)[2:])) + f" --results {results}"
    assert f"`python -m bench report {one} {flags}`" in capsys.readouterr().out


def test_the_document_keeps_the_experiments_that_are_not_rendered(tmp_path):
    value = entry(values=[0.5], published=0.5, published_source="supreme table 1")
    one, two = view(value), view(value, experiment="mine")
    for each in (one, two):
        write(each, tmp_path)
        path = write_document([each], tmp_path, "quick")
    lines = path.read_text().splitlines()
    inputs = [line for line in lines if line.startswith("\\input")]
    assert inputs == [r"\input{tables/digits-t-quick}", r"\input{tables/mine-t-quick}"]
    # What has gone, or what nobody wrote, is not taken over.
    (tmp_path / "tables" / "digits-t-quick.tex").unlink()
    path.write_text(path.read_text().replace("% mine", "% mine\n\\input{../secret}\n\\write18{x}"))
    third = view(entry(values=[0.5]), experiment="third")
    text = write_document([third], tmp_path, "quick").read_text()
    assert "digits-t" not in text
    assert "secret" not in text
    assert "write18" not in text
    assert r"\input{tables/mine-t-quick}" in text


def test_a_figure_without_a_measurement_is_listed_and_not_drawn(tmp_path):
    drawn, empty = bars(curve()), bars(curve(mean=(None, None), published=(1.0, 2.0)))
    assert [p.suffix for p in write(drawn, tmp_path)] == [".pdf", ".png", ".tex"]
    assert [p.suffix for p in write(empty, tmp_path)] == [".tex"]
    assert [p.name for p in (tmp_path / "figures").iterdir()] == ["digits-b-quick.tex"]
    assert "Figure digits b, not drawn (nothing measured yet): Bars." in latex.figure(empty)
    inputs = write_document([empty, view(entry())], tmp_path, "quick").read_text().splitlines()
    # Nor is a table without any number, which the first page names.
    assert [line for line in inputs if "input{" in line] == [r"\input{figures/digits-b-quick}"]
    assert any("tables without a number: t." in line for line in inputs)


def test_no_row_is_the_best_while_a_rival_lacks_seeds(tmp_path):
    rows = [{"method": "centroids"}, {"method": "carrier"}]
    plan = make_plan(write_experiment(tmp_path / "x.toml", "tiny/cluster", rows, n=4))
    store = Store(tmp_path / "results")
    values = {"centroids": (0.9, 0.92, 0.91, 0.93), "carrier": (0.5, 0.51, 0.53, 0.52)}
    for slot in plan.slots:
        for seed, (key,) in slot.cells.items():
            (table,), _ = table_views.views(states.read(plan, store))
            assert not any(e.best for e in table.entries)
            assert "Bold" not in legend.caption(table)
            finish(store, plan.cells[key], {"ACC": values[slot.entry.method][seed]})
    (table,), _ = table_views.views(states.read(plan, store))
    assert [e.best for e in table.entries] == [True, False]
    assert "Bold" in legend.caption(table)


@pytest.mark.parametrize(
    ("label", "metric", "title"),
    [
        ("similar precision", "similar precision", "(%)"),
        ("linear, conv2", "linear conv2 top-1", "top-1 (%)"),
        ("recall, similar", "similar recall low", "low (%)"),
        ("CIFAR-10", "ACC", "ACC (%)"),
    ],
)
def test_a_heading_says_no_word_twice(label, metric, title):
    assert Column(label, metric, "percent", published=False).title == title
    shown = view(entry(column=label, metric=metric))
    words = escape.latex(label), escape.latex(title)
    assert " ".join(words) in latex.latex(shown) or all(
        f"{{{w}}}" in latex.latex(shown) for w in words
    )


def test_how_a_paper_was_read_stays_in_the_csv():
    notes = {one.note: one.remark for one in numbers()}
    assert notes["block heading garbled in the extraction; read as '1-crop evaluation'"] == ""
    assert notes["single centred crop"] == "single centred crop"
    told = "tables 4 and 5 are on one line in the extraction; 90-epoch retraining"
    assert notes[told] == "90-epoch retraining"
    shown = view(entry(published=0.5, published_source="sela table 5", published_note=told))
    assert [text for letter, text in legend.notes(shown) if letter] == ["90-epoch retraining."]
    assert told in tables.csv(shown)
    words = ("garbled", "extraction", "repaired")
    assert not [text for text in notes.values() if any(word in text for word in words)]
